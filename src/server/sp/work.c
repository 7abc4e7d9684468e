/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.c - the clerk's round: signs what has become due, closes what is done. Each transfer is
 * worked on in a transaction of its own, each kind of work with a bounded number of devices, so
 * that the workers wait little and a kill at any moment loses nothing: what was not committed is
 * simply due again.
 *
 * Mostly there is nothing to do, and looking takes no lock. So a transfer is first looked at as a
 * reader; where there is work, it stops (begin_work) and starts again inside a transaction.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/transfer.h"
#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/sp/hand_over.h"
#include "server/sp/profile.h"

#define ROUND_MOVES       64 /* devices in one transaction */
#define TRUST_ENTRIES_MAX 16
#define TRUST_LIST_MAX    3072
#define RECEIPT_MAX       (ROUND_MOVES * 64)
#define DEREGISTER_MAX    500 /* devices in one message to a CA */

struct round {
    struct sp *sp;
    const struct identity *identity;
    bool busy;
    bool has_work;
};

/* Stands before every change. */
static enum cede_status begin_work(struct round *round)
{
    if (store_in_transaction(round->sp->store)) {
        return CEDE_OK;
    }
    round->has_work = true;
    return CEDE_STORE_BUSY; /* never leaves work_on_one */
}

struct move_list {
    struct move items[ROUND_MOVES];
    size_t count;
};

static enum cede_status append_move(void *context, const struct move *move)
{
    struct move_list *list = context;

    list->items[list->count++] = *move;
    return CEDE_OK;
}

static enum cede_status list_moves(struct sp *sp, const struct transfer *transfer,
                                   enum move_state state, bool unreported_only,
                                   struct move_list *list)
{
    list->count = 0;
    return records_each_move(sp->store, transfer->id, state, unreported_only, ROUND_MOVES,
                             append_move, list);
}

static enum cede_status sign(struct round *round, struct cede_span payload, struct cede_buf out,
                             struct cede_span *message)
{
    return cede_transfer_sign(round->sp->crypto, &round->identity->private_key, payload, out,
                              message);
}

/* --- in: the offer ----------------------------------------------------------------------------
 */

/* What devices need to trust the new side: the CA's list, our controller, our update server. */
static enum cede_status write_trust(struct sp *sp, struct cede_span ca_trust, bool x509,
                                    struct cede_writer *writer)
{
    struct cede_trust_entry entries[TRUST_ENTRIES_MAX + 2];
    uint8_t server[SP_CERTIFICATE_MAX + 1], memory[TRUST_LIST_MAX];
    size_t count = 0;

    CEDE_TRY(profile_trust(sp, ca_trust, x509, CEDE_BUF_ARRAY(memory), entries, TRUST_ENTRIES_MAX,
                           &count));
    entries[count].purposes = CEDE_PURPOSE_CONTROL;
    entries[count++].certificate = profile_controller(sp, x509);
    if (!x509) { /* DTLS has no references to resolve */
        entries[count].purposes = CEDE_PURPOSE_KNOWN;
        CEDE_TRY(sp_certificate_array(cede_span(sp->server_certificate, sp->server_certificate_len),
                                      CEDE_BUF_ARRAY(server), &entries[count++].certificate));
    }
    cede_trust_list_encode(writer, entries, count);
    return writer->status;
}

static enum cede_status sign_trust(struct round *round, struct cede_span ca_trust, bool x509,
                                   struct cede_buf out, struct cede_span *message)
{
    uint8_t list[TRUST_LIST_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(list));
    struct cede_span payload;

    CEDE_TRY(write_trust(round->sp, ca_trust, x509, &writer));
    CEDE_TRY(cede_writer_finish(&writer, &payload));
    return sign(round, payload, out, message);
}

static enum cede_status sign_offer(struct round *round, const struct transfer *transfer, bool x509,
                                   struct cede_buf out, struct cede_span *message)
{
    struct sp *sp = round->sp;
    uint8_t payload[1024], digest[32], cti[CEDE_CTI_LEN];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));
    struct cede_transfer offer = {0};
    struct cede_span encoded;

    CEDE_TRY(hand_over_batches_digest(sp, transfer->id, digest));
    CEDE_TRY(sp->crypto->random(sp->crypto->context, CEDE_BUF_ARRAY(cti)));
    offer.iss = cede_span_string(sp->name);
    offer.not_before = (uint64_t)transfer->earliest;
    offer.not_after = (uint64_t)transfer->latest;
    offer.cti = CEDE_SPAN_ARRAY(cti);
    offer.enroll_uri = cede_span_string(transfer->enroll_uri);
    offer.update_uri = profile_update_uri(sp, x509);
    offer.controller = profile_controller_thumbprint(sp, x509);
    offer.devices_digest = CEDE_SPAN_ARRAY(digest);
    cede_transfer_encode(&writer, &offer);
    CEDE_TRY(cede_writer_finish(&writer, &encoded));
    return sign(round, encoded, out, message);
}

static enum cede_status queue_offer(struct sp *sp, const struct transfer *transfer,
                                    struct cede_span offer, struct cede_span trust)
{
    uint8_t body[TRUST_LIST_MAX + 2048];
    char reference[2 * TRANSFER_ID_LEN + 1];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(body));
    struct cede_span encoded;

    cede_cbor_put_array(&writer, 3);
    cede_cbor_put_bytes(&writer, cede_span(transfer->id, TRANSFER_ID_LEN));
    cede_cbor_put_bytes(&writer, offer);
    cede_cbor_put_bytes(&writer, trust);
    CEDE_TRY(cede_writer_finish(&writer, &encoded));
    hex_encode(transfer->id, TRANSFER_ID_LEN, reference);
    return hand_over_queue(sp, "offer", reference, transfer->partner, "/v1/transfer-offers",
                           "application/cbor", encoded);
}

static enum cede_status make_offer(struct round *round, struct transfer *transfer)
{
    struct sp *sp = round->sp;
    uint8_t offer_memory[1536], trust_memory[TRUST_LIST_MAX + 256];
    bool x509 = profile_is_coaps(cede_span_string(transfer->enroll_uri));
    struct cede_span offer, trust;
    struct partner ca;

    CEDE_TRY(records_partner(sp->store, transfer->ca, &ca));
    if (ca.trust_len == 0) {
        return CEDE_OK; /* the CA's anchors are still on their way */
    }
    CEDE_TRY(begin_work(round));
    if (profile_update_uri(sp, x509).len == 0) {
        return hand_over_fail(sp, transfer->id,
                              "the devices need DTLS, and this provider serves none (sp init "
                              "--coaps)");
    }
    CEDE_TRY(sign_offer(round, transfer, x509, CEDE_BUF_ARRAY(offer_memory), &offer));
    CEDE_TRY(sign_trust(round, cede_span(ca.trust, ca.trust_len), x509,
                        CEDE_BUF_ARRAY(trust_memory), &trust));
    CEDE_TRY(records_save_document(sp->store, transfer->id, DOCUMENT_OFFER, offer));
    CEDE_TRY(records_save_document(sp->store, transfer->id, DOCUMENT_TRUST, trust));
    CEDE_TRY(queue_offer(sp, transfer, offer, trust));
    transfer->state = TRANSFER_READY;
    return records_save_transfer(sp->store, transfer, sp_now());
}

/* --- out: orders for devices ------------------------------------------------------------------
 */

/* What all devices of a transfer are told alike: from SP2's checked offer. */
struct order_terms {
    uint8_t *offer_bytes, *trust_bytes; /* owned */
    struct cede_transfer offer;
    struct cede_span entries;
};

static void order_terms_free(struct order_terms *terms)
{
    free(terms->offer_bytes);
    free(terms->trust_bytes);
}

static enum cede_status load_terms(struct round *round, const struct transfer *transfer,
                                   struct order_terms *terms)
{
    struct sp *sp = round->sp;
    struct cede_certificate certificate;
    struct cede_public_key key;
    struct cede_span payload;
    struct partner partner;
    size_t offer_len, trust_len;

    CEDE_TRY(records_partner(sp->store, transfer->partner, &partner));
    CEDE_TRY(hand_over_partner_key(sp, &partner, &certificate, &key));
    CEDE_TRY(
        records_document(sp->store, transfer->id, DOCUMENT_OFFER, &terms->offer_bytes, &offer_len));
    CEDE_TRY(
        records_document(sp->store, transfer->id, DOCUMENT_TRUST, &terms->trust_bytes, &trust_len));
    CEDE_TRY(
        cede_transfer_verify(sp->crypto, &key, cede_span(terms->offer_bytes, offer_len), &payload));
    CEDE_TRY(cede_transfer_decode(payload, &terms->offer));
    return cede_transfer_verify(sp->crypto, &key, cede_span(terms->trust_bytes, trust_len),
                                &terms->entries);
}

static enum cede_status sign_trust_update(struct round *round, const struct order_terms *terms,
                                          const struct move *move, uint64_t seq,
                                          struct cede_buf out, struct cede_span *message)
{
    uint8_t payload[RECORD_ORDER_MAX], cti[CEDE_CTI_LEN];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));
    struct cede_trust_update update = {0};
    struct cede_span encoded;

    move_trust_cti(move, cti);
    update.aud = cede_span_string(move->device);
    update.not_before = terms->offer.not_before;
    update.not_after = terms->offer.not_after;
    update.cti = CEDE_SPAN_ARRAY(cti);
    update.seq = seq;
    update.entries = terms->entries;
    cede_trust_update_encode(&writer, &update);
    CEDE_TRY(cede_writer_finish(&writer, &encoded));
    return sign(round, encoded, out, message);
}

static enum cede_status sign_order(struct round *round, const struct order_terms *terms,
                                   const struct move *move, struct cede_buf out,
                                   struct cede_span *message)
{
    uint8_t payload[RECORD_ORDER_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));
    struct cede_transfer order = terms->offer;
    struct cede_span encoded;

    order.iss = CEDE_SPAN_NULL;
    order.devices_digest = CEDE_SPAN_NULL;
    order.aud = cede_span_string(move->device);
    order.cti = cede_span(move->cti, sizeof move->cti);
    order.fallback_uri = profile_update_uri(round->sp, profile_is_coaps(order.enroll_uri));
    order.has_seq = true;
    order.seq = (uint64_t)move->seq;
    cede_transfer_encode(&writer, &order);
    CEDE_TRY(cede_writer_finish(&writer, &encoded));
    return sign(round, encoded, out, message);
}

static enum cede_status make_orders(struct round *round, const struct order_terms *terms,
                                    struct move *move)
{
    struct sp *sp = round->sp;
    uint8_t update_memory[RECORD_ORDER_MAX], order_memory[RECORD_ORDER_MAX];
    struct cede_span update, order;
    struct device device;

    CEDE_TRY(records_device(sp->store, move->device, &device));
    CEDE_TRY(sp->crypto->random(sp->crypto->context, CEDE_BUF_ARRAY(move->cti)));
    move->seq = device.seq + 2;
    CEDE_TRY(sign_trust_update(round, terms, move, (uint64_t)device.seq + 1,
                               CEDE_BUF_ARRAY(update_memory), &update));
    CEDE_TRY(sign_order(round, terms, move, CEDE_BUF_ARRAY(order_memory), &order));
    CEDE_TRY(records_set_seq(sp->store, move->device, move->seq));
    CEDE_TRY(records_save_orders(sp->store, move, update, order));
    return records_set_move_state(sp->store, move, MOVE_READY, sp_now());
}

static enum cede_status make_round_of_orders(struct round *round, const struct transfer *transfer)
{
    struct order_terms terms = {0};
    struct move_list list;
    enum cede_status status;

    CEDE_TRY(list_moves(round->sp, transfer, MOVE_PLANNED, false, &list));
    if (list.count == 0) {
        return CEDE_OK;
    }
    CEDE_TRY(begin_work(round));
    status = load_terms(round, transfer, &terms);
    for (size_t i = 0; i < list.count && status == CEDE_OK; i++) {
        status = make_orders(round, &terms, &list.items[i]);
    }
    order_terms_free(&terms);
    round->busy = round->busy || (status == CEDE_OK && list.count == ROUND_MOVES);
    return status;
}

/* --- receipts and notices ---------------------------------------------------------------------
 */

static enum cede_status sign_receipt(struct round *round, const struct transfer *transfer,
                                     const struct move_list *list, enum cede_receipt_state state,
                                     const uint8_t cti[CEDE_CTI_LEN], struct cede_buf out,
                                     struct cede_span *message)
{
    uint8_t payload[RECEIPT_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));
    struct cede_receipt_line lines[ROUND_MOVES];
    struct cede_receipt receipt = {.iss = cede_span_string(round->sp->name),
                                   .cti = cede_span(cti, CEDE_CTI_LEN),
                                   .transfer_id = cede_span(transfer->id, TRANSFER_ID_LEN),
                                   .lines = lines,
                                   .lines_count = list->count};
    struct cede_span encoded;

    for (size_t i = 0; i < list->count; i++) {
        lines[i].device_id = cede_span_string(list->items[i].device);
        lines[i].state = state;
        lines[i].at = (uint64_t)list->items[i].changed_at;
    }
    cede_receipt_encode(&writer, &receipt);
    CEDE_TRY(cede_writer_finish(&writer, &encoded));
    return sign(round, encoded, out, message);
}

struct report_kind {
    enum transfer_direction direction;
    enum move_state state;
    enum cede_receipt_state line_state;
    const char *kind, *path;
};

static const struct report_kind report_kinds[] = {
    {TRANSFER_IN, MOVE_TAKEN_OVER, CEDE_RECEIPT_TAKEN_OVER, "receipt", "/v1/receipts"},
    /* At once, not when it is home: its old CA may be the new one as well, and issues nothing while
     * the certificate for the new provider lives. */
    {TRANSFER_OUT, MOVE_FALLBACK, CEDE_RECEIPT_RETURNED, "notice", "/v1/notices"},
    {TRANSFER_OUT, MOVE_RETURNED, CEDE_RECEIPT_RETURNED, "notice", "/v1/notices"},
    {TRANSFER_OUT, MOVE_REFUSED, CEDE_RECEIPT_RETURNED, "notice", "/v1/notices"},
    {TRANSFER_OUT, MOVE_MISSED, CEDE_RECEIPT_RETURNED, "notice", "/v1/notices"},
    {TRANSFER_OUT, MOVE_CANCELLED, CEDE_RECEIPT_RETURNED, "notice", "/v1/notices"},
};

static enum cede_status report_moves(struct round *round, const struct transfer *transfer,
                                     const struct report_kind *kind)
{
    struct sp *sp = round->sp;
    uint8_t cti[CEDE_CTI_LEN], memory[RECEIPT_MAX + 256];
    char reference[2 * CEDE_CTI_LEN + 1];
    struct move_list list;
    struct cede_span message;
    int64_t waiting = 0;

    CEDE_TRY(list_moves(sp, transfer, kind->state, true, &list));
    if (list.count > 0) { /* a notice must not overtake the list it speaks of */
        CEDE_TRY(records_batches_waiting(sp->store, transfer->id, &waiting));
    }
    if (list.count == 0 || waiting > 0) {
        return CEDE_OK;
    }
    CEDE_TRY(begin_work(round));
    CEDE_TRY(sp->crypto->random(sp->crypto->context, CEDE_BUF_ARRAY(cti)));
    CEDE_TRY(sign_receipt(round, transfer, &list, kind->line_state, cti, CEDE_BUF_ARRAY(memory),
                          &message));
    hex_encode(cti, sizeof cti, reference);
    CEDE_TRY(hand_over_queue(sp, kind->kind, reference, transfer->partner, kind->path,
                             "application/cwt", message));
    for (size_t i = 0; i < list.count; i++) {
        CEDE_TRY(records_set_move_reported(sp->store, &list.items[i]));
    }
    round->busy = round->busy || list.count == ROUND_MOVES;
    return CEDE_OK;
}

/* --- ends -------------------------------------------------------------------------------------
 */

/* Devices that were told nothing and will not be: the window is over, or the transfer is off. */
static enum cede_status close_untold(struct round *round, const struct transfer *transfer,
                                     enum move_state end)
{
    static const enum move_state untold[] = {MOVE_PLANNED, MOVE_READY};

    for (size_t i = 0; i < sizeof untold / sizeof untold[0]; i++) {
        struct move_list list;

        CEDE_TRY(list_moves(round->sp, transfer, untold[i], false, &list));
        for (size_t k = 0; k < list.count; k++) {
            CEDE_TRY(begin_work(round));
            CEDE_TRY(records_set_move_state(round->sp->store, &list.items[k], end, sp_now()));
        }
        round->busy = round->busy || list.count == ROUND_MOVES;
    }
    return CEDE_OK;
}

/* Our side called the taking-over off before the offer was made: no device can have been told to
 * come. */
static enum cede_status close_unoffered(struct round *round, const struct transfer *transfer)
{
    struct sp *sp = round->sp;
    struct move_list list;
    uint8_t *offer;
    size_t len;
    enum cede_status status;

    CEDE_TRY(list_moves(sp, transfer, MOVE_EXPECTED, false, &list));
    if (list.count == 0) {
        return CEDE_OK;
    }
    status = records_document(sp->store, transfer->id, DOCUMENT_OFFER, &offer, &len);
    if (status != CEDE_NOT_FOUND) {
        free(offer);
        return status;
    }
    CEDE_TRY(begin_work(round));
    for (size_t i = 0; i < list.count; i++) {
        CEDE_TRY(records_set_move_state(sp->store, &list.items[i], MOVE_DROPPED, sp_now()));
        CEDE_TRY(records_set_device_status(sp->store, list.items[i].device, DEVICE_GIVEN_BACK,
                                           sp_now(), "the transfer was called off"));
    }
    round->busy = round->busy || list.count == ROUND_MOVES;
    return CEDE_OK;
}

static enum cede_status open_moves(struct sp *sp, const struct transfer *transfer, int64_t *open)
{
    *open = 0;
    for (int state = 1; state < MOVE_STATE_COUNT; state++) {
        int64_t count = 0;

        if (!move_state_is_final((enum move_state)state)) {
            CEDE_TRY(records_move_count(sp->store, transfer->id, (enum move_state)state, &count));
            *open += count;
        }
    }
    return CEDE_OK;
}

/* Devices that have left need no place at their old CA any more. They are told in portions, a CA at
 * a time; what is left of a portion goes with the end. */
struct deregistration {
    struct sp *sp;
    const struct transfer *transfer;
    const char *ca;
    size_t portions, count;
    uint8_t thumbprints[DEREGISTER_MAX][32];
};

static enum cede_status queue_portion(struct deregistration *leaving)
{
    char what[RECORD_NAME_MAX + 24];

    if (leaving->count == 0) {
        return CEDE_OK;
    }
    snprintf(what, sizeof what, "%s:%zu", leaving->ca, ++leaving->portions);
    CEDE_TRY(hand_over_deregister(leaving->sp, leaving->transfer->id, what, leaving->ca,
                                  (const uint8_t(*)[32])leaving->thumbprints, leaving->count));
    leaving->count = 0;
    return CEDE_OK;
}

static enum cede_status add_leaving(void *context, const struct move *move)
{
    struct deregistration *leaving = context;
    struct device device;

    CEDE_TRY(records_device(leaving->sp->store, move->device, &device));
    if (strcmp(device.ca, leaving->ca) != 0) {
        return CEDE_OK;
    }
    memcpy(leaving->thumbprints[leaving->count++], device.factory_thumbprint, 32);
    return leaving->count == DEREGISTER_MAX ? queue_portion(leaving) : CEDE_OK;
}

static enum cede_status queue_deregistration(struct sp *sp, const struct transfer *transfer)
{
    struct deregistration *leaving = calloc(1, sizeof *leaving);
    struct partner ca;
    enum cede_status status = leaving != NULL ? CEDE_OK : CEDE_OS_FAILED;

    for (size_t n = 0; status == CEDE_OK; n++) {
        status = records_partner_of_role(sp->store, PARTNER_CA, n, &ca);
        if (status != CEDE_OK) {
            break;
        }
        leaving->sp = sp;
        leaving->transfer = transfer;
        leaving->ca = ca.name;
        leaving->portions = 0;
        status = records_each_move(sp->store, transfer->id, MOVE_DONE, false, INT64_MAX,
                                   add_leaving, leaving);
        if (status == CEDE_OK) {
            status = queue_portion(leaving);
        }
    }
    free(leaving);
    return status == CEDE_NOT_FOUND ? CEDE_OK : status;
}

/* Every device is here or there. A taking transfer has its devices only when the list is whole. */
static bool may_close(const struct transfer *transfer)
{
    return transfer->state <= TRANSFER_READY &&
           (transfer->direction == TRANSFER_OUT || transfer->state >= TRANSFER_INFORMED);
}

static enum cede_status close_if_done(struct round *round, struct transfer *transfer)
{
    int64_t open;

    if (!may_close(transfer)) {
        return CEDE_OK;
    }
    CEDE_TRY(open_moves(round->sp, transfer, &open));
    if (open > 0) {
        return CEDE_OK;
    }
    CEDE_TRY(begin_work(round));
    if (transfer->direction == TRANSFER_OUT) {
        CEDE_TRY(queue_deregistration(round->sp, transfer));
    }
    transfer->state = TRANSFER_COMPLETE;
    log_info("the transfer with %s is complete", transfer->partner);
    return records_save_transfer(round->sp->store, transfer, sp_now());
}

/* --- the round --------------------------------------------------------------------------------
 */

static bool is_off(const struct transfer *transfer)
{
    return transfer->state == TRANSFER_CANCELLED || transfer->state == TRANSFER_FAILED;
}

static enum cede_status work_on_giving(struct round *round, const struct transfer *transfer)
{
    if (is_off(transfer)) {
        return close_untold(round, transfer, MOVE_CANCELLED);
    }
    if (sp_now() > transfer->latest) {
        return close_untold(round, transfer, MOVE_MISSED);
    }
    return transfer->state == TRANSFER_READY ? make_round_of_orders(round, transfer) : CEDE_OK;
}

static enum cede_status work_on_taking(struct round *round, struct transfer *transfer)
{
    if (is_off(transfer)) {
        return close_unoffered(round, transfer);
    }
    return transfer->state == TRANSFER_REGISTERED ? make_offer(round, transfer) : CEDE_OK;
}

static enum cede_status work_on(struct round *round, struct transfer *transfer)
{
    CEDE_TRY(transfer->direction == TRANSFER_OUT ? work_on_giving(round, transfer)
                                                 : work_on_taking(round, transfer));
    for (size_t i = 0; i < sizeof report_kinds / sizeof report_kinds[0]; i++) {
        if (report_kinds[i].direction == transfer->direction) {
            CEDE_TRY(report_moves(round, transfer, &report_kinds[i]));
        }
    }
    return close_if_done(round, transfer);
}

struct transfer_list {
    struct transfer *items;
    size_t count, cap;
};

static enum cede_status append_transfer(void *context, const struct transfer *transfer)
{
    struct transfer_list *list = context;

    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        void *items = realloc(list->items, cap * sizeof *list->items);

        if (items == NULL) {
            return CEDE_OS_FAILED;
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = *transfer;
    return CEDE_OK;
}

/* A transfer that cannot be worked on must not stop the others. */
static void work_on_one(struct round *round, struct transfer *transfer)
{
    char id[2 * TRANSFER_ID_LEN + 1];
    enum cede_status status = work_on(round, transfer);

    if (round->has_work) {
        round->has_work = false;
        status = records_write(round->sp->store);
        if (status == CEDE_OK) {
            status = records_transfer(round->sp->store, transfer->id, transfer);
        }
        if (status == CEDE_OK) {
            status = work_on(round, transfer);
        }
        status = sp_finish(round->sp, status);
    }
    if (status != CEDE_OK) {
        hex_encode(transfer->id, TRANSFER_ID_LEN, id);
        log_error("transfer %s: %s", id, cede_status_reason(status));
    }
}

enum cede_status hand_over_work(struct sp *sp, const struct identity *identity, bool *busy)
{
    struct round round = {sp, identity, false, false};
    struct transfer_list list = {NULL, 0, 0};
    enum cede_status status =
        records_each_transfer(sp->store, (enum transfer_state)0, append_transfer, &list);

    for (size_t i = 0; i < list.count; i++) {
        work_on_one(&round, &list.items[i]);
    }
    free(list.items);
    *busy = round.busy;
    return status;
}
