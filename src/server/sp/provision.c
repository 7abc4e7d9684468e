/* SPDX-License-Identifier: Apache-2.0 */
/* provision.c - the production line: from ids to device images. */
#include "server/sp/provision.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cede/device.h"
#include "cede/posix.h"
#include "server/common/https_client.h"
#include "server/sp/profile.h"

#define REQUEST_MAX     512
#define CERTIFICATE_MAX 768
#define BODY_MAX        (PROVISION_BATCH * (CERTIFICATE_MAX + 8))
#define TRUST_MAX       CEDE_DEVICE_TRUST_MAX

/* One device on the line. */
struct item {
    const char *id;
    uint8_t key[32], point[64];
    uint8_t request[REQUEST_MAX];
    size_t request_len;
    uint8_t certificate[CERTIFICATE_MAX]; /* ~C509Certificate or DER */
    size_t certificate_len;
};

struct line {
    struct sp *sp;
    const struct provision_options *options;
    struct hand_over_detail *detail;
    struct tls_identity tls;
    struct https_client *client;
    struct partner permanent_ca, ca;
    struct item *items;
    size_t count;
    uint8_t body[BODY_MAX];
};

static enum cede_status failed(struct line *line, enum cede_status status, const char *what)
{
    if (line->detail->text[0] == '\0') {
        snprintf(line->detail->text, sizeof line->detail->text, "%s: %s", what,
                 cede_status_reason(status));
    }
    return status;
}

static void report(const struct line *line, const char *phase, size_t done)
{
    if (line->options->progress != NULL) {
        line->options->progress(line->options->progress_context, phase, done,
                                line->options->ids_count);
    }
}

/* --- asking the CAs ---------------------------------------------------------------------------
 */

static enum cede_status ask(struct line *line, const struct partner *partner, const char *method,
                            const char *path, struct cede_span body,
                            struct https_client_answer *answer)
{
    char url[RECORD_URL_MAX + 64];
    struct https_client_request request = {
        .method = method,
        .url = url,
        .anchor = cede_span(partner->certificate, partner->certificate_len),
        .content_type = "application/cbor",
        .body = body};
    enum cede_status status;

    snprintf(url, sizeof url, "%s%s", partner->url, path);
    status = https_client_ask(line->client, &request, answer);
    if (status != CEDE_OK) {
        snprintf(line->detail->text, sizeof line->detail->text, "%s: %s", partner->name,
                 https_client_error(line->client));
        return status;
    }
    if (answer->status / 100 != 2) {
        snprintf(line->detail->text, sizeof line->detail->text, "%.32s answers %d: %.70s",
                 partner->name, answer->status, (const char *)answer->body.ptr);
        return CEDE_HTTPS_REFUSED;
    }
    return CEDE_OK;
}

/* --- keys and requests ------------------------------------------------------------------------
 */

static enum cede_status make_request(struct line *line, struct item *item)
{
    const struct cede_crypto *crypto = line->sp->crypto;
    struct cede_est_identity identity;
    struct cede_span request;

    CEDE_TRY(crypto->generate(crypto->context, CEDE_CRV_P256, item->key, item->point));
    identity.device_id = cede_span_string(item->id);
    identity.key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(item->key), NULL};
    identity.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(item->point)};
    CEDE_TRY(
        line->options->x509
            ? cede_est_compose_pkcs10(crypto, &identity, CEDE_BUF_ARRAY(item->request), &request)
            : cede_est_compose_request(crypto, &identity, CEDE_BUF_ARRAY(item->request), &request));
    item->request_len = request.len;
    return CEDE_OK;
}

static enum cede_status make_requests(struct line *line)
{
    for (size_t i = 0; i < line->count; i++) {
        struct device device;

        if (records_device(line->sp->store, line->items[i].id, &device) == CEDE_OK) {
            snprintf(line->detail->text, sizeof line->detail->text,
                     "device '%.32s' is in the inventory already", line->items[i].id);
            return CEDE_TRANSFER_DEVICE;
        }
        CEDE_TRY(make_request(line, &line->items[i]));
    }
    return CEDE_OK;
}

/* The certificate is for the key and id that were asked for, and from the permanent CA. */
static enum cede_status take_certificate(struct line *line, struct cede_span encoding,
                                         const struct cede_certificate *anchor, struct item *item)
{
    struct cede_path_rules rules = {true, (uint64_t)sp_now(), 0, 0};
    struct cede_certificate certificate;
    uint8_t scratch[CEDE_C509_SCRATCH];
    struct cede_span kept;

    CEDE_TRY(cede_certificate_decode(encoding, line->sp->crypto, &certificate));
    if ((certificate.format == CEDE_CERTIFICATE_X509) != line->options->x509) {
        return CEDE_EST_BODY;
    }
    CEDE_TRY(cede_certificate_path(&certificate, 1, anchor, 1, &rules, line->sp->crypto,
                                   CEDE_BUF_ARRAY(scratch), NULL));
    if (!cede_span_equal(cede_certificate_key(&certificate).point, CEDE_SPAN_ARRAY(item->point)) ||
        !cede_span_equal(cede_certificate_common_name(&certificate), cede_span_string(item->id))) {
        return CEDE_EST_KEY;
    }
    CEDE_TRY(cede_copy(CEDE_BUF_ARRAY(item->certificate), certificate.raw, &kept));
    item->certificate_len = kept.len;
    return CEDE_OK;
}

static enum cede_status take_certificates(struct line *line, struct cede_span body)
{
    struct cede_reader reader = cede_reader(body);
    struct cede_certificate anchor;

    CEDE_TRY(cede_certificate_decode(
        cede_span(line->permanent_ca.certificate, line->permanent_ca.certificate_len),
        line->sp->crypto, &anchor));
    cede_cbor_expect_array(&reader, line->count);
    for (size_t i = 0; i < line->count; i++) {
        struct cede_span encoding = cede_cbor_get_bytes(&reader);

        CEDE_TRY(reader.status);
        CEDE_TRY(take_certificate(line, encoding, &anchor, &line->items[i]));
    }
    return cede_reader_finish(&reader);
}

static enum cede_status order_certificates(struct line *line)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(line->body));
    struct https_client_answer answer;
    struct cede_span body;

    cede_cbor_put_array(&writer, line->count);
    for (size_t i = 0; i < line->count; i++) {
        cede_cbor_put_bytes(&writer, cede_span(line->items[i].request, line->items[i].request_len));
    }
    CEDE_TRY(cede_writer_finish(&writer, &body));
    CEDE_TRY(ask(line, &line->permanent_ca, "POST", "/v1/factory-certificates", body, &answer));
    return take_certificates(line, answer.body);
}

/* --- registration -----------------------------------------------------------------------------
 */

static enum cede_status take_enroll_uri(struct line *line, struct cede_span body)
{
    bool x509 = line->options->x509;
    json_t *json = json_loadb((const char *)body.ptr, body.len, 0, NULL);
    const char *uri =
        json_string_value(json_object_get(json, x509 ? "enroll_uri_coaps" : "enroll_uri"));
    enum cede_status status = CEDE_HTTPS_REFUSED;

    if (uri != NULL && strlen(uri) < sizeof line->ca.enroll_uri &&
        profile_is_coaps(cede_span_string(uri)) == x509) {
        strcpy(x509 ? line->ca.enroll_uri_coaps : line->ca.enroll_uri, uri);
        status = CEDE_OK;
    } else if (x509 && uri == NULL) {
        snprintf(line->detail->text, sizeof line->detail->text,
                 "%.32s serves no EST-coaps, which the X.509 profile needs", line->ca.name);
    }
    json_decref(json);
    return status;
}

static enum cede_status register_devices(struct line *line)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(line->body));
    struct https_client_answer answer;
    struct cede_span body;

    if (line->count > 1) {
        cede_cbor_put_array(&writer, line->count);
    }
    for (size_t i = 0; i < line->count; i++) {
        cede_cbor_put_bytes(&writer,
                            cede_span(line->items[i].certificate, line->items[i].certificate_len));
    }
    CEDE_TRY(cede_writer_finish(&writer, &body));
    CEDE_TRY(ask(line, &line->ca, "POST", "/v1/registrations", body, &answer));
    return take_enroll_uri(line, answer.body);
}

static enum cede_status fetch_trust(struct line *line)
{
    struct https_client_answer answer;

    CEDE_TRY(ask(line, &line->ca, "GET", "/v1/anchors", CEDE_SPAN_NULL, &answer));
    if (answer.body.len > sizeof line->ca.trust) {
        return CEDE_NO_SPACE;
    }
    memcpy(line->ca.trust, answer.body.ptr, answer.body.len);
    line->ca.trust_len = answer.body.len;
    return CEDE_OK;
}

/* --- images -----------------------------------------------------------------------------------
 */

struct trust {
    struct cede_trust_entry entries[TRUST_MAX];
    size_t count;
    uint8_t server[SP_CERTIFICATE_MAX + 1];
    uint8_t anchors[sizeof((struct partner *)0)->trust];
    uint8_t owner[2048];
};

/* What the device trusts from birth: its CA's list, our update server where it is referred to, and
 * the owner's key. */
static enum cede_status collect_trust(struct line *line, struct trust *trust)
{
    struct sp *sp = line->sp;
    bool x509 = line->options->x509;

    CEDE_TRY(profile_trust(sp, cede_span(line->ca.trust, line->ca.trust_len), x509,
                           CEDE_BUF_ARRAY(trust->anchors), trust->entries, TRUST_MAX - 2,
                           &trust->count));
    if (!x509) {
        trust->entries[trust->count].purposes = CEDE_PURPOSE_KNOWN;
        CEDE_TRY(sp_certificate_array(cede_span(sp->server_certificate, sp->server_certificate_len),
                                      CEDE_BUF_ARRAY(trust->server),
                                      &trust->entries[trust->count].certificate));
        trust->count++;
    }
    if (line->options->owner_certificate != NULL) {
        trust->entries[trust->count].purposes = CEDE_PURPOSE_OWNER | CEDE_PURPOSE_SURVIVES;
        CEDE_TRY(cede_file_read(line->options->owner_certificate, CEDE_FILE_PUBLIC,
                                CEDE_BUF_ARRAY(trust->owner),
                                &trust->entries[trust->count].certificate));
        trust->count++;
    }
    return CEDE_OK;
}

static enum cede_status write_image(struct line *line, const struct trust *trust,
                                    const struct item *item)
{
    struct sp *sp = line->sp;
    struct cede_device_provision provision = {
        .factory_key = CEDE_SPAN_ARRAY(item->key),
        .factory_certificate = cede_span(item->certificate, item->certificate_len),
        .controller_certificate = profile_controller(sp, line->options->x509),
        .enroll_uri = profile_enroll_uri(&line->ca, line->options->x509),
        .update_uri = profile_update_uri(sp, line->options->x509),
        .trust = trust->entries,
        .trust_count = trust->count,
        .status_policy = line->options->status_policy,
        .poll_s = line->options->poll_s,
        .retry_ms = line->options->retry_ms,
        .retry_max_ms = line->options->retry_max_ms};
    struct cede_file_flash flash;
    char path[SP_PATH_MAX];
    enum cede_status status;

    if (snprintf(path, sizeof path, "%s/%s.image", line->options->out, item->id) >=
        (int)sizeof path) {
        return CEDE_NO_SPACE;
    }
    /* An image of a device that is not in the inventory is left over from a line that stopped. */
    if (unlink(path) != 0 && errno != ENOENT) {
        return CEDE_FILE_FAILED;
    }
    CEDE_TRY(cede_file_flash_open(&flash, path, CEDE_DEVICE_SLOT_SIZE));
    status = cede_device_image_create(sp->crypto, &flash.flash, &provision);
    cede_file_flash_close(&flash);
    return status;
}

static enum cede_status write_images(struct line *line)
{
    struct trust trust;

    CEDE_TRY(collect_trust(line, &trust));
    for (size_t i = 0; i < line->count; i++) {
        CEDE_TRY(write_image(line, &trust, &line->items[i]));
    }
    return CEDE_OK;
}

static enum cede_status save_item(struct line *line, const struct item *item)
{
    struct device device = {.status = DEVICE_PROVISIONED, .since = sp_now()};
    struct cede_span certificate = cede_span(item->certificate, item->certificate_len);
    size_t len;

    snprintf(device.id, sizeof device.id, "%s", item->id);
    memcpy(device.ca, line->ca.name, sizeof device.ca);
    CEDE_TRY(cede_certificate_thumbprint(line->sp->crypto, CEDE_ALG_SHA_256, certificate,
                                         device.factory_thumbprint, &len));
    return records_add_device(line->sp->store, &device, certificate);
}

static enum cede_status save_items(struct line *line)
{
    struct store *store = line->sp->store;

    CEDE_TRY(records_write(store));
    CEDE_TRY(records_save_enroll_uri(store, line->ca.name,
                                     line->options->x509 ? line->ca.enroll_uri_coaps
                                                         : line->ca.enroll_uri));
    CEDE_TRY(
        records_save_trust(store, line->ca.name, cede_span(line->ca.trust, line->ca.trust_len)));
    for (size_t i = 0; i < line->count; i++) {
        CEDE_TRY(save_item(line, &line->items[i]));
    }
    return CEDE_OK;
}

/* --- the line ---------------------------------------------------------------------------------
 */

static enum cede_status run_batch(struct line *line, size_t first)
{
    enum cede_status status;

    report(line, "keys and requests", first);
    status = make_requests(line);
    if (status != CEDE_OK) {
        return failed(line, status, "making requests");
    }
    report(line, "factory certificates", first);
    status = order_certificates(line);
    if (status != CEDE_OK) {
        return failed(line, status, "factory certificates");
    }
    report(line, "registration", first);
    status = register_devices(line);
    if (status == CEDE_OK) {
        status = fetch_trust(line);
    }
    if (status != CEDE_OK) {
        return failed(line, status, "registration");
    }
    report(line, "images", first);
    status = write_images(line);
    if (status != CEDE_OK) {
        return failed(line, status, "writing images");
    }
    status = sp_finish(line->sp, save_items(line));
    return status == CEDE_OK ? CEDE_OK : failed(line, status, "inventory");
}

static enum cede_status find_ca(struct line *line, const char *name, const char *role,
                                struct partner *partner)
{
    enum cede_status status = name != NULL
                                  ? records_partner(line->sp->store, name, partner)
                                  : records_partner_of_role(line->sp->store, role, 0, partner);

    if (status == CEDE_NOT_FOUND) {
        snprintf(line->detail->text, sizeof line->detail->text,
                 "no partner with role '%s'; add it with 'cede sp partner'", role);
    }
    return status;
}

static enum cede_status open_line(struct line *line)
{
    struct https_client_config config = {.tls = &line->tls};

    CEDE_TRY(find_ca(line, line->options->permanent_ca, PARTNER_PERMANENT_CA, &line->permanent_ca));
    CEDE_TRY(find_ca(line, line->options->ca, PARTNER_CA, &line->ca));
    if (profile_update_uri(line->sp, line->options->x509).len == 0) {
        snprintf(line->detail->text, sizeof line->detail->text,
                 "this provider serves no DTLS; 'cede sp init --coaps' says where it does");
        return CEDE_BAD_ARGUMENT;
    }
    if (mkdir(line->options->out, 0700) != 0 && errno != EEXIST) {
        snprintf(line->detail->text, sizeof line->detail->text, "%.120s: %s", line->options->out,
                 strerror(errno));
        return CEDE_FILE_FAILED;
    }
    line->items = calloc(PROVISION_BATCH, sizeof *line->items);
    if (line->items == NULL) {
        return CEDE_OS_FAILED;
    }
    CEDE_TRY(tls_identity_load(line->sp->directory, &line->tls));
    return https_client_new(&config, &line->client);
}

static void close_line(struct line *line)
{
    if (line->items != NULL) {
        cede_wipe(line->items, PROVISION_BATCH * sizeof *line->items);
    }
    free(line->items);
    https_client_free(line->client);
    tls_identity_wipe(&line->tls);
    free(line);
}

enum cede_status provision_devices(struct sp *sp, const struct provision_options *options,
                                   struct hand_over_detail *detail)
{
    struct line *line = calloc(1, sizeof *line);
    enum cede_status status;

    if (line == NULL) {
        return CEDE_OS_FAILED;
    }
    detail->text[0] = '\0';
    line->sp = sp;
    line->options = options;
    line->detail = detail;
    status = open_line(line);
    for (size_t first = 0; first < options->ids_count && status == CEDE_OK;
         first += PROVISION_BATCH) {
        size_t left = options->ids_count - first;

        line->count = left < PROVISION_BATCH ? left : PROVISION_BATCH;
        for (size_t i = 0; i < line->count; i++) {
            line->items[i].id = options->ids[first + i];
        }
        status = run_batch(line, first);
    }
    if (status == CEDE_OK) {
        report(line, "done", options->ids_count);
    }
    close_line(line);
    return status;
}
