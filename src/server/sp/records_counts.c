/* SPDX-License-Identifier: Apache-2.0 */
/* records_counts.c - one row a scope and state. */
#include "server/sp/records_counts.h"

enum cede_status counts_move(struct store *store, const char *scope, int64_t from, int64_t to)
{
    if (from != 0) {
        CEDE_TRY(store_run(store, "UPDATE counts SET n = n - 1 WHERE scope = $1 AND state = $2",
                           STORE_PARAMS(store_text(scope), store_int(from)), NULL));
    }
    return store_run(store,
                     "INSERT INTO counts (scope, state, n) VALUES ($1, $2, 1)"
                     " ON CONFLICT (scope, state) DO UPDATE SET n = counts.n + 1",
                     STORE_PARAMS(store_text(scope), store_int(to)), NULL);
}

enum cede_status counts_read(struct store *store, const char *scope, int64_t state, int64_t *count)
{
    enum cede_status status =
        store_get_int(store, "SELECT n FROM counts WHERE scope = $1 AND state = $2",
                      STORE_PARAMS(store_text(scope), store_int(state)), count);

    if (status == CEDE_NOT_FOUND) {
        *count = 0;
        return CEDE_OK;
    }
    return status;
}
