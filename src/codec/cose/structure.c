/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure.c - what is signed, MACed or authenticated (RFC 9052, sections 4.4, 5.3 and 6.3), and
 * the frame that all single-recipient objects share.
 */
#include <string.h>

#include "headers.h"

void cose_make_parts(struct cede_cose_parts *parts, struct cede_span opening,
                     const struct cede_span *strings, size_t strings_count)
{
    struct cede_span *part = parts->parts;
    uint8_t *head = parts->heads;

    *part++ = opening;
    for (; strings_count > 0; strings_count--) {
        *part++ = cede_span(head, cede_cbor_head(head, CEDE_CBOR_BYTES, strings->len));
        head += CEDE_CBOR_HEAD_MAX;
        *part++ = *strings++;
    }
    parts->count = (size_t)(part - parts->parts);
}

void cede_cose_sig_structure(struct cede_cose_parts *parts, struct cede_span protected_map,
                             struct cede_span external_aad, struct cede_span payload)
{
    const struct cede_span strings[] = {protected_map, external_aad, payload};

    cose_make_parts(parts, COSE_SIGNATURE1, strings, 3);
}

void cose_sign_structure(struct cede_cose_parts *parts, struct cede_span body_protected,
                         struct cede_span sign_protected, struct cede_span external_aad,
                         struct cede_span payload)
{
    const struct cede_span strings[] = {body_protected, sign_protected, external_aad, payload};

    cose_make_parts(parts, COSE_SIGNATURE, strings, 4);
}

void cede_cose_mac_structure(struct cede_cose_parts *parts, struct cede_span protected_map,
                             struct cede_span external_aad, struct cede_span payload)
{
    const struct cede_span strings[] = {protected_map, external_aad, payload};

    cose_make_parts(parts, COSE_MAC0, strings, 3);
}

void cede_cose_enc_structure(struct cede_writer *writer, struct cede_span protected_map,
                             struct cede_span external_aad)
{
    cede_cbor_put_array(writer, 3);
    cede_cbor_put_text(writer, CEDE_SPAN_TEXT("Encrypt0"));
    cede_cbor_put_bytes(writer, protected_map);
    cede_cbor_put_bytes(writer, external_aad);
}

/* --- the frame -------------------------------------------------------------------------------- */

bool cose_read_open(struct cede_reader *reader, uint64_t tag, size_t element_count)
{
    bool tagged = cede_cbor_peek(reader) == CEDE_CBOR_TAG;

    if (tagged && cede_cbor_get_tag(reader) != tag && reader->status == CEDE_OK) {
        cede_reader_fail(reader, CEDE_COSE_TAG);
    }
    cede_cbor_expect_array(reader, element_count);
    return tagged;
}

void cose_write_open(struct cede_writer *writer, bool tagged, uint64_t tag, size_t element_count)
{
    if (tagged) {
        cede_cbor_put_tag(writer, tag);
    }
    cede_cbor_put_array(writer, element_count);
}

struct cede_span cose_read_content(struct cede_reader *reader)
{
    return cede_cbor_take_null(reader) ? CEDE_SPAN_NULL : cede_cbor_get_bytes(reader);
}

void cose_write_content(struct cede_writer *writer, struct cede_span content)
{
    if (cede_span_is_null(content)) {
        cede_cbor_put_null(writer);
    } else {
        cede_cbor_put_bytes(writer, content);
    }
}

const struct cede_span *cose_content(const struct cede_span *attached,
                                     const struct cede_span *detached)
{
    if (attached->ptr == NULL) {
        attached = detached;
    } else if (detached->ptr != NULL) {
        return NULL;
    }
    return attached->ptr != NULL ? attached : NULL;
}

enum cede_status cose_pick_content(struct cede_span attached, struct cede_span detached,
                                   struct cede_span *content)
{
    const struct cede_span *picked = cose_content(&attached, &detached);

    if (picked == NULL) {
        return CEDE_COSE_PAYLOAD;
    }
    *content = *picked;
    return CEDE_OK;
}

enum cede_status cose_decode(struct cede_span encoding, uint64_t tag,
                             const struct cose_object *object)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_span proof = CEDE_SPAN_NULL;
    enum cede_status status;

    *object->tagged = cose_read_open(&reader, tag, object->proof != NULL ? 4 : 3);
    cose_headers_read(&reader, object->headers);
    *object->content = cose_read_content(&reader);
    if (object->proof != NULL) {
        proof = cede_cbor_get_bytes(&reader);
    }
    status = cede_reader_finish(&reader);
    if (status != CEDE_OK) {
        *object->tagged = false;
        memset(object->headers, 0, sizeof *object->headers);
        *object->content = CEDE_SPAN_NULL;
        proof = CEDE_SPAN_NULL;
    }
    if (object->proof != NULL) {
        *object->proof = proof;
    }
    return status;
}
