/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oscore_option.c - the OSCORE option value, a compressed COSE header (RFC 8613, 6.1):
 *
 *     | 0 0 0 h k n | partial IV (n bytes) | s | kid context (s bytes) | kid (the rest) |
 */
#include <string.h>

#include "proto/oscore/oscore_internal.h"

#define FLAG_KID         0x08
#define FLAG_KID_CONTEXT 0x10
#define FLAGS_RESERVED   0xe0
#define PIV_LEN_MASK     0x07

struct cede_span cede_oscore_piv(uint64_t sequence_number, uint8_t bytes[CEDE_OSCORE_PIV_LEN_MAX])
{
    size_t at = CEDE_OSCORE_PIV_LEN_MAX;

    do {
        bytes[--at] = (uint8_t)sequence_number;
        sequence_number >>= 8;
    } while (at > 0 && sequence_number != 0);
    return cede_span(bytes + at, CEDE_OSCORE_PIV_LEN_MAX - at);
}

uint64_t cede_oscore_piv_number(struct cede_span partial_iv)
{
    uint64_t number = 0;

    for (size_t i = 0; i < partial_iv.len; i++) {
        number = number << 8 | partial_iv.ptr[i];
    }
    return number;
}

/* "All leading bytes of value zero SHALL be removed", but for the number 0 (RFC 8613, 5). */
static bool piv_holds(struct cede_span partial_iv)
{
    return partial_iv.len <= CEDE_OSCORE_PIV_LEN_MAX &&
           (partial_iv.len <= 1 || partial_iv.ptr[0] != 0);
}

enum cede_status cede_oscore_decode_option(struct cede_span value,
                                           struct cede_oscore_header *header)
{
    struct cede_reader reader = cede_reader(value);
    struct cede_oscore_header decoded = {CEDE_SPAN_NULL, CEDE_SPAN_NULL, CEDE_SPAN_NULL};
    uint8_t flags;

    *header = decoded;
    if (value.len == 0) {
        return CEDE_OK;
    }
    flags = cede_read_u8(&reader);
    /* "If the OSCORE flag bits are all zero, the option value SHALL be empty" (RFC 8613, 2). */
    if (flags == 0 || (flags & FLAGS_RESERVED) != 0) {
        return CEDE_OSCORE_OPTION;
    }
    if ((flags & PIV_LEN_MASK) != 0) {
        decoded.partial_iv = cede_read_bytes(&reader, flags & PIV_LEN_MASK);
    }
    if ((flags & FLAG_KID_CONTEXT) != 0) {
        decoded.kid_context = cede_read_bytes(&reader, cede_read_u8(&reader));
    }
    if ((flags & FLAG_KID) != 0) {
        decoded.kid = cede_read_rest(&reader);
    }
    if (cede_reader_finish(&reader) != CEDE_OK || !piv_holds(decoded.partial_iv)) {
        return CEDE_OSCORE_OPTION;
    }
    *header = decoded;
    return CEDE_OK;
}

enum cede_status cede_oscore_encode_option(const struct cede_oscore_header *header,
                                           struct cede_buf out, struct cede_span *value)
{
    struct cede_writer writer = cede_writer(out);
    bool has_kid = !cede_span_is_null(header->kid);
    bool has_kid_context = !cede_span_is_null(header->kid_context);
    unsigned flags = (has_kid ? FLAG_KID : 0u) | (has_kid_context ? FLAG_KID_CONTEXT : 0u);

    *value = CEDE_SPAN_NULL;
    if (!piv_holds(header->partial_iv) || header->kid_context.len > UINT8_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    flags |= (unsigned)header->partial_iv.len;
    if (flags == 0) {
        *value = cede_span(out.ptr, 0);
        return CEDE_OK;
    }
    cede_write_u8(&writer, (uint8_t)flags);
    cede_write_bytes(&writer, header->partial_iv);
    if (has_kid_context) {
        cede_write_u8(&writer, (uint8_t)header->kid_context.len);
        cede_write_bytes(&writer, header->kid_context);
    }
    cede_write_bytes(&writer, header->kid);
    return cede_writer_finish(&writer, value);
}

enum cede_status cede_oscore_read_header(const struct cede_coap_message *message,
                                         struct cede_oscore_header *header)
{
    struct cede_coap_options options = cede_coap_options(message->options);
    struct cede_coap_option option;
    struct cede_span value = CEDE_SPAN_NULL;

    memset(header, 0, sizeof(*header));
    while (cede_coap_options_next(&options, &option)) {
        if (option.number == CEDE_COAP_OSCORE && !cede_span_is_null(value)) {
            return CEDE_OSCORE_OPTION;
        }
        if (option.number == CEDE_COAP_OSCORE) {
            value = option.value;
        }
    }
    if (cede_span_is_null(value)) {
        return CEDE_OSCORE_UNPROTECTED;
    }
    /* "An endpoint receiving a CoAP message without payload that also contains an OSCORE option
     * SHALL treat it as malformed and reject it" (RFC 8613, 2). */
    if (cede_span_is_null(message->payload)) {
        return CEDE_OSCORE_OPTION;
    }
    return cede_oscore_decode_option(value, header);
}

enum cede_status cede_oscore_peek(const struct cede_coap_message *message,
                                  struct cede_oscore_header *header)
{
    struct cede_oscore_header read;

    memset(header, 0, sizeof(*header));
    CEDE_TRY(cede_oscore_read_header(message, &read));
    if (cede_span_is_null(read.kid) || cede_span_is_null(read.partial_iv)) {
        return CEDE_OSCORE_OPTION;
    }
    *header = read;
    return CEDE_OK;
}
