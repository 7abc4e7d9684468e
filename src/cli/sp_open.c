/* SPDX-License-Identifier: Apache-2.0 */
/* sp_open.c - opens a provider's state for a command. */
#include "cli/sp_open.h"

#include "cli/cli.h"

bool cli_sp_load(const char *directory, struct sp *sp)
{
    enum cede_status status = sp_load(directory, sp);

    if (status == CEDE_NOT_FOUND) {
        cli_fail("%s is no provider's state directory; make one with 'cede sp init'", directory);
    } else if (status == CEDE_SP_CONFIG) {
        cli_fail("cannot read %s: %s", directory, sp->why);
    } else if (status != CEDE_OK) {
        cli_fail("cannot read %s: %s", directory, cede_status_reason(status));
    }
    return status == CEDE_OK;
}

bool cli_sp_open(const char *directory, struct sp *sp)
{
    enum cede_status status;

    if (!cli_sp_load(directory, sp)) {
        return false;
    }
    status = sp_open_store(sp);
    if (status != CEDE_OK) {
        cli_fail("cannot open the store in %s: %s", directory, cede_status_reason(status));
        sp_close(sp);
    }
    return status == CEDE_OK;
}
