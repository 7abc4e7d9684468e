/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outer_blocks.h - requests of devices with a session that a proxy has cut up (RFC 8613, section
 *                  4.1.3.4.2), being put together.
 *
 * Who sends the blocks is not known until the whole is decrypted, so there is room for a few, and
 * the oldest makes room; the memory is fixed, so that nothing needs to end by time.
 */
#ifndef CEDE_SERVER_OUTER_BLOCKS_H
#define CEDE_SERVER_OUTER_BLOCKS_H

#include "cede/oscore.h"

#define OUTER_BLOCKS_MAX 4
#define OUTER_BODY_MAX   4096

struct outer_block {
    uint8_t peer[CEDE_COAP_PEER_LEN_MAX];
    size_t peer_len; /* 0: free */
    uint64_t used_at;
    struct cede_oscore_gathering gathering;
    uint8_t body[OUTER_BODY_MAX];
};

/* Zero-initialise. */
struct outer_blocks {
    struct outer_block entries[OUTER_BLOCKS_MAX];
    uint64_t clock; /* counts up with each use */
};

/* Takes a datagram with an outer Block1 option, as cede_oscore_gather() does: *whole is null while
 * blocks are missing; `out` is where it lies else. On failure nothing is kept of it. */
CEDE_MUST_USE enum cede_status outer_blocks_take(struct outer_blocks *all, struct cede_span peer,
                                                 struct cede_span datagram, struct cede_buf out,
                                                 struct cede_coap_block *block,
                                                 struct cede_span *whole);

/* The answer to a whole request, with the option that tells the proxy so (RFC 7959, section 2.3).
 */
CEDE_MUST_USE enum cede_status outer_blocks_acknowledge(struct cede_span answer,
                                                        const struct cede_coap_block *block,
                                                        struct cede_buf out,
                                                        struct cede_span *datagram);

#endif
