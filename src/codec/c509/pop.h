/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pop.h - proof of possession by MAC: what the requests of both formats share.
 *
 * Place: inside the certificate codecs.
 */
#ifndef CEDE_SRC_CODEC_C509_POP_H
#define CEDE_SRC_CODEC_C509_POP_H

#include "cede/c509.h"
#include "codec/x509/registry.h"

#define POP_MAC_LEN_MAX 64  /* SHA-512 */
#define NAME_LEN_MAX    256 /* of an issuer in a request that is written */

/* The registry's entry of a MAC with this hash; null for another hash. */
const struct algorithm_entry *pop_algorithm(int32_t hash_alg);

/* DhSigStatic: issuer and serial are null when the verifier's key came without a certificate. */
struct pop_proof {
    struct cede_span issuer; /* encoded Name, as the request's format has names */
    struct cede_span serial;
    struct cede_span mac;
};

/* Reads the item of a C509 request. */
enum cede_status pop_decode(struct cede_span item, struct pop_proof *proof);
/* Writes the item of a C509 request. */
void pop_put(struct cede_writer *writer, const struct pop_proof *proof);
/* Reads and writes the contents of a PKCS #10 signature BIT STRING. */
enum cede_status pop_decode_der(struct cede_span bits, struct pop_proof *proof);
void pop_put_der(struct cede_writer *writer, const struct pop_proof *proof);

/* MAC(K, text); `own` and `peer` are the two ends' keys. `mac` has the hash's length. */
enum cede_status pop_mac(const struct cede_crypto *crypto, const struct cede_pop_verifier *verifier,
                         const struct cede_private_key *own, struct cede_span peer,
                         struct cede_span text, uint8_t *mac);
/* Key, hash and verifier go together. */
enum cede_status pop_check_write(const struct cede_public_key *public_key,
                                 const struct cede_private_key *private_key,
                                 const struct cede_pop_verifier *verifier);
/* True when the encoded name is that of the issuer of the verifier's certificate. */
bool pop_is_issuer(const struct cede_pop_verifier *verifier, enum cede_name_form form,
                   struct cede_span issuer);
/* Compares a proof with the MAC that it ought to be; `issuer_matches` tells whether an issuer in
 * the proof is the verifier's. */
enum cede_status pop_check(const struct pop_proof *proof, const struct cede_pop_verifier *verifier,
                           bool issuer_matches, const uint8_t *mac);

#endif
