/* SPDX-License-Identifier: Apache-2.0 */
/* message_3.c - message_3 = ( CIPHERTEXT_3 ) (RFC 9528, section 5.4). */
#include "edhoc_engine.h"

/* --- initiator -------------------------------------------------------------------------------- */

/* PLAINTEXT_3, then CIPHERTEXT_3 in its place; the session moves on to PRK_4e3m and TH_4. */
static enum cede_status compose(struct edhoc_step *step, const struct cede_edhoc_own *own,
                                const struct cede_edhoc_eads *eads, struct cede_buf out,
                                struct cede_span *message_3)
{
    struct cede_buf room = edhoc_content(out, 0);
    struct cede_writer writer = cede_writer(room);
    struct cede_edhoc_peer self;

    CEDE_TRY(edhoc_derive_aead(step, EDHOC_K_3));
    CEDE_TRY(edhoc_put_plaintext(step, &writer, own, eads, &self));
    CEDE_TRY(edhoc_prove(step, own, &self));
    CEDE_TRY(edhoc_seal(step, self.plaintext, room, message_3));
    CEDE_TRY(edhoc_derive_prk_out(step));
    return edhoc_wrap(out, *message_3, message_3);
}

enum cede_status cede_edhoc_compose_message_3(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              const struct cede_edhoc_own *own,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_3)
{
    struct edhoc_step step;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_READY_MESSAGE_3, message_3,
                         sizeof *message_3));
    step.side = EDHOC_INITIATOR;
    return edhoc_leave(&step, compose(&step, own, eads, out, message_3), out,
                       CEDE_EDHOC_WAIT_MESSAGE_4);
}

/* --- responder -------------------------------------------------------------------------------- */

static enum cede_status process(struct edhoc_step *step, struct cede_span message_3,
                                struct cede_buf plaintext, struct cede_edhoc_peer *peer)
{
    struct cede_span plaintext_3;
    struct cede_reader reader;

    CEDE_TRY(edhoc_open(step, EDHOC_K_3, message_3, plaintext, &plaintext_3));
    reader = cede_reader(plaintext_3);
    return edhoc_get_plaintext(step, &reader, peer);
}

enum cede_status cede_edhoc_process_message_3(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_3, struct cede_buf plaintext,
                                              struct cede_edhoc_peer *peer)
{
    struct edhoc_step step;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_WAIT_MESSAGE_3, peer, sizeof *peer));
    step.side = EDHOC_INITIATOR;
    return edhoc_leave(&step, process(&step, message_3, plaintext, peer), plaintext,
                       CEDE_EDHOC_WAIT_CRED_I);
}

enum cede_status cede_edhoc_verify_message_3(struct cede_edhoc_session *session,
                                             const struct cede_edhoc_config *config,
                                             const struct cede_edhoc_peer *peer,
                                             const struct cede_edhoc_credential *credential)
{
    struct edhoc_step step;
    enum cede_status status;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_WAIT_CRED_I, NULL, 0));
    step.side = EDHOC_INITIATOR;
    status = edhoc_check_proof(&step, peer, credential);
    if (status == CEDE_OK) {
        status = edhoc_derive_prk_out(&step);
    }
    return edhoc_leave(&step, status, cede_buf(NULL, 0), CEDE_EDHOC_READY_MESSAGE_4);
}
