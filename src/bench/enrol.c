/* SPDX-License-Identifier: Apache-2.0 */
/* enrol.c - makes the CA and its fleet, drives the clients, reads the server's processor time. */
#include "bench/enrol.h"

#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/floor.h"
#include "cede/crypto_openssl.h"
#include "cede/est.h"
#include "server/ca/ca.h"
#include "server/common/https_server.h"
#include "server/common/identity.h"

#define CLIENTS     128
#define ROUNDS      7 /* of everything, by turns: what else the machine does hits all alike */
#define BATCH       500
#define SERVERS_MAX 16
#define READY_S     20
#define SETTLE_NS   10000000

/* Shared with the clients. */
struct shared {
    pthread_barrier_t barrier;
    unsigned failed; /* enrolments and handshakes that did not come about */
    bool measured;   /* the primitives alone: clients may rest */
    struct enrol_device devices[];
};

struct run {
    const struct enrol_door *door;
    unsigned fleet;
    char directory[64];
    char address[64];
    struct enrol_ca ca;
    uint8_t responder[1024];
    struct shared *shared;
    size_t shared_len;
    pid_t server;
    pid_t clients[CLIENTS];
};

static bool fail(const struct run *run, const char *what)
{
    fprintf(stderr, "cede: bench enrol, door %s: %s\n", run->door->name, what);
    return false;
}

/* --- the fleet -------------------------------------------------------------------------------- */

static bool make_request(struct enrol_device *device, bool x509)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct cede_buf out = CEDE_BUF_ARRAY(device->request);
    struct cede_est_identity identity;
    struct cede_span request = CEDE_SPAN_NULL;
    uint8_t scalar[32], point[64];
    bool done = crypto->generate(crypto->context, CEDE_CRV_P256, scalar, point) == CEDE_OK;

    identity.device_id = cede_span_string(device->id);
    identity.key = (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(scalar), NULL};
    identity.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(point)};
    done = done && (x509 ? cede_est_compose_pkcs10(crypto, &identity, out, &request)
                         : cede_est_compose_request(crypto, &identity, out, &request)) == CEDE_OK;
    device->request_len = request.len;
    cede_wipe(scalar, sizeof scalar);
    return done;
}

static bool make_device(unsigned number, bool x509, const struct cede_private_key *maker,
                        struct enrol_device *device)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct cede_certificate_info info;
    uint8_t scratch[2048], serial[8] = {0x40};
    struct cede_span encoding;

    memset(&info, 0, sizeof info);
    snprintf(device->id, sizeof device->id, "bench-%06u", number);
    for (int i = 0; i < 4; i++) {
        serial[4 + i] = (uint8_t)(number >> (24 - 8 * i));
    }
    info.serial = CEDE_SPAN_ARRAY(serial);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_TEXT("maker")};
    info.subject = (struct cede_name){CEDE_NAME_TEXT, cede_span_string(device->id)};
    info.not_before = cede_wall_clock() - 3600;
    info.not_after = CEDE_TIME_NONE;
    info.path_len = CEDE_PATH_LEN_NONE;
    info.key_usage = CEDE_KU_DIGITAL_SIGNATURE;
    if (crypto->generate(crypto->context, CEDE_CRV_P256, device->scalar, device->point) !=
        CEDE_OK) {
        return false;
    }
    info.public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(device->point)};
    if (cede_certificate_issue(x509 ? CEDE_CERTIFICATE_X509 : CEDE_CERTIFICATE_C509_NATIVE, crypto,
                               &info, maker, CEDE_BUF_ARRAY(scratch),
                               CEDE_BUF_ARRAY(device->certificate), &encoding) != CEDE_OK) {
        return false;
    }
    device->certificate_len = encoding.len;
    return make_request(device, x509);
}

static bool make_fleet(struct run *run)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    uint8_t scalar[32], point[64];
    struct cede_private_key maker = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(scalar), NULL};
    bool done = crypto->generate(crypto->context, CEDE_CRV_P256, scalar, point) == CEDE_OK;

    for (unsigned i = 0; done && i < run->fleet; i++) {
        done = make_device(i, run->door->x509, &maker, &run->shared->devices[i]);
    }
    return done;
}

/* --- the CA ----------------------------------------------------------------------------------- */

static bool register_fleet(const struct run *run, struct ca *ca, char *uri, size_t uri_cap)
{
    struct cede_span certificates[BATCH];

    for (unsigned at = 0; at < run->fleet; at += BATCH) {
        unsigned count = run->fleet - at < BATCH ? run->fleet - at : BATCH;
        size_t bad = 0;

        for (unsigned i = 0; i < count; i++) {
            const struct enrol_device *device = &run->shared->devices[at + i];
            certificates[i] = cede_span(device->certificate, device->certificate_len);
        }
        if (ca_begin(ca) != CEDE_OK ||
            ca_register(ca, "bench", certificates, count, CEDE_SPAN_NULL, uri, uri_cap, &bad) !=
                CEDE_OK ||
            ca_commit(ca) != CEDE_OK) {
            return false;
        }
    }
    return true;
}

static bool copy_out(struct cede_span from, struct cede_span *to)
{
    uint8_t *memory = malloc(from.len);

    if (memory != NULL) {
        memcpy(memory, from.ptr, from.len);
        *to = cede_span(memory, from.len);
    }
    return memory != NULL;
}

static bool open_account(const struct run *run, struct ca *ca)
{
    char path[128];
    struct identity identity;
    bool done = false;

    snprintf(path, sizeof path, "%s/partner", run->directory);
    if (identity_create(path, "bench", NULL, 0) == CEDE_OK &&
        identity_load(path, &identity) == CEDE_OK) {
        done = ca_account_set(ca, "bench", identity.certificate_der) == CEDE_OK;
        identity_wipe(&identity);
    }
    return done;
}

static bool read_responder(struct run *run, const char *directory)
{
    char path[128];

    snprintf(path, sizeof path, "%s/est.c509", directory);
    return cede_file_read(path, CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(run->responder),
                          &run->ca.responder) == CEDE_OK;
}

static bool make_ca(struct run *run)
{
    char directory[96], uri[256] = "";
    struct ca_init init = {.name = "Bench CA", .kind = CA_OPERATIONAL, .https = "127.0.0.1:1"};
    struct ca *ca = NULL;
    const char *path = NULL;
    bool done = false;

    snprintf(directory, sizeof directory, "%s/ca", run->directory);
    init.directory = directory;
    init.coap = run->address;
    if (ca_init(&init) != CEDE_OK || ca_open(directory, CA_OPEN_ALL, &ca) != CEDE_OK) {
        return fail(run, ca_last_error());
    }
    done = open_account(run, ca) && register_fleet(run, ca, uri, sizeof uri) &&
           copy_out(ca_certificate_der(ca), &run->ca.root) && read_responder(run, directory);
    ca_close(ca);
    path = strstr(uri, "://") == NULL ? NULL : strchr(strstr(uri, "://") + 3, '/');
    if (!done || path == NULL) {
        return fail(run, "the fleet cannot be registered");
    }
    /* coap://HOST/e/TOKEN here, /.well-known/est/TOKEN over HTTPS. */
    snprintf(run->ca.path, sizeof run->ca.path, "%s",
             run->door->x509 && strcmp(run->door->name, "https") == 0 ? strrchr(path, '/') : path);
    return true;
}

/* --- the server ------------------------------------------------------------------------------- */

static void run_on(unsigned core)
{
    cpu_set_t cores;

    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    (void)sched_setaffinity(0, sizeof cores, &cores); /* a wish: the figures hold without it */
}

static unsigned other_core(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;
}

static bool free_port(uint16_t *port)
{
    int fd = -1;
    bool found = https_listen("127.0.0.1", 0, &fd, port) == CEDE_OK;

    if (fd >= 0) {
        close(fd);
    }
    return found;
}

static void serve(const struct run *run)
{
    char directory[96], https[64];
    struct ca_serve options = {.workers = 1};
    uint16_t port = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_on(0);
    snprintf(directory, sizeof directory, "%s/ca", run->directory);
    if (!free_port(&port) || freopen("/dev/null", "w", stdout) == NULL) {
        _exit(1);
    }
    snprintf(https, sizeof https, "127.0.0.1:%u", port);
    options.directory = directory;
    options.https = https;
    if (strcmp(run->door->option, "--est") == 0) {
        options.est = run->address;
    } else if (strcmp(run->door->option, "--coaps") == 0) {
        options.coaps = run->address;
    } else {
        options.coap = run->address;
    }
    _exit(ca_serve(&options) == CEDE_OK ? 0 : 1);
}

static bool start_server(struct run *run)
{
    char ready[128];
    struct timespec moment = {0, 20000000};

    fflush(stdout);
    snprintf(ready, sizeof ready, "%s/ca/ready", run->directory);
    run->server = fork();
    if (run->server == 0) {
        serve(run);
    }
    for (int i = 0; run->server > 0 && i < READY_S * 50; i++) {
        if (access(ready, F_OK) == 0) {
            return true;
        }
        if (waitpid(run->server, NULL, WNOHANG) == run->server) {
            run->server = 0;
            break;
        }
        nanosleep(&moment, NULL);
    }
    return fail(run, "the CA does not start");
}

/* The supervisor and its children. */
static size_t server_pids(const struct run *run, pid_t pids[SERVERS_MAX])
{
    char path[64];
    size_t count = 0;
    int pid = 0;
    FILE *file = NULL;

    pids[count++] = run->server;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)run->server, (int)run->server);
    file = fopen(path, "r");
    while (file != NULL && count < SERVERS_MAX && fscanf(file, "%d", &pid) == 1) {
        pids[count++] = (pid_t)pid;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

/* Seconds of processor time that the server has used. */
static double server_time(const struct run *run)
{
    pid_t pids[SERVERS_MAX];
    size_t count = server_pids(run, pids);
    double total = 0;

    for (size_t i = 0; i < count; i++) {
        struct timespec used;
        clockid_t clock = 0;

        if (clock_getcpuclockid(pids[i], &clock) == 0 && clock_gettime(clock, &used) == 0) {
            total += (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
        }
    }
    return total;
}

/* --- the clients ------------------------------------------------------------------------------ */

/* Which devices a client has in a phase: every CLIENTSth of [from, from + count). */
struct phase {
    unsigned from, count;
};

static void meet(const struct run *run)
{
    (void)pthread_barrier_wait(&run->shared->barrier);
}

/* What clients do between these two the server's clock is read around: nobody begins before it is
 * read, or goes on. */
static void begin_stretch(const struct run *run)
{
    meet(run);
    meet(run);
}

static void end_stretch(const struct run *run)
{
    meet(run);
    meet(run);
}

static void note_failure(const struct run *run)
{
    __atomic_add_fetch(&run->shared->failed, 1, __ATOMIC_RELAXED);
}

static void visit(const struct run *run, const struct enrol_device *device, bool enrol)
{
    void *connection = run->door->open(&run->ca, device, !enrol);

    if (connection == NULL) {
        note_failure(run);
        return;
    }
    if (enrol && !run->door->enrol(connection)) {
        note_failure(run);
    }
    run->door->close(connection);
}

static void visits(const struct run *run, const struct phase *phase, unsigned client, bool enrol)
{
    for (unsigned i = client; i < phase->count; i += CLIENTS) {
        visit(run, &run->shared->devices[phase->from + i], enrol);
    }
}

static void use_kept(const struct run *run, void *connection, bool (*act)(void *))
{
    begin_stretch(run);
    if (connection == NULL || !act(connection)) {
        note_failure(run);
    }
    end_stretch(run);
}

/* Connections first; then, all together, one question and one enrolment on each. */
static void kept_turn(const struct run *run, const struct enrol_device *device)
{
    void *connection = run->door->open(&run->ca, device, true);

    use_kept(run, connection, run->door->ask);
    use_kept(run, connection, run->door->enrol);
    if (connection != NULL) {
        run->door->close(connection);
    }
}

/* The three phases of a round: a quarter of its devices shakes hands and never enrols, a half
 * enrols afresh, up to a third does on kept connections, in turns. */
struct plan {
    struct phase hands, fresh, kept;
};

static struct plan make_plan(unsigned fleet, unsigned round)
{
    unsigned count = fleet / ROUNDS, from = count * round;
    unsigned kept = count > 3 * CLIENTS ? count / 3 / CLIENTS * CLIENTS : CLIENTS;
    unsigned hands = (count - kept) / 3;
    struct plan plan = {{from, hands}, {from + hands, count - kept - hands}, {0, kept}};

    plan.kept.from = plan.fresh.from + plan.fresh.count;
    return plan;
}

/* Two processors may be threads of one core, where each has less while the other works: the
 * primitives alone are measured beside working clients, as everything else is. */
static void work_beside(const struct run *run)
{
    while (other_core() != 0 && !__atomic_load_n(&run->shared->measured, __ATOMIC_ACQUIRE) &&
           floor_p256_verify()) {
    }
}

static void be_client(const struct run *run, unsigned client)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_on(other_core());
    if (!floor_p256_prepare()) {
        note_failure(run);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct plan plan = make_plan(run->fleet, round);

        meet(run);
        work_beside(run);
        meet(run);
        begin_stretch(run);
        visits(run, &plan.hands, client, false);
        end_stretch(run);
        begin_stretch(run);
        visits(run, &plan.fresh, client, true);
        end_stretch(run);
        for (unsigned i = client; i < plan.kept.count; i += CLIENTS) {
            kept_turn(run, &run->shared->devices[plan.kept.from + i]);
        }
    }
    _exit(0);
}

static bool start_clients(struct run *run)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        run->clients[i] = fork();
        if (run->clients[i] == 0) {
            be_client(run, i);
        }
        if (run->clients[i] < 0) {
            return fail(run, "no process for a client");
        }
    }
    return true;
}

struct cede_coap_encoder enrol_begin_request(const struct enrol_ca *ca, uint8_t method,
                                             const char *operation, uint16_t message_id,
                                             struct cede_buf out)
{
    struct cede_coap_encoder encoder =
        cede_coap_begin(out, CEDE_COAP_CON, method, message_id, CEDE_SPAN_TEXT("b"));

    cede_coap_put_path(&encoder, cede_span_string(ca->path + 1));
    cede_coap_put_path(&encoder, cede_span_string(operation));
    return encoder;
}

/* --- measuring -------------------------------------------------------------------------------- */

/* Once everybody is here and the server, which goodbyes may still keep busy, at rest. */
static double settled_time(const struct run *run)
{
    const struct timespec moment = {0, SETTLE_NS};

    meet(run);
    nanosleep(&moment, NULL);
    return server_time(run);
}

/* Processor seconds of the server for a stretch. */
static double time_stretch(const struct run *run)
{
    double before = settled_time(run), after = 0;

    meet(run);
    after = settled_time(run);
    meet(run);
    return after - before;
}

/* The request's key taken from its encoding and its signature verified, one certificate signed. */
static bool do_primitives(void)
{
    return floor_p256_take() && floor_sha256() && floor_p256_verify() && floor_sha256() &&
           floor_p256_sign();
}

static double time_primitives(const struct run *run)
{
    struct timespec begin, end;
    const int rounds = 2000;

    if (!floor_p256_prepare() || !floor_sha256_prepare(run->shared->devices[0].request_len)) {
        return 0;
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (int i = 0; i < rounds; i++) {
        if (!do_primitives()) {
            return 0;
        }
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return ((double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9) /
           rounds;
}

static double primitives(const struct run *run)
{
    double seconds = 0;

    __atomic_store_n(&run->shared->measured, false, __ATOMIC_RELEASE);
    meet(run);
    seconds = time_primitives(run);
    __atomic_store_n(&run->shared->measured, true, __ATOMIC_RELEASE);
    meet(run);
    return seconds;
}

/* Seconds of the server for one device, and what cannot be done without. */
struct cost {
    double all, floor;
};

static int compare_costs(const void *a, const void *b)
{
    const struct cost *x = a, *y = b;
    double difference = x->floor / x->all - y->floor / y->all;

    return (difference > 0) - (difference < 0);
}

/* The round of the median ratio. */
static void add_result(const char *name, struct cost costs[ROUNDS],
                       struct bench_result results[BENCH_RESULTS_MAX], size_t *count)
{
    struct bench_result *result = &results[(*count)++];
    struct cost median;

    qsort(costs, ROUNDS, sizeof costs[0], compare_costs);
    median = costs[ROUNDS / 2];
    memset(result, 0, sizeof *result);
    result->name = name;
    result->rate = 1 / median.all;
    result->floor = 1 / median.floor;
    result->ratio = result->rate / result->floor;
}

enum kind { FRESH, KEPT, KEPT_EXCHANGE, KINDS };

static const char *name_of(const struct enrol_door *door, enum kind kind)
{
    static const struct {
        const char *door, *names[KINDS];
    } doors[] = {
        {"https", {"https, fresh handshake", "https, kept connection", "https, kept, an exchange"}},
        {"dtls", {"dtls, fresh handshake", "dtls, kept connection", "dtls, kept, an exchange"}},
        {"oscore",
         {"oscore, fresh handshake", "oscore, kept connection", "oscore, kept, an exchange"}}};

    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        if (strcmp(doors[i].door, door->name) == 0) {
            return doors[i].names[kind];
        }
    }
    return door->name;
}

static bool measure_round(const struct run *run, unsigned round, struct cost costs[KINDS])
{
    struct plan plan = make_plan(run->fleet, round);
    double alone = primitives(run);
    double hands = time_stretch(run) / plan.hands.count;
    double exchange = 0, kept = 0;

    costs[FRESH].all = time_stretch(run) / plan.fresh.count;
    costs[FRESH].floor = hands + alone;
    for (unsigned done = 0; done < plan.kept.count; done += CLIENTS) {
        exchange += time_stretch(run) / plan.kept.count;
        kept += time_stretch(run) / plan.kept.count;
    }
    costs[KEPT] = (struct cost){kept, alone};
    costs[KEPT_EXCHANGE] = (struct cost){kept, exchange + alone};
    return alone > 0 && hands > 0 && costs[FRESH].all > 0 && kept > 0;
}

static bool measure(struct run *run, struct bench_result results[BENCH_RESULTS_MAX],
                    size_t *results_count)
{
    struct cost costs[KINDS][ROUNDS];
    bool sane = true;

    run_on(0); /* where the server is */
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct cost of_round[KINDS];

        sane = measure_round(run, round, of_round) && sane;
        for (unsigned kind = 0; kind < KINDS; kind++) {
            costs[kind][round] = of_round[kind];
        }
    }
    if (run->shared->failed > 0 || !sane) {
        fprintf(stderr, "cede: %u enrolments or handshakes failed\n", run->shared->failed);
        return false;
    }
    for (unsigned kind = 0; kind < KINDS; kind++) {
        add_result(name_of(run->door, (enum kind)kind), costs[kind], results, results_count);
    }
    return true;
}

/* --- from beginning to end -------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void clean_up(struct run *run)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (run->clients[i] > 0) {
            kill(run->clients[i], SIGKILL);
            waitpid(run->clients[i], NULL, 0);
        }
    }
    if (run->server > 0) {
        kill(run->server, SIGTERM);
        waitpid(run->server, NULL, 0);
    }
    free((void *)(uintptr_t)run->ca.root.ptr);
    if (run->shared != NULL) {
        munmap(run->shared, run->shared_len);
    }
    (void)nftw(run->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static bool share_memory(struct run *run)
{
    pthread_barrierattr_t attributes;

    run->shared_len = sizeof *run->shared + run->fleet * sizeof run->shared->devices[0];
    run->shared =
        mmap(NULL, run->shared_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run->shared == MAP_FAILED) {
        run->shared = NULL;
        return fail(run, "no memory");
    }
    return pthread_barrierattr_init(&attributes) == 0 &&
           pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
           pthread_barrier_init(&run->shared->barrier, &attributes, CLIENTS + 1) == 0;
}

bool enrol_bench(const struct enrol_door *door, unsigned fleet,
                 struct bench_result results[BENCH_RESULTS_MAX], size_t *results_count)
{
    struct run run;
    bool done = false;

    memset(&run, 0, sizeof run);
    run.door = door;
    run.fleet = fleet;
    snprintf(run.ca.host, sizeof run.ca.host, "127.0.0.1");
    strcpy(run.directory, "/tmp/cede-bench-XXXXXX");
    if (mkdtemp(run.directory) == NULL || !free_port(&run.ca.port)) {
        return fail(&run, "no folder in /tmp, or no port");
    }
    snprintf(run.address, sizeof run.address, "127.0.0.1:%u", run.ca.port);
    done = share_memory(&run) && make_fleet(&run) && make_ca(&run) && start_server(&run) &&
           start_clients(&run) && measure(&run, results, results_count);
    clean_up(&run);
    return done;
}
