/* SPDX-License-Identifier: Apache-2.0 */
/* message_2.c - message_2 = ( G_Y | CIPHERTEXT_2 ) (RFC 9528, section 5.3). */
#include <string.h>

#include "edhoc_engine.h"

/* --- responder -------------------------------------------------------------------------------- */

/* Y, G_Y, TH_2, PRK_2e */
static enum cede_status derive_ephemeral(const struct edhoc_env *env, struct cede_buf g_y)
{
    struct cede_edhoc_session *session = env->session;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];

    CEDE_TRY(
        env->crypto->generate(env->crypto->context, env->suite->curve, session->ephemeral, point));
    memcpy(g_y.ptr, point, g_y.cap);
    if (memcmp(session->point, point, g_y.cap) == 0) { /* the initiator's own generator, or ours */
        return CEDE_EDHOC_REFLECTED;
    }
    CEDE_TRY(edhoc_derive_th_2(env, cede_span(g_y.ptr, g_y.cap)));
    return edhoc_derive_prk_2e(env);
}

/* PLAINTEXT_2, then CIPHERTEXT_2 in its place; the session moves on to PRK_3e2m and TH_3. */
static enum cede_status compose_ciphertext_2(const struct edhoc_env *env,
                                             const struct cede_edhoc_own *own,
                                             struct edhoc_draft *draft, struct cede_buf room)
{
    uint8_t prk_2e[CEDE_HASH_LEN_MAX];
    uint8_t th_2[CEDE_HASH_LEN_MAX];
    enum cede_status status;

    memcpy(prk_2e, env->session->prk, sizeof prk_2e);
    memcpy(th_2, env->session->th, sizeof th_2);
    status = edhoc_draft_write(draft, room);
    if (status == CEDE_OK) {
        status = edhoc_prove(env, EDHOC_RESPONDER, own, draft);
    }
    if (status == CEDE_OK) {
        status = edhoc_xor_keystream_2(env, prk_2e, th_2, draft->plaintext);
    }
    cede_wipe(prk_2e, sizeof prk_2e);
    return status;
}

static enum cede_status compose(const struct edhoc_env *env, struct cede_span c_r,
                                const struct cede_edhoc_own *own,
                                const struct cede_edhoc_eads *eads, struct cede_buf out,
                                struct cede_span *message_2)
{
    struct cede_edhoc_session *session = env->session;
    struct edhoc_draft draft = {.c_r = &session->c_r, .eads = eads};
    struct cede_writer writer = cede_writer(out);
    size_t g_y_len = env->coordinate_len;
    struct cede_buf content;

    CEDE_TRY(edhoc_connection_id_set(&session->c_r, c_r));
    /* They would give both ends the same OSCORE recipient ID (section 3.3.3). */
    if (cede_span_equal(cede_edhoc_connection_id_span(&session->c_i),
                        cede_edhoc_connection_id_span(&session->c_r))) {
        return CEDE_EDHOC_CONNECTION_ID;
    }
    draft.signature_or_mac_len = edhoc_proof_len(env, EDHOC_RESPONDER);
    CEDE_TRY(cede_edhoc_id_cred_decode(own->id_cred, &draft.id_cred));
    CEDE_TRY(edhoc_wrap(&writer, g_y_len + edhoc_draft_len(&draft), &content));
    CEDE_TRY(derive_ephemeral(env, cede_buf(content.ptr, g_y_len)));
    CEDE_TRY(compose_ciphertext_2(env, own, &draft,
                                  cede_buf(content.ptr + g_y_len, content.cap - g_y_len)));
    if (edhoc_side_signs(session, EDHOC_INITIATOR) && !env->config->keep_ephemeral) {
        cede_wipe(session->ephemeral, sizeof session->ephemeral); /* no G_IY to come */
    }
    return cede_writer_finish(&writer, message_2);
}

enum cede_status cede_edhoc_compose_message_2(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span c_r,
                                              const struct cede_edhoc_own *own,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_2)
{
    struct edhoc_env env;

    *message_2 = CEDE_SPAN_NULL;
    CEDE_TRY(edhoc_begin(&env, session, config, CEDE_EDHOC_READY_MESSAGE_2));
    return edhoc_leave(session, compose(&env, c_r, own, eads, out, message_2), out,
                       CEDE_EDHOC_WAIT_MESSAGE_3);
}

/* --- initiator -------------------------------------------------------------------------------- */

/* G_Y, TH_2, PRK_2e */
static enum cede_status receive_ephemeral(const struct edhoc_env *env, struct cede_span g_y)
{
    if (memcmp(env->session->point, g_y.ptr, g_y.len) == 0) { /* G_X came back */
        return CEDE_EDHOC_REFLECTED;
    }
    CEDE_TRY(edhoc_point(env, g_y, env->session->point));
    CEDE_TRY(edhoc_derive_th_2(env, g_y));
    return edhoc_derive_prk_2e(env);
}

/* PLAINTEXT_2 = ( C_R, ID_CRED_R / bstr / -24..23, Signature_or_MAC_2, ? EAD_2 ) */
static enum cede_status decode_plaintext_2(const struct edhoc_env *env,
                                           struct cede_span plaintext_2,
                                           struct cede_edhoc_peer *peer)
{
    struct cede_edhoc_session *session = env->session;
    struct cede_reader reader = cede_reader(plaintext_2);
    struct cede_span c_r = edhoc_get_identifier(&reader);

    CEDE_TRY(edhoc_peer_decode(env, EDHOC_RESPONDER, &reader, peer));
    if (c_r.len > CEDE_EDHOC_CONNECTION_ID_LEN_MAX) {
        return CEDE_EDHOC_LENGTH;
    }
    if (cede_span_equal(c_r, cede_edhoc_connection_id_span(&session->c_i))) {
        return CEDE_EDHOC_CONNECTION_ID;
    }
    return edhoc_connection_id_set(&session->c_r, c_r);
}

static enum cede_status process(const struct edhoc_env *env, struct cede_span message_2,
                                struct cede_buf plaintext, struct cede_edhoc_peer *peer)
{
    size_t g_y_len = env->coordinate_len;
    struct cede_span content;
    struct cede_span plaintext_2;

    CEDE_TRY(edhoc_unwrap(message_2, &content));
    if (content.len <= g_y_len) {
        return CEDE_EDHOC_LENGTH;
    }
    CEDE_TRY(receive_ephemeral(env, cede_span(content.ptr, g_y_len)));
    /* PLAINTEXT_2 = CIPHERTEXT_2 XOR KEYSTREAM_2 */
    CEDE_TRY(cede_copy(plaintext, cede_span(content.ptr + g_y_len, content.len - g_y_len),
                       &plaintext_2));
    CEDE_TRY(edhoc_xor_keystream_2(env, env->session->prk, env->session->th,
                                   cede_buf(plaintext.ptr, plaintext_2.len)));
    return decode_plaintext_2(env, plaintext_2, peer);
}

enum cede_status cede_edhoc_process_message_2(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_2, struct cede_buf plaintext,
                                              struct cede_edhoc_peer *peer)
{
    struct edhoc_env env;
    enum cede_status status;

    memset(peer, 0, sizeof *peer);
    CEDE_TRY(edhoc_begin(&env, session, config, CEDE_EDHOC_WAIT_MESSAGE_2));
    status = process(&env, message_2, plaintext, peer);
    if (status != CEDE_OK) {
        memset(peer, 0, sizeof *peer);
    }
    return edhoc_leave(session, status, plaintext, CEDE_EDHOC_WAIT_CRED_R);
}

enum cede_status cede_edhoc_verify_message_2(struct cede_edhoc_session *session,
                                             const struct cede_edhoc_config *config,
                                             const struct cede_edhoc_peer *peer,
                                             const struct cede_edhoc_credential *credential)
{
    struct edhoc_env env;

    CEDE_TRY(edhoc_begin(&env, session, config, CEDE_EDHOC_WAIT_CRED_R));
    return edhoc_leave(session, edhoc_check_proof(&env, EDHOC_RESPONDER, peer, credential),
                       cede_buf(NULL, 0), CEDE_EDHOC_READY_MESSAGE_3);
}
