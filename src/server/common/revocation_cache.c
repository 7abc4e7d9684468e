/* SPDX-License-Identifier: Apache-2.0 */
/* revocation_cache.c - sources and their standing, the judgement, the process that fetches. */
#include "server/common/revocation_cache.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/crypto_openssl.h"
#include "server/common/hex.h"
#include "server/common/log.h"

#define CHUNK       2000 /* entries in one transaction: workers wait no longer than for these */
#define CA_MAX      256
#define ISSUER_MAX  8192
#define SERIAL_TEXT (2 * CEDE_SERIAL_LEN_MAX + 1)

static enum cede_status write_begin(struct store *store)
{
    return store_in_transaction(store) ? CEDE_OK : store_begin(store);
}

/* --- sources ---------------------------------------------------------------------------------- */

static bool is_url(const char *url)
{
    return url == NULL || url[0] == '\0' ||
           (strncmp(url, "http://", 7) == 0 && strlen(url) < REVOCATION_URL_MAX);
}

enum cede_status revocation_cache_set_source(struct store *store, const char *ca, const char *crl,
                                             const char *ocsp)
{
    if (!is_url(crl) || !is_url(ocsp)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(store_run(store,
                       "INSERT INTO revocation_sources (ca, url, ocsp_url) VALUES ($1, '', '')"
                       " ON CONFLICT (ca) DO NOTHING",
                       STORE_PARAMS(store_text(ca)), NULL));
    if (crl != NULL) {
        CEDE_TRY(store_run(store,
                           "UPDATE revocation_sources SET url = $2, delta_url = '', number = -1,"
                           " list_number = '', checked_at = 0 WHERE ca = $1 AND url <> $2",
                           STORE_PARAMS(store_text(ca), store_text(crl)), NULL));
    }
    if (ocsp == NULL) {
        return CEDE_OK;
    }
    return store_run(store, "UPDATE revocation_sources SET ocsp_url = $2 WHERE ca = $1",
                     STORE_PARAMS(store_text(ca), store_text(ocsp)), NULL);
}

enum cede_status revocation_cache_add(struct store *store, const char *ca, const char *serial,
                                      int64_t at)
{
    return store_run(store,
                     "INSERT INTO revoked (ca, serial, at) VALUES ($1, $2, $3)"
                     " ON CONFLICT (ca, serial) DO NOTHING",
                     STORE_PARAMS(store_text(ca), store_text(serial), store_int(at)), NULL);
}

enum cede_status revocation_cache_heard(struct store *store, const char *ca, int64_t now)
{
    return store_run(store,
                     "INSERT INTO revocation_sources (ca, url, heard_at) VALUES ($1, '', $2)"
                     " ON CONFLICT (ca) DO UPDATE SET heard_at = $2",
                     STORE_PARAMS(store_text(ca), store_int(now)), NULL);
}

enum cede_status revocation_cache_is_revoked(struct store *store, const char *ca,
                                             const char *serial, bool *revoked)
{
    int64_t count = 0;

    CEDE_TRY(store_get_int(store, "SELECT count(*) FROM revoked WHERE ca = $1 AND serial = $2",
                           STORE_PARAMS(store_text(ca), store_text(serial)), &count));
    *revoked = count > 0;
    return CEDE_OK;
}

/* --- judging ---------------------------------------------------------------------------------- */

/* What is known of a CA, and of one of its certificates. */
struct standing {
    bool has_list, has_responder;
    int64_t heard_at;
    int64_t listed_at, list_ends;     /* the CRL */
    bool is_open;                     /* the responder is to be asked already */
    int64_t answered_at, answer_ends; /* when it last said "good" */
};

static enum cede_status read_standing(void *context, const struct store_row *row)
{
    struct standing *standing = context;

    standing->has_list = store_column_int(row, 0) != 0;
    standing->has_responder = store_column_int(row, 1) != 0;
    standing->heard_at = store_column_int(row, 2);
    standing->listed_at = store_column_int(row, 3);
    standing->list_ends = store_column_int(row, 4);
    standing->is_open = store_column_int(row, 5) != 0;
    standing->answered_at = store_column_int(row, 6);
    standing->answer_ends = store_column_int(row, 7);
    return CEDE_OK;
}

static enum cede_status find_standing(struct store *store, const char *ca, const char *serial,
                                      struct standing *standing)
{
    return store_get(store,
                     "SELECT CASE WHEN url = '' THEN 0 ELSE 1 END,"
                     " CASE WHEN ocsp_url = '' THEN 0 ELSE 1 END, heard_at, s.checked_at,"
                     " s.next_update, coalesce(a.open, 0), coalesce(a.checked_at, 0),"
                     " coalesce(a.next_update, 0) FROM revocation_sources AS s"
                     " LEFT JOIN ocsp_answers AS a ON a.ca = s.ca AND a.serial = $2"
                     " WHERE s.ca = $1",
                     STORE_PARAMS(store_text(ca), store_text(serial)), read_standing, standing);
}

/* Has the certificate asked about, unless that is under way. */
static enum cede_status ask_for(struct store *store, const struct standing *standing,
                                const char *ca, const char *serial, int64_t now)
{
    bool alone = !store_in_transaction(store);
    enum cede_status status = CEDE_OK;

    if (standing->is_open) {
        return CEDE_OK;
    }
    CEDE_TRY(write_begin(store));
    status = store_run(store,
                       "INSERT INTO ocsp_answers (ca, serial, asked_for, open)"
                       " VALUES ($1, $2, $3, 1)"
                       " ON CONFLICT (ca, serial) DO UPDATE SET asked_for = $3, open = 1",
                       STORE_PARAMS(store_text(ca), store_text(serial), store_int(now)), NULL);
    if (!alone) {
        return status;
    }
    if (status != CEDE_OK) {
        store_rollback(store);
        return status;
    }
    return store_commit(store);
}

static enum cede_status judge(const struct revocation_policy *policy,
                              const struct standing *standing, int64_t heard_at, int64_t now)
{
    if (revocation_judge(policy, heard_at, INT64_MAX, now) == CEDE_OK ||
        revocation_judge(policy, standing->listed_at, standing->list_ends, now) == CEDE_OK) {
        return CEDE_OK;
    }
    return revocation_judge(policy, standing->answered_at, standing->answer_ends, now);
}

enum cede_status revocation_cache_check(struct store *store, const struct revocation_policy *policy,
                                        const char *ca, const char *serial, bool independent,
                                        int64_t now)
{
    struct revocation_policy strict = {policy->freshness_s, 0, true};
    struct standing standing;
    bool revoked = false;
    int64_t heard_at = 0;
    enum cede_status status;

    CEDE_TRY(revocation_cache_is_revoked(store, ca, serial, &revoked));
    if (revoked) {
        return CEDE_CA_REVOKED;
    }
    memset(&standing, 0, sizeof standing);
    status = find_standing(store, ca, serial, &standing);
    if (status == CEDE_NOT_FOUND) {
        return CEDE_OK; /* nobody tells of this CA */
    }
    CEDE_TRY(status);
    if (independent && !standing.has_list && !standing.has_responder) {
        return CEDE_OK;
    }
    heard_at = independent ? 0 : standing.heard_at;
    if (revocation_judge(&strict, heard_at, INT64_MAX, now) == CEDE_OK ||
        revocation_judge(&strict, standing.listed_at, standing.list_ends, now) == CEDE_OK) {
        return CEDE_OK;
    }
    strict.freshness_s /= 2; /* the next answer is to be there before this one is too old */
    if (standing.has_responder &&
        revocation_judge(&strict, standing.answered_at, standing.answer_ends, now) != CEDE_OK) {
        CEDE_TRY(ask_for(store, &standing, ca, serial, now));
    }
    return judge(policy, &standing, heard_at, now);
}

/* --- fetching lists --------------------------------------------------------------------------- */

struct named_source {
    char ca[CA_MAX];
    struct revocation_source source;
};

static enum cede_status read_source(void *context, const struct store_row *row)
{
    struct named_source *named = context;

    memset(named, 0, sizeof *named);
    CEDE_TRY(store_column_copy_text(row, 0, named->ca, sizeof named->ca));
    CEDE_TRY(store_column_copy_text(row, 1, named->source.url, sizeof named->source.url));
    CEDE_TRY(
        store_column_copy_text(row, 2, named->source.delta_url, sizeof named->source.delta_url));
    CEDE_TRY(store_column_copy_text(row, 3, named->source.number, sizeof named->source.number));
    if (named->source.number[0] == '\0' && store_column_int(row, 5) >= 0) {
        snprintf(named->source.number, sizeof named->source.number, "%0*llx", REVOCATION_NUMBER_LEN,
                 (unsigned long long)store_column_int(row, 5));
    }
    named->source.next_update = store_column_int(row, 4);
    return CEDE_OK;
}

/* Entries as they come, a transaction for so many at a time. */
struct intake {
    struct store *store;
    const char *ca;
    size_t open;
};

static enum cede_status on_revoked(void *context, const struct crl_entry *entry)
{
    struct intake *intake = context;
    char serial[SERIAL_TEXT];

    if (entry->serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_X509_SERIAL;
    }
    hex_encode(entry->serial.ptr, entry->serial.len, serial);
    CEDE_TRY(write_begin(intake->store));
    CEDE_TRY(revocation_cache_add(intake->store, intake->ca, serial, (int64_t)entry->at));
    if (++intake->open < CHUNK) {
        return CEDE_OK;
    }
    intake->open = 0;
    return store_commit(intake->store);
}

static enum cede_status save_source(struct store *store, const struct named_source *named,
                                    int64_t now)
{
    const struct revocation_source *source = &named->source;

    CEDE_TRY(write_begin(store));
    CEDE_TRY(store_run(store,
                       "UPDATE revocation_sources SET delta_url = $2, list_number = $3,"
                       " next_update = $4, checked_at = $5 WHERE ca = $1 AND url = $6",
                       STORE_PARAMS(store_text(named->ca), store_text(source->delta_url),
                                    store_text(source->number), store_int(source->next_update),
                                    store_int(now), store_text(source->url)),
                       NULL));
    return store_commit(store);
}

static enum cede_status fetch_list(const struct revocation_cache *cache,
                                   struct revocation_client *client, struct named_source *named)
{
    struct intake intake = {cache->store, named->ca, 0};
    struct revocation_sink sink = {on_revoked, &intake};
    struct cede_certificate issuer;
    struct cede_span der;
    uint8_t bytes[ISSUER_MAX];
    uint64_t now = cache->now(cache->context);
    enum cede_status status;

    CEDE_TRY(cache->issuer(cache->context, named->ca, CEDE_BUF_ARRAY(bytes), &der));
    CEDE_TRY(cede_certificate_decode(der, cede_crypto_openssl(), &issuer));
    status = revocation_update(client, &issuer, now, &sink, &named->source);
    if (status == CEDE_OK) {
        return save_source(cache->store, named, (int64_t)now);
    }
    if (store_in_transaction(cache->store)) {
        (void)!store_commit(cache->store); /* what was told is true, though it was not all */
    }
    return status;
}

enum cede_status revocation_cache_fetch_lists(const struct revocation_cache *cache,
                                              struct revocation_client *client)
{
    struct named_source named;
    char last[CA_MAX] = "";
    enum cede_status status = CEDE_OK;

    for (;;) {
        status = store_get(cache->store,
                           "SELECT ca, url, delta_url, list_number, next_update, number"
                           " FROM revocation_sources"
                           " WHERE ca > $1 AND url <> '' ORDER BY ca LIMIT 1",
                           STORE_PARAMS(store_text(last)), read_source, &named);
        if (status != CEDE_OK) {
            return status == CEDE_NOT_FOUND ? CEDE_OK : status;
        }
        snprintf(last, sizeof last, "%s", named.ca);
        status = fetch_list(cache, client, &named);
        if (status != CEDE_OK) {
            log_warning("revocations of %s, %s: %s", named.ca, named.source.url,
                        cede_status_reason(status));
        }
    }
}

/* --- asking responders ------------------------------------------------------------------------ */

struct open_question {
    char ca[CA_MAX];
    char url[REVOCATION_URL_MAX];
    char serial[SERIAL_TEXT];
    int64_t this_update;
};

static enum cede_status read_question(void *context, const struct store_row *row)
{
    struct open_question *question = context;

    CEDE_TRY(store_column_copy_text(row, 0, question->ca, sizeof question->ca));
    CEDE_TRY(store_column_copy_text(row, 1, question->url, sizeof question->url));
    CEDE_TRY(store_column_copy_text(row, 2, question->serial, sizeof question->serial));
    question->this_update = store_column_int(row, 3);
    return CEDE_OK;
}

/* A responder whose certificate is known to be revoked says nothing, also if the CA has called it
 * good for its whole life (id-pkix-ocsp-nocheck; RFC 6960, section 4.2.2.2.1). */
static enum cede_status check_responder(struct store *store, const char *ca,
                                        const struct ocsp_word *word)
{
    char serial[SERIAL_TEXT];
    bool revoked = false;

    if (word->signer_len == 0) {
        return CEDE_OK;
    }
    hex_encode(word->signer, word->signer_len, serial);
    CEDE_TRY(revocation_cache_is_revoked(store, ca, serial, &revoked));
    return revoked ? CEDE_OCSP_SIGNER : CEDE_OK;
}

static enum cede_status ask_responder(const struct revocation_cache *cache,
                                      struct revocation_client *client,
                                      const struct open_question *question, uint64_t now,
                                      struct ocsp_word *word)
{
    uint8_t bytes[ISSUER_MAX], serial[CEDE_SERIAL_LEN_MAX];
    size_t len = strlen(question->serial) / 2;
    struct cede_span der;

    if (!hex_decode(question->serial, serial, len)) {
        return CEDE_X509_SERIAL;
    }
    CEDE_TRY(cache->issuer(cache->context, question->ca, CEDE_BUF_ARRAY(bytes), &der));
    CEDE_TRY(revocation_ask(client, question->url, der, cede_span(serial, len), now, word));
    CEDE_TRY(check_responder(cache->store, question->ca, word));
    return (int64_t)word->this_update < question->this_update ? CEDE_REVOCATION_BACK : CEDE_OK;
}

/* What is revoked need not be asked about again. What the CA does not know it has not issued:
 * nothing is noted, and who shows it once more is asked about once more. */
static enum cede_status save_word(struct store *store, const struct open_question *question,
                                  const struct ocsp_word *word, int64_t now)
{
    if (word->status == OCSP_REVOKED) {
        CEDE_TRY(
            revocation_cache_add(store, question->ca, question->serial, (int64_t)word->revoked_at));
        return store_run(store, "DELETE FROM ocsp_answers WHERE ca = $1 AND serial = $2",
                         STORE_PARAMS(store_text(question->ca), store_text(question->serial)),
                         NULL);
    }
    if (word->status == OCSP_UNKNOWN) {
        return store_run(store, "UPDATE ocsp_answers SET open = 0 WHERE ca = $1 AND serial = $2",
                         STORE_PARAMS(store_text(question->ca), store_text(question->serial)),
                         NULL);
    }
    return store_run(store,
                     "UPDATE ocsp_answers SET open = 0, this_update = $3, next_update = $4,"
                     " checked_at = $5"
                     " WHERE ca = $1 AND serial = $2",
                     STORE_PARAMS(store_text(question->ca), store_text(question->serial),
                                  store_int((int64_t)word->this_update),
                                  store_int((int64_t)word->next_update), store_int(now)),
                     NULL);
}

static enum cede_status save_answer(struct store *store, const struct open_question *question,
                                    const struct ocsp_word *word, int64_t now)
{
    CEDE_TRY(store_begin(store));
    CEDE_TRY(store_run(
        store, "UPDATE ocsp_answers SET tried_at = $3 WHERE ca = $1 AND serial = $2",
        STORE_PARAMS(store_text(question->ca), store_text(question->serial), store_int(now)),
        NULL));
    CEDE_TRY(word == NULL ? CEDE_OK : save_word(store, question, word, now));
    return store_commit(store);
}

/* A responder that does not answer is left alone for a while, with all that is to be asked. */
static enum cede_status leave_alone(struct store *store, const char *ca, int64_t now)
{
    return store_run(store, "UPDATE ocsp_answers SET tried_at = $2 WHERE ca = $1",
                     STORE_PARAMS(store_text(ca), store_int(now)), NULL);
}

static enum cede_status ask_one(const struct revocation_cache *cache,
                                struct revocation_client *client,
                                const struct open_question *question, int64_t now)
{
    struct ocsp_word word;
    enum cede_status status = ask_responder(cache, client, question, (uint64_t)now, &word);

    if (status != CEDE_OK) {
        log_warning("status of %s's certificate %s, %s: %s", question->ca, question->serial,
                    question->url, cede_status_reason(status));
    }
    CEDE_TRY(save_answer(cache->store, question, status == CEDE_OK ? &word : NULL, now));
    return cede_status_class(status) == CEDE_CLASS_BLOCKED
               ? leave_alone(cache->store, question->ca, now)
               : CEDE_OK;
}

/* Certificates nobody has shown for as long as an answer counts. */
static enum cede_status forget_old(const struct revocation_cache *cache, int64_t now)
{
    int64_t kept = (int64_t)cache->policy->freshness_s + (int64_t)cache->policy->grace_s;

    return store_run(cache->store, "DELETE FROM ocsp_answers WHERE asked_for < $1",
                     STORE_PARAMS(store_int(now - 2 * kept)), NULL);
}

/* What was tried in the future was tried before the clock was set back. */
enum cede_status revocation_cache_ask(const struct revocation_cache *cache,
                                      struct revocation_client *client)
{
    struct open_question question;
    int64_t now = (int64_t)cache->now(cache->context);
    enum cede_status status = CEDE_OK;

    while (status == CEDE_OK) {
        status = store_get(cache->store,
                           "SELECT a.ca, ocsp_url, serial, this_update FROM ocsp_answers AS a"
                           " JOIN revocation_sources AS s ON s.ca = a.ca WHERE open = 1"
                           " AND (tried_at <= $1 OR tried_at > $2) AND ocsp_url <> ''"
                           " ORDER BY tried_at LIMIT 1",
                           STORE_PARAMS(store_int(now - REVOCATION_OCSP_RETRY_S), store_int(now)),
                           read_question, &question);
        if (status == CEDE_OK) {
            status = ask_one(cache, client, &question, now);
        }
        if (status != CEDE_OK && store_in_transaction(cache->store)) {
            store_rollback(cache->store);
        }
    }
    return status == CEDE_NOT_FOUND ? CEDE_OK : status;
}

/* --- the process ------------------------------------------------------------------------------ */

static void run_round(const struct revocation_cache *cache, struct revocation_client *client,
                      int64_t *fetched_at)
{
    int64_t now = (int64_t)cache->now(cache->context);
    enum cede_status status = CEDE_OK;

    if (now < *fetched_at || now - *fetched_at >= REVOCATION_EVERY_S) {
        *fetched_at = now;
        status = revocation_cache_fetch_lists(cache, client);
        if (status == CEDE_OK) {
            status = forget_old(cache, now);
        }
    }
    if (status == CEDE_OK) {
        status = revocation_cache_ask(cache, client);
    }
    if (status != CEDE_OK) {
        log_error("store: %s", store_error(cache->store));
    }
}

int revocation_cache_run(const struct revocation_cache *cache, const struct supervisor_child *child)
{
    struct revocation_client *client = NULL;
    enum cede_status status = revocation_client_new(&client);
    int64_t fetched_at = 0;

    if (status != CEDE_OK) {
        log_error("revocations: %s", cede_status_reason(status));
        return EXIT_FAILURE;
    }
    run_round(cache, client, &fetched_at);
    supervisor_child_ready(child);
    while (!supervisor_child_stopping(child)) {
        struct pollfd stop = {child->stop_fd, POLLIN, 0};

        (void)poll(&stop, 1, REVOCATION_OCSP_EVERY_MS);
        run_round(cache, client, &fetched_at);
    }
    revocation_client_free(client);
    return EXIT_SUCCESS;
}
