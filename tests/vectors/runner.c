/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.c - `vectors DIR`: runs every vector file below DIR, one topic a folder, and ends with one
 * line `N passed, N failed, N skipped`. Exit status 0: none failed; 1: some did; 2: wrong usage.
 */
#include "runner.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <mbedtls/version.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct {
    unsigned long passed, failed, skipped;
    size_t root_len;             /* of DIR with its slash: cut off printed names */
    char file[PATH_MAX];         /* the vector file at work, relative to DIR */
    struct runner_block *memory; /* of this file */
    bool verbose;
} runner;

/* --- counting -----------------------------------------------------------------------------------
 */

static void report(const char *verdict, const char *what, const char *reason, va_list args)
{
    printf("%s %s: %s", verdict, runner.file, what);
    if (reason != NULL) {
        printf(": ");
        vprintf(reason, args);
    }
    printf("\n");
}

void runner_pass(const char *what)
{
    runner.passed++;
    if (runner.verbose) {
        printf("PASS %s: %s\n", runner.file, what);
    }
}

void runner_fail(const char *what, const char *reason, ...)
{
    va_list args;

    runner.failed++;
    va_start(args, reason);
    report("FAIL", what, reason, args);
    va_end(args);
}

void runner_skip(const char *what, const char *reason, ...)
{
    va_list args;

    runner.skipped++;
    va_start(args, reason);
    report("SKIP", what, reason, args);
    va_end(args);
}

bool runner_expect(const char *what, bool holds, const char *reason)
{
    if (holds) {
        runner_pass(what);
    } else {
        runner_fail(what, "%s", reason);
    }
    return holds;
}

bool runner_expect_equal(const char *what, struct cede_span got, struct cede_span expected)
{
    if (cede_span_equal(got, expected)) {
        runner_pass(what);
        return true;
    }
    runner_fail(what, "%zu bytes instead of %zu, or other ones", got.len, expected.len);
    return false;
}

static const char *backend_title(const struct cede_crypto *crypto)
{
    return strcmp(crypto->name, "psa") == 0 ? "psa (Mbed TLS " MBEDTLS_VERSION_STRING ")"
                                            : crypto->name;
}

static bool skipped_unsupported(const char *what, const struct cede_crypto *crypto,
                                const char *algorithm, enum cede_status status)
{
    if (status != CEDE_CRYPTO_UNSUPPORTED) {
        return false;
    }
    runner_skip(what, "%s has no %s", backend_title(crypto), algorithm);
    return true;
}

bool runner_outcome(const char *what, const struct cede_crypto *crypto, const char *algorithm,
                    enum cede_status status)
{
    if (skipped_unsupported(what, crypto, algorithm, status)) {
        return false;
    }
    if (status != CEDE_OK) {
        runner_fail(what, "%s (%s)", cede_status_name(status), cede_status_reason(status));
        return false;
    }
    runner_pass(what);
    return true;
}

bool runner_refused(const char *what, const struct cede_crypto *crypto, const char *algorithm,
                    enum cede_status status)
{
    if (skipped_unsupported(what, crypto, algorithm, status)) {
        return false;
    }
    switch (cede_status_class(status)) {
    case CEDE_CLASS_MALFORMED:
    case CEDE_CLASS_INVALID:
    case CEDE_CLASS_UNAUTHENTIC:
    case CEDE_CLASS_POLICY:
        runner_pass(what);
        return true;
    default:
        runner_fail(what, "must be refused, but: %s", cede_status_name(status));
        return false;
    }
}

const char *runner_on(const char *what, const struct cede_crypto *crypto)
{
    size_t len = strlen(what) + strlen(crypto->name) + 4;
    char *name = runner_memory(len);

    snprintf(name, len, "%s (%s)", what, crypto->name);
    return name;
}

const struct cede_crypto *runner_backend(size_t index)
{
    return index == 0 ? cede_crypto_openssl() : cede_crypto_psa();
}

/* --- memory of one file -------------------------------------------------------------------------
 */

struct runner_block {
    struct runner_block *next;
    max_align_t bytes[];
};

void *runner_memory(size_t len)
{
    struct runner_block *block = calloc(1, sizeof *block + len);

    if (block == NULL) {
        fprintf(stderr, "vectors: out of memory\n");
        exit(2);
    }
    block->next = runner.memory;
    runner.memory = block;
    return block->bytes;
}

static void free_memory(void)
{
    while (runner.memory != NULL) {
        struct runner_block *block = runner.memory;
        runner.memory = block->next;
        free(block);
    }
}

/* --- values -------------------------------------------------------------------------------------
 */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct cede_span runner_hex_text(const char *hex)
{
    uint8_t *bytes;
    size_t digits = 0;

    if (hex == NULL) {
        return CEDE_SPAN_NULL;
    }
    bytes = runner_memory(strlen(hex) / 2 + 1);
    for (; *hex != '\0'; hex++) {
        int digit = hex_digit(*hex);
        if (isspace((unsigned char)*hex)) {
            continue;
        }
        if (digit < 0) {
            return CEDE_SPAN_NULL;
        }
        bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | digit);
        digits++;
    }
    return digits % 2 == 0 ? cede_span(bytes, digits / 2) : CEDE_SPAN_NULL;
}

struct cede_span runner_hex(const json_t *value)
{
    return runner_hex_text(json_string_value(value));
}

static int base64url_digit(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

    return at != NULL ? (int)(at - alphabet) : -1;
}

struct cede_span runner_base64url(const json_t *value)
{
    const char *text = json_string_value(value);
    uint32_t bits = 0;
    unsigned bits_count = 0;
    uint8_t *bytes;
    size_t len = 0;

    if (text == NULL || strlen(text) % 4 == 1) {
        return CEDE_SPAN_NULL;
    }
    bytes = runner_memory(strlen(text) + 1);
    for (; *text != '\0'; text++) {
        int digit = base64url_digit(*text);
        if (digit < 0) {
            return CEDE_SPAN_NULL;
        }
        bits = bits << 6 | (uint32_t)digit;
        bits_count += 6;
        if (bits_count >= 8) {
            bits_count -= 8;
            bytes[len++] = (uint8_t)(bits >> bits_count);
        }
    }
    return cede_span(bytes, len);
}

struct cede_span runner_get_hex(const json_t *object, const char *key)
{
    return runner_hex(json_object_get(object, key));
}

const char *runner_get_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

struct cede_span runner_get_text(const json_t *object, const char *key)
{
    const char *text = runner_get_string(object, key);

    return text != NULL ? cede_span_string(text) : CEDE_SPAN_NULL;
}

int64_t runner_get_int(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? (int64_t)json_integer_value(value) : otherwise;
}

const char *runner_to_hex(struct cede_span bytes)
{
    char *hex = runner_memory(2 * bytes.len + 1);

    for (size_t i = 0; i < bytes.len; i++) {
        snprintf(hex + 2 * i, 3, "%02x", bytes.ptr[i]);
    }
    return hex;
}

/* --- files --------------------------------------------------------------------------------------
 */

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static void run_file(const char *path, void (*run)(const char *name, const json_t *root))
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);

    snprintf(runner.file, sizeof runner.file, "%s", path + runner.root_len);
    if (root == NULL) {
        runner_fail("load", "line %d: %s", error.line, error.text);
        return;
    }
    run(runner.file, root);
    free_memory();
    json_decref(root);
}

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

void runner_each_json(const char *dir, void (*run)(const char *name, const json_t *root))
{
    struct dirent **entries;
    int count = scandir(dir, &entries, NULL, alphasort);

    if (count < 0) {
        runner_fail(dir + runner.root_len, "cannot list the folder");
        return;
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);

        if (len < 0 || (size_t)len >= sizeof path) {
            runner_fail(entries[i]->d_name, "path too long");
        } else if (entries[i]->d_name[0] != '.' && is_folder(path)) {
            runner_each_json(path, run);
        } else if (ends_with(path, ".json")) {
            run_file(path, run);
        }
        free(entries[i]);
    }
    free(entries);
}

struct cede_span runner_file(const char *dir, const char *name)
{
    char path[PATH_MAX];
    long len;
    uint8_t *bytes = NULL;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "rb");
    if (file == NULL) {
        return CEDE_SPAN_NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && (len = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0) {
        bytes = runner_memory((size_t)len + 1);
        if (fread(bytes, 1, (size_t)len, file) != (size_t)len) {
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes != NULL ? cede_span(bytes, (size_t)len) : CEDE_SPAN_NULL;
}

bool runner_in_folder(const char *name, const char *folder)
{
    char infix[PATH_MAX];

    snprintf(infix, sizeof infix, "/%s/", folder);
    return strstr(name, infix) != NULL;
}

/* --- topics -------------------------------------------------------------------------------------
 */

typedef void run_topic(const char *dir);

static run_topic *find_topic(const char *name)
{
    const struct {
        const char *name;
        run_topic *run;
    } topics[] = {
        {"edhoc", run_edhoc}, {"oscore", run_oscore},
        {"cose", run_cose},   {"c509", run_c509},
        {"cwt", run_cwt},     {"suit", run_suit},
        {"eat", run_eat},     {"est-coaps", run_est_coaps},
        {"jws", run_jws},     {"coap", run_coap},
        {"x509", run_x509},   {"transfer", run_transfer},
    };

    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (strcmp(topics[i].name, name) == 0) {
            return topics[i].run;
        }
    }
    return NULL;
}

static void run_folder(const char *dir, const char *name)
{
    char path[PATH_MAX];
    run_topic *run = find_topic(name);
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);

    if (name[0] == '.' || len < 0 || (size_t)len >= sizeof path || !is_folder(path)) {
        return;
    }
    runner.root_len = strlen(dir) + 1;
    snprintf(runner.file, sizeof runner.file, "%s", name);
    if (run == NULL) {
        runner_skip("all", "this build has no tests of the topic");
        return;
    }
    run(path);
    free_memory();
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    const char *dir;
    int count;

    runner.verbose = argc == 3 && strcmp(argv[1], "-v") == 0;
    if (argc != (runner.verbose ? 3 : 2)) {
        fprintf(stderr, "usage: vectors [-v] DIR\n");
        return 2;
    }
    dir = argv[argc - 1];
    count = scandir(dir, &entries, NULL, alphasort);
    if (count < 0) {
        perror(dir);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        run_folder(dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    printf("%lu passed, %lu failed, %lu skipped\n", runner.passed, runner.failed, runner.skipped);
    return runner.failed == 0 ? 0 : 1;
}
