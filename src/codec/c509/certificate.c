/* SPDX-License-Identifier: Apache-2.0 */
/* certificate.c - certificates and requests whatever their format. */
#include <string.h>

#include "cede/certificate.h"
#include "codec/c509/c509.h"
#include "codec/x509/algorithm.h"
#include "codec/x509/x509.h"

#define ARRAY_OF_11 0x8b /* first byte of a C509Certificate */

/* --- decode ----------------------------------------------------------------------------------- */

/* A back end without the curve is like a kind of key that is not supported. */
static enum cede_status take_key(enum cede_status status, const struct cede_public_key *key,
                                 int32_t *curve, size_t *point_len)
{
    *curve = status == CEDE_OK ? key->curve : 0;
    *point_len = status == CEDE_OK ? key->point.len : 0;
    if (status == CEDE_CRYPTO_UNSUPPORTED || status == CEDE_CERTIFICATE_ALGORITHM) {
        return CEDE_OK;
    }
    return status;
}

static enum cede_status decode_x509(struct cede_span der, const struct cede_crypto *crypto,
                                    struct cede_certificate *certificate)
{
    struct cede_x509 x509;
    struct cede_public_key key;
    enum cede_status status;

    CEDE_TRY(cede_x509_decode(der, &x509));
    certificate->format = CEDE_CERTIFICATE_X509;
    certificate->raw = der;
    certificate->tbs = x509.tbs;
    certificate->serial = x509.serial;
    certificate->issuer = (struct cede_name){CEDE_NAME_DER, x509.issuer};
    certificate->subject = (struct cede_name){CEDE_NAME_DER, x509.subject};
    certificate->not_before = x509.not_before;
    certificate->not_after = x509.not_after;
    certificate->signature_alg = x509.signature_alg;
    certificate->signature = x509.signature_bits;
    certificate->ext = x509.ext;
    status = cede_x509_public_key(&x509, crypto, certificate->point, &key);
    return take_key(status, &key, &certificate->curve, &certificate->point_len);
}

static enum cede_status decode_c509(struct cede_span encoding, const struct cede_crypto *crypto,
                                    struct cede_certificate *certificate)
{
    struct cede_c509 c509;
    struct cede_public_key key;
    enum cede_status status;

    CEDE_TRY(cede_c509_decode(encoding, &c509));
    certificate->format = (enum cede_certificate_format)c509.type;
    certificate->raw = c509.sequence;
    certificate->tbs = c509.tbs;
    certificate->serial = c509.serial;
    certificate->issuer = (struct cede_name){CEDE_NAME_C509, c509.issuer};
    certificate->subject = (struct cede_name){CEDE_NAME_C509, c509.subject};
    certificate->not_before = c509.not_before;
    certificate->not_after = c509.not_after;
    certificate->signature_alg = c509.signature_alg;
    certificate->signature = c509.signature;
    certificate->ext = c509.ext;
    status = cede_c509_public_key(&c509, crypto, certificate->point, &key);
    return take_key(status, &key, &certificate->curve, &certificate->point_len);
}

static bool is_der(struct cede_span encoding)
{
    return encoding.len > 0 && encoding.ptr[0] == CEDE_DER_SEQUENCE;
}

enum cede_status cede_certificate_decode(struct cede_span encoding,
                                         const struct cede_crypto *crypto,
                                         struct cede_certificate *certificate)
{
    struct cede_certificate decoded;
    struct cede_span common_name;
    enum cede_status status;

    memset(&decoded, 0, sizeof decoded);
    memset(certificate, 0, sizeof *certificate);
    status = is_der(encoding) ? decode_x509(encoding, crypto, &decoded)
                              : decode_c509(encoding, crypto, &decoded);
    if (status != CEDE_OK) {
        return status;
    }
    if (cede_name_common_name(decoded.subject, CEDE_BUF_ARRAY(decoded.common_name), &common_name) ==
        CEDE_OK) {
        decoded.common_name_len = common_name.len;
    }
    *certificate = decoded;
    return CEDE_OK;
}

struct cede_span cede_certificate_common_name(const struct cede_certificate *certificate)
{
    return cede_span(certificate->common_name, certificate->common_name_len);
}

struct cede_public_key cede_certificate_key(const struct cede_certificate *certificate)
{
    return (struct cede_public_key){certificate->curve,
                                    cede_span(certificate->point, certificate->point_len)};
}

enum cede_status cede_certificate_verify(const struct cede_certificate *certificate,
                                         const struct cede_certificate *issuer,
                                         const struct cede_crypto *crypto, struct cede_buf scratch)
{
    struct cede_public_key key = cede_certificate_key(issuer);
    struct cede_c509 c509;

    switch (certificate->format) {
    case CEDE_CERTIFICATE_X509:
        return x509_verify_bits(crypto, certificate->signature_alg, &key, certificate->tbs,
                                certificate->signature);
    case CEDE_CERTIFICATE_C509_NATIVE:
        return certificate_verify(crypto, certificate->signature_alg, &key, &certificate->tbs,
                                  &certificate->signature);
    case CEDE_CERTIFICATE_C509_X509:
        CEDE_TRY(cede_c509_decode(certificate->raw, &c509));
        return cede_c509_verify(&c509, crypto, &key, scratch);
    }
    return CEDE_BAD_ARGUMENT;
}

/* --- thumbprints ------------------------------------------------------------------------------ */

enum cede_status cede_certificate_thumbprint(const struct cede_crypto *crypto, int32_t alg,
                                             struct cede_span encoding, uint8_t *hash,
                                             size_t *hash_len)
{
    *hash_len = 0;
    if (alg != CEDE_ALG_SHA_256 && alg != CEDE_ALG_SHA_256_64) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    if (encoding.len > 0 && encoding.ptr[0] == ARRAY_OF_11) {
        encoding = cede_span(encoding.ptr + 1, encoding.len - 1);
    }
    CEDE_TRY(cede_hash(crypto, alg, encoding, hash));
    *hash_len = cede_hash_len(alg);
    return CEDE_OK;
}

enum cede_status cede_certificate_put_hash(struct cede_writer *writer,
                                           const struct cede_crypto *crypto, int32_t alg,
                                           struct cede_span encoding)
{
    uint8_t hash[CEDE_SHA256_LEN];
    size_t len;

    CEDE_TRY(cede_certificate_thumbprint(crypto, alg, encoding, hash, &len));
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_int(writer, alg);
    cede_cbor_put_bytes(writer, cede_span(hash, len));
    return writer->status;
}

enum cede_status cede_certificate_check_hash(const struct cede_crypto *crypto,
                                             struct cede_span cert_hash, struct cede_span encoding)
{
    struct cede_reader reader = cede_reader(cert_hash);
    uint8_t hash[CEDE_SHA256_LEN];
    struct cede_span wanted;
    int64_t alg;
    size_t len;

    cede_cbor_expect_array(&reader, 2);
    alg = cede_cbor_get_int(&reader);
    wanted = cede_cbor_get_bytes(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    if (alg < INT32_MIN || alg > INT32_MAX) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    CEDE_TRY(cede_certificate_thumbprint(crypto, (int32_t)alg, encoding, hash, &len));
    return cede_span_equal(wanted, cede_span(hash, len)) ? CEDE_OK : CEDE_CERTIFICATE_THUMBPRINT;
}

/* --- issuing ---------------------------------------------------------------------------------- */

enum cede_status cede_certificate_key_id(const struct cede_crypto *crypto,
                                         const struct cede_public_key *key, uint8_t key_id[20])
{
    static const uint8_t whole = 0x04;
    uint8_t hash[CEDE_SHA256_LEN];
    bool is_point = key->curve != CEDE_CRV_ED25519 && key->curve != CEDE_CRV_X25519;
    struct cede_span parts[2] = {cede_span(&whole, is_point ? 1 : 0), key->point};

    if (cede_curve_public_len(key->curve) == 0) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    CEDE_TRY(crypto->hash(crypto->context, CEDE_ALG_SHA_256, parts, 2, hash));
    memcpy(key_id, hash, 20);
    return CEDE_OK;
}

/* A name in C509 form becomes DER in front of what is left of `scratch`. */
static enum cede_status name_to_der(struct cede_name *name, struct cede_buf *scratch)
{
    struct cede_writer writer = cede_writer(*scratch);

    if (name->form != CEDE_NAME_C509 || name->value.ptr == NULL) {
        return CEDE_OK;
    }
    if (scratch->ptr == NULL) {
        return CEDE_NO_SPACE;
    }
    cede_c509_put_name_der(&writer, *name);
    CEDE_TRY(cede_writer_finish(&writer, &name->value));
    name->form = CEDE_NAME_DER;
    *scratch = cede_buf(scratch->ptr + name->value.len, scratch->cap - name->value.len);
    return CEDE_OK;
}

enum cede_status cede_certificate_issue(enum cede_certificate_format format,
                                        const struct cede_crypto *crypto,
                                        const struct cede_certificate_info *info,
                                        const struct cede_private_key *issuer_key,
                                        struct cede_buf scratch, struct cede_buf out,
                                        struct cede_span *encoding)
{
    struct cede_certificate_info named = *info;
    struct cede_span der;

    *encoding = CEDE_SPAN_NULL;
    if (format == CEDE_CERTIFICATE_C509_NATIVE) {
        return cede_c509_issue(crypto, info, issuer_key, out, encoding);
    }
    CEDE_TRY(name_to_der(&named.issuer, &scratch));
    CEDE_TRY(name_to_der(&named.subject, &scratch));
    CEDE_TRY(name_to_der(&named.permitted_subtree, &scratch));
    if (format == CEDE_CERTIFICATE_X509) {
        return cede_x509_issue(crypto, &named, issuer_key, out, encoding);
    }
    if (scratch.ptr == NULL) {
        return CEDE_NO_SPACE;
    }
    CEDE_TRY(cede_x509_issue(crypto, &named, issuer_key, scratch, &der));
    scratch = cede_buf(scratch.ptr + der.len, scratch.cap - der.len);
    return cede_c509_from_x509(crypto, der, scratch, out, encoding);
}

/* --- requests --------------------------------------------------------------------------------- */

static enum cede_status decode_pkcs10(struct cede_span der, const struct cede_crypto *crypto,
                                      struct cede_request *request)
{
    struct cede_x509_request x509;
    struct cede_public_key key;
    enum cede_status status;

    CEDE_TRY(cede_x509_request_decode(der, &x509));
    request->format = CEDE_CERTIFICATE_X509;
    request->raw = der;
    request->tbs = x509.info;
    request->subject = (struct cede_name){CEDE_NAME_DER, x509.subject};
    request->ext = x509.ext;
    request->extensions = x509.extensions;
    request->mac_hash = x509.mac_hash;
    request->challenge_password = x509.challenge_password;
    status = cede_x509_request_public_key(&x509, crypto, request->point, &key);
    return take_key(status, &key, &request->curve, &request->point_len);
}

static enum cede_status decode_c509_request(struct cede_span encoding,
                                            const struct cede_crypto *crypto,
                                            struct cede_request *request)
{
    struct cede_c509_request c509;
    struct cede_public_key key;
    enum cede_status status;

    CEDE_TRY(cede_c509_request_decode(encoding, &c509));
    request->format = (enum cede_certificate_format)c509.type;
    request->raw = encoding;
    request->tbs = c509.tbs;
    request->subject = (struct cede_name){CEDE_NAME_C509, c509.subject};
    request->ext = c509.ext;
    request->extensions = c509.extensions;
    request->mac_hash = c509.mac_hash;
    request->challenge_password = c509.challenge_password;
    status = cede_c509_request_public_key(&c509, crypto, request->point, &key);
    return take_key(status, &key, &request->curve, &request->point_len);
}

enum cede_status cede_request_decode(struct cede_span encoding, const struct cede_crypto *crypto,
                                     struct cede_request *request)
{
    struct cede_request decoded;
    enum cede_status status;

    memset(&decoded, 0, sizeof decoded);
    memset(request, 0, sizeof *request);
    status = is_der(encoding) ? decode_pkcs10(encoding, crypto, &decoded)
                              : decode_c509_request(encoding, crypto, &decoded);
    if (status == CEDE_OK) {
        *request = decoded;
    }
    return status;
}

enum cede_status cede_request_verify(const struct cede_request *request,
                                     const struct cede_crypto *crypto, struct cede_buf scratch)
{
    struct cede_x509_request x509;
    struct cede_c509_request c509;
    struct cede_public_key key;

    if (request->format == CEDE_CERTIFICATE_X509) {
        CEDE_TRY(cede_x509_request_decode(request->raw, &x509));
        return cede_x509_request_verify(&x509, crypto);
    }
    key = cede_request_key(request); /* its point has been found and checked already */
    CEDE_TRY(cede_c509_request_decode(request->raw, &c509));
    return c509_request_verify(&c509, &key, crypto, scratch);
}

struct cede_public_key cede_request_key(const struct cede_request *request)
{
    return (struct cede_public_key){request->curve, cede_span(request->point, request->point_len)};
}
