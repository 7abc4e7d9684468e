/* SPDX-License-Identifier: Apache-2.0 */
/* oscore_internal.h - what the files of the OSCORE module share. */
#ifndef CEDE_OSCORE_INTERNAL_H
#define CEDE_OSCORE_INTERNAL_H

#include "cede/oscore.h"

/* A partial IV in its shortest form: the end of `bytes`. */
struct cede_span cede_oscore_piv(uint64_t sequence_number, uint8_t bytes[CEDE_OSCORE_PIV_LEN_MAX]);
/* `partial_iv` has at most CEDE_OSCORE_PIV_LEN_MAX bytes. */
uint64_t cede_oscore_piv_number(struct cede_span partial_iv);

/* Takes the next sender sequence number, if there is one that may be used: it never serves again,
 * whatever happens then. */
enum cede_status cede_oscore_take_sequence_number(struct cede_oscore_context *context,
                                                  uint64_t *sequence_number);

/* CEDE_OSCORE_REPLAY: received before, or too old to tell. */
enum cede_status cede_oscore_window_check(const struct cede_oscore_window *window,
                                          uint64_t sequence_number);
/* Marks a number as received. Only for messages that have been verified. */
void cede_oscore_window_commit(struct cede_oscore_window *window, uint64_t sequence_number);
/* The lower limit after a loss: this number and all below count as received (B.1.2). */
void cede_oscore_window_restart(struct cede_oscore_window *window, uint64_t sequence_number);

/* The OSCORE option and the payload that must go with it, of a request or response. */
enum cede_status cede_oscore_read_header(const struct cede_coap_message *message,
                                         struct cede_oscore_header *header);

#endif
