/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.h - the crypto port: the few operations cede needs, in its own terms.
 *
 * Place: below the protocols; the only door to cryptography and randomness. Back ends fill in one
 *      const struct cede_crypto: cede_crypto_openssl() on servers and simulators, cede_crypto_psa()
 *      on devices (any PSA Crypto implementation; Mbed TLS here).
 * Names: algorithms and curves are COSE numbers (RFC 9053, IANA COSE registries).
 * Keys: P-256, P-384 and P-521 private keys are big-endian scalars, Ed25519 keys are seeds, X25519
 *      keys RFC 7748 scalars. Public keys are x || y for the NIST curves, 32 bytes for the others.
 *      On EDHOC's wire a NIST point is x alone: cede_crypto.decompress finds y.
 * Memory: nothing is kept, but AEAD keys by back ends with aead_forget; every secret a back end
 *      copies it wipes. Outputs are empty on failure.
 * Errors: unauthentic for a signature or tag that does not verify, invalid for a key that is no
 *      key, back end otherwise; CEDE_CRYPTO_UNSUPPORTED for an algorithm the back end lacks.
 */
#ifndef CEDE_CRYPTO_H
#define CEDE_CRYPTO_H

#include "cede/bytes.h"

/* COSE algorithms. ES256 (-7) is accepted as ESP256 (-9, RFC 9864) everywhere, ES384 as ESP384 and
 * ES512 as ESP512: each goes with one curve. */
#define CEDE_ALG_ES256              (-7)
#define CEDE_ALG_EDDSA              (-8)
#define CEDE_ALG_ESP256             (-9)
#define CEDE_ALG_ED25519            (-19)
#define CEDE_ALG_ES384              (-35)
#define CEDE_ALG_ES512              (-36)
#define CEDE_ALG_ESP384             (-51)
#define CEDE_ALG_ED448              (-53)
#define CEDE_ALG_ESP512             (-52)
#define CEDE_ALG_SHA_256            (-16)
#define CEDE_ALG_SHA_256_64         (-15) /* truncated to 8 bytes: thumbprints */
#define CEDE_ALG_SHA_384            (-43)
#define CEDE_ALG_SHA_512            (-44)
#define CEDE_ALG_SHAKE256           (-45) /* 64 bytes; for EDHOC's suite 25 alone */
#define CEDE_ALG_HMAC_256_64        4
#define CEDE_ALG_HMAC_256           5
#define CEDE_ALG_HMAC_384           6
#define CEDE_ALG_HMAC_512           7
#define CEDE_ALG_A128GCM            1
#define CEDE_ALG_A192GCM            2
#define CEDE_ALG_A256GCM            3
#define CEDE_ALG_AES_CCM_16_64_128  10 /* tag 8, nonce 13, key 16 */
#define CEDE_ALG_AES_CCM_16_64_256  11
#define CEDE_ALG_AES_CCM_64_64_128  12 /* nonce 7 */
#define CEDE_ALG_AES_CCM_64_64_256  13
#define CEDE_ALG_CHACHA20_POLY1305  24
#define CEDE_ALG_AES_CCM_16_128_128 30 /* tag 16, nonce 13, key 16 */
#define CEDE_ALG_AES_CCM_16_128_256 31
#define CEDE_ALG_AES_CCM_64_128_128 32
#define CEDE_ALG_AES_CCM_64_128_256 33

/* COSE elliptic curves. */
#define CEDE_CRV_P256    1
#define CEDE_CRV_P384    2
#define CEDE_CRV_P521    3
#define CEDE_CRV_X25519  4
#define CEDE_CRV_X448    5
#define CEDE_CRV_ED25519 6
#define CEDE_CRV_ED448   7

#define CEDE_SHA256_LEN          32
#define CEDE_HASH_LEN_MAX        64
#define CEDE_PRIVATE_KEY_LEN_MAX 66
#define CEDE_PUBLIC_KEY_LEN_MAX  132
#define CEDE_SIGNATURE_LEN_MAX   132
#define CEDE_ECDH_LEN_MAX        66
#define CEDE_AEAD_KEY_LEN_MAX    32
#define CEDE_AEAD_NONCE_LEN_MAX  13
#define CEDE_AEAD_TAG_LEN_MAX    16

/* A private key as the port takes it: raw bytes, or a handle that only the back end understands
 * (a kept EVP_PKEY, a PSA key id, an HSM object). `handle` wins when it is not null. */
struct cede_private_key {
    int32_t curve;
    struct cede_span scalar;
    void *handle;
};

/* A public key in the port's form (see Keys above). */
struct cede_public_key {
    int32_t curve;
    struct cede_span point;
};

struct cede_crypto {
    const char *name; /* "openssl", "psa" */
    void *context;    /* passed to every function; may be null */

    /* Fills `out` with random bytes. CEDE_CRYPTO_RANDOM: none to be had. */
    enum cede_status (*random)(void *context, struct cede_buf out);

    /* Hash of the concatenation of `parts`; `out` has room for the whole hash (32, 48 or
     * 64 bytes; alg -15 writes 8). */
    enum cede_status (*hash)(void *context, int32_t alg, const struct cede_span *parts,
                             size_t parts_count, uint8_t *out);

    /* HMAC with hash_alg over the concatenation of `parts`, untruncated. */
    enum cede_status (*hmac)(void *context, int32_t hash_alg, struct cede_span key,
                             const struct cede_span *parts, size_t parts_count, uint8_t *out);

    /* AEAD: `out` gets ciphertext || tag. `out` may start at plaintext.ptr (in place); otherwise
     * the two do not overlap. CEDE_NO_SPACE: out is smaller than plaintext plus tag. */
    enum cede_status (*aead_seal)(void *context, int32_t alg, struct cede_span key,
                                  struct cede_span nonce, struct cede_span aad,
                                  struct cede_span plaintext, struct cede_buf out,
                                  struct cede_span *ciphertext);
    /* CEDE_CRYPTO_TAG: forged, or shorter than a tag; out holds nothing then. CEDE_NO_SPACE: out is
     * smaller than the plaintext. In place as above. */
    enum cede_status (*aead_open)(void *context, int32_t alg, struct cede_span key,
                                  struct cede_span nonce, struct cede_span aad,
                                  struct cede_span ciphertext, struct cede_buf out,
                                  struct cede_span *plaintext);
    /* Ends the use of an AEAD key: what the back end keeps of it is wiped. Null where a back end
     * keeps nothing between two operations. */
    void (*aead_forget)(void *context, struct cede_span key);

    /* A fresh key pair; `private_key` and `public_key` have the curve's lengths. */
    enum cede_status (*generate)(void *context, int32_t curve, uint8_t *private_key,
                                 uint8_t *public_key);
    /* The public key that belongs to a private key. */
    enum cede_status (*public_from_private)(void *context, const struct cede_private_key *key,
                                            uint8_t *public_key);
    /* The shared secret: the x-coordinate or the X25519 output. CEDE_CRYPTO_KEY: not on the curve.
     * CEDE_CRYPTO_LOW_ORDER: all zero. The secret is not uniform: derive keys from it. */
    enum cede_status (*ecdh)(void *context, const struct cede_private_key *key,
                             struct cede_span peer_public_key, uint8_t *secret);
    /* y from x on a NIST curve; `y_odd` picks which of the two. public_key gets x || y. */
    enum cede_status (*decompress)(void *context, int32_t curve, struct cede_span x, bool y_odd,
                                   uint8_t *public_key);

    /* Signs the concatenation of `parts`: r || s for ECDSA, the RFC 8032 form for Ed25519.
     * `signature` has room for CEDE_SIGNATURE_LEN_MAX. The hash follows from `alg`. */
    enum cede_status (*sign)(void *context, int32_t alg, const struct cede_private_key *key,
                             const struct cede_span *parts, size_t parts_count, uint8_t *signature,
                             size_t *signature_len);
    /* Lengths are the back end's to check. CEDE_CRYPTO_KEY: a point of another length than the
     * curve's. CEDE_CRYPTO_SIGNATURE: does not verify, one of another length among them. */
    enum cede_status (*verify)(void *context, int32_t alg, const struct cede_public_key *key,
                               const struct cede_span *parts, size_t parts_count,
                               struct cede_span signature);

    /* KMAC256 (NIST SP 800-185) with an empty customization string over the parts, as long as
     * `out` and XORed to what it holds. Null in a back end that lacks it. */
    enum cede_status (*kmac)(void *context, struct cede_span key, const struct cede_span *parts,
                             size_t parts_count, struct cede_buf out);
};

const struct cede_crypto *cede_crypto_openssl(void);
const struct cede_crypto *cede_crypto_psa(void);

/* --- facts about algorithms: const tables, no back end needed ----------------------------------
 */

/* Zero for an unknown algorithm or curve. */
size_t cede_hash_len(int32_t alg);
size_t cede_aead_key_len(int32_t alg);
size_t cede_aead_nonce_len(int32_t alg);
size_t cede_aead_tag_len(int32_t alg);
struct cede_aead_lens {
    int8_t alg;
    uint8_t key, nonce, tag;
};
const struct cede_aead_lens *cede_aead_lens(int32_t alg); /* all at once, never null */
size_t cede_curve_private_len(int32_t curve);
size_t cede_curve_public_len(int32_t curve); /* x || y for NIST curves */
size_t cede_signature_len(int32_t alg);
/* The curve a signature algorithm goes with here (ES256 means P-256); 0 when none. */
int32_t cede_signature_curve(int32_t alg);

/* --- built on the port --------------------------------------------------------------------------
 */

/* HKDF (RFC 5869) over hash_alg. `prk` has the hash's length. */
CEDE_MUST_USE enum cede_status cede_hkdf_extract(const struct cede_crypto *crypto, int32_t hash_alg,
                                                 struct cede_span salt, struct cede_span ikm,
                                                 uint8_t *prk);
/* CEDE_BAD_ARGUMENT: more than 255 hashes long. */
CEDE_MUST_USE enum cede_status cede_hkdf_expand(const struct cede_crypto *crypto, int32_t hash_alg,
                                                struct cede_span prk, struct cede_span info,
                                                struct cede_buf out);
/* One hash over one span. */
CEDE_MUST_USE enum cede_status cede_hash(const struct cede_crypto *crypto, int32_t alg,
                                         struct cede_span in, uint8_t *out);

#endif
