/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p256_root.c - y from x on P-256, faster than with OpenSSL's numbers of any size.
 *
 * EDHOC sends x alone (RFC 9528, section 3.7), so each end of each handshake needs this once. What
 * it works on is public: points of peers, never a secret; and whoever uses the point has OpenSSL
 * check that it lies on the curve. Numbers are four words, the lowest first, in Montgomery form
 * (times 2^256), below p = 2^256 - 2^224 + 2^192 + 2^96 - 1.
 */
#include <string.h>

#include "crypto/openssl/internal.h"

#ifdef __SIZEOF_INT128__

#define WORDS 4

__extension__ typedef unsigned __int128 wide;

static const uint64_t p[WORDS] = {0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000,
                                  0xffffffff00000001};
/* 2^512 mod p: brings a number into Montgomery form. */
static const uint64_t square_of_r[WORDS] = {0x0000000000000003, 0xfffffffbffffffff,
                                            0xfffffffffffffffe, 0x00000004fffffffd};
/* The b of y^2 = x^3 - 3x + b (FIPS 186-4, D.1.2.3), as it is. */
static const uint64_t curve_b[WORDS] = {0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc,
                                        0x5ac635d8aa3a93e7};

/* out = a - b; the borrow, 0 or 1. */
static uint64_t subtract(uint64_t out[WORDS], const uint64_t a[WORDS], const uint64_t b[WORDS])
{
    uint64_t borrow = 0;

    for (size_t i = 0; i < WORDS; i++) {
        wide difference = (wide)a[i] - b[i] - borrow;
        out[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    return borrow;
}

/* out = a, whose highest word is `top`, 0 or 1, or a - p when that is not negative. Which of the
 * two is a matter of chance: no branch, for it would be guessed wrong half the time. */
static void reduce_once(uint64_t out[WORDS], const uint64_t a[WORDS], uint64_t top)
{
    uint64_t less[WORDS];
    uint64_t keep = 0 - (subtract(less, a, p) & (top ^ 1));

    for (size_t i = 0; i < WORDS; i++) {
        out[i] = less[i] ^ ((less[i] ^ a[i]) & keep);
    }
}

static void add(uint64_t out[WORDS], const uint64_t a[WORDS], const uint64_t b[WORDS])
{
    uint64_t sum[WORDS];
    wide carry = 0;

    for (size_t i = 0; i < WORDS; i++) {
        carry += (wide)a[i] + b[i];
        sum[i] = (uint64_t)carry;
        carry >>= 64;
    }
    reduce_once(out, sum, (uint64_t)carry);
}

/* out = p - a, for an a that is not zero. */
static void negate(uint64_t out[WORDS], const uint64_t a[WORDS])
{
    (void)subtract(out, p, a);
}

/* One word of b: t = (t + a * word + multiple * p) / 2^64. As p is -1 modulo 2^64, the multiple
 * that clears the lowest word is that word; and but for the highest word of p, to multiply is to
 * shift: p + 1 = 2^96 + (2^64 - 2^32 + 1) * 2^192. Written out, so that t stays in registers. */
static inline void multiply_word(uint64_t t[WORDS + 1], const uint64_t a[WORDS], uint64_t word)
{
    wide sum = (wide)a[0] * word + t[0];
    uint64_t multiple = (uint64_t)sum;
    wide high = (wide)multiple * p[WORDS - 1];
    uint64_t t1, t2, t3, t4, top;

    sum = (wide)a[1] * word + t[1] + (uint64_t)(sum >> 64);
    t1 = (uint64_t)sum;
    sum = (wide)a[2] * word + t[2] + (uint64_t)(sum >> 64);
    t2 = (uint64_t)sum;
    sum = (wide)a[3] * word + t[3] + (uint64_t)(sum >> 64);
    t3 = (uint64_t)sum;
    sum = (sum >> 64) + t[4];
    t4 = (uint64_t)sum;
    top = (uint64_t)(sum >> 64);
    sum = (wide)t1 + (multiple << 32);
    t[0] = (uint64_t)sum;
    sum = (wide)t2 + (multiple >> 32) + (uint64_t)(sum >> 64);
    t[1] = (uint64_t)sum;
    sum = (wide)t3 + (uint64_t)high + (uint64_t)(sum >> 64);
    t[2] = (uint64_t)sum;
    sum = (wide)t4 + (uint64_t)(high >> 64) + (uint64_t)(sum >> 64);
    t[3] = (uint64_t)sum;
    t[4] = top + (uint64_t)(sum >> 64);
}

/* out = a * b / 2^256 mod p (Montgomery). */
static void multiply(uint64_t out[WORDS], const uint64_t a[WORDS], const uint64_t b[WORDS])
{
    uint64_t t[WORDS + 1] = {0};

    multiply_word(t, a, b[0]);
    multiply_word(t, a, b[1]);
    multiply_word(t, a, b[2]);
    multiply_word(t, a, b[3]);
    reduce_once(out, t, t[WORDS]);
}

/* a = a^(2^count) */
static void square_times(uint64_t a[WORDS], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        multiply(a, a, a);
    }
}

/* out = a^((p + 1) / 4), a square root if there is one. The exponent is
 * ((2^32 - 1) * 2^128 + 2^96 + 1) * 2^94. */
static void square_root(uint64_t out[WORDS], const uint64_t a[WORDS])
{
    uint64_t power[WORDS], before[WORDS];

    memcpy(power, a, sizeof power);
    for (unsigned ones = 1; ones < 32; ones *= 2) { /* a^(2^ones - 1) */
        memcpy(before, power, sizeof before);
        square_times(power, ones);
        multiply(power, power, before);
    }
    square_times(power, 32);
    multiply(power, power, a);
    square_times(power, 96);
    multiply(power, power, a);
    square_times(power, 94);
    memcpy(out, power, sizeof power);
}

static void read_number(uint64_t out[WORDS], const uint8_t bytes[8 * WORDS])
{
    for (size_t i = 0; i < WORDS; i++) {
        const uint8_t *word = bytes + 8 * (WORDS - 1 - i);

        out[i] = 0;
        for (size_t k = 0; k < 8; k++) {
            out[i] = out[i] << 8 | word[k];
        }
    }
}

static void write_number(uint8_t bytes[8 * WORDS], const uint64_t in[WORDS])
{
    for (size_t i = 0; i < 8 * WORDS; i++) {
        bytes[i] = (uint8_t)(in[WORDS - 1 - i / 8] >> (56 - 8 * (i % 8)));
    }
}

/* x^3 - 3x + b, for x in Montgomery form. */
static void right_side(uint64_t out[WORDS], const uint64_t x[WORDS])
{
    uint64_t factor[WORDS], minus_3[WORDS], b[WORDS];
    static const uint64_t three[WORDS] = {3, 0, 0, 0};

    multiply(minus_3, three, square_of_r);
    negate(minus_3, minus_3);
    multiply(b, curve_b, square_of_r);
    multiply(factor, x, x);
    add(factor, factor, minus_3);
    multiply(out, factor, x);
    add(out, out, b);
}

enum cede_status cede_openssl_p256_decompress(struct cede_span x_bytes, bool y_odd,
                                              uint8_t *public_key)
{
    static const uint64_t one[WORDS] = {1, 0, 0, 0};
    uint64_t x[WORDS], y[WORDS], right[WORDS], square[WORDS], ignored[WORDS];

    read_number(x, x_bytes.ptr);
    if (subtract(ignored, x, p) == 0) { /* not below p */
        return CEDE_CRYPTO_KEY;
    }
    multiply(x, x, square_of_r);
    right_side(right, x);
    square_root(y, right);
    multiply(square, y, y);
    if (memcmp(square, right, sizeof square) != 0) {
        return CEDE_CRYPTO_KEY;
    }
    multiply(y, y, one); /* out of Montgomery form */
    if ((y[0] & 1) != (y_odd ? 1 : 0)) {
        negate(y, y); /* the order of the curve is odd, so y is never zero */
    }
    memcpy(public_key, x_bytes.ptr, 8 * WORDS);
    write_number(public_key + 8 * WORDS, y);
    return CEDE_OK;
}

#else

enum cede_status cede_openssl_p256_decompress(struct cede_span x_bytes, bool y_odd,
                                              uint8_t *public_key)
{
    (void)x_bytes;
    (void)y_odd;
    (void)public_key;
    return CEDE_CRYPTO_UNSUPPORTED;
}

#endif
