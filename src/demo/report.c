/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - what the story cost: means over the devices, from the statistics they wrote. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "cede/transfer.h"
#include "demo/demo.h"

/* Adds the numbers of `from` to those of `to`, member by member, nested objects as well. */
static void add_numbers(json_t *to, json_t *from)
{
    const char *name;
    json_t *value;

    json_object_foreach(from, name, value)
    {
        json_t *sum = json_object_get(to, name);

        if (json_is_object(value)) {
            if (sum == NULL) {
                sum = json_object();
                json_object_set_new(to, name, sum);
            }
            add_numbers(sum, value);
        } else if (json_is_integer(value)) {
            json_object_set_new(to, name,
                                json_integer(json_integer_value(sum) + json_integer_value(value)));
        }
    }
}

static void add_device(json_t *sums, json_t *one)
{
    json_int_t files = json_integer_value(json_object_get(sums, "files"));

    add_numbers(sums, one);
    json_object_set_new(sums, "files", json_integer(files + 1));
}

void demo_statistics_read(const char *dir, struct demo_statistics *statistics)
{
    char path[1024];
    struct dirent *entry;
    DIR *folder;

    *statistics = (struct demo_statistics){json_object(), json_object(), json_object()};
    snprintf(path, sizeof path, "%s/stats", dir);
    folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *profile;
        json_t *one;

        snprintf(path, sizeof path, "%.500s/stats/%.255s", dir, entry->d_name);
        one = strstr(entry->d_name, ".json") != NULL ? json_load_file(path, 0, NULL) : NULL;
        if (one != NULL) {
            profile = json_string_value(json_object_get(one, "profile"));
            add_device(statistics->all, one);
            add_device(profile != NULL && strcmp(profile, "x509") == 0 ? statistics->x509
                                                                       : statistics->compact,
                       one);
            json_decref(one);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

void demo_statistics_drop(struct demo_statistics *statistics)
{
    json_decref(statistics->all);
    json_decref(statistics->compact);
    json_decref(statistics->x509);
}

const char *demo_profile_name(enum demo_profile profile)
{
    static const char *const names[] = {"compact", "x509", "mixed"};

    return names[profile];
}

static double mean(const json_t *statistics, const char *name)
{
    json_int_t files = json_integer_value(json_object_get(statistics, "files"));

    return files > 0 ? (double)json_integer_value(json_object_get(statistics, name)) / (double)files
                     : 0;
}

static double state_mean(const json_t *statistics, enum cede_device_state state, const char *name)
{
    const json_t *states = json_object_get(statistics, "states");
    const json_t *one = json_object_get(states, cede_device_state_name(state));
    json_int_t files = json_integer_value(json_object_get(statistics, "files"));

    return files > 0 ? (double)json_integer_value(json_object_get(one, name)) / (double)files : 0;
}

static double state_bytes(const json_t *statistics, enum cede_device_state state)
{
    return state_mean(statistics, state, "bytes_sent") +
           state_mean(statistics, state, "bytes_received");
}

/* From the acknowledgement of the order to the welcome. */
static const enum cede_device_state hand_over_states[] = {
    CEDE_DEVICE_ACCEPTED, CEDE_DEVICE_RESET,   CEDE_DEVICE_ATTESTING,
    CEDE_DEVICE_UPDATING, CEDE_DEVICE_JOINING, CEDE_DEVICE_JOINED,
};

static double hand_over_mean(const json_t *statistics, const char *name)
{
    double sum = 0;

    for (size_t i = 0; i < sizeof hand_over_states / sizeof hand_over_states[0]; i++) {
        sum += state_mean(statistics, hand_over_states[i], name);
    }
    return sum;
}

/* The orders come in an answer to a poll, while the device is still operational. */
static double hand_over_bytes(const json_t *statistics)
{
    return hand_over_mean(statistics, "bytes_sent") + hand_over_mean(statistics, "bytes_received") +
           mean(statistics, "trust_update") + mean(statistics, "transfer_message");
}

static json_t *bytes_of(const json_t *statistics)
{
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f}", "edhoc_1", mean(statistics, "edhoc_message_1"), "edhoc_2",
        mean(statistics, "edhoc_message_2"), "edhoc_3", mean(statistics, "edhoc_message_3"),
        "enrolment_total", state_bytes(statistics, CEDE_DEVICE_ENROLLING), "transfer_message",
        mean(statistics, "transfer_message"), "handover_total", hand_over_bytes(statistics));
}

static void add_profile(json_t *profiles, enum demo_profile profile, const json_t *statistics)
{
    json_object_set_new(profiles, demo_profile_name(profile),
                        json_pack("{s:I, s:o}", "devices",
                                  json_integer_value(json_object_get(statistics, "files")), "bytes",
                                  bytes_of(statistics)));
}

void demo_report_json(const struct demo_result *result, const struct demo_statistics *statistics)
{
    json_t *json = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:f}", "profile",
        demo_profile_name(result->profile), "devices", (json_int_t)result->devices,
        "operational_sp1", (json_int_t)result->operational_sp1, "transferred",
        (json_int_t)result->transferred, "operational_sp2", (json_int_t)result->operational_sp2,
        "fallback", (json_int_t)result->fallback, "lost", (json_int_t)result->lost,
        "old_certs_revoked", (json_int_t)result->old_certs_revoked, "bytes",
        bytes_of(statistics->all), "elapsed_s", result->elapsed_s);

    if (result->profile == DEMO_MIXED) {
        json_t *profiles = json_object();

        add_profile(profiles, DEMO_COMPACT, statistics->compact);
        add_profile(profiles, DEMO_X509, statistics->x509);
        json_object_set_new(json, "profiles", profiles);
    }
    json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(json);
}

static void print_phase(const json_t *statistics, const char *name, enum cede_device_state state)
{
    printf("  %-34s %8.0f %8.0f %8.1f %9.2f\n", name, state_mean(statistics, state, "bytes_sent"),
           state_mean(statistics, state, "bytes_received"),
           state_mean(statistics, state, "round_trips"),
           state_mean(statistics, state, "time_ms") / 1000);
}

static void print_costs(const json_t *statistics, const char *profile)
{
    if (json_integer_value(json_object_get(statistics, "files")) == 0) {
        return;
    }
    printf("\n  per device (means), %-8s           sent received round tr.   seconds\n", profile);
    print_phase(statistics, "enrol at CA1", CEDE_DEVICE_ENROLLING);
    print_phase(statistics, "operate, be told to leave", CEDE_DEVICE_OPERATIONAL);
    print_phase(statistics, "accept", CEDE_DEVICE_ACCEPTED);
    print_phase(statistics, "reset", CEDE_DEVICE_RESET);
    print_phase(statistics, "enrol at CA2", CEDE_DEVICE_JOINING);
    print_phase(statistics, "report to SP2", CEDE_DEVICE_JOINED);
    printf("  enrolment in all %.0f bytes; TransferMessage %.0f; hand-over %.0f",
           state_bytes(statistics, CEDE_DEVICE_ENROLLING), mean(statistics, "transfer_message"),
           hand_over_bytes(statistics));
    if (mean(statistics, "edhoc_message_1") > 0) {
        printf("; EDHOC messages %.0f, %.0f, %.0f", mean(statistics, "edhoc_message_1"),
               mean(statistics, "edhoc_message_2"), mean(statistics, "edhoc_message_3"));
    }
    putchar('\n');
}

void demo_report_text(const struct demo_result *result, const struct demo_statistics *statistics)
{
    printf("\n  %-34s %8zu\n", "devices", result->devices);
    printf("  %-34s %8zu\n", "were operational under SP1", result->operational_sp1);
    printf("  %-34s %8zu\n", "handed over, receipt at SP1", result->transferred);
    printf("  %-34s %8zu\n", "operational under SP2", result->operational_sp2);
    printf("  %-34s %8zu\n", "came back to SP1", result->fallback);
    printf("  %-34s %8zu\n", "lost", result->lost);
    printf("  %-34s %8zu\n", "old certificates revoked at CA1", result->old_certs_revoked);
    print_costs(statistics->compact, demo_profile_name(DEMO_COMPACT));
    print_costs(statistics->x509, demo_profile_name(DEMO_X509));
    printf("\n  provisioning %.1f s, enrolment %.1f s, contract %.1f s, hand-over %.1f s; all "
           "%.1f s\n",
           result->phase_s[0], result->phase_s[1], result->phase_s[2], result->phase_s[3],
           result->elapsed_s);
}

/* --- both profiles side by side --------------------------------------------------------------- */

static const struct {
    const char *name;
    enum cede_device_state state;
} phases[] = {
    {"enrol at CA1", CEDE_DEVICE_ENROLLING}, {"operate, be told to leave", CEDE_DEVICE_OPERATIONAL},
    {"accept", CEDE_DEVICE_ACCEPTED},        {"reset", CEDE_DEVICE_RESET},
    {"enrol at CA2", CEDE_DEVICE_JOINING},   {"report to SP2", CEDE_DEVICE_JOINED},
};
#define PHASE_COUNT (sizeof phases / sizeof phases[0])

static json_t *costs_of(double bytes, double round_trips)
{
    return json_pack("{s:f, s:f}", "bytes", bytes, "round_trips", round_trips);
}

static void add_overhead(json_t *rows, const char *name, json_t *compact, json_t *x509)
{
    json_array_append_new(
        rows, json_pack("{s:s, s:o, s:o}", "phase", name, "compact", compact, "x509", x509));
}

static void overhead_json(const json_t *compact, const json_t *x509)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < PHASE_COUNT; i++) {
        add_overhead(rows, phases[i].name,
                     costs_of(state_bytes(compact, phases[i].state),
                              state_mean(compact, phases[i].state, "round_trips")),
                     costs_of(state_bytes(x509, phases[i].state),
                              state_mean(x509, phases[i].state, "round_trips")));
    }
    add_overhead(rows, "the hand-over in all",
                 costs_of(hand_over_bytes(compact), hand_over_mean(compact, "round_trips")),
                 costs_of(hand_over_bytes(x509), hand_over_mean(x509, "round_trips")));
    json_dumpf(rows, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(rows);
}

static void overhead_row(const char *name, double compact, double compact_trips, double x509,
                         double x509_trips)
{
    printf("  %-28s %10.0f %8.1f %10.0f %8.1f %8.2f\n", name, compact, compact_trips, x509,
           x509_trips, compact > 0 ? x509 / compact : 0);
}

void demo_report_overhead(const struct demo_statistics *statistics, bool json)
{
    const json_t *compact = statistics->compact, *x509 = statistics->x509;

    if (json) {
        overhead_json(compact, x509);
        return;
    }
    printf("\n  UDP payload per device            compact  round tr.     x509  round tr.  "
           "x509/compact\n");
    for (size_t i = 0; i < PHASE_COUNT; i++) {
        overhead_row(phases[i].name, state_bytes(compact, phases[i].state),
                     state_mean(compact, phases[i].state, "round_trips"),
                     state_bytes(x509, phases[i].state),
                     state_mean(x509, phases[i].state, "round_trips"));
    }
    overhead_row("the hand-over in all", hand_over_bytes(compact),
                 hand_over_mean(compact, "round_trips"), hand_over_bytes(x509),
                 hand_over_mean(x509, "round_trips"));
}
