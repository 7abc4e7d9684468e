/* SPDX-License-Identifier: Apache-2.0 */
/* algorithms.c - lengths of algorithms and curves, as const tables keyed by COSE number. */
#include "cede/crypto.h"

static const struct {
    int32_t alg;
    uint8_t key_len, nonce_len, tag_len;
} aeads[] = {
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
};

static const struct {
    int32_t curve;
    uint8_t private_len, public_len;
} curves[] = {
    {CEDE_CRV_P256, 32, 64},
    {CEDE_CRV_P384, 48, 96},
    {CEDE_CRV_X25519, 32, 32},
    {CEDE_CRV_ED25519, 32, 32},
};

static const struct {
    int32_t alg, curve;
    uint8_t len;
} signatures[] = {
    {CEDE_ALG_ES256, CEDE_CRV_P256, 64},    {CEDE_ALG_ESP256, CEDE_CRV_P256, 64},
    {CEDE_ALG_EDDSA, CEDE_CRV_ED25519, 64}, {CEDE_ALG_ED25519, CEDE_CRV_ED25519, 64},
    {CEDE_ALG_ES384, CEDE_CRV_P384, 96},
};

#define COUNT(table_) (sizeof(table_) / sizeof((table_)[0]))

size_t cede_hash_len(int32_t alg)
{
    switch (alg) {
    case CEDE_ALG_SHA_256:
        return 32;
    case CEDE_ALG_SHA_256_64:
        return 8;
    case CEDE_ALG_SHA_384:
        return 48;
    default:
        return 0;
    }
}

size_t cede_aead_key_len(int32_t alg)
{
    for (size_t i = 0; i < COUNT(aeads); i++) {
        if (aeads[i].alg == alg) {
            return aeads[i].key_len;
        }
    }
    return 0;
}

size_t cede_aead_nonce_len(int32_t alg)
{
    for (size_t i = 0; i < COUNT(aeads); i++) {
        if (aeads[i].alg == alg) {
            return aeads[i].nonce_len;
        }
    }
    return 0;
}

size_t cede_aead_tag_len(int32_t alg)
{
    for (size_t i = 0; i < COUNT(aeads); i++) {
        if (aeads[i].alg == alg) {
            return aeads[i].tag_len;
        }
    }
    return 0;
}

size_t cede_curve_private_len(int32_t curve)
{
    for (size_t i = 0; i < COUNT(curves); i++) {
        if (curves[i].curve == curve) {
            return curves[i].private_len;
        }
    }
    return 0;
}

size_t cede_curve_public_len(int32_t curve)
{
    for (size_t i = 0; i < COUNT(curves); i++) {
        if (curves[i].curve == curve) {
            return curves[i].public_len;
        }
    }
    return 0;
}

size_t cede_signature_len(int32_t alg)
{
    for (size_t i = 0; i < COUNT(signatures); i++) {
        if (signatures[i].alg == alg) {
            return signatures[i].len;
        }
    }
    return 0;
}

int32_t cede_signature_curve(int32_t alg)
{
    for (size_t i = 0; i < COUNT(signatures); i++) {
        if (signatures[i].alg == alg) {
            return signatures[i].curve;
        }
    }
    return 0;
}
