/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coap.h - CoAP over datagrams (RFC 7252) and block-wise transfers (RFC 7959), without sockets.
 *
 * Place: protocol; below OSCORE, EDHOC over CoAP and EST. Fed with datagrams and the time, it hands
 *      back datagrams and says until when to wait.
 * Use, client: compose with cede_coap_begin() .. cede_coap_finish(), cede_coap_exchange_start(),
 *      send; then cede_coap_exchange_receive() for each datagram of that peer and
 *      cede_coap_exchange_timeout() at `deadline_ms`; in each step send what `send` holds.
 * Use, server: cede_coap_decode(), cede_coap_dedup_check(), answer with
 *      cede_coap_begin_response(), cede_coap_dedup_store(), send.
 * Memory: the caller's; no struct holds a pointer into another but for views, which say so. The
 *      engine tells peers apart by nothing: give it only datagrams of the peer it talks to.
 * Threads: functions touch only their arguments.
 * Errors: malformed for bytes that are no CoAP message (answer: cede_coap_reject()), invalid for
 *      messages to be refused with a response (code: cede_coap_error_code()).
 */
#ifndef CEDE_COAP_H
#define CEDE_COAP_H

#include "cede/bytes.h"
#include "cede/crypto.h"

#define CEDE_COAP_PORT          5683
#define CEDE_COAPS_PORT         5684
#define CEDE_COAP_TOKEN_LEN_MAX 8
#define CEDE_COAP_EMPTY_LEN     4 /* an ACK or RST without a response */
/* The upper bound on a message that does not rely on path MTU knowledge (RFC 7252, 4.6). */
#define CEDE_COAP_MESSAGE_LEN 1152

/* Codes: class.detail (RFC 7252, 12.1). */
#define CEDE_COAP_CODE(class_, detail_) ((uint8_t)((class_) << 5 | (detail_)))
#define CEDE_COAP_CODE_CLASS(code_)     ((uint8_t)((code_) >> 5))
#define CEDE_COAP_CODE_DETAIL(code_)    ((uint8_t)((code_)&0x1f))
#define CEDE_COAP_EMPTY                 CEDE_COAP_CODE(0, 0)
#define CEDE_COAP_GET                   CEDE_COAP_CODE(0, 1)
#define CEDE_COAP_POST                  CEDE_COAP_CODE(0, 2)
#define CEDE_COAP_PUT                   CEDE_COAP_CODE(0, 3)
#define CEDE_COAP_DELETE                CEDE_COAP_CODE(0, 4)
#define CEDE_COAP_FETCH                 CEDE_COAP_CODE(0, 5)
#define CEDE_COAP_CREATED               CEDE_COAP_CODE(2, 1)
#define CEDE_COAP_DELETED               CEDE_COAP_CODE(2, 2)
#define CEDE_COAP_VALID                 CEDE_COAP_CODE(2, 3)
#define CEDE_COAP_CHANGED               CEDE_COAP_CODE(2, 4)
#define CEDE_COAP_CONTENT               CEDE_COAP_CODE(2, 5)
#define CEDE_COAP_CONTINUE              CEDE_COAP_CODE(2, 31)
#define CEDE_COAP_BAD_REQUEST           CEDE_COAP_CODE(4, 0)
#define CEDE_COAP_UNAUTHORIZED          CEDE_COAP_CODE(4, 1)
#define CEDE_COAP_BAD_OPTION            CEDE_COAP_CODE(4, 2)
#define CEDE_COAP_FORBIDDEN             CEDE_COAP_CODE(4, 3)
#define CEDE_COAP_RESOURCE_NOT_FOUND    CEDE_COAP_CODE(4, 4)
#define CEDE_COAP_METHOD_NOT_ALLOWED    CEDE_COAP_CODE(4, 5)
#define CEDE_COAP_NOT_ACCEPTABLE        CEDE_COAP_CODE(4, 6)
#define CEDE_COAP_REQUEST_INCOMPLETE    CEDE_COAP_CODE(4, 8)
#define CEDE_COAP_CONFLICT              CEDE_COAP_CODE(4, 9)
#define CEDE_COAP_PRECONDITION_FAILED   CEDE_COAP_CODE(4, 12)
#define CEDE_COAP_REQUEST_TOO_LARGE     CEDE_COAP_CODE(4, 13)
#define CEDE_COAP_UNSUPPORTED_FORMAT    CEDE_COAP_CODE(4, 15)
#define CEDE_COAP_TOO_MANY_REQUESTS     CEDE_COAP_CODE(4, 29)
#define CEDE_COAP_SERVER_ERROR          CEDE_COAP_CODE(5, 0)
#define CEDE_COAP_NOT_IMPLEMENTED       CEDE_COAP_CODE(5, 1)
#define CEDE_COAP_UNAVAILABLE           CEDE_COAP_CODE(5, 3)

/* Option numbers. Odd ones are critical. */
#define CEDE_COAP_IF_MATCH       1
#define CEDE_COAP_URI_HOST       3
#define CEDE_COAP_ETAG           4
#define CEDE_COAP_IF_NONE_MATCH  5
#define CEDE_COAP_OBSERVE        6
#define CEDE_COAP_URI_PORT       7
#define CEDE_COAP_LOCATION_PATH  8
#define CEDE_COAP_OSCORE         9
#define CEDE_COAP_URI_PATH       11
#define CEDE_COAP_CONTENT_FORMAT 12
#define CEDE_COAP_MAX_AGE        14
#define CEDE_COAP_URI_QUERY      15
#define CEDE_COAP_HOP_LIMIT      16
#define CEDE_COAP_ACCEPT         17
#define CEDE_COAP_LOCATION_QUERY 20
#define CEDE_COAP_EDHOC          21
#define CEDE_COAP_BLOCK2         23
#define CEDE_COAP_BLOCK1         27
#define CEDE_COAP_SIZE2          28
#define CEDE_COAP_PROXY_URI      35
#define CEDE_COAP_PROXY_SCHEME   39
#define CEDE_COAP_SIZE1          60
#define CEDE_COAP_ECHO           252
#define CEDE_COAP_NO_RESPONSE    258
#define CEDE_COAP_REQUEST_TAG    292

/* Content formats. */
#define CEDE_COAP_FORMAT_TEXT         0
#define CEDE_COAP_FORMAT_OCTET_STREAM 42
#define CEDE_COAP_FORMAT_CBOR         60
#define CEDE_COAP_FORMAT_CWT          61
#define CEDE_COAP_FORMAT_EDHOC        64 /* application/edhoc+cbor-seq */
#define CEDE_COAP_FORMAT_CID_EDHOC    65 /* application/cid-edhoc+cbor-seq */

enum cede_coap_type { CEDE_COAP_CON = 0, CEDE_COAP_NON = 1, CEDE_COAP_ACK = 2, CEDE_COAP_RST = 3 };

/* --- reading a message ------------------------------------------------------------------------ */

/* A decoded datagram: a view into it. */
struct cede_coap_message {
    enum cede_coap_type type;
    uint8_t code;
    uint16_t message_id;
    struct cede_span token;   /* 0..8 bytes */
    struct cede_span options; /* still encoded; checked to be well-formed */
    struct cede_span payload; /* null when absent, never empty */
};

/* Decodes a whole datagram. CEDE_COAP_VERSION: not version 1 (ignore it silently);
 * CEDE_COAP_TOKEN_LENGTH, CEDE_COAP_OPTION, CEDE_COAP_MARKER, CEDE_COAP_RESERVED_CODE,
 * CEDE_COAP_EMPTY_MESSAGE, CEDE_TRUNCATED: format errors (RFC 7252, 3 and 4.1). */
CEDE_MUST_USE enum cede_status cede_coap_decode(struct cede_span datagram,
                                                struct cede_coap_message *message);
/* The Reset that rejects a confirmable datagram which does not decode (RFC 7252, 4.2); null when
 * it is to be ignored. `out` has room for CEDE_COAP_EMPTY_LEN bytes. */
struct cede_span cede_coap_reject(struct cede_span datagram, uint8_t out[CEDE_COAP_EMPTY_LEN]);

bool cede_coap_is_request(const struct cede_coap_message *message);
bool cede_coap_is_response(const struct cede_coap_message *message);

struct cede_coap_option {
    uint16_t number;
    struct cede_span value; /* into the message; empty, never null */
};

/* Iterator over encoded options. */
struct cede_coap_options {
    struct cede_reader reader; /* its status says whether the encoding holds */
    uint32_t number;           /* of the option before */
};

struct cede_coap_options cede_coap_options(struct cede_span encoded);
/* False at the end, or when the encoding is bad (then reader.status says so). */
bool cede_coap_options_next(struct cede_coap_options *options, struct cede_coap_option *option);

/* The first option of that number; false and a null value when there is none. */
bool cede_coap_find_option(const struct cede_coap_message *message, uint16_t number,
                           struct cede_span *value);
/* A uint option value: 0 to 4 bytes, leading zeros tolerated. CEDE_COAP_OPTION_VALUE: longer. */
CEDE_MUST_USE enum cede_status cede_coap_uint_value(struct cede_span value, uint32_t *number);
/* The same for the first option of a number; `*value` is `absent` when there is no such option, or
 * when it is elective and has a length its format forbids (RFC 7252, 5.4.3). */
CEDE_MUST_USE enum cede_status cede_coap_find_uint(const struct cede_coap_message *message,
                                                   uint16_t number, uint32_t absent,
                                                   uint32_t *value);
/* Refuses critical options that are not among `known` - and those that are, but have a length
 * their definition does not allow or occur twice without being repeatable (RFC 7252, 5.4.1-5.4.5).
 * CEDE_COAP_CRITICAL: the answer is 4.02 (Bad Option); `*number` is the first one refused. */
CEDE_MUST_USE enum cede_status cede_coap_check_critical(const struct cede_coap_message *message,
                                                        const uint16_t *known, size_t known_count,
                                                        uint16_t *number);
/* True when the Uri-Path options spell `path` ("a/b"; no leading slash, no percent-encoding). */
bool cede_coap_path_equals(const struct cede_coap_message *message, struct cede_span path);

/* The response code for a status: 4.02 for a refused option, 4.08 and 4.13 for block-wise
 * failures, otherwise by class: malformed and invalid 4.00, unauthentic 4.01, policy 4.03, blocked
 * 5.03, the rest 5.00. */
uint8_t cede_coap_error_code(enum cede_status status);

/* --- writing a message ------------------------------------------------------------------------ */

/* Writes a message in order: options ascending, then the payload. Sticky status. */
struct cede_coap_encoder {
    struct cede_writer writer;
    uint16_t last_number;
    bool payload_begun;
};

struct cede_coap_encoder cede_coap_begin(struct cede_buf out, enum cede_coap_type type,
                                         uint8_t code, uint16_t message_id, struct cede_span token);
/* Begins the response to `request`: a piggybacked ACK for a confirmable one, otherwise NON with
 * `message_id`. */
struct cede_coap_encoder cede_coap_begin_response(struct cede_buf out,
                                                  const struct cede_coap_message *request,
                                                  uint8_t code, uint16_t message_id);
/* CEDE_COAP_OPTION_ORDER (sticky): a smaller number than the one before, or after the payload. */
void cede_coap_put_option(struct cede_coap_encoder *encoder, uint16_t number,
                          struct cede_span value);
void cede_coap_put_uint(struct cede_coap_encoder *encoder, uint16_t number, uint32_t value);
/* Uri-Path options for "a/b%20c" (no leading slash) and Uri-Query options for "x=1&y",
 * percent-decoded; null or empty text gives none. CEDE_COAP_URI (sticky): bad encoding. */
void cede_coap_put_path(struct cede_coap_encoder *encoder, struct cede_span path);
void cede_coap_put_query(struct cede_coap_encoder *encoder, struct cede_span query);
/* An empty payload writes nothing, not even the marker. */
void cede_coap_put_payload(struct cede_coap_encoder *encoder, struct cede_span payload);
/* The marker and room for `len` > 0 payload bytes, which the caller fills in. */
struct cede_buf cede_coap_payload_room(struct cede_coap_encoder *encoder, size_t len);
CEDE_MUST_USE enum cede_status cede_coap_finish(const struct cede_coap_encoder *encoder,
                                                struct cede_span *datagram);
/* An ACK or RST without content. */
struct cede_span cede_coap_empty(enum cede_coap_type type, uint16_t message_id,
                                 uint8_t out[CEDE_COAP_EMPTY_LEN]);

/* --- URIs --------------------------------------------------------------------------------------
 */

enum cede_coap_host { CEDE_COAP_HOST_NAME, CEDE_COAP_HOST_IPV4, CEDE_COAP_HOST_IPV6 };

/* A split URI: spans into its text, still percent-encoded. */
struct cede_coap_uri {
    bool secure; /* coaps */
    enum cede_coap_host host_kind;
    struct cede_span host;  /* IPv6 without the brackets */
    uint16_t port;          /* the scheme's default when the URI has none */
    struct cede_span path;  /* without the leading slash; empty, never null */
    struct cede_span query; /* without the question mark; null when absent */
};

/* Splits an absolute coap or coaps URI (RFC 7252, 6.1 and 6.4). CEDE_COAP_URI: another scheme, no
 * host, user information, a fragment, a bad port, bad percent-encoding, "." or ".." segments,
 * characters a URI cannot hold, a segment longer than 255 bytes. */
CEDE_MUST_USE enum cede_status cede_coap_uri_split(struct cede_span text,
                                                   struct cede_coap_uri *uri);

/* Iterator over the segments of a path ('/') or query ('&'), still percent-encoded. */
struct cede_coap_segments {
    struct cede_span rest; /* null when used up */
    uint8_t separator;
};

struct cede_coap_segments cede_coap_segments(struct cede_span text, char separator);
bool cede_coap_segments_next(struct cede_coap_segments *segments, struct cede_span *segment);
/* Decodes %XX. CEDE_COAP_URI: bad encoding; CEDE_NO_SPACE. */
CEDE_MUST_USE enum cede_status cede_coap_percent_decode(struct cede_span text, struct cede_buf out,
                                                        struct cede_span *decoded);
/* The Uri-Host option of a URI with a host name (in lower case; none for an address, which the
 * destination says already). Call before any other option. */
void cede_coap_put_host(struct cede_coap_encoder *encoder, const struct cede_coap_uri *uri);

/* --- the client's exchange ---------------------------------------------------------------------
 */

/* Transmission parameters (RFC 7252, 4.8). */
struct cede_coap_params {
    uint32_t ack_timeout_ms;      /* ACK_TIMEOUT */
    uint32_t ack_random_permille; /* ACK_RANDOM_FACTOR, 1500 is 1.5; at least 1000 */
    uint32_t max_retransmit;      /* MAX_RETRANSMIT, at most 20 */
    uint32_t max_latency_ms;      /* MAX_LATENCY */
    uint32_t response_timeout_ms; /* how long to wait for a separate response */
};

extern const struct cede_coap_params cede_coap_default_params;

uint64_t cede_coap_max_transmit_wait_ms(const struct cede_coap_params *params);
uint64_t cede_coap_exchange_lifetime_ms(const struct cede_coap_params *params);

enum cede_coap_next {
    CEDE_COAP_WAIT,     /* nothing yet: go on until `deadline_ms` */
    CEDE_COAP_RESEND,   /* send the request again */
    CEDE_COAP_RESPONSE, /* the response is there */
    CEDE_COAP_FAILED    /* over; `reason` says why */
};

/* What to do next. Send `send` unless it is null, whatever `next` says. */
struct cede_coap_step {
    enum cede_coap_next next;
    struct cede_span send;             /* an empty ACK or RST; lives in the exchange */
    struct cede_coap_message response; /* with CEDE_COAP_RESPONSE: a view into the datagram */
    enum cede_status reason;           /* with CEDE_COAP_FAILED: CEDE_COAP_TIMEOUT, .._RESET */
};

enum cede_coap_exchange_state {
    CEDE_COAP_IDLE = 0,
    CEDE_COAP_WAIT_ACK,      /* sent, not acknowledged: retransmitting */
    CEDE_COAP_WAIT_RESPONSE, /* acknowledged, or never to be: the response comes separately */
    CEDE_COAP_DONE
};

/* One outstanding request (NSTART = 1). Holds no pointers. */
struct cede_coap_exchange {
    enum cede_coap_exchange_state state;
    enum cede_coap_exchange_state state_before; /* for _resume: state before the response */
    bool confirmable;
    uint16_t message_id;
    uint8_t token[CEDE_COAP_TOKEN_LEN_MAX];
    uint8_t token_len;
    uint32_t retransmit_count;
    uint64_t timeout_ms;            /* the present retransmission interval */
    uint64_t deadline_ms;           /* call _timeout then; UINT64_MAX when there is nothing to do */
    uint64_t deadline_before_ms;    /* for _resume */
    uint64_t last_resend_at_ms;     /* end of MAX_TRANSMIT_SPAN */
    uint64_t give_up_at_ms;         /* end of MAX_TRANSMIT_WAIT */
    bool has_acked;                 /* acked_id is valid */
    uint16_t acked_id;              /* message id of the separate response acknowledged last */
    struct cede_coap_params params; /* a copy */
    uint8_t empty[CEDE_COAP_EMPTY_LEN]; /* what a step's `send` points to */
};

/* Takes note of an encoded CON or NON request that the caller sends now and keeps until the
 * exchange is over. CEDE_COAP_BUSY: one is outstanding; CEDE_BAD_ARGUMENT: no request;
 * CEDE_CRYPTO_RANDOM: no randomness for the initial timeout. */
CEDE_MUST_USE enum cede_status cede_coap_exchange_start(struct cede_coap_exchange *exchange,
                                                        const struct cede_coap_params *params,
                                                        const struct cede_crypto *crypto,
                                                        struct cede_span request, uint64_t now_ms);
/* Call at or after deadline_ms (earlier calls do nothing). */
struct cede_coap_step cede_coap_exchange_timeout(struct cede_coap_exchange *exchange,
                                                 uint64_t now_ms);
/* Give it every datagram that is no request. Duplicates, foreign and malformed ones are answered
 * as RFC 7252, 4.2-4.3 says and change nothing. */
struct cede_coap_step cede_coap_exchange_receive(struct cede_coap_exchange *exchange,
                                                 struct cede_span datagram, uint64_t now_ms);
/* The response turned out forged (OSCORE): go on waiting as if it had not come. */
void cede_coap_exchange_resume(struct cede_coap_exchange *exchange);
/* Forgets the outstanding request. */
void cede_coap_exchange_cancel(struct cede_coap_exchange *exchange);

/* --- the server's deduplication (RFC 7252, 4.5) ------------------------------------------------
 */

#define CEDE_COAP_PEER_LEN_MAX 18 /* an IPv6 address and a port */

struct cede_coap_dedup_entry {
    uint64_t expires_at_ms; /* 0: unused */
    uint32_t hash;
    uint32_t next;   /* index + 1 of the next entry with the same bucket; 0: none */
    uint32_t bucket; /* head of the chain of bucket i, kept in entry i; 0: empty */
    uint16_t message_id;
    uint16_t answer_len;
    bool answered;
    uint8_t peer_len;
    uint8_t peer[CEDE_COAP_PEER_LEN_MAX];
};

/* A ring of entries in order of age: the oldest makes room for the newest. Lookup is by hash. */
struct cede_coap_dedup {
    struct cede_coap_dedup_entry *entries; /* caller's */
    uint32_t entries_count;
    uint32_t newest; /* index of the entry to use next */
    uint32_t seed;
    struct cede_buf answers; /* caller's; shared out equally among the entries */
    uint64_t lifetime_ms;    /* EXCHANGE_LIFETIME */
};

enum cede_coap_seen {
    CEDE_COAP_NEW,
    CEDE_COAP_IN_PROGRESS, /* a duplicate: ignore it, the answer is being made */
    CEDE_COAP_ANSWERED     /* a duplicate: send the stored answer again */
};

/* `seed` is random, so that strangers cannot aim at one bucket. CEDE_BAD_ARGUMENT: no entries. */
CEDE_MUST_USE enum cede_status cede_coap_dedup_init(struct cede_coap_dedup *dedup,
                                                    struct cede_coap_dedup_entry *entries,
                                                    uint32_t entries_count, struct cede_buf answers,
                                                    uint64_t lifetime_ms, uint32_t seed);
/* Looks a CON or NON message up and, when it is new, remembers it. `peer` is the address and port
 * in any fixed form of at most CEDE_COAP_PEER_LEN_MAX bytes. */
enum cede_coap_seen cede_coap_dedup_check(struct cede_coap_dedup *dedup, struct cede_span peer,
                                          uint16_t message_id, uint64_t now_ms,
                                          struct cede_span *answer);
/* Stores the answer to a remembered message. CEDE_NO_SPACE: longer than an entry's share of
 * `answers`; CEDE_NOT_FOUND: forgotten meanwhile. After either, duplicates are not answered. */
CEDE_MUST_USE enum cede_status cede_coap_dedup_store(struct cede_coap_dedup *dedup,
                                                     struct cede_span peer, uint16_t message_id,
                                                     struct cede_span answer);

/* --- block-wise transfers (RFC 7959) -----------------------------------------------------------
 */

#define CEDE_COAP_SZX_MAX 6 /* 1024 bytes; size is 2 ** (szx + 4) */

/* The value of a Block1 or Block2 option. */
struct cede_coap_block {
    uint32_t number; /* 20 bits */
    bool more;
    uint8_t szx;
};

size_t cede_coap_block_size(uint8_t szx);
/* The largest szx whose blocks fit in `len` bytes; 0 when even 16 do not. */
uint8_t cede_coap_block_fit(size_t len);
uint32_t cede_coap_block_value(const struct cede_coap_block *block);
/* CEDE_COAP_OPTION_VALUE: longer than 3 bytes; CEDE_COAP_BLOCK: szx is 7. */
CEDE_MUST_USE enum cede_status cede_coap_block_decode(struct cede_span value,
                                                      struct cede_coap_block *block);
/* The Block1 or Block2 option of a message; *present tells whether there is one. */
CEDE_MUST_USE enum cede_status cede_coap_find_block(const struct cede_coap_message *message,
                                                    uint16_t number, bool *present,
                                                    struct cede_coap_block *block);
/* The part of `body` that is block->number; sets block->more. CEDE_COAP_BLOCK: behind the end. */
CEDE_MUST_USE enum cede_status cede_coap_block_slice(struct cede_span body,
                                                     struct cede_coap_block *block,
                                                     struct cede_span *slice);

/* Puts a body together from blocks in order, in a buffer of the caller. Zero-initialise. */
struct cede_coap_assembly {
    size_t len; /* bytes gathered so far */
    bool complete;
    uint8_t etag[8]; /* of the blocks' resource state (Block2); all must be equal */
    uint8_t etag_len;
    bool content_format_known;
    uint32_t content_format;
};

/* Adds one block. Number 0 begins anew; a block that came before, with the same bytes, changes
 * nothing. CEDE_COAP_BLOCK_MISSING (4.08): not the next one; CEDE_COAP_BODY_TOO_LARGE (4.13);
 * CEDE_COAP_BLOCK (4.00): more to come, but the block is not full. */
CEDE_MUST_USE enum cede_status cede_coap_assembly_add(struct cede_coap_assembly *assembly,
                                                      struct cede_buf buffer,
                                                      const struct cede_coap_block *block,
                                                      struct cede_span payload);

/* Server: takes a request with or without Block1. */
struct cede_coap_upload {
    bool complete;         /* `body` is whole: process the request */
    struct cede_span body; /* without Block1 the request's payload itself, may be empty */
    bool has_block1;       /* put `block1` in the response (2.31 while not complete) */
    struct cede_coap_block block1;
};
/* Refusals as of cede_coap_assembly_add; on CEDE_COAP_BODY_TOO_LARGE the response may carry
 * Size1. `szx_max` is the largest block size wanted: the echoed option asks for it. */
CEDE_MUST_USE enum cede_status cede_coap_upload_receive(struct cede_coap_assembly *assembly,
                                                        struct cede_buf buffer,
                                                        const struct cede_coap_message *request,
                                                        uint8_t szx_max,
                                                        struct cede_coap_upload *upload);

/* Server: the slice of a stored response body that the request asks for. */
struct cede_coap_download {
    bool has_block2; /* put `block2` in the response */
    struct cede_coap_block block2;
    struct cede_span slice;
};
/* Without Block2 in the request the first slice, if the body does not fit in one block of
 * szx_max. CEDE_COAP_BLOCK (4.00): behind the end of the body. */
CEDE_MUST_USE enum cede_status cede_coap_download_slice(const struct cede_coap_message *request,
                                                        struct cede_span body, uint8_t szx_max,
                                                        struct cede_coap_download *download);

/* Client: one request with its body in Block1 blocks and the response's in Block2 blocks. Each
 * round is a request of its own with a new message id: put method and options, then
 * cede_coap_transfer_put(), exchange (through OSCORE or not), cede_coap_transfer_receive(). */
struct cede_coap_transfer {
    uint8_t szx;
    bool body_sent; /* the server has all of the body */
    bool done;
    size_t sent_len;  /* bytes of the body the server has acknowledged */
    size_t slice_len; /* bytes in the present request */
    uint8_t code;     /* when done: the response's code */
    struct cede_coap_assembly response;
};

void cede_coap_transfer_start(struct cede_coap_transfer *transfer, uint8_t szx);
/* Writes Block2, Block1, Size1 (where needed) and the payload of the next request. */
void cede_coap_transfer_put(struct cede_coap_transfer *transfer, struct cede_span body,
                            struct cede_coap_encoder *encoder);
/* Takes the response to that request. When `done`, `code` and `*response_body` (in `buffer`) are
 * the result - an error response is a result too. CEDE_COAP_BODY_CHANGED: the resource changed
 * between two blocks, start again; CEDE_COAP_BLOCK: the block does not answer the request;
 * CEDE_COAP_BODY_TOO_LARGE: `buffer` is too small. */
CEDE_MUST_USE enum cede_status cede_coap_transfer_receive(struct cede_coap_transfer *transfer,
                                                          struct cede_span body,
                                                          const struct cede_coap_message *response,
                                                          struct cede_buf buffer,
                                                          struct cede_span *response_body);

#endif
