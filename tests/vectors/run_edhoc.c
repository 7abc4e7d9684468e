/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_edhoc.c - EDHOC vectors: recorded sessions played against each role on each back end, and
 * messages that must be refused.
 *
 * Formats: our text files (../lib/edhoc_replay.h); JSON with `vectors`, each with `values` by name;
 * JSON with `items` in document order, the values of RFC 9529 as it prints them.
 */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/edhoc_replay.h"

static const char *label(const struct replay_vector *vector, const char *role,
                         const struct cede_crypto *crypto)
{
    char *text = runner_memory(96);

    (void)snprintf(text, 96, "%s %s", vector->name, role);
    return runner_on(text, crypto);
}

static void report(struct replay *replay, const char *role, const struct cede_crypto *crypto)
{
    const char *what = label(replay->vector, role, crypto);

    if (replay->step == NULL) {
        runner_pass(what);
    } else if (replay->status == CEDE_CRYPTO_UNSUPPORTED) {
        runner_skip(what, "%s: back end %s has no such algorithm%s", replay->step, crypto->name,
                    strcmp(crypto->name, "psa") == 0 ? " (Mbed TLS 2.28 has no Ed25519)" : "");
    } else {
        runner_fail(what, "%s: %s", replay->step,
                    replay->status == CEDE_INTERNAL ? "differs" : cede_status_name(replay->status));
    }
}

static void play(const struct replay_vector *vector)
{
    struct replay *replay = runner_memory(sizeof *replay);

    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);

        replay_initiator(replay, vector, crypto);
        report(replay, "initiator", crypto);
        replay_responder(replay, vector, crypto);
        report(replay, "responder", crypto);
    }
}

/* --- messages to refuse ----------------------------------------------------------------------- */

/* What RFC 9529, section 4, is about; the trace gives an initiator something to wait for. */
static void refuse_message_1(const char *name, const struct cede_crypto *crypto,
                             struct cede_span message_1)
{
    static const struct cede_edhoc_suite *const suites[] = {
        &cede_edhoc_suite_0, &cede_edhoc_suite_2, &cede_edhoc_suite_24};
    enum cede_status telling = CEDE_EDHOC_WRONG_SUITE;

    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        enum cede_status status = replay_refusal_1(crypto, suites[i], message_1);

        /* Another suite than the message's own is no reason that counts. */
        if (status == CEDE_OK || status != CEDE_EDHOC_WRONG_SUITE) {
            telling = status;
        }
        if (status == CEDE_OK) {
            break;
        }
    }
    if (telling == CEDE_EDHOC_WRONG_SUITE) {
        runner_fail(runner_on(name, crypto), "refused for its suite, not for its fault");
        return;
    }
    runner_refused(runner_on(name, crypto), crypto, "the suite", telling);
}

static void refuse(const char *name, const char *kind, struct cede_span bytes,
                   const struct replay_vector *trace)
{
    for (size_t i = 0; i < RUNNER_BACKENDS; i++) {
        const struct cede_crypto *crypto = runner_backend(i);
        struct replay *replay = runner_memory(sizeof *replay);
        uint8_t *message_2 = runner_memory(512);

        if (strcmp(kind, "message_1") == 0) {
            refuse_message_1(name, crypto, bytes);
        } else if (trace->count == 0) {
            runner_skip(runner_on(name, crypto), "no trace beside it to build message_2 from");
        } else if (strcmp(kind, "PLAINTEXT_2") == 0) {
            runner_refused(runner_on(name, crypto), crypto, "the suite",
                           replay_refusal_2(replay, trace, crypto,
                                            replay_seal_2(trace, crypto, bytes, message_2)));
        } else if (strcmp(kind, "message_2") == 0) {
            runner_refused(runner_on(name, crypto), crypto, "the suite",
                           replay_refusal_2(replay, trace, crypto, bytes));
        } else {
            runner_skip(runner_on(name, crypto), "unknown kind %s", kind);
        }
    }
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

/* The trace that invalid messages are for, once it has been read. It serves several files, whose
 * memory ends with them. */
static struct replay_vector trace_2;
static uint8_t trace_2_bytes[8192];

static void keep_trace_2(const struct replay_vector *vector)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(trace_2_bytes));

    trace_2 = *vector;
    for (size_t i = 0; i < trace_2.count; i++) {
        size_t at = writer.len;
        cede_write_bytes(&writer, vector->values[i].bytes);
        trace_2.values[i].bytes = cede_span(trace_2_bytes + at, vector->values[i].bytes.len);
    }
    if (writer.status != CEDE_OK) {
        runner_fail(vector->name, "too long to be kept");
        trace_2.count = 0;
    }
}

static void play_derived(const json_t *entry)
{
    struct replay_vector *vector = runner_memory(sizeof *vector);
    const json_t *values = json_object_get(entry, "values");
    const char *name = runner_get_string(entry, "name");
    const char *key;
    json_t *value;

    memset(vector, 0, sizeof *vector);
    (void)snprintf(vector->name, sizeof vector->name, "%s", name != NULL ? name : "unnamed");
    json_object_foreach((json_t *)values, key, value)
    {
        if (json_is_string(value)) {
            replay_put(vector, key, runner_hex(value));
        }
    }
    replay_settle(vector);
    if (vector->method != runner_get_int(entry, "method", -1) ||
        vector->suite != runner_get_int(entry, "selected_cipher_suite", -1)) {
        runner_fail(vector->name, "message_1 disagrees with method and suite");
        return;
    }
    play(vector);
}

/* Names that the RFC prints otherwise than RFC 9528 has them. */
static const char *our_name(const char *name)
{
    static const char *const names[][2] = {
        {"H(message_1)", "H_message_1"},
        {"OSCORE Master Secret", "OSCORE_Master_Secret"},
        {"OSCORE Master Salt", "OSCORE_Master_Salt"},
        {"context for KeyUpdate", "KeyUpdate_context"},
        {"PRK_out after KeyUpdate", "KeyUpdate_PRK_out"},
        {"OSCORE Master Secret after KeyUpdate", "KeyUpdate_OSCORE_Master_Secret"},
        {"OSCORE Master Salt after KeyUpdate", "KeyUpdate_OSCORE_Master_Salt"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], name) == 0) {
            return names[i][1];
        }
    }
    return name;
}

/* Raw values, except those that only make sense as items or sequences. */
static bool is_wanted(const char *name, const char *encoding)
{
    bool raw = encoding != NULL && strcmp(encoding, "Raw Value") == 0;
    bool item = strncmp(name, "message_", 8) == 0 || strncmp(name, "ID_CRED", 7) == 0 ||
                strncmp(name, "CRED", 4) == 0 || strncmp(name, "PLAINTEXT", 9) == 0;

    return raw != item;
}

static void play_trace(const char *name, const json_t *items)
{
    struct replay_vector *vector = runner_memory(sizeof *vector);
    size_t i;
    json_t *item;

    memset(vector, 0, sizeof *vector);
    (void)snprintf(vector->name, sizeof vector->name, "trace");
    json_array_foreach((json_t *)items, i, item)
    {
        const char *section = runner_get_string(item, "section");
        const char *printed = runner_get_string(item, "name");

        if (printed == NULL || section == NULL || strstr(section, "first") != NULL ||
            !is_wanted(printed, runner_get_string(item, "encoding"))) {
            continue;
        }
        replay_put(vector, our_name(printed), runner_get_hex(item, "hex"));
    }
    replay_settle(vector);
    if (strstr(name, "trace2") != NULL) {
        keep_trace_2(vector);
    }
    play(vector);
}

static void refuse_items(const json_t *items)
{
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)items, i, item)
    {
        const char *kind = runner_get_string(item, "name");
        const char *subsection = runner_get_string(item, "subsection");

        if (kind != NULL && strncmp(kind, "Invalid ", 8) == 0) {
            refuse(subsection != NULL ? subsection : kind, kind + 8, runner_get_hex(item, "hex"),
                   &trace_2);
        }
    }
}

static void one_file(const char *name, const json_t *root)
{
    const json_t *vectors = json_object_get(root, "vectors");
    const json_t *items = json_object_get(root, "items");
    size_t i;
    json_t *entry;

    if (runner_in_folder(name, "outdated-draft-15")) {
        runner_skip("file", "made by draft-15, whose TH_2 and context_2 differ from RFC 9528");
    } else if (vectors != NULL) {
        json_array_foreach((json_t *)vectors, i, entry)
        {
            play_derived(entry);
        }
    } else if (items != NULL && strstr(name, "invalid") == NULL) {
        play_trace(name, items);
    }
}

/* A second pass: the trace may come after these in the order of names. */
static void one_invalid_file(const char *name, const json_t *root)
{
    const json_t *items = json_object_get(root, "items");

    if (items != NULL && strstr(name, "invalid") != NULL) {
        refuse_items(items);
    }
}

/* --- text ---------------------------------------------------------------------------------------
 */

static void text_files(const char *dir)
{
    struct cede_span text = runner_file(dir, "rfc9529.txt");
    struct cede_span invalid = runner_file(dir, "rfc9529_invalid.txt");
    struct cede_writer memory = cede_writer(cede_buf(runner_memory(16384), 16384));
    struct replay_vector *vector = runner_memory(sizeof *vector);

    while (replay_next(&text, vector, &memory)) {
        replay_settle(vector);
        play(vector);
        if (strcmp(vector->name, "trace-2") == 0) {
            keep_trace_2(vector);
        }
    }
    while (replay_next(&invalid, vector, &memory)) {
        for (size_t i = 0; i < vector->count; i++) {
            refuse(vector->name, vector->values[i].name, vector->values[i].bytes, &trace_2);
        }
    }
}

void run_edhoc(const char *dir)
{
    memset(&trace_2, 0, sizeof trace_2);
    text_files(dir);
    runner_each_json(dir, one_file);
    runner_each_json(dir, one_invalid_file);
}
