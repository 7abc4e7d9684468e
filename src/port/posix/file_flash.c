/* SPDX-License-Identifier: Apache-2.0 */
/* file_flash.c - two flash slots in one file, the device image. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cede/posix.h"
#include "port/posix/io.h"

#define WRITE_SIZE 1
#define BLOCK_LEN  4096

static off_t position(const struct cede_file_flash *file, unsigned slot, size_t offset)
{
    return (off_t)(slot * file->flash.slot_size + offset);
}

static enum cede_status flash_read(void *context, unsigned slot, size_t offset, struct cede_buf buf)
{
    const struct cede_file_flash *file = context;

    return cede_pread_all(file->fd, buf, position(file, slot, offset));
}

static enum cede_status flash_write(void *context, unsigned slot, size_t offset,
                                    struct cede_span bytes)
{
    const struct cede_file_flash *file = context;

    CEDE_TRY(cede_pwrite_all(file->fd, bytes, position(file, slot, offset)));
    return fdatasync(file->fd) == 0 ? CEDE_OK : CEDE_FILE_FAILED;
}

static enum cede_status flash_erase(void *context, unsigned slot)
{
    const struct cede_file_flash *file = context;
    uint8_t block[BLOCK_LEN];

    memset(block, 0xff, sizeof block);
    for (size_t at = 0; at < file->flash.slot_size; at += BLOCK_LEN) {
        size_t left = file->flash.slot_size - at;

        CEDE_TRY(cede_pwrite_all(file->fd, cede_span(block, left < BLOCK_LEN ? left : BLOCK_LEN),
                                 position(file, slot, at)));
    }
    return fdatasync(file->fd) == 0 ? CEDE_OK : CEDE_FILE_FAILED;
}

/* CEDE_FILE_FAILED: the first `len` bytes of the file are not all 0xff. */
static enum cede_status check_erased(const struct cede_file_flash *file, size_t len)
{
    uint8_t block[BLOCK_LEN];

    for (size_t at = 0; at < len; at += BLOCK_LEN) {
        size_t part = len - at < BLOCK_LEN ? len - at : BLOCK_LEN;

        CEDE_TRY(cede_pread_all(file->fd, cede_buf(block, part), (off_t)at));
        for (size_t i = 0; i < part; i++) {
            if (block[i] != 0xff) {
                return CEDE_FILE_FAILED;
            }
        }
    }
    return CEDE_OK;
}

/* An image that is too short is new, or its making was cut: then nothing but erased bytes are in
 * it. Anything else of a wrong size is no image of ours, and stays as it is. */
static enum cede_status check_size(struct cede_file_flash *file, const char *path)
{
    off_t wanted = position(file, CEDE_JOURNAL_SLOT_COUNT, 0);
    struct stat st;

    if (fstat(file->fd, &st) != 0 || st.st_size > wanted) {
        return CEDE_FILE_FAILED;
    }
    if (st.st_size == wanted) {
        return CEDE_OK;
    }
    CEDE_TRY(check_erased(file, (size_t)st.st_size));
    CEDE_TRY(flash_erase(file, 0));
    CEDE_TRY(flash_erase(file, 1));
    return cede_sync_folder_of(path);
}

static enum cede_status lock_and_check(struct cede_file_flash *file, const char *path)
{
    struct stat st;

    if (fstat(file->fd, &st) != 0) {
        return CEDE_FILE_FAILED;
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 07777) != 0600) {
        return CEDE_FILE_PERMISSIONS;
    }
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? CEDE_FILE_LOCKED : CEDE_FILE_FAILED;
    }
    return check_size(file, path);
}

enum cede_status cede_file_flash_open(struct cede_file_flash *file_flash, const char *path,
                                      size_t slot_size)
{
    enum cede_status status;

    memset(file_flash, 0, sizeof *file_flash);
    file_flash->fd = -1;
    if (slot_size == 0 || slot_size % CEDE_JOURNAL_UNIT_MAX != 0 || slot_size > INT32_MAX) {
        return CEDE_BAD_ARGUMENT;
    }
    file_flash->flash = (struct cede_flash){file_flash, slot_size,   WRITE_SIZE,
                                            flash_read, flash_erase, flash_write};
    /* O_NONBLOCK: a FIFO in the file's place must not hang the start. */
    file_flash->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (file_flash->fd < 0) {
        return errno == ELOOP || errno == EACCES ? CEDE_FILE_PERMISSIONS : CEDE_FILE_FAILED;
    }
    status = lock_and_check(file_flash, path);
    if (status != CEDE_OK) {
        cede_file_flash_close(file_flash);
    }
    return status;
}

void cede_file_flash_close(struct cede_file_flash *file_flash)
{
    if (file_flash->fd >= 0) {
        (void)close(file_flash->fd); /* releases the lock */
    }
    file_flash->fd = -1;
}
