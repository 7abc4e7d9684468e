/* SPDX-License-Identifier: Apache-2.0 */
/* agent.c - the loop: do what the engine says, sleep until it wants to go on. */
#include "device_agent/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cede/device.h"
#include "cede/dtls.h"
#include "cede/posix.h"
#include "device_agent/stats.h"
#include "device_agent/trace.h"

#define HOST_MAX     256
#define DATAGRAM_MAX 2048 /* a server's flight of DTLS records may be longer than ours */
#define WAIT_MAX_MS  3600000
#define DATAGRAMS_MAX                                                                              \
    32 /* taken at a time: whoever floods the socket does not keep us from sending */

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

struct agent {
    const struct device_agent_options *options;
    struct cede_file_flash flash;
    struct cede_device device;
    struct cede_dtls *dtls; /* the device's secure channel, over the same socket; null: none */
    int fd;                 /* connected to `peer`; -1: none */
    char peer_host[HOST_MAX];
    uint16_t peer_port;
    uint32_t failures; /* of the engine, when the name was resolved */
    enum cede_device_state shown;
    struct trace trace;
};

static uint64_t wall_clock(void *context)
{
    (void)context;
    return cede_wall_clock();
}

static void write_statistics(struct agent *agent)
{
    struct cede_device_stats stats;

    if (agent->options->stats == NULL) {
        return;
    }
    cede_device_statistics(&agent->device, cede_monotonic_ms(), &stats);
    if (device_stats_write(agent->options->stats, cede_device_record(&agent->device), &stats) !=
        CEDE_OK) {
        fprintf(stderr, "cannot write %s: %s\n", agent->options->stats, strerror(errno));
    }
}

static void show_state(struct agent *agent)
{
    const struct cede_device_record *record = cede_device_record(&agent->device);

    if (record->state == agent->shown) {
        return;
    }
    agent->shown = record->state;
    fprintf(stderr, "%.*s: %s (controller %.*s, seq %llu)\n", (int)record->device_id.len,
            (const char *)record->device_id.ptr, cede_device_state_name(record->state),
            (int)record->controller_name.len, (const char *)record->controller_name.ptr,
            (unsigned long long)record->seq);
    write_statistics(agent);
}

static void disconnect(struct agent *agent)
{
    if (agent->fd >= 0) {
        close(agent->fd);
        agent->fd = -1;
    }
}

/* A socket of its own for each server: what arrives on it comes from that server's address. After a
 * failure the name is asked for again, since the server may have moved. */
static enum cede_status connect_to(struct agent *agent, const struct cede_device_action *action)
{
    struct cede_address address;
    char host[HOST_MAX];

    if (action->host.len == 0 || action->host.len >= sizeof host) {
        return CEDE_SOCKET_NAME;
    }
    memcpy(host, action->host.ptr, action->host.len);
    host[action->host.len] = '\0';
    if (agent->fd >= 0 && action->port == agent->peer_port &&
        agent->failures == agent->device.stats.failures && strcmp(host, agent->peer_host) == 0) {
        return CEDE_OK;
    }
    disconnect(agent);
    CEDE_TRY(cede_address_resolve(host, action->port, &address));
    CEDE_TRY(cede_udp_connect(&address, &agent->fd));
    memcpy(agent->peer_host, host, sizeof host);
    agent->peer_port = action->port;
    agent->failures = agent->device.stats.failures;
    return CEDE_OK;
}

static void complain(const struct cede_device_action *action, enum cede_status status)
{
    fprintf(stderr, "cannot send to %.*s: %s\n", (int)action->host.len,
            (const char *)action->host.ptr, cede_status_reason(status));
}

/* --- the secure channel ----------------------------------------------------------------------- */

static bool judge_server(void *context, const struct cede_span *certificates, size_t count)
{
    struct agent *agent = context;
    enum cede_status status = cede_device_channel_judge(&agent->device, certificates, count);

    if (status != CEDE_OK) {
        fprintf(stderr, "the server at %s:%u is not trusted: %s\n", agent->peer_host,
                agent->peer_port, cede_status_reason(status));
    }
    return status == CEDE_OK;
}

static void send_record(void *context, struct cede_span datagram)
{
    struct agent *agent = context;

    trace_record(&agent->trace, true, datagram);
    cede_device_channel_count(&agent->device, true, datagram.len);
    (void)!cede_udp_send(agent->fd, NULL, datagram); /* lost, as it may be on the way */
}

static void receive_message(void *context, struct cede_span message)
{
    struct agent *agent = context;

    trace_message(&agent->trace, false, message);
    cede_device_channel_receive(&agent->device, message, cede_monotonic_ms());
}

static void close_channel(struct agent *agent)
{
    cede_dtls_free(agent->dtls);
    agent->dtls = NULL;
}

/* Tells the engine what has become of the channel since `before`. */
static void tell_channel(struct agent *agent, enum cede_dtls_state before)
{
    enum cede_dtls_state now = cede_dtls_state(agent->dtls);

    if (now == before) {
        return;
    }
    if (now == CEDE_DTLS_OPEN) {
        cede_device_channel_opened(&agent->device, cede_monotonic_ms());
    } else if (now == CEDE_DTLS_CLOSED) {
        close_channel(agent);
        cede_device_channel_closed(&agent->device, cede_monotonic_ms());
    }
}

/* Always a new socket: the server then meets a peer it has no old channel with. */
static void open_channel(struct agent *agent, const struct cede_device_action *action)
{
    struct cede_dtls_config config = {.key = action->key,
                                      .certificate = action->certificate,
                                      .judge = judge_server,
                                      .send = send_record,
                                      .receive = receive_message,
                                      .context = agent};
    enum cede_status status;

    close_channel(agent);
    disconnect(agent);
    status = connect_to(agent, action);
    if (status == CEDE_OK) {
        status = cede_dtls_new(&config, &agent->dtls);
    }
    if (status != CEDE_OK) {
        complain(action, status);
        cede_device_channel_closed(&agent->device, cede_monotonic_ms());
        return;
    }
    tell_channel(agent, CEDE_DTLS_HANDSHAKE);
}

static void end_channel(struct agent *agent)
{
    close_channel(agent);
    disconnect(agent);
}

static void send_secure(struct agent *agent, struct cede_span message)
{
    if (agent->dtls == NULL) {
        return;
    }
    trace_message(&agent->trace, true, message);
    if (cede_dtls_send(agent->dtls, message) == CEDE_OK) {
        tell_channel(agent, CEDE_DTLS_OPEN);
    } else {
        close_channel(agent);
        cede_device_channel_closed(&agent->device, cede_monotonic_ms());
    }
}

static void receive_record(struct agent *agent, struct cede_span datagram)
{
    enum cede_dtls_state before = cede_dtls_state(agent->dtls);

    trace_record(&agent->trace, false, datagram);
    cede_device_channel_count(&agent->device, false, datagram.len);
    cede_dtls_receive(agent->dtls, datagram);
    tell_channel(agent, before);
}

/* --- datagrams -------------------------------------------------------------------------------- */

/* What cannot be sent is lost, as it may be on the way: the engine repeats it. */
static void send_datagram(struct agent *agent, const struct cede_device_action *action)
{
    enum cede_status status;

    if (action->secure) {
        send_secure(agent, action->datagram);
        return;
    }
    status = connect_to(agent, action);
    trace_datagram(&agent->trace, true, action->datagram);
    if (status == CEDE_OK) {
        status = cede_udp_send(agent->fd, NULL, action->datagram);
    }
    if (status != CEDE_OK && status != CEDE_SOCKET_FAILED) {
        complain(action, status);
    }
}

static void receive_datagrams(struct agent *agent)
{
    uint8_t memory[DATAGRAM_MAX];
    struct cede_span datagram;
    unsigned left = DATAGRAMS_MAX;
    enum cede_status status;

    do {
        status = cede_udp_receive(agent->fd, NULL, CEDE_BUF_ARRAY(memory), &datagram);
        if (status == CEDE_OK && agent->dtls != NULL) {
            receive_record(agent, datagram);
        } else if (status == CEDE_OK) {
            trace_datagram(&agent->trace, false, datagram);
            cede_device_receive(&agent->device, datagram, cede_monotonic_ms());
        }
    } while ((status == CEDE_OK || status == CEDE_NO_SPACE) && --left > 0);
}

/* A handshake's flights are repeated, too. */
static void expire_channel(struct agent *agent)
{
    enum cede_dtls_state before;
    uint64_t left_ms;

    if (agent->dtls != NULL && cede_dtls_timeout(agent->dtls, &left_ms) && left_ms == 0) {
        before = cede_dtls_state(agent->dtls);
        cede_dtls_expire(agent->dtls);
        tell_channel(agent, before);
    }
}

/* Until a datagram, a signal, or the time the engine or the channel asked for. */
static void wait_until(struct agent *agent, uint64_t until_ms, const sigset_t *unblocked)
{
    struct pollfd socket = {agent->fd, POLLIN, 0};
    uint64_t now_ms = cede_monotonic_ms();
    uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    struct timespec left;
    uint64_t flight_ms;

    if (agent->dtls != NULL && cede_dtls_timeout(agent->dtls, &flight_ms) && flight_ms < left_ms) {
        left_ms = flight_ms;
    }
    left_ms = left_ms < WAIT_MAX_MS ? left_ms : WAIT_MAX_MS;
    left = (struct timespec){(time_t)(left_ms / 1000), (long)(left_ms % 1000) * 1000000};
    if (ppoll(&socket, agent->fd >= 0 ? 1 : 0, &left, unblocked) > 0) {
        receive_datagrams(agent);
    }
    expire_channel(agent);
}

static enum cede_status live(struct agent *agent, const sigset_t *unblocked)
{
    while (!stop_asked) {
        struct cede_device_action action = cede_device_next(&agent->device, cede_monotonic_ms());

        show_state(agent);
        switch (action.todo) {
        case CEDE_DEVICE_SEND:
            send_datagram(agent, &action);
            break;
        case CEDE_DEVICE_WAIT:
            wait_until(agent, action.until_ms, unblocked);
            break;
        case CEDE_DEVICE_OPEN:
            open_channel(agent, &action);
            break;
        case CEDE_DEVICE_CLOSE:
            end_channel(agent);
            break;
        case CEDE_DEVICE_HALT:
            return action.reason;
        }
    }
    return CEDE_OK;
}

/* Signals are taken only inside ppoll, so none is missed between a look and the sleep. */
static void catch_signals(sigset_t *unblocked)
{
    struct sigaction action;
    sigset_t blocked;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, unblocked);
}

static bool is_of_profile(const struct agent *agent)
{
    const char *profile = agent->options->profile;

    return profile == NULL ||
           strcmp(profile, device_profile_name(cede_device_record(&agent->device))) == 0;
}

static enum cede_status run(struct agent *agent)
{
    struct cede_device_config config = {.crypto = cede_crypto_openssl(),
                                        .flash = &agent->flash.flash,
                                        .has_channel = true,
                                        .by_reference = agent->options->by_reference != 0,
                                        .wall_clock = agent->options->no_clock ? NULL : wall_clock};
    sigset_t unblocked;
    enum cede_status status = cede_device_load(&agent->device, &config, cede_monotonic_ms());

    if (status == CEDE_OK && !is_of_profile(agent)) {
        status = CEDE_DEVICE_PROFILE;
    }
    if (status != CEDE_OK) {
        cede_device_wipe(&agent->device);
        return status;
    }
    if (agent->device.journal.rolled_back) {
        fprintf(stderr, "%s: the memory decays: the newest record is lost; replace the device\n",
                agent->options->image);
    }
    catch_signals(&unblocked);
    status = live(agent, &unblocked);
    close_channel(agent); /* its goodbye is counted, too */
    write_statistics(agent);
    cede_device_wipe(&agent->device);
    return status;
}

enum cede_status device_agent_run(const struct device_agent_options *options)
{
    struct agent *agent;
    enum cede_status status;

    if (access(options->image, F_OK) != 0) {
        return CEDE_NOT_FOUND;
    }
    agent = calloc(1, sizeof *agent);
    if (agent == NULL) {
        return CEDE_FILE_FAILED;
    }
    agent->options = options;
    agent->trace.dir = options->trace;
    agent->fd = -1;
    agent->shown = (enum cede_device_state)CEDE_DEVICE_STATE_COUNT;
    status = cede_file_flash_open(&agent->flash, options->image, CEDE_DEVICE_SLOT_SIZE);
    if (status == CEDE_OK) {
        status = run(agent);
        cede_file_flash_close(&agent->flash);
    }
    disconnect(agent);
    free(agent);
    return status;
}
