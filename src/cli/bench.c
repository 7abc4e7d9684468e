/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - cede bench ...: rates beside OpenSSL's own for the same primitives. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/enrol.h"
#include "bench/revoke.h"
#include "cli/cli.h"
#include "demo/demo.h"

#define SECONDS_MAX 3600.0

static bool parse_seconds(const char *text, double *seconds)
{
    char *end = NULL;

    *seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*seconds) || *seconds <= 0 ||
        *seconds > SECONDS_MAX) {
        cli_fail("--seconds wants a number above 0 and up to %.0f, not '%s'", SECONDS_MAX, text);
        return false;
    }
    return true;
}

/* The names are ours: nothing in them needs an escape. */
static void print_json(const struct bench_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("%s{\"name\":\"%s\",\"rate\":%.1f,\"floor\":%.1f,\"ratio\":%.6f}",
               i == 0 ? "[" : ",\n ", results[i].name, results[i].rate, results[i].floor,
               results[i].ratio);
    }
    puts("]");
}

static void print_table(const struct bench_result *results, size_t count)
{
    printf("%-34s %12s %12s  %s\n", "", "rate/s", "floor/s", "ratio");
    for (size_t i = 0; i < count; i++) {
        const struct bench_result *result = &results[i];

        printf("%-34s %12.0f %12.0f  ", result->name, result->rate, result->floor);
        if (result->is_share) {
            printf("%.2f %% of a verification\n", 100 * result->ratio);
        } else {
            printf("%.3f\n", result->ratio);
        }
    }
}

static int run_bench(int argc, char **argv)
{
    const char *group = argv[0];
    const char *seconds_text = "2";
    const char *json = NULL;
    const struct cli_option options[] = {
        {"seconds", "S", "time for each line", false, &seconds_text},
        {"json", NULL, "an array of name, rate, floor, ratio", false, &json},
        {NULL, NULL, NULL, false, NULL},
    };
    struct bench_result results[BENCH_RESULTS_MAX];
    size_t count = 0;
    double seconds = 0;
    int positional = 0;
    int parsed =
        cli_options(argc, argv, "bench GROUP [--seconds S] [--json]", options, 0, &positional);

    if (parsed != CLI_OK) {
        return parsed < 0 ? CLI_OK : parsed;
    }
    if (!parse_seconds(seconds_text, &seconds)) {
        return CLI_USAGE;
    }
    if (!bench_run(group, seconds, results, &count)) {
        return CLI_FAILED;
    }
    if (json != NULL) {
        print_json(results, count);
    } else {
        print_table(results, count);
    }
    return CLI_OK;
}

/* --- enrolments ------------------------------------------------------------------------------- */

#define FLEET_MIN 2800
#define FLEET_MAX 100000

static const struct enrol_door *const doors[] = {&enrol_https_door, &enrol_dtls_door,
                                                 &enrol_oscore_door};

static int run_enrol(int argc, char **argv)
{
    const char *name = NULL;
    const char *fleet_text = "7000";
    const char *json = NULL;
    const struct cli_option options[] = {
        {"door", "DOOR", "https, dtls or oscore; all when left out", false, &name},
        {"devices", "N", "how many enrol", false, &fleet_text},
        {"json", NULL, "an array of name, rate, floor, ratio", false, &json},
        {NULL, NULL, NULL, false, NULL},
    };
    struct bench_result results[BENCH_RESULTS_MAX];
    size_t count = 0;
    long fleet = 0;
    int positional = 0;
    int parsed = cli_options(argc, argv, "bench enrol [--door DOOR] [--devices N] [--json]",
                             options, 0, &positional);

    if (parsed != CLI_OK) {
        return parsed < 0 ? CLI_OK : parsed;
    }
    if (!cli_number("devices", fleet_text, FLEET_MIN, FLEET_MAX, &fleet)) {
        return CLI_USAGE;
    }
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        if ((name == NULL || strcmp(name, doors[i]->name) == 0) &&
            !enrol_bench(doors[i], (unsigned)fleet, results, &count)) {
            return CLI_FAILED;
        }
    }
    if (count == 0) {
        cli_fail("--door is https, dtls or oscore, not '%s'", name);
        return CLI_USAGE;
    }
    if (json != NULL) {
        print_json(results, count);
    } else {
        print_table(results, count);
        printf("floor: the primitives alone; with a fresh handshake the handshake as well,\n"
               "       with 'an exchange' what a question costs on that connection as well\n");
    }
    return CLI_OK;
}

static int run_bench_revoke(int argc, char **argv)
{
    const char *certificates = "1000000";
    const char *json = NULL;
    const struct cli_option options[] = {
        {"certificates", "N", "how many the CA has issued (1000000)", false, &certificates},
        {"json", NULL, "an array of name, rate, floor, ratio", false, &json},
        {NULL, NULL, NULL, false, NULL},
    };
    struct bench_result results[BENCH_RESULTS_MAX];
    size_t count = 0;
    long number = 0;
    int positional = 0;
    int parsed = cli_options(argc, argv, "bench revoke [--certificates N] [--json]", options, 0,
                             &positional);

    if (parsed != CLI_OK) {
        return parsed < 0 ? CLI_OK : parsed;
    }
    if (!cli_number("certificates", certificates, 1000, 100000000, &number)) {
        return CLI_USAGE;
    }
    if (!bench_revoke((size_t)number, results, &count)) {
        return CLI_FAILED;
    }
    if (json != NULL) {
        print_json(results, count);
    } else {
        print_table(results, count);
    }
    return CLI_OK;
}

/* --- what devices pay ------------------------------------------------------------------------- */

static int run_overhead(int argc, char **argv)
{
    const char *devices = "6";
    const char *json = NULL;
    const struct cli_option options[] = {
        {"devices", "N", "half of them of each profile", false, &devices},
        {"json", NULL, "an array, an object a phase", false, &json},
        {NULL, NULL, NULL, false, NULL},
    };
    struct demo_options demo = {
        .profile = DEMO_MIXED, .hierarchy = 'a', .workers = 1, .overhead = true};
    long count = 0;
    int positional = 0;
    int parsed =
        cli_options(argc, argv, "bench overhead [--devices N] [--json]", options, 0, &positional);

    if (parsed != CLI_OK) {
        return parsed < 0 ? CLI_OK : parsed;
    }
    if (!cli_number("devices", devices, 2, 2000, &count)) {
        return CLI_USAGE;
    }
    demo.devices = (size_t)count;
    demo.json = json != NULL;
    return demo_run(&demo) == 0 ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_bench_commands[] = {
    {"bench", "crypto", "the crypto port against OpenSSL", run_bench},
    {"bench", "cbor", "messages of a hand-over", run_bench},
    {"bench", "cose", "COSE_Sign1", run_bench},
    {"bench", "c509", "certificates of devices", run_bench},
    {"bench", "edhoc", "handshakes, both sides", run_bench},
    {"bench", "oscore", "requests and responses", run_bench},
    {"bench", "overhead", "bytes of a hand-over in both profiles", run_overhead},
    {"bench", "enrol", "durable enrolments through a CA's doors", run_enrol},
    {"bench", "revoke", "one revocation among many certificates", run_bench_revoke},
    {NULL, NULL, NULL, NULL},
};
