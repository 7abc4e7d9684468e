/* SPDX-License-Identifier: Apache-2.0 */
/* exporter.c - keys for the application (RFC 9528, section 4.2, appendices A.1 and H). */
#include <string.h>

#include "edhoc_engine.h"

#define LABEL_MASTER_SECRET 0
#define LABEL_MASTER_SALT   1

/* Begins a step that draws keys from PRK_out. */
static enum cede_status begin(struct edhoc_step *step, const struct cede_edhoc_session *session,
                              const struct cede_edhoc_config *config)
{
    if (!cede_edhoc_has_keys(session)) {
        return CEDE_EDHOC_STATE;
    }
    CEDE_TRY(edhoc_step_init(step, config, session->suite));
    step->prk = session->prk_out;
    return CEDE_OK;
}

static enum cede_status leave(struct edhoc_step *step, enum cede_status status, void *out,
                              size_t len)
{
    cede_wipe(step, sizeof *step);
    if (status != CEDE_OK) {
        cede_wipe(out, len);
    }
    return status;
}

/* PRK_exporter = EDHOC_KDF( PRK_out, 10, h'', hash_length ), which from here on is the step's. */
static enum cede_status derive_prk_exporter(struct edhoc_step *step)
{
    CEDE_TRY(edhoc_kdf(step, EDHOC_PRK_EXPORTER, step->derived, step->suite->hash_len));
    step->prk = step->derived;
    return CEDE_OK;
}

enum cede_status cede_edhoc_export(const struct cede_edhoc_session *session,
                                   const struct cede_edhoc_config *config, uint32_t label,
                                   struct cede_span context, struct cede_buf out)
{
    struct edhoc_step step;
    enum cede_status status;

    CEDE_TRY(begin(&step, session, config));
    if (out.cap > 255 * (size_t)step.suite->hash_len) {
        return CEDE_BAD_ARGUMENT;
    }
    status = derive_prk_exporter(&step);
    if (status == CEDE_OK) {
        step.parts[EDHOC_PART_TH] = context;
        status = edhoc_kdf(&step, label, out.ptr, out.cap);
    }
    return leave(&step, status, out.ptr, out.cap);
}

enum cede_status cede_edhoc_update_key(struct cede_edhoc_session *session,
                                       const struct cede_edhoc_config *config,
                                       struct cede_span context)
{
    struct edhoc_step step;
    enum cede_status status;

    CEDE_TRY(begin(&step, session, config));
    step.parts[EDHOC_PART_TH] = context;
    status = edhoc_kdf(&step, EDHOC_KEY_UPDATE, step.derived, step.suite->hash_len);
    if (status == CEDE_OK) {
        memcpy(session->prk_out, step.derived, step.suite->hash_len);
    }
    return leave(&step, status, NULL, 0);
}

static enum cede_status fill_oscore(struct edhoc_step *step,
                                    const struct cede_edhoc_session *session,
                                    struct cede_edhoc_oscore *oscore)
{
    const struct cede_edhoc_connection_id *own =
        session->is_initiator ? &session->c_i : &session->c_r;
    const struct cede_edhoc_connection_id *peers =
        session->is_initiator ? &session->c_r : &session->c_i;

    oscore->aead = step->suite->application_aead;
    oscore->hash = step->suite->application_hash;
    oscore->master_secret_len = step->suite->application_key_len;
    memcpy(&oscore->sender_id, peers, sizeof *peers);
    memcpy(&oscore->recipient_id, own, sizeof *own);
    CEDE_TRY(derive_prk_exporter(step));
    CEDE_TRY(
        edhoc_kdf(step, LABEL_MASTER_SECRET, oscore->master_secret, oscore->master_secret_len));
    return edhoc_kdf(step, LABEL_MASTER_SALT, oscore->master_salt, sizeof oscore->master_salt);
}

enum cede_status cede_edhoc_export_oscore(const struct cede_edhoc_session *session,
                                          const struct cede_edhoc_config *config,
                                          struct cede_edhoc_oscore *oscore)
{
    struct edhoc_step step;

    memset(oscore, 0, sizeof *oscore);
    CEDE_TRY(begin(&step, session, config));
    return leave(&step, fill_oscore(&step, session, oscore), oscore, sizeof *oscore);
}
