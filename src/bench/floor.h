/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor.h - the primitives as fast as OpenSSL makes them: keys, points and contexts kept, nothing
 *           encoded or decoded, no layer in between that can be left out.
 *
 * P-256 operations use EC_KEY and SHA-256 its own functions: with OpenSSL 3.0 these older
 * interfaces are faster than EVP, so the floor is the lower for it.
 */
#ifndef CEDE_BENCH_FLOOR_H
#define CEDE_BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

/* Makes what the P-256 operations need; may be called again. */
bool floor_p256_prepare(void);
bool floor_p256_generate(void);
bool floor_p256_ecdh(void);
bool floor_p256_sign(void);
bool floor_p256_verify(void);
/* A public key from x and y, checked to be on the curve. */
bool floor_p256_take(void);

/* AES-CCM-16-64-128 over texts of these lengths, with the key set once. */
bool floor_ccm_prepare(size_t aad_len, size_t text_len);
bool floor_ccm_seal(void);
bool floor_ccm_open(void);

bool floor_sha256_prepare(size_t text_len);
bool floor_sha256(void);

#endif
