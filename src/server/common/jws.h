/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws.h - JSON Web Signature (RFC 7515) with ES256: one payload, one or more signatures.
 *
 * Place: the organisations' contracts and device lists. Signing goes through the crypto port, so
 *      keys may sit in an HSM.
 * Call order, to sign: jws_init, jws_sign (once a signer), jws_encode_json or jws_encode_compact,
 *      jws_wipe. To verify: jws_decode, then jws_verify with the key each signature must be by,
 *      then look at the header of that signature. jws_decode, jws_sign, jws_encode_json adds a
 *      signature to a JWS.
 * Strictness: base64url without padding, line breaks or stray bits; "alg" is ES256 in the
 *      protected header of every signature ("none", HS256 and all others are refused); "crit" is
 *      refused, as nothing beyond RFC 7515 is understood here; unprotected headers are refused;
 *      an object with the same member twice is refused.
 * Memory: struct jws owns what it points to; jws_wipe frees. Encoded text is the caller's to free.
 * Errors: CEDE_JWS_FORMAT, CEDE_JWS_ALGORITHM, CEDE_JWS_CRITICAL, CEDE_JWS_UNSIGNED.
 */
#ifndef CEDE_SERVER_JWS_H
#define CEDE_SERVER_JWS_H

#include <jansson.h>

#include "cede/crypto.h"

#define JWS_SIGNATURES_MAX 8
#define JWS_ES256_LEN      64

struct jws_signature {
    json_t *header;       /* the protected header, decoded */
    char *protected_text; /* base64url of it, as signed */
    uint8_t signature[JWS_ES256_LEN];
};

struct jws {
    struct cede_span payload; /* decoded bytes, owned */
    char *payload_text;       /* base64url of it, as signed */
    struct jws_signature signatures[JWS_SIGNATURES_MAX];
    size_t signatures_count;
};

/* A JWS over a copy of `payload` without signatures yet. */
CEDE_MUST_USE enum cede_status jws_init(struct jws *jws, struct cede_span payload);

/* Adds a signature. `header` is the protected header without "alg", which is added (null: none but
 * that); "crit" in it is refused. CEDE_JWS_FORMAT: too many signatures. */
CEDE_MUST_USE enum cede_status jws_sign(const struct cede_crypto *crypto,
                                        const struct cede_private_key *key, const json_t *header,
                                        struct jws *jws);

/* The JSON serialization (RFC 7515 section 7.2): flattened for one signature, general for more. */
CEDE_MUST_USE enum cede_status jws_encode_json(const struct jws *jws, char **text);
/* The compact serialization (section 7.1); for exactly one signature. */
CEDE_MUST_USE enum cede_status jws_encode_compact(const struct jws *jws, char **text);

/* Reads any of the three serializations. Nothing is verified yet: the payload is a stranger's until
 * jws_verify says CEDE_OK. On failure `jws` is empty. */
CEDE_MUST_USE enum cede_status jws_decode(struct cede_span text, struct jws *jws);

/* Finds a signature that verifies with this P-256 key; *index (may be null) says which. The other
 * signatures are not judged. CEDE_JWS_UNSIGNED: there is none. */
CEDE_MUST_USE enum cede_status jws_verify(const struct cede_crypto *crypto, const struct jws *jws,
                                          const struct cede_public_key *key, size_t *index);

/* A text member of a signature's protected header ("kid", "typ"); null when absent or no text. */
const char *jws_header_text(const struct jws *jws, size_t index, const char *name);

void jws_wipe(struct jws *jws);

/* --- base64url (RFC 7515 section 2), strict ----------------------------------------------------
 */

/* Zero-terminated text, the caller's to free; null when out of memory. */
char *jws_base64url_encode(struct cede_span bytes);
/* *bytes is the caller's to free; for empty text it is non-null with length 0. CEDE_JWS_FORMAT:
 * padding, foreign characters or non-zero spare bits. */
CEDE_MUST_USE enum cede_status jws_base64url_decode(struct cede_span text, uint8_t **bytes,
                                                    size_t *len);

#endif
