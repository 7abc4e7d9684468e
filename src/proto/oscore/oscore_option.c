/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oscore_option.c - the OSCORE option value, a compressed COSE header (RFC 8613, 6.1):
 *
 *     | 0 0 0 h k n | partial IV (n bytes) | s | kid context (s bytes) | kid (the rest) |
 */
#include "proto/oscore/oscore_internal.h"

#define FLAG_KID         0x08
#define FLAG_KID_CONTEXT 0x10
#define FLAGS_RESERVED   0xe0
#define PIV_LEN_MASK     0x07

uint64_t cede_oscore_piv_number(const struct cede_span *partial_iv)
{
    uint64_t number = 0;

    for (size_t i = 0; i < partial_iv->len; i++) {
        number = number << 8 | partial_iv->ptr[i];
    }
    return number;
}

/* "All leading bytes of value zero SHALL be removed", but for the number 0 (RFC 8613, 5). */
static bool piv_holds(struct cede_span partial_iv)
{
    return partial_iv.len <= CEDE_OSCORE_PIV_LEN_MAX &&
           (partial_iv.len <= 1 || partial_iv.ptr[0] != 0);
}

static bool decode(struct cede_span value, struct cede_oscore_header *header)
{
    const uint8_t *at = value.ptr + 1;
    size_t left = value.len - 1;
    unsigned flags = value.ptr[0];
    size_t len = flags & PIV_LEN_MASK;

    /* "If the OSCORE flag bits are all zero, the option value SHALL be empty" (RFC 8613, 2). */
    if (flags == 0 || (flags & FLAGS_RESERVED) != 0 || len > left) {
        return false;
    }
    if (len > 0) {
        header->partial_iv = cede_span(at, len);
        at += len;
        left -= len;
    }
    if ((flags & FLAG_KID_CONTEXT) != 0) {
        if (left == 0 || *at >= left) {
            return false;
        }
        len = *at++;
        header->kid_context = cede_span(at, len);
        at += len;
        left -= len + 1;
    }
    if ((flags & FLAG_KID) != 0) {
        header->kid = cede_span(at, left);
        left = 0;
    }
    return left == 0 && piv_holds(header->partial_iv);
}

enum cede_status cede_oscore_decode_option(struct cede_span value,
                                           struct cede_oscore_header *header)
{
    memset(header, 0, sizeof(*header));
    if (value.len > 0 && !decode(value, header)) {
        memset(header, 0, sizeof(*header));
        return CEDE_OSCORE_OPTION;
    }
    return CEDE_OK;
}

uint8_t *cede_oscore_put_option(uint8_t *at, const struct cede_oscore_header *header)
{
    uint8_t *flags = at;

    *at++ = (uint8_t)header->partial_iv.len;
    at = cede_oscore_put(at, header->partial_iv.ptr, header->partial_iv.len);
    if (!cede_span_is_null(header->kid_context)) {
        *flags |= FLAG_KID_CONTEXT;
        *at++ = (uint8_t)header->kid_context.len;
        at = cede_oscore_put(at, header->kid_context.ptr, header->kid_context.len);
    }
    if (!cede_span_is_null(header->kid)) {
        *flags |= FLAG_KID;
        at = cede_oscore_put(at, header->kid.ptr, header->kid.len);
    }
    return *flags == 0 ? flags : at;
}

enum cede_status cede_oscore_encode_option(const struct cede_oscore_header *header,
                                           struct cede_buf out, struct cede_span *value)
{
    *value = CEDE_SPAN_NULL;
    if (!piv_holds(header->partial_iv) || header->kid_context.len > UINT8_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    if (out.cap < 2 + header->partial_iv.len + header->kid_context.len + header->kid.len) {
        return CEDE_NO_SPACE;
    }
    *value = cede_span(out.ptr, (size_t)(cede_oscore_put_option(out.ptr, header) - out.ptr));
    return CEDE_OK;
}

/* The value of the one OSCORE option. */
static enum cede_status find_value(const struct cede_coap_message *message, struct cede_span *value)
{
    struct cede_coap_options options = {{message->options, 0, CEDE_OK}, 0};
    struct cede_coap_option option;
    enum cede_status status = CEDE_OSCORE_UNPROTECTED;

    while (cede_coap_options_next(&options, &option)) {
        if (option.number == CEDE_COAP_OSCORE) {
            status = status == CEDE_OSCORE_UNPROTECTED ? CEDE_OK : CEDE_OSCORE_OPTION;
            *value = option.value;
        }
    }
    return status;
}

enum cede_status cede_oscore_peek(const struct cede_coap_message *message,
                                  struct cede_oscore_header *header)
{
    struct cede_span value;

    memset(header, 0, sizeof(*header));
    CEDE_TRY(find_value(message, &value));
    /* "An endpoint receiving a CoAP message without payload that also contains an OSCORE option
     * SHALL treat it as malformed and reject it" (RFC 8613, 2). */
    if (cede_oscore_decode_option(value, header) != CEDE_OK ||
        cede_span_is_null(message->payload) ||
        (cede_coap_is_request(message) &&
         (cede_span_is_null(header->kid) || cede_span_is_null(header->partial_iv)))) {
        memset(header, 0, sizeof(*header));
        return CEDE_OSCORE_OPTION;
    }
    return CEDE_OK;
}
