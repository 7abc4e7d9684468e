/* SPDX-License-Identifier: Apache-2.0 */
/*
 * est.h - enrolment over OSCORE (draft-ietf-ace-coap-est-oscore-11, after RFC 9148 and RFC 7030).
 *
 * Place: protocol, above OSCORE and the certificate codecs; device and CA use the same table.
 * Use, client: cede_est_operation() names path and formats; cede_est_compose_request() writes the
 *      request for a certificate; send it to the enrolment URI's path, "/" and the operation's
 *      path; cede_est_check_certificate() judges the answer, cede_est_check_anchor() an answer to
 *      /crts.
 *      A key that agrees on secrets and does not sign (static Diffie-Hellman) proves possession
 *      with a MAC: cede_est_compose_mac_request(). A certificate that comes by reference is taken
 *      with cede_est_read_references() and known by it with cede_est_check_reference().
 * Use, server: cede_est_find_operation() by the last segment of the path; cede_est_put_...() write
 *      bodies, cede_est_put_links() tells strangers where all of it is.
 * Memory: the caller's; stack about 1.5 KB besides the codecs'.
 * Errors: CEDE_EST_KEY and CEDE_EST_SUBJECT for a certificate that is not the one asked for.
 *
 * Bodies, CBOR: a request is a C509CertificationRequest (the array); a certificate comes as
 * COSE_C509, that is a byte string with ~C509Certificate, or, with usage=chain, an array of them,
 * the subject's first. Bodies, DER (EST-coaps, RFC 9148; content formats 286, 287, 281): PKCS #10,
 * and X.509 certificates, one alone or in a certs-only message. By reference: a COSE_CertHash, a
 * URI as CBOR text, or several of these in multipart-core (RFC 8710).
 */
#ifndef CEDE_EST_H
#define CEDE_EST_H

#include "cede/certificate.h"
#include "cede/coap.h"

/* Content formats. The C509 draft has no numbers yet ("TBD3" and so on): until IANA assigns them,
 * cede uses 65000 plus the TBD's number, from the range for experiments (RFC 7252, 12.3). */
#define CEDE_EST_FORMAT_C509_CERT       65003
#define CEDE_EST_FORMAT_C509_PKCS10     65004
#define CEDE_EST_FORMAT_C509_PRIVKEY    65010
#define CEDE_EST_FORMAT_C509_CHAIN      65015 /* cose-c509-cert; usage=chain */
#define CEDE_EST_FORMAT_CERTHASH        65016
#define CEDE_EST_FORMAT_C509_CERTHASH   65017 /* cose-certhash; usage=c509 */
#define CEDE_EST_FORMAT_C509_CRTEMPLATE 65019
#define CEDE_EST_FORMAT_LINKS           40 /* link-format (RFC 6690) */
#define CEDE_EST_FORMAT_URI             60 /* cbor: a text that is a URI, c5u or x5u */
#define CEDE_EST_FORMAT_MULTIPART       62 /* multipart-core */
/* RFC 9148, section 4.3. */
#define CEDE_EST_FORMAT_PKCS7_KEY   280 /* CMS EnvelopedData around a private key */
#define CEDE_EST_FORMAT_PKCS7_CERTS 281
#define CEDE_EST_FORMAT_PKCS8       284
#define CEDE_EST_FORMAT_CSRATTRS    285
#define CEDE_EST_FORMAT_PKCS10      286
#define CEDE_EST_FORMAT_PKIX_CERT   287

enum cede_est_kind {
    CEDE_EST_SEN,  /* simple enrolment */
    CEDE_EST_SREN, /* simple re-enrolment */
    CEDE_EST_CRTS, /* trust anchors */
    CEDE_EST_ATT,  /* what requests should be like */
    CEDE_EST_SKG,  /* key and certificate (certs-only, or C509), both made by the server */
    CEDE_EST_SKC,  /* the same with one X.509 certificate */
    CEDE_EST_KIND_COUNT
};

struct cede_est_operation {
    enum cede_est_kind kind;
    const char *path; /* below the enrolment URI */
    uint8_t method;   /* CoAP code of the request */
    uint8_t answer;   /* CoAP code of a good answer */
    bool has_body;    /* the request carries a certification request */
    uint32_t format;  /* content format of that body, C509 profile */
    uint32_t accept;  /* content format wanted, C509 profile */
};

#define CEDE_EST_MULTIPART_MAX 4   /* representations in a multipart-core body */
#define CEDE_EST_URI_LEN_MAX   256 /* of a certificate */

/* Never null for a kind above. */
const struct cede_est_operation *cede_est_operation(enum cede_est_kind kind);
/* The same for EST-coaps, with the formats of DER. A server that does not have the format wanted
 * answers 4.06; every one has CEDE_EST_FORMAT_PKCS7_CERTS (RFC 9148, section 4.3). */
const struct cede_est_operation *cede_est_coaps_operation(enum cede_est_kind kind);
/* By the last path segment ("sen"); null when there is no such operation. */
const struct cede_est_operation *cede_est_find_operation(struct cede_span segment);

/* The subject a device asks for: its id as only common name; the proof of possession is by
 * `key`. */
struct cede_est_identity {
    struct cede_span device_id;
    struct cede_private_key key;
    struct cede_public_key public_key;
};

/* Writes a C509CertificationRequest. */
CEDE_MUST_USE enum cede_status cede_est_compose_request(const struct cede_crypto *crypto,
                                                        const struct cede_est_identity *identity,
                                                        struct cede_buf out,
                                                        struct cede_span *request);

/* The same as PKCS #10. */
CEDE_MUST_USE enum cede_status cede_est_compose_pkcs10(const struct cede_crypto *crypto,
                                                       const struct cede_est_identity *identity,
                                                       struct cede_buf out,
                                                       struct cede_span *request);

/* The same for a static Diffie-Hellman key: possession is proved to `verifier` alone, by MAC
 * (c509.h). Behind EDHOC and in one datagram with message_3 the verifier's key must be G_Y, without
 * names (draft, section 4.8): so the request is worth nothing in another session. Otherwise it is
 * the key of the server's agreement certificate (/crts). hash_alg is the application hash of the
 * cipher suite; `x509` makes it PKCS #10. */
CEDE_MUST_USE enum cede_status
cede_est_compose_mac_request(const struct cede_crypto *crypto,
                             const struct cede_est_identity *identity,
                             const struct cede_pop_verifier *verifier, bool x509,
                             struct cede_buf out, struct cede_span *request);
/* The verifier that G_Y is, in the port's form and as EDHOC's session has it. */
struct cede_pop_verifier cede_est_ephemeral_verifier(int32_t hash_alg, int32_t curve,
                                                     struct cede_span g_y);
/* The verifier that a certificate of an agreement key names. */
struct cede_pop_verifier cede_est_certificate_verifier(int32_t hash_alg,
                                                       const struct cede_certificate *certificate);

/* What a client holds to judge an answer with. */
struct cede_est_trust {
    const struct cede_certificate *anchors; /* purpose enrol */
    size_t anchors_count;
    bool has_clock;
    uint64_t now; /* POSIX seconds */
    bool agrees;  /* the certificate is for key agreement; false: for signatures */
};

/* Takes the answer's body (COSE_C509 item or DER) apart: *certificate gets the first certificate,
 * as ~C509Certificate or DER, a span into `body`.
 *   malformed                 not such a body
 *   CEDE_EST_KEY              for another public key than identity->public_key
 *   CEDE_EST_SUBJECT          for another common name than identity->device_id
 *   CEDE_CERTIFICATE_...,     by the path, when it leads to one of the anchors' names; a chain that
 *   CEDE_CRYPTO_SIGNATURE     leads elsewhere is fine: *anchored is false then, and the server,
 *                             which EDHOC authenticated, vouches for it (RFC 7030, section 3.2.2);
 *                             fetch /crts. */
CEDE_MUST_USE enum cede_status
cede_est_check_certificate(const struct cede_crypto *crypto, struct cede_span body,
                           const struct cede_est_identity *identity,
                           const struct cede_est_trust *trust, struct cede_buf scratch,
                           struct cede_span *certificate, bool *anchored);

/* Finds in the body of a /crts answer (COSE_C509 or DER: one or many) the anchor that `certificate`
 * leads to; *anchor is a span into `body`. CEDE_CERTIFICATE_UNTRUSTED: none of them. */
CEDE_MUST_USE enum cede_status
cede_est_check_anchor(const struct cede_crypto *crypto, struct cede_span body,
                      struct cede_span certificate, const struct cede_est_trust *trust,
                      struct cede_buf scratch, struct cede_span *anchor);

/* --- certificates by reference (draft, sections 4.3.2 and 4.9) -------------------------------- */

/* What a body says about a certificate instead of, or besides, the certificate. Spans into the
 * body; null: not there. */
struct cede_est_references {
    struct cede_span hash;        /* COSE_CertHash item: c5t, or x5t with is_x509 */
    struct cede_span uri;         /* text: c5u or x5u, which shall not be mixed */
    struct cede_span certificate; /* a body as cede_est_check_certificate() takes it */
    bool is_x509;                 /* the hash is over DER */
};

/* Takes a body of content format `format` apart: CERTHASH, C509_CERTHASH, URI or MULTIPART.
 * CEDE_EST_BODY: none of these formats, the same twice, nothing in it, or no reference at all.
 * Representations of other formats are passed over. */
CEDE_MUST_USE enum cede_status cede_est_read_references(uint32_t format, struct cede_span body,
                                                        struct cede_est_references *references);
/* Is it the certificate the references speak of? CEDE_EST_REFERENCE: no, or there is no hash, so
 * nobody can tell. `certificate`: ~C509Certificate or DER. */
CEDE_MUST_USE enum cede_status
cede_est_check_reference(const struct cede_crypto *crypto,
                         const struct cede_est_references *references,
                         struct cede_span certificate);
/* Path below the enrolment URI where a certificate of that hash is found: "c/" and the hash in
 * base64url. CEDE_EST_BODY: no COSE_CertHash. */
CEDE_MUST_USE enum cede_status cede_est_reference_path(struct cede_span hash, struct cede_buf out,
                                                       struct cede_span *path);
/* The hash of such a path's last segment. CEDE_EST_BODY: none. */
CEDE_MUST_USE enum cede_status cede_est_reference_hash(struct cede_span segment,
                                                       struct cede_buf out, struct cede_span *hash);

/* --- the server's side of bodies -------------------------------------------------------------- */

/* COSE_C509 around one certificate (C509 of any form). */
void cede_est_put_certificate(struct cede_writer *writer, struct cede_span sequence);
/* COSE_CertHash, SHA-256 cut to 64 bits: RFC 9360's shortest. */
CEDE_MUST_USE enum cede_status cede_est_put_hash(struct cede_writer *writer,
                                                 const struct cede_crypto *crypto,
                                                 struct cede_span certificate);
/* multipart-core of what is not null, `certificate` with its format. */
void cede_est_put_multipart(struct cede_writer *writer,
                            const struct cede_est_references *references,
                            uint32_t certificate_format);

/* What /att asks for: keys of these curves, each with the proofs of possession that are taken. */
struct cede_est_wishes {
    bool p256, p384, ed25519; /* keys */
    bool signatures;          /* proof by signature */
    bool macs;                /* proof by MAC (P-256 and P-384) */
};

/* application/csrattrs (RFC 7030, section 4.5.2). */
void cede_est_put_csrattrs(struct cede_writer *writer, const struct cede_est_wishes *wishes);
/* application/cose-c509-crtemplate (C509 draft, section "Certificate Request Template"): a native
 * request or one of X.509, the subject one common name that the client fills in. */
void cede_est_put_crtemplate(struct cede_writer *writer, const struct cede_est_wishes *wishes);

/* /.well-known/core (RFC 9148, section 4.1; draft, section 4.1): one link for each function below
 * `root`, such as "/est/". `filter` is the request's Uri-Query or null: "rt=" or "href=" with a
 * value that may end in an asterisk; any other filter finds nothing (RFC 6690, section 4.1). */
void cede_est_put_links(struct cede_writer *writer, const char *root, struct cede_span filter);
/* The same for EST-coaps, where DTLS protects what OSCORE does not. */
void cede_est_put_coaps_links(struct cede_writer *writer, const char *root,
                              struct cede_span filter);

#endif
