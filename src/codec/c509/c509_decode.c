/* SPDX-License-Identifier: Apache-2.0 */
/* c509_decode.c - reads C509 certificates (draft, section "C509 Certificate"), checks signatures.
 */
#include <string.h>

#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "codec/c509/name.h"
#include "codec/cbor/cbor.h"
#include "codec/x509/algorithm.h"

/* --- parts ------------------------------------------------------------------------------------ */

int32_t c509_read_algorithm(struct cede_reader *reader, struct cede_span *algorithm)
{
    size_t at = reader->pos;
    int32_t number = NO_ALGORITHM_NUMBER;
    enum cede_cbor_type type = cede_cbor_peek(reader);

    if (type == CEDE_CBOR_ARRAY) { /* identifier and parameters */
        cede_cbor_expect_array(reader, 2);
        cbor_read_string(reader, CBOR_TYPE(BYTES), algorithm);
    }
    if (type == CEDE_CBOR_ARRAY || type == CEDE_CBOR_BYTES) { /* parameters, or the identifier */
        cbor_read_string(reader, CBOR_TYPE(BYTES), algorithm);
    } else {
        number = cede_cbor_get_int32(reader);
    }
    cbor_read_since(reader, at, algorithm);
    return number;
}

struct cede_span c509_get_algorithm(struct cede_reader *reader, int32_t *value)
{
    struct cede_span algorithm;

    *value = c509_read_algorithm(reader, &algorithm);
    return algorithm;
}

struct cede_span c509_get_name(struct cede_reader *reader)
{
    struct cede_span name;

    c509_read_name(reader, &name);
    return name;
}

CEDE_INLINE void read_biguint(struct cede_reader *reader, struct cede_span *number)
{
    cbor_read_string(reader, CBOR_TYPE(BYTES), number);
    if (number->len > 0 && number->ptr[0] == 0) {
        cede_reader_fail(reader, CEDE_CBOR_NOT_SHORTEST);
    }
}

void c509_read_biguint(struct cede_reader *reader, struct cede_span *number)
{
    read_biguint(reader, number);
}

struct cede_span c509_get_biguint(struct cede_reader *reader)
{
    struct cede_span number;

    c509_read_biguint(reader, &number);
    return number;
}

CEDE_INLINE void read_bytes_item(struct cede_reader *reader, struct cede_span *item,
                                 struct cede_span *bytes)
{
    size_t at = reader->pos;

    *bytes = CEDE_SPAN_NULL;
    if (cede_cbor_peek(reader) == CEDE_CBOR_BYTES) {
        cbor_read_string(reader, CBOR_TYPE(BYTES), bytes);
    } else {
        (void)cbor_skip(reader);
    }
    cbor_read_since(reader, at, item);
}

void c509_read_bytes_item(struct cede_reader *reader, struct cede_span *item,
                          struct cede_span *bytes)
{
    read_bytes_item(reader, item, bytes);
}

struct cede_span c509_get_bytes_item(struct cede_reader *reader, struct cede_span *bytes)
{
    struct cede_span item;

    c509_read_bytes_item(reader, &item, bytes);
    return item;
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

/* ~time without fraction. */
CEDE_NOINLINE static uint64_t read_time(struct cede_reader *reader)
{
    uint64_t time = cede_cbor_get_uint(reader);

    if (time > UINT64_C(253402300798)) { /* 9999-12-31 23:59:58 */
        cede_reader_fail(reader, CEDE_CBOR_RANGE);
    }
    return time;
}

/* TBSCertificate, a CBOR sequence of ten items. */
static void read_tbs(struct cede_reader *reader, struct cede_c509 *certificate)
{
    read_type(reader, &certificate->type);
    read_biguint(reader, &certificate->serial);
    certificate->signature_alg =
        signature_algorithm_alg(c509_read_algorithm(reader, &certificate->signature_algorithm));
    certificate->issuer_is_subject = cede_cbor_take_null(reader);
    if (!certificate->issuer_is_subject) {
        c509_read_name(reader, &certificate->issuer);
    }
    certificate->not_before = read_time(reader);
    certificate->not_after = cede_cbor_take_null(reader) ? CEDE_TIME_NONE : read_time(reader);
    c509_read_name(reader, &certificate->subject);
    certificate->curve =
        key_algorithm_curve(c509_read_algorithm(reader, &certificate->public_key_algorithm));
    read_bytes_item(reader, &certificate->public_key_item, &certificate->public_key);
    cbor_read_item(reader, &certificate->extensions);
}

/* What a certificate is beyond its items. */
static enum cede_status check(struct cede_c509 *certificate,
                              const struct c509_identifiers *identifiers)
{
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
static enum cede_status decode(struct cede_span encoding,
                               const struct c509_identifiers *identifiers,
                               struct cede_c509 *certificate)
{
    struct cede_reader reader;
    enum cede_status status;
    size_t start;

    memset(certificate, 0, sizeof *certificate);
    cede_reader_open(&reader, &encoding);
    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        cede_cbor_expect_array(&reader, CERTIFICATE_ITEMS);
    }
    start = reader.pos;
    read_tbs(&reader, certificate);
    cbor_read_since(&reader, start, &certificate->tbs);
    cbor_read_string(&reader, CBOR_TYPE(BYTES), &certificate->signature);
    cbor_read_since(&reader, start, &certificate->sequence);
    status = cede_reader_finish(&reader);
    if (status == CEDE_OK) {
        status = check(certificate, identifiers);
    }
    if (status != CEDE_OK) {
        memset(certificate, 0, sizeof *certificate);
    }
    return status;
}

enum cede_status cede_c509_decode(struct cede_span encoding, struct cede_c509 *certificate)
{
    return decode(encoding, &c509_identifiers_x509, certificate);
}

enum cede_status cede_c509_decode_native(struct cede_span encoding, struct cede_c509 *certificate)
{
    return decode(encoding, NULL, certificate);
}

enum cede_status cede_c509_public_key(const struct cede_c509 *certificate,
                                      const struct cede_crypto *crypto,
                                      uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                      struct cede_public_key *key)
{
    return c509_public_key(crypto, certificate->type, certificate->curve, certificate->public_key,
                           point, key);
}

enum cede_status cede_c509_public_key_native(const struct cede_c509 *certificate,
                                             const struct cede_crypto *crypto,
                                             uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                             struct cede_public_key *key)
{
    return point_decode(crypto, certificate->curve, certificate->public_key, point, key);
}

enum cede_status cede_c509_verify_native(const struct cede_c509 *certificate,
                                         const struct cede_crypto *crypto,
                                         const struct cede_public_key *issuer_key)
{
    if (certificate->type != CEDE_C509_NATIVE) {
        return CEDE_C509_TYPE;
    }
    return certificate_verify(crypto, certificate->signature_alg, issuer_key, &certificate->tbs,
                              &certificate->signature);
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
    tbs = cede_written(&writer);
    if (tbs.ptr == NULL) {
        return CEDE_NO_SPACE; /* it was only counted */
    }
    return certificate_verify(crypto, certificate->signature_alg, issuer_key, &tbs,
                              &certificate->signature);
}
