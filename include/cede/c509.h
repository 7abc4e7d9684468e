/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c509.h - C509 certificates and requests (draft-ietf-cose-cbor-encoded-cert-18).
 *
 * Place: codec, above cbor.h and x509.h. Type 2 is signed as CBOR; type 3 is an X.509 certificate
 *      in shorter clothes, signed as DER: to check it, the DER is rebuilt byte for byte.
 * Use: cede_c509_decode(), cede_c509_verify(); cede_c509_issue(); cede_c509_from_x509() and
 *      cede_c509_to_x509() convert. Paths and whatever is common to both kinds: certificate.h.
 * Memory: views hold spans into the input. Rebuilding needs the caller's memory: CEDE_C509_SCRATCH
 *      is enough for a certificate of a device or of a CA above it, longer ones say CEDE_NO_SPACE.
 * Errors: malformed for what is no deterministic CBOR; invalid for what the draft forbids;
 *      CEDE_C509_NOT_EXPRESSIBLE for X.509 that has no C509 form.
 */
#ifndef CEDE_C509_H
#define CEDE_C509_H

#include "cede/cbor.h"
#include "cede/x509.h"

#define CEDE_C509_NATIVE 2 /* c509CertificateType, also c509CertificationRequestType */
#define CEDE_C509_X509   3

#define CEDE_C509_SCRATCH 1024

/* --- certificates ----------------------------------------------------------------------------- */

struct cede_c509 {
    struct cede_span sequence; /* ~C509Certificate: the eleven items without an array around them */
    struct cede_span tbs;      /* the first ten */
    int32_t type;              /* CEDE_C509_NATIVE or CEDE_C509_X509 */
    struct cede_span serial;   /* without leading zeros */
    struct cede_span signature_algorithm; /* encoded item */
    int32_t signature_alg;                /* CEDE_ALG_..., 0 for a kind not supported */
    struct cede_span issuer;              /* encoded Name; the subject's when it is null */
    bool issuer_is_subject;
    uint64_t not_before;
    uint64_t not_after; /* or CEDE_TIME_NONE */
    struct cede_span subject;
    struct cede_span public_key_algorithm; /* encoded item */
    int32_t curve;                         /* CEDE_CRV_..., 0 for a kind not supported */
    struct cede_span public_key_item;      /* encoded item */
    struct cede_span public_key; /* its bytes: compressed point or Ed25519 key; null: no bytes */
    struct cede_span extensions; /* encoded item */
    struct cede_extensions ext;
    struct cede_span signature; /* r || s or as in X.509 */
};

/* Reads a ~C509Certificate or a C509Certificate (the array around it). On failure *certificate is
 * all zero. */
CEDE_MUST_USE enum cede_status cede_c509_decode(struct cede_span encoding,
                                                struct cede_c509 *certificate);
/* The subject's public key in the port's form; `point` is the memory it then lies in. */
CEDE_MUST_USE enum cede_status cede_c509_public_key(const struct cede_c509 *certificate,
                                                    const struct cede_crypto *crypto,
                                                    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                                    struct cede_public_key *key);
/* Checks the signature, nothing else. Type 3 rebuilds the X.509 TBSCertificate in `scratch`. */
CEDE_MUST_USE enum cede_status cede_c509_verify(const struct cede_c509 *certificate,
                                                const struct cede_crypto *crypto,
                                                const struct cede_public_key *issuer_key,
                                                struct cede_buf scratch);
/* The same for native certificates alone: a firmware that calls only these links nothing of X.509.
 * CEDE_C509_TYPE: another type. In a native certificate whatever has a number is written with it
 * (draft, section "Deterministic Encoding"): CEDE_C509_EXTENSION for an extension of
 * RFC 5280 written otherwise; any other identifier is that of an unknown extension or purpose. */
CEDE_MUST_USE enum cede_status cede_c509_decode_native(struct cede_span encoding,
                                                       struct cede_c509 *certificate);
CEDE_MUST_USE enum cede_status cede_c509_public_key_native(const struct cede_c509 *certificate,
                                                           const struct cede_crypto *crypto,
                                                           uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                                           struct cede_public_key *key);
CEDE_MUST_USE enum cede_status cede_c509_verify_native(const struct cede_c509 *certificate,
                                                       const struct cede_crypto *crypto,
                                                       const struct cede_public_key *issuer_key);

/* Writes and signs a native certificate, as ~C509Certificate. Names may be in any form; names in
 * DER become CBOR without regard to their string types. */
CEDE_MUST_USE enum cede_status cede_c509_issue(const struct cede_crypto *crypto,
                                               const struct cede_certificate_info *info,
                                               const struct cede_private_key *issuer_key,
                                               struct cede_buf out, struct cede_span *c509);
/* The same in two steps: the ten items that are signed; the signature is then appended to them as a
 * byte string with cede_c509_join(), which may write over `tbs`. */
CEDE_MUST_USE enum cede_status cede_c509_encode_tbs(const struct cede_certificate_info *info,
                                                    int32_t signature_alg, struct cede_buf out,
                                                    struct cede_span *tbs);
CEDE_MUST_USE enum cede_status cede_c509_join(struct cede_span tbs, struct cede_span signature,
                                              struct cede_buf out, struct cede_span *c509);

/* --- conversion ------------------------------------------------------------------------------- */

/* X.509 to C509 type 3, as ~C509Certificate. The result has been turned back in `scratch` (at least
 * as long as `der`) and found equal. CEDE_C509_NOT_EXPRESSIBLE: there is no C509 form. */
CEDE_MUST_USE enum cede_status cede_c509_from_x509(const struct cede_crypto *crypto,
                                                   struct cede_span der, struct cede_buf scratch,
                                                   struct cede_buf out, struct cede_span *c509);
/* C509 type 3 to X.509. CEDE_C509_TYPE: another type. */
CEDE_MUST_USE enum cede_status cede_c509_to_x509(const struct cede_crypto *crypto,
                                                 struct cede_span encoding, struct cede_buf out,
                                                 struct cede_span *der);

/* --- certification requests ------------------------------------------------------------------- */

struct cede_c509_request {
    struct cede_span encoding; /* C509CertificationRequest, the array */
    struct cede_span tbs;      /* the six items that are signed */
    int32_t type;
    struct cede_span signature_algorithm;
    int32_t signature_alg;
    struct cede_span subject;
    struct cede_span public_key_algorithm;
    int32_t curve;
    struct cede_span public_key_item;
    struct cede_span public_key;
    struct cede_span attributes;         /* encoded item */
    struct cede_span extensions;         /* extensionRequest: encoded Extensions; or null */
    struct cede_extensions ext;          /* what it asks for */
    struct cede_span challenge_password; /* its text, or null */
    struct cede_span signature;          /* its bytes; null: the item is of another type */
    struct cede_span signature_item;     /* encoded item */
    int32_t mac_hash; /* CEDE_ALG_SHA_...: possession is proved by a MAC; 0: by a signature */
};

CEDE_MUST_USE enum cede_status cede_c509_request_decode(struct cede_span encoding,
                                                        struct cede_c509_request *request);
CEDE_MUST_USE enum cede_status cede_c509_request_public_key(const struct cede_c509_request *request,
                                                            const struct cede_crypto *crypto,
                                                            uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                                            struct cede_public_key *key);
/* Proof of possession: the signature verifies under the request's own key. Type 3 rebuilds the
 * CertificationRequestInfo in `scratch`. */
CEDE_MUST_USE enum cede_status cede_c509_request_verify(const struct cede_c509_request *request,
                                                        const struct cede_crypto *crypto,
                                                        struct cede_buf scratch);
/* Writes and signs a native request; `challenge_password` may be null. */
CEDE_MUST_USE enum cede_status cede_c509_request_write(
    const struct cede_crypto *crypto, struct cede_name subject,
    const struct cede_public_key *public_key, const struct cede_private_key *private_key,
    struct cede_span challenge_password, struct cede_buf out, struct cede_span *request);

/* PKCS #10 to C509 type 3 and back; as with certificates, what is written has been turned back in
 * `scratch` and found equal. CEDE_C509_NOT_EXPRESSIBLE, CEDE_C509_TYPE as there. */
CEDE_MUST_USE enum cede_status cede_c509_request_from_x509(const struct cede_crypto *crypto,
                                                           struct cede_span der,
                                                           struct cede_buf scratch,
                                                           struct cede_buf out,
                                                           struct cede_span *request);
CEDE_MUST_USE enum cede_status cede_c509_request_to_x509(const struct cede_crypto *crypto,
                                                         struct cede_span encoding,
                                                         struct cede_buf out,
                                                         struct cede_span *der);

/* --- proof of possession by MAC -----------------------------------------------------------------
 */

/* For keys that agree on secrets and do not sign (RFC 6955, section 6; draft, section "Subject
 * Signature Algorithm"; EST-oscore, section 3.4): in place of the signature stands an HMAC over the
 * same bytes. Its key comes from the secret of the requester's key and a key of the verifier, so
 * that only this verifier can check it. NIST curves and X25519.
 *
 * The MAC key is KDF(subject || secret || issuer), with the two names of the certificate that the
 * verifier's key came from, as encoded there; both are empty for a key that came without one, such
 * as EDHOC's G_Y. On the wire stands the MAC, with issuer and serial number of that certificate
 * when there is one (DhSigStatic). */

enum cede_pop_kdf {
    CEDE_POP_KDF_HASH, /* the hash alone, as RFC 6955 registers it */
    CEDE_POP_KDF_HKDF  /* HKDF without salt and info, as EST-oscore wants it */
};

/* What both ends know about the verifier. Zero everything first. */
struct cede_pop_verifier {
    int32_t hash_alg; /* CEDE_ALG_SHA_256, CEDE_ALG_SHA_384 or CEDE_ALG_SHA_512 */
    enum cede_pop_kdf kdf;
    struct cede_public_key key; /* for the requester; a point known by its x alone may have either
                                   of the two y: the secret is the same */
    struct cede_name subject;   /* CEDE_NAME_DER or CEDE_NAME_C509; null: no certificate */
    struct cede_name issuer;
    struct cede_span serial; /* without leading zeros */
};

/* Writes a native request for an agreement key; `private_key` belongs to `public_key`.
 * CEDE_CERTIFICATE_ALGORITHM: not a curve or hash for this, or the verifier's curve differs. */
CEDE_MUST_USE enum cede_status cede_c509_request_write_mac(
    const struct cede_crypto *crypto, struct cede_name subject,
    const struct cede_public_key *public_key, const struct cede_private_key *private_key,
    const struct cede_pop_verifier *verifier, struct cede_span challenge_password,
    struct cede_buf out, struct cede_span *request);
/* Checks the MAC with the private key that belongs to the verifier's key; verifier->key is not
 * used. CEDE_CRYPTO_TAG: it does not hold. CEDE_CERTIFICATE_UNTRUSTED: made for a verifier with
 * another certificate. CEDE_CERTIFICATE_ALGORITHM: no MAC, or with another hash. Type 3 rebuilds
 * the CertificationRequestInfo in `scratch`. */
CEDE_MUST_USE enum cede_status
cede_c509_request_verify_mac(const struct cede_c509_request *request,
                             const struct cede_crypto *crypto,
                             const struct cede_pop_verifier *verifier,
                             const struct cede_private_key *verifier_key, struct cede_buf scratch);
/* The same for PKCS #10; names must be CEDE_NAME_DER. */
CEDE_MUST_USE enum cede_status cede_x509_request_write_mac(
    const struct cede_crypto *crypto, struct cede_name subject,
    const struct cede_public_key *public_key, const struct cede_private_key *private_key,
    const struct cede_pop_verifier *verifier, struct cede_span challenge_password,
    struct cede_buf out, struct cede_span *der);
CEDE_MUST_USE enum cede_status cede_x509_request_verify_mac(
    const struct cede_x509_request *request, const struct cede_crypto *crypto,
    const struct cede_pop_verifier *verifier, const struct cede_private_key *verifier_key);

/* --- COSE header values ----------------------------------------------------------------------- */

/* COSE_C509 and COSE_X509 (c5b, c5c, x5bag, x5chain): one byte string, or an array of two or more.
 * CEDE_NO_SPACE: more than `max` certificates. */
CEDE_MUST_USE enum cede_status cede_c509_bag_decode(struct cede_span encoding,
                                                    struct cede_span *certificates, size_t max,
                                                    size_t *certificates_count);
void cede_c509_put_bag(struct cede_writer *writer, const struct cede_span *certificates,
                       size_t certificates_count);

/* --- private keys -------------------------------------------------------------------------------
 */

#define CEDE_C509_KEY_OCTETS 0 /* C509PrivateKeyType: the octets of RFC 5958's PrivateKey */
#define CEDE_C509_KEY_COSE   1 /* a COSE_Key */

/* The views hold spans into the encoding: wipe that. */
struct cede_c509_private_key {
    struct cede_span encoding; /* C509PrivateKey, the array */
    int32_t type;
    struct cede_span algorithm; /* encoded item */
    int32_t curve;              /* CEDE_CRV_..., 0 for a kind not supported */
    struct cede_span octets;    /* type 0; null otherwise */
    struct cede_span cose_key;  /* type 1, encoded item; null otherwise */
    struct cede_span scalar;    /* the private key in the port's form; null for other kinds */
};

/* CEDE_C509_TYPE: another type. CEDE_CRYPTO_KEY: octets or COSE_Key are not those of a private key
 * of the algorithm that the key names. */
CEDE_MUST_USE enum cede_status cede_c509_private_key_decode(struct cede_span encoding,
                                                            struct cede_c509_private_key *key);
/* The key as the port takes it. CEDE_CERTIFICATE_ALGORITHM: a kind not supported. */
CEDE_MUST_USE enum cede_status cede_c509_private_key_open(const struct cede_c509_private_key *key,
                                                          struct cede_private_key *private_key);
/* Writes a C509PrivateKey of either type. `public_key` may be null; then there is none in it. */
CEDE_MUST_USE enum cede_status
cede_c509_private_key_write(int32_t type, const struct cede_private_key *private_key,
                            const struct cede_public_key *public_key, struct cede_buf out,
                            struct cede_span *encoding);
/* Between C509PrivateKey and PKCS #8 (RFC 5958). From PKCS #8 comes type 0, the octets as they are:
 * CEDE_C509_NOT_EXPRESSIBLE when attributes or a public key stand beside them. To PKCS #8 type 1
 * must be of a kind that is supported. */
CEDE_MUST_USE enum cede_status cede_c509_private_key_from_pkcs8(struct cede_span der,
                                                                struct cede_buf out,
                                                                struct cede_span *encoding);
CEDE_MUST_USE enum cede_status cede_c509_private_key_to_pkcs8(struct cede_span encoding,
                                                              struct cede_buf out,
                                                              struct cede_span *der);

/* C509PEM: a private key and the certificates that go with it. `bag` is an encoded COSE_C509, or
 * null when there are none. */
CEDE_MUST_USE enum cede_status cede_c509_pem_decode(struct cede_span encoding,
                                                    struct cede_c509_private_key *key,
                                                    struct cede_span *bag);
/* `key` is an encoded C509PrivateKey. */
void cede_c509_put_pem(struct cede_writer *writer, struct cede_span key,
                       const struct cede_span *certificates, size_t certificates_count);

/* --- files --------------------------------------------------------------------------------------
 */

/* What a stored item is, by content format. The draft has no numbers yet ("TBD3" and so on): cede
 * uses 65000 plus the TBD's number, from the range for experiments. */
#define CEDE_C509_FORMAT_CERTIFICATE 65003 /* COSE_C509 */
#define CEDE_C509_FORMAT_REQUEST     65004 /* C509CertificationRequest */
#define CEDE_C509_FORMAT_PRIVATE_KEY 65010 /* C509PrivateKey */
#define CEDE_C509_FORMAT_PEM         65011 /* C509PEM */
#define CEDE_C509_FORMAT_CHAIN       65015 /* COSE_C509; usage=chain */
#define CEDE_C509_FORMAT_TEMPLATE    65019 /* C509CertificationRequestTemplate */

/* The envelope of a stored item (RFC 9277, section 2.2): tag 55799 around a tag that is made of the
 * content format. It is written before the item. CEDE_BAD_ARGUMENT: above 65024. */
void cede_c509_put_file_head(struct cede_writer *writer, uint32_t format);
/* Takes the envelope off when there is one: *format is 0 when not. CEDE_CBOR_TYPE: tag 55799 around
 * something else. */
CEDE_MUST_USE enum cede_status cede_c509_file_open(struct cede_span file, uint32_t *format,
                                                   struct cede_span *item);

/* --- request templates --------------------------------------------------------------------------
 */

/* What a CA expects of a request (draft, section "Certification Request Template"). A null span
 * means undefined: the requester chooses. */
struct cede_c509_template {
    struct cede_span encoding;
    struct cede_span request_types; /* encoded array, as the next ones */
    struct cede_span signature_algorithms;
    struct cede_span subject; /* NameTemplate */
    struct cede_span public_key_algorithms;
    struct cede_span extensions; /* ExtensionsTemplate */
};

struct cede_c509_template_attribute {
    struct cede_span oid;   /* null: `type` counts */
    int32_t type;           /* CEDE_RDN_... */
    uint32_t min, max;      /* how often it may occur */
    struct cede_span value; /* encoded item; null: undefined */
};

struct cede_c509_template_extension {
    struct cede_span oid; /* null: `number` counts */
    int32_t number;       /* of the C509 Extensions registry */
    bool optional;
    struct cede_span value; /* encoded item, which may have undefined inside; null: undefined */
};

/* CEDE_C509_TYPE: a template of another type. CEDE_C509_TEMPLATE: not what the draft describes. */
CEDE_MUST_USE enum cede_status cede_c509_template_decode(struct cede_span encoding,
                                                         struct cede_c509_template *template_);
/* Walk through a template that was decoded: start with *at = 0, false at the end. */
bool cede_c509_template_next_attribute(const struct cede_c509_template *template_, size_t *at,
                                       struct cede_c509_template_attribute *attribute);
bool cede_c509_template_next_extension(const struct cede_c509_template *template_, size_t *at,
                                       struct cede_c509_template_extension *extension);
/* Whether a request is what the template expects: its type and algorithms are among those named,
 * each attribute of its subject is named and occurs as often as it should with the value given, and
 * the same holds for the extensions it asks for. CEDE_C509_TEMPLATE_BROKEN: it is not. */
CEDE_MUST_USE enum cede_status cede_c509_template_check(const struct cede_c509_template *template_,
                                                        const struct cede_c509_request *request);

/* A template to be written. Counts of zero (request_types, curves, signature_algs) and null
 * pointers stand for undefined. */
struct cede_c509_template_info {
    const int32_t *request_types;
    size_t request_types_count;
    const int32_t *signature_algs; /* CEDE_ALG_... */
    size_t signature_algs_count;
    const int32_t *curves; /* CEDE_CRV_... */
    size_t curves_count;
    const struct cede_c509_template_attribute *attributes; /* null: any subject */
    size_t attributes_count;
    const struct cede_c509_template_extension *extensions; /* null: any extensions */
    size_t extensions_count;
};
void cede_c509_put_template(struct cede_writer *writer, const struct cede_c509_template_info *info);

/* --- names ------------------------------------------------------------------------------------ */

CEDE_MUST_USE enum cede_status cede_c509_name_encode(const struct cede_name_attribute *attributes,
                                                     size_t attributes_count, struct cede_buf out,
                                                     struct cede_span *name);
/* Writes a name in any form as C509 Name of a native certificate: no string types. */
void cede_c509_put_name(struct cede_writer *writer, struct cede_name name);
/* Writes a name in any form as X.501 Name; a C509 one with the string types its signs give. */
void cede_c509_put_name_der(struct cede_writer *writer, struct cede_name name);

#endif
