/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loopback.h - organisations on loopback for tests: each with an identity of its own in a temporary
 * folder, and an HTTPS server in a process of its own.
 *
 * A client is known to a server when its thumbprint stands in a file of the server's folder, so
 * that a test can add and drop partners while the server runs.
 */
#ifndef TEST_LOOPBACK_H
#define TEST_LOOPBACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/common/https_client.h"
#include "server/common/https_server.h"
#include "server/common/identity.h"

struct organisation {
    char directory[128];
    struct identity identity;
    struct tls_identity tls;
};

struct loopback {
    char directory[64];
    int listening_fd;
    uint16_t port;
    pid_t server;
};

static inline void organisation_make(const char *parent, const char *name,
                                     struct organisation *made)
{
    snprintf(made->directory, sizeof made->directory, "%s/%s", parent, name);
    assert_int_equal(identity_create(made->directory, name, NULL, 0), CEDE_OK);
    assert_int_equal(identity_load(made->directory, &made->identity), CEDE_OK);
    assert_int_equal(tls_identity_load(made->directory, &made->tls), CEDE_OK);
}

static inline void organisation_wipe(struct organisation *made)
{
    identity_wipe(&made->identity);
    tls_identity_wipe(&made->tls);
}

static inline void pin_path(const char *directory, const uint8_t thumbprint[32], char path[256])
{
    int len = snprintf(path, 256, "%s/pin-", directory);
    for (size_t i = 0; i < 32; i++) {
        len += snprintf(path + len, 256 - (size_t)len, "%02x", thumbprint[i]);
    }
}

/* From now on the server with this folder knows the organisation by its common name. */
static inline void pin(const struct loopback *loopback, const struct organisation *partner)
{
    char path[256];
    pin_path(loopback->directory, partner->identity.thumbprint, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(partner->identity.name, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void unpin(const struct loopback *loopback, const struct organisation *partner)
{
    char path[256];
    pin_path(loopback->directory, partner->identity.thumbprint, path);
    assert_int_equal(unlink(path), 0);
}

/* For https_server_config.find_partner; the context begins with a struct loopback. */
static inline enum cede_status find_pinned(void *context, const uint8_t thumbprint[32], char *name,
                                           size_t name_cap)
{
    const struct loopback *loopback = context;
    char path[256];
    pin_path(loopback->directory, thumbprint, path);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return CEDE_NOT_FOUND;
    }
    bool read_ok = fgets(name, (int)name_cap, file) != NULL;
    fclose(file);
    return read_ok ? CEDE_OK : CEDE_NOT_FOUND;
}

static inline void loopback_open(struct loopback *loopback)
{
    strcpy(loopback->directory, "/tmp/cede-https-XXXXXX");
    assert_non_null(mkdtemp(loopback->directory));
    assert_int_equal(https_listen("0.0.0.0", 0, &loopback->listening_fd, &loopback->port), CEDE_OK);
    assert_true(loopback->port != 0);
    loopback->server = 0;
}

static inline void loopback_on_term(evutil_socket_t signal_number, short what, void *base)
{
    (void)signal_number;
    (void)what;
    event_base_loopbreak(base);
}

/* The server's process; ends with 0 after SIGTERM, so that the leak checker has its say. */
static inline int loopback_main(const struct loopback *loopback,
                                const struct https_server_config *config, int ready_fd)
{
    struct event_base *base = event_base_new();
    struct event *term = evsignal_new(base, SIGTERM, loopback_on_term, base);
    struct https_server *server = NULL;
    if (https_server_new(base, loopback->listening_fd, config, &server) != CEDE_OK) {
        return 1;
    }
    evsignal_add(term, NULL);
    if (write(ready_fd, "y", 1) != 1) {
        return 1;
    }
    event_base_dispatch(base);
    https_server_free(server);
    event_free(term);
    event_base_free(base);
    return 0;
}

static inline void loopback_serve(struct loopback *loopback,
                                  const struct https_server_config *config)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    loopback->server = fork();
    if (loopback->server == 0) {
        close(ready[0]);
        _exit(loopback_main(loopback, config, ready[1]));
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static inline void loopback_stop(struct loopback *loopback)
{
    int ended = -1;
    if (loopback->server > 0) {
        kill(loopback->server, SIGTERM);
        assert_int_equal(waitpid(loopback->server, &ended, 0), loopback->server);
        assert_int_equal(ended, 0);
        loopback->server = 0;
    }
}

static inline void loopback_close(struct loopback *loopback)
{
    char command[128];
    loopback_stop(loopback);
    close(loopback->listening_fd);
    snprintf(command, sizeof command, "rm -rf %s", loopback->directory);
    assert_int_equal(system(command), 0);
}

#endif
