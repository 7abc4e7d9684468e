/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the example server's resource /clock, for how many seconds the server runs, and the one
 *           observer a peer may have of it (RFC 7641; under OSCORE RFC 8613, 4.1.3.5).
 *
 * Notifications are confirmable: an observer that is gone is found out and forgotten.
 */
#ifndef EXAMPLES_CLOCK_H
#define EXAMPLES_CLOCK_H

#include <stdio.h>

#include "cede/oscore.h"
#include "cede/posix.h"

#define CLOCK_INTERVAL_MS 1000
#define CLOCK_TIMEOUT_MS  2000 /* ACK_TIMEOUT of RFC 7252, doubled with each that is missing */
#define CLOCK_TIMEOUTS    4    /* MAX_RETRANSMIT */

/* Zero: nobody observes. */
struct observer {
    struct cede_oscore_exchange exchange; /* of the registration; exchange.observe: in use */
    struct cede_address address;
    uint8_t token[CEDE_COAP_TOKEN_LEN_MAX];
    size_t token_len;
    uint16_t message_id; /* of the last notification */
    bool unacknowledged;
    unsigned timeouts;
    uint64_t due_ms; /* when the next one goes */
};

/* What /clock says: Observe, when asked for it, and the time. The engine fills Observe in. */
static inline enum cede_status clock_put(struct cede_coap_encoder *encoder, bool observed,
                                         struct cede_span *message)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)cede_monotonic_ms() / 1000);

    if (observed) {
        cede_coap_put_uint(encoder, CEDE_COAP_OBSERVE, 0);
    }
    cede_coap_put_uint(encoder, CEDE_COAP_CONTENT_FORMAT, CEDE_COAP_FORMAT_TEXT);
    cede_coap_put_payload(encoder, cede_span((const uint8_t *)text, (size_t)len));
    return cede_coap_finish(encoder, message);
}

/* After the answer to GET /clock: a registration is kept, anything else with its token ends it. */
static inline void clock_observe(struct observer *observer, const struct cede_address *from,
                                 struct cede_span token,
                                 const struct cede_oscore_exchange *exchange)
{
    *observer = (struct observer){.exchange = *exchange,
                                  .address = *from,
                                  .token_len = token.len,
                                  .due_ms = cede_monotonic_ms() + CLOCK_INTERVAL_MS};
    if (token.len > 0) {
        memcpy(observer->token, token.ptr, token.len);
    }
}

/* What is sent again after a timeout is the present time, in a message of its own (RFC 7641,
 * section 4.5.2). *datagram is null when nothing is due. */
static inline enum cede_status clock_notify(struct observer *observer,
                                            struct cede_oscore_context *oscore,
                                            const struct cede_crypto *crypto, uint16_t message_id,
                                            struct cede_buf out, struct cede_span *datagram)
{
    uint8_t bytes[64];
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON, CEDE_COAP_CONTENT, message_id,
                        cede_span(observer->token, observer->token_len));
    struct cede_span plain;

    *datagram = CEDE_SPAN_NULL;
    if (!observer->exchange.observe || cede_monotonic_ms() < observer->due_ms) {
        return CEDE_OK;
    }
    if (observer->unacknowledged && observer->timeouts++ == CLOCK_TIMEOUTS) {
        observer->exchange.observe = false;
        return CEDE_OK;
    }
    observer->unacknowledged = true;
    observer->message_id = message_id;
    observer->due_ms = cede_monotonic_ms() + (CLOCK_TIMEOUT_MS << observer->timeouts);
    CEDE_TRY(clock_put(&encoder, true, &plain));
    return cede_oscore_protect_response(oscore, crypto, CEDE_OSCORE_PLAIN, plain,
                                        &observer->exchange, out, datagram);
}

/* An ACK: the next one may go; a Reset: the observer wants no more (RFC 7641, section 3.6). */
static inline void clock_acknowledge(struct observer *observer, const struct cede_address *from,
                                     const struct cede_coap_message *message)
{
    if (!observer->unacknowledged || observer->message_id != message->message_id ||
        !cede_address_equal(&observer->address, from)) {
        return;
    }
    if (message->type == CEDE_COAP_RST) {
        observer->exchange.observe = false;
    } else if (message->type == CEDE_COAP_ACK) {
        observer->unacknowledged = false;
        observer->timeouts = 0;
        observer->due_ms = cede_monotonic_ms() + CLOCK_INTERVAL_MS;
    }
}

#endif
