/* SPDX-License-Identifier: Apache-2.0 */
/* http_door.c - evhttp without TLS, for signed things. */
#include "server/common/http_door.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <openssl/sha.h>

#include "cede/posix.h"

#define IDLE_S       15
#define HEADERS_MAX  8192
#define ETAG_BYTES   16
#define REQUEST_S    30
#define CONNECTION_S 600 /* also for who fetches a long list */
#define LOOK_MS      500
#define CONNECTIONS  512
#define ROOM         32 /* so many leave at once when all places are taken */
#define ROOM_US      10000
#define SETTLED_MS   1000 /* a newcomer is given time to ask */

/* --- blobs ------------------------------------------------------------------------------------ */

struct http_blob {
    uint8_t *bytes;
    size_t len;
    unsigned holders;
    char etag[HTTP_DOOR_ETAG_LEN];
};

struct http_blob *http_blob_new(uint8_t *bytes, size_t len)
{
    struct http_blob *blob = calloc(1, sizeof *blob);
    uint8_t hash[SHA256_DIGEST_LENGTH];

    if (blob == NULL) {
        free(bytes);
        return NULL;
    }
    blob->bytes = bytes;
    blob->len = len;
    blob->holders = 1;
    SHA256(bytes, len, hash);
    blob->etag[0] = '"';
    for (size_t i = 0; i < ETAG_BYTES; i++) {
        snprintf(blob->etag + 1 + 2 * i, 3, "%02x", hash[i]);
    }
    blob->etag[HTTP_DOOR_ETAG_LEN - 2] = '"';
    return blob;
}

struct http_blob *http_blob_hold(struct http_blob *blob)
{
    blob->holders++;
    return blob;
}

void http_blob_release(struct http_blob *blob)
{
    if (blob != NULL && --blob->holders == 0) {
        free(blob->bytes);
        free(blob);
    }
}

struct cede_span http_blob_bytes(const struct http_blob *blob)
{
    return cede_span(blob->bytes, blob->len);
}

/* --- the door --------------------------------------------------------------------------------- */

struct http_door {
    struct http_door_config config;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct event *rested;
    struct event *look;
    /* The one that has asked for nothing for the longest time first. */
    TAILQ_HEAD(, visitor) visitors;
    unsigned visitors_count;
    struct http_door *next;
};

/* evhttp takes the listener's context for itself: by the listener a door is found here. */
static struct http_door *doors;

static void on_sent(const void *data, size_t len, void *context)
{
    (void)data;
    (void)len;
    http_blob_release(context);
}

/* IMF-fixdate (RFC 9110, section 5.6.7). */
static void http_date(uint64_t at, char text[40])
{
    time_t seconds = (time_t)at;
    struct tm parts;

    gmtime_r(&seconds, &parts);
    strftime(text, 40, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

static void add_date(struct evkeyvalq *headers, const char *name, uint64_t at)
{
    char text[40];

    http_date(at, text);
    evhttp_add_header(headers, name, text);
}

/* RFC 5019, section 6.2, but that a shorter time may be given: what is cached hides a revocation.
 */
static void add_caching(struct evkeyvalq *headers, const struct http_door_response *response,
                        const struct http_blob *blob)
{
    char control[96];
    uint64_t now = cede_wall_clock();
    uint64_t age = response->expires_at > now ? response->expires_at - now : 0;

    if (response->made_at == 0) {
        evhttp_add_header(headers, "Cache-Control", "no-store");
        return;
    }
    age = age < response->max_age_s ? age : response->max_age_s;
    snprintf(control, sizeof control, "max-age=%llu, public, no-transform, must-revalidate",
             (unsigned long long)age);
    evhttp_add_header(headers, "Cache-Control", control);
    evhttp_add_header(headers, "ETag", blob->etag);
    add_date(headers, "Last-Modified", response->made_at);
    add_date(headers, "Expires", now + age);
}

/* If-None-Match wins over If-Modified-Since (RFC 9110, section 13.1.3). */
static bool is_unchanged(struct evhttp_request *request, const struct http_door_response *response)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *match = evhttp_find_header(headers, "If-None-Match");
    const char *since = evhttp_find_header(headers, "If-Modified-Since");
    char made[40];

    if (response->blob == NULL || response->made_at == 0) {
        return false;
    }
    if (match != NULL) {
        return strcmp(match, "*") == 0 || strstr(match, response->blob->etag) != NULL;
    }
    http_date(response->made_at, made);
    return since != NULL && strcmp(since, made) == 0;
}

static void send_response(struct evhttp_request *request, struct http_door_response *response,
                          bool cacheable)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();
    bool unchanged = cacheable && response->status == 200 && is_unchanged(request, response);

    if (response->blob != NULL && body != NULL) {
        add_caching(headers, response, response->blob);
        if (!unchanged) {
            evhttp_add_header(headers, "Content-Type", response->content_type);
            evbuffer_add_reference(body, response->blob->bytes, response->blob->len, on_sent,
                                   http_blob_hold(response->blob));
        }
    }
    evhttp_send_reply(request, unchanged ? 304 : response->status, NULL, body);
    if (body != NULL) {
        evbuffer_free(body);
    }
    http_blob_release(response->blob);
}

/* --- how long a connection may take ----------------------------------------------------------- */

/* evhttp tells of a connection when its first request is whole, so the bufferevent is held here,
 * too; once evhttp has let go of it, it has no callbacks any more. */
struct visitor {
    TAILQ_ENTRY(visitor) entry;
    struct http_door *door;
    struct bufferevent *bev;
    uint64_t came_ms;
    uint64_t asked_ms; /* the last request, or came_ms */
};

static void dismiss(struct visitor *visitor)
{
    TAILQ_REMOVE(&visitor->door->visitors, visitor, entry);
    visitor->door->visitors_count--;
    bufferevent_decref(visitor->bev);
    free(visitor);
}

static bool has_left(const struct visitor *visitor)
{
    bufferevent_data_cb on_read = NULL, on_write = NULL;
    bufferevent_event_cb on_event = NULL;

    bufferevent_getcb(visitor->bev, &on_read, &on_write, &on_event, NULL);
    return on_read == NULL && on_write == NULL && on_event == NULL;
}

static bool is_answered(const struct visitor *visitor)
{
    return evbuffer_get_length(bufferevent_get_output(visitor->bev)) == 0;
}

static bool takes_too_long(const struct visitor *visitor, uint64_t now)
{
    uint64_t limit_ms = (uint64_t)visitor->door->config.request_timeout_s * 1000;

    return (is_answered(visitor) && now - visitor->asked_ms > limit_ms) ||
           now - visitor->came_ms > CONNECTION_S * 1000;
}

/* Shutting the socket down lets the connection end on its ordinary path. */
static void hang_up(const struct visitor *visitor)
{
    shutdown(bufferevent_getfd(visitor->bev), SHUT_RDWR);
}

static void on_look(evutil_socket_t fd, short what, void *context)
{
    struct http_door *door = context;
    uint64_t now = cede_monotonic_ms();
    struct visitor *next = NULL;

    (void)fd;
    (void)what;
    for (struct visitor *visitor = TAILQ_FIRST(&door->visitors); visitor != NULL; visitor = next) {
        next = TAILQ_NEXT(visitor, entry);
        if (has_left(visitor)) {
            dismiss(visitor);
        } else if (takes_too_long(visitor, now)) {
            hang_up(visitor);
        }
    }
}

/* --- how many there may be -------------------------------------------------------------------- */

static unsigned hang_up_on(struct http_door *door, bool answered, uint64_t older_than_ms)
{
    struct visitor *visitor = NULL;
    uint64_t now = cede_monotonic_ms();
    unsigned done = 0;

    TAILQ_FOREACH(visitor, &door->visitors, entry)
    {
        if (done < ROOM && is_answered(visitor) == answered &&
            now - visitor->asked_ms >= older_than_ms) {
            hang_up(visitor);
            done++;
        }
    }
    return done;
}

/* All places are taken: those that have asked for nothing for the longest time leave, then those
 * that are slow to take their answer, newcomers last. Whoever comes next waits in the kernel until
 * they have. */
static void make_room(struct http_door *door)
{
    const struct timeval rest = {0, ROOM_US};
    uint64_t slow_ms = (uint64_t)door->config.request_timeout_s * 1000;

    if (hang_up_on(door, true, SETTLED_MS) == 0 && hang_up_on(door, false, slow_ms) == 0 &&
        hang_up_on(door, true, 0) == 0) {
        (void)hang_up_on(door, false, 0);
    }
    evconnlistener_disable(door->listener);
    event_add(door->rested, &rest);
}

static void on_rested(evutil_socket_t fd, short what, void *context)
{
    struct http_door *door = context;

    on_look(fd, what, door);
    if (door->visitors_count >= door->config.max_connections) {
        make_room(door);
    } else {
        evconnlistener_enable(door->listener);
    }
}

/* Out of descriptors before that. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    (void)context;
    for (struct http_door *door = doors; door != NULL; door = door->next) {
        if (door->listener == listener) {
            make_room(door);
        }
    }
}

/* --- who comes -------------------------------------------------------------------------------- */

static void on_leave(struct evhttp_connection *connection, void *context)
{
    (void)connection;
    dismiss(context);
}

static void note_request(struct http_door *door, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
    struct visitor *visitor = NULL;

    TAILQ_FOREACH(visitor, &door->visitors, entry)
    {
        if (visitor->bev == bev) {
            visitor->asked_ms = cede_monotonic_ms();
            TAILQ_REMOVE(&door->visitors, visitor, entry);
            TAILQ_INSERT_TAIL(&door->visitors, visitor, entry);
            evhttp_connection_set_closecb(connection, on_leave, visitor);
            return;
        }
    }
}

/* evhttp wants a bufferevent for each connection; without one it makes its own. */
static struct bufferevent *on_connection(struct event_base *base, void *context)
{
    struct http_door *door = context;
    struct visitor *visitor = calloc(1, sizeof *visitor);

    if (visitor == NULL) {
        return NULL;
    }
    visitor->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (visitor->bev == NULL) {
        free(visitor);
        return NULL;
    }
    visitor->door = door;
    visitor->came_ms = visitor->asked_ms = cede_monotonic_ms();
    bufferevent_incref(visitor->bev);
    TAILQ_INSERT_TAIL(&door->visitors, visitor, entry);
    if (++door->visitors_count >= door->config.max_connections) {
        make_room(door);
    }
    return visitor->bev;
}

static bool start_looking(struct http_door *door, struct event_base *base)
{
    struct timeval every = {0, LOOK_MS * 1000};

    evhttp_set_bevcb(door->http, on_connection, door);
    door->look = event_new(base, -1, EV_PERSIST, on_look, door);
    return door->look != NULL && event_add(door->look, &every) == 0;
}

/* --- requests --------------------------------------------------------------------------------- */

static void on_request(struct evhttp_request *request, void *context)
{
    struct http_door *door = context;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    const char *type =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
    struct http_door_response response = {.status = 404};
    struct http_door_request view = {
        .is_post = evhttp_request_get_command(request) == EVHTTP_REQ_POST,
        .path = uri == NULL ? NULL : evhttp_uri_get_path(uri),
        .content_type = type == NULL ? "" : type,
    };
    size_t len = evbuffer_get_length(input);

    note_request(door, request);
    view.body = cede_span(len == 0 ? (const uint8_t *)"" : evbuffer_pullup(input, -1), len);
    if (len > door->config.max_body) {
        response.status = 413;
    } else if (view.path == NULL || view.body.ptr == NULL) {
        response.status = 400;
    } else {
        door->config.handle(door->config.context, &view, &response);
    }
    send_response(request, &response, !view.is_post);
}

/* --- life ------------------------------------------------------------------------------------- */

static enum cede_status set_up(struct http_door *door, struct event_base *base, int listening_fd)
{
    int fd = fcntl(listening_fd, F_DUPFD_CLOEXEC, 0); /* evhttp closes its own */

    door->http = evhttp_new(base);
    door->rested = evtimer_new(base, on_rested, door);
    if (door->http == NULL || door->rested == NULL || !start_looking(door, base) || fd < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return CEDE_SERVER_FAILED;
    }
    evutil_make_socket_nonblocking(fd);
    evhttp_set_gencb(door->http, on_request, door);
    evhttp_set_allowed_methods(door->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
    evhttp_set_max_headers_size(door->http, HEADERS_MAX);
    evhttp_set_max_body_size(door->http, (ev_ssize_t)door->config.max_body);
    evhttp_set_timeout(door->http, IDLE_S);
    door->listener = evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd);
    if (door->listener == NULL) {
        close(fd);
        return CEDE_SERVER_FAILED;
    }
    evconnlistener_set_error_cb(door->listener, on_accept_error);
    if (evhttp_bind_listener(door->http, door->listener) == NULL) {
        evconnlistener_free(door->listener);
        return CEDE_SERVER_FAILED;
    }
    return CEDE_OK;
}

enum cede_status http_door_open(struct event_base *base, int listening_fd,
                                const struct http_door_config *config, struct http_door **door)
{
    struct http_door *made = calloc(1, sizeof *made);
    enum cede_status status;

    *door = NULL;
    if (made == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    made->config = *config;
    if (made->config.request_timeout_s == 0) {
        made->config.request_timeout_s = REQUEST_S;
    }
    if (made->config.max_connections == 0) {
        made->config.max_connections = CONNECTIONS;
    }
    TAILQ_INIT(&made->visitors);
    made->next = doors;
    doors = made;
    status = set_up(made, base, listening_fd);
    if (status != CEDE_OK) {
        http_door_close(made);
        return status;
    }
    *door = made;
    return CEDE_OK;
}

void http_door_close(struct http_door *door)
{
    if (door == NULL) {
        return;
    }
    for (struct http_door **at = &doors; *at != NULL; at = &(*at)->next) {
        if (*at == door) {
            *at = door->next;
            break;
        }
    }
    if (door->http != NULL) {
        evhttp_free(door->http);
    }
    while (!TAILQ_EMPTY(&door->visitors)) {
        dismiss(TAILQ_FIRST(&door->visitors));
    }
    if (door->look != NULL) {
        event_free(door->look);
    }
    if (door->rested != NULL) {
        event_free(door->rested);
    }
    free(door);
}
