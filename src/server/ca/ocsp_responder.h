/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocsp_responder.h - answers OCSP requests about one CA's certificates with a key of its own
 *                    (RFC 6960, section 4.2.2.2; RFC 5019).
 *
 * The responder's key is made when the process starts and never leaves its memory; the CA issues a
 * certificate of a few days for it (id-kp-OCSPSigning, id-pkix-ocsp-nocheck), and again before that
 * ends. Responses are signed ahead: when the process starts for the certificates issued last, from
 * then on for each new one, in idle moments; what finds no place is signed when it is first asked
 * for. They are kept and signed anew with half of their time over, as long as the certificate lasts
 * or somebody asks, and at once with a revocation. A request with a nonce gets an answer of its
 * own, as long as not too many are asked for; past that it gets the kept one, without a nonce (RFC
 * 5019, section 4). Only what the records say counts, never the request.
 *
 * Memory: OCSP_KEPT answers of about 1 KB at most; one that is asked for takes the place of one
 *      that shares its place in the table, one that is signed ahead does not.
 */
#ifndef CEDE_SERVER_CA_OCSP_RESPONDER_H
#define CEDE_SERVER_CA_OCSP_RESPONDER_H

#include "server/ca/ca_internal.h"
#include "server/common/http_door.h"
#include "server/common/ocsp.h"

#define OCSP_KEPT            16384
#define OCSP_WAYS            4      /* answers of one place: kinds of CertID, neighbours */
#define OCSP_AHEAD           12288  /* certificates signed for at the start: most find a place */
#define OCSP_AHEAD_STEP      64     /* in one step */
#define OCSP_RESPONDER_S     604800 /* validity of the responder's certificate */
#define OCSP_REFRESH_STEP    256    /* places looked at in one step */
#define OCSP_REQUEST_LEN_MAX 1024

struct ocsp_kept {
    struct http_blob *blob; /* null: free */
    uint8_t cert_id[160];   /* as asked */
    size_t cert_id_len;
    uint8_t serial[CEDE_SERIAL_LEN_MAX];
    size_t serial_len;
    uint64_t this_update;
    uint64_t next_update;
    bool asked;      /* since it was signed */
    uint64_t wanted; /* until then it is signed anew without being asked for; 0: it is not */
};

struct ocsp_service {
    struct ca *ca;
    struct ocsp_issuer issuer;
    struct ocsp_responder responder;
    EVP_PKEY *pkey;
    uint8_t certificate[CA_CERTIFICATE_MAX];
    uint8_t serial[CA_SERIAL_LEN]; /* of the responder's certificate */
    uint64_t made_at;
    uint64_t renew_at;
    struct ocsp_kept *kept;
    size_t refresh_at;
    int64_t ahead;   /* certificates up to this row were signed for ahead */
    uint64_t second; /* of the clock, and what was signed in it */
    uint64_t signed_in_second;
    struct { /* since the start */
        uint64_t requests, from_memory, signatures, refused;
    } counters;
};

CEDE_MUST_USE enum cede_status ocsp_service_open(struct ocsp_service *service, struct ca *ca);
void ocsp_service_close(struct ocsp_service *service);

/* Answers a DER request; always an answer, perhaps one of an error. */
void ocsp_service_answer(struct ocsp_service *service, struct cede_span request,
                         struct http_door_response *response);
/* The certificate with that serial number was revoked: what was kept of it is replaced. If it is
 * the responder's own, nothing is kept, and the next step makes another key. */
void ocsp_service_revoked(struct ocsp_service *service, struct cede_span serial);
/* Refreshes some of what is kept, and the responder's own certificate when it is time. */
void ocsp_service_step(struct ocsp_service *service);
/* Signs for some of the certificates that are new; *busy: perhaps there are more. */
CEDE_MUST_USE enum cede_status ocsp_service_sign_ahead(struct ocsp_service *service, bool *busy);

#endif
