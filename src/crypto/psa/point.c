/* SPDX-License-Identifier: Apache-2.0 */
/*
 * point.c - a point from its x-coordinate, with Mbed TLS's big numbers.
 *
 * The curves are y^2 = x^3 - 3x + b over a prime p with p = 3 mod 4, so a square root of a is
 * a^((p + 1) / 4), if a has one (SEC 1, section 2.3.4).
 */
#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>

#include "crypto/psa/internal.h"

/* right = x^3 - 3x + b mod p = (x^2 - 3) x + b */
static int right_side(const mbedtls_ecp_group *group, const mbedtls_mpi *x, mbedtls_mpi *right)
{
    int error = mbedtls_mpi_mul_mpi(right, x, x);

    error = error != 0 ? error : mbedtls_mpi_sub_int(right, right, 3);
    error = error != 0 ? error : mbedtls_mpi_mod_mpi(right, right, &group->P);
    error = error != 0 ? error : mbedtls_mpi_mul_mpi(right, right, x);
    error = error != 0 ? error : mbedtls_mpi_add_mpi(right, right, &group->B);
    return error != 0 ? error : mbedtls_mpi_mod_mpi(right, right, &group->P);
}

/* root = right^((p + 1) / 4) mod p; a root only if `right` is a square. */
static int square_root(const mbedtls_ecp_group *group, const mbedtls_mpi *right, mbedtls_mpi *root)
{
    mbedtls_mpi exponent;
    int error;

    mbedtls_mpi_init(&exponent);
    error = mbedtls_mpi_add_int(&exponent, &group->P, 1);
    error = error != 0 ? error : mbedtls_mpi_shift_r(&exponent, 2);
    error = error != 0 ? error : mbedtls_mpi_exp_mod(root, right, &exponent, &group->P, NULL);
    mbedtls_mpi_free(&exponent);
    return error;
}

/* Fills point->Y. No curve here has a point with y = 0, so both roots exist and differ in parity.
 * `right` is scratch. */
static int find_y(const mbedtls_ecp_group *group, bool y_odd, mbedtls_mpi *right,
                  mbedtls_ecp_point *point)
{
    int error = right_side(group, &point->X, right);

    error = error != 0 ? error : square_root(group, right, &point->Y);
    if (error == 0 && mbedtls_mpi_get_bit(&point->Y, 0) != (y_odd ? 1 : 0)) {
        error = mbedtls_mpi_sub_mpi(&point->Y, &group->P, &point->Y);
    }
    return error != 0 ? error : mbedtls_mpi_lset(&point->Z, 1);
}

static enum cede_status decompress(mbedtls_ecp_group *group, mbedtls_ecp_point *point,
                                   mbedtls_mpi *right, struct cede_span x, bool y_odd,
                                   uint8_t *public_key)
{
    if (mbedtls_mpi_read_binary(&point->X, x.ptr, x.len) != 0) {
        return CEDE_CRYPTO_FAILED;
    }
    if (mbedtls_mpi_cmp_mpi(&point->X, &group->P) >= 0) {
        return CEDE_CRYPTO_KEY;
    }
    if (find_y(group, y_odd, right, point) != 0) {
        return CEDE_CRYPTO_FAILED;
    }
    if (mbedtls_ecp_check_pubkey(group, point) != 0) { /* x^3 - 3x + b is no square */
        return CEDE_CRYPTO_KEY;
    }
    if (mbedtls_mpi_write_binary(&point->X, public_key, x.len) != 0 ||
        mbedtls_mpi_write_binary(&point->Y, public_key + x.len, x.len) != 0) {
        return CEDE_CRYPTO_FAILED;
    }
    return CEDE_OK;
}

static mbedtls_ecp_group_id group_of(int32_t curve)
{
    return curve == CEDE_CRV_P256   ? MBEDTLS_ECP_DP_SECP256R1
           : curve == CEDE_CRV_P384 ? MBEDTLS_ECP_DP_SECP384R1
                                    : MBEDTLS_ECP_DP_SECP521R1;
}

enum cede_status cede_psa_decompress(void *context, int32_t curve, struct cede_span x, bool y_odd,
                                     uint8_t *public_key)
{
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi right;
    enum cede_status status = CEDE_CRYPTO_FAILED;

    (void)context;
    if (!cede_is_nist_curve(curve)) {
        return CEDE_CRYPTO_UNSUPPORTED;
    }
    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    mbedtls_mpi_init(&right);
    if (x.len != cede_curve_private_len(curve)) {
        status = CEDE_CRYPTO_KEY;
    } else if (mbedtls_ecp_group_load(&group, group_of(curve)) == 0) {
        status = decompress(&group, &point, &right, x, y_odd, public_key);
    }
    mbedtls_mpi_free(&right);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    if (status != CEDE_OK) {
        cede_wipe(public_key, cede_curve_public_len(curve));
    }
    return status;
}
