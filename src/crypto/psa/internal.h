/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of the PSA Crypto back end share. */
#ifndef CEDE_PSA_INTERNAL_H
#define CEDE_PSA_INTERNAL_H

#include <psa/crypto.h>

#include "crypto/check.h"

/* psa.c */
/* The status for a PSA status; `refused` stands for an argument or a signature that PSA refuses. */
enum cede_status cede_psa_status(psa_status_t status, enum cede_status refused);
/* Imports a volatile key. The caller destroys *id. CEDE_CRYPTO_KEY: no key of that type. */
enum cede_status cede_psa_import(psa_key_type_t type, psa_key_usage_t usage, psa_algorithm_t alg,
                                 struct cede_span bytes, psa_key_id_t *id);

/* digest.c */
/* PSA's number of a hash that is known; SHA-256's also for its truncation. */
psa_algorithm_t cede_psa_hash_alg(int32_t alg);
enum cede_status cede_psa_hash(void *context, int32_t alg, const struct cede_span *parts,
                               size_t parts_count, uint8_t *out);
enum cede_status cede_psa_hmac(void *context, int32_t hash_alg, struct cede_span key,
                               const struct cede_span *parts, size_t parts_count, uint8_t *out);

/* aead.c */
enum cede_status cede_psa_seal(void *context, int32_t alg, struct cede_span key,
                               struct cede_span nonce, struct cede_span aad,
                               struct cede_span plaintext, struct cede_buf out,
                               struct cede_span *ciphertext);
enum cede_status cede_psa_open(void *context, int32_t alg, struct cede_span key,
                               struct cede_span nonce, struct cede_span aad,
                               struct cede_span ciphertext, struct cede_buf out,
                               struct cede_span *plaintext);

/* point.c: y from x, with Mbed TLS's big numbers, for PSA has no such operation. */
enum cede_status cede_psa_decompress(void *context, int32_t curve, struct cede_span x, bool y_odd,
                                     uint8_t *public_key);

/* keys.c */
enum cede_status cede_psa_generate(void *context, int32_t curve, uint8_t *private_key,
                                   uint8_t *public_key);
enum cede_status cede_psa_public(void *context, const struct cede_private_key *key,
                                 uint8_t *public_key);
enum cede_status cede_psa_ecdh(void *context, const struct cede_private_key *key,
                               struct cede_span peer_public_key, uint8_t *secret);
enum cede_status cede_psa_sign(void *context, int32_t alg, const struct cede_private_key *key,
                               const struct cede_span *parts, size_t parts_count,
                               uint8_t *signature, size_t *signature_len);
enum cede_status cede_psa_verify(void *context, int32_t alg, const struct cede_public_key *key,
                                 const struct cede_span *parts, size_t parts_count,
                                 struct cede_span signature);

#endif
