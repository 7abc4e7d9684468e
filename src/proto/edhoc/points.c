/* SPDX-License-Identifier: Apache-2.0 */
/* points.c - public keys of the key exchange: x alone on the wire (RFC 9528, section 3.7). */
#include <string.h>

#include "edhoc_engine.h"

static bool is_nist_curve(int32_t curve)
{
    return curve == CEDE_CRV_P256 || curve == CEDE_CRV_P384;
}

size_t edhoc_coordinate_len(int32_t curve)
{
    return is_nist_curve(curve) ? cede_curve_public_len(curve) / 2 : cede_curve_public_len(curve);
}

enum cede_status edhoc_point(const struct edhoc_env *env, struct cede_span from,
                             uint8_t point[CEDE_PUBLIC_KEY_LEN_MAX])
{
    int32_t curve = env->suite->curve;

    if (from.len == cede_curve_public_len(curve)) {
        memcpy(point, from.ptr, from.len);
        return CEDE_OK;
    }
    if (!is_nist_curve(curve) || from.len != edhoc_coordinate_len(curve)) {
        return CEDE_EDHOC_LENGTH;
    }
    /* Either y gives the same shared secret (appendix B). */
    return env->crypto->decompress(env->crypto->context, curve, from, false, point);
}
