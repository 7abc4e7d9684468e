/* SPDX-License-Identifier: Apache-2.0 */
/* pop_test.c - proof of possession by MAC (RFC 6955, section 6) in C509 and PKCS #10 requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cede/certificate.h"
#include "codec/c509/pop.h"
#include "hex.h"
#include "keys.h"

#define assert_ok(expression_) assert_int_equal(CEDE_OK, (expression_))
#define COUNT(table_)          (sizeof(table_) / sizeof((table_)[0]))

static const struct cede_crypto *crypto;
static const int32_t agreement_curves[] = {CEDE_CRV_P256, CEDE_CRV_P384, CEDE_CRV_X25519};
static const int32_t hashes[] = {CEDE_ALG_SHA_256, CEDE_ALG_SHA_384, CEDE_ALG_SHA_512};
static uint8_t scratch_room[2048];
static const struct cede_buf scratch = {scratch_room, sizeof scratch_room};

/* The verifier's certificate gives its names. */
static uint8_t subject_room[64], issuer_room[64];
static const uint8_t serial_bytes[] = {0x12, 0x34};

static void with_certificate(struct cede_pop_verifier *verifier)
{
    struct cede_writer subject = cede_writer(CEDE_BUF_ARRAY(subject_room));
    struct cede_writer issuer = cede_writer(CEDE_BUF_ARRAY(issuer_room));

    cede_x509_put_name(&subject, text_name("registrar"));
    cede_x509_put_name(&issuer, text_name("root"));
    verifier->subject = (struct cede_name){CEDE_NAME_DER, cede_written(&subject)};
    verifier->issuer = (struct cede_name){CEDE_NAME_DER, cede_written(&issuer)};
    verifier->serial = CEDE_SPAN_ARRAY(serial_bytes);
}

/* One requester and one verifier; `out` holds what was written. */
struct setting {
    struct key requester, verifier_key;
    struct cede_pop_verifier verifier;
    uint8_t room[600];
    struct cede_span request;
};

static void arrange(struct setting *setting, int32_t curve, int32_t hash_alg)
{
    memset(setting, 0, sizeof *setting);
    make_key(crypto, &setting->requester, curve);
    make_key(crypto, &setting->verifier_key, curve);
    setting->verifier.hash_alg = hash_alg;
    setting->verifier.key = setting->verifier_key.public_key;
}

static enum cede_status write_request(struct setting *s, bool is_der)
{
    return (is_der ? cede_x509_request_write_mac : cede_c509_request_write_mac)(
        crypto, text_name("device-7"), &s->requester.public_key, &s->requester.private_key,
        &s->verifier, CEDE_SPAN_TEXT("bound"), CEDE_BUF_ARRAY(s->room), &s->request);
}

static enum cede_status verify(const struct setting *s, struct cede_span encoding)
{
    struct cede_request request;

    CEDE_TRY(cede_request_decode(encoding, crypto, &request));
    return cede_request_verify_mac(&request, crypto, &s->verifier, &s->verifier_key.private_key,
                                   scratch);
}

static void proofs_hold_for_every_curve_and_hash(void **state)
{
    struct setting s;

    (void)state;
    for (size_t n = 0; n < COUNT(agreement_curves) * COUNT(hashes) * 8; n++) {
        struct cede_request request;
        arrange(&s, agreement_curves[n / 8 % 3], hashes[n / 24]);
        s.verifier.kdf = n % 2 != 0 ? CEDE_POP_KDF_HKDF : CEDE_POP_KDF_HASH;
        if (n / 2 % 2 != 0) {
            with_certificate(&s.verifier);
        }
        assert_ok(write_request(&s, n / 4 % 2 != 0));
        assert_ok(cede_request_decode(s.request, crypto, &request));
        assert_int_equal(s.verifier.hash_alg, request.mac_hash);
        assert_int_equal(s.requester.public_key.curve, request.curve);
        assert_true(
            cede_span_equal(s.requester.public_key.point, cede_request_key(&request).point));
        assert_true(cede_span_equal(CEDE_SPAN_TEXT("bound"), request.challenge_password));
        assert_ok(verify(&s, s.request));
        /* The wrong derivation, the wrong hash. */
        s.verifier.kdf =
            s.verifier.kdf == CEDE_POP_KDF_HASH ? CEDE_POP_KDF_HKDF : CEDE_POP_KDF_HASH;
        assert_int_equal(CEDE_CRYPTO_TAG, verify(&s, s.request));
        s.verifier.hash_alg = hashes[(n / 24 + 1) % 3];
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, verify(&s, s.request));
    }
}

/* What stands on the wire without a certificate is the MAC alone: HMAC-SHA-256 with the key
 * SHA-256(secret), computed here a second time. */
static void the_mac_is_what_rfc_6955_says(void **state)
{
    struct setting s;
    struct cede_c509_request request;
    uint8_t secret[32], key[32], mac[32];
    struct cede_span part;

    (void)state;
    arrange(&s, CEDE_CRV_X25519, CEDE_ALG_SHA_256);
    assert_ok(write_request(&s, false));
    assert_ok(cede_c509_request_decode(s.request, &request));
    assert_ok(crypto->ecdh(crypto->context, &s.verifier_key.private_key,
                           s.requester.public_key.point, secret));
    assert_ok(cede_hash(crypto, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(secret), key));
    part = request.tbs;
    assert_ok(crypto->hmac(crypto->context, CEDE_ALG_SHA_256, CEDE_SPAN_ARRAY(key), &part, 1, mac));
    assert_int_equal(sizeof mac, request.signature.len);
    assert_memory_equal(mac, request.signature.ptr, sizeof mac);
}

static void a_mac_is_no_signature(void **state)
{
    struct setting s;
    struct cede_request request;

    (void)state;
    for (int is_der = 0; is_der < 2; is_der++) {
        arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
        assert_ok(write_request(&s, is_der != 0));
        assert_ok(cede_request_decode(s.request, crypto, &request));
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                         cede_request_verify(&request, crypto, scratch));
        /* And a signature is no MAC. */
        assert_ok((is_der != 0 ? cede_x509_request_write : cede_c509_request_write)(
            crypto, text_name("device-7"), &s.requester.public_key, &s.requester.private_key,
            CEDE_SPAN_NULL, CEDE_BUF_ARRAY(s.room), &s.request));
        assert_ok(cede_request_decode(s.request, crypto, &request));
        assert_int_equal(0, request.mac_hash);
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, verify(&s, s.request));
    }
}

/* Every byte of a request counts: the change is refused when decoding or by the MAC. */
static void forged_requests_are_refused(void **state)
{
    struct setting s;

    (void)state;
    for (int is_der = 0; is_der < 2; is_der++) {
        arrange(&s, CEDE_CRV_X25519, CEDE_ALG_SHA_256);
        with_certificate(&s.verifier);
        assert_ok(write_request(&s, is_der != 0));
        for (size_t i = 0; i < s.request.len; i++) {
            s.room[i] ^= 0x01;
            assert_int_not_equal(CEDE_OK, verify(&s, s.request));
            s.room[i] ^= 0x01;
        }
        for (size_t len = 0; len < s.request.len; len++) {
            assert_int_not_equal(CEDE_OK, verify(&s, cede_span(s.request.ptr, len)));
        }
        assert_ok(verify(&s, s.request));
    }
}

static void others_prove_nothing(void **state)
{
    struct setting s;
    struct key other;

    (void)state;
    for (int is_der = 0; is_der < 2; is_der++) {
        arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
        /* A requester that has not the private key of the public key it shows. */
        make_key(crypto, &other, CEDE_CRV_P256);
        other.private_key = s.requester.private_key;
        s.requester.private_key.scalar = cede_span(s.verifier_key.scalar, 32);
        assert_ok(write_request(&s, is_der != 0));
        assert_int_equal(CEDE_CRYPTO_TAG, verify(&s, s.request));
        /* A proof that was made for another verifier. */
        s.requester.private_key = other.private_key;
        assert_ok(write_request(&s, is_der != 0));
        assert_ok(verify(&s, s.request));
        make_key(crypto, &s.verifier_key, CEDE_CRV_P256);
        assert_int_equal(CEDE_CRYPTO_TAG, verify(&s, s.request));
        make_key(crypto, &s.verifier_key, CEDE_CRV_P384);
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, verify(&s, s.request));
    }
}

static void the_verifiers_certificate_counts(void **state)
{
    static const uint8_t other_serial[] = {0x12, 0x35};
    struct setting s;

    (void)state;
    for (int is_der = 0; is_der < 2; is_der++) {
        struct cede_pop_verifier mine;
        arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
        with_certificate(&s.verifier);
        mine = s.verifier;
        assert_ok(write_request(&s, is_der != 0));
        assert_ok(verify(&s, s.request));
        s.verifier.serial = CEDE_SPAN_ARRAY(other_serial);
        assert_int_equal(CEDE_CERTIFICATE_UNTRUSTED, verify(&s, s.request));
        s.verifier = mine;
        s.verifier.issuer = mine.subject;
        assert_int_equal(CEDE_CERTIFICATE_UNTRUSTED, verify(&s, s.request));
        s.verifier = mine;
        s.verifier.subject = mine.issuer; /* in the key of the MAC alone */
        assert_int_equal(CEDE_CRYPTO_TAG, verify(&s, s.request));
        /* A verifier whose key came without certificate. */
        s.verifier = (struct cede_pop_verifier){.hash_alg = CEDE_ALG_SHA_256};
        assert_int_equal(CEDE_CERTIFICATE_UNTRUSTED, verify(&s, s.request));
    }
}

/* A secret that everybody can compute proves nothing: low-order points of X25519. */
static void low_order_keys_prove_nothing(void **state)
{
    static const uint8_t low_order[][32] = {{0}, {1}};
    struct setting s;

    (void)state;
    for (size_t i = 0; i < COUNT(low_order); i++) {
        arrange(&s, CEDE_CRV_X25519, CEDE_ALG_SHA_256);
        assert_ok(write_request(&s, false));
        s.requester.public_key.point = CEDE_SPAN_ARRAY(low_order[i]);
        assert_ok(write_request(&s, false));
        assert_int_equal(CEDE_CRYPTO_LOW_ORDER, verify(&s, s.request));
        s.verifier.key.point = CEDE_SPAN_ARRAY(low_order[i]);
        assert_int_equal(CEDE_CRYPTO_LOW_ORDER, write_request(&s, false));
        assert_null(s.request.ptr);
    }
}

static void wrong_kinds_are_not_written(void **state)
{
    struct setting s;

    (void)state;
    for (int is_der = 0; is_der < 2; is_der++) {
        arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256_64);
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, write_request(&s, is_der != 0));
        s.verifier.hash_alg = CEDE_ALG_SHA_256;
        s.verifier.key.curve = CEDE_CRV_X25519;
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, write_request(&s, is_der != 0));
        arrange(&s, CEDE_CRV_ED25519, CEDE_ALG_SHA_256);
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, write_request(&s, is_der != 0));
    }
    arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
    with_certificate(&s.verifier);
    s.verifier.issuer.form = CEDE_NAME_TEXT;
    assert_int_equal(CEDE_BAD_ARGUMENT, write_request(&s, true));
}

/* Type 3 carries the MAC over the DER, and turns back into the same PKCS #10. */
static void macs_survive_conversion(void **state)
{
    uint8_t room[600], back_room[600];
    struct cede_span c509, back;
    struct setting s;

    (void)state;
    for (int has_certificate = 0; has_certificate < 2; has_certificate++) {
        arrange(&s, CEDE_CRV_X25519, CEDE_ALG_SHA_384);
        if (has_certificate != 0) {
            with_certificate(&s.verifier);
        }
        assert_ok(write_request(&s, true));
        assert_ok(
            cede_c509_request_from_x509(crypto, s.request, scratch, CEDE_BUF_ARRAY(room), &c509));
        assert_ok(verify(&s, c509));
        assert_ok(cede_c509_request_to_x509(crypto, c509, CEDE_BUF_ARRAY(back_room), &back));
        assert_true(cede_span_equal(s.request, back));
        room[c509.len - 1] ^= 1;
        assert_int_equal(CEDE_CRYPTO_TAG, verify(&s, c509));
        room[c509.len - 1] ^= 1;
    }
}

/* A signature that is no byte string is refused where a signature is due. */
static void an_item_is_no_signature(void **state)
{
    struct setting s;
    struct cede_request request;

    (void)state;
    arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
    with_certificate(&s.verifier);
    assert_ok(write_request(&s, false));
    assert_int_equal(0x0e, s.room[2]); /* 14 */
    s.room[2] = 0x00;                  /* ECDSA with SHA-256 */
    assert_ok(cede_request_decode(s.request, crypto, &request));
    assert_int_equal(CEDE_CRYPTO_SIGNATURE, cede_request_verify(&request, crypto, scratch));
}

/* A MAC that is shorter or longer than its hash, an empty one too. */
static void macs_have_the_length_of_the_hash(void **state)
{
    struct setting s;
    uint8_t room[600];
    size_t head;

    (void)state;
    arrange(&s, CEDE_CRV_X25519, CEDE_ALG_SHA_256);
    assert_ok(write_request(&s, false));
    head = s.request.len - 34;
    for (size_t len = 0; len < 64; len++) {
        struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(room));
        uint8_t mac[64] = {0};

        memcpy(mac, s.request.ptr + head + 2, 32);
        cede_write_bytes(&writer, cede_span(s.request.ptr, head));
        cede_cbor_put_bytes(&writer, cede_span(mac, len));
        assert_int_equal(len == 32 ? CEDE_OK : CEDE_CRYPTO_TAG, verify(&s, cede_written(&writer)));
    }
}

static void requests_are_written_whole_or_not_at_all(void **state)
{
    struct setting s;
    uint8_t room[600];
    struct cede_span none;

    (void)state;
    for (int is_der = 0; is_der < 2; is_der++) {
        arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
        with_certificate(&s.verifier);
        assert_ok(write_request(&s, is_der != 0));
        for (size_t cap = 0; cap <= s.request.len; cap++) {
            struct cede_buf out =
                cede_buf(cap == s.request.len ? NULL : room, cap == s.request.len ? 0 : cap);
            assert_int_equal(
                out.ptr == NULL ? CEDE_BAD_ARGUMENT : CEDE_NO_SPACE,
                (is_der != 0 ? cede_x509_request_write_mac : cede_c509_request_write_mac)(
                    crypto, text_name("device-7"), &s.requester.public_key,
                    &s.requester.private_key, &s.verifier, CEDE_SPAN_TEXT("bound"), out, &none));
            assert_null(none.ptr);
        }
    }
}

/* Keys of one curve each, and a name that is one. */
static void parts_that_do_not_fit_are_not_written(void **state)
{
    static const uint8_t garbage[] = {0x30, 0x05};
    struct setting s;
    struct key other;

    (void)state;
    for (int is_der = 0; is_der < 2; is_der++) {
        arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
        make_key(crypto, &other, CEDE_CRV_P384);
        s.verifier.key = other.public_key;
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, write_request(&s, is_der != 0));
        s.verifier.key = s.verifier_key.public_key;
        s.requester.public_key = other.public_key;
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, write_request(&s, is_der != 0));
        assert_null(s.request.ptr);
    }
    arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
    with_certificate(&s.verifier);
    s.verifier.issuer.value = CEDE_SPAN_ARRAY(garbage);
    assert_int_not_equal(CEDE_OK, write_request(&s, false));
    assert_null(s.request.ptr);
    /* a curve that the port has not */
    arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
    s.requester.public_key.curve = CEDE_CRV_ED448;
    s.requester.private_key.curve = CEDE_CRV_ED448;
    s.verifier.key.curve = CEDE_CRV_ED448;
    for (int is_der = 0; is_der < 2; is_der++) {
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM, write_request(&s, is_der != 0));
    }
}

static void keys_without_a_secret_make_no_mac(void **state)
{
    static const int32_t none[] = {0, 99, CEDE_CRV_ED25519};
    struct setting s;
    uint8_t mac[POP_MAC_LEN_MAX];

    (void)state;
    arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
    assert_ok(pop_mac(crypto, &s.verifier, &s.requester.private_key, s.verifier.key.point,
                      CEDE_SPAN_TEXT("text"), mac));
    for (size_t i = 0; i < COUNT(none); i++) {
        s.requester.private_key.curve = none[i];
        assert_int_equal(CEDE_CERTIFICATE_ALGORITHM,
                         pop_mac(crypto, &s.verifier, &s.requester.private_key,
                                 s.verifier.key.point, CEDE_SPAN_TEXT("text"), mac));
    }
}

/* What a MAC is checked over is rebuilt for type 3, and takes memory. */
static void converted_requests_need_room_to_be_verified(void **state)
{
    uint8_t room[600];
    struct cede_c509_request request;
    struct cede_span c509;
    struct setting s;

    (void)state;
    arrange(&s, CEDE_CRV_P256, CEDE_ALG_SHA_256);
    assert_ok(write_request(&s, true));
    assert_ok(cede_c509_request_from_x509(crypto, s.request, scratch, CEDE_BUF_ARRAY(room), &c509));
    assert_ok(cede_c509_request_decode(c509, &request));
    assert_ok(cede_c509_request_verify_mac(&request, crypto, &s.verifier,
                                           &s.verifier_key.private_key, scratch));
    assert_int_equal(CEDE_NO_SPACE,
                     cede_c509_request_verify_mac(&request, crypto, &s.verifier,
                                                  &s.verifier_key.private_key, cede_buf(NULL, 0)));
    for (size_t cap = 0; cap < 100; cap++) {
        assert_int_equal(CEDE_NO_SPACE, cede_c509_request_verify_mac(&request, crypto, &s.verifier,
                                                                     &s.verifier_key.private_key,
                                                                     cede_buf(scratch_room, cap)));
    }
}

/* A request that somebody filled in, and not the decoder, is read before it is believed. */
static void requests_that_are_none_prove_nothing(void **state)
{
    struct setting s;
    struct cede_x509_request pkcs10;
    struct cede_request request;

    (void)state;
    for (int is_der = 0; is_der < 2; is_der++) {
        arrange(&s, CEDE_CRV_X25519, CEDE_ALG_SHA_256);
        assert_ok(write_request(&s, is_der != 0));
        assert_ok(cede_request_decode(s.request, crypto, &request));
        request.raw.len--;
        assert_int_not_equal(CEDE_OK,
                             cede_request_verify_mac(&request, crypto, &s.verifier,
                                                     &s.verifier_key.private_key, scratch));
    }
    /* the requester's key cut short, and one that everybody shares a secret with */
    assert_ok(cede_x509_request_decode(s.request, &pkcs10));
    assert_ok(
        cede_x509_request_verify_mac(&pkcs10, crypto, &s.verifier, &s.verifier_key.private_key));
    pkcs10.public_key_bits.len--;
    assert_int_equal(CEDE_CRYPTO_KEY, cede_x509_request_verify_mac(&pkcs10, crypto, &s.verifier,
                                                                   &s.verifier_key.private_key));
    memset(scratch_room, 0, 32);
    pkcs10.public_key_bits = cede_span(scratch_room, 32);
    assert_int_equal(
        CEDE_CRYPTO_LOW_ORDER,
        cede_x509_request_verify_mac(&pkcs10, crypto, &s.verifier, &s.verifier_key.private_key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs_hold_for_every_curve_and_hash),
        cmocka_unit_test(the_mac_is_what_rfc_6955_says),
        cmocka_unit_test(a_mac_is_no_signature),
        cmocka_unit_test(forged_requests_are_refused),
        cmocka_unit_test(others_prove_nothing),
        cmocka_unit_test(the_verifiers_certificate_counts),
        cmocka_unit_test(low_order_keys_prove_nothing),
        cmocka_unit_test(wrong_kinds_are_not_written),
        cmocka_unit_test(macs_survive_conversion),
        cmocka_unit_test(an_item_is_no_signature),
        cmocka_unit_test(macs_have_the_length_of_the_hash),
        cmocka_unit_test(requests_are_written_whole_or_not_at_all),
        cmocka_unit_test(parts_that_do_not_fit_are_not_written),
        cmocka_unit_test(keys_without_a_secret_make_no_mac),
        cmocka_unit_test(converted_requests_need_room_to_be_verified),
        cmocka_unit_test(requests_that_are_none_prove_nothing),
    };

    crypto = cede_crypto_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
