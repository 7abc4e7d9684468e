/* SPDX-License-Identifier: Apache-2.0 */
/* convert_test.c - `cede convert` on files: there and back byte for byte, and what is refused why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cede/certificate.h"
#include "cede/crypto_openssl.h"
#include "cede/posix.h"
#include "cli/cli.h"

#define ok(expression_) assert_int_equal((expression_), CEDE_OK)

#define MOZILLA "/usr/share/ca-certificates/mozilla" /* Debian's package ca-certificates */

/* --- fixture ---------------------------------------------------------------------------------- */

struct fixture {
    char directory[64];
    char message[4096]; /* what the last command wrote to standard error */
    uint8_t bytes[65536], more[65536];
};

static const struct cede_crypto *crypto(void)
{
    return cede_crypto_openssl();
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    strcpy(f->directory, "/tmp/cede-convert-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* One of a few paths in the test's folder; valid for the next calls but seven. */
static char *in_folder(const struct fixture *f, const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, PATH_MAX, "%s/%s", f->directory, name);
    return path;
}

static void put(const struct fixture *f, const char *name, struct cede_span content)
{
    ok(cede_file_write(in_folder(f, name), 0644, content));
}

static struct cede_span get_path(const char *path, uint8_t memory[65536])
{
    struct cede_span content;

    ok(cede_file_read(path, CEDE_FILE_PUBLIC, cede_buf(memory, 65536), &content));
    return content;
}

static struct cede_span get(struct fixture *f, const char *name)
{
    return get_path(in_folder(f, name), f->bytes);
}

static void assert_same(struct fixture *f, const char *name, const char *path)
{
    assert_true(cede_span_equal(get(f, name), get_path(path, f->more)));
}

/* Puts a file in place of a standard stream; returns the stream's own descriptor. */
static int redirect(int stream, const char *path, int flags)
{
    int kept = dup(stream);
    int fd = open(path, flags, 0600);

    assert_true(kept >= 0 && fd >= 0);
    assert_int_equal(dup2(fd, stream), stream);
    close(fd);
    return kept;
}

static void restore(int stream, int kept)
{
    assert_int_equal(dup2(kept, stream), stream);
    close(kept);
}

/* Runs the command with these words; they end with a null. */
static int run(struct fixture *f, const char *first, ...)
{
    char *arguments[8] = {(char *)(uintptr_t) "convert"};
    char *path = in_folder(f, "stderr");
    va_list words;
    int count = 1, kept, code;
    FILE *file;

    va_start(words, first);
    for (const char *word = first; word != NULL && count < 7; word = va_arg(words, const char *)) {
        arguments[count++] = (char *)(uintptr_t)word;
    }
    va_end(words);
    fflush(stderr);
    kept = redirect(STDERR_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC);
    code = cli_convert_commands[0].run(count, arguments);
    fflush(stderr);
    restore(STDERR_FILENO, kept);
    file = fopen(path, "r");
    assert_non_null(file);
    f->message[fread(f->message, 1, sizeof f->message - 1, file)] = '\0';
    fclose(file);
    return code;
}

static int convert(struct fixture *f, const char *to, const char *in, const char *out)
{
    return run(f, "--to", to, in_folder(f, in), in_folder(f, out), NULL);
}

/* Refused with this reason, and the output is what it was. */
static void assert_refused(struct fixture *f, const char *to, const char *in, const char *reason)
{
    put(f, "untouched", CEDE_SPAN_TEXT("as before"));
    assert_int_equal(convert(f, to, in, "untouched"), CLI_FAILED);
    if (strstr(f->message, reason) == NULL) {
        assert_string_equal(f->message, reason);
    }
    assert_non_null(strstr(f->message, in)); /* names the input */
    assert_true(cede_span_equal(get(f, "untouched"), CEDE_SPAN_TEXT("as before")));
    assert_int_equal(convert(f, to, in, in), CLI_FAILED); /* over itself: still there */
    assert_int_equal(access(in_folder(f, in), R_OK), 0);
}

/* --- objects ---------------------------------------------------------------------------------- */

static void put_x509(struct fixture *f, const char *name, X509 *certificate)
{
    uint8_t *der = NULL;
    int len = i2d_X509(certificate, &der);

    assert_true(len > 0);
    put(f, name, cede_span(der, (size_t)len));
    OPENSSL_free(der);
}

static X509 *new_x509(EVP_PKEY *key)
{
    X509 *certificate = X509_new();

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711);
    X509_set_pubkey(certificate, key);
    ASN1_TIME_set(X509_getm_notBefore(certificate), 1700000000);
    ASN1_TIME_set(X509_getm_notAfter(certificate), 1800000000);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "O", MBSTRING_UTF8,
                               (const uint8_t *)"Example", -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(certificate), "CN", MBSTRING_UTF8,
                               (const uint8_t *)"Issuer", -1, -1, 0);
    return certificate;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void sign_and_put(struct fixture *f, const char *name, X509 *certificate, EVP_PKEY *key)
{
    assert_true(X509_sign(certificate, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) >
                0);
    put_x509(f, name, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* "subject.der" by an RSA key, with extensions that have forms of their own and one that has none.
 */
static void make_certificate(struct fixture *f, const char *name)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    X509 *certificate = new_x509(key);

    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:1");
    add_extension(certificate, NID_subject_alt_name,
                  "DNS:a.example,IP:192.0.2.1,email:a@b.example");
    add_extension(certificate, NID_netscape_comment, "no number in the registry");
    sign_and_put(f, name, certificate, key);
}

struct signing_key {
    uint8_t scalar[32], point[64];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
};

static void new_key(struct signing_key *key)
{
    ok(crypto()->generate(crypto()->context, CEDE_CRV_P256, key->scalar, key->point));
    key->private_key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(key->scalar), NULL};
    key->public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(key->point)};
}

static struct cede_span native_certificate(uint8_t bytes[1024])
{
    static const uint8_t serial[] = {0x41, 0x02};
    struct signing_key key;
    struct cede_certificate_info info;
    struct cede_span c509;

    new_key(&key);
    memset(&info, 0, sizeof info);
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = info.subject = (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_TEXT("device-1")};
    info.not_before = 1700000000;
    info.not_after = CEDE_TIME_NONE;
    info.public_key = key.public_key;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    ok(cede_c509_issue(crypto(), &info, &key.private_key, cede_buf(bytes, 1024), &c509));
    return c509;
}

/* --- certificates ----------------------------------------------------------------------------- */

static void certificates_go_there_and_back(void **state)
{
    struct fixture *f = *state;
    struct cede_c509 c509;
    struct cede_span pem;

    make_certificate(f, "in.der");
    assert_int_equal(convert(f, "c509", "in.der", "out.c509"), CLI_OK);
    assert_string_equal(f->message, "");
    ok(cede_c509_decode(get(f, "out.c509"), &c509));
    assert_int_equal(c509.type, CEDE_C509_X509);
    assert_int_equal(f->bytes[0], 0x8b); /* the array of eleven */
    assert_int_equal(convert(f, "der", "out.c509", "back.der"), CLI_OK);
    assert_same(f, "back.der", in_folder(f, "in.der"));
    /* through PEM */
    assert_int_equal(convert(f, "pem", "out.c509", "out.pem"), CLI_OK);
    pem = get(f, "out.pem");
    assert_memory_equal(pem.ptr, "-----BEGIN CERTIFICATE-----\n", 28);
    assert_int_equal(convert(f, "c509", "out.pem", "again.c509"), CLI_OK);
    assert_same(f, "again.c509", in_folder(f, "out.c509"));
    assert_int_equal(convert(f, "der", "out.pem", "back.der"), CLI_OK);
    assert_same(f, "back.der", in_folder(f, "in.der"));
    /* in place */
    assert_int_equal(convert(f, "c509", "back.der", "back.der"), CLI_OK);
    assert_same(f, "back.der", in_folder(f, "out.c509"));
}

static void every_wrapping_is_recognised(void **state)
{
    struct fixture *f = *state;
    uint8_t room[8192];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    struct cede_c509 c509;
    struct cede_span content;

    make_certificate(f, "in.der");
    assert_int_equal(convert(f, "c509", "in.der", "array"), CLI_OK);
    ok(cede_c509_decode(get(f, "array"), &c509));
    put(f, "sequence", c509.sequence);
    cede_c509_put_bag(&writer, &c509.sequence, 1);
    put(f, "bag", cede_written(&writer));
    writer = cede_writer(CEDE_BUF_ARRAY(room));
    content = get(f, "in.der");
    cede_c509_put_bag(&writer, &content, 1);
    put(f, "x5bag", cede_written(&writer));
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {"array", "sequence", "bag", "x5bag"};

        assert_int_equal(convert(f, "der", names[i], "back.der"), CLI_OK);
        assert_same(f, "back.der", in_folder(f, "in.der"));
        assert_int_equal(convert(f, "c509", names[i], "again"), CLI_OK);
        assert_same(f, "again", in_folder(f, "array"));
    }
}

static void pem_may_have_text_around_it(void **state)
{
    struct fixture *f = *state;
    uint8_t room[8192];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

    make_certificate(f, "in.der");
    assert_int_equal(convert(f, "pem", "in.der", "in.pem"), CLI_OK);
    cede_write_bytes(&writer, CEDE_SPAN_TEXT("Subject: Example\n"));
    cede_write_bytes(&writer, get(f, "in.pem"));
    cede_write_bytes(&writer, CEDE_SPAN_TEXT("and so on\n"));
    put(f, "text.pem", cede_written(&writer));
    assert_int_equal(convert(f, "der", "text.pem", "back.der"), CLI_OK);
    assert_same(f, "back.der", in_folder(f, "in.der"));
    cede_write_bytes(&writer, CEDE_SPAN_TEXT("-----BEGIN CERTIFICATE-----\nMIIB\n"));
    put(f, "cut.pem", cede_written(&writer));
    assert_refused(f, "der", "cut.pem", "the PEM text is damaged");
}

static void the_standard_streams_are_the_default(void **state)
{
    static const char *const words[][2] = {{NULL, NULL}, {"-", NULL}, {"-", "-"}};
    struct fixture *f = *state;

    make_certificate(f, "in.der");
    assert_int_equal(convert(f, "c509", "in.der", "expected"), CLI_OK);
    for (int i = 0; i < 3; i++) {
        int in, out, code;

        fflush(stdout);
        in = redirect(STDIN_FILENO, in_folder(f, "in.der"), O_RDONLY);
        out = redirect(STDOUT_FILENO, in_folder(f, "out"), O_WRONLY | O_CREAT | O_TRUNC);
        clearerr(stdin);
        code = run(f, "--to=c509", words[i][0], words[i][1], NULL);
        fflush(stdout);
        restore(STDOUT_FILENO, out);
        restore(STDIN_FILENO, in);
        assert_int_equal(code, CLI_OK);
        assert_same(f, "out", in_folder(f, "expected"));
    }
    /* a device is written to, not replaced */
    assert_int_equal(run(f, "--to", "der", in_folder(f, "in.der"), "/dev/null", NULL), CLI_OK);
    struct stat null;
    assert_int_equal(stat("/dev/null", &null), 0);
    assert_true(S_ISCHR(null.st_mode));
}

static void native_c509_has_no_x509_form(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[1024], expected[1024] = {0x8b};
    struct cede_span c509 = native_certificate(bytes);

    put(f, "native", c509);
    assert_refused(f, "der", "native", "signed over its CBOR");
    assert_refused(f, "pem", "native", "signed over its CBOR");
    put(f, "native", c509);
    assert_int_equal(convert(f, "c509", "native", "out"), CLI_OK);
    memcpy(expected + 1, c509.ptr, c509.len);
    assert_true(cede_span_equal(get(f, "out"), cede_span(expected, 1 + c509.len)));
}

/* A PKCS #10 request with an extensionRequest, a challengePassword of this string type (0: none)
 * and an attribute that has no number. */
static void make_request(struct fixture *f, const char *name, EVP_PKEY *key, int password_type)
{
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    uint8_t *der = NULL;
    int len;

    assert_non_null(key);
    X509_REQ_set_version(request, X509_REQ_VERSION_1);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                               (const uint8_t *)"device-1", -1, -1, 0);
    X509_REQ_set_pubkey(request, key);
    sk_X509_EXTENSION_push(
        extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:device-1.example"));
    sk_X509_EXTENSION_push(
        extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,digitalSignature"));
    X509_REQ_add_extensions(request, extensions);
    if (password_type != 0) {
        X509_REQ_add1_attr_by_NID(request, NID_pkcs9_challengePassword, password_type,
                                  (const uint8_t *)"secret", 6);
    }
    X509_REQ_add1_attr_by_NID(request, NID_pkcs9_unstructuredName, V_ASN1_UTF8STRING,
                              (const uint8_t *)"what else", 9);
    assert_true(X509_REQ_sign(request, key,
                              EVP_PKEY_is_a(key, "ED25519")   ? NULL
                              : EVP_PKEY_get_bits(key) == 384 ? EVP_sha384()
                                                              : EVP_sha256()) > 0);
    len = i2d_X509_REQ(request, &der);
    put(f, name, cede_span(der, (size_t)len));
    OPENSSL_free(der);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

/* --- chains ----------------------------------------------------------------------------------- */

static void chains_go_there_and_back(void **state)
{
    struct fixture *f = *state;
    uint8_t room[8192];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    struct cede_span certificates[3];
    size_t count;

    make_certificate(f, "one.der");
    make_certificate(f, "two.der");
    assert_int_equal(convert(f, "pem", "one.der", "one.pem"), CLI_OK);
    assert_int_equal(convert(f, "pem", "two.der", "two.pem"), CLI_OK);
    cede_write_bytes(&writer, get(f, "one.pem"));
    cede_write_bytes(&writer, get(f, "two.pem"));
    put(f, "chain.pem", cede_written(&writer));
    /* COSE_C509, in the order of the chain */
    assert_int_equal(convert(f, "c509", "chain.pem", "chain.c509"), CLI_OK);
    ok(cede_c509_bag_decode(get(f, "chain.c509"), certificates, 3, &count));
    assert_int_equal(count, 2);
    assert_int_equal(certificates[0].ptr[0], 0x03); /* ~C509Certificate */
    assert_int_equal(convert(f, "pem", "chain.c509", "back.pem"), CLI_OK);
    assert_same(f, "back.pem", in_folder(f, "chain.pem"));
    /* in DER they are a certs-only message */
    assert_int_equal(convert(f, "der", "chain.c509", "chain.p7c"), CLI_OK);
    assert_int_equal(convert(f, "der", "chain.pem", "again.p7c"), CLI_OK);
    assert_same(f, "again.p7c", in_folder(f, "chain.p7c"));
    assert_int_equal(convert(f, "c509", "chain.p7c", "again.c509"), CLI_OK);
    assert_same(f, "again.c509", in_folder(f, "chain.c509"));
    /* one bad certificate spoils the chain */
    put(f, "bad.c509", cede_span(get(f, "chain.c509").ptr, get(f, "chain.c509").len - 1));
    assert_refused(f, "der", "bad.c509", "COSE_C509");
}

/* --- private keys ----------------------------------------------------------------------------- */

static EVP_PKEY *new_pkey(int kind)
{
    return kind == 0   ? EVP_EC_gen("P-256")
           : kind == 1 ? EVP_EC_gen("P-521")
           : kind == 2 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
           : kind == 3 ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
                       : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
}

static void put_key_pem(struct fixture *f, const char *name, EVP_PKEY *key, const char *pass,
                        bool traditional)
{
    BIO *bio = BIO_new_file(in_folder(f, name), "w");
    const EVP_CIPHER *cipher = pass != NULL ? EVP_aes_128_cbc() : NULL;
    int len = pass != NULL ? (int)strlen(pass) : 0;

    assert_non_null(bio);
    assert_int_equal((traditional ? PEM_write_bio_PrivateKey_traditional(
                                        bio, key, cipher, (const uint8_t *)pass, len, NULL, NULL)
                                  : PEM_write_bio_PrivateKey(
                                        bio, key, cipher, (const uint8_t *)pass, len, NULL, NULL)),
                     1);
    BIO_free(bio);
}

static void keys_go_there_and_back(void **state)
{
    struct fixture *f = *state;

    for (int kind = 0; kind < 5; kind++) {
        EVP_PKEY *key = new_pkey(kind);
        struct cede_c509_private_key read;
        struct stat mode;

        put_key_pem(f, "key.pem", key, NULL, false);
        assert_int_equal(convert(f, "c509", "key.pem", "key.c509"), CLI_OK);
        ok(cede_c509_private_key_decode(get(f, "key.c509"), &read));
        assert_int_equal(read.type, CEDE_C509_KEY_OCTETS);
        assert_int_equal(stat(in_folder(f, "key.c509"), &mode), 0);
        assert_int_equal(mode.st_mode & 0777, 0600); /* for its owner alone */
        assert_int_equal(convert(f, "pem", "key.c509", "back.pem"), CLI_OK);
        assert_same(f, "back.pem", in_folder(f, "key.pem"));
        assert_int_equal(stat(in_folder(f, "back.pem"), &mode), 0);
        assert_int_equal(mode.st_mode & 0777, 0600);
        assert_int_equal(convert(f, "der", "key.c509", "key.der"), CLI_OK);
        assert_int_equal(convert(f, "c509", "key.der", "again.c509"), CLI_OK);
        assert_same(f, "again.c509", in_folder(f, "key.c509"));
        /* what older tools write is the same key */
        if (kind < 2 || kind == 4) {
            put_key_pem(f, "old.pem", key, NULL, true);
            assert_int_equal(convert(f, "pem", "old.pem", "back.pem"), CLI_OK);
            assert_same(f, "back.pem", in_folder(f, "key.pem"));
        }
        put_key_pem(f, "secret.pem", key, "a pass phrase", false);
        assert_refused(f, "c509", "secret.pem", "the private key is encrypted");
        EVP_PKEY_free(key);
    }
}

static void keys_and_certificates_are_one_file(void **state)
{
    struct fixture *f = *state;
    uint8_t room[16384];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
    struct cede_c509_private_key read;
    EVP_PKEY *key = new_pkey(0);
    struct cede_span bag;

    put_key_pem(f, "key.pem", key, NULL, false);
    EVP_PKEY_free(key);
    make_certificate(f, "in.der");
    assert_int_equal(convert(f, "pem", "in.der", "in.pem"), CLI_OK);
    cede_write_bytes(&writer, get(f, "key.pem"));
    cede_write_bytes(&writer, get(f, "in.pem"));
    put(f, "both.pem", cede_written(&writer));
    assert_int_equal(convert(f, "c509", "both.pem", "both.c509"), CLI_OK);
    ok(cede_c509_pem_decode(get(f, "both.c509"), &read, &bag));
    assert_non_null(bag.ptr);
    assert_int_equal(convert(f, "pem", "both.c509", "back.pem"), CLI_OK);
    assert_same(f, "back.pem", in_folder(f, "both.pem"));
    assert_refused(f, "der", "both.c509", "no form in DER");
    /* two keys, or a request beside a key, are too much for one file */
    cede_write_bytes(&writer, get(f, "key.pem"));
    put(f, "twice.pem", cede_written(&writer));
    assert_refused(f, "c509", "twice.pem", "several private keys");
    make_request(f, "request.der", EVP_EC_gen("P-256"), 0);
    assert_int_equal(convert(f, "pem", "request.der", "request.pem"), CLI_OK);
    writer = cede_writer(CEDE_BUF_ARRAY(room));
    cede_write_bytes(&writer, get(f, "key.pem"));
    cede_write_bytes(&writer, get(f, "request.pem"));
    put(f, "mixed.pem", cede_written(&writer));
    assert_refused(f, "c509", "mixed.pem", "a request and something else");
}

static void revocation_lists_are_refused(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = new_pkey(0);
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = ASN1_TIME_set(NULL, 1700000000);
    FILE *file = fopen(in_folder(f, "crl.pem"), "w");
    uint8_t *der = NULL;
    int len;

    X509_CRL_set1_lastUpdate(crl, now);
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    len = i2d_X509_CRL(crl, &der);
    put(f, "crl.der", cede_span(der, (size_t)len));
    assert_non_null(file);
    PEM_write_X509_CRL(file, crl);
    fclose(file);
    assert_refused(f, "c509", "crl.der", "a certificate revocation list");
    assert_refused(f, "c509", "crl.pem", "a certificate revocation list");
    OPENSSL_free(der);
    ASN1_TIME_free(now);
    X509_CRL_free(crl);
    EVP_PKEY_free(key);
}

/* --- stored items ----------------------------------------------------------------------------- */

static void envelopes_are_put_on_and_taken_off(void **state)
{
    static const struct {
        const char *name;
        uint32_t format;
    } cases[] = {{"in.der", CEDE_C509_FORMAT_CERTIFICATE},
                 {"request.der", CEDE_C509_FORMAT_REQUEST},
                 {"key.pem", CEDE_C509_FORMAT_PRIVATE_KEY}};
    struct fixture *f = *state;
    EVP_PKEY *key = new_pkey(0);
    struct cede_span item;
    uint32_t format;

    put_key_pem(f, "key.pem", key, NULL, false);
    EVP_PKEY_free(key);
    make_certificate(f, "in.der");
    make_request(f, "request.der", EVP_EC_gen("P-256"), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(f, "--to", "c509", "--envelope", in_folder(f, cases[i].name),
                             in_folder(f, "out"), NULL),
                         CLI_OK);
        ok(cede_c509_file_open(get(f, "out"), &format, &item));
        assert_int_equal(format, cases[i].format);
        assert_int_equal(convert(f, "der", "out", "back"), CLI_OK);
        assert_int_equal(convert(f, "der", cases[i].name, "expected"), CLI_OK);
        assert_same(f, "back", in_folder(f, "expected"));
    }
}

/* --- what type 3 cannot express --------------------------------------------------------------- */

static void an_unusual_date_is_refused(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = new_x509(key);

    ASN1_GENERALIZEDTIME_set_string(X509_getm_notAfter(certificate), "20491231235959Z");
    sign_and_put(f, "date.der", certificate, key);
    assert_refused(f, "c509", "date.der", "through the year 2049 as UTCTime");
    /* from 2050 on it is as it should be */
    key = EVP_EC_gen("P-256");
    certificate = new_x509(key);
    ASN1_GENERALIZEDTIME_set_string(X509_getm_notAfter(certificate), "20500101000000Z");
    sign_and_put(f, "date.der", certificate, key);
    assert_int_equal(convert(f, "c509", "date.der", "out"), CLI_OK);
    assert_int_equal(convert(f, "der", "out", "back"), CLI_OK);
    assert_same(f, "back", in_folder(f, "date.der"));
}

static void unusual_names_are_refused(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = new_x509(key);

    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "OU", MBSTRING_UTF8,
                               (const uint8_t *)"more", -1, -1, -1 /* to the one before */);
    sign_and_put(f, "multi.der", certificate, key);
    assert_refused(f, "c509", "multi.der", "more than one AttributeTypeAndValue is not supported");
    key = EVP_EC_gen("P-256");
    certificate = new_x509(key);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(certificate), "OU", V_ASN1_T61STRING,
                               (const uint8_t *)"old", -1, -1, 0);
    sign_and_put(f, "teletex.der", certificate, key);
    assert_refused(f, "c509", "teletex.der", "bmpString are not supported");
}

static void what_is_no_certificate_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t *long_one = calloc(1, (1 << 20) + 1);
    struct cede_span content;
    static const uint8_t two[] = {0x82, 0x42, 0x03, 0x41, 0x42, 0x03, 0x41};
    static const uint8_t template_[] = {0x87, 0x00, 0xf7, 0xf7, 0xf7, 0xf7, 0xf7, 0xf7};

    make_certificate(f, "in.der");
    content = get(f, "in.der");
    put(f, "cut.der", cede_span(content.ptr, content.len - 1));
    assert_refused(f, "c509", "cut.der", "no X.509 certificate");
    put(f, "empty", CEDE_SPAN_TEXT(""));
    assert_refused(f, "c509", "empty", "empty");
    put(f, "text", CEDE_SPAN_TEXT("hello"));
    assert_refused(f, "c509", "text", "neither PEM, DER nor C509");
    put(f, "damaged.pem", CEDE_SPAN_TEXT("-----BEGIN CERTIFICATE-----\nMIIB\n"));
    assert_refused(f, "c509", "damaged.pem", "damaged");
    put(f, "key.pem",
        CEDE_SPAN_TEXT("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"));
    assert_refused(f, "der", "key.pem", "PUBLIC KEY");
    put(f, "two.bag", CEDE_SPAN_ARRAY(two));
    assert_refused(f, "der", "two.bag", "C509");
    put(f, "template", CEDE_SPAN_ARRAY(template_));
    assert_refused(f, "der", "template", "a request template");
    put(f, "envelope", CEDE_SPAN_TEXT("\xd9\xd9\xf7\xc1\x00"));
    assert_refused(f, "der", "envelope", "an envelope of another kind");
    put(f, "zeros", cede_span(long_one, 100));
    assert_refused(f, "der", "zeros", "C509");
    put(f, "long", cede_span(long_one, (1 << 20) + 1));
    assert_refused(f, "der", "long", "longer than 1 MiB");
    assert_int_equal(convert(f, "der", "missing", "out"), CLI_FAILED);
    assert_int_equal(convert(f, "der", "in.der", "no/such/folder"), CLI_FAILED);
    free(long_one);
}

static void usage_is_checked(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run(f, "-", NULL), CLI_USAGE);
    assert_int_equal(run(f, "--to", "x509", "-", NULL), CLI_USAGE);
    assert_non_null(strstr(f->message, "x509"));
    assert_int_equal(run(f, "--to", "der", "a", "b", "c", NULL), CLI_USAGE);
    assert_int_equal(run(f, "--from", "der", NULL), CLI_USAGE);
    assert_int_equal(run(f, "--to", "der", "--envelope", "-", NULL), CLI_USAGE);
    assert_non_null(strstr(f->message, "--envelope"));
    assert_int_equal(run(f, "--help", NULL), CLI_OK);
}

/* --- requests --------------------------------------------------------------------------------- */

static void requests_go_there_and_back(void **state)
{
    static const int passwords[] = {V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING, 0};
    struct fixture *f = *state;
    uint8_t scratch[4096];
    struct cede_request request;
    struct cede_span pem;

    for (int kind = 0; kind < 4; kind++) {
        EVP_PKEY *key = kind == 0   ? EVP_EC_gen("P-256")
                        : kind == 1 ? EVP_EC_gen("P-384")
                        : kind == 2 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                    : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);

        make_request(f, "in.der", key, passwords[kind % 3]);
        assert_int_equal(convert(f, "c509", "in.der", "out.c509"), CLI_OK);
        ok(cede_request_decode(get(f, "out.c509"), crypto(), &request));
        assert_int_equal(request.format, CEDE_CERTIFICATE_C509_X509);
        assert_int_equal(request.ext.key_usage, CEDE_KU_DIGITAL_SIGNATURE);
        if (passwords[kind % 3] != 0) {
            assert_true(cede_span_equal(request.challenge_password, CEDE_SPAN_TEXT("secret")));
        }
        if (kind < 3) { /* proofs by RSA are none that cede takes */
            ok(cede_request_verify(&request, crypto(), CEDE_BUF_ARRAY(scratch)));
        }
        assert_int_equal(convert(f, "pem", "out.c509", "out.pem"), CLI_OK);
        pem = get(f, "out.pem");
        assert_memory_equal(pem.ptr, "-----BEGIN CERTIFICATE REQUEST-----\n", 36);
        assert_int_equal(convert(f, "der", "out.pem", "back.der"), CLI_OK);
        assert_same(f, "back.der", in_folder(f, "in.der"));
        assert_int_equal(convert(f, "der", "out.c509", "back.der"), CLI_OK);
        assert_same(f, "back.der", in_folder(f, "in.der"));
        assert_int_equal(convert(f, "c509", "out.c509", "again"), CLI_OK);
        assert_same(f, "again", in_folder(f, "out.c509"));
    }
}

static void requests_without_a_form_are_refused(void **state)
{
    struct fixture *f = *state;
    struct signing_key key;
    uint8_t bytes[512];
    struct cede_span native, content;
    struct cede_name name = {CEDE_NAME_TEXT, CEDE_SPAN_TEXT("device-1")};

    make_request(f, "ia5.der", EVP_EC_gen("P-256"), V_ASN1_IA5STRING);
    assert_refused(f, "c509", "ia5.der", "challengePassword is neither");
    new_key(&key);
    ok(cede_c509_request_write(crypto(), name, &key.public_key, &key.private_key, CEDE_SPAN_NULL,
                               CEDE_BUF_ARRAY(bytes), &native));
    put(f, "native", native);
    assert_refused(f, "der", "native", "signed over its CBOR");
    assert_int_equal(convert(f, "c509", "native", "out"), CLI_OK);
    assert_same(f, "out", in_folder(f, "native"));
    make_request(f, "in.der", EVP_EC_gen("P-256"), 0);
    assert_int_equal(convert(f, "c509", "in.der", "in.c509"), CLI_OK);
    content = get(f, "in.c509");
    put(f, "cut.c509", cede_span(content.ptr, content.len - 1));
    assert_refused(f, "der", "cut.c509", "C509");
}

/* --- real certificates ------------------------------------------------------------------------ */

/* What OpenSSL says about the two encodings that the draft leaves out and that occur. */
static bool is_early_generalized(const ASN1_TIME *time)
{
    return ASN1_STRING_type(time) == V_ASN1_GENERALIZEDTIME &&
           memcmp(ASN1_STRING_get0_data(time), "2050", 4) < 0;
}

static bool has_old_string(const X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        int type = ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
        if (type == V_ASN1_T61STRING || type == V_ASN1_UNIVERSALSTRING ||
            type == V_ASN1_BMPSTRING) {
            return true;
        }
    }
    return false;
}

/* The reason that must be given; null: there is a C509 form. */
static const char *reason_expected(const char *path)
{
    FILE *file = fopen(path, "r");
    X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    const char *reason = NULL;

    assert_non_null(certificate);
    if (is_early_generalized(X509_get0_notBefore(certificate)) ||
        is_early_generalized(X509_get0_notAfter(certificate))) {
        reason = "before 2050 is a GeneralizedTime";
    } else if (has_old_string(X509_get_subject_name(certificate)) ||
               has_old_string(X509_get_issuer_name(certificate))) {
        reason = "TeletexString";
    }
    X509_free(certificate);
    fclose(file);
    return reason;
}

static void one_real_certificate(struct fixture *f, const char *path, int *refused)
{
    const char *reason = reason_expected(path);

    if (reason != NULL) {
        assert_int_equal(run(f, "--to", "c509", path, in_folder(f, "out"), NULL), CLI_FAILED);
        assert_non_null(strstr(f->message, reason));
        print_message("refused: %s", f->message);
        ++*refused;
        return;
    }
    assert_int_equal(run(f, "--to", "c509", path, in_folder(f, "c509"), NULL), CLI_OK);
    assert_int_equal(run(f, "--to", "der", path, in_folder(f, "der"), NULL), CLI_OK);
    assert_int_equal(convert(f, "der", "c509", "back"), CLI_OK);
    assert_same(f, "back", in_folder(f, "der"));
    assert_true(get(f, "c509").len < get_path(in_folder(f, "der"), f->more).len);
    assert_int_equal(convert(f, "pem", "c509", "pem"), CLI_OK);
    assert_same(f, "pem", path);
}

static void every_root_of_mozilla_goes_there_and_back(void **state)
{
    struct fixture *f = *state;
    DIR *folder = opendir(MOZILLA);
    int total = 0, refused = 0;
    struct dirent *entry;

    if (folder == NULL) {
        print_message("%s is missing: package ca-certificates\n", MOZILLA);
        skip();
    }
    while ((entry = readdir(folder)) != NULL) {
        char path[PATH_MAX];

        if (strstr(entry->d_name, ".crt") != NULL) {
            snprintf(path, sizeof path, "%s/%s", MOZILLA, entry->d_name);
            one_real_certificate(f, path, &refused);
            total++;
        }
    }
    closedir(folder);
    print_message("%d of %d certificates there and back; %d have no C509 form\n", total - refused,
                  total, refused);
    assert_true(total > 100);
    assert_in_range(refused, 0, total / 20);
}

#define with_files(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_files(certificates_go_there_and_back),
        with_files(every_wrapping_is_recognised),
        with_files(pem_may_have_text_around_it),
        with_files(the_standard_streams_are_the_default),
        with_files(native_c509_has_no_x509_form),
        with_files(chains_go_there_and_back),
        with_files(keys_go_there_and_back),
        with_files(keys_and_certificates_are_one_file),
        with_files(revocation_lists_are_refused),
        with_files(envelopes_are_put_on_and_taken_off),
        with_files(an_unusual_date_is_refused),
        with_files(unusual_names_are_refused),
        with_files(what_is_no_certificate_is_refused),
        with_files(usage_is_checked),
        with_files(requests_go_there_and_back),
        with_files(requests_without_a_form_are_refused),
        with_files(every_root_of_mozilla_goes_there_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
