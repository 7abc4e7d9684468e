/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - the CoAP message format (RFC 7252, 3): datagrams to views and back.
 *
 *     0                   1                   2                   3
 *     |Ver| T |  TKL  |      Code     |          Message ID           |
 *     |   Token (TKL bytes) ... Options ... 0xff Payload
 */
#include <string.h>

#include "cede/coap.h"

#define VERSION        1
#define HEADER_LEN     4
#define PAYLOAD_MARKER 0xff

bool cede_coap_is_request(const struct cede_coap_message *message)
{
    return CEDE_COAP_CODE_CLASS(message->code) == 0 && message->code != CEDE_COAP_EMPTY;
}

bool cede_coap_is_response(const struct cede_coap_message *message)
{
    uint8_t class = CEDE_COAP_CODE_CLASS(message->code);

    return class == 2 || class == 4 || class == 5;
}

/* Which codes go with which types: table 1 of RFC 7252, 4.3, a bit for each type. */
static bool code_fits_type(const struct cede_coap_message *message)
{
    unsigned types = 0;

    if (message->code == CEDE_COAP_EMPTY) {
        types = 1u << CEDE_COAP_CON | 1u << CEDE_COAP_ACK | 1u << CEDE_COAP_RST;
    } else if (cede_coap_is_request(message)) {
        types = 1u << CEDE_COAP_CON | 1u << CEDE_COAP_NON;
    } else if (cede_coap_is_response(message)) {
        types = 1u << CEDE_COAP_CON | 1u << CEDE_COAP_NON | 1u << CEDE_COAP_ACK;
    }
    return (types >> message->type & 1) != 0;
}

/* The four bytes and the token. */
static enum cede_status decode_header(struct cede_span datagram, struct cede_coap_message *message)
{
    const uint8_t *header = datagram.ptr;
    size_t token_len;

    if (datagram.len < HEADER_LEN) {
        return CEDE_TRUNCATED;
    }
    if (header[0] >> 6 != VERSION) {
        return CEDE_COAP_VERSION;
    }
    token_len = header[0] & 0x0f;
    if (token_len > CEDE_COAP_TOKEN_LEN_MAX) {
        return CEDE_COAP_TOKEN_LENGTH;
    }
    if (token_len > datagram.len - HEADER_LEN) {
        return CEDE_TRUNCATED;
    }
    message->type = (enum cede_coap_type)(header[0] >> 4 & 0x03);
    message->code = header[1];
    message->message_id = (uint16_t)(header[2] << 8 | header[3]);
    message->token = cede_span(header + HEADER_LEN, token_len);
    if (!code_fits_type(message)) {
        return CEDE_COAP_RESERVED_CODE;
    }
    return message->code == CEDE_COAP_EMPTY && datagram.len != HEADER_LEN ? CEDE_COAP_EMPTY_MESSAGE
                                                                          : CEDE_OK;
}

/* Options and payload: what comes behind the token. */
static enum cede_status decode_rest(struct cede_span rest, struct cede_coap_message *message)
{
    struct cede_coap_options options = {{rest, 0, CEDE_OK}, 0};
    struct cede_coap_option option;
    size_t end;

    while (cede_coap_options_next(&options, &option)) {
        continue;
    }
    CEDE_TRY(options.reader.status);
    end = options.reader.pos;
    message->options = cede_span(rest.ptr, end);
    if (end == rest.len) {
        return CEDE_OK;
    }
    /* Nothing but the marker ends the options. */
    message->payload = cede_span(rest.ptr + end + 1, rest.len - end - 1);
    return message->payload.len > 0 ? CEDE_OK : CEDE_COAP_MARKER;
}

enum cede_status cede_coap_decode(struct cede_span datagram, struct cede_coap_message *message)
{
    enum cede_status status;

    memset(message, 0, sizeof(*message));
    status = decode_header(datagram, message);
    if (status == CEDE_OK) {
        size_t at = HEADER_LEN + message->token.len;

        status = decode_rest(cede_span(datagram.ptr + at, datagram.len - at), message);
    }
    if (status != CEDE_OK) {
        memset(message, 0, sizeof(*message));
    }
    return status;
}

struct cede_span cede_coap_empty(enum cede_coap_type type, uint16_t message_id,
                                 uint8_t out[CEDE_COAP_EMPTY_LEN])
{
    out[0] = (uint8_t)(VERSION << 6 | (unsigned)type << 4);
    out[1] = CEDE_COAP_EMPTY;
    out[2] = (uint8_t)(message_id >> 8);
    out[3] = (uint8_t)message_id;
    return cede_span(out, CEDE_COAP_EMPTY_LEN);
}

struct cede_span cede_coap_reject(struct cede_span datagram, uint8_t out[CEDE_COAP_EMPTY_LEN])
{
    struct cede_reader reader = cede_reader(datagram);
    uint8_t first = cede_read_u8(&reader);
    uint16_t message_id;

    (void)cede_read_u8(&reader);
    message_id = cede_read_u16(&reader);
    if (reader.status != CEDE_OK || first >> 6 != VERSION || (first >> 4 & 0x03) != CEDE_COAP_CON) {
        return CEDE_SPAN_NULL;
    }
    return cede_coap_empty(CEDE_COAP_RST, message_id, out);
}

struct cede_coap_encoder cede_coap_begin(struct cede_buf out, enum cede_coap_type type,
                                         uint8_t code, uint16_t message_id, struct cede_span token)
{
    struct cede_coap_encoder encoder = {cede_writer(out), 0, false};

    if (token.len > CEDE_COAP_TOKEN_LEN_MAX) {
        cede_writer_fail(&encoder.writer, CEDE_COAP_TOKEN_LENGTH);
    }
    cede_write_u8(&encoder.writer, (uint8_t)(VERSION << 6 | (unsigned)type << 4 | token.len));
    cede_write_u8(&encoder.writer, code);
    cede_write_u16(&encoder.writer, message_id);
    cede_write_bytes(&encoder.writer, token);
    return encoder;
}

struct cede_coap_encoder cede_coap_begin_response(struct cede_buf out,
                                                  const struct cede_coap_message *request,
                                                  uint8_t code, uint16_t message_id)
{
    if (request->type == CEDE_COAP_CON) {
        return cede_coap_begin(out, CEDE_COAP_ACK, code, request->message_id, request->token);
    }
    return cede_coap_begin(out, CEDE_COAP_NON, code, message_id, request->token);
}

struct cede_buf cede_coap_payload_room(struct cede_coap_encoder *encoder, size_t len)
{
    if (encoder->payload_begun) {
        cede_writer_fail(&encoder->writer, CEDE_COAP_OPTION_ORDER);
    }
    encoder->payload_begun = true;
    cede_write_u8(&encoder->writer, PAYLOAD_MARKER);
    return cede_write_room(&encoder->writer, len);
}

void cede_coap_put_payload(struct cede_coap_encoder *encoder, struct cede_span payload)
{
    if (payload.len == 0) {
        return;
    }
    if (encoder->payload_begun) {
        cede_writer_fail(&encoder->writer, CEDE_COAP_OPTION_ORDER);
    }
    encoder->payload_begun = true;
    cede_write_u8(&encoder->writer, PAYLOAD_MARKER);
    cede_write_bytes(&encoder->writer, payload);
}

enum cede_status cede_coap_finish(const struct cede_coap_encoder *encoder,
                                  struct cede_span *datagram)
{
    return cede_writer_finish(&encoder->writer, datagram);
}
