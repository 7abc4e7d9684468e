/* SPDX-License-Identifier: Apache-2.0 */
/* orders.c - rule R3 at work: which orders count, and what an accepted one changes. */
#include <string.h>

#include "cede/cose.h"
#include "device/device_internal.h"

enum cede_status orders_present(const struct cede_device *device, struct cede_transfer *order)
{
    return cede_transfer_decode(device->record.order, order);
}

/* What the device will go by once the answer is through. */
struct orders {
    struct cede_transfer_rules rules;
    struct cede_certificate controller;
    uint64_t now;
    struct cede_device_record next;
    bool trust_changed;
    uint8_t trust[CEDE_DEVICE_RECORD_LEN_MAX];
};

static enum cede_status fill_rules(struct cede_device *device, struct orders *orders)
{
    CEDE_TRY(cede_certificate_decode(device->record.controller_certificate, device->config.crypto,
                                     &orders->controller));
    orders->rules.controller = cede_certificate_key(&orders->controller);
    orders->rules.device_id = device->record.device_id;
    orders->rules.seq = device->record.seq;
    orders->rules.now = device_clock(device, &orders->now) ? &orders->now : NULL;
    return CEDE_OK;
}

static void note_refusal(struct cede_device *device, struct cede_span cti, enum cede_status status)
{
    device->stats.refusals++;
    if (cti.len != CEDE_CTI_LEN) {
        return; /* not even signed: there is no order to speak of */
    }
    memcpy(device->refused_cti, cti.ptr, CEDE_CTI_LEN);
    device->refusal = status;
    device->refused = true;
}

/* --- TrustUpdate ------------------------------------------------------------------------------ */

static enum cede_status encode_staged(const struct cede_device *device, struct cede_span entries,
                                      bool keep_known, struct orders *orders)
{
    struct trust_iterator iterator = trust_begin(device->record.trust);
    struct cede_trust_list list = cede_trust_list(entries);
    struct trust_builder builder = {.count = 0};
    struct cede_trust_entry entry;

    while (trust_next(&iterator, &entry)) {
        uint32_t power = entry.purposes & ~(uint32_t)(CEDE_PURPOSE_KNOWN | CEDE_PURPOSE_SURVIVES);
        if ((entry.purposes & PURPOSE_PENDING) == 0 && (keep_known || power != 0)) {
            trust_add(&builder, entry.purposes, entry.certificate);
        }
    }
    while (cede_trust_list_next(&list, &entry)) {
        uint32_t purposes = entry.purposes & ~(uint32_t)CEDE_PURPOSE_OWNER;
        if (purposes != 0) {
            trust_add(&builder, purposes | PURPOSE_PENDING, entry.certificate);
        }
    }
    return trust_encode(&builder, CEDE_BUF_ARRAY(orders->trust), &orders->next.trust);
}

/* The entries replace those of an earlier hand-over that came to nothing, and wait. Who owns the
 * device is the factory's to say. Certificates that are merely known make room: a provider that is
 * gone could have left so many that nothing else fits, and servers can send them. */
static enum cede_status stage_trust(struct cede_device *device, struct cede_span entries,
                                    struct orders *orders)
{
    if (encode_staged(device, entries, true, orders) == CEDE_OK &&
        record_fits(device, &orders->next, ORDER_RESERVE)) {
        return CEDE_OK;
    }
    CEDE_TRY(encode_staged(device, entries, false, orders));
    return record_fits(device, &orders->next, ORDER_RESERVE) ? CEDE_OK : CEDE_DEVICE_TRUST_FULL;
}

static enum cede_status take_trust_update(struct cede_device *device, struct cede_span message,
                                          struct orders *orders, struct cede_span *cti)
{
    struct cede_trust_update update;
    enum cede_status status;

    status = cede_trust_update_check(device->config.crypto, &orders->rules, message, &update);
    *cti = update.cti;
    if (status == CEDE_OK) {
        status = stage_trust(device, update.entries, orders);
    }
    if (status != CEDE_OK) {
        orders->next.trust = device->record.trust;
        return status;
    }
    device->stats.trust_update_len = (uint32_t)message.len;
    orders->next.seq = update.seq;
    orders->trust_changed = true;
    return CEDE_OK;
}

/* --- TransferMessage -------------------------------------------------------------------------- */

static bool has_enrolment_anchor(struct cede_span trust)
{
    struct trust_iterator iterator = trust_begin(trust);
    struct cede_trust_entry entry;

    while (trust_next(&iterator, &entry)) {
        if (trust_is_enrolment_anchor(entry.purposes, ROLE_NEXT_ENROLMENT)) {
            return true;
        }
    }
    return false;
}

/* Can this device carry the order out? Better to say no now than to come back later. */
static enum cede_status check_feasible(struct cede_device *device, const struct orders *orders,
                                       const struct cede_transfer *order)
{
    if (order->attest_uri.ptr != NULL) {
        return CEDE_DEVICE_ATTESTER;
    }
    if (order->state_digest.ptr != NULL &&
        !cede_span_equal(order->state_digest, device->config.manifest_digest)) {
        return CEDE_DEVICE_SOFTWARE;
    }
    CEDE_TRY(channel_check_uri(device, order->enroll_uri));
    CEDE_TRY(channel_check_uri(device, order->update_uri));
    if (order->fallback_uri.ptr != NULL) {
        CEDE_TRY(channel_check_uri(device, order->fallback_uri));
    }
    if (!has_enrolment_anchor(orders->next.trust) ||
        cede_span_is_null(trust_next_controller(device, orders->next.trust, order->controller))) {
        return CEDE_DEVICE_ANCHOR;
    }
    return CEDE_OK;
}

static enum cede_status take_transfer(struct cede_device *device, struct cede_span message,
                                      struct orders *orders, struct cede_span *cti)
{
    struct cede_device_record next = orders->next;
    struct cede_transfer transfer;
    struct cede_cose_sign1 sign1;
    enum cede_status status;

    status = cede_transfer_check(device->config.crypto, &orders->rules, message, &transfer);
    *cti = transfer.cti;
    CEDE_TRY(status);
    CEDE_TRY(check_feasible(device, orders, &transfer));
    CEDE_TRY(cede_cose_sign1_decode(message, &sign1));
    device->stats.transfer_message_len = (uint32_t)message.len;
    next.state = CEDE_DEVICE_ACCEPTED;
    next.order = sign1.payload;
    next.reason = 0;
    next.attempts = 0;
    next.uptime_s = 0;
    if (transfer.seq > next.seq) {
        next.seq = transfer.seq;
    }
    if (device->record.state == CEDE_DEVICE_FALLBACK) { /* what an earlier joining made */
        next.operational_key = CEDE_SPAN_NULL;
        next.operational_certificate = CEDE_SPAN_NULL;
    }
    next.pending_key = CEDE_SPAN_NULL;
    if (!record_fits(device, &next, ORDER_RESERVE + transfer.fallback_uri.len)) {
        return CEDE_DEVICE_TRUST_FULL;
    }
    orders->next = next;
    return CEDE_OK;
}

/* --- both ------------------------------------------------------------------------------------- */

bool orders_process(struct cede_device *device, const struct cede_answer *answer)
{
    struct orders orders = {.next = device->record};
    struct cede_span cti = CEDE_SPAN_NULL;
    enum cede_status status;

    if (answer->trust_update.ptr == NULL && answer->transfer.ptr == NULL) {
        return false;
    }
    status = fill_rules(device, &orders);
    if (status == CEDE_OK && answer->trust_update.ptr != NULL) {
        status = take_trust_update(device, answer->trust_update, &orders, &cti);
        if (status == CEDE_TRANSFER_SEQ && answer->transfer.ptr != NULL) {
            status = CEDE_OK; /* both come again when an answer was lost: this one is in already */
        }
    }
    if (status == CEDE_OK && answer->transfer.ptr != NULL) {
        status = take_transfer(device, answer->transfer, &orders, &cti);
    }
    if (status != CEDE_OK) {
        note_refusal(device, cti, status);
    }
    if (orders.next.state == CEDE_DEVICE_ACCEPTED || orders.trust_changed) {
        return !life_enter(device, &orders.next) || device->record.state == CEDE_DEVICE_ACCEPTED;
    }
    return false;
}
