/* SPDX-License-Identifier: Apache-2.0 */
/* kmac.c - SHAKE256 (FIPS 202) and KMAC256 (NIST SP 800-185) through OpenSSL, for EDHOC's suite 25.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "crypto/openssl/internal.h"

#define SHAKE256_LEN 64

enum cede_status cede_openssl_shake256(const struct cede_span *parts, size_t parts_count,
                                       uint8_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_shake256(), NULL) == 1;

    for (size_t i = 0; ok && i < parts_count; i++) {
        ok = EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinalXOF(ctx, out, SHAKE256_LEN) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok) {
        cede_wipe(out, SHAKE256_LEN);
    }
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

static bool kmac(EVP_MAC_CTX *ctx, struct cede_span key, const struct cede_span *parts,
                 size_t parts_count, uint8_t *out, size_t out_len)
{
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &out_len),
                                 OSSL_PARAM_construct_end()};
    bool ok = EVP_MAC_init(ctx, key.ptr, key.len, params) == 1;

    for (size_t i = 0; ok && i < parts_count; i++) {
        ok = EVP_MAC_update(ctx, parts[i].ptr, parts[i].len) == 1;
    }
    return ok && EVP_MAC_final(ctx, out, NULL, out_len) == 1;
}

enum cede_status cede_openssl_kmac(void *context, struct cede_span key,
                                   const struct cede_span *parts, size_t parts_count,
                                   struct cede_buf out)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_KMAC256, NULL);
    EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    uint8_t *stream = OPENSSL_zalloc(out.cap + 1);
    bool ok = ctx != NULL && stream != NULL && kmac(ctx, key, parts, parts_count, stream, out.cap);

    (void)context;
    for (size_t i = 0; ok && i < out.cap; i++) {
        out.ptr[i] ^= stream[i];
    }
    OPENSSL_clear_free(stream, out.cap + 1);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}
