/* SPDX-License-Identifier: Apache-2.0 */
/*
 * est.h - enrolment over OSCORE (draft-ietf-ace-coap-est-oscore-11, after RFC 9148 and RFC 7030).
 *
 * Place: protocol, above OSCORE and the certificate codecs; device and CA use the same table.
 * Use, client: cede_est_operation() names path and formats; cede_est_compose_request() writes the
 *      request for a certificate; send it to the enrolment URI's path, "/" and the operation's
 *      path; cede_est_check_certificate() judges the answer, cede_est_check_anchor() an answer to
 *      /crts.
 * Use, server: cede_est_find_operation() by the last segment of the path.
 * Memory: the caller's; stack about 1.5 KB besides the codecs'.
 * Errors: CEDE_EST_KEY and CEDE_EST_SUBJECT for a certificate that is not the one asked for.
 *
 * Bodies, CBOR: a request is a C509CertificationRequest (the array); a certificate comes as
 * COSE_C509, that is a byte string with ~C509Certificate, or, with usage=chain, an array of them,
 * the subject's first. Bodies, DER (EST-coaps, RFC 9148; content formats 286, 287, 281): PKCS #10,
 * and X.509 certificates, one alone or in a certs-only message.
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
/* RFC 9148, section 4.3. */
#define CEDE_EST_FORMAT_PKCS7_CERTS 281
#define CEDE_EST_FORMAT_CSRATTRS    285
#define CEDE_EST_FORMAT_PKCS10      286
#define CEDE_EST_FORMAT_PKIX_CERT   287

enum cede_est_kind {
    CEDE_EST_SEN,  /* simple enrolment */
    CEDE_EST_SREN, /* simple re-enrolment */
    CEDE_EST_CRTS, /* trust anchors */
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

/* What a client holds to judge an answer with. */
struct cede_est_trust {
    const struct cede_certificate *anchors; /* purpose enrol */
    size_t anchors_count;
    bool has_clock;
    uint64_t now; /* POSIX seconds */
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

/* The server's side of bodies: COSE_C509 around one certificate (C509 of any form). */
void cede_est_put_certificate(struct cede_writer *writer, struct cede_span sequence);

#endif
