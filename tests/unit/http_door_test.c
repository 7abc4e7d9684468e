/* SPDX-License-Identifier: Apache-2.0 */
/* http_door_test.c - the plain HTTP door, visited over sockets of the loop's own process. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cede/posix.h"
#include "server/common/http_door.h"
#include "server/common/https_server.h"

#define OK(expression_) assert_int_equal((expression_), CEDE_OK)

#define LONG_LEN (16u << 20) /* more than sockets hold */

struct fixture {
    struct event_base *base;
    struct http_door *door;
    int listening_fd;
    uint16_t port;
    unsigned handled;
};

static void handle(void *context, const struct http_door_request *request,
                   struct http_door_response *response)
{
    struct fixture *f = context;
    uint8_t *bytes = malloc(5);

    f->handled++;
    if (strcmp(request->path, "/long") == 0) {
        free(bytes);
        response->status = 200;
        response->content_type = "text/plain";
        response->blob = http_blob_new(calloc(LONG_LEN, 1), LONG_LEN);
        return;
    }
    if (bytes == NULL || strcmp(request->path, "/list") != 0) {
        free(bytes);
        return;
    }
    memcpy(bytes, "hello", 5);
    response->status = 200;
    response->content_type = "text/plain";
    response->blob = http_blob_new(bytes, 5);
}

static int open_with(void **state, unsigned request_timeout_s, unsigned max_connections)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct http_door_config config = {handle, f, 100, request_timeout_s, max_connections};

    signal(SIGPIPE, SIG_IGN); /* as the supervisor has it */
    f->base = event_base_new();
    OK(https_listen("127.0.0.1", 0, &f->listening_fd, &f->port));
    OK(http_door_open(f->base, f->listening_fd, &config, &f->door));
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return open_with(state, 1, 0);
}

static int setup_narrow(void **state)
{
    return open_with(state, 30, 64);
}

static int setup_narrow_and_hasty(void **state)
{
    return open_with(state, 1, 8);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    http_door_close(f->door);
    event_base_free(f->base);
    close(f->listening_fd);
    free(f);
    return 0;
}

static int connect_to(const struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void run(struct fixture *f, uint64_t ms)
{
    uint64_t end = cede_monotonic_ms() + ms;

    while (cede_monotonic_ms() < end) {
        (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
        usleep(1000);
    }
}

static bool is_closed(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno != EAGAIN);
}

static size_t hear(struct fixture *f, int fd, char *text, size_t cap)
{
    size_t len = 0;

    for (int i = 0; i < 300 && (len < 5 || memcmp(text + len - 5, "hello", 5) != 0); i++) {
        ssize_t got = recv(fd, text + len, cap - 1 - len, MSG_DONTWAIT);

        len += got > 0 ? (size_t)got : 0;
        run(f, 2);
    }
    text[len] = '\0';
    return len;
}

static void a_visitor_is_served_again_and_again(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    int fd = connect_to(f);

    for (unsigned i = 1; i <= 3; i++) {
        say(fd, "GET /list HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(hear(f, fd, text, sizeof text) > 0);
        assert_non_null(strstr(text, "200 OK"));
        assert_int_equal(f->handled, i);
        run(f, 600); /* in all longer than one request may take */
    }
    assert_false(is_closed(fd));
    close(fd);
    run(f, 50);
}

static void what_is_not_there_or_too_long_is_refused(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    int fd = connect_to(f);

    say(fd, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
    (void)hear(f, fd, text, sizeof text);
    assert_non_null(strstr(text, " 404 "));
    close(fd);
    fd = connect_to(f);
    say(fd, "POST /list HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n");
    (void)hear(f, fd, text, sizeof text);
    assert_non_null(strstr(text, " 413 "));
    assert_int_equal(f->handled, 1);
    close(fd);
}

/* An attacker with many of these would have all descriptors. */
static void bytes_that_drip_in_do_not_keep_a_connection(void **state)
{
    static const char request[] = "GET /list HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct fixture *f = *state;
    int fds[8];
    unsigned closed = 0;

    for (size_t i = 0; i < 8; i++) {
        fds[i] = connect_to(f);
    }
    for (size_t at = 0; at < sizeof request - 1 && closed < 8; at++) {
        closed = 0;
        for (size_t i = 0; i < 8; i++) {
            (void)!send(fds[i], request + at, 1, MSG_NOSIGNAL);
            closed += is_closed(fds[i]) ? 1 : 0;
        }
        run(f, 100);
    }
    assert_int_equal(closed, 8);
    assert_int_equal(f->handled, 0);
    for (size_t i = 0; i < 8; i++) {
        close(fds[i]);
    }
}

/* One stranger with many connections must not keep everybody from the lists. */
static void who_asks_for_nothing_makes_room(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    int silent[200], fd = -1;

    for (size_t i = 0; i < 100; i++) {
        silent[i] = connect_to(f);
        run(f, 1);
    }
    fd = connect_to(f);
    say(fd, "GET /list HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t i = 100; i < 200; i++) {
        silent[i] = connect_to(f);
        run(f, 1);
    }
    assert_true(hear(f, fd, text, sizeof text) > 0);
    assert_non_null(strstr(text, "200 OK"));
    assert_false(is_closed(silent[199]));
    assert_true(is_closed(silent[0]));
    close(fd);
    for (size_t i = 0; i < 200; i++) {
        close(silent[i]);
    }
    run(f, 50);
}

/* Nor one with many long answers that he does not take. */
static void who_is_slow_to_take_an_answer_makes_room(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    int slow[7], fd = -1;

    for (size_t i = 0; i < 7; i++) {
        slow[i] = connect_to(f);
        say(slow[i], "GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
        run(f, 20);
    }
    run(f, 1100);
    fd = connect_to(f);
    run(f, 300); /* he is far away */
    say(fd, "GET /list HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(hear(f, fd, text, sizeof text) > 0);
    assert_non_null(strstr(text, "200 OK"));
    close(fd);
    for (size_t i = 0; i < 7; i++) {
        close(slow[i]);
    }
    run(f, 50);
}

/* What is open when the door closes is closed with it. */
static void the_door_closes_behind_everybody(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    int served = connect_to(f), silent = connect_to(f);

    say(served, "GET /list HTTP/1.1\r\nHost: a\r\n\r\n");
    (void)hear(f, served, text, sizeof text);
    http_door_close(f->door);
    f->door = NULL;
    run(f, 20);
    assert_true(is_closed(served));
    assert_true(is_closed(silent));
    close(served);
    close(silent);
}

#define with_door(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_door(a_visitor_is_served_again_and_again),
        with_door(what_is_not_there_or_too_long_is_refused),
        with_door(bytes_that_drip_in_do_not_keep_a_connection),
        cmocka_unit_test_setup_teardown(who_asks_for_nothing_makes_room, setup_narrow, teardown),
        cmocka_unit_test_setup_teardown(who_is_slow_to_take_an_answer_makes_room,
                                        setup_narrow_and_hasty, teardown),
        with_door(the_door_closes_behind_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
