/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.h - walking through X.501 Names, and the text form of EUI-64.
 *
 * Place: inside the certificate codecs.
 */
#ifndef CEDE_SRC_CODEC_X509_NAME_H
#define CEDE_SRC_CODEC_X509_NAME_H

#include "cede/x509.h"

#define EUI64_TEXT_LEN 23 /* "01-23-45-FF-FE-67-89-AB" */

struct x509_attribute {
    struct cede_span oid;
    uint8_t tag; /* of the value */
    struct cede_span text;
    struct cede_span value; /* encoded, tag and length included */
    bool alone;             /* the only one of its RelativeDistinguishedName */
};

struct x509_name_walk {
    struct cede_reader names;
    struct cede_reader attributes; /* what is left of the present RelativeDistinguishedName */
};

/* Walks the attributes of an encoded Name: false at the end and after a failure, which is then in
 * walk->names.status. */
struct x509_name_walk x509_name_walk(struct cede_span name);
bool x509_name_next(struct x509_name_walk *walk, struct x509_attribute *attribute);
/* Checks the contents of an attribute's value. CEDE_DER_TAG: no string, bit string or sequence. */
enum cede_status x509_value_check(uint8_t tag, struct cede_span text);
/* Checks the structure of a Name. */
enum cede_status x509_name_check(struct cede_span name);

/* Writes 6 or 8 bytes as EUI-64 text; false for other lengths. */
bool eui64_to_text(struct cede_span bytes, uint8_t text[EUI64_TEXT_LEN]);
/* The bytes of EUI-64 text: 6 when they have FF-FE in the middle, otherwise 8; 0: no such text. */
size_t eui64_from_text(struct cede_span text, uint8_t bytes[8]);

#endif
