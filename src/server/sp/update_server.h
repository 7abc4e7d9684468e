/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update_server.h - what devices meet: POST /u behind the compact door (docs/protocol.md, "Between
 * device and update server"). The callbacks' context is a struct sp with its store open.
 */
#ifndef CEDE_SP_UPDATE_SERVER_H
#define CEDE_SP_UPDATE_SERVER_H

#include "server/common/coap_door.h"
#include "server/sp/sp.h"

/* The callbacks of the door. */
extern const struct coap_door_callbacks update_server_callbacks;

/* One report of an authenticated device; the answer is written into `out`. In tests, too.
 * Changes are a part of the open transaction; when none is open and there is something to change,
 * one is opened, which the caller commits. On failure nothing has changed. CEDE_SP_DEVICE: this
 * peer may not say that. CEDE_DOOR_DISMISS: it may say nothing any more. */
CEDE_MUST_USE enum cede_status update_server_report(struct sp *sp, const struct coap_peer *peer,
                                                    struct cede_span body, struct cede_buf out,
                                                    struct cede_span *answer);

#endif
