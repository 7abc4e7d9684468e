/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - fresh key pairs and names for tests. Include cmocka.h before. */
#ifndef CEDE_TESTS_KEYS_H
#define CEDE_TESTS_KEYS_H

#include "cede/certificate.h"
#include "cede/crypto.h"

struct key {
    uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX];
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
};

/* Of what lies in `scalar` and `point`. */
static inline void take_key(struct key *key, int32_t curve)
{
    key->private_key = (struct cede_private_key){
        curve, cede_span(key->scalar, cede_curve_private_len(curve)), NULL};
    key->public_key =
        (struct cede_public_key){curve, cede_span(key->point, cede_curve_public_len(curve))};
}

static inline void make_key(const struct cede_crypto *crypto, struct key *key, int32_t curve)
{
    assert_int_equal(crypto->generate(crypto->context, curve, key->scalar, key->point), CEDE_OK);
    take_key(key, curve);
}

static inline struct cede_name text_name(const char *text)
{
    return (struct cede_name){CEDE_NAME_TEXT, cede_span_string(text)};
}

#endif
