/* SPDX-License-Identifier: Apache-2.0 */
/* span.c - spans, wiping and constant-time comparison. */
#include <string.h>

#include "cede/bytes.h"

struct cede_span cede_span_string(const char *string)
{
    size_t len = 0;

    if (string == NULL) {
        return CEDE_SPAN_NULL;
    }
    while (string[len] != '\0') {
        len++;
    }
    return cede_span((const uint8_t *)string, len);
}

bool cede_span_equal(struct cede_span a, struct cede_span b)
{
    if (a.ptr == NULL || b.ptr == NULL) {
        return a.ptr == b.ptr;
    }
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

int cede_span_compare(struct cede_span a, struct cede_span b)
{
    size_t common_len = a.len < b.len ? a.len : b.len;
    int order = common_len > 0 ? memcmp(a.ptr, b.ptr, common_len) : 0;

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

struct cede_span cede_span_part(struct cede_span span, size_t from, size_t len)
{
    if (span.ptr == NULL || from > span.len || len > span.len - from) {
        return CEDE_SPAN_NULL;
    }
    return cede_span(span.ptr + from, len);
}

bool cede_span_offset(struct cede_span whole, struct cede_span part, size_t *at)
{
    uintptr_t first = (uintptr_t)whole.ptr;
    uintptr_t start = (uintptr_t)part.ptr;

    if (whole.ptr == NULL || part.ptr == NULL || start < first || start - first > whole.len ||
        part.len > whole.len - (start - first)) {
        return false;
    }
    *at = (size_t)(start - first);
    return true;
}

enum cede_status cede_copy(struct cede_buf to, struct cede_span from, struct cede_span *copied)
{
    *copied = CEDE_SPAN_NULL;
    if (from.len > to.cap) {
        return CEDE_NO_SPACE;
    }
    if (from.len > 0) {
        memmove(to.ptr, from.ptr, from.len);
    }
    *copied = cede_span(to.ptr, from.len);
    return CEDE_OK;
}

void cede_wipe(void *memory, size_t len)
{
    if (len > 0) {
        memset(memory, 0, len);
    }
    /* The compiler must believe that somebody reads the zeros. */
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}

bool cede_equal_constant_time(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t difference = 0;

    for (size_t i = 0; i < len; i++) {
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    }
    return difference == 0;
}
