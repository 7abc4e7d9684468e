/* SPDX-License-Identifier: Apache-2.0 */
/* deliveries.c - partners' answers to what the courier brought them. */
#include "server/sp/deliveries.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/common/revocation_cache.h"
#include "server/sp/hand_over.h"
#include "server/sp/profile.h"

#define TRUST_MAX (sizeof((struct partner *)0)->trust)

enum cede_status deliveries_resolve(void *context, struct store *store, const char *partner,
                                    struct courier_partner *out)
{
    struct partner known;

    (void)context;
    CEDE_TRY(records_partner(store, partner, &known));
    if (known.certificate_len > sizeof out->anchor) {
        return CEDE_NO_SPACE;
    }
    snprintf(out->url, sizeof out->url, "%s", known.url);
    memcpy(out->anchor, known.certificate, known.certificate_len);
    out->anchor_len = known.certificate_len;
    return CEDE_OK;
}

/* A reference "HEX", "HEX:n" or "HEX:n:m" of a transfer. */
struct transfer_reference {
    uint8_t id[TRANSFER_ID_LEN];
    int64_t batch;
    int attempt;
};

static bool parse_reference(const char *text, struct transfer_reference *reference)
{
    char hex[2 * TRANSFER_ID_LEN + 1];
    char *end;

    memset(reference, 0, sizeof *reference);
    if (strlen(text) < 2 * TRANSFER_ID_LEN) {
        return false;
    }
    memcpy(hex, text, 2 * TRANSFER_ID_LEN);
    hex[2 * TRANSFER_ID_LEN] = '\0';
    text += 2 * TRANSFER_ID_LEN;
    if (*text == ':') {
        reference->batch = strtoll(text + 1, &end, 10);
        if (*end == ':') {
            reference->attempt = (int)strtol(end + 1, NULL, 10);
        }
    }
    return hex_decode(hex, reference->id, TRANSFER_ID_LEN);
}

/* A partner's refusal as one line for the operator. What he writes may be made for a terminal to
 * obey, and is cut anywhere: only printable ASCII stays. */
static void describe_refusal(const struct courier_reply *reply, char *text, size_t cap)
{
    json_t *json = json_loadb((const char *)reply->body.ptr, reply->body.len, 0, NULL);
    const char *error = json_string_value(json_object_get(json, "error"));
    const char *detail = json_string_value(json_object_get(json, "detail"));

    snprintf(text, cap, "%s refused the %s (%d): %s%s%s", reply->partner, reply->kind,
             reply->status, error != NULL ? error : "no reason given", detail != NULL ? ": " : "",
             detail != NULL ? detail : "");
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e) {
            *at = '?';
        }
    }
    json_decref(json);
}

static enum cede_status fail_transfer(struct sp *sp, const struct courier_reply *reply)
{
    struct transfer_reference reference;
    char reason[160];

    describe_refusal(reply, reason, sizeof reason);
    if (!parse_reference(reply->reference, &reference)) {
        return CEDE_INTERNAL;
    }
    return hand_over_fail(sp, reference.id, reason);
}

/* An answer that makes no sense: to ask again would bring it again. */
static enum cede_status fail_transfer_with(struct sp *sp, const struct courier_reply *reply,
                                           const char *what)
{
    struct transfer_reference reference;
    char reason[160];

    snprintf(reason, sizeof reason, "%s: %s", reply->partner, what);
    if (!parse_reference(reply->reference, &reference)) {
        return CEDE_INTERNAL;
    }
    return hand_over_fail(sp, reference.id, reason);
}

static enum cede_status note_refusal(struct sp *sp, const struct courier_reply *reply)
{
    char reason[160];

    (void)sp;
    describe_refusal(reply, reason, sizeof reason);
    log_error("%s (%s)", reason, reply->reference);
    return CEDE_OK;
}

static enum cede_status ignore(struct sp *sp, const struct courier_reply *reply)
{
    (void)sp;
    (void)reply;
    return CEDE_OK;
}

static enum cede_status on_anchors(struct sp *sp, const struct courier_reply *reply)
{
    if (reply->body.len > TRUST_MAX || profile_check_trust(sp, reply->body) != CEDE_OK) {
        return fail_transfer_with(sp, reply, "its trust anchors are unusable");
    }
    return records_save_trust(sp->store, reply->partner, reply->body);
}

static enum cede_status on_registered(struct sp *sp, const struct courier_reply *reply)
{
    struct transfer_reference reference;
    json_t *json = json_loadb((const char *)reply->body.ptr, reply->body.len, 0, NULL);
    const char *enroll_uri = NULL;
    enum cede_status status = CEDE_NO_SPACE;
    bool x509;

    if (parse_reference(reply->reference, &reference) &&
        records_transfer_is_x509(sp->store, reference.id, &x509) == CEDE_OK) {
        enroll_uri =
            json_string_value(json_object_get(json, x509 ? "enroll_uri_coaps" : "enroll_uri"));
    }
    if (enroll_uri != NULL && profile_uri_fits(cede_span_string(enroll_uri), x509)) {
        status = taking_on_registered(sp, reference.id, reference.batch, enroll_uri);
    }
    json_decref(json);
    return status == CEDE_NO_SPACE
               ? fail_transfer_with(sp, reply, "it answers no usable enrolment URI")
               : status;
}

/* Another account of the CA holds the devices: show it the old provider's release, which is the
 * signed device list itself, then register again. */
static enum cede_status on_register_refused(struct sp *sp, const struct courier_reply *reply)
{
    struct transfer_reference reference;
    uint8_t *batch;
    size_t len;
    enum cede_status status;

    if (reply->status != 409 || !parse_reference(reply->reference, &reference) ||
        reference.attempt > 1) {
        return fail_transfer(sp, reply);
    }
    CEDE_TRY(records_document(sp->store, reference.id, DOCUMENT_BATCH + (int)reference.batch,
                              &batch, &len));
    status = hand_over_queue(sp, "release", reply->reference, reply->partner, "/v1/releases",
                             "application/jose+json", cede_span(batch, len));
    free(batch);
    return status;
}

static enum cede_status on_released(struct sp *sp, const struct courier_reply *reply)
{
    struct transfer_reference reference;

    if (!parse_reference(reply->reference, &reference)) {
        return CEDE_INTERNAL;
    }
    return taking_queue_registration(sp, reference.id, reference.batch, reference.attempt + 1);
}

/* As certificates are looked up: lower case, no leading zeros. */
static bool normal_serial(const char *text, char serial[RECORD_SERIAL_MAX])
{
    uint8_t bytes[RECORD_SERIAL_MAX / 2];
    size_t len = strlen(text) / 2, zeros = 0;

    if (len == 0 || len > sizeof bytes || strlen(text) % 2 != 0 || !hex_decode(text, bytes, len)) {
        return false;
    }
    while (zeros + 1 < len && bytes[zeros] == 0) {
        zeros++;
    }
    hex_encode(bytes + zeros, len - zeros, serial);
    return true;
}

static enum cede_status take_revoked(struct sp *sp, const char *ca, json_t *json)
{
    json_t *list = json_object_get(json, "revoked");
    json_t *next = json_object_get(json, "next");
    json_t *item;
    size_t i;

    if (!json_is_array(list) || !json_is_integer(next) || json_integer_value(next) < 0) {
        return CEDE_CONTRACT_FORMAT;
    }
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(json_object_get(item, "serial"));
        char serial[RECORD_SERIAL_MAX];

        if (text == NULL || !normal_serial(text, serial)) {
            return CEDE_CONTRACT_FORMAT;
        }
        CEDE_TRY(revocation_cache_add(sp->store, ca, serial,
                                      json_integer_value(json_object_get(item, "at"))));
    }
    CEDE_TRY(records_set_revoked_next(sp->store, ca, json_integer_value(next)));
    return json_is_false(json_object_get(json, "more"))
               ? revocation_cache_heard(sp->store, ca, sp_now())
               : CEDE_OK;
}

/* So that the same question can be queued again. */
static enum cede_status forget_question(struct sp *sp, const struct courier_reply *reply)
{
    return store_run(sp->store, "DELETE FROM outbox WHERE kind = $1 AND reference = $2",
                     STORE_PARAMS(store_text(reply->kind), store_text(reply->reference)), NULL);
}

static enum cede_status on_revoked_list(struct sp *sp, const struct courier_reply *reply)
{
    json_t *json = json_loadb((const char *)reply->body.ptr, reply->body.len, 0, NULL);
    enum cede_status status = take_revoked(sp, reply->partner, json);

    json_decref(json);
    if (status != CEDE_OK && status != CEDE_CONTRACT_FORMAT) {
        return status;
    }
    if (status != CEDE_OK) { /* ask again next time rather than for ever the same */
        log_warning("the list of revocations of %s is unusable", reply->partner);
    }
    return forget_question(sp, reply);
}

static enum cede_status on_revoked_refused(struct sp *sp, const struct courier_reply *reply)
{
    CEDE_TRY(note_refusal(sp, reply));
    return forget_question(sp, reply);
}

static const struct {
    const char *kind;
    enum cede_status (*delivered)(struct sp *sp, const struct courier_reply *reply);
    enum cede_status (*refused)(struct sp *sp, const struct courier_reply *reply);
} reply_kinds[] = {
    {"contract", ignore, fail_transfer},
    {"device-updates", ignore, fail_transfer},
    {"anchors", on_anchors, fail_transfer},
    {"register", on_registered, on_register_refused},
    {"release", on_released, fail_transfer},
    {"offer", ignore, fail_transfer},
    {"revoke", ignore, note_refusal},
    {"receipt", ignore, note_refusal},
    {"notice", ignore, note_refusal},
    {"deregister", ignore, note_refusal},
    {"revoked-list", on_revoked_list, on_revoked_refused},
};

enum cede_status deliveries_on_reply(void *context, struct store *store,
                                     const struct courier_reply *reply)
{
    (void)store; /* the courier's store is the one of `context` */
    for (size_t i = 0; i < sizeof reply_kinds / sizeof reply_kinds[0]; i++) {
        if (strcmp(reply_kinds[i].kind, reply->kind) == 0) {
            return reply->delivered ? reply_kinds[i].delivered(context, reply)
                                    : reply_kinds[i].refused(context, reply);
        }
    }
    return CEDE_INTERNAL;
}

enum cede_status deliveries_ask_revoked(void *context)
{
    struct sp *sp = context;
    struct partner ca;

    CEDE_TRY(records_write(sp->store));
    for (size_t n = 0; records_partner_of_role(sp->store, PARTNER_CA, n, &ca) == CEDE_OK; n++) {
        char path[64], reference[RECORD_NAME_MAX + 24];

        snprintf(path, sizeof path, "/v1/revoked?since=%lld", (long long)ca.revoked_next);
        /* One question at a time: while it waits, queueing it again changes nothing. */
        snprintf(reference, sizeof reference, "%s:%lld", ca.name, (long long)ca.revoked_next);
        CEDE_TRY(hand_over_queue(sp, "revoked-list", reference, ca.name, path, "application/json",
                                 CEDE_SPAN_NULL));
    }
    return CEDE_OK;
}
