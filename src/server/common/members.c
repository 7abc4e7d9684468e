/* SPDX-License-Identifier: Apache-2.0 */
/* members.c - finds the member nobody knows, and the known one it is most like. */
#include "server/common/members.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Characters that two names have in common, counted from both ends. */
static size_t likeness(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b), len = a_len < b_len ? a_len : b_len;
    size_t head = 0, tail = 0;

    while (head < len && a[head] == b[head]) {
        head++;
    }
    while (tail < len - head && a[a_len - 1 - tail] == b[b_len - 1 - tail]) {
        tail++;
    }
    return head + tail;
}

/* The one of `names` that is most like `name`; null: none has more than half of it. */
static const char *similar(const char *name, const char *const *names)
{
    const char *best = NULL;
    size_t most = strlen(name) / 2;

    for (; *names != NULL; names++) {
        if (likeness(name, *names) > most) {
            most = likeness(name, *names);
            best = *names;
        }
    }
    return best;
}

bool members_unknown(const json_t *object, const char *const *names, char *why, size_t why_cap)
{
    const char *member, *meant;
    const json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, member, value)
    {
        const char *const *name = names;
        while (*name != NULL && strcmp(*name, member) != 0) {
            name++;
        }
        if (*name == NULL) {
            meant = similar(member, names);
            snprintf(why, why_cap, "no member '%s'%s%s%s", member,
                     meant == NULL ? "" : "; did you mean '", meant == NULL ? "" : meant,
                     meant == NULL ? "" : "'?");
            return true;
        }
    }
    return false;
}
