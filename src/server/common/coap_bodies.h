/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coap_bodies.h - block-wise bodies in progress at the compact door (RFC 7959): requests being put
 *                 together, answers being fetched block by block.
 *
 * One for a session, a bounded number in all; the least recently used makes room, and one that
 * nobody has gone on with for COAP_BODY_LIFE_MS ends. Bodies that fit in one message never come
 * here.
 */
#ifndef CEDE_SERVER_COAP_BODIES_H
#define CEDE_SERVER_COAP_BODIES_H

#include "cede/coap.h"

#define COAP_BODY_LIFE_MS 247000 /* EXCHANGE_LIFETIME (RFC 7959, section 2.4) */

struct coap_body {
    bool used;
    uint32_t session;  /* index of the OSCORE session */
    uint8_t id[4];     /* and its identifier, since indexes are used again */
    uint64_t resource; /* hash over method, path and query: what it belongs to */
    uint64_t used_at;  /* counts up with each use */
    uint64_t used_ms;  /* as of the last coap_bodies_expire() before it */
    struct cede_coap_assembly assembly;
    uint8_t *upload; /* owned; null as long as no block of a request came */
    uint8_t *answer; /* owned; null as long as there is none */
    size_t answer_len;
    uint8_t code;
    int32_t content_format;
};

struct coap_bodies {
    struct coap_body *bodies;
    uint32_t max;
    size_t body_max;
    uint64_t clock;
    uint64_t now_ms;
};

CEDE_MUST_USE enum cede_status coap_bodies_init(struct coap_bodies *all, uint32_t max,
                                                size_t body_max);
void coap_bodies_wipe(struct coap_bodies *all);
/* Tells the time, every few seconds; drops what nobody has gone on with. */
void coap_bodies_expire(struct coap_bodies *all, uint64_t now_ms);

/* Hash over the code and the Uri-Path, Uri-Query and Request-Tag options of a request. */
uint64_t coap_bodies_resource(const struct cede_coap_message *request);

/* The body of a session for that resource; null when there is none. */
struct coap_body *coap_bodies_find(struct coap_bodies *all, uint32_t session, const uint8_t id[4],
                                   uint64_t resource);
/* The same, or a new one, which replaces the session's body for another resource. */
struct coap_body *coap_bodies_take(struct coap_bodies *all, uint32_t session, const uint8_t id[4],
                                   uint64_t resource);
/* Memory for config.body_max bytes of the request; null: none to be had. */
uint8_t *coap_body_upload(const struct coap_bodies *all, struct coap_body *body);
/* Keeps a copy of an answer. */
CEDE_MUST_USE enum cede_status coap_body_keep(struct coap_body *body, uint8_t code,
                                              int32_t content_format, struct cede_span answer);
void coap_body_drop(struct coap_body *body);

#endif
