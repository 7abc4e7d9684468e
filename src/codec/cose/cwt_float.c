/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cwt_float.c - claims sets whose dates may be floating-point numbers (RFC 8392, section 2). What
 * reads only integers links nothing of this.
 */
#include <stddef.h>
#include <string.h>

#include "cede/cwt.h"

#include "codec/cbor/fields.h"
#include "codec/cose/cwt.h"

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

    *present = item.ptr != NULL;
    if (!*present) {
        return CEDE_OK;
    }
    if (cede_cbor_peek(&reader) == CEDE_CBOR_SIMPLE) {
        bool is_float = item.ptr[0] >= 0xf9 && item.ptr[0] <= 0xfb;
        if (!is_float || !take_float_apart(item, &number) ||
            !float_to_seconds(&number, rounding, seconds)) {
            return CEDE_CWT_CLAIM;
        }
        return CEDE_OK;
    }
    *seconds = cede_cbor_get_int(&reader);
    if (reader.status != CEDE_OK || *seconds > (int64_t)DATE_LIMIT ||
        *seconds < -(int64_t)DATE_LIMIT) {
        return CEDE_CWT_CLAIM;
    }
    return CEDE_OK;
}

/* --- claims ----------------------------------------------------------------------------------- */

/* Dates as items, until it is known what they are. */
struct claim_items {
    struct cede_span iss, sub, aud, exp, nbf, iat, cti, cnf;
};

static enum cede_status take_claims(const struct claim_items *items, enum cede_cbor_order order,
                                    struct cede_cwt_claims *claims)
{
    const struct cede_span dates[] = {items->exp, items->nbf, items->iat};

    for (size_t i = 0; i < 3 && order == CEDE_CBOR_SORTED; i++) {
        size_t offset;
        /* Deterministic floats are the shortest. */
        if (dates[i].ptr != NULL) {
            CEDE_TRY(cede_cbor_check(dates[i], order, &offset));
        }
    }
    claims->iss = items->iss;
    claims->sub = items->sub;
    claims->aud = items->aud;
    claims->cti = items->cti;
    claims->cnf = items->cnf;
    CEDE_TRY(take_date(items->exp, ROUND_DOWN, &claims->has_exp, &claims->exp));
    CEDE_TRY(take_date(items->nbf, ROUND_UP, &claims->has_nbf, &claims->nbf));
    return take_date(items->iat, ROUND_DOWN, &claims->has_iat, &claims->iat);
}

#define FIELD(name_) offsetof(struct claim_items, name_)
#define DATE         (CBOR_TYPES_INT | CBOR_TYPE(SIMPLE))

enum cede_status cede_cwt_decode(struct cede_span encoding, enum cede_cbor_order order,
                                 struct cede_cwt_claims *claims)
{
    static const struct cbor_field fields[] = {
        {CEDE_CWT_ISS, CBOR_TYPE(TEXT), CBOR_KEEP_CONTENT, FIELD(iss)},
        {CEDE_CWT_SUB, CBOR_TYPE(TEXT), CBOR_KEEP_CONTENT, FIELD(sub)},
        {CEDE_CWT_AUD, CBOR_TYPE(TEXT) | CBOR_TYPE(ARRAY), CBOR_KEEP_ITEM, FIELD(aud)},
        {CEDE_CWT_EXP, DATE, CBOR_KEEP_ITEM, FIELD(exp)},
        {CEDE_CWT_NBF, DATE, CBOR_KEEP_ITEM, FIELD(nbf)},
        {CEDE_CWT_IAT, DATE, CBOR_KEEP_ITEM, FIELD(iat)},
        {CEDE_CWT_CTI, CBOR_TYPE(BYTES), CBOR_KEEP_CONTENT, FIELD(cti)},
        {CEDE_CWT_CNF, CBOR_TYPE(MAP), CBOR_KEEP_ITEM, FIELD(cnf)},
    };
    static const struct cbor_form form = {fields, sizeof fields / sizeof fields[0], CEDE_CBOR_KEY,
                                          CEDE_CWT_CLAIM};
    struct claim_items items = {0};
    struct cede_cwt_claims decoded = {0};
    struct cede_reader reader = cede_reader(encoding);
    struct cbor_keys keys;

    memset(claims, 0, sizeof *claims);
    cbor_keys_begin(&keys, order);
    (void)cbor_get_fields(&reader, &form, &keys, &items);
    cwt_check_audience(&reader, &items.aud);
    CEDE_TRY(cede_reader_finish(&reader));
    CEDE_TRY(take_claims(&items, order, &decoded));
    decoded.map = encoding;
    *claims = decoded;
    return CEDE_OK;
}
