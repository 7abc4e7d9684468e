/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update_server.c - who may connect, and what each report of a device changes.
 *
 * Rule R6: from the moment a device has accepted the order to leave, its operational certificate is
 * on the list of revoked ones here, so no new session can be made with it; the session it has is
 * good for repeating the acknowledgement and nothing else.
 */
#include "server/sp/update_server.h"

#include <stdio.h>
#include <string.h>

#include "cede/transfer.h"
#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/sp/hand_over.h"
#include "server/sp/profile.h"
#include "server/sp/revocation.h"

/* Far below what other providers accept: a device that lies here does not spoil a device list. */
#define REPORTED_SEQ_MAX (RECORD_SEQ_MAX / 2)

/* How stale `seen_at` may be: a poll that changes nothing costs no write more often than this. */
#define SEEN_EVERY_S 60

/* --- who may connect --------------------------------------------------------------------------
 */

static enum cede_status find_certificate(void *context, enum coap_door_reference kind,
                                         int32_t hash_alg, struct cede_span value,
                                         struct cede_buf out, struct cede_span *raw)
{
    struct sp *sp = context;

    (void)hash_alg;
    *raw = CEDE_SPAN_NULL;
    if (kind == COAP_DOOR_KID) {
        return CEDE_NOT_FOUND;
    }
    return records_find_certificate(sp->store, value, out, raw);
}

static void serial_text(struct cede_span serial, char text[RECORD_SERIAL_MAX])
{
    size_t len = serial.len < CEDE_SERIAL_LEN_MAX ? serial.len : CEDE_SERIAL_LEN_MAX;

    hex_encode(serial.ptr, len, text);
}

static bool copy_device_id(struct cede_span id, char out[COAP_DOOR_DEVICE_ID_MAX + 1])
{
    if (id.len == 0 || id.len > COAP_DOOR_DEVICE_ID_MAX || memchr(id.ptr, 0, id.len) != NULL) {
        return false;
    }
    memcpy(out, id.ptr, id.len);
    out[id.len] = '\0';
    return true;
}

/* The certificate chains to the CA this device belongs to. */
static enum cede_status check_path(struct sp *sp, const char *ca_name,
                                   const struct cede_certificate *certificate,
                                   const struct cede_certificate *chain, size_t chain_count)
{
    struct cede_certificate path[COAP_DOOR_CHAIN_MAX];
    struct cede_certificate anchor;
    struct partner ca;
    uint8_t scratch[CEDE_C509_SCRATCH];
    struct cede_path_rules rules = {true, (uint64_t)sp_now(), CEDE_KU_DIGITAL_SIGNATURE, 0};

    if (certificate->ext.has_key_usage && certificate->ext.key_usage == CEDE_KU_KEY_AGREEMENT) {
        rules.key_usage = CEDE_KU_KEY_AGREEMENT; /* the door holds it to an EDHOC method for it */
    }
    CEDE_TRY(records_partner(sp->store, ca_name, &ca));
    CEDE_TRY(cede_certificate_decode(cede_span(ca.certificate, ca.certificate_len), sp->crypto,
                                     &anchor));
    if (chain_count + 1 > COAP_DOOR_CHAIN_MAX) {
        return CEDE_SP_DEVICE;
    }
    path[0] = *certificate;
    for (size_t i = 0; i < chain_count; i++) {
        path[i + 1] = chain[i];
    }
    return cede_certificate_path(path, chain_count + 1, &anchor, 1, &rules, sp->crypto,
                                 CEDE_BUF_ARRAY(scratch), NULL);
}

static bool may_operate(enum device_status status)
{
    return status == DEVICE_PROVISIONED || status == DEVICE_OPERATIONAL ||
           status == DEVICE_EXPECTED || status == DEVICE_FALLBACK;
}

static bool has_issued(struct sp *sp, const struct partner *ca,
                       const struct cede_certificate *certificate)
{
    struct cede_certificate issuer;

    return cede_certificate_decode(cede_span(ca->certificate, ca->certificate_len), sp->crypto,
                                   &issuer) == CEDE_OK &&
           cede_name_equal(certificate->issuer, issuer.subject);
}

/* "At the current time, the certificate is not revoked": each one of the path (RFC 5280, section
 * 6.1.3). Of a CA below the device's the latter tells; what that one has revoked itself is not
 * known here. */
static enum cede_status check_chain_revocation(struct sp *sp, const char *ca_name,
                                               const struct cede_certificate *chain,
                                               size_t chain_count)
{
    char serial[RECORD_SERIAL_MAX];
    struct partner ca;

    CEDE_TRY(records_partner(sp->store, ca_name, &ca));
    for (size_t i = 0; i < chain_count; i++) {
        if (has_issued(sp, &ca, &chain[i]) && !cede_name_equal(chain[i].issuer, chain[i].subject)) {
            serial_text(chain[i].serial, serial);
            CEDE_TRY(revocation_check(sp, ca_name, serial));
        }
    }
    return CEDE_OK;
}

/* An operational certificate: issued by the CA of the device, not revoked, of a device we operate
 * or expect. */
static enum cede_status authenticate_operational(struct sp *sp,
                                                 const struct cede_certificate *certificate,
                                                 const struct cede_certificate *chain,
                                                 size_t chain_count, struct coap_peer *peer)
{
    char serial[RECORD_SERIAL_MAX];
    struct device device;

    if (!copy_device_id(cede_certificate_common_name(certificate), peer->device_id) ||
        records_device(sp->store, peer->device_id, &device) != CEDE_OK ||
        !may_operate(device.status)) {
        return CEDE_SP_DEVICE;
    }
    serial_text(certificate->serial, serial);
    CEDE_TRY(check_path(sp, device.ca, certificate, chain, chain_count));
    CEDE_TRY(check_chain_revocation(sp, device.ca, chain, chain_count));
    CEDE_TRY(revocation_check(sp, device.ca, serial));
    peer->kind = COAP_PEER_OPERATIONAL;
    return CEDE_OK;
}

/* Whichever permanent CA it is from. */
static enum cede_status check_factory_revocation(struct sp *sp,
                                                 const struct cede_certificate *certificate)
{
    char serial[RECORD_SERIAL_MAX];
    struct partner ca;

    serial_text(certificate->serial, serial);
    for (size_t n = 0; records_partner_of_role(sp->store, PARTNER_PERMANENT_CA, n, &ca) == CEDE_OK;
         n++) {
        if (has_issued(sp, &ca, certificate)) {
            CEDE_TRY(revocation_check(sp, ca.name, serial));
        }
    }
    return CEDE_OK;
}

/* Its path was checked when the device came into the inventory. */
static enum cede_status authenticate_factory(struct sp *sp,
                                             const struct cede_certificate *certificate,
                                             const struct device *device, struct coap_peer *peer)
{
    uint64_t now = (uint64_t)sp_now();

    if (now < certificate->not_before || now > certificate->not_after) {
        return CEDE_CERTIFICATE_EXPIRED;
    }
    if (device->status == DEVICE_GIVEN_BACK) {
        return CEDE_SP_DEVICE;
    }
    peer->kind = COAP_PEER_FACTORY;
    return check_factory_revocation(sp, certificate);
}

static enum cede_status authenticate(void *context, const struct cede_certificate *certificate,
                                     const struct cede_certificate *chain, size_t chain_count,
                                     struct coap_peer *peer)
{
    struct sp *sp = context;
    uint8_t thumbprint[32];
    struct device device;
    size_t len;
    enum cede_status status;

    CEDE_TRY(cede_certificate_thumbprint(sp->crypto, CEDE_ALG_SHA_256, certificate->raw, thumbprint,
                                         &len));
    status = records_device_by_factory(sp->store, thumbprint, &device);
    if (status == CEDE_OK) {
        memcpy(peer->device_id, device.id, sizeof device.id);
        return authenticate_factory(sp, certificate, &device, peer);
    }
    if (status == CEDE_NOT_FOUND) {
        status = authenticate_operational(sp, certificate, chain, chain_count, peer);
    }
    return status;
}

static enum cede_status check_again(struct sp *sp, const struct coap_peer *peer, const char *ca)
{
    struct cede_certificate certificate;
    char serial[RECORD_SERIAL_MAX];

    CEDE_TRY(cede_certificate_decode(peer->certificate, sp->crypto, &certificate));
    if (peer->kind == COAP_PEER_FACTORY) {
        return check_factory_revocation(sp, &certificate);
    }
    serial_text(certificate.serial, serial);
    return revocation_check(sp, ca, serial);
}

/* A session outlives a change of the device's standing: look again at every request. A device that
 * is leaving may still repeat its acknowledgement; handle() sees to that. Its standing is read
 * last, since it begins to leave in the same moment as its certificate is revoked. */
static enum cede_status still_allowed(void *context, const struct coap_peer *peer)
{
    struct sp *sp = context;
    struct device device;
    enum cede_status status;

    CEDE_TRY(records_device(sp->store, peer->device_id, &device));
    if (peer->kind == COAP_PEER_FACTORY) {
        return device.status == DEVICE_GIVEN_BACK ? CEDE_SP_DEVICE
                                                  : check_again(sp, peer, device.ca);
    }
    status = check_again(sp, peer, device.ca);
    CEDE_TRY(records_device(sp->store, peer->device_id, &device));
    if (device.status == DEVICE_LEAVING) {
        return CEDE_OK;
    }
    return may_operate(device.status) ? status : CEDE_SP_DEVICE;
}

/* --- what reports change ----------------------------------------------------------------------
 */

/*
 * Most reports are polls that change nothing, and reading takes no lock. So a report is first
 * processed as a reader; where it wants to change something it stops (begin_change), and is
 * processed again, from the start, inside a transaction, in which nobody else can change what the
 * decision rests on.
 */
struct exchange {
    struct sp *sp;
    const struct coap_peer *peer;
    bool wants_change;
    struct device device;
    struct cede_status_report report;
    struct cede_answer answer;
    uint8_t orders[2 * RECORD_ORDER_MAX]; /* what answer.trust_update and .transfer point to */
    struct partner ca;                    /* what answer.come_home points to */
    int64_t now;
};

/* Stands before every change. */
static enum cede_status begin_change(struct exchange *exchange)
{
    if (store_in_transaction(exchange->sp->store)) {
        return CEDE_OK;
    }
    exchange->wants_change = true;
    return CEDE_STORE_BUSY; /* never leaves update_server_report */
}

/* A device that shows a newer certificate has no use for the one before it. The CA would end that
 * with the next renewal only, and a device that leaves has none. */
static enum cede_status end_predecessor(struct exchange *exchange,
                                        const struct cede_certificate *certificate)
{
    const struct device *device = &exchange->device;
    struct sp *sp = exchange->sp;
    uint8_t memory[COAP_DOOR_CERTIFICATE_MAX];
    struct cede_certificate before;
    struct cede_span raw;

    if (!device->has_operational) {
        return CEDE_OK;
    }
    CEDE_TRY(records_find_certificate(sp->store, CEDE_SPAN_ARRAY(device->operational_thumbprint),
                                      CEDE_BUF_ARRAY(memory), &raw));
    CEDE_TRY(cede_certificate_decode(raw, sp->crypto, &before));
    return certificate->not_before > before.not_before ? hand_over_revoke(sp, device) : CEDE_OK;
}

/* The certificate the device uses now is the one to know, and to revoke later. */
static enum cede_status note_operational(struct exchange *exchange)
{
    struct sp *sp = exchange->sp;
    const struct coap_peer *peer = exchange->peer;
    struct cede_certificate certificate;
    struct device *device = &exchange->device;

    if (device->has_operational &&
        memcmp(device->operational_thumbprint, peer->thumbprint, 32) == 0) {
        return CEDE_OK;
    }
    CEDE_TRY(begin_change(exchange));
    CEDE_TRY(cede_certificate_decode(peer->certificate, sp->crypto, &certificate));
    CEDE_TRY(end_predecessor(exchange, &certificate));
    serial_text(certificate.serial, device->operational_serial);
    memcpy(device->operational_thumbprint, peer->thumbprint, 32);
    device->has_operational = true;
    return records_set_operational(sp->store, device->id, peer->thumbprint,
                                   device->operational_serial, peer->certificate);
}

static enum cede_status note_seen(struct exchange *exchange)
{
    const struct device *device = &exchange->device;

    if (exchange->now - device->seen_at < SEEN_EVERY_S &&
        (int64_t)exchange->report.seq <= device->seq) {
        return CEDE_OK;
    }
    CEDE_TRY(begin_change(exchange));
    return records_device_seen(exchange->sp->store, device->id, exchange->now,
                               (int64_t)exchange->report.seq);
}

static enum cede_status set_device_status(struct exchange *exchange, enum device_status status,
                                          const char *error)
{
    CEDE_TRY(begin_change(exchange));
    log_info("device %s: %s -> %s", exchange->device.id,
             device_status_name(exchange->device.status), device_status_name(status));
    CEDE_TRY(records_set_device_status(exchange->sp->store, exchange->device.id, status,
                                       exchange->now, error));
    exchange->device.status = status;
    return CEDE_OK;
}

static enum cede_status set_move_state(struct exchange *exchange, const struct move *move,
                                       enum move_state state)
{
    CEDE_TRY(begin_change(exchange));
    return records_set_move_state(exchange->sp->store, move, state, exchange->now);
}

/* Step 7 of the hand-over: a poll inside the window gets the device's orders, always the same
 * bytes. A device that polls has not accepted: when the window is over or the transfer is off, it
 * stays. */
static enum cede_status hand_out_orders(struct exchange *exchange, const struct move *move)
{
    struct transfer transfer;

    if (move->state != MOVE_READY && move->state != MOVE_SENT) {
        return CEDE_OK;
    }
    CEDE_TRY(records_transfer(exchange->sp->store, move->transfer, &transfer));
    if (transfer.state == TRANSFER_CANCELLED || transfer.state == TRANSFER_FAILED) {
        return set_move_state(exchange, move, MOVE_CANCELLED);
    }
    if (exchange->now > transfer.latest) {
        return set_move_state(exchange, move, MOVE_MISSED);
    }
    if (transfer.state != TRANSFER_READY || exchange->now < transfer.earliest) {
        return CEDE_OK;
    }
    CEDE_TRY(records_orders(exchange->sp->store, move, CEDE_BUF_ARRAY(exchange->orders),
                            &exchange->answer.trust_update, &exchange->answer.transfer));
    return move->state == MOVE_SENT ? CEDE_OK : set_move_state(exchange, move, MOVE_SENT);
}

/* The move of the order this report names; CEDE_SP_DEVICE for an order we never gave it. */
static enum cede_status find_order(struct exchange *exchange, struct move *move)
{
    enum cede_status status =
        records_move_by_cti(exchange->sp->store, exchange->device.id, exchange->report.cti, move);

    return status == CEDE_NOT_FOUND || (status == CEDE_OK && move->state == MOVE_READY)
               ? CEDE_SP_DEVICE
               : status;
}

/* The device refused an order: it is not sent again, the operator learns why. */
static enum cede_status on_refusal(struct exchange *exchange)
{
    struct move move;
    char error[160];

    CEDE_TRY(find_order(exchange, &move));
    if (move.state != MOVE_SENT) {
        return CEDE_OK; /* once more what we know, or overtaken */
    }
    CEDE_TRY(begin_change(exchange));
    snprintf(error, sizeof error, "refused the order: %s",
             cede_status_reason((enum cede_status)exchange->report.reason));
    log_warning("device %s %s", exchange->device.id, error);
    CEDE_TRY(records_device_error(exchange->sp->store, exchange->device.id, error));
    return set_move_state(exchange, &move, MOVE_REFUSED);
}

static enum cede_status come_home_done(struct exchange *exchange)
{
    struct move move;
    enum cede_status status = records_open_move(exchange->sp->store, exchange->device.id, &move);

    if (status == CEDE_OK && move.state == MOVE_FALLBACK) {
        status = set_move_state(exchange, &move, MOVE_RETURNED);
    }
    if (status != CEDE_OK && status != CEDE_NOT_FOUND) {
        return status;
    }
    return set_device_status(exchange, DEVICE_OPERATIONAL, NULL);
}

/* A device that was taken over polls: it has our welcome, so it has forgotten the old provider. */
static enum cede_status note_welcomed(struct exchange *exchange)
{
    struct device *device = &exchange->device;

    if (device->welcomed) {
        return CEDE_OK;
    }
    CEDE_TRY(begin_change(exchange));
    device->welcomed = true;
    return records_set_welcomed(exchange->sp->store, device->id);
}

static enum cede_status on_operational(struct exchange *exchange)
{
    struct move move;
    enum cede_status status;

    if (exchange->device.status == DEVICE_FALLBACK) {
        CEDE_TRY(come_home_done(exchange));
    } else if (exchange->device.status == DEVICE_PROVISIONED) {
        CEDE_TRY(set_device_status(exchange, DEVICE_OPERATIONAL, NULL));
    }
    CEDE_TRY(note_welcomed(exchange));
    if (exchange->report.has_reason) {
        return on_refusal(exchange);
    }
    status = records_open_move(exchange->sp->store, exchange->device.id, &move);
    if (status == CEDE_NOT_FOUND) {
        return CEDE_OK;
    }
    CEDE_TRY(status);
    return hand_out_orders(exchange, &move);
}

/* Step 8: the device has accepted. Repeats change nothing; who refused an order, or missed it,
 * cannot have accepted it. */
static enum cede_status on_accepted(struct exchange *exchange)
{
    struct move move;

    CEDE_TRY(find_order(exchange, &move));
    switch (move.state) {
    case MOVE_SENT:
        break;
    case MOVE_ACCEPTED:
    case MOVE_DONE:
    case MOVE_FALLBACK:
    case MOVE_RETURNED:
        return CEDE_OK;
    default:
        return CEDE_SP_DEVICE;
    }
    CEDE_TRY(set_move_state(exchange, &move, MOVE_ACCEPTED));
    CEDE_TRY(set_device_status(exchange, DEVICE_LEAVING, NULL));
    return hand_over_revoke(exchange->sp, &exchange->device);
}

/* Step 12: first contact. Taken over is durable before the welcome leaves; asked again, it answers
 * the same. From now on the device's seq is what it says itself: a higher one of the old provider's
 * was made up, and orders that begin there would never count. */
static enum cede_status on_joined(struct exchange *exchange)
{
    struct sp *sp = exchange->sp;
    struct move move;

    exchange->answer.welcome = profile_controller(sp, exchange->device.x509);
    if (exchange->device.status == DEVICE_OPERATIONAL) {
        return CEDE_OK;
    }
    if (exchange->device.status != DEVICE_EXPECTED) {
        return CEDE_SP_DEVICE;
    }
    CEDE_TRY(records_open_move(sp->store, exchange->device.id, &move));
    CEDE_TRY(set_move_state(exchange, &move, MOVE_TAKEN_OVER));
    CEDE_TRY(records_set_joined_seq(sp->store, exchange->device.id, (int64_t)exchange->report.seq));
    return set_device_status(exchange, DEVICE_OPERATIONAL, NULL);
}

/* The order a device in fallback comes back from. */
static enum cede_status find_fallback(struct exchange *exchange, struct move *move)
{
    enum cede_status status =
        exchange->report.cti.ptr != NULL
            ? find_order(exchange, move)
            : records_last_move(exchange->sp->store, exchange->device.id, move);

    return status == CEDE_NOT_FOUND ? CEDE_SP_DEVICE : status;
}

/* The device came back by its factory credential (rule R8): whatever the transfer promised, its old
 * certificate stays revoked, and it enrols anew where we operate it. Not when the new provider has
 * taken it over: that is the one point of commitment, and the device turns there again. */
static enum cede_status on_fallback(struct exchange *exchange)
{
    struct sp *sp = exchange->sp;
    char error[160];
    struct move move;

    CEDE_TRY(find_fallback(exchange, &move));
    if (move.state != MOVE_SENT && move.state != MOVE_ACCEPTED && move.state != MOVE_FALLBACK) {
        return CEDE_SP_DEVICE;
    }
    CEDE_TRY(records_partner(sp->store, exchange->device.ca, &exchange->ca));
    exchange->answer.come_home = profile_enroll_uri(&exchange->ca, exchange->device.x509);
    if (move.state == MOVE_FALLBACK) {
        return CEDE_OK;
    }
    snprintf(error, sizeof error, "came back: %s",
             exchange->report.has_reason
                 ? cede_status_reason((enum cede_status)exchange->report.reason)
                 : "no reason given");
    CEDE_TRY(set_move_state(exchange, &move, MOVE_FALLBACK));
    CEDE_TRY(set_device_status(exchange, DEVICE_FALLBACK, error));
    return hand_over_revoke(sp, &exchange->device);
}

static enum cede_status on_operational_report(struct exchange *exchange)
{
    enum cede_device_state state = exchange->report.state;
    bool expected = exchange->device.status == DEVICE_EXPECTED;

    if (exchange->device.status == DEVICE_LEAVING && state != CEDE_DEVICE_ACCEPTED) {
        return CEDE_DOOR_DISMISS;
    }
    if (state == CEDE_DEVICE_ACCEPTED) {
        CEDE_TRY(on_accepted(exchange));
    } else if (state == CEDE_DEVICE_JOINED || (state == CEDE_DEVICE_OPERATIONAL && expected)) {
        CEDE_TRY(note_operational(exchange));
        CEDE_TRY(on_joined(exchange));
    } else if (state == CEDE_DEVICE_OPERATIONAL) {
        CEDE_TRY(note_operational(exchange));
        CEDE_TRY(on_operational(exchange));
    } else {
        return CEDE_SP_DEVICE;
    }
    return note_seen(exchange);
}

static enum cede_status on_report(struct exchange *exchange)
{
    enum cede_device_state state = exchange->report.state;

    if (exchange->report.seq > (uint64_t)REPORTED_SEQ_MAX) {
        return CEDE_SP_DEVICE;
    }
    if (exchange->peer->kind != COAP_PEER_FACTORY) {
        return on_operational_report(exchange);
    }
    return state == CEDE_DEVICE_FALLBACK || state == CEDE_DEVICE_HOMING ? on_fallback(exchange)
                                                                        : CEDE_SP_DEVICE;
}

static enum cede_status process(struct sp *sp, const struct coap_peer *peer, struct cede_span body,
                                struct exchange *exchange)
{
    memset(exchange, 0, sizeof *exchange);
    exchange->sp = sp;
    exchange->peer = peer;
    exchange->now = sp_now();
    CEDE_TRY(cede_status_report_decode(body, &exchange->report));
    CEDE_TRY(records_device(sp->store, peer->device_id, &exchange->device));
    return on_report(exchange);
}

static enum cede_status write_answer(struct exchange *exchange, struct cede_buf out,
                                     struct cede_span *answer)
{
    struct cede_writer writer = cede_writer(out);

    exchange->answer.has_come_back = true;
    exchange->answer.come_back_s = exchange->sp->poll_s;
    cede_answer_encode(&writer, &exchange->answer);
    return cede_writer_finish(&writer, answer);
}

/* Inside the transaction: a part of its own, taken back alone when it fails. */
static enum cede_status process_part(struct sp *sp, const struct coap_peer *peer,
                                     struct cede_span body, struct exchange *exchange)
{
    enum cede_status status;

    CEDE_TRY(store_part_begin(sp->store));
    status = process(sp, peer, body, exchange);
    if (status != CEDE_OK) {
        store_part_rollback(sp->store);
        return status;
    }
    return store_part_commit(sp->store);
}

enum cede_status update_server_report(struct sp *sp, const struct coap_peer *peer,
                                      struct cede_span body, struct cede_buf out,
                                      struct cede_span *answer)
{
    struct exchange exchange;
    enum cede_status status;

    *answer = CEDE_SPAN_NULL;
    if (store_in_transaction(sp->store)) {
        status = process_part(sp, peer, body, &exchange);
    } else {
        status = process(sp, peer, body, &exchange);
        if (exchange.wants_change) {
            CEDE_TRY(store_begin(sp->store));
            status = process_part(sp, peer, body, &exchange);
        }
    }
    CEDE_TRY(status);
    return write_answer(&exchange, out, answer);
}

/* --- the door's side --------------------------------------------------------------------------
 */

static bool is_update_path(const struct coap_request *request)
{
    return request->path_count == 1 && cede_span_equal(request->path[0], CEDE_SPAN_TEXT("u"));
}

static enum cede_status run_report(struct sp *sp, const struct coap_request *request,
                                   struct coap_response *response)
{
    struct cede_span answer;

    CEDE_TRY(update_server_report(sp, request->peer, request->body, response->body, &answer));
    response->body_len = answer.len;
    return CEDE_OK;
}

static uint8_t code_of(enum cede_status status)
{
    switch (cede_status_class(status)) {
    case CEDE_CLASS_OK:
        return CEDE_COAP_CHANGED;
    case CEDE_CLASS_MALFORMED:
    case CEDE_CLASS_INVALID:
        return CEDE_COAP_BAD_REQUEST;
    case CEDE_CLASS_POLICY:
        return CEDE_COAP_FORBIDDEN;
    case CEDE_CLASS_BLOCKED:
        return CEDE_COAP_UNAVAILABLE;
    default:
        return CEDE_COAP_SERVER_ERROR;
    }
}

static enum cede_status handle(void *context, const struct coap_request *request,
                               struct coap_response *response)
{
    enum cede_status status;

    if (!is_update_path(request)) {
        response->code = CEDE_COAP_RESOURCE_NOT_FOUND;
        return CEDE_OK;
    }
    if (request->code != CEDE_COAP_POST) {
        response->code = CEDE_COAP_METHOD_NOT_ALLOWED;
        return CEDE_OK;
    }
    status = run_report(context, request, response);
    if (status == CEDE_DOOR_DISMISS) {
        return status;
    }
    if (status != CEDE_OK) {
        snprintf(response->why, sizeof response->why, "%s", cede_status_reason(status));
    } else {
        response->content_format = CEDE_COAP_FORMAT_CBOR;
    }
    response->code = code_of(status);
    return CEDE_OK;
}

static enum cede_status after_batch(void *context)
{
    struct sp *sp = context;
    enum cede_status status = sp_commit(sp);

    if (status != CEDE_OK) {
        log_error("commit failed: %s", store_error(sp->store));
    }
    return status;
}

static enum cede_status status_proof(void *context, struct cede_buf out, struct cede_span *proof)
{
    return revocation_proof(context, out, proof);
}

const struct coap_door_callbacks update_server_callbacks = {
    .find_certificate = find_certificate,
    .authenticate = authenticate,
    .still_allowed = still_allowed,
    .handle = handle,
    .after_batch = after_batch,
    .status_proof = status_proof,
};
