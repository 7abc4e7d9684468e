/* SPDX-License-Identifier: Apache-2.0 */
/* message_4.c - message_4 = ( CIPHERTEXT_4 ), optional key confirmation (RFC 9528, section 5.5). */
#include "edhoc_engine.h"

/* PLAINTEXT_4 = ( ? EAD_4 ) */
static enum cede_status compose(struct edhoc_step *step, const struct cede_edhoc_eads *eads,
                                struct cede_buf out, struct cede_span *message_4)
{
    struct cede_buf room = edhoc_content(out, 0);
    struct cede_writer writer = cede_writer(room);
    struct cede_span plaintext_4;

    edhoc_put_eads(&writer, eads);
    CEDE_TRY(edhoc_written(&writer, &plaintext_4));
    CEDE_TRY(edhoc_derive_aead(step, EDHOC_K_4));
    CEDE_TRY(edhoc_seal(step, plaintext_4, room, message_4));
    return edhoc_wrap(out, *message_4, message_4);
}

enum cede_status cede_edhoc_compose_message_4(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_4)
{
    struct edhoc_step step;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_READY_MESSAGE_4, message_4,
                         sizeof *message_4));
    CEDE_TRY(edhoc_leave(&step, compose(&step, eads, out, message_4), out, CEDE_EDHOC_DONE));
    cede_wipe(session->prk, sizeof session->prk);
    return CEDE_OK;
}

static enum cede_status process(struct edhoc_step *step, struct cede_span message_4,
                                struct cede_buf plaintext, struct cede_edhoc_eads *eads)
{
    struct cede_span plaintext_4;

    CEDE_TRY(edhoc_open(step, EDHOC_K_4, message_4, plaintext, &plaintext_4));
    cede_wipe(step->session->prk, sizeof step->session->prk);
    return edhoc_eads_decode(step->config, plaintext_4, eads);
}

enum cede_status cede_edhoc_process_message_4(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_4, struct cede_buf plaintext,
                                              struct cede_edhoc_eads *eads)
{
    struct edhoc_step step;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_WAIT_MESSAGE_4, eads, sizeof *eads));
    return edhoc_leave(&step, process(&step, message_4, plaintext, eads), plaintext,
                       CEDE_EDHOC_DONE);
}
