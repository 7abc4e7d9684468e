/* SPDX-License-Identifier: Apache-2.0 */
/* records_counts.h - how many things are in each state, kept beside every change of state. */
#ifndef CEDE_SP_RECORDS_COUNTS_H
#define CEDE_SP_RECORDS_COUNTS_H

#include "store/store.h"

#define COUNTS_DEVICES "devices"

/* One thing of `scope` leaves state `from` (0: it is new) and enters state `to`. */
CEDE_MUST_USE enum cede_status counts_move(struct store *store, const char *scope, int64_t from,
                                           int64_t to);
CEDE_MUST_USE enum cede_status counts_read(struct store *store, const char *scope, int64_t state,
                                           int64_t *count);

#endif
