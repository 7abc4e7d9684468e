/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h - keeps every datagram of a device as a file: 0001-sent.coap, 0002-received.coap ... and,
 * beside it, the EDHOC message it carries in the clear, for `cede inspect`. */
#ifndef CEDE_DEVICE_AGENT_TRACE_H
#define CEDE_DEVICE_AGENT_TRACE_H

#include "cede/bytes.h"

struct trace {
    const char *dir; /* null: none is kept */
    unsigned count;
};

/* Failures are told on standard error, once; the device lives on. */
void trace_datagram(struct trace *trace, bool sent, struct cede_span datagram);
/* A datagram of the secure channel (.dtls), and a message in it (.coap). */
void trace_record(struct trace *trace, bool sent, struct cede_span datagram);
void trace_message(struct trace *trace, bool sent, struct cede_span message);

#endif
