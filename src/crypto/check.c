/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - the checks on arguments that every crypto back end makes. */
#include "crypto/check.h"

bool cede_is_ccm(int32_t alg)
{
    switch (alg) {
    case CEDE_ALG_AES_CCM_16_64_128:
    case CEDE_ALG_AES_CCM_16_64_256:
    case CEDE_ALG_AES_CCM_64_64_128:
    case CEDE_ALG_AES_CCM_64_64_256:
    case CEDE_ALG_AES_CCM_16_128_128:
    case CEDE_ALG_AES_CCM_16_128_256:
    case CEDE_ALG_AES_CCM_64_128_128:
    case CEDE_ALG_AES_CCM_64_128_256:
        return true;
    default:
        return false;
    }
}

bool cede_is_nist_curve(int32_t curve)
{
    return curve == CEDE_CRV_P256 || curve == CEDE_CRV_P384 || curve == CEDE_CRV_P521;
}

/* CCM spends 15 - nonce bytes on the length of the text (RFC 3610, section 2): with 13 bytes of
 * nonce that is two. */
static bool text_len_fits(int32_t alg, size_t len)
{
    return !cede_is_ccm(alg) || cede_aead_nonce_len(alg) < 13 || len <= 0xffff;
}

static enum cede_status check_aead(int32_t alg, struct cede_span key, struct cede_span nonce)
{
    if (cede_aead_key_len(alg) == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    if (key.len != cede_aead_key_len(alg) || nonce.len != cede_aead_nonce_len(alg)) {
        return CEDE_BAD_ARGUMENT;
    }
    return CEDE_OK;
}

enum cede_status cede_check_seal(int32_t alg, struct cede_span key, struct cede_span nonce,
                                 size_t plaintext_len, size_t out_cap)
{
    CEDE_TRY(check_aead(alg, key, nonce));
    if (!text_len_fits(alg, plaintext_len) || plaintext_len > INT32_MAX / 2) {
        return CEDE_BAD_ARGUMENT;
    }
    return out_cap < plaintext_len + cede_aead_tag_len(alg) ? CEDE_NO_SPACE : CEDE_OK;
}

enum cede_status cede_check_open(int32_t alg, struct cede_span key, struct cede_span nonce,
                                 size_t ciphertext_len, size_t out_cap)
{
    size_t tag_len = cede_aead_tag_len(alg);

    CEDE_TRY(check_aead(alg, key, nonce));
    if (ciphertext_len < tag_len || !text_len_fits(alg, ciphertext_len - tag_len) ||
        ciphertext_len > INT32_MAX / 2) {
        return CEDE_CRYPTO_TAG;
    }
    return out_cap < ciphertext_len - tag_len ? CEDE_NO_SPACE : CEDE_OK;
}

enum cede_status cede_check_private_key(const struct cede_private_key *key)
{
    size_t len = cede_curve_private_len(key->curve);

    if (len == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    return key->handle == NULL && key->scalar.len != len ? CEDE_CRYPTO_KEY : CEDE_OK;
}

enum cede_status cede_check_public_key(const struct cede_public_key *key)
{
    size_t len = cede_curve_public_len(key->curve);

    if (len == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    return key->point.len != len ? CEDE_CRYPTO_KEY : CEDE_OK;
}

enum cede_status cede_check_signature_alg(int32_t alg, int32_t curve)
{
    if (cede_signature_curve(alg) == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    return cede_signature_curve(alg) == curve ? CEDE_OK : CEDE_CRYPTO_KEY;
}

int32_t cede_signature_hash(int32_t alg)
{
    switch (cede_signature_curve(alg)) {
    case CEDE_CRV_P256:
        return CEDE_ALG_SHA_256;
    case CEDE_CRV_P384:
        return CEDE_ALG_SHA_384;
    case CEDE_CRV_P521:
        return CEDE_ALG_SHA_512;
    default:
        return 0;
    }
}
