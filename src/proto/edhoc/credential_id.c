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
static enum cede_edhoc_id_kind get_kind(struct cede_reader *reader)
{
    int32_t label = 0;
    unsigned kind = 0;

    if (cede_cbor_peek(reader) <= CEDE_CBOR_NINT) {
        label = cede_cbor_get_int32(reader);
    } else {
        (void)cede_cbor_get_item(reader);
    }
    while (kind < CEDE_EDHOC_ID_OTHER && parameters[kind].label != label) {
        kind++;
    }
    return (enum cede_edhoc_id_kind)kind;
}

/* Reads one value; keeps it when it is the best way to the credential so far. */
static void take_parameter(struct cede_reader *reader, enum cede_edhoc_id_kind kind,
                           struct cede_edhoc_id_cred *id_cred)
{
    struct cede_span value;

    if (kind < CEDE_EDHOC_ID_OTHER && (parameters[kind].types >> cede_cbor_peek(reader) & 1) == 0) {
        cede_reader_fail(reader, CEDE_EDHOC_ID_CRED);
    }
    value = kind == CEDE_EDHOC_ID_KID ? cede_cbor_get_bytes(reader) : cede_cbor_get_item(reader);
    if (kind < id_cred->kind) {
        id_cred->kind = kind;
        id_cred->value = value;
    }
}

/* The labels may come in any order (section 3.5.3), but none twice. */
static void get_map(struct cede_reader *reader, struct cede_edhoc_id_cred *id_cred)
{
    size_t at = reader->pos;
    size_t pairs_count = cede_cbor_get_map(reader, CEDE_CBOR_ANY_ORDER).left;
    unsigned seen = 0;

    *id_cred = (struct cede_edhoc_id_cred){CEDE_EDHOC_ID_OTHER, CEDE_SPAN_NULL, CEDE_SPAN_NULL};
    for (size_t left = pairs_count; left > 0 && reader->status == CEDE_OK; left--) {
        enum cede_edhoc_id_kind kind = get_kind(reader);
        unsigned bit = 1u << kind;

        if ((seen & bit) != 0) {
            cede_reader_fail(reader, CEDE_EDHOC_ID_CRED);
        }
        seen |= bit & ~(1u << CEDE_EDHOC_ID_OTHER);
        take_parameter(reader, kind, id_cred);
    }
    if (pairs_count == 0) {
        cede_reader_fail(reader, CEDE_EDHOC_ID_CRED);
    }
    if (pairs_count != 1 || id_cred->kind != CEDE_EDHOC_ID_KID) {
        id_cred->map = cede_reader_since(reader, at);
    }
}

/* A lone kid as it travels, or a header map. */
enum cede_status cede_edhoc_id_cred_decode(struct cede_span encoding,
                                           struct cede_edhoc_id_cred *id_cred)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_edhoc_id_cred decoded = {CEDE_EDHOC_ID_KID, CEDE_SPAN_NULL, CEDE_SPAN_NULL};

    *id_cred = (struct cede_edhoc_id_cred){CEDE_EDHOC_ID_OTHER, CEDE_SPAN_NULL, CEDE_SPAN_NULL};
    if (cede_cbor_peek(&reader) == CEDE_CBOR_MAP) {
        get_map(&reader, &decoded);
    } else {
        decoded.value = edhoc_get_identifier(&reader);
    }
    CEDE_TRY(cede_reader_finish(&reader));
    *id_cred = decoded;
    return CEDE_OK;
}
