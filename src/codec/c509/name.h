/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.h - walking through C509 Names and their SpecialText.
 *
 * Place: inside the certificate codecs.
 */
#ifndef CEDE_SRC_CODEC_C509_NAME_H
#define CEDE_SRC_CODEC_C509_NAME_H

#include "cede/c509.h"

#define TAG_MAC_ADDRESS 48 /* RFC 9542, section 2.4 */

/* One text in three encodings (draft, section "issuer"). */
enum special_form {
    SPECIAL_TEXT, /* as it is */
    SPECIAL_HEX,  /* bytes, meant as lower-case hex digits */
    SPECIAL_MAC   /* 6 or 8 bytes, meant as EUI-64 text */
};

struct special_text {
    enum special_form form;
    struct cede_span bytes;
};

struct special_text special_get(struct cede_reader *reader);
void special_read(struct cede_reader *reader, struct special_text *special);
/* Chooses the encoding the draft demands for `text`. */
void special_put(struct cede_writer *writer, struct cede_span text);
/* Length and single bytes of the text that is meant. */
size_t special_len(struct special_text special);
uint8_t special_at(struct special_text special, size_t index);
/* The text that is meant, with a DER tag before it. */
void special_put_der(struct cede_writer *writer, uint8_t tag, struct special_text special);

struct c509_attribute {
    struct cede_span oid; /* null: `type` counts */
    int32_t type;         /* of the registry; negative: a printable string */
    struct special_text text;
    struct cede_span der; /* with `oid`: the encoded value */
};

struct c509_name_walk {
    struct cede_reader reader;
    size_t attributes_left;
    bool alone; /* the Name is the text of its only common name */
};

/* Walks the attributes of an encoded Name: false at the end and after a failure, which is then in
 * walk->reader.status; trailing bytes are a failure, too. */
struct c509_name_walk c509_name_walk(struct cede_span name);
bool c509_name_next(struct c509_name_walk *walk, struct c509_attribute *attribute);
enum cede_status c509_name_check(struct cede_span name);
/* Reads a Name that is checked; *name is its encoding. */
void c509_read_name(struct cede_reader *reader, struct cede_span *name);

/* One (type, value) pair from an attribute in DER. `native`: without string types. */
void c509_put_attribute(struct cede_writer *writer, struct cede_span oid, uint8_t tag,
                        struct cede_span text, struct cede_span value, bool native);
/* The DER string tag an attribute type and sign stand for. */
uint8_t c509_string_tag(int32_t type);
/* Writes an encoded X.501 Name as C509 Name. */
void c509_put_name_from_der(struct cede_writer *writer, struct cede_span name, bool native);
/* Writes an encoded C509 Name as X.501 Name. */
void c509_put_name_to_der(struct cede_writer *writer, struct cede_span name);

#endif
