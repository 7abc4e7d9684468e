/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.c - `cede inspect FILE|-`: prints any artefact in diagnostic notation. */
#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* Reads all of a file, up to one byte past what is accepted. */
static bool read_all(FILE *file, uint8_t **bytes, size_t *len)
{
    size_t cap = 65536, got;

    *len = 0;
    *bytes = NULL;
    do {
        uint8_t *larger = realloc(*bytes, cap);

        if (larger == NULL) {
            return false;
        }
        *bytes = larger;
        got = fread(*bytes + *len, 1, cap - *len, file);
        *len += got;
        cap = *len == cap ? cap * 2 : cap;
    } while (got > 0 && *len <= INSPECT_LEN_MAX);
    return ferror(file) == 0;
}

static bool read_input(const char *path, uint8_t **bytes, size_t *len)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool read;

    *bytes = NULL;
    if (file == NULL) {
        cli_fail("%s: %s", path, strerror(errno));
        return false;
    }
    read = read_all(file, bytes, len);
    if (!read) {
        cli_fail("%s: %s", path, strerror(errno));
    } else if (*len > INSPECT_LEN_MAX) {
        cli_fail("%s is longer than 16 MiB", path);
        read = false;
    }
    if (file != stdin) {
        fclose(file);
    }
    return read;
}

static bool is_kind(const char *kind)
{
    const char *name, *phrase;

    for (size_t i = 0; (name = inspect_kind(i, &phrase)) != NULL; i++) {
        if (strcmp(name, kind) == 0) {
            return true;
        }
    }
    return false;
}

static int unknown_kind(const char *kind)
{
    const char *name, *phrase;

    cli_fail("'%s' is no kind; there are:", kind);
    for (size_t i = 0; (name = inspect_kind(i, &phrase)) != NULL; i++) {
        fprintf(stderr, "  %-20s %s\n", name, phrase);
    }
    return CLI_USAGE;
}

static int print(const char *path, const char *kind)
{
    struct inspect_verdict verdict = {CEDE_OK, 0, "", ""};
    uint8_t *bytes;
    size_t len = 0;
    bool read = read_input(path, &bytes, &len);

    if (read) {
        verdict = inspect(stdout, cede_crypto_openssl(), cede_span(bytes, len), kind);
        fflush(stdout);
    }
    if (bytes != NULL) {
        cede_wipe(bytes, len);
    }
    free(bytes);
    if (read && verdict.status != CEDE_OK) {
        fprintf(stderr, "error: at byte %zu%s: %s (%s)%s\n", verdict.at, verdict.of,
                cede_status_reason(verdict.status), cede_status_name(verdict.status),
                verdict.details);
    }
    return read && verdict.status == CEDE_OK ? CLI_OK : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    const char *kind = NULL;
    const struct cli_option options[] = {
        {"as", "KIND", "take it for this kind ('--as help' lists them)", false, &kind},
        {NULL, NULL, NULL, false, NULL},
    };
    int words;
    int result = cli_options(argc, argv, "inspect FILE|- [--as KIND]", options, 1, &words);

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (kind != NULL && !is_kind(kind)) {
        return unknown_kind(kind);
    }
    if (words != 1) {
        cli_fail("inspect wants a file, or - for standard input");
        return CLI_USAGE;
    }
    return print(argv[1], kind);
}

const struct cli_command cli_inspect_commands[] = {
    {"inspect", NULL, "print any artefact in diagnostic notation", run},
    {NULL, NULL, NULL, NULL},
};
