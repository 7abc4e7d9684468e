/* SPDX-License-Identifier: Apache-2.0 */
/* status_process.c - the life of the status publisher's process. Start-up that only wires. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cede/posix.h"
#include "server/ca/signer.h"
#include "server/ca/status_publisher.h"
#include "server/common/confine.h"
#include "server/common/key_store.h"
#include "server/common/log.h"

#define FILES_MAX 600 /* connections, stores and the like: whoever comes beyond waits */

struct process {
    struct ca *ca;
    struct signer_client signer;
    struct status_publisher publisher;
    struct event_base *base;
    struct event *stop;
};

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(context);
}

/* The certificate of the partners' door was made beside the records; it can be revoked, too. */
static enum cede_status note_tls_certificate(struct ca *ca)
{
    char path[PATH_MAX];
    uint8_t text[CA_FILE_MAX];
    struct ca_certificate_record record;
    struct cede_certificate certificate;
    struct cede_span content, der;
    size_t len = 0;

    memset(&record, 0, sizeof record);
    snprintf(path, sizeof path, "%.*s/tls.pem", PATH_MAX - 16, ca->directory);
    CEDE_TRY(cede_file_read(path, CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(text), &content));
    CEDE_TRY(ca_pem_or_raw(content, 0, CEDE_BUF_ARRAY(record.raw), &der));
    CEDE_TRY(cede_certificate_decode(der, ca->crypto, &certificate));
    CEDE_TRY(
        cede_certificate_thumbprint(ca->crypto, CEDE_ALG_SHA_256, der, record.thumbprint, &len));
    record.raw_len = der.len;
    record.profile = CA_PROFILE_SERVER;
    memcpy(record.serial, certificate.serial.ptr, certificate.serial.len);
    record.serial_len = certificate.serial.len;
    memcpy(record.subject, certificate.common_name, certificate.common_name_len);
    record.not_before = (int64_t)certificate.not_before;
    record.not_after =
        certificate.not_after == CEDE_TIME_NONE ? CA_NO_END : (int64_t)certificate.not_after;
    CEDE_TRY(ca_key_hash(ca, cede_certificate_key(&certificate).point, record.key));
    if (ca_records_by_hash(ca, CEDE_SPAN_ARRAY(record.thumbprint),
                           &(struct ca_certificate_record){0}) == CEDE_OK) {
        return CEDE_OK;
    }
    return ca_records_add(ca, &record, "init");
}

static enum cede_status open_ca(struct process *process, const char *directory, int signer_fd)
{
    struct cede_private_key key = {0, CEDE_SPAN_NULL, NULL};

    CEDE_TRY(ca_open(directory, CA_OPEN_WITHOUT_KEY, &process->ca));
    key.curve = process->ca->certificate.curve;
    CEDE_TRY(signer_client_init(&process->signer, signer_fd));
    ca_set_signer(process->ca, &process->signer.crypto, &key);
    /* The enrolment server's key is none of its business. */
    EVP_PKEY_free(process->ca->est_pkey);
    process->ca->est_pkey = NULL;
    return note_tls_certificate(process->ca);
}

static enum cede_status open_loop(struct process *process, int listening_fd, int stop_fd)
{
    process->base = event_base_new();
    if (process->base == NULL) {
        return CEDE_SERVER_FAILED;
    }
    CEDE_TRY(status_publisher_start(&process->publisher, process->base, listening_fd));
    process->stop = event_new(process->base, stop_fd, EV_READ, on_stop, process->base);
    return process->stop != NULL && event_add(process->stop, NULL) == 0 ? CEDE_OK
                                                                        : CEDE_SERVER_FAILED;
}

/* Two stores, no other file, no key but the responder's own. */
static enum cede_status confine_process(const struct process *process)
{
    static const char *const names[] = {"store.db",  "store.db-wal",  "store.db-shm",
                                        "status.db", "status.db-wal", "status.db-shm"};
    char paths[6][PATH_MAX];
    struct confine_path allowed[10];
    struct confine_rules rules = {allowed, sizeof allowed / sizeof allowed[0], true};
    struct rlimit files = {FILES_MAX, FILES_MAX};

    for (size_t i = 0; i < 6; i++) {
        if (snprintf(paths[i], PATH_MAX, "%s/%s", process->ca->directory, names[i]) >= PATH_MAX) {
            return CEDE_BAD_ARGUMENT;
        }
        allowed[i] = (struct confine_path){paths[i], CONFINE_WRITE};
    }
    allowed[6] = (struct confine_path){process->ca->directory, CONFINE_REPLACE};
    allowed[7] = (struct confine_path){"/dev/urandom", CONFINE_READ};
    allowed[8] = (struct confine_path){"/etc", CONFINE_READ};
    allowed[9] = (struct confine_path){CONFINE_OF_ONESELF, CONFINE_READ};
    key_store_forget_password();
    return setrlimit(RLIMIT_NOFILE, &files) == 0 ? confine(&rules) : CEDE_OS_FAILED;
}

static void close_process(struct process *process)
{
    if (process->stop != NULL) {
        event_free(process->stop);
    }
    status_publisher_close(&process->publisher);
    if (process->base != NULL) {
        event_base_free(process->base);
    }
    ca_close(process->ca);
}

int status_process_run(const char *directory, int signer_fd, int listening_fd,
                       const struct supervisor_child *child)
{
    struct process process;
    enum cede_status status = CEDE_OK;

    memset(&process, 0, sizeof process);
    status = open_ca(&process, directory, signer_fd);
    if (status == CEDE_OK) {
        status = status_publisher_open(&process.publisher, process.ca);
    }
    if (status == CEDE_OK) {
        status = open_loop(&process, listening_fd, child->stop_fd);
    }
    if (status == CEDE_OK) {
        status = confine_process(&process);
    }
    if (status == CEDE_OK) {
        supervisor_child_ready(child);
        event_base_dispatch(process.base);
    } else {
        log_error("status publisher: %s. %s", cede_status_reason(status), ca_last_error());
    }
    close_process(&process);
    return status == CEDE_OK ? 0 : 1;
}
