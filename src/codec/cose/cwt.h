/* SPDX-License-Identifier: Apache-2.0 */
/* cwt.h - what both readers of claims sets share. Place: inside the COSE module. */
#ifndef CEDE_SRC_CODEC_COSE_CWT_H
#define CEDE_SRC_CODEC_COSE_CWT_H

#include "codec/cbor/fields.h"

/* Reads one map after a table; returns what cbor_get_fields() does. */
uint32_t cwt_read(struct cede_span encoding, enum cede_cbor_order order,
                  const struct cbor_form *form, void *object, enum cede_status *status);
/* A text or an array of texts; or null, absent. */
enum cede_status cwt_check_audience(struct cede_span aud);

#endif
