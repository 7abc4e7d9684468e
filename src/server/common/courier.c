/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox and its courier.
 *
 * A message is claimed by pushing its next_at one lease into the future, under the condition that
 * it still lies in the past: of two couriers one changes a row. Nothing has to be cleared after a
 * crash; the claim runs out by itself.
 *
 * Each partner is a lane with a time of its own, before which it is not tried: a partner that is
 * away costs one attempt for all its messages, and lanes take turns, fewer when an exchange takes
 * long. So finding the next message costs one index look-up a partner, however long the outbox is.
 */
#include "server/common/courier.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "server/common/https_client.h"
#include "server/common/log.h"

#define REASON_MAX 256

const char courier_outbox_sql[] =
    "CREATE TABLE outbox_lane ("
    " partner TEXT PRIMARY KEY,"
    " next_at BIGINT NOT NULL," /* ms since 1970: not tried before */
    " tried_at BIGINT NOT NULL,"
    " failures BIGINT NOT NULL);"
    "CREATE TABLE outbox ("
    " id {ID},"
    " kind TEXT NOT NULL,"
    " reference TEXT NOT NULL,"
    " partner TEXT NOT NULL REFERENCES outbox_lane (partner),"
    " method TEXT NOT NULL,"
    " path TEXT NOT NULL,"
    " content_type TEXT,"
    " body {BLOB},"
    " attempts BIGINT NOT NULL,"
    " next_at BIGINT NOT NULL,"
    " claimed_by TEXT,"
    " state BIGINT NOT NULL," /* enum courier_state */
    " http_status BIGINT,"
    " last_error TEXT,"
    " created_at BIGINT NOT NULL,"
    " closed_at BIGINT,"
    " UNIQUE (kind, reference));"
    "CREATE INDEX outbox_due ON outbox (partner, next_at, id) WHERE state = 0;";

struct courier {
    const struct courier_config *config;
    struct store *store;
    struct https_client *client;
};

/* A claimed message; owns its texts. */
struct message {
    int64_t id;
    int64_t attempts; /* this one counted */
    char *kind;
    char *reference;
    char *partner;
    char *method;
    char *path;
    char *content_type;
    uint8_t *body;
    size_t body_len;
    bool has_body;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- queueing ----------------------------------------------------------------------------------
 */

static bool complete(const struct courier_message *message)
{
    return message->kind != NULL && message->reference != NULL && message->partner != NULL &&
           message->method != NULL && message->path != NULL && message->path[0] == '/';
}

enum cede_status courier_queue(struct store *store, const struct courier_message *message,
                               bool *queued)
{
    int64_t now = now_ms();
    int64_t changed = 0;
    if (queued != NULL) {
        *queued = false;
    }
    if (!complete(message) || !store_in_transaction(store)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(store_run(store,
                       "INSERT INTO outbox_lane (partner, next_at, tried_at, failures)"
                       " VALUES ($1, 0, 0, 0) ON CONFLICT (partner) DO NOTHING",
                       STORE_PARAMS(store_text(message->partner)), NULL));
    CEDE_TRY(store_run(
        store,
        "INSERT INTO outbox (kind, reference, partner, method, path, content_type, body, attempts,"
        " next_at, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, 0, $9)"
        " ON CONFLICT (kind, reference) DO NOTHING",
        STORE_PARAMS(store_text(message->kind), store_text(message->reference),
                     store_text(message->partner), store_text(message->method),
                     store_text(message->path), store_text(message->content_type),
                     store_blob(message->body), store_int(now), store_int(now)),
        &changed));
    if (queued != NULL) {
        *queued = changed == 1;
    }
    return CEDE_OK;
}

enum cede_status courier_waiting(struct store *store, const char *partner, int64_t *count)
{
    if (partner == NULL) {
        return store_get_int(store, "SELECT count(*) FROM outbox WHERE state = 0", STORE_NO_PARAMS,
                             count);
    }
    return store_get_int(store, "SELECT count(*) FROM outbox WHERE state = 0 AND partner = $1",
                         STORE_PARAMS(store_text(partner)), count);
}

enum cede_status courier_hurry(struct store *store, const char *partner)
{
    CEDE_TRY(store_run(store, "UPDATE outbox_lane SET next_at = 0, failures = 0 WHERE partner = $1",
                       STORE_PARAMS(store_text(partner)), NULL));
    /* Not those being sent: their claim must hold. */
    return store_run(store,
                     "UPDATE outbox SET next_at = $2"
                     " WHERE partner = $1 AND state = 0 AND claimed_by IS NULL AND next_at > $2",
                     STORE_PARAMS(store_text(partner), store_int(now_ms())), NULL);
}

/* --- delays ------------------------------------------------------------------------------------
 */

/* Doubles from RETRY_FIRST to RETRY_MAX; jitter of plus or minus a quarter keeps couriers that
 * failed together from coming back together. */
static int64_t retry_delay(int64_t failures)
{
    int64_t delay = COURIER_RETRY_FIRST_MS;
    uint16_t random = 0;
    for (int64_t i = 1; i < failures && delay < COURIER_RETRY_MAX_MS; i++) {
        delay *= 2;
    }
    if (delay > COURIER_RETRY_MAX_MS) {
        delay = COURIER_RETRY_MAX_MS;
    }
    (void)!RAND_bytes((uint8_t *)&random, sizeof random);
    return delay * 3 / 4 + delay / 2 * random / UINT16_MAX;
}

/* --- claiming ----------------------------------------------------------------------------------
 */

static void message_wipe(struct message *message)
{
    free(message->kind);
    free(message->reference);
    free(message->partner);
    free(message->method);
    free(message->path);
    free(message->content_type);
    free(message->body);
    memset(message, 0, sizeof *message);
}

static char *copy_text(const struct store_row *row, size_t column)
{
    const char *text = store_column_text(row, column);
    return text == NULL ? NULL : strdup(text);
}

static enum cede_status on_message(void *context, const struct store_row *row)
{
    struct message *message = context;
    struct cede_span body = store_column_blob(row, 8);
    message->id = store_column_int(row, 0);
    message->attempts = store_column_int(row, 1);
    message->kind = copy_text(row, 2);
    message->reference = copy_text(row, 3);
    message->partner = copy_text(row, 4);
    message->method = copy_text(row, 5);
    message->path = copy_text(row, 6);
    message->content_type = copy_text(row, 7);
    message->has_body = body.ptr != NULL;
    message->body = malloc(body.len + 1);
    if (message->kind == NULL || message->reference == NULL || message->partner == NULL ||
        message->method == NULL || message->path == NULL || message->body == NULL) {
        return CEDE_SERVER_FAILED;
    }
    if (body.len > 0) {
        memcpy(message->body, body.ptr, body.len);
    }
    message->body_len = body.len;
    return CEDE_OK;
}

/* The first due message of the lane that has waited longest. Reads only, so polling is cheap. */
static enum cede_status find_due(struct store *store, int64_t now, int64_t *id)
{
    return store_get_int(store,
                         "SELECT due.id FROM (SELECT lane.tried_at AS tried_at,"
                         " (SELECT o.id FROM outbox o WHERE o.partner = lane.partner"
                         "  AND o.state = 0 AND o.next_at <= $1 ORDER BY o.next_at, o.id LIMIT 1)"
                         "  AS id"
                         " FROM outbox_lane lane WHERE lane.next_at <= $1) AS due"
                         " WHERE due.id IS NOT NULL ORDER BY due.tried_at LIMIT 1",
                         STORE_PARAMS(store_int(now)), id);
}

/* CEDE_NOT_FOUND: nothing is due, or another courier was faster. */
static enum cede_status claim(struct courier *courier, struct message *message)
{
    struct store *store = courier->store;
    int64_t now = now_ms();
    int64_t id = 0;
    CEDE_TRY(find_due(store, now, &id));
    CEDE_TRY(store_begin(store));
    enum cede_status status =
        store_get(store,
                  "UPDATE outbox SET attempts = attempts + 1, next_at = $3, claimed_by = $4"
                  " WHERE id = $1 AND state = 0 AND next_at <= $2"
                  " RETURNING id, attempts, kind, reference, partner, method, path, content_type,"
                  " body",
                  STORE_PARAMS(store_int(id), store_int(now), store_int(now + COURIER_LEASE_MS),
                               store_text(courier->config->name)),
                  on_message, message);
    if (status == CEDE_OK) {
        status = store_run(store, "UPDATE outbox_lane SET tried_at = $2 WHERE partner = $1",
                           STORE_PARAMS(store_text(message->partner), store_int(now)), NULL);
    }
    if (status == CEDE_OK) {
        status = store_commit(store);
    }
    if (status != CEDE_OK) {
        store_rollback(store);
        message_wipe(message);
    }
    return status;
}

/* What this courier was sending when it was killed is due again. */
static enum cede_status take_up_old_claims(struct courier *courier)
{
    return store_run(courier->store,
                     "UPDATE outbox SET next_at = $2, claimed_by = NULL"
                     " WHERE claimed_by = $1 AND state = 0",
                     STORE_PARAMS(store_text(courier->config->name), store_int(now_ms())), NULL);
}

/* --- closing and postponing --------------------------------------------------------------------
 */

/* Inside a transaction: the row is ours only while the claim is. */
static enum cede_status close_row(struct courier *courier, const struct message *message,
                                  enum courier_state state, int http_status, const char *reason)
{
    int64_t changed = 0;
    CEDE_TRY(store_run(courier->store,
                       "UPDATE outbox SET state = $2, http_status = $3, last_error = $4,"
                       " closed_at = $5, claimed_by = NULL"
                       " WHERE id = $1 AND state = 0 AND claimed_by = $6",
                       STORE_PARAMS(store_int(message->id), store_int(state),
                                    store_int(http_status), store_text(reason), store_int(now_ms()),
                                    store_text(courier->config->name)),
                       &changed));
    CEDE_TRY(store_run(courier->store,
                       "UPDATE outbox_lane SET failures = 0, next_at = 0"
                       " WHERE partner = $1 AND failures > 0",
                       STORE_PARAMS(store_text(message->partner)), NULL));
    return changed == 1 ? CEDE_OK : CEDE_NOT_FOUND;
}

static enum cede_status tell(struct courier *courier, const struct message *message,
                             const struct https_client_answer *answer, bool delivered)
{
    struct courier_reply reply = {message->kind,  message->reference,   message->partner, delivered,
                                  answer->status, answer->content_type, answer->body};
    return courier->config->on_reply(courier->config->context, courier->store, &reply);
}

/* Handler and row in one transaction; on failure neither has happened. */
static enum cede_status close_message(struct courier *courier, const struct message *message,
                                      const struct https_client_answer *answer, bool delivered,
                                      const char *reason)
{
    enum courier_state state = delivered ? COURIER_DONE : COURIER_REFUSED;
    CEDE_TRY(store_begin(courier->store));
    enum cede_status status = close_row(courier, message, state, answer->status, reason);
    if (status == CEDE_OK) {
        status = tell(courier, message, answer, delivered);
    }
    if (status == CEDE_OK) {
        return store_commit(courier->store);
    }
    store_rollback(courier->store);
    return status;
}

static enum cede_status postpone(struct courier *courier, const struct message *message,
                                 int http_status, const char *reason)
{
    return store_run(courier->store,
                     "UPDATE outbox SET next_at = $2, http_status = $3, last_error = $4,"
                     " claimed_by = NULL WHERE id = $1 AND state = 0 AND claimed_by = $5",
                     STORE_PARAMS(store_int(message->id),
                                  store_int(now_ms() + retry_delay(message->attempts)),
                                  http_status == 0 ? store_null() : store_int(http_status),
                                  store_text(reason), store_text(courier->config->name)),
                     NULL);
}

static enum cede_status on_failures(void *context, const struct store_row *row)
{
    *(int64_t *)context = store_column_int(row, 0);
    return CEDE_OK;
}

/* The partner is away: the message is due at once when its lane opens again. */
static enum cede_status postpone_lane(struct courier *courier, const struct message *message,
                                      const char *reason)
{
    struct store *store = courier->store;
    int64_t failures = 0;
    CEDE_TRY(store_begin(store));
    enum cede_status status = store_get(
        store,
        "UPDATE outbox_lane SET failures = failures + 1 WHERE partner = $1 RETURNING failures",
        STORE_PARAMS(store_text(message->partner)), on_failures, &failures);
    int64_t until = now_ms() + retry_delay(failures);
    if (status == CEDE_OK) {
        status = store_run(store, "UPDATE outbox_lane SET next_at = $2 WHERE partner = $1",
                           STORE_PARAMS(store_text(message->partner), store_int(until)), NULL);
    }
    if (status == CEDE_OK) {
        status = store_run(store,
                           "UPDATE outbox SET next_at = $2, last_error = $3, claimed_by = NULL"
                           " WHERE id = $1 AND state = 0 AND claimed_by = $4",
                           STORE_PARAMS(store_int(message->id), store_int(until),
                                        store_text(reason), store_text(courier->config->name)),
                           NULL);
    }
    if (status == CEDE_OK) {
        return store_commit(store);
    }
    store_rollback(store);
    return status;
}

/* --- delivering --------------------------------------------------------------------------------
 */

static enum cede_status send_message(struct courier *courier, const struct message *message,
                                     struct https_client_answer *answer, char reason[REASON_MAX])
{
    struct courier_partner partner = {0};
    char url[COURIER_URL_MAX * 4];
    enum cede_status status = courier->config->resolve(courier->config->context, courier->store,
                                                       message->partner, &partner);
    memset(answer, 0, sizeof *answer);
    if (status != CEDE_OK) {
        snprintf(reason, REASON_MAX, "where is the partner? %s", cede_status_reason(status));
        return status;
    }
    int len = snprintf(url, sizeof url, "%s%s", partner.url, message->path);
    if (len < 0 || (size_t)len >= sizeof url) {
        snprintf(reason, REASON_MAX, "the URL is too long");
        return CEDE_HTTPS_URL;
    }
    struct https_client_request request = {
        .method = message->method,
        .url = url,
        .anchor = cede_span(partner.anchor, partner.anchor_len),
        .content_type = message->content_type,
        .body = message->has_body ? cede_span(message->body, message->body_len) : CEDE_SPAN_NULL,
    };
    status = https_client_ask(courier->client, &request, answer);
    snprintf(reason, REASON_MAX, "%s", https_client_error(courier->client));
    return status;
}

/* Another attempt may help: the server failed (5xx), is busy (429) or lost patience (408). */
static bool worth_retrying(int http_status)
{
    return http_status >= 500 || http_status == 429 || http_status == 408;
}

/* An error body's first bytes tell the operator more than its number. */
static void describe(const struct https_client_answer *answer, char reason[REASON_MAX])
{
    int len = answer->body.len > 160 ? 160 : (int)answer->body.len;
    snprintf(reason, REASON_MAX, "HTTP %d %.*s", answer->status, len,
             (const char *)answer->body.ptr);
    for (char *at = reason; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e) {
            *at = '?'; /* it is going into a text column, which is UTF-8 */
        }
    }
}

static enum cede_status settle(struct courier *courier, const struct message *message,
                               const struct https_client_answer *answer, bool *closed)
{
    char reason[REASON_MAX];
    bool delivered = answer->status >= 200 && answer->status < 300;
    describe(answer, reason);
    if (!delivered) {
        log_warning("courier: %s %s to %s: %s", message->kind, message->reference, message->partner,
                    reason);
    }
    if (worth_retrying(answer->status)) {
        return postpone(courier, message, answer->status, reason);
    }
    enum cede_status status =
        close_message(courier, message, answer, delivered, delivered ? NULL : reason);
    if (status == CEDE_OK) {
        *closed = true;
        return CEDE_OK;
    }
    if (cede_status_class(status) == CEDE_CLASS_BACKEND) {
        return status;
    }
    snprintf(reason, sizeof reason, "reply handler: %s", cede_status_reason(status));
    log_error("courier: %s %s to %s: %s", message->kind, message->reference, message->partner,
              reason);
    return postpone(courier, message, answer->status, reason);
}

/* A lane that has taken long counts as tried in the future: those of others come first until then.
 * When there are none, it is served at once. */
static enum cede_status charge_lane(struct courier *courier, const struct message *message,
                                    int64_t began)
{
    int64_t now = now_ms();
    int64_t took = now - began;
    if (took < COURIER_SLOW_MS) {
        return CEDE_OK;
    }
    if (took > COURIER_TIMEOUT_MS) {
        took = COURIER_TIMEOUT_MS; /* the clock was set */
    }
    return store_run(
        courier->store, "UPDATE outbox_lane SET tried_at = $2 WHERE partner = $1",
        STORE_PARAMS(store_text(message->partner), store_int(now + COURIER_SLOW_TIMES * took)),
        NULL);
}

static enum cede_status deliver(struct courier *courier, const struct message *message,
                                bool *closed)
{
    struct https_client_answer answer;
    char reason[REASON_MAX];
    int64_t began = now_ms();
    enum cede_status status = send_message(courier, message, &answer, reason);
    if (status == CEDE_OK) {
        status = settle(courier, message, &answer, closed);
    } else {
        log_warning("courier: %s %s to %s waits: %s", message->kind, message->reference,
                    message->partner, reason);
        status = postpone_lane(courier, message, reason);
    }
    return status == CEDE_OK ? charge_lane(courier, message, began) : status;
}

static bool told_to_stop(const struct courier_config *config)
{
    struct pollfd stop = {.fd = config->stop_fd, .events = POLLIN};
    return config->stop_fd >= 0 && poll(&stop, 1, 0) > 0;
}

static enum cede_status deliver_due(struct courier *courier, size_t *sent)
{
    enum cede_status status = CEDE_OK;
    while (status == CEDE_OK && !told_to_stop(courier->config)) {
        struct message message = {0};
        bool closed = false;
        status = claim(courier, &message);
        if (status == CEDE_OK) {
            status = deliver(courier, &message, &closed);
        }
        *sent += closed;
        message_wipe(&message);
    }
    return status == CEDE_NOT_FOUND ? CEDE_OK : status;
}

/* --- the process -------------------------------------------------------------------------------
 */

static enum cede_status courier_open(const struct courier_config *config, struct courier *courier)
{
    struct https_client_config client = {.tls = config->tls,
                                         .timeout_ms = COURIER_TIMEOUT_MS,
                                         .check = config->check,
                                         .check_context = config->context};
    courier->config = config;
    courier->store = config->store;
    courier->client = NULL;
    CEDE_TRY(https_client_new(&client, &courier->client));
    enum cede_status status = take_up_old_claims(courier);
    if (status != CEDE_OK) {
        https_client_free(courier->client);
    }
    return status;
}

/* Until something may be due, or it is time to end. */
static void rest(const struct courier_config *config)
{
    struct pollfd waits[2] = {{.fd = config->wake_fd, .events = POLLIN},
                              {.fd = config->stop_fd, .events = POLLIN}}; /* -1 is ignored */
    uint8_t drained[64];
    if (poll(waits, 2, COURIER_POLL_MS) > 0 && (waits[0].revents & POLLIN)) {
        (void)!read(config->wake_fd, drained, sizeof drained);
    }
}

enum cede_status courier_run_once(const struct courier_config *config, size_t *sent)
{
    struct courier courier;
    size_t count = 0;
    CEDE_TRY(courier_open(config, &courier));
    enum cede_status status = deliver_due(&courier, &count);
    https_client_free(courier.client);
    if (sent != NULL) {
        *sent = count;
    }
    return status;
}

enum cede_status courier_run(const struct courier_config *config)
{
    struct courier courier;
    size_t sent = 0;
    CEDE_TRY(courier_open(config, &courier));
    enum cede_status status = CEDE_OK;
    while (status == CEDE_OK && !told_to_stop(config)) {
        status = deliver_due(&courier, &sent);
        if (status == CEDE_STORE_BUSY) {
            status = CEDE_OK; /* a long migration or backup */
        }
        if (status == CEDE_OK) {
            rest(config);
        }
    }
    if (status != CEDE_OK) {
        log_error("courier: %s: %s", cede_status_reason(status), store_error(config->store));
    }
    https_client_free(courier.client);
    return status;
}
