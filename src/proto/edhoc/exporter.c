/* SPDX-License-Identifier: Apache-2.0 */
/* exporter.c - keys for the application (RFC 9528, section 4.2, appendices A.1 and H). */
#include <string.h>

#include "edhoc_engine.h"

#define LABEL_MASTER_SECRET 0
#define LABEL_MASTER_SALT   1

enum cede_status cede_edhoc_export(const struct cede_edhoc_session *session,
                                   const struct cede_edhoc_config *config, uint32_t label,
                                   struct cede_span context, struct cede_buf out)
{
    struct edhoc_env env;
    uint8_t prk_exporter[CEDE_HASH_LEN_MAX];
    enum cede_status status;

    if (!cede_edhoc_has_keys(session)) {
        return CEDE_EDHOC_STATE;
    }
    CEDE_TRY(edhoc_env_init(&env, config, session->suite));
    /* PRK_exporter = EDHOC_KDF( PRK_out, 10, h'', hash_length ) */
    status = edhoc_kdf(&env, session->prk_out, EDHOC_PRK_EXPORTER, NULL, 0,
                       cede_buf(prk_exporter, env.hash_len));
    if (status == CEDE_OK) {
        status = edhoc_kdf(&env, prk_exporter, label, &context, 1, out);
    }
    cede_wipe(prk_exporter, sizeof prk_exporter);
    return status;
}

enum cede_status cede_edhoc_update_key(struct cede_edhoc_session *session,
                                       const struct cede_edhoc_config *config,
                                       struct cede_span context)
{
    struct edhoc_env env;
    uint8_t prk_out[CEDE_HASH_LEN_MAX];
    enum cede_status status;

    if (!cede_edhoc_has_keys(session)) {
        return CEDE_EDHOC_STATE;
    }
    CEDE_TRY(edhoc_env_init(&env, config, session->suite));
    status = edhoc_kdf(&env, session->prk_out, EDHOC_KEY_UPDATE, &context, 1,
                       cede_buf(prk_out, env.hash_len));
    if (status == CEDE_OK) {
        memcpy(session->prk_out, prk_out, env.hash_len);
    }
    cede_wipe(prk_out, sizeof prk_out);
    return status;
}

enum cede_status cede_edhoc_export_oscore(const struct cede_edhoc_session *session,
                                          const struct cede_edhoc_config *config,
                                          struct cede_edhoc_oscore *oscore)
{
    struct edhoc_env env;
    size_t secret_len;
    enum cede_status status;

    memset(oscore, 0, sizeof *oscore);
    CEDE_TRY(edhoc_env_init(&env, config, session->suite));
    secret_len = cede_aead_key_len(env.suite->application_aead);
    status = cede_edhoc_export(session, config, LABEL_MASTER_SECRET, CEDE_SPAN_NULL,
                               cede_buf(oscore->master_secret, secret_len));
    if (status == CEDE_OK) {
        status = cede_edhoc_export(session, config, LABEL_MASTER_SALT, CEDE_SPAN_NULL,
                                   CEDE_BUF_ARRAY(oscore->master_salt));
    }
    if (status != CEDE_OK) {
        cede_wipe(oscore, sizeof *oscore);
        return status;
    }
    oscore->aead = env.suite->application_aead;
    oscore->hash = env.suite->application_hash;
    oscore->master_secret_len = (uint8_t)secret_len;
    oscore->sender_id = session->is_initiator ? session->c_r : session->c_i;
    oscore->recipient_id = session->is_initiator ? session->c_i : session->c_r;
    return CEDE_OK;
}
