/* SPDX-License-Identifier: Apache-2.0 */
/* cose.c - COSE_Sign1 over a payload of a TransferMessage's length: decoding and encoding included.
 */
#include <string.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "cede/cose.h"
#include "cede/crypto_openssl.h"

static const struct cede_crypto *crypto;
static uint8_t private_key[CEDE_PRIVATE_KEY_LEN_MAX], public_key[CEDE_PUBLIC_KEY_LEN_MAX];
static struct cede_private_key own;
static struct cede_public_key signer;
static uint8_t payload[200], message_bytes[400];
static struct cede_span message;

static bool sign(void)
{
    struct cede_cose_sign1 sign1 = {.tagged = true, .payload = CEDE_SPAN_ARRAY(payload)};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(message_bytes));

    sign1.headers.protected_.alg = CEDE_ALG_ESP256;
    return cede_cose_sign1_sign(&sign1, crypto, &own, CEDE_SPAN_NULL, CEDE_SPAN_NULL, &writer) ==
               CEDE_OK &&
           cede_writer_finish(&writer, &message) == CEDE_OK;
}

static bool verify(void)
{
    struct cede_cose_sign1 sign1;

    return cede_cose_sign1_decode(message, &sign1) == CEDE_OK &&
           cede_cose_sign1_verify(&sign1, crypto, &signer, CEDE_SPAN_NULL, CEDE_SPAN_NULL) ==
               CEDE_OK;
}

static bool prepare(void)
{
    crypto = cede_crypto_openssl();
    if (crypto->generate(crypto->context, CEDE_CRV_P256, private_key, public_key) != CEDE_OK) {
        return false;
    }
    own = (struct cede_private_key){CEDE_CRV_P256, cede_span(private_key, 32), NULL};
    signer = (struct cede_public_key){CEDE_CRV_P256, cede_span(public_key, 64)};
    memset(payload, 0x5a, sizeof payload);
    return floor_p256_prepare() && sign();
}

static const struct bench_case cases[] = {
    {"sign1 sign", sign, floor_p256_sign, false},
    {"sign1 verify", verify, floor_p256_verify, false},
    {NULL, NULL, NULL, false},
};

const struct bench_group bench_cose_group = {"cose", prepare, cases};
