/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - the enrolment service: the same code behind every door.
 *
 * One factory certificate has one live operational certificate. The same key asked for again gets
 * the same certificate, so a lost answer costs nothing; another key while one is live is an alarm
 * (R13): somebody else may hold the factory key. A re-enrolment leaves the old certificate live
 * until the new one is used here, since the answer may be lost on its way.
 */
#include <stdio.h>
#include <string.h>

#include "cede/cose.h"
#include "server/ca/ca_internal.h"
#include "server/ca/factory_status.h"
#include "server/ca/skg.h"

#define REASON_SUPERSEDED 4

/* --- who is there ----------------------------------------------------------------------------- */

enum cede_status ca_find_certificate(struct ca *ca, struct cede_span hash, struct cede_buf out,
                                     struct cede_span *raw)
{
    struct ca_factory_record factory;
    struct ca_certificate_record issued;

    *raw = CEDE_SPAN_NULL;
    if (hash.len != CA_HASH_PREFIX && hash.len != CEDE_SHA256_LEN) {
        return CEDE_NOT_FOUND;
    }
    if (ca_records_factory(ca, hash, &factory) == CEDE_OK) {
        return cede_copy(out, cede_span(factory.raw, factory.raw_len), raw);
    }
    CEDE_TRY(ca_records_by_hash(ca, hash, &issued));
    return cede_copy(out, cede_span(issued.raw, issued.raw_len), raw);
}

/* What the records do not have of a certificate registered long ago. */
static enum cede_status read_dates(struct ca *ca, struct ca_factory_standing *standing)
{
    struct ca_factory_record factory;
    struct cede_certificate view;

    CEDE_TRY(ca_records_factory_by_row(ca, standing->row, &factory));
    CEDE_TRY(cede_certificate_decode(cede_span(factory.raw, factory.raw_len), ca->crypto, &view));
    standing->not_before = ca_stored_time(view.not_before);
    standing->not_after = ca_stored_time(view.not_after);
    return CEDE_OK;
}

/* A factory certificate counts while some account holds the device and, should it be ours, while it
 * is not revoked; and from its first day to its last, or as long behind that as the policy says. */
static enum cede_status check_factory_peer(struct ca *ca, struct ca_factory_standing *standing)
{
    if (!standing->registered) {
        return CEDE_CA_UNKNOWN;
    }
    if (standing->revoked) {
        return CEDE_CA_REVOKED;
    }
    if (!standing->is_dated) {
        CEDE_TRY(read_dates(ca, standing));
    }
    return ca_check_validity(ca, standing->not_before, standing->not_after,
                             ca->policy.profiles[CA_PROFILE_FACTORY].grace_s);
}

static enum cede_status check_operational_peer(const struct ca *ca,
                                               const struct ca_certificate_record *issued)
{
    if (issued->profile != CA_PROFILE_DEVICE || issued->factory == CA_NO_ROW) {
        return CEDE_CA_UNKNOWN; /* a server's certificate opens no door here */
    }
    if (issued->status == CA_REVOKED) {
        return CEDE_CA_REVOKED; /* R6 */
    }
    /* Within the grace it is good for one more re-enrolment. */
    return ca_check_validity(ca, issued->not_before, issued->not_after,
                             ca->policy.profiles[CA_PROFILE_DEVICE].grace_s);
}

enum cede_status ca_authenticate(struct ca *ca, struct cede_span raw, struct ca_peer *peer)
{
    struct ca_factory_standing standing;
    struct ca_certificate_record issued;
    size_t len = 0;
    enum cede_status status = CEDE_OK;

    memset(peer, 0, sizeof *peer);
    ca_forget_error();
    CEDE_TRY(
        cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, raw, peer->thumbprint, &len));
    status = ca_records_standing(ca, peer->thumbprint, &standing);
    if (status == CEDE_OK) {
        peer->row = standing.row;
        memcpy(peer->device_id, standing.device_id, sizeof peer->device_id);
        CEDE_TRY(check_factory_peer(ca, &standing));
        return factory_status_check(ca, raw);
    }
    if (status == CEDE_NOT_FOUND) {
        status = ca_records_by_hash(ca, CEDE_SPAN_ARRAY(peer->thumbprint), &issued);
    }
    if (status == CEDE_NOT_FOUND) {
        return CEDE_CA_UNKNOWN;
    }
    CEDE_TRY(status);
    peer->operational = true;
    peer->row = issued.row;
    snprintf(peer->device_id, sizeof peer->device_id, "%.*s", CA_DEVICE_ID_MAX, issued.subject);
    return check_operational_peer(ca, &issued);
}

static enum cede_status check_factory_status_again(struct ca *ca, const struct ca_peer *peer)
{
    struct ca_factory_record factory;

    if (!ca->policy.anchors_watched) {
        return CEDE_OK;
    }
    CEDE_TRY(ca_records_factory_by_row(ca, peer->row, &factory));
    return factory_status_check(ca, cede_span(factory.raw, factory.raw_len));
}

enum cede_status ca_still_allowed(struct ca *ca, const struct ca_peer *peer)
{
    struct ca_factory_standing standing;
    struct ca_certificate_record issued;

    if (peer->operational) {
        CEDE_TRY(ca_records_by_row(ca, peer->row, &issued));
        return check_operational_peer(ca, &issued);
    }
    CEDE_TRY(ca_records_standing(ca, peer->thumbprint, &standing));
    if (standing.row != peer->row) {
        return CEDE_CA_UNKNOWN; /* it was registered anew: the row of before may be another's */
    }
    CEDE_TRY(check_factory_peer(ca, &standing));
    return check_factory_status_again(ca, peer);
}

/* --- what the records say --------------------------------------------------------------------- */

/* The account is that of the enrolment URI, without a token the device's only holder. */
static enum cede_status find_prospect(struct ca *ca, const struct ca_enrolment *enrolment,
                                      int64_t factory, const uint8_t key[32],
                                      struct ca_prospect *prospect)
{
    enum cede_status status = ca_records_prospect(ca, factory, enrolment->token, key, prospect);

    return status == CEDE_NOT_FOUND ? CEDE_CA_TOKEN : status;
}

/* A key that has had a certificate before, or that is the factory key, is no fresh key (R2). Its
 * own live certificate is the exception: *earlier, then CEDE_OK. CEDE_NOT_FOUND: the key is new. */
static enum cede_status check_key_history(struct ca *ca, const uint8_t key[32], int64_t factory,
                                          const struct ca_prospect *prospect,
                                          struct ca_certificate_record *earlier)
{
    if (memcmp(key, prospect->factory_key, sizeof prospect->factory_key) == 0) {
        return CEDE_CA_KEY;
    }
    if (!prospect->key_known) {
        return CEDE_NOT_FOUND;
    }
    CEDE_TRY(ca_records_by_key(ca, key, earlier));
    if (earlier->factory != factory || earlier->account != prospect->account ||
        earlier->profile != CA_PROFILE_DEVICE || earlier->status == CA_REVOKED ||
        !ca_is_current(ca, earlier->not_before, earlier->not_after)) {
        return CEDE_CA_KEY;
    }
    return CEDE_OK;
}

static bool is_made_here(enum ca_operation operation)
{
    return operation == CA_SKG || operation == CA_SKC;
}

/* First enrolment, or after a hand-over: nothing else may be live, but for what the old holder has
 * released: that ends here. */
static enum cede_status make_room(struct ca *ca, const struct ca_enrolment *enrolment,
                                  int64_t factory, int64_t account)
{
    struct ca_certificate_record live;
    bool allowed = false;
    size_t revoked = 0;
    enum cede_status status = CEDE_OK;

    if (is_made_here(enrolment->operation)) {
        CEDE_TRY(ca_forget_lost_key(ca, factory, account, CA_NO_ROW, CA_BY_FACTORY_MADE));
    }
    status = ca_records_live_of_factory(ca, factory, &live);
    if (status == CEDE_NOT_FOUND) {
        return CEDE_OK;
    }
    CEDE_TRY(status);
    if (live.account == account) {
        return CEDE_CA_OTHER_KEY;
    }
    CEDE_TRY(ca_records_may_supersede(ca, factory, live.account, account, &allowed));
    if (!allowed) {
        return CEDE_CA_OTHER_HOLDER;
    }
    return ca_records_revoke_factory(ca, factory, live.account, CA_NO_ROW, REASON_SUPERSEDED,
                                     &revoked);
}

static bool past_half_life(const struct ca *ca, const struct ca_certificate_record *record)
{
    return record->not_after != CA_NO_END &&
           (int64_t)ca_now(ca) > record->not_before + (record->not_after - record->not_before) / 2;
}

/* --- the operations --------------------------------------------------------------------------- */

/* `answer` null: what was changed for it must not stay without it, so it is signed now. */
static enum cede_status issue_for_device(struct ca *ca, const struct ca_enrolment *enrolment,
                                         const struct ca_checked_request *checked, int64_t factory,
                                         int64_t account, struct ca_certificate_record *record,
                                         struct ca_answer *answer)
{
    bool made = is_made_here(enrolment->operation);
    const char *authorised_by = enrolment->peer->operational
                                    ? (made ? CA_BY_OPERATIONAL_MADE : "operational certificate")
                                    : (made ? CA_BY_FACTORY_MADE : "factory certificate");

    memset(record, 0, sizeof *record);
    record->profile = CA_PROFILE_DEVICE;
    record->account = account;
    record->factory = factory;
    if (ca->policy.profiles[CA_PROFILE_DEVICE].manual_approval) {
        CEDE_TRY(ca_approval_check(ca, factory, checked->asked));
        CEDE_TRY(ca_approval_done(ca, factory));
    } else if (!made && answer != NULL && ca_can_await(ca, enrolment)) {
        return ca_await(ca, enrolment, checked, authorised_by, record, answer);
    }
    return ca_issue_checked(ca, checked, authorised_by, record);
}

/* /sen, with the factory certificate. */
static enum cede_status enrol(struct ca *ca, const struct ca_enrolment *enrolment,
                              const struct ca_checked_request *checked,
                              struct ca_certificate_record *record, struct ca_answer *answer)
{
    int64_t factory = enrolment->peer->row;
    struct ca_prospect prospect;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(find_prospect(ca, enrolment, factory, checked->key, &prospect));
    status = check_key_history(ca, checked->key, factory, &prospect, record);
    if (status != CEDE_NOT_FOUND) {
        return status;
    }
    if (prospect.certified) {
        CEDE_TRY(make_room(ca, enrolment, factory, prospect.account));
    }
    return issue_for_device(ca, enrolment, checked, factory, prospect.account, record,
                            prospect.certified ? NULL : answer);
}

/* The certificate that counts for a device: the newest that is live; within the grace, when none
 * is, the newest that is not revoked. */
static enum cede_status find_newest(struct ca *ca, const struct ca_certificate_record *current,
                                    struct ca_certificate_record *newest)
{
    enum cede_status status = ca_records_live_of_factory(ca, current->factory, newest);

    return status == CEDE_NOT_FOUND ? ca_records_last_of_factory(ca, current->factory, newest)
                                    : status;
}

/* /sren, with the current operational certificate. Using the newest certificate ends the ones
 * before it; a second new key while a first one has not shown up is refused. */
static enum cede_status re_enrol(struct ca *ca, const struct ca_enrolment *enrolment,
                                 const struct ca_checked_request *checked,
                                 struct ca_certificate_record *record, struct ca_answer *answer)
{
    struct ca_certificate_record current;
    struct ca_certificate_record newest;
    struct ca_prospect prospect;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(ca_records_by_row(ca, enrolment->peer->row, &current));
    CEDE_TRY(find_prospect(ca, enrolment, current.factory, checked->key, &prospect));
    if (prospect.account != current.account) {
        return CEDE_CA_TOKEN;
    }
    status = check_key_history(ca, checked->key, current.factory, &prospect, record);
    if (status == CEDE_OK && !past_half_life(ca, record)) {
        return CEDE_OK;
    }
    if (status != CEDE_OK && status != CEDE_NOT_FOUND) {
        return status;
    }
    if (is_made_here(enrolment->operation)) {
        CEDE_TRY(ca_forget_lost_key(ca, current.factory, current.account, current.row,
                                    CA_BY_OPERATIONAL_MADE));
    }
    CEDE_TRY(find_newest(ca, &current, &newest));
    if (newest.row != current.row) {
        return CEDE_CA_OTHER_KEY;
    }
    return issue_for_device(ca, enrolment, checked, current.factory, current.account, record,
                            answer);
}

/* A device that shows its newest certificate has no use for the older ones. */
static enum cede_status end_predecessors(struct ca *ca, const struct ca_peer *peer)
{
    struct ca_certificate_record current;
    struct ca_certificate_record newest;
    size_t revoked = 0;

    CEDE_TRY(ca_records_by_row(ca, peer->row, &current));
    CEDE_TRY(find_newest(ca, &current, &newest));
    if (newest.row != current.row) {
        return CEDE_OK;
    }
    return ca_records_revoke_factory(ca, current.factory, current.account, current.row,
                                     REASON_SUPERSEDED, &revoked);
}

static enum cede_status enrol_in_unit(struct ca *ca, const struct ca_enrolment *enrolment,
                                      const struct ca_checked_request *checked,
                                      struct ca_certificate_record *record,
                                      struct ca_answer *answer)
{
    if (!enrolment->peer->operational) {
        return enrol(ca, enrolment, checked, record, answer);
    }
    CEDE_TRY(end_predecessors(ca, enrolment->peer));
    return re_enrol(ca, enrolment, checked, record, answer);
}

static enum cede_status factory_of(struct ca *ca, const struct ca_peer *peer, int64_t *factory)
{
    struct ca_certificate_record current;

    *factory = peer->row;
    if (peer->operational) {
        CEDE_TRY(ca_records_by_row(ca, peer->row, &current));
        *factory = current.factory;
    }
    return CEDE_OK;
}

static bool is_x509(const struct ca_certificate_record *record)
{
    return record->raw_len > 0 && record->raw[0] == 0x30; /* SEQUENCE; no C509 begins so */
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The certificate of that hash, if it was issued to the peer's device: the others' names are none
 * of its business. */
static enum cede_status answer_own_certificate(struct ca *ca, const struct ca_enrolment *enrolment,
                                               struct cede_buf out, struct ca_answer *answer)
{
    struct ca_certificate_record record;
    int64_t factory = CA_NO_ROW;

    if (enrolment->hash.len != CA_HASH_PREFIX && enrolment->hash.len != CEDE_SHA256_LEN) {
        return CEDE_NOT_FOUND;
    }
    CEDE_TRY(factory_of(ca, enrolment->peer, &factory));
    CEDE_TRY(ca_records_by_hash(ca, enrolment->hash, &record));
    if (record.factory != factory || record.profile != CA_PROFILE_DEVICE) {
        return CEDE_NOT_FOUND;
    }
    return ca_answer_certificate(ca, enrolment, cede_span(record.raw, record.raw_len),
                                 is_x509(&record), out, answer);
}

/* Written outside the unit that was taken back. */
static enum cede_status note_refusal(struct ca *ca, const struct ca_peer *peer,
                                     enum cede_status status)
{
    switch (status) {
    case CEDE_CA_OTHER_KEY:
        CEDE_TRY(ca_records_alarm(ca, "other-key", peer->device_id,
                                  "another key asked while a certificate is live"));
        break;
    case CEDE_CA_OTHER_HOLDER:
        CEDE_TRY(ca_records_alarm(ca, "other-holder", peer->device_id,
                                  "a certificate of another account is live, not released"));
        break;
    case CEDE_CA_KEY:
        CEDE_TRY(ca_records_alarm(ca, "key", peer->device_id,
                                  "the key is not fresh or of a kind not allowed"));
        break;
    default:
        break;
    }
    return status;
}

/* The request goes before the operator; outside the unit, too. */
static enum cede_status wait_for_approval(struct ca *ca, const struct ca_enrolment *enrolment,
                                          const struct ca_checked_request *checked,
                                          struct ca_answer *answer)
{
    int64_t factory = CA_NO_ROW;

    answer->max_age = ca->policy.approval_retry;
    CEDE_TRY(factory_of(ca, enrolment->peer, &factory));
    CEDE_TRY(ca_approval_ask(ca, factory, checked->asked, enrolment->peer->device_id));
    return CEDE_CA_PENDING;
}

/* What was checked is issued, once: in `record`, or later, when answer->ticket says so. */
static enum cede_status issue_checked(struct ca *ca, const struct ca_enrolment *enrolment,
                                      const struct ca_checked_request *checked,
                                      struct ca_certificate_record *record,
                                      struct ca_answer *answer)
{
    bool part = false;
    enum cede_status status = CEDE_OK;

    if (ca_awaits(ca, enrolment->peer->device_id, checked->key)) {
        ca_sign_awaited(ca);
    }
    CEDE_TRY(ca_unit_begin_beside(ca, &part));
    status = enrol_in_unit(ca, enrolment, checked, record, part ? answer : NULL);
    status = ca_unit_end(ca, part, status);
    if (status != CEDE_OK && answer->ticket != 0) {
        ca_await_no_more(ca, answer);
    }
    if (status == CEDE_CA_PENDING) {
        return wait_for_approval(ca, enrolment, checked, answer);
    }
    return status == CEDE_OK ? CEDE_OK : note_refusal(ca, enrolment->peer, status);
}

static enum cede_status check_device(struct ca *ca, const struct ca_enrolment *enrolment,
                                     enum cede_status status,
                                     const struct ca_checked_request *checked)
{
    if (status == CEDE_OK && strcmp(checked->subject, enrolment->peer->device_id) != 0) {
        status = ca_fail(CEDE_CA_SUBJECT, "the subject is not the device that asks");
    }
    return status == CEDE_OK ? CEDE_OK : note_refusal(ca, enrolment->peer, status);
}

static enum cede_status enrol_device(struct ca *ca, const struct ca_enrolment *enrolment,
                                     struct cede_buf out, struct ca_answer *answer)
{
    struct ca_possession possession = {
        enrolment->ephemeral, enrolment->hash_alg != 0 ? enrolment->hash_alg : CEDE_ALG_SHA_256};
    struct ca_checked_request checked;
    struct ca_certificate_record record;
    enum cede_status status =
        ca_check_possession(ca, CA_PROFILE_DEVICE, enrolment->request, &possession, &checked);

    memset(&record, 0, sizeof record);
    CEDE_TRY(check_device(ca, enrolment, status, &checked));
    if (!ca_answer_offers(ca, enrolment, checked.request.format == CEDE_CERTIFICATE_X509)) {
        return CEDE_CA_FORMAT;
    }
    CEDE_TRY(issue_checked(ca, enrolment, &checked, &record, answer));
    if (answer->ticket != 0) {
        return CEDE_OK;
    }
    return ca_answer_certificate(ca, enrolment, cede_span(record.raw, record.raw_len),
                                 is_x509(&record), out, answer);
}

/* The key leaves in the answer, and with it goes the only copy. */
static enum cede_status enrol_with_made_key(struct ca *ca, const struct ca_enrolment *enrolment,
                                            struct cede_buf out, struct ca_answer *answer)
{
    struct ca_made_key made;
    struct ca_checked_request checked;
    struct ca_certificate_record record;
    enum cede_status status = ca_make_key(ca, enrolment, &made, &checked);

    status = check_device(ca, enrolment, status, &checked);
    if (status == CEDE_OK) {
        status = issue_checked(ca, enrolment, &checked, &record, answer);
    }
    if (status == CEDE_OK) {
        status = ca_answer_made_key(ca, enrolment, &made, &record, out, answer);
    }
    cede_wipe(&made, sizeof made);
    return status;
}

enum cede_status ca_enrol(struct ca *ca, const struct ca_enrolment *enrolment, struct cede_buf out,
                          struct ca_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    ca_forget_error();
    switch (enrolment->operation) {
    case CA_CRTS:
        return ca_answer_anchors(ca, enrolment, out, answer);
    case CA_ATT:
        return ca_answer_wishes(ca, enrolment, out, answer);
    case CA_CERTIFICATE:
        return answer_own_certificate(ca, enrolment, out, answer);
    case CA_SKG:
    case CA_SKC:
        return enrol_with_made_key(ca, enrolment, out, answer);
    default:
        return (enrolment->operation == CA_SREN) == enrolment->peer->operational
                   ? enrol_device(ca, enrolment, out, answer)
                   : CEDE_CA_OPERATION;
    }
}
