/* SPDX-License-Identifier: Apache-2.0 */
/* The one-line log. State is per process: the actor's name, the level and the form. */
#include "server/common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cede/posix.h"

static char actor[64] = "cede";
static enum log_level highest = LOG_LEVEL_INFO;
static bool as_json;

void log_set_actor(const char *name)
{
    snprintf(actor, sizeof actor, "%s", name);
}

void log_set_level(enum log_level level)
{
    highest = level;
}

void log_set_json(bool json)
{
    as_json = json;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warning", "info"};
    return names[level];
}

/* UTC with milliseconds, RFC 3339. */
static void timestamp(char text[40])
{
    struct timespec now;
    struct tm parts;
    char seconds[24];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, 40, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000));
}

/* Copies `from` with everything but printable ASCII as \u00XX, and in JSON quotes and backslashes
 * escaped too, as far as it fits: names are chosen by strangers, terminals obey more than C0. */
static void escape(const char *from, char *out, size_t cap)
{
    size_t len = 0;
    for (; *from != '\0' && len + 7 < cap; from++) {
        unsigned char c = (unsigned char)*from;
        if (c < 0x20 || c >= 0x7f) {
            len += (size_t)snprintf(out + len, cap - len, "\\u%04x", c);
        } else {
            if (as_json && (c == '"' || c == '\\')) {
                out[len++] = '\\';
            }
            out[len++] = (char)c;
        }
    }
    out[len] = '\0';
}

static void write_line(enum log_level level, const char *format, va_list args)
{
    char message[LOG_LINE_MAX];
    char escaped[LOG_LINE_MAX];
    char time[40];
    char line[LOG_LINE_MAX + 256];
    if (level > highest) {
        return;
    }
    vsnprintf(message, sizeof message, format, args);
    escape(message, escaped, sizeof escaped);
    timestamp(time);
    const char *form = as_json ? "{\"time\":\"%s\",\"actor\":\"%s\",\"pid\":%d,\"level\":\"%s\","
                                 "\"message\":\"%s\"}\n"
                               : "%s %s[%d] %s %s\n";
    int len =
        snprintf(line, sizeof line, form, time, actor, (int)getpid(), level_name(level), escaped);
    if (len > 0) {
        (void)!write(STDERR_FILENO, line, (size_t)len);
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(level, format, args);
    va_end(args);
}

/* A line for a stranger is taken from a store that fills up again. */
static bool stranger_has_a_line(unsigned *left_out)
{
    static uint64_t filled_ms;
    static unsigned lines = LOG_STRANGERS, missed;
    uint64_t now = cede_monotonic_ms(), more = (now - filled_ms) / LOG_STRANGERS_MS;

    lines = more >= LOG_STRANGERS - lines ? LOG_STRANGERS : lines + (unsigned)more;
    filled_ms = lines == LOG_STRANGERS ? now : filled_ms + more * LOG_STRANGERS_MS;
    if (lines == 0) {
        missed++;
        return false;
    }
    lines--;
    *left_out = missed;
    missed = 0;
    return true;
}

void log_stranger(const char *format, ...)
{
    unsigned left_out = 0;
    va_list args;

    if (!stranger_has_a_line(&left_out)) {
        return;
    }
    if (left_out > 0) {
        log_info("%u refusals before the next one are not in this log", left_out);
    }
    va_start(args, format);
    write_line(LOG_LEVEL_INFO, format, args);
    va_end(args);
}
