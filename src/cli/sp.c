/* SPDX-License-Identifier: Apache-2.0 */
/* sp.c - `cede sp ...`: the service provider's state, server and fleet. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/sp_open.h"
#include "server/common/key_store.h"
#include "server/common/revocation_cache.h"
#include "server/sp/provision.h"
#include "server/sp/revocation.h"

#define DEVICES_MAX 1000000

/* --- init -------------------------------------------------------------------------------------
 */

static int run_init(int argc, char **argv)
{
    const char *dir = NULL, *name = NULL, *https = "127.0.0.1:8443", *coap = "127.0.0.1:5683";
    const char *poll = "3600", *key = NULL, *coaps = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory to make", true, &dir},
        {"name", "NAME", "name of the provider, as contracts and certificates show it", true,
         &name},
        {"https", "HOST:PORT", "where partners will reach it", false, &https},
        {"coap", "HOST:PORT", "where devices will reach it", false, &coap},
        {"coaps", "HOST:PORT", "the same over DTLS: devices of the X.509 profile", false, &coaps},
        {"poll", "SECONDS", "how often devices are asked to come", false, &poll},
        {"key", "URI", "pkcs11: URI of the identity's key in a token; P-256", false, &key},
        {NULL, NULL, NULL, false, NULL},
    };
    struct sp_init_options init;
    long poll_s;
    int words;
    int result =
        cli_options(argc, argv, "sp init --dir DIR --name NAME [OPTION ...]", options, 0, &words);
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (!cli_number("poll", poll, 1, 31536000, &poll_s) || !cli_key_uri("key", key)) {
        return CLI_USAGE;
    }
    init = (struct sp_init_options){.directory = dir,
                                    .name = name,
                                    .https = https,
                                    .coap = coap,
                                    .coaps = coaps,
                                    .poll_s = (uint32_t)poll_s,
                                    .key = key};
    status = sp_init(&init);
    if (status == CEDE_IDENTITY_EXISTS) {
        return cli_fail("%s holds an identity already; nothing was changed", dir);
    }
    if (key_store_error()[0] != '\0') {
        return cli_fail("cannot make %s: %s: %s", dir, cede_status_reason(status),
                        key_store_error());
    }
    if (status != CEDE_OK) {
        return cli_fail("cannot make %s: %s%s%s", dir, cede_status_reason(status),
                        status == CEDE_OS_FAILED ? "; " : "",
                        status == CEDE_OS_FAILED ? strerror(errno) : "");
    }
    printf("%s: provider '%s'. Give %s/identity.pem to your partners.\n", dir, name, dir);
    return CLI_OK;
}

/* --- partner ----------------------------------------------------------------------------------
 */

static int run_partner(int argc, char **argv)
{
    const char *dir = NULL, *name = NULL, *role = NULL, *url = NULL, *certificate = NULL;
    const char *crl = NULL, *ocsp = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &dir},
        {"name", "NAME", "what to call the partner", true, &name},
        {"role", "ROLE", "permanent-ca, ca or sp", true, &role},
        {"url", "URL", "https://HOST:PORT of its server", true, &url},
        {"certificate", "FILE", "its identity certificate, PEM or DER: pinned", true, &certificate},
        {"crl", "URL", "of a CA: http://... of its CRL, to be asked from now on", false, &crl},
        {"ocsp", "URL", "of a CA: http://... of its OCSP responder, the same", false, &ocsp},
        {NULL, NULL, NULL, false, NULL},
    };
    struct sp sp;
    int words;
    int result = cli_options(
        argc, argv,
        "sp partner --dir DIR --name NAME --role ROLE --url URL --certificate FILE [OPTION ...]",
        options, 0, &words);
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (strcmp(role, PARTNER_PERMANENT_CA) != 0 && strcmp(role, PARTNER_CA) != 0 &&
        strcmp(role, PARTNER_SP) != 0) {
        cli_fail("--role is one of " PARTNER_PERMANENT_CA ", " PARTNER_CA ", " PARTNER_SP);
        return CLI_USAGE;
    }
    if (!cli_sp_open(dir, &sp)) {
        return CLI_FAILED;
    }
    status = sp_add_partner(&sp, name, role, url, certificate);
    if (status == CEDE_OK && (crl != NULL || ocsp != NULL)) {
        status = revocation_cache_set_source(sp.store, name, crl, ocsp);
    }
    sp_close(&sp);
    if (status == CEDE_NOT_FOUND) {
        return cli_fail("%s: no such file", certificate);
    }
    if (status == CEDE_BAD_ARGUMENT) {
        return cli_fail(
            "the URL must be https://HOST:PORT, of --crl and --ocsp http://..., the name at"
            " most %d bytes",
            RECORD_NAME_MAX - 1);
    }
    return status == CEDE_OK ? CLI_OK
                             : cli_fail("cannot add '%s': %s", name, cede_status_reason(status));
}

/* --- serve ------------------------------------------------------------------------------------
 */

static int run_serve(int argc, char **argv)
{
    const char *dir = NULL, *https = "127.0.0.1:8443", *coap = "127.0.0.1:5683", *workers = "1";
    const char *coaps = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &dir},
        {"https", "HOST:PORT", "where to listen for partners", false, &https},
        {"coap", "HOST:PORT", "where to listen for devices", false, &coap},
        {"coaps", "HOST:PORT", "where to listen for those of the X.509 profile (DTLS)", false,
         &coaps},
        {"workers", "N", "worker processes", false, &workers},
        {NULL, NULL, NULL, false, NULL},
    };
    struct sp_serve_options serve;
    struct sp sp;
    long count;
    int words;
    int result = cli_options(argc, argv, "sp serve --dir DIR [OPTION ...]", options, 0, &words);
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (!cli_number("workers", workers, 1, 64, &count)) {
        return CLI_USAGE;
    }
    if (!cli_sp_load(dir, &sp)) {
        return CLI_FAILED;
    }
    serve = (struct sp_serve_options){https, coap, coaps, (unsigned)count};
    status = sp_serve(&sp, &serve);
    if (status != CEDE_OK) {
        bool refused = cede_status_class(status) == CEDE_CLASS_BACKEND && errno != 0;

        return cli_fail("cannot serve on %s and %s: %s%s%s", https, coap,
                        cede_status_reason(status), refused ? "; " : "",
                        refused ? strerror(errno) : "");
    }
    return CLI_OK;
}

/* --- provision --------------------------------------------------------------------------------
 */

struct id_list {
    char (*texts)[RECORD_DEVICE_ID_MAX];
    const char **ids;
    size_t count;
};

static void id_list_free(struct id_list *list)
{
    free(list->texts);
    free(list->ids);
}

static bool id_list_reserve(struct id_list *list, size_t count)
{
    list->texts = calloc(count, sizeof *list->texts);
    list->ids = calloc(count, sizeof *list->ids);
    return list->texts != NULL && list->ids != NULL;
}

static bool generate_ids(const char *prefix, long first, long count, struct id_list *list)
{
    if (!id_list_reserve(list, (size_t)count)) {
        return false;
    }
    for (long i = 0; i < count; i++) {
        int len = snprintf(list->texts[i], RECORD_DEVICE_ID_MAX, "%.24s%05ld", prefix, first + i);

        if (len <= 0 || len >= RECORD_DEVICE_ID_MAX) {
            return false;
        }
        list->ids[i] = list->texts[i];
    }
    list->count = (size_t)count;
    return true;
}

/* One id a line; empty lines and lines that begin with # are skipped. False with a message. */
static bool read_ids(const char *path, struct id_list *list)
{
    FILE *file = fopen(path, "re");
    char line[256];
    size_t number = 0;
    bool ok = file != NULL && id_list_reserve(list, DEVICES_MAX / 10);

    if (file == NULL) {
        cli_fail("%s: %s", path, strerror(errno));
        return false;
    }
    while (ok && fgets(line, sizeof line, file) != NULL) {
        size_t len = strcspn(line, "\r\n");

        number++;
        line[len] = '\0';
        if (len == 0 || line[0] == '#') {
            continue;
        }
        if (len >= RECORD_DEVICE_ID_MAX || strpbrk(line, "/ \t") != NULL ||
            list->count == DEVICES_MAX / 10) {
            cli_fail("%s, line %zu: a device id has at most %d bytes, no blanks and no slash", path,
                     number, RECORD_DEVICE_ID_MAX - 1);
            ok = false;
            break;
        }
        memcpy(list->texts[list->count], line, len + 1);
        list->ids[list->count] = list->texts[list->count];
        list->count++;
    }
    fclose(file);
    if (ok && list->count == 0) {
        cli_fail("%s holds no device id", path);
    }
    return ok && list->count > 0;
}

static void show_progress(void *context, const char *phase, size_t done, size_t all)
{
    (void)context;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%zu of %zu devices: %-24s%s", done, all, phase, done == all ? "\n" : "");
    }
}

static bool read_policy(const char *text, enum cede_status_policy *policy)
{
    static const char *const names[] = {"off", "prefer", "require"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) == 0) {
            *policy = (enum cede_status_policy)i;
            return true;
        }
    }
    cli_fail("--status is off, prefer or require, not '%s'", text);
    return false;
}

static bool read_profile(const char *text, bool *x509)
{
    *x509 = strcmp(text, "x509") == 0;
    if (!*x509 && strcmp(text, "compact") != 0) {
        cli_fail("--profile is compact or x509, not '%s'", text);
        return false;
    }
    return true;
}

static int provision(const char *dir, const char *poll, struct provision_options *options)
{
    struct hand_over_detail detail = {""};
    struct sp sp;
    long poll_s = 0;
    enum cede_status status;

    if (poll != NULL && !cli_number("poll", poll, 1, 31536000, &poll_s)) {
        return CLI_USAGE;
    }
    if (!cli_sp_open(dir, &sp)) {
        return CLI_FAILED;
    }
    options->poll_s = poll != NULL ? (uint64_t)poll_s : sp.poll_s;
    options->progress = show_progress;
    status = provision_devices(&sp, options, &detail);
    sp_close(&sp);
    if (status != CEDE_OK) {
        return cli_fail("provisioning stopped: %s", detail.text);
    }
    printf("%zu device images in %s\n", options->ids_count, options->out);
    return CLI_OK;
}

static int run_provision(int argc, char **argv)
{
    const char *dir = NULL, *out = NULL, *count = "1", *ids = NULL, *prefix = "d", *first = "1";
    const char *permanent_ca = NULL, *ca = NULL, *owner = NULL, *poll = NULL, *retry = "2000";
    const char *retry_max = "600000", *profile = "compact", *policy = "off";
    enum cede_status_policy status_policy = CEDE_STATUS_POLICY_OFF;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &dir},
        {"out", "DIR", "folder for the device images", true, &out},
        {"profile", "compact|x509", "C509 and EDHOC, or X.509 and DTLS", false, &profile},
        {"count", "N", "how many devices, ids generated", false, &count},
        {"prefix", "TEXT", "what generated ids begin with", false, &prefix},
        {"first", "N", "number of the first generated id", false, &first},
        {"ids", "FILE", "take the ids from a file instead, one a line", false, &ids},
        {"permanent-ca", "NAME", "partner that certifies factory keys", false, &permanent_ca},
        {"ca", "NAME", "partner whose PKI the devices enrol in", false, &ca},
        {"status", "off|prefer|require", "a proof that servers' certificates are good", false,
         &policy},
        {"owner", "FILE", "certificate to pin as the owner's", false, &owner},
        {"poll", "SECONDS", "how often devices poll (default: as the provider asks)", false, &poll},
        {"retry", "MS", "a device's first delay after a failure", false, &retry},
        {"retry-max", "MS", "its longest delay", false, &retry_max},
        {NULL, NULL, NULL, false, NULL},
    };
    struct id_list list = {NULL, NULL, 0};
    long n, first_n, retry_ms, retry_max_ms;
    bool x509 = false;
    int words;
    int result = cli_options(argc, argv, "sp provision --dir DIR --out DIR [OPTION ...]", options,
                             0, &words);

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (!cli_number("count", count, 1, DEVICES_MAX, &n) ||
        !cli_number("first", first, 0, 100000000, &first_n) ||
        !cli_number("retry", retry, 10, 86400000, &retry_ms) ||
        !cli_number("retry-max", retry_max, retry_ms, 604800000, &retry_max_ms)) {
        return CLI_USAGE;
    }
    if (!read_policy(policy, &status_policy) || !read_profile(profile, &x509)) {
        return CLI_USAGE;
    }
    if (ids != NULL ? read_ids(ids, &list) : generate_ids(prefix, first_n, n, &list)) {
        struct provision_options wishes = {.permanent_ca = permanent_ca,
                                           .ca = ca,
                                           .out = out,
                                           .x509 = x509,
                                           .ids = list.ids,
                                           .ids_count = list.count,
                                           .owner_certificate = owner,
                                           .status_policy = status_policy,
                                           .retry_ms = (uint64_t)retry_ms,
                                           .retry_max_ms = (uint64_t)retry_max_ms};
        result = provision(dir, poll, &wishes);
    } else {
        result = CLI_FAILED;
    }
    id_list_free(&list);
    return result;
}

/* --- devices ----------------------------------------------------------------------------------
 */

static enum cede_status print_device(void *context, const struct device *device)
{
    (void)context;
    printf("%-32s %-12s seq %-6lld %s\n", device->id, device_status_name(device->status),
           (long long)device->seq, device->last_error);
    return CEDE_OK;
}

static enum cede_status append_device(void *context, const struct device *device)
{
    json_t *json =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:b, s:s}", "id", device->id, "status",
                  device_status_name(device->status), "since", (json_int_t)device->since, "seen_at",
                  (json_int_t)device->seen_at, "seq", (json_int_t)device->seq, "ca", device->ca,
                  "serial", device->operational_serial, "revoked", (int)device->operational_revoked,
                  "last_error", device->last_error);

    return json != NULL && json_array_append_new(context, json) == 0 ? CEDE_OK : CEDE_OS_FAILED;
}

static enum cede_status count_devices(struct sp *sp, json_t *counts)
{
    for (int status = 1; status < DEVICE_STATUS_COUNT; status++) {
        int64_t count = 0;

        CEDE_TRY(records_device_count(sp->store, (enum device_status)status, &count));
        if (json_object_set_new(counts, device_status_name((enum device_status)status),
                                json_integer(count)) != 0) {
            return CEDE_OS_FAILED;
        }
    }
    return CEDE_OK;
}

static enum cede_status devices_json(struct sp *sp, bool counts_only)
{
    json_t *counts = json_object();
    json_t *list = json_array();
    enum cede_status status = count_devices(sp, counts);
    json_t *all;

    if (status == CEDE_OK && !counts_only) {
        status = records_each_device(sp->store, append_device, list);
    }
    all = counts_only ? json_pack("{s:O}", "counts", counts)
                      : json_pack("{s:O, s:O}", "counts", counts, "devices", list);
    if (status == CEDE_OK) {
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(all);
    json_decref(list);
    json_decref(counts);
    return status;
}

static int run_devices(int argc, char **argv)
{
    const char *dir = NULL, *json = NULL, *counts = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &dir},
        {"json", NULL, "one JSON object", false, &json},
        {"counts", NULL, "with --json: only how many there are in each status", false, &counts},
        {NULL, NULL, NULL, false, NULL},
    };
    struct sp sp;
    int words;
    int result =
        cli_options(argc, argv, "sp devices --dir DIR [--counts] [--json]", options, 0, &words);
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (!cli_sp_open(dir, &sp)) {
        return CLI_FAILED;
    }
    status = json != NULL ? devices_json(&sp, counts != NULL)
                          : records_each_device(sp.store, print_device, NULL);
    sp_close(&sp);
    return status == CEDE_OK ? CLI_OK
                             : cli_fail("cannot list devices: %s", cede_status_reason(status));
}

/* --- revoke-server ----------------------------------------------------------------------------
 */

static int run_revoke_server(int argc, char **argv)
{
    const char *dir = NULL;
    const struct cli_option options[] = {{"dir", "DIR", "state directory", true, &dir},
                                         {NULL, NULL, NULL, false, NULL}};
    struct sp sp;
    int words;
    int result = cli_options(argc, argv, "sp revoke-server --dir DIR", options, 0, &words);
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (!cli_sp_open(dir, &sp)) {
        return CLI_FAILED;
    }
    status = revocation_revoke_server(&sp);
    sp_close(&sp);
    return status == CEDE_OK ? CLI_OK : cli_fail("%s: %s", dir, cede_status_reason(status));
}

const struct cli_command cli_sp_commands[] = {
    {"sp", "init", "make a service provider's state directory", run_init},
    {"sp", "partner", "add a CA or another provider as partner", run_partner},
    {"sp", "serve", "run the provider: partners' door, update server, clerk, courier", run_serve},
    {"sp", "provision", "make devices: keys, factory certificates, images", run_provision},
    {"sp", "devices", "list the inventory", run_devices},
    {"sp", "revoke-server", "say that the update server's certificate is revoked",
     run_revoke_server},
    {NULL, NULL, NULL, NULL},
};
