/* SPDX-License-Identifier: Apache-2.0 */
/* ca_api_test.c - the partners' interface of a CA over real HTTPS: what it answers to good and bad
 * requests, and what is in its records afterwards. */
#include "loopback.h"

#include <limits.h>

#include "cede/cose.h"
#include "cede/crypto_openssl.h"
#include "cede/posix.h"
#include "cede/transfer.h"
#include "server/ca/api.h"
#include "server/ca/ca_internal.h"
#include "server/common/hex.h"
#include "server/common/jws.h"

#define ok(expression_) assert_int_equal((expression_), CEDE_OK)

#define CBOR     "application/cbor"
#define JSON     "application/json"
#define JOSE     "application/jose+json"
#define LIST_MAX 8

/* --- fixture ---------------------------------------------------------------------------------- */

struct fixture {
    struct loopback loopback;
    char ca_directory[PATH_MAX];
    struct tls_identity ca_tls;
    uint8_t der_bytes[CA_CERTIFICATE_MAX];
    struct cede_span ca_der;
    struct organisation sp1, sp2, stranger, maker; /* the maker's own CA issues device identities */
    struct https_client *client1, *client2;
    struct https_client_answer answer;
};

struct key {
    uint8_t scalar[32];
    uint8_t point[64];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
};

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static struct https_client *client_of(const struct organisation *who)
{
    struct https_client_config config = {.tls = &who->tls, .timeout_ms = 60000};
    struct https_client *client = NULL;

    ok(https_client_new(&config, &client));
    return client;
}

static struct ca *open_ca(struct fixture *f)
{
    struct ca *ca = NULL;

    ok(ca_open(f->ca_directory, CA_OPEN_ALL, &ca));
    return ca;
}

static void make_ca(struct fixture *f, enum ca_kind kind)
{
    struct ca_init init = {0};
    struct ca *ca = NULL;

    snprintf(f->ca_directory, sizeof f->ca_directory, "%s/ca", f->loopback.directory);
    init.directory = f->ca_directory;
    init.name = "CA1";
    init.kind = kind;
    init.https = "127.0.0.1:5701";
    init.coap = "127.0.0.1:5700";
    ok(ca_init(&init));
    ca = open_ca(f);
    ok(ca_account_set(ca, "SP1", f->sp1.identity.certificate_der));
    ok(ca_account_set(ca, "SP2", f->sp2.identity.certificate_der));
    ok(cede_copy(CEDE_BUF_ARRAY(f->der_bytes), ca_certificate_der(ca), &f->ca_der));
    ca_close(ca);
    ok(tls_identity_load(f->ca_directory, &f->ca_tls));
}

static int setup(void **state, enum ca_kind kind)
{
    struct fixture *f = calloc(1, sizeof *f);

    signal(SIGPIPE, SIG_IGN);
    loopback_open(&f->loopback);
    organisation_make(f->loopback.directory, "SP1", &f->sp1);
    organisation_make(f->loopback.directory, "SP2", &f->sp2);
    organisation_make(f->loopback.directory, "SP3", &f->stranger);
    organisation_make(f->loopback.directory, "maker", &f->maker);
    make_ca(f, kind);
    f->client1 = client_of(&f->sp1);
    f->client2 = client_of(&f->sp2);
    *state = f;
    return 0;
}

static int setup_operational(void **state)
{
    return setup(state, CA_OPERATIONAL);
}

static int setup_permanent(void **state)
{
    return setup(state, CA_PERMANENT);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    https_client_free(f->client1);
    https_client_free(f->client2);
    loopback_close(&f->loopback);
    tls_identity_wipe(&f->ca_tls);
    organisation_wipe(&f->sp1);
    organisation_wipe(&f->sp2);
    organisation_wipe(&f->stranger);
    organisation_wipe(&f->maker);
    free(f);
    return 0;
}

/* A CA is opened after the fork, as in a worker. */
static int server_main(struct fixture *f, int ready_fd)
{
    struct ca_api api = {.ca = NULL};
    struct https_server_config config = {
        .tls = &f->ca_tls,
        .routes = ca_api_routes,
        .routes_count = ca_api_routes_count,
        .find_partner = ca_api_find_partner,
        .flush = ca_api_flush,
        .context = &api,
    };
    int result = 1;

    if (ca_open(f->ca_directory, CA_OPEN_ALL, &api.ca) == CEDE_OK) {
        result = loopback_main(&f->loopback, &config, ready_fd);
        ca_close(api.ca);
    }
    return result;
}

static void serve(struct fixture *f)
{
    int ready[2];
    char byte = 0;

    assert_int_equal(pipe(ready), 0);
    f->loopback.server = fork();
    if (f->loopback.server == 0) {
        close(ready[0]);
        _exit(server_main(f, ready[1]));
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static enum cede_status try_ask(struct fixture *f, struct https_client *client, const char *method,
                                const char *path, const char *type, struct cede_span body)
{
    char url[256];
    struct https_client_request request = {
        .method = method, .url = url, .anchor = f->ca_der, .content_type = type, .body = body};

    snprintf(url, sizeof url, "https://localhost:%u%s", f->loopback.port, path);
    return https_client_ask(client, &request, &f->answer);
}

/* The status of the answer. */
static int post(struct fixture *f, struct https_client *client, const char *path, const char *type,
                struct cede_span body)
{
    ok(try_ask(f, client, "POST", path, type, body));
    return f->answer.status;
}

static int get(struct fixture *f, struct https_client *client, const char *path)
{
    ok(try_ask(f, client, "GET", path, NULL, CEDE_SPAN_NULL));
    return f->answer.status;
}

static json_t *answer_json(const struct fixture *f)
{
    json_t *json = json_loadb((const char *)f->answer.body.ptr, f->answer.body.len, 0, NULL);

    assert_string_equal(f->answer.content_type, JSON);
    assert_true(json_is_object(json));
    return json;
}

static int64_t answer_number(const struct fixture *f, const char *member)
{
    json_t *json = answer_json(f);
    const json_t *number = json_object_get(json, member);
    int64_t value = json_integer_value(number);

    assert_true(json_is_integer(number));
    json_decref(json);
    return value;
}

/* A refusal names its reason, and its detail begins with `detail`. */
static void assert_refused(const struct fixture *f, int status, const char *error,
                           const char *detail)
{
    json_t *json = answer_json(f);
    const char *text = json_string_value(json_object_get(json, "detail"));

    assert_string_equal(json_string_value(json_object_get(json, "error")), error);
    assert_int_equal(f->answer.status, status);
    assert_non_null(text);
    if (strncmp(text, detail, strlen(detail)) != 0) {
        assert_string_equal(text, detail);
    }
    json_decref(json);
}

/* Rows of a table, perhaps "TABLE WHERE ...". */
static int64_t rows(struct fixture *f, const char *of)
{
    struct ca *ca = open_ca(f);
    char sql[128];
    int64_t count = -1;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", of);
    ok(store_get_int(ca_store(ca), sql, STORE_NO_PARAMS, &count));
    ca_close(ca);
    return count;
}

/* --- what is sent ----------------------------------------------------------------------------- */

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

static struct cede_span list(const struct cede_span *items, size_t count, struct cede_buf out)
{
    struct cede_writer writer = cede_writer(out);

    cede_cbor_put_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        cede_cbor_put_bytes(&writer, items[i]);
    }
    ok(writer.status);
    return cede_written(&writer);
}

static struct cede_span bag(const struct cede_span *items, size_t count, struct cede_buf out)
{
    struct cede_writer writer = cede_writer(out);

    cede_c509_put_bag(&writer, items, count);
    ok(writer.status);
    return cede_written(&writer);
}

/* The answer's list; its length. */
static size_t answer_list(const struct fixture *f, struct cede_span items[LIST_MAX])
{
    struct cede_reader reader = cede_reader(f->answer.body);
    size_t count = cede_cbor_get_array(&reader);

    assert_string_equal(f->answer.content_type, CBOR);
    assert_in_range(count, 0, LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        items[i] = cede_cbor_get_bytes(&reader);
    }
    ok(cede_reader_finish(&reader));
    return count;
}

static void decode_issued(const struct fixture *f, struct cede_span certificate,
                          struct cede_certificate *view)
{
    struct cede_certificate issuer;
    uint8_t scratch[CA_SCRATCH_LEN];

    ok(cede_certificate_decode(f->ca_der, crypto(), &issuer));
    ok(cede_certificate_decode(certificate, crypto(), view));
    ok(cede_certificate_verify(view, &issuer, crypto(), CEDE_BUF_ARRAY(scratch)));
}

struct device {
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_span factory;
    uint8_t thumbprint[32];
};

/* A factory certificate, X.509 or C509, of `issuer`. */
static void new_device(const struct organisation *issuer, const char *id,
                       enum cede_certificate_format format, struct device *device)
{
    struct cede_certificate_info info;
    struct cede_certificate issuing;
    struct key key;
    uint8_t serial[8] = {0x41}, scratch[CA_SCRATCH_LEN];
    size_t len = 0;

    new_key(&key);
    memset(&info, 0, sizeof info);
    ok(crypto()->random(crypto()->context, cede_buf(serial + 1, 7)));
    ok(cede_certificate_decode(issuer->identity.certificate_der, crypto(), &issuing));
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = issuing.subject;
    info.subject = named(id);
    info.not_before = 1700000000;
    info.not_after = CEDE_TIME_NONE;
    info.public_key = key.public_key;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    ok(cede_certificate_issue(format, crypto(), &info, &issuer->identity.private_key,
                              CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(device->bytes),
                              &device->factory));
    ok(cede_certificate_thumbprint(crypto(), CEDE_ALG_SHA_256, device->factory, device->thumbprint,
                                   &len));
}

static int register_device(struct fixture *f, struct https_client *client, const char *query,
                           const struct device *device)
{
    uint8_t body[CA_CERTIFICATE_MAX + 8];
    char path[128];

    snprintf(path, sizeof path, "/v1/registrations%s", query);
    return post(f, client, path, CBOR, bag(&device->factory, 1, CEDE_BUF_ARRAY(body)));
}

/* --- who gets in ------------------------------------------------------------------------------ */

static void an_unknown_account_is_refused_by_tls(void **state)
{
    struct fixture *f = *state;
    struct https_client *client = client_of(&f->stranger);
    enum cede_status status;
    struct ca *ca = NULL;

    serve(f);
    status = try_ask(f, client, "GET", "/v1/anchors", NULL, CEDE_SPAN_NULL);
    assert_true(status == CEDE_HTTPS_TLS || status == CEDE_HTTPS_UNREACHABLE);
    assert_int_equal(f->answer.status, 0);
    https_client_free(client);
    /* an account made meanwhile counts at once */
    ca = open_ca(f);
    ok(ca_account_set(ca, "SP3", f->stranger.identity.certificate_der));
    ca_close(ca);
    client = client_of(&f->stranger);
    assert_int_equal(get(f, client, "/v1/anchors"), 200);
    https_client_free(client);
}

struct wrong_request {
    const char *method, *path, *type;
    size_t len;
    int status;
};

static void the_frame_of_a_request_is_checked_first(void **state)
{
    static const struct wrong_request wrong[] = {
        {"GET", "/v1/factory-certificates", NULL, 0, 405},
        {"GET", "/v1/server-certificates", NULL, 0, 405},
        {"PUT", "/v1/registrations", CBOR, 1, 405},
        {"DELETE", "/v1/releases", NULL, 0, 405},
        {"GET", "/v1/deregistrations", NULL, 0, 405},
        {"GET", "/v1/revocations", NULL, 0, 405},
        {"POST", "/v1/revoked", JSON, 0, 405},
        {"POST", "/v1/anchors", CBOR, 0, 405},
        {"GET", "/v1/accounts", NULL, 0, 404},
        {"GET", "/", NULL, 0, 404},
        {"POST", "/v1/factory-certificates", JSON, 1, 415},
        {"POST", "/v1/registrations", "text/plain", 1, 415},
        {"POST", "/v1/releases", CBOR, 1, 415},
        {"POST", "/v1/deregistrations", JOSE, 1, 415},
        {"POST", "/v1/revocations", CBOR, 1, 415},
        {"POST", "/v1/server-certificates", CBOR, 4097, 413},
        {"POST", "/v1/factory-certificates", CBOR, (4 << 20) + 1, 413},
        {"POST", "/v1/registrations", CBOR, (4 << 20) + 1, 413},
        {"POST", "/v1/releases", JOSE, (4 << 20) + 1, 413},
        {"POST", "/v1/revocations", JSON, (4 << 20) + 1, 413},
        {"POST", "/v1/server-certificates", CBOR, 4096, 400},
        {"POST", "/v1/factory-certificates", CBOR, 4096, 400},
        {"POST", "/v1/registrations", CBOR, 4096, 400},
        {"POST", "/v1/releases", JOSE, 4096, 400},
        {"POST", "/v1/deregistrations", CBOR, 4096, 400},
        {"POST", "/v1/revocations", JSON, 4096, 400},
        {"POST", "/v1/server-certificates", CBOR, 0, 400},
        {"POST", "/v1/registrations", CBOR, 0, 400},
        {"POST", "/v1/releases", JOSE, 0, 400},
        {"POST", "/v1/revocations", JSON, 0, 400},
    };
    struct fixture *f = *state;
    uint8_t *zeros = calloc(1, (4 << 20) + 1);
    int64_t issued = rows(f, "certificate");

    serve(f);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ok(try_ask(f, f->client1, wrong[i].method, wrong[i].path, wrong[i].type,
                   wrong[i].type == NULL ? CEDE_SPAN_NULL : cede_span(zeros, wrong[i].len)));
        if (f->answer.status != wrong[i].status) {
            print_error("row %zu: %s %s\n", i, wrong[i].method, wrong[i].path);
        }
        assert_int_equal(f->answer.status, wrong[i].status);
        json_decref(answer_json(f));
    }
    assert_int_equal(rows(f, "certificate"), issued);
    free(zeros);
}

/* --- certificates ----------------------------------------------------------------------------- */

static void factory_certificates_come_in_order_and_kind(void **state)
{
    struct fixture *f = *state;
    struct key keys[3];
    uint8_t bytes[3][512], body[2048], first[8192];
    struct cede_span requests[3], issued[LIST_MAX];
    struct cede_certificate view;
    int64_t before = rows(f, "certificate");
    size_t first_len;

    for (size_t i = 0; i < 3; i++) {
        new_key(&keys[i]);
    }
    requests[0] = c509_request(&keys[0], "dev-0", CEDE_BUF_ARRAY(bytes[0]));
    requests[1] = pkcs10_request(&keys[1], "dev-1", CEDE_BUF_ARRAY(bytes[1]));
    requests[2] = c509_request(&keys[2], "dev-2", CEDE_BUF_ARRAY(bytes[2]));
    serve(f);
    assert_int_equal(post(f, f->client1, "/v1/factory-certificates", CBOR,
                          list(requests, 3, CEDE_BUF_ARRAY(body))),
                     200);
    assert_int_equal(answer_list(f, issued), 3);
    for (size_t i = 0; i < 3; i++) {
        char id[] = {'d', 'e', 'v', '-', (char)('0' + i), '\0'};

        decode_issued(f, issued[i], &view);
        assert_int_equal(view.format,
                         i == 1 ? CEDE_CERTIFICATE_X509 : CEDE_CERTIFICATE_C509_NATIVE);
        assert_true(cede_span_equal(cede_certificate_common_name(&view), cede_span_string(id)));
        assert_memory_equal(view.point, keys[i].point, 64);
        assert_false(view.ext.ca);
    }
    assert_int_equal(rows(f, "certificate"), before + 3);
    /* the answer was lost: the same again */
    first_len = f->answer.body.len;
    assert_in_range(first_len, 1, sizeof first);
    memcpy(first, f->answer.body.ptr, first_len);
    assert_int_equal(post(f, f->client1, "/v1/factory-certificates", CBOR,
                          list(requests, 3, CEDE_BUF_ARRAY(body))),
                     200);
    assert_true(cede_span_equal(f->answer.body, cede_span(first, first_len)));
    assert_int_equal(rows(f, "certificate"), before + 3);
    /* another account gets none for these devices */
    assert_int_equal(post(f, f->client2, "/v1/factory-certificates", CBOR,
                          list(requests, 3, CEDE_BUF_ARRAY(body))),
                     409);
    assert_refused(f, 409, "CEDE_CA_HELD", "entry 0: ");
}

static void one_bad_proof_of_possession_refuses_all(void **state)
{
    struct fixture *f = *state;
    struct key key;
    uint8_t bytes[3][512], body[2048];
    struct cede_span requests[3];
    int64_t before = rows(f, "certificate");

    new_key(&key);
    serve(f);
    for (int der = 0; der < 2; der++) {
        requests[0] = c509_request(&key, "dev-0", CEDE_BUF_ARRAY(bytes[0]));
        requests[1] = pkcs10_request(&key, "dev-1", CEDE_BUF_ARRAY(bytes[1]));
        requests[2] = der ? pkcs10_request(&key, "dev-2", CEDE_BUF_ARRAY(bytes[2]))
                          : c509_request(&key, "dev-2", CEDE_BUF_ARRAY(bytes[2]));
        bytes[2][requests[2].len - 1] ^= 1; /* the end of the signature; the writers begin there */
        assert_ptr_equal(requests[2].ptr, bytes[2]);
        assert_int_equal(post(f, f->client1, "/v1/factory-certificates", CBOR,
                              list(requests, 3, CEDE_BUF_ARRAY(body))),
                         400);
        assert_refused(f, 400, "CEDE_CRYPTO_SIGNATURE", "entry 2: ");
        assert_int_equal(rows(f, "certificate"), before);
    }
    requests[2] = cede_span(bytes[2], 20); /* cut */
    post(f, f->client1, "/v1/factory-certificates", CBOR, list(requests, 3, CEDE_BUF_ARRAY(body)));
    assert_int_equal(f->answer.status, 400);
    assert_int_equal(rows(f, "certificate"), before);
    assert_int_equal(post(f, f->client1, "/v1/factory-certificates", CBOR,
                          list(requests, 2, CEDE_BUF_ARRAY(body))),
                     200);
    assert_int_equal(rows(f, "certificate"), before + 2);
}

/* R13: the batch is taken back, the alarm stays. */
static void another_key_for_a_device_is_an_alarm(void **state)
{
    struct fixture *f = *state;
    struct key key, other;
    uint8_t bytes[2][512], body[2048];
    struct cede_span requests[2];
    int64_t before = 0;

    new_key(&key);
    new_key(&other);
    serve(f);
    requests[0] = c509_request(&key, "dev-0", CEDE_BUF_ARRAY(bytes[0]));
    assert_int_equal(post(f, f->client1, "/v1/factory-certificates", CBOR,
                          list(requests, 1, CEDE_BUF_ARRAY(body))),
                     200);
    before = rows(f, "certificate");
    requests[0] = c509_request(&other, "dev-1", CEDE_BUF_ARRAY(bytes[0]));
    requests[1] = c509_request(&other, "dev-0", CEDE_BUF_ARRAY(bytes[1]));
    post(f, f->client1, "/v1/factory-certificates", CBOR, list(requests, 2, CEDE_BUF_ARRAY(body)));
    assert_refused(f, 403, "CEDE_CA_OTHER_KEY", "entry 1: ");
    assert_int_equal(rows(f, "certificate"), before);
    assert_int_equal(rows(f, "alarm"), 1);
}

static void a_batch_has_a_limit_and_a_form(void **state)
{
    struct fixture *f = *state;
    struct cede_span *empty = calloc(CA_BATCH_MAX + 1, sizeof *empty);
    uint8_t body[8192];
    static const uint8_t none[] = {0x80}, no_bytes[] = {0x81, 0x01}, surplus[] = {0x81, 0x41, 1, 1},
                         indefinite[] = {0x9f, 0x41, 0x01, 0xff};
    static const char *const paths[] = {"/v1/factory-certificates", "/v1/registrations",
                                        "/v1/deregistrations"};

    for (size_t i = 0; i <= CA_BATCH_MAX; i++) {
        empty[i] = CEDE_SPAN_TEXT("x");
    }
    serve(f);
    for (size_t i = 0; i < 3; i++) {
        post(f, f->client1, paths[i], CBOR, list(empty, CA_BATCH_MAX + 1, CEDE_BUF_ARRAY(body)));
        assert_refused(f, 403, "CEDE_CA_BATCH", "");
        assert_int_equal(post(f, f->client1, paths[i], CBOR, CEDE_SPAN_ARRAY(no_bytes)), 400);
        assert_int_equal(post(f, f->client1, paths[i], CBOR, CEDE_SPAN_ARRAY(surplus)), 400);
        assert_int_equal(post(f, f->client1, paths[i], CBOR, CEDE_SPAN_ARRAY(indefinite)), 400);
        assert_in_range(post(f, f->client1, paths[i], CBOR, CEDE_SPAN_ARRAY(none)), 400, 403);
    }
    free(empty);
}

static void an_operational_ca_issues_no_factory_certificates(void **state)
{
    struct fixture *f = *state;
    struct key key;
    uint8_t bytes[512], body[1024];
    struct cede_span request;

    new_key(&key);
    request = c509_request(&key, "dev-0", CEDE_BUF_ARRAY(bytes));
    serve(f);
    post(f, f->client1, "/v1/factory-certificates", CBOR, list(&request, 1, CEDE_BUF_ARRAY(body)));
    assert_refused(f, 403, "CEDE_CA_KIND", "entry 0: ");
}

static void server_certificates_have_their_usage(void **state)
{
    struct fixture *f = *state;
    struct key key;
    uint8_t bytes[512];
    struct cede_span request;
    struct cede_certificate view;
    int64_t before = rows(f, "certificate");

    new_key(&key);
    serve(f);
    request = pkcs10_request(&key, "update.SP1", CEDE_BUF_ARRAY(bytes));
    assert_int_equal(post(f, f->client1, "/v1/server-certificates", "application/pkcs10", request),
                     200);
    decode_issued(f, f->answer.body, &view);
    assert_int_equal(view.format, CEDE_CERTIFICATE_X509);
    assert_int_equal(view.ext.eku, CEDE_EKU_SERVER_AUTH);
    assert_true(cede_span_equal(cede_certificate_common_name(&view), CEDE_SPAN_TEXT("update.SP1")));
    request = c509_request(&key, "SP1", CEDE_BUF_ARRAY(bytes));
    assert_int_equal(post(f, f->client1, "/v1/server-certificates", CBOR, request), 200);
    decode_issued(f, f->answer.body, &view);
    assert_int_equal(view.format, CEDE_CERTIFICATE_C509_NATIVE);
    assert_int_equal(view.ext.eku, CEDE_EKU_SERVER_AUTH);
    assert_int_equal(rows(f, "certificate"), before + 2);
    bytes[request.len - 1] ^= 1;
    assert_int_equal(post(f, f->client1, "/v1/server-certificates", CBOR, request), 403);
    assert_refused(f, 403, "CEDE_CRYPTO_SIGNATURE", "");
    assert_int_equal(rows(f, "certificate"), before + 2);
}

/* Or a partner could pass for another one's server, or for the CA's. */
static void a_partner_gets_certificates_for_its_own_servers_only(void **state)
{
    static const char *const others[] = {"SP2", "127.0.0.1", "notSP1", ".SP1", "SP1.example", "S"};
    struct fixture *f = *state;
    struct key key;
    uint8_t bytes[512];
    int64_t before = rows(f, "certificate");

    new_key(&key);
    serve(f);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(post(f, f->client1, "/v1/server-certificates", CBOR,
                              c509_request(&key, others[i], CEDE_BUF_ARRAY(bytes))),
                         403);
        assert_refused(f, 403, "CEDE_CA_SUBJECT", "");
    }
    assert_int_equal(rows(f, "certificate"), before);
}

/* --- registrations ---------------------------------------------------------------------------- */

static void devices_are_registered_by_x509_and_c509(void **state)
{
    struct fixture *f = *state;
    struct device devices[3];
    struct cede_span certificates[3];
    uint8_t body[4096];
    char uri[128];
    json_t *json = NULL;

    new_device(&f->maker, "dev-0", CEDE_CERTIFICATE_X509, &devices[0]);
    new_device(&f->maker, "dev-1", CEDE_CERTIFICATE_C509_NATIVE, &devices[1]);
    new_device(&f->maker, "dev-2", CEDE_CERTIFICATE_X509, &devices[2]);
    for (size_t i = 0; i < 3; i++) {
        certificates[i] = devices[i].factory;
    }
    serve(f);
    assert_int_equal(register_device(f, f->client1, "", &devices[0]), 200);
    json = answer_json(f);
    assert_int_equal(json_integer_value(json_object_get(json, "registered")), 1);
    snprintf(uri, sizeof uri, "%s", json_string_value(json_object_get(json, "enroll_uri")));
    json_decref(json);
    assert_memory_equal(uri, "coap://127.0.0.1:5700/e/", 24);
    assert_int_equal(strlen(uri), 24 + CA_TOKEN_LEN);
    /* several, one of them known: the same URI for all of the account */
    assert_int_equal(
        post(f, f->client1, "/v1/registrations", CBOR, bag(certificates, 3, CEDE_BUF_ARRAY(body))),
        200);
    json = answer_json(f);
    assert_int_equal(json_integer_value(json_object_get(json, "registered")), 3);
    assert_string_equal(json_string_value(json_object_get(json, "enroll_uri")), uri);
    json_decref(json);
    assert_int_equal(rows(f, "registration WHERE state <> 2"), 3);
}

static void trust_the_maker(struct fixture *f)
{
    char path[PATH_MAX + 32], anchor[PATH_MAX];
    json_t *policy = NULL;

    snprintf(path, sizeof path, "%s/policy.json", f->ca_directory);
    snprintf(anchor, sizeof anchor, "%s/identity.der", f->maker.directory);
    policy = json_load_file(path, 0, NULL);
    assert_non_null(policy);
    json_object_set_new(policy, "factory_anchors", json_pack("[s]", anchor));
    assert_int_equal(json_dump_file(policy, path, 0), 0);
    json_decref(policy);
}

static void a_bag_with_one_of_an_unknown_ca_is_refused(void **state)
{
    struct fixture *f = *state;
    struct device devices[3];
    struct cede_span certificates[3];
    uint8_t body[4096];

    new_device(&f->maker, "dev-0", CEDE_CERTIFICATE_X509, &devices[0]);
    new_device(&f->stranger, "dev-1", CEDE_CERTIFICATE_X509, &devices[1]);
    new_device(&f->maker, "dev-2", CEDE_CERTIFICATE_C509_NATIVE, &devices[2]);
    trust_the_maker(f);
    for (size_t i = 0; i < 3; i++) {
        certificates[i] = devices[i].factory;
    }
    serve(f);
    post(f, f->client1, "/v1/registrations", CBOR, bag(certificates, 3, CEDE_BUF_ARRAY(body)));
    assert_refused(f, 403, "CEDE_CA_FACTORY", "entry 1: ");
    assert_int_equal(rows(f, "registration WHERE state <> 2"), 0);
    certificates[1] = certificates[2];
    assert_int_equal(
        post(f, f->client1, "/v1/registrations", CBOR, bag(certificates, 2, CEDE_BUF_ARRAY(body))),
        200);
    assert_int_equal(rows(f, "registration WHERE state <> 2"), 2);
}

/* --- releases --------------------------------------------------------------------------------- */

#define TRANSFER "00112233445566778899aabbccddeeff"
#define OTHER    "ffeeddccbbaa99887766554433221100"

/* DeviceUpdateInfo of X.509 devices, signed by `signer`; the caller frees the text. */
static char *release_text(const struct organisation *signer, const struct device *devices,
                          size_t count)
{
    uint8_t transfer[CEDE_TRANSFER_ID_LEN], bytes[4096];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(bytes));
    struct cede_update_group group = {.earliest = 1, .latest = 2, .devices_count = count};
    struct jws jws;
    char *text = NULL;

    assert_true(hex_decode(TRANSFER, transfer, sizeof transfer));
    cede_device_update_info_begin(&writer, transfer, 1);
    cede_device_update_info_group(&writer, &group);
    for (size_t i = 0; i < count; i++) {
        struct cede_update_device entry = {devices[i].factory, 1};
        cede_device_update_info_device(&writer, &entry);
    }
    ok(writer.status);
    ok(jws_init(&jws, cede_written(&writer)));
    ok(jws_sign(crypto(), &signer->identity.private_key, NULL, &jws));
    ok(jws_encode_json(&jws, &text));
    jws_wipe(&jws);
    return text;
}

static int release(struct fixture *f, struct https_client *client,
                   const struct organisation *signer, const struct device *devices, size_t count)
{
    char *text = release_text(signer, devices, count);
    int status = post(f, client, "/v1/releases", JOSE, cede_span_string(text));

    free(text);
    return status;
}

/* R7: in hierarchy (d) one CA is asked by both providers. */
static void R7_a_held_device_needs_the_holders_release(void **state)
{
    struct fixture *f = *state;
    struct device devices[2];

    new_device(&f->maker, "dev-0", CEDE_CERTIFICATE_X509, &devices[0]);
    new_device(&f->maker, "dev-1", CEDE_CERTIFICATE_X509, &devices[1]);
    serve(f);
    assert_int_equal(register_device(f, f->client1, "", &devices[0]), 200);
    assert_int_equal(register_device(f, f->client1, "", &devices[1]), 200);
    register_device(f, f->client2, "", &devices[0]);
    assert_refused(f, 409, "CEDE_CA_HELD", "entry 0: ");
    register_device(f, f->client2, "?transfer=" TRANSFER, &devices[0]);
    assert_refused(f, 409, "CEDE_CA_HELD", "entry 0: ");
    /* SP2 signs the release itself: nothing is released, whoever brings it */
    release(f, f->client2, &f->sp2, devices, 2);
    assert_refused(f, 403, "CEDE_JWS_UNSIGNED", "");
    release(f, f->client1, &f->sp2, devices, 2);
    assert_refused(f, 403, "CEDE_JWS_UNSIGNED", "");
    release(f, f->client1, &f->stranger, devices, 2);
    assert_refused(f, 403, "CEDE_JWS_UNSIGNED", "");
    register_device(f, f->client2, "?transfer=" TRANSFER, &devices[0]);
    assert_refused(f, 409, "CEDE_CA_HELD", "entry 0: ");
    /* SP1 signed: SP2 may bring it */
    assert_int_equal(release(f, f->client2, &f->sp1, devices, 2), 200);
    assert_int_equal(answer_number(f, "released"), 2);
    register_device(f, f->client2, "?transfer=" OTHER, &devices[0]);
    assert_refused(f, 409, "CEDE_CA_HELD", "entry 0: ");
    assert_int_equal(register_device(f, f->client2, "?transfer=", &devices[0]), 400);
    assert_int_equal(register_device(f, f->client2, "?transfer=00", &devices[0]), 400);
    assert_int_equal(register_device(f, f->client2, "?transfer=" TRANSFER, &devices[0]), 200);
    assert_int_equal(answer_number(f, "registered"), 1);
    assert_int_equal(register_device(f, f->client2, "?transfer=" TRANSFER, &devices[0]), 200);
    assert_int_equal(rows(f, "registration WHERE state <> 2"), 3); /* of both, until SP1 lets go */
}

/* A release that was changed on its way, or is of devices nobody holds here. */
static void releases_of_nothing_are_refused(void **state)
{
    struct fixture *f = *state;
    struct device device, unknown;
    char *text = NULL, *signature = NULL;

    new_device(&f->maker, "dev-0", CEDE_CERTIFICATE_X509, &device);
    new_device(&f->maker, "dev-1", CEDE_CERTIFICATE_X509, &unknown);
    serve(f);
    assert_int_equal(register_device(f, f->client1, "", &device), 200);
    assert_int_equal(release(f, f->client1, &f->sp1, &unknown, 1), 404);
    text = release_text(&f->sp1, &device, 1);
    signature = strstr(text, "\"signature\":\"");
    assert_non_null(signature);
    signature[20] = signature[20] == 'A' ? 'B' : 'A';
    assert_int_equal(post(f, f->client1, "/v1/releases", JOSE, cede_span_string(text)), 403);
    assert_int_equal(post(f, f->client1, "/v1/releases", JOSE,
                          cede_span((const uint8_t *)text, strlen(text) - 1)),
                     400);
    free(text);
    register_device(f, f->client2, "?transfer=" TRANSFER, &device);
    assert_refused(f, 409, "CEDE_CA_HELD", "entry 0: ");
}

static int deregister(struct fixture *f, struct https_client *client, const struct device *device)
{
    struct cede_span thumbprint = CEDE_SPAN_ARRAY(device->thumbprint);
    uint8_t body[64];

    return post(f, client, "/v1/deregistrations", CBOR, list(&thumbprint, 1, CEDE_BUF_ARRAY(body)));
}

static void only_ones_own_devices_are_deregistered(void **state)
{
    struct fixture *f = *state;
    struct device device;
    struct cede_span cut;
    uint8_t body[64];

    new_device(&f->maker, "dev-0", CEDE_CERTIFICATE_X509, &device);
    serve(f);
    assert_int_equal(register_device(f, f->client1, "", &device), 200);
    assert_int_equal(deregister(f, f->client2, &device), 200);
    assert_int_equal(answer_number(f, "deregistered"), 0);
    assert_int_equal(rows(f, "registration WHERE state <> 2"), 1);
    cut = cede_span(device.thumbprint, 31);
    assert_int_equal(
        post(f, f->client1, "/v1/deregistrations", CBOR, list(&cut, 1, CEDE_BUF_ARRAY(body))), 400);
    assert_int_equal(deregister(f, f->client1, &device), 200);
    assert_int_equal(answer_number(f, "deregistered"), 1);
    assert_int_equal(deregister(f, f->client1, &device), 200);
    assert_int_equal(answer_number(f, "deregistered"), 0);
    assert_int_equal(rows(f, "registration WHERE state <> 2"), 0);
    assert_int_equal(register_device(f, f->client2, "", &device), 200); /* nobody's any more */
}

/* --- revocations ------------------------------------------------------------------------------ */

/* A certificate of the account; its serial number in hex. */
static void issue_one(struct fixture *f, struct https_client *client,
                      char serial[2 * CEDE_SERIAL_LEN_MAX + 1])
{
    struct key key;
    uint8_t bytes[512];
    struct cede_certificate view;

    new_key(&key);
    assert_int_equal(
        post(f, client, "/v1/server-certificates", CBOR,
             c509_request(&key, client == f->client1 ? "SP1" : "SP2", CEDE_BUF_ARRAY(bytes))),
        200);
    decode_issued(f, f->answer.body, &view);
    hex_encode(view.serial.ptr, view.serial.len, serial);
}

static int revokes(struct fixture *f, struct https_client *client, const char *first,
                   const char *second, const char *reason)
{
    char body[256];

    snprintf(body, sizeof body, "{\"serials\":[\"%s\"%s%s%s]%s}", first,
             second == NULL ? "" : ",\"", second == NULL ? "" : second, second == NULL ? "" : "\"",
             reason);
    return post(f, client, "/v1/revocations", JSON, cede_span_string(body));
}

static void only_ones_own_certificates_are_revoked(void **state)
{
    struct fixture *f = *state;
    char mine[2 * CEDE_SERIAL_LEN_MAX + 1], also[2 * CEDE_SERIAL_LEN_MAX + 1],
        theirs[2 * CEDE_SERIAL_LEN_MAX + 1];

    serve(f);
    issue_one(f, f->client1, mine);
    issue_one(f, f->client1, also);
    issue_one(f, f->client2, theirs);
    assert_int_equal(revokes(f, f->client2, mine, NULL, ""), 404);
    assert_int_equal(revokes(f, f->client1, mine, theirs, ",\"reason\":1"), 404); /* all or none */
    assert_int_equal(revokes(f, f->client1, mine, "00aa", ""), 404);
    assert_int_equal(rows(f, "certificate WHERE status = 1"), 0);
    assert_int_equal(revokes(f, f->client1, mine, NULL, ",\"reason\":4"), 200);
    assert_int_equal(answer_number(f, "revoked"), 1);
    assert_int_equal(revokes(f, f->client1, mine, NULL, ""), 200);
    assert_int_equal(answer_number(f, "revoked"), 0);
    assert_int_equal(revokes(f, f->client1, mine, also, ""), 200);
    assert_int_equal(answer_number(f, "revoked"), 1);
    assert_int_equal(rows(f, "certificate WHERE status = 1"), 2);
}

static void malformed_revocations_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"serials\":[]}",
        "{\"serials\":\"40\"}",
        "{\"serials\":[1]}",
        "{\"serials\":[\"\"]}",
        "{\"serials\":[\"4\"]}",
        "{\"serials\":[\"zz\"]}",
        "{\"serials\":[\"404142434445464748494a4b4c4d4e4f5051525354\"]}",
        "{\"serials\":[\"40\"],\"serials\":[\"41\"]}",
    };
    static const char *const reasons[] = {",\"reason\":-1",         ",\"reason\":11",
                                          ",\"reason\":7",          ",\"reason\":\"1\"",
                                          ",\"reason\":4294967296", ",\"reason\":null"};
    struct fixture *f = *state;
    char mine[2 * CEDE_SERIAL_LEN_MAX + 1];

    serve(f);
    issue_one(f, f->client1, mine);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        post(f, f->client1, "/v1/revocations", JSON, cede_span_string(bad[i]));
        assert_refused(f, 400, "bad_revocation", "expected ");
    }
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        revokes(f, f->client1, mine, NULL, reasons[i]);
        assert_refused(f, 400, "bad_revocation", "expected ");
    }
    assert_int_equal(rows(f, "certificate WHERE status = 1"), 0);
}

struct page {
    int64_t next;
    size_t count;
    char first[2 * CEDE_SERIAL_LEN_MAX + 1];
    int64_t reason;
};

static void read_page(struct fixture *f, int64_t since, struct page *page)
{
    char path[64];
    json_t *json = NULL;
    const json_t *list_, *entry;

    memset(page, 0, sizeof *page);
    snprintf(path, sizeof path, "/v1/revoked?since=%lld", (long long)since);
    assert_int_equal(get(f, f->client2, path), 200);
    json = answer_json(f);
    list_ = json_object_get(json, "revoked");
    assert_true(json_is_array(list_));
    page->count = json_array_size(list_);
    page->next = json_integer_value(json_object_get(json, "next"));
    if (page->count > 0) {
        entry = json_array_get(list_, 0);
        snprintf(page->first, sizeof page->first, "%s",
                 json_string_value(json_object_get(entry, "serial")));
        page->reason = json_integer_value(json_object_get(entry, "reason"));
        assert_true(json_integer_value(json_object_get(entry, "at")) > 1700000000);
    }
    json_decref(json);
}

static void revoked_is_read_on_from_where_one_stopped(void **state)
{
    static const char *const bad[] = {"", "x", "-1", "1x", "%201", "+1", "99999999999999999999"};
    struct fixture *f = *state;
    char first[2 * CEDE_SERIAL_LEN_MAX + 1], second[2 * CEDE_SERIAL_LEN_MAX + 1], path[64];
    struct page page, more;

    serve(f);
    issue_one(f, f->client1, first);
    issue_one(f, f->client1, second);
    read_page(f, 0, &page);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.next, 0);
    assert_int_equal(revokes(f, f->client1, first, NULL, ",\"reason\":4"), 200);
    read_page(f, page.next, &page); /* also by another account: CRLs are public */
    assert_int_equal(page.count, 1);
    assert_string_equal(page.first, first);
    assert_int_equal(page.reason, 4);
    assert_int_equal(revokes(f, f->client1, second, NULL, ""), 200);
    read_page(f, page.next, &more);
    assert_int_equal(more.count, 1);
    assert_string_equal(more.first, second);
    assert_true(more.next > page.next);
    read_page(f, more.next, &page);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.next, more.next);
    assert_int_equal(get(f, f->client2, "/v1/revoked"), 200);
    assert_int_equal(answer_number(f, "next"), more.next);
    /* of more than there is: the records are an older copy than those one had read in */
    read_page(f, more.next + 100, &page);
    assert_int_equal(page.count, 2);
    assert_string_equal(page.first, first);
    assert_int_equal(page.next, more.next);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(path, sizeof path, "/v1/revoked?since=%s", bad[i]);
        get(f, f->client2, path);
        assert_refused(f, 400, "bad_since", "");
    }
}

/* A thousand a page, and nothing is lost between the pages. */
static void revoked_comes_in_pages(void **state)
{
    struct fixture *f = *state;
    struct ca *ca = open_ca(f);
    struct page page = {0};
    size_t total = 0;
    int pages = 0;

    ok(store_begin(ca_store(ca)));
    for (int64_t i = 0; i < 2001; i++) {
        struct ca_certificate_record record;
        bool changed = false;

        memset(&record, 0, sizeof record);
        record.serial_len = sizeof i;
        memcpy(record.serial, &i, sizeof i);
        record.serial[7] = 0x40;
        memcpy(record.thumbprint, &i, sizeof i);
        record.profile = CA_PROFILE_SERVER;
        record.not_after = CA_NO_END;
        record.raw_len = 1;
        ok(ca_records_add(ca, &record, "test"));
        ok(ca_records_revoke(ca, record.row, 5, &changed));
        assert_true(changed);
    }
    ok(store_commit(ca_store(ca)));
    ca_close(ca);
    serve(f);
    do {
        read_page(f, page.next, &page);
        total += page.count;
        pages++;
    } while (page.count > 0 && pages < 10);
    assert_int_equal(total, 2001);
    assert_int_equal(pages, 4); /* 1000, 1000, 1 and none */
}

/* --- anchors ---------------------------------------------------------------------------------- */

static void anchors_are_told(void **state)
{
    struct fixture *f = *state;
    struct cede_trust_list list_;
    struct cede_trust_entry entry;
    struct cede_certificate anchor, est;

    serve(f);
    assert_int_equal(get(f, f->client2, "/v1/anchors"), 200);
    assert_string_equal(f->answer.content_type, CBOR);
    list_ = cede_trust_list(f->answer.body);
    assert_true(cede_trust_list_next(&list_, &entry));
    assert_int_equal(entry.purposes, CEDE_PURPOSE_ENROL | CEDE_PURPOSE_SURVIVES);
    ok(cede_certificate_decode(entry.certificate, crypto(), &anchor));
    decode_issued(f, f->ca_der, &est); /* the same CA in other clothes */
    assert_memory_equal(anchor.point, est.point, 64);
    assert_true(cede_name_equal(anchor.subject, est.subject));
    assert_true(cede_trust_list_next(&list_, &entry));
    assert_int_equal(entry.purposes, CEDE_PURPOSE_KNOWN | CEDE_PURPOSE_SURVIVES);
    decode_issued(f, entry.certificate, &est);
    assert_int_equal(est.ext.eku, CEDE_EKU_CMC_RA);
    assert_false(cede_trust_list_next(&list_, &entry));
    ok(cede_trust_list_finish(&list_));
}

#define permanent(test_)   cmocka_unit_test_setup_teardown(test_, setup_permanent, teardown)
#define operational(test_) cmocka_unit_test_setup_teardown(test_, setup_operational, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        operational(an_unknown_account_is_refused_by_tls),
        operational(the_frame_of_a_request_is_checked_first),
        permanent(factory_certificates_come_in_order_and_kind),
        permanent(one_bad_proof_of_possession_refuses_all),
        permanent(another_key_for_a_device_is_an_alarm),
        permanent(a_batch_has_a_limit_and_a_form),
        operational(an_operational_ca_issues_no_factory_certificates),
        operational(server_certificates_have_their_usage),
        operational(a_partner_gets_certificates_for_its_own_servers_only),
        operational(devices_are_registered_by_x509_and_c509),
        operational(a_bag_with_one_of_an_unknown_ca_is_refused),
        operational(R7_a_held_device_needs_the_holders_release),
        operational(releases_of_nothing_are_refused),
        operational(only_ones_own_devices_are_deregistered),
        operational(only_ones_own_certificates_are_revoked),
        operational(malformed_revocations_are_refused),
        operational(revoked_is_read_on_from_where_one_stopped),
        operational(revoked_comes_in_pages),
        operational(anchors_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
