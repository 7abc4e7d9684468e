/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partner_api.h - what other organisations may ask of a service provider, over HTTPS with mutual
 * certificates (docs/protocol.md, "SP"). The handlers' context is a struct sp with its store open.
 */
#ifndef CEDE_SP_PARTNER_API_H
#define CEDE_SP_PARTNER_API_H

#include "server/common/https_server.h"

extern const struct https_route partner_api_routes[];
extern const size_t partner_api_routes_count;

CEDE_MUST_USE enum cede_status partner_api_find(void *context, const uint8_t thumbprint[32],
                                                char *name, size_t name_cap);
/* Commits what the handlers of one turn of the loop have changed. */
CEDE_MUST_USE enum cede_status partner_api_flush(void *context);

#endif
