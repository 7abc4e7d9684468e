/* SPDX-License-Identifier: Apache-2.0 */
/* message_3.c - message_3 = ( CIPHERTEXT_3 ) (RFC 9528, section 5.4). */
#include <string.h>

#include "edhoc_engine.h"

/* --- initiator -------------------------------------------------------------------------------- */

/* PLAINTEXT_3, then CIPHERTEXT_3 in its place; the session moves on to PRK_4e3m and TH_4. */
static enum cede_status compose_ciphertext_3(const struct edhoc_env *env,
                                             const struct cede_edhoc_own *own,
                                             struct edhoc_draft *draft, struct cede_buf room)
{
    struct edhoc_aead aead;
    enum cede_status status = edhoc_derive_aead(env, EDHOC_K_3, &aead);

    if (status == CEDE_OK) {
        status = edhoc_draft_write(draft, room);
    }
    if (status == CEDE_OK) {
        status = edhoc_prove(env, EDHOC_INITIATOR, own, draft);
    }
    if (status == CEDE_OK) {
        status = edhoc_seal(env, &aead, draft->plaintext.cap, room);
    }
    cede_wipe(&aead, sizeof aead);
    return status;
}

static enum cede_status compose(const struct edhoc_env *env, const struct cede_edhoc_own *own,
                                const struct cede_edhoc_eads *eads, struct cede_buf out,
                                struct cede_span *message_3)
{
    struct edhoc_draft draft = {.eads = eads};
    struct cede_writer writer = cede_writer(out);
    struct cede_buf ciphertext_3;

    draft.signature_or_mac_len = edhoc_proof_len(env, EDHOC_INITIATOR);
    CEDE_TRY(cede_edhoc_id_cred_decode(own->id_cred, &draft.id_cred));
    CEDE_TRY(edhoc_wrap(&writer, edhoc_draft_len(&draft) + cede_aead_tag_len(env->suite->aead),
                        &ciphertext_3));
    CEDE_TRY(compose_ciphertext_3(env, own, &draft, ciphertext_3));
    CEDE_TRY(edhoc_derive_prk_out(env));
    return cede_writer_finish(&writer, message_3);
}

enum cede_status cede_edhoc_compose_message_3(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              const struct cede_edhoc_own *own,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_3)
{
    struct edhoc_env env;

    *message_3 = CEDE_SPAN_NULL;
    CEDE_TRY(edhoc_begin(&env, session, config, CEDE_EDHOC_READY_MESSAGE_3));
    return edhoc_leave(session, compose(&env, own, eads, out, message_3), out,
                       CEDE_EDHOC_WAIT_MESSAGE_4);
}

/* --- responder -------------------------------------------------------------------------------- */

static enum cede_status process(const struct edhoc_env *env, struct cede_span message_3,
                                struct cede_buf plaintext, struct cede_edhoc_peer *peer)
{
    struct cede_span plaintext_3;
    struct cede_reader reader;

    CEDE_TRY(edhoc_open(env, EDHOC_K_3, message_3, plaintext, &plaintext_3));
    reader = cede_reader(plaintext_3);
    return edhoc_peer_decode(env, EDHOC_INITIATOR, &reader, peer);
}

enum cede_status cede_edhoc_process_message_3(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_3, struct cede_buf plaintext,
                                              struct cede_edhoc_peer *peer)
{
    struct edhoc_env env;
    enum cede_status status;

    memset(peer, 0, sizeof *peer);
    CEDE_TRY(edhoc_begin(&env, session, config, CEDE_EDHOC_WAIT_MESSAGE_3));
    status = process(&env, message_3, plaintext, peer);
    if (status != CEDE_OK) {
        memset(peer, 0, sizeof *peer);
    }
    return edhoc_leave(session, status, plaintext, CEDE_EDHOC_WAIT_CRED_I);
}

enum cede_status cede_edhoc_verify_message_3(struct cede_edhoc_session *session,
                                             const struct cede_edhoc_config *config,
                                             const struct cede_edhoc_peer *peer,
                                             const struct cede_edhoc_credential *credential)
{
    struct edhoc_env env;
    enum cede_status status;

    CEDE_TRY(edhoc_begin(&env, session, config, CEDE_EDHOC_WAIT_CRED_I));
    status = edhoc_check_proof(&env, EDHOC_INITIATOR, peer, credential);
    if (status == CEDE_OK) {
        status = edhoc_derive_prk_out(&env);
    }
    return edhoc_leave(session, status, cede_buf(NULL, 0), CEDE_EDHOC_READY_MESSAGE_4);
}
