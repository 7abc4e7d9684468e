/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - a device as a POSIX process: the life-cycle engine of device.h with a file as flash, a
 * UDP socket and the system's clocks. Logs changes of state to standard error, one line each.
 */
#ifndef CEDE_DEVICE_AGENT_AGENT_H
#define CEDE_DEVICE_AGENT_AGENT_H

#include "cede/status.h"

struct device_agent_options {
    const char *image;   /* the device image; written to at every transition */
    const char *profile; /* "compact" or "x509": no image of another one; null: any */
    const char *stats;   /* JSON file kept up to date with what was sent and received; null: none */
    const char *trace;   /* folder for every datagram as a file; null: none */
    int no_clock;        /* live without a wall clock, as small devices do */
    int by_reference;    /* enrol by reference, then fetch the certificate (EST-oscore, 4.9) */
};

/* Lives until SIGTERM or SIGINT (CEDE_OK) or until the device halts (its reason).
 * CEDE_NOT_FOUND: no such image. CEDE_FILE_PERMISSIONS: others may read or write it.
 * CEDE_FILE_LOCKED: another process runs it. CEDE_DEVICE_PROFILE: not of that profile. */
CEDE_MUST_USE enum cede_status device_agent_run(const struct device_agent_options *options);

#endif
