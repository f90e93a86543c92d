// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli's routes, over config spaces that were recorded in the lab
 * (pci/record): the rules of the routes without a kernel.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"

#define Q35 "8086:29c0"
#define PORT_OF_PXB "1b36:000c"

/* What the routes of one recorded machine are asked with. */
struct scene {
	struct devices devices;
	struct host_policy policy;
	struct device *edu;
	struct device *ivshmem;
	struct device *nvme;
	struct route route;
};

static struct device *find(struct devices *devices, unsigned int vendor,
			   unsigned int id)
{
	for (size_t i = 0; i < devices->count; i++)
		if (devices->list[i].vendor == vendor &&
		    devices->list[i].id == id)
			return &devices->list[i];
	fail_msg("no %04x:%04x was recorded", vendor, id);
	return NULL;
}

static struct device *find_at(struct devices *devices, unsigned int bus,
			      unsigned int devfn)
{
	for (size_t i = 0; i < devices->count; i++)
		if (devices->list[i].bus == bus &&
		    devices->list[i].devfn == devfn)
			return &devices->list[i];
	fail_msg("nothing at %02x, devfn %02x was recorded", bus, devfn);
	return NULL;
}

static struct scene load(const char *name)
{
	struct scene scene = { 0 };
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.txt", getenv("PCI_RECORDS"), name);
	assert_int_equal(devices_load(path, &scene.devices), 0);
	scene.edu = find(&scene.devices, 0x1234, 0x11e8);
	scene.ivshmem = find(&scene.devices, 0x1af4, 0x1110);
	scene.nvme = find(&scene.devices, 0x1b36, 0x0010);
	return scene;
}

static void admit(struct scene *scene, const char *bridges)
{
	snprintf(scene->policy.admitted, sizeof(scene->policy.admitted), "%s",
		 bridges);
}

static void ask(struct scene *scene, bool translated)
{
	route_find(&scene->devices, &scene->policy, scene->edu, scene->ivshmem,
		   translated, &scene->route);
}

static void assert_route(struct scene *scene, bool translated,
			 enum p2pmap_route type, unsigned int distance)
{
	ask(scene, translated);
	assert_int_equal(scene->route.verdict, ROUTE_EXISTS);
	assert_false(scene->route.type_unknown);
	assert_int_equal(scene->route.type, type);
	assert_int_equal(scene->route.distance, distance);
}

static void assert_blocked(struct scene *scene, bool translated, uint32_t code,
			   unsigned int bus, unsigned int devfn,
			   uint32_t detail)
{
	ask(scene, translated);
	assert_int_equal(scene->route.verdict, ROUTE_BLOCKED);
	assert_int_equal(scene->route.type, P2PMAP_ROUTE_NONE);
	assert_int_equal(scene->route.reason.code, code);
	assert_int_equal(scene->route.reason.pci.bus, bus);
	assert_int_equal(scene->route.reason.pci.devfn, devfn);
	assert_int_equal(scene->route.reason.detail, detail);
}

#define HOST_BRIDGE P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE
#define DISTINCT P2PMAP_REASON_NO_ROUTE_DISTINCT
#define ACS P2PMAP_REASON_NO_ROUTE_ACS

static void a_switch_is_a_way_if_direct(void **state)
{
	struct scene scene = load("switch");

	(void)state;
	assert_route(&scene, false, P2PMAP_ROUTE_SWITCH, 4);
	assert_int_equal(scene.route.top->pcie_type, 5);
	devices_free(&scene.devices);
}

static void what_is_translated_goes_up_whatever_switch_there_is(void **state)
{
	struct scene scene = load("switch");

	(void)state;
	assert_blocked(&scene, true, HOST_BRIDGE, 0, 0, 0x808629c0);
	admit(&scene, "1234:5678," Q35);
	assert_route(&scene, true, P2PMAP_ROUTE_HOST_BRIDGE, 4);
	devices_free(&scene.devices);
}

static void a_zen_processor_routes(void **state)
{
	struct scene scene = load("host-bridges");

	(void)state;
	scene.policy.cpu_routes = true;
	assert_route(&scene, true, P2PMAP_ROUTE_HOST_BRIDGE, 4);
	devices_free(&scene.devices);
}

static void switches_of_two_root_ports_meet_in_the_host_bridge(void **state)
{
	struct scene scene = load("two-switches");

	(void)state;
	assert_blocked(&scene, false, HOST_BRIDGE, 0, 0, 0x808629c0);
	admit(&scene, Q35);
	assert_route(&scene, false, P2PMAP_ROUTE_HOST_BRIDGE, 8);
	assert_null(scene.route.top);
	devices_free(&scene.devices);
}

static void a_cascade_meets_at_the_upper_switch(void **state)
{
	struct scene scene = load("cascade");

	(void)state;
	assert_route(&scene, false, P2PMAP_ROUTE_SWITCH, 6);
	assert_int_equal(scene.route.top->bus, 1);
	devices_free(&scene.devices);
}

static void root_ports_apart_need_the_host_bridge(void **state)
{
	struct scene scene = load("root-ports");

	(void)state;
	assert_blocked(&scene, false, HOST_BRIDGE, 0, 0, 0x808629c0);
	admit(&scene, Q35);
	assert_route(&scene, false, P2PMAP_ROUTE_HOST_BRIDGE, 4);
	devices_free(&scene.devices);
}

static void two_host_bridges_must_both_be_good(void **state)
{
	struct scene scene = load("host-bridges");

	(void)state;
	admit(&scene, PORT_OF_PXB);
	assert_blocked(&scene, true, HOST_BRIDGE, 0, 0, 0x808629c0);
	admit(&scene, Q35);
	/* Without a device at 00.0 its root port stands for it. */
	assert_blocked(&scene, true, HOST_BRIDGE, 0x80, 1 << 3, 0x1b36000c);
	admit(&scene, Q35 "," PORT_OF_PXB);
	assert_route(&scene, true, P2PMAP_ROUTE_HOST_BRIDGE, 4);
	devices_free(&scene.devices);
}

/* As in p2pdma: a root port after another device stands for nothing. */
static void only_the_first_device_of_a_root_bus_stands_for_it(void **state)
{
	struct scene scene = load("root-ports");

	(void)state;
	find_at(&scene.devices, 0, 0)->devfn = 1;
	admit(&scene, Q35 "," PORT_OF_PXB);
	assert_blocked(&scene, true, HOST_BRIDGE, scene.edu->bus,
		       scene.edu->devfn, 0);
	scene.policy.cpu_routes = true;
	assert_route(&scene, true, P2PMAP_ROUTE_HOST_BRIDGE, 4);
	devices_free(&scene.devices);
}

/* The Xeon E5 of the table, in the place of the q35. */
static void a_host_bridge_may_be_good_for_its_own_only(void **state)
{
	struct scene scene = load("host-bridges");
	struct device *root = find(&scene.devices, 0x8086, 0x29c0);

	(void)state;
	root->id = 0x3c00;
	assert_blocked(&scene, true, DISTINCT, 0, 0, 0x80863c00);
	devices_free(&scene.devices);
	scene = load("root-ports");
	find(&scene.devices, 0x8086, 0x29c0)->id = 0x3c00;
	assert_route(&scene, true, P2PMAP_ROUTE_HOST_BRIDGE, 4);
	devices_free(&scene.devices);
}

static void any_device_of_a_listed_vendor_is_good(void **state)
{
	struct scene scene = load("root-ports");

	(void)state;
	find(&scene.devices, 0x8086, 0x29c0)->vendor = 0x1ae0;
	assert_route(&scene, true, P2PMAP_ROUTE_HOST_BRIDGE, 4);
	devices_free(&scene.devices);
}

static void devices_of_a_conventional_bus_need_no_bridge(void **state)
{
	struct scene scene = load("pci-bridge");

	(void)state;
	assert_route(&scene, false, P2PMAP_ROUTE_SWITCH, 2);
	assert_int_equal(scene.edu->acs.state, ACS_ABSENT);
	devices_free(&scene.devices);
}

static void a_device_reaches_itself_if_direct(void **state)
{
	struct scene scene = load("switch");

	(void)state;
	scene.ivshmem = scene.edu;
	assert_route(&scene, false, P2PMAP_ROUTE_SAME, 0);
	assert_blocked(&scene, true, HOST_BRIDGE, 0, 0, 0x808629c0);
	devices_free(&scene.devices);
}

/* Where the two ways meet counts as well, as in p2pdma. */
static void acs_redirects_where_the_ways_meet(void **state)
{
	struct scene scene = load("one-slot-acs");

	(void)state;
	assert_blocked(&scene, false, ACS, 0, 2 << 3, 0x0c);
	admit(&scene, Q35);
	assert_route(&scene, false, P2PMAP_ROUTE_HOST_BRIDGE, 2);
	assert_int_equal(scene.route.redirector->devfn, 2 << 3);
	assert_int_equal(scene.route.redirects, 0x0c);
	devices_free(&scene.devices);
	scene = load("one-slot");
	assert_route(&scene, false, P2PMAP_ROUTE_SWITCH, 2);
	devices_free(&scene.devices);
}

static void set_acs(const struct device *device, uint16_t control)
{
	struct device *it = (struct device *)(uintptr_t)device;

	it->acs.state = ACS_PRESENT;
	it->acs.control = control;
}

static void every_redirect_on_either_way_counts_and_no_other_bit(void **state)
{
	struct scene scene = load("switch");
	const struct device *near = scene.edu->upstream;
	const struct device *far = scene.ivshmem->upstream;

	(void)state;
	set_acs(near, 0x01 | 0x02 | 0x10 | 0x40);
	set_acs(far, 0x01 | 0x02 | 0x10 | 0x40);
	assert_route(&scene, false, P2PMAP_ROUTE_SWITCH, 4);
	/* The root port is above where they meet. */
	set_acs(device_root(near), 0x0c);
	assert_route(&scene, false, P2PMAP_ROUTE_SWITCH, 4);
	set_acs(near, 0x20);
	assert_blocked(&scene, false, ACS, near->bus, near->devfn, 0x20);
	set_acs(near, 0);
	set_acs(far, 0x04);
	assert_blocked(&scene, false, ACS, far->bus, far->devfn, 0x04);
	set_acs(far, 0);
	/* A function's own, too. */
	set_acs(scene.edu, 0x08);
	assert_blocked(&scene, false, ACS, scene.edu->bus, scene.edu->devfn,
		       0x08);
	devices_free(&scene.devices);
}

static void what_only_root_can_read_is_unknown(void **state)
{
	struct scene scene = load("switch-user");

	(void)state;
	assert_int_equal(scene.edu->acs.state, ACS_UNKNOWN);
	assert_int_equal(scene.edu->pcie_type, DEVICE_TYPE_UNKNOWN);
	ask(&scene, false);
	assert_int_equal(scene.route.verdict, ROUTE_UNKNOWN);
	assert_non_null(scene.route.unread);
	/* There is a way, but nobody knows which. */
	admit(&scene, Q35);
	ask(&scene, false);
	assert_int_equal(scene.route.verdict, ROUTE_EXISTS);
	assert_true(scene.route.type_unknown);
	/* Behind an IOMMU it does not matter. */
	assert_route(&scene, true, P2PMAP_ROUTE_HOST_BRIDGE, 4);
	devices_free(&scene.devices);
}

static void a_root_port_that_cannot_be_told_is_unknown(void **state)
{
	struct scene scene = load("host-bridges-user");

	(void)state;
	assert_blocked(&scene, true, HOST_BRIDGE, 0, 0, 0x808629c0);
	admit(&scene, Q35);
	ask(&scene, true);
	assert_int_equal(scene.route.verdict, ROUTE_UNKNOWN);
	assert_int_equal(scene.route.host_state[1], HOST_BRIDGE_UNKNOWN);
	devices_free(&scene.devices);
}

static void the_hops_are_the_way(void **state)
{
	struct scene scene = load("cascade");
	struct route_hop hops[ROUTE_MAX_HOPS];
	unsigned int n;

	(void)state;
	ask(&scene, false);
	n = route_hops(&scene.route, scene.edu, scene.ivshmem, hops);
	/* edu, dp0, sw0, between, sw1, dp1, ivshmem */
	assert_int_equal(n, 7);
	assert_ptr_equal(hops[0].device, scene.edu);
	assert_ptr_equal(hops[2].device, scene.route.top);
	assert_ptr_equal(hops[6].device, scene.ivshmem);
	assert_false(hops[1].descending);
	assert_true(hops[3].descending);
	admit(&scene, Q35);
	ask(&scene, true);
	n = route_hops(&scene.route, scene.edu, scene.ivshmem, hops);
	/* The root port and sw0 on both sides, the root complex between. */
	assert_int_equal(n, 11);
	assert_null(hops[4].device);
	assert_ptr_equal(hops[3].device, hops[5].device);
	devices_free(&scene.devices);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_switch_is_a_way_if_direct),
	cmocka_unit_test(what_is_translated_goes_up_whatever_switch_there_is),
	cmocka_unit_test(a_zen_processor_routes),
	cmocka_unit_test(switches_of_two_root_ports_meet_in_the_host_bridge),
	cmocka_unit_test(a_cascade_meets_at_the_upper_switch),
	cmocka_unit_test(root_ports_apart_need_the_host_bridge),
	cmocka_unit_test(two_host_bridges_must_both_be_good),
	cmocka_unit_test(only_the_first_device_of_a_root_bus_stands_for_it),
	cmocka_unit_test(a_host_bridge_may_be_good_for_its_own_only),
	cmocka_unit_test(any_device_of_a_listed_vendor_is_good),
	cmocka_unit_test(devices_of_a_conventional_bus_need_no_bridge),
	cmocka_unit_test(a_device_reaches_itself_if_direct),
	cmocka_unit_test(acs_redirects_where_the_ways_meet),
	cmocka_unit_test(every_redirect_on_either_way_counts_and_no_other_bit),
	cmocka_unit_test(what_only_root_can_read_is_unknown),
	cmocka_unit_test(a_root_port_that_cannot_be_told_is_unknown),
	cmocka_unit_test(the_hops_are_the_way),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
