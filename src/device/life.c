/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.c - which state follows which, when the next attempt is due, and the caller's loop.
 *
 * Every transition is one commit of the record (rule R1); the table says which there are, which of
 * them leave secrets behind that must be scrubbed from the flash (R2, R14), and across which a
 * session to the same server with the same credential goes on.
 */
#include <string.h>

#include "device/device_internal.h"

#define HOMING_ATTEMPTS       8 /* then the provider is asked anew */
#define ACCEPTED_ATTEMPTS     3 /* a lost acknowledgement costs nothing */
#define BAD_ANSWERS           3
#define FRUITLESS_FALLBACKS   3 /* then the next provider is tried once more */
#define PATIENCE_ATTEMPTS     20
#define PATIENCE_HOURS        72
#define PATIENCE_COMMIT_EVERY 8
#define PATIENCE_ATTEMPTS_MAX 1000
#define PATIENCE_HOURS_MAX    (366u * 24)
#define COME_BACK_MAX_S       (30u * 24 * 3600)
#define STALL_MAX_S           3600               /* in a hand-over without a clock */
#define ROUND_PAUSE_MAX_MS    (6u * 3600 * 1000) /* a round of fallbacks writes to the flash */

/* --- the tables ------------------------------------------------------------------------------- */

struct transition {
    enum cede_device_state from, to;
    bool scrub;
    bool keep_session;
    const char *event;
};

static const struct transition transitions[] = {
    {CEDE_DEVICE_FACTORY, CEDE_DEVICE_ENROLLING, false, false, "key made"},
    {CEDE_DEVICE_ENROLLING, CEDE_DEVICE_OPERATIONAL, false, false, "certificate"},
    {CEDE_DEVICE_OPERATIONAL, CEDE_DEVICE_OPERATIONAL, true, true, "trust update, renewal"},
    {CEDE_DEVICE_OPERATIONAL, CEDE_DEVICE_ACCEPTED, false, true, "order (R3)"},
    {CEDE_DEVICE_ACCEPTED, CEDE_DEVICE_RESET, true, false, "acknowledged, or given up (R2)"},
    {CEDE_DEVICE_RESET, CEDE_DEVICE_UPDATING, false, false, "update first"},
    {CEDE_DEVICE_RESET, CEDE_DEVICE_JOINING, false, false, "new key made"},
    {CEDE_DEVICE_ATTESTING, CEDE_DEVICE_JOINING, false, false, "new key made"},
    {CEDE_DEVICE_UPDATING, CEDE_DEVICE_JOINING, false, false, "updated, new key made"},
    {CEDE_DEVICE_UPDATING, CEDE_DEVICE_FALLBACK, true, false, "refused or too late (R8)"},
    {CEDE_DEVICE_JOINING, CEDE_DEVICE_JOINED, false, false, "certificate"},
    {CEDE_DEVICE_JOINING, CEDE_DEVICE_FALLBACK, true, false, "refused or too late (R8)"},
    {CEDE_DEVICE_JOINED, CEDE_DEVICE_OPERATIONAL, true, true, "welcome (R14)"},
    {CEDE_DEVICE_JOINED, CEDE_DEVICE_FALLBACK, true, false, "refused or too late (R8)"},
    {CEDE_DEVICE_FALLBACK, CEDE_DEVICE_FALLBACK, false, true, "trust update"},
    {CEDE_DEVICE_FALLBACK, CEDE_DEVICE_ACCEPTED, true, true, "order (R3)"},
    {CEDE_DEVICE_FALLBACK, CEDE_DEVICE_HOMING, true, false, "come home, new key made"},
    {CEDE_DEVICE_FALLBACK, CEDE_DEVICE_JOINING, false, false, "no help: try the other side"},
    {CEDE_DEVICE_FALLBACK, CEDE_DEVICE_JOINED, false, false, "no help: try the other side"},
    {CEDE_DEVICE_HOMING, CEDE_DEVICE_OPERATIONAL, true, false, "certificate"},
    {CEDE_DEVICE_HOMING, CEDE_DEVICE_FALLBACK, true, false, "refused, or no success"},
};

struct state_rules {
    void (*begin)(struct cede_device *device);
    void (*plan)(struct cede_device *device, struct plan *plan);
    /* One of the two takes the answer. */
    void (*enrolled)(struct cede_device *device, uint8_t code, struct cede_span body);
    void (*answered)(struct cede_device *device, const struct cede_answer *answer);
};

static const struct state_rules states[CEDE_DEVICE_STATE_COUNT] = {
    [CEDE_DEVICE_FACTORY] = {factory_begin, NULL, NULL, NULL},
    [CEDE_DEVICE_ENROLLING] = {enrolment_begin, enrolment_plan, enrolment_answered, NULL},
    [CEDE_DEVICE_OPERATIONAL] = {report_begin, report_plan, NULL, operational_answered},
    [CEDE_DEVICE_ACCEPTED] = {report_begin, report_plan, NULL, accepted_answered},
    [CEDE_DEVICE_RESET] = {reset_begin, NULL, NULL, NULL},
    /* This device attests nothing, so it never enters the state; a record that says so goes on. */
    [CEDE_DEVICE_ATTESTING] = {reset_begin, NULL, NULL, NULL},
    [CEDE_DEVICE_UPDATING] = {report_begin, report_plan, NULL, updating_answered},
    [CEDE_DEVICE_JOINING] = {enrolment_begin, enrolment_plan, enrolment_answered, NULL},
    [CEDE_DEVICE_JOINED] = {report_begin, report_plan, NULL, joined_answered},
    [CEDE_DEVICE_FALLBACK] = {report_begin, report_plan, NULL, fallback_answered},
    [CEDE_DEVICE_HOMING] = {enrolment_begin, enrolment_plan, enrolment_answered, NULL},
};

static const struct transition *find_transition(enum cede_device_state from,
                                                enum cede_device_state to)
{
    for (size_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++) {
        if (transitions[i].from == from && transitions[i].to == to) {
            return &transitions[i];
        }
    }
    return NULL;
}

static void put_string(struct cede_writer *writer, const char *string)
{
    cede_write_bytes(writer, cede_span_string(string));
}

enum cede_status cede_device_diagram(struct cede_buf out, struct cede_span *text)
{
    struct cede_writer writer = cede_writer(out);

    put_string(&writer, "digraph device {\n");
    for (size_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++) {
        put_string(&writer, "    ");
        put_string(&writer, cede_device_state_name(transitions[i].from));
        put_string(&writer, " -> ");
        put_string(&writer, cede_device_state_name(transitions[i].to));
        put_string(&writer, " [label=\"");
        put_string(&writer, transitions[i].event);
        put_string(&writer, "\"];\n");
    }
    put_string(&writer, "}\n");
    return cede_writer_finish(&writer, text);
}

/* --- time ------------------------------------------------------------------------------------- */

/* A clock that runs before its controller's certificate was made has lost the time. */
bool device_clock(const struct cede_device *device, uint64_t *now)
{
    *now = 0;
    if (device->config.wall_clock != NULL) {
        *now = device->config.wall_clock(device->config.clock_context);
    }
    if (*now < device->clock_floor) {
        *now = 0;
    }
    return *now != 0;
}

static bool is_handing_over(enum cede_device_state state)
{
    return state == CEDE_DEVICE_UPDATING || state == CEDE_DEVICE_JOINING ||
           state == CEDE_DEVICE_JOINED;
}

/* A delay does not jump over the end of the window by much. */
static uint64_t limit_to_window(const struct cede_device *device, uint64_t delay_ms)
{
    struct cede_transfer order;
    uint64_t now, left_ms;

    if (!is_handing_over(device->record.state) || !device_clock(device, &now) ||
        orders_present(device, &order) != CEDE_OK || now > order.not_after ||
        order.not_after - now > delay_ms / 1000) {
        return delay_ms;
    }
    left_ms = (order.not_after - now + 1) * 1000;
    return left_ms < delay_ms ? left_ms : delay_ms;
}

/* A request that was repeated already gets no more time than the window has: whoever is silent then
 * counts as silent. The one more try of a device in fallback (it has a reason) is not limited. */
static bool attempt_is_too_late(const struct cede_device *device)
{
    bool opening = device->exchange_state == CEDE_DEVICE_WAIT_CHANNEL;
    bool repeats =
        opening ? device->now_ms >= device->channel_patience_ms : device->coap.retransmit_count > 0;
    struct cede_transfer order;
    uint64_t now;

    return is_handing_over(device->record.state) && device->record.reason == 0 && repeats &&
           device_clock(device, &now) && orders_present(device, &order) == CEDE_OK &&
           now > order.not_after;
}

/* A part of at most `range_ms`, so that a fleet does not move in step. */
static uint64_t jitter(struct cede_device *device, uint64_t range_ms)
{
    uint8_t bytes[4] = {0};
    uint32_t number = 0;

    if (device->config.crypto->random(device->config.crypto->context, CEDE_BUF_ARRAY(bytes)) !=
        CEDE_OK) {
        return range_ms / 2;
    }
    memcpy(&number, bytes, sizeof number);
    return number % (range_ms + 1);
}

void life_retry(struct cede_device *device, enum cede_status reason)
{
    uint64_t delay_ms = device->record.retry_ms;
    uint64_t max_ms = device->record.retry_max_ms;

    for (uint32_t i = 1; i < device->failures && delay_ms < max_ms; i++) {
        delay_ms *= 2;
    }
    if (delay_ms > max_ms || cede_status_class(reason) == CEDE_CLASS_POLICY) {
        delay_ms = max_ms; /* whoever says no will hardly say yes in a second */
    }
    delay_ms = delay_ms - delay_ms / 4 + jitter(device, delay_ms / 2);
    device->resume_at_ms = device->now_ms + 1 + limit_to_window(device, delay_ms);
}

/* Not sooner than after a failure, whatever the server says; and where only attempts end a
 * hand-over, not so late that there are none. */
void life_wait(struct cede_device *device, uint64_t seconds)
{
    uint64_t delay_ms, now;
    bool stalls = is_handing_over(device->record.state) && !device_clock(device, &now);
    uint64_t max_s = stalls ? STALL_MAX_S : COME_BACK_MAX_S;

    delay_ms = (seconds < max_s ? seconds : max_s) * 1000;
    if (delay_ms < device->record.retry_ms) {
        delay_ms = device->record.retry_ms;
    }
    delay_ms += jitter(device, delay_ms / 10);
    device->resume_at_ms = device->now_ms + limit_to_window(device, delay_ms);
}

/* Who falls back again and again, because one server sends it on and the next one refuses, pauses
 * longer and longer before it asks once more. */
static void pause_between_rounds(struct cede_device *device)
{
    uint64_t delay_ms = device->record.retry_max_ms;

    device->rounds++;
    if (device->rounds == 1) {
        return;
    }
    for (uint32_t i = 2; i < device->rounds && delay_ms < ROUND_PAUSE_MAX_MS; i++) {
        delay_ms *= 2;
    }
    if (delay_ms > ROUND_PAUSE_MAX_MS) {
        delay_ms = ROUND_PAUSE_MAX_MS;
    }
    device->resume_at_ms = device->now_ms + delay_ms - delay_ms / 4 + jitter(device, delay_ms / 2);
}

/* --- transitions ------------------------------------------------------------------------------ */

void device_halt(struct cede_device *device, enum cede_status status)
{
    session_drop(device);
    device->halted = status;
}

static void start_state(struct cede_device *device, bool keep_session)
{
    if (!keep_session) {
        session_drop(device);
        device->by_value = false;
        device->want_value = false;
    }
    device->failures = 0;
    device->bad_answers = 0;
    device->fetching_anchors = false;
    device->want_certs_only = false;
    device->renewing = false;
    device->resume_at_ms = device->now_ms;
    device->uptime_saved_ms = device->now_ms;
    if (device->record.state == CEDE_DEVICE_OPERATIONAL) {
        device->rounds = 0;
    }
}

static void leave_state(struct cede_device *device)
{
    device->stats.states[device->record.state].time_ms += device->now_ms - device->entered_at_ms;
    device->entered_at_ms = device->now_ms;
}

bool life_enter(struct cede_device *device, const struct cede_device_record *next)
{
    const struct transition *transition = find_transition(device->record.state, next->state);
    bool changes = device->record.state != next->state;
    enum cede_status status = transition != NULL ? CEDE_OK : CEDE_INTERNAL;

    if (changes) {
        leave_state(device);
    }
    if (status == CEDE_OK) {
        status = record_commit(device, next);
    }
    if (status == CEDE_OK && transition->scrub) {
        status = record_scrub(device);
    }
    if (status != CEDE_OK) {
        device_halt(device, status);
        return false;
    }
    if (changes) {
        device->stats.states[next->state].entered++;
        start_state(device, transition->keep_session);
    }
    return true;
}

/* What joining made stays for now, unused: SP2 may have taken the device over without its knowing,
 * and when SP1 is gone, too, the other side is tried again (docs/decisions/fallback-keys.md). */
void life_fall_back(struct cede_device *device, enum cede_status reason)
{
    struct cede_device_record next = device->record;

    next.state = CEDE_DEVICE_FALLBACK;
    next.reason = (uint64_t)reason;
    if (device->record.state == CEDE_DEVICE_HOMING) {
        next.pending_key = CEDE_SPAN_NULL;
        next.home_uri = CEDE_SPAN_NULL;
    }
    if (life_enter(device, &next)) {
        device->fruitless = 0;
        pause_between_rounds(device);
    }
}

/* --- failures --------------------------------------------------------------------------------- */

static uint64_t at_most(uint64_t number, uint64_t limit)
{
    return number < limit ? number : limit;
}

static void count_uptime(struct cede_device *device)
{
    uint64_t passed_s = (device->now_ms - device->uptime_saved_ms) / 1000;

    device->record.uptime_s += passed_s;
    device->uptime_saved_ms += passed_s * 1000;
}

/* Without a clock patience is counted. Kept in memory, and in the journal now and then: at first
 * after each start, or a device whose power never lasts would count in vain. */
static bool patience_is_over(struct cede_device *device, const struct cede_transfer *order)
{
    uint64_t attempts =
        order->has_patience ? at_most(order->attempts, PATIENCE_ATTEMPTS_MAX) : PATIENCE_ATTEMPTS;
    uint64_t hours =
        order->has_patience ? at_most(order->hours, PATIENCE_HOURS_MAX) : PATIENCE_HOURS;
    struct cede_device_record *record = &device->record;

    record->attempts++;
    if (!device->patience_saved || record->attempts % PATIENCE_COMMIT_EVERY == 0) {
        struct cede_device_record next = *record;
        enum cede_status status = record_commit(device, &next);
        if (status != CEDE_OK) {
            device_halt(device, status);
            return false;
        }
        device->patience_saved = true;
    }
    return record->attempts >= attempts && record->uptime_s / 3600 >= hours;
}

/* Is there no time left under the order? Whatever the clock says, it is over when the device has
 * been up for longer than the window is. */
static bool window_is_over(struct cede_device *device, const struct cede_transfer *order,
                           enum cede_status *reason)
{
    uint64_t now;

    count_uptime(device);
    if (!device_clock(device, &now)) {
        *reason = CEDE_DEVICE_PATIENCE;
        return patience_is_over(device, order);
    }
    *reason = CEDE_DEVICE_TOO_LATE;
    return now > order->not_after || device->record.uptime_s > order->not_after - order->not_before;
}

/* R8: nothing an outsider can do to one attempt ends a hand-over before its time. */
static void hand_over_failed(struct cede_device *device, enum cede_status reason)
{
    struct cede_transfer order;
    enum cede_status status = orders_present(device, &order);
    enum cede_status over;

    if (status != CEDE_OK) {
        device_halt(device, status);
    } else if (device->record.reason != 0) { /* the one more try of a device in fallback */
        life_fall_back(device, (enum cede_status)device->record.reason);
    } else if (window_is_over(device, &order, &over)) {
        life_fall_back(device, over);
    } else if (device->halted == CEDE_OK) {
        life_retry(device, reason);
    }
}

/* "Come back later" is no failure, but it does not make the window longer. */
void life_stalled(struct cede_device *device, uint64_t seconds)
{
    struct cede_transfer order;
    enum cede_status over, status = orders_present(device, &order);

    if (status != CEDE_OK) {
        device_halt(device, status);
    } else if (window_is_over(device, &order, &over)) {
        life_fall_back(device, over);
    } else if (device->halted == CEDE_OK) {
        life_wait(device, seconds);
    }
}

static void fallback_failed(struct cede_device *device, enum cede_status reason)
{
    device->fruitless++;
    if (device->fruitless >= FRUITLESS_FALLBACKS && device->record.order.ptr != NULL) {
        joining_enter(device);
    }
    if (device->halted == CEDE_OK) {
        life_retry(device, reason);
    }
}

void device_failed(struct cede_device *device, enum cede_status reason)
{
    device->failures++;
    device->stats.failures++;
    device->fetching_anchors = device->fetching_certificate = false;
    if (device->renewing) {
        session_drop(device); /* it was the CA's: reports go to another server */
    }
    device->renewing = false;
    if (is_handing_over(device->record.state)) {
        hand_over_failed(device, reason);
    } else if (device->record.state == CEDE_DEVICE_FALLBACK) {
        fallback_failed(device, reason);
    } else if (device->record.state == CEDE_DEVICE_HOMING && device->failures >= HOMING_ATTEMPTS) {
        life_fall_back(device, reason);
    } else if (device->record.state == CEDE_DEVICE_ACCEPTED &&
               device->failures >= ACCEPTED_ATTEMPTS) {
        accepted_give_up(device);
    } else {
        life_retry(device, reason);
    }
}

void life_refused(struct cede_device *device, enum cede_status reason)
{
    enum cede_device_state state = device->record.state;

    session_drop(device);
    if (is_handing_over(state) && device->record.reason == 0) {
        life_fall_back(device, reason);
    } else if (state == CEDE_DEVICE_HOMING) {
        life_fall_back(device, reason);
    } else if (state == CEDE_DEVICE_ACCEPTED) {
        accepted_give_up(device);
    } else {
        device_failed(device, reason);
    }
}

/* Authentic, but of no use: a server out of order, until it repeats itself. */
static void bad_answer(struct cede_device *device, enum cede_status reason)
{
    device->bad_answers++;
    if (device->bad_answers >= BAD_ANSWERS) {
        device->bad_answers = 0;
        life_refused(device, reason);
    } else {
        device_failed(device, reason);
    }
}

/* Codes that mean no, not later: 4.01 is a matter of the session, 4.08 and 4.13 of blocks, 4.29 of
 * load. */
static bool is_refusal(uint8_t code)
{
    return CEDE_COAP_CODE_CLASS(code) == 4 && code != CEDE_COAP_UNAUTHORIZED &&
           code != CEDE_COAP_REQUEST_INCOMPLETE && code != CEDE_COAP_REQUEST_TOO_LARGE &&
           code != CEDE_COAP_TOO_MANY_REQUESTS;
}

void device_answered(struct cede_device *device, uint8_t code, struct cede_span body)
{
    const struct state_rules *rules = &states[device->record.state];
    struct cede_answer answer;
    enum cede_status status;

    if (rules->enrolled != NULL || device->renewing) {
        enrolment_answered(device, code, body);
        return;
    }
    if (is_refusal(code)) {
        life_refused(device, CEDE_DEVICE_REFUSED);
        return;
    }
    if (code != CEDE_COAP_CHANGED) {
        session_drop(device);
        device_failed(device, CEDE_DEVICE_ANSWER);
        return;
    }
    status = cede_answer_decode(body, &answer);
    if (status != CEDE_OK) {
        bad_answer(device, status);
        return;
    }
    device->failures = 0;
    rules->answered(device, &answer);
}

void life_unusable(struct cede_device *device, uint8_t code, enum cede_status reason)
{
    if (is_refusal(code)) {
        life_refused(device, CEDE_DEVICE_REFUSED);
    } else if (CEDE_COAP_CODE_CLASS(code) == 2) {
        bad_answer(device, reason);
    } else {
        session_drop(device);
        device_failed(device, reason);
    }
}

enum cede_status device_plan(struct cede_device *device, struct plan *plan)
{
    const struct state_rules *rules = &states[device->record.state];

    memset(plan, 0, sizeof *plan);
    if (rules->plan == NULL) {
        return CEDE_INTERNAL;
    }
    if (device->renewing) {
        enrolment_plan(device, plan);
    } else {
        rules->plan(device, plan);
    }
    return CEDE_OK;
}

/* --- the caller's loop ------------------------------------------------------------------------ */

static void put_destination(struct cede_device *device, struct cede_device_action *action)
{
    struct cede_coap_uri uri;
    struct plan plan;

    if (device_plan(device, &plan) == CEDE_OK && cede_coap_uri_split(plan.uri, &uri) == CEDE_OK) {
        action->host = uri.host;
        action->port = uri.port;
    }
}

/* What goes through a channel is counted by the platform, as it leaves. */
static struct cede_device_action send_action(struct cede_device *device, struct cede_span datagram)
{
    struct cede_device_action action = {
        .todo = CEDE_DEVICE_SEND, .datagram = datagram, .secure = device->has_channel};
    struct cede_device_cost *cost = &device->stats.states[device->record.state];

    put_destination(device, &action);
    if (!action.secure) {
        cost->bytes_sent += (uint32_t)datagram.len;
        cost->datagrams_sent++;
    }
    return action;
}

static struct cede_device_action open_action(struct cede_device *device)
{
    struct cede_device_action action = {.todo = CEDE_DEVICE_OPEN};

    channel_take_open(device, &action);
    put_destination(device, &action);
    return action;
}

static struct cede_device_action close_action(struct cede_device *device)
{
    struct cede_device_action action = {.todo = CEDE_DEVICE_CLOSE};

    device->to_close = false;
    return action;
}

static struct cede_device_action wait_action(uint64_t until_ms)
{
    struct cede_device_action action = {.todo = CEDE_DEVICE_WAIT, .until_ms = until_ms};

    return action;
}

static struct cede_device_action halt_action(enum cede_status reason)
{
    struct cede_device_action action = {.todo = CEDE_DEVICE_HALT, .reason = reason};

    return action;
}

/* What lies ready; false: nothing does. A channel is closed first: nothing more belongs to it. */
static bool take_ready(struct cede_device *device, struct cede_device_action *action)
{
    if (device->to_close) {
        *action = close_action(device);
    } else if (device->to_open) {
        *action = open_action(device);
    } else if (device->ack_len > 0) {
        *action = send_action(device, cede_span(device->ack, device->ack_len));
        device->ack_len = 0;
    } else if (device->to_send) {
        *action = send_action(device, cede_span(device->datagram, device->datagram_len));
        device->to_send = false;
    } else {
        return false;
    }
    return true;
}

/* When the present exchange has to be looked at. */
static uint64_t exchange_deadline(const struct cede_device *device)
{
    if (device->exchange_state != CEDE_DEVICE_WAIT_CHANNEL) {
        return device->coap.deadline_ms;
    }
    return device->now_ms < device->channel_patience_ms ? device->channel_patience_ms
                                                        : device->channel_deadline_ms;
}

struct cede_device_action cede_device_next(struct cede_device *device, uint64_t now_ms)
{
    struct cede_device_action action;

    device->now_ms = now_ms;
    for (;;) {
        if (device->halted != CEDE_OK) {
            return halt_action(device->halted);
        }
        if (take_ready(device, &action)) {
            return action;
        }
        if (device->exchange_state == CEDE_DEVICE_IDLE) {
            if (now_ms < device->resume_at_ms) {
                return wait_action(device->resume_at_ms);
            }
            states[device->record.state].begin(device);
        } else if (attempt_is_too_late(device)) {
            session_drop(device);
            device_failed(device, CEDE_DEVICE_TOO_LATE);
        } else if (now_ms < exchange_deadline(device)) {
            return wait_action(now_ms +
                               limit_to_window(device, exchange_deadline(device) - now_ms));
        } else if (device->exchange_state == CEDE_DEVICE_WAIT_CHANNEL) {
            session_fail(device, device->channel_reason);
        } else {
            session_timeout(device);
        }
    }
}

void cede_device_receive(struct cede_device *device, struct cede_span datagram, uint64_t now_ms)
{
    struct cede_device_cost *cost = &device->stats.states[device->record.state];

    device->now_ms = now_ms;
    if (device->halted != CEDE_OK || device->exchange_state == CEDE_DEVICE_IDLE ||
        device->exchange_state == CEDE_DEVICE_WAIT_CHANNEL || device->has_channel) {
        return;
    }
    cost->bytes_received += (uint32_t)datagram.len;
    cost->datagrams_received++;
    session_receive(device, datagram);
}

void cede_device_wake(struct cede_device *device, uint64_t now_ms)
{
    if (device->exchange_state == CEDE_DEVICE_IDLE) {
        device->resume_at_ms = now_ms;
    }
}

static enum cede_status load(struct cede_device *device)
{
    struct cede_span payload;
    uint8_t bytes[2];

    CEDE_TRY(cede_journal_load(&device->journal, device->config.flash, device->config.crypto,
                               CEDE_BUF_ARRAY(device->image[0]), &payload));
    CEDE_TRY(record_decode(payload, &device->record));
    record_set_clock_floor(device);
    /* Power may have failed between a commit and its scrub. */
    CEDE_TRY(record_scrub(device));
    CEDE_TRY(device->config.crypto->random(device->config.crypto->context, CEDE_BUF_ARRAY(bytes)));
    device->message_id = (uint16_t)(bytes[0] << 8 | bytes[1]);
    return CEDE_OK;
}

enum cede_status cede_device_load(struct cede_device *device,
                                  const struct cede_device_config *config, uint64_t now_ms)
{
    memset(device, 0, sizeof *device);
    device->config = *config;
    device->now_ms = now_ms;
    device->loaded_at_ms = now_ms;
    device->entered_at_ms = now_ms;
    device->resume_at_ms = now_ms;
    device->uptime_saved_ms = now_ms;
    device->halted = load(device);
    return device->halted;
}

void cede_device_wipe(struct cede_device *device)
{
    cede_wipe(device, sizeof *device);
    device->halted = CEDE_BAD_ARGUMENT;
}

void cede_device_statistics(const struct cede_device *device, uint64_t now_ms,
                            struct cede_device_stats *stats)
{
    *stats = device->stats;
    stats->states[device->record.state].time_ms += now_ms - device->entered_at_ms;
}
