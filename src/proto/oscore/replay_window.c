/* SPDX-License-Identifier: Apache-2.0 */
/* replay_window.c - the sliding window of received partial IVs (RFC 8613, 7.4). */
#include "proto/oscore/oscore_internal.h"

/* The bits are an array that goes round (RFC 6479 has the idea): nothing is shifted, whatever the
 * window's length. */
static uint32_t *word_of(struct cede_oscore_window *window, uint64_t sequence_number)
{
    if (window->words == NULL) {
        return &window->seen;
    }
    return &window->words[((uint32_t)sequence_number / 32) & (window->len / 32u - 1)];
}

static uint32_t bit_of(uint64_t sequence_number)
{
    return UINT32_C(1) << ((uint32_t)sequence_number & 31);
}

enum cede_status cede_oscore_window_check(struct cede_oscore_window *window,
                                          uint64_t sequence_number)
{
    if (sequence_number > window->highest) {
        return CEDE_OK;
    }
    if (window->highest - sequence_number >= window->len ||
        (*word_of(window, sequence_number) & bit_of(sequence_number)) != 0) {
        return CEDE_OSCORE_REPLAY;
    }
    return CEDE_OK;
}

void cede_oscore_window_commit(struct cede_oscore_window *window, uint64_t sequence_number)
{
    if (sequence_number > window->highest + window->len) {
        window->highest = sequence_number - window->len; /* what is skipped is too old already */
    }
    while (window->highest < sequence_number) {
        window->highest++;
        *word_of(window, window->highest) &= ~bit_of(window->highest);
    }
    *word_of(window, sequence_number) |= bit_of(sequence_number);
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
