/* SPDX-License-Identifier: Apache-2.0 */
/* address.h - "HOST:PORT" and "[IPV6]:PORT" as operators write them. */
#ifndef CEDE_SERVER_ADDRESS_H
#define CEDE_SERVER_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "cede/status.h"

#define ADDRESS_HOST_MAX 256

/* CEDE_ADDRESS_FORMAT: no host, no port, or a port outside 0..65535. */
CEDE_MUST_USE enum cede_status address_split(const char *text, char host[ADDRESS_HOST_MAX],
                                             uint16_t *port);

#endif
