/* SPDX-License-Identifier: Apache-2.0 */
/* bench_test.c - cede bench: what it prints is well-formed. How fast things are is not tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli/cli.h"

/* Runs a command with its standard output in a file; returns the exit code. */
static int run(FILE *out, const char *const *words)
{
    char memory[8][32];
    char *argv[9] = {0};
    int argc = 0, code, kept;

    for (; words[argc] != NULL; argc++) {
        argv[argc] = strcpy(memory[argc], words[argc]);
    }
    fflush(stdout);
    kept = dup(STDOUT_FILENO);
    assert_true(kept >= 0 && dup2(fileno(out), STDOUT_FILENO) >= 0);
    code = cli_main(argc, argv);
    fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    rewind(out);
    return code;
}

static void expect_result(json_t *result)
{
    const char *name = NULL;
    double rate = 0, floor_rate = 0, ratio = 0;

    assert_int_equal(json_unpack_ex(result, NULL, JSON_STRICT, "{s:s, s:F, s:F, s:F}", "name",
                                    &name, "rate", &rate, "floor", &floor_rate, "ratio", &ratio),
                     0);
    assert_true(strlen(name) > 0);
    assert_true(rate > 0);
    assert_true(floor_rate > 0);
    assert_true(ratio > 0);
}

static void every_group_prints_json(void **state)
{
    static const char *const groups[] = {"crypto", "cbor", "cose", "c509", "edhoc", "oscore"};

    (void)state;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        FILE *out = tmpfile();
        json_t *results, *result;
        size_t index;

        assert_non_null(out);
        assert_int_equal(run(out, (const char *const[]){"cede", "bench", groups[i], "--seconds",
                                                        "0.05", "--json", NULL}),
                         CLI_OK);
        results = json_loadf(out, 0, NULL);
        assert_true(json_is_array(results));
        assert_true(json_array_size(results) >= 2);
        json_array_foreach(results, index, result)
        {
            expect_result(result);
        }
        json_decref(results);
        fclose(out);
    }
}

static void a_table_without_json(void **state)
{
    FILE *out = tmpfile();
    char line[128];
    bool found = false;

    (void)state;
    assert_non_null(out);
    assert_int_equal(
        run(out, (const char *const[]){"cede", "bench", "cose", "--seconds", "0.05", NULL}),
        CLI_OK);
    while (fgets(line, sizeof line, out) != NULL) {
        found = found || strncmp(line, "sign1 verify ", 13) == 0;
    }
    assert_true(found);
    fclose(out);
}

static void bad_words_are_usage_errors(void **state)
{
    static const char *const bad[][6] = {
        {"cede", "bench", "speed", NULL},
        {"cede", "bench", "cbor", "--seconds", "0", NULL},
        {"cede", "bench", "cbor", "--seconds", "nan", NULL},
        {"cede", "bench", "cbor", "--seconds", "1x", NULL},
        {"cede", "bench", "cbor", "more", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FILE *out = tmpfile();

        assert_non_null(out);
        assert_int_equal(run(out, bad[i]), CLI_USAGE);
        fclose(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_group_prints_json),
        cmocka_unit_test(a_table_without_json),
        cmocka_unit_test(bad_words_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
