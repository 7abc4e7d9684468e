/* SPDX-License-Identifier: Apache-2.0 */
/* proxy_uri.c - requests to a proxy that name their target in one URI (RFC 8613, 4.1.3.3). */
#include "proto/oscore/oscore_internal.h"

/* scheme, "://", brackets, a host of at most 255 bytes, colon and port */
#define ORIGIN_LEN_MAX (5 + 3 + 2 + 255 + 1 + 5)

static void write_text(struct cede_writer *writer, const char *text)
{
    cede_write_bytes(writer, cede_span_string(text));
}

static void write_port(struct cede_writer *writer, unsigned port)
{
    char digits[6] = {0};
    size_t at = sizeof(digits) - 1;

    do {
        digits[--at] = (char)('0' + port % 10);
        port /= 10;
    } while (port > 0);
    write_text(writer, ":");
    write_text(writer, digits + at);
}

/* Scheme, host and port as RFC 7252, 6.5 puts them together. */
static void write_origin(struct cede_writer *writer, const struct cede_coap_uri *uri)
{
    bool brackets = uri->host_kind == CEDE_COAP_HOST_IPV6;

    write_text(writer, uri->secure ? "coaps://" : "coap://");
    write_text(writer, brackets ? "[" : "");
    cede_write_bytes(writer, uri->host);
    write_text(writer, brackets ? "]" : "");
    if (uri->port != (uri->secure ? CEDE_COAPS_PORT : CEDE_COAP_PORT)) {
        write_port(writer, uri->port);
    }
}

/* Options that come from the URI, as far as they belong before `number`. */
struct pieces {
    struct cede_coap_uri uri;
    struct cede_span origin;
    bool path_put, query_put;
};

static void put_before(struct cede_coap_encoder *encoder, struct pieces *pieces, uint32_t number)
{
    if (!pieces->path_put && number > CEDE_COAP_URI_PATH) {
        cede_coap_put_path(encoder, pieces->uri.path);
        pieces->path_put = true;
    }
    if (!pieces->query_put && number > CEDE_COAP_URI_QUERY) {
        cede_coap_put_query(encoder, pieces->uri.query);
        pieces->query_put = true;
    }
}

static bool is_of_uri(uint16_t number)
{
    return number == CEDE_COAP_URI_HOST || number == CEDE_COAP_URI_PORT ||
           number == CEDE_COAP_URI_PATH || number == CEDE_COAP_URI_QUERY ||
           number == CEDE_COAP_PROXY_SCHEME;
}

/* The request with the URI taken apart. */
static enum cede_status decompose(const struct cede_coap_message *message, struct pieces *pieces,
                                  struct cede_buf memory, struct cede_span *request)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin(memory, message->type, message->code, message->message_id, message->token);
    struct cede_coap_options options = cede_coap_options(message->options);
    struct cede_coap_option option;

    while (cede_coap_options_next(&options, &option)) {
        if (is_of_uri(option.number)) {
            return CEDE_BAD_ARGUMENT;
        }
        put_before(&encoder, pieces, option.number);
        cede_coap_put_option(&encoder, option.number,
                             option.number == CEDE_COAP_PROXY_URI ? pieces->origin : option.value);
    }
    cede_coap_put_payload(&encoder, message->payload);
    return cede_coap_finish(&encoder, request);
}

enum cede_status cede_oscore_protect_proxied(struct cede_oscore_context *context,
                                             const struct cede_crypto *crypto, unsigned flags,
                                             struct cede_span request,
                                             struct cede_oscore_exchange *exchange,
                                             struct cede_buf memory, struct cede_buf out,
                                             struct cede_span *datagram)
{
    uint8_t origin[ORIGIN_LEN_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(origin));
    struct cede_coap_message message;
    struct pieces pieces = {.path_put = false};
    struct cede_span text;

    *datagram = CEDE_SPAN_NULL;
    CEDE_TRY(cede_coap_decode(request, &message));
    if (!cede_coap_find_option(&message, CEDE_COAP_PROXY_URI, &text)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(cede_coap_uri_split(text, &pieces.uri));
    write_origin(&writer, &pieces.uri);
    CEDE_TRY(cede_writer_finish(&writer, &pieces.origin));
    CEDE_TRY(decompose(&message, &pieces, memory, &request));
    return cede_oscore_protect_request(context, crypto, flags | CEDE_OSCORE_PROXY_URI, request,
                                       exchange, out, datagram);
}
