/* SPDX-License-Identifier: Apache-2.0 */
/* ca_register.h - `cede ca register` and `deregister`, and how every command of a CA tells what
 * failed. */
#ifndef CEDE_CLI_CA_REGISTER_H
#define CEDE_CLI_CA_REGISTER_H

#include "cede/status.h"

int cli_ca_register(int argc, char **argv);
int cli_ca_deregister(int argc, char **argv);
/* "WHAT: REASON: MORE", MORE as ca_last_error() has it; returns CLI_FAILED. */
int cli_ca_report(const char *what, enum cede_status status);

#endif
