/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - the tables of a service provider. Steps are only ever added at the end. */
#include "server/common/courier.h"
#include "server/common/revocation_cache.h"
#include "server/sp/records.h"
#include "server/sp/revocation.h"

#define COUNT(array_) (sizeof(array_) / sizeof((array_)[0]))

static const char tables_sql[] =
    "CREATE TABLE partners ("
    "  name TEXT PRIMARY KEY, role TEXT NOT NULL, url TEXT NOT NULL,"
    "  certificate {BLOB} NOT NULL, thumbprint {BLOB} NOT NULL UNIQUE,"
    "  trust {BLOB}, enroll_uri TEXT, revoked_next BIGINT NOT NULL DEFAULT 0);"
    "CREATE TABLE devices ("
    "  id TEXT PRIMARY KEY, status BIGINT NOT NULL, since BIGINT NOT NULL,"
    "  seen_at BIGINT NOT NULL DEFAULT 0, seq BIGINT NOT NULL DEFAULT 0, ca TEXT NOT NULL,"
    "  factory_thumbprint {BLOB} NOT NULL UNIQUE, factory_certificate {BLOB} NOT NULL,"
    "  operational_thumbprint {BLOB}, operational_certificate {BLOB}, operational_serial TEXT,"
    "  last_error TEXT, welcomed BIGINT NOT NULL DEFAULT 0);"
    "CREATE INDEX devices_operational ON devices (operational_thumbprint);" REVOCATION_REVOKED_SQL
    "CREATE TABLE transfers ("
    "  id {BLOB} PRIMARY KEY, direction BIGINT NOT NULL, partner TEXT NOT NULL, ca TEXT NOT NULL,"
    "  state BIGINT NOT NULL, earliest BIGINT NOT NULL, latest BIGINT NOT NULL,"
    "  device_count BIGINT NOT NULL, batches BIGINT NOT NULL DEFAULT 0,"
    "  contract_hash {BLOB} NOT NULL, enroll_uri TEXT NOT NULL, last_error TEXT NOT NULL,"
    "  created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL);"
    "CREATE TABLE documents ("
    "  transfer {BLOB} NOT NULL REFERENCES transfers (id), kind BIGINT NOT NULL,"
    "  bytes {BLOB} NOT NULL, PRIMARY KEY (transfer, kind));"
    "CREATE TABLE moves ("
    "  transfer {BLOB} NOT NULL REFERENCES transfers (id),"
    "  device TEXT NOT NULL REFERENCES devices (id), state BIGINT NOT NULL,"
    "  is_open BIGINT NOT NULL, seq BIGINT NOT NULL DEFAULT 0, cti {BLOB} NOT NULL,"
    "  reported BIGINT NOT NULL DEFAULT 0, trust_update {BLOB}, message {BLOB},"
    "  created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, PRIMARY KEY (transfer, device));"
    "CREATE INDEX moves_by_state ON moves (transfer, state, device);"
    "CREATE INDEX moves_unreported ON moves (transfer, state, device) WHERE reported = 0;"
    "CREATE INDEX moves_by_device ON moves (device);"
    "CREATE UNIQUE INDEX moves_open ON moves (device) WHERE is_open = 1;"
    "CREATE TABLE counts ("
    "  scope TEXT NOT NULL, state BIGINT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (scope, state));";

/* Where devices of the X.509 profile enrol. */
static const char enroll_uri_coaps_sql[] = "ALTER TABLE partners ADD COLUMN enroll_uri_coaps TEXT;";

enum cede_status records_migrate(struct store *store)
{
    const struct store_migration migrations[] = {
        {"outbox", courier_outbox_sql},
        {"tables", tables_sql},
        {"enroll_uri_coaps", enroll_uri_coaps_sql},
        {"revocation", revocation_sql},
        {"ocsp", REVOCATION_OCSP_SQL},
        {"open questions", REVOCATION_OPEN_SQL},
        {"numbers of lists", REVOCATION_NUMBER_SQL},
    };

    return store_migrate(store, migrations, COUNT(migrations));
}
