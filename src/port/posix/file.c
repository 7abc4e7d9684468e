/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - small files read whole and replaced whole. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cede/posix.h"
#include "port/posix/io.h"

enum cede_status cede_pread_all(int fd, struct cede_buf buf, off_t at)
{
    for (size_t done = 0; done < buf.cap;) {
        ssize_t len = pread(fd, buf.ptr + done, buf.cap - done, at + (off_t)done);

        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            return CEDE_FILE_FAILED;
        }
        done += (size_t)len;
    }
    return CEDE_OK;
}

enum cede_status cede_pwrite_all(int fd, struct cede_span bytes, off_t at)
{
    for (size_t done = 0; done < bytes.len;) {
        ssize_t len = pwrite(fd, bytes.ptr + done, bytes.len - done, at + (off_t)done);

        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            return CEDE_FILE_FAILED;
        }
        done += (size_t)len;
    }
    return CEDE_OK;
}

enum cede_status cede_sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    bool ok;
    int fd;

    if (len >= sizeof folder) {
        return CEDE_FILE_FAILED;
    }
    memcpy(folder, path, len);
    folder[len] = '\0';
    fd = open(slash == NULL ? "." : len == 0 ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return CEDE_FILE_FAILED;
    }
    ok = fsync(fd) == 0;
    (void)close(fd);
    return ok ? CEDE_OK : CEDE_FILE_FAILED;
}

static enum cede_status read_open_file(int fd, enum cede_file_privacy privacy, struct cede_buf buf,
                                       struct cede_span *contents)
{
    struct stat st;
    size_t len;

    if (fstat(fd, &st) != 0) {
        return CEDE_FILE_FAILED;
    }
    if (!S_ISREG(st.st_mode)) {
        return privacy == CEDE_FILE_SECRET ? CEDE_FILE_PERMISSIONS : CEDE_FILE_FAILED;
    }
    if (privacy == CEDE_FILE_SECRET &&
        (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)) {
        return CEDE_FILE_PERMISSIONS;
    }
    if ((uintmax_t)st.st_size > buf.cap) {
        return CEDE_NO_SPACE;
    }
    len = (size_t)st.st_size;
    CEDE_TRY(cede_pread_all(fd, cede_buf(buf.ptr, len), 0));
    *contents = cede_span(buf.ptr, len);
    return CEDE_OK;
}

enum cede_status cede_file_read(const char *path, enum cede_file_privacy privacy,
                                struct cede_buf buf, struct cede_span *contents)
{
    enum cede_status status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *contents = CEDE_SPAN_NULL;
    if (fd < 0) {
        return errno == ENOENT   ? CEDE_NOT_FOUND
               : errno == EACCES ? CEDE_FILE_PERMISSIONS
                                 : CEDE_FILE_FAILED;
    }
    status = read_open_file(fd, privacy, buf, contents);
    (void)close(fd);
    return status;
}

/* Fills the temporary file; everything durable before the name changes. */
static enum cede_status fill(int fd, mode_t mode, struct cede_span contents)
{
    CEDE_TRY(cede_pwrite_all(fd, contents, 0));
    return fchmod(fd, mode) == 0 && fsync(fd) == 0 ? CEDE_OK : CEDE_FILE_FAILED;
}

enum cede_status cede_file_write(const char *path, mode_t mode, struct cede_span contents)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    enum cede_status status;
    int fd;

    if (len < 0 || (size_t)len >= sizeof temporary) {
        return CEDE_FILE_FAILED;
    }
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 until it is complete */
    if (fd < 0) {
        return errno == EACCES ? CEDE_FILE_PERMISSIONS : CEDE_FILE_FAILED;
    }
    status = fill(fd, mode, contents);
    if (close(fd) != 0 && status == CEDE_OK) {
        status = CEDE_FILE_FAILED;
    }
    if (status == CEDE_OK && rename(temporary, path) != 0) {
        status = CEDE_FILE_FAILED;
    }
    if (status != CEDE_OK) {
        (void)unlink(temporary);
        return status;
    }
    return cede_sync_folder_of(path);
}
