/* SPDX-License-Identifier: Apache-2.0 */
/* cwt.c - CBOR Web Token claims sets (RFC 8392); cwt_float.c has floating-point dates. */
#include <stddef.h>
#include <string.h>

#include "cede/cwt.h"

#include "codec/cbor/fields.h"
#include "codec/cose/cwt.h"

/* --- reading ---------------------------------------------------------------------------------- */

enum cede_status cede_cwt_untag(struct cede_span encoding, struct cede_span *cose)
{
    enum cede_status status = CEDE_OK;

    if (encoding.len >= 2 && encoding.ptr[0] == 0xd8 && encoding.ptr[1] == CEDE_CWT_TAG) {
        encoding.ptr += 2;
        encoding.len -= 2;
        if (encoding.len == 0 || encoding.ptr[0] >> 5 != CEDE_CBOR_TAG) {
            encoding = CEDE_SPAN_NULL;
            status = CEDE_CWT_TAGGED;
        }
    }
    *cose = encoding;
    return status;
}

/* Goes through the audience, a text or an array of texts, up to `name`; true when that is there. */
static bool find_audience(struct cede_reader *reader, const struct cede_span *name)
{
    size_t left = 1;

    if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
        left = cede_cbor_get_array(reader);
    }
    for (; left > 0 && reader->status == CEDE_OK; left--) {
        struct cede_span text;

        cbor_read_string(reader, CBOR_TYPE(TEXT), &text);
        if (text.len == name->len && text.ptr != NULL &&
            memcmp(text.ptr, name->ptr, text.len) == 0) {
            return true;
        }
    }
    return false;
}

CEDE_INLINE void check_audience(struct cede_reader *reader, const struct cede_span *aud)
{
    const struct cede_span none = {NULL, SIZE_MAX};
    struct cede_reader texts;

    if (aud->ptr != NULL) {
        cede_reader_open(&texts, aud);
        (void)find_audience(&texts, &none);
        if (texts.status != CEDE_OK) {
            cede_reader_fail(reader, CEDE_CWT_CLAIM);
        }
    }
}

void cwt_check_audience(struct cede_reader *reader, const struct cede_span *aud)
{
    check_audience(reader, aud);
}

#define FIELD(name_) offsetof(struct cede_cwt_claims, name_)

enum { ROW_EXP = 3, ROW_NBF, ROW_IAT };

enum cede_status cede_cwt_decode_integers(struct cede_span encoding, enum cede_cbor_order order,
                                          struct cede_cwt_claims *claims)
{
    static const struct cbor_field fields[] = {
        {CEDE_CWT_ISS, CBOR_TYPE(TEXT), CBOR_KEEP_CONTENT, FIELD(iss)},
        {CEDE_CWT_SUB, CBOR_TYPE(TEXT), CBOR_KEEP_CONTENT, FIELD(sub)},
        {CEDE_CWT_AUD, CBOR_TYPE(TEXT) | CBOR_TYPE(ARRAY), CBOR_KEEP_ITEM, FIELD(aud)},
        {CEDE_CWT_EXP, CBOR_TYPES_INT, CBOR_KEEP_INT64, FIELD(exp)},
        {CEDE_CWT_NBF, CBOR_TYPES_INT, CBOR_KEEP_INT64, FIELD(nbf)},
        {CEDE_CWT_IAT, CBOR_TYPES_INT, CBOR_KEEP_INT64, FIELD(iat)},
        {CEDE_CWT_CTI, CBOR_TYPE(BYTES), CBOR_KEEP_CONTENT, FIELD(cti)},
        {CEDE_CWT_CNF, CBOR_TYPE(MAP), CBOR_KEEP_ITEM, FIELD(cnf)},
    };
    static const struct cbor_form form = {fields, sizeof fields / sizeof fields[0], CEDE_CBOR_KEY,
                                          CEDE_CWT_CLAIM};
    struct cede_reader reader;
    struct cbor_keys keys;
    enum cede_status status;
    uint32_t present;

    cede_reader_open(&reader, &encoding);
    memset(claims, 0, sizeof *claims);
    cbor_keys_begin(&keys, order);
    present = cbor_get_fields(&reader, &form, &keys, claims);
    check_audience(&reader, &claims->aud);
    claims->has_exp = (present >> ROW_EXP & 1) != 0;
    claims->has_nbf = (present >> ROW_NBF & 1) != 0;
    claims->has_iat = (present >> ROW_IAT & 1) != 0;
    claims->map = encoding;
    status = cede_reader_finish(&reader);
    if (status != CEDE_OK) {
        memset(claims, 0, sizeof *claims);
    }
    return status;
}

struct cede_span cede_cwt_find(const struct cede_cwt_claims *claims, int64_t key)
{
    return cede_cbor_find_int(claims->map, key);
}

bool cede_cwt_others_next(const struct cede_cwt_claims *claims, size_t *at, struct cede_span *key,
                          struct cede_span *value)
{
    struct cede_reader reader = cede_reader(claims->map);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_ANY_ORDER);

    for (size_t i = 0; cede_cbor_map_next(&reader, &map, key); i++) {
        *value = cede_cbor_get_item(&reader);
        if (i < *at || value->ptr == NULL) {
            continue;
        }
        *at = i + 1;
        /* The first byte of 1 to 7 is the key itself. */
        if (key->ptr[0] < CEDE_CWT_ISS || key->ptr[0] > CEDE_CWT_CTI) {
            return true;
        }
    }
    *key = CEDE_SPAN_NULL;
    *value = CEDE_SPAN_NULL;
    return false;
}

bool cede_cwt_has_audience(const struct cede_cwt_claims *claims, struct cede_span name)
{
    struct cede_reader reader;

    cede_reader_open(&reader, &claims->aud);
    return find_audience(&reader, &name);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_text_if(struct cede_writer *writer, int64_t key, struct cede_span text)
{
    if (text.ptr != NULL) {
        cede_cbor_put_int(writer, key);
        cede_cbor_put_text(writer, text);
    }
}

static void put_date_if(struct cede_writer *writer, int64_t key, bool present, int64_t seconds)
{
    if (present) {
        cede_cbor_put_int(writer, key);
        cede_cbor_put_int(writer, seconds);
    }
}

static uint64_t count_claims(const struct cede_cwt_claims *claims)
{
    uint64_t count = claims->others_count;

    count += claims->iss.ptr != NULL ? 1 : 0;
    count += claims->sub.ptr != NULL ? 1 : 0;
    count += claims->aud.ptr != NULL ? 1 : 0;
    count += claims->cti.ptr != NULL ? 1 : 0;
    count += claims->cnf.ptr != NULL ? 1 : 0;
    return count + (claims->has_exp ? 1 : 0) + (claims->has_nbf ? 1 : 0) +
           (claims->has_iat ? 1 : 0);
}

/* Integer keys in bytewise order of their encodings: 0, 1, ... before -1, -2, ... */
static bool comes_before(int64_t a, int64_t b)
{
    if ((a < 0) != (b < 0)) {
        return a >= 0;
    }
    return a >= 0 ? a < b : a > b;
}

void cede_cwt_encode(struct cede_writer *writer, const struct cede_cwt_claims *claims)
{
    int64_t last = CEDE_CWT_CTI;

    cede_cbor_put_map(writer, count_claims(claims));
    put_text_if(writer, CEDE_CWT_ISS, claims->iss);
    put_text_if(writer, CEDE_CWT_SUB, claims->sub);
    if (claims->aud.ptr != NULL) {
        cede_cbor_put_int(writer, CEDE_CWT_AUD);
        cede_write_bytes(writer, claims->aud);
    }
    put_date_if(writer, CEDE_CWT_EXP, claims->has_exp, claims->exp);
    put_date_if(writer, CEDE_CWT_NBF, claims->has_nbf, claims->nbf);
    put_date_if(writer, CEDE_CWT_IAT, claims->has_iat, claims->iat);
    if (claims->cti.ptr != NULL) {
        cede_cbor_put_int(writer, CEDE_CWT_CTI);
        cede_cbor_put_bytes(writer, claims->cti);
    }
    if (claims->cnf.ptr != NULL) {
        last = CEDE_CWT_CNF;
        cede_cbor_put_int(writer, last);
        cede_write_bytes(writer, claims->cnf);
    }
    for (size_t i = 0; i < claims->others_count; i++) {
        if (!comes_before(last, claims->others[i].key)) {
            cede_writer_fail(writer, CEDE_BAD_ARGUMENT);
        }
        last = claims->others[i].key;
        cede_cbor_put_int(writer, last);
        cede_write_bytes(writer, claims->others[i].value);
    }
}

/* --- time ------------------------------------------------------------------------------------- */

enum cede_status cede_cwt_check(const struct cede_cwt_claims *claims, const int64_t *now,
                                uint32_t leeway)
{
    if (claims->has_exp && claims->has_nbf && claims->exp <= claims->nbf) {
        return CEDE_CWT_WINDOW;
    }
    if (now == NULL) {
        return CEDE_OK;
    }
    /* Dates are within DATE_LIMIT, hence no overflow. */
    if (claims->has_exp && *now >= claims->exp + (int64_t)leeway) {
        return CEDE_CWT_EXPIRED;
    }
    if (claims->has_nbf && *now < claims->nbf - (int64_t)leeway) {
        return CEDE_CWT_NOT_YET;
    }
    return CEDE_OK;
}
