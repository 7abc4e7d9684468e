/* SPDX-License-Identifier: Apache-2.0 */
/* cwt.c - CBOR Web Token claims sets (RFC 8392). */
#include "cede/cwt.h"

#include "headers.h"

/* --- dates ------------------------------------------------------------------------------------ */

enum rounding { ROUND_DOWN, ROUND_UP };

/* A binary floating-point number taken apart: (-1)^negative * significand * 2^exponent. */
struct binary_float {
    bool negative;
    uint64_t significand;
    int exponent;
};

/* IEEE 754 in 2, 4 or 8 bytes: sign, exponent and the start of the fraction are in the first two.
 * False for infinities and NaN. No floating-point unit is needed. */
static bool take_float_apart(struct cede_span item, struct binary_float *number)
{
    int exponent_bits = item.len == 3 ? 5 : item.len == 5 ? 8 : 11;
    int fraction_bits = (int)(item.len - 1) * 8 - 1 - exponent_bits;
    int max = (1 << exponent_bits) - 1;
    int first = item.ptr[1] << 8 | item.ptr[2];
    int hidden_one = 1 << (15 - exponent_bits);
    int biased = first >> (15 - exponent_bits) & max;

    number->negative = first >> 15 != 0;
    number->significand = (uint64_t)((first & (hidden_one - 1)) | (biased != 0 ? hidden_one : 0));
    for (size_t i = 3; i < item.len; i++) {
        number->significand = number->significand << 8 | item.ptr[i];
    }
    number->exponent = (biased != 0 ? biased : 1) - max / 2 - fraction_bits;
    return biased != max;
}

/* Beyond +-2^62 seconds nothing is a date; the bound keeps the arithmetic exact. */
#define DATE_LIMIT (UINT64_C(1) << 62)

static bool float_to_seconds(const struct binary_float *number, enum rounding rounding,
                             int64_t *seconds)
{
    uint64_t whole = number->significand;
    bool has_fraction = false;

    for (int i = 0; i < number->exponent && whole != 0; i++) {
        if (whole >= DATE_LIMIT / 2) {
            return false;
        }
        whole <<= 1;
    }
    for (int i = 0; i > number->exponent && whole != 0; i--) {
        has_fraction = has_fraction || (whole & 1) != 0;
        whole >>= 1;
    }
    if (has_fraction && (rounding == ROUND_UP) != number->negative) {
        whole++;
    }
    *seconds = number->negative ? -(int64_t)whole : (int64_t)whole;
    return true;
}

/* NumericDate: an integer or a floating-point number, untagged (RFC 8392, section 2). */
static enum cede_status take_date(struct cede_span item, enum rounding rounding, bool *present,
                                  int64_t *seconds)
{
    struct cede_reader reader = cede_reader(item);
    struct binary_float number;

    if (cede_cbor_peek(&reader) == CEDE_CBOR_SIMPLE) {
        bool is_float = item.ptr[0] >= 0xf9 && item.ptr[0] <= 0xfb;
        if (!is_float || !take_float_apart(item, &number) ||
            !float_to_seconds(&number, rounding, seconds)) {
            return CEDE_CWT_CLAIM;
        }
    } else {
        *seconds = cede_cbor_get_int(&reader);
        if (reader.status != CEDE_OK || *seconds > (int64_t)DATE_LIMIT ||
            *seconds < -(int64_t)DATE_LIMIT) {
            return CEDE_CWT_CLAIM;
        }
    }
    *present = true;
    return CEDE_OK;
}

/* --- the other claims ------------------------------------------------------------------------- */

static enum cede_status take_text(struct cede_span item, struct cede_span *text)
{
    struct cede_reader reader = cede_reader(item);

    *text = cede_cbor_get_text(&reader);
    return reader.status == CEDE_OK ? CEDE_OK : CEDE_CWT_CLAIM;
}

static enum cede_status take_bytes(struct cede_span item, struct cede_span *content)
{
    struct cede_reader reader = cede_reader(item);

    *content = cede_cbor_get_bytes(&reader);
    return reader.status == CEDE_OK ? CEDE_OK : CEDE_CWT_CLAIM;
}

static enum cede_status take_audience(struct cede_span item, struct cede_span *aud)
{
    struct cede_reader reader = cede_reader(item);
    size_t count = 1;

    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        count = cede_cbor_get_array(&reader);
    }
    for (; count > 0 && reader.status == CEDE_OK; count--) {
        (void)cede_cbor_get_text(&reader);
    }
    *aud = item;
    return reader.status == CEDE_OK ? CEDE_OK : CEDE_CWT_CLAIM;
}

static enum cede_status take_claim(struct cede_cwt_claims *claims, int64_t key,
                                   struct cede_span item)
{
    switch (key) {
    case CEDE_CWT_ISS:
        return take_text(item, &claims->iss);
    case CEDE_CWT_SUB:
        return take_text(item, &claims->sub);
    case CEDE_CWT_AUD:
        return take_audience(item, &claims->aud);
    case CEDE_CWT_EXP:
        return take_date(item, ROUND_DOWN, &claims->has_exp, &claims->exp);
    case CEDE_CWT_NBF:
        return take_date(item, ROUND_UP, &claims->has_nbf, &claims->nbf);
    case CEDE_CWT_IAT:
        return take_date(item, ROUND_DOWN, &claims->has_iat, &claims->iat);
    case CEDE_CWT_CTI:
        return take_bytes(item, &claims->cti);
    default:
        return CEDE_OK;
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

enum cede_status cede_cwt_untag(struct cede_span encoding, struct cede_span *cose)
{
    static const uint8_t cose_tags[] = {16, 17, 18, 96, 97, 98};
    struct cede_reader reader = cede_reader(encoding);
    struct cede_span rest;
    uint64_t tag;

    *cose = CEDE_SPAN_NULL;
    if (cede_cbor_peek(&reader) != CEDE_CBOR_TAG || cede_cbor_get_tag(&reader) != CEDE_CWT_TAG) {
        CEDE_TRY(reader.status);
        *cose = encoding;
        return CEDE_OK;
    }
    rest = cede_span_part(encoding, reader.pos, cede_reader_left(&reader));
    tag = cede_cbor_get_tag(&reader);
    for (size_t i = 0; i < sizeof cose_tags && reader.status == CEDE_OK; i++) {
        if (tag == cose_tags[i]) {
            *cose = rest;
            return CEDE_OK;
        }
    }
    return CEDE_CWT_TAGGED;
}

enum cede_status cede_cwt_decode(struct cede_span encoding, enum cede_cbor_order order,
                                 struct cede_cwt_claims *claims)
{
    struct cede_reader reader = cede_reader(encoding);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, order);
    struct cede_cwt_claims decoded = {0};
    struct cede_span seen[CEDE_CWT_CLAIMS_MAX];
    struct cose_labels keys = {seen, 0, CEDE_CWT_CLAIMS_MAX};
    struct cede_span key;

    *claims = (struct cede_cwt_claims){0};
    while (cede_cbor_map_next(&reader, &map, &key)) {
        struct cede_span item = cede_cbor_get_item(&reader);
        int64_t number;

        CEDE_TRY(reader.status);
        if (!cose_labels_add(&keys, key)) {
            return CEDE_CBOR_KEY;
        }
        if (cose_label_number(key, &number)) {
            CEDE_TRY(take_claim(&decoded, number, item));
        }
    }
    CEDE_TRY(cede_reader_finish(&reader));
    decoded.map = encoding;
    *claims = decoded;
    return CEDE_OK;
}

struct cede_span cede_cwt_find(const struct cede_cwt_claims *claims, int64_t key)
{
    return cede_cose_params_find(claims->map, key);
}

bool cede_cwt_others_next(const struct cede_cwt_claims *claims, size_t *at, struct cede_span *key,
                          struct cede_span *value)
{
    struct cede_reader reader = cede_reader(claims->map);
    struct cede_cbor_map map = cede_cbor_get_map(&reader, CEDE_CBOR_ANY_ORDER);

    for (size_t i = 0; cede_cbor_map_next(&reader, &map, key); i++) {
        int64_t number;

        *value = cede_cbor_get_item(&reader);
        if (i < *at || value->ptr == NULL) {
            continue;
        }
        *at = i + 1;
        if (!cose_label_number(*key, &number) || number < CEDE_CWT_ISS || number > CEDE_CWT_CTI) {
            return true;
        }
    }
    *key = CEDE_SPAN_NULL;
    *value = CEDE_SPAN_NULL;
    return false;
}

bool cede_cwt_has_audience(const struct cede_cwt_claims *claims, struct cede_span name)
{
    struct cede_reader reader = cede_reader(claims->aud);
    size_t count = 1;

    if (cede_cbor_peek(&reader) == CEDE_CBOR_ARRAY) {
        count = cede_cbor_get_array(&reader);
    }
    for (; count > 0 && reader.status == CEDE_OK; count--) {
        struct cede_span text = cede_cbor_get_text(&reader);
        if (text.ptr != NULL && cede_span_equal(text, name)) {
            return true;
        }
    }
    return false;
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
