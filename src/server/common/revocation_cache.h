/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation_cache.h - what a relying server knows of the revocations of the CAs it goes by, kept
 * in its store.
 *
 * A process of its own fetches (revocation_cache_run), so that a slow responder holds up nobody
 * else; the workers look into the store at each session and each request (revocation_cache_check).
 * Three sources tell of a CA, each is enough: its CRL; its OCSP responder, which is asked about the
 * certificates that come when the rest is not fresh; and a partners' interface of the server's own
 * (revocation_cache_heard). What one of them has revoked stays revoked.
 * How long a word counts, and what holds in an outage, is said by struct revocation_policy.
 * Call order: the tables by REVOCATION_*_SQL, then revocation_cache_set_source for each CA.
 * Names: `ca` is the caller's own name of a CA; `serial` is lower-case hexadecimal, without leading
 *      zero bytes.
 */
#ifndef CEDE_SERVER_REVOCATION_CACHE_H
#define CEDE_SERVER_REVOCATION_CACHE_H

#include "server/common/revocation_check.h"
#include "server/common/supervisor.h"
#include "store/store.h"

/* Steps of a schema. */
#define REVOCATION_REVOKED_SQL                                                                     \
    "CREATE TABLE revoked ("                                                                       \
    "  ca TEXT NOT NULL, serial TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (ca, serial));"
#define REVOCATION_SOURCES_SQL                                                                     \
    "CREATE TABLE revocation_sources ("                                                            \
    "  ca TEXT PRIMARY KEY, url TEXT NOT NULL, delta_url TEXT NOT NULL DEFAULT '',"                \
    "  number BIGINT NOT NULL DEFAULT -1, next_update BIGINT NOT NULL DEFAULT 0,"                  \
    "  checked_at BIGINT NOT NULL DEFAULT 0);"
#define REVOCATION_OCSP_SQL                                                                        \
    "ALTER TABLE revocation_sources ADD COLUMN ocsp_url TEXT NOT NULL DEFAULT '';"                 \
    "ALTER TABLE revocation_sources ADD COLUMN heard_at BIGINT NOT NULL DEFAULT 0;"                \
    "CREATE TABLE ocsp_answers ("                                                                  \
    "  ca TEXT NOT NULL, serial TEXT NOT NULL, asked_for BIGINT NOT NULL,"                         \
    "  tried_at BIGINT NOT NULL DEFAULT 0, this_update BIGINT NOT NULL DEFAULT 0,"                 \
    "  next_update BIGINT NOT NULL DEFAULT 0, checked_at BIGINT NOT NULL DEFAULT 0,"               \
    "  PRIMARY KEY (ca, serial));"
/* Who waits for an answer comes again, and asks again. */
#define REVOCATION_OPEN_SQL "ALTER TABLE ocsp_answers ADD COLUMN open BIGINT NOT NULL DEFAULT 0;"
/* Numbers of lists have up to 20 bytes; `number` is of those taken before. */
#define REVOCATION_NUMBER_SQL                                                                      \
    "ALTER TABLE revocation_sources ADD COLUMN list_number TEXT NOT NULL DEFAULT '';"

#define REVOCATION_EVERY_S       10 /* how often lists are fetched */
#define REVOCATION_OCSP_EVERY_MS 500
#define REVOCATION_OCSP_RETRY_S  5 /* after a question that got no answer */

/* Where a CA's CRL and OCSP responder are, http://...; "": there is none, null: as before.
 * CEDE_BAD_ARGUMENT: no such URL. What is known to be revoked stays so. */
CEDE_MUST_USE enum cede_status revocation_cache_set_source(struct store *store, const char *ca,
                                                           const char *crl, const char *ocsp);
/* A revocation that was told; known before or not. `at` is when it was revoked. */
CEDE_MUST_USE enum cede_status revocation_cache_add(struct store *store, const char *ca,
                                                    const char *serial, int64_t at);
/* At `now` the CA itself has told all that it had revoked. */
CEDE_MUST_USE enum cede_status revocation_cache_heard(struct store *store, const char *ca,
                                                      int64_t now);
CEDE_MUST_USE enum cede_status revocation_cache_is_revoked(struct store *store, const char *ca,
                                                           const char *serial, bool *revoked);

/* May a certificate of this CA be taken? CEDE_CA_REVOKED: no. CEDE_REVOCATION_UNKNOWN: what is
 * known is too old, or nothing is known yet; the responder, if there is one, is asked, so another
 * try may succeed. CEDE_OK also for a CA without any source. `independent`: what was heard from the
 * CA's own server does not count, for it is that server's certificate. Commits what it writes,
 * unless a transaction is open. */
CEDE_MUST_USE enum cede_status revocation_cache_check(struct store *store,
                                                      const struct revocation_policy *policy,
                                                      const char *ca, const char *serial,
                                                      bool independent, int64_t now);

/* --- the process that fetches ------------------------------------------------------------------
 */

struct revocation_cache {
    struct store *store;
    const struct revocation_policy *policy;
    /* The certificate of a CA, DER, copied into `out`. */
    enum cede_status (*issuer)(void *context, const char *ca, struct cede_buf out,
                               struct cede_span *der);
    uint64_t (*now)(void *context);
    void *context;
};

/* One round over all CRLs; failures of sources are logged, those of the store returned. */
CEDE_MUST_USE enum cede_status revocation_cache_fetch_lists(const struct revocation_cache *cache,
                                                            struct revocation_client *client);
/* One round over the questions that are open. */
CEDE_MUST_USE enum cede_status revocation_cache_ask(const struct revocation_cache *cache,
                                                    struct revocation_client *client);
/* The process that does so until it is to stop; its exit status. It is ready once it has tried to
 * fetch each list: who is served from then on is not refused for want of a list that is there. */
int revocation_cache_run(const struct revocation_cache *cache,
                         const struct supervisor_child *child);

#endif
