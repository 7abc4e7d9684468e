/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509.h - X.509 v3 certificates (RFC 5280) and PKCS #10 requests (RFC 2986) in DER.
 *
 * Place: codec, beside c509.h; signatures are made and checked through the crypto port.
 * Use: cede_x509_decode() gives a view of a certificate, cede_x509_verify() checks its signature
 *      with the issuer's key. cede_x509_issue() writes and signs one from a description. Paths and
 *      whatever is common to X.509 and C509 are in certificate.h.
 * Memory: views hold spans into the input. Nothing is allocated; stack use stays below 1 KB.
 * Errors: malformed for what is no DER; invalid for a certificate the profile forbids;
 *      CEDE_CERTIFICATE_ALGORITHM when a key or signature algorithm is none of P-256 with SHA-256,
 *      P-384 with SHA-384 and Ed25519: such certificates still decode.
 */
#ifndef CEDE_X509_H
#define CEDE_X509_H

#include "cede/crypto.h"
#include "cede/der.h"

/* --- what X.509 and C509 have in common ------------------------------------------------------- */

/* keyUsage: bit n of the BIT STRING (RFC 5280, section 4.2.1.3) is 1 << n. */
#define CEDE_KU_DIGITAL_SIGNATURE 0x001
#define CEDE_KU_NON_REPUDIATION   0x002
#define CEDE_KU_KEY_ENCIPHERMENT  0x004
#define CEDE_KU_DATA_ENCIPHERMENT 0x008
#define CEDE_KU_KEY_AGREEMENT     0x010
#define CEDE_KU_KEY_CERT_SIGN     0x020
#define CEDE_KU_CRL_SIGN          0x040
#define CEDE_KU_ENCIPHER_ONLY     0x080
#define CEDE_KU_DECIPHER_ONLY     0x100

/* extKeyUsage as a set: value n of the C509 Extended Key Usages registry is 1 << n. */
#define CEDE_EKU_ANY              (1u << 0)
#define CEDE_EKU_SERVER_AUTH      (1u << 1)
#define CEDE_EKU_CLIENT_AUTH      (1u << 2)
#define CEDE_EKU_CODE_SIGNING     (1u << 3)
#define CEDE_EKU_EMAIL_PROTECTION (1u << 4)
#define CEDE_EKU_TIME_STAMPING    (1u << 8)
#define CEDE_EKU_OCSP_SIGNING     (1u << 9)
#define CEDE_EKU_CMC_CA           (1u << 15)
#define CEDE_EKU_CMC_RA           (1u << 16)
#define CEDE_EKU_OTHER            (1u << 31) /* one that has no number; only when reading */

/* Attribute types of names: values of the C509 RDN Attributes registry. */
#define CEDE_RDN_EMAIL               0
#define CEDE_RDN_COMMON_NAME         1
#define CEDE_RDN_SERIAL_NUMBER       3
#define CEDE_RDN_COUNTRY             4
#define CEDE_RDN_LOCALITY            5
#define CEDE_RDN_STATE               6
#define CEDE_RDN_ORGANIZATION        8
#define CEDE_RDN_ORGANIZATIONAL_UNIT 9
#define CEDE_RDN_DOMAIN_COMPONENT    22

/* Kinds of general names: values of the C509 General Names registry. */
#define CEDE_GN_EMAIL     1
#define CEDE_GN_DNS       2
#define CEDE_GN_DIRECTORY 4
#define CEDE_GN_URI       6
#define CEDE_GN_IP        7

#define CEDE_PATH_LEN_NONE  (-1) /* no pathLenConstraint */
#define CEDE_EXTENSIONS_MAX 32   /* in one certificate */
#define CEDE_SERIAL_LEN_MAX 20   /* RFC 5280, section 4.1.2.2 */

/* A distinguished name in one of its forms. An absent name has a null value. */
enum cede_name_form {
    CEDE_NAME_TEXT,  /* UTF-8: the only attribute, a common name */
    CEDE_NAME_EUI64, /* 6 bytes (MAC-48) or 8 bytes: the same, as "01-23-45-FF-FE-67-89-AB" */
    CEDE_NAME_DER,   /* an encoded X.501 Name */
    CEDE_NAME_C509   /* an encoded C509 Name */
};

struct cede_name {
    enum cede_name_form form;
    struct cede_span value;
};

struct cede_name_attribute {
    int32_t type;          /* CEDE_RDN_... */
    struct cede_span text; /* UTF-8 */
};

struct cede_general_name {
    int32_t kind; /* CEDE_GN_EMAIL, _DNS, _URI: text; _IP: 4 or 16 bytes */
    struct cede_span value;
};

/* What the extensions of a certificate say. Raw members are DER or CBOR as the certificate is;
 * they are null when the extension is absent. */
struct cede_extensions {
    bool has_basic_constraints;
    bool ca;
    int32_t path_len; /* or CEDE_PATH_LEN_NONE */
    bool has_key_usage;
    uint16_t key_usage; /* CEDE_KU_... */
    bool has_eku;
    uint32_t eku; /* CEDE_EKU_... */
    struct cede_span subject_key_id;
    struct cede_span authority_key_id; /* keyIdentifier */
    struct cede_span subject_alt_name; /* raw */
    struct cede_span name_constraints; /* raw */
    struct cede_span crl_points;       /* raw */
    struct cede_span info_access;      /* raw */
    /* Which of the four raw members are DER although the certificate is C509 (generic encoding). */
    bool alt_name_is_der, name_constraints_is_der, crl_points_is_der, info_access_is_der;
    bool has_unknown_critical; /* no path through this certificate may be accepted */
};

/* A certificate to be issued, in no format yet. Zero everything first: zero means absent, but for
 * `path_len`. */
struct cede_certificate_info {
    struct cede_span serial; /* big-endian, positive, up to CEDE_SERIAL_LEN_MAX bytes */
    struct cede_name issuer; /* absent: the subject's, self-signed */
    uint64_t not_before;     /* POSIX seconds */
    uint64_t not_after;      /* or CEDE_TIME_NONE */
    struct cede_name subject;
    struct cede_public_key public_key; /* P-256, P-384 or Ed25519 */

    bool has_basic_constraints;
    bool ca;
    int32_t path_len;            /* of a CA; or CEDE_PATH_LEN_NONE */
    uint16_t key_usage;          /* CEDE_KU_...; 0: absent */
    bool key_usage_not_critical; /* RFC 5280, section 4.2.1.3, would have it critical */
    uint32_t eku;                /* CEDE_EKU_... */
    struct cede_span subject_key_id;
    struct cede_span authority_key_id;
    const struct cede_general_name *alt_names;
    size_t alt_names_count;
    struct cede_span crl_uri;           /* cRLDistributionPoints */
    struct cede_span ocsp_uri;          /* authorityInfoAccess */
    struct cede_name permitted_subtree; /* nameConstraints: a directory name, critical */
    bool ocsp_no_check;
};

/* --- certificates ----------------------------------------------------------------------------- */

struct cede_x509 {
    struct cede_span der;
    struct cede_span tbs;                 /* TBSCertificate, what is signed */
    struct cede_span serial;              /* without leading zeros */
    struct cede_span signature_algorithm; /* AlgorithmIdentifier, encoded */
    struct cede_span issuer;              /* Name, encoded */
    uint64_t not_before;
    uint64_t not_after; /* or CEDE_TIME_NONE */
    struct cede_span subject;
    struct cede_span public_key_info;      /* SubjectPublicKeyInfo, encoded */
    struct cede_span public_key_algorithm; /* AlgorithmIdentifier, encoded */
    struct cede_span public_key_bits;      /* subjectPublicKey: the bytes of the BIT STRING */
    int32_t curve;                         /* CEDE_CRV_..., 0 for a kind not supported */
    struct cede_span extensions;           /* contents of the SEQUENCE OF; null: absent */
    struct cede_extensions ext;
    int32_t signature_alg;           /* CEDE_ALG_..., 0 for a kind not supported */
    struct cede_span signature_bits; /* the bytes of the BIT STRING */
};

/* Reads a whole DER certificate. On failure *certificate is all zero. */
CEDE_MUST_USE enum cede_status cede_x509_decode(struct cede_span der,
                                                struct cede_x509 *certificate);
/* The subject's public key in the port's form; `point` is the memory it then lies in.
 * CEDE_CERTIFICATE_ALGORITHM: a kind not supported. CEDE_CRYPTO_KEY: not on its curve. */
CEDE_MUST_USE enum cede_status cede_x509_public_key(const struct cede_x509 *certificate,
                                                    const struct cede_crypto *crypto,
                                                    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                                    struct cede_public_key *key);
/* Checks the signature, nothing else. CEDE_CRYPTO_SIGNATURE: it does not verify. */
CEDE_MUST_USE enum cede_status cede_x509_verify(const struct cede_x509 *certificate,
                                                const struct cede_crypto *crypto,
                                                const struct cede_public_key *issuer_key);

/* Writes and signs a certificate. Names may be in any form but CEDE_NAME_C509.
 * CEDE_NO_SPACE: `out` is too small. CEDE_BAD_ARGUMENT: the description breaks the profile. */
CEDE_MUST_USE enum cede_status cede_x509_issue(const struct cede_crypto *crypto,
                                               const struct cede_certificate_info *info,
                                               const struct cede_private_key *issuer_key,
                                               struct cede_buf out, struct cede_span *der);
/* The same in two steps, for a signer that is elsewhere: what is to be signed with `signature_alg`,
 * and the certificate made of it and the signature (r || s or Ed25519's). The buffers differ. */
CEDE_MUST_USE enum cede_status cede_x509_encode_tbs(const struct cede_certificate_info *info,
                                                    int32_t signature_alg, struct cede_buf out,
                                                    struct cede_span *tbs);
CEDE_MUST_USE enum cede_status cede_x509_join(struct cede_span tbs, int32_t signature_alg,
                                              struct cede_span signature, struct cede_buf out,
                                              struct cede_span *der);

/* --- requests --------------------------------------------------------------------------------- */

struct cede_x509_request {
    struct cede_span der;
    struct cede_span info; /* CertificationRequestInfo, what is signed */
    struct cede_span subject;
    struct cede_span public_key_info;
    struct cede_span public_key_bits;
    int32_t curve;
    struct cede_span attributes;         /* contents of [0] */
    struct cede_span extensions;         /* extensionRequest: contents of the SEQUENCE; or null */
    struct cede_extensions ext;          /* what it asks for */
    struct cede_span challenge_password; /* its text, or null */
    struct cede_span signature_algorithm;
    int32_t signature_alg;
    struct cede_span signature_bits;
    int32_t mac_hash; /* CEDE_ALG_SHA_...: possession is proved by a MAC; 0: by a signature */
};

CEDE_MUST_USE enum cede_status cede_x509_request_decode(struct cede_span der,
                                                        struct cede_x509_request *request);
CEDE_MUST_USE enum cede_status cede_x509_request_public_key(const struct cede_x509_request *request,
                                                            const struct cede_crypto *crypto,
                                                            uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                                            struct cede_public_key *key);
/* Proof of possession: the signature verifies under the request's own key. */
CEDE_MUST_USE enum cede_status cede_x509_request_verify(const struct cede_x509_request *request,
                                                        const struct cede_crypto *crypto);
/* Writes and signs a request; `challenge_password` may be null. */
CEDE_MUST_USE enum cede_status cede_x509_request_write(const struct cede_crypto *crypto,
                                                       struct cede_name subject,
                                                       const struct cede_public_key *public_key,
                                                       const struct cede_private_key *private_key,
                                                       struct cede_span challenge_password,
                                                       struct cede_buf out, struct cede_span *der);

/* --- pieces, also for CRLs and OCSP ----------------------------------------------------------- */

/* An X.501 Name of several attributes: printable string for country and serial number, IA5 string
 * for e-mail and domain component, UTF-8 otherwise. */
CEDE_MUST_USE enum cede_status cede_x509_name_encode(const struct cede_name_attribute *attributes,
                                                     size_t attributes_count, struct cede_buf out,
                                                     struct cede_span *name);
/* Writes a name that is not CEDE_NAME_C509 as X.501 Name. */
void cede_x509_put_name(struct cede_writer *writer, struct cede_name name);
/* The value of the last common name in an encoded X.501 Name; null when there is none. */
struct cede_span cede_x509_common_name(struct cede_span name);
void cede_x509_put_public_key(struct cede_writer *writer, const struct cede_public_key *key);
/* AlgorithmIdentifier and signature BIT STRING for a raw signature (r || s or Ed25519's). */
void cede_x509_put_algorithm(struct cede_writer *writer, int32_t signature_alg);
void cede_x509_put_signature(struct cede_writer *writer, int32_t signature_alg,
                             struct cede_span signature);
/* The other way: COSE number of an encoded AlgorithmIdentifier (0: not supported), and the raw form
 * of a signature. `raw` has room for CEDE_SIGNATURE_LEN_MAX. */
int32_t cede_x509_signature_alg(struct cede_span algorithm);
CEDE_MUST_USE enum cede_status cede_x509_signature_raw(int32_t signature_alg,
                                                       struct cede_span signature_bits,
                                                       uint8_t *raw, size_t *raw_len);
/* Takes one extension into *ext: `oid` and the DER in extnValue. An unknown one only counts when it
 * is critical. */
CEDE_MUST_USE enum cede_status cede_x509_extension(struct cede_span oid, bool critical,
                                                   struct cede_span value,
                                                   struct cede_extensions *ext);
/* The signature algorithm a key of this curve signs with; 0 when none. */
int32_t cede_certificate_alg(int32_t curve);

#endif
