/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_coap.c - EDHOC messages in CoAP (RFC 9528, A.2), and message_3 combined with the first
 * OSCORE request (RFC 9668).
 */
#include <string.h>

#include "cede/cbor.h"
#include "cede/oscore.h"

#define CBOR_TRUE 0xf5

/* Bytes that are a CBOR integer by themselves, -24 to 23 (RFC 9528, 3.3.2). */
static bool is_one_byte_integer(uint8_t byte)
{
    return byte <= 0x17 || (byte >= 0x20 && byte <= 0x37);
}

static bool is_integer_identifier(struct cede_span c_r)
{
    return c_r.len == 1 && is_one_byte_integer(c_r.ptr[0]);
}

static void put_prefix(struct cede_writer *writer, struct cede_span c_r)
{
    if (cede_span_is_null(c_r)) {
        cede_write_u8(writer, CBOR_TRUE);
    } else if (is_integer_identifier(c_r)) {
        cede_write_bytes(writer, c_r);
    } else {
        cede_cbor_put_bytes(writer, c_r);
    }
}

enum cede_status cede_oscore_compose_edhoc_request(enum cede_coap_type type, uint16_t message_id,
                                                   struct cede_span token, struct cede_span path,
                                                   struct cede_span echo, struct cede_span c_r,
                                                   struct cede_span message, struct cede_buf out,
                                                   struct cede_span *datagram)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, type, CEDE_COAP_POST, message_id, token);
    struct cede_writer prefix_counter = cede_writer_counting();
    struct cede_writer payload;

    put_prefix(&prefix_counter, c_r);
    cede_coap_put_path(&encoder,
                       cede_span_is_null(path) ? CEDE_SPAN_TEXT(".well-known/edhoc") : path);
    if (message.len > 0) {
        cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, CEDE_COAP_FORMAT_CID_EDHOC);
    }
    if (!cede_span_is_null(echo)) {
        cede_coap_put_option(&encoder, CEDE_COAP_ECHO, echo);
    }
    if (message.len == 0) {
        return cede_coap_finish(&encoder, datagram);
    }
    payload = cede_writer(cede_coap_payload_room(&encoder, prefix_counter.len + message.len));
    put_prefix(&payload, c_r);
    cede_write_bytes(&payload, message);
    return cede_coap_finish(&encoder, datagram);
}

enum cede_status cede_oscore_split_edhoc_payload(struct cede_span payload, struct cede_span *c_r,
                                                 struct cede_span *message)
{
    struct cede_reader reader = cede_reader(payload);
    struct cede_span prefix = CEDE_SPAN_NULL;
    struct cede_span rest;
    uint8_t first = cede_reader_peek(&reader);

    *c_r = *message = CEDE_SPAN_NULL;
    if (first == CBOR_TRUE) {
        (void)cede_read_u8(&reader);
    } else if (is_one_byte_integer(first)) {
        prefix = cede_read_bytes(&reader, 1);
    } else {
        prefix = cede_cbor_get_bytes(&reader);
        if (is_integer_identifier(prefix)) {
            return CEDE_OSCORE_EDHOC_PREFIX;
        }
    }
    rest = cede_read_rest(&reader);
    if (cede_reader_finish(&reader) != CEDE_OK || rest.len == 0) {
        return CEDE_OSCORE_EDHOC_PREFIX;
    }
    *c_r = prefix;
    *message = rest;
    return CEDE_OK;
}

enum cede_status cede_oscore_compose_edhoc_response(const struct cede_coap_message *request,
                                                    uint8_t code, uint16_t message_id,
                                                    struct cede_span message, struct cede_buf out,
                                                    struct cede_span *datagram)
{
    struct cede_coap_encoder encoder = cede_coap_begin_response(out, request, code, message_id);

    if (message.len > 0) {
        cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, CEDE_COAP_FORMAT_EDHOC);
    }
    cede_coap_put_payload(&encoder, message);
    return cede_coap_finish(&encoder, datagram);
}

/* --- RFC 9668 ----------------------------------------------------------------------------------
 */

/* Copies options; puts the EDHOC option in its place or leaves it out. */
static void copy_options(struct cede_coap_encoder *encoder, struct cede_span encoded,
                         bool with_edhoc)
{
    struct cede_coap_options options = cede_coap_options(encoded);
    struct cede_coap_option option;
    bool edhoc_due = with_edhoc;

    while (cede_coap_options_next(&options, &option)) {
        if (edhoc_due && option.number > CEDE_COAP_EDHOC) {
            cede_coap_put_uint(encoder, CEDE_COAP_EDHOC, 0);
            edhoc_due = false;
        }
        if (option.number != CEDE_COAP_EDHOC) {
            cede_coap_put_option(encoder, option.number, option.value);
        }
    }
    if (edhoc_due) {
        cede_coap_put_uint(encoder, CEDE_COAP_EDHOC, 0);
    }
}

/* CIPHERTEXT_3, a CBOR byte string, off the front. */
static enum cede_status take_message_3(struct cede_reader *reader, struct cede_span *message_3)
{
    (void)cede_cbor_get_bytes(reader);
    *message_3 = cede_reader_since(reader, 0);
    return reader->status == CEDE_OK ? CEDE_OK : CEDE_OSCORE_COMBINED;
}

bool cede_oscore_is_combined(const struct cede_coap_message *request)
{
    struct cede_span value;

    return cede_coap_is_request(request) && cede_coap_find_option(request, CEDE_COAP_EDHOC, &value);
}

enum cede_status cede_oscore_combine(struct cede_span protected_request, struct cede_span message_3,
                                     struct cede_buf out, struct cede_span *datagram)
{
    struct cede_reader reader = cede_reader(message_3);
    struct cede_coap_message request;
    struct cede_oscore_header header;
    struct cede_coap_encoder encoder;
    struct cede_writer payload;
    struct cede_span checked;

    *datagram = CEDE_SPAN_NULL;
    CEDE_TRY(cede_coap_decode(protected_request, &request));
    CEDE_TRY(cede_oscore_peek(&request, &header));
    CEDE_TRY(take_message_3(&reader, &checked));
    if (!cede_reader_at_end(&reader) || cede_oscore_is_combined(&request)) {
        return CEDE_OSCORE_COMBINED;
    }
    encoder = cede_coap_begin(out, request.type, request.code, request.message_id, request.token);
    copy_options(&encoder, request.options, true);
    /* COMB_PAYLOAD = EDHOC_MSG_3 | OSCORE_PAYLOAD */
    payload = cede_writer(cede_coap_payload_room(&encoder, message_3.len + request.payload.len));
    cede_write_bytes(&payload, message_3);
    cede_write_bytes(&payload, request.payload);
    return cede_coap_finish(&encoder, datagram);
}

enum cede_status cede_oscore_split_combined(struct cede_span datagram, struct cede_buf out,
                                            struct cede_span *kid, struct cede_span *message_3,
                                            struct cede_span *protected_request)
{
    struct cede_coap_message combined;
    struct cede_oscore_header header;
    struct cede_coap_encoder encoder;
    struct cede_reader reader;
    struct cede_span first;
    struct cede_span ciphertext;

    *kid = *message_3 = *protected_request = CEDE_SPAN_NULL;
    CEDE_TRY(cede_coap_decode(datagram, &combined));
    if (!cede_oscore_is_combined(&combined) || cede_oscore_peek(&combined, &header) != CEDE_OK) {
        return CEDE_OSCORE_COMBINED;
    }
    reader = cede_reader(combined.payload);
    CEDE_TRY(take_message_3(&reader, &first));
    ciphertext = cede_read_rest(&reader);
    if (ciphertext.len == 0) {
        return CEDE_OSCORE_COMBINED;
    }
    encoder =
        cede_coap_begin(out, combined.type, combined.code, combined.message_id, combined.token);
    copy_options(&encoder, combined.options, false);
    cede_coap_put_payload(&encoder, ciphertext);
    CEDE_TRY(cede_coap_finish(&encoder, protected_request));
    *kid = header.kid;
    *message_3 = first;
    return CEDE_OK;
}
