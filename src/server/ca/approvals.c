/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approvals.c - requests that wait for an operator (policy.json: "approval": "manual").
 *
 * A device has one request waiting: its newest key. What is approved is that key, so asking again,
 * as often as it likes, changes nothing; another key waits anew.
 */
#include <stdio.h>
#include <string.h>

#include "server/ca/ca_internal.h"

enum cede_status ca_approval_check(struct ca *ca, int64_t factory, const uint8_t key[32])
{
    int64_t approved = 0;
    enum cede_status status =
        store_get_int(ca->store,
                      "SELECT coalesce(approved_at, 0) FROM approval"
                      " WHERE factory = $1 AND key_hash = $2",
                      STORE_PARAMS(store_int(factory), store_blob(cede_span(key, 32))), &approved);

    if (status == CEDE_NOT_FOUND) {
        return CEDE_CA_PENDING;
    }
    CEDE_TRY(status);
    return approved != 0 ? CEDE_OK : CEDE_CA_PENDING;
}

enum cede_status ca_approval_ask(struct ca *ca, int64_t factory, const uint8_t key[32],
                                 const char *device_id)
{
    return store_run(ca->store,
                     "INSERT INTO approval (factory, key_hash, device_id, asked_at)"
                     " VALUES ($1, $2, $3, $4) ON CONFLICT (factory) DO UPDATE SET"
                     " asked_at = CASE WHEN approval.key_hash = excluded.key_hash"
                     " THEN approval.asked_at ELSE excluded.asked_at END,"
                     " approved_at = CASE WHEN approval.key_hash = excluded.key_hash"
                     " THEN approval.approved_at ELSE NULL END,"
                     " key_hash = excluded.key_hash",
                     STORE_PARAMS(store_int(factory), store_blob(cede_span(key, 32)),
                                  store_text(device_id), store_int((int64_t)ca_now(ca))),
                     NULL);
}

enum cede_status ca_approval_done(struct ca *ca, int64_t factory)
{
    return store_run(ca->store, "DELETE FROM approval WHERE factory = $1",
                     STORE_PARAMS(store_int(factory)), NULL);
}

/* --- the operator ----------------------------------------------------------------------------- */

enum cede_status ca_approve(struct ca *ca, const char *device_id)
{
    int64_t waiting = 0;
    bool part = false;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(store_get_int(ca->store,
                           "SELECT count(*) FROM approval"
                           " WHERE device_id = $1 AND approved_at IS NULL",
                           STORE_PARAMS(store_text(device_id)), &waiting));
    if (waiting == 0) {
        return CEDE_NOT_FOUND;
    }
    CEDE_TRY(ca_unit_begin(ca, &part));
    status = store_run(ca->store,
                       "UPDATE approval SET approved_at = $1"
                       " WHERE device_id = $2 AND approved_at IS NULL",
                       STORE_PARAMS(store_int((int64_t)ca_now(ca)), store_text(device_id)), NULL);
    return ca_unit_end(ca, part, status);
}

static enum cede_status print_pending(void *context, const struct store_row *row)
{
    FILE *out = context;

    fprintf(out, "%-32s %lld\n", store_column_text(row, 0), (long long)store_column_int(row, 1));
    return ferror(out) ? CEDE_OS_FAILED : CEDE_OK;
}

enum cede_status ca_pending(struct ca *ca, FILE *out)
{
    return store_query(ca->store,
                       "SELECT device_id, asked_at FROM approval WHERE approved_at IS NULL"
                       " ORDER BY asked_at, device_id",
                       STORE_NO_PARAMS, print_pending, out);
}
