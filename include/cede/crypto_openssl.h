/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto_openssl.h - EVP_PKEY and the crypto port: what servers need beyond cede_crypto_openssl().
 *
 * Place: hosted code only. The `handle` of a struct cede_private_key is an EVP_PKEY here, so a key
 *      may be decoded once at start-up, or live in a provider that only signs.
 * Memory: the caller owns every EVP_PKEY; a cede_private_key made from one borrows it.
 * Threads: the back end keeps contexts per process: one thread at a time. A fork may follow or
 *      precede the first use.
 */
#ifndef CEDE_CRYPTO_OPENSSL_H
#define CEDE_CRYPTO_OPENSSL_H

#include <openssl/evp.h>

#include "cede/crypto.h"

/* cede_crypto_openssl(), but AEAD keys stay set up between operations, which saves most of the time
 * a short message takes: for OSCORE on servers. As many keys as CEDE_OPENSSL_KEYS in each direction
 * are kept; one more takes an earlier one's place. A key is wiped when its place is taken, by
 * aead_forget() (cede_oscore_close() calls it), and by cede_openssl_forget_all(). */
#define CEDE_OPENSSL_KEYS 256
const struct cede_crypto *cede_crypto_openssl_keeping(void);
void cede_openssl_forget_all(void);

/* Makes `key` borrow `pkey`. CEDE_CRYPTO_UNSUPPORTED: not one of the four curves. */
CEDE_MUST_USE enum cede_status cede_openssl_private_key(EVP_PKEY *pkey,
                                                        struct cede_private_key *key);
/* A private key, PEM (PKCS #8 or the older forms) without a pass phrase. The caller frees *pkey
 * with EVP_PKEY_free. CEDE_CRYPTO_KEY: no such key in the text. */
CEDE_MUST_USE enum cede_status cede_openssl_read_pem(struct cede_span pem, EVP_PKEY **pkey);
/* An EVP_PKEY from raw bytes, for TLS and for writing PEM. It costs a key decoding (a quarter of a
 * millisecond), so keep it. The caller frees *pkey. */
CEDE_MUST_USE enum cede_status cede_openssl_pkey(const struct cede_private_key *key,
                                                 EVP_PKEY **pkey);
/* The public key of any EVP_PKEY in the port's form; `public_key` has room for
 * CEDE_PUBLIC_KEY_LEN_MAX bytes and public->point lies in it. */
CEDE_MUST_USE enum cede_status cede_openssl_public_key(const EVP_PKEY *pkey, uint8_t *public_key,
                                                       struct cede_public_key *key);

#endif
