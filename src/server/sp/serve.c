/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - starts the processes of a service provider. Wiring only. */
#include <errno.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cede/crypto_openssl.h"
#include "server/common/address.h"
#include "server/common/coap_door.h"
#include "server/common/confine.h"
#include "server/common/courier.h"
#include "server/common/dtls_door.h"
#include "server/common/https_server.h"
#include "server/common/key_store.h"
#include "server/common/log.h"
#include "server/common/supervisor.h"
#include "server/sp/deliveries.h"
#include "server/sp/hand_over.h"
#include "server/sp/partner_api.h"
#include "server/sp/revocation.h"
#include "server/sp/update_server.h"

#define CLERK_IDLE_MS   100
#define REVOKED_EVERY_S 5

struct serving {
    struct sp *sp;
    int https_fd;
    struct cede_address coap, coaps;
    bool has_coaps;
};

static int fail(const char *what, enum cede_status status)
{
    log_error("%s: %s", what, cede_status_reason(status));
    return EXIT_FAILURE;
}

/* From here on the process opens the store and no other file of ours: no key, whatever a peer makes
 * it do (R10). */
static enum cede_status confine_process(const struct sp *sp, bool network)
{
    char path[SP_PATH_MAX];

    key_store_forget_password();
    return sp_path(sp, "store.db", path) ? confine_to_store(path, network) : CEDE_BAD_ARGUMENT;
}

/* The clerk has no business on the network. Only the module of a token may need files and sockets.
 */
static enum cede_status confine_clerk(const struct sp *sp)
{
    struct confine_rules rules = {NULL, 0, true};
    char path[SP_PATH_MAX];

    if (sp_path(sp, "identity.key", path) && key_store_in_token(path)) {
        key_store_forget_password();
        return confine(&rules);
    }
    return confine_process(sp, false);
}

/* --- worker -----------------------------------------------------------------------------------
 */

struct worker {
    struct sp *sp;
    struct event_base *base;
    struct tls_identity tls;
    EVP_PKEY *server_key;
    struct https_server *https;
    struct coap_door *door;
    struct dtls_door *dtls;
};

static void on_stop(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    event_base_loopbreak(context);
}

static enum cede_status open_https(struct worker *worker, int fd)
{
    struct https_server_config config = {.tls = &worker->tls,
                                         .routes = partner_api_routes,
                                         .routes_count = partner_api_routes_count,
                                         .find_partner = partner_api_find,
                                         .flush = partner_api_flush,
                                         .context = worker->sp};

    return https_server_new(worker->base, fd, &config, &worker->https);
}

static enum cede_status open_door(struct worker *worker, const struct cede_address *address)
{
    struct sp *sp = worker->sp;
    struct coap_door_config config = {.address = *address,
                                      .crypto = sp->crypto,
                                      .oscore_crypto = cede_crypto_openssl_keeping(),
                                      .callbacks = update_server_callbacks,
                                      .context = sp};

    CEDE_TRY(sp_load_server_key(sp, &worker->server_key));
    config.credential.certificate = cede_span(sp->server_certificate, sp->server_certificate_len);
    config.credential.key = identity_private_key(worker->server_key);
    return coap_door_open(worker->base, &config, &worker->door);
}

/* A socket of its own: the kernel keeps a device on one worker. The controller is pinned, so the
 * server's certificate goes without a chain. */
static enum cede_status open_dtls(struct worker *worker, const struct cede_address *address)
{
    struct sp *sp = worker->sp;
    struct dtls_door_config config = {
        .crypto = sp->crypto,
        .certificate = cede_span(sp->server_der, sp->server_der_len),
        .key = worker->server_key,
        .callbacks = update_server_callbacks,
        .context = sp,
    };

    CEDE_TRY(coap_door_socket(address, &config.fd));
    return dtls_door_open(worker->base, &config, &worker->dtls);
}

static void worker_close(struct worker *worker)
{
    coap_door_close(worker->door);
    dtls_door_close(worker->dtls);
    https_server_free(worker->https);
    if (worker->base != NULL) {
        event_base_free(worker->base);
    }
    EVP_PKEY_free(worker->server_key);
    tls_identity_wipe(&worker->tls);
    sp_close(worker->sp);
}

static enum cede_status worker_open(struct worker *worker, const struct serving *serving)
{
    CEDE_TRY(sp_open_store(worker->sp));
    CEDE_TRY(tls_identity_load(worker->sp->directory, &worker->tls));
    worker->base = event_base_new();
    if (worker->base == NULL) {
        return CEDE_OS_FAILED;
    }
    CEDE_TRY(open_https(worker, serving->https_fd));
    CEDE_TRY(open_door(worker, &serving->coap));
    return serving->has_coaps ? open_dtls(worker, &serving->coaps) : CEDE_OK;
}

static int run_worker(void *context, const struct supervisor_child *child)
{
    const struct serving *serving = context;
    struct worker worker = {.sp = serving->sp};
    struct event *stop;
    enum cede_status status;

    log_set_actor(serving->sp->name);
    status = worker_open(&worker, serving);
    if (status != CEDE_OK) {
        worker_close(&worker);
        return fail("worker", status);
    }
    stop = event_new(worker.base, child->stop_fd, EV_READ, on_stop, worker.base);
    event_add(stop, NULL);
    status = confine_process(serving->sp, true);
    if (status != CEDE_OK) {
        event_free(stop);
        worker_close(&worker);
        return fail("worker", status);
    }
    supervisor_child_ready(child);
    event_base_dispatch(worker.base);
    event_free(stop);
    worker_close(&worker);
    return EXIT_SUCCESS;
}

/* --- clerk ------------------------------------------------------------------------------------
 */

/* Waits, or returns at once when the server is to stop. */
static void rest(const struct supervisor_child *child, int ms)
{
    struct pollfd stop = {child->stop_fd, POLLIN, 0};

    (void)poll(&stop, 1, ms);
}

static void ask_revoked_now_and_then(struct sp *sp, int64_t *asked_at)
{
    if (sp_now() - *asked_at >= REVOKED_EVERY_S) {
        *asked_at = sp_now();
        if (sp_finish(sp, deliveries_ask_revoked(sp)) != CEDE_OK) {
            log_warning("cannot queue the question for revocations: %s", store_error(sp->store));
        }
    }
}

static int run_clerk(void *context, const struct supervisor_child *child)
{
    const struct serving *serving = context;
    struct sp *sp = serving->sp;
    struct identity identity;
    int64_t asked_at = 0;
    enum cede_status status;

    log_set_actor("clerk");
    status = sp_open_store(sp);
    if (status == CEDE_OK) {
        status = identity_load(sp->directory, &identity);
    }
    if (status == CEDE_OK) {
        status = confine_clerk(sp);
    }
    if (status != CEDE_OK) {
        sp_close(sp);
        return fail("clerk", status);
    }
    supervisor_child_ready(child);
    while (!supervisor_child_stopping(child)) {
        bool busy = false;

        if (hand_over_work(sp, &identity, &busy) != CEDE_OK) {
            log_error("store: %s", store_error(sp->store));
        }
        if (revocation_keep_proof(sp, &identity) != CEDE_OK) {
            log_error("no proof of the update server's status: %s", store_error(sp->store));
        }
        ask_revoked_now_and_then(sp, &asked_at);
        rest(child, busy ? 0 : CLERK_IDLE_MS);
    }
    identity_wipe(&identity);
    sp_close(sp);
    return EXIT_SUCCESS;
}

/* --- courier ----------------------------------------------------------------------------------
 */

static int run_courier(void *context, const struct supervisor_child *child)
{
    const struct serving *serving = context;
    struct sp *sp = serving->sp;
    struct tls_identity tls;
    struct courier_config config = {.name = "courier",
                                    .tls = &tls,
                                    .resolve = deliveries_resolve,
                                    .on_reply = deliveries_on_reply,
                                    .context = sp,
                                    .check = revocation_check_partner,
                                    .wake_fd = -1,
                                    .stop_fd = child->stop_fd};
    enum cede_status status;

    log_set_actor("courier");
    status = sp_open_store(sp);
    if (status == CEDE_OK) {
        status = tls_identity_load(sp->directory, &tls);
    }
    if (status == CEDE_OK) {
        status = confine_process(sp, true);
    }
    if (status != CEDE_OK) {
        sp_close(sp);
        return fail("courier", status);
    }
    config.store = sp->store;
    supervisor_child_ready(child);
    status = courier_run(&config);
    tls_identity_wipe(&tls);
    sp_close(sp);
    return status == CEDE_OK ? EXIT_SUCCESS : fail("courier", status);
}

/* --- revocations ------------------------------------------------------------------------------
 */

static int run_revocations(void *context, const struct supervisor_child *child)
{
    const struct serving *serving = context;
    struct sp *sp = serving->sp;
    enum cede_status status;
    int code = EXIT_FAILURE;

    log_set_actor("revocations");
    status = sp_open_store(sp);
    if (status == CEDE_OK) {
        status = confine_process(sp, true);
    }
    code = status == CEDE_OK ? revocation_process(sp, child) : fail("revocations", status);
    sp_close(sp);
    return code;
}

/* --- all together -----------------------------------------------------------------------------
 */

enum cede_status sp_serve(struct sp *sp, const struct sp_serve_options *options)
{
    struct serving serving = {.sp = sp, .https_fd = -1};
    struct supervisor_helper helpers[] = {{"clerk", run_clerk, &serving},
                                          {"courier", run_courier, &serving},
                                          {"revocations", run_revocations, &serving}};
    struct supervisor_config config = {.directory = sp->directory,
                                       .actor = sp->name,
                                       .workers = options->workers,
                                       .worker = run_worker,
                                       .context = &serving,
                                       .helpers = helpers,
                                       .helpers_count = 3};
    char host[ADDRESS_HOST_MAX];
    uint16_t port;
    enum cede_status status;

    CEDE_TRY(address_split(options->coap, host, &port));
    CEDE_TRY(cede_address_resolve(host, port, &serving.coap));
    if (options->coaps != NULL) {
        CEDE_TRY(address_split(options->coaps, host, &port));
        CEDE_TRY(cede_address_resolve(host, port, &serving.coaps));
        serving.has_coaps = true;
    }
    CEDE_TRY(address_split(options->https, host, &port));
    CEDE_TRY(https_listen(host, port, &serving.https_fd, NULL));
    status = supervisor_run(&config);
    close(serving.https_fd);
    return status;
}
