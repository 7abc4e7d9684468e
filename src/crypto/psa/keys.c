/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - key pairs, ECDH and ECDSA through PSA. Mbed TLS 2.28 has no Ed25519. */
#include <string.h>

#include "crypto/psa/internal.h"

/* PSA's public keys of NIST curves carry SEC 1's first byte: 4, uncompressed. */
#define UNCOMPRESSED 0x04
#define ENCODED_MAX  (1 + CEDE_PUBLIC_KEY_LEN_MAX)

static psa_ecc_family_t family_of(int32_t curve)
{
    return cede_is_nist_curve(curve) ? PSA_ECC_FAMILY_SECP_R1 : PSA_ECC_FAMILY_MONTGOMERY;
}

static size_t bits_of(int32_t curve)
{
    return curve == CEDE_CRV_X25519 ? 255
           : curve == CEDE_CRV_P521 ? 521
                                    : 8 * cede_curve_private_len(curve);
}

static bool supported(int32_t curve)
{
    return cede_is_nist_curve(curve) || curve == CEDE_CRV_X25519;
}

static struct cede_span encode_public(int32_t curve, struct cede_span point,
                                      uint8_t encoded[ENCODED_MAX])
{
    if (!cede_is_nist_curve(curve)) {
        return point;
    }
    encoded[0] = UNCOMPRESSED;
    memcpy(encoded + 1, point.ptr, point.len);
    return cede_span(encoded, 1 + point.len);
}

static enum cede_status export_public(psa_key_id_t id, int32_t curve, uint8_t *public_key)
{
    uint8_t encoded[ENCODED_MAX];
    size_t head = cede_is_nist_curve(curve) ? 1 : 0;
    size_t len = 0;
    psa_status_t status = psa_export_public_key(id, encoded, sizeof encoded, &len);

    if (status != PSA_SUCCESS || len != head + cede_curve_public_len(curve)) {
        return status != PSA_SUCCESS ? cede_psa_status(status, CEDE_CRYPTO_KEY) : CEDE_CRYPTO_KEY;
    }
    memcpy(public_key, encoded + head, len - head);
    return CEDE_OK;
}

/* The PSA key for a private key: that of the handle, or an import to be closed. */
static enum cede_status open_private(const struct cede_private_key *key, psa_key_usage_t usage,
                                     psa_algorithm_t alg, psa_key_id_t *id)
{
    *id = PSA_KEY_ID_NULL;
    if (!supported(key->curve)) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    CEDE_TRY(cede_check_private_key(key));
    if (key->handle != NULL) {
        *id = *(const psa_key_id_t *)key->handle;
        return CEDE_OK;
    }
    return cede_psa_import(PSA_KEY_TYPE_ECC_KEY_PAIR(family_of(key->curve)), usage, alg,
                           key->scalar, id);
}

static void close_private(const struct cede_private_key *key, psa_key_id_t id)
{
    if (key->handle == NULL) {
        (void)psa_destroy_key(id);
    }
}

static enum cede_status generate(int32_t curve, uint8_t *private_key, uint8_t *public_key)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id = PSA_KEY_ID_NULL;
    size_t private_len = cede_curve_private_len(curve);
    enum cede_status status;
    size_t len = 0;

    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(family_of(curve)));
    psa_set_key_bits(&attributes, bits_of(curve));
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT);
    CEDE_TRY(cede_psa_status(psa_crypto_init(), CEDE_CRYPTO_FAILED));
    CEDE_TRY(cede_psa_status(psa_generate_key(&attributes, &id), CEDE_CRYPTO_FAILED));
    status =
        cede_psa_status(psa_export_key(id, private_key, private_len, &len), CEDE_CRYPTO_FAILED);
    if (status == CEDE_OK) {
        status = len == private_len ? export_public(id, curve, public_key) : CEDE_CRYPTO_FAILED;
    }
    (void)psa_destroy_key(id);
    return status;
}

enum cede_status cede_psa_generate(void *context, int32_t curve, uint8_t *private_key,
                                   uint8_t *public_key)
{
    enum cede_status status = CEDE_CRYPTO_UNSUPPORTED;

    (void)context;
    if (supported(curve)) {
        status = generate(curve, private_key, public_key);
    }
    if (status != CEDE_OK) {
        cede_wipe(private_key, cede_curve_private_len(curve));
        cede_wipe(public_key, cede_curve_public_len(curve));
    }
    return status;
}

enum cede_status cede_psa_public(void *context, const struct cede_private_key *key,
                                 uint8_t *public_key)
{
    psa_key_id_t id;
    enum cede_status status = open_private(key, 0, PSA_ALG_NONE, &id);

    (void)context;
    if (status == CEDE_OK) {
        status = export_public(id, key->curve, public_key);
        close_private(key, id);
    }
    if (status != CEDE_OK) {
        cede_wipe(public_key, cede_curve_public_len(key->curve));
    }
    return status;
}

/* X25519 has no points to refuse but those that make the secret zero (RFC 7748, section 6.1);
 * Mbed TLS refuses them itself, and the check here does not depend on it. */
static enum cede_status agree(psa_key_id_t id, int32_t curve, struct cede_span peer,
                              uint8_t *secret)
{
    static const uint8_t zeros[32];
    uint8_t encoded[ENCODED_MAX];
    struct cede_span point = encode_public(curve, peer, encoded);
    bool is_nist = cede_is_nist_curve(curve);
    size_t secret_len = cede_curve_private_len(curve);
    size_t len = 0;

    CEDE_TRY(cede_psa_status(
        psa_raw_key_agreement(PSA_ALG_ECDH, id, point.ptr, point.len, secret, secret_len, &len),
        is_nist ? CEDE_CRYPTO_KEY : CEDE_CRYPTO_LOW_ORDER));
    if (len != secret_len) {
        return CEDE_CRYPTO_FAILED;
    }
    if (!is_nist && cede_equal_constant_time(secret, zeros, sizeof zeros)) {
        return CEDE_CRYPTO_LOW_ORDER;
    }
    return CEDE_OK;
}

enum cede_status cede_psa_ecdh(void *context, const struct cede_private_key *key,
                               struct cede_span peer_public_key, uint8_t *secret)
{
    struct cede_public_key peer = {key->curve, peer_public_key};
    psa_key_id_t id;
    enum cede_status status = open_private(key, PSA_KEY_USAGE_DERIVE, PSA_ALG_ECDH, &id);

    (void)context;
    if (status == CEDE_OK) {
        status = cede_check_public_key(&peer);
        if (status == CEDE_OK) {
            status = agree(id, key->curve, peer_public_key, secret);
        }
        close_private(key, id);
    }
    if (status != CEDE_OK) {
        cede_wipe(secret, cede_curve_private_len(key->curve));
    }
    return status;
}

/* Deterministic ECDSA (RFC 6979) for keys that come as bytes: a device's randomness may be weak.
 * A key in the store has its own policy, which says which of the two variants it is for. */
static psa_algorithm_t signing_alg(const struct cede_private_key *key, int32_t alg)
{
    psa_algorithm_t hash = cede_psa_hash_alg(cede_signature_hash(alg));
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_algorithm_t allowed = PSA_ALG_NONE;

    if (key->handle != NULL &&
        psa_get_key_attributes(*(const psa_key_id_t *)key->handle, &attributes) == PSA_SUCCESS) {
        allowed = psa_get_key_algorithm(&attributes);
        psa_reset_key_attributes(&attributes);
    }
    return PSA_ALG_IS_RANDOMIZED_ECDSA(allowed) ? PSA_ALG_ECDSA(hash)
                                                : PSA_ALG_DETERMINISTIC_ECDSA(hash);
}

static enum cede_status sign(int32_t alg, const struct cede_private_key *key, const uint8_t *hash,
                             uint8_t *signature, size_t *signature_len)
{
    psa_algorithm_t psa_alg = signing_alg(key, alg);
    size_t hash_len = cede_hash_len(cede_signature_hash(alg));
    enum cede_status status;
    psa_key_id_t id;

    CEDE_TRY(open_private(key, PSA_KEY_USAGE_SIGN_HASH, psa_alg, &id));
    status = cede_psa_status(psa_sign_hash(id, psa_alg, hash, hash_len, signature,
                                           CEDE_SIGNATURE_LEN_MAX, signature_len),
                             CEDE_CRYPTO_KEY);
    close_private(key, id);
    if (status == CEDE_OK && *signature_len != cede_signature_len(alg)) {
        status = CEDE_CRYPTO_KEY; /* a handle to a key of another curve */
    }
    return status;
}

enum cede_status cede_psa_sign(void *context, int32_t alg, const struct cede_private_key *key,
                               const struct cede_span *parts, size_t parts_count,
                               uint8_t *signature, size_t *signature_len)
{
    uint8_t hash[CEDE_HASH_LEN_MAX];
    enum cede_status status = cede_check_signature_alg(alg, key->curve);

    *signature_len = 0;
    if (status == CEDE_OK && cede_signature_hash(alg) == 0) {
        status = CEDE_CRYPTO_UNSUPPORTED;
    }
    if (status == CEDE_OK) {
        status = cede_psa_hash(context, cede_signature_hash(alg), parts, parts_count, hash);
    }
    if (status == CEDE_OK) {
        status = sign(alg, key, hash, signature, signature_len);
    }
    if (status != CEDE_OK) {
        *signature_len = 0;
        cede_wipe(signature, CEDE_SIGNATURE_LEN_MAX);
    }
    return status;
}

enum cede_status cede_psa_verify(void *context, int32_t alg, const struct cede_public_key *key,
                                 const struct cede_span *parts, size_t parts_count,
                                 struct cede_span signature)
{
    uint8_t hash[CEDE_HASH_LEN_MAX];
    uint8_t encoded[ENCODED_MAX];
    psa_algorithm_t psa_alg = PSA_ALG_ECDSA(cede_psa_hash_alg(cede_signature_hash(alg)));
    psa_key_type_t type = PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1);
    enum cede_status status;
    psa_key_id_t id;

    CEDE_TRY(cede_check_signature_alg(alg, key->curve));
    if (cede_signature_hash(alg) == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    CEDE_TRY(cede_check_public_key(key));
    if (signature.len != cede_signature_len(alg)) {
        return CEDE_CRYPTO_SIGNATURE;
    }
    CEDE_TRY(cede_psa_hash(context, cede_signature_hash(alg), parts, parts_count, hash));
    CEDE_TRY(cede_psa_import(type, PSA_KEY_USAGE_VERIFY_HASH, psa_alg,
                             encode_public(key->curve, key->point, encoded), &id));
    status =
        cede_psa_status(psa_verify_hash(id, psa_alg, hash, cede_hash_len(cede_signature_hash(alg)),
                                        signature.ptr, signature.len),
                        CEDE_CRYPTO_SIGNATURE);
    (void)psa_destroy_key(id);
    return status;
}
