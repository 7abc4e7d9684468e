/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firmware.h - the world around a firmware of which scripts/size measures the size: port.c defines
 * it, and none of it is counted. Nothing here runs; it keeps the linker from dropping too much.
 */
#ifndef CEDE_TESTS_SIZE_FIRMWARE_H
#define CEDE_TESTS_SIZE_FIRMWARE_H

#include "cede/crypto.h"

extern const struct cede_crypto firmware_crypto;

struct cede_span firmware_receive(void);
void firmware_send(struct cede_span message);
struct cede_buf firmware_memory(void);
const void *firmware_object(void);
unsigned firmware_number(void);

/* Each program's entry. */
void firmware(void);

#endif
