/* SPDX-License-Identifier: Apache-2.0 */
/* revoke.h - the cost of a revocation among many certificates (revoke.c). */
#ifndef CEDE_BENCH_REVOKE_H
#define CEDE_BENCH_REVOKE_H

#include "bench/bench.h"

/* Two results: one revocation among `certificates`, its floor one among 1,000; start-up with as
 * many, its floor two seconds. False: it could not be measured; a message went to standard error.
 */
bool bench_revoke(size_t certificates, struct bench_result *results, size_t *count);

#endif
