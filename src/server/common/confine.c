/* SPDX-License-Identifier: Apache-2.0 */
/* confine.c - Landlock for files, a seccomp filter for calls, two process attributes. */
#include "server/common/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* LeakSanitizer looks at its own process from outside when it ends. */
#if defined(__SANITIZE_ADDRESS__)
#define LOOKED_INTO true
#else
#define LOOKED_INTO false
#endif

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0
#endif

/* --- files: Landlock -------------------------------------------------------------------------- */

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITING (READING | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define MAKING  (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* All that Landlock knows since its first version. */
#define HANDLED                                                                                    \
    (WRITING | MAKING | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |               \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static uint64_t rights_of(enum confine_access access, bool directory)
{
    uint64_t rights = access == CONFINE_READ    ? READING
                      : access == CONFINE_WRITE ? WRITING
                                                : MAKING | LANDLOCK_ACCESS_FS_READ_DIR;

    return directory ? rights : rights & ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
}

static bool allow(int ruleset, const struct confine_path *path)
{
    struct landlock_path_beneath_attr rule;
    struct stat info;
    int fd = open(path->path, O_PATH | O_CLOEXEC);
    bool done = fd >= 0 && fstat(fd, &info) == 0;

    if (fd < 0) {
        return errno == ENOENT;
    }
    if (done) {
        memset(&rule, 0, sizeof rule);
        rule.parent_fd = fd;
        rule.allowed_access = rights_of(path->access, S_ISDIR(info.st_mode));
        done = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    }
    close(fd);
    return done;
}

static bool confine_files(const struct confine_path *paths, size_t count)
{
    struct landlock_ruleset_attr attributes;
    int ruleset = -1;
    bool done = true;

    memset(&attributes, 0, sizeof attributes);
    attributes.handled_access_fs = HANDLED;
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) {
        return errno == ENOSYS || errno == EOPNOTSUPP;
    }
    for (size_t i = 0; done && i < count; i++) {
        done = allow(ruleset, &paths[i]);
    }
    done = done && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return done;
}

/* --- calls: seccomp --------------------------------------------------------------------------- */

/* Taken from everybody; the debugging calls stand first. */
static const uint32_t no_calls[] = {
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_execve, SYS_execveat,
    SYS_bpf,    SYS_io_uring_setup, /* would go round this filter */
};
static const uint32_t no_network[] = {SYS_socket, SYS_connect, SYS_bind, SYS_listen};

#define CALLS_MAX 16

static size_t pick_calls(bool network, uint32_t calls[CALLS_MAX])
{
    size_t count = 0;

    for (size_t i = LOOKED_INTO ? 3 : 0; i < sizeof no_calls / sizeof no_calls[0]; i++) {
        calls[count++] = no_calls[i];
    }
    for (size_t i = 0; !network && i < sizeof no_network / sizeof no_network[0]; i++) {
        calls[count++] = no_network[i];
    }
    return count;
}

/* Calls of another architecture's numbering end the process, listed ones fail with EPERM. */
static bool confine_calls(bool network)
{
    struct sock_filter code[CALLS_MAX + 6];
    uint32_t calls[CALLS_MAX];
    size_t count = pick_calls(network, calls);
    struct sock_fprog program = {0, code};
    size_t at = 0;

    if (ARCHITECTURE == 0) {
        return true;
    }
    code[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        /* On a match, over the other tests and the "allow", to the last line. */
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i],
                                                  (uint8_t)(count - i), 0);
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    program.len = (unsigned short)at;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 || errno == EINVAL;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool give_up_privileges(void)
{
    struct rlimit none = {0, 0};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
           (LOOKED_INTO || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

enum cede_status confine(const struct confine_rules *rules)
{
    bool done = give_up_privileges();

    if (done && rules->paths != NULL) {
        done = confine_files(rules->paths, rules->paths_count);
    }
    return done && confine_calls(rules->network) ? CEDE_OK : CEDE_OS_FAILED;
}

enum cede_status confine_to_store(const char *path, bool network)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char files[3][PATH_MAX];
    char directory[PATH_MAX];
    /* Names are looked up, and libraries for that loaded, whenever a partner is called. */
    struct confine_path paths[] = {
        {files[0], CONFINE_WRITE},      {files[1], CONFINE_WRITE},
        {files[2], CONFINE_WRITE},      {directory, CONFINE_REPLACE},
        {"/etc", CONFINE_READ},         {"/usr", CONFINE_READ},
        {"/lib", CONFINE_READ},         {"/run/systemd/resolve", CONFINE_READ},
        {"/dev/urandom", CONFINE_READ}, {CONFINE_OF_ONESELF, CONFINE_READ},
    };
    struct confine_rules rules = {paths, sizeof paths / sizeof paths[0], network};
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; i < 3; i++) {
        if (snprintf(files[i], PATH_MAX, "%s%s", path, suffixes[i]) >= PATH_MAX) {
            return CEDE_BAD_ARGUMENT;
        }
    }
    snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    return confine(&rules);
}

enum cede_status confine_to_nothing(bool network)
{
    struct confine_path paths[] = {{CONFINE_OF_ONESELF, CONFINE_READ}};
    struct confine_rules rules = {paths, 1, network};

    return confine(&rules);
}
