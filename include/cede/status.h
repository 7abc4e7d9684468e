/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - the one result type of cede.
 *
 * Every function that can fail returns an enum cede_status. CEDE_OK is zero. The high byte is the
 * class, which callers switch on; the low byte tells the cause, which logs print:
 *
 *   malformed    the bytes are not what the format says
 *   invalid      well-formed, but a rule of the standard or of cede forbids it
 *   unauthentic  a signature, tag, credential or proof does not hold
 *   policy       understood and authentic, but not allowed here and now
 *   space        the caller's memory is too small
 *   state        the call or message does not fit the present state
 *   backend      the crypto library, store, flash or operating system failed
 *   blocked      cannot go on now; try again later
 *   internal     a broken promise inside cede
 *
 * One table (status_table.h) holds the names and reasons; nothing else lists them.
 */
#ifndef CEDE_STATUS_H
#define CEDE_STATUS_H

enum cede_status_class {
    CEDE_CLASS_OK = 0,
    CEDE_CLASS_MALFORMED = 1,
    CEDE_CLASS_INVALID = 2,
    CEDE_CLASS_UNAUTHENTIC = 3,
    CEDE_CLASS_POLICY = 4,
    CEDE_CLASS_SPACE = 5,
    CEDE_CLASS_STATE = 6,
    CEDE_CLASS_BACKEND = 7,
    CEDE_CLASS_BLOCKED = 8,
    CEDE_CLASS_INTERNAL = 9
};

#define CEDE_STATUS_VALUE(class_, number_) (((class_) << 8) | (number_))

#define CEDE_STATUS_ENUM_(name_, class_, number_, reason_)                                         \
    name_ = CEDE_STATUS_VALUE(CEDE_CLASS_##class_, number_),
enum cede_status {
    CEDE_OK = 0,
#define X CEDE_STATUS_ENUM_
#include "cede/status_table.h"
#undef X
};
#undef CEDE_STATUS_ENUM_

#if defined(__GNUC__)
#define CEDE_MUST_USE __attribute__((warn_unused_result))
/* Where inlining costs flash; and where it saves some, as a firmware calls the function once. */
#define CEDE_NOINLINE __attribute__((noinline))
#define CEDE_INLINE   static inline __attribute__((always_inline))
#else
#define CEDE_MUST_USE
#define CEDE_NOINLINE
#define CEDE_INLINE static inline
#endif

/* Returns the status from the calling function unless it is CEDE_OK. With secrets in scope use a
 * `goto out` instead, so that they are wiped. */
#define CEDE_TRY(expression_)                                                                      \
    do {                                                                                           \
        enum cede_status try_status_ = (expression_);                                              \
        if (try_status_ != CEDE_OK) {                                                              \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (0)

static inline enum cede_status_class cede_status_class(enum cede_status status)
{
    return (enum cede_status_class)((unsigned)status >> 8);
}

/* The symbolic name ("CEDE_CBOR_TRUNCATED") and the reason as a lower-case phrase ("the input ends
 * inside a data item"). Static strings, never null, also for a value that is no status. */
const char *cede_status_name(enum cede_status status);
const char *cede_status_reason(enum cede_status status);

#endif
