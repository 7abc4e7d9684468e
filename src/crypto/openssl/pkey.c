/* SPDX-License-Identifier: Apache-2.0 */
/* pkey.c - from EVP_PKEY to the port's keys and back. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "crypto/openssl/internal.h"

static int32_t curve_of(const EVP_PKEY *pkey)
{
    char group[32];
    size_t len;

    if (EVP_PKEY_is_a(pkey, "X25519")) {
        return CEDE_CRV_X25519;
    }
    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        return CEDE_CRV_ED25519;
    }
    if (EVP_PKEY_is_a(pkey, "X448")) {
        return CEDE_CRV_X448;
    }
    if (EVP_PKEY_is_a(pkey, "ED448")) {
        return CEDE_CRV_ED448;
    }
    if (!EVP_PKEY_is_a(pkey, "EC") ||
        EVP_PKEY_get_group_name(pkey, group, sizeof group, &len) != 1) {
        return 0;
    }
    switch (OBJ_txt2nid(group)) {
    case NID_X9_62_prime256v1:
        return CEDE_CRV_P256;
    case NID_secp384r1:
        return CEDE_CRV_P384;
    case NID_secp521r1:
        return CEDE_CRV_P521;
    default:
        return 0;
    }
}

enum cede_status cede_openssl_private_key(EVP_PKEY *pkey, struct cede_private_key *key)
{
    *key = (struct cede_private_key){curve_of(pkey), CEDE_SPAN_NULL, pkey};
    if (key->curve == 0) {
        key->handle = NULL;
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    return CEDE_OK;
}

/* No pass phrase is ever asked for: a service has nobody to ask. */
static int no_pass_phrase(char *buf, int size, int rwflag, void *context)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)context;
    return -1;
}

enum cede_status cede_openssl_read_pem(struct cede_span pem, EVP_PKEY **pkey)
{
    BIO *bio = pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;

    *pkey = NULL;
    if (bio == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return *pkey != NULL ? CEDE_OK : CEDE_CRYPTO_KEY;
}

/* Parameters of an EC key with both halves; the caller frees them. */
static OSSL_PARAM *ec_params(int32_t curve, const BIGNUM *d, struct cede_span point)
{
    const char *group = curve == CEDE_CRV_P256   ? SN_X9_62_prime256v1
                        : curve == CEDE_CRV_P384 ? SN_secp384r1
                                                 : SN_secp521r1;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;

    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.ptr, point.len) ==
            1) {
        params = OSSL_PARAM_BLD_to_param(build);
    }
    OSSL_PARAM_BLD_free(build);
    return params;
}

static enum cede_status nist_pkey(const struct cede_private_key *key, EVP_PKEY **pkey)
{
    uint8_t point[1 + CEDE_PUBLIC_KEY_LEN_MAX] = {0x04}; /* SEC 1: uncompressed */
    struct cede_span encoded = {point, 1 + cede_curve_public_len(key->curve)};
    BIGNUM *d = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    OSSL_PARAM *params = NULL;

    CEDE_TRY(cede_openssl_nist_public(key, point + 1));
    d = BN_bin2bn(key->scalar.ptr, (int)key->scalar.len, BN_secure_new());
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    params = d != NULL ? ec_params(key->curve, d, encoded) : NULL;
    if (ctx != NULL && params != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
        (void)EVP_PKEY_fromdata(ctx, pkey, EVP_PKEY_KEYPAIR, params);
    }
    OSSL_PARAM_free(params); /* clears what came from secure memory */
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(d);
    return *pkey != NULL ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

enum cede_status cede_openssl_pkey(const struct cede_private_key *key, EVP_PKEY **pkey)
{
    *pkey = NULL;
    CEDE_TRY(cede_check_private_key(key));
    if (key->handle != NULL) {
        return CEDE_BAD_ARGUMENT;
    }
    if (cede_is_nist_curve(key->curve)) {
        return nist_pkey(key, pkey);
    }
    *pkey = EVP_PKEY_new_raw_private_key(cede_openssl_raw_type(key->curve), NULL, key->scalar.ptr,
                                         key->scalar.len);
    return *pkey != NULL ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

enum cede_status cede_openssl_public_key(const EVP_PKEY *pkey, uint8_t *public_key,
                                         struct cede_public_key *key)
{
    struct cede_private_key source = {curve_of(pkey), CEDE_SPAN_NULL, (EVP_PKEY *)(uintptr_t)pkey};
    enum cede_status status;

    *key = (struct cede_public_key){0, CEDE_SPAN_NULL};
    if (source.curve == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    status = cede_crypto_openssl()->public_from_private(NULL, &source, public_key);
    if (status == CEDE_OK) {
        key->curve = source.curve;
        key->point = cede_span(public_key, cede_curve_public_len(source.curve));
    }
    return status;
}
