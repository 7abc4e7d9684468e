/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lint.c: what the policy allows passes in both formats; each departure from it is found
 * and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/crypto_openssl.h"
#include "cede/posix.h"
#include "server/ca/lint.h"

#define ok(expression_) assert_int_equal((expression_), CEDE_OK)

struct fixture {
    char root[64];
    char directory[80];
    struct ca *ca;
    struct ca_lint_rules rules;
    uint64_t now;
    uint8_t scalar[66];
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    uint8_t key_id[20];
    uint8_t serial[20];
    struct cede_certificate_info info;
};

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static struct cede_name named(const char *text)
{
    return (struct cede_name){CEDE_NAME_TEXT, cede_span_string(text)};
}

static void use_key(struct fixture *f, int32_t curve)
{
    struct cede_public_key *key = &f->info.public_key;

    ok(crypto()->generate(crypto()->context, curve, f->scalar, f->point));
    *key = (struct cede_public_key){curve, cede_span(f->point, cede_curve_public_len(curve))};
    ok(cede_certificate_key_id(crypto(), key, f->key_id));
    f->info.subject_key_id = CEDE_SPAN_ARRAY(f->key_id);
}

/* A device's certificate as this CA would issue it. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct ca_init init = {.name = "CA1", .kind = CA_OPERATIONAL};

    strcpy(f->root, "/tmp/cede-lint-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->directory, sizeof f->directory, "%s/ca", f->root);
    init.directory = f->directory;
    ok(ca_init(&init));
    ok(ca_open(f->directory, CA_OPEN_ALL, &f->ca));
    f->now = cede_wall_clock();
    f->rules = (struct ca_lint_rules){crypto(), &f->ca->policy, &f->ca->certificate,
                                      CEDE_SPAN_ARRAY(f->ca->key_id)};
    memset(f->serial, 0x41, sizeof f->serial);
    f->info.serial = cede_span(f->serial, 8);
    f->info.issuer = f->ca->certificate.subject;
    f->info.subject = named("device-1");
    f->info.not_before = f->now - CA_BACKDATE_S;
    f->info.not_after = f->now + 3600;
    f->info.path_len = CEDE_PATH_LEN_NONE;
    f->info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    f->info.authority_key_id = CEDE_SPAN_ARRAY(f->ca->key_id);
    use_key(f, CEDE_CRV_P256);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    ca_close(f->ca);
    snprintf(command, sizeof command, "rm -rf %s", f->root);
    free(f);
    return system(command);
}

/* --- what would be signed --------------------------------------------------------------------- */

struct capture {
    struct cede_crypto crypto;
    uint8_t bytes[CA_CERTIFICATE_MAX];
    size_t len;
};

/* Keeps the bytes instead of signing them. */
static enum cede_status keep(void *context, int32_t alg, const struct cede_private_key *key,
                             const struct cede_span *parts, size_t parts_count, uint8_t *signature,
                             size_t *signature_len)
{
    struct capture *capture = context;

    (void)alg;
    (void)key;
    capture->len = 0;
    for (size_t i = 0; i < parts_count; i++) {
        memcpy(capture->bytes + capture->len, parts[i].ptr, parts[i].len);
        capture->len += parts[i].len;
    }
    memset(signature, 1, 64);
    *signature_len = 64;
    return CEDE_OK;
}

static struct cede_span tbs_of(const struct fixture *f, enum cede_certificate_format format,
                               struct capture *capture)
{
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_NULL, NULL};
    uint8_t scratch[CA_SCRATCH_LEN];
    uint8_t out[CA_CERTIFICATE_MAX];
    struct cede_span encoding;

    capture->crypto = *crypto();
    capture->crypto.context = capture;
    capture->crypto.sign = keep;
    ok(cede_certificate_issue(format, &capture->crypto, &f->info, &key, CEDE_BUF_ARRAY(scratch),
                              CEDE_BUF_ARRAY(out), &encoding));
    return cede_span(capture->bytes, capture->len);
}

static const char *reason_in(const struct fixture *f, enum cede_certificate_format format)
{
    struct capture capture;
    const char *why = "";
    enum cede_status status =
        ca_lint(&f->rules, CA_LINT_POLICY, tbs_of(f, format, &capture), f->now, &why);

    assert_int_equal(status, why == NULL ? CEDE_OK : CEDE_CA_LINT);
    return why;
}

static void assert_passes(const struct fixture *f)
{
    assert_null(reason_in(f, CEDE_CERTIFICATE_X509));
    assert_null(reason_in(f, CEDE_CERTIFICATE_C509_NATIVE));
}

static void assert_found(const struct fixture *f, const char *words)
{
    const char *x509 = reason_in(f, CEDE_CERTIFICATE_X509);
    const char *c509 = reason_in(f, CEDE_CERTIFICATE_C509_NATIVE);

    assert_non_null(x509);
    assert_non_null(c509);
    assert_non_null(strstr(x509, words));
    assert_non_null(strstr(c509, words));
}

/* --- tests ------------------------------------------------------------------------------------ */

static void devices_and_servers_pass(void **state)
{
    struct fixture *f = *state;

    assert_passes(f);
    f->info.subject = named("update.example.org");
    f->info.eku = CEDE_EKU_SERVER_AUTH;
    assert_passes(f);
}

static void a_ca_below_passes(void **state)
{
    struct fixture *f = *state;

    f->info.has_basic_constraints = f->info.ca = true;
    f->info.path_len = 0;
    f->info.key_usage = CEDE_KU_KEY_CERT_SIGN | CEDE_KU_CRL_SIGN;
    f->info.subject = named("CA3");
    assert_passes(f);
    f->info.path_len = 1;
    assert_found(f, "policy");
    f->info.path_len = CEDE_PATH_LEN_NONE;
    assert_found(f, "policy");
}

static void serial_numbers_are_long_and_positive(void **state)
{
    struct fixture *f = *state;

    f->info.serial = cede_span(f->serial, 7);
    assert_found(f, "serial");
    f->info.serial = cede_span(f->serial, 20);
    assert_passes(f);
}

static void another_issuer_is_found(void **state)
{
    struct fixture *f = *state;

    f->info.issuer = named("CA2");
    assert_found(f, "issuer");
}

static void other_keys_are_found(void **state)
{
    struct fixture *f = *state;

    use_key(f, CEDE_CRV_ED25519);
    assert_found(f, "policy");
    use_key(f, CEDE_CRV_P384);
    assert_found(f, "policy");
}

static void times_are_held_to_the_policy(void **state)
{
    struct fixture *f = *state;

    f->info.not_after = f->now + 366 * 86400;
    assert_found(f, "policy");
    f->info.not_after = CEDE_TIME_NONE;
    assert_found(f, "longer than that of the CA");
    f->info.not_after = f->now - 1;
    assert_found(f, "validity");
    f->info.not_after = f->now + 3600;
    f->info.not_before = f->now + 3000;
    assert_found(f, "begin");
    f->info.not_before = f->now - 86400;
    assert_found(f, "begin");
}

static void usages_are_held_to_the_policy(void **state)
{
    struct fixture *f = *state;
    static const uint16_t usages[] = {0, CEDE_KU_KEY_CERT_SIGN,
                                      CEDE_KU_DIGITAL_SIGNATURE | CEDE_KU_KEY_CERT_SIGN,
                                      CEDE_KU_DIGITAL_SIGNATURE | CEDE_KU_CRL_SIGN};
    static const uint32_t ekus[] = {CEDE_EKU_OCSP_SIGNING, CEDE_EKU_CMC_RA, CEDE_EKU_CLIENT_AUTH};

    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++) {
        f->info.key_usage = usages[i];
        assert_found(f, "policy");
    }
    f->info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    for (size_t i = 0; i < sizeof ekus / sizeof ekus[0]; i++) {
        f->info.eku = ekus[i];
        assert_found(f, "policy");
    }
}

/* The worst of all: a CA certificate in a device's hands. */
static void a_device_never_becomes_a_ca(void **state)
{
    struct fixture *f = *state;

    f->info.has_basic_constraints = f->info.ca = true;
    assert_found(f, "policy");
    f->info.key_usage |= CEDE_KU_KEY_CERT_SIGN;
    assert_found(f, "policy");
}

static void names_are_held_to_the_policy(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"-x", "a b", "device/1", "../../etc",
                                        "device-with-a-name-longer-than-32-bytes"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        f->info.subject = named(names[i]);
        assert_found(f, "policy");
    }
}

static void key_identifiers_are_those_of_the_keys(void **state)
{
    struct fixture *f = *state;
    uint8_t other[20] = {1};

    f->info.subject_key_id = CEDE_SPAN_ARRAY(other);
    assert_string_equal(reason_in(f, CEDE_CERTIFICATE_X509),
                        "the key identifiers are not those of the keys");
    f->info.subject_key_id = CEDE_SPAN_ARRAY(f->key_id);
    f->info.authority_key_id = CEDE_SPAN_NULL;
    assert_string_equal(reason_in(f, CEDE_CERTIFICATE_X509),
                        "the key identifiers are not those of the keys");
}

/* The publisher's connection gets a responder's certificate and nothing else. */
static void a_responder_is_for_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct capture capture;
    const char *why = NULL;

    assert_int_equal(ca_lint(&f->rules, CA_LINT_RESPONDER,
                             tbs_of(f, CEDE_CERTIFICATE_X509, &capture), f->now, &why),
                     CEDE_CA_LINT);
    f->info.eku = CEDE_EKU_OCSP_SIGNING;
    f->info.ocsp_no_check = true;
    f->info.subject = named("CA1 ocsp");
    ok(ca_lint(&f->rules, CA_LINT_RESPONDER, tbs_of(f, CEDE_CERTIFICATE_X509, &capture), f->now,
               &why));
    assert_non_null(strstr(reason_in(f, CEDE_CERTIFICATE_X509), "an extension"));
    f->info.ocsp_no_check = false;
    assert_string_equal(reason_in(f, CEDE_CERTIFICATE_X509), "no profile of policy.json allows it");
    f->info.ocsp_no_check = true;
    f->info.eku |= CEDE_EKU_SERVER_AUTH;
    assert_int_equal(ca_lint(&f->rules, CA_LINT_RESPONDER,
                             tbs_of(f, CEDE_CERTIFICATE_X509, &capture), f->now, &why),
                     CEDE_CA_LINT);
    f->info.eku = CEDE_EKU_OCSP_SIGNING;
    f->info.not_after = f->now + CA_LINT_RESPONDER_S + 1;
    assert_int_equal(ca_lint(&f->rules, CA_LINT_RESPONDER,
                             tbs_of(f, CEDE_CERTIFICATE_X509, &capture), f->now, &why),
                     CEDE_CA_LINT);
}

/* A turned bit of name, serial number or key may make another good certificate; most do not. */
static void damaged_bytes_are_found(void **state)
{
    struct fixture *f = *state;
    static const enum cede_certificate_format formats[] = {CEDE_CERTIFICATE_X509,
                                                           CEDE_CERTIFICATE_C509_NATIVE};

    for (size_t i = 0; i < 2; i++) {
        struct capture capture;
        struct cede_span tbs = tbs_of(f, formats[i], &capture);
        size_t found = 0;
        const char *why = NULL;

        for (size_t bit = 0; bit < 8 * tbs.len; bit++) {
            capture.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            found += ca_lint(&f->rules, CA_LINT_POLICY, tbs, f->now, &why) == CEDE_OK ? 0 : 1;
            capture.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_true(found > tbs.len);
        for (size_t len = 0; len < tbs.len; len++) {
            assert_int_equal(
                ca_lint(&f->rules, CA_LINT_POLICY, cede_span(tbs.ptr, len), f->now, &why),
                CEDE_CA_LINT);
        }
    }
}

/* RFC 7925, section 4.4, where it is stricter than RFC 5280. */
static void departures_from_rfc_7925_are_found(void **state)
{
    struct fixture *f = *state;
    struct cede_general_name host = {CEDE_GN_DNS, CEDE_SPAN_TEXT("bank.example")};

    f->info.has_basic_constraints = true; /* CA:FALSE */
    assert_found(f, "basicConstraints");
    f->info.has_basic_constraints = false;
    f->info.key_usage_not_critical = true;
    assert_found(f, "critical");
    f->info.key_usage_not_critical = false;
    f->info.ocsp_no_check = true; /* known, but for the responder: others have a status */
    assert_found(f, "extension");
    f->info.ocsp_no_check = false;
    f->info.eku = CEDE_EKU_SERVER_AUTH;
    f->info.subject = named("*.example.org");
    assert_found(f, "wildcard");
    f->info.subject = named("a.example.org");
    assert_passes(f);
    f->info.alt_names = &host;
    f->info.alt_names_count = 1;
    assert_found(f, "subjectAltName");
    f->info.alt_names_count = 0;
    f->info.permitted_subtree = named("x");
    assert_found(f, "extension");
    memset(&f->info.permitted_subtree, 0, sizeof f->info.permitted_subtree);
    f->info.crl_uri = CEDE_SPAN_TEXT("http://a/ca.crl");
    f->info.ocsp_uri = CEDE_SPAN_TEXT("http://a/ocsp");
    assert_passes(f);
}

/* --- what a CA makes for itself --------------------------------------------------------------- */

struct made {
    uint8_t text[8192], bytes[CA_CERTIFICATE_MAX];
    struct cede_certificate view;
};

static void read_made(const struct fixture *f, const char *name, struct made *made)
{
    char path[160];
    struct cede_span content, raw;

    snprintf(path, sizeof path, "%s/%s", f->directory, name);
    ok(cede_file_read(path, CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(made->text), &content));
    ok(ca_pem_or_raw(content, 0, CEDE_BUF_ARRAY(made->bytes), &raw));
    ok(cede_certificate_decode(raw, crypto(), &made->view));
}

/* Each is one of its own kind and of no other, nor would a profile allow it. */
static void what_init_makes_is_of_its_kind(void **state)
{
    static const struct {
        const char *name;
        enum ca_lint_kind kind;
    } files[] = {{"est.der", CA_LINT_ENROLMENT},
                 {"est.c509", CA_LINT_ENROLMENT},
                 {"dh.c509", CA_LINT_ENROLMENT},
                 {"tls.pem", CA_LINT_TLS},
                 {"ca.der", CA_LINT_ROOT}};
    struct fixture *f = *state;
    struct made made;
    const char *why;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        read_made(f, files[i].name, &made);
        for (int kind = CA_LINT_POLICY; kind <= CA_LINT_ROOT; kind++) {
            enum cede_status status =
                ca_lint(&f->rules, (enum ca_lint_kind)kind, made.view.tbs, f->now, &why);
            if ((status == CEDE_OK) != ((enum ca_lint_kind)kind == files[i].kind)) {
                fail_msg("%s as kind %d: %s", files[i].name, kind, why == NULL ? "passes" : why);
            }
        }
    }
}

/* None of these is made for a device's key, whatever else it says. */
static void own_kinds_are_narrow(void **state)
{
    struct fixture *f = *state;
    struct capture capture;
    const char *why;

    f->info.eku = CEDE_EKU_CMC_RA | CEDE_EKU_SERVER_AUTH;
    ok(ca_lint(&f->rules, CA_LINT_ENROLMENT, tbs_of(f, CEDE_CERTIFICATE_X509, &capture), f->now,
               &why));
    f->info.key_usage = CEDE_KU_DIGITAL_SIGNATURE | CEDE_KU_KEY_AGREEMENT;
    assert_int_equal(ca_lint(&f->rules, CA_LINT_ENROLMENT,
                             tbs_of(f, CEDE_CERTIFICATE_X509, &capture), f->now, &why),
                     CEDE_CA_LINT);
    f->info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    f->info.eku = CEDE_EKU_SERVER_AUTH | CEDE_EKU_CLIENT_AUTH; /* and no name of a host */
    assert_int_equal(
        ca_lint(&f->rules, CA_LINT_TLS, tbs_of(f, CEDE_CERTIFICATE_X509, &capture), f->now, &why),
        CEDE_CA_LINT);
    f->info.not_after = CEDE_TIME_NONE;
    assert_int_equal(ca_lint(&f->rules, CA_LINT_ENROLMENT,
                             tbs_of(f, CEDE_CERTIFICATE_X509, &capture), f->now, &why),
                     CEDE_CA_LINT);
    assert_non_null(strstr(why, "longer than that of the CA"));
}

/* `cede ca issue` signs itself: by the rules of the signer's process. */
static void the_key_in_this_process_signs_nothing_else(void **state)
{
    static const enum cede_certificate_format formats[] = {CEDE_CERTIFICATE_X509,
                                                           CEDE_CERTIFICATE_C509_NATIVE};
    struct fixture *f = *state;
    const struct cede_crypto *signer = f->ca->signer;
    struct capture capture;
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    size_t len = 0;

    for (size_t i = 0; i < 2; i++) {
        struct cede_span tbs;

        f->info.eku = 0;
        tbs = tbs_of(f, formats[i], &capture);
        ok(signer->sign(signer->context, CEDE_ALG_ESP256, &f->ca->key, &tbs, 1, signature, &len));
        assert_int_equal(len, 64);
        f->info.eku = CEDE_EKU_CLIENT_AUTH;
        tbs = tbs_of(f, formats[i], &capture);
        assert_int_equal(
            signer->sign(signer->context, CEDE_ALG_ESP256, &f->ca->key, &tbs, 1, signature, &len),
            CEDE_CA_LINT);
        assert_int_equal(len, 0);
        assert_non_null(strstr(ca_last_error(), "no profile"));
        tbs = cede_span(tbs.ptr, tbs.len - 1);
        assert_int_equal(
            signer->sign(signer->context, CEDE_ALG_ESP256, &f->ca->key, &tbs, 1, signature, &len),
            CEDE_CA_LINT);
    }
}

/* The writer's mistake would be this: another usage than the profile's. */
static void issuing_passes_the_look(void **state)
{
    struct fixture *f = *state;
    struct ca_checked_request checked;
    struct ca_certificate_record record;
    struct cede_private_key key = {CEDE_CRV_P256, cede_span(f->scalar, 32), NULL};
    uint8_t bytes[512];
    struct cede_span request;
    int64_t before = 0, after = 0;

    ok(cede_x509_request_write(crypto(), named("device-1"), &f->info.public_key, &key,
                               CEDE_SPAN_NULL, CEDE_BUF_ARRAY(bytes), &request));
    ok(ca_check_request(f->ca, CA_PROFILE_DEVICE, request, &checked));
    memset(&record, 0, sizeof record);
    record.profile = CA_PROFILE_DEVICE;
    checked.key_usage = CEDE_KU_KEY_CERT_SIGN;
    ok(store_get_int(ca_store(f->ca), "SELECT count(*) FROM certificate", STORE_NO_PARAMS,
                     &before));
    assert_int_equal(ca_issue_checked(f->ca, &checked, "test", &record), CEDE_CA_LINT);
    ok(store_get_int(ca_store(f->ca), "SELECT count(*) FROM certificate", STORE_NO_PARAMS, &after));
    assert_int_equal(before, after);
    checked.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    ok(ca_issue_checked(f->ca, &checked, "test", &record));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(devices_and_servers_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ca_below_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(serial_numbers_are_long_and_positive, setup, teardown),
        cmocka_unit_test_setup_teardown(another_issuer_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(other_keys_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(times_are_held_to_the_policy, setup, teardown),
        cmocka_unit_test_setup_teardown(usages_are_held_to_the_policy, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_never_becomes_a_ca, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_held_to_the_policy, setup, teardown),
        cmocka_unit_test_setup_teardown(key_identifiers_are_those_of_the_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(a_responder_is_for_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_bytes_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(departures_from_rfc_7925_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_init_makes_is_of_its_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(own_kinds_are_narrow, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_in_this_process_signs_nothing_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(issuing_passes_the_look, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
