/* SPDX-License-Identifier: Apache-2.0 */
/* port.c - stands for crypto back end, network and storage of a firmware; not counted. */
#include "firmware.h"

const struct cede_crypto firmware_crypto = {.name = "none"};

struct cede_span firmware_receive(void)
{
    return CEDE_SPAN_NULL;
}

void firmware_send(struct cede_span message)
{
    (void)message;
}

struct cede_buf firmware_memory(void)
{
    return cede_buf(NULL, 0);
}

const void *firmware_object(void)
{
    return NULL;
}

unsigned firmware_number(void)
{
    return 0;
}
