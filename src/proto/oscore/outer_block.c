/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outer_block.c - OSCORE messages that a proxy has cut into blocks (RFC 8613, 4.1.3.4.2): put
 * together again before anything is decrypted. Whoever is on the path can send blocks, so what is
 * gathered is limited, and of one message only.
 */
#include "proto/oscore/oscore_internal.h"

static bool is_block_option(uint16_t number)
{
    return number == CEDE_COAP_BLOCK1 || number == CEDE_COAP_BLOCK2 || number == CEDE_COAP_SIZE1 ||
           number == CEDE_COAP_SIZE2 || number == CEDE_COAP_REQUEST_TAG;
}

/* The message with the whole payload, without what the proxy has added. */
static enum cede_status compose(const struct cede_coap_message *message, struct cede_span payload,
                                struct cede_buf out, struct cede_span *whole)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, message->type, message->code, message->message_id, message->token);
    struct cede_coap_options options = cede_coap_options(message->options);
    struct cede_coap_option option;

    while (cede_coap_options_next(&options, &option)) {
        if (!is_block_option(option.number)) {
            cede_coap_put_option(&encoder, option.number, option.value);
        }
    }
    cede_coap_put_payload(&encoder, payload);
    return cede_coap_finish(&encoder, whole);
}

/* What tells the blocks of one message from those of another. */
static enum cede_status read_identity(const struct cede_coap_message *message,
                                      struct cede_oscore_gathering *identity)
{
    struct cede_span option, tag;

    memset(identity, 0, sizeof(*identity));
    if (!cede_coap_find_option(message, CEDE_COAP_OSCORE, &option)) {
        return CEDE_OSCORE_UNPROTECTED;
    }
    identity->has_tag = cede_coap_find_option(message, CEDE_COAP_REQUEST_TAG, &tag);
    if (option.len > sizeof(identity->option) || tag.len > sizeof(identity->tag)) {
        return CEDE_COAP_OPTION_VALUE;
    }
    identity->option_len = (uint8_t)option.len;
    identity->tag_len = (uint8_t)tag.len;
    (void)cede_oscore_put(identity->option, option.ptr, option.len);
    (void)cede_oscore_put(identity->tag, tag.ptr, tag.len);
    return CEDE_OK;
}

static bool same_identity(const struct cede_oscore_gathering *a,
                          const struct cede_oscore_gathering *b)
{
    return a->option_len == b->option_len && a->tag_len == b->tag_len && a->has_tag == b->has_tag &&
           memcmp(a->option, b->option, sizeof(a->option)) == 0 &&
           memcmp(a->tag, b->tag, sizeof(a->tag)) == 0;
}

enum cede_status cede_oscore_gather(struct cede_oscore_gathering *gathering,
                                    struct cede_span datagram, struct cede_buf body,
                                    struct cede_buf out, struct cede_coap_block *block,
                                    struct cede_span *whole)
{
    struct cede_oscore_gathering identity;
    struct cede_coap_message message;
    bool present;

    *whole = CEDE_SPAN_NULL;
    CEDE_TRY(cede_coap_decode(datagram, &message));
    CEDE_TRY(cede_coap_find_block(
        &message, cede_coap_is_request(&message) ? CEDE_COAP_BLOCK1 : CEDE_COAP_BLOCK2, &present,
        block));
    if (!present) {
        *whole = datagram;
        return CEDE_OK;
    }
    CEDE_TRY(read_identity(&message, &identity));
    if (block->number == 0) {
        *gathering = identity;
    } else if (!same_identity(gathering, &identity)) {
        return CEDE_COAP_BLOCK_MISSING;
    }
    CEDE_TRY(cede_coap_assembly_add(&gathering->assembly, body, block, message.payload));
    if (!gathering->assembly.complete) {
        return CEDE_OK;
    }
    return compose(&message, cede_span(body.ptr, gathering->assembly.len), out, whole);
}
