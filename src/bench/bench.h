/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - how fast cede is, beside what OpenSSL alone would need for the same primitives.
 *
 * Each case has an operation of cede and a floor: the primitive operations inside it (generation of
 * keys, ECDH, signatures, AEAD), made through OpenSSL's own fast interface with contexts and keys
 * kept. Both run in turns, in short slices of the same length, so that whatever else the machine
 * does meets both alike; the medians over the slices count. Time is the processor time of this
 * process: one core.
 *
 * A case whose operation holds no primitive is compared with one ECDSA P-256 verification instead:
 * its ratio is the share of the time of a verification that it takes.
 */
#ifndef CEDE_BENCH_BENCH_H
#define CEDE_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_RESULTS_MAX 16

struct bench_result {
    const char *name;
    double rate;  /* operations per second */
    double floor; /* of the floor */
    double ratio; /* rate / floor; for a share floor / rate, the part of a verification's time */
    bool is_share;
};

/* "crypto", "cbor", "cose", "c509", "edhoc", "oscore". Runs every case for about `seconds`. False:
 * no such group, or an operation failed (a message went to standard error). */
bool bench_run(const char *group, double seconds, struct bench_result results[BENCH_RESULTS_MAX],
               size_t *results_count);

/* --- for the groups ----------------------------------------------------------------------------
 */

/* One operation; false when it failed. */
typedef bool bench_step(void);

struct bench_case {
    const char *name; /* null ends a table */
    bench_step *operation;
    bench_step *floor;
    bool is_share;
};

/* A group prepares its keys and messages once, before the first case. */
struct bench_group {
    const char *name;
    bool (*prepare)(void);
    const struct bench_case *cases;
};

extern const struct bench_group bench_crypto_group;
extern const struct bench_group bench_cbor_group;
extern const struct bench_group bench_cose_group;
extern const struct bench_group bench_c509_group;
extern const struct bench_group bench_edhoc_group;
extern const struct bench_group bench_oscore_group;

#endif
