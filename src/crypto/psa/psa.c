/* SPDX-License-Identifier: Apache-2.0 */
/*
 * psa.c - the crypto port over the PSA Crypto API: statuses, imports, randomness and the table.
 *
 * Each operation imports its key as a volatile one and destroys it, which wipes it. A `handle`
 * points to a psa_key_id_t instead: a key that may never leave its store. Its policy must allow
 * what is asked of it. psa_crypto_init() returns at once after the first time, so every door calls
 * it and no state is needed here. The random generator does not notice a fork: fork before use.
 */
#include "crypto/psa/internal.h"

enum cede_status cede_psa_status(psa_status_t status, enum cede_status refused)
{
    switch (status) {
    case PSA_SUCCESS:
        return CEDE_OK;
    case PSA_ERROR_INVALID_ARGUMENT:
    case PSA_ERROR_INVALID_SIGNATURE:
        return refused;
    case PSA_ERROR_NOT_SUPPORTED:
        return CEDE_CRYPTO_UNSUPPORTED;
    case PSA_ERROR_INSUFFICIENT_ENTROPY:
        return CEDE_CRYPTO_RANDOM;
    default:
        return CEDE_CRYPTO_FAILED;
    }
}

enum cede_status cede_psa_import(psa_key_type_t type, psa_key_usage_t usage, psa_algorithm_t alg,
                                 struct cede_span bytes, psa_key_id_t *id)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;

    *id = PSA_KEY_ID_NULL;
    if (psa_crypto_init() != PSA_SUCCESS) {
        return CEDE_CRYPTO_FAILED;
    }
    psa_set_key_type(&attributes, type);
    psa_set_key_usage_flags(&attributes, usage);
    psa_set_key_algorithm(&attributes, alg);
    return cede_psa_status(psa_import_key(&attributes, bytes.ptr, bytes.len, id), CEDE_CRYPTO_KEY);
}

static enum cede_status psa_random(void *context, struct cede_buf out)
{
    (void)context;
    if (psa_crypto_init() != PSA_SUCCESS || psa_generate_random(out.ptr, out.cap) != PSA_SUCCESS) {
        cede_wipe(out.ptr, out.cap);
        return CEDE_CRYPTO_RANDOM;
    }
    return CEDE_OK;
}

const struct cede_crypto *cede_crypto_psa(void)
{
    static const struct cede_crypto crypto = {
        .name = "psa",
        .context = NULL,
        .random = psa_random,
        .hash = cede_psa_hash,
        .hmac = cede_psa_hmac,
        .aead_seal = cede_psa_seal,
        .aead_open = cede_psa_open,
        .generate = cede_psa_generate,
        .public_from_private = cede_psa_public,
        .ecdh = cede_psa_ecdh,
        .decompress = cede_psa_decompress,
        .sign = cede_psa_sign,
        .verify = cede_psa_verify,
    };
    return &crypto;
}
