/* SPDX-License-Identifier: Apache-2.0 */
/* heard_log.h - what a test's code under test writes to the log, for tests that look at it. */
#ifndef CEDE_TESTS_HEARD_LOG_H
#define CEDE_TESTS_HEARD_LOG_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct heard_log {
    int kept, fd;
};

/* From now on standard error goes into a file in memory. */
static inline struct heard_log heard_log_begin(void)
{
    struct heard_log heard = {dup(STDERR_FILENO), memfd_create("log", 0)};

    (void)!dup2(heard.fd, STDERR_FILENO);
    return heard;
}

/* How often `text` has been written since. */
static inline unsigned heard_log_count(const struct heard_log *heard, const char *text)
{
    static char all[65536];
    ssize_t len = pread(heard->fd, all, sizeof all - 1, 0);
    unsigned count = 0;

    all[len > 0 ? len : 0] = '\0';
    for (const char *at = all; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

/* Standard error is what it was; cmocka's failures before this go the way of the log. */
static inline void heard_log_end(struct heard_log *heard)
{
    (void)!dup2(heard->kept, STDERR_FILENO);
    close(heard->kept);
    close(heard->fd);
}

#endif
