/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protect.c - CoAP messages to OSCORE messages and back (RFC 8613, 4, 5 and 8).
 *
 * Protecting writes the outer message into `out`, the plaintext behind its payload marker, and
 * encrypts it there. Unprotecting decrypts into the end of `out` and merges outer and inner
 * options towards its start: `out` is as large as the datagram, merging never lengthens the
 * encoding, so the bytes written stay before the bytes not read yet.
 *
 * Requests and responses share one way in each direction: they differ in which nonce they take and
 * in what they leave in the exchange.
 */
#include "proto/oscore/oscore_internal.h"

#define PAYLOAD_MARKER 0xff
#define HEADER_LEN     4
/* "Encrypt0" with its frame, and the array of RFC 8613, 5.4 with ids and IVs of full length. */
#define AAD_ARRAY_LEN_MAX                                                                          \
    (1 + 1 + 1 + 2 + 1 + CEDE_OSCORE_ID_LEN_MAX + 1 + CEDE_OSCORE_PIV_LEN_MAX + 1)
#define AAD_LEN_MAX (11 + 1 + AAD_ARRAY_LEN_MAX)
_Static_assert(AAD_ARRAY_LEN_MAX < 24, "its head is one byte");
#define OBSERVE_LEN_MAX 3

/* A message on its way through. Zero what is not set. */
struct walk {
    struct cede_coap_options options;
    struct cede_coap_option option;
    struct cede_span observed; /* the value Observe had */
    unsigned keep;             /* classes of options to stop at */
    unsigned seen;             /* classes met */
    bool more;                 /* `option` is valid */
};

struct job {
    struct cede_oscore_context *context;
    const struct cede_crypto *crypto;
    struct cede_oscore_exchange *exchange;
    unsigned flags;
    struct cede_coap_message message; /* what comes in */
    struct cede_span head;            /* its header and token */
    struct cede_oscore_header header; /* the OSCORE option */
    struct cede_coap_encoder encoder; /* what goes out */
    const struct cede_span *observe;  /* the value Observe gets in `a`; null: its own */
    struct walk a;
    struct walk b;
    struct cede_span in; /* of the AEAD operation */
    struct cede_buf out;
    struct cede_span result;
};

/* --- nonce and additional data -----------------------------------------------------------------
 */

/* A function of the port: cede_crypto.aead_seal or .aead_open. */
typedef enum cede_status aead_function(void *context, int32_t alg, struct cede_span key,
                                       struct cede_span nonce, struct cede_span aad,
                                       struct cede_span in, struct cede_buf out,
                                       struct cede_span *result);

static void xor_into(uint8_t *end, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        len--;
        end--;
        *end ^= bytes[len];
    }
}

/* AAD = [ "Encrypt0", h'', << [ oscore_version, [ alg_aead ], request_kid, request_piv, options ]
 * >> ], RFC 8613, 5.4. There are no class I options. */
static size_t compute_aad(uint8_t aead_alg, const struct cede_oscore_exchange *exchange,
                          uint8_t aad[AAD_LEN_MAX])
{
    static const uint8_t begin[] = {0x83, 0x68, 'E',  'n', 'c',  'r', 'y', 'p',
                                    't',  '0',  0x40, 0,   0x85, 1,   0x81};
    uint8_t *at = cede_oscore_put(aad, begin, sizeof(begin));

    at = cede_oscore_put_head(at, 0, aead_alg);
    at = cede_oscore_put_bytes(at, exchange->kid, exchange->kid_len);
    at = cede_oscore_put_bytes(at, exchange->partial_iv, exchange->partial_iv_len);
    at = cede_oscore_put_head(at, 0x40, 0);
    aad[11] = (uint8_t)(0x40 | (at - aad - 12)); /* AAD_ARRAY_LEN_MAX fits in there */
    return (size_t)(at - aad);
}

/* One AEAD operation. The nonce comes from the sending endpoint's partial IV, or from the request
 * when the message has none; the AAD always from the request. */
static enum cede_status run(struct job *job, const struct cede_oscore_endpoint *sender,
                            aead_function *operation)
{
    const struct cede_oscore_context *context = job->context;
    const struct cede_oscore_exchange *exchange = job->exchange;
    uint8_t nonce[CEDE_AEAD_NONCE_LEN_MAX];
    uint8_t aad[AAD_LEN_MAX];
    uint8_t *end = nonce + context->nonce_len;
    const uint8_t *id_piv = exchange->kid, *piv = exchange->partial_iv;
    size_t id_len = exchange->kid_len, piv_len = exchange->partial_iv_len;

    if (!cede_span_is_null(job->header.partial_iv)) {
        id_piv = sender->id;
        id_len = sender->id_len;
        piv = job->header.partial_iv.ptr;
        piv_len = job->header.partial_iv.len;
    }
    /* Common IV xor ( S || padded ID_PIV || padded PIV ), RFC 8613, 5.2. */
    memcpy(nonce, context->common_iv, sizeof(nonce));
    nonce[0] ^= (uint8_t)id_len;
    xor_into(end - CEDE_OSCORE_PIV_LEN_MAX, id_piv, id_len);
    xor_into(end, piv, piv_len);
    return operation(job->crypto->context, context->aead_alg,
                     cede_span(sender->key, context->key_len), cede_span(nonce, context->nonce_len),
                     cede_span(aad, compute_aad(context->aead_alg, exchange, aad)), job->in,
                     job->out, &job->result);
}

/* --- options -----------------------------------------------------------------------------------
 */

/* Where an option goes (figure 5 of RFC 8613, and RFC 9668, 3.1). What is unknown is class E. An
 * outer instance of an option that is E and U is dropped when unprotecting (8.2, step 1), so
 * these count as E; but Observe, which is written twice. */
enum {
    CLASS_E = 1,
    CLASS_OBSERVE = 2,
    CLASS_U = 4,
    CLASS_OSCORE = 8,
    CLASS_PROXY_URI = CEDE_OSCORE_PROXY_URI
};

static unsigned class_of(unsigned number)
{
    static const uint8_t outer[] = {
        CEDE_COAP_URI_HOST,     CLASS_U, CEDE_COAP_OBSERVE,   CLASS_OBSERVE,
        CEDE_COAP_URI_PORT,     CLASS_U, CEDE_COAP_OSCORE,    CLASS_OSCORE,
        CEDE_COAP_EDHOC,        CLASS_U, CEDE_COAP_PROXY_URI, CLASS_PROXY_URI,
        CEDE_COAP_PROXY_SCHEME, CLASS_U};

    for (size_t i = 0; i < sizeof(outer); i += 2) {
        if (outer[i] == number) {
            return outer[i + 1];
        }
    }
    return CLASS_E;
}

static void step(struct walk *walk, const struct cede_span *observe)
{
    unsigned class;

    do {
        walk->more = cede_coap_options_next(&walk->options, &walk->option);
        if (!walk->more) {
            return;
        }
        class = class_of(walk->option.number);
        walk->seen |= class;
        if (class == CLASS_OBSERVE) {
            walk->observed = walk->option.value;
            if (observe != NULL) {
                walk->option.value = *observe;
            }
        }
    } while ((class & walk->keep) == 0);
}

/* Writes the options of `a` of the classes `keep`, among them what `b` still has. */
static void merge(struct job *job, const struct cede_span *options, unsigned keep)
{
    struct walk *a = &job->a;
    struct walk *b = &job->b;

    memset(a, 0, sizeof(*a));
    a->options.reader.in = *options;
    a->keep = keep;
    job->encoder.last_number = 0;
    step(a, job->observe);
    while (a->more || b->more) {
        struct walk *next = a->more && (!b->more || a->option.number < b->option.number) ? a : b;

        cede_coap_put_option(&job->encoder, next->option.number, next->option.value);
        step(next, job->observe);
    }
}

/* A registration has the Observe value 0 (RFC 7641, 2). */
static bool registers_observation(const struct walk *walk)
{
    return (walk->seen & CLASS_OBSERVE) != 0 && walk->observed.len <= OBSERVE_LEN_MAX &&
           cede_oscore_piv_number(&walk->observed) == 0;
}

static void write(struct job *job, const uint8_t *bytes, size_t len)
{
    cede_write_bytes(&job->encoder.writer, cede_span(bytes, len));
}

/* --- protecting ------------------------------------------------------------------------------- */

static const uint8_t marker = PAYLOAD_MARKER;

static void set_request(struct job *job)
{
    struct cede_oscore_exchange *exchange = job->exchange;

    memset(exchange, 0, sizeof(*exchange));
    exchange->kid_len = (uint8_t)job->header.kid.len;
    exchange->partial_iv_len = (uint8_t)job->header.partial_iv.len;
    (void)cede_oscore_put(exchange->kid, job->header.kid.ptr, exchange->kid_len);
    (void)cede_oscore_put(exchange->partial_iv, job->header.partial_iv.ptr,
                          exchange->partial_iv_len);
}

/* The next sender sequence number as a partial IV: the end of `bytes`, without leading zeros. */
static enum cede_status next_partial_iv(const struct cede_oscore_context *context,
                                        uint8_t bytes[CEDE_OSCORE_PIV_LEN_MAX],
                                        struct cede_span *partial_iv)
{
    uint64_t rest = context->sender_seq;
    uint8_t *at = bytes + CEDE_OSCORE_PIV_LEN_MAX;

    if (rest >= context->sender_ceiling) {
        return rest > CEDE_OSCORE_SEQ_MAX ? CEDE_OSCORE_EXHAUSTED : CEDE_OSCORE_RESERVE;
    }
    do {
        *--at = (uint8_t)rest;
        rest >>= 8;
    } while (rest != 0);
    partial_iv->ptr = at;
    partial_iv->len = (size_t)(bytes + CEDE_OSCORE_PIV_LEN_MAX - at);
    return CEDE_OK;
}

/* The outer message: header, class U options and the OSCORE option, payload marker. Then the
 * plaintext: code, class E options, payload (RFC 8613, 5.3). */
static void write_message(struct job *job)
{
    static const struct cede_span empty = {&marker, 0};
    uint8_t option[CEDE_OSCORE_OPTION_LEN_MAX];
    struct cede_coap_option *oscore = &job->b.option;

    oscore->number = CEDE_COAP_OSCORE;
    oscore->value.ptr = option;
    oscore->value.len = (size_t)(cede_oscore_put_option(option, &job->header) - option);
    job->b.more = true;
    write(job, job->head.ptr, job->head.len);
    merge(job, &job->message.options, CLASS_U | CLASS_OBSERVE | CLASS_PROXY_URI);
    write(job, &marker, 1);
    job->in.len = job->encoder.writer.len; /* of the outer part, for the time being */
    write(job, &job->message.code, 1);
    if ((job->flags & CEDE_OSCORE_REQUEST) == 0) {
        job->observe = &empty; /* in notifications (RFC 8613, 4.1.3.5.2) */
    }
    merge(job, &job->message.options, CLASS_E | CLASS_OBSERVE);
    if (!cede_span_is_null(job->message.payload)) {
        write(job, job->message.payload.ptr - 1, job->message.payload.len + 1); /* and its marker */
    }
}

/* Nested use of OSCORE "is not supported" (RFC 8613, 4.1.3.7), and a Proxy-Uri may hold what
 * belongs inside. */
static enum cede_status check_message(const struct job *job)
{
    const struct cede_writer *writer = &job->encoder.writer;

    if ((job->a.seen & CLASS_OSCORE) != 0) {
        return CEDE_OSCORE_NESTED;
    }
    if ((job->a.seen & ~job->flags & CLASS_PROXY_URI) != 0) {
        return CEDE_BAD_ARGUMENT;
    }
    /* A writer without memory would only count. */
    return writer->status == CEDE_OK && writer->len >= writer->out.cap ? CEDE_NO_SPACE
                                                                       : writer->status;
}

static enum cede_status protect(struct job *job)
{
    /* POST and 2.04, but FETCH and 2.05 with Observe (RFC 8613, 4.1.3.5 and 4.2). */
    static const uint8_t outer_codes[] = {CEDE_COAP_CHANGED, CEDE_COAP_CONTENT, CEDE_COAP_POST,
                                          CEDE_COAP_FETCH};
    struct cede_oscore_context *context = job->context;
    bool request = (job->flags & CEDE_OSCORE_REQUEST) != 0;
    struct cede_writer *writer = &job->encoder.writer;
    uint8_t piv[CEDE_OSCORE_PIV_LEN_MAX];
    size_t outer_len;

    if ((job->flags & (CEDE_OSCORE_REQUEST | CEDE_OSCORE_NEW_PARTIAL_IV)) != 0 ||
        job->exchange->nonce_used) {
        CEDE_TRY(next_partial_iv(context, piv, &job->header.partial_iv));
    }
    if (request) {
        job->header.kid = cede_span(context->sender.id, context->sender.id_len);
        set_request(job);
    }
    if ((job->flags & CEDE_OSCORE_SEND_KID_CONTEXT) != 0 && context->has_id_context) {
        job->header.kid_context = cede_span(context->id_context, context->id_context_len);
    }
    write_message(job);
    CEDE_TRY(check_message(job));
    writer->out.ptr[1] =
        outer_codes[(request ? 2 : 0) | ((job->a.seen & CLASS_OBSERVE) != 0 ? 1 : 0)];
    if (request) {
        job->exchange->observe = registers_observation(&job->a);
    }
    /* Whatever happens from here on, the nonce counts as used. */
    if (cede_span_is_null(job->header.partial_iv)) {
        job->exchange->nonce_used = true;
    } else {
        context->sender_seq++;
    }
    outer_len = job->in.len;
    job->in.ptr = job->out.ptr = writer->out.ptr + outer_len;
    job->in.len = writer->len - outer_len;
    job->out.cap = writer->out.cap - outer_len;
    CEDE_TRY(run(job, &context->sender, job->crypto->aead_seal));
    writer->len = outer_len + job->result.len;
    return CEDE_OK;
}

/* --- unprotecting ------------------------------------------------------------------------------
 */

/* One response, or notifications in ascending order of their partial IV, the one without counting
 * as the oldest (RFC 8613, 7.4.1 and 8.4.2). Updates the exchange. */
static enum cede_status accept_response(struct cede_oscore_exchange *exchange,
                                        const struct cede_span *partial_iv, bool notification)
{
    uint64_t number = cede_oscore_piv_number(partial_iv);

    if (!notification) {
        exchange->done = true;
        return CEDE_OK;
    }
    if (!exchange->observe) {
        return CEDE_OSCORE_PLAINTEXT;
    }
    if (cede_span_is_null(*partial_iv)) {
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

static enum cede_status check_replay(const struct job *job)
{
    struct cede_oscore_window *window = &job->context->window;

    if ((job->flags & CEDE_OSCORE_REQUEST) == 0) {
        return job->exchange->done ? CEDE_OSCORE_REPLAY : CEDE_OK;
    }
    if (window->lost) {
        return (job->flags & CEDE_OSCORE_RECOVERING) != 0 ? CEDE_OK : CEDE_OSCORE_NEEDS_ECHO;
    }
    return cede_oscore_window_check(window, cede_oscore_piv_number(&job->header.partial_iv));
}

/* Writes the decrypted message to the start of the output: the outer header and class U options
 * (8.2 and 8.4, step 1); code and options and payload of the plaintext. */
static enum cede_status rebuild(struct job *job)
{
    struct walk *inner = &job->b;
    struct cede_span observe = job->header.partial_iv;
    struct cede_coap_message view = {.code = job->result.ptr[0]};
    const uint8_t *rest;
    size_t rest_len;

    /* The Observe value the application sees: the low 24 bits of the partial IV (4.1.3.5.2). */
    if (observe.len > OBSERVE_LEN_MAX) {
        observe.ptr += observe.len - OBSERVE_LEN_MAX;
        observe.len = OBSERVE_LEN_MAX;
    }
    if ((job->flags & CEDE_OSCORE_REQUEST) == 0) {
        job->observe = &observe;
    }
    inner->options.reader.in = job->result;
    inner->options.reader.pos = 1;
    inner->keep = ~0u;
    step(inner, job->observe);
    write(job, job->head.ptr, job->head.len);
    job->encoder.writer.out.ptr[1] = view.code;
    merge(job, &job->message.options, CLASS_U | CLASS_PROXY_URI);
    rest = job->result.ptr + inner->options.reader.pos;
    rest_len = job->result.len - inner->options.reader.pos;
    write(job, rest, rest_len); /* the payload with the marker before it */
    /* The writer has room, or merging would have lengthened the message. */
    if (inner->options.reader.status != CEDE_OK || rest_len == 1 ||
        job->encoder.writer.status != CEDE_OK ||
        (inner->seen & ~(unsigned)(CLASS_E | CLASS_OBSERVE)) != 0) {
        return CEDE_OSCORE_PLAINTEXT;
    }
    if ((job->flags & CEDE_OSCORE_REQUEST) != 0) {
        job->exchange->observe = registers_observation(inner);
        return cede_coap_is_request(&view) ? CEDE_OK : CEDE_OSCORE_PLAINTEXT;
    }
    return cede_coap_is_response(&view) ? accept_response(job->exchange, &job->header.partial_iv,
                                                          (inner->seen & CLASS_OBSERVE) != 0)
                                        : CEDE_OSCORE_PLAINTEXT;
}

/* Steps 2 to 7 of RFC 8613, 8.2 and 8.4. */
static enum cede_status unprotect(struct job *job, size_t datagram_len)
{
    struct cede_buf out = job->encoder.writer.out;
    bool request = (job->flags & CEDE_OSCORE_REQUEST) != 0;
    enum cede_status status;

    CEDE_TRY(cede_oscore_peek(&job->message, &job->header));
    if (!cede_oscore_matches(job->context, &job->header)) {
        return CEDE_OSCORE_NO_CONTEXT;
    }
    CEDE_TRY(check_replay(job));
    if (out.cap < datagram_len) {
        return CEDE_NO_SPACE;
    }
    if (request) {
        set_request(job);
    }
    job->in = job->message.payload;
    job->out.ptr = out.ptr + (out.cap - job->in.len);
    job->out.cap = job->in.len;
    status = run(job, &job->context->recipient, job->crypto->aead_open);
    if (status != CEDE_OK) {
        return status == CEDE_CRYPTO_TAG ? CEDE_OSCORE_DECRYPTION : status;
    }
    /* Authentic from here on: whatever else is wrong with it, it has been received. */
    if (request && !job->context->window.lost) {
        cede_oscore_window_commit(&job->context->window,
                                  cede_oscore_piv_number(&job->header.partial_iv));
    }
    return job->result.len > 0 ? rebuild(job) : CEDE_OSCORE_PLAINTEXT;
}

enum cede_status cede_oscore_process(struct cede_oscore_context *context,
                                     const struct cede_crypto *crypto, unsigned flags,
                                     struct cede_span in, struct cede_oscore_exchange *exchange,
                                     struct cede_buf out, struct cede_span *result)
{
    bool unprotects = (flags & CEDE_OSCORE_UNPROTECT) != 0;
    struct job job;
    enum cede_status status;

    memset(&job, 0, sizeof(job));
    *result = CEDE_SPAN_NULL;
    CEDE_TRY(cede_coap_decode(in, &job.message));
    if (cede_coap_is_request(&job.message) != ((flags & CEDE_OSCORE_REQUEST) != 0) ||
        job.message.code == CEDE_COAP_EMPTY) {
        return unprotects ? CEDE_OSCORE_OPTION : CEDE_BAD_ARGUMENT;
    }
    job.context = context;
    job.crypto = crypto;
    job.exchange = exchange;
    job.flags = flags;
    job.head.ptr = in.ptr;
    job.head.len = HEADER_LEN + job.message.token.len;
    job.encoder.writer.out = out;
    status = unprotects ? unprotect(&job, in.len) : protect(&job);
    if (status != CEDE_OK) {
        cede_wipe(out.ptr, out.cap);
        return status;
    }
    *result = cede_span(out.ptr, job.encoder.writer.len);
    cede_wipe(out.ptr + result->len, out.cap - result->len);
    return CEDE_OK;
}
