/* SPDX-License-Identifier: Apache-2.0 */
/* inspect_test.c - every kind of artefact is recognised and told; broken ones name their offset;
 * private keys never come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cede/certificate.h"
#include "cede/coap.h"
#include "cede/cose.h"
#include "cede/device.h"
#include "cede/edhoc.h"
#include "cede/transfer.h"
#include "inspect/inspect.h"

#define NOW 1790000000u

static const uint8_t cti[CEDE_CTI_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t digest[CEDE_SHA256_LEN] = {0xaa, 0xbb, 0xcc};
static const uint8_t transfer_id[CEDE_TRANSFER_ID_LEN] = {9, 9, 9};

static struct {
    const struct cede_crypto *crypto;
    uint8_t scalar[32], point[64];
    struct cede_private_key key;
    struct cede_public_key public_key;
    uint8_t c509_bytes[512], x509_bytes[1024], request_bytes[512], pkcs10_bytes[512];
    struct cede_span c509, x509, request, pkcs10;
    uint8_t order_bytes[600], update_bytes[1200];
    struct cede_span order, update;
    char *printed; /* by the last inspection */
} t;

/* --- fixtures -----------------------------------------------------------------------------------
 */

static struct cede_certificate_info certificate_info(void)
{
    struct cede_certificate_info info = {
        .serial = CEDE_SPAN_ARRAY(cti),
        .subject = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("sensor-007")},
        .not_before = NOW,
        .not_after = CEDE_TIME_NONE,
        .public_key = t.public_key,
        .has_basic_constraints = true,
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = CEDE_KU_DIGITAL_SIGNATURE,
        .eku = CEDE_EKU_SERVER_AUTH | CEDE_EKU_CMC_RA,
    };
    return info;
}

static struct cede_span sign(struct cede_writer *writer, struct cede_buf out)
{
    struct cede_span payload, message;

    assert_int_equal(cede_writer_finish(writer, &payload), CEDE_OK);
    assert_int_equal(cede_transfer_sign(t.crypto, &t.key, payload, out, &message), CEDE_OK);
    return message;
}

static void make_certificates(void)
{
    struct cede_certificate_info info = certificate_info();
    struct cede_name subject = info.subject;

    assert_int_equal(
        cede_c509_issue(t.crypto, &info, &t.key, CEDE_BUF_ARRAY(t.c509_bytes), &t.c509), CEDE_OK);
    assert_int_equal(
        cede_x509_issue(t.crypto, &info, &t.key, CEDE_BUF_ARRAY(t.x509_bytes), &t.x509), CEDE_OK);
    assert_int_equal(cede_c509_request_write(t.crypto, subject, &t.public_key, &t.key,
                                             CEDE_SPAN_TEXT("secret word"),
                                             CEDE_BUF_ARRAY(t.request_bytes), &t.request),
                     CEDE_OK);
    assert_int_equal(cede_x509_request_write(t.crypto, subject, &t.public_key, &t.key,
                                             CEDE_SPAN_TEXT("secret word"),
                                             CEDE_BUF_ARRAY(t.pkcs10_bytes), &t.pkcs10),
                     CEDE_OK);
}

static void make_orders(void)
{
    struct cede_transfer transfer = {
        .aud = CEDE_SPAN_TEXT("sensor-007"),
        .not_before = NOW,
        .not_after = NOW + 3600,
        .cti = CEDE_SPAN_ARRAY(cti),
        .enroll_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:15684/e/abcdef"),
        .update_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:25683"),
        .controller = CEDE_SPAN_ARRAY(digest),
        .has_seq = true,
        .seq = 5,
    };
    struct cede_trust_entry entry = {CEDE_PURPOSE_ENROL | CEDE_PURPOSE_SURVIVES, t.x509};
    uint8_t list[1024], payload[1200];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(list));
    struct cede_trust_update update = {.aud = CEDE_SPAN_TEXT("sensor-007"),
                                       .not_before = NOW,
                                       .not_after = NOW + 3600,
                                       .cti = CEDE_SPAN_ARRAY(cti),
                                       .seq = 4};

    cede_trust_list_encode(&writer, &entry, 1);
    assert_int_equal(cede_writer_finish(&writer, &update.entries), CEDE_OK);
    writer = cede_writer(CEDE_BUF_ARRAY(payload));
    cede_trust_update_encode(&writer, &update);
    t.update = sign(&writer, CEDE_BUF_ARRAY(t.update_bytes));
    writer = cede_writer(CEDE_BUF_ARRAY(payload));
    cede_transfer_encode(&writer, &transfer);
    t.order = sign(&writer, CEDE_BUF_ARRAY(t.order_bytes));
}

static int setup(void **state)
{
    (void)state;
    t.crypto = cede_crypto_openssl();
    assert_int_equal(t.crypto->generate(t.crypto->context, CEDE_CRV_P256, t.scalar, t.point),
                     CEDE_OK);
    t.key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.scalar), NULL};
    t.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(t.point)};
    make_certificates();
    make_orders();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(t.printed);
    return 0;
}

/* --- inspecting ---------------------------------------------------------------------------------
 */

/* The copy on the heap, exactly as long, lets the sanitizer see a byte read too much. */
static struct inspect_verdict look(struct cede_span input, const char *kind)
{
    uint8_t *copy = malloc(input.len > 0 ? input.len : 1);
    size_t len = 0;
    FILE *out;
    struct inspect_verdict verdict;

    free(t.printed);
    t.printed = NULL;
    assert_non_null(copy);
    memcpy(copy, input.ptr, input.len);
    out = open_memstream(&t.printed, &len);
    assert_non_null(out);
    verdict = inspect(out, t.crypto, cede_span(copy, input.len), kind);
    fclose(out);
    free(copy);
    return verdict;
}

static void to_hex(struct cede_span bytes, char *text)
{
    for (size_t i = 0; i < bytes.len; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes.ptr[i]);
    }
}

static void assert_says(const char *phrase)
{
    if (strstr(t.printed, phrase) == NULL) {
        print_error("missing: %s\nin: %s\n", phrase, t.printed);
        fail();
    }
}

static void assert_no_secret(void)
{
    char hex[65];

    to_hex(CEDE_SPAN_ARRAY(t.scalar), hex);
    hex[32] = '\0'; /* half of it would be too much */
    assert_null(strstr(t.printed, hex));
    assert_null(strstr(t.printed, hex + 16));
}

/* What is printed of a whole artefact, detected and by name; every cut of it is an error. */
static void assert_kind(struct cede_span input, const char *kind, const char *phrase)
{
    struct inspect_verdict verdict = look(input, NULL);

    if (verdict.status != CEDE_OK) {
        print_error("%s: %s at %zu\n%s\n", kind, cede_status_name(verdict.status), verdict.at,
                    t.printed);
    }
    assert_int_equal(verdict.status, CEDE_OK);
    assert_says(phrase);
    assert_int_equal(look(input, kind).status, CEDE_OK);
    assert_says(phrase);
    for (size_t len = 0; len < input.len; len++) {
        verdict = look(cede_span(input.ptr, len), NULL);
        assert_true(verdict.at <= len);
        assert_no_secret();
        verdict = look(cede_span(input.ptr, len), kind);
        if (verdict.status == CEDE_OK) {
            print_error("%s cut at %zu is accepted: %s\n", kind, len, t.printed);
        }
        assert_int_not_equal(verdict.status, CEDE_OK);
        assert_true(verdict.at <= len);
        assert_no_secret();
    }
}

/* Cuts are errors also without a name: the input is one item, DER or armoured. */
static void assert_cuts_detected(struct cede_span input)
{
    for (size_t len = 0; len < input.len; len++) {
        struct inspect_verdict verdict = look(cede_span(input.ptr, len), NULL);

        assert_int_not_equal(verdict.status, CEDE_OK);
        assert_true(verdict.at <= len);
    }
}

/* --- certificates -------------------------------------------------------------------------------
 */

static struct cede_span c509_array(uint8_t bytes[513])
{
    bytes[0] = 0x8b;
    memcpy(bytes + 1, t.c509.ptr, t.c509.len);
    return cede_span(bytes, t.c509.len + 1);
}

static void test_c509(void **state)
{
    uint8_t bytes[513], hash[32];
    char hex[65];

    (void)state;
    assert_int_equal(cede_hash(t.crypto, CEDE_ALG_SHA_256, t.c509, hash), CEDE_OK);
    to_hex(CEDE_SPAN_ARRAY(hash), hex);
    assert_kind(t.c509, "c509", "validityNotBefore: 2026-09-21T14:13:20Z");
    look(t.c509, NULL);
    assert_says("\"sensor-007\", / subject: CN=sensor-007 /");
    assert_says("digitalSignature");
    assert_says("serverAuth, cmcRA");
    assert_says("not a CA");
    assert_says("P-256");
    assert_says("no well-defined expiration");
    assert_says(hex);
    assert_kind(c509_array(bytes), "c509", "C509Certificate");
    look(c509_array(bytes), NULL);
    assert_says("compressed point, y is");
    assert_says(hex);
    assert_cuts_detected(c509_array(bytes));
}

/* A field of the wrong type is named by its offset. */
static void test_c509_broken(void **state)
{
    static const uint8_t wrong[] = {0x8b, 0x02, 0x41, 0x01, 0x00, 0xf6, 0x61, 'x', 0xf6,
                                    0x61, 'y',  0x01, 0x41, 0x02, 0x80, 0x41, 0x00};
    struct inspect_verdict verdict = look(CEDE_SPAN_ARRAY(wrong), NULL);

    (void)state;
    assert_int_equal(verdict.status, CEDE_CBOR_TYPE);
    assert_int_equal(verdict.at, 6); /* notBefore is text */
    assert_says("\"x\"");
}

static void test_x509(void **state)
{
    uint8_t hash[32];
    char hex[65];

    (void)state;
    assert_int_equal(cede_hash(t.crypto, CEDE_ALG_SHA_256, t.x509, hash), CEDE_OK);
    to_hex(CEDE_SPAN_ARRAY(hash), hex);
    assert_kind(t.x509, "der", "CN=sensor-007");
    assert_cuts_detected(t.x509);
    look(t.x509, NULL);
    assert_says("2026-09-21T14:13:20Z");
    assert_says("keyUsage, critical: digitalSignature");
    assert_says("extKeyUsage: serverAuth, cmcRA");
    assert_says("signature algorithm  ESP256");
    assert_says("public key algorithm P-256");
    assert_says(hex);
    assert_int_equal(look(cede_span(t.x509.ptr, 60), NULL).status, CEDE_TRUNCATED);
    assert_says("serial number"); /* what could be read */
}

/* Private keys are recognised in every wrapping, and never printed. */
static void test_c509_keys(void **state)
{
    static const uint8_t secret[] = {0xdc, 0x66, 0xb3, 0x41, 0x54};
    uint8_t room[256], more[300];
    struct cede_span encoding;
    struct cede_writer writer;

    (void)state;
    for (int type = 0; type < 2; type++) {
        uint8_t scalar[32];
        struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(scalar), NULL};
        memset(scalar, 0x5a, sizeof scalar);
        memcpy(scalar, secret, sizeof secret);
        assert_int_equal(
            cede_c509_private_key_write(type, &key, NULL, CEDE_BUF_ARRAY(room), &encoding),
            CEDE_OK);
        for (int wrapping = 0; wrapping < 4; wrapping++) {
            writer = cede_writer(CEDE_BUF_ARRAY(more));
            if (wrapping >= 2) {
                cede_c509_put_file_head(&writer, wrapping == 2 ? CEDE_C509_FORMAT_PRIVATE_KEY
                                                               : CEDE_C509_FORMAT_PEM);
            }
            if (wrapping % 2 == 0) {
                cede_write_bytes(&writer, encoding);
            } else {
                cede_c509_put_pem(&writer, encoding, NULL, 0);
            }
            assert_kind(cede_written(&writer),
                        wrapping >= 2   ? "stored"
                        : wrapping == 0 ? "c509-key"
                                        : "c509-pem",
                        "C509PrivateKey");
            for (size_t len = writer.len; len > 12; len--) { /* in pieces, too */
                look(cede_span(more, len), NULL);
                assert_null(strstr(t.printed, "dc66b341"));
                assert_null(strstr(t.printed, "5a5a5a5a"));
            }
            look(cede_written(&writer), NULL);
            assert_says("secret");
        }
    }
    assert_kind(CEDE_SPAN_TEXT("\x87\x00\xf7\xf7\xf7\xf7\xf7\xf7"), "c509-template",
                "C509CertificationRequestTemplate");
    assert_int_equal(look(CEDE_SPAN_TEXT("\x87\x00\xf7\xf7\xf7\xf7\x40\xf7"), NULL).status,
                     CEDE_C509_TEMPLATE);
}

static void test_requests(void **state)
{
    (void)state;
    assert_kind(t.request, "c509-request", "C509CertificationRequest");
    assert_cuts_detected(t.request);
    look(t.request, NULL);
    assert_says("proof of possession: holds");
    assert_kind(t.pkcs10, "der", "PKCS #10");
    assert_cuts_detected(t.pkcs10);
    look(t.pkcs10, NULL);
    assert_says("challenge password");
    t.pkcs10_bytes[t.pkcs10.len - 1] ^= 1;
    look(t.pkcs10, NULL);
    assert_says("does not verify");
    t.pkcs10_bytes[t.pkcs10.len - 1] ^= 1;
}

static void test_bags(void **state)
{
    uint8_t bytes[2048];
    struct cede_span certificates[2] = {t.c509, t.x509}, bag;
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));

    (void)state;
    cede_c509_put_bag(&writer, certificates, 1);
    assert_int_equal(cede_writer_finish(&writer, &bag), CEDE_OK);
    assert_kind(bag, "certs", "~C509Certificate");
    writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    cede_c509_put_bag(&writer, certificates, 2);
    assert_int_equal(cede_writer_finish(&writer, &bag), CEDE_OK);
    assert_kind(bag, "certs", "X.509, thumbprint SHA-256");
}

/* --- COSE and messages --------------------------------------------------------------------------
 */

static void test_orders(void **state)
{
    (void)state;
    assert_kind(t.order, "sign1", "exp: 2026-09-21T15:13:20Z");
    assert_cuts_detected(t.order);
    look(t.order, NULL);
    assert_says("18([ / COSE_Sign1 /");
    assert_says("<< { / protected /");
    assert_says("alg: ESP256");
    assert_says("1: \"coap://127.0.0.1:15684/e/abcdef\", / enrolment URI /");
    assert_says("thumbprint of the next controller");
    assert_kind(t.update, "sign1", "purposes: enrol, survives the reset");
    look(t.update, NULL);
    assert_says("CN=sensor-007, X.509");
}

/* Well-formed, but a rule is broken: the offset is that of the claim that should not be. */
static void test_order_with_unknown_claim(void **state)
{
    static const uint8_t claims[] = {0xa2, 0x03, 0x61, 'x',  0x3a, 0x00, 0x01,
                                     0x11, 0x70, 0xa1, 0x18, 0x63, 0x00};
    struct inspect_verdict verdict = look(CEDE_SPAN_ARRAY(claims), "claims");

    (void)state;
    assert_int_not_equal(verdict.status, CEDE_OK);
    assert_int_equal(verdict.at, 10); /* 99 inside -70001 */
}

static void test_receipt(void **state)
{
    uint8_t payload[300], message[400];
    struct cede_receipt_line line = {CEDE_SPAN_TEXT("sensor-007"), CEDE_RECEIPT_TAKEN_OVER, NOW};
    struct cede_receipt receipt = {.iss = CEDE_SPAN_TEXT("SP2"),
                                   .cti = CEDE_SPAN_ARRAY(cti),
                                   .transfer_id = CEDE_SPAN_ARRAY(transfer_id),
                                   .lines = &line,
                                   .lines_count = 1};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(payload));

    (void)state;
    cede_receipt_encode(&writer, &receipt);
    assert_kind(sign(&writer, CEDE_BUF_ARRAY(message)), "sign1", "state: taken over");
}

static void test_report_and_answer(void **state)
{
    uint8_t bytes[2048];
    struct cede_status_report report = {CEDE_DEVICE_JOINED, 7, CEDE_SPAN_ARRAY(cti), true,
                                        CEDE_TRANSFER_SEQ};
    struct cede_answer answer = {
        .has_come_back = true, .come_back_s = 60, .trust_update = t.update, .transfer = t.order};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    struct cede_span encoding;

    (void)state;
    cede_status_report_encode(&writer, &report);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    assert_kind(encoding, "report", "state: joined");
    assert_cuts_detected(encoding);
    look(encoding, NULL);
    assert_says("CEDE_TRANSFER_SEQ");
    writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    cede_answer_encode(&writer, &answer);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    assert_kind(encoding, "answer", "3: << 18([ / TransferMessage: COSE_Sign1 /");
}

static struct cede_span device_update_info(uint8_t bytes[1024])
{
    struct cede_writer writer = cede_writer(cede_buf(bytes, 1024));
    struct cede_update_group group = {.earliest = NOW, .latest = NOW + 3600, .devices_count = 1};
    uint8_t array[513];
    struct cede_update_device device = {c509_array(array), 3};
    struct cede_span encoding;

    cede_device_update_info_begin(&writer, transfer_id, 1);
    cede_device_update_info_group(&writer, &group);
    cede_device_update_info_device(&writer, &device);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    return encoding;
}

static void test_device_update_info(void **state)
{
    uint8_t bytes[1024];

    (void)state;
    assert_kind(device_update_info(bytes), "device-update-info", "latest: 2026-09-21T15:13:20Z");
    look(device_update_info(bytes), NULL);
    assert_says("next-seq");
    assert_says("CN=sensor-007, thumbprint SHA-256");
    assert_cuts_detected(device_update_info(bytes));
}

static void test_trust_list_and_offer(void **state)
{
    uint8_t list[1200], body[3000];
    struct cede_trust_entry entries[2] = {{CEDE_PURPOSE_CONTROL, t.x509},
                                          {CEDE_PURPOSE_KNOWN, t.x509}};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(list));
    struct cede_span encoding;

    (void)state;
    cede_trust_list_encode(&writer, entries, 2);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    assert_kind(encoding, "trust", "purposes: control");
    look(encoding, NULL);
    assert_says("known certificate");
    writer = cede_writer(CEDE_BUF_ARRAY(body));
    cede_cbor_put_array(&writer, 3);
    cede_cbor_put_bytes(&writer, CEDE_SPAN_ARRAY(transfer_id));
    cede_cbor_put_bytes(&writer, t.order);
    cede_cbor_put_bytes(&writer, t.update);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    assert_kind(encoding, "transfer-offer", "transfer offer");
}

static void test_mac0_encrypt0_cwt(void **state)
{
    uint8_t bytes[700];
    struct cede_cose_mac0 mac0 = {.tagged = true, .payload = CEDE_SPAN_TEXT("hello")};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    struct cede_span encoding;
    static const uint8_t encrypt0[] = {0xd0, 0x83, 0x43, 0xa1, 0x01, 0x0a, 0xa1, 0x06,
                                       0x41, 0x05, 0x44, 1,    2,    3,    4};

    (void)state;
    mac0.headers.protected_.alg = CEDE_ALG_HMAC_256;
    assert_int_equal(cede_cose_mac0_create(&mac0, t.crypto, CEDE_SPAN_ARRAY(digest), CEDE_SPAN_NULL,
                                           CEDE_SPAN_NULL, &writer),
                     CEDE_OK);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    assert_kind(encoding, "mac0", "alg: HMAC 256|256");
    assert_kind(cede_span(encoding.ptr + 1, encoding.len - 1), "mac0", "COSE_Mac0");
    assert_kind(CEDE_SPAN_ARRAY(encrypt0), "encrypt0", "alg: AES-CCM-16-64-128");
    writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    cede_cbor_put_tag(&writer, 61);
    cede_write_bytes(&writer, t.order);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    assert_kind(encoding, "cwt", "61(18([ / CWT: COSE_Sign1 /");
}

static void test_cose_key_hides_its_private_half(void **state)
{
    uint8_t bytes[300];
    struct cede_cose_key key = {.kty = CEDE_COSE_KTY_EC2,
                                .curve = CEDE_CRV_P256,
                                .x = cede_span(t.point, 32),
                                .y = cede_span(t.point + 32, 32),
                                .d = CEDE_SPAN_ARRAY(t.scalar)};
    struct cede_cose_key symmetric = {.kty = CEDE_COSE_KTY_SYMMETRIC,
                                      .k = CEDE_SPAN_ARRAY(t.scalar)};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    struct cede_span encoding;

    (void)state;
    cede_cose_key_encode(&writer, &key);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    assert_kind(encoding, "cose-key", "-4: (32 bytes, secret)");
    assert_cuts_detected(encoding);
    writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    cede_cose_key_encode(&writer, &symmetric);
    assert_int_equal(cede_writer_finish(&writer, &encoding), CEDE_OK);
    assert_kind(encoding, "cose-key", "-1: (32 bytes, secret)");
}

/* --- generic CBOR -------------------------------------------------------------------------------
 */

static void test_any_cbor(void **state)
{
    static const struct {
        const char *hex, *text;
    } rows[] = {
        {"20", "-1\n"},
        {"3bffffffffffffffff", "-18446744073709551616\n"},
        {"1bffffffffffffffff", "18446744073709551615\n"},
        {"f93c00", "1.0\n"},
        {"f90001", "5.9604644775390625e-08\n"},
        {"f97c00", "Infinity\n"},
        {"f97e00", "NaN\n"},
        {"fa47c35000", "100000.0\n"},
        {"fb3ff199999999999a", "1.1000000000000001\n"},
        {"f0", "simple(16)\n"},
        {"f8ff", "simple(255)\n"},
        {"f7", "undefined\n"},
        {"8301820203820405", "[1, [2, 3], [4, 5]]\n"},
        {"a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}\n"},
        {"c074323031332d30332d32315432303a30343a30305a", "0(\"2013-03-21T20:04:00Z\")\n"},
        {"62225c", "\"\\\"\\\\\"\n"},
        {"63c2801b", "\"\\u0080\\u001b\"\n"},
        {"40", "h''\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(look(cede_span_string(rows[i].hex), "cbor").status, CEDE_OK);
        assert_string_equal(t.printed, rows[i].text);
    }
}

static void test_broken_cbor(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status status;
        size_t at;
    } rows[] = {
        {"82011801", CEDE_CBOR_NOT_SHORTEST, 2}, {"829f01ff", CEDE_CBOR_INDEFINITE, 1},
        {"8201ff", CEDE_CBOR_INDEFINITE, 2},     {"61ff", CEDE_CBOR_UTF8, 0},
        {"0101", CEDE_TRAILING_BYTES, 1},        {"9bffffffffffffffff", CEDE_TRUNCATED, 0},
        {"fc", CEDE_CBOR_RESERVED, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct inspect_verdict verdict = look(cede_span_string(rows[i].hex), NULL);

        assert_int_equal(verdict.status, rows[i].status);
        assert_int_equal(verdict.at, rows[i].at);
        assert_string_equal(verdict.of, " of the decoded hex");
    }
}

/* Nesting ends somewhere, whether of arrays or of tags. */
static void test_depth(void **state)
{
    static uint8_t nested[100000];

    (void)state;
    memset(nested, 0x81, sizeof nested);
    assert_int_equal(look(CEDE_SPAN_ARRAY(nested), NULL).status, CEDE_CBOR_DEPTH);
    memset(nested, 0xc1, sizeof nested);
    assert_int_equal(look(CEDE_SPAN_ARRAY(nested), NULL).status, CEDE_CBOR_DEPTH);
}

static void test_arguments(void **state)
{
    (void)state;
    assert_int_equal(look(CEDE_SPAN_TEXT("00"), "nonsense").status, CEDE_BAD_ARGUMENT);
    assert_int_equal(look(CEDE_SPAN_TEXT(""), NULL).status, CEDE_TRUNCATED);
    assert_int_equal(look(CEDE_SPAN_TEXT("012"), NULL).status, CEDE_TRUNCATED); /* odd digits */
    assert_int_not_equal(look(CEDE_SPAN_TEXT("neither fish nor fowl"), NULL).status, CEDE_OK);
    assert_int_equal(
        inspect(stdout, t.crypto, cede_span(t.point, INSPECT_LEN_MAX + 1), NULL).status,
        CEDE_NO_SPACE);
}

/* --- EDHOC and CoAP -----------------------------------------------------------------------------
 */

static void test_edhoc(void **state)
{
    uint8_t message_1[64] = {0xf5, 0x00, 0x02, 0x58, 0x20};
    uint8_t message_2[70] = {0x58, 0x44};
    static const uint8_t message_3[] = {0x0a, 0x44, 1, 2, 3, 4};
    static const uint8_t message_4[] = {0x48, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t error[] = {0x02, 0x82, 0x02, 0x03};

    (void)state;
    message_1[37] = 0x0a;                      /* C_I */
    memcpy(message_1 + 38, "\x19\xea\x61", 3); /* EAD_1 60001 */
    look(cede_span(message_1, 41), NULL);
    assert_says("SUITES_I: selected 2, CCM-8, P-256, ES256");
    assert_says("credential by value, please");
    assert_kind(cede_span(message_1, 38), "edhoc-1", "METHOD: signature key, signature key");
    assert_kind(cede_span(message_1 + 1, 37), "edhoc-1", "EDHOC message_1");
    assert_int_equal(look(CEDE_SPAN_ARRAY(message_2), "edhoc-2").status, CEDE_OK);
    assert_says("CIPHERTEXT_2 is 36 bytes");
    assert_int_equal(look(cede_span(message_2, 69), "edhoc-2").status, CEDE_TRUNCATED);
    assert_int_equal(look(CEDE_SPAN_ARRAY(message_4), "edhoc-2").status, CEDE_EDHOC_LENGTH);
    assert_int_equal(look(CEDE_SPAN_ARRAY(message_3), "edhoc-3").status, CEDE_OK);
    assert_says("C_R");
    assert_int_equal(look(cede_span(message_3, 5), "edhoc-3").status, CEDE_TRUNCATED);
    assert_int_equal(look(CEDE_SPAN_ARRAY(message_4), "edhoc-4").status, CEDE_OK);
    assert_int_equal(look(CEDE_SPAN_ARRAY(error), "edhoc-error").status, CEDE_OK);
    assert_says("wrong selected cipher suite");
    assert_int_equal(look(cede_span(error, 1), "edhoc-error").status, CEDE_TRUNCATED);
}

static void test_coap(void **state)
{
    uint8_t bytes[256], body[64];
    struct cede_status_report report = {CEDE_DEVICE_OPERATIONAL, 1, CEDE_SPAN_NULL, false, 0};
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(body));
    struct cede_coap_encoder encoder = cede_coap_begin(CEDE_BUF_ARRAY(bytes), CEDE_COAP_CON,
                                                       CEDE_COAP_POST, 77, CEDE_SPAN_ARRAY(cti));
    struct cede_span datagram, payload;
    static const uint8_t reserved_nibble[] = {0x40, 0x01, 0, 1, 0xf0};

    (void)state;
    cede_status_report_encode(&writer, &report);
    assert_int_equal(cede_writer_finish(&writer, &payload), CEDE_OK);
    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("u"));
    cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, CEDE_COAP_FORMAT_CBOR);
    cede_coap_put_payload(&encoder, payload);
    assert_int_equal(cede_coap_finish(&encoder, &datagram), CEDE_OK);
    assert_int_equal(look(datagram, "coap").status, CEDE_OK);
    assert_says("CoAP CON, 0.02 POST, message ID 77");
    assert_says("\"u\"");
    assert_says("60, application|cbor");
    assert_says("state: operational");
    for (size_t len = 0; len < datagram.len; len++) {
        assert_true(look(cede_span(datagram.ptr, len), "coap").at <= len);
    }
    assert_int_equal(look(cede_span(datagram.ptr, 6), "coap").status, CEDE_TRUNCATED);
    assert_int_equal(look(CEDE_SPAN_ARRAY(reserved_nibble), "coap").status, CEDE_COAP_OPTION);
    assert_int_equal(look(CEDE_SPAN_TEXT("zz"), "coap").status, CEDE_TRUNCATED);
}

static void test_coap_oscore(void **state)
{
    static const uint8_t datagram[] = {0x40, 0x02, 0, 1, 0x93, 0x09, 0x07, 0x0a, 0xff, 1, 2, 3};

    (void)state;
    assert_int_equal(look(CEDE_SPAN_ARRAY(datagram), "coap").status, CEDE_OK);
    assert_says("Partial IV 07, kid '0a'");
    assert_says("encrypted");
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static void put_base64url(FILE *out, struct cede_span bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16 |
                         (uint32_t)(left > 1 ? bytes.ptr[i + 1] : 0) << 8 |
                         (left > 2 ? bytes.ptr[i + 2] : 0);

        for (size_t k = 0; k < (left > 2 ? 4 : left + 1); k++) {
            fputc(alphabet[group >> (18 - 6 * k) & 63], out);
        }
    }
}

enum serialization { FLATTENED, GENERAL, COMPACT };

static char *jws(struct cede_span payload, enum serialization form)
{
    static const uint8_t signature[64] = {1, 2, 3};
    static const char *const seams[3][4] = {
        {"{\"payload\":\"", "\",\"protected\":\"", "\",\"signature\":\"", "\"}"},
        {"{\"payload\":\"", "\",\"signatures\":[{\"protected\":\"", "\",\"signature\":\"", "\"}]}"},
        {"", ".", ".", ""},
    };
    struct cede_span header = CEDE_SPAN_TEXT("{\"alg\":\"ES256\",\"batch\":0,\"batches\":1}");
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    fputs(seams[form][0], out);
    put_base64url(out, form == COMPACT ? header : payload);
    fputs(seams[form][1], out);
    put_base64url(out, form == COMPACT ? payload : header);
    fputs(seams[form][2], out);
    put_base64url(out, CEDE_SPAN_ARRAY(signature));
    fputs(seams[form][3], out);
    fclose(out);
    return text;
}

static void test_jws(void **state)
{
    static const char contract[] =
        "{\"version\":1,\"transfer\":\"00\",\"from\":{\"name\":\"SP1\"},\"to\":{\"name\":\"SP2\"},"
        "\"devices\":{\"count\":1},\"earliest\":1790000000,\"latest\":1790003600}";
    uint8_t bytes[1024];
    struct cede_span info = device_update_info(bytes);

    (void)state;
    for (enum serialization form = FLATTENED; form <= COMPACT; form++) {
        const char *kind = form == COMPACT ? "jws-compact" : "jws";
        char *text = jws(info, form);

        assert_kind(cede_span_string(text), kind, "DeviceUpdateInfo");
        assert_cuts_detected(cede_span_string(text));
        look(cede_span_string(text), NULL);
        assert_says("\"batches\": 1");
        free(text);
        text = jws(cede_span_string(contract), form);
        assert_kind(cede_span_string(text), kind, "earliest: 2026-09-21T14:13:20Z");
        free(text);
    }
    assert_int_equal(
        look(CEDE_SPAN_TEXT("{\"error\": \"no\", \"detail\": \"\xc2\x9b\"}"), NULL).status,
        CEDE_OK);
    assert_says("\\u009B");
    assert_int_equal(look(CEDE_SPAN_TEXT("{\"error\": }"), NULL).status, CEDE_JWS_FORMAT);
}

/* A broken payload inside a good JWS: the offset counts in the payload. */
static void test_jws_broken_payload(void **state)
{
    static const uint8_t payload[] = {0x83, 0x01, 0x50, 0x00};
    char *text = jws(CEDE_SPAN_ARRAY(payload), FLATTENED);
    struct inspect_verdict verdict = look(cede_span_string(text), NULL);

    (void)state;
    assert_int_equal(verdict.status, CEDE_TRUNCATED);
    assert_int_equal(verdict.at, 2);
    assert_string_equal(verdict.of, " of the payload");
    free(text);
}

static void test_jwk_hides_its_private_half(void **state)
{
    (void)state;
    assert_int_equal(
        look(CEDE_SPAN_TEXT("{\"keys\":[{\"kty\":\"EC\",\"x\":\"pub\",\"d\":\"hush\"}]}"), NULL)
            .status,
        CEDE_OK);
    assert_says("pub");
    assert_null(strstr(t.printed, "hush"));
}

/* --- PEM ----------------------------------------------------------------------------------------
 */

static char *pem(struct cede_span der, const char *label)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    fprintf(out, "-----BEGIN %s-----", label);
    for (size_t i = 0; i < der.len; i += 3) {
        size_t left = der.len - i;
        uint32_t group = (uint32_t)der.ptr[i] << 16 |
                         (uint32_t)(left > 1 ? der.ptr[i + 1] : 0) << 8 |
                         (left > 2 ? der.ptr[i + 2] : 0);

        fputs(i % 48 == 0 ? "\n" : "", out);
        for (size_t k = 0; k < 4; k++) {
            fputc(k > left ? '=' : alphabet[group >> (18 - 6 * k) & 63], out);
        }
    }
    fprintf(out, "\n-----END %s-----", label);
    fclose(out);
    return text;
}

static void test_pem(void **state)
{
    char *text = pem(t.x509, "CERTIFICATE");

    (void)state;
    assert_kind(cede_span_string(text), "pem", "CN=sensor-007");
    assert_cuts_detected(cede_span_string(text));
    free(text);
    text = pem(t.pkcs10, "CERTIFICATE REQUEST");
    assert_kind(cede_span_string(text), "pem", "PKCS #10");
    free(text);
}

/* Keys in PEM, and PKCS #8 and SEC 1 in DER, are named and not shown. */
static void test_private_keys(void **state)
{
    uint8_t sec1[64] = {0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20};
    char *text;

    (void)state;
    memcpy(sec1 + 7, t.scalar, 32);
    text = pem(cede_span(sec1, 39), "EC PRIVATE KEY");
    assert_int_equal(look(cede_span_string(text), NULL).status, CEDE_OK);
    assert_string_equal(t.printed, "PEM, EC PRIVATE KEY: secret, not printed\n");
    assert_int_equal(look(cede_span(sec1, 39), NULL).status, CEDE_OK);
    assert_says("private key");
    assert_no_secret();
    free(text);
    text = pem(cede_span(sec1, 39), "CERTIFICATE"); /* under a wrong label */
    assert_int_equal(look(cede_span_string(text), NULL).status, CEDE_OK);
    assert_no_secret();
    free(text);
}

static void test_hex(void **state)
{
    char *text = calloc(1, 2 * t.order.len + 2);

    (void)state;
    to_hex(t.order, text);
    text[2 * t.order.len] = '\n';
    assert_int_equal(look(cede_span_string(text), NULL).status, CEDE_OK);
    assert_says("18([ / COSE_Sign1 /");
    free(text);
}

/* --- device images ------------------------------------------------------------------------------
 */

static uint8_t image[2 * CEDE_DEVICE_SLOT_SIZE];

static enum cede_status flash_read(void *context, unsigned slot, size_t offset, struct cede_buf buf)
{
    (void)context;
    memcpy(buf.ptr, image + slot * CEDE_DEVICE_SLOT_SIZE + offset, buf.cap);
    return CEDE_OK;
}

static enum cede_status flash_erase(void *context, unsigned slot)
{
    (void)context;
    memset(image + slot * CEDE_DEVICE_SLOT_SIZE, 0xff, CEDE_DEVICE_SLOT_SIZE);
    return CEDE_OK;
}

static enum cede_status flash_write(void *context, unsigned slot, size_t offset,
                                    struct cede_span bytes)
{
    (void)context;
    memcpy(image + slot * CEDE_DEVICE_SLOT_SIZE + offset, bytes.ptr, bytes.len);
    return CEDE_OK;
}

static void make_image(void)
{
    const struct cede_flash flash = {NULL,       CEDE_DEVICE_SLOT_SIZE, 1,
                                     flash_read, flash_erase,           flash_write};
    struct cede_trust_entry entry = {CEDE_PURPOSE_ENROL, t.x509};
    uint8_t array[513];
    struct cede_device_provision provision = {
        .factory_key = CEDE_SPAN_ARRAY(t.scalar),
        .factory_certificate = c509_array(array),
        .controller_certificate = t.x509,
        .enroll_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:5683/e/abc"),
        .update_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:5684"),
        .trust = &entry,
        .trust_count = 1,
    };

    assert_int_equal(cede_device_image_create(t.crypto, &flash, &provision), CEDE_OK);
}

static void test_image(void **state)
{
    struct cede_span input = CEDE_SPAN_ARRAY(image);
    struct inspect_verdict verdict;
    char *text;

    (void)state;
    make_image();
    verdict = look(input, NULL);
    assert_int_equal(verdict.status, CEDE_OK);
    assert_says("the present record");
    assert_says("state: factory");
    assert_says("(32 bytes, secret)");
    assert_says("device id");
    assert_no_secret();
    for (size_t len = 1; len < input.len; len += len < 2048 ? 1 : 509) {
        verdict = look(cede_span(image, len), NULL);
        assert_int_not_equal(verdict.status, CEDE_OK);
        assert_true(verdict.at <= len);
        assert_no_secret();
    }
    text = calloc(1, 2 * sizeof image + 1);
    to_hex(input, text);
    assert_int_equal(look(cede_span_string(text), NULL).status, CEDE_OK);
    assert_no_secret();
    free(text);
}

/* Wherever a byte of the record is wrong, the key does not come out. */
static void test_damaged_image(void **state)
{
    (void)state;
    make_image();
    for (size_t at = 0; at < 400; at++) {
        image[at] ^= 0x21;
        (void)look(CEDE_SPAN_ARRAY(image), NULL);
        assert_no_secret();
        image[at] ^= 0x21;
    }
    image[40] ^= 1;
    assert_int_equal(look(CEDE_SPAN_ARRAY(image), NULL).status, CEDE_JOURNAL_DAMAGED);
    assert_says("contents not shown");
    image[40] ^= 1;
}

static void test_record(void **state)
{
    struct cede_reader reader = cede_reader(CEDE_SPAN_ARRAY(image));
    struct cede_span record;

    (void)state;
    make_image();
    (void)cede_read_bytes(&reader, CEDE_JOURNAL_HEADER_LEN);
    record = cede_cbor_get_item(&reader);
    assert_int_equal(reader.status, CEDE_OK);
    assert_kind(record, "record", "state: factory");
    assert_cuts_detected(record);
}

static void test_blank_image(void **state)
{
    (void)state;
    memset(image, 0xff, sizeof image);
    assert_int_equal(look(CEDE_SPAN_ARRAY(image), NULL).status, CEDE_JOURNAL_BLANK);
    assert_says("slot 0: blank");
}

/* Any few bytes wrong, of any artefact, taken for any kind: an offset inside, and no crash. */
static void test_mutations(void **state)
{
    const struct cede_span artefacts[] = {t.c509,  t.x509,   t.request,   t.pkcs10,
                                          t.order, t.update, {image, 900}};
    uint32_t random = 1;

    (void)state;
    make_image();
    for (size_t i = 0; i < 3000; i++) {
        struct cede_span original = artefacts[i % (sizeof artefacts / sizeof artefacts[0])];
        uint8_t bytes[1200];
        const char *phrase, *kind = i % 2 == 0 ? NULL : inspect_kind(i / 2 % 29, &phrase);
        struct inspect_verdict verdict;

        memcpy(bytes, original.ptr, original.len);
        for (size_t k = 0; k < 1 + i % 3; k++) {
            random = random * 1664525 + 1013904223;
            bytes[(random >> 8) % original.len] ^= (uint8_t)(1u << (random >> 29));
        }
        verdict = look(cede_span(bytes, original.len), kind);
        assert_true(verdict.at <= original.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c509),
        cmocka_unit_test(test_c509_broken),
        cmocka_unit_test(test_x509),
        cmocka_unit_test(test_c509_keys),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bags),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_order_with_unknown_claim),
        cmocka_unit_test(test_receipt),
        cmocka_unit_test(test_report_and_answer),
        cmocka_unit_test(test_device_update_info),
        cmocka_unit_test(test_trust_list_and_offer),
        cmocka_unit_test(test_mac0_encrypt0_cwt),
        cmocka_unit_test(test_cose_key_hides_its_private_half),
        cmocka_unit_test(test_any_cbor),
        cmocka_unit_test(test_broken_cbor),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_edhoc),
        cmocka_unit_test(test_coap),
        cmocka_unit_test(test_coap_oscore),
        cmocka_unit_test(test_jws),
        cmocka_unit_test(test_jws_broken_payload),
        cmocka_unit_test(test_jwk_hides_its_private_half),
        cmocka_unit_test(test_pem),
        cmocka_unit_test(test_private_keys),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_damaged_image),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_blank_image),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
