/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe_client.c - observes /clock under OSCORE (RFC 7641; RFC 8613, 4.1.3.5): prints COUNT
 * notifications, then cancels.
 *
 *   observe_client COUNT HOST PORT
 *
 * The OSCORE context is that of RFC 8613, appendix C.1 (edhoc_server --psk).
 */
#include <stdio.h>
#include <stdlib.h>

#include "coap_link.h"
#include "test_keys.h"

#define OBSERVE_PATIENCE_MS 10000

enum { REGISTER = 0, CANCEL = 1 }; /* values of Observe in a request (RFC 7641, section 2) */

static enum cede_status get_clock(struct coap_link *link, uint32_t observe, struct cede_buf out,
                                  struct cede_span *request)
{
    struct cede_coap_encoder encoder = cede_coap_begin(out, CEDE_COAP_CON, CEDE_COAP_GET,
                                                       ++link->message_id, CEDE_SPAN_TEXT("tick"));

    cede_coap_put_uint(&encoder, CEDE_COAP_OBSERVE, observe);
    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("clock"));
    return cede_coap_finish(&encoder, request);
}

/* True for a response that says: more will come. */
static bool print(const struct cede_coap_message *message)
{
    struct cede_span value;
    uint32_t number = 0;
    bool observed = cede_coap_find_option(message, CEDE_COAP_OBSERVE, &value) &&
                    cede_coap_uint_value(value, &number) == CEDE_OK;

    printf("%s %u: %.*s\n", observed ? "notification" : "answer", (unsigned)number,
           (int)message->payload.len, (const char *)message->payload.ptr);
    return observed;
}

/* The next notification that is authentic, new and newer; anything else is passed over. */
static enum cede_status next(struct coap_link *link, struct cede_oscore_context *oscore,
                             struct cede_oscore_exchange *exchange, struct cede_buf out,
                             struct cede_coap_message *message)
{
    uint64_t give_up_ms = cede_monotonic_ms() + OBSERVE_PATIENCE_MS;
    uint8_t ack[CEDE_COAP_EMPTY_LEN];
    struct cede_span datagram, plain;

    while (cede_monotonic_ms() < give_up_ms) {
        struct pollfd readable = {link->fd, POLLIN, 0};

        if (poll(&readable, 1, 100) <= 0 ||
            cede_udp_receive(link->fd, NULL, CEDE_BUF_ARRAY(link->answer), &datagram) != CEDE_OK ||
            cede_coap_decode(datagram, message) != CEDE_OK ||
            !cede_span_equal(message->token, CEDE_SPAN_TEXT("tick"))) {
            continue;
        }
        if (message->type == CEDE_COAP_CON) { /* it has arrived, whatever it is */
            CEDE_TRY(cede_udp_send(link->fd, NULL,
                                   cede_coap_empty(CEDE_COAP_ACK, message->message_id, ack)));
        }
        if (cede_oscore_unprotect_response(oscore, link->crypto, datagram, exchange, out, &plain) ==
            CEDE_OK) {
            return cede_coap_decode(plain, message);
        }
    }
    return CEDE_COAP_TIMEOUT;
}

static enum cede_status observe(struct coap_link *link, struct cede_oscore_context *oscore,
                                int count)
{
    struct cede_oscore_exchange exchange;
    struct cede_coap_message message;
    struct cede_span request;
    uint8_t bytes[64], plain[1152];

    CEDE_TRY(get_clock(link, REGISTER, CEDE_BUF_ARRAY(bytes), &request));
    CEDE_TRY(
        coap_link_ask_protected(link, oscore, request, &exchange, CEDE_BUF_ARRAY(plain), &message));
    for (; print(&message) && count > 1; count--) {
        CEDE_TRY(next(link, oscore, &exchange, CEDE_BUF_ARRAY(plain), &message));
    }
    /* The same token says which observation ends (RFC 7641, section 3.6). */
    CEDE_TRY(get_clock(link, CANCEL, CEDE_BUF_ARRAY(bytes), &request));
    CEDE_TRY(
        coap_link_ask_protected(link, oscore, request, &exchange, CEDE_BUF_ARRAY(plain), &message));
    return !print(&message) && count == 1 ? CEDE_OK : CEDE_OSCORE_PLAINTEXT;
}

int main(int argc, char **argv)
{
    struct coap_link link = {.crypto = cede_crypto_openssl()};
    struct cede_oscore_context oscore;
    enum cede_status status;

    if (argc != 4 || atoi(argv[1]) < 1) {
        fputs("usage: observe_client COUNT HOST PORT\n", stderr);
        return 2;
    }
    status = coap_link_open(&link, argv[2], argv[3]);
    if (status == CEDE_OK) {
        status = test_oscore_client(link.crypto, &oscore);
    }
    if (status == CEDE_OK) {
        status = observe(&link, &oscore, atoi(argv[1]));
    }
    if (status != CEDE_OK) {
        fprintf(stderr, "observe_client: %s\n", cede_status_reason(status));
    }
    return status == CEDE_OK ? 0 : 1;
}
