/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.c - the printer of artefacts: any file, any kind it takes it for. */
#include "inspect/inspect.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static FILE *sink;
    struct inspect_verdict verdict;

    if (sink == NULL) {
        sink = fopen("/dev/null", "w");
        REQUIRE(sink != NULL);
    }
    verdict = inspect(sink, fuzz_crypto(), cede_span(data, len), NULL);
    REQUIRE(verdict.of != NULL && verdict.details != NULL);
    return 0;
}
