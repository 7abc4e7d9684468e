/* SPDX-License-Identifier: Apache-2.0 */
/* uri.c - coap and coaps URIs and the options they decompose into (RFC 7252, 6). */
#include "cede/coap.h"

#define SEGMENT_LEN_MAX 255

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint8_t to_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static int hex_value(uint8_t c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c = to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_one_of(uint8_t c, const char *characters)
{
    for (; *characters != '\0'; characters++) {
        if ((uint8_t)*characters == c) {
            return true;
        }
    }
    return false;
}

/* unreserved and sub-delims of RFC 3986, and `more`. */
static bool is_uri_character(uint8_t c, const char *more)
{
    uint8_t lower = to_lower(c);

    return (lower >= 'a' && lower <= 'z') || is_digit(c) || is_one_of(c, "-._~!$&'()*+,;=") ||
           is_one_of(c, more);
}

/* The byte that the text stands for at *at, which moves on; -1 for a bad %XX. */
static int next_byte(struct cede_span text, size_t *at)
{
    int high;
    int low;

    if (text.ptr[*at] != '%') {
        return text.ptr[(*at)++];
    }
    if (text.len - *at < 3) {
        return -1;
    }
    high = hex_value(text.ptr[*at + 1]);
    low = hex_value(text.ptr[*at + 2]);
    *at += 3;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Length after decoding; false for a bad %XX or a character that has no place in this part. */
static bool decoded_len(struct cede_span text, const char *more, size_t *len)
{
    size_t at = 0;

    for (*len = 0; at < text.len; (*len)++) {
        if (text.ptr[at] != '%' && !is_uri_character(text.ptr[at], more)) {
            return false;
        }
        if (next_byte(text, &at) < 0) {
            return false;
        }
    }
    return true;
}

enum cede_status cede_coap_percent_decode(struct cede_span text, struct cede_buf out,
                                          struct cede_span *decoded)
{
    size_t len = 0;
    size_t at = 0;

    *decoded = CEDE_SPAN_NULL;
    while (at < text.len) {
        int byte = next_byte(text, &at);

        if (byte < 0) {
            return CEDE_COAP_URI;
        }
        if (len == out.cap) {
            return CEDE_NO_SPACE;
        }
        out.ptr[len++] = (uint8_t)byte;
    }
    *decoded = cede_span(out.ptr, len);
    return CEDE_OK;
}

struct cede_coap_segments cede_coap_segments(struct cede_span text, char separator)
{
    struct cede_coap_segments segments = {text, (uint8_t)separator};

    if (text.len == 0) {
        segments.rest = CEDE_SPAN_NULL;
    }
    return segments;
}

/* Offset of the first `c`, or the length. */
static size_t find_character(struct cede_span text, uint8_t c)
{
    size_t at = 0;

    while (at < text.len && text.ptr[at] != c) {
        at++;
    }
    return at;
}

bool cede_coap_segments_next(struct cede_coap_segments *segments, struct cede_span *segment)
{
    struct cede_span rest = segments->rest;
    size_t len;

    *segment = CEDE_SPAN_NULL;
    if (cede_span_is_null(rest)) {
        return false;
    }
    len = find_character(rest, segments->separator);
    *segment = cede_span_part(rest, 0, len);
    segments->rest =
        len == rest.len ? CEDE_SPAN_NULL : cede_span_part(rest, len + 1, rest.len - len - 1);
    return true;
}

/* --- splitting -------------------------------------------------------------------------------- */

static bool starts_with_ignoring_case(struct cede_span text, struct cede_span prefix)
{
    if (text.len < prefix.len) {
        return false;
    }
    for (size_t i = 0; i < prefix.len; i++) {
        if (to_lower(text.ptr[i]) != prefix.ptr[i]) {
            return false;
        }
    }
    return true;
}

static bool split_scheme(struct cede_span *text, struct cede_coap_uri *uri)
{
    static const uint8_t coap[] = {'c', 'o', 'a', 'p', ':', '/', '/'};
    static const uint8_t coaps[] = {'c', 'o', 'a', 'p', 's', ':', '/', '/'};
    struct cede_span prefix = CEDE_SPAN_ARRAY(coap);

    uri->secure = starts_with_ignoring_case(*text, CEDE_SPAN_ARRAY(coaps));
    if (uri->secure) {
        prefix = CEDE_SPAN_ARRAY(coaps);
    } else if (!starts_with_ignoring_case(*text, prefix)) {
        return false;
    }
    uri->port = uri->secure ? CEDE_COAPS_PORT : CEDE_COAP_PORT;
    *text = cede_span_part(*text, prefix.len, text->len - prefix.len);
    return true;
}

/* dec-octet "." dec-octet "." dec-octet "." dec-octet */
static bool is_ipv4(struct cede_span host)
{
    struct cede_coap_segments octets = cede_coap_segments(host, '.');
    struct cede_span octet;
    size_t count = 0;

    while (cede_coap_segments_next(&octets, &octet)) {
        unsigned value = 0;

        if (octet.len == 0 || octet.len > 3 || (octet.len > 1 && octet.ptr[0] == '0')) {
            return false;
        }
        for (size_t i = 0; i < octet.len; i++) {
            if (!is_digit(octet.ptr[i])) {
                return false;
            }
            value = value * 10 + (unsigned)(octet.ptr[i] - '0');
        }
        if (value > 255) {
            return false;
        }
        count++;
    }
    return count == 4;
}

static bool is_h16(struct cede_span group)
{
    if (group.len == 0 || group.len > 4) {
        return false;
    }
    for (size_t i = 0; i < group.len; i++) {
        if (hex_value(group.ptr[i]) < 0) {
            return false;
        }
    }
    return true;
}

/* Counts the 16-bit groups of one side of "::"; a dotted address at the very end counts two. */
static bool count_groups(struct cede_span side, bool may_end_dotted, size_t *count)
{
    struct cede_coap_segments groups = cede_coap_segments(side, ':');
    struct cede_span group;

    while (cede_coap_segments_next(&groups, &group)) {
        if (is_h16(group)) {
            *count += 1;
        } else if (may_end_dotted && cede_span_is_null(groups.rest) && is_ipv4(group)) {
            *count += 2;
        } else {
            return false;
        }
    }
    return true;
}

static bool is_ipv6(struct cede_span host)
{
    size_t count = 0;

    for (size_t i = 0; i + 1 < host.len; i++) {
        if (host.ptr[i] == ':' && host.ptr[i + 1] == ':') {
            return count_groups(cede_span_part(host, 0, i), false, &count) &&
                   count_groups(cede_span_part(host, i + 2, host.len - i - 2), true, &count) &&
                   count <= 7;
        }
    }
    return count_groups(host, true, &count) && count == 8;
}

/* The host; what is left of the authority is the port with its colon. */
static bool split_host(struct cede_span *authority, struct cede_coap_uri *uri)
{
    bool bracketed = authority->len > 0 && authority->ptr[0] == '[';
    size_t from = bracketed ? 1 : 0;
    size_t end = find_character(*authority, bracketed ? ']' : ':');
    size_t rest = bracketed ? end + 1 : end;
    size_t len;

    if (rest > authority->len) {
        return false;
    }
    uri->host = cede_span_part(*authority, from, end - from);
    *authority = cede_span_part(*authority, rest, authority->len - rest);
    if (bracketed) {
        uri->host_kind = CEDE_COAP_HOST_IPV6;
        return is_ipv6(uri->host);
    }
    uri->host_kind = is_ipv4(uri->host) ? CEDE_COAP_HOST_IPV4 : CEDE_COAP_HOST_NAME;
    return decoded_len(uri->host, "", &len) && len > 0 && len <= SEGMENT_LEN_MAX;
}

/* "" or ":" means the default port (RFC 7252, 6.1). */
static bool split_port(struct cede_span text, struct cede_coap_uri *uri)
{
    uint32_t port = 0;

    if (text.len == 0) {
        return true;
    }
    if (text.ptr[0] != ':' || text.len > 6) {
        return false;
    }
    for (size_t i = 1; i < text.len; i++) {
        if (!is_digit(text.ptr[i])) {
            return false;
        }
        port = port * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    if (text.len > 1) {
        if (port == 0 || port > UINT16_MAX) {
            return false;
        }
        uri->port = (uint16_t)port;
    }
    return true;
}

static bool is_dot_segment(struct cede_span segment)
{
    uint8_t decoded[2];
    struct cede_span bytes;

    /* A longer segment does not fit, and so is none. */
    if (cede_coap_percent_decode(segment, CEDE_BUF_ARRAY(decoded), &bytes) != CEDE_OK) {
        return false;
    }
    return bytes.len > 0 && bytes.ptr[0] == '.' && (bytes.len == 1 || bytes.ptr[1] == '.');
}

static bool segments_hold(struct cede_span text, char separator, const char *more)
{
    struct cede_coap_segments segments = cede_coap_segments(text, separator);
    struct cede_span segment;
    size_t len;

    while (cede_coap_segments_next(&segments, &segment)) {
        if (!decoded_len(segment, more, &len) || len > SEGMENT_LEN_MAX ||
            (separator == '/' && is_dot_segment(segment))) {
            return false;
        }
    }
    return true;
}

static bool split_path_and_query(struct cede_span text, struct cede_coap_uri *uri)
{
    size_t mark = find_character(text, '?');

    uri->query = CEDE_SPAN_NULL;
    if (mark < text.len) {
        uri->query = cede_span_part(text, mark + 1, text.len - mark - 1);
    }
    uri->path = cede_span_part(text, 0, mark);
    if (uri->path.len > 0) {
        uri->path = cede_span_part(uri->path, 1, uri->path.len - 1); /* its leading slash */
    }
    return segments_hold(uri->path, '/', ":@") && segments_hold(uri->query, '&', ":@/?");
}

static size_t authority_len(struct cede_span text)
{
    size_t slash = find_character(text, '/');
    size_t mark = find_character(text, '?');

    return slash < mark ? slash : mark;
}

enum cede_status cede_coap_uri_split(struct cede_span text, struct cede_coap_uri *uri)
{
    struct cede_coap_uri split = {0};
    struct cede_span authority;
    size_t len;

    *uri = split;
    if (!split_scheme(&text, &split)) {
        return CEDE_COAP_URI;
    }
    len = authority_len(text);
    authority = cede_span_part(text, 0, len);
    if (!split_host(&authority, &split) || !split_port(authority, &split) ||
        !split_path_and_query(cede_span_part(text, len, text.len - len), &split)) {
        return CEDE_COAP_URI;
    }
    *uri = split;
    return CEDE_OK;
}

/* --- options ---------------------------------------------------------------------------------- */

/* One option with the decoded text. The caller's text is at most SEGMENT_LEN_MAX decoded. */
static void put_decoded(struct cede_coap_encoder *encoder, uint16_t number, struct cede_span text,
                        bool lower)
{
    uint8_t bytes[SEGMENT_LEN_MAX];
    struct cede_span decoded;

    if (cede_coap_percent_decode(text, CEDE_BUF_ARRAY(bytes), &decoded) != CEDE_OK) {
        cede_writer_fail(&encoder->writer, CEDE_COAP_URI);
        return;
    }
    for (size_t i = 0; lower && i < decoded.len; i++) {
        bytes[i] = to_lower(bytes[i]);
    }
    cede_coap_put_option(encoder, number, decoded);
}

static void put_segments(struct cede_coap_encoder *encoder, uint16_t number, struct cede_span text,
                         char separator)
{
    struct cede_coap_segments segments = cede_coap_segments(text, separator);
    struct cede_span segment;

    while (cede_coap_segments_next(&segments, &segment)) {
        put_decoded(encoder, number, segment, false);
    }
}

void cede_coap_put_path(struct cede_coap_encoder *encoder, struct cede_span path)
{
    put_segments(encoder, CEDE_COAP_URI_PATH, path, '/');
}

void cede_coap_put_query(struct cede_coap_encoder *encoder, struct cede_span query)
{
    put_segments(encoder, CEDE_COAP_URI_QUERY, query, '&');
}

void cede_coap_put_host(struct cede_coap_encoder *encoder, const struct cede_coap_uri *uri)
{
    if (uri->host_kind == CEDE_COAP_HOST_NAME) {
        put_decoded(encoder, CEDE_COAP_URI_HOST, uri->host, true);
    }
}
