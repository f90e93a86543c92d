// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bouncing: where the kernel would copy through a buffer of its own (swiotlb),
 * what the device wrote would not be there when it was written.
 *
 * lab: --append swiotlb=force
 * iommu: pt off
 */
#include "harness.h"

static void memory_that_would_be_bounced_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(4 * PAGE);

	module_reload(lab, "unenforced=1");
	assert_refused(lab, pages, PAGE, WRITE | PIN, EOPNOTSUPP,
		       P2PMAP_REASON_BOUNCE);
	assert_refused(lab, pages, 4 * PAGE, PIN, EOPNOTSUPP,
		       P2PMAP_REASON_BOUNCE);
	munmap(pages, 4 * PAGE);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(memory_that_would_be_bounced_is_refused),
};

LAB_MAIN(LAB_DIRECT, tests)
