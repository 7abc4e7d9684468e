/* SPDX-License-Identifier: Apache-2.0 */
/* sp_open.h - opens a provider's state for a command; failures are told on standard error. */
#ifndef CEDE_CLI_SP_OPEN_H
#define CEDE_CLI_SP_OPEN_H

#include "server/sp/sp.h"

bool cli_sp_load(const char *directory, struct sp *sp);
bool cli_sp_open(const char *directory, struct sp *sp);

#endif
