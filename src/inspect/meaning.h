/* SPDX-License-Identifier: Apache-2.0 */
/* meaning.h - what numbers and bytes stand for: registries as const tables, and times. */
#ifndef CEDE_INSPECT_MEANING_H
#define CEDE_INSPECT_MEANING_H

#include "inspect/diag.h"

extern const struct diag_value cose_algorithms[];
extern const struct diag_value cose_curves[];
extern const struct diag_value cose_key_types[];
extern const struct diag_value c509_signature_algorithms[];
extern const struct diag_value c509_key_algorithms[];
extern const struct diag_value extension_names[];    /* C509 Extensions registry */
extern const struct diag_value key_usage_names[];    /* bit n */
extern const struct diag_value key_purpose_names[];  /* C509 Extended Key Usages registry */
extern const struct diag_value general_name_kinds[]; /* C509 General Names registry */
extern const struct diag_value content_formats[];
extern const struct diag_value device_states[];

/* "2026-09-21T14:13:20Z"; the number itself past the year 9999. */
void put_time(FILE *out, uint64_t seconds);
/* The names of the set bits, with `separator` between. */
void put_flags(FILE *out, const struct diag_value *names, uint64_t flags, const char *separator);
/* Dotted form of the contents of an OBJECT IDENTIFIER. */
void put_oid(FILE *out, struct cede_span oid);
/* "CN=sensor-007, O=Example" from an encoded X.501 Name; values are strangers' text. */
void put_distinguished_name(FILE *out, struct cede_span name);

/* For shapes. */
diag_meaning mean_time;         /* uint */
diag_meaning mean_time_or_none; /* uint or null: no well-defined expiration */
diag_meaning mean_seconds;      /* uint: a duration */
diag_meaning mean_status;       /* uint: a cede status */

extern const struct diag_shape shape_time;
extern const struct diag_shape shape_seconds;
extern const struct diag_shape shape_status;
extern const struct diag_shape shape_secret;
extern const struct diag_shape shape_device_state;
extern const struct diag_shape shape_algorithm; /* COSE */
extern const struct diag_shape shape_curve;     /* COSE */

#endif
