/* SPDX-License-Identifier: Apache-2.0 */
/* message_4.c - message_4 = ( CIPHERTEXT_4 ), optional key confirmation (RFC 9528, section 5.5). */
#include <string.h>

#include "edhoc_engine.h"

/* PLAINTEXT_4 = ( ? EAD_4 ) */
static enum cede_status compose(struct cede_edhoc_session *session,
                                const struct cede_edhoc_config *config,
                                const struct cede_edhoc_eads *eads, struct cede_buf out,
                                struct cede_span *message_4)
{
    struct cede_writer counting = cede_writer_counting();
    struct cede_writer writer = cede_writer(out);
    struct cede_writer plaintext_4;
    struct cede_buf ciphertext_4;
    struct edhoc_env env;

    CEDE_TRY(edhoc_env_init(&env, session, config));
    edhoc_put_eads(&counting, eads);
    CEDE_TRY(edhoc_wrap(&writer, counting.len + cede_aead_tag_len(env.suite->aead), &ciphertext_4));
    plaintext_4 = cede_writer(ciphertext_4);
    edhoc_put_eads(&plaintext_4, eads);
    CEDE_TRY(plaintext_4.status);
    CEDE_TRY(edhoc_encrypt0_seal(&env, session->prk, EDHOC_K_4, session->th, plaintext_4.len,
                                 ciphertext_4));
    cede_wipe(session->prk, sizeof session->prk);
    return cede_writer_finish(&writer, message_4);
}

enum cede_status cede_edhoc_compose_message_4(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_4)
{
    enum cede_status status;

    *message_4 = CEDE_SPAN_NULL;
    CEDE_TRY(edhoc_enter(session, CEDE_EDHOC_READY_MESSAGE_4));
    status = compose(session, config, eads, out, message_4);
    if (status != CEDE_OK) {
        edhoc_wipe_buf(out);
    }
    return edhoc_leave(session, status, CEDE_EDHOC_DONE);
}

static enum cede_status process(struct cede_edhoc_session *session,
                                const struct cede_edhoc_config *config, struct cede_span message_4,
                                struct cede_buf plaintext, struct cede_edhoc_eads *eads)
{
    struct edhoc_env env;
    struct cede_span ciphertext_4;
    struct cede_span plaintext_4;

    CEDE_TRY(edhoc_env_init(&env, session, config));
    CEDE_TRY(edhoc_unwrap(message_4, &ciphertext_4));
    CEDE_TRY(edhoc_encrypt0_open(&env, session->prk, EDHOC_K_4, session->th, ciphertext_4,
                                 plaintext, &plaintext_4));
    CEDE_TRY(edhoc_eads_decode(config, plaintext_4, eads));
    cede_wipe(session->prk, sizeof session->prk);
    return CEDE_OK;
}

enum cede_status cede_edhoc_process_message_4(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_4, struct cede_buf plaintext,
                                              struct cede_edhoc_eads *eads)
{
    enum cede_status status;

    memset(eads, 0, sizeof *eads);
    CEDE_TRY(edhoc_enter(session, CEDE_EDHOC_WAIT_MESSAGE_4));
    status = process(session, config, message_4, plaintext, eads);
    if (status != CEDE_OK) {
        memset(eads, 0, sizeof *eads);
        edhoc_wipe_buf(plaintext);
    }
    return edhoc_leave(session, status, CEDE_EDHOC_DONE);
}
