/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keys.h - keys everybody knows, for talking to other implementations: the credentials of RFC
 * 9529, section 3 (method 3, suite 2), and the OSCORE context of RFC 8613, appendix C.1.
 *
 * They protect nothing.
 */
#ifndef EXAMPLES_TEST_KEYS_H
#define EXAMPLES_TEST_KEYS_H

#include <time.h>

#include "cede/edhoc.h"
#include "cede/oscore.h"

/* One side of RFC 9529, section 3. For static Diffie-Hellman the public key's x is enough. */
struct test_credential {
    uint8_t private_key[32];
    uint8_t x[32];
    uint8_t id_cred[4]; /* { 4 : kid } */
    uint8_t cred[107];  /* CWT Claims Set; x and y stand in it */
    size_t cred_len;
};

static const struct test_credential test_initiator = {
    .private_key = {0xfb, 0x13, 0xad, 0xeb, 0x65, 0x18, 0xce, 0xe5, 0xf8, 0x84, 0x17,
                    0x66, 0x08, 0x41, 0x14, 0x2e, 0x83, 0x0a, 0x81, 0xfe, 0x33, 0x43,
                    0x80, 0xa9, 0x53, 0x40, 0x6a, 0x13, 0x05, 0xe8, 0x70, 0x6b},
    .x = {0xac, 0x75, 0xe9, 0xec, 0xe3, 0xe5, 0x0b, 0xfc, 0x8e, 0xd6, 0x03,
          0x99, 0x88, 0x95, 0x22, 0x40, 0x5c, 0x47, 0xbf, 0x16, 0xdf, 0x96,
          0x66, 0x0a, 0x41, 0x29, 0x8c, 0xb4, 0x30, 0x7f, 0x7e, 0xb6},
    .id_cred = {0xa1, 0x04, 0x41, 0x2b},
    .cred = {0xa2, 0x02, 0x77, 0x34, 0x32, 0x2d, 0x35, 0x30, 0x2d, 0x33, 0x31, 0x2d, 0x46, 0x46,
             0x2d, 0x45, 0x46, 0x2d, 0x33, 0x37, 0x2d, 0x33, 0x32, 0x2d, 0x33, 0x39, 0x08, 0xa1,
             0x01, 0xa5, 0x01, 0x02, 0x02, 0x41, 0x2b, 0x20, 0x01, 0x21, 0x58, 0x20, 0xac, 0x75,
             0xe9, 0xec, 0xe3, 0xe5, 0x0b, 0xfc, 0x8e, 0xd6, 0x03, 0x99, 0x88, 0x95, 0x22, 0x40,
             0x5c, 0x47, 0xbf, 0x16, 0xdf, 0x96, 0x66, 0x0a, 0x41, 0x29, 0x8c, 0xb4, 0x30, 0x7f,
             0x7e, 0xb6, 0x22, 0x58, 0x20, 0x6e, 0x5d, 0xe6, 0x11, 0x38, 0x8a, 0x4b, 0x8a, 0x82,
             0x11, 0x33, 0x4a, 0xc7, 0xd3, 0x7e, 0xcb, 0x52, 0xa3, 0x87, 0xd2, 0x57, 0xe6, 0xdb,
             0x3c, 0x2a, 0x93, 0xdf, 0x21, 0xff, 0x3a, 0xff, 0xc8},
    .cred_len = 107,
};

static const struct test_credential test_responder = {
    .private_key = {0x72, 0xcc, 0x47, 0x61, 0xdb, 0xd4, 0xc7, 0x8f, 0x75, 0x89, 0x31,
                    0xaa, 0x58, 0x9d, 0x34, 0x8d, 0x1e, 0xf8, 0x74, 0xa7, 0xe3, 0x03,
                    0xed, 0xe2, 0xf1, 0x40, 0xdc, 0xf3, 0xe6, 0xaa, 0x4a, 0xac},
    .x = {0xbb, 0xc3, 0x49, 0x60, 0x52, 0x6e, 0xa4, 0xd3, 0x2e, 0x94, 0x0c,
          0xad, 0x2a, 0x23, 0x41, 0x48, 0xdd, 0xc2, 0x17, 0x91, 0xa1, 0x2a,
          0xfb, 0xcb, 0xac, 0x93, 0x62, 0x20, 0x46, 0xdd, 0x44, 0xf0},
    .id_cred = {0xa1, 0x04, 0x41, 0x32},
    .cred = {0xa2, 0x02, 0x6b, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x2e, 0x65, 0x64, 0x75,
             0x08, 0xa1, 0x01, 0xa5, 0x01, 0x02, 0x02, 0x41, 0x32, 0x20, 0x01, 0x21, 0x58, 0x20,
             0xbb, 0xc3, 0x49, 0x60, 0x52, 0x6e, 0xa4, 0xd3, 0x2e, 0x94, 0x0c, 0xad, 0x2a, 0x23,
             0x41, 0x48, 0xdd, 0xc2, 0x17, 0x91, 0xa1, 0x2a, 0xfb, 0xcb, 0xac, 0x93, 0x62, 0x20,
             0x46, 0xdd, 0x44, 0xf0, 0x22, 0x58, 0x20, 0x45, 0x19, 0xe2, 0x57, 0x23, 0x6b, 0x2a,
             0x0c, 0xe2, 0x02, 0x3f, 0x09, 0x31, 0xf1, 0xf3, 0x86, 0xca, 0x7a, 0xfd, 0xa6, 0x4f,
             0xcd, 0xe0, 0x10, 0x8c, 0x22, 0x4c, 0x51, 0xea, 0xbf, 0x60, 0x72},
    .cred_len = 95,
};

static inline struct cede_edhoc_own test_own(const struct test_credential *credential)
{
    return (struct cede_edhoc_own){
        .id_cred = CEDE_SPAN_ARRAY(credential->id_cred),
        .form = CEDE_EDHOC_CRED_ITEM,
        .cred = cede_span(credential->cred, credential->cred_len),
        .key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(credential->private_key), NULL},
    };
}

/* The peer's credential, if that is what its ID_CRED_x names. */
static inline enum cede_status test_find(const struct test_credential *known,
                                         const struct cede_edhoc_peer *peer,
                                         struct cede_edhoc_credential *credential)
{
    struct cede_edhoc_id_cred id_cred;

    *credential = (struct cede_edhoc_credential){
        .form = CEDE_EDHOC_CRED_ITEM,
        .cred = cede_span(known->cred, known->cred_len),
        .public_key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(known->x)},
    };
    CEDE_TRY(cede_edhoc_id_cred_decode(peer->id_cred, &id_cred));
    return id_cred.kind == CEDE_EDHOC_ID_KID &&
                   cede_span_equal(id_cred.value, cede_span(known->id_cred + 3, 1))
               ? CEDE_OK
               : CEDE_EDHOC_UNKNOWN_CREDENTIAL;
}

/* Method 3, suite 2. */
static inline struct cede_edhoc_config test_config(const struct cede_crypto *crypto)
{
    static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2};

    return (struct cede_edhoc_config){
        .crypto = crypto,
        .suites = suites,
        .suites_count = 1,
        .methods = CEDE_EDHOC_METHOD_BIT(CEDE_EDHOC_STATIC_DH_STATIC_DH),
    };
}

/* The context of a finished handshake. */
static inline enum cede_status test_oscore_from(const struct cede_edhoc_session *session,
                                                const struct cede_edhoc_config *config,
                                                struct cede_oscore_context *context)
{
    struct cede_edhoc_oscore keys;
    struct cede_oscore_params params = {0};
    enum cede_status status = cede_edhoc_export_oscore(session, config, &keys);

    if (status == CEDE_OK) {
        params.aead_alg = keys.aead;
        params.hash_alg = keys.hash;
        params.master_secret = cede_span(keys.master_secret, keys.master_secret_len);
        params.master_salt = CEDE_SPAN_ARRAY(keys.master_salt);
        params.sender_id = cede_edhoc_connection_id_span(&keys.sender_id);
        params.recipient_id = cede_edhoc_connection_id_span(&keys.recipient_id);
        status = cede_oscore_init(context, config->crypto, &params);
    }
    cede_wipe(&keys, sizeof keys);
    return status;
}

/* RFC 8613, appendix C.1: the client's id is empty, the server's is 01. */
static inline enum cede_status test_oscore_preshared(const struct cede_crypto *crypto,
                                                     bool is_client,
                                                     struct cede_oscore_context *context)
{
    static const uint8_t master_secret[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    static const uint8_t master_salt[] = {0x9e, 0x7c, 0xa9, 0x22, 0x23, 0x78, 0x63, 0x40};
    static const uint8_t server_id[] = {0x01};
    struct cede_span client = cede_span(server_id, 0), server = CEDE_SPAN_ARRAY(server_id);
    struct cede_oscore_params params = {
        .master_secret = CEDE_SPAN_ARRAY(master_secret),
        .master_salt = CEDE_SPAN_ARRAY(master_salt),
        .sender_id = is_client ? client : server,
        .recipient_id = is_client ? server : client,
    };

    return cede_oscore_init(context, crypto, &params);
}

/* The client's. A shared context outlives a run; its numbers never return, and nor does time. */
static inline enum cede_status test_oscore_client(const struct cede_crypto *crypto,
                                                  struct cede_oscore_context *context)
{
    static const struct timespec five_numbers = {0, 5L << 22};
    struct timespec now;

    (void)timespec_get(&now, TIME_UTC);
    CEDE_TRY(test_oscore_preshared(crypto, true, context));
    context->sender_seq = (uint64_t)now.tv_sec << 8 | (uint64_t)now.tv_nsec >> 22;
    /* A run that begins when this one is over is not to begin with one of its numbers. */
    (void)nanosleep(&five_numbers, NULL);
    return CEDE_OK;
}

#endif
