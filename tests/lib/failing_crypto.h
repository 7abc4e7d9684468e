/* SPDX-License-Identifier: Apache-2.0 */
/* failing_crypto.h - a crypto port that does what another one does, until a chosen call fails. */
#ifndef CEDE_TESTS_LIB_FAILING_CRYPTO_H
#define CEDE_TESTS_LIB_FAILING_CRYPTO_H

#include "cede/crypto.h"

struct failing_crypto {
    struct cede_crypto port; /* what the code under test gets */
    const struct cede_crypto *real;
    unsigned calls;   /* so far; aead_forget is not counted, it cannot fail */
    unsigned fail_at; /* the number of the call that fails, 0: none */
};

/* True when this call is to be made. */
static inline bool crypto_works(struct failing_crypto *failing)
{
    return ++failing->calls != failing->fail_at;
}

static inline enum cede_status may_random(void *context, struct cede_buf out)
{
    struct failing_crypto *f = context;

    return crypto_works(f) ? f->real->random(f->real->context, out) : CEDE_CRYPTO_RANDOM;
}

static inline enum cede_status may_hash(void *context, int32_t alg, const struct cede_span *parts,
                                        size_t parts_count, uint8_t *out)
{
    struct failing_crypto *f = context;

    return crypto_works(f) ? f->real->hash(f->real->context, alg, parts, parts_count, out)
                           : CEDE_CRYPTO_FAILED;
}

static inline enum cede_status may_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                        const struct cede_span *parts, size_t parts_count,
                                        uint8_t *out)
{
    struct failing_crypto *f = context;

    return crypto_works(f) ? f->real->hmac(f->real->context, hash_alg, key, parts, parts_count, out)
                           : CEDE_CRYPTO_FAILED;
}

static inline enum cede_status may_seal(void *context, int32_t alg, struct cede_span key,
                                        struct cede_span nonce, struct cede_span aad,
                                        struct cede_span plaintext, struct cede_buf out,
                                        struct cede_span *ciphertext)
{
    struct failing_crypto *f = context;

    *ciphertext = CEDE_SPAN_NULL;
    return crypto_works(f) ? f->real->aead_seal(f->real->context, alg, key, nonce, aad, plaintext,
                                                out, ciphertext)
                           : CEDE_CRYPTO_FAILED;
}

static inline enum cede_status may_open(void *context, int32_t alg, struct cede_span key,
                                        struct cede_span nonce, struct cede_span aad,
                                        struct cede_span ciphertext, struct cede_buf out,
                                        struct cede_span *plaintext)
{
    struct failing_crypto *f = context;

    *plaintext = CEDE_SPAN_NULL;
    return crypto_works(f) ? f->real->aead_open(f->real->context, alg, key, nonce, aad, ciphertext,
                                                out, plaintext)
                           : CEDE_CRYPTO_FAILED;
}

static inline void may_forget(void *context, struct cede_span key)
{
    struct failing_crypto *f = context;

    f->real->aead_forget(f->real->context, key);
}

static inline enum cede_status may_generate(void *context, int32_t curve, uint8_t *private_key,
                                            uint8_t *public_key)
{
    struct failing_crypto *f = context;

    return crypto_works(f) ? f->real->generate(f->real->context, curve, private_key, public_key)
                           : CEDE_CRYPTO_RANDOM;
}

static inline enum cede_status may_derive(void *context, const struct cede_private_key *key,
                                          uint8_t *public_key)
{
    struct failing_crypto *f = context;

    return crypto_works(f) ? f->real->public_from_private(f->real->context, key, public_key)
                           : CEDE_CRYPTO_FAILED;
}

static inline enum cede_status may_ecdh(void *context, const struct cede_private_key *key,
                                        struct cede_span peer_public_key, uint8_t *secret)
{
    struct failing_crypto *f = context;

    return crypto_works(f) ? f->real->ecdh(f->real->context, key, peer_public_key, secret)
                           : CEDE_CRYPTO_FAILED;
}

static inline enum cede_status may_decompress(void *context, int32_t curve, struct cede_span x,
                                              bool y_odd, uint8_t *public_key)
{
    struct failing_crypto *f = context;

    return crypto_works(f) ? f->real->decompress(f->real->context, curve, x, y_odd, public_key)
                           : CEDE_CRYPTO_FAILED;
}

static inline enum cede_status may_sign(void *context, int32_t alg,
                                        const struct cede_private_key *key,
                                        const struct cede_span *parts, size_t parts_count,
                                        uint8_t *signature, size_t *signature_len)
{
    struct failing_crypto *f = context;

    return crypto_works(f) ? f->real->sign(f->real->context, alg, key, parts, parts_count,
                                           signature, signature_len)
                           : CEDE_CRYPTO_FAILED;
}

static inline enum cede_status may_verify(void *context, int32_t alg,
                                          const struct cede_public_key *key,
                                          const struct cede_span *parts, size_t parts_count,
                                          struct cede_span signature)
{
    struct failing_crypto *f = context;

    return crypto_works(f)
               ? f->real->verify(f->real->context, alg, key, parts, parts_count, signature)
               : CEDE_CRYPTO_FAILED;
}

/* Once; from then on only `calls` and `fail_at` change. It must stay where it is. */
static inline const struct cede_crypto *failing_crypto(struct failing_crypto *f,
                                                       const struct cede_crypto *real)
{
    f->port = *real;
    f->real = real;
    f->calls = 0;
    f->fail_at = 0;
    f->port.context = f;
    f->port.random = may_random;
    f->port.hash = may_hash;
    f->port.hmac = may_hmac;
    f->port.aead_seal = may_seal;
    f->port.aead_open = may_open;
    f->port.aead_forget = real->aead_forget == NULL ? NULL : may_forget;
    f->port.generate = may_generate;
    f->port.public_from_private = may_derive;
    f->port.ecdh = may_ecdh;
    f->port.decompress = may_decompress;
    f->port.sign = may_sign;
    f->port.verify = may_verify;
    f->port.kmac = NULL; /* no caller of this one asks for it */
    return &f->port;
}

#endif
