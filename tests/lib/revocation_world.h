/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation_world.h - a CA with a clock of the test's and certificates to revoke. Included by one
 * test program at a time.
 */
#ifndef CEDE_TESTS_REVOCATION_WORLD_H
#define CEDE_TESTS_REVOCATION_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "cede/posix.h"
#include "server/ca/ca_internal.h"
#include "server/ca/status_publisher.h"
#include "server/common/revocation_check.h"

#define OK(expression_) assert_int_equal((expression_), CEDE_OK)

struct world {
    char directory[64];
    char ca_directory[96];
    struct ca *ca;
    uint64_t now;
    struct status_publisher publisher;
    X509 *issuer;
};

static uint64_t world_now(void *context)
{
    return ((struct world *)context)->now;
}

static int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct ca_init init = {.name = "CA1",
                           .kind = CA_OPERATIONAL,
                           .https = "127.0.0.1:5701",
                           .coap = "127.0.0.1:5700",
                           .http = "127.0.0.1:5702"};
    const uint8_t *der;

    snprintf(w->directory, sizeof w->directory, "/tmp/cede_revocation.XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    snprintf(w->ca_directory, sizeof w->ca_directory, "%s/ca", w->directory);
    init.directory = w->ca_directory;
    OK(ca_init(&init));
    OK(ca_open(w->ca_directory, CA_OPEN_ALL, &w->ca));
    w->now = cede_wall_clock();
    ca_set_clock(w->ca, world_now, w);
    OK(status_publisher_open(&w->publisher, w->ca));
    der = ca_certificate_der(w->ca).ptr;
    w->issuer = d2i_X509(NULL, &der, (long)ca_certificate_der(w->ca).len);
    assert_non_null(w->issuer);
    *state = w;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *w = *state;
    char command[128];

    X509_free(w->issuer);
    status_publisher_close(&w->publisher);
    ca_close(w->ca);
    snprintf(command, sizeof command, "rm -rf '%s'", w->directory);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

/* Rows as issuing makes them, without the cost of keys: `first` tells them apart. */
static inline void add_certificates(struct world *w, uint32_t first, uint32_t count,
                                    int64_t not_after)
{
    OK(ca_begin(w->ca));
    for (uint32_t i = first; i < first + count; i++) {
        struct ca_certificate_record record = {.serial_len = 8, .profile = CA_PROFILE_DEVICE};

        record.serial[0] = 0x41;
        for (int b = 0; b < 4; b++) {
            record.serial[4 + b] = (uint8_t)(i >> (24 - 8 * b));
        }
        memcpy(record.thumbprint, record.serial, 8);
        memcpy(record.key, record.serial, 8);
        snprintf(record.subject, sizeof record.subject, "d%u", i);
        record.not_before = (int64_t)w->now - 100;
        record.not_after = not_after;
        record.raw_len = 1;
        OK(ca_records_add(w->ca, &record, "test"));
    }
    OK(ca_commit(w->ca));
}

static inline struct cede_span serial_of(uint32_t index, uint8_t serial[8])
{
    memset(serial, 0, 8);
    serial[0] = 0x41;
    for (int b = 0; b < 4; b++) {
        serial[4 + b] = (uint8_t)(index >> (24 - 8 * b));
    }
    return cede_span(serial, 8);
}

static inline void revoke_some(struct world *w, uint32_t first, uint32_t count, int reason)
{
    uint8_t serial[8];

    OK(ca_begin(w->ca));
    for (uint32_t i = first; i < first + count; i++) {
        OK(ca_revoke_serial(w->ca, serial_of(i, serial), NULL, reason, NULL));
    }
    OK(ca_commit(w->ca));
}

/* Ticks until there is nothing more to do at once. */
static inline void tick(struct world *w)
{
    bool busy = true;

    while (busy) {
        OK(status_publisher_tick(&w->publisher, &busy));
    }
}

#endif
