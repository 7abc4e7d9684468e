/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_sessions.h - what the compact door remembers of its peers: half-open EDHOC sessions and
 *                    established OSCORE sessions, in two tables of fixed size.
 *
 * Both are found by the connection identifier the door chose (C_R, later the OSCORE recipient id):
 * four random bytes, unique in both tables, so that a context of an earlier life of the door is
 * unknown rather than wrong. A full table drops its least recently used entry. One device has one
 * session: a new one replaces the old. Strangers can only fill the half-open table, no more
 * than a share of it from one address.
 */
#ifndef CEDE_SERVER_EDHOC_SESSIONS_H
#define CEDE_SERVER_EDHOC_SESSIONS_H

#include "cede/edhoc.h"
#include "cede/oscore.h"
#include "server/common/coap_door.h"

#define EDHOC_ID_LEN          4
#define EDHOC_ADDRESS_BUCKETS 4096
#define EDHOC_NONE            UINT32_MAX

/* Links of an entry in its table, by index. */
struct edhoc_links {
    uint32_t chain; /* next entry of the same bucket, or next free one */
    uint32_t newer, older;
    uint8_t id[EDHOC_ID_LEN];
    bool used;
};

struct edhoc_table {
    struct edhoc_links *links;
    uint32_t *buckets;
    uint32_t mask; /* buckets, a power of two, minus one */
    uint32_t max;
    uint32_t count;
    uint32_t newest, oldest, free;
};

struct edhoc_half_open {
    struct cede_edhoc_session edhoc;
    uint64_t began_ms;
    struct cede_address from;
    uint32_t address_bucket;
};

struct edhoc_peer_session {
    struct cede_oscore_context oscore;
    struct coap_peer peer; /* peer.certificate is owned */
    uint32_t device_chain; /* next session with the same device bucket */
    uint32_t doomed_chain; /* next doomed session */
    bool doomed;           /* to be dropped at the end of the batch */
};

struct edhoc_sessions {
    struct edhoc_table half_open_table;
    struct edhoc_half_open *half_open;
    struct edhoc_table table;
    struct edhoc_peer_session *sessions;
    uint32_t *device_buckets;
    uint32_t address_counts[EDHOC_ADDRESS_BUCKETS];
    uint32_t per_address_max;
    uint32_t doomed_first;
    uint64_t hash_key; /* random: strangers cannot aim at a bucket */
    uint64_t evicted;
    const struct cede_crypto *crypto;
};

CEDE_MUST_USE enum cede_status edhoc_sessions_init(struct edhoc_sessions *all,
                                                   const struct cede_crypto *crypto,
                                                   uint32_t sessions_max, uint32_t half_open_max,
                                                   uint32_t per_address_max);
void edhoc_sessions_wipe(struct edhoc_sessions *all);

/* A fresh identifier that is in neither table. */
CEDE_MUST_USE enum cede_status edhoc_sessions_choose_id(const struct edhoc_sessions *all,
                                                        uint8_t id[EDHOC_ID_LEN]);

/* False when the address has its share of half-open sessions already. IPv6: its /64. */
bool edhoc_half_open_admits(const struct edhoc_sessions *all, const struct cede_address *address);
/* Drops the oldest of that address. */
void edhoc_half_open_make_room(struct edhoc_sessions *all, const struct cede_address *address);
/* A zeroed entry. Of a full table the address that has the most loses its oldest. */
struct edhoc_half_open *edhoc_half_open_add(struct edhoc_sessions *all,
                                            const uint8_t id[EDHOC_ID_LEN],
                                            const struct cede_address *address, uint64_t now_ms);
struct edhoc_half_open *edhoc_half_open_find(struct edhoc_sessions *all, struct cede_span id);
void edhoc_half_open_drop(struct edhoc_sessions *all, struct edhoc_half_open *entry);
/* The oldest, if it began before `before_ms`; else null. */
struct edhoc_half_open *edhoc_half_open_expired(const struct edhoc_sessions *all,
                                                uint64_t before_ms);

/* An entry with `peer`, whose certificate is copied; earlier sessions of the same certificate are
 * doomed. Null: no memory. */
struct edhoc_peer_session *edhoc_session_add(struct edhoc_sessions *all,
                                             const uint8_t id[EDHOC_ID_LEN],
                                             const struct coap_peer *peer);
/* Not the doomed ones. Finding makes an entry the most recently used. */
struct edhoc_peer_session *edhoc_session_find(struct edhoc_sessions *all, struct cede_span id);
uint32_t edhoc_session_index(const struct edhoc_sessions *all,
                             const struct edhoc_peer_session *session);
/* Marks a session: nobody finds it any more, but pointers stay good until edhoc_sessions_reap(). */
void edhoc_session_doom(struct edhoc_sessions *all, struct edhoc_peer_session *session);
void edhoc_sessions_reap(struct edhoc_sessions *all);
/* Dooms all sessions of a device id; returns how many. */
uint32_t edhoc_sessions_doom_device(struct edhoc_sessions *all, const char *device_id);

#endif
