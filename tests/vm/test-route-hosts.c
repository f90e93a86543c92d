// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes between two host bridges: each of them has to be good for it.
 *
 * lab: --topology host-bridges --importers 2 --exporters 2
 * iommu: on off
 */
#define _GNU_SOURCE
#include "routes.h"

static void each_of_two_host_bridges_has_to_be_good(void **state)
{
	struct lab *lab = *state;

	admit(lab, Q35_IDS);
	check(lab, lab->ivshmem_address,
	      refused_host(P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE, PXB, PXB_IDS));
	admit(lab, PXB_IDS);
	check(lab, lab->ivshmem_address,
	      refused_host(P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE, Q35, Q35_IDS));
	admit(lab, EVERYTHING);
	check(lab, lab->ivshmem_address, good(lab));
}

static void each_of_two_host_bridges_has_to_be_good_for_others(void **state)
{
	struct lab *lab = *state;

	admit(lab, NULL);
	pretend(Q35, LISTED);
	pretend(PXB, SAME_ONLY);
	check(lab, lab->ivshmem_address,
	      refused_host(P2PMAP_REASON_NO_ROUTE_DISTINCT, PXB, SAME_ONLY));
	pretend(PXB, LISTED);
	check(lab, lab->ivshmem_address, good(lab));
	pretend_no_more();
}

/* It is what the refusal advises to do. */
static void
the_administrators_word_goes_before_the_list_and_data_flows(void **state)
{
	struct lab *lab = *state;
	char text[P2PMAP_REASON_TEXT_SIZE];
	struct p2pmap_route_info info;

	admit(lab, PXB_IDS);
	pretend(Q35, SAME_ONLY);
	assert_int_equal(ask_route(lab, lab->edu_address, lab->ivshmem_address,
				   &info),
			 -EHOSTUNREACH);
	p2pmap_reason_text(&lab->reason, text, sizeof(text));
	assert_non_null(strstr(text, "host_bridges=" SAME_ONLY));
	admit(lab, PXB_IDS "," SAME_ONLY);
	pretend(Q35, SAME_ONLY);
	check(lab, lab->ivshmem_address, good(lab));
	pretend_no_more();
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(each_of_two_host_bridges_has_to_be_good),
	LAB_TEST(each_of_two_host_bridges_has_to_be_good_for_others),
	LAB_TEST(the_administrators_word_goes_before_the_list_and_data_flows),
};

LAB_MAIN(LAB_ANY, tests)
