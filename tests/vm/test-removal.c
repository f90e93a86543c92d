// SPDX-License-Identifier: GPL-2.0-only
/*
 * Removal: a device that is unbound, removed or pulled out takes its mappings
 * with it, at once and with a word; nobody waits for p2pmap, and what is left
 * answers ENODEV.
 *
 * iommu: on
 * alone: what is pulled out and fails to come back is missed by others
 *
 * Hot-unplug is QEMU's: device_del on its monitor, which the guest must agree
 * to, while transfers are under way.  Each test puts the machine back.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "unplug.h"
#include "witness.h"

#define RANGE (16 * PAGE)
#define BAR_OFFSET (40 * MIB)

/* A removal that waits for p2pmap would take longer. */
#define PROMPT_MS 3000

#define SEED_BEFORE 0x100
#define SEED_AFTER 0x200

/**
 * struct three - a mapping of each kind, in a context of its own
 * @lab: the lab
 * @ctx: the context
 * @importer: edu
 * @ram: unpinned memory
 * @pinned: pinned memory
 * @bar: ivshmem's
 * @view: the BAR, by another mmap, which p2pmap does not see
 * @mapping: of ram, pinned, bar
 */
enum { RAM, PINNED, BAR, KINDS };

struct three {
	struct lab *lab;
	struct p2pmap_context *ctx;
	struct p2pmap_importer *importer;
	unsigned char *range[KINDS];
	unsigned char *view;
	struct p2pmap_mapping *mapping[KINDS];
};

static struct three three_begin(struct lab *lab)
{
	const uint32_t flags[KINDS] = { WRITE, WRITE | PIN, WRITE };
	struct three three = { .lab = lab };
	int fd;

	keep_still();
	three.ctx = context_open();
	three.importer = edu_attach(lab, three.ctx);
	/* Shared, so that a fork (of each command here) leaves it alone. */
	fd = memfd(RANGE);
	three.range[RAM] = mmap_fd(fd, RANGE, RW, MAP_SHARED);
	close(fd);
	three.range[PINNED] = ram(RANGE);
	three.range[BAR] = bar_at(lab, BAR_OFFSET, RANGE);
	three.view = bar_at(lab, BAR_OFFSET, RANGE);
	for (int i = 0; i < KINDS; i++) {
		fill(three.range[i], PROBE, SEED_BEFORE);
		assert_int_equal(p2pmap_mapping_map(three.importer,
						    three.range[i], RANGE,
						    flags[i], NULL, NULL,
						    &three.mapping[i]),
				 0);
	}
	assert_false(readable(p2pmap_context_fd(three.ctx), 0));
	return three;
}

static void three_end(struct three *three)
{
	p2pmap_context_close(three->ctx);
	for (int i = 0; i < KINDS; i++)
		munmap(three->range[i], RANGE);
	munmap(three->view, RANGE);
}

static int kind_of(const struct three *three, uint32_t id)
{
	int kind = 0;

	while (kind < KINDS && p2pmap_mapping_id(three->mapping[kind]) != id)
		kind++;
	return kind;
}

/*
 * Each of these has an event that says so; the others have none.  What a load
 * has just then has its own, of another length.
 */
static void assert_told(struct three *three, unsigned int kinds)
{
	struct p2pmap_event event;
	unsigned int told = 0;
	int kind;

	while (event_next(three->ctx, told == kinds ? 0 : PATIENCE_MS,
			  &event)) {
		assert_true(event.reasons & P2PMAP_EVENT_DEVICE_GONE);
		assert_false(event.flags & P2PMAP_EVENT_NOT_CUT);
		kind = kind_of(three, event.mapping);
		if (kind == KINDS)
			continue;
		assert_true(event_covers(&event, 0, RANGE));
		told |= 1 << kind;
	}
	assert_int_equal(told, kinds);
}

static void assert_gone(struct three *three, int kind, int error)
{
	struct p2pmap_mapping *mapping = three->mapping[kind];
	struct p2pmap_status status = mapping_status(mapping);
	bool pinned = kind == PINNED;

	assert_true(status.out_flags & P2PMAP_MAPPING_GONE);
	assert_false(status.out_flags & P2PMAP_MAPPING_LIVE);
	assert_int_equal(status.out_generation & 1, 0);
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL),
			 pinned ? -EOPNOTSUPP : -error);
}

/* No new mapping, no addresses; but an unmap works, as ever. */
static void assert_importer_gone(struct three *three)
{
	struct p2pmap_extent extent[4];
	struct p2pmap_extents extents = {
		.size = sizeof(extents),
		.id = p2pmap_mapping_id(three->mapping[RAM]),
		.max_extents = 4,
		.extents = (uintptr_t)extent,
	};
	struct p2pmap_mapping *mapping;

	for (int i = 0; i < KINDS; i++)
		assert_gone(three, i, ENODEV);
	assert_int_equal(ioctl(p2pmap_context_fd(three->ctx),
			       P2PMAP_IOC_EXTENTS, &extents),
			 -1);
	assert_int_equal(errno, ENODEV);
	assert_int_equal(p2pmap_mapping_map(three->importer, three->range[RAM],
					    RANGE, WRITE, NULL, NULL, &mapping),
			 -ENODEV);
	assert_int_equal(p2pmap_mapping_unmap(three->mapping[RAM]), 0);
}

static void assert_exporter_gone(struct three *three)
{
	struct p2pmap_mapping *mapping;

	assert_gone(three, BAR, ENODEV);
	assert_true(mapping_status(three->mapping[RAM]).out_flags &
		    P2PMAP_MAPPING_LIVE);
	assert_true(p2pmap_mapping_map(three->importer, three->range[BAR],
				       RANGE, WRITE, NULL, NULL, &mapping) < 0);
}

/* A transfer to one of them begins; it lands 100 ms later, if at all. */
static void start_writing(struct three *three, int kind)
{
	dev_load(three->lab, SEED_AFTER, PROBE);
	assert_int_equal(edu_start(three->lab->edu, EDU_WRITE,
				   mapping_dma(three->mapping[kind], 0), PROBE),
			 0);
}

/* The importer */

static void importer_unbind_revokes_tells_and_leaves_enodev(void **state)
{
	struct lab *lab = *state;
	struct three three = three_begin(lab);
	uint64_t begin = now_ms();

	device_unbind(lab, true);
	assert_true(now_ms() - begin < PROMPT_MS);
	assert_told(&three, 1 << RAM | 1 << PINNED | 1 << BAR);
	assert_importer_gone(&three);
	three_end(&three);
	device_set_up(lab, true);
	lab_reopen(lab);
}

/* Not even with the next driver: its addresses are not ours. */
static void importer_unbound_stays_gone_after_it_is_bound_again(void **state)
{
	struct lab *lab = *state;
	struct three three = three_begin(lab);

	device_unbind(lab, true);
	device_set_up(lab, true);
	assert_importer_gone(&three);
	three_end(&three);
	lab_reopen(lab);
	three = three_begin(lab);
	probe_write(lab, mapping_dma(three.mapping[RAM], 0), SEED_AFTER);
	assert_filled(three.range[RAM], PROBE, SEED_AFTER);
	three_end(&three);
}

/*
 * With its driver the device's bus mastering goes, too, and nothing would be
 * shown.  So turn it on again, as the next driver will.  False if it was too
 * late: the transfer had come to its end before.
 */
static bool let_it_through(struct lab *lab)
{
	const uint16_t memory_and_bus_master = 6;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
		 lab->edu_address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, &memory_and_bus_master, 2, 4), 2);
	close(fd);
	return edu_busy(lab->edu);
}

static void importer_unbind_while_it_writes_leaves_memory_alone(void **state)
{
	struct lab *lab = *state;
	struct three three = three_begin(lab);
	bool slow = kernel_looks_for_defects(), in_time;
	int kind = 0;

	/* On a slow machine many come too late, and show nothing; or all do. */
	for (int tries = 0; kind < KINDS && tries < (slow ? 5 : 50); tries++) {
		start_writing(&three, kind);
		device_unbind_at_once(lab, true);
		in_time = let_it_through(lab);
		sleep_ms(200);
		if (in_time)
			assert_filled(three.range[kind++], PROBE, SEED_BEFORE);
		three_end(&three);
		device_set_up(lab, true);
		lab_reopen(lab);
		three = three_begin(lab);
	}
	assert_true(slow || kind == KINDS);
	three_end(&three);
}

static void importer_removed_by_sysfs_revokes_and_tells(void **state)
{
	struct lab *lab = *state;
	struct three three = three_begin(lab);
	uint64_t begin = now_ms();

	start_writing(&three, RAM);
	device_remove(lab, true);
	assert_true(now_ms() - begin < PROMPT_MS);
	assert_told(&three, 1 << RAM | 1 << PINNED | 1 << BAR);
	assert_importer_gone(&three);
	three_end(&three);
	device_rescan(lab, true);
	lab_reopen(lab);
}

/* The exporter */

static void exporter_removed_by_sysfs_cuts_while_it_is_written(void **state)
{
	struct lab *lab = *state;
	struct three three = three_begin(lab);
	uint64_t begin = now_ms();

	probe_write(lab, mapping_dma(three.mapping[BAR], 0), SEED_BEFORE);
	start_writing(&three, BAR);
	device_remove(lab, false);
	assert_true(now_ms() - begin < PROMPT_MS);
	assert_told(&three, 1 << BAR);
	assert_int_equal(edu_wait(lab->edu, EDU_TIMEOUT_MS), 0);
	/* The mmap survives its device: it still shows the BAR. */
	assert_filled(three.view, PROBE, SEED_BEFORE);
	assert_exporter_gone(&three);
	probe_write(lab, mapping_dma(three.mapping[RAM], 0), SEED_AFTER);
	assert_filled(three.range[RAM], PROBE, SEED_AFTER);
	three_end(&three);
	device_rescan(lab, false);
}

/* What takes its place in the bus is another device. */
static void
exporter_that_comes_back_is_not_reached_by_old_mappings(void **state)
{
	struct lab *lab = *state;
	struct three three = three_begin(lab);
	unsigned char *anew;

	device_remove(lab, false);
	device_rescan(lab, false);
	anew = bar_at(lab, BAR_OFFSET, RANGE);
	fill(anew, PROBE, SEED_BEFORE);
	probe_write(lab, mapping_dma(three.mapping[BAR], 0), SEED_AFTER);
	assert_filled(anew, PROBE, SEED_BEFORE);
	assert_int_equal(p2pmap_mapping_remap(three.mapping[BAR], 0, 0, NULL),
			 -ENODEV);
	munmap(anew, RANGE);
	three_end(&three);
}

static void exporter_unbind_cuts_and_tells(void **state)
{
	struct lab *lab = *state;
	struct three three;

	if (bind_driver("pci-stub", lab->ivshmem_address))
		lab_skip(lab, "no pci-stub");
	/* A driver that enables nothing; the lab did. */
	sysfs_write(lab->ivshmem_address, "enable", "1");
	three = three_begin(lab);
	probe_write(lab, mapping_dma(three.mapping[BAR], 0), SEED_BEFORE);
	start_writing(&three, BAR);
	sysfs_write(lab->ivshmem_address, "driver/unbind",
		    lab->ivshmem_address);
	assert_told(&three, 1 << BAR);
	assert_int_equal(edu_wait(lab->edu, EDU_TIMEOUT_MS), 0);
	sysfs_write(lab->ivshmem_address, "enable", "1");
	assert_filled(three.view, PROBE, SEED_BEFORE);
	/* The device is still there, and its memory; only what was, is gone. */
	assert_gone(&three, BAR, ENODEV);
	three_end(&three);
}

/* A sink under what is gone: late DMA is no fault. */
static void exporter_gone_leaves_the_sink(void **state)
{
	struct lab *lab = *state;
	void *range = bar_at(lab, BAR_OFFSET, RANGE);
	struct p2pmap_mapping *mapping =
		map(lab, range, RANGE, WRITE | P2PMAP_MAP_SINK);

	device_remove(lab, false);
	assert_true(sinks_reach(mapping, RANGE));
	probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
	assert_true(
		probe_reads(lab, mapping_dma(mapping, 8 * PAGE), SEED_AFTER));
	unmap(mapping);
	munmap(range, RANGE);
	device_rescan(lab, false);
}

/* Under load */

/* Maps, remaps and unmaps without a pause, until the device is gone. */
struct load {
	struct three *three;
	bool over;
	int error;
	unsigned long rounds;
};

static void *load_thread(void *arg)
{
	struct load *load = arg;
	struct three *three = load->three;
	struct p2pmap_mapping *mapping;
	unsigned char *page =
		mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	while (!__atomic_load_n(&load->over, __ATOMIC_ACQUIRE)) {
		load->rounds++;
		madvise(page, PAGE, MADV_DONTNEED);
		rc = p2pmap_mapping_map(three->importer, page, 4 * PAGE,
					load->rounds & 1 ? WRITE : WRITE | PIN,
					NULL, NULL, &mapping);
		if (!rc) {
			p2pmap_mapping_remap(mapping, 0, 0, NULL);
			rc = p2pmap_mapping_unmap(mapping);
		}
		if (rc && rc != -ENODEV && rc != -EAGAIN && !load->error)
			load->error = rc;
	}
	munmap(page, 4 * PAGE);
	return NULL;
}

static void unplug_under_load(struct lab *lab, bool importer)
{
	struct three three = three_begin(lab);
	struct load load = { .three = &three };
	pthread_t thread;

	start_writing(&three, importer ? RAM : BAR);
	pthread_create(&thread, NULL, load_thread, &load);
	sleep_ms(random_below(60));
	device_unplug(lab, importer);
	assert_told(&three,
		    importer ? 1 << RAM | 1 << PINNED | 1 << BAR : 1 << BAR);
	if (importer)
		for (int i = 0; i < KINDS; i++)
			assert_gone(&three, i, ENODEV);
	else
		assert_exporter_gone(&three);
	__atomic_store_n(&load.over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	if (load.error)
		lab_note(lab, "load: %s", strerror(-load.error));
	assert_int_equal(load.error, 0);
	if (!importer)
		assert_int_equal(edu_wait(lab->edu, EDU_TIMEOUT_MS), 0);
	three_end(&three);
	/* What the device did not write before it went, it never writes. */
	device_plug(lab, importer);
	if (importer)
		lab_reopen(lab);
}

static void unplug_many_times(struct lab *lab, bool importer)
{
	unsigned long rounds = scaled(50);

	random_begin(lab);
	for (unsigned long i = 0; i < rounds; i++)
		unplug_under_load(lab, importer);
	lab_note(lab, "%lu times", rounds);
}

static void importer_pulled_out_under_load_many_times(void **state)
{
	unplug_many_times(*state, true);
}

static void exporter_pulled_out_under_load_many_times(void **state)
{
	unplug_many_times(*state, false);
}

/* The module */

static void module_in_use_cannot_be_unloaded(void **state)
{
	struct lab *lab = *state;

	assert_int_not_equal(module_unload(), 0);
	assert_int_equal(context_info(lab->ctx).out_importers, 1);
}

/* With mappings on both sides gone, and their handles closed. */
static void module_unloads_at_once_after_removals(void **state)
{
	struct lab *lab = *state;
	struct three three = three_begin(lab);
	uint64_t begin;

	device_remove(lab, false);
	device_remove(lab, true);
	assert_told(&three, 1 << RAM | 1 << PINNED | 1 << BAR);
	assert_int_not_equal(module_unload(), 0);
	three_end(&three);
	device_rescan(lab, false);
	device_set_up(lab, true);
	lab_reopen(lab);
	begin = now_ms();
	module_reload(lab, "");
	assert_true(now_ms() - begin < PROMPT_MS);
}

static int removal_teardown(void **state)
{
	unplugs_report();
	return lab_teardown(state);
}

#define REMOVAL_TEST(function)                                        \
	cmocka_unit_test_prestate_setup_teardown(function, lab_setup, \
						 removal_teardown, #function)

static const struct CMUnitTest tests[] = {
	REMOVAL_TEST(importer_unbind_revokes_tells_and_leaves_enodev),
	REMOVAL_TEST(importer_unbound_stays_gone_after_it_is_bound_again),
	REMOVAL_TEST(importer_unbind_while_it_writes_leaves_memory_alone),
	REMOVAL_TEST(importer_removed_by_sysfs_revokes_and_tells),
	REMOVAL_TEST(exporter_removed_by_sysfs_cuts_while_it_is_written),
	REMOVAL_TEST(exporter_that_comes_back_is_not_reached_by_old_mappings),
	REMOVAL_TEST(exporter_unbind_cuts_and_tells),
	REMOVAL_TEST(exporter_gone_leaves_the_sink),
	REMOVAL_TEST(importer_pulled_out_under_load_many_times),
	REMOVAL_TEST(exporter_pulled_out_under_load_many_times),
	REMOVAL_TEST(module_in_use_cannot_be_unloaded),
	REMOVAL_TEST(module_unloads_at_once_after_removals),
};

LAB_MAIN(LAB_TRANSLATED, tests)
