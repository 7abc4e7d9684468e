/* SPDX-License-Identifier: Apache-2.0 */
/*
 * est_https.h - the HTTPS door of the enrolment service: EST (RFC 7030, clarified by RFC 8951).
 *
 * Resources, below /.well-known/est/ and /.well-known/est/TOKEN/ (the enrolment URI's token as the
 *      label of RFC 7030, section 3.2.2):
 *      GET  cacerts          certs-only CMS: this CA and those above it; no certificate needed
 *      GET  csrattrs         what requests should be like; no certificate needed
 *      POST simpleenroll     by factory certificate; PKCS #10 in, certs-only CMS out
 *      POST simplereenroll   by operational certificate
 *      POST serverkeygen     as simpleenroll or simplereenroll; the key and the certificate out
 * All bodies in base64, as RFC 7030 asks; TLS 1.2 and 1.3, mutual certificates. A client's
 *      certificate must be one the CA knows byte for byte, as at every other door.
 * Errors: an HTTP status with a line of text for people (RFC 7030, section 4.2.3).
 */
#ifndef CEDE_SERVER_CA_EST_HTTPS_H
#define CEDE_SERVER_CA_EST_HTTPS_H

#include "server/ca/ca_internal.h"
#include "server/common/https_server.h"

struct est_https {
    struct ca *ca;
    struct ca_turn turn;
};

/* Serves `listening_fd`; `door` and `tls` must outlive the server. */
CEDE_MUST_USE enum cede_status est_https_open(struct event_base *base, struct est_https *door,
                                              const struct tls_identity *tls, int listening_fd,
                                              struct https_server **server);

#endif
