/* SPDX-License-Identifier: Apache-2.0 */
/* artefacts.h - writes what the story's parties signed and sent as files, for `cede inspect`. */
#ifndef CEDE_DEMO_ARTEFACTS_H
#define CEDE_DEMO_ARTEFACTS_H

#include "server/sp/sp.h"

/* Fills DIR/artefacts from the two providers' stores: the contract, the device list, the offer with
 * its trust list, and for every device both orders and its factory and operational certificates. */
CEDE_MUST_USE enum cede_status artefacts_save(const char *dir, struct sp *sp1, struct sp *sp2);

#endif
