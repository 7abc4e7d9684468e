/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_door.h - the door of the X.509 profile: a CoAP server over DTLS 1.2 in a libevent loop, with
 *               certificates at both ends (RFC 7252, section 9; RFC 7925, section 4.4; RFC 9148).
 *
 * Place: server; beside coap_door.h, with the same callbacks: the services do not know by which of
 *      the two doors a device came.
 * Use: fill a struct dtls_door_config, dtls_door_open() in each worker process, run the loop,
 *      dtls_door_close(). coap_door_socket() makes sockets.
 * What a datagram meets, cheapest first (R11): the address's session; without one only a
 *      ClientHello with a cookie made for that address (RFC 6347, section 4.2.1) costs state. State
 *      is bounded: there is a fixed number of sessions and of handshakes; the least recently used
 *      session makes room. A handshake may take handshake_s. When there are too many, of one
 *      address or in all, the oldest makes room of the address that has the most: who fills the
 *      table shuts nobody out. Bodies in blocks: coap_bodies.h.
 * Whom to let in: OpenSSL checks that the device has its key; authenticate() decides on the
 *      certificate, as at the compact door.
 * Batches: as at the compact door, answers leave after after_batch(): durable before delivered.
 * Memory: heap; about 60 KB a session. Threads: one per door. Callbacks must not close the door.
 */
#ifndef CEDE_SERVER_DTLS_DOOR_H
#define CEDE_SERVER_DTLS_DOOR_H

#include <openssl/types.h>

#include "server/common/coap_door.h"

/* Zero everything first: zero means the default in parentheses. */
struct dtls_door_config {
    int fd;                           /* a bound UDP socket, which the door closes */
    const struct cede_crypto *crypto; /* required */
    struct cede_span certificate;     /* own X.509 certificate, DER */
    const struct cede_span *chain;    /* issuer first, without the root; DER */
    size_t chain_count;
    EVP_PKEY *key; /* the caller's */
    struct coap_door_callbacks callbacks;
    void *context;

    uint32_t sessions_max;   /* established (4096) */
    uint32_t handshakes_max; /* half-open (1024); of one address (IPv6: /64) at most a quarter */
    uint32_t handshake_s;    /* longest handshake (30) */
    uint32_t idle_s;         /* after which a session is forgotten (3600) */
    uint32_t transfers_max;  /* block-wise bodies in progress (256) */
    size_t body_max;         /* of requests and answers (COAP_DOOR_BODY_MAX_DEFAULT) */
};

struct dtls_door;

/* Counters since dtls_door_open(). */
struct dtls_door_counters {
    uint64_t datagrams;
    uint64_t strangers;      /* no session, and no ClientHello with a good cookie */
    uint64_t limited;        /* handshakes that made room for others */
    uint64_t handshakes;     /* completed */
    uint64_t handshakes_bad; /* failed, or too slow */
    uint64_t requests;       /* handed to handle() */
    uint64_t duplicates;
    uint64_t dismissed;
    uint64_t evicted;
    uint64_t commits_failed;
};

/* Registers with the loop; the socket is the door's from now on, on failure, too.
 * CEDE_BAD_ARGUMENT: config is not complete. CEDE_SERVER_FAILED: OpenSSL or libevent refused.
 * CEDE_SERVER_MEMORY. *door is null on failure. */
CEDE_MUST_USE enum cede_status dtls_door_open(struct event_base *base,
                                              const struct dtls_door_config *config,
                                              struct dtls_door **door);
/* Says goodbye to every peer and frees everything. Null is allowed. */
void dtls_door_close(struct dtls_door *door);

const struct dtls_door_counters *dtls_door_counters(const struct dtls_door *door);
uint32_t dtls_door_sessions(const struct dtls_door *door);

#endif
