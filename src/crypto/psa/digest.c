/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - SHA-2 and HMAC through PSA. */
#include <string.h>

#include "crypto/psa/internal.h"

psa_algorithm_t cede_psa_hash_alg(int32_t alg)
{
    switch (alg) {
    case CEDE_ALG_SHA_512:
        return PSA_ALG_SHA_512;
    case CEDE_ALG_SHA_384:
        return PSA_ALG_SHA_384;
    default:
        return PSA_ALG_SHA_256;
    }
}

enum cede_status cede_psa_hash(void *context, int32_t alg, const struct cede_span *parts,
                               size_t parts_count, uint8_t *out)
{
    psa_hash_operation_t operation = PSA_HASH_OPERATION_INIT;
    size_t out_len = cede_hash_len(alg);
    uint8_t hash[CEDE_HASH_LEN_MAX];
    size_t hash_len;
    psa_status_t status;

    (void)context;
    if (out_len == 0) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    status = psa_crypto_init();
    if (status == PSA_SUCCESS) {
        status = psa_hash_setup(&operation, cede_psa_hash_alg(alg));
    }
    for (size_t i = 0; status == PSA_SUCCESS && i < parts_count; i++) {
        status = psa_hash_update(&operation, parts[i].ptr, parts[i].len);
    }
    if (status == PSA_SUCCESS) {
        status = psa_hash_finish(&operation, hash, sizeof hash, &hash_len);
    }
    if (status == PSA_SUCCESS) {
        memcpy(out, hash, out_len);
    } else {
        cede_wipe(out, out_len);
        (void)psa_hash_abort(&operation);
    }
    cede_wipe(hash, sizeof hash);
    return cede_psa_status(status, CEDE_CRYPTO_FAILED);
}

static psa_status_t mac(psa_key_id_t id, psa_algorithm_t alg, const struct cede_span *parts,
                        size_t parts_count, uint8_t *out)
{
    psa_mac_operation_t operation = PSA_MAC_OPERATION_INIT;
    psa_status_t status = psa_mac_sign_setup(&operation, id, alg);
    size_t len;

    for (size_t i = 0; status == PSA_SUCCESS && i < parts_count; i++) {
        status = psa_mac_update(&operation, parts[i].ptr, parts[i].len);
    }
    if (status == PSA_SUCCESS) {
        status = psa_mac_sign_finish(&operation, out, PSA_MAC_MAX_SIZE, &len);
    }
    if (status != PSA_SUCCESS) {
        (void)psa_mac_abort(&operation);
    }
    return status;
}

enum cede_status cede_psa_hmac(void *context, int32_t hash_alg, struct cede_span key,
                               const struct cede_span *parts, size_t parts_count, uint8_t *out)
{
    /* RFC 2104 pads a key with zeros, so an empty key is this one; PSA takes no empty key. */
    static const uint8_t zero_key[1] = {0};
    size_t out_len = cede_hash_len(hash_alg);
    psa_algorithm_t alg = PSA_ALG_HMAC(cede_psa_hash_alg(hash_alg));
    uint8_t full[PSA_MAC_MAX_SIZE];
    enum cede_status status;
    psa_key_id_t id;

    (void)context;
    if (out_len < CEDE_SHA256_LEN) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    if (key.len == 0) {
        key = CEDE_SPAN_ARRAY(zero_key);
    }
    status = cede_psa_import(PSA_KEY_TYPE_HMAC, PSA_KEY_USAGE_SIGN_MESSAGE, alg, key, &id);
    if (status == CEDE_OK) {
        status = cede_psa_status(mac(id, alg, parts, parts_count, full), CEDE_CRYPTO_FAILED);
        (void)psa_destroy_key(id);
    }
    if (status == CEDE_OK) {
        memcpy(out, full, out_len);
    } else {
        cede_wipe(out, out_len);
    }
    cede_wipe(full, sizeof full);
    return status;
}
