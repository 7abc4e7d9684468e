/* SPDX-License-Identifier: Apache-2.0 */
/* c509_to_der.c - rebuilds the DER of what was X.509 or PKCS #10, to check its signature. */
#include "codec/c509/c509.h"
#include "codec/c509/extensions.h"
#include "codec/c509/name.h"
#include "codec/x509/algorithm.h"

enum cede_status c509_algorithm_to_der(struct cede_writer *writer, struct cede_span item,
                                       enum algorithm_kind kind,
                                       const struct algorithm_entry **entry)
{
    struct cede_reader reader = cede_reader(item);
    size_t mark;

    *entry = NULL;
    if (cede_cbor_peek(&reader) != CEDE_CBOR_ARRAY && cede_cbor_peek(&reader) != CEDE_CBOR_BYTES) {
        int64_t value = cede_cbor_get_int(&reader);
        *entry =
            kind == ALGORITHM_KEY ? key_algorithm_find(value) : signature_algorithm_find(value);
        if (*entry == NULL) {
            return CEDE_CERTIFICATE_ALGORITHM;
        }
        cede_der_put(writer, CEDE_DER_SEQUENCE, cede_span((*entry)->der, (*entry)->der_len));
        return writer->status;
    }
    mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        cede_cbor_expect_array(&reader, 2);
        cede_der_put_oid(writer, cede_cbor_get_bytes(&reader));
        cede_write_bytes(writer, cede_cbor_get_bytes(&reader));
    } else {
        cede_der_put_oid(writer, cede_cbor_get_bytes(&reader));
    }
    cede_der_close(writer, mark);
    CEDE_TRY(cede_reader_finish(&reader));
    return writer->status;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* [ modulus, exponent ], or the modulus alone when the exponent is 65537. */
static enum cede_status rsa_key_to_der(struct cede_writer *writer, struct cede_span item)
{
    static const uint8_t usual_exponent[] = {0x01, 0x00, 0x01};
    struct cede_reader reader = cede_reader(item);
    struct cede_span modulus, exponent = CEDE_SPAN_ARRAY(usual_exponent);
    size_t sequence;

    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        cede_cbor_expect_array(&reader, 2);
        modulus = c509_get_biguint(&reader);
        exponent = c509_get_biguint(&reader);
    } else {
        modulus = c509_get_biguint(&reader);
    }
    CEDE_TRY(cede_reader_finish(&reader));
    cede_write_u8(writer, 0); /* unused bits */
    sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_unsigned(writer, modulus);
    cede_der_put_unsigned(writer, exponent);
    cede_der_close(writer, sequence);
    return writer->status;
}

static enum cede_status point_to_der(struct cede_writer *writer, const struct cede_crypto *crypto,
                                     int32_t curve, struct cede_span bytes)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key key;

    CEDE_TRY(c509_public_key(crypto, CEDE_C509_X509, curve, bytes, point, &key));
    cede_write_u8(writer, 0); /* unused bits */
    cede_write_u8(writer, POINT_WHOLE);
    cede_write_bytes(writer, key.point);
    return writer->status;
}

static enum cede_status key_bits(struct cede_writer *writer, const struct cede_crypto *crypto,
                                 const struct algorithm_entry *entry, struct cede_span item)
{
    struct cede_reader reader = cede_reader(item);
    struct cede_span bytes;

    if (entry != NULL && entry->value == KEY_ALGORITHM_RSA) {
        return rsa_key_to_der(writer, item);
    }
    bytes = cede_cbor_get_bytes(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    if (entry != NULL && entry->pairs && bytes.len > 0 &&
        (bytes.ptr[0] == POINT_EVEN_OF_X509 || bytes.ptr[0] == POINT_ODD_OF_X509)) {
        return point_to_der(writer, crypto, certificate_curve(entry->value), bytes);
    }
    cede_write_u8(writer, 0); /* unused bits */
    cede_write_bytes(writer, bytes);
    return writer->status;
}

enum cede_status c509_public_key_to_der(struct cede_writer *writer,
                                        const struct cede_crypto *crypto,
                                        struct cede_span algorithm, struct cede_span key)
{
    size_t info = cede_der_open(writer, CEDE_DER_SEQUENCE);
    const struct algorithm_entry *entry;
    size_t bits;

    CEDE_TRY(c509_algorithm_to_der(writer, algorithm, ALGORITHM_KEY, &entry));
    bits = cede_der_open(writer, CEDE_DER_BIT_STRING);
    CEDE_TRY(key_bits(writer, crypto, entry, key));
    cede_der_close(writer, bits);
    cede_der_close(writer, info);
    return writer->status;
}

/* --- extensions ------------------------------------------------------------------------------- */

uint32_t c509_key_usage(struct cede_span item)
{
    struct cede_reader reader = cede_reader(item);
    int64_t value = cede_cbor_get_int(&reader);

    if (value < -(int64_t)UINT16_MAX || value > UINT16_MAX) {
        return 0;
    }
    return (uint32_t)(value < 0 ? -value : value);
}

static enum cede_status value_to_der(struct cede_writer *writer,
                                     const struct c509_extension *extension, bool alone)
{
    if (extension->oid.ptr != NULL) {
        cede_write_bytes(writer, extension->value);
        return writer->status;
    }
    if (alone) {
        cede_der_put_flags(writer, c509_key_usage(extension->value));
        return writer->status;
    }
    return extension_to_der(extension->number, extension->value, writer);
}

static enum cede_status one_extension_to_der(struct cede_writer *writer,
                                             const struct c509_extension *extension, bool alone)
{
    const struct registry_entry *entry = registry_find(&registry_extensions, extension->number);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t value;

    if (extension->oid.ptr == NULL && entry == NULL) {
        return CEDE_C509_EXTENSION;
    }
    cede_der_put_oid(writer, extension->oid.ptr != NULL ? extension->oid : registry_oid(entry));
    if (extension->critical) {
        cede_der_put_bool(writer, true);
    }
    value = cede_der_open(writer, CEDE_DER_OCTET_STRING);
    CEDE_TRY(value_to_der(writer, extension, alone));
    cede_der_close(writer, value);
    cede_der_close(writer, sequence);
    return writer->status;
}

enum cede_status c509_extensions_to_der(struct cede_writer *writer, struct cede_span extensions)
{
    struct c509_extensions_walk walk = c509_extensions_walk(extensions);
    size_t sequence = cede_der_open(writer, CEDE_DER_SEQUENCE);
    struct c509_extension extension;

    while (c509_extensions_next(&walk, &extension)) {
        CEDE_TRY(one_extension_to_der(writer, &extension, walk.alone));
    }
    cede_der_close(writer, sequence);
    return walk.reader.status != CEDE_OK ? walk.reader.status : writer->status;
}

/* --- certificate ------------------------------------------------------------------------------ */

static bool has_extensions(struct cede_span extensions)
{
    return extensions.len != 1 || extensions.ptr[0] != 0x80; /* the empty array */
}

enum cede_status c509_tbs_to_der(struct cede_writer *writer, const struct cede_crypto *crypto,
                                 const struct cede_c509 *certificate)
{
    size_t tbs = cede_der_open(writer, CEDE_DER_SEQUENCE);
    size_t mark = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(0));
    const struct algorithm_entry *entry;

    cede_der_put_small(writer, 2); /* v3 */
    cede_der_close(writer, mark);
    cede_der_put_unsigned(writer, certificate->serial);
    CEDE_TRY(c509_algorithm_to_der(writer, certificate->signature_algorithm, ALGORITHM_SIGNATURE,
                                   &entry));
    c509_put_name_to_der(writer, certificate->issuer);
    mark = cede_der_open(writer, CEDE_DER_SEQUENCE);
    cede_der_put_time(writer, certificate->not_before);
    cede_der_put_time(writer, certificate->not_after);
    cede_der_close(writer, mark);
    c509_put_name_to_der(writer, certificate->subject);
    CEDE_TRY(c509_public_key_to_der(writer, crypto, certificate->public_key_algorithm,
                                    certificate->public_key_item));
    if (has_extensions(certificate->extensions)) {
        mark = cede_der_open(writer, CEDE_DER_CONTEXT_CONSTRUCTED(3));
        CEDE_TRY(c509_extensions_to_der(writer, certificate->extensions));
        cede_der_close(writer, mark);
    }
    cede_der_close(writer, tbs);
    return writer->status;
}

enum cede_status c509_signature_to_der(struct cede_writer *writer,
                                       const struct algorithm_entry *entry,
                                       struct cede_span signature)
{
    if (entry == NULL || !entry->pairs) {
        cede_der_put_bits(writer, signature);
    } else if (signature.len % 2 == 0) {
        put_signature_bits(writer, entry, signature);
    } else {
        return CEDE_CRYPTO_SIGNATURE;
    }
    return writer->status;
}

enum cede_status cede_c509_to_x509(const struct cede_crypto *crypto, struct cede_span encoding,
                                   struct cede_buf out, struct cede_span *der)
{
    struct cede_writer writer = cede_writer(out);
    size_t mark = cede_der_open(&writer, CEDE_DER_SEQUENCE);
    const struct algorithm_entry *entry;
    struct cede_c509 certificate;

    *der = CEDE_SPAN_NULL;
    CEDE_TRY(cede_c509_decode(encoding, &certificate));
    if (certificate.type != CEDE_C509_X509) {
        return CEDE_C509_TYPE;
    }
    CEDE_TRY(c509_tbs_to_der(&writer, crypto, &certificate));
    CEDE_TRY(c509_algorithm_to_der(&writer, certificate.signature_algorithm, ALGORITHM_SIGNATURE,
                                   &entry));
    CEDE_TRY(c509_signature_to_der(&writer, entry, certificate.signature));
    cede_der_close(&writer, mark);
    return cede_writer_finish(&writer, der);
}
