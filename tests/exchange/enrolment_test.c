/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_test.c - EST-oscore against a real CA: its door on a socket, its store, its policy; a
 * device as it is, and a client that can do what no device would.
 *
 *     device or client --- UDP, loopback --- compact door --- CA in a temporary directory
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "cede/crypto_openssl.h"
#include "cede/device.h"
#include "cede/edhoc.h"
#include "cede/est.h"
#include "cede/oscore.h"
#include "cede/pkcs7.h"
#include "cede/posix.h"
#include "device/device_internal.h"
#include "server/ca/ca_internal.h"
#include "server/ca/door.h"
#include "server/common/identity.h"

#define OK(expression_) assert_int_equal((expression_), CEDE_OK)
#define ENROLMENT_MAX   420 /* bytes of UDP payload of the smallest enrolment */
#define TURNS           200

/* --- the world -------------------------------------------------------------------------------- */

struct key {
    uint8_t scalar[32], point[64];
};

struct world {
    char directory[64], state[PATH_MAX];
    uint64_t now;
    struct ca *ca;
    struct ca_api api;
    struct event_base *base;
    struct coap_door *door;
    struct cede_address address;
    char uri[128];
    struct key maker, controller, factory;
    uint8_t factory_bytes[512], controller_bytes[512];
    struct cede_span factory_certificate, controller_certificate;

    uint8_t flash[2][CEDE_DEVICE_SLOT_SIZE];
    struct cede_device device;
    uint64_t now_ms;
    int fd;
    size_t lengths[16]; /* of datagrams, both ways, in order */
    size_t lengths_count;
    uint16_t message_id;
    unsigned devices;
    char device_id[16]; /* of the last one registered */
};

static struct world w;

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static void make_key(struct key *key)
{
    OK(crypto()->generate(crypto()->context, CEDE_CRV_P256, key->scalar, key->point));
}

static struct cede_private_key private_key(const struct key *key)
{
    return (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(key->scalar), NULL};
}

static struct cede_span issue(const char *subject, const struct key *key, const char *issuer,
                              const struct key *by, uint16_t usage, struct cede_buf out)
{
    struct cede_certificate_info info;
    struct cede_private_key issuer_key = private_key(by);
    uint8_t serial[8] = {0x41}, scratch[2048];
    struct cede_span certificate;

    memset(&info, 0, sizeof info);
    OK(crypto()->random(crypto()->context, cede_buf(serial + 1, 7)));
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(issuer)};
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(subject)};
    info.not_before = 1700000000;
    info.not_after = CEDE_TIME_NONE;
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(key->point)};
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = usage;
    OK(cede_certificate_issue(CEDE_CERTIFICATE_C509_NATIVE, crypto(), &info, &issuer_key,
                              CEDE_BUF_ARRAY(scratch), out, &certificate));
    return certificate;
}

static uint64_t world_now(void *context)
{
    (void)context;
    return w.now;
}

/* Replaces one member of the profile of devices. */
static void set_policy(const char *member, json_t *value)
{
    char path[PATH_MAX + 16];
    json_t *policy;

    snprintf(path, sizeof path, "%s/policy.json", w.state);
    policy = json_load_file(path, 0, NULL);
    assert_non_null(policy);
    if (value == NULL) {
        json_object_set_new(policy, member, json_true());
    } else {
        json_object_set_new(json_object_get(json_object_get(policy, "profiles"), "device"), member,
                            value);
    }
    assert_int_equal(json_dump_file(policy, path, 0), 0);
    json_decref(policy);
}

static void open_door(void)
{
    int fd;

    OK(ca_open(w.state, CA_OPEN_ALL, &w.ca));
    ca_set_clock(w.ca, world_now, NULL);
    memset(&w.api, 0, sizeof w.api);
    w.api.ca = w.ca;
    w.base = event_base_new();
    OK(cede_address_resolve("127.0.0.1", 0, &w.address));
    OK(coap_door_socket(&w.address, &fd));
    OK(cede_udp_local(fd, &w.address));
    OK(ca_door_open(w.base, &w.api, fd, &w.door));
    OK(cede_udp_connect(&w.address, &w.fd));
}

static void close_door(void)
{
    close(w.fd);
    coap_door_close(w.door);
    event_base_free(w.base);
    ca_close(w.ca);
}

static void reopen(void)
{
    close_door();
    open_door();
}

/* A registered device whose factory key does what `usage` says. */
static void register_device(uint16_t usage)
{
    char uri[128];
    size_t bad = 0;
    char text[CEDE_ADDRESS_TEXT_LEN];

    make_key(&w.factory);
    snprintf(w.device_id, sizeof w.device_id, "sensor-%u", ++w.devices);
    w.factory_certificate =
        issue(w.device_id, &w.factory, "maker", &w.maker, usage, CEDE_BUF_ARRAY(w.factory_bytes));
    OK(ca_register(w.ca, "SP1", &w.factory_certificate, 1, CEDE_SPAN_NULL, uri, sizeof uri, &bad));
    snprintf(w.uri, sizeof w.uri, "coap://%s%s", cede_address_text(&w.address, text),
             strstr(uri, "/e/"));
}

static int setup(void **state)
{
    struct ca_init init = {0};
    struct identity sp;
    char path[PATH_MAX + 8];

    (void)state;
    memset(&w, 0, sizeof w);
    w.now = cede_wall_clock();
    snprintf(w.directory, sizeof w.directory, "/tmp/cede_enrolment_test.XXXXXX");
    assert_non_null(mkdtemp(w.directory));
    snprintf(w.state, sizeof w.state, "%s/ca", w.directory);
    init.directory = w.state;
    init.name = "CA1";
    init.kind = CA_OPERATIONAL;
    init.https = "127.0.0.1:5701";
    init.coap = "127.0.0.1:5700";
    OK(ca_init(&init));
    set_policy("key_usage", json_pack("[s,s]", "digitalSignature", "keyAgreement"));
    open_door();
    snprintf(path, sizeof path, "%s/sp", w.directory);
    OK(identity_create(path, "SP1", NULL, 0));
    OK(identity_load(path, &sp));
    OK(ca_account_set(w.ca, "SP1", sp.certificate_der));
    identity_wipe(&sp);
    make_key(&w.maker);
    make_key(&w.controller);
    w.controller_certificate = issue("SP1", &w.controller, "SP1", &w.controller,
                                     CEDE_KU_DIGITAL_SIGNATURE, CEDE_BUF_ARRAY(w.controller_bytes));
    register_device(CEDE_KU_KEY_AGREEMENT);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    close_door();
    snprintf(command, sizeof command, "rm -rf '%s'", w.directory);
    assert_int_equal(system(command), 0);
    return 0;
}

/* --- the network ------------------------------------------------------------------------------ */

static void count(size_t len)
{
    assert_true(w.lengths_count < sizeof w.lengths / sizeof w.lengths[0]);
    w.lengths[w.lengths_count++] = len;
}

/* Sends and hands the loop to the door until it has answered. */
static struct cede_span exchange(struct cede_span datagram, struct cede_buf memory)
{
    struct cede_span answer = CEDE_SPAN_NULL;

    OK(cede_udp_send(w.fd, NULL, datagram));
    count(datagram.len);
    for (int i = 0; i < TURNS && answer.ptr == NULL; i++) {
        event_base_loop(w.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        if (cede_udp_receive(w.fd, NULL, memory, &answer) == CEDE_SOCKET_AGAIN) {
            answer = CEDE_SPAN_NULL;
            usleep(500);
        }
    }
    assert_non_null(answer.ptr);
    count(answer.len);
    return answer;
}

/* --- a device --------------------------------------------------------------------------------- */

static enum cede_status flash_read(void *context, unsigned slot, size_t offset, struct cede_buf buf)
{
    (void)context;
    memcpy(buf.ptr, &w.flash[slot][offset], buf.cap);
    return CEDE_OK;
}

static enum cede_status flash_erase(void *context, unsigned slot)
{
    (void)context;
    memset(w.flash[slot], 0xff, CEDE_DEVICE_SLOT_SIZE);
    return CEDE_OK;
}

static enum cede_status flash_write(void *context, unsigned slot, size_t offset,
                                    struct cede_span bytes)
{
    (void)context;
    memcpy(&w.flash[slot][offset], bytes.ptr, bytes.len);
    return CEDE_OK;
}

static const struct cede_flash flash = {NULL,       CEDE_DEVICE_SLOT_SIZE, 4,
                                        flash_read, flash_erase,           flash_write};

static uint64_t wall_clock(void *context)
{
    return world_now(context);
}

static size_t get_trust(struct cede_trust_entry entries[CEDE_DEVICE_TRUST_MAX], uint8_t *memory,
                        size_t cap)
{
    struct cede_span list;
    struct cede_reader reader;
    size_t entries_count;

    OK(ca_anchors(w.ca, cede_buf(memory, cap), &list));
    reader = cede_reader(list);
    entries_count = cede_cbor_get_array(&reader);
    assert_true(entries_count <= CEDE_DEVICE_TRUST_MAX);
    for (size_t i = 0; i < entries_count; i++) {
        cede_cbor_expect_array(&reader, 2);
        entries[i].purposes = (uint32_t)cede_cbor_get_uint(&reader);
        entries[i].certificate = cede_cbor_get_bytes(&reader);
    }
    OK(cede_reader_finish(&reader));
    return entries_count;
}

/* --- a crypto back end that fails once -------------------------------------------------------- */

static struct cede_crypto faulty;
static unsigned calls, fail_at; /* fail_at 0: never */

static bool fails(void)
{
    return ++calls == fail_at;
}

static enum cede_status faulty_generate(void *context, int32_t curve, uint8_t *private_bytes,
                                        uint8_t *public_bytes)
{
    return fails() ? CEDE_CRYPTO_FAILED
                   : crypto()->generate(context, curve, private_bytes, public_bytes);
}

static enum cede_status faulty_public(void *context, const struct cede_private_key *key,
                                      uint8_t *public_bytes)
{
    return fails() ? CEDE_CRYPTO_FAILED : crypto()->public_from_private(context, key, public_bytes);
}

static enum cede_status faulty_ecdh(void *context, const struct cede_private_key *key,
                                    struct cede_span peer, uint8_t *secret)
{
    return fails() ? CEDE_CRYPTO_FAILED : crypto()->ecdh(context, key, peer, secret);
}

static enum cede_status faulty_sign(void *context, int32_t alg, const struct cede_private_key *key,
                                    const struct cede_span *parts, size_t parts_count,
                                    uint8_t *signature, size_t *signature_len)
{
    return fails()
               ? CEDE_CRYPTO_FAILED
               : crypto()->sign(context, alg, key, parts, parts_count, signature, signature_len);
}

static enum cede_status faulty_verify(void *context, int32_t alg, const struct cede_public_key *key,
                                      const struct cede_span *parts, size_t parts_count,
                                      struct cede_span signature)
{
    return fails() ? CEDE_CRYPTO_FAILED
                   : crypto()->verify(context, alg, key, parts, parts_count, signature);
}

static enum cede_status faulty_hmac(void *context, int32_t hash_alg, struct cede_span key,
                                    const struct cede_span *parts, size_t parts_count, uint8_t *out)
{
    return fails() ? CEDE_CRYPTO_FAILED
                   : crypto()->hmac(context, hash_alg, key, parts, parts_count, out);
}

static const struct cede_crypto *faulty_crypto(void)
{
    faulty = *crypto();
    faulty.generate = faulty_generate;
    faulty.public_from_private = faulty_public;
    faulty.ecdh = faulty_ecdh;
    faulty.sign = faulty_sign;
    faulty.verify = faulty_verify;
    faulty.hmac = faulty_hmac;
    return &faulty;
}

static void make_device(bool by_reference)
{
    struct cede_trust_entry trust[CEDE_DEVICE_TRUST_MAX];
    uint8_t memory[4096];
    struct cede_device_provision provision;
    struct cede_device_config config;

    memset(&provision, 0, sizeof provision);
    memset(&config, 0, sizeof config);
    memset(w.flash, 0xff, sizeof w.flash);
    provision.factory_key = CEDE_SPAN_ARRAY(w.factory.scalar);
    provision.factory_certificate = w.factory_certificate;
    provision.controller_certificate = w.controller_certificate;
    provision.enroll_uri = cede_span_string(w.uri);
    provision.update_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:9");
    provision.trust_count = get_trust(trust, memory, sizeof memory);
    provision.trust = trust;
    OK(cede_device_image_create(crypto(), &flash, &provision));
    config.crypto = faulty_crypto();
    config.flash = &flash;
    config.wall_clock = wall_clock;
    config.by_reference = by_reference;
    OK(cede_device_load(&w.device, &config, w.now_ms));
}

/* One datagram there and one back, or a step of the clock. */
static bool device_step(void)
{
    struct cede_device_action action = cede_device_next(&w.device, w.now_ms);
    uint8_t memory[2048];

    if (action.todo == CEDE_DEVICE_SEND && action.port != 9) {
        struct cede_span answer = exchange(action.datagram, CEDE_BUF_ARRAY(memory));
        cede_device_receive(&w.device, answer, w.now_ms);
    } else if (action.todo == CEDE_DEVICE_WAIT) {
        w.now_ms = action.until_ms;
    } else {
        assert_int_equal(action.todo, CEDE_DEVICE_SEND);
        w.now_ms += 1;
    }
    return w.device.record.state == CEDE_DEVICE_OPERATIONAL;
}

static bool device_enrols(unsigned steps)
{
    while (steps-- > 0) {
        if (device_step()) {
            return true;
        }
    }
    return false;
}

static void operational_certificate(struct cede_certificate *certificate)
{
    OK(cede_certificate_decode(w.device.record.operational_certificate, crypto(), certificate));
}

/* The smallest enrolment: method 3, message_3 with the request, proof by MAC, by reference. */
static void the_smallest_enrolment_takes_at_most_420_bytes(void **state)
{
    static const char *const names[] = {"message_1", "message_2", "message_3 + request",
                                        "response"};
    struct cede_certificate certificate;
    size_t sum = 0;

    (void)state;
    make_device(true);
    assert_true(device_enrols(20));
    for (size_t i = 0; i < 4; i++) {
        printf("           %-20s %3zu bytes of UDP payload\n", names[i], w.lengths[i]);
        sum += w.lengths[i];
    }
    printf("           %-20s %3zu\n", "enrolment", sum);
    assert_true(sum <= ENROLMENT_MAX);
    /* The certificate itself, for the device's own use, is one exchange more. */
    assert_int_equal(w.lengths_count, 6);
    printf("           %-20s %3zu\n", "fetching it", w.lengths[4] + w.lengths[5]);
    operational_certificate(&certificate);
    assert_int_equal(certificate.ext.key_usage, CEDE_KU_KEY_AGREEMENT);
    assert_int_equal(coap_door_counters(w.door)->handshakes, 1);
}

static void a_device_that_wants_the_certificate_gets_it_at_once(void **state)
{
    struct cede_certificate certificate;

    (void)state;
    make_device(false);
    assert_true(device_enrols(20));
    assert_int_equal(w.lengths_count, 4);
    operational_certificate(&certificate);
    assert_int_equal(certificate.ext.key_usage, CEDE_KU_KEY_AGREEMENT);
}

/* Method 1: the factory key signs, the server's and the new one agree. */
static void a_signing_factory_key_enrols_an_agreement_key(void **state)
{
    struct cede_certificate certificate;

    (void)state;
    register_device(CEDE_KU_DIGITAL_SIGNATURE);
    make_device(false);
    assert_true(device_enrols(20));
    operational_certificate(&certificate);
    assert_int_equal(certificate.ext.key_usage, CEDE_KU_KEY_AGREEMENT);
}

/* Method 2: the CA issues for signatures alone and does not tell of its agreement key. */
static void an_agreeing_factory_key_enrols_a_signature_key(void **state)
{
    struct cede_certificate certificate;

    (void)state;
    set_policy("key_usage", json_pack("[s]", "digitalSignature"));
    reopen();
    register_device(CEDE_KU_KEY_AGREEMENT);
    make_device(true);
    assert_true(device_enrols(20));
    operational_certificate(&certificate);
    assert_int_equal(certificate.ext.key_usage, CEDE_KU_DIGITAL_SIGNATURE);
}

static void references_with_a_uri_lead_to_the_certificate(void **state)
{
    char text[CEDE_ADDRESS_TEXT_LEN];

    (void)state;
    set_policy("certificate_uri", NULL);
    reopen(); /* its port is not the one the CA tells: the device falls back on the hash */
    register_device(CEDE_KU_KEY_AGREEMENT);
    make_device(true);
    assert_true(device_enrols(20));
    assert_false(w.device.candidate_is_uri);

    snprintf(w.ca->coap, sizeof w.ca->coap, "%s", cede_address_text(&w.address, text));
    make_device(true); /* with a fresh key: the old certificate has to go first */
    OK(ca_revoke_device(w.ca, w.device_id, 4, NULL));
    w.lengths_count = 0;
    assert_true(device_enrols(20));
    assert_true(w.device.candidate_is_uri);
}

/* RFC 9148, section 4.7. */
static void an_operator_has_to_approve(void **state)
{
    uint64_t asked_ms;

    (void)state;
    set_policy("approval", json_string("manual"));
    reopen();
    register_device(CEDE_KU_KEY_AGREEMENT);
    make_device(false);
    assert_false(device_enrols(4));
    assert_int_equal(w.device.answer_max_age, 300);
    assert_int_equal(ca_approve(w.ca, "somebody-else"), CEDE_NOT_FOUND);
    asked_ms = w.now_ms;
    /* As long as nobody has, the same key asks again after Max-Age, and nothing is issued. */
    assert_false(device_enrols(6));
    assert_true(w.now_ms >= asked_ms + 300 * 1000);
    OK(ca_approve(w.ca, w.device_id));
    assert_int_equal(ca_approve(w.ca, w.device_id), CEDE_NOT_FOUND);
    w.lengths_count = 0;
    assert_true(device_enrols(20));
}

/* Whatever fails once, fails once: the device comes again and enrols. */
static void a_back_end_that_fails_once_only_delays(void **state)
{
    (void)state;
    for (int agrees = 0; agrees < 2; agrees++) {
        set_policy("key_usage", agrees ? json_pack("[s,s]", "digitalSignature", "keyAgreement")
                                       : json_pack("[s]", "digitalSignature"));
        reopen();
        for (unsigned at = 1; at < 200; at++) {
            register_device(CEDE_KU_KEY_AGREEMENT);
            make_device(true);
            calls = 0;
            w.lengths_count = 0;
            fail_at = at;
            for (int i = 0; i < 60 && !device_step(); i++) {
                w.lengths_count = 0;
                assert_int_equal(w.device.halted, CEDE_OK);
            }
            assert_int_equal(w.device.record.state, CEDE_DEVICE_OPERATIONAL);
            if (calls < at) { /* nothing failed any more: each call has had its turn */
                break;
            }
        }
        assert_true(calls < fail_at);
        fail_at = 0;
    }
}

/* --- answers that no good server gives -------------------------------------------------------- */

/* A device that waits for the answer to its request. */
static void make_waiting(void)
{
    register_device(CEDE_KU_KEY_AGREEMENT);
    make_device(true);
    w.lengths_count = 0;
    while (!w.device.has_oscore) {
        (void)cede_device_next(&w.device, w.now_ms); /* sent, but nobody is there */
        w.device.has_oscore = w.device.record.state == CEDE_DEVICE_ENROLLING;
    }
    w.device.has_oscore = false;
    w.device.failures = 0;
    w.device.answer_max_age = 0;
}

/* True when the device goes on to fetch, false when the answer was no good. */
static bool fetches(uint32_t format, struct cede_span body)
{
    make_waiting();
    w.device.answer_format = format;
    enrolment_answered(&w.device, CEDE_COAP_CHANGED, body);
    assert_int_equal(w.device.halted, CEDE_OK);
    assert_int_equal(w.device.record.state, CEDE_DEVICE_ENROLLING);
    assert_true(w.device.fetching_certificate != (w.device.failures > 0));
    return w.device.fetching_certificate;
}

static bool fetches_uri(const char *text)
{
    uint8_t memory[300];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));

    cede_cbor_put_text(&writer, cede_span_string(text));
    return fetches(CEDE_EST_FORMAT_URI, cede_written(&writer));
}

static void references_that_lead_nowhere_are_refused(void **state)
{
    char text[CEDE_ADDRESS_TEXT_LEN], uri[128];
    uint8_t memory[128];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    const struct cede_span hash = CEDE_SPAN_TEXT("\x82\x2e\x48"
                                                 "12345678");
    struct cede_est_references references = {.hash = hash};

    (void)state;
    (void)cede_address_text(&w.address, text);
    snprintf(uri, sizeof uri, "coap://%s/x", text);
    assert_true(fetches_uri(uri));
    assert_true(w.device.candidate_is_uri);
    snprintf(uri, sizeof uri, "coaps://%s/x", text);
    assert_false(fetches_uri(uri));
    assert_false(fetches_uri("coap://127.0.0.1:1/x"));
    snprintf(uri, sizeof uri, "coap://127.0.0.2%s/x", strchr(text, ':'));
    assert_false(fetches_uri(uri));
    assert_false(fetches_uri("nonsense"));

    assert_true(fetches(CEDE_EST_FORMAT_C509_CERTHASH, hash));
    assert_false(w.device.candidate_is_uri);
    assert_true(fetches(CEDE_EST_FORMAT_CERTHASH, hash));
    assert_false(fetches(CEDE_EST_FORMAT_MULTIPART, hash));
    assert_false(fetches(CEDE_EST_FORMAT_MULTIPART, CEDE_SPAN_TEXT("\x80")));
    assert_false(fetches(CEDE_EST_FORMAT_C509_CERT, CEDE_SPAN_NULL));
    assert_false(fetches(0, hash));
    /* A certificate beside the reference is judged as any other. */
    references.certificate = CEDE_SPAN_TEXT("\x43"
                                            "abc");
    cede_est_put_multipart(&writer, &references, CEDE_EST_FORMAT_C509_CERT);
    assert_false(fetches(CEDE_EST_FORMAT_MULTIPART, cede_written(&writer)));
    /* A hash longer than any that is in use. */
    writer = cede_writer(CEDE_BUF_ARRAY(memory));
    cede_cbor_put_array(&writer, 2);
    cede_cbor_put_int(&writer, CEDE_ALG_SHA_256);
    cede_cbor_put_bytes(&writer, cede_span(memory, 70));
    assert_false(fetches(CEDE_EST_FORMAT_C509_CERTHASH, cede_written(&writer)));
}

/* The certificate that is fetched is another than the one referred to. */
static void the_wrong_certificate_at_the_right_place_is_refused(void **state)
{
    uint8_t memory[1024];

    (void)state;
    register_device(CEDE_KU_KEY_AGREEMENT);
    make_device(true);
    w.lengths_count = 0;
    while (!w.device.fetching_certificate) {
        assert_false(device_step());
    }
    w.device.reference[w.device.reference_len - 1] ^= 1;
    {
        struct cede_device_action action = cede_device_next(&w.device, w.now_ms);
        assert_int_equal(action.todo, CEDE_DEVICE_SEND);
        cede_device_receive(&w.device, exchange(action.datagram, CEDE_BUF_ARRAY(memory)), w.now_ms);
    }
    assert_int_equal(w.device.record.state, CEDE_DEVICE_ENROLLING);
    assert_int_equal(w.device.failures, 1);
    w.lengths_count = 0;
    assert_true(device_enrols(30)); /* and gets the right one later */
}

static void delays_without_a_time_are_the_devices_own(void **state)
{
    (void)state;
    make_waiting();
    enrolment_answered(&w.device, CEDE_COAP_UNAVAILABLE, CEDE_SPAN_NULL);
    assert_int_equal(w.device.failures, 1);
    make_waiting();
    w.device.answer_max_age = 100;
    enrolment_answered(&w.device, CEDE_COAP_UNAVAILABLE, CEDE_SPAN_NULL);
    assert_int_equal(w.device.failures, 0);
    assert_true(w.device.resume_at_ms >= w.now_ms + 100000);
    /* While a certificate is fetched nobody approves of anything. */
    make_waiting();
    w.device.answer_max_age = 100;
    w.device.fetching_certificate = true;
    enrolment_answered(&w.device, CEDE_COAP_UNAVAILABLE, CEDE_SPAN_NULL);
    assert_int_equal(w.device.failures, 1);
    /* A renewal that waits lets reports go on. */
    make_waiting();
    w.device.answer_max_age = 100;
    w.device.renewing = true;
    enrolment_answered(&w.device, CEDE_COAP_UNAVAILABLE, CEDE_SPAN_NULL);
    assert_false(w.device.renewing);
    assert_true(w.device.renew_after_ms == w.now_ms + 100000 &&
                w.device.resume_at_ms < w.now_ms + 100000);
    make_waiting();
    enrolment_answered(&w.device, CEDE_COAP_NOT_ACCEPTABLE, CEDE_SPAN_NULL);
    assert_int_equal(w.device.failures, 1);
}

/* Without anchors the certificate is as good; only a server that fails is asked again. */
static void anchors_that_do_not_come_are_done_without(void **state)
{
    static const struct {
        uint8_t code;
        struct cede_span body;
    } useless[] = {{CEDE_COAP_RESOURCE_NOT_FOUND, {NULL, 0}}, {CEDE_COAP_CONTENT, {NULL, 0}}};

    (void)state;
    make_waiting();
    w.device.fetching_anchors = true;
    enrolment_answered(&w.device, CEDE_COAP_UNAVAILABLE, CEDE_SPAN_NULL);
    assert_int_equal(w.device.failures, 1);
    for (size_t i = 0; i < 2; i++) {
        make_waiting();
        w.device.fetching_anchors = true;
        memcpy(w.device.candidate, w.factory_certificate.ptr, w.factory_certificate.len);
        w.device.candidate_len = w.factory_certificate.len;
        enrolment_answered(&w.device, useless[i].code, useless[i].body);
        assert_int_equal(w.device.record.state, CEDE_DEVICE_OPERATIONAL);
    }
}

/* The formats of requests follow the URI and what is asked for. */
static void plans_ask_for_what_the_server_has(void **state)
{
    struct plan plan;

    (void)state;
    make_waiting();
    enrolment_plan(&w.device, &plan);
    assert_int_equal(plan.accept, -1);
    w.device.fetching_anchors = true; /* never by reference */
    enrolment_plan(&w.device, &plan);
    assert_int_equal(plan.accept, CEDE_EST_FORMAT_C509_CERT);
    w.device.fetching_anchors = false;
    w.device.record.enroll_uri = CEDE_SPAN_TEXT("coaps://127.0.0.1/e/t");
    enrolment_plan(&w.device, &plan);
    assert_int_equal(plan.accept, CEDE_EST_FORMAT_PKIX_CERT);
    w.device.answer_format = 0;
    enrolment_answered(&w.device, CEDE_COAP_CHANGED, CEDE_SPAN_NULL);
    assert_int_equal(w.device.failures, 1);
    make_waiting();
    w.device.want_certs_only = true; /* has been asked for already */
    w.device.record.enroll_uri = CEDE_SPAN_TEXT("coaps://127.0.0.1/e/t");
    enrolment_answered(&w.device, CEDE_COAP_NOT_ACCEPTABLE, CEDE_SPAN_NULL);
    assert_int_equal(w.device.failures, 1);
}

static void renewals_need_a_certificate_with_an_end_and_a_key(void **state)
{
    (void)state;
    register_device(CEDE_KU_KEY_AGREEMENT);
    make_device(false);
    w.lengths_count = 0;
    assert_true(device_enrols(20));
    assert_false(renewal_is_due(&w.device));
    w.device.record.operational_certificate = w.factory_certificate; /* good for ever */
    assert_false(renewal_is_due(&w.device));
    w.device.record.operational_certificate = CEDE_SPAN_TEXT("none");
    assert_false(renewal_is_due(&w.device));
    w.device.record.enroll_uri = CEDE_SPAN_TEXT("coaps://127.0.0.1/e/t");
    w.device.renewing = true;
    calls = 0;
    fail_at = 1; /* the new key */
    enrolment_begin(&w.device);
    fail_at = 0;
    assert_false(w.device.renewing);
    assert_true(cede_span_is_null(w.device.record.pending_key));
    assert_int_equal(w.device.halted, CEDE_OK);
}

/* A hand-over without an order is no state a device can be in. */
static void what_cannot_be_stops_the_device(void **state)
{
    (void)state;
    make_waiting();
    w.device.record.state = CEDE_DEVICE_JOINING;
    w.device.answer_max_age = 10;
    enrolment_answered(&w.device, CEDE_COAP_UNAVAILABLE, CEDE_SPAN_NULL);
    assert_int_not_equal(w.device.halted, CEDE_OK);
    make_waiting();
    w.device.record.state = CEDE_DEVICE_JOINING;
    enrolment_begin(&w.device); /* to nowhere */
    assert_true(cede_span_is_null(w.device.record.operational_key));
}

/* --- a client --------------------------------------------------------------------------------- */

struct client {
    struct cede_edhoc_session edhoc;
    struct cede_oscore_context oscore;
    uint8_t g_y[64];
    struct key key; /* to be certified */
};

struct reply {
    uint8_t code;
    int32_t format; /* -1: none */
    uint32_t max_age;
    uint8_t memory[2048];
    struct cede_span body;
};

static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2};

static struct cede_edhoc_config edhoc_config(void)
{
    struct cede_edhoc_config config = {
        .crypto = crypto(), .suites = suites, .suites_count = 1, .methods = 15};
    return config;
}

/* Up to message_2; the server must be the one that method means. */
static enum cede_status begin(struct client *client, enum cede_edhoc_method method)
{
    struct cede_edhoc_config config = edhoc_config();
    uint8_t memory[512], datagram[512], in[1024], plain[1024], token = 7, c_i = 5;
    struct cede_span message, request, answer;
    struct cede_coap_message response;
    struct cede_edhoc_peer peer;
    struct cede_edhoc_id_cred id_cred;
    struct cede_certificate server;
    struct cede_edhoc_credential credential;

    OK(cede_edhoc_init_initiator(&client->edhoc, &config, method, 2, cede_span(&c_i, 1)));
    OK(cede_edhoc_compose_message_1(&client->edhoc, &config, NULL, CEDE_BUF_ARRAY(memory),
                                    &message));
    OK(cede_oscore_compose_edhoc_request(CEDE_COAP_CON, ++w.message_id, cede_span(&token, 1),
                                         CEDE_SPAN_NULL, CEDE_SPAN_NULL, CEDE_SPAN_NULL, message,
                                         CEDE_BUF_ARRAY(datagram), &request));
    answer = exchange(request, CEDE_BUF_ARRAY(in));
    OK(cede_coap_decode(answer, &response));
    if (response.code != CEDE_COAP_CHANGED) {
        return CEDE_EDHOC_METHOD;
    }
    OK(cede_edhoc_process_message_2(&client->edhoc, &config, response.payload,
                                    CEDE_BUF_ARRAY(plain), &peer));
    OK(cede_certificate_decode((method & 1) != 0 ? w.ca->dh : w.ca->est, crypto(), &server));
    OK(cede_edhoc_id_cred_decode(peer.id_cred, &id_cred));
    OK(cede_certificate_check_hash(crypto(), id_cred.value, server.raw));
    credential.form = CEDE_EDHOC_CRED_C509;
    credential.cred = server.raw;
    credential.public_key = cede_certificate_key(&server);
    OK(cede_edhoc_verify_message_2(&client->edhoc, &config, &peer, &credential));
    memcpy(client->g_y, client->edhoc.point, sizeof client->g_y);
    return CEDE_OK;
}

static struct cede_span plain_request(uint8_t code, const char *path, int32_t format,
                                      int32_t accept, struct cede_span body, struct cede_buf out)
{
    struct cede_coap_encoder encoder;
    struct cede_span request;
    uint8_t token = 9;

    encoder = cede_coap_begin(out, CEDE_COAP_CON, code, ++w.message_id, cede_span(&token, 1));
    cede_coap_put_path(&encoder, cede_span_string(path));
    if (format >= 0) {
        cede_coap_put_uint(&encoder, CEDE_COAP_CONTENT_FORMAT, (uint32_t)format);
    }
    if (accept >= 0) {
        cede_coap_put_uint(&encoder, CEDE_COAP_ACCEPT, (uint32_t)accept);
    }
    cede_coap_put_payload(&encoder, body);
    OK(cede_coap_finish(&encoder, &request));
    return request;
}

static void export(struct client *client)
{
    struct cede_edhoc_config config = edhoc_config();
    struct cede_edhoc_oscore keys;
    struct cede_oscore_params params = {0};

    OK(cede_edhoc_export_oscore(&client->edhoc, &config, &keys));
    params.aead_alg = keys.aead;
    params.hash_alg = keys.hash;
    params.master_secret = cede_span(keys.master_secret, keys.master_secret_len);
    params.master_salt = CEDE_SPAN_ARRAY(keys.master_salt);
    params.sender_id = cede_edhoc_connection_id_span(&keys.sender_id);
    params.recipient_id = cede_edhoc_connection_id_span(&keys.recipient_id);
    OK(cede_oscore_init(&client->oscore, crypto(), &params));
}

static uint32_t option(const struct cede_coap_message *message, uint16_t number, uint32_t otherwise)
{
    struct cede_span value;
    uint32_t parsed = otherwise;

    if (cede_coap_find_option(message, number, &value)) {
        OK(cede_coap_uint_value(value, &parsed));
    }
    return parsed;
}

/* False: the answer is not protected. */
static bool finish(struct client *client, struct cede_span datagram,
                   struct cede_oscore_exchange *oscore, struct reply *reply)
{
    static uint8_t in[2048];
    struct cede_span answer = exchange(datagram, CEDE_BUF_ARRAY(in)), inner;
    struct cede_coap_message response;

    memset(reply, 0, sizeof *reply);
    if (cede_oscore_unprotect_response(&client->oscore, crypto(), answer, oscore,
                                       CEDE_BUF_ARRAY(reply->memory), &inner) != CEDE_OK) {
        return false;
    }
    OK(cede_coap_decode(inner, &response));
    reply->code = response.code;
    reply->format = (int32_t)option(&response, CEDE_COAP_CONTENT_FORMAT, UINT32_MAX);
    reply->max_age = option(&response, CEDE_COAP_MAX_AGE, 0);
    reply->body = response.payload;
    return true;
}

/* message_3, signed or with a MAC by the factory key, in front of the request. */
static bool combined(struct client *client, const char *path, int32_t format, int32_t accept,
                     struct cede_span body, struct reply *reply)
{
    struct cede_edhoc_config config = edhoc_config();
    uint8_t id_cred[64], m3[256], plain[1024], protected[1400], datagram[1500];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(id_cred));
    struct cede_edhoc_own own = {0};
    struct cede_oscore_exchange oscore;
    struct cede_span message_3, request, sent, whole;

    cede_cbor_put_map(&writer, 1);
    cede_cbor_put_uint(&writer, CEDE_COSE_LABEL_C5T);
    OK(cede_certificate_put_hash(&writer, crypto(), CEDE_ALG_SHA_256_64, w.factory_certificate));
    OK(cede_writer_finish(&writer, &own.id_cred));
    own.form = CEDE_EDHOC_CRED_C509;
    own.cred = w.factory_certificate;
    own.key = private_key(&w.factory);
    OK(cede_edhoc_compose_message_3(&client->edhoc, &config, &own, NULL, CEDE_BUF_ARRAY(m3),
                                    &message_3));
    export(client);
    request = plain_request(body.ptr != NULL ? CEDE_COAP_POST : CEDE_COAP_GET, path, format, accept,
                            body, CEDE_BUF_ARRAY(plain));
    OK(cede_oscore_protect_request(&client->oscore, crypto(), CEDE_OSCORE_PLAIN, request, &oscore,
                                   CEDE_BUF_ARRAY(protected), &sent));
    OK(cede_oscore_combine(sent, message_3, CEDE_BUF_ARRAY(datagram), &whole));
    return finish(client, whole, &oscore, reply);
}

static void ask(struct client *client, uint8_t code, const char *path, int32_t format,
                int32_t accept, struct cede_span body, struct reply *reply)
{
    uint8_t plain[1024], datagram[1500];
    struct cede_oscore_exchange oscore;
    struct cede_span sent,
        request = plain_request(code, path, format, accept, body, CEDE_BUF_ARRAY(plain));

    w.lengths_count = 0;
    OK(cede_oscore_protect_request(&client->oscore, crypto(), CEDE_OSCORE_PLAIN, request, &oscore,
                                   CEDE_BUF_ARRAY(datagram), &sent));
    assert_true(finish(client, sent, &oscore, reply));
}

static void new_client(struct client *client, enum cede_edhoc_method method)
{
    memset(client, 0, sizeof *client);
    w.lengths_count = 0;
    make_key(&client->key);
    OK(begin(client, method));
}

/* A session that has asked for nothing yet but the anchors. */
static void open_session(struct client *client, enum cede_edhoc_method method)
{
    struct reply reply;

    new_client(client, method);
    assert_true(
        combined(client, "est/crts", -1, CEDE_EST_FORMAT_C509_CERT, CEDE_SPAN_NULL, &reply));
    assert_int_equal(reply.code, CEDE_COAP_CONTENT);
}

static struct cede_est_identity identity_of(const struct client *client)
{
    struct cede_est_identity identity = {cede_span_string(w.device_id),
                                         private_key(&client->key),
                                         {CEDE_CRV_P256, CEDE_SPAN_ARRAY(client->key.point)}};
    return identity;
}

static struct cede_span mac_request(const struct client *client,
                                    const struct cede_pop_verifier *verifier, bool x509,
                                    struct cede_buf out)
{
    struct cede_est_identity identity = identity_of(client);
    struct cede_span request;

    OK(cede_est_compose_mac_request(crypto(), &identity, verifier, x509, out, &request));
    return request;
}

static struct cede_pop_verifier for_g_y(const struct client *client)
{
    return cede_est_ephemeral_verifier(CEDE_ALG_SHA_256, CEDE_CRV_P256,
                                       CEDE_SPAN_ARRAY(client->g_y));
}

static struct cede_pop_verifier for_certificate(struct cede_certificate *certificate)
{
    OK(cede_certificate_decode(w.ca->dh, crypto(), certificate));
    return cede_est_certificate_verifier(CEDE_ALG_SHA_256, certificate);
}

static int64_t issued(void)
{
    int64_t value = 0;

    OK(store_get_int(ca_store(w.ca), "SELECT count(*) FROM certificate WHERE factory IS NOT NULL",
                     STORE_NO_PARAMS, &value));
    return value;
}

/* --- proofs of possession --------------------------------------------------------------------- */

static uint8_t combined_code(struct client *client, int32_t format, struct cede_span body)
{
    struct reply reply;

    assert_true(combined(client, "est/sen", format, -1, body, &reply));
    return reply.code;
}

static void a_MAC_for_G_Y_is_good_in_its_session_alone(void **state)
{
    struct client first, second;
    struct cede_pop_verifier g_y;
    uint8_t memory[512], old[512];
    struct cede_span request;

    (void)state;
    new_client(&first, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&first);
    request = mac_request(&first, &g_y, false, CEDE_BUF_ARRAY(memory));
    memcpy(old, request.ptr, request.len);

    /* The request of one session is replayed in another. */
    new_client(&second, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    assert_int_equal(
        combined_code(&second, CEDE_EST_FORMAT_C509_PKCS10, cede_span(old, request.len)),
        CEDE_COAP_BAD_REQUEST);
    assert_int_equal(issued(), 0);

    /* Its own is taken, in every method, as C509 and as PKCS #10. */
    new_client(&first, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&first);
    request = mac_request(&first, &g_y, false, CEDE_BUF_ARRAY(memory));
    assert_int_equal(combined_code(&first, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_CHANGED);
    assert_int_equal(issued(), 1);
    new_client(&second, CEDE_EDHOC_STATIC_DH_SIGNATURE);
    second.key = first.key; /* the same key again: the same certificate */
    g_y = for_g_y(&second);
    request = mac_request(&second, &g_y, false, CEDE_BUF_ARRAY(memory));
    assert_int_equal(combined_code(&second, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_CHANGED);
    assert_int_equal(issued(), 1);
}

static void a_PKCS10_request_may_carry_a_MAC(void **state)
{
    struct client client;
    struct cede_pop_verifier g_y;
    uint8_t memory[512];
    struct cede_certificate certificate;
    struct reply reply;

    (void)state;
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&client);
    assert_true(combined(&client, "est/sen", CEDE_EST_FORMAT_PKCS10, CEDE_EST_FORMAT_PKIX_CERT,
                         mac_request(&client, &g_y, true, CEDE_BUF_ARRAY(memory)), &reply));
    assert_int_equal(reply.code, CEDE_COAP_CHANGED);
    OK(cede_certificate_decode(reply.body, crypto(), &certificate));
    assert_int_equal(certificate.ext.key_usage, CEDE_KU_KEY_AGREEMENT);
}

static void forged_MACs_are_refused(void **state)
{
    struct client client;
    struct cede_pop_verifier g_y;
    struct cede_certificate certificate;
    uint8_t memory[512];
    struct cede_span request;
    struct key other;

    (void)state;
    /* One bit of the MAC. */
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&client);
    request = mac_request(&client, &g_y, false, CEDE_BUF_ARRAY(memory));
    memory[request.len - 1] ^= 1;
    assert_int_equal(combined_code(&client, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_BAD_REQUEST);
    /* By another key than the one asked for. */
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&client);
    make_key(&other);
    memcpy(client.key.scalar, other.scalar, sizeof other.scalar);
    request = mac_request(&client, &g_y, false, CEDE_BUF_ARRAY(memory));
    assert_int_equal(combined_code(&client, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_BAD_REQUEST);
    /* For the CA's certificate where the session has a G_Y: the draft wants that. */
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_certificate(&certificate);
    request = mac_request(&client, &g_y, false, CEDE_BUF_ARRAY(memory));
    assert_int_equal(combined_code(&client, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_BAD_REQUEST);
    /* With another hash than the suite's. */
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&client);
    g_y.hash_alg = CEDE_ALG_SHA_384;
    request = mac_request(&client, &g_y, false, CEDE_BUF_ARRAY(memory));
    assert_int_equal(combined_code(&client, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_BAD_REQUEST);
    /* With the key derived as RFC 6955 registers it, not as the draft wants it. */
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&client);
    g_y.kdf = CEDE_POP_KDF_HASH;
    request = mac_request(&client, &g_y, false, CEDE_BUF_ARRAY(memory));
    assert_int_equal(combined_code(&client, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_BAD_REQUEST);
    assert_int_equal(issued(), 0);
}

/* The verifier's own key comes back as the one to be certified. */
static void a_reflected_key_is_refused(void **state)
{
    struct client client;
    struct cede_pop_verifier g_y;
    uint8_t memory[512];
    struct cede_est_identity identity;
    struct cede_span request;
    struct reply reply;

    (void)state;
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&client);
    memcpy(client.key.point, client.g_y, sizeof client.g_y);
    identity = identity_of(&client);
    assert_int_equal(cede_est_compose_mac_request(crypto(), &identity, &g_y, false,
                                                  CEDE_BUF_ARRAY(memory), &request),
                     CEDE_EST_KEY);
    OK(cede_c509_request_write_mac(
        crypto(), (struct cede_name){CEDE_NAME_TEXT, cede_span_string(w.device_id)},
        &identity.public_key, &identity.key, &g_y, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(memory),
        &request));
    assert_int_equal(combined_code(&client, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_FORBIDDEN);
    /* And the CA's agreement key, in a request that is signed by who knows whom. */
    open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    {
        struct cede_certificate dh;
        g_y = for_certificate(&dh);
        memcpy(client.key.point, dh.point, sizeof client.key.point);
        identity = identity_of(&client);
        OK(cede_c509_request_write_mac(
            crypto(), (struct cede_name){CEDE_NAME_TEXT, cede_span_string(w.device_id)},
            &identity.public_key, &identity.key, &g_y, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(memory),
            &request));
        ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, -1, request, &reply);
        assert_int_equal(reply.code, CEDE_COAP_FORBIDDEN);
    }
    assert_int_equal(issued(), 0);
}

/* Points that are on no curve, or on another one, never meet the private key. */
static void points_off_the_curve_are_refused(void **state)
{
    struct client client;
    struct cede_pop_verifier g_y;
    uint8_t memory[512];
    struct cede_span request;

    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t at = 0;
        new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
        g_y = for_g_y(&client);
        request = mac_request(&client, &g_y, false, CEDE_BUF_ARRAY(memory));
        while (memcmp(memory + at, client.key.point, 32) != 0) {
            at++;
        }
        memset(memory + at, i == 0 ? 0xff : 0, 32); /* beyond the field; x = 0 has no such y */
        if (i == 1) {
            memory[at + 31] = 1; /* x = 1: y^2 = 1 - 3 + b is no square on P-256 */
        }
        assert_int_equal(combined_code(&client, CEDE_EST_FORMAT_C509_PKCS10, request),
                         CEDE_COAP_BAD_REQUEST);
    }
    assert_int_equal(issued(), 0);
}

/* Without message_3 at hand the proof is for the CA's agreement certificate, from /crts. */
static void a_MAC_for_the_certificate_is_good_in_a_standing_session(void **state)
{
    struct client client;
    struct cede_certificate certificate;
    struct cede_pop_verifier verifier;
    uint8_t memory[512];
    struct reply reply;
    struct cede_span request;

    (void)state;
    open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    verifier = for_g_y(&client); /* the CA has forgotten Y */
    request = mac_request(&client, &verifier, false, CEDE_BUF_ARRAY(memory));
    ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, -1, request, &reply);
    assert_int_equal(reply.code, CEDE_COAP_BAD_REQUEST);

    verifier = for_certificate(&certificate);
    request = mac_request(&client, &verifier, false, CEDE_BUF_ARRAY(memory));
    ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, -1, request, &reply);
    assert_int_equal(reply.code, CEDE_COAP_CHANGED);
    assert_int_equal(issued(), 1);
}

static void a_policy_without_agreement_keys_refuses_them(void **state)
{
    struct client client;
    struct cede_pop_verifier g_y;
    uint8_t memory[512];
    struct cede_span request;

    (void)state;
    set_policy("key_usage", json_pack("[s]", "digitalSignature"));
    reopen();
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    g_y = for_g_y(&client);
    request = mac_request(&client, &g_y, false, CEDE_BUF_ARRAY(memory));
    assert_int_equal(combined_code(&client, CEDE_EST_FORMAT_C509_PKCS10, request),
                     CEDE_COAP_FORBIDDEN);
    assert_int_equal(issued(), 0);
}

/* Section 4.8 of the draft: a key for agreement may sign its request, this once. */
static void an_agreement_key_may_sign_its_request(void **state)
{
    struct client client;
    uint8_t memory[512];
    struct cede_est_identity identity;
    struct cede_certificate certificate;
    struct cede_cose_certs certs;
    struct cede_span request, encoding;
    struct reply reply;

    (void)state;
    set_policy("key_usage", json_pack("[s]", "keyAgreement"));
    reopen();
    new_client(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    identity = identity_of(&client);
    OK(cede_est_compose_request(crypto(), &identity, CEDE_BUF_ARRAY(memory), &request));
    assert_true(combined(&client, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, CEDE_EST_FORMAT_C509_CERT,
                         request, &reply));
    assert_int_equal(reply.code, CEDE_COAP_CHANGED);
    certs = cede_cose_certs(reply.body);
    assert_true(cede_cose_certs_next(&certs, &encoding));
    OK(cede_certificate_decode(encoding, crypto(), &certificate));
    assert_int_equal(certificate.ext.key_usage, CEDE_KU_KEY_AGREEMENT);
}

/* A key does what its certificate says: an agreement key does not sign message_3, nor the other
 * way round. */
static void factory_keys_are_held_to_their_usage(void **state)
{
    static const enum cede_edhoc_method wrong[] = {
        CEDE_EDHOC_SIGNATURE_SIGNATURE, CEDE_EDHOC_SIGNATURE_STATIC_DH,
        CEDE_EDHOC_STATIC_DH_SIGNATURE, CEDE_EDHOC_STATIC_DH_STATIC_DH};
    struct client client;
    struct reply reply;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        if (i == 2) {
            register_device(CEDE_KU_DIGITAL_SIGNATURE);
        }
        new_client(&client, wrong[i]);
        assert_false(combined(&client, "est/crts", -1, -1, CEDE_SPAN_NULL, &reply));
    }
    assert_int_equal(coap_door_counters(w.door)->handshakes_bad, 4);
}

/* --- formats ---------------------------------------------------------------------------------- */

struct negotiation {
    bool x509;
    int32_t accept;
    uint8_t code;
    int32_t format;
};

static void certificates_come_in_the_format_wanted(void **state)
{
    static const struct negotiation rows[] = {
        {false, -1, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_MULTIPART},
        {false, 62, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_MULTIPART},
        {false, 65003, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_C509_CERT},
        {false, 65015, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_C509_CHAIN},
        {false, 65017, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_C509_CERTHASH},
        {false, 60, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_URI},
        {false, 65016, CEDE_COAP_NOT_ACCEPTABLE, -1},
        {false, 287, CEDE_COAP_NOT_ACCEPTABLE, -1},
        {false, 281, CEDE_COAP_NOT_ACCEPTABLE, -1},
        {false, 0, CEDE_COAP_NOT_ACCEPTABLE, -1},
        {false, 40, CEDE_COAP_NOT_ACCEPTABLE, -1},
        {true, -1, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_PKCS7_CERTS},
        {true, 281, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_PKCS7_CERTS},
        {true, 287, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_PKIX_CERT},
        {true, 62, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_MULTIPART},
        {true, 65016, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_CERTHASH},
        {true, 65003, CEDE_COAP_CHANGED, CEDE_EST_FORMAT_C509_CERT},
        {true, 65017, CEDE_COAP_NOT_ACCEPTABLE, -1},
    };
    struct cede_est_identity identity;
    struct client client;
    struct reply reply;
    uint8_t memory[512];
    struct cede_span request;
    bool x509 = false;

    (void)state;
    open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].x509 != x509) { /* another device, for a device has one live certificate */
            register_device(CEDE_KU_KEY_AGREEMENT);
            open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
            x509 = true;
        }
        identity = identity_of(&client);
        OK(x509 ? cede_est_compose_pkcs10(crypto(), &identity, CEDE_BUF_ARRAY(memory), &request)
                : cede_est_compose_request(crypto(), &identity, CEDE_BUF_ARRAY(memory), &request));
        ask(&client, CEDE_COAP_POST, "est/sen",
            x509 ? CEDE_EST_FORMAT_PKCS10 : CEDE_EST_FORMAT_C509_PKCS10, rows[i].accept, request,
            &reply);
        if (reply.code != rows[i].code || reply.format != rows[i].format) {
            print_error("row %zu: code %u format %d\n", i, reply.code, (int)reply.format);
        }
        assert_int_equal(reply.code, rows[i].code);
        assert_int_equal(reply.format, rows[i].format);
    }
}

static void what_cannot_be_answered_is_not_issued(void **state)
{
    struct cede_est_identity identity;
    struct client client;
    struct reply reply;
    uint8_t memory[512];
    struct cede_span request;

    (void)state;
    open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    identity = identity_of(&client);
    OK(cede_est_compose_request(crypto(), &identity, CEDE_BUF_ARRAY(memory), &request));
    ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, 287, request, &reply);
    assert_int_equal(reply.code, CEDE_COAP_NOT_ACCEPTABLE);
    /* Bodies that are not what their format says, and formats nobody takes. */
    ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_PKCS10, -1, request, &reply);
    assert_int_equal(reply.code, CEDE_COAP_BAD_REQUEST);
    ask(&client, CEDE_COAP_POST, "est/sen", 60, -1, request, &reply);
    assert_int_equal(reply.code, CEDE_COAP_UNSUPPORTED_FORMAT);
    OK(cede_est_compose_pkcs10(crypto(), &identity, CEDE_BUF_ARRAY(memory), &request));
    ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, -1, request, &reply);
    assert_int_equal(reply.code, CEDE_COAP_BAD_REQUEST);
    /* Resources that are not there, and the wrong methods. */
    ask(&client, CEDE_COAP_GET, "est/sen", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_METHOD_NOT_ALLOWED);
    ask(&client, CEDE_COAP_POST, "est/c/AAAAAAAAAAA", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_METHOD_NOT_ALLOWED);
    ask(&client, CEDE_COAP_GET, "est/c/AAAAAAAAAAA", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    ask(&client, CEDE_COAP_GET, "est/c/AAAA", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    ask(&client, CEDE_COAP_GET, "est/c/!", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    ask(&client, CEDE_COAP_GET, "est/d/AAAAAAAAAAA", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    ask(&client, CEDE_COAP_GET, "est", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    ask(&client, CEDE_COAP_GET, ".well-known/xyz/crts", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    ask(&client, CEDE_COAP_GET, "x/est/crts", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    assert_int_equal(issued(), 0);
}

static void anchors_and_wishes_come_in_the_format_wanted(void **state)
{
    static const struct {
        const char *path;
        int32_t accept;
        int32_t format; /* -1: 4.06 */
    } rows[] = {
        {"est/crts", -1, 281},
        {"est/crts", 281, 281},
        {"est/crts", 287, 287},
        {"est/crts", 65003, 65003},
        {"est/crts", 65015, 65015},
        {"est/crts", 62, -1},
        {".well-known/est/att", -1, 285},
        {"est/att", 285, 285},
        {"est/att", 65019, 65019},
        {"est/att", 60, -1},
    };
    struct client client;
    struct reply reply;

    (void)state;
    open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask(&client, CEDE_COAP_GET, rows[i].path, -1, rows[i].accept, CEDE_SPAN_NULL, &reply);
        assert_int_equal(reply.code,
                         rows[i].format < 0 ? CEDE_COAP_NOT_ACCEPTABLE : CEDE_COAP_CONTENT);
        assert_int_equal(reply.format, rows[i].format);
    }
    /* The unordered set has the agreement certificate, the chain has not. */
    ask(&client, CEDE_COAP_GET, "est/crts", -1, 65003, CEDE_SPAN_NULL, &reply);
    {
        struct cede_span certificates[4];
        size_t certificates_count;
        OK(cede_c509_bag_decode(reply.body, certificates, 4, &certificates_count));
        assert_int_equal(certificates_count, 2);
        assert_true(cede_span_equal(certificates[1], w.ca->dh));
        ask(&client, CEDE_COAP_GET, "est/crts", -1, 65015, CEDE_SPAN_NULL, &reply);
        OK(cede_c509_bag_decode(reply.body, certificates, 4, &certificates_count));
        assert_int_equal(certificates_count, 1);
    }
}

/* --- references ------------------------------------------------------------------------------- */

static void a_reference_leads_its_device_to_the_certificate(void **state)
{
    struct cede_est_references references;
    struct cede_est_identity identity;
    struct client client;
    struct reply reply;
    uint8_t memory[512], path_memory[64];
    char path[80];
    struct cede_span request, where;

    (void)state;
    open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    identity = identity_of(&client);
    OK(cede_est_compose_request(crypto(), &identity, CEDE_BUF_ARRAY(memory), &request));
    ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, -1, request, &reply);
    OK(cede_est_read_references((uint32_t)reply.format, reply.body, &references));
    assert_null(references.uri.ptr);
    OK(cede_est_reference_path(references.hash, CEDE_BUF_ARRAY(path_memory), &where));
    snprintf(path, sizeof path, "est/%.*s", (int)where.len, where.ptr);
    {
        uint8_t hash[16];
        struct cede_span copy;
        struct cede_cose_certs certs;
        struct cede_span certificate;
        OK(cede_copy(CEDE_BUF_ARRAY(hash), references.hash, &copy));
        ask(&client, CEDE_COAP_GET, path, -1, CEDE_EST_FORMAT_C509_CERT, CEDE_SPAN_NULL, &reply);
        assert_int_equal(reply.code, CEDE_COAP_CONTENT);
        certs = cede_cose_certs(reply.body);
        assert_true(cede_cose_certs_next(&certs, &certificate));
        references.hash = copy;
        OK(cede_est_check_reference(crypto(), &references, certificate));
    }
    ask(&client, CEDE_COAP_GET, path, -1, 287, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_NOT_ACCEPTABLE);

    /* Another device is told nothing, not even that it is there. */
    {
        char other[80];
        snprintf(other, sizeof other, "%s", path);
        register_device(CEDE_KU_KEY_AGREEMENT);
        open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
        ask(&client, CEDE_COAP_GET, other, -1, -1, CEDE_SPAN_NULL, &reply);
        assert_int_equal(reply.code, CEDE_COAP_RESOURCE_NOT_FOUND);
    }
}

/* --- delays ----------------------------------------------------------------------------------- */

static void another_key_waits_anew(void **state)
{
    struct cede_est_identity identity;
    struct client client;
    struct reply reply;
    uint8_t memory[512];
    struct cede_span request;
    char text[256] = "";
    FILE *out;

    (void)state;
    set_policy("approval", json_string("manual"));
    reopen();
    open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    for (int i = 0; i < 3; i++) {
        identity = identity_of(&client);
        OK(cede_est_compose_request(crypto(), &identity, CEDE_BUF_ARRAY(memory), &request));
        ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, -1, request, &reply);
        assert_int_equal(reply.code, CEDE_COAP_UNAVAILABLE);
        assert_int_equal(reply.max_age, 300);
        if (i == 1) { /* approved is the key that waits, not the next one */
            OK(ca_approve(w.ca, w.device_id));
            make_key(&client.key);
        }
    }
    out = fmemopen(text, sizeof text, "w");
    OK(ca_pending(w.ca, out));
    fclose(out);
    assert_memory_equal(text, "sensor-1 ", 9);
    assert_int_equal(issued(), 0);
    OK(ca_approve(w.ca, w.device_id));
    for (int i = 0; i < 2; i++) { /* the answer may be lost: the same certificate again */
        ask(&client, CEDE_COAP_POST, "est/sen", CEDE_EST_FORMAT_C509_PKCS10, -1, request, &reply);
        assert_int_equal(reply.code, CEDE_COAP_CHANGED);
    }
    assert_int_equal(issued(), 1);
}

static void approvals_that_no_policy_knows_are_refused(void **state)
{
    struct ca *ca = NULL;

    (void)state;
    set_policy("approval", json_string("sometimes"));
    assert_int_equal(ca_open(w.state, CA_OPEN_ALL, &ca), CEDE_CA_POLICY);
    set_policy("approval", json_string("automatic"));
    OK(ca_open(w.state, CA_OPEN_ALL, &ca));
    ca_close(ca);
}

/* --- discovery -------------------------------------------------------------------------------- */

static struct cede_span discover(uint8_t code, const char *query, struct cede_span echo,
                                 struct cede_buf memory, struct cede_coap_message *response)
{
    struct cede_coap_encoder encoder;
    uint8_t out[256], token = 3;
    struct cede_span request;

    w.lengths_count = 0;
    encoder = cede_coap_begin(CEDE_BUF_ARRAY(out), CEDE_COAP_CON, code, ++w.message_id,
                              cede_span(&token, 1));
    cede_coap_put_path(&encoder, CEDE_SPAN_TEXT(".well-known/core"));
    if (query != NULL) {
        cede_coap_put_option(&encoder, CEDE_COAP_URI_QUERY, cede_span_string(query));
    }
    if (echo.ptr != NULL) {
        cede_coap_put_option(&encoder, CEDE_COAP_ECHO, echo);
    }
    OK(cede_coap_finish(&encoder, &request));
    OK(cede_coap_decode(exchange(request, memory), response));
    return response->payload;
}

static void strangers_learn_where_enrolment_is(void **state)
{
    struct cede_coap_message response;
    uint8_t memory[1500], copy[32];
    struct cede_span links, echo;
    struct client client;
    struct reply reply;

    (void)state;
    links = discover(CEDE_COAP_GET, "rt=ace.est.att", CEDE_SPAN_NULL, CEDE_BUF_ARRAY(memory),
                     &response);
    assert_int_equal(response.code, CEDE_COAP_CONTENT);
    assert_int_equal(option(&response, CEDE_COAP_CONTENT_FORMAT, 0), CEDE_EST_FORMAT_LINKS);
    assert_true(cede_span_equal(
        links, CEDE_SPAN_TEXT("</est/att>;rt=\"ace.est.att\";ct=\"285 65019\";osc")));
    /* All of it is more than three times the request: first the address is proven. */
    (void)discover(CEDE_COAP_GET, NULL, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(memory), &response);
    assert_int_equal(response.code, CEDE_COAP_UNAUTHORIZED);
    assert_true(cede_coap_find_option(&response, CEDE_COAP_ECHO, &echo));
    OK(cede_copy(CEDE_BUF_ARRAY(copy), echo, &echo));
    links = discover(CEDE_COAP_GET, NULL, echo, CEDE_BUF_ARRAY(memory), &response);
    assert_int_equal(response.code, CEDE_COAP_CONTENT);
    assert_true(links.len > 200);
    (void)discover(CEDE_COAP_POST, NULL, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(memory), &response);
    assert_int_equal(response.code, CEDE_COAP_METHOD_NOT_ALLOWED);
    /* Inside a session it is the same. */
    open_session(&client, CEDE_EDHOC_STATIC_DH_STATIC_DH);
    ask(&client, CEDE_COAP_GET, ".well-known/core", -1, -1, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_CONTENT);
    assert_int_equal(reply.format, CEDE_EST_FORMAT_LINKS);
    ask(&client, CEDE_COAP_GET, ".well-known/core", -1, 50, CEDE_SPAN_NULL, &reply);
    assert_int_equal(reply.code, CEDE_COAP_NOT_ACCEPTABLE);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_smallest_enrolment_takes_at_most_420_bytes),
        TEST(a_device_that_wants_the_certificate_gets_it_at_once),
        TEST(a_signing_factory_key_enrols_an_agreement_key),
        TEST(an_agreeing_factory_key_enrols_a_signature_key),
        TEST(references_with_a_uri_lead_to_the_certificate),
        TEST(an_operator_has_to_approve),
        TEST(a_back_end_that_fails_once_only_delays),
        TEST(references_that_lead_nowhere_are_refused),
        TEST(the_wrong_certificate_at_the_right_place_is_refused),
        TEST(delays_without_a_time_are_the_devices_own),
        TEST(anchors_that_do_not_come_are_done_without),
        TEST(plans_ask_for_what_the_server_has),
        TEST(renewals_need_a_certificate_with_an_end_and_a_key),
        TEST(what_cannot_be_stops_the_device),
        TEST(a_MAC_for_G_Y_is_good_in_its_session_alone),
        TEST(a_PKCS10_request_may_carry_a_MAC),
        TEST(forged_MACs_are_refused),
        TEST(a_reflected_key_is_refused),
        TEST(points_off_the_curve_are_refused),
        TEST(a_MAC_for_the_certificate_is_good_in_a_standing_session),
        TEST(a_policy_without_agreement_keys_refuses_them),
        TEST(an_agreement_key_may_sign_its_request),
        TEST(factory_keys_are_held_to_their_usage),
        TEST(certificates_come_in_the_format_wanted),
        TEST(what_cannot_be_answered_is_not_issued),
        TEST(anchors_and_wishes_come_in_the_format_wanted),
        TEST(a_reference_leads_its_device_to_the_certificate),
        TEST(another_key_waits_anew),
        TEST(approvals_that_no_policy_knows_are_refused),
        TEST(strangers_learn_where_enrolment_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
