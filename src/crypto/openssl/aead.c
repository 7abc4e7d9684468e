/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aead.c - AES-CCM, AES-GCM and ChaCha20-Poly1305 through OpenSSL.
 *
 * Setting a context up costs more than sealing a short text, so each algorithm keeps one for
 * sealing and one for opening. Between uses they hold a key of zeros: no secret key stays.
 */
#include <openssl/err.h>

#include "crypto/openssl/internal.h"

/* The algorithm's place among the kept contexts, and OpenSSL's name for it. */
static size_t index_of(int32_t alg)
{
    switch (alg) {
    case CEDE_ALG_CHACHA20_POLY1305:
        return 0;
    case CEDE_ALG_A128GCM:
    case CEDE_ALG_A192GCM:
    case CEDE_ALG_A256GCM:
        return (size_t)alg; /* 1 to 3 */
    default:
        return alg < 30 ? (size_t)alg - 6 : (size_t)alg - 22; /* CCM: 10 to 13, 30 to 33 */
    }
}
#define CONTEXTS 12

static const char *name_of(int32_t alg)
{
    static const char *const gcm[] = {"AES-128-GCM", "AES-192-GCM", "AES-256-GCM"};

    if (cede_is_ccm(alg)) {
        return cede_aead_key_len(alg) == 16 ? "AES-128-CCM" : "AES-256-CCM";
    }
    return alg == CEDE_ALG_CHACHA20_POLY1305 ? "ChaCha20-Poly1305" : gcm[alg - CEDE_ALG_A128GCM];
}

/* CCM wants the tag's length set before the first key; opening, a tag will do that. */
static EVP_CIPHER_CTX *make_context(int32_t alg, bool seal)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name_of(alg), NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok =
        cipher != NULL && ctx != NULL &&
        EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, seal, NULL) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)cede_aead_nonce_len(alg), NULL) ==
            1 &&
        (!seal || !cede_is_ccm(alg) ||
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)cede_aead_tag_len(alg), NULL) == 1);

    EVP_CIPHER_free(cipher);
    if (!ok) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static EVP_CIPHER_CTX *kept_context(int32_t alg, bool seal)
{
    static EVP_CIPHER_CTX *contexts[CONTEXTS][2];
    EVP_CIPHER_CTX **ctx = &contexts[index_of(alg)][seal];

    if (*ctx == NULL) {
        *ctx = make_context(alg, seal);
    }
    return *ctx;
}

/* The tag to be found (opening), then key and nonce. CCM also takes its tag length from the tag,
 * and that goes into the nonce's first block. */
static bool start(EVP_CIPHER_CTX *ctx, int32_t alg, struct cede_span key, struct cede_span nonce,
                  const uint8_t *tag)
{
    bool seal = tag == NULL;

    return (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)cede_aead_tag_len(alg),
                                        (void *)(uintptr_t)tag) == 1) &&
           EVP_CipherInit_ex2(ctx, NULL, key.ptr, nonce.ptr, seal, NULL) == 1;
}

/* Puts zeros in the key's place. */
static bool forget_key(EVP_CIPHER_CTX *ctx, bool seal)
{
    static const uint8_t zeros[CEDE_AEAD_KEY_LEN_MAX] = {0};

    return EVP_CipherInit_ex2(ctx, NULL, zeros, NULL, seal, NULL) == 1;
}

/* Additional data, then the text. CCM must know the text's length first. */
static bool run(EVP_CIPHER_CTX *ctx, int32_t alg, struct cede_span aad, struct cede_span text,
                uint8_t *out)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *in = text.len > 0 ? text.ptr : nothing;
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int len = 0;

    if (cede_is_ccm(alg) && EVP_CipherUpdate(ctx, NULL, &len, NULL, (int)text.len) != 1) {
        return false;
    }
    if (aad.len > 0 && EVP_CipherUpdate(ctx, NULL, &len, aad.ptr, (int)aad.len) != 1) {
        return false;
    }
    /* CCM computes and checks its tag here, also over an empty text. */
    if (EVP_CipherUpdate(ctx, text.len > 0 ? out : none, &len, in, (int)text.len) != 1) {
        return false;
    }
    return cede_is_ccm(alg) || EVP_CipherFinal_ex(ctx, none, &len) == 1;
}

enum cede_status cede_openssl_seal(void *context, int32_t alg, struct cede_span key,
                                   struct cede_span nonce, struct cede_span aad,
                                   struct cede_span plaintext, struct cede_buf out,
                                   struct cede_span *ciphertext)
{
    size_t tag_len = cede_aead_tag_len(alg);
    EVP_CIPHER_CTX *ctx;
    bool ok;

    (void)context;
    *ciphertext = CEDE_SPAN_NULL;
    CEDE_TRY(cede_check_seal(alg, key, nonce, plaintext.len, out.cap));
    ctx = kept_context(alg, true);
    ok =
        ctx != NULL && aad.len <= INT32_MAX / 2 && start(ctx, alg, key, nonce, NULL) &&
        run(ctx, alg, aad, plaintext, out.ptr) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)tag_len, out.ptr + plaintext.len) == 1;
    ok = ctx != NULL && forget_key(ctx, true) && ok;
    if (!ok) {
        cede_wipe(out.ptr, plaintext.len + tag_len);
        return CEDE_CRYPTO_FAILED;
    }
    *ciphertext = cede_span(out.ptr, plaintext.len + tag_len);
    return CEDE_OK;
}

enum cede_status cede_openssl_open(void *context, int32_t alg, struct cede_span key,
                                   struct cede_span nonce, struct cede_span aad,
                                   struct cede_span ciphertext, struct cede_buf out,
                                   struct cede_span *plaintext)
{
    enum cede_status status = CEDE_CRYPTO_FAILED;
    EVP_CIPHER_CTX *ctx;
    struct cede_span text;

    (void)context;
    *plaintext = CEDE_SPAN_NULL;
    CEDE_TRY(cede_check_open(alg, key, nonce, ciphertext.len, out.cap));
    text = cede_span(ciphertext.ptr, ciphertext.len - cede_aead_tag_len(alg));
    ctx = kept_context(alg, false);
    if (ctx != NULL && aad.len <= INT32_MAX / 2 &&
        start(ctx, alg, key, nonce, ciphertext.ptr + text.len)) {
        status = run(ctx, alg, aad, text, out.ptr) ? CEDE_OK : CEDE_CRYPTO_TAG;
    }
    if (ctx == NULL || !forget_key(ctx, false)) {
        status = CEDE_CRYPTO_FAILED;
    }
    if (status != CEDE_OK) {
        cede_wipe(out.ptr, text.len);
        ERR_clear_error();
        return status;
    }
    *plaintext = cede_span(out.ptr, text.len);
    return CEDE_OK;
}
