/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line a event on stderr: time, actor, process id, level, message.
 *
 *   2026-05-04T12:00:00.123Z sp1[4711] info device 42 accepted the order
 *
 * or, after log_set_json(true), one JSON object a line with the same five members. A line is one
 * write(2), so lines of several processes do not mix. Control characters are escaped: a peer's
 * bytes cannot forge a line. Never log secrets: keys, tokens, passwords; certificates are named by
 * thumbprint.
 */
#ifndef CEDE_SERVER_LOG_H
#define CEDE_SERVER_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

/* Longer messages are cut. */
#define LOG_LINE_MAX 2048

/* Names this process in its lines ("sp1", "sp1-courier"); copied, 63 bytes at most. */
void log_set_actor(const char *actor);
/* Lines above this level are dropped; LOG_LEVEL_INFO at start. */
void log_set_level(enum log_level level);
void log_set_json(bool json);

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void log_write(enum log_level level, const char *format, ...);

/* What a stranger did and was refused, at level info: whoever is not authenticated must not fill
 * the disk. LOG_STRANGERS lines at once, then one each LOG_STRANGERS_MS; the next one that is
 * written comes behind the number of those left out. */
#define LOG_STRANGERS    50
#define LOG_STRANGERS_MS 200
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void log_stranger(const char *format, ...);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
