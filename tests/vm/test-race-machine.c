// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of a machine that changes: devices are unbound, removed and pulled out,
 * drivers that export memory leave, and the module is unloaded, while processes
 * map, unmap, remap and close, and their memory goes.  storm.h has the threads, the
 * oracles, and how long it takes; what a context does to itself is test-race's.
 *
 * iommu: on
 * lab: --smp 2 --qemu '-object memory-backend-ram,id=n0,size=512M -object memory-backend-ram,id=n1,size=512M -numa node,memdev=n0,cpus=0 -numa node,memdev=n1'
 */
#define _GNU_SOURCE
#include "storm.h"

#include "drivers.h"
#include "unplug.h"

/* Everything that needs no device. */
static void start_all(struct storm *storm)
{
	storm_start(storm, storm_calls);
	storm_start(storm, storm_calls);
	storm_start(storm, storm_memory);
	storm_start(storm, storm_events);
	storm_start(storm, storm_onlooker);
}

/* The importer */

/* The driver goes and comes; contexts are opened anew all the time. */
static void importer_unbound_races_with_everything(void **state)
{
	struct storm_other other = storm_other_begin();
	uint64_t begun = now_ms();
	struct lab *lab = *state;
	unsigned long rounds = 0;
	struct storm storm;

	for (; storm_goes_on(begun, rounds > 0); rounds++) {
		storm_begin(&storm, lab);
		start_all(&storm);
		sleep_ms(storm_below(60));
		device_unbind(lab, true);
		sleep_ms(storm_below(20));
		/* What is left of the old importer meets the new driver. */
		if (rounds & 1)
			storm_stop(&storm);
		device_set_up(lab, true);
		storm_stop(&storm);
		storm_did(2);
		storm_end(&storm);
		lab_reopen(lab);
	}
	storm_other_end(&other);
	lab_note(lab, "%lu rounds", rounds);
	assert_true(rounds > 0);
}

/* A transfer that is under way may come to its end, or not. */
static void start_writing(struct storm *storm)
{
	uint64_t dma = storm->slot[storm_below(STORM_SLOTS)].dma;

	if (dma && !edu_start(storm->lab->edu, EDU_WRITE, dma, 64))
		storm_did(1);
}

static void unplugged(void **state, bool importer)
{
	struct storm_other other = storm_other_begin();
	uint64_t begun = now_ms();
	struct lab *lab = *state;
	unsigned long rounds = 0;
	struct storm storm;
	bool by_bus;

	for (; storm_goes_on(begun, rounds > 0); rounds++) {
		storm_begin(&storm, lab);
		/* What the exporter has is another's when it is back. */
		storm.guarded = importer;
		start_all(&storm);
		sleep_ms(storm_below(60));
		start_writing(&storm);
		by_bus = storm_below(4) == 0;
		if (by_bus)
			device_remove(lab, importer);
		else
			device_unplug(lab, importer);
		if (rounds & 1)
			storm_stop(&storm);
		if (by_bus)
			device_rescan(lab, importer);
		else
			device_plug(lab, importer);
		storm_stop(&storm);
		storm_did(2);
		storm_end(&storm);
		lab_reopen(lab);
	}
	storm_other_end(&other);
	lab_note(lab, "%lu rounds", rounds);
	assert_true(rounds > 0);
}

static void importer_pulled_out_races_with_everything(void **state)
{
	unplugged(state, true);
}

static void exporter_pulled_out_races_with_everything(void **state)
{
	unplugged(state, false);
}

/* Exporters that are drivers */

/* Of a piece that belongs to a storm's slots, while they are mapped. */
static void *move_thread(void *arg)
{
	struct storm_worker *worker = arg;
	struct storm *storm = worker->storm;
	struct piece piece = { .fd = storm->device_fd };

	while (!storm_is_over(storm)) {
		piece.offset = storm->slot[STORM_SLOTS - 1].offset -
			       (STORM_SLOTS - 1) * STORM_SLOT;
		try_move(&piece);
		storm_did(1);
		usleep(1000);
	}
	return NULL;
}

/* It answers or does not, and in the end is unbound. */
static void exporter_leaves(struct lab *lab, uint32_t way)
{
	struct storm storm;
	uint64_t offset = 0;
	int fd;

	need_exporter(lab);
	storm_begin(&storm, lab);
	storm.guarded = false;
	fd = dup(exporter_open(lab));
	assert_int_equal(try_alloc(fd, STORM_SLOTS * STORM_SLOT, way, &offset),
			 0);
	close(storm.device_fd);
	storm_device_memory(&storm, fd, offset);
	start_all(&storm);
	storm_start(&storm, move_thread);
	for (int i = 0; i < 4; i++) {
		sleep_ms(storm_below(40));
		file_write(ANSWERING, i & 1 ? "1" : "0");
		storm_did(1);
	}
	device_unbind_at_once(lab, false);
	storm_did(1);
	sleep_ms(storm_below(20));
	assert_int_equal(bind_exporter(lab), 0);
	storm_stop(&storm);
	storm_end(&storm);
	lab_reopen(lab);
	end_all();
	assert_space_is_free(lab);
	end_all();
}

static void exporting_drivers_leave_in_the_middle_of_everything(void **state)
{
	uint64_t begun = now_ms();
	struct lab *lab = *state;
	unsigned long rounds = 0;

	for (; storm_goes_on(begun, rounds > 0); rounds++)
		exporter_leaves(lab, rounds & 1 ? IVSHMEM_OWN_DMA : 0);
	assert_int_equal(COMMAND("rmmod", EXPORTER), 0);
	assert_int_equal(sysfs_write(lab->ivshmem_address, "enable", "1"), 0);
	lab_note(lab, "%lu rounds", rounds);
	assert_true(rounds > 0);
}

/* The module */

/* Opens, maps and closes, whenever there is a node. */
static int user_main(void *arg)
{
	struct lab *lab = arg;
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;
	void *page =
		mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc, pins;

	for (int i = 0;; i++) {
		rc = p2pmap_context_open(NULL, &ctx);
		if (rc) {
			CHILD_CHECK(rc == -ENOENT || rc == -ENODEV ||
				    rc == -ENXIO);
			usleep(500);
			continue;
		}
		CHILD_CHECK(
			!attach(ctx, lab->edu_address, 64, &reason, &importer));
		pins = i & 1 ? PIN : P2PMAP_MAP_SINK | P2PMAP_MAP_RESTORE;
		CHILD_CHECK(!p2pmap_mapping_map(importer, page, 4 * PAGE,
						WRITE | pins, NULL, NULL,
						&mapping));
		/* The worker has something to do when all is closed. */
		madvise(page, PAGE, MADV_DONTNEED);
		if (i & 2)
			p2pmap_mapping_unmap(mapping);
		p2pmap_context_close(ctx);
		storm_did(4);
		usleep(i % 7 * 300);
	}
}

#define USERS 2

static void unload_races_with_open_map_and_close(void **state)
{
	unsigned long tries = 0, unloaded = 0;
	struct lab *lab = *state;
	pid_t user[USERS];
	struct storm storm = { .lab = lab };
	uint64_t begun;
	int rc;

	/* Whatever a test does to the module, the next one has it as it was. */
	module_reload(lab, "");
	lab_close(lab);
	for (int i = 0; i < USERS; i++)
		user[i] = child_start(user_main, lab);
	storm_start(&storm, storm_onlooker);
	for (begun = now_ms(); storm_goes_on(begun, unloaded > 0); tries++) {
		rc = try_rmmod("p2pmap");
		assert_true(!rc || rc == -EWOULDBLOCK);
		storm_did(1);
		if (!rc) {
			unloaded++;
			usleep(storm_below(2000));
			assert_int_equal(module_load(""), 0);
			storm_delays();
		}
		usleep(storm_below(2000));
	}
	storm_stop(&storm);
	for (int i = 0; i < USERS; i++) {
		kill(user[i], SIGKILL);
		assert_int_equal(child_end(user[i]), CHILD_SIGNALLED + SIGKILL);
	}
	lab_reopen(lab);
	lab_note(lab, "unloaded in %lu of %lu tries", unloaded, tries);
	assert_true(unloaded > 0);
}

static int machine_teardown(void **state)
{
	unplugs_report();
	end_all();
	return storm_teardown(state);
}

#define MACHINE_TEST(function)                                          \
	cmocka_unit_test_prestate_setup_teardown(function, storm_setup, \
						 machine_teardown, #function)

static const struct CMUnitTest tests[] = {
	MACHINE_TEST(importer_unbound_races_with_everything),
	MACHINE_TEST(importer_pulled_out_races_with_everything),
	MACHINE_TEST(exporter_pulled_out_races_with_everything),
	MACHINE_TEST(exporting_drivers_leave_in_the_middle_of_everything),
	MACHINE_TEST(unload_races_with_open_map_and_close),
};

LAB_MAIN(LAB_TRANSLATED, tests)
