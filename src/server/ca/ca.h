/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca.h - a certification authority, permanent or operational: state directory, enrolment service,
 *        partners' interface, server.
 *
 * Place: server; above the codecs, the store and the doors. A door authenticates a peer and hands
 *      ca_enrol() who it is, what it wants and the body: the service does not know which door.
 * Call order: ca_init() once (and ca_finish() for a CA below another one); then ca_open(), any of
 *      the operations, ca_close(); or ca_serve(), which runs until it is told to stop.
 * State directory (mode 0700):
 *      ca.json      name, kind, public addresses
 *      policy.json  what may be issued; the operator's to edit, read at ca_open()
 *      ca.key       the CA's key, mode 0600, any other mode is refused: key_store.h tells its forms
 *      ca.pem ca.der ca.c509   the certificate: X.509, and the same in C509 (type 3)
 *      chain.pem    issuers above it, the root last; empty for a root
 *      est.key est.c509   the enrolment server: native C509, id-kp-cmcRA, issued by this CA
 *              est.der    the same key's X.509 certificate, for DTLS
 *      dh.key dh.c509     the same for key agreement: EDHOC methods 1 and 3, proofs by MAC; a
 *                   directory without them has none of it
 *      tls.key tls.pem    the partners' door
 *      ca.csr       while the certificate of a CA below another one is missing
 *      store.db     records
 * Durable before delivered: inside a transaction of the caller (ca_begin, ca_commit) many requests
 *      share one fsync; no answer may leave before ca_commit() is CEDE_OK.
 * Memory: heap; spans in answers point into the caller's buffers.
 * Threads: one a struct ca. Open after a fork, not before.
 */
#ifndef CEDE_SERVER_CA_CA_H
#define CEDE_SERVER_CA_CA_H

#include <jansson.h>
#include <stdio.h>

#include "cede/certificate.h"
#include "store/store.h"

#define CA_NAME_MAX        64
#define CA_ADDRESS_MAX     128
#define CA_TOKEN_LEN       8 /* base64url characters of an enrolment token: 48 random bits */
#define CA_SERIAL_LEN      8 /* random, the first bit zero: 63 bits, and unique in the store */
#define CA_CERTIFICATE_MAX 2048
#define CA_CHAIN_MAX       3
#define CA_DEVICE_ID_MAX   32
#define CA_BATCH_MAX       1000 /* requests in one call of the partners' interface */

enum ca_kind { CA_PERMANENT, CA_OPERATIONAL };

/* What a certificate is for; each has its section in policy.json. */
enum ca_profile { CA_PROFILE_SUBCA, CA_PROFILE_SERVER, CA_PROFILE_FACTORY, CA_PROFILE_DEVICE };
#define CA_PROFILE_COUNT 4

const char *ca_profile_name(enum ca_profile profile);
/* CEDE_NOT_FOUND: no such profile. */
CEDE_MUST_USE enum cede_status ca_profile_by_name(const char *name, enum ca_profile *profile);

/* --- making one ------------------------------------------------------------------------------- */

struct ca_init {
    const char *directory;
    const char *name; /* common name of the CA; short: it is in every certificate */
    enum ca_kind kind;
    const char *https;   /* public HOST:PORT of the partners' door; null: none told */
    const char *coap;    /* public HOST:PORT of the compact door; null: none told */
    const char *coaps;   /* public HOST:PORT of the door of the X.509 profile; null: none told */
    const char *est;     /* public HOST:PORT of EST over HTTPS; null: none told */
    const char *http;    /* public HOST:PORT of CRL and OCSP; null: none told */
    const char *request; /* where to write the request for a CA below another; null: a root */
    const char *key;     /* PKCS #11 URI of the CA's key; null: make one in a file */
};

/* Makes a CA. With `request` the state waits for ca_finish(). CEDE_CA_EXISTS: there is one. */
CEDE_MUST_USE enum cede_status ca_init(const struct ca_init *init);
/* Takes the certificate the parent issued and the parent's own chain (PEM or DER; the chain's
 * last is the root). CEDE_CA_STATE: nothing waits for one. CEDE_CA_CERTIFICATE: not for this key
 * and name, no CA certificate, or it does not chain. */
CEDE_MUST_USE enum cede_status ca_finish(const char *directory, const char *certificate_file,
                                         const char *chain_file);

/* --- opening one ------------------------------------------------------------------------------ */

struct ca;

enum ca_open_flags {
    CA_OPEN_ALL = 0,
    CA_OPEN_WITHOUT_KEY = 1 /* for processes that sign through ca_set_signer() */
};

/* CEDE_NOT_FOUND: no CA there. CEDE_FILE_PERMISSIONS: a key file is open to others. CEDE_CA_STATE:
 * its certificate is missing. CEDE_CA_POLICY: policy.json is wrong (ca_error() names the member).
 * *ca is null on failure, except that ca_last_error() keeps a line for people. */
CEDE_MUST_USE enum cede_status ca_open(const char *directory, unsigned flags, struct ca **ca);
void ca_close(struct ca *ca);
/* Why the last ca_ call of this thread failed, in a line for people; "" when there is nothing to
 * add to the status's reason. */
const char *ca_last_error(void);

const char *ca_name(const struct ca *ca);
enum ca_kind ca_kind_of(const struct ca *ca);
struct cede_span ca_certificate_der(const struct ca *ca);
struct cede_span ca_certificate_c509(const struct ca *ca); /* ~C509Certificate, type 3 */
struct store *ca_store(struct ca *ca);

/* Signs somewhere else: `crypto` is a port whose sign() knows what `key` stands for. */
void ca_set_signer(struct ca *ca, const struct cede_crypto *crypto,
                   const struct cede_private_key *key);
/* Signs the certificates of one turn with few questions to `signer`, which must be the signer that
 * was set: see ca_enrolled(). */
struct signer_client;
CEDE_MUST_USE enum cede_status ca_sign_together(struct ca *ca, struct signer_client *signer);
/* The time to go by, for tests; null: the wall clock. */
void ca_set_clock(struct ca *ca, uint64_t (*now)(void *context), void *context);

/* --- transactions around operations ----------------------------------------------------------- */

CEDE_MUST_USE enum cede_status ca_begin(struct ca *ca);
CEDE_MUST_USE enum cede_status ca_commit(struct ca *ca);

/* --- issuing and revoking --------------------------------------------------------------------- */

/* Issues what a PKCS #10 or C509 request asks for, within the profile's policy; the answer has the
 * request's format. Proof of possession is checked. `account` may be null (the operator).
 * CEDE_CRYPTO_SIGNATURE: no proof of possession. CEDE_CA_SUBJECT, CEDE_CA_KEY, CEDE_CA_KIND,
 * CEDE_CA_EXTENSION: policy says no. `authorised_by` is noted down. */
CEDE_MUST_USE enum cede_status ca_issue(struct ca *ca, enum ca_profile profile,
                                        struct cede_span request, const char *account,
                                        const char *authorised_by, struct cede_buf out,
                                        struct cede_span *certificate);

/* The same for the contents of a file, PEM included; the certificate comes as PEM when the request
 * did. The operator is the account. */
CEDE_MUST_USE enum cede_status ca_issue_file(struct ca *ca, enum ca_profile profile,
                                             struct cede_span content, struct cede_buf out,
                                             struct cede_span *certificate);

/* Revokes by serial; `account` null is the operator, otherwise only its own. CEDE_NOT_FOUND.
 * Revoked again: CEDE_OK, nothing changes; *changed (may be null) tells. `reason` as in RFC
 * 5280, 5.3.1. */
CEDE_MUST_USE enum cede_status ca_revoke_serial(struct ca *ca, struct cede_span serial,
                                                const char *account, int reason, bool *changed);
/* All live operational and factory certificates of a device. *count may be null. */
CEDE_MUST_USE enum cede_status ca_revoke_device(struct ca *ca, const char *device_id, int reason,
                                                size_t *count);

/* A new TLS certificate for the partners' door, which takes it up when it is started again; with
 * `new_key` also a new key. The CA must be open with its key. After a crash in between key and
 * certificate may not fit, and the door does not start: a second call mends that. */
CEDE_MUST_USE enum cede_status ca_renew_tls(struct ca *ca, bool new_key);

/* Every certificate, oldest first: one line each, or one JSON object a line. */
CEDE_MUST_USE enum cede_status ca_list(struct ca *ca, bool json, FILE *out);
/* What was refused because it looks like a stolen or copied key (R13), in the same way. */
CEDE_MUST_USE enum cede_status ca_alarms(struct ca *ca, bool json, FILE *out);

/* Device requests that wait for an operator (policy.json, profile device: "approval": "manual"):
 * device id and POSIX seconds of the first asking, one line each. */
CEDE_MUST_USE enum cede_status ca_pending(struct ca *ca, FILE *out);
/* Lets the waiting request of a device pass, when it is made again. CEDE_NOT_FOUND: none waits. */
CEDE_MUST_USE enum cede_status ca_approve(struct ca *ca, const char *device_id);

/* --- accounts, registrations, releases -------------------------------------------------------- */

/* Adds a partner or replaces its identity certificate (DER). */
CEDE_MUST_USE enum cede_status ca_account_set(struct ca *ca, const char *name,
                                              struct cede_span certificate);

/* The same for the contents of a file, PEM or DER. */
CEDE_MUST_USE enum cede_status ca_account_file(struct ca *ca, const char *name,
                                               struct cede_span content);

/* Registers factory certificates (raw) for an account: all or nothing. `transfer` (16 bytes, or
 * null) names the release for those another account holds. Writes the enrolment URI.
 * CEDE_CA_HELD: another account holds one, without a release. CEDE_CA_FACTORY: one is no factory
 * certificate this CA takes. CEDE_CERTIFICATE_EXPIRED: one is over, for longer than the policy's
 * grace; not yet valid it may be. `*bad_index` tells which. */
CEDE_MUST_USE enum cede_status ca_register(struct ca *ca, const char *account,
                                           const struct cede_span *certificates, size_t count,
                                           struct cede_span transfer, char *uri, size_t uri_cap,
                                           size_t *bad_index);
/* The same enrolment URI for EST-coaps, as text. False: the CA serves none. */
bool ca_coaps_uri(const struct ca *ca, const char *uri, struct cede_buf out);
/* The same for an operator, out of files: register_command.c. */
struct ca_bag {
    struct cede_span *certificates;
    size_t count;
};
/* The certificates of a file: all of a PEM text, or the one of anything else (DER, C509). Begin
 * with a bag of zeros. CEDE_CA_FACTORY: there is none in it. */
CEDE_MUST_USE enum cede_status ca_bag_add(struct ca_bag *bag, struct cede_span content);
void ca_bag_wipe(struct ca_bag *bag);
/* Where devices of the account enrol; "": the CA has told no address for that door. */
#define CA_URI_MAX 256
struct ca_enrol_uris {
    char token[CA_TOKEN_LEN + 1];
    char est[CA_URI_MAX]; /* EST over HTTPS; an operation's name comes behind, as in the others */
    char coaps[CA_URI_MAX];
    char coap[CA_URI_MAX];
};
/* ca_register() for any number of certificates, all or nothing. CEDE_NOT_FOUND: no such account.
 * `*bad_index` is the number of certificates when it was none of them. */
CEDE_MUST_USE enum cede_status ca_register_bag(struct ca *ca, const char *account,
                                               const struct ca_bag *bag, struct ca_enrol_uris *uris,
                                               size_t *bad_index);
/* ca_deregister() for the same, all or nothing; those the account does not hold do not count.
 * CEDE_NOT_FOUND: no such account. CEDE_CA_FACTORY: one is no certificate; `*bad_index` tells. */
CEDE_MUST_USE enum cede_status ca_deregister_bag(struct ca *ca, const char *account,
                                                 const struct ca_bag *bag, size_t *deregistered,
                                                 size_t *bad_index);
/* An account lets devices go: DeviceUpdateInfo in a JWS signed with the identity key of the account
 * that holds them (R7: whoever brings it). CEDE_JWS_UNSIGNED: by another key. */
CEDE_MUST_USE enum cede_status ca_release(struct ca *ca, struct cede_span jws, size_t *released);
/* Ends registrations of an account and revokes what lives of them. */
CEDE_MUST_USE enum cede_status ca_deregister(struct ca *ca, const char *account,
                                             const struct cede_span *thumbprints, size_t count,
                                             size_t *deregistered);

/* CBOR [+ TrustEntry]: what a device needs to enrol here: the root with purpose enrol, the CAs
 * below it and the enrolment server as known certificates; all survive the reset. */
CEDE_MUST_USE enum cede_status ca_anchors(struct ca *ca, struct cede_buf out,
                                          struct cede_span *anchors);

/* --- the enrolment service, behind every door ------------------------------------------------- */

/* Who a device is. */
struct ca_peer {
    bool operational; /* by an operational certificate, else by a factory certificate */
    int64_t row;      /* of the certificate or the factory record */
    char device_id[CA_DEVICE_ID_MAX + 1];
    uint8_t thumbprint[32];
};

/* First step of a door: the certificate a reference names. `hash` is a SHA-256, full or cut to 8
 * bytes, over the raw certificate. CEDE_NOT_FOUND. */
CEDE_MUST_USE enum cede_status ca_find_certificate(struct ca *ca, struct cede_span hash,
                                                   struct cede_buf out, struct cede_span *raw);
/* Second step: may the owner of this certificate come in? CEDE_CA_UNKNOWN: never registered or
 * issued. CEDE_CA_REVOKED (R6). CEDE_CERTIFICATE_NOT_YET. CEDE_CERTIFICATE_EXPIRED: for longer
 * than the grace of the policy for that kind. Cheap; also to be asked again
 * for each request. */
CEDE_MUST_USE enum cede_status ca_authenticate(struct ca *ca, struct cede_span raw,
                                               struct ca_peer *peer);
CEDE_MUST_USE enum cede_status ca_still_allowed(struct ca *ca, const struct ca_peer *peer);

/* CA_SKG and CA_SKC are sen or sren, by the certificate the peer shows, with a key made here. */
enum ca_operation { CA_CRTS, CA_SEN, CA_SREN, CA_ATT, CA_CERTIFICATE, CA_SKG, CA_SKC };

struct ca_enrolment {
    const struct ca_peer *peer;
    enum ca_operation operation;
    struct cede_span token;   /* of the enrolment URI; null for /.well-known/est */
    struct cede_span request; /* PKCS #10 or C509CertificationRequest */
    uint32_t accept;          /* CEDE_EST_FORMAT_... wanted; 0: none told */
    /* Y of the EDHOC session whose message_3 came with the request: proof of possession by MAC is
     * made for G_Y then, else for the agreement key of this CA. Null: no such. */
    const struct cede_private_key *ephemeral;
    int32_t hash_alg;      /* with `ephemeral`: application hash of the session; 0: SHA-256 */
    struct cede_span hash; /* CA_CERTIFICATE: a certificate of the peer's device, by SHA-256 */
    bool may_wait;         /* the caller asks ca_enrolled() behind the commit */
};

/* A body of EST (est.h), in the format wanted; when none was, as the request is encoded: C509 by
 * reference (multipart-core), X.509 as certs-only message. */
struct ca_answer {
    struct cede_span body;
    uint32_t content_format; /* CEDE_EST_FORMAT_... */
    uint32_t max_age;        /* with CEDE_CA_PENDING: ask again after so many seconds */
    unsigned ticket;         /* not 0: there is no body yet, see ca_enrolled() */
};

/* Same key again: the same certificate.
 *   CEDE_CA_OTHER_KEY     another key while one certificate is live: refused, alarm noted (R13)
 *   CEDE_CA_OTHER_HOLDER  a certificate of another account is live and not released: later perhaps
 *   CEDE_CA_TOKEN         the token is not for this device
 *   CEDE_CA_OPERATION     sen needs a factory certificate, sren an operational one; no keys are
 *                         made here
 *   CEDE_CA_RECIPIENT     the key made here cannot be encrypted as the request wants it
 *   CEDE_CA_PENDING       an operator has to approve first; the same request again, later
 *   CEDE_CA_FORMAT        the answer does not exist in the format wanted; nothing was issued
 *   CEDE_CRYPTO_TAG, CEDE_CRYPTO_SIGNATURE, CEDE_CERTIFICATE_...: no proof of possession
 *   and as ca_issue(). */
CEDE_MUST_USE enum cede_status ca_enrol(struct ca *ca, const struct ca_enrolment *enrolment,
                                        struct cede_buf out, struct ca_answer *answer);
/* The answer to an enrolment that might wait, inside a transaction, and did: its certificate is
 * signed and recorded by ca_commit() at the latest. To be asked behind each commit, also one that
 * failed, once for each ticket. As ca_enrol(); CEDE_SIGNER_REFUSED and CEDE_CRYPTO_FAILED: there is
 * no certificate. */
CEDE_MUST_USE enum cede_status ca_enrolled(struct ca *ca, unsigned ticket, struct cede_buf out,
                                           struct ca_answer *answer);

/* --- the server ------------------------------------------------------------------------------- */

struct ca_serve {
    const char *directory;
    const char *https; /* HOST:PORT to listen on */
    const char *coap;  /* HOST:PORT, or null: no compact door */
    const char *coaps; /* HOST:PORT of EST-coaps (DTLS), or null */
    const char *est;   /* HOST:PORT of EST over HTTPS, or null */
    const char *http;  /* HOST:PORT of CRL and OCSP (plain HTTP), or null */
    unsigned workers;
};

/* Runs until SIGTERM or SIGINT. */
CEDE_MUST_USE enum cede_status ca_serve(const struct ca_serve *serve);

#endif
