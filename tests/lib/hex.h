/* SPDX-License-Identifier: Apache-2.0 */
/* hex.h - bytes from hexadecimal text, for tests: blanks between digits are skipped. */
#ifndef CEDE_TESTS_HEX_H
#define CEDE_TESTS_HEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cede/bytes.h"

static inline struct cede_span hex_into(struct cede_buf out, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    size_t count = 0;

    memset(out.ptr, 0, out.cap);
    for (; *text != '\0'; text++) {
        const char *digit;
        if (*text == ' ') {
            continue;
        }
        digit = strchr(digits, *text | 0x20);
        assert(digit != NULL && count / 2 < out.cap);
        out.ptr[count / 2] = (uint8_t)(out.ptr[count / 2] << 4 | (digit - digits));
        count++;
    }
    assert(count % 2 == 0);
    return cede_span(out.ptr, count / 2);
}

/* A span over a buffer that lives as long as the block it stands in. */
#define HEX(text_)                                                                                 \
    hex_into(cede_buf((uint8_t[sizeof(text_) / 2 + 1]){0}, sizeof(text_) / 2 + 1), text_)

#endif
