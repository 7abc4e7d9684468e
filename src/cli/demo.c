/* SPDX-License-Identifier: Apache-2.0 */
/* demo.c - `cede demo`: the whole story on this machine. */
#include <string.h>

#include "cli/cli.h"
#include "demo/demo.h"

static bool parse_profile(const char *text, enum demo_profile *profile)
{
    for (int i = DEMO_COMPACT; i <= DEMO_MIXED; i++) {
        if (strcmp(text, demo_profile_name((enum demo_profile)i)) == 0) {
            *profile = (enum demo_profile)i;
            return true;
        }
    }
    return false;
}

static int run_demo(int argc, char **argv)
{
    const char *devices = "20", *hierarchy = "a", *workers = "1", *dir = NULL, *json = NULL;
    const char *profile = "compact";
    const struct cli_option options[] = {
        {"devices", "N", "how many devices change hands", false, &devices},
        {"profile", "compact|x509|mixed", "EDHOC and C509, DTLS and X.509, or half each", false,
         &profile},
        {"hierarchy", "a|b|c|d", "how CA1 and CA2 stand to the permanent CA", false, &hierarchy},
        {"workers", "N", "worker processes a server", false, &workers},
        {"dir", "DIR", "keep all state in this folder, which must not exist yet", false, &dir},
        {"json", NULL, "print the result as one JSON object", false, &json},
        {0},
    };
    struct demo_options demo;
    long device_count, worker_count;
    int words;
    int result = cli_options(argc, argv, "demo [OPTION ...]", options, 0, &words);

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (!cli_number("devices", devices, 1, 2000, &device_count) ||
        !cli_number("workers", workers, 1, 64, &worker_count)) {
        return CLI_USAGE;
    }
    if (strlen(hierarchy) != 1 || strchr("abcd", hierarchy[0]) == NULL) {
        cli_fail("--hierarchy is a, b, c or d, not '%s'", hierarchy);
        return CLI_USAGE;
    }
    if (!parse_profile(profile, &demo.profile)) {
        cli_fail("--profile is compact, x509 or mixed, not '%s'", profile);
        return CLI_USAGE;
    }
    demo = (struct demo_options){.devices = (size_t)device_count,
                                 .profile = demo.profile,
                                 .hierarchy = hierarchy[0],
                                 .workers = (unsigned)worker_count,
                                 .dir = dir,
                                 .json = json != NULL};
    return demo_run(&demo) == 0 ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_demo_commands[] = {
    {"demo", NULL, "play the whole story here: provision, enrol, hand over", run_demo},
    {0},
};
