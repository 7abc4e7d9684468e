/* SPDX-License-Identifier: Apache-2.0 */
/* cli.c - finds the command, parses options, prints usage: all of it from tables. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/common/key_store.h"

#define PROGRAM "cede"
#define VERSION "0.1.0"

static const struct cli_command *const all_nouns[] = {
    cli_ca_commands,      cli_sp_commands,      cli_transfer_commands, cli_device_commands,
    cli_inspect_commands, cli_convert_commands, cli_demo_commands,     cli_bench_commands,
};
#define NOUN_COUNT (sizeof all_nouns / sizeof all_nouns[0])

int cli_fail(const char *format, ...)
{
    va_list arguments;

    fputs(PROGRAM ": ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return CLI_FAILED;
}

bool cli_number(const char *option, const char *text, long min, long max, long *value)
{
    char *end = NULL;

    errno = 0;
    *value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *value < min || *value > max) {
        cli_fail("--%s wants a whole number from %ld to %ld, not '%s'", option, min, max, text);
        return false;
    }
    return true;
}

bool cli_key_uri(const char *option, const char *text)
{
    if (text != NULL && !key_store_is_uri(text)) {
        cli_fail("--%s wants the PKCS #11 URI of a P-256 key in a token (pkcs11:...), not '%s'; "
                 "without it a key is made, in a file",
                 option, text);
        return false;
    }
    return true;
}

static void print_command(const struct cli_command *command)
{
    char name[64];

    snprintf(name, sizeof name, "%s %s", command->noun, command->verb ? command->verb : "");
    printf("  %s %-22s %s\n", PROGRAM, name, command->help);
}

/* All commands, or those of one noun. */
static void print_usage(const char *noun)
{
    printf("usage: %s NOUN VERB [OPTION ...]    (--help behind any command tells its options)\n\n",
           PROGRAM);
    puts("  --password-file FILE       anywhere: opens and encrypts key files (or "
         "CEDE_PASSWORD_FILE)");
    for (size_t i = 0; i < NOUN_COUNT; i++) {
        for (const struct cli_command *row = all_nouns[i]; row->noun != NULL; row++) {
            if (noun == NULL || strcmp(noun, row->noun) == 0) {
                print_command(row);
            }
        }
    }
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static const struct cli_command *find_noun(const char *noun)
{
    for (size_t i = 0; i < NOUN_COUNT; i++) {
        if (all_nouns[i]->noun != NULL && strcmp(all_nouns[i]->noun, noun) == 0) {
            return all_nouns[i];
        }
    }
    return NULL;
}

static int run_command(int argc, char **argv)
{
    const struct cli_command *row;

    if (argc < 2 || asks_for_help(argv[1])) {
        print_usage(NULL);
        return argc < 2 ? CLI_USAGE : CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts(PROGRAM " " VERSION);
        return CLI_OK;
    }
    row = find_noun(argv[1]);
    if (row == NULL) {
        cli_fail("'%s' is no command; '%s --help' lists them", argv[1], PROGRAM);
        return CLI_USAGE;
    }
    if (row->verb == NULL) {
        return row->run(argc - 1, argv + 1);
    }
    if (argc < 3 || asks_for_help(argv[2])) {
        print_usage(argv[1]);
        return argc < 3 ? CLI_USAGE : CLI_OK;
    }
    for (; row->noun != NULL; row++) {
        if (strcmp(row->verb, argv[2]) == 0) {
            return row->run(argc - 2, argv + 2);
        }
    }
    cli_fail("'%s %s' is no command; '%s %s --help' lists them", argv[1], argv[2], PROGRAM,
             argv[1]);
    return CLI_USAGE;
}

/* Takes --password-file out of the words: it may stand anywhere, for keys are everywhere. */
static bool take_password_file(int *argc, char **argv, const char **file)
{
    static const char name[] = "--password-file";
    size_t len = sizeof name - 1;
    int kept = 1;

    *file = getenv("CEDE_PASSWORD_FILE");
    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') {
            *file = argv[i] + len + 1;
        } else if (strcmp(argv[i], name) == 0) {
            if (++i == *argc) {
                cli_fail("%s wants a value: FILE", name);
                return false;
            }
            *file = argv[i];
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
    return true;
}

static int read_password(const char *file)
{
    enum cede_status status = file == NULL ? CEDE_OK : key_store_password_file(file);

    return status == CEDE_OK ? CLI_OK : cli_fail("%s: %s", file, cede_status_reason(status));
}

int cli_main(int argc, char **argv)
{
    const char *password_file = NULL;

    if (!take_password_file(&argc, argv, &password_file)) {
        return CLI_USAGE;
    }
    if (read_password(password_file) != CLI_OK) {
        return CLI_FAILED;
    }
    return run_command(argc, argv);
}

static void print_options(const char *usage, const struct cli_option *options)
{
    printf("usage: %s %s\n\n", PROGRAM, usage);
    for (const struct cli_option *option = options; option->name != NULL; option++) {
        char head[64];

        snprintf(head, sizeof head, "--%s%s%s", option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        printf("  %-26s %s%s", head, option->help, option->required ? " (required)" : "");
        if (option->argument != NULL && *option->value != NULL && **option->value != '\0') {
            printf(" [%s]", *option->value);
        }
        putchar('\n');
    }
}

static const struct cli_option *find_option(const struct cli_option *options, const char *word,
                                            size_t len)
{
    for (; options->name != NULL; options++) {
        if (strlen(options->name) == len && strncmp(options->name, word, len) == 0) {
            return options;
        }
    }
    return NULL;
}

/* Takes the option in argv[i]; returns how many words it used, 0 on a usage error. */
static int take_option(int argc, char **argv, int i, const struct cli_option *options,
                       uint64_t *given)
{
    const char *word = argv[i] + 2;
    const char *equals = strchr(word, '=');
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct cli_option *option = find_option(options, word, len);

    if (option == NULL) {
        cli_fail("unknown option '%s'; --help lists the options", argv[i]);
        return 0;
    }
    if (option->argument == NULL) {
        if (equals != NULL) {
            cli_fail("--%s takes no value", option->name);
            return 0;
        }
        *option->value = "";
        return 1;
    }
    if ((*given >> (option - options) & 1) != 0) { /* which one was meant? */
        cli_fail("--%s is there twice", option->name);
        return 0;
    }
    *given |= (uint64_t)1 << (option - options);
    if (equals != NULL) {
        *option->value = equals + 1;
        return 1;
    }
    if (i + 1 >= argc) {
        cli_fail("--%s wants a value: %s", option->name, option->argument);
        return 0;
    }
    *option->value = argv[i + 1];
    return 2;
}

static bool required_are_given(const struct cli_option *options)
{
    for (; options->name != NULL; options++) {
        if (options->required && *options->value == NULL) {
            cli_fail("--%s %s is missing; --help lists the options", options->name,
                     options->argument ? options->argument : "");
            return false;
        }
    }
    return true;
}

int cli_options(int argc, char **argv, const char *usage, const struct cli_option *options,
                int positional_max, int *positional_count)
{
    int others = 0;
    uint64_t given = 0; /* a bit an option */

    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_options(usage, options);
            return -1;
        }
        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0') {
            int used = take_option(argc, argv, i, options, &given);

            if (used == 0) {
                return CLI_USAGE;
            }
            i += used;
            continue;
        }
        argv[1 + others++] = argv[i]; /* over words that have been read */
        i++;
    }
    if (others > positional_max) {
        cli_fail("'%s' is one word too many; --help tells the usage", argv[1 + positional_max]);
        return CLI_USAGE;
    }
    *positional_count = others;
    if (!required_are_given(options)) {
        return CLI_USAGE;
    }
    return CLI_OK;
}
