/* SPDX-License-Identifier: Apache-2.0 */
/*
 * story.c - the story from the first key to the last receipt.
 *
 *      permanent CA      a: CA1, CA2 stand alone          b: CA1 below the permanent CA
 *      CA1 --- SP1       c: both below the permanent CA   d: CA1 = CA2, below the permanent CA
 *      CA2 --- SP2
 */
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cede/status.h"
#include "demo/artefacts.h"
#include "demo/demo.h"
#include "demo/processes.h"
#include "server/ca/ca.h"
#include "server/common/hex.h"
#include "server/sp/hand_over.h"

#define TEXT_MAX   512
#define POLL_MS    100
#define PATIENCE_S 60 /* how long nothing may move before the story gives up */
#define WINDOW_S   "600"
#define POLL_S     "1"
#define RETRY_MS   "200"
#define RETRY_MAX  "5000"

enum actor { PCA, CA1, CA2, SP1, SP2, ACTOR_COUNT };

struct story {
    const struct demo_options *options;
    struct processes processes;
    char dir[TEXT_MAX];
    bool remove_dir;
    uint16_t ports[2 * ACTOR_COUNT]; /* HTTPS and CoAP, then CoAP over DTLS */
    char names[ACTOR_COUNT][16];
    char paths[ACTOR_COUNT][TEXT_MAX];
    char https[ACTOR_COUNT][64];
    char coap[ACTOR_COUNT][64];
    char coaps[ACTOR_COUNT][64];
    char log[TEXT_MAX];
    struct sp sp1, sp2;
    uint8_t transfer[TRANSFER_ID_LEN]; /* the one that is agreed on */
    double started_at, phase_at;
    struct demo_result result;
    bool traced;
};

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- telling ----------------------------------------------------------------------------------
 */

static void tell(const struct story *story, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(const struct story *story, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%6.1f s  ", seconds() - story->started_at);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static bool give_up(const struct story *story, const char *why)
{
    if (interrupted()) {
        tell(story, "interrupted");
    } else {
        tell(story, "FAILED: %s (logs in %s/logs)", why, story->dir);
    }
    return false;
}

/* --- running commands -------------------------------------------------------------------------
 */

static bool run(struct story *story, const char *const *arguments, char *output, size_t cap)
{
    if (processes_run(&story->processes, story->log, arguments, output, cap) == 0) {
        return true;
    }
    tell(story, "'cede %s %s' failed; see %s", arguments[0], arguments[1], story->log);
    return false;
}

#define RUN(story_, ...) run((story_), (const char *const[]){__VA_ARGS__, NULL}, NULL, 0)

static void path_of(const char *dir, const char *name, char out[TEXT_MAX])
{
    snprintf(out, TEXT_MAX, "%.400s/%.100s", dir, name);
}

/* --- actors -----------------------------------------------------------------------------------
 */

static bool one_ca(const struct story *story)
{
    return story->options->hierarchy == 'd';
}

static bool has_x509(const struct story *story)
{
    return story->options->profile != DEMO_COMPACT;
}

/* Ends a list of arguments where only a fleet with X.509 needs the rest. */
static const char *coaps_option(const struct story *story)
{
    return has_x509(story) ? "--coaps" : NULL;
}

/* How many devices of the fleet are of that profile: compact or X.509. */
static size_t share_of(const struct story *story, enum demo_profile profile)
{
    size_t all = story->options->devices;

    if (story->options->profile == DEMO_MIXED) {
        return profile == DEMO_COMPACT ? all - all / 2 : all / 2;
    }
    return story->options->profile == profile ? all : 0;
}

/* The CA that plays the part: in hierarchy d CA1 is CA2 as well. */
static enum actor ca_actor(const struct story *story, enum actor actor)
{
    return actor == CA2 && one_ca(story) ? CA1 : actor;
}

static bool is_below_permanent(const struct story *story, enum actor actor)
{
    char hierarchy = story->options->hierarchy;

    return (actor == CA1 && hierarchy != 'a') || (actor == CA2 && hierarchy == 'c');
}

static bool init_sub_ca(struct story *story, enum actor actor)
{
    char request[TEXT_MAX], certificate[TEXT_MAX], chain[TEXT_MAX];

    path_of(story->dir, "subca.csr", request);
    path_of(story->dir, "subca.der", certificate);
    path_of(story->paths[PCA], "ca.pem", chain);
    unlink(request);
    unlink(certificate);
    return RUN(story, "ca", "init", "--dir", story->paths[actor], "--name", story->names[actor],
               "--kind", "operational", "--https", story->https[actor], "--coap",
               story->coap[actor], "--request-out", request, "--http", story->coaps[actor],
               coaps_option(story), story->coaps[actor]) &&
           RUN(story, "ca", "issue", "--dir", story->paths[PCA], "--profile", "subca", "--in",
               request, "--out", certificate) &&
           RUN(story, "ca", "init", "--dir", story->paths[actor], "--certificate", certificate,
               "--chain", chain);
}

static bool init_own_ca(struct story *story, enum actor actor)
{
    return RUN(story, "ca", "init", "--dir", story->paths[actor], "--name", story->names[actor],
               "--kind", actor == PCA ? "permanent" : "operational", "--https", story->https[actor],
               "--coap", story->coap[actor], "--http", story->coaps[actor], coaps_option(story),
               story->coaps[actor]);
}

/* Factory certificates count at the CA while their maker has not revoked them: the permanent CA's
 * CRL and OCSP responder tell. */
static bool watch_factories(struct story *story, enum actor ca)
{
    char file[TEXT_MAX], certificate[TEXT_MAX], crl[96], ocsp[96];
    json_t *policy = NULL, *anchors = NULL;
    bool done = false;

    path_of(story->paths[ca], "policy.json", file);
    path_of(story->paths[PCA], "ca.pem", certificate);
    snprintf(crl, sizeof crl, "http://%s/ca.crl", story->coaps[PCA]);
    snprintf(ocsp, sizeof ocsp, "http://%s/ocsp", story->coaps[PCA]);
    policy = json_load_file(file, 0, NULL);
    anchors = json_pack("[{s:s,s:s,s:s}]", "certificate", certificate, "crl", crl, "ocsp", ocsp);
    done = json_object_set_new(policy, "factory_anchors", anchors) == 0 &&
           json_dump_file(policy, file, JSON_INDENT(4)) == 0;
    json_decref(policy);
    return done || give_up(story, "a policy.json cannot be changed");
}

static bool init_ca(struct story *story, enum actor actor)
{
    bool done =
        is_below_permanent(story, actor) ? init_sub_ca(story, actor) : init_own_ca(story, actor);

    return done && (actor == PCA || watch_factories(story, actor));
}

static bool add_account(struct story *story, enum actor ca, enum actor sp)
{
    char certificate[TEXT_MAX];

    path_of(story->paths[sp], "identity.pem", certificate);
    return RUN(story, "ca", "account", "--dir", story->paths[ca], "--name", story->names[sp],
               "--certificate", certificate);
}

static bool add_partner(struct story *story, enum actor sp, enum actor partner, const char *role)
{
    char certificate[TEXT_MAX], url[96], crl[96], ocsp[96];
    bool is_sp = partner == SP1 || partner == SP2;

    path_of(story->paths[partner], is_sp ? "identity.pem" : "ca.pem", certificate);
    snprintf(url, sizeof url, "https://%s", story->https[partner]);
    snprintf(crl, sizeof crl, "http://%s/ca.crl", story->coaps[partner]);
    snprintf(ocsp, sizeof ocsp, "http://%s/ocsp", story->coaps[partner]);
    return RUN(story, "sp", "partner", "--dir", story->paths[sp], "--name", story->names[partner],
               "--role", role, "--url", url, "--certificate", certificate, is_sp ? NULL : "--crl",
               crl, "--ocsp", ocsp);
}

static bool init_sp(struct story *story, enum actor sp, enum actor ca)
{
    return RUN(story, "sp", "init", "--dir", story->paths[sp], "--name", story->names[sp],
               "--https", story->https[sp], "--coap", story->coap[sp], "--poll", POLL_S,
               coaps_option(story), story->coaps[sp]) &&
           add_account(story, PCA, sp) && add_account(story, ca, sp) &&
           add_partner(story, sp, PCA, PARTNER_PERMANENT_CA) &&
           add_partner(story, sp, ca, PARTNER_CA);
}

static bool init_actors(struct story *story)
{
    enum actor ca2 = ca_actor(story, CA2);

    return init_ca(story, PCA) && init_ca(story, CA1) && (one_ca(story) || init_ca(story, CA2)) &&
           init_sp(story, SP1, CA1) && init_sp(story, SP2, ca2) &&
           add_partner(story, SP1, SP2, PARTNER_SP) && add_partner(story, SP2, SP1, PARTNER_SP);
}

static bool start_actor(struct story *story, enum actor actor)
{
    char log[TEXT_MAX], workers[16];
    bool is_sp = actor == SP1 || actor == SP2;
    /* TCP on the number that CoAP over DTLS has of UDP. */
    const char *const http[] = {"--http", story->coaps[actor]};
    size_t count = 0;
    const char *arguments[20] = {is_sp ? "sp" : "ca",
                                 "serve",
                                 "--dir",
                                 story->paths[actor],
                                 "--https",
                                 story->https[actor],
                                 "--workers",
                                 workers,
                                 "--coap",
                                 story->coap[actor],
                                 coaps_option(story),
                                 story->coaps[actor],
                                 NULL};

    snprintf(workers, sizeof workers, "%u", story->options->workers);
    if (actor == PCA) {
        arguments[8] = NULL; /* devices never meet the permanent CA */
    }
    while (arguments[count] != NULL) {
        count++;
    }
    if (!is_sp) {
        arguments[count++] = http[0];
        arguments[count++] = http[1];
        arguments[count] = NULL;
    }
    snprintf(log, sizeof log, "%.400s/logs/%s.log", story->dir, story->names[actor]);
    return processes_start(&story->processes, log, arguments);
}

/* --- waiting ----------------------------------------------------------------------------------
 */

/* A condition with a count that people can watch grow to `goal`. */
typedef size_t (*progress_fn)(struct story *story);

static void rest(void)
{
    struct timespec time = {0, POLL_MS * 1000000L};

    nanosleep(&time, NULL);
}

static bool wait_for(struct story *story, const char *what, progress_fn progress, size_t goal)
{
    double moved_at = seconds();
    size_t seen = 0, shown = 0, dead;

    for (;;) {
        size_t now = progress(story);

        if (now != seen) {
            moved_at = seconds();
            seen = now;
        }
        if (goal > 1 && now != shown && (now == goal || seconds() - story->phase_at >= 1)) {
            story->phase_at = seconds();
            shown = now;
            tell(story, "  %s: %zu of %zu", what, now, goal);
        }
        if (now >= goal) {
            return true;
        }
        if (interrupted() || seconds() - moved_at > PATIENCE_S) {
            return give_up(story, what);
        }
        if (!processes_all_alive(&story->processes, &dead)) {
            return give_up(story, "a process ended by itself");
        }
        rest();
    }
}

static bool is_ready(const struct story *story, enum actor actor)
{
    char path[TEXT_MAX];

    path_of(story->paths[actor], "ready", path);
    return access(path, F_OK) == 0;
}

static size_t permanent_is_ready(struct story *story)
{
    return is_ready(story, PCA) ? 1 : 0;
}

static size_t count_ready(struct story *story)
{
    size_t ready = 0;

    for (int actor = 0; actor < ACTOR_COUNT; actor++) {
        ready += (actor == CA2 && one_ca(story)) || is_ready(story, (enum actor)actor);
    }
    return ready;
}

static size_t count_status(struct sp *sp, enum device_status status)
{
    int64_t count = 0;

    return records_device_count(sp->store, status, &count) == CEDE_OK ? (size_t)count : 0;
}

static size_t count_operational_sp1(struct story *story)
{
    return count_status(&story->sp1, DEVICE_OPERATIONAL);
}

static size_t count_operational_sp2(struct story *story)
{
    return count_status(&story->sp2, DEVICE_OPERATIONAL);
}

/* Devices whose move is over on both sides: SP2 operates them and SP1 has the receipt. */
static size_t count_left(struct story *story)
{
    size_t left = count_status(&story->sp1, DEVICE_LEFT);
    size_t taken = count_operational_sp2(story);

    return left < taken ? left : taken;
}

static enum transfer_state state_of(const struct story *story, const struct sp *sp)
{
    struct transfer transfer;

    return records_transfer(sp->store, story->transfer, &transfer) == CEDE_OK
               ? transfer.state
               : (enum transfer_state)0;
}

static size_t sp2_has_offer(struct story *story)
{
    return state_of(story, &story->sp2) >= TRANSFER_OFFERED;
}

static size_t sp1_has_signatures(struct story *story)
{
    return state_of(story, &story->sp1) >= TRANSFER_SIGNED;
}

static size_t sp1_is_ready(struct story *story)
{
    return state_of(story, &story->sp1) >= TRANSFER_READY;
}

/* Operational certificates of CA1 that are revoked. */
static size_t count_revoked(struct story *story)
{
    struct ca *ca;
    char *text = NULL;
    size_t len = 0, revoked = 0;
    FILE *list = open_memstream(&text, &len);

    if (list == NULL) {
        return 0;
    }
    if (ca_open(story->paths[CA1], CA_OPEN_WITHOUT_KEY, &ca) == CEDE_OK) {
        (void)!ca_list(ca, true, list); /* a list cut short counts too few: we look again */
        ca_close(ca);
    }
    fclose(list);
    for (char *rest_of = text, *line; (line = strsep(&rest_of, "\n")) != NULL;) {
        json_t *json = json_loads(line, 0, NULL);
        const char *profile = json_string_value(json_object_get(json, "profile"));
        const char *status = json_string_value(json_object_get(json, "status"));

        revoked += profile != NULL && status != NULL && strcmp(profile, "device") == 0 &&
                   strcmp(status, "revoked") == 0;
        json_decref(json);
    }
    free(text);
    return revoked;
}

/* --- the phases -------------------------------------------------------------------------------
 */

static void begin_phase(struct story *story)
{
    story->phase_at = seconds();
}

static bool start_actors(struct story *story, enum actor first, enum actor last)
{
    for (int actor = (int)first; actor <= (int)last; actor++) {
        if (!(actor == CA2 && one_ca(story)) && !start_actor(story, (enum actor)actor)) {
            return give_up(story, "a server could not be started");
        }
    }
    return true;
}

static bool open_shop(struct story *story)
{
    tell(story,
         "permanent CA, CA1, CA2, SP1, SP2: keys, certificates, who knows whom (hierarchy %c)",
         story->options->hierarchy);
    if (!init_actors(story)) {
        return give_up(story, "the actors could not be set up");
    }
    /* CAs before those who fetch their lists of revocations as soon as they start. */
    if (!start_actors(story, PCA, PCA) ||
        !wait_for(story, "permanent CA ready", permanent_is_ready, 1) ||
        !start_actors(story, CA1, CA2) || !wait_for(story, "CAs ready", count_ready, SP1) ||
        !start_actors(story, SP1, SP2) ||
        !wait_for(story, "servers ready", count_ready, ACTOR_COUNT)) {
        return false;
    }
    if (sp_load(story->paths[SP1], &story->sp1) != CEDE_OK ||
        sp_load(story->paths[SP2], &story->sp2) != CEDE_OK ||
        sp_open_store(&story->sp1) != CEDE_OK || sp_open_store(&story->sp2) != CEDE_OK) {
        return give_up(story, "the stores cannot be opened");
    }
    return true;
}

static bool provision_some(struct story *story, enum demo_profile profile, size_t first)
{
    char images[TEXT_MAX], count[24], number[24];

    path_of(story->dir, "devices", images);
    snprintf(count, sizeof count, "%zu", share_of(story, profile));
    snprintf(number, sizeof number, "%zu", first);
    return share_of(story, profile) == 0 ||
           RUN(story, "sp", "provision", "--dir", story->paths[SP1], "--out", images, "--profile",
               demo_profile_name(profile), "--count", count, "--first", number, "--poll", POLL_S,
               "--retry", RETRY_MS, "--retry-max", RETRY_MAX);
}

static bool provision(struct story *story)
{
    double from = seconds();
    bool ok;

    tell(story,
         "SP1 provisions %zu devices (%s): factory certificates by the permanent CA, registered "
         "at CA1",
         story->options->devices, demo_profile_name(story->options->profile));
    ok = provision_some(story, DEMO_COMPACT, 1) &&
         provision_some(story, DEMO_X509, 1 + share_of(story, DEMO_COMPACT));
    story->result.phase_s[0] = seconds() - from;
    return ok || give_up(story, "provisioning failed");
}

static bool start_device(void *context, const char *id)
{
    struct story *story = context;
    char image[TEXT_MAX], stats[TEXT_MAX], log[TEXT_MAX], trace[TEXT_MAX];
    const char *arguments[] = {"device", "run",     "--image", image, "--stats",
                               stats,    "--trace", trace,     NULL};

    snprintf(image, sizeof image, "%.400s/devices/%s.image", story->dir, id);
    snprintf(stats, sizeof stats, "%.400s/stats/%s.json", story->dir, id);
    snprintf(log, sizeof log, "%.400s/logs/device-%s.log", story->dir, id);
    snprintf(trace, sizeof trace, "%.400s/trace-%s", story->dir, id);
    if (story->options->dir == NULL || story->traced) {
        arguments[6] = NULL;
    }
    story->traced = true; /* one device's datagrams tell all that the others' would */
    return processes_start(&story->processes, log, arguments);
}

static enum cede_status start_each(void *context, const struct device *device)
{
    return start_device(context, device->id) ? CEDE_OK : CEDE_OS_FAILED;
}

static bool enrol(struct story *story)
{
    double from = seconds();
    bool ok;

    tell(story, "the devices wake up, enrol at CA1 and report to SP1");
    begin_phase(story);
    if (records_each_device(story->sp1.store, start_each, story) != CEDE_OK) {
        return give_up(story, "a device could not be started");
    }
    ok = wait_for(story, "operational under SP1", count_operational_sp1, story->options->devices);
    story->result.operational_sp1 = count_operational_sp1(story);
    story->result.phase_s[1] = seconds() - from;
    return ok;
}

struct id_file {
    FILE *file;
    bool x509;
};

static enum cede_status write_id(void *context, const struct device *device)
{
    struct id_file *ids = context;

    return device->x509 != ids->x509 || fprintf(ids->file, "%s\n", device->id) > 0
               ? CEDE_OK
               : CEDE_FILE_FAILED;
}

/* "@FILE" with the devices of one profile: a transfer is of one. */
static bool write_ids(struct story *story, enum demo_profile profile, char argument[TEXT_MAX])
{
    char name[32], path[TEXT_MAX];
    struct id_file ids = {NULL, profile == DEMO_X509};
    bool ok;

    snprintf(name, sizeof name, "%s.ids", demo_profile_name(profile));
    path_of(story->dir, name, path);
    snprintf(argument, TEXT_MAX, "@%.510s", path);
    ids.file = fopen(path, "we");
    if (ids.file == NULL) {
        return false;
    }
    ok = records_each_device(story->sp1.store, write_id, &ids) == CEDE_OK;
    return fclose(ids.file) == 0 && ok;
}

/* Reads the id that the command printed. */
static bool take_transfer(struct story *story, char *id)
{
    id[strcspn(id, "\n")] = '\0';
    return strlen(id) == 2 * TRANSFER_ID_LEN &&
           hex_decode(id, story->transfer, sizeof story->transfer);
}

static bool agree(struct story *story, const char *devices)
{
    char id[2 * TRANSFER_ID_LEN + 16];
    bool ok = run(story,
                  (const char *const[]){"transfer", "offer", "--dir", story->paths[SP1], "--to",
                                        story->names[SP2], "--devices", devices, "--latest",
                                        WINDOW_S, NULL},
                  id, sizeof id) &&
              take_transfer(story, id);

    ok = ok && wait_for(story, "offer at SP2", sp2_has_offer, 1) &&
         RUN(story, "transfer", "accept", "--dir", story->paths[SP2], "--id", id, "--ca",
             story->names[ca_actor(story, CA2)]) &&
         wait_for(story, "contract at SP1", sp1_has_signatures, 1);
    if (ok) {
        tell(story, "SP1 shares the device list, SP2 registers it at CA2 and makes its offer");
        ok = RUN(story, "transfer", "start", "--dir", story->paths[SP1], "--id", id) &&
             wait_for(story, "offer checked by SP1", sp1_is_ready, 1);
    }
    return ok;
}

static bool agree_on(struct story *story, enum demo_profile profile)
{
    char devices[TEXT_MAX] = "all";

    if (share_of(story, profile) == 0) {
        return true;
    }
    if (story->options->profile == DEMO_MIXED && !write_ids(story, profile, devices)) {
        return false;
    }
    return agree(story, devices);
}

static bool contract(struct story *story)
{
    double from = seconds();
    bool ok;

    tell(story, "SP1 offers the fleet, SP2 accepts: the contract has both signatures");
    begin_phase(story);
    ok = agree_on(story, DEMO_COMPACT) && agree_on(story, DEMO_X509);
    story->result.phase_s[2] = seconds() - from;
    return ok || give_up(story, "no agreement was reached");
}

static bool hand_over(struct story *story)
{
    double from = seconds();
    bool ok;

    tell(story, "the devices are told, forget SP1, enrol at CA2 and report to SP2");
    begin_phase(story);
    ok = wait_for(story, "operational under SP2", count_left, story->options->devices) &&
         wait_for(story, "old certificates revoked at CA1", count_revoked, story->options->devices);
    story->result.phase_s[3] = seconds() - from;
    return ok;
}

static void take_stock(struct story *story)
{
    struct demo_result *result = &story->result;
    size_t at_home;

    result->devices = story->options->devices;
    result->profile = story->options->profile;
    if (story->sp1.store != NULL && story->sp2.store != NULL) {
        at_home = count_operational_sp1(story);
        result->transferred = count_status(&story->sp1, DEVICE_LEFT);
        result->operational_sp2 = count_operational_sp2(story);
        result->fallback = count_status(&story->sp1, DEVICE_FALLBACK);
        result->old_certs_revoked = count_revoked(story);
        result->lost = result->devices - at_home - result->operational_sp2 - result->fallback;
    }
    result->elapsed_s = seconds() - story->started_at;
}

/* --- folders ----------------------------------------------------------------------------------
 */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static bool make_dir(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool make_dirs(struct story *story)
{
    static const char *const folders[] = {"logs", "stats", "devices"};
    char path[TEXT_MAX];

    if (story->options->dir != NULL) {
        snprintf(story->dir, sizeof story->dir, "%s", story->options->dir);
        if (mkdir(story->dir, 0700) != 0) {
            fprintf(stderr, "cede: %s: %s; --dir names a folder to be made\n", story->dir,
                    strerror(errno));
            return false;
        }
    } else {
        const char *parent = getenv("TMPDIR");

        snprintf(story->dir, sizeof story->dir, "%.400s/cede-demo-XXXXXX",
                 parent != NULL && *parent != '\0' ? parent : "/tmp");
        if (mkdtemp(story->dir) == NULL) {
            fprintf(stderr, "cede: %s: %s\n", story->dir, strerror(errno));
            return false;
        }
        story->remove_dir = true;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        path_of(story->dir, folders[i], path);
        if (!make_dir(path)) {
            return false;
        }
    }
    return true;
}

/* One number for both doors of an actor, none twice. */
static bool draw_port(struct story *story, size_t actor)
{
    bool taken;

    do {
        taken = false;
        story->ports[actor] = free_port();
        for (size_t i = 0; i < 2 * ACTOR_COUNT; i++) {
            taken = taken || (i != actor && story->ports[i] == story->ports[actor]);
        }
    } while (taken && story->ports[actor] != 0);
    return story->ports[actor] != 0;
}

static bool name_actors(struct story *story)
{
    static const char *const names[ACTOR_COUNT] = {"PCA", "CA1", "CA2", "SP1", "SP2"};

    for (int actor = 0; actor < ACTOR_COUNT; actor++) {
        if (!draw_port(story, (size_t)actor) || !draw_port(story, (size_t)(ACTOR_COUNT + actor))) {
            return false;
        }
        snprintf(story->names[actor], sizeof story->names[actor], "%s", names[actor]);
        path_of(story->dir, names[actor], story->paths[actor]);
        snprintf(story->https[actor], sizeof story->https[actor], "127.0.0.1:%u",
                 story->ports[actor]);
        snprintf(story->coap[actor], sizeof story->coap[actor], "127.0.0.1:%u",
                 story->ports[actor]);
        snprintf(story->coaps[actor], sizeof story->coaps[actor], "127.0.0.1:%u",
                 story->ports[ACTOR_COUNT + actor]);
    }
    path_of(story->dir, "logs/commands.log", story->log);
    return true;
}

/* --- all of it --------------------------------------------------------------------------------
 */

static bool play(struct story *story)
{
    return open_shop(story) && provision(story) && enrol(story) && contract(story) &&
           hand_over(story);
}

static void save_artefacts(struct story *story)
{
    if (story->options->dir != NULL && story->sp1.store != NULL && story->sp2.store != NULL &&
        artefacts_save(story->dir, &story->sp1, &story->sp2) != CEDE_OK) {
        tell(story, "the artefacts could not be written to %s/artefacts", story->dir);
    }
}

static bool all_moved(const struct demo_result *result)
{
    return result->operational_sp1 == result->devices && result->transferred == result->devices &&
           result->operational_sp2 == result->devices &&
           result->old_certs_revoked == result->devices && result->lost == 0;
}

static void report(const struct story *story)
{
    struct demo_statistics statistics;

    demo_statistics_read(story->dir, &statistics);
    if (story->options->overhead) {
        demo_report_overhead(&statistics, story->options->json);
    } else if (story->options->json) {
        demo_report_json(&story->result, &statistics);
    } else {
        demo_report_text(&story->result, &statistics);
    }
    demo_statistics_drop(&statistics);
}

int demo_run(const struct demo_options *options)
{
    struct story story = {.options = options};
    bool ok;

    story.started_at = seconds();
    interrupts_catch();
    if (!processes_init(&story.processes) || !make_dirs(&story) || !name_actors(&story)) {
        fprintf(stderr, "cede: the demonstration cannot be set up on this machine\n");
        return 1;
    }
    ok = play(&story);
    take_stock(&story);
    save_artefacts(&story);
    sp_close(&story.sp1);
    sp_close(&story.sp2);
    processes_stop(&story.processes);
    ok = ok && all_moved(&story.result);
    report(&story);
    if (story.remove_dir && (ok || interrupted())) {
        nftw(story.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    } else {
        fprintf(stderr, "all state is in %s; 'cede inspect FILE' shows any artefact\n", story.dir);
    }
    return ok ? 0 : 1;
}
