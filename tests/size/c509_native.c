/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c509_native.c - a firmware that parses native C509 certificates and verifies their signatures.
 */
#include "firmware.h"

#include "cede/c509.h"

static enum cede_status check(struct cede_span issuer, struct cede_span encoding)
{
    struct cede_c509 ca, certificate;
    struct cede_public_key key;
    uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX];

    CEDE_TRY(cede_c509_decode_native(issuer, &ca));
    CEDE_TRY(cede_c509_public_key_native(&ca, &firmware_crypto, point, &key));
    CEDE_TRY(cede_c509_decode_native(encoding, &certificate));
    return cede_c509_verify_native(&certificate, &firmware_crypto, &key);
}

void firmware(void)
{
    if (check(firmware_receive(), firmware_receive()) == CEDE_OK) {
        firmware_send(CEDE_SPAN_NULL);
    }
}
