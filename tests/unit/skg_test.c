/* SPDX-License-Identifier: Apache-2.0 */
/* skg_test.c - keys that a CA makes for its devices, asked for in-process as its doors would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "cede/c509.h"
#include "cede/crypto_openssl.h"
#include "cede/est.h"
#include "cede/posix.h"
#include "cede/x509.h"
#include "server/ca/ca.h"
#include "server/ca/skg.h"
#include "server/common/identity.h"

#define ok(expression_) assert_int_equal((expression_), CEDE_OK)

struct key {
    uint8_t scalar[48], point[96];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
};

struct fixture {
    char directory[64];
    struct ca *ca;
    struct identity sp1;
    struct key factory_key, own; /* of the device; `own` signs requests, to no avail */
    uint8_t factory_bytes[CA_CERTIFICATE_MAX];
    struct cede_span factory;
    uint64_t now;
    /* The last answer, taken apart. */
    uint8_t memory[8192], certificate_bytes[CA_CERTIFICATE_MAX];
    uint32_t key_format, certificate_format;
    struct cede_span key, certificate; /* the certificate alone */
};

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static void new_key(struct key *key, int32_t curve)
{
    ok(crypto()->generate(crypto()->context, curve, key->scalar, key->point));
    key->private_key = (struct cede_private_key){
        curve, cede_span(key->scalar, cede_curve_private_len(curve)), NULL};
    key->public_key =
        (struct cede_public_key){curve, cede_span(key->point, cede_curve_public_len(curve))};
}

static struct cede_name named(const char *text)
{
    return (struct cede_name){CEDE_NAME_TEXT, cede_span_string(text)};
}

static void make_factory(struct fixture *f)
{
    struct cede_certificate_info info = {.serial = CEDE_SPAN_TEXT("\x41\x02\x03"),
                                         .issuer = named("maker"),
                                         .subject = named("dev-1"),
                                         .not_before = 1700000000,
                                         .not_after = CEDE_TIME_NONE,
                                         .path_len = CEDE_PATH_LEN_NONE,
                                         .key_usage = CEDE_KU_DIGITAL_SIGNATURE};
    uint8_t scratch[CA_SCRATCH_LEN];
    struct key maker;

    new_key(&maker, CEDE_CRV_P256);
    new_key(&f->factory_key, CEDE_CRV_P256);
    info.public_key = f->factory_key.public_key;
    ok(cede_certificate_issue(CEDE_CERTIFICATE_X509, crypto(), &info, &maker.private_key,
                              CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(f->factory_bytes),
                              &f->factory));
}

static uint64_t fixture_now(void *context)
{
    return ((struct fixture *)context)->now;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct ca_init init = {.name = "CA1", .kind = CA_OPERATIONAL, .coap = "127.0.0.1:5700"};
    char path[128], uri[128];
    size_t bad = 0;

    snprintf(f->directory, sizeof f->directory, "/tmp/cede_skg_test.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(path, sizeof path, "%s/ca", f->directory);
    init.directory = path;
    ok(ca_init(&init));
    ok(ca_open(path, CA_OPEN_ALL, &f->ca));
    f->now = cede_wall_clock();
    ca_set_clock(f->ca, fixture_now, f);
    snprintf(path, sizeof path, "%s/sp1", f->directory);
    ok(identity_create(path, "SP1", NULL, 0));
    ok(identity_load(path, &f->sp1));
    ok(ca_account_set(f->ca, "SP1", f->sp1.certificate_der));
    make_factory(f);
    new_key(&f->own, CEDE_CRV_P256);
    ok(ca_register(f->ca, "SP1", &f->factory, 1, CEDE_SPAN_NULL, uri, sizeof uri, &bad));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    ca_close(f->ca);
    identity_wipe(&f->sp1);
    snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static struct ca_profile_policy *policy(struct fixture *f)
{
    return &f->ca->policy.profiles[CA_PROFILE_DEVICE];
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum cede_status asks_with(struct fixture *f, struct cede_span peer_certificate,
                                  enum ca_operation operation, struct cede_span request,
                                  uint32_t accept, struct ca_answer *answer)
{
    struct ca_peer peer;
    struct ca_enrolment enrolment = {
        .peer = &peer, .operation = operation, .request = request, .accept = accept};

    CEDE_TRY(ca_authenticate(f->ca, peer_certificate, &peer));
    return ca_enrol(f->ca, &enrolment, CEDE_BUF_ARRAY(f->memory), answer);
}

static void take_apart(struct fixture *f, const struct ca_answer *answer)
{
    struct cede_reader reader = cede_reader(answer->body);
    struct cede_span body;

    assert_int_equal(answer->content_format, CEDE_EST_FORMAT_MULTIPART);
    cede_cbor_expect_array(&reader, 4);
    f->key_format = (uint32_t)cede_cbor_get_uint(&reader);
    f->key = cede_cbor_get_bytes(&reader);
    f->certificate_format = (uint32_t)cede_cbor_get_uint(&reader);
    body = cede_cbor_get_bytes(&reader);
    ok(cede_reader_finish(&reader));
    if (f->certificate_format == CEDE_EST_FORMAT_C509_CERT) {
        reader = cede_reader(body);
        body = cede_cbor_get_bytes(&reader);
    }
    ok(cede_copy(CEDE_BUF_ARRAY(f->certificate_bytes), body, &f->certificate));
}

static struct cede_span pkcs10(const struct key *key, const char *subject, struct cede_buf out)
{
    struct cede_span request;

    ok(cede_x509_request_write(crypto(), named(subject), &key->public_key, &key->private_key,
                               CEDE_SPAN_NULL, out, &request));
    return request;
}

/* /skc with PKCS #10. */
static enum cede_status asks(struct fixture *f, struct cede_span peer_certificate)
{
    uint8_t memory[1024];
    struct ca_answer answer;

    CEDE_TRY(asks_with(f, peer_certificate, CA_SKC,
                       pkcs10(&f->own, "dev-1", CEDE_BUF_ARRAY(memory)), 0, &answer));
    take_apart(f, &answer);
    return CEDE_OK;
}

/* Is it the private key of the certificate? */
static void fits(const struct fixture *f)
{
    struct cede_certificate certificate;
    struct cede_c509_private_key c509;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_private_key key;
    struct cede_public_key made;
    const uint8_t *at = f->key.ptr;
    EVP_PKEY *pkey = NULL;

    ok(cede_certificate_decode(f->certificate, crypto(), &certificate));
    if (f->key_format == CEDE_EST_FORMAT_PKCS8) {
        pkey = d2i_AutoPrivateKey(NULL, &at, (long)f->key.len);
        assert_true(pkey != NULL && at == f->key.ptr + f->key.len);
        ok(cede_openssl_public_key(pkey, point, &made));
        EVP_PKEY_free(pkey);
    } else {
        assert_int_equal(f->key_format, CEDE_EST_FORMAT_C509_PRIVKEY);
        ok(cede_c509_private_key_decode(f->key, &c509));
        ok(cede_c509_private_key_open(&c509, &key));
        ok(crypto()->public_from_private(crypto()->context, &key, point));
        made =
            (struct cede_public_key){key.curve, cede_span(point, cede_curve_public_len(key.curve))};
    }
    assert_int_equal(cede_certificate_key(&certificate).curve, made.curve);
    assert_true(cede_span_equal(cede_certificate_key(&certificate).point, made.point));
    assert_false(cede_span_equal(f->own.public_key.point, made.point));
}

static enum ca_certificate_status status_of(struct fixture *f, struct cede_span certificate)
{
    struct ca_certificate_record record;
    uint8_t thumbprint[32];
    size_t len = 0;

    ok(cede_certificate_thumbprint(crypto(), CEDE_ALG_SHA_256, certificate, thumbprint, &len));
    ok(ca_records_by_hash(f->ca, CEDE_SPAN_ARRAY(thumbprint), &record));
    return record.status;
}

static int64_t rows(struct fixture *f, const char *table)
{
    char sql[64];
    int64_t count = -1;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    ok(store_get_int(ca_store(f->ca), sql, STORE_NO_PARAMS, &count));
    return count;
}

static void nothing_is_issued(struct fixture *f, enum ca_operation operation,
                              struct cede_span request, uint32_t accept, enum cede_status why)
{
    int64_t before = rows(f, "certificate");
    struct ca_answer answer;

    assert_int_equal(asks_with(f, f->factory, operation, request, accept, &answer), why);
    assert_int_equal(answer.body.len, 0);
    assert_int_equal(rows(f, "certificate"), before);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void key_and_certificate_fit(void **state)
{
    struct fixture *f = *state;
    uint8_t memory[1024];
    struct ca_answer answer;
    struct cede_span request;

    ok(asks(f, f->factory));
    assert_int_equal(f->certificate_format, CEDE_EST_FORMAT_PKIX_CERT);
    fits(f);
    ok(cede_c509_request_write(crypto(), named("dev-1"), &f->own.public_key, &f->own.private_key,
                               CEDE_SPAN_NULL, CEDE_BUF_ARRAY(memory), &request));
    ok(asks_with(f, f->factory, CA_SKG, request, CEDE_EST_FORMAT_MULTIPART, &answer));
    take_apart(f, &answer);
    assert_int_equal(f->certificate_format, CEDE_EST_FORMAT_C509_CERT);
    fits(f);
    nothing_is_issued(f, CA_SKC, request, 0, CEDE_CA_FORMAT);
}

/* The request's own key says which kind is wanted, and no more: its signature may be anybody's. */
static void the_kind_of_key_is_the_policys(void **state)
{
    struct fixture *f = *state;
    uint8_t memory[1024];
    struct cede_span request;
    struct ca_answer answer;
    struct key key;

    new_key(&key, CEDE_CRV_P384);
    request = pkcs10(&key, "dev-1", CEDE_BUF_ARRAY(memory));
    memory[request.len - 1] ^= 1;
    ok(asks_with(f, f->factory, CA_SKC, request, 0, &answer));
    take_apart(f, &answer);
    fits(f);
    assert_true(f->key.len < 160); /* P-256 */
    policy(f)->p384 = true;
    ok(asks_with(f, f->factory, CA_SKC, request, 0, &answer));
    take_apart(f, &answer);
    fits(f);
    assert_true(f->key.len > 180); /* P-384 */
}

static void a_lost_key_is_replaced_for_a_while(void **state)
{
    struct fixture *f = *state;
    uint8_t first[CA_CERTIFICATE_MAX];
    struct cede_span lost;

    ok(asks(f, f->factory));
    ok(cede_copy(CEDE_BUF_ARRAY(first), f->certificate, &lost));
    f->now += 299;
    ok(asks(f, f->factory));
    assert_int_equal(status_of(f, lost), CA_REVOKED);
    assert_int_equal(status_of(f, f->certificate), CA_LIVE);
    f->now += 301;
    assert_int_equal(asks(f, f->factory), CEDE_CA_OTHER_KEY);
    assert_int_equal(status_of(f, f->certificate), CA_LIVE);
    assert_int_equal(rows(f, "alarm"), 1);
}

/* Whoever has the factory key alone does not get rid of a key that the device made. */
static void a_key_of_its_own_stays(void **state)
{
    struct fixture *f = *state;
    uint8_t memory[1024];
    struct ca_answer answer;
    struct cede_span request = pkcs10(&f->own, "dev-1", CEDE_BUF_ARRAY(memory));

    ok(asks_with(f, f->factory, CA_SEN, request, CEDE_EST_FORMAT_PKIX_CERT, &answer));
    ok(cede_copy(CEDE_BUF_ARRAY(f->certificate_bytes), answer.body, &f->certificate));
    assert_int_equal(asks(f, f->factory), CEDE_CA_OTHER_KEY);
    assert_int_equal(status_of(f, f->certificate), CA_LIVE);
    assert_int_equal(rows(f, "alarm"), 1);
}

static void operational_certificates_are_renewed(void **state)
{
    struct fixture *f = *state;
    uint8_t first[CA_CERTIFICATE_MAX], second[CA_CERTIFICATE_MAX];
    struct cede_span shown, lost;

    ok(asks(f, f->factory));
    ok(cede_copy(CEDE_BUF_ARRAY(first), f->certificate, &shown));
    ok(asks(f, shown));
    fits(f);
    ok(cede_copy(CEDE_BUF_ARRAY(second), f->certificate, &lost));
    ok(asks(f, shown)); /* the answer was lost */
    assert_int_equal(status_of(f, lost), CA_REVOKED);
    assert_int_equal(status_of(f, shown), CA_LIVE);
    assert_int_equal(status_of(f, f->certificate), CA_LIVE);
    /* The factory key ends neither of them. */
    assert_int_equal(asks(f, f->factory), CEDE_CA_OTHER_KEY);
    assert_int_equal(status_of(f, shown), CA_LIVE);
    assert_int_equal(status_of(f, f->certificate), CA_LIVE);
}

static void an_operator_approves_of_the_request(void **state)
{
    struct fixture *f = *state;

    int64_t before = rows(f, "certificate");

    policy(f)->manual_approval = true;
    assert_int_equal(asks(f, f->factory), CEDE_CA_PENDING);
    assert_int_equal(asks(f, f->factory), CEDE_CA_PENDING);
    assert_int_equal(rows(f, "certificate"), before);
    ok(ca_approve(f->ca, "dev-1"));
    ok(asks(f, f->factory));
    fits(f);
}

static void what_is_not_offered_is_not_made(void **state)
{
    struct fixture *f = *state;
    uint8_t memory[1024];
    struct cede_span request = pkcs10(&f->own, "dev-1", CEDE_BUF_ARRAY(memory));

    nothing_is_issued(f, CA_SKC, request, CEDE_EST_FORMAT_PKIX_CERT, CEDE_CA_FORMAT);
    nothing_is_issued(f, CA_SKG, CEDE_SPAN_TEXT("0"), 0, CEDE_TRUNCATED);
    policy(f)->makes_keys = false;
    nothing_is_issued(f, CA_SKC, request, 0, CEDE_CA_OPERATION);
    policy(f)->makes_keys = true;
    request = pkcs10(&f->own, "dev-2", CEDE_BUF_ARRAY(memory));
    nothing_is_issued(f, CA_SKG, request, 0, CEDE_CA_SUBJECT);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(key_and_certificate_fit),
        TEST(the_kind_of_key_is_the_policys),
        TEST(a_lost_key_is_replaced_for_a_while),
        TEST(a_key_of_its_own_stays),
        TEST(operational_certificates_are_renewed),
        TEST(an_operator_approves_of_the_request),
        TEST(what_is_not_offered_is_not_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
