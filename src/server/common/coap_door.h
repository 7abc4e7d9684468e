/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coap_door.h - the compact door: a CoAP server over UDP that speaks EDHOC (responder) and OSCORE,
 *               in a libevent loop. A door authenticates the peer and hands a request to a service.
 *
 * Place: server; below the services of CA and SP, above libcede's engines.
 * Use: fill a struct coap_door_config, coap_door_open() in each worker process, run the loop,
 *      coap_door_close(). Everything else happens in the callbacks.
 * What a datagram meets, cheapest first (R11): CoAP format, deduplication, path and options;
 *      then EDHOC (message_1: limits per address, Echo; message_3: half-open session) or the OSCORE
 *      context by its identifier. State is bounded: tables of fixed size, the least recently used
 *      entry makes room; half-open sessions have a small table of their own with a short life
 *      (half_open_life_s). There the oldest makes room of the address that has the most, and an
 *      address that has its share must be proven first: nobody shuts others out. Bodies in blocks:
 *      coap_bodies.h, outer_blocks.h.
 * Batches: up to COAP_DOOR_BATCH datagrams are received at once. Before the first handle() of a
 *      batch the door calls before_batch(), after the last one after_batch(); only then any answer
 *      of the batch is protected and sent: durable before delivered. When after_batch() fails,
 * every answer of a handle() in that batch becomes 5.03. Sessions live in memory only. A request
 * for a context that is not known is answered 4.01 (RFC 8613, section 8.2) and the device begins a
 * new session. Memory: heap, all of it at coap_door_open() but for block-wise bodies, whose number
 * is bounded. Threads: one per door. Callbacks are called from the event loop and must not close
 * the door.
 */
#ifndef CEDE_SERVER_COAP_DOOR_H
#define CEDE_SERVER_COAP_DOOR_H

#include <event2/event.h>

#include "cede/certificate.h"
#include "cede/coap.h"
#include "cede/crypto.h"
#include "cede/posix.h"

#define COAP_DOOR_BATCH            64
#define COAP_DOOR_DATAGRAM_MAX     4096 /* longer ones are dropped: no IPv6 host must take more */
#define COAP_DOOR_CERTIFICATE_MAX  2048
#define COAP_DOOR_CHAIN_MAX        3  /* certificates by value, the end entity counted */
#define COAP_DOOR_PATH_MAX         8  /* Uri-Path segments */
#define COAP_DOOR_DEVICE_ID_MAX    32 /* bytes of UTF-8 */
#define COAP_DOOR_BODY_MAX_DEFAULT 16384
/* Bytes sent for one received, to whoever is not authenticated and has not shown that the address
 * is his (RFC 9175, section 2.4). Both doors keep to it, whatever the answer is. */
#define COAP_DOOR_AMPLIFICATION_MAX 3

/* --- who is there ----------------------------------------------------------------------------- */

enum coap_peer_kind {
    COAP_PEER_UNKNOWN = 0,
    COAP_PEER_FACTORY,    /* authenticated with its factory certificate */
    COAP_PEER_OPERATIONAL /* authenticated with an operational certificate */
};

/* An authenticated device. authenticate() fills device_id, kind and opaque; the door the rest. */
struct coap_peer {
    char device_id[COAP_DOOR_DEVICE_ID_MAX + 1]; /* terminated */
    enum coap_peer_kind kind;
    int64_t opaque[2];            /* the service's own: row ids, flags */
    uint8_t thumbprint[32];       /* SHA-256 over `certificate` */
    struct cede_span certificate; /* raw: ~C509Certificate or DER; lives as long as the session */
};

/* --- requests and answers --------------------------------------------------------------------- */

#define COAP_DOOR_NO_FORMAT (-1)
#define COAP_DOOR_WHY_MAX   160

/* Authentic and fresh. Spans live until handle() returns. */
struct coap_request {
    const struct coap_peer *peer;
    uint8_t code; /* CEDE_COAP_GET, ... */
    struct cede_span path[COAP_DOOR_PATH_MAX];
    size_t path_count;
    struct cede_span query; /* the first Uri-Query; null: none */
    int32_t content_format; /* or COAP_DOOR_NO_FORMAT */
    int32_t accept;         /* or COAP_DOOR_NO_FORMAT */
    struct cede_span body;  /* put together from blocks; null: none */
    /* Y of the EDHOC session whose message_3 came with this request, where the configuration wants
     * it: what a proof of possession made for G_Y is checked with. Null: no such. */
    const struct cede_private_key *ephemeral;
    int32_t hash_alg; /* application hash of that session */
};

/* handle() fills it in; it comes with code 5.00, no format and an empty body. */
struct coap_response {
    uint8_t code;
    int32_t content_format;
    uint32_t max_age;     /* seconds; 0: the option is left out */
    struct cede_buf body; /* where to write it: config.body_max bytes */
    size_t body_len;
    char why[COAP_DOOR_WHY_MAX]; /* of a refusal, for the log; empty: the code says it all */
    unsigned later; /* not 0: the answer is there behind the commit; the service's own number */
};

/* --- configuration ---------------------------------------------------------------------------- */

/* How a peer names its certificate (ID_CRED_I). */
enum coap_door_reference { COAP_DOOR_C5T, COAP_DOOR_X5T, COAP_DOOR_KID };

/* An own certificate with its key. Spans and key handle stay the caller's and must stay. */
struct coap_door_credential {
    struct cede_span certificate;  /* raw: ~C509Certificate or DER */
    const struct cede_span *chain; /* raw, issuer first, without the anchor: sent by value */
    size_t chain_count;            /* at most COAP_DOOR_CHAIN_MAX - 1 */
    struct cede_private_key key;
};

struct coap_door_callbacks {
    /* A certificate by reference: `hash_alg` and `value` are the COSE_CertHash (alg 0 for a kid).
     * Writes the raw certificate into `out`. CEDE_NOT_FOUND: the peer is told so with EDHOC error
     * code 3 and repeats by value. Called before anything about the peer is proven: read only. */
    enum cede_status (*find_certificate)(void *context, enum coap_door_reference kind,
                                         int32_t hash_alg, struct cede_span value,
                                         struct cede_buf out, struct cede_span *raw);
    /* Decides who may come in: path validation, revocation, policy. `chain` are the certificates
     * that came by value behind `certificate`, untrusted. Called after message_3 is decrypted and
     * before its signature is checked, so it may read but not act (but have the certificate's
     * status asked for); what it fills into `peer` counts only when the signature holds. Any
     * failure ends the session with EDHOC error code 1, and is told in the log by the door. */
    enum cede_status (*authenticate)(void *context, const struct cede_certificate *certificate,
                                     const struct cede_certificate *chain, size_t chain_count,
                                     struct coap_peer *peer);
    /* Before each request: is the peer still welcome (not revoked since)? Failure: 4.01, and the
     * session is dropped. May be null. */
    enum cede_status (*still_allowed)(void *context, const struct coap_peer *peer);
    /* One whole request. The response tells failures of the application; the status only
     *   CEDE_OK            send the response
     *   CEDE_DOOR_DISMISS  the peer is no longer allowed: 4.01, the session is dropped
     *   any other          the code cede_coap_error_code() gives, no body
     * Refusals are told in the log by the door, with response->why. */
    enum cede_status (*handle)(void *context, const struct coap_request *request,
                               struct coap_response *response);
    /* The answer to a request whose handle() set response->later, once after after_batch(), even
     * when that failed. May be null for a service that never does. */
    void (*answer_later)(void *context, const struct coap_peer *peer,
                         struct coap_response *response);
    /* Around the handle() calls of a batch; may be null. When before_batch() fails, the batch's
     * requests are answered 5.03 and after_batch() is not called. after_batch() commits. */
    enum cede_status (*before_batch)(void *context);
    enum cede_status (*after_batch)(void *context);
    /* The present StatusProof of one's own certificate (status_proof.h), for a peer that asks for
     * it. CEDE_NOT_FOUND: none; the handshake goes on without. Read only. May be null. */
    enum cede_status (*status_proof)(void *context, struct cede_buf out, struct cede_span *proof);
};

/* When a stranger must prove its address with an Echo option before EDHOC message_1 is processed
 * (RFC 9175, section 2.4). When message_2 would be too long for its request, or the
 * address has its share of half-open sessions, it must in any case.
 */
enum coap_door_echo {
    COAP_DOOR_ECHO_UNDER_LOAD = 0, /* while the half-open table is more than half full */
    COAP_DOOR_ECHO_ALWAYS,
    COAP_DOOR_ECHO_NEVER
};

/* Zero everything first: zero means the default in parentheses. */
struct coap_door_config {
    struct cede_address address; /* to bind to, with SO_REUSEPORT; port 0: any */
    int fd;                      /* a bound UDP socket instead, which the door closes; 0: none */
    const struct cede_crypto *crypto; /* required */
    /* For OSCORE alone: a back end that keeps keys set up. Null: `crypto`. */
    const struct cede_crypto *oscore_crypto;
    struct coap_door_credential credential; /* signs: EDHOC methods 0 and 2 */
    struct coap_door_credential agreement;  /* static Diffie-Hellman: methods 1 and 3; certificate
                                               null: none */
    bool wants_ephemeral;                   /* requests come with Y */
    struct coap_door_callbacks callbacks;
    /* Writes /.well-known/core (link-format) for anyone: `filter` is the Uri-Query or null. What
     * is too long for its request is told to proven addresses only. May be null: then nothing
     * unprotected is answered. */
    void (*put_links)(void *context, struct cede_span filter, struct cede_writer *writer);
    void *context; /* for the callbacks */

    uint32_t sessions_max;          /* OSCORE contexts (65536); at least COAP_DOOR_BATCH * 2 */
    uint32_t half_open_max;         /* EDHOC sessions waiting for message_3 (2048) */
    uint32_t half_open_per_address; /* of one source address (a quarter of half_open_max) */
    uint32_t half_open_life_s;      /* (30) */
    uint32_t dedup_max;             /* answers kept for duplicates (4096) */
    uint32_t transfers_max;         /* block-wise bodies in progress (256) */
    size_t body_max;                /* of requests and answers (COAP_DOOR_BODY_MAX_DEFAULT) */
    enum coap_door_echo echo;
};

/* --- the door --------------------------------------------------------------------------------- */

struct coap_door;

/* Counters since coap_door_open(). */
struct coap_door_counters {
    uint64_t datagrams;
    uint64_t malformed;      /* no CoAP, or options that are refused */
    uint64_t duplicates;     /* answered from memory or ignored */
    uint64_t unprotected;    /* requests that are neither EDHOC nor OSCORE */
    uint64_t no_context;     /* OSCORE requests of unknown sessions */
    uint64_t forged;         /* did not decrypt, or replayed */
    uint64_t limited;        /* handshakes at the limit of their address: its oldest made room */
    uint64_t challenged;     /* Echo demanded */
    uint64_t handshakes;     /* completed */
    uint64_t handshakes_bad; /* failed at message_1 or message_3 */
    uint64_t requests;       /* handed to handle() */
    uint64_t dismissed;      /* sessions dropped because the peer is no longer allowed */
    uint64_t evicted;        /* sessions or half-open sessions that made room */
    uint64_t commits_failed;
};

/* Opens the socket and registers with the loop. CEDE_BAD_ARGUMENT: config is not complete.
 * CEDE_SOCKET_FAILED: the address cannot be bound (errno tells why). CEDE_SERVER_MEMORY.
 * CEDE_CERTIFICATE_..., CEDE_C509_...: the own certificate is none. *door is null on failure. */
CEDE_MUST_USE enum cede_status coap_door_open(struct event_base *base,
                                              const struct coap_door_config *config,
                                              struct coap_door **door);
/* Wipes all sessions and frees everything. Null is allowed. */
void coap_door_close(struct coap_door *door);

/* The address it is bound to. */
CEDE_MUST_USE enum cede_status coap_door_local(const struct coap_door *door,
                                               struct cede_address *address);
const struct coap_door_counters *coap_door_counters(const struct coap_door *door);
uint32_t coap_door_sessions(const struct coap_door *door);
uint32_t coap_door_half_open(const struct coap_door *door);

/* Drops every session of a device at once. Returns how many. */
uint32_t coap_door_dismiss(struct coap_door *door, const char *device_id);

/* A bound, non-blocking UDP socket with SO_REUSEPORT and a roomy receive buffer, for a parent that
 * opens one for each worker before it forks. *fd is -1 on failure. */
CEDE_MUST_USE enum cede_status coap_door_socket(const struct cede_address *address, int *fd);

#endif
