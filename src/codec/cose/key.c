/* SPDX-License-Identifier: Apache-2.0 */
/* key.c - COSE_Key (RFC 9052, section 7; key types of RFC 9053, section 7). */
#include <stddef.h>
#include <string.h>

#include "headers.h"

enum {
    KEY_KTY = 1,
    KEY_KID = 2,
    KEY_ALG = 3,
    KEY_OPS = 4,
    KEY_BASE_IV = 5,
    KEY_CRV_OR_K = -1,
    KEY_X = -2,
    KEY_Y = -3,
    KEY_D = -4
};

/* An operation that RFC 9052 does not name: keeps the set from looking unrestricted. */
#define OP_OTHER (1u << 0)

/* --- reading ---------------------------------------------------------------------------------- */

/* The parameters as items, since the meaning of -1 waits for kty. */
struct key_items {
    struct cede_span kty, kid, alg, ops, base_iv, crv_or_k, x, y, d;
};

#define ROW(label_, name_)                                                                         \
    {                                                                                              \
        CBOR_KEY(label_), CBOR_TYPES_ALL, CBOR_KEEP_ITEM, offsetof(struct key_items, name_)        \
    }

static const struct cbor_field parameters[] = {
    ROW(KEY_KTY, kty),
    ROW(KEY_KID, kid),
    ROW(KEY_ALG, alg),
    ROW(KEY_OPS, ops),
    ROW(KEY_BASE_IV, base_iv),
    ROW(KEY_CRV_OR_K, crv_or_k),
    ROW(KEY_X, x),
    ROW(KEY_Y, y),
    ROW(KEY_D, d),
};

static enum cede_status collect(struct cede_span encoding, struct key_items *items)
{
    static const struct cbor_form form = {parameters, sizeof parameters / sizeof parameters[0],
                                          CEDE_COSE_LABEL, CEDE_COSE_KEY};
    struct cede_reader reader = cede_reader(encoding);
    struct cbor_keys labels;

    cbor_keys_begin(&labels, CEDE_CBOR_ANY_ORDER);
    *items = (struct key_items){0};
    (void)cbor_get_fields(&reader, &form, &labels, items);
    return cede_reader_finish(&reader);
}

/* Absent parameters leave the output as it is. */
static enum cede_status take_int(struct cede_span item, int32_t *value)
{
    struct cede_reader reader = cede_reader(item);
    int64_t number;

    if (item.ptr == NULL) {
        return CEDE_OK;
    }
    number = cede_cbor_get_int(&reader);
    if (reader.status != CEDE_OK || number < INT32_MIN || number > INT32_MAX) {
        return CEDE_COSE_KEY;
    }
    *value = (int32_t)number;
    return CEDE_OK;
}

static enum cede_status take_bytes(struct cede_span item, struct cede_span *content)
{
    struct cede_reader reader = cede_reader(item);

    if (item.ptr == NULL) {
        return CEDE_OK;
    }
    *content = cede_cbor_get_bytes(&reader);
    return reader.status == CEDE_OK ? CEDE_OK : CEDE_COSE_KEY;
}

static enum cede_status take_ops(struct cede_span item, uint32_t *ops)
{
    struct cede_reader reader = cede_reader(item);
    size_t count;

    if (item.ptr == NULL) {
        return CEDE_OK;
    }
    count = cede_cbor_get_array(&reader);
    if (count == 0) {
        return CEDE_COSE_KEY;
    }
    for (; count > 0; count--) {
        int64_t op = 0;
        if (cede_cbor_peek(&reader) == CEDE_CBOR_TEXT) {
            (void)cede_cbor_get_text(&reader);
        } else {
            op = cede_cbor_get_int(&reader);
        }
        *ops |= op >= 1 && op <= 10 ? 1u << op : OP_OTHER;
    }
    return reader.status == CEDE_OK ? CEDE_OK : CEDE_COSE_KEY;
}

/* y: the coordinate, or its sign. */
static enum cede_status take_y(struct cede_span item, struct cede_cose_key *key)
{
    struct cede_reader reader = cede_reader(item);

    if (cede_cbor_peek(&reader) != CEDE_CBOR_SIMPLE) {
        return take_bytes(item, &key->y);
    }
    key->has_y_sign = true;
    key->y_odd = cede_cbor_get_bool(&reader);
    return reader.status == CEDE_OK ? CEDE_OK : CEDE_COSE_KEY;
}

/* Absent, or exactly `len` long: leading zeros are kept (RFC 9053, section 7.1.1). */
static bool has_len(struct cede_span content, size_t len)
{
    return content.ptr == NULL || content.len == len;
}

static enum cede_status check_asymmetric(const struct cede_cose_key *key)
{
    bool ec2 = key->curve >= CEDE_CRV_P256 && key->curve <= CEDE_CRV_P521;
    size_t len = cede_curve_private_len(key->curve); /* of a coordinate, too */
    bool has_y = key->y.ptr != NULL || key->has_y_sign;

    if (len == 0 || ec2 != (key->kty == CEDE_COSE_KTY_EC2)) {
        return CEDE_COSE_KEY;
    }
    if (!has_len(key->x, len) || !has_len(key->y, len) || !has_len(key->d, len)) {
        return CEDE_COSE_KEY;
    }
    if (key->x.ptr == NULL && (key->d.ptr == NULL || has_y)) {
        return CEDE_COSE_KEY;
    }
    return has_y == (ec2 && key->x.ptr != NULL) ? CEDE_OK : CEDE_COSE_KEY;
}

static enum cede_status take_material(const struct key_items *items, struct cede_cose_key *key)
{
    if (key->kty == CEDE_COSE_KTY_SYMMETRIC) {
        CEDE_TRY(take_bytes(items->crv_or_k, &key->k));
        return key->k.ptr != NULL && key->k.len > 0 ? CEDE_OK : CEDE_COSE_KEY;
    }
    if (key->kty != CEDE_COSE_KTY_EC2 && key->kty != CEDE_COSE_KTY_OKP) {
        return CEDE_COSE_KEY;
    }
    CEDE_TRY(take_int(items->crv_or_k, &key->curve));
    CEDE_TRY(take_bytes(items->x, &key->x));
    CEDE_TRY(take_y(items->y, key));
    CEDE_TRY(take_bytes(items->d, &key->d));
    return check_asymmetric(key);
}

enum cede_status cede_cose_key_decode(struct cede_span encoding, struct cede_cose_key *key)
{
    struct cede_cose_key decoded = {0};
    struct key_items items;

    *key = (struct cede_cose_key){0};
    CEDE_TRY(collect(encoding, &items));
    CEDE_TRY(take_int(items.kty, &decoded.kty));
    CEDE_TRY(take_int(items.alg, &decoded.alg));
    CEDE_TRY(take_ops(items.ops, &decoded.key_ops));
    CEDE_TRY(take_bytes(items.kid, &decoded.kid));
    CEDE_TRY(take_bytes(items.base_iv, &decoded.base_iv));
    CEDE_TRY(take_material(&items, &decoded));
    *key = decoded;
    return CEDE_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_bytes_if(struct cede_writer *writer, int64_t label, struct cede_span content)
{
    if (content.ptr != NULL) {
        cede_cbor_put_int(writer, label);
        cede_cbor_put_bytes(writer, content);
    }
}

static void put_int_if(struct cede_writer *writer, int64_t label, int32_t value)
{
    if (value != 0) {
        cede_cbor_put_int(writer, label);
        cede_cbor_put_int(writer, value);
    }
}

static void put_ops(struct cede_writer *writer, uint32_t ops)
{
    uint64_t count = 0;

    for (unsigned op = 1; op <= 10; op++) {
        count += ops >> op & 1;
    }
    if (count == 0) {
        return;
    }
    cede_cbor_put_uint(writer, KEY_OPS);
    cede_cbor_put_array(writer, count);
    for (unsigned op = 1; op <= 10; op++) {
        if ((ops >> op & 1) != 0) {
            cede_cbor_put_uint(writer, op);
        }
    }
}

static uint64_t count_params(const struct cede_cose_key *key)
{
    const struct cede_span *strings[] = {&key->kid, &key->base_iv, &key->x,
                                         &key->y,   &key->d,       &key->k};
    uint64_t count = 1; /* kty */

    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        count += strings[i]->ptr != NULL ? 1 : 0;
    }
    count += key->alg != 0 ? 1 : 0;
    count += (key->key_ops & ~OP_OTHER) != 0 ? 1 : 0;
    count += key->curve != 0 ? 1 : 0;
    count += key->has_y_sign ? 1 : 0;
    return count;
}

void cede_cose_key_encode(struct cede_writer *writer, const struct cede_cose_key *key)
{
    cede_cbor_put_map(writer, count_params(key));
    cede_cbor_put_uint(writer, KEY_KTY);
    cede_cbor_put_int(writer, key->kty);
    put_bytes_if(writer, KEY_KID, key->kid);
    put_int_if(writer, KEY_ALG, key->alg);
    put_ops(writer, key->key_ops);
    put_bytes_if(writer, KEY_BASE_IV, key->base_iv);
    put_int_if(writer, KEY_CRV_OR_K, key->curve);
    put_bytes_if(writer, KEY_CRV_OR_K, key->k);
    put_bytes_if(writer, KEY_X, key->x);
    put_bytes_if(writer, KEY_Y, key->y);
    if (key->has_y_sign) {
        cede_cbor_put_int(writer, KEY_Y);
        cede_cbor_put_bool(writer, key->y_odd);
    }
    put_bytes_if(writer, KEY_D, key->d);
}

/* --- to and from the port --------------------------------------------------------------------- */

enum cede_status cede_cose_key_public(const struct cede_cose_key *key,
                                      const struct cede_crypto *crypto,
                                      uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX],
                                      struct cede_public_key *public_key)
{
    *public_key = (struct cede_public_key){0};
    if (key->x.ptr == NULL || key->x.len + key->y.len > CEDE_PUBLIC_KEY_LEN_MAX) {
        return CEDE_COSE_KEY;
    }
    if (key->has_y_sign) {
        if (crypto == NULL) {
            return CEDE_BAD_ARGUMENT;
        }
        CEDE_TRY(crypto->decompress(crypto->context, key->curve, key->x, key->y_odd, point));
    } else {
        memcpy(point, key->x.ptr, key->x.len);
        if (key->y.len > 0) {
            memcpy(point + key->x.len, key->y.ptr, key->y.len);
        }
    }
    public_key->curve = key->curve;
    public_key->point = cede_span(point, cede_curve_public_len(key->curve));
    return CEDE_OK;
}

enum cede_status cede_cose_key_private(const struct cede_cose_key *key,
                                       struct cede_private_key *private_key)
{
    *private_key = (struct cede_private_key){0};
    if (key->d.ptr == NULL) {
        return CEDE_COSE_KEY;
    }
    private_key->curve = key->curve;
    private_key->scalar = key->d;
    return CEDE_OK;
}

enum cede_status cede_cose_key_from_public(const struct cede_public_key *public_key,
                                           struct cede_cose_key *key)
{
    size_t len = cede_curve_private_len(public_key->curve);

    *key = (struct cede_cose_key){0};
    if (len == 0 || public_key->point.len != cede_curve_public_len(public_key->curve)) {
        return CEDE_COSE_KEY;
    }
    key->kty = public_key->point.len == len ? CEDE_COSE_KTY_OKP : CEDE_COSE_KTY_EC2;
    key->curve = public_key->curve;
    key->x = cede_span_part(public_key->point, 0, len);
    if (key->kty == CEDE_COSE_KTY_EC2) {
        key->y = cede_span_part(public_key->point, len, len);
    }
    return CEDE_OK;
}

bool cede_cose_key_allows(const struct cede_cose_key *key, uint32_t ops, int32_t alg)
{
    if (key->key_ops != 0 && (key->key_ops & ops) != ops) {
        return false;
    }
    if (key->alg == 0 || key->alg == alg) {
        return true;
    }
    /* Two names of one algorithm: ES256 is used as ESP256, EdDSA as Ed25519 (RFC 9864). */
    return cede_signature_curve(alg) != 0 &&
           cede_signature_curve(key->alg) == cede_signature_curve(alg);
}
