/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nist.c - ECDSA and ECDH on P-256, P-384 and P-521 through OpenSSL.
 *
 * OpenSSL 3.0 needs 246 us to make an EVP_PKEY from a raw public key, longer than the signature
 * check itself, so raw keys go through the older EC_KEY interface, which is deprecated but
 * maintained. One EC_KEY a curve is kept, with its group; keys are put into it for one operation
 * and secrets taken out after it. Keys with a handle use EVP when their provider does not give the
 * key out.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "crypto/openssl/internal.h"

#define COORDINATE_LEN_MAX 66

struct curve {
    EC_KEY *key;
    const EC_GROUP *group;
    BN_CTX *bn;
    BN_MONT_CTX *mont; /* of p */
    BIGNUM *p, *a, *b; /* y^2 = x^3 + ax + b */
    BIGNUM *root;      /* (p + 1) / 4 */
    int len;           /* of a coordinate and of a scalar, bytes */
    int hash_len;      /* of the hash that is signed */
    int nid;           /* OpenSSL's number */
};

/* What finding y from x takes. p mod 4 is 3 on all three curves. */
static bool make_field(struct curve *curve)
{
    curve->mont = BN_MONT_CTX_new();
    curve->p = BN_new();
    curve->a = BN_new();
    curve->b = BN_new();
    curve->root = BN_new();
    return curve->mont != NULL && curve->p != NULL && curve->a != NULL && curve->b != NULL &&
           curve->root != NULL &&
           EC_GROUP_get_curve(curve->group, curve->p, curve->a, curve->b, curve->bn) == 1 &&
           BN_MONT_CTX_set(curve->mont, curve->p, curve->bn) == 1 &&
           BN_copy(curve->root, curve->p) != NULL && BN_add_word(curve->root, 1) == 1 &&
           BN_rshift(curve->root, curve->root, 2) == 1;
}

static void forget_field(struct curve *curve)
{
    BN_MONT_CTX_free(curve->mont);
    BN_free(curve->p);
    BN_free(curve->a);
    BN_free(curve->b);
    BN_free(curve->root);
    curve->mont = NULL;
    curve->p = curve->a = curve->b = curve->root = NULL;
}

/* The kept objects of a curve; null when there is no memory. */
static struct curve *find_curve(int32_t number)
{
    static struct curve p256 = {.len = 32, .hash_len = 32, .nid = NID_X9_62_prime256v1};
    static struct curve p384 = {.len = 48, .hash_len = 48, .nid = NID_secp384r1};
    static struct curve p521 = {.len = 66, .hash_len = 64, .nid = NID_secp521r1};
    struct curve *curve = number == CEDE_CRV_P256 ? &p256 : number == CEDE_CRV_P384 ? &p384 : &p521;

    if (curve->key == NULL) {
        curve->key = EC_KEY_new_by_curve_name(curve->nid);
        curve->group = curve->key != NULL ? EC_KEY_get0_group(curve->key) : NULL;
    }
    if (curve->bn == NULL) {
        curve->bn = BN_CTX_secure_new();
    }
    if (curve->mont == NULL && curve->key != NULL && curve->bn != NULL && !make_field(curve)) {
        forget_field(curve);
    }
    return curve->mont != NULL ? curve : NULL;
}

/* Puts a private scalar into the kept EC_KEY. CEDE_CRYPTO_KEY: not in 1 .. n - 1. */
static enum cede_status set_private(struct curve *curve, struct cede_span scalar)
{
    enum cede_status status = CEDE_CRYPTO_FAILED;
    BIGNUM *d = BN_bin2bn(scalar.ptr, (int)scalar.len, BN_secure_new());

    if (d == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(curve->group)) >= 0) {
        status = CEDE_CRYPTO_KEY;
    } else if (EC_KEY_set_private_key(curve->key, d) == 1) {
        status = CEDE_OK;
    }
    BN_clear_free(d);
    return status;
}

static void forget_private(struct curve *curve)
{
    (void)EC_KEY_set_private_key(curve->key, NULL); /* wipes; returns 0 by design */
}

/* A point from x || y, checked: coordinates below p, on the curve. The caller frees it. */
static enum cede_status make_point(const struct curve *curve, struct cede_span xy, EC_POINT **point)
{
    uint8_t encoded[1 + 2 * COORDINATE_LEN_MAX] = {POINT_CONVERSION_UNCOMPRESSED};

    *point = NULL;
    if (xy.len != 2 * (size_t)curve->len) {
        return CEDE_CRYPTO_KEY;
    }
    *point = EC_POINT_new(curve->group);
    if (*point == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    memcpy(encoded + 1, xy.ptr, xy.len);
    if (EC_POINT_oct2point(curve->group, *point, encoded, 1 + xy.len, curve->bn) != 1) {
        EC_POINT_free(*point);
        *point = NULL;
        return CEDE_CRYPTO_KEY;
    }
    return CEDE_OK;
}

static enum cede_status write_point(const struct curve *curve, const EC_POINT *point,
                                    uint8_t *public_key)
{
    uint8_t encoded[1 + 2 * COORDINATE_LEN_MAX];
    size_t len = 1 + 2 * (size_t)curve->len;

    if (EC_POINT_point2oct(curve->group, point, POINT_CONVERSION_UNCOMPRESSED, encoded,
                           sizeof encoded, curve->bn) != len) {
        return CEDE_CRYPTO_FAILED;
    }
    memcpy(public_key, encoded + 1, len - 1);
    return CEDE_OK;
}

enum cede_status cede_openssl_nist_generate(int32_t number, uint8_t *private_key,
                                            uint8_t *public_key)
{
    struct curve *curve = find_curve(number);
    enum cede_status status = CEDE_CRYPTO_FAILED;

    if (curve == NULL || EC_KEY_generate_key(curve->key) != 1) {
        return CEDE_CRYPTO_RANDOM;
    }
    if (BN_bn2binpad(EC_KEY_get0_private_key(curve->key), private_key, curve->len) == curve->len) {
        status = write_point(curve, EC_KEY_get0_public_key(curve->key), public_key);
    }
    forget_private(curve);
    return status;
}

/* A key of an engine shows its public half only as an EC_KEY. */
static enum cede_status engine_public(EVP_PKEY *pkey, const struct curve *curve,
                                      uint8_t *public_key)
{
    const EC_KEY *key = EVP_PKEY_get0_EC_KEY(pkey);
    const EC_POINT *point = key == NULL ? NULL : EC_KEY_get0_public_key(key);

    return point == NULL ? CEDE_CRYPTO_KEY : write_point(curve, point, public_key);
}

/* The coordinates of an EVP_PKEY, whose private half need not be exportable. */
static enum cede_status handle_public(EVP_PKEY *pkey, const struct curve *curve,
                                      uint8_t *public_key)
{
    BIGNUM *x = NULL, *y = NULL;
    bool ok = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
              EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
              BN_bn2binpad(x, public_key, curve->len) == curve->len &&
              BN_bn2binpad(y, public_key + curve->len, curve->len) == curve->len;

    BN_free(x);
    BN_free(y);
    return ok ? CEDE_OK : engine_public(pkey, curve, public_key);
}

enum cede_status cede_openssl_nist_public(const struct cede_private_key *key, uint8_t *public_key)
{
    struct curve *curve = find_curve(key->curve);
    enum cede_status status;
    EC_POINT *point;

    if (curve == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    if (key->handle != NULL) {
        return handle_public(key->handle, curve, public_key);
    }
    point = EC_POINT_new(curve->group);
    status = point != NULL ? set_private(curve, key->scalar) : CEDE_CRYPTO_FAILED;
    if (status == CEDE_OK) {
        status = EC_POINT_mul(curve->group, point, EC_KEY_get0_private_key(curve->key), NULL, NULL,
                              curve->bn) == 1
                     ? write_point(curve, point, public_key)
                     : CEDE_CRYPTO_FAILED;
    }
    forget_private(curve);
    EC_POINT_free(point);
    return status;
}

/* y with y^2 = x^3 + ax + b mod p. CEDE_CRYPTO_KEY: there is none. EC_POINT_oct2point would do, but
 * takes twice as long, and a conversion afterwards. Nothing here is secret. */
static enum cede_status find_y(const struct curve *curve, const BIGNUM *x, BIGNUM *y)
{
    BN_CTX *bn = curve->bn;
    BIGNUM *right = BN_CTX_get(bn);
    BIGNUM *square = BN_CTX_get(bn);

    if (square == NULL || BN_mod_sqr(right, x, curve->p, bn) != 1 ||
        BN_mod_add_quick(right, right, curve->a, curve->p) != 1 ||
        BN_mod_mul(right, right, x, curve->p, bn) != 1 ||
        BN_mod_add_quick(right, right, curve->b, curve->p) != 1 ||
        BN_mod_exp_mont(y, right, curve->root, curve->p, bn, curve->mont) != 1 ||
        BN_mod_sqr(square, y, curve->p, bn) != 1) {
        return CEDE_CRYPTO_FAILED;
    }
    return BN_cmp(square, right) == 0 ? CEDE_OK : CEDE_CRYPTO_KEY;
}

/* The order is odd, so y is never zero and has a negative of the other parity. */
static enum cede_status decompress(const struct curve *curve, struct cede_span x_bytes, bool y_odd,
                                   uint8_t *public_key)
{
    BIGNUM *x = BN_CTX_get(curve->bn);
    BIGNUM *y = BN_CTX_get(curve->bn);

    if (y == NULL || BN_bin2bn(x_bytes.ptr, curve->len, x) == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    if (BN_cmp(x, curve->p) >= 0) {
        return CEDE_CRYPTO_KEY;
    }
    CEDE_TRY(find_y(curve, x, y));
    if ((BN_is_odd(y) == 1) != y_odd && BN_sub(y, curve->p, y) != 1) {
        return CEDE_CRYPTO_FAILED;
    }
    memcpy(public_key, x_bytes.ptr, x_bytes.len);
    return BN_bn2binpad(y, public_key + curve->len, curve->len) == curve->len ? CEDE_OK
                                                                              : CEDE_CRYPTO_FAILED;
}

enum cede_status cede_openssl_nist_decompress(int32_t number, struct cede_span x, bool y_odd,
                                              uint8_t *public_key)
{
    struct curve *curve = find_curve(number);
    enum cede_status status;

    if (curve == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    if (x.len != (size_t)curve->len) {
        return CEDE_CRYPTO_KEY;
    }
    if (number == CEDE_CRV_P256) {
        status = cede_openssl_p256_decompress(x, y_odd, public_key);
        if (status != CEDE_CRYPTO_UNSUPPORTED) {
            return status;
        }
    }
    BN_CTX_start(curve->bn);
    status = decompress(curve, x, y_odd, public_key);
    BN_CTX_end(curve->bn);
    return status;
}

enum cede_status cede_openssl_nist_ecdh(const struct cede_private_key *key, struct cede_span peer,
                                        uint8_t *secret)
{
    struct curve *curve = find_curve(key->curve);
    const EC_KEY *ec_key;
    EC_POINT *point = NULL;
    enum cede_status status;

    if (curve == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    CEDE_TRY(make_point(curve, peer, &point));
    if (key->handle != NULL) {
        ec_key = EVP_PKEY_get0_EC_KEY(key->handle);
        status =
            ec_key != NULL && EC_KEY_get0_private_key(ec_key) != NULL ? CEDE_OK : CEDE_CRYPTO_KEY;
    } else {
        ec_key = curve->key;
        status = set_private(curve, key->scalar);
    }
    /* The order is prime and the point on the curve: the result is never infinity. */
    if (status == CEDE_OK &&
        ECDH_compute_key(secret, (size_t)curve->len, point, ec_key, NULL) != curve->len) {
        status = CEDE_CRYPTO_FAILED;
    }
    forget_private(curve);
    EC_POINT_free(point);
    return status;
}

static bool write_signature(const ECDSA_SIG *sig, int len, uint8_t *signature)
{
    return sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, len) == len &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + len, len) == len;
}

/* The EC_KEY of an EVP_PKEY, which keeps it; null when the private key does not leave its provider.
 */
static EC_KEY *handle_key(EVP_PKEY *pkey)
{
    const EC_KEY *key;

    ERR_set_mark();
    key = EVP_PKEY_get0_EC_KEY(pkey);
    ERR_pop_to_mark();
    return key != NULL && EC_KEY_get0_private_key(key) != NULL ? (EC_KEY *)(uintptr_t)key : NULL;
}

/* Signs with an EVP_PKEY: DER comes out, fixed width is wanted. */
static enum cede_status handle_sign(EVP_PKEY *pkey, const struct curve *curve, const uint8_t *hash,
                                    uint8_t *signature)
{
    uint8_t der[2 * COORDINATE_LEN_MAX + 16];
    const uint8_t *in = der;
    size_t der_len = sizeof der;
    ECDSA_SIG *sig = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
              EVP_PKEY_sign(ctx, der, &der_len, hash, (size_t)curve->hash_len) == 1;

    if (ok) {
        sig = d2i_ECDSA_SIG(NULL, &in, (long)der_len);
        ok = write_signature(sig, curve->len, signature);
    }
    ECDSA_SIG_free(sig);
    EVP_PKEY_CTX_free(ctx);
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

static enum cede_status key_sign(EC_KEY *key, const struct curve *curve, const uint8_t *hash,
                                 uint8_t *signature)
{
    ECDSA_SIG *sig = ECDSA_do_sign(hash, curve->hash_len, key);
    bool ok = write_signature(sig, curve->len, signature);

    ECDSA_SIG_free(sig);
    return ok ? CEDE_OK : CEDE_CRYPTO_FAILED;
}

enum cede_status cede_openssl_nist_sign(const struct cede_private_key *key, const uint8_t *hash,
                                        uint8_t *signature)
{
    struct curve *curve = find_curve(key->curve);
    EC_KEY *kept = key->handle != NULL ? handle_key(key->handle) : NULL;
    enum cede_status status;

    if (curve == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    if (kept != NULL) {
        return key_sign(kept, curve, hash, signature);
    }
    if (key->handle != NULL) {
        return handle_sign(key->handle, curve, hash, signature);
    }
    status = set_private(curve, key->scalar);
    if (status == CEDE_OK) {
        status = key_sign(curve->key, curve, hash, signature);
    }
    forget_private(curve);
    return status;
}

/* r and s as they stand; ECDSA_do_verify checks that they lie in 1 .. n - 1. */
static ECDSA_SIG *read_signature(struct cede_span signature)
{
    int len = (int)signature.len / 2;
    BIGNUM *r = BN_bin2bn(signature.ptr, len, NULL);
    BIGNUM *s = BN_bin2bn(signature.ptr + len, len, NULL);
    ECDSA_SIG *sig = ECDSA_SIG_new();

    if (r == NULL || s == NULL || sig == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return NULL;
    }
    return sig;
}

enum cede_status cede_openssl_nist_verify(const struct cede_public_key *key, const uint8_t *hash,
                                          struct cede_span signature)
{
    struct curve *curve = find_curve(key->curve);
    enum cede_status status = CEDE_CRYPTO_FAILED;
    EC_POINT *point = NULL;
    ECDSA_SIG *sig;

    if (curve == NULL) {
        return CEDE_CRYPTO_FAILED;
    }
    CEDE_TRY(make_point(curve, key->point, &point));
    sig = read_signature(signature);
    if (sig != NULL && EC_KEY_set_public_key(curve->key, point) == 1) {
        status = ECDSA_do_verify(hash, curve->hash_len, sig, curve->key) == 1
                     ? CEDE_OK
                     : CEDE_CRYPTO_SIGNATURE;
    }
    ECDSA_SIG_free(sig);
    EC_POINT_free(point);
    return status;
}
