/* SPDX-License-Identifier: Apache-2.0 */
/* dtls_sessions.c - a hash table by address and two lists by last use. */
#include "server/common/dtls_sessions.h"

#include <stdlib.h>
#include <string.h>

/* --- addresses -------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    }
    return hash ^ hash >> 29;
}

/* With a seed, so that strangers cannot aim at one bucket. */
static size_t bucket_of(const struct dtls_sessions *all, const struct cede_address *address)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ all->seed;

    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
        hash = mix(hash, &in6->sin6_addr, sizeof in6->sin6_addr);
        hash = mix(hash, &in6->sin6_port, sizeof in6->sin6_port);
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
        hash = mix(hash, &in->sin_addr, sizeof in->sin_addr);
        hash = mix(hash, &in->sin_port, sizeof in->sin_port);
    }
    return (size_t)(hash % DTLS_BUCKETS);
}

static uint32_t host_of(const struct dtls_sessions *all, const struct cede_address *address)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ all->seed;

    if (address->storage.ss_family == AF_INET6) {
        hash = mix(hash, &((const struct sockaddr_in6 *)&address->storage)->sin6_addr, 8);
    } else {
        hash = mix(hash, &((const struct sockaddr_in *)&address->storage)->sin_addr, 4);
    }
    return (uint32_t)(hash % DTLS_BUCKETS);
}

/* --- lists ------------------------------------------------------------------------------------ */

static void put_newest(struct dtls_list *list, struct dtls_session *session)
{
    session->newer = NULL;
    session->older = list->newest;
    if (list->newest != NULL) {
        list->newest->newer = session;
    }
    list->newest = session;
    if (list->oldest == NULL) {
        list->oldest = session;
    }
    list->count++;
}

static void take_out(struct dtls_list *list, struct dtls_session *session)
{
    if (session->newer != NULL) {
        session->newer->older = session->older;
    } else {
        list->newest = session->older;
    }
    if (session->older != NULL) {
        session->older->newer = session->newer;
    } else {
        list->oldest = session->newer;
    }
    list->count--;
}

static void leave_list(struct dtls_sessions *all, struct dtls_session *session)
{
    if (session->established) {
        take_out(&all->established, session);
    } else {
        take_out(&all->handshakes, session);
        all->host_counts[session->host]--;
    }
}

static struct dtls_list *list_of(struct dtls_sessions *all, const struct dtls_session *session)
{
    return session->established ? &all->established : &all->handshakes;
}

/* --- sessions --------------------------------------------------------------------------------- */

struct dtls_session *dtls_sessions_find(const struct dtls_sessions *all,
                                        const struct cede_address *address)
{
    struct dtls_session *session = all->buckets[bucket_of(all, address)];

    while (session != NULL && !cede_address_equal(&session->address, address)) {
        session = session->next_in_bucket;
    }
    return session;
}

struct dtls_session *dtls_sessions_add(struct dtls_sessions *all, struct dtls_door *door,
                                       const struct cede_address *address, SSL *ssl,
                                       uint64_t now_ms)
{
    struct dtls_session *session = calloc(1, sizeof *session);
    size_t bucket = bucket_of(all, address);

    if (session == NULL) {
        return NULL;
    }
    session->door = door;
    session->address = *address;
    session->ssl = ssl;
    session->number = all->numbers++;
    session->begun_at_ms = session->used_at_ms = now_ms;
    session->next_in_bucket = all->buckets[bucket];
    all->buckets[bucket] = session;
    put_newest(&all->handshakes, session);
    session->host = host_of(all, address);
    all->host_counts[session->host]++;
    return session;
}

void dtls_sessions_establish(struct dtls_sessions *all, struct dtls_session *session,
                             uint64_t now_ms)
{
    leave_list(all, session);
    session->established = true;
    session->used_at_ms = now_ms;
    put_newest(&all->established, session);
}

void dtls_sessions_use(struct dtls_sessions *all, struct dtls_session *session, uint64_t now_ms)
{
    session->used_at_ms = now_ms;
    take_out(list_of(all, session), session);
    put_newest(list_of(all, session), session);
}

void dtls_sessions_drop(struct dtls_sessions *all, struct dtls_session *session)
{
    struct dtls_session **link = &all->buckets[bucket_of(all, &session->address)];

    while (*link != session) {
        link = &(*link)->next_in_bucket;
    }
    *link = session->next_in_bucket;
    leave_list(all, session);
    SSL_free(session->ssl);
    cede_wipe(session, sizeof *session);
    free(session);
}

struct dtls_session *dtls_sessions_in_the_way(const struct dtls_sessions *all,
                                              const struct cede_address *address, uint32_t share,
                                              uint32_t max)
{
    uint32_t host = host_of(all, address), most = 0;
    bool has_share = all->host_counts[host] >= share;
    struct dtls_session *found = NULL;

    if (!has_share && all->handshakes.count < max) {
        return NULL;
    }
    for (struct dtls_session *at = all->handshakes.oldest; at != NULL; at = at->newer) {
        if (has_share && at->host == host) {
            return at;
        }
        if (all->host_counts[at->host] > most) {
            most = all->host_counts[at->host];
            found = at;
        }
    }
    return found;
}
