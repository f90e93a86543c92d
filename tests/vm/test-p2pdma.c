// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap's verdict on a route against that of the kernel's own p2pdma: for all
 * pairs of devices the same "can" or "cannot", and the same distance.
 *
 * In direct mode only: for a translated importer p2pmap's rule is another one.
 * The kernel has to be built with CONFIG_PCI_P2PDMA, as the debug kernel is and
 * Debian's are not.
 *
 * lab: --topology host-bridges --qemu '-cpu EPYC'
 * lab: --topology host-bridges --qemu '-device i82801b11-bridge,bus=pxb0,addr=1'
 * lab: --topology host-bridges --importers 2 --exporters 2
 * lab: --topology pci-bridge --importers 2 --exporters 2
 * lab: --topology one-slot --importers 2 --exporters 2
 * lab: --topology switch --importers 2 --exporters 2
 * lab: --topology two-switches --importers 2 --exporters 2
 * lab: --topology cascade --importers 2 --exporters 2
 * lab: --topology root-ports --importers 2 --exporters 2
 * iommu: off
 */
#define _GNU_SOURCE
#include "routes.h"

#include <dirent.h>

#define DEVICES_MAX 48
#define WITNESS "/sys/module/route_witness/parameters/pair"

static char devices[DEVICES_MAX][16]; /* all functions that are no bridges */
static char importers[DEVICES_MAX][16]; /* those that can have a driver */
static unsigned int nr_devices, nr_importers;

/* Of the comparisons: how many, and how many of them found a way. */
static unsigned int nr_pairs, nr_ways;

static unsigned int config_word(const char *address, off_t at)
{
	int config = config_open(address);
	uint16_t word = 0;

	assert_int_equal(pread(config, &word, 2, at), 2);
	close(config);
	return word;
}

/* It had its driver before. */
static bool is_edu(const char *address)
{
	return config_word(address, 0) == 0x1234;
}

/* The devices that the lab brings, and not what a q35 has anyway. */
static bool is_ours(const char *address)
{
	static const unsigned int ids[][2] = { { 0x1234, 0x11e8 },
					       { 0x1af4, 0x1110 },
					       { 0x1b36, 0x0010 } };
	unsigned int vendor = config_word(address, 0);
	unsigned int device = config_word(address, 2);

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (ids[i][0] == vendor && ids[i][1] == device)
			return true;
	return false;
}

static void find_devices(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strlen(entry->d_name) != 12 ||
		    (config_word(entry->d_name, 0x0e) & 0x7f))
			continue;
		assert_true(nr_devices < DEVICES_MAX);
		strcpy(devices[nr_devices++], entry->d_name);
		if (is_ours(entry->d_name))
			strcpy(importers[nr_importers++], entry->d_name);
	}
	closedir(dir);
}

/* An importer needs a driver. */
static void bind_importers(void)
{
	for (unsigned int i = 0; i < nr_importers; i++) {
		sysfs_write(importers[i], "driver_override", "uio_pci_generic");
		file_write("/sys/bus/pci/drivers_probe", importers[i]);
	}
}

static void unbind_importers(void)
{
	for (unsigned int i = 0; i < nr_importers; i++) {
		if (is_edu(importers[i]))
			continue;
		sysfs_write(importers[i], "driver/unbind", importers[i]);
		sysfs_write(importers[i], "driver_override", "\n");
	}
}

static long ask_p2pdma(const char *importer, const char *exporter)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %s", exporter, importer);
	assert_int_equal(file_write(WITNESS, text), 0);
	assert_true(file_read(WITNESS, text, sizeof(text)));
	return strtol(text, NULL, 10);
}

static void compare(struct lab *lab, const char *importer, const char *exporter)
{
	struct p2pmap_route_info info;
	long theirs = ask_p2pdma(importer, exporter);
	int rc = ask_route(lab, importer, exporter, &info);
	long ours = rc ? -1 : (long)info.distance;

	if (ours != theirs)
		lab_note(lab, "%s to %s: %ld here (%s), %ld by p2pdma",
			 importer, exporter, ours, strerror(-rc), theirs);
	assert_true(!rc || rc == -EHOSTUNREACH);
	assert_int_equal(ours, theirs);
	nr_pairs++;
	nr_ways += ours >= 0;
}

/* All importers with all devices, themselves too. */
static void compare_all(struct lab *lab)
{
	nr_pairs = nr_ways = 0;
	for (unsigned int i = 0; i < nr_importers; i++)
		for (unsigned int j = 0; j < nr_devices; j++)
			compare(lab, importers[i], devices[j]);
	lab_note(lab, "%u pairs, %u of them with a way", nr_pairs, nr_ways);
	assert_true(nr_pairs >= nr_importers * nr_importers);
	assert_true(nr_ways >= nr_importers);
}

static void set_redirects(bool on)
{
	char port[16];
	bool any = false;

	for (unsigned int i = 0; i < nr_importers; i++) {
		char at[16];

		strcpy(at, importers[i]);
		while (bridge_above(at, port)) {
			any |= acs_set(port, on ? ACS_RR | ACS_CR : 0) >= 0;
			strcpy(at, port);
		}
	}
	assert_true(any);
}

/* With these names of the host bridges, without redirects and with them. */
static void compare_named(struct lab *lab, const char *q35, const char *pxb)
{
	admit(lab, NULL);
	if (q35)
		pretend(Q35, q35);
	if (pxb && topology_is("host-bridges"))
		pretend(PXB, pxb);
	set_redirects(false);
	compare_all(lab);
	set_redirects(true);
	compare_all(lab);
	set_redirects(false);
	pretend_no_more();
}

static void with_unlisted_host_bridges_both_say_the_same(void **state)
{
	compare_named(*state, NULL, NULL);
}

static void with_listed_host_bridges_both_say_the_same(void **state)
{
	compare_named(*state, LISTED, "8086:09a2");
}

static void with_one_listed_host_bridge_both_say_the_same(void **state)
{
	compare_named(*state, LISTED, NULL);
	compare_named(*state, NULL, LISTED);
}

static void with_host_bridges_good_for_their_own_both_say_the_same(void **state)
{
	compare_named(*state, SAME_ONLY, "8086:2f01");
	compare_named(*state, LISTED, SAME_ONLY);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(with_unlisted_host_bridges_both_say_the_same),
	LAB_TEST(with_listed_host_bridges_both_say_the_same),
	LAB_TEST(with_one_listed_host_bridge_both_say_the_same),
	LAB_TEST(with_host_bridges_good_for_their_own_both_say_the_same),
};

static int begin(void **state)
{
	(void)state;
	find_devices();
	bind_importers();
	return 0;
}

static int end(void **state)
{
	(void)state;
	unbind_importers();
	return 0;
}

/* Where the kernel has it, the witness has to load. */
static bool kernel_has_p2pdma(void)
{
	return !COMMAND("grep", "-q", " pci_p2pdma_distance_many$",
			"/proc/kallsyms");
}

int main(int argc, char **argv)
{
	if (!lab_begin(argc, argv, LAB_DIRECT))
		return 77;
	if (!kernel_has_p2pdma()) {
		puts("1..0 # SKIP this kernel is built without p2pdma");
		return 77;
	}
	if (COMMAND("modprobe", "route_witness")) {
		puts("Bail out! route_witness.ko cannot be loaded");
		return 1;
	}
	return cmocka_run_group_tests(tests, begin, end) ? 1 : 0;
}
