/* SPDX-License-Identifier: Apache-2.0 */
/* suites.c - the cipher suites (RFC 9528, sections 3.6 and 10.2) and their lists in messages. */
#include "edhoc_engine.h"

/* Each algorithm with its lengths, in the order of struct cede_edhoc_suite. */
#define AEAD_CCM_8    CEDE_ALG_AES_CCM_16_64_128, 16, 13
#define AEAD_CCM_16   CEDE_ALG_AES_CCM_16_128_128, 16, 13
#define AEAD_A128GCM  CEDE_ALG_A128GCM, 16, 12
#define AEAD_A256GCM  CEDE_ALG_A256GCM, 32, 12
#define AEAD_CHACHA20 CEDE_ALG_CHACHA20_POLY1305, 32, 12

#define HASH_SHA_256 CEDE_ALG_SHA_256, 32, cede_edhoc_expand_hkdf
#define HASH_SHA_384 CEDE_ALG_SHA_384, 48, cede_edhoc_expand_hkdf

#define CURVE_X25519 CEDE_CRV_X25519, 32, 32
#define CURVE_P_256  CEDE_CRV_P256, 32, 64
#define CURVE_P_384  CEDE_CRV_P384, 48, 96

#define SIGNATURE_EDDSA CEDE_ALG_EDDSA, CEDE_CRV_ED25519, 64
#define SIGNATURE_ES256 CEDE_ALG_ES256, CEDE_CRV_P256, 64
#define SIGNATURE_ES384 CEDE_ALG_ES384, CEDE_CRV_P384, 96

#define APPLICATION_CCM_8    CEDE_ALG_AES_CCM_16_64_128, 16, CEDE_ALG_SHA_256
#define APPLICATION_CHACHA20 CEDE_ALG_CHACHA20_POLY1305, 32, CEDE_ALG_SHA_256
#define APPLICATION_A128GCM  CEDE_ALG_A128GCM, 16, CEDE_ALG_SHA_256
#define APPLICATION_A256GCM  CEDE_ALG_A256GCM, 32, CEDE_ALG_SHA_384

/* Number, AEAD, hash, MAC length, key exchange curve, signature, application AEAD and hash. */
const struct cede_edhoc_suite cede_edhoc_suite_0 = {
    0, AEAD_CCM_8, HASH_SHA_256, 8, CURVE_X25519, SIGNATURE_EDDSA, APPLICATION_CCM_8};

const struct cede_edhoc_suite cede_edhoc_suite_1 = {
    1, AEAD_CCM_16, HASH_SHA_256, 16, CURVE_X25519, SIGNATURE_EDDSA, APPLICATION_CCM_8};

const struct cede_edhoc_suite cede_edhoc_suite_2 = {
    2, AEAD_CCM_8, HASH_SHA_256, 8, CURVE_P_256, SIGNATURE_ES256, APPLICATION_CCM_8};

const struct cede_edhoc_suite cede_edhoc_suite_3 = {
    3, AEAD_CCM_16, HASH_SHA_256, 16, CURVE_P_256, SIGNATURE_ES256, APPLICATION_CCM_8};

const struct cede_edhoc_suite cede_edhoc_suite_4 = {
    4, AEAD_CHACHA20, HASH_SHA_256, 16, CURVE_X25519, SIGNATURE_EDDSA, APPLICATION_CHACHA20};

const struct cede_edhoc_suite cede_edhoc_suite_5 = {
    5, AEAD_CHACHA20, HASH_SHA_256, 16, CURVE_P_256, SIGNATURE_ES256, APPLICATION_CHACHA20};

const struct cede_edhoc_suite cede_edhoc_suite_6 = {
    6, AEAD_A128GCM, HASH_SHA_256, 16, CURVE_X25519, SIGNATURE_ES256, APPLICATION_A128GCM};

const struct cede_edhoc_suite cede_edhoc_suite_24 = {
    24, AEAD_A256GCM, HASH_SHA_384, 16, CURVE_P_384, SIGNATURE_ES384, APPLICATION_A256GCM};

const struct cede_edhoc_suite *edhoc_suite_find(const struct cede_edhoc_config *config,
                                                int32_t number)
{
    for (size_t i = 0; i < config->suites_count; i++) {
        if (config->suites[i]->number == number) {
            return config->suites[i];
        }
    }
    return NULL;
}

/* suites = [ 2* int ] / int */
void edhoc_put_suites(struct cede_writer *writer, const struct cede_edhoc_config *config,
                      const struct cede_edhoc_suite *selected)
{
    size_t count = 0;

    while (count < config->suites_count &&
           (selected == NULL || count == 0 || config->suites[count - 1] != selected)) {
        count++;
    }
    if (count > 1) {
        cede_cbor_put_array(writer, count);
    }
    for (size_t i = 0; i < count; i++) {
        cede_cbor_put_int(writer, config->suites[i]->number);
    }
}

struct edhoc_suites_reader edhoc_get_suites(struct cede_reader *reader)
{
    struct edhoc_suites_reader suites = {reader, 1};

    if (cede_cbor_peek(reader) == CEDE_CBOR_ARRAY) {
        suites.left = cede_cbor_get_array(reader);
        if (suites.left < 2 || suites.left > CEDE_EDHOC_SUITES_MAX) {
            cede_reader_fail(reader, CEDE_EDHOC_SUITES);
        }
    }
    return suites;
}

bool edhoc_suites_next(struct edhoc_suites_reader *suites, int32_t *number)
{
    if (suites->left == 0 || suites->reader->status != CEDE_OK) {
        return false;
    }
    suites->left--;
    *number = cede_cbor_get_int32(suites->reader);
    return suites->reader->status == CEDE_OK;
}

enum cede_status cede_edhoc_select_suite(const struct cede_edhoc_config *config,
                                         const struct cede_edhoc_error *error, int32_t refused,
                                         int32_t *suite)
{
    *suite = 0;
    for (size_t i = 0; i < config->suites_count; i++) {
        for (size_t k = 0; k < error->suites_r_count; k++) {
            if (config->suites[i]->number != error->suites_r[k]) {
                continue;
            }
            if (error->suites_r[k] == refused) {
                return CEDE_EDHOC_WRONG_SUITE;
            }
            *suite = error->suites_r[k];
            return CEDE_OK;
        }
    }
    return CEDE_EDHOC_WRONG_SUITE;
}
