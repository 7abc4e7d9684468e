/* SPDX-License-Identifier: Apache-2.0 */
/* oscore.c - the OSCORE option, unprotecting both ways, EDHOC over CoAP, combined requests. */
#include "cede/oscore.h"
#include "fuzz.h"

static uint8_t out[8192];

static void context_make(struct cede_oscore_context *context)
{
    static const uint8_t secret[16] = {1}, client[1] = {0x01};
    struct cede_oscore_params params = {
        .master_secret = CEDE_SPAN_ARRAY(secret),
        .sender_id = cede_span(secret, 0),
        .recipient_id = CEDE_SPAN_ARRAY(client),
    };

    REQUIRE(cede_oscore_init(context, fuzz_crypto(), &params) == CEDE_OK);
}

/* A message that is not authentic changes nothing. One that is, but makes no sense, has still been
 * received: its number counts. */
static void check_unchanged(enum cede_status status, const struct cede_oscore_context *before,
                            struct cede_oscore_context *after)
{
    if (status == CEDE_OSCORE_UNPROTECTED || status == CEDE_OSCORE_OPTION ||
        status == CEDE_OSCORE_NO_CONTEXT || status == CEDE_OSCORE_REPLAY ||
        status == CEDE_OSCORE_DECRYPTION) {
        REQUIRE(memcmp(&before->window, &after->window, sizeof before->window) == 0);
    }
    after->window = before->window;
    REQUIRE(memcmp(before, after, sizeof *before) == 0);
}

static void unprotect(struct cede_span input)
{
    struct cede_oscore_context context, before;
    struct cede_oscore_exchange exchange = {.kid = {0}, .partial_iv_len = 1};
    struct cede_span message;
    enum cede_status status;

    memset(&context, 0, sizeof context);
    context_make(&context);
    before = context;
    status = cede_oscore_unprotect_request(&context, fuzz_crypto(), input, &exchange,
                                           CEDE_BUF_ARRAY(out), &message);
    if (status == CEDE_OK) {
        struct cede_coap_message inner;
        REQUIRE(cede_coap_decode(message, &inner) == CEDE_OK);
    } else {
        check_unchanged(status, &before, &context);
        REQUIRE(message.ptr == NULL);
    }
    memset(&exchange, 0, sizeof exchange);
    exchange.partial_iv_len = 1;
    if (cede_oscore_unprotect_response(&before, fuzz_crypto(), input, &exchange,
                                       CEDE_BUF_ARRAY(out), &message) == CEDE_OK) {
        fuzz_touch(message);
    }
}

/* Blocks of a proxy, and messages of a derivation of new contexts: nothing here is authentic. */
static void gather_and_rederive(struct cede_span input)
{
    static const uint8_t secret[16] = {1}, client[1] = {0x01};
    static uint8_t body[1024], memory[8192];
    struct cede_oscore_params params = {
        .master_secret = CEDE_SPAN_ARRAY(secret),
        .sender_id = cede_span(secret, 0),
        .recipient_id = CEDE_SPAN_ARRAY(client),
    };
    struct cede_oscore_gathering gathering = {.option_len = 0};
    struct cede_oscore_rederivation run = {{0}};
    struct cede_oscore_rederiver server = {.has_key = true};
    struct cede_oscore_exchange exchange = {.partial_iv_len = 1};
    struct cede_oscore_context context;
    struct cede_coap_block block;
    struct cede_span message;

    if (cede_oscore_gather(&gathering, input, CEDE_BUF_ARRAY(body), CEDE_BUF_ARRAY(out), &block,
                           &message) == CEDE_OK &&
        message.ptr != NULL) {
        struct cede_coap_message whole;
        REQUIRE(cede_coap_decode(message, &whole) == CEDE_OK);
    }
    if (cede_oscore_rederive_answer(&server, fuzz_crypto(), &params, input, 1,
                                    CEDE_BUF_ARRAY(memory), CEDE_BUF_ARRAY(out),
                                    &message) == CEDE_OK) {
        fuzz_touch(message);
    }
    (void)!cede_oscore_rederive_continue(&run, fuzz_crypto(), &params, input, &exchange,
                                         CEDE_BUF_ARRAY(memory), CEDE_BUF_ARRAY(out), &context);
    if (cede_oscore_rederive_finish(&server, fuzz_crypto(), &params, input, &exchange,
                                    CEDE_BUF_ARRAY(memory), CEDE_BUF_ARRAY(out), &context,
                                    &message) != CEDE_OK) {
        REQUIRE(message.ptr == NULL && server.has_key);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len), c_r, kid, message, request, value;
    struct cede_oscore_header header;
    uint8_t memory[CEDE_OSCORE_OPTION_LEN_MAX];

    if (cede_oscore_decode_option(input, &header) == CEDE_OK) {
        fuzz_inside(input, header.kid);
        fuzz_inside(input, header.kid_context);
        if (cede_oscore_encode_option(&header, CEDE_BUF_ARRAY(memory), &value) == CEDE_OK) {
            REQUIRE(cede_span_equal(value, input));
        }
    }
    if (cede_oscore_split_edhoc_payload(input, &c_r, &message) == CEDE_OK) {
        fuzz_inside(input, message);
        fuzz_inside(input, c_r);
    }
    if (cede_oscore_split_combined(input, CEDE_BUF_ARRAY(out), &kid, &message, &request) ==
        CEDE_OK) {
        fuzz_inside(input, kid);
        fuzz_inside(input, message);
        fuzz_touch(request);
    }
    unprotect(input);
    gather_and_rederive(input);
    return 0;
}
