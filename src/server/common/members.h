/* SPDX-License-Identifier: Apache-2.0 */
/* members.h - members of a configuration file that nobody knows: misspelt, most likely, so never
 * passed over in silence. */
#ifndef CEDE_SERVER_MEMBERS_H
#define CEDE_SERVER_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether `object` has a member that is none of `names` (the last is null), and in words which one:
 * "no member 'pol_s'; did you mean 'poll_s'?". What is no object has no members. */
bool members_unknown(const json_t *object, const char *const *names, char *why, size_t why_cap);

#endif
