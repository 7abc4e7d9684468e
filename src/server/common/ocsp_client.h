/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocsp_client.h - what a relying server asks an OCSP responder about one certificate, and what it
 *                 believes of the answer (RFC 6960; the profile for many requests of RFC 5019).
 *
 * Use: ocsp_client_request(), POST it as application/ocsp-request, ocsp_client_take() the body.
 * There is no nonce (RFC 5019, section 2.1.1), so that a responder can answer with what it signed
 * before: the caller sees to it that answers do not go back in time.
 * What is checked: that the CA itself or one with its certificate for id-kp-OCSPSigning signed it,
 *      valid at this time; that it is about this certificate; thisUpdate not in the future,
 *      nextUpdate told and not past; that no extension is critical, for none is known. Whether the
 *      responder's own certificate is revoked is for the caller, who is told which it is.
 * Errors: CEDE_OCSP_MALFORMED, CEDE_OCSP_REFUSED (responseStatus is not successful),
 *      CEDE_OCSP_SIGNER, CEDE_OCSP_OTHER (about another certificate); CEDE_REVOCATION_STALE;
 *      CEDE_X509_EXTENSION.
 */
#ifndef CEDE_SERVER_OCSP_CLIENT_H
#define CEDE_SERVER_OCSP_CLIENT_H

#include "cede/certificate.h"
#include "server/common/ocsp.h"

#define OCSP_CLIENT_REQUEST_MAX 256

struct ocsp_word {
    enum ocsp_status status; /* unknown: the responder does not know the certificate */
    uint64_t this_update;
    uint64_t next_update;
    uint64_t revoked_at;                 /* of OCSP_REVOKED */
    uint8_t signer[CEDE_SERIAL_LEN_MAX]; /* serial of the responder's certificate ... */
    size_t signer_len;                   /* ... 0: the CA itself has signed */
};

/* `issuer` is the CA's certificate, DER; `serial` without leading zeros. */
CEDE_MUST_USE enum cede_status ocsp_client_request(struct cede_span issuer, struct cede_span serial,
                                                   struct cede_buf out, struct cede_span *request);
CEDE_MUST_USE enum cede_status ocsp_client_take(struct cede_span response, struct cede_span issuer,
                                                struct cede_span serial, uint64_t now,
                                                struct ocsp_word *word);

#endif
