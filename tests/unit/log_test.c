/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of log.c: what strangers choose stays one line of plain text, and few lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/common/log.h"

/* What log_warning() writes for a name, without its line end. */
static void written_for(const char *name, char line[1024])
{
    int kept = dup(STDERR_FILENO);
    int ends[2];
    ssize_t len = 0;

    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    log_warning("refused '%s'", name);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    close(ends[1]);
    len = read(ends[0], line, 1023);
    close(ends[0]);
    assert_true(len > 1);
    assert_int_equal(line[len - 1], '\n');
    line[len - 1] = '\0';
}

static const struct {
    const char *name, *shown;
} names[] = {
    {"d00001", "refused 'd00001'"},
    {"two\nlines", "refused 'two\\u000alines'"},
    {"\x1b[2J", "refused '\\u001b[2J'"}, /* clears a terminal */
    {"\x9b"
     "2J",
     "refused '\\u009b2J'"},                  /* the same in eight bits */
    {"\xc2\x9b", "refused '\\u00c2\\u009b'"}, /* and as UTF-8 */
    {"\xc3", "refused '\\u00c3'"},            /* no UTF-8 */
    {"\x7f", "refused '\\u007f'"},
};

static void a_name_stays_one_line_of_text(void **state)
{
    char line[1024];

    (void)state;
    log_set_json(false);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        written_for(names[i].name, line);
        assert_non_null(strstr(line, names[i].shown));
        assert_null(strchr(line, '\n'));
    }
}

static void json_stays_json(void **state)
{
    static const char *const nasty[] = {"\"}\n{\"", "\\", "\xff\xfe", "\xc3", "\x1b"};
    char line[1024];

    (void)state;
    log_set_json(true);
    for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++) {
        json_t *json = NULL;

        written_for(nasty[i], line);
        json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        assert_int_equal(json_object_size(json), 5);
        json_decref(json);
    }
    log_set_json(false);
}

/* `count` refusals into a pipe: how many lines come, and the first of them. */
static size_t refusals_written(unsigned count, char first[1024])
{
    static char text[65536];
    int kept = dup(STDERR_FILENO);
    int ends[2];
    ssize_t len = 0;
    size_t lines = 0;

    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    for (unsigned i = 0; i < count; i++) {
        log_stranger("refused %u", i);
    }
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    close(ends[1]);
    len = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    text[len > 0 ? len : 0] = '\0';
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    snprintf(first, 1024, "%.*s", (int)strcspn(text, "\n"), text);
    return lines;
}

static void strangers_do_not_fill_the_disk(void **state)
{
    const struct timespec a_while = {0, (LOG_STRANGERS_MS + 50) * 1000000};
    char first[1024];

    (void)state;
    assert_in_range(refusals_written(LOG_STRANGERS + 1000, first), LOG_STRANGERS,
                    LOG_STRANGERS + 2);
    assert_non_null(strstr(first, "info refused 0"));
    nanosleep(&a_while, NULL);
    assert_true(refusals_written(1, first) >= 1);
    assert_non_null(strstr(first, "refusals before the next one are not in this log"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_stays_one_line_of_text),
        cmocka_unit_test(json_stays_json),
        cmocka_unit_test(strangers_do_not_fill_the_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
