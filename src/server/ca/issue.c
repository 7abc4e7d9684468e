/* SPDX-License-Identifier: Apache-2.0 */
/* issue.c - from a request to a certificate: proof of possession, policy, serial, record. */
#include <stdio.h>
#include <string.h>

#include "cede/crypto_openssl.h"
#include "cede/est.h"
#include "server/ca/ca_internal.h"

#define SERIAL_ATTEMPTS 4

/* --- checks ----------------------------------------------------------------------------------- */

enum cede_status ca_key_hash(const struct ca *ca, struct cede_span point, uint8_t hash[32])
{
    return cede_hash(ca->crypto, CEDE_ALG_SHA_256, point, hash);
}

static bool takes_key(const struct ca_profile_policy *policy, int32_t curve)
{
    switch (curve) {
    case CEDE_CRV_P256:
        return policy->p256;
    case CEDE_CRV_P384:
        return policy->p384;
    case CEDE_CRV_ED25519:
        return policy->ed25519;
    default:
        return false;
    }
}

/* The subject is one common name and nothing else: what else a name says nobody has checked. */
static enum cede_status check_subject(const struct ca *ca, enum ca_profile profile,
                                      const struct cede_request *request,
                                      char subject[CEDE_COMMON_NAME_MAX + 1])
{
    struct cede_span text;
    struct cede_name plain = {CEDE_NAME_TEXT, CEDE_SPAN_NULL};

    if (cede_name_common_name(request->subject, cede_buf((uint8_t *)subject, CEDE_COMMON_NAME_MAX),
                              &text) != CEDE_OK) {
        return ca_fail(CEDE_CA_SUBJECT, "the request has no common name");
    }
    subject[text.len] = '\0';
    plain.value = cede_span((const uint8_t *)subject, text.len);
    if (text.len == 0 || strlen(subject) != text.len || !cede_name_equal(request->subject, plain)) {
        return ca_fail(CEDE_CA_SUBJECT, "the subject must be one common name");
    }
    if ((profile == CA_PROFILE_DEVICE || profile == CA_PROFILE_FACTORY) &&
        (text.len > CA_DEVICE_ID_MAX ||
         regexec(&ca->policy.subject_pattern, subject, 0, NULL, 0) != 0)) {
        return ca_fail(CEDE_CA_SUBJECT, "subject_pattern does not match the device id");
    }
    return CEDE_OK;
}

/* --- possession ------------------------------------------------------------------------------- */

bool ca_takes_agreement(const struct ca *ca)
{
    return ca->dh_pkey != NULL &&
           (ca->policy.profiles[CA_PROFILE_DEVICE].key_usage & CEDE_KU_KEY_AGREEMENT) != 0;
}

static bool is_for_devices(enum ca_profile profile)
{
    return profile == CA_PROFILE_DEVICE || profile == CA_PROFILE_FACTORY;
}

/* A device's key does one thing: it agrees, when possession is proved by MAC, or the request says
 * so, or the policy has nothing else (EST-oscore, section 4.8: it may sign this once), else it
 * signs. */
static enum cede_status choose_usage(const struct ca *ca, enum ca_profile profile,
                                     struct ca_checked_request *checked)
{
    const struct cede_request *request = &checked->request;
    uint16_t usage = ca->policy.profiles[profile].key_usage;
    bool agrees = request->mac_hash != 0 || usage == CEDE_KU_KEY_AGREEMENT ||
                  (request->ext.has_key_usage && request->ext.key_usage == CEDE_KU_KEY_AGREEMENT);
    uint16_t chosen = agrees ? usage & CEDE_KU_KEY_AGREEMENT
                             : (uint16_t)(usage & ~(unsigned)CEDE_KU_KEY_AGREEMENT);

    checked->key_usage = usage;
    if (!is_for_devices(profile)) {
        return request->mac_hash != 0
                   ? ca_fail(CEDE_CA_KEY, "profile %s is not for keys that agree",
                             ca_profile_name(profile))
                   : CEDE_OK;
    }
    if (chosen == 0 && (agrees || usage != 0)) {
        return ca_fail(CEDE_CA_KEY, "profile %s has no %s keys", ca_profile_name(profile),
                       agrees ? "agreement" : "signature");
    }
    if (agrees && request->curve == CEDE_CRV_ED25519) {
        return ca_fail(CEDE_CA_KEY, "the key cannot agree on secrets");
    }
    checked->key_usage = chosen;
    return CEDE_OK;
}

/* Does `key` belong to the public key asked for, or to the point opposite? Whoever sends the
 * verifier's key back as its own has not got the private key. */
static enum cede_status check_reflection(const struct ca *ca, const struct cede_private_key *key,
                                         const struct cede_request *request)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    size_t x_len = cede_curve_private_len(key->curve);

    if (key->curve != request->curve) {
        return ca_fail(CEDE_CA_KEY, "the proof of possession needs a key of the same curve");
    }
    CEDE_TRY(ca->crypto->public_from_private(ca->crypto->context, key, point));
    return memcmp(point, request->point, x_len) == 0
               ? ca_fail(CEDE_CA_KEY, "the key asked for is the verifier's")
               : CEDE_OK;
}

static enum cede_status verify_mac(struct ca *ca, const struct ca_possession *possession,
                                   const struct cede_request *request)
{
    struct cede_private_key key;
    struct cede_certificate certificate;
    struct cede_pop_verifier verifier;

    if (possession->ephemeral != NULL) {
        key = *possession->ephemeral;
        verifier = cede_est_ephemeral_verifier(possession->hash_alg, key.curve, CEDE_SPAN_NULL);
    } else if (ca->dh_pkey != NULL) {
        CEDE_TRY(cede_openssl_private_key(ca->dh_pkey, &key));
        CEDE_TRY(cede_certificate_decode(ca->dh, ca->crypto, &certificate));
        verifier = cede_est_certificate_verifier(possession->hash_alg, &certificate);
    } else {
        return ca_fail(CEDE_CA_KEY, "this CA has no agreement key");
    }
    CEDE_TRY(check_reflection(ca, &key, request));
    return cede_request_verify_mac(request, ca->crypto, &verifier, &key,
                                   CEDE_BUF_ARRAY(ca->scratch));
}

static enum cede_status verify_possession(struct ca *ca, const struct ca_possession *possession,
                                          const struct cede_request *request)
{
    if (request->mac_hash == 0) {
        return cede_request_verify(request, ca->crypto, CEDE_BUF_ARRAY(ca->scratch));
    }
    return possession == NULL ? ca_fail(CEDE_CA_KEY, "a proof by MAC proves nothing here")
                              : verify_mac(ca, possession, request);
}

enum cede_status ca_check_request(struct ca *ca, enum ca_profile profile, struct cede_span encoding,
                                  struct ca_checked_request *checked)
{
    return ca_check_possession(ca, profile, encoding, NULL, checked);
}

enum cede_status ca_check_form(struct ca *ca, enum ca_profile profile, struct cede_span encoding,
                               struct ca_checked_request *checked)
{
    memset(checked, 0, sizeof *checked);
    return ca->policy.profiles[profile].allowed
               ? cede_request_decode(encoding, ca->crypto, &checked->request)
               : ca_fail(CEDE_CA_KIND, "profile %s is not allowed here", ca_profile_name(profile));
}

enum cede_status ca_check_contents(struct ca *ca, enum ca_profile profile,
                                   struct ca_checked_request *checked)
{
    const struct cede_request *request = &checked->request;

    if (!takes_key(&ca->policy.profiles[profile], request->curve)) {
        return ca_fail(CEDE_CA_KEY, "profile %s does not take this kind of key",
                       ca_profile_name(profile));
    }
    CEDE_TRY(choose_usage(ca, profile, checked));
    CEDE_TRY(ca_check_extensions(ca, profile, checked));
    CEDE_TRY(check_subject(ca, profile, request, checked->subject));
    return ca_key_hash(ca, cede_request_key(request).point, checked->key);
}

enum cede_status ca_check_possession(struct ca *ca, enum ca_profile profile,
                                     struct cede_span encoding,
                                     const struct ca_possession *possession,
                                     struct ca_checked_request *checked)
{
    CEDE_TRY(ca_check_form(ca, profile, encoding, checked));
    CEDE_TRY(ca_check_contents(ca, profile, checked));
    memcpy(checked->asked, checked->key, sizeof checked->asked);
    return verify_possession(ca, possession, &checked->request);
}

/* --- the certificate -------------------------------------------------------------------------- */

/* Random bytes are fetched for many serials at once: one costs as much. */
enum cede_status ca_make_serial(struct ca *ca, struct ca_certificate_record *record)
{
    if (ca->serials_left == 0) {
        CEDE_TRY(ca->crypto->random(ca->crypto->context, CEDE_BUF_ARRAY(ca->serials)));
        ca->serials_left = sizeof ca->serials / CA_SERIAL_LEN;
    }
    ca->serials_left--;
    record->serial_len = CA_SERIAL_LEN;
    memcpy(record->serial, ca->serials + ca->serials_left * CA_SERIAL_LEN, CA_SERIAL_LEN);
    /* Positive, and of full length: no leading zeros in any format. */
    record->serial[0] = (uint8_t)((record->serial[0] & 0x7f) | 0x40);
    return CEDE_OK;
}

static uint64_t end_of_validity(const struct ca *ca, const struct ca_profile_policy *policy,
                                uint64_t now)
{
    uint64_t end =
        policy->validity_s == CA_VALID_FOREVER ? CEDE_TIME_NONE : now + policy->validity_s;

    return end > ca->certificate.not_after ? ca->certificate.not_after : end;
}

static bool is_native(enum cede_certificate_format format)
{
    return format == CEDE_CERTIFICATE_C509_NATIVE;
}

/* Where the status of the certificate can be asked. */
static void name_status_services(const struct ca *ca, struct cede_certificate_info *info)
{
    if (ca->http[0] != '\0') {
        info->crl_uri = cede_span_string(ca->crl_uri);
        info->ocsp_uri = cede_span_string(ca->ocsp_uri);
    }
}

/* Writes the certificate into record->raw. Native device certificates stay as small as can be: key
 * identifiers would say nothing a path needs. */
enum cede_status ca_write_certificate(struct ca *ca, const struct cede_crypto *signer,
                                      const struct ca_checked_request *checked, uint64_t now,
                                      struct ca_certificate_record *record)
{
    const struct ca_profile_policy *policy = &ca->policy.profiles[record->profile];
    struct cede_public_key key = cede_request_key(&checked->request);
    struct cede_certificate_info info;
    uint8_t key_id[20];
    struct cede_span raw;

    memset(&info, 0, sizeof info);
    info.serial = cede_span(record->serial, record->serial_len);
    info.issuer = ca->certificate.subject;
    info.not_before = now - CA_BACKDATE_S;
    info.not_after = end_of_validity(ca, policy, now);
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(checked->subject)};
    info.public_key = key;
    info.path_len = policy->ca ? policy->path_len : CEDE_PATH_LEN_NONE;
    info.has_basic_constraints = policy->ca;
    info.ca = policy->ca;
    info.key_usage = checked->key_usage;
    info.eku = policy->eku;
    if (!is_native(checked->request.format)) {
        CEDE_TRY(cede_certificate_key_id(ca->crypto, &key, key_id));
        info.subject_key_id = CEDE_SPAN_ARRAY(key_id);
        info.authority_key_id = CEDE_SPAN_ARRAY(ca->key_id);
    }
    if (is_native(checked->request.format) ? ca->policy.revocation.uris_in_c509
                                           : ca->policy.revocation.uris_in_x509) {
        name_status_services(ca, &info);
    }
    CEDE_TRY(cede_certificate_issue(checked->request.format, signer, &info, &ca->key,
                                    CEDE_BUF_ARRAY(ca->scratch), CEDE_BUF_ARRAY(record->raw),
                                    &raw));
    memmove(record->raw, raw.ptr, raw.len);
    record->raw_len = raw.len;
    record->not_before = (int64_t)info.not_before;
    record->not_after = info.not_after == CEDE_TIME_NONE ? CA_NO_END : (int64_t)info.not_after;
    return CEDE_OK;
}

enum cede_status ca_record_certificate(struct ca *ca, const char *authorised_by,
                                       struct ca_certificate_record *record)
{
    size_t len = 0;

    CEDE_TRY(cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256,
                                         cede_span(record->raw, record->raw_len),
                                         record->thumbprint, &len));
    return ca_records_add(ca, record, authorised_by);
}

enum cede_status ca_issue_checked(struct ca *ca, const struct ca_checked_request *checked,
                                  const char *authorised_by, struct ca_certificate_record *record)
{
    enum cede_status status = CEDE_STORE_CONFLICT;

    snprintf(record->subject, sizeof record->subject, "%s", checked->subject);
    memcpy(record->key, checked->key, sizeof record->key);
    for (int i = 0; status == CEDE_STORE_CONFLICT && i < SERIAL_ATTEMPTS; i++) {
        CEDE_TRY(ca_make_serial(ca, record));
        CEDE_TRY(ca_write_certificate(ca, ca->signer, checked, ca_now(ca), record));
        status = ca_record_certificate(ca, authorised_by, record);
    }
    return status;
}

/* --- the plain operation: command line and partners ------------------------------------------- */

/* Factory certificates: one device id, one live certificate, one account. */
static enum cede_status find_earlier(struct ca *ca, const struct ca_checked_request *checked,
                                     int64_t account, struct ca_certificate_record *record)
{
    CEDE_TRY(ca_records_live_of_subject(ca, checked->subject, CA_PROFILE_FACTORY, record));
    if (record->account != account) {
        return CEDE_CA_HELD;
    }
    return memcmp(record->key, checked->key, sizeof record->key) == 0 ? CEDE_OK : CEDE_CA_OTHER_KEY;
}

static enum cede_status issue_in_unit(struct ca *ca, enum ca_profile profile,
                                      const struct ca_checked_request *checked, int64_t account,
                                      const char *authorised_by,
                                      struct ca_certificate_record *record)
{
    enum cede_status status = CEDE_NOT_FOUND;

    memset(record, 0, sizeof *record);
    if (profile == CA_PROFILE_FACTORY) {
        status = find_earlier(ca, checked, account, record);
    }
    if (status != CEDE_NOT_FOUND) {
        return status;
    }
    record->account = account;
    record->profile = profile;
    return ca_issue_checked(ca, checked, authorised_by, record);
}

static enum cede_status note_other_key(struct ca *ca, const char *subject, enum cede_status status)
{
    CEDE_TRY(ca_records_alarm(ca, "factory-key", subject,
                              "another key was to get a factory certificate"));
    return status;
}

enum cede_status ca_note_other_key(struct ca *ca, struct cede_span request, enum cede_status status)
{
    struct ca_checked_request checked;

    CEDE_TRY(ca_check_request(ca, CA_PROFILE_FACTORY, request, &checked));
    return note_other_key(ca, checked.subject, status);
}

/* A partner's servers are called as it is, or something in it: "SP1", "update.SP1". With any name
 * it could pass for another partner's server, or for one of this CA. */
static enum cede_status check_server_name(const char *subject, const char *account)
{
    size_t len = strlen(subject), own = strlen(account);

    if (len < own || strcmp(subject + len - own, account) != 0 ||
        (len > own && (len == own + 1 || subject[len - own - 1] != '.'))) {
        return ca_fail(CEDE_CA_SUBJECT, "the subject is neither '%s' nor below it", account);
    }
    return CEDE_OK;
}

enum cede_status ca_issue(struct ca *ca, enum ca_profile profile, struct cede_span request,
                          const char *account, const char *authorised_by, struct cede_buf out,
                          struct cede_span *certificate)
{
    struct ca_checked_request checked;
    struct ca_certificate_record record;
    int64_t row = CA_NO_ROW;
    bool part = false;
    enum cede_status status = CEDE_OK;

    *certificate = CEDE_SPAN_NULL;
    ca_forget_error();
    CEDE_TRY(ca_check_request(ca, profile, request, &checked));
    if (account != NULL && profile == CA_PROFILE_SERVER) {
        CEDE_TRY(check_server_name(checked.subject, account));
    }
    if (account != NULL) {
        CEDE_TRY(ca_records_account(ca, account, &row));
    }
    CEDE_TRY(ca_unit_begin(ca, &part));
    status = issue_in_unit(ca, profile, &checked, row, authorised_by, &record);
    status = ca_unit_end(ca, part, status);
    CEDE_TRY(status == CEDE_CA_OTHER_KEY ? note_other_key(ca, checked.subject, status) : status);
    return cede_copy(out, cede_span(record.raw, record.raw_len), certificate);
}

enum cede_status ca_issue_file(struct ca *ca, enum ca_profile profile, struct cede_span content,
                               struct cede_buf out, struct cede_span *certificate)
{
    uint8_t request_bytes[CA_CERTIFICATE_MAX];
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_span request;
    struct cede_span raw;
    bool pem = content.len > 0 && content.ptr[0] == '-';

    *certificate = CEDE_SPAN_NULL;
    CEDE_TRY(ca_pem_or_raw(content, 0, CEDE_BUF_ARRAY(request_bytes), &request));
    CEDE_TRY(ca_issue(ca, profile, request, NULL, "operator", CEDE_BUF_ARRAY(bytes), &raw));
    return pem ? ca_to_pem("CERTIFICATE", &raw, 1, out, certificate)
               : cede_copy(out, raw, certificate);
}
