/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - the CoAP message format (RFC 7252, 3): datagrams to views and back.
 *
 *     0                   1                   2                   3
 *     |Ver| T |  TKL  |      Code     |          Message ID           |
 *     |   Token (TKL bytes) ... Options ... 0xff Payload
 */
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

/* Which codes go with which types: table 1 of RFC 7252, 4.3. */
static bool code_fits_type(const struct cede_coap_message *message)
{
    if (message->code == CEDE_COAP_EMPTY) {
        return message->type != CEDE_COAP_NON;
    }
    if (cede_coap_is_request(message)) {
        return message->type == CEDE_COAP_CON || message->type == CEDE_COAP_NON;
    }
    return cede_coap_is_response(message) && message->type != CEDE_COAP_RST;
}

/* Walks the options and leaves the reader behind the last one, before the marker if any. */
static struct cede_span read_options(struct cede_reader *reader)
{
    size_t from = reader->pos;
    struct cede_coap_options options = {*reader, 0};
    struct cede_coap_option option;

    while (cede_coap_options_next(&options, &option)) {
        continue;
    }
    *reader = options.reader;
    return cede_reader_since(reader, from);
}

static struct cede_span read_payload(struct cede_reader *reader)
{
    if (cede_reader_left(reader) == 0) {
        return CEDE_SPAN_NULL;
    }
    (void)cede_read_u8(reader); /* the marker: nothing else ends the options */
    if (cede_reader_left(reader) == 0) {
        cede_reader_fail(reader, CEDE_COAP_MARKER);
    }
    return cede_read_rest(reader);
}

static void read_header(struct cede_reader *reader, struct cede_coap_message *message)
{
    uint8_t first = cede_read_u8(reader);
    size_t token_len = first & 0x0f;

    message->type = (enum cede_coap_type)(first >> 4 & 0x03);
    message->code = cede_read_u8(reader);
    message->message_id = cede_read_u16(reader);
    if (reader->status == CEDE_OK && first >> 6 != VERSION) {
        cede_reader_fail(reader, CEDE_COAP_VERSION);
    }
    if (token_len > CEDE_COAP_TOKEN_LEN_MAX) {
        cede_reader_fail(reader, CEDE_COAP_TOKEN_LENGTH);
    }
    message->token = cede_read_bytes(reader, token_len);
}

static enum cede_status check_header(const struct cede_coap_message *message, size_t datagram_len)
{
    if (!code_fits_type(message)) {
        return CEDE_COAP_RESERVED_CODE;
    }
    if (message->code == CEDE_COAP_EMPTY && datagram_len != HEADER_LEN) {
        return CEDE_COAP_EMPTY_MESSAGE;
    }
    return CEDE_OK;
}

enum cede_status cede_coap_decode(struct cede_span datagram, struct cede_coap_message *message)
{
    struct cede_reader reader = cede_reader(datagram);
    struct cede_coap_message decoded = {0};

    *message = decoded;
    read_header(&reader, &decoded);
    CEDE_TRY(reader.status);
    CEDE_TRY(check_header(&decoded, datagram.len));
    decoded.options = read_options(&reader);
    decoded.payload = read_payload(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    *message = decoded;
    return CEDE_OK;
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
