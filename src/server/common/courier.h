/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier.h - the outbox: messages to partners that are durable before anyone acts on them, and the
 * process that delivers them, however long the partner is away.
 *
 * Call order: put {"outbox", courier_outbox_sql} into the server's migrations. A service calls
 *      courier_queue inside the transaction that makes the message due. The courier process, forked
 *      by the supervisor, calls courier_run.
 * Delivery: at least once; receivers are idempotent. No order is promised: a message that must
 *      follow another is queued by that one's reply handler.
 * Outcome: on a 2xx answer the handler runs in the transaction that marks the message done. Another
 *      4xx (or 3xx) than 408 and 429 is final: the handler is told, the reason is kept. Anything
 *      else is tried again: after COURIER_RETRY_FIRST_MS, then twice that, ... up to
 *      COURIER_RETRY_MAX_MS, each with jitter. A partner that cannot be reached holds up only its
 *      own messages; one that is slow gets a part of the time while others have messages waiting.
 * Several couriers may work on one store: a message is claimed for COURIER_LEASE_MS before it is
 *      sent. Each needs a name of its own; one that restarts takes its old claims up at once.
 */
#ifndef CEDE_SERVER_COURIER_H
#define CEDE_SERVER_COURIER_H

#include "cede/bytes.h"
#include "server/common/identity.h"
#include "server/common/supervisor.h"
#include "store/store.h"

#define COURIER_RETRY_FIRST_MS 200
#define COURIER_RETRY_MAX_MS   30000
#define COURIER_POLL_MS        100
#define COURIER_TIMEOUT_MS     20000 /* of one exchange */
#define COURIER_SLOW_MS        1000  /* an exchange that took longer ... */
#define COURIER_SLOW_TIMES     3     /* ... lets others go first for so many times as long */
#define COURIER_LEASE_MS       60000 /* more than an exchange and its handler can take */
#define COURIER_NAME_MAX       64
#define COURIER_URL_MAX        512

/* The migration that makes the outbox. */
extern const char courier_outbox_sql[];

/* Values of outbox.state. */
enum courier_state { COURIER_WAITING = 0, COURIER_DONE = 1, COURIER_REFUSED = 2 };

struct courier_message {
    const char *kind;      /* what the reply handler switches on: "receipt", "register", ... */
    const char *reference; /* unique within its kind: queueing the same again changes nothing */
    const char *partner;   /* as resolve knows it */
    const char *method;
    const char *path; /* appended to the partner's URL; begins with a slash */
    const char *content_type;
    struct cede_span body; /* null: none */
};

/* Queues a message in the caller's open transaction. `queued` (may be null) tells whether it is
 * new. CEDE_BAD_ARGUMENT: no transaction is open, or a member is missing. */
CEDE_MUST_USE enum cede_status courier_queue(struct store *store,
                                             const struct courier_message *message, bool *queued);

/* Messages still waiting for any partner (null) or one. */
CEDE_MUST_USE enum cede_status courier_waiting(struct store *store, const char *partner,
                                               int64_t *count);

/* Makes everything that waits for a partner due now, e.g. when its address has changed. */
CEDE_MUST_USE enum cede_status courier_hurry(struct store *store, const char *partner);

/* Where a partner is. */
struct courier_partner {
    char url[COURIER_URL_MAX]; /* "https://host:port", without a final slash */
    uint8_t anchor[4096];      /* DER of the pinned certificate */
    size_t anchor_len;
};

struct courier_reply {
    const char *kind;
    const char *reference;
    const char *partner;
    bool delivered; /* false: refused for good */
    int status;     /* of HTTP */
    const char *content_type;
    struct cede_span body;
};

/* CEDE_NOT_FOUND (or any failure): the message waits and is tried again later. */
typedef enum cede_status (*courier_resolve_fn)(void *context, struct store *store,
                                               const char *partner, struct courier_partner *out);
/* Runs inside the transaction that closes the message; must not begin or commit. A failure takes
 * everything back, the message is sent again later. */
typedef enum cede_status (*courier_reply_fn)(void *context, struct store *store,
                                             const struct courier_reply *reply);

struct courier_config {
    const char *name; /* of this courier, unique among those running on the store */
    struct store *store;
    const struct tls_identity *tls;
    courier_resolve_fn resolve;
    courier_reply_fn on_reply;
    void *context;
    /* For struct https_client_config, with `context`; may be null. */
    enum cede_status (*check)(void *context, const uint8_t anchor[32], struct cede_span serial);
    int wake_fd; /* readable when something was queued (drained by the courier); -1: poll only */
    int stop_fd; /* readable when the courier is to end; -1: never */
};

/* Delivers until stop_fd is readable. Fails only when the store does. */
CEDE_MUST_USE enum cede_status courier_run(const struct courier_config *config);

/* Delivers what is due at this moment and returns: for the command line and tests. *sent (may be
 * null) counts the messages closed. */
CEDE_MUST_USE enum cede_status courier_run_once(const struct courier_config *config, size_t *sent);

#endif
