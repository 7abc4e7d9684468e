/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forged_records.h - protected DTLS records of each kind and length that nobody needs a key for,
 * alone and with something behind them. RFC 6347, section 4.1.2.7: they are discarded.
 */
#ifndef CEDE_TESTS_FORGED_RECORDS_H
#define CEDE_TESTS_FORGED_RECORDS_H

#include <string.h>

#include "cede/bytes.h"

static void forge_records(void (*receive)(void *context, struct cede_span datagram), void *context)
{
    static const uint8_t header[] = {0, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0x63, 0, 0, 0};
    uint8_t record[64];

    memset(record, 0x5a, sizeof record);
    memcpy(record, header, sizeof header);
    for (unsigned len = 0; len < 40; len++) {
        for (unsigned kind = 20; kind < 25; kind++) {
            record[0] = (uint8_t)kind;
            record[sizeof header - 1] = (uint8_t)len;
            receive(context, cede_span(record, sizeof header + len));
            receive(context, CEDE_SPAN_ARRAY(record));
        }
    }
}

#endif
