/* SPDX-License-Identifier: Apache-2.0 */
/* contract.c - contracts in JSON: what decodes is written and read again, and says the same. */
#include "server/sp/contract.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct contract first, second;
    char *text;

    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    if (contract_decode(cede_span(data, len), &first) != CEDE_OK) {
        return 0;
    }
    REQUIRE(first.earliest <= first.latest && first.device_count >= 0);
    text = contract_encode(&first);
    REQUIRE(text != NULL);
    REQUIRE(contract_decode(cede_span_string(text), &second) == CEDE_OK);
    REQUIRE(strcmp(first.from.name, second.from.name) == 0);
    REQUIRE(memcmp(first.devices_digest, second.devices_digest, 32) == 0);
    REQUIRE(first.earliest == second.earliest && first.latest == second.latest);
    free(text);
    return 0;
}
