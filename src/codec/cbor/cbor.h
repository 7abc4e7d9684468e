/* SPDX-License-Identifier: Apache-2.0 */
/* cbor.h - the CBOR reader as the codecs use it: into memory, in sets of types. */
#ifndef CEDE_SRC_CODEC_CBOR_CBOR_H
#define CEDE_SRC_CODEC_CBOR_CBOR_H

#include "cede/cbor.h"

/* The next byte; at the end and after a failure one of type CEDE_CBOR_NONE. */
#define CBOR_NO_BYTE 0x100
unsigned cbor_first(const struct cede_reader *reader);
/* Consumes a head of one of `types`, a set with a bit for each enum cede_cbor_type, and returns its
 * argument, 0 after a failure. What is counted fits into the rest, text is UTF-8. */
uint64_t cbor_read_head(struct cede_reader *reader, unsigned types);
/* Consumes one item as cede_cbor_get_item() does; returns its first byte, null after a failure. */
const uint8_t *cbor_skip(struct cede_reader *reader);
/* As cede_cbor_get_string() and cede_cbor_get_item(), into memory. */
void cbor_read_string(struct cede_reader *reader, unsigned types, struct cede_span *string);
void cbor_read_item(struct cede_reader *reader, struct cede_span *item);
/* cede_reader_since() into memory. */
void cbor_read_since(const struct cede_reader *reader, size_t from, struct cede_span *bytes);
/* True when the key `first` comes before `second` in a deterministic map. */
bool cbor_keys_in_order(struct cede_span first, struct cede_span second);

#define CBOR_TYPE(type_)  (1u << CEDE_CBOR_##type_)
#define CBOR_TYPES_INT    (CBOR_TYPE(UINT) | CBOR_TYPE(NINT))
#define CBOR_TYPES_STRING (CBOR_TYPE(BYTES) | CBOR_TYPE(TEXT))
#define CBOR_TYPES_SIZED  (CBOR_TYPES_STRING | CBOR_TYPE(ARRAY) | CBOR_TYPE(MAP))
#define CBOR_TYPES_ALL    0xff

#endif
