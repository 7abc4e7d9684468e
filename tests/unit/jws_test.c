/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/server/common/jws.c: the example of RFC 7515 appendix A.3, refusals, several
 * signatures, and the same objects seen by libjose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jose/jwk.h>
#include <jose/jws.h>
#include <stdlib.h>
#include <string.h>

#include "server/common/jws.h"

/* RFC 7515 appendix A.3. */
#define A3_HEADER "eyJhbGciOiJFUzI1NiJ9"
#define A3_PAYLOAD                                                                                 \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"
#define A3_SIGNATURE                                                                               \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
static const char a3_x[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
static const char a3_y[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
static const char a3_d[] = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

struct pair {
    uint8_t point[64];
    uint8_t scalar[32];
    struct cede_private_key private_key;
    struct cede_public_key public_key;
};

static void decode_into(const char *text, uint8_t *out, size_t out_len)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    assert_int_equal(jws_base64url_decode(cede_span_string(text), &bytes, &len), CEDE_OK);
    assert_int_equal(len, out_len);
    memcpy(out, bytes, len);
    free(bytes);
}

static void set_keys(struct pair *pair)
{
    pair->private_key =
        (struct cede_private_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(pair->scalar), NULL};
    pair->public_key = (struct cede_public_key){CEDE_CRV_P256, CEDE_SPAN_ARRAY(pair->point)};
}

static void a3_pair(struct pair *pair)
{
    decode_into(a3_x, pair->point, 32);
    decode_into(a3_y, pair->point + 32, 32);
    decode_into(a3_d, pair->scalar, 32);
    set_keys(pair);
}

static void fresh_pair(struct pair *pair)
{
    const struct cede_crypto *crypto = cede_crypto_openssl();
    assert_int_equal(crypto->generate(crypto->context, CEDE_CRV_P256, pair->scalar, pair->point),
                     CEDE_OK);
    set_keys(pair);
}

static json_t *jwk(const struct pair *pair)
{
    char *x = jws_base64url_encode(cede_span(pair->point, 32));
    char *y = jws_base64url_encode(cede_span(pair->point + 32, 32));
    char *d = jws_base64url_encode(CEDE_SPAN_ARRAY(pair->scalar));
    json_t *key =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x", x, "y", y, "d", d);
    free(x);
    free(y);
    free(d);
    assert_non_null(key);
    return key;
}

static enum cede_status decode_text(const char *text, struct jws *jws)
{
    return jws_decode(cede_span_string(text), jws);
}

/* What a receiver does: decode and verify. */
static enum cede_status accept(const char *text, const struct cede_public_key *key)
{
    struct jws jws;
    CEDE_TRY(decode_text(text, &jws));
    enum cede_status status = jws_verify(cede_crypto_openssl(), &jws, key, NULL);
    jws_wipe(&jws);
    return status;
}

/* The RFC's example verifies and its payload comes out. */
static void rfc7515_a3_verifies(void **state)
{
    struct pair pair;
    struct jws jws;
    size_t index = 9;
    (void)state;
    a3_pair(&pair);
    assert_int_equal(decode_text(A3_HEADER "." A3_PAYLOAD "." A3_SIGNATURE, &jws), CEDE_OK);
    assert_int_equal(jws_verify(cede_crypto_openssl(), &jws, &pair.public_key, &index), CEDE_OK);
    assert_int_equal(index, 0);
    assert_true(
        cede_span_equal(jws.payload, CEDE_SPAN_TEXT("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
                                                    "\"http://example.com/is_root\":true}")));
    assert_string_equal(jws_header_text(&jws, 0, "alg"), "ES256");
    assert_null(jws_header_text(&jws, 0, "kid"));
    assert_null(jws_header_text(&jws, 1, "alg"));
    jws_wipe(&jws);
}

/* Every single change to the text is noticed. */
static void changes_are_noticed(void **state)
{
    static const char good[] = A3_HEADER "." A3_PAYLOAD "." A3_SIGNATURE;
    char text[sizeof good];
    struct pair pair;
    (void)state;
    a3_pair(&pair);
    assert_int_equal(accept(good, &pair.public_key), CEDE_OK);
    for (size_t i = 0; i + 1 < sizeof good; i += 3) {
        memcpy(text, good, sizeof good);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        assert_int_not_equal(accept(text, &pair.public_key), CEDE_OK);
    }
    for (size_t len = 0; len + 1 < sizeof good; len += 7) {
        memcpy(text, good, sizeof good);
        text[len] = '\0';
        assert_int_not_equal(accept(text, &pair.public_key), CEDE_OK);
    }
}

/* Another key's signature is none of ours. */
static void foreign_key_is_refused(void **state)
{
    struct pair pair;
    (void)state;
    fresh_pair(&pair);
    assert_int_equal(accept(A3_HEADER "." A3_PAYLOAD "." A3_SIGNATURE, &pair.public_key),
                     CEDE_JWS_UNSIGNED);
}

/* Each form a receiver must not be talked into, with the reason it is refused for. */
static void refusals(void **state)
{
    static const struct {
        const char *text;
        enum cede_status status;
    } cases[] = {
        /* {"alg":"none"} */
        {"eyJhbGciOiJub25lIn0." A3_PAYLOAD ".", CEDE_JWS_ALGORITHM},
        {"eyJhbGciOiJub25lIn0." A3_PAYLOAD "." A3_SIGNATURE, CEDE_JWS_ALGORITHM},
        /* {"alg":"HS256"} */
        {"eyJhbGciOiJIUzI1NiJ9." A3_PAYLOAD "." A3_SIGNATURE, CEDE_JWS_ALGORITHM},
        /* {"alg":"ES256","crit":["x"],"x":1} */
        {"eyJhbGciOiJFUzI1NiIsImNyaXQiOlsieCJdLCJ4IjoxfQ." A3_PAYLOAD "." A3_SIGNATURE,
         CEDE_JWS_CRITICAL},
        /* {"alg":"none","alg":"ES256"} */
        {"eyJhbGciOiJub25lIiwiYWxnIjoiRVMyNTYifQ." A3_PAYLOAD "." A3_SIGNATURE, CEDE_JWS_FORMAT},
        {A3_HEADER "=." A3_PAYLOAD "." A3_SIGNATURE, CEDE_JWS_FORMAT},  /* padding */
        {A3_HEADER "." A3_PAYLOAD "\n." A3_SIGNATURE, CEDE_JWS_FORMAT}, /* line break */
        {A3_HEADER "." A3_PAYLOAD, CEDE_JWS_FORMAT},
        {A3_HEADER "." A3_PAYLOAD "." A3_SIGNATURE ".", CEDE_JWS_FORMAT},
        {A3_HEADER "." A3_PAYLOAD ".", CEDE_JWS_FORMAT},
        {A3_HEADER "." A3_PAYLOAD "." A3_SIGNATURE "AAAA", CEDE_JWS_FORMAT},
        {"." A3_PAYLOAD "." A3_SIGNATURE, CEDE_JWS_FORMAT},
        {"W10." A3_PAYLOAD "." A3_SIGNATURE, CEDE_JWS_FORMAT}, /* [] */
        {"", CEDE_JWS_FORMAT},
        {"{}", CEDE_JWS_FORMAT},
        {"{\"payload\":\"AA\",\"signatures\":[]}", CEDE_JWS_FORMAT},
        {"{\"payload\":\"AA\",\"signatures\":[1]}", CEDE_JWS_FORMAT},
        {"{\"payload\":1,\"protected\":\"" A3_HEADER "\",\"signature\":\"" A3_SIGNATURE "\"}",
         CEDE_JWS_FORMAT},
        {"{\"payload\":\"" A3_PAYLOAD "\",\"signature\":\"" A3_SIGNATURE "\"}", CEDE_JWS_FORMAT},
        {"{\"payload\":\"" A3_PAYLOAD "\",\"protected\":\"" A3_HEADER
         "\",\"signature\":\"" A3_SIGNATURE "\"} x",
         CEDE_JWS_FORMAT},
        {"{\"payload\":\"" A3_PAYLOAD "\",\"protected\":\"" A3_HEADER
         "\",\"header\":{\"kid\":\"1\"},\"signature\":\"" A3_SIGNATURE "\"}",
         CEDE_JWS_CRITICAL},
        {"{\"payload\":\"" A3_PAYLOAD "\",\"protected\":\"" A3_HEADER
         "\",\"signature\":\"" A3_SIGNATURE "\",\"signatures\":[{\"protected\":\"" A3_HEADER
         "\",\"signature\":\"" A3_SIGNATURE "\"}]}",
         CEDE_JWS_FORMAT},
        {"{\"payload\":\"" A3_PAYLOAD "\",\"payload\":\"AA\",\"protected\":\"" A3_HEADER
         "\",\"signature\":\"" A3_SIGNATURE "\"}",
         CEDE_JWS_FORMAT},
    };
    struct pair pair;
    (void)state;
    a3_pair(&pair);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jws jws;
        assert_int_equal(decode_text(cases[i].text, &jws), cases[i].status);
        assert_null(jws.payload.ptr); /* nothing of it is left */
        assert_int_equal(jws.signatures_count, 0);
    }
    /* Members nobody knows are ignored (RFC 7515 section 7.2.1). */
    assert_int_equal(accept("{\"payload\":\"" A3_PAYLOAD "\",\"protected\":\"" A3_HEADER
                            "\",\"note\":1,\"signature\":\"" A3_SIGNATURE "\"}",
                            &pair.public_key),
                     CEDE_OK);
}

static void make(struct jws *jws, const struct pair *signer, const char *kid)
{
    json_t *header = json_pack("{s:s, s:s}", "kid", kid, "typ", "contract+json");
    assert_int_equal(jws_init(jws, CEDE_SPAN_TEXT("{\"parties\":2}")), CEDE_OK);
    assert_int_equal(jws_sign(cede_crypto_openssl(), &signer->private_key, header, jws), CEDE_OK);
    json_decref(header);
}

/* SP1 signs, SP2 reads it and adds its signature, both are found by their keys. */
static void second_signature_is_added(void **state)
{
    struct pair first, second, third;
    struct jws jws;
    char *text = NULL;
    size_t index = 9;
    const struct cede_crypto *crypto = cede_crypto_openssl();
    (void)state;
    fresh_pair(&first);
    fresh_pair(&second);
    fresh_pair(&third);
    make(&jws, &first, "sp1");
    assert_int_equal(jws_encode_json(&jws, &text), CEDE_OK);
    assert_non_null(strstr(text, "\"protected\""));
    assert_null(strstr(text, "\"signatures\""));
    jws_wipe(&jws);

    assert_int_equal(decode_text(text, &jws), CEDE_OK);
    free(text);
    assert_int_equal(jws_sign(crypto, &second.private_key, NULL, &jws), CEDE_OK);
    assert_int_equal(jws_encode_json(&jws, &text), CEDE_OK);
    jws_wipe(&jws);

    assert_int_equal(decode_text(text, &jws), CEDE_OK);
    free(text);
    assert_int_equal(jws_verify(crypto, &jws, &second.public_key, &index), CEDE_OK);
    assert_int_equal(index, 1);
    assert_int_equal(jws_verify(crypto, &jws, &first.public_key, &index), CEDE_OK);
    assert_int_equal(index, 0);
    assert_string_equal(jws_header_text(&jws, 0, "kid"), "sp1");
    assert_int_equal(jws_verify(crypto, &jws, &third.public_key, &index), CEDE_JWS_UNSIGNED);
    assert_int_equal(jws_encode_compact(&jws, &text), CEDE_BAD_ARGUMENT);
    assert_null(text);
    jws_wipe(&jws);
}

/* A signer may not be led to claim extensions or another algorithm. */
static void signer_refuses(void **state)
{
    struct pair pair;
    struct jws jws;
    char *text = NULL;
    const struct cede_crypto *crypto = cede_crypto_openssl();
    json_t *critical = json_pack("{s:[s]}", "crit", "exp");
    json_t *algorithm = json_pack("{s:s}", "alg", "none");
    (void)state;
    fresh_pair(&pair);
    assert_int_equal(jws_init(&jws, CEDE_SPAN_TEXT("")), CEDE_OK);
    assert_int_equal(jws_encode_json(&jws, &text), CEDE_BAD_ARGUMENT);
    assert_int_equal(jws_sign(crypto, &pair.private_key, critical, &jws), CEDE_JWS_CRITICAL);
    assert_int_equal(jws_sign(crypto, &pair.private_key, algorithm, &jws), CEDE_OK);
    assert_string_equal(jws_header_text(&jws, 0, "alg"), "ES256");
    for (size_t i = 1; i < JWS_SIGNATURES_MAX; i++) {
        assert_int_equal(jws_sign(crypto, &pair.private_key, NULL, &jws), CEDE_OK);
    }
    assert_int_equal(jws_sign(crypto, &pair.private_key, NULL, &jws), CEDE_JWS_FORMAT);
    assert_int_equal(jws.signatures_count, JWS_SIGNATURES_MAX);
    jws_wipe(&jws);
    json_decref(critical);
    json_decref(algorithm);
}

/* libjose verifies what we sign, in both JSON serializations. */
static void libjose_verifies_ours(void **state)
{
    struct pair first, second;
    struct jws jws;
    char *text = NULL;
    (void)state;
    fresh_pair(&first);
    fresh_pair(&second);
    json_t *key = jwk(&first);
    json_t *other = jwk(&second);
    make(&jws, &first, "sp1");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(jws_encode_json(&jws, &text), CEDE_OK);
        json_t *json = json_loads(text, 0, NULL);
        assert_true(jose_jws_ver(NULL, json, NULL, key, false));
        assert_int_equal(jose_jws_ver(NULL, json, NULL, other, false), round == 1);
        json_decref(json);
        free(text);
        if (round == 0) {
            assert_int_equal(jws_sign(cede_crypto_openssl(), &second.private_key, NULL, &jws),
                             CEDE_OK);
        }
    }
    jws_wipe(&jws);
    json_decref(key);
    json_decref(other);
}

/* We verify what libjose signs, and tell a forged payload. */
static void we_verify_libjose(void **state)
{
    struct pair pair;
    (void)state;
    fresh_pair(&pair);
    json_t *key = jwk(&pair);
    json_t *jws = json_pack("{s:s}", "payload", "eyJhIjoxfQ");
    json_t *signature = json_pack("{s:{s:s, s:s}}", "protected", "alg", "ES256", "kid", "1");
    assert_true(jose_jws_sig(NULL, jws, signature, key));
    char *text = json_dumps(jws, 0);
    assert_int_equal(accept(text, &pair.public_key), CEDE_OK);
    *strstr(text, "eyJhIjoxfQ") = 'f';
    assert_int_equal(accept(text, &pair.public_key), CEDE_JWS_UNSIGNED);
    free(text);
    json_decref(jws);
    json_decref(signature);
    json_decref(key);
}

/* The compact form comes back, also with an empty payload. */
static void compact_round_trip(void **state)
{
    struct pair pair;
    struct jws jws;
    char *text = NULL;
    (void)state;
    fresh_pair(&pair);
    make(&jws, &pair, "sp1");
    assert_int_equal(jws_encode_compact(&jws, &text), CEDE_OK);
    assert_int_equal(accept(text, &pair.public_key), CEDE_OK);
    free(text);
    jws_wipe(&jws);
    assert_int_equal(jws_init(&jws, CEDE_SPAN_TEXT("")), CEDE_OK);
    assert_int_equal(jws_sign(cede_crypto_openssl(), &pair.private_key, NULL, &jws), CEDE_OK);
    assert_int_equal(jws_encode_compact(&jws, &text), CEDE_OK);
    assert_non_null(strstr(text, ".."));
    assert_int_equal(accept(text, &pair.public_key), CEDE_OK);
    free(text);
    jws_wipe(&jws);
}

/* base64url (RFC 4648 section 10 vectors) and its refusals. */
static void base64url_is_strict(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"},
    };
    static const char *const bad[] = {"A", "Zg==", "Zh", "Zm9", "-_9", "+/8", "Zm 9", "AAAAA"};
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct cede_span plain = cede_span_string(pairs[i][0]);
        char *text = jws_base64url_encode(plain);
        assert_string_equal(text, pairs[i][1]);
        assert_int_equal(jws_base64url_decode(cede_span_string(text), &bytes, &len), CEDE_OK);
        assert_true(cede_span_equal(cede_span(bytes, len), plain));
        free(text);
        free(bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(jws_base64url_decode(cede_span_string(bad[i]), &bytes, &len),
                         CEDE_JWS_FORMAT);
        assert_null(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7515_a3_verifies),       cmocka_unit_test(changes_are_noticed),
        cmocka_unit_test(foreign_key_is_refused),    cmocka_unit_test(refusals),
        cmocka_unit_test(second_signature_is_added), cmocka_unit_test(signer_refuses),
        cmocka_unit_test(libjose_verifies_ours),     cmocka_unit_test(we_verify_libjose),
        cmocka_unit_test(compact_round_trip),        cmocka_unit_test(base64url_is_strict),
    };
    return cmocka_run_group_tests_name("jws", tests, NULL, NULL);
}
