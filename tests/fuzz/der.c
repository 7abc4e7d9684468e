/* SPDX-License-Identifier: Apache-2.0 */
/* der.c - the DER reader, value by value. */
#include "cede/der.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct cede_reader reader = cede_reader(input);

    (void)cede_der_count(input);
    while (!cede_reader_at_end(&reader) && reader.status == CEDE_OK) {
        struct cede_reader copy = reader, inner;
        uint8_t memory[32], unused_bits, tag = cede_der_peek(&reader);
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
        uint64_t time;

        fuzz_inside(input, cede_der_get_value(&copy));
        copy = reader;
        fuzz_inside(input, cede_der_get_unsigned(&copy));
        copy = reader;
        (void)cede_der_get_small(&copy);
        copy = reader;
        (void)cede_der_get_bool(&copy);
        copy = reader;
        fuzz_inside(input, cede_der_get_bits(&copy, &unused_bits));
        copy = reader;
        time = cede_der_get_time(&copy);
        if (copy.status == CEDE_OK && time != CEDE_TIME_NONE) {
            cede_der_put_time(&writer, time);
            REQUIRE(writer.status == CEDE_OK);
        }
        inner = cede_der_enter(&reader, tag);
        fuzz_inside(input, cede_read_rest(&inner));
    }
    return 0;
}
