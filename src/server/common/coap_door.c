/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coap_door.c - the socket, batches, and the way of one datagram through the door.
 *
 * Each datagram of a batch has a slot. First all slots are processed in order of arrival; requests
 * handed to the service leave their answers in the slot. Then the batch is committed, and only then
 * answers are protected and sent, so that none of them can run ahead of the disk. An answer to a
 * stranger that costs no state is made at once and not remembered: repeating it is as cheap.
 */
#include "server/common/coap_door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/common/coap_turn.h"
#include "server/common/edhoc_responder.h"
#include "server/common/edhoc_sessions.h"
#include "server/common/log.h"
#include "server/common/outer_blocks.h"
#include "server/common/refusals.h"

#define ROUNDS_MAX          4       /* batches in one turn of the loop */
#define RECEIVE_BUFFER_LEN  4194304 /* asked of the kernel: the burst of a fleet that wakes up */
#define DEDUP_ANSWER_LEN    1280
#define ECHO_MAX_AGE_S      60
#define SZX_MAX             6 /* 1024-byte blocks: with all overhead below the IPv6 minimum MTU */
#define BLOCK_LEN           1024
#define SWEEP_INTERVAL_S    1
#define LINK_FORMAT         40 /* RFC 6690, section 7.3 */
#define MIDDLE_DATAGRAM_LEN (COAP_DOOR_DATAGRAM_MAX + 256)
#define REQUEST_KEY_LEN     16 /* of SHA-256 */

/* One datagram and its answer. */
struct slot {
    struct cede_address from;
    uint8_t in[COAP_DOOR_DATAGRAM_MAX];
    size_t in_len;
    bool too_long;                    /* it was emptied */
    struct cede_coap_message message; /* as received */
    uint8_t peer_key[CEDE_COAP_PEER_LEN_MAX];
    size_t peer_key_len;
    uint8_t request_key[REQUEST_KEY_LEN]; /* of peer and datagram; made when it is needed */
    bool has_request_key;

    bool known;   /* authenticated, or the address is proven: with this very datagram */
    bool pending; /* the turn's answer is to be protected and sent after the commit */
    bool cut_up;  /* by a proxy; `block` is the last of it */
    struct cede_coap_block block;
    bool authenticated; /* with this very datagram */
    struct edhoc_peer_session *session;
    struct cede_oscore_exchange exchange;
    uint8_t plain[COAP_DOOR_DATAGRAM_MAX]; /* the turn's request */
    struct coap_turn turn;
    struct edhoc_ephemeral ephemeral;
    uint8_t *body_memory;

    bool remember; /* keep the answer for duplicates */
    uint8_t out[MIDDLE_DATAGRAM_LEN];
    size_t out_len; /* 0: no answer */
};

struct coap_door {
    struct coap_door_config config;
    struct edhoc_responder responder;
    struct edhoc_sessions sessions;
    struct coap_turns turns;
    struct outer_blocks outer;
    struct refusals refusals;
    struct cede_coap_dedup dedup;
    struct cede_coap_dedup_entry *dedup_entries;
    uint8_t *dedup_answers;
    struct slot *slots;
    uint8_t *bodies_memory;
    struct coap_door_counters counters;
    uint8_t echo_key[CEDE_OSCORE_ECHO_KEY_LEN];
    uint8_t split[COAP_DOOR_DATAGRAM_MAX];
    uint8_t middle[MIDDLE_DATAGRAM_LEN];
    uint64_t now_ms;
    uint16_t message_id;
    bool busy; /* inside a batch: slots may point to sessions */
    int fd;
    struct event *readable;
    struct event *sweep;
};

static const uint16_t edhoc_options[] = {
    CEDE_COAP_URI_HOST,       CEDE_COAP_URI_PORT, CEDE_COAP_URI_PATH,
    CEDE_COAP_CONTENT_FORMAT, CEDE_COAP_ACCEPT,
};
static const uint16_t discovery_options[] = {
    CEDE_COAP_URI_HOST,  CEDE_COAP_URI_PORT, CEDE_COAP_URI_PATH,
    CEDE_COAP_URI_QUERY, CEDE_COAP_ACCEPT,
};
#define COUNT_OF(array_) (sizeof(array_) / sizeof(array_)[0])

/* --- what the log is told of strangers ---------------------------------------------------------
 */

static void tell(struct coap_door *door, const struct slot *slot, const char *protocol,
                 const char *name, const char *why)
{
    struct refusal refusal = {protocol, &slot->from, cede_span(slot->in, slot->in_len), name, why};

    refusals_tell(&door->refusals, door->now_ms, &refusal);
}

static void tell_bad_option(struct coap_door *door, const struct slot *slot, uint16_t option)
{
    char why[40];

    snprintf(why, sizeof why, "option %u is not known here", option);
    tell(door, slot, "CoAP", NULL, why);
}

/* --- small answers that need no session ------------------------------------------------------- */

static void take_answer(struct slot *slot, enum cede_status status, struct cede_span datagram)
{
    slot->out_len = status == CEDE_OK ? datagram.len : 0;
}

static void answer_plain(struct coap_door *door, struct slot *slot, uint8_t code)
{
    struct cede_coap_encoder encoder = cede_coap_begin_response(
        CEDE_BUF_ARRAY(slot->out), &slot->message, code, door->message_id++);
    struct cede_span datagram;
    enum cede_status status = cede_coap_finish(&encoder, &datagram);

    take_answer(slot, status, datagram);
}

/* `name`: of the device whose session it would be; null: there is none. */
static void answer_oscore_error(struct coap_door *door, struct slot *slot, enum cede_status reason,
                                const char *name)
{
    struct cede_span datagram;
    enum cede_status status = cede_oscore_compose_error(&slot->message, reason, door->message_id++,
                                                        CEDE_BUF_ARRAY(slot->out), &datagram);

    tell(door, slot, "OSCORE", name, cede_status_reason(reason));
    take_answer(slot, status, datagram);
}

static void answer_edhoc(struct coap_door *door, struct slot *slot, uint8_t code,
                         struct cede_span message)
{
    struct cede_span datagram;
    enum cede_status status = cede_oscore_compose_edhoc_response(
        &slot->message, code, door->message_id++, message, CEDE_BUF_ARRAY(slot->out), &datagram);

    take_answer(slot, status, datagram);
}

/* RFC 9528, section 6 and appendix A.2.3: the error goes as 4.00, or 5.00 when it is ours. `name`
 * is the peer's, as far as it has got. */
static void answer_edhoc_error(struct coap_door *door, struct slot *slot, enum cede_status reason,
                               const char *name)
{
    uint8_t error[CEDE_EDHOC_ERROR_LEN_MAX];
    struct cede_span message = CEDE_SPAN_NULL;
    enum cede_status_class kind = cede_status_class(reason);
    bool ours = kind == CEDE_CLASS_BACKEND || kind == CEDE_CLASS_INTERNAL;

    door->counters.handshakes_bad++;
    tell(door, slot, "EDHOC", name, cede_status_reason(reason));
    if (cede_edhoc_compose_error(&door->responder.edhoc, reason, CEDE_BUF_ARRAY(error), &message) ==
        CEDE_OK) {
        answer_edhoc(door, slot, ours ? CEDE_COAP_SERVER_ERROR : CEDE_COAP_BAD_REQUEST, message);
    }
}

/* --- duplicates ------------------------------------------------------------------------------- */

static struct cede_span peer_key(const struct slot *slot)
{
    return cede_span(slot->peer_key, slot->peer_key_len);
}

static void make_peer_key(struct slot *slot)
{
    if (slot->from.storage.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &slot->from.storage, sizeof in6);
        memcpy(slot->peer_key, in6.sin6_addr.s6_addr, 16);
        memcpy(slot->peer_key + 16, &in6.sin6_port, 2);
        slot->peer_key_len = 18;
    } else {
        struct sockaddr_in in;
        memcpy(&in, &slot->from.storage, sizeof in);
        memcpy(slot->peer_key, &in.sin_addr, 4);
        memcpy(slot->peer_key + 4, &in.sin_port, 2);
        slot->peer_key_len = 6;
    }
}

/* A repetition is the same datagram (RFC 7252, section 4.2). One that only bears the same message
 * id would get the answer to another, which may be long, and not for everybody. */
static struct cede_span request_key(const struct coap_door *door, struct slot *slot)
{
    const struct cede_crypto *crypto = door->config.crypto;
    struct cede_span parts[2] = {peer_key(slot), cede_span(slot->in, slot->in_len)};
    uint8_t hash[CEDE_SHA256_LEN];

    if (!slot->has_request_key) {
        if (crypto->hash(crypto->context, CEDE_ALG_SHA_256, parts, 2, hash) != CEDE_OK) {
            memset(hash, 0, sizeof hash);
        }
        memcpy(slot->request_key, hash, sizeof slot->request_key);
        slot->has_request_key = true;
    }
    return CEDE_SPAN_ARRAY(slot->request_key);
}

static enum cede_coap_seen look_up(struct coap_door *door, struct slot *slot,
                                   struct cede_span *answer)
{
    return cede_coap_dedup_check(&door->dedup, request_key(door, slot), slot->message.message_id,
                                 door->now_ms, answer);
}

/* True when the message was seen before: the slot then has what there is to answer. */
static bool is_duplicate(struct coap_door *door, struct slot *slot)
{
    struct cede_span answer = CEDE_SPAN_NULL;
    enum cede_coap_seen seen = look_up(door, slot, &answer);

    if (seen == CEDE_COAP_NEW) {
        slot->remember = true;
        return false;
    }
    door->counters.duplicates++;
    if (seen == CEDE_COAP_ANSWERED && answer.len <= sizeof slot->out) {
        memcpy(slot->out, answer.ptr, answer.len);
        slot->out_len = answer.len;
    }
    return true;
}

/* Of what only a peer with a session, or about to have one, can have sent. */
static bool is_known_duplicate(struct coap_door *door, struct slot *slot)
{
    slot->known = is_duplicate(door, slot);
    return slot->known;
}

static void remember_answer(struct coap_door *door, struct slot *slot)
{
    if (slot->remember && slot->out_len > 0) {
        /* A failure only means that a duplicate goes unanswered. */
        enum cede_status ignored =
            cede_coap_dedup_store(&door->dedup, request_key(door, slot), slot->message.message_id,
                                  cede_span(slot->out, slot->out_len));
        (void)ignored;
    }
}

/* --- proof of an address (RFC 9175) ------------------------------------------------------------
 */

static bool has_proven_address(const struct coap_door *door, struct slot *slot)
{
    struct cede_span echo;

    slot->known =
        slot->known || (cede_coap_find_option(&slot->message, CEDE_COAP_ECHO, &echo) &&
                        cede_oscore_echo_verify(door->config.crypto, door->echo_key,
                                                (uint32_t)(door->now_ms / 1000), ECHO_MAX_AGE_S,
                                                peer_key(slot), echo) == CEDE_OK);
    return slot->known;
}

static void challenge(struct coap_door *door, struct slot *slot)
{
    uint8_t echo[CEDE_OSCORE_ECHO_LEN];
    struct cede_span datagram = CEDE_SPAN_NULL;
    enum cede_status status = cede_oscore_echo_create(
        door->config.crypto, door->echo_key, (uint32_t)(door->now_ms / 1000), peer_key(slot), echo);

    if (status == CEDE_OK) {
        status = cede_oscore_compose_echo(&slot->message, echo, door->message_id++,
                                          CEDE_BUF_ARRAY(slot->out), &datagram);
    }
    door->counters.challenged++;
    take_answer(slot, status, datagram);
}

/* --- the measure of strangers ------------------------------------------------------------------
 */

static bool is_too_much(const struct slot *slot)
{
    return !slot->known && slot->out_len > COAP_DOOR_AMPLIFICATION_MAX * slot->in_len;
}

/* The code of an answer and whether it may be kept, nothing else: 6 bytes and the token, which the
 * request had, too. */
static void cut_down(struct coap_door *door, struct slot *slot)
{
    struct cede_coap_message answer;
    struct cede_coap_encoder encoder;
    struct cede_span max_age, datagram = CEDE_SPAN_NULL;
    enum cede_status status = cede_coap_decode(cede_span(slot->out, slot->out_len), &answer);

    if (status == CEDE_OK) {
        encoder = cede_coap_begin_response(CEDE_BUF_ARRAY(door->middle), &slot->message,
                                           answer.code, door->message_id++);
        if (cede_coap_find_option(&answer, CEDE_COAP_MAX_AGE, &max_age)) {
            cede_coap_put_option(&encoder, CEDE_COAP_MAX_AGE, max_age);
        }
        status = cede_coap_finish(&encoder, &datagram);
    }
    if (status == CEDE_OK) {
        status = cede_copy(CEDE_BUF_ARRAY(slot->out), datagram, &datagram);
    }
    take_answer(slot, status, datagram);
}

/* Everything that leaves comes by here. For whoever has neither authenticated himself nor shown
 * that the address is his: success waits for the address, a refusal says less, or nothing. */
static void keep_measure(struct coap_door *door, struct slot *slot)
{
    if (is_too_much(slot) && slot->out[1] >> 5 == CEDE_COAP_CHANGED >> 5) {
        challenge(door, slot);
    }
    if (is_too_much(slot)) {
        cut_down(door, slot);
    }
    if (is_too_much(slot)) {
        slot->out_len = 0;
    }
}

/* --- EDHOC message_1 -------------------------------------------------------------------------- */

static bool wants_echo(const struct coap_door *door, const struct slot *slot)
{
    const struct edhoc_table *table = &door->sessions.half_open_table;

    if (!edhoc_half_open_admits(&door->sessions, &slot->from)) {
        return true; /* somebody else may have used it up in the name of this address */
    }
    switch (door->config.echo) {
    case COAP_DOOR_ECHO_ALWAYS:
        return true;
    case COAP_DOOR_ECHO_NEVER:
        return false;
    default:
        return table->count > table->max / 2;
    }
}

static void make_room(struct coap_door *door, const struct slot *slot)
{
    if (!edhoc_half_open_admits(&door->sessions, &slot->from)) {
        door->counters.limited++;
        tell(door, slot, "EDHOC", NULL, "too many handshakes, the oldest makes room");
        edhoc_half_open_make_room(&door->sessions, &slot->from);
    }
}

/* Composes message_2; half-open state is kept only when it goes out. */
static void begin_session(struct coap_door *door, struct slot *slot, struct cede_span message_1)
{
    struct cede_edhoc_session session;
    struct cede_span message_2 = CEDE_SPAN_NULL;
    uint8_t c_r[EDHOC_ID_LEN];
    enum cede_status status = edhoc_sessions_choose_id(&door->sessions, c_r);

    if (status == CEDE_OK) {
        status = edhoc_responder_begin(&door->responder, message_1, c_r, &session,
                                       CEDE_BUF_ARRAY(door->middle), &message_2);
    }
    if (status != CEDE_OK) {
        answer_edhoc_error(door, slot, status, NULL);
        return;
    }
    answer_edhoc(door, slot, CEDE_COAP_CHANGED, message_2);
    if (slot->out_len > 0 && !is_too_much(slot)) {
        make_room(door, slot);
        edhoc_half_open_add(&door->sessions, c_r, &slot->from, door->now_ms)->edhoc = session;
    }
    cede_edhoc_wipe(&session);
}

static void receive_message_1(struct coap_door *door, struct slot *slot, struct cede_span message_1)
{
    if (!has_proven_address(door, slot) && wants_echo(door, slot)) {
        challenge(door, slot);
        return;
    }
    if (is_duplicate(door, slot)) {
        return;
    }
    begin_session(door, slot, message_1);
}

/* --- EDHOC message_3 -------------------------------------------------------------------------- */

/* Turns a half-open session into an established one. Null: the slot has the EDHOC error. */
static struct edhoc_peer_session *end_session(struct coap_door *door, struct slot *slot,
                                              struct edhoc_half_open *half_open,
                                              struct cede_span c_r, struct cede_span message_3)
{
    struct edhoc_peer_session *session = NULL;
    struct cede_oscore_context oscore;
    struct coap_peer peer;
    uint8_t id[EDHOC_ID_LEN];
    enum cede_status status = edhoc_responder_end(&door->responder, &half_open->edhoc, message_3,
                                                  &peer, &oscore, &slot->ephemeral);

    memcpy(id, c_r.ptr, sizeof id);
    edhoc_half_open_drop(&door->sessions, half_open);
    if (status == CEDE_OK) {
        session = edhoc_session_add(&door->sessions, id, &peer);
        status = session == NULL ? CEDE_SERVER_MEMORY : CEDE_OK;
    }
    if (status == CEDE_OK) {
        session->oscore = oscore;
        slot->known = true;
        door->counters.handshakes++;
    } else {
        answer_edhoc_error(door, slot, status, door->responder.name);
    }
    cede_wipe(&oscore, sizeof oscore);
    return session;
}

/* message_3, or an error message in its place, on its own. */
static void receive_message_3(struct coap_door *door, struct slot *slot, struct cede_span c_r,
                              struct cede_span message)
{
    struct edhoc_half_open *half_open = edhoc_half_open_find(&door->sessions, c_r);

    if (half_open == NULL && edhoc_session_find(&door->sessions, c_r) == NULL) {
        answer_edhoc_error(door, slot, CEDE_EDHOC_STATE, NULL); /* no state for strangers */
        return;
    }
    if (is_known_duplicate(door, slot)) {
        return;
    }
    if (half_open == NULL) {
        answer_edhoc_error(door, slot, CEDE_EDHOC_STATE, NULL);
    } else if (cede_edhoc_is_error(message)) {
        tell(door, slot, "EDHOC", NULL, "the peer says that it failed");
        edhoc_half_open_drop(&door->sessions, half_open);
        answer_edhoc(door, slot, CEDE_COAP_CHANGED, CEDE_SPAN_NULL);
    } else if (end_session(door, slot, half_open, c_r, message) != NULL) {
        answer_edhoc(door, slot, CEDE_COAP_CHANGED, CEDE_SPAN_NULL);
    }
    cede_wipe(&slot->ephemeral, sizeof slot->ephemeral);
}

static void receive_edhoc(struct coap_door *door, struct slot *slot)
{
    struct cede_span c_r;
    struct cede_span message;
    uint16_t refused = 0;

    if (slot->message.code != CEDE_COAP_POST) {
        tell(door, slot, "EDHOC", NULL, "the resource has no such method");
        answer_plain(door, slot, CEDE_COAP_METHOD_NOT_ALLOWED);
    } else if (cede_coap_check_critical(&slot->message, edhoc_options, COUNT_OF(edhoc_options),
                                        &refused) != CEDE_OK) {
        door->counters.malformed++;
        tell_bad_option(door, slot, refused);
        answer_plain(door, slot, CEDE_COAP_BAD_OPTION);
    } else if (cede_oscore_split_edhoc_payload(slot->message.payload, &c_r, &message) != CEDE_OK) {
        door->counters.malformed++;
        answer_edhoc_error(door, slot, CEDE_OSCORE_EDHOC_PREFIX, NULL);
    } else if (cede_span_is_null(c_r)) {
        receive_message_1(door, slot, message);
    } else {
        receive_message_3(door, slot, c_r, message);
    }
}

/* --- a protected request ---------------------------------------------------------------------- */

static void take_turn(struct coap_door *door, struct slot *slot,
                      const struct cede_coap_message *request)
{
    struct coap_turn *turn = &slot->turn;
    uint32_t index = edhoc_session_index(&door->sessions, slot->session);

    coap_turn_begin(turn, cede_buf(slot->body_memory, door->config.body_max));
    turn->request = *request;
    turn->peer = &slot->session->peer;
    turn->session = index;
    memcpy(turn->session_id, door->sessions.table.links[index].id, sizeof turn->session_id);
    turn->just_authenticated = slot->authenticated;
    if (slot->ephemeral.key.scalar.len > 0) {
        turn->ephemeral = &slot->ephemeral.key;
        turn->hash_alg = slot->ephemeral.hash_alg;
    }
    coap_turn_take(&door->turns, turn);
    door->counters.requests += turn->asked ? 1 : 0;
    if (turn->dismissed) {
        door->counters.dismissed++;
        edhoc_session_doom(&door->sessions, slot->session);
    }
}

/* `datagram` is the request as OSCORE sees it. */
static void receive_protected(struct coap_door *door, struct slot *slot,
                              struct edhoc_peer_session *session, struct cede_span datagram)
{
    struct cede_coap_message decoded;
    struct cede_span request;
    enum cede_status status =
        cede_oscore_unprotect_request(&session->oscore, door->config.oscore_crypto, datagram,
                                      &slot->exchange, CEDE_BUF_ARRAY(slot->plain), &request);

    if (status == CEDE_OSCORE_REPLAY && is_known_duplicate(door, slot)) {
        return; /* a retransmission, most likely: answered as before */
    }
    if (status == CEDE_OK) {
        status = cede_coap_decode(request, &decoded);
    }
    if (status != CEDE_OK) {
        door->counters.forged++;
        slot->remember = false;
        answer_oscore_error(door, slot, status, session->peer.device_id);
        return;
    }
    if (!slot->remember) {
        /* Being fresh in OSCORE it is no duplicate, whatever the table says of its message id. */
        struct cede_span old;
        (void)look_up(door, slot, &old);
        slot->remember = true;
    }
    slot->session = session;
    slot->pending = slot->known = true;
    take_turn(door, slot, &decoded);
}

/* message_3 in front of an OSCORE request (RFC 9668, section 3.3.1). */
static void receive_combined(struct coap_door *door, struct slot *slot)
{
    struct cede_span kid;
    struct cede_span message_3;
    struct cede_span protected_request;
    struct edhoc_half_open *half_open = NULL;
    struct edhoc_peer_session *session = NULL;

    if (cede_oscore_split_combined(cede_span(slot->in, slot->in_len), CEDE_BUF_ARRAY(door->split),
                                   &kid, &message_3, &protected_request) != CEDE_OK) {
        door->counters.malformed++;
        tell(door, slot, "EDHOC", NULL, "message_3 and request do not come apart");
        answer_plain(door, slot, CEDE_COAP_BAD_REQUEST);
        return;
    }
    half_open = edhoc_half_open_find(&door->sessions, kid);
    if (half_open == NULL && edhoc_session_find(&door->sessions, kid) == NULL) {
        door->counters.no_context++;
        answer_oscore_error(door, slot, CEDE_OSCORE_NO_CONTEXT, NULL);
        return;
    }
    if (is_known_duplicate(door, slot)) {
        return;
    }
    if (half_open == NULL) {
        slot->remember = false;
        answer_oscore_error(door, slot, CEDE_OSCORE_REPLAY, NULL);
        return;
    }
    session = end_session(door, slot, half_open, kid, message_3);
    if (session != NULL) {
        slot->authenticated = true;
        receive_protected(door, slot, session, protected_request);
    }
    cede_wipe(&slot->ephemeral, sizeof slot->ephemeral);
}

static void answer_continue(struct coap_door *door, struct slot *slot)
{
    struct cede_coap_encoder encoder = cede_coap_begin_response(
        CEDE_BUF_ARRAY(slot->out), &slot->message, CEDE_COAP_CONTINUE, door->message_id++);
    struct cede_span datagram = CEDE_SPAN_NULL;
    enum cede_status status = CEDE_OK;

    cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(&slot->block));
    status = cede_coap_finish(&encoder, &datagram);
    take_answer(slot, status, datagram);
}

/* True when the request is whole: *datagram then is what the device has sent. */
static bool put_together(struct coap_door *door, struct slot *slot, struct cede_span *datagram)
{
    struct cede_span block1;
    enum cede_status status = CEDE_OK;

    if (!cede_coap_find_option(&slot->message, CEDE_COAP_BLOCK1, &block1)) {
        return true;
    }
    if (is_known_duplicate(door, slot)) {
        return false;
    }
    status = outer_blocks_take(&door->outer, peer_key(slot), *datagram, CEDE_BUF_ARRAY(door->split),
                               &slot->block, datagram);
    if (status != CEDE_OK) {
        door->counters.malformed++;
        tell(door, slot, "OSCORE", NULL, cede_status_reason(status));
        answer_plain(door, slot, cede_coap_error_code(status));
        return false;
    }
    slot->cut_up = true;
    if (cede_span_is_null(*datagram)) {
        answer_continue(door, slot);
        return false;
    }
    return true;
}

static void receive_oscore(struct coap_door *door, struct slot *slot)
{
    struct cede_span datagram = cede_span(slot->in, slot->in_len);
    struct cede_oscore_header header;
    struct edhoc_peer_session *session = NULL;
    enum cede_status status = cede_oscore_peek(&slot->message, &header);

    if (status == CEDE_OSCORE_UNPROTECTED) {
        door->counters.unprotected++;
        tell(door, slot, "CoAP", NULL, cede_status_reason(status));
        answer_plain(door, slot, CEDE_COAP_UNAUTHORIZED);
        return;
    }
    if (status != CEDE_OK) {
        door->counters.malformed++;
        answer_oscore_error(door, slot, status, NULL);
        return;
    }
    session = edhoc_session_find(&door->sessions, header.kid);
    if (session == NULL || !cede_oscore_matches(&session->oscore, &header)) {
        door->counters.no_context++;
        answer_oscore_error(door, slot, CEDE_OSCORE_NO_CONTEXT, NULL);
        return;
    }
    if (put_together(door, slot, &datagram)) {
        receive_protected(door, slot, session, datagram);
    }
}

/* --- discovery, for strangers ------------------------------------------------------------------
 */

#define LINKS_LEN_MAX 1024

static void compose_links(struct coap_door *door, struct slot *slot, struct cede_span links)
{
    struct cede_coap_encoder encoder = cede_coap_begin_response(
        CEDE_BUF_ARRAY(slot->out), &slot->message, CEDE_COAP_CONTENT, door->message_id++);
    struct cede_span datagram = CEDE_SPAN_NULL;
    enum cede_status status;

    cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, LINK_FORMAT);
    cede_coap_put_payload(&encoder, links);
    status = cede_coap_finish(&encoder, &datagram);
    take_answer(slot, status, datagram);
}

/* RFC 6690. Nothing here is secret; nobody is to be flooded with it either. */
static void receive_discovery(struct coap_door *door, struct slot *slot)
{
    uint8_t memory[LINKS_LEN_MAX];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span filter = CEDE_SPAN_NULL;
    uint16_t refused = 0;
    int32_t accept = COAP_DOOR_NO_FORMAT;

    if (slot->message.code != CEDE_COAP_GET) {
        tell(door, slot, "CoAP", NULL, "the resource has no such method");
        answer_plain(door, slot, CEDE_COAP_METHOD_NOT_ALLOWED);
    } else if (cede_coap_check_critical(&slot->message, discovery_options,
                                        COUNT_OF(discovery_options), &refused) != CEDE_OK) {
        door->counters.malformed++;
        tell_bad_option(door, slot, refused);
        answer_plain(door, slot, CEDE_COAP_BAD_OPTION);
    } else if (coap_turn_get_format(&slot->message, CEDE_COAP_ACCEPT, &accept) != CEDE_OK ||
               (accept != COAP_DOOR_NO_FORMAT && accept != LINK_FORMAT)) {
        tell(door, slot, "CoAP", NULL, "there is no such answer");
        answer_plain(door, slot, CEDE_COAP_NOT_ACCEPTABLE);
    } else {
        (void)cede_coap_find_option(&slot->message, CEDE_COAP_URI_QUERY, &filter);
        door->config.put_links(door->config.context, filter, &writer);
        (void)has_proven_address(door, slot);
        compose_links(door, slot, cede_written(&writer));
    }
}

static bool is_discovery(const struct coap_door *door, const struct slot *slot)
{
    struct cede_span option;

    return door->config.put_links != NULL &&
           cede_coap_path_equals(&slot->message, CEDE_SPAN_TEXT(".well-known/core")) &&
           !cede_coap_find_option(&slot->message, CEDE_COAP_OSCORE, &option);
}

/* --- one datagram ----------------------------------------------------------------------------- */

static void reject(struct coap_door *door, struct slot *slot, enum cede_status reason)
{
    struct cede_span reset = cede_coap_reject(cede_span(slot->in, slot->in_len), slot->out);

    door->counters.malformed++;
    tell(door, slot, "CoAP", NULL, slot->too_long ? "too long" : cede_status_reason(reason));
    slot->out_len = reset.len;
}

static void receive_datagram(struct coap_door *door, struct slot *slot)
{
    enum cede_status status = cede_coap_decode(cede_span(slot->in, slot->in_len), &slot->message);

    door->counters.datagrams++;
    make_peer_key(slot);
    if (status != CEDE_OK) {
        reject(door, slot, status);
    } else if (!cede_coap_is_request(&slot->message)) {
        /* A ping or a stray response: Reset when confirmable (RFC 7252, 4.2 and 4.3). */
        if (slot->message.type == CEDE_COAP_CON) {
            slot->out_len = cede_coap_empty(CEDE_COAP_RST, slot->message.message_id, slot->out).len;
        }
    } else if (slot->message.type != CEDE_COAP_CON && slot->message.type != CEDE_COAP_NON) {
        door->counters.malformed++;
        tell(door, slot, "CoAP", NULL, "a request in an acknowledgement or a reset");
    } else if (cede_coap_path_equals(&slot->message, CEDE_SPAN_TEXT(".well-known/edhoc"))) {
        receive_edhoc(door, slot);
    } else if (is_discovery(door, slot)) {
        receive_discovery(door, slot);
    } else if (cede_oscore_is_combined(&slot->message)) {
        receive_combined(door, slot);
    } else {
        receive_oscore(door, slot);
    }
}

/* --- after the commit ------------------------------------------------------------------------- */

static void protect_answer(struct coap_door *door, struct slot *slot)
{
    struct cede_span plain = CEDE_SPAN_NULL;
    struct cede_span datagram = CEDE_SPAN_NULL;
    enum cede_status status =
        coap_turn_compose(&slot->turn, door->message_id++, CEDE_BUF_ARRAY(door->middle), &plain);

    if (status == CEDE_OK) {
        status = cede_oscore_protect_response(&slot->session->oscore, door->config.oscore_crypto,
                                              CEDE_OSCORE_PLAIN, plain, &slot->exchange,
                                              CEDE_BUF_ARRAY(slot->out), &datagram);
    }
    if (status == CEDE_OK && slot->cut_up) {
        status = outer_blocks_acknowledge(datagram, &slot->block, CEDE_BUF_ARRAY(door->middle),
                                          &datagram);
    }
    if (status == CEDE_OK && slot->cut_up) {
        status = cede_copy(CEDE_BUF_ARRAY(slot->out), datagram, &datagram);
    }
    if (status != CEDE_OK) {
        log_error("cannot answer device %s: %s", slot->session->peer.device_id,
                  cede_status_reason(status));
    }
    take_answer(slot, status, datagram);
}

static void finish_batch(struct coap_door *door, size_t count)
{
    bool committed = coap_turns_commit(&door->turns);

    door->counters.commits_failed += committed ? 0 : 1;

    for (size_t i = 0; i < count; i++) {
        struct slot *slot = &door->slots[i];
        if (slot->pending) {
            coap_turn_settle(&door->turns, &slot->turn, committed);
            protect_answer(door, slot);
            coap_turn_wipe(&slot->turn);
        }
        keep_measure(door, slot);
        remember_answer(door, slot);
    }
    edhoc_sessions_reap(&door->sessions);
    door->counters.evicted = door->sessions.evicted;
}

/* --- the socket ------------------------------------------------------------------------------- */

static void reset_slot(struct slot *slot)
{
    slot->out_len = 0;
    slot->pending = slot->cut_up = slot->authenticated = slot->remember = false;
    slot->known = slot->has_request_key = false;
    slot->session = NULL;
    memset(&slot->ephemeral, 0, sizeof slot->ephemeral);
}

/* Returns how many datagrams came; those that were too long are emptied. */
static size_t receive_batch(struct coap_door *door)
{
    struct mmsghdr headers[COAP_DOOR_BATCH];
    struct iovec vectors[COAP_DOOR_BATCH];
    int count = 0;

    memset(headers, 0, sizeof headers);
    for (size_t i = 0; i < COAP_DOOR_BATCH; i++) {
        struct slot *slot = &door->slots[i];
        vectors[i] = (struct iovec){slot->in, sizeof slot->in};
        headers[i].msg_hdr.msg_name = &slot->from.storage;
        headers[i].msg_hdr.msg_namelen = sizeof slot->from.storage;
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    count = recvmmsg(door->fd, headers, COAP_DOOR_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        struct slot *slot = &door->slots[i];
        reset_slot(slot);
        slot->too_long = (headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        slot->from.len = headers[i].msg_hdr.msg_namelen;
        slot->in_len = slot->too_long ? 0 : headers[i].msg_len;
    }
    return count > 0 ? (size_t)count : 0;
}

static void send_batch(struct coap_door *door, size_t count)
{
    struct mmsghdr headers[COAP_DOOR_BATCH];
    struct iovec vectors[COAP_DOOR_BATCH];
    unsigned used = 0;
    unsigned sent = 0;

    memset(headers, 0, sizeof headers);
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = &door->slots[i];
        if (slot->out_len > 0) {
            vectors[used] = (struct iovec){slot->out, slot->out_len};
            headers[used].msg_hdr.msg_name = &slot->from.storage;
            headers[used].msg_hdr.msg_namelen = slot->from.len;
            headers[used].msg_hdr.msg_iov = &vectors[used];
            headers[used].msg_hdr.msg_iovlen = 1;
            used++;
        }
    }
    while (sent < used) {
        int n = sendmmsg(door->fd, headers + sent, used - sent, MSG_DONTWAIT);
        if (n > 0) {
            sent += (unsigned)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break; /* the peers will ask again */
        } else if (errno != EINTR) {
            sent++; /* this one cannot be reached */
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct coap_door *door = context;

    (void)fd;
    (void)what;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        size_t count = receive_batch(door);
        door->busy = true;
        door->now_ms = cede_monotonic_ms();
        for (size_t i = 0; i < count; i++) {
            receive_datagram(door, &door->slots[i]);
        }
        if (count > 0) {
            finish_batch(door, count);
            send_batch(door, count);
        }
        door->busy = false;
        if (count < COAP_DOOR_BATCH) {
            break;
        }
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    struct coap_door *door = context;
    uint64_t life_ms = door->config.half_open_life_s * UINT64_C(1000);
    struct edhoc_half_open *half_open;

    (void)fd;
    (void)what;
    door->now_ms = cede_monotonic_ms();
    coap_bodies_expire(&door->turns.bodies, door->now_ms);
    while (door->now_ms > life_ms &&
           (half_open = edhoc_half_open_expired(&door->sessions, door->now_ms - life_ms)) != NULL) {
        struct refusal refusal = {"EDHOC", &half_open->from, CEDE_SPAN_NULL, NULL,
                                  "the handshake takes too long"};
        refusals_tell(&door->refusals, door->now_ms, &refusal);
        edhoc_half_open_drop(&door->sessions, half_open);
    }
}

/* --- opening and closing ---------------------------------------------------------------------- */

enum cede_status coap_door_socket(const struct cede_address *address, int *fd)
{
    int one = 1;
    int buffer = RECEIVE_BUFFER_LEN;

    *fd = socket(address->storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0) {
        return CEDE_SOCKET_FAILED;
    }
    (void)setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    (void)setsockopt(*fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    if (setsockopt(*fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0 ||
        bind(*fd, (const struct sockaddr *)&address->storage, address->len) != 0) {
        int error = errno;
        close(*fd);
        errno = error;
        *fd = -1;
        return CEDE_SOCKET_FAILED;
    }
    return CEDE_OK;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static enum cede_status complete_config(struct coap_door_config *config)
{
    const struct coap_door_callbacks *callbacks = &config->callbacks;

    config->sessions_max = or_default(config->sessions_max, 65536);
    config->half_open_max = or_default(config->half_open_max, 2048);
    config->half_open_per_address =
        or_default(config->half_open_per_address, (config->half_open_max + 3) / 4);
    config->half_open_life_s = or_default(config->half_open_life_s, 30);
    config->dedup_max = or_default(config->dedup_max, 4096);
    config->transfers_max = or_default(config->transfers_max, 256);
    if (config->body_max == 0) {
        config->body_max = COAP_DOOR_BODY_MAX_DEFAULT;
    }
    if (config->oscore_crypto == NULL) {
        config->oscore_crypto = config->crypto;
    }
    if (config->crypto == NULL || callbacks->find_certificate == NULL ||
        callbacks->authenticate == NULL || callbacks->handle == NULL ||
        config->sessions_max < 2 * COAP_DOOR_BATCH) {
        return CEDE_BAD_ARGUMENT;
    }
    return CEDE_OK;
}

static enum cede_status init_dedup(struct coap_door *door)
{
    uint32_t count = door->config.dedup_max;
    size_t answers_len = (size_t)count * DEDUP_ANSWER_LEN;
    uint32_t seed = 0;

    door->dedup_entries = calloc(count, sizeof *door->dedup_entries);
    door->dedup_answers = malloc(answers_len);
    if (door->dedup_entries == NULL || door->dedup_answers == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    CEDE_TRY(door->config.crypto->random(door->config.crypto->context,
                                         cede_buf((uint8_t *)&seed, sizeof seed)));
    return cede_coap_dedup_init(&door->dedup, door->dedup_entries, count,
                                cede_buf(door->dedup_answers, answers_len),
                                cede_coap_exchange_lifetime_ms(&cede_coap_default_params), seed);
}

static enum cede_status init_slots(struct coap_door *door)
{
    door->slots = calloc(COAP_DOOR_BATCH, sizeof *door->slots);
    door->bodies_memory = malloc(COAP_DOOR_BATCH * door->config.body_max);
    if (door->slots == NULL || door->bodies_memory == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    for (size_t i = 0; i < COAP_DOOR_BATCH; i++) {
        door->slots[i].body_memory = door->bodies_memory + i * door->config.body_max;
    }
    return CEDE_OK;
}

static enum cede_status init_state(struct coap_door *door)
{
    const struct coap_door_config *config = &door->config;
    const struct cede_crypto *crypto = config->crypto;

    CEDE_TRY(edhoc_responder_init(&door->responder, config));
    CEDE_TRY(edhoc_sessions_init(&door->sessions, config->oscore_crypto, config->sessions_max,
                                 config->half_open_max, config->half_open_per_address));
    CEDE_TRY(coap_turns_init(&door->turns, &door->config.callbacks, door->config.context,
                             config->transfers_max, config->body_max));
    CEDE_TRY(init_dedup(door));
    CEDE_TRY(init_slots(door));
    CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(door->echo_key)));
    return crypto->random(crypto->context,
                          cede_buf((uint8_t *)&door->message_id, sizeof door->message_id));
}

static enum cede_status register_events(struct coap_door *door, struct event_base *base)
{
    struct timeval interval = {SWEEP_INTERVAL_S, 0};

    door->readable = event_new(base, door->fd, EV_READ | EV_PERSIST, on_readable, door);
    door->sweep = event_new(base, -1, EV_PERSIST, on_sweep, door);
    if (door->readable == NULL || door->sweep == NULL || event_add(door->readable, NULL) != 0 ||
        event_add(door->sweep, &interval) != 0) {
        return CEDE_SERVER_FAILED;
    }
    return CEDE_OK;
}

enum cede_status coap_door_open(struct event_base *base, const struct coap_door_config *config,
                                struct coap_door **out)
{
    struct coap_door *door = calloc(1, sizeof *door);
    enum cede_status status = CEDE_OK;

    *out = NULL;
    if (door == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    door->config = *config;
    door->fd = config->fd > 0 ? config->fd : -1;
    door->now_ms = cede_monotonic_ms();
    status = complete_config(&door->config);
    if (status == CEDE_OK) {
        status = init_state(door);
    }
    if (status == CEDE_OK && door->fd < 0) {
        status = coap_door_socket(&config->address, &door->fd);
    }
    if (status == CEDE_OK) {
        status = register_events(door, base);
    }
    if (status != CEDE_OK) {
        coap_door_close(door);
        return status;
    }
    *out = door;
    return CEDE_OK;
}

void coap_door_close(struct coap_door *door)
{
    if (door == NULL) {
        return;
    }
    if (door->readable != NULL) {
        event_free(door->readable);
    }
    if (door->sweep != NULL) {
        event_free(door->sweep);
    }
    if (door->fd >= 0) {
        close(door->fd);
    }
    edhoc_sessions_wipe(&door->sessions);
    coap_turns_wipe(&door->turns);
    free(door->dedup_entries);
    free(door->dedup_answers);
    free(door->slots);
    free(door->bodies_memory);
    cede_wipe(door, sizeof *door);
    free(door);
}

/* --- questions -------------------------------------------------------------------------------- */

enum cede_status coap_door_local(const struct coap_door *door, struct cede_address *address)
{
    return cede_udp_local(door->fd, address);
}

const struct coap_door_counters *coap_door_counters(const struct coap_door *door)
{
    return &door->counters;
}

uint32_t coap_door_sessions(const struct coap_door *door)
{
    return door->sessions.table.count;
}

uint32_t coap_door_half_open(const struct coap_door *door)
{
    return door->sessions.half_open_table.count;
}

uint32_t coap_door_dismiss(struct coap_door *door, const char *device_id)
{
    uint32_t count = edhoc_sessions_doom_device(&door->sessions, device_id);

    door->counters.dismissed += count;
    if (!door->busy) {
        edhoc_sessions_reap(&door->sessions);
    }
    return count;
}
