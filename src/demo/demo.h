/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo.h - the whole story on one machine: permanent CA, CA1, CA2, SP1, SP2 and a fleet, every
 * actor a process of its own, every message on a real socket. What an operator would type is what
 * the demonstration runs; it then only watches the stores and the devices' statistics.
 */
#ifndef CEDE_DEMO_DEMO_H
#define CEDE_DEMO_DEMO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How devices speak: EDHOC and OSCORE with C509, DTLS with X.509, or half the fleet each. */
enum demo_profile { DEMO_COMPACT, DEMO_X509, DEMO_MIXED };

struct demo_options {
    size_t devices;
    enum demo_profile profile;
    char hierarchy; /* 'a'..'d': how CA1 and CA2 stand to the permanent CA (docs/tour.md) */
    unsigned workers;
    const char *dir; /* where all state stays; null: a temporary folder, removed at the end */
    bool json;
    bool overhead; /* instead of the result: what each profile costs, phase by phase */
};

/* Exit status: 0 when every device moved, 1 otherwise. */
int demo_run(const struct demo_options *options);

/* --- the report -------------------------------------------------------------------------------
 */

/* What the fleet looks like at the end. */
struct demo_result {
    enum demo_profile profile;
    size_t devices;
    size_t operational_sp1; /* were operational under SP1 before the hand-over */
    size_t transferred;     /* SP1 has SP2's receipt for */
    size_t operational_sp2; /* operational under SP2 at the end */
    size_t fallback;        /* came back to SP1, or are on their way */
    size_t lost;            /* operational under nobody */
    size_t old_certs_revoked;
    double elapsed_s;
    double phase_s[4]; /* provisioning, enrolment at CA1, contract, hand-over */
};

/* What the devices of each profile cost, and all of them together. */
struct demo_statistics {
    json_t *all, *compact, *x509;
};

/* Reads the statistics that the devices wrote (DIR/stats/ID.json) and sums them up. */
void demo_statistics_read(const char *dir, struct demo_statistics *statistics);
void demo_statistics_drop(struct demo_statistics *statistics);
const char *demo_profile_name(enum demo_profile profile);
/* One JSON object, or the tables for people. */
void demo_report_json(const struct demo_result *result, const struct demo_statistics *statistics);
void demo_report_text(const struct demo_result *result, const struct demo_statistics *statistics);
/* UDP payload bytes and round trips per device and phase, both profiles side by side: a table, or
 * an array of {"phase", "compact": {"bytes", "round_trips"}, "x509": {...}}. */
void demo_report_overhead(const struct demo_statistics *statistics, bool json);

#endif
