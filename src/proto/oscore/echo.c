/* SPDX-License-Identifier: Apache-2.0 */
/* echo.c - Echo challenges (RFC 9175): for strangers' addresses, and after a lost replay window. */
#include "proto/oscore/oscore_internal.h"

#define TIME_LEN 4
#define MAC_LEN  (CEDE_OSCORE_ECHO_LEN - TIME_LEN)

/* timestamp t0, MAC(k, t0, claimed network address), RFC 9175, appendix A, item 2. */
static enum cede_status make(const struct cede_crypto *crypto, const uint8_t *key,
                             uint32_t created_at_s, struct cede_span peer, uint8_t *echo)
{
    uint8_t time[TIME_LEN] = {(uint8_t)(created_at_s >> 24), (uint8_t)(created_at_s >> 16),
                              (uint8_t)(created_at_s >> 8), (uint8_t)created_at_s};
    struct cede_span parts[2] = {CEDE_SPAN_ARRAY(time), peer};
    uint8_t mac[CEDE_SHA256_LEN];
    enum cede_status status;

    status = crypto->hmac(crypto->context, CEDE_ALG_SHA_256,
                          cede_span(key, CEDE_OSCORE_ECHO_KEY_LEN), parts, 2, mac);
    if (status == CEDE_OK) {
        memcpy(echo, time, TIME_LEN);
        memcpy(echo + TIME_LEN, mac, MAC_LEN);
    }
    cede_wipe(mac, sizeof(mac));
    return status;
}

enum cede_status cede_oscore_echo_create(const struct cede_crypto *crypto,
                                         const uint8_t key[CEDE_OSCORE_ECHO_KEY_LEN],
                                         uint32_t now_s, struct cede_span peer,
                                         uint8_t echo[CEDE_OSCORE_ECHO_LEN])
{
    memset(echo, 0, CEDE_OSCORE_ECHO_LEN);
    return make(crypto, key, now_s, peer, echo);
}

enum cede_status cede_oscore_echo_verify(const struct cede_crypto *crypto,
                                         const uint8_t key[CEDE_OSCORE_ECHO_KEY_LEN],
                                         uint32_t now_s, uint32_t max_age_s, struct cede_span peer,
                                         struct cede_span echo)
{
    struct cede_reader reader = cede_reader(echo);
    uint32_t created_at_s = cede_read_u32(&reader);
    uint8_t expected[CEDE_OSCORE_ECHO_LEN];

    if (echo.len != CEDE_OSCORE_ECHO_LEN || created_at_s > now_s ||
        now_s - created_at_s >= max_age_s) {
        return CEDE_OSCORE_ECHO;
    }
    CEDE_TRY(make(crypto, key, created_at_s, peer, expected));
    return cede_equal_constant_time(echo.ptr, expected, sizeof(expected)) ? CEDE_OK
                                                                          : CEDE_OSCORE_ECHO;
}

enum cede_status cede_oscore_compose_echo(const struct cede_coap_message *request,
                                          const uint8_t echo[CEDE_OSCORE_ECHO_LEN],
                                          uint16_t message_id, struct cede_buf out,
                                          struct cede_span *datagram)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin_response(out, request, CEDE_COAP_UNAUTHORIZED, message_id);

    cede_coap_put_option(&encoder, CEDE_COAP_ECHO, cede_span(echo, CEDE_OSCORE_ECHO_LEN));
    return cede_coap_finish(&encoder, datagram);
}

/* True when a decrypted request echoes the value of the context. */
static bool is_fresh(const struct cede_oscore_context *context, struct cede_span request)
{
    struct cede_coap_message message;
    struct cede_span echo;

    return cede_coap_decode(request, &message) == CEDE_OK &&
           cede_coap_find_option(&message, CEDE_COAP_ECHO, &echo) &&
           echo.len == sizeof(context->echo) &&
           cede_equal_constant_time(echo.ptr, context->echo, sizeof(context->echo));
}

enum cede_status cede_oscore_unprotect_recovering(struct cede_oscore_context *context,
                                                  const struct cede_crypto *crypto,
                                                  struct cede_span datagram,
                                                  struct cede_oscore_exchange *exchange,
                                                  struct cede_buf out, struct cede_span *request)
{
    bool lost = context->window.lost;
    struct cede_span number;

    CEDE_TRY(cede_oscore_process(
        context, crypto, CEDE_OSCORE_UNPROTECT | CEDE_OSCORE_REQUEST | CEDE_OSCORE_RECOVERING,
        datagram, exchange, out, request));
    if (!lost) {
        return CEDE_OK;
    }
    /* Replays of this request may have been answered before the restart: not with its nonce. */
    exchange->nonce_used = true;
    if (!is_fresh(context, *request)) {
        cede_wipe(out.ptr, out.cap);
        *request = CEDE_SPAN_NULL;
        return CEDE_OSCORE_NEEDS_ECHO;
    }
    number = cede_span(exchange->partial_iv, exchange->partial_iv_len);
    cede_oscore_window_restart(&context->window, cede_oscore_piv_number(&number));
    return CEDE_OK;
}

enum cede_status cede_oscore_compose_challenge(struct cede_oscore_context *context,
                                               const struct cede_crypto *crypto,
                                               const struct cede_coap_message *request,
                                               uint16_t message_id,
                                               struct cede_oscore_exchange *exchange,
                                               struct cede_buf out, struct cede_span *datagram)
{
    uint8_t plain[4 + CEDE_COAP_TOKEN_LEN_MAX + 3 + CEDE_OSCORE_RECOVER_LEN];
    struct cede_coap_encoder encoder = cede_coap_begin_response(CEDE_BUF_ARRAY(plain), request,
                                                                CEDE_COAP_UNAUTHORIZED, message_id);
    struct cede_span response;

    *datagram = CEDE_SPAN_NULL;
    cede_coap_put_option(&encoder, CEDE_COAP_ECHO, CEDE_SPAN_ARRAY(context->echo));
    CEDE_TRY(cede_coap_finish(&encoder, &response));
    /* "The server MUST use its Partial IV when generating the AEAD nonce" (RFC 8613, B.1.2). */
    return cede_oscore_protect_response(context, crypto, CEDE_OSCORE_NEW_PARTIAL_IV, response,
                                        exchange, out, datagram);
}
