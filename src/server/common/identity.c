/* SPDX-License-Identifier: Apache-2.0 */
/* Identity directories: making and loading keys and certificates with OpenSSL. Runs at set-up and
 * start, never for a request. */
#include "server/common/identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "cede/crypto_openssl.h"
#include "cede/posix.h"
#include "server/common/key_store.h"

#define FILE_LEN_MAX     16384
#define SERIAL_LEN       16
#define BACKDATE_SECONDS 300 /* a partner's clock may be behind ours */

static enum cede_status path_in(const char *directory, const char *name, char path[PATH_MAX])
{
    int len = snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return len > 0 && len < PATH_MAX ? CEDE_OK : CEDE_BAD_ARGUMENT;
}

/* --- keys ------------------------------------------------------------------------------------- */

enum cede_status identity_generate_key(EVP_PKEY **key)
{
    *key = EVP_EC_gen("P-256");
    return *key == NULL ? CEDE_SERVER_FAILED : CEDE_OK;
}

enum cede_status identity_key_point(EVP_PKEY *key, uint8_t point[64])
{
    uint8_t bytes[CEDE_PUBLIC_KEY_LEN_MAX];
    struct cede_public_key public_key;
    CEDE_TRY(cede_openssl_public_key(key, bytes, &public_key));
    if (public_key.curve != CEDE_CRV_P256) {
        return CEDE_CRYPTO_KEY;
    }
    memcpy(point, public_key.point.ptr, 64);
    return CEDE_OK;
}

struct cede_private_key identity_private_key(EVP_PKEY *key)
{
    struct cede_private_key private_key = {0, {NULL, 0}, NULL};
    if (cede_openssl_private_key(key, &private_key) != CEDE_OK) {
        memset(&private_key, 0, sizeof private_key);
    }
    return private_key;
}

enum cede_status identity_thumbprint(X509 *certificate, uint8_t thumbprint[32])
{
    unsigned len = 32;
    return X509_digest(certificate, EVP_sha256(), thumbprint, &len) == 1 ? CEDE_OK
                                                                         : CEDE_SERVER_FAILED;
}

/* Loads the key at `path`, or makes and saves one when there is none. */
static enum cede_status load_or_make_key(const char *path, EVP_PKEY **key)
{
    enum cede_status status = key_store_load(path, key);
    if (status != CEDE_NOT_FOUND) {
        return status;
    }
    CEDE_TRY(identity_generate_key(key));
    status = key_store_save(path, *key);
    if (status != CEDE_OK) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return status;
}

/* --- certificates ------------------------------------------------------------------------------
 */

/* One extension in OpenSSL's configuration syntax; constant texts only, never a user's. */
static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* A DNS name: letters, digits, hyphens and dots; a wildcard is no host. */
static bool is_dns_name(const char *host)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t len = strlen(host);
    return len > 0 && len <= 253 && strspn(host, allowed) == len && host[0] != '.' &&
           host[0] != '-';
}

static GENERAL_NAME *name_of_host(const char *host)
{
    uint8_t address[16];
    bool v4 = inet_pton(AF_INET, host, address) == 1;
    bool v6 = !v4 && inet_pton(AF_INET6, host, address) == 1;
    bool ip = v4 || v6;
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = ip ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    const void *bytes = ip ? (const void *)address : host;
    int len = v4 ? 4 : v6 ? 16 : (int)strlen(host);
    if (name == NULL || value == NULL || (!ip && !is_dns_name(host)) ||
        ASN1_STRING_set(value, bytes, len) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, ip ? GEN_IPADD : GEN_DNS, value);
    return name;
}

static bool push_host(GENERAL_NAMES *names, const char *host)
{
    GENERAL_NAME *name = name_of_host(host);
    if (name == NULL || sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return false;
    }
    return true;
}

static bool is_one_of(const char *host, const char *const *hosts, size_t hosts_count)
{
    for (size_t i = 0; i < hosts_count; i++) {
        if (strcmp(host, hosts[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Each name once. */
static enum cede_status add_hosts(X509 *certificate, const char *const *hosts, size_t hosts_count)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    const size_t local_count = sizeof local / sizeof local[0];
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < local_count; i++) {
        ok = push_host(names, local[i]);
    }
    for (size_t i = 0; ok && i < hosts_count; i++) {
        bool there = is_one_of(hosts[i], local, local_count) || is_one_of(hosts[i], hosts, i);
        ok = there || push_host(names, hosts[i]);
    }
    ok = ok &&
         X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok ? CEDE_OK : CEDE_BAD_ARGUMENT;
}

static bool set_serial(X509 *certificate)
{
    uint8_t serial[SERIAL_LEN];
    if (RAND_bytes(serial, sizeof serial) != 1) {
        return false;
    }
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, no leading zeros */
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool set =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

/* The parts that both certificates have; `issuer` null: self-signed. */
static enum cede_status certificate_new(const char *name, EVP_PKEY *key, X509 *issuer,
                                        X509 **certificate)
{
    size_t len = strlen(name);
    if (len == 0 || len >= IDENTITY_NAME_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    X509 *made = X509_new();
    if (made == NULL) {
        return CEDE_SERVER_FAILED;
    }
    X509_NAME *subject = X509_get_subject_name(made);
    if (X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, (int)len,
                                   -1, 0) != 1) {
        X509_free(made);
        return CEDE_BAD_ARGUMENT; /* not UTF-8 */
    }
    if (X509_set_version(made, X509_VERSION_3) != 1 || !set_serial(made) ||
        X509_set_issuer_name(made, issuer == NULL ? subject : X509_get_subject_name(issuer)) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(made), -BACKDATE_SECONDS) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(made), IDENTITY_VALID_DAYS, 0, NULL) == NULL ||
        X509_set_pubkey(made, key) != 1) {
        X509_free(made);
        return CEDE_SERVER_FAILED;
    }
    *certificate = made;
    return CEDE_OK;
}

static bool sign_certificate(X509 *certificate, EVP_PKEY *key)
{
    const EVP_MD *md = EVP_sha256();
    if (EVP_PKEY_is_a(key, "ED25519")) {
        md = NULL; /* hashes by itself */
    } else if (EVP_PKEY_get_bits(key) > 256 && EVP_PKEY_is_a(key, "EC")) {
        md = EVP_sha384();
    }
    return X509_sign(certificate, key, md) > 0;
}

static enum cede_status make_identity_certificate(const char *name, EVP_PKEY *key,
                                                  X509 **certificate)
{
    X509 *made = NULL;
    CEDE_TRY(certificate_new(name, key, NULL, &made));
    if (!add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(made, made, NID_key_usage, "critical,digitalSignature,keyCertSign") ||
        !add_extension(made, made, NID_subject_key_identifier, "hash") ||
        !sign_certificate(made, key)) {
        X509_free(made);
        return CEDE_SERVER_FAILED;
    }
    *certificate = made;
    return CEDE_OK;
}

/* Another subject than the issuer's: a certificate of that name for itself would be a link, no end,
 * of a chain (RFC 5280, section 6.1). */
static const char *tls_subject(const struct tls_wishes *wishes)
{
    return wishes->hosts_count > 0 && strlen(wishes->hosts[0]) < IDENTITY_NAME_MAX
               ? wishes->hosts[0]
               : "localhost";
}

static GENERAL_NAME *uri_name(const char *uri)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    if (name == NULL || text == NULL || ASN1_STRING_set(text, uri, -1) != 1) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    return name;
}

static bool add_crl(X509 *certificate, const char *uri)
{
    CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
    DIST_POINT *point = DIST_POINT_new();
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = uri_name(uri);
    bool added = point != NULL && names != NULL && name != NULL &&
                 (point->distpoint = DIST_POINT_NAME_new()) != NULL &&
                 sk_GENERAL_NAME_push(names, name) > 0;

    if (!added) {
        GENERAL_NAME_free(name);
        GENERAL_NAMES_free(names);
    } else {
        point->distpoint->type = 0;
        point->distpoint->name.fullname = names;
    }
    added = added && points != NULL && sk_DIST_POINT_push(points, point) > 0;
    if (!added) {
        DIST_POINT_free(point);
    }
    added = added && X509_add1_ext_i2d(certificate, NID_crl_distribution_points, points, 0,
                                       X509V3_ADD_DEFAULT) == 1;
    CRL_DIST_POINTS_free(points);
    return added;
}

static bool add_ocsp(X509 *certificate, const char *uri)
{
    AUTHORITY_INFO_ACCESS *accesses = AUTHORITY_INFO_ACCESS_new();
    ACCESS_DESCRIPTION *access = ACCESS_DESCRIPTION_new();
    GENERAL_NAME *name = uri_name(uri);
    bool added = access != NULL && accesses != NULL && name != NULL;

    if (added) {
        ASN1_OBJECT_free(access->method);
        access->method = OBJ_nid2obj(NID_ad_OCSP);
        GENERAL_NAME_free(access->location);
        access->location = name;
        added = sk_ACCESS_DESCRIPTION_push(accesses, access) > 0;
    } else {
        GENERAL_NAME_free(name);
    }
    if (!added) {
        ACCESS_DESCRIPTION_free(access);
    }
    added = added &&
            X509_add1_ext_i2d(certificate, NID_info_access, accesses, 0, X509V3_ADD_DEFAULT) == 1;
    AUTHORITY_INFO_ACCESS_free(accesses);
    return added;
}

static bool add_status_services(X509 *certificate, const struct tls_wishes *wishes)
{
    return (wishes->crl_uri == NULL || add_crl(certificate, wishes->crl_uri)) &&
           (wishes->ocsp_uri == NULL || add_ocsp(certificate, wishes->ocsp_uri));
}

/* Not beyond the issuer's end. */
static bool end_with_issuer(X509 *certificate, const X509 *issuer)
{
    const ASN1_TIME *end = X509_get0_notAfter(issuer);

    return ASN1_TIME_compare(X509_get0_notAfter(certificate), end) != 1 ||
           X509_set1_notAfter(certificate, end) == 1;
}

/* What is to be signed names the algorithm: a key that is thrown away signs first. */
static enum cede_status show(X509 *certificate, const struct tls_wishes *wishes)
{
    EVP_PKEY *thrown_away = EVP_EC_gen("P-256");
    uint8_t *tbs = NULL;
    enum cede_status status = CEDE_SERVER_FAILED;
    int len = thrown_away != NULL && sign_certificate(certificate, thrown_away)
                  ? i2d_re_X509_tbs(certificate, &tbs)
                  : 0;

    if (len > 0) {
        status = wishes->look(wishes->look_context, cede_span(tbs, (size_t)len));
    }
    OPENSSL_free(tbs);
    EVP_PKEY_free(thrown_away);
    return status;
}

static enum cede_status make_tls_certificate(EVP_PKEY *key, EVP_PKEY *issuer_key, X509 *issuer,
                                             const struct tls_wishes *wishes, X509 **certificate)
{
    X509 *made = NULL;
    CEDE_TRY(certificate_new(tls_subject(wishes), key, issuer, &made));
    enum cede_status status = add_hosts(made, wishes->hosts, wishes->hosts_count);
    bool has_ski = X509_get0_subject_key_id(issuer) != NULL;
    if (status == CEDE_OK &&
        (!add_extension(made, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
         !add_extension(made, issuer, NID_key_usage, "critical,digitalSignature") ||
         !add_extension(made, issuer, NID_ext_key_usage, "serverAuth,clientAuth") ||
         !add_extension(made, issuer, NID_subject_key_identifier, "hash") ||
         (has_ski && !add_extension(made, issuer, NID_authority_key_identifier, "keyid:always")) ||
         !add_status_services(made, wishes) || !end_with_issuer(made, issuer))) {
        status = CEDE_SERVER_FAILED;
    }
    if (status == CEDE_OK && wishes->look != NULL) {
        status = show(made, wishes);
    }
    if (status == CEDE_OK && !sign_certificate(made, issuer_key)) {
        status = CEDE_SERVER_FAILED;
    }
    if (status != CEDE_OK) {
        X509_free(made);
        return status;
    }
    *certificate = made;
    return CEDE_OK;
}

/* --- certificate files -------------------------------------------------------------------------
 */

/* One or two certificates as PEM, world-readable. */
static enum cede_status save_pem(const char *path, X509 *first, X509 *second)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum cede_status status = CEDE_SERVER_FAILED;
    char *text = NULL;
    if (bio != NULL && PEM_write_bio_X509(bio, first) == 1 &&
        (second == NULL || PEM_write_bio_X509(bio, second) == 1)) {
        long len = BIO_get_mem_data(bio, &text);
        status = cede_file_write(path, 0644, cede_span((uint8_t *)text, (size_t)len));
    }
    BIO_free(bio);
    return status;
}

static enum cede_status certificate_der(X509 *certificate, struct cede_span *der)
{
    uint8_t *bytes = NULL;
    int len = i2d_X509(certificate, &bytes);
    if (len <= 0) {
        return CEDE_SERVER_FAILED;
    }
    *der = cede_span(bytes, (size_t)len);
    return CEDE_OK;
}

static void free_der(struct cede_span *der)
{
    OPENSSL_free((void *)(uintptr_t)der->ptr);
    *der = CEDE_SPAN_NULL;
}

static enum cede_status save_der(const char *path, X509 *certificate)
{
    struct cede_span der = CEDE_SPAN_NULL;
    CEDE_TRY(certificate_der(certificate, &der));
    enum cede_status status = cede_file_write(path, 0644, der);
    free_der(&der);
    return status;
}

/* Reads exactly `count` certificates. */
static enum cede_status load_pem(const char *path, X509 **certificates, size_t count)
{
    uint8_t buffer[FILE_LEN_MAX];
    struct cede_span pem = CEDE_SPAN_NULL;
    CEDE_TRY(cede_file_read(path, CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(buffer), &pem));
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    size_t loaded = 0;
    while (bio != NULL && loaded < count) {
        certificates[loaded] = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificates[loaded] == NULL) {
            break;
        }
        loaded++;
    }
    BIO_free(bio);
    if (loaded == count) {
        return CEDE_OK;
    }
    for (size_t i = 0; i < loaded; i++) {
        X509_free(certificates[i]);
        certificates[i] = NULL;
    }
    return CEDE_IDENTITY_FORMAT;
}

/* --- the TLS half ------------------------------------------------------------------------------
 */

enum cede_status tls_identity_create(const char *directory, EVP_PKEY *issuer_key, X509 *issuer,
                                     const struct tls_wishes *wishes)
{
    char path[PATH_MAX];
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    if (X509_check_private_key(issuer, issuer_key) != 1) {
        return CEDE_IDENTITY_MISMATCH;
    }
    CEDE_TRY(path_in(directory, "tls.key", path));
    if (wishes->new_key && unlink(path) != 0 && errno != ENOENT) {
        return CEDE_OS_FAILED;
    }
    CEDE_TRY(load_or_make_key(path, &key));
    enum cede_status status = make_tls_certificate(key, issuer_key, issuer, wishes, &certificate);
    if (status == CEDE_OK) {
        status = path_in(directory, "tls.pem", path);
    }
    if (status == CEDE_OK) {
        status = save_pem(path, certificate, issuer);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return status;
}

static enum cede_status tls_load(const char *directory, struct tls_identity *tls)
{
    char path[PATH_MAX];
    X509 *chain[2] = {NULL, NULL};
    CEDE_TRY(path_in(directory, "tls.key", path));
    CEDE_TRY(key_store_load(path, &tls->key));
    CEDE_TRY(path_in(directory, "tls.pem", path));
    CEDE_TRY(load_pem(path, chain, 2));
    tls->certificate = chain[0];
    tls->issuer = chain[1];
    bool ours = X509_check_private_key(chain[0], tls->key) == 1;
    bool issued = X509_verify(chain[0], X509_get0_pubkey(chain[1])) == 1;
    return ours && issued ? CEDE_OK : CEDE_IDENTITY_MISMATCH;
}

enum cede_status tls_identity_load(const char *directory, struct tls_identity *tls)
{
    memset(tls, 0, sizeof *tls);
    enum cede_status status = tls_load(directory, tls);
    if (status != CEDE_OK) {
        tls_identity_wipe(tls);
    }
    return status;
}

void tls_identity_wipe(struct tls_identity *tls)
{
    EVP_PKEY_free(tls->key);
    X509_free(tls->certificate);
    X509_free(tls->issuer);
    memset(tls, 0, sizeof *tls);
}

/* --- the identity ------------------------------------------------------------------------------
 */

/* identity.pem is written last: where it is, everything is. */
static enum cede_status save_identity(const char *directory, const char *name, EVP_PKEY *key,
                                      const char *const *hosts, size_t hosts_count)
{
    char path[PATH_MAX];
    X509 *certificate = NULL;
    CEDE_TRY(make_identity_certificate(name, key, &certificate));
    struct tls_wishes wishes = {.hosts = hosts, .hosts_count = hosts_count};
    enum cede_status status = tls_identity_create(directory, key, certificate, &wishes);
    if (status == CEDE_OK) {
        status = path_in(directory, "identity.der", path);
    }
    if (status == CEDE_OK) {
        status = save_der(path, certificate);
    }
    if (status == CEDE_OK) {
        status = path_in(directory, "identity.pem", path);
    }
    if (status == CEDE_OK) {
        status = save_pem(path, certificate, NULL);
    }
    X509_free(certificate);
    return status;
}

enum cede_status identity_create(const char *directory, const char *name, const char *const *hosts,
                                 size_t hosts_count)
{
    char path[PATH_MAX];
    EVP_PKEY *key = NULL;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return CEDE_OS_FAILED;
    }
    CEDE_TRY(path_in(directory, "identity.pem", path));
    if (access(path, F_OK) == 0) {
        return CEDE_IDENTITY_EXISTS;
    }
    CEDE_TRY(path_in(directory, "identity.key", path));
    CEDE_TRY(load_or_make_key(path, &key));
    enum cede_status status = save_identity(directory, name, key, hosts, hosts_count);
    EVP_PKEY_free(key);
    return status;
}

static enum cede_status copy_name(X509 *certificate, char name[IDENTITY_NAME_MAX])
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    uint8_t *text = NULL;
    int len = -1;
    if (at >= 0) {
        len =
            ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    }
    bool fits = len > 0 && len < IDENTITY_NAME_MAX && memchr(text, 0, (size_t)len) == NULL;
    if (fits) {
        memcpy(name, text, (size_t)len);
        name[len] = '\0';
    }
    OPENSSL_free(text);
    return fits ? CEDE_OK : CEDE_IDENTITY_FORMAT;
}

static enum cede_status load(const char *directory, struct identity *identity)
{
    char path[PATH_MAX];
    CEDE_TRY(path_in(directory, "identity.key", path));
    CEDE_TRY(key_store_load(path, &identity->key));
    CEDE_TRY(path_in(directory, "identity.pem", path));
    CEDE_TRY(load_pem(path, &identity->certificate, 1));
    if (X509_check_private_key(identity->certificate, identity->key) != 1) {
        return CEDE_IDENTITY_MISMATCH;
    }
    identity->private_key = identity_private_key(identity->key);
    CEDE_TRY(copy_name(identity->certificate, identity->name));
    CEDE_TRY(identity_key_point(identity->key, identity->point));
    CEDE_TRY(identity_thumbprint(identity->certificate, identity->thumbprint));
    return certificate_der(identity->certificate, &identity->certificate_der);
}

enum cede_status identity_load(const char *directory, struct identity *identity)
{
    memset(identity, 0, sizeof *identity);
    enum cede_status status = load(directory, identity);
    if (status != CEDE_OK) {
        identity_wipe(identity);
    }
    return status;
}

void identity_wipe(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    free_der(&identity->certificate_der);
    memset(identity, 0, sizeof *identity);
}
