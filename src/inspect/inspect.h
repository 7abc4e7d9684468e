/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.h - prints any artefact of the system for people, and says what is wrong with a broken
 *      one.
 *
 * Place: hosted tool, beside the servers; reads with the codecs of libcede, changes nothing.
 * Use: inspect() with the bytes of a file and where to print. Without a kind it looks at the
 *      content; inspect_kinds() lists the names of kinds.
 * Secrets: private keys are never printed, whatever they are wrapped in.
 * Memory: none is kept; at most a few times the input while it runs.
 */
#ifndef CEDE_INSPECT_INSPECT_H
#define CEDE_INSPECT_INSPECT_H

#include <stdio.h>

#include "cede/crypto.h"

#define INSPECT_LEN_MAX ((size_t)16 * 1024 * 1024)

struct inspect_verdict {
    enum cede_status status;
    size_t at;           /* byte offset of the failure, never past the input */
    const char *of;      /* "", or what the offset counts in: " of the decoded hex" */
    const char *details; /* "", or more about it */
};

/* Prints `input` to `out`; what could be read is printed also on failure. `kind` may be null.
 * CEDE_BAD_ARGUMENT: no such kind. CEDE_NO_SPACE: longer than INSPECT_LEN_MAX. */
struct inspect_verdict inspect(FILE *out, const struct cede_crypto *crypto, struct cede_span input,
                               const char *kind);

/* The kinds by name, with a phrase: null past the last. */
const char *inspect_kind(size_t index, const char **phrase);

#endif
