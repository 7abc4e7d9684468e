/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkcs7.h - certs-only messages: CMS SignedData with certificates and without signers (RFC 5652,
 * section 5.1; RFC 8551, section 3.8), as enrolment servers send them.
 *
 * Place: codec, beside x509.h, on the DER reader and writer.
 * Use: cede_pkcs7_open(), then cede_pkcs7_next() until it is false. Servers:
 * cede_pkcs7_put_certs(). Memory: spans into the input; nothing is allocated, nothing recurses.
 * Errors: class malformed. Nothing in such a message is signed: whoever takes a certificate out of
 *      it knows no more of it than before.
 */
#ifndef CEDE_PKCS7_H
#define CEDE_PKCS7_H

#include "cede/der.h"

struct cede_pkcs7 {
    struct cede_reader certificates;
};

/* Does it begin as a CMS message does? A certificate does not. */
bool cede_pkcs7_is(struct cede_span der);
/* Checks the whole message but for the contents of the certificates. CEDE_DER_VALUE: another kind
 * of message, one with contents or with signers. */
CEDE_MUST_USE enum cede_status cede_pkcs7_open(struct cede_span der, struct cede_pkcs7 *pkcs7);
/* The next certificate, DER. False: no more. */
bool cede_pkcs7_next(struct cede_pkcs7 *pkcs7, struct cede_span *certificate);

/* Writes a certs-only message. */
void cede_pkcs7_put_certs(struct cede_writer *writer, const struct cede_span *certificates,
                          size_t certificates_count);

#endif
