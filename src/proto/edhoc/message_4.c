/* SPDX-License-Identifier: Apache-2.0 */
/* message_4.c - message_4 = ( CIPHERTEXT_4 ), optional key confirmation (RFC 9528, section 5.5). */
#include <string.h>

#include "edhoc_engine.h"

/* PLAINTEXT_4 = ( ? EAD_4 ) */
static enum cede_status compose(const struct edhoc_env *env, const struct cede_edhoc_eads *eads,
                                struct cede_buf out, struct cede_span *message_4)
{
    struct cede_writer counting = cede_writer_counting();
    struct cede_writer writer = cede_writer(out);
    struct cede_writer plaintext_4;
    struct cede_buf ciphertext_4;
    struct edhoc_aead aead;
    enum cede_status status;

    edhoc_put_eads(&counting, eads);
    CEDE_TRY(
        edhoc_wrap(&writer, counting.len + cede_aead_tag_len(env->suite->aead), &ciphertext_4));
    plaintext_4 = cede_writer(ciphertext_4);
    edhoc_put_eads(&plaintext_4, eads);
    CEDE_TRY(plaintext_4.status);
    status = edhoc_derive_aead(env, EDHOC_K_4, &aead);
    if (status == CEDE_OK) {
        status = edhoc_seal(env, &aead, plaintext_4.len, ciphertext_4);
    }
    cede_wipe(&aead, sizeof aead);
    cede_wipe(env->session->prk, sizeof env->session->prk);
    return status == CEDE_OK ? cede_writer_finish(&writer, message_4) : status;
}

enum cede_status cede_edhoc_compose_message_4(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_4)
{
    struct edhoc_env env;

    *message_4 = CEDE_SPAN_NULL;
    CEDE_TRY(edhoc_begin(&env, session, config, CEDE_EDHOC_READY_MESSAGE_4));
    return edhoc_leave(session, compose(&env, eads, out, message_4), out, CEDE_EDHOC_DONE);
}

enum cede_status cede_edhoc_process_message_4(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_4, struct cede_buf plaintext,
                                              struct cede_edhoc_eads *eads)
{
    struct edhoc_env env;
    struct cede_span plaintext_4;
    enum cede_status status;

    memset(eads, 0, sizeof *eads);
    CEDE_TRY(edhoc_begin(&env, session, config, CEDE_EDHOC_WAIT_MESSAGE_4));
    status = edhoc_open(&env, EDHOC_K_4, message_4, plaintext, &plaintext_4);
    if (status == CEDE_OK) {
        status = edhoc_eads_decode(config, plaintext_4, eads);
    }
    cede_wipe(session->prk, sizeof session->prk);
    return edhoc_leave(session, status, plaintext, CEDE_EDHOC_DONE);
}
