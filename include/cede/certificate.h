/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate.h - certificates and requests whatever their format: X.509, C509 native, C509 of
 * X.509.
 *
 * Place: the top of the certificate codecs; what EDHOC, the device, the CA and the tools call.
 * Use: cede_certificate_decode() each certificate of a chain and each anchor, then
 *      cede_certificate_path() from the first to an anchor. cede_certificate_issue() writes any
 *      format from one description. cede_request_decode(), cede_request_verify() serve a CA.
 * Memory: views hold spans into the input, but for the public key and the common name, which they
 *      carry; a view may be copied. `scratch` is used for rebuilding type 3 (CEDE_C509_SCRATCH).
 * Errors: malformed and invalid from the codecs; unauthentic for signatures and missing issuers;
 *      policy for rules of path validation (RFC 5280, section 6).
 */
#ifndef CEDE_CERTIFICATE_H
#define CEDE_CERTIFICATE_H

#include "cede/c509.h"

#define CEDE_PATH_DEPTH_MAX  4  /* certificates in a chain, the anchor not counted */
#define CEDE_COMMON_NAME_MAX 64 /* ub-common-name (RFC 5280, appendix A) */

enum cede_certificate_format {
    CEDE_CERTIFICATE_X509 = 1,
    CEDE_CERTIFICATE_C509_NATIVE = CEDE_C509_NATIVE,
    CEDE_CERTIFICATE_C509_X509 = CEDE_C509_X509
};

struct cede_certificate {
    enum cede_certificate_format format;
    struct cede_span raw;    /* DER, or ~C509Certificate (never the array) */
    struct cede_span tbs;    /* what is signed, but for C509 of X.509 */
    struct cede_span serial; /* without leading zeros */
    struct cede_name issuer;
    struct cede_name subject;
    uint64_t not_before;
    uint64_t not_after; /* or CEDE_TIME_NONE */
    int32_t curve;      /* 0: a kind of key not supported; then no point */
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    size_t point_len;
    int32_t signature_alg;      /* 0: a kind of signature not supported */
    struct cede_span signature; /* C509: raw. X.509: the bytes of the BIT STRING */
    struct cede_extensions ext;
    uint8_t common_name[CEDE_COMMON_NAME_MAX]; /* of the subject, as UTF-8: the device id */
    size_t common_name_len;                    /* 0: none, or longer than that */
};

/* Reads a certificate of any format: DER, C509Certificate or ~C509Certificate. Keys and signatures
 * of unsupported kinds do not fail here. CEDE_CRYPTO_KEY: the point is not on its curve. */
CEDE_MUST_USE enum cede_status cede_certificate_decode(struct cede_span encoding,
                                                       const struct cede_crypto *crypto,
                                                       struct cede_certificate *certificate);
/* Spans into the view, valid as long as it stays where it is. */
struct cede_span cede_certificate_common_name(const struct cede_certificate *certificate);
struct cede_public_key cede_certificate_key(const struct cede_certificate *certificate);

/* Checks the signature under the key of `issuer`, nothing else. */
CEDE_MUST_USE enum cede_status cede_certificate_verify(const struct cede_certificate *certificate,
                                                       const struct cede_certificate *issuer,
                                                       const struct cede_crypto *crypto,
                                                       struct cede_buf scratch);

/* The same name: attribute for attribute the same types and texts, whatever their forms and string
 * types. Text is compared bytewise (RFC 5280, section 7.1 would fold case; issuers copy). */
bool cede_name_equal(struct cede_name a, struct cede_name b);
/* `name` begins with all attributes of `subtree` (RFC 5280, section 4.2.1.10). */
bool cede_name_within(struct cede_name name, struct cede_name subtree);
/* The last common name as UTF-8. CEDE_NOT_FOUND: there is none. */
CEDE_MUST_USE enum cede_status cede_name_common_name(struct cede_name name, struct cede_buf out,
                                                     struct cede_span *text);

/* --- paths ------------------------------------------------------------------------------------ */

/* What the first certificate must be good for. */
struct cede_path_rules {
    bool has_clock;
    uint64_t now;       /* POSIX seconds; used when has_clock */
    uint16_t key_usage; /* all of these, when the certificate has keyUsage at all */
    uint32_t eku;       /* one of these (or any), when the certificate has extKeyUsage at all */
};

/* Validates the path chain[0] (end entity), chain[1] (its issuer) ... up to one of the anchors
 * (RFC 5280, section 6.1): names chain, signatures, validity, CA and keyCertSign of every issuer
 * and of the anchor, path lengths, directory name constraints, no unknown critical extension. A
 * certificate of the chain that is itself an anchor ends the path. *anchor_index (may be null)
 * tells the anchor. Nothing is remembered.
 *   CEDE_CERTIFICATE_UNTRUSTED  no anchor or next certificate carries the issuer's name
 *   CEDE_CRYPTO_SIGNATURE       a signature does not verify
 *   CEDE_CERTIFICATE_...        the rule that was broken
 *   CEDE_BAD_ARGUMENT           empty or longer than CEDE_PATH_DEPTH_MAX */
CEDE_MUST_USE enum cede_status
cede_certificate_path(const struct cede_certificate *chain, size_t chain_count,
                      const struct cede_certificate *anchors, size_t anchors_count,
                      const struct cede_path_rules *rules, const struct cede_crypto *crypto,
                      struct cede_buf scratch, size_t *anchor_index);

/* --- thumbprints: x5t and c5t ----------------------------------------------------------------- */

/* Hash over the DER or over ~C509Certificate; `encoding` may be a C509Certificate, too. `alg` is
 * CEDE_ALG_SHA_256 or CEDE_ALG_SHA_256_64. `hash` has room for CEDE_SHA256_LEN. */
CEDE_MUST_USE enum cede_status cede_certificate_thumbprint(const struct cede_crypto *crypto,
                                                           int32_t alg, struct cede_span encoding,
                                                           uint8_t *hash, size_t *hash_len);
/* COSE_CertHash (RFC 9360, section 2): [alg, hash]. */
CEDE_MUST_USE enum cede_status cede_certificate_put_hash(struct cede_writer *writer,
                                                         const struct cede_crypto *crypto,
                                                         int32_t alg, struct cede_span encoding);
/* CEDE_CERTIFICATE_THUMBPRINT: `cert_hash`, an encoded COSE_CertHash, is of another certificate. */
CEDE_MUST_USE enum cede_status cede_certificate_check_hash(const struct cede_crypto *crypto,
                                                           struct cede_span cert_hash,
                                                           struct cede_span encoding);

/* --- issuing and requests --------------------------------------------------------------------- */

/* Writes and signs a certificate in any format; names may be in any form. `scratch` is used for
 * CEDE_CERTIFICATE_C509_X509 (at least 3 KB there) and for names in C509 form. */
CEDE_MUST_USE enum cede_status cede_certificate_issue(enum cede_certificate_format format,
                                                      const struct cede_crypto *crypto,
                                                      const struct cede_certificate_info *info,
                                                      const struct cede_private_key *issuer_key,
                                                      struct cede_buf scratch, struct cede_buf out,
                                                      struct cede_span *encoding);
/* A key identifier: the leftmost 160 bits of SHA-256 over the bytes of subjectPublicKey as X.509
 * has them (RFC 7093, section 2, method 1); the same in every format. */
CEDE_MUST_USE enum cede_status cede_certificate_key_id(const struct cede_crypto *crypto,
                                                       const struct cede_public_key *key,
                                                       uint8_t key_id[20]);

/* A PKCS #10 request, or a C509CertificationRequest of either type. */
struct cede_request {
    enum cede_certificate_format format;
    struct cede_span raw;
    struct cede_span tbs; /* what is signed, but for C509 of PKCS #10 */
    struct cede_name subject;
    int32_t curve;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    size_t point_len;
    struct cede_extensions ext;
    /* What `ext` was read from: the contents of the DER SEQUENCE, or the item of C509; null: none.
     */
    struct cede_span extensions;
    struct cede_span challenge_password; /* its text, or null */
    int32_t mac_hash; /* CEDE_ALG_SHA_...: possession is proved by a MAC; 0: by a signature */
};

CEDE_MUST_USE enum cede_status cede_request_decode(struct cede_span encoding,
                                                   const struct cede_crypto *crypto,
                                                   struct cede_request *request);
/* Proof of possession. CEDE_CRYPTO_SIGNATURE: it does not hold. */
CEDE_MUST_USE enum cede_status cede_request_verify(const struct cede_request *request,
                                                   const struct cede_crypto *crypto,
                                                   struct cede_buf scratch);
/* The same for a request with mac_hash (c509.h, "proof of possession by MAC"). CEDE_CRYPTO_TAG: it
 * does not hold. CEDE_CERTIFICATE_ALGORITHM: it is a signature. */
CEDE_MUST_USE enum cede_status cede_request_verify_mac(const struct cede_request *request,
                                                       const struct cede_crypto *crypto,
                                                       const struct cede_pop_verifier *verifier,
                                                       const struct cede_private_key *verifier_key,
                                                       struct cede_buf scratch);
struct cede_public_key cede_request_key(const struct cede_request *request);

#endif
