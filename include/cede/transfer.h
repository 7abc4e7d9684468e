/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.h - the messages of a hand-over, as docs/protocol.md writes them.
 *
 * Place: codec, above COSE and certificates. Devices read orders and answers and write reports;
 *      servers do the reverse; nothing here keeps state.
 * Use, to send: fill a struct; cede_..._encode() into a writer; for orders, offers, receipts and
 *      trust lists cede_transfer_sign() makes a COSE_Sign1 of the encoded payload.
 * Use, to receive: cede_transfer_verify() with the one key that may have signed, then
 *      cede_..._decode() of the payload. A device calls cede_transfer_check(), which is rule R3 as
 * a whole, or cede_trust_update_check(). Lists are walked with iterators. Memory: decoded structs
 * hold spans into the input; nothing is copied. Stack below 1 KB besides the crypto back end's.
 * Errors: malformed for bytes that are not deterministic CBOR of the right shape; CEDE_TRANSFER_...
 *      for the rules, one status for each cause.
 */
#ifndef CEDE_TRANSFER_H
#define CEDE_TRANSFER_H

#include "cede/cbor.h"
#include "cede/crypto.h"

/* CWT claims for private use. */
#define CEDE_CLAIM_TRANSFER     (-70001)
#define CEDE_CLAIM_TRUST_UPDATE (-70002)
#define CEDE_CLAIM_RECEIPT      (-70003)
/* Unknown claims below this key, and those not below zero, are critical. */
#define CEDE_CLAIM_PRIVATE_MAX (-70000)

/* EAD_1 item "credential by value, please" (non-critical, no value). */
#define CEDE_EAD_CREDENTIAL_BY_VALUE 60001

#define CEDE_DEVICE_ID_LEN_MAX 32
#define CEDE_CTI_LEN           8
/* An order may not use up the numbers of all orders to come. */
#define CEDE_TRANSFER_SEQ_STEP_MAX 0xffffffffu
#define CEDE_TRANSFER_ID_LEN       16
/* A TransferMessage or TrustUpdate for a device adds this much to its payload: tag, array,
 * protected header, unprotected header, head of the payload, signature. */
#define CEDE_TRANSFER_OVERHEAD 76

/* --- signing ---------------------------------------------------------------------------------- */

/* COSE_Sign1, tag 18, protected {1: -9}, empty unprotected header, over `payload`.
 * CEDE_NO_SPACE, or the back end's failure. */
CEDE_MUST_USE enum cede_status cede_transfer_sign(const struct cede_crypto *crypto,
                                                  const struct cede_private_key *key,
                                                  struct cede_span payload, struct cede_buf out,
                                                  struct cede_span *message);
/* *payload lies in `message`; null on failure. CEDE_TRANSFER_HEADER: other headers than above.
 * CEDE_TRANSFER_SIGNATURE: not signed by that key. */
CEDE_MUST_USE enum cede_status cede_transfer_verify(const struct cede_crypto *crypto,
                                                    const struct cede_public_key *key,
                                                    struct cede_span message,
                                                    struct cede_span *payload);

/* --- TransferMessage: the offer of SP2 and the order to one device -----------------------------
 */

struct cede_transfer {
    struct cede_span iss; /* text, of an offer; null when absent, as below */
    struct cede_span aud; /* text: the device id, of an order */
    uint64_t not_before;  /* nbf, POSIX seconds: earliest */
    uint64_t not_after;   /* exp: latest */
    struct cede_span cti; /* CEDE_CTI_LEN bytes */

    struct cede_span enroll_uri;     /* 1, at CA2; never null */
    struct cede_span update_uri;     /* 2, of SP2 */
    bool update_first;               /* 3 */
    struct cede_span attest_uri;     /* 4 */
    struct cede_span fallback_uri;   /* 5, of SP1 */
    struct cede_span controller;     /* 6, 32 bytes: thumbprint of the next controller */
    bool has_seq;                    /* 7 */
    uint64_t seq;                    /* 7 */
    struct cede_span devices_digest; /* 8, 32 bytes, of an offer */
    struct cede_span state_digest;   /* 9, 32 bytes: SUIT manifest */
    bool has_patience;               /* 10: for devices without a clock */
    uint64_t attempts;               /* 10 */
    uint64_t hours;                  /* 10, of uptime */
};

/* The payload. CEDE_BAD_ARGUMENT (sticky): a length the CDDL forbids, or no enroll_uri. */
void cede_transfer_encode(struct cede_writer *writer, const struct cede_transfer *transfer);
/* CEDE_TRANSFER_CLAIM: a claim is missing or has a wrong length. CEDE_TRANSFER_CRITICAL: an
 * unknown claim that may not be ignored, or an unknown key inside -70001. */
CEDE_MUST_USE enum cede_status cede_transfer_decode(struct cede_span payload,
                                                    struct cede_transfer *transfer);

/* What the receiver of an order knows. */
struct cede_transfer_rules {
    struct cede_public_key controller; /* key of the current controller */
    struct cede_span device_id;
    uint64_t seq;        /* the highest one accepted so far */
    const uint64_t *now; /* POSIX seconds; null: no clock */
};

/* Rule R3: may this device act on `message`? In this order:
 *   malformed, CEDE_TRANSFER_HEADER      not one deterministic COSE_Sign1 of ours
 *   CEDE_TRANSFER_SIGNATURE              not by the current controller
 *   malformed, CEDE_TRANSFER_CLAIM       not an order for one device that can be carried out: aud,
 *                                        seq, update URI and next controller must be there
 *   CEDE_TRANSFER_CRITICAL               an unknown critical claim
 *   CEDE_TRANSFER_AUDIENCE               for another device
 *   CEDE_TRANSFER_SEQ                    not newer than what was accepted: a replay
 *   CEDE_TRANSFER_WINDOW                 ends before it begins
 *   CEDE_TRANSFER_NOT_YET, _EXPIRED      outside the window
 * *transfer is all zero on failure, but for `cti` once the signature holds, so that the refusal can
 * name the order. */
CEDE_MUST_USE enum cede_status cede_transfer_check(const struct cede_crypto *crypto,
                                                   const struct cede_transfer_rules *rules,
                                                   struct cede_span message,
                                                   struct cede_transfer *transfer);

/* --- trust entries and TrustUpdate --------------------------------------------------------------
 */

enum cede_purpose {
    CEDE_PURPOSE_ENROL = 1,
    CEDE_PURPOSE_CONTROL = 2,
    CEDE_PURPOSE_UPDATE = 4,
    CEDE_PURPOSE_ATTEST = 8,
    CEDE_PURPOSE_OWNER = 16,
    CEDE_PURPOSE_SURVIVES = 32, /* the reset */
    CEDE_PURPOSE_KNOWN = 64     /* resolves references, builds paths; no trust of its own */
};
#define CEDE_PURPOSES_ALL 127

struct cede_trust_entry {
    uint32_t purposes;            /* bits of enum cede_purpose, not zero */
    struct cede_span certificate; /* C509Certificate (array) or X.509 DER; not looked into here */
};

/* Iterator over `[ + TrustEntry ]`. */
struct cede_trust_list {
    struct cede_reader reader;
    size_t left;
};

void cede_trust_list_encode(struct cede_writer *writer, const struct cede_trust_entry *entries,
                            size_t entries_count);
struct cede_trust_list cede_trust_list(struct cede_span encoding);
bool cede_trust_list_next(struct cede_trust_list *list, struct cede_trust_entry *entry);
/* After the last: was all well-formed, with nothing behind it? CEDE_TRANSFER_PURPOSE: no purpose,
 * or one that does not exist. */
CEDE_MUST_USE enum cede_status cede_trust_list_finish(const struct cede_trust_list *list);

struct cede_trust_update {
    struct cede_span aud;
    uint64_t not_before;
    uint64_t not_after;
    struct cede_span cti;
    uint64_t seq;
    struct cede_span entries; /* encoded `[ + TrustEntry ]`, checked by decoding */
};

void cede_trust_update_encode(struct cede_writer *writer, const struct cede_trust_update *update);
CEDE_MUST_USE enum cede_status cede_trust_update_decode(struct cede_span payload,
                                                        struct cede_trust_update *update);
/* Rule R3 for a TrustUpdate: statuses as for cede_transfer_check(). */
CEDE_MUST_USE enum cede_status cede_trust_update_check(const struct cede_crypto *crypto,
                                                       const struct cede_transfer_rules *rules,
                                                       struct cede_span message,
                                                       struct cede_trust_update *update);

/* --- between device and update server -----------------------------------------------------------
 */

enum cede_device_state {
    CEDE_DEVICE_FACTORY = 0,
    CEDE_DEVICE_ENROLLING = 1,
    CEDE_DEVICE_OPERATIONAL = 2,
    CEDE_DEVICE_ACCEPTED = 3,
    CEDE_DEVICE_RESET = 4,
    CEDE_DEVICE_ATTESTING = 5,
    CEDE_DEVICE_UPDATING = 6,
    CEDE_DEVICE_JOINING = 7,
    CEDE_DEVICE_JOINED = 8,
    CEDE_DEVICE_FALLBACK = 9,
    CEDE_DEVICE_HOMING = 10
};
#define CEDE_DEVICE_STATE_COUNT 11

/* "operational", "joined" ...; "unknown" for a number that is no state. */
const char *cede_device_state_name(uint64_t state);

struct cede_status_report {
    enum cede_device_state state;
    uint64_t seq;
    struct cede_span cti; /* null when absent */
    bool has_reason;
    uint64_t reason; /* a cede status */
};

void cede_status_report_encode(struct cede_writer *writer, const struct cede_status_report *report);
CEDE_MUST_USE enum cede_status cede_status_report_decode(struct cede_span encoding,
                                                         struct cede_status_report *report);

struct cede_answer {
    bool has_come_back;
    uint64_t come_back_s;
    struct cede_span trust_update; /* COSE_Sign1; null when absent, as below */
    struct cede_span transfer;     /* COSE_Sign1 */
    struct cede_span come_home;    /* text: enrolment URI */
    struct cede_span welcome;      /* C509Certificate (array) or X.509 DER of the controller */
};

void cede_answer_encode(struct cede_writer *writer, const struct cede_answer *answer);
CEDE_MUST_USE enum cede_status cede_answer_decode(struct cede_span encoding,
                                                  struct cede_answer *answer);

/* --- DeviceUpdateInfo: streamed, of any length --------------------------------------------------
 */

/* Encoder. In order: begin, then for each group group_begin and its devices. Counts are given in
 * advance, since deterministic CBOR has them in front; with a counting writer the length is known
 * before. */
void cede_device_update_info_begin(struct cede_writer *writer,
                                   const uint8_t transfer_id[CEDE_TRANSFER_ID_LEN],
                                   size_t groups_count);

struct cede_suit_ref {
    struct cede_span uri;
    struct cede_span manifest_digest;
};

struct cede_attest_ref {
    struct cede_span uri; /* null: no attestation demanded */
    struct cede_span reference_digest;
};

struct cede_update_group {
    uint64_t earliest;
    uint64_t latest;
    const struct cede_suit_ref *software; /* encoding only */
    size_t software_count;
    struct cede_attest_ref attestation;
    size_t devices_count;
    struct cede_span software_items; /* decoding only: walk with cede_suit_refs_next() */
};

struct cede_update_device {
    struct cede_span factory_cert; /* C509Certificate (array) or X.509 DER */
    uint64_t next_seq;
};

void cede_device_update_info_group(struct cede_writer *writer,
                                   const struct cede_update_group *group);
void cede_device_update_info_device(struct cede_writer *writer,
                                    const struct cede_update_device *device);

/* Decoder: open, then next_group() and, for each group, next_device() until false; finish() tells
 * whether all was well-formed. Devices that are not asked for are skipped, but checked. */
struct cede_device_update_info {
    struct cede_reader reader;
    struct cede_span transfer_id;
    size_t groups_left;
    size_t devices_left;  /* of the present group */
    size_t devices_index; /* of the device that next_device gave last, counted over all groups */
};

CEDE_MUST_USE enum cede_status cede_device_update_info_open(struct cede_span encoding,
                                                            struct cede_device_update_info *info);
bool cede_device_update_info_next_group(struct cede_device_update_info *info,
                                        struct cede_update_group *group);
bool cede_device_update_info_next_device(struct cede_device_update_info *info,
                                         struct cede_update_device *device);
/* CEDE_TRANSFER_WINDOW: a group whose window is empty. */
CEDE_MUST_USE enum cede_status
cede_device_update_info_finish(const struct cede_device_update_info *info);
/* Walks group->software_items: start with `*items` = that span. */
bool cede_suit_refs_next(struct cede_span *items, struct cede_suit_ref *ref);

/* --- receipts and notices -----------------------------------------------------------------------
 */

enum cede_receipt_state { CEDE_RECEIPT_TAKEN_OVER = 1, CEDE_RECEIPT_RETURNED = 2 };

struct cede_receipt_line {
    struct cede_span device_id; /* text */
    enum cede_receipt_state state;
    uint64_t at; /* POSIX seconds */
};

struct cede_receipt {
    struct cede_span iss;                  /* text */
    struct cede_span cti;                  /* CEDE_CTI_LEN bytes */
    struct cede_span transfer_id;          /* CEDE_TRANSFER_ID_LEN bytes */
    const struct cede_receipt_line *lines; /* encoding only */
    size_t lines_count;
    struct cede_span line_items; /* decoding only: walk with cede_receipt_next(); checked */
};

/* The payload; sign it with cede_transfer_sign(). */
void cede_receipt_encode(struct cede_writer *writer, const struct cede_receipt *receipt);
CEDE_MUST_USE enum cede_status cede_receipt_decode(struct cede_span payload,
                                                   struct cede_receipt *receipt);
/* Walks receipt->line_items: start with `*items` = that span. */
bool cede_receipt_next(struct cede_span *items, struct cede_receipt_line *line);

#endif
