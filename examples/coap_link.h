/* SPDX-License-Identifier: Apache-2.0 */
/* coap_link.h - a client's CoAP over a UDP socket: one request out, its answer in, blocking. */
#ifndef EXAMPLES_COAP_LINK_H
#define EXAMPLES_COAP_LINK_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "cede/oscore.h"
#include "cede/posix.h"

struct coap_link {
    int fd;
    const struct cede_crypto *crypto;
    uint16_t message_id;  /* of the last request */
    bool no_prefix;       /* EDHOC messages stand alone in their payloads */
    uint8_t answer[1152]; /* the datagram that came last */
};

/* Message ids begin at random: the port may be one that the server has just heard from. */
static inline enum cede_status coap_link_open(struct coap_link *link, const char *host,
                                              const char *port)
{
    struct cede_address server;
    uint8_t id[2];

    CEDE_TRY(cede_address_resolve(host, (uint16_t)atoi(port), &server));
    CEDE_TRY(link->crypto->random(link->crypto->context, CEDE_BUF_ARRAY(id)));
    link->message_id = (uint16_t)(id[0] << 8 | id[1]);
    return cede_udp_connect(&server, &link->fd);
}

/* Sends until an answer is there (RFC 7252, section 4.2). *answer lies in the link. */
static inline enum cede_status coap_link_ask(struct coap_link *link, struct cede_span datagram,
                                             struct cede_span *answer)
{
    struct cede_coap_exchange exchange = {0};
    struct cede_coap_step step = {.next = CEDE_COAP_RESEND};

    CEDE_TRY(cede_coap_exchange_start(&exchange, &cede_coap_default_params, link->crypto, datagram,
                                      cede_monotonic_ms()));
    while (step.next != CEDE_COAP_RESPONSE) {
        struct pollfd readable = {link->fd, POLLIN, 0};

        if (step.next == CEDE_COAP_FAILED) {
            return step.reason;
        }
        if (step.next == CEDE_COAP_RESEND) {
            CEDE_TRY(cede_udp_send(link->fd, NULL, datagram));
        }
        if (poll(&readable, 1, 100) > 0) {
            CEDE_TRY(cede_udp_receive(link->fd, NULL, CEDE_BUF_ARRAY(link->answer), answer));
            step = cede_coap_exchange_receive(&exchange, *answer, cede_monotonic_ms());
        } else {
            step = cede_coap_exchange_timeout(&exchange, cede_monotonic_ms());
        }
        if (!cede_span_is_null(step.send)) {
            CEDE_TRY(cede_udp_send(link->fd, NULL, step.send));
        }
    }
    return CEDE_OK;
}

/* The same under OSCORE: `request` is plain, and so is the answer, which lies in `out`. */
static inline enum cede_status
coap_link_ask_protected(struct coap_link *link, struct cede_oscore_context *oscore,
                        struct cede_span request, struct cede_oscore_exchange *exchange,
                        struct cede_buf out, struct cede_coap_message *answer)
{
    uint8_t bytes[512];
    struct cede_span datagram;

    CEDE_TRY(cede_oscore_protect_request(oscore, link->crypto, CEDE_OSCORE_PLAIN, request, exchange,
                                         CEDE_BUF_ARRAY(bytes), &datagram));
    CEDE_TRY(coap_link_ask(link, datagram, &datagram));
    CEDE_TRY(
        cede_oscore_unprotect_response(oscore, link->crypto, datagram, exchange, out, &datagram));
    return cede_coap_decode(datagram, answer);
}

/* POST to `path`; `format` below 0: none. */
static inline enum cede_status coap_link_post(struct coap_link *link, struct cede_span path,
                                              int32_t format, struct cede_span payload,
                                              struct cede_buf out, struct cede_span *datagram)
{
    struct cede_coap_encoder encoder = cede_coap_begin(out, CEDE_COAP_CON, CEDE_COAP_POST,
                                                       ++link->message_id, CEDE_SPAN_TEXT("cede"));

    cede_coap_put_path(&encoder, path);
    if (format >= 0) {
        cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, (uint32_t)format);
    }
    cede_coap_put_payload(&encoder, payload);
    return cede_coap_finish(&encoder, datagram);
}

/* POSTs an EDHOC message (RFC 9528, appendix A.2); `c_r` is null for message_1. The answer's
 * payload is the next message. Failure: CEDE_EDHOC_STATE for an answer that is an error. */
static inline enum cede_status coap_link_edhoc(struct coap_link *link, struct cede_span c_r,
                                               struct cede_span message, struct cede_span *next)
{
    uint8_t bytes[512];
    struct cede_coap_message answer;
    struct cede_span datagram;

    if (link->no_prefix) {
        CEDE_TRY(coap_link_post(link, CEDE_SPAN_TEXT(".well-known/edhoc"), CEDE_COAP_FORMAT_EDHOC,
                                message, CEDE_BUF_ARRAY(bytes), &datagram));
    } else {
        CEDE_TRY(cede_oscore_compose_edhoc_request(
            CEDE_COAP_CON, ++link->message_id, CEDE_SPAN_TEXT("cede"), CEDE_SPAN_NULL,
            CEDE_SPAN_NULL, c_r, message, CEDE_BUF_ARRAY(bytes), &datagram));
    }
    CEDE_TRY(coap_link_ask(link, datagram, next));
    CEDE_TRY(cede_coap_decode(*next, &answer));
    *next = answer.payload;
    return answer.code == CEDE_COAP_CHANGED ? CEDE_OK : CEDE_EDHOC_STATE;
}

/* POST /echo under OSCORE; what comes back must be what was sent. */
static inline enum cede_status coap_link_echo(struct coap_link *link,
                                              struct cede_oscore_context *oscore)
{
    struct cede_span text = CEDE_SPAN_TEXT("hello over there"), request;
    struct cede_oscore_exchange exchange;
    struct cede_coap_message answer;
    uint8_t bytes[256], plain[1152];

    CEDE_TRY(coap_link_post(link, CEDE_SPAN_TEXT("echo"), CEDE_COAP_FORMAT_TEXT, text,
                            CEDE_BUF_ARRAY(bytes), &request));
    CEDE_TRY(
        coap_link_ask_protected(link, oscore, request, &exchange, CEDE_BUF_ARRAY(plain), &answer));
    printf("answer: %.*s\n", (int)answer.payload.len, (const char *)answer.payload.ptr);
    return cede_span_equal(answer.payload, text) ? CEDE_OK : CEDE_OSCORE_PLAINTEXT;
}

#endif
