/* SPDX-License-Identifier: Apache-2.0 */
/* api.c - the partners' interface: bytes of HTTP bodies to operations of ca.h and back. */
#include "server/ca/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/cbor.h"
#include "cede/transfer.h"
#include "server/ca/ca_internal.h"
#include "server/common/hex.h"
#include "server/common/log.h"

#define BODY_MAX_BATCH   4194304
#define BODY_MAX_REQUEST 4096
#define ANCHORS_MAX      16384
#define REVOKED_PAGE     1000
#define URI_MAX          256
#define TYPE_CBOR        "application/cbor"

/* --- transactions ----------------------------------------------------------------------------- */

enum cede_status ca_api_flush(void *context)
{
    struct ca_api *api = context;

    return ca_turn_end(api->ca, &api->turn);
}

enum cede_status ca_api_find_partner(void *context, const uint8_t thumbprint[32], char *name,
                                     size_t name_cap)
{
    struct ca_api *api = context;
    struct ca_certificate_record issued;

    /* Each certificate a partner shows is looked up here, its own first: one of ours that is
     * revoked ends the handshake, whatever it chains to. */
    if (ca_records_by_hash(api->ca, cede_span(thumbprint, 32), &issued) == CEDE_OK &&
        issued.status == CA_REVOKED) {
        return CEDE_CA_REVOKED;
    }
    return ca_records_account_by_thumbprint(api->ca, thumbprint, name, name_cap);
}

/* --- helpers ---------------------------------------------------------------------------------- */

static void refuse(struct https_response *response, const struct https_request *request,
                   enum cede_status status)
{
    log_warning("%s %s by %s: %s", request->method, request->path, request->partner,
                cede_status_reason(status));
    https_answer_status(response, status);
}

/* A held device is a conflict that a release can end; what else policy forbids stays forbidden. */
static int http_status(enum cede_status status)
{
    if (status == CEDE_CA_HELD) {
        return 409;
    }
    return cede_status_class(status) == CEDE_CLASS_POLICY ? 403 : 400;
}

static void refuse_entry(struct https_response *response, const struct https_request *request,
                         enum cede_status status, size_t index)
{
    enum cede_status_class kind = cede_status_class(status);
    const char *more = ca_last_error();
    char detail[448];

    if (kind == CEDE_CLASS_BACKEND || kind == CEDE_CLASS_INTERNAL || kind == CEDE_CLASS_BLOCKED) {
        refuse(response, request, status);
        return;
    }
    snprintf(detail, sizeof detail, "entry %zu: %s%s%s", index, cede_status_reason(status),
             more[0] != '\0' ? ". " : "", more);
    log_warning("%s by %s: %s", request->path, request->partner, detail);
    https_answer_error(response, http_status(status), cede_status_name(status), detail);
}

/* CBOR [ + bstr ]; the spans are the caller's to free. */
static enum cede_status read_list(struct cede_span body, size_t max, struct cede_span **items,
                                  size_t *count)
{
    struct cede_reader reader = cede_reader(body);
    size_t announced = cede_cbor_get_array(&reader);

    *items = NULL;
    *count = 0;
    if (reader.status == CEDE_OK && (announced == 0 || announced > max)) {
        return CEDE_CA_BATCH;
    }
    CEDE_TRY(reader.status);
    *items = calloc(announced, sizeof **items);
    if (*items == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    for (size_t i = 0; i < announced; i++) {
        (*items)[i] = cede_cbor_get_bytes(&reader);
    }
    if (cede_reader_finish(&reader) != CEDE_OK) {
        free(*items);
        *items = NULL;
        return cede_reader_finish(&reader);
    }
    *count = announced;
    return CEDE_OK;
}

/* --- certificates ----------------------------------------------------------------------------- */

static enum cede_status issue_all(struct ca *ca, const char *partner,
                                  const struct cede_span *requests, size_t count,
                                  struct cede_writer *writer, size_t *bad_index)
{
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;

    cede_cbor_put_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        *bad_index = i;
        CEDE_TRY(ca_issue(ca, CA_PROFILE_FACTORY, requests[i], partner, partner,
                          CEDE_BUF_ARRAY(bytes), &certificate));
        cede_cbor_put_bytes(writer, certificate);
    }
    return writer->status;
}

static void answer_factory(struct ca_api *api, const struct https_request *request,
                           struct https_response *response, const struct cede_span *requests,
                           size_t count)
{
    size_t cap = 16 + count * (CA_CERTIFICATE_MAX + 4);
    uint8_t *memory = malloc(cap);
    struct cede_writer writer = cede_writer(cede_buf(memory, cap));
    size_t bad_index = 0;
    bool part = false;
    enum cede_status status = memory == NULL ? CEDE_SERVER_MEMORY : ca_unit_begin(api->ca, &part);

    if (status == CEDE_OK) {
        status = issue_all(api->ca, request->partner, requests, count, &writer, &bad_index);
        status = ca_unit_end(api->ca, part, status);
    }
    if (status == CEDE_CA_OTHER_KEY) { /* the alarm went with the rest of the unit */
        status = ca_note_other_key(api->ca, requests[bad_index], status);
    }
    if (status == CEDE_OK) {
        https_answer(response, 200, TYPE_CBOR, cede_written(&writer));
    } else {
        refuse_entry(response, request, status, bad_index);
    }
    free(memory);
}

static void post_factory_certificates(void *context, const struct https_request *request,
                                      struct https_response *response)
{
    struct ca_api *api = context;
    struct cede_span *requests = NULL;
    size_t count = 0;
    enum cede_status status =
        read_list(request->body, api->ca->policy.batch_max, &requests, &count);

    if (status == CEDE_OK) {
        status = ca_turn_open(api->ca, &api->turn);
    }
    if (status == CEDE_OK) {
        answer_factory(api, request, response, requests, count);
    } else {
        refuse(response, request, status);
    }
    free(requests);
}

static void post_server_certificates(void *context, const struct https_request *request,
                                     struct https_response *response)
{
    struct ca_api *api = context;
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate = CEDE_SPAN_NULL;
    enum cede_status status = ca_turn_open(api->ca, &api->turn);

    if (status == CEDE_OK) {
        status = ca_issue(api->ca, CA_PROFILE_SERVER, request->body, request->partner,
                          request->partner, CEDE_BUF_ARRAY(bytes), &certificate);
    }
    if (status == CEDE_OK) {
        https_answer(response, 200, "application/octet-stream", certificate);
    } else {
        refuse(response, request, status);
    }
}

/* --- registrations, releases ------------------------------------------------------------------ */

/* The query `transfer`; *transfer is null without one. */
static enum cede_status read_transfer(const struct https_request *request,
                                      uint8_t id[CEDE_TRANSFER_ID_LEN], struct cede_span *transfer)
{
    const char *text = https_query(request, "transfer");

    *transfer = CEDE_SPAN_NULL;
    if (text == NULL) {
        return CEDE_OK;
    }
    if (strlen(text) != (size_t)2 * CEDE_TRANSFER_ID_LEN ||
        !hex_decode(text, id, CEDE_TRANSFER_ID_LEN)) {
        return CEDE_BAD_ARGUMENT;
    }
    *transfer = cede_span(id, CEDE_TRANSFER_ID_LEN);
    return CEDE_OK;
}

static void register_bag(struct ca_api *api, const struct https_request *request,
                         struct https_response *response, const struct cede_span *certificates,
                         size_t count)
{
    uint8_t id[CEDE_TRANSFER_ID_LEN];
    struct cede_span transfer;
    char uri[URI_MAX] = "";
    uint8_t coaps[URI_MAX];
    json_t *answer;
    size_t bad_index = 0;
    enum cede_status status = read_transfer(request, id, &transfer);

    if (status != CEDE_OK) {
        https_answer_error(response, 400, "bad_transfer", "transfer is not 32 hexadecimal digits");
        return;
    }
    status = ca_turn_open(api->ca, &api->turn);
    if (status == CEDE_OK) {
        status = ca_register(api->ca, request->partner, certificates, count, transfer, uri,
                             sizeof uri, &bad_index);
    }
    if (status != CEDE_OK) {
        refuse_entry(response, request, status, bad_index);
        return;
    }
    log_info("%s registers %zu devices", request->partner, count);
    answer = json_pack("{s:s, s:I}", "enroll_uri", uri, "registered", (json_int_t)count);
    if (ca_coaps_uri(api->ca, uri, CEDE_BUF_ARRAY(coaps))) {
        json_object_set_new(answer, "enroll_uri_coaps", json_string((const char *)coaps));
    }
    https_answer_json(response, 200, answer);
}

static void post_registrations(void *context, const struct https_request *request,
                               struct https_response *response)
{
    struct ca_api *api = context;
    size_t max = api->ca->policy.batch_max;
    struct cede_span *certificates = calloc(max, sizeof *certificates);
    size_t count = 0;
    enum cede_status status = certificates == NULL
                                  ? CEDE_SERVER_MEMORY
                                  : cede_c509_bag_decode(request->body, certificates, max, &count);

    if (status == CEDE_OK) {
        register_bag(api, request, response, certificates, count);
    } else {
        refuse(response, request, status == CEDE_NO_SPACE ? CEDE_CA_BATCH : status);
    }
    free(certificates);
}

static void answer_number(const struct https_request *request, struct https_response *response,
                          enum cede_status status, const char *member, size_t number)
{
    if (status == CEDE_OK) {
        log_info("%s: %s %zu", request->partner, member, number);
        https_answer_json(response, 200, json_pack("{s:I}", member, (json_int_t)number));
    } else {
        refuse(response, request, status);
    }
}

static void post_releases(void *context, const struct https_request *request,
                          struct https_response *response)
{
    struct ca_api *api = context;
    size_t released = 0;
    enum cede_status status = ca_turn_open(api->ca, &api->turn);

    if (status == CEDE_OK) {
        status = ca_release(api->ca, request->body, &released);
    }
    answer_number(request, response, status, "released", released);
}

static void post_deregistrations(void *context, const struct https_request *request,
                                 struct https_response *response)
{
    struct ca_api *api = context;
    struct cede_span *thumbprints = NULL;
    size_t count = 0;
    size_t done = 0;
    enum cede_status status =
        read_list(request->body, api->ca->policy.batch_max, &thumbprints, &count);

    if (status == CEDE_OK) {
        status = ca_turn_open(api->ca, &api->turn);
    }
    if (status == CEDE_OK) {
        status = ca_deregister(api->ca, request->partner, thumbprints, count, &done);
    }
    answer_number(request, response, status, "deregistered", done);
    free(thumbprints);
}

/* --- revocations ------------------------------------------------------------------------------ */

static enum cede_status revoke_text(struct ca_api *api, const char *partner, const char *text,
                                    int reason, size_t *revoked)
{
    uint8_t serial[CEDE_SERIAL_LEN_MAX];
    size_t len = text == NULL ? 0 : strlen(text) / 2;
    bool changed = false;

    if (len == 0 || len > sizeof serial || strlen(text) != 2 * len ||
        !hex_decode(text, serial, len)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(ca_revoke_serial(api->ca, cede_span(serial, len), partner, reason, &changed));
    *revoked += changed ? 1 : 0;
    return CEDE_OK;
}

/* All or nothing. */
static enum cede_status revoke_list(struct ca_api *api, const char *partner, const json_t *json,
                                    size_t *revoked)
{
    const json_t *serials = json_object_get(json, "serials");
    const json_t *reason = json_object_get(json, "reason");
    bool part = false;
    enum cede_status status = CEDE_OK;

    if (!json_is_array(serials) || json_array_size(serials) == 0 ||
        json_array_size(serials) > api->ca->policy.batch_max ||
        (reason != NULL && !json_is_integer(reason)) || json_integer_value(reason) < 0 ||
        json_integer_value(reason) > 10) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(ca_unit_begin(api->ca, &part));
    for (size_t i = 0; status == CEDE_OK && i < json_array_size(serials); i++) {
        status = revoke_text(api, partner, json_string_value(json_array_get(serials, i)),
                             (int)json_integer_value(reason), revoked);
    }
    return ca_unit_end(api->ca, part, status);
}

static void post_revocations(void *context, const struct https_request *request,
                             struct https_response *response)
{
    struct ca_api *api = context;
    json_t *json = json_loadb((const char *)request->body.ptr, request->body.len,
                              JSON_REJECT_DUPLICATES, NULL);
    size_t revoked = 0;
    enum cede_status status = json == NULL ? CEDE_BAD_ARGUMENT : ca_turn_open(api->ca, &api->turn);

    if (status == CEDE_OK) {
        status = revoke_list(api, request->partner, json, &revoked);
    }
    if (status == CEDE_BAD_ARGUMENT) {
        https_answer_error(response, 400, "bad_revocation",
                           "expected {\"serials\": [hex], \"reason\": 0..6, 9 or 10}");
    } else {
        answer_number(request, response, status, "revoked", revoked);
    }
    json_decref(json);
}

struct revoked_page {
    json_t *list;
    int64_t next;
};

static enum cede_status read_revoked(void *context, const struct store_row *row)
{
    struct revoked_page *page = context;
    struct cede_span serial = store_column_blob(row, 1);
    char text[2 * CEDE_SERIAL_LEN_MAX + 1];

    if (serial.len > CEDE_SERIAL_LEN_MAX) {
        return CEDE_STORE_SCHEMA;
    }
    hex_encode(serial.ptr, serial.len, text);
    page->next = store_column_int(row, 0);
    return json_array_append_new(page->list,
                                 json_pack("{s:s, s:I, s:I}", "serial", text, "at",
                                           (json_int_t)store_column_int(row, 2), "reason",
                                           (json_int_t)store_column_int(row, 3))) == 0
               ? CEDE_OK
               : CEDE_SERVER_MEMORY;
}

/* Decimal digits alone; absent: from the beginning. */
static bool read_since(const struct https_request *request, int64_t *since)
{
    const char *text = https_query(request, "since");
    size_t digits = text == NULL ? 0 : strspn(text, "0123456789");

    *since = text == NULL ? 0 : strtoll(text, NULL, 10);
    return text == NULL || (digits > 0 && digits <= 18 && text[digits] == '\0');
}

/* Who has heard of rows that are not there has heard them from records that were since replaced by
 * an older copy, and begins anew. */
static enum cede_status find_revoked(struct ca *ca, struct revoked_page *page)
{
    int64_t last = 0;

    CEDE_TRY(store_get_int(ca_store(ca), "SELECT coalesce(max(id), 0) FROM revocation",
                           STORE_NO_PARAMS, &last));
    if (page->next > last) {
        page->next = 0;
    }
    return store_query(ca_store(ca),
                       "SELECT id, serial, at, reason FROM revocation WHERE id > $1"
                       " ORDER BY id LIMIT $2",
                       STORE_PARAMS(store_int(page->next), store_int(REVOKED_PAGE)), read_revoked,
                       page);
}

static void get_revoked(void *context, const struct https_request *request,
                        struct https_response *response)
{
    struct ca_api *api = context;
    struct revoked_page page = {NULL, 0};
    enum cede_status status = CEDE_OK;

    if (!read_since(request, &page.next)) {
        https_answer_error(response, 400, "bad_since", "since is not a number");
        return;
    }
    page.list = json_array();
    status = find_revoked(api->ca, &page);
    if (status == CEDE_OK) {
        https_answer_json(response, 200,
                          json_pack("{s:I, s:O, s:b}", "next", (json_int_t)page.next, "revoked",
                                    page.list, "more", json_array_size(page.list) == REVOKED_PAGE));
    } else {
        refuse(response, request, status);
    }
    json_decref(page.list);
}

static void get_anchors(void *context, const struct https_request *request,
                        struct https_response *response)
{
    struct ca_api *api = context;
    uint8_t bytes[ANCHORS_MAX];
    struct cede_span anchors = CEDE_SPAN_NULL;
    enum cede_status status = ca_anchors(api->ca, CEDE_BUF_ARRAY(bytes), &anchors);

    if (status == CEDE_OK) {
        https_answer(response, 200, TYPE_CBOR, anchors);
    } else {
        refuse(response, request, status);
    }
}

const struct https_route ca_api_routes[] = {
    {"POST", "/v1/factory-certificates", TYPE_CBOR, BODY_MAX_BATCH, post_factory_certificates},
    {"POST", "/v1/server-certificates", NULL, BODY_MAX_REQUEST, post_server_certificates},
    {"POST", "/v1/registrations", TYPE_CBOR, BODY_MAX_BATCH, post_registrations},
    {"POST", "/v1/releases", "application/jose+json", BODY_MAX_BATCH, post_releases},
    {"POST", "/v1/deregistrations", TYPE_CBOR, BODY_MAX_BATCH, post_deregistrations},
    {"POST", "/v1/revocations", "application/json", BODY_MAX_BATCH, post_revocations},
    {"GET", "/v1/revoked", NULL, 0, get_revoked},
    {"GET", "/v1/anchors", NULL, 0, get_anchors},
};
const size_t ca_api_routes_count = sizeof ca_api_routes / sizeof ca_api_routes[0];
