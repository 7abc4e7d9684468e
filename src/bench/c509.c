/* SPDX-License-Identifier: Apache-2.0 */
/* c509.c - a device's certificate, read and written again: a share of one verification. */
#include <string.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "cede/certificate.h"
#include "cede/crypto_openssl.h"

static const struct cede_crypto *crypto;
static uint8_t private_key[CEDE_PRIVATE_KEY_LEN_MAX], public_key[CEDE_PUBLIC_KEY_LEN_MAX];
static struct cede_private_key own;
static struct cede_public_key issuer;
static uint8_t native_bytes[512], x509_bytes[1024], type_3_bytes[1024];
static struct cede_span native, x509, type_3;

static const uint8_t serial[] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};

/* As a CA issues it to a device: X.509 also has the key identifiers. */
static struct cede_certificate_info device_info(bool with_key_ids)
{
    static uint8_t key_id[20] = {0x77};
    struct cede_certificate_info info = {
        .serial = CEDE_SPAN_ARRAY(serial),
        .issuer = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("CA2 of the fleet")},
        .not_before = 1790000000,
        .not_after = 1821536000,
        .subject = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("device-000123")},
        .public_key = issuer,
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = CEDE_KU_DIGITAL_SIGNATURE,
    };

    if (with_key_ids) {
        info.subject_key_id = CEDE_SPAN_ARRAY(key_id);
        info.authority_key_id = CEDE_SPAN_ARRAY(key_id);
    }
    return info;
}

/* Everything the certificate says is read, then written from what was read. The key's point is
 * taken from the key at hand: finding y is arithmetic, not coding. */
static bool decode_encode(void)
{
    uint8_t out[512];
    struct cede_c509 view;
    struct cede_certificate_info info = {0};
    struct cede_span tbs, again;

    if (cede_c509_decode(native, &view) != CEDE_OK) {
        return false;
    }
    info.serial = view.serial;
    info.issuer = (struct cede_name){CEDE_NAME_C509, view.issuer};
    info.not_before = view.not_before;
    info.not_after = view.not_after;
    info.subject = (struct cede_name){CEDE_NAME_C509, view.subject};
    info.public_key = issuer;
    info.path_len = view.ext.path_len;
    info.key_usage = view.ext.key_usage;
    return cede_c509_encode_tbs(&info, view.signature_alg, CEDE_BUF_ARRAY(out), &tbs) == CEDE_OK &&
           cede_c509_join(tbs, view.signature, CEDE_BUF_ARRAY(out), &again) == CEDE_OK &&
           cede_span_equal(again, native);
}

static bool to_x509(void)
{
    uint8_t out[1024];
    struct cede_span der;

    return cede_c509_to_x509(crypto, type_3, CEDE_BUF_ARRAY(out), &der) == CEDE_OK;
}

static bool verify(void)
{
    uint8_t scratch[CEDE_C509_SCRATCH];
    struct cede_c509 view;

    return cede_c509_decode(native, &view) == CEDE_OK &&
           cede_c509_verify(&view, crypto, &issuer, CEDE_BUF_ARRAY(scratch)) == CEDE_OK;
}

static bool prepare(void)
{
    struct cede_certificate_info info, x509_info;
    uint8_t scratch[2048];

    crypto = cede_crypto_openssl();
    if (crypto->generate(crypto->context, CEDE_CRV_P256, private_key, public_key) != CEDE_OK) {
        return false;
    }
    own = (struct cede_private_key){CEDE_CRV_P256, cede_span(private_key, 32), NULL};
    issuer = (struct cede_public_key){CEDE_CRV_P256, cede_span(public_key, 64)};
    info = device_info(false);
    x509_info = device_info(true);
    return floor_p256_prepare() &&
           cede_c509_issue(crypto, &info, &own, CEDE_BUF_ARRAY(native_bytes), &native) == CEDE_OK &&
           cede_x509_issue(crypto, &x509_info, &own, CEDE_BUF_ARRAY(x509_bytes), &x509) ==
               CEDE_OK &&
           cede_c509_from_x509(crypto, x509, CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(type_3_bytes),
                               &type_3) == CEDE_OK;
}

static const struct bench_case cases[] = {
    {"decode+encode device certificate", decode_encode, floor_p256_verify, true},
    {"C509 to X.509", to_x509, floor_p256_verify, true},
    {"verify device certificate", verify, floor_p256_verify, false},
    {NULL, NULL, NULL, false},
};

const struct bench_group bench_c509_group = {"c509", prepare, cases};
