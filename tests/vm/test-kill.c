// SPDX-License-Identifier: GPL-2.0-only
/*
 * Death: a process that is killed at any point leaves nothing behind.
 */
#define _GNU_SOURCE
#include "witness.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

#define KILLS 1000
#define VICTIM_PAGES 512

/* Nothing of it asserts: it is to be killed anywhere. */
static int map_and_unmap_for_ever(void *arg)
{
	struct lab lab = *(struct lab *)arg;
	unsigned char *pages, *bar;
	struct p2pmap_mapping *mapping;
	unsigned int i;

	pages = mmap(NULL, VICTIM_PAGES * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	bar = bar_mmap(lab.ivshmem_address, 2, NULL, 0, MIB, RW, MAP_SHARED);
	for (i = 0;; i++) {
		if (i % 8 == 0) {
			if (i)
				p2pmap_context_close(lab.ctx);
			if (p2pmap_context_open(NULL, &lab.ctx) ||
			    attach(lab.ctx, lab.edu_address, 64, NULL,
				   &lab.importer))
				return 1;
		}
		if (try_map(&lab, pages, (1 + i * 37 % VICTIM_PAGES) * PAGE,
			    i & 1 ? PIN | WRITE : PIN, &mapping))
			return 2;
		if (lab_is_translated(&lab) &&
		    try_map(&lab, pages, (1 + i * 11 % 64) * PAGE,
			    i & 2 ? WRITE : 0, &mapping))
			return 3;
		if (i & 4)
			madvise(pages, VICTIM_PAGES * PAGE, MADV_DONTNEED);
		if (try_map(&lab, bar, MIB, WRITE, &mapping))
			return 4;
		if (i & 1)
			p2pmap_mapping_unmap(mapping);
	}
}

/* Up to so many microseconds, on the processor rather than asleep. */
static void linger(unsigned int us)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000000L +
			 (now.tv_nsec - start.tv_nsec) / 1000 <
		 us);
}

/* Returns how many children were killed in the middle of something. */
static unsigned int kill_many(struct lab *lab, unsigned int kills)
{
	unsigned int seed = 1, killed = 0;

	for (unsigned int i = 0; i < kills; i++) {
		pid_t pid = child_start(map_and_unmap_for_ever, lab);
		int status;

		assert_true(pid > 0);
		seed = seed * 1103515245 + 12345;
		linger(seed / 65536 % 30000);
		kill(pid, SIGKILL);
		status = child_end(pid);
		assert_int_equal(status, CHILD_SIGNALLED + SIGKILL);
		killed++;
		if (i % 100 == 99)
			lab_note(lab, "%u killed", i + 1);
	}
	return killed;
}

static void a_thousand_kills_leave_nothing_behind(void **state)
{
	struct lab *lab = *state;
	struct lab_balance before = lab->before;
	unsigned int kills = scaled(lab_is_translated(lab) ? KILLS : 100);
	struct p2pmap_info info;

	if (!lab_is_translated(lab))
		module_reload(lab, "unenforced=1");
	assert_int_equal(kill_many(lab, kills), kills);
	if (lab_is_translated(lab)) {
		lab_close(lab);
		assert_true(lab_balance_holds(&before));
		assert_int_equal(module_unload(), 0);
		assert_int_equal(module_load(""), 0);
		lab_reopen(lab);
		module_reload(lab, "");
		return;
	}
	/* What the device might still write stays, counted, until it cannot. */
	info = context_info(lab->ctx);
	lab_note(lab, "%llu pages in quarantine",
		 (unsigned long long)info.out_quarantined_pages);
	assert_true(info.out_quarantined_pages > 0);
	assert_int_equal(pages_pinned() - before.pins,
			 info.out_quarantined_pages);
	lab_close(lab);
	assert_int_equal(bind_driver("none", lab->edu_address), 0);
	quarantine_wait_empty();
	assert_true(lab_balance_holds(&before));
	lab_reopen(lab);
}

/* The node is held by two; the one that mapped dies. */
static int map_and_wait(void *arg)
{
	struct p2pmap_mapping *mapping;
	struct lab *lab = arg;
	void *pages =
		mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHILD_CHECK(!try_map(lab, pages, 64 * PAGE, WRITE | PIN, &mapping));
	CHILD_CHECK(!try_map(lab, pages, 64 * PAGE, WRITE, &mapping));
	raise(SIGKILL);
	return 0;
}

static void mappings_of_the_dead_go_with_the_last_descriptor(void **state)
{
	struct lab *lab = *state;
	long pins = pages_pinned();

	if (!lab_is_translated(lab))
		lab_skip(lab, "no IOMMU translates here");
	for (int i = 0; i < 20; i++) {
		assert_int_equal(in_child(map_and_wait, lab),
				 CHILD_SIGNALLED + SIGKILL);
		assert_int_equal(pages_pinned(), pins + 64);
		lab_reopen(lab);
		assert_int_equal(pages_pinned(), pins);
	}
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_thousand_kills_leave_nothing_behind),
	LAB_TEST(mappings_of_the_dead_go_with_the_last_descriptor),
};

LAB_MAIN(LAB_ANY, tests)
