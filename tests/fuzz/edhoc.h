/* SPDX-License-Identifier: Apache-2.0 */
/* edhoc.h - the configuration both EDHOC targets use. */
#ifndef CEDE_FUZZ_EDHOC_H
#define CEDE_FUZZ_EDHOC_H

#include "cede/edhoc.h"
#include "fuzz.h"

static inline struct cede_edhoc_config fuzz_edhoc_config(void)
{
    static const struct cede_edhoc_suite *const suites[] = {&cede_edhoc_suite_2,
                                                            &cede_edhoc_suite_0};
    static const int32_t labels[] = {60001};
    struct cede_edhoc_config config = {
        .crypto = fuzz_crypto(),
        .suites = suites,
        .suites_count = 2,
        .methods = 0x0f,
        .ead_labels = labels,
        .ead_labels_count = 1,
    };
    return config;
}

static const uint8_t fuzz_scalar[32] = {0x11};
static const uint8_t fuzz_id_cred[] = {0xa1, 0x04, 0x41, 0x2b}; /* {4: h'2b'} */
static const uint8_t fuzz_own_cred[] = {0x80};
static const uint8_t fuzz_peer_cred[] = {0x81, 0x00};
static const uint8_t fuzz_peer_point[64] = {0x77};

static inline struct cede_edhoc_own fuzz_edhoc_own(int32_t curve)
{
    struct cede_edhoc_own own = {
        .id_cred = CEDE_SPAN_ARRAY(fuzz_id_cred),
        .form = CEDE_EDHOC_CRED_ITEM,
        .cred = CEDE_SPAN_ARRAY(fuzz_own_cred),
        .key = {curve, CEDE_SPAN_ARRAY(fuzz_scalar), NULL},
    };
    return own;
}

static inline struct cede_edhoc_credential fuzz_edhoc_peer(int32_t curve)
{
    struct cede_edhoc_credential credential = {
        .form = CEDE_EDHOC_CRED_ITEM,
        .cred = CEDE_SPAN_ARRAY(fuzz_peer_cred),
        .public_key = {curve, cede_span(fuzz_peer_point, cede_curve_public_len(curve))},
    };
    return credential;
}

#endif
