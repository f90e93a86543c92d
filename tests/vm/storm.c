// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storms: the threads that do everything at once, and the oracles, for the
 * tests of races.  storm.h says what each function is for.
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

#define FIRST_SHARED 10
#define FIRST_DEVICE 16

/* In ivshmem's BAR: the slots' memory, and what nobody maps. */
#define BAR_OFFSET (8 * MIB)
#define GUARD_OFFSET (32 * MIB)
#define GUARD_LENGTH (16 * PAGE)
#define SEED_GUARD 0x9a4dU

#define SEED_DEVICE 0x00de71ceU
#define WORD_OTHER 0x0bad5eedcafef00dULL
#define DMA_LENGTH 64

#define DELAY_PARAMETER "/sys/module/p2pmap/parameters/delay_"

static unsigned long *operations;

/* The beginning and the end */

unsigned int storm_ms(void)
{
	const char *seconds = getenv("P2PMAP_RACE_SECONDS");

	if (seconds && *seconds)
		return strtod(seconds, NULL) * 1000;
	return scaled(2000);
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
	return i < FIRST_SHARED ? STORM_PRIVATE :
	       i < FIRST_DEVICE ? STORM_SHARED :
				  STORM_DEVICE;
}

/* Have memory there; a device that is gone leaves a hole. */
static void slot_fill(struct storm *storm, struct storm_slot *slot,
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
		slot_fill(storm, slot, 0, STORM_SLOT_PAGES, false);
	}
	return 0;
}

void storm_device_memory(struct storm *storm, int fd, uint64_t offset)
{
	storm->device_fd = fd;
	for (int i = FIRST_DEVICE; i < STORM_SLOTS; i++) {
		storm->slot[i].offset = offset + i * STORM_SLOT;
		slot_fill(storm, &storm->slot[i], 0, STORM_SLOT_PAGES, true);
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

static bool is_over(struct storm *storm)
{
	return __atomic_load_n(&storm->over, __ATOMIC_ACQUIRE);
}

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

	while (!is_over(worker->storm)) {
		call_something(worker);
		pause_randomly(worker);
	}
	return NULL;
}

/* What it maps others end, by a guess. */
void *storm_maps(void *arg)
{
	struct storm_worker *worker = arg;

	while (!is_over(worker->storm))
		call_map(worker, any_slot(worker));
	return NULL;
}

/* The next ids, again and again, before they are told to anybody. */
void *storm_guesses(void *arg)
{
	struct storm_worker *worker = arg;
	uint32_t id;

	while (!is_over(worker->storm)) {
		id = worker->storm->guess + below(worker, 4);
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
	slot_fill(worker->storm, slot, first, count, false);
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
		slot_fill(worker->storm, slot, first, count, false);
		break;
	case 2:
		slot_fill(worker->storm, slot, first, count,
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

	while (!is_over(worker->storm)) {
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

	while (!is_over(worker->storm)) {
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

	for (int i = 0; i < FIRST_SHARED * STORM_SLOT_PAGES; i++) {
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
	uint64_t before[FIRST_SHARED * STORM_SLOT_PAGES];
	uint64_t after[FIRST_SHARED * STORM_SLOT_PAGES];

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

	while (!is_over(worker->storm)) {
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

	while (!is_over(storm)) {
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

	while (!is_over(storm)) {
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

	while (!is_over(worker->storm)) {
		if (nl_open(&nl)) {
			usleep(1000);
			continue;
		}
		for (int i = 0; i < 8 && !is_over(worker->storm); i++) {
			nl_dump(&nl, dumps[below(worker, 3)], ignore, NULL);
			storm_did(1);
			pause_randomly(worker);
		}
		nl_close(&nl);
	}
	return NULL;
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
