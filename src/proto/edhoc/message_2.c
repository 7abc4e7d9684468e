/* SPDX-License-Identifier: Apache-2.0 */
/* message_2.c - message_2 = ( G_Y | CIPHERTEXT_2 ) (RFC 9528, section 5.3). */
#include <string.h>

#include "edhoc_engine.h"

/* --- responder -------------------------------------------------------------------------------- */

/* Y, G_Y, TH_2, PRK_2e */
static enum cede_status derive_ephemeral(struct edhoc_step *step, struct cede_buf g_y)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];

    CEDE_TRY(edhoc_generate(step, point));
    memcpy(g_y.ptr, point, g_y.cap);
    if (memcmp(step->session->point, point, g_y.cap) == 0) { /* a broken generator, here or there */
        return CEDE_EDHOC_REFLECTED;
    }
    return edhoc_derive_prk_2e(step, g_y.ptr);
}

/* PLAINTEXT_2, then CIPHERTEXT_2 in its place; the session moves on to PRK_3e2m and TH_3. */
static enum cede_status compose_ciphertext_2(struct edhoc_step *step,
                                             const struct cede_edhoc_own *own,
                                             const struct cede_edhoc_eads *eads,
                                             struct cede_buf out, struct cede_span *ciphertext_2)
{
    struct cede_writer writer = cede_writer(out);
    struct cede_edhoc_peer self;
    uint8_t prk_2e[CEDE_HASH_LEN_MAX];
    uint8_t th_2[CEDE_HASH_LEN_MAX];
    enum cede_status status;

    edhoc_put_identifier(&writer, &step->session->c_r);
    CEDE_TRY(edhoc_put_plaintext(step, &writer, own, eads, &self));
    memcpy(prk_2e, step->session->prk, sizeof prk_2e);
    memcpy(th_2, step->session->th, sizeof th_2);
    status = edhoc_prove(step, own, &self);
    if (status == CEDE_OK) {
        step->prk = prk_2e;
        step->parts[EDHOC_PART_TH].ptr = th_2;
        status = edhoc_kdf_xor(step, EDHOC_KEYSTREAM_2, out.ptr, self.plaintext.len);
    }
    cede_wipe(prk_2e, sizeof prk_2e);
    *ciphertext_2 = self.plaintext;
    return status;
}

static enum cede_status compose(struct edhoc_step *step, struct cede_span c_r,
                                const struct cede_edhoc_own *own,
                                const struct cede_edhoc_eads *eads, struct cede_buf out,
                                struct cede_span *message_2)
{
    struct cede_edhoc_session *session = step->session;
    size_t g_y_len = step->suite->coordinate_len;
    struct cede_buf g_y = edhoc_content(out, 0);
    struct cede_buf room = edhoc_content(out, g_y_len);
    struct cede_span ciphertext_2;

    if (room.ptr == NULL) {
        return CEDE_NO_SPACE;
    }
    CEDE_TRY(edhoc_c_r_set(session, c_r));
    CEDE_TRY(derive_ephemeral(step, cede_buf(g_y.ptr, g_y_len)));
    CEDE_TRY(compose_ciphertext_2(step, own, eads, room, &ciphertext_2));
    if (edhoc_signs(session, EDHOC_INITIATOR) && !step->config->keep_ephemeral) {
        cede_wipe(session->ephemeral, sizeof session->ephemeral); /* no G_IY to come */
    }
    return edhoc_wrap(out, cede_span(g_y.ptr, g_y_len + ciphertext_2.len), message_2);
}

enum cede_status cede_edhoc_compose_message_2(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span c_r,
                                              const struct cede_edhoc_own *own,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_2)
{
    struct edhoc_step step;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_READY_MESSAGE_2, message_2,
                         sizeof *message_2));
    step.side = EDHOC_RESPONDER;
    return edhoc_leave(&step, compose(&step, c_r, own, eads, out, message_2), out,
                       CEDE_EDHOC_WAIT_MESSAGE_3);
}

/* --- initiator -------------------------------------------------------------------------------- */

/* G_Y, TH_2, PRK_2e */
static enum cede_status receive_ephemeral(struct edhoc_step *step, struct cede_span g_y)
{
    if (memcmp(step->session->point, g_y.ptr, g_y.len) == 0) { /* G_X came back */
        return CEDE_EDHOC_REFLECTED;
    }
    CEDE_TRY(edhoc_point(step, g_y, step->session->point));
    return edhoc_derive_prk_2e(step, g_y.ptr);
}

/* PLAINTEXT_2 = ( C_R, ID_CRED_R / bstr / -24..23, Signature_or_MAC_2, ? EAD_2 ) */
static enum cede_status decode_plaintext_2(struct edhoc_step *step, struct cede_span plaintext_2,
                                           struct cede_edhoc_peer *peer)
{
    struct cede_reader reader = cede_reader(plaintext_2);
    struct cede_span c_r = edhoc_get_identifier(&reader);

    CEDE_TRY(edhoc_get_plaintext(step, &reader, peer));
    return edhoc_c_r_set(step->session, c_r);
}

static enum cede_status process(struct edhoc_step *step, struct cede_span message_2,
                                struct cede_buf plaintext, struct cede_edhoc_peer *peer)
{
    size_t g_y_len = step->suite->coordinate_len;
    struct cede_span content;
    uint8_t *text;
    size_t text_len;

    CEDE_TRY(edhoc_unwrap(message_2, plaintext, &content));
    if (content.len <= g_y_len) {
        return CEDE_EDHOC_LENGTH;
    }
    CEDE_TRY(receive_ephemeral(step, cede_span(content.ptr, g_y_len)));
    /* PLAINTEXT_2 = CIPHERTEXT_2 XOR KEYSTREAM_2 */
    text = plaintext.ptr + g_y_len;
    text_len = content.len - g_y_len;
    CEDE_TRY(edhoc_kdf_xor(step, EDHOC_KEYSTREAM_2, text, text_len));
    return decode_plaintext_2(step, cede_span(text, text_len), peer);
}

enum cede_status cede_edhoc_process_message_2(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_2, struct cede_buf plaintext,
                                              struct cede_edhoc_peer *peer)
{
    struct edhoc_step step;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_WAIT_MESSAGE_2, peer, sizeof *peer));
    step.side = EDHOC_RESPONDER;
    return edhoc_leave(&step, process(&step, message_2, plaintext, peer), plaintext,
                       CEDE_EDHOC_WAIT_CRED_R);
}

enum cede_status cede_edhoc_verify_message_2(struct cede_edhoc_session *session,
                                             const struct cede_edhoc_config *config,
                                             const struct cede_edhoc_peer *peer,
                                             const struct cede_edhoc_credential *credential)
{
    struct edhoc_step step;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_WAIT_CRED_R, NULL, 0));
    step.side = EDHOC_RESPONDER;
    return edhoc_leave(&step, edhoc_check_proof(&step, peer, credential), cede_buf(NULL, 0),
                       CEDE_EDHOC_READY_MESSAGE_3);
}
