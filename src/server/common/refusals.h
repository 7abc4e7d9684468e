/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals.h - what the doors for devices say in the log when they refuse somebody who is not
 *              authenticated: who, what he said he was, why, and once for each datagram.
 *
 * A refusal costs no state, so that a datagram that comes again is refused again: the last ones
 * told are kept here, as hashes. How many lines there are in all is log_stranger()'s to say.
 */
#ifndef CEDE_SERVER_REFUSALS_H
#define CEDE_SERVER_REFUSALS_H

#include "cede/posix.h"

#define REFUSALS_KEPT 64
#define REFUSALS_MS                                                                                \
    45000 /* MAX_TRANSMIT_SPAN (RFC 7252, section 4.8.2): no repetition after it                   \
           */

/* Zero-initialise. */
struct refusals {
    struct {
        uint64_t hash, at_ms;
    } told[REFUSALS_KEPT];
    size_t next;
};

struct refusal {
    const char *protocol; /* that was being spoken */
    const struct cede_address *from;
    struct cede_span datagram; /* null: one line stands for all of the address */
    const char *name;          /* as it says itself; null or empty: it says nothing */
    const char *why;
};

/* "EDHOC with 127.0.0.1:5683: refused 'NAME': WHY", or without the name. */
void refusals_tell(struct refusals *all, uint64_t now_ms, const struct refusal *refusal);

#endif
