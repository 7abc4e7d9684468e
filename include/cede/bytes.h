/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.h - spans, readers and writers: all pointer arithmetic of cede sits behind these.
 *
 * Place: the left end of the line of data; knows nothing but bytes.
 * Memory: nothing is allocated; every span points into memory of the caller.
 * Threads: functions touch only their arguments.
 *
 * Readers and writers have a sticky status: call in a row, check once at the end. After a failure a
 * reader returns zeros and null spans, a writer only counts.
 */
#ifndef CEDE_BYTES_H
#define CEDE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cede/status.h"

/* Bytes to read. A null `ptr` means absent, which differs from empty. */
struct cede_span {
    const uint8_t *ptr;
    size_t len;
};

/* Memory to write into. */
struct cede_buf {
    uint8_t *ptr;
    size_t cap;
};

#define CEDE_SPAN_NULL          ((struct cede_span){NULL, 0})
#define CEDE_SPAN_ARRAY(array_) ((struct cede_span){(array_), sizeof(array_)})
#define CEDE_BUF_ARRAY(array_)  ((struct cede_buf){(array_), sizeof(array_)})
/* A span over a string literal, without its terminating zero. */
#define CEDE_SPAN_TEXT(literal_)                                                                   \
    ((struct cede_span){(const uint8_t *)("" literal_), sizeof("" literal_) - 1})

static inline struct cede_span cede_span(const uint8_t *ptr, size_t len)
{
    struct cede_span span = {ptr, len};
    return span;
}

static inline struct cede_buf cede_buf(uint8_t *ptr, size_t cap)
{
    struct cede_buf buf = {ptr, cap};
    return buf;
}

static inline bool cede_span_is_null(struct cede_span span)
{
    return span.ptr == NULL;
}

/* A span over a zero-terminated string, without the zero. */
struct cede_span cede_span_string(const char *string);
/* Equal length and bytes; null equals null only. Not constant-time: for public values. */
bool cede_span_equal(struct cede_span a, struct cede_span b);
/* Bytewise lexicographic order, shorter first on a common prefix: <0, 0, >0. */
int cede_span_compare(struct cede_span a, struct cede_span b);
/* The part [from, from + len) of a span; null when it does not lie inside. */
struct cede_span cede_span_part(struct cede_span span, size_t from, size_t len);
/* True when `part` lies inside `whole`; then *at is its offset. */
bool cede_span_offset(struct cede_span whole, struct cede_span part, size_t *at);

/* Copies `from` to the start of `to`. CEDE_NO_SPACE: `to` is too small, nothing is copied. */
CEDE_MUST_USE enum cede_status cede_copy(struct cede_buf to, struct cede_span from,
                                         struct cede_span *copied);

/* Overwrites memory in a way the compiler may not remove. For every secret, on every path. */
void cede_wipe(void *memory, size_t len);
/* Compares secrets: the time depends on `len` only. */
bool cede_equal_constant_time(const uint8_t *a, const uint8_t *b, size_t len);

/* --- reading ---------------------------------------------------------------------------------- */

struct cede_reader {
    struct cede_span in;
    size_t pos;              /* offset of the next byte; after a failure, where it happened */
    enum cede_status status; /* first failure, sticky */
};

struct cede_reader cede_reader(struct cede_span in);
/* The same where a span is in memory anyway, in less code. */
void cede_reader_open(struct cede_reader *reader, const struct cede_span *in);
/* Marks the reader failed (the first failure stays); CEDE_OK leaves it as it is. */
void cede_reader_fail(struct cede_reader *reader, enum cede_status status);
size_t cede_reader_left(const struct cede_reader *reader);
bool cede_reader_at_end(const struct cede_reader *reader);  /* ok and nothing left */
uint8_t cede_reader_peek(const struct cede_reader *reader); /* 0 at the end or after a failure */
uint8_t cede_read_u8(struct cede_reader *reader);
uint16_t cede_read_u16(struct cede_reader *reader); /* network byte order */
uint32_t cede_read_u32(struct cede_reader *reader);
uint64_t cede_read_u64(struct cede_reader *reader);
struct cede_span cede_read_bytes(struct cede_reader *reader, size_t len);
struct cede_span cede_read_rest(struct cede_reader *reader);
/* The bytes between `from`, an earlier position, and the present one. */
struct cede_span cede_reader_since(const struct cede_reader *reader, size_t from);
/* The reader's status, or CEDE_TRAILING_BYTES when input is left. */
CEDE_MUST_USE enum cede_status cede_reader_finish(const struct cede_reader *reader);

/* --- writing ---------------------------------------------------------------------------------- */

/* A writer over a null buffer with capacity 0 never fails for space: it counts (`len`). */
struct cede_writer {
    struct cede_buf out;
    size_t len;              /* bytes written so far, or that would have been */
    enum cede_status status; /* first failure, sticky; CEDE_NO_SPACE once past the capacity */
};

struct cede_writer cede_writer(struct cede_buf out);
struct cede_writer cede_writer_counting(void);
void cede_writer_fail(struct cede_writer *writer, enum cede_status status);
void cede_write_u8(struct cede_writer *writer, uint8_t value);
void cede_write_u16(struct cede_writer *writer, uint16_t value);
void cede_write_u32(struct cede_writer *writer, uint32_t value);
void cede_write_u64(struct cede_writer *writer, uint64_t value);
void cede_write_bytes(struct cede_writer *writer, struct cede_span bytes);
/* Reserves `len` bytes and returns where to fill them in; a null buffer when counting or failed. */
struct cede_buf cede_write_room(struct cede_writer *writer, size_t len);
/* What has been written; null after a failure. */
struct cede_span cede_written(const struct cede_writer *writer);
/* Status and written span together; *out is null on failure. */
CEDE_MUST_USE enum cede_status cede_writer_finish(const struct cede_writer *writer,
                                                  struct cede_span *out);

#endif
