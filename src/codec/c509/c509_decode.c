/* SPDX-License-Identifier: Apache-2.0 */
/* c509_decode.c - reads C509 certificates (draft, section "C509 Certificate"), checks signatures.
 */
#include <string.h>

#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "codec/c509/name.h"
#include "codec/x509/algorithm.h"

/* --- parts ------------------------------------------------------------------------------------ */

struct cede_span c509_get_algorithm(struct cede_reader *reader, int32_t *value)
{
    size_t at = reader->pos;

    *value = NO_ALGORITHM_NUMBER;
    switch (cede_cbor_peek(reader)) {
    case CEDE_CBOR_ARRAY: /* identifier and parameters */
        cede_cbor_expect_array(reader, 2);
        (void)cede_cbor_get_bytes(reader);
        (void)cede_cbor_get_bytes(reader);
        break;
    case CEDE_CBOR_BYTES: /* identifier */
        (void)cede_cbor_get_bytes(reader);
        break;
    default:
        *value = cede_cbor_get_int32(reader);
        break;
    }
    return cede_reader_since(reader, at);
}

struct cede_span c509_get_name(struct cede_reader *reader)
{
    struct cede_span name = cede_cbor_get_item(reader);
    enum cede_status status = c509_name_check(name);

    if (status != CEDE_OK) {
        cede_reader_fail(reader, status);
    }
    return name;
}

struct cede_span c509_get_biguint(struct cede_reader *reader)
{
    struct cede_span number = cede_cbor_get_bytes(reader);

    if (number.len > 0 && number.ptr[0] == 0) {
        cede_reader_fail(reader, CEDE_CBOR_NOT_SHORTEST);
    }
    return number;
}

struct cede_span c509_get_bytes_item(struct cede_reader *reader, struct cede_span *bytes)
{
    struct cede_reader ahead = *reader;

    *bytes = CEDE_SPAN_NULL;
    if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        *bytes = cede_cbor_get_bytes(&ahead);
    }
    return cede_cbor_get_item(reader);
}

enum cede_status c509_public_key(const struct cede_crypto *crypto, int32_t type, int32_t curve,
                                 struct cede_span bytes, uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                 struct cede_public_key *key)
{
    uint8_t compressed[1 + CEDE_PUBLIC_KEY_LEN_MAX / 2];

    *key = (struct cede_public_key){0, CEDE_SPAN_NULL};
    if (curve == 0) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    if (bytes.len == 0) {
        return CEDE_CRYPTO_KEY;
    }
    if (type == CEDE_C509_X509 && curve != CEDE_CRV_ED25519 && curve != CEDE_CRV_X25519 &&
        (bytes.ptr[0] == POINT_EVEN_OF_X509 || bytes.ptr[0] == POINT_ODD_OF_X509)) {
        if (bytes.len > sizeof compressed) {
            return CEDE_CRYPTO_KEY;
        }
        memcpy(compressed, bytes.ptr, bytes.len);
        compressed[0] = bytes.ptr[0] == POINT_EVEN_OF_X509 ? POINT_EVEN : POINT_ODD;
        bytes = cede_span(compressed, bytes.len);
    }
    return point_decode(crypto, curve, bytes, point, key);
}

/* --- certificates ----------------------------------------------------------------------------- */

static void read_type(struct cede_reader *reader, int32_t *type)
{
    *type = cede_cbor_get_int32(reader);
    if (*type != CEDE_C509_NATIVE && *type != CEDE_C509_X509) {
        cede_reader_fail(reader, CEDE_C509_TYPE);
    }
}

/* ~time without fraction; null, allowed for notAfter, is no expiration. */
static uint64_t read_time(struct cede_reader *reader, bool may_be_none)
{
    uint64_t time;

    if (may_be_none && cede_cbor_peek_null(reader)) {
        cede_cbor_get_null(reader);
        return CEDE_TIME_NONE;
    }
    time = cede_cbor_get_uint(reader);
    if (time > UINT64_C(253402300798)) { /* 9999-12-31 23:59:58 */
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
    }
    return time;
}

/* TBSCertificate, a CBOR sequence of ten items. */
static void read_tbs(struct cede_reader *reader, struct cede_c509 *certificate)
{
    int32_t algorithm;

    read_type(reader, &certificate->type);
    certificate->serial = c509_get_biguint(reader);
    certificate->signature_algorithm = c509_get_algorithm(reader, &algorithm);
    certificate->signature_alg = signature_algorithm_alg(algorithm);
    certificate->issuer_is_subject = cede_cbor_peek_null(reader);
    if (certificate->issuer_is_subject) {
        cede_cbor_get_null(reader);
    } else {
        certificate->issuer = c509_get_name(reader);
    }
    certificate->not_before = read_time(reader, false);
    certificate->not_after = read_time(reader, true);
    certificate->subject = c509_get_name(reader);
    certificate->public_key_algorithm = c509_get_algorithm(reader, &algorithm);
    certificate->curve = certificate_curve(algorithm);
    certificate->public_key_item = c509_get_bytes_item(reader, &certificate->public_key);
    certificate->extensions = cede_cbor_get_item(reader);
}

static enum cede_status decode(struct cede_span encoding,
                               const struct c509_identifiers *identifiers,
                               struct cede_c509 *certificate)
{
    struct cede_reader reader = cede_reader(encoding);
    size_t start;

    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        cede_cbor_expect_array(&reader, CERTIFICATE_ITEMS);
    }
    start = reader.pos;
    read_tbs(&reader, certificate);
    certificate->tbs = cede_reader_since(&reader, start);
    certificate->signature = cede_cbor_get_bytes(&reader);
    certificate->sequence = cede_reader_since(&reader, start);
    CEDE_TRY(cede_reader_finish(&reader));
    if (certificate->type != CEDE_C509_NATIVE && identifiers == NULL) {
        return CEDE_C509_TYPE;
    }
    if (certificate->serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_X509_SERIAL;
    }
    if (certificate->issuer_is_subject) {
        certificate->issuer = certificate->subject;
    } else if (cede_span_equal(certificate->issuer, certificate->subject)) {
        return CEDE_C509_NAME; /* must have been null */
    }
    return c509_extensions_decode(certificate->extensions, identifiers, &certificate->ext);
}

/* All zero on failure. */
static enum cede_status decode_or_clear(struct cede_span encoding,
                                        const struct c509_identifiers *identifiers,
                                        struct cede_c509 *certificate)
{
    enum cede_status status;

    memset(certificate, 0, sizeof *certificate);
    status = decode(encoding, identifiers, certificate);
    if (status != CEDE_OK) {
        memset(certificate, 0, sizeof *certificate);
    }
    return status;
}

enum cede_status cede_c509_decode(struct cede_span encoding, struct cede_c509 *certificate)
{
    return decode_or_clear(encoding, &c509_identifiers_x509, certificate);
}

enum cede_status cede_c509_decode_native(struct cede_span encoding, struct cede_c509 *certificate)
{
    return decode_or_clear(encoding, NULL, certificate);
}

enum cede_status cede_c509_public_key(const struct cede_c509 *certificate,
                                      const struct cede_crypto *crypto,
                                      uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                      struct cede_public_key *key)
{
    return c509_public_key(crypto, certificate->type, certificate->curve, certificate->public_key,
                           point, key);
}

enum cede_status cede_c509_verify_native(const struct cede_c509 *certificate,
                                         const struct cede_crypto *crypto,
                                         const struct cede_public_key *issuer_key)
{
    if (certificate->type != CEDE_C509_NATIVE) {
        return CEDE_C509_TYPE;
    }
    return certificate_verify(crypto, certificate->signature_alg, issuer_key, certificate->tbs,
                              certificate->signature);
}

enum cede_status cede_c509_verify(const struct cede_c509 *certificate,
                                  const struct cede_crypto *crypto,
                                  const struct cede_public_key *issuer_key, struct cede_buf scratch)
{
    struct cede_writer writer = cede_writer(scratch);
    struct cede_span tbs;

    if (certificate->type == CEDE_C509_NATIVE) {
        return cede_c509_verify_native(certificate, crypto, issuer_key);
    }
    CEDE_TRY(c509_tbs_to_der(&writer, crypto, certificate));
    CEDE_TRY(cede_writer_finish(&writer, &tbs));
    return certificate_verify(crypto, certificate->signature_alg, issuer_key, tbs,
                              certificate->signature);
}
