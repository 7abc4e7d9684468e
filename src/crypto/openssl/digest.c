/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c - SHA-2 and HMAC through OpenSSL.
 *
 * The messages here are short, and a key schedule is some forty HMACs: EVP's layers would cost
 * three times what the hashing does. So the older interface is used, deprecated but maintained,
 * which also keeps all state on the stack, where it is wiped. HMAC is RFC 2104 over it.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <string.h>

#include <openssl/sha.h>

#include "crypto/openssl/internal.h"

#define BLOCK_LEN_MAX SHA512_CBLOCK

/* A hash under way. */
struct digest {
    int32_t alg;
    union {
        SHA256_CTX sha256;
        SHA512_CTX sha512; /* SHA-384, too */
    } ctx;
};

static bool digest_start(struct digest *digest, int32_t alg)
{
    digest->alg = alg;
    switch (alg) {
    case CEDE_ALG_SHA_512:
        return SHA512_Init(&digest->ctx.sha512) == 1;
    case CEDE_ALG_SHA_384:
        return SHA384_Init(&digest->ctx.sha512) == 1;
    default:
        return SHA256_Init(&digest->ctx.sha256) == 1;
    }
}

static bool is_wide(int32_t alg)
{
    return alg == CEDE_ALG_SHA_384 || alg == CEDE_ALG_SHA_512;
}

static bool digest_update(struct digest *digest, struct cede_span part)
{
    if (part.len == 0) {
        return true;
    }
    return (is_wide(digest->alg) ? SHA512_Update(&digest->ctx.sha512, part.ptr, part.len)
                                 : SHA256_Update(&digest->ctx.sha256, part.ptr, part.len)) == 1;
}

static bool digest_finish(struct digest *digest, uint8_t *out)
{
    return (is_wide(digest->alg) ? SHA512_Final(out, &digest->ctx.sha512)
                                 : SHA256_Final(out, &digest->ctx.sha256)) == 1;
}

/* The hash over `first` and the parts. */
static bool hash_all(int32_t alg, struct cede_span first, const struct cede_span *parts,
                     size_t parts_count, uint8_t *out)
{
    struct digest digest;
    bool ok = digest_start(&digest, alg) && digest_update(&digest, first);

    for (size_t i = 0; ok && i < parts_count; i++) {
        ok = digest_update(&digest, parts[i]);
    }
    ok = ok && digest_finish(&digest, out);
    cede_wipe(&digest, sizeof digest);
    return ok;
}

enum cede_status cede_openssl_hash(void *context, int32_t alg, const struct cede_span *parts,
                                   size_t parts_count, uint8_t *out)
{
    size_t out_len = cede_hash_len(alg);
    uint8_t hash[CEDE_HASH_LEN_MAX];
    bool ok;

    (void)context;
    if (alg == CEDE_ALG_SHAKE256) {
        return cede_openssl_shake256(parts, parts_count, out);
    }
    if (out_len == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    ok = hash_all(alg, CEDE_SPAN_NULL, parts, parts_count, hash);
    if (ok) {
        memcpy(out, hash, out_len);
    } else {
        cede_wipe(out, out_len);
    }
    cede_wipe(hash, sizeof hash);
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

/* The key padded to a block with zeros and xored with `pad`; a long key is hashed first. */
static bool pad_key(int32_t alg, struct cede_span key, uint8_t pad, uint8_t *block,
                    size_t block_len)
{
    bool ok = true;

    memset(block, 0, block_len);
    if (key.len > block_len) {
        ok = hash_all(alg, key, NULL, 0, block);
    } else if (key.len > 0) {
        memcpy(block, key.ptr, key.len);
    }
    for (size_t i = 0; i < block_len; i++) {
        block[i] ^= pad;
    }
    return ok;
}

enum cede_status cede_openssl_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                   const struct cede_span *parts, size_t parts_count, uint8_t *out)
{
    size_t out_len = cede_hash_len(hash_alg);
    size_t block_len = is_wide(hash_alg) ? SHA512_CBLOCK : SHA256_CBLOCK;
    uint8_t block[BLOCK_LEN_MAX], inner[CEDE_HASH_LEN_MAX];
    struct cede_span inner_hash = {inner, out_len};
    bool ok;

    (void)context;
    if (out_len < CEDE_SHA256_LEN) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    ok = pad_key(hash_alg, key, 0x36, block, block_len) &&
         hash_all(hash_alg, cede_span(block, block_len), parts, parts_count, inner) &&
         pad_key(hash_alg, key, 0x5c, block, block_len) &&
         hash_all(hash_alg, cede_span(block, block_len), &inner_hash, 1, out);
    cede_wipe(block, sizeof block);
    cede_wipe(inner, sizeof inner);
    if (!ok) {
        cede_wipe(out, out_len);
    }
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}
