/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - names and reasons of every status, from the one table. */
#include "cede/status.h"

const char *cede_status_name(enum cede_status status)
{
    switch (status) {
    case CEDE_OK:
        return "CEDE_OK";
#define X(name_, class_, number_, reason_)                                                         \
    case name_:                                                                                    \
        return #name_;
#include "cede/status_table.h"
#undef X
    }
    return "CEDE_UNKNOWN_STATUS";
}

const char *cede_status_reason(enum cede_status status)
{
    switch (status) {
    case CEDE_OK:
        return "done";
#define X(name_, class_, number_, reason_)                                                         \
    case name_:                                                                                    \
        return reason_;
#include "cede/status_table.h"
#undef X
    }
    return "unknown status";
}
