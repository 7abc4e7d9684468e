/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_client.c - EDHOC over CoAP over UDP, then a request under OSCORE: what a device does, in
 * little.
 *
 *   edhoc_client --test-keys|--psk [--no-prefix] HOST PORT
 *
 * --test-keys runs EDHOC with the credentials of RFC 9529, section 3; --psk takes the OSCORE
 * context of RFC 8613, appendix C.1, instead. --no-prefix leaves out the `true` and C_R that RFC
 * 9528, appendix A.2, puts before message_1 and message_3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int main(int argc, char **argv)
{
    struct coap_link link = {.crypto = cede_crypto_openssl()};
    bool psk = argc > 1 && strcmp(argv[1], "--psk") == 0;
    struct cede_oscore_context oscore;
    enum cede_status status;

    link.no_prefix = argc > 2 && strcmp(argv[2], "--no-prefix") == 0;
    if (argc != 4 + link.no_prefix || (!psk && strcmp(argv[1], "--test-keys") != 0)) {
        fputs("usage: edhoc_client --test-keys|--psk [--no-prefix] HOST PORT\n", stderr);
        return 2;
    }
    status = coap_link_open(&link, argv[argc - 2], argv[argc - 1]);
    if (status == CEDE_OK) {
        status = psk ? test_oscore_client(link.crypto, &oscore) : handshake(&link, &oscore);
    }
    if (status == CEDE_OK) {
        status = coap_link_echo(&link, &oscore);
    }
    if (status != CEDE_OK) {
        fprintf(stderr, "edhoc_client: %s\n", cede_status_reason(status));
    }
    return status == CEDE_OK ? 0 : 1;
}
