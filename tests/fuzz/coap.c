/* SPDX-License-Identifier: Apache-2.0 */
/* coap.c - CoAP datagrams: options, blocks, the client's exchange, the server's uploads; and URIs.
 */
#include "cede/coap.h"
#include "fuzz.h"

static uint8_t memory[4096];

static void uri(struct cede_span input)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin(CEDE_BUF_ARRAY(memory), CEDE_COAP_CON, CEDE_COAP_GET, 1, CEDE_SPAN_NULL);
    struct cede_coap_uri split;
    struct cede_span datagram;

    if (cede_coap_uri_split(input, &split) != CEDE_OK) {
        return;
    }
    fuzz_inside(input, split.host);
    fuzz_inside(input, split.path);
    cede_coap_put_host(&encoder, &split);
    cede_coap_put_path(&encoder, split.path);
    cede_coap_put_query(&encoder, split.query);
    if (cede_coap_finish(&encoder, &datagram) == CEDE_OK) {
        struct cede_coap_message message;
        REQUIRE(cede_coap_decode(datagram, &message) == CEDE_OK);
    }
}

static void options(struct cede_span input, const struct cede_coap_message *message)
{
    static const uint16_t known[] = {CEDE_COAP_URI_PATH, CEDE_COAP_OSCORE, CEDE_COAP_BLOCK1};
    struct cede_coap_options iterator = cede_coap_options(message->options);
    struct cede_coap_option option;
    struct cede_coap_block block;
    uint16_t number;
    bool present;

    while (cede_coap_options_next(&iterator, &option)) {
        fuzz_inside(input, option.value);
    }
    REQUIRE(iterator.reader.status == CEDE_OK);
    (void)!cede_coap_check_critical(message, known, 3, &number);
    (void)!cede_coap_find_block(message, CEDE_COAP_BLOCK2, &present, &block);
    (void)cede_coap_path_equals(message, CEDE_SPAN_TEXT(".well-known/edhoc"));
}

static void exchange(struct cede_span input)
{
    static const uint8_t request[] = {0x41, 0x02, 0x00, 0x01, 0x77, 0xb1, 'u'};
    struct cede_coap_exchange state = {0};

    REQUIRE(cede_coap_exchange_start(&state, &cede_coap_default_params, fuzz_crypto(),
                                     CEDE_SPAN_ARRAY(request), 0) == CEDE_OK);
    for (uint64_t now = 1; now < 3; now++) {
        struct cede_coap_step step = cede_coap_exchange_receive(&state, input, now);
        fuzz_touch(step.send);
        if (step.next == CEDE_COAP_RESPONSE) {
            fuzz_inside(input, step.response.payload);
            cede_coap_exchange_resume(&state);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct cede_coap_assembly assembly = {0};
    struct cede_coap_message message;
    struct cede_coap_upload upload;
    uint8_t reset[CEDE_COAP_EMPTY_LEN];

    uri(input);
    exchange(input);
    if (cede_coap_decode(input, &message) != CEDE_OK) {
        fuzz_touch(cede_coap_reject(input, reset));
        return 0;
    }
    fuzz_inside(input, message.token);
    fuzz_inside(input, message.payload);
    REQUIRE(message.payload.ptr == NULL || message.payload.len > 0);
    options(input, &message);
    if (cede_coap_upload_receive(&assembly, CEDE_BUF_ARRAY(memory), &message, CEDE_COAP_SZX_MAX,
                                 &upload) == CEDE_OK) {
        fuzz_touch(upload.body);
    }
    return 0;
}
