/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c - the client's side of one request (RFC 7252, 4.2 and 5.2): retransmission, and the
 * match of acknowledgements, resets and responses.
 *
 *     WAIT_ACK --timeout--> WAIT_ACK (resend), or failed after MAX_RETRANSMIT
 *     WAIT_ACK --empty ACK--> WAIT_RESPONSE
 *     WAIT_ACK, WAIT_RESPONSE --response--> DONE; --RST--> failed
 *     WAIT_RESPONSE --timeout--> failed
 */
#include <string.h>

#include "cede/coap.h"

#define RETRANSMIT_MAX 20 /* keeps the sums below far from overflow */

const struct cede_coap_params cede_coap_default_params = {
    .ack_timeout_ms = 2000,
    .ack_random_permille = 1500,
    .max_retransmit = 4,
    .max_latency_ms = 100000,
    .response_timeout_ms = 93000, /* as patient as with an acknowledgement: MAX_TRANSMIT_WAIT */
};

/* ACK_TIMEOUT * (2 ** doublings - 1) * ACK_RANDOM_FACTOR */
static uint64_t transmit_ms(const struct cede_coap_params *params, uint32_t doublings)
{
    uint64_t intervals = (UINT64_C(1) << doublings) - 1;

    return params->ack_timeout_ms * intervals * params->ack_random_permille / 1000;
}

uint64_t cede_coap_max_transmit_wait_ms(const struct cede_coap_params *params)
{
    return transmit_ms(params, params->max_retransmit + 1);
}

uint64_t cede_coap_exchange_lifetime_ms(const struct cede_coap_params *params)
{
    return transmit_ms(params, params->max_retransmit) + UINT64_C(2) * params->max_latency_ms +
           params->ack_timeout_ms; /* PROCESSING_DELAY is ACK_TIMEOUT */
}

static bool params_hold(const struct cede_coap_params *params)
{
    return params->ack_timeout_ms > 0 && params->ack_random_permille >= 1000 &&
           params->ack_random_permille <= 100000 && params->max_retransmit <= RETRANSMIT_MAX;
}

/* Between ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR. */
static enum cede_status draw_timeout(const struct cede_coap_params *params,
                                     const struct cede_crypto *crypto, uint64_t *timeout_ms)
{
    uint64_t spread = (uint64_t)params->ack_timeout_ms * (params->ack_random_permille - 1000);
    uint8_t random[2] = {0};

    CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(random)));
    *timeout_ms = params->ack_timeout_ms +
                  spread * (uint64_t)(random[0] << 8 | random[1]) / UINT16_MAX / 1000;
    return CEDE_OK;
}

static bool is_waiting(const struct cede_coap_exchange *exchange)
{
    return exchange->state == CEDE_COAP_WAIT_ACK || exchange->state == CEDE_COAP_WAIT_RESPONSE;
}

enum cede_status cede_coap_exchange_start(struct cede_coap_exchange *exchange,
                                          const struct cede_coap_params *params,
                                          const struct cede_crypto *crypto,
                                          struct cede_span request, uint64_t now_ms)
{
    struct cede_coap_exchange started = {0};
    struct cede_coap_message message;

    if (is_waiting(exchange)) {
        return CEDE_COAP_BUSY;
    }
    CEDE_TRY(cede_coap_decode(request, &message));
    if (!cede_coap_is_request(&message) || !params_hold(params)) {
        return CEDE_BAD_ARGUMENT;
    }
    started.params = *params;
    started.message_id = message.message_id;
    started.confirmable = message.type == CEDE_COAP_CON;
    started.token_len = (uint8_t)message.token.len;
    memcpy(started.token, message.token.ptr, message.token.len);
    started.has_acked = exchange->has_acked;
    started.acked_id = exchange->acked_id;
    CEDE_TRY(draw_timeout(params, crypto, &started.timeout_ms));
    started.state = started.confirmable ? CEDE_COAP_WAIT_ACK : CEDE_COAP_WAIT_RESPONSE;
    started.deadline_ms =
        now_ms + (started.confirmable ? started.timeout_ms : params->response_timeout_ms);
    started.last_resend_at_ms = now_ms + transmit_ms(params, params->max_retransmit);
    started.give_up_at_ms = now_ms + cede_coap_max_transmit_wait_ms(params);
    *exchange = started;
    return CEDE_OK;
}

static struct cede_coap_step wait(void)
{
    struct cede_coap_step step = {.next = CEDE_COAP_WAIT};

    return step;
}

static void stop(struct cede_coap_exchange *exchange)
{
    exchange->state = CEDE_COAP_DONE;
    exchange->deadline_ms = UINT64_MAX;
}

static struct cede_coap_step fail(struct cede_coap_exchange *exchange, enum cede_status reason)
{
    struct cede_coap_step step = {.next = CEDE_COAP_FAILED, .reason = reason};

    stop(exchange);
    return step;
}

/* The request may be sent once more: the whole sequence stays inside MAX_TRANSMIT_SPAN,
 * "even if that means a sender may miss an opportunity to transmit" (RFC 7252, 4.2). */
static bool is_inside_span(const struct cede_coap_exchange *exchange, uint64_t now_ms)
{
    return now_ms <= exchange->last_resend_at_ms;
}

struct cede_coap_step cede_coap_exchange_timeout(struct cede_coap_exchange *exchange,
                                                 uint64_t now_ms)
{
    struct cede_coap_step step = {.next = CEDE_COAP_RESEND};
    uint64_t earliest_ms = now_ms + exchange->params.ack_timeout_ms;

    if (!is_waiting(exchange) || now_ms < exchange->deadline_ms) {
        return wait();
    }
    if (exchange->state == CEDE_COAP_WAIT_RESPONSE || now_ms >= exchange->give_up_at_ms ||
        exchange->retransmit_count >= exchange->params.max_retransmit) {
        return fail(exchange, CEDE_COAP_TIMEOUT);
    }
    if (!is_inside_span(exchange, now_ms)) {
        exchange->deadline_ms = exchange->give_up_at_ms;
        return wait();
    }
    exchange->retransmit_count++;
    exchange->timeout_ms *= 2;
    /* A late caller catches up, but never faster than ACK_TIMEOUT (RFC 7252, 4.2). */
    exchange->deadline_ms += exchange->timeout_ms;
    if (exchange->deadline_ms < earliest_ms) {
        exchange->deadline_ms = earliest_ms;
    }
    return step;
}

static bool token_matches(const struct cede_coap_exchange *exchange,
                          const struct cede_coap_message *message)
{
    return cede_span_equal(cede_span(exchange->token, exchange->token_len), message->token);
}

static struct cede_coap_step respond(struct cede_coap_exchange *exchange,
                                     const struct cede_coap_message *message)
{
    struct cede_coap_step step = {.next = CEDE_COAP_RESPONSE, .response = *message};

    exchange->state_before = exchange->state;
    exchange->deadline_before_ms = exchange->deadline_ms;
    stop(exchange);
    return step;
}

static struct cede_coap_step receive_ack(struct cede_coap_exchange *exchange,
                                         const struct cede_coap_message *message, uint64_t now_ms)
{
    if (exchange->state != CEDE_COAP_WAIT_ACK || message->message_id != exchange->message_id) {
        return wait();
    }
    if (message->code == CEDE_COAP_EMPTY) {
        exchange->state = CEDE_COAP_WAIT_RESPONSE;
        exchange->deadline_ms = now_ms + exchange->params.response_timeout_ms;
        return wait();
    }
    return token_matches(exchange, message) ? respond(exchange, message) : wait();
}

/* A Reset counts for a request that is not acknowledged yet. */
static struct cede_coap_step receive_rst(struct cede_coap_exchange *exchange,
                                         const struct cede_coap_message *message)
{
    bool unacknowledged = exchange->state == CEDE_COAP_WAIT_ACK ||
                          (exchange->state == CEDE_COAP_WAIT_RESPONSE && !exchange->confirmable);

    if (!unacknowledged || message->message_id != exchange->message_id) {
        return wait();
    }
    return fail(exchange, CEDE_COAP_RESET);
}

static struct cede_coap_step receive_separate(struct cede_coap_exchange *exchange,
                                              const struct cede_coap_message *message)
{
    struct cede_coap_step step = wait();
    bool confirmable = message->type == CEDE_COAP_CON;
    bool ours = exchange->state != CEDE_COAP_IDLE && cede_coap_is_response(message) &&
                token_matches(exchange, message);
    bool seen = exchange->has_acked && message->message_id == exchange->acked_id;

    if (cede_coap_is_request(message)) {
        return step; /* for the server half, if there is one */
    }
    if (ours && is_waiting(exchange)) {
        step = respond(exchange, message);
    }
    if (confirmable && ours) {
        exchange->has_acked = true;
        exchange->acked_id = message->message_id;
    }
    if (confirmable) { /* also a ping: rejected with a Reset (RFC 7252, 4.3) */
        step.send = cede_coap_empty(ours || seen ? CEDE_COAP_ACK : CEDE_COAP_RST,
                                    message->message_id, exchange->empty);
    }
    return step;
}

struct cede_coap_step cede_coap_exchange_receive(struct cede_coap_exchange *exchange,
                                                 struct cede_span datagram, uint64_t now_ms)
{
    struct cede_coap_message message;

    if (cede_coap_decode(datagram, &message) != CEDE_OK) {
        struct cede_coap_step step = wait();

        step.send = cede_coap_reject(datagram, exchange->empty);
        return step;
    }
    switch (message.type) {
    case CEDE_COAP_ACK:
        return receive_ack(exchange, &message, now_ms);
    case CEDE_COAP_RST:
        return receive_rst(exchange, &message);
    case CEDE_COAP_CON:
    case CEDE_COAP_NON:
        return receive_separate(exchange, &message);
    }
    return wait();
}

void cede_coap_exchange_resume(struct cede_coap_exchange *exchange)
{
    if (exchange->state == CEDE_COAP_DONE && exchange->state_before != CEDE_COAP_IDLE) {
        exchange->state = exchange->state_before;
        exchange->deadline_ms = exchange->deadline_before_ms;
        exchange->state_before = CEDE_COAP_IDLE;
    }
}

void cede_coap_exchange_cancel(struct cede_coap_exchange *exchange)
{
    exchange->state_before = CEDE_COAP_IDLE;
    stop(exchange);
}
