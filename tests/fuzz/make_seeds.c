/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_seeds.c - writes the seed files: make_seeds DIRECTORY.
 *
 * A seed is one good input a target, made by our own encoders, so that fuzzing starts from messages
 * that get all the way through. Run it when a format changes; seeds for past bugs are in
 * bugs/NAME.txt, which it leaves alone.
 */
#include "cede/cose.h"
#include "cede/cwt.h"
#include "cede/est.h"
#include "cede/journal.h"
#include "cede/oscore.h"
#include "cede/transfer.h"
#include "device/device_internal.h"
#include "edhoc.h"
#include "server/sp/contract.h"

#define EARLIEST 1789990000
#define LATEST   1790090000

static uint8_t scratch[16384], memory[16384];

static FILE *seeds_open(const char *directory, const char *name)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.txt", directory, name);
    file = fopen(path, "w");
    REQUIRE(file != NULL);
    return file;
}

static void seed(FILE *file, const char *label, struct cede_span bytes)
{
    REQUIRE(bytes.ptr != NULL);
    fprintf(file, "%s ", label);
    for (size_t i = 0; i < bytes.len; i++) {
        fprintf(file, "%02x", bytes.ptr[i]);
    }
    fputc('\n', file);
}

static void seed_written(FILE *file, const char *label, const struct cede_writer *writer)
{
    REQUIRE(writer->status == CEDE_OK);
    seed(file, label, cede_written(writer));
}

static struct cede_writer fresh(void)
{
    return cede_writer(CEDE_BUF_ARRAY(memory));
}

/* --- certificates -------------------------------------------------------------------------------
 */

struct key {
    uint8_t scalar[CEDE_PRIVATE_KEY_LEN_MAX];
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
};

static void key_make(struct key *key, int32_t curve)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();

    REQUIRE(crypto->generate(crypto->context, curve, key->scalar, key->point) == CEDE_OK);
    key->private_key = (struct cede_private_key){
        curve, cede_span(key->scalar, cede_curve_private_len(curve)), NULL};
    key->public_key =
        (struct cede_public_key){curve, cede_span(key->point, cede_curve_public_len(curve))};
}

static struct cede_certificate_info device_info(const struct key *key)
{
    struct cede_certificate_info info = {
        .serial = CEDE_SPAN_TEXT("\x01\x02\x03"),
        .issuer = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("root")},
        .not_before = 1690000000,
        .not_after = CEDE_TIME_NONE,
        .subject = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("d1")},
        .public_key = key->public_key,
        .path_len = CEDE_PATH_LEN_NONE,
        .key_usage = CEDE_KU_DIGITAL_SIGNATURE,
        .eku = CEDE_EKU_CLIENT_AUTH,
    };
    return info;
}

static struct cede_certificate_info ca_info(const struct key *key)
{
    static const struct cede_general_name names[] = {
        {CEDE_GN_DNS, {(const uint8_t *)"ca.example", 10}},
        {CEDE_GN_URI, {(const uint8_t *)"coap://ca.example", 17}}};
    struct cede_certificate_info info = device_info(key);

    info.subject.value = CEDE_SPAN_TEXT("root");
    info.has_basic_constraints = true;
    info.ca = true;
    info.path_len = 1;
    info.key_usage = CEDE_KU_KEY_CERT_SIGN | CEDE_KU_CRL_SIGN;
    info.eku = 0;
    info.subject_key_id = CEDE_SPAN_TEXT("01234567890123456789");
    info.authority_key_id = info.subject_key_id;
    info.alt_names = names;
    info.alt_names_count = 2;
    info.crl_uri = CEDE_SPAN_TEXT("http://ca.example/crl");
    info.ocsp_uri = CEDE_SPAN_TEXT("http://ca.example/ocsp");
    return info;
}

static struct cede_span issue(enum cede_certificate_format format,
                              const struct cede_certificate_info *info, const struct key *key)
{
    struct cede_span encoding;

    REQUIRE(cede_certificate_issue(format, cede_crypto_openssl(), info, &key->private_key,
                                   CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(memory),
                                   &encoding) == CEDE_OK);
    return encoding;
}

static void certificates(const char *directory)
{
    static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_ED25519};
    static const char *const names[] = {"p256", "p384", "ed25519"};
    FILE *x509 = seeds_open(directory, "x509"), *c509 = seeds_open(directory, "c509");
    FILE *convert = seeds_open(directory, "convert"), *der = seeds_open(directory, "der");
    FILE *est = seeds_open(directory, "est"), *request = seeds_open(directory, "request");

    for (size_t i = 0; i < 3; i++) {
        struct key key;
        char label[64];
        key_make(&key, curves[i]);
        for (int ca = 0; ca < 2; ca++) {
            struct cede_certificate_info info = ca ? ca_info(&key) : device_info(&key);
            struct cede_span encoding = issue(CEDE_CERTIFICATE_X509, &info, &key);
            snprintf(label, sizeof label, "%s-%s", ca ? "ca" : "device", names[i]);
            seed(x509, label, encoding);
            seed(convert, label, encoding);
            if (i == 0) {
                seed(der, label, encoding);
            }
            encoding = issue(CEDE_CERTIFICATE_C509_NATIVE, &info, &key);
            seed(c509, label, encoding);
            snprintf(label, sizeof label, "%s-%s-type3", ca ? "ca" : "device", names[i]);
            encoding = issue(CEDE_CERTIFICATE_C509_X509, &info, &key);
            seed(c509, label, encoding);
            seed(convert, label, encoding);
        }
        {
            struct cede_name subject = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("d1")};
            struct cede_span encoding;
            REQUIRE(cede_x509_request_write(cede_crypto_openssl(), subject, &key.public_key,
                                            &key.private_key, CEDE_SPAN_TEXT("secret"),
                                            CEDE_BUF_ARRAY(memory), &encoding) == CEDE_OK);
            snprintf(label, sizeof label, "pkcs10-%s", names[i]);
            seed(request, label, encoding);
            seed(convert, label, encoding);
            REQUIRE(cede_c509_request_write(cede_crypto_openssl(), subject, &key.public_key,
                                            &key.private_key, CEDE_SPAN_NULL,
                                            CEDE_BUF_ARRAY(memory), &encoding) == CEDE_OK);
            snprintf(label, sizeof label, "c509-%s", names[i]);
            seed(request, label, encoding);
        }
    }
    {
        /* The certificate est.c asks for: its key, its name. */
        static const uint8_t point[64] = {0x22};
        static uint8_t certificate[2048];
        struct key key;
        struct cede_certificate_info info;
        struct cede_writer writer;
        struct cede_span encoding;
        key_make(&key, CEDE_CRV_P256);
        info = device_info(&key);
        info.public_key.point = CEDE_SPAN_ARRAY(point);
        encoding = issue(CEDE_CERTIFICATE_C509_NATIVE, &info, &key);
        memcpy(certificate, encoding.ptr, encoding.len);
        writer = fresh();
        cede_est_put_certificate(&writer, cede_span(certificate, encoding.len));
        seed_written(est, "one", &writer);
        seed(est, "der", issue(CEDE_CERTIFICATE_X509, &info, &key));
    }
    fclose(x509);
    fclose(c509);
    fclose(convert);
    fclose(der);
    fclose(est);
    fclose(request);
}

/* --- CBOR, COSE, CWT ----------------------------------------------------------------------------
 */

static void cose(const char *directory)
{
    static const uint8_t point[64] = {0x22}, octets[16] = {0x33};
    const struct cede_crypto *crypto = fuzz_crypto();
    FILE *file = seeds_open(directory, "cose"), *cwt = seeds_open(directory, "cwt");
    FILE *cbor = seeds_open(directory, "cbor");
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(fuzz_scalar), NULL};
    struct cede_public_key public_key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(point)};
    struct cede_cose_secret secret = {CEDE_SPAN_ARRAY(octets), CEDE_SPAN_NULL};
    struct cede_cose_sign1 sign1 = {.tagged = true, .payload = CEDE_SPAN_TEXT("payload")};
    struct cede_cose_mac0 mac0 = {.tagged = true, .payload = CEDE_SPAN_TEXT("payload")};
    struct cede_cose_encrypt0 encrypt0 = {.tagged = true};
    struct cede_cwt_claims claims = {
        .iss = CEDE_SPAN_TEXT("SP1"),
        .aud = CEDE_SPAN_TEXT("\x62"
                              "d1"),
        .has_exp = true,
        .exp = 1444064944,
        .has_nbf = true,
        .nbf = 1443944944,
        .cti = CEDE_SPAN_TEXT("12345678"),
    };
    struct cede_cose_key cose_key;
    struct cede_writer writer = fresh();

    sign1.headers.protected_.alg = CEDE_ALG_ESP256;
    sign1.headers.unprotected.kid = CEDE_SPAN_TEXT("k");
    REQUIRE(cede_cose_sign1_sign(&sign1, crypto, &key, CEDE_SPAN_NULL, CEDE_SPAN_NULL, &writer) ==
            CEDE_OK);
    seed_written(file, "sign1", &writer);
    writer = fresh();
    mac0.headers.protected_.alg = CEDE_ALG_HMAC_256;
    REQUIRE(cede_cose_mac0_create(&mac0, crypto, CEDE_SPAN_ARRAY(octets), CEDE_SPAN_NULL,
                                  CEDE_SPAN_NULL, &writer) == CEDE_OK);
    seed_written(file, "mac0", &writer);
    writer = fresh();
    encrypt0.headers.protected_.alg = CEDE_ALG_AES_CCM_16_64_128;
    encrypt0.headers.unprotected.iv = cede_span(octets, 13);
    REQUIRE(cede_cose_encrypt0_seal(&encrypt0, crypto, &secret, CEDE_SPAN_NULL,
                                    CEDE_SPAN_TEXT("plaintext"), CEDE_BUF_ARRAY(scratch),
                                    &writer) == CEDE_OK);
    seed_written(file, "encrypt0", &writer);
    writer = fresh();
    REQUIRE(cede_cose_key_from_public(&public_key, &cose_key) == CEDE_OK);
    cede_cose_key_encode(&writer, &cose_key);
    seed_written(file, "key", &writer);
    seed(file, "id-cred", CEDE_SPAN_ARRAY(fuzz_id_cred));
    writer = fresh();
    cede_cwt_encode(&writer, &claims);
    seed_written(cwt, "claims", &writer);
    seed_written(cbor, "claims", &writer);
    /* [1, -2, h'', "a", tag 1, {1: null, -1: [true]}] */
    seed(cbor, "kinds", CEDE_SPAN_TEXT("\x86\x01\x21\x40\x61\x61\xc1\x01\xa2\x01\xf6\x20\x81\xf5"));
    seed(cbor, "numbers",
         CEDE_SPAN_TEXT("\x84\x18\x18\x19\x01\x00\x1a\x00\x01\x00\x00\x1b\x00\x00\x00\x01\x00\x00"
                        "\x00\x00"));
    fclose(file);
    fclose(cwt);
    fclose(cbor);
}

/* --- the messages of a hand-over ----------------------------------------------------------------
 */

static struct cede_span signed_message(const struct cede_writer *payload)
{
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(fuzz_scalar), NULL};
    struct cede_span message;

    REQUIRE(payload->status == CEDE_OK);
    REQUIRE(cede_transfer_sign(fuzz_crypto(), &key, cede_written(payload), CEDE_BUF_ARRAY(scratch),
                               &message) == CEDE_OK);
    return message;
}

static void orders(const char *directory)
{
    static const uint8_t digest[32] = {0x55}, certificate[] = {0x30, 0x03, 0x02, 0x01, 0x01};
    static const struct cede_trust_entry entries[] = {
        {CEDE_PURPOSE_ENROL | CEDE_PURPOSE_SURVIVES, {certificate, sizeof certificate}},
        {CEDE_PURPOSE_KNOWN, {certificate, sizeof certificate}}};
    FILE *file = seeds_open(directory, "transfer"), *lists = seeds_open(directory, "report");
    struct cede_transfer order = {
        .aud = CEDE_SPAN_TEXT("d1"),
        .not_before = EARLIEST,
        .not_after = LATEST,
        .cti = CEDE_SPAN_TEXT("12345678"),
        .enroll_uri = CEDE_SPAN_TEXT("coap://ca2.example/e/t"),
        .update_uri = CEDE_SPAN_TEXT("coap://sp2.example"),
        .fallback_uri = CEDE_SPAN_TEXT("coap://sp1.example"),
        .controller = CEDE_SPAN_ARRAY(digest),
        .has_seq = true,
        .seq = 5,
        .has_patience = true,
        .attempts = 10,
        .hours = 24,
    };
    struct cede_trust_update update = {.aud = CEDE_SPAN_TEXT("d1"),
                                       .not_before = EARLIEST,
                                       .not_after = LATEST,
                                       .cti = CEDE_SPAN_TEXT("12345678"),
                                       .seq = 5};
    struct cede_status_report report = {CEDE_DEVICE_OPERATIONAL, 5, CEDE_SPAN_TEXT("12345678"),
                                        true, 0x401};
    struct cede_answer answer = {.has_come_back = true, .come_back_s = 60};
    struct cede_receipt_line line = {CEDE_SPAN_TEXT("d1"), CEDE_RECEIPT_TAKEN_OVER, EARLIEST};
    struct cede_receipt receipt = {.iss = CEDE_SPAN_TEXT("SP2"),
                                   .cti = CEDE_SPAN_TEXT("12345678"),
                                   .transfer_id = cede_span(digest, CEDE_TRANSFER_ID_LEN),
                                   .lines = &line,
                                   .lines_count = 1};
    static uint8_t list[256];
    struct cede_writer entries_writer = cede_writer(CEDE_BUF_ARRAY(list)), writer = fresh();

    cede_transfer_encode(&writer, &order);
    seed_written(file, "order-payload", &writer);
    seed(file, "order", signed_message(&writer));
    writer = fresh();
    cede_trust_list_encode(&entries_writer, entries, 2);
    seed_written(lists, "trust-list", &entries_writer);
    update.entries = cede_written(&entries_writer);
    cede_trust_update_encode(&writer, &update);
    seed_written(file, "trust-update-payload", &writer);
    answer.trust_update = signed_message(&writer);
    seed(file, "trust-update", answer.trust_update);
    writer = fresh();
    cede_answer_encode(&writer, &answer);
    seed_written(lists, "answer", &writer);
    writer = fresh();
    cede_status_report_encode(&writer, &report);
    seed_written(lists, "report", &writer);
    writer = fresh();
    cede_receipt_encode(&writer, &receipt);
    seed_written(lists, "receipt", &writer);
    fclose(file);
    fclose(lists);
}

static void device_update_info(const char *directory)
{
    static const uint8_t id[CEDE_TRANSFER_ID_LEN] = {1}, digest[32] = {0x55};
    static const struct cede_suit_ref software = {{(const uint8_t *)"coap://x/m", 10},
                                                  {digest, sizeof digest}};
    FILE *file = seeds_open(directory, "device_update_info");
    struct cede_update_group group = {.earliest = EARLIEST,
                                      .latest = LATEST,
                                      .software = &software,
                                      .software_count = 1,
                                      .devices_count = 2};
    struct cede_update_device device = {CEDE_SPAN_TEXT("\x30\x03\x02\x01\x01"), 6};
    struct cede_writer writer = fresh();

    cede_device_update_info_begin(&writer, id, 2);
    for (int i = 0; i < 2; i++) {
        cede_device_update_info_group(&writer, &group);
        cede_device_update_info_device(&writer, &device);
        cede_device_update_info_device(&writer, &device);
        group.attestation =
            (struct cede_attest_ref){CEDE_SPAN_TEXT("coap://v"), CEDE_SPAN_ARRAY(digest)};
    }
    seed_written(file, "two-groups", &writer);
    fclose(file);
}

/* --- CoAP, OSCORE, EDHOC ------------------------------------------------------------------------
 */

static struct cede_span coap_request(void)
{
    struct cede_coap_encoder encoder = cede_coap_begin(CEDE_BUF_ARRAY(memory), CEDE_COAP_CON,
                                                       CEDE_COAP_POST, 7, CEDE_SPAN_TEXT("\x77"));
    struct cede_span datagram;

    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT("e/token/sen"));
    cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, 60);
    cede_coap_put_uint(&encoder, CEDE_COAP_BLOCK1, 0x0e);
    cede_coap_put_payload(&encoder, CEDE_SPAN_TEXT("0123456789abcdef"));
    REQUIRE(cede_coap_finish(&encoder, &datagram) == CEDE_OK);
    return datagram;
}

static void coap(const char *directory)
{
    FILE *file = seeds_open(directory, "coap");

    seed(file, "request", coap_request());
    seed(file, "response", CEDE_SPAN_TEXT("\x61\x44\x00\x01\x77\xc1\x3c\xff\xa0"));
    seed(file, "empty-ack", CEDE_SPAN_TEXT("\x60\x00\x00\x01"));
    seed(file, "uri", CEDE_SPAN_TEXT("coap://[2001:db8::1]:5690/e/a%20b?x=1&y"));
    fclose(file);
}

static void oscore(const char *directory)
{
    static const uint8_t secret[16] = {1}, client[1] = {0x01};
    FILE *file = seeds_open(directory, "oscore");
    struct cede_oscore_params params = {.master_secret = CEDE_SPAN_ARRAY(secret),
                                        .sender_id = CEDE_SPAN_ARRAY(client),
                                        .recipient_id = cede_span(secret, 0)};
    struct cede_oscore_context context;
    struct cede_oscore_exchange exchange;
    struct cede_span datagram, combined;
    static uint8_t out[4096];

    REQUIRE(cede_oscore_init(&context, fuzz_crypto(), &params) == CEDE_OK);
    REQUIRE(cede_oscore_protect_request(&context, fuzz_crypto(), CEDE_OSCORE_PLAIN, coap_request(),
                                        &exchange, CEDE_BUF_ARRAY(scratch), &datagram) == CEDE_OK);
    seed(file, "request", datagram);
    REQUIRE(cede_oscore_combine(datagram, CEDE_SPAN_TEXT("\x43\x01\x02\x03"), CEDE_BUF_ARRAY(out),
                                &combined) == CEDE_OK);
    seed(file, "combined", combined);
    seed(file, "option", CEDE_SPAN_TEXT("\x19\x05\x05\x44\x61\x6c\x65\x6b\x25"));
    seed(file, "edhoc-payload", CEDE_SPAN_TEXT("\xf5\x03\x02\x58\x20"));
    fclose(file);
}

static void edhoc(FILE *initiators, FILE *responders, enum cede_edhoc_method method)
{
    static uint8_t m1[512], m2[512], m3[512], m4[512], plaintext[512];
    struct cede_edhoc_config config = fuzz_edhoc_config();
    struct cede_edhoc_own own = fuzz_edhoc_own(CEDE_CRV_P256), other = own;
    struct cede_edhoc_credential peer = fuzz_edhoc_peer(CEDE_CRV_P256);
    struct cede_edhoc_session initiator, responder;
    struct cede_edhoc_peer who;
    struct cede_edhoc_eads eads;
    struct cede_span message_1, message_2, message_3, message_4;
    struct cede_writer writer = fresh();
    char label[16];

    /* A message_1 with another G_X than generate() makes here: the engine refuses its reflection.
     */
    other.cred = CEDE_SPAN_ARRAY(fuzz_peer_cred);
    peer.cred = CEDE_SPAN_ARRAY(fuzz_own_cred);
    REQUIRE(cede_edhoc_init_initiator(&initiator, &config, method, 2, CEDE_SPAN_TEXT("\x01")) ==
            CEDE_OK);
    REQUIRE(cede_edhoc_compose_message_1(&initiator, &config, NULL, CEDE_BUF_ARRAY(m1),
                                         &message_1) == CEDE_OK);
    m1[message_1.len - 3] ^= 1; /* inside G_X */
    cede_edhoc_init_responder(&responder);
    REQUIRE(cede_edhoc_process_message_1(&responder, &config, message_1, &eads) == CEDE_OK);
    REQUIRE(cede_edhoc_compose_message_2(&responder, &config, CEDE_SPAN_TEXT("\x18"), &other, NULL,
                                         CEDE_BUF_ARRAY(m2), &message_2) == CEDE_OK);
    m2[10] ^= 1; /* inside G_Y, for the same reason */
    REQUIRE(cede_edhoc_process_message_2(&initiator, &config, message_2, CEDE_BUF_ARRAY(plaintext),
                                         &who) == CEDE_OK);
    peer.cred = CEDE_SPAN_ARRAY(fuzz_peer_cred);
    REQUIRE(cede_edhoc_verify_message_2(&initiator, &config, &who, &peer) == CEDE_OK);
    REQUIRE(cede_edhoc_compose_message_3(&initiator, &config, &own, NULL, CEDE_BUF_ARRAY(m3),
                                         &message_3) == CEDE_OK);
    REQUIRE(cede_edhoc_process_message_3(&responder, &config, message_3, CEDE_BUF_ARRAY(plaintext),
                                         &who) == CEDE_OK);
    peer.cred = CEDE_SPAN_ARRAY(fuzz_own_cred);
    REQUIRE(cede_edhoc_verify_message_3(&responder, &config, &who, &peer) == CEDE_OK);
    REQUIRE(cede_edhoc_compose_message_4(&responder, &config, NULL, CEDE_BUF_ARRAY(m4),
                                         &message_4) == CEDE_OK);

    snprintf(label, sizeof label, "method-%d", (int)method);
    cede_write_u8(&writer, (uint8_t)method);
    fuzz_put_piece(&writer, message_2);
    fuzz_put_piece(&writer, message_4);
    seed_written(initiators, label, &writer);
    writer = fresh();
    fuzz_put_piece(&writer, message_1);
    fuzz_put_piece(&writer, message_3);
    seed_written(responders, label, &writer);
}

static void handshakes(const char *directory)
{
    FILE *initiators = seeds_open(directory, "edhoc_initiator");
    FILE *responders = seeds_open(directory, "edhoc_responder");

    for (int method = 0; method < 4; method++) {
        edhoc(initiators, responders, (enum cede_edhoc_method)method);
    }
    seed(initiators, "error-1", CEDE_SPAN_TEXT("\x01\x63\x62\x61\x64"));
    seed(initiators, "error-2", CEDE_SPAN_TEXT("\x02\x82\x02\x03"));
    fclose(initiators);
    fclose(responders);
}

/* --- the journal, JSON --------------------------------------------------------------------------
 */

static uint8_t flash_memory[2][256];

static enum cede_status flash_read(void *context, unsigned slot, size_t offset, struct cede_buf buf)
{
    (void)context;
    memcpy(buf.ptr, flash_memory[slot] + offset, buf.cap);
    return CEDE_OK;
}

static enum cede_status flash_erase(void *context, unsigned slot)
{
    (void)context;
    memset(flash_memory[slot], 0xff, sizeof flash_memory[slot]);
    return CEDE_OK;
}

static enum cede_status flash_write(void *context, unsigned slot, size_t offset,
                                    struct cede_span bytes)
{
    (void)context;
    memcpy(flash_memory[slot] + offset, bytes.ptr, bytes.len);
    return CEDE_OK;
}

static void journal(const char *directory)
{
    static const struct cede_flash flash = {
        NULL, sizeof flash_memory[0], 8, flash_read, flash_erase, flash_write};
    FILE *file = seeds_open(directory, "journal");
    struct cede_journal state;

    REQUIRE(cede_journal_format(&state, &flash, fuzz_crypto()) == CEDE_OK);
    seed(file, "blank", cede_span(flash_memory[0], 8));
    REQUIRE(cede_journal_commit(&state, CEDE_SPAN_TEXT("first")) == CEDE_OK);
    REQUIRE(cede_journal_commit(&state, CEDE_SPAN_TEXT("second record")) == CEDE_OK);
    seed(file, "two-records", cede_span(flash_memory[0], sizeof flash_memory));
    fclose(file);
}

static void device(const char *directory)
{
    static const uint8_t octets[32] = {7};
    FILE *records = seeds_open(directory, "device_record"), *file = seeds_open(directory, "device");
    struct cede_device_record record = {.state = CEDE_DEVICE_FALLBACK,
                                        .seq = 300,
                                        .device_id = CEDE_SPAN_TEXT("d1"),
                                        .factory_key = CEDE_SPAN_ARRAY(octets),
                                        .factory_certificate = CEDE_SPAN_TEXT("f"),
                                        .controller_name = CEDE_SPAN_TEXT("SP1"),
                                        .controller_thumbprint = CEDE_SPAN_ARRAY(octets),
                                        .controller_certificate = CEDE_SPAN_TEXT("c"),
                                        .enroll_uri = CEDE_SPAN_TEXT("coap://ca1.example/e/t"),
                                        .update_uri = CEDE_SPAN_TEXT("coap://sp1.example"),
                                        .operational_key = CEDE_SPAN_ARRAY(octets),
                                        .operational_certificate = CEDE_SPAN_TEXT("o"),
                                        .order = CEDE_SPAN_TEXT("\xa0"),
                                        .trust = CEDE_SPAN_TEXT("\x80")};
    struct cede_writer writer = fresh();

    REQUIRE(record_encode(&writer, &record) == CEDE_OK);
    seed_written(records, "fallback", &writer);
    record.state = CEDE_DEVICE_FACTORY;
    record.order = record.operational_key = record.operational_certificate = CEDE_SPAN_NULL;
    writer = fresh();
    REQUIRE(record_encode(&writer, &record) == CEDE_OK);
    seed_written(records, "factory", &writer);
    /* A datagram that is no answer, an empty acknowledgement, a piggybacked 2.04. */
    writer = fresh();
    fuzz_put_piece(&writer, CEDE_SPAN_TEXT("noise"));
    fuzz_put_piece(&writer, CEDE_SPAN_TEXT("\x60\x00\x5a\x5a"));
    fuzz_put_piece(&writer, CEDE_SPAN_TEXT("\x64\x44\x5a\x5a\x5a\x5a\x5a\x5a\xc1\x40\xff\x40"));
    seed_written(file, "answers", &writer);
    fclose(records);
    fclose(file);
}

static void inspected(const char *directory)
{
    FILE *file = seeds_open(directory, "inspect");

    seed(file, "coap", coap_request());
    seed(file, "claims", CEDE_SPAN_TEXT("\xa2\x01\x63SP1\x04\x1a\x56\x12\xae\xb0"));
    seed(file, "cbor", CEDE_SPAN_TEXT("\x86\x01\x21\x40\x61\x61\xc1\x01\xa2\x01\xf6\x20\x81\xf5"));
    seed(file, "json", CEDE_SPAN_TEXT("{\"payload\":\"e30\",\"signatures\":[]}"));
    seed(file, "pem",
         CEDE_SPAN_TEXT("-----BEGIN CERTIFICATE-----\nMAMCAQE=\n"
                        "-----END CERTIFICATE-----\n"));
    fclose(file);
}

static void json(const char *directory)
{
    FILE *file = seeds_open(directory, "contract"), *signatures = seeds_open(directory, "jws");
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(fuzz_scalar), NULL};
    struct contract contract = {.from = {.name = "SP1"},
                                .to = {.name = "SP2"},
                                .device_count = 20,
                                .earliest = EARLIEST,
                                .latest = LATEST,
                                .created = EARLIEST};
    struct jws jws;
    char *text = contract_encode(&contract), *compact, *general;

    REQUIRE(text != NULL);
    seed(file, "contract", cede_span_string(text));
    REQUIRE(jws_init(&jws, CEDE_SPAN_TEXT("{}")) == CEDE_OK);
    REQUIRE(jws_sign(fuzz_crypto(), &key, NULL, &jws) == CEDE_OK);
    REQUIRE(jws_encode_compact(&jws, &compact) == CEDE_OK);
    seed(signatures, "compact", cede_span_string(compact));
    REQUIRE(jws_sign(fuzz_crypto(), &key, NULL, &jws) == CEDE_OK);
    REQUIRE(jws_encode_json(&jws, &general) == CEDE_OK);
    seed(signatures, "general", cede_span_string(general));
    free(text);
    free(compact);
    free(general);
    jws_wipe(&jws);
    fclose(file);
    fclose(signatures);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: make_seeds DIRECTORY\n", stderr);
        return 2;
    }
    certificates(argv[1]);
    cose(argv[1]);
    orders(argv[1]);
    device_update_info(argv[1]);
    coap(argv[1]);
    oscore(argv[1]);
    handshakes(argv[1]);
    journal(argv[1]);
    device(argv[1]);
    inspected(argv[1]);
    json(argv[1]);
    return 0;
}
