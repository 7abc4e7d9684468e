/* SPDX-License-Identifier: Apache-2.0 */
/* device.c - `cede device run`: one device as a process. */
#include <string.h>

#include "cli/cli.h"
#include "device_agent/agent.h"

static int explain(const char *image, enum cede_status status)
{
    switch (status) {
    case CEDE_OK:
        return CLI_OK;
    case CEDE_NOT_FOUND:
        return cli_fail("%s: no such image; 'cede sp provision' makes images", image);
    case CEDE_FILE_PERMISSIONS:
        return cli_fail("%s holds private keys and is not yours alone; chmod 600 it", image);
    case CEDE_FILE_LOCKED:
        return cli_fail("%s is in use by another process", image);
    case CEDE_DEVICE_PROFILE:
        return cli_fail("%s is the image of a device of another profile", image);
    case CEDE_FILE_FAILED:
        return cli_fail("%s is no device image, or cannot be read and written", image);
    default:
        return cli_fail("%s: the device stopped: %s", image, cede_status_reason(status));
    }
}

static int run_device(int argc, char **argv)
{
    const char *image = NULL, *stats = NULL, *trace = NULL, *no_clock = NULL, *profile = NULL;
    const char *by_reference = NULL;
    const struct cli_option options[] = {
        {"image", "FILE", "the device image", true, &image},
        {"profile", "compact|x509", "run it only if the image is of this profile", false, &profile},
        {"stats", "FILE", "keep a JSON file of bytes, round trips and times", false, &stats},
        {"trace", "DIR", "keep every datagram and EDHOC message as a file", false, &trace},
        {"no-clock", NULL, "live without a wall clock", false, &no_clock},
        {"by-reference", NULL, "enrol by reference, then fetch the certificate", false,
         &by_reference},
        {0},
    };
    struct device_agent_options agent;
    int words;
    int result =
        cli_options(argc, argv, "device run --image FILE [OPTION ...]", options, 0, &words);

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (profile != NULL && strcmp(profile, "compact") != 0 && strcmp(profile, "x509") != 0) {
        cli_fail("--profile is compact or x509, not '%s'", profile);
        return CLI_USAGE;
    }
    agent = (struct device_agent_options){.image = image,
                                          .profile = profile,
                                          .stats = stats,
                                          .trace = trace,
                                          .no_clock = no_clock != NULL,
                                          .by_reference = by_reference != NULL};
    return explain(image, device_agent_run(&agent));
}

const struct cli_command cli_device_commands[] = {
    {"device", "run", "live the life of one device", run_device},
    {0},
};
