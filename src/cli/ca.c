/* SPDX-License-Identifier: Apache-2.0 */
/* ca.c - cede ca ...: making, running and using a certification authority. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/posix.h"
#include "cli/ca_register.h"
#include "cli/cli.h"
#include "server/ca/ca.h"
#include "server/common/hex.h"

#define FILE_MAX    65536
#define WORKERS_MAX 64
#define REASON_MAX  10

int cli_ca_report(const char *what, enum cede_status status)
{
    const char *more = ca_last_error();

    return cli_fail("%s: %s%s%s", what, cede_status_reason(status), *more != '\0' ? ": " : "",
                    more);
}

static int read_file(const char *path, uint8_t *memory, struct cede_span *content)
{
    enum cede_status status =
        cede_file_read(path, CEDE_FILE_PUBLIC, cede_buf(memory, FILE_MAX), content);

    return status == CEDE_OK ? CLI_OK : cli_fail("%s: %s", path, cede_status_reason(status));
}

/* Parses options; a result other than CLI_OK ends the command with *exit_code. */
static bool parse(int argc, char **argv, const char *usage, const struct cli_option *options,
                  int *exit_code)
{
    int positional = 0;
    int result = cli_options(argc, argv, usage, options, 0, &positional);

    *exit_code = result < 0 ? CLI_OK : result;
    return result == CLI_OK;
}

/* --- init ------------------------------------------------------------------------------------- */

/* Which doors the CA has told of: what devices, partners and certificates will be told. */
static void print_doors(const struct ca_init *init)
{
    const struct {
        const char *name;
        const char *address;
    } doors[] = {{"https", init->https},
                 {"coap", init->coap},
                 {"coaps", init->coaps},
                 {"est", init->est},
                 {"http", init->http}};
    const size_t count = sizeof doors / sizeof doors[0];
    bool all = true;

    printf("%s: CA '%s'. Public addresses:", init->directory, init->name);
    for (size_t i = 0; i < count; i++) {
        printf(" %s %s", doors[i].name, doors[i].address == NULL ? "-" : doors[i].address);
        all = all && doors[i].address != NULL;
    }
    putchar('\n');
    if (!all) {
        printf("A door without one (-) is told to nobody: put it into %s/ca.json, then "
               "'cede ca renew-tls --dir %s'.\n",
               init->directory, init->directory);
    }
}

static int init_new(const struct ca_init *init)
{
    enum cede_status status = ca_init(init);

    if (status != CEDE_OK) {
        return cli_ca_report(init->directory, status);
    }
    print_doors(init);
    if (init->request != NULL) {
        printf("%s: waiting for a certificate for %s\n", init->directory, init->request);
    }
    return CLI_OK;
}

static int init_finish(const char *directory, const char *certificate, const char *chain)
{
    enum cede_status status = ca_finish(directory, certificate, chain);

    return status == CEDE_OK ? CLI_OK : cli_ca_report(directory, status);
}

static int run_init(int argc, char **argv)
{
    struct ca_init init = {.kind = CA_OPERATIONAL};
    const char *kind = NULL;
    const char *certificate = NULL;
    const char *chain = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory to make", true, &init.directory},
        {"name", "NAME", "common name of the CA", false, &init.name},
        {"kind", "KIND", "permanent or operational", false, &kind},
        {"https", "HOST:PORT", "public address of the partners' door", false, &init.https},
        {"coap", "HOST:PORT", "public address of the compact door", false, &init.coap},
        {"coaps", "HOST:PORT", "public address of EST-coaps (DTLS)", false, &init.coaps},
        {"est", "HOST:PORT", "public address of EST over HTTPS", false, &init.est},
        {"http", "HOST:PORT", "public address of CRL and OCSP", false, &init.http},
        {"key", "URI", "pkcs11: URI of the CA's key in a token; P-256", false, &init.key},
        {"request-out", "FILE", "be a CA below another: write the request", false, &init.request},
        {"certificate", "FILE", "finish: the certificate the parent issued", false, &certificate},
        {"chain", "FILE", "finish: the parent's chain, the root last", false, &chain},
        {NULL, NULL, NULL, false, NULL},
    };
    int code = CLI_OK;

    if (!parse(argc, argv, "ca init --dir DIR --name NAME --kind KIND [OPTION ...]", options,
               &code)) {
        return code;
    }
    if (certificate != NULL || chain != NULL) {
        if (certificate == NULL || chain == NULL) {
            cli_fail("--certificate and --chain go together");
            return CLI_USAGE;
        }
        return init_finish(init.directory, certificate, chain);
    }
    if (init.name == NULL || kind == NULL ||
        (strcmp(kind, "permanent") != 0 && strcmp(kind, "operational") != 0)) {
        cli_fail("--name and --kind permanent|operational are needed");
        return CLI_USAGE;
    }
    if (!cli_key_uri("key", init.key)) {
        return CLI_USAGE;
    }
    init.kind = strcmp(kind, "permanent") == 0 ? CA_PERMANENT : CA_OPERATIONAL;
    return init_new(&init);
}

/* --- serve ------------------------------------------------------------------------------------ */

static int run_serve(int argc, char **argv)
{
    struct ca_serve serve = {.workers = 1};
    const char *workers = "1";
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &serve.directory},
        {"https", "HOST:PORT", "where partners connect", true, &serve.https},
        {"coap", "HOST:PORT", "where devices connect (UDP)", false, &serve.coap},
        {"coaps", "HOST:PORT", "where devices of the X.509 profile connect (DTLS)", false,
         &serve.coaps},
        {"est", "HOST:PORT", "where EST clients connect (HTTPS, RFC 7030)", false, &serve.est},
        {"http", "HOST:PORT", "where CRL and OCSP are served (plain HTTP)", false, &serve.http},
        {"workers", "N", "processes (1)", false, &workers},
        {NULL, NULL, NULL, false, NULL},
    };
    enum cede_status status = CEDE_OK;
    long number = 1;
    int code = CLI_OK;

    if (!parse(argc, argv, "ca serve --dir DIR --https HOST:PORT [OPTION ...]", options, &code)) {
        return code;
    }
    if (!cli_number("workers", workers, 1, WORKERS_MAX, &number)) {
        return CLI_USAGE;
    }
    serve.workers = (unsigned)number;
    status = ca_serve(&serve);
    return status == CEDE_OK ? CLI_OK : cli_ca_report(serve.directory, status);
}

/* --- operations on an open CA ----------------------------------------------------------------- */

static int open_or_fail(const char *directory, struct ca **ca)
{
    enum cede_status status = ca_open(directory, CA_OPEN_ALL, ca);

    return status == CEDE_OK ? CLI_OK : cli_ca_report(directory, status);
}

static int issue(struct ca *ca, enum ca_profile profile, const char *in, const char *out)
{
    uint8_t memory[FILE_MAX];
    uint8_t bytes[2 * CA_CERTIFICATE_MAX]; /* PEM is longer than DER */
    struct cede_span content;
    struct cede_span certificate;
    enum cede_status status = CEDE_OK;

    if (read_file(in, memory, &content) != CLI_OK) {
        return CLI_FAILED;
    }
    status = ca_issue_file(ca, profile, content, CEDE_BUF_ARRAY(bytes), &certificate);
    if (status != CEDE_OK) {
        return cli_ca_report(in, status);
    }
    status = cede_file_write(out, 0644, certificate);
    return status == CEDE_OK ? CLI_OK : cli_ca_report(out, status);
}

static int run_issue(int argc, char **argv)
{
    const char *directory = NULL;
    const char *name = NULL;
    const char *in = NULL;
    const char *out = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &directory},
        {"profile", "PROFILE", "subca, server, factory or device", true, &name},
        {"in", "FILE", "request: PKCS #10 (PEM or DER) or C509", true, &in},
        {"out", "FILE", "where to write the certificate", true, &out},
        {NULL, NULL, NULL, false, NULL},
    };
    enum ca_profile profile = CA_PROFILE_DEVICE;
    struct ca *ca = NULL;
    int code = CLI_OK;

    if (!parse(argc, argv, "ca issue --dir DIR --profile PROFILE --in FILE --out FILE", options,
               &code)) {
        return code;
    }
    if (ca_profile_by_name(name, &profile) != CEDE_OK) {
        cli_fail("--profile is subca, server, factory or device, not '%s'", name);
        return CLI_USAGE;
    }
    if (open_or_fail(directory, &ca) != CLI_OK) {
        return CLI_FAILED;
    }
    code = issue(ca, profile, in, out);
    ca_close(ca);
    return code;
}

static enum cede_status revoke(struct ca *ca, const char *serial, const char *device, int reason)
{
    uint8_t bytes[CEDE_SERIAL_LEN_MAX];
    size_t len = serial == NULL ? 0 : strlen(serial) / 2;

    if (device != NULL) {
        return ca_revoke_device(ca, device, reason, NULL);
    }
    if (len == 0 || len > sizeof bytes || strlen(serial) != 2 * len ||
        !hex_decode(serial, bytes, len)) {
        return CEDE_BAD_ARGUMENT;
    }
    return ca_revoke_serial(ca, cede_span(bytes, len), NULL, reason, NULL);
}

static int run_revoke(int argc, char **argv)
{
    const char *directory = NULL;
    const char *serial = NULL;
    const char *device = NULL;
    const char *reason_text = "0";
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &directory},
        {"serial", "HEX", "the certificate with this serial number", false, &serial},
        {"device", "ID", "all live certificates of this device", false, &device},
        {"reason", "N", "reason code of RFC 5280, section 5.3.1 (0)", false, &reason_text},
        {NULL, NULL, NULL, false, NULL},
    };
    enum cede_status status = CEDE_OK;
    struct ca *ca = NULL;
    long reason = 0;
    int code = CLI_OK;

    if (!parse(argc, argv, "ca revoke --dir DIR (--serial HEX | --device ID) [--reason N]", options,
               &code)) {
        return code;
    }
    if ((serial == NULL) == (device == NULL)) {
        cli_fail("either --serial or --device");
        return CLI_USAGE;
    }
    if (!cli_number("reason", reason_text, 0, REASON_MAX, &reason)) {
        return CLI_USAGE;
    }
    if (open_or_fail(directory, &ca) != CLI_OK) {
        return CLI_FAILED;
    }
    status = revoke(ca, serial, device, (int)reason);
    ca_close(ca);
    return status == CEDE_OK ? CLI_OK : cli_ca_report(serial != NULL ? serial : device, status);
}

/* `print` to standard output, as text or JSON lines. */
static int print_all(int argc, char **argv, const char *usage,
                     enum cede_status (*print)(struct ca *ca, bool json, FILE *out))
{
    const char *directory = NULL;
    const char *json = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &directory},
        {"json", NULL, "one JSON object a line", false, &json},
        {NULL, NULL, NULL, false, NULL},
    };
    enum cede_status status = CEDE_OK;
    struct ca *ca = NULL;
    int code = CLI_OK;

    if (!parse(argc, argv, usage, options, &code)) {
        return code;
    }
    if (open_or_fail(directory, &ca) != CLI_OK) {
        return CLI_FAILED;
    }
    status = print(ca, json != NULL, stdout);
    ca_close(ca);
    return status == CEDE_OK ? CLI_OK : cli_ca_report(directory, status);
}

static int run_list(int argc, char **argv)
{
    return print_all(argc, argv, "ca list --dir DIR [--json]", ca_list);
}

static int run_renew_tls(int argc, char **argv)
{
    const char *directory = NULL;
    const char *new_key = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &directory},
        {"new-key", NULL, "make a new key, too: the old one is in wrong hands", false, &new_key},
        {NULL, NULL, NULL, false, NULL},
    };
    enum cede_status status = CEDE_OK;
    struct ca *ca = NULL;
    int code = CLI_OK;

    if (!parse(argc, argv, "ca renew-tls --dir DIR [--new-key]", options, &code)) {
        return code;
    }
    if (open_or_fail(directory, &ca) != CLI_OK) {
        return CLI_FAILED;
    }
    status = ca_renew_tls(ca, new_key != NULL);
    ca_close(ca);
    if (status != CEDE_OK) {
        return cli_ca_report(directory, status);
    }
    printf("%s/tls.pem is new. Restart 'cede ca serve', then revoke the old certificate if its key"
           " is in wrong hands.\n",
           directory);
    return CLI_OK;
}

static int run_alarms(int argc, char **argv)
{
    return print_all(argc, argv, "ca alarms --dir DIR [--json]", ca_alarms);
}

static int set_account(struct ca *ca, const char *name, const char *file)
{
    uint8_t memory[FILE_MAX];
    struct cede_span content;
    enum cede_status status = CEDE_OK;

    if (read_file(file, memory, &content) != CLI_OK) {
        return CLI_FAILED;
    }
    status = ca_account_file(ca, name, content);
    if (status == CEDE_STORE_CONFLICT) {
        return cli_fail("%s is the certificate of another account already", file);
    }
    return status == CEDE_OK ? CLI_OK : cli_ca_report(file, status);
}

static int run_account(int argc, char **argv)
{
    const char *directory = NULL;
    const char *name = NULL;
    const char *file = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &directory},
        {"name", "NAME", "of the partner", true, &name},
        {"certificate", "FILE", "its identity certificate (PEM or DER)", true, &file},
        {NULL, NULL, NULL, false, NULL},
    };
    struct ca *ca = NULL;
    int code = CLI_OK;

    if (!parse(argc, argv, "ca account --dir DIR --name NAME --certificate FILE", options, &code)) {
        return code;
    }
    if (open_or_fail(directory, &ca) != CLI_OK) {
        return CLI_FAILED;
    }
    code = set_account(ca, name, file);
    ca_close(ca);
    return code;
}

/* --- approvals -------------------------------------------------------------------------------- */

static int run_pending(int argc, char **argv)
{
    const char *directory = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &directory},
        {NULL, NULL, NULL, false, NULL},
    };
    enum cede_status status = CEDE_OK;
    struct ca *ca = NULL;
    int code = CLI_OK;

    if (!parse(argc, argv, "ca pending --dir DIR", options, &code)) {
        return code;
    }
    if (open_or_fail(directory, &ca) != CLI_OK) {
        return CLI_FAILED;
    }
    status = ca_pending(ca, stdout);
    ca_close(ca);
    return status == CEDE_OK ? CLI_OK : cli_ca_report(directory, status);
}

static int run_approve(int argc, char **argv)
{
    const char *directory = NULL;
    const char *device = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &directory},
        {"device", "ID", "the device whose request waits", true, &device},
        {NULL, NULL, NULL, false, NULL},
    };
    enum cede_status status = CEDE_OK;
    struct ca *ca = NULL;
    int code = CLI_OK;

    if (!parse(argc, argv, "ca approve --dir DIR --device ID", options, &code)) {
        return code;
    }
    if (open_or_fail(directory, &ca) != CLI_OK) {
        return CLI_FAILED;
    }
    status = ca_approve(ca, device);
    ca_close(ca);
    return status == CEDE_OK ? CLI_OK : cli_ca_report(device, status);
}

const struct cli_command cli_ca_commands[] = {
    {"ca", "init", "make a CA, or finish one below another", run_init},
    {"ca", "serve", "run its doors", run_serve},
    {"ca", "issue", "issue a certificate for a request", run_issue},
    {"ca", "revoke", "revoke a certificate, or all of a device", run_revoke},
    {"ca", "list", "list the certificates", run_list},
    {"ca", "renew-tls", "make a new TLS certificate for the partners' door", run_renew_tls},
    {"ca", "alarms", "list what looked like stolen or copied keys", run_alarms},
    {"ca", "pending", "list the devices whose requests wait for approval", run_pending},
    {"ca", "approve", "approve of a device's request", run_approve},
    {"ca", "account", "add or update a partner", run_account},
    {"ca", "register", "register devices by their factory certificates", cli_ca_register},
    {"ca", "deregister", "let devices go, and revoke what they have", cli_ca_deregister},
    {NULL, NULL, NULL, NULL},
};
