/* SPDX-License-Identifier: Apache-2.0 */
/* suites.c - the cipher suites (RFC 9528, sections 3.6 and 10.2) and their lists in messages. */
#include "edhoc_engine.h"

/* Each algorithm with its lengths. */
#define AEAD_CCM_8    .aead = CEDE_ALG_AES_CCM_16_64_128, .key_len = 16, .nonce_len = 13
#define AEAD_CCM_16   .aead = CEDE_ALG_AES_CCM_16_128_128, .key_len = 16, .nonce_len = 13
#define AEAD_A128GCM  .aead = CEDE_ALG_A128GCM, .key_len = 16, .nonce_len = 12
#define AEAD_A256GCM  .aead = CEDE_ALG_A256GCM, .key_len = 32, .nonce_len = 12
#define AEAD_CHACHA20 .aead = CEDE_ALG_CHACHA20_POLY1305, .key_len = 32, .nonce_len = 12

#define HASH_SHA_256                                                                               \
    .hash = CEDE_ALG_SHA_256, .hash_len = 32, .mac = cede_edhoc_hmac,                              \
    .expand = cede_edhoc_expand_hkdf
#define HASH_SHA_384                                                                               \
    .hash = CEDE_ALG_SHA_384, .hash_len = 48, .mac = cede_edhoc_hmac,                              \
    .expand = cede_edhoc_expand_hkdf

#define HASH_SHAKE256                                                                              \
    .hash = CEDE_ALG_SHAKE256, .hash_len = 64, .mac = cede_edhoc_kmac,                             \
    .expand = cede_edhoc_expand_kmac

#define CURVE_X25519 .curve = CEDE_CRV_X25519, .coordinate_len = 32, .public_len = 32
#define CURVE_P_256  .curve = CEDE_CRV_P256, .coordinate_len = 32, .public_len = 64
#define CURVE_P_384  .curve = CEDE_CRV_P384, .coordinate_len = 48, .public_len = 96

#define CURVE_X448 .curve = CEDE_CRV_X448, .coordinate_len = 56, .public_len = 56

#define SIGNATURE(alg_, curve_, len_)                                                              \
    .signature = (alg_), .signature_curve = (curve_), .signature_len = (len_)
#define SIGNATURE_EDDSA SIGNATURE(CEDE_ALG_EDDSA, CEDE_CRV_ED25519, 64)
#define SIGNATURE_ED448 SIGNATURE(CEDE_ALG_ED448, CEDE_CRV_ED448, 114)
#define SIGNATURE_ES256 SIGNATURE(CEDE_ALG_ES256, CEDE_CRV_P256, 64)
#define SIGNATURE_ES384 SIGNATURE(CEDE_ALG_ES384, CEDE_CRV_P384, 96)

#define APPLICATION(aead_, key_len_, hash_)                                                        \
    .application_aead = (aead_), .application_key_len = (key_len_), .application_hash = (hash_)
#define APPLICATION_CCM_8    APPLICATION(CEDE_ALG_AES_CCM_16_64_128, 16, CEDE_ALG_SHA_256)
#define APPLICATION_CHACHA20 APPLICATION(CEDE_ALG_CHACHA20_POLY1305, 32, CEDE_ALG_SHA_256)
#define APPLICATION_SHAKE256 APPLICATION(CEDE_ALG_CHACHA20_POLY1305, 32, CEDE_ALG_SHAKE256)
#define APPLICATION_A128GCM  APPLICATION(CEDE_ALG_A128GCM, 16, CEDE_ALG_SHA_256)
#define APPLICATION_A256GCM  APPLICATION(CEDE_ALG_A256GCM, 32, CEDE_ALG_SHA_384)

const struct cede_edhoc_suite cede_edhoc_suite_0 = {.number = 0,
                                                    AEAD_CCM_8,
                                                    HASH_SHA_256,
                                                    .mac_len = 8,
                                                    CURVE_X25519,
                                                    SIGNATURE_EDDSA,
                                                    APPLICATION_CCM_8};

const struct cede_edhoc_suite cede_edhoc_suite_1 = {.number = 1,
                                                    AEAD_CCM_16,
                                                    HASH_SHA_256,
                                                    .mac_len = 16,
                                                    CURVE_X25519,
                                                    SIGNATURE_EDDSA,
                                                    APPLICATION_CCM_8};

const struct cede_edhoc_suite cede_edhoc_suite_2 = {.number = 2,
                                                    AEAD_CCM_8,
                                                    HASH_SHA_256,
                                                    .mac_len = 8,
                                                    CURVE_P_256,
                                                    SIGNATURE_ES256,
                                                    APPLICATION_CCM_8};

const struct cede_edhoc_suite cede_edhoc_suite_3 = {.number = 3,
                                                    AEAD_CCM_16,
                                                    HASH_SHA_256,
                                                    .mac_len = 16,
                                                    CURVE_P_256,
                                                    SIGNATURE_ES256,
                                                    APPLICATION_CCM_8};

const struct cede_edhoc_suite cede_edhoc_suite_4 = {.number = 4,
                                                    AEAD_CHACHA20,
                                                    HASH_SHA_256,
                                                    .mac_len = 16,
                                                    CURVE_X25519,
                                                    SIGNATURE_EDDSA,
                                                    APPLICATION_CHACHA20};

const struct cede_edhoc_suite cede_edhoc_suite_5 = {.number = 5,
                                                    AEAD_CHACHA20,
                                                    HASH_SHA_256,
                                                    .mac_len = 16,
                                                    CURVE_P_256,
                                                    SIGNATURE_ES256,
                                                    APPLICATION_CHACHA20};

const struct cede_edhoc_suite cede_edhoc_suite_6 = {.number = 6,
                                                    AEAD_A128GCM,
                                                    HASH_SHA_256,
                                                    .mac_len = 16,
                                                    CURVE_X25519,
                                                    SIGNATURE_ES256,
                                                    APPLICATION_A128GCM};

const struct cede_edhoc_suite cede_edhoc_suite_24 = {.number = 24,
                                                     AEAD_A256GCM,
                                                     HASH_SHA_384,
                                                     .mac_len = 16,
                                                     CURVE_P_384,
                                                     SIGNATURE_ES384,
                                                     APPLICATION_A256GCM};

const struct cede_edhoc_suite cede_edhoc_suite_25 = {.number = 25,
                                                     AEAD_CHACHA20,
                                                     HASH_SHAKE256,
                                                     .mac_len = 16,
                                                     CURVE_X448,
                                                     SIGNATURE_ED448,
                                                     APPLICATION_SHAKE256};

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

    while (count < config->suites_count && config->suites[count++] != selected) {
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
