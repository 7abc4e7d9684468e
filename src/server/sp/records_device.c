/* SPDX-License-Identifier: Apache-2.0 */
/* records_device.c - partners and devices. */
#include <stdio.h>
#include <string.h>

#include "server/sp/records.h"
#include "server/sp/records_counts.h"

enum cede_status records_write(struct store *store)
{
    return store_in_transaction(store) ? CEDE_OK : store_begin(store);
}

/* Copies text that may be cut: messages for people, never identifiers. */
static void copy_cut(const struct store_row *row, size_t column, char *out, size_t cap)
{
    const char *text = store_column_text(row, column);

    snprintf(out, cap, "%s", text != NULL ? text : "");
}

static enum cede_status copy_bytes(struct cede_span from, uint8_t *to, size_t cap, size_t *len)
{
    struct cede_span copied;

    CEDE_TRY(cede_copy(cede_buf(to, cap), from, &copied));
    *len = copied.len;
    return CEDE_OK;
}

/* --- partners ---------------------------------------------------------------------------------
 */

#define PARTNER_COLUMNS                                                                            \
    "name, role, url, certificate, thumbprint, trust, enroll_uri, revoked_next, enroll_uri_coaps"

static enum cede_status read_partner(void *context, const struct store_row *row)
{
    struct partner *partner = context;

    CEDE_TRY(store_column_copy_text(row, 0, partner->name, sizeof partner->name));
    CEDE_TRY(store_column_copy_text(row, 1, partner->role, sizeof partner->role));
    CEDE_TRY(store_column_copy_text(row, 2, partner->url, sizeof partner->url));
    CEDE_TRY(copy_bytes(store_column_blob(row, 3), partner->certificate,
                        sizeof partner->certificate, &partner->certificate_len));
    CEDE_TRY(store_column_copy_blob(row, 4, partner->thumbprint, sizeof partner->thumbprint));
    CEDE_TRY(copy_bytes(store_column_blob(row, 5), partner->trust, sizeof partner->trust,
                        &partner->trust_len));
    CEDE_TRY(store_column_copy_text(row, 6, partner->enroll_uri, sizeof partner->enroll_uri));
    partner->revoked_next = store_column_int(row, 7);
    return store_column_copy_text(row, 8, partner->enroll_uri_coaps,
                                  sizeof partner->enroll_uri_coaps);
}

enum cede_status records_save_partner(struct store *store, const struct partner *partner)
{
    return store_run(
        store,
        "INSERT INTO partners (name, role, url, certificate, thumbprint)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET role = $2, url = $3,"
        " certificate = $4, thumbprint = $5",
        STORE_PARAMS(store_text(partner->name), store_text(partner->role), store_text(partner->url),
                     store_blob(cede_span(partner->certificate, partner->certificate_len)),
                     store_blob(cede_span(partner->thumbprint, 32))),
        NULL);
}

enum cede_status records_partner(struct store *store, const char *name, struct partner *partner)
{
    memset(partner, 0, sizeof *partner);
    return store_get(store, "SELECT " PARTNER_COLUMNS " FROM partners WHERE name = $1",
                     STORE_PARAMS(store_text(name)), read_partner, partner);
}

enum cede_status records_partner_by_thumbprint(struct store *store, const uint8_t thumbprint[32],
                                               struct partner *partner)
{
    memset(partner, 0, sizeof *partner);
    return store_get(store, "SELECT " PARTNER_COLUMNS " FROM partners WHERE thumbprint = $1",
                     STORE_PARAMS(store_blob(cede_span(thumbprint, 32))), read_partner, partner);
}

enum cede_status records_partner_of_role(struct store *store, const char *role, size_t n,
                                         struct partner *partner)
{
    memset(partner, 0, sizeof *partner);
    return store_get(store,
                     "SELECT " PARTNER_COLUMNS
                     " FROM partners WHERE role = $1 ORDER BY name LIMIT 1 OFFSET $2",
                     STORE_PARAMS(store_text(role), store_int((int64_t)n)), read_partner, partner);
}

enum cede_status records_save_trust(struct store *store, const char *name, struct cede_span trust)
{
    return store_run(store, "UPDATE partners SET trust = $2 WHERE name = $1",
                     STORE_PARAMS(store_text(name), store_blob(trust)), NULL);
}

enum cede_status records_save_enroll_uri(struct store *store, const char *name,
                                         const char *enroll_uri)
{
    return store_run(store,
                     strncmp(enroll_uri, "coaps:", 6) == 0
                         ? "UPDATE partners SET enroll_uri_coaps = $2 WHERE name = $1"
                         : "UPDATE partners SET enroll_uri = $2 WHERE name = $1",
                     STORE_PARAMS(store_text(name), store_text(enroll_uri)), NULL);
}

/* --- devices ----------------------------------------------------------------------------------
 */

const char *device_status_name(enum device_status status)
{
    static const char *const names[DEVICE_STATUS_COUNT] = {
        [DEVICE_PROVISIONED] = "provisioned", [DEVICE_OPERATIONAL] = "operational",
        [DEVICE_LEAVING] = "leaving",         [DEVICE_LEFT] = "left",
        [DEVICE_EXPECTED] = "expected",       [DEVICE_FALLBACK] = "fallback",
        [DEVICE_GIVEN_BACK] = "given-back",
    };

    return status > 0 && status < DEVICE_STATUS_COUNT ? names[status] : "unknown";
}

#define DEVICE_COLUMNS                                                                             \
    "id, status, since, seen_at, seq, ca, factory_thumbprint, operational_thumbprint,"             \
    " operational_serial, last_error, (SELECT count(*) FROM revoked WHERE revoked.ca = devices.ca" \
    " AND revoked.serial = devices.operational_serial), welcomed,"                                 \
    " substr(factory_certificate, 1, 1)"

static enum cede_status read_device(const struct store_row *row, struct device *device)
{
    memset(device, 0, sizeof *device);
    CEDE_TRY(store_column_copy_text(row, 0, device->id, sizeof device->id));
    device->status = (enum device_status)store_column_int(row, 1);
    device->since = store_column_int(row, 2);
    device->seen_at = store_column_int(row, 3);
    device->seq = store_column_int(row, 4);
    CEDE_TRY(store_column_copy_text(row, 5, device->ca, sizeof device->ca));
    CEDE_TRY(store_column_copy_blob(row, 6, device->factory_thumbprint, 32));
    device->has_operational = !store_column_is_null(row, 7);
    if (device->has_operational) {
        CEDE_TRY(store_column_copy_blob(row, 7, device->operational_thumbprint, 32));
    }
    CEDE_TRY(store_column_copy_text(row, 8, device->operational_serial,
                                    sizeof device->operational_serial));
    copy_cut(row, 9, device->last_error, sizeof device->last_error);
    device->operational_revoked = store_column_int(row, 10) > 0;
    device->welcomed = store_column_int(row, 11) != 0;
    device->x509 = cede_span_equal(store_column_blob(row, 12), CEDE_SPAN_TEXT("\x30"));
    return CEDE_OK;
}

static enum cede_status read_one_device(void *context, const struct store_row *row)
{
    return read_device(row, context);
}

enum cede_status records_add_device(struct store *store, const struct device *device,
                                    struct cede_span factory_certificate)
{
    CEDE_TRY(store_run(store,
                       "INSERT INTO devices (id, status, since, seq, ca, factory_thumbprint,"
                       " factory_certificate) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                       STORE_PARAMS(store_text(device->id), store_int(device->status),
                                    store_int(device->since), store_int(device->seq),
                                    store_text(device->ca),
                                    store_blob(cede_span(device->factory_thumbprint, 32)),
                                    store_blob(factory_certificate)),
                       NULL));
    return counts_move(store, COUNTS_DEVICES, 0, device->status);
}

enum cede_status records_device(struct store *store, const char *id, struct device *device)
{
    return store_get(store, "SELECT " DEVICE_COLUMNS " FROM devices WHERE id = $1",
                     STORE_PARAMS(store_text(id)), read_one_device, device);
}

enum cede_status records_device_by_factory(struct store *store, const uint8_t thumbprint[32],
                                           struct device *device)
{
    return store_get(store, "SELECT " DEVICE_COLUMNS " FROM devices WHERE factory_thumbprint = $1",
                     STORE_PARAMS(store_blob(cede_span(thumbprint, 32))), read_one_device, device);
}

struct raw_copy {
    struct cede_buf out;
    struct cede_span raw;
};

static enum cede_status read_raw(void *context, const struct store_row *row)
{
    struct raw_copy *copy = context;

    return cede_copy(copy->out, store_column_blob(row, 0), &copy->raw);
}

/* The thumbprints that begin with `prefix` are those from prefix 00 00 ... to prefix ff ff ...: a
 * range the indexes serve. */
static void prefix_range(struct cede_span prefix, uint8_t low[32], uint8_t high[32])
{
    memset(low, 0x00, 32);
    memset(high, 0xff, 32);
    memcpy(low, prefix.ptr, prefix.len);
    memcpy(high, prefix.ptr, prefix.len);
}

enum cede_status records_find_certificate(struct store *store, struct cede_span prefix,
                                          struct cede_buf out, struct cede_span *raw)
{
    struct raw_copy copy = {out, CEDE_SPAN_NULL};
    uint8_t low[32], high[32];
    enum cede_status status;

    *raw = CEDE_SPAN_NULL;
    if (prefix.len < 8 || prefix.len > 32) {
        return CEDE_NOT_FOUND;
    }
    prefix_range(prefix, low, high);
    status =
        store_get(store,
                  "SELECT operational_certificate FROM devices"
                  " WHERE operational_thumbprint BETWEEN $1 AND $2 LIMIT 1",
                  STORE_PARAMS(store_blob(cede_span(low, 32)), store_blob(cede_span(high, 32))),
                  read_raw, &copy);
    if (status == CEDE_NOT_FOUND) {
        status =
            store_get(store,
                      "SELECT factory_certificate FROM devices"
                      " WHERE factory_thumbprint BETWEEN $1 AND $2 LIMIT 1",
                      STORE_PARAMS(store_blob(cede_span(low, 32)), store_blob(cede_span(high, 32))),
                      read_raw, &copy);
    }
    *raw = copy.raw;
    return status;
}

enum cede_status records_factory_certificate(struct store *store, const char *id,
                                             struct cede_buf out, struct cede_span *raw)
{
    struct raw_copy copy = {out, CEDE_SPAN_NULL};
    enum cede_status status =
        store_get(store, "SELECT factory_certificate FROM devices WHERE id = $1",
                  STORE_PARAMS(store_text(id)), read_raw, &copy);

    *raw = copy.raw;
    return status;
}

enum cede_status records_set_device_status(struct store *store, const char *id,
                                           enum device_status status, int64_t now,
                                           const char *error)
{
    int64_t before;

    CEDE_TRY(store_get_int(store, "SELECT status FROM devices WHERE id = $1",
                           STORE_PARAMS(store_text(id)), &before));
    if (error != NULL) {
        CEDE_TRY(records_device_error(store, id, error));
    }
    if (before == (int64_t)status) {
        return CEDE_OK;
    }
    CEDE_TRY(store_run(store, "UPDATE devices SET status = $2, since = $3 WHERE id = $1",
                       STORE_PARAMS(store_text(id), store_int(status), store_int(now)), NULL));
    return counts_move(store, COUNTS_DEVICES, before, status);
}

enum cede_status records_device_seen(struct store *store, const char *id, int64_t now, int64_t seq)
{
    return store_run(store,
                     "UPDATE devices SET seen_at = $2, seq = CASE WHEN seq < $3 THEN $3 ELSE seq"
                     " END WHERE id = $1",
                     STORE_PARAMS(store_text(id), store_int(now), store_int(seq)), NULL);
}

enum cede_status records_device_error(struct store *store, const char *id, const char *error)
{
    return store_run(store, "UPDATE devices SET last_error = $2 WHERE id = $1",
                     STORE_PARAMS(store_text(id), store_text(error)), NULL);
}

enum cede_status records_set_operational(struct store *store, const char *id,
                                         const uint8_t thumbprint[32], const char *serial,
                                         struct cede_span certificate)
{
    return store_run(store,
                     "UPDATE devices SET operational_thumbprint = $2, operational_serial = $3,"
                     " operational_certificate = $4 WHERE id = $1",
                     STORE_PARAMS(store_text(id), store_blob(cede_span(thumbprint, 32)),
                                  store_text(serial), store_blob(certificate)),
                     NULL);
}

enum cede_status records_set_seq(struct store *store, const char *id, int64_t seq)
{
    return store_run(store, "UPDATE devices SET seq = $2 WHERE id = $1 AND seq < $2",
                     STORE_PARAMS(store_text(id), store_int(seq)), NULL);
}

enum cede_status records_set_joined_seq(struct store *store, const char *id, int64_t seq)
{
    int64_t ours = 0;

    CEDE_TRY(store_get_int(
        store, "SELECT coalesce(max(seq), 0) FROM moves WHERE device = $1 AND message IS NOT NULL",
        STORE_PARAMS(store_text(id)), &ours));
    return store_run(store, "UPDATE devices SET seq = $2 WHERE id = $1",
                     STORE_PARAMS(store_text(id), store_int(ours > seq ? ours : seq)), NULL);
}

enum cede_status records_set_welcomed(struct store *store, const char *id)
{
    return store_run(store, "UPDATE devices SET welcomed = 1 WHERE id = $1",
                     STORE_PARAMS(store_text(id)), NULL);
}

enum cede_status records_expect_again(struct store *store, const char *id, int64_t seq, int64_t now)
{
    CEDE_TRY(store_run(store,
                       "UPDATE devices SET operational_thumbprint = NULL,"
                       " operational_certificate = NULL, operational_serial = NULL,"
                       " last_error = NULL, welcomed = 0 WHERE id = $1",
                       STORE_PARAMS(store_text(id)), NULL));
    CEDE_TRY(records_set_seq(store, id, seq));
    return records_set_device_status(store, id, DEVICE_EXPECTED, now, NULL);
}

enum cede_status records_set_device_ca(struct store *store, const char *id, const char *ca)
{
    return store_run(store, "UPDATE devices SET ca = $2 WHERE id = $1",
                     STORE_PARAMS(store_text(id), store_text(ca)), NULL);
}

enum cede_status records_set_revoked_next(struct store *store, const char *ca, int64_t next)
{
    return store_run(store, "UPDATE partners SET revoked_next = $2 WHERE name = $1",
                     STORE_PARAMS(store_text(ca), store_int(next)), NULL);
}

struct each_device {
    device_fn on_device;
    void *context;
};

static enum cede_status each_device_row(void *context, const struct store_row *row)
{
    const struct each_device *each = context;
    struct device device;

    CEDE_TRY(read_device(row, &device));
    return each->on_device(each->context, &device);
}

enum cede_status records_each_device(struct store *store, device_fn on_device, void *context)
{
    struct each_device each = {on_device, context};

    return store_query(store, "SELECT " DEVICE_COLUMNS " FROM devices ORDER BY id", STORE_NO_PARAMS,
                       each_device_row, &each);
}

enum cede_status records_device_count(struct store *store, enum device_status status,
                                      int64_t *count)
{
    return counts_read(store, COUNTS_DEVICES, status, count);
}
