/* SPDX-License-Identifier: Apache-2.0 */
/* edhoc_minimal.c - an EDHOC client in sixty lines, without help: edhoc_minimal HOST PORT */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "cede/posix.h"
#include "test_keys.h" /* whose key, which peers: the application's */

/* POSTs an EDHOC message (RFC 9528, A.2.1). What comes lies in `memory`. */
static enum cede_status post(int fd, uint16_t id, struct cede_span c_r, struct cede_span message,
                             struct cede_buf memory, struct cede_span *next)
{
    struct cede_coap_message answer = {0};
    uint8_t bytes[256];

    CEDE_TRY(cede_oscore_compose_edhoc_request(CEDE_COAP_CON, id, CEDE_SPAN_NULL, CEDE_SPAN_NULL,
                                               CEDE_SPAN_NULL, c_r, message, CEDE_BUF_ARRAY(bytes),
                                               &message));
    for (int tries = 0; tries < 4; tries++) {
        CEDE_TRY(cede_udp_send(fd, NULL, message));
        if (poll(&(struct pollfd){fd, POLLIN, 0}, 1, 2000 << tries) > 0 &&
            cede_udp_receive(fd, NULL, memory, next) == CEDE_OK &&
            cede_coap_decode(*next, &answer) == CEDE_OK && answer.message_id == id) {
            *next = answer.payload;
            return answer.code == CEDE_COAP_CHANGED ? CEDE_OK : CEDE_EDHOC_STATE;
        }
    }
    return CEDE_COAP_TIMEOUT;
}

static enum cede_status run(const char *host, const char *port, struct cede_edhoc_session *edhoc)
{
    struct cede_edhoc_config config = test_config(cede_crypto_openssl());
    struct cede_edhoc_own own = test_own(&test_initiator);
    struct cede_edhoc_credential credential;
    struct cede_edhoc_peer peer;
    struct cede_address server;
    struct cede_span message;
    uint8_t bytes[512], memory[512];
    struct cede_buf out = CEDE_BUF_ARRAY(bytes), in = CEDE_BUF_ARRAY(memory);
    uint16_t id = (uint16_t)cede_monotonic_ms();
    int fd;

    CEDE_TRY(cede_address_resolve(host, (uint16_t)atoi(port), &server));
    CEDE_TRY(cede_udp_connect(&server, &fd));
    CEDE_TRY(cede_edhoc_init_initiator(edhoc, &config, CEDE_EDHOC_STATIC_DH_STATIC_DH, 2,
                                       CEDE_SPAN_TEXT("7")));
    CEDE_TRY(cede_edhoc_compose_message_1(edhoc, &config, NULL, out, &message));
    CEDE_TRY(post(fd, id, CEDE_SPAN_NULL, message, in, &message));
    CEDE_TRY(cede_edhoc_process_message_2(edhoc, &config, message, in, &peer));
    CEDE_TRY(test_find(&test_responder, &peer, &credential));
    CEDE_TRY(cede_edhoc_verify_message_2(edhoc, &config, &peer, &credential));
    CEDE_TRY(cede_edhoc_compose_message_3(edhoc, &config, &own, NULL, out, &message));
    return post(fd, (uint16_t)(id + 1), cede_edhoc_connection_id_span(&edhoc->c_r), message, in,
                &message);
}

int main(int argc, char **argv)
{
    struct cede_edhoc_session edhoc = {0};
    enum cede_status status = argc == 3 ? run(argv[1], argv[2], &edhoc) : CEDE_BAD_ARGUMENT;

    puts(status == CEDE_OK ? "EDHOC is through" : cede_status_reason(status));
    cede_edhoc_wipe(&edhoc);
    return status != CEDE_OK;
}
