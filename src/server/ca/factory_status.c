/* SPDX-License-Identifier: Apache-2.0 */
/* factory_status.c - by the caches of revocation_cache.h. */
#include "server/ca/factory_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/posix.h"
#include "server/common/confine.h"
#include "server/common/hex.h"
#include "server/common/log.h"
#include "server/common/revocation_cache.h"

/* --- at the doors ----------------------------------------------------------------------------- */

/* By its name, and by its key where that tells more: a CA that has changed its key has two anchors
 * of one name, and either speaks of its own certificates. */
static bool has_issued(struct ca *ca, size_t at, const struct cede_certificate *certificate)
{
    const struct ca_policy *policy = &ca->policy;
    const struct cede_certificate *anchor = &policy->anchors[at];

    if (!cede_name_equal(certificate->issuer, anchor->subject)) {
        return false;
    }
    for (size_t i = 0; i < policy->anchors_count; i++) {
        if (i != at && cede_name_equal(policy->anchors[i].subject, anchor->subject)) {
            return cede_certificate_verify(certificate, anchor, ca->crypto,
                                           CEDE_BUF_ARRAY(ca->scratch)) == CEDE_OK;
        }
    }
    return true;
}

enum cede_status factory_status_check(struct ca *ca, struct cede_span raw)
{
    const struct ca_policy *policy = &ca->policy;
    struct cede_certificate certificate;
    char serial[2 * CEDE_SERIAL_LEN_MAX + 1];

    if (!policy->anchors_watched) {
        return CEDE_OK;
    }
    CEDE_TRY(cede_certificate_decode(raw, ca->crypto, &certificate));
    if (certificate.serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_X509_SERIAL;
    }
    hex_encode(certificate.serial.ptr, certificate.serial.len, serial);
    for (size_t i = 0; i < policy->anchors_count; i++) {
        if (has_issued(ca, i, &certificate)) {
            CEDE_TRY(revocation_cache_check(ca->store, &policy->factory_status,
                                            policy->anchor_sources[i].name, serial, false,
                                            (int64_t)ca_now(ca)));
        }
    }
    return CEDE_OK;
}

/* --- the process ------------------------------------------------------------------------------ */

struct process {
    struct store *store;
    struct ca_policy policy;
};

static const struct cede_certificate *find_anchor(const struct ca_policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->anchors_count; i++) {
        if (strcmp(policy->anchor_sources[i].name, name) == 0) {
            return &policy->anchors[i];
        }
    }
    return NULL;
}

static enum cede_status find_issuer(void *context, const char *ca, struct cede_buf out,
                                    struct cede_span *der)
{
    const struct process *process = context;
    const struct cede_certificate *anchor = find_anchor(&process->policy, ca);

    return anchor == NULL ? CEDE_NOT_FOUND : cede_copy(out, anchor->raw, der);
}

static uint64_t wall_clock(void *context)
{
    (void)context;
    return cede_wall_clock();
}

static enum cede_status drop_unless_named(void *context, const struct store_row *row)
{
    const struct process *process = context;
    char name[REVOCATION_URL_MAX];

    CEDE_TRY(store_column_copy_text(row, 0, name, sizeof name));
    return find_anchor(&process->policy, name) != NULL
               ? CEDE_OK
               : revocation_cache_set_source(process->store, name, "", "");
}

/* What the policy no longer names is no source any more; its revocations stay. */
static enum cede_status write_sources(struct process *process)
{
    CEDE_TRY(store_query(process->store, "SELECT ca FROM revocation_sources ORDER BY ca",
                         STORE_NO_PARAMS, drop_unless_named, process));
    for (size_t i = 0; i < process->policy.anchors_count; i++) {
        const struct ca_anchor_source *source = &process->policy.anchor_sources[i];

        CEDE_TRY(
            revocation_cache_set_source(process->store, source->name, source->crl, source->ocsp));
    }
    return CEDE_OK;
}

static enum cede_status open_process(struct process *process, const char *directory)
{
    char path[PATH_MAX];
    enum cede_status status = CEDE_OK;

    if (snprintf(path, sizeof path, "%s/store.db", directory) >= PATH_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(ca_policy_load(directory, &process->policy));
    CEDE_TRY(store_open(path, &process->store));
    CEDE_TRY(store_begin(process->store));
    status = write_sources(process);
    if (status != CEDE_OK) {
        store_rollback(process->store);
        return status;
    }
    CEDE_TRY(store_commit(process->store));
    return confine_to_store(path, true);
}

int factory_status_run(const char *directory, const struct supervisor_child *child)
{
    struct process *process = calloc(1, sizeof *process);
    struct revocation_cache cache = {.issuer = find_issuer, .now = wall_clock, .context = process};
    enum cede_status status = CEDE_SERVER_MEMORY;
    int code = EXIT_FAILURE;

    if (process != NULL) {
        status = open_process(process, directory);
    }
    if (status == CEDE_OK) {
        cache.store = process->store;
        cache.policy = &process->policy.factory_status;
        code = revocation_cache_run(&cache, child);
    } else {
        log_error("factory status: %s. %s", cede_status_reason(status), ca_last_error());
    }
    if (process != NULL) {
        store_close(process->store);
        ca_policy_wipe(&process->policy);
    }
    free(process);
    return code;
}
