/* SPDX-License-Identifier: Apache-2.0 */
/* skg.c - keys made here, and how they travel. */
#include "server/ca/skg.h"

#include <string.h>

#include "cede/c509.h"
#include "cede/est.h"
#include "cede/x509.h"

#define REASON_SUPERSEDED 4
#define LOST_S            300 /* above EXCHANGE_LIFETIME (RFC 7252, section 4.8.2) */

static bool is_x509(enum cede_certificate_format format)
{
    return format == CEDE_CERTIFICATE_X509;
}

/* --- the key ---------------------------------------------------------------------------------- */

/* The kind the request has, if the policy takes it: whoever can use one asks for it. */
static int32_t choose_curve(const struct ca_profile_policy *policy, int32_t asked)
{
    if ((asked == CEDE_CRV_P256 && policy->p256) || (asked == CEDE_CRV_P384 && policy->p384) ||
        (asked == CEDE_CRV_ED25519 && policy->ed25519)) {
        return asked;
    }
    return policy->p256 ? CEDE_CRV_P256 : policy->p384 ? CEDE_CRV_P384 : CEDE_CRV_ED25519;
}

/* As PKCS #8 or C509PrivateKey, the octets of both those of RFC 5958. */
static enum cede_status encode_key(const struct cede_private_key *key,
                                   const struct cede_public_key *public_key, bool x509,
                                   struct ca_made_key *made)
{
    uint8_t memory[512];
    struct cede_span encoding = CEDE_SPAN_NULL;
    struct cede_span der = CEDE_SPAN_NULL;
    enum cede_status status = cede_c509_private_key_write(
        CEDE_C509_KEY_OCTETS, key, public_key,
        x509 ? CEDE_BUF_ARRAY(memory) : CEDE_BUF_ARRAY(made->bytes), &encoding);

    made->format = x509 ? CEDE_EST_FORMAT_PKCS8 : CEDE_EST_FORMAT_C509_PRIVKEY;
    made->len = encoding.len;
    if (status == CEDE_OK && x509) {
        status = cede_c509_private_key_to_pkcs8(encoding, CEDE_BUF_ARRAY(made->bytes), &der);
        made->len = der.len;
    }
    cede_wipe(memory, sizeof memory);
    return status;
}

/* The request gets the new public key; its own is forgotten, but for what an operator approves
 * of. */
static enum cede_status generate(struct ca *ca, struct ca_checked_request *checked,
                                 struct ca_made_key *made)
{
    const struct ca_profile_policy *policy = &ca->policy.profiles[CA_PROFILE_DEVICE];
    struct cede_request *request = &checked->request;
    int32_t curve = choose_curve(policy, request->curve);
    uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX];
    struct cede_private_key key = {curve, cede_span(scalar, cede_curve_private_len(curve)), NULL};
    struct cede_public_key public_key;
    enum cede_status status;

    CEDE_TRY(ca_key_hash(ca, cede_request_key(request).point, checked->asked));
    status = ca->crypto->generate(ca->crypto->context, curve, scalar, request->point);
    if (status == CEDE_OK) {
        request->curve = curve;
        request->point_len = cede_curve_public_len(curve);
        request->mac_hash = 0;
        public_key = cede_request_key(request);
        status = encode_key(&key, &public_key, is_x509(request->format), made);
    }
    cede_wipe(scalar, sizeof scalar);
    return status;
}

/* --- encryption ------------------------------------------------------------------------------- */

/* By its key identifier; the key must be allowed to agree (RFC 7030, section 4.4.1.2). */
static bool is_recipient(struct ca *ca, struct cede_span raw, struct cede_span wanted)
{
    struct cede_certificate certificate;
    struct cede_public_key key;
    uint8_t key_id[20];

    if (cede_certificate_decode(raw, ca->crypto, &certificate) != CEDE_OK ||
        !is_x509(certificate.format)) {
        return false;
    }
    key = cede_certificate_key(&certificate);
    if ((key.curve != CEDE_CRV_P256 && key.curve != CEDE_CRV_P384) ||
        (certificate.ext.has_key_usage &&
         (certificate.ext.key_usage & CEDE_KU_KEY_AGREEMENT) == 0)) {
        return false;
    }
    return cede_span_equal(certificate.ext.subject_key_id, wanted) ||
           (cede_certificate_key_id(ca->crypto, &key, key_id) == CEDE_OK &&
            cede_span_equal(CEDE_SPAN_ARRAY(key_id), wanted));
}

/* Of the certificates that the CA knows of this device. */
static enum cede_status find_recipient(struct ca *ca, const struct ca_peer *peer,
                                       struct cede_span wanted, struct cede_buf out,
                                       struct cede_span *raw)
{
    struct ca_certificate_record record;
    struct ca_factory_record factory;
    int64_t row = peer->row;

    if (peer->operational) {
        CEDE_TRY(ca_records_by_row(ca, peer->row, &record));
        row = record.factory;
        if (is_recipient(ca, cede_span(record.raw, record.raw_len), wanted)) {
            return cede_copy(out, cede_span(record.raw, record.raw_len), raw);
        }
    }
    CEDE_TRY(ca_records_factory_by_row(ca, row, &factory));
    return is_recipient(ca, cede_span(factory.raw, factory.raw_len), wanted)
               ? cede_copy(out, cede_span(factory.raw, factory.raw_len), raw)
               : ca_fail(CEDE_CA_RECIPIENT, "no key of this device that may agree has this id");
}

static enum cede_status seal(struct ca *ca, const struct ca_enrolment *enrolment,
                             const struct ca_key_wishes *wishes, struct ca_made_key *made)
{
    uint8_t memory[CA_CERTIFICATE_MAX];
    uint8_t plain[512];
    struct cede_span recipient = CEDE_SPAN_NULL;
    size_t len = made->len;
    enum cede_status status;

    CEDE_TRY(
        find_recipient(ca, enrolment->peer, wishes->recipient, CEDE_BUF_ARRAY(memory), &recipient));
    if (len > sizeof plain) {
        return CEDE_NO_SPACE;
    }
    memcpy(plain, made->bytes, len);
    made->format = CEDE_EST_FORMAT_PKCS7_KEY;
    status = ca_seal_key(ca, wishes, recipient, cede_span(plain, len), CEDE_BUF_ARRAY(made->bytes),
                         &made->len);
    cede_wipe(plain, sizeof plain);
    return status;
}

/* Refused before anything is issued. */
static enum cede_status check_wishes(const struct ca_key_wishes *wishes)
{
    if (wishes->symmetric) {
        return ca_fail(CEDE_CA_RECIPIENT, "there are no secret keys to encrypt keys with");
    }
    if (wishes->recipient.ptr != NULL && !wishes->aes128_wrap && !wishes->aes256_wrap) {
        return ca_fail(CEDE_CA_RECIPIENT, "SMIMECapabilities have no AES key wrap");
    }
    return wishes->recipient.ptr == NULL && wishes->capabilities
               ? ca_fail(CEDE_CA_RECIPIENT, "SMIMECapabilities, but no key to encrypt to")
               : CEDE_OK;
}

/* --- one request ------------------------------------------------------------------------------ */

/* The parts of the answer have the formats they have; C509 has only one form (EST-oscore draft,
 * section 4.3.3). */
static bool offers(const struct ca_enrolment *enrolment, enum cede_certificate_format format)
{
    return (enrolment->accept == 0 || enrolment->accept == CEDE_EST_FORMAT_MULTIPART) &&
           (is_x509(format) || enrolment->operation == CA_SKG);
}

enum cede_status ca_make_key(struct ca *ca, const struct ca_enrolment *enrolment,
                             struct ca_made_key *made, struct ca_checked_request *checked)
{
    struct ca_key_wishes wishes;

    memset(&wishes, 0, sizeof wishes);
    made->len = 0;
    if (!ca->policy.profiles[CA_PROFILE_DEVICE].makes_keys) {
        return ca_fail(CEDE_CA_OPERATION, "policy.json: keys are not made here");
    }
    CEDE_TRY(ca_check_form(ca, CA_PROFILE_DEVICE, enrolment->request, checked));
    if (!offers(enrolment, checked->request.format)) {
        return CEDE_CA_FORMAT;
    }
    if (is_x509(checked->request.format)) {
        CEDE_TRY(ca_read_key_wishes(enrolment->request, &wishes));
        CEDE_TRY(check_wishes(&wishes));
    }
    CEDE_TRY(generate(ca, checked, made));
    CEDE_TRY(ca_check_contents(ca, CA_PROFILE_DEVICE, checked));
    return wishes.recipient.ptr != NULL ? seal(ca, enrolment, &wishes, made) : CEDE_OK;
}

enum cede_status ca_answer_made_key(struct ca *ca, const struct ca_enrolment *enrolment,
                                    const struct ca_made_key *made,
                                    const struct ca_certificate_record *record, struct cede_buf out,
                                    struct ca_answer *answer)
{
    bool x509 = record->raw[0] == CEDE_DER_SEQUENCE;
    uint8_t memory[2 * CA_CERTIFICATE_MAX];
    struct ca_enrolment part = *enrolment;
    struct ca_answer certificate;
    struct cede_writer writer = cede_writer(out);

    part.accept = !x509                            ? CEDE_EST_FORMAT_C509_CERT
                  : enrolment->operation == CA_SKC ? CEDE_EST_FORMAT_PKIX_CERT
                                                   : CEDE_EST_FORMAT_PKCS7_CERTS;
    CEDE_TRY(ca_answer_certificate(ca, &part, cede_span(record->raw, record->raw_len), x509,
                                   CEDE_BUF_ARRAY(memory), &certificate));
    cede_cbor_put_array(&writer, 4);
    cede_cbor_put_uint(&writer, made->format);
    cede_cbor_put_bytes(&writer, cede_span(made->bytes, made->len));
    cede_cbor_put_uint(&writer, certificate.content_format);
    cede_cbor_put_bytes(&writer, certificate.body);
    answer->content_format = CEDE_EST_FORMAT_MULTIPART;
    return cede_writer_finish(&writer, &answer->body);
}

enum cede_status ca_forget_lost_key(struct ca *ca, int64_t factory, int64_t account, int64_t keep,
                                    const char *authorised_by)
{
    int64_t live = 0;
    int64_t lost = 0;
    size_t revoked = 0;

    CEDE_TRY(store_get_int(ca->store,
                           "SELECT count(*) FROM certificate WHERE factory = $1 AND account = $2"
                           " AND id != $3 AND status = 0",
                           STORE_PARAMS(store_int(factory), store_int(account), store_int(keep)),
                           &live));
    CEDE_TRY(store_get_int(ca->store,
                           "SELECT count(*) FROM certificate WHERE factory = $1 AND account = $2"
                           " AND id != $3 AND status = 0 AND authorised_by = $4"
                           " AND issued_at >= $5",
                           STORE_PARAMS(store_int(factory), store_int(account), store_int(keep),
                                        store_text(authorised_by),
                                        store_int((int64_t)ca_now(ca) - LOST_S)),
                           &lost));
    return lost == 0 || lost != live
               ? CEDE_OK
               : ca_records_revoke_factory(ca, factory, account, keep, REASON_SUPERSEDED, &revoked);
}
