/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - the command line as a table: noun, verb, one line of help, function. Usage is printed
 * from the table. Each noun has a file of its own that exports its rows, ended by a null noun.
 *
 * Exit codes: 0 success, 1 the operation failed (the reason is on standard error), 2 usage.
 */
#ifndef CEDE_CLI_CLI_H
#define CEDE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#define CLI_OK     0
#define CLI_FAILED 1
#define CLI_USAGE  2

struct cli_command {
    const char *noun;
    const char *verb; /* null for nouns without verbs (inspect, demo) */
    const char *help;
    /* argv[0] is the verb (or the noun, without verbs); options follow. */
    int (*run)(int argc, char **argv);
};

extern const struct cli_command cli_ca_commands[];
extern const struct cli_command cli_sp_commands[];
extern const struct cli_command cli_transfer_commands[];
extern const struct cli_command cli_device_commands[];
extern const struct cli_command cli_inspect_commands[];
extern const struct cli_command cli_convert_commands[];
extern const struct cli_command cli_demo_commands[];
extern const struct cli_command cli_bench_commands[];

/* Finds and runs the command that argv[1] and argv[2] name. */
int cli_main(int argc, char **argv);

/* One option of a command; parsed by cli_options(). Every command also knows --help. */
struct cli_option {
    const char *name;     /* without the dashes */
    const char *argument; /* what the help calls the value; null for a flag */
    const char *help;
    bool required;
    const char **value; /* set to the argument, or to "" for a flag; keeps its default otherwise */
};

/* Parses `--name value`, `--name=value` and flags. On success the other words stand in
 * argv[1] to argv[*positional_count] and CLI_OK is returned. CLI_USAGE: unknown option, one there
 * twice, missing or surplus value, missing required option, or more than `positional_max` other
 * words; the reason and a hint went to standard error. -1: help was asked for and printed, the
 * command ends with success. `usage` is the line behind "usage: cede ". The table ends with a null
 * name. */
int cli_options(int argc, char **argv, const char *usage, const struct cli_option *options,
                int positional_max, int *positional_count);

/* Parses a decimal number within [min, max]; false and a message on standard error otherwise. */
bool cli_number(const char *option, const char *text, long min, long max, long *value);

/* Is it a PKCS #11 URI, or null? False and a message on standard error otherwise. */
bool cli_key_uri(const char *option, const char *text);

/* Prints "cede: " and the message, as printf, to standard error; returns CLI_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
