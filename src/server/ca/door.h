/* SPDX-License-Identifier: Apache-2.0 */
/* door.h - the compact door of a CA: EST-oscore on the enrolment service. */
#ifndef CEDE_SERVER_CA_DOOR_H
#define CEDE_SERVER_CA_DOOR_H

#include "server/ca/api.h"
#include "server/common/coap_door.h"
#include "server/common/dtls_door.h"

/* Both doors: who may come in, and what he is answered. */
extern const struct coap_door_callbacks ca_door_callbacks;

/* Answers /.well-known/core with the links `put` writes. False: the request is for something else.
 */
bool ca_door_tells_links(const struct coap_request *request, struct coap_response *response,
                         void (*put)(struct cede_writer *writer, const char *root,
                                     struct cede_span filter));

/* Opens the door on a bound socket, which it then owns. `api` must outlive it. */
CEDE_MUST_USE enum cede_status ca_door_open(struct event_base *base, struct ca_api *api, int fd,
                                            struct coap_door **door);

/* The door of the X.509 profile: EST-coaps (RFC 9148). CEDE_CA_STATE: the enrolment server has no
 * X.509 certificate. */
CEDE_MUST_USE enum cede_status ca_dtls_door_open(struct event_base *base, struct ca_api *api,
                                                 int fd, struct dtls_door **door);

#endif
