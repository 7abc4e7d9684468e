/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand_over.h - the hand-over between two service providers: what operators decide, what partners'
 * messages change, what falls due. Each function runs in the caller's transaction or opens one
 * (records_write); the caller commits. Everything is idempotent: the same message twice has the
 * effect of once, the same document with other contents is refused.
 *
 * The order of events, SP1 giving and SP2 taking (docs/tour.md tells the story):
 *   giving_offer -> taking_on_contract -> taking_accept -> giving_on_contract -> giving_start
 *   -> taking_on_batch -> (registration at the CA) -> hand_over_work signs the offer
 *   -> giving_on_offer -> hand_over_work signs the orders -> devices poll, leave, join
 *   -> hand_over_work signs receipts and notices -> giving_on_receipt, taking_on_notice
 */
#ifndef CEDE_SP_HAND_OVER_H
#define CEDE_SP_HAND_OVER_H

#include "cede/transfer.h"
#include "server/sp/sp.h"

/* Why a call failed, for people: "entry 12: the certificate has expired". */
struct hand_over_detail {
    char text[160];
};

/* --- giving: SP1 ------------------------------------------------------------------------------
 */

struct giving_options {
    const char *partner;    /* SP2, as this store names it */
    const char *const *ids; /* null: every operational device that is in no transfer */
    size_t ids_count;
    int64_t earliest, latest; /* POSIX seconds */
};

/* Draws up the contract, signs it and queues it. CEDE_NOT_FOUND: partner or a device is unknown.
 * CEDE_TRANSFER_DEVICE: a device is not operational or already in a transfer. */
CEDE_MUST_USE enum cede_status giving_offer(struct sp *sp, const struct identity *identity,
                                            const struct giving_options *options,
                                            uint8_t id[TRANSFER_ID_LEN],
                                            struct hand_over_detail *detail);
/* Shares the device list. CEDE_TRANSFER_STATE: the partner has not signed yet. */
CEDE_MUST_USE enum cede_status giving_start(struct sp *sp, const struct identity *identity,
                                            const uint8_t id[TRANSFER_ID_LEN]);
/* Stops handing out orders; devices that have accepted finish or fall back. Both sides may. */
CEDE_MUST_USE enum cede_status hand_over_cancel(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN]);

/* Contracts of one partner that wait to be accepted or cancelled. */
#define HAND_OVER_OFFERS_MAX 64

/* A contract came from a partner: offered to us, or countersigned. CEDE_TRANSFER_OFFERS: so many
 * wait already. */
CEDE_MUST_USE enum cede_status hand_over_on_contract(struct sp *sp, const char *partner,
                                                     struct cede_span jws_text);
/* SP2's TransferMessage offer (rule R7: bound to the contract and the exact device list). */
CEDE_MUST_USE enum cede_status giving_on_offer(struct sp *sp, const char *partner,
                                               struct cede_span body);
CEDE_MUST_USE enum cede_status giving_on_receipt(struct sp *sp, const char *partner,
                                                 struct cede_span message);

/* --- taking: SP2 ------------------------------------------------------------------------------
 */

/* Countersigns. `ca` is the partner whose PKI the devices join. */
CEDE_MUST_USE enum cede_status taking_accept(struct sp *sp, const struct identity *identity,
                                             const uint8_t id[TRANSFER_ID_LEN], const char *ca);
/* One batch of the device list: all of it is kept or nothing. */
CEDE_MUST_USE enum cede_status taking_on_batch(struct sp *sp, const char *partner,
                                               struct cede_span jws_text,
                                               struct hand_over_detail *detail);
CEDE_MUST_USE enum cede_status taking_on_notice(struct sp *sp, const char *partner,
                                                struct cede_span message);
/* The CA has answered the registration of a batch; its anchors have come. */
CEDE_MUST_USE enum cede_status taking_on_registered(struct sp *sp,
                                                    const uint8_t id[TRANSFER_ID_LEN],
                                                    int64_t batch, const char *enroll_uri);
/* Queues the registration of a batch at the CA; `attempt` tells repeats apart. */
CEDE_MUST_USE enum cede_status taking_queue_registration(struct sp *sp,
                                                         const uint8_t id[TRANSFER_ID_LEN],
                                                         int64_t batch, int attempt);

/* --- what falls due ---------------------------------------------------------------------------
 */

/* One round of the clerk: signs what is due, in its own transactions. *busy tells whether there may
 * be more right away. */
CEDE_MUST_USE enum cede_status hand_over_work(struct sp *sp, const struct identity *identity,
                                              bool *busy);

/* --- shared -----------------------------------------------------------------------------------
 */

/* The old operational certificate: refused by us from now on, revoked at its CA as soon as that can
 * be told (rule R6). */
CEDE_MUST_USE enum cede_status hand_over_revoke(struct sp *sp, const struct device *device);
/* Tells a CA that devices (factory thumbprints) are no concern of ours there any more. `what` makes
 * the message unique in its transfer. */
CEDE_MUST_USE enum cede_status hand_over_deregister(struct sp *sp,
                                                    const uint8_t id[TRANSFER_ID_LEN],
                                                    const char *what, const char *ca,
                                                    const uint8_t (*thumbprints)[32], size_t count);
/* Notes why a transfer cannot go on. */
CEDE_MUST_USE enum cede_status hand_over_fail(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                              const char *reason);
/* Queues a message to a partner about a transfer. */
CEDE_MUST_USE enum cede_status hand_over_queue(struct sp *sp, const char *kind,
                                               const char *reference, const char *partner,
                                               const char *path, const char *content_type,
                                               struct cede_span body);
/* SHA-256 over the payloads of all batches in order: what the offer is bound to. */
CEDE_MUST_USE enum cede_status
hand_over_batches_digest(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN], uint8_t digest[32]);
/* A partner's signing key: of its pinned identity certificate. */
CEDE_MUST_USE enum cede_status hand_over_partner_key(struct sp *sp, const struct partner *partner,
                                                     struct cede_certificate *certificate,
                                                     struct cede_public_key *key);
/* Opens a receipt or notice of this partner about a transfer with it in this direction. Spans lie
 * in `message`. CEDE_CONTRACT_PARTY: another partner's, or another direction. */
CEDE_MUST_USE enum cede_status hand_over_open_receipt(struct sp *sp, const char *partner,
                                                      enum transfer_direction direction,
                                                      struct cede_span message,
                                                      struct cede_receipt *receipt,
                                                      struct transfer *transfer);

#endif
