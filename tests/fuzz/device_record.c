/* SPDX-License-Identifier: Apache-2.0 */
/* device_record.c - the record in the journal: what decodes is written again byte for byte. */
#include "device/device_internal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[CEDE_DEVICE_RECORD_LEN_MAX];
    struct cede_span input = cede_span(data, len);
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_device_record record;

    if (record_decode(input, &record) != CEDE_OK) {
        return 0;
    }
    REQUIRE(record.state < CEDE_DEVICE_STATE_COUNT);
    REQUIRE(record.factory_key.len == KEY_LEN && record.controller_thumbprint.len == 32);
    fuzz_inside(input, record.device_id);
    fuzz_inside(input, record.order);
    fuzz_inside(input, record.trust);
    if (len <= sizeof out) {
        REQUIRE(record_encode(&writer, &record) == CEDE_OK);
        REQUIRE(cede_span_equal(cede_written(&writer), input));
    }
    return 0;
}
