/* SPDX-License-Identifier: Apache-2.0 */
/* operations.c - the EST functions cede has, with their paths and formats (RFC 9148, section 4.1;
 * draft-ietf-ace-coap-est-oscore-11, section 4.3). */
#include "cede/est.h"

static const struct cede_est_operation operations[CEDE_EST_KIND_COUNT] = {
    {CEDE_EST_SEN, "sen", CEDE_COAP_POST, CEDE_COAP_CHANGED, true, CEDE_EST_FORMAT_C509_PKCS10,
     CEDE_EST_FORMAT_C509_CERT},
    {CEDE_EST_SREN, "sren", CEDE_COAP_POST, CEDE_COAP_CHANGED, true, CEDE_EST_FORMAT_C509_PKCS10,
     CEDE_EST_FORMAT_C509_CERT},
    {CEDE_EST_CRTS, "crts", CEDE_COAP_GET, CEDE_COAP_CONTENT, false, 0, CEDE_EST_FORMAT_C509_CERT},
    {CEDE_EST_ATT, "att", CEDE_COAP_GET, CEDE_COAP_CONTENT, false, 0,
     CEDE_EST_FORMAT_C509_CRTEMPLATE},
    {CEDE_EST_SKG, "skg", CEDE_COAP_POST, CEDE_COAP_CHANGED, true, CEDE_EST_FORMAT_C509_PKCS10,
     CEDE_EST_FORMAT_MULTIPART},
    {CEDE_EST_SKC, "skc", CEDE_COAP_POST, CEDE_COAP_CHANGED, true, CEDE_EST_FORMAT_PKCS10,
     CEDE_EST_FORMAT_MULTIPART},
};

const struct cede_est_operation *cede_est_operation(enum cede_est_kind kind)
{
    return &operations[kind];
}

const struct cede_est_operation *cede_est_find_operation(struct cede_span segment)
{
    for (size_t i = 0; i < CEDE_EST_KIND_COUNT; i++) {
        if (cede_span_equal(segment, cede_span_string(operations[i].path))) {
            return &operations[i];
        }
    }
    return NULL;
}
