/* SPDX-License-Identifier: Apache-2.0 */
/* deliveries.h - where the courier finds partners, and what their answers mean. The context is a
 * struct sp with its store open. */
#ifndef CEDE_SP_DELIVERIES_H
#define CEDE_SP_DELIVERIES_H

#include "server/common/courier.h"

CEDE_MUST_USE enum cede_status deliveries_resolve(void *context, struct store *store,
                                                  const char *partner, struct courier_partner *out);
CEDE_MUST_USE enum cede_status deliveries_on_reply(void *context, struct store *store,
                                                   const struct courier_reply *reply);
/* Asks every CA what it has revoked since we last asked. Queued, not waited for. */
CEDE_MUST_USE enum cede_status deliveries_ask_revoked(void *context);

#endif
