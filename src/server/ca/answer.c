/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.c - what the enrolment service answers, in the format that was asked for
 * (draft-ietf-ace-coap-est-oscore-11, section 4.3; RFC 9148, section 4.3).
 *
 * Nobody asked for a format: certificates come as the request was encoded, C509 by reference and
 * X.509 as certs-only message; anchors and wishes as DER.
 */
#include <stdio.h>
#include <string.h>

#include "cede/est.h"
#include "cede/pkcs7.h"
#include "server/ca/ca_internal.h"

static uint32_t wanted(const struct ca_enrolment *enrolment, uint32_t otherwise)
{
    return enrolment->accept != 0 ? enrolment->accept : otherwise;
}

/* --- certificates ----------------------------------------------------------------------------- */

/* X.509 is turned into C509 for who wants it; a C509 certificate has no other form. */
bool ca_answer_offers(const struct ca *ca, const struct ca_enrolment *enrolment, bool x509)
{
    switch (wanted(enrolment, CEDE_EST_FORMAT_MULTIPART)) {
    case CEDE_EST_FORMAT_PKIX_CERT:
    case CEDE_EST_FORMAT_PKCS7_CERTS:
    case CEDE_EST_FORMAT_CERTHASH:
        return x509;
    case CEDE_EST_FORMAT_C509_CERTHASH:
        return !x509;
    case CEDE_EST_FORMAT_URI:
        return ca->coap[0] != '\0';
    case CEDE_EST_FORMAT_MULTIPART:
    case CEDE_EST_FORMAT_C509_CERT:
    case CEDE_EST_FORMAT_C509_CHAIN:
        return true;
    default:
        return false;
    }
}

static enum cede_status put_c509(struct ca *ca, struct cede_span raw, bool x509, bool chain,
                                 struct cede_writer *writer)
{
    struct cede_span certificates[CA_CHAIN_MAX + 2];
    uint8_t bytes[CA_CERTIFICATE_MAX];

    certificates[0] = raw;
    if (x509) {
        CEDE_TRY(cede_c509_from_x509(ca->crypto, raw, CEDE_BUF_ARRAY(ca->scratch),
                                     CEDE_BUF_ARRAY(bytes), &certificates[0]));
    }
    certificates[1] = ca->c509;
    memcpy(certificates + 2, ca->chain_c509, sizeof ca->chain_c509);
    cede_c509_put_bag(writer, certificates, chain ? ca->chain_count + 2 : 1);
    return writer->status;
}

/* Where the certificate is for good: for its device, below the enrolment URI as well. */
static enum cede_status make_uri(const struct ca *ca, struct cede_span hash,
                                 char uri[CEDE_EST_URI_LEN_MAX])
{
    uint8_t memory[64];
    struct cede_span path;

    CEDE_TRY(cede_est_reference_path(hash, CEDE_BUF_ARRAY(memory), &path));
    snprintf(uri, CEDE_EST_URI_LEN_MAX, "coap://%s/est/%.*s", ca->coap, (int)path.len, path.ptr);
    return CEDE_OK;
}

static enum cede_status put_references(const struct ca *ca, struct cede_span raw, bool x509,
                                       uint32_t format, struct cede_writer *writer)
{
    char uri[CEDE_EST_URI_LEN_MAX];
    uint8_t memory[48];
    struct cede_writer hash = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_est_references references;

    memset(&references, 0, sizeof references);
    CEDE_TRY(cede_est_put_hash(&hash, ca->crypto, raw));
    references.hash = cede_written(&hash);
    references.is_x509 = x509;
    CEDE_TRY(make_uri(ca, references.hash, uri));
    if (format == CEDE_EST_FORMAT_URI) {
        cede_cbor_put_text(writer, cede_span_string(uri));
    } else if (format == CEDE_EST_FORMAT_MULTIPART) {
        if (ca->policy.certificate_uri && ca->coap[0] != '\0') {
            references.uri = cede_span_string(uri);
        }
        cede_est_put_multipart(writer, &references, 0);
    } else {
        cede_write_bytes(writer, references.hash);
    }
    return writer->status;
}

enum cede_status ca_answer_certificate(struct ca *ca, const struct ca_enrolment *enrolment,
                                       struct cede_span raw, bool x509, struct cede_buf out,
                                       struct ca_answer *answer)
{
    uint32_t format =
        wanted(enrolment, x509 ? CEDE_EST_FORMAT_PKCS7_CERTS : CEDE_EST_FORMAT_MULTIPART);
    struct cede_writer writer = cede_writer(out);

    if (!ca_answer_offers(ca, enrolment, x509)) {
        return CEDE_CA_FORMAT;
    }
    switch (format) {
    case CEDE_EST_FORMAT_PKIX_CERT:
        cede_write_bytes(&writer, raw);
        break;
    case CEDE_EST_FORMAT_PKCS7_CERTS:
        cede_pkcs7_put_certs(&writer, &raw, 1);
        break;
    case CEDE_EST_FORMAT_C509_CERT:
    case CEDE_EST_FORMAT_C509_CHAIN:
        CEDE_TRY(put_c509(ca, raw, x509, format == CEDE_EST_FORMAT_C509_CHAIN, &writer));
        break;
    default:
        CEDE_TRY(put_references(ca, raw, x509, format, &writer));
        break;
    }
    answer->content_format = format;
    return cede_writer_finish(&writer, &answer->body);
}

/* --- anchors ---------------------------------------------------------------------------------- */

/* In COSE_C509 without order also the certificate of the key that MACs are made for (draft,
 * section 4.8), where such requests are taken. */
static size_t list_c509(const struct ca *ca, bool chain, struct cede_span out[CA_CHAIN_MAX + 2])
{
    size_t count = 0;

    out[count++] = ca->c509;
    for (size_t i = 0; i < ca->chain_count; i++) {
        out[count++] = ca->chain_c509[i];
    }
    if (!chain && ca_takes_agreement(ca)) {
        out[count++] = ca->dh;
    }
    return count;
}

/* This CA and the ones above it, the root last. */
enum cede_status ca_answer_anchors(const struct ca *ca, const struct ca_enrolment *enrolment,
                                   struct cede_buf out, struct ca_answer *answer)
{
    uint32_t format = wanted(enrolment, CEDE_EST_FORMAT_PKCS7_CERTS);
    struct cede_span certificates[CA_CHAIN_MAX + 2];
    struct cede_writer writer = cede_writer(out);
    size_t count;

    switch (format) {
    case CEDE_EST_FORMAT_PKIX_CERT:
        cede_write_bytes(&writer, ca->certificate.raw);
        break;
    case CEDE_EST_FORMAT_PKCS7_CERTS:
        certificates[0] = ca->certificate.raw;
        memcpy(certificates + 1, ca->chain_der, sizeof ca->chain_der);
        cede_pkcs7_put_certs(&writer, certificates, ca->chain_count + 1);
        break;
    case CEDE_EST_FORMAT_C509_CERT:
    case CEDE_EST_FORMAT_C509_CHAIN:
        count = list_c509(ca, format == CEDE_EST_FORMAT_C509_CHAIN, certificates);
        cede_c509_put_bag(&writer, certificates, count);
        break;
    default:
        return CEDE_CA_FORMAT;
    }
    answer->content_format = format;
    return cede_writer_finish(&writer, &answer->body);
}

/* --- wishes ----------------------------------------------------------------------------------- */

enum cede_status ca_answer_wishes(const struct ca *ca, const struct ca_enrolment *enrolment,
                                  struct cede_buf out, struct ca_answer *answer)
{
    const struct ca_profile_policy *policy = &ca->policy.profiles[CA_PROFILE_DEVICE];
    struct cede_est_wishes wishes = {policy->p256, policy->p384, policy->ed25519,
                                     (policy->key_usage & CEDE_KU_DIGITAL_SIGNATURE) != 0,
                                     ca_takes_agreement(ca)};
    uint32_t format = wanted(enrolment, CEDE_EST_FORMAT_CSRATTRS);
    struct cede_writer writer = cede_writer(out);

    if (format == CEDE_EST_FORMAT_CSRATTRS) {
        cede_est_put_csrattrs(&writer, &wishes);
    } else if (format == CEDE_EST_FORMAT_C509_CRTEMPLATE) {
        cede_est_put_crtemplate(&writer, &wishes);
    } else {
        return CEDE_CA_FORMAT;
    }
    answer->content_format = format;
    return cede_writer_finish(&writer, &answer->body);
}
