/* SPDX-License-Identifier: Apache-2.0 */
/* pkcs7_test.c - certs-only messages; OpenSSL is the second opinion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "cede/pkcs7.h"
#include "cede/x509.h"
#include "hex.h"

#define OK(expression_) assert_int_equal((expression_), CEDE_OK)

/* The answer to /crts in RFC 9148, appendix A.1. */
static const char rfc9148_crts[] =
    "3082027a06092a864886f70d010702a082026b308202670201013100300b06092a864886f70d010701a082024d3082"
    "0249308201efa00302010202080b8bb0fe604f6a1e300a06082a8648ce3d0403023067310b30090603550406130255"
    "53310b300906035504080c024341310b300906035504070c024c4131143012060355040a0c0b4578616d706c652049"
    "6e6331163014060355040b0c0d63657274696669636174696f6e3110300e06035504030c07526f6f74204341301e17"
    "0d3139303133313131323730335a170d3339303132363131323730335a3067310b3009060355040613025553310b30"
    "0906035504080c024341310b300906035504070c024c4131143012060355040a0c0b4578616d706c6520496e633116"
    "3014060355040b0c0d63657274696669636174696f6e3110300e06035504030c07526f6f742043413059301306072a"
    "8648ce3d020106082a8648ce3d030107034200040c1b1e82ba8cc72680973f97edb8a0c72ab0d405f05d4fe29b997a"
    "14ccce89008313d09666b6ce375c595fcc8e37f8e4354497011be90e56794bd91ad951ab45a38184308181301d0603"
    "551d0e041604141df1208944d77b5f1d9dcb51ee244a523f3ef5de301f0603551d230418301680141df1208944d77b"
    "5f1d9dcb51ee244a523f3ef5de300f0603551d130101ff040530030101ff300e0603551d0f0101ff04040302010630"
    "1e0603551d1104173015811363657274696679406578616d706c652e636f6d300a06082a8648ce3d04030203480030"
    "4502202b891dd411d07a6d6f621947635ba4c43165296b3f633726f02e51ecf464bd40022100b4be8a80d08675f041"
    "fbc719acf3b39dedc85dc92b3035868cb2daa8f05db196a1003100";

static uint8_t message[1024];
static struct cede_span rfc9148;

static int begin(void **state)
{
    (void)state;
    rfc9148 = hex_into(CEDE_BUF_ARRAY(message), rfc9148_crts);
    return 0;
}

static void test_the_rfc_s_example(void **state)
{
    struct cede_pkcs7 pkcs7;
    struct cede_span certificate;
    struct cede_x509 x509;

    (void)state;
    assert_true(cede_pkcs7_is(rfc9148));
    OK(cede_pkcs7_open(rfc9148, &pkcs7));
    assert_true(cede_pkcs7_next(&pkcs7, &certificate));
    OK(cede_x509_decode(certificate, &x509));
    assert_true(cede_span_equal(cede_x509_common_name(x509.subject), CEDE_SPAN_TEXT("Root CA")));
    assert_false(cede_pkcs7_is(certificate));
    assert_false(cede_pkcs7_next(&pkcs7, &certificate));
    assert_true(cede_span_is_null(certificate));
}

static void test_truncated_or_longer_is_refused(void **state)
{
    struct cede_pkcs7 pkcs7;
    struct cede_span certificate;

    (void)state;
    for (size_t len = 0; len < rfc9148.len; len++) {
        assert_int_not_equal(cede_pkcs7_open(cede_span(rfc9148.ptr, len), &pkcs7), CEDE_OK);
        assert_false(cede_pkcs7_next(&pkcs7, &certificate));
    }
    message[rfc9148.len] = 0;
    assert_int_not_equal(cede_pkcs7_open(cede_span(message, rfc9148.len + 1), &pkcs7), CEDE_OK);
}

/* Signed data with contents, with a signer, of another kind; an attribute certificate. */
static void test_other_messages_are_refused(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status status;
    } others[] = {
        /* id-data instead of id-signedData */
        {"302306092a864886f70d010701a01630140201013100300b06092a864886f70d0107013100",
         CEDE_DER_VALUE},
        /* contents */
        {"302706092a864886f70d010702a01a30180201013100300f06092a864886f70d010701a00204003100",
         CEDE_TRAILING_BYTES},
        /* a digest algorithm */
        {"302506092a864886f70d010702a018301602010131023000300b06092a864886f70d0107013100",
         CEDE_DER_VALUE},
        /* a signer */
        {"302506092a864886f70d010702a01830160201013100300b06092a864886f70d01070131023000",
         CEDE_DER_VALUE},
        /* version 2 */
        {"302306092a864886f70d010702a01630140201023100300b06092a864886f70d0107013100",
         CEDE_DER_VALUE},
        /* an attribute certificate */
        {"302706092a864886f70d010702a01a30180201013100300b06092a864886f70d010701a002a1003100",
         CEDE_DER_TAG},
        /* a version that is no number */
        {"302306092a864886f70d010702a0163014 040101 3100300b06092a864886f70d0107013100",
         CEDE_DER_TAG},
        /* more after SignedData, after its explicit tag, after the whole */
        {"302506092a864886f70d010702a01830140201013100300b06092a864886f70d01070131000500",
         CEDE_TRAILING_BYTES},
        {"302506092a864886f70d010702a01630140201013100300b06092a864886f70d01070131000500",
         CEDE_TRAILING_BYTES},
        {"302306092a864886f70d010702a01630140201013100300b06092a864886f70d01070131000500",
         CEDE_TRAILING_BYTES},
    };
    struct cede_pkcs7 pkcs7;
    uint8_t memory[64];

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct cede_span other = hex_into(CEDE_BUF_ARRAY(memory), others[i].hex);
        assert_int_equal(cede_pkcs7_open(other, &pkcs7), others[i].status);
    }
    /* The same bytes with nothing wrong in them. */
    OK(cede_pkcs7_open(
        hex_into(CEDE_BUF_ARRAY(memory),
                 "302306092a864886f70d010702a01630140201013100300b06092a864886f70d0107013100"),
        &pkcs7));
}

/* RFC 5652, section 5.1: version 3 when other kinds of CRLs are inside. */
static void test_revocation_lists_are_passed_over(void **state)
{
    struct cede_pkcs7 pkcs7;
    struct cede_span certificate;
    uint8_t memory[64];

    (void)state;
    OK(cede_pkcs7_open(hex_into(CEDE_BUF_ARRAY(memory),
                                "302b06092a864886f70d010702a01e301c0201033100"
                                "300b06092a864886f70d010701a0023000a1023000 3100"),
                       &pkcs7));
    assert_true(cede_pkcs7_next(&pkcs7, &certificate));
    assert_true(cede_span_equal(certificate, HEX("3000")));
    assert_false(cede_pkcs7_next(&pkcs7, &certificate));
}

static void test_a_message_needs_its_whole_room(void **state)
{
    const struct cede_span certificate = CEDE_SPAN_TEXT("\x30\0");
    uint8_t memory[64];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    size_t whole;

    (void)state;
    cede_pkcs7_put_certs(&writer, &certificate, 1);
    OK(writer.status);
    whole = writer.len;
    for (size_t cap = 0; cap < whole; cap++) {
        memory[cap] = 0xa5;
        writer = cede_writer(cede_buf(memory, cap));
        cede_pkcs7_put_certs(&writer, &certificate, 1);
        assert_int_equal(writer.status, CEDE_NO_SPACE);
        assert_int_equal(memory[cap], 0xa5);
    }
    writer = cede_writer(cede_buf(memory, whole));
    cede_pkcs7_put_certs(&writer, &certificate, 1);
    OK(writer.status);
}

static void test_what_is_written_is_read_by_others(void **state)
{
    uint8_t memory[2048];
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(memory));
    struct cede_span certificates[2], der;
    struct cede_pkcs7 pkcs7;
    const uint8_t *at;
    PKCS7 *theirs;

    (void)state;
    OK(cede_pkcs7_open(rfc9148, &pkcs7));
    assert_true(cede_pkcs7_next(&pkcs7, &certificates[0]));
    certificates[1] = certificates[0];
    cede_pkcs7_put_certs(&writer, certificates, 2);
    OK(cede_writer_finish(&writer, &der));
    at = der.ptr;
    theirs = d2i_PKCS7(NULL, &at, (long)der.len);
    assert_non_null(theirs);
    assert_int_equal(at - der.ptr, der.len);
    assert_true(PKCS7_type_is_signed(theirs));
    assert_int_equal(sk_X509_num(theirs->d.sign->cert), 2);
    PKCS7_free(theirs);
    writer = cede_writer(cede_buf(memory, 100));
    cede_pkcs7_put_certs(&writer, certificates, 1);
    assert_int_equal(cede_writer_finish(&writer, &der), CEDE_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_rfc_s_example, begin),
        cmocka_unit_test_setup(test_truncated_or_longer_is_refused, begin),
        cmocka_unit_test_setup(test_other_messages_are_refused, begin),
        cmocka_unit_test_setup(test_revocation_lists_are_passed_over, begin),
        cmocka_unit_test_setup(test_what_is_written_is_read_by_others, begin),
        cmocka_unit_test_setup(test_a_message_needs_its_whole_room, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
