/* SPDX-License-Identifier: Apache-2.0 */
/* ca_internal.h - what the files of the CA share: the open CA, its policy and its records. */
#ifndef CEDE_SERVER_CA_CA_INTERNAL_H
#define CEDE_SERVER_CA_CA_INTERNAL_H

#include <limits.h>
#include <openssl/x509.h>
#include <regex.h>

#include "server/ca/ca.h"
#include "server/common/identity.h"
#include "server/common/revocation_check.h"

#define CA_FILE_MAX      65536
#define CA_SCRATCH_LEN   4096
#define CA_BACKDATE_S    300 /* clocks of devices and partners may be behind */
#define CA_ANCHORS_MAX   16
#define CA_VALID_FOREVER 0 /* validity_s: no well-defined expiration date (RFC 5280, 4.1.2.5) */

/* --- policy ----------------------------------------------------------------------------------- */

struct ca_profile_policy {
    bool allowed;
    uint64_t validity_s; /* or CA_VALID_FOREVER */
    uint16_t key_usage;
    uint32_t eku;
    bool ca;
    int32_t path_len;
    bool p256, p384, ed25519; /* keys that are taken */
    uint64_t grace_s; /* for so long behind its end a certificate may still (re-)enrol: device's and
                       * factory certificates */
    bool manual_approval; /* devices only */
    bool makes_keys;      /* for devices that ask for it (skg.h) */
};

/* What is told about certificates once they are issued, and for how long it holds. */
struct ca_revocation_policy {
    uint64_t crl_validity_s;   /* of the complete CRL */
    uint64_t delta_validity_s; /* of its delta */
    uint64_t coalesce_s;       /* lists are not made more often, whatever is revoked */
    uint64_t ocsp_validity_s;
    uint64_t ocsp_rate;        /* signatures a second that strangers can cause */
    uint64_t proof_lifetime_s; /* of status proofs for devices */
    bool uris_in_x509;         /* CRL distribution point and OCSP responder in X.509 certificates */
    bool uris_in_c509;         /* the same in C509: some 80 bytes in each */
};

/* Where to learn what a CA of factory certificates has revoked. */
struct ca_anchor_source {
    char name[REVOCATION_URL_MAX]; /* the file of its certificate, as the policy has it */
    char crl[REVOCATION_URL_MAX];  /* "": there is none */
    char ocsp[REVOCATION_URL_MAX];
};

struct ca_policy {
    struct ca_revocation_policy revocation;
    struct revocation_policy factory_status; /* how long such a word counts */
    struct ca_profile_policy profiles[CA_PROFILE_COUNT];
    bool has_pattern;
    regex_t subject_pattern; /* POSIX extended, over the common name of devices */
    size_t batch_max;
    uint8_t anchor_bytes[CA_ANCHORS_MAX][CA_CERTIFICATE_MAX]; /* of factory certificates */
    struct cede_certificate anchors[CA_ANCHORS_MAX];
    struct ca_anchor_source anchor_sources[CA_ANCHORS_MAX];
    size_t anchors_count;    /* 0: the registering account vouches */
    bool anchors_watched;    /* one of them has a source */
    uint32_t approval_retry; /* seconds between two looks whether an operator has approved */
    bool certificate_uri;    /* references come with c5u or x5u */
};

/* Writes the default policy.json of a kind of CA. */
CEDE_MUST_USE enum cede_status ca_policy_create(const char *directory, enum ca_kind kind);
CEDE_MUST_USE enum cede_status ca_policy_load(const char *directory, struct ca_policy *policy);
/* All members of `object` are among `names` (up to null), or ca_last_error() tells which is not;
 * `where` is the file and what is above. */
CEDE_MUST_USE enum cede_status ca_check_members(const char *where, const json_t *object,
                                                const char *const *names);
void ca_policy_wipe(struct ca_policy *policy);

/* --- the open CA ------------------------------------------------------------------------------ */

struct ca_awaiting;

/* The CA's key in this process (lint.h). Do not move one. */
struct ca_linted_key {
    struct cede_crypto crypto;
    const struct ca *ca;
    int kind; /* enum ca_lint_kind */
};

struct ca {
    char directory[PATH_MAX];
    char name[CA_NAME_MAX + 1];
    enum ca_kind kind;
    char https[CA_ADDRESS_MAX];
    char coap[CA_ADDRESS_MAX];
    char coaps[CA_ADDRESS_MAX];        /* empty: no EST-coaps */
    char est_address[CA_ADDRESS_MAX];  /* of EST over HTTPS; "": none told */
    char http[CA_ADDRESS_MAX];         /* of the CRL and OCSP; "": none told */
    char crl_uri[CA_ADDRESS_MAX + 32]; /* likewise */
    char delta_uri[CA_ADDRESS_MAX + 32];
    char ocsp_uri[CA_ADDRESS_MAX + 32];
    struct store *store;
    uint64_t failed_commits;
    struct ca_policy policy;

    const struct cede_crypto *crypto; /* for everything but signing certificates */
    const struct cede_crypto *signer;
    struct cede_private_key key; /* as the signer knows it */
    EVP_PKEY *pkey;              /* null when the key is elsewhere */
    struct ca_linted_key linted; /* signs with it */

    uint8_t der_bytes[CA_CERTIFICATE_MAX];
    uint8_t c509_bytes[CA_CERTIFICATE_MAX];
    struct cede_certificate certificate; /* over der_bytes */
    struct cede_span c509;
    uint8_t key_id[20];
    uint8_t chain_der_bytes[CA_CHAIN_MAX][CA_CERTIFICATE_MAX]; /* issuers above, root last */
    uint8_t chain_c509_bytes[CA_CHAIN_MAX][CA_CERTIFICATE_MAX];
    struct cede_span chain_der[CA_CHAIN_MAX];
    struct cede_span chain_c509[CA_CHAIN_MAX];
    size_t chain_count;

    EVP_PKEY *est_pkey;
    uint8_t est_bytes[CA_CERTIFICATE_MAX];
    struct cede_span est; /* ~C509Certificate */
    uint8_t est_der_bytes[CA_CERTIFICATE_MAX];
    struct cede_span est_der; /* the same key's in X.509; null: there is none */
    EVP_PKEY *dh_pkey;        /* null: there is none */
    uint8_t dh_bytes[CA_CERTIFICATE_MAX];
    struct cede_span dh; /* ~C509Certificate, for key agreement */

    uint64_t (*now)(void *context);
    void *now_context;
    uint8_t scratch[CA_SCRATCH_LEN];
    uint8_t serials[32 * CA_SERIAL_LEN]; /* random, for certificates to come */
    size_t serials_left;

    struct ca_awaiting *awaiting; /* issue_together.c; null: each certificate is signed alone */
};

uint64_t ca_now(const struct ca *ca);
/* Certificate number `index` of a PEM text, or the whole of anything else (DER, C509), copied to
 * `out`. CEDE_NOT_FOUND: no such certificate. */
CEDE_MUST_USE enum cede_status ca_pem_or_raw(struct cede_span content, size_t index,
                                             struct cede_buf out, struct cede_span *raw);
/* PEM blocks with that label, one after the other; none at all give an empty text. */
CEDE_MUST_USE enum cede_status ca_to_pem(const char *label, const struct cede_span *ders,
                                         size_t count, struct cede_buf out, struct cede_span *pem);
/* Sets ca_last_error(); returns `status`. */
enum cede_status ca_fail(enum cede_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* So that a line of before is not told with what fails next. */
void ca_forget_error(void);

/* One operation: a part of the caller's transaction, or a transaction of its own. Certificates that
 * wait for their signatures are recorded first: what comes after them finds them. */
CEDE_MUST_USE enum cede_status ca_unit_begin(struct ca *ca, bool *part);
/* The same beside waiting certificates, for one of another device and another key. */
CEDE_MUST_USE enum cede_status ca_unit_begin_beside(struct ca *ca, bool *part);
/* Commits when `status` is CEDE_OK, takes everything back otherwise; returns the outcome. */
CEDE_MUST_USE enum cede_status ca_unit_end(struct ca *ca, bool part, enum cede_status status);

/* --- records ---------------------------------------------------------------------------------- */

extern const struct store_migration ca_migrations[];
extern const size_t ca_migrations_count;

enum ca_certificate_status { CA_LIVE = 0, CA_REVOKED = 1 };

#define CA_NO_ROW      0  /* rows count from 1 */
#define CA_NO_END      -1 /* not_after in the store: none */
#define CA_HASH_PREFIX 8

struct ca_certificate_record {
    int64_t row;
    uint8_t serial[CEDE_SERIAL_LEN_MAX];
    size_t serial_len;
    char subject[CEDE_COMMON_NAME_MAX + 1];
    enum ca_profile profile;
    uint8_t thumbprint[32];
    uint8_t key[32]; /* SHA-256 over the public key */
    int64_t account; /* CA_NO_ROW: the operator */
    int64_t factory; /* of a device's operational certificate, else CA_NO_ROW */
    enum ca_certificate_status status;
    int64_t not_before;
    int64_t not_after; /* or CA_NO_END */
    uint8_t raw[CA_CERTIFICATE_MAX];
    size_t raw_len;
};

struct ca_factory_record {
    int64_t row;
    uint8_t thumbprint[32];
    char device_id[CA_DEVICE_ID_MAX + 1];
    uint8_t key[32];
    int64_t not_before; /* to be added; not read back */
    int64_t not_after;  /* or CA_NO_END */
    uint8_t raw[CA_CERTIFICATE_MAX];
    size_t raw_len;
};

/* The last change of its unit (store_insert_last). */
CEDE_MUST_USE enum cede_status ca_records_add(struct ca *ca, struct ca_certificate_record *record,
                                              const char *authorised_by);
/* By SHA-256 (full, or its first 8 bytes). CEDE_NOT_FOUND. */
CEDE_MUST_USE enum cede_status ca_records_by_hash(struct ca *ca, struct cede_span hash,
                                                  struct ca_certificate_record *record);
CEDE_MUST_USE enum cede_status ca_records_by_row(struct ca *ca, int64_t row,
                                                 struct ca_certificate_record *record);
CEDE_MUST_USE enum cede_status ca_records_by_serial(struct ca *ca, struct cede_span serial,
                                                    struct ca_certificate_record *record);
/* The newest certificate for that key, whatever its status. */
CEDE_MUST_USE enum cede_status ca_records_by_key(struct ca *ca, const uint8_t key[32],
                                                 struct ca_certificate_record *record);
/* The newest live operational certificate of a device, expired ones left out. */
CEDE_MUST_USE enum cede_status ca_records_live_of_factory(struct ca *ca, int64_t factory,
                                                          struct ca_certificate_record *record);
/* The newest that is not revoked, be it over or not. CEDE_NOT_FOUND: none. */
CEDE_MUST_USE enum cede_status ca_records_last_of_factory(struct ca *ca, int64_t factory,
                                                          struct ca_certificate_record *record);
/* The newest live one for a subject, devices' operational certificates left out. */
CEDE_MUST_USE enum cede_status ca_records_live_of_subject(struct ca *ca, const char *subject,
                                                          enum ca_profile profile,
                                                          struct ca_certificate_record *record);
/* Marks one live certificate as revoked; *changed tells whether it was live. */
CEDE_MUST_USE enum cede_status ca_records_revoke(struct ca *ca, int64_t row, int reason,
                                                 bool *changed);
/* All live ones of a device, but for `except` (CA_NO_ROW: none spared) and, unless `account` is
 * CA_NO_ROW, those of other accounts. */
CEDE_MUST_USE enum cede_status ca_records_revoke_factory(struct ca *ca, int64_t factory,
                                                         int64_t account, int64_t except,
                                                         int reason, size_t *count);

/* All live ones of the devices that bear the name: operational ones, factory certificates made
 * here, and what an operator issued in that name. */
CEDE_MUST_USE enum cede_status ca_records_revoke_device(struct ca *ca, const char *device_id,
                                                        int reason, size_t *count);

/* The StatusProof of a server's certificate, by its SHA-256. CEDE_NOT_FOUND: none that holds. */
CEDE_MUST_USE enum cede_status ca_records_save_proof(struct ca *ca, const uint8_t thumbprint[32],
                                                     struct cede_span proof, int64_t ends_at);
CEDE_MUST_USE enum cede_status ca_records_proof(struct ca *ca, const uint8_t thumbprint[32],
                                                struct cede_buf out, struct cede_span *proof);

/* What decides whether a factory certificate counts here. */
struct ca_factory_standing {
    int64_t row;
    char device_id[CA_DEVICE_ID_MAX + 1];
    bool registered; /* with some account */
    bool revoked;    /* issued here, and revoked */
    bool is_dated;   /* registered before validity was kept: the certificate itself tells it */
    int64_t not_before;
    int64_t not_after; /* or CA_NO_END */
};

CEDE_MUST_USE enum cede_status ca_records_standing(struct ca *ca, const uint8_t thumbprint[32],
                                                   struct ca_factory_standing *standing);
CEDE_MUST_USE enum cede_status ca_records_factory(struct ca *ca, struct cede_span hash,
                                                  struct ca_factory_record *record);
CEDE_MUST_USE enum cede_status ca_records_factory_by_row(struct ca *ca, int64_t row,
                                                         struct ca_factory_record *record);
CEDE_MUST_USE enum cede_status ca_records_add_factory(struct ca *ca,
                                                      struct ca_factory_record *record);
/* Another device with the same id that still has a registration. */
CEDE_MUST_USE enum cede_status ca_records_id_taken(struct ca *ca, const char *device_id,
                                                   const uint8_t thumbprint[32], bool *taken);
/* Has the account a registration of the device that has not ended? */
CEDE_MUST_USE enum cede_status ca_records_holds(struct ca *ca, int64_t factory, int64_t account,
                                                bool *holds);
CEDE_MUST_USE enum cede_status ca_records_register(struct ca *ca, int64_t factory, int64_t account,
                                                   struct cede_span transfer);
CEDE_MUST_USE enum cede_status ca_records_end_registration(struct ca *ca, int64_t factory,
                                                           int64_t account);
/* Accounts with a registration that has not ended: how many, and the last. */
CEDE_MUST_USE enum cede_status ca_records_holders(struct ca *ca, int64_t factory, int64_t except,
                                                  int64_t *count, int64_t *holder);

CEDE_MUST_USE enum cede_status ca_records_account(struct ca *ca, const char *name, int64_t *row);
CEDE_MUST_USE enum cede_status ca_records_account_name(struct ca *ca, int64_t row, char *name,
                                                       size_t name_cap);
CEDE_MUST_USE enum cede_status ca_records_account_by_thumbprint(struct ca *ca,
                                                                const uint8_t thumbprint[32],
                                                                char *name, size_t name_cap);
CEDE_MUST_USE enum cede_status ca_records_account_certificate(struct ca *ca, int64_t row,
                                                              struct cede_buf out,
                                                              struct cede_span *der);
CEDE_MUST_USE enum cede_status ca_records_set_account(struct ca *ca, const char *name,
                                                      struct cede_span der,
                                                      const uint8_t thumbprint[32]);
/* The account's enrolment token, made when there is none. */
CEDE_MUST_USE enum cede_status ca_records_token(struct ca *ca, int64_t account,
                                                char token[CA_TOKEN_LEN + 1]);
/* What decides whether a device gets a certificate for a key. */
struct ca_prospect {
    int64_t account; /* that it enrols with */
    uint8_t factory_key[32];
    bool key_known; /* a certificate, whosoever and however old, has the key asked for */
    bool certified; /* one of the device is not revoked; it may be over */
};

/* For the account of an enrolment token, or, when `token` is null, for the only one that holds the
 * device. CEDE_NOT_FOUND: no such token, no registration with its account, or one that has ended;
 * no account, or several. */
CEDE_MUST_USE enum cede_status ca_records_prospect(struct ca *ca, int64_t factory,
                                                   struct cede_span token, const uint8_t key[32],
                                                   struct ca_prospect *prospect);

CEDE_MUST_USE enum cede_status ca_records_release(struct ca *ca, const uint8_t thumbprint[32],
                                                  int64_t account, struct cede_span transfer);
/* `account` has released the device under `transfer`. */
CEDE_MUST_USE enum cede_status ca_records_released(struct ca *ca, const uint8_t thumbprint[32],
                                                   int64_t account, struct cede_span transfer,
                                                   bool *released);
/* `new_account` is registered under a transfer for which `old_account` has released the device. */
CEDE_MUST_USE enum cede_status ca_records_may_supersede(struct ca *ca, int64_t factory,
                                                        int64_t old_account, int64_t new_account,
                                                        bool *allowed);
/* An account that takes a device back has no releases of it standing, nor do any of them, shown
 * again or for the first time, count any more. */
CEDE_MUST_USE enum cede_status
ca_records_spend_releases(struct ca *ca, const struct ca_factory_record *factory, int64_t account);
CEDE_MUST_USE enum cede_status ca_records_registered_under(struct ca *ca, int64_t factory,
                                                           int64_t account,
                                                           struct cede_span transfer, bool *is);
CEDE_MUST_USE enum cede_status ca_records_alarm(struct ca *ca, const char *kind,
                                                const char *device_id, const char *detail);

/* --- issuing ---------------------------------------------------------------------------------- */

/* A request that has passed the checks that need no store. */
struct ca_checked_request {
    struct cede_request request;
    char subject[CEDE_COMMON_NAME_MAX + 1];
    uint8_t key[32];    /* SHA-256 over the public key */
    uint8_t asked[32];  /* over the one of the request, another when the key is made here */
    uint16_t key_usage; /* of the certificate to be */
};

/* What a proof of possession by MAC may have been made for, see struct ca_enrolment. */
struct ca_possession {
    const struct cede_private_key *ephemeral; /* null: the CA's agreement key */
    int32_t hash_alg;
};

/* Are certificates for key agreement issued to devices, and can MACs be checked? */
bool ca_takes_agreement(const struct ca *ca);
/* The same as ca_check_request() for proofs by MAC as well. */
CEDE_MUST_USE enum cede_status ca_check_possession(struct ca *ca, enum ca_profile profile,
                                                   struct cede_span encoding,
                                                   const struct ca_possession *possession,
                                                   struct ca_checked_request *checked);
/* Its two halves without the proof: the format, then, of what is in it, key, extensions, subject.
 */
CEDE_MUST_USE enum cede_status ca_check_form(struct ca *ca, enum ca_profile profile,
                                             struct cede_span encoding,
                                             struct ca_checked_request *checked);
CEDE_MUST_USE enum cede_status ca_check_contents(struct ca *ca, enum ca_profile profile,
                                                 struct ca_checked_request *checked);
/* The part of it about extensions (request_extensions.c): CEDE_CA_EXTENSION, unless all that is
 * asked for, under `checked->key_usage`, will be given; ca_last_error() names the one. */
CEDE_MUST_USE enum cede_status ca_check_extensions(const struct ca *ca, enum ca_profile profile,
                                                   const struct ca_checked_request *checked);
/* Format, policy for key, extensions and subject, proof of possession by signature. */
CEDE_MUST_USE enum cede_status ca_check_request(struct ca *ca, enum ca_profile profile,
                                                struct cede_span encoding,
                                                struct ca_checked_request *checked);
/* Issues and records: account, factory and profile of `record` are the input. */
CEDE_MUST_USE enum cede_status ca_issue_checked(struct ca *ca,
                                                const struct ca_checked_request *checked,
                                                const char *authorised_by,
                                                struct ca_certificate_record *record);
/* The steps of it: a serial; the certificate as of `now`, signed through `signer`, into
 * record->raw; the record. CEDE_STORE_CONFLICT: the serial is taken. */
CEDE_MUST_USE enum cede_status ca_make_serial(struct ca *ca, struct ca_certificate_record *record);
CEDE_MUST_USE enum cede_status ca_write_certificate(struct ca *ca, const struct cede_crypto *signer,
                                                    const struct ca_checked_request *checked,
                                                    uint64_t now,
                                                    struct ca_certificate_record *record);
CEDE_MUST_USE enum cede_status ca_record_certificate(struct ca *ca, const char *authorised_by,
                                                     struct ca_certificate_record *record);
/* Writes the alarm of a refused factory certificate again, when the caller took back a unit around
 * ca_issue(); returns `status`. */
CEDE_MUST_USE enum cede_status ca_note_other_key(struct ca *ca, struct cede_span request,
                                                 enum cede_status status);
CEDE_MUST_USE enum cede_status ca_key_hash(const struct ca *ca, struct cede_span point,
                                           uint8_t hash[32]);

/* --- issuing together (issue_together.c) ------------------------------------------------------ */

/* Can a certificate wait for its signature now? */
bool ca_can_await(const struct ca *ca, const struct ca_enrolment *enrolment);
/* Does one wait for that device or that key? */
bool ca_awaits(const struct ca *ca, const char *device_id, const uint8_t key[32]);
/* Instead of ca_issue_checked(), when ca_can_await(): account, factory and profile of `record` are
 * the input; sets answer->ticket. */
CEDE_MUST_USE enum cede_status ca_await(struct ca *ca, const struct ca_enrolment *enrolment,
                                        const struct ca_checked_request *checked,
                                        const char *authorised_by,
                                        const struct ca_certificate_record *record,
                                        struct ca_answer *answer);
/* Takes the last one back: its request has failed after all. */
void ca_await_no_more(struct ca *ca, struct ca_answer *answer);
/* Has all that wait signed, and records them; outside the transaction they came in, none of them
 * is. */
void ca_sign_awaited(struct ca *ca);

/* --- answers (answer.c) and approvals (approvals.c) ------------------------------------------- */

/* Issuers that a server shows beside its own certificate and the CA's: not the root. */
static inline size_t ca_issuers_to_show(const struct ca *ca)
{
    return ca->chain_count > 0 ? ca->chain_count - 1 : 0;
}

/* Is there an answer in the format wanted for a certificate of that kind? */
bool ca_answer_offers(const struct ca *ca, const struct ca_enrolment *enrolment, bool x509);
CEDE_MUST_USE enum cede_status ca_answer_certificate(struct ca *ca,
                                                     const struct ca_enrolment *enrolment,
                                                     struct cede_span raw, bool x509,
                                                     struct cede_buf out, struct ca_answer *answer);
CEDE_MUST_USE enum cede_status ca_answer_anchors(const struct ca *ca,
                                                 const struct ca_enrolment *enrolment,
                                                 struct cede_buf out, struct ca_answer *answer);
CEDE_MUST_USE enum cede_status ca_answer_wishes(const struct ca *ca,
                                                const struct ca_enrolment *enrolment,
                                                struct cede_buf out, struct ca_answer *answer);

/* Has an operator approved of this key? CEDE_CA_PENDING: not yet. */
CEDE_MUST_USE enum cede_status ca_approval_check(struct ca *ca, int64_t factory,
                                                 const uint8_t key[32]);
/* Puts it before the operator, if it is not there. */
CEDE_MUST_USE enum cede_status ca_approval_ask(struct ca *ca, int64_t factory,
                                               const uint8_t key[32], const char *device_id);
CEDE_MUST_USE enum cede_status ca_approval_done(struct ca *ca, int64_t factory);

/* Valid now? `not_after` may be CA_NO_END. */
bool ca_is_current(const struct ca *ca, int64_t not_before, int64_t not_after);
/* The same, or over for no longer than `grace_s`. CEDE_CERTIFICATE_NOT_YET, whatever the grace;
 * CEDE_CERTIFICATE_EXPIRED. */
CEDE_MUST_USE enum cede_status ca_check_validity(const struct ca *ca, int64_t not_before,
                                                 int64_t not_after, uint64_t grace_s);
/* A time of a certificate as the store has it. */
int64_t ca_stored_time(uint64_t at);

/* --- turns ------------------------------------------------------------------------------------ */

/* The changes of one door that wait for their commit. Doors of a process share the transaction: the
 * commit of any of them takes all changes along, or loses all. */
struct ca_turn {
    bool open;
    uint64_t failed_before;
};

/* Before a change: opens the transaction unless it is. */
CEDE_MUST_USE enum cede_status ca_turn_open(struct ca *ca, struct ca_turn *turn);
/* Before answers leave: commits what is not committed yet. CEDE_STORE_FAILED: a commit failed since
 * the turn was opened. */
CEDE_MUST_USE enum cede_status ca_turn_end(struct ca *ca, struct ca_turn *turn);

#endif
