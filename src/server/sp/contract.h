/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract.h - the contract of a hand-over: JSON, carried in a JWS that both providers sign
 * (docs/protocol.md, "Contract"). A signed contract is never changed; a change is a new one.
 */
#ifndef CEDE_SP_CONTRACT_H
#define CEDE_SP_CONTRACT_H

#include "cede/crypto.h"
#include "server/common/identity.h"
#include "server/common/jws.h"

#define TRANSFER_ID_LEN 16
#define CONTRACT_MAX    4096 /* bytes of the JSON */

struct contract_party {
    char name[IDENTITY_NAME_MAX];
    uint8_t key[32]; /* thumbprint of the identity certificate */
};

struct contract {
    uint8_t transfer_id[TRANSFER_ID_LEN];
    struct contract_party from, to;
    int64_t device_count;
    uint8_t devices_digest[32]; /* SHA-256 over the factory thumbprints in ascending order */
    int64_t earliest, latest;   /* POSIX seconds: when devices may be told */
    int64_t created;
};

/* JSON text, the caller's to free; null when out of memory. */
char *contract_encode(const struct contract *contract);
/* Strict: every member with its type, no others. CEDE_CONTRACT_FORMAT; CEDE_CONTRACT_WINDOW. */
CEDE_MUST_USE enum cede_status contract_decode(struct cede_span json, struct contract *contract);

/* Signs the payload as this identity: `kid` is its thumbprint in hex. */
CEDE_MUST_USE enum cede_status contract_sign(const struct cede_crypto *crypto,
                                             const struct identity *identity, struct jws *jws);
/* CEDE_CONTRACT_SIGNATURE: `party` (whose certificate this is) has not signed, or the certificate
 * is not the one the contract names. */
CEDE_MUST_USE enum cede_status contract_verify(const struct cede_crypto *crypto,
                                               const struct jws *jws,
                                               const struct contract_party *party,
                                               struct cede_span certificate_der);

/* The digest over `thumbprints` (32 bytes each), which are sorted in place. */
CEDE_MUST_USE enum cede_status contract_devices_digest(const struct cede_crypto *crypto,
                                                       uint8_t (*thumbprints)[32], size_t count,
                                                       uint8_t digest[32]);

#endif
