/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_reverse.c - the reverse message flow (RFC 9528, appendix A.2.2): the CoAP client is the
 * responder, and an empty request asks the server to begin. Then a request under OSCORE.
 *
 *   edhoc_reverse HOST PORT
 *
 * The credentials are those of RFC 9529, section 3, as in edhoc_client.
 */
#include <stdio.h>
#include <stdlib.h>

#include "coap_link.h"
#include "test_keys.h"

static enum cede_status handshake(struct coap_link *link, struct cede_oscore_context *oscore)
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

int main(int argc, char **argv)
{
    struct coap_link link = {.crypto = cede_crypto_openssl()};
    struct cede_oscore_context oscore;
    enum cede_status status;

    if (argc != 3) {
        fputs("usage: edhoc_reverse HOST PORT\n", stderr);
        return 2;
    }
    status = coap_link_open(&link, argv[1], argv[2]);
    if (status == CEDE_OK) {
        status = handshake(&link, &oscore);
    }
    if (status == CEDE_OK) {
        status = coap_link_echo(&link, &oscore);
    }
    if (status != CEDE_OK) {
        fprintf(stderr, "edhoc_reverse: %s\n", cede_status_reason(status));
    }
    return status == CEDE_OK ? 0 : 1;
}
