/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - requests over a secure channel of the platform's, DTLS, where the URI says coaps.
 *
 * The platform has the handshake and the records; who may be at the other end is judged here, with
 * the same anchors and purposes as in the compact profile. What a channel says is authentic as what
 * OSCORE protects is; that a channel does not come about, or ends, is a hint at most.
 */
#include <string.h>

#include "device/device_internal.h"

#define SILENT_RESENDS 2 /* then a channel that has been idle is taken for lost */

/* DTLS authenticates with X.509 certificates, and carries no StatusProof: a device that has none of
 * the first or needs the second cannot go there. */
enum cede_status channel_check_uri(const struct cede_device *device, struct cede_span text)
{
    struct cede_span factory = device->record.factory_certificate;
    struct cede_coap_uri uri;

    CEDE_TRY(cede_coap_uri_split(text, &uri));
    if (!uri.secure) {
        return CEDE_OK;
    }
    return device->config.has_channel && factory.len > 0 && factory.ptr[0] == CEDE_DER_SEQUENCE &&
                   device->record.status_policy != CEDE_STATUS_POLICY_REQUIRE
               ? CEDE_OK
               : CEDE_DEVICE_PROFILE;
}

bool channel_is_wanted(struct cede_span text)
{
    struct cede_coap_uri uri;

    return cede_coap_uri_split(text, &uri) == CEDE_OK && uri.secure;
}

void channel_drop(struct cede_device *device)
{
    device->to_open = false;
    device->to_close = device->to_close || device->channel_is_live;
    device->channel_is_live = false;
    device->channel_is_judged = false;
    device->has_channel = false;
}

/* --- opening ---------------------------------------------------------------------------------- */

enum cede_status channel_open(struct cede_device *device, const struct plan *plan)
{
    const struct cede_coap_params *params = session_params(device);

    CEDE_TRY(channel_check_uri(device, plan->uri));
    device->to_open = true;
    device->channel_is_judged = false;
    device->channel_reason = CEDE_DEVICE_CHANNEL;
    device->exchange_state = CEDE_DEVICE_WAIT_CHANNEL;
    device->channel_patience_ms =
        device->now_ms + (uint64_t)params->ack_timeout_ms * params->ack_random_permille / 1000;
    device->channel_deadline_ms = device->now_ms + cede_coap_max_transmit_wait_ms(params);
    return CEDE_OK;
}

void channel_take_open(struct cede_device *device, struct cede_device_action *action)
{
    const struct cede_device_record *record = &device->record;
    struct plan plan;
    bool factory = device_plan(device, &plan) != CEDE_OK || plan.own == OWN_FACTORY;

    device->to_open = false;
    device->channel_is_live = true;
    action->todo = CEDE_DEVICE_OPEN;
    action->key = factory ? record->factory_key : record->operational_key;
    action->certificate = factory ? record->factory_certificate : record->operational_certificate;
}

static enum cede_status judge(struct cede_device *device, const struct cede_span *certificates,
                              size_t count)
{
    struct cede_certificate chain[CEDE_PATH_DEPTH_MAX];
    struct plan plan;

    if (count == 0 || count > CEDE_PATH_DEPTH_MAX) {
        return CEDE_CERTIFICATE_PATH_LEN;
    }
    for (size_t i = 0; i < count; i++) {
        CEDE_TRY(cede_certificate_decode(certificates[i], device->config.crypto, &chain[i]));
    }
    CEDE_TRY(device_plan(device, &plan));
    CEDE_TRY(trust_judge(device, plan.role, chain, count));
    return trust_check_status(device, plan.role, chain, count, CEDE_SPAN_NULL);
}

enum cede_status cede_device_channel_judge(struct cede_device *device,
                                           const struct cede_span *certificates, size_t count)
{
    enum cede_status status = CEDE_DEVICE_SERVER;

    if (device->halted != CEDE_OK || !device->channel_is_live ||
        device->exchange_state != CEDE_DEVICE_WAIT_CHANNEL) {
        return CEDE_DEVICE_SERVER;
    }
    status = judge(device, certificates, count);
    device->channel_is_judged = status == CEDE_OK;
    if (status != CEDE_OK) {
        device->channel_reason = status;
    }
    return status;
}

void cede_device_channel_opened(struct cede_device *device, uint64_t now_ms)
{
    enum cede_status status = CEDE_DEVICE_SERVER;
    struct plan plan;

    device->now_ms = now_ms;
    if (device->halted != CEDE_OK || !device->channel_is_live ||
        device->exchange_state != CEDE_DEVICE_WAIT_CHANNEL) {
        return;
    }
    if (device->channel_is_judged) { /* or the platform forgot to ask */
        device->has_channel = true;
        device->fresh_session = true;
        status = device_plan(device, &plan);
    }
    if (status == CEDE_OK) {
        status = channel_send(device, &plan);
    }
    if (status != CEDE_OK) {
        session_fail(device, status);
    }
}

/* --- the open channel ------------------------------------------------------------------------- */

enum cede_status channel_send(struct cede_device *device, const struct plan *plan)
{
    struct cede_span request;

    CEDE_TRY(session_compose(device, plan, CEDE_BUF_ARRAY(device->datagram), &request));
    return session_exchange(device, request, CEDE_DEVICE_WAIT_RESPONSE);
}

/* The server may have lost the channel while it was idle. DTLS has no way to say so, but not to
 * answer. */
bool channel_is_stale(const struct cede_device *device)
{
    return device->has_channel && !device->fresh_session &&
           device->coap.retransmit_count >= SILENT_RESENDS;
}

void cede_device_channel_receive(struct cede_device *device, struct cede_span message,
                                 uint64_t now_ms)
{
    device->now_ms = now_ms;
    if (device->halted == CEDE_OK && device->has_channel &&
        device->exchange_state == CEDE_DEVICE_WAIT_RESPONSE) {
        session_receive(device, message);
    }
}

void cede_device_channel_closed(struct cede_device *device, uint64_t now_ms)
{
    bool idle = device->exchange_state == CEDE_DEVICE_IDLE;
    bool again = device->has_channel && !device->fresh_session;

    device->now_ms = now_ms;
    if (device->halted != CEDE_OK || !device->channel_is_live) {
        return;
    }
    device->channel_is_live = false; /* there is nothing left to close */
    if (idle) {
        channel_drop(device);
    } else if (again) {
        session_drop(device);
        session_start(device);
    } else {
        session_fail(device, device->channel_reason);
    }
}

void cede_device_channel_count(struct cede_device *device, bool sent, size_t datagram_len)
{
    struct cede_device_cost *cost = &device->stats.states[device->record.state];

    if (sent) {
        cost->bytes_sent += (uint32_t)datagram_len;
        cost->datagrams_sent++;
    } else {
        cost->bytes_received += (uint32_t)datagram_len;
        cost->datagrams_received++;
        cost->round_trips +=
            device->flight_sent && device->exchange_state == CEDE_DEVICE_WAIT_CHANNEL;
    }
    device->flight_sent = sent;
}
