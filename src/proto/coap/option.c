/* SPDX-License-Identifier: Apache-2.0 */
/* option.c - CoAP options (RFC 7252, 3.1 and 5.4): delta encoding, values, critical ones. */
#include "cede/coap.h"

#define NIBBLE_ONE_BYTE  13
#define NIBBLE_TWO_BYTES 14
#define NIBBLE_RESERVED  15
#define ONE_BYTE_BASE    13
#define TWO_BYTES_BASE   269
#define PAYLOAD_MARKER   0xff

/* --- reading ---------------------------------------------------------------------------------- */

struct cede_coap_options cede_coap_options(struct cede_span encoded)
{
    struct cede_coap_options options = {cede_reader(encoded), 0};

    return options;
}

/* Option Delta or Option Length: a nibble, and up to two bytes if it says so. */
static uint32_t read_extended(struct cede_reader *reader, uint32_t nibble)
{
    size_t len = nibble - NIBBLE_ONE_BYTE + 1;
    const uint8_t *at = reader->in.ptr + reader->pos;

    if (nibble < NIBBLE_ONE_BYTE) {
        return nibble;
    }
    if (nibble == NIBBLE_RESERVED || len > reader->in.len - reader->pos) {
        reader->status = nibble == NIBBLE_RESERVED ? CEDE_COAP_OPTION : CEDE_TRUNCATED;
        return 0;
    }
    reader->pos += len;
    if (len == 1) {
        return ONE_BYTE_BASE + (uint32_t)at[0];
    }
    return TWO_BYTES_BASE + ((uint32_t)at[0] << 8 | at[1]);
}

bool cede_coap_options_next(struct cede_coap_options *options, struct cede_coap_option *option)
{
    struct cede_reader *reader = &options->reader;
    unsigned head;
    uint32_t parts[2]; /* delta and length */

    option->number = 0;
    option->value = CEDE_SPAN_NULL;
    if (reader->status != CEDE_OK || reader->pos >= reader->in.len) {
        return false;
    }
    head = reader->in.ptr[reader->pos];
    if (head == PAYLOAD_MARKER) {
        return false;
    }
    reader->pos++;
    for (size_t i = 0; i < 2 && reader->status == CEDE_OK; i++) {
        parts[i] = read_extended(reader, i == 0 ? head >> 4 : head & 0x0f);
    }
    if (reader->status == CEDE_OK) {
        options->number += parts[0];
        if (options->number > UINT16_MAX) {
            reader->status = CEDE_COAP_OPTION;
        } else if (parts[1] > reader->in.len - reader->pos) {
            reader->status = CEDE_TRUNCATED;
        } else {
            option->value = cede_span(reader->in.ptr + reader->pos, parts[1]);
            reader->pos += parts[1];
            option->number = (uint16_t)options->number;
        }
    }
    return reader->status == CEDE_OK;
}

bool cede_coap_find_option(const struct cede_coap_message *message, uint16_t number,
                           struct cede_span *value)
{
    struct cede_coap_options options = cede_coap_options(message->options);
    struct cede_coap_option option;

    *value = CEDE_SPAN_NULL;
    while (cede_coap_options_next(&options, &option)) {
        if (option.number == number) {
            *value = option.value;
            return true;
        }
    }
    return false;
}

enum cede_status cede_coap_uint_value(struct cede_span value, uint32_t *number)
{
    uint32_t sum = 0;

    *number = 0;
    if (value.len > sizeof(sum)) {
        return CEDE_COAP_OPTION_VALUE;
    }
    for (size_t i = 0; i < value.len; i++) {
        sum = sum << 8 | value.ptr[i];
    }
    *number = sum;
    return CEDE_OK;
}

static bool is_critical(uint16_t number)
{
    return (number & 1) != 0;
}

enum cede_status cede_coap_find_uint(const struct cede_coap_message *message, uint16_t number,
                                     uint32_t absent, uint32_t *value)
{
    struct cede_span encoded;
    enum cede_status status;

    *value = absent;
    if (!cede_coap_find_option(message, number, &encoded)) {
        return CEDE_OK;
    }
    status = cede_coap_uint_value(encoded, value);
    if (status != CEDE_OK) {
        *value = absent;
    }
    return is_critical(number) ? status : CEDE_OK;
}

/* Lengths and repeatability of the critical options (RFC 7252, table 4; 7959; 8613; 9668). */
static const struct definition {
    uint16_t number;
    uint16_t len_min;
    uint16_t len_max;
    bool repeatable;
} definitions[] = {
    {CEDE_COAP_IF_MATCH, 0, 8, true},        {CEDE_COAP_URI_HOST, 1, 255, false},
    {CEDE_COAP_IF_NONE_MATCH, 0, 0, false},  {CEDE_COAP_URI_PORT, 0, 2, false},
    {CEDE_COAP_OSCORE, 0, 255, false},       {CEDE_COAP_URI_PATH, 0, 255, true},
    {CEDE_COAP_URI_QUERY, 0, 255, true},     {CEDE_COAP_ACCEPT, 0, 2, false},
    {CEDE_COAP_EDHOC, 0, UINT16_MAX, false}, {CEDE_COAP_BLOCK2, 0, 3, false},
    {CEDE_COAP_BLOCK1, 0, 3, false},         {CEDE_COAP_PROXY_URI, 1, 1034, false},
    {CEDE_COAP_PROXY_SCHEME, 1, 255, false},
};

static bool fits_definition(const struct cede_coap_option *option, bool repeated)
{
    for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++) {
        const struct definition *definition = &definitions[i];

        if (definition->number == option->number) {
            return option->value.len >= definition->len_min &&
                   option->value.len <= definition->len_max &&
                   (definition->repeatable || !repeated);
        }
    }
    return true;
}

static bool is_known(uint16_t number, const uint16_t *known, size_t known_count)
{
    for (size_t i = 0; i < known_count; i++) {
        if (known[i] == number) {
            return true;
        }
    }
    return false;
}

enum cede_status cede_coap_check_critical(const struct cede_coap_message *message,
                                          const uint16_t *known, size_t known_count,
                                          uint16_t *number)
{
    struct cede_coap_options options = cede_coap_options(message->options);
    struct cede_coap_option option;
    uint16_t previous = 0; /* no option has this number */

    *number = 0;
    while (cede_coap_options_next(&options, &option)) {
        if (is_critical(option.number) && (!is_known(option.number, known, known_count) ||
                                           !fits_definition(&option, option.number == previous))) {
            *number = option.number;
            return CEDE_COAP_CRITICAL;
        }
        previous = option.number;
    }
    return options.reader.status;
}

bool cede_coap_path_equals(const struct cede_coap_message *message, struct cede_span path)
{
    struct cede_coap_options options = cede_coap_options(message->options);
    struct cede_coap_segments segments = cede_coap_segments(path, '/');
    struct cede_coap_option option;
    struct cede_span segment;

    while (cede_coap_options_next(&options, &option)) {
        if (option.number == CEDE_COAP_URI_PATH && (!cede_coap_segments_next(&segments, &segment) ||
                                                    !cede_span_equal(segment, option.value))) {
            return false;
        }
    }
    return !cede_coap_segments_next(&segments, &segment);
}

uint8_t cede_coap_error_code(enum cede_status status)
{
    switch ((int)status) {
    case CEDE_COAP_CRITICAL:
        return CEDE_COAP_BAD_OPTION;
    case CEDE_COAP_BLOCK_MISSING:
        return CEDE_COAP_REQUEST_INCOMPLETE;
    case CEDE_COAP_BODY_TOO_LARGE:
        return CEDE_COAP_REQUEST_TOO_LARGE;
    case CEDE_NOT_FOUND:
        return CEDE_COAP_RESOURCE_NOT_FOUND;
    default:
        break;
    }
    switch ((int)cede_status_class(status)) {
    case CEDE_CLASS_MALFORMED:
    case CEDE_CLASS_INVALID:
        return CEDE_COAP_BAD_REQUEST;
    case CEDE_CLASS_UNAUTHENTIC:
        return CEDE_COAP_UNAUTHORIZED;
    case CEDE_CLASS_POLICY:
        return CEDE_COAP_FORBIDDEN;
    case CEDE_CLASS_BLOCKED:
        return CEDE_COAP_UNAVAILABLE;
    default:
        return CEDE_COAP_SERVER_ERROR;
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

void cede_coap_put_option(struct cede_coap_encoder *encoder, uint16_t number,
                          struct cede_span value)
{
    struct cede_writer *writer = &encoder->writer;
    uint32_t parts[2] = {number, (uint32_t)value.len}; /* delta and length */
    uint8_t head[1 + 2 + 2] = {0};
    uint8_t *at = head + 1;

    if (number < encoder->last_number || encoder->payload_begun) {
        cede_writer_fail(writer, CEDE_COAP_OPTION_ORDER);
        return;
    }
    if (value.len > UINT16_MAX) {
        cede_writer_fail(writer, CEDE_COAP_OPTION_VALUE);
        return;
    }
    parts[0] -= encoder->last_number;
    encoder->last_number = number;
    for (size_t i = 0; i < 2; i++) {
        uint32_t part = parts[i], nibble = part;

        if (part >= ONE_BYTE_BASE) {
            nibble = NIBBLE_ONE_BYTE;
            part -= ONE_BYTE_BASE;
            if (part >= TWO_BYTES_BASE - ONE_BYTE_BASE) {
                nibble = NIBBLE_TWO_BYTES;
                part -= TWO_BYTES_BASE - ONE_BYTE_BASE;
                *at++ = (uint8_t)(part >> 8);
            }
            *at++ = (uint8_t)part;
        }
        head[0] = (uint8_t)((uint32_t)head[0] << 4 | nibble);
    }
    cede_write_bytes(writer, cede_span(head, (size_t)(at - head)));
    cede_write_bytes(writer, value);
}

void cede_coap_put_uint(struct cede_coap_encoder *encoder, uint16_t number, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    size_t zeros = 0;

    while (zeros < sizeof(bytes) && bytes[zeros] == 0) {
        zeros++;
    }
    cede_coap_put_option(encoder, number, cede_span(bytes + zeros, sizeof(bytes) - zeros));
}
