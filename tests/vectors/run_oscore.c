/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_oscore.c - OSCORE vectors, on each back end. What a file may hold:
 *
 *   vectors[] with `section` and `items`: RFC 8613, appendix C, as its text has them
 *   vectors[] with `exchanges`:           contexts with protected requests and responses
 *   options[]:                            OSCORE option values, good ones and refused ones
 *   requests[]:                           datagrams a server context must refuse, and as what
 *   combined[]:                           EDHOC and OSCORE in one request (RFC 9668)
 */
#include "runner.h"

#include <stdio.h>
#include <string.h>

#include "cede/cbor.h"
#include "cede/oscore.h"

#define DATAGRAM_LEN 2048

static struct cede_buf new_buffer(size_t len)
{
    return cede_buf(runner_memory(len), len);
}

/* "NAME: FIELD (back end)" */
static const char *title(const char *name, const char *field, const struct cede_crypto *crypto)
{
    size_t len = strlen(name) + strlen(field) + 3;
    char *text = runner_memory(len);

    snprintf(text, len, "%s: %s", name, field);
    return crypto == NULL ? text : runner_on(text, crypto);
}

/* False with a verdict given when the back end cannot, or the operation fails. */
static bool worked(const char *what, const struct cede_crypto *crypto, enum cede_status status)
{
    return status == CEDE_OK || runner_outcome(what, crypto, "the AEAD algorithm", status);
}

/* --- exchanges ---------------------------------------------------------------------------------
 */

struct ends {
    struct cede_oscore_context client;
    struct cede_oscore_context server;
    struct cede_oscore_exchange at_client;
    struct cede_oscore_exchange at_server;
};

static enum cede_status init_ends(const json_t *vector, const struct cede_crypto *crypto,
                                  struct ends *ends)
{
    struct cede_oscore_params params = {
        .aead_alg = (int32_t)runner_get_int(vector, "aead_alg", 0),
        .master_secret = runner_get_hex(vector, "master_secret"),
        .master_salt = runner_get_hex(vector, "master_salt"),
        .sender_id = runner_get_hex(vector, "client_id"),
        .recipient_id = runner_get_hex(vector, "server_id"),
        .id_context = runner_get_hex(vector, "id_context"),
    };
    struct cede_span client_id = params.sender_id;

    memset(ends, 0, sizeof(*ends));
    CEDE_TRY(cede_oscore_init(&ends->client, crypto, &params));
    params.sender_id = params.recipient_id;
    params.recipient_id = client_id;
    return cede_oscore_init(&ends->server, crypto, &params);
}

static void check_keys(const char *name, const json_t *vector, const struct cede_crypto *crypto,
                       const struct ends *ends)
{
    size_t key_len = cede_aead_key_len(ends->client.aead_alg);

    runner_expect_equal(title(name, "client sender key", crypto),
                        cede_span(ends->client.sender.key, key_len),
                        runner_get_hex(vector, "client_sender_key"));
    runner_expect_equal(title(name, "server sender key", crypto),
                        cede_span(ends->server.sender.key, key_len),
                        runner_get_hex(vector, "server_sender_key"));
    runner_expect_equal(
        title(name, "common IV", crypto),
        cede_span(ends->client.common_iv, cede_aead_nonce_len(ends->client.aead_alg)),
        runner_get_hex(vector, "common_iv"));
}

static void check_request(const char *name, const json_t *exchange,
                          const struct cede_crypto *crypto, struct ends *ends)
{
    const json_t *request = json_object_get(exchange, "request");
    bool send_kid_context = json_is_true(json_object_get(exchange, "request_kid_context_sent"));
    struct cede_span unprotected = runner_get_hex(request, "unprotected");
    struct cede_span protected_request = runner_get_hex(request, "protected");
    const char *what = title(name, "protect request", crypto);
    struct cede_span got;

    ends->client.sender_seq =
        (uint64_t)runner_get_int(exchange, "request_sender_sequence_number", 0);
    if (!worked(what, crypto,
                cede_oscore_protect_request(
                    &ends->client, crypto, send_kid_context ? CEDE_OSCORE_SEND_KID_CONTEXT : 0,
                    unprotected, &ends->at_client, new_buffer(DATAGRAM_LEN), &got))) {
        return;
    }
    runner_expect_equal(what, got, protected_request);
    what = title(name, "unprotect request", crypto);
    if (worked(what, crypto,
               cede_oscore_unprotect_request(&ends->server, crypto, protected_request,
                                             &ends->at_server, new_buffer(DATAGRAM_LEN), &got))) {
        runner_expect_equal(what, got, unprotected);
    }
    runner_expect(title(name, "replayed request", crypto),
                  cede_oscore_unprotect_request(
                      &ends->server, crypto, protected_request, &(struct cede_oscore_exchange){0},
                      new_buffer(DATAGRAM_LEN), &got) == CEDE_OSCORE_REPLAY,
                  "not refused as a replay");
}

static void check_response(const char *name, const json_t *exchange,
                           const struct cede_crypto *crypto, struct ends *ends)
{
    const json_t *response = json_object_get(exchange, "response");
    bool own_piv = json_is_true(json_object_get(exchange, "response_uses_own_partial_iv"));
    struct cede_span unprotected = runner_get_hex(response, "unprotected");
    struct cede_span protected_response = runner_get_hex(response, "protected");
    const char *what = title(name, "protect response", crypto);
    struct cede_span got;

    if (own_piv) {
        ends->server.sender_seq =
            (uint64_t)runner_get_int(exchange, "response_sender_sequence_number", 0);
    }
    if (!worked(what, crypto,
                cede_oscore_protect_response(&ends->server, crypto,
                                             own_piv ? CEDE_OSCORE_NEW_PARTIAL_IV : 0, unprotected,
                                             &ends->at_server, new_buffer(DATAGRAM_LEN), &got))) {
        return;
    }
    runner_expect_equal(what, got, protected_response);
    what = title(name, "unprotect response", crypto);
    if (worked(what, crypto,
               cede_oscore_unprotect_response(&ends->client, crypto, protected_response,
                                              &ends->at_client, new_buffer(DATAGRAM_LEN), &got))) {
        runner_expect_equal(what, got, unprotected);
    }
}

static void run_exchanges(const json_t *vector, const struct cede_crypto *crypto)
{
    const char *name = runner_get_string(vector, "name");
    const json_t *exchange;
    struct ends ends;
    size_t i;

    if (!worked(title(name, "contexts", crypto), crypto, init_ends(vector, crypto, &ends))) {
        return;
    }
    if (json_object_get(vector, "common_iv") != NULL) {
        check_keys(name, vector, crypto, &ends);
    }
    json_array_foreach(json_object_get(vector, "exchanges"), i, exchange)
    {
        check_request(name, exchange, crypto, &ends);
        if (json_object_get(exchange, "response") != NULL) {
            check_response(name, exchange, crypto, &ends);
        }
    }
}

/* --- RFC 8613, appendix C ------------------------------------------------------------------------
 */

static const json_t *find_item(const json_t *vector, const char *name)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(vector, "items"), i, item)
    {
        const char *item_name = runner_get_string(item, "name");

        if (item_name != NULL && strcmp(item_name, name) == 0) {
            return item;
        }
    }
    return NULL;
}

static struct cede_span item_hex(const json_t *vector, const char *name)
{
    return runner_get_hex(find_item(vector, name), "hex");
}

/* The nonce of partial IV 0: what the context seals, opens with the nonce of the vector. */
static bool nonce_holds(struct cede_oscore_context context, const struct cede_crypto *crypto,
                        struct cede_span nonce)
{
    static const uint8_t get[] = {0x40, 0x01, 0x00, 0x01};
    static const uint8_t piv_and_options[] = {0x41, 0x00, 0x40};
    uint8_t aad_bytes[64];
    uint8_t array_bytes[32];
    struct cede_writer array = cede_writer(CEDE_BUF_ARRAY(array_bytes));
    struct cede_writer aad = cede_writer(CEDE_BUF_ARRAY(aad_bytes));
    struct cede_oscore_exchange exchange;
    struct cede_coap_message message;
    struct cede_span datagram;
    struct cede_span plaintext;

    cede_cbor_put_array(&array, 5);
    cede_cbor_put_uint(&array, 1);
    cede_cbor_put_array(&array, 1);
    cede_cbor_put_int(&array, context.aead_alg);
    cede_cbor_put_bytes(&array, cede_span(context.sender.id, context.sender.id_len));
    cede_write_bytes(&array, CEDE_SPAN_ARRAY(piv_and_options));
    cede_cbor_put_array(&aad, 3);
    cede_cbor_put_text(&aad, CEDE_SPAN_TEXT("Encrypt0"));
    cede_cbor_put_bytes(&aad, CEDE_SPAN_TEXT(""));
    cede_cbor_put_bytes(&aad, cede_written(&array));
    return cede_oscore_protect_request(&context, crypto, 0, CEDE_SPAN_ARRAY(get), &exchange,
                                       new_buffer(DATAGRAM_LEN), &datagram) == CEDE_OK &&
           cede_coap_decode(datagram, &message) == CEDE_OK &&
           crypto->aead_open(crypto->context, context.aead_alg, cede_span(context.sender.key, 16),
                             nonce, cede_written(&aad), message.payload, new_buffer(64),
                             &plaintext) == CEDE_OK;
}

static void run_derivation(const json_t *vector, const struct cede_crypto *crypto)
{
    const char *section = runner_get_string(vector, "section");
    struct cede_oscore_params params = {
        .master_secret = item_hex(vector, "Master Secret"),
        .master_salt = item_hex(vector, "Master Salt"),
        .sender_id = item_hex(vector, "Sender ID"),
        .recipient_id = item_hex(vector, "Recipient ID"),
        .id_context = item_hex(vector, "ID Context"),
    };
    struct cede_span sender_id = params.sender_id;
    struct cede_oscore_context context;
    struct cede_oscore_context peer;

    if (!worked(title(section, "context", crypto), crypto,
                cede_oscore_init(&context, crypto, &params))) {
        return;
    }
    params.sender_id = params.recipient_id;
    params.recipient_id = sender_id;
    if (!worked(title(section, "peer's context", crypto), crypto,
                cede_oscore_init(&peer, crypto, &params))) {
        return;
    }
    runner_expect_equal(title(section, "Sender Key", crypto), cede_span(context.sender.key, 16),
                        item_hex(vector, "Sender Key"));
    runner_expect_equal(title(section, "Recipient Key", crypto),
                        cede_span(context.recipient.key, 16), item_hex(vector, "Recipient Key"));
    runner_expect_equal(title(section, "Common IV", crypto), cede_span(context.common_iv, 13),
                        item_hex(vector, "Common IV"));
    runner_expect(title(section, "sender nonce", crypto),
                  nonce_holds(context, crypto, item_hex(vector, "sender nonce")),
                  "the nonce differs");
    runner_expect(title(section, "recipient nonce", crypto),
                  nonce_holds(peer, crypto, item_hex(vector, "recipient nonce")),
                  "the nonce differs");
}

/* A sender context as C.4 to C.8 print it. */
static struct cede_oscore_context sender_context(const json_t *vector)
{
    struct cede_oscore_context context = {.sender_ceiling = CEDE_OSCORE_SEQ_MAX,
                                          .window = {.len = CEDE_OSCORE_WINDOW_LEN}};
    struct cede_span id = item_hex(vector, "Sender ID");
    struct cede_span id_context = item_hex(vector, "ID Context");
    struct cede_span key = item_hex(vector, "Sender Key");
    struct cede_span iv = item_hex(vector, "Common IV");

    context.aead_alg = (uint8_t)runner_get_int(find_item(vector, "AEAD Algorithm"), "int", 0);
    context.sender_seq =
        (uint64_t)runner_get_int(find_item(vector, "Sender Sequence Number"), "int", 0);
    if (key.len == 16 && iv.len == 13 && id.len <= sizeof(context.sender.id) &&
        id_context.len <= sizeof(context.id_context)) {
        memcpy(context.sender.key, key.ptr, key.len);
        memcpy(context.common_iv, iv.ptr, iv.len);
        context.key_len = (uint8_t)key.len;
        context.nonce_len = (uint8_t)iv.len;
        memcpy(context.sender.id, id.ptr, id.len);
        context.sender.id_len = (uint8_t)id.len;
        context.has_id_context = !cede_span_is_null(id_context);
        context.id_context_len = (uint8_t)id_context.len;
        if (id_context.len > 0) {
            memcpy(context.id_context, id_context.ptr, id_context.len);
        }
    }
    return context;
}

/* request_kid and request_piv, from aad_array = [1, [alg], kid, piv, options]. */
static bool exchange_of(struct cede_span aad_array, struct cede_oscore_exchange *exchange)
{
    struct cede_reader reader = cede_reader(aad_array);
    struct cede_span kid;
    struct cede_span piv;

    memset(exchange, 0, sizeof(*exchange));
    cede_cbor_expect_array(&reader, 5);
    (void)cede_cbor_get_uint(&reader);
    (void)cede_cbor_get_item(&reader);
    kid = cede_cbor_get_bytes(&reader);
    piv = cede_cbor_get_bytes(&reader);
    (void)cede_cbor_get_bytes(&reader);
    if (cede_reader_finish(&reader) != CEDE_OK || kid.len > sizeof(exchange->kid) ||
        piv.len > sizeof(exchange->partial_iv)) {
        return false;
    }
    memcpy(exchange->kid, kid.ptr, kid.len);
    memcpy(exchange->partial_iv, piv.ptr, piv.len);
    exchange->kid_len = (uint8_t)kid.len;
    exchange->partial_iv_len = (uint8_t)piv.len;
    return true;
}

static void run_appendix_request(const json_t *vector, const struct cede_crypto *crypto)
{
    const char *section = runner_get_string(vector, "section");
    const char *what = title(section, "protected request", crypto);
    struct cede_oscore_context context = sender_context(vector);
    struct cede_oscore_exchange exchange;
    struct cede_span got;
    unsigned flags = find_item(vector, "kid context") != NULL ? CEDE_OSCORE_SEND_KID_CONTEXT : 0;

    if (worked(what, crypto,
               cede_oscore_protect_request(&context, crypto, flags,
                                           item_hex(vector, "Unprotected CoAP request"), &exchange,
                                           new_buffer(DATAGRAM_LEN), &got))) {
        runner_expect_equal(what, got, item_hex(vector, "Protected CoAP request (OSCORE message)"));
    }
}

static void run_appendix_response(const json_t *vector, const struct cede_crypto *crypto)
{
    const char *section = runner_get_string(vector, "section");
    const char *what = title(section, "protected response", crypto);
    struct cede_oscore_context context = sender_context(vector);
    struct cede_oscore_exchange exchange;
    struct cede_span got;
    unsigned flags = find_item(vector, "Partial IV") != NULL ? CEDE_OSCORE_NEW_PARTIAL_IV : 0;

    if (!runner_expect(title(section, "aad_array", crypto),
                       exchange_of(item_hex(vector, "aad_array"), &exchange), "does not decode")) {
        return;
    }
    if (worked(what, crypto,
               cede_oscore_protect_response(&context, crypto, flags,
                                            item_hex(vector, "Unprotected CoAP response"),
                                            &exchange, new_buffer(DATAGRAM_LEN), &got))) {
        runner_expect_equal(what, got,
                            item_hex(vector, "Protected CoAP response (OSCORE message)"));
    }
}

static void run_vector(const json_t *vector, const struct cede_crypto *crypto)
{
    if (json_object_get(vector, "exchanges") != NULL) {
        run_exchanges(vector, crypto);
    } else if (find_item(vector, "Master Secret") != NULL) {
        run_derivation(vector, crypto);
    } else if (find_item(vector, "Unprotected CoAP request") != NULL) {
        run_appendix_request(vector, crypto);
    } else if (find_item(vector, "Unprotected CoAP response") != NULL) {
        run_appendix_response(vector, crypto);
    } else if (json_array_size(json_object_get(vector, "items")) > 0) {
        runner_fail(runner_get_string(vector, "section"), "no known kind of vector");
    }
}

/* --- options, refused requests, combined requests ------------------------------------------------
 */

static void run_option(const json_t *option)
{
    const char *name = runner_get_string(option, "name");
    struct cede_span value = runner_get_hex(option, "value");
    struct cede_oscore_header header;
    struct cede_span encoded;
    enum cede_status status = cede_oscore_decode_option(value, &header);

    if (json_is_true(json_object_get(option, "refused"))) {
        runner_expect(name, status == CEDE_OSCORE_OPTION, "accepted");
        return;
    }
    if (!runner_expect(name, status == CEDE_OK, "refused")) {
        return;
    }
    runner_expect_equal(title(name, "partial IV", NULL), header.partial_iv,
                        runner_get_hex(option, "partial_iv"));
    runner_expect_equal(title(name, "kid", NULL), header.kid, runner_get_hex(option, "kid"));
    runner_expect_equal(title(name, "kid context", NULL), header.kid_context,
                        runner_get_hex(option, "kid_context"));
    runner_expect(title(name, "encodes", NULL),
                  cede_oscore_encode_option(&header, new_buffer(CEDE_OSCORE_OPTION_LEN_MAX),
                                            &encoded) == CEDE_OK &&
                      cede_span_equal(encoded, value),
                  "the encoding differs");
}

/* The server's context of the file's `context`; each refusal by its status name. */
static void run_refused_request(const json_t *root, const json_t *request,
                                const struct cede_crypto *crypto)
{
    const char *name = runner_get_string(request, "name");
    const char *expected = runner_get_string(request, "status");
    struct ends ends;
    struct cede_span got;
    enum cede_status status;

    if (!worked(title(name, "context", crypto), crypto,
                init_ends(json_object_get(root, "context"), crypto, &ends))) {
        return;
    }
    status =
        cede_oscore_unprotect_request(&ends.server, crypto, runner_get_hex(request, "datagram"),
                                      &ends.at_server, new_buffer(DATAGRAM_LEN), &got);
    runner_expect(runner_on(name, crypto),
                  expected != NULL && strcmp(cede_status_name(status), expected) == 0,
                  cede_status_name(status));
}

static void run_combined(const json_t *combined)
{
    const char *name = runner_get_string(combined, "name");
    struct cede_span datagram = runner_get_hex(combined, "datagram");
    struct cede_span kid;
    struct cede_span message_3;
    struct cede_span request;
    struct cede_span got;
    enum cede_status status =
        cede_oscore_split_combined(datagram, new_buffer(DATAGRAM_LEN), &kid, &message_3, &request);

    if (json_is_true(json_object_get(combined, "refused"))) {
        runner_expect(name, status == CEDE_OSCORE_COMBINED, "accepted");
        return;
    }
    if (!runner_expect(name, status == CEDE_OK, "refused")) {
        return;
    }
    runner_expect_equal(title(name, "kid", NULL), kid, runner_get_hex(combined, "kid"));
    runner_expect_equal(title(name, "message_3", NULL), message_3,
                        runner_get_hex(combined, "message_3"));
    runner_expect_equal(title(name, "OSCORE request", NULL), request,
                        runner_get_hex(combined, "oscore_request"));
    if (runner_expect(title(name, "combines", NULL),
                      cede_oscore_combine(request, message_3, new_buffer(DATAGRAM_LEN), &got) ==
                          CEDE_OK,
                      "refused")) {
        runner_expect_equal(title(name, "combined request", NULL), got, datagram);
    }
}

static void one_file(const char *name, const json_t *root)
{
    const json_t *entry;
    size_t i;

    (void)name;
    for (size_t backend = 0; backend < RUNNER_BACKENDS; backend++) {
        const struct cede_crypto *crypto = runner_backend(backend);

        json_array_foreach(json_object_get(root, "vectors"), i, entry)
        {
            run_vector(entry, crypto);
        }
        json_array_foreach(json_object_get(root, "requests"), i, entry)
        {
            run_refused_request(root, entry, crypto);
        }
    }
    json_array_foreach(json_object_get(root, "options"), i, entry)
    {
        run_option(entry);
    }
    json_array_foreach(json_object_get(root, "combined"), i, entry)
    {
        run_combined(entry);
    }
}

void run_oscore(const char *dir)
{
    runner_each_json(dir, one_file);
}
