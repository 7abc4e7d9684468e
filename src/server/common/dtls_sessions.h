/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_sessions.h - the peers of a DTLS door: handshakes under way and sessions, found by address,
 * in the order they were last used.
 *
 * Memory: one block of the heap a session; the tables are bounded by the caller, who looks at the
 *      counts. A session that is part of a batch must not be dropped before the batch is over.
 */
#ifndef CEDE_SERVER_DTLS_SESSIONS_H
#define CEDE_SERVER_DTLS_SESSIONS_H

#include <openssl/ssl.h>

#include "cede/posix.h"
#include "port/dtls/datagram_bio.h"
#include "server/common/coap_door.h"

#define DTLS_ANSWER_MAX 1280

struct dtls_door;

struct dtls_session {
    struct dtls_session *next_in_bucket;
    struct dtls_session *newer, *older; /* by last use, within its kind */
    struct dtls_door *door;
    struct cede_address address;
    SSL *ssl;
    struct datagram_bio datagrams;
    bool established;
    bool refused;  /* and the reason is in the log */
    bool told;     /* that it may not renegotiate */
    bool doomed;   /* goes at the end of the batch */
    unsigned uses; /* answers of the present batch that are still to be sent */
    uint32_t number;
    uint64_t begun_at_ms, used_at_ms;
    uint32_t host; /* index into host_counts */
    struct coap_peer peer;
    uint8_t certificate[COAP_DOOR_CERTIFICATE_MAX]; /* what peer.certificate points to */
    /* The last request and its answer: a client has one outstanding (RFC 7252, section 4.7), so it
     * is the only one that can come again. */
    bool has_last;
    uint16_t last_id;
    uint8_t last_answer[DTLS_ANSWER_MAX];
    size_t last_answer_len;
};

#define DTLS_BUCKETS 4096

struct dtls_list {
    struct dtls_session *newest, *oldest;
    uint32_t count;
};

struct dtls_sessions {
    struct dtls_session *buckets[DTLS_BUCKETS];
    struct dtls_list handshakes, established;
    uint32_t host_counts[DTLS_BUCKETS]; /* handshakes, by the hash of the host */
    uint64_t seed;
    uint32_t numbers;
};

struct dtls_session *dtls_sessions_find(const struct dtls_sessions *all,
                                        const struct cede_address *address);
/* A handshake with that address begins; the SSL becomes the session's. Null: no memory. */
struct dtls_session *dtls_sessions_add(struct dtls_sessions *all, struct dtls_door *door,
                                       const struct cede_address *address, SSL *ssl,
                                       uint64_t now_ms);
/* The handshake is over. */
void dtls_sessions_establish(struct dtls_sessions *all, struct dtls_session *session,
                             uint64_t now_ms);
void dtls_sessions_use(struct dtls_sessions *all, struct dtls_session *session, uint64_t now_ms);
/* Frees it without a word. */
void dtls_sessions_drop(struct dtls_sessions *all, struct dtls_session *session);
/* The handshake that makes room for one more with that host (IPv6: its /64), null when there is
 * room: the oldest of that host if it has `share` of them; if there are `max`, the oldest of the
 * host that has the most, for that is no device with a slow line. */
struct dtls_session *dtls_sessions_in_the_way(const struct dtls_sessions *all,
                                              const struct cede_address *address, uint32_t share,
                                              uint32_t max);

#endif
