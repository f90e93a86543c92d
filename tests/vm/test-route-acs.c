// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes and ACS: a bridge between the two that redirects takes the direct
 * route away; one that is above them does not, nor do other controls.
 *
 * The only ACS in the lab is in its root ports, so the two have to meet in one.
 * With an IOMMU on, Linux sets the redirects at boot; here they are set by hand.
 *
 * lab: --topology one-slot --importers 2 --exporters 2
 * lab: --topology switch --importers 2 --exporters 2
 * lab: --topology cascade --importers 2 --exporters 2
 */
#define _GNU_SOURCE
#include "routes.h"

static const uint16_t redirects[] = { ACS_RR, ACS_CR, ACS_RR | ACS_CR,
				      ACS_RR | ACS_CR | ACS_SV | ACS_UF };

static const uint16_t others[] = { ACS_SV, ACS_TB, ACS_UF,
				   ACS_SV | ACS_TB | ACS_UF };

/* The port at the top of the path from edu up. */
static void root_port(const struct lab *lab, char port[16])
{
	char above[16];

	assert_true(bridge_above(lab->edu_address, port));
	while (bridge_above(port, above))
		strcpy(port, above);
}

static void need(struct lab *lab, bool one_slot, bool translated)
{
	if (topology_is("one-slot") != one_slot)
		lab_skip(lab, "they meet %s a root port",
			 one_slot ? "below" : "in");
	if (lab_is_translated(lab) != translated)
		lab_skip(lab, "%s IOMMU translates here",
			 translated ? "no" : "an");
}

static struct verdict directly(void)
{
	return found(shape_here()->direct, shape_here()->distance);
}

static struct verdict around(void)
{
	return found(P2PMAP_ROUTE_HOST_BRIDGE, shape_here()->distance);
}

static void without_redirects_the_port_where_they_meet_is_a_switch(void **state)
{
	struct lab *lab = *state;
	char port[16];
	int before;

	need(lab, true, false);
	admit(lab, NULL);
	root_port(lab, port);
	before = acs_set(port, 0);
	assert_true(before >= 0);
	check(lab, lab->ivshmem_address, directly());
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		acs_set(port, others[i]);
		check(lab, lab->ivshmem_address, directly());
	}
	acs_set(port, before);
}

static void
a_redirect_where_they_meet_is_refused_with_its_bits_and_their_bridge(
	void **state)
{
	struct lab *lab = *state;
	uint32_t bits;
	char port[16];
	int before;

	need(lab, true, false);
	admit(lab, NULL);
	root_port(lab, port);
	before = acs_set(port, 0);
	for (size_t i = 0; i < sizeof(redirects) / sizeof(*redirects); i++) {
		bits = redirects[i] & (ACS_RR | ACS_CR);
		acs_set(port, redirects[i]);
		check(lab, lab->ivshmem_address,
		      refused(P2PMAP_REASON_NO_ROUTE_ACS, port, bits));
	}
	acs_set(port, before);
}

static void a_redirect_leads_through_a_good_host_bridge(void **state)
{
	struct lab *lab = *state;
	char port[16];
	int before;

	need(lab, true, false);
	admit(lab, Q35_IDS);
	root_port(lab, port);
	before = acs_set(port, ACS_RR);
	check(lab, lab->ivshmem_address, around());
	acs_set(port, 0);
	check(lab, lab->ivshmem_address, directly());
	acs_set(port, before);
}

/* So "iommu=pt" is no way to a direct route. */
static void the_kernel_itself_redirects_if_it_uses_an_iommu(void **state)
{
	struct lab *lab = *state;
	char port[16];
	int controls;

	need(lab, true, false);
	root_port(lab, port);
	controls = acs_set(port, 0);
	acs_set(port, controls);
	assert_int_equal(!!(controls & ACS_RR), !strcmp(lab_iommu(), "pt"));
	admit(lab, Q35_IDS);
	check(lab, lab->ivshmem_address,
	      controls & ACS_RR ? around() : directly());
}

static void a_redirect_above_where_they_meet_does_not_matter(void **state)
{
	struct lab *lab = *state;
	char port[16];
	int before;

	need(lab, false, false);
	admit(lab, NULL);
	root_port(lab, port);
	before = acs_set(port, ACS_RR | ACS_CR);
	assert_true(before >= 0);
	check(lab, lab->ivshmem_address, directly());
	acs_set(port, 0);
	check(lab, lab->ivshmem_address, directly());
	acs_set(port, before);
}

/* What is translated goes up anyway, and only the host bridge is to blame. */
static void redirects_do_not_matter_to_what_is_translated(void **state)
{
	struct lab *lab = *state;
	struct verdict want =
		refused_host(P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE, Q35, Q35_IDS);
	char port[16];
	int before;

	need(lab, true, true);
	root_port(lab, port);
	before = acs_set(port, 0);
	admit(lab, NULL);
	check(lab, lab->ivshmem_address, want);
	acs_set(port, ACS_RR | ACS_CR);
	check(lab, lab->ivshmem_address, want);
	admit(lab, Q35_IDS);
	check(lab, lab->ivshmem_address, around());
	acs_set(port, 0);
	check(lab, lab->ivshmem_address, around());
	acs_set(port, before);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(without_redirects_the_port_where_they_meet_is_a_switch),
	LAB_TEST(
		a_redirect_where_they_meet_is_refused_with_its_bits_and_their_bridge),
	LAB_TEST(a_redirect_leads_through_a_good_host_bridge),
	LAB_TEST(the_kernel_itself_redirects_if_it_uses_an_iommu),
	LAB_TEST(a_redirect_above_where_they_meet_does_not_matter),
	LAB_TEST(redirects_do_not_matter_to_what_is_translated),
};

LAB_MAIN(LAB_ANY, tests)
