/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oscore.h - object security for CoAP (RFC 8613), with EDHOC over CoAP (RFC 9528, A.2; RFC 9668)
 *            and Echo challenges (RFC 9175).
 *
 * Place: protocol; above coap.h, below EST. Whole CoAP messages go in and come out.
 * Use, client: cede_oscore_init(), then for each request cede_oscore_protect_request(), send,
 *      cede_oscore_unprotect_response() with the same struct cede_oscore_exchange.
 * Use, server: cede_oscore_peek() names the context, cede_oscore_unprotect_request(), act,
 *      cede_oscore_protect_response() with the same exchange; on failure
 *      cede_oscore_compose_error().
 * Memory: the caller's. A context holds no pointer but the one to a larger replay window, where the
 *      caller gave memory for one; it may be moved, but two copies in use would reuse nonces and
 *      accept replays. `out` must not overlap the input. Stack on a Cortex-M4, besides the crypto
 *      back end: 530 bytes a call (900 on a 64-bit machine), 1100 with Proxy-Uri, 1400 for B.2.
 * Lasting contexts: a sender sequence number must never be used twice. A context that outlives the
 *      process is used up to a ceiling that has been stored before: cede_oscore_needs_reserve(),
 *      store, cede_oscore_reserve(); after a restart cede_oscore_recover().
 * What a message may cost: one that is not authentic changes nothing in the context. One that is
 *      authentic has been received, whatever is wrong with it: its number counts in the replay
 *      window even when its plaintext is no CoAP message (CEDE_OSCORE_PLAINTEXT), since RFC 8613,
 *      8.2 updates the window as soon as decryption succeeds. After a failure `out` holds nothing
 *      of the message, and a request's exchange means nothing; that of a response which does
 *      not unprotect is as it was.
 * Threads: functions touch only their arguments.
 * Errors: classes as the RFC's answers, see cede_oscore_error_code().
 */
#ifndef CEDE_OSCORE_H
#define CEDE_OSCORE_H

#include "cede/bytes.h"
#include "cede/coap.h"
#include "cede/crypto.h"

#define CEDE_OSCORE_ID_LEN_MAX         7 /* nonce length minus 6 */
#define CEDE_OSCORE_ID_CONTEXT_LEN_MAX 32
#define CEDE_OSCORE_PIV_LEN_MAX        5
/* flags, partial IV, length and value of kid context, kid */
#define CEDE_OSCORE_OPTION_LEN_MAX                                                                 \
    (1 + CEDE_OSCORE_PIV_LEN_MAX + 1 + CEDE_OSCORE_ID_CONTEXT_LEN_MAX + CEDE_OSCORE_ID_LEN_MAX)
/* The last number that may be used (RFC 8613, 7.2.1); the one after it is CEDE_OSCORE_EXHAUSTED.
 * Who wants fewer messages under one key (the AEAD's limits of use) reserves a lower ceiling and
 * derives a new context when cede_oscore_needs_reserve() says so. */
#define CEDE_OSCORE_SEQ_MAX     ((UINT64_C(1) << 40) - 1)
#define CEDE_OSCORE_WINDOW_LEN  32    /* default, RFC 8613, 3.2.2 */
#define CEDE_OSCORE_WINDOW_MAX  32768 /* with memory of the caller */
#define CEDE_OSCORE_RECOVER_LEN 8     /* Echo value of a context that lost its replay window */
/* Protecting adds at most this much: OSCORE option with its head, outer Observe, payload marker,
 * inner code and the tag. */
#define CEDE_OSCORE_OVERHEAD (CEDE_OSCORE_OPTION_LEN_MAX + 2 + 5 + 1 + 1 + CEDE_AEAD_TAG_LEN_MAX)

/* --- the security context (RFC 8613, 3) ------------------------------------------------------- */

struct cede_oscore_params {
    int32_t aead_alg; /* 0: AES-CCM-16-64-128 */
    int32_t hash_alg; /* 0: SHA-256, for HKDF */
    struct cede_span master_secret;
    struct cede_span master_salt; /* null or empty: none */
    struct cede_span sender_id;
    struct cede_span recipient_id;
    struct cede_span id_context; /* null: none, which differs from empty */
    /* How many numbers the replay window tells apart. 0: 32; a longer one is a power of two and
     * needs `window`, an array of window_len / 32 words that lives as long as the context. */
    uint16_t window_len;
    uint32_t *window;
};

/* Window of the partial IVs received. Number n has bit n modulo 32 of word n / 32, round and round
 * the array. */
struct cede_oscore_window {
    uint64_t highest;
    uint32_t *words; /* the caller's, null: `seen` is the only word */
    uint32_t seen;
    uint16_t len; /* numbers more than len - 1 below `highest` are too old */
    bool lost;    /* after a restart: unusable until a request proves to be fresh */
};

/* A direction's key, and the id of the endpoint that sends in it. */
struct cede_oscore_endpoint {
    uint8_t id_len;
    uint8_t id[CEDE_OSCORE_ID_LEN_MAX];
    uint8_t key[CEDE_AEAD_KEY_LEN_MAX];
};

struct cede_oscore_context {
    uint64_t sender_seq;     /* the number the next message gets */
    uint64_t sender_ceiling; /* numbers below it may be used */
    struct cede_oscore_window window;
    uint8_t aead_alg; /* COSE numbers of AEADs are small */
    uint8_t key_len;
    uint8_t nonce_len;
    uint8_t id_context_len;
    bool has_id_context;
    uint8_t common_iv[CEDE_AEAD_NONCE_LEN_MAX];
    struct cede_oscore_endpoint sender;
    struct cede_oscore_endpoint recipient;
    uint8_t id_context[CEDE_OSCORE_ID_CONTEXT_LEN_MAX];
    uint8_t echo[CEDE_OSCORE_RECOVER_LEN]; /* what a fresh request echoes while window.lost */
};

/* Derives keys and Common IV (3.2.1). The context starts at sequence number 0 and may use all of
 * them: right for contexts that die with the process. After EDHOC, master secret and salt are
 * exporter outputs, and an initiator's sender id is C_R, its recipient id C_I (RFC 9528, A.1).
 * CEDE_BAD_ARGUMENT: equal ids (they would share keys and nonces), an id or context too long for
 * the algorithm, an algorithm that is no AEAD, a window_len as above. The context is empty then. */
CEDE_MUST_USE enum cede_status cede_oscore_init(struct cede_oscore_context *context,
                                                const struct cede_crypto *crypto,
                                                const struct cede_oscore_params *params);
void cede_oscore_wipe(struct cede_oscore_context *context);
/* Wipes the context and what `crypto` keeps of its keys; without aead_forget the same as
 * cede_oscore_wipe(). */
void cede_oscore_close(struct cede_oscore_context *context, const struct cede_crypto *crypto);

/* After a restart: continues an initialised context from the ceiling stored last (RFC 8613,
 * B.1.1 and B.1.2). The numbers below it count as used; reserve new ones before sending. The
 * replay window is lost: requests go through cede_oscore_unprotect_recovering() from then on.
 * CEDE_CRYPTO_RANDOM: no randomness for the Echo value; the context is as it was. */
CEDE_MUST_USE enum cede_status cede_oscore_recover(struct cede_oscore_context *context,
                                                   const struct cede_crypto *crypto,
                                                   uint64_t stored_ceiling);
/* True when fewer than `margin` numbers are left below the ceiling. */
bool cede_oscore_needs_reserve(const struct cede_oscore_context *context, uint64_t margin);
/* Allows numbers below `ceiling`, which the caller has stored durably before. It never allows more
 * than CEDE_OSCORE_SEQ_MAX, nor takes back numbers that have been used. */
void cede_oscore_reserve(struct cede_oscore_context *context, uint64_t ceiling);

/* Stores the ceiling durably; what it answers is handed on. */
typedef enum cede_status cede_oscore_store(void *store_context, uint64_t ceiling);
/* Before protecting: makes sure that `margin` numbers may be used, by storing a ceiling `step`
 * numbers ahead (K of B.1.1; a flash page survives so many times more messages) and reserving them
 * only then. Whenever the power goes, cede_oscore_recover() with the ceiling found begins above
 * every number that was used. Failures are those of `store`: the context is as it was. */
CEDE_MUST_USE enum cede_status cede_oscore_keep_ahead(struct cede_oscore_context *context,
                                                      uint64_t margin, uint64_t step,
                                                      cede_oscore_store *store,
                                                      void *store_context);

/* --- the OSCORE option (RFC 8613, 6.1) ---------------------------------------------------------
 */

/* Spans into the option value; null when absent. */
struct cede_oscore_header {
    struct cede_span partial_iv;
    struct cede_span kid_context;
    struct cede_span kid;
};

/* CEDE_OSCORE_OPTION: reserved bits or lengths, an explicit zero flag byte, a partial IV with
 * leading zeros, trailing bytes. */
CEDE_MUST_USE enum cede_status cede_oscore_decode_option(struct cede_span value,
                                                         struct cede_oscore_header *header);
CEDE_MUST_USE enum cede_status cede_oscore_encode_option(const struct cede_oscore_header *header,
                                                         struct cede_buf out,
                                                         struct cede_span *value);

/* First step of a server: what the OSCORE option of a request says, to find the context.
 * CEDE_OSCORE_UNPROTECTED: no such option; CEDE_OSCORE_OPTION: malformed, twice, no payload, or in
 * a request no kid or partial IV. */
CEDE_MUST_USE enum cede_status cede_oscore_peek(const struct cede_coap_message *message,
                                                struct cede_oscore_header *header);
/* True when a message with that header belongs to the context: the kid, if sent, is the recipient
 * id, and a kid context, if sent, is the ID Context. */
bool cede_oscore_matches(const struct cede_oscore_context *context,
                         const struct cede_oscore_header *header);

/* --- protecting and unprotecting (RFC 8613, 8) -------------------------------------------------
 */

/* What request and response share; kept by client and server until the response is through, by
 * an observer as long as it observes. Holds no pointers. */
struct cede_oscore_exchange {
    uint8_t kid[CEDE_OSCORE_ID_LEN_MAX]; /* request_kid */
    uint8_t kid_len;
    uint8_t partial_iv[CEDE_OSCORE_PIV_LEN_MAX]; /* request_piv */
    uint8_t partial_iv_len;
    bool observe;          /* the request registers an observation */
    bool nonce_used;       /* a response has used the request's nonce: not again */
    bool done;             /* client: the one response has come */
    bool notified;         /* client: `notification` is valid */
    uint64_t notification; /* client: Notification Number (RFC 8613, 7.4.1) */
};

enum cede_oscore_flags {
    CEDE_OSCORE_PLAIN = 0,
    CEDE_OSCORE_SEND_KID_CONTEXT = 1, /* put the ID Context, if there is one, in the option */
    CEDE_OSCORE_NEW_PARTIAL_IV = 2,   /* response: a nonce of its own */
    /* set by the functions below, not by callers */
    CEDE_OSCORE_REQUEST = 4,
    CEDE_OSCORE_UNPROTECT = 8,
    CEDE_OSCORE_PROXY_URI = 16,
    CEDE_OSCORE_RECOVERING = 32
};

/* What the four functions below are made of: they set the flags that say which one. */
CEDE_MUST_USE enum cede_status cede_oscore_process(struct cede_oscore_context *context,
                                                   const struct cede_crypto *crypto, unsigned flags,
                                                   struct cede_span in,
                                                   struct cede_oscore_exchange *exchange,
                                                   struct cede_buf out, struct cede_span *result);

/* Protects a whole CoAP request. `flags`: CEDE_OSCORE_SEND_KID_CONTEXT or none. Options go where
 * figure 5 of RFC 8613 has them: Uri-Host, Uri-Port and Proxy-Scheme outside, Observe outside and
 * inside, everything else and what is unknown inside.
 * CEDE_OSCORE_EXHAUSTED, CEDE_OSCORE_RESERVE: no sequence number; CEDE_OSCORE_NESTED: protected
 * already; CEDE_BAD_ARGUMENT: no request, or Proxy-Uri: see cede_oscore_protect_proxied(). */
CEDE_MUST_USE static inline enum cede_status
cede_oscore_protect_request(struct cede_oscore_context *context, const struct cede_crypto *crypto,
                            unsigned flags, struct cede_span request,
                            struct cede_oscore_exchange *exchange, struct cede_buf out,
                            struct cede_span *datagram)
{
    return cede_oscore_process(context, crypto, flags | CEDE_OSCORE_REQUEST, request, exchange, out,
                               datagram);
}

/* Verifies and decrypts; `out` needs the size of `datagram`. Refusals, in this order (RFC 8613,
 * 8.2): format errors of cede_coap_decode(), CEDE_OSCORE_UNPROTECTED, CEDE_OSCORE_OPTION,
 * CEDE_OSCORE_NO_CONTEXT, CEDE_OSCORE_NEEDS_ECHO, CEDE_OSCORE_REPLAY, CEDE_NO_SPACE,
 * CEDE_OSCORE_DECRYPTION, CEDE_OSCORE_PLAINTEXT (the number counts as received).
 * CEDE_OSCORE_NEEDS_ECHO: the window is lost, use cede_oscore_unprotect_recovering(). */
CEDE_MUST_USE static inline enum cede_status
cede_oscore_unprotect_request(struct cede_oscore_context *context, const struct cede_crypto *crypto,
                              struct cede_span datagram, struct cede_oscore_exchange *exchange,
                              struct cede_buf out, struct cede_span *request)
{
    return cede_oscore_process(context, crypto, CEDE_OSCORE_UNPROTECT | CEDE_OSCORE_REQUEST,
                               datagram, exchange, out, request);
}

/* Protects a response, or a notification (a response with Observe). It gets a partial IV of its
 * own if `flags` says so, and always when the request's nonce has been used already (RFC 8613, 8.3
 * and 8.3.1). Refusals as for requests. */
CEDE_MUST_USE static inline enum cede_status
cede_oscore_protect_response(struct cede_oscore_context *context, const struct cede_crypto *crypto,
                             unsigned flags, struct cede_span response,
                             struct cede_oscore_exchange *exchange, struct cede_buf out,
                             struct cede_span *datagram)
{
    return cede_oscore_process(context, crypto, flags, response, exchange, out, datagram);
}

/* CEDE_OSCORE_UNPROTECTED: perhaps an OSCORE error (RFC 8613, 8.2), perhaps forged: treat it as a
 * hint only. CEDE_OSCORE_NO_CONTEXT: it names another sender. CEDE_OSCORE_REPLAY: a second
 * response, or an old notification. On any failure go on waiting: cede_coap_exchange_resume().
 * A notification's Observe option holds the three low bytes of its partial IV (4.1.3.5.2). */
CEDE_MUST_USE static inline enum cede_status
cede_oscore_unprotect_response(struct cede_oscore_context *context,
                               const struct cede_crypto *crypto, struct cede_span datagram,
                               struct cede_oscore_exchange *exchange, struct cede_buf out,
                               struct cede_span *response)
{
    return cede_oscore_process(context, crypto, CEDE_OSCORE_UNPROTECT, datagram, exchange, out,
                               response);
}

/* A request with Proxy-Uri (RFC 8613, 4.1.3.3): path and query of the URI become inner options,
 * and only scheme, host and port stay in the outer Proxy-Uri. `memory` holds the request in
 * between; it needs its length and 16 bytes more. CEDE_COAP_URI: no coap or coaps URI;
 * CEDE_BAD_ARGUMENT: no Proxy-Uri, or Uri-* options beside it (RFC 7252, 5.10.2); otherwise as
 * cede_oscore_protect_request(). */
CEDE_MUST_USE enum cede_status
cede_oscore_protect_proxied(struct cede_oscore_context *context, const struct cede_crypto *crypto,
                            unsigned flags, struct cede_span request,
                            struct cede_oscore_exchange *exchange, struct cede_buf memory,
                            struct cede_buf out, struct cede_span *datagram);

/* --- messages that a proxy has cut up (RFC 8613, 4.1.3.4.2) ------------------------------------
 */

#define CEDE_OSCORE_REQUEST_TAG_LEN_MAX 8

/* The blocks of one OSCORE message. Zero-initialise. */
struct cede_oscore_gathering {
    struct cede_coap_assembly assembly;
    uint8_t option[CEDE_OSCORE_OPTION_LEN_MAX]; /* all blocks have the same OSCORE option */
    uint8_t option_len;
    uint8_t tag[CEDE_OSCORE_REQUEST_TAG_LEN_MAX]; /* and the same Request-Tag (RFC 9175, 3) */
    uint8_t tag_len;
    bool has_tag;
};

/* First of all, before peeking: takes a message with an outer Block1 (requests) or Block2
 * (responses) option. `*whole` is null while blocks are missing: a server answers 2.31 with the
 * block, a client asks for the next one. Then it is the message without outer block options, in
 * `out`; of a message that was never cut up it is the datagram itself. `body` limits what is put
 * together (MAX_UNFRAGMENTED_SIZE); what is in it is not authentic before it is unprotected.
 * CEDE_COAP_BODY_TOO_LARGE (4.13), CEDE_COAP_BLOCK_MISSING (4.08): not the next block, or of
 * another message; CEDE_COAP_BLOCK, CEDE_COAP_OPTION_VALUE, CEDE_NO_SPACE: `out`. */
CEDE_MUST_USE enum cede_status cede_oscore_gather(struct cede_oscore_gathering *gathering,
                                                  struct cede_span datagram, struct cede_buf body,
                                                  struct cede_buf out,
                                                  struct cede_coap_block *block,
                                                  struct cede_span *whole);

/* --- errors and recovery -----------------------------------------------------------------------
 */

/* The plain error response for a request that failed to unprotect (RFC 8613, 7.4 and 8.2), with
 * Max-Age 0. The diagnostic is a static string, null for a status the RFC has none for. */
uint8_t cede_oscore_error_code(enum cede_status status);
const char *cede_oscore_error_diagnostic(enum cede_status status);
CEDE_MUST_USE enum cede_status cede_oscore_compose_error(const struct cede_coap_message *request,
                                                         enum cede_status status,
                                                         uint16_t message_id, struct cede_buf out,
                                                         struct cede_span *datagram);

/* cede_oscore_unprotect_request() for contexts that survive restarts (RFC 8613, B.1.2). While the
 * window is lost a request is accepted only if it echoes this context's value; its number then is
 * the lower limit of the new window. CEDE_OSCORE_NEEDS_ECHO: authentic, but perhaps a replay;
 * `exchange` is filled, so that cede_oscore_compose_challenge() can answer. */
CEDE_MUST_USE enum cede_status
cede_oscore_unprotect_recovering(struct cede_oscore_context *context,
                                 const struct cede_crypto *crypto, struct cede_span datagram,
                                 struct cede_oscore_exchange *exchange, struct cede_buf out,
                                 struct cede_span *request);
/* The protected 4.01 with the Echo option that a context with a lost window answers (B.1.2). */
CEDE_MUST_USE enum cede_status
cede_oscore_compose_challenge(struct cede_oscore_context *context, const struct cede_crypto *crypto,
                              const struct cede_coap_message *request, uint16_t message_id,
                              struct cede_oscore_exchange *exchange, struct cede_buf out,
                              struct cede_span *datagram);

/* --- new contexts from the same master secret (RFC 8613, B.2) -----------------------------------
 *
 * When an endpoint has lost what changes in its context, four messages derive a new one: both ends
 * put random bytes into the ID Context. `params` are the lasting ones, the same at every step;
 * their id_context is not used. Both ends need good randomness.
 *
 *     client                                               server
 *     cede_oscore_rederive_start()     -- request 1 -->    cede_oscore_rederive_answer()
 *     cede_oscore_rederive_continue()  <- response 1 --
 *     cede_oscore_rederive_request()   -- request 2 -->    cede_oscore_rederive_finish()
 *     cede_oscore_unprotect_response() <- response 2 --    cede_oscore_protect_response()
 *
 * `memory` is scratch of the datagram's size and CEDE_OSCORE_OVERHEAD more, as is `out`.
 */

#define CEDE_OSCORE_R_LEN  8  /* R1 and R3; a server takes R1 of up to 16 */
#define CEDE_OSCORE_R2_LEN 16 /* 8 random bytes and a MAC over them (B.2.1) */

/* Client: zero-initialise. Holds no pointers. */
struct cede_oscore_rederivation {
    uint8_t id1[CEDE_OSCORE_R_LEN];
};

/* Server, for each set of params: zero-initialise. While no run is on, nothing is kept. */
struct cede_oscore_rederiver {
    bool has_key;
    uint8_t key[CEDE_SHA256_LEN]; /* K_HMAC */
};

/* Client, 1: protects a request in a context of its own, `first`. */
CEDE_MUST_USE enum cede_status
cede_oscore_rederive_start(struct cede_oscore_rederivation *run, const struct cede_crypto *crypto,
                           const struct cede_oscore_params *params, struct cede_span request,
                           struct cede_oscore_exchange *exchange, struct cede_buf memory,
                           struct cede_buf out, struct cede_span *datagram);
/* Server, 2: verifies request 1 and answers it with 4.01 in a second context. The request itself
 * is dropped: it may be a replay. CEDE_OSCORE_OPTION: no kid context that is one CBOR byte string;
 * otherwise as cede_oscore_unprotect_request(). */
CEDE_MUST_USE enum cede_status
cede_oscore_rederive_answer(struct cede_oscore_rederiver *server, const struct cede_crypto *crypto,
                            const struct cede_oscore_params *params, struct cede_span datagram,
                            uint16_t message_id, struct cede_buf memory, struct cede_buf out,
                            struct cede_span *answer);
/* Client, 3: verifies response 1 and derives the third context, which the client uses from now on
 * if response 2 verifies in it. CEDE_OSCORE_OPTION: no kid context with R2; other failures as of
 * cede_oscore_unprotect_response(). `context` is empty after a failure. */
CEDE_MUST_USE enum cede_status
cede_oscore_rederive_continue(const struct cede_oscore_rederivation *run,
                              const struct cede_crypto *crypto,
                              const struct cede_oscore_params *params, struct cede_span datagram,
                              struct cede_oscore_exchange *exchange, struct cede_buf memory,
                              struct cede_buf out, struct cede_oscore_context *context);
/* Client, request 2: as cede_oscore_protect_request(), with R2 || R3 for the server. */
CEDE_MUST_USE enum cede_status
cede_oscore_rederive_request(struct cede_oscore_context *context, const struct cede_crypto *crypto,
                             struct cede_span request, struct cede_oscore_exchange *exchange,
                             struct cede_buf memory, struct cede_buf out,
                             struct cede_span *datagram);
/* Server, 4: verifies request 2 in the third context, which replaces the one before; K_HMAC is
 * erased, so that request 2 cannot begin the context anew. CEDE_OSCORE_NO_CONTEXT: no run is on, or
 * R2 is not of this server; otherwise as cede_oscore_unprotect_request(). `context` is empty after
 * a failure. */
CEDE_MUST_USE enum cede_status
cede_oscore_rederive_finish(struct cede_oscore_rederiver *server, const struct cede_crypto *crypto,
                            const struct cede_oscore_params *params, struct cede_span datagram,
                            struct cede_oscore_exchange *exchange, struct cede_buf memory,
                            struct cede_buf out, struct cede_oscore_context *context,
                            struct cede_span *request);

/* --- Echo without state (RFC 9175, appendix A, item 2) -----------------------------------------
 */

#define CEDE_OSCORE_ECHO_LEN     12 /* 32-bit time, 64-bit MAC */
#define CEDE_OSCORE_ECHO_KEY_LEN 32

/* An integrity-protected timestamp, bound to the peer's address. `key` is the server's own random
 * secret, made anew when the clock is lost; `peer` is null to prove freshness only. */
CEDE_MUST_USE enum cede_status cede_oscore_echo_create(const struct cede_crypto *crypto,
                                                       const uint8_t key[CEDE_OSCORE_ECHO_KEY_LEN],
                                                       uint32_t now_s, struct cede_span peer,
                                                       uint8_t echo[CEDE_OSCORE_ECHO_LEN]);
/* CEDE_OSCORE_ECHO: of another length, forged, for another peer, or not younger than max_age_s. */
CEDE_MUST_USE enum cede_status cede_oscore_echo_verify(const struct cede_crypto *crypto,
                                                       const uint8_t key[CEDE_OSCORE_ECHO_KEY_LEN],
                                                       uint32_t now_s, uint32_t max_age_s,
                                                       struct cede_span peer,
                                                       struct cede_span echo);
/* The unprotected 4.01 with the Echo option that asks a stranger to prove its address; piggybacked
 * or NON, never larger than the 136 bytes of RFC 9175, 2.4. */
CEDE_MUST_USE enum cede_status cede_oscore_compose_echo(const struct cede_coap_message *request,
                                                        const uint8_t echo[CEDE_OSCORE_ECHO_LEN],
                                                        uint16_t message_id, struct cede_buf out,
                                                        struct cede_span *datagram);

/* --- EDHOC over CoAP (RFC 9528, A.2) -----------------------------------------------------------
 */

/* The content format and payload of an EDHOC request: `true` or a connection identifier, then the
 * message. `c_r` null means message_1; otherwise the identifier's bytes as OSCORE knows them: the
 * server's, so C_R in the forward flow (A.2.1) and C_I in the reverse one (A.2.2). An empty message
 * is the request that begins the reverse flow: no payload; message_1 comes in the response.
 * `path` null means "/.well-known/edhoc". `echo` null, or a value received in a challenge. */
CEDE_MUST_USE enum cede_status cede_oscore_compose_edhoc_request(
    enum cede_coap_type type, uint16_t message_id, struct cede_span token, struct cede_span path,
    struct cede_span echo, struct cede_span c_r, struct cede_span message, struct cede_buf out,
    struct cede_span *datagram);
/* Splits the payload of such a request. `*c_r` is null for message_1, else the identifier's bytes;
 * `*message` is the rest, never empty. CEDE_OSCORE_EDHOC_PREFIX: anything else, also an identifier
 * that is not in the one representation RFC 9528, 3.3.2 allows. */
CEDE_MUST_USE enum cede_status cede_oscore_split_edhoc_payload(struct cede_span payload,
                                                               struct cede_span *c_r,
                                                               struct cede_span *message);
/* The response: 2.04 with a message, or an error code with an EDHOC error message; an empty
 * message gives no content format (RFC 9528, message_4 not used). */
CEDE_MUST_USE enum cede_status
cede_oscore_compose_edhoc_response(const struct cede_coap_message *request, uint8_t code,
                                   uint16_t message_id, struct cede_span message,
                                   struct cede_buf out, struct cede_span *datagram);

/* --- EDHOC and OSCORE in one request (RFC 9668) ------------------------------------------------
 */

/* Client: puts message_3 (the encoded CIPHERTEXT_3) before the ciphertext of a protected request
 * and adds the EDHOC option. CEDE_OSCORE_COMBINED: message_3 is not one byte string. */
CEDE_MUST_USE enum cede_status cede_oscore_combine(struct cede_span protected_request,
                                                   struct cede_span message_3, struct cede_buf out,
                                                   struct cede_span *datagram);
/* True when the request carries the EDHOC option. */
bool cede_oscore_is_combined(const struct cede_coap_message *request);
/* Server: takes it apart again. `*kid` (C_R) and `*message_3` lie in the datagram,
 * `*protected_request` in `out` (as large as the datagram). CEDE_OSCORE_COMBINED (4.00): no EDHOC
 * or OSCORE option, no kid, or a payload that is not message_3 and ciphertext. */
CEDE_MUST_USE enum cede_status
cede_oscore_split_combined(struct cede_span datagram, struct cede_buf out, struct cede_span *kid,
                           struct cede_span *message_3, struct cede_span *protected_request);

#endif
