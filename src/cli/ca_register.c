/* SPDX-License-Identifier: Apache-2.0 */
/* ca_register.c - `cede ca register` and `deregister`: factory certificates out of files, enrolment
 *                 URIs to people. */
#include "cli/ca_register.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/posix.h"
#include "cli/cli.h"
#include "server/ca/ca.h"

#define FILE_MAX 4194304 /* a lot of some thousand devices */

/* "--certificate FILE" may stand several times: from the second time on FILE is a bare word. */
static int bare_certificates(int argc, char **argv)
{
    static const char name[] = "--certificate";
    const size_t len = sizeof name - 1;
    bool seen = false;
    int kept = 1;

    for (int i = 1; i < argc; i++) {
        bool split = strcmp(argv[i], name) == 0 && i + 1 < argc;
        bool joined = strncmp(argv[i], name, len) == 0 && argv[i][len] == '=';

        if (seen && split) {
            argv[kept++] = argv[++i];
        } else if (seen && joined) {
            argv[kept++] = argv[i] + len + 1;
        } else {
            argv[kept++] = argv[i];
        }
        seen = seen || split || joined;
    }
    return kept;
}

/* Where each certificate of a bag came from, for refusals. */
struct registration {
    struct ca_bag bag;
    const char **files;
    size_t *ends; /* how many certificates the bag had behind each file */
    size_t files_count;
};

static int add_file(struct registration *registration, const char *file)
{
    uint8_t *memory = malloc(FILE_MAX);
    struct cede_span content;
    enum cede_status status = CEDE_SERVER_MEMORY;

    if (memory != NULL) {
        status = cede_file_read(file, CEDE_FILE_PUBLIC, cede_buf(memory, FILE_MAX), &content);
        status = status == CEDE_OK ? ca_bag_add(&registration->bag, content) : status;
    }
    free(memory);
    registration->files[registration->files_count] = file;
    registration->ends[registration->files_count++] = registration->bag.count;
    return status == CEDE_OK ? CLI_OK : cli_ca_report(file, status);
}

static int add_files(struct registration *registration, const char *first, char **others, int count)
{
    int code = CLI_OK;

    registration->files = calloc((size_t)count + 1, sizeof *registration->files);
    registration->ends = calloc((size_t)count + 1, sizeof *registration->ends);
    if (registration->files == NULL || registration->ends == NULL) {
        return cli_ca_report(first, CEDE_SERVER_MEMORY);
    }
    code = add_file(registration, first);
    for (int i = 0; code == CLI_OK && i < count; i++) {
        code = add_file(registration, others[i]);
    }
    return code;
}

/* "FILE, certificate N": N counts in the file. */
static int report_certificate(const struct registration *registration, size_t index,
                              const char *account, enum cede_status status)
{
    char what[512];
    size_t file = 0;

    while (file < registration->files_count && index >= registration->ends[file]) {
        file++;
    }
    if (file == registration->files_count) {
        return cli_ca_report(account, status);
    }
    snprintf(what, sizeof what, "nothing is changed: %.400s, certificate %zu",
             registration->files[file], index - (file == 0 ? 0 : registration->ends[file - 1]) + 1);
    return cli_ca_report(what, status);
}

static void print_uris(const char *directory, const struct ca_enrol_uris *uris)
{
    const struct {
        const char *what;
        const char *member;
        const char *uri;
    } doors[] = {{"EST over HTTPS", "est", uris->est},
                 {"EST-coaps", "coaps", uris->coaps},
                 {"EST-oscore", "coap", uris->coap}};

    printf("token: %s\n", uris->token);
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        if (doors[i].uri[0] != '\0') {
            printf("%s: %s\n", doors[i].what, doors[i].uri);
        } else {
            printf("%s: %s/ca.json tells no address (\"%s\")\n", doors[i].what, directory,
                   doors[i].member);
        }
    }
}

/* The names are those of POST /v1/registrations. */
static void print_uris_json(size_t count, const struct ca_enrol_uris *uris)
{
    json_t *json = json_pack("{s:I, s:s}", "registered", (json_int_t)count, "token", uris->token);
    char *text = NULL;

    if (uris->est[0] != '\0') {
        json_object_set_new(json, "enroll_uri_est", json_string(uris->est));
    }
    if (uris->coaps[0] != '\0') {
        json_object_set_new(json, "enroll_uri_coaps", json_string(uris->coaps));
    }
    if (uris->coap[0] != '\0') {
        json_object_set_new(json, "enroll_uri", json_string(uris->coap));
    }
    text = json_dumps(json, JSON_COMPACT);
    puts(text == NULL ? "{}" : text);
    free(text);
    json_decref(json);
}

/* What is done with the certificates of the files, in a CA that is open. */
typedef enum cede_status (*act_fn)(struct ca *ca, const char *account,
                                   const struct registration *registration, bool json,
                                   const char *directory, size_t *bad_index);

static enum cede_status act_register(struct ca *ca, const char *account,
                                     const struct registration *registration, bool json,
                                     const char *directory, size_t *bad_index)
{
    struct ca_enrol_uris uris;

    CEDE_TRY(ca_register_bag(ca, account, &registration->bag, &uris, bad_index));
    if (json) {
        print_uris_json(registration->bag.count, &uris);
    } else {
        printf("registered: %zu\n", registration->bag.count);
        print_uris(directory, &uris);
    }
    return CEDE_OK;
}

static enum cede_status act_deregister(struct ca *ca, const char *account,
                                       const struct registration *registration, bool json,
                                       const char *directory, size_t *bad_index)
{
    size_t count = registration->bag.count, done = 0;

    (void)directory;
    CEDE_TRY(ca_deregister_bag(ca, account, &registration->bag, &done, bad_index));
    if (json) {
        printf("{\"deregistered\":%zu}\n", done);
        return CEDE_OK;
    }
    printf("deregistered, with what lived of them revoked: %zu\n", done);
    if (done < count) {
        printf("not held by '%s', or given before: %zu\n", account, count - done);
    }
    return CEDE_OK;
}

static int act_on_files(const char *directory, const char *account,
                        const struct registration *registration, bool json, act_fn act)
{
    size_t bad_index = 0;
    struct ca *ca = NULL;
    enum cede_status status = ca_open(directory, CA_OPEN_WITHOUT_KEY, &ca);

    if (status != CEDE_OK) {
        return cli_ca_report(directory, status);
    }
    status = act(ca, account, registration, json, directory, &bad_index);
    ca_close(ca);
    return status == CEDE_OK ? CLI_OK
                             : report_certificate(registration, bad_index, account, status);
}

/* What is asked for, but for the files behind the first. */
struct request {
    const char *directory;
    const char *account;
    const char *first;
    const char *json;
};

static int read_request(int argc, char **argv, const char *usage, struct request *request,
                        int *words)
{
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &request->directory},
        {"account", "NAME", "who vouches for the devices: 'cede ca account' makes it", true,
         &request->account},
        {"certificate", "FILE", "factory certificates: PEM, also several, or DER, or C509", true,
         &request->first},
        {"json", NULL, "the result as one JSON object", false, &request->json},
        {NULL, NULL, NULL, false, NULL},
    };

    memset(request, 0, sizeof *request);
    return cli_options(argc, argv, usage, options, argc, words);
}

static int run(int argc, char **argv, const char *usage, act_fn act)
{
    struct request request;
    struct registration registration;
    int words = 0;
    int code;

    argc = bare_certificates(argc, argv);
    code = read_request(argc, argv, usage, &request, &words);
    if (code != CLI_OK) {
        return code < 0 ? CLI_OK : code;
    }
    memset(&registration, 0, sizeof registration);
    code = add_files(&registration, request.first, argv + 1, words);
    if (code == CLI_OK) {
        code = act_on_files(request.directory, request.account, &registration, request.json != NULL,
                            act);
    }
    ca_bag_wipe(&registration.bag);
    free(registration.files);
    free(registration.ends);
    return code;
}

int cli_ca_register(int argc, char **argv)
{
    return run(argc, argv,
               "ca register --dir DIR --account NAME --certificate FILE [FILE ...] [--json]",
               act_register);
}

int cli_ca_deregister(int argc, char **argv)
{
    return run(argc, argv,
               "ca deregister --dir DIR --account NAME --certificate FILE [FILE ...] [--json]",
               act_deregister);
}
