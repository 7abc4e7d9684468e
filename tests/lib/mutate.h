/* SPDX-License-Identifier: Apache-2.0 */
/* mutate.h - inputs a little different from good ones, the same ones in every run. */
#ifndef CEDE_TESTS_LIB_MUTATE_H
#define CEDE_TESTS_LIB_MUTATE_H

#include <string.h>

#include "cede/bytes.h"

/* xorshift64*: a fixed sequence, not for secrets. */
struct mutate {
    uint64_t state;
};

static inline uint32_t mutate_next(struct mutate *mutate)
{
    mutate->state ^= mutate->state >> 12;
    mutate->state ^= mutate->state << 25;
    mutate->state ^= mutate->state >> 27;
    return (uint32_t)(mutate->state * UINT64_C(2685821657736338717) >> 32);
}

static inline uint32_t mutate_below(struct mutate *mutate, uint32_t limit)
{
    return mutate_next(mutate) % limit;
}

static inline void mutate_fill(struct mutate *mutate, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)mutate_next(mutate);
    }
}

/* One change: a bit, a byte, a byte more or less, a piece moved, the end cut. */
static inline size_t mutate_once(struct mutate *mutate, uint8_t *bytes, size_t len, size_t cap)
{
    static const uint8_t liked[] = {0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x0c, 0x17,
                                    0x18, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0xff};
    size_t at = len > 0 ? mutate_below(mutate, (uint32_t)len) : 0;

    if (len == 0) {
        return 0;
    }
    switch (mutate_below(mutate, 7)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << mutate_below(mutate, 8));
        return len;
    case 1:
        bytes[at] = (uint8_t)mutate_next(mutate);
        return len;
    case 2:
        bytes[at] = liked[mutate_below(mutate, sizeof liked)];
        return len;
    case 3:
        bytes[at]++;
        return len;
    case 4:
        memmove(bytes + at, bytes + at + 1, len - at - 1);
        return len - 1;
    case 5:
        if (len == cap) {
            return len;
        }
        memmove(bytes + at + 1, bytes + at, len - at);
        bytes[at] = liked[mutate_below(mutate, sizeof liked)];
        return len + 1;
    default:
        return mutate_below(mutate, 4) == 0 ? at : len;
    }
}

/* A copy of `good` with a few changes; its length. */
static inline size_t mutate_copy(struct mutate *mutate, struct cede_span good, uint8_t *bytes,
                                 size_t cap)
{
    size_t len = good.len < cap ? good.len : cap;

    memcpy(bytes, good.ptr, len);
    for (uint32_t n = 1 + mutate_below(mutate, 3); n > 0; n--) {
        len = mutate_once(mutate, bytes, len, cap);
    }
    return len;
}

#endif
