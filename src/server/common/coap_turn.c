/* SPDX-License-Identifier: Apache-2.0 */
/* coap_turn.c - options, blocks, the service, the batch. */
#include "server/common/coap_turn.h"

#include <stdio.h>
#include <string.h>

#include "server/common/log.h"

#define SZX_MAX 6 /* blocks of 1024 bytes */

#define PATH_SEGMENT_SHOWN 5  /* all that our services have */
#define PATH_SEGMENT_MAX   11 /* .well-known */

static const uint16_t known_options[] = {
    CEDE_COAP_URI_HOST,       CEDE_COAP_URI_PORT, CEDE_COAP_URI_PATH, CEDE_COAP_URI_QUERY,
    CEDE_COAP_CONTENT_FORMAT, CEDE_COAP_ACCEPT,   CEDE_COAP_BLOCK1,   CEDE_COAP_BLOCK2,
};

enum cede_status coap_turns_init(struct coap_turns *turns,
                                 const struct coap_door_callbacks *callbacks, void *context,
                                 uint32_t transfers_max, size_t body_max)
{
    memset(turns, 0, sizeof *turns);
    turns->callbacks = callbacks;
    turns->context = context;
    turns->body_max = body_max;
    return coap_bodies_init(&turns->bodies, transfers_max, body_max);
}

void coap_turns_wipe(struct coap_turns *turns)
{
    coap_bodies_wipe(&turns->bodies);
}

static void set_response(struct coap_turn *turn, uint8_t code)
{
    turn->response.code = code;
    turn->response.why[0] = '\0';
    turn->response.content_format = COAP_DOOR_NO_FORMAT;
    turn->response.max_age = 0;
    turn->response.body_len = 0;
    turn->response.later = 0;
}

void coap_turn_begin(struct coap_turn *turn, struct cede_buf body)
{
    memset(turn, 0, sizeof *turn);
    turn->response.body = body;
    set_response(turn, CEDE_COAP_SERVER_ERROR);
}

/* A refusal, with the reason for the log. */
static void refuse(struct coap_turn *turn, uint8_t code, enum cede_status reason)
{
    set_response(turn, code);
    snprintf(turn->response.why, sizeof turn->response.why, "%s", cede_status_reason(reason));
}

/* --- what is said of refusals -----------------------------------------------------------------
 */

static const char *method_name(uint8_t code)
{
    static const char *const names[] = {"?",      "GET",   "POST",  "PUT",
                                        "DELETE", "FETCH", "PATCH", "iPATCH"};

    return names[code < sizeof names / sizeof names[0] ? code : 0];
}

/* For those the door or the service gave no other reason for. */
static const char *reason_of(uint8_t code)
{
    static const struct {
        uint8_t code;
        const char *reason;
    } reasons[] = {
        {CEDE_COAP_BAD_REQUEST, "the request is bad"},
        {CEDE_COAP_UNAUTHORIZED, "it is not let in any more"},
        {CEDE_COAP_FORBIDDEN, "it may not do this"},
        {CEDE_COAP_RESOURCE_NOT_FOUND, "there is no such resource"},
        {CEDE_COAP_METHOD_NOT_ALLOWED, "the resource has no such method"},
        {CEDE_COAP_NOT_ACCEPTABLE, "there is no such answer"},
        {CEDE_COAP_REQUEST_INCOMPLETE, "blocks are missing"},
        {CEDE_COAP_REQUEST_TOO_LARGE, "the body is too long"},
        {CEDE_COAP_UNSUPPORTED_FORMAT, "the content format is not supported"},
        {CEDE_COAP_UNAVAILABLE, "not now"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].code == code) {
            return reasons[i].reason;
        }
    }
    return "it failed";
}

/* A long segment may be the token of an enrolment URI, which is not for the log. */
static void write_path(const struct cede_coap_message *request, char *text, size_t cap)
{
    struct cede_coap_options options = cede_coap_options(request->options);
    struct cede_coap_option option;
    size_t len = 0;

    text[0] = '\0';
    while (cede_coap_options_next(&options, &option) && len + PATH_SEGMENT_MAX + 2 < cap) {
        bool shown = option.value.len <= PATH_SEGMENT_SHOWN ||
                     cede_span_equal(option.value, CEDE_SPAN_TEXT(".well-known"));
        if (option.number == CEDE_COAP_URI_PATH) {
            len += (size_t)snprintf(text + len, cap - len, "%s%.*s", len > 0 ? "/" : "",
                                    shown ? (int)option.value.len : 1,
                                    shown ? (const char *)option.value.ptr : "*");
        }
    }
}

/* Once: a repetition of the request never gets as far as a turn. */
static void tell_refusal(const struct coap_turn *turn)
{
    const struct coap_response *response = &turn->response;
    char path[64];

    if (response->code < CEDE_COAP_BAD_REQUEST) {
        return;
    }
    write_path(&turn->request, path, sizeof path);
    log_warning("device %s, %s %s: %s (%d.%02d)", turn->peer->device_id,
                method_name(turn->request.code), path,
                response->why[0] != '\0' ? response->why : reason_of(response->code),
                response->code >> 5, response->code & 0x1f);
}

/* --- what the service is asked ---------------------------------------------------------------- */

enum cede_status coap_turn_get_format(const struct cede_coap_message *message, uint16_t number,
                                      int32_t *format)
{
    struct cede_span value;
    uint32_t parsed = 0;

    *format = COAP_DOOR_NO_FORMAT;
    if (!cede_coap_find_option(message, number, &value)) {
        return CEDE_OK;
    }
    CEDE_TRY(cede_coap_uint_value(value, &parsed));
    if (parsed > UINT16_MAX) {
        return CEDE_COAP_OPTION_VALUE;
    }
    *format = (int32_t)parsed;
    return CEDE_OK;
}

static enum cede_status make_request(const struct coap_turn *turn, struct coap_request *request)
{
    struct cede_coap_options options = cede_coap_options(turn->request.options);
    struct cede_coap_option option;

    memset(request, 0, sizeof *request);
    request->peer = turn->peer;
    request->code = turn->request.code;
    request->body = turn->upload.body;
    request->ephemeral = turn->ephemeral;
    request->hash_alg = turn->hash_alg;
    while (cede_coap_options_next(&options, &option)) {
        if (option.number == CEDE_COAP_URI_PATH) {
            if (request->path_count == COAP_DOOR_PATH_MAX) {
                return CEDE_NOT_FOUND;
            }
            request->path[request->path_count++] = option.value;
        } else if (option.number == CEDE_COAP_URI_QUERY && cede_span_is_null(request->query)) {
            request->query = option.value;
        }
    }
    CEDE_TRY(
        coap_turn_get_format(&turn->request, CEDE_COAP_CONTENT_FORMAT, &request->content_format));
    return coap_turn_get_format(&turn->request, CEDE_COAP_ACCEPT, &request->accept);
}

static bool open_batch(struct coap_turns *turns)
{
    if (!turns->batch_open) {
        turns->batch_open = true;
        turns->batch_failed = turns->callbacks->before_batch != NULL &&
                              turns->callbacks->before_batch(turns->context) != CEDE_OK;
    }
    return !turns->batch_failed;
}

static void dismiss(struct coap_turn *turn, enum cede_status reason)
{
    turn->dismissed = true;
    refuse(turn, CEDE_COAP_UNAUTHORIZED, reason);
}

static void note_written(struct coap_turn *turn)
{
    const struct coap_response *response = &turn->response;

    turn->written =
        response->body_len <= response->body.cap ? response->body_len : response->body.cap;
}

static void ask_service(struct coap_turns *turns, struct coap_turn *turn)
{
    struct coap_response *response = &turn->response;
    struct coap_request request;
    enum cede_status status = make_request(turn, &request);

    if (status != CEDE_OK) {
        refuse(turn, cede_coap_error_code(status), status);
        return;
    }
    turn->asked = turn->by_service = true;
    status = turns->callbacks->handle(turns->context, &request, response);
    note_written(turn);
    if (status == CEDE_DOOR_DISMISS) {
        dismiss(turn, status);
    } else if (status == CEDE_OK && response->body_len > response->body.cap) {
        refuse(turn, CEDE_COAP_SERVER_ERROR, CEDE_NO_SPACE);
    } else if (status != CEDE_OK) {
        refuse(turn, cede_coap_error_code(status), status);
    }
}

/* --- bodies in blocks ------------------------------------------------------------------------- */

static struct coap_body *body_of(struct coap_turns *turns, const struct coap_turn *turn, bool take)
{
    uint64_t resource = coap_bodies_resource(&turn->request);

    return take ? coap_bodies_take(&turns->bodies, turn->session, turn->session_id, resource)
                : coap_bodies_find(&turns->bodies, turn->session, turn->session_id, resource);
}

/* The request's body, as far as it is there: turn->upload. */
static enum cede_status receive_body(struct coap_turns *turns, struct coap_turn *turn)
{
    struct cede_coap_assembly none = {0};
    struct cede_coap_assembly *assembly = &none;
    struct cede_buf memory = {NULL, 0};
    struct cede_span block1;

    if (cede_coap_find_option(&turn->request, CEDE_COAP_BLOCK1, &block1)) {
        struct coap_body *body = body_of(turns, turn, true);
        memory = cede_buf(coap_body_upload(&turns->bodies, body), turns->body_max);
        if (memory.ptr == NULL) {
            return CEDE_SERVER_MEMORY;
        }
        assembly = &body->assembly;
    }
    return cede_coap_upload_receive(assembly, memory, &turn->request, SZX_MAX, &turn->upload);
}

/* What is kept may be gone, or another's, before the turn is composed: by another request of the
 * batch. */
static void own_slice(struct coap_turn *turn)
{
    struct cede_span slice = turn->download.slice;

    if (cede_copy(turn->response.body, slice, &turn->download.slice) != CEDE_OK) {
        memset(&turn->download, 0, sizeof turn->download);
        set_response(turn, CEDE_COAP_SERVER_ERROR);
        return;
    }
    turn->written = slice.len;
}

/* A later block of an answer that is kept. True when the request asked for one. */
static bool continue_answer(struct coap_turns *turns, struct coap_turn *turn)
{
    struct cede_coap_block block;
    struct cede_span block1;
    struct coap_body *body = NULL;
    bool present = false;
    enum cede_status status =
        cede_coap_find_block(&turn->request, CEDE_COAP_BLOCK2, &present, &block);

    if (status != CEDE_OK || !present || block.number == 0 ||
        cede_coap_find_option(&turn->request, CEDE_COAP_BLOCK1, &block1)) {
        return false;
    }
    body = body_of(turns, turn, false);
    if (body == NULL || body->answer == NULL) {
        set_response(turn, CEDE_COAP_REQUEST_INCOMPLETE);
        return true;
    }
    status = cede_coap_download_slice(&turn->request, cede_span(body->answer, body->answer_len),
                                      SZX_MAX, &turn->download);
    if (status != CEDE_OK) {
        refuse(turn, cede_coap_error_code(status), status);
        return true;
    }
    set_response(turn, body->code);
    turn->response.content_format = body->content_format;
    turn->by_service = true; /* it may have been kept in this very batch */
    own_slice(turn);
    return true;
}

/* The first slice of the answer; the rest is kept for later. */
static void begin_answer(struct coap_turns *turns, struct coap_turn *turn)
{
    struct coap_response *response = &turn->response;
    struct cede_span body = cede_span(response->body.ptr, response->body_len);
    enum cede_status status = CEDE_OK;

    if (body.len == 0) {
        return;
    }
    status = cede_coap_download_slice(&turn->request, body, SZX_MAX, &turn->download);
    if (status == CEDE_OK && turn->download.has_block2 && turn->download.block2.more) {
        status = coap_body_keep(body_of(turns, turn, true), response->code,
                                response->content_format, body);
        turn->kept = true;
    }
    if (status != CEDE_OK) {
        memset(&turn->download, 0, sizeof turn->download);
        refuse(turn, cede_coap_error_code(status), status);
    }
}

/* --- a turn ----------------------------------------------------------------------------------- */

void coap_turn_take(struct coap_turns *turns, struct coap_turn *turn)
{
    const struct coap_door_callbacks *callbacks = turns->callbacks;
    /* Opening a batch may have to wait for others, who change what was true before. */
    bool just_looked_at = turn->just_authenticated && turns->batch_open;
    uint16_t refused = 0;
    enum cede_status status = cede_coap_check_critical(
        &turn->request, known_options, sizeof known_options / sizeof known_options[0], &refused);

    if (status != CEDE_OK) {
        set_response(turn, CEDE_COAP_BAD_OPTION);
        snprintf(turn->response.why, sizeof turn->response.why, "option %u: %s", refused,
                 cede_status_reason(status));
    } else if (!open_batch(turns)) {
        set_response(turn, CEDE_COAP_UNAVAILABLE);
    } else if (!just_looked_at && callbacks->still_allowed != NULL &&
               (status = callbacks->still_allowed(turns->context, turn->peer)) != CEDE_OK) {
        dismiss(turn, status);
    } else if (!continue_answer(turns, turn)) {
        status = receive_body(turns, turn);
        if (status != CEDE_OK) {
            memset(&turn->upload, 0, sizeof turn->upload);
            refuse(turn, cede_coap_error_code(status), status);
        } else if (!turn->upload.complete) {
            set_response(turn, CEDE_COAP_CONTINUE);
        } else {
            ask_service(turns, turn);
            begin_answer(turns, turn);
        }
    }
}

bool coap_turns_commit(struct coap_turns *turns)
{
    bool open = turns->batch_open && !turns->batch_failed;
    enum cede_status status = CEDE_OK;

    turns->batch_open = false;
    turns->batch_failed = false;
    if (open && turns->callbacks->after_batch != NULL) {
        status = turns->callbacks->after_batch(turns->context);
    }
    if (status != CEDE_OK) {
        log_error("a batch of requests could not be committed: %s", cede_status_reason(status));
    }
    return status == CEDE_OK;
}

/* Without the commit there is no rest to ask for, either. What is refused is told now: every turn
 * comes by here once. */
void coap_turn_settle(struct coap_turns *turns, struct coap_turn *turn, bool committed)
{
    struct coap_body *body = NULL;

    if (turn->response.later != 0) {
        turns->callbacks->answer_later(turns->context, turn->peer, &turn->response);
        note_written(turn);
        begin_answer(turns, turn);
    }
    if (!committed && turn->by_service) {
        body = turn->kept ? body_of(turns, turn, false) : NULL;
        if (body != NULL) {
            coap_body_drop(body);
        }
        memset(&turn->download, 0, sizeof turn->download);
        set_response(turn, CEDE_COAP_UNAVAILABLE);
    }
    tell_refusal(turn);
}

enum cede_status coap_turn_compose(const struct coap_turn *turn, uint16_t message_id,
                                   struct cede_buf out, struct cede_span *message)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin_response(out, &turn->request, turn->response.code, message_id);

    if (turn->response.content_format != COAP_DOOR_NO_FORMAT) {
        cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT,
                           (uint32_t)turn->response.content_format);
    }
    if (turn->response.max_age != 0) {
        cede_coap_put_uint(&encoder, CEDE_COAP_MAX_AGE, turn->response.max_age);
    }
    if (turn->download.has_block2) {
        cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK2,
                           cede_coap_block_value(&turn->download.block2));
    }
    if (turn->upload.has_block1) {
        cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(&turn->upload.block1));
    }
    cede_coap_put_payload(&encoder, turn->download.slice);
    return cede_coap_finish(&encoder, message);
}

void coap_turn_wipe(struct coap_turn *turn)
{
    cede_wipe(turn->response.body.ptr, turn->written);
    turn->written = 0;
}
