/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of the OpenSSL back end share. */
#ifndef CEDE_OPENSSL_INTERNAL_H
#define CEDE_OPENSSL_INTERNAL_H

#include <openssl/evp.h>

#include "cede/crypto_openssl.h"
#include "crypto/check.h"

/* digest.c */
enum cede_status cede_openssl_hash(void *context, int32_t alg, const struct cede_span *parts,
                                   size_t parts_count, uint8_t *out);
enum cede_status cede_openssl_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                   const struct cede_span *parts, size_t parts_count, uint8_t *out);

/* kmac.c */
enum cede_status cede_openssl_shake256(const struct cede_span *parts, size_t parts_count,
                                       uint8_t *out);
enum cede_status cede_openssl_kmac(void *context, struct cede_span key,
                                   const struct cede_span *parts, size_t parts_count,
                                   struct cede_buf out);

/* aead.c */
enum cede_status cede_openssl_seal(void *context, int32_t alg, struct cede_span key,
                                   struct cede_span nonce, struct cede_span aad,
                                   struct cede_span plaintext, struct cede_buf out,
                                   struct cede_span *ciphertext);
enum cede_status cede_openssl_open(void *context, int32_t alg, struct cede_span key,
                                   struct cede_span nonce, struct cede_span aad,
                                   struct cede_span ciphertext, struct cede_buf out,
                                   struct cede_span *plaintext);

/* nist.c: P-256 and P-384. Lengths of keys have been checked. */
enum cede_status cede_openssl_nist_generate(int32_t curve, uint8_t *private_key,
                                            uint8_t *public_key);
enum cede_status cede_openssl_nist_public(const struct cede_private_key *key, uint8_t *public_key);
enum cede_status cede_openssl_nist_ecdh(const struct cede_private_key *key, struct cede_span peer,
                                        uint8_t *secret);
enum cede_status cede_openssl_nist_decompress(int32_t curve, struct cede_span x, bool y_odd,
                                              uint8_t *public_key);
/* The same on P-256 alone. CEDE_CRYPTO_UNSUPPORTED: not on this machine. */
enum cede_status cede_openssl_p256_decompress(struct cede_span x, bool y_odd, uint8_t *public_key);
/* Both take the hash; its length is that of the curve's coordinates. */
enum cede_status cede_openssl_nist_sign(const struct cede_private_key *key, const uint8_t *hash,
                                        uint8_t *signature);
enum cede_status cede_openssl_nist_verify(const struct cede_public_key *key, const uint8_t *hash,
                                          struct cede_span signature);

/* edwards.c: X25519, X448, Ed25519 and Ed448. Lengths of keys have been checked. */
int cede_openssl_raw_type(int32_t curve);    /* of an EVP_PKEY */
bool cede_openssl_is_edwards(int32_t curve); /* for signatures */
enum cede_status cede_openssl_raw_public(const struct cede_private_key *key, uint8_t *public_key);
enum cede_status cede_openssl_raw_ecdh(const struct cede_private_key *key, struct cede_span peer,
                                       uint8_t *secret);
enum cede_status cede_openssl_eddsa_sign(const struct cede_private_key *key,
                                         const struct cede_span *parts, size_t parts_count,
                                         uint8_t *signature);
enum cede_status cede_openssl_eddsa_verify(const struct cede_public_key *key,
                                           const struct cede_span *parts, size_t parts_count,
                                           struct cede_span signature);

#endif
