/* SPDX-License-Identifier: Apache-2.0 */
/* ead.c - external authorization data and padding (RFC 9528, section 3.8). */
#include "edhoc_engine.h"

#define PADDING 0

void edhoc_put_eads(struct cede_writer *writer, const struct cede_edhoc_eads *eads)
{
    if (eads == NULL) {
        return;
    }
    if (eads->count > CEDE_EDHOC_EAD_ITEMS_MAX) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        return;
    }
    for (size_t i = 0; i < eads->count; i++) {
        const struct cede_edhoc_ead *item = &eads->items[i];

        if (item->label < (item->critical ? 1 : 0)) { /* padding is never critical */
            cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        }
        cede_cbor_put_int(writer, item->critical ? -item->label : item->label);
        if (item->value.ptr != NULL) {
            cede_cbor_put_bytes(writer, item->value);
        }
    }
}

static bool is_known(const struct cede_edhoc_config *config, int32_t label)
{
    for (size_t i = 0; i < config->ead_labels_count; i++) {
        if (config->ead_labels[i] == label) {
            return true;
        }
    }
    return false;
}

/* Known items are kept, padding and unknown ones that are not critical are dropped. */
enum cede_status edhoc_eads_decode(const struct cede_edhoc_config *config, struct cede_span ead,
                                   struct cede_edhoc_eads *eads)
{
    struct cede_reader reader = cede_reader(ead);

    eads->count = 0;
    while (cede_reader_left(&reader) > 0) {
        int32_t label = cede_cbor_get_int32(&reader);
        struct cede_edhoc_ead item = {label < 0 ? -label : label, label < 0, CEDE_SPAN_NULL};

        if (cede_cbor_peek(&reader) == CEDE_CBOR_BYTES) {
            item.value = cede_cbor_get_bytes(&reader);
        }
        if (!is_known(config, item.label)) {
            if (item.critical) {
                cede_reader_fail(&reader, CEDE_EDHOC_EAD_CRITICAL);
            }
        } else if (eads->count == CEDE_EDHOC_EAD_ITEMS_MAX) {
            cede_reader_fail(&reader, CEDE_EDHOC_EAD);
        } else {
            eads->items[eads->count++] = item;
        }
    }
    return reader.status;
}

/* Adds the longest padding item of at most `padding_len` bytes; returns its length, 0 on failure.
 * One byte is the label alone; a value of n bytes costs its head and the label more. */
static size_t add_padding(struct cede_edhoc_eads *eads, size_t padding_len, struct cede_span random)
{
    struct cede_edhoc_ead item = {PADDING, false, CEDE_SPAN_NULL};
    size_t item_len = 1;

    if (padding_len > 1) {
        size_t value_len = padding_len - 2;
        while (1 + cede_cbor_head_len(value_len) + value_len > padding_len) {
            value_len--;
        }
        item.value = cede_span_part(random, 0, value_len);
        item_len = 1 + cede_cbor_head_len(value_len) + value_len;
    }
    if (eads->count >= CEDE_EDHOC_EAD_ITEMS_MAX || (padding_len > 1 && item.value.ptr == NULL)) {
        return 0;
    }
    eads->items[eads->count++] = item;
    return item_len;
}

enum cede_status cede_edhoc_pad(struct cede_edhoc_eads *eads, size_t padding_len,
                                struct cede_span random)
{
    size_t count_before = eads->count;

    while (padding_len > 0) {
        size_t item_len = add_padding(eads, padding_len, random);
        if (item_len == 0) {
            eads->count = count_before;
            return CEDE_NO_SPACE;
        }
        padding_len -= item_len;
    }
    return CEDE_OK;
}
