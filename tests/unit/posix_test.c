/* SPDX-License-Identifier: Apache-2.0 */
/* posix_test.c - the POSIX port, against real files and sockets in a folder of its own. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cede/posix.h"

#define SLOT_SIZE 1024

static char folder[] = "/tmp/cede-posix-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"image", "short", "link", "file", "secret"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(names[i]);
    }
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1; /* no temporary file is left behind */
}

/* --- the image ----------------------------------------------------------------------------------
 */

static void a_journal_survives_in_a_file(void **state)
{
    struct cede_file_flash file;
    struct cede_journal journal;
    struct cede_span payload;
    struct stat st;
    uint8_t buf[SLOT_SIZE];

    (void)state;
    assert_int_equal(cede_file_flash_open(&file, "image", SLOT_SIZE), CEDE_OK);
    assert_int_equal(stat("image", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 2 * SLOT_SIZE);
    assert_int_equal(cede_journal_load(&journal, &file.flash, cede_crypto_openssl(),
                                       CEDE_BUF_ARRAY(buf), &payload),
                     CEDE_JOURNAL_BLANK);
    assert_int_equal(cede_journal_commit(&journal, CEDE_SPAN_TEXT("one")), CEDE_OK);
    assert_int_equal(cede_journal_commit(&journal, CEDE_SPAN_TEXT("two")), CEDE_OK);
    assert_int_equal(cede_journal_scrub(&journal), CEDE_OK);
    cede_file_flash_close(&file);
    assert_int_equal(cede_file_flash_open(&file, "image", SLOT_SIZE), CEDE_OK);
    assert_int_equal(cede_journal_load(&journal, &file.flash, cede_crypto_openssl(),
                                       CEDE_BUF_ARRAY(buf), &payload),
                     CEDE_OK);
    assert_true(cede_span_equal(payload, CEDE_SPAN_TEXT("two")));
    cede_file_flash_close(&file);
}

static void an_image_in_use_is_refused(void **state)
{
    struct cede_file_flash file, second;
    int result;
    pid_t child;

    (void)state;
    assert_int_equal(cede_file_flash_open(&file, "image", SLOT_SIZE), CEDE_OK);
    assert_int_equal(cede_file_flash_open(&second, "image", SLOT_SIZE), CEDE_FILE_LOCKED);
    child = fork();
    if (child == 0) {
        _exit(cede_file_flash_open(&second, "image", SLOT_SIZE) == CEDE_FILE_LOCKED ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    cede_file_flash_close(&file);
    assert_int_equal(cede_file_flash_open(&second, "image", SLOT_SIZE), CEDE_OK);
    cede_file_flash_close(&second);
}

static void images_others_may_touch_are_refused(void **state)
{
    static const mode_t bad[] = {0640, 0604, 0660, 0666, 0700, 0400};
    struct cede_file_flash file;

    (void)state;
    assert_int_equal(cede_file_flash_open(&file, "image", SLOT_SIZE), CEDE_OK);
    cede_file_flash_close(&file);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(chmod("image", bad[i]), 0);
        assert_int_equal(cede_file_flash_open(&file, "image", SLOT_SIZE), CEDE_FILE_PERMISSIONS);
        assert_int_equal(file.fd, -1);
    }
    assert_int_equal(chmod("image", 0600), 0);
    assert_int_equal(symlink("image", "link"), 0);
    assert_int_equal(cede_file_flash_open(&file, "link", SLOT_SIZE), CEDE_FILE_PERMISSIONS);
    assert_int_equal(cede_file_flash_open(&file, "image", SLOT_SIZE), CEDE_OK);
    cede_file_flash_close(&file);
}

static void images_of_another_size_are_refused(void **state)
{
    struct cede_file_flash file;

    (void)state;
    assert_int_equal(cede_file_write("short", 0600, CEDE_SPAN_TEXT("not an image")), CEDE_OK);
    assert_int_equal(cede_file_flash_open(&file, "short", SLOT_SIZE), CEDE_FILE_FAILED);
    assert_int_equal(cede_file_flash_open(&file, "image", 2 * SLOT_SIZE), CEDE_FILE_FAILED);
    assert_int_equal(cede_file_flash_open(&file, "image", SLOT_SIZE / 2), CEDE_FILE_FAILED);
    /* The making of an image was cut: it goes on. */
    assert_int_equal(cede_file_write("short", 0600, CEDE_SPAN_TEXT("\xff\xff\xff\xff")), CEDE_OK);
    assert_int_equal(cede_file_flash_open(&file, "short", SLOT_SIZE), CEDE_OK);
    cede_file_flash_close(&file);
    assert_int_equal(cede_file_flash_open(&file, "image", 33), CEDE_BAD_ARGUMENT);
    assert_int_equal(cede_file_flash_open(&file, "no/such/folder", SLOT_SIZE), CEDE_FILE_FAILED);
}

/* --- files --------------------------------------------------------------------------------------
 */

static void files_are_replaced_whole(void **state)
{
    uint8_t buf[32];
    struct cede_span contents;
    struct stat st;

    (void)state;
    assert_int_equal(cede_file_write("file", 0644, CEDE_SPAN_TEXT("first, longer")), CEDE_OK);
    assert_int_equal(cede_file_write("file", 0640, CEDE_SPAN_TEXT("second")), CEDE_OK);
    assert_int_equal(stat("file", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(cede_file_read("file", CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(buf), &contents),
                     CEDE_OK);
    assert_true(cede_span_equal(contents, CEDE_SPAN_TEXT("second")));
    assert_int_equal(cede_file_read("file", CEDE_FILE_PUBLIC, cede_buf(buf, 5), &contents),
                     CEDE_NO_SPACE);
    assert_null(contents.ptr);
    assert_int_equal(cede_file_read("none", CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(buf), &contents),
                     CEDE_NOT_FOUND);
    assert_int_equal(cede_file_read(".", CEDE_FILE_PUBLIC, CEDE_BUF_ARRAY(buf), &contents),
                     CEDE_FILE_FAILED);
    assert_int_equal(cede_file_write("no/such/folder", 0600, contents), CEDE_FILE_FAILED);
}

static void secrets_must_be_ours_alone(void **state)
{
    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610};
    uint8_t buf[32];
    struct cede_span contents;

    (void)state;
    assert_int_equal(cede_file_write("secret", 0600, CEDE_SPAN_TEXT("key")), CEDE_OK);
    assert_int_equal(cede_file_read("secret", CEDE_FILE_SECRET, CEDE_BUF_ARRAY(buf), &contents),
                     CEDE_OK);
    assert_true(cede_span_equal(contents, CEDE_SPAN_TEXT("key")));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(chmod("secret", bad[i]), 0);
        assert_int_equal(cede_file_read("secret", CEDE_FILE_SECRET, CEDE_BUF_ARRAY(buf), &contents),
                         CEDE_FILE_PERMISSIONS);
        assert_null(contents.ptr);
    }
    assert_int_equal(cede_file_read("/dev/null", CEDE_FILE_SECRET, CEDE_BUF_ARRAY(buf), &contents),
                     CEDE_FILE_PERMISSIONS);
}

/* --- clocks and sockets -------------------------------------------------------------------------
 */

static void clocks_go_forward(void **state)
{
    uint64_t before = cede_monotonic_ms();

    (void)state;
    assert_int_equal(usleep(5000), 0);
    assert_in_range(cede_monotonic_ms() - before, 5, 5000);
    assert_true(cede_wall_clock() > 1700000000);
}

static void wait_readable(int fd)
{
    struct pollfd entry = {fd, POLLIN, 0};

    assert_int_equal(poll(&entry, 1, 2000), 1);
}

static void exchange(const char *host)
{
    struct cede_address local, from, seen;
    struct cede_span datagram;
    uint8_t buf[16];
    int server, client;

    assert_int_equal(cede_address_resolve(host, 0, &local), CEDE_OK);
    assert_int_equal(cede_udp_bind(&local, &server), CEDE_OK);
    assert_int_equal(cede_udp_local(server, &local), CEDE_OK);
    assert_int_equal(cede_udp_connect(&local, &client), CEDE_OK);
    assert_int_equal(cede_udp_receive(server, &from, CEDE_BUF_ARRAY(buf), &datagram),
                     CEDE_SOCKET_AGAIN);
    assert_int_equal(cede_udp_send(client, NULL, CEDE_SPAN_TEXT("ping")), CEDE_OK);
    wait_readable(server);
    assert_int_equal(cede_udp_receive(server, &from, CEDE_BUF_ARRAY(buf), &datagram), CEDE_OK);
    assert_true(cede_span_equal(datagram, CEDE_SPAN_TEXT("ping")));
    assert_int_equal(cede_udp_local(client, &seen), CEDE_OK);
    assert_true(cede_address_equal(&from, &seen));
    assert_false(cede_address_equal(&from, &local));
    assert_int_equal(cede_udp_send(server, &from, CEDE_SPAN_TEXT("seventeen bytes!!")), CEDE_OK);
    wait_readable(client);
    assert_int_equal(cede_udp_receive(client, NULL, CEDE_BUF_ARRAY(buf), &datagram), CEDE_NO_SPACE);
    assert_null(datagram.ptr);
    close(server);
    /* Nobody there any more: the refusal arrives with a later call. */
    assert_int_equal(cede_udp_send(client, NULL, CEDE_SPAN_TEXT("ping")), CEDE_OK);
    wait_readable(client);
    assert_int_equal(cede_udp_receive(client, NULL, CEDE_BUF_ARRAY(buf), &datagram),
                     CEDE_SOCKET_FAILED);
    close(client);
}

static void datagrams_go_both_ways(void **state)
{
    struct cede_address any;
    int fd;

    (void)state;
    exchange("127.0.0.1");
    /* IPv6 where the machine has it. */
    assert_int_equal(cede_address_resolve("::1", 0, &any), CEDE_OK);
    if (cede_udp_bind(&any, &fd) == CEDE_OK) {
        close(fd);
        exchange("::1");
    }
}

static void addresses_print_and_resolve(void **state)
{
    struct cede_address address, other;
    char text[CEDE_ADDRESS_TEXT_LEN];
    int fd;

    (void)state;
    assert_int_equal(cede_address_resolve("192.0.2.1", 5683, &address), CEDE_OK);
    assert_string_equal(cede_address_text(&address, text), "192.0.2.1:5683");
    assert_int_equal(cede_address_resolve("2001:db8::1", 65535, &other), CEDE_OK);
    assert_string_equal(cede_address_text(&other, text), "[2001:db8::1]:65535");
    assert_false(cede_address_equal(&address, &other));
    assert_int_equal(cede_address_resolve("2001:db8::1", 65534, &address), CEDE_OK);
    assert_false(cede_address_equal(&address, &other));
    assert_int_equal(cede_address_resolve("no such name", 1, &address), CEDE_SOCKET_NAME);
    assert_string_equal(cede_address_text(&address, text), "(none)");
    assert_int_equal(cede_udp_connect(&address, &fd), CEDE_SOCKET_FAILED);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_survives_in_a_file),
        cmocka_unit_test(an_image_in_use_is_refused),
        cmocka_unit_test(images_others_may_touch_are_refused),
        cmocka_unit_test(images_of_another_size_are_refused),
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(secrets_must_be_ours_alone),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(datagrams_go_both_ways),
        cmocka_unit_test(addresses_print_and_resolve),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
