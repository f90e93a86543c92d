// SPDX-License-Identifier: GPL-2.0-only
/*
 * test-revoke-race once more, where the IOMMU forgets at once what it is told
 * to forget: nothing may depend on how the kernel runs it.
 *
 * iommu: on
 * lab: --icount --append iommu.strict=1
 */
#include "test-revoke-race.c"
