// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of one context: map, unmap, remap, close, fork, exec and exit against
 * munmap, mremap, mprotect, madvise and migration, with random delays, while the
 * device writes all the time.  What happens to devices, drivers and the module
 * meanwhile is test-race-machine's; storm.h has the threads, the oracles, and how
 * long it takes.
 *
 * iommu: on
 * lab: --smp 2 --qemu '-object memory-backend-ram,id=n0,size=512M -object memory-backend-ram,id=n1,size=512M -numa node,memdev=n0,cpus=0 -numa node,memdev=n1'
 */
#define _GNU_SOURCE
#include <signal.h>

#include "storm.h"

#define SEED_DEVICE 0x00de71ceU
#define DMA_LENGTH 64

static void all_at_once_writes_to_no_other_process(void **state)
{
	uint64_t begun = now_ms();
	struct storm_other other;
	struct storm storm;

	storm_begin(&storm, *state);
	other = storm_other_begin();
	storm_start(&storm, storm_calls);
	storm_start(&storm, storm_calls);
	storm_start(&storm, storm_calls);
	storm_start(&storm, storm_memory);
	storm_start(&storm, storm_memory);
	storm_start(&storm, storm_kernel);
	storm_start(&storm, storm_events);
	storm_start(&storm, storm_device);
	storm_start(&storm, storm_onlooker);
	while (storm_goes_on(begun, storm_done() > 100 && storm.events > 5 &&
					    storm.transfers > 2))
		sleep_ms(10);
	storm_stop(&storm);
	storm_other_end(&other);
	lab_note(storm.lab, "%lu events, %lu transfers", storm.events,
		 storm.transfers);
	assert_true(storm_done() > 100);
	assert_true(storm.events > 5);
	assert_true(storm.transfers > 2);
	storm_end(&storm);
}

/* Ids are given out in order: a guess may be right before the id is told. */
static void guessed_ids_race_with_map(void **state)
{
	uint64_t begun = now_ms();
	struct storm storm;

	storm_begin(&storm, *state);
	storm_start(&storm, storm_maps);
	storm_start(&storm, storm_maps);
	storm_start(&storm, storm_guesses);
	storm_start(&storm, storm_guesses);
	storm_start(&storm, storm_events);
	storm_start(&storm, storm_onlooker);
	while (storm_goes_on(begun, storm_done() > 100))
		sleep_ms(10);
	storm_stop(&storm);
	storm_end(&storm);
	assert_true(storm_done() > 100);
}

/* A copy of all memory, and of the descriptor, is made and ends all the time. */
static void forks_race_with_everything(void **state)
{
	uint64_t begun = now_ms();
	struct storm_other other;
	struct storm storm;

	storm_begin(&storm, *state);
	other = storm_other_begin();
	storm_start(&storm, storm_calls);
	storm_start(&storm, storm_calls);
	storm_start(&storm, storm_memory);
	storm_start(&storm, storm_events);
	storm_start(&storm, storm_device);
	storm_start(&storm, storm_forks);
	storm_start(&storm, storm_forks);
	while (storm_goes_on(begun, storm.events > 5))
		sleep_ms(10);
	storm_stop(&storm);
	storm_other_end(&other);
	lab_note(storm.lab, "%lu events, %lu transfers", storm.events,
		 storm.transfers);
	assert_true(storm.events > 5);
	storm_end(&storm);
}

/* Close, while memory goes and others are in calls of a duplicate. */
static void close_races_with_invalidations(void **state)
{
	struct storm_other other = storm_other_begin();
	uint64_t begun = now_ms();
	struct lab *lab = *state;
	struct storm storm, memory;
	unsigned long rounds = 0;

	for (; storm_goes_on(begun, rounds > 1); rounds++) {
		storm_begin(&storm, lab);
		storm.fd = dup(storm.fd);
		storm_start(&storm, storm_calls);
		/* The same memory, which outlives the calls. */
		memory = storm;
		memory.nr_workers = 0;
		storm_start(&memory, storm_memory);
		sleep_ms(storm_below(20));
		lab_close(lab);
		storm_stop(&storm);
		/* The last descriptor goes while memory still does. */
		close(storm.fd);
		storm_did(2);
		storm_stop(&memory);
		storm_end(&storm);
		lab_reopen(lab);
	}
	storm_other_end(&other);
	lab_note(lab, "%lu rounds", rounds);
	assert_true(rounds > 1);
}

/* Processes */

/* Ends a process with everything under way, from one of its threads. */
static void *end_thread(void *arg)
{
	struct storm_worker *worker = arg;

	usleep(worker->random % 300000);
	if (worker->random & 1 << 20)
		execlp("true", "true", NULL);
	_exit(0);
}

/* Context and importer are its own. */
static int doomed_main(void *arg)
{
	struct lab *lab = arg;
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_importer *importer;
	struct p2pmap_context *ctx;
	static struct storm storm;

	CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
	CHILD_CHECK(!attach(ctx, lab->edu_address, 64, &reason, &importer));
	storm.lab = lab;
	storm.fd = p2pmap_context_fd(ctx);
	storm.importer = p2pmap_importer_id(importer);
	storm.guess = storm.importer + 1;
	CHILD_CHECK(!storm_prepare(&storm));
	storm_start(&storm, storm_calls);
	storm_start(&storm, storm_calls);
	storm_start(&storm, storm_memory);
	storm_start(&storm, storm_device);
	storm_start(&storm, storm_kernel);
	storm_start(&storm, end_thread);
	for (;;)
		pause();
}

/* Killed, or by exec or exit of its own, whatever is first. */
static void processes_end_at_any_moment_and_leave_nothing(void **state)
{
	struct storm_other other = storm_other_begin();
	uint64_t begun = now_ms();
	unsigned long rounds = 0, killed = 0;
	struct lab *lab = *state;
	pid_t pid;
	int status;

	dev_load(lab, SEED_DEVICE, DMA_LENGTH);
	for (; storm_goes_on(begun, rounds > 1); rounds++) {
		/* The children's dice are the parent's. */
		storm_below(2);
		pid = child_start(doomed_main, lab);
		/* At its beginning, or when all is under way: half a second. */
		usleep(storm_below(1 << (10 + storm_below(10))));
		kill(pid, SIGKILL);
		status = child_end(pid);
		assert_true(!status || status == CHILD_SIGNALLED + SIGKILL);
		killed += status != 0;
		storm_did(1);
	}
	storm_other_end(&other);
	lab_note(lab, "%lu processes, %lu of them killed", rounds, killed);
	assert_true(rounds > 1);
}

static const struct CMUnitTest tests[] = {
	STORM_TEST(all_at_once_writes_to_no_other_process),
	STORM_TEST(guessed_ids_race_with_map),
	STORM_TEST(forks_race_with_everything),
	STORM_TEST(close_races_with_invalidations),
	STORM_TEST(processes_end_at_any_moment_and_leave_nothing),
};

LAB_MAIN(LAB_TRANSLATED, tests)
