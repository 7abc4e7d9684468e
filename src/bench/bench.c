/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - slices of operation and floor in turns, and their medians. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICE_S    0.005 /* shorter than a scheduler's turn, long against the clock's resolution */
#define SLICES_MIN 3
#define SLICES_MAX 4096

static const struct bench_group *const groups[] = {
    &bench_crypto_group, &bench_cbor_group,  &bench_cose_group,
    &bench_c509_group,   &bench_edhoc_group, &bench_oscore_group,
};

static const struct bench_group *find_group(const char *name)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (strcmp(groups[i]->name, name) == 0) {
            return groups[i];
        }
    }
    return NULL;
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Seconds that `count` steps took; negative when one failed. */
static double time_steps(bench_step *step, unsigned long count)
{
    double start = now_s();

    for (unsigned long i = 0; i < count; i++) {
        if (!step()) {
            return -1;
        }
    }
    return now_s() - start;
}

/* How many steps fill a slice; it also warms caches up. 0: a step failed. */
static unsigned long count_for_slice(bench_step *step, double slice_s)
{
    unsigned long count = 1;
    double took = time_steps(step, count);

    while (took >= 0 && took < slice_s / 2) {
        count *= 2;
        took = time_steps(step, count);
    }
    if (took < 0) {
        return 0;
    }
    count = (unsigned long)((double)count * slice_s / took);
    return count > 0 ? count : 1;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], ascending);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static bool run_case(const struct bench_case *one, double seconds, struct bench_result *result)
{
    static double rates[SLICES_MAX], floors[SLICES_MAX];
    double slice_s = seconds < 2 * SLICES_MIN * SLICE_S ? seconds / (2 * SLICES_MIN) : SLICE_S;
    unsigned long count = count_for_slice(one->operation, slice_s);
    unsigned long floor_count = count_for_slice(one->floor, slice_s);
    double end = now_s() + seconds;
    size_t slices = 0;

    if (count == 0 || floor_count == 0) {
        return false;
    }
    while (slices < SLICES_MIN || (slices < SLICES_MAX && now_s() < end)) {
        double took = time_steps(one->operation, count);
        double floor_took = time_steps(one->floor, floor_count);

        if (took <= 0 || floor_took <= 0) {
            return false;
        }
        rates[slices] = (double)count / took;
        floors[slices++] = (double)floor_count / floor_took;
    }
    *result = (struct bench_result){.name = one->name,
                                    .rate = median(rates, slices),
                                    .floor = median(floors, slices),
                                    .is_share = one->is_share};
    result->ratio = one->is_share ? result->floor / result->rate : result->rate / result->floor;
    return true;
}

bool bench_run(const char *group_name, double seconds,
               struct bench_result results[BENCH_RESULTS_MAX], size_t *results_count)
{
    const struct bench_group *group = find_group(group_name);

    *results_count = 0;
    if (group == NULL || !group->prepare()) {
        fprintf(stderr, "cede: bench %s: cannot be prepared\n", group_name);
        return false;
    }
    for (const struct bench_case *one = group->cases; one->name != NULL; one++) {
        if (*results_count == BENCH_RESULTS_MAX ||
            !run_case(one, seconds, &results[*results_count])) {
            fprintf(stderr, "cede: bench %s: '%s' failed\n", group_name, one->name);
            return false;
        }
        ++*results_count;
    }
    return true;
}
