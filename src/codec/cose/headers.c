/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers.c - header parameters and their two buckets (RFC 9052, section 3).
 *
 * One table says which labels are known and which types their values may have; reading, writing and
 * the crit rule all follow it.
 */
#include <stddef.h>

#include "headers.h"

#define TYPE(type_) (1u << CEDE_CBOR_##type_)

#define FIELD(name_) offsetof(struct cede_cose_params, name_)
#define ALG_OFFSET   FIELD(alg)

static const struct parameter {
    uint8_t label;
    uint8_t types;  /* set of major types */
    uint8_t offset; /* in struct cede_cose_params */
    bool content;   /* kept as the content of a byte string, not as an item */
} parameters[] = {
    /* In deterministic order of the labels' encodings. */
    {CEDE_COSE_LABEL_ALG, TYPE(UINT) | TYPE(NINT), FIELD(alg), false},
    {CEDE_COSE_LABEL_CRIT, TYPE(ARRAY), FIELD(crit), false},
    {CEDE_COSE_LABEL_CONTENT_TYPE, TYPE(UINT) | TYPE(TEXT), FIELD(content_type), false},
    {CEDE_COSE_LABEL_KID, TYPE(BYTES), FIELD(kid), true},
    {CEDE_COSE_LABEL_IV, TYPE(BYTES), FIELD(iv), true},
    {CEDE_COSE_LABEL_PARTIAL_IV, TYPE(BYTES), FIELD(partial_iv), true},
    {CEDE_COSE_LABEL_TYP, TYPE(UINT) | TYPE(TEXT), FIELD(typ), false},
    {CEDE_COSE_LABEL_C5T, TYPE(ARRAY), FIELD(c5t), false},
    {CEDE_COSE_LABEL_C5U, TYPE(TAG) | TYPE(TEXT), FIELD(c5u), false},
    {CEDE_COSE_LABEL_C5B, TYPE(BYTES) | TYPE(ARRAY), FIELD(c5b), false},
    {CEDE_COSE_LABEL_C5C, TYPE(BYTES) | TYPE(ARRAY), FIELD(c5c), false},
    {CEDE_COSE_LABEL_X5BAG, TYPE(BYTES) | TYPE(ARRAY), FIELD(x5bag), false},
    {CEDE_COSE_LABEL_X5CHAIN, TYPE(BYTES) | TYPE(ARRAY), FIELD(x5chain), false},
    {CEDE_COSE_LABEL_X5T, TYPE(ARRAY), FIELD(x5t), false},
    {CEDE_COSE_LABEL_X5U, TYPE(TAG) | TYPE(TEXT), FIELD(x5u), false},
};
_Static_assert(sizeof(struct cede_cose_params) <= UINT8_MAX, "offsets are bytes");
#define PARAMETERS_COUNT (sizeof parameters / sizeof parameters[0])

/* Where a parameter but alg is kept. */
static struct cede_span *field_of(struct cede_cose_params *params,
                                  const struct parameter *parameter)
{
    void *field = (uint8_t *)params + parameter->offset;

    return parameter->offset != ALG_OFFSET ? field : NULL;
}

static const struct parameter *find_parameter(struct cede_span label)
{
    int64_t number;

    if (!cose_label_number(label, &number)) {
        return NULL;
    }
    for (size_t i = 0; i < PARAMETERS_COUNT; i++) {
        if (parameters[i].label == number) {
            return &parameters[i];
        }
    }
    return NULL;
}

/* --- labels ----------------------------------------------------------------------------------- */

static unsigned type_of(struct cede_span item)
{
    return 1u << (item.ptr[0] >> 5);
}

bool cose_label_number(struct cede_span label, int64_t *number)
{
    struct cede_reader reader = cede_reader(label);

    *number = 0;
    if ((type_of(label) & (TYPE(UINT) | TYPE(NINT))) == 0) {
        return false;
    }
    *number = cede_cbor_get_int(&reader);
    return reader.status == CEDE_OK;
}

bool cose_labels_add(struct cose_labels *labels, struct cede_span label)
{
    if ((type_of(label) & (TYPE(UINT) | TYPE(NINT) | TYPE(TEXT))) == 0 ||
        labels->count == labels->max) {
        return false;
    }
    for (size_t i = 0; i < labels->count; i++) {
        if (cede_span_equal(labels->seen[i], label)) {
            return false;
        }
    }
    labels->seen[labels->count++] = label;
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Algorithms with text names exist, but none that cede has. */
static enum cede_status read_alg(struct cede_span item, int32_t *alg)
{
    struct cede_reader reader = cede_reader(item);
    int64_t number = cede_cbor_get_int(&reader);

    if (reader.status != CEDE_OK || number < INT32_MIN || number > INT32_MAX || number == 0) {
        return CEDE_COSE_ALG;
    }
    *alg = (int32_t)number;
    return CEDE_OK;
}

static enum cede_status take_parameter(struct cede_cose_params *params,
                                       const struct parameter *parameter, struct cede_span item)
{
    struct cede_reader reader = cede_reader(item);

    if (parameter->label == CEDE_COSE_LABEL_ALG) {
        return read_alg(item, &params->alg);
    }
    if ((type_of(item) & parameter->types) == 0) {
        return CEDE_COSE_HEADER;
    }
    *field_of(params, parameter) = parameter->content ? cede_cbor_get_bytes(&reader) : item;
    return CEDE_OK;
}

static enum cede_status read_params(struct cede_span encoding, struct cose_labels *labels,
                                    struct cede_cose_params *params)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_ANY_ORDER);
    struct cede_span label;

    *params = (struct cede_cose_params){0};
    while (cede_cbor_map_next(&reader, &map, &label)) {
        struct cede_span item = cede_cbor_get_item(&reader);
        const struct parameter *parameter = find_parameter(label);

        if (reader.status != CEDE_OK) {
            return reader.status;
        }
        if (!cose_labels_add(labels, label)) {
            return CEDE_COSE_LABEL;
        }
        if (parameter != NULL) {
            CEDE_TRY(take_parameter(params, parameter, item));
        }
    }
    return cede_reader_finish(&reader);
}

enum cede_status cede_cose_params_decode(struct cede_span map, struct cede_cose_params *params)
{
    struct cede_span seen[CEDE_COSE_LABELS_MAX];
    struct cose_labels labels = {seen, 0, CEDE_COSE_LABELS_MAX};
    struct cede_cose_params decoded;

    *params = (struct cede_cose_params){0};
    CEDE_TRY(read_params(map, &labels, &decoded));
    if (decoded.iv.ptr != NULL && decoded.partial_iv.ptr != NULL) {
        return CEDE_COSE_HEADER;
    }
    *params = decoded;
    return CEDE_OK;
}

/* crit is protected, not empty, and each label in it is protected and known here (RFC 9052,
 * section 3.1). */
static enum cede_status check_crit(const struct cede_cose_headers *headers)
{
    struct cede_reader reader = cede_reader(headers->protected_.crit);
    size_t count;

    if (headers->unprotected.crit.ptr != NULL) {
        return CEDE_COSE_CRIT;
    }
    if (headers->protected_.crit.ptr == NULL) {
        return CEDE_OK;
    }
    count = cede_cbor_get_array(&reader);
    if (count == 0) {
        return CEDE_COSE_CRIT;
    }
    for (; count > 0; count--) {
        struct cede_span label = cede_cbor_get_item(&reader);
        const struct parameter *parameter = label.ptr != NULL ? find_parameter(label) : NULL;

        if (parameter == NULL ||
            cede_cose_params_find(headers->protected_map, parameter->label).ptr == NULL) {
            return CEDE_COSE_CRIT;
        }
    }
    return CEDE_OK;
}

static enum cede_status check_headers(struct cede_cose_headers *headers)
{
    struct cede_span seen[CEDE_COSE_LABELS_MAX];
    struct cose_labels labels = {seen, 0, CEDE_COSE_LABELS_MAX};
    const struct cede_cose_params *protected_ = &headers->protected_;
    const struct cede_cose_params *unprotected = &headers->unprotected;

    if (headers->protected_map.len > 0) {
        CEDE_TRY(read_params(headers->protected_map, &labels, &headers->protected_));
    }
    CEDE_TRY(read_params(headers->unprotected_map, &labels, &headers->unprotected));
    if ((protected_->iv.ptr != NULL || unprotected->iv.ptr != NULL) &&
        (protected_->partial_iv.ptr != NULL || unprotected->partial_iv.ptr != NULL)) {
        return CEDE_COSE_HEADER;
    }
    CEDE_TRY(check_crit(headers));
    /* The empty map counts as the empty string in what is signed (RFC 9052, section 3). */
    if (headers->protected_map.len == 1) {
        headers->protected_map.len = 0;
    }
    return CEDE_OK;
}

void cose_headers_read(struct cede_reader *reader, struct cede_cose_headers *headers)
{
    enum cede_status status;

    *headers = (struct cede_cose_headers){0};
    headers->protected_map = cede_cbor_get_bytes(reader);
    headers->unprotected_map = cede_cbor_get_item(reader);
    if (reader->status == CEDE_OK) {
        status = check_headers(headers);
        if (status != CEDE_OK) {
            cede_reader_fail(reader, status);
        }
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static size_t params_count(const struct cede_cose_params *params)
{
    struct cede_cose_params copy = *params;
    size_t count = copy.alg != 0 ? 1 : 0;

    for (size_t i = 0; i < PARAMETERS_COUNT; i++) {
        const struct cede_span *field = field_of(&copy, &parameters[i]);
        count += field != NULL && field->ptr != NULL ? 1 : 0;
    }
    return count;
}

void cede_cose_params_encode(struct cede_writer *writer, const struct cede_cose_params *params)
{
    struct cede_cose_params copy = *params;

    cede_cbor_put_map(writer, params_count(params));
    if (params->alg != 0) {
        cede_cbor_put_uint(writer, CEDE_COSE_LABEL_ALG);
        cede_cbor_put_int(writer, params->alg);
    }
    for (size_t i = 0; i < PARAMETERS_COUNT; i++) {
        const struct cede_span *field = field_of(&copy, &parameters[i]);
        if (field == NULL || field->ptr == NULL) {
            continue;
        }
        cede_cbor_put_uint(writer, parameters[i].label);
        if (parameters[i].content) {
            cede_cbor_put_bytes(writer, *field);
        } else {
            cede_write_bytes(writer, *field);
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
    struct cede_reader reader = cede_reader(encoding);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_ANY_ORDER);
    struct cede_span key;

    while (cede_cbor_map_next(&reader, &map, &key)) {
        struct cede_span item = cede_cbor_get_item(&reader);
        int64_t number;

        if (item.ptr != NULL && cose_label_number(key, &number) && number == label) {
            return item;
        }
    }
    return CEDE_SPAN_NULL;
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
