/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c509_from_x509.c - X.509 to C509 type 3.
 *
 * Whatever is written is turned back at once, extension by extension and then as a whole, and
 * compared with the original: what comes out is what the signature is over, or there is nothing.
 */
#include <string.h>

#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "codec/c509/name.h"
#include "codec/x509/algorithm.h"
#include "codec/x509/extensions.h"

static void put_biguint(struct cede_writer *writer, struct cede_span number)
{
    cede_cbor_put_bytes(writer, number);
}

/* AlgorithmIdentifier as number, identifier, or identifier with parameters. */
void c509_put_algorithm_from_der(struct cede_writer *writer, struct cede_span algorithm,
                                 const struct algorithm_entry *entry)
{
    struct cede_reader reader = cede_reader(algorithm_contents(algorithm));
    struct cede_span oid, parameters;

    if (entry != NULL) {
        cede_cbor_put_int(writer, entry->value);
        return;
    }
    oid = cede_der_get(&reader, CEDE_DER_OID);
    parameters = cede_read_rest(&reader);
    if (reader.status != CEDE_OK) {
        cede_writer_fail(writer, reader.status);
        return;
    }
    if (parameters.len > 0) {
        cede_cbor_put_array(writer, 2);
    }
    cede_cbor_put_bytes(writer, oid);
    if (parameters.len > 0) {
        cede_cbor_put_bytes(writer, parameters);
    }
}

static void put_rsa_key(struct cede_writer *writer, struct cede_span bits)
{
    static const uint8_t usual_exponent[] = {0x01, 0x00, 0x01};
    struct cede_reader outer = cede_reader(bits);
    struct cede_reader inner = cede_der_enter(&outer, CEDE_DER_SEQUENCE);
    struct cede_span modulus = cede_der_get_unsigned(&inner);
    struct cede_span exponent = cede_der_get_unsigned(&inner);

    if (cede_reader_finish(&inner) != CEDE_OK || cede_reader_finish(&outer) != CEDE_OK) {
        cede_writer_fail(writer, CEDE_C509_NOT_EXPRESSIBLE);
        return;
    }
    if (cede_span_equal(exponent, CEDE_SPAN_ARRAY(usual_exponent))) {
        put_biguint(writer, modulus);
        return;
    }
    cede_cbor_put_array(writer, 2);
    put_biguint(writer, modulus);
    put_biguint(writer, exponent);
}

/* A whole point is compressed when the port can undo it. */
static void put_point(struct cede_writer *writer, const struct cede_crypto *crypto,
                      const struct algorithm_entry *entry, struct cede_span bits)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    int32_t curve = key_algorithm_curve(entry->value);
    size_t len = entry->coordinate;
    bool odd = bits.len > 0 && (bits.ptr[bits.len - 1] & 1) != 0;

    if (curve == 0 || bits.len != 1 + 2 * len || bits.ptr[0] != POINT_WHOLE ||
        crypto->decompress(crypto->context, curve, cede_span(bits.ptr + 1, len), odd, point) !=
            CEDE_OK ||
        memcmp(point, bits.ptr + 1, 2 * len) != 0) {
        cede_cbor_put_bytes(writer, bits);
        return;
    }
    cede_cbor_put_bytes_head(writer, 1 + len);
    cede_write_u8(writer, odd ? POINT_ODD_OF_X509 : POINT_EVEN_OF_X509);
    cede_write_bytes(writer, cede_span(bits.ptr + 1, len));
}

void c509_put_key_from_der(struct cede_writer *writer, const struct cede_crypto *crypto,
                           const struct algorithm_entry *entry, struct cede_span bits)
{
    if (entry != NULL && entry->pairs) {
        put_point(writer, crypto, entry, bits);
    } else if (entry != NULL && entry->value == KEY_ALGORITHM_RSA) {
        put_rsa_key(writer, bits);
    } else {
        cede_cbor_put_bytes(writer, bits);
    }
}

/* The order of the issuer's curve is not in the certificate; the numbers themselves tell, for they
 * are random: the shortest of the common lengths that holds both. */
static size_t order_len(struct cede_span r, struct cede_span s, bool brainpool)
{
    size_t longest = r.len > s.len ? r.len : s.len;

    if (longest <= 32) {
        return 32;
    }
    if (longest <= 48) {
        return 48;
    }
    return brainpool && longest <= 64 ? 64 : 66;
}

static void put_padded(struct cede_writer *writer, struct cede_span number, size_t len)
{
    for (size_t i = number.len; i < len; i++) {
        cede_write_u8(writer, 0);
    }
    cede_write_bytes(writer, number);
}

#define KEY_BRAINPOOL_P512 26

void c509_put_signature_from_der(struct cede_writer *writer,
                                 const struct algorithm_entry *signature,
                                 const struct algorithm_entry *key, struct cede_span bits)
{
    struct cede_span r, s;
    size_t len;

    if (signature == NULL || !signature->pairs) {
        cede_cbor_put_bytes(writer, bits);
        return;
    }
    if (signature_pair(bits, &r, &s) != CEDE_OK || r.len > 66 || s.len > 66) {
        cede_writer_fail(writer, CEDE_C509_NOT_EXPRESSIBLE);
        return;
    }
    len = order_len(r, s, key != NULL && key->value == KEY_BRAINPOOL_P512);
    cede_cbor_put_bytes_head(writer, 2 * len);
    put_padded(writer, r, len);
    put_padded(writer, s, len);
}

/* --- extensions ------------------------------------------------------------------------------- */

/* Writes the value in its own form when that can be undone exactly. */
static bool put_own_form(struct cede_writer *writer, int64_t number, struct cede_span value,
                         struct cede_buf scratch)
{
    struct cede_writer before = *writer;
    struct cede_writer back = cede_writer(scratch);
    struct cede_span item;

    if (extension_from_der(number, value, writer) == CEDE_OK && writer->out.ptr != NULL) {
        item = cede_span(writer->out.ptr + before.len, writer->len - before.len);
        if (extension_to_der(number, item, &back) == CEDE_OK &&
            cede_span_equal(cede_written(&back), value)) {
            return true;
        }
    }
    if (writer->status != CEDE_NO_SPACE) {
        *writer = before;
    }
    return false;
}

static void put_extension(struct cede_writer *writer, const struct x509_extension *extension,
                          struct cede_buf scratch)
{
    const struct registry_entry *entry = registry_find_oid(&registry_extensions, extension->oid);
    struct cede_writer before = *writer;

    if (entry != NULL) {
        cede_cbor_put_int(writer, extension->critical ? -entry->value : entry->value);
        if (put_own_form(writer, entry->value, extension->value, scratch) ||
            writer->status != CEDE_OK) {
            return;
        }
        *writer = before;
    }
    cede_cbor_put_bytes(writer, extension->oid);
    if (extension->critical) {
        cede_cbor_put_array(writer, 1);
    }
    cede_cbor_put_bytes(writer, extension->value);
}

/* keyUsage as the only extension is one number, negative when critical. */
static bool put_lone_key_usage(struct cede_writer *writer, struct cede_span extensions)
{
    struct cede_reader reader = cede_reader(extensions);
    struct x509_extension extension;
    const struct registry_entry *entry;
    uint8_t shortest[8];
    struct cede_writer back = cede_writer(CEDE_BUF_ARRAY(shortest));
    uint32_t flags;

    if (x509_extension_read(&reader, &extension) != CEDE_OK || !cede_reader_at_end(&reader)) {
        return false;
    }
    entry = registry_find_oid(&registry_extensions, extension.oid);
    if (entry == NULL || entry->value != EXT_KEY_USAGE ||
        key_usage_from_der(extension.value, &flags) != CEDE_OK || flags == 0) {
        return false;
    }
    cede_der_put_flags(&back, flags);
    if (!cede_span_equal(cede_written(&back), extension.value)) {
        return false;
    }
    cede_cbor_put_int(writer, extension.critical ? -(int64_t)flags : (int64_t)flags);
    return true;
}

void c509_put_extensions_from_der(struct cede_writer *writer, struct cede_span extensions,
                                  struct cede_buf scratch)
{
    struct cede_reader reader = cede_reader(extensions);
    struct x509_extension extension;

    if (put_lone_key_usage(writer, extensions)) {
        return;
    }
    cede_cbor_put_array(writer, cede_der_count(extensions) * 2);
    while (x509_extension_read(&reader, &extension) == CEDE_OK) { /* well-formed up to the end */
        put_extension(writer, &extension, scratch);
    }
}

/* --- certificate ------------------------------------------------------------------------------ */

static void put_certificate(struct cede_writer *writer, const struct cede_x509 *x509,
                            const struct cede_crypto *crypto, struct cede_buf scratch)
{
    const struct algorithm_entry *signature =
        signature_algorithm_find_der(algorithm_contents(x509->signature_algorithm));
    const struct algorithm_entry *key =
        key_algorithm_find_der(algorithm_contents(x509->public_key_algorithm));

    cede_cbor_put_int(writer, CEDE_C509_X509);
    put_biguint(writer, x509->serial);
    c509_put_algorithm_from_der(writer, x509->signature_algorithm, signature);
    if (cede_span_equal(x509->issuer, x509->subject)) {
        cede_cbor_put_null(writer);
    } else {
        c509_put_name_from_der(writer, x509->issuer, false);
    }
    cede_cbor_put_uint(writer, x509->not_before);
    if (x509->not_after == CEDE_TIME_NONE) {
        cede_cbor_put_null(writer);
    } else {
        cede_cbor_put_uint(writer, x509->not_after);
    }
    c509_put_name_from_der(writer, x509->subject, false);
    c509_put_algorithm_from_der(writer, x509->public_key_algorithm, key);
    c509_put_key_from_der(writer, crypto, key, x509->public_key_bits);
    c509_put_extensions_from_der(writer, x509->extensions, scratch);
    c509_put_signature_from_der(writer, signature, key, x509->signature_bits);
}

enum cede_status cede_c509_from_x509(const struct cede_crypto *crypto, struct cede_span der,
                                     struct cede_buf scratch, struct cede_buf out,
                                     struct cede_span *c509)
{
    struct cede_writer writer = cede_writer(out);
    struct cede_x509 x509;
    struct cede_span written, back;
    enum cede_status status;

    *c509 = CEDE_SPAN_NULL;
    CEDE_TRY(cede_x509_decode(der, &x509));
    put_certificate(&writer, &x509, crypto, scratch);
    CEDE_TRY(cede_writer_finish(&writer, &written));
    status = cede_c509_to_x509(crypto, written, scratch, &back);
    if (status == CEDE_NO_SPACE) {
        return status;
    }
    if (status != CEDE_OK || !cede_span_equal(back, der)) {
        return CEDE_C509_NOT_EXPRESSIBLE;
    }
    *c509 = written;
    return CEDE_OK;
}
