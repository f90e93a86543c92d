// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes in each topology: what ROUTE says is what MAP finds, and what is found
 * carries data; what is refused is refused by both, with the same bridge.
 *
 * lab: --topology switch --importers 2 --exporters 2
 * lab: --topology two-switches --importers 2 --exporters 2
 * lab: --topology cascade --importers 2 --exporters 2
 * lab: --topology root-ports --importers 2 --exporters 2
 * lab: --topology host-bridges --importers 2 --exporters 2
 * lab: --topology pci-bridge --importers 2 --exporters 2
 * lab: --topology one-slot --importers 2 --exporters 2
 * iommu: on off
 */
#define _GNU_SOURCE
#include "routes.h"

static void
a_route_that_is_asked_for_is_the_one_that_is_mapped_and_carries_data(
	void **state)
{
	struct lab *lab = *state;

	admit(lab, EVERYTHING);
	check(lab, lab->ivshmem_address, good(lab));
	check_nvme(lab, good_nvme(lab));
}

static void every_importer_reaches_every_exporter(void **state)
{
	struct lab *lab = *state;
	char edu[4][16], ivshmem[4][16];
	unsigned int edus = addresses("P2PMAP_EDUS", edu, 4);
	unsigned int ivshmems = addresses("P2PMAP_IVSHMEMS", ivshmem, 4);

	assert_int_equal(edus, 2);
	assert_int_equal(ivshmems, 2);
	admit(lab, EVERYTHING);
	for (unsigned int i = 0; i < edus; i++) {
		lab->edu_address = edu[i];
		lab_reopen(lab);
		for (unsigned int j = 0; j < ivshmems; j++)
			check(lab, ivshmem[j], good(lab));
	}
}

/* Refused if it goes by the host bridge, and only then. */
static void without_a_good_host_bridge_there_are_switches(void **state)
{
	struct lab *lab = *state;
	struct verdict want = good(lab);

	admit(lab, NULL);
	if (want.route == P2PMAP_ROUTE_HOST_BRIDGE)
		want = refused_host(P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE, Q35,
				    Q35_IDS);
	check(lab, lab->ivshmem_address, want);
}

static void a_listed_host_bridge_needs_nobodys_word(void **state)
{
	struct lab *lab = *state;

	admit(lab, NULL);
	pretend(Q35, LISTED);
	if (topology_is("host-bridges"))
		pretend(PXB, "1ae0:1234"); /* any one of Google's */
	check(lab, lab->ivshmem_address, good(lab));
	pretend_no_more();
}

/* Some are good between what is below them, and not on to another one. */
static void
a_host_bridge_that_is_good_for_its_own_devices_serves_no_others(void **state)
{
	struct lab *lab = *state;
	struct verdict want = good(lab);

	admit(lab, NULL);
	pretend(Q35, SAME_ONLY);
	if (topology_is("host-bridges"))
		want = refused_host(P2PMAP_REASON_NO_ROUTE_DISTINCT, Q35,
				    SAME_ONLY);
	check(lab, lab->ivshmem_address, want);
	check_nvme(lab, good_nvme(lab));
	pretend_no_more();
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(
		a_route_that_is_asked_for_is_the_one_that_is_mapped_and_carries_data),
	LAB_TEST(every_importer_reaches_every_exporter),
	LAB_TEST(without_a_good_host_bridge_there_are_switches),
	LAB_TEST(a_listed_host_bridge_needs_nobodys_word),
	LAB_TEST(
		a_host_bridge_that_is_good_for_its_own_devices_serves_no_others),
};

LAB_MAIN(LAB_ANY, tests)
