/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation.h - what a provider knows of its CAs' revocations, and what it says of its own update
 *                server.
 *
 * A process of its own fetches the CRLs of the CAs that have one (`cede sp partner --crl`) and asks
 * OCSP responders (`--ocsp`); the courier hears what CAs have revoked by the partners' interface.
 * The workers look into the store at each session and each request (revocation_cache.h), the
 * courier at each connection to a partner. When nothing has been confirmed for longer than the
 * policy in sp.json allows, the CA's certificates do not open a session any more:
 *
 *      "revocation": {"freshness_s": 600, "grace_s": 3600, "on_outage": "soft" | "refuse"}
 *
 * The update server's certificate is issued by the controller, so the controller's word counts for
 * it: the clerk signs a StatusProof of it every half lifetime, which workers hand to devices.
 */
#ifndef CEDE_SP_REVOCATION_H
#define CEDE_SP_REVOCATION_H

#include "server/common/identity.h"
#include "server/common/supervisor.h"
#include "server/sp/sp.h"

#define REVOCATION_PROOF_S 3600 /* lifetime of a proof */

extern const char revocation_sql[]; /* a step of the schema */

/* May a certificate of this CA be taken? CEDE_SP_DEVICE: its serial number (lower-case hexadecimal)
 * is revoked. CEDE_REVOCATION_UNKNOWN: what is known is too old. */
CEDE_MUST_USE enum cede_status revocation_check(struct sp *sp, const char *ca, const char *serial);

/* The same for a partner's server, by the pinned certificate it chains to. What the CA has said in
 * such connections does not count for them. `context` is the sp. */
CEDE_MUST_USE enum cede_status revocation_check_partner(void *context, const uint8_t anchor[32],
                                                        struct cede_span serial);

/* The process that fetches and asks; its exit status. The store must be open. */
int revocation_process(struct sp *sp, const struct supervisor_child *child);

/* --- the own update server -------------------------------------------------------------------- */

/* The clerk's: makes the proof when it is due. */
CEDE_MUST_USE enum cede_status revocation_keep_proof(struct sp *sp,
                                                     const struct identity *identity);
/* The workers': CEDE_NOT_FOUND: there is none that holds. */
CEDE_MUST_USE enum cede_status revocation_proof(struct sp *sp, struct cede_buf out,
                                                struct cede_span *proof);
/* From now on the proofs say "revoked": the update server's key is in wrong hands. */
CEDE_MUST_USE enum cede_status revocation_revoke_server(struct sp *sp);

#endif
