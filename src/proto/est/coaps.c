/* SPDX-License-Identifier: Apache-2.0 */
/* coaps.c - the same enrolment functions over DTLS (EST-coaps, RFC 9148): PKCS #10 requests,
 * X.509 certificates. */
#include "cede/est.h"

/* RFC 9148, sections 4.1, 4.3 and 4.5. One certificate comes bare; anchors may be several, and only
 * certs-only messages hold more than one. */
static const struct cede_est_operation operations[CEDE_EST_KIND_COUNT] = {
    {CEDE_EST_SEN, "sen", CEDE_COAP_POST, CEDE_COAP_CHANGED, true, CEDE_EST_FORMAT_PKCS10,
     CEDE_EST_FORMAT_PKIX_CERT},
    {CEDE_EST_SREN, "sren", CEDE_COAP_POST, CEDE_COAP_CHANGED, true, CEDE_EST_FORMAT_PKCS10,
     CEDE_EST_FORMAT_PKIX_CERT},
    {CEDE_EST_CRTS, "crts", CEDE_COAP_GET, CEDE_COAP_CONTENT, false, 0,
     CEDE_EST_FORMAT_PKCS7_CERTS},
    {CEDE_EST_ATT, "att", CEDE_COAP_GET, CEDE_COAP_CONTENT, false, 0, CEDE_EST_FORMAT_CSRATTRS},
    {CEDE_EST_SKG, "skg", CEDE_COAP_POST, CEDE_COAP_CHANGED, true, CEDE_EST_FORMAT_PKCS10,
     CEDE_EST_FORMAT_MULTIPART},
    {CEDE_EST_SKC, "skc", CEDE_COAP_POST, CEDE_COAP_CHANGED, true, CEDE_EST_FORMAT_PKCS10,
     CEDE_EST_FORMAT_MULTIPART},
};

const struct cede_est_operation *cede_est_coaps_operation(enum cede_est_kind kind)
{
    return &operations[kind];
}

enum cede_status cede_est_compose_pkcs10(const struct cede_crypto *crypto,
                                         const struct cede_est_identity *identity,
                                         struct cede_buf out, struct cede_span *request)
{
    struct cede_name subject = {CEDE_NAME_TEXT, identity->device_id};

    return cede_x509_request_write(crypto, subject, &identity->public_key, &identity->key,
                                   CEDE_SPAN_NULL, out, request);
}
