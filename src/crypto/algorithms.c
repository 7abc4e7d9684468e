/* SPDX-License-Identifier: Apache-2.0 */
/* algorithms.c - lengths of algorithms and curves, as const tables keyed by COSE number. */
#include "cede/crypto.h"

/* Zeros stand for what is unknown, in the last row of each table. */
static const struct cede_aead_lens aeads[] = {
    {CEDE_ALG_A128GCM, 16, 12, 16},
    {CEDE_ALG_A192GCM, 24, 12, 16},
    {CEDE_ALG_A256GCM, 32, 12, 16},
    {CEDE_ALG_AES_CCM_16_64_128, 16, 13, 8},
    {CEDE_ALG_AES_CCM_16_64_256, 32, 13, 8},
    {CEDE_ALG_AES_CCM_64_64_128, 16, 7, 8},
    {CEDE_ALG_AES_CCM_64_64_256, 32, 7, 8},
    {CEDE_ALG_CHACHA20_POLY1305, 32, 12, 16},
    {CEDE_ALG_AES_CCM_16_128_128, 16, 13, 16},
    {CEDE_ALG_AES_CCM_16_128_256, 32, 13, 16},
    {CEDE_ALG_AES_CCM_64_128_128, 16, 7, 16},
    {CEDE_ALG_AES_CCM_64_128_256, 32, 7, 16},
    {0, 0, 0, 0},
};

static const struct curve {
    int8_t curve;
    uint8_t private_len, public_len;
} curves[] = {
    {CEDE_CRV_P256, 32, 64},    {CEDE_CRV_P384, 48, 96},
    {CEDE_CRV_P521, 66, 132},   {CEDE_CRV_X25519, 32, 32},
    {CEDE_CRV_ED25519, 32, 32}, {CEDE_CRV_X448, 56, 56},
    {CEDE_CRV_ED448, 57, 57},   {0, 0, 0},
};

static const struct signature {
    int8_t alg, curve;
    uint8_t len;
} signatures[] = {
    {CEDE_ALG_ES256, CEDE_CRV_P256, 64},    {CEDE_ALG_ESP256, CEDE_CRV_P256, 64},
    {CEDE_ALG_EDDSA, CEDE_CRV_ED25519, 64}, {CEDE_ALG_ED25519, CEDE_CRV_ED25519, 64},
    {CEDE_ALG_ED448, CEDE_CRV_ED448, 114},  {CEDE_ALG_ES384, CEDE_CRV_P384, 96},
    {CEDE_ALG_ESP384, CEDE_CRV_P384, 96},   {CEDE_ALG_ES512, CEDE_CRV_P521, 132},
    {CEDE_ALG_ESP512, CEDE_CRV_P521, 132},  {0, 0, 0},
};

const struct cede_aead_lens *cede_aead_lens(int32_t alg)
{
    const struct cede_aead_lens *aead = aeads;

    while (aead->alg != 0 && aead->alg != alg) {
        aead++;
    }
    return aead;
}

static const struct curve *find_curve(int32_t number)
{
    const struct curve *curve = curves;

    while (curve->curve != 0 && curve->curve != number) {
        curve++;
    }
    return curve;
}

static const struct signature *find_signature(int32_t alg)
{
    const struct signature *signature = signatures;

    while (signature->alg != 0 && signature->alg != alg) {
        signature++;
    }
    return signature;
}

size_t cede_hash_len(int32_t alg)
{
    switch (alg) {
    case CEDE_ALG_SHA_256:
        return 32;
    case CEDE_ALG_SHA_256_64:
        return 8;
    case CEDE_ALG_SHA_384:
        return 48;
    case CEDE_ALG_SHA_512:
        return 64;
    default:
        return 0;
    }
}

size_t cede_aead_key_len(int32_t alg)
{
    return cede_aead_lens(alg)->key;
}

size_t cede_aead_nonce_len(int32_t alg)
{
    return cede_aead_lens(alg)->nonce;
}

size_t cede_aead_tag_len(int32_t alg)
{
    return cede_aead_lens(alg)->tag;
}

size_t cede_curve_private_len(int32_t curve)
{
    return find_curve(curve)->private_len;
}

size_t cede_curve_public_len(int32_t curve)
{
    return find_curve(curve)->public_len;
}

size_t cede_signature_len(int32_t alg)
{
    return find_signature(alg)->len;
}

int32_t cede_signature_curve(int32_t alg)
{
    return find_signature(alg)->curve;
}
