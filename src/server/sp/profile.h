/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.h - what differs where devices speak DTLS and hold X.509 (docs/protocol.md, "X.509
 * profile"): a device's profile is its factory certificate's format, a transfer's that of its
 * devices, an address's its scheme.
 */
#ifndef CEDE_SP_PROFILE_H
#define CEDE_SP_PROFILE_H

#include "cede/transfer.h"
#include "server/sp/sp.h"

bool profile_is_der(struct cede_span certificate);
bool profile_is_coaps(struct cede_span uri);
/* Can devices of that profile go there? */
bool profile_uri_fits(struct cede_span uri, bool x509);

/* Ours, as devices of that profile know it; spans into `sp`. The URI is empty when there is none.
 */
struct cede_span profile_update_uri(const struct sp *sp, bool x509);
struct cede_span profile_controller(const struct sp *sp, bool x509);
struct cede_span profile_controller_thumbprint(const struct sp *sp, bool x509);
/* A CA's enrolment URI for our own devices; empty when there is none. */
struct cede_span profile_enroll_uri(const struct partner *ca, bool x509);
/* What a partner's pinned certificate is called as a controller. */
CEDE_MUST_USE enum cede_status profile_thumbprint(struct sp *sp, struct cede_span der, bool x509,
                                                  uint8_t thumbprint[32]);

/* May devices hold what a CA answers to /v1/anchors? CEDE_TRANSFER_PURPOSE: it wants to be trusted
 * for more than enrolment; or by the codecs. */
CEDE_MUST_USE enum cede_status profile_check_trust(struct sp *sp, struct cede_span ca_trust);
/* The entries of a CA's trust list that devices of that profile can use, at most `max` of them. For
 * X.509 they are the C509 of X.509 turned back; `memory` is where these then lie. CEDE_NO_SPACE,
 * or as profile_check_trust(). */
CEDE_MUST_USE enum cede_status profile_trust(struct sp *sp, struct cede_span ca_trust, bool x509,
                                             struct cede_buf memory,
                                             struct cede_trust_entry *entries, size_t max,
                                             size_t *count);

#endif
