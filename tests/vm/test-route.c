// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes: a way from importer to exporter is found where there is one, and
 * where there is none the refusal names the bridge that is in the way.
 *
 * The lab's q35 is on nobody's list, so host_bridges= is what makes a route.  A
 * second edu has a root port of its own, away from the switch.
 *
 * alone: other programs bind the second edu elsewhere
 * lab: --qemu '-device edu,bus=rp1,dma_mask=0xffffffffffffffff'
 */
#define _GNU_SOURCE
#include "harness.h"

#include <glob.h>

#define Q35 0x808629c0

static void need_translated(struct lab *lab, bool translated)
{
	if (lab_is_translated(lab) != translated)
		lab_skip(lab, "%s IOMMU translates here",
			 translated ? "no" : "an");
}

/* With these host bridges admitted, and no others. */
static void admit(struct lab *lab, const char *bridges, const char *more)
{
	char parameters[256] = "";

	if (bridges)
		snprintf(parameters, sizeof(parameters), "host_bridges=%s %s",
			 bridges, more);
	else
		snprintf(parameters, sizeof(parameters), "%s", more);
	module_restart(lab, parameters);
}

static void check_refusal(struct lab *lab)
{
	unsigned char *range = bar_at(lab, 0, PAGE);
	struct p2pmap_pci_addr root = { 0 };
	struct p2pmap_query query;
	char text[P2PMAP_REASON_TEXT_SIZE];

	assert_refused(lab, range, PAGE, WRITE, EHOSTUNREACH,
		       P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE);
	assert_memory_equal(&lab->reason.pci, &root, sizeof(root));
	assert_int_equal(lab->reason.detail, Q35);
	/* In words, with the remedy. */
	p2pmap_reason_text(&lab->reason, text, sizeof(text));
	assert_non_null(strstr(text, "0000:00:00.0"));
	assert_non_null(strstr(text, "host_bridges=8086:29c0"));
	/* A query says the same, and memory needs no route. */
	assert_int_equal(try_query(lab, range, PAGE, WRITE, &query),
			 -EHOSTUNREACH);
	munmap(range, PAGE);
}

static void an_unlisted_host_bridge_is_refused_by_name(void **state)
{
	struct lab *lab = *state;

	need_translated(lab, true);
	admit(lab, NULL, "");
	check_refusal(lab);
	unmap(map(lab, ram(PAGE), PAGE, WRITE | PIN));
}

static void another_host_bridge_than_the_admitted_is_refused(void **state)
{
	struct lab *lab = *state;

	need_translated(lab, true);
	admit(lab, "8086:29c1,1022:29c0", "");
	check_refusal(lab);
	admit(lab, "nonsense", "");
	check_refusal(lab);
}

static void an_admitted_host_bridge_is_a_route_and_said_once(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE);
	struct p2pmap_mapping *mapping;
	struct p2pmap_query query;

	need_translated(lab, true);
	admit(lab, "1234:5678,8086:29c0", "");
	mapping = map(lab, range, PAGE, WRITE);
	assert_int_equal(p2pmap_mapping_route(mapping),
			 P2PMAP_ROUTE_HOST_BRIDGE);
	assert_int_equal(try_query(lab, range, PAGE, WRITE, &query), 0);
	assert_int_equal(query.out_route, P2PMAP_ROUTE_HOST_BRIDGE);
	/* edu, dp0, upstream port | ivshmem, dp1: as p2pdma counts. */
	assert_int_equal(query.out_distance, 4);
	unmap(mapping);
	munmap(range, PAGE);
}

/* edu's own registers: by the root complex, too, as all that is translated. */
static void
the_importers_own_bar_needs_the_host_bridge_if_translated(void **state)
{
	struct lab *lab = *state;
	unsigned char *range =
		bar_mmap(lab->edu_address, 0, NULL, PAGE, PAGE, RW, MAP_SHARED);

	need_translated(lab, true);
	admit(lab, NULL, "");
	assert_refused(lab, range, PAGE, WRITE, EHOSTUNREACH,
		       P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE);
	munmap(range, PAGE);
}

/* Without translation a switch is a way of its own. */
static void a_switch_without_redirects_is_a_route_if_direct(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE);
	struct p2pmap_mapping *mapping;

	need_translated(lab, false);
	admit(lab, NULL, "unenforced=1");
	mapping = map(lab, range, PAGE, WRITE);
	assert_int_equal(p2pmap_mapping_route(mapping), P2PMAP_ROUTE_SWITCH);
	unmap(mapping);
	munmap(range, PAGE);
}

static void the_importers_own_bar_is_no_way_at_all_if_direct(void **state)
{
	struct lab *lab = *state;
	unsigned char *range =
		bar_mmap(lab->edu_address, 0, NULL, PAGE, PAGE, RW, MAP_SHARED);
	struct p2pmap_mapping *mapping;

	need_translated(lab, false);
	admit(lab, NULL, "unenforced=1");
	mapping = map(lab, range, PAGE, WRITE);
	assert_int_equal(p2pmap_mapping_route(mapping), P2PMAP_ROUTE_SAME);
	unmap(mapping);
	munmap(range, PAGE);
}

/* Has the test go on with the other edu. */
static void use_other_edu(struct lab *lab)
{
	static char address[32];
	glob_t found = { 0 };

	assert_int_equal(glob("/sys/bus/pci/drivers/uio_pci_generic/0*", 0,
			      NULL, &found),
			 0);
	assert_int_equal(found.gl_pathc, 2);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;

		if (strcmp(name, lab->edu_address))
			snprintf(address, sizeof(address), "%s", name);
	}
	globfree(&found);
	lab->edu_address = address;
	lab_reopen(lab);
}

static void root_ports_apart_need_the_host_bridge_even_if_direct(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE), bytes[100];
	struct p2pmap_mapping *mapping;

	need_translated(lab, false);
	admit(lab, NULL, "unenforced=1");
	use_other_edu(lab);
	check_refusal(lab);
	admit(lab, "8086:29c0", "unenforced=1");
	mapping = map(lab, range, PAGE, WRITE);
	assert_int_equal(p2pmap_mapping_route(mapping),
			 P2PMAP_ROUTE_HOST_BRIDGE);
	fill(bytes, sizeof(bytes), 8);
	dev_write(lab, mapping_dma(mapping, 0), bytes, sizeof(bytes));
	assert_filled(range, sizeof(bytes), 8);
	unmap(mapping);
	munmap(range, PAGE);
}

static void root_ports_apart_are_a_route_if_admitted(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE), bytes[100];
	struct p2pmap_mapping *mapping;
	struct p2pmap_query query;

	need_translated(lab, true);
	use_other_edu(lab);
	assert_int_equal(try_query(lab, range, PAGE, WRITE, &query), 0);
	assert_int_equal(query.out_route, P2PMAP_ROUTE_HOST_BRIDGE);
	mapping = map(lab, range, PAGE, WRITE);
	fill(bytes, sizeof(bytes), 9);
	dev_write(lab, mapping_dma(mapping, 0), bytes, sizeof(bytes));
	assert_filled(range, sizeof(bytes), 9);
	unmap(mapping);
	munmap(range, PAGE);
}

/* ROUTE: asked for without attaching anything */

static void check_ask(struct lab *lab, const char *importer,
		      const char *exporter, int error, uint32_t code,
		      const char *named)
{
	struct p2pmap_route_info info = { .size = sizeof(info) };
	struct p2pmap_pci_addr from, to, pci;

	assert_int_equal(p2pmap_pci_parse(importer, &from), 0);
	assert_int_equal(p2pmap_pci_parse(exporter, &to), 0);
	assert_int_equal(-p2pmap_context_route(lab->ctx, &from, &to, &info,
					       &lab->reason),
			 error);
	if (!error)
		return;
	assert_int_equal(lab->reason.code, code);
	assert_int_equal(p2pmap_pci_parse(named, &pci), 0);
	assert_memory_equal(&lab->reason.pci, &pci, sizeof(pci));
}

static void what_is_no_device_or_a_bridge_has_no_route(void **state)
{
	static const char none[] = "0000:7f:1f.7", bridge[] = "0000:00:02.0";
	struct lab *lab = *state;
	const char *edu = lab->edu_address;

	check_ask(lab, none, lab->ivshmem_address, ENODEV,
		  P2PMAP_REASON_NO_SUCH_DEVICE, none);
	check_ask(lab, edu, none, ENODEV, P2PMAP_REASON_NO_SUCH_DEVICE, none);
	check_ask(lab, "ffffffff:00:00.0", edu, ENODEV,
		  P2PMAP_REASON_NO_SUCH_DEVICE, "ffffffff:00:00.0");
	check_ask(lab, bridge, edu, EINVAL, P2PMAP_REASON_BRIDGE, bridge);
	check_ask(lab, edu, bridge, EINVAL, P2PMAP_REASON_BRIDGE, bridge);
}

/* Its DMA is what its driver makes of it; an exporter needs none. */
static void an_importer_without_an_ordinary_driver_has_no_route(void **state)
{
	struct lab *lab = *state;
	const char *ivshmem = lab->ivshmem_address;

	check_ask(lab, lab->edu_address, ivshmem, 0, 0, NULL);
	check_ask(lab, ivshmem, lab->edu_address, ENODEV,
		  P2PMAP_REASON_NO_DRIVER, ivshmem);
	assert_int_equal(bind_driver("pci-stub", ivshmem), 0);
	check_ask(lab, ivshmem, lab->edu_address, EBUSY,
		  P2PMAP_REASON_FOREIGN_OWNER, ivshmem);
	assert_int_equal(bind_driver("uio_pci_generic", ivshmem), 0);
	check_ask(lab, ivshmem, lab->edu_address, 0, 0, NULL);
	assert_int_equal(bind_driver("none", ivshmem), 0);
	/* The last driver turned it off. */
	assert_int_equal(sysfs_write(ivshmem, "enable", "1"), 0);
}

static int ask_as_a_user(void *arg)
{
	struct lab *lab = arg;
	struct p2pmap_route_info info = { .size = sizeof(info) };
	struct p2pmap_pci_addr to;

	return p2pmap_pci_parse(lab->ivshmem_address, &to) ||
	       p2pmap_context_route(lab->ctx, &lab->edu_pci, &to, &info,
				    NULL) ||
	       info.distance != 4;
}

static void whoever_has_the_node_open_may_ask_and_nothing_stays(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(as_user(USER_UID, ask_as_a_user, lab), 0);
	assert_int_equal(context_info(lab->ctx).out_importers, 1);
	assert_int_equal(context_info(lab->ctx).out_mappings, 0);
}

/* Its domain is asked for with the driver held, or not at all. */
static void asking_while_the_importers_driver_comes_and_goes(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_route_info info = { .size = sizeof(info) };
	const char *ivshmem = lab->ivshmem_address;
	struct p2pmap_pci_addr from;
	unsigned int with = 0, without = 0;
	uint64_t end = now_ms() + 2000;
	int status;
	pid_t pid;

	assert_int_equal(p2pmap_pci_parse(ivshmem, &from), 0);
	assert_int_equal(
		sysfs_write(ivshmem, "driver_override", "uio_pci_generic"), 0);
	pid = fork();
	assert_true(pid >= 0);
	while (!pid && now_ms() < end) {
		file_write("/sys/bus/pci/drivers_probe", ivshmem);
		sleep_ms(1);
		sysfs_write(ivshmem, "driver/unbind", ivshmem);
		sleep_ms(1);
	}
	if (!pid)
		_exit(0);
	while (!waitpid(pid, &status, WNOHANG)) {
		int rc = p2pmap_context_route(lab->ctx, &from, &lab->edu_pci,
					      &info, &lab->reason);

		assert_true(!rc || rc == -ENODEV);
		with += !rc;
		without += !!rc;
	}
	lab_note(lab, "%u with a driver, %u without", with, without);
	assert_true(with && without);
	assert_int_equal(bind_driver("none", ivshmem), 0);
	assert_int_equal(sysfs_write(ivshmem, "enable", "1"), 0);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(an_unlisted_host_bridge_is_refused_by_name),
	LAB_TEST(another_host_bridge_than_the_admitted_is_refused),
	LAB_TEST(an_admitted_host_bridge_is_a_route_and_said_once),
	LAB_TEST(the_importers_own_bar_needs_the_host_bridge_if_translated),
	LAB_TEST(a_switch_without_redirects_is_a_route_if_direct),
	LAB_TEST(the_importers_own_bar_is_no_way_at_all_if_direct),
	LAB_TEST(root_ports_apart_need_the_host_bridge_even_if_direct),
	LAB_TEST(root_ports_apart_are_a_route_if_admitted),
	LAB_TEST(what_is_no_device_or_a_bridge_has_no_route),
	LAB_TEST(an_importer_without_an_ordinary_driver_has_no_route),
	LAB_TEST(whoever_has_the_node_open_may_ask_and_nothing_stays),
	LAB_TEST(asking_while_the_importers_driver_comes_and_goes),
};

LAB_MAIN(LAB_ANY, tests)
