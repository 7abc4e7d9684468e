/* SPDX-License-Identifier: Apache-2.0 */
/* cbor.c - the CBOR reader: one item, its kinds, and maps. */
#include "cede/cbor.h"
#include "fuzz.h"

/* What the checker accepts, the writer makes again byte for byte, head by head. */
static void rewrite_head(struct cede_span item)
{
    struct cede_reader reader = cede_reader(item);
    uint8_t memory[16];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    size_t head_len;

    switch (cede_cbor_peek(&reader)) {
    case CEDE_CBOR_UINT:
        cede_cbor_put_uint(&writer, cede_cbor_get_uint(&reader));
        break;
    case CEDE_CBOR_ARRAY:
        cede_cbor_put_array(&writer, cede_cbor_get_array(&reader));
        break;
    case CEDE_CBOR_TAG:
        cede_cbor_put_tag(&writer, cede_cbor_get_tag(&reader));
        break;
    default:
        return;
    }
    REQUIRE(reader.status == CEDE_OK && writer.status == CEDE_OK);
    head_len = writer.len;
    REQUIRE(memcmp(memory, item.ptr, head_len) == 0);
}

static void walk_map(struct cede_span item)
{
    struct cede_reader reader = cede_reader(item);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    struct cede_span key;

    while (cede_cbor_map_next(&reader, &map, &key)) {
        fuzz_inside(item, key);
        fuzz_inside(item, cede_cbor_get_item(&reader));
    }
    REQUIRE(cede_reader_finish(&reader) == CEDE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct cede_reader reader = cede_reader(input);
    size_t offset = 0;
    enum cede_status sorted = cede_cbor_check(input, CEDE_CBOR_SORTED, &offset);
    enum cede_status any = cede_cbor_check(input, CEDE_CBOR_ANY_ORDER, &offset);

    REQUIRE(sorted != CEDE_OK || any == CEDE_OK);
    if (sorted == CEDE_OK) {
        rewrite_head(input);
        if (cede_cbor_peek(&reader) == CEDE_CBOR_MAP) {
            walk_map(input);
        }
    }
    while (!cede_reader_at_end(&reader) && reader.status == CEDE_OK) {
        fuzz_inside(input, cede_cbor_get_item(&reader));
    }
    REQUIRE(any != CEDE_OK || reader.status == CEDE_OK);
    return 0;
}
