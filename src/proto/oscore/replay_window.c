/* SPDX-License-Identifier: Apache-2.0 */
/* replay_window.c - the sliding window of received partial IVs (RFC 8613, 7.4). */
#include "proto/oscore/oscore_internal.h"

/* The bits are an array that goes round (RFC 6479 has the idea): nothing is shifted, whatever the
 * window's length. The low 32 bits of a number are enough to find its place. */
static uint32_t *word_of(struct cede_oscore_window *window, uint32_t number)
{
    if (window->words == NULL) {
        return &window->seen;
    }
    return &window->words[number / 32 & (window->len / 32u - 1)];
}

static uint32_t bit_of(uint32_t number)
{
    return UINT32_C(1) << (number & 31);
}

enum cede_status cede_oscore_window_check(struct cede_oscore_window *window,
                                          uint64_t sequence_number)
{
    uint32_t number = (uint32_t)sequence_number;

    if (sequence_number > window->highest) {
        return CEDE_OK;
    }
    return window->highest - sequence_number >= window->len ||
                   (*word_of(window, number) & bit_of(number)) != 0
               ? CEDE_OSCORE_REPLAY
               : CEDE_OK;
}

void cede_oscore_window_commit(struct cede_oscore_window *window, uint64_t sequence_number)
{
    uint32_t number = (uint32_t)sequence_number;

    if (sequence_number > window->highest) {
        uint64_t step = sequence_number - window->highest;
        uint32_t clear = step < window->len ? (uint32_t)step : window->len;

        window->highest = sequence_number;
        for (; clear > 0; clear--) { /* the last `clear` numbers, this one among them */
            uint32_t skipped = number - (clear - 1);

            *word_of(window, skipped) &= ~bit_of(skipped);
        }
    }
    *word_of(window, number) |= bit_of(number);
}

void cede_oscore_window_restart(struct cede_oscore_window *window, uint64_t sequence_number)
{
    window->highest = sequence_number;
    window->lost = false;
    window->seen = UINT32_MAX;
    if (window->words != NULL) {
        memset(window->words, 0xff, window->len / 8u);
    }
}
