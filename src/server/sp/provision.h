/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision.h - makes devices: keys, factory certificates from the permanent CA, registration at
 * the operational CA, device images. Factory keys are made here and leave only inside the images.
 */
#ifndef CEDE_SP_PROVISION_H
#define CEDE_SP_PROVISION_H

#include "cede/device.h"
#include "server/sp/hand_over.h"
#include "server/sp/sp.h"

#define PROVISION_BATCH 200

struct provision_options {
    const char *permanent_ca; /* partner; null: the first of that role */
    const char *ca;           /* likewise */
    const char *out;          /* folder of the images, made when missing */
    const char *const *ids;
    size_t ids_count;
    bool x509;                     /* the profile: X.509 and DTLS instead of C509 and EDHOC */
    const char *owner_certificate; /* file to pin as owner anchor; null: none */
    uint64_t poll_s, retry_ms, retry_max_ms;
    enum cede_status_policy status_policy;
    void (*progress)(void *context, const char *phase, size_t done, size_t all);
    void *progress_context;
};

/* Makes all devices, batch by batch; each batch is in the inventory when its images are written.
 * `detail` tells what failed. A batch that failed left nothing in the inventory. */
CEDE_MUST_USE enum cede_status provision_devices(struct sp *sp,
                                                 const struct provision_options *options,
                                                 struct hand_over_detail *detail);

#endif
