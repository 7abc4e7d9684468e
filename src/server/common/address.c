/* SPDX-License-Identifier: Apache-2.0 */
/* address.c - splits "HOST:PORT". */
#include "server/common/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum cede_status parse_port(const char *text, uint16_t *port)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 0 || value > 65535) {
        return CEDE_ADDRESS_FORMAT;
    }
    *port = (uint16_t)value;
    return CEDE_OK;
}

enum cede_status address_split(const char *text, char host[ADDRESS_HOST_MAX], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    } else if (len > 0 && memchr(text, ':', len) != NULL) {
        return CEDE_ADDRESS_FORMAT; /* an IPv6 address wants brackets */
    }
    if (len == 0 || len >= ADDRESS_HOST_MAX) {
        return CEDE_ADDRESS_FORMAT;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    return parse_port(colon + 1, port);
}
