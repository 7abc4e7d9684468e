/* SPDX-License-Identifier: Apache-2.0 */
/* cose_case.h - one COSE object with its key and what it must contain, whatever file it is from. */
#ifndef COSE_CASE_H
#define COSE_CASE_H

#include "cede/cose.h"
#include "runner.h"

enum cose_kind { COSE_SIGN1, COSE_SIGN, COSE_MAC0, COSE_ENCRYPT0 };

struct cose_case {
    const char *what;
    enum cose_kind kind;
    struct cede_span encoding;
    struct cede_cose_key key;
    const json_t *signers;         /* with a JWK each, when they are several; null otherwise */
    struct cede_span base_iv;      /* Context IV; null when none */
    struct cede_span external_aad; /* null when none */
    struct cede_span detached;     /* null when attached */
    struct cede_span content;      /* expected payload or plaintext; null when not known */
    struct cede_span structure;    /* expected Sig_, MAC_ or Enc_structure; null when not known */
    bool refuse;                   /* must not verify ... */
    const char *status;            /* ... with this status; null: any refusal */
};

/* Reads the JSON format of the COSE working group's examples. False when the file is not
 * applicable: that has been counted as a skip, or as a failure when it makes no sense. */
bool cose_case_from_example(const json_t *root, struct cose_case *test);

/* Runs what can be run of an object with recipients; false when that is nothing. */
bool cose_run_recipients(const json_t *root, const char *what);

/* Verifies or decrypts on one back end; *content is the payload or plaintext. */
enum cede_status cose_case_open(const struct cose_case *test, const struct cede_crypto *crypto,
                                struct cede_span *content);
/* Runs the case on every back end and counts; true when no back end failed. */
bool cose_case_run(const struct cose_case *test);

#endif
