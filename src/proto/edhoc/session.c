/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - states of an EDHOC session and what every step does at its beginning and end. */
#include "edhoc_engine.h"

_Static_assert(sizeof(struct cede_edhoc_session) <= CEDE_EDHOC_SESSION_LEN_MAX,
               "the session is larger than its header promises");

void cede_edhoc_wipe(struct cede_edhoc_session *session)
{
    cede_wipe(session, sizeof *session);
    session->state = CEDE_EDHOC_FAILED;
}

bool cede_edhoc_has_keys(const struct cede_edhoc_session *session)
{
    return session->state == CEDE_EDHOC_WAIT_MESSAGE_4 ||
           session->state == CEDE_EDHOC_READY_MESSAGE_4 || session->state == CEDE_EDHOC_DONE;
}

bool edhoc_method_allowed(const struct cede_edhoc_config *config, int32_t method)
{
    return method >= CEDE_EDHOC_SIGNATURE_SIGNATURE && method <= CEDE_EDHOC_STATIC_DH_STATIC_DH &&
           (config->methods & CEDE_EDHOC_METHOD_BIT(method)) != 0;
}

enum cede_status cede_edhoc_init_initiator(struct cede_edhoc_session *session,
                                           const struct cede_edhoc_config *config,
                                           enum cede_edhoc_method method, int32_t suite,
                                           struct cede_span c_i)
{
    cede_edhoc_wipe(session);
    if (!edhoc_method_allowed(config, method)) {
        return CEDE_EDHOC_METHOD;
    }
    if (edhoc_suite_find(config, suite) == NULL) {
        return CEDE_EDHOC_WRONG_SUITE;
    }
    CEDE_TRY(edhoc_connection_id_set(&session->c_i, c_i));
    session->method = (uint8_t)method;
    session->suite = suite;
    session->is_initiator = true;
    session->state = CEDE_EDHOC_READY_MESSAGE_1;
    return CEDE_OK;
}

void cede_edhoc_init_responder(struct cede_edhoc_session *session)
{
    cede_edhoc_wipe(session);
    session->state = CEDE_EDHOC_WAIT_MESSAGE_1;
}
