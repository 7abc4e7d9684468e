/* SPDX-License-Identifier: Apache-2.0 */
/* sp.c - the state directory of a service provider: making and reading it. */
#include "server/sp/sp.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cede/crypto_openssl.h"
#include "cede/posix.h"
#include "server/common/address.h"
#include "server/common/key_store.h"
#include "server/common/members.h"

#define SERVER_VALID_S ((uint64_t)10 * 365 * 24 * 3600)

int64_t sp_now(void)
{
    return (int64_t)time(NULL);
}

static bool join_path(const char *directory, const char *name, char path[SP_PATH_MAX])
{
    int len = snprintf(path, SP_PATH_MAX, "%s/%s", directory, name);

    return len > 0 && len < SP_PATH_MAX;
}

bool sp_path(const struct sp *sp, const char *name, char path[SP_PATH_MAX])
{
    return join_path(sp->directory, name, path);
}

enum cede_status sp_certificate_array(struct cede_span certificate, struct cede_buf out,
                                      struct cede_span *array)
{
    struct cede_writer writer = cede_writer(out);
    bool is_sequence = certificate.len > 0 && (certificate.ptr[0] == CEDE_C509_NATIVE ||
                                               certificate.ptr[0] == CEDE_C509_X509);

    if (is_sequence) {
        cede_cbor_put_array(&writer, 11);
    }
    cede_write_bytes(&writer, certificate);
    return cede_writer_finish(&writer, array);
}

/* --- init -------------------------------------------------------------------------------------
 */

static enum cede_status write_config(const struct sp_init_options *options)
{
    char path[SP_PATH_MAX];
    json_t *json;
    char *text;
    enum cede_status status;

    if (!join_path(options->directory, "sp.json", path)) {
        return CEDE_BAD_ARGUMENT;
    }
    json = json_pack("{s:s, s:s+, s:s+, s:I}", "name", options->name, "https_url", "https://",
                     options->https, "update_uri", "coap://", options->coap, "poll_s",
                     (json_int_t)options->poll_s);
    if (json != NULL && options->coaps != NULL) {
        json_object_set_new(json, "update_uri_coaps", json_sprintf("coaps://%s", options->coaps));
    }
    text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    if (text == NULL) {
        return CEDE_OS_FAILED;
    }
    status = cede_file_write(path, 0644, cede_span_string(text));
    free(text);
    return status;
}

/* The update server's certificate, signed by the controller. */
static enum cede_status issue_server_certificate(const struct identity *identity, EVP_PKEY *key,
                                                 enum cede_certificate_format format,
                                                 struct cede_buf out, struct cede_span *encoding)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct cede_certificate_info info = {0};
    struct cede_certificate issuer;
    uint8_t serial[8], point[64], scratch[CEDE_C509_SCRATCH];

    CEDE_TRY(crypto->random(crypto->context, CEDE_BUF_ARRAY(serial)));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    CEDE_TRY(identity_key_point(key, point));
    CEDE_TRY(cede_certificate_decode(identity->certificate_der, crypto, &issuer));
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(identity->name)};
    info.subject = info.issuer;
    info.not_before = (uint64_t)sp_now();
    info.not_after = info.not_before + SERVER_VALID_S;
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(point)};
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    info.eku = CEDE_EKU_SERVER_AUTH;
    if (format == CEDE_CERTIFICATE_X509) {
        info.issuer = issuer.subject; /* to the letter (RFC 5280, section 4.1.2.4) */
    }
    return cede_certificate_issue(format, crypto, &info, &identity->private_key,
                                  CEDE_BUF_ARRAY(scratch), out, encoding);
}

static enum cede_status write_server_certificate(const char *directory, const char *name,
                                                 const struct identity *identity, EVP_PKEY *key,
                                                 enum cede_certificate_format format)
{
    char path[SP_PATH_MAX];
    uint8_t certificate[SP_CERTIFICATE_MAX];
    struct cede_span encoding;

    CEDE_TRY(
        issue_server_certificate(identity, key, format, CEDE_BUF_ARRAY(certificate), &encoding));
    return join_path(directory, name, path) ? cede_file_write(path, 0644, encoding)
                                            : CEDE_BAD_ARGUMENT;
}

static enum cede_status make_server_credential(const char *directory,
                                               const struct identity *identity)
{
    char path[SP_PATH_MAX];
    EVP_PKEY *key = NULL;
    enum cede_status status = identity_generate_key(&key);

    if (status == CEDE_OK && join_path(directory, "server.key", path)) {
        status = key_store_save(path, key);
    }
    if (status == CEDE_OK) {
        status = write_server_certificate(directory, "server.c509", identity, key,
                                          CEDE_CERTIFICATE_C509_NATIVE);
    }
    if (status == CEDE_OK) {
        status =
            write_server_certificate(directory, "server.der", identity, key, CEDE_CERTIFICATE_X509);
    }
    EVP_PKEY_free(key);
    return status;
}

/* The identity's key is in a token; identity_create() finds its file there. */
static enum cede_status take_key(const char *directory, const char *uri)
{
    char path[SP_PATH_MAX];
    EVP_PKEY *key = NULL;

    if ((mkdir(directory, 0700) != 0 && errno != EEXIST) ||
        !join_path(directory, "identity.key", path)) {
        return CEDE_OS_FAILED;
    }
    if (access(path, F_OK) == 0) {
        return CEDE_IDENTITY_EXISTS;
    }
    CEDE_TRY(key_store_save_uri(path, uri, &key));
    EVP_PKEY_free(key);
    return CEDE_OK;
}

enum cede_status sp_init(const struct sp_init_options *options)
{
    char host[ADDRESS_HOST_MAX];
    const char *hosts[1] = {host};
    uint16_t port;
    struct identity identity;
    struct sp sp;
    enum cede_status status;

    if (options->coaps != NULL) {
        CEDE_TRY(address_split(options->coaps, host, &port));
    }
    CEDE_TRY(address_split(options->coap, host, &port));
    CEDE_TRY(address_split(options->https, host, &port));
    if (options->key != NULL) {
        CEDE_TRY(take_key(options->directory, options->key));
    }
    CEDE_TRY(identity_create(options->directory, options->name, hosts, 1));
    CEDE_TRY(identity_load(options->directory, &identity));
    status = make_server_credential(options->directory, &identity);
    identity_wipe(&identity);
    if (status == CEDE_OK) {
        status = write_config(options);
    }
    if (status == CEDE_OK) {
        status = sp_load(options->directory, &sp);
    }
    if (status == CEDE_OK) {
        status = sp_open_store(&sp);
        sp_close(&sp);
    }
    return status;
}

/* --- load -------------------------------------------------------------------------------------
 */

static bool copy_text(const char *from, char *to, size_t cap)
{
    size_t len = strlen(from);

    if (len == 0 || len >= cap) {
        return false;
    }
    memcpy(to, from, len + 1);
    return true;
}

static enum cede_status wrong(struct sp *sp, const char *where, const char *what)
{
    snprintf(sp->why, sizeof sp->why, "sp.json: %.20s%.120s", where, what);
    return CEDE_SP_CONFIG;
}

static enum cede_status check_members(struct sp *sp, const char *where, const json_t *object,
                                      const char *const *names)
{
    char why[120];

    return members_unknown(object, names, why, sizeof why) ? wrong(sp, where, why) : CEDE_OK;
}

static enum cede_status read_text(struct sp *sp, const json_t *json, const char *name, char *to,
                                  size_t cap)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text != NULL && copy_text(text, to, cap) ? CEDE_OK : wrong(sp, "", name);
}

/* Absent, it stays what it is, if that will do. */
static enum cede_status read_seconds(struct sp *sp, const json_t *json, const char *where,
                                     const char *name, uint32_t least, uint32_t *seconds)
{
    const json_t *member = json_object_get(json, name);
    json_int_t value = member != NULL ? json_integer_value(member) : *seconds;

    if ((member != NULL && !json_is_integer(member)) || value < least || value > UINT32_MAX) {
        char path[64];

        snprintf(path, sizeof path, "%s%s%s", where, *where != '\0' ? "." : "", name);
        return wrong(sp, "", path);
    }
    *seconds = (uint32_t)value;
    return CEDE_OK;
}

/* {"freshness_s": S, "grace_s": S, "on_outage": "soft" | "refuse"}, each with a default. */
static enum cede_status read_revocation(struct sp *sp, const json_t *json)
{
    static const char *const names[] = {"freshness_s", "grace_s", "on_outage", NULL};
    const json_t *members = json_object_get(json, "revocation");
    const json_t *on_outage = json_object_get(members, "on_outage");
    const char *text = on_outage != NULL ? json_string_value(on_outage) : "soft";
    struct revocation_policy *policy = &sp->revocation;

    *policy = (struct revocation_policy){REVOCATION_FRESHNESS_S, REVOCATION_GRACE_S, false};
    if (members != NULL && !json_is_object(members)) {
        return wrong(sp, "", "revocation");
    }
    CEDE_TRY(check_members(sp, "revocation: ", members, names));
    CEDE_TRY(read_seconds(sp, members, "revocation", "freshness_s", 1, &policy->freshness_s));
    CEDE_TRY(read_seconds(sp, members, "revocation", "grace_s", 0, &policy->grace_s));
    if (text == NULL || (strcmp(text, "soft") != 0 && strcmp(text, "refuse") != 0)) {
        return wrong(sp, "", "revocation.on_outage");
    }
    policy->refuse = strcmp(text, "refuse") == 0;
    return CEDE_OK;
}

static enum cede_status read_config(struct sp *sp, const json_t *json)
{
    static const char *const names[] = {
        "name", "https_url", "update_uri", "poll_s", "update_uri_coaps", "revocation", NULL};

    CEDE_TRY(check_members(sp, "", json, names));
    CEDE_TRY(read_text(sp, json, "name", sp->name, sizeof sp->name));
    CEDE_TRY(read_text(sp, json, "https_url", sp->https_url, sizeof sp->https_url));
    CEDE_TRY(read_text(sp, json, "update_uri", sp->update_uri, sizeof sp->update_uri));
    if (json_object_get(json, "update_uri_coaps") != NULL) {
        CEDE_TRY(read_text(sp, json, "update_uri_coaps", sp->update_uri_coaps,
                           sizeof sp->update_uri_coaps));
    }
    CEDE_TRY(read_seconds(sp, json, "", "poll_s", 1, &sp->poll_s));
    return read_revocation(sp, json);
}

static enum cede_status parse_config(const char *text, size_t len, struct sp *sp)
{
    json_error_t error;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    enum cede_status status =
        json != NULL ? read_config(sp, json) : wrong(sp, "no JSON: ", error.text);

    json_decref(json);
    return status;
}

static enum cede_status load_file(const struct sp *sp, const char *name, uint8_t *out, size_t cap,
                                  size_t *len)
{
    char path[SP_PATH_MAX];
    struct cede_span content;

    if (!sp_path(sp, name, path)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(cede_file_read(path, CEDE_FILE_PUBLIC, cede_buf(out, cap), &content));
    *len = content.len;
    return CEDE_OK;
}

/* The controller certificate as devices hold it, and both thumbprints. */
static enum cede_status derive_controller(struct sp *sp)
{
    struct cede_span der = cede_span(sp->identity_der, sp->identity_der_len);
    uint8_t sequence[SP_CERTIFICATE_MAX], scratch[2048];
    struct cede_span encoding, array;
    size_t len;

    CEDE_TRY(cede_certificate_thumbprint(sp->crypto, CEDE_ALG_SHA_256, der, sp->identity_thumbprint,
                                         &len));
    CEDE_TRY(cede_c509_from_x509(sp->crypto, der, CEDE_BUF_ARRAY(scratch), CEDE_BUF_ARRAY(sequence),
                                 &encoding));
    CEDE_TRY(sp_certificate_array(encoding, CEDE_BUF_ARRAY(sp->controller), &array));
    sp->controller_len = array.len;
    return cede_certificate_thumbprint(sp->crypto, CEDE_ALG_SHA_256, array,
                                       sp->controller_thumbprint, &len);
}

enum cede_status sp_load(const char *directory, struct sp *sp)
{
    char config[2048];
    size_t config_len;

    memset(sp, 0, sizeof *sp);
    sp->crypto = cede_crypto_openssl();
    if (!copy_text(directory, sp->directory, sizeof sp->directory)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(load_file(sp, "sp.json", (uint8_t *)config, sizeof config, &config_len));
    CEDE_TRY(parse_config(config, config_len, sp));
    CEDE_TRY(load_file(sp, "identity.der", sp->identity_der, sizeof sp->identity_der,
                       &sp->identity_der_len));
    CEDE_TRY(derive_controller(sp));
    CEDE_TRY(load_file(sp, "server.c509", sp->server_certificate, sizeof sp->server_certificate,
                       &sp->server_certificate_len));
    return load_file(sp, "server.der", sp->server_der, sizeof sp->server_der, &sp->server_der_len);
}

enum cede_status sp_load_server_key(const struct sp *sp, EVP_PKEY **pkey)
{
    char path[SP_PATH_MAX];

    *pkey = NULL;
    return sp_path(sp, "server.key", path) ? key_store_load(path, pkey) : CEDE_BAD_ARGUMENT;
}

enum cede_status sp_open_store(struct sp *sp)
{
    char path[SP_PATH_MAX];

    if (!sp_path(sp, "store.db", path)) {
        return CEDE_BAD_ARGUMENT;
    }
    CEDE_TRY(store_open(path, &sp->store));
    return records_migrate(sp->store);
}

void sp_close(struct sp *sp)
{
    store_close(sp->store);
    sp->store = NULL;
}

enum cede_status sp_commit(struct sp *sp)
{
    return store_in_transaction(sp->store) ? store_commit(sp->store) : CEDE_OK;
}

enum cede_status sp_finish(struct sp *sp, enum cede_status status)
{
    if (status == CEDE_OK) {
        return sp_commit(sp);
    }
    store_rollback(sp->store);
    return status;
}

/* --- partners ---------------------------------------------------------------------------------
 */

/* The first certificate of a PEM file, or a DER file, as DER. */
static enum cede_status read_certificate(const char *path, uint8_t *der, size_t cap, size_t *len)
{
    FILE *file = fopen(path, "re");
    X509 *certificate;
    int needed;

    if (file == NULL) {
        return CEDE_NOT_FOUND;
    }
    certificate = PEM_read_X509(file, NULL, NULL, NULL);
    if (certificate == NULL) {
        rewind(file);
        certificate = d2i_X509_fp(file, NULL);
    }
    fclose(file);
    needed = certificate != NULL ? i2d_X509(certificate, NULL) : 0;
    if (needed > 0 && (size_t)needed <= cap) {
        *len = (size_t)i2d_X509(certificate, &der);
    }
    X509_free(certificate);
    return needed > 0 && (size_t)needed <= cap ? CEDE_OK : CEDE_IDENTITY_FORMAT;
}

enum cede_status sp_add_partner(struct sp *sp, const char *name, const char *role, const char *url,
                                const char *certificate_path)
{
    struct partner partner = {0};
    size_t url_len = strlen(url);
    size_t hash_len;

    if (url_len > 0 && url[url_len - 1] == '/') {
        url_len--;
    }
    if (strncmp(url, "https://", 8) != 0 || url_len >= sizeof partner.url ||
        !copy_text(name, partner.name, sizeof partner.name) ||
        !copy_text(role, partner.role, sizeof partner.role)) {
        return CEDE_BAD_ARGUMENT;
    }
    memcpy(partner.url, url, url_len);
    CEDE_TRY(read_certificate(certificate_path, partner.certificate, sizeof partner.certificate,
                              &partner.certificate_len));
    CEDE_TRY(cede_certificate_thumbprint(sp->crypto, CEDE_ALG_SHA_256,
                                         cede_span(partner.certificate, partner.certificate_len),
                                         partner.thumbprint, &hash_len));
    return records_save_partner(sp->store, &partner);
}
