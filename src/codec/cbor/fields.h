/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.h - maps of which some keys are known, read into a struct after a table.
 *
 * Place: inside the codecs; header parameters, claims and keys are such maps.
 */
#ifndef CEDE_SRC_CODEC_CBOR_FIELDS_H
#define CEDE_SRC_CODEC_CBOR_FIELDS_H

#include "codec/cbor/cbor.h"

/* What is kept of a value. */
enum cbor_keep {
    CBOR_KEEP_ITEM,    /* struct cede_span: the encoded item */
    CBOR_KEEP_CONTENT, /* struct cede_span: what the string holds */
    CBOR_KEEP_INT32,   /* int32_t, not zero, which stands for absent */
    CBOR_KEEP_INT64    /* int64_t within +-2^62: sums and differences of two do not overflow */
};

struct cbor_field {
    uint8_t key;    /* CBOR_KEY() */
    uint8_t types;  /* set of the major types its value may have */
    uint8_t keep;   /* enum cbor_keep */
    uint8_t offset; /* in the struct */
};

/* A key from -24 to 127 in one byte: the byte that encodes it, or 128 more than the second byte. */
#define CBOR_KEY(key_)                                                                             \
    ((uint8_t)((key_) < 0 ? 0x1f - (key_) : (key_) < 24 ? (key_) : 0x80 + (key_)))

#define CBOR_KEY_NUMBER(code_)                                                                     \
    ((code_) >= 0x80 ? (code_)-0x80 : (code_) >= 0x20 ? 0x1f - (code_) : (code_))

struct cbor_form {
    const struct cbor_field *fields;
    uint16_t fields_count;
    uint16_t key_status;   /* for a key that comes twice, is one too many or neither int nor text */
    uint16_t value_status; /* for a value that has another type or does not fit */
};

/* The keys met so far, to notice one that comes twice; the bound is for that costs their square.
 * Maps that share one such set lie in one buffer, in the order in which they are read. */
#define CBOR_KEYS_MAX 32
struct cbor_keys {
    enum cede_cbor_order order;
    size_t count;
    const uint8_t *seen[CBOR_KEYS_MAX];
};

static inline void cbor_keys_begin(struct cbor_keys *keys, enum cede_cbor_order order)
{
    keys->order = order;
    keys->count = 0;
}

/* Row of an encoded key in the table, fields_count for one that is not there. */
unsigned cbor_field_row(const struct cbor_form *form, const uint8_t *key);
/* Reads one map into `object`, where fields that are absent are left as they are. Returns which
 * were present, bit n for row n. */
uint32_t cbor_get_fields(struct cede_reader *reader, const struct cbor_form *form,
                         struct cbor_keys *keys, void *object);

#endif
