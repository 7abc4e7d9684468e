/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dedup.c - the server's memory of messages already seen (RFC 7252, 4.5).
 *
 * All entries live equally long, so a ring in order of arrival is also a ring in order of expiry:
 * the next slot to use is always the oldest. Chains by hash make the lookup independent of the
 * number of entries; entry i also holds the head of chain i, so there is no second table.
 */
#include <string.h>

#include "cede/coap.h"

enum cede_status cede_coap_dedup_init(struct cede_coap_dedup *dedup,
                                      struct cede_coap_dedup_entry *entries, uint32_t entries_count,
                                      struct cede_buf answers, uint64_t lifetime_ms, uint32_t seed)
{
    struct cede_coap_dedup fresh = {entries, entries_count, 0, seed, answers, lifetime_ms};

    memset(dedup, 0, sizeof(*dedup));
    if (entries == NULL || entries_count == 0) {
        return CEDE_BAD_ARGUMENT;
    }
    memset(entries, 0, entries_count * sizeof(*entries));
    *dedup = fresh;
    return CEDE_OK;
}

static uint32_t mix(uint32_t hash, uint8_t byte)
{
    hash = (hash ^ byte) * UINT32_C(16777619); /* FNV-1a, from a seed */
    return hash ^ hash >> 15;
}

static uint32_t hash_key(const struct cede_coap_dedup *dedup, struct cede_span peer,
                         uint16_t message_id)
{
    uint32_t hash = dedup->seed ^ UINT32_C(2166136261);

    for (size_t i = 0; i < peer.len; i++) {
        hash = mix(hash, peer.ptr[i]);
    }
    hash = mix(hash, (uint8_t)(message_id >> 8));
    return mix(hash, (uint8_t)message_id);
}

static uint32_t *bucket_of(struct cede_coap_dedup *dedup, uint32_t hash)
{
    return &dedup->entries[hash % dedup->entries_count].bucket;
}

static struct cede_coap_dedup_entry *find(struct cede_coap_dedup *dedup, struct cede_span peer,
                                          uint16_t message_id, uint32_t hash)
{
    uint32_t link = *bucket_of(dedup, hash);

    while (link != 0) {
        struct cede_coap_dedup_entry *entry = &dedup->entries[link - 1];

        if (entry->hash == hash && entry->message_id == message_id &&
            cede_span_equal(cede_span(entry->peer, entry->peer_len), peer)) {
            return entry;
        }
        link = entry->next;
    }
    return NULL;
}

static void unlink_entry(struct cede_coap_dedup *dedup, uint32_t index)
{
    uint32_t *link = bucket_of(dedup, dedup->entries[index].hash);

    while (*link != index + 1) { /* an entry in use is in the chain of its hash */
        link = &dedup->entries[*link - 1].next;
    }
    *link = dedup->entries[index].next;
}

static void remember(struct cede_coap_dedup *dedup, struct cede_span peer, uint16_t message_id,
                     uint32_t hash, uint64_t now_ms)
{
    uint32_t index = dedup->newest;
    struct cede_coap_dedup_entry *entry = &dedup->entries[index];
    uint32_t *bucket = bucket_of(dedup, hash);

    if (entry->expires_at_ms != 0) {
        unlink_entry(dedup, index);
    }
    entry->expires_at_ms = now_ms + dedup->lifetime_ms + 1; /* never 0 */
    entry->hash = hash;
    entry->next = *bucket;
    entry->message_id = message_id;
    entry->answered = false;
    entry->answer_len = 0;
    entry->peer_len = (uint8_t)peer.len;
    memcpy(entry->peer, peer.ptr, peer.len);
    *bucket = index + 1;
    dedup->newest = (index + 1) % dedup->entries_count;
}

/* The share of the answers' memory that belongs to an entry. */
static struct cede_buf answer_of(const struct cede_coap_dedup *dedup,
                                 const struct cede_coap_dedup_entry *entry)
{
    size_t share = dedup->answers.cap / dedup->entries_count;
    size_t index = (size_t)(entry - dedup->entries);

    if (share == 0) {
        return cede_buf(NULL, 0);
    }
    return cede_buf(dedup->answers.ptr + index * share, share);
}

enum cede_coap_seen cede_coap_dedup_check(struct cede_coap_dedup *dedup, struct cede_span peer,
                                          uint16_t message_id, uint64_t now_ms,
                                          struct cede_span *answer)
{
    uint32_t hash;
    struct cede_coap_dedup_entry *entry;

    *answer = CEDE_SPAN_NULL;
    if (peer.len > CEDE_COAP_PEER_LEN_MAX || cede_span_is_null(peer)) {
        return CEDE_COAP_NEW; /* cannot be told from others, so not remembered */
    }
    hash = hash_key(dedup, peer, message_id);
    entry = find(dedup, peer, message_id, hash);
    /* The newest of a chain is found first: an expired entry hides nothing that is alive. */
    if (entry == NULL || entry->expires_at_ms <= now_ms) {
        remember(dedup, peer, message_id, hash, now_ms);
        return CEDE_COAP_NEW;
    }
    if (!entry->answered) {
        return CEDE_COAP_IN_PROGRESS;
    }
    *answer = cede_span(answer_of(dedup, entry).ptr, entry->answer_len);
    return CEDE_COAP_ANSWERED;
}

enum cede_status cede_coap_dedup_store(struct cede_coap_dedup *dedup, struct cede_span peer,
                                       uint16_t message_id, struct cede_span answer)
{
    struct cede_coap_dedup_entry *entry;
    struct cede_span copied;

    if (peer.len > CEDE_COAP_PEER_LEN_MAX || cede_span_is_null(peer)) {
        return CEDE_NOT_FOUND;
    }
    entry = find(dedup, peer, message_id, hash_key(dedup, peer, message_id));
    if (entry == NULL) {
        return CEDE_NOT_FOUND;
    }
    if (answer.len > UINT16_MAX) {
        return CEDE_NO_SPACE;
    }
    CEDE_TRY(cede_copy(answer_of(dedup, entry), answer, &copied));
    entry->answer_len = (uint16_t)copied.len;
    entry->answered = true;
    return CEDE_OK;
}
