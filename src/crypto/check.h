/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - the checks on arguments that every crypto back end makes, so that all refuse alike. */
#ifndef CEDE_CRYPTO_CHECK_H
#define CEDE_CRYPTO_CHECK_H

#include "cede/crypto.h"

/* CEDE_CRYPTO_UNSUPPORTED for an unknown algorithm; CEDE_BAD_ARGUMENT for a key or nonce of the
 * wrong length, a text too long for the nonce (CCM) or, if `out_cap` is too small, CEDE_NO_SPACE.
 */
CEDE_MUST_USE enum cede_status cede_check_seal(int32_t alg, struct cede_span key,
                                               struct cede_span nonce, size_t plaintext_len,
                                               size_t out_cap);
/* The same for opening; CEDE_CRYPTO_TAG when the ciphertext is too short to hold a tag. */
CEDE_MUST_USE enum cede_status cede_check_open(int32_t alg, struct cede_span key,
                                               struct cede_span nonce, size_t ciphertext_len,
                                               size_t out_cap);
/* CEDE_CRYPTO_UNSUPPORTED for an unknown curve; CEDE_CRYPTO_KEY for a scalar of the wrong length.
 * A key with a handle has no scalar to check. */
CEDE_MUST_USE enum cede_status cede_check_private_key(const struct cede_private_key *key);
CEDE_MUST_USE enum cede_status cede_check_public_key(const struct cede_public_key *key);
/* CEDE_CRYPTO_UNSUPPORTED for an unknown algorithm, CEDE_CRYPTO_KEY for another's curve. */
CEDE_MUST_USE enum cede_status cede_check_signature_alg(int32_t alg, int32_t curve);

/* The hash an ECDSA algorithm signs; 0 for EdDSA, which takes the message itself. */
int32_t cede_signature_hash(int32_t alg);
bool cede_is_ccm(int32_t alg);
/* P-256 or P-384. */
bool cede_is_nist_curve(int32_t curve);

#endif
