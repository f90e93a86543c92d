// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads of a storm, for the tests of races: each does one sort of thing
 * at random until the storm is over, and sees to it that the answers are allowed.
 * storm.h says what each function is for.
 *
 * Calls are raw ioctls, because handles of the library have one owner.
 */
#define _GNU_SOURCE
#include "storm.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "nl.h"
#include "witness.h"

#define DMA_LENGTH 64

static uint64_t below(struct storm_worker *worker, uint64_t end)
{
	return random_next(&worker->random) % end;
}

static struct storm_slot *any_slot(struct storm_worker *worker)
{
	return &worker->storm->slot[below(worker, STORM_SLOTS)];
}

/* Nothing, a moment, or a little longer. */
static void pause_randomly(struct storm_worker *worker)
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

/* Calls */

static void fault(struct storm *storm, const char *what, int error)
{
	storm->error = error;
	storm->what = what;
}

/* @also: an errno that this call may give, besides those that any may. */
static int call(struct storm *storm, const char *what, unsigned long number,
		void *cmd, int also)
{
	const int allowed[] = { 0,	ENOENT, EFAULT, EAGAIN, EOPNOTSUPP,
				ENODEV, ENOMEM, EINTR,	also };
	int error = ioctl(storm->fd, number, cmd) ? errno : 0;

	storm_did(1);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (error == allowed[i])
			return error;
	fault(storm, what, error);
	return error;
}

static void call_map(struct storm_worker *worker, struct storm_slot *slot)
{
	const uint32_t flags[] = { WRITE, WRITE | PIN, WRITE | P2PMAP_MAP_SINK,
				   WRITE | P2PMAP_MAP_RESTORE,
				   WRITE | P2PMAP_MAP_SINK |
					   P2PMAP_MAP_RESTORE };
	unsigned int first = below(worker, STORM_SLOT_PAGES / 2);
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct storm *storm = worker->storm;
	struct p2pmap_extent extent;
	struct p2pmap_map map = {
		.size = sizeof(map),
		.flags = flags[below(worker, 5)],
		.importer = storm->importer,
		.max_extents = 1,
		.addr = (uintptr_t)slot->range + first * PAGE,
		.length = (1 + below(worker, STORM_SLOT_PAGES - first)) * PAGE,
		.extents = (uintptr_t)&extent,
		.reason = (uintptr_t)&reason,
	};

	if (call(storm, "map", P2PMAP_IOC_MAP, &map, 0)) {
		if (storm->error && !storm->reason.code)
			storm->reason = reason;
		return;
	}
	__atomic_store_n(&slot->dma, extent.dma_addr, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->id, map.out_id, __ATOMIC_RELAXED);
}

static uint32_t id_of(const struct storm_slot *slot)
{
	return __atomic_load_n(&slot->id, __ATOMIC_RELAXED);
}

/* Ids are given out in order: a guess may be right before it is told. */
static uint32_t guess_id(struct storm_worker *worker)
{
	return worker->storm->guess + below(worker, STORM_SLOTS + 8);
}

static void call_unmap(struct storm_worker *worker, uint32_t id)
{
	struct p2pmap_unmap unmap = { .size = sizeof(unmap), .id = id };

	call(worker->storm, "unmap", P2PMAP_IOC_UNMAP, &unmap, 0);
}

static void call_remap(struct storm_worker *worker, uint32_t id)
{
	struct p2pmap_remap remap = { .size = sizeof(remap), .id = id };

	call(worker->storm, "remap", P2PMAP_IOC_REMAP, &remap, 0);
}

static void call_status(struct storm_worker *worker, uint32_t id)
{
	struct p2pmap_status status = { .size = sizeof(status), .id = id };
	struct storm *storm = worker->storm;

	if (!call(storm, "status", P2PMAP_IOC_STATUS, &status, 0) &&
	    status.out_live_bytes + status.out_sink_bytes > STORM_SLOT)
		fault(storm, "status", ERANGE);
}

static void call_extents(struct storm_worker *worker, uint32_t id)
{
	struct p2pmap_extent extent[2];
	struct p2pmap_extents extents = {
		.size = sizeof(extents),
		.id = id,
		.max_extents = 2,
		.extents = (uintptr_t)extent,
	};

	call(worker->storm, "extents", P2PMAP_IOC_EXTENTS, &extents, 0);
}

static void call_query(struct storm_worker *worker, struct storm_slot *slot)
{
	struct p2pmap_query query = {
		.size = sizeof(query),
		.flags = WRITE,
		.importer = worker->storm->importer,
		.addr = (uintptr_t)slot->range,
		.length = STORM_SLOT,
	};

	call(worker->storm, "query", P2PMAP_IOC_QUERY, &query, 0);
}

/* A second importer, the same device; EBUSY if somebody was at it. */
static void call_attach(struct storm_worker *worker)
{
	struct storm *storm = worker->storm;
	struct p2pmap_attach attach = {
		.size = sizeof(attach),
		.pci = storm->lab->edu_pci,
		.dma_bits = 64,
	};
	struct p2pmap_detach detach = { .size = sizeof(detach) };

	if (call(storm, "attach", P2PMAP_IOC_ATTACH, &attach, 0))
		return;
	detach.id = attach.out_id;
	pause_randomly(worker);
	call(storm, "detach", P2PMAP_IOC_DETACH, &detach, EBUSY);
}

/* So many of sixteen; unmap with map, so that mappings do not pile up. */
static void call_something(struct storm_worker *worker)
{
	struct storm_slot *slot = any_slot(worker);
	uint64_t choice = below(worker, 16);

	if (choice < 6)
		call_unmap(worker, id_of(slot));
	if (choice < 5)
		call_map(worker, slot);
	else if (choice < 7)
		call_unmap(worker, guess_id(worker));
	else if (choice < 10)
		call_remap(worker, id_of(slot));
	else if (choice < 11)
		call_remap(worker, guess_id(worker));
	else if (choice < 13)
		call_status(worker, guess_id(worker));
	else if (choice < 14)
		call_extents(worker, id_of(slot));
	else if (choice < 15)
		call_query(worker, slot);
	else
		call_attach(worker);
}

void *storm_calls(void *arg)
{
	struct storm_worker *worker = arg;

	while (!storm_is_over(worker->storm)) {
		call_something(worker);
		pause_randomly(worker);
	}
	return NULL;
}

/* What it maps others end, by a guess. */
void *storm_maps(void *arg)
{
	struct storm_worker *worker = arg;

	while (!storm_is_over(worker->storm))
		call_map(worker, any_slot(worker));
	return NULL;
}

/*
 * The next ids, again and again, before they are told to anybody; and now and
 * then those that all were too slow for.
 */
void *storm_guesses(void *arg)
{
	struct storm_worker *worker = arg;
	uint32_t id;

	while (!storm_is_over(worker->storm)) {
		id = worker->storm->guess +
		     below(worker, below(worker, 8) ? 4 : 256);
		switch (below(worker, 8)) {
		case 0:
			call_status(worker, id);
			break;
		case 1:
			call_extents(worker, id);
			break;
		case 2:
			call_remap(worker, id);
			break;
		default:
			call_unmap(worker, id);
		}
	}
	return NULL;
}

/* Memory */

/* To the same place in another slot of the kind; what was there is gone. */
static void move(struct storm_worker *worker, struct storm_slot *slot,
		 unsigned int first, unsigned int count)
{
	struct storm_slot *to = any_slot(worker);

	if (to->kind != slot->kind || to == slot)
		return;
	mremap(slot->range + first * PAGE, count * PAGE, count * PAGE,
	       MREMAP_MAYMOVE | MREMAP_FIXED, to->range + first * PAGE);
	pause_randomly(worker);
	storm_fill(worker->storm, slot, first, count, false);
}

static void advise(struct storm_worker *worker, void *at, size_t length)
{
	const int advice[] = { MADV_DONTNEED,  MADV_DONTNEED,	MADV_FREE,
			       MADV_COLD,      MADV_PAGEOUT,	MADV_WILLNEED,
			       MADV_MERGEABLE, MADV_UNMERGEABLE };

	madvise(at, length, advice[below(worker, 8)]);
}

static void change_memory(struct storm_worker *worker)
{
	struct storm_slot *slot = any_slot(worker);
	unsigned int first = below(worker, STORM_SLOT_PAGES);
	unsigned int count = 1 + below(worker, STORM_SLOT_PAGES - first);
	unsigned char *at = slot->range + first * PAGE;

	switch (below(worker, 8)) {
	case 0:
		munmap(at, count * PAGE);
		pause_randomly(worker);
		/* fall through */
	case 1:
		storm_fill(worker->storm, slot, first, count, false);
		break;
	case 2:
		storm_fill(worker->storm, slot, first, count,
			   slot->kind != STORM_PRIVATE);
		break;
	case 3:
		mprotect(at, count * PAGE, PROT_READ);
		pause_randomly(worker);
		mprotect(at, count * PAGE, RW);
		break;
	case 4:
		move(worker, slot, first, count);
		break;
	default:
		advise(worker, at, count * PAGE);
	}
	storm_did(1);
}

void *storm_memory(void *arg)
{
	struct storm_worker *worker = arg;

	while (!storm_is_over(worker->storm)) {
		change_memory(worker);
		pause_randomly(worker);
	}
	return NULL;
}

void *storm_kernel(void *arg)
{
	struct storm_worker *worker = arg;
	void *page[STORM_SLOT_PAGES];
	int node[STORM_SLOT_PAGES], status[STORM_SLOT_PAGES], to;

	while (!storm_is_over(worker->storm)) {
		struct storm_slot *slot = any_slot(worker);

		to = below(worker, 2);
		for (int i = 0; i < STORM_SLOT_PAGES; i++) {
			page[i] = slot->range + i * PAGE;
			node[i] = to;
		}
		syscall(SYS_move_pages, 0, (long)STORM_SLOT_PAGES, page, node,
			status, 2);
		storm_did(1);
		if (!below(worker, 16))
			file_write("/proc/sys/vm/compact_memory", "1");
		pause_randomly(worker);
	}
	return NULL;
}

/* Children */

/* The first words of each page; what is not there is 0. */
static void look_at_private(const struct storm *storm, uint64_t *words)
{
	struct iovec remote, local;
	int n = 0;

	for (int i = 0; i < STORM_FIRST_SHARED * STORM_SLOT_PAGES; i++) {
		local = (struct iovec){ &words[n++], sizeof(*words) };
		remote = (struct iovec){
			storm->slot[i / STORM_SLOT_PAGES].range +
				i % STORM_SLOT_PAGES * PAGE,
			sizeof(*words),
		};
		if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0)
			*(uint64_t *)local.iov_base = 0;
	}
}

/* The device of the parent's writes to none of it. */
static bool memory_stands_still(const struct storm *storm)
{
	uint64_t before[STORM_FIRST_SHARED * STORM_SLOT_PAGES];
	uint64_t after[STORM_FIRST_SHARED * STORM_SLOT_PAGES];

	look_at_private(storm, before);
	sleep_ms(120);
	look_at_private(storm, after);
	return !memcmp(before, after, sizeof(before));
}

/* Not its context: it may end mappings, and nothing else. */
static bool context_is_foreign(struct storm_worker *worker)
{
	struct p2pmap_unmap unmap = { .size = sizeof(unmap),
				      .id = guess_id(worker) };
	struct p2pmap_remap remap = { .size = sizeof(remap),
				      .id = guess_id(worker) };
	int fd = worker->storm->fd;

	if (!ioctl(fd, P2PMAP_IOC_REMAP, &remap) || errno != EPERM)
		return false;
	return !ioctl(fd, P2PMAP_IOC_UNMAP, &unmap) || errno == ENOENT;
}

static int child_main(void *arg)
{
	struct storm_worker *worker = arg;
	struct storm *storm = worker->storm;
	uint64_t choice = below(worker, 4);

	CHILD_CHECK(context_is_foreign(worker));
	if (choice == 0)
		return !memory_stands_still(storm);
	for (int i = 0; i < STORM_SLOTS; i++)
		madvise(storm->slot[i].range, STORM_SLOT, MADV_DONTNEED);
	if (choice == 1)
		execlp("true", "true", NULL);
	if (choice == 2)
		raise(SIGKILL);
	return 0;
}

void *storm_forks(void *arg)
{
	struct storm_worker *worker = arg;
	int status;

	while (!storm_is_over(worker->storm)) {
		below(worker, 2);
		status = child_end(child_start(child_main, worker));
		if (status && status != CHILD_SIGNALLED + SIGKILL)
			fault(worker->storm, "child", EPROTO);
		storm_did(1);
		pause_randomly(worker);
	}
	return NULL;
}

/* Events, the device, those who look on */

void *storm_events(void *arg)
{
	struct storm_worker *worker = arg;
	struct storm *storm = worker->storm;
	struct p2pmap_event event[16];
	ssize_t got;

	while (!storm_is_over(storm)) {
		if (!readable(storm->fd, 20))
			continue;
		got = read(storm->fd, event, sizeof(event));
		for (ssize_t i = 0; i < got / (ssize_t)sizeof(event[0]); i++)
			if (!event[i].reasons || event[i].length > STORM_SLOT)
				fault(storm, "event", EPROTO);
		if (got > 0)
			storm->events += got / sizeof(event[0]);
		storm_did(1);
	}
	return NULL;
}

void *storm_device(void *arg)
{
	struct storm_worker *worker = arg;
	struct storm *storm = worker->storm;
	uint64_t dma;

	while (!storm_is_over(storm)) {
		dma = __atomic_load_n(&any_slot(worker)->dma, __ATOMIC_RELAXED);
		if (!dma) {
			sched_yield();
			continue;
		}
		if (edu_start(storm->lab->edu, EDU_WRITE, dma, DMA_LENGTH))
			continue;
		edu_wait(storm->lab->edu, EDU_TIMEOUT_MS);
		storm->transfers++;
		storm_did(1);
	}
	return NULL;
}

static void ignore(const struct nl_message *message, void *arg)
{
	(void)message;
	(void)arg;
}

/* The family goes and comes with the module. */
void *storm_onlooker(void *arg)
{
	const uint8_t dumps[] = { P2PMAP_NL_CMD_CONTEXT_GET,
				  P2PMAP_NL_CMD_IMPORTER_GET,
				  P2PMAP_NL_CMD_MAPPING_GET };
	struct storm_worker *worker = arg;
	struct nl nl;

	while (!storm_is_over(worker->storm)) {
		if (nl_open(&nl)) {
			usleep(1000);
			continue;
		}
		for (int i = 0; i < 8 && !storm_is_over(worker->storm); i++) {
			nl_dump(&nl, dumps[below(worker, 3)], ignore, NULL);
			storm_did(1);
			pause_randomly(worker);
		}
		nl_close(&nl);
	}
	return NULL;
}
