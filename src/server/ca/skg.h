/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skg.h - server-side key generation: a key for a device that cannot make a good one itself
 *         (RFC 7030, section 4.4; RFC 9148, section 4.8; EST-oscore draft, section 4.3).
 *
 * The key is made, handed over and wiped; no file, record or log ever has it. A request is treated
 * as any other but for its own public key and signature, which count for nothing.
 * Form of the key: PKCS #8 (284), inside the door's encryption, for PKCS #10; C509PrivateKey
 * (65010) for a C509 request; CMS EnvelopedData (280) when the request names a key to encrypt to.
 * Encrypted to: the key of the certificate the device shows, or of its factory certificate, by its
 *      subject key identifier, when that certificate may agree on keys. Symmetric keys are shared
 *      with nobody: a DecryptKeyIdentifier is refused.
 */
#ifndef CEDE_SERVER_CA_SKG_H
#define CEDE_SERVER_CA_SKG_H

#include "server/ca/ca_internal.h"
#include "server/ca/key_envelope.h"

#define CA_MADE_KEY_MAX 4096

/* Wipe it on every path. */
struct ca_made_key {
    uint32_t format; /* CEDE_EST_FORMAT_... */
    uint8_t bytes[CA_MADE_KEY_MAX];
    size_t len;
};

/* Makes a key for the request and puts it in the place of the request's own: *checked is as
 * ca_check_request() leaves it. CEDE_CA_OPERATION: the policy has no keys made here.
 * CEDE_CA_FORMAT: an answer in that format does not exist. CEDE_CA_RECIPIENT: the key to encrypt to
 * is not known, may not be used for that, or not with the algorithms that are asked for. */
CEDE_MUST_USE enum cede_status ca_make_key(struct ca *ca, const struct ca_enrolment *enrolment,
                                           struct ca_made_key *made,
                                           struct ca_checked_request *checked);
/* multipart-core with the key and the certificate (RFC 9148, section 4.3). */
CEDE_MUST_USE enum cede_status ca_answer_made_key(struct ca *ca,
                                                  const struct ca_enrolment *enrolment,
                                                  const struct ca_made_key *made,
                                                  const struct ca_certificate_record *record,
                                                  struct cede_buf out, struct ca_answer *answer);

/* Who is told whose key it was, in `authorised_by`. */
#define CA_BY_FACTORY_MADE     "factory certificate, key made here"
#define CA_BY_OPERATIONAL_MADE "operational certificate, key made here"

/* A key whose answer was lost is lost: for a few minutes the same device may ask for another one in
 * the same way, which ends the certificate of the first. Where another certificate is live beside
 * `keep` (a row, or CA_NO_ROW), nothing ends. Within a unit. */
CEDE_MUST_USE enum cede_status ca_forget_lost_key(struct ca *ca, int64_t factory, int64_t account,
                                                  int64_t keep, const char *authorised_by);

#endif
