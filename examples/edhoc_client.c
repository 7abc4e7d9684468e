/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_client.c - EDHOC over CoAP over UDP, then a request under OSCORE: what a device does, in
 * little.
 *
 *   edhoc_client --test-keys|--reverse|--psk [--no-prefix] HOST PORT
 *
 * --test-keys runs EDHOC with the credentials of RFC 9529, section 3; --reverse does so as its
 * responder (RFC 9528, appendix A.2.2); --psk takes the OSCORE context of RFC 8613, appendix C.1,
 * instead. --no-prefix leaves out the `true` and C_R that RFC
 * 9528, appendix A.2, puts before message_1 and message_3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coap_link.h"
#include "test_keys.h"

/* RFC 9528, section 5, as the initiator. message_4 is there when the server thinks so. */
static enum cede_status handshake(struct coap_link *link, struct cede_oscore_context *oscore)
{
    static const uint8_t c_i[] = {0x37};
    struct cede_edhoc_config config = test_config(link->crypto);
    struct cede_edhoc_own own = test_own(&test_initiator);
    struct cede_edhoc_credential credential;
    struct cede_edhoc_session edhoc;
    struct cede_edhoc_peer peer;
    struct cede_edhoc_eads eads;
    struct cede_span message;
    uint8_t bytes[256], plain[256];

    CEDE_TRY(cede_edhoc_init_initiator(&edhoc, &config, CEDE_EDHOC_STATIC_DH_STATIC_DH, 2,
                                       CEDE_SPAN_ARRAY(c_i)));
    CEDE_TRY(cede_edhoc_compose_message_1(&edhoc, &config, NULL, CEDE_BUF_ARRAY(bytes), &message));
    CEDE_TRY(coap_link_edhoc(link, CEDE_SPAN_NULL, message, &message));
    CEDE_TRY(cede_edhoc_process_message_2(&edhoc, &config, message, CEDE_BUF_ARRAY(plain), &peer));
    CEDE_TRY(test_find(&test_responder, &peer, &credential));
    CEDE_TRY(cede_edhoc_verify_message_2(&edhoc, &config, &peer, &credential));
    CEDE_TRY(
        cede_edhoc_compose_message_3(&edhoc, &config, &own, NULL, CEDE_BUF_ARRAY(bytes), &message));
    CEDE_TRY(coap_link_edhoc(link, cede_edhoc_connection_id_span(&edhoc.c_r), message, &message));
    if (message.len > 0) {
        CEDE_TRY(
            cede_edhoc_process_message_4(&edhoc, &config, message, CEDE_BUF_ARRAY(plain), &eads));
    }
    return test_oscore_from(&edhoc, &config, oscore);
}

/* The reverse message flow: the server is the initiator, an empty request asks it to begin. */
static enum cede_status reverse(struct coap_link *link, struct cede_oscore_context *oscore)
{
    static const uint8_t c_r[] = {0x37};
    struct cede_edhoc_config config = test_config(link->crypto);
    struct cede_edhoc_own own = test_own(&test_initiator);
    struct cede_edhoc_credential credential;
    struct cede_edhoc_session edhoc;
    struct cede_edhoc_peer peer;
    struct cede_edhoc_eads eads;
    struct cede_span message;
    uint8_t bytes[256], plain[256];

    cede_edhoc_init_responder(&edhoc);
    CEDE_TRY(coap_link_edhoc(link, CEDE_SPAN_NULL, CEDE_SPAN_NULL, &message));
    CEDE_TRY(cede_edhoc_process_message_1(&edhoc, &config, message, &eads));
    CEDE_TRY(cede_edhoc_compose_message_2(&edhoc, &config, CEDE_SPAN_ARRAY(c_r), &own, NULL,
                                          CEDE_BUF_ARRAY(bytes), &message));
    CEDE_TRY(coap_link_edhoc(link, cede_edhoc_connection_id_span(&edhoc.c_i), message, &message));
    CEDE_TRY(cede_edhoc_process_message_3(&edhoc, &config, message, CEDE_BUF_ARRAY(plain), &peer));
    CEDE_TRY(test_find(&test_responder, &peer, &credential));
    CEDE_TRY(cede_edhoc_verify_message_3(&edhoc, &config, &peer, &credential));
    return test_oscore_from(&edhoc, &config, oscore);
}

/* A shared context outlives this run; its numbers never return, and nor does time. */
static enum cede_status preshared(struct coap_link *link, struct cede_oscore_context *oscore)
{
    struct timespec now;

    (void)timespec_get(&now, TIME_UTC);
    CEDE_TRY(test_oscore_preshared(link->crypto, true, oscore));
    oscore->sender_seq = (uint64_t)now.tv_sec << 8 | (uint64_t)now.tv_nsec >> 22;
    return CEDE_OK;
}

/* How to come to a context. */
static const struct way {
    const char *option;
    enum cede_status (*go)(struct coap_link *link, struct cede_oscore_context *oscore);
} ways[] = {{"--test-keys", handshake}, {"--reverse", reverse}, {"--psk", preshared}, {NULL, NULL}};

/* POST /echo under OSCORE; what comes back must be what was sent. */
static enum cede_status echo(struct coap_link *link, struct cede_oscore_context *oscore)
{
    struct cede_span text = CEDE_SPAN_TEXT("hello over there"), datagram;
    struct cede_oscore_exchange exchange;
    struct cede_coap_message answer;
    uint8_t plain[256], bytes[256];

    CEDE_TRY(coap_link_post(link, CEDE_SPAN_TEXT("echo"), CEDE_COAP_FORMAT_TEXT, text,
                            CEDE_BUF_ARRAY(plain), &datagram));
    CEDE_TRY(cede_oscore_protect_request(oscore, link->crypto, CEDE_OSCORE_PLAIN, datagram,
                                         &exchange, CEDE_BUF_ARRAY(bytes), &datagram));
    CEDE_TRY(coap_link_ask(link, datagram, &datagram));
    CEDE_TRY(cede_oscore_unprotect_response(oscore, link->crypto, datagram, &exchange,
                                            CEDE_BUF_ARRAY(plain), &datagram));
    CEDE_TRY(cede_coap_decode(datagram, &answer));
    printf("answer: %.*s\n", (int)answer.payload.len, (const char *)answer.payload.ptr);
    return cede_span_equal(answer.payload, text) ? CEDE_OK : CEDE_OSCORE_PLAINTEXT;
}

static enum cede_status run(struct coap_link *link, const struct way *way, const char *host,
                            const char *port)
{
    struct cede_oscore_context oscore;
    struct cede_address server;

    CEDE_TRY(cede_address_resolve(host, (uint16_t)atoi(port), &server));
    CEDE_TRY(coap_link_open(link, &server));
    CEDE_TRY(way->go(link, &oscore));
    return echo(link, &oscore);
}

int main(int argc, char **argv)
{
    struct coap_link link = {.crypto = cede_crypto_openssl()};
    const struct way *way = ways;
    enum cede_status status;

    link.no_prefix = argc > 2 && strcmp(argv[2], "--no-prefix") == 0;
    while (way->option != NULL &&
           (argc != 4 + link.no_prefix || strcmp(argv[1], way->option) != 0)) {
        way++;
    }
    if (way->option == NULL) {
        fputs("usage: edhoc_client --test-keys|--reverse|--psk [--no-prefix] HOST PORT\n", stderr);
        return 2;
    }
    status = run(&link, way, argv[argc - 2], argv[argc - 1]);
    if (status != CEDE_OK) {
        fprintf(stderr, "edhoc_client: %s\n", cede_status_reason(status));
    }
    return status == CEDE_OK ? 0 : 1;
}
