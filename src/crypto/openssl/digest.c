/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c - SHA-2 and HMAC through OpenSSL.
 *
 * Fetching an algorithm and making a context cost more than hashing a short message, so both are
 * made once a process and kept. A kept HMAC context is given a zero key after each use, so that no
 * secret key stays in it.
 */
#include <string.h>

#include <openssl/core_names.h>

#include "crypto/openssl/internal.h"

struct digest {
    EVP_MD *md;
    EVP_MD_CTX *hash;
    EVP_MAC_CTX *hmac;
};

static EVP_MAC_CTX *make_hmac(const char *name)
{
    char digest_name[16];
    OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac);
    OPENSSL_strlcpy(digest_name, name, sizeof digest_name);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0);
    if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

/* The kept objects for a hash; null when there is no such hash or no memory. */
static struct digest *find_digest(int32_t alg)
{
    static struct digest sha256, sha384;
    bool is_384 = alg == CEDE_ALG_SHA_384;
    struct digest *digest = is_384 ? &sha384 : &sha256;
    const char *name = is_384 ? "SHA2-384" : "SHA2-256";

    if (digest->md == NULL) {
        digest->md = EVP_MD_fetch(NULL, name, NULL);
    }
    if (digest->hash == NULL) {
        digest->hash = EVP_MD_CTX_new();
    }
    if (digest->hmac == NULL) {
        digest->hmac = make_hmac(name);
    }
    return digest->md != NULL && digest->hash != NULL && digest->hmac != NULL ? digest : NULL;
}

enum cede_status cede_openssl_hash(void *context, int32_t alg, const struct cede_span *parts,
                                   size_t parts_count, uint8_t *out)
{
    size_t out_len = cede_hash_len(alg);
    uint8_t hash[CEDE_HASH_LEN_MAX];
    struct digest *digest;
    bool ok;

    (void)context;
    if (out_len == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    digest = find_digest(alg);
    ok = digest != NULL && EVP_DigestInit_ex2(digest->hash, digest->md, NULL) == 1;
    for (size_t i = 0; ok && i < parts_count; i++) {
        ok = EVP_DigestUpdate(digest->hash, parts[i].ptr, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(digest->hash, hash, NULL) == 1;
    if (ok) {
        memcpy(out, hash, out_len);
    } else {
        cede_wipe(out, out_len);
    }
    cede_wipe(hash, sizeof hash);
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

enum cede_status cede_openssl_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                   const struct cede_span *parts, size_t parts_count, uint8_t *out)
{
    /* RFC 2104 pads a key with zeros, so an empty key is this one; OpenSSL takes an absent key for
     * the key before. */
    static const uint8_t zero_key[1] = {0};
    size_t out_len = cede_hash_len(hash_alg);
    struct digest *digest;
    bool ok;

    (void)context;
    if (out_len < CEDE_SHA256_LEN) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    if (key.len == 0) {
        key = CEDE_SPAN_ARRAY(zero_key);
    }
    digest = find_digest(hash_alg);
    ok = digest != NULL && EVP_MAC_init(digest->hmac, key.ptr, key.len, NULL) == 1;
    for (size_t i = 0; ok && i < parts_count; i++) {
        ok = EVP_MAC_update(digest->hmac, parts[i].ptr, parts[i].len) == 1;
    }
    ok = ok && EVP_MAC_final(digest->hmac, out, NULL, out_len) == 1;
    if (digest != NULL) {
        ok = EVP_MAC_init(digest->hmac, zero_key, sizeof zero_key, NULL) == 1 && ok;
    }
    if (!ok) {
        cede_wipe(out, out_len);
    }
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}
