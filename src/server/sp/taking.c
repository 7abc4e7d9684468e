/* SPDX-License-Identifier: Apache-2.0 */
/* taking.c - SP2's side: countersigns, checks the device list, registers it at its CA, hears of
 * devices that went back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/transfer.h"
#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/sp/hand_over.h"
#include "server/sp/profile.h"

/* --- accept -----------------------------------------------------------------------------------
 */

static enum cede_status countersign(struct sp *sp, const struct identity *identity,
                                    const struct transfer *transfer, char **text)
{
    uint8_t *kept;
    size_t len;
    struct jws jws;
    enum cede_status status;

    *text = NULL;
    CEDE_TRY(records_document(sp->store, transfer->id, DOCUMENT_CONTRACT, &kept, &len));
    status = jws_decode(cede_span(kept, len), &jws);
    free(kept);
    CEDE_TRY(status);
    status = contract_sign(sp->crypto, identity, &jws);
    if (status == CEDE_OK) {
        status = jws_encode_json(&jws, text);
    }
    jws_wipe(&jws);
    return status;
}

enum cede_status taking_accept(struct sp *sp, const struct identity *identity,
                               const uint8_t id[TRANSFER_ID_LEN], const char *ca)
{
    char reference[2 * TRANSFER_ID_LEN + 1];
    struct transfer transfer;
    struct partner partner;
    char *text;
    enum cede_status status;

    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(records_transfer(sp->store, id, &transfer));
    if (transfer.direction != TRANSFER_IN || transfer.state != TRANSFER_OFFERED) {
        return CEDE_TRANSFER_STATE;
    }
    CEDE_TRY(records_partner(sp->store, ca, &partner));
    if (strcmp(partner.role, PARTNER_CA) != 0) {
        return CEDE_NOT_FOUND;
    }
    CEDE_TRY(countersign(sp, identity, &transfer, &text));
    hex_encode(id, TRANSFER_ID_LEN, reference);
    status = records_save_document(sp->store, id, DOCUMENT_CONTRACT, cede_span_string(text));
    if (status == CEDE_OK) {
        status = hand_over_queue(sp, "contract", reference, transfer.partner, "/v1/contracts",
                                 "application/jose+json", cede_span_string(text));
    }
    free(text);
    if (status == CEDE_OK) {
        status = hand_over_queue(sp, "anchors", reference, partner.name, "/v1/anchors",
                                 "application/cbor", CEDE_SPAN_NULL);
    }
    CEDE_TRY(status);
    memcpy(transfer.ca, partner.name, sizeof transfer.ca);
    transfer.state = TRANSFER_SIGNED;
    return records_save_transfer(sp->store, &transfer, sp_now());
}

/* --- the device list --------------------------------------------------------------------------
 */

/* Bounds the numbers of documents (enum transfer_document). */
#define BATCHES_MAX 100000

/* A batch is kept as it came, in base64url: what its signature, headers and software references may
 * take, and what a device. */
#define BATCH_LEN_MAX        16384
#define BATCH_DEVICE_LEN_MAX ((RECORD_CERTIFICATE_MAX + 32) * 4 / 3)

struct batch_header {
    int64_t number, batches;
    uint8_t contract[32];
};

static enum cede_status read_header(const struct jws *jws, size_t index,
                                    struct batch_header *header)
{
    const json_t *json = jws->signatures[index].header;
    const char *contract = jws_header_text(jws, index, "contract");

    header->number = json_integer_value(json_object_get(json, "batch"));
    header->batches = json_integer_value(json_object_get(json, "batches"));
    if (contract == NULL || !hex_decode(contract, header->contract, 32) || header->number < 1 ||
        header->batches < header->number || header->batches > BATCHES_MAX) {
        return CEDE_CONTRACT_FORMAT;
    }
    return CEDE_OK;
}

/* The factory certificate chains to a permanent CA we know. */
static enum cede_status check_factory_path(struct sp *sp,
                                           const struct cede_certificate *certificate)
{
    struct cede_path_rules rules = {true, (uint64_t)sp_now(), 0, 0};
    struct cede_certificate anchor;
    struct partner ca;
    uint8_t scratch[CEDE_C509_SCRATCH];
    enum cede_status status = CEDE_CERTIFICATE_UNTRUSTED;

    for (size_t n = 0; status == CEDE_CERTIFICATE_UNTRUSTED || status == CEDE_CRYPTO_SIGNATURE;
         n++) {
        if (records_partner_of_role(sp->store, PARTNER_PERMANENT_CA, n, &ca) != CEDE_OK) {
            return status;
        }
        CEDE_TRY(cede_certificate_decode(cede_span(ca.certificate, ca.certificate_len), sp->crypto,
                                         &anchor));
        status = cede_certificate_path(certificate, 1, &anchor, 1, &rules, sp->crypto,
                                       CEDE_BUF_ARRAY(scratch), NULL);
    }
    return status;
}

/* The name of the device stands in lists, logs and JSON: UTF-8 without control characters, C1 among
 * them. */
static bool take_device_id(struct cede_span name, char id[RECORD_DEVICE_ID_MAX])
{
    json_t *text = json_stringn((const char *)name.ptr, name.len); /* null: not UTF-8 */
    bool plain = text != NULL && name.len > 0 && name.len < RECORD_DEVICE_ID_MAX;

    json_decref(text);
    for (size_t i = 0; i < name.len && plain; i++) {
        bool c1 = name.ptr[i] == 0xc2 && name.ptr[i + 1] < 0xa0;

        plain = name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f && !c1;
    }
    if (plain) {
        memcpy(id, name.ptr, name.len);
        id[name.len] = '\0';
    }
    return plain;
}

/* A device is expected by one transfer at a time, and by none for ever: when the window of that one
 * is over, another may bring it, whoever has named it before. */
static enum cede_status end_expectation(struct sp *sp, const struct transfer *transfer,
                                        const struct device *device)
{
    struct transfer other;
    struct move move;

    CEDE_TRY(records_open_move(sp->store, device->id, &move));
    CEDE_TRY(records_transfer(sp->store, move.transfer, &other));
    if (move.state != MOVE_EXPECTED || sp_now() <= other.latest ||
        memcmp(other.id, transfer->id, TRANSFER_ID_LEN) == 0) {
        return CEDE_TRANSFER_DEVICE;
    }
    CEDE_TRY(records_set_move_state(sp->store, &move, MOVE_DROPPED, sp_now()));
    return strcmp(device->ca, transfer->ca) == 0
               ? CEDE_OK
               : hand_over_deregister(sp, other.id, device->id, device->ca,
                                      &device->factory_thumbprint, 1);
}

/* A device we had before may come again, and one that did not come. One that is ours now, or
 * another one under the same name, may not. */
static enum cede_status may_come(struct sp *sp, const struct transfer *transfer,
                                 const struct device *known, const uint8_t thumbprint[32])
{
    if (memcmp(known->factory_thumbprint, thumbprint, 32) != 0) {
        return CEDE_TRANSFER_DEVICE;
    }
    if (known->status == DEVICE_EXPECTED) {
        return end_expectation(sp, transfer, known);
    }
    return known->status == DEVICE_LEFT || known->status == DEVICE_GIVEN_BACK
               ? CEDE_OK
               : CEDE_TRANSFER_DEVICE;
}

static enum cede_status expect_device(struct sp *sp, const struct transfer *transfer,
                                      const struct cede_certificate *certificate,
                                      const uint8_t thumbprint[32], int64_t seq)
{
    struct move move = {.state = MOVE_EXPECTED, .changed_at = sp_now()};
    struct device known, device = {.status = DEVICE_EXPECTED, .since = sp_now(), .seq = seq};
    enum cede_status status;

    if (!take_device_id(cede_certificate_common_name(certificate), device.id)) {
        return CEDE_TRANSFER_DEVICE;
    }
    memcpy(device.ca, transfer->ca, sizeof device.ca);
    memcpy(device.factory_thumbprint, thumbprint, 32);
    status = records_device(sp->store, device.id, &known);
    if (status == CEDE_NOT_FOUND) {
        CEDE_TRY(records_add_device(sp->store, &device, certificate->raw));
    } else {
        CEDE_TRY(status);
        CEDE_TRY(may_come(sp, transfer, &known, thumbprint));
        CEDE_TRY(records_expect_again(sp->store, device.id, seq, sp_now()));
        CEDE_TRY(records_set_device_ca(sp->store, device.id, transfer->ca));
    }
    memcpy(move.transfer, transfer->id, TRANSFER_ID_LEN);
    memcpy(move.device, device.id, sizeof move.device);
    move.seq = seq;
    return records_add_move(sp->store, &move);
}

static enum cede_status take_entry(struct sp *sp, const struct transfer *transfer,
                                   const struct cede_update_device *entry)
{
    struct cede_certificate certificate;
    uint8_t thumbprint[32];
    size_t len;
    bool x509;

    if (records_transfer_is_x509(sp->store, transfer->id, &x509) == CEDE_OK &&
        profile_is_der(entry->factory_cert) != x509) {
        return CEDE_TRANSFER_DEVICE; /* of another profile than the ones before */
    }
    if (entry->next_seq < 1 || entry->next_seq > (uint64_t)RECORD_SEQ_MAX) {
        return CEDE_TRANSFER_DEVICE;
    }
    CEDE_TRY(cede_certificate_decode(entry->factory_cert, sp->crypto, &certificate));
    if (certificate.raw.len > RECORD_CERTIFICATE_MAX) {
        return CEDE_TRANSFER_DEVICE; /* no list of ours would hold it */
    }
    CEDE_TRY(check_factory_path(sp, &certificate));
    CEDE_TRY(cede_certificate_thumbprint(sp->crypto, CEDE_ALG_SHA_256, entry->factory_cert,
                                         thumbprint, &len));
    return expect_device(sp, transfer, &certificate, thumbprint, (int64_t)entry->next_seq - 1);
}

static enum cede_status take_entries(struct sp *sp, const struct transfer *transfer,
                                     struct cede_span payload, size_t *count,
                                     struct hand_over_detail *detail)
{
    struct cede_device_update_info info;
    struct cede_update_group group;
    struct cede_update_device entry;
    enum cede_status status;

    CEDE_TRY(cede_device_update_info_open(payload, &info));
    if (!cede_span_equal(info.transfer_id, cede_span(transfer->id, TRANSFER_ID_LEN))) {
        return CEDE_CONTRACT_PARTY;
    }
    while (cede_device_update_info_next_group(&info, &group)) {
        if (group.earliest < (uint64_t)transfer->earliest ||
            group.latest > (uint64_t)transfer->latest) {
            return CEDE_CONTRACT_WINDOW;
        }
        while (cede_device_update_info_next_device(&info, &entry)) {
            status = take_entry(sp, transfer, &entry);
            if (status != CEDE_OK) {
                snprintf(detail->text, sizeof detail->text, "entry %zu: %s", info.devices_index,
                         cede_status_reason(status));
                return status;
            }
        }
    }
    *count = info.devices_index + 1;
    return cede_device_update_info_finish(&info);
}

static enum cede_status check_length(size_t len, size_t devices, struct hand_over_detail *detail)
{
    if (len <= BATCH_LEN_MAX + devices * BATCH_DEVICE_LEN_MAX) {
        return CEDE_OK;
    }
    snprintf(detail->text, sizeof detail->text, "%zu bytes for %zu devices", len, devices);
    return CEDE_TRANSFER_DEVICE;
}

/* With the last batch the list must be the one of the contract: as many devices, the same digest.
 */
static enum cede_status check_whole_list(struct sp *sp, const struct transfer *transfer)
{
    uint8_t *text;
    size_t len, count = 0;
    uint8_t(*thumbprints)[32] = NULL;
    uint8_t digest[32];
    struct contract contract;
    struct jws jws;
    enum cede_status status;

    CEDE_TRY(records_document(sp->store, transfer->id, DOCUMENT_CONTRACT, &text, &len));
    status = jws_decode(cede_span(text, len), &jws);
    free(text);
    CEDE_TRY(status);
    status = contract_decode(jws.payload, &contract);
    jws_wipe(&jws);
    CEDE_TRY(status);
    CEDE_TRY(records_move_thumbprints(sp->store, transfer->id, &thumbprints, &count));
    status = count > 0 ? contract_devices_digest(sp->crypto, thumbprints, count, digest)
                       : CEDE_TRANSFER_DIGEST;
    free(thumbprints);
    CEDE_TRY(status);
    return (int64_t)count == contract.device_count &&
                   memcmp(digest, contract.devices_digest, 32) == 0
               ? CEDE_OK
               : CEDE_TRANSFER_DIGEST;
}

static enum cede_status complete_list(struct sp *sp, struct transfer *transfer)
{
    CEDE_TRY(check_whole_list(sp, transfer));
    for (int64_t batch = 1; batch <= transfer->batches; batch++) {
        CEDE_TRY(taking_queue_registration(sp, transfer->id, batch, 1));
    }
    transfer->state = TRANSFER_INFORMED;
    log_info("%s has shared %lld devices", transfer->partner, (long long)transfer->device_count);
    return CEDE_OK;
}

static enum cede_status already_have(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                     int64_t number, struct cede_span jws_text, bool *have)
{
    uint8_t *kept;
    size_t len;
    enum cede_status status =
        records_document(sp->store, id, DOCUMENT_BATCH + (int)number, &kept, &len);

    *have = status == CEDE_OK;
    if (status == CEDE_NOT_FOUND) {
        return CEDE_OK;
    }
    CEDE_TRY(status);
    status = cede_span_equal(cede_span(kept, len), jws_text) ? CEDE_OK : CEDE_TRANSFER_CHANGED;
    free(kept);
    return status;
}

static enum cede_status find_transfer(struct sp *sp, struct cede_span payload,
                                      const char *partner_name, const struct batch_header *header,
                                      struct transfer *transfer)
{
    struct cede_device_update_info info;

    CEDE_TRY(cede_device_update_info_open(payload, &info));
    CEDE_TRY(records_transfer(sp->store, info.transfer_id.ptr, transfer));
    if (transfer->direction != TRANSFER_IN || strcmp(transfer->partner, partner_name) != 0 ||
        memcmp(transfer->contract_hash, header->contract, 32) != 0) {
        return CEDE_CONTRACT_PARTY;
    }
    return CEDE_OK;
}

static enum cede_status on_batch(struct sp *sp, const char *partner_name, const struct jws *jws,
                                 struct cede_span jws_text, struct hand_over_detail *detail)
{
    struct cede_certificate certificate;
    struct cede_public_key key;
    struct batch_header header;
    struct transfer transfer;
    struct partner partner;
    int64_t count = 0;
    size_t index, devices;
    bool have;

    CEDE_TRY(records_partner(sp->store, partner_name, &partner));
    CEDE_TRY(hand_over_partner_key(sp, &partner, &certificate, &key));
    CEDE_TRY(jws_verify(sp->crypto, jws, &key, &index));
    CEDE_TRY(read_header(jws, index, &header));
    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(find_transfer(sp, jws->payload, partner_name, &header, &transfer));
    CEDE_TRY(already_have(sp, transfer.id, header.number, jws_text, &have));
    if (have) {
        return CEDE_OK;
    }
    if ((transfer.state != TRANSFER_SIGNED && transfer.state != TRANSFER_STARTED) ||
        (transfer.batches != 0 && transfer.batches != header.batches)) {
        return CEDE_TRANSFER_STATE;
    }
    CEDE_TRY(take_entries(sp, &transfer, jws->payload, &devices, detail));
    CEDE_TRY(check_length(jws_text.len, devices, detail));
    CEDE_TRY(records_move_count(sp->store, transfer.id, MOVE_EXPECTED, &count));
    if (count > transfer.device_count) {
        return CEDE_TRANSFER_DIGEST; /* more than the contract is about: no need to wait for all */
    }
    CEDE_TRY(records_save_document(sp->store, transfer.id, DOCUMENT_BATCH + (int)header.number,
                                   jws_text));
    transfer.state = TRANSFER_STARTED;
    transfer.batches = header.batches;
    CEDE_TRY(records_batch_count(sp->store, transfer.id, &count));
    if (count == transfer.batches) {
        CEDE_TRY(complete_list(sp, &transfer));
    }
    return records_save_transfer(sp->store, &transfer, sp_now());
}

enum cede_status taking_on_batch(struct sp *sp, const char *partner, struct cede_span jws_text,
                                 struct hand_over_detail *detail)
{
    struct jws jws;
    enum cede_status status;

    detail->text[0] = '\0';
    CEDE_TRY(jws_decode(jws_text, &jws));
    status = on_batch(sp, partner, &jws, jws_text, detail);
    jws_wipe(&jws);
    return status;
}

/* --- registration at the CA -------------------------------------------------------------------
 */

/* A batch's factory certificates as COSE_C509 (c5b) or, when they are X.509, as x5bag: the bag is
 * an array, or one byte string alone. */
static enum cede_status write_bag(struct cede_span payload, struct cede_writer *writer)
{
    struct cede_device_update_info info;
    struct cede_update_group group;
    struct cede_update_device entry;
    struct cede_certificate certificate;
    size_t count = 0;

    CEDE_TRY(cede_device_update_info_open(payload, &info));
    while (cede_device_update_info_next_group(&info, &group)) {
        count += group.devices_count;
    }
    if (count > 1) {
        cede_cbor_put_array(writer, count);
    }
    CEDE_TRY(cede_device_update_info_open(payload, &info));
    while (cede_device_update_info_next_group(&info, &group)) {
        while (cede_device_update_info_next_device(&info, &entry)) {
            CEDE_TRY(
                cede_certificate_decode(entry.factory_cert, cede_crypto_openssl(), &certificate));
            cede_cbor_put_bytes(writer, certificate.raw);
        }
    }
    CEDE_TRY(cede_device_update_info_finish(&info));
    return writer->status;
}

static enum cede_status queue_bag(struct sp *sp, const struct transfer *transfer, int64_t batch,
                                  int attempt, struct cede_span payload)
{
    char reference[2 * TRANSFER_ID_LEN + 48], path[2 * TRANSFER_ID_LEN + 40];
    char hex[2 * TRANSFER_ID_LEN + 1];
    uint8_t *memory = malloc(payload.len + 16);
    struct cede_writer writer = cede_writer(cede_buf(memory, payload.len + 16));
    struct cede_span bag;
    enum cede_status status;

    if (memory == NULL) {
        return CEDE_OS_FAILED;
    }
    status = write_bag(payload, &writer);
    if (status == CEDE_OK) {
        status = cede_writer_finish(&writer, &bag);
    }
    hex_encode(transfer->id, TRANSFER_ID_LEN, hex);
    snprintf(reference, sizeof reference, "%s:%lld:%d", hex, (long long)batch, attempt);
    snprintf(path, sizeof path, "/v1/registrations?transfer=%s", hex);
    if (status == CEDE_OK) {
        status =
            hand_over_queue(sp, "register", reference, transfer->ca, path, "application/cbor", bag);
    }
    free(memory);
    return status;
}

enum cede_status taking_queue_registration(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                           int64_t batch, int attempt)
{
    struct transfer transfer;
    uint8_t *text;
    size_t len;
    struct jws jws;
    enum cede_status status;

    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(records_transfer(sp->store, id, &transfer));
    CEDE_TRY(records_document(sp->store, id, DOCUMENT_BATCH + (int)batch, &text, &len));
    status = jws_decode(cede_span(text, len), &jws);
    free(text);
    CEDE_TRY(status);
    status = queue_bag(sp, &transfer, batch, attempt, jws.payload);
    jws_wipe(&jws);
    return status;
}

enum cede_status taking_on_registered(struct sp *sp, const uint8_t id[TRANSFER_ID_LEN],
                                      int64_t batch, const char *enroll_uri)
{
    struct transfer transfer;
    int64_t registered = 0;

    if (enroll_uri[0] == '\0' || strlen(enroll_uri) >= sizeof transfer.enroll_uri) {
        return CEDE_NO_SPACE;
    }
    CEDE_TRY(records_write(sp->store));
    CEDE_TRY(records_transfer(sp->store, id, &transfer));
    CEDE_TRY(records_save_document(sp->store, id, DOCUMENT_REGISTERED - (int)batch,
                                   cede_span_string(enroll_uri)));
    strcpy(transfer.enroll_uri, enroll_uri);
    /* Where its devices come home to, when a later transfer fails. */
    CEDE_TRY(records_save_enroll_uri(sp->store, transfer.ca, enroll_uri));
    CEDE_TRY(records_registered_count(sp->store, id, &registered));
    if (transfer.state == TRANSFER_INFORMED && registered == transfer.batches) {
        transfer.state = TRANSFER_REGISTERED;
        log_info("the CA has registered %lld devices", (long long)transfer.device_count);
    }
    return records_save_transfer(sp->store, &transfer, sp_now());
}

/* --- notices ----------------------------------------------------------------------------------
 */

/* The device went back: neither we nor our CA expect it any more. */
static enum cede_status drop_device(struct sp *sp, const struct transfer *transfer,
                                    const struct move *move, const struct device *device)
{
    CEDE_TRY(records_set_move_state(sp->store, move, MOVE_DROPPED, sp_now()));
    CEDE_TRY(records_set_device_status(sp->store, device->id, DEVICE_GIVEN_BACK, sp_now(),
                                       "the old provider reports that it came back"));
    CEDE_TRY(hand_over_deregister(sp, transfer->id, device->id, transfer->ca,
                                  &device->factory_thumbprint, 1));
    return hand_over_revoke(sp, device);
}

/* One that has our welcome is ours for good. So is one that has left and come again since: who gave
 * it to us then has no say any more, though this time its welcome may still be on the way. */
static enum cede_status is_ours(struct sp *sp, const struct move *move, const struct device *device,
                                bool *ours)
{
    *ours = device->welcomed || device->status != DEVICE_OPERATIONAL;
    return *ours ? CEDE_OK : records_came_again(sp->store, move, ours);
}

/* A device we never heard of was in a batch we refused, or the transfer was called off before it
 * was shared. One that is ours the old provider alone cannot take back (rule R7). */
static enum cede_status take_notice_line(struct sp *sp, const struct transfer *transfer,
                                         const struct cede_receipt_line *line)
{
    char name[RECORD_DEVICE_ID_MAX];
    struct device device;
    struct move move;
    bool ours = false;
    enum cede_status status;

    if (line->state != CEDE_RECEIPT_RETURNED || line->device_id.len >= sizeof name) {
        return CEDE_TRANSFER_DEVICE;
    }
    memcpy(name, line->device_id.ptr, line->device_id.len);
    name[line->device_id.len] = '\0';
    status = records_move(sp->store, transfer->id, name, &move);
    if (status == CEDE_NOT_FOUND || (status == CEDE_OK && move.state == MOVE_DROPPED)) {
        return CEDE_OK;
    }
    CEDE_TRY(status);
    CEDE_TRY(records_device(sp->store, name, &device));
    if (move.state == MOVE_TAKEN_OVER) {
        CEDE_TRY(is_ours(sp, &move, &device, &ours));
    }
    if (ours) {
        log_error("%s claims that device %s came back, which is ours", transfer->partner, name);
        return records_device_error(sp->store, name, "the old provider claims that it came back");
    }
    return drop_device(sp, transfer, &move, &device);
}

enum cede_status taking_on_notice(struct sp *sp, const char *partner, struct cede_span message)
{
    struct cede_receipt_line line;
    struct cede_receipt notice;
    struct transfer transfer;

    CEDE_TRY(hand_over_open_receipt(sp, partner, TRANSFER_IN, message, &notice, &transfer));
    while (cede_receipt_next(&notice.line_items, &line)) {
        CEDE_TRY(take_notice_line(sp, &transfer, &line));
    }
    return CEDE_OK;
}
