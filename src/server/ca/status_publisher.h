/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_publisher.h - the process of a CA that tells the world, and its own servers, which
 *                      certificates are good: CRLs, OCSP, status proofs.
 *
 * It holds the responder's key, reads the records, has lists and proofs signed by the signer, and
 * answers plain HTTP:
 *
 *      GET  /ca.crl          complete CRL          application/pkix-crl
 *      GET  /delta.crl       delta CRL             application/pkix-crl
 *      GET  /ca.cer          the CA's certificate  application/pkix-cert
 *      POST /ocsp            OCSP                  application/ocsp-response
 *      GET  /ocsp/BASE64     OCSP                  application/ocsp-response
 *      GET  /proof/HEX       StatusProof of a server's certificate, by its SHA-256
 *
 * It looks for revocations five times a second; nobody who revokes waits for it.
 */
#ifndef CEDE_SERVER_CA_STATUS_PUBLISHER_H
#define CEDE_SERVER_CA_STATUS_PUBLISHER_H

#include "server/ca/crl_publisher.h"
#include "server/ca/ocsp_responder.h"
#include "server/common/supervisor.h"

#define STATUS_TICK_MS 200

struct status_publisher {
    struct ca *ca;
    struct store *store; /* status.db */
    struct crl_publisher crl;
    struct ocsp_service ocsp;
    struct http_blob *certificate;
    struct event *tick;
    struct http_door *door;
    int64_t seen;       /* last row of `revocation` that was looked at */
    uint64_t proofs_at; /* when to look at the proofs again */
};

/* Opens everything but the door, in the present process. The CA must be able to sign. */
CEDE_MUST_USE enum cede_status status_publisher_open(struct status_publisher *publisher,
                                                     struct ca *ca);
void status_publisher_close(struct status_publisher *publisher);
/* Starts the ticks, and the door when listening_fd is not negative. */
CEDE_MUST_USE enum cede_status status_publisher_start(struct status_publisher *publisher,
                                                      struct event_base *base, int listening_fd);

/* One tick; *busy: there is more to do at once. */
CEDE_MUST_USE enum cede_status status_publisher_tick(struct status_publisher *publisher,
                                                     bool *busy);
/* Answers a request of the door. `context` is a struct status_publisher. */
void status_publisher_handle(void *context, const struct http_door_request *request,
                             struct http_door_response *response);

/* The proof of one of this CA's servers (profile "server"), made anew when less than half of its
 * time is left or its status has changed. CEDE_NOT_FOUND: no such certificate. */
CEDE_MUST_USE enum cede_status ca_status_proof(struct ca *ca, const uint8_t thumbprint[32],
                                               struct cede_buf out, struct cede_span *proof);

/* The life of the process; its exit status. listening_fd is negative without a door. */
int status_process_run(const char *directory, int signer_fd, int listening_fd,
                       const struct supervisor_child *child);

#endif
