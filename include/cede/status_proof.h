/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_proof.h - a short signed statement that a server's certificate is good, or revoked: what a
 *                  constrained device gets instead of a CRL or OCSP (docs/protocol.md,
 * StatusProof).
 *
 * Place: codec, beside the messages of a hand-over. A server keeps a proof about its own
 * certificate and hands it out in EAD_2 when a device asks for it in EAD_1; a device checks it.
 * Use: the issuer of the certificate calls cede_status_proof_sign() before the last proof ends; a
 *      device calls cede_status_proof_check() with the issuer's key, once the server is
 *      authenticated. Only the issuer's key counts, so nothing has to be delegated or chained.
 * What is signed: a Sig_structure (RFC 9052, section 4.4) whose external_aad holds a fixed text and
 *      the whole SHA-256 of the certificate. So no other signature of the issuer is a proof, and no
 *      proof is of two certificates, though only 8 bytes of the hash travel.
 * Memory: decoded structs hold spans into the input. Stack below 1 KB besides the crypto back
 * end's. Errors: malformed for bytes that are no proof; CEDE_STATUS_... for the rules, one for each
 * cause.
 */
#ifndef CEDE_STATUS_PROOF_H
#define CEDE_STATUS_PROOF_H

#include "cede/certificate.h"

/* EAD label: in EAD_1 "a status proof, please", in EAD_2 the proof. Not critical. In EAD_1 the
 * value is absent or ballast: bytes without meaning, so that the answer with the proof is not more
 * than three times as long as the question, which would cost the round trip of an Echo (RFC 9175).
 */
#define CEDE_EAD_STATUS_PROOF   60002
#define CEDE_STATUS_BALLAST_LEN 12

#define CEDE_STATUS_HASH_LEN 8
/* The longest one: array, hash, status, time, lifetime, signature. 85 bytes with P-256. */
#define CEDE_STATUS_PROOF_LEN_MAX (1 + 9 + 1 + 5 + 5 + 2 + CEDE_SIGNATURE_LEN_MAX)
/* A proof that outlives this is refused: for so long could it be replayed after a revocation. */
#define CEDE_STATUS_LIFETIME_MAX 604800u
/* How far two clocks may be apart. */
#define CEDE_STATUS_SKEW 300u
/* First bytes of external_aad, before the hash: what a signer asks for. */
#define CEDE_STATUS_CONTEXT "cede StatusProof"

struct cede_status_proof {
    uint8_t hash[CEDE_STATUS_HASH_LEN]; /* first bytes of SHA-256 over the certificate (c5t, x5t) */
    bool revoked;
    uint64_t this_update; /* POSIX seconds, below 2^32 */
    uint64_t lifetime;    /* seconds, 1 to CEDE_STATUS_LIFETIME_MAX */
    struct cede_span signature;
};

/* Signs a proof about `certificate` (raw, as in certificate.h) with the key of its issuer; the
 * algorithm follows from the key's curve. `proof` gives revoked, this_update and lifetime.
 * CEDE_BAD_ARGUMENT: a number out of range. CEDE_CERTIFICATE_ALGORITHM: no such key. */
CEDE_MUST_USE enum cede_status
cede_status_proof_sign(const struct cede_crypto *crypto, const struct cede_private_key *issuer,
                       struct cede_span certificate, const struct cede_status_proof *proof,
                       struct cede_buf out, struct cede_span *encoding);

/* CEDE_STATUS_VALUE: a number out of range; others by CBOR. */
CEDE_MUST_USE enum cede_status cede_status_proof_decode(struct cede_span encoding,
                                                        struct cede_status_proof *proof);

/* What the receiver knows of the time. */
struct cede_status_rules {
    bool has_clock;
    uint64_t now;   /* POSIX seconds, with a clock */
    uint64_t floor; /* POSIX seconds: it is at least so late, whoever has a clock or not */
};

/* Is this certificate good, says its issuer? In this order:
 *   malformed, CEDE_STATUS_VALUE   no proof
 *   CEDE_STATUS_OTHER              of another certificate
 *   CEDE_STATUS_SIGNATURE          not by that issuer
 *   CEDE_STATUS_REVOKED            it is revoked; age does not matter then
 *   CEDE_STATUS_NOT_YET            made in the future, by the clock
 *   CEDE_STATUS_STALE              too old, by the clock or by the floor
 * *proof (may be null) is what was proven, all zero on failure. */
CEDE_MUST_USE enum cede_status
cede_status_proof_check(const struct cede_crypto *crypto, const struct cede_public_key *issuer,
                        struct cede_span certificate, const struct cede_status_rules *rules,
                        struct cede_span encoding, struct cede_status_proof *proof);

#endif
