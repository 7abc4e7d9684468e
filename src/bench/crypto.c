/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.c - the crypto port over OpenSSL against OpenSSL: what the port itself costs. */
#include <string.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "cede/crypto_openssl.h"

#define TEXT_LEN 64

static const struct cede_crypto *crypto;
static uint8_t private_key[CEDE_PRIVATE_KEY_LEN_MAX], public_key[CEDE_PUBLIC_KEY_LEN_MAX];
static struct cede_private_key own;
static struct cede_public_key peer;
static uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
static size_t signature_len;
static uint8_t text[TEXT_LEN], sealed[TEXT_LEN + CEDE_AEAD_TAG_LEN_MAX];
static const uint8_t key[16] = {1}, nonce[13] = {2};

static bool seal(void)
{
    struct cede_span ciphertext;

    return crypto->aead_seal(crypto->context, CEDE_ALG_AES_CCM_16_64_128, CEDE_SPAN_ARRAY(key),
                             CEDE_SPAN_ARRAY(nonce), CEDE_SPAN_ARRAY(text), CEDE_SPAN_ARRAY(text),
                             CEDE_BUF_ARRAY(sealed), &ciphertext) == CEDE_OK;
}

static bool open_sealed(void)
{
    uint8_t out[TEXT_LEN];
    struct cede_span plaintext;

    return crypto->aead_open(crypto->context, CEDE_ALG_AES_CCM_16_64_128, CEDE_SPAN_ARRAY(key),
                             CEDE_SPAN_ARRAY(nonce), CEDE_SPAN_ARRAY(text),
                             cede_span(sealed, TEXT_LEN + 8), CEDE_BUF_ARRAY(out),
                             &plaintext) == CEDE_OK;
}

static bool generate(void)
{
    uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX], point[CEDE_PUBLIC_KEY_LEN_MAX];

    return crypto->generate(crypto->context, CEDE_CRV_P256, scalar, point) == CEDE_OK;
}

static bool ecdh(void)
{
    uint8_t secret[CEDE_ECDH_LEN_MAX];

    return crypto->ecdh(crypto->context, &own, peer.point, secret) == CEDE_OK;
}

static bool sign(void)
{
    struct cede_span part = CEDE_SPAN_ARRAY(text);

    return crypto->sign(crypto->context, CEDE_ALG_ESP256, &own, &part, 1, signature,
                        &signature_len) == CEDE_OK;
}

static bool verify(void)
{
    struct cede_span part = CEDE_SPAN_ARRAY(text);

    return crypto->verify(crypto->context, CEDE_ALG_ESP256, &peer, &part, 1,
                          cede_span(signature, signature_len)) == CEDE_OK;
}

static bool hash(void)
{
    uint8_t digest[CEDE_HASH_LEN_MAX];

    return cede_hash(crypto, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(text), digest) == CEDE_OK;
}

static bool prepare(void)
{
    crypto = cede_crypto_openssl();
    if (crypto->generate(crypto->context, CEDE_CRV_P256, private_key, public_key) != CEDE_OK) {
        return false;
    }
    own = (struct cede_private_key){CEDE_CRV_P256, cede_span(private_key, 32), NULL};
    peer = (struct cede_public_key){CEDE_CRV_P256, cede_span(public_key, 64)};
    memset(text, 0x5a, sizeof text);
    return sign() && seal() && floor_p256_prepare() && floor_ccm_prepare(TEXT_LEN, TEXT_LEN) &&
           floor_sha256_prepare(TEXT_LEN);
}

static const struct bench_case cases[] = {
    {"P-256 key generation", generate, floor_p256_generate, false},
    {"P-256 ECDH", ecdh, floor_p256_ecdh, false},
    {"ECDSA P-256 sign", sign, floor_p256_sign, false},
    {"ECDSA P-256 verify", verify, floor_p256_verify, false},
    {"AES-CCM-16-64-128 seal 64 bytes", seal, floor_ccm_seal, false},
    {"AES-CCM-16-64-128 open 64 bytes", open_sealed, floor_ccm_open, false},
    {"SHA-256 64 bytes", hash, floor_sha256, false},
    {NULL, NULL, NULL, false},
};

const struct bench_group bench_crypto_group = {"crypto", prepare, cases};
