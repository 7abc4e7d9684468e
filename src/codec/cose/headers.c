/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers.c - header parameters and their two buckets (RFC 9052, section 3).
 *
 * One table says which labels are known and which types their values may have; reading, writing and
 * the crit rule all follow it.
 */
#include <stddef.h>
#include <string.h>

#include "headers.h"

#define FIELD(name_) offsetof(struct cede_cose_params, name_)

/* The rows that rules ask for. */
enum { ROW_ALG, ROW_CRIT, ROW_CONTENT_TYPE, ROW_KID, ROW_IV, ROW_PARTIAL_IV };

#define UINT  CBOR_TYPE(UINT)
#define TEXT  CBOR_TYPE(TEXT)
#define BYTES CBOR_TYPE(BYTES)
#define ARRAY CBOR_TYPE(ARRAY)
#define TAG   CBOR_TYPE(TAG)
#define ITEM  CBOR_KEEP_ITEM

/* In deterministic order of the labels' encodings. Algorithms with text names exist, but none that
 * cede has. */
static const struct cbor_field parameters[] = {
    {CBOR_KEY(CEDE_COSE_LABEL_ALG), CBOR_TYPES_INT, CBOR_KEEP_INT32, FIELD(alg)},
    {CBOR_KEY(CEDE_COSE_LABEL_CRIT), ARRAY, ITEM, FIELD(crit)},
    {CBOR_KEY(CEDE_COSE_LABEL_CONTENT_TYPE), UINT | TEXT, ITEM, FIELD(content_type)},
    {CBOR_KEY(CEDE_COSE_LABEL_KID), BYTES, CBOR_KEEP_CONTENT, FIELD(kid)},
    {CBOR_KEY(CEDE_COSE_LABEL_IV), BYTES, CBOR_KEEP_CONTENT, FIELD(iv)},
    {CBOR_KEY(CEDE_COSE_LABEL_PARTIAL_IV), BYTES, CBOR_KEEP_CONTENT, FIELD(partial_iv)},
    {CBOR_KEY(CEDE_COSE_LABEL_TYP), UINT | TEXT, ITEM, FIELD(typ)},
    {CBOR_KEY(CEDE_COSE_LABEL_C5T), ARRAY, ITEM, FIELD(c5t)},
    {CBOR_KEY(CEDE_COSE_LABEL_C5U), TAG | TEXT, ITEM, FIELD(c5u)},
    {CBOR_KEY(CEDE_COSE_LABEL_C5B), BYTES | ARRAY, ITEM, FIELD(c5b)},
    {CBOR_KEY(CEDE_COSE_LABEL_C5C), BYTES | ARRAY, ITEM, FIELD(c5c)},
    {CBOR_KEY(CEDE_COSE_LABEL_X5BAG), BYTES | ARRAY, ITEM, FIELD(x5bag)},
    {CBOR_KEY(CEDE_COSE_LABEL_X5CHAIN), BYTES | ARRAY, ITEM, FIELD(x5chain)},
    {CBOR_KEY(CEDE_COSE_LABEL_X5T), ARRAY, ITEM, FIELD(x5t)},
    {CBOR_KEY(CEDE_COSE_LABEL_X5U), TAG | TEXT, ITEM, FIELD(x5u)},
};
_Static_assert(sizeof(struct cede_cose_params) <= UINT8_MAX, "offsets are bytes");
_Static_assert(CEDE_COSE_LABELS_MAX == CBOR_KEYS_MAX, "one bound");
#define PARAMETERS_COUNT (sizeof parameters / sizeof parameters[0])
#define KNOWN_ROWS       ((1u << PARAMETERS_COUNT) - 1)

static const struct cbor_form params_form = {parameters, PARAMETERS_COUNT, CEDE_COSE_LABEL,
                                             CEDE_COSE_HEADER};

/* --- reading ---------------------------------------------------------------------------------- */

/* Reads one bucket; its failure is also the reader's. */
static uint32_t read_params(struct cede_reader *reader, const struct cede_span *map,
                            struct cbor_keys *labels, struct cede_cose_params *params)
{
    struct cede_reader inner;
    uint32_t present;

    cede_reader_open(&inner, map);
    present = cbor_get_fields(&inner, &params_form, labels, params);
    cede_reader_fail(reader, cede_reader_finish(&inner));
    return present;
}

/* IV and Partial IV exclude each other (RFC 9052, section 3.1). */
static void check_ivs(struct cede_reader *reader, uint32_t present)
{
    if ((~present & (1u << ROW_IV | 1u << ROW_PARTIAL_IV)) == 0) {
        cede_reader_fail(reader, CEDE_COSE_HEADER);
    }
}

enum cede_status cede_cose_params_decode(struct cede_span map, struct cede_cose_params *params)
{
    struct cede_reader reader = cede_reader(map);
    struct cede_cose_params decoded = {0};
    struct cbor_keys labels;

    *params = decoded;
    cbor_keys_begin(&labels, CEDE_CBOR_ANY_ORDER);
    check_ivs(&reader, read_params(&reader, &map, &labels, &decoded));
    CEDE_TRY(reader.status);
    *params = decoded;
    return CEDE_OK;
}

/* crit is not empty, and each label in it is known here and `present`, which are the rows that are
 * protected (RFC 9052, section 3.1). */
static bool crit_is_met(const struct cede_span *crit, uint32_t present)
{
    struct cede_reader reader;
    size_t left;

    cede_reader_open(&reader, crit);
    left = cede_cbor_get_array(&reader);
    do {
        const uint8_t *label = cbor_skip(&reader);

        if (label == NULL || (present >> cbor_field_row(&params_form, label) & 1) == 0) {
            return false;
        }
    } while (--left > 0);
    return true;
}

void cose_headers_read(struct cede_reader *reader, struct cede_cose_headers *headers)
{
    uint32_t protected_ = 0, unprotected;
    struct cbor_keys labels;

    memset(headers, 0, sizeof *headers);
    cbor_keys_begin(&labels, CEDE_CBOR_ANY_ORDER);
    cbor_read_string(reader, CBOR_TYPE(BYTES), &headers->protected_map);
    cbor_read_item(reader, &headers->unprotected_map);
    if (headers->protected_map.len > 0) {
        protected_ = read_params(reader, &headers->protected_map, &labels, &headers->protected_);
    }
    /* The empty map counts as the empty string in what is signed (RFC 9052, section 3). */
    if (headers->protected_map.len == 1) {
        headers->protected_map.len = 0;
    }
    unprotected = read_params(reader, &headers->unprotected_map, &labels, &headers->unprotected);
    if ((unprotected >> ROW_CRIT & 1) != 0 ||
        ((protected_ >> ROW_CRIT & 1) != 0 &&
         !crit_is_met(&headers->protected_.crit, protected_ & KNOWN_ROWS))) {
        cede_reader_fail(reader, CEDE_COSE_CRIT);
    }
    check_ivs(reader, protected_ | unprotected);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The span of a parameter but alg. */
static struct cede_span span_of(const struct cede_cose_params *params,
                                const struct cbor_field *parameter)
{
    struct cede_span span;

    memcpy(&span, (const uint8_t *)params + parameter->offset, sizeof span);
    return span;
}

static size_t params_count(const struct cede_cose_params *params)
{
    size_t count = params->alg != 0 ? 1 : 0;

    for (size_t i = ROW_ALG + 1; i < PARAMETERS_COUNT; i++) {
        count += span_of(params, &parameters[i]).ptr != NULL ? 1 : 0;
    }
    return count;
}

void cede_cose_params_encode(struct cede_writer *writer, const struct cede_cose_params *params)
{
    cede_cbor_put_map(writer, params_count(params));
    if (params->alg != 0) {
        cede_cbor_put_uint(writer, CEDE_COSE_LABEL_ALG);
        cede_cbor_put_int(writer, params->alg);
    }
    for (size_t i = ROW_ALG + 1; i < PARAMETERS_COUNT; i++) {
        struct cede_span span = span_of(params, &parameters[i]);
        if (span.ptr == NULL) {
            continue;
        }
        cede_cbor_put_int(writer, CBOR_KEY_NUMBER(parameters[i].key));
        if (parameters[i].keep == CBOR_KEEP_CONTENT) {
            cede_cbor_put_bytes(writer, span);
        } else {
            cede_write_bytes(writer, span);
        }
    }
}

void cose_headers_write(struct cede_writer *writer, const struct cede_cose_headers *headers,
                        struct cede_span *protected_map)
{
    struct cede_writer counter = cede_writer_counting();
    size_t from;

    *protected_map = CEDE_SPAN_NULL;
    if (params_count(&headers->protected_) > 0) {
        cede_cose_params_encode(&counter, &headers->protected_);
    }
    cede_cbor_put_bytes_head(writer, counter.len);
    from = writer->len;
    if (counter.len > 0) {
        cede_cose_params_encode(writer, &headers->protected_);
    }
    *protected_map = cede_span_part(cede_written(writer), from, counter.len);
    cede_cose_params_encode(writer, &headers->unprotected);
}

/* --- looking up ------------------------------------------------------------------------------- */

struct cede_span cede_cose_params_find(struct cede_span encoding, int64_t label)
{
    return cede_cbor_find_int(encoding, label);
}

int32_t cede_cose_headers_alg(const struct cede_cose_headers *headers)
{
    return headers->protected_.alg != 0 ? headers->protected_.alg : headers->unprotected.alg;
}

struct cede_span cede_cose_headers_kid(const struct cede_cose_headers *headers)
{
    return headers->protected_.kid.ptr != NULL ? headers->protected_.kid : headers->unprotected.kid;
}

struct cede_span cede_cose_headers_find(const struct cede_cose_headers *headers, int64_t label)
{
    struct cede_span item = cede_cose_params_find(headers->protected_map, label);

    return item.ptr != NULL ? item : cede_cose_params_find(headers->unprotected_map, label);
}
