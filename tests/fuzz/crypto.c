/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.c - the back end of fuzz.h: quick, deterministic and of no cryptographic value. */
#include "fuzz.h"

static enum cede_status fixed_random(void *context, struct cede_buf out)
{
    (void)context;
    memset(out.ptr, 0x5a, out.cap);
    return CEDE_OK;
}

static enum cede_status fixed_hash(void *context, int32_t alg, const struct cede_span *parts,
                                   size_t parts_count, uint8_t *out)
{
    size_t len = cede_hash_len(alg);
    uint64_t state = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    (void)context;
    if (len == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    for (size_t i = 0; i < parts_count; i++) {
        for (size_t k = 0; k < parts[i].len; k++) {
            state = (state ^ parts[i].ptr[k]) * UINT64_C(0x100000001b3);
        }
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(state >> (8 * (i % 8)));
    }
    return CEDE_OK;
}

static enum cede_status fixed_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                   const struct cede_span *parts, size_t parts_count, uint8_t *out)
{
    (void)context;
    (void)key;
    (void)parts;
    (void)parts_count;
    if (cede_hash_len(hash_alg) == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    memset(out, 0, cede_hash_len(hash_alg));
    return CEDE_OK;
}

static enum cede_status fixed_seal(void *context, int32_t alg, struct cede_span key,
                                   struct cede_span nonce, struct cede_span aad,
                                   struct cede_span plaintext, struct cede_buf out,
                                   struct cede_span *ciphertext)
{
    size_t tag_len = cede_aead_tag_len(alg);

    (void)context;
    (void)aad;
    *ciphertext = CEDE_SPAN_NULL;
    if (key.len != cede_aead_key_len(alg) || nonce.len != cede_aead_nonce_len(alg)) {
        return CEDE_BAD_ARGUMENT;
    }
    if (out.cap < plaintext.len + tag_len) {
        return CEDE_NO_SPACE;
    }
    if (plaintext.len > 0) {
        memmove(out.ptr, plaintext.ptr, plaintext.len);
    }
    memset(out.ptr + plaintext.len, 0, tag_len);
    *ciphertext = cede_span(out.ptr, plaintext.len + tag_len);
    return CEDE_OK;
}

static enum cede_status fixed_open(void *context, int32_t alg, struct cede_span key,
                                   struct cede_span nonce, struct cede_span aad,
                                   struct cede_span ciphertext, struct cede_buf out,
                                   struct cede_span *plaintext)
{
    size_t tag_len = cede_aead_tag_len(alg);

    (void)context;
    (void)aad;
    *plaintext = CEDE_SPAN_NULL;
    if (key.len != cede_aead_key_len(alg) || nonce.len != cede_aead_nonce_len(alg)) {
        return CEDE_BAD_ARGUMENT;
    }
    if (ciphertext.len < tag_len) {
        return CEDE_CRYPTO_TAG;
    }
    if (out.cap < ciphertext.len - tag_len) {
        return CEDE_NO_SPACE;
    }
    if (ciphertext.len > tag_len) {
        memmove(out.ptr, ciphertext.ptr, ciphertext.len - tag_len);
    }
    *plaintext = cede_span(out.ptr, ciphertext.len - tag_len);
    return CEDE_OK;
}

static enum cede_status fixed_generate(void *context, int32_t curve, uint8_t *private_key,
                                       uint8_t *public_key)
{
    (void)context;
    if (cede_curve_private_len(curve) == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    memset(private_key, 0x11, cede_curve_private_len(curve));
    memset(public_key, 0x22, cede_curve_public_len(curve));
    return CEDE_OK;
}

static enum cede_status fixed_public(void *context, const struct cede_private_key *key,
                                     uint8_t *public_key)
{
    (void)context;
    memset(public_key, 0x22, cede_curve_public_len(key->curve));
    return CEDE_OK;
}

static enum cede_status fixed_ecdh(void *context, const struct cede_private_key *key,
                                   struct cede_span peer_public_key, uint8_t *secret)
{
    (void)context;
    (void)peer_public_key;
    memset(secret, 0x33, cede_curve_private_len(key->curve));
    return CEDE_OK;
}

static enum cede_status fixed_decompress(void *context, int32_t curve, struct cede_span x,
                                         bool y_odd, uint8_t *public_key)
{
    size_t len = cede_curve_private_len(curve);

    (void)context;
    if (x.len != len) {
        return CEDE_CRYPTO_KEY;
    }
    memcpy(public_key, x.ptr, len);
    memcpy(public_key + len, x.ptr, len); /* as generate() has it: x || x */
    public_key[2 * len - 1] = (uint8_t)((x.ptr[len - 1] & 0xfe) | y_odd);
    return CEDE_OK;
}

static enum cede_status fixed_sign(void *context, int32_t alg, const struct cede_private_key *key,
                                   const struct cede_span *parts, size_t parts_count,
                                   uint8_t *signature, size_t *signature_len)
{
    (void)context;
    (void)key;
    (void)parts;
    (void)parts_count;
    *signature_len = cede_signature_len(alg);
    memset(signature, 0x44, *signature_len);
    return *signature_len > 0 ? CEDE_OK : CEDE_CRYPTO_UNSUPPORTED;
}

static enum cede_status fixed_verify(void *context, int32_t alg, const struct cede_public_key *key,
                                     const struct cede_span *parts, size_t parts_count,
                                     struct cede_span signature)
{
    (void)context;
    for (size_t i = 0; i < parts_count; i++) {
        REQUIRE(parts[i].ptr != NULL || parts[i].len == 0);
    }
    if (cede_signature_curve(alg) != key->curve || signature.len != cede_signature_len(alg) ||
        signature.len == 0 || signature.ptr[0] == 0xff) {
        return CEDE_CRYPTO_SIGNATURE;
    }
    return CEDE_OK;
}

const struct cede_crypto *fuzz_crypto(void)
{
    static const struct cede_crypto crypto = {
        .name = "fixed",
        .random = fixed_random,
        .hash = fixed_hash,
        .hmac = fixed_hmac,
        .aead_seal = fixed_seal,
        .aead_open = fixed_open,
        .generate = fixed_generate,
        .public_from_private = fixed_public,
        .ecdh = fixed_ecdh,
        .decompress = fixed_decompress,
        .sign = fixed_sign,
        .verify = fixed_verify,
    };
    return &crypto;
}
