/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag.h - prints CBOR in diagnostic notation (RFC 8949, section 8; comments and << >> as in RFC
 *      8610, appendix G), one field a line, told by const tables what the fields mean.
 *
 * Place: hosted; below the files of this folder that know one family of artefacts each.
 * Use: diag_init() over the bytes as they were given; diag_item() or diag_sequence() with the
 *      shape of what should be there; then diag->status. An item that differs from its shape is
 *      printed all the same, as what it is: what is wrong with it the strict decoders of the
 *      library say afterwards, by diag_check().
 * Failure: printing goes on to the first byte that cannot be read; diag->at is its offset.
 * Secrets: DIAG_SECRET prints a length, never bytes.
 * Memory: nothing is kept; shapes are const. Recursion is bounded by DIAG_DEPTH_MAX.
 */
#ifndef CEDE_INSPECT_DIAG_H
#define CEDE_INSPECT_DIAG_H

#include <stdio.h>

#include "cede/cbor.h"
#include "cede/crypto.h"

#define DIAG_DEPTH_MAX 32

struct diag {
    FILE *out;
    const struct cede_crypto *crypto; /* for thumbprints */
    struct cede_span input;           /* offsets count from its start */
    const char *input_name;           /* "" or " of the payload": when it is not the file itself */
    enum cede_status status;          /* the first failure */
    size_t at;                        /* where, in `input`; never past its end */
    const char *at_name;              /* `input_name` as it was then */
    bool has_hint;                    /* an item was not what its shape says: */
    size_t hint;                      /* its offset, for when a decoder refuses the whole */
    unsigned depth;                   /* nesting, bounded */
    unsigned indent;                  /* of new lines */
    unsigned inlined;                 /* within a short item that stays on its line */
};

enum diag_form {
    DIAG_ANY,              /* whatever comes; byte strings as they are */
    DIAG_ARRAY,            /* fields by position */
    DIAG_LIST,             /* elements alike */
    DIAG_MAP,              /* fields by integer key */
    DIAG_PAIRS,            /* an array of keys and values in turn; the sign of a key is a flag */
    DIAG_WRAPPED,          /* a byte string with one encoded item in it; empty is allowed */
    DIAG_WRAPPED_SEQUENCE, /* a byte string with a CBOR sequence in it: the element's fields */
    DIAG_SECRET,           /* the length only */
    DIAG_CHOICE            /* another shape, found by looking at the item */
};

#define DIAG_TYPE(type_) (1u << (type_))
#define DIAG_INTEGER     (DIAG_TYPE(CEDE_CBOR_UINT) | DIAG_TYPE(CEDE_CBOR_NINT))

/* Appends what an encoded item means, as text; nothing when there is nothing to say. */
typedef void diag_meaning(const struct diag *diag, struct cede_span item, FILE *text);

struct diag_value {
    int64_t value;
    const char *name;
};

struct diag_field {
    int64_t key; /* of maps; in arrays only for the reader */
    const char *name;
    const struct diag_shape *shape; /* null: any */
};

struct diag_shape {
    enum diag_form form;
    const char *name;                 /* of the structure; null: none */
    const struct diag_field *fields;  /* ends with a null name */
    const struct diag_shape *element; /* of lists and wrapped items; null: any */
    const struct diag_value *values;  /* names of integers, of keys in pairs; ends likewise */
    diag_meaning *meaning;            /* may be null */
    const struct diag_shape *(*choose)(struct cede_span item); /* null: any */
    const char *negative; /* in pairs: what a negative key says besides */
    unsigned types;       /* DIAG_TYPE() of what may come; 0: all */
};

void diag_init(struct diag *diag, FILE *out, const struct cede_crypto *crypto,
               struct cede_span input);

/* The next item with its comment; `after` ("," or "") comes between the two. */
void diag_item(struct diag *diag, struct cede_reader *reader, const struct diag_shape *shape,
               const char *label, const char *after);
/* All that is left, as a CBOR sequence: the fields by position, the last one repeated when
 * `repeat`, one a line. */
void diag_sequence(struct diag *diag, struct cede_reader *reader, const struct diag_field *fields,
                   bool repeat);
/* A whole encoding that is one item: also what follows it is a failure. */
void diag_whole(struct diag *diag, struct cede_span encoding, const struct diag_shape *shape,
                const char *label);

/* Notes a failure of `reader`, once. False when there was one, now or before. */
bool diag_reader_ok(struct diag *diag, const struct cede_reader *reader);
/* Takes the verdict of a strict decoder on the object at `part` of the input, unless something
 * failed before: the offset is that of the first item that is not what it should be, or of the
 * object. */
void diag_check(struct diag *diag, struct cede_span part, enum cede_status status);
void diag_fail_at(struct diag *diag, size_t at, enum cede_status status);

/* A new line, indented for the present depth. */
void diag_newline(struct diag *diag);
/* A comment on a line of its own, as printf. */
void diag_remark(struct diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text of strangers: control characters, quotes and backslashes escaped. */
void diag_text(FILE *out, struct cede_span text);
void diag_hex(FILE *out, struct cede_span bytes);

/* --- reading encoded items, for meanings --------------------------------------------------------
 */

bool diag_as_int(struct cede_span item, int64_t *value);
bool diag_as_bytes(struct cede_span item, struct cede_span *bytes);
bool diag_as_text(struct cede_span item, struct cede_span *text);
const char *diag_name(const struct diag_value *values, int64_t value); /* null: none */

#endif
