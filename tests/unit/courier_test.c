/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of courier.c: messages wait for their transaction and for their partner, arrive however
 * long it is away, and are closed once. */
#include <time.h>

#include "loopback.h"

#include "server/common/courier.h"

static const struct store_migration steps[] = {
    {"outbox", courier_outbox_sql},
    {"heard", "CREATE TABLE heard (reference TEXT, delivered BIGINT, status BIGINT, body {BLOB})"},
};

struct fixture {
    struct loopback loopback; /* first: find_pinned wants it */
    struct organisation server;
    struct organisation partner;
    struct store *store;
    struct courier_config config;
    struct https_server_config server_config;
    enum cede_status handler_status;
    bool lost; /* resolve does not know the partner */
};

/* --- the partner's server: answers what the path says, notes what it got -------------------------
 */

static void answer_path(void *context, const struct https_request *request,
                        struct https_response *response)
{
    const struct fixture *fixture = context;
    char path[256];
    int status = (int)strtol(request->rest, NULL, 10);
    if (strstr(request->rest, "slow") != NULL) {
        usleep((COURIER_SLOW_MS + 100) * 1000);
    }
    snprintf(path, sizeof path, "%s/got", fixture->loopback.directory);
    FILE *file = fopen(path, "a");
    if (file != NULL) {
        fprintf(file, "%.*s\n", (int)request->body.len, (const char *)request->body.ptr);
        fclose(file);
    }
    https_answer(response, status, "text/plain", CEDE_SPAN_TEXT("thanks"));
}

static const struct https_route routes[] = {{"POST", "/answer/*", NULL, 1000, answer_path}};

static size_t got_lines(const struct fixture *fixture)
{
    char path[256];
    size_t lines = 0;
    snprintf(path, sizeof path, "%s/got", fixture->loopback.directory);
    FILE *file = fopen(path, "r");
    for (int c = 0; file != NULL && (c = fgetc(file)) != EOF;) {
        lines += c == '\n';
    }
    if (file != NULL) {
        fclose(file);
    }
    return lines;
}

/* --- the courier's side
 * --------------------------------------------------------------------------- */

static enum cede_status resolve(void *context, struct store *store, const char *partner,
                                struct courier_partner *out)
{
    const struct fixture *fixture = context;
    struct cede_span der = fixture->server.identity.certificate_der;
    (void)store;
    if (fixture->lost) {
        return CEDE_NOT_FOUND;
    }
    /* Any other partner is one that nobody listens for. */
    unsigned port = strncmp(partner, "server", 6) == 0 ? fixture->loopback.port : 1;
    snprintf(out->url, sizeof out->url, "https://127.0.0.1:%u", port);
    memcpy(out->anchor, der.ptr, der.len);
    out->anchor_len = der.len;
    return CEDE_OK;
}

static enum cede_status hear(void *context, struct store *store, const struct courier_reply *reply)
{
    const struct fixture *fixture = context;
    assert_true(store_in_transaction(store));
    CEDE_TRY(store_run(store, "INSERT INTO heard VALUES ($1, $2, $3, $4)",
                       STORE_PARAMS(store_text(reply->reference), store_int(reply->delivered),
                                    store_int(reply->status), store_blob(reply->body)),
                       NULL));
    return fixture->handler_status;
}

static void open_store(const struct fixture *fixture, struct store **store)
{
    char path[256];
    snprintf(path, sizeof path, "%s/db", fixture->loopback.directory);
    assert_int_equal(store_open(path, store), CEDE_OK);
    assert_int_equal(store_migrate(*store, steps, 2), CEDE_OK);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    signal(SIGPIPE, SIG_IGN);
    loopback_open(&fixture->loopback);
    organisation_make(fixture->loopback.directory, "server", &fixture->server);
    organisation_make(fixture->loopback.directory, "partner", &fixture->partner);
    pin(&fixture->loopback, &fixture->partner);
    open_store(fixture, &fixture->store);
    fixture->config = (struct courier_config){.name = "courier",
                                              .store = fixture->store,
                                              .tls = &fixture->partner.tls,
                                              .resolve = resolve,
                                              .on_reply = hear,
                                              .context = fixture,
                                              .wake_fd = -1,
                                              .stop_fd = -1};
    fixture->server_config = (struct https_server_config){.tls = &fixture->server.tls,
                                                          .routes = routes,
                                                          .routes_count = 1,
                                                          .find_partner = find_pinned,
                                                          .context = fixture};
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    loopback_close(&fixture->loopback);
    organisation_wipe(&fixture->server);
    organisation_wipe(&fixture->partner);
    free(fixture);
    return 0;
}

static void serve(struct fixture *fixture)
{
    store_close(fixture->store); /* no store crosses a fork */
    loopback_serve(&fixture->loopback, &fixture->server_config);
    open_store(fixture, &fixture->store);
    fixture->config.store = fixture->store;
}

static bool queue_to(struct fixture *fixture, const char *partner, const char *reference,
                     const char *path)
{
    struct courier_message message = {
        "receipt", reference, partner, "POST", path, "text/plain", cede_span_string(reference)};
    bool queued = false;
    assert_int_equal(store_begin(fixture->store), CEDE_OK);
    assert_int_equal(courier_queue(fixture->store, &message, &queued), CEDE_OK);
    assert_int_equal(store_commit(fixture->store), CEDE_OK);
    return queued;
}

static bool queue(struct fixture *fixture, const char *reference, const char *path)
{
    return queue_to(fixture, "server", reference, path);
}

static int64_t number(struct fixture *fixture, const char *sql)
{
    int64_t value = -1;
    assert_int_equal(store_get_int(fixture->store, sql, STORE_NO_PARAMS, &value), CEDE_OK);
    return value;
}

static size_t run_once(struct fixture *fixture)
{
    size_t sent = 99;
    assert_int_equal(courier_run_once(&fixture->config, &sent), CEDE_OK);
    return sent;
}

static int64_t waiting(struct fixture *fixture)
{
    int64_t count = -1;
    assert_int_equal(courier_waiting(fixture->store, NULL, &count), CEDE_OK);
    return count;
}

/* --- queueing
 * ------------------------------------------------------------------------------------- */

/* Queueing needs the caller's transaction, goes back with it, and is idempotent. */
static void queueing_belongs_to_a_transaction(void **state)
{
    struct fixture *fixture = *state;
    struct courier_message message = {"receipt",     "1",  "server",      "POST",
                                      "/answer/200", NULL, CEDE_SPAN_NULL};
    bool queued = true;
    assert_int_equal(courier_queue(fixture->store, &message, &queued), CEDE_BAD_ARGUMENT);
    assert_false(queued);
    assert_int_equal(store_begin(fixture->store), CEDE_OK);
    assert_int_equal(courier_queue(fixture->store, &message, &queued), CEDE_OK);
    assert_true(queued);
    store_rollback(fixture->store);
    assert_int_equal(waiting(fixture), 0);
    assert_true(queue(fixture, "1", "/answer/200"));
    assert_false(queue(fixture, "1", "/answer/200"));
    assert_int_equal(waiting(fixture), 1);
    message.path = "no-slash";
    assert_int_equal(store_begin(fixture->store), CEDE_OK);
    assert_int_equal(courier_queue(fixture->store, &message, NULL), CEDE_BAD_ARGUMENT);
    store_rollback(fixture->store);
}

/* --- delivering
 * ----------------------------------------------------------------------------------- */

/* A message arrives; handler and row are closed together, once. */
static void message_is_delivered_once(void **state)
{
    struct fixture *fixture = *state;
    serve(fixture);
    queue(fixture, "r1", "/answer/201");
    assert_int_equal(run_once(fixture), 1);
    assert_int_equal(run_once(fixture), 0);
    assert_int_equal(got_lines(fixture), 1);
    assert_int_equal(number(fixture, "SELECT count(*) FROM heard WHERE reference = 'r1' AND"
                                     " delivered = 1 AND status = 201 AND body = CAST('thanks' AS"
                                     " BLOB)"),
                     1);
    assert_int_equal(number(fixture, "SELECT state FROM outbox"), COURIER_DONE);
    assert_false(queue(fixture, "r1", "/answer/201")); /* still: it has been sent */
}

/* A final refusal is told to the handler, its reason is kept. */
static void refusal_is_final(void **state)
{
    struct fixture *fixture = *state;
    serve(fixture);
    queue(fixture, "bad", "/answer/409");
    queue(fixture, "moved", "/answer/302");
    assert_int_equal(run_once(fixture), 2);
    assert_int_equal(number(fixture, "SELECT count(*) FROM heard WHERE delivered = 0"), 2);
    assert_int_equal(number(fixture, "SELECT count(*) FROM outbox WHERE state = 2 AND last_error"
                                     " LIKE 'HTTP % thanks' AND http_status IN (409, 302)"),
                     2);
    assert_int_equal(waiting(fixture), 0);
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One round, after which every message is due again between `least` and `most` ms later: the rows
 * themselves tell, so nothing here depends on how fast the machine is. */
static void round_delays(struct fixture *fixture, int64_t least, int64_t most)
{
    int64_t before = wall_ms();
    assert_int_equal(run_once(fixture), 0);
    assert_true(number(fixture, "SELECT min(next_at) FROM outbox") >= before + least);
    assert_true(number(fixture, "SELECT max(next_at) FROM outbox") <= wall_ms() + most);
}

/* Overload and server errors are tried again, later and later; the handler hears nothing. */
static void failures_of_the_server_are_retried(void **state)
{
    static const char *const paths[] = {"/answer/500", "/answer/503", "/answer/429", "/answer/408"};
    struct fixture *fixture = *state;
    serve(fixture);
    for (size_t i = 0; i < 4; i++) {
        queue(fixture, paths[i], paths[i]);
    }
    round_delays(fixture, 150, 250);
    assert_int_equal(waiting(fixture), 4);
    assert_int_equal(got_lines(fixture), 4);
    assert_int_equal(
        store_run(fixture->store, "UPDATE outbox SET next_at = 0", STORE_NO_PARAMS, NULL), CEDE_OK);
    round_delays(fixture, 300, 500);
    assert_int_equal(got_lines(fixture), 8);
    assert_int_equal(number(fixture, "SELECT count(*) FROM heard"), 0);
    assert_int_equal(number(fixture, "SELECT min(attempts) FROM outbox"), 2);
}

/* A handler that fails takes everything back; the message is sent again. */
static void failed_handler_takes_all_back(void **state)
{
    struct fixture *fixture = *state;
    serve(fixture);
    queue(fixture, "r1", "/answer/200");
    fixture->handler_status = CEDE_NOT_FOUND;
    assert_int_equal(run_once(fixture), 0);
    assert_int_equal(number(fixture, "SELECT count(*) FROM heard"), 0);
    assert_int_equal(waiting(fixture), 1);
    fixture->handler_status = CEDE_OK;
    assert_int_equal(courier_hurry(fixture->store, "server"), CEDE_OK);
    assert_int_equal(run_once(fixture), 1);
    assert_int_equal(got_lines(fixture), 2);
}

/* A partner that is away holds up its own messages only, with one attempt for all of them. */
static void absent_partner_holds_up_itself_only(void **state)
{
    struct fixture *fixture = *state;
    serve(fixture);
    for (int i = 0; i < 20; i++) {
        char reference[16];
        snprintf(reference, sizeof reference, "away-%d", i);
        queue_to(fixture, "away", reference, "/answer/200");
    }
    queue(fixture, "r1", "/answer/200");
    assert_int_equal(run_once(fixture), 1);
    assert_int_equal(waiting(fixture), 20);
    assert_int_equal(number(fixture, "SELECT sum(attempts) FROM outbox WHERE partner = 'away'"), 1);
    fixture->lost = true; /* nobody knows where: the same */
    queue(fixture, "r2", "/answer/200");
    assert_int_equal(run_once(fixture), 0);
    fixture->lost = false;
    assert_int_equal(courier_hurry(fixture->store, "server"), CEDE_OK);
    assert_int_equal(run_once(fixture), 1);
}

/* One that takes its time, with an answer or with none, waits for the others to have had theirs. */
static void slow_partner_gets_its_share_of_time(void **state)
{
    struct fixture *fixture = *state;
    serve(fixture);
    queue_to(fixture, "server-slow", "s1", "/answer/200-slow");
    assert_int_equal(run_once(fixture), 1);
    queue_to(fixture, "server-slow", "s2", "/answer/503-slow");
    for (int i = 0; i < 5; i++) {
        char reference[16];
        snprintf(reference, sizeof reference, "r%d", i);
        queue(fixture, reference, "/answer/200");
    }
    assert_int_equal(run_once(fixture), 5);
    assert_int_equal(got_lines(fixture), 7);
    char path[256], lines[64] = "";
    snprintf(path, sizeof path, "%s/got", fixture->loopback.directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(lines, 1, sizeof lines - 1, file) > 0);
    fclose(file);
    assert_string_equal(lines, "s1\nr0\nr1\nr2\nr3\nr4\ns2\n");
}

/* A claim is respected by others and taken up by its owner's next life. */
static void claims_are_respected(void **state)
{
    struct fixture *fixture = *state;
    serve(fixture);
    queue(fixture, "r1", "/answer/200");
    assert_int_equal(store_run(fixture->store,
                               "UPDATE outbox SET claimed_by = 'other', next_at = next_at + 50000",
                               STORE_NO_PARAMS, NULL),
                     CEDE_OK);
    assert_int_equal(courier_hurry(fixture->store, "server"), CEDE_OK); /* claimed: not hurried */
    assert_int_equal(run_once(fixture), 0);
    assert_int_equal(got_lines(fixture), 0);
    fixture->config.name = "other";
    assert_int_equal(run_once(fixture), 1);
}

/* --- as processes
 * --------------------------------------------------------------------------------- */

static pid_t start_courier(struct fixture *fixture, const char *name, int *stop_fd)
{
    int stop[2];
    assert_int_equal(pipe(stop), 0);
    store_close(fixture->store); /* no store crosses a fork */
    pid_t child = fork();
    if (child == 0) {
        close(stop[1]);
        open_store(fixture, &fixture->config.store);
        fixture->config.name = name;
        fixture->config.stop_fd = stop[0];
        enum cede_status status = courier_run(&fixture->config);
        store_close(fixture->config.store);
        _exit(status == CEDE_OK ? 0 : 1);
    }
    close(stop[0]);
    open_store(fixture, &fixture->store);
    fixture->config.store = fixture->store;
    *stop_fd = stop[1];
    return child;
}

static void stop_courier(pid_t courier, int stop_fd)
{
    int ended = -1;
    assert_int_equal(write(stop_fd, "x", 1), 1);
    assert_int_equal(waitpid(courier, &ended, 0), courier);
    assert_int_equal(ended, 0);
    close(stop_fd);
}

static bool wait_until_none_waits(struct fixture *fixture, int seconds)
{
    for (int i = 0; i < seconds * 50; i++) {
        if (waiting(fixture) == 0) {
            return true;
        }
        usleep(20000);
    }
    return false;
}

/* The courier goes on until the partner's server appears. */
static void retries_until_server_appears(void **state)
{
    struct fixture *fixture = *state;
    int stop_fd = -1;
    close(fixture->loopback.listening_fd); /* refuses connections from now on */
    queue(fixture, "r1", "/answer/200");
    pid_t courier = start_courier(fixture, "courier", &stop_fd);
    usleep(900000);
    assert_int_equal(waiting(fixture), 1);
    assert_true(number(fixture, "SELECT attempts FROM outbox") >= 2);
    uint16_t port = fixture->loopback.port;
    assert_int_equal(https_listen("0.0.0.0", port, &fixture->loopback.listening_fd, NULL), CEDE_OK);
    serve(fixture);
    assert_true(wait_until_none_waits(fixture, 10));
    stop_courier(courier, stop_fd);
    assert_int_equal(got_lines(fixture), 1);
}

/* Three couriers share an outbox: every message arrives exactly once. */
static void couriers_share_without_doubles(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"one", "two", "three"};
    pid_t couriers[3];
    int stop_fds[3];
    serve(fixture);
    for (int i = 0; i < 60; i++) {
        char reference[16];
        snprintf(reference, sizeof reference, "r%d", i);
        queue(fixture, reference, "/answer/200");
    }
    for (size_t i = 0; i < 3; i++) {
        couriers[i] = start_courier(fixture, names[i], &stop_fds[i]);
    }
    assert_true(wait_until_none_waits(fixture, 30));
    for (size_t i = 0; i < 3; i++) {
        stop_courier(couriers[i], stop_fds[i]);
    }
    assert_int_equal(got_lines(fixture), 60);
    assert_int_equal(number(fixture, "SELECT count(*) FROM heard"), 60);
    assert_int_equal(number(fixture, "SELECT sum(attempts) FROM outbox"), 60);
}

/* A courier killed at any moment loses nothing; its successor finishes. */
static void killed_courier_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    int stop_fd = -1;
    serve(fixture);
    for (int i = 0; i < 40; i++) {
        char reference[16];
        snprintf(reference, sizeof reference, "r%d", i);
        queue(fixture, reference, "/answer/200");
    }
    for (int i = 0; i < 4; i++) {
        pid_t courier = start_courier(fixture, "courier", &stop_fd);
        usleep((useconds_t)(60000 + i * 23000));
        kill(courier, SIGKILL);
        waitpid(courier, NULL, 0);
        close(stop_fd);
    }
    pid_t courier = start_courier(fixture, "courier", &stop_fd);
    assert_true(wait_until_none_waits(fixture, 30));
    stop_courier(courier, stop_fd);
    assert_int_equal(number(fixture, "SELECT count(*) FROM heard"), 40);
    assert_true(got_lines(fixture) >= 40); /* at least once */
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(queueing_belongs_to_a_transaction),
        T(message_is_delivered_once),
        T(refusal_is_final),
        T(failures_of_the_server_are_retried),
        T(failed_handler_takes_all_back),
        T(absent_partner_holds_up_itself_only),
        T(slow_partner_gets_its_share_of_time),
        T(claims_are_respected),
        T(retries_until_server_appears),
        T(couriers_share_without_doubles),
        T(killed_courier_loses_nothing),
    };
    return cmocka_run_group_tests_name("courier", tests, NULL, NULL);
}
