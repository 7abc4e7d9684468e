/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private_key.c - C509PrivateKey and C509PEM (draft, section "Private Key Structures"), and PKCS
 * #8.
 *
 * The octets of type 0 are RFC 5958's PrivateKey: an ECPrivateKey (RFC 5915) for NIST curves, a
 * CurvePrivateKey (RFC 8410) for the others.
 */
#include <string.h>

#include "cede/cose.h"
#include "codec/c509/c509.h"
#include "codec/x509/algorithm.h"

#define KEY_ITEMS 3
#define PEM_ITEMS 2

static bool is_nist(int32_t curve)
{
    return curve >= CEDE_CRV_P256 && curve <= CEDE_CRV_P521;
}

/* --- the octets ------------------------------------------------------------------------------- */

/* ECPrivateKey ::= SEQUENCE { version 1, privateKey, parameters [0] OPTIONAL, publicKey [1]
 * OPTIONAL }; CurvePrivateKey ::= OCTET STRING. */
static enum cede_status scalar_of(struct cede_span octets, int32_t curve, struct cede_span *scalar)
{
    struct cede_reader outer = cede_reader(octets);
    struct cede_reader inner;

    if (!is_nist(curve)) {
        *scalar = cede_der_get(&outer, CEDE_DER_OCTET_STRING);
    } else {
        inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
        if (cede_der_get_small(&inner) != 1) {
            cede_reader_fail(&inner, CEDE_CRYPTO_KEY);
        }
        *scalar = cede_der_get(&inner, CEDE_DER_OCTET_STRING);
        if (cede_der_peek(&inner) == CEDE_DER_CONTEXT_CONSTRUCTED(0)) {
            (void)cede_der_get_value(&inner);
        }
        if (cede_der_peek(&inner) == CEDE_DER_CONTEXT_CONSTRUCTED(1)) {
            (void)cede_der_get_value(&inner);
        }
        if (cede_reader_finish(&inner) != CEDE_OK) {
            return CEDE_CRYPTO_KEY;
        }
    }
    if (cede_reader_finish(&outer) != CEDE_OK || scalar->len != cede_curve_private_len(curve)) {
        return CEDE_CRYPTO_KEY;
    }
    return CEDE_OK;
}

static void put_octets(struct cede_writer *writer, const struct cede_private_key *key,
                       struct cede_span point)
{
    size_t mark, part, bits;

    if (!is_nist(key->curve)) {
        cede_der_put(writer, CEDE_DER_OCTET_STRING, key->scalar);
        return;
    }
    mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_small(writer, 1); /* ecPrivkeyVer1 */
    cede_der_put(writer, CEDE_DER_OCTET_STRING, key->scalar);
    if (point.ptr != NULL) {
        part = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(1));
        bits = cede_der_open(writer, CEDE_DER_BIT_STRING);
        cede_write_u8(writer, 0);
        cede_write_u8(writer, POINT_WHOLE);
        cede_write_bytes(writer, point);
        cede_der_close(writer, bits);
        cede_der_close(writer, part);
    }
    cede_der_close(writer, mark);
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum cede_status read_cose_key(struct cede_c509_private_key *key)
{
    struct cede_private_key private_key;
    struct cede_cose_key cose;

    CEDE_TRY(cede_cose_key_decode(key->cose_key, &cose));
    if (cede_cose_key_private(&cose, &private_key) != CEDE_OK || private_key.curve != key->curve) {
        return CEDE_CRYPTO_KEY;
    }
    key->scalar = private_key.scalar;
    return CEDE_OK;
}

/* Keys of other kinds are carried unread, type 0 as octets, type 1 as an item. */
static enum cede_status read_key(struct cede_c509_private_key *key)
{
    if (key->curve == 0) {
        return CEDE_OK;
    }
    return key->type == CEDE_C509_KEY_COSE ? read_cose_key(key)
                                           : scalar_of(key->octets, key->curve, &key->scalar);
}

static enum cede_status decode(struct cede_span encoding, struct cede_c509_private_key *key)
{
    struct cede_reader reader = cede_reader(encoding);
    int32_t number;

    key->encoding = encoding;
    cede_cbor_expect_array(&reader, KEY_ITEMS);
    key->type = cede_cbor_get_int32(&reader);
    key->algorithm = c509_get_algorithm(&reader, &number);
    key->curve = certificate_curve(number);
    if (reader.status == CEDE_OK && key->type != CEDE_C509_KEY_OCTETS &&
        key->type != CEDE_C509_KEY_COSE) {
        return CEDE_C509_TYPE;
    }
    if (key->type == CEDE_C509_KEY_OCTETS) {
        key->octets = cede_cbor_get_bytes(&reader);
    } else {
        key->cose_key = cede_cbor_get_item(&reader);
    }
    CEDE_TRY(cede_reader_finish(&reader));
    return read_key(key);
}

enum cede_status cede_c509_private_key_decode(struct cede_span encoding,
                                              struct cede_c509_private_key *key)
{
    struct cede_c509_private_key decoded;
    enum cede_status status;

    memset(&decoded, 0, sizeof decoded);
    memset(key, 0, sizeof *key);
    status = decode(encoding, &decoded);
    if (status == CEDE_OK) {
        *key = decoded;
    }
    return status;
}

enum cede_status cede_c509_private_key_open(const struct cede_c509_private_key *key,
                                            struct cede_private_key *private_key)
{
    memset(private_key, 0, sizeof *private_key);
    if (key->scalar.ptr == NULL) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    private_key->curve = key->curve;
    private_key->scalar = key->scalar;
    return CEDE_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_cose_key(struct cede_writer *writer, const struct cede_private_key *private_key,
                         const struct cede_public_key *public_key)
{
    struct cede_cose_key cose;

    memset(&cose, 0, sizeof cose);
    if (public_key != NULL) {
        cede_writer_fail(writer, cede_cose_key_from_public(public_key, &cose));
    }
    cose.kty = is_nist(private_key->curve) ? CEDE_COSE_KTY_EC2 : CEDE_COSE_KTY_OKP;
    cose.curve = private_key->curve;
    cose.d = private_key->scalar;
    cede_cose_key_encode(writer, &cose);
}

/* A byte string of what is to be DER: its length is found by writing it twice. */
static void put_octet_item(struct cede_writer *writer, const struct cede_private_key *key,
                           struct cede_span point)
{
    struct cede_writer counter = cede_writer_counting();

    put_octets(&counter, key, point);
    cede_cbor_put_bytes_head(writer, counter.len);
    put_octets(writer, key, point);
}

enum cede_status cede_c509_private_key_write(int32_t type,
                                             const struct cede_private_key *private_key,
                                             const struct cede_public_key *public_key,
                                             struct cede_buf out, struct cede_span *encoding)
{
    const struct algorithm_entry *entry = key_algorithm_find_curve(private_key->curve);
    struct cede_span point = public_key != NULL ? public_key->point : CEDE_SPAN_NULL;
    struct cede_writer writer = cede_writer(out);

    *encoding = CEDE_SPAN_NULL;
    if (entry == NULL) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    if (private_key->scalar.len != cede_curve_private_len(private_key->curve) ||
        (public_key != NULL &&
         (public_key->curve != private_key->curve ||
          public_key->point.len != cede_curve_public_len(public_key->curve)))) {
        return CEDE_CRYPTO_KEY; /* a handle, for one, has no scalar */
    }
    cede_cbor_put_array(&writer, KEY_ITEMS);
    cede_cbor_put_int(&writer, type);
    cede_cbor_put_int(&writer, entry->value);
    if (type == CEDE_C509_KEY_COSE) {
        put_cose_key(&writer, private_key, public_key);
    } else if (type == CEDE_C509_KEY_OCTETS) {
        put_octet_item(&writer, private_key, point);
    } else {
        return CEDE_C509_TYPE;
    }
    return cede_writer_finish(&writer, encoding);
}

/* --- PKCS #8: OneAsymmetricKey (RFC 5958, section 2) ------------------------------------------ */

enum cede_status cede_c509_private_key_from_pkcs8(struct cede_span der, struct cede_buf out,
                                                  struct cede_span *encoding)
{
    struct cede_reader outer = cede_reader(der);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    uint32_t version = cede_der_get_small(&inner);
    struct cede_span algorithm = cede_der_get_value(&inner);
    struct cede_span octets = cede_der_get(&inner, CEDE_DER_OCTET_STRING);
    struct cede_writer writer = cede_writer(out);
    struct cede_c509_private_key key;
    struct cede_span written;

    *encoding = CEDE_SPAN_NULL;
    if (inner.status != CEDE_OK) {
        return inner.status;
    }
    if (algorithm_contents(algorithm).ptr == NULL) {
        return CEDE_DER_TAG;
    }
    if (version != 0 || !cede_reader_at_end(&inner)) { /* attributes, or a public key: v2 */
        return CEDE_C509_NOT_EXPRESSIBLE;
    }
    CEDE_TRY(cede_reader_finish(&outer));
    cede_cbor_put_array(&writer, KEY_ITEMS);
    cede_cbor_put_int(&writer, CEDE_C509_KEY_OCTETS);
    c509_put_algorithm_from_der(&writer, algorithm,
                                key_algorithm_find_der(algorithm_contents(algorithm)));
    cede_cbor_put_bytes(&writer, octets);
    CEDE_TRY(cede_writer_finish(&writer, &written));
    if (written.ptr != NULL) { /* not only counted */
        CEDE_TRY(cede_c509_private_key_decode(written, &key));
    }
    *encoding = written;
    return CEDE_OK;
}

/* The octets of type 1, with the public key when the COSE_Key has it in full. */
static enum cede_status cose_key_to_octets(struct cede_writer *writer,
                                           const struct cede_c509_private_key *key)
{
    uint8_t room[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_private_key private_key;
    struct cede_public_key public_key = {0, CEDE_SPAN_NULL};
    struct cede_cose_key cose;

    CEDE_TRY(cede_c509_private_key_open(key, &private_key));
    CEDE_TRY(cede_cose_key_decode(key->cose_key, &cose));
    if (cose.x.ptr != NULL && !cose.has_y_sign) {
        CEDE_TRY(cede_cose_key_public(&cose, NULL, room, &public_key));
    }
    put_octets(writer, &private_key, public_key.point);
    return writer->status;
}

enum cede_status cede_c509_private_key_to_pkcs8(struct cede_span encoding, struct cede_buf out,
                                                struct cede_span *der)
{
    struct cede_writer writer = cede_writer(out);
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    const struct algorithm_entry *entry;
    struct cede_c509_private_key key;
    size_t octets;

    *der = CEDE_SPAN_NULL;
    CEDE_TRY(cede_c509_private_key_decode(encoding, &key));
    cede_der_put_small(&writer, 0); /* v1 */
    CEDE_TRY(c509_algorithm_to_der(&writer, key.algorithm, ALGORITHM_KEY, &entry));
    octets = cede_der_open(&writer, CEDE_DER_OCTET_STRING);
    if (key.type == CEDE_C509_KEY_COSE) {
        CEDE_TRY(cose_key_to_octets(&writer, &key));
    } else {
        cede_write_bytes(&writer, key.octets);
    }
    cede_der_close(&writer, octets);
    cede_der_close(&writer, mark);
    return cede_writer_finish(&writer, der);
}

/* --- C509PEM ---------------------------------------------------------------------------------- */

/* C509PEM = [ C509PrivateKey, COSE_C509 / null ]. */
enum cede_status cede_c509_pem_decode(struct cede_span encoding, struct cede_c509_private_key *key,
                                      struct cede_span *bag)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_span key_item;

    memset(key, 0, sizeof *key);
    *bag = CEDE_SPAN_NULL;
    cede_cbor_expect_array(&reader, PEM_ITEMS);
    key_item = cede_cbor_get_item(&reader);
    if (cede_cbor_peek_null(&reader)) {
        cede_cbor_get_null(&reader);
        CEDE_TRY(cede_reader_finish(&reader));
        return cede_c509_private_key_decode(key_item, key);
    }
    encoding = cede_cbor_get_item(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    CEDE_TRY(cede_c509_private_key_decode(key_item, key));
    *bag = encoding;
    return CEDE_OK;
}

void cede_c509_put_pem(struct cede_writer *writer, struct cede_span key,
                       const struct cede_span *certificates, size_t certificates_count)
{
    cede_cbor_put_array(writer, PEM_ITEMS);
    cede_write_bytes(writer, key);
    if (certificates_count == 0) {
        cede_cbor_put_null(writer);
    } else {
        cede_c509_put_bag(writer, certificates, certificates_count);
    }
}
