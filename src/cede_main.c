/* SPDX-License-Identifier: Apache-2.0 */
/* cede_main.c - the program: everything is in the command table. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
