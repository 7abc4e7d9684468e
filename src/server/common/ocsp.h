/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocsp.h - OCSP requests and responses as a responder meets them (RFC 6960; the profile for many
 *          requests of RFC 5019; nonces of RFC 8954 and RFC 9654).
 *
 * Use: ocsp_request_decode(), find the status of each certificate, ocsp_respond() with the key and
 *      certificate of the responder; ocsp_error() when there is nothing to sign.
 * Memory: the decoded request holds spans into the input.
 * Errors: class malformed for what is no request: answer OCSP_MALFORMED_REQUEST.
 */
#ifndef CEDE_SERVER_OCSP_H
#define CEDE_SERVER_OCSP_H

#include "cede/certificate.h"

#define OCSP_REQUESTS_MAX 8   /* the profile has one; more are refused */
#define OCSP_NONCE_MAX    128 /* RFC 9654, section 2.1; 32 in RFC 8954 */
#define OCSP_SHA1_LEN     20
/* A response for one certificate, with the responder's certificate and a nonce. */
#define OCSP_RESPONSE_MAX 4096

/* OCSPResponseStatus (RFC 6960, section 4.2.1). */
#define OCSP_SUCCESSFUL        0
#define OCSP_MALFORMED_REQUEST 1
#define OCSP_INTERNAL_ERROR    2
#define OCSP_TRY_LATER         3
#define OCSP_UNAUTHORIZED      6

/* Which certificate: hashes of its issuer's name and key, and its serial number. */
struct ocsp_cert_id {
    struct cede_span raw; /* CertID, encoded: the response repeats it */
    bool is_sha1, is_sha256;
    struct cede_span name_hash;
    struct cede_span key_hash;
    struct cede_span serial; /* without leading zeros */
};

struct ocsp_request {
    struct ocsp_cert_id ids[OCSP_REQUESTS_MAX];
    size_t count;
    struct cede_span nonce; /* or null */
};

/* CEDE_X509_EXTENSION: a critical extension that is not known. CEDE_DER_VALUE: a nonce of a length
 * that is not allowed, no request or too many. A signature of the requestor is not looked at. */
CEDE_MUST_USE enum cede_status ocsp_request_decode(struct cede_span der,
                                                   struct ocsp_request *request);

/* The issuer as CertIDs name it, both hashes. */
struct ocsp_issuer {
    uint8_t sha1_name[OCSP_SHA1_LEN], sha1_key[OCSP_SHA1_LEN];
    uint8_t sha256_name[CEDE_SHA256_LEN], sha256_key[CEDE_SHA256_LEN];
};
CEDE_MUST_USE enum cede_status ocsp_issuer_init(struct ocsp_issuer *issuer,
                                                const struct cede_certificate *certificate);
bool ocsp_issuer_is(const struct ocsp_issuer *issuer, const struct ocsp_cert_id *id);
/* The CertID that clients write by RFC 5019, section 2.1.1: SHA-1, and NULL for its parameters. */
CEDE_MUST_USE enum cede_status ocsp_cert_id_encode(const struct ocsp_issuer *issuer,
                                                   struct cede_span serial, struct cede_buf out,
                                                   struct ocsp_cert_id *id);
/* SHA-1 over the bytes of subjectPublicKey: KeyHash, by which a responder names itself. */
CEDE_MUST_USE enum cede_status ocsp_key_hash(const struct cede_public_key *key,
                                             uint8_t hash[OCSP_SHA1_LEN]);

enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };

struct ocsp_single {
    struct cede_span cert_id; /* encoded */
    enum ocsp_status status;
    uint64_t revoked_at;
    int reason; /* 0: not written */
    uint64_t this_update;
    uint64_t next_update;
};

struct ocsp_responder {
    const struct cede_crypto *crypto;
    struct cede_private_key key;
    struct cede_span certificate; /* DER; sent along */
    uint8_t key_hash[OCSP_SHA1_LEN];
};

/* A signed OCSPResponse. `nonce` null: none. */
CEDE_MUST_USE enum cede_status ocsp_respond(const struct ocsp_responder *responder,
                                            const struct ocsp_single *singles, size_t count,
                                            uint64_t produced_at, struct cede_span nonce,
                                            struct cede_buf out, struct cede_span *response);
/* One without a signature; `status` as above. */
CEDE_MUST_USE enum cede_status ocsp_error(int status, struct cede_buf out,
                                          struct cede_span *response);

#endif
