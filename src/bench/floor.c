/* SPDX-License-Identifier: Apache-2.0 */
/* floor.c - OpenSSL alone, with everything kept that can be kept. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "bench/floor.h"

#include <openssl/ecdh.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <stdint.h>

#define COORDINATE_LEN 32
#define TEXT_LEN_MAX   1024
#define NONCE_LEN      13
#define TAG_LEN        8

/* --- P-256 -------------------------------------------------------------------------------------
 */

static struct {
    EC_KEY *key;
    EC_KEY *ephemeral;
    EC_KEY *peer;
    ECDSA_SIG *signature;
    EC_POINT *taken;
    BN_CTX *bn;
    uint8_t encoded[1 + 2 * COORDINATE_LEN];
} p256;

static const uint8_t hash[COORDINATE_LEN] = {0x42};

static EC_KEY *new_key(void)
{
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);

    return key != NULL && EC_KEY_generate_key(key) == 1 ? key : NULL;
}

static bool encode_peer(void)
{
    return EC_POINT_point2oct(EC_KEY_get0_group(p256.peer), EC_KEY_get0_public_key(p256.peer),
                              POINT_CONVERSION_UNCOMPRESSED, p256.encoded, sizeof p256.encoded,
                              p256.bn) == sizeof p256.encoded;
}

bool floor_p256_prepare(void)
{
    if (p256.signature != NULL) {
        return true;
    }
    p256.key = new_key();
    p256.ephemeral = new_key();
    p256.peer = new_key();
    if (p256.key == NULL || p256.ephemeral == NULL || p256.peer == NULL) {
        return false;
    }
    p256.taken = EC_POINT_new(EC_KEY_get0_group(p256.key));
    p256.bn = BN_CTX_new();
    if (p256.taken == NULL || p256.bn == NULL || !encode_peer()) {
        return false;
    }
    p256.signature = ECDSA_do_sign(hash, sizeof hash, p256.key);
    return p256.signature != NULL;
}

bool floor_p256_take(void)
{
    return EC_POINT_oct2point(EC_KEY_get0_group(p256.key), p256.taken, p256.encoded,
                              sizeof p256.encoded, p256.bn) == 1;
}

bool floor_p256_generate(void)
{
    return EC_KEY_generate_key(p256.ephemeral) == 1;
}

bool floor_p256_ecdh(void)
{
    uint8_t secret[COORDINATE_LEN];

    return ECDH_compute_key(secret, sizeof secret, EC_KEY_get0_public_key(p256.peer), p256.key,
                            NULL) == (int)sizeof secret;
}

bool floor_p256_sign(void)
{
    ECDSA_SIG *signature = ECDSA_do_sign(hash, sizeof hash, p256.key);

    ECDSA_SIG_free(signature);
    return signature != NULL;
}

bool floor_p256_verify(void)
{
    return ECDSA_do_verify(hash, sizeof hash, p256.signature, p256.key) == 1;
}

/* --- AES-CCM -----------------------------------------------------------------------------------
 */

static struct {
    EVP_CIPHER_CTX *seal;
    EVP_CIPHER_CTX *open;
    int aad_len;
    int text_len;
    uint8_t sealed[TEXT_LEN_MAX];
    uint8_t tag[TAG_LEN];
} ccm;

static const uint8_t key[16] = {1}, nonce[NONCE_LEN] = {2}, text[TEXT_LEN_MAX] = {3};

static EVP_CIPHER_CTX *new_ccm(bool seal, uint8_t *tag)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-CCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = cipher != NULL && ctx != NULL &&
              EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, seal, NULL) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, NONCE_LEN, NULL) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
              EVP_CipherInit_ex2(ctx, NULL, key, nonce, seal, NULL) == 1;

    EVP_CIPHER_free(cipher);
    if (!ok) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool floor_ccm_prepare(size_t aad_len, size_t text_len)
{
    if (aad_len > TEXT_LEN_MAX || text_len > TEXT_LEN_MAX) {
        return false;
    }
    ccm.aad_len = (int)aad_len;
    ccm.text_len = (int)text_len;
    ccm.seal = ccm.seal != NULL ? ccm.seal : new_ccm(true, NULL);
    if (ccm.seal == NULL || !floor_ccm_seal()) {
        return false;
    }
    ccm.open = ccm.open != NULL ? ccm.open : new_ccm(false, ccm.tag);
    return ccm.open != NULL;
}

static bool run_ccm(EVP_CIPHER_CTX *ctx, const uint8_t *in, uint8_t *out)
{
    int len;

    return EVP_CipherUpdate(ctx, NULL, &len, NULL, ccm.text_len) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &len, text, ccm.aad_len) == 1 &&
           EVP_CipherUpdate(ctx, out, &len, in, ccm.text_len) == 1;
}

bool floor_ccm_seal(void)
{
    return EVP_CipherInit_ex2(ccm.seal, NULL, NULL, nonce, 1, NULL) == 1 &&
           run_ccm(ccm.seal, text, ccm.sealed) &&
           EVP_CIPHER_CTX_ctrl(ccm.seal, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, ccm.tag) == 1;
}

bool floor_ccm_open(void)
{
    uint8_t out[TEXT_LEN_MAX];

    return EVP_CipherInit_ex2(ccm.open, NULL, NULL, nonce, 0, NULL) == 1 &&
           EVP_CIPHER_CTX_ctrl(ccm.open, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, ccm.tag) == 1 &&
           run_ccm(ccm.open, ccm.sealed, out);
}

/* --- SHA-256 -----------------------------------------------------------------------------------
 */

static size_t sha256_text_len;

bool floor_sha256_prepare(size_t text_len)
{
    sha256_text_len = text_len;
    return text_len <= TEXT_LEN_MAX;
}

bool floor_sha256(void)
{
    uint8_t digest[COORDINATE_LEN];
    SHA256_CTX ctx;

    return SHA256_Init(&ctx) == 1 && SHA256_Update(&ctx, text, sha256_text_len) == 1 &&
           SHA256_Final(digest, &ctx) == 1;
}
