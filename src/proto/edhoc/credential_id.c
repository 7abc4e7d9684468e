/* SPDX-License-Identifier: Apache-2.0 */
/* credential_id.c - ID_CRED_x: which credential is meant (RFC 9528, section 3.5.3). */
#include "edhoc_engine.h"

#define TYPE(type_) (1u << CEDE_CBOR_##type_)

/* Labels of the COSE header parameters that name or carry a credential: RFC 9052, RFC 9360,
 * RFC 9528 (section 10.6) and the C509 draft, in the order of enum cede_edhoc_id_kind. */
static const struct {
    uint8_t label;
    uint8_t types; /* set of major types the value may have */
} parameters[] = {
    [CEDE_EDHOC_ID_X5CHAIN] = {33, TYPE(BYTES) | TYPE(ARRAY)},
    [CEDE_EDHOC_ID_C5C] = {25, TYPE(BYTES) | TYPE(ARRAY)},
    [CEDE_EDHOC_ID_KCCS] = {14, TYPE(MAP)},
    [CEDE_EDHOC_ID_KCWT] = {13, TYPE(TAG) | TYPE(ARRAY)}, /* COSE_Messages, tagged or not */
    [CEDE_EDHOC_ID_X5T] = {34, TYPE(ARRAY)},
    [CEDE_EDHOC_ID_C5T] = {22, TYPE(ARRAY)},
    [CEDE_EDHOC_ID_KID] = {4, TYPE(BYTES)},
    /* A tagged uri in RFC 9360, plain text in the C509 draft. */
    [CEDE_EDHOC_ID_X5U] = {35, TYPE(TAG) | TYPE(TEXT)},
    [CEDE_EDHOC_ID_C5U] = {23, TYPE(TAG) | TYPE(TEXT)},
};

/* A key that is no integer reads as 0, which is no label here. */
static enum cede_edhoc_id_kind kind_of(struct cede_span key)
{
    struct cede_reader reader = cede_reader(key);
    int32_t label = cede_cbor_get_int32(&reader);
    unsigned kind = 0;

    while (kind < CEDE_EDHOC_ID_OTHER && parameters[kind].label != label) {
        kind++;
    }
    return (enum cede_edhoc_id_kind)kind;
}

/* Reads one value; keeps it when it is the best way to the credential so far. */
static void take_parameter(struct cede_reader *reader, enum cede_edhoc_id_kind kind,
                           struct cede_edhoc_id_cred *id_cred)
{
    enum cede_cbor_type type = cede_cbor_peek(reader);
    struct cede_span value;

    if (kind != CEDE_EDHOC_ID_OTHER && (parameters[kind].types >> type & 1) == 0) {
        cede_reader_fail(reader, CEDE_EDHOC_ID_CRED);
    }
    value = kind == CEDE_EDHOC_ID_KID ? cede_cbor_get_bytes(reader) : cede_cbor_get_item(reader);
    if (reader->status == CEDE_OK && kind < id_cred->kind) {
        id_cred->kind = kind;
        id_cred->value = value;
    }
}

/* The labels may come in any order (section 3.5.3), but none twice. */
static struct cede_edhoc_id_cred get_map(struct cede_reader *reader)
{
    struct cede_edhoc_id_cred id_cred = {CEDE_EDHOC_ID_OTHER, CEDE_SPAN_NULL, CEDE_SPAN_NULL};
    size_t at = reader->pos;
    struct cede_cbor_map map = cede_cbor_get_map(reader, CEDE_CBOR_ANY_ORDER);
    size_t pairs_count = map.left;
    unsigned seen = 0;
    struct cede_span key;

    while (cede_cbor_map_next(reader, &map, &key)) {
        enum cede_edhoc_id_kind kind = kind_of(key);
        unsigned bit = kind == CEDE_EDHOC_ID_OTHER ? 0 : 1u << kind;

        if ((seen & bit) != 0) {
            cede_reader_fail(reader, CEDE_EDHOC_ID_CRED);
        }
        seen |= bit;
        take_parameter(reader, kind, &id_cred);
    }
    if (pairs_count == 0) {
        cede_reader_fail(reader, CEDE_EDHOC_ID_CRED);
    }
    if (pairs_count != 1 || id_cred.kind != CEDE_EDHOC_ID_KID) {
        id_cred.map = cede_reader_since(reader, at);
    }
    return id_cred;
}

enum cede_status cede_edhoc_id_cred_decode(struct cede_span map, struct cede_edhoc_id_cred *id_cred)
{
    struct cede_reader reader = cede_reader(map);
    struct cede_edhoc_id_cred decoded = get_map(&reader);

    *id_cred = (struct cede_edhoc_id_cred){CEDE_EDHOC_ID_OTHER, CEDE_SPAN_NULL, CEDE_SPAN_NULL};
    CEDE_TRY(cede_reader_finish(&reader));
    *id_cred = decoded;
    return CEDE_OK;
}

void edhoc_put_id_cred(struct cede_writer *writer, const struct cede_edhoc_id_cred *id_cred)
{
    if (id_cred->map.ptr != NULL) {
        cede_write_bytes(writer, id_cred->map);
    } else {
        edhoc_put_identifier(writer, id_cred->value);
    }
}

/* A lone kid must come in its compact form (section 3.5.3.2). */
struct cede_edhoc_id_cred edhoc_get_id_cred(struct cede_reader *reader)
{
    struct cede_edhoc_id_cred id_cred = {CEDE_EDHOC_ID_KID, CEDE_SPAN_NULL, CEDE_SPAN_NULL};

    if (cede_cbor_peek(reader) != CEDE_CBOR_MAP) {
        id_cred.value = edhoc_get_identifier(reader);
        return id_cred;
    }
    id_cred = get_map(reader);
    if (id_cred.map.ptr == NULL) {
        cede_reader_fail(reader, CEDE_EDHOC_IDENTIFIER);
    }
    return id_cred;
}
