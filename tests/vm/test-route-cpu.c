// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes on a machine whose processor is known to send peer-to-peer traffic
 * down again: any AMD Zen, whatever its host bridge is called.
 *
 * lab: --qemu '-cpu EPYC'
 * iommu: on
 */
#include "harness.h"

static void
a_zen_processor_is_a_route_without_the_administrators_word(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE);
	struct p2pmap_mapping *mapping;

	module_restart(lab, "");
	mapping = map(lab, range, PAGE, WRITE);
	assert_int_equal(p2pmap_mapping_route(mapping),
			 P2PMAP_ROUTE_HOST_BRIDGE);
	unmap(mapping);
	munmap(range, PAGE);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_zen_processor_is_a_route_without_the_administrators_word),
};

LAB_MAIN(LAB_TRANSLATED, tests)
