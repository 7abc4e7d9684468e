/* SPDX-License-Identifier: Apache-2.0 */
/* outer_blocks.c - a small table of gatherings, by peer and OSCORE option. */
#include "server/common/outer_blocks.h"

#include <string.h>

/* A proxy speaks for many devices: the OSCORE option tells their requests apart. */
static bool belongs(const struct outer_block *entry, struct cede_span peer, struct cede_span option)
{
    return entry->peer_len > 0 && cede_span_equal(cede_span(entry->peer, entry->peer_len), peer) &&
           cede_span_equal(cede_span(entry->gathering.option, entry->gathering.option_len), option);
}

static struct outer_block *find(struct outer_blocks *all, struct cede_span peer,
                                struct cede_span option, bool first)
{
    struct outer_block *oldest = &all->entries[0];

    for (size_t i = 0; i < OUTER_BLOCKS_MAX; i++) {
        struct outer_block *entry = &all->entries[i];

        if (belongs(entry, peer, option)) {
            return entry;
        }
        if (entry->used_at < oldest->used_at) {
            oldest = entry;
        }
    }
    if (!first || peer.len > sizeof oldest->peer) {
        return NULL;
    }
    memset(oldest, 0, sizeof *oldest);
    memcpy(oldest->peer, peer.ptr, peer.len);
    oldest->peer_len = peer.len;
    return oldest;
}

enum cede_status outer_blocks_take(struct outer_blocks *all, struct cede_span peer,
                                   struct cede_span datagram, struct cede_buf out,
                                   struct cede_coap_block *block, struct cede_span *whole)
{
    struct cede_coap_message message;
    struct cede_span option = CEDE_SPAN_NULL;
    struct outer_block *entry = NULL;
    bool present = false;
    enum cede_status status = CEDE_OK;

    *whole = CEDE_SPAN_NULL;
    CEDE_TRY(cede_coap_decode(datagram, &message));
    CEDE_TRY(cede_coap_find_block(&message, CEDE_COAP_BLOCK1, &present, block));
    (void)cede_coap_find_option(&message, CEDE_COAP_OSCORE, &option);
    entry = find(all, peer, option, present && block->number == 0);
    if (entry == NULL) {
        return CEDE_COAP_BLOCK_MISSING;
    }
    entry->used_at = ++all->clock;
    status = cede_oscore_gather(&entry->gathering, datagram, CEDE_BUF_ARRAY(entry->body), out,
                                block, whole);
    if (status != CEDE_OK || !cede_span_is_null(*whole)) {
        memset(entry, 0, sizeof *entry);
    }
    return status;
}

enum cede_status outer_blocks_acknowledge(struct cede_span answer,
                                          const struct cede_coap_block *block, struct cede_buf out,
                                          struct cede_span *datagram)
{
    struct cede_coap_message message;
    struct cede_coap_encoder encoder;
    struct cede_coap_options options;
    struct cede_coap_option option;
    bool done = false;

    CEDE_TRY(cede_coap_decode(answer, &message));
    encoder = cede_coap_begin(out, message.type, message.code, message.message_id, message.token);
    options = cede_coap_options(message.options);
    while (cede_coap_options_next(&options, &option)) {
        if (!done && option.number > CEDE_COAP_BLOCK1) {
            cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(block));
            done = true;
        }
        cede_coap_put_option(&encoder, option.number, option.value);
    }
    if (!done) {
        cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, cede_coap_block_value(block));
    }
    cede_coap_put_payload(&encoder, message.payload);
    return cede_coap_finish(&encoder, datagram);
}
