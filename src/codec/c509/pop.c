/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pop.c - proof of possession by MAC (RFC 6955, section 6): the MAC, its key, and DhSigStatic as
 * C509 writes it.
 */
#include <string.h>

#include "cede/certificate.h"
#include "codec/c509/c509.h"
#include "codec/c509/pop.h"

const struct algorithm_entry *pop_algorithm(int32_t hash_alg)
{
    switch (hash_alg) {
    case CEDE_ALG_SHA_256:
        return signature_algorithm_find(SIGNATURE_POP_SHA_256);
    case CEDE_ALG_SHA_384:
        return signature_algorithm_find(SIGNATURE_POP_SHA_384);
    case CEDE_ALG_SHA_512:
        return signature_algorithm_find(SIGNATURE_POP_SHA_512);
    default:
        return NULL;
    }
}

/* --- DhSigStatic ------------------------------------------------------------------------------ */

/* DhSigStatic = MessageDigest / [ issuer: Name, serialNumber, hashValue: MessageDigest ]. */
enum cede_status pop_decode(struct cede_span item, struct pop_proof *proof)
{
    struct cede_reader reader = cede_reader(item);

    memset(proof, 0, sizeof *proof);
    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        cede_cbor_expect_array(&reader, 3);
        proof->issuer = c509_get_name(&reader);
        proof->serial = c509_get_biguint(&reader);
    }
    proof->mac = cede_cbor_get_bytes(&reader);
    return cede_reader_finish(&reader);
}

void pop_put(struct cede_writer *writer, const struct pop_proof *proof)
{
    if (proof->issuer.ptr != NULL) {
        cede_cbor_put_array(writer, 3);
        cede_write_bytes(writer, proof->issuer);
        cede_cbor_put_bytes(writer, proof->serial);
    }
    cede_cbor_put_bytes(writer, proof->mac);
}

/* --- the MAC ---------------------------------------------------------------------------------- */

/* K = KDF(LeadingInfo || ZZ || TrailingInfo): subject and issuer around the shared secret. */
static enum cede_status derive_key(const struct cede_crypto *crypto,
                                   const struct cede_pop_verifier *verifier,
                                   const struct cede_span info[3], uint8_t *key)
{
    size_t len = cede_hash_len(verifier->hash_alg);
    uint8_t prk[POP_MAC_LEN_MAX];
    enum cede_status status;

    if (verifier->kdf == CEDE_POP_KDF_HASH) {
        return crypto->hash(crypto->context, verifier->hash_alg, info, 3, key);
    }
    /* HKDF-Extract without salt, over parts; HMAC pads the absent key with zeros. */
    status = crypto->hmac(crypto->context, verifier->hash_alg, CEDE_SPAN_NULL, info, 3, prk);
    if (status == CEDE_OK) {
        status = cede_hkdf_expand(crypto, verifier->hash_alg, cede_span(prk, len), CEDE_SPAN_NULL,
                                  cede_buf(key, len));
    }
    cede_wipe(prk, sizeof prk);
    return status;
}

_Static_assert(CEDE_ECDH_LEN_MAX >= CEDE_PRIVATE_KEY_LEN_MAX, "a secret is as long as a scalar");

enum cede_status pop_mac(const struct cede_crypto *crypto, const struct cede_pop_verifier *verifier,
                         const struct cede_private_key *own, struct cede_span peer,
                         struct cede_span text, uint8_t *mac)
{
    size_t secret_len = cede_curve_private_len(own->curve);
    uint8_t secret[CEDE_ECDH_LEN_MAX], key[POP_MAC_LEN_MAX];
    const struct cede_span info[3] = {verifier->subject.value, cede_span(secret, secret_len),
                                      verifier->issuer.value};
    enum cede_status status;

    if (secret_len == 0 || own->curve == CEDE_CRV_ED25519) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    status = crypto->ecdh(crypto->context, own, peer, secret); /* ZZ */
    if (status == CEDE_OK) {
        status = derive_key(crypto, verifier, info, key); /* K */
    }
    if (status == CEDE_OK) {
        status = crypto->hmac(crypto->context, verifier->hash_alg,
                              cede_span(key, cede_hash_len(verifier->hash_alg)), &text, 1, mac);
    }
    cede_wipe(secret, sizeof secret);
    cede_wipe(key, sizeof key);
    return status;
}

enum cede_status pop_check(const struct pop_proof *proof, const struct cede_pop_verifier *verifier,
                           bool issuer_matches, const uint8_t *mac)
{
    if (proof->issuer.ptr != NULL &&
        (!issuer_matches || !cede_span_equal(proof->serial, verifier->serial))) {
        return CEDE_CERTIFICATE_UNTRUSTED;
    }
    if (proof->mac.len != cede_hash_len(verifier->hash_alg) ||
        !cede_equal_constant_time(proof->mac.ptr, mac, proof->mac.len)) {
        return CEDE_CRYPTO_TAG;
    }
    return CEDE_OK;
}

enum cede_status pop_check_write(const struct cede_public_key *public_key,
                                 const struct cede_private_key *private_key,
                                 const struct cede_pop_verifier *verifier)
{
    if (pop_algorithm(verifier->hash_alg) == NULL || public_key->curve != private_key->curve ||
        verifier->key.curve != private_key->curve) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    return CEDE_OK;
}

bool pop_is_issuer(const struct cede_pop_verifier *verifier, enum cede_name_form form,
                   struct cede_span issuer)
{
    struct cede_name name = {form, issuer};

    return verifier->issuer.value.ptr != NULL && issuer.ptr != NULL &&
           cede_name_equal(verifier->issuer, name);
}
