/* SPDX-License-Identifier: Apache-2.0 */
/* refusals.c - a ring of hashes. */
#include "server/common/refusals.h"

#include "server/common/log.h"

#define NAME_LEN_MAX 64 /* what is printed of it */

/* FNV-1a: who aims at it gains that his own refusal is not told. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

static bool is_new(struct refusals *all, uint64_t now_ms, const char *from, struct cede_span bytes)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    while (*from != '\0') {
        hash = hash_bytes(hash, from++, 1);
    }
    hash = hash_bytes(hash, bytes.ptr, bytes.len);
    for (size_t i = 0; i < REFUSALS_KEPT; i++) {
        if (all->told[i].hash == hash && now_ms - all->told[i].at_ms < REFUSALS_MS) {
            return false;
        }
    }
    all->told[all->next].hash = hash;
    all->told[all->next].at_ms = now_ms;
    all->next = (all->next + 1) % REFUSALS_KEPT;
    return true;
}

void refusals_tell(struct refusals *all, uint64_t now_ms, const struct refusal *refusal)
{
    char from[CEDE_ADDRESS_TEXT_LEN];

    (void)cede_address_text(refusal->from, from);
    if (!is_new(all, now_ms, from, refusal->datagram)) {
        return;
    }
    if (refusal->name != NULL && refusal->name[0] != '\0') {
        log_stranger("%s with %s: refused '%.*s': %s", refusal->protocol, from, NAME_LEN_MAX,
                     refusal->name, refusal->why);
    } else {
        log_stranger("%s with %s refused: %s", refusal->protocol, from, refusal->why);
    }
}
