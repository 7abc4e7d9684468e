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
 *      RFC 7925, section 4.4: the key's kind and point, key usage and purpose
 *      policy.json: one profile that is allowed and has these usages, this validity, this kind of
 *      key and, for devices, this pattern of names
 */
#ifndef CEDE_SERVER_CA_LINT_H
#define CEDE_SERVER_CA_LINT_H

#include "server/ca/ca_internal.h"

struct ca_lint_rules {
    const struct cede_crypto *crypto; /* to check points */
    const struct ca_policy *policy;
    const struct cede_certificate *issuer; /* the CA's certificate */
    struct cede_span issuer_key_id;        /* of its key */
};

/* What an OCSP responder's certificate may be: for nothing else, and for a short while, since it
 * cannot be revoked (RFC 6960, section 4.2.2.2.1). */
#define CA_LINT_RESPONDER_S 2678400

/* CEDE_OK, or CEDE_CA_LINT and *why, a literal for people. `tbs` is what would be signed. */
CEDE_MUST_USE enum cede_status ca_lint(const struct ca_lint_rules *rules, struct cede_span tbs,
                                       uint64_t now, const char **why);
/* The same for the certificate of the CA's OCSP responder, which is no profile's. */
CEDE_MUST_USE enum cede_status ca_lint_responder(const struct ca_lint_rules *rules,
                                                 struct cede_span tbs, uint64_t now,
                                                 const char **why);

#endif
