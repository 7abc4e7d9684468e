/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - the CA's processes: workers with both doors, and the signer. Start-up that only wires.
 *
 * A worker has no CA key: it asks the signer over a socket of its own. All sockets are opened by
 * the parent, so that a worker that is started again takes up where the old one stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cede/crypto_openssl.h"
#include "cede/est.h"
#include "server/ca/api.h"
#include "server/ca/ca_internal.h"
#include "server/ca/door.h"
#include "server/ca/est_https.h"
#include "server/ca/factory_status.h"
#include "server/ca/signer.h"
#include "server/ca/status_publisher.h"
#include "server/common/address.h"
#include "server/common/confine.h"
#include "server/common/key_store.h"
#include "server/common/log.h"
#include "server/common/supervisor.h"

#define READY_MAX 1024

struct serving {
    const struct ca_serve *serve;
    int https_fd;
    int est_fd;
    int http_fd;
    int coap_fds[SUPERVISOR_CHILDREN_MAX];
    int coaps_fds[SUPERVISOR_CHILDREN_MAX];
    int signer_pairs[SUPERVISOR_CHILDREN_MAX][2]; /* worker's end, signer's end */
    uint8_t der[CA_CERTIFICATE_MAX];              /* the CA's certificate */
    size_t der_len;
    bool watches_factories; /* somebody tells what the CAs of factory certificates have revoked */
};

/* --- the signer ------------------------------------------------------------------------------- */

/* The workers, and after them the status publisher. */
static unsigned signer_clients(const struct serving *serving)
{
    return serving->serve->workers + 1;
}

/* A token's module may need files and sockets of its own; with a key in a file nothing is needed.
 */
static enum cede_status confine_signer(bool in_token)
{
    struct confine_rules rules = {NULL, 0, true};

    key_store_forget_password();
    return in_token ? confine(&rules) : confine_to_nothing(false);
}

/* What the signer goes by: read before it is confined, from files no worker writes. */
struct all_rules {
    struct cede_certificate certificate;
    uint8_t key_id[20];
    struct ca_policy policy;
    struct ca_lint_rules lint;
    struct signer_rules signer;
};

static enum cede_status load_rules(const struct serving *serving, struct all_rules *rules)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    struct cede_public_key key;
    struct cede_span id;

    memset(rules, 0, sizeof *rules);
    CEDE_TRY(cede_certificate_decode(cede_span(serving->der, serving->der_len), crypto,
                                     &rules->certificate));
    key = cede_certificate_key(&rules->certificate);
    CEDE_TRY(cede_certificate_key_id(crypto, &key, rules->key_id));
    id = rules->certificate.ext.subject_key_id;
    CEDE_TRY(ca_policy_load(serving->serve->directory, &rules->policy));
    rules->lint.crypto = crypto;
    rules->lint.policy = &rules->policy;
    rules->lint.issuer = &rules->certificate;
    rules->lint.issuer_key_id =
        id.len == sizeof rules->key_id ? id : CEDE_SPAN_ARRAY(rules->key_id);
    rules->signer.issuer = rules->certificate.subject;
    rules->signer.lint = &rules->lint;
    rules->signer.publisher = serving->serve->workers; /* behind the workers */
    return CEDE_OK;
}

static int run_signer(void *context, const struct supervisor_child *child)
{
    const struct serving *serving = context;
    struct all_rules rules;
    int fds[SUPERVISOR_CHILDREN_MAX];
    char path[PATH_MAX];
    EVP_PKEY *pkey = NULL;
    struct cede_private_key key;
    enum cede_status status = CEDE_OK;

    snprintf(path, sizeof path, "%s/ca.key", serving->serve->directory);
    status = key_store_load(path, &pkey);
    if (status == CEDE_OK) {
        status = cede_openssl_private_key(pkey, &key);
    }
    if (status == CEDE_OK) {
        status = load_rules(serving, &rules);
    }
    if (status == CEDE_OK) {
        status = confine_signer(key_store_in_token(path));
    }
    if (status != CEDE_OK) {
        log_error("%s: %s. %s", path, cede_status_reason(status), key_store_error());
        EVP_PKEY_free(pkey);
        return 1;
    }
    for (unsigned i = 0; i < signer_clients(serving); i++) {
        fds[i] = serving->signer_pairs[i][1];
    }
    supervisor_child_ready(child);
    signer_run(fds, signer_clients(serving), child->stop_fd, &key, &rules.signer);
    EVP_PKEY_free(pkey);
    ca_policy_wipe(&rules.policy);
    return 0;
}

/* --- a worker --------------------------------------------------------------------------------- */

struct worker {
    struct ca *ca;
    struct ca_api api;
    struct signer_client signer;
    struct tls_identity tls;
    struct event_base *base;
    struct https_server *https;
    struct est_https est;
    struct https_server *est_server;
    struct coap_door *coap;
    struct dtls_door *coaps;
    struct event *stop;
};

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(context);
}

static enum cede_status open_ca(struct worker *worker, const struct serving *serving, int signer_fd)
{
    struct cede_private_key key = {0, CEDE_SPAN_NULL, NULL};

    CEDE_TRY(ca_open(serving->serve->directory, CA_OPEN_WITHOUT_KEY, &worker->ca));
    key.curve = worker->ca->certificate.curve;
    CEDE_TRY(signer_client_init(&worker->signer, signer_fd));
    ca_set_signer(worker->ca, &worker->signer.crypto, &key);
    CEDE_TRY(ca_sign_together(worker->ca, &worker->signer));
    worker->api.ca = worker->ca;
    return tls_identity_load(serving->serve->directory, &worker->tls);
}

static enum cede_status open_doors(struct worker *worker, const struct serving *serving,
                                   const struct supervisor_child *child)
{
    struct https_server_config https;

    worker->base = event_base_new();
    if (worker->base == NULL) {
        return CEDE_SERVER_FAILED;
    }
    memset(&https, 0, sizeof https);
    https.tls = &worker->tls;
    https.chain = worker->ca->chain_der;
    https.chain_count = ca_issuers_to_show(worker->ca);
    https.routes = ca_api_routes;
    https.routes_count = ca_api_routes_count;
    https.find_partner = ca_api_find_partner;
    https.flush = ca_api_flush;
    https.context = &worker->api;
    CEDE_TRY(https_server_new(worker->base, serving->https_fd, &https, &worker->https));
    if (serving->serve->est != NULL) {
        worker->est.ca = worker->ca;
        CEDE_TRY(est_https_open(worker->base, &worker->est, &worker->tls, serving->est_fd,
                                &worker->est_server));
    }
    if (serving->serve->coap != NULL) {
        CEDE_TRY(ca_door_open(worker->base, &worker->api, serving->coap_fds[child->index],
                              &worker->coap));
    }
    if (serving->serve->coaps != NULL) {
        CEDE_TRY(ca_dtls_door_open(worker->base, &worker->api, serving->coaps_fds[child->index],
                                   &worker->coaps));
    }
    worker->stop = event_new(worker->base, child->stop_fd, EV_READ, on_stop, worker->base);
    return worker->stop != NULL && event_add(worker->stop, NULL) == 0 ? CEDE_OK
                                                                      : CEDE_SERVER_FAILED;
}

static void close_worker(struct worker *worker)
{
    if (worker->stop != NULL) {
        event_free(worker->stop);
    }
    coap_door_close(worker->coap);
    dtls_door_close(worker->coaps);
    https_server_free(worker->est_server);
    https_server_free(worker->https);
    if (worker->base != NULL) {
        event_base_free(worker->base);
    }
    tls_identity_wipe(&worker->tls);
    ca_close(worker->ca);
}

/* From here on it opens the store and nothing else: no key file, whatever a peer makes it do. */
static enum cede_status confine_worker(const struct worker *worker)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/store.db", worker->ca->directory);

    key_store_forget_password();
    return len < PATH_MAX ? confine_to_store(path, true) : CEDE_BAD_ARGUMENT;
}

static int run_worker(void *context, const struct supervisor_child *child)
{
    const struct serving *serving = context;
    struct worker worker;
    enum cede_status status = CEDE_OK;

    memset(&worker, 0, sizeof worker);
    status = open_ca(&worker, serving, serving->signer_pairs[child->index][0]);
    if (status == CEDE_OK) {
        status = open_doors(&worker, serving, child);
    }
    if (status == CEDE_OK) {
        status = confine_worker(&worker);
    }
    if (status == CEDE_OK) {
        supervisor_child_ready(child);
        event_base_dispatch(worker.base);
    } else {
        log_error("worker %u cannot start: %s. %s", child->index, cede_status_reason(status),
                  ca_last_error());
    }
    close_worker(&worker);
    return status == CEDE_OK ? 0 : 1;
}

/* --- the status publisher --------------------------------------------------------------------- */

static int run_publisher(void *context, const struct supervisor_child *child)
{
    const struct serving *serving = context;

    return status_process_run(serving->serve->directory,
                              serving->signer_pairs[serving->serve->workers][0],
                              serving->serve->http == NULL ? -1 : serving->http_fd, child);
}

/* --- the status of factory certificates ------------------------------------------------------- */

static int run_factory_status(void *context, const struct supervisor_child *child)
{
    const struct serving *serving = context;

    return factory_status_run(serving->serve->directory, child);
}

/* --- the parent ------------------------------------------------------------------------------- */

static enum cede_status listen_on(const char *address, int *fd)
{
    char host[ADDRESS_HOST_MAX];
    uint16_t port = 0;

    CEDE_TRY(address_split(address, host, &port));
    return https_listen(host, port, fd, NULL);
}

static enum cede_status listen_https(struct serving *serving)
{
    CEDE_TRY(listen_on(serving->serve->https, &serving->https_fd));
    if (serving->serve->http != NULL) {
        CEDE_TRY(listen_on(serving->serve->http, &serving->http_fd));
    }
    return serving->serve->est == NULL ? CEDE_OK : listen_on(serving->serve->est, &serving->est_fd);
}

/* One socket for each worker; no text, no door. */
static enum cede_status bind_udp(const struct serving *serving, const char *text, int *fds)
{
    char host[ADDRESS_HOST_MAX];
    struct cede_address address;
    uint16_t port = 0;

    if (text == NULL) {
        return CEDE_OK;
    }
    CEDE_TRY(address_split(text, host, &port));
    CEDE_TRY(cede_address_resolve(host, port, &address));
    for (unsigned i = 0; i < serving->serve->workers; i++) {
        enum cede_status status = coap_door_socket(&address, &fds[i]);
        if (status != CEDE_OK) {
            return ca_fail(status, "cannot bind %s: %s", text, strerror(errno));
        }
    }
    return CEDE_OK;
}

static enum cede_status pair_signer(struct serving *serving)
{
    for (unsigned i = 0; i < signer_clients(serving); i++) {
        CEDE_TRY(signer_pair(serving->signer_pairs[i]));
    }
    return CEDE_OK;
}

/* Fails early, with a reason, on what every child would stumble over. The parent never has the CA's
 * key: its children would inherit what is left of it in memory. */
static enum cede_status try_open(struct serving *serving, char name[CA_NAME_MAX + 1])
{
    struct ca *ca = NULL;

    CEDE_TRY(ca_open(serving->serve->directory, CA_OPEN_WITHOUT_KEY, &ca));
    snprintf(name, CA_NAME_MAX + 1, "%s", ca_name(ca));
    serving->der_len = ca->certificate.raw.len;
    memcpy(serving->der, ca->certificate.raw.ptr, serving->der_len); /* it lies in such an array */
    serving->watches_factories = ca->policy.anchors_watched;
    ca_close(ca);
    return CEDE_OK;
}

/* Every door that listens. */
static void say_ready(const struct ca_serve *serve, const char *name, char ready[READY_MAX])
{
    const struct {
        const char *name;
        const char *address;
    } doors[] = {{"https", serve->https},
                 {"coap", serve->coap},
                 {"coaps", serve->coaps},
                 {"est", serve->est},
                 {"http", serve->http}};
    int len = snprintf(ready, READY_MAX, "ca %s ready:", name);

    for (size_t i = 0; i < sizeof doors / sizeof doors[0] && len < READY_MAX; i++) {
        if (doors[i].address != NULL) {
            len += snprintf(ready + len, (size_t)(READY_MAX - len), " %s %s", doors[i].name,
                            doors[i].address);
        }
    }
}

static enum cede_status supervise(struct serving *serving, const char *name)
{
    struct supervisor_helper helpers[] = {{"signer", run_signer, serving},
                                          {"status", run_publisher, serving},
                                          {"factories", run_factory_status, serving}};
    struct supervisor_config config;
    char ready[READY_MAX];

    memset(&config, 0, sizeof config);
    say_ready(serving->serve, name, ready);
    config.directory = serving->serve->directory;
    config.actor = name;
    config.ready_line = ready;
    config.workers = serving->serve->workers;
    config.worker = run_worker;
    config.context = serving;
    config.helpers = helpers;
    config.helpers_count = serving->watches_factories ? 3 : 2;
    return supervisor_run(&config);
}

enum cede_status ca_serve(const struct ca_serve *serve)
{
    struct serving *serving = calloc(1, sizeof *serving);
    char name[CA_NAME_MAX + 1];
    enum cede_status status = CEDE_OK;

    if (serving == NULL) {
        return CEDE_SERVER_MEMORY;
    }
    serving->serve = serve;
    if (serve->workers == 0 || serve->workers >= SUPERVISOR_CHILDREN_MAX) {
        free(serving);
        return CEDE_BAD_ARGUMENT;
    }
    status = try_open(serving, name);
    if (status == CEDE_OK) {
        status = listen_https(serving);
    }
    if (status == CEDE_OK) {
        status = bind_udp(serving, serve->coap, serving->coap_fds);
    }
    if (status == CEDE_OK) {
        status = bind_udp(serving, serve->coaps, serving->coaps_fds);
    }
    if (status == CEDE_OK) {
        status = pair_signer(serving);
    }
    if (status == CEDE_OK) {
        status = supervise(serving, name);
    }
    free(serving);
    return status;
}
