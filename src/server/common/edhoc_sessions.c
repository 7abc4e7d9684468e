/* SPDX-License-Identifier: Apache-2.0 */
/* edhoc_sessions.c - the tables: chained hashing by identifier, a list in order of last use. */
#include "server/common/edhoc_sessions.h"

#include <stdlib.h>
#include <string.h>

/* --- hashing ---------------------------------------------------------------------------------- */

/* FNV-1a behind a random key: enough against aiming, since the values hashed are random anyway
 * (identifiers, thumbprints) or only share a counter (addresses). */
static uint32_t keyed_hash(uint64_t key, const uint8_t *bytes, size_t len)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ key;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    }
    hash ^= hash >> 29;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(hash >> 32);
}

static uint32_t address_bucket(const struct edhoc_sessions *all, const struct cede_address *address)
{
    uint8_t bytes[8];
    size_t len = 0;

    if (address->storage.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &address->storage, sizeof in6);
        len = 8; /* the /64: a host has all of it */
        memcpy(bytes, in6.sin6_addr.s6_addr, len);
    } else {
        struct sockaddr_in in;
        memcpy(&in, &address->storage, sizeof in);
        len = 4;
        memcpy(bytes, &in.sin_addr, len);
    }
    return keyed_hash(all->hash_key, bytes, len) % EDHOC_ADDRESS_BUCKETS;
}

/* --- one table -------------------------------------------------------------------------------- */

static uint32_t power_of_two(uint32_t at_least)
{
    uint32_t power = 16;

    while (power < at_least && power < UINT32_C(1) << 30) {
        power *= 2;
    }
    return power;
}

static uint32_t *new_buckets(uint32_t count)
{
    uint32_t *buckets = malloc(count * sizeof *buckets);

    for (uint32_t i = 0; buckets != NULL && i < count; i++) {
        buckets[i] = EDHOC_NONE;
    }
    return buckets;
}

static enum cede_status table_init(struct edhoc_table *table, uint32_t max)
{
    uint32_t buckets_count = power_of_two(max);

    memset(table, 0, sizeof *table);
    table->links = calloc(max, sizeof *table->links);
    table->buckets = new_buckets(buckets_count);
    if (table->links == NULL || table->buckets == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    table->mask = buckets_count - 1;
    table->max = max;
    table->newest = table->oldest = EDHOC_NONE;
    table->free = 0;
    for (uint32_t i = 0; i < max; i++) {
        table->links[i].chain = i + 1 < max ? i + 1 : EDHOC_NONE;
    }
    return CEDE_OK;
}

static void table_free(struct edhoc_table *table)
{
    free(table->links);
    free(table->buckets);
    memset(table, 0, sizeof *table);
}

static uint32_t *table_bucket(const struct edhoc_table *table, const uint8_t id[EDHOC_ID_LEN])
{
    uint32_t value = 0;

    memcpy(&value, id, sizeof value);
    return &table->buckets[value & table->mask];
}

static uint32_t table_find(const struct edhoc_table *table, struct cede_span id)
{
    uint32_t i = EDHOC_NONE;

    if (id.len != EDHOC_ID_LEN) {
        return EDHOC_NONE;
    }
    for (i = *table_bucket(table, id.ptr); i != EDHOC_NONE; i = table->links[i].chain) {
        if (memcmp(table->links[i].id, id.ptr, EDHOC_ID_LEN) == 0) {
            break;
        }
    }
    return i;
}

static void list_take_out(struct edhoc_table *table, uint32_t at)
{
    struct edhoc_links *links = &table->links[at];

    if (links->newer == EDHOC_NONE) {
        table->newest = links->older;
    } else {
        table->links[links->newer].older = links->older;
    }
    if (links->older == EDHOC_NONE) {
        table->oldest = links->newer;
    } else {
        table->links[links->older].newer = links->newer;
    }
}

static void list_put_first(struct edhoc_table *table, uint32_t at)
{
    struct edhoc_links *links = &table->links[at];

    links->newer = EDHOC_NONE;
    links->older = table->newest;
    if (table->newest == EDHOC_NONE) {
        table->oldest = at;
    } else {
        table->links[table->newest].newer = at;
    }
    table->newest = at;
}

static void table_touch(struct edhoc_table *table, uint32_t at)
{
    list_take_out(table, at);
    list_put_first(table, at);
}

/* The caller has made room. */
static uint32_t table_add(struct edhoc_table *table, const uint8_t id[EDHOC_ID_LEN])
{
    uint32_t at = table->free;
    uint32_t *bucket = table_bucket(table, id);

    table->free = table->links[at].chain;
    memcpy(table->links[at].id, id, EDHOC_ID_LEN);
    table->links[at].used = true;
    table->links[at].chain = *bucket;
    *bucket = at;
    list_put_first(table, at);
    table->count++;
    return at;
}

static void table_drop(struct edhoc_table *table, uint32_t at)
{
    uint32_t *link = table_bucket(table, table->links[at].id);

    while (*link != at) {
        link = &table->links[*link].chain;
    }
    *link = table->links[at].chain;
    list_take_out(table, at);
    table->links[at].used = false;
    table->links[at].chain = table->free;
    table->free = at;
    table->count--;
}

/* --- both ------------------------------------------------------------------------------------- */

enum cede_status edhoc_sessions_init(struct edhoc_sessions *all, const struct cede_crypto *crypto,
                                     uint32_t sessions_max, uint32_t half_open_max,
                                     uint32_t per_address_max)
{
    enum cede_status status = CEDE_OK;

    memset(all, 0, sizeof *all);
    all->crypto = crypto;
    all->per_address_max = per_address_max;
    all->doomed_first = EDHOC_NONE;
    status =
        crypto->random(crypto->context, cede_buf((uint8_t *)&all->hash_key, sizeof all->hash_key));
    if (status == CEDE_OK) {
        status = table_init(&all->half_open_table, half_open_max);
    }
    if (status == CEDE_OK) {
        status = table_init(&all->table, sessions_max);
    }
    if (status == CEDE_OK) {
        all->half_open = calloc(half_open_max, sizeof *all->half_open);
        all->sessions = calloc(sessions_max, sizeof *all->sessions);
        all->device_buckets = new_buckets(all->table.mask + 1);
        if (all->half_open == NULL || all->sessions == NULL || all->device_buckets == NULL) {
            status = CEDE_SERVER_MEMORY;
        }
    }
    if (status != CEDE_OK) {
        edhoc_sessions_wipe(all);
    }
    return status;
}

enum cede_status edhoc_sessions_choose_id(const struct edhoc_sessions *all,
                                          uint8_t id[EDHOC_ID_LEN])
{
    struct cede_span span = cede_span(id, EDHOC_ID_LEN);

    do {
        CEDE_TRY(all->crypto->random(all->crypto->context, cede_buf(id, EDHOC_ID_LEN)));
    } while (table_find(&all->half_open_table, span) != EDHOC_NONE ||
             table_find(&all->table, span) != EDHOC_NONE);
    return CEDE_OK;
}

/* --- half-open -------------------------------------------------------------------------------- */

bool edhoc_half_open_admits(const struct edhoc_sessions *all, const struct cede_address *address)
{
    return all->address_counts[address_bucket(all, address)] < all->per_address_max;
}

void edhoc_half_open_drop(struct edhoc_sessions *all, struct edhoc_half_open *entry)
{
    all->address_counts[entry->address_bucket]--;
    cede_edhoc_wipe(&entry->edhoc);
    table_drop(&all->half_open_table, (uint32_t)(entry - all->half_open));
}

void edhoc_half_open_make_room(struct edhoc_sessions *all, const struct cede_address *address)
{
    uint32_t bucket = address_bucket(all, address);
    uint32_t at = all->half_open_table.oldest;

    while (at != EDHOC_NONE && all->half_open[at].address_bucket != bucket) {
        at = all->half_open_table.links[at].newer;
    }
    if (at != EDHOC_NONE) {
        edhoc_half_open_drop(all, &all->half_open[at]);
    }
}

/* A flood has many of an address, a device with a slow line has one. */
static uint32_t oldest_of_the_most(const struct edhoc_sessions *all)
{
    uint32_t found = all->half_open_table.oldest, most = 0;

    for (uint32_t at = found; at != EDHOC_NONE; at = all->half_open_table.links[at].newer) {
        uint32_t count = all->address_counts[all->half_open[at].address_bucket];
        if (count > most) {
            most = count;
            found = at;
        }
    }
    return found;
}

struct edhoc_half_open *edhoc_half_open_add(struct edhoc_sessions *all,
                                            const uint8_t id[EDHOC_ID_LEN],
                                            const struct cede_address *address, uint64_t now_ms)
{
    struct edhoc_half_open *entry = NULL;

    if (all->half_open_table.count == all->half_open_table.max) {
        edhoc_half_open_drop(all, &all->half_open[oldest_of_the_most(all)]);
        all->evicted++;
    }
    entry = &all->half_open[table_add(&all->half_open_table, id)];
    memset(entry, 0, sizeof *entry);
    entry->began_ms = now_ms;
    entry->from = *address;
    entry->address_bucket = address_bucket(all, address);
    all->address_counts[entry->address_bucket]++;
    return entry;
}

struct edhoc_half_open *edhoc_half_open_find(struct edhoc_sessions *all, struct cede_span id)
{
    uint32_t at = table_find(&all->half_open_table, id);

    return at == EDHOC_NONE ? NULL : &all->half_open[at];
}

struct edhoc_half_open *edhoc_half_open_expired(const struct edhoc_sessions *all,
                                                uint64_t before_ms)
{
    uint32_t oldest = all->half_open_table.oldest; /* never touched: the list is in order of age */

    return oldest != EDHOC_NONE && all->half_open[oldest].began_ms < before_ms
               ? &all->half_open[oldest]
               : NULL;
}

/* --- established ------------------------------------------------------------------------------ */

static uint32_t *device_bucket(const struct edhoc_sessions *all, const uint8_t thumbprint[32])
{
    return &all->device_buckets[keyed_hash(all->hash_key, thumbprint, 32) & all->table.mask];
}

static void session_free(struct edhoc_sessions *all, uint32_t at)
{
    struct edhoc_peer_session *session = &all->sessions[at];
    uint32_t *link = device_bucket(all, session->peer.thumbprint);

    while (*link != at) {
        link = &all->sessions[*link].device_chain;
    }
    *link = session->device_chain;
    cede_oscore_close(&session->oscore, all->crypto);
    free((void *)(uintptr_t)session->peer.certificate.ptr);
    memset(session, 0, sizeof *session);
    table_drop(&all->table, at);
}

static void doom_earlier_sessions(struct edhoc_sessions *all, const uint8_t thumbprint[32])
{
    for (uint32_t i = *device_bucket(all, thumbprint); i != EDHOC_NONE;
         i = all->sessions[i].device_chain) {
        if (memcmp(all->sessions[i].peer.thumbprint, thumbprint, 32) == 0) {
            edhoc_session_doom(all, &all->sessions[i]);
        }
    }
}

/* Never an entry of the present batch: the table is larger than that. */
static void evict_oldest(struct edhoc_sessions *all)
{
    uint32_t oldest = all->table.oldest;
    uint32_t *link = &all->doomed_first;

    while (all->sessions[oldest].doomed && *link != oldest) {
        link = &all->sessions[*link].doomed_chain;
    }
    if (all->sessions[oldest].doomed) {
        *link = all->sessions[oldest].doomed_chain;
    }
    session_free(all, oldest);
    all->evicted++;
}

struct edhoc_peer_session *edhoc_session_add(struct edhoc_sessions *all,
                                             const uint8_t id[EDHOC_ID_LEN],
                                             const struct coap_peer *peer)
{
    struct edhoc_peer_session *session = NULL;
    uint8_t *certificate = malloc(peer->certificate.len);
    uint32_t *bucket = NULL;

    if (certificate == NULL) {
        return NULL;
    }
    memcpy(certificate, peer->certificate.ptr, peer->certificate.len);
    doom_earlier_sessions(all, peer->thumbprint);
    if (all->table.count == all->table.max) {
        evict_oldest(all);
    }
    session = &all->sessions[table_add(&all->table, id)];
    session->peer = *peer;
    session->peer.certificate.ptr = certificate;
    bucket = device_bucket(all, peer->thumbprint);
    session->device_chain = *bucket;
    *bucket = edhoc_session_index(all, session);
    return session;
}

struct edhoc_peer_session *edhoc_session_find(struct edhoc_sessions *all, struct cede_span id)
{
    uint32_t at = table_find(&all->table, id);

    if (at == EDHOC_NONE || all->sessions[at].doomed) {
        return NULL;
    }
    table_touch(&all->table, at);
    return &all->sessions[at];
}

uint32_t edhoc_session_index(const struct edhoc_sessions *all,
                             const struct edhoc_peer_session *session)
{
    return (uint32_t)(session - all->sessions);
}

void edhoc_session_doom(struct edhoc_sessions *all, struct edhoc_peer_session *session)
{
    if (!session->doomed) {
        session->doomed = true;
        session->doomed_chain = all->doomed_first;
        all->doomed_first = edhoc_session_index(all, session);
    }
}

void edhoc_sessions_reap(struct edhoc_sessions *all)
{
    while (all->doomed_first != EDHOC_NONE) {
        uint32_t at = all->doomed_first;
        all->doomed_first = all->sessions[at].doomed_chain;
        session_free(all, at);
    }
}

uint32_t edhoc_sessions_doom_device(struct edhoc_sessions *all, const char *device_id)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < all->table.max; i++) {
        if (all->table.links[i].used && !all->sessions[i].doomed &&
            strcmp(all->sessions[i].peer.device_id, device_id) == 0) {
            edhoc_session_doom(all, &all->sessions[i]);
            count++;
        }
    }
    return count;
}

void edhoc_sessions_wipe(struct edhoc_sessions *all)
{
    for (uint32_t i = 0; all->half_open != NULL && i < all->half_open_table.max; i++) {
        cede_edhoc_wipe(&all->half_open[i].edhoc);
    }
    for (uint32_t i = 0; all->sessions != NULL && i < all->table.max; i++) {
        if (all->table.links[i].used) {
            cede_oscore_close(&all->sessions[i].oscore, all->crypto);
            free((void *)(uintptr_t)all->sessions[i].peer.certificate.ptr);
        }
    }
    free(all->half_open);
    free(all->sessions);
    free(all->device_buckets);
    table_free(&all->half_open_table);
    table_free(&all->table);
    memset(all, 0, sizeof *all);
}
