/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtls_door.c - the socket, handshakes, batches, and the way of one message through the door.
 *
 * The order is that of coap_door.c: all datagrams of a batch are processed, requests leave their
 * answers in slots, the batch is committed, and only then the answers are sent.
 */
#include "server/common/dtls_door.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/common/coap_turn.h"
#include "server/common/dtls_sessions.h"
#include "server/common/log.h"
#include "server/common/refusals.h"

/* The first is the one every client of the profile has (RFC 9148, section 3). */
#define SUITES            "ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES128-GCM-SHA256"
#define GROUPS            "P-256"
#define SIGNATURES        "ECDSA+SHA256:ECDSA+SHA384:ed25519"
#define DATAGRAM_LEN      1200 /* what IPv6 carries anywhere, less its headers */
#define ROUNDS_MAX        4
#define COOKIE_LEN        16
#define COOKIE_LIFE_MS    60000
#define TICK_MS           250
#define RECORD_HANDSHAKE  22
#define CLIENT_HELLO      1
#define NO_MASTER_SECRET  "no extended master secret"
#define CLIENT_HELLO_TYPE 13 /* where its type stands in a datagram */

#define CERTIFICATE_NAME_MAX 64 /* what is told of it */

struct slot {
    struct dtls_session *session;
    uint8_t plain[COAP_DOOR_DATAGRAM_MAX]; /* the turn's request */
    struct coap_turn turn;
    uint8_t *body_memory;
};

struct dtls_door {
    struct dtls_door_config config;
    struct dtls_sessions sessions;
    struct coap_turns turns;
    struct refusals refusals;
    struct dtls_door_counters counters;
    SSL_CTX *context;
    BIO_METHOD *method;
    SSL *listener; /* for whoever has no session */
    struct datagram_bio listener_datagrams;
    BIO_ADDR *listener_peer;
    const struct cede_address *asking; /* whose datagram is being processed */
    size_t room;                       /* bytes that may go to it as long as it is a stranger */
    uint8_t cookie_key[32];
    struct slot *slots;
    size_t slots_count; /* of the present batch */
    uint8_t *bodies_memory;
    uint64_t now_ms;
    uint16_t message_id;
    struct event *readable, *tick;
};

/* --- sending ---------------------------------------------------------------------------------- */

/* What cannot be sent is lost, as it may be on the way. */
static void send_to(const struct dtls_door *door, const struct cede_address *address,
                    struct cede_span datagram)
{
    (void)!cede_udp_send(door->config.fd, address, datagram);
}

static void send_to_peer(void *context, struct cede_span datagram)
{
    const struct dtls_session *session = context;

    send_to(session->door, &session->address, datagram);
}

/* All that leaves before the address is proven comes by here. */
static void send_to_stranger(void *context, struct cede_span datagram)
{
    struct dtls_door *door = context;

    if (datagram.len <= door->room) {
        door->room -= datagram.len;
        send_to(door, door->asking, datagram);
    }
}

static void write_message(struct dtls_session *session, struct cede_span message)
{
    ERR_clear_error();
    if (message.len > 0 && SSL_write(session->ssl, message.ptr, (int)message.len) <= 0) {
        log_info("device %s: an answer could not be written", session->peer.device_id);
    }
    ERR_clear_error();
}

/* --- cookies (RFC 6347, section 4.2.1) -------------------------------------------------------- */

static struct cede_span address_bytes(const struct cede_address *address, uint8_t out[18])
{
    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
        memcpy(out, &in6->sin6_addr, 16);
        memcpy(out + 16, &in6->sin6_port, 2);
        return cede_span(out, 18);
    }
    memcpy(out, &((const struct sockaddr_in *)&address->storage)->sin_addr, 4);
    memcpy(out + 4, &((const struct sockaddr_in *)&address->storage)->sin_port, 2);
    return cede_span(out, 6);
}

/* Good for the present period and, `back` periods earlier, for an older one. */
static bool make_cookie(const struct dtls_door *door, uint64_t back, uint8_t cookie[32])
{
    const struct cede_crypto *crypto = door->config.crypto;
    uint64_t period = door->now_ms / COOKIE_LIFE_MS - back;
    uint8_t memory[18];
    struct cede_span parts[2] = {address_bytes(door->asking, memory),
                                 cede_span((const uint8_t *)&period, sizeof period)};

    return crypto->hmac(crypto->context, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(door->cookie_key), parts,
                        2, cookie) == CEDE_OK;
}

static int generate_cookie(SSL *ssl, unsigned char *cookie, unsigned *cookie_len)
{
    const struct dtls_door *door = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    uint8_t made[32];

    if (!make_cookie(door, 0, made)) {
        return 0;
    }
    memcpy(cookie, made, COOKIE_LEN);
    *cookie_len = COOKIE_LEN;
    return 1;
}

static int verify_cookie(SSL *ssl, const unsigned char *cookie, unsigned cookie_len)
{
    const struct dtls_door *door = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    uint8_t made[32];

    for (uint64_t back = 0; back < 2; back++) {
        if (cookie_len == COOKIE_LEN && make_cookie(door, back, made) &&
            cede_equal_constant_time(made, cookie, COOKIE_LEN)) {
            return 1;
        }
    }
    return 0;
}

/* --- whom to let in --------------------------------------------------------------------------- */

/* Once a handshake, by whom and why; `name` is what the peer's certificate says, or null. */
static void tell_refusal(struct dtls_session *session, const char *name, const char *why)
{
    struct cede_span one = cede_span((const uint8_t *)&session->number, sizeof session->number);
    struct refusal refusal = {"DTLS", &session->address, one, name, why};

    if (!session->refused) {
        session->refused = true;
        refusals_tell(&session->door->refusals, session->door->now_ms, &refusal);
    }
}

/* Nothing is kept of who has no session: one line an address, however often he tries. */
static void tell_stranger(struct dtls_door *door, const struct cede_address *from, const char *why)
{
    struct refusal refusal = {"DTLS", from, CEDE_SPAN_NULL, NULL, why};

    refusals_tell(&door->refusals, door->now_ms, &refusal);
}

/* Alerts that OpenSSL sends by itself and goes on after. */
static void note_alert(const SSL *ssl, int where, int alert)
{
    struct dtls_session *session = SSL_get_app_data(ssl);

    if (session != NULL && session->established && !session->told &&
        (where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT &&
        (alert & 0xff) == SSL_AD_NO_RENEGOTIATION) {
        session->told = true;
        log_warning("device %s: renegotiation is refused", session->peer.device_id);
    }
}

/* Without the extended master secret somebody in the middle could make two sessions look the same
 * (RFC 7627; RFC 9148, section 9.1). Looked at before anything is computed. */
static int look_at_hello(SSL *ssl, int *alert, void *context)
{
    const unsigned char *value;
    struct dtls_session *session = SSL_get_app_data(ssl);
    size_t len;

    (void)context;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_extended_master_secret, &value, &len) == 1) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    tell_refusal(session, NULL, NO_MASTER_SECRET);
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    return SSL_CLIENT_HELLO_ERROR;
}

/* A certificate of the peer's chain, copied and decoded. */
static bool take_certificate(struct dtls_door *door, X509 *x509, struct cede_buf out,
                             struct cede_certificate *certificate)
{
    int len = i2d_X509(x509, NULL);
    uint8_t *at = out.ptr;

    return len > 0 && (size_t)len <= out.cap && i2d_X509(x509, &at) == len &&
           cede_certificate_decode(cede_span(out.ptr, (size_t)len), door->config.crypto,
                                   certificate) == CEDE_OK;
}

static bool admit(struct dtls_session *session, STACK_OF(X509) * sent)
{
    struct dtls_door *door = session->door;
    uint8_t memory[COAP_DOOR_CHAIN_MAX][COAP_DOOR_CERTIFICATE_MAX];
    struct cede_certificate chain[COAP_DOOR_CHAIN_MAX];
    size_t count = 0, hash_len;
    enum cede_status status;

    for (int i = 0; i < sk_X509_num(sent) && count < COAP_DOOR_CHAIN_MAX; i++) {
        struct cede_buf out =
            i == 0 ? CEDE_BUF_ARRAY(session->certificate) : CEDE_BUF_ARRAY(memory[count]);
        if (!take_certificate(door, sk_X509_value(sent, i), out, &chain[count])) {
            return false; /* told with the handshake's end */
        }
        count++;
    }
    if (count == 0) {
        return false;
    }
    memset(&session->peer, 0, sizeof session->peer);
    status = door->config.callbacks.authenticate(door->config.context, &chain[0], chain + 1,
                                                 count - 1, &session->peer);
    if (status == CEDE_OK) {
        status = cede_certificate_thumbprint(door->config.crypto, CEDE_ALG_SHA_256, chain[0].raw,
                                             session->peer.thumbprint, &hash_len);
    }
    session->peer.certificate = chain[0].raw;
    if (status != CEDE_OK) {
        struct cede_span name = cede_certificate_common_name(&chain[0]);
        char text[CERTIFICATE_NAME_MAX + 1];

        snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.ptr);
        tell_refusal(session, text, cede_status_reason(status));
    }
    return status == CEDE_OK;
}

/* Called before the peer has shown that it has the key: reads, but does not act. */
static int verify_peer(X509_STORE_CTX *store, void *context)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct dtls_session *session = SSL_get_app_data(ssl);
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);

    (void)context;
    if (session == NULL || sent == NULL || !admit(session, sent)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    return 1;
}

/* --- one request ------------------------------------------------------------------------------ */

/* A message that is no request, or a request that came before: no slot is needed. */
static bool is_settled(struct dtls_door *door, struct dtls_session *session,
                       const struct cede_coap_message *request)
{
    uint8_t memory[CEDE_COAP_EMPTY_LEN];

    if (!cede_coap_is_request(request)) {
        if (request->type == CEDE_COAP_CON) { /* a ping (RFC 7252, section 4.3) */
            write_message(session, cede_coap_empty(CEDE_COAP_RST, request->message_id, memory));
        }
        return true;
    }
    if (session->has_last && session->last_id == request->message_id) {
        door->counters.duplicates++;
        write_message(session, cede_span(session->last_answer, session->last_answer_len));
        return true;
    }
    return false;
}

/* What came in one record lies in slot->plain. True: the slot holds an answer to be sent. */
static bool receive_message(struct dtls_door *door, struct slot *slot, size_t len)
{
    struct dtls_session *session = slot->session;
    struct coap_turn *turn = &slot->turn;
    enum cede_status status;

    coap_turn_begin(turn, cede_buf(slot->body_memory, door->config.body_max));
    status = cede_coap_decode(cede_span(slot->plain, len), &turn->request);
    if (status != CEDE_OK) {
        log_warning("device %s: %s", session->peer.device_id, cede_status_reason(status));
    }
    if (status != CEDE_OK || is_settled(door, session, &turn->request)) {
        return false;
    }
    session->has_last = true;
    session->last_id = turn->request.message_id;
    cede_wipe(session->last_answer, session->last_answer_len);
    session->last_answer_len = 0;
    turn->peer = &session->peer;
    turn->session = session->number;
    memcpy(turn->session_id, &session->number, sizeof turn->session_id);
    coap_turn_take(&door->turns, turn);
    door->counters.requests += turn->asked ? 1 : 0;
    if (turn->dismissed) {
        door->counters.dismissed++;
        session->doomed = true;
    }
    session->uses++;
    return true;
}

/* --- handshakes and records ------------------------------------------------------------------- */

/* False: the session is of no use any more. */
static bool goes_on(struct dtls_session *session, int result)
{
    int error = SSL_get_error(session->ssl, result);

    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void say_goodbye(struct dtls_session *session)
{
    ERR_clear_error();
    if (session->established) {
        (void)!SSL_shutdown(session->ssl);
    }
    ERR_clear_error();
}

/* A device has one session, as it has with EDHOC: with many it would take the others' places. */
static void end_earlier(struct dtls_door *door, const struct dtls_session *session)
{
    struct dtls_session *other, *newer;

    for (other = door->sessions.established.oldest; other != NULL; other = newer) {
        newer = other->newer;
        if (memcmp(other->peer.thumbprint, session->peer.thumbprint,
                   sizeof other->peer.thumbprint) != 0) {
            continue;
        }
        other->doomed = true;
        if (other->uses == 0) {
            say_goodbye(other);
            dtls_sessions_drop(&door->sessions, other);
        }
    }
}

static void make_room(struct dtls_door *door)
{
    struct dtls_session *oldest = door->sessions.established.oldest;

    while (oldest != NULL && oldest->uses > 0) {
        oldest = oldest->newer;
    }
    if (door->sessions.established.count >= door->config.sessions_max && oldest != NULL) {
        door->counters.evicted++;
        dtls_sessions_drop(&door->sessions, oldest);
    }
}

static void shake_hands(struct dtls_door *door, struct dtls_session *session)
{
    const char *why;
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(session->ssl);
    if (result == 1 && SSL_get_extms_support(session->ssl) == 1) {
        end_earlier(door, session);
        make_room(door);
        dtls_sessions_establish(&door->sessions, session, door->now_ms);
        door->counters.handshakes++;
        return;
    }
    why = result == 1 ? NO_MASTER_SECRET : ERR_reason_error_string(ERR_peek_error());
    if (result == 1 || !goes_on(session, result)) {
        tell_refusal(session, NULL, why != NULL ? why : "it ended the handshake");
        door->counters.handshakes_bad++;
        session->doomed = true;
    }
}

/* A datagram may hold several records; for more messages than a batch takes there is another day.
 */
static void read_messages(struct dtls_door *door, struct dtls_session *session)
{
    int len = 1;

    while (len > 0 && !session->doomed && door->slots_count < COAP_DOOR_BATCH) {
        struct slot *slot = &door->slots[door->slots_count];

        ERR_clear_error();
        len = SSL_read(session->ssl, slot->plain, sizeof slot->plain);
        slot->session = session;
        if (len > 0 && receive_message(door, slot, (size_t)len)) {
            door->slots_count++;
        }
    }
    if (len <= 0 && !goes_on(session, len)) {
        session->doomed = true;
    }
}

static void feed(struct dtls_door *door, struct dtls_session *session, struct cede_span datagram)
{
    session->datagrams.waiting = datagram_records(session->ssl, datagram);
    if (!session->established) {
        shake_hands(door, session);
    }
    if (session->established && !session->doomed) {
        dtls_sessions_use(&door->sessions, session, door->now_ms);
        read_messages(door, session);
    }
    session->datagrams.waiting = CEDE_SPAN_NULL;
    if (session->doomed && session->uses == 0) {
        dtls_sessions_drop(&door->sessions, session);
    }
}

/* --- strangers -------------------------------------------------------------------------------- */

static bool make_listener(struct dtls_door *door)
{
    BIO *bio;

    door->listener = SSL_new(door->context);
    bio = door->listener != NULL ? datagram_bio_new(door->method, &door->listener_datagrams) : NULL;
    if (bio == NULL) {
        SSL_free(door->listener);
        door->listener = NULL;
        return false;
    }
    SSL_set_bio(door->listener, bio, bio);
    SSL_set_accept_state(door->listener);
    SSL_set_options(door->listener, SSL_OP_COOKIE_EXCHANGE);
    (void)!SSL_set_mtu(door->listener, DATAGRAM_LEN);
    return true;
}

/* A newcomer is always let in: whoever fills the table loses his own. */
static void make_room_for_handshake(struct dtls_door *door, const struct cede_address *from)
{
    uint32_t max = door->config.handshakes_max;
    struct dtls_session *session =
        dtls_sessions_in_the_way(&door->sessions, from, (max + 3) / 4, max);

    if (session != NULL) {
        door->counters.limited++;
        tell_refusal(session, NULL, "too many handshakes, this one makes room");
        dtls_sessions_drop(&door->sessions, session);
    }
}

/* The listener has met somebody who has shown that the address is its own, and becomes its end. */
static void begin_session(struct dtls_door *door, const struct cede_address *from)
{
    SSL *ssl = door->listener;
    struct dtls_session *old = dtls_sessions_find(&door->sessions, from);
    struct dtls_session *session = NULL;

    (void)!make_listener(door);
    if (old == NULL || old->uses == 0) {
        if (old != NULL) { /* it has begun anew (RFC 6347, section 4.2.8) */
            dtls_sessions_drop(&door->sessions, old);
        }
        make_room_for_handshake(door, from);
        session = dtls_sessions_add(&door->sessions, door, from, ssl, door->now_ms);
    }
    if (session == NULL) { /* answers of its session are still to be sent; it will try again */
        SSL_free(ssl);
        return;
    }
    session->datagrams.send = send_to_peer;
    session->datagrams.context = session;
    BIO_set_data(SSL_get_rbio(ssl), &session->datagrams);
    SSL_set_app_data(ssl, session);
    feed(door, session, CEDE_SPAN_NULL);
}

static bool is_client_hello(struct cede_span datagram)
{
    return datagram.len > CLIENT_HELLO_TYPE && datagram.ptr[0] == RECORD_HANDSHAKE &&
           datagram.ptr[3] == 0 && datagram.ptr[4] == 0 && /* epoch */
           datagram.ptr[CLIENT_HELLO_TYPE] == CLIENT_HELLO;
}

static void listen_to(struct dtls_door *door, const struct cede_address *from,
                      struct cede_span datagram)
{
    const char *why;
    int result;

    if (!is_client_hello(datagram) || (door->listener == NULL && !make_listener(door))) {
        door->counters.strangers++;
        tell_stranger(door, from, "there is no session, and this is no ClientHello");
        return;
    }
    ERR_clear_error();
    door->listener_datagrams.waiting = datagram;
    result = DTLSv1_listen(door->listener, door->listener_peer);
    door->listener_datagrams.waiting = CEDE_SPAN_NULL;
    why = ERR_reason_error_string(ERR_peek_error()); /* none when it was sent a cookie */
    ERR_clear_error();
    if (result > 0) {
        begin_session(door, from);
        return;
    }
    door->counters.strangers++;
    if (why != NULL) {
        tell_stranger(door, from, why);
    }
}

static void receive_datagram(struct dtls_door *door, const struct cede_address *from,
                             struct cede_span datagram)
{
    struct dtls_session *session = dtls_sessions_find(&door->sessions, from);

    door->counters.datagrams++;
    door->asking = from;
    door->room = COAP_DOOR_AMPLIFICATION_MAX * datagram.len;
    if (session == NULL || (session->established && is_client_hello(datagram))) {
        listen_to(door, from, datagram);
    } else if (!session->doomed) {
        feed(door, session, datagram);
    }
    door->asking = NULL;
}

/* --- after the commit ------------------------------------------------------------------------- */

static void send_answer(struct dtls_door *door, struct slot *slot)
{
    struct dtls_session *session = slot->session;
    uint8_t memory[DTLS_ANSWER_MAX];
    struct cede_span message = CEDE_SPAN_NULL;

    if (coap_turn_compose(&slot->turn, door->message_id++, CEDE_BUF_ARRAY(memory), &message) !=
        CEDE_OK) {
        log_error("cannot answer device %s", session->peer.device_id);
    }
    write_message(session, message);
    if (session->last_id == slot->turn.request.message_id && message.len > 0) {
        memcpy(session->last_answer, message.ptr, message.len);
        session->last_answer_len = message.len;
    }
}

static void finish_batch(struct dtls_door *door)
{
    bool committed = coap_turns_commit(&door->turns);

    door->counters.commits_failed += committed ? 0 : 1;

    for (size_t i = 0; i < door->slots_count; i++) {
        struct slot *slot = &door->slots[i];
        coap_turn_settle(&door->turns, &slot->turn, committed);
        send_answer(door, slot);
        coap_turn_wipe(&slot->turn);
        slot->session->uses--;
        if (slot->session->doomed && slot->session->uses == 0) {
            say_goodbye(slot->session);
            dtls_sessions_drop(&door->sessions, slot->session);
        }
    }
    door->slots_count = 0;
}

/* --- the socket and time ---------------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct dtls_door *door = context;
    uint8_t memory[COAP_DOOR_DATAGRAM_MAX];
    struct cede_address from;
    struct cede_span datagram;
    enum cede_status status = CEDE_OK;

    (void)what;
    door->now_ms = cede_monotonic_ms();
    for (int i = 0; i < ROUNDS_MAX * COAP_DOOR_BATCH && status != CEDE_SOCKET_AGAIN; i++) {
        status = cede_udp_receive((int)fd, &from, CEDE_BUF_ARRAY(memory), &datagram);
        if (status == CEDE_OK) {
            receive_datagram(door, &from, datagram);
        }
        if (door->slots_count == COAP_DOOR_BATCH) {
            finish_batch(door);
        }
    }
    finish_batch(door);
}

/* Flights of handshakes are repeated; who is too slow, or silent for long, is forgotten. */
static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct dtls_door *door = context;
    struct dtls_session *session, *newer;

    (void)fd;
    (void)what;
    door->now_ms = cede_monotonic_ms();
    coap_bodies_expire(&door->turns.bodies, door->now_ms);
    for (session = door->sessions.handshakes.oldest; session != NULL; session = newer) {
        newer = session->newer;
        ERR_clear_error();
        if (door->now_ms - session->begun_at_ms > door->config.handshake_s * UINT64_C(1000) ||
            DTLSv1_handle_timeout(session->ssl) < 0) {
            tell_refusal(session, NULL, "the handshake takes too long");
            door->counters.handshakes_bad++;
            dtls_sessions_drop(&door->sessions, session);
        }
    }
    for (session = door->sessions.established.oldest;
         session != NULL &&
         door->now_ms - session->used_at_ms > door->config.idle_s * UINT64_C(1000);
         session = newer) {
        newer = session->newer;
        say_goodbye(session);
        dtls_sessions_drop(&door->sessions, session);
    }
    ERR_clear_error();
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void set_default(uint32_t *value, uint32_t number)
{
    *value = *value != 0 ? *value : number;
}

static enum cede_status complete_config(struct dtls_door_config *config)
{
    set_default(&config->sessions_max, 4096);
    set_default(&config->handshakes_max, 1024);
    set_default(&config->handshake_s, 30);
    set_default(&config->idle_s, 3600);
    set_default(&config->transfers_max, 256);
    config->body_max = config->body_max != 0 ? config->body_max : COAP_DOOR_BODY_MAX_DEFAULT;
    return config->crypto != NULL && config->certificate.len > 0 && config->key != NULL &&
                   config->callbacks.authenticate != NULL && config->callbacks.handle != NULL
               ? CEDE_OK
               : CEDE_BAD_ARGUMENT;
}

static bool add_chain(const struct dtls_door_config *config, SSL_CTX *context)
{
    for (size_t i = 0; i < config->chain_count; i++) {
        const uint8_t *at = config->chain[i].ptr;
        X509 *certificate = d2i_X509(NULL, &at, (long)config->chain[i].len);

        if (certificate == NULL || SSL_CTX_add0_chain_cert(context, certificate) != 1) {
            X509_free(certificate);
            return false;
        }
    }
    return true;
}

/* OpenSSL's levels of security count the suite that RFC 9148 demands as too weak: what may be used
 * is listed. */
static bool set_rules(struct dtls_door *door, SSL_CTX *context)
{
    const struct dtls_door_config *config = &door->config;

    SSL_CTX_set_app_data(context, door);
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify_peer, NULL);
    SSL_CTX_set_info_callback(context, note_alert);
    SSL_CTX_set_client_hello_cb(context, look_at_hello, NULL);
    SSL_CTX_set_cookie_generate_cb(context, generate_cookie);
    SSL_CTX_set_cookie_verify_cb(context, verify_cookie);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, SUITES) == 1 &&
           SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
           SSL_CTX_set1_sigalgs_list(context, SIGNATURES) == 1 &&
           SSL_CTX_use_certificate_ASN1(context, (int)config->certificate.len,
                                        config->certificate.ptr) == 1 &&
           SSL_CTX_use_PrivateKey(context, config->key) == 1 && add_chain(config, context);
}

static enum cede_status init_openssl(struct dtls_door *door)
{
    door->method = datagram_bio_method();
    door->context = SSL_CTX_new(DTLS_server_method());
    door->listener_peer = BIO_ADDR_new();
    door->listener_datagrams.send = send_to_stranger;
    door->listener_datagrams.context = door;
    return door->method != NULL && door->context != NULL && door->listener_peer != NULL &&
                   set_rules(door, door->context) && make_listener(door)
               ? CEDE_OK
               : CEDE_SERVER_FAILED;
}

static enum cede_status init_memory(struct dtls_door *door)
{
    const struct dtls_door_config *config = &door->config;
    const struct cede_crypto *crypto = config->crypto;

    CEDE_TRY(coap_turns_init(&door->turns, &config->callbacks, config->context,
                             config->transfers_max, config->body_max));
    door->slots = calloc(COAP_DOOR_BATCH, sizeof *door->slots);
    door->bodies_memory = calloc(COAP_DOOR_BATCH, config->body_max);
    if (door->slots == NULL || door->bodies_memory == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    for (size_t i = 0; i < COAP_DOOR_BATCH; i++) {
        door->slots[i].body_memory = door->bodies_memory + i * config->body_max;
    }
    CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(door->cookie_key)));
    return crypto->random(crypto->context,
                          cede_buf((uint8_t *)&door->sessions.seed, sizeof door->sessions.seed));
}

static enum cede_status register_events(struct dtls_door *door, struct event_base *base)
{
    struct timeval interval = {0, TICK_MS * 1000};

    door->readable = event_new(base, door->config.fd, EV_READ | EV_PERSIST, on_readable, door);
    door->tick = event_new(base, -1, EV_PERSIST, on_tick, door);
    return door->readable != NULL && door->tick != NULL && event_add(door->readable, NULL) == 0 &&
                   event_add(door->tick, &interval) == 0
               ? CEDE_OK
               : CEDE_SERVER_FAILED;
}

enum cede_status dtls_door_open(struct event_base *base, const struct dtls_door_config *config,
                                struct dtls_door **out)
{
    struct dtls_door *door = calloc(1, sizeof *door);
    enum cede_status status;

    *out = NULL;
    if (door == NULL) {
        close(config->fd);
        return CEDE_SERVER_MEMORY;
    }
    door->config = *config;
    door->now_ms = cede_monotonic_ms();
    status = complete_config(&door->config);
    if (status == CEDE_OK) {
        status = init_memory(door);
    }
    if (status == CEDE_OK) {
        status = init_openssl(door);
    }
    if (status == CEDE_OK) {
        status = register_events(door, base);
    }
    ERR_clear_error();
    if (status != CEDE_OK) {
        dtls_door_close(door);
        return status;
    }
    *out = door;
    return CEDE_OK;
}

static void drop_all(struct dtls_door *door, struct dtls_list *list)
{
    while (list->oldest != NULL) {
        say_goodbye(list->oldest);
        dtls_sessions_drop(&door->sessions, list->oldest);
    }
}

void dtls_door_close(struct dtls_door *door)
{
    if (door == NULL) {
        return;
    }
    if (door->readable != NULL) {
        event_free(door->readable);
    }
    if (door->tick != NULL) {
        event_free(door->tick);
    }
    drop_all(door, &door->sessions.handshakes);
    drop_all(door, &door->sessions.established);
    SSL_free(door->listener);
    SSL_CTX_free(door->context);
    BIO_meth_free(door->method);
    BIO_ADDR_free(door->listener_peer);
    close(door->config.fd);
    coap_turns_wipe(&door->turns);
    free(door->slots);
    free(door->bodies_memory);
    cede_wipe(door, sizeof *door);
    free(door);
}

const struct dtls_door_counters *dtls_door_counters(const struct dtls_door *door)
{
    return &door->counters;
}

uint32_t dtls_door_sessions(const struct dtls_door *door)
{
    return door->sessions.established.count;
}
