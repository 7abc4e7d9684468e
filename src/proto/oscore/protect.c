/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protect.c - CoAP messages to OSCORE messages and back (RFC 8613, 4, 5 and 8).
 *
 * Protecting writes the outer message into `out`, the plaintext behind its payload marker, and
 * encrypts it there. Unprotecting decrypts into the end of `out` and merges outer and inner
 * options towards its start: `out` is as large as the datagram, merging never lengthens the
 * encoding, so the bytes written stay before the bytes not read yet.
 */
#include <string.h>

#include "cede/cbor.h"
#include "proto/oscore/oscore_internal.h"

#define PAYLOAD_MARKER 0xff
/* "Encrypt0" with its frame, and the array of RFC 8613, 5.4 with ids and IVs of full length. */
#define AAD_ARRAY_LEN_MAX                                                                          \
    (1 + 1 + 1 + 2 + 1 + CEDE_OSCORE_ID_LEN_MAX + 1 + CEDE_OSCORE_PIV_LEN_MAX + 1)
#define AAD_LEN_MAX (11 + 1 + AAD_ARRAY_LEN_MAX)
_Static_assert(AAD_ARRAY_LEN_MAX < 24, "its head is one byte");
#define OBSERVE_LEN_MAX 3

enum direction { SENDING, RECEIVING };

/* Everything one AEAD operation needs. */
struct operation {
    const struct cede_crypto *crypto;
    int32_t aead_alg;
    struct cede_span key;
    uint8_t nonce_bytes[CEDE_AEAD_NONCE_LEN_MAX];
    uint8_t aad_bytes[AAD_LEN_MAX];
    struct cede_span nonce;
    struct cede_span aad;
};

static struct cede_span sender_id_of(const struct cede_oscore_context *context)
{
    return cede_span(context->sender_id, context->sender_id_len);
}

static struct cede_span recipient_id_of(const struct cede_oscore_context *context)
{
    return cede_span(context->recipient_id, context->recipient_id_len);
}

static struct cede_span kid_of(const struct cede_oscore_exchange *exchange)
{
    return cede_span(exchange->kid, exchange->kid_len);
}

static struct cede_span piv_of(const struct cede_oscore_exchange *exchange)
{
    return cede_span(exchange->partial_iv, exchange->partial_iv_len);
}

static void xor_into(uint8_t *end, struct cede_span bytes)
{
    uint8_t *at = end - bytes.len;

    for (size_t i = 0; i < bytes.len; i++) {
        at[i] ^= bytes.ptr[i];
    }
}

/* Common IV xor ( S || padded ID_PIV || padded PIV ), RFC 8613, 5.2. */
static void compute_nonce(const struct cede_oscore_context *context, struct cede_span id_piv,
                          struct cede_span partial_iv, struct operation *operation)
{
    size_t len = cede_aead_nonce_len(context->aead_alg);
    uint8_t *nonce = operation->nonce_bytes;

    memcpy(nonce, context->common_iv, sizeof(operation->nonce_bytes));
    nonce[0] ^= (uint8_t)id_piv.len;
    xor_into(nonce + len - CEDE_OSCORE_PIV_LEN_MAX, id_piv);
    xor_into(nonce + len, partial_iv);
    operation->nonce = cede_span(nonce, len);
}

/* AAD = [ "Encrypt0", h'', << [ oscore_version, [ alg_aead ], request_kid, request_piv, options ]
 * >>
 * ], RFC 8613, 5.4. There are no class I options. */
static enum cede_status compute_aad(int32_t aead_alg, const struct cede_oscore_exchange *exchange,
                                    struct operation *operation)
{
    static const uint8_t array_context_and_empty[] = "\x83\x68"
                                                     "Encrypt0\x40";
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(operation->aad_bytes));
    struct cede_buf head;

    cede_write_bytes(&writer,
                     cede_span(array_context_and_empty, sizeof(array_context_and_empty) - 1));
    head = cede_write_room(&writer, 1);
    cede_cbor_put_array(&writer, 5);
    cede_cbor_put_uint(&writer, 1);
    cede_cbor_put_array(&writer, 1);
    cede_cbor_put_int(&writer, aead_alg);
    cede_cbor_put_bytes(&writer, kid_of(exchange));
    cede_cbor_put_bytes(&writer, piv_of(exchange));
    cede_cbor_put_bytes(&writer, CEDE_SPAN_NULL);
    CEDE_TRY(cede_writer_finish(&writer, &operation->aad));
    /* A byte string shorter than 24 (AAD_LEN_MAX): its length is in the one byte of its head. */
    head.ptr[0] =
        (uint8_t)(CEDE_CBOR_BYTES << 5 | (operation->aad_bytes + writer.len - 1 - head.ptr));
    return CEDE_OK;
}

/* The nonce comes from the endpoint's `partial_iv`, or from the request when that is null; the AAD
 * always from the request. */
static enum cede_status prepare(const struct cede_oscore_context *context,
                                const struct cede_crypto *crypto, enum direction direction,
                                struct cede_span partial_iv,
                                const struct cede_oscore_exchange *exchange,
                                struct operation *operation)
{
    struct cede_span id_piv =
        direction == SENDING ? sender_id_of(context) : recipient_id_of(context);

    if (cede_span_is_null(partial_iv)) {
        id_piv = kid_of(exchange);
        partial_iv = piv_of(exchange);
    }
    operation->crypto = crypto;
    operation->aead_alg = context->aead_alg;
    operation->key = cede_span(direction == SENDING ? context->sender_key : context->recipient_key,
                               cede_aead_key_len(context->aead_alg));
    compute_nonce(context, id_piv, partial_iv, operation);
    return compute_aad(context->aead_alg, exchange, operation);
}

static void set_request(struct cede_oscore_exchange *exchange, struct cede_span kid,
                        struct cede_span partial_iv)
{
    memset(exchange, 0, sizeof(*exchange));
    exchange->kid_len = (uint8_t)kid.len;
    exchange->partial_iv_len = (uint8_t)partial_iv.len;
    if (kid.len > 0) {
        memcpy(exchange->kid, kid.ptr, kid.len);
    }
    memcpy(exchange->partial_iv, partial_iv.ptr, partial_iv.len);
}

/* Class U and nothing else: figure 5 of RFC 8613, and the EDHOC option (RFC 9668, 3.1). What is
 * unknown is class E. */
static bool is_outer_only(uint16_t number)
{
    return number == CEDE_COAP_URI_HOST || number == CEDE_COAP_URI_PORT ||
           number == CEDE_COAP_OSCORE || number == CEDE_COAP_EDHOC ||
           number == CEDE_COAP_PROXY_URI || number == CEDE_COAP_PROXY_SCHEME;
}

/* A registration has the Observe value 0 (RFC 7641, 2). */
static bool registers_observation(const struct cede_coap_message *request)
{
    uint32_t observe;

    return cede_coap_find_uint(request, CEDE_COAP_OBSERVE, UINT32_MAX, &observe) == CEDE_OK &&
           observe == 0;
}

/* --- protecting ------------------------------------------------------------------------------- */

static bool has_option(const struct cede_coap_message *message, uint16_t number)
{
    struct cede_span value;

    return cede_coap_find_option(message, number, &value);
}

/* POST and 2.04, but FETCH and 2.05 with Observe (RFC 8613, 4.1.3.5 and 4.2). */
static uint8_t outer_code(const struct cede_coap_message *message)
{
    bool observe = has_option(message, CEDE_COAP_OBSERVE);

    if (cede_coap_is_request(message)) {
        return observe ? CEDE_COAP_FETCH : CEDE_COAP_POST;
    }
    return observe ? CEDE_COAP_CONTENT : CEDE_COAP_CHANGED;
}

static void put_outer(struct cede_coap_encoder *encoder, const struct cede_coap_message *message,
                      struct cede_span oscore_value)
{
    struct cede_coap_options options = cede_coap_options(message->options);
    struct cede_coap_option option;
    bool oscore_put = false;

    while (cede_coap_options_next(&options, &option)) {
        if (!oscore_put && option.number > CEDE_COAP_OSCORE) {
            cede_coap_put_option(encoder, CEDE_COAP_OSCORE, oscore_value);
            oscore_put = true;
        }
        if (is_outer_only(option.number) || option.number == CEDE_COAP_OBSERVE) {
            cede_coap_put_option(encoder, option.number, option.value);
        }
    }
    if (!oscore_put) {
        cede_coap_put_option(encoder, CEDE_COAP_OSCORE, oscore_value);
    }
}

/* Plaintext: code, class E options, payload (RFC 8613, 5.3). */
static enum cede_status write_plaintext(struct cede_buf out,
                                        const struct cede_coap_message *message,
                                        struct cede_span *plaintext)
{
    struct cede_coap_encoder inner = {cede_writer(out), 0, false};
    struct cede_coap_options options = cede_coap_options(message->options);
    struct cede_coap_option option;

    cede_write_u8(&inner.writer, message->code);
    while (cede_coap_options_next(&options, &option)) {
        if (is_outer_only(option.number)) {
            continue;
        }
        if (option.number == CEDE_COAP_OBSERVE && cede_coap_is_response(message)) {
            option.value.len = 0; /* empty in notifications (RFC 8613, 4.1.3.5.2) */
        }
        cede_coap_put_option(&inner, option.number, option.value);
    }
    cede_coap_put_payload(&inner, message->payload);
    return cede_coap_finish(&inner, plaintext);
}

static enum cede_status seal(const struct operation *operation,
                             const struct cede_coap_message *message,
                             const struct cede_oscore_header *header, struct cede_buf out,
                             struct cede_span *datagram)
{
    uint8_t option_bytes[CEDE_OSCORE_OPTION_LEN_MAX];
    struct cede_span option_value;
    struct cede_coap_encoder outer = cede_coap_begin(out, message->type, outer_code(message),
                                                     message->message_id, message->token);
    struct cede_buf rest;
    struct cede_span plaintext;
    struct cede_span ciphertext;
    enum cede_status status;

    CEDE_TRY(cede_oscore_encode_option(header, CEDE_BUF_ARRAY(option_bytes), &option_value));
    put_outer(&outer, message, option_value);
    cede_write_u8(&outer.writer, PAYLOAD_MARKER);
    CEDE_TRY(outer.writer.status);
    rest = cede_buf(out.ptr + outer.writer.len, out.cap - outer.writer.len);
    if (rest.cap == 0) {
        return CEDE_NO_SPACE;
    }
    status = write_plaintext(rest, message, &plaintext);
    if (status == CEDE_OK) {
        status = operation->crypto->aead_seal(operation->crypto->context, operation->aead_alg,
                                              operation->key, operation->nonce, operation->aad,
                                              plaintext, rest, &ciphertext);
    }
    if (status != CEDE_OK) {
        cede_wipe(rest.ptr, rest.cap);
        return status;
    }
    *datagram = cede_span(out.ptr, outer.writer.len + ciphertext.len);
    return CEDE_OK;
}

static enum cede_status decode_unprotected(struct cede_span datagram,
                                           struct cede_coap_message *message)
{
    CEDE_TRY(cede_coap_decode(datagram, message));
    /* "Nested use of OSCORE is not supported" (RFC 8613, 4.1.3.7). */
    return has_option(message, CEDE_COAP_OSCORE) ? CEDE_OSCORE_NESTED : CEDE_OK;
}

static enum cede_status take_partial_iv(struct cede_oscore_context *context,
                                        uint8_t bytes[CEDE_OSCORE_PIV_LEN_MAX],
                                        struct cede_span *partial_iv)
{
    uint64_t sequence_number;

    CEDE_TRY(cede_oscore_take_sequence_number(context, &sequence_number));
    *partial_iv = cede_oscore_piv(sequence_number, bytes);
    return CEDE_OK;
}

enum cede_status cede_oscore_protect_request(struct cede_oscore_context *context,
                                             const struct cede_crypto *crypto, unsigned flags,
                                             struct cede_span request,
                                             struct cede_oscore_exchange *exchange,
                                             struct cede_buf out, struct cede_span *datagram)
{
    struct cede_coap_message message;
    struct cede_oscore_exchange begun;
    struct cede_oscore_header header = {0};
    struct operation operation;
    uint8_t piv[CEDE_OSCORE_PIV_LEN_MAX];

    *datagram = CEDE_SPAN_NULL;
    CEDE_TRY(decode_unprotected(request, &message));
    if (!cede_coap_is_request(&message) || has_option(&message, CEDE_COAP_PROXY_URI)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(take_partial_iv(context, piv, &header.partial_iv));
    header.kid = sender_id_of(context);
    if ((flags & CEDE_OSCORE_SEND_KID_CONTEXT) != 0 && context->has_id_context) {
        header.kid_context = cede_span(context->id_context, context->id_context_len);
    }
    set_request(&begun, header.kid, header.partial_iv);
    begun.observe = registers_observation(&message);
    CEDE_TRY(prepare(context, crypto, SENDING, CEDE_SPAN_NULL, &begun, &operation));
    CEDE_TRY(seal(&operation, &message, &header, out, datagram));
    *exchange = begun;
    return CEDE_OK;
}

enum cede_status cede_oscore_protect_response(struct cede_oscore_context *context,
                                              const struct cede_crypto *crypto, unsigned flags,
                                              struct cede_span response,
                                              struct cede_oscore_exchange *exchange,
                                              struct cede_buf out, struct cede_span *datagram)
{
    bool own_piv = (flags & CEDE_OSCORE_NEW_PARTIAL_IV) != 0 || exchange->nonce_used;
    struct cede_coap_message message;
    struct cede_oscore_header header = {0};
    struct operation operation;
    uint8_t piv[CEDE_OSCORE_PIV_LEN_MAX];

    *datagram = CEDE_SPAN_NULL;
    CEDE_TRY(decode_unprotected(response, &message));
    if (!cede_coap_is_response(&message)) {
        return CEDE_BAD_ARGUMENT;
    }
    if (own_piv) {
        CEDE_TRY(take_partial_iv(context, piv, &header.partial_iv));
    } else {
        exchange->nonce_used = true;
    }
    CEDE_TRY(prepare(context, crypto, SENDING, header.partial_iv, exchange, &operation));
    return seal(&operation, &message, &header, out, datagram);
}

/* --- unprotecting ------------------------------------------------------------------------------
 */

/* The decrypted half of a message: a view into the end of `out`. */
struct inner {
    uint8_t code;
    struct cede_span options;
    struct cede_span payload;
};

/* Code, well-formed class E options, payload. */
static enum cede_status parse_plaintext(struct cede_span plaintext, bool request,
                                        struct inner *inner)
{
    struct cede_coap_options options = cede_coap_options(plaintext);
    struct cede_coap_message code_only = {0};
    struct cede_coap_option option;
    struct cede_reader *reader = &options.reader;

    memset(inner, 0, sizeof(*inner));
    inner->code = code_only.code = cede_read_u8(reader);
    while (cede_coap_options_next(&options, &option)) {
        if (is_outer_only(option.number)) {
            return CEDE_OSCORE_PLAINTEXT;
        }
    }
    inner->options = cede_reader_since(reader, 1);
    if (cede_reader_left(reader) > 0) {
        (void)cede_read_u8(reader); /* the payload marker */
        if (cede_reader_left(reader) == 0) {
            return CEDE_OSCORE_PLAINTEXT;
        }
        inner->payload = cede_read_rest(reader);
    }
    if (reader->status != CEDE_OK ||
        !(request ? cede_coap_is_request(&code_only) : cede_coap_is_response(&code_only))) {
        return CEDE_OSCORE_PLAINTEXT;
    }
    return CEDE_OK;
}

/* Decrypts into the end of `out`, which is at least as large as the whole datagram. */
static enum cede_status open_ciphertext(const struct operation *operation,
                                        struct cede_span ciphertext, struct cede_buf out,
                                        struct cede_span *plaintext)
{
    struct cede_buf end = cede_buf(out.ptr + out.cap - ciphertext.len, ciphertext.len);
    enum cede_status status;

    *plaintext = CEDE_SPAN_NULL;
    if (ciphertext.len <= cede_aead_tag_len(operation->aead_alg)) {
        return CEDE_OSCORE_DECRYPTION; /* not even room for a code */
    }
    status = operation->crypto->aead_open(operation->crypto->context, operation->aead_alg,
                                          operation->key, operation->nonce, operation->aad,
                                          ciphertext, end, plaintext);
    return status == CEDE_CRYPTO_TAG ? CEDE_OSCORE_DECRYPTION : status;
}

/* Next outer option to keep: class U only (step 1 of RFC 8613, 8.2 and 8.4). */
static bool next_outer(struct cede_coap_options *options, struct cede_coap_option *option)
{
    while (cede_coap_options_next(options, option)) {
        if (is_outer_only(option->number) && option->number != CEDE_COAP_OSCORE) {
            return true;
        }
    }
    return false;
}

/* Merges outer and inner options in ascending order. `observe` replaces the inner value. */
static void merge_options(struct cede_coap_encoder *encoder, struct cede_span outer_encoded,
                          struct cede_span inner_encoded, const struct cede_span *observe)
{
    struct cede_coap_options outer = cede_coap_options(outer_encoded);
    struct cede_coap_options inner = cede_coap_options(inner_encoded);
    struct cede_coap_option outer_option;
    struct cede_coap_option inner_option;
    bool has_outer = next_outer(&outer, &outer_option);
    bool has_inner = cede_coap_options_next(&inner, &inner_option);

    while (has_outer || has_inner) {
        if (has_outer && (!has_inner || outer_option.number < inner_option.number)) {
            cede_coap_put_option(encoder, outer_option.number, outer_option.value);
            has_outer = next_outer(&outer, &outer_option);
            continue;
        }
        if (inner_option.number == CEDE_COAP_OBSERVE && observe != NULL) {
            inner_option.value = *observe;
        }
        cede_coap_put_option(encoder, inner_option.number, inner_option.value);
        has_inner = cede_coap_options_next(&inner, &inner_option);
    }
}

/* Writes the decrypted message to the start of `out` and wipes what lies behind it. */
static enum cede_status rebuild(const struct cede_coap_message *outer, const struct inner *inner,
                                const struct cede_span *observe, struct cede_buf out,
                                struct cede_span *datagram)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, outer->type, inner->code, outer->message_id, outer->token);

    merge_options(&encoder, outer->options, inner->options, observe);
    cede_coap_put_payload(&encoder, inner->payload);
    CEDE_TRY(cede_coap_finish(&encoder, datagram));
    cede_wipe(out.ptr + datagram->len, out.cap - datagram->len);
    return CEDE_OK;
}

/* After a restart only a request that echoes our value is known to be fresh (B.1.2). */
static enum cede_status check_fresh(const struct cede_oscore_context *context,
                                    const struct inner *inner)
{
    struct cede_coap_message view = {.options = inner->options};
    struct cede_span echo;

    if (!context->window.lost) {
        return CEDE_OK;
    }
    if (!cede_coap_find_option(&view, CEDE_COAP_ECHO, &echo) || echo.len != sizeof(context->echo) ||
        !cede_equal_constant_time(echo.ptr, context->echo, sizeof(context->echo))) {
        return CEDE_OSCORE_NEEDS_ECHO;
    }
    return CEDE_OK;
}

static enum cede_status check_request(const struct cede_oscore_context *context,
                                      const struct cede_coap_message *outer,
                                      struct cede_oscore_header *header)
{
    CEDE_TRY(cede_oscore_peek(outer, header));
    if (!cede_coap_is_request(outer)) {
        return CEDE_OSCORE_OPTION;
    }
    if (!cede_oscore_matches(context, header)) {
        return CEDE_OSCORE_NO_CONTEXT;
    }
    if (context->window.lost) {
        return CEDE_OK;
    }
    return cede_oscore_window_check(&context->window, cede_oscore_piv_number(header->partial_iv));
}

static void commit_request(struct cede_oscore_context *context, struct cede_span partial_iv)
{
    uint64_t number = cede_oscore_piv_number(partial_iv);

    if (context->window.lost) {
        cede_oscore_window_restart(&context->window, number);
    } else {
        cede_oscore_window_commit(&context->window, number);
    }
}

/* Steps 3 to 7 of RFC 8613, 8.2; what `out` holds after a failure the caller wipes. */
static enum cede_status open_request(struct cede_oscore_context *context,
                                     const struct cede_crypto *crypto,
                                     const struct cede_coap_message *outer,
                                     struct cede_oscore_exchange *begun, struct cede_buf out,
                                     struct cede_span *request)
{
    struct operation operation;
    struct cede_span plaintext;
    struct inner inner;
    struct cede_coap_message view = {0};

    CEDE_TRY(prepare(context, crypto, RECEIVING, CEDE_SPAN_NULL, begun, &operation));
    CEDE_TRY(open_ciphertext(&operation, outer->payload, out, &plaintext));
    /* Authentic from here on: whatever else is wrong with it, it has been received. */
    begun->nonce_used = context->window.lost;
    if (!context->window.lost) {
        commit_request(context, piv_of(begun));
    }
    CEDE_TRY(parse_plaintext(plaintext, true, &inner));
    CEDE_TRY(check_fresh(context, &inner));
    if (context->window.lost) {
        commit_request(context, piv_of(begun));
    }
    view.options = inner.options;
    begun->observe = registers_observation(&view);
    return rebuild(outer, &inner, NULL, out, request);
}

enum cede_status cede_oscore_unprotect_request(struct cede_oscore_context *context,
                                               const struct cede_crypto *crypto,
                                               struct cede_span datagram,
                                               struct cede_oscore_exchange *exchange,
                                               struct cede_buf out, struct cede_span *request)
{
    struct cede_coap_message outer;
    struct cede_oscore_header header;
    struct cede_oscore_exchange begun;
    enum cede_status status;

    *request = CEDE_SPAN_NULL;
    memset(exchange, 0, sizeof(*exchange));
    CEDE_TRY(cede_coap_decode(datagram, &outer));
    CEDE_TRY(check_request(context, &outer, &header));
    if (out.cap < datagram.len) {
        return CEDE_NO_SPACE;
    }
    set_request(&begun, header.kid, header.partial_iv);
    status = open_request(context, crypto, &outer, &begun, out, request);
    if (status != CEDE_OK) {
        cede_wipe(out.ptr, out.cap);
        *request = CEDE_SPAN_NULL;
    }
    if (status == CEDE_OK || status == CEDE_OSCORE_NEEDS_ECHO) {
        *exchange = begun;
    }
    return status;
}

static bool has_inner_observe(const struct inner *inner)
{
    struct cede_coap_message view = {.options = inner->options};

    return has_option(&view, CEDE_COAP_OBSERVE);
}

/* One response, or notifications in ascending order of their partial IV, the one without counting
 * as the oldest (RFC 8613, 7.4.1 and 8.4.2). Updates the exchange. */
static enum cede_status accept_response(struct cede_oscore_exchange *exchange,
                                        struct cede_span partial_iv, bool notification)
{
    uint64_t number = cede_oscore_piv_number(partial_iv);

    if (notification && !exchange->observe) {
        return CEDE_OSCORE_PLAINTEXT;
    }
    if (!notification) {
        exchange->done = true;
        return CEDE_OK;
    }
    if (cede_span_is_null(partial_iv)) {
        if (exchange->nonce_used || exchange->notified) {
            return CEDE_OSCORE_REPLAY;
        }
        exchange->nonce_used = true;
        return CEDE_OK;
    }
    if (exchange->notified && number <= exchange->notification) {
        return CEDE_OSCORE_REPLAY;
    }
    exchange->notified = true;
    exchange->notification = number;
    return CEDE_OK;
}

/* The Observe value the application sees: the low 24 bits of the partial IV (4.1.3.5.2). */
static struct cede_span observe_value(struct cede_span partial_iv)
{
    if (partial_iv.len <= OBSERVE_LEN_MAX) {
        return partial_iv;
    }
    return cede_span_part(partial_iv, partial_iv.len - OBSERVE_LEN_MAX, OBSERVE_LEN_MAX);
}

/* Steps 2 to 6 of RFC 8613, 8.4. */
static enum cede_status
open_response(const struct cede_oscore_context *context, const struct cede_crypto *crypto,
              const struct cede_coap_message *outer, const struct cede_oscore_header *header,
              struct cede_oscore_exchange *updated, struct cede_buf out, struct cede_span *response)
{
    struct operation operation;
    struct cede_span plaintext;
    struct cede_span observe = observe_value(header->partial_iv);
    struct inner inner;

    CEDE_TRY(prepare(context, crypto, RECEIVING, header->partial_iv, updated, &operation));
    CEDE_TRY(open_ciphertext(&operation, outer->payload, out, &plaintext));
    CEDE_TRY(parse_plaintext(plaintext, false, &inner));
    CEDE_TRY(accept_response(updated, header->partial_iv, has_inner_observe(&inner)));
    return rebuild(outer, &inner, &observe, out, response);
}

enum cede_status cede_oscore_unprotect_response(const struct cede_oscore_context *context,
                                                const struct cede_crypto *crypto,
                                                struct cede_span datagram,
                                                struct cede_oscore_exchange *exchange,
                                                struct cede_buf out, struct cede_span *response)
{
    struct cede_coap_message outer;
    struct cede_oscore_header header;
    struct cede_oscore_exchange updated = *exchange;
    enum cede_status status;

    *response = CEDE_SPAN_NULL;
    CEDE_TRY(cede_coap_decode(datagram, &outer));
    CEDE_TRY(cede_oscore_read_header(&outer, &header));
    if (!cede_coap_is_response(&outer)) {
        return CEDE_OSCORE_OPTION;
    }
    /* A response need not name its sender; if it does, then rightly. */
    if (!cede_span_is_null(header.kid) && !cede_span_equal(header.kid, recipient_id_of(context))) {
        return CEDE_OSCORE_NO_CONTEXT;
    }
    if (exchange->done) {
        return CEDE_OSCORE_REPLAY;
    }
    if (out.cap < datagram.len) {
        return CEDE_NO_SPACE;
    }
    status = open_response(context, crypto, &outer, &header, &updated, out, response);
    if (status != CEDE_OK) {
        cede_wipe(out.ptr, out.cap);
        *response = CEDE_SPAN_NULL;
        return status;
    }
    *exchange = updated;
    return CEDE_OK;
}
