/* SPDX-License-Identifier: Apache-2.0 */
/* reports.c - what the device tells an update server, and what follows from the answer. */
#include <string.h>

#include "device/device_internal.h"

/* --- the report ------------------------------------------------------------------------------- */

static void fill_report(struct cede_device *device, struct cede_status_report *report)
{
    struct cede_transfer order;

    memset(report, 0, sizeof *report);
    report->state = device->record.state;
    report->seq = device->record.seq;
    if (device->refused) {
        report->cti = CEDE_SPAN_ARRAY(device->refused_cti);
        report->reason = (uint64_t)device->refusal;
        report->has_reason = true;
        return;
    }
    if (device->record.order.ptr != NULL && orders_present(device, &order) == CEDE_OK) {
        report->cti = order.cti;
    }
    if (device->record.state == CEDE_DEVICE_FALLBACK && device->record.reason != 0) {
        report->reason = device->record.reason;
        report->has_reason = true;
    }
}

void report_begin(struct cede_device *device)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(device->request));
    struct cede_status_report report;

    if (device->record.state == CEDE_DEVICE_OPERATIONAL && !device->refused &&
        renewal_is_due(device)) {
        device->renewing = true;
        enrolment_begin(device);
        return;
    }
    fill_report(device, &report);
    cede_status_report_encode(&writer, &report);
    device->request_len = writer.len;
    session_start(device);
}

static bool is_with_next_provider(enum cede_device_state state)
{
    return state == CEDE_DEVICE_UPDATING || state == CEDE_DEVICE_JOINED;
}

void report_plan(struct cede_device *device, struct plan *plan)
{
    struct cede_transfer order;
    struct cede_coap_uri uri;
    bool next = is_with_next_provider(device->record.state);

    plan->uri = device->record.update_uri;
    if (next) {
        plan->uri = orders_present(device, &order) == CEDE_OK ? order.update_uri : CEDE_SPAN_NULL;
    }
    if (cede_coap_uri_split(plan->uri, &uri) == CEDE_OK && uri.path.len == 0) {
        plan->resource = CEDE_SPAN_TEXT("u");
    }
    plan->method = CEDE_COAP_POST;
    plan->format = CEDE_COAP_FORMAT_CBOR;
    plan->accept = -1;
    plan->role = next ? ROLE_NEXT_CONTROLLER : ROLE_CONTROLLER;
    /* Until it is reset a device speaks as what it was; in between only the factory vouches. */
    plan->own = device->record.state == CEDE_DEVICE_UPDATING ||
                        device->record.state == CEDE_DEVICE_FALLBACK ||
                        device->record.operational_key.ptr == NULL
                    ? OWN_FACTORY
                    : OWN_OPERATIONAL;
}

static uint64_t come_back_s(const struct cede_device *device, const struct cede_answer *answer)
{
    return answer->has_come_back ? answer->come_back_s : device->record.poll_s;
}

/* --- operational ------------------------------------------------------------------------------ */

void operational_answered(struct cede_device *device, const struct cede_answer *answer)
{
    bool reported = device->refused;

    device->record.known = true; /* durable with the next commit */
    device->refused = false;
    if (orders_process(device, answer)) {
        return;
    }
    if (device->refused && !reported) {
        device->resume_at_ms = device->now_ms; /* say so at once */
    } else {
        life_wait(device, come_back_s(device, answer));
    }
}

/* --- accepted --------------------------------------------------------------------------------- */

/* Rule R2. What follows speaks of the old provider only as the way back. */
static void enter_reset(struct cede_device *device)
{
    struct cede_device_record next = device->record;
    struct trust_builder kept = {.count = 0};
    uint8_t memory[CEDE_DEVICE_RECORD_LEN_MAX];
    struct cede_transfer order;
    enum cede_status status = orders_present(device, &order);

    trust_keep_for_reset(device->record.trust, &kept);
    if (status == CEDE_OK) {
        status = trust_encode(&kept, CEDE_BUF_ARRAY(memory), &next.trust);
    }
    if (status != CEDE_OK) {
        device_halt(device, status);
        return;
    }
    next.state = CEDE_DEVICE_RESET;
    next.operational_key = CEDE_SPAN_NULL;
    next.operational_certificate = CEDE_SPAN_NULL;
    next.pending_key = CEDE_SPAN_NULL;
    next.known = false;
    next.enroll_uri = CEDE_SPAN_TEXT("");
    if (order.fallback_uri.ptr != NULL) {
        next.update_uri = order.fallback_uri;
    }
    (void)life_enter(device, &next);
}

void accepted_answered(struct cede_device *device, const struct cede_answer *answer)
{
    (void)answer; /* nothing the old provider could add */
    enter_reset(device);
}

void accepted_give_up(struct cede_device *device)
{
    enter_reset(device);
}

/* --- updating --------------------------------------------------------------------------------- */

/* The next provider may keep the device here as long as it has something to do first. */
void updating_answered(struct cede_device *device, const struct cede_answer *answer)
{
    if (answer->has_come_back) {
        life_stalled(device, answer->come_back_s);
        return;
    }
    joining_enter(device);
}

/* --- joined ----------------------------------------------------------------------------------- */

static enum cede_status check_welcome(struct cede_device *device, struct cede_span welcome,
                                      const struct cede_transfer *order,
                                      struct cede_certificate *controller)
{
    const struct cede_crypto *crypto = device->config.crypto;
    uint8_t hash[CEDE_SHA256_LEN];
    size_t hash_len;

    CEDE_TRY(cede_certificate_thumbprint(crypto, CEDE_ALG_SHA_256, welcome, hash, &hash_len));
    if (!cede_span_equal(cede_span(hash, hash_len), order->controller)) {
        return CEDE_DEVICE_WELCOME;
    }
    return cede_certificate_decode(welcome, crypto, controller);
}

/* Rule R14: one commit makes the next provider the only one. */
static void commit_to(struct cede_device *device, const struct cede_transfer *order,
                      const struct cede_certificate *controller)
{
    struct cede_device_record next = device->record;
    struct trust_builder kept = {.count = 0};
    uint8_t memory[CEDE_DEVICE_RECORD_LEN_MAX];
    enum cede_status status;

    trust_keep_for_commit(device, &kept);
    status = trust_encode(&kept, CEDE_BUF_ARRAY(memory), &next.trust);
    if (status != CEDE_OK) {
        device_halt(device, status);
        return;
    }
    next.state = CEDE_DEVICE_OPERATIONAL;
    next.controller_name = cede_certificate_common_name(controller);
    next.controller_thumbprint = order->controller;
    next.controller_certificate = controller->raw;
    next.enroll_uri = order->enroll_uri;
    next.update_uri = order->update_uri;
    next.order = CEDE_SPAN_NULL;
    next.home_uri = CEDE_SPAN_NULL;
    next.pending_key = CEDE_SPAN_NULL;
    next.reason = 0;
    next.attempts = 0;
    next.uptime_s = 0;
    next.known = true;
    if (record_fits(device, &next, RECORD_RESERVE)) {
        (void)life_enter(device, &next);
    } else {
        life_unusable(device, CEDE_COAP_CHANGED, CEDE_NO_SPACE);
    }
}

void joined_answered(struct cede_device *device, const struct cede_answer *answer)
{
    struct cede_certificate controller;
    struct cede_transfer order;
    enum cede_status status = orders_present(device, &order);

    if (status == CEDE_OK && answer->welcome.ptr != NULL) {
        status = check_welcome(device, answer->welcome, &order, &controller);
        if (status == CEDE_OK) {
            commit_to(device, &order, &controller);
            if (device->record.state == CEDE_DEVICE_OPERATIONAL) {
                life_wait(device, come_back_s(device, answer));
            }
            return;
        }
        life_unusable(device, CEDE_COAP_CHANGED, status);
        return;
    }
    device_failed(device, CEDE_DEVICE_ANSWER); /* no welcome yet */
    if (answer->has_come_back && device->halted == CEDE_OK &&
        device->record.state == CEDE_DEVICE_JOINED) {
        life_wait(device, answer->come_back_s);
    }
}

/* --- fallback --------------------------------------------------------------------------------- */

/* Everything of the hand-over goes; false: the URI does not fit into the record. Trust entries that
 * came with the invitation are the old provider's own and count at once. */
static bool enter_home(struct cede_device *device, struct cede_span uri, bool new_trust)
{
    struct cede_device_record next = device->record;
    struct trust_builder kept = {.count = 0};
    uint8_t memory[CEDE_DEVICE_RECORD_LEN_MAX];
    enum cede_status status;

    trust_keep_for_home(device->record.trust, new_trust, &kept);
    status = trust_encode(&kept, CEDE_BUF_ARRAY(memory), &next.trust);
    if (status != CEDE_OK) {
        device_halt(device, status);
        return true;
    }
    next.operational_key = CEDE_SPAN_NULL;
    next.operational_certificate = CEDE_SPAN_NULL;
    next.order = CEDE_SPAN_NULL;
    next.home_uri = uri;
    if (!record_fits(device, &next, RECORD_RESERVE + KEY_LEN)) {
        return false;
    }
    home_enter(device, &next);
    return true;
}

void fallback_answered(struct cede_device *device, const struct cede_answer *answer)
{
    uint64_t seq = device->record.seq;
    bool reported = device->refused;

    device->refused = false;
    if (orders_process(device, answer)) {
        return;
    }
    if (answer->come_home.ptr != NULL && channel_check_uri(device, answer->come_home) == CEDE_OK &&
        enter_home(device, answer->come_home, device->record.seq > seq)) {
        device->refused = false;
        return;
    }
    if (device->refused && !reported) {
        device->resume_at_ms = device->now_ms;
        return;
    }
    device_failed(device, CEDE_DEVICE_ANSWER); /* alive, but of no help so far */
    if (answer->has_come_back && device->halted == CEDE_OK &&
        device->record.state == CEDE_DEVICE_FALLBACK) {
        life_wait(device, answer->come_back_s);
    }
}
