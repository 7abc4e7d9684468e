/* SPDX-License-Identifier: Apache-2.0 */
/* ca_test.c - a CA in a temporary directory, asked in-process as its doors would. */
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cede/cose.h"
#include "cede/crypto_openssl.h"
#include "cede/device.h"
#include "cede/est.h"
#include "cede/posix.h"
#include "cede/transfer.h"
#include "server/ca/ca.h"
#include "server/ca/ca_internal.h"
#include "server/ca/door.h"
#include "server/ca/signer.h"
#include "server/common/crl.h"
#include "server/common/hex.h"
#include "server/common/identity.h"
#include "server/common/jws.h"
#include "server/common/revocation_cache.h"

#define ok(expression_) assert_int_equal((expression_), CEDE_OK)

/* --- fixtures --------------------------------------------------------------------------------- */

struct key {
    uint8_t scalar[32];
    uint8_t point[64];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
};

struct device {
    char id[CA_DEVICE_ID_MAX + 1];
    struct key factory_key;
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_span factory; /* ~C509Certificate */
    uint8_t thumbprint[32];
};

struct fixture {
    char directory[64]; /* everything lies below */
    char path[PATH_MAX];
    struct ca *ca;
    struct identity sp1, sp2;
    char uri1[128];
    uint8_t token1[CA_TOKEN_LEN], token2[CA_TOKEN_LEN];
    struct key maker; /* a permanent CA that this CA knows nothing of */
    uint64_t now;
};

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static const char *below(struct fixture *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->directory, name);
    return f->path;
}

static void new_key(struct key *key)
{
    ok(crypto()->generate(crypto()->context, CEDE_CRV_P256, key->scalar, key->point));
    key->private_key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(key->scalar), NULL};
    key->public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(key->point)};
}

static struct cede_name named(const char *text)
{
    return (struct cede_name){CEDE_NAME_TEXT, cede_span_string(text)};
}

/* A factory certificate, native C509. */
static void new_dated_device(struct fixture *f, const char *id, uint64_t not_before,
                             uint64_t not_after, struct device *device)
{
    struct cede_certificate_info info;
    uint8_t serial[8] = {0x41};
    uint8_t scratch[CA_SCRATCH_LEN];
    size_t len = 0;

    memset(device, 0, sizeof *device);
    memset(&info, 0, sizeof info);
    snprintf(device->id, sizeof device->id, "%s", id);
    new_key(&device->factory_key);
    ok(crypto()->random(crypto()->context, cede_buf(serial + 1, 7)));
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = named("maker");
    info.subject = named(id);
    info.not_before = not_before;
    info.not_after = not_after;
    info.public_key = device->factory_key.public_key;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    ok(cede_certificate_issue(CEDE_CERTIFICATE_C509_NATIVE, crypto(), &info, &f->maker.private_key,
                              CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(device->bytes),
                              &device->factory));
    ok(cede_certificate_thumbprint(crypto(), CEDE_ALG_SHA_256, device->factory, device->thumbprint,
                                   &len));
}

static void new_device(struct fixture *f, const char *id, struct device *device)
{
    new_dated_device(f, id, 1700000000, CEDE_TIME_NONE, device);
}

static struct cede_span c509_request(const struct key *key, const char *subject,
                                     struct cede_buf out)
{
    struct cede_span request;

    ok(cede_c509_request_write(crypto(), named(subject), &key->public_key, &key->private_key,
                               CEDE_SPAN_NULL, out, &request));
    return request;
}

static struct cede_span pkcs10_request(const struct key *key, const char *subject,
                                       struct cede_buf out)
{
    struct cede_span request;

    ok(cede_x509_request_write(crypto(), named(subject), &key->public_key, &key->private_key,
                               CEDE_SPAN_NULL, out, &request));
    return request;
}

static uint64_t fixture_now(void *context)
{
    return ((struct fixture *)context)->now;
}

static enum cede_status registers(struct fixture *f, const char *account,
                                  const struct device *device, const uint8_t *transfer,
                                  uint8_t token[CA_TOKEN_LEN])
{
    char uri[128];
    size_t bad = 0;
    enum cede_status status = ca_register(
        f->ca, account, &device->factory, 1,
        transfer == NULL ? CEDE_SPAN_NULL : cede_span(transfer, 16), uri, sizeof uri, &bad);

    if (status == CEDE_OK) {
        assert_memory_equal(uri, "coap://127.0.0.1:5700/e/", 24);
        assert_int_equal(strlen(uri), 24 + CA_TOKEN_LEN);
        memcpy(token, uri + 24, CA_TOKEN_LEN);
    }
    return status;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct ca_init init = {0};
    char directory[PATH_MAX];

    snprintf(f->directory, sizeof f->directory, "/tmp/cede_ca_test.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(directory, sizeof directory, "%s/ca", f->directory);
    init.directory = directory;
    init.name = "CA1";
    init.kind = CA_OPERATIONAL;
    init.https = "127.0.0.1:5701";
    init.coap = "127.0.0.1:5700";
    ok(ca_init(&init));
    ok(ca_open(directory, CA_OPEN_ALL, &f->ca));
    f->now = cede_wall_clock();
    ca_set_clock(f->ca, fixture_now, f);
    ok(identity_create(below(f, "sp1"), "SP1", NULL, 0));
    ok(identity_load(f->path, &f->sp1));
    ok(identity_create(below(f, "sp2"), "SP2", NULL, 0));
    ok(identity_load(f->path, &f->sp2));
    ok(ca_account_set(f->ca, "SP1", f->sp1.certificate_der));
    ok(ca_account_set(f->ca, "SP2", f->sp2.certificate_der));
    new_key(&f->maker);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    ca_close(f->ca);
    identity_wipe(&f->sp1);
    identity_wipe(&f->sp2);
    snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* What devices ask for: one certificate, in the format of the request. */
static uint32_t accept_of(struct cede_span request)
{
    return request.len > 0 && request.ptr[0] == 0x30 ? CEDE_EST_FORMAT_PKIX_CERT
                                                     : CEDE_EST_FORMAT_C509_CERT;
}

/* Enrols as a door would: the peer first, then the request. */
static enum cede_status enrols(struct fixture *f, struct cede_span peer_certificate,
                               enum ca_operation operation, const uint8_t *token,
                               struct cede_span request, struct cede_buf out,
                               struct ca_answer *answer)
{
    struct ca_peer peer;
    struct ca_enrolment enrolment = {
        .peer = &peer, .operation = operation, .request = request, .accept = accept_of(request)};

    if (token != NULL) {
        enrolment.token = cede_span(token, CA_TOKEN_LEN);
    }
    CEDE_TRY(ca_authenticate(f->ca, peer_certificate, &peer));
    return ca_enrol(f->ca, &enrolment, out, answer);
}

/* /sen with a C509 request: the certificate as ~C509Certificate in `bytes`. */
static enum cede_status sen(struct fixture *f, const struct device *device, const uint8_t *token,
                            const struct key *key, uint8_t bytes[CA_CERTIFICATE_MAX],
                            struct cede_span *certificate)
{
    uint8_t request_bytes[512];
    struct ca_answer answer;
    struct cede_reader reader;
    struct cede_span request = c509_request(key, device->id, CEDE_BUF_ARRAY(request_bytes));

    *certificate = CEDE_SPAN_NULL;
    CEDE_TRY(enrols(f, device->factory, CA_SEN, token, request, cede_buf(bytes, CA_CERTIFICATE_MAX),
                    &answer));
    assert_int_equal(answer.content_format, CEDE_EST_FORMAT_C509_CERT);
    reader = cede_reader(answer.body);
    *certificate = cede_cbor_get_bytes(&reader);
    return cede_reader_finish(&reader);
}

/* Rows of a table, perhaps "TABLE WHERE ...". */
static int64_t rows(struct ca *ca, const char *of)
{
    char sql[128];
    int64_t count = -1;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", of);
    ok(store_get_int(ca_store(ca), sql, STORE_NO_PARAMS, &count));
    return count;
}

static int64_t enrolled(struct fixture *f)
{
    return rows(f->ca, "certificate WHERE factory IS NOT NULL");
}

static void serial_of(struct cede_span certificate, struct cede_certificate *view)
{
    ok(cede_certificate_decode(certificate, crypto(), view));
}

/* --- the state directory ---------------------------------------------------------------------- */

static void init_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    char directory[PATH_MAX];
    struct ca_init init = {0};
    struct ca *again = NULL;
    struct cede_certificate before = f->ca->certificate;

    snprintf(directory, sizeof directory, "%s", below(f, "ca"));
    init.directory = directory;
    init.name = "Other";
    assert_int_equal(ca_init(&init), CEDE_CA_EXISTS);
    ok(ca_open(directory, CA_OPEN_ALL, &again));
    assert_string_equal(ca_name(again), "CA1");
    assert_true(cede_span_equal(ca_certificate_der(again), before.raw));
    ca_close(again);
}

static void open_key_files_are_refused(void **state)
{
    static const char *const keys[] = {"ca/ca.key", "ca/est.key"};
    struct fixture *f = *state;
    struct ca *ca = NULL;
    char directory[PATH_MAX];

    snprintf(directory, sizeof directory, "%s", below(f, "ca"));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(chmod(below(f, keys[i]), 0640), 0);
        assert_int_equal(ca_open(directory, CA_OPEN_ALL, &ca), CEDE_FILE_PERMISSIONS);
        assert_null(ca);
        assert_int_equal(chmod(f->path, 0600), 0);
        ok(ca_open(directory, CA_OPEN_ALL, &ca));
        ca_close(ca);
    }
}

static void a_wrong_policy_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    struct ca *ca = NULL;
    char directory[PATH_MAX];
    static const char bad[] = "{\"subject_pattern\": \"(\", \"batch_max\": 1, \"profiles\": {}}";

    snprintf(directory, sizeof directory, "%s", below(f, "ca"));
    ok(cede_file_write(below(f, "ca/policy.json"), 0644, cede_span_string(bad)));
    assert_int_equal(ca_open(directory, CA_OPEN_ALL, &ca), CEDE_CA_POLICY);
    assert_non_null(strstr(ca_last_error(), "subject_pattern"));
}

/* Changes nobody sees are worse than a CA that does not start: what is not known is named, with
 * where it stands. */
static void a_policy_with_unknown_members_is_refused(void **state)
{
    static const struct {
        const char *in[2]; /* the way to the object */
        const char *member, *said;
    } cases[] = {
        {{NULL}, "bogus", "policy.json: no member 'bogus'"},
        {{NULL},
         "batch_maximum",
         "policy.json: no member 'batch_maximum'; did you mean 'batch_max'?"},
        {{"profiles"}, "king", "policy.json: profiles: no member 'king'"},
        {{"profiles", "device"},
         "server_key",
         "policy.json: profiles.device: no member 'server_key'; did you mean 'server_keys'?"},
        {{"profiles", "device"},
         "reenroll_grace_s",
         "policy.json: profiles.device: no member 'reenroll_grace_s'; did you mean "
         "'reenrol_grace_s'?"},
        {{"profiles", "subca"}, "Allowed", "policy.json: profiles.subca: no member 'Allowed'"},
        {{"revocation"}, "uris_in_cert", "policy.json: revocation: no member 'uris_in_cert'"},
        {{"factory_status"}, "freshness", "policy.json: factory_status: no member 'freshness'"},
    };
    struct fixture *f = *state;
    struct ca *ca = NULL;
    char directory[PATH_MAX];
    json_t *good = json_load_file(below(f, "ca/policy.json"), 0, NULL);

    assert_non_null(good);
    json_object_set_new(good, "factory_status", json_object());
    snprintf(directory, sizeof directory, "%s", below(f, "ca"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *policy = json_deep_copy(good), *object = policy;
        for (size_t j = 0; j < 2 && cases[i].in[j] != NULL; j++) {
            object = json_object_get(object, cases[i].in[j]);
        }
        assert_int_equal(json_object_set_new(object, cases[i].member, json_false()), 0);
        assert_int_equal(json_dump_file(policy, below(f, "ca/policy.json"), 0), 0);
        assert_int_equal(ca_open(directory, CA_OPEN_ALL, &ca), CEDE_CA_POLICY);
        if (strncmp(ca_last_error(), cases[i].said, strlen(cases[i].said)) != 0) {
            fail_msg("%s", ca_last_error());
        }
        json_decref(policy);
    }
    assert_int_equal(json_dump_file(good, below(f, "ca/policy.json"), 0), 0);
    ok(ca_open(directory, CA_OPEN_ALL, &ca));
    ca_close(ca);
    json_decref(good);
    /* the same in ca.json */
    good = json_load_file(below(f, "ca/ca.json"), 0, NULL);
    assert_non_null(good);
    json_object_set_new(good, "htttp", json_string("127.0.0.1:80"));
    assert_int_equal(json_dump_file(good, below(f, "ca/ca.json"), 0), 0);
    json_decref(good);
    assert_int_equal(ca_open(directory, CA_OPEN_ALL, &ca), CEDE_CA_POLICY);
    assert_string_equal(ca_last_error(), "ca.json: no member 'htttp'; did you mean 'http'?");
}

static void write_text(const char *path, struct cede_span content)
{
    ok(cede_file_write(path, 0644, content));
}

/* With the old key while it is good, with another when it is not. */
static void the_tls_certificate_can_be_made_anew(void **state)
{
    struct fixture *f = *state;
    struct tls_identity before, after;
    char directory[PATH_MAX];

    snprintf(directory, sizeof directory, "%s", below(f, "ca"));
    ok(tls_identity_load(directory, &before));
    for (int new_key = 0; new_key < 2; new_key++) {
        ok(ca_renew_tls(f->ca, new_key != 0));
        ok(tls_identity_load(directory, &after));
        assert_int_not_equal(X509_cmp(before.certificate, after.certificate), 0);
        assert_int_equal(X509_cmp(before.issuer, after.issuer), 0);
        assert_int_equal(EVP_PKEY_eq(before.key, after.key), new_key == 0);
        tls_identity_wipe(&after);
    }
    tls_identity_wipe(&before);
}

static void a_ca_below_another_is_finished_with_its_chain(void **state)
{
    struct fixture *f = *state;
    char directory[PATH_MAX], csr[PATH_MAX], cert[PATH_MAX], chain[PATH_MAX];
    struct ca_init init = {0};
    uint8_t text[8192], out[4096];
    struct cede_span content, certificate;
    struct ca *sub = NULL;

    snprintf(directory, sizeof directory, "%s", below(f, "sub"));
    snprintf(csr, sizeof csr, "%s", below(f, "sub.csr"));
    snprintf(cert, sizeof cert, "%s", below(f, "sub.pem"));
    snprintf(chain, sizeof chain, "%s", below(f, "ca/ca.pem"));
    init.directory = directory;
    init.name = "CA2";
    init.kind = CA_OPERATIONAL;
    init.request = csr;
    ok(ca_init(&init));
    assert_int_equal(ca_open(directory, CA_OPEN_ALL, &sub), CEDE_CA_STATE);

    ok(cede_file_read(csr, CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(text), &content));
    ok(ca_issue_file(f->ca, CA_PROFILE_SUBCA, content, CEDE_BUF_ARRAY(out), &certificate));
    write_text(cert, certificate);
    /* The parent's own certificate is none for this key. */
    assert_int_equal(ca_finish(directory, chain, chain), CEDE_CA_CERTIFICATE);
    ok(ca_finish(directory, cert, chain));
    assert_int_equal(ca_finish(directory, cert, chain), CEDE_CA_STATE);
    ok(ca_open(directory, CA_OPEN_ALL, &sub));
    assert_int_equal(sub->chain_count, 1);
    assert_true(cede_span_equal(sub->chain_der[0], ca_certificate_der(f->ca)));
    ca_close(sub);
}

/* What a device gets to enrol here validates the enrolment server. */
static void anchors_lead_to_the_enrolment_server(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[8192], scratch[CA_SCRATCH_LEN];
    struct cede_span encoding;
    struct cede_trust_list list;
    struct cede_trust_entry entry;
    struct cede_certificate anchor, est;
    struct cede_path_rules rules = {true, f->now, CEDE_KU_DIGITAL_SIGNATURE, CEDE_EKU_CMC_RA};

    ok(ca_anchors(f->ca, CEDE_BUF_ARRAY(bytes), &encoding));
    list = cede_trust_list(encoding);
    assert_true(cede_trust_list_next(&list, &entry));
    assert_int_equal(entry.purposes, CEDE_PURPOSE_ENROL | CEDE_PURPOSE_SURVIVES);
    ok(cede_certificate_decode(entry.certificate, crypto(), &anchor));
    assert_true(cede_trust_list_next(&list, &entry));
    assert_int_equal(entry.purposes, CEDE_PURPOSE_KNOWN | CEDE_PURPOSE_SURVIVES);
    ok(cede_certificate_decode(entry.certificate, crypto(), &est));
    assert_false(cede_trust_list_next(&list, &entry));
    ok(cede_trust_list_finish(&list));
    ok(cede_certificate_path(&est, 1, &anchor, 1, &rules, crypto(), CEDE_BUF_ARRAY(scratch), NULL));
    rules.eku = CEDE_EKU_SERVER_AUTH; /* it is no update server */
    assert_int_not_equal(
        cede_certificate_path(&est, 1, &anchor, 1, &rules, crypto(), CEDE_BUF_ARRAY(scratch), NULL),
        CEDE_OK);
}

/* --- enrolment -------------------------------------------------------------------------------- */

static void a_registered_device_gets_its_certificate(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], scratch[CA_SCRATCH_LEN];
    struct cede_span certificate;
    struct cede_certificate view;
    struct cede_path_rules rules = {true, f->now, CEDE_KU_DIGITAL_SIGNATURE, 0};

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    serial_of(certificate, &view);
    assert_int_equal(view.format, CEDE_CERTIFICATE_C509_NATIVE);
    assert_true(cede_span_equal(cede_certificate_common_name(&view), cede_span_string("dev-1")));
    assert_memory_equal(view.point, key.point, 64);
    assert_true(view.not_after > f->now && view.not_before <= f->now);
    ok(cede_certificate_path(&view, 1, &f->ca->certificate, 1, &rules, crypto(),
                             CEDE_BUF_ARRAY(scratch), NULL));
    assert_in_range(certificate.len, 100, 160); /* what fits a constrained network */
    assert_int_equal(enrolled(f), 1);
    assert_int_equal(rows(f->ca, "alarm"), 0);
}

static void pkcs10_gets_x509(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], request[512], bytes[CA_CERTIFICATE_MAX];
    struct ca_answer answer;
    struct cede_certificate view;

    new_device(f, "dev-x", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(enrols(f, device.factory, CA_SEN, token,
              pkcs10_request(&key, "dev-x", CEDE_BUF_ARRAY(request)), CEDE_BUF_ARRAY(bytes),
              &answer));
    assert_int_equal(answer.content_format, CEDE_EST_FORMAT_PKIX_CERT);
    serial_of(answer.body, &view);
    assert_int_equal(view.format, CEDE_CERTIFICATE_X509);
    assert_false(cede_span_is_null(view.ext.authority_key_id));
}

static void no_proof_of_possession_is_refused(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key, thief;
    uint8_t token[CA_TOKEN_LEN], request[512], bytes[CA_CERTIFICATE_MAX];
    struct ca_answer answer;
    struct cede_span encoding;

    new_device(f, "dev-1", &device);
    new_key(&key);
    new_key(&thief);
    ok(registers(f, "SP1", &device, NULL, token));
    /* Somebody else's public key, signed with one's own. */
    ok(cede_c509_request_write(crypto(), named("dev-1"), &key.public_key, &thief.private_key,
                               CEDE_SPAN_NULL, CEDE_BUF_ARRAY(request), &encoding));
    assert_int_equal(
        enrols(f, device.factory, CA_SEN, token, encoding, CEDE_BUF_ARRAY(bytes), &answer),
        CEDE_CRYPTO_SIGNATURE);
    assert_true(cede_span_is_null(answer.body));
    assert_int_equal(enrolled(f), 0);
}

static void an_unregistered_factory_certificate_is_refused(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    uint8_t found[CA_CERTIFICATE_MAX];
    struct cede_span raw, certificate;
    struct ca_peer peer;

    new_device(f, "dev-1", &device);
    new_key(&key);
    assert_int_equal(
        ca_find_certificate(f->ca, cede_span(device.thumbprint, 8), CEDE_BUF_ARRAY(found), &raw),
        CEDE_NOT_FOUND);
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_CA_UNKNOWN);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(ca_find_certificate(f->ca, cede_span(device.thumbprint, 8), CEDE_BUF_ARRAY(found), &raw));
    assert_true(cede_span_equal(raw, device.factory));
    ok(sen(f, &device, token, &key, bytes, &certificate));
}

static void a_token_is_for_its_accounts_devices_only(void **state)
{
    struct fixture *f = *state;
    struct device mine, theirs;
    struct key key;
    uint8_t token1[CA_TOKEN_LEN], token2[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;

    new_device(f, "dev-1", &mine);
    new_device(f, "dev-2", &theirs);
    new_key(&key);
    ok(registers(f, "SP1", &mine, NULL, token1));
    ok(registers(f, "SP2", &theirs, NULL, token2));
    assert_memory_not_equal(token1, token2, CA_TOKEN_LEN);
    assert_int_equal(sen(f, &mine, token2, &key, bytes, &certificate), CEDE_CA_TOKEN);
    assert_int_equal(sen(f, &mine, (const uint8_t *)"????????", &key, bytes, &certificate),
                     CEDE_CA_TOKEN);
    ok(sen(f, &mine, NULL, &key, bytes, &certificate)); /* /.well-known/est: its only account */
}

static void the_same_key_again_gets_the_same_certificate(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], again[CA_CERTIFICATE_MAX];
    struct cede_span first, second;

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &first));
    f->now += 100;
    ok(sen(f, &device, token, &key, again, &second));
    assert_true(cede_span_equal(first, second));
    assert_int_equal(enrolled(f), 1);
}

/* R13: a CA that sees one factory identity enrol twice with different keys reports it. */
static void R13_another_key_is_refused_and_reported(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key, other;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span first, second;
    struct cede_certificate view;
    bool changed = false;

    new_device(f, "dev-1", &device);
    new_key(&key);
    new_key(&other);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &first));
    serial_of(first, &view);
    {
        uint8_t more[CA_CERTIFICATE_MAX];
        assert_int_equal(sen(f, &device, token, &other, more, &second), CEDE_CA_OTHER_KEY);
        assert_int_equal(rows(f->ca, "alarm"), 1);
        ok(ca_revoke_serial(f->ca, view.serial, "SP1", 4, &changed));
        assert_true(changed);
        ok(sen(f, &device, token, &other, more, &second)); /* after a revocation it may */
        assert_false(cede_span_equal(first, second));
    }
}

/* The alarm outlives the refusal inside a batch of the door. */
/* A device may call itself anything; a terminal must not obey. */
static void alarms_are_listed_and_harmless_to_read(void **state)
{
    struct fixture *f = *state;
    char text[1024] = "";
    FILE *out = fmemopen(text, sizeof text, "w");

    ok(ca_records_alarm(f->ca, "key", "dev\x1b[2J", "the key is not fresh"));
    ok(ca_alarms(f->ca, false, out));
    ok(ca_alarms(f->ca, true, out));
    fclose(out);
    assert_non_null(strstr(text, "Z key          \"dev\\u001B[2J\": the key is not fresh\n"));
    assert_non_null(strstr(text, "\"kind\":\"key\",\"device\":\"dev\\u001B[2J\""));
    assert_null(strchr(text, 0x1b));
    out = fopen("/dev/full", "w");
    assert_non_null(out);
    setbuf(out, NULL);
    assert_int_equal(ca_alarms(f->ca, false, out), CEDE_OS_FAILED);
    assert_int_equal(ca_alarms(f->ca, true, out), CEDE_OS_FAILED);
    fclose(out);
}

static void R13_the_alarm_is_kept_in_a_batch(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key, other;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;

    new_device(f, "dev-1", &device);
    new_key(&key);
    new_key(&other);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(ca_begin(f->ca));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    assert_int_equal(sen(f, &device, token, &other, bytes, &certificate), CEDE_CA_OTHER_KEY);
    ok(ca_commit(f->ca));
    assert_int_equal(rows(f->ca, "alarm"), 1);
    assert_int_equal(enrolled(f), 1);
}

static void the_factory_key_gets_no_operational_certificate(void **state)
{
    struct fixture *f = *state;
    struct device device;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;

    new_device(f, "dev-1", &device);
    ok(registers(f, "SP1", &device, NULL, token));
    assert_int_equal(sen(f, &device, token, &device.factory_key, bytes, &certificate), CEDE_CA_KEY);
    assert_int_equal(rows(f->ca, "alarm"), 1);
}

static void a_key_of_another_kind_is_refused(void **state)
{
    struct fixture *f = *state;
    struct device device;
    uint8_t scalar[48], point[96], token[CA_TOKEN_LEN], request[512], bytes[CA_CERTIFICATE_MAX];
    struct cede_private_key private_key = {CEDE_CRV_P384, CEDE_SPAN_ARRAY(scalar), NULL};
    struct cede_public_key public_key = {CEDE_CRV_P384, CEDE_SPAN_ARRAY(point)};
    struct cede_span encoding;
    struct ca_answer answer;

    new_device(f, "dev-1", &device);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(crypto()->generate(crypto()->context, CEDE_CRV_P384, scalar, point));
    ok(cede_x509_request_write(crypto(), named("dev-1"), &public_key, &private_key, CEDE_SPAN_NULL,
                               CEDE_BUF_ARRAY(request), &encoding));
    assert_int_equal(
        enrols(f, device.factory, CA_SEN, token, encoding, CEDE_BUF_ARRAY(bytes), &answer),
        CEDE_CA_KEY);
}

static void subjects_outside_the_policy_are_refused(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], request[512], name_bytes[256], bytes[CA_CERTIFICATE_MAX];
    struct cede_name_attribute attributes[2] = {{CEDE_RDN_ORGANIZATION, CEDE_SPAN_TEXT("Bank")},
                                                {CEDE_RDN_COMMON_NAME, CEDE_SPAN_TEXT("d")}};
    struct cede_name longer = {CEDE_NAME_DER, CEDE_SPAN_NULL};
    struct cede_span certificate, encoding;
    struct ca_answer answer;

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    /* another device's name */
    assert_int_equal(enrols(f, device.factory, CA_SEN, token,
                            c509_request(&key, "dev-2", CEDE_BUF_ARRAY(request)),
                            CEDE_BUF_ARRAY(bytes), &answer),
                     CEDE_CA_SUBJECT);
    /* outside the pattern */
    assert_int_equal(ca_issue(f->ca, CA_PROFILE_DEVICE,
                              c509_request(&key, "a b", CEDE_BUF_ARRAY(request)), NULL, "operator",
                              CEDE_BUF_ARRAY(bytes), &certificate),
                     CEDE_CA_SUBJECT);
    /* more than a common name */
    ok(cede_x509_name_encode(attributes, 2, CEDE_BUF_ARRAY(name_bytes), &longer.value));
    ok(cede_x509_request_write(crypto(), longer, &key.public_key, &key.private_key, CEDE_SPAN_NULL,
                               CEDE_BUF_ARRAY(request), &encoding));
    assert_int_equal(ca_issue(f->ca, CA_PROFILE_DEVICE, encoding, NULL, "operator",
                              CEDE_BUF_ARRAY(bytes), &certificate),
                     CEDE_CA_SUBJECT);
    ok(ca_issue(f->ca, CA_PROFILE_DEVICE, c509_request(&key, "dev-2", CEDE_BUF_ARRAY(request)),
                NULL, "operator", CEDE_BUF_ARRAY(bytes), &certificate));
}

/* RFC 7925, section 4.4.2, when an operator wants it: by the pattern. */
static void device_ids_can_be_held_to_eui_64(void **state)
{
    static const char *const others[] = {"dev-1", "01-23-45-FF-FE-67-89", "01-23-45-ff-fe-67-89-ab",
                                         "01-23-45-FF-FE-67-89-AB-CD", "0123-45-FF-FE-67-89-AB"};
    struct fixture *f = *state;
    struct ca_checked_request checked;
    struct key key;
    uint8_t bytes[512];

    new_key(&key);
    regfree(&f->ca->policy.subject_pattern);
    assert_int_equal(regcomp(&f->ca->policy.subject_pattern, "^[0-9A-F]{2}(-[0-9A-F]{2}){7}$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    ok(ca_check_request(f->ca, CA_PROFILE_DEVICE,
                        c509_request(&key, "01-23-45-FF-FE-67-89-AB", CEDE_BUF_ARRAY(bytes)),
                        &checked));
    assert_string_equal(checked.subject, "01-23-45-FF-FE-67-89-AB");
    ok(ca_check_request(f->ca, CA_PROFILE_DEVICE,
                        pkcs10_request(&key, "01-23-45-FF-FE-67-89-AB", CEDE_BUF_ARRAY(bytes)),
                        &checked));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(ca_check_request(f->ca, CA_PROFILE_DEVICE,
                                          c509_request(&key, others[i], CEDE_BUF_ARRAY(bytes)),
                                          &checked),
                         CEDE_CA_SUBJECT);
        assert_int_equal(ca_check_request(f->ca, CA_PROFILE_DEVICE,
                                          pkcs10_request(&key, others[i], CEDE_BUF_ARRAY(bytes)),
                                          &checked),
                         CEDE_CA_SUBJECT);
    }
}

static void the_operation_must_fit_the_credential(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key, next;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], request[512], more[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_answer answer;

    new_device(f, "dev-1", &device);
    new_key(&key);
    new_key(&next);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    assert_int_equal(enrols(f, device.factory, CA_SREN, token,
                            c509_request(&next, "dev-1", CEDE_BUF_ARRAY(request)),
                            CEDE_BUF_ARRAY(more), &answer),
                     CEDE_CA_OPERATION);
    assert_int_equal(enrols(f, certificate, CA_SEN, token,
                            c509_request(&next, "dev-1", CEDE_BUF_ARRAY(request)),
                            CEDE_BUF_ARRAY(more), &answer),
                     CEDE_CA_OPERATION);
}

static void garbage_is_no_request(void **state)
{
    struct fixture *f = *state;
    struct device device;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct ca_answer answer;

    new_device(f, "dev-1", &device);
    ok(registers(f, "SP1", &device, NULL, token));
    assert_int_not_equal(enrols(f, device.factory, CA_SEN, token, CEDE_SPAN_TEXT("hello"),
                                CEDE_BUF_ARRAY(bytes), &answer),
                         CEDE_OK);
    assert_int_not_equal(
        enrols(f, device.factory, CA_SEN, token, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(bytes), &answer),
        CEDE_OK);
}

static void crts_answers_the_ca(void **state)
{
    struct fixture *f = *state;
    struct device device;
    uint8_t token[CA_TOKEN_LEN], bytes[8192];
    struct ca_answer answer;
    struct cede_span certificates[4];
    size_t count = 0;

    new_device(f, "dev-1", &device);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(enrols(f, device.factory, CA_CRTS, token, CEDE_SPAN_NULL, CEDE_BUF_ARRAY(bytes), &answer));
    ok(cede_c509_bag_decode(answer.body, certificates, 4, &count));
    assert_int_equal(count, 1);
    assert_true(cede_span_equal(certificates[0], ca_certificate_c509(f->ca)));
}

/* --- re-enrolment and revocation -------------------------------------------------------------- */

static enum cede_status sren(struct fixture *f, struct cede_span current, const char *id,
                             const uint8_t *token, const struct key *key,
                             uint8_t bytes[CA_CERTIFICATE_MAX], struct cede_span *certificate)
{
    uint8_t request[512];
    struct ca_answer answer;
    struct cede_reader reader;

    CEDE_TRY(enrols(f, current, CA_SREN, token, c509_request(key, id, CEDE_BUF_ARRAY(request)),
                    cede_buf(bytes, CA_CERTIFICATE_MAX), &answer));
    reader = cede_reader(answer.body);
    *certificate = cede_cbor_get_bytes(&reader);
    return cede_reader_finish(&reader);
}

static void re_enrolment_replaces_once_the_new_one_is_used(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key, next, third;
    uint8_t token[CA_TOKEN_LEN], b1[CA_CERTIFICATE_MAX], b2[CA_CERTIFICATE_MAX],
        b3[CA_CERTIFICATE_MAX];
    struct cede_span first, second, other;
    struct ca_peer peer;

    new_device(f, "dev-1", &device);
    new_key(&key);
    new_key(&next);
    new_key(&third);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, b1, &first));
    ok(sren(f, first, "dev-1", token, &next, b2, &second));
    /* the answer was lost: the same again with the old one; a third key is an alarm */
    ok(sren(f, first, "dev-1", token, &next, b3, &other));
    assert_true(cede_span_equal(second, other));
    assert_int_equal(sren(f, first, "dev-1", token, &third, b3, &other), CEDE_CA_OTHER_KEY);
    ok(ca_authenticate(f->ca, first, &peer));
    /* the new one is used: the old one is over */
    ok(sren(f, second, "dev-1", token, &third, b3, &other));
    assert_int_equal(ca_authenticate(f->ca, first, &peer), CEDE_CA_REVOKED);
    ok(ca_authenticate(f->ca, second, &peer));
}

/* R6: an old operational certificate is refused from its revocation on, live sessions included. */
static void R6_a_revoked_certificate_opens_no_door(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key, next;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], more[CA_CERTIFICATE_MAX];
    struct cede_span certificate, other;
    struct cede_certificate view;
    struct ca_peer peer;
    bool changed = false;

    new_device(f, "dev-1", &device);
    new_key(&key);
    new_key(&next);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    ok(ca_authenticate(f->ca, certificate, &peer));
    ok(ca_still_allowed(f->ca, &peer));
    serial_of(certificate, &view);

    assert_int_equal(ca_revoke_serial(f->ca, view.serial, "SP1", 8, &changed), CEDE_BAD_ARGUMENT);
    assert_int_equal(ca_revoke_serial(f->ca, view.serial, "SP2", 4, &changed), CEDE_NOT_FOUND);
    ok(ca_revoke_serial(f->ca, view.serial, "SP1", 4, &changed));
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_CA_REVOKED);
    assert_int_equal(ca_authenticate(f->ca, certificate, &peer), CEDE_CA_REVOKED);
    assert_int_equal(sren(f, certificate, "dev-1", token, &next, more, &other), CEDE_CA_REVOKED);
    /* nor does its key come back */
    assert_int_equal(sen(f, &device, token, &key, more, &other), CEDE_CA_KEY);
    /* said twice, done once */
    ok(ca_revoke_serial(f->ca, view.serial, "SP1", 4, &changed));
    assert_false(changed);
    assert_int_equal(rows(f->ca, "certificate WHERE status = 1"), 1);
}

static void an_expired_certificate_opens_no_door(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_peer peer;

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    f->now += 366 * 86400;
    assert_int_equal(ca_authenticate(f->ca, certificate, &peer), CEDE_CERTIFICATE_EXPIRED);
    ok(ca_authenticate(f->ca, device.factory, &peer)); /* which has no end */
}

/* Within the policy's grace a certificate that is over re-enrols, and does nothing else; not one
 * that is revoked, nor one that a newer one has followed. */
static void an_expired_certificate_re_enrols_within_the_grace(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key first, second, third;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], renewed_bytes[CA_CERTIFICATE_MAX];
    uint8_t other_bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate, renewed, other;
    struct ca_peer peer;

    new_device(f, "dev-1", &device);
    new_key(&first);
    new_key(&second);
    new_key(&third);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &first, bytes, &certificate));
    f->now += 366 * 86400;
    assert_int_equal(ca_authenticate(f->ca, certificate, &peer), CEDE_CERTIFICATE_EXPIRED);
    f->ca->policy.profiles[CA_PROFILE_DEVICE].grace_s = 10 * 86400;
    ok(sren(f, certificate, "dev-1", token, &second, renewed_bytes, &renewed));
    assert_int_equal(sren(f, certificate, "dev-1", token, &third, other_bytes, &other),
                     CEDE_CA_OTHER_KEY);
    f->now += 10 * 86400;
    assert_int_equal(ca_authenticate(f->ca, certificate, &peer), CEDE_CERTIFICATE_EXPIRED);
    ok(ca_revoke_device(f->ca, "dev-1", 1, NULL));
    f->now += 360 * 86400; /* the second one is over, too, and it is revoked */
    assert_int_equal(sren(f, renewed, "dev-1", token, &third, other_bytes, &other),
                     CEDE_CA_REVOKED);
}

/* A clock that was set back: no grace is for that. */
static void a_certificate_that_is_not_valid_yet_opens_no_door(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key, next;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], more[CA_CERTIFICATE_MAX];
    struct cede_span certificate, other;
    struct ca_peer peer;

    new_device(f, "dev-1", &device);
    new_key(&key);
    new_key(&next);
    f->ca->policy.profiles[CA_PROFILE_DEVICE].grace_s = 10 * 86400;
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    ok(ca_authenticate(f->ca, certificate, &peer));
    f->now -= CA_BACKDATE_S + 1;
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_CERTIFICATE_NOT_YET);
    assert_int_equal(sren(f, certificate, "dev-1", token, &next, more, &other),
                     CEDE_CERTIFICATE_NOT_YET);
    assert_int_equal(enrolled(f), 1);
    f->now += 1;
    ok(sren(f, certificate, "dev-1", token, &next, more, &other));
}

/* Registered while it was good, it ends with its last day: for who comes, and for who is in. */
static void a_factory_certificate_that_is_over_opens_no_door(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_peer peer;

    new_dated_device(f, "dev-1", f->now - 1000, f->now + 1000, &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    f->now += 1000;
    ok(ca_authenticate(f->ca, device.factory, &peer));
    ok(ca_still_allowed(f->ca, &peer));
    f->now += 1;
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_CERTIFICATE_EXPIRED);
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_CERTIFICATE_EXPIRED);
    assert_int_equal(sen(f, &device, token, &key, bytes, &certificate), CEDE_CERTIFICATE_EXPIRED);
    assert_int_equal(enrolled(f), 0);
    f->ca->policy.profiles[CA_PROFILE_FACTORY].grace_s = 60;
    ok(ca_authenticate(f->ca, device.factory, &peer));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    f->now += 60;
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_CERTIFICATE_EXPIRED);
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_CERTIFICATE_EXPIRED);
}

static void a_factory_certificate_that_is_not_valid_yet_opens_no_door(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_peer peer;

    new_dated_device(f, "dev-1", f->now + 30 * 86400, CEDE_TIME_NONE, &device);
    new_key(&key);
    f->ca->policy.profiles[CA_PROFILE_FACTORY].grace_s = 365 * 86400;
    ok(registers(f, "SP1", &device, NULL, token)); /* ahead */
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_CERTIFICATE_NOT_YET);
    assert_int_equal(sen(f, &device, token, &key, bytes, &certificate), CEDE_CERTIFICATE_NOT_YET);
    f->now += 30 * 86400;
    ok(ca_authenticate(f->ca, device.factory, &peer));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    f->now -= 1; /* the clock is set back while a session lasts */
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_CERTIFICATE_NOT_YET);
}

/* Of before validity was kept: the certificate itself is asked. */
static void a_factory_certificate_registered_long_ago_ends_too(void **state)
{
    struct fixture *f = *state;
    struct device device;
    uint8_t token[CA_TOKEN_LEN];
    struct ca_peer peer;

    new_dated_device(f, "dev-1", f->now - 1000, f->now + 1000, &device);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(store_run(ca_store(f->ca), "UPDATE factory SET not_before = NULL, not_after = NULL",
                 STORE_NO_PARAMS, NULL));
    ok(ca_authenticate(f->ca, device.factory, &peer));
    f->now += 1001;
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_CERTIFICATE_EXPIRED);
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_CERTIFICATE_EXPIRED);
    f->now -= 2002;
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_CERTIFICATE_NOT_YET);
}

static void revoking_a_device_ends_all_its_certificates(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_peer peer;
    size_t count = 0;

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    assert_int_equal(ca_revoke_device(f->ca, "dev-9", 0, &count), CEDE_NOT_FOUND);
    ok(ca_revoke_device(f->ca, "dev-1", 1, &count));
    assert_int_equal(count, 1);
    assert_int_equal(ca_authenticate(f->ca, certificate, &peer), CEDE_CA_REVOKED);
    assert_int_equal(ca_revoke_device(f->ca, "dev-1", 7, &count), CEDE_BAD_ARGUMENT);
    /* removeFromCRL would say the opposite in a delta list (RFC 5280, section 5.3.1) */
    assert_int_equal(ca_revoke_device(f->ca, "dev-1", 8, &count), CEDE_BAD_ARGUMENT);
}

/* Over, and good for one more re-enrolment: that ends with the device, too. */
static void revoking_a_device_ends_its_grace(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key first, second;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], renewed_bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate, renewed;
    size_t count = 0;

    new_device(f, "dev-1", &device);
    new_key(&first);
    new_key(&second);
    f->ca->policy.profiles[CA_PROFILE_DEVICE].grace_s = 10 * 86400;
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &first, bytes, &certificate));
    f->now += 366 * 86400;
    ok(ca_revoke_device(f->ca, "dev-1", 1, &count));
    assert_int_equal(count, 1);
    assert_int_equal(sren(f, certificate, "dev-1", token, &second, renewed_bytes, &renewed),
                     CEDE_CA_REVOKED);
}

/* What an operator issued to the device itself goes by its name alone. */
static void revoking_a_device_ends_what_the_operator_issued(void **state)
{
    struct fixture *f = *state;
    struct key key;
    uint8_t request[512], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_certificate_record record;
    size_t count = 0;

    new_key(&key);
    ok(ca_issue(f->ca, CA_PROFILE_DEVICE, c509_request(&key, "dev-1", CEDE_BUF_ARRAY(request)),
                NULL, "operator", CEDE_BUF_ARRAY(bytes), &certificate));
    ok(ca_revoke_device(f->ca, "dev-1", 1, &count));
    assert_int_equal(count, 1);
    assert_int_equal(ca_records_live_of_subject(f->ca, "dev-1", CA_PROFILE_DEVICE, &record),
                     CEDE_NOT_FOUND);
}

/* However many there are: short-lived certificates leave one behind every day. */
static void revoking_a_device_ends_a_long_history(void **state)
{
    enum { MANY = 150 };
    struct fixture *f = *state;
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_certificate_record record;
    size_t count = 0;

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    ok(ca_records_live_of_factory(f->ca, 1, &record));
    for (int i = 1; i < MANY; i++) {
        ok(crypto->random(crypto->context, cede_buf(record.serial + 1, record.serial_len - 1)));
        ok(crypto->random(crypto->context, CEDE_BUF_ARRAY(record.thumbprint)));
        ok(ca_records_add(f->ca, &record, "test"));
    }
    ok(ca_revoke_device(f->ca, "dev-1", 1, &count));
    assert_int_equal(count, MANY);
}

/* --- accounts, hierarchy (d) ------------------------------------------------------------------ */

/* DeviceUpdateInfo for one device, signed by `signer`. The caller frees the text. */
static char *release_text(const struct identity *signer, const struct device *device,
                          const uint8_t transfer[16])
{
    uint8_t bytes[1024], wrapped[512];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    struct cede_writer array = cede_writer(CEDE_BUF_ARRAY(wrapped));
    struct cede_update_group group = {.earliest = 1, .latest = 2, .devices_count = 1};
    struct cede_update_device entry = {CEDE_SPAN_NULL, 1};
    struct jws jws;
    char *text = NULL;

    cede_cbor_put_array(&array, 11);
    cede_write_bytes(&array, device->factory);
    entry.factory_cert = cede_written(&array);
    cede_device_update_info_begin(&writer, transfer, 1);
    cede_device_update_info_group(&writer, &group);
    cede_device_update_info_device(&writer, &entry);
    ok(writer.status);
    ok(jws_init(&jws, cede_written(&writer)));
    ok(jws_sign(crypto(), &signer->private_key, NULL, &jws));
    ok(jws_encode_json(&jws, &text));
    jws_wipe(&jws);
    return text;
}

static enum cede_status releases(struct fixture *f, const struct identity *signer,
                                 const struct device *device, const uint8_t transfer[16],
                                 size_t *count)
{
    char *text = release_text(signer, device, transfer);
    enum cede_status status = ca_release(f->ca, cede_span_string(text), count);

    free(text);
    return status;
}

/* R7: neither side moves a device alone; in hierarchy (d) the CA is asked by both. */
static void R7_a_held_device_needs_the_holders_release(void **state)
{
    static const uint8_t transfer[16] = {1, 2, 3}, wrong[16] = {9};
    struct fixture *f = *state;
    struct device device;
    uint8_t token1[CA_TOKEN_LEN], token2[CA_TOKEN_LEN];
    size_t count = 0;

    new_device(f, "dev-1", &device);
    ok(registers(f, "SP1", &device, NULL, token1));
    assert_int_equal(registers(f, "SP2", &device, NULL, token2), CEDE_CA_HELD);
    assert_int_equal(registers(f, "SP2", &device, transfer, token2), CEDE_CA_HELD);
    /* SP2 cannot release for SP1 */
    assert_int_equal(releases(f, &f->sp2, &device, transfer, &count), CEDE_JWS_UNSIGNED);
    assert_int_equal(count, 0);
    assert_int_equal(registers(f, "SP2", &device, transfer, token2), CEDE_CA_HELD);
    ok(releases(f, &f->sp1, &device, transfer, &count));
    assert_int_equal(count, 1);
    assert_int_equal(registers(f, "SP2", &device, wrong, token2), CEDE_CA_HELD);
    ok(registers(f, "SP2", &device, transfer, token2));
    ok(registers(f, "SP1", &device, NULL, token1)); /* still its own, until it lets go */
}

/* R7: what the holder let go once, and has got back, is its own again, whoever kept the release. */
static void R7_a_release_is_worth_nothing_once_the_device_is_back(void **state)
{
    static const uint8_t there[16] = {1}, back[16] = {2}, again[16] = {3};
    struct fixture *f = *state;
    struct device device;
    struct cede_span thumbprint;
    uint8_t token[CA_TOKEN_LEN];
    size_t count = 0;

    new_device(f, "dev-1", &device);
    thumbprint = CEDE_SPAN_ARRAY(device.thumbprint);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(releases(f, &f->sp1, &device, there, &count));
    ok(registers(f, "SP2", &device, there, token));
    ok(ca_deregister(f->ca, "SP1", &thumbprint, 1, &count));
    ok(releases(f, &f->sp2, &device, back, &count));
    ok(registers(f, "SP1", &device, back, token));
    ok(ca_deregister(f->ca, "SP2", &thumbprint, 1, &count));
    ok(releases(f, &f->sp1, &device, there, &count));
    assert_int_equal(registers(f, "SP2", &device, there, token), CEDE_CA_HELD);
    /* another hand-over needs another release, and its registration can be said twice */
    ok(releases(f, &f->sp1, &device, again, &count));
    ok(registers(f, "SP1", &device, back, token));
    ok(registers(f, "SP2", &device, again, token));
}

/* The same where each let go before the other came, so that no release was asked for. */
static void R7_a_release_kept_back_is_worth_nothing_later(void **state)
{
    static const uint8_t there[16] = {1};
    struct fixture *f = *state;
    struct device device;
    struct cede_span thumbprint;
    uint8_t token[CA_TOKEN_LEN];
    size_t count = 0;

    new_device(f, "dev-1", &device);
    thumbprint = CEDE_SPAN_ARRAY(device.thumbprint);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(ca_deregister(f->ca, "SP1", &thumbprint, 1, &count));
    ok(registers(f, "SP2", &device, there, token));
    ok(ca_deregister(f->ca, "SP2", &thumbprint, 1, &count));
    ok(registers(f, "SP1", &device, NULL, token));
    ok(releases(f, &f->sp1, &device, there, &count));
    assert_int_equal(registers(f, "SP2", &device, there, token), CEDE_CA_HELD);
}

static void hierarchy_d_hands_over_by_release(void **state)
{
    static const uint8_t transfer[16] = {1, 2, 3};
    struct fixture *f = *state;
    struct device device;
    struct key key, next, back;
    uint8_t token1[CA_TOKEN_LEN], token2[CA_TOKEN_LEN], b1[CA_CERTIFICATE_MAX],
        b2[CA_CERTIFICATE_MAX], b3[CA_CERTIFICATE_MAX];
    struct cede_span old, new_one, other, thumbprint;
    struct ca_peer peer;
    size_t count = 0;

    new_device(f, "dev-1", &device);
    new_key(&key);
    new_key(&next);
    new_key(&back);
    ok(registers(f, "SP1", &device, NULL, token1));
    ok(sen(f, &device, token1, &key, b1, &old));
    ok(releases(f, &f->sp1, &device, transfer, &count));
    ok(registers(f, "SP2", &device, transfer, token2));
    ok(ca_authenticate(f->ca, old, &peer)); /* nothing has happened to the device yet */

    ok(sen(f, &device, token2, &next, b2, &new_one));
    assert_int_equal(ca_authenticate(f->ca, old, &peer), CEDE_CA_REVOKED);
    ok(ca_authenticate(f->ca, new_one, &peer));
    /* SP1 cannot have it back while SP2's certificate is live: perhaps later */
    assert_int_equal(sen(f, &device, token1, &back, b3, &other), CEDE_CA_OTHER_HOLDER);
    assert_int_equal(cede_status_class(CEDE_CA_OTHER_HOLDER), CEDE_CLASS_BLOCKED);
    /* the device fell back, SP2 drops it: SP1 gets it again */
    thumbprint = CEDE_SPAN_ARRAY(device.thumbprint);
    ok(ca_deregister(f->ca, "SP2", &thumbprint, 1, &count));
    assert_int_equal(count, 1);
    assert_int_equal(ca_authenticate(f->ca, new_one, &peer), CEDE_CA_REVOKED);
    assert_int_equal(sen(f, &device, token2, &back, b3, &other), CEDE_CA_TOKEN);
    ok(sen(f, &device, token1, &back, b3, &other));
}

static void registration_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct device good, bad;
    struct cede_span certificates[2];
    char uri[128];
    size_t bad_index = 9;
    struct ca_peer peer;

    new_device(f, "dev-1", &good);
    new_device(f, "dev-2", &bad);
    certificates[0] = good.factory;
    certificates[1] = cede_span(bad.factory.ptr, bad.factory.len - 1);
    assert_int_equal(
        ca_register(f->ca, "SP1", certificates, 2, CEDE_SPAN_NULL, uri, sizeof uri, &bad_index),
        CEDE_CA_FACTORY);
    assert_int_equal(bad_index, 1);
    assert_string_equal(uri, "");
    assert_int_equal(ca_authenticate(f->ca, good.factory, &peer), CEDE_CA_UNKNOWN);
    assert_int_equal(rows(f->ca, "registration WHERE state <> 2"), 0);
    assert_int_equal(
        ca_register(f->ca, "SP1", certificates, 0, CEDE_SPAN_NULL, uri, sizeof uri, &bad_index),
        CEDE_CA_BATCH);
    assert_int_equal(
        ca_register(f->ca, "SP3", certificates, 1, CEDE_SPAN_NULL, uri, sizeof uri, &bad_index),
        CEDE_NOT_FOUND);
}

/* A certificate with the maker's name among the anchors; it has no end. */
static void trust_a_key_of_the_maker(struct fixture *f, const struct key *key)
{
    size_t at = f->ca->policy.anchors_count++;
    struct cede_certificate_info info;
    uint8_t serial[8] = {0x42}, scratch[CA_SCRATCH_LEN];
    struct cede_span raw;

    memset(&info, 0, sizeof info);
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.subject = named("maker");
    info.not_before = 1700000000;
    info.not_after = CEDE_TIME_NONE;
    info.public_key = key->public_key;
    info.has_basic_constraints = true;
    info.ca = true;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_KEY_CERT_SIGN;
    ok(cede_certificate_issue(CEDE_CERTIFICATE_X509, crypto(), &info, &key->private_key,
                              CEDE_BUF_ARRAY(scratch),
                              CEDE_BUF_ARRAY(f->ca->policy.anchor_bytes[at]), &raw));
    ok(cede_certificate_decode(raw, crypto(), &f->ca->policy.anchors[at]));
}

static void trust_the_maker(struct fixture *f)
{
    f->ca->policy.anchors_count = 0;
    trust_a_key_of_the_maker(f, &f->maker);
}

/* A second factory certificate for a device id would be a way to steal the id. */
static void a_device_id_belongs_to_one_factory_key(void **state)
{
    struct fixture *f = *state;
    struct device device, twin;
    uint8_t token[CA_TOKEN_LEN];

    new_device(f, "dev-1", &device);
    new_device(f, "dev-1", &twin);
    ok(registers(f, "SP1", &device, NULL, token));
    assert_int_equal(registers(f, "SP2", &twin, NULL, token), CEDE_CA_HELD);
}

static void factory_anchors_decide_when_the_policy_names_them(void **state)
{
    struct fixture *f = *state;
    struct device device;
    uint8_t token[CA_TOKEN_LEN];

    new_device(f, "dev-1", &device);
    /* this CA itself is the only permanent CA it takes: the maker's devices are strangers */
    f->ca->policy.anchors[0] = f->ca->certificate;
    f->ca->policy.anchors_count = 1;
    assert_int_equal(registers(f, "SP1", &device, NULL, token), CEDE_CA_FACTORY);
    f->ca->policy.anchors_count = 0;
    ok(registers(f, "SP1", &device, NULL, token));
}

static void a_factory_certificate_that_is_over_is_not_registered(void **state)
{
    struct fixture *f = *state;
    struct device device;
    uint8_t token[CA_TOKEN_LEN];

    new_dated_device(f, "dev-1", f->now - 86400, f->now - 86400 / 2, &device);
    for (int anchored = 0; anchored < 2; anchored++) {
        assert_int_equal(registers(f, "SP1", &device, NULL, token), CEDE_CERTIFICATE_EXPIRED);
        assert_non_null(strstr(ca_last_error(), "ended 43200 s ago"));
        assert_int_equal(rows(f->ca, "factory"), 0);
        trust_the_maker(f);
    }
    f->ca->policy.profiles[CA_PROFILE_FACTORY].grace_s = 86400;
    ok(registers(f, "SP1", &device, NULL, token));
    /* ahead of its time, also where its maker must be known */
    new_dated_device(f, "dev-2", f->now + 86400, CEDE_TIME_NONE, &device);
    ok(registers(f, "SP1", &device, NULL, token));
}

/* R6 for others' certificates: the maker's word counts, and for how long the policy says. */
static void R6_a_factory_certificate_its_maker_revoked_opens_no_door(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct ca_peer peer;
    struct ca_policy *policy = &f->ca->policy;
    struct cede_certificate certificate;
    uint8_t token[CA_TOKEN_LEN];
    char serial[2 * CEDE_SERIAL_LEN_MAX + 1];

    new_device(f, "dev-1", &device);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(cede_certificate_decode(device.factory, crypto(), &certificate));
    hex_encode(certificate.serial.ptr, certificate.serial.len, serial);
    policy->anchors[0].subject = named("maker");
    policy->anchors[1].subject = named("another maker");
    policy->anchors_count = 2;
    snprintf(policy->anchor_sources[0].name, sizeof policy->anchor_sources[0].name, "maker.pem");
    snprintf(policy->anchor_sources[1].name, sizeof policy->anchor_sources[1].name, "other.pem");
    policy->factory_status = (struct revocation_policy){600, 0, true};
    /* nobody watches */
    ok(revocation_cache_set_source(ca_store(f->ca), "maker.pem", "http://127.0.0.1:1/", ""));
    ok(ca_authenticate(f->ca, device.factory, &peer));
    policy->anchors_watched = true;
    /* nothing was heard of the maker yet */
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_REVOCATION_UNKNOWN);
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_REVOCATION_UNKNOWN);
    ok(revocation_cache_heard(ca_store(f->ca), "maker.pem", (int64_t)f->now));
    ok(ca_authenticate(f->ca, device.factory, &peer));
    ok(ca_still_allowed(f->ca, &peer));
    /* another maker's certificate of that number is another */
    ok(revocation_cache_add(ca_store(f->ca), "other.pem", serial, 1));
    ok(ca_authenticate(f->ca, device.factory, &peer));
    ok(revocation_cache_add(ca_store(f->ca), "maker.pem", serial, 1));
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_CA_REVOKED);
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_CA_REVOKED);
    memset(policy->anchors, 0, sizeof policy->anchors);
    policy->anchors_count = 0;
}

/* A maker whose CA has changed its key: either CA speaks of what it has issued itself. */
static void a_maker_of_two_keys_speaks_with_the_right_one(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct ca_peer peer;
    struct key next;
    struct ca_policy *policy = &f->ca->policy;
    struct cede_certificate certificate;
    uint8_t token[CA_TOKEN_LEN];
    char serial[2 * CEDE_SERIAL_LEN_MAX + 1];

    new_key(&next);
    trust_the_maker(f);
    trust_a_key_of_the_maker(f, &next);
    snprintf(policy->anchor_sources[0].name, sizeof policy->anchor_sources[0].name, "old.pem");
    snprintf(policy->anchor_sources[1].name, sizeof policy->anchor_sources[1].name, "new.pem");
    policy->factory_status = (struct revocation_policy){600, 0, true};
    policy->anchors_watched = true;
    new_device(f, "dev-1", &device);
    ok(cede_certificate_decode(device.factory, crypto(), &certificate));
    hex_encode(certificate.serial.ptr, certificate.serial.len, serial);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(revocation_cache_set_source(ca_store(f->ca), "old.pem", "http://127.0.0.1:1/", ""));
    ok(revocation_cache_set_source(ca_store(f->ca), "new.pem", "http://127.0.0.1:1/", ""));
    ok(revocation_cache_heard(ca_store(f->ca), "old.pem", (int64_t)f->now));
    ok(revocation_cache_add(ca_store(f->ca), "new.pem", serial, 1)); /* another certificate */
    ok(ca_authenticate(f->ca, device.factory, &peer));
    ok(revocation_cache_add(ca_store(f->ca), "old.pem", serial, 1));
    assert_int_equal(ca_authenticate(f->ca, device.factory, &peer), CEDE_CA_REVOKED);
    memset(policy->anchors, 0, sizeof policy->anchors);
    policy->anchors_count = 0;
}

static struct ca *open_with(struct fixture *f, const char *member, json_t *value)
{
    struct ca *ca = NULL;
    char directory[PATH_MAX];
    json_t *policy = json_load_file(below(f, "ca/policy.json"), 0, NULL);

    assert_non_null(policy);
    json_object_set_new(policy, member, value);
    assert_int_equal(json_dump_file(policy, below(f, "ca/policy.json"), 0), 0);
    json_decref(policy);
    snprintf(directory, sizeof directory, "%s", below(f, "ca"));
    if (ca_open(directory, CA_OPEN_ALL, &ca) != CEDE_OK) {
        assert_non_null(strstr(ca_last_error(), member));
    }
    return ca;
}

static void the_policy_tells_where_makers_publish(void **state)
{
    struct fixture *f = *state;
    struct ca *ca;

    ca = open_with(f, "factory_anchors", json_pack("[s]", "ca.pem"));
    assert_non_null(ca);
    assert_false(ca->policy.anchors_watched);
    assert_int_equal(ca->policy.factory_status.freshness_s, REVOCATION_FRESHNESS_S);
    ca_close(ca);
    ca = open_with(f, "factory_anchors",
                   json_pack("[{s:s, s:s, s:s}]", "certificate", "ca.pem", "crl", "http://a/crl",
                             "ocsp", "http://a/ocsp"));
    assert_non_null(ca);
    assert_true(ca->policy.anchors_watched);
    assert_string_equal(ca->policy.anchor_sources[0].name, "ca.pem");
    assert_string_equal(ca->policy.anchor_sources[0].crl, "http://a/crl");
    assert_string_equal(ca->policy.anchor_sources[0].ocsp, "http://a/ocsp");
    ca_close(ca);
    assert_null(open_with(f, "factory_anchors", json_pack("[{s:s}]", "crl", "http://a/crl")));
    assert_null(open_with(f, "factory_anchors",
                          json_pack("[{s:s, s:s}]", "certificate", "ca.pem", "crl", "https://a/")));
    assert_null(open_with(f, "factory_anchors",
                          json_pack("[{s:s, s:i}]", "certificate", "ca.pem", "ocsp", 1)));
    ca = open_with(f, "factory_anchors", json_pack("[]"));
    ca_close(ca);
    ca = open_with(
        f, "factory_status",
        json_pack("{s:i, s:i, s:s}", "freshness_s", 5, "grace_s", 0, "on_outage", "refuse"));
    assert_non_null(ca);
    assert_int_equal(ca->policy.factory_status.freshness_s, 5);
    assert_int_equal(ca->policy.factory_status.grace_s, 0);
    assert_true(ca->policy.factory_status.refuse);
    ca_close(ca);
    assert_null(open_with(f, "factory_anchors",
                          json_pack("[{s:s, s:s}]", "certificate", "ca.pem", "crls", "http://a/")));
    ca = open_with(f, "factory_anchors", json_pack("[]"));
    ca_close(ca);
    assert_null(open_with(f, "revocation", json_pack("{s:i}", "uris_in_x509", 1)));
    ca = open_with(f, "revocation", json_pack("{s:b}", "uris_in_x509", 0));
    assert_false(ca->policy.revocation.uris_in_x509);
    ca_close(ca);
    assert_null(open_with(f, "factory_status", json_string("refuse")));
    assert_null(open_with(f, "factory_status", json_pack("{s:i}", "freshness_s", 0)));
    assert_null(open_with(f, "factory_status", json_pack("{s:s}", "grace_s", "1")));
    assert_null(open_with(f, "factory_status", json_pack("{s:s}", "on_outage", "hope")));
}

static void factory_certificates_come_from_a_permanent_ca(void **state)
{
    struct fixture *f = *state;
    char directory[PATH_MAX];
    struct ca_init init = {0};
    struct ca *permanent = NULL;
    struct key key, other;
    uint8_t request[512], b1[CA_CERTIFICATE_MAX], b2[CA_CERTIFICATE_MAX];
    struct cede_span first, second;
    struct cede_certificate view;

    new_key(&key);
    new_key(&other);
    assert_int_equal(ca_issue(f->ca, CA_PROFILE_FACTORY,
                              c509_request(&key, "dev-1", CEDE_BUF_ARRAY(request)), "SP1", "SP1",
                              CEDE_BUF_ARRAY(b1), &first),
                     CEDE_CA_KIND);
    snprintf(directory, sizeof directory, "%s", below(f, "permanent"));
    init.directory = directory;
    init.name = "Maker";
    init.kind = CA_PERMANENT;
    ok(ca_init(&init));
    ok(ca_open(directory, CA_OPEN_ALL, &permanent));
    ok(ca_account_set(permanent, "SP1", f->sp1.certificate_der));
    ok(ca_issue(permanent, CA_PROFILE_FACTORY, c509_request(&key, "dev-1", CEDE_BUF_ARRAY(request)),
                "SP1", "SP1", CEDE_BUF_ARRAY(b1), &first));
    serial_of(first, &view);
    assert_true(view.not_after == CEDE_TIME_NONE || view.not_after > f->now + 20u * 31536000u);
    ok(ca_issue(permanent, CA_PROFILE_FACTORY, c509_request(&key, "dev-1", CEDE_BUF_ARRAY(request)),
                "SP1", "SP1", CEDE_BUF_ARRAY(b2), &second));
    assert_true(cede_span_equal(first, second));
    assert_int_equal(ca_issue(permanent, CA_PROFILE_FACTORY,
                              c509_request(&other, "dev-1", CEDE_BUF_ARRAY(request)), "SP1", "SP1",
                              CEDE_BUF_ARRAY(b2), &second),
                     CEDE_CA_OTHER_KEY);
    assert_int_equal(rows(permanent, "alarm"), 1);
    ca_close(permanent);
}

/* Nothing of a batch survives when it is not committed. */
static void what_is_not_committed_has_not_happened(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_peer peer;

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(ca_begin(f->ca));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    store_rollback(ca_store(f->ca));
    assert_int_equal(ca_authenticate(f->ca, certificate, &peer), CEDE_CA_UNKNOWN);
    assert_int_equal(rows(f->ca, "certificate"), 3); /* the enrolment server's own */
}

/* R10: the key is in another process; what it signs is as good. */
static void R10_a_signer_process_signs(void **state)
{
    struct fixture *f = *state;
    struct signer_client client;
    struct cede_private_key no_key = {CEDE_CRV_P256, CEDE_SPAN_NULL, NULL};
    int pair[2], stop[2];
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], scratch[CA_SCRATCH_LEN];
    struct cede_span certificate;
    struct cede_certificate view;
    pid_t signer = 0;
    int exit_status = 0;

    ok(signer_pair(pair));
    assert_int_equal(pipe(stop), 0);
    signer = fork();
    assert_true(signer >= 0);
    if (signer == 0) {
        close(pair[0]);
        close(stop[1]);
        signer_run(&pair[1], 1, stop[0], &f->ca->key,
                   &(struct signer_rules){.issuer = f->ca->certificate.subject});
        _exit(0);
    }
    close(pair[1]);
    ok(signer_client_init(&client, pair[0]));
    ca_set_signer(f->ca, &client.crypto, &no_key);
    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(sen(f, &device, token, &key, bytes, &certificate));
    serial_of(certificate, &view);
    ok(cede_certificate_verify(&view, &f->ca->certificate, crypto(), CEDE_BUF_ARRAY(scratch)));
    close(stop[1]); /* tells it to end */
    assert_int_equal(waitpid(signer, &exit_status, 0), signer);
    assert_int_equal(exit_status, 0);
    /* without a signer nothing is issued */
    ok(ca_revoke_device(f->ca, "dev-1", 0, NULL));
    new_key(&key);
    assert_int_equal(sen(f, &device, token, &key, bytes, &certificate), CEDE_CRYPTO_FAILED);
    close(pair[0]);
    close(stop[0]);
}

/* A list that says nothing but its number. */
static struct cede_span tbs_of_crl(struct fixture *f, uint64_t number, uint8_t **bytes)
{
    struct crl_entries none = {NULL, 0, 0, 0};
    struct crl_info info = {.issuer = f->ca->certificate.subject,
                            .signature_alg = CEDE_ALG_ESP256,
                            .number = number,
                            .this_update = cede_wall_clock(),
                            .next_update = cede_wall_clock() + 60};
    size_t len = 0;

    ok(crl_tbs(&info, &none, bytes, &len));
    return cede_span(*bytes, len);
}

/* --- certificates that are signed together ---------------------------------------------------- */

/* A signer process that this CA's certificates of one turn go to. */
struct together {
    struct signer_client client;
    int pair[2], stop[2];
    pid_t signer;
};

static void sign_together(struct fixture *f, struct together *t)
{
    struct cede_private_key no_key = {CEDE_CRV_P256, CEDE_SPAN_NULL, NULL};

    ok(signer_pair(t->pair));
    assert_int_equal(pipe(t->stop), 0);
    t->signer = fork();
    assert_true(t->signer >= 0);
    if (t->signer == 0) {
        close(t->pair[0]);
        close(t->stop[1]);
        signer_run(&t->pair[1], 1, t->stop[0], &f->ca->key,
                   &(struct signer_rules){.issuer = f->ca->certificate.subject});
        _exit(0);
    }
    close(t->pair[1]);
    ok(signer_client_init(&t->client, t->pair[0]));
    ca_set_signer(f->ca, &t->client.crypto, &no_key);
    ok(ca_sign_together(f->ca, &t->client));
}

static void end_signer(struct together *t)
{
    int exit_status = 0;

    close(t->stop[1]);
    assert_int_equal(waitpid(t->signer, &exit_status, 0), t->signer);
    assert_int_equal(exit_status, 0);
    close(t->pair[0]);
    close(t->stop[0]);
}

/* Enrols with a request that may wait. */
static enum cede_status asks(struct fixture *f, struct cede_span peer_certificate,
                             enum ca_operation operation, const uint8_t *token, const char *id,
                             const struct key *key, struct ca_answer *answer)
{
    uint8_t request_bytes[512], bytes[CA_CERTIFICATE_MAX];
    struct ca_peer peer;
    struct ca_enrolment enrolment = {.peer = &peer,
                                     .operation = operation,
                                     .token = cede_span(token, CA_TOKEN_LEN),
                                     .accept = CEDE_EST_FORMAT_C509_CERT,
                                     .may_wait = true};

    CEDE_TRY(ca_authenticate(f->ca, peer_certificate, &peer));
    enrolment.request = c509_request(key, id, CEDE_BUF_ARRAY(request_bytes));
    return ca_enrol(f->ca, &enrolment, CEDE_BUF_ARRAY(bytes), answer);
}

/* The certificate that a ticket stands for, once, and good. */
static void collects(struct fixture *f, unsigned ticket, const struct key *key, struct cede_buf out,
                     struct cede_span *certificate)
{
    uint8_t scratch[CA_SCRATCH_LEN];
    struct cede_certificate view;
    struct ca_answer answer;
    struct cede_reader reader;

    ok(ca_enrolled(f->ca, ticket, out, &answer));
    assert_int_equal(answer.content_format, CEDE_EST_FORMAT_C509_CERT);
    reader = cede_reader(answer.body);
    *certificate = cede_cbor_get_bytes(&reader);
    ok(cede_reader_finish(&reader));
    serial_of(*certificate, &view);
    ok(cede_certificate_verify(&view, &f->ca->certificate, crypto(), CEDE_BUF_ARRAY(scratch)));
    assert_true(cede_span_equal(cede_certificate_key(&view).point, key->public_key.point));
    assert_int_equal(ca_enrolled(f->ca, ticket, out, &answer), CEDE_BAD_ARGUMENT);
}

#define CROWD 140 /* more than may wait */

static void certificates_of_one_turn_are_signed_together(void **state)
{
    struct fixture *f = *state;
    struct device *devices = calloc(CROWD, sizeof *devices);
    struct key keys[CROWD];
    struct ca_answer answers[CROWD];
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct together t;
    size_t waited = 0;
    char id[16];

    for (size_t i = 0; i < CROWD; i++) {
        snprintf(id, sizeof id, "dev-%zu", i);
        new_device(f, id, &devices[i]);
        new_key(&keys[i]);
        ok(registers(f, "SP1", &devices[i], NULL, token));
    }
    sign_together(f, &t);
    for (int round = 0; round < 2; round++) { /* the places are free again */
        ok(ca_begin(f->ca));
        for (size_t i = 0; i < CROWD; i++) {
            ok(asks(f, devices[i].factory, CA_SEN, token, devices[i].id, &keys[i], &answers[i]));
            waited += answers[i].ticket != 0 ? 1 : 0;
        }
        if (round == 0) {
            assert_int_equal(waited, 128);
            assert_int_equal(enrolled(f), CROWD - 128); /* signed alone */
        }
        ok(ca_commit(f->ca));
        assert_int_equal(enrolled(f), CROWD);
        for (size_t i = 0; i < CROWD; i++) {
            if (answers[i].ticket != 0) {
                collects(f, answers[i].ticket, &keys[i], CEDE_BUF_ARRAY(bytes), &certificate);
            }
        }
    }
    assert_int_equal(waited, 128); /* the second time they had their certificates */
    end_signer(&t);
    free(devices);
}

/* Whoever asks next finds them as if they had been signed at once. */
static void what_waits_is_found(void **state)
{
    struct fixture *f = *state;
    struct device one, two;
    struct key key, other, third;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX], again_bytes[CA_CERTIFICATE_MAX];
    struct cede_span first, again;
    struct ca_answer answer, refused, same;
    struct ca_peer peer;
    struct together t;
    size_t revoked = 0;

    new_device(f, "dev-1", &one);
    new_device(f, "dev-2", &two);
    new_key(&key);
    new_key(&other);
    new_key(&third);
    ok(registers(f, "SP1", &one, NULL, token));
    ok(registers(f, "SP1", &two, NULL, token));
    sign_together(f, &t);
    ok(ca_begin(f->ca));
    ok(asks(f, one.factory, CA_SEN, token, "dev-1", &key, &answer));
    assert_int_not_equal(answer.ticket, 0);
    /* the same request, another key of the same device, the same key for another device */
    ok(enrols(f, one.factory, CA_SEN, token,
              c509_request(&key, "dev-1", CEDE_BUF_ARRAY(again_bytes)), CEDE_BUF_ARRAY(bytes),
              &same));
    assert_int_equal(asks(f, one.factory, CA_SEN, token, "dev-1", &other, &refused),
                     CEDE_CA_OTHER_KEY);
    assert_int_equal(asks(f, two.factory, CA_SEN, token, "dev-2", &key, &refused), CEDE_CA_KEY);
    ok(asks(f, two.factory, CA_SEN, token, "dev-2", &other, &refused));
    assert_int_not_equal(refused.ticket, 0);
    /* an operator is quicker than the signer */
    ok(ca_revoke_device(f->ca, "dev-2", 1, &revoked));
    assert_int_equal(revoked, 1);
    ok(ca_commit(f->ca));
    assert_int_equal(enrolled(f), 2);
    collects(f, answer.ticket, &key, CEDE_BUF_ARRAY(bytes), &first);
    collects(f, refused.ticket, &other, CEDE_BUF_ARRAY(again_bytes), &again);
    ok(ca_authenticate(f->ca, first, &peer));
    assert_int_equal(ca_authenticate(f->ca, again, &peer), CEDE_CA_REVOKED);
    /* so are re-enrolments */
    ok(ca_begin(f->ca));
    ok(asks(f, first, CA_SREN, token, "dev-1", &third, &answer));
    assert_int_not_equal(answer.ticket, 0);
    ok(ca_commit(f->ca));
    collects(f, answer.ticket, &third, CEDE_BUF_ARRAY(again_bytes), &again);
    ok(ca_authenticate(f->ca, again, &peer));
    end_signer(&t);
}

/* No transaction, no certificate; and none comes from an older one. */
static void what_waits_goes_with_its_transaction(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct ca_answer answer, later;
    struct together t;

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    sign_together(f, &t);
    ok(asks(f, device.factory, CA_SEN, token, "dev-1", &key, &answer));
    assert_int_equal(answer.ticket, 0); /* a transaction of its own: nothing to wait for */
    assert_int_equal(enrolled(f), 1);
    ok(ca_revoke_device(f->ca, "dev-1", 0, NULL));
    new_key(&key);
    for (int i = 0; i < 2; i++) {
        ok(ca_begin(f->ca));
        ok(asks(f, device.factory, CA_SEN, token, "dev-1", &key, &answer));
        assert_int_not_equal(answer.ticket, 0);
        store_rollback(ca_store(f->ca));
        if (i > 0) {
            ok(ca_begin(f->ca));
            ok(ca_commit(f->ca));
        }
        assert_int_equal(ca_enrolled(f->ca, answer.ticket, CEDE_BUF_ARRAY(bytes), &later),
                         CEDE_STORE_FAILED);
        assert_int_equal(enrolled(f), 1);
    }
    end_signer(&t);
    /* without a signer nothing is issued, and the others of the turn lose nothing */
    ok(ca_begin(f->ca));
    ok(asks(f, device.factory, CA_SEN, token, "dev-1", &key, &answer));
    ok(ca_commit(f->ca));
    assert_int_equal(ca_enrolled(f->ca, answer.ticket, CEDE_BUF_ARRAY(bytes), &later),
                     CEDE_CRYPTO_FAILED);
    assert_int_equal(enrolled(f), 1);
    assert_int_equal(ca_enrolled(f->ca, 0, CEDE_BUF_ARRAY(bytes), &later), CEDE_BAD_ARGUMENT);
    assert_int_equal(ca_enrolled(f->ca, 200, CEDE_BUF_ARRAY(bytes), &later), CEDE_BAD_ARGUMENT);
}

/* What a certificate says before it is signed; the signer looks at no more here. */
static struct cede_span tbs_of_certificate(const char *issuer, struct cede_buf out)
{
    struct cede_writer writer = cede_writer(out);
    struct cede_span tbs;

    cede_cbor_put_uint(&writer, CEDE_C509_NATIVE);
    cede_cbor_put_bytes(&writer, CEDE_SPAN_TEXT("A"));
    cede_cbor_put_uint(&writer, 0);
    cede_cbor_put_text(&writer, cede_span_string(issuer));
    cede_cbor_put_uint(&writer, 1);
    ok(cede_writer_finish(&writer, &tbs));
    return tbs;
}

/* Each of them is looked at as if it had come alone; a frame that is cut short signs nothing. */
static void R10_the_signer_looks_at_each_of_many(void **state)
{
    struct fixture *f = *state;
    struct cede_public_key key = cede_certificate_key(&f->ca->certificate);
    uint8_t good[64], bad[64], *crl = NULL, frame[128] = "number..\0\0\0\4\xff\xff\xff\xf7";
    uint8_t answer[256], too_long[SIGNER_MESSAGE_MAX + 1] = {0};
    struct signer_job jobs[SIGNER_MANY_MAX + 3];
    struct together t;
    struct cede_span tbs = tbs_of_certificate("CA1", CEDE_BUF_ARRAY(good));
    const size_t count = sizeof jobs / sizeof jobs[0];

    for (size_t i = 0; i < count; i++) {
        jobs[i].message = tbs;
    }
    jobs[1].message = tbs_of_certificate("CA2", CEDE_BUF_ARRAY(bad));
    jobs[2].message = tbs_of_crl(f, 1, &crl);
    jobs[3].message = CEDE_SPAN_ARRAY(too_long);
    sign_together(f, &t);
    signer_sign_all(&t.client, CEDE_ALG_ESP256, jobs, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(jobs[i].status, i == 3             ? CEDE_BAD_ARGUMENT
                                         : i == 1 || i == 2 ? CEDE_SIGNER_REFUSED
                                                            : CEDE_OK);
        if (jobs[i].status == CEDE_OK) {
            ok(crypto()->verify(crypto()->context, CEDE_ALG_ESP256, &key, &tbs, 1,
                                cede_span(jobs[i].signature, jobs[i].signature_len)));
        }
    }
    /* a length that lies, none at all, and nothing behind the head */
    frame[19] = (uint8_t)tbs.len;
    memcpy(frame + 20, tbs.ptr, tbs.len);
    for (int i = 0; i < 4; i++) {
        size_t len = i == 0 ? 20 + tbs.len : i == 1 ? 19 + tbs.len : i == 2 ? 18 : 16;
        frame[0] = (uint8_t)i; /* the number of a question is never used again */
        assert_int_equal(send(t.pair[0], frame, len, 0), (ssize_t)len);
        len = (size_t)recv(t.pair[0], answer, sizeof answer, 0);
        assert_memory_equal(answer, frame, 8);
        assert_int_equal(len, i == 0 ? 12 + 8 + 64 : 12);
    }
    end_signer(&t);
    free(crl);
}

/* A signer in a hurry: the first signature of each question, which is the message's first byte. */
static void sign_the_first(int fd)
{
    uint8_t question[1024], answer[8 + 4 + 8 + 1] = {0};

    while (recv(fd, question, sizeof question, 0) > 20) {
        memcpy(answer, question, 8);
        answer[19] = 1;
        answer[20] = question[20];
        (void)!send(fd, answer, sizeof answer, 0);
    }
    _exit(0);
}

/* A slow signer's answer is short: for what is missing it is asked again. */
static void many_are_asked_for_until_all_are_signed(void **state)
{
    struct signer_job jobs[5];
    struct signer_client client;
    int pair[2];
    pid_t signer = 0;

    (void)state;
    ok(signer_pair(pair));
    signer = fork();
    assert_true(signer >= 0);
    if (signer == 0) {
        close(pair[0]);
        sign_the_first(pair[1]);
    }
    close(pair[1]);
    ok(signer_client_init(&client, pair[0]));
    for (size_t i = 0; i < 5; i++) {
        jobs[i].message = cede_span((const uint8_t *)"abcde" + i, 1);
    }
    signer_sign_all(&client, CEDE_ALG_ESP256, jobs, 5);
    for (size_t i = 0; i < 5; i++) {
        ok(jobs[i].status);
        assert_int_equal(jobs[i].signature_len, 1);
        assert_int_equal(jobs[i].signature[0], 'a' + (int)i);
    }
    close(pair[0]);
    assert_int_equal(waitpid(signer, NULL, 0), signer);
}

/* A signer with two connections. */
struct two_workers {
    int first[2], second[2], stop[2];
    pid_t signer;
};

static void start_two(struct fixture *f, struct two_workers *t)
{
    ok(signer_pair(t->first));
    ok(signer_pair(t->second));
    assert_int_equal(pipe(t->stop), 0);
    t->signer = fork();
    assert_true(t->signer >= 0);
    if (t->signer == 0) {
        signer_run((int[2]){t->first[1], t->second[1]}, 2, t->stop[0], &f->ca->key,
                   &(struct signer_rules){.issuer = f->ca->certificate.subject});
        _exit(0);
    }
}

static void end_two(struct two_workers *t)
{
    kill(t->signer, SIGKILL);
    assert_int_equal(waitpid(t->signer, NULL, 0), t->signer);
    for (int i = 0; i < 2; i++) {
        close(t->first[i]);
        close(t->second[i]);
        close(t->stop[i]);
    }
}

/* A worker that was taken over asks and asks and reads nothing. */
static void R10_whoever_does_not_read_stops_nobody(void **state)
{
    struct fixture *f = *state;
    uint8_t frame[17] = {0}, good[64];
    struct signer_job job = {.message = tbs_of_certificate("CA1", CEDE_BUF_ARRAY(good))};
    struct signer_client client;
    struct two_workers t;
    uint32_t sent = 0;

    start_two(f, &t);
    do {
        memcpy(frame, &sent, sizeof sent);
    } while (++sent < 3000 && send(t.first[0], frame, sizeof frame, 0) > 0);
    ok(signer_client_init(&client, t.second[0]));
    signer_sign_all(&client, CEDE_ALG_ESP256, &job, 1);
    ok(job.status);
    assert_int_equal(sent, 3000);
    end_two(&t);
}

/* A question is asked again when its answer takes long: one signature is enough. */
static void a_question_asked_again_is_answered_once(void **state)
{
    struct fixture *f = *state;
    uint8_t frame[17] = "number 1", answer[64];
    struct two_workers t;

    start_two(f, &t);
    for (int i = 0; i < 4; i++) {
        frame[7] = i < 3 ? '1' : '2';
        assert_int_equal(send(t.first[0], frame, sizeof frame, 0), sizeof frame);
    }
    assert_true(recv(t.first[0], answer, sizeof answer, 0) >= 12);
    assert_memory_equal(answer, "number 1", 8);
    assert_true(recv(t.first[0], answer, sizeof answer, 0) >= 12);
    assert_memory_equal(answer, "number 2", 8);
    end_two(&t);
}

/* --- transactions the database takes back ------------------------------------------------------
 */

static enum cede_status first_int(void *context, const struct store_row *row)
{
    *(int64_t *)context = store_column_int(row, 0);
    return CEDE_OK;
}

static int64_t pragma(struct fixture *f, const char *sql)
{
    int64_t number = 0;

    ok(store_get(ca_store(f->ca), sql, STORE_NO_PARAMS, first_int, &number));
    return number;
}

/* Leaves room for that many pages. */
static void fill_disk(struct fixture *f, int pages)
{
    char sql[64];

    snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d",
             (int)pragma(f, "PRAGMA page_count") + pages);
    (void)pragma(f, sql);
}

static void empty_disk(struct fixture *f)
{
    (void)pragma(f, "PRAGMA max_page_count=1000000");
}

/* Three requests of a turn of the HTTPS doors; the disk is full at the second one. */
static void a_turn_the_database_took_back_is_answered_so(void **state)
{
    struct fixture *f = *state;
    struct device one, two;
    struct key key, other;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct cede_span certificate;
    struct ca_turn turn = {0};
    char *detail = calloc(1, 100001);

    memset(detail, 'x', 100000);
    new_device(f, "dev-1", &one);
    new_device(f, "dev-2", &two);
    new_key(&key);
    new_key(&other);
    ok(registers(f, "SP1", &one, NULL, token));
    ok(registers(f, "SP1", &two, NULL, token));
    ok(ca_turn_open(f->ca, &turn));
    ok(sen(f, &one, token, &key, bytes, &certificate));
    fill_disk(f, 0);
    assert_int_equal(ca_records_alarm(f->ca, "kind", "dev-2", detail), CEDE_STORE_FAILED);
    assert_int_equal(ca_turn_open(f->ca, &turn), CEDE_OK);
    assert_int_equal(sen(f, &two, token, &other, bytes, &certificate), CEDE_STORE_FAILED);
    assert_int_equal(ca_turn_end(f->ca, &turn), CEDE_STORE_FAILED);
    empty_disk(f);
    assert_int_equal(enrolled(f), 0);
    ok(ca_turn_open(f->ca, &turn));
    ok(sen(f, &one, token, &key, bytes, &certificate));
    ok(ca_turn_end(f->ca, &turn));
    assert_int_equal(enrolled(f), 1);
    free(detail);
}

/* Full while certificates that waited are recorded: none of them is kept. */
static void what_is_signed_together_is_kept_together(void **state)
{
    struct fixture *f = *state;
    struct device devices[40];
    struct key keys[40];
    struct ca_answer answers[40], later;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct together t;
    char id[16];

    for (size_t i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "dev-%zu", i);
        new_device(f, id, &devices[i]);
        new_key(&keys[i]);
        ok(registers(f, "SP1", &devices[i], NULL, token));
    }
    sign_together(f, &t);
    ok(ca_begin(f->ca));
    for (size_t i = 0; i < 40; i++) {
        ok(asks(f, devices[i].factory, CA_SEN, token, devices[i].id, &keys[i], &answers[i]));
        assert_int_not_equal(answers[i].ticket, 0);
    }
    fill_disk(f, 1);
    assert_int_equal(ca_commit(f->ca), CEDE_STORE_FAILED);
    empty_disk(f);
    assert_int_equal(enrolled(f), 0);
    (void)!ca_enrolled(f->ca, answers[0].ticket, CEDE_BUF_ARRAY(bytes), &later);
    assert_int_equal(ca_enrolled(f->ca, answers[39].ticket, CEDE_BUF_ARRAY(bytes), &later),
                     CEDE_STORE_FAILED);
    end_signer(&t);
}

/* Another door's commit failed in the turn, which then went on: it ends all the same. */
static void a_lost_turn_leaves_no_transaction(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct key key;
    uint8_t token[CA_TOKEN_LEN], bytes[CA_CERTIFICATE_MAX];
    struct ca_answer answer, later;
    struct ca_turn turn = {0};
    struct together t;

    new_device(f, "dev-1", &device);
    new_key(&key);
    ok(registers(f, "SP1", &device, NULL, token));
    sign_together(f, &t);
    ok(ca_turn_open(f->ca, &turn));
    store_rollback(ca_store(f->ca));
    assert_int_not_equal(ca_commit(f->ca), CEDE_OK);
    ok(ca_turn_open(f->ca, &turn));
    ok(asks(f, device.factory, CA_SEN, token, "dev-1", &key, &answer));
    assert_int_equal(ca_turn_end(f->ca, &turn), CEDE_STORE_FAILED);
    assert_false(store_in_transaction(ca_store(f->ca)));
    (void)!ca_enrolled(f->ca, answer.ticket, CEDE_BUF_ARRAY(bytes), &later);
    assert_false(store_in_transaction(ca_store(f->ca)));
    end_signer(&t);
}

/* A registration that was taken back, and a session that has learnt its row; the next device gets
 * that row. */
static void a_row_of_before_opens_nothing(void **state)
{
    struct fixture *f = *state;
    struct device one, two;
    uint8_t token[CA_TOKEN_LEN];
    struct ca_peer peer;

    new_device(f, "dev-1", &one);
    new_device(f, "dev-2", &two);
    ok(ca_begin(f->ca));
    ok(registers(f, "SP1", &one, NULL, token));
    ok(ca_authenticate(f->ca, one.factory, &peer));
    store_rollback(ca_store(f->ca));
    ok(registers(f, "SP1", &two, NULL, token));
    ok(registers(f, "SP1", &one, NULL, token));
    assert_int_equal(ca_still_allowed(f->ca, &peer), CEDE_CA_UNKNOWN);
    ok(ca_authenticate(f->ca, one.factory, &peer));
    ok(ca_still_allowed(f->ca, &peer));
}

/* Whoever asked before was killed: its answer, which comes now, is not taken for ours. */
static void R10_answers_to_others_are_dropped(void **state)
{
    struct fixture *f = *state;
    struct cede_private_key no_key = signer_key(CEDE_CRV_P256, SIGNER_CRL);
    uint8_t *their_bytes = NULL, *our_bytes = NULL;
    struct cede_span theirs = tbs_of_crl(f, 1, &their_bytes), ours = tbs_of_crl(f, 2, &our_bytes);
    uint8_t frame[1024] = "number..\0\0\0\2\xff\xff\xff\xf7"; /* ESP256, -9 */
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX];
    struct cede_public_key key = cede_certificate_key(&f->ca->certificate);
    struct signer_client client;
    int pair[2], stop[2];
    size_t len = 0;
    pid_t signer = 0;

    ok(signer_pair(pair));
    assert_int_equal(pipe(stop), 0);
    memcpy(frame + 16, theirs.ptr, theirs.len);
    assert_int_equal(send(pair[0], frame, 16 + theirs.len, 0), 16 + theirs.len);
    ok(signer_client_init(&client, pair[0]));
    signer = fork();
    assert_true(signer >= 0);
    if (signer == 0) {
        signer_run(&pair[1], 1, stop[0], &f->ca->key,
                   &(struct signer_rules){.issuer = f->ca->certificate.subject});
        _exit(0);
    }
    ok(client.crypto.sign(client.crypto.context, CEDE_ALG_ESP256, &no_key, &ours, 1, signature,
                          &len));
    ok(crypto()->verify(crypto()->context, CEDE_ALG_ESP256, &key, &ours, 1,
                        cede_span(signature, len)));
    assert_int_equal(crypto()->verify(crypto()->context, CEDE_ALG_ESP256, &key, &theirs, 1,
                                      cede_span(signature, len)),
                     CEDE_CRYPTO_SIGNATURE);
    kill(signer, SIGKILL);
    assert_int_equal(waitpid(signer, NULL, 0), signer);
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(stop[i]);
    }
    free(their_bytes);
    free(our_bytes);
}

/* A list longer than a frame goes in a memory file, and comes back signed. */
static void R10_a_long_list_is_signed(void **state)
{
    struct fixture *f = *state;
    struct cede_private_key no_key = signer_key(CEDE_CRV_P256, SIGNER_CRL);
    struct cede_public_key key = cede_certificate_key(&f->ca->certificate);
    struct crl_entries entries = {NULL, 0, 0, 0};
    struct crl_info info = {.issuer = f->ca->certificate.subject,
                            .signature_alg = CEDE_ALG_ESP256,
                            .this_update = cede_wall_clock(),
                            .next_update = cede_wall_clock() + 60};
    uint8_t signature[CEDE_SIGNATURE_LEN_MAX], *bytes = NULL;
    struct signer_client client;
    struct cede_span tbs;
    int pair[2], stop[2];
    size_t len = 0;
    pid_t signer = 0;

    for (uint32_t i = 1; i <= 20000; i++) {
        uint8_t serial[] = {0x40, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        ok(crl_entries_add(&entries, CEDE_SPAN_ARRAY(serial), 1790000000, 4));
    }
    ok(crl_tbs(&info, &entries, &bytes, &len));
    tbs = cede_span(bytes, len);
    assert_true(tbs.len > SIGNER_MESSAGE_MAX);
    ok(signer_pair(pair));
    assert_int_equal(pipe(stop), 0);
    signer = fork();
    assert_true(signer >= 0);
    if (signer == 0) {
        signer_run(&pair[1], 1, stop[0], &f->ca->key,
                   &(struct signer_rules){.issuer = f->ca->certificate.subject});
        _exit(0);
    }
    ok(signer_client_init(&client, pair[0]));
    ok(client.crypto.sign(client.crypto.context, CEDE_ALG_ESP256, &no_key, &tbs, 1, signature,
                          &len));
    ok(crypto()->verify(crypto()->context, CEDE_ALG_ESP256, &key, &tbs, 1,
                        cede_span(signature, len)));
    kill(signer, SIGKILL);
    assert_int_equal(waitpid(signer, NULL, 0), signer);
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(stop[i]);
    }
    crl_entries_wipe(&entries);
    free(bytes);
}

/* R10: nobody fills the signer's table of files, for then no long list would be signed any more. */
static void R10_the_signer_keeps_no_files(void **state)
{
    struct fixture *f = *state;
    union {
        struct cmsghdr head;
        uint8_t bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {.bytes = {0}};
    uint8_t frame[17] = {0};
    struct iovec vector = {frame, sizeof frame};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int pair[2], stop[2], sent[2];
    bool ended = false;
    pid_t signer = 0;

    ok(signer_pair(pair));
    assert_int_equal(pipe(stop), 0);
    signer = fork();
    assert_true(signer >= 0);
    if (signer == 0) {
        signer_run(&pair[1], 1, stop[0], &f->ca->key,
                   &(struct signer_rules){.issuer = f->ca->certificate.subject});
        _exit(0);
    }
    assert_int_equal(pipe(sent), 0);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(&control.head), (int[2]){sent[1], sent[1]}, 2 * sizeof(int));
    assert_int_equal(sendmsg(pair[0], &message, 0), sizeof frame);
    close(sent[1]);
    assert_true(recv(pair[0], frame, sizeof frame, 0) > 0); /* refused, so it is done with it */
    /* A second question is only answered when the first one's files have been seen to. */
    frame[0] = 1;
    assert_int_equal(send(pair[0], frame, sizeof frame, 0), sizeof frame);
    assert_true(recv(pair[0], frame, sizeof frame, 0) > 0);
    assert_int_equal(fcntl(sent[0], F_SETFL, O_NONBLOCK), 0);
    ended = read(sent[0], frame, 1) == 0; /* nobody has the other end any more */
    kill(signer, SIGKILL);
    assert_int_equal(waitpid(signer, NULL, 0), signer);
    assert_true(ended);
    close(sent[0]);
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(stop[i]);
    }
}

/* Each kind alone, under the CA's own name alone: nothing else is signed. */
static void R10_the_signer_looks_at_what_it_signs(void **state)
{
    struct fixture *f = *state;
    struct cede_name issuer = f->ca->certificate.subject;
    struct cede_name other = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("somebody else")};
    uint64_t now = cede_wall_clock();
    uint8_t *crl_bytes = NULL;
    struct cede_span crl = tbs_of_crl(f, 7, &crl_bytes);
    struct cede_certificate est;
    /* ResponseData of OCSP, message_2's Signature1, an order's Signature1: begin like these. */
    static const uint8_t ocsp[] = {0x30, 0x06, 0xa2, 0x04, 0x04, 0x02, 0x01, 0x02};
    static const uint8_t order[] = {0x84, 0x6a, 'S',  'i',  'g', 'n',  'a',  't',  'u', 'r',
                                    'e',  '1',  0x43, 0xa1, 1,   0x28, 0x40, 0x41, 0xa0};
    const struct cede_span none[] = {CEDE_SPAN_TEXT(""), CEDE_SPAN_TEXT("sign me"),
                                     CEDE_SPAN_ARRAY(ocsp), CEDE_SPAN_ARRAY(order)};

    ok(cede_certificate_decode(f->ca->est, crypto(), &est));
    ok(signer_check(SIGNER_CERTIFICATE, f->ca->certificate.tbs, issuer, now));
    ok(signer_check(SIGNER_CERTIFICATE, est.tbs, issuer, now));
    ok(signer_check(SIGNER_CRL, crl, issuer, now));
    assert_int_equal(signer_check(SIGNER_CERTIFICATE, f->ca->certificate.tbs, other, now),
                     CEDE_SIGNER_REFUSED);
    assert_int_equal(signer_check(SIGNER_CERTIFICATE, est.tbs, other, now), CEDE_SIGNER_REFUSED);
    assert_int_equal(signer_check(SIGNER_CRL, crl, other, now), CEDE_SIGNER_REFUSED);
    assert_int_equal(signer_check(SIGNER_CRL, crl, issuer, now - 1000), CEDE_SIGNER_REFUSED);
    assert_int_equal(signer_check(SIGNER_CERTIFICATE, crl, issuer, now), CEDE_SIGNER_REFUSED);
    assert_int_equal(signer_check(SIGNER_CRL, est.tbs, issuer, now), CEDE_SIGNER_REFUSED);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        for (unsigned kind = 0; kind <= SIGNER_STATUS_PROOF + 1; kind++) {
            assert_int_equal(signer_check((enum signer_kind)kind, none[i], issuer, now),
                             CEDE_SIGNER_REFUSED);
        }
    }
    free(crl_bytes);
}

/* --- a device at the door --------------------------------------------------------------------- */

/* Sends what the device wants to send and waits for what comes, the server's loop in between. */
static void device_step(struct cede_device *device, int fd, struct event_base *base, uint64_t *now,
                        size_t *bytes)
{
    struct cede_device_action action = cede_device_next(device, *now);
    uint8_t in[2048];
    struct cede_span datagram;

    assert_int_not_equal(action.todo, CEDE_DEVICE_HALT);
    if (action.todo == CEDE_DEVICE_SEND) {
        *bytes += action.datagram.len;
        ok(cede_udp_send(fd, NULL, action.datagram));
    }
    for (int i = 0; i < 20; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        if (cede_udp_receive(fd, NULL, CEDE_BUF_ARRAY(in), &datagram) == CEDE_OK) {
            *bytes += datagram.len;
            cede_device_receive(device, datagram, *now);
            return;
        }
    }
    *now = action.todo == CEDE_DEVICE_WAIT ? action.until_ms : *now;
}

static void provision_device(struct fixture *f, struct device *device, const char *uri,
                             const char *image, struct cede_file_flash *flash)
{
    struct cede_device_provision provision;
    struct cede_trust_entry entries[8];
    struct cede_span encoding;
    struct cede_trust_list list;
    uint8_t bytes[8192];

    ok(ca_anchors(f->ca, CEDE_BUF_ARRAY(bytes), &encoding));
    memset(&provision, 0, sizeof provision);
    list = cede_trust_list(encoding);
    while (cede_trust_list_next(&list, &entries[provision.trust_count])) {
        provision.trust_count++;
    }
    provision.factory_key = CEDE_SPAN_ARRAY(device->factory_key.scalar);
    provision.factory_certificate = device->factory;
    provision.controller_certificate = f->sp1.certificate_der;
    provision.enroll_uri = cede_span_string(uri);
    provision.update_uri = CEDE_SPAN_TEXT("coap://127.0.0.1:9");
    provision.trust = entries;
    ok(cede_file_flash_open(flash, image, 4096));
    ok(cede_device_image_create(crypto(), &flash->flash, &provision));
}

/* The device engine enrols through EDHOC, OSCORE and the door, in few bytes. */
static void a_device_enrols_at_the_door(void **state)
{
    struct fixture *f = *state;
    struct event_base *base = event_base_new();
    struct ca_api api = {.ca = f->ca};
    struct coap_door *door = NULL;
    struct cede_address address;
    struct cede_file_flash flash;
    struct cede_device_config config;
    struct cede_device *engine = calloc(1, sizeof *engine);
    struct device device;
    uint8_t token[CA_TOKEN_LEN];
    char uri[64], image[PATH_MAX];
    uint64_t now = 1000;
    size_t bytes = 0, enrolment_bytes = 0;
    int bound = -1, fd = -1;

    new_device(f, "dev-1", &device);
    ok(registers(f, "SP1", &device, NULL, token));
    ok(cede_address_resolve("127.0.0.1", 0, &address));
    ok(coap_door_socket(&address, &bound));
    ok(ca_door_open(base, &api, bound, &door));
    ok(coap_door_local(door, &address));
    ok(cede_udp_connect(&address, &fd));
    snprintf(uri, sizeof uri, "coap://127.0.0.1:5700/e/%.*s", CA_TOKEN_LEN, (const char *)token);
    snprintf(image, sizeof image, "%s", below(f, "device.img"));
    provision_device(f, &device, uri, image, &flash);

    memset(&config, 0, sizeof config);
    config.crypto = crypto();
    config.flash = &flash.flash;
    ok(cede_device_load(engine, &config, now));
    for (int i = 0; i < 60 && cede_device_state(engine) != CEDE_DEVICE_OPERATIONAL; i++) {
        device_step(engine, fd, base, &now, &bytes);
        if (enrolment_bytes == 0 && enrolled(f) == 1) {
            enrolment_bytes = bytes;
        }
    }
    assert_int_equal(cede_device_state(engine), CEDE_DEVICE_OPERATIONAL);
    assert_int_equal(enrolled(f), 1);
    assert_int_equal(rows(f->ca, "alarm"), 0);
    assert_int_equal(coap_door_counters(door)->handshakes, 1);
    assert_in_range(enrolment_bytes, 1, 650); /* EDHOC, request and certificate */
    cede_device_wipe(engine);
    free(engine);
    cede_file_flash_close(&flash);
    coap_door_close(door);
    event_base_free(base);
    close(fd);
}

#define with_ca(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_ca(init_twice_is_refused),
        with_ca(open_key_files_are_refused),
        with_ca(a_wrong_policy_is_refused_by_name),
        with_ca(a_policy_with_unknown_members_is_refused),
        with_ca(a_ca_below_another_is_finished_with_its_chain),
        with_ca(anchors_lead_to_the_enrolment_server),
        with_ca(a_registered_device_gets_its_certificate),
        with_ca(pkcs10_gets_x509),
        with_ca(no_proof_of_possession_is_refused),
        with_ca(an_unregistered_factory_certificate_is_refused),
        with_ca(a_token_is_for_its_accounts_devices_only),
        with_ca(the_same_key_again_gets_the_same_certificate),
        with_ca(R13_another_key_is_refused_and_reported),
        with_ca(R13_the_alarm_is_kept_in_a_batch),
        with_ca(alarms_are_listed_and_harmless_to_read),
        with_ca(the_factory_key_gets_no_operational_certificate),
        with_ca(a_key_of_another_kind_is_refused),
        with_ca(subjects_outside_the_policy_are_refused),
        with_ca(device_ids_can_be_held_to_eui_64),
        with_ca(the_operation_must_fit_the_credential),
        with_ca(garbage_is_no_request),
        with_ca(crts_answers_the_ca),
        with_ca(re_enrolment_replaces_once_the_new_one_is_used),
        with_ca(R6_a_revoked_certificate_opens_no_door),
        with_ca(an_expired_certificate_opens_no_door),
        with_ca(an_expired_certificate_re_enrols_within_the_grace),
        with_ca(a_certificate_that_is_not_valid_yet_opens_no_door),
        with_ca(a_factory_certificate_that_is_over_opens_no_door),
        with_ca(a_factory_certificate_that_is_not_valid_yet_opens_no_door),
        with_ca(a_factory_certificate_registered_long_ago_ends_too),
        with_ca(a_factory_certificate_that_is_over_is_not_registered),
        with_ca(revoking_a_device_ends_all_its_certificates),
        with_ca(revoking_a_device_ends_its_grace),
        with_ca(revoking_a_device_ends_what_the_operator_issued),
        with_ca(revoking_a_device_ends_a_long_history),
        with_ca(R7_a_held_device_needs_the_holders_release),
        with_ca(R7_a_release_is_worth_nothing_once_the_device_is_back),
        with_ca(R7_a_release_kept_back_is_worth_nothing_later),
        with_ca(hierarchy_d_hands_over_by_release),
        with_ca(registration_is_all_or_nothing),
        with_ca(a_device_id_belongs_to_one_factory_key),
        with_ca(factory_anchors_decide_when_the_policy_names_them),
        with_ca(the_tls_certificate_can_be_made_anew),
        with_ca(R6_a_factory_certificate_its_maker_revoked_opens_no_door),
        with_ca(a_maker_of_two_keys_speaks_with_the_right_one),
        with_ca(the_policy_tells_where_makers_publish),
        with_ca(factory_certificates_come_from_a_permanent_ca),
        with_ca(what_is_not_committed_has_not_happened),
        with_ca(R10_a_signer_process_signs),
        with_ca(certificates_of_one_turn_are_signed_together),
        with_ca(what_waits_is_found),
        with_ca(what_waits_goes_with_its_transaction),
        with_ca(R10_the_signer_looks_at_each_of_many),
        with_ca(many_are_asked_for_until_all_are_signed),
        with_ca(R10_a_long_list_is_signed),
        with_ca(R10_the_signer_keeps_no_files),
        with_ca(R10_the_signer_looks_at_what_it_signs),
        with_ca(R10_answers_to_others_are_dropped),
        with_ca(R10_whoever_does_not_read_stops_nobody),
        with_ca(a_question_asked_again_is_answered_once),
        with_ca(a_turn_the_database_took_back_is_answered_so),
        with_ca(what_is_signed_together_is_kept_together),
        with_ca(a_lost_turn_leaves_no_transaction),
        with_ca(a_row_of_before_opens_nothing),
        with_ca(a_device_enrols_at_the_door),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
