// SPDX-License-Identifier: GPL-2.0-only
/*
 * Remap: revoked memory comes back under the DMA address it had; by a call, by
 * itself where a wide cut took more than was meant, or by itself altogether
 * with P2PMAP_MAP_RESTORE.  And the sink, under what does not come back.
 *
 * iommu: on
 * lab: --icount --qemu '-object memory-backend-ram,id=n0,size=512M -object memory-backend-ram,id=n1,size=512M -numa node,memdev=n0,cpus=0 -numa node,memdev=n1'
 *
 * What is refused for each way for memory to go is in test-revoke.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "witness.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define RESTORE P2PMAP_MAP_RESTORE
#define SINK P2PMAP_MAP_SINK

#define PAGES 8
#define RANGE (PAGES * PAGE)
#define BAR_OFFSET (32 * MIB)

/* The worker leaves a mapping alone for so long after it restored it. */
#define RESTORE_INTERVAL_MS 100

struct piece {
	struct lab *lab;
	unsigned char *range;
	size_t length;
	struct p2pmap_mapping *mapping;
};

static struct piece piece_at(struct lab *lab, void *range, size_t length,
			     uint32_t flags)
{
	struct piece piece = { .lab = lab, .range = range, .length = length };

	keep_still();
	assert_non_null(range);
	for (size_t i = 0; i < length; i += PAGE)
		fill(piece.range + i, PROBE, i / PAGE);
	piece.mapping = map(lab, range, length, flags);
	return piece;
}

static struct piece piece_of(struct lab *lab, uint32_t flags)
{
	return piece_at(lab, ram(RANGE), RANGE, flags);
}

static void piece_end(struct piece *piece)
{
	unmap(piece->mapping);
	munmap(piece->range, piece->length);
}

static uint64_t dma_of(const struct piece *piece, unsigned int page)
{
	return mapping_dma(piece->mapping, page * PAGE);
}

static void drop_pages(const struct piece *piece, unsigned int page,
		       unsigned int count)
{
	assert_int_equal(madvise(piece->range + page * PAGE, count * PAGE,
				 MADV_DONTNEED),
			 0);
}

static bool is_live(const struct piece *piece)
{
	return mapping_status(piece->mapping).out_flags & P2PMAP_MAPPING_LIVE;
}

static uint64_t generation_of(const struct piece *piece)
{
	return mapping_status(piece->mapping).out_generation;
}

/* The device writes where the process has this page now. */
static void assert_works(const struct piece *piece, unsigned int page,
			 uint32_t seed)
{
	probe_write(piece->lab, dma_of(piece, page), seed);
	assert_filled(piece->range + page * PAGE, PROBE, seed);
}

static int remap_pages(const struct piece *piece, unsigned int page,
		       unsigned int count)
{
	return p2pmap_mapping_remap(piece->mapping, page * PAGE, count * PAGE,
				    NULL);
}

/* By the call */

static void whole_mapping_comes_back_at_its_address(void **state)
{
	struct piece piece = piece_of(*state, WRITE);
	uint64_t dma[PAGES], before = generation_of(&piece);

	for (unsigned int i = 0; i < PAGES; i++)
		dma[i] = dma_of(&piece, i);
	drop_pages(&piece, 0, PAGES);
	assert_int_equal(mapping_status(piece.mapping).out_live_bytes, 0);
	assert_int_equal(remap_pages(&piece, 0, 0), 0);
	assert_true(is_live(&piece));
	assert_true(generation_of(&piece) > before);
	for (unsigned int i = 0; i < PAGES; i++)
		assert_int_equal(dma_of(&piece, i), dma[i]);
	assert_works(&piece, 0, 100);
	assert_works(&piece, PAGES - 1, 101);
	piece_end(&piece);
}

static void part_comes_back_and_the_rest_stays_lost(void **state)
{
	struct piece piece = piece_of(*state, WRITE);
	uint64_t before;

	drop_pages(&piece, 2, 4);
	before = generation_of(&piece);
	assert_int_equal(remap_pages(&piece, 3, 1), 0);
	assert_int_equal(mapping_status(piece.mapping).out_live_bytes,
			 5 * PAGE);
	assert_works(&piece, 3, 100);
	probe_write(piece.lab, dma_of(&piece, 4), 101);
	assert_true(is_zero(piece.range + 4 * PAGE, PROBE));
	/* Not whole, so not good: the word stays even. */
	assert_false(is_live(&piece));
	assert_int_equal(generation_of(&piece) & 1, 0);
	assert_int_equal(remap_pages(&piece, 0, 0), 0);
	assert_int_equal(generation_of(&piece) & 1, 1);
	assert_true(generation_of(&piece) > before);
	assert_works(&piece, 4, 102);
	piece_end(&piece);
}

static void remap_of_what_is_live_changes_nothing(void **state)
{
	struct piece piece = piece_of(*state, WRITE);
	uint64_t before = generation_of(&piece);

	assert_int_equal(remap_pages(&piece, 0, 0), 0);
	assert_int_equal(remap_pages(&piece, 1, 2), 0);
	assert_int_equal(generation_of(&piece), before);
	assert_works(&piece, 1, 100);
	piece_end(&piece);
}

static void all_or_nothing_comes_back(void **state)
{
	struct piece piece = piece_of(*state, WRITE);

	munmap(piece.range + 6 * PAGE, PAGE);
	drop_pages(&piece, 1, 3);
	assert_true(comes_alive(piece.mapping, 4 * PAGE));
	assert_int_equal(remap_pages(&piece, 0, 0), -EFAULT);
	assert_int_equal(mapping_status(piece.mapping).out_live_bytes,
			 4 * PAGE);
	assert_int_equal(remap_pages(&piece, 0, 6), 0);
	assert_int_equal(mapping_status(piece.mapping).out_live_bytes,
			 7 * PAGE);
	assert_works(&piece, 2, 100);
	piece_end(&piece);
}

static void bad_ranges_are_refused(void **state)
{
	struct piece piece = piece_of(*state, WRITE);
	struct p2pmap_mapping *m = piece.mapping;

	assert_int_equal(p2pmap_mapping_remap(m, 1, 0, NULL), -EINVAL);
	assert_int_equal(p2pmap_mapping_remap(m, 0, 1, NULL), -EINVAL);
	assert_int_equal(p2pmap_mapping_remap(m, RANGE, 0, NULL), -EINVAL);
	assert_int_equal(p2pmap_mapping_remap(m, 0, RANGE + PAGE, NULL),
			 -EINVAL);
	assert_int_equal(p2pmap_mapping_remap(m, PAGE, -PAGE, NULL), -EINVAL);
	assert_int_equal(p2pmap_mapping_remap(m, -PAGE, 2 * PAGE, NULL),
			 -EINVAL);
	assert_true(is_live(&piece));
	piece_end(&piece);
}

static void pinned_mappings_are_not_remapped(void **state)
{
	struct piece piece = piece_of(*state, WRITE | PIN);

	assert_int_equal(remap_pages(&piece, 0, 0), -EOPNOTSUPP);
	drop_pages(&piece, 0, 1);
	assert_int_equal(remap_pages(&piece, 0, 0), -EOPNOTSUPP);
	piece_end(&piece);
}

static void huge_pages_come_back_whole(void **state)
{
	struct lab *lab = *state;
	void *range = ram_thp(HUGE);
	struct piece piece;

	if (!range)
		lab_skip(lab, "no huge page was to be had");
	piece = piece_at(lab, range, HUGE, WRITE);
	drop_pages(&piece, 0, HUGE / PAGE);
	assert_int_equal(mapping_status(piece.mapping).out_live_bytes, 0);
	assert_int_equal(remap_pages(&piece, 0, 0), 0);
	assert_works(&piece, 0, 100);
	assert_works(&piece, 300, 101);
	assert_works(&piece, 511, 102);
	/* And can be taken apart again. */
	drop_pages(&piece, 300, 1);
	probe_write(lab, dma_of(&piece, 300), 103);
	assert_true(is_zero(piece.range + 300 * PAGE, PROBE));
	assert_int_equal(remap_pages(&piece, 0, 0), 0);
	assert_works(&piece, 300, 104);
	assert_works(&piece, 299, 105);
	piece_end(&piece);
}

/* Small pages may come back as a huge one, and the other way round. */
static void many_rounds_of_pieces_leave_no_wrong_translation(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_at(lab, ram(64 * PAGE), 64 * PAGE, WRITE);
	unsigned int first, count;

	random_begin(lab);
	for (unsigned long i = 0; i < scaled(60); i++) {
		first = random_below(64);
		count = 1 + random_below(64 - first);
		drop_pages(&piece, first, count);
		if (random_below(2))
			drop_pages(&piece, random_below(64), 1);
		assert_int_equal(remap_pages(&piece, 0, 0), 0);
		assert_works(&piece, random_below(64), 1000 + i);
		assert_works(&piece, first, 2000 + i);
	}
	piece_end(&piece);
}

/* By itself: what was cut because its neighbour was */

static void a_wide_cut_of_a_bar_comes_back_by_itself(void **state)
{
	struct lab *lab = *state;
	struct piece piece =
		piece_at(lab, bar_at(lab, BAR_OFFSET, MIB), MIB, WRITE);
	unsigned char *view = bar_at(lab, BAR_OFFSET + 33 * PAGE, PAGE);
	struct p2pmap_event event;

	munmap(piece.range + 33 * PAGE, PAGE);
	assert_true(event_next(lab->ctx, 0, &event));
	assert_int_equal(event.offset, 33 * PAGE);
	assert_int_equal(event.length, PAGE);
	assert_true(event.cut_length > event.length);
	assert_true(comes_alive(piece.mapping, MIB - PAGE));
	assert_works(&piece, 32, 100);
	assert_works(&piece, 34, 101);
	probe_write(lab, dma_of(&piece, 33), 102);
	assert_filled(view, PROBE, 33);
	munmap(view, PAGE);
	piece_end(&piece);
}

static void a_bar_is_restored_from_the_same_bar_only(void **state)
{
	struct lab *lab = *state;
	struct piece piece =
		piece_at(lab, bar_at(lab, BAR_OFFSET, RANGE), RANGE, WRITE);

	bar_mmap(lab->ivshmem_address, 2, piece.range + PAGE, BAR_OFFSET + MIB,
		 PAGE, RW, MAP_SHARED);
	assert_int_equal(remap_pages(&piece, 0, 0), 0);
	/* Other memory of the same BAR will do: it is what is there now. */
	assert_works(&piece, 1, 100);
	bar_mmap(lab->nvme_address, 2, piece.range + 2 * PAGE, 0, PAGE, RW,
		 MAP_SHARED);
	assert_int_equal(remap_pages(&piece, 0, 0), -EFAULT);
	piece_end(&piece);
}

/* By itself: RESTORE */

/* The next event that says so; all before are revocations. */
static bool is_restored(struct lab *lab)
{
	struct p2pmap_event event;

	while (event_next(lab->ctx, PATIENCE_MS, &event))
		if (event.reasons & P2PMAP_EVENT_RESTORED)
			return true;
	return false;
}

static bool becomes_live(const struct piece *piece)
{
	return comes_alive(piece->mapping, piece->length) && is_live(piece);
}

static void restore_brings_dropped_pages_back_and_says_so(void **state)
{
	struct piece piece = piece_of(*state, WRITE | RESTORE);
	uint64_t before = generation_of(&piece);

	drop_pages(&piece, 2, 2);
	assert_true(is_restored(piece.lab));
	assert_true(becomes_live(&piece));
	assert_true(generation_of(&piece) > before);
	assert_works(&piece, 2, 100);
	assert_works(&piece, 3, 101);
	piece_end(&piece);
}

/* Of the huge page one page goes; the kernel says that all of it changes. */
static void restore_brings_back_what_a_split_took(void **state)
{
	struct lab *lab = *state;
	void *range = ram_thp(HUGE);
	struct piece piece;

	if (!range)
		lab_skip(lab, "no huge page was to be had");
	piece = piece_at(lab, range, HUGE, WRITE | RESTORE);
	munmap(piece.range + 77 * PAGE, PAGE);
	assert_true(comes_alive(piece.mapping, HUGE - PAGE));
	assert_works(&piece, 76, 100);
	assert_works(&piece, 78, 101);
	assert_works(&piece, 511, 102);
	piece_end(&piece);
}

static void the_gap_itself_is_reported(void **state)
{
	struct piece piece = piece_of(*state, WRITE | RESTORE);
	struct p2pmap_event event;

	drop_pages(&piece, 2, 1);
	assert_true(event_next(piece.lab->ctx, 0, &event));
	assert_true(event.reasons & P2PMAP_EVENT_CHANGED);
	assert_true(event_covers(&event, 2 * PAGE, PAGE));
	assert_true(event.cut_length >= PAGE);
	piece_end(&piece);
}

static void restore_survives_swap(void **state)
{
	struct lab *lab = *state;
	struct piece piece;

	if (COMMAND("sh", "-e", "-c",
		    "modprobe zram; echo 64M >/sys/block/zram0/disksize\n"
		    "mkswap /dev/zram0; swapon /dev/zram0"))
		lab_skip(lab, "no swap on zram");
	piece = piece_of(lab, WRITE | RESTORE);
	for (unsigned int round = 0; round < 5; round++) {
		assert_works(&piece, 3, 100 + round);
		sleep_ms(RESTORE_INTERVAL_MS);
		madvise(piece.range, RANGE, MADV_PAGEOUT);
		assert_true(becomes_live(&piece));
		assert_filled(piece.range + 3 * PAGE, PROBE, 100 + round);
		assert_true(probe_reads(lab, dma_of(&piece, 3), 100 + round));
	}
	piece_end(&piece);
	COMMAND("sh", "-c",
		"swapoff /dev/zram0; echo 1 >/sys/block/zram0/reset");
}

static long move_pages_to(const struct piece *piece, int node)
{
	int nodes[PAGES], status[PAGES];
	void *pages[PAGES];

	for (int i = 0; i < PAGES; i++) {
		pages[i] = piece->range + i * PAGE;
		nodes[i] = node;
	}
	return syscall(SYS_move_pages, 0, (unsigned long)PAGES, pages, nodes,
		       status, 2);
}

static bool has_two_nodes(void)
{
	return !access("/sys/devices/system/node/node1", F_OK);
}

static void restore_survives_migration(void **state)
{
	struct lab *lab = *state;
	struct piece piece;
	uint64_t frame;

	if (!has_two_nodes())
		lab_skip(lab, "one node only");
	piece = piece_of(lab, WRITE | RESTORE);
	for (unsigned int round = 0; round < 6; round++) {
		assert_works(&piece, 3, 100 + round);
		frame = frame_of(piece.range + 3 * PAGE);
		assert_int_equal(move_pages_to(&piece, !(round & 1)), 0);
		assert_true(round < 2 ||
			    frame_of(piece.range + 3 * PAGE) != frame);
		assert_true(becomes_live(&piece));
		assert_filled(piece.range + 3 * PAGE, PROBE, 100 + round);
		assert_works(&piece, 3, 200 + round);
	}
	piece_end(&piece);
}

static void restore_survives_ksm(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_of(lab, WRITE | RESTORE);
	unsigned char *twin = ram(PAGE);
	uint64_t end = now_ms() + PATIENCE_MS;

	memcpy(twin, piece.range + 3 * PAGE, PAGE);
	madvise(twin, PAGE, MADV_MERGEABLE);
	madvise(piece.range + 3 * PAGE, PAGE, MADV_MERGEABLE);
	events_discard(lab->ctx);
	file_write("/sys/kernel/mm/ksm/pages_to_scan", "10000");
	file_write("/sys/kernel/mm/ksm/sleep_millisecs", "10");
	if (file_write("/sys/kernel/mm/ksm/run", "1"))
		lab_skip(lab, "this kernel has no KSM");
	/* Merged, and soon unshared again by the worker: watch for events. */
	assert_true(readable(p2pmap_context_fd(lab->ctx), PATIENCE_MS));
	file_write("/sys/kernel/mm/ksm/run", "2");
	while (now_ms() < end && !is_live(&piece))
		sleep_ms(10);
	assert_true(is_live(&piece));
	assert_filled(piece.range + 3 * PAGE, PROBE, 3);
	assert_works(&piece, 3, 100);
	assert_filled(twin, PROBE, 3);
	munmap(twin, PAGE);
	piece_end(&piece);
}

static void restore_does_not_invent_memory(void **state)
{
	struct piece piece = piece_of(*state, WRITE | RESTORE);
	struct p2pmap_event event;

	munmap(piece.range + 2 * PAGE, PAGE);
	sleep_ms(5 * RESTORE_INTERVAL_MS);
	assert_int_equal(mapping_status(piece.mapping).out_live_bytes,
			 RANGE - PAGE);
	while (event_next(piece.lab->ctx, 0, &event))
		assert_false(event.reasons & P2PMAP_EVENT_RESTORED &&
			     event_covers(&event, 2 * PAGE, PAGE) &&
			     event.length == PAGE);
	piece_end(&piece);
}

#define TRACING "/sys/kernel/tracing/"
#define LOCK_EVENT TRACING "events/mmap_lock/mmap_lock_acquire_returned/enable"

/* How often a worker of the kernel took a lock of some process's memory. */
static unsigned int worker_locks(void)
{
	FILE *file = fopen(TRACING "trace", "re");
	char line[512];
	unsigned int n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, "kworker") && strstr(line, "mmap_lock");
	fclose(file);
	return n;
}

static void worker_locks_begin(struct lab *lab)
{
	int fd;

	if (access(TRACING "trace", F_OK))
		COMMAND("mount", "-t", "tracefs", "none",
			"/sys/kernel/tracing");
	if (access(LOCK_EVENT, F_OK))
		lab_skip(lab, "this kernel does not tell of locks");
	/* To open it for writing anew is to clear it. */
	fd = open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(file_write(LOCK_EVENT, "1"), 0);
}

#define MANY 4096

static int take_munmap(void *addr, size_t length)
{
	return munmap(addr, length);
}

static int take_write(void *addr, size_t length)
{
	return mprotect(addr, length, PROT_READ);
}

static int put_a_file_there(void *addr, size_t length)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *there =
		mmap(addr, length, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0);

	close(file);
	return there == addr ? 0 : -1;
}

/* Of a few thousand pages most go; how often the worker looks at them. */
static void check_tries(struct lab *lab, int (*take)(void *, size_t))
{
	struct piece piece =
		piece_at(lab, ram(MANY * PAGE), MANY * PAGE, WRITE | RESTORE);
	unsigned int tries;

	worker_locks_begin(lab);
	assert_int_equal(take(piece.range + 77 * PAGE, 1000 * PAGE), 0);
	assert_int_equal(take(piece.range + 1500 * PAGE, (MANY - 1500) * PAGE),
			 0);
	sleep_ms(10 * RESTORE_INTERVAL_MS);
	assert_int_equal(file_write(LOCK_EVENT, "0"), 0);
	tries = worker_locks();
	lab_note(lab, "the worker looked %u times", tries);
	/* Those that are there may have been cut with them, one by one. */
	assert_true(tries > 0 && tries < 2 * (1500 - 1000));
	assert_true(comes_alive(piece.mapping, (1500 - 1000) * PAGE));
	assert_works(&piece, 76, 100);
	assert_works(&piece, 1077, 101);
	piece_end(&piece);
}

static void restore_does_not_try_each_page_of_what_is_not_there(void **state)
{
	check_tries(*state, take_munmap);
	check_tries(*state, take_write);
	check_tries(*state, put_a_file_there);
}

static void restore_respects_protection(void **state)
{
	struct piece piece = piece_of(*state, WRITE | RESTORE);

	mprotect(piece.range + 2 * PAGE, PAGE, PROT_READ);
	sleep_ms(5 * RESTORE_INTERVAL_MS);
	assert_false(is_live(&piece));
	probe_write(piece.lab, dma_of(&piece, 2), 100);
	assert_filled(piece.range + 2 * PAGE, PROBE, 2);
	piece_end(&piece);
}

/**
 * struct watch - how often a mapping was restored
 * @live: bytes that were live when it was last looked at
 * @times: so often there were more than before
 * @begin: when it began
 */
struct watch {
	uint64_t live;
	unsigned int times;
	uint64_t begin;
};

/* Between two looks nothing but a restore makes more of it live. */
static void watch_look(struct watch *watch, const struct piece *piece)
{
	uint64_t live = mapping_status(piece->mapping).out_live_bytes;

	watch->times += live > watch->live;
	watch->live = live;
}

static void assert_rate(const struct watch *watch, const struct piece *piece)
{
	uint64_t ms = now_ms() - watch->begin;
	/* A slow kernel is seen in the middle of it, part by part. */
	unsigned int parts = scaled(10) < 10 ? 8 : 1;

	lab_note(piece->lab, "restored %u times in %llu ms", watch->times,
		 (unsigned long long)ms);
	assert_true(watch->times > 1);
	assert_true(watch->times <= parts * (ms / RESTORE_INTERVAL_MS + 2));
}

static void a_storm_of_invalidations_is_not_played_along(void **state)
{
	struct piece piece = piece_of(*state, WRITE | RESTORE);
	struct watch watch = { .live = RANGE, .begin = now_ms() };
	unsigned long n = 0;

	while (now_ms() < watch.begin + 2000) {
		drop_pages(&piece, random_below(PAGES), 1);
		watch_look(&watch, &piece);
		n++;
		sleep_ms(1);
	}
	lab_note(piece.lab, "%lu invalidations", n);
	assert_true(n > 500);
	assert_rate(&watch, &piece);
	assert_true(becomes_live(&piece));
	assert_works(&piece, 3, 100);
	piece_end(&piece);
}

static void numa_scan_often(void)
{
	const char *const names[] = { "scan_delay_ms", "scan_period_min_ms",
				      "scan_period_max_ms" };
	char path[128];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path),
			 "/sys/kernel/debug/sched/numa_balancing/%s", names[i]);
		file_write(path, "100");
	}
	numa_balancing(true);
}

/* A buffer on the other node, which the processor reads all the time. */
static unsigned int read_for(const struct piece *piece, unsigned int ms,
			     struct watch *watch)
{
	uint64_t end = now_ms() + ms;
	struct p2pmap_event event;
	unsigned int events = 0;

	while (now_ms() < end) {
		for (size_t i = 0; i < RANGE; i += 512)
			*(volatile unsigned char *)(piece->range + i);
		watch_look(watch, piece);
		events += event_next(piece->lab->ctx, 0, &event);
	}
	return events;
}

static void numa_balancing_costs_gaps_only(void **state)
{
	struct lab *lab = *state;
	struct watch watch = { .live = RANGE };
	unsigned int events = 0;
	struct piece piece;

	if (!has_two_nodes())
		lab_skip(lab, "one node only");
	piece = piece_of(lab, WRITE | RESTORE);
	numa_scan_often();
	watch.begin = now_ms();
	/* What came to this node would stay: carry it off again. */
	for (int round = 0; round < 15; round++) {
		move_pages_to(&piece, 1);
		events += read_for(&piece, 200, &watch);
	}
	keep_still();
	lab_note(lab, "%u events", events);
	assert_rate(&watch, &piece);
	assert_true(becomes_live(&piece));
	assert_works(&piece, 3, 100);
	piece_end(&piece);
}

/* The sink */

static void few_pages_have_the_sink_at_once_and_the_event_says_so(void **state)
{
	struct piece piece = piece_of(*state, WRITE | SINK);
	struct p2pmap_event event;

	drop_pages(&piece, 2, 2);
	assert_int_equal(mapping_status(piece.mapping).out_sink_bytes,
			 2 * PAGE);
	assert_true(event_next(piece.lab->ctx, 0, &event));
	assert_true(event.flags & P2PMAP_EVENT_SINK);
	piece_end(&piece);
}

static void without_the_flag_there_is_no_sink(void **state)
{
	struct piece piece = piece_of(*state, WRITE);
	struct p2pmap_event event;
	int log = log_open();

	drop_pages(&piece, 2, 2);
	sleep_ms(300);
	assert_int_equal(mapping_status(piece.mapping).out_sink_bytes, 0);
	assert_true(event_next(piece.lab->ctx, 0, &event));
	assert_false(event.flags & P2PMAP_EVENT_SINK);
	/* So the device faults, and the kernel's log has it. */
	probe_write(piece.lab, dma_of(&piece, 2), 100);
	assert_true(log_has_fault(log, dma_of(&piece, 2)));
	close(log);
	piece_end(&piece);
}

static void late_dma_hits_the_sink_and_nothing_else(void **state)
{
	struct piece piece = piece_of(*state, WRITE | SINK);
	struct piece other = piece_of(*state, WRITE | SINK);
	unsigned char *view = ram(PAGE);
	struct hold hold = NO_HOLD;
	int log = log_open();

	hold_take(&hold, piece.range + 2 * PAGE);
	drop_pages(&piece, 2, 1);
	drop_pages(&other, 5, 1);
	/* Zeros at first, then what this device wrote. */
	assert_true(probe_reads_zero(piece.lab, dma_of(&piece, 2)));
	probe_write(piece.lab, dma_of(&piece, 2), 100);
	assert_true(probe_reads(piece.lab, dma_of(&piece, 2), 100));
	assert_true(hold_has(&hold, 2));
	assert_true(is_zero(piece.range + 2 * PAGE, PROBE));
	assert_false(log_has(log, 100, "fault", "DMAR"));
	/* Another mapping has a sink of its own. */
	assert_true(probe_reads_zero(piece.lab, dma_of(&other, 5)));
	for (unsigned int i = 0; i < PAGES; i++) {
		if (i != 2)
			assert_filled(piece.range + i * PAGE, PROBE, i);
		if (i != 5)
			assert_filled(other.range + i * PAGE, PROBE, i);
	}
	close(log);
	hold_drop(&hold);
	munmap(view, PAGE);
	piece_end(&other);
	piece_end(&piece);
}

static void many_pages_have_the_sink_soon(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(2000 * PAGE);
	struct piece piece = piece_at(lab,
				      mmap_fd(fd, 2000 * PAGE, RW, MAP_SHARED),
				      2000 * PAGE, WRITE | SINK);
	unsigned char *view = mmap_fd(fd, 2000 * PAGE, RW, MAP_SHARED);

	munmap(piece.range, 2000 * PAGE);
	assert_true(sinks_reach(piece.mapping, 2000 * PAGE));
	probe_write(lab, dma_of(&piece, 0), 100);
	probe_write(lab, dma_of(&piece, 1999), 101);
	assert_true(probe_reads(lab, dma_of(&piece, 700), 101));
	for (unsigned int i = 0; i < 2000; i++)
		assert_filled(view + i * PAGE, PROBE, i);
	close(fd);
	munmap(view, 2000 * PAGE);
	unmap(piece.mapping);
}

static void remap_takes_the_sink_away(void **state)
{
	struct piece piece = piece_of(*state, WRITE | SINK);

	for (unsigned int round = 0; round < 5; round++) {
		drop_pages(&piece, 1, 5);
		assert_true(sinks_reach(piece.mapping, 5 * PAGE));
		probe_write(piece.lab, dma_of(&piece, 2), 100);
		assert_int_equal(remap_pages(&piece, 0, 0), 0);
		assert_true(sinks_reach(piece.mapping, 0));
		assert_true(is_live(&piece));
		assert_true(is_zero(piece.range + 2 * PAGE, PROBE));
		assert_works(&piece, 2, 200 + round);
		assert_works(&piece, 5, 300 + round);
	}
	piece_end(&piece);
}

static void a_bar_gets_the_sink_too(void **state)
{
	struct lab *lab = *state;
	struct piece piece =
		piece_at(lab, bar_at(lab, BAR_OFFSET, MIB), MIB, WRITE | SINK);
	unsigned char *view = bar_at(lab, BAR_OFFSET, MIB);

	munmap(piece.range, MIB);
	assert_true(sinks_reach(piece.mapping, MIB));
	probe_write(lab, dma_of(&piece, 200), 100);
	assert_true(probe_reads(lab, dma_of(&piece, 7), 100));
	for (unsigned int i = 0; i < MIB / PAGE; i++)
		assert_filled(view + i * PAGE, PROBE, i);
	munmap(view, MIB);
	unmap(piece.mapping);
}

static void a_sink_of_a_read_only_mapping_is_read_only(void **state)
{
	struct piece piece = piece_of(*state, SINK);

	drop_pages(&piece, 2, 1);
	assert_true(sinks_reach(piece.mapping, PAGE));
	probe_write(piece.lab, dma_of(&piece, 2), 100);
	assert_true(probe_reads_zero(piece.lab, dma_of(&piece, 2)));
	piece_end(&piece);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(whole_mapping_comes_back_at_its_address),
	LAB_TEST(part_comes_back_and_the_rest_stays_lost),
	LAB_TEST(remap_of_what_is_live_changes_nothing),
	LAB_TEST(all_or_nothing_comes_back),
	LAB_TEST(bad_ranges_are_refused),
	LAB_TEST(pinned_mappings_are_not_remapped),
	LAB_TEST(huge_pages_come_back_whole),
	LAB_TEST(many_rounds_of_pieces_leave_no_wrong_translation),
	LAB_TEST(a_wide_cut_of_a_bar_comes_back_by_itself),
	LAB_TEST(a_bar_is_restored_from_the_same_bar_only),
	LAB_TEST(restore_brings_dropped_pages_back_and_says_so),
	LAB_TEST(restore_brings_back_what_a_split_took),
	LAB_TEST(the_gap_itself_is_reported),
	LAB_TEST(restore_survives_swap),
	LAB_TEST(restore_survives_migration),
	LAB_TEST(restore_survives_ksm),
	LAB_TEST(restore_does_not_invent_memory),
	LAB_TEST(restore_does_not_try_each_page_of_what_is_not_there),
	LAB_TEST(restore_respects_protection),
	LAB_TEST(a_storm_of_invalidations_is_not_played_along),
	LAB_TEST(numa_balancing_costs_gaps_only),
	LAB_TEST(few_pages_have_the_sink_at_once_and_the_event_says_so),
	LAB_TEST(without_the_flag_there_is_no_sink),
	LAB_TEST(late_dma_hits_the_sink_and_nothing_else),
	LAB_TEST(many_pages_have_the_sink_soon),
	LAB_TEST(remap_takes_the_sink_away),
	LAB_TEST(a_bar_gets_the_sink_too),
	LAB_TEST(a_sink_of_a_read_only_mapping_is_read_only),
};

LAB_MAIN(LAB_TRANSLATED, tests)
