/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c - datagrams and EDHOC messages to files. */
#include "device_agent/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cede/device.h"
#include "cede/posix.h"

static enum cede_status save(const struct trace *trace, const char *what, struct cede_span bytes)
{
    char path[1024];

    if (snprintf(path, sizeof path, "%s/%04u-%s", trace->dir, trace->count, what) >=
        (int)sizeof path) {
        return CEDE_NO_SPACE;
    }
    return cede_file_write(path, 0600, bytes);
}

/* message_1 is behind `true` in a request to EDHOC's resource, message_2 is a response's payload
 * (RFC 9528, appendix A.2), message_3 goes in front of an OSCORE request (RFC 9668). */
static enum cede_status save_edhoc(const struct trace *trace, bool sent, struct cede_span datagram)
{
    struct cede_coap_message message;
    struct cede_span c_r, edhoc, request;
    uint8_t memory[CEDE_DEVICE_DATAGRAM_LEN];

    CEDE_TRY(cede_coap_decode(datagram, &message));
    if (sent && cede_oscore_is_combined(&message)) {
        CEDE_TRY(
            cede_oscore_split_combined(datagram, CEDE_BUF_ARRAY(memory), &c_r, &edhoc, &request));
        return save(trace, "edhoc-message-3", edhoc);
    }
    if (sent && cede_coap_path_equals(&message, CEDE_SPAN_TEXT(".well-known/edhoc"))) {
        CEDE_TRY(cede_oscore_split_edhoc_payload(message.payload, &c_r, &edhoc));
        return save(trace, "edhoc-message-1", edhoc);
    }
    if (!sent && !cede_coap_find_option(&message, CEDE_COAP_OSCORE, &edhoc) &&
        message.code == CEDE_COAP_CHANGED) {
        return save(trace, "edhoc-message-2", message.payload);
    }
    return CEDE_OK;
}

/* False: no trace is kept, or none any more. */
static bool keep(struct trace *trace, const char *what, struct cede_span bytes)
{
    enum cede_status status;

    if (trace->dir == NULL) {
        return false;
    }
    if (trace->count == 0 && mkdir(trace->dir, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "%s: %s; no trace is kept\n", trace->dir, strerror(errno));
        trace->dir = NULL;
        return false;
    }
    trace->count++;
    status = save(trace, what, bytes);
    if (status != CEDE_OK) {
        fprintf(stderr, "%s: %s; no further trace is kept\n", trace->dir,
                cede_status_reason(status));
        trace->dir = NULL;
    }
    return status == CEDE_OK;
}

void trace_datagram(struct trace *trace, bool sent, struct cede_span datagram)
{
    if (keep(trace, sent ? "sent.coap" : "received.coap", datagram)) {
        (void)!save_edhoc(trace, sent, datagram); /* what is no EDHOC is no failure */
    }
}

void trace_message(struct trace *trace, bool sent, struct cede_span message)
{
    (void)keep(trace, sent ? "sent.coap" : "received.coap", message);
}

void trace_record(struct trace *trace, bool sent, struct cede_span datagram)
{
    (void)keep(trace, sent ? "sent.dtls" : "received.dtls", datagram);
}
