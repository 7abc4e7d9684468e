/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_door.h - plain HTTP/1.1 for what is signed itself and open to everybody: CRLs, OCSP, CA
 *               certificates (RFC 5280, section 4.2.1.13; RFC 6960, appendix A).
 *
 * Use: https_listen() in the parent; in the child http_door_open() with one handler, run the loop,
 *      http_door_close(). The handler runs to its end without waiting.
 * Caching: an answer that says how long it is good gets ETag, Last-Modified, Expires and
 *      Cache-Control (RFC 5019, section 6); If-None-Match and If-Modified-Since get a 304.
 * Limits: headers, bodies, an idle timeout, a time for each request however busily its bytes drip
 *      in, one for a connection in all; when all places are taken, the connections that have asked
 *      for nothing for the longest time make room. A long body is held once, however many fetch it.
 */
#ifndef CEDE_SERVER_HTTP_DOOR_H
#define CEDE_SERVER_HTTP_DOOR_H

#include <event2/event.h>

#include "cede/bytes.h"

#define HTTP_DOOR_ETAG_LEN 35 /* 16 bytes in hexadecimal, quotes, zero */

/* Bytes that live as long as somebody holds them. */
struct http_blob;
/* Takes `bytes` over, which is from malloc(); null when out of memory (then freed). */
struct http_blob *http_blob_new(uint8_t *bytes, size_t len);
struct http_blob *http_blob_hold(struct http_blob *blob);
void http_blob_release(struct http_blob *blob); /* null is allowed */
struct cede_span http_blob_bytes(const struct http_blob *blob);

struct http_door_request {
    bool is_post;             /* else GET or HEAD */
    const char *path;         /* as sent, still encoded, without the query */
    const char *content_type; /* "" when absent */
    struct cede_span body;
};

struct http_door_response {
    int status;               /* 0 until the handler sets it: 404 */
    const char *content_type; /* a literal */
    struct http_blob *blob;   /* the body; the door takes the reference over */
    uint64_t made_at;         /* POSIX seconds; 0: not to be cached */
    uint64_t expires_at;
    uint64_t max_age_s;
};

struct http_door_config {
    void (*handle)(void *context, const struct http_door_request *request,
                   struct http_door_response *response);
    void *context;
    size_t max_body;            /* of a request */
    unsigned request_timeout_s; /* from the last request or the start to a whole request; 0: 30 */
    unsigned max_connections;   /* at least one file less than RLIMIT_NOFILE leaves; 0: 512 */
};

struct http_door;

/* Serves `listening_fd`, which stays the caller's. */
CEDE_MUST_USE enum cede_status http_door_open(struct event_base *base, int listening_fd,
                                              const struct http_door_config *config,
                                              struct http_door **door);
void http_door_close(struct http_door *door); /* null is allowed */

#endif
