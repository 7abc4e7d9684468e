/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls.h - the client's end of DTLS 1.2 (RFC 6347) as the profile for small things has it (RFC
 * 7925, section 4.4; RFC 9148, section 3): the secure channel of device.h, on OpenSSL.
 *
 * Place: hosted code, beside the POSIX port. It owns no socket: datagrams go in and come out.
 * Use: cede_dtls_new() begins the handshake; hand in every datagram of the server with
 *      cede_dtls_receive(), call cede_dtls_expire() when cede_dtls_timeout() says so, and look at
 *      cede_dtls_state() after each call; in CEDE_DTLS_OPEN send with cede_dtls_send().
 *      cede_dtls_free() ends it.
 * Memory: on the heap, about 60 KB a channel, freed by cede_dtls_free().
 * Threads: one caller a channel. Callbacks come during the calls above; they must not free it.
 * Errors: what a stranger can cause closes the channel or is ignored; no status tells of it.
 */
#ifndef CEDE_DTLS_H
#define CEDE_DTLS_H

#include "cede/bytes.h"
#include "cede/status.h"

/* Longest datagram we send: what IPv6 carries anywhere, less its headers. */
#define CEDE_DTLS_DATAGRAM_LEN 1200

struct cede_dtls_config {
    struct cede_span key;         /* P-256 scalar */
    struct cede_span certificate; /* X.509 DER, of that key */
    /* May the server with these certificates, its own first, be at the other end? Its proof that it
     * has the key is checked here. */
    bool (*judge)(void *context, const struct cede_span *certificates, size_t count);
    void (*send)(void *context, struct cede_span datagram);
    void (*receive)(void *context, struct cede_span message); /* what was in one record */
    void *context;
};

enum cede_dtls_state {
    CEDE_DTLS_HANDSHAKE,
    CEDE_DTLS_OPEN,
    CEDE_DTLS_CLOSED /* by the server, or never opened; there is nothing to do but to free it */
};

struct cede_dtls;

/* Begins a handshake: the first datagram is sent at once. Key and certificate are copied.
 * CEDE_BAD_ARGUMENT: they are none or do not belong together. CEDE_CRYPTO_FAILED: OpenSSL. */
CEDE_MUST_USE enum cede_status cede_dtls_new(const struct cede_dtls_config *config,
                                             struct cede_dtls **dtls);
/* Says goodbye to the server where there is one, and forgets all keys. Null is fine. */
void cede_dtls_free(struct cede_dtls *dtls);

enum cede_dtls_state cede_dtls_state(const struct cede_dtls *dtls);
void cede_dtls_receive(struct cede_dtls *dtls, struct cede_span datagram);
/* One record. CEDE_BAD_ARGUMENT: not open, or the message does not fit into a datagram. */
CEDE_MUST_USE enum cede_status cede_dtls_send(struct cede_dtls *dtls, struct cede_span message);
/* How long until the last flight is repeated. False: nothing is waited for. */
bool cede_dtls_timeout(const struct cede_dtls *dtls, uint64_t *left_ms);
/* Repeats the last flight if it is time for it. */
void cede_dtls_expire(struct cede_dtls *dtls);

#endif
