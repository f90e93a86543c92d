// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races: everything that may happen to a mapping happens at once, with random
 * delays, and the device writes all the time.
 *
 * iommu: on
 *
 * The oracles are: another process, which gets the memory that is given back
 * and sees whether anybody else writes to it; the answers of the calls, each of
 * which has to be one that is allowed; and the balance that the harness draws
 * (pins, charges, users of the module) and the kernel's log, in the end.
 *
 * How long each storm takes: P2PMAP_TEST_SCALE times thirty seconds.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "witness.h"

#define SLOTS 24
#define SLOT_PAGES 16
#define SLOT (SLOT_PAGES * PAGE)

#define STORM_MS 30000

#define SEED_DEVICE 0x00de71ceU
#define WORD_OTHER 0x0bad5eedcafef00dULL
#define DMA_LENGTH 64

/**
 * struct slot - a place for a mapping; anybody may do anything with it
 * @range: its memory, which comes and goes
 * @id: of the mapping that was made last, or 0
 * @dma: where it is for the device, or was
 */
struct slot {
	unsigned char *range;
	uint32_t id;
	uint64_t dma;
};

struct storm {
	struct lab *lab;
	int fd;
	uint32_t importer;
	bool over;
	int error;
	const char *what;
	unsigned long calls;
	unsigned long events;
	unsigned long transfers;
	struct slot slot[SLOTS];
};

/* Threads have generators of their own. */
struct worker {
	struct storm *storm;
	uint64_t random;
	pthread_t thread;
};

static uint64_t below(struct worker *worker, uint64_t end)
{
	return random_next(&worker->random) % end;
}

static bool is_over(struct storm *storm)
{
	return __atomic_load_n(&storm->over, __ATOMIC_ACQUIRE);
}

/* Nothing, a moment, or a little longer. */
static void pause_randomly(struct worker *worker)
{
	switch (below(worker, 4)) {
	case 0:
		sched_yield();
		break;
	case 1:
		usleep(below(worker, 300));
		break;
	}
}

static void note_answer(struct storm *storm, const char *what, int error)
{
	const int allowed[] = { 0,	    ENOENT, EFAULT, EAGAIN,
				EOPNOTSUPP, ENODEV, ENOMEM, EINTR };

	__atomic_add_fetch(&storm->calls, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (error == allowed[i])
			return;
	storm->error = error;
	storm->what = what;
}

/* The calls; raw, because handles of the library have one owner */

static void call_map(struct worker *worker, struct slot *slot)
{
	const uint32_t flags[] = { WRITE, WRITE | PIN, WRITE | P2PMAP_MAP_SINK,
				   WRITE | P2PMAP_MAP_RESTORE,
				   WRITE | P2PMAP_MAP_SINK |
					   P2PMAP_MAP_RESTORE };
	struct storm *storm = worker->storm;
	unsigned int first = below(worker, SLOT_PAGES / 2);
	struct p2pmap_extent extent;
	struct p2pmap_map map = {
		.size = sizeof(map),
		.flags = flags[below(worker, 5)],
		.importer = storm->importer,
		.max_extents = 1,
		.addr = (uintptr_t)slot->range + first * PAGE,
		.length = (1 + below(worker, SLOT_PAGES - first)) * PAGE,
		.extents = (uintptr_t)&extent,
	};
	int rc = ioctl(storm->fd, P2PMAP_IOC_MAP, &map) ? errno : 0;

	note_answer(storm, "map", rc);
	if (rc)
		return;
	__atomic_store_n(&slot->dma, extent.dma_addr, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->id, map.out_id, __ATOMIC_RELAXED);
}

static void call_unmap(struct worker *worker, struct slot *slot)
{
	struct p2pmap_unmap unmap = {
		.size = sizeof(unmap),
		.id = __atomic_load_n(&slot->id, __ATOMIC_RELAXED),
	};
	int fd = worker->storm->fd;

	note_answer(worker->storm, "unmap",
		    ioctl(fd, P2PMAP_IOC_UNMAP, &unmap) ? errno : 0);
}

static void call_remap(struct worker *worker, struct slot *slot)
{
	struct p2pmap_remap remap = {
		.size = sizeof(remap),
		.id = __atomic_load_n(&slot->id, __ATOMIC_RELAXED),
	};
	int fd = worker->storm->fd;

	note_answer(worker->storm, "remap",
		    ioctl(fd, P2PMAP_IOC_REMAP, &remap) ? errno : 0);
}

static void call_status(struct worker *worker, struct slot *slot)
{
	struct p2pmap_status status = {
		.size = sizeof(status),
		.id = __atomic_load_n(&slot->id, __ATOMIC_RELAXED),
	};
	int fd = worker->storm->fd;
	int rc = ioctl(fd, P2PMAP_IOC_STATUS, &status) ? errno : 0;

	note_answer(worker->storm, "status", rc);
	if (!rc && status.out_live_bytes + status.out_sink_bytes > SLOT) {
		worker->storm->error = ERANGE;
		worker->storm->what = "status";
	}
}

static void *call_thread(void *arg)
{
	struct worker *worker = arg;
	struct storm *storm = worker->storm;
	unsigned int choice;
	struct slot *slot;

	while (!is_over(storm)) {
		slot = &storm->slot[below(worker, SLOTS)];
		choice = below(worker, 8);
		/* The last one ends, so that they do not pile up. */
		if (choice < 4)
			call_unmap(worker, slot);
		if (choice < 3)
			call_map(worker, slot);
		else if (choice < 7)
			call_remap(worker, slot);
		else
			call_status(worker, slot);
		pause_randomly(worker);
	}
	return NULL;
}

/* The memory */

static void *memory_thread(void *arg)
{
	struct worker *worker = arg;
	struct storm *storm = worker->storm;
	unsigned int first, count;
	unsigned char *at;

	while (!is_over(storm)) {
		first = below(worker, SLOT_PAGES);
		count = 1 + below(worker, SLOT_PAGES - first);
		at = storm->slot[below(worker, SLOTS)].range + first * PAGE;
		switch (below(worker, 6)) {
		case 0:
			munmap(at, count * PAGE);
			pause_randomly(worker);
			/* fall through */
		case 1:
			mmap(at, count * PAGE, RW,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		case 2:
			mprotect(at, count * PAGE, PROT_READ);
			pause_randomly(worker);
			mprotect(at, count * PAGE, RW);
			break;
		case 3:
			/* What the device has must not be swapped under it. */
			mmap(at, count * PAGE, RW,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		default:
			madvise(at, count * PAGE, MADV_DONTNEED);
		}
		pause_randomly(worker);
	}
	return NULL;
}

static void *event_thread(void *arg)
{
	struct worker *worker = arg;
	struct storm *storm = worker->storm;
	struct p2pmap_event event[16];
	ssize_t got;

	while (!is_over(storm)) {
		if (!readable(storm->fd, 20))
			continue;
		got = read(storm->fd, event, sizeof(event));
		for (ssize_t i = 0; i < got / (ssize_t)sizeof(event[0]); i++) {
			if (event[i].reasons && event[i].length <= SLOT)
				continue;
			storm->error = EPROTO;
			storm->what = "event";
		}
		if (got > 0)
			storm->events += got / sizeof(event[0]);
	}
	return NULL;
}

/* Whatever is mapped there now: it is memory that the device may write. */
static void *device_thread(void *arg)
{
	struct worker *worker = arg;
	struct storm *storm = worker->storm;
	struct slot *slot;
	uint64_t dma;

	while (!is_over(storm)) {
		slot = &storm->slot[below(worker, SLOTS)];
		dma = __atomic_load_n(&slot->dma, __ATOMIC_RELAXED);
		if (!dma ||
		    edu_start(storm->lab->edu, EDU_WRITE, dma, DMA_LENGTH))
			continue;
		edu_wait(storm->lab->edu, EDU_TIMEOUT_MS);
		storm->transfers++;
	}
	return NULL;
}

/* The other process: takes memory, fills it, waits, looks, gives it back. */

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

struct other {
	bool *over;
	pid_t pid;
};

static struct other other_begin(void)
{
	struct other other;

	other.over = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(other.over, MAP_FAILED);
	other.pid = child_start(other_main, other.over);
	return other;
}

/* Its memory was its own all the time. */
static void other_end(struct other *other)
{
	*other->over = true;
	assert_int_equal(child_end(other->pid), 0);
	munmap(other->over, PAGE);
}

/* The storm */

static void storm_begin(struct storm *storm, struct lab *lab)
{
	memset(storm, 0, sizeof(*storm));
	storm->lab = lab;
	keep_still();
	storm->fd = p2pmap_context_fd(lab->ctx);
	storm->importer = p2pmap_importer_id(lab->importer);
	/* Apart from each other, so that one munmap() hits one. */
	for (int i = 0; i < SLOTS; i++)
		storm->slot[i].range = ram(SLOT);
	dev_load(lab, SEED_DEVICE, DMA_LENGTH);
}

static void storm_end(struct storm *storm)
{
	if (storm->error)
		lab_note(storm->lab, "%s: %s", storm->what,
			 strerror(storm->error));
	assert_int_equal(storm->error, 0);
	for (int i = 0; i < SLOTS; i++)
		munmap(storm->slot[i].range, SLOT);
}

static void start(struct worker *worker, struct storm *storm,
		  void *(*function)(void *))
{
	worker->storm = storm;
	worker->random = random_next(random_state());
	assert_int_equal(
		pthread_create(&worker->thread, NULL, function, worker), 0);
}

static void stop(struct storm *storm, struct worker *workers,
		 unsigned int count)
{
	__atomic_store_n(&storm->over, true, __ATOMIC_RELEASE);
	while (count--)
		pthread_join(workers[count].thread, NULL);
}

static void all_at_once_writes_to_no_other_process(void **state)
{
	struct worker worker[7];
	struct storm storm;
	struct other other;

	random_begin(*state);
	storm_begin(&storm, *state);
	other = other_begin();
	start(&worker[0], &storm, call_thread);
	start(&worker[1], &storm, call_thread);
	start(&worker[2], &storm, call_thread);
	start(&worker[3], &storm, memory_thread);
	start(&worker[4], &storm, memory_thread);
	start(&worker[5], &storm, event_thread);
	start(&worker[6], &storm, device_thread);
	sleep_ms(scaled(STORM_MS));
	stop(&storm, worker, 7);
	other_end(&other);
	lab_note(storm.lab, "%lu calls, %lu events, %lu transfers", storm.calls,
		 storm.events, storm.transfers);
	assert_true(storm.calls > 1000);
	assert_true(storm.events > 50);
	assert_true(storm.transfers > 10);
	storm_end(&storm);
}

/* The driver goes and comes; contexts are opened anew all the time. */
static void unbinding_races_with_everything(void **state)
{
	struct lab *lab = *state;
	uint64_t end = now_ms() + scaled(STORM_MS);
	unsigned long rounds = 0, calls = 0;
	struct worker worker[4];
	struct storm storm;
	struct other other = other_begin();

	random_begin(lab);
	for (; now_ms() < end; rounds++) {
		storm_begin(&storm, lab);
		start(&worker[0], &storm, call_thread);
		start(&worker[1], &storm, call_thread);
		start(&worker[2], &storm, memory_thread);
		start(&worker[3], &storm, event_thread);
		sleep_ms(random_below(60));
		assert_int_equal(bind_driver("none", lab->edu_address), 0);
		sleep_ms(random_below(20));
		if (rounds & 1)
			stop(&storm, worker, 4);
		assert_int_equal(
			bind_driver("uio_pci_generic", lab->edu_address), 0);
		if (!(rounds & 1))
			stop(&storm, worker, 4);
		calls += storm.calls;
		storm_end(&storm);
		lab_reopen(lab);
	}
	other_end(&other);
	lab_note(lab, "%lu rounds, %lu calls", rounds, calls);
	assert_true(rounds > 3);
}

/* Close, while memory goes and others are in calls of a duplicate. */
static void close_races_with_invalidations(void **state)
{
	struct lab *lab = *state;
	uint64_t end = now_ms() + scaled(STORM_MS);
	unsigned long rounds = 0;
	struct worker worker[3];
	struct storm storm;
	struct other other = other_begin();

	random_begin(lab);
	for (; now_ms() < end; rounds++) {
		storm_begin(&storm, lab);
		storm.fd = dup(storm.fd);
		start(&worker[0], &storm, call_thread);
		start(&worker[1], &storm, memory_thread);
		sleep_ms(random_below(20));
		lab_close(lab);
		__atomic_store_n(&storm.over, true, __ATOMIC_RELEASE);
		pthread_join(worker[0].thread, NULL);
		/* The last descriptor goes while memory still does. */
		storm.over = false;
		close(storm.fd);
		stop(&storm, worker + 1, 1);
		lab_reopen(lab);
		storm.lab = lab;
		for (int i = 0; i < SLOTS; i++)
			munmap(storm.slot[i].range, SLOT);
		assert_int_equal(storm.error, 0);
	}
	other_end(&other);
	lab_note(lab, "%lu rounds", rounds);
	assert_true(rounds > 5);
}

/* Processes with everything under way are killed. */
static int doomed_main(void *arg)
{
	struct lab *lab = arg;
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_importer *importer;
	struct p2pmap_context *ctx;
	struct worker worker[4];
	static struct storm storm;

	CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
	CHILD_CHECK(!attach(ctx, lab->edu_address, 64, &reason, &importer));
	storm.lab = lab;
	storm.fd = p2pmap_context_fd(ctx);
	storm.importer = p2pmap_importer_id(importer);
	for (int i = 0; i < SLOTS; i++)
		storm.slot[i].range = mmap(NULL, SLOT, RW,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 4; i++) {
		worker[i].storm = &storm;
		worker[i].random = random_next(random_state()) + getpid();
		pthread_create(&worker[i].thread, NULL,
			       i < 2  ? call_thread :
			       i == 2 ? memory_thread :
					device_thread,
			       &worker[i]);
	}
	for (;;)
		pause();
}

static void killed_at_any_moment_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	uint64_t end = now_ms() + scaled(STORM_MS);
	struct other other = other_begin();
	unsigned long rounds = 0;
	pid_t pid;

	random_begin(lab);
	dev_load(lab, SEED_DEVICE, DMA_LENGTH);
	for (; now_ms() < end; rounds++) {
		pid = child_start(doomed_main, lab);
		usleep(random_below(120000));
		kill(pid, SIGKILL);
		assert_int_equal(child_end(pid), CHILD_SIGNALLED + SIGKILL);
	}
	other_end(&other);
	lab_note(lab, "%lu rounds", rounds);
	assert_true(rounds > 5);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(all_at_once_writes_to_no_other_process),
	LAB_TEST(unbinding_races_with_everything),
	LAB_TEST(close_races_with_invalidations),
	LAB_TEST(killed_at_any_moment_leaves_nothing),
};

LAB_MAIN(LAB_TRANSLATED, tests)
