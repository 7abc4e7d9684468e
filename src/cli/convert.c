/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert.c - `cede convert`: certificates, chains, requests and private keys between PEM, DER and
 * C509.
 *
 * C509 type 3 is X.509 in other clothes and comes back byte for byte; what has no such form is
 * refused with the rule that says so, and so is X.509 from a native C509 certificate: its signature
 * is over CBOR. Nothing is written before everything has worked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cede/posix.h"
#include "cli/cli.h"
#include "cli/convert.h"

#define INPUT_MAX ((size_t)1024 * 1024)
/* Text that C509 holds as bytes, and identifiers in place of numbers, make DER several times as
 * long. */
#define OUTPUT_MAX(len_) (8 * (len_) + 4096)

/* --- files ------------------------------------------------------------------------------------ */

static bool is_standard(const char *path)
{
    return path == NULL || strcmp(path, "-") == 0;
}

/* `memory` has room for INPUT_MAX + 1. */
static bool read_input(const char *path, uint8_t *memory, size_t *len)
{
    FILE *file = is_standard(path) ? stdin : fopen(path, "re");
    bool good;

    if (file == NULL) {
        cli_fail("%s: %s", path, strerror(errno));
        return false;
    }
    *len = fread(memory, 1, INPUT_MAX + 1, file);
    good = ferror(file) == 0;
    if (!good) {
        cli_fail("%s: %s", is_standard(path) ? "standard input" : path, strerror(errno));
    } else if (*len > INPUT_MAX) {
        cli_fail("%s: longer than 1 MiB", is_standard(path) ? "standard input" : path);
        good = false;
    }
    if (file != stdin) {
        fclose(file);
    }
    return good;
}

static bool write_stream(FILE *file, const char *name, struct cede_span content)
{
    bool good = fwrite(content.ptr, 1, content.len, file) == content.len && fflush(file) == 0;

    if (!good) {
        cli_fail("%s: %s", name, strerror(errno));
    }
    return good;
}

/* Files are replaced as a whole; devices and pipes are written to. */
static bool write_output(const char *path, bool secret, struct cede_span content)
{
    enum cede_status status;
    struct stat what;
    FILE *file;
    bool good;

    if (is_standard(path)) {
        return write_stream(stdout, "standard output", content);
    }
    if (stat(path, &what) == 0 && !S_ISREG(what.st_mode) && !S_ISDIR(what.st_mode)) {
        file = fopen(path, "we");
        good = file != NULL && write_stream(file, path, content);
        if (file == NULL || fclose(file) != 0) {
            cli_fail("%s: %s", path, strerror(errno));
            good = false;
        }
        return good;
    }
    status = cede_file_write(path, secret ? 0600 : 0644, content);
    if (status != CEDE_OK) {
        cli_fail("%s: %s", path, cede_status_reason(status));
    }
    return status == CEDE_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

struct wish {
    enum convert_target target;
    bool envelope;
    const char *in, *out; /* null: a standard stream */
};

/* Four memories in one, which may have held a key: the input's arena and the three of the output.
 */
static bool convert_input(const struct wish *wish, struct cede_span input,
                          struct convert_object *object)
{
    size_t cap = OUTPUT_MAX(input.len);
    uint8_t *bytes = malloc(4 * cap);
    struct cede_span result = CEDE_SPAN_NULL;
    struct convert_memory memory;
    bool good;

    if (bytes == NULL) {
        cli_fail("%s: %s", object->name, strerror(ENOMEM));
        return false;
    }
    memory.scratch = cede_buf(bytes + cap, cap);
    memory.parts = cede_buf(bytes + 2 * cap, cap);
    memory.out = cede_buf(bytes + 3 * cap, cap);
    good = convert_detect(input, cede_buf(bytes, cap), object) &&
           convert_write(object, wish->target, wish->envelope, &memory, &result) &&
           write_output(wish->out, object->key.bytes.ptr != NULL, result);
    cede_wipe(bytes, 4 * cap);
    free(bytes);
    return good;
}

static int convert_file(const struct wish *wish)
{
    uint8_t *input = malloc(INPUT_MAX + 1);
    struct convert_object *object = calloc(1, sizeof *object);
    size_t len = 0;
    bool good = false;

    if (input == NULL || object == NULL) {
        free(input);
        free(object);
        return cli_fail("%s", strerror(ENOMEM));
    }
    object->name = is_standard(wish->in) ? "standard input" : wish->in;
    if (read_input(wish->in, input, &len)) {
        good = convert_input(wish, cede_span(input, len), object);
    }
    cede_wipe(input, len);
    free(input);
    free(object);
    return good ? CLI_OK : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    static const char *const targets[] = {"c509", "der", "pem"};
    const char *to = NULL, *envelope = NULL;
    const struct cli_option options[] = {
        {"to", "FORM", "c509, der or pem", true, &to},
        {"envelope", NULL, "c509: as a file that tells what it is (RFC 9277)", false, &envelope},
        {NULL, NULL, NULL, false, NULL},
    };
    int words = 0;
    int result = cli_options(argc, argv, "convert --to c509|der|pem [--envelope] [IN|- [OUT|-]]",
                             options, 2, &words);

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    for (int i = 0; i < 3; i++) {
        if (strcmp(to, targets[i]) == 0 && (envelope == NULL || i == CONVERT_TO_C509)) {
            const struct wish wish = {(enum convert_target)i, envelope != NULL,
                                      words > 0 ? argv[1] : NULL, words > 1 ? argv[2] : NULL};
            return convert_file(&wish);
        }
    }
    if (envelope != NULL) {
        cli_fail("--envelope goes with --to c509");
    } else {
        cli_fail("--to is c509, der or pem, not '%s'", to);
    }
    return CLI_USAGE;
}

const struct cli_command cli_convert_commands[] = {
    {"convert", NULL, "a certificate, chain, request or key to C509, DER or PEM", run},
    {NULL, NULL, NULL, NULL},
};
