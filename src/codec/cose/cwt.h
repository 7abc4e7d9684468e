/* SPDX-License-Identifier: Apache-2.0 */
/* cwt.h - what both readers of claims sets share. Place: inside the COSE module. */
#ifndef CEDE_SRC_CODEC_COSE_CWT_H
#define CEDE_SRC_CODEC_COSE_CWT_H

#include "codec/cbor/fields.h"

/* Reads one map after a table; returns what cbor_get_fields() does. `aud`, where the map's audience
 * comes to lie, is a text or an array of texts, unless it is absent. */
uint32_t cwt_read(struct cede_reader *reader, enum cede_cbor_order order,
                  const struct cbor_form *form, void *object, const struct cede_span *aud);

#endif
