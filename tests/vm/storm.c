// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storms: their beginning and end, their memory, and what no thread sees of the
 * oracles, for the tests of races.  storm.h says what each function is for; the
 * threads are in storm-threads.c.
 */
#define _GNU_SOURCE
#include "storm.h"

#include "witness.h"

/* In ivshmem's BAR: the slots' memory, and what nobody maps. */
#define BAR_OFFSET (8 * MIB)
#define GUARD_OFFSET (32 * MIB)
#define GUARD_LENGTH (16 * PAGE)
#define SEED_GUARD 0x9a4dU

#define SEED_DEVICE 0x00de71ceU
#define WORD_OTHER 0x0bad5eedcafef00dULL
#define DMA_LENGTH 64

/* For a storm that comes to nothing. */
#define LIMIT_MS 60000

#define DELAY_PARAMETER "/sys/module/p2pmap/parameters/delay_"

static unsigned long *operations;

/* The beginning and the end */

static unsigned int storm_ms(void)
{
	const char *seconds = getenv("P2PMAP_RACE_SECONDS");

	if (seconds && *seconds)
		return strtod(seconds, NULL) * 1000;
	return scaled(2000);
}

bool storm_goes_on(uint64_t begun, bool enough)
{
	uint64_t ran = now_ms() - begun;

	return ran < storm_ms() || (!enough && ran < LIMIT_MS);
}

uint64_t storm_below(uint64_t end)
{
	return random_below(end);
}

void storm_did(unsigned long n)
{
	__atomic_add_fetch(operations, n, __ATOMIC_RELAXED);
}

unsigned long storm_done(void)
{
	return __atomic_load_n(operations, __ATOMIC_RELAXED);
}

void storm_delays(void)
{
	const char *wanted = getenv("P2PMAP_RACE_DELAYS");
	unsigned int permille = 100, us = 10000;
	char text[32];

	if (wanted && *wanted)
		sscanf(wanted, "%u %u", &permille, &us);
	snprintf(text, sizeof(text), "%llu",
		 (unsigned long long)random_next(random_state()));
	if (file_write(DELAY_PARAMETER "seed", text))
		return;
	snprintf(text, sizeof(text), "%u", us);
	assert_int_equal(file_write(DELAY_PARAMETER "us", text), 0);
	snprintf(text, sizeof(text), "%u", permille);
	assert_int_equal(file_write(DELAY_PARAMETER "permille", text), 0);
}

/* Which points were not reached is worth knowing, too. */
static void note_delays(const struct lab *lab)
{
	char text[4096], none[1024] = "", *line, *rest = text, *count;
	unsigned long delays = 0;

	if (!file_read(DELAY_PARAMETER "points", text, sizeof(text)))
		return;
	while ((line = strsep(&rest, "\n")) && (count = strchr(line, ' '))) {
		*count++ = '\0';
		delays += strtoul(count, NULL, 10);
		if (*count != '0')
			continue;
		strcat(none, " ");
		strcat(none, line);
	}
	lab_note(lab, "%lu delays since the module is there; none at:%s",
		 delays, none);
}

int storm_setup(void **state)
{
	int rc = lab_setup(state);

	if (rc)
		return rc;
	if (!operations)
		operations =
			mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(operations, MAP_FAILED);
	*operations = 0;
	keep_still();
	random_begin(*state);
	storm_delays();
	return 0;
}

int storm_teardown(void **state)
{
	if (!file_write(DELAY_PARAMETER "permille", "0"))
		note_delays(*state);
	lab_figure("race operations", storm_done());
	return lab_teardown(state);
}

static enum storm_kind kind_of(int i)
{
	return i < STORM_FIRST_SHARED ? STORM_PRIVATE :
	       i < STORM_FIRST_DEVICE ? STORM_SHARED :
					STORM_DEVICE;
}

void storm_fill(struct storm *storm, struct storm_slot *slot,
		unsigned int first, unsigned int count, bool shared)
{
	unsigned char *at = slot->range + first * PAGE;
	int flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE);

	if (slot->kind == STORM_DEVICE)
		mmap(at, count * PAGE, RW, MAP_SHARED | MAP_FIXED,
		     storm->device_fd, slot->offset + first * PAGE);
	else
		mmap(at, count * PAGE, RW, flags | MAP_ANONYMOUS, -1, 0);
}

static int bar_fd(const struct lab *lab)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2",
		 lab->ivshmem_address);
	return open(path, O_RDWR | O_CLOEXEC);
}

int storm_prepare(struct storm *storm)
{
	struct storm_slot *slot;

	storm->device_fd = bar_fd(storm->lab);
	if (storm->device_fd < 0)
		return -errno;
	/* Apart from each other, so that one munmap() hits one. */
	for (int i = 0; i < STORM_SLOTS; i++) {
		slot = &storm->slot[i];
		slot->kind = kind_of(i);
		slot->offset = BAR_OFFSET + i * STORM_SLOT;
		slot->range = mmap(NULL, STORM_SLOT, RW,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (slot->range == MAP_FAILED)
			return -ENOMEM;
		storm_fill(storm, slot, 0, STORM_SLOT_PAGES, false);
	}
	return 0;
}

void storm_device_memory(struct storm *storm, int fd, uint64_t offset)
{
	storm->device_fd = fd;
	for (int i = STORM_FIRST_DEVICE; i < STORM_SLOTS; i++) {
		storm->slot[i].offset = offset + i * STORM_SLOT;
		storm_fill(storm, &storm->slot[i], 0, STORM_SLOT_PAGES, true);
	}
}

/* Nobody maps this part of the BAR, and so no device writes to it. */
static void guard(struct lab *lab, bool check)
{
	unsigned char *at = bar_at(lab, GUARD_OFFSET, GUARD_LENGTH);

	if (check)
		assert_filled(at, GUARD_LENGTH, SEED_GUARD);
	else
		fill(at, GUARD_LENGTH, SEED_GUARD);
	munmap(at, GUARD_LENGTH);
}

void storm_begin(struct storm *storm, struct lab *lab)
{
	memset(storm, 0, sizeof(*storm));
	storm->lab = lab;
	storm->fd = p2pmap_context_fd(lab->ctx);
	storm->importer = p2pmap_importer_id(lab->importer);
	guard(lab, false);
	storm->guarded = true;
	assert_int_equal(storm_prepare(storm), 0);
	/* It makes a mapping, and so the context this process's. */
	dev_load(lab, SEED_DEVICE, DMA_LENGTH);
	storm->guess = p2pmap_mapping_id(lab->stage_mapping) + 1;
}

void storm_start(struct storm *storm, void *(*thread)(void *))
{
	struct storm_worker *worker = &storm->worker[storm->nr_workers++];

	assert_true(storm->nr_workers <= STORM_WORKERS);
	worker->storm = storm;
	worker->random = random_next(random_state());
	assert_int_equal(pthread_create(&worker->thread, NULL, thread, worker),
			 0);
}

void storm_stop(struct storm *storm)
{
	__atomic_store_n(&storm->over, true, __ATOMIC_RELEASE);
	while (storm->nr_workers)
		pthread_join(storm->worker[--storm->nr_workers].thread, NULL);
	storm->over = false;
}

static void note_fault(const struct storm *storm)
{
	char text[P2PMAP_REASON_TEXT_SIZE];

	p2pmap_reason_text(&storm->reason, text, sizeof(text));
	lab_note(storm->lab, "%s: %s: %s", storm->what, strerror(storm->error),
		 text);
}

void storm_end(struct storm *storm)
{
	for (int i = 0; i < STORM_SLOTS; i++)
		munmap(storm->slot[i].range, STORM_SLOT);
	close(storm->device_fd);
	if (storm->error)
		note_fault(storm);
	assert_int_equal(storm->error, 0);
	if (storm->guarded)
		guard(storm->lab, true);
}

bool storm_is_over(const struct storm *storm)
{
	return __atomic_load_n(&storm->over, __ATOMIC_ACQUIRE);
}

/* The other process */

#define OTHER_LENGTH (256 * PAGE)

static bool other_is_damaged(const uint64_t *at)
{
	for (size_t i = 0; i < OTHER_LENGTH / sizeof(*at); i++)
		if (at[i] != WORD_OTHER)
			return true;
	return false;
}

static int other_main(void *arg)
{
	const volatile bool *over = arg;
	uint64_t *at;

	while (!*over) {
		at = mmap(NULL, OTHER_LENGTH, RW, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
		CHILD_CHECK(at != MAP_FAILED);
		for (size_t i = 0; i < OTHER_LENGTH / sizeof(*at); i++)
			at[i] = WORD_OTHER;
		/* Longer than a transfer takes. */
		sleep_ms(130);
		if (other_is_damaged(at))
			return 1;
		munmap(at, OTHER_LENGTH);
	}
	return 0;
}

struct storm_other storm_other_begin(void)
{
	struct storm_other other;

	other.over = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(other.over, MAP_FAILED);
	other.pid = child_start(other_main, other.over);
	return other;
}

void storm_other_end(struct storm_other *other)
{
	*other->over = true;
	assert_int_equal(child_end(other->pid), 0);
	munmap(other->over, PAGE);
}
