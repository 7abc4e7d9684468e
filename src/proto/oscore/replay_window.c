/* SPDX-License-Identifier: Apache-2.0 */
/* replay_window.c - the sliding window of received partial IVs (RFC 8613, 7.4). */
#include "proto/oscore/oscore_internal.h"

enum cede_status cede_oscore_window_check(const struct cede_oscore_window *window,
                                          uint64_t sequence_number)
{
    uint64_t age;

    if (window->seen == 0 || sequence_number > window->highest) {
        return CEDE_OK;
    }
    age = window->highest - sequence_number;
    if (age >= window->len || (window->seen >> age & 1) != 0) {
        return CEDE_OSCORE_REPLAY;
    }
    return CEDE_OK;
}

void cede_oscore_window_commit(struct cede_oscore_window *window, uint64_t sequence_number)
{
    uint64_t step;

    if (window->seen == 0) {
        window->highest = sequence_number;
        window->seen = 1;
        return;
    }
    if (sequence_number <= window->highest) {
        window->seen |= UINT64_C(1) << (window->highest - sequence_number);
        return;
    }
    step = sequence_number - window->highest;
    window->seen = step < 64 ? window->seen << step | 1 : 1;
    window->highest = sequence_number;
}

void cede_oscore_window_restart(struct cede_oscore_window *window, uint64_t sequence_number)
{
    window->highest = sequence_number;
    window->seen = UINT64_MAX;
    window->lost = false;
}
