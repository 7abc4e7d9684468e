/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_fields.c - maps of which some keys are known, read into a struct after a table. */
#include <string.h>

#include "codec/cbor/fields.h"

unsigned cbor_field_row(const struct cbor_form *form, struct cede_span key)
{
    unsigned code = key.ptr[0], row = 0;

    if (code == 0x18) {
        code = 0x80u + key.ptr[1];
    }
    while (row < form->fields_count && (form->fields[row].key != code || key.len > 2)) {
        row++;
    }
    return row;
}

/* Notes the key as the latest. An encoded item never begins another one: keys that differ do so
 * within the length of this one, and as many bytes follow each key before it. */
static enum cede_status add_key(struct cbor_keys *keys, struct cede_span key,
                                enum cede_status key_status)
{
    size_t count = keys->count;
    int order = -1;

    if (((CBOR_TYPES_INT | CBOR_TYPE(TEXT)) >> (key.ptr[0] >> 5) & 1) == 0 ||
        count == CBOR_KEYS_MAX) {
        return key_status;
    }
    for (size_t i = 0; i < count; i++) {
        order = memcmp(keys->seen[i], key.ptr, key.len);
        if (order == 0) {
            break;
        }
    }
    if (keys->order == CEDE_CBOR_SORTED && order >= 0) {
        return CEDE_CBOR_KEY_ORDER;
    }
    keys->seen[count] = key.ptr;
    keys->count = count + 1;
    return order != 0 ? CEDE_OK : key_status;
}

static void get_integer(struct cede_reader *reader, unsigned keep, enum cede_status value_status,
                        void *target)
{
    int64_t number = cede_cbor_get_int(reader);

    if (keep == CBOR_KEEP_INT64) {
        if ((uint64_t)number + (UINT64_C(1) << 62) > UINT64_C(1) << 63) {
            cede_reader_fail(reader, value_status);
        }
        *(int64_t *)target = number;
    } else {
        if (number != (int32_t)number || number == 0) {
            cede_reader_fail(reader, value_status);
        }
        *(int32_t *)target = (int32_t)number;
    }
}

static void get_value(struct cede_reader *reader, const struct cbor_form *form, unsigned row,
                      void *object)
{
    const struct cbor_field *field = &form->fields[row];
    void *target = (uint8_t *)object + field->offset;

    if (((field->types | 1u << CEDE_CBOR_NONE) >> cede_cbor_peek(reader) & 1) == 0) {
        cede_reader_fail(reader, form->value_status);
    } else if (field->keep >= CBOR_KEEP_INT32) {
        get_integer(reader, field->keep, form->value_status, target);
    } else {
        struct cede_span *span = target;
        *span = field->keep == CBOR_KEEP_CONTENT ? cede_cbor_get_string(reader, field->types)
                                                 : cede_cbor_get_item(reader);
    }
}

uint32_t cbor_get_fields(struct cede_reader *reader, const struct cbor_form *form,
                         struct cbor_keys *keys, void *object)
{
    size_t left = (size_t)cbor_read_head(reader, CBOR_TYPE(MAP));
    uint32_t present = 0;

    for (; left > 0 && reader->status == CEDE_OK; left--) {
        struct cede_span key = cede_cbor_get_item(reader);
        enum cede_status status;
        unsigned row;

        if (key.ptr == NULL) {
            break;
        }
        status = add_key(keys, key, form->key_status);
        if (status != CEDE_OK) {
            cede_reader_fail(reader, status);
        }
        row = cbor_field_row(form, key);
        present |= 1u << row;
        if (row == form->fields_count) {
            (void)cede_cbor_get_item(reader);
        } else {
            get_value(reader, form, row, object);
        }
    }
    return present;
}

struct cede_span cede_cbor_find_int(struct cede_span map, int64_t key)
{
    struct cede_reader reader = cede_reader(map);
    size_t left = (size_t)cbor_read_head(&reader, CBOR_TYPE(MAP));
    uint8_t wanted[CEDE_CBOR_HEAD_MAX];
    size_t wanted_len = key < 0 ? cede_cbor_head(wanted, CEDE_CBOR_NINT, (uint64_t)(-1 - key))
                                : cede_cbor_head(wanted, CEDE_CBOR_UINT, (uint64_t)key);

    for (; left > 0; left--) {
        struct cede_span found = cede_cbor_get_item(&reader);
        struct cede_span value = cede_cbor_get_item(&reader);

        if (value.ptr == NULL || cede_span_equal(found, cede_span(wanted, wanted_len))) {
            return value;
        }
    }
    return CEDE_SPAN_NULL;
}
