/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crl_test.c - CRLs: what OpenSSL reads in them, when which is made, and what a provider does not
 * let itself be told.
 */
#include "revocation_world.h"

#include "cede/der.h"

/* --- what others read ------------------------------------------------------------------------- */

static struct cede_span list_of(const struct crl_list *list)
{
    assert_non_null(list->blob);
    return http_blob_bytes(list->blob);
}

static X509_CRL *parse(struct cede_span der)
{
    const uint8_t *at = der.ptr;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);

    assert_non_null(crl);
    assert_ptr_equal(at, der.ptr + der.len);
    return crl;
}

static int entries_in(struct cede_span der)
{
    X509_CRL *crl = parse(der);
    int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));

    X509_CRL_free(crl);
    return count < 0 ? 0 : count;
}

static ASN1_INTEGER *integer(const char *hex)
{
    BIGNUM *number = NULL;
    ASN1_INTEGER *made;

    assert_true(BN_hex2bn(&number, hex) > 0);
    made = BN_to_ASN1_INTEGER(number, NULL);
    BN_free(number);
    return made;
}

static void an_empty_list_verifies(void **state)
{
    struct world *w = *state;
    X509_CRL *crl;
    ASN1_INTEGER *number;

    tick(w);
    crl = parse(list_of(&w->publisher.crl.complete));
    assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(w->issuer)), 1);
    assert_int_equal(X509_CRL_get_version(crl), 1);
    assert_null(X509_CRL_get_REVOKED(crl));
    assert_int_equal(X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(w->issuer)), 0);
    number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    assert_int_equal(ASN1_INTEGER_get(number), w->publisher.crl.complete.number);
    assert_true(X509_CRL_get_ext_by_NID(crl, NID_freshest_crl, -1) >= 0);
    assert_true(X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) >= 0);
    ASN1_INTEGER_free(number);
    X509_CRL_free(crl);
}

static void entries_have_serial_time_and_reason(void **state)
{
    struct world *w = *state;
    X509_REVOKED *entry = NULL;
    uint8_t serial[8];
    ASN1_INTEGER *asked = ASN1_INTEGER_new();
    ASN1_ENUMERATED *reason;
    BIGNUM *number;
    X509_CRL *crl;

    add_certificates(w, 1, 2, CA_NO_END);
    revoke_some(w, 1, 1, 1);
    revoke_some(w, 2, 1, 0);
    tick(w);
    crl = parse(list_of(&w->publisher.crl.complete));
    number = BN_bin2bn(serial_of(1, serial).ptr, 8, NULL);
    BN_to_ASN1_INTEGER(number, asked);
    assert_int_equal(X509_CRL_get0_by_serial(crl, &entry, asked), 1);
    reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
    assert_int_equal(ASN1_ENUMERATED_get(reason), 1);
    ASN1_ENUMERATED_free(reason);
    BN_free(number);
    number = BN_bin2bn(serial_of(2, serial).ptr, 8, NULL);
    BN_to_ASN1_INTEGER(number, asked);
    assert_int_equal(X509_CRL_get0_by_serial(crl, &entry, asked), 1);
    assert_null(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL)); /* unspecified */
    BN_free(number);
    ASN1_INTEGER_free(asked);
    X509_CRL_free(crl);
}

/* --- when which is made ----------------------------------------------------------------------- */

static void nothing_new_makes_no_list(void **state)
{
    struct world *w = *state;
    int64_t number;

    tick(w);
    number = w->publisher.crl.complete.number;
    w->now += 100;
    tick(w);
    assert_int_equal(w->publisher.crl.complete.number, number);
    assert_int_equal(w->publisher.crl.delta.number, number);
}

static void revocations_in_one_moment_share_a_list(void **state)
{
    struct world *w = *state;
    int64_t number;

    add_certificates(w, 1, 3, CA_NO_END);
    tick(w);
    number = w->publisher.crl.complete.number;
    revoke_some(w, 1, 1, 0);
    tick(w); /* too soon after the last list */
    assert_int_equal(w->publisher.crl.complete.number, number);
    revoke_some(w, 2, 2, 0);
    w->now += 1;
    tick(w);
    assert_int_equal(w->publisher.crl.complete.number, number + 1);
    assert_int_equal(entries_in(list_of(&w->publisher.crl.complete)), 3);
}

static void a_long_list_gets_a_delta(void **state)
{
    struct world *w = *state;
    int64_t base;
    X509_CRL *crl;
    ASN1_INTEGER *indicator;
    int critical = 0;

    add_certificates(w, 1, 6000, CA_NO_END);
    revoke_some(w, 1, 5000, 4);
    w->now += 1;
    tick(w);
    base = w->publisher.crl.complete.number;
    assert_int_equal(w->publisher.crl.complete.count, 5000);
    assert_int_equal(w->publisher.crl.delta.number, base); /* at one time, with one number */
    revoke_some(w, 5001, 3, 1);
    w->now += 1;
    tick(w);
    assert_int_equal(w->publisher.crl.complete.number, base);
    assert_int_equal(entries_in(list_of(&w->publisher.crl.delta)), 3);
    crl = parse(list_of(&w->publisher.crl.delta));
    indicator = X509_CRL_get_ext_d2i(crl, NID_delta_crl, &critical, NULL);
    assert_int_equal(ASN1_INTEGER_get(indicator), base);
    assert_int_equal(critical, 1);
    assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(w->issuer)), 1);
    ASN1_INTEGER_free(indicator);
    X509_CRL_free(crl);
}

static void a_long_delta_makes_a_new_list(void **state)
{
    struct world *w = *state;
    int64_t base;

    add_certificates(w, 1, 10000, CA_NO_END);
    revoke_some(w, 1, 5000, 4);
    w->now += 1;
    tick(w);
    base = w->publisher.crl.complete.number;
    revoke_some(w, 5001, 2000, 4);
    w->now += 1;
    tick(w);
    assert_true(w->publisher.crl.complete.number > base);
    assert_int_equal(w->publisher.crl.complete.count, 7000);
    assert_int_equal(w->publisher.crl.delta.count, 0);
}

static void lists_are_renewed_before_they_end(void **state)
{
    struct world *w = *state;
    int64_t number, delta;

    tick(w);
    number = w->publisher.crl.complete.number;
    w->now += 3000; /* the delta's hour is nearly over */
    tick(w);
    assert_int_equal(w->publisher.crl.complete.number, number);
    delta = w->publisher.crl.delta.number;
    assert_true(delta > number);
    w->now += 80000; /* and now the complete list's day */
    tick(w);
    assert_true(w->publisher.crl.complete.number > delta);
}

/* An entry leaves once it has been on a list made after its certificate's end. */
static void what_has_expired_leaves(void **state)
{
    struct world *w = *state;

    add_certificates(w, 1, 1, (int64_t)w->now + 50);
    add_certificates(w, 2, 1, CA_NO_END);
    revoke_some(w, 1, 2, 0);
    w->now += 1;
    tick(w);
    assert_int_equal(w->publisher.crl.complete.count, 2);
    w->now += 90000;
    tick(w);
    assert_int_equal(w->publisher.crl.complete.count, 2); /* once more */
    w->now += 90000;
    tick(w);
    assert_int_equal(w->publisher.crl.complete.count, 1);
}

/* "Regularly scheduled" are not the lists that revocations make (RFC 5280, section 3.3). */
static void what_has_expired_is_on_a_whole_list(void **state)
{
    struct world *w = *state;

    add_certificates(w, 1, 1, (int64_t)w->now + 50);
    add_certificates(w, 2, 2, CA_NO_END);
    revoke_some(w, 1, 1, 0);
    tick(w);
    w->now += 60;
    revoke_some(w, 2, 1, 0);
    tick(w);
    assert_int_equal(w->publisher.crl.complete.count, 2);
    w->now += 60;
    revoke_some(w, 3, 1, 0);
    tick(w);
    assert_int_equal(w->publisher.crl.complete.count, 3);
}

/* What is revoked while a long list is made is not on it, and the list does not say so. */
static void a_list_is_as_old_as_what_it_was_made_of(void **state)
{
    struct world *w = *state;
    uint64_t begun = w->now + 2;
    bool busy = false;

    add_certificates(w, 1, 3000, CA_NO_END);
    add_certificates(w, 3001, 1, (int64_t)w->now + 4);
    tick(w);
    revoke_some(w, 1, 3000, 0);
    w->now = begun;
    OK(status_publisher_tick(&w->publisher, &busy));
    assert_true(busy);
    revoke_some(w, 3001, 1, 0);
    w->now += 5;
    for (int i = 0; i < 4 && w->publisher.crl.complete.count == 0; i++) {
        OK(status_publisher_tick(&w->publisher, &busy));
    }
    assert_int_equal(w->publisher.crl.complete.count, 3000);
    assert_int_equal(w->publisher.crl.complete.this_update, begun);
    w->now += 2;
    tick(w);
    assert_int_equal(entries_in(list_of(&w->publisher.crl.delta)), 1);
}

/* A delta made by a clock that was ahead holds nothing up. */
static void a_clock_that_is_set_back_holds_up_no_revocation(void **state)
{
    struct world *w = *state;

    add_certificates(w, 1, 6000, CA_NO_END);
    revoke_some(w, 1, 5000, 4);
    tick(w);
    w->now += 3600;
    revoke_some(w, 5001, 1, 1);
    tick(w);
    assert_int_equal(entries_in(list_of(&w->publisher.crl.delta)), 1);
    w->now -= 1800;
    revoke_some(w, 5002, 1, 1);
    tick(w);
    assert_int_equal(entries_in(list_of(&w->publisher.crl.delta)), 2);
}

/* The records of another day, the lists of today: what is revoked again must be on a list. */
static void records_from_an_older_copy_get_a_list_of_their_own(void **state)
{
    struct world *w = *state;
    ASN1_INTEGER *asked = integer("4100000000000009");
    X509_REVOKED *entry = NULL;
    X509_CRL *crl;
    int64_t number;

    add_certificates(w, 1, 9, CA_NO_END);
    revoke_some(w, 1, 3, 0);
    tick(w);
    number = w->publisher.crl.complete.number;
    status_publisher_close(&w->publisher);
    OK(store_run(w->ca->store, "DELETE FROM revocation WHERE id > 1", STORE_NO_PARAMS, NULL));
    OK(store_run(w->ca->store, "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'revocation'",
                 STORE_NO_PARAMS, NULL));
    revoke_some(w, 8, 2, 0);
    OK(status_publisher_open(&w->publisher, w->ca));
    assert_int_equal(w->publisher.crl.complete.number, number); /* served until there is another */
    w->now += 1;
    tick(w);
    assert_true(w->publisher.crl.complete.number > number);
    crl = parse(list_of(&w->publisher.crl.complete));
    assert_int_equal(X509_CRL_get0_by_serial(crl, &entry, asked), 1);
    ASN1_INTEGER_free(asked);
    X509_CRL_free(crl);
}

static void a_restart_serves_the_same_and_numbers_go_on(void **state)
{
    struct world *w = *state;
    uint8_t *before;
    struct cede_span der;
    int64_t number;

    add_certificates(w, 1, 2, CA_NO_END);
    revoke_some(w, 1, 1, 0);
    tick(w);
    der = list_of(&w->publisher.crl.complete);
    number = w->publisher.crl.complete.number;
    before = malloc(der.len);
    memcpy(before, der.ptr, der.len);
    status_publisher_close(&w->publisher);
    OK(status_publisher_open(&w->publisher, w->ca));
    assert_true(cede_span_equal(list_of(&w->publisher.crl.complete), cede_span(before, der.len)));
    revoke_some(w, 2, 1, 0);
    w->now -= 3600; /* nor do they go back with the clock */
    tick(w);
    assert_true(w->publisher.crl.complete.number > number);
    free(before);
}

/* --- what a provider takes -------------------------------------------------------------------- */

struct told {
    unsigned count;
    uint8_t last[CEDE_SERIAL_LEN_MAX];
};

static enum cede_status take_entry(void *context, const struct crl_entry *entry)
{
    struct told *told = context;

    told->count++;
    memcpy(told->last, entry->serial.ptr, entry->serial.len);
    return CEDE_OK;
}

static enum cede_status take(struct world *w, struct cede_span der, struct told *told,
                             struct revocation_source *source)
{
    struct revocation_sink sink = {take_entry, told};

    return revocation_take(der, &w->ca->certificate, w->now, &sink, source);
}

static const char *number_of(const struct crl_list *list, int64_t more)
{
    static char text[REVOCATION_NUMBER_LEN + 1];

    snprintf(text, sizeof text, "%040llx", (unsigned long long)(list->number + more));
    return text;
}

static void a_provider_follows_list_and_delta(void **state)
{
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};
    uint8_t serial[8];

    add_certificates(w, 1, 6000, CA_NO_END);
    revoke_some(w, 1, 5000, 0);
    tick(w);
    OK(take(w, list_of(&w->publisher.crl.complete), &told, &source));
    assert_int_equal(told.count, 5000);
    assert_string_equal(source.delta_url, "http://127.0.0.1:5702/delta.crl");
    revoke_some(w, 5500, 1, 0);
    w->now += 1;
    tick(w);
    OK(take(w, list_of(&w->publisher.crl.delta), &told, &source));
    assert_int_equal(told.count, 5001);
    assert_memory_equal(told.last, serial_of(5500, serial).ptr, 8);
    assert_string_equal(source.number, number_of(&w->publisher.crl.delta, 0));
    OK(take(w, list_of(&w->publisher.crl.delta), &told, &source)); /* nothing new */
    assert_int_equal(told.count, 5001);
}

static void an_old_list_is_not_taken_again(void **state)
{
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};
    struct http_blob *old;

    add_certificates(w, 1, 2, CA_NO_END);
    tick(w);
    old = http_blob_hold(w->publisher.crl.complete.blob);
    revoke_some(w, 1, 1, 0);
    w->now += 1;
    tick(w);
    OK(take(w, list_of(&w->publisher.crl.complete), &told, &source));
    assert_int_equal(take(w, http_blob_bytes(old), &told, &source), CEDE_REVOCATION_BACK);
    assert_string_equal(source.number, number_of(&w->publisher.crl.complete, 0));
    http_blob_release(old);
}

static void stale_and_future_lists_are_refused(void **state)
{
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};

    tick(w);
    w->now += 2 * 86400;
    assert_int_equal(take(w, list_of(&w->publisher.crl.complete), &told, &source),
                     CEDE_REVOCATION_STALE);
    w->now -= 3 * 86400;
    assert_int_equal(take(w, list_of(&w->publisher.crl.complete), &told, &source),
                     CEDE_REVOCATION_STALE);
    assert_string_equal(source.number, "");
}

static void a_delta_without_its_list_is_not_enough(void **state)
{
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};

    add_certificates(w, 1, 3000, CA_NO_END);
    revoke_some(w, 1, 2000, 0);
    tick(w);
    assert_int_equal(take(w, list_of(&w->publisher.crl.delta), &told, &source), CEDE_NOT_FOUND);
    /* one list was missed */
    memcpy(source.number, number_of(&w->publisher.crl.complete, -1), sizeof source.number);
    assert_int_equal(take(w, list_of(&w->publisher.crl.delta), &told, &source), CEDE_NOT_FOUND);
    assert_int_equal(told.count, 0);
}

static void lists_of_others_are_refused(void **state)
{
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct crl_entries none = {NULL, 0, 0, 0};
    struct crl_info info = {.issuer = w->ca->certificate.subject,
                            .signature_alg = CEDE_ALG_ESP256,
                            .number = 5,
                            .this_update = w->now,
                            .next_update = w->now + 60};
    struct told told = {.count = 0};
    uint8_t scalar[32], point[64], signature[CEDE_SIGNATURE_LEN_MAX];
    struct cede_private_key key = {CEDE_CRV_P256, CEDE_SPAN_ARRAY(scalar), NULL};
    const struct cede_crypto *crypto = cede_crypto_openssl();
    uint8_t *tbs = NULL, *der = NULL;
    size_t tbs_len = 0, der_len = 0, len = 0;
    struct cede_span part;

    OK(crypto->generate(crypto->context, CEDE_CRV_P256, scalar, point));
    OK(crl_tbs(&info, &none, &tbs, &tbs_len));
    part = cede_span(tbs, tbs_len);
    OK(crypto->sign(crypto->context, CEDE_ALG_ESP256, &key, &part, 1, signature, &len));
    OK(crl_join(part, CEDE_ALG_ESP256, cede_span(signature, len), &der, &der_len));
    assert_int_equal(take(w, cede_span(der, der_len), &told, &source), CEDE_CRYPTO_SIGNATURE);
    free(tbs);
    free(der);
    info.issuer = (struct cede_name){CEDE_NAME_TEXT, CEDE_SPAN_TEXT("somebody else")};
    OK(crl_tbs(&info, &none, &tbs, &tbs_len));
    part = cede_span(tbs, tbs_len);
    OK(crypto->sign(crypto->context, CEDE_ALG_ESP256, &w->ca->key, &part, 1, signature, &len));
    OK(crl_join(part, CEDE_ALG_ESP256, cede_span(signature, len), &der, &der_len));
    assert_int_equal(take(w, cede_span(der, der_len), &told, &source), CEDE_CERTIFICATE_UNTRUSTED);
    free(tbs);
    free(der);
}

static void no_bit_flip_and_no_truncation_passes(void **state)
{
    struct world *w = *state;
    struct cede_span der;
    struct told told = {.count = 0};
    uint8_t *copy;

    add_certificates(w, 1, 2, CA_NO_END);
    revoke_some(w, 1, 2, 4);
    tick(w);
    der = list_of(&w->publisher.crl.complete);
    copy = malloc(der.len);
    memcpy(copy, der.ptr, der.len);
    for (size_t bit = 0; bit < 8 * der.len; bit++) {
        struct revocation_source source = {.number = ""};

        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(take(w, cede_span(copy, der.len), &told, &source), CEDE_OK);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < der.len; len++) {
        struct crl_view view;

        assert_int_equal(cede_status_class(crl_decode(cede_span(copy, len), &view)),
                         CEDE_CLASS_MALFORMED);
    }
    assert_int_equal(told.count, 0);
    free(copy);
}

/* A list for some certificates only (issuingDistributionPoint) must not pass for the whole. */
static void a_narrower_list_is_refused(void **state)
{
    struct world *w = *state;
    X509_CRL *crl = X509_CRL_new();
    ISSUING_DIST_POINT *point = ISSUING_DIST_POINT_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)w->now);
    ASN1_TIME *then = ASN1_TIME_set(NULL, (time_t)w->now + 600);
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};
    uint8_t *der = NULL;
    int len;

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(w->issuer));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, then);
    ASN1_INTEGER_set(number, 9);
    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0);
    point->onlyuser = 0xff;
    X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point, 1, 0);
    assert_true(X509_CRL_sign(crl, w->ca->pkey, EVP_sha256()) > 0);
    len = i2d_X509_CRL(crl, &der);
    assert_int_equal(take(w, cede_span(der, (size_t)len), &told, &source), CEDE_X509_EXTENSION);
    OPENSSL_free(der);
    ASN1_TIME_free(now);
    ASN1_TIME_free(then);
    ASN1_INTEGER_free(number);
    ISSUING_DIST_POINT_free(point);
    X509_CRL_free(crl);
}

/* --- lists of other CAs ----------------------------------------------------------------------- */

static void add_number(X509_CRL *crl, int nid, const char *hex)
{
    ASN1_INTEGER *number = integer(hex);

    assert_int_equal(X509_CRL_add1_ext_i2d(crl, nid, number, nid == NID_delta_crl, 0), 1);
    ASN1_INTEGER_free(number);
}

/* `base` is null for a complete list. */
static X509_CRL *begin_list(struct world *w, const char *number, const char *base)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)w->now);
    ASN1_TIME *then = ASN1_TIME_set(NULL, (time_t)w->now + 600);

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(w->issuer));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, then);
    add_number(crl, NID_crl_number, number);
    if (base != NULL) {
        add_number(crl, NID_delta_crl, base);
    }
    ASN1_TIME_free(now);
    ASN1_TIME_free(then);
    return crl;
}

static X509_REVOKED *add_entry(struct world *w, X509_CRL *crl, const char *serial, int reason)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *number = integer(serial);
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)w->now);
    ASN1_ENUMERATED *code = ASN1_ENUMERATED_new();

    X509_REVOKED_set_serialNumber(entry, number);
    X509_REVOKED_set_revocationDate(entry, now);
    if (reason >= 0) {
        ASN1_ENUMERATED_set(code, reason);
        assert_int_equal(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, code, 0, 0), 1);
    }
    X509_CRL_add0_revoked(crl, entry);
    ASN1_ENUMERATED_free(code);
    ASN1_TIME_free(now);
    ASN1_INTEGER_free(number);
    return entry;
}

static enum cede_status take_made(struct world *w, X509_CRL *crl, struct told *told,
                                  struct revocation_source *source)
{
    uint8_t *der = NULL;
    enum cede_status status;
    int len;

    assert_true(X509_CRL_sign(crl, w->ca->pkey, EVP_sha256()) > 0);
    len = i2d_X509_CRL(crl, &der);
    status = take(w, cede_span(der, (size_t)len), told, source);
    OPENSSL_free(der);
    X509_CRL_free(crl);
    return status;
}

/* Of a delta: what was on hold and is revoked no longer (RFC 5280, section 5.3.1). */
static void what_a_delta_removes_is_not_revoked(void **state)
{
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};
    X509_CRL *crl = begin_list(w, "09", NULL);

    OK(take_made(w, crl, &told, &source));
    crl = begin_list(w, "0A", "09");
    (void)add_entry(w, crl, "41", CRL_REASON_REMOVE);
    (void)add_entry(w, crl, "42", 1);
    OK(take_made(w, crl, &told, &source));
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last[0], 0x42);
}

/* "MUST NOT use that CRL to determine the status of any certificates" (section 5.3). */
static void an_entry_that_is_not_understood_takes_the_list_with_it(void **state)
{
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};
    X509_CRL *crl = begin_list(w, "09", NULL);
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();

    name->type = GEN_DIRNAME;
    name->d.directoryName = X509_NAME_dup(X509_get_subject_name(w->issuer));
    sk_GENERAL_NAME_push(names, name);
    (void)add_entry(w, crl, "41", 1);
    assert_int_equal(
        X509_REVOKED_add1_ext_i2d(add_entry(w, crl, "42", 1), NID_certificate_issuer, names, 1, 0),
        1);
    assert_int_equal(take_made(w, crl, &told, &source), CEDE_X509_EXTENSION);
    assert_int_equal(told.count, 0);
    assert_string_equal(source.number, "");
    GENERAL_NAMES_free(names);
}

/* Some CAs have issued such ones (section 4.1.2.2); what else they revoked must bite. */
static void odd_serial_numbers_do_not_spoil_a_list(void **state)
{
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};
    X509_CRL *crl = begin_list(w, "09", NULL);

    (void)add_entry(w, crl, "-41", 1);
    (void)add_entry(w, crl, "7F0102030405060708090A0B0C0D0E0F1011121314", 1);
    (void)add_entry(w, crl, "42", 1);
    OK(take_made(w, crl, &told, &source));
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last[0], 0x42);
}

static void numbers_of_lists_have_up_to_20_bytes(void **state)
{
    static const char high[] = "7F00000000000000000000000000000000000002";
    static const char low[] = "7F00000000000000000000000000000000000001";
    struct world *w = *state;
    struct revocation_source source = {.number = ""};
    struct told told = {.count = 0};
    X509_CRL *crl = begin_list(w, low, NULL);

    OK(take_made(w, crl, &told, &source));
    crl = begin_list(w, high, high); /* a list was missed */
    assert_int_equal(take_made(w, crl, &told, &source), CEDE_NOT_FOUND);
    crl = begin_list(w, high, low);
    (void)add_entry(w, crl, "42", 1);
    OK(take_made(w, crl, &told, &source));
    assert_int_equal(told.count, 1);
    assert_int_equal(take_made(w, begin_list(w, low, NULL), &told, &source), CEDE_REVOCATION_BACK);
    assert_int_equal(take_made(w, begin_list(w, "FF", NULL), &told, &source), CEDE_REVOCATION_BACK);
    assert_int_equal(take_made(w, begin_list(w, "7F0000000000000000000000000000000000000300", NULL),
                               &told, &source),
                     CEDE_DER_VALUE);
}

/* --- how much an old list is worth ------------------------------------------------------------ */

static void how_long_an_old_list_counts(void **state)
{
    struct revocation_policy soft = {600, 3600, false}, strict = {600, 3600, true};

    (void)state;
    OK(revocation_judge(&soft, 1000, 99999, 1600));
    OK(revocation_judge(&strict, 1000, 99999, 1600));
    OK(revocation_judge(&soft, 1000, 99999, 1601));
    assert_int_equal(revocation_judge(&strict, 1000, 99999, 1601), CEDE_REVOCATION_UNKNOWN);
    OK(revocation_judge(&soft, 1000, 99999, 5200));
    assert_int_equal(revocation_judge(&soft, 1000, 99999, 5201), CEDE_REVOCATION_UNKNOWN);
    /* never had one; and one that is over by its own word */
    assert_int_equal(revocation_judge(&soft, 0, 99999, 100), CEDE_REVOCATION_UNKNOWN);
    OK(revocation_judge(&soft, 1000, 1100, 1200));
    assert_int_equal(revocation_judge(&strict, 1000, 1100, 1200), CEDE_REVOCATION_UNKNOWN);
}

#define in_world(test_) cmocka_unit_test_setup_teardown(test_, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(an_empty_list_verifies),
        in_world(entries_have_serial_time_and_reason),
        in_world(nothing_new_makes_no_list),
        in_world(revocations_in_one_moment_share_a_list),
        in_world(a_long_list_gets_a_delta),
        in_world(a_long_delta_makes_a_new_list),
        in_world(lists_are_renewed_before_they_end),
        in_world(what_has_expired_leaves),
        in_world(what_has_expired_is_on_a_whole_list),
        in_world(a_list_is_as_old_as_what_it_was_made_of),
        in_world(a_clock_that_is_set_back_holds_up_no_revocation),
        in_world(records_from_an_older_copy_get_a_list_of_their_own),
        in_world(a_restart_serves_the_same_and_numbers_go_on),
        in_world(a_provider_follows_list_and_delta),
        in_world(an_old_list_is_not_taken_again),
        in_world(stale_and_future_lists_are_refused),
        in_world(a_delta_without_its_list_is_not_enough),
        in_world(lists_of_others_are_refused),
        in_world(no_bit_flip_and_no_truncation_passes),
        in_world(a_narrower_list_is_refused),
        in_world(what_a_delta_removes_is_not_revoked),
        in_world(an_entry_that_is_not_understood_takes_the_list_with_it),
        in_world(odd_serial_numbers_do_not_spoil_a_list),
        in_world(numbers_of_lists_have_up_to_20_bytes),
        cmocka_unit_test(how_long_an_old_list_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
