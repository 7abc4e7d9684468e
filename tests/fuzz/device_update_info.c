/* SPDX-License-Identifier: Apache-2.0 */
/* device_update_info.c - the list of devices: read to the end, written again byte for byte. */
#include "cede/transfer.h"
#include "fuzz.h"

#define SOFTWARE_MAX 16

static uint8_t out[1 << 16];

/* Reads one group and writes it; false when it has more software than this target keeps. */
static bool group_again(struct cede_span input, struct cede_update_group *group,
                        struct cede_writer *writer)
{
    struct cede_suit_ref software[SOFTWARE_MAX], ref;
    struct cede_span items = group->software_items;
    size_t count = 0;

    while (cede_suit_refs_next(&items, &ref)) {
        fuzz_inside(input, ref.uri);
        if (count == SOFTWARE_MAX) {
            return false;
        }
        software[count++] = ref;
    }
    REQUIRE(count == group->software_count);
    group->software = software;
    cede_device_update_info_group(writer, group);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(out));
    struct cede_device_update_info info;
    struct cede_update_group group;
    struct cede_update_device device;
    bool kept = true;

    if (cede_device_update_info_open(input, &info) != CEDE_OK) {
        return 0;
    }
    fuzz_inside(input, info.transfer_id);
    cede_device_update_info_begin(&writer, info.transfer_id.ptr, info.groups_left);
    while (cede_device_update_info_next_group(&info, &group)) {
        kept = group_again(input, &group, &writer) && kept;
        while (cede_device_update_info_next_device(&info, &device)) {
            fuzz_inside(input, device.factory_cert);
            cede_device_update_info_device(&writer, &device);
        }
    }
    if (cede_device_update_info_finish(&info) == CEDE_OK && kept && len <= sizeof out) {
        REQUIRE(cede_span_equal(cede_written(&writer), input));
    }
    return 0;
}
