/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment.c - keys and certificates: the first enrolment, the one at the next provider's CA, the
 * one after coming home, and the renewal of a certificate that grows old.
 *
 * A new key is in the journal before any request speaks of it, so a device never asks for two.
 */
#include <string.h>

#include "device/device_internal.h"

/* --- keys ------------------------------------------------------------------------------------- */

/* Goes to next->state with a fresh key pending. */
static void enter_with_new_key(struct cede_device *device, struct cede_device_record *next)
{
    const struct cede_crypto *crypto = device->config.crypto;
    uint8_t key[KEY_LEN], point[POINT_LEN];
    enum cede_status status = crypto->generate(crypto->context, CEDE_CRV_P256, key, point);

    next->pending_key = CEDE_SPAN_ARRAY(key);
    if (status == CEDE_OK && !record_fits(device, next, 0)) {
        status = CEDE_NO_SPACE;
    }
    if (status != CEDE_OK) {
        device->failures++;
        device->renewing = false;
        life_retry(device, status);
    } else {
        (void)life_enter(device, next);
    }
    cede_wipe(key, sizeof key);
}

void factory_begin(struct cede_device *device)
{
    struct cede_device_record next = device->record;

    next.state = CEDE_DEVICE_ENROLLING;
    enter_with_new_key(device, &next);
}

/* The old operational key is gone from the record; before a new one is made, it is gone from the
 * flash (R2). */
void reset_begin(struct cede_device *device)
{
    struct cede_device_record next = device->record;
    struct cede_transfer order;
    enum cede_status status = record_scrub(device);

    if (status == CEDE_OK) {
        status = orders_present(device, &order);
    }
    if (status != CEDE_OK) {
        device_halt(device, status);
        return;
    }
    if (order.update_first && device->record.state == CEDE_DEVICE_RESET) {
        next.state = CEDE_DEVICE_UPDATING;
        (void)life_enter(device, &next);
        return;
    }
    next.state = CEDE_DEVICE_JOINING;
    enter_with_new_key(device, &next);
}

/* From `updating`, and from `fallback` when nobody there helps: with what joining made, if it did.
 */
void joining_enter(struct cede_device *device)
{
    struct cede_device_record next = device->record;

    if (next.operational_key.ptr != NULL) {
        next.state = CEDE_DEVICE_JOINED;
        (void)life_enter(device, &next);
    } else if (next.pending_key.ptr != NULL) {
        next.state = CEDE_DEVICE_JOINING;
        (void)life_enter(device, &next);
    } else {
        next.state = CEDE_DEVICE_JOINING;
        enter_with_new_key(device, &next);
    }
}

void home_enter(struct cede_device *device, struct cede_device_record *next)
{
    next->state = CEDE_DEVICE_HOMING;
    enter_with_new_key(device, next);
}

/* --- renewal ---------------------------------------------------------------------------------- */

#define RENEWAL_PAUSE_MS 3600000 /* whatever a CA issues, reports are not starved */

/* After three quarters of its life a certificate is replaced; after its end, too, but then only the
 * factory certificate can ask for it. */
bool renewal_is_due(struct cede_device *device)
{
    struct cede_certificate certificate;
    uint64_t now;

    if (device->now_ms < device->renew_after_ms || !device_clock(device, &now) ||
        cede_certificate_decode(device->record.operational_certificate, device->config.crypto,
                                &certificate) != CEDE_OK ||
        certificate.not_after == CEDE_TIME_NONE || now <= certificate.not_before) {
        return false;
    }
    device->expired = now > certificate.not_after;
    return device->expired || (now - certificate.not_before) / 3 >= certificate.not_after - now;
}

/* --- the request ------------------------------------------------------------------------------ */

static enum cede_status make_identity(struct cede_device *device, uint8_t point[POINT_LEN],
                                      struct cede_est_identity *identity)
{
    const struct cede_crypto *crypto = device->config.crypto;

    identity->device_id = device->record.device_id;
    identity->key.curve = CEDE_CRV_P256;
    identity->key.scalar = device->record.pending_key;
    identity->key.handle = NULL;
    CEDE_TRY(crypto->public_from_private(crypto->context, &identity->key, point));
    identity->public_key.curve = CEDE_CRV_P256;
    identity->public_key.point = cede_span(point, POINT_LEN);
    return CEDE_OK;
}

static struct cede_span enrolment_uri(struct cede_device *device)
{
    struct cede_transfer order;

    if (device->record.state == CEDE_DEVICE_JOINING) {
        return orders_present(device, &order) == CEDE_OK ? order.enroll_uri : CEDE_SPAN_NULL;
    }
    return device->record.state == CEDE_DEVICE_HOMING ? device->record.home_uri
                                                      : device->record.enroll_uri;
}

static void take_request(struct cede_device *device, struct cede_span request)
{
    device->request_len = request.len;
    device->stats.enrolment_request_len = (uint32_t)request.len;
}

/* EST-oscore, section 4.8: for G_Y, so that in another session the request is worth nothing. */
enum cede_status enrolment_bind(struct cede_device *device)
{
    struct cede_pop_verifier g_y = cede_est_ephemeral_verifier(
        CEDE_ALG_SHA_256, CEDE_CRV_P256, cede_span(device->edhoc.point, POINT_LEN));
    struct cede_est_identity identity;
    struct cede_span request;
    uint8_t point[POINT_LEN];

    if (!device->agrees) {
        return CEDE_OK; /* signed, long since */
    }
    CEDE_TRY(make_identity(device, point, &identity));
    CEDE_TRY(cede_est_compose_mac_request(device->config.crypto, &identity, &g_y, false,
                                          CEDE_BUF_ARRAY(device->request), &request));
    take_request(device, request);
    return CEDE_OK;
}

static enum cede_status compose_request(struct cede_device *device)
{
    struct cede_est_identity identity;
    struct cede_span request;
    uint8_t point[POINT_LEN];

    if (device->agrees) {
        return CEDE_OK; /* when the session's G_Y is known */
    }
    CEDE_TRY(make_identity(device, point, &identity));
    CEDE_TRY(channel_is_wanted(enrolment_uri(device))
                 ? cede_est_compose_pkcs10(device->config.crypto, &identity,
                                           CEDE_BUF_ARRAY(device->request), &request)
                 : cede_est_compose_request(device->config.crypto, &identity,
                                            CEDE_BUF_ARRAY(device->request), &request));
    take_request(device, request);
    return CEDE_OK;
}

static enum server_role enrolment_role(const struct cede_device *device)
{
    return device->record.state == CEDE_DEVICE_JOINING ? ROLE_NEXT_ENROLMENT : ROLE_ENROLMENT;
}

void enrolment_begin(struct cede_device *device)
{
    enum cede_status status;

    device->fetching_anchors = device->fetching_certificate = false;
    device->request_len = device->reference_len = 0;
    device->agrees = !channel_is_wanted(enrolment_uri(device)) &&
                     trust_holds_agreement(device, enrolment_role(device));
    if (device->renewing) {
        device->renew_after_ms = device->now_ms + RENEWAL_PAUSE_MS;
    }
    if (device->renewing && device->record.pending_key.ptr == NULL) {
        struct cede_device_record next = device->record;
        enter_with_new_key(device, &next);
        if (device->halted != CEDE_OK || device->record.pending_key.ptr == NULL) {
            return;
        }
    }
    if (device->renewing || device->agrees) {
        session_drop(device); /* another server, or the proof wants a G_Y of its own */
    }
    status = compose_request(device);
    if (status == CEDE_OK) {
        session_start(device);
    } else {
        device_failed(device, status);
    }
}

static const struct cede_est_operation *enrolment_operation(struct cede_device *device)
{
    enum cede_est_kind kind = CEDE_EST_SEN;

    if (device->fetching_anchors) {
        kind = CEDE_EST_CRTS;
    } else if (device->renewing && !device->expired) {
        kind = CEDE_EST_SREN;
    }
    return channel_is_wanted(enrolment_uri(device)) ? cede_est_coaps_operation(kind)
                                                    : cede_est_operation(kind);
}

/* GET where the reference points to. */
static void plan_fetch(struct cede_device *device, struct plan *plan)
{
    struct cede_span where = cede_span(device->candidate, device->candidate_len);

    plan->resource = where;
    if (device->candidate_is_uri) {
        plan->uri = where;
        plan->resource = CEDE_SPAN_NULL;
    }
    plan->method = CEDE_COAP_GET;
    plan->format = -1;
    plan->accept = CEDE_EST_FORMAT_C509_CERT;
}

void enrolment_plan(struct cede_device *device, struct plan *plan)
{
    const struct cede_est_operation *operation = enrolment_operation(device);

    plan->uri = enrolment_uri(device);
    plan->resource = cede_span_string(operation->path);
    plan->method = operation->method;
    plan->format = operation->has_body ? (int32_t)operation->format : -1;
    plan->accept = (int32_t)operation->accept;
    if (plan->accept == CEDE_EST_FORMAT_PKIX_CERT && device->want_certs_only) {
        plan->accept = CEDE_EST_FORMAT_PKCS7_CERTS;
    }
    if (device->config.by_reference && plan->accept == CEDE_EST_FORMAT_C509_CERT &&
        plan->format >= 0) {
        plan->accept = -1; /* any reference (draft, section 4.9) */
    }
    plan->own = device->renewing && !device->expired ? OWN_OPERATIONAL : OWN_FACTORY;
    plan->role = enrolment_role(device);
    if (device->fetching_certificate) {
        plan_fetch(device, plan);
    }
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Checks the certificate against each anchor in force. */
static enum cede_status check_certificate(struct cede_device *device, struct cede_span body,
                                          struct cede_span *certificate, bool *anchored)
{
    struct trust_iterator iterator = trust_begin(device->record.trust);
    struct cede_certificate anchor;
    struct cede_est_trust trust = {.anchors = &anchor};
    struct cede_est_identity identity;
    struct cede_trust_entry entry;
    uint8_t point[POINT_LEN], scratch[SCRATCH_LEN];

    trust.has_clock = device_clock(device, &trust.now);
    trust.agrees = device->agrees;
    if (channel_is_wanted(enrolment_uri(device)) &&
        (body.len == 0 || body.ptr[0] != CEDE_DER_SEQUENCE)) {
        return CEDE_EST_BODY; /* with another kind of certificate there is no way back */
    }
    CEDE_TRY(make_identity(device, point, &identity));
    CEDE_TRY(cede_est_check_certificate(device->config.crypto, body, &identity, &trust,
                                        CEDE_BUF_ARRAY(scratch), certificate, anchored));
    trust.anchors_count = 1;
    while (!*anchored && trust_next(&iterator, &entry)) {
        if (trust_ends_path(device, enrolment_role(device), &entry, &anchor)) {
            CEDE_TRY(cede_est_check_certificate(device->config.crypto, body, &identity, &trust,
                                                CEDE_BUF_ARRAY(scratch), certificate, anchored));
        }
    }
    return CEDE_OK;
}

static void go_home(struct cede_device *device, struct cede_device_record *next)
{
    next->state = CEDE_DEVICE_OPERATIONAL;
    next->enroll_uri = device->record.home_uri;
    next->home_uri = CEDE_SPAN_NULL;
    next->reason = 0;
}

/* The certificate becomes the operational one, in one commit. */
static void finish(struct cede_device *device, struct cede_span certificate,
                   struct cede_span anchor)
{
    struct cede_device_record next = device->record;
    struct trust_builder builder = {.count = 0};
    struct trust_iterator iterator = trust_begin(device->record.trust);
    struct cede_trust_entry entry;
    uint8_t memory[CEDE_DEVICE_RECORD_LEN_MAX];

    next.operational_key = device->record.pending_key;
    next.operational_certificate = certificate;
    next.pending_key = CEDE_SPAN_NULL;
    next.known = false;
    if (device->record.state == CEDE_DEVICE_HOMING) {
        go_home(device, &next);
    } else {
        next.state = device->record.state == CEDE_DEVICE_JOINING ? CEDE_DEVICE_JOINED
                                                                 : CEDE_DEVICE_OPERATIONAL;
    }
    if (anchor.ptr != NULL) {
        while (trust_next(&iterator, &entry)) {
            trust_add(&builder, entry.purposes, entry.certificate);
        }
        trust_add(&builder,
                  CEDE_PURPOSE_ENROL |
                      (device->record.state == CEDE_DEVICE_JOINING ? PURPOSE_PENDING : 0),
                  anchor);
        if (trust_encode(&builder, CEDE_BUF_ARRAY(memory), &next.trust) != CEDE_OK ||
            !record_fits(device, &next, RECORD_RESERVE)) {
            next.trust = device->record.trust; /* it can be fetched again */
        }
    }
    if (!record_fits(device, &next, RECORD_RESERVE)) {
        life_unusable(device, CEDE_COAP_CHANGED, CEDE_NO_SPACE);
        return;
    }
    if (life_enter(device, &next) && device->renewing) {
        device->renewing = false;
        session_drop(device); /* it was the CA's */
    }
}

/* /crts: the anchor that the new certificate leads to. Without it the certificate is as good, only
 * the server's word for it. */
static void on_anchors(struct cede_device *device, uint8_t code, struct cede_span body)
{
    struct cede_est_trust trust = {0};
    struct cede_span candidate = {device->candidate, device->candidate_len};
    struct cede_span anchor = CEDE_SPAN_NULL;
    uint8_t scratch[SCRATCH_LEN];

    if (CEDE_COAP_CODE_CLASS(code) == 5) { /* later, perhaps: all once more */
        life_unusable(device, code, CEDE_DEVICE_ANSWER);
        return;
    }
    trust.has_clock = device_clock(device, &trust.now);
    trust.agrees = device->agrees;
    if (code != CEDE_COAP_CONTENT ||
        cede_est_check_anchor(device->config.crypto, body, candidate, &trust,
                              CEDE_BUF_ARRAY(scratch), &anchor) != CEDE_OK) {
        anchor = CEDE_SPAN_NULL;
    }
    finish(device, candidate, anchor);
}

/* --- by reference ----------------------------------------------------------------------------- */

static bool is_reference(uint32_t format)
{
    return format == CEDE_EST_FORMAT_MULTIPART || format == CEDE_EST_FORMAT_URI ||
           format == CEDE_EST_FORMAT_C509_CERTHASH || format == CEDE_EST_FORMAT_CERTHASH;
}

/* The session is with one server: a URI that leads elsewhere leads nowhere. */
static bool is_same_server(struct cede_span a, struct cede_span b)
{
    struct cede_coap_uri first, second;

    return cede_coap_uri_split(a, &first) == CEDE_OK &&
           cede_coap_uri_split(b, &second) == CEDE_OK && first.secure == second.secure &&
           first.port == second.port && cede_span_equal(first.host, second.host);
}

/* Where to fetch the certificate: the URI told, else where this project's servers have it. */
static enum cede_status plan_reference(struct cede_device *device,
                                       const struct cede_est_references *references)
{
    struct cede_buf out = CEDE_BUF_ARRAY(device->candidate);
    struct cede_span where = CEDE_SPAN_NULL;
    enum cede_status status = CEDE_EST_REFERENCE;

    device->candidate_is_uri =
        references->uri.ptr != NULL && is_same_server(references->uri, enrolment_uri(device));
    if (device->candidate_is_uri) {
        status = cede_copy(out, references->uri, &where);
    } else if (references->hash.ptr != NULL) {
        status = cede_est_reference_path(references->hash, out, &where);
    }
    device->candidate_len = where.len;
    return status;
}

/* *body becomes the certificate, unless it has to be fetched. */
static enum cede_status take_references(struct cede_device *device, struct cede_span *body,
                                        bool *is_there)
{
    struct cede_est_references references;
    struct cede_span hash = CEDE_SPAN_NULL;

    CEDE_TRY(cede_est_read_references(device->answer_format, *body, &references));
    if (references.hash.ptr != NULL) {
        CEDE_TRY(cede_copy(CEDE_BUF_ARRAY(device->reference), references.hash, &hash));
    }
    device->reference_len = hash.len;
    *body = references.certificate;
    *is_there = references.certificate.ptr != NULL;
    return *is_there ? CEDE_OK : plan_reference(device, &references);
}

static enum cede_status check_referred(struct cede_device *device, struct cede_span certificate)
{
    struct cede_est_references references = {
        .hash = cede_span(device->reference, device->reference_len)};

    return device->reference_len == 0
               ? CEDE_OK
               : cede_est_check_reference(device->config.crypto, &references, certificate);
}

static void fetch_certificate(struct cede_device *device)
{
    device->fetching_certificate = true;
    device->request_len = 0;
    session_start(device);
}

/* --- delays ----------------------------------------------------------------------------------- */

/* Somebody has to approve first (RFC 9148, section 4.7): the same key is asked for again. */
static bool waits_for_approval(struct cede_device *device, uint8_t code)
{
    uint64_t seconds = device->answer_max_age;

    if (code != CEDE_COAP_UNAVAILABLE || seconds == 0 || device->fetching_certificate) {
        return false;
    }
    session_drop(device);
    device->failures = 0;
    if (device->renewing) { /* until then reports go on */
        device->renewing = false;
        device->renew_after_ms = device->now_ms + seconds * 1000;
        life_wait(device, 0);
    } else if (device->record.state == CEDE_DEVICE_JOINING) {
        life_stalled(device, seconds);
    } else {
        life_wait(device, seconds);
    }
    return true;
}

/* The certificate is good: is its issuer known? */
static void take_certificate(struct cede_device *device, struct cede_span certificate,
                             bool anchored)
{
    struct cede_span copy;

    device->fetching_certificate = false;
    if (anchored || cede_copy(CEDE_BUF_ARRAY(device->candidate), certificate, &copy) != CEDE_OK) {
        finish(device, certificate, CEDE_SPAN_NULL);
        return;
    }
    device->candidate_len = copy.len;
    device->fetching_anchors = true;
    device->request_len = 0;
    session_start(device);
}

/* RFC 9148, section 4.3: the one format each server has. */
static bool asks_otherwise(struct cede_device *device, uint8_t code)
{
    if (code != CEDE_COAP_NOT_ACCEPTABLE || device->want_certs_only ||
        !channel_is_wanted(enrolment_uri(device))) {
        return false;
    }
    device->want_certs_only = true;
    session_start(device);
    return true;
}

void enrolment_answered(struct cede_device *device, uint8_t code, struct cede_span body)
{
    uint8_t good = device->fetching_certificate ? CEDE_COAP_CONTENT : CEDE_COAP_CHANGED;
    struct cede_span certificate = CEDE_SPAN_NULL;
    enum cede_status status = CEDE_DEVICE_ANSWER;
    bool anchored = false, is_there = true;

    if (device->fetching_anchors) {
        on_anchors(device, code, body);
        return;
    }
    if (asks_otherwise(device, code) || waits_for_approval(device, code)) {
        return;
    }
    if (!device->fetching_certificate) {
        device->stats.enrolment_answer_len = (uint32_t)body.len;
    }
    if (code == good) {
        status = device->fetching_certificate || !is_reference(device->answer_format)
                     ? CEDE_OK
                     : take_references(device, &body, &is_there);
    }
    if (status == CEDE_OK && !is_there) {
        fetch_certificate(device);
        return;
    }
    if (status == CEDE_OK) {
        status = check_certificate(device, body, &certificate, &anchored);
    }
    if (status == CEDE_OK) {
        status = check_referred(device, certificate);
    }
    if (status != CEDE_OK) {
        life_unusable(device, code, status);
        return;
    }
    take_certificate(device, certificate, anchored);
}
