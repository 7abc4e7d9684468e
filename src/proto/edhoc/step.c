/* SPDX-License-Identifier: Apache-2.0 */
/* step.c - what every step of EDHOC does at its beginning and end, and the parts it computes over.
 */
#include <string.h>

#include "edhoc_engine.h"

enum cede_status edhoc_step_init(struct edhoc_step *step, const struct cede_edhoc_config *config,
                                 int32_t suite)
{
    memset(step, 0, sizeof *step);
    step->config = config;
    step->crypto = config->crypto;
    step->suite = edhoc_suite_find(config, suite);
    step->heads = cede_writer(CEDE_BUF_ARRAY(step->heads_memory));
    return step->suite == NULL ? CEDE_BAD_ARGUMENT : CEDE_OK;
}

enum cede_status edhoc_begin(struct edhoc_step *step, struct cede_edhoc_session *session,
                             const struct cede_edhoc_config *config, enum cede_edhoc_state state,
                             void *result, size_t result_len)
{
    enum cede_status status;

    cede_wipe(result, result_len);
    if (session->state != state) {
        return CEDE_EDHOC_STATE;
    }
    session->state = CEDE_EDHOC_FAILED;
    status = edhoc_step_init(step, config, session->suite);
    if (status != CEDE_OK) {
        cede_edhoc_wipe(session);
        return status;
    }
    step->session = session;
    step->prk = session->prk;
    step->result = cede_buf(result, result_len);
    edhoc_parts_clear(step);
    return CEDE_OK;
}

enum cede_status edhoc_leave(struct edhoc_step *step, enum cede_status status, struct cede_buf out,
                             enum cede_edhoc_state next)
{
    struct cede_edhoc_session *session = step->session;

    session->state = (uint8_t)next;
    if (status != CEDE_OK) {
        cede_edhoc_wipe(session);
        cede_wipe(step->result.ptr, step->result.cap);
        cede_wipe(out.ptr, out.cap);
    }
    cede_wipe(step, sizeof *step);
    return status;
}

void edhoc_parts_clear(struct edhoc_step *step)
{
    memset(step->parts, 0, sizeof step->parts);
    step->parts[EDHOC_PART_TH] = cede_span(step->session->th, step->suite->hash_len);
    step->heads.len = 0;
}

void edhoc_put_head(struct edhoc_step *step, enum edhoc_part part, enum cede_cbor_type type,
                    size_t argument)
{
    struct cede_span *head = &step->parts[part];
    size_t at = step->heads.len;

    cede_cbor_put_head(&step->heads, type, argument);
    if (head->len == 0) {
        head->ptr = step->heads_memory + at;
    }
    head->len += step->heads.len - at;
}

void edhoc_put_bytes_head(struct edhoc_step *step, enum edhoc_part part)
{
    edhoc_put_head(step, part - 1, CEDE_CBOR_BYTES, step->parts[part].len);
}

size_t edhoc_parts_len(const struct edhoc_step *step, enum edhoc_part from, enum edhoc_part to)
{
    size_t len = 0;

    for (unsigned i = from; i < to; i++) {
        len += step->parts[i].len;
    }
    return len;
}

enum cede_status edhoc_hash(const struct edhoc_step *step, enum edhoc_part from, enum edhoc_part to,
                            uint8_t *hash)
{
    return step->crypto->hash(step->crypto->context, step->suite->hash, step->parts + from,
                              to - from, hash);
}
