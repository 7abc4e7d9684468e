/* SPDX-License-Identifier: Apache-2.0 */
/* message_2.c - message_2 = ( G_Y | CIPHERTEXT_2 ) (RFC 9528, section 5.3). */
#include <string.h>

#include "edhoc_engine.h"

/* --- responder -------------------------------------------------------------------------------- */

/* Y, G_Y, TH_2, PRK_2e */
static enum cede_status derive_ephemeral(const struct edhoc_env *env,
                                         struct cede_edhoc_session *session, struct cede_buf g_y)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];

    CEDE_TRY(
        env->crypto->generate(env->crypto->context, env->suite->curve, session->ephemeral, point));
    memcpy(g_y.ptr, point, g_y.cap);
    if (memcmp(session->point, point, g_y.cap) == 0) { /* the initiator's own generator, or ours */
        return CEDE_EDHOC_REFLECTED;
    }
    CEDE_TRY(edhoc_derive_th_2(env, session, cede_span(g_y.ptr, g_y.cap)));
    return edhoc_derive_prk_2e(env, session);
}

/* Fills in PLAINTEXT_2, moves the session on to PRK_3e2m and TH_3. */
static enum cede_status compose_plaintext_2(const struct edhoc_env *env,
                                            struct cede_edhoc_session *session,
                                            const struct cede_edhoc_own *own,
                                            struct edhoc_draft *draft, struct cede_buf room)
{
    struct edhoc_proof_cred cred_r = {own->form, own->cred};
    struct edhoc_proof proof;

    CEDE_TRY(edhoc_draft_write(draft, room));
    CEDE_TRY(edhoc_proof_init(&proof, env, session, EDHOC_RESPONDER, &draft->id_cred, cred_r,
                              draft->ead));
    CEDE_TRY(edhoc_proof_check_curve(env, proof.signs, own->key.curve));
    if (!proof.signs) { /* PRK_3e2m */
        struct cede_span g_x = cede_span(session->point, cede_curve_public_len(env->suite->curve));
        CEDE_TRY(edhoc_mix_static_dh(env, session, EDHOC_SALT_3E2M, &own->key, g_x));
    }
    /* Signature_or_MAC_2 */
    CEDE_TRY(edhoc_proof_make(&proof, env, session->prk, &own->key, draft->signature_or_mac));
    CEDE_TRY(edhoc_proof_note_cred(&proof, env, session, true));
    /* TH_3 */
    return edhoc_proof_next_th(&proof, env, cede_span(draft->plaintext.ptr, draft->plaintext.cap),
                               session->th);
}

static enum cede_status compose(struct cede_edhoc_session *session, const struct edhoc_env *env,
                                const struct cede_edhoc_own *own,
                                const struct cede_edhoc_eads *eads, struct cede_buf out,
                                struct cede_span *message_2)
{
    struct edhoc_draft draft = {.c_r = &session->c_r, .eads = eads};
    struct cede_writer writer = cede_writer(out);
    size_t g_y_len = edhoc_coordinate_len(env->suite->curve);
    struct cede_buf g_y_ciphertext_2;
    struct cede_buf room;
    uint8_t prk_2e[CEDE_HASH_LEN_MAX];
    uint8_t th_2[CEDE_HASH_LEN_MAX];
    enum cede_status status;

    draft.signature_or_mac_len = edhoc_proof_len(env, session, EDHOC_RESPONDER);
    CEDE_TRY(cede_edhoc_id_cred_decode(own->id_cred, &draft.id_cred));
    CEDE_TRY(edhoc_wrap(&writer, g_y_len + edhoc_draft_len(&draft), &g_y_ciphertext_2));
    room = cede_buf(g_y_ciphertext_2.ptr + g_y_len, g_y_ciphertext_2.cap - g_y_len);
    CEDE_TRY(derive_ephemeral(env, session, cede_buf(g_y_ciphertext_2.ptr, g_y_len)));
    memcpy(prk_2e, session->prk, sizeof prk_2e);
    memcpy(th_2, session->th, sizeof th_2);
    status = compose_plaintext_2(env, session, own, &draft, room);
    if (status == CEDE_OK) { /* CIPHERTEXT_2 */
        status = edhoc_xor_keystream_2(env, prk_2e, th_2, draft.plaintext);
    }
    cede_wipe(prk_2e, sizeof prk_2e);
    if (status == CEDE_OK && edhoc_side_signs(session, EDHOC_INITIATOR)) {
        cede_wipe(session->ephemeral, sizeof session->ephemeral); /* no G_IY to come */
    }
    return status == CEDE_OK ? cede_writer_finish(&writer, message_2) : status;
}

static enum cede_status begin_compose(struct cede_edhoc_session *session,
                                      const struct cede_edhoc_config *config, struct cede_span c_r,
                                      struct edhoc_env *env)
{
    CEDE_TRY(edhoc_env_init(env, session, config));
    CEDE_TRY(edhoc_connection_id_set(&session->c_r, c_r));
    /* They would give both ends the same OSCORE recipient ID (section 3.3.3). */
    if (cede_span_equal(cede_edhoc_connection_id_span(&session->c_i),
                        cede_edhoc_connection_id_span(&session->c_r))) {
        return CEDE_EDHOC_CONNECTION_ID;
    }
    return CEDE_OK;
}

enum cede_status cede_edhoc_compose_message_2(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span c_r,
                                              const struct cede_edhoc_own *own,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_2)
{
    struct edhoc_env env;
    enum cede_status status;

    *message_2 = CEDE_SPAN_NULL;
    CEDE_TRY(edhoc_enter(session, CEDE_EDHOC_READY_MESSAGE_2));
    status = begin_compose(session, config, c_r, &env);
    if (status == CEDE_OK) {
        status = compose(session, &env, own, eads, out, message_2);
    }
    if (status != CEDE_OK) {
        edhoc_wipe_buf(out);
    }
    return edhoc_leave(session, status, CEDE_EDHOC_WAIT_MESSAGE_3);
}

/* --- initiator -------------------------------------------------------------------------------- */

/* G_Y, TH_2, PRK_2e */
static enum cede_status receive_ephemeral(const struct edhoc_env *env,
                                          struct cede_edhoc_session *session, struct cede_span g_y)
{
    if (memcmp(session->point, g_y.ptr, g_y.len) == 0) { /* G_X came back */
        return CEDE_EDHOC_REFLECTED;
    }
    CEDE_TRY(edhoc_point(env, g_y, session->point));
    CEDE_TRY(edhoc_derive_th_2(env, session, g_y));
    return edhoc_derive_prk_2e(env, session);
}

/* PLAINTEXT_2 = ( C_R, ID_CRED_R / bstr / -24..23, Signature_or_MAC_2, ? EAD_2 ) */
static enum cede_status decode_plaintext_2(const struct edhoc_env *env,
                                           struct cede_edhoc_session *session,
                                           const struct cede_edhoc_config *config,
                                           struct cede_span plaintext_2,
                                           struct cede_edhoc_peer *peer)
{
    struct cede_reader reader = cede_reader(plaintext_2);
    struct cede_span c_r = edhoc_get_identifier(&reader);

    CEDE_TRY(
        edhoc_peer_decode(config, &reader, edhoc_proof_len(env, session, EDHOC_RESPONDER), peer));
    if (c_r.len > CEDE_EDHOC_CONNECTION_ID_LEN_MAX) {
        return CEDE_EDHOC_LENGTH;
    }
    if (cede_span_equal(c_r, cede_edhoc_connection_id_span(&session->c_i))) {
        return CEDE_EDHOC_CONNECTION_ID;
    }
    return edhoc_connection_id_set(&session->c_r, c_r);
}

static enum cede_status process(struct cede_edhoc_session *session,
                                const struct cede_edhoc_config *config, struct cede_span message_2,
                                struct cede_buf plaintext, struct cede_edhoc_peer *peer)
{
    struct edhoc_env env;
    struct cede_span g_y_ciphertext_2;
    struct cede_span plaintext_2;
    size_t g_y_len;

    CEDE_TRY(edhoc_env_init(&env, session, config));
    CEDE_TRY(edhoc_unwrap(message_2, &g_y_ciphertext_2));
    g_y_len = edhoc_coordinate_len(env.suite->curve);
    if (g_y_ciphertext_2.len <= g_y_len) {
        return CEDE_EDHOC_LENGTH;
    }
    CEDE_TRY(receive_ephemeral(&env, session, cede_span_part(g_y_ciphertext_2, 0, g_y_len)));
    /* PLAINTEXT_2 = CIPHERTEXT_2 XOR KEYSTREAM_2 */
    CEDE_TRY(cede_copy(plaintext,
                       cede_span_part(g_y_ciphertext_2, g_y_len, g_y_ciphertext_2.len - g_y_len),
                       &plaintext_2));
    CEDE_TRY(edhoc_xor_keystream_2(&env, session->prk, session->th,
                                   cede_buf(plaintext.ptr, plaintext_2.len)));
    return decode_plaintext_2(&env, session, config, plaintext_2, peer);
}

enum cede_status cede_edhoc_process_message_2(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_2, struct cede_buf plaintext,
                                              struct cede_edhoc_peer *peer)
{
    enum cede_status status;

    memset(peer, 0, sizeof *peer);
    CEDE_TRY(edhoc_enter(session, CEDE_EDHOC_WAIT_MESSAGE_2));
    status = process(session, config, message_2, plaintext, peer);
    if (status != CEDE_OK) {
        memset(peer, 0, sizeof *peer);
        edhoc_wipe_buf(plaintext);
    }
    return edhoc_leave(session, status, CEDE_EDHOC_WAIT_CRED_R);
}

/* PRK_3e2m, when the responder has a static Diffie-Hellman key: G_RX = ECDH( X, G_R ) */
static enum cede_status mix_g_rx(const struct edhoc_env *env, struct cede_edhoc_session *session,
                                 const struct cede_public_key *key)
{
    struct cede_private_key x = edhoc_ephemeral_key(env, session);
    uint8_t g_r[CEDE_PUBLIC_KEY_LEN_MAX];

    CEDE_TRY(edhoc_point(env, key->point, g_r));
    return edhoc_mix_static_dh(env, session, EDHOC_SALT_3E2M, &x,
                               cede_span(g_r, cede_curve_public_len(env->suite->curve)));
}

static enum cede_status verify(struct cede_edhoc_session *session,
                               const struct cede_edhoc_config *config,
                               const struct cede_edhoc_peer *peer,
                               const struct cede_edhoc_credential *credential)
{
    struct edhoc_proof_cred cred_r = {credential->form, credential->cred};
    struct edhoc_proof proof;
    struct edhoc_env env;

    CEDE_TRY(edhoc_env_init(&env, session, config));
    CEDE_TRY(edhoc_proof_init(&proof, &env, session, EDHOC_RESPONDER, &peer->id_cred, cred_r,
                              peer->ead));
    CEDE_TRY(edhoc_proof_check_curve(&env, proof.signs, credential->public_key.curve));
    if (!proof.signs) {
        CEDE_TRY(mix_g_rx(&env, session, &credential->public_key));
    }
    /* MAC_2, Signature_2 */
    CEDE_TRY(edhoc_proof_verify(&proof, &env, session->prk, &credential->public_key,
                                peer->signature_or_mac));
    CEDE_TRY(edhoc_proof_note_cred(&proof, &env, session, true));
    cede_wipe(session->ephemeral, sizeof session->ephemeral);
    /* TH_3 */
    return edhoc_proof_next_th(&proof, &env, peer->plaintext, session->th);
}

enum cede_status cede_edhoc_verify_message_2(struct cede_edhoc_session *session,
                                             const struct cede_edhoc_config *config,
                                             const struct cede_edhoc_peer *peer,
                                             const struct cede_edhoc_credential *credential)
{
    CEDE_TRY(edhoc_enter(session, CEDE_EDHOC_WAIT_CRED_R));
    return edhoc_leave(session, verify(session, config, peer, credential),
                       CEDE_EDHOC_READY_MESSAGE_3);
}
