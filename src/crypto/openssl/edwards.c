/* SPDX-License-Identifier: Apache-2.0 */
/* edwards.c - X25519, X448 (RFC 7748), Ed25519 and Ed448 (RFC 8032) through OpenSSL's raw keys. */
#include <string.h>

#include <openssl/crypto.h>

#include "crypto/openssl/internal.h"

int cede_openssl_raw_type(int32_t curve)
{
    switch (curve) {
    case CEDE_CRV_X25519:
        return EVP_PKEY_X25519;
    case CEDE_CRV_X448:
        return EVP_PKEY_X448;
    case CEDE_CRV_ED448:
        return EVP_PKEY_ED448;
    default:
        return EVP_PKEY_ED25519;
    }
}

bool cede_openssl_is_edwards(int32_t curve)
{
    return curve == CEDE_CRV_ED25519 || curve == CEDE_CRV_ED448;
}

/* The private key as an EVP_PKEY that the caller frees; a handle gets one more owner. */
static EVP_PKEY *private_pkey(const struct cede_private_key *key)
{
    if (key->handle != NULL) {
        return EVP_PKEY_up_ref(key->handle) == 1 ? key->handle : NULL;
    }
    return EVP_PKEY_new_raw_private_key(cede_openssl_raw_type(key->curve), NULL, key->scalar.ptr,
                                        key->scalar.len);
}

enum cede_status cede_openssl_raw_public(const struct cede_private_key *key, uint8_t *public_key)
{
    EVP_PKEY *pkey = private_pkey(key);
    size_t len = cede_curve_public_len(key->curve);
    bool ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, public_key, &len) == 1 &&
              len == cede_curve_public_len(key->curve);

    EVP_PKEY_free(pkey);
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

enum cede_status cede_openssl_raw_ecdh(const struct cede_private_key *key, struct cede_span peer,
                                       uint8_t *secret)
{
    enum cede_status status = CEDE_CRYPTO_FAILED;
    EVP_PKEY *own = private_pkey(key);
    EVP_PKEY *other =
        EVP_PKEY_new_raw_public_key(cede_openssl_raw_type(key->curve), NULL, peer.ptr, peer.len);
    EVP_PKEY_CTX *ctx = own != NULL ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t len = cede_curve_public_len(key->curve);

    if (other != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
        EVP_PKEY_derive_set_peer_ex(ctx, other, 0) == 1) {
        /* With keys of the right length, all that can go wrong is the zero OpenSSL refuses
         * (RFC 7748, section 6.1). */
        status = EVP_PKEY_derive(ctx, secret, &len) == 1 ? CEDE_OK : CEDE_CRYPTO_LOW_ORDER;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    EVP_PKEY_free(own);
    return status;
}

/* EdDSA passes over the message twice, so the parts are joined when there are several. *copy is
 * what the caller clears and frees, null when nothing was copied. */
static bool join(const struct cede_span *parts, size_t parts_count, struct cede_span *message,
                 uint8_t **copy)
{
    size_t len = 0;

    *copy = NULL;
    *message = parts_count == 1 ? parts[0] : CEDE_SPAN_NULL;
    if (parts_count == 1) {
        return true;
    }
    for (size_t i = 0; i < parts_count; i++) {
        len += parts[i].len;
    }
    *copy = OPENSSL_malloc(len + 1);
    if (*copy == NULL) {
        return false;
    }
    *message = cede_span(*copy, len);
    len = 0;
    for (size_t i = 0; i < parts_count; i++) {
        if (parts[i].len > 0) {
            memcpy(*copy + len, parts[i].ptr, parts[i].len);
        }
        len += parts[i].len;
    }
    return true;
}

enum cede_status cede_openssl_eddsa_sign(const struct cede_private_key *key,
                                         const struct cede_span *parts, size_t parts_count,
                                         uint8_t *signature)
{
    EVP_PKEY *pkey = private_pkey(key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = CEDE_SIGNATURE_LEN_MAX;
    struct cede_span message;
    uint8_t *copy = NULL;
    bool ok = pkey != NULL && ctx != NULL && join(parts, parts_count, &message, &copy) &&
              EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, signature, &len, message.ptr, message.len) == 1;

    if (copy != NULL) {
        OPENSSL_clear_free(copy, message.len + 1);
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

enum cede_status cede_openssl_eddsa_verify(const struct cede_public_key *key,
                                           const struct cede_span *parts, size_t parts_count,
                                           struct cede_span signature)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(cede_openssl_raw_type(key->curve), NULL,
                                                 key->point.ptr, key->point.len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum cede_status status = CEDE_CRYPTO_FAILED;
    struct cede_span message;
    uint8_t *copy = NULL;

    if (pkey != NULL && ctx != NULL && join(parts, parts_count, &message, &copy) &&
        EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1) {
        status = EVP_DigestVerify(ctx, signature.ptr, signature.len, message.ptr, message.len) == 1
                     ? CEDE_OK
                     : CEDE_CRYPTO_SIGNATURE;
    }
    if (copy != NULL) {
        OPENSSL_clear_free(copy, message.len + 1);
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return status;
}
