/* SPDX-License-Identifier: Apache-2.0 */
/* message_1.c - message_1 = ( METHOD, SUITES_I, G_X, C_I, ? EAD_1 ) (RFC 9528, section 5.2). */
#include <string.h>

#include "edhoc_engine.h"

/* H(message_1), TH for the time being. */
static enum cede_status hash_message_1(struct edhoc_step *step, struct cede_span message_1)
{
    step->parts[EDHOC_PART_PLAINTEXT] = message_1;
    return edhoc_hash(step, EDHOC_PART_PLAINTEXT, EDHOC_PART_CRED_HEAD, step->session->th);
}

static enum cede_status compose(struct edhoc_step *step, const struct cede_edhoc_eads *eads,
                                struct cede_buf out, struct cede_span *message_1)
{
    struct cede_edhoc_session *session = step->session;
    struct cede_writer writer = cede_writer(out);

    CEDE_TRY(edhoc_generate(step, session->point)); /* X, G_X */
    cede_cbor_put_uint(&writer, session->method);
    edhoc_put_suites(&writer, step->config, step->suite);
    cede_cbor_put_bytes(&writer, cede_span(session->point, step->suite->coordinate_len));
    edhoc_put_identifier(&writer, &session->c_i);
    edhoc_put_eads(&writer, eads);
    CEDE_TRY(edhoc_written(&writer, message_1));
    return hash_message_1(step, *message_1);
}

enum cede_status cede_edhoc_compose_message_1(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              const struct cede_edhoc_eads *eads,
                                              struct cede_buf out, struct cede_span *message_1)
{
    struct edhoc_step step;

    CEDE_TRY(edhoc_begin(&step, session, config, CEDE_EDHOC_READY_MESSAGE_1, message_1,
                         sizeof *message_1));
    return edhoc_leave(&step, compose(&step, eads, out, message_1), out, CEDE_EDHOC_WAIT_MESSAGE_2);
}

/* message_1 as it was decoded. */
struct message_1 {
    int32_t method;
    int32_t first_common; /* first suite of SUITES_I that is ours too */
    bool has_common;
    bool selects_first_common;
    struct cede_span g_x;
    struct cede_span c_i;
    struct cede_span ead_1;
};

/* The selected suite is the last one; it must be the first that both have (section 5.2.3). */
static void decode_suites_i(const struct cede_edhoc_config *config, struct cede_reader *reader,
                            struct message_1 *message)
{
    struct edhoc_suites_reader suites = edhoc_get_suites(reader);
    int32_t suite;

    while (edhoc_suites_next(&suites, &suite)) {
        message->selects_first_common = false;
        if (!message->has_common && edhoc_suite_find(config, suite) != NULL) {
            message->has_common = true;
            message->first_common = suite;
            message->selects_first_common = true;
        }
    }
}

static enum cede_status decode(const struct cede_edhoc_config *config, struct cede_span bytes,
                               struct message_1 *message)
{
    struct cede_reader reader = cede_reader(bytes);

    memset(message, 0, sizeof *message);
    if (bytes.len > CEDE_EDHOC_MESSAGE_LEN_MAX) {
        return CEDE_EDHOC_LENGTH;
    }
    message->method = cede_cbor_get_int32(&reader);
    decode_suites_i(config, &reader, message);
    message->g_x = cede_cbor_get_bytes(&reader);
    message->c_i = edhoc_get_identifier(&reader);
    message->ead_1 = cede_read_rest(&reader);
    return cede_reader_finish(&reader);
}

static enum cede_status process(struct cede_edhoc_session *session,
                                const struct cede_edhoc_config *config, struct cede_span bytes,
                                struct cede_edhoc_eads *eads)
{
    struct message_1 message;
    struct edhoc_step step;

    CEDE_TRY(decode(config, bytes, &message));
    if (!edhoc_method_allowed(config, message.method)) {
        return CEDE_EDHOC_METHOD;
    }
    if (!message.selects_first_common) {
        return CEDE_EDHOC_WRONG_SUITE;
    }
    session->method = (uint8_t)message.method;
    session->suite = message.first_common;
    CEDE_TRY(edhoc_step_init(&step, config, session->suite));
    step.session = session;
    if (message.g_x.len != step.suite->coordinate_len) {
        return CEDE_EDHOC_LENGTH;
    }
    CEDE_TRY(edhoc_connection_id_set(&session->c_i, message.c_i));
    CEDE_TRY(edhoc_eads_decode(config, message.ead_1, eads));
    CEDE_TRY(edhoc_point(&step, message.g_x, session->point)); /* G_X */
    return hash_message_1(&step, bytes);
}

enum cede_status cede_edhoc_process_message_1(struct cede_edhoc_session *session,
                                              const struct cede_edhoc_config *config,
                                              struct cede_span message_1,
                                              struct cede_edhoc_eads *eads)
{
    enum cede_status status;

    memset(eads, 0, sizeof *eads);
    if (session->state != CEDE_EDHOC_WAIT_MESSAGE_1) {
        return CEDE_EDHOC_STATE;
    }
    status = process(session, config, message_1, eads);
    if (status != CEDE_OK) {
        memset(eads, 0, sizeof *eads);
        cede_edhoc_wipe(session);
        return status;
    }
    session->state = CEDE_EDHOC_READY_MESSAGE_2;
    return CEDE_OK;
}
