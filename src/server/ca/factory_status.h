/* SPDX-License-Identifier: Apache-2.0 */
/*
 * factory_status.h - whether the CA of a factory certificate has revoked it.
 *
 * policy.json tells where the CAs of factory certificates publish ("factory_anchors": entries with
 * "crl" and "ocsp") and how long their word counts ("factory_status"). A process of its own fetches
 * and asks; workers look at every connection and every request with a factory certificate. Without
 * such an address nothing is asked, and registration is what counts.
 */
#ifndef CEDE_CA_FACTORY_STATUS_H
#define CEDE_CA_FACTORY_STATUS_H

#include "server/ca/ca_internal.h"
#include "server/common/supervisor.h"

/* `raw` is the factory certificate. CEDE_CA_REVOKED; CEDE_REVOCATION_UNKNOWN: later perhaps. */
CEDE_MUST_USE enum cede_status factory_status_check(struct ca *ca, struct cede_span raw);

/* The process; its exit status. */
int factory_status_run(const char *directory, const struct supervisor_child *child);

#endif
