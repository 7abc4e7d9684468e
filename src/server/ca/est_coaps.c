/* SPDX-License-Identifier: Apache-2.0 */
/* est_coaps.c - EST-coaps (RFC 9148): the enrolment service behind the DTLS door. Paths, formats
 * and rules are those of door.c; only how a device comes in, and what discovery says, differs. */
#include <string.h>

#include "cede/est.h"
#include "server/ca/ca_internal.h"
#include "server/ca/door.h"

static enum cede_status handle(void *context, const struct coap_request *request,
                               struct coap_response *response)
{
    return ca_door_tells_links(request, response, cede_est_put_coaps_links)
               ? CEDE_OK
               : ca_door_callbacks.handle(context, request, response);
}

enum cede_status ca_dtls_door_open(struct event_base *base, struct ca_api *api, int fd,
                                   struct dtls_door **door)
{
    const struct ca *ca = api->ca;
    struct dtls_door_config config;
    struct cede_span chain[CA_CHAIN_MAX + 1];

    if (ca->est_der.len == 0) {
        return ca_fail(CEDE_CA_STATE, "the enrolment server has no X.509 certificate (est.der)");
    }
    memset(&config, 0, sizeof config);
    if (ca->chain_count > 0) { /* below the root, which the device holds */
        chain[0] = ca->certificate.raw;
        memcpy(chain + 1, ca->chain_der, sizeof ca->chain_der);
    }
    config.fd = fd;
    config.crypto = ca->crypto;
    config.certificate = ca->est_der;
    config.chain = chain;
    config.chain_count = ca->chain_count;
    config.key = ca->est_pkey;
    config.callbacks = ca_door_callbacks;
    config.callbacks.handle = handle;
    config.context = api;
    return dtls_door_open(base, &config, door);
}
