/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput(): it takes any bytes, feeds a decoder or an
 * engine, and REQUIREs what must hold afterwards. Built with clang it is a libFuzzer program; built
 * with gcc, replay.c runs the seeds through it.
 */
#ifndef CEDE_FUZZ_H
#define CEDE_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cede/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A property that every input keeps; ends the program otherwise. */
#define REQUIRE(claim_)                                                                            \
    do {                                                                                           \
        if (!(claim_)) {                                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #claim_);                           \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The next piece of an input that holds several: two bytes of length, cut to what is left. */
static inline struct cede_span fuzz_piece(struct cede_reader *in)
{
    size_t len = cede_read_u16(in);
    size_t left = cede_reader_left(in);

    return in->status == CEDE_OK ? cede_read_bytes(in, len < left ? len : left)
                                 : cede_span((const uint8_t *)"", 0);
}

static inline void fuzz_put_piece(struct cede_writer *out, struct cede_span piece)
{
    cede_write_u16(out, (uint16_t)piece.len);
    cede_write_bytes(out, piece);
}

/* Reads every byte, so that a span outside its memory is found by AddressSanitizer. */
static inline void fuzz_touch(struct cede_span span)
{
    volatile uint8_t sum = 0;

    for (size_t i = 0; i < span.len; i++) {
        sum = (uint8_t)(sum + span.ptr[i]);
    }
    (void)sum;
}

/* `inner` is null or lies inside `outer`. */
static inline void fuzz_inside(struct cede_span outer, struct cede_span inner)
{
    size_t at;

    if (inner.ptr != NULL && inner.len > 0) {
        REQUIRE(cede_span_offset(outer, inner, &at));
    }
    fuzz_touch(inner);
}

/* No cryptography at all: a back end under which strangers' bytes get as deep as an authentic
 * peer's. AEAD leaves the plaintext as it is, HMAC is zero and so are all derived keys, a signature
 * holds unless it begins with 0xff. Hashes differ for different input. */
const struct cede_crypto *fuzz_crypto(void);

#endif
