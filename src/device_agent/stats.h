/* SPDX-License-Identifier: Apache-2.0 */
/* stats.h - what a device has sent, received and waited for, as a JSON file. */
#ifndef CEDE_DEVICE_AGENT_STATS_H
#define CEDE_DEVICE_AGENT_STATS_H

#include "cede/device.h"

/* How the device speaks with its provider: "compact" (EDHOC and OSCORE) or "x509" (DTLS). */
const char *device_profile_name(const struct cede_device_record *record);

/* Replaces the file as a whole. */
CEDE_MUST_USE enum cede_status device_stats_write(const char *path,
                                                  const struct cede_device_record *record,
                                                  const struct cede_device_stats *stats);

#endif
