/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aead.c - AES-CCM, AES-GCM and ChaCha20-Poly1305 through OpenSSL.
 *
 * The ciphers are fetched once; one context is kept and reset after each use, which wipes the key.
 */
#include <openssl/err.h>

#include "crypto/openssl/internal.h"

static EVP_CIPHER_CTX *kept_context(void)
{
    static EVP_CIPHER_CTX *ctx;

    if (ctx == NULL) {
        ctx = EVP_CIPHER_CTX_new();
    }
    return ctx;
}

static const EVP_CIPHER *find_cipher(int32_t alg)
{
    static struct {
        const char *name;
        EVP_CIPHER *cipher;
    } ciphers[] = {{"AES-128-CCM", NULL}, {"AES-256-CCM", NULL}, {"AES-128-GCM", NULL},
                   {"AES-192-GCM", NULL}, {"AES-256-GCM", NULL}, {"ChaCha20-Poly1305", NULL}};
    size_t which = 5;

    if (cede_is_ccm(alg)) {
        which = cede_aead_key_len(alg) == 16 ? 0 : 1;
    } else if (alg >= CEDE_ALG_A128GCM && alg <= CEDE_ALG_A256GCM) {
        which = (size_t)alg + 1;
    }
    if (ciphers[which].cipher == NULL) {
        ciphers[which].cipher = EVP_CIPHER_fetch(NULL, ciphers[which].name, NULL);
    }
    return ciphers[which].cipher;
}

/* Sets algorithm, lengths, key and nonce. CCM wants the tag (opening) or its length (sealing) set
 * before the key; the other two accept that. */
static bool start(EVP_CIPHER_CTX *ctx, int32_t alg, struct cede_span key, struct cede_span nonce,
                  const uint8_t *tag)
{
    int nonce_len = (int)nonce.len;
    int tag_len = (int)cede_aead_tag_len(alg);
    bool seal = tag == NULL;

    if (EVP_CipherInit_ex2(ctx, find_cipher(alg), NULL, NULL, seal, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, nonce_len, NULL) != 1) {
        return false;
    }
    if ((!seal || cede_is_ccm(alg)) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag_len, (void *)(uintptr_t)tag) != 1) {
        return false;
    }
    return EVP_CipherInit_ex2(ctx, NULL, key.ptr, nonce.ptr, seal, NULL) == 1;
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
    EVP_CIPHER_CTX *ctx = kept_context();
    size_t tag_len = cede_aead_tag_len(alg);
    bool ok;

    (void)context;
    *ciphertext = CEDE_SPAN_NULL;
    CEDE_TRY(cede_check_seal(alg, key, nonce, plaintext.len, out.cap));
    ok =
        ctx != NULL && aad.len <= INT32_MAX / 2 && start(ctx, alg, key, nonce, NULL) &&
        run(ctx, alg, aad, plaintext, out.ptr) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)tag_len, out.ptr + plaintext.len) == 1;
    EVP_CIPHER_CTX_reset(ctx);
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
    EVP_CIPHER_CTX *ctx = kept_context();
    enum cede_status status = CEDE_CRYPTO_FAILED;
    struct cede_span text;

    (void)context;
    *plaintext = CEDE_SPAN_NULL;
    CEDE_TRY(cede_check_open(alg, key, nonce, ciphertext.len, out.cap));
    text = cede_span(ciphertext.ptr, ciphertext.len - cede_aead_tag_len(alg));
    if (ctx != NULL && aad.len <= INT32_MAX / 2 &&
        start(ctx, alg, key, nonce, ciphertext.ptr + text.len)) {
        status = run(ctx, alg, aad, text, out.ptr) ? CEDE_OK : CEDE_CRYPTO_TAG;
    }
    EVP_CIPHER_CTX_reset(ctx);
    if (status != CEDE_OK) {
        cede_wipe(out.ptr, text.len);
        ERR_clear_error();
        return status;
    }
    *plaintext = cede_span(out.ptr, text.len);
    return CEDE_OK;
}
