/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - status reports and answers, between device and update server; receipts; trust lists.
 * What decodes is written again byte for byte. */
#include "cede/transfer.h"
#include "fuzz.h"

static uint8_t out[8192];

static void report(struct cede_span input)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_status_report decoded;

    if (cede_status_report_decode(input, &decoded) == CEDE_OK) {
        REQUIRE(decoded.state < CEDE_DEVICE_STATE_COUNT);
        cede_status_report_encode(&writer, &decoded);
        REQUIRE(cede_span_equal(cede_written(&writer), input));
    }
}

static void answer(struct cede_span input)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_answer decoded;

    if (cede_answer_decode(input, &decoded) == CEDE_OK && input.len <= sizeof out) {
        fuzz_inside(input, decoded.transfer);
        fuzz_inside(input, decoded.welcome);
        cede_answer_encode(&writer, &decoded);
        REQUIRE(cede_span_equal(cede_written(&writer), input));
    }
}

static void receipt(struct cede_span input)
{
    struct cede_receipt decoded;
    struct cede_receipt_line line;
    size_t count = 0;

    if (cede_receipt_decode(input, &decoded) == CEDE_OK) {
        struct cede_span items = decoded.line_items;
        while (cede_receipt_next(&items, &line)) {
            fuzz_inside(input, line.device_id);
            count++;
        }
        REQUIRE(count == decoded.lines_count);
    }
}

static void trust_list(struct cede_span input)
{
    struct cede_trust_list list = cede_trust_list(input);
    struct cede_trust_entry entry;

    while (cede_trust_list_next(&list, &entry)) {
        fuzz_inside(input, entry.certificate);
    }
    (void)!cede_trust_list_finish(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);

    report(input);
    answer(input);
    receipt(input);
    trust_list(input);
    return 0;
}
