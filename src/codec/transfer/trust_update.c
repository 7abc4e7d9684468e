/* SPDX-License-Identifier: Apache-2.0 */
/* trust_update.c - TrustEntry lists and TrustUpdate, a controller's change of a trust store. */
#include "codec/transfer/claims.h"

#include <string.h>

/* Keys inside the claim -70002. */
enum { SEQ = 1, ENTRIES = 2 };

void cede_trust_list_encode(struct cede_writer *writer, const struct cede_trust_entry *entries,
                            size_t entries_count)
{
    cede_cbor_put_array(writer, entries_count);
    for (size_t i = 0; i < entries_count; i++) {
        cede_cbor_put_array(writer, 2);
        cede_cbor_put_uint(writer, entries[i].purposes);
        cede_cbor_put_bytes(writer, entries[i].certificate);
    }
}

struct cede_trust_list cede_trust_list(struct cede_span encoding)
{
    struct cede_trust_list list = {.reader = cede_reader(encoding)};

    list.left = cede_cbor_get_array(&list.reader);
    if (list.reader.status == CEDE_OK && list.left == 0) {
        cede_reader_fail(&list.reader, CEDE_CBOR_COUNT);
    }
    return list;
}

bool cede_trust_list_next(struct cede_trust_list *list, struct cede_trust_entry *entry)
{
    uint64_t purposes;

    *entry = (struct cede_trust_entry){0, CEDE_SPAN_NULL};
    if (list->left == 0 || list->reader.status != CEDE_OK) {
        return false;
    }
    list->left--;
    cede_cbor_expect_array(&list->reader, 2);
    purposes = cede_cbor_get_uint(&list->reader);
    if (purposes == 0 || purposes > CEDE_PURPOSES_ALL) {
        cede_reader_fail(&list->reader, CEDE_TRANSFER_PURPOSE);
    }
    entry->certificate = cede_cbor_get_bytes(&list->reader);
    entry->purposes = (uint32_t)purposes;
    if (list->reader.status != CEDE_OK) {
        *entry = (struct cede_trust_entry){0, CEDE_SPAN_NULL};
        return false;
    }
    return true;
}

enum cede_status cede_trust_list_finish(const struct cede_trust_list *list)
{
    if (list->reader.status == CEDE_OK && list->left > 0) {
        return CEDE_TRAILING_BYTES;
    }
    return cede_reader_finish(&list->reader);
}

static enum cede_status check_list(struct cede_span encoding)
{
    struct cede_trust_list list = cede_trust_list(encoding);
    struct cede_trust_entry entry;

    while (cede_trust_list_next(&list, &entry)) {
    }
    return cede_trust_list_finish(&list);
}

void cede_trust_update_encode(struct cede_writer *writer, const struct cede_trust_update *update)
{
    struct claims claims = {.aud = update->aud,
                            .has_exp = true,
                            .has_nbf = true,
                            .exp = update->not_after,
                            .nbf = update->not_before,
                            .cti = update->cti};

    if (update->aud.ptr == NULL || check_list(update->entries) != CEDE_OK) {
        cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
    }
    claims_encode(writer, &claims, CEDE_CLAIM_TRUST_UPDATE);
    cede_cbor_put_map(writer, 2);
    cede_cbor_put_uint(writer, SEQ);
    cede_cbor_put_uint(writer, update->seq);
    cede_cbor_put_uint(writer, ENTRIES);
    cede_write_bytes(writer, update->entries);
}

static enum cede_status read_members(struct cede_span item, struct cede_trust_update *update)
{
    struct cede_reader reader = cede_reader(item);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_SORTED);
    bool has_seq = false;
    int64_t key;

    while (cede_cbor_map_next_int(&reader, &map, &key)) {
        switch (key) {
        case SEQ:
            update->seq = cede_cbor_get_uint(&reader);
            has_seq = true;
            break;
        case ENTRIES:
            update->entries = cede_cbor_get_item(&reader);
            break;
        default:
            cede_reader_fail(&reader, CEDE_TRANSFER_CRITICAL);
            break;
        }
    }
    CEDE_TRY(cede_reader_finish(&reader));
    if (!has_seq || update->entries.ptr == NULL) {
        return CEDE_TRANSFER_CLAIM;
    }
    return check_list(update->entries);
}

static enum cede_status decode(struct cede_span payload, struct claims *claims,
                               struct cede_trust_update *update)
{
    struct cede_trust_update read = {0};

    memset(update, 0, sizeof *update);
    CEDE_TRY(claims_decode(payload, CEDE_CLAIM_TRUST_UPDATE, claims));
    CEDE_TRY(read_members(claims->private_claim, &read));
    if (!claims->has_exp || !claims->has_nbf || claims->aud.ptr == NULL ||
        claims->iss.ptr != NULL) {
        return CEDE_TRANSFER_CLAIM;
    }
    read.aud = claims->aud;
    read.not_before = claims->nbf;
    read.not_after = claims->exp;
    read.cti = claims->cti;
    *update = read;
    return CEDE_OK;
}

enum cede_status cede_trust_update_decode(struct cede_span payload,
                                          struct cede_trust_update *update)
{
    struct claims claims;

    return decode(payload, &claims, update);
}

enum cede_status cede_trust_update_check(const struct cede_crypto *crypto,
                                         const struct cede_transfer_rules *rules,
                                         struct cede_span message, struct cede_trust_update *update)
{
    struct cede_trust_update read;
    struct cede_span payload;
    struct claims claims;
    enum cede_status status;

    memset(update, 0, sizeof *update);
    CEDE_TRY(cede_transfer_verify(crypto, &rules->controller, message, &payload));
    status = decode(payload, &claims, &read);
    if (status == CEDE_OK) {
        status = claims_check(&claims, read.seq, rules);
    }
    if (status != CEDE_OK) {
        update->cti = claims.cti;
        return status;
    }
    *update = read;
    return CEDE_OK;
}
