/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_responder.c - a responder and a stranger's message_1 and message_3.
 * Input: message_1, message_3 (pieces).
 */
#include "edhoc.h"

static uint8_t plaintext[8192], out[8192];

static void message_3(struct cede_edhoc_session *session, struct cede_span message, int32_t curve)
{
    struct cede_edhoc_config config = fuzz_edhoc_config();
    struct cede_edhoc_credential credential = fuzz_edhoc_peer(curve);
    struct cede_edhoc_oscore oscore;
    struct cede_edhoc_peer peer;
    struct cede_edhoc_id_cred id_cred;

    if (cede_edhoc_process_message_3(session, &config, message, CEDE_BUF_ARRAY(plaintext), &peer) !=
        CEDE_OK) {
        REQUIRE(session->state == CEDE_EDHOC_FAILED);
        return;
    }
    fuzz_touch(peer.plaintext);
    if (cede_edhoc_id_cred_decode(peer.id_cred, &id_cred) == CEDE_OK) {
        fuzz_touch(id_cred.value);
    }
    REQUIRE(!cede_edhoc_has_keys(session));
    if (cede_edhoc_verify_message_3(session, &config, &peer, &credential) == CEDE_OK) {
        REQUIRE(cede_edhoc_has_keys(session));
        (void)!cede_edhoc_export_oscore(session, &config, &oscore);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_reader in = cede_reader(cede_span(data, len));
    struct cede_span message_1 = fuzz_piece(&in), last = fuzz_piece(&in), composed;
    struct cede_edhoc_config config = fuzz_edhoc_config();
    struct cede_edhoc_session session;
    struct cede_edhoc_eads eads;
    struct cede_edhoc_own own;
    enum cede_status status;

    cede_edhoc_init_responder(&session);
    status = cede_edhoc_process_message_1(&session, &config, message_1, &eads);
    if (status != CEDE_OK) {
        REQUIRE(session.state == CEDE_EDHOC_FAILED);
        REQUIRE(cede_edhoc_compose_error(&config, status, CEDE_BUF_ARRAY(out), &composed) ==
                CEDE_OK);
        return 0;
    }
    REQUIRE(eads.count <= CEDE_EDHOC_EAD_ITEMS_MAX);
    own = fuzz_edhoc_own(session.suite == 2 ? CEDE_CRV_P256 : CEDE_CRV_ED25519);
    if (cede_edhoc_compose_message_2(&session, &config, CEDE_SPAN_TEXT("\x18"), &own, NULL,
                                     CEDE_BUF_ARRAY(out), &composed) == CEDE_OK) {
        message_3(&session, last, own.key.curve);
    }
    cede_edhoc_wipe(&session);
    return 0;
}
