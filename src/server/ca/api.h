/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - the partners' interface of a CA: routes for the HTTPS server (docs/protocol.md). */
#ifndef CEDE_SERVER_CA_API_H
#define CEDE_SERVER_CA_API_H

#include "server/ca/ca_internal.h"
#include "server/common/https_server.h"

/* What handlers get as context. Changes of a turn of the loop share one transaction. */
struct ca_api {
    struct ca *ca;
    struct ca_turn turn;
};

extern const struct https_route ca_api_routes[];
extern const size_t ca_api_routes_count;

/* For struct https_server_config; `context` is a struct ca_api. */
enum cede_status ca_api_find_partner(void *context, const uint8_t thumbprint[32], char *name,
                                     size_t name_cap);
enum cede_status ca_api_flush(void *context);

#endif
