/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.h - what every topic of the vector runner shares.
 *
 * A topic is a folder of vectors (`DIR/oscore/`) and one file here, run_oscore.c, with one function
 * `void run_oscore(const char *dir)`. A topic whose file is not there counts as one skip. The
 * functions below count; main prints `N passed, N failed, N skipped` last.
 *
 *   void run_oscore(const char *dir)
 *   {
 *       runner_each_json(dir, one_file);    // void one_file(const char *name, const json_t *root)
 *   }
 *
 * Memory: what runner_hex() and its kin return lives until the file function returns.
 * Never print a secret: name the vector and the field, not the value.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "cede/bytes.h"
#include "cede/crypto.h"

/* --- counting: one call for each vector and, where crypto is used, each back end ----------------
 */

#define RUNNER_PRINTF __attribute__((format(printf, 2, 3)))

/* `what` names the vector: "update-ok (openssl)". The file's name is put before it. */
void runner_pass(const char *what);
void runner_fail(const char *what, const char *reason, ...) RUNNER_PRINTF;
void runner_skip(const char *what, const char *reason, ...) RUNNER_PRINTF;
/* pass when `holds`, else fail with the reason. Returns `holds`. */
bool runner_expect(const char *what, bool holds, const char *reason);
/* pass when `got` is `expected`; for two byte strings. */
bool runner_expect_equal(const char *what, struct cede_span got, struct cede_span expected);
/* The outcome of an operation on a back end: CEDE_CRYPTO_UNSUPPORTED is a skip that names the back
 * end and `algorithm`, anything but CEDE_OK a failure. Returns true when passed. */
bool runner_outcome(const char *what, const struct cede_crypto *crypto, const char *algorithm,
                    enum cede_status status);
/* The same for a vector that must be refused: pass on any failure of class malformed, invalid,
 * unauthentic or policy. */
bool runner_refused(const char *what, const struct cede_crypto *crypto, const char *algorithm,
                    enum cede_status status);
/* "WHAT (openssl)" in memory that lives as long as runner_hex()'s. */
const char *runner_on(const char *what, const struct cede_crypto *crypto);

/* --- back ends ----------------------------------------------------------------------------------
 */

#define RUNNER_BACKENDS 2
/* 0: OpenSSL, 1: PSA. */
const struct cede_crypto *runner_backend(size_t index);

/* --- files --------------------------------------------------------------------------------------
 */

/* Calls `run` for each *.json under dir (subfolders too, in the order of their names) with the path
 * relative to the folder of topics. A file that is no JSON counts as failed. */
void runner_each_json(const char *dir, void (*run)(const char *name, const json_t *root));
/* A whole file below `dir`, null span when unreadable. */
struct cede_span runner_file(const char *dir, const char *name);
/* True when `name` lies in the subfolder, e.g. ("cose/mac0-tests/x.json", "mac0-tests"). */
bool runner_in_folder(const char *name, const char *folder);

/* --- values -------------------------------------------------------------------------------------
 */

/* Memory for this file. Never null. */
void *runner_memory(size_t len);
/* Hex (either case, blanks ignored) or base64url to bytes; null span for a null, absent or
 * ill-formed value, empty for an empty one. */
struct cede_span runner_hex(const json_t *value);
struct cede_span runner_hex_text(const char *hex);
struct cede_span runner_base64url(const json_t *value);
/* runner_hex(json_object_get(object, key)). */
struct cede_span runner_get_hex(const json_t *object, const char *key);
/* String member, null when absent; text bytes of a member; integer member or `otherwise`. */
const char *runner_get_string(const json_t *object, const char *key);
struct cede_span runner_get_text(const json_t *object, const char *key);
int64_t runner_get_int(const json_t *object, const char *key, int64_t otherwise);
/* Lower-case hex of public bytes, for messages; lives as long as runner_hex()'s. */
const char *runner_to_hex(struct cede_span bytes);

/* --- topics: weak, so that a missing file links -------------------------------------------------
 */

#define RUNNER_TOPIC __attribute__((weak))
void run_edhoc(const char *dir) RUNNER_TOPIC;
void run_oscore(const char *dir) RUNNER_TOPIC;
void run_cose(const char *dir) RUNNER_TOPIC;
void run_c509(const char *dir) RUNNER_TOPIC;
void run_cwt(const char *dir) RUNNER_TOPIC;
void run_suit(const char *dir) RUNNER_TOPIC;
void run_eat(const char *dir) RUNNER_TOPIC;
void run_est_coaps(const char *dir) RUNNER_TOPIC;
void run_jws(const char *dir) RUNNER_TOPIC;
/* Further topics for our own formats in tests/vectors/data: a folder without a function is skipped.
 */
void run_transfer(const char *dir) RUNNER_TOPIC;
void run_coap(const char *dir) RUNNER_TOPIC;
void run_x509(const char *dir) RUNNER_TOPIC;

#endif
