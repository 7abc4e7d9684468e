/* SPDX-License-Identifier: Apache-2.0 */
/*
 * algorithm.h - keys and signatures between certificates and the crypto port.
 *
 * Place: inside the certificate codecs.
 */
#ifndef CEDE_SRC_CODEC_X509_ALGORITHM_H
#define CEDE_SRC_CODEC_X509_ALGORITHM_H

#include "cede/x509.h"
#include "codec/x509/registry.h"

/* The contents of an encoded AlgorithmIdentifier; null when it is none. */
struct cede_span algorithm_contents(struct cede_span algorithm);
/* The curve of a key algorithm's number; 0 for one the port does not have. */
int32_t certificate_curve(int32_t value);
/* The curve of a key's AlgorithmIdentifier; 0 for one the port does not have. */
int32_t x509_curve(struct cede_span algorithm);
/* A public key from 04 x y, 02 x or 03 x, or the bytes of Ed25519 or X25519. */
enum cede_status point_decode(const struct cede_crypto *crypto, int32_t curve,
                              struct cede_span bytes, uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                              struct cede_public_key *key);
/* The two numbers of an ECDSA signature, without leading zeros. */
enum cede_status signature_pair(struct cede_span bits, struct cede_span *r, struct cede_span *s);
/* The BIT STRING of a signature of any registered algorithm. */
void put_signature_bits(struct cede_writer *writer, const struct algorithm_entry *entry,
                        struct cede_span signature);

/* Signs with the algorithm that goes with the key's curve. */
enum cede_status certificate_sign(const struct cede_crypto *crypto,
                                  const struct cede_private_key *key, struct cede_span tbs,
                                  uint8_t *signature, size_t *signature_len);
/* Verifies a raw signature; algorithm and key must fit. */
CEDE_INLINE enum cede_status certificate_verify(const struct cede_crypto *crypto,
                                                int32_t signature_alg,
                                                const struct cede_public_key *key,
                                                const struct cede_span *tbs,
                                                const struct cede_span *signature)
{
    int32_t curve = cede_signature_curve(signature_alg);

    if (curve == 0 || curve != key->curve) {
        return CEDE_CERTIFICATE_ALGORITHM;
    }
    return crypto->verify(crypto->context, signature_alg, key, tbs, 1, *signature);
}

#endif
