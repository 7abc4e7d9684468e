/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - the two clocks: one for timers, one for certificates. */
#include <time.h>

#include "cede/posix.h"

uint64_t cede_monotonic_ms(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with a known clock */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t cede_wall_clock(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}
