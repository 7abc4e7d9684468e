/* SPDX-License-Identifier: Apache-2.0 */
/* certificates.c - COSE_CertHash, COSE_X509 and COSE_C509 (RFC 9360, section 2; the C509 draft). */
#include "cede/cose.h"

/* COSE_CertHash = [ hashAlg: (int / tstr), hashValue: bstr ] */
enum cede_status cede_cose_cert_hash_decode(struct cede_span item, struct cede_cose_cert_hash *hash)
{
    struct cede_reader reader = cede_reader(item);
    struct cede_span value;
    int64_t alg = 0;

    *hash = (struct cede_cose_cert_hash){0};
    cede_cbor_expect_array(&reader, 2);
    if (cede_cbor_peek(&reader) == CEDE_CBOR_TEXT) {
        (void)cede_cbor_get_text(&reader); /* a private name: well-formed, but alg stays 0 */
    } else {
        alg = cede_cbor_get_int(&reader);
    }
    value = cede_cbor_get_bytes(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    if (alg < INT32_MIN || alg > INT32_MAX) {
        return CEDE_COSE_HEADER;
    }
    hash->alg = (int32_t)alg;
    hash->value = value;
    return CEDE_OK;
}

void cede_cose_cert_hash_encode(struct cede_writer *writer, const struct cede_cose_cert_hash *hash)
{
    cede_cbor_put_array(writer, 2);
    cede_cbor_put_int(writer, hash->alg);
    cede_cbor_put_bytes(writer, hash->value);
}

enum cede_status cede_cose_cert_hash_check(struct cede_span item, const struct cede_crypto *crypto,
                                           struct cede_span certificate)
{
    struct cede_cose_cert_hash hash;
    uint8_t value[CEDE_HASH_LEN_MAX];

    CEDE_TRY(cede_cose_cert_hash_decode(item, &hash));
    if (cede_hash_len(hash.alg) == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    CEDE_TRY(cede_hash(crypto, hash.alg, certificate, value));
    return cede_span_equal(hash.value, cede_span(value, cede_hash_len(hash.alg)))
               ? CEDE_OK
               : CEDE_COSE_CERT_HASH;
}

struct cede_cose_certs cede_cose_certs(struct cede_span item)
{
    struct cede_cose_certs certs = {cede_reader(item), 1};

    if (cede_cbor_peek(&certs.reader) == CEDE_CBOR_ARRAY) {
        certs.left = cede_cbor_get_array(&certs.reader);
        if (certs.left < 2) {
            cede_reader_fail(&certs.reader, CEDE_CBOR_COUNT);
        }
    }
    return certs;
}

bool cede_cose_certs_next(struct cede_cose_certs *certs, struct cede_span *certificate)
{
    *certificate = CEDE_SPAN_NULL;
    if (certs->left == 0 || certs->reader.status != CEDE_OK) {
        return false;
    }
    certs->left--;
    *certificate = cede_cbor_get_bytes(&certs->reader);
    return certs->reader.status == CEDE_OK;
}

enum cede_status cede_cose_certs_finish(const struct cede_cose_certs *certs)
{
    return cede_reader_finish(&certs->reader);
}
