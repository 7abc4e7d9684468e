/* SPDX-License-Identifier: Apache-2.0 */
/* oscore_internal.h - what the files of the OSCORE module share. */
#ifndef CEDE_OSCORE_INTERNAL_H
#define CEDE_OSCORE_INTERNAL_H

#include <string.h>

#include "cede/oscore.h"

/* CEDE_OSCORE_REPLAY: received before, or too old to tell. */
enum cede_status cede_oscore_window_check(struct cede_oscore_window *window,
                                          uint64_t sequence_number);
/* Marks a number as received. Only for messages that have been verified. */
void cede_oscore_window_commit(struct cede_oscore_window *window, uint64_t sequence_number);
/* The lower limit after a loss: this number and all below count as received (B.1.2). */
void cede_oscore_window_restart(struct cede_oscore_window *window, uint64_t sequence_number);

/* `partial_iv` has at most CEDE_OSCORE_PIV_LEN_MAX bytes. */
uint64_t cede_oscore_piv_number(const struct cede_span *partial_iv);
/* Writes an option value without looking whether the parts fit; returns its end. */
uint8_t *cede_oscore_put_option(uint8_t *at, const struct cede_oscore_header *header);

/* CBOR of what OSCORE hashes and authenticates (RFC 8613, 3.2.1 and 5.4), where no argument is
 * above 255. Each returns the end of what it wrote. */
uint8_t *cede_oscore_put_head(uint8_t *at, unsigned type, size_t argument);
uint8_t *cede_oscore_put_bytes(uint8_t *at, const uint8_t *bytes, size_t len);
/* The same without a head: any bytes. */
uint8_t *cede_oscore_put(uint8_t *at, const uint8_t *bytes, size_t len);

#endif
