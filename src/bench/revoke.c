/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoke.c - is revoking flat in cost? Two CAs, one with 1,000 certificates and one with many more:
 * what does one durable revocation take in each, and how long does opening each take?
 *
 * The certificates are rows as issuing leaves them, made without keys and signatures. Revocations
 * run in turns in both, each in a transaction of its own with its fsync; medians count.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/revoke.h"
#include "server/ca/ca_internal.h"
#include "server/ca/status_publisher.h"

#define SMALL       1000
#define REVOCATIONS 301
#define STARTS      5
#define BATCH       20000
#define RAW_LEN     140 /* a C509 certificate of a device */
#define START_MAX_S 2.0

struct bench_ca {
    char directory[96];
    size_t count;
    struct ca *ca;
    double took[REVOCATIONS];
};

static double now_s(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], ascending);
    return values[count / 2];
}

/* Serial numbers are random in real life: bytes of a hash of the index are as far apart. */
static struct cede_span serial_of(const struct ca *ca, uint64_t index, uint8_t hash[32])
{
    uint8_t bytes[8];

    memcpy(bytes, &index, sizeof bytes);
    (void)!cede_hash(ca->crypto, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(bytes), hash);
    hash[0] = (uint8_t)((hash[0] & 0x7f) | 0x40);
    return cede_span(hash, CA_SERIAL_LEN);
}

static enum cede_status add(struct ca *ca, uint64_t index)
{
    struct ca_certificate_record record = {.profile = CA_PROFILE_DEVICE, .raw_len = RAW_LEN};
    uint8_t hash[32];

    memcpy(record.serial, serial_of(ca, index, hash).ptr, CA_SERIAL_LEN);
    record.serial_len = CA_SERIAL_LEN;
    memcpy(record.thumbprint, hash, sizeof hash);
    memcpy(record.key, hash, sizeof hash);
    snprintf(record.subject, sizeof record.subject, "d%08llu", (unsigned long long)index);
    record.not_before = (int64_t)ca_now(ca);
    record.not_after = record.not_before + 31536000;
    memcpy(record.raw, hash, sizeof hash);
    return ca_records_add(ca, &record, "bench");
}

static enum cede_status fill(struct bench_ca *bench)
{
    for (size_t done = 0; done < bench->count;) {
        CEDE_TRY(ca_begin(bench->ca));
        for (size_t i = 0; i < BATCH && done < bench->count; i++, done++) {
            CEDE_TRY(add(bench->ca, done));
        }
        CEDE_TRY(ca_commit(bench->ca));
    }
    return CEDE_OK;
}

static enum cede_status make(struct bench_ca *bench, const char *folder, const char *name,
                             size_t count)
{
    struct ca_init init = {
        .name = name, .kind = CA_OPERATIONAL, .https = "127.0.0.1:1", .http = "127.0.0.1:2"};

    snprintf(bench->directory, sizeof bench->directory, "%s/%s", folder, name);
    bench->count = count;
    init.directory = bench->directory;
    CEDE_TRY(ca_init(&init));
    CEDE_TRY(ca_open(bench->directory, CA_OPEN_ALL, &bench->ca));
    return fill(bench);
}

/* Number `turn` of the REVOCATIONS, spread over all certificates. */
static enum cede_status revoke_one(struct bench_ca *bench, size_t turn)
{
    uint64_t index = (uint64_t)turn * bench->count / REVOCATIONS;
    uint8_t hash[32];
    struct cede_span serial = serial_of(bench->ca, index, hash);
    double from = now_s();

    CEDE_TRY(ca_revoke_serial(bench->ca, serial, NULL, 4, NULL));
    bench->took[turn] = now_s() - from;
    return CEDE_OK;
}

static enum cede_status revoke_all(struct bench_ca *small, struct bench_ca *large)
{
    for (size_t turn = 0; turn < REVOCATIONS; turn++) {
        CEDE_TRY(revoke_one(small, turn));
        CEDE_TRY(revoke_one(large, turn));
    }
    return CEDE_OK;
}

/* What a process of the server does before it serves: records, and what was published. */
static enum cede_status start(struct bench_ca *bench, double *seconds)
{
    struct status_publisher publisher;
    double took[STARTS];

    for (size_t i = 0; i < STARTS; i++) {
        double from = now_s();

        ca_close(bench->ca);
        bench->ca = NULL;
        CEDE_TRY(ca_open(bench->directory, CA_OPEN_ALL, &bench->ca));
        CEDE_TRY(status_publisher_open(&publisher, bench->ca));
        took[i] = now_s() - from;
        status_publisher_close(&publisher);
    }
    *seconds = median(took, STARTS);
    return CEDE_OK;
}

static enum cede_status measure(const char *folder, size_t certificates,
                                struct bench_result *results, size_t *count)
{
    struct bench_ca *small = calloc(1, sizeof *small), *large = calloc(1, sizeof *large);
    enum cede_status status = small == NULL || large == NULL ? CEDE_SERVER_MEMORY : CEDE_OK;
    double small_s, large_s, start_s = 0;

    if (status == CEDE_OK) {
        status = make(small, folder, "small", SMALL);
    }
    if (status == CEDE_OK) {
        status = make(large, folder, "large", certificates);
    }
    if (status == CEDE_OK) {
        status = revoke_all(small, large);
    }
    if (status == CEDE_OK) {
        status = start(large, &start_s);
    }
    if (status == CEDE_OK) {
        small_s = median(small->took, REVOCATIONS);
        large_s = median(large->took, REVOCATIONS);
        results[0] = (struct bench_result){"one revocation, against 1,000 certificates",
                                           1 / large_s, 1 / small_s, small_s / large_s, false};
        results[1] = (struct bench_result){"start-up, against two seconds", 1 / start_s,
                                           1 / START_MAX_S, START_MAX_S / start_s, false};
        *count = 2;
    }
    ca_close(small == NULL ? NULL : small->ca);
    ca_close(large == NULL ? NULL : large->ca);
    free(small);
    free(large);
    return status;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

bool bench_revoke(size_t certificates, struct bench_result *results, size_t *count)
{
    const char *parent = getenv("TMPDIR");
    char folder[64];
    enum cede_status status;

    *count = 0;
    snprintf(folder, sizeof folder, "%.40s/cede-bench.XXXXXX",
             parent != NULL && *parent != '\0' ? parent : "/tmp");
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "cede: bench revoke: no folder to work in\n");
        return false;
    }
    status = measure(folder, certificates, results, count);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (status != CEDE_OK) {
        fprintf(stderr, "cede: bench revoke: %s. %s\n", cede_status_reason(status),
                ca_last_error());
    }
    return status == CEDE_OK;
}
