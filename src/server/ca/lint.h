/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint.h - the last look at a certificate before it is signed: is it well-formed, and is it one the
 *        policy lets this CA issue?
 *
 * It reads what is to be signed back with the decoder that devices and partners use, behind a
 * signature that is thrown away, and trusts nobody about how it came about. So a mistake of the
 * writer, or a worker that somebody else directs, ends here and not in a device.
 * What is checked, for both formats:
 *      RFC 5280: version 3 and DER (by the decoder), a serial number that is positive, of full
 *      length and not longer than 20 bytes (section 4.1.2.2), the CA's own name, algorithm and
 *      end of life, basic constraints for a CA and for nobody else, critical extensions known,
 *      key identifiers in X.509 (sections 4.2.1.1 and 4.2.1.2)
 *      RFC 7925, section 4.4: the key's kind and point, key usage and purpose, basicConstraints for
 *      CAs alone, no wildcards, no extension but those that are written here, critical or not
 *      the kind: what a CA signs for itself, at `init` or `renew-tls`, is its root, the enrolment
 *      server's, TLS or OCSP responder's certificate and nothing else; all others are under the
 *      policy
 *      policy.json: one profile that is allowed and has these usages, this validity, this kind of
 *      key and, for devices, this pattern of names
 */
#ifndef CEDE_SERVER_CA_LINT_H
#define CEDE_SERVER_CA_LINT_H

#include "server/ca/ca_internal.h"

struct ca_lint_rules {
    const struct cede_crypto *crypto; /* to check points */
    const struct ca_policy *policy;
    const struct cede_certificate *issuer; /* the CA's certificate; null: a root is to be made */
    struct cede_span issuer_key_id;        /* of its key */
};

enum ca_lint_kind {
    CA_LINT_POLICY,    /* some profile's */
    CA_LINT_RESPONDER, /* of the CA's OCSP responder */
    CA_LINT_ENROLMENT, /* of the enrolment server: its signature key, its agreement key */
    CA_LINT_TLS,       /* of the CA's doors of HTTPS */
    CA_LINT_ROOT       /* the CA's own, self-signed: `policy` and `issuer` null */
};

/* What an OCSP responder's certificate may be: for nothing else, and for a short while, since it
 * cannot be revoked (RFC 6960, section 4.2.2.2.1). */
#define CA_LINT_RESPONDER_S 2678400

/* CEDE_OK, or CEDE_CA_LINT and *why, a literal for people. `tbs` is what would be signed. */
CEDE_MUST_USE enum cede_status ca_lint(const struct ca_lint_rules *rules, enum ca_lint_kind kind,
                                       struct cede_span tbs, uint64_t now, const char **why);

/* --- a key in this very process (linted_key.c) --------------------------------------------------
 */

/* Signs certificates as one of `kind`; with CA_LINT_POLICY also the responder's, lists of
 * revocations and proofs of status, as signer_check.c knows them. CEDE_CA_LINT,
 * CEDE_SIGNER_REFUSED: ca_last_error() tells why. `ca` may be null for a root. */
void ca_linted_key_init(struct ca_linted_key *linted, const struct ca *ca, enum ca_lint_kind kind);

#endif
