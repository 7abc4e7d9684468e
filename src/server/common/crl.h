/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crl.h - certificate revocation lists, complete and delta (RFC 5280, section 5): what a CA writes
 *         and what providers read.
 *
 * Use, to write: crl_entries_add() each entry; crl_tbs() makes what is to be signed; sign it where
 *      the key is; crl_join() makes the CRL of both.
 * Use, to read: crl_decode(), crl_verify() with the issuer's key, then crl_next() over the entries.
 * Memory: lists of a million entries are long, so what is written lies on the heap; what is read
 *      are spans into the input.
 * Errors: class malformed; CEDE_X509_EXTENSION for an extension that is critical and not known,
 * such as one that narrows the scope: the list may then not be what it seems. CEDE_SERVER_MEMORY.
 */
#ifndef CEDE_SERVER_CRL_H
#define CEDE_SERVER_CRL_H

#include "cede/certificate.h"

#define CRL_REASON_UNSPECIFIED 0 /* never written: leave the extension out (section 5.3.1) */
#define CRL_REASON_REMOVE      8 /* removeFromCRL: of a delta, what is revoked no longer */
#define CRL_REASON_MAX         10
#define CRL_NUMBER_MAX         20 /* bytes (section 5.2.3); ours never have more than 8 */

/* --- writing ---------------------------------------------------------------------------------- */

struct crl_entries {
    uint8_t *bytes; /* DER, one entry after the other */
    size_t len;
    size_t cap;
    size_t count;
};

CEDE_MUST_USE enum cede_status crl_entries_add(struct crl_entries *entries, struct cede_span serial,
                                               uint64_t at, int reason);
void crl_entries_wipe(struct crl_entries *entries);

struct crl_info {
    struct cede_name issuer;
    struct cede_span authority_key_id; /* null: left out */
    int32_t signature_alg;
    uint64_t number;
    uint64_t this_update;
    uint64_t next_update;
    bool is_delta;
    uint64_t base_number;          /* of a delta: the complete list it adds to */
    struct cede_span freshest_uri; /* of a complete list: where its deltas are; null: left out */
};

/* TBSCertList; *bytes is the caller's to free. */
CEDE_MUST_USE enum cede_status crl_tbs(const struct crl_info *info,
                                       const struct crl_entries *entries, uint8_t **bytes,
                                       size_t *len);
CEDE_MUST_USE enum cede_status crl_join(struct cede_span tbs, int32_t signature_alg,
                                        struct cede_span signature, uint8_t **bytes, size_t *len);

/* --- reading ---------------------------------------------------------------------------------- */

struct crl_view {
    struct cede_span tbs;
    struct cede_span issuer; /* X.501 Name, encoded */
    uint64_t this_update;
    uint64_t next_update;
    struct cede_span authority_key_id; /* or null */
    struct cede_span number;           /* without leading zeros, at most CRL_NUMBER_MAX */
    bool is_delta;
    struct cede_span base_number;
    struct cede_span freshest_uri; /* where its deltas are, or null */
    struct cede_span entries;      /* contents of revokedCertificates, empty when there are none */
    int32_t signature_alg;
    struct cede_span signature_bits;
};

/* A whole CertificateList. Its number and nextUpdate must be there (sections 5.1.2.5, 5.2.3). */
CEDE_MUST_USE enum cede_status crl_decode(struct cede_span der, struct crl_view *crl);
/* What is signed alone, as crl_tbs() makes it: no signature then. */
CEDE_MUST_USE enum cede_status crl_decode_tbs(struct cede_span tbs, struct crl_view *crl);
/* By this issuer: name and signature. CEDE_CERTIFICATE_UNTRUSTED: another name. */
CEDE_MUST_USE enum cede_status crl_verify(const struct crl_view *crl,
                                          const struct cede_crypto *crypto,
                                          const struct cede_certificate *issuer);

struct crl_entry {
    struct cede_span serial; /* without leading zeros; null: none a certificate has here */
    uint64_t at;
    int reason;
};

/* False at the end, and when an entry is malformed: then reader.status tells. Begin with
 * cede_reader(crl->entries). */
bool crl_next(struct cede_reader *reader, struct crl_entry *entry);

#endif
