/* SPDX-License-Identifier: Apache-2.0 */
/* cwt.h - what both readers of claims sets share. Place: inside the COSE module. */
#ifndef CEDE_SRC_CODEC_COSE_CWT_H
#define CEDE_SRC_CODEC_COSE_CWT_H

#include "codec/cbor/fields.h"

/* Fails the reader unless the audience is absent (null), a text or an array of texts. */
void cwt_check_audience(struct cede_reader *reader, const struct cede_span *aud);

#endif
