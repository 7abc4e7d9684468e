/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_initiator.c - an initiator and a stranger's message_2 and message_4.
 * Input: method, then message_2, message_4 (pieces); the whole is also read as an error message.
 */
#include "edhoc.h"

static uint8_t plaintext[8192], out[8192];

static void error(struct cede_span input)
{
    struct cede_edhoc_config config = fuzz_edhoc_config();
    struct cede_edhoc_error decoded;
    int32_t suite;

    if (cede_edhoc_process_error(input, &decoded) == CEDE_OK) {
        fuzz_inside(input, decoded.text);
        REQUIRE(decoded.suites_r_count <= CEDE_EDHOC_SUITES_MAX);
        (void)!cede_edhoc_select_suite(&config, &decoded, 2, &suite);
    }
}

static void message_4(struct cede_edhoc_session *session, struct cede_span message)
{
    struct cede_edhoc_config config = fuzz_edhoc_config();
    struct cede_edhoc_eads eads;

    if (cede_edhoc_process_message_4(session, &config, message, CEDE_BUF_ARRAY(plaintext), &eads) ==
        CEDE_OK) {
        REQUIRE(session->state == CEDE_EDHOC_DONE && eads.count <= CEDE_EDHOC_EAD_ITEMS_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_reader in = cede_reader(cede_span(data, len));
    struct cede_edhoc_config config = fuzz_edhoc_config();
    enum cede_edhoc_method method = (enum cede_edhoc_method)(cede_read_u8(&in) & 3);
    struct cede_span message_2 = fuzz_piece(&in), last = fuzz_piece(&in), composed;
    struct cede_edhoc_own own = fuzz_edhoc_own(CEDE_CRV_P256);
    struct cede_edhoc_credential credential = fuzz_edhoc_peer(CEDE_CRV_P256);
    struct cede_edhoc_session session;
    struct cede_edhoc_peer peer;
    struct cede_edhoc_id_cred id_cred;

    error(cede_span(data, len));
    REQUIRE(cede_edhoc_init_initiator(&session, &config, method, 2, CEDE_SPAN_TEXT("\x01")) ==
            CEDE_OK);
    REQUIRE(cede_edhoc_compose_message_1(&session, &config, NULL, CEDE_BUF_ARRAY(out), &composed) ==
            CEDE_OK);
    if (cede_edhoc_process_message_2(&session, &config, message_2, CEDE_BUF_ARRAY(plaintext),
                                     &peer) != CEDE_OK) {
        REQUIRE(session.state == CEDE_EDHOC_FAILED);
        return 0;
    }
    fuzz_touch(peer.plaintext);
    if (cede_edhoc_id_cred_decode(peer.id_cred, &id_cred) == CEDE_OK) {
        fuzz_touch(id_cred.value);
    }
    if (cede_edhoc_verify_message_2(&session, &config, &peer, &credential) == CEDE_OK) {
        REQUIRE(cede_edhoc_compose_message_3(&session, &config, &own, NULL, CEDE_BUF_ARRAY(out),
                                             &composed) == CEDE_OK);
        message_4(&session, last);
    }
    cede_edhoc_wipe(&session);
    return 0;
}
