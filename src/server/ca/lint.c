/* SPDX-License-Identifier: Apache-2.0 */
/* lint.c - checks a certificate that is about to be signed. */
#include "server/ca/lint.h"

#include <string.h>

#include "cede/cbor.h"
#include "cede/der.h"

#define SERIAL_MIN 8  /* bytes: 63 random bits and more (CA/Browser Forum, 7.1; ours are 63) */
#define SERIAL_MAX 20 /* RFC 5280, section 4.1.2.2 */
#define SKEW_S     60 /* between the clocks of two processes: none, but a step may fall between */

/* --- the certificate this would be ------------------------------------------------------------ */

/* A signature of the right form with nothing behind it. */
static struct cede_span throw_away(uint8_t bytes[64])
{
    memset(bytes, 0x5a, 64);
    return cede_span(bytes, 64);
}

static enum cede_status join_c509(struct cede_span tbs, struct cede_span signature,
                                  struct cede_buf out, struct cede_span *encoding)
{
    struct cede_writer writer = cede_writer(out);

    cede_write_bytes(&writer, tbs);
    cede_cbor_put_bytes(&writer, signature);
    return cede_writer_finish(&writer, encoding);
}

static enum cede_status read_back(const struct ca_lint_rules *rules, struct cede_span tbs,
                                  struct cede_buf memory, struct cede_certificate *certificate)
{
    /* All keys of CAs are P-256; a root is its own issuer, which is not read yet. */
    int32_t alg =
        cede_certificate_alg(rules->issuer == NULL ? CEDE_CRV_P256 : rules->issuer->curve);
    uint8_t bytes[64];
    struct cede_span encoding;
    bool x509 = tbs.len > 0 && tbs.ptr[0] == CEDE_DER_SEQUENCE;

    CEDE_TRY(x509 ? cede_x509_join(tbs, alg, throw_away(bytes), memory, &encoding)
                  : join_c509(tbs, throw_away(bytes), memory, &encoding));
    return cede_certificate_decode(encoding, rules->crypto, certificate);
}

/* --- what any certificate must be ------------------------------------------------------------- */

static bool serial_is_good(struct cede_span serial)
{
    return serial.len >= SERIAL_MIN && serial.len <= SERIAL_MAX &&
           (serial.len < SERIAL_MAX || serial.ptr[0] < 0x80);
}

/* OpenSSL makes that of the TLS certificate by another method (RFC 5280, section 4.2.1.2); a root
 * needs no other's. */
static bool ids_are_good(const struct ca_lint_rules *rules, enum ca_lint_kind kind,
                         const struct cede_certificate *certificate)
{
    const struct cede_extensions *ext = &certificate->ext;
    struct cede_public_key key = cede_certificate_key(certificate);
    uint8_t key_id[20];

    if (certificate->format == CEDE_CERTIFICATE_C509_NATIVE) {
        return true; /* may leave them out */
    }
    return cede_certificate_key_id(rules->crypto, &key, key_id) == CEDE_OK &&
           (cede_span_equal(ext->subject_key_id, CEDE_SPAN_ARRAY(key_id)) ||
            (kind == CA_LINT_TLS && ext->subject_key_id.len == sizeof key_id)) &&
           (kind == CA_LINT_ROOT || cede_span_equal(ext->authority_key_id, rules->issuer_key_id));
}

/* Null when nothing is wrong. */
static const char *what_is_wrong(const struct ca_lint_rules *rules, enum ca_lint_kind kind,
                                 const struct cede_certificate *certificate, uint64_t now)
{
    const struct cede_certificate *issuer = rules->issuer;

    if (!serial_is_good(certificate->serial)) {
        return "the serial number is too short or too long";
    }
    if (!cede_name_equal(certificate->issuer, issuer->subject)) {
        return "the issuer is not this CA";
    }
    if (certificate->signature_alg != cede_certificate_alg(issuer->curve)) {
        return "the signature algorithm is not that of the CA's key";
    }
    if (certificate->curve == 0) {
        return "the public key is of a kind that is not supported";
    }
    if (certificate->ext.has_unknown_critical) {
        return "a critical extension is not known here";
    }
    if (certificate->not_before > now + SKEW_S ||
        certificate->not_before + CA_BACKDATE_S + SKEW_S < now) {
        return "the validity does not begin now";
    }
    if (certificate->not_after <= now || certificate->not_after > issuer->not_after) {
        return "the validity is over, or longer than that of the CA";
    }
    if (!ids_are_good(rules, kind, certificate)) {
        return "the key identifiers are not those of the keys";
    }
    return certificate->common_name_len == 0 ? "the subject has no common name" : NULL;
}

/* --- RFC 7925, section 4.4 ----------------------------------------------------------------------
 */

/* The extensions that certificates of this CA have, no others (section 4.4.4), and which of them
 * are critical (RFC 5280, section 4.2.1). */
static const struct known_extension {
    struct cede_span oid;
    int32_t number; /* in C509 */
    bool critical;
} known_extensions[] = {
    {{(const uint8_t *)"\x55\x1d\x0e", 3}, 1, false}, /* subjectKeyIdentifier */
    {{(const uint8_t *)"\x55\x1d\x0f", 3}, 2, true},  /* keyUsage */
    {{(const uint8_t *)"\x55\x1d\x11", 3}, 3, false}, /* subjectAltName */
    {{(const uint8_t *)"\x55\x1d\x13", 3}, 4, true},  /* basicConstraints */
    {{(const uint8_t *)"\x55\x1d\x1f", 3}, 5, false}, /* cRLDistributionPoints */
    {{(const uint8_t *)"\x55\x1d\x23", 3}, 7, false}, /* authorityKeyIdentifier */
    {{(const uint8_t *)"\x55\x1d\x25", 3}, 8, false}, /* extKeyUsage */
    {{(const uint8_t *)"\x2b\x06\x01\x05\x05\x07\x01\x01", 8}, 9, false}, /* authorityInfoAccess */
    {{(const uint8_t *)"\x2b\x06\x01\x05\x05\x07\x30\x01\x05", 9}, 36, false}, /* no check */
};

/* The last one says that nobody looks for its status: for the responder alone. */
static size_t known_count(enum ca_lint_kind kind)
{
    size_t count = sizeof known_extensions / sizeof known_extensions[0];

    return kind == CA_LINT_RESPONDER ? count : count - 1;
}

static bool is_known_extension(enum ca_lint_kind kind, struct cede_span oid, bool critical)
{
    for (size_t i = 0; i < known_count(kind); i++) {
        if (cede_span_equal(known_extensions[i].oid, oid)) {
            return known_extensions[i].critical == critical;
        }
    }
    return false;
}

static bool is_known_number(enum ca_lint_kind kind, int64_t number)
{
    bool critical = number < 0;

    for (size_t i = 0; i < known_count(kind); i++) {
        if (known_extensions[i].number == (critical ? -number : number)) {
            return known_extensions[i].critical == critical;
        }
    }
    return false;
}

static bool x509_extensions_are_known(enum ca_lint_kind kind, struct cede_span der)
{
    struct cede_x509 x509;
    struct cede_reader list;

    if (cede_x509_decode(der, &x509) != CEDE_OK) {
        return false;
    }
    list = cede_reader(x509.extensions);
    while (list.status == CEDE_OK && !cede_reader_at_end(&list)) {
        struct cede_reader extension = cede_der_enter(&list, CEDE_DER_SEQUENCE);
        struct cede_span oid = cede_der_get_oid(&extension);
        bool critical =
            cede_der_peek(&extension) == CEDE_DER_BOOLEAN && cede_der_get_bool(&extension);

        if (extension.status != CEDE_OK || !is_known_extension(kind, oid, critical)) {
            return false;
        }
    }
    return list.status == CEDE_OK;
}

static bool c509_extensions_are_known(enum ca_lint_kind kind, struct cede_span encoding)
{
    struct cede_c509 c509;
    struct cede_reader list;
    size_t left;

    if (cede_c509_decode(encoding, &c509) != CEDE_OK) {
        return false;
    }
    list = cede_reader(c509.extensions);
    if (cede_cbor_peek(&list) != CEDE_CBOR_ARRAY) {
        return cede_cbor_peek(&list) == CEDE_CBOR_NINT; /* keyUsage alone, critical */
    }
    for (left = cede_cbor_get_array(&list); left > 1; left -= 2) {
        int64_t number = cede_cbor_get_int(&list);

        (void)cede_cbor_get_item(&list);
        if (list.status != CEDE_OK || !is_known_number(kind, number)) {
            return false;
        }
    }
    return list.status == CEDE_OK;
}

/* Null when it is one of that profile. cRLSign is beside it, for our CRLs; so is a TLS
 * certificate's basicConstraints CA:FALSE, which no device sees. */
static const char *what_breaks_rfc7925(enum ca_lint_kind kind,
                                       const struct cede_certificate *certificate)
{
    const struct cede_extensions *ext = &certificate->ext;
    const unsigned usages =
        CEDE_KU_DIGITAL_SIGNATURE |
        (ext->ca ? CEDE_KU_KEY_CERT_SIGN | CEDE_KU_CRL_SIGN : CEDE_KU_KEY_AGREEMENT);

    if (ext->has_basic_constraints && !ext->ca && kind != CA_LINT_TLS) {
        return "basicConstraints is for CAs only (RFC 7925, section 4.4.4)";
    }
    if ((ext->key_usage & ~usages) != 0) {
        return "a key usage is not of RFC 7925, section 4.4.4, so no policy can allow it";
    }
    if (memchr(certificate->common_name, '*', certificate->common_name_len) != NULL) {
        return "a wildcard in the name (RFC 7925, section 4.4.1)";
    }
    if (kind != CA_LINT_TLS && ext->subject_alt_name.ptr != NULL) {
        return "a subjectAltName, which nobody has checked";
    }
    return (certificate->format == CEDE_CERTIFICATE_X509
                ? x509_extensions_are_known
                : c509_extensions_are_known)(kind, certificate->raw)
               ? NULL
               : "an extension that no certificate has here, or critical where it must not be";
}

/* --- what the policy allows ------------------------------------------------------------------- */

static bool takes_curve(const struct ca_profile_policy *profile, int32_t curve)
{
    return curve == CEDE_CRV_P256   ? profile->p256
           : curve == CEDE_CRV_P384 ? profile->p384
                                    : curve == CEDE_CRV_ED25519 && profile->ed25519;
}

/* Usages may be fewer than the profile's, never others, and not none where it has some. */
static bool usage_fits(const struct ca_profile_policy *profile, const struct cede_extensions *ext)
{
    uint16_t usage = ext->has_key_usage ? ext->key_usage : 0;

    if ((usage & ~(unsigned)profile->key_usage) != 0 || (usage == 0) != (profile->key_usage == 0)) {
        return false;
    }
    return (ext->has_eku ? ext->eku : 0) == profile->eku;
}

static bool is_within(const struct ca_profile_policy *profile,
                      const struct cede_certificate *certificate, uint64_t now)
{
    const struct cede_extensions *ext = &certificate->ext;
    bool ca = ext->has_basic_constraints && ext->ca;
    uint64_t longest = profile->validity_s == CA_VALID_FOREVER ? CEDE_TIME_NONE
                                                               : now + profile->validity_s + SKEW_S;

    return profile->allowed && ca == profile->ca &&
           (!ca || profile->path_len == CEDE_PATH_LEN_NONE || ext->path_len == profile->path_len) &&
           takes_curve(profile, certificate->curve) && usage_fits(profile, ext) &&
           certificate->not_after <= longest;
}

static bool name_fits(const struct ca_policy *policy, enum ca_profile profile,
                      const struct cede_certificate *certificate)
{
    char name[CEDE_COMMON_NAME_MAX + 1];
    size_t len = certificate->common_name_len;

    if (profile != CA_PROFILE_FACTORY && profile != CA_PROFILE_DEVICE) {
        return true;
    }
    memcpy(name, certificate->common_name, len);
    name[len] = '\0';
    return strlen(name) == len && regexec(&policy->subject_pattern, name, 0, NULL, 0) == 0;
}

static bool policy_allows(const struct ca_policy *policy,
                          const struct cede_certificate *certificate, uint64_t now)
{
    for (unsigned i = 0; i < CA_PROFILE_COUNT; i++) {
        if (is_within(&policy->profiles[i], certificate, now) &&
            name_fits(policy, (enum ca_profile)i, certificate)) {
            return true;
        }
    }
    return false;
}

static bool is_responder(const struct cede_certificate *certificate, uint64_t now)
{
    const struct cede_extensions *ext = &certificate->ext;

    return !ext->ca && ext->key_usage == CEDE_KU_DIGITAL_SIGNATURE &&
           ext->eku == CEDE_EKU_OCSP_SIGNING && certificate->not_after <= now + CA_LINT_RESPONDER_S;
}

/* Of the enrolment server: for one thing each, so that nothing else can be done with it. */
static bool is_enrolment_server(const struct cede_certificate *certificate)
{
    const struct cede_extensions *ext = &certificate->ext;
    bool x509 = certificate->format == CEDE_CERTIFICATE_X509;

    return !ext->ca && certificate->curve == CEDE_CRV_P256 &&
           (ext->key_usage == CEDE_KU_DIGITAL_SIGNATURE ||
            (ext->key_usage == CEDE_KU_KEY_AGREEMENT && !x509)) &&
           ext->eku == (x509 ? CEDE_EKU_CMC_RA | CEDE_EKU_SERVER_AUTH : CEDE_EKU_CMC_RA);
}

/* Of the doors of HTTPS: it names its hosts. */
static bool is_tls_server(const struct cede_certificate *certificate)
{
    const struct cede_extensions *ext = &certificate->ext;

    return certificate->format == CEDE_CERTIFICATE_X509 && !ext->ca &&
           certificate->curve == CEDE_CRV_P256 && ext->key_usage == CEDE_KU_DIGITAL_SIGNATURE &&
           ext->eku == (CEDE_EKU_SERVER_AUTH | CEDE_EKU_CLIENT_AUTH) &&
           !cede_span_is_null(ext->subject_alt_name);
}

static bool is_root(const struct cede_certificate *certificate)
{
    const struct cede_extensions *ext = &certificate->ext;

    return certificate->format == CEDE_CERTIFICATE_X509 && ext->ca &&
           ext->key_usage == (CEDE_KU_KEY_CERT_SIGN | CEDE_KU_CRL_SIGN) && !ext->has_eku;
}

/* Null when it is one of that kind. */
static const char *what_does_not_fit(const struct ca_lint_rules *rules, enum ca_lint_kind kind,
                                     const struct cede_certificate *certificate, uint64_t now)
{
    switch (kind) {
    case CA_LINT_POLICY:
        return policy_allows(rules->policy, certificate, now)
                   ? NULL
                   : "no profile of policy.json allows it";
    case CA_LINT_RESPONDER:
        return is_responder(certificate, now) ? NULL : "it is not for an OCSP responder alone";
    case CA_LINT_ENROLMENT:
        return is_enrolment_server(certificate) ? NULL : "it is not for an enrolment server alone";
    case CA_LINT_TLS:
        return is_tls_server(certificate) ? NULL : "it is not for this CA's HTTPS";
    default:
        return is_root(certificate) ? NULL : "it is no root's";
    }
}

enum cede_status ca_lint(const struct ca_lint_rules *rules, enum ca_lint_kind kind,
                         struct cede_span tbs, uint64_t now, const char **why)
{
    uint8_t memory[CA_CERTIFICATE_MAX + 128];
    struct cede_certificate certificate;
    struct ca_lint_rules own = *rules;

    *why = NULL;
    if (read_back(rules, tbs, CEDE_BUF_ARRAY(memory), &certificate) != CEDE_OK) {
        *why = "it is no certificate that can be read back";
        return CEDE_CA_LINT;
    }
    if (kind == CA_LINT_ROOT) {
        own.issuer = &certificate;
    }
    *why = what_is_wrong(&own, kind, &certificate, now);
    if (*why == NULL) {
        *why = what_breaks_rfc7925(kind, &certificate);
    }
    if (*why == NULL) {
        *why = what_does_not_fit(&own, kind, &certificate, now);
    }
    return *why == NULL ? CEDE_OK : CEDE_CA_LINT;
}
