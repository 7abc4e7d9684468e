/* SPDX-License-Identifier: Apache-2.0 */
/* algorithm.c - keys and signatures: X.509's encodings (RFC 5480, 5758, 8410) and the port's. */
#include <string.h>

#include "codec/x509/algorithm.h"

int32_t cede_certificate_alg(int32_t curve)
{
    switch (curve) {
    case CEDE_CRV_P256:
        return CEDE_ALG_ESP256;
    case CEDE_CRV_P384:
        return CEDE_ALG_ES384;
    case CEDE_CRV_P521:
        return CEDE_ALG_ES512;
    case CEDE_CRV_ED25519:
        return CEDE_ALG_ED25519;
    default:
        return 0;
    }
}

/* Parameters are NULL, a named curve, or a sequence of what the algorithm needs. */
static void read_parameters(struct cede_reader *reader)
{
    switch (cede_der_peek(reader)) {
    case CEDE_DER_OID:
        (void)cede_der_get_oid(reader);
        break;
    case CEDE_DER_NULL:
        if (cede_der_get(reader, CEDE_DER_NULL).len != 0) {
            cede_reader_fail(reader, CEDE_DER_VALUE);
        }
        break;
    default:
        (void)cede_der_get(reader, CEDE_DER_SEQUENCE);
        break;
    }
}

/* AlgorithmIdentifier ::= SEQUENCE { algorithm, parameters ANY OPTIONAL }. */
struct cede_span algorithm_contents(struct cede_span algorithm)
{
    struct cede_reader reader = cede_reader(algorithm);
    struct cede_span contents = cede_der_get(&reader, CEDE_DER_SEQUENCE);
    struct cede_reader inner = cede_reader(contents);

    (void)cede_der_get_oid(&inner);
    if (cede_reader_left(&inner) > 0) {
        read_parameters(&inner);
    }
    return cede_reader_at_end(&reader) && cede_reader_at_end(&inner) ? contents : CEDE_SPAN_NULL;
}

int32_t cede_x509_signature_alg(struct cede_span algorithm)
{
    const struct algorithm_entry *entry =
        signature_algorithm_find_der(algorithm_contents(algorithm));

    return entry != NULL ? signature_algorithm_alg(entry->value) : 0;
}

int32_t certificate_curve(int32_t value)
{
    return key_algorithm_curve(value);
}

int32_t x509_curve(struct cede_span algorithm)
{
    const struct algorithm_entry *entry = key_algorithm_find_der(algorithm_contents(algorithm));

    return entry != NULL ? certificate_curve(entry->value) : 0;
}

void cede_x509_put_algorithm(struct cede_writer *writer, int32_t signature_alg)
{
    const struct algorithm_entry *entry = signature_algorithm_find_alg(signature_alg);

    if (entry == NULL) {
        cede_writer_fail(writer, CEDE_CERTIFICATE_ALGORITHM);
        return;
    }
    cede_der_put(writer, CEDE_DER_SEQUENCE, cede_span(entry->der, entry->der_len));
}

void cede_x509_put_public_key(struct cede_writer *writer, const struct cede_public_key *key)
{
    const struct algorithm_entry *entry = key_algorithm_find_curve(key->curve);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t bits;

    if (entry == NULL || key->point.len != cede_curve_public_len(key->curve)) {
        cede_writer_fail(writer, CEDE_CERTIFICATE_ALGORITHM);
        return;
    }
    cede_der_put(writer, CEDE_DER_SEQUENCE, cede_span(entry->der, entry->der_len));
    bits = cede_der_open(writer, CEDE_DER_BIT_STRING);
    cede_write_u8(writer, 0);
    if (entry->pairs) {
        cede_write_u8(writer, 0x04); /* uncompressed (RFC 5480, section 2.2) */
    }
    cede_write_bytes(writer, key->point);
    cede_der_close(writer, bits);
    cede_der_close(writer, sequence);
}

/* RFC 5480, section 2.2: 04 x y, or compressed 02 x and 03 x. */
enum cede_status point_decode(const struct cede_crypto *crypto, int32_t curve,
                              struct cede_span bytes, uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                              struct cede_public_key *key)
{
    size_t len = cede_curve_public_len(curve);
    size_t pair = curve != CEDE_CRV_ED25519 && curve != CEDE_CRV_X25519 ? 1 : 0;
    uint8_t form = bytes.len > 0 ? bytes.ptr[0] : 0;

    *key = (struct cede_public_key){0, CEDE_SPAN_NULL};
    if (len == 0) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    if (bytes.len == len + pair && (pair == 0 || form == 0x04)) {
        memcpy(point, bytes.ptr + pair, len); /* the port checks that it is on the curve */
    } else if (pair != 0 && bytes.len == 1 + len / 2 && (form == 0x02 || form == 0x03)) {
        CEDE_TRY(crypto->decompress(crypto->context, curve, cede_span(bytes.ptr + 1, len / 2),
                                    form == 0x03, point));
    } else {
        return CEDE_CRYPTO_KEY;
    }
    key->curve = curve;
    key->point = cede_span(point, len);
    return CEDE_OK;
}

/* RFC 3279, section 2.2.3: Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }. */
enum cede_status signature_pair(struct cede_span bits, struct cede_span *r, struct cede_span *s)
{
    struct cede_reader reader = cede_reader(bits);
    struct cede_reader inner = cede_der_enter(&reader, CEDE_DER_SEQUENCE);

    *r = cede_der_get_unsigned(&inner);
    *s = cede_der_get_unsigned(&inner);
    CEDE_TRY(cede_reader_finish(&inner));
    return cede_reader_finish(&reader);
}

static void pad_left(uint8_t *to, size_t len, struct cede_span number)
{
    memset(to, 0, len - number.len);
    if (number.len > 0) {
        memcpy(to + (len - number.len), number.ptr, number.len);
    }
}

enum cede_status cede_x509_signature_raw(int32_t signature_alg, struct cede_span signature_bits,
                                         uint8_t *raw, size_t *raw_len)
{
    const struct algorithm_entry *entry = signature_algorithm_find_alg(signature_alg);
    size_t len = cede_signature_len(signature_alg);
    struct cede_span r, s;

    *raw_len = 0;
    if (entry == NULL) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    if (!entry->pairs) {
        if (signature_bits.len != len) {
            return CEDE_CRYPTO_SIGNATURE;
        }
        memcpy(raw, signature_bits.ptr, len);
    } else {
        CEDE_TRY(signature_pair(signature_bits, &r, &s));
        if (r.len > len / 2 || s.len > len / 2) {
            return CEDE_CRYPTO_SIGNATURE;
        }
        pad_left(raw, len / 2, r);
        pad_left(raw + len / 2, len / 2, s);
    }
    *raw_len = len;
    return CEDE_OK;
}

void cede_x509_put_signature(struct cede_writer *writer, int32_t signature_alg,
                             struct cede_span signature)
{
    const struct algorithm_entry *entry = signature_algorithm_find_alg(signature_alg);

    if (entry == NULL || signature.len != cede_signature_len(signature_alg)) {
        cede_writer_fail(writer, CEDE_CERTIFICATE_ALGORITHM);
        return;
    }
    put_signature_bits(writer, entry, signature);
}

void put_signature_bits(struct cede_writer *writer, const struct algorithm_entry *entry,
                        struct cede_span signature)
{
    size_t half = signature.len / 2;
    size_t bits, sequence;

    if (!entry->pairs) {
        cede_der_put_bits(writer, signature);
        return;
    }
    bits = cede_der_open(writer, CEDE_DER_BIT_STRING);
    cede_write_u8(writer, 0);
    sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_unsigned(writer, cede_span_part(signature, 0, half));
    cede_der_put_unsigned(writer, cede_span_part(signature, half, half));
    cede_der_close(writer, sequence);
    cede_der_close(writer, bits);
}

enum cede_status certificate_sign(const struct cede_crypto *crypto,
                                  const struct cede_private_key *key, struct cede_span tbs,
                                  uint8_t *signature, size_t *signature_len)
{
    int32_t alg = cede_certificate_alg(key->curve);

    *signature_len = 0;
    if (alg == 0) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    return crypto->sign(crypto->context, alg, key, &tbs, 1, signature, signature_len);
}
