/* SPDX-License-Identifier: Apache-2.0 */
/* state.c - the state directory: making a CA, opening and closing it. */
#include <errno.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cede/crypto_openssl.h"
#include "cede/posix.h"
#include "server/ca/lint.h"
#include "server/common/key_store.h"

#define CA_VALIDITY_S UINT64_C(788400000) /* 25 years: a root outlives its devices */

static _Thread_local char last_error[256];

enum cede_status ca_fail(enum cede_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

void ca_forget_error(void)
{
    last_error[0] = '\0';
}

const char *ca_last_error(void)
{
    return last_error;
}

/* --- files ------------------------------------------------------------------------------------ */

static enum cede_status path_in(const char *directory, const char *name, char path[PATH_MAX])
{
    int len = snprintf(path, PATH_MAX, "%s/%s", directory, name);

    return len > 0 && len < PATH_MAX ? CEDE_OK : CEDE_BAD_ARGUMENT;
}

static bool exists_in(const char *directory, const char *name)
{
    char path[PATH_MAX];

    return path_in(directory, name, path) == CEDE_OK && access(path, F_OK) == 0;
}

static enum cede_status write_in(const char *directory, const char *name, struct cede_span content)
{
    char path[PATH_MAX];

    CEDE_TRY(path_in(directory, name, path));
    return cede_file_write(path, 0644, content);
}

static enum cede_status read_in(const char *directory, const char *name, struct cede_buf buf,
                                struct cede_span *content)
{
    char path[PATH_MAX];
    enum cede_status status = CEDE_OK;

    CEDE_TRY(path_in(directory, name, path));
    status = cede_file_read(path, CEDE_FILE_PUBLIC, buf, content);
    return status == CEDE_OK ? CEDE_OK : ca_fail(status, "%s", path);
}

/* The DER inside PEM block number `index`. */
static enum cede_status pem_block(struct cede_span text, size_t index, struct cede_buf out,
                                  struct cede_span *der)
{
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    enum cede_status status = CEDE_NOT_FOUND;
    char *name = NULL;
    char *header = NULL;
    uint8_t *data = NULL;
    long len = 0;
    size_t at = 0;

    while (bio != NULL && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
        if (at++ == index) {
            status = cede_copy(out, cede_span(data, (size_t)len), der);
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    BIO_free(bio);
    return status;
}

enum cede_status ca_pem_or_raw(struct cede_span content, size_t index, struct cede_buf out,
                               struct cede_span *raw)
{
    static const char begin[] = "-----BEGIN ";

    if (content.len > sizeof begin && memmem(content.ptr, content.len, begin, sizeof begin - 1)) {
        return pem_block(content, index, out, raw);
    }
    return index == 0 && content.len > 0 ? cede_copy(out, content, raw) : CEDE_NOT_FOUND;
}

enum cede_status ca_to_pem(const char *label, const struct cede_span *ders, size_t count,
                           struct cede_buf out, struct cede_span *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum cede_status status = bio == NULL ? CEDE_SERVER_MEMORY : CEDE_OK;
    char *text = NULL;

    for (size_t i = 0; status == CEDE_OK && i < count; i++) {
        if (PEM_write_bio(bio, label, "", ders[i].ptr, (long)ders[i].len) <= 0) {
            status = CEDE_SERVER_FAILED;
        }
    }
    if (status == CEDE_OK) {
        long len = BIO_get_mem_data(bio, &text);
        status = cede_copy(
            out, count == 0 ? CEDE_SPAN_TEXT("") : cede_span((uint8_t *)text, (size_t)len), pem);
    }
    BIO_free(bio);
    return status;
}

static enum cede_status write_pem(const char *path, const char *label, const struct cede_span *ders,
                                  size_t count)
{
    uint8_t bytes[CA_FILE_MAX];
    struct cede_span pem;

    CEDE_TRY(ca_to_pem(label, ders, count, CEDE_BUF_ARRAY(bytes), &pem));
    return cede_file_write(path, 0644, pem);
}

static enum cede_status write_pem_in(const char *directory, const char *name,
                                     const struct cede_span *ders, size_t count)
{
    char path[PATH_MAX];

    CEDE_TRY(path_in(directory, name, path));
    return write_pem(path, "CERTIFICATE", ders, count);
}

/* --- loading ---------------------------------------------------------------------------------- */

static enum cede_status copy_member(const json_t *json, const char *name, char *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(json, name));

    if (text == NULL || strlen(text) >= cap) {
        return ca_fail(CEDE_CA_POLICY, "ca.json: %s", name);
    }
    snprintf(out, cap, "%s", text);
    return CEDE_OK;
}

/* Where the world finds what this CA says of its certificates. */
static void name_uris(struct ca *ca)
{
    if (ca->http[0] == '\0') {
        return;
    }
    snprintf(ca->crl_uri, sizeof ca->crl_uri, "http://%s/ca.crl", ca->http);
    snprintf(ca->delta_uri, sizeof ca->delta_uri, "http://%s/delta.crl", ca->http);
    snprintf(ca->ocsp_uri, sizeof ca->ocsp_uri, "http://%s/ocsp", ca->http);
}

static enum cede_status read_config(const json_t *json, struct ca *ca)
{
    static const char *const members[] = {"name",  "kind", "https", "coap",
                                          "coaps", "est",  "http",  NULL};
    char kind[16];

    CEDE_TRY(ca_check_members("ca.json", json, members));
    CEDE_TRY(copy_member(json, "name", ca->name, sizeof ca->name));
    CEDE_TRY(copy_member(json, "kind", kind, sizeof kind));
    CEDE_TRY(copy_member(json, "https", ca->https, sizeof ca->https));
    CEDE_TRY(copy_member(json, "coap", ca->coap, sizeof ca->coap));
    if (json_object_get(json, "coaps") != NULL) {
        CEDE_TRY(copy_member(json, "coaps", ca->coaps, sizeof ca->coaps));
    }
    if (json_object_get(json, "est") != NULL) {
        CEDE_TRY(copy_member(json, "est", ca->est_address, sizeof ca->est_address));
    }
    if (json_object_get(json, "http") != NULL) {
        CEDE_TRY(copy_member(json, "http", ca->http, sizeof ca->http));
    }
    name_uris(ca);
    if (strcmp(kind, "permanent") != 0 && strcmp(kind, "operational") != 0) {
        return ca_fail(CEDE_CA_POLICY, "ca.json: kind");
    }
    ca->kind = strcmp(kind, "permanent") == 0 ? CA_PERMANENT : CA_OPERATIONAL;
    return CEDE_OK;
}

static enum cede_status load_config(struct ca *ca)
{
    char path[PATH_MAX];
    json_error_t error;
    json_t *json = NULL;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(path_in(ca->directory, "ca.json", path));
    if (access(path, F_OK) != 0) {
        return ca_fail(CEDE_NOT_FOUND, "%s: no CA here", ca->directory);
    }
    json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        return ca_fail(CEDE_CA_POLICY, "ca.json, line %d: %s", error.line, error.text);
    }
    status = read_config(json, ca);
    json_decref(json);
    return status;
}

static enum cede_status load_key(struct ca *ca, const char *name, EVP_PKEY **pkey)
{
    char path[PATH_MAX];
    enum cede_status status = CEDE_OK;

    CEDE_TRY(path_in(ca->directory, name, path));
    status = key_store_load(path, pkey);
    if (status == CEDE_OK) {
        return CEDE_OK;
    }
    return key_store_error()[0] == '\0' ? ca_fail(status, "%s", path)
                                        : ca_fail(status, "%s: %s", path, key_store_error());
}

static enum cede_status load_chain(struct ca *ca)
{
    uint8_t text[CA_FILE_MAX];
    struct cede_span content;

    CEDE_TRY(read_in(ca->directory, "chain.pem", CEDE_BUF_ARRAY(text), &content));
    for (size_t i = 0; content.len > 0 && i < CA_CHAIN_MAX; i++) {
        enum cede_status status =
            ca_pem_or_raw(content, i, CEDE_BUF_ARRAY(ca->chain_der_bytes[i]), &ca->chain_der[i]);
        if (status == CEDE_NOT_FOUND) {
            break;
        }
        CEDE_TRY(status);
        CEDE_TRY(cede_c509_from_x509(ca->crypto, ca->chain_der[i], CEDE_BUF_ARRAY(ca->scratch),
                                     CEDE_BUF_ARRAY(ca->chain_c509_bytes[i]), &ca->chain_c509[i]));
        ca->chain_count = i + 1;
    }
    return CEDE_OK;
}

static enum cede_status load_certificate(struct ca *ca)
{
    struct cede_span der;
    struct cede_public_key key;

    if (!exists_in(ca->directory, "ca.der")) {
        return ca_fail(CEDE_CA_STATE,
                       "the CA waits for its certificate: cede ca init --certificate");
    }
    CEDE_TRY(read_in(ca->directory, "ca.der", CEDE_BUF_ARRAY(ca->der_bytes), &der));
    CEDE_TRY(cede_certificate_decode(der, ca->crypto, &ca->certificate));
    CEDE_TRY(cede_c509_from_x509(ca->crypto, der, CEDE_BUF_ARRAY(ca->scratch),
                                 CEDE_BUF_ARRAY(ca->c509_bytes), &ca->c509));
    key = cede_certificate_key(&ca->certificate);
    if (ca->certificate.ext.subject_key_id.len == sizeof ca->key_id) {
        memcpy(ca->key_id, ca->certificate.ext.subject_key_id.ptr, sizeof ca->key_id);
        return load_chain(ca);
    }
    CEDE_TRY(cede_certificate_key_id(ca->crypto, &key, ca->key_id));
    return load_chain(ca);
}

static enum cede_status open_store(struct ca *ca)
{
    char path[PATH_MAX];

    CEDE_TRY(path_in(ca->directory, "store.db", path));
    CEDE_TRY(store_open(path, &ca->store));
    return store_migrate(ca->store, ca_migrations, ca_migrations_count);
}

/* Everything but the enrolment server. */
static enum cede_status open_core(struct ca *ca, unsigned flags)
{
    CEDE_TRY(load_config(ca));
    if ((flags & CA_OPEN_WITHOUT_KEY) == 0) {
        CEDE_TRY(load_key(ca, "ca.key", &ca->pkey));
        CEDE_TRY(cede_openssl_private_key(ca->pkey, &ca->key));
        ca_linted_key_init(&ca->linted, ca, CA_LINT_POLICY);
        ca->signer = &ca->linted.crypto;
    }
    CEDE_TRY(load_certificate(ca));
    CEDE_TRY(ca_policy_load(ca->directory, &ca->policy));
    return open_store(ca);
}

/* CAs made before there were these have none. */
static enum cede_status load_agreement(struct ca *ca)
{
    enum cede_status status =
        read_in(ca->directory, "est.der", CEDE_BUF_ARRAY(ca->est_der_bytes), &ca->est_der);

    if (status != CEDE_OK && status != CEDE_NOT_FOUND) {
        return status;
    }
    status = read_in(ca->directory, "dh.c509", CEDE_BUF_ARRAY(ca->dh_bytes), &ca->dh);

    return status == CEDE_NOT_FOUND ? CEDE_OK
           : status == CEDE_OK      ? load_key(ca, "dh.key", &ca->dh_pkey)
                                    : status;
}

static enum cede_status new_ca(const char *directory, struct ca **ca)
{
    *ca = calloc(1, sizeof **ca);
    if (*ca == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    last_error[0] = '\0';
    (*ca)->crypto = (*ca)->signer = cede_crypto_openssl();
    if (strlen(directory) >= PATH_MAX - 32) {
        free(*ca);
        *ca = NULL;
        return CEDE_BAD_ARGUMENT;
    }
    snprintf((*ca)->directory, sizeof(*ca)->directory, "%s", directory);
    return CEDE_OK;
}

enum cede_status ca_open(const char *directory, unsigned flags, struct ca **out)
{
    struct ca *ca = NULL;
    enum cede_status status = CEDE_OK;

    *out = NULL;
    CEDE_TRY(new_ca(directory, &ca));
    status = open_core(ca, flags);
    if (status == CEDE_OK) {
        status = load_key(ca, "est.key", &ca->est_pkey);
    }
    if (status == CEDE_OK) {
        status = read_in(directory, "est.c509", CEDE_BUF_ARRAY(ca->est_bytes), &ca->est);
    }
    if (status == CEDE_OK) {
        status = load_agreement(ca);
    }
    if (status != CEDE_OK) {
        ca_close(ca);
        return status;
    }
    *out = ca;
    return CEDE_OK;
}

void ca_close(struct ca *ca)
{
    if (ca == NULL) {
        return;
    }
    store_close(ca->store);
    EVP_PKEY_free(ca->pkey);
    EVP_PKEY_free(ca->est_pkey);
    EVP_PKEY_free(ca->dh_pkey);
    ca_policy_wipe(&ca->policy);
    free(ca->awaiting);
    free(ca);
}

/* --- making ----------------------------------------------------------------------------------- */

static enum cede_status write_config(const struct ca_init *init)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", init->name, "kind",
        init->kind == CA_PERMANENT ? "permanent" : "operational", "https",
        init->https == NULL ? "" : init->https, "coap", init->coap == NULL ? "" : init->coap,
        "coaps", init->coaps == NULL ? "" : init->coaps, "est", init->est == NULL ? "" : init->est,
        "http", init->http == NULL ? "" : init->http);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
    enum cede_status status = CEDE_CA_POLICY; /* a name that is not UTF-8 */

    if (text != NULL) {
        status = write_in(init->directory, "ca.json", cede_span_string(text));
    }
    free(text);
    json_decref(json);
    return status;
}

static enum cede_status random_serial(uint8_t serial[CA_SERIAL_LEN])
{
    const struct cede_crypto *crypto = cede_crypto_openssl();

    CEDE_TRY(crypto->random(crypto->context, cede_buf(serial, CA_SERIAL_LEN)));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    return CEDE_OK;
}

static enum cede_status self_sign(const char *name, EVP_PKEY *pkey, struct cede_buf out,
                                  struct cede_span *der)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct cede_certificate_info info;
    struct cede_private_key key;
    struct ca_linted_key linted;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    uint8_t scratch[CA_SCRATCH_LEN];
    uint8_t serial[CA_SERIAL_LEN];
    uint8_t key_id[20];

    memset(&info, 0, sizeof info);
    CEDE_TRY(random_serial(serial));
    CEDE_TRY(cede_openssl_private_key(pkey, &key));
    CEDE_TRY(cede_openssl_public_key(pkey, point, &info.public_key));
    CEDE_TRY(cede_certificate_key_id(crypto, &info.public_key, key_id));
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.not_before = cede_wall_clock() - CA_BACKDATE_S;
    info.not_after = info.not_before + CA_VALIDITY_S;
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(name)};
    info.has_basic_constraints = true;
    info.ca = true;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_KEY_CERT_SIGN | CEDE_KU_CRL_SIGN;
    info.subject_key_id = CEDE_SPAN_ARRAY(key_id);
    ca_linted_key_init(&linted, NULL, CA_LINT_ROOT);
    return cede_certificate_issue(CEDE_CERTIFICATE_X509, &linted.crypto, &info, &key,
                                  CEDE_BUF_ARRAY(scratch), out, der);
}

/* The certificate in its three forms, and the issuers above it. ca.der comes last: it tells that
 * the others are there. */
static enum cede_status save_certificate(const char *directory, struct cede_span der,
                                         const struct cede_span *chain, size_t chain_count)
{
    uint8_t scratch[CA_SCRATCH_LEN];
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_span c509;

    CEDE_TRY(cede_c509_from_x509(cede_crypto_openssl(), der, CEDE_BUF_ARRAY(scratch),
                                 CEDE_BUF_ARRAY(bytes), &c509));
    CEDE_TRY(write_pem_in(directory, "ca.pem", &der, 1));
    CEDE_TRY(write_in(directory, "ca.c509", c509));
    CEDE_TRY(write_pem_in(directory, "chain.pem", chain, chain_count));
    return write_in(directory, "ca.der", der);
}

/* A key of the enrolment server and its certificate, "est" or "dh". */
static enum cede_status issue_to_server(struct ca *ca, const char *base, uint16_t key_usage,
                                        enum cede_certificate_format format, const EVP_PKEY *pkey)
{
    char file[16];
    struct ca_certificate_record record;
    struct cede_certificate_info info;
    struct ca_linted_key linted;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    uint8_t key_id[20];
    char name[sizeof record.subject];
    struct cede_span raw;
    size_t len = 0;

    memset(&record, 0, sizeof record);
    memset(&info, 0, sizeof info);
    CEDE_TRY(cede_openssl_public_key(pkey, point, &info.public_key));
    CEDE_TRY(random_serial(record.serial));
    snprintf(name, sizeof name, "%.60s %s", ca->name, base);
    info.serial = cede_span(record.serial, record.serial_len = CA_SERIAL_LEN);
    info.issuer = ca->certificate.subject;
    info.not_before = ca_now(ca) - CA_BACKDATE_S;
    info.not_after = ca->certificate.not_after;
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(name)};
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = key_usage;
    /* General DTLS clients look for serverAuth. */
    info.eku = CEDE_EKU_CMC_RA | (format == CEDE_CERTIFICATE_X509 ? CEDE_EKU_SERVER_AUTH : 0);
    if (format == CEDE_CERTIFICATE_X509) {
        CEDE_TRY(cede_certificate_key_id(ca->crypto, &info.public_key, key_id));
        info.subject_key_id = CEDE_SPAN_ARRAY(key_id);
        info.authority_key_id = CEDE_SPAN_ARRAY(ca->key_id);
    }
    ca_linted_key_init(&linted, ca, CA_LINT_ENROLMENT);
    CEDE_TRY(cede_certificate_issue(format, &linted.crypto, &info, &ca->key,
                                    CEDE_BUF_ARRAY(ca->scratch), CEDE_BUF_ARRAY(record.raw), &raw));
    record.raw_len = raw.len;
    record.profile = CA_PROFILE_SERVER;
    record.not_before = (int64_t)info.not_before;
    record.not_after = info.not_after == CEDE_TIME_NONE ? CA_NO_END : (int64_t)info.not_after;
    memcpy(record.subject, name, sizeof name);
    CEDE_TRY(ca_key_hash(ca, info.public_key.point, record.key));
    CEDE_TRY(
        cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, raw, record.thumbprint, &len));
    CEDE_TRY(ca_records_add(ca, &record, "init"));
    snprintf(file, sizeof file, "%s.%s", base, format == CEDE_CERTIFICATE_X509 ? "der" : "c509");
    return write_in(ca->directory, file, raw);
}

static enum cede_status make_server_key(struct ca *ca, const char *base, uint16_t key_usage,
                                        EVP_PKEY **pkey)
{
    char file[16];
    char path[PATH_MAX];

    snprintf(file, sizeof file, "%s.key", base);
    CEDE_TRY(path_in(ca->directory, file, path));
    CEDE_TRY(identity_generate_key(pkey));
    CEDE_TRY(key_store_save(path, *pkey));
    return issue_to_server(ca, base, key_usage, CEDE_CERTIFICATE_C509_NATIVE, *pkey);
}

/* The enrolment server: keys of its own, so that the CA's key stays out of the network. One signs,
 * one agrees: no key does both (EST-oscore, section 4.8). */
static enum cede_status make_enrolment_server(struct ca *ca)
{
    CEDE_TRY(make_server_key(ca, "est", CEDE_KU_DIGITAL_SIGNATURE, &ca->est_pkey));
    CEDE_TRY(
        issue_to_server(ca, "est", CEDE_KU_DIGITAL_SIGNATURE, CEDE_CERTIFICATE_X509, ca->est_pkey));
    return make_server_key(ca, "dh", CEDE_KU_KEY_AGREEMENT, &ca->dh_pkey);
}

/* HOST out of "HOST:PORT", brackets taken off. */
static void host_of(const char *address, char host[CA_ADDRESS_MAX])
{
    const char *colon = strrchr(address, ':');
    size_t len = colon == NULL ? strlen(address) : (size_t)(colon - address);

    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    snprintf(host, CA_ADDRESS_MAX, "%.*s", (int)len, address);
}

static enum cede_status look_at_tls(void *context, struct cede_span tbs)
{
    const struct ca *ca = context;
    struct ca_lint_rules rules = {ca->crypto, &ca->policy, &ca->certificate,
                                  CEDE_SPAN_ARRAY(ca->key_id)};
    const char *why = NULL;
    enum cede_status status = ca_lint(&rules, CA_LINT_TLS, tbs, cede_wall_clock(), &why);

    return status == CEDE_OK ? CEDE_OK : ca_fail(status, "tls.pem: %s", why);
}

static enum cede_status make_tls(struct ca *ca, bool new_key)
{
    char host[CA_ADDRESS_MAX], est[CA_ADDRESS_MAX];
    const char *hosts[2] = {host, est};
    struct tls_wishes wishes = {
        .hosts = hosts, .new_key = new_key, .look = look_at_tls, .look_context = ca};
    const uint8_t *der = ca->certificate.raw.ptr;
    X509 *issuer = d2i_X509(NULL, &der, (long)ca->certificate.raw.len);
    enum cede_status status = CEDE_CA_CERTIFICATE;

    host_of(ca->https[0] == '\0' ? ca->est_address : ca->https, host);
    host_of(ca->est_address[0] == '\0' ? ca->https : ca->est_address, est);
    wishes.hosts_count = host[0] == '\0' ? 0 : 2;
    if (ca->http[0] != '\0') {
        wishes.crl_uri = ca->crl_uri;
        wishes.ocsp_uri = ca->ocsp_uri;
    }
    if (issuer != NULL) {
        status = tls_identity_create(ca->directory, ca->pkey, issuer, &wishes);
    }
    X509_free(issuer);
    return status;
}

enum cede_status ca_renew_tls(struct ca *ca, bool new_key)
{
    enum cede_status status = make_tls(ca, new_key);

    return status == CEDE_OK ? CEDE_OK : ca_fail(status, "cannot make %s/tls.pem", ca->directory);
}

/* All that needs the CA's certificate. */
static enum cede_status complete(const char *directory)
{
    struct ca *ca = NULL;
    enum cede_status status = CEDE_OK;

    CEDE_TRY(new_ca(directory, &ca));
    status = open_core(ca, CA_OPEN_ALL);
    if (status == CEDE_OK) {
        status = make_tls(ca, false);
    }
    if (status == CEDE_OK) {
        status = make_enrolment_server(ca);
    }
    ca_close(ca);
    return status;
}

static enum cede_status write_request(const struct ca_init *init, EVP_PKEY *pkey)
{
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_name subject = {CEDE_NAME_TEXT, cede_span_string(init->name)};
    struct cede_private_key key;
    struct cede_public_key public_key;
    struct cede_span der;

    CEDE_TRY(cede_openssl_private_key(pkey, &key));
    CEDE_TRY(cede_openssl_public_key(pkey, point, &public_key));
    CEDE_TRY(cede_x509_request_write(cede_crypto_openssl(), subject, &public_key, &key,
                                     CEDE_SPAN_NULL, CEDE_BUF_ARRAY(bytes), &der));
    CEDE_TRY(write_in(init->directory, "ca.csr", der));
    return write_pem(init->request, "CERTIFICATE REQUEST", &der, 1);
}

static enum cede_status make_certificate(const struct ca_init *init, EVP_PKEY *pkey)
{
    uint8_t bytes[CA_CERTIFICATE_MAX];
    struct cede_span der;

    if (init->request != NULL) {
        return write_request(init, pkey);
    }
    CEDE_TRY(self_sign(init->name, pkey, CEDE_BUF_ARRAY(bytes), &der));
    CEDE_TRY(save_certificate(init->directory, der, NULL, 0));
    return complete(init->directory);
}

static enum cede_status make_directory(const char *directory)
{
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return ca_fail(CEDE_FILE_FAILED, "%s: %s", directory, strerror(errno));
    }
    if (exists_in(directory, "ca.json") || exists_in(directory, "ca.key") ||
        exists_in(directory, "ca.der")) {
        return ca_fail(CEDE_CA_EXISTS, "%s holds a CA already", directory);
    }
    return CEDE_OK;
}

static bool address_fits(const char *address)
{
    return address == NULL || strlen(address) < CA_ADDRESS_MAX;
}

/* A new key, or the one of a token. */
static enum cede_status make_key(const char *uri, const char *path, EVP_PKEY **pkey)
{
    enum cede_status status = CEDE_OK;

    if (uri != NULL) {
        status = key_store_save_uri(path, uri, pkey);
        return status == CEDE_OK ? CEDE_OK : ca_fail(status, "%s", key_store_error());
    }
    CEDE_TRY(identity_generate_key(pkey));
    return key_store_save(path, *pkey);
}

enum cede_status ca_init(const struct ca_init *init)
{
    char path[PATH_MAX];
    EVP_PKEY *pkey = NULL;
    enum cede_status status = CEDE_OK;
    size_t name_len = strlen(init->name);

    last_error[0] = '\0';
    if (name_len == 0 || name_len > CA_NAME_MAX - 4 || !address_fits(init->https) ||
        !address_fits(init->coap) || !address_fits(init->coaps) || !address_fits(init->est) ||
        !address_fits(init->http)) {
        return ca_fail(CEDE_BAD_ARGUMENT,
                       "the name must have 1 to %d bytes, an address fewer than %d",
                       CA_NAME_MAX - 4, CA_ADDRESS_MAX);
    }
    CEDE_TRY(make_directory(init->directory));
    CEDE_TRY(path_in(init->directory, "ca.key", path));
    CEDE_TRY(make_key(init->key, path, &pkey));
    status = write_config(init);
    if (status == CEDE_OK) {
        status = ca_policy_create(init->directory, init->kind);
    }
    if (status == CEDE_OK) {
        status = make_certificate(init, pkey);
    }
    EVP_PKEY_free(pkey);
    return status;
}

/* --- a CA below another one ------------------------------------------------------------------- */

struct issued {
    uint8_t bytes[CA_CHAIN_MAX + 1][CA_CERTIFICATE_MAX];
    struct cede_span ders[CA_CHAIN_MAX + 1]; /* its own, then the issuers, the root last */
    struct cede_certificate views[CA_CHAIN_MAX + 1];
    size_t count;
};

static enum cede_status read_issued(const char *path, size_t max, struct issued *issued)
{
    uint8_t text[CA_FILE_MAX];
    struct cede_span content;
    enum cede_status status =
        cede_file_read(path, CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(text), &content);

    if (status != CEDE_OK) {
        return ca_fail(status, "%s", path);
    }
    for (size_t i = 0; i < max; i++) {
        size_t at = issued->count;
        status = ca_pem_or_raw(content, i, CEDE_BUF_ARRAY(issued->bytes[at]), &issued->ders[at]);
        if (status == CEDE_NOT_FOUND && i > 0) {
            return CEDE_OK;
        }
        if (status == CEDE_OK) {
            status = cede_certificate_decode(issued->ders[at], cede_crypto_openssl(),
                                             &issued->views[at]);
        }
        if (status != CEDE_OK || issued->views[at].format != CEDE_CERTIFICATE_X509) {
            return ca_fail(CEDE_CA_CERTIFICATE, "%s: not an X.509 certificate", path);
        }
        issued->count++;
    }
    return CEDE_OK;
}

/* For our key and name, a CA certificate, and the chain holds up to its root. */
static enum cede_status check_issued(const char *directory, const struct issued *issued)
{
    const struct cede_certificate *own = &issued->views[0];
    struct cede_path_rules rules = {true, cede_wall_clock(), CEDE_KU_KEY_CERT_SIGN, 0};
    uint8_t bytes[CA_CERTIFICATE_MAX];
    uint8_t scratch[CA_SCRATCH_LEN];
    struct cede_span csr;
    struct cede_request request;

    CEDE_TRY(read_in(directory, "ca.csr", CEDE_BUF_ARRAY(bytes), &csr));
    CEDE_TRY(cede_request_decode(csr, cede_crypto_openssl(), &request));
    if (!own->ext.ca || !cede_name_equal(own->subject, request.subject) ||
        !cede_span_equal(cede_certificate_key(own).point, cede_request_key(&request).point)) {
        return ca_fail(CEDE_CA_CERTIFICATE, "not a CA certificate for this key and name");
    }
    if (cede_certificate_path(issued->views, issued->count - 1, &issued->views[issued->count - 1],
                              1, &rules, cede_crypto_openssl(), CEDE_BUF_ARRAY(scratch),
                              NULL) != CEDE_OK) {
        return ca_fail(CEDE_CA_CERTIFICATE,
                       "the certificate does not chain to the last of --chain");
    }
    return CEDE_OK;
}

enum cede_status ca_finish(const char *directory, const char *certificate_file,
                           const char *chain_file)
{
    struct issued *issued = NULL;
    enum cede_status status = CEDE_OK;

    last_error[0] = '\0';
    if (!exists_in(directory, "ca.csr") || exists_in(directory, "ca.der")) {
        return ca_fail(CEDE_CA_STATE, "%s does not wait for a certificate", directory);
    }
    issued = calloc(1, sizeof *issued);
    if (issued == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    status = read_issued(certificate_file, 1, issued);
    if (status == CEDE_OK) {
        status = read_issued(chain_file, CA_CHAIN_MAX, issued);
    }
    if (status == CEDE_OK) {
        status = check_issued(directory, issued);
    }
    if (status == CEDE_OK) {
        status = save_certificate(directory, issued->ders[0], issued->ders + 1, issued->count - 1);
    }
    free(issued);
    return status == CEDE_OK ? complete(directory) : status;
}

/* --- small things ----------------------------------------------------------------------------- */

const char *ca_name(const struct ca *ca)
{
    return ca->name;
}

enum ca_kind ca_kind_of(const struct ca *ca)
{
    return ca->kind;
}

struct cede_span ca_certificate_der(const struct ca *ca)
{
    return ca->certificate.raw;
}

struct cede_span ca_certificate_c509(const struct ca *ca)
{
    return ca->c509;
}

struct store *ca_store(struct ca *ca)
{
    return ca->store;
}

void ca_set_signer(struct ca *ca, const struct cede_crypto *crypto,
                   const struct cede_private_key *key)
{
    ca->signer = crypto;
    ca->key = *key;
}

void ca_set_clock(struct ca *ca, uint64_t (*now)(void *context), void *context)
{
    ca->now = now;
    ca->now_context = context;
}

uint64_t ca_now(const struct ca *ca)
{
    return ca->now == NULL ? cede_wall_clock() : ca->now(ca->now_context);
}

bool ca_is_current(const struct ca *ca, int64_t not_before, int64_t not_after)
{
    int64_t now = (int64_t)ca_now(ca);

    return not_before <= now && (not_after == CA_NO_END || now <= not_after);
}

enum cede_status ca_check_validity(const struct ca *ca, int64_t not_before, int64_t not_after,
                                   uint64_t grace_s)
{
    int64_t now = (int64_t)ca_now(ca);

    if (now < not_before) {
        return ca_fail(CEDE_CERTIFICATE_NOT_YET, "it begins in %lld s",
                       (long long)(not_before - now));
    }
    if (not_after != CA_NO_END && now > not_after && now - not_after > (int64_t)grace_s) {
        return ca_fail(CEDE_CERTIFICATE_EXPIRED, "it ended %lld s ago, and the grace is %llu s",
                       (long long)(now - not_after), (unsigned long long)grace_s);
    }
    return CEDE_OK;
}

int64_t ca_stored_time(uint64_t at)
{
    return at == CEDE_TIME_NONE ? CA_NO_END : at > INT64_MAX ? INT64_MAX : (int64_t)at;
}

enum cede_status ca_begin(struct ca *ca)
{
    ca_sign_awaited(ca); /* there are none, unless a transaction was taken back */
    return store_begin(ca->store);
}

enum cede_status ca_commit(struct ca *ca)
{
    enum cede_status status = CEDE_OK;

    ca_sign_awaited(ca);
    status = store_commit(ca->store);
    ca->failed_commits += status == CEDE_OK ? 0 : 1;
    return status;
}

enum cede_status ca_turn_open(struct ca *ca, struct ca_turn *turn)
{
    if (!turn->open) {
        turn->open = true;
        turn->failed_before = ca->failed_commits;
    }
    return store_in_transaction(ca->store) ? CEDE_OK : ca_begin(ca);
}

enum cede_status ca_turn_end(struct ca *ca, struct ca_turn *turn)
{
    enum cede_status status = store_in_transaction(ca->store) ? ca_commit(ca) : CEDE_OK;
    bool lost = turn->open && ca->failed_commits != turn->failed_before;

    turn->open = false;
    return lost ? CEDE_STORE_FAILED : status;
}

enum cede_status ca_unit_begin(struct ca *ca, bool *part)
{
    ca_sign_awaited(ca);
    return ca_unit_begin_beside(ca, part);
}

enum cede_status ca_unit_begin_beside(struct ca *ca, bool *part)
{
    *part = store_in_transaction(ca->store);
    return *part ? store_part_begin(ca->store) : store_begin(ca->store);
}

enum cede_status ca_unit_end(struct ca *ca, bool part, enum cede_status status)
{
    if (status == CEDE_OK) {
        return part ? store_part_commit(ca->store) : store_commit(ca->store);
    }
    if (part) {
        store_part_rollback(ca->store);
    } else {
        store_rollback(ca->store);
    }
    return status;
}
