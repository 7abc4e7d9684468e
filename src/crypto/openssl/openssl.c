/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl.c - the crypto port over OpenSSL 3: checks, dispatch by curve, and the table.
 *
 * What strangers' bytes make fail clears OpenSSL's error queue, for TLS code looks at it.
 */
#include <openssl/err.h>
#include <openssl/rand.h>

#include "crypto/openssl/internal.h"

static enum cede_status openssl_random(void *context, struct cede_buf out)
{
    (void)context;
    if (out.cap > INT32_MAX || RAND_bytes(out.ptr, (int)out.cap) != 1) {
        cede_wipe(out.ptr, out.cap);
        return CEDE_CRYPTO_RANDOM;
    }
    return CEDE_OK;
}

static enum cede_status generate(int32_t curve, uint8_t *private_key, uint8_t *public_key)
{
    struct cede_private_key key = {curve, cede_span(private_key, cede_curve_private_len(curve)),
                                   NULL};

    if (cede_is_nist_curve(curve)) {
        return cede_openssl_nist_generate(curve, private_key, public_key);
    }
    if (RAND_priv_bytes(private_key, (int)key.scalar.len) != 1) {
        return CEDE_CRYPTO_RANDOM;
    }
    return cede_openssl_raw_public(&key, public_key);
}

static enum cede_status openssl_generate(void *context, int32_t curve, uint8_t *private_key,
                                         uint8_t *public_key)
{
    enum cede_status status;

    (void)context;
    if (cede_curve_private_len(curve) == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    status = generate(curve, private_key, public_key);
    if (status != CEDE_OK) {
        cede_wipe(private_key, cede_curve_private_len(curve));
        cede_wipe(public_key, cede_curve_public_len(curve));
    }
    return status;
}

static enum cede_status openssl_public(void *context, const struct cede_private_key *key,
                                       uint8_t *public_key)
{
    enum cede_status status = cede_check_private_key(key);

    (void)context;
    if (status == CEDE_OK) {
        status = cede_is_nist_curve(key->curve) ? cede_openssl_nist_public(key, public_key)
                                                : cede_openssl_raw_public(key, public_key);
    }
    if (status != CEDE_OK) {
        cede_wipe(public_key, cede_curve_public_len(key->curve));
    }
    return status;
}

static enum cede_status openssl_ecdh(void *context, const struct cede_private_key *key,
                                     struct cede_span peer_public_key, uint8_t *secret)
{
    struct cede_public_key peer = {key->curve, peer_public_key};
    enum cede_status status = cede_check_private_key(key);

    (void)context;
    if (status == CEDE_OK) {
        status = cede_openssl_is_edwards(key->curve) ? CEDE_CRYPTO_UNSUPPORTED
                                                     : cede_check_public_key(&peer);
    }
    if (status == CEDE_OK) {
        status = cede_is_nist_curve(key->curve)
                     ? cede_openssl_nist_ecdh(key, peer_public_key, secret)
                     : cede_openssl_raw_ecdh(key, peer_public_key, secret);
    }
    if (status != CEDE_OK) {
        cede_wipe(secret, cede_curve_private_len(key->curve));
        ERR_clear_error();
    }
    return status;
}

static enum cede_status openssl_decompress(void *context, int32_t curve, struct cede_span x,
                                           bool y_odd, uint8_t *public_key)
{
    enum cede_status status;

    (void)context;
    if (!cede_is_nist_curve(curve)) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    status = cede_openssl_nist_decompress(curve, x, y_odd, public_key);
    if (status != CEDE_OK) {
        cede_wipe(public_key, cede_curve_public_len(curve));
        ERR_clear_error();
    }
    return status;
}

static enum cede_status openssl_sign(void *context, int32_t alg, const struct cede_private_key *key,
                                     const struct cede_span *parts, size_t parts_count,
                                     uint8_t *signature, size_t *signature_len)
{
    uint8_t hash[CEDE_HASH_LEN_MAX];
    enum cede_status status = cede_check_signature_alg(alg, key->curve);

    *signature_len = 0;
    if (status == CEDE_OK) {
        status = cede_check_private_key(key);
    }
    if (status == CEDE_OK && cede_openssl_is_edwards(key->curve)) {
        status = cede_openssl_eddsa_sign(key, parts, parts_count, signature);
    } else if (status == CEDE_OK) {
        status = cede_openssl_hash(context, cede_signature_hash(alg), parts, parts_count, hash);
        if (status == CEDE_OK) {
            status = cede_openssl_nist_sign(key, hash, signature);
        }
    }
    if (status != CEDE_OK) {
        cede_wipe(signature, cede_signature_len(alg));
        return status;
    }
    *signature_len = cede_signature_len(alg);
    return CEDE_OK;
}

static enum cede_status openssl_verify(void *context, int32_t alg,
                                       const struct cede_public_key *key,
                                       const struct cede_span *parts, size_t parts_count,
                                       struct cede_span signature)
{
    uint8_t hash[CEDE_HASH_LEN_MAX];
    enum cede_status status;

    CEDE_TRY(cede_check_signature_alg(alg, key->curve));
    CEDE_TRY(cede_check_public_key(key));
    if (signature.len != cede_signature_len(alg)) {
        return CEDE_CRYPTO_SIGNATURE;
    }
    if (cede_openssl_is_edwards(key->curve)) {
        status = cede_openssl_eddsa_verify(key, parts, parts_count, signature);
    } else {
        CEDE_TRY(cede_openssl_hash(context, cede_signature_hash(alg), parts, parts_count, hash));
        status = cede_openssl_nist_verify(key, hash, signature);
    }
    if (status != CEDE_OK) {
        ERR_clear_error();
    }
    return status;
}

const struct cede_crypto *cede_crypto_openssl(void)
{
    static const struct cede_crypto crypto = {
        .name = "openssl",
        .context = NULL,
        .random = openssl_random,
        .hash = cede_openssl_hash,
        .hmac = cede_openssl_hmac,
        .aead_seal = cede_openssl_seal,
        .aead_open = cede_openssl_open,
        .generate = openssl_generate,
        .public_from_private = openssl_public,
        .ecdh = openssl_ecdh,
        .decompress = openssl_decompress,
        .sign = openssl_sign,
        .verify = openssl_verify,
        .kmac = cede_openssl_kmac,
    };
    return &crypto;
}
