/* SPDX-License-Identifier: Apache-2.0 */
/* x509_decode.c - reads X.509 v3 certificates (RFC 5280, section 4.1) and checks their signature.
 */
#include <string.h>

#include "cede/x509.h"
#include "codec/x509/algorithm.h"
#include "codec/x509/extensions.h"
#include "codec/x509/name.h"
#include "codec/x509/x509.h"

/* version [0] EXPLICIT INTEGER: v3 only, for only v3 can say what its key is for. */
static void read_version(struct cede_reader *tbs)
{
    struct cede_reader inner;

    if (cede_der_peek(tbs) != CEDE_DER_CONTEXT_CONSTRUCTED(0)) {
        cede_reader_fail(tbs, CEDE_X509_VERSION);
        return;
    }
    inner = cede_der_enter(tbs, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    if (cede_der_get_small(&inner) != 2 || cede_reader_finish(&inner) != CEDE_OK) {
        cede_reader_fail(tbs, CEDE_X509_VERSION);
    }
}

static void read_validity(struct cede_reader *tbs, struct cede_x509 *certificate)
{
    struct cede_reader inner = cede_der_enter(tbs, CEDE_DER_SEQUENCE);

    certificate->not_before = cede_der_get_time(&inner);
    certificate->not_after = cede_der_get_time(&inner);
    cede_reader_fail(tbs, cede_reader_finish(&inner));
}

static struct cede_span read_name(struct cede_reader *tbs)
{
    struct cede_span name = cede_der_get_value(tbs);

    cede_reader_fail(tbs, x509_name_check(name));
    return name;
}

enum cede_status x509_public_key_info_decode(struct cede_span info, struct cede_span *algorithm,
                                             struct cede_span *bits)
{
    struct cede_reader outer = cede_reader(info);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    *algorithm = cede_der_get_value(&inner);
    *bits = cede_der_get_bits(&inner, NULL);
    CEDE_TRY(cede_reader_finish(&inner));
    CEDE_TRY(cede_reader_finish(&outer));
    return cede_span_is_null(algorithm_contents(*algorithm)) ? CEDE_DER_TAG : CEDE_OK;
}

/* issuerUniqueID [1] and subjectUniqueID [2] are skipped (section 4.1.2.8), extensions [3] kept. */
static void read_tail(struct cede_reader *tbs, struct cede_x509 *certificate)
{
    struct cede_reader inner;

    for (uint8_t tag = CEDE_DER_CONTEXT(1); tag <= CEDE_DER_CONTEXT(2); tag++) {
        if (cede_der_peek(tbs) == tag) {
            (void)cede_der_get(tbs, tag);
        }
    }
    if (cede_der_peek(tbs) != CEDE_DER_CONTEXT_CONSTRUCTED(3)) {
        return;
    }
    inner = cede_der_enter(tbs, CEDE_DER_CONTEXT_CONSTRUCTED(3));
    certificate->extensions = cede_der_get(&inner, CEDE_DER_SEQUENCE);
    cede_reader_fail(tbs, cede_reader_finish(&inner));
}

/* TBSCertificate. */
static enum cede_status read_tbs(struct cede_span encoding, struct cede_x509 *certificate)
{
    struct cede_reader outer = cede_reader(encoding);
    struct cede_reader tbs = cede_der_enter(&outer, CEDE_DER_SEQUENCE);

    read_version(&tbs);
    certificate->serial = cede_der_get_unsigned(&tbs);
    certificate->signature_algorithm = cede_der_get_value(&tbs);
    certificate->issuer = read_name(&tbs);
    read_validity(&tbs, certificate);
    certificate->subject = read_name(&tbs);
    certificate->public_key_info = cede_der_get_value(&tbs);
    read_tail(&tbs, certificate);
    CEDE_TRY(cede_reader_finish(&tbs));
    if (certificate->serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_X509_SERIAL;
    }
    CEDE_TRY(x509_public_key_info_decode(certificate->public_key_info,
                                         &certificate->public_key_algorithm,
                                         &certificate->public_key_bits));
    certificate->curve = x509_curve(certificate->public_key_algorithm);
    return x509_extensions_decode(certificate->extensions, &certificate->ext);
}

/* Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } */
static enum cede_status decode(struct cede_span der, struct cede_x509 *certificate)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_span algorithm;

    certificate->der = der;
    certificate->tbs = cede_der_get_value(&inner);
    algorithm = cede_der_get_value(&inner);
    certificate->signature_bits = cede_der_get_bits(&inner, NULL);
    CEDE_TRY(cede_reader_finish(&inner));
    CEDE_TRY(cede_reader_finish(&outer));
    CEDE_TRY(read_tbs(certificate->tbs, certificate));
    if (cede_span_is_null(algorithm_contents(algorithm))) {
        return CEDE_DER_TAG;
    }
    if (!cede_span_equal(algorithm, certificate->signature_algorithm)) {
        return CEDE_X509_ALGORITHMS_DIFFER; /* section 4.1.1.2 */
    }
    certificate->signature_alg = cede_x509_signature_alg(algorithm);
    return CEDE_OK;
}

enum cede_status cede_x509_decode(struct cede_span der, struct cede_x509 *certificate)
{
    struct cede_x509 decoded;
    enum cede_status status;

    memset(&decoded, 0, sizeof decoded);
    memset(certificate, 0, sizeof *certificate);
    status = decode(der, &decoded);
    if (status == CEDE_OK) {
        *certificate = decoded;
    }
    return status;
}

enum cede_status cede_x509_public_key(const struct cede_x509 *certificate,
                                      const struct cede_crypto *crypto,
                                      uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                      struct cede_public_key *key)
{
    return point_decode(crypto, certificate->curve, certificate->public_key_bits, point, key);
}

enum cede_status x509_verify_bits(const struct cede_crypto *crypto, int32_t signature_alg,
                                  const struct cede_public_key *key, struct cede_span tbs,
                                  struct cede_span signature_bits)
{
    uint8_t raw[CEDE_SIGNATURE_LEN_MAX];
    struct cede_span signature = {raw, 0};

    CEDE_TRY(cede_x509_signature_raw(signature_alg, signature_bits, raw, &signature.len));
    return certificate_verify(crypto, signature_alg, key, &tbs, &signature);
}

enum cede_status cede_x509_verify(const struct cede_x509 *certificate,
                                  const struct cede_crypto *crypto,
                                  const struct cede_public_key *issuer_key)
{
    return x509_verify_bits(crypto, certificate->signature_alg, issuer_key, certificate->tbs,
                            certificate->signature_bits);
}
