/* SPDX-License-Identifier: Apache-2.0 */
/* records_transfer.c - transfers, their documents, and where each device of one stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/common/hex.h"
#include "server/sp/records.h"
#include "server/sp/records_counts.h"

static struct store_value id_value(const uint8_t id[TRANSFER_ID_LEN])
{
    return store_blob(cede_span(id, TRANSFER_ID_LEN));
}

/* --- transfers --------------------------------------------------------------------------------
 */

const char *transfer_state_name(enum transfer_state state)
{
    static const char *const names[TRANSFER_STATE_COUNT] = {
        [TRANSFER_OFFERED] = "offered",       [TRANSFER_SIGNED] = "signed",
        [TRANSFER_STARTED] = "started",       [TRANSFER_INFORMED] = "informed",
        [TRANSFER_REGISTERED] = "registered", [TRANSFER_READY] = "ready",
        [TRANSFER_COMPLETE] = "complete",     [TRANSFER_CANCELLED] = "cancelled",
        [TRANSFER_FAILED] = "failed",
    };

    return state > 0 && state < TRANSFER_STATE_COUNT ? names[state] : "unknown";
}

#define TRANSFER_COLUMNS                                                                           \
    "id, direction, partner, ca, state, earliest, latest, device_count, batches, contract_hash,"   \
    " enroll_uri, last_error, created_at, changed_at"

static enum cede_status read_transfer(const struct store_row *row, struct transfer *transfer)
{
    memset(transfer, 0, sizeof *transfer);
    CEDE_TRY(store_column_copy_blob(row, 0, transfer->id, TRANSFER_ID_LEN));
    transfer->direction = (enum transfer_direction)store_column_int(row, 1);
    CEDE_TRY(store_column_copy_text(row, 2, transfer->partner, sizeof transfer->partner));
    CEDE_TRY(store_column_copy_text(row, 3, transfer->ca, sizeof transfer->ca));
    transfer->state = (enum transfer_state)store_column_int(row, 4);
    transfer->earliest = store_column_int(row, 5);
    transfer->latest = store_column_int(row, 6);
    transfer->device_count = store_column_int(row, 7);
    transfer->batches = store_column_int(row, 8);
    CEDE_TRY(store_column_copy_blob(row, 9, transfer->contract_hash, 32));
    CEDE_TRY(store_column_copy_text(row, 10, transfer->enroll_uri, sizeof transfer->enroll_uri));
    CEDE_TRY(store_column_copy_text(row, 11, transfer->last_error, sizeof transfer->last_error));
    transfer->created_at = store_column_int(row, 12);
    transfer->changed_at = store_column_int(row, 13);
    return CEDE_OK;
}

static enum cede_status read_one_transfer(void *context, const struct store_row *row)
{
    return read_transfer(row, context);
}

enum cede_status records_add_transfer(struct store *store, const struct transfer *transfer)
{
    return store_run(
        store,
        "INSERT INTO transfers (" TRANSFER_COLUMNS ")"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        STORE_PARAMS(
            id_value(transfer->id), store_int(transfer->direction), store_text(transfer->partner),
            store_text(transfer->ca), store_int(transfer->state), store_int(transfer->earliest),
            store_int(transfer->latest), store_int(transfer->device_count),
            store_int(transfer->batches), store_blob(cede_span(transfer->contract_hash, 32)),
            store_text(transfer->enroll_uri), store_text(transfer->last_error),
            store_int(transfer->created_at), store_int(transfer->changed_at)),
        NULL);
}

enum cede_status records_transfer(struct store *store, const uint8_t id[TRANSFER_ID_LEN],
                                  struct transfer *transfer)
{
    return store_get(store, "SELECT " TRANSFER_COLUMNS " FROM transfers WHERE id = $1",
                     STORE_PARAMS(id_value(id)), read_one_transfer, transfer);
}

enum cede_status records_save_transfer(struct store *store, const struct transfer *transfer,
                                       int64_t now)
{
    return store_run(store,
                     "UPDATE transfers SET ca = $2, state = $3, batches = $4, enroll_uri = $5,"
                     " last_error = $6, changed_at = $7 WHERE id = $1",
                     STORE_PARAMS(id_value(transfer->id), store_text(transfer->ca),
                                  store_int(transfer->state), store_int(transfer->batches),
                                  store_text(transfer->enroll_uri),
                                  store_text(transfer->last_error), store_int(now)),
                     NULL);
}

enum cede_status records_offered_count(struct store *store, const char *partner, int64_t *count)
{
    return store_get_int(
        store,
        "SELECT count(*) FROM transfers WHERE partner = $1 AND direction = $2 AND state = $3",
        STORE_PARAMS(store_text(partner), store_int(TRANSFER_IN), store_int(TRANSFER_OFFERED)),
        count);
}

struct each_transfer {
    transfer_fn on_transfer;
    void *context;
};

static enum cede_status each_transfer_row(void *context, const struct store_row *row)
{
    const struct each_transfer *each = context;
    struct transfer transfer;

    CEDE_TRY(read_transfer(row, &transfer));
    return each->on_transfer(each->context, &transfer);
}

enum cede_status records_each_transfer(struct store *store, enum transfer_state state,
                                       transfer_fn on_transfer, void *context)
{
    struct each_transfer each = {on_transfer, context};

    return store_query(store,
                       "SELECT " TRANSFER_COLUMNS
                       " FROM transfers WHERE $1 = 0 OR state = $1 ORDER BY created_at, id",
                       STORE_PARAMS(store_int(state)), each_transfer_row, &each);
}

enum cede_status records_save_document(struct store *store, const uint8_t id[TRANSFER_ID_LEN],
                                       int kind, struct cede_span bytes)
{
    return store_run(store,
                     "INSERT INTO documents (transfer, kind, bytes) VALUES ($1, $2, $3)"
                     " ON CONFLICT (transfer, kind) DO UPDATE SET bytes = $3",
                     STORE_PARAMS(id_value(id), store_int(kind), store_blob(bytes)), NULL);
}

struct document {
    uint8_t *bytes;
    size_t len;
};

static enum cede_status read_document(void *context, const struct store_row *row)
{
    struct document *document = context;
    struct cede_span bytes = store_column_blob(row, 0);

    document->bytes = malloc(bytes.len + 1);
    if (document->bytes == NULL) {
        return CEDE_OS_FAILED;
    }
    memcpy(document->bytes, bytes.ptr, bytes.len);
    document->bytes[bytes.len] = 0;
    document->len = bytes.len;
    return CEDE_OK;
}

enum cede_status records_document(struct store *store, const uint8_t id[TRANSFER_ID_LEN], int kind,
                                  uint8_t **bytes, size_t *len)
{
    struct document document = {NULL, 0};
    enum cede_status status =
        store_get(store, "SELECT bytes FROM documents WHERE transfer = $1 AND kind = $2",
                  STORE_PARAMS(id_value(id), store_int(kind)), read_document, &document);

    *bytes = document.bytes;
    *len = document.len;
    return status;
}

enum cede_status records_batch_count(struct store *store, const uint8_t id[TRANSFER_ID_LEN],
                                     int64_t *count)
{
    return store_get_int(store, "SELECT count(*) FROM documents WHERE transfer = $1 AND kind >= $2",
                         STORE_PARAMS(id_value(id), store_int(DOCUMENT_BATCH)), count);
}

enum cede_status records_registered_count(struct store *store, const uint8_t id[TRANSFER_ID_LEN],
                                          int64_t *count)
{
    return store_get_int(store, "SELECT count(*) FROM documents WHERE transfer = $1 AND kind < $2",
                         STORE_PARAMS(id_value(id), store_int(DOCUMENT_REGISTERED)), count);
}

/* --- devices of a transfer --------------------------------------------------------------------
 */

const char *move_state_name(enum move_state state)
{
    static const char *const names[MOVE_STATE_COUNT] = {
        [MOVE_PLANNED] = "planned",
        [MOVE_READY] = "ready",
        [MOVE_SENT] = "sent",
        [MOVE_ACCEPTED] = "accepted",
        [MOVE_DONE] = "done",
        [MOVE_FALLBACK] = "fallback",
        [MOVE_RETURNED] = "returned",
        [MOVE_REFUSED] = "refused",
        [MOVE_MISSED] = "missed",
        [MOVE_BLOCKED] = "blocked",
        [MOVE_CANCELLED] = "cancelled",
        [MOVE_EXPECTED] = "expected",
        [MOVE_TAKEN_OVER] = "taken-over",
        [MOVE_DROPPED] = "dropped",
    };

    return state > 0 && state < MOVE_STATE_COUNT ? names[state] : "unknown";
}

bool move_state_is_final(enum move_state state)
{
    switch (state) {
    case MOVE_DONE:
    case MOVE_RETURNED:
    case MOVE_REFUSED:
    case MOVE_MISSED:
    case MOVE_BLOCKED:
    case MOVE_CANCELLED:
    case MOVE_TAKEN_OVER:
    case MOVE_DROPPED:
        return true;
    default:
        return false;
    }
}

/* The scope of a transfer's counts: its id in hexadecimal. */
static void move_scope(const uint8_t transfer[TRANSFER_ID_LEN], char scope[2 * TRANSFER_ID_LEN + 1])
{
    hex_encode(transfer, TRANSFER_ID_LEN, scope);
}

#define MOVE_COLUMNS "transfer, device, state, seq, cti, reported, changed_at"

static enum cede_status read_move(const struct store_row *row, struct move *move)
{
    struct cede_span cti = store_column_blob(row, 4);

    memset(move, 0, sizeof *move);
    CEDE_TRY(store_column_copy_blob(row, 0, move->transfer, TRANSFER_ID_LEN));
    CEDE_TRY(store_column_copy_text(row, 1, move->device, sizeof move->device));
    move->state = (enum move_state)store_column_int(row, 2);
    move->seq = store_column_int(row, 3);
    if (cti.len == sizeof move->cti) {
        memcpy(move->cti, cti.ptr, sizeof move->cti);
    }
    move->reported = store_column_int(row, 5) != 0;
    move->changed_at = store_column_int(row, 6);
    return CEDE_OK;
}

static enum cede_status read_one_move(void *context, const struct store_row *row)
{
    return read_move(row, context);
}

enum cede_status records_add_move(struct store *store, const struct move *move)
{
    char scope[2 * TRANSFER_ID_LEN + 1];

    CEDE_TRY(store_run(
        store,
        "INSERT INTO moves (transfer, device, state, is_open, seq, cti, created_at, changed_at)"
        " VALUES ($1, $2, $3, 1, $4, $5, $6, $6)",
        STORE_PARAMS(id_value(move->transfer), store_text(move->device), store_int(move->state),
                     store_int(move->seq), store_blob(cede_span(move->cti, sizeof move->cti)),
                     store_int(move->changed_at)),
        NULL));
    move_scope(move->transfer, scope);
    return counts_move(store, scope, 0, move->state);
}

enum cede_status records_open_move(struct store *store, const char *device, struct move *move)
{
    return store_get(store, "SELECT " MOVE_COLUMNS " FROM moves WHERE device = $1 AND is_open = 1",
                     STORE_PARAMS(store_text(device)), read_one_move, move);
}

enum cede_status records_move(struct store *store, const uint8_t transfer[TRANSFER_ID_LEN],
                              const char *device, struct move *move)
{
    return store_get(store,
                     "SELECT " MOVE_COLUMNS " FROM moves WHERE transfer = $1 AND device = $2",
                     STORE_PARAMS(id_value(transfer), store_text(device)), read_one_move, move);
}

enum cede_status records_last_move(struct store *store, const char *device, struct move *move)
{
    return store_get(store,
                     "SELECT " MOVE_COLUMNS " FROM moves WHERE device = $1"
                     " ORDER BY is_open DESC, created_at DESC, changed_at DESC LIMIT 1",
                     STORE_PARAMS(store_text(device)), read_one_move, move);
}

enum cede_status records_came_again(struct store *store, const struct move *move, bool *again)
{
    int64_t count = 0;

    CEDE_TRY(store_get_int(
        store,
        "SELECT count(*) FROM moves JOIN transfers ON transfers.id = moves.transfer"
        " WHERE moves.device = $1 AND moves.transfer <> $2 AND transfers.direction = $3"
        " AND moves.created_at >="
        " (SELECT this.created_at FROM moves this WHERE this.device = $1 AND this.transfer = $2)",
        STORE_PARAMS(store_text(move->device), id_value(move->transfer), store_int(TRANSFER_IN)),
        &count));
    *again = count > 0;
    return CEDE_OK;
}

enum cede_status records_set_move_state(struct store *store, const struct move *move,
                                        enum move_state state, int64_t now)
{
    char scope[2 * TRANSFER_ID_LEN + 1];
    int64_t changed = 0;

    if (move->state == state) {
        return CEDE_OK;
    }
    CEDE_TRY(store_run(store,
                       "UPDATE moves SET state = $3, is_open = $4, changed_at = $5"
                       " WHERE transfer = $1 AND device = $2 AND state = $6",
                       STORE_PARAMS(id_value(move->transfer), store_text(move->device),
                                    store_int(state), store_int(!move_state_is_final(state)),
                                    store_int(now), store_int(move->state)),
                       &changed));
    if (changed != 1) {
        return CEDE_TRANSFER_STATE;
    }
    move_scope(move->transfer, scope);
    return counts_move(store, scope, move->state, state);
}

void move_trust_cti(const struct move *move, uint8_t cti[8])
{
    memcpy(cti, move->cti, sizeof move->cti);
    cti[sizeof move->cti - 1] ^= 1;
}

bool move_has_cti(const struct move *move, struct cede_span cti)
{
    uint8_t trust_cti[8];

    move_trust_cti(move, trust_cti);
    return cede_span_equal(cti, CEDE_SPAN_ARRAY(move->cti)) ||
           cede_span_equal(cti, CEDE_SPAN_ARRAY(trust_cti));
}

enum cede_status records_move_by_cti(struct store *store, const char *device, struct cede_span cti,
                                     struct move *move)
{
    uint8_t other[8];

    if (cti.len != sizeof other) {
        return CEDE_NOT_FOUND;
    }
    memcpy(other, cti.ptr, sizeof other);
    other[sizeof other - 1] ^= 1;
    return store_get(
        store,
        "SELECT " MOVE_COLUMNS " FROM moves WHERE device = $1"
        " AND (cti = $2 OR cti = $3) AND message IS NOT NULL LIMIT 1",
        STORE_PARAMS(store_text(device), store_blob(cti), store_blob(CEDE_SPAN_ARRAY(other))),
        read_one_move, move);
}

enum cede_status records_set_move_reported(struct store *store, const struct move *move)
{
    return store_run(store, "UPDATE moves SET reported = 1 WHERE transfer = $1 AND device = $2",
                     STORE_PARAMS(id_value(move->transfer), store_text(move->device)), NULL);
}

enum cede_status records_save_orders(struct store *store, const struct move *move,
                                     struct cede_span trust_update, struct cede_span message)
{
    return store_run(store,
                     "UPDATE moves SET seq = $3, cti = $4, trust_update = $5, message = $6"
                     " WHERE transfer = $1 AND device = $2",
                     STORE_PARAMS(id_value(move->transfer), store_text(move->device),
                                  store_int(move->seq),
                                  store_blob(cede_span(move->cti, sizeof move->cti)),
                                  store_blob(trust_update), store_blob(message)),
                     NULL);
}

struct orders_copy {
    struct cede_buf out;
    struct cede_span trust_update, message;
};

static enum cede_status read_orders(void *context, const struct store_row *row)
{
    struct orders_copy *orders = context;
    struct cede_buf rest;

    CEDE_TRY(cede_copy(orders->out, store_column_blob(row, 0), &orders->trust_update));
    rest = cede_buf(orders->out.ptr + orders->trust_update.len,
                    orders->out.cap - orders->trust_update.len);
    return cede_copy(rest, store_column_blob(row, 1), &orders->message);
}

enum cede_status records_orders(struct store *store, const struct move *move, struct cede_buf out,
                                struct cede_span *trust_update, struct cede_span *message)
{
    struct orders_copy orders = {out, CEDE_SPAN_NULL, CEDE_SPAN_NULL};
    enum cede_status status = store_get(
        store,
        "SELECT trust_update, message FROM moves WHERE transfer = $1 AND device = $2"
        " AND message IS NOT NULL",
        STORE_PARAMS(id_value(move->transfer), store_text(move->device)), read_orders, &orders);

    *trust_update = orders.trust_update;
    *message = orders.message;
    return status;
}

struct each_move {
    move_fn on_move;
    void *context;
};

static enum cede_status each_move_row(void *context, const struct store_row *row)
{
    const struct each_move *each = context;
    struct move move;

    CEDE_TRY(read_move(row, &move));
    return each->on_move(each->context, &move);
}

enum cede_status records_each_move(struct store *store, const uint8_t transfer[TRANSFER_ID_LEN],
                                   enum move_state state, bool unreported_only, int64_t limit,
                                   move_fn on_move, void *context)
{
    struct each_move each = {on_move, context};
    const char *sql = unreported_only /* two texts: the second index serves only the first */
                          ? "SELECT " MOVE_COLUMNS " FROM moves WHERE transfer = $1 AND state = $2"
                            " AND reported = 0 ORDER BY device LIMIT $3"
                          : "SELECT " MOVE_COLUMNS " FROM moves WHERE transfer = $1 AND state = $2"
                            " ORDER BY device LIMIT $3";

    return store_query(store, sql,
                       STORE_PARAMS(id_value(transfer), store_int(state), store_int(limit)),
                       each_move_row, &each);
}

enum cede_status records_batches_waiting(struct store *store,
                                         const uint8_t transfer[TRANSFER_ID_LEN], int64_t *count)
{
    char pattern[2 * TRANSFER_ID_LEN + 3];

    hex_encode(transfer, TRANSFER_ID_LEN, pattern);
    memcpy(pattern + strlen(pattern), ":%", sizeof ":%");
    return store_get_int(store,
                         "SELECT count(*) FROM outbox WHERE kind = 'device-updates' AND state = 0"
                         " AND reference LIKE $1",
                         STORE_PARAMS(store_text(pattern)), count);
}

enum cede_status records_move_count(struct store *store, const uint8_t transfer[TRANSFER_ID_LEN],
                                    enum move_state state, int64_t *count)
{
    char scope[2 * TRANSFER_ID_LEN + 1];

    move_scope(transfer, scope);
    return counts_read(store, scope, state, count);
}

struct thumbprint_list {
    uint8_t (*items)[32];
    size_t count, cap;
};

static enum cede_status append_thumbprint(void *context, const struct store_row *row)
{
    struct thumbprint_list *list = context;

    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 64 : list->cap * 2;
        void *items = realloc(list->items, cap * 32);

        if (items == NULL) {
            return CEDE_OS_FAILED;
        }
        list->items = items;
        list->cap = cap;
    }
    return store_column_copy_blob(row, 0, list->items[list->count++], 32);
}

static enum cede_status read_is_x509(void *context, const struct store_row *row)
{
    *(bool *)context = cede_span_equal(store_column_blob(row, 0), CEDE_SPAN_TEXT("\x30"));
    return CEDE_OK;
}

enum cede_status records_transfer_is_x509(struct store *store,
                                          const uint8_t transfer[TRANSFER_ID_LEN], bool *x509)
{
    *x509 = false;
    return store_get(store,
                     "SELECT substr(devices.factory_certificate, 1, 1) FROM moves JOIN devices"
                     " ON devices.id = moves.device WHERE moves.transfer = $1 LIMIT 1",
                     STORE_PARAMS(id_value(transfer)), read_is_x509, x509);
}

enum cede_status records_move_thumbprints(struct store *store,
                                          const uint8_t transfer[TRANSFER_ID_LEN],
                                          uint8_t (**thumbprints)[32], size_t *count)
{
    struct thumbprint_list list = {NULL, 0, 0};
    enum cede_status status =
        store_query(store,
                    "SELECT devices.factory_thumbprint FROM moves JOIN devices"
                    " ON devices.id = moves.device WHERE moves.transfer = $1"
                    " ORDER BY devices.factory_thumbprint",
                    STORE_PARAMS(id_value(transfer)), append_thumbprint, &list);

    if (status != CEDE_OK) {
        free(list.items);
        list = (struct thumbprint_list){NULL, 0, 0};
    }
    *thumbprints = list.items;
    *count = list.count;
    return status;
}
