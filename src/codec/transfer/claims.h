/* SPDX-License-Identifier: Apache-2.0 */
/* claims.h - the claims set that orders, trust updates and receipts share (RFC 8392, section 3). */
#ifndef CEDE_TRANSFER_CLAIMS_H
#define CEDE_TRANSFER_CLAIMS_H

#include "cede/transfer.h"

struct claims {
    struct cede_span iss; /* text; null when absent, as below */
    struct cede_span aud; /* text */
    bool has_exp, has_nbf;
    uint64_t exp, nbf;
    struct cede_span cti;
    struct cede_span private_claim; /* item */
};

/* Reads the map. `private_key` is the one private claim that is known, and must be there. On
 * failure *claims is empty, but for `cti` if that was read. CEDE_TRANSFER_CRITICAL,
 * CEDE_TRANSFER_CLAIM. */
CEDE_MUST_USE enum cede_status claims_decode(struct cede_span payload, int64_t private_key,
                                             struct claims *claims);
/* Writes the map up to the key of the private claim; the caller writes its value. */
void claims_encode(struct cede_writer *writer, const struct claims *claims, int64_t private_key);

/* The rules of R3 that do not depend on the private claim but for `seq`. */
CEDE_MUST_USE enum cede_status claims_check(const struct claims *claims, uint64_t seq,
                                            const struct cede_transfer_rules *rules);

/* A byte string of exactly `len` bytes: CEDE_TRANSFER_CLAIM (sticky) otherwise. */
struct cede_span get_sized(struct cede_reader *reader, size_t len);
/* Fails the writer unless `bytes` is `len` long. */
void put_sized(struct cede_writer *writer, struct cede_span bytes, size_t len);

#endif
