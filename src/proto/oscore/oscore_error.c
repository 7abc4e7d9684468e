/* SPDX-License-Identifier: Apache-2.0 */
/* oscore_error.c - the plain responses to requests that do not verify (RFC 8613, 7.4 and 8.2). */
#include "cede/oscore.h"

static const struct answer {
    enum cede_status status;
    uint8_t code;
    const char *diagnostic;
} answers[] = {
    {CEDE_OSCORE_OPTION, CEDE_COAP_BAD_OPTION, "Failed to decode COSE"},
    {CEDE_OSCORE_NO_CONTEXT, CEDE_COAP_UNAUTHORIZED, "Security context not found"},
    {CEDE_OSCORE_REPLAY, CEDE_COAP_UNAUTHORIZED, "Replay detected"},
    {CEDE_OSCORE_DECRYPTION, CEDE_COAP_BAD_REQUEST, "Decryption failed"},
    {CEDE_OSCORE_UNPROTECTED, CEDE_COAP_UNAUTHORIZED, NULL},
    {CEDE_OSCORE_NEEDS_ECHO, CEDE_COAP_UNAUTHORIZED, NULL},
    {CEDE_OSCORE_COMBINED, CEDE_COAP_BAD_REQUEST, NULL},
};

static const struct answer *find_answer(enum cede_status status)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (answers[i].status == status) {
            return &answers[i];
        }
    }
    return NULL;
}

uint8_t cede_oscore_error_code(enum cede_status status)
{
    const struct answer *answer = find_answer(status);

    return answer != NULL ? answer->code : cede_coap_error_code(status);
}

const char *cede_oscore_error_diagnostic(enum cede_status status)
{
    const struct answer *answer = find_answer(status);

    return answer != NULL ? answer->diagnostic : NULL;
}

enum cede_status cede_oscore_compose_error(const struct cede_coap_message *request,
                                           enum cede_status status, uint16_t message_id,
                                           struct cede_buf out, struct cede_span *datagram)
{
    const char *diagnostic = cede_oscore_error_diagnostic(status);
    struct cede_coap_encoder encoder =
        cede_coap_begin_response(out, request, cede_oscore_error_code(status), message_id);

    cede_coap_put_uint(&encoder, CEDE_COAP_MAX_AGE, 0);
    cede_coap_put_payload(&encoder, cede_span_string(diagnostic));
    return cede_coap_finish(&encoder, datagram);
}
