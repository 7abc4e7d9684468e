/* SPDX-License-Identifier: Apache-2.0 */
/* key_wishes.c - how a request wants the key encrypted that is made for it. */
#include "fuzz.h"
#include "server/ca/key_envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cede_span input = cede_span(data, len);
    struct ca_key_wishes wishes;

    memset(&wishes, 0, sizeof wishes);
    if (ca_read_key_wishes(input, &wishes) != CEDE_OK) {
        return 0;
    }
    if (wishes.recipient.ptr != NULL) {
        fuzz_inside(input, wishes.recipient);
    }
    REQUIRE(wishes.capabilities || (!wishes.aes128_wrap && !wishes.aes256_wrap));
    return 0;
}
