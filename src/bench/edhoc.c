/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc.c - whole handshakes, both sides, until each has its OSCORE keys.
 *
 * The initiator's key is raw bytes as a device has it, the responder's an EVP_PKEY as a server.
 */
#include <string.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "cede/cbor.h"
#include "cede/crypto_openssl.h"
#include "cede/edhoc.h"

/* One end and its credential: a claims set with the key, named by kid. */
struct end {
    uint8_t private_key[CEDE_PRIVATE_KEY_LEN_MAX];
    uint8_t public_key[CEDE_PUBLIC_KEY_LEN_MAX];
    uint8_t cred[100];
    EVP_PKEY *pkey;
    struct cede_edhoc_own own;
    struct cede_edhoc_credential credential;
    struct cede_edhoc_session session;
    uint8_t plaintext[256];
    struct cede_edhoc_peer peer;
    struct cede_edhoc_oscore oscore;
};

static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2};
static const uint8_t id_cred_i[] = {0xa1, 0x04, 0x41, 0x2b}, id_cred_r[] = {0xa1, 0x04, 0x41, 0x32};
static const uint8_t c_i[] = {0x37}, c_r[] = {0x27};
static struct cede_edhoc_config config;
static struct end initiator, responder;

static bool make_end(struct end *end, struct cede_span id_cred)
{
    struct cede_writer cred = cede_writer(CEDE_BUF_ARRAY(end->cred));

    if (config.crypto->generate(config.crypto->context, CEDE_CRV_P256, end->private_key,
                                end->public_key) != CEDE_OK) {
        return false;
    }
    cede_cbor_put_map(&cred, 1);
    cede_cbor_put_uint(&cred, 8); /* cnf */
    cede_cbor_put_bytes(&cred, cede_span(end->public_key, 64));
    end->own = (struct cede_edhoc_own){
        .id_cred = id_cred,
        .form = CEDE_EDHOC_CRED_ITEM,
        .cred = cede_written(&cred),
        .key = {CEDE_CRV_P256, cede_span(end->private_key, 32), NULL},
    };
    end->credential = (struct cede_edhoc_credential){
        .form = CEDE_EDHOC_CRED_ITEM,
        .cred = end->own.cred,
        .public_key = {CEDE_CRV_P256, cede_span(end->public_key, 64)},
    };
    return true;
}

static bool prepare(void)
{
    config = (struct cede_edhoc_config){
        .crypto = cede_crypto_openssl(), .suites = suites, .suites_count = 1, .methods = 0x0f};
    return floor_p256_prepare() && make_end(&initiator, CEDE_SPAN_ARRAY(id_cred_i)) &&
           make_end(&responder, CEDE_SPAN_ARRAY(id_cred_r)) &&
           cede_openssl_pkey(&responder.own.key, &responder.pkey) == CEDE_OK &&
           cede_openssl_private_key(responder.pkey, &responder.own.key) == CEDE_OK;
}

static enum cede_status run_handshake(enum cede_edhoc_method method)
{
    uint8_t memory[256];
    struct cede_edhoc_session *i = &initiator.session, *r = &responder.session;
    struct cede_edhoc_eads eads;
    struct cede_span message;

    CEDE_TRY(cede_edhoc_init_initiator(i, &config, method, 2, CEDE_SPAN_ARRAY(c_i)));
    cede_edhoc_init_responder(r);
    CEDE_TRY(cede_edhoc_compose_message_1(i, &config, NULL, CEDE_BUF_ARRAY(memory), &message));
    CEDE_TRY(cede_edhoc_process_message_1(r, &config, message, &eads));
    CEDE_TRY(cede_edhoc_compose_message_2(r, &config, CEDE_SPAN_ARRAY(c_r), &responder.own, NULL,
                                          CEDE_BUF_ARRAY(memory), &message));
    CEDE_TRY(cede_edhoc_process_message_2(i, &config, message, CEDE_BUF_ARRAY(initiator.plaintext),
                                          &initiator.peer));
    CEDE_TRY(cede_edhoc_verify_message_2(i, &config, &initiator.peer, &responder.credential));
    CEDE_TRY(cede_edhoc_compose_message_3(i, &config, &initiator.own, NULL, CEDE_BUF_ARRAY(memory),
                                          &message));
    CEDE_TRY(cede_edhoc_process_message_3(r, &config, message, CEDE_BUF_ARRAY(responder.plaintext),
                                          &responder.peer));
    CEDE_TRY(cede_edhoc_verify_message_3(r, &config, &responder.peer, &initiator.credential));
    CEDE_TRY(cede_edhoc_export_oscore(i, &config, &initiator.oscore));
    return cede_edhoc_export_oscore(r, &config, &responder.oscore);
}

static bool handshake(enum cede_edhoc_method method)
{
    return run_handshake(method) == CEDE_OK &&
           memcmp(initiator.oscore.master_secret, responder.oscore.master_secret,
                  sizeof initiator.oscore.master_secret) == 0;
}

static bool handshake_0(void)
{
    return handshake(CEDE_EDHOC_SIGNATURE_SIGNATURE);
}

static bool handshake_3(void)
{
    return handshake(CEDE_EDHOC_STATIC_DH_STATIC_DH);
}

static bool floor_ephemeral(void)
{
    return floor_p256_generate() && floor_p256_generate() && floor_p256_ecdh() && floor_p256_ecdh();
}

static bool floor_0(void)
{
    return floor_ephemeral() && floor_p256_sign() && floor_p256_sign() && floor_p256_verify() &&
           floor_p256_verify();
}

/* G_XY, G_RX and G_IY on each side (RFC 9528, section 4.1). */
static bool floor_3(void)
{
    return floor_ephemeral() && floor_p256_ecdh() && floor_p256_ecdh() && floor_p256_ecdh() &&
           floor_p256_ecdh();
}

static const struct bench_case cases[] = {
    {"handshake method 0 suite 2", handshake_0, floor_0, false},
    {"handshake method 3 suite 2", handshake_3, floor_3, false},
    {NULL, NULL, NULL, false},
};

const struct bench_group bench_edhoc_group = {"edhoc", prepare, cases};
