/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crl_publisher.h - keeps a CA's complete CRL and its delta up to date, beside the revocations and
 *                   never in their way.
 *
 * A revocation is one row, whatever the number of rows. The publisher looks for new rows, and makes
 * lists of them a moment later, for all that came meanwhile. While the complete list is short it is
 * made anew each time, with an empty delta; once it is long it stays until the delta has grown to a
 * quarter of it or its time comes, and the delta carries what is new (RFC 5280, section 5.2.4).
 * Rows are read a few thousand a turn of the loop.
 *
 * What was published is kept in a store of its own (status.db), so that a restart serves it at once
 * and numbers go on. Numbers are the time of the list in seconds, or the last one plus one: even a
 * lost store does not make them go back.
 */
#ifndef CEDE_SERVER_CA_CRL_PUBLISHER_H
#define CEDE_SERVER_CA_CRL_PUBLISHER_H

#include "server/ca/ca_internal.h"
#include "server/common/crl.h"
#include "server/common/http_door.h"

/* So many entries are short. */
#define CRL_SHORT 1000
#define CRL_STEP  2000 /* rows read in one turn */

/* A list as it was published. */
struct crl_list {
    struct http_blob *blob; /* null: none yet */
    int64_t number;
    int64_t this_update;
    int64_t next_update;
    int64_t up_to; /* last row of `revocation` that it covers */
    int64_t count;
};

struct crl_publisher {
    struct ca *ca;
    struct store *store; /* status.db */
    struct crl_list complete;
    struct crl_list delta;
    /* Made of these records by this process. What was loaded may be of others: records restored
     * from an older copy count their rows anew. */
    bool fits;

    bool working; /* rows are being read for a list */
    bool making_delta;
    struct crl_entries entries;
    int64_t from;       /* last row read */
    int64_t up_to;      /* last row to read */
    int64_t not_before; /* entries that expired before are left out */
    int64_t made_at;    /* when the last list was begun: its thisUpdate */
};

/* Reads what was published before. `store` must be migrated with crl_publisher_migrations. */
CEDE_MUST_USE enum cede_status crl_publisher_open(struct crl_publisher *publisher, struct ca *ca,
                                                  struct store *store);
void crl_publisher_close(struct crl_publisher *publisher);

extern const struct store_migration crl_publisher_migrations[];
extern const size_t crl_publisher_migrations_count;

/* Does a part of what is due; *busy: there is more to do at once. `last_row` is the newest row of
 * `revocation`. */
CEDE_MUST_USE enum cede_status crl_publisher_step(struct crl_publisher *publisher, int64_t last_row,
                                                  bool *busy);
/* Is there a list that covers this row? */
bool crl_publisher_covers(const struct crl_publisher *publisher, int64_t row);

#endif
