/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coap_turn.h - one request of a peer that is known, from its options to the response, whatever
 *               protects it on the way: what the doors over OSCORE and over DTLS have in common.
 *
 * Call order: coap_turns_init() with the door; for each request coap_turn_begin(), fill `request`,
 *      coap_turn_take(); after all of a batch coap_turns_commit(), then for each
 *      coap_turn_settle(), coap_turn_compose(), send, coap_turn_wipe().
 * Batch: begins with the first request that gets as far as the service. Nothing the service said
 *      leaves before the commit, nor when that fails.
 * Blocks: bodies of requests and answers of any length go in blocks (RFC 7959), kept by session.
 */
#ifndef CEDE_SERVER_COAP_TURN_H
#define CEDE_SERVER_COAP_TURN_H

#include "server/common/coap_bodies.h"
#include "server/common/coap_door.h"

/* What turns share. */
struct coap_turns {
    const struct coap_door_callbacks *callbacks;
    void *context; /* the callbacks' */
    size_t body_max;
    struct coap_bodies bodies;
    bool batch_open;   /* before_batch() was called */
    bool batch_failed; /* and failed */
};

/* The pointers must stay. CEDE_SERVER_MEMORY. */
CEDE_MUST_USE enum cede_status coap_turns_init(struct coap_turns *turns,
                                               const struct coap_door_callbacks *callbacks,
                                               void *context, uint32_t transfers_max,
                                               size_t body_max);
void coap_turns_wipe(struct coap_turns *turns);

struct coap_turn {
    /* the door's */
    struct cede_coap_message request; /* decrypted; the bytes stay until the end of the turn */
    const struct coap_peer *peer;
    uint32_t session; /* whose bodies: an index and an identifier, for indexes are used again */
    uint8_t session_id[4];
    bool just_authenticated;                  /* no need to ask again whether it may come in */
    const struct cede_private_key *ephemeral; /* for struct coap_request */
    int32_t hash_alg;

    /* what came of it */
    bool dismissed; /* the session is to end, and the answer says so */
    bool asked;     /* handle() was called */
    struct coap_response response;
    struct cede_coap_upload upload;
    struct cede_coap_download download;
    size_t written;  /* by handle() into the response's body */
    bool by_service; /* the answer is from handle(): worth nothing without the commit */
    bool kept;       /* the rest of it is in a coap_body */
};

/* A uint option that must fit into 16 bits; absent: COAP_DOOR_NO_FORMAT. CEDE_COAP_OPTION_VALUE. */
CEDE_MUST_USE enum cede_status coap_turn_get_format(const struct cede_coap_message *message,
                                                    uint16_t number, int32_t *format);

/* Zeroes all; the answer is 5.00 until there is another. `body` has body_max bytes. */
void coap_turn_begin(struct coap_turn *turn, struct cede_buf body);
void coap_turn_take(struct coap_turns *turns, struct coap_turn *turn);

/* False: the commit failed, which is logged. True also when there was nothing to commit. */
bool coap_turns_commit(struct coap_turns *turns);
/* Behind coap_turns_commit(), for each turn: answers that were to come later are there now; what
 * the service said becomes 5.03 when it was not committed. */
void coap_turn_settle(struct coap_turns *turns, struct coap_turn *turn, bool committed);
CEDE_MUST_USE enum cede_status coap_turn_compose(const struct coap_turn *turn, uint16_t message_id,
                                                 struct cede_buf out, struct cede_span *message);
/* The body: it may have a private key in it. */
void coap_turn_wipe(struct coap_turn *turn);

#endif
