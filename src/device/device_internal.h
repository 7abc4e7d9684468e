/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_internal.h - how the files of the device share the work.
 *
 *   life.c        which state follows which, delays, the caller's loop
 *   enrolment.c   factory, enrolling, joining, homing: keys and certificates
 *   reports.c     operational, accepted, updating, joined, fallback: the update server's answers
 *   orders.c      rule R3 and what an accepted order changes
 *   session.c     one request to one server: EDHOC, OSCORE, CoAP
 *   channel.c     the same through the platform's secure channel
 *   trust.c       who is trusted for what
 *   record.c      the record in the journal
 */
#ifndef CEDE_DEVICE_INTERNAL_H
#define CEDE_DEVICE_INTERNAL_H

#include "cede/device.h"

#define KEY_LEN     32
#define POINT_LEN   64
#define SCRATCH_LEN 2048
/* What a record leaves free for the numbers that may still grow: a fallback always fits. */
#define RECORD_RESERVE 64
/* What an order leaves free for what joining makes. */
#define ORDER_RESERVE 256

/* --- record.c -----------------------------------------------------------------------------------
 */

CEDE_MUST_USE enum cede_status record_encode(struct cede_writer *writer,
                                             const struct cede_device_record *record);
CEDE_MUST_USE enum cede_status record_decode(struct cede_span encoding,
                                             struct cede_device_record *record);
/* Rule R1: makes `next` the durable record and the present one, or halts the device. `next` may
 * point into the old record. */
CEDE_MUST_USE enum cede_status record_commit(struct cede_device *device,
                                             const struct cede_device_record *next);
/* Is `next` a record, and does it leave so many bytes free? Changes nothing. */
bool record_fits(struct cede_device *device, const struct cede_device_record *next, size_t reserve);
/* Before the present controller's certificate was made, no clock is right. */
void record_set_clock_floor(struct cede_device *device);
/* Rule R2: what the records before said cannot be read from the flash any more. */
CEDE_MUST_USE enum cede_status record_scrub(struct cede_device *device);

/* --- trust.c ------------------------------------------------------------------------------------
 */

/* In the record only: came in a TrustUpdate of a hand-over that is not committed. */
#define PURPOSE_PENDING 128

struct trust_iterator {
    struct cede_reader reader;
    size_t left;
};
struct trust_iterator trust_begin(struct cede_span trust);
bool trust_next(struct trust_iterator *iterator, struct cede_trust_entry *entry);

struct trust_builder {
    struct cede_trust_entry entries[CEDE_DEVICE_TRUST_MAX];
    size_t count;
    bool full;
};
void trust_add(struct trust_builder *builder, uint32_t purposes, struct cede_span certificate);
CEDE_MUST_USE enum cede_status trust_encode(const struct trust_builder *builder,
                                            struct cede_buf out, struct cede_span *trust);

enum server_role {
    ROLE_ENROLMENT,      /* of the present provider's CA */
    ROLE_NEXT_ENROLMENT, /* of the CA an order names */
    ROLE_CONTROLLER,     /* update server of the present controller */
    ROLE_NEXT_CONTROLLER /* update server of the provider an order names */
};

/* May the server with this certificate chain act in that role? CEDE_DEVICE_SERVER and the path's
 * statuses. */
CEDE_MUST_USE enum cede_status trust_judge(struct cede_device *device, enum server_role role,
                                           const struct cede_certificate *chain,
                                           size_t chain_count);
/* Is the certificate chain[0] of an authenticated server good, by the device's policy? `proof` is
 * the StatusProof of EAD_2 or null. CEDE_STATUS_...: it is not. */
CEDE_MUST_USE enum cede_status trust_check_status(struct cede_device *device, enum server_role role,
                                                  const struct cede_certificate *chain,
                                                  size_t chain_count, struct cede_span proof);
/* The certificate of a server by its c5t or x5t, among all entries. CEDE_EDHOC_UNKNOWN_CREDENTIAL.
 */
CEDE_MUST_USE enum cede_status trust_find(struct cede_device *device, struct cede_span cert_hash,
                                          struct cede_certificate *certificate);
/* True when some entry is the certificate of a server in that role: no need to ask for it. */
bool trust_holds_server(struct cede_device *device, enum server_role role);
/* True when one of these is for key agreement: the server speaks EDHOC with static Diffie-Hellman.
 */
bool trust_holds_agreement(struct cede_device *device, enum server_role role);
/* Is the key of the certificate for agreement and not for signatures? */
bool trust_key_agrees(const struct cede_certificate *certificate);
/* Is this entry an anchor for enrolment servers of the role? */
bool trust_is_enrolment_anchor(uint32_t purposes, enum server_role role);
/* May `entry` end a path of this role? An anchor may, and a known CA certificate directly below
 * one. *anchor is the entry's certificate then. */
bool trust_ends_path(struct cede_device *device, enum server_role role,
                     const struct cede_trust_entry *entry, struct cede_certificate *anchor);
/* The controller certificate with that thumbprint among the pending entries; null when absent. */
struct cede_span trust_next_controller(struct cede_device *device, struct cede_span trust,
                                       struct cede_span thumbprint);
/* What of a trust store stays through the reset (R2), at the commit to `controller` (R14), and when
 * the device goes home. */
void trust_keep_for_reset(struct cede_span trust, struct trust_builder *kept);
void trust_keep_for_commit(struct cede_device *device, struct trust_builder *kept);
void trust_keep_for_home(struct cede_span trust, bool keep_pending, struct trust_builder *kept);

/* --- session.c ----------------------------------------------------------------------------------
 */

enum own_credential { OWN_FACTORY, OWN_OPERATIONAL };

/* One request: to whom, as whom, what. The body is device->request. */
struct plan {
    struct cede_span uri;
    struct cede_span resource; /* appended to the URI's path */
    uint8_t method;
    int32_t format; /* -1: none */
    int32_t accept; /* -1: none */
    enum own_credential own;
    enum server_role role;
};

const struct cede_coap_params *session_params(const struct cede_device *device);
/* The request as the server's resource sees it, the next block of it. */
CEDE_MUST_USE enum cede_status session_compose(struct cede_device *device, const struct plan *plan,
                                               struct cede_buf out, struct cede_span *request);
/* What lies in device->datagram goes out, again and again until the answer or the timeout. */
CEDE_MUST_USE enum cede_status session_exchange(struct cede_device *device,
                                                struct cede_span datagram,
                                                enum cede_device_exchange state);
void session_fail(struct cede_device *device, enum cede_status reason);
void session_start(struct cede_device *device);
void session_receive(struct cede_device *device, struct cede_span datagram);
void session_timeout(struct cede_device *device);
/* Forgets keys and whatever is outstanding. */
void session_drop(struct cede_device *device);

/* --- channel.c ----------------------------------------------------------------------------------
 */

/* Can this device go there? CEDE_COAP_URI, CEDE_DEVICE_PROFILE. */
CEDE_MUST_USE enum cede_status channel_check_uri(const struct cede_device *device,
                                                 struct cede_span text);
bool channel_is_wanted(struct cede_span text);
CEDE_MUST_USE enum cede_status channel_open(struct cede_device *device, const struct plan *plan);
/* Fills in the action that opens it; host and port are the caller's. */
void channel_take_open(struct cede_device *device, struct cede_device_action *action);
CEDE_MUST_USE enum cede_status channel_send(struct cede_device *device, const struct plan *plan);
bool channel_is_stale(const struct cede_device *device);
void channel_drop(struct cede_device *device);

/* --- life.c -------------------------------------------------------------------------------------
 */

void device_halt(struct cede_device *device, enum cede_status status);
bool device_clock(const struct cede_device *device, uint64_t *now);
/* The present request's plan. */
CEDE_MUST_USE enum cede_status device_plan(struct cede_device *device, struct plan *plan);
/* A protected answer came; body lies in device->body. */
void device_answered(struct cede_device *device, uint8_t code, struct cede_span body);
/* The attempt came to nothing, nobody authentic said so. */
void device_failed(struct cede_device *device, enum cede_status reason);

/* Commits `next`, whose state may differ, if the table allows the transition, and starts the new
 * state. False: halted. */
bool life_enter(struct cede_device *device, const struct cede_device_record *next);
/* The next attempt after the usual growing delay, or after `seconds`. */
void life_retry(struct cede_device *device, enum cede_status reason);
void life_wait(struct cede_device *device, uint64_t seconds);
/* The next provider wants the device to wait. */
void life_stalled(struct cede_device *device, uint64_t seconds);
void life_fall_back(struct cede_device *device, enum cede_status reason);
/* An authentic server refused (R8): permanent where the state has something to fall back to. */
void life_refused(struct cede_device *device, enum cede_status reason);
/* A protected answer with that code was not what is needed. */
void life_unusable(struct cede_device *device, uint8_t code, enum cede_status reason);

/* --- enrolment.c, reports.c, orders.c ------------------------------------------------------------
 */

void factory_begin(struct cede_device *device);
void reset_begin(struct cede_device *device);
void enrolment_begin(struct cede_device *device);
void enrolment_plan(struct cede_device *device, struct plan *plan);
void enrolment_answered(struct cede_device *device, uint8_t code, struct cede_span body);
/* Before message_3 goes out: a proof of possession by MAC is made for the session's G_Y. */
CEDE_MUST_USE enum cede_status enrolment_bind(struct cede_device *device);
/* Operational: is it time for a new certificate? */
bool renewal_is_due(struct cede_device *device);

void report_begin(struct cede_device *device);
void report_plan(struct cede_device *device, struct plan *plan);
void operational_answered(struct cede_device *device, const struct cede_answer *answer);
void accepted_answered(struct cede_device *device, const struct cede_answer *answer);
void updating_answered(struct cede_device *device, const struct cede_answer *answer);
void joined_answered(struct cede_device *device, const struct cede_answer *answer);
void fallback_answered(struct cede_device *device, const struct cede_answer *answer);
void accepted_give_up(struct cede_device *device);
void joining_enter(struct cede_device *device);
/* Makes the new key and goes to `homing` with the rest of `next`. */
void home_enter(struct cede_device *device, struct cede_device_record *next);

/* Processes TrustUpdate and TransferMessage. True when the device went on to `accepted` (or
 * halted); otherwise a refusal may be noted in the device. */
bool orders_process(struct cede_device *device, const struct cede_answer *answer);
CEDE_MUST_USE enum cede_status orders_present(const struct cede_device *device,
                                              struct cede_transfer *order);

#endif
