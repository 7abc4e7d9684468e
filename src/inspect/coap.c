/* SPDX-License-Identifier: Apache-2.0 */
/* coap.c - CoAP datagrams (RFC 7252, section 3), with what OSCORE leaves readable (RFC 8613). */
#include "cede/coap.h"
#include "inspect/kinds.h"
#include "inspect/meaning.h"

enum value_form { OPAQUE, TEXT, NUMBER, BLOCK, FORMAT, OSCORE };

static const struct option_row {
    uint16_t number;
    enum value_form form;
    const char *name;
} option_rows[] = {
    {CEDE_COAP_IF_MATCH, OPAQUE, "If-Match"},
    {CEDE_COAP_URI_HOST, TEXT, "Uri-Host"},
    {CEDE_COAP_ETAG, OPAQUE, "ETag"},
    {CEDE_COAP_IF_NONE_MATCH, OPAQUE, "If-None-Match"},
    {CEDE_COAP_OBSERVE, NUMBER, "Observe"},
    {CEDE_COAP_URI_PORT, NUMBER, "Uri-Port"},
    {CEDE_COAP_LOCATION_PATH, TEXT, "Location-Path"},
    {CEDE_COAP_OSCORE, OSCORE, "OSCORE"},
    {CEDE_COAP_URI_PATH, TEXT, "Uri-Path"},
    {CEDE_COAP_CONTENT_FORMAT, FORMAT, "Content-Format"},
    {CEDE_COAP_MAX_AGE, NUMBER, "Max-Age"},
    {CEDE_COAP_URI_QUERY, TEXT, "Uri-Query"},
    {CEDE_COAP_HOP_LIMIT, NUMBER, "Hop-Limit"},
    {CEDE_COAP_ACCEPT, FORMAT, "Accept"},
    {CEDE_COAP_LOCATION_QUERY, TEXT, "Location-Query"},
    {CEDE_COAP_EDHOC, OPAQUE, "EDHOC"},
    {CEDE_COAP_BLOCK2, BLOCK, "Block2"},
    {CEDE_COAP_BLOCK1, BLOCK, "Block1"},
    {CEDE_COAP_SIZE2, NUMBER, "Size2"},
    {CEDE_COAP_PROXY_URI, TEXT, "Proxy-Uri"},
    {CEDE_COAP_PROXY_SCHEME, TEXT, "Proxy-Scheme"},
    {CEDE_COAP_SIZE1, NUMBER, "Size1"},
    {CEDE_COAP_ECHO, OPAQUE, "Echo"},
    {CEDE_COAP_NO_RESPONSE, NUMBER, "No-Response"},
    {CEDE_COAP_REQUEST_TAG, OPAQUE, "Request-Tag"},
};

static const struct diag_value codes[] = {
    {CEDE_COAP_EMPTY, "Empty"},
    {CEDE_COAP_GET, "GET"},
    {CEDE_COAP_POST, "POST"},
    {CEDE_COAP_PUT, "PUT"},
    {CEDE_COAP_DELETE, "DELETE"},
    {CEDE_COAP_FETCH, "FETCH"},
    {CEDE_COAP_CREATED, "Created"},
    {CEDE_COAP_DELETED, "Deleted"},
    {CEDE_COAP_VALID, "Valid"},
    {CEDE_COAP_CHANGED, "Changed"},
    {CEDE_COAP_CONTENT, "Content"},
    {CEDE_COAP_CONTINUE, "Continue"},
    {CEDE_COAP_BAD_REQUEST, "Bad Request"},
    {CEDE_COAP_UNAUTHORIZED, "Unauthorized"},
    {CEDE_COAP_BAD_OPTION, "Bad Option"},
    {CEDE_COAP_FORBIDDEN, "Forbidden"},
    {CEDE_COAP_RESOURCE_NOT_FOUND, "Not Found"},
    {CEDE_COAP_METHOD_NOT_ALLOWED, "Method Not Allowed"},
    {CEDE_COAP_NOT_ACCEPTABLE, "Not Acceptable"},
    {CEDE_COAP_REQUEST_INCOMPLETE, "Request Entity Incomplete"},
    {CEDE_COAP_CONFLICT, "Conflict"},
    {CEDE_COAP_PRECONDITION_FAILED, "Precondition Failed"},
    {CEDE_COAP_REQUEST_TOO_LARGE, "Request Entity Too Large"},
    {CEDE_COAP_UNSUPPORTED_FORMAT, "Unsupported Content-Format"},
    {CEDE_COAP_TOO_MANY_REQUESTS, "Too Many Requests"},
    {CEDE_COAP_SERVER_ERROR, "Internal Server Error"},
    {CEDE_COAP_NOT_IMPLEMENTED, "Not Implemented"},
    {CEDE_COAP_UNAVAILABLE, "Service Unavailable"},
    {0, NULL},
};

static const struct option_row *find_row(uint32_t number)
{
    for (size_t i = 0; i < sizeof option_rows / sizeof option_rows[0]; i++) {
        if (option_rows[i].number == number) {
            return &option_rows[i];
        }
    }
    return NULL;
}

/* --- option values ------------------------------------------------------------------------------
 */

/* The OSCORE option: flags, Partial IV, kid context, kid (RFC 8613, section 6.1). */
static void put_oscore(FILE *out, struct cede_span value)
{
    struct cede_reader reader = cede_reader(value);
    uint8_t flags = value.len > 0 ? cede_read_u8(&reader) : 0;

    if (value.len == 0) {
        fputs("empty", out);
    }
    if (flags & 7) {
        fputs("Partial IV ", out);
        diag_hex(out, cede_read_bytes(&reader, flags & 7));
        fputs(flags & 0x18 ? ", " : "", out);
    }
    if (flags & 0x10) {
        fputs("kid context ", out);
        diag_hex(out, cede_read_bytes(&reader, cede_read_u8(&reader)));
        fputs(flags & 8 ? ", " : "", out);
    }
    if (flags & 8) {
        fputs("kid '", out);
        diag_hex(out, cede_read_rest(&reader));
        fputc('\'', out);
    }
    if (cede_reader_finish(&reader) != CEDE_OK) {
        fputs(", malformed", out);
    }
}

static void put_number(FILE *out, enum value_form form, uint32_t number)
{
    const char *name = diag_name(content_formats, number);

    if (form == BLOCK) { /* RFC 7959, section 2.2 */
        fprintf(out, "block %u of %u bytes%s", number >> 4, 16u << (number & 7),
                number & 8 ? ", more to come" : "");
    } else if (form == FORMAT && name != NULL) {
        fprintf(out, "%u, %s", number, name);
    } else {
        fprintf(out, "%u", number);
    }
}

static void put_option(struct diag *diag, uint32_t number, struct cede_span value)
{
    const struct option_row *row = find_row(number);
    enum value_form form = row != NULL ? row->form : OPAQUE;
    uint32_t as_number;

    fprintf(diag->out, "\n  %-16s ", row != NULL ? row->name : "option");
    if (row == NULL) {
        fprintf(diag->out, "%u: ", number);
    }
    if (form == TEXT) {
        fputc('"', diag->out);
        diag_text(diag->out, value);
        fputc('"', diag->out);
    } else if (form == OSCORE) {
        put_oscore(diag->out, value);
    } else if (form != OPAQUE && cede_coap_uint_value(value, &as_number) == CEDE_OK) {
        put_number(diag->out, form, as_number);
    } else {
        diag_hex(diag->out, value);
    }
}

/* --- the datagram -------------------------------------------------------------------------------
 */

static uint32_t read_nibble(struct cede_reader *reader, uint32_t nibble)
{
    switch (nibble) {
    case 13:
        return 13u + cede_read_u8(reader);
    case 14:
        return 269u + cede_read_u16(reader);
    case 15:
        cede_reader_fail(reader, CEDE_COAP_OPTION);
        return 0;
    default:
        return nibble;
    }
}

/* Prints options up to the payload marker or the end. */
static void put_options(struct diag *diag, struct cede_reader *reader)
{
    uint32_t number = 0;

    while (diag_reader_ok(diag, reader) && cede_reader_left(reader) > 0 &&
           cede_reader_peek(reader) != 0xff) {
        uint8_t head = cede_read_u8(reader);
        uint32_t delta = read_nibble(reader, head >> 4);
        uint32_t len = read_nibble(reader, head & 0x0f);
        struct cede_span value = cede_read_bytes(reader, len);

        number += delta;
        if (diag_reader_ok(diag, reader)) {
            put_option(diag, number, value);
        }
    }
}

static bool is_cbor_format(uint32_t format)
{
    return format == CEDE_COAP_FORMAT_CBOR || format == CEDE_COAP_FORMAT_CWT ||
           format == CEDE_COAP_FORMAT_EDHOC || format == CEDE_COAP_FORMAT_CID_EDHOC ||
           (format >= 65000 && format < 65100);
}

static void put_payload(struct diag *diag, const struct cede_coap_message *message)
{
    struct cede_span oscore;
    uint32_t format;

    if (message->payload.ptr == NULL) {
        return;
    }
    fprintf(diag->out, "\n  %-16s %zu bytes", "payload", message->payload.len);
    if (cede_coap_find_option(message, CEDE_COAP_OSCORE, &oscore)) {
        fputs(", encrypted\n", diag->out);
        diag_hex(diag->out, message->payload);
        return;
    }
    fputc('\n', diag->out);
    if (cede_coap_find_uint(message, CEDE_COAP_CONTENT_FORMAT, UINT32_MAX, &format) == CEDE_OK &&
        is_cbor_format(format)) {
        print_detected(diag, message->payload);
    } else if (format == CEDE_COAP_FORMAT_TEXT) {
        diag_text(diag->out, message->payload);
    } else {
        diag_hex(diag->out, message->payload);
    }
}

void print_coap(struct diag *diag, struct cede_span input)
{
    static const char *const types[] = {"CON", "NON", "ACK", "RST"};
    struct cede_reader reader = cede_reader(input);
    uint8_t first = cede_read_u8(&reader), code = cede_read_u8(&reader);
    uint16_t message_id = cede_read_u16(&reader);
    struct cede_span token;
    struct cede_coap_message message;
    const char *name = diag_name(codes, code);

    if (!diag_reader_ok(diag, &reader)) {
        return;
    }
    if (first >> 6 != 1) {
        diag_fail_at(diag, 0, CEDE_COAP_VERSION);
        return;
    }
    fprintf(diag->out, "CoAP %s, %u.%02u %s, message ID %u", types[first >> 4 & 3], code >> 5,
            code & 0x1f, name != NULL ? name : "unknown", message_id);
    if ((first & 0x0f) > CEDE_COAP_TOKEN_LEN_MAX) {
        diag_fail_at(diag, 0, CEDE_COAP_TOKEN_LENGTH);
        return;
    }
    token = cede_read_bytes(&reader, first & 0x0f);
    if (token.len > 0) {
        fprintf(diag->out, "\n  %-16s ", "token");
        diag_hex(diag->out, token);
    }
    put_options(diag, &reader);
    if (diag->status == CEDE_OK) {
        enum cede_status status = cede_coap_decode(input, &message);

        diag_check(diag, status == CEDE_COAP_MARKER ? cede_span(input.ptr + reader.pos, 0) : input,
                   status);
        if (status == CEDE_OK) {
            put_payload(diag, &message);
        }
    }
}
