/* SPDX-License-Identifier: Apache-2.0 */
/* parts.c - what is hashed, MACed or signed, as a list of parts: strings stay where they are, only
 * the CBOR heads before them are made here. */
#include "edhoc_engine.h"

void edhoc_parts_init(struct edhoc_parts *parts)
{
    parts->count = 0;
    parts->ends_in_head = false;
    parts->heads = cede_writer(CEDE_BUF_ARRAY(parts->bytes));
}

void edhoc_parts_add(struct edhoc_parts *parts, struct cede_span span)
{
    if (parts->count == EDHOC_PARTS_MAX) {
        cede_writer_fail(&parts->heads, CEDE_INTERNAL);
        return;
    }
    parts->list[parts->count++] = span;
    parts->ends_in_head = false;
}

void edhoc_parts_add_all(struct edhoc_parts *parts, const struct cede_span *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        edhoc_parts_add(parts, list[i]);
    }
}

void edhoc_parts_add_head(struct edhoc_parts *parts, enum cede_cbor_type type, uint32_t argument)
{
    size_t at = parts->heads.len;

    cede_cbor_put_head(&parts->heads, type, argument);
    if (!parts->ends_in_head) {
        edhoc_parts_add(parts, cede_span(parts->bytes + at, 0));
        parts->ends_in_head = true;
    }
    parts->list[parts->count - 1].len += parts->heads.len - at;
}

void edhoc_parts_add_bytes(struct edhoc_parts *parts, struct cede_span bytes)
{
    edhoc_parts_add_head(parts, CEDE_CBOR_BYTES, (uint32_t)bytes.len);
    edhoc_parts_add(parts, bytes);
}

enum cede_status edhoc_hash(const struct edhoc_env *env, const struct cede_span *list, size_t count,
                            uint8_t *hash)
{
    return env->crypto->hash(env->crypto->context, env->suite->hash, list, count, hash);
}
