/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cwt.h - CBOR Web Tokens (RFC 8392): claims sets in COSE objects.
 *
 * Place: codec; next to COSE, used by transfer messages and attestation evidence.
 * Use: cede_cwt_untag(), a cede_cose_*_decode() and verify, cede_cwt_decode() on its payload,
 *      cede_cwt_check(); further claims by cede_cwt_find() or cede_cwt_others_next(). A nested CWT
 *      is the caller's: its payload is again a COSE object.
 * Memory: spans into the input; nothing is copied.
 * Errors: malformed for the bytes, invalid for wrong claim types, policy for time.
 */
#ifndef CEDE_CWT_H
#define CEDE_CWT_H

#include "cede/cbor.h"

#define CEDE_CWT_TAG 61

/* Claim keys (RFC 8392, section 4; RFC 8747; RFC 9711). */
#define CEDE_CWT_ISS   1
#define CEDE_CWT_SUB   2
#define CEDE_CWT_AUD   3
#define CEDE_CWT_EXP   4
#define CEDE_CWT_NBF   5
#define CEDE_CWT_IAT   6
#define CEDE_CWT_CTI   7
#define CEDE_CWT_CNF   8
#define CEDE_CWT_NONCE 10

/* Claims in one set; comparing their keys is quadratic, hence the bound. */
#define CEDE_CWT_CLAIMS_MAX 32

/* A claim with any integer key, for encoding. */
struct cede_cwt_claim {
    int64_t key;
    struct cede_span value; /* one encoded item */
};

struct cede_cwt_claims {
    struct cede_span iss; /* text; null when absent, as below */
    struct cede_span sub; /* text */
    struct cede_span aud; /* item: a text, or an array of texts */
    bool has_exp, has_nbf, has_iat;
    int64_t exp, nbf, iat; /* seconds since 1970; a fraction in the input is cut toward exclusion:
                              exp down, nbf up, iat down */
    struct cede_span cti;  /* content of the byte string */
    struct cede_span cnf;  /* item: a map (RFC 8747, section 3.1) */
    /* Decoding: the whole encoded map, for cwt_find and cwt_others_next. Encoding: ignored. */
    struct cede_span map;
    /* Encoding: further claims, in deterministic order of their keys, none of 0..7, no cnf that is
     * set above. Decoding: none.
     */
    const struct cede_cwt_claim *others;
    size_t others_count;
};

/* Takes off tag 61 when it is there: *cose is the COSE object inside, for the decoder of its kind
 * to judge. CEDE_CWT_TAGGED: tag 61 with no tagged object in it (RFC 8392, section 6). */
CEDE_MUST_USE enum cede_status cede_cwt_untag(struct cede_span encoding, struct cede_span *cose);

/* Decodes a claims set; `order` as in cbor.h. CEDE_CWT_CLAIM: a claim has a wrong type or value.
 * CEDE_CBOR_KEY: a claim comes twice, its key is neither integer nor text, or too many claims. */
CEDE_MUST_USE enum cede_status cede_cwt_decode(struct cede_span encoding,
                                               enum cede_cbor_order order,
                                               struct cede_cwt_claims *claims);
/* The same for claims whose dates are integers, as cede writes them: a firmware that calls only
 * this links nothing of floating-point numbers. CEDE_CWT_CLAIM: a date is a float, too. */
CEDE_MUST_USE enum cede_status cede_cwt_decode_integers(struct cede_span encoding,
                                                        enum cede_cbor_order order,
                                                        struct cede_cwt_claims *claims);
/* The value (item) of the claim with an integer key, null when absent. */
struct cede_span cede_cwt_find(const struct cede_cwt_claims *claims, int64_t key);
/* Walks the claims other than 1..7: start with *at = 0; false at the end. `key` is an item. */
bool cede_cwt_others_next(const struct cede_cwt_claims *claims, size_t *at, struct cede_span *key,
                          struct cede_span *value);
/* True when `name` is the audience or one of them. False without aud. */
bool cede_cwt_has_audience(const struct cede_cwt_claims *claims, struct cede_span name);

/* Writes the claims set, deterministic. The writer fails with CEDE_BAD_ARGUMENT when `others` are
 * not in order. */
void cede_cwt_encode(struct cede_writer *writer, const struct cede_cwt_claims *claims);

/* Time rules (RFC 8392, sections 3.1.4 and 3.1.5). `now` null: no clock; then only that the
 * window is not empty. `leeway` is in seconds, for clocks that differ. CEDE_CWT_EXPIRED: exp has
 * passed. CEDE_CWT_NOT_YET: nbf has not come. CEDE_CWT_WINDOW: exp is not after nbf. */
CEDE_MUST_USE enum cede_status cede_cwt_check(const struct cede_cwt_claims *claims,
                                              const int64_t *now, uint32_t leeway);

#endif
