/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oscore.c - a firmware that protects and unprotects requests and responses, as client and as
 * server, with a replay window.
 */
#include "firmware.h"

#include "cede/oscore.h"

static enum cede_status client(struct cede_oscore_context *context, struct cede_buf memory)
{
    struct cede_oscore_exchange exchange;
    struct cede_span request = firmware_receive();
    struct cede_span response;

    CEDE_TRY(cede_oscore_protect_request(context, &firmware_crypto, CEDE_OSCORE_PLAIN, request,
                                         &exchange, memory, &request));
    firmware_send(request);
    response = firmware_receive();
    return cede_oscore_unprotect_response(context, &firmware_crypto, response, &exchange, memory,
                                          &response);
}

static enum cede_status server(struct cede_oscore_context *context, struct cede_buf memory)
{
    struct cede_oscore_exchange exchange;
    struct cede_span request = firmware_receive();
    struct cede_span response;

    CEDE_TRY(cede_oscore_unprotect_request(context, &firmware_crypto, request, &exchange, memory,
                                           &request));
    response = firmware_receive();
    CEDE_TRY(cede_oscore_protect_response(context, &firmware_crypto, CEDE_OSCORE_PLAIN, response,
                                          &exchange, memory, &response));
    firmware_send(response);
    return CEDE_OK;
}

void firmware(void)
{
    struct cede_oscore_context context;
    struct cede_buf memory = firmware_memory();

    if (cede_oscore_init(&context, &firmware_crypto, firmware_object()) == CEDE_OK &&
        client(&context, memory) == CEDE_OK && server(&context, memory) == CEDE_OK) {
        firmware_send(CEDE_SPAN_NULL);
    }
    cede_oscore_wipe(&context);
}
