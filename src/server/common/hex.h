/* SPDX-License-Identifier: Apache-2.0 */
/* hex.h - lower-case hexadecimal text for logs, JSON and file names. */
#ifndef CEDE_SERVER_HEX_H
#define CEDE_SERVER_HEX_H

#include "cede/bytes.h"

/* Writes 2 * len characters and a zero to `text`. */
void hex_encode(const uint8_t *bytes, size_t len, char *text);
/* Reads exactly 2 * len hexadecimal digits, either case; false for anything else. */
bool hex_decode(const char *text, uint8_t *bytes, size_t len);

#endif
