/* SPDX-License-Identifier: Apache-2.0 */
/* key_envelope.h - a private key in CMS, as the request for it wants it (RFC 7030, section 4.4). */
#ifndef CEDE_SERVER_CA_KEY_ENVELOPE_H
#define CEDE_SERVER_CA_KEY_ENVELOPE_H

#include "cede/bytes.h"
#include "cede/status.h"

struct ca;

/* What a request says about the encryption of the key it wants. */
struct ca_key_wishes {
    bool symmetric;             /* DecryptKeyIdentifier */
    struct cede_span recipient; /* AsymmetricDecryptKeyIdentifier; null: none */
    bool capabilities;          /* SMIMECapabilities */
    bool aes128_wrap, aes256_wrap;
};

/* Reads the attributes of a PKCS #10 request. */
CEDE_MUST_USE enum cede_status ca_read_key_wishes(struct cede_span request,
                                                  struct ca_key_wishes *wishes);
/* SignedData of the enrolment server around the key, in EnvelopedData for the certificate's key
 * (ECDH, X9.63 KDF with SHA-256, AES key wrap, AES-CBC). */
CEDE_MUST_USE enum cede_status ca_seal_key(const struct ca *ca, const struct ca_key_wishes *wishes,
                                           struct cede_span recipient, struct cede_span pkcs8,
                                           struct cede_buf out, size_t *len);

#endif
