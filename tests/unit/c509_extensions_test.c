/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c509_extensions_test.c - the value of every extension between DER and C509
 * (draft-ietf-cose-cbor-encoded-cert, section "Encoding of Extensions"; RFC 5280, section 4.2;
 * RFC 3779 for addresses and AS numbers).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "codec/c509/extensions.h"
#include "codec/x509/registry.h"
#include "hex.h"

#define ROOM            512
#define COUNT(table_)   (sizeof(table_) / sizeof((table_)[0]))
#define NOT_EXPRESSIBLE CEDE_C509_NOT_EXPRESSIBLE

struct pair {
    int64_t number;
    const char *what;
    const char *der;
    const char *cbor;
};

/* Either side's encoding that the other has no form for. */
struct refusal {
    int64_t number;
    const char *what;
    const char *encoding;
    enum cede_status status;
};

struct encoding {
    uint8_t bytes[ROOM];
    struct cede_span span;
};

static struct cede_span from_hex(struct encoding *encoding, const char *hex)
{
    encoding->span = hex_into(CEDE_BUF_ARRAY(encoding->bytes), hex);
    return encoding->span;
}

static enum cede_status to_der(int64_t number, struct cede_span cbor, struct encoding *der)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(der->bytes));
    enum cede_status status = extension_to_der(number, cbor, &writer);

    der->span = cede_written(&writer);
    return status;
}

static enum cede_status from_der(int64_t number, struct cede_span der, struct encoding *cbor)
{
    struct cede_writer writer = cede_writer(CEDE_BUF_ARRAY(cbor->bytes));
    enum cede_status status = extension_from_der(number, der, &writer);

    cbor->span = cede_written(&writer);
    return status;
}

static void expect(int64_t number, const char *what, bool holds)
{
    if (!holds) {
        fail_msg("extension %d, %s", (int)number, what);
    }
}

/* --- both directions -------------------------------------------------------------------------- */

/* The DER column is X.690's, made without this code; the C509 column follows the draft's CDDL. */
static const struct pair pairs[] = {
    {EXT_SUBJECT_KEY_ID, "three bytes", "0403010203", "43010203"},
    {EXT_SUBJECT_KEY_ID, "no bytes", "0400", "40"},
    {EXT_SUBJECT_KEY_ID, "two bytes of length",
     "0481c85a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
     "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
     "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
     "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
     "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
     "58c85a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
     "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
     "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
     "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
     "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"},
    {EXT_KEY_USAGE, "digitalSignature, keyEncipherment", "030205a0", "05"},
    {EXT_KEY_USAGE, "keyCertSign, cRLSign", "03020106", "1860"},
    {EXT_KEY_USAGE, "decipherOnly", "0303070080", "190100"},
    {EXT_SUBJECT_ALT_NAME, "one DNS name", "30058203612e62", "63612e62"},
    {EXT_SUBJECT_ALT_NAME, "two DNS names", "30088203612e62820163", "840263612e62026163"},
    {EXT_ISSUER_ALT_NAME, "one DNS name", "30058203612e62", "63612e62"},
    {EXT_ISSUER_ALT_NAME, "two DNS names", "30088203612e62820163", "840263612e62026163"},
    {EXT_SUBJECT_ALT_NAME, "an e-mail address", "30058103614062", "820163614062"},
    {EXT_SUBJECT_ALT_NAME, "no name", "3000", "80"},
    {EXT_SUBJECT_ALT_NAME, "directory name", "3012a410300e310c300a06035504030c03646576",
     "820463646576"},
    {EXT_SUBJECT_ALT_NAME, "directory name, printable", "3012a410300e310c300a06035504031303646576",
     "8204822063646576"},
    {EXT_SUBJECT_ALT_NAME, "URI, addresses, registered identifier",
     "30268608636f61703a2f2f618704c0000201871020010db800000000000000000000000088022a03",
     "880668636f61703a2f2f610744c0000201075020010db800000000000000000000000008422a03"},
    {EXT_SUBJECT_ALT_NAME, "hardware module name",
     "3018a01606082b06010505070804a00a300806022a0304020102", "822082422a03420102"},
    {EXT_SUBJECT_ALT_NAME, "mailbox in UTF-8", "3014a01206082b06010505070809a0060c04c3a54062",
     "822164c3a54062"},
    {EXT_SUBJECT_ALT_NAME, "MAC address", "3016a01406082b0601050507080ca00804060123456789ab",
     "8222460123456789ab"},
    {EXT_SUBJECT_ALT_NAME, "another otherName", "300ba00906032a0304a0020500",
     "820082432a0304420500"},
    {EXT_BASIC_CONSTRAINTS, "no CA", "3000", "21"},
    {EXT_BASIC_CONSTRAINTS, "CA", "30030101ff", "20"},
    {EXT_BASIC_CONSTRAINTS, "CA, path length 0", "30060101ff020100", "00"},
    {EXT_BASIC_CONSTRAINTS, "CA, path length 200", "30070101ff020200c8", "18c8"},
    {EXT_CRL_POINTS, "one URI", "3010300ea00ca00a8608687474703a2f2f61", "68687474703a2f2f61"},
    {EXT_CRL_POINTS, "two URIs", "301a3018a016a0148608687474703a2f2f618608687474703a2f2f62",
     "81838268687474703a2f2f6168687474703a2f2f62f6f6"},
    {EXT_FRESHEST_CRL, "one URI", "3010300ea00ca00a8608687474703a2f2f61", "68687474703a2f2f61"},
    {EXT_FRESHEST_CRL, "two URIs", "301a3018a016a0148608687474703a2f2f618608687474703a2f2f62",
     "81838268687474703a2f2f6168687474703a2f2f62f6f6"},
    {EXT_CRL_POINTS, "two points", "30143008a006a0048602613a3008a006a0048602623a",
     "828362613af6f68362623af6f6"},
    {EXT_CRL_POINTS, "reasons", "300e300ca006a0048602613a81020560", "818362613a06f6"},
    {EXT_CRL_POINTS, "nine reasons", "300f300da006a0048602613a8103070080", "818362613a190100f6"},
    {EXT_CRL_POINTS, "issuer", "301e301ca006a0048602613aa212a410300e310c300a06035504030c0363726c",
     "818362613af66363726c"},
    {EXT_CRL_POINTS, "reasons and issuer",
     "30223020a006a0048602613a81020640a212a410300e310c300a06035504030c0363726c",
     "818362613a026363726c"},
    {EXT_INFO_ACCESS, "OCSP, caIssuers",
     "3020300e06082b060105050730018602613a300e06082b060105050730028602623a", "840162613a0262623a"},
    {EXT_INFO_ACCESS, "another method", "300b300906032a03048602613a", "82432a030462613a"},
    {EXT_SUBJECT_ACCESS, "OCSP, caIssuers",
     "3020300e06082b060105050730018602613a300e06082b060105050730028602623a", "840162613a0262623a"},
    {EXT_SUBJECT_ACCESS, "another method", "300b300906032a03048602613a", "82432a030462613a"},
    {EXT_POLICIES, "any", "300830060604551d2000", "820080"},
    {EXT_POLICIES, "two, one without number", "30113008060667810c010201300506032a0304",
     "840180432a030480"},
    {EXT_POLICIES, "practice statement, notice",
     "3035302a0604551d20003022300e06082b060105050702011602613a301006082b0601050507020230040c0268693"
     "007060567810c0101",
     "8400840162613a026268690480"},
    {EXT_AUTHORITY_KEY_ID, "key identifier", "300480020102", "420102"},
    {EXT_AUTHORITY_KEY_ID, "all three, serial number 05",
     "301b80020102a112a410300e310c300a06035504030c03746f70820105", "83420102820463746f704105"},
    {EXT_AUTHORITY_KEY_ID, "all three, serial number 0080",
     "301c80020102a112a410300e310c300a06035504030c03746f7082020080", "83420102820463746f704180"},
    {EXT_AUTHORITY_KEY_ID, "all three, serial number 00",
     "301b80020102a112a410300e310c300a06035504030c03746f70820100", "83420102820463746f7040"},
    {EXT_EKU, "one", "300a06082b06010505070302", "02"},
    {EXT_EKU, "two, one without number", "300b0604551d250006032a0304", "8200432a0304"},
    {EXT_EKU, "one without number", "300506032a0304", "432a0304"},
    {EXT_EKU, "none", "3000", "80"},
    {EXT_DIRECTORY_ATTRS, "UTF-8, printable and hexadecimal",
     "30303013060355040a310c0c0441636d650c0442636d65300a060355040a3103130158300d060355040331060c043"
     "0316162",
     "8608826441636d656442636d652781615801814201ab"},
    {EXT_DIRECTORY_ATTRS, "another type", "300e300c06032a030431050500020107",
     "82432a03048242050043020107"},
    {EXT_DIRECTORY_ATTRS, "none", "3000", "80"},
    {EXT_NAME_CONSTRAINTS, "neither list", "3000", "82f6f6"},
    {EXT_NAME_CONSTRAINTS, "permitted directory name",
     "3014a0123010a40e300c310a300806035504030c0161", "8282046161f6"},
    {EXT_NAME_CONSTRAINTS, "excluded DNS and host", "300ca10a30038201783003860179",
     "82f684026178066179"},
    {EXT_NAME_CONSTRAINTS, "both, addresses",
     "304ca00c300a8708c0000200ffffff00a13c300a87080000000000000000300a8708c0000201ffffffff302287202"
     "0010db8000000000000000000000000ffffffff800000000000000000000000",
     "82820745c00002001886074500000000000745c000020120075120010db800000000000000000000000021"},
    {EXT_POLICY_MAPPINGS, "two",
     "301f3010060667810c010201060667810c010202300b06032a03040604551d2000", "840102432a030400"},
    {EXT_POLICY_CONSTRAINTS, "neither", "3000", "82f6f6"},
    {EXT_POLICY_CONSTRAINTS, "requireExplicitPolicy 0", "3003800100", "8200f6"},
    {EXT_POLICY_CONSTRAINTS, "inhibitPolicyMapping 128", "300481020080", "82f61880"},
    {EXT_POLICY_CONSTRAINTS, "both", "300b8002012c810500ffffffff", "8219012c1affffffff"},
    {EXT_INHIBIT_ANY_POLICY, "zero", "020100", "00"},
    {EXT_INHIBIT_ANY_POLICY, "four bytes", "020500ffffffff", "1affffffff"},
    {EXT_OCSP_NO_CHECK, "null", "0500", "f6"},
    {EXT_PRECERTIFICATE, "null", "0500", "f6"},
    {EXT_TLS_FEATURES, "status_request", "3003020105", "8105"},
    {EXT_TLS_FEATURES, "two", "3006020105020111", "820511"},
    {EXT_TLS_FEATURES, "none", "3000", "80"},
    {EXT_IP_BLOCKS, "prefixes and a range of IPv4, a prefix of IPv6",
     "305030280402000130220302000a0303060ac00304040ac010030500c0000205300a030304ac10030303ac1830240"
     "4020002301e03050020010db803050520010dc0300e03050020010dc103050120010dc2",
     "8601f68519010a1a000709b61a0503b5501b00000001baf541f5823b00000001bffa55f439fff702f6831b0000000"
     "120010db81b0000000500000008823b00000004fffffffe1b0000000100000001"},
    {EXT_IP_BLOCKS, "inherited, with SAFI", "30113007040300010105003006040200020500",
     "860101f602f6f6"},
    {EXT_IP_BLOCKS_V2, "prefixes and a range of IPv4, a prefix of IPv6",
     "305030280402000130220302000a0303060ac00304040ac010030500c0000205300a030304ac10030303ac1830240"
     "4020002301e03050020010db803050520010dc0300e03050020010dc103050120010dc2",
     "8601f68519010a1a000709b61a0503b5501b00000001baf541f5823b00000001bffa55f439fff702f6831b0000000"
     "120010db81b0000000500000008823b00000004fffffffe1b0000000100000001"},
    {EXT_IP_BLOCKS_V2, "inherited, with SAFI", "30113007040300010105003006040200020500",
     "860101f602f6f6"},
    {EXT_IP_BLOCKS, "addresses past eight bytes",
     "302c302a0403000202302303090020010db8000100023016030b0020010db800010003000103070020010db80002",
     "83020282490020010db800010002824b0020010db8000100030001470020010db80002"},
    {EXT_IP_BLOCKS, "a range past eight bytes",
     "3020301e0402000230183016030b0020010db800010003000103070020010db80002",
     "8302f681824b0020010db8000100030001470020010db80002"},
    {EXT_IP_BLOCKS, "the whole space, a short prefix, the longest number",
     "3020301e0403ffffff301703010003080700000000000080030800ffffffffffffff",
     "8319ffff18ff83011b080000000000007f3b0600000000000080"},
    {EXT_IP_BLOCKS, "no address", "30083006040200013000", "8301f680"},
    {EXT_IP_BLOCKS, "no family", "3000", "80"},
    {EXT_AS_IDS, "numbers and a range", "3015a013301102010a30070201140202012c020300fbf0",
     "830a820a19011819fac4"},
    {EXT_AS_IDS, "inherited", "3004a0020500", "f6"},
    {EXT_AS_IDS_V2, "numbers and a range", "3015a013301102010a30070201140202012c020300fbf0",
     "830a820a19011819fac4"},
    {EXT_AS_IDS_V2, "inherited", "3004a0020500", "f6"},
    {EXT_AS_IDS, "the first and the last", "3010a00e300c300a020100020500ffffffff",
     "8182001affffffff"},
    {EXT_AS_IDS, "none", "3004a0023000", "80"},
    {EXT_IP_BLOCKS, "two prefixes past eight bytes",
     "301e301c04020002301603090020010db80001000203090020010db800010003",
     "8302f682490020010db800010002490020010db800010003"},
};

static void every_value_goes_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const struct pair *pair = &pairs[i];
        struct encoding der, cbor, made;
        struct cede_writer counting = cede_writer_counting();

        from_hex(&der, pair->der);
        from_hex(&cbor, pair->cbor);
        expect(pair->number, pair->what, to_der(pair->number, cbor.span, &made) == CEDE_OK);
        expect(pair->number, pair->what, cede_span_equal(made.span, der.span));
        expect(pair->number, pair->what, from_der(pair->number, der.span, &made) == CEDE_OK);
        expect(pair->number, pair->what, cede_span_equal(made.span, cbor.span));
        assert_int_equal(extension_to_der(pair->number, cbor.span, &counting), CEDE_OK);
        assert_int_equal(counting.len, der.span.len);
    }
}

static void nothing_less_and_nothing_more_is_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const struct pair *pair = &pairs[i];
        struct encoding der, cbor, made;

        from_hex(&der, pair->der);
        from_hex(&cbor, pair->cbor);
        for (size_t len = 0; len < cbor.span.len; len++) {
            expect(pair->number, pair->what,
                   to_der(pair->number, cede_span(cbor.bytes, len), &made) != CEDE_OK);
        }
        for (size_t len = 0; len < der.span.len; len++) {
            expect(pair->number, pair->what,
                   from_der(pair->number, cede_span(der.bytes, len), &made) == NOT_EXPRESSIBLE);
        }
        expect(pair->number, pair->what,
               to_der(pair->number, cede_span(cbor.bytes, cbor.span.len + 1), &made) ==
                   CEDE_TRAILING_BYTES);
        expect(pair->number, pair->what,
               from_der(pair->number, cede_span(der.bytes, der.span.len + 1), &made) ==
                   NOT_EXPRESSIBLE);
    }
}

static void no_room_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const struct pair *pair = &pairs[i];
        struct encoding der, cbor, made;

        from_hex(&der, pair->der);
        from_hex(&cbor, pair->cbor);
        for (size_t cap = 0; cap < der.span.len; cap++) {
            struct cede_writer writer = cede_writer(cede_buf(made.bytes, cap));
            expect(pair->number, pair->what,
                   extension_to_der(pair->number, cbor.span, &writer) == CEDE_NO_SPACE);
        }
        for (size_t cap = 0; cap < cbor.span.len; cap++) {
            struct cede_writer writer = cede_writer(cede_buf(made.bytes, cap));
            expect(pair->number, pair->what,
                   extension_from_der(pair->number, der.span, &writer) == CEDE_NO_SPACE);
        }
    }
}

/* What OpenSSL makes of a line of its configuration is read, and comes back from C509. */
static void values_of_openssl_go_there_and_back(void **state)
{
    static const struct {
        int nid;
        const char *value;
        int64_t number;
        const char *cbor;
    } cases[] = {
        {NID_basic_constraints, "CA:TRUE,pathlen:3", EXT_BASIC_CONSTRAINTS, "03"},
        {NID_key_usage, "digitalSignature,decipherOnly", EXT_KEY_USAGE, "190101"},
        {NID_ext_key_usage, "serverAuth,OCSPSigning", EXT_EKU, "820109"},
        {NID_subject_alt_name, "DNS:a.b", EXT_SUBJECT_ALT_NAME, "63612e62"},
        {NID_issuer_alt_name, "email:a@b,RID:1.2.3", EXT_ISSUER_ALT_NAME,
         "8401 63614062 08 422a03"},
        {NID_subject_alt_name, "URI:a:,IP:192.0.2.1", EXT_SUBJECT_ALT_NAME,
         "8406 62613a 07 44c0000201"},
        {NID_crl_distribution_points, "URI:http://a", EXT_CRL_POINTS, "68687474703a2f2f61"},
        {NID_freshest_crl, "URI:http://a", EXT_FRESHEST_CRL, "68687474703a2f2f61"},
        {NID_info_access, "OCSP;URI:a:,caIssuers;URI:b:", EXT_INFO_ACCESS, "8401 62613a 02 62623a"},
        {NID_sinfo_access, "caRepository;URI:a:", EXT_SUBJECT_ACCESS, "8205 62613a"},
        {NID_certificate_policies, "2.23.140.1.2.1,1.2.3", EXT_POLICIES, "8401 80 422a03 80"},
        {NID_policy_mappings, "2.23.140.1.2.1:2.23.140.1.2.2", EXT_POLICY_MAPPINGS, "820102"},
        {NID_policy_constraints, "requireExplicitPolicy:3,inhibitPolicyMapping:0",
         EXT_POLICY_CONSTRAINTS, "820300"},
        {NID_inhibit_any_policy, "2", EXT_INHIBIT_ANY_POLICY, "02"},
        {NID_name_constraints, "permitted;IP:192.0.2.0/255.255.255.0,excluded;DNS:x",
         EXT_NAME_CONSTRAINTS, "82 82 07 45c000020018 82 02 6178"},
        {NID_tlsfeature, "status_request", EXT_TLS_FEATURES, "8105"},
#ifndef OPENSSL_NO_RFC3779
        {NID_sbgp_ipAddrBlock, "IPv4:10.0.0.0/8,IPv4:172.16.0.0/12,IPv6:2001:db8::/32",
         EXT_IP_BLOCKS, NULL},
        {NID_sbgp_ipAddrBlock, "IPv4:192.0.2.1-192.0.2.6,IPv6-SAFI:1:inherit", EXT_IP_BLOCKS, NULL},
        {NID_sbgp_autonomousSysNum, "AS:64496,AS:1-5", EXT_AS_IDS, "82 820104 19fbeb"},
        {NID_sbgp_autonomousSysNum, "AS:inherit", EXT_AS_IDS, "f6"},
#endif
    };

    CONF *config = NCONF_new(NULL);
    X509V3_CTX context;

    (void)state;
    X509V3_set_ctx(&context, NULL, NULL, NULL, NULL, X509V3_CTX_TEST);
    X509V3_set_nconf(&context, config);
    for (size_t i = 0; i < COUNT(cases); i++) {
        X509_EXTENSION *extension =
            X509V3_EXT_nconf_nid(config, &context, cases[i].nid, cases[i].value);
        const ASN1_OCTET_STRING *value;
        struct encoding wanted, cbor, back;
        struct cede_span der;

        expect(cases[i].number, cases[i].value, extension != NULL);
        value = X509_EXTENSION_get_data(extension);
        der = cede_span(value->data, (size_t)value->length);
        expect(cases[i].number, cases[i].value, from_der(cases[i].number, der, &cbor) == CEDE_OK);
        if (cases[i].cbor != NULL) {
            expect(cases[i].number, cases[i].value,
                   cede_span_equal(cbor.span, from_hex(&wanted, cases[i].cbor)));
        }
        expect(cases[i].number, cases[i].value,
               to_der(cases[i].number, cbor.span, &back) == CEDE_OK);
        expect(cases[i].number, cases[i].value, cede_span_equal(back.span, der));
        X509_EXTENSION_free(extension);
    }
    NCONF_free(config);
}

/* --- refusals --------------------------------------------------------------------------------- */

static const struct refusal malformed[] = {
    {EXT_SUBJECT_KEY_ID, "text", "6161", CEDE_CBOR_TYPE},
    {EXT_KEY_USAGE, "past 16 bits", "1a00010000", CEDE_CBOR_RANGE},
    {EXT_KEY_USAGE, "negative", "20", CEDE_CBOR_TYPE},
    {EXT_SUBJECT_ALT_NAME, "half a pair", "8302616102", CEDE_CBOR_COUNT},
    {EXT_SUBJECT_ALT_NAME, "a number that is none", "82036161", CEDE_C509_EXTENSION},
    {EXT_SUBJECT_ALT_NAME, "below the registry", "82236161", CEDE_C509_EXTENSION},
    {EXT_SUBJECT_ALT_NAME, "DNS name in bytes", "82024161", CEDE_CBOR_TYPE},
    {EXT_SUBJECT_ALT_NAME, "registered identifier as text", "82086161", CEDE_CBOR_TYPE},
    {EXT_SUBJECT_ALT_NAME, "address as text", "82076161", CEDE_CBOR_TYPE},
    {EXT_SUBJECT_ALT_NAME, "hardware module name of three", "822083412a4040", CEDE_CBOR_COUNT},
    {EXT_SUBJECT_ALT_NAME, "mailbox in bytes", "82214161", CEDE_CBOR_TYPE},
    {EXT_SUBJECT_ALT_NAME, "MAC address as text", "82226161", CEDE_CBOR_TYPE},
    {EXT_SUBJECT_ALT_NAME, "otherName of one", "820081412a", CEDE_CBOR_COUNT},
    {EXT_SUBJECT_ALT_NAME, "directory name that is a number", "820401", CEDE_CBOR_TYPE},
    {EXT_SUBJECT_ALT_NAME, "a byte after the text", "616100", CEDE_TRAILING_BYTES},
    {EXT_BASIC_CONSTRAINTS, "-3", "22", CEDE_C509_EXTENSION},
    {EXT_BASIC_CONSTRAINTS, "null", "f6", CEDE_CBOR_TYPE},
    {EXT_CRL_POINTS, "a point of two", "818262613af6", CEDE_CBOR_COUNT},
    {EXT_CRL_POINTS, "bytes", "4161", CEDE_CBOR_TYPE},
    {EXT_CRL_POINTS, "reasons past 16 bits", "818362613a1a00010000f6", CEDE_CBOR_RANGE},
    {EXT_CRL_POINTS, "reasons as text", "818362613a6172f6", CEDE_CBOR_TYPE},
    {EXT_CRL_POINTS, "a URI in bytes", "81838262613a4162f6f6", CEDE_CBOR_TYPE},
    {EXT_CRL_POINTS, "issuer that is a number", "818362613af601", CEDE_CBOR_TYPE},
    {EXT_INFO_ACCESS, "half a pair", "8101", CEDE_CBOR_COUNT},
    {EXT_INFO_ACCESS, "method without entry", "82186362613a", CEDE_C509_EXTENSION},
    {EXT_INFO_ACCESS, "text as method", "82617862613a", CEDE_CBOR_TYPE},
    {EXT_INFO_ACCESS, "URI in bytes", "82014161", CEDE_CBOR_TYPE},
    {EXT_POLICIES, "half a pair", "8100", CEDE_CBOR_COUNT},
    {EXT_POLICIES, "half a qualifier", "82008101", CEDE_CBOR_COUNT},
    {EXT_POLICIES, "policy without entry", "82186380", CEDE_C509_EXTENSION},
    {EXT_POLICIES, "qualifier without entry", "820082036161", CEDE_C509_EXTENSION},
    {EXT_POLICIES, "qualifier by identifier", "820082422a036161", CEDE_C509_EXTENSION},
    {EXT_POLICIES, "statement in bytes", "820082014161", CEDE_CBOR_TYPE},
    {EXT_POLICIES, "notice in bytes", "820082024161", CEDE_CBOR_TYPE},
    {EXT_AUTHORITY_KEY_ID, "two of three", "824082026161", CEDE_CBOR_COUNT},
    {EXT_AUTHORITY_KEY_ID, "text", "6161", CEDE_CBOR_TYPE},
    {EXT_AUTHORITY_KEY_ID, "serial as number", "83408202616105", CEDE_CBOR_TYPE},
    {EXT_EKU, "without entry", "05", CEDE_C509_EXTENSION},
    {EXT_EKU, "below zero", "822001", CEDE_C509_EXTENSION},
    {EXT_EKU, "text", "816161", CEDE_CBOR_TYPE},
    {EXT_DIRECTORY_ATTRS, "half a pair", "8101", CEDE_CBOR_COUNT},
    {EXT_DIRECTORY_ATTRS, "type without entry", "821903e7816161", CEDE_C509_EXTENSION},
    {EXT_DIRECTORY_ATTRS, "past 32 bits", "821a80000000816161", CEDE_CBOR_RANGE},
    {EXT_DIRECTORY_ATTRS, "a value that is a number", "82088101", CEDE_CBOR_TYPE},
    {EXT_DIRECTORY_ATTRS, "values alone", "82086161", CEDE_CBOR_TYPE},
    {EXT_DIRECTORY_ATTRS, "text for DER", "82422a03816161", CEDE_CBOR_TYPE},
    {EXT_NAME_CONSTRAINTS, "one list", "81f6", CEDE_CBOR_COUNT},
    {EXT_NAME_CONSTRAINTS, "half a pair", "828102f6", CEDE_CBOR_COUNT},
    {EXT_NAME_CONSTRAINTS, "a list as text", "826161f6", CEDE_CBOR_TYPE},
    {EXT_NAME_CONSTRAINTS, "address: no prefix length", "82820744c0000200f6", CEDE_C509_EXTENSION},
    {EXT_NAME_CONSTRAINTS, "address: a mask", "82820748c0000200ffffff00f6", CEDE_C509_EXTENSION},
    {EXT_NAME_CONSTRAINTS, "address: no byte", "82820740f6", CEDE_C509_EXTENSION},
    {EXT_NAME_CONSTRAINTS, "address: 33 of 32 bits", "82820745c000020021f6", CEDE_C509_EXTENSION},
    {EXT_NAME_CONSTRAINTS, "address: 129 of 128 bits",
     "828207510000000000000000000000000000000081f6", CEDE_C509_EXTENSION},
    {EXT_NAME_CONSTRAINTS, "address as text", "82f682076161", CEDE_CBOR_TYPE},
    {EXT_POLICY_MAPPINGS, "half a pair", "8101", CEDE_CBOR_COUNT},
    {EXT_POLICY_MAPPINGS, "without entry", "82011863", CEDE_C509_EXTENSION},
    {EXT_POLICY_CONSTRAINTS, "one member", "8100", CEDE_CBOR_COUNT},
    {EXT_POLICY_CONSTRAINTS, "negative", "8220f6", CEDE_CBOR_TYPE},
    {EXT_INHIBIT_ANY_POLICY, "negative", "20", CEDE_CBOR_TYPE},
    {EXT_OCSP_NO_CHECK, "a number", "00", CEDE_CBOR_TYPE},
    {EXT_PRECERTIFICATE, "true", "f5", CEDE_CBOR_TYPE},
    {EXT_TLS_FEATURES, "alone", "05", CEDE_CBOR_TYPE},
    {EXT_TLS_FEATURES, "negative", "8120", CEDE_CBOR_TYPE},
    {EXT_IP_BLOCKS, "two of three items", "8201f6", CEDE_CBOR_COUNT},
    {EXT_IP_BLOCKS, "not an array", "01", CEDE_CBOR_TYPE},
    {EXT_IP_BLOCKS, "AFI past 16 bits", "831a00010000f6f6", CEDE_CBOR_RANGE},
    {EXT_IP_BLOCKS, "SAFI past 8 bits", "8301190100f6", CEDE_CBOR_RANGE},
    {EXT_IP_BLOCKS, "AFI negative", "8320f6f6", CEDE_CBOR_TYPE},
    {EXT_IP_BLOCKS, "addresses as text", "8301f66161", CEDE_CBOR_TYPE},
    {EXT_IP_BLOCKS, "a text among them", "8301f6821901006161", CEDE_CBOR_TYPE},
    {EXT_IP_BLOCKS, "zero", "8301f68100", CEDE_C509_EXTENSION},
    {EXT_IP_BLOCKS, "below zero", "8301f68120", CEDE_CBOR_RANGE},
    {EXT_IP_BLOCKS, "below the one before", "8301f68219010a39010a", CEDE_CBOR_RANGE},
    {EXT_IP_BLOCKS, "back to zero", "8301f68219010a390109", CEDE_C509_EXTENSION},
    {EXT_IP_BLOCKS, "eight unused bits", "8301f681190900", CEDE_C509_EXTENSION},
    {EXT_IP_BLOCKS, "past 64 bits", "8301f6821b08ffffffffffffff1b7fffffffffffffff",
     CEDE_CBOR_RANGE},
    {EXT_IP_BLOCKS, "a number past 63 bits", "8301f6811b8000000000000000", CEDE_CBOR_RANGE},
    {EXT_IP_BLOCKS, "a range of one", "8301f6818119010a", CEDE_CBOR_COUNT},
    {EXT_IP_BLOCKS, "a range of three", "8301f6818319010a0101", CEDE_CBOR_COUNT},
    {EXT_IP_BLOCKS, "a range, its end below zero", "8301f6818219010a39012b", CEDE_CBOR_RANGE},
    {EXT_AS_IDS, "a number alone", "01", CEDE_CBOR_TYPE},
    {EXT_AS_IDS, "a text", "816161", CEDE_CBOR_TYPE},
    {EXT_AS_IDS, "negative", "8120", CEDE_CBOR_TYPE},
    {EXT_AS_IDS, "past 32 bits", "811b0000000100000000", CEDE_CBOR_RANGE},
    {EXT_AS_IDS, "the sum past 32 bits", "821affffffff01", CEDE_CBOR_RANGE},
    {EXT_AS_IDS, "the sum past 64 bits", "82051bfffffffffffffffd", CEDE_CBOR_RANGE},
    {EXT_AS_IDS, "a range of one", "818101", CEDE_CBOR_COUNT},
    {EXT_AS_IDS, "a range, its end past 32 bits", "8182011affffffff", CEDE_CBOR_RANGE},
    {EXT_AS_IDS, "a text in a range", "8182016161", CEDE_CBOR_TYPE},
    {EXT_TLS_FEATURES, "a text before a number", "82616105", CEDE_CBOR_TYPE},
    {EXT_INFO_ACCESS, "method without entry, then one with", "84186362613a0162623a",
     CEDE_C509_EXTENSION},
    {EXT_POLICIES, "statement in bytes, then one in text", "820084014161016161", CEDE_CBOR_TYPE},
    {EXT_POLICY_MAPPINGS, "without entry, then with", "841863010102", CEDE_C509_EXTENSION},
};

static void malformed_values_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(malformed); i++) {
        struct encoding cbor, der;
        enum cede_status status =
            to_der(malformed[i].number, from_hex(&cbor, malformed[i].encoding), &der);
        if (status != malformed[i].status) {
            print_error("status 0x%x: ", (unsigned)status);
        }
        expect(malformed[i].number, malformed[i].what, status == malformed[i].status);
    }
}

/* The caller writes these with their identifier. */
static const struct refusal inexpressible[] = {
    {EXT_SUBJECT_KEY_ID, "another tag", "0500", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_KEY_ID, "a byte after it", "04010100", NOT_EXPRESSIBLE},
    {EXT_KEY_USAGE, "nine unused bits", "03020980", NOT_EXPRESSIBLE},
    {EXT_KEY_USAGE, "no BIT STRING", "020105", NOT_EXPRESSIBLE},
    {EXT_KEY_USAGE, "nothing", "", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "X.400 address", "3002a300", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "otherName without value", "3006a00406022a03", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "otherName with two values of one kind",
     "3014a01206082b0601050507080ca006040101040102", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "otherName with more", "300ca00a06022a03a00205000500", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "hardware module name with more",
     "301aa01806082b06010505070804a00c300a06022a03040201020500", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "mailbox in IA5", "3011a00f06082b06010505070809a003160161",
     NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "two directory names in one",
     "301ea41c300c310a300806035504030c0161300c310a300806035504030c0162", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "directory name with a shared RDN",
     "301aa41830163114300806035504030c01613008060355040a0c0162", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "DNS name that is not UTF-8 text", "30068201618201", NOT_EXPRESSIBLE},
    {EXT_SUBJECT_ALT_NAME, "a byte after one DNS name", "300382016100", NOT_EXPRESSIBLE},
    {EXT_BASIC_CONSTRAINTS, "BOOLEAN of 1", "3003010101", NOT_EXPRESSIBLE},
    {EXT_BASIC_CONSTRAINTS, "negative length", "30060101ff0201ff", NOT_EXPRESSIBLE},
    {EXT_BASIC_CONSTRAINTS, "more", "30020500", NOT_EXPRESSIBLE},
    {EXT_CRL_POINTS, "name relative to the issuer", "30063004a002a100", NOT_EXPRESSIBLE},
    {EXT_CRL_POINTS, "no name", "3006300481020560", NOT_EXPRESSIBLE},
    {EXT_CRL_POINTS, "DNS name", "30093007a005a003820161", NOT_EXPRESSIBLE},
    {EXT_CRL_POINTS, "two names as issuer",
     "302c302aa006a0048602613aa220a40e300c310a300806035504030c0161a40e300c310a300806035504030c0162",
     NOT_EXPRESSIBLE},
    {EXT_CRL_POINTS, "issuer by DNS name", "300f300da006a0048602613aa203820161", NOT_EXPRESSIBLE},
    {EXT_CRL_POINTS, "more in a point", "300c300aa006a0048602613a0500", NOT_EXPRESSIBLE},
    {EXT_CRL_POINTS, "more beside the full name", "300c300aa008a0048602613a0500", NOT_EXPRESSIBLE},
    {EXT_INFO_ACCESS, "a DNS name", "3009300706022a03820161", NOT_EXPRESSIBLE},
    {EXT_INFO_ACCESS, "more", "300c300a06022a038602613a0500", NOT_EXPRESSIBLE},
    {EXT_POLICIES, "no identifier", "30023000", NOT_EXPRESSIBLE},
    {EXT_POLICIES, "an empty value in front", "30020500", NOT_EXPRESSIBLE},
    {EXT_POLICIES, "notice with a reference",
     "301b301906022a033013301106082b06010505070202300530000c0161", NOT_EXPRESSIBLE},
    {EXT_POLICIES, "notice in another string type",
     "3019301706022a033011300f06082b0601050507020230031a0161", NOT_EXPRESSIBLE},
    {EXT_POLICIES, "notice with more", "301b301906022a033013301106082b0601050507020230050c01610500",
     NOT_EXPRESSIBLE},
    {EXT_POLICIES, "more after the qualifiers",
     "301a301806022a033010300e06082b060105050702011602613a0500", NOT_EXPRESSIBLE},
    {EXT_POLICIES, "more in a qualifier", "3013301106022a03300b300906022a031601610500",
     NOT_EXPRESSIBLE},
    {EXT_AUTHORITY_KEY_ID, "no key identifier", "3008a103820161820105", NOT_EXPRESSIBLE},
    {EXT_AUTHORITY_KEY_ID, "no serial number", "3008800161a103820161", NOT_EXPRESSIBLE},
    {EXT_AUTHORITY_KEY_ID, "three others", "300780016105000500", NOT_EXPRESSIBLE},
    {EXT_EKU, "a number", "3003020101", NOT_EXPRESSIBLE},
    {EXT_INHIBIT_ANY_POLICY, "five bytes", "02050100000000", NOT_EXPRESSIBLE},
    {EXT_INHIBIT_ANY_POLICY, "negative", "0201ff", NOT_EXPRESSIBLE},
    {EXT_OCSP_NO_CHECK, "a BOOLEAN", "0101ff", NOT_EXPRESSIBLE},
    {EXT_OCSP_NO_CHECK, "a NULL with contents", "0500ff", NOT_EXPRESSIBLE},
    {EXT_TLS_FEATURES, "a NULL", "30020500", NOT_EXPRESSIBLE},
    {EXT_DIRECTORY_ATTRS, "two string types", "300f300d060355040a31060c0161130162",
     NOT_EXPRESSIBLE},
    {EXT_DIRECTORY_ATTRS, "more in one", "300a300806022a0331000500", NOT_EXPRESSIBLE},
    {EXT_DIRECTORY_ATTRS, "no set", "3006300406022a03", NOT_EXPRESSIBLE},
    {EXT_NAME_CONSTRAINTS, "a minimum", "300aa0083006820161800101", NOT_EXPRESSIBLE},
    {EXT_NAME_CONSTRAINTS, "address: no mask", "300aa00830068704c0000200", NOT_EXPRESSIBLE},
    {EXT_NAME_CONSTRAINTS, "address: half a byte of it", "300ba00930078705c00002ffff",
     NOT_EXPRESSIBLE},
    {EXT_NAME_CONSTRAINTS, "address: a mask with a hole", "300ea00c300a8708c0000200ff00ff00",
     NOT_EXPRESSIBLE},
    {EXT_NAME_CONSTRAINTS, "address: IPv6, a hole",
     "3026a0243022872000000000000000000000000000000000ffffffffffffffffffffffffffffff01",
     NOT_EXPRESSIBLE},
    {EXT_NAME_CONSTRAINTS, "address: no byte", "3006a00430028700", NOT_EXPRESSIBLE},
    {EXT_NAME_CONSTRAINTS, "more", "30020500", NOT_EXPRESSIBLE},
    {EXT_POLICY_MAPPINGS, "one identifier", "3006300406022a03", NOT_EXPRESSIBLE},
    {EXT_POLICY_MAPPINGS, "three identifiers", "300e300c06022a0306022a0306022a03", NOT_EXPRESSIBLE},
    {EXT_POLICY_CONSTRAINTS, "more", "30020500", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "not a sequence", "0500", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "AFI of one byte", "300730050401010500", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "AFI and two bytes", "300a30080404000101020500", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "no addresses", "3006300404020001", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "more than addresses", "300a30080402000105000500", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "an address without unused bits", "300a30080402000130020300", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "eight unused bits", "300c300a0402000130040302080a", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "an address in another type", "300c300a0402000130040402000a", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "a range of one", "300e300c04020001300630040302000a", NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "a range of three", "3016301404020001300e300c0302000a0302000a0302000a",
     NOT_EXPRESSIBLE},
    {EXT_IP_BLOCKS, "a length past the end", "300c300a0402000130040305000a", NOT_EXPRESSIBLE},
    {EXT_AS_IDS, "routing domains", "3004a1020500", NOT_EXPRESSIBLE},
    {EXT_AS_IDS, "both kinds", "3008a0020500a1020500", NOT_EXPRESSIBLE},
    {EXT_AS_IDS, "descending", "300aa0083006020105020104", NOT_EXPRESSIBLE},
    {EXT_AS_IDS, "a range of one", "3009a00730053003020105", NOT_EXPRESSIBLE},
    {EXT_AS_IDS, "a range of three", "300fa00d300b3009020105020106020107", NOT_EXPRESSIBLE},
    {EXT_AS_IDS, "past 32 bits", "300ba009300702050100000000", NOT_EXPRESSIBLE},
    {EXT_AS_IDS, "inherited and more", "3006a00405000500", NOT_EXPRESSIBLE},
    {EXT_AS_IDS, "a NULL among them", "3006a00430020500", NOT_EXPRESSIBLE},
    {EXT_NAME_CONSTRAINTS, "address past the end", "3007a00530038705c0", NOT_EXPRESSIBLE},
};

static void values_without_a_form_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(inexpressible); i++) {
        struct encoding der, cbor;
        expect(inexpressible[i].number, inexpressible[i].what,
               from_der(inexpressible[i].number, from_hex(&der, inexpressible[i].encoding),
                        &cbor) == inexpressible[i].status);
    }
}

/* DER that RFC 5280 or X.690 forbids may have a form, but never comes back from it: the caller
 * compares, and writes these with their identifier, too. */
static const struct {
    int64_t number;
    const char *what;
    const char *der;
} lossy[] = {
    {EXT_BASIC_CONSTRAINTS, "FALSE in full", "3003010100"},
    {EXT_BASIC_CONSTRAINTS, "length without CA", "3003020103"},
    {EXT_KEY_USAGE, "zeros at the end", "03020080"},
    {EXT_AUTHORITY_KEY_ID, "leading zero of the serial", "300c800161a10382016182020005"},
    {EXT_CRL_POINTS, "reasons of four bytes", "3010300ea006a0048602613a810400000000"},
    {EXT_CRL_POINTS, "reasons of no byte", "300c300aa006a0048602613a8100"},
    {EXT_POLICY_CONSTRAINTS, "six bytes", "30088006010203040506"},
    {EXT_POLICY_CONSTRAINTS, "leading zero", "300480020005"},
    {EXT_POLICIES, "qualifier without number", "3011300f06022a033009300706022a03160161"},
    {EXT_POLICIES, "no qualifier in a list", "3008300606022a033000"},
    {EXT_OCSP_NO_CHECK, "a NULL with contents", "050100"},
};

static void what_is_lost_shows_on_the_way_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lossy); i++) {
        struct encoding der, cbor, back;
        from_hex(&der, lossy[i].der);
        expect(lossy[i].number, lossy[i].what,
               from_der(lossy[i].number, der.span, &cbor) == CEDE_OK);
        expect(lossy[i].number, lossy[i].what,
               to_der(lossy[i].number, cbor.span, &back) != CEDE_OK ||
                   !cede_span_equal(back.span, der.span));
    }
}

static void numbers_without_an_extension_are_refused(void **state)
{
    static const int64_t numbers[] = {0, -2, 10, 23, 39, INT64_MAX};
    struct encoding made;

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_int_equal(to_der(numbers[i], HEX("f6"), &made), CEDE_C509_EXTENSION);
        assert_int_equal(from_der(numbers[i], HEX("0500"), &made), CEDE_C509_NOT_EXPRESSIBLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_goes_there_and_back),
        cmocka_unit_test(nothing_less_and_nothing_more_is_a_value),
        cmocka_unit_test(no_room_is_said),
        cmocka_unit_test(values_of_openssl_go_there_and_back),
        cmocka_unit_test(malformed_values_are_refused),
        cmocka_unit_test(values_without_a_form_are_refused),
        cmocka_unit_test(what_is_lost_shows_on_the_way_back),
        cmocka_unit_test(numbers_without_an_extension_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
