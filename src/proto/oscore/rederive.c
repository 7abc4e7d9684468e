/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rederive.c - security contexts derived several times from one master secret (RFC 8613, B.2).
 *
 *     request 1   ID Context = R1          kid context << R1 >>
 *     response 1  ID Context = R2 || R1    kid context << R2 >>
 *     request 2   ID Context = R2 || R3    kid context << R2 || R3 >>
 *
 * The server keeps no R2: it is S2 || HMAC(K_HMAC, S2), and K_HMAC is erased by the request 2 that
 * verifies (B.2.1). The kid context is not authenticated by itself - it is, by the keys derived
 * from it - so it is written into messages and taken out again around the engine.
 */
#include "cede/cbor.h"
#include "proto/oscore/oscore_internal.h"

#define S2_LEN        8
#define R1_LEN_MAX    (CEDE_OSCORE_ID_CONTEXT_LEN_MAX - CEDE_OSCORE_R2_LEN)
#define WRAPPED_LEN   (2 + CEDE_OSCORE_ID_CONTEXT_LEN_MAX)
#define CHALLENGE_LEN (4 + CEDE_COAP_TOKEN_LEN_MAX)

_Static_assert(CEDE_OSCORE_R2_LEN + CEDE_OSCORE_R_LEN <= CEDE_OSCORE_ID_CONTEXT_LEN_MAX, "ID3");

/* The context with this ID Context: two parts, the second may be null. */
static enum cede_status derive(struct cede_oscore_context *context,
                               const struct cede_crypto *crypto,
                               const struct cede_oscore_params *params, struct cede_span first,
                               struct cede_span second)
{
    struct cede_oscore_params changed = *params;
    uint8_t id_context[CEDE_OSCORE_ID_CONTEXT_LEN_MAX];
    uint8_t *end = cede_oscore_put(id_context, first.ptr, first.len);

    end = cede_oscore_put(end, second.ptr, second.len);
    changed.id_context = cede_span(id_context, (size_t)(end - id_context));
    /* Memory for a larger window may belong to the context in use: anyone who sends a request here
     * would clear it. */
    changed.window_len = 0;
    return cede_oscore_init(context, crypto, &changed);
}

/* The message with another kid context in its OSCORE option; null: none. */
static enum cede_status set_kid_context(struct cede_span datagram, struct cede_span kid_context,
                                        struct cede_buf out, struct cede_span *changed)
{
    uint8_t value[CEDE_OSCORE_OPTION_LEN_MAX + 2];
    struct cede_coap_message message;
    struct cede_oscore_header header;
    struct cede_coap_encoder encoder;
    struct cede_coap_options options;
    struct cede_coap_option option;

    CEDE_TRY(cede_coap_decode(datagram, &message));
    CEDE_TRY(cede_oscore_peek(&message, &header));
    header.kid_context = kid_context;
    encoder = cede_coap_begin(out, message.type, message.code, message.message_id, message.token);
    options = cede_coap_options(message.options);
    while (cede_coap_options_next(&options, &option)) {
        if (option.number == CEDE_COAP_OSCORE) {
            CEDE_TRY(cede_oscore_encode_option(&header, CEDE_BUF_ARRAY(value), &option.value));
        }
        cede_coap_put_option(&encoder, option.number, option.value);
    }
    cede_coap_put_payload(&encoder, message.payload);
    return cede_coap_finish(&encoder, changed);
}

/* << id >>: "wrapped in a CBOR bstr". */
static struct cede_span wrap(struct cede_span id, uint8_t bytes[WRAPPED_LEN])
{
    return cede_span(bytes, (size_t)(cede_oscore_put_bytes(bytes, id.ptr, id.len) - bytes));
}

static enum cede_status unwrap(struct cede_span kid_context, struct cede_span *id)
{
    struct cede_reader reader = cede_reader(kid_context);

    *id = cede_cbor_get_bytes(&reader);
    return cede_reader_finish(&reader) == CEDE_OK ? CEDE_OK : CEDE_OSCORE_OPTION;
}

/* The ID that a message carries for the derivation of its context. */
static enum cede_status read_id(struct cede_span datagram, struct cede_span *id)
{
    struct cede_coap_message message;
    struct cede_oscore_header header;

    CEDE_TRY(cede_coap_decode(datagram, &message));
    CEDE_TRY(cede_oscore_peek(&message, &header));
    return unwrap(header.kid_context, id);
}

static enum cede_status protect_with(struct cede_oscore_context *context,
                                     const struct cede_crypto *crypto, struct cede_span id,
                                     unsigned flags, struct cede_span plain,
                                     struct cede_oscore_exchange *exchange, struct cede_buf memory,
                                     struct cede_buf out, struct cede_span *datagram)
{
    uint8_t wrapped[WRAPPED_LEN];
    struct cede_span bare;

    *datagram = CEDE_SPAN_NULL;
    CEDE_TRY(cede_oscore_process(context, crypto, flags, plain, exchange, memory, &bare));
    return set_kid_context(bare, wrap(id, wrapped), out, datagram);
}

/* --- client ------------------------------------------------------------------------------------
 */

enum cede_status
cede_oscore_rederive_start(struct cede_oscore_rederivation *run, const struct cede_crypto *crypto,
                           const struct cede_oscore_params *params, struct cede_span request,
                           struct cede_oscore_exchange *exchange, struct cede_buf memory,
                           struct cede_buf out, struct cede_span *datagram)
{
    struct cede_oscore_context first;
    struct cede_span id1 = CEDE_SPAN_ARRAY(run->id1);
    enum cede_status status;

    *datagram = CEDE_SPAN_NULL;
    CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(run->id1)));
    CEDE_TRY(derive(&first, crypto, params, id1, CEDE_SPAN_NULL));
    status = protect_with(&first, crypto, id1, CEDE_OSCORE_REQUEST, request, exchange, memory, out,
                          datagram);
    cede_oscore_close(&first, crypto);
    return status;
}

enum cede_status cede_oscore_rederive_continue(const struct cede_oscore_rederivation *run,
                                               const struct cede_crypto *crypto,
                                               const struct cede_oscore_params *params,
                                               struct cede_span datagram,
                                               struct cede_oscore_exchange *exchange,
                                               struct cede_buf memory, struct cede_buf out,
                                               struct cede_oscore_context *context)
{
    struct cede_oscore_context second;
    uint8_t r3[CEDE_OSCORE_R_LEN];
    struct cede_span r2, bare, response;
    enum cede_status status;

    cede_oscore_wipe(context);
    CEDE_TRY(read_id(datagram, &r2));
    if (r2.len == 0 || r2.len > CEDE_OSCORE_ID_CONTEXT_LEN_MAX - CEDE_OSCORE_R_LEN) {
        return CEDE_OSCORE_OPTION;
    }
    CEDE_TRY(set_kid_context(datagram, CEDE_SPAN_NULL, memory, &bare));
    CEDE_TRY(derive(&second, crypto, params, r2, CEDE_SPAN_ARRAY(run->id1)));
    status = cede_oscore_unprotect_response(&second, crypto, bare, exchange, out, &response);
    cede_oscore_close(&second, crypto);
    CEDE_TRY(status);
    CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(r3)));
    return derive(context, crypto, params, r2, CEDE_SPAN_ARRAY(r3));
}

enum cede_status cede_oscore_rederive_request(struct cede_oscore_context *context,
                                              const struct cede_crypto *crypto,
                                              struct cede_span request,
                                              struct cede_oscore_exchange *exchange,
                                              struct cede_buf memory, struct cede_buf out,
                                              struct cede_span *datagram)
{
    return protect_with(context, crypto, cede_span(context->id_context, context->id_context_len),
                        CEDE_OSCORE_REQUEST, request, exchange, memory, out, datagram);
}

/* --- server ------------------------------------------------------------------------------------
 */

static enum cede_status compute_mac(const struct cede_oscore_rederiver *server,
                                    const struct cede_crypto *crypto, struct cede_span s2,
                                    uint8_t mac[CEDE_HASH_LEN_MAX])
{
    return crypto->hmac(crypto->context, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(server->key), &s2, 1,
                        mac);
}

/* R2 = S2 || HMAC(K_HMAC, S2), truncated */
static enum cede_status make_r2(struct cede_oscore_rederiver *server,
                                const struct cede_crypto *crypto, uint8_t r2[CEDE_OSCORE_R2_LEN])
{
    uint8_t mac[CEDE_HASH_LEN_MAX];

    if (!server->has_key) {
        CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(server->key)));
        server->has_key = true;
    }
    CEDE_TRY(crypto->random(crypto->context, cede_buf(r2, S2_LEN)));
    CEDE_TRY(compute_mac(server, crypto, cede_span(r2, S2_LEN), mac));
    memcpy(r2 + S2_LEN, mac, CEDE_OSCORE_R2_LEN - S2_LEN);
    return CEDE_OK;
}

static enum cede_status check_r2(const struct cede_oscore_rederiver *server,
                                 const struct cede_crypto *crypto, struct cede_span id3)
{
    uint8_t mac[CEDE_HASH_LEN_MAX];

    if (!server->has_key || id3.len <= CEDE_OSCORE_R2_LEN ||
        id3.len > CEDE_OSCORE_ID_CONTEXT_LEN_MAX) {
        return CEDE_OSCORE_NO_CONTEXT;
    }
    CEDE_TRY(compute_mac(server, crypto, cede_span(id3.ptr, S2_LEN), mac));
    return cede_equal_constant_time(id3.ptr + S2_LEN, mac, CEDE_OSCORE_R2_LEN - S2_LEN)
               ? CEDE_OK
               : CEDE_OSCORE_NO_CONTEXT;
}

/* Verifies a request in the context that its kid context leads to. */
static enum cede_status verify(struct cede_oscore_context *context,
                               const struct cede_crypto *crypto,
                               const struct cede_oscore_params *params, struct cede_span datagram,
                               struct cede_span id, struct cede_oscore_exchange *exchange,
                               struct cede_buf memory, struct cede_buf out,
                               struct cede_span *request)
{
    struct cede_span bare;
    enum cede_status status;

    CEDE_TRY(set_kid_context(datagram, CEDE_SPAN_NULL, memory, &bare));
    CEDE_TRY(derive(context, crypto, params, id, CEDE_SPAN_NULL));
    status = cede_oscore_unprotect_request(context, crypto, bare, exchange, out, request);
    if (status != CEDE_OK) {
        cede_oscore_close(context, crypto);
    }
    return status;
}

/* The 4.01 in the second context; `out` is scratch before it is the answer. */
static enum cede_status answer_with(struct cede_oscore_rederiver *server,
                                    const struct cede_crypto *crypto,
                                    const struct cede_oscore_params *params, struct cede_span id1,
                                    struct cede_span request, uint16_t message_id,
                                    struct cede_oscore_exchange *exchange, struct cede_buf memory,
                                    struct cede_buf out, struct cede_span *answer)
{
    uint8_t r2[CEDE_OSCORE_R2_LEN], plain_bytes[CHALLENGE_LEN];
    struct cede_oscore_context second;
    struct cede_coap_message message;
    struct cede_coap_encoder encoder;
    struct cede_span plain;
    enum cede_status status;

    CEDE_TRY(cede_coap_decode(request, &message));
    encoder = cede_coap_begin_response(CEDE_BUF_ARRAY(plain_bytes), &message,
                                       CEDE_COAP_UNAUTHORIZED, message_id);
    CEDE_TRY(cede_coap_finish(&encoder, &plain));
    CEDE_TRY(make_r2(server, crypto, r2));
    CEDE_TRY(derive(&second, crypto, params, CEDE_SPAN_ARRAY(r2), id1));
    status = protect_with(&second, crypto, CEDE_SPAN_ARRAY(r2), CEDE_OSCORE_PLAIN, plain, exchange,
                          memory, out, answer);
    cede_oscore_close(&second, crypto);
    return status;
}

enum cede_status cede_oscore_rederive_answer(struct cede_oscore_rederiver *server,
                                             const struct cede_crypto *crypto,
                                             const struct cede_oscore_params *params,
                                             struct cede_span datagram, uint16_t message_id,
                                             struct cede_buf memory, struct cede_buf out,
                                             struct cede_span *answer)
{
    struct cede_oscore_context first;
    struct cede_oscore_exchange exchange;
    struct cede_span id1, request;

    *answer = CEDE_SPAN_NULL;
    CEDE_TRY(read_id(datagram, &id1));
    if (id1.len == 0 || id1.len > R1_LEN_MAX) {
        return CEDE_OSCORE_OPTION;
    }
    CEDE_TRY(verify(&first, crypto, params, datagram, id1, &exchange, memory, out, &request));
    cede_oscore_close(&first, crypto);
    return answer_with(server, crypto, params, id1, request, message_id, &exchange, memory, out,
                       answer);
}

enum cede_status
cede_oscore_rederive_finish(struct cede_oscore_rederiver *server, const struct cede_crypto *crypto,
                            const struct cede_oscore_params *params, struct cede_span datagram,
                            struct cede_oscore_exchange *exchange, struct cede_buf memory,
                            struct cede_buf out, struct cede_oscore_context *context,
                            struct cede_span *request)
{
    struct cede_span id3;

    cede_oscore_wipe(context);
    *request = CEDE_SPAN_NULL;
    CEDE_TRY(read_id(datagram, &id3));
    CEDE_TRY(check_r2(server, crypto, id3));
    CEDE_TRY(verify(context, crypto, params, datagram, id3, exchange, memory, out, request));
    cede_wipe(server, sizeof(*server));
    return CEDE_OK;
}
