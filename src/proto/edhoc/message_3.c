/* SPDX-License-Identifier: Apache-2.0 */
/* message_3.c - message_3 = ( CIPHERTEXT_3 ) (RFC 9528, section 5.4). */
#include <string.h>

#include "edhoc_engine.h"

/* --- initiator -------------------------------------------------------------------------------- */

/* Fills in PLAINTEXT_3, moves the session on to PRK_4e3m and TH_4. */
static enum cede_status compose_plaintext_3(const struct edhoc_env *env,
                                            struct cede_edhoc_session *session,
                                            const struct cede_edhoc_own *own,
                                            struct edhoc_draft *draft, struct cede_buf room)
{
    struct edhoc_proof_cred cred_i = {own->form, own->cred};
    struct edhoc_proof proof;

    CEDE_TRY(edhoc_draft_write(draft, room));
    CEDE_TRY(edhoc_proof_init(&proof, env, session, EDHOC_INITIATOR, &draft->id_cred, cred_i,
                              draft->ead));
    CEDE_TRY(edhoc_proof_note_cred(&proof, env, session, false));
    CEDE_TRY(edhoc_proof_check_curve(env, proof.signs, own->key.curve));
    if (!proof.signs) { /* PRK_4e3m */
        struct cede_span g_y = cede_span(session->point, cede_curve_public_len(env->suite->curve));
        CEDE_TRY(edhoc_mix_static_dh(env, session, EDHOC_SALT_4E3M, &own->key, g_y));
    }
    /* Signature_or_MAC_3 */
    CEDE_TRY(edhoc_proof_make(&proof, env, session->prk, &own->key, draft->signature_or_mac));
    /* TH_4 */
    return edhoc_proof_next_th(&proof, env, cede_span(draft->plaintext.ptr, draft->plaintext.cap),
                               session->th);
}

static enum cede_status compose(struct cede_edhoc_session *session,
                                const struct cede_edhoc_config *config,
                                const struct cede_edhoc_own *own,
                                const struct cede_edhoc_eads *eads, struct cede_buf out,
                                struct cede_span *message_3)
{
    struct edhoc_draft draft = {.eads = eads};
    struct cede_writer writer = cede_writer(out);
    struct cede_buf ciphertext_3;
    uint8_t prk_3e2m[CEDE_HASH_LEN_MAX];
    uint8_t th_3[CEDE_HASH_LEN_MAX];
    struct edhoc_env env;
    enum cede_status status;

    CEDE_TRY(edhoc_env_init(&env, session, config));
    draft.signature_or_mac_len = edhoc_proof_len(&env, session, EDHOC_INITIATOR);
    CEDE_TRY(cede_edhoc_id_cred_decode(own->id_cred, &draft.id_cred));
    CEDE_TRY(edhoc_wrap(&writer, edhoc_draft_len(&draft) + cede_aead_tag_len(env.suite->aead),
                        &ciphertext_3));
    memcpy(prk_3e2m, session->prk, sizeof prk_3e2m);
    memcpy(th_3, session->th, sizeof th_3);
    status = compose_plaintext_3(&env, session, own, &draft, ciphertext_3);
    if (status == CEDE_OK) { /* CIPHERTEXT_3 */
        status =
            edhoc_encrypt0_seal(&env, prk_3e2m, EDHOC_K_3, th_3, draft.plaintext.cap, ciphertext_3);
    }
    cede_wipe(prk_3e2m, sizeof prk_3e2m);
    if (status == CEDE_OK) { /* PRK_out */
        status = edhoc_derive_prk_out(&env, session);
    }
    return status == CEDE_OK ? cede_writer_finish(&writer, message_3) : status;
}

enum cede_status cede_edhoc_compose_message_3(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              const struct cede_edhoc_own *own,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_3)
{
    enum cede_status status;

    *message_3 = CEDE_SPAN_NULL;
    CEDE_TRY(edhoc_enter(session, CEDE_EDHOC_READY_MESSAGE_3));
    status = compose(session, config, own, eads, out, message_3);
    if (status != CEDE_OK) {
        edhoc_wipe_buf(out);
    }
    return edhoc_leave(session, status, CEDE_EDHOC_WAIT_MESSAGE_4);
}

/* --- responder -------------------------------------------------------------------------------- */

/* PLAINTEXT_3 = ( ID_CRED_I / bstr / -24..23, Signature_or_MAC_3, ? EAD_3 ) */
static enum cede_status process(struct cede_edhoc_session *session,
                                const struct cede_edhoc_config *config, struct cede_span message_3,
                                struct cede_buf plaintext, struct cede_edhoc_peer *peer)
{
    struct edhoc_env env;
    struct cede_span ciphertext_3;
    struct cede_span plaintext_3;
    struct cede_reader reader;

    CEDE_TRY(edhoc_env_init(&env, session, config));
    CEDE_TRY(edhoc_unwrap(message_3, &ciphertext_3));
    CEDE_TRY(edhoc_encrypt0_open(&env, session->prk, EDHOC_K_3, session->th, ciphertext_3,
                                 plaintext, &plaintext_3));
    reader = cede_reader(plaintext_3);
    return edhoc_peer_decode(config, &reader, edhoc_proof_len(&env, session, EDHOC_INITIATOR),
                             peer);
}

enum cede_status cede_edhoc_process_message_3(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_3, struct cede_buf plaintext,
                                              struct cede_edhoc_peer *peer)
{
    enum cede_status status;

    memset(peer, 0, sizeof *peer);
    CEDE_TRY(edhoc_enter(session, CEDE_EDHOC_WAIT_MESSAGE_3));
    status = process(session, config, message_3, plaintext, peer);
    if (status != CEDE_OK) {
        memset(peer, 0, sizeof *peer);
        edhoc_wipe_buf(plaintext);
    }
    return edhoc_leave(session, status, CEDE_EDHOC_WAIT_CRED_I);
}

/* PRK_4e3m, when the initiator has a static Diffie-Hellman key: G_IY = ECDH( Y, G_I ) */
static enum cede_status mix_g_iy(const struct edhoc_env *env, struct cede_edhoc_session *session,
                                 const struct cede_public_key *key)
{
    struct cede_private_key y = edhoc_ephemeral_key(env, session);
    uint8_t g_i[CEDE_PUBLIC_KEY_LEN_MAX];

    CEDE_TRY(edhoc_point(env, key->point, g_i));
    return edhoc_mix_static_dh(env, session, EDHOC_SALT_4E3M, &y,
                               cede_span(g_i, cede_curve_public_len(env->suite->curve)));
}

static enum cede_status verify(struct cede_edhoc_session *session,
                               const struct cede_edhoc_config *config,
                               const struct cede_edhoc_peer *peer,
                               const struct cede_edhoc_credential *credential)
{
    struct edhoc_proof_cred cred_i = {credential->form, credential->cred};
    struct edhoc_proof proof;
    struct edhoc_env env;

    CEDE_TRY(edhoc_env_init(&env, session, config));
    CEDE_TRY(edhoc_proof_init(&proof, &env, session, EDHOC_INITIATOR, &peer->id_cred, cred_i,
                              peer->ead));
    CEDE_TRY(edhoc_proof_note_cred(&proof, &env, session, false));
    CEDE_TRY(edhoc_proof_check_curve(&env, proof.signs, credential->public_key.curve));
    if (!proof.signs) {
        CEDE_TRY(mix_g_iy(&env, session, &credential->public_key));
    }
    /* MAC_3, Signature_3 */
    CEDE_TRY(edhoc_proof_verify(&proof, &env, session->prk, &credential->public_key,
                                peer->signature_or_mac));
    cede_wipe(session->ephemeral, sizeof session->ephemeral);
    /* TH_4 */
    CEDE_TRY(edhoc_proof_next_th(&proof, &env, peer->plaintext, session->th));
    /* PRK_out */
    return edhoc_derive_prk_out(&env, session);
}

enum cede_status cede_edhoc_verify_message_3(struct cede_edhoc_session *session,
                                             const struct cede_edhoc_config *config,
                                             const struct cede_edhoc_peer *peer,
                                             const struct cede_edhoc_credential *credential)
{
    CEDE_TRY(edhoc_enter(session, CEDE_EDHOC_WAIT_CRED_I));
    return edhoc_leave(session, verify(session, config, peer, credential),
                       CEDE_EDHOC_READY_MESSAGE_4);
}
