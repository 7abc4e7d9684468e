/* SPDX-License-Identifier: Apache-2.0 */
/* transfer.c - `cede transfer ...`: one decision on each side. The commands write into the store;
 * the serving processes carry it out. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/sp_open.h"
#include "server/common/hex.h"
#include "server/sp/hand_over.h"

#define ID_HEX_LEN ((size_t)2 * TRANSFER_ID_LEN)

/* State and signing key, for commands that decide. */
struct deciding {
    struct sp sp;
    struct identity identity;
};

static bool open_deciding(const char *dir, struct deciding *deciding)
{
    enum cede_status status;

    if (!cli_sp_open(dir, &deciding->sp)) {
        return false;
    }
    status = identity_load(dir, &deciding->identity);
    if (status != CEDE_OK) {
        cli_fail("cannot load the signing key of %s: %s", dir, cede_status_reason(status));
        sp_close(&deciding->sp);
    }
    return status == CEDE_OK;
}

static void close_deciding(struct deciding *deciding)
{
    identity_wipe(&deciding->identity);
    sp_close(&deciding->sp);
}

static bool parse_id(const char *text, uint8_t id[TRANSFER_ID_LEN])
{
    if (!hex_decode(text, id, TRANSFER_ID_LEN)) {
        cli_fail("'%s' is no transfer id: %zu hexadecimal digits, as 'cede transfer status' shows",
                 text, ID_HEX_LEN);
        return false;
    }
    return true;
}

static int fail_with(const char *what, enum cede_status status,
                     const struct hand_over_detail *detail)
{
    const char *reason =
        detail != NULL && detail->text[0] != '\0' ? detail->text : cede_status_reason(status);

    return cli_fail("%s: %s", what, reason);
}

/* --- offer ------------------------------------------------------------------------------------
 */

/* Splits "a,b,c" in place; null for "all". */
static const char **split_ids(char *text, size_t *count)
{
    const char **ids = calloc(strlen(text) / 2 + 2, sizeof *ids);
    char *rest = text, *word;

    *count = 0;
    while (ids != NULL && (word = strsep(&rest, ",")) != NULL) {
        if (*word != '\0') {
            ids[(*count)++] = word;
        }
    }
    return ids;
}

/* Ids from "all", a comma-separated list, or @FILE with one a line. */
static bool choose_devices(const char *devices, char **memory, const char ***ids, size_t *count)
{
    *memory = NULL;
    *ids = NULL;
    *count = 0;
    if (strcmp(devices, "all") == 0) {
        return true;
    }
    if (devices[0] == '@') {
        FILE *file = fopen(devices + 1, "re");
        size_t len = 0;
        bool read;

        if (file == NULL) {
            cli_fail("%s: %s", devices + 1, strerror(errno));
            return false;
        }
        read = getdelim(memory, &len, '\0', file) >= 0;
        fclose(file);
        if (!read) {
            cli_fail("%s holds no device id", devices + 1);
            return false;
        }
        for (char *at = *memory; at != NULL && *at != '\0'; at++) {
            *at = *at == '\n' || *at == '\r' ? ',' : *at;
        }
    } else {
        *memory = strdup(devices);
    }
    if (*memory == NULL) {
        return false;
    }
    *ids = split_ids(*memory, count);
    return *ids != NULL;
}

static int offer(struct deciding *deciding, const struct giving_options *giving, bool json)
{
    struct hand_over_detail detail = {""};
    uint8_t id[TRANSFER_ID_LEN];
    char hex[2 * TRANSFER_ID_LEN + 1];
    enum cede_status status = giving_offer(&deciding->sp, &deciding->identity, giving, id, &detail);

    status = sp_finish(&deciding->sp, status);
    if (status != CEDE_OK) {
        return fail_with("no offer was made", status, &detail);
    }
    hex_encode(id, sizeof id, hex);
    printf(json ? "{\"transfer\":\"%s\"}\n" : "%s\n", hex);
    return CLI_OK;
}

static int run_offer(int argc, char **argv)
{
    const char *dir = NULL, *to = NULL, *devices = "all", *earliest = "0", *latest = "604800";
    const char *json = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory of the provider that gives", true, &dir},
        {"to", "NAME", "partner that takes", true, &to},
        {"devices", "WHICH", "all, ID,ID,... or @FILE with one id a line", false, &devices},
        {"earliest", "SECONDS", "from now: when devices may first be told", false, &earliest},
        {"latest", "SECONDS", "from now: when the window ends", false, &latest},
        {"json", NULL, "print a JSON object", false, &json},
        {NULL, NULL, NULL, false, NULL},
    };
    struct giving_options giving = {0};
    struct deciding deciding;
    long earliest_s, latest_s;
    char *memory;
    const char **ids;
    int words;
    int result = cli_options(argc, argv, "transfer offer --dir DIR --to NAME [OPTION ...]", options,
                             0, &words);

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (!cli_number("earliest", earliest, 0, 315360000, &earliest_s) ||
        !cli_number("latest", latest, earliest_s + 1, 315360000, &latest_s)) {
        return CLI_USAGE;
    }
    if (!choose_devices(devices, &memory, &ids, &giving.ids_count)) {
        free(memory);
        return CLI_FAILED;
    }
    giving.ids = ids;
    giving.partner = to;
    giving.earliest = sp_now() + earliest_s;
    giving.latest = sp_now() + latest_s;
    result = CLI_FAILED;
    if (open_deciding(dir, &deciding)) {
        result = offer(&deciding, &giving, json != NULL);
        close_deciding(&deciding);
    }
    free(ids);
    free(memory);
    return result;
}

/* --- accept, start, cancel ------------------------------------------------------------------- */

/* A decision about one transfer: where, which, and for accept under which CA. */
struct decision {
    const char *dir, *id_text, *ca;
    uint8_t id[TRANSFER_ID_LEN];
    struct deciding state;
};

/* Parses the command line and opens the state. CLI_OK: go on, and close_deciding() afterwards. */
static int open_decision(int argc, char **argv, const char *usage, bool with_ca,
                         struct decision *decision)
{
    struct cli_option options[] = {
        {"dir", "DIR", "state directory of the provider that decides", true, &decision->dir},
        {"id", "ID", "the transfer", true, &decision->id_text},
        {"ca", "NAME", "partner whose PKI the devices join", true, &decision->ca},
        {0},
    };
    int words;
    int result;

    if (!with_ca) {
        options[2].name = NULL;
    }
    result = cli_options(argc, argv, usage, options, 0, &words);
    if (result != CLI_OK) {
        return result;
    }
    if (!parse_id(decision->id_text, decision->id)) {
        return CLI_USAGE;
    }
    return open_deciding(decision->dir, &decision->state) ? CLI_OK : CLI_FAILED;
}

static int run_accept(int argc, char **argv)
{
    struct decision decision = {0};
    int result =
        open_decision(argc, argv, "transfer accept --dir DIR --id ID --ca NAME", true, &decision);
    struct sp *sp = &decision.state.sp;
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    status = sp_finish(sp, taking_accept(sp, &decision.state.identity, decision.id, decision.ca));
    close_deciding(&decision.state);
    if (status == CEDE_NOT_FOUND) {
        return cli_fail("no such transfer, or '%s' is no partner with role '" PARTNER_CA
                        "'; see 'cede transfer status' and 'cede sp partner'",
                        decision.ca);
    }
    return status == CEDE_OK ? CLI_OK : fail_with("nothing was signed", status, NULL);
}

static int run_start(int argc, char **argv)
{
    struct decision decision = {0};
    int result = open_decision(argc, argv, "transfer start --dir DIR --id ID", false, &decision);
    struct sp *sp = &decision.state.sp;
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    status = sp_finish(sp, giving_start(sp, &decision.state.identity, decision.id));
    close_deciding(&decision.state);
    if (status == CEDE_TRANSFER_STATE) {
        return cli_fail("it cannot start now: the partner has not signed yet, or it has started "
                        "already; see 'cede transfer status'");
    }
    return status == CEDE_OK ? CLI_OK : fail_with("it did not start", status, NULL);
}

static int run_cancel(int argc, char **argv)
{
    struct decision decision = {0};
    int result = open_decision(argc, argv, "transfer cancel --dir DIR --id ID", false, &decision);
    struct sp *sp = &decision.state.sp;
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    status = sp_finish(sp, hand_over_cancel(sp, decision.id));
    close_deciding(&decision.state);
    return status == CEDE_OK ? CLI_OK : fail_with("it was not cancelled", status, NULL);
}

/* --- status -----------------------------------------------------------------------------------
 */

struct listing {
    struct sp *sp;
    json_t *list;
};

static enum cede_status append_transfer(void *context, const struct transfer *transfer)
{
    struct listing *listing = context;
    json_t *moves = json_object();
    char hex[2 * TRANSFER_ID_LEN + 1];
    json_t *json;

    for (int state = 1; state < MOVE_STATE_COUNT; state++) {
        int64_t count = 0;

        CEDE_TRY(
            records_move_count(listing->sp->store, transfer->id, (enum move_state)state, &count));
        if (count > 0) {
            json_object_set_new(moves, move_state_name((enum move_state)state),
                                json_integer(count));
        }
    }
    hex_encode(transfer->id, TRANSFER_ID_LEN, hex);
    json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:s}", "transfer", hex, "direction",
                     transfer->direction == TRANSFER_OUT ? "out" : "in", "partner",
                     transfer->partner, "state", transfer_state_name(transfer->state), "devices",
                     (json_int_t)transfer->device_count, "earliest", (json_int_t)transfer->earliest,
                     "latest", (json_int_t)transfer->latest, "moves", moves, "last_error",
                     transfer->last_error);
    return json != NULL && json_array_append_new(listing->list, json) == 0 ? CEDE_OK
                                                                           : CEDE_OS_FAILED;
}

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text != NULL ? text : "";
}

static void print_transfer(json_t *json)
{
    json_t *moves = json_object_get(json, "moves");
    const char *state;
    json_t *count;

    printf("%s  %s %s  %s, %lld devices:", member(json, "transfer"),
           strcmp(member(json, "direction"), "out") == 0 ? "to" : "from", member(json, "partner"),
           member(json, "state"), (long long)json_integer_value(json_object_get(json, "devices")));
    json_object_foreach(moves, state, count)
    {
        printf(" %lld %s", (long long)json_integer_value(count), state);
    }
    printf("%s%s\n", *member(json, "last_error") ? "\n    " : "", member(json, "last_error"));
}

static int run_status(int argc, char **argv)
{
    const char *dir = NULL, *json = NULL;
    const struct cli_option options[] = {
        {"dir", "DIR", "state directory", true, &dir},
        {"json", NULL, "one JSON object", false, &json},
        {NULL, NULL, NULL, false, NULL},
    };
    struct listing listing = {NULL, NULL};
    struct sp sp;
    json_t *item;
    size_t i;
    int words;
    int result = cli_options(argc, argv, "transfer status --dir DIR [--json]", options, 0, &words);
    enum cede_status status;

    if (result != CLI_OK) {
        return result < 0 ? CLI_OK : result;
    }
    if (!cli_sp_open(dir, &sp)) {
        return CLI_FAILED;
    }
    listing = (struct listing){&sp, json_array()};
    status = records_each_transfer(sp.store, (enum transfer_state)0, append_transfer, &listing);
    sp_close(&sp);
    if (status == CEDE_OK && json != NULL) {
        json_t *all = json_pack("{s:O}", "transfers", listing.list);

        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(all);
    } else if (status == CEDE_OK) {
        json_array_foreach(listing.list, i, item)
        {
            print_transfer(item);
        }
    }
    json_decref(listing.list);
    return status == CEDE_OK ? CLI_OK : fail_with("cannot read the transfers", status, NULL);
}

const struct cli_command cli_transfer_commands[] = {
    {"transfer", "offer", "offer devices to another provider: signs the contract", run_offer},
    {"transfer", "accept", "accept an offer: countersigns the contract", run_accept},
    {"transfer", "start", "share the device list; the rest goes by itself", run_start},
    {"transfer", "status", "show all transfers and where their devices are", run_status},
    {"transfer", "cancel", "stop telling devices; those on their way finish or come back",
     run_cancel},
    {NULL, NULL, NULL, NULL},
};
