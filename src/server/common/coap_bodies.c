/* SPDX-License-Identifier: Apache-2.0 */
/* coap_bodies.c - a small pool, searched from one end to the other. */
#include "server/common/coap_bodies.h"

#include <stdlib.h>
#include <string.h>

#include "cede/posix.h"

enum cede_status coap_bodies_init(struct coap_bodies *all, uint32_t max, size_t body_max)
{
    memset(all, 0, sizeof *all);
    all->bodies = calloc(max, sizeof *all->bodies);
    if (all->bodies == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    all->max = max;
    all->body_max = body_max;
    all->now_ms = cede_monotonic_ms();
    return CEDE_OK;
}

/* An answer may have a private key in it. */
static void forget_answer(struct coap_body *body)
{
    if (body->answer != NULL) {
        cede_wipe(body->answer, body->answer_len);
    }
    free(body->answer);
}

void coap_body_drop(struct coap_body *body)
{
    free(body->upload);
    forget_answer(body);
    memset(body, 0, sizeof *body);
}

void coap_bodies_wipe(struct coap_bodies *all)
{
    for (uint32_t i = 0; i < all->max; i++) {
        coap_body_drop(&all->bodies[i]);
    }
    free(all->bodies);
    memset(all, 0, sizeof *all);
}

void coap_bodies_expire(struct coap_bodies *all, uint64_t now_ms)
{
    for (uint32_t i = 0; i < all->max; i++) {
        struct coap_body *body = &all->bodies[i];
        if (body->used && body->used_ms + COAP_BODY_LIFE_MS < now_ms) {
            coap_body_drop(body);
        }
    }
    all->now_ms = now_ms;
}

static uint64_t hash_bytes(uint64_t hash, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

uint64_t coap_bodies_resource(const struct cede_coap_message *request)
{
    struct cede_coap_options options = cede_coap_options(request->options);
    struct cede_coap_option option;
    uint64_t hash = hash_bytes(UINT64_C(14695981039346656037), &request->code, 1);

    while (cede_coap_options_next(&options, &option)) {
        if (option.number == CEDE_COAP_URI_PATH || option.number == CEDE_COAP_URI_QUERY ||
            option.number == CEDE_COAP_REQUEST_TAG) {
            uint8_t head[4] = {(uint8_t)(option.number >> 8), (uint8_t)option.number,
                               (uint8_t)(option.value.len >> 8), (uint8_t)option.value.len};
            hash = hash_bytes(hash, head, sizeof head);
            hash = hash_bytes(hash, option.value.ptr, option.value.len);
        }
    }
    return hash;
}

static void note_use(struct coap_bodies *all, struct coap_body *body)
{
    body->used_at = ++all->clock;
    body->used_ms = all->now_ms;
}

static struct coap_body *of_session(struct coap_bodies *all, uint32_t session, const uint8_t id[4])
{
    for (uint32_t i = 0; i < all->max; i++) {
        struct coap_body *body = &all->bodies[i];
        if (body->used && body->session == session && memcmp(body->id, id, 4) == 0) {
            note_use(all, body);
            return body;
        }
    }
    return NULL;
}

struct coap_body *coap_bodies_find(struct coap_bodies *all, uint32_t session, const uint8_t id[4],
                                   uint64_t resource)
{
    struct coap_body *body = of_session(all, session, id);

    return body != NULL && body->resource == resource ? body : NULL;
}

static struct coap_body *free_or_oldest(struct coap_bodies *all)
{
    struct coap_body *oldest = &all->bodies[0];

    for (uint32_t i = 0; i < all->max; i++) {
        if (!all->bodies[i].used) {
            return &all->bodies[i];
        }
        if (all->bodies[i].used_at < oldest->used_at) {
            oldest = &all->bodies[i];
        }
    }
    return oldest;
}

struct coap_body *coap_bodies_take(struct coap_bodies *all, uint32_t session, const uint8_t id[4],
                                   uint64_t resource)
{
    struct coap_body *body = of_session(all, session, id);

    if (body != NULL && body->resource == resource) {
        return body;
    }
    if (body == NULL) {
        body = free_or_oldest(all);
    }
    coap_body_drop(body);
    body->used = true;
    body->session = session;
    memcpy(body->id, id, sizeof body->id);
    body->resource = resource;
    note_use(all, body);
    return body;
}

uint8_t *coap_body_upload(const struct coap_bodies *all, struct coap_body *body)
{
    if (body->upload == NULL) {
        body->upload = malloc(all->body_max);
    }
    return body->upload;
}

enum cede_status coap_body_keep(struct coap_body *body, uint8_t code, int32_t content_format,
                                struct cede_span answer)
{
    uint8_t *copy = malloc(answer.len);

    if (copy == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    memcpy(copy, answer.ptr, answer.len);
    forget_answer(body);
    body->answer = copy;
    body->answer_len = answer.len;
    body->code = code;
    body->content_format = content_format;
    return CEDE_OK;
}
