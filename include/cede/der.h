/* SPDX-License-Identifier: Apache-2.0 */
/*
 * der.h - reading and writing DER (ITU-T X.690), as much of it as X.509, PKCS #10, CRLs and OCSP
 * need.
 *
 * Place: codec; works on the readers and writers of bytes.h and keeps no state of its own.
 * Use: reading, call get functions in a row on a cede_reader, enter constructed values with
 *      cede_der_enter(), check each reader with cede_reader_finish(). Writing, open a constructed
 *      value, write what is inside, close it: the length is put in place then.
 * Memory: what is read comes back as spans into the input; nothing recurses.
 * Errors: class malformed. Refused are indefinite and non-minimal lengths, tags above 30, integers
 *      and bit strings in other than their shortest form.
 */
#ifndef CEDE_DER_H
#define CEDE_DER_H

#include "cede/bytes.h"

#define CEDE_DER_BOOLEAN          0x01
#define CEDE_DER_INTEGER          0x02
#define CEDE_DER_BIT_STRING       0x03
#define CEDE_DER_OCTET_STRING     0x04
#define CEDE_DER_NULL             0x05
#define CEDE_DER_OID              0x06
#define CEDE_DER_ENUMERATED       0x0a
#define CEDE_DER_UTF8_STRING      0x0c
#define CEDE_DER_PRINTABLE_STRING 0x13
#define CEDE_DER_TELETEX_STRING   0x14
#define CEDE_DER_IA5_STRING       0x16
#define CEDE_DER_UNIVERSAL_STRING 0x1c
#define CEDE_DER_BMP_STRING       0x1e
#define CEDE_DER_UTC_TIME         0x17
#define CEDE_DER_GENERALIZED_TIME 0x18
#define CEDE_DER_SEQUENCE         0x30
#define CEDE_DER_SET              0x31
/* Context-specific tags [n], primitive and constructed. */
#define CEDE_DER_CONTEXT(number_)             (0x80 | (number_))
#define CEDE_DER_CONTEXT_CONSTRUCTED(number_) (0xa0 | (number_))

/* The time 9999-12-31 23:59:59 (RFC 5280, section 4.1.2.5: no well-defined expiration). */
#define CEDE_TIME_NONE UINT64_MAX

/* --- reading ---------------------------------------------------------------------------------- */

/* The tag of the next value, 0 at the end or after a failure; consumes nothing. */
uint8_t cede_der_peek(const struct cede_reader *reader);
/* The contents of the next value, which must have `tag` (CEDE_DER_TAG). */
struct cede_span cede_der_get(struct cede_reader *reader, uint8_t tag);
/* The next value whatever its tag: *tag and contents. `tag` may be null. */
struct cede_span cede_der_get_any(struct cede_reader *reader, uint8_t *tag);
/* The next value whatever its tag, with its tag and length. */
struct cede_span cede_der_get_value(struct cede_reader *reader);
/* A reader over the contents of the next value; it carries on the failure of `reader`. */
struct cede_reader cede_der_enter(struct cede_reader *reader, uint8_t tag);

/* The contents of an OBJECT IDENTIFIER. CEDE_DER_VALUE: empty, or a number in it is cut short or
 * begins with zeros (X.690, section 8.19.2). */
struct cede_span cede_der_get_oid(struct cede_reader *reader);
bool cede_der_get_bool(struct cede_reader *reader);
/* A non-negative INTEGER as big-endian bytes without leading zeros (zero: an empty span).
 * CEDE_DER_NEGATIVE: it is negative. */
struct cede_span cede_der_get_unsigned(struct cede_reader *reader);
/* A small non-negative INTEGER. CEDE_DER_VALUE: above UINT32_MAX. */
uint32_t cede_der_get_small(struct cede_reader *reader);
/* The bytes of a BIT STRING; *unused_bits (0..7, and those bits are zero) may be null: then there
 * must be none. */
struct cede_span cede_der_get_bits(struct cede_reader *reader, uint8_t *unused_bits);
/* UTCTime or GeneralizedTime in RFC 5280's form, as POSIX seconds; CEDE_TIME_NONE for the year
 * 9999. CEDE_DER_TIME: another form, a date that does not exist or before 1970. */
uint64_t cede_der_get_time(struct cede_reader *reader);
/* How many values follow one another in `contents`; 0 when they are malformed. */
size_t cede_der_count(struct cede_span contents);

/* --- writing ---------------------------------------------------------------------------------- */

/* Opens a constructed value; close with the returned mark. Marks nest. */
size_t cede_der_open(struct cede_writer *writer, uint8_t tag);
/* Puts the length before what was written since: moves it when the length needs several bytes. */
void cede_der_close(struct cede_writer *writer, size_t mark);
/* A whole value. */
void cede_der_put(struct cede_writer *writer, uint8_t tag, struct cede_span contents);
void cede_der_put_bool(struct cede_writer *writer, bool value);
/* An INTEGER from big-endian bytes, leading zeros ignored. */
void cede_der_put_unsigned(struct cede_writer *writer, struct cede_span big_endian);
void cede_der_put_small(struct cede_writer *writer, uint64_t value);
void cede_der_put_oid(struct cede_writer *writer, struct cede_span oid);
void cede_der_put_null(struct cede_writer *writer);
/* A BIT STRING of whole bytes. */
void cede_der_put_bits(struct cede_writer *writer, struct cede_span bytes);
/* A BIT STRING of named flags, bit n of the string being 1 << n; trailing zero bits left out. */
void cede_der_put_flags(struct cede_writer *writer, uint32_t flags);
/* UTCTime until 2049, GeneralizedTime after it (RFC 5280, section 4.1.2.5). */
void cede_der_put_time(struct cede_writer *writer, uint64_t posix_seconds);
/* Always GeneralizedTime, as OCSP and CRL extensions want it. */
void cede_der_put_generalized_time(struct cede_writer *writer, uint64_t posix_seconds);

/* --- time ------------------------------------------------------------------------------------- */

/* "YYYYMMDDHHMMSS" of a time until the year 9999. */
void cede_time_digits(uint64_t posix_seconds, uint8_t digits[14]);
/* False when the digits are no time that exists from 1970 on. */
bool cede_time_from_digits(const uint8_t digits[14], uint64_t *posix_seconds);

#endif
