/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c509_key_test.c - C509PrivateKey, C509PEM, the envelope of files and request templates.
 *
 * PKCS #8 is checked against OpenSSL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "cede/certificate.h"
#include "cede/crypto_openssl.h"
#include "cede/est.h"
#include "hex.h"
#include "keys.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))

_Static_assert(CEDE_C509_FORMAT_CERTIFICATE == CEDE_EST_FORMAT_C509_CERT, "one number");
_Static_assert(CEDE_C509_FORMAT_REQUEST == CEDE_EST_FORMAT_C509_PKCS10, "one number");
_Static_assert(CEDE_C509_FORMAT_PRIVATE_KEY == CEDE_EST_FORMAT_C509_PRIVKEY, "one number");
_Static_assert(CEDE_C509_FORMAT_CHAIN == CEDE_EST_FORMAT_C509_CHAIN, "one number");
_Static_assert(CEDE_C509_FORMAT_TEMPLATE == CEDE_EST_FORMAT_C509_CRTEMPLATE, "one number");

static const struct cede_crypto *crypto;
static const int32_t curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_P521, CEDE_CRV_X25519,
                                 CEDE_CRV_ED25519};

static struct cede_span from_hex(const char *hex, uint8_t *room, size_t cap)
{
    return hex_into(cede_buf(room, cap), hex);
}

/* --- private keys ----------------------------------------------------------------------------- */

static void keys_of_both_types_are_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves) * 4; i++) {
        uint8_t room[300];
        struct key key;
        struct cede_span encoding;
        struct cede_c509_private_key read;
        struct cede_private_key opened;
        int32_t type = i % 2 != 0 ? CEDE_C509_KEY_COSE : CEDE_C509_KEY_OCTETS;

        make_key(crypto, &key, curves[i / 4]);
        assert_ok(cede_c509_private_key_write(type, &key.private_key,
                                              i / 2 % 2 != 0 ? &key.public_key : NULL,
                                              CEDE_BUF_ARRAY(room), &encoding));
        assert_ok(cede_c509_private_key_decode(encoding, &read));
        assert_int_equal(type, read.type);
        assert_ok(cede_c509_private_key_open(&read, &opened));
        assert_int_equal(curves[i / 4], opened.curve);
        assert_true(cede_span_equal(key.private_key.scalar, opened.scalar));
        for (size_t len = 0; len < encoding.len; len++) {
            assert_int_not_equal(CEDE_OK,
                                 cede_c509_private_key_decode(cede_span(room, len), &read));
            assert_null(read.scalar.ptr);
        }
        room[0] = 0x84;
        assert_int_equal(CEDE_CBOR_COUNT, cede_c509_private_key_decode(encoding, &read));
        room[0] = 0x83;
        room[1] = 0x02; /* no such type */
        assert_int_equal(CEDE_C509_TYPE, cede_c509_private_key_decode(encoding, &read));
    }
}

/* The same key, written by hand: [0, 1, ECPrivateKey] and [1, 12, COSE_Key]. */
static void keys_as_the_draft_describes_them(void **state)
{
    static const char octets[] =
        "830001582730250201010420dc66b3415456d649429b53223df7532b942d6b0e0842c30bca4c0acf91547bb2";
    static const char cose[] = "83010ca3010120062358209d61b19deffd5a60ba844af492ec2cc44449c5697b326"
                               "919703bac031cae7f60";
    uint8_t room[128], written_room[128];
    struct cede_c509_private_key key;
    struct cede_private_key opened;
    struct cede_span encoding, written;

    (void)state;
    encoding = from_hex(octets, room, sizeof room);
    assert_ok(cede_c509_private_key_decode(encoding, &key));
    assert_ok(cede_c509_private_key_open(&key, &opened));
    assert_int_equal(CEDE_CRV_P256, opened.curve);
    assert_ok(cede_c509_private_key_write(CEDE_C509_KEY_OCTETS, &opened, NULL,
                                          CEDE_BUF_ARRAY(written_room), &written));
    assert_true(cede_span_equal(encoding, written));
    encoding = from_hex(cose, room, sizeof room);
    assert_ok(cede_c509_private_key_decode(encoding, &key));
    assert_ok(cede_c509_private_key_open(&key, &opened));
    assert_int_equal(CEDE_CRV_ED25519, opened.curve);
    assert_ok(cede_c509_private_key_write(CEDE_C509_KEY_COSE, &opened, NULL,
                                          CEDE_BUF_ARRAY(written_room), &written));
    assert_true(cede_span_equal(encoding, written));
}

static void keys_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status status;
    } cases[] = {
        {"8300014100", CEDE_CRYPTO_KEY},   /* no ECPrivateKey */
        {"83000c420400", CEDE_CRYPTO_KEY}, /* CurvePrivateKey too short */
        {"8301014100", CEDE_CBOR_TYPE},    /* no COSE_Key */
        {"83010ca3010120062158200000000000000000000000000000000000000000000000000000000000000001",
         CEDE_CRYPTO_KEY}, /* the public half alone */
        {"830101a3010120062358209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         CEDE_CRYPTO_KEY}, /* a key of another curve than said */
        {"830001582830250201010420dc66b3415456d649429b53223df7532b942d6b0e0842c30bca4c0acf91547bb2"
         "00",
         CEDE_CRYPTO_KEY}, /* trailing bytes */
        {"8300015827302502010204"
         "20dc66b3415456d649429b53223df7532b942d6b0e0842c30bca4c0acf91547bb2",
         CEDE_CRYPTO_KEY}, /* ecPrivkeyVer2 does not exist */
    };
    uint8_t room[128];
    struct cede_c509_private_key key;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum cede_status status =
            cede_c509_private_key_decode(from_hex(cases[i].hex, room, sizeof room), &key);
        if (cases[i].status == CEDE_CRYPTO_KEY) {
            assert_int_equal(CEDE_CRYPTO_KEY, status);
        } else {
            assert_int_not_equal(CEDE_OK, status);
        }
    }
}

/* Keys of other kinds are carried, and cannot be opened. */
static void foreign_keys_are_carried(void **state)
{
    uint8_t room[16];
    struct cede_c509_private_key key;
    struct cede_private_key opened;

    (void)state;
    assert_ok(cede_c509_private_key_decode(from_hex("8300004101", room, sizeof room), &key));
    assert_int_equal(0, key.curve);
    assert_int_equal(1, key.octets.len);
    assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, cede_c509_private_key_open(&key, &opened));
}

/* What OpenSSL writes comes back byte for byte, RSA too. */
static void pkcs8_comes_back(void **state)
{
    static const char *const kinds[] = {"P-256", "P-384", "P-521", "X25519", "ED25519", "RSA"};

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        static uint8_t room[2048], back_room[2048];
        EVP_PKEY *pkey = i < 3    ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", kinds[i])
                         : i == 5 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024)
                                  : EVP_PKEY_Q_keygen(NULL, NULL, kinds[i]);
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
        uint8_t *der = NULL;
        int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
        struct cede_span encoding, back;

        assert_true(len > 0);
        assert_ok(cede_c509_private_key_from_pkcs8(cede_span(der, (size_t)len),
                                                   CEDE_BUF_ARRAY(room), &encoding));
        assert_ok(cede_c509_private_key_to_pkcs8(encoding, CEDE_BUF_ARRAY(back_room), &back));
        assert_true(cede_span_equal(cede_span(der, (size_t)len), back));
        for (size_t cut = 0; cut < (size_t)len; cut++) {
            assert_int_not_equal(CEDE_OK,
                                 cede_c509_private_key_from_pkcs8(cede_span(der, cut),
                                                                  CEDE_BUF_ARRAY(room), &encoding));
            assert_null(encoding.ptr);
        }
        OPENSSL_free(der);
        PKCS8_PRIV_KEY_INFO_free(info);
        EVP_PKEY_free(pkey);
    }
}

/* Attributes and public keys beside the octets have no place in C509PrivateKey. */
static void pkcs8_that_would_lose_something_is_refused(void **state)
{
    static const char with_public_key[] =
        "3051020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44"
        "7558"
        "428121001"
        "9bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"; /* as RFC 8410, 10.3 */
    uint8_t room[256], out[256];
    struct cede_span encoding;

    (void)state;
    assert_int_equal(CEDE_C509_NOT_EXPRESSIBLE,
                     cede_c509_private_key_from_pkcs8(from_hex(with_public_key, room, sizeof room),
                                                      CEDE_BUF_ARRAY(out), &encoding));
    assert_null(encoding.ptr);
}

/* A COSE_Key becomes a PKCS #8 key that OpenSSL takes, and it is the same key. */
static void cose_keys_become_pkcs8(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves); i++) {
        uint8_t room[300], der_room[300], point[CEDE_PUBLIC_KEY_LEN_MAX];
        struct cede_span encoding, der;
        struct cede_public_key public_key;
        const uint8_t *in = der_room;
        EVP_PKEY *pkey;
        struct key key;

        make_key(crypto, &key, curves[i]);
        assert_ok(cede_c509_private_key_write(CEDE_C509_KEY_COSE, &key.private_key, &key.public_key,
                                              CEDE_BUF_ARRAY(room), &encoding));
        assert_ok(cede_c509_private_key_to_pkcs8(encoding, CEDE_BUF_ARRAY(der_room), &der));
        pkey = d2i_AutoPrivateKey(NULL, &in, (long)der.len);
        assert_non_null(pkey);
        assert_ok(cede_openssl_public_key(pkey, point, &public_key));
        assert_true(cede_span_equal(key.public_key.point, public_key.point));
        EVP_PKEY_free(pkey);
    }
}

static void handles_are_not_written(void **state)
{
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_NULL, &key};
    uint8_t room[64];
    struct cede_span encoding;

    (void)state;
    assert_int_equal(CEDE_CRYPTO_KEY, cede_c509_private_key_write(CEDE_C509_KEY_COSE, &key, NULL,
                                                                  CEDE_BUF_ARRAY(room), &encoding));
    assert_null(encoding.ptr);
}

#define SCALAR "dc66b3415456d649429b53223df7532b942d6b0e0842c30bca4c0acf91547bb2"

/* ECPrivateKey may name its curve once more, and hold the public key. */
static void ec_private_keys_may_name_their_curve(void **state)
{
    static const char with_curve[] = "83000158333031020101"
                                     "0420" SCALAR "a00a06082a8648ce3d030107";
    uint8_t room[128], der_room[128];
    struct cede_c509_private_key key;
    struct cede_span encoding = from_hex(with_curve, room, sizeof room), der;

    (void)state;
    assert_ok(cede_c509_private_key_decode(encoding, &key));
    assert_int_equal(32, key.scalar.len);
    assert_ok(cede_c509_private_key_to_pkcs8(encoding, CEDE_BUF_ARRAY(der_room), &der));
    assert_ok(cede_c509_private_key_from_pkcs8(der, CEDE_BUF_ARRAY(room), &encoding));
    assert_ok(cede_c509_private_key_decode(encoding, &key));
    room[encoding.len - 12] = 0xa2; /* there is no [2] */
    assert_int_equal(CEDE_CRYPTO_KEY, cede_c509_private_key_decode(encoding, &key));
}

static void keys_are_written_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(curves) * 2; i++) {
        uint8_t room[300], der_room[300], small_room[300];
        struct cede_span encoding, der, none;
        struct key key;

        make_key(crypto, &key, curves[i / 2]);
        assert_ok(cede_c509_private_key_write(
            i % 2 != 0 ? CEDE_C509_KEY_COSE : CEDE_C509_KEY_OCTETS, &key.private_key,
            &key.public_key, CEDE_BUF_ARRAY(room), &encoding));
        assert_ok(cede_c509_private_key_to_pkcs8(encoding, CEDE_BUF_ARRAY(der_room), &der));
        for (size_t cap = 0; cap < encoding.len; cap++) {
            assert_int_equal(CEDE_NO_SPACE,
                             cede_c509_private_key_write(i % 2, &key.private_key, &key.public_key,
                                                         cede_buf(small_room, cap), &none));
            assert_null(none.ptr);
        }
        for (size_t cap = 0; cap < der.len; cap++) {
            assert_int_equal(CEDE_NO_SPACE, cede_c509_private_key_to_pkcs8(
                                                encoding, cede_buf(small_room, cap), &none));
            assert_null(none.ptr);
        }
        assert_ok(cede_c509_private_key_from_pkcs8(der, CEDE_BUF_ARRAY(room), &encoding));
        for (size_t cap = 0; cap < encoding.len; cap++) {
            assert_int_equal(CEDE_NO_SPACE, cede_c509_private_key_from_pkcs8(
                                                der, cede_buf(small_room, cap), &none));
            assert_null(none.ptr);
        }
        assert_ok(cede_c509_private_key_from_pkcs8(der, cede_buf(NULL, 0), &none)); /* counted */
        assert_null(none.ptr);
        der_room[der.len] = 0;
        assert_int_equal(CEDE_TRAILING_BYTES,
                         cede_c509_private_key_from_pkcs8(cede_span(der_room, der.len + 1),
                                                          CEDE_BUF_ARRAY(room), &encoding));
        assert_null(encoding.ptr);
    }
}

/* PKCS #8 of P-256 around octets that are no ECPrivateKey: nothing of it is handed on. */
static void pkcs8_without_a_key_is_refused(void **state)
{
    uint8_t room[64], out[64];
    struct cede_span encoding;

    (void)state;
    assert_int_equal(
        CEDE_CRYPTO_KEY,
        cede_c509_private_key_from_pkcs8(
            from_hex("301a020100301306072a8648ce3d020106082a8648ce3d0301070400", room, sizeof room),
            CEDE_BUF_ARRAY(out), &encoding));
    assert_null(encoding.ptr);
}

static void keys_that_do_not_go_together_are_not_written(void **state)
{
    uint8_t room[300];
    struct cede_span encoding;
    struct cede_private_key foreign;
    struct cede_public_key wrong;
    struct key key, other;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    make_key(crypto, &other, CEDE_CRV_ED25519);
    for (int32_t type = -1; type <= 2; type++) {
        assert_int_equal(type == 0 || type == 1 ? CEDE_OK : CEDE_C509_TYPE,
                         cede_c509_private_key_write(type, &key.private_key, &key.public_key,
                                                     CEDE_BUF_ARRAY(room), &encoding));
        assert_true((type == 0 || type == 1) == (encoding.ptr != NULL));
        assert_int_equal(CEDE_CRYPTO_KEY,
                         cede_c509_private_key_write(type, &key.private_key, &other.public_key,
                                                     CEDE_BUF_ARRAY(room), &encoding));
        wrong = key.public_key;
        wrong.point.len--;
        assert_int_equal(CEDE_CRYPTO_KEY,
                         cede_c509_private_key_write(type, &key.private_key, &wrong,
                                                     CEDE_BUF_ARRAY(room), &encoding));
        foreign = key.private_key;
        foreign.curve = CEDE_CRV_ED448;
        assert_int_equal(
            CEDE_CERTIFICATE_ALGORITHM,
            cede_c509_private_key_write(type, &foreign, NULL, CEDE_BUF_ARRAY(room), &encoding));
        assert_null(encoding.ptr);
    }
}

/* A COSE_Key that tells its point by x and a sign alone becomes PKCS #8 without public key. */
static void what_is_compressed_stays_out_of_pkcs8(void **state)
{
    uint8_t room[128], der_room[128], sign_room[128];
    struct cede_span der, without;
    struct cede_writer writer;

    (void)state;
    assert_ok(cede_c509_private_key_to_pkcs8(from_hex("830101a30102200123"
                                                      "5820" SCALAR,
                                                      room, sizeof room),
                                             CEDE_BUF_ARRAY(der_room), &without));
    writer = cede_writer(CEDE_BUF_ARRAY(sign_room));
    cede_write_bytes(&writer, from_hex("830101a5010220012158"
                                       "20b1216ab96e5b3b3340f5bdf02e693f16213a04525ed44450b1019c2d"
                                       "fd3838ab22f5235820" SCALAR,
                                       room, sizeof room));
    assert_ok(cede_c509_private_key_to_pkcs8(cede_written(&writer), CEDE_BUF_ARRAY(room), &der));
    assert_true(cede_span_equal(without, der));
}

static void pkcs8_takes_what_is_supported(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status status;
    } cases[] = {
        {"8300004101", CEDE_OK},                      /* RSA: octets as they are */
        {"8300422a034101", CEDE_OK},                  /* no number at all */
        {"830100a10104", CEDE_CERTIFICATE_ALGORITHM}, /* a COSE_Key of RSA */
        {"8300054101", CEDE_CERTIFICATE_ALGORITHM},   /* a number nobody knows */
        {"8300014101", CEDE_CRYPTO_KEY},              /* no ECPrivateKey */
        {"830000410100", CEDE_TRAILING_BYTES},
        {"8302004101", CEDE_C509_TYPE},
    };
    uint8_t room[64], der_room[64];
    struct cede_span der;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cases[i].status,
                         cede_c509_private_key_to_pkcs8(from_hex(cases[i].hex, room, sizeof room),
                                                        CEDE_BUF_ARRAY(der_room), &der));
        assert_true((cases[i].status == CEDE_OK) == (der.ptr != NULL));
    }
}

static void pem_ends_where_it_ends(void **state)
{
    static const char *const wrong[] = {"828300004101f600", "82830000410141aa00",
                                        "818300004101",     "838300004101f6f6",
                                        "8240f6",           "824041aa"};
    uint8_t room[32];
    struct cede_c509_private_key key;
    struct cede_span bag;

    (void)state;
    assert_ok(cede_c509_pem_decode(from_hex("828300004101f6", room, sizeof room), &key, &bag));
    assert_ok(cede_c509_pem_decode(from_hex("82830000410141aa", room, sizeof room), &key, &bag));
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_not_equal(
            CEDE_OK, cede_c509_pem_decode(from_hex(wrong[i], room, sizeof room), &key, &bag));
        assert_null(key.encoding.ptr);
        assert_null(bag.ptr);
    }
}

static void pem_has_a_key_and_certificates(void **state)
{
    static const uint8_t first[] = {0x02, 0x41}, second[] = {0x03};
    const struct cede_span certificates[] = {CEDE_SPAN_ARRAY(first), CEDE_SPAN_ARRAY(second)};
    uint8_t key_room[128], room[256];
    struct cede_c509_private_key read;
    struct cede_span encoding, bag, contents[2];
    struct key key;

    (void)state;
    make_key(crypto, &key, CEDE_CRV_P256);
    assert_ok(cede_c509_private_key_write(CEDE_C509_KEY_OCTETS, &key.private_key, NULL,
                                          CEDE_BUF_ARRAY(key_room), &encoding));
    for (size_t count = 0; count < 3; count++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        size_t read_count;

        cede_c509_put_pem(&writer, encoding, certificates, count);
        assert_ok(cede_c509_pem_decode(cede_written(&writer), &read, &bag));
        assert_true(cede_span_equal(key.private_key.scalar, read.scalar));
        if (count == 0) {
            assert_null(bag.ptr);
        } else {
            assert_ok(cede_c509_bag_decode(bag, contents, 2, &read_count));
            assert_int_equal(count, read_count);
            assert_true(cede_span_equal(certificates[count - 1], contents[count - 1]));
        }
        for (size_t len = 0; len < writer.len; len++) {
            assert_int_not_equal(CEDE_OK, cede_c509_pem_decode(cede_span(room, len), &read, &bag));
            assert_null(bag.ptr);
        }
    }
}

/* --- files ------------------------------------------------------------------------------------ */

static void envelopes_tell_the_format(void **state)
{
    static const uint32_t formats[] = {0, 1, 254, 255, 256, 65003, 65010, 65019, 65024};

    (void)state;
    for (size_t i = 0; i < COUNT(formats); i++) {
        uint8_t room[16];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        struct cede_span item;
        uint32_t format = 7;

        cede_c509_put_file_head(&writer, formats[i]);
        cede_cbor_put_null(&writer);
        assert_int_equal(9, writer.len);
        assert_memory_equal("\xd9\xd9\xf7\xda\x63\x74", room, 6);
        assert_true(room[6] != 0 && room[7] != 0);
        assert_ok(cede_c509_file_open(cede_written(&writer), &format, &item));
        assert_int_equal(formats[i], format);
        assert_int_equal(1, item.len);
    }
    /* RFC 9277, appendix B: the content format of application/cbor, 60, is 1668546877. */
    {
        uint8_t room[16];
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));

        cede_c509_put_file_head(&writer, 60);
        assert_memory_equal("\xda\x63\x74\x01\x3d", room + 3, 5);
        cede_c509_put_file_head(&writer, 65025);
        assert_int_equal(CEDE_BAD_ARGUMENT, writer.status);
    }
}

static void other_envelopes_are_refused(void **state)
{
    static const char *const cases[] = {"d9d9f7f6",           "d9d9f7c1f6",         "c1f6",
                                        "d9d9f7da63740200f6", "d9d9f7da63750101f6", "d9d9f7"};
    uint8_t room[16];
    struct cede_span item;
    uint32_t format;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_not_equal(
            CEDE_OK, cede_c509_file_open(from_hex(cases[i], room, sizeof room), &format, &item));
        assert_null(item.ptr);
    }
    assert_ok(cede_c509_file_open(from_hex("83", room, sizeof room), &format, &item));
    assert_int_equal(0, format);
    assert_int_equal(1, item.len);
}

/* --- templates -------------------------------------------------------------------------------- */

static const int32_t types[] = {CEDE_C509_NATIVE};
static const int32_t algs[] = {CEDE_ALG_ESP256, CEDE_ALG_ED25519};
static const int32_t key_curves[] = {CEDE_CRV_P256, CEDE_CRV_X25519};

/* A template for devices: any common name, of the organisation "acme" if one is told. */
static struct cede_span make_template(uint8_t *room, size_t cap)
{
    static const uint8_t acme[] = {0x64, 'a', 'c', 'm', 'e'};
    static const uint8_t digital_signature[] = {0x01};
    const struct cede_c509_template_attribute attributes[] = {
        {.type = CEDE_RDN_COMMON_NAME, .min = 1, .max = 1},
        {.type = CEDE_RDN_ORGANIZATION, .min = 0, .max = 1, .value = CEDE_SPAN_ARRAY(acme)},
    };
    const struct cede_c509_template_extension extensions[] = {
        {.number = 2, .optional = true, .value = CEDE_SPAN_ARRAY(digital_signature)},
    };
    const struct cede_c509_template_info info = {
        types, 1, algs, 2, key_curves, 2, attributes, 2, extensions, 1,
    };
    struct cede_writer writer = cede_writer(cede_buf(room, cap));

    cede_c509_put_template(&writer, &info);
    assert_int_equal(CEDE_OK, writer.status);
    return cede_written(&writer);
}

static void templates_are_read_back(void **state)
{
    uint8_t room[128];
    struct cede_c509_template read;
    struct cede_c509_template_attribute attribute;
    struct cede_c509_template_extension extension;
    struct cede_span encoding = make_template(room, sizeof room);
    size_t at = 0;

    (void)state;
    assert_ok(cede_c509_template_decode(encoding, &read));
    assert_true(cede_c509_template_next_attribute(&read, &at, &attribute));
    assert_int_equal(CEDE_RDN_COMMON_NAME, attribute.type);
    assert_int_equal(1, attribute.min);
    assert_null(attribute.value.ptr);
    assert_true(cede_c509_template_next_attribute(&read, &at, &attribute));
    assert_int_equal(5, attribute.value.len);
    assert_false(cede_c509_template_next_attribute(&read, &at, &attribute));
    at = 0;
    assert_true(cede_c509_template_next_extension(&read, &at, &extension));
    assert_int_equal(2, extension.number);
    assert_true(extension.optional);
    assert_false(cede_c509_template_next_extension(&read, &at, &extension));
    for (size_t len = 0; len < encoding.len; len++) {
        assert_int_not_equal(CEDE_OK, cede_c509_template_decode(cede_span(room, len), &read));
        assert_null(read.encoding.ptr);
    }
}

static void templates_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *hex;
        enum cede_status status;
    } cases[] = {
        {"8700f7f7f7f7f7f7", CEDE_OK},
        {"8701f7f7f7f7f7f7", CEDE_C509_TYPE},
        {"8700f7f7f7f740f7", CEDE_C509_TEMPLATE}, /* a public key */
        {"870080f7f7f7f7f7", CEDE_C509_TEMPLATE}, /* no type at all */
        {"8700f780f7f7f7f7", CEDE_C509_TEMPLATE}, /* no algorithm at all */
        {"8700f7f784010001f7f7f7f7", CEDE_OK},
        {"8700f7f784010000f7f7f7f7", CEDE_C509_TEMPLATE}, /* never */
        {"8700f7f784010201f7f7f7f7", CEDE_C509_TEMPLATE}, /* more than at most */
        {"8700f7f784200001f7f7f7f7", CEDE_C509_TEMPLATE}, /* a negative type */
        {"8700f7f78401000105f7f7f7", CEDE_C509_TEMPLATE}, /* a number for a text */
        {"8700f7f783010001f7f7f7", CEDE_C509_TEMPLATE},
        {"8700f7f7f7f7f78302f4f7", CEDE_OK},
        {"8700f7f7f7f7f78321f4f7", CEDE_C509_TEMPLATE}, /* a critical extension */
        {"8700f7f7f7f7f78300f4f7", CEDE_C509_TEMPLATE}, /* no extension */
        {"8700f7f7f7f7f7830200f7", CEDE_CBOR_TYPE},     /* optional is a bool */
        {"8700f7f7f7f7f783430101ff"
         "f401",
         CEDE_C509_TEMPLATE}, /* ~oid wants bytes */
        {"8700f7f7f7f7f7f700", CEDE_TRAILING_BYTES},
    };
    uint8_t room[64];
    struct cede_c509_template read;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cases[i].status, cede_c509_template_decode(
                                              from_hex(cases[i].hex, room, sizeof room), &read));
    }
}

static enum cede_status check(const char *template_hex, const struct cede_c509_request *request)
{
    uint8_t room[128];
    struct cede_c509_template read;

    assert_ok(cede_c509_template_decode(from_hex(template_hex, room, sizeof room), &read));
    return cede_c509_template_check(&read, request);
}

static void requests_follow_their_template(void **state)
{
    const struct cede_name_attribute good[] = {
        {CEDE_RDN_COMMON_NAME, CEDE_SPAN_TEXT("device-7")},
        {CEDE_RDN_ORGANIZATION, CEDE_SPAN_TEXT("acme")},
    };
    uint8_t room[128], name_room[64], request_room[300];
    struct cede_c509_template template_;
    struct cede_c509_request request;
    struct cede_span name, encoding;
    struct key key;

    (void)state;
    assert_ok(cede_c509_template_decode(make_template(room, sizeof room), &template_));
    make_key(crypto, &key, CEDE_CRV_P256);
    assert_ok(cede_c509_name_encode(good, 2, CEDE_BUF_ARRAY(name_room), &name));
    assert_ok(cede_c509_request_write(crypto, (struct cede_name){CEDE_NAME_C509, name},
                                      &key.public_key, &key.private_key, CEDE_SPAN_NULL,
                                      CEDE_BUF_ARRAY(request_room), &encoding));
    assert_ok(cede_c509_request_decode(encoding, &request));
    assert_ok(cede_c509_template_check(&template_, &request));
    assert_ok(check("8700f7f7f7f7f7f7", &request));
    /* One expectation broken at a time. */
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("87008103f7f7f7f7f7", &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("8700f7810cf7f7f7f7", &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("8700f7f7f78108f7f7", &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("8700f7f784010101f7f7f7f7", &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN,
                     check("8700f7f788010101f7080001646e6f6e65f7f7f7", &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN,
                     check("8700f7f788010202f7080001f7f7f7f7", &request));
    assert_int_equal(CEDE_OK, check("8700f7f788010101f70800016461636d65f7f7f7", &request));
    /* An extension that must be asked for, and is not. */
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("8700f7f7f7f7f78302f401", &request));
    assert_int_equal(CEDE_OK, check("8700f7f7f7f7f78302f501", &request));
    assert_int_equal(CEDE_OK, check("8700f7f7f7f7f780", &request));
}

/* extensionRequest: [2, 1] is digitalSignature, and so is the lone number 1. */
static void extensions_follow_their_template(void **state)
{
    static const char *const requests[] = {
        /* subject "a", attributes [0, 1] and [0, [2, 1, 3, "x"]] */
        "8702006161014102820001"
        "40",
        "8702006161014102820084"
        "020103617840",
    };
    uint8_t room[64];
    struct cede_c509_request request;

    (void)state;
    assert_ok(cede_c509_request_decode(from_hex(requests[0], room, sizeof room), &request));
    assert_int_equal(CEDE_OK, check("8700f7f7f7f7f78302f401", &request));
    assert_int_equal(CEDE_OK, check("8700f7f7f7f7f78302f4f7", &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("8700f7f7f7f7f78302f402", &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("8700f7f7f7f7f780", &request));
    assert_ok(cede_c509_request_decode(from_hex(requests[1], room, sizeof room), &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("8700f7f7f7f7f78302f401", &request));
    assert_int_equal(CEDE_OK, check("8700f7f7f7f7f78602f40103f46178", &request));
    assert_int_equal(CEDE_C509_TEMPLATE_BROKEN, check("8700f7f7f7f7f78602f40103f46179", &request));
    assert_int_equal(CEDE_OK, check("8700f7f7f7f7f78602f40103f460", &request)); /* fill it in */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_both_types_are_read_back),
        cmocka_unit_test(keys_as_the_draft_describes_them),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(foreign_keys_are_carried),
        cmocka_unit_test(pkcs8_comes_back),
        cmocka_unit_test(pkcs8_that_would_lose_something_is_refused),
        cmocka_unit_test(cose_keys_become_pkcs8),
        cmocka_unit_test(handles_are_not_written),
        cmocka_unit_test(ec_private_keys_may_name_their_curve),
        cmocka_unit_test(keys_are_written_whole_or_not_at_all),
        cmocka_unit_test(pkcs8_without_a_key_is_refused),
        cmocka_unit_test(keys_that_do_not_go_together_are_not_written),
        cmocka_unit_test(what_is_compressed_stays_out_of_pkcs8),
        cmocka_unit_test(pkcs8_takes_what_is_supported),
        cmocka_unit_test(pem_ends_where_it_ends),
        cmocka_unit_test(pem_has_a_key_and_certificates),
        cmocka_unit_test(envelopes_tell_the_format),
        cmocka_unit_test(other_envelopes_are_refused),
        cmocka_unit_test(templates_are_read_back),
        cmocka_unit_test(templates_that_are_none_are_refused),
        cmocka_unit_test(requests_follow_their_template),
        cmocka_unit_test(extensions_follow_their_template),
    };

    crypto = cede_crypto_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
