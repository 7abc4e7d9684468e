/* SPDX-License-Identifier: Apache-2.0 */
/* io.h - whole reads and writes, and folders made durable, for the files of the POSIX port. */
#ifndef CEDE_POSIX_IO_H
#define CEDE_POSIX_IO_H

#include <sys/types.h>

#include "cede/bytes.h"

/* All of `buf` from `at`; CEDE_FILE_FAILED when the file ends first. */
CEDE_MUST_USE enum cede_status cede_pread_all(int fd, struct cede_buf buf, off_t at);
CEDE_MUST_USE enum cede_status cede_pwrite_all(int fd, struct cede_span bytes, off_t at);
/* Makes the entry of `path` in its folder durable. */
CEDE_MUST_USE enum cede_status cede_sync_folder_of(const char *path);

#endif
