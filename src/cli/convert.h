/* SPDX-License-Identifier: Apache-2.0 */
/* convert.h - what `cede convert` found in its input, and the parts of the command. */
#ifndef CEDE_CLI_CONVERT_H
#define CEDE_CLI_CONVERT_H

#include "cede/c509.h"

#define CONVERT_CERTIFICATES_MAX 512

/* A certificate, request or private key in one of two forms: DER (PKCS #8 for keys) or C509. */
struct convert_part {
    struct cede_span bytes; /* null: none */
    bool der;
};

/* A request alone; or a private key, certificates, or both. */
struct convert_object {
    const char *name; /* of the input, for messages */
    struct convert_part request;
    struct convert_part key;
    bool keyed; /* came as C509PEM, though perhaps without certificates */
    struct convert_part certificates[CONVERT_CERTIFICATES_MAX]; /* in the order of the input */
    size_t certificates_count;
};

enum convert_target { CONVERT_TO_C509, CONVERT_TO_DER, CONVERT_TO_PEM };

/* Three memories of the same size. */
struct convert_memory {
    struct cede_buf scratch, parts, out;
};

/* Finds out what the input is; every failure has been told. `arena` takes what PEM stands for. */
bool convert_detect(struct cede_span input, struct cede_buf arena, struct convert_object *object);
/* Writes `result` into memory.out; with an envelope, as a stored item. Failures have been told. */
bool convert_write(const struct convert_object *object, enum convert_target target, bool envelope,
                   const struct convert_memory *memory, struct cede_span *result);

/* Tells that `what` failed; returns false. */
bool convert_refuse(const struct convert_object *object, const char *what, enum cede_status status);
/* The rule of the draft by which this DER has no C509 form; null when none is found. */
const char *convert_why_not_certificate(struct cede_span der);
const char *convert_why_not_request(struct cede_span der);

#endif
