// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of the quarantine: where no IOMMU restrains the importer, owners die
 * with pinned memory while its driver is unbound and the administrator lets go
 * of what is kept.  All of it is let go in the end, once.
 *
 * iommu: pt off
 */
#define _GNU_SOURCE
#include <signal.h>

#include "storm.h"
#include "unplug.h"

#define QUARANTINE "/sys/class/misc/p2pmap/quarantine"
#define OWNERS 3
#define MAPS 4
#define LENGTH (8 * PAGE)

/* Maps until it is killed; the importer may be gone, or not there yet. */
static int owner_main(void *arg)
{
	struct lab *lab = arg;
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;
	unsigned char *range;
	int rc;

	for (unsigned int i = 0;; i++) {
		CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
		/* New each time: a debug kernel counts to seven for a page. */
		range = mmap(NULL, MAPS * LENGTH, RW,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHILD_CHECK(range != MAP_FAILED);
		rc = attach(ctx, lab->edu_address, 64, &reason, &importer);
		CHILD_CHECK(!rc || rc == -ENODEV);
		for (int k = 0; !rc && k < MAPS; k++) {
			rc = p2pmap_mapping_map(importer, range + k * LENGTH,
						LENGTH, WRITE | PIN, NULL, NULL,
						&mapping);
			CHILD_CHECK(!rc || rc == -ENODEV);
			storm_did(1);
		}
		/* A close is as good as a death. */
		if (i & 1)
			usleep(1000);
		p2pmap_context_close(ctx);
		munmap(range, MAPS * LENGTH);
		storm_did(2);
	}
}

/* The administrator. */
static void *release_thread(void *arg)
{
	struct storm_worker *worker = arg;
	struct storm *storm = worker->storm;

	while (!storm_is_over(storm)) {
		quarantined_pages();
		file_write(QUARANTINE, storm->lab->edu_address);
		storm_did(2);
		usleep(500);
	}
	return NULL;
}

static void owners_die_while_the_quarantine_is_emptied(void **state)
{
	struct lab *lab = *state;
	struct storm storm = { .lab = lab };
	unsigned long rounds = 0;
	pid_t owner[OWNERS];
	uint64_t begun;

	module_reload(lab, "unenforced=1");
	storm_delays();
	lab_close(lab);
	storm_start(&storm, release_thread);
	storm_start(&storm, storm_onlooker);
	for (begun = now_ms(); storm_goes_on(begun, rounds > 0); rounds++) {
		for (int i = 0; i < OWNERS; i++)
			owner[i] = child_start(owner_main, lab);
		sleep_ms(storm_below(80));
		if (rounds & 1)
			device_unbind(lab, true);
		for (int i = 0; i < OWNERS; i++) {
			kill(owner[i], SIGKILL);
			assert_int_equal(child_end(owner[i]),
					 CHILD_SIGNALLED + SIGKILL);
		}
		if (rounds & 1)
			device_set_up(lab, true);
		storm_did(OWNERS + 1);
	}
	storm_stop(&storm);
	file_write(QUARANTINE, lab->edu_address);
	quarantine_wait_empty();
	lab_reopen(lab);
	lab_note(lab, "%lu rounds", rounds);
	assert_true(rounds > 0);
}

static int direct_teardown(void **state)
{
	unplugs_report();
	return storm_teardown(state);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_prestate_setup_teardown(
		owners_die_while_the_quarantine_is_emptied, storm_setup,
		direct_teardown, "owners_die_while_the_quarantine_is_emptied"),
};

LAB_MAIN(LAB_DIRECT, tests)
