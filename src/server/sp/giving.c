/* SPDX-License-Identifier: Apache-2.0 */
/* giving.c - SP1's side: offers a contract, shares the device list, checks SP2's offer, takes
 * receipts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/transfer.h"
#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/sp/hand_over.h"
#include "server/sp/profile.h"

/* --- offer ------------------------------------------------------------------------------------
 */

/* The devices that are to go. */
struct selection {
    struct sp *sp;
    char (*ids)[RECORD_DEVICE_ID_MAX];
    uint8_t (*thumbprints)[32];
    size_t count, cap;
    bool x509; /* of which profile they are; all of one transfer are of the same */
};

static void selection_free(struct selection *selection)
{
    free(selection->ids);
    free(selection->thumbprints);
}

static enum cede_status select_device(struct selection *selection, const struct device *device)
{
    if (selection->count > 0 && device->x509 != selection->x509) {
        return CEDE_TRANSFER_DEVICE;
    }
    selection->x509 = device->x509;
    if (selection->count == selection->cap) {
        size_t cap = selection->cap == 0 ? 64 : selection->cap * 2;
        void *ids = realloc(selection->ids, cap * sizeof *selection->ids);

        if (ids == NULL) {
            return CEDE_OS_FAILED;
        }
        selection->ids = ids;
        void *thumbprints = realloc(selection->thumbprints, cap * sizeof *selection->thumbprints);
        if (thumbprints == NULL) {
            return CEDE_OS_FAILED;
        }
        selection->thumbprints = thumbprints;
        selection->cap = cap;
    }
    memcpy(selection->ids[selection->count], device->id, sizeof device->id);
    memcpy(selection->thumbprints[selection->count], device->factory_thumbprint, 32);
    selection->count++;
    return CEDE_OK;
}

static bool is_free(struct sp *sp, const struct device *device)
{
    struct move move;

    return device->status == DEVICE_OPERATIONAL &&
           records_open_move(sp->store, device->id, &move) == CEDE_NOT_FOUND;
}

static enum cede_status select_if_free(void *context, const struct device *device)
{
    struct selection *selection = context;

    return is_free(selection->sp, device) ? select_device(selection, device) : CEDE_OK;
}

static enum cede_status select_named(struct selection *selection, const char *id,
                                     struct hand_over_detail *detail)
{
    struct device device;
    enum cede_status status = records_device(selection->sp->store, id, &device);

    if (status != CEDE_OK) {
        snprintf(detail->text, sizeof detail->text, "device '%.32s' is not in the inventory", id);
        return status;
    }
    if (!is_free(selection->sp, &device)) {
        snprintf(detail->text, sizeof detail->text,
                 "device '%s' is %s or already in a transfer; only operational ones can go",
                 device.id, device_status_name(device.status));
        return CEDE_TRANSFER_DEVICE;
    }
    return select_device(selection, &device);
}

static enum cede_status select_devices(struct selection *selection,
                                       const struct giving_options *options,
                                       struct hand_over_detail *detail)
{
    enum cede_status status = CEDE_OK;

    detail->text[0] = '\0';
    if (options->ids == NULL) {
        status = records_each_device(selection->sp->store, select_if_free, selection);
    }
    for (size_t i = 0; options->ids != NULL && i < options->ids_count && status == CEDE_OK; i++) {
        status = select_named(selection, options->ids[i], detail);
    }
    if (status == CEDE_TRANSFER_DEVICE && detail->text[0] == '\0') {
        snprintf(detail->text, sizeof detail->text,
                 "devices of both profiles, with C509 and with X.509: offer them apart");
    }
    CEDE_TRY(status);
    if (selection->count == 0) {
        snprintf(detail->text, sizeof detail->text, "no operational device is free to go");
        return CEDE_TRANSFER_DEVICE;
    }
    return CEDE_OK;
}

static enum cede_status fill_contract(struct sp *sp, const struct partner *partner,
                                      const struct giving_options *options,
                                      const struct selection *selection, struct contract *contract)
{
    uint8_t(*sorted)[32] = malloc(selection->count * 32);
    enum cede_status status;

    if (sorted == NULL) {
        return CEDE_OS_FAILED;
    }
    memset(contract, 0, sizeof *contract);
    memcpy(contract->from.name, sp->name, sizeof sp->name);
    memcpy(contract->from.key, sp->identity_thumbprint, 32);
    memcpy(contract->to.name, partner->name, sizeof partner->name);
    memcpy(contract->to.key, partner->thumbprint, 32);
    contract->device_count = (int64_t)selection->count;
    contract->earliest = options->earliest;
    contract->latest = options->latest;
    contract->created = sp_now();
    memcpy(sorted, selection->thumbprints, selection->count * 32);
    status =
        contract_devices_digest(sp->crypto, sorted, selection->count, contract->devices_digest);
    free(sorted);
    if (status == CEDE_OK) {
        status = sp->crypto->random(sp->crypto->context,
                                    cede_buf(contract->transfer_id, TRANSFER_ID_LEN));
    }
    return status;
}

/* The contract as JWS text with our signature, the caller's to free. */
static enum cede_status sign_contract(struct sp *sp, const struct identity *identity,
                                      const struct contract *contract, uint8_t hash[32],
                                      char **text)
{
    char *json = contract_encode(contract);
    struct jws jws;
    enum cede_status status;

    *text = NULL;
    if (json == NULL) {
        return CEDE_OS_FAILED;
    }
    status = cede_hash(sp->crypto, CEDE_ALG_SHA_256, cede_span_string(json), hash);
    if (status == CEDE_OK) {
        status = jws_init(&jws, cede_span_string(json));
    }
    free(json);
    CEDE_TRY(status);
    status = contract_sign(sp->crypto, identity, &jws);
    if (status == CEDE_OK) {
        status = jws_encode_json(&jws, text);
    }
    jws_wipe(&jws);
    return status;
}

static enum cede_status add_moves(struct sp *sp, const struct transfer *transfer,
                                  const struct selection *selection)
{
    for (size_t i = 0; i < selection->count; i++) {
        struct move move = {.state = MOVE_PLANNED, .changed_at = transfer->created_at};

        memcpy(move.transfer, transfer->id, TRANSFER_ID_LEN);
        memcpy(move.device, selection->ids[i], sizeof move.device);
        CEDE_TRY(records_add_move(sp->store, &move));
    }
    return CEDE_OK;
}

static enum cede_status save_offer(struct sp *sp, const struct identity *identity,
                                   const struct partner *partner, const struct contract *contract,
                                   const struct selection *selection)
{
    struct transfer transfer = {.direction = TRANSFER_OUT,
                                .state = TRANSFER_OFFERED,
                                .earliest = contract->earliest,
                                .latest = contract->latest,
                                .device_count = contract->device_count,
                                .created_at = contract->created,
                                .changed_at = contract->created};
    char reference[2 * TRANSFER_ID_LEN + 1];
    char *text;
    enum cede_status status;

    memcpy(transfer.id, contract->transfer_id, TRANSFER_ID_LEN);
    memcpy(transfer.partner, partner->name, sizeof transfer.partner);
    CEDE_TRY(sign_contract(sp, identity, contract, transfer.contract_hash, &text));
    hex_encode(transfer.id, TRANSFER_ID_LEN, reference);
    status = records_add_transfer(sp->store, &transfer);
    if (status == CEDE_OK) {
        status = add_moves(sp, &transfer, selection);
    }
    if (status == CEDE_OK) {
        status = records_save_document(sp->store, transfer.id, DOCUMENT_CONTRACT,
                                       cede_span_string(text));
    }
    if (status == CEDE_OK) {
        status = hand_over_queue(sp, "contract", reference, partner->name, "/v1/contracts",
                                 "application/jose+json", cede_span_string(text));
    }
    free(text);
    return status;
}

enum cede_status giving_offer(struct sp *sp, const struct identity *identity,
                              const struct giving_options *options, uint8_t id[TRANSFER_ID_LEN],
                              struct hand_over_detail *detail)
{
    struct selection selection = {.sp = sp};
    struct contract contract;
    struct partner partner;
    enum cede_status status;

    detail->text[0] = '\0';
    if (options->earliest < 0 || options->latest <= options->earliest) {
        return CEDE_CONTRACT_WINDOW;
    }
    CEDE_TRY(records_write(sp->store));
    status = records_partner(sp->store, options->partner, &partner);
    if (status != CEDE_OK || strcmp(partner.role, PARTNER_SP) != 0) {
        snprintf(detail->text, sizeof detail->text,
                 "'%.64s' is no partner with role '" PARTNER_SP "'; add it with 'cede sp partner'",
                 options->partner);
        return CEDE_NOT_FOUND;
    }
    status = select_devices(&selection, options, detail);
    if (status == CEDE_OK) {
        status = fill_contract(sp, &partner, options, &selection, &contract);
    }
    if (status == CEDE_OK) {
        status = save_offer(sp, identity, &partner, &contract, &selection);
    }
    if (status == CEDE_STORE_CONFLICT) {
        snprintf(detail->text, sizeof detail->text, "a device is named twice");
        status = CEDE_TRANSFER_DEVICE;
    }
    if (status == CEDE_OK) {
        memcpy(id, contract.transfer_id, TRANSFER_ID_LEN);
    }
    selection_free(&selection);
    return status;
}

/* --- start: the device list -------------------------------------------------------------------
 */

/* The devices of one batch, and the writer they go into: first one that counts, then the real one.
 */
struct batch {
    struct sp *sp;
    const char (*ids)[RECORD_DEVICE_ID_MAX];
    size_t count;
};

static enum cede_status write_batch_device(struct sp *sp, const char *id,
                                           struct cede_writer *writer)
{
    uint8_t raw[RECORD_CERTIFICATE_MAX], array[RECORD_CERTIFICATE_MAX + 1];
    struct cede_update_device entry;
    struct cede_span certificate;
    struct device device;

    CEDE_TRY(records_device(sp->store, id, &device));
    CEDE_TRY(records_factory_certificate(sp->store, id, CEDE_BUF_ARRAY(raw), &certificate));
    CEDE_TRY(sp_certificate_array(certificate, CEDE_BUF_ARRAY(array), &entry.factory_cert));
    /* Two orders will be signed for the device: its trust update and its transfer message. */
    entry.next_seq = (uint64_t)device.seq + 3;
    cede_device_update_info_device(writer, &entry);
    return CEDE_OK;
}

static enum cede_status write_batch(const struct batch *batch, const struct transfer *transfer,
                                    struct cede_writer *writer)
{
    struct cede_update_group group = {.earliest = (uint64_t)transfer->earliest,
                                      .latest = (uint64_t)transfer->latest,
                                      .devices_count = batch->count};

    cede_device_update_info_begin(writer, transfer->id, 1);
    cede_device_update_info_group(writer, &group);
    for (size_t i = 0; i < batch->count; i++) {
        CEDE_TRY(write_batch_device(batch->sp, batch->ids[i], writer));
    }
    return writer->status;
}

/* The protected header that ties a batch to contract and neighbours. */
static json_t *batch_header(const struct identity *identity, const struct transfer *transfer,
                            size_t number, size_t batches_count)
{
    char kid[65], contract[65];

    hex_encode(identity->thumbprint, 32, kid);
    hex_encode(transfer->contract_hash, 32, contract);
    return json_pack("{s:s, s:s, s:I, s:I, s:s}", "kid", kid, "cty", "cede-device-update-info+cbor",
                     "batch", (json_int_t)number, "batches", (json_int_t)batches_count, "contract",
                     contract);
}

static enum cede_status sign_batch(struct sp *sp, const struct identity *identity,
                                   struct cede_span payload, json_t *header, char **text)
{
    struct jws jws;
    enum cede_status status;

    *text = NULL;
    if (header == NULL) {
        return CEDE_OS_FAILED;
    }
    status = jws_init(&jws, payload);
    if (status == CEDE_OK) {
        status = jws_sign(sp->crypto, &identity->private_key, header, &jws);
        if (status == CEDE_OK) {
            status = jws_encode_json(&jws, text);
        }
        jws_wipe(&jws);
    }
    json_decref(header);
    return status;
}

static enum cede_status queue_batch(struct sp *sp, const struct transfer *transfer, size_t number,
                                    const char *text)
{
    char reference[2 * TRANSFER_ID_LEN + 24];

    hex_encode(transfer->id, TRANSFER_ID_LEN, reference);
    snprintf(reference + (size_t)2 * TRANSFER_ID_LEN, 24, ":%zu", number);
    CEDE_TRY(records_save_document(sp->store, transfer->id, DOCUMENT_BATCH + (int)number,
                                   cede_span_string(text)));
    return hand_over_queue(sp, "device-updates", reference, transfer->partner, "/v1/device-updates",
                           "application/jose+json", cede_span_string(text));
}

static enum cede_status make_batch(const struct batch *batch, const struct identity *identity,
                                   const struct transfer *transfer, size_t number,
                                   size_t batches_count)
{
    struct cede_writer writer = cede_writer_counting();
    struct cede_span payload;
    uint8_t *memory;
    char *text = NULL;
    enum cede_status status;

    CEDE_TRY(write_batch(batch, transfer, &writer));
    memory = malloc(writer.len);
    if (memory == NULL) {
        return CEDE_OS_FAILED;
    }
    writer = cede_writer(cede_buf(memory, writer.len));
    status = write_batch(batch, transfer, &writer);
    if (status == CEDE_OK) {
        status = cede_writer_finish(&writer, &payload);
    }
    if (status == CEDE_OK) {
        status = sign_batch(batch->sp, identity, payload,
                            batch_header(identity, transfer, number, batches_count), &text);
    }
    if (status == CEDE_OK) {
        status = queue_batch(batch->sp, transfer, number, text);
    }
    free(text);
    free(memory);
    return status;
}

static enum cede_status collect_move(void *context, const struct move *move)
{
    struct selection *selection = context;
    struct device device;

    CEDE_TRY(records_device(selection->sp->store, move->device, &device));
    return select_device(selection, &device);
}

static enum cede_status make_batches(struct sp *sp, const struct identity *identity,
                                     const struct transfer *transfer,
                                     const struct selection *selection)
{
    size_t batches_count = (selection->count + SP_BATCH_DEVICES - 1) / SP_BATCH_DEVICES;

    for (size_t i = 0; i < batches_count; i++) {
        size_t first = i * SP_BATCH_DEVICES;
        size_t left = selection->count - first;
        struct batch batch = {sp, (const char(*)[RECORD_DEVICE_ID_MAX])(selection->ids + first),
                              left < SP_BATCH_DEVICES ? left : SP_BATCH_DEVICES};

        CEDE_TRY(make_batch(&batch, identity, transfer, i + 1, batches_count));
    }
    return CEDE_OK;
}

enum cede_status giving_start(struct sp *sp, const struct identity *identity,
                              const uint8_t id[TRANSFER_ID_LEN])
{
    struct selection selection = {.sp = sp};
    struct transfer transfer;
    enum cede_status status;

    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(records_transfer(sp->store, id, &transfer));
    if (transfer.direction != TRANSFER_OUT || transfer.state != TRANSFER_SIGNED) {
        return CEDE_TRANSFER_STATE;
    }
    status =
        records_each_move(sp->store, id, MOVE_PLANNED, false, INT64_MAX, collect_move, &selection);
    if (status == CEDE_OK) {
        status = make_batches(sp, identity, &transfer, &selection);
    }
    selection_free(&selection);
    CEDE_TRY(status);
    transfer.state = TRANSFER_STARTED;
    return records_save_transfer(sp->store, &transfer, sp_now());
}

/* What an order has and the offer has not, besides the fallback URI: audience, seq, heads. */
#define ORDER_MARGIN 128

/* --- SP2's offer ------------------------------------------------------------------------------
 */

/* Rule R7: the offer is about exactly the list we shared, names the partner of the contract as the
 * next controller, and stays inside the contract's window. */
static enum cede_status check_offer(struct sp *sp, const struct partner *partner,
                                    const struct transfer *transfer,
                                    const struct cede_transfer *offer)
{
    uint8_t digest[32], controller[32];
    bool x509;

    if (!cede_span_is_null(offer->aud) || !cede_span_is_null(offer->fallback_uri) ||
        !cede_span_is_null(offer->state_digest) || offer->has_seq) {
        return CEDE_TRANSFER_OFFER; /* for the old provider to say, for each device */
    }
    CEDE_TRY(hand_over_batches_digest(sp, transfer->id, digest));
    CEDE_TRY(records_transfer_is_x509(sp->store, transfer->id, &x509));
    CEDE_TRY(profile_thumbprint(sp, cede_span(partner->certificate, partner->certificate_len), x509,
                                controller));
    if (!cede_span_equal(offer->devices_digest, CEDE_SPAN_ARRAY(digest))) {
        return CEDE_TRANSFER_DIGEST;
    }
    if (!cede_span_equal(offer->controller, CEDE_SPAN_ARRAY(controller)) ||
        !profile_uri_fits(offer->enroll_uri, x509) || !profile_uri_fits(offer->update_uri, x509) ||
        offer->not_before < (uint64_t)transfer->earliest ||
        offer->not_after > (uint64_t)transfer->latest || offer->not_after <= offer->not_before) {
        return CEDE_TRANSFER_OFFER;
    }
    return CEDE_OK;
}

/* The dry run: with these entries added, can a device authenticate the new CA and the new update
 * server? It takes an anchor to enrol under and the next controller's certificate. */
static enum cede_status dry_run(struct sp *sp, struct cede_span entries,
                                struct cede_span controller)
{
    struct cede_trust_list list = cede_trust_list(entries);
    struct cede_trust_entry entry;
    bool can_enrol = false, can_update = false;

    while (cede_trust_list_next(&list, &entry)) {
        struct cede_certificate certificate;
        uint8_t thumbprint[32];
        size_t len;

        CEDE_TRY(cede_certificate_decode(entry.certificate, sp->crypto, &certificate));
        CEDE_TRY(cede_certificate_thumbprint(sp->crypto, CEDE_ALG_SHA_256, entry.certificate,
                                             thumbprint, &len));
        if ((entry.purposes & CEDE_PURPOSE_OWNER) != 0) {
            return CEDE_TRANSFER_OFFER; /* who owns the device is not a provider's to say */
        }
        can_enrol = can_enrol || (entry.purposes & CEDE_PURPOSE_ENROL) != 0;
        if ((entry.purposes & CEDE_PURPOSE_CONTROL) != 0) {
            if (!cede_span_equal(controller, CEDE_SPAN_ARRAY(thumbprint))) {
                return CEDE_TRANSFER_OFFER;
            }
            can_update = true;
        }
    }
    CEDE_TRY(cede_trust_list_finish(&list));
    return can_enrol && can_update ? CEDE_OK : CEDE_TRANSFER_OFFER;
}

/* The message `[transfer-id, offer, trust]`. */
struct offer_message {
    struct cede_span transfer_id, offer, trust;
};

static enum cede_status decode_offer_message(struct cede_span body, struct offer_message *message)
{
    struct cede_reader reader = cede_reader(body);

    cede_cbor_expect_array(&reader, 3);
    message->transfer_id = cede_cbor_get_bytes(&reader);
    message->offer = cede_cbor_get_bytes(&reader);
    message->trust = cede_cbor_get_bytes(&reader);
    CEDE_TRY(cede_reader_finish(&reader));
    return message->transfer_id.len == TRANSFER_ID_LEN ? CEDE_OK : CEDE_CBOR_RANGE;
}

static enum cede_status same_document(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN], int kind,
                                      struct cede_span bytes)
{
    uint8_t *kept;
    size_t len;
    bool same;
    enum cede_status status = records_document(sp->store, id, kind, &kept, &len);

    if (status == CEDE_NOT_FOUND) {
        return CEDE_TRANSFER_STATE; /* called off before it came */
    }
    CEDE_TRY(status);
    same = cede_span_equal(cede_span(kept, len), bytes);
    free(kept);
    return same ? CEDE_OK : CEDE_TRANSFER_CHANGED;
}

enum cede_status giving_on_offer(struct sp *sp, const char *partner_name, struct cede_span body)
{
    struct cede_certificate certificate;
    struct cede_public_key key;
    struct cede_span payload, entries;
    struct offer_message message;
    struct cede_transfer offer;
    struct transfer transfer;
    struct partner partner;

    CEDE_TRY(decode_offer_message(body, &message));
    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(records_partner(sp->store, partner_name, &partner));
    CEDE_TRY(records_transfer(sp->store, message.transfer_id.ptr, &transfer));
    if (transfer.direction != TRANSFER_OUT || strcmp(transfer.partner, partner.name) != 0) {
        return CEDE_CONTRACT_PARTY;
    }
    if (transfer.state >= TRANSFER_READY) {
        CEDE_TRY(same_document(sp, transfer.id, DOCUMENT_OFFER, message.offer));
        return same_document(sp, transfer.id, DOCUMENT_TRUST, message.trust);
    }
    if (transfer.state != TRANSFER_STARTED) {
        return CEDE_TRANSFER_STATE;
    }
    CEDE_TRY(hand_over_partner_key(sp, &partner, &certificate, &key));
    CEDE_TRY(cede_transfer_verify(sp->crypto, &key, message.offer, &payload));
    CEDE_TRY(cede_transfer_decode(payload, &offer));
    CEDE_TRY(cede_transfer_verify(sp->crypto, &key, message.trust, &entries));
    if (message.offer.len + sizeof sp->update_uri + ORDER_MARGIN > RECORD_ORDER_MAX ||
        message.trust.len + ORDER_MARGIN > RECORD_ORDER_MAX) {
        return CEDE_NO_SPACE; /* orders made from it would not fit */
    }
    CEDE_TRY(check_offer(sp, &partner, &transfer, &offer));
    CEDE_TRY(dry_run(sp, entries, offer.controller));
    CEDE_TRY(records_save_document(sp->store, transfer.id, DOCUMENT_OFFER, message.offer));
    CEDE_TRY(records_save_document(sp->store, transfer.id, DOCUMENT_TRUST, message.trust));
    transfer.state = TRANSFER_READY;
    log_info("%s is ready to take over %lld devices", partner.name,
             (long long)transfer.device_count);
    return records_save_transfer(sp->store, &transfer, sp_now());
}

/* --- receipts ---------------------------------------------------------------------------------
 */

/* SP2 has taken the device over. If its acknowledgement was lost we learn only now that it left:
 * all the more its old certificate must go. */
static enum cede_status take_receipt_line(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                          const struct cede_receipt_line *line)
{
    char name[RECORD_DEVICE_ID_MAX];
    struct device device;
    struct move move;

    if (line->state != CEDE_RECEIPT_TAKEN_OVER || line->device_id.len >= sizeof name) {
        return CEDE_TRANSFER_DEVICE;
    }
    memcpy(name, line->device_id.ptr, line->device_id.len);
    name[line->device_id.len] = '\0';
    CEDE_TRY(records_move(sp->store, id, name, &move));
    if (move.state != MOVE_SENT && move.state != MOVE_ACCEPTED) {
        if (move.state != MOVE_DONE) { /* not just once more what we know */
            log_warning("receipt for device %s, which is %s here", name,
                        move_state_name(move.state));
        }
        return CEDE_OK;
    }
    CEDE_TRY(records_device(sp->store, name, &device));
    CEDE_TRY(records_set_move_state(sp->store, &move, MOVE_DONE, sp_now()));
    CEDE_TRY(records_set_device_status(sp->store, name, DEVICE_LEFT, sp_now(), NULL));
    return hand_over_revoke(sp, &device);
}

enum cede_status giving_on_receipt(struct sp *sp, const char *partner, struct cede_span message)
{
    struct cede_receipt_line line;
    struct cede_receipt receipt;
    struct transfer transfer;

    CEDE_TRY(hand_over_open_receipt(sp, partner, TRANSFER_OUT, message, &receipt, &transfer));
    while (cede_receipt_next(&receipt.line_items, &line)) {
        CEDE_TRY(take_receipt_line(sp, transfer.id, &line));
    }
    return CEDE_OK;
}
