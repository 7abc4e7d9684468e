/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edhoc_initiator.c - a firmware that is the initiator of EDHOC: every method, the suite of
 * constrained devices, message_4, error messages, the OSCORE keys.
 */
#include "firmware.h"

#include "cede/edhoc.h"

static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2};

static const struct cede_edhoc_config config = {
    .crypto = &firmware_crypto,
    .suites = suites,
    .suites_count = 1,
    .methods = 0x0f,
};

static enum cede_status finish(struct cede_edhoc_session *session, struct cede_span message_4,
                               struct cede_buf plaintext)
{
    struct cede_edhoc_eads eads;
    struct cede_edhoc_oscore oscore;

    if (message_4.ptr != NULL) {
        CEDE_TRY(cede_edhoc_process_message_4(session, &config, message_4, plaintext, &eads));
    }
    CEDE_TRY(cede_edhoc_export_oscore(session, &config, &oscore));
    firmware_send(cede_span(oscore.master_secret, oscore.master_secret_len));
    cede_wipe(&oscore, sizeof oscore);
    return CEDE_OK;
}

static enum cede_status handshake(struct cede_edhoc_session *session, struct cede_buf memory)
{
    const struct cede_edhoc_own *own = firmware_object();
    struct cede_edhoc_peer peer;
    struct cede_span message;
    enum cede_edhoc_method method = (enum cede_edhoc_method)firmware_number();

    CEDE_TRY(cede_edhoc_init_initiator(session, &config, method, 2, firmware_receive()));
    CEDE_TRY(cede_edhoc_compose_message_1(session, &config, NULL, memory, &message));
    firmware_send(message);
    message = firmware_receive();
    CEDE_TRY(cede_edhoc_process_message_2(session, &config, message, memory, &peer));
    CEDE_TRY(cede_edhoc_verify_message_2(session, &config, &peer, firmware_object()));
    CEDE_TRY(cede_edhoc_compose_message_3(session, &config, own, NULL, memory, &message));
    firmware_send(message);
    return finish(session, firmware_receive(), memory);
}

void firmware(void)
{
    struct cede_edhoc_session session;
    struct cede_buf memory = firmware_memory();
    enum cede_status status = handshake(&session, memory);
    struct cede_span message;

    if (status != CEDE_OK &&
        cede_edhoc_compose_error(&config, status, memory, &message) == CEDE_OK) {
        firmware_send(message);
    }
    cede_edhoc_wipe(&session);
}
