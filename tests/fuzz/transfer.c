/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.c - TransferMessage and TrustUpdate as a device meets them: rule R3, and the payloads.
 * What decodes is written again byte for byte.
 */
#include "cede/transfer.h"
#include "fuzz.h"

static const uint8_t point[64] = {0x22};
static uint8_t out[8192];

static void transfer(struct cede_span payload)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_transfer order;

    if (cede_transfer_decode(payload, &order) != CEDE_OK) {
        return;
    }
    fuzz_inside(payload, order.enroll_uri);
    fuzz_inside(payload, order.controller);
    cede_transfer_encode(&writer, &order);
    /* Unless it carried claims that may be ignored. */
    REQUIRE(writer.status == CEDE_OK && writer.len <= payload.len);
    REQUIRE(writer.len < payload.len || cede_span_equal(cede_written(&writer), payload));
}

static void trust_update(struct cede_span payload)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_trust_update update;
    struct cede_trust_entry entry;
    struct cede_trust_list list;

    if (cede_trust_update_decode(payload, &update) != CEDE_OK) {
        return;
    }
    list = cede_trust_list(update.entries);
    while (cede_trust_list_next(&list, &entry)) {
        REQUIRE(entry.purposes != 0 && entry.purposes <= CEDE_PURPOSES_ALL);
        fuzz_inside(payload, entry.certificate);
    }
    REQUIRE(cede_trust_list_finish(&list) == CEDE_OK);
    cede_trust_update_encode(&writer, &update);
    REQUIRE(writer.status == CEDE_OK && writer.len <= payload.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint64_t now = 1790000000;
    struct cede_span input = cede_span(data, len), payload;
    struct cede_transfer_rules rules = {
        .controller = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(point)},
        .device_id = CEDE_SPAN_TEXT("d1"),
        .seq = 4,
        .now = &now,
    };
    struct cede_transfer order;
    struct cede_trust_update update;

    if (cede_transfer_check(fuzz_crypto(), &rules, input, &order) == CEDE_OK) {
        REQUIRE(order.has_seq && order.seq > rules.seq);
        REQUIRE(order.not_before <= now && now <= order.not_after);
        REQUIRE(cede_span_equal(order.aud, rules.device_id));
    } else {
        REQUIRE(order.enroll_uri.ptr == NULL);
    }
    if (cede_trust_update_check(fuzz_crypto(), &rules, input, &update) == CEDE_OK) {
        REQUIRE(update.seq > rules.seq);
    }
    if (cede_transfer_verify(fuzz_crypto(), &rules.controller, input, &payload) == CEDE_OK) {
        fuzz_inside(input, payload);
    }
    transfer(input);
    trust_update(input);
    return 0;
}
