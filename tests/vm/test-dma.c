// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA: the bytes arrive where they should, and nowhere else.
 *
 * What an IOMMU forgets late is looked for with DMA in flight: edu moves its
 * bytes 100 ms after it was told to, so a mapping can be ended shortly before.
 * The instructions of the guest are its clock here, which makes the moments
 * exact and the waiting cost nothing.
 *
 * lab: --icount --qemu '-machine max-ram-below-4g=512M'
 * iommu: on amd
 */
#define _GNU_SOURCE
#include "witness.h"

#include <signal.h>
#include <time.h>

#define BYTES 3000
#define FLIGHT_MS 100
#define ROUNDS 60

/* What the CPU finds in the BAR, by an mmap that p2pmap never saw. */
static void check_bar(const struct lab *lab, uint64_t offset, size_t length,
		      uint32_t seed)
{
	unsigned char *view = bar_at(lab, offset, PAGE);

	assert_filled(view, length, seed);
	munmap(view, PAGE);
}

static void the_device_writes_a_bar(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 2 * MIB, 64 * KIB), bytes[BYTES];
	struct p2pmap_mapping *mapping = map(lab, range, 64 * KIB, WRITE);

	fill(bytes, BYTES, 11);
	dev_write(lab, mapping_dma(mapping, 8 * KIB), bytes, BYTES);
	check_bar(lab, 2 * MIB + 8 * KIB, BYTES, 11);
	unmap(mapping);
	munmap(range, 64 * KIB);
}

static void the_device_reads_a_bar(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 2 * MIB, 64 * KIB), bytes[BYTES];
	struct p2pmap_mapping *mapping = map(lab, range, 64 * KIB, 0);

	fill(range + 4 * KIB, BYTES, 12);
	dev_read(lab, mapping_dma(mapping, 4 * KIB), bytes, BYTES);
	assert_filled(bytes, BYTES, 12);
	unmap(mapping);
	munmap(range, 64 * KIB);
}

static void check_ram(struct lab *lab, unsigned char *page, uint32_t flags)
{
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE | flags);
	unsigned char bytes[BYTES];

	fill(bytes, BYTES, 13);
	dev_write(lab, mapping_dma(mapping, 0), bytes, BYTES);
	assert_filled(page, BYTES, 13);
	fill(page, BYTES, 14);
	dev_read(lab, mapping_dma(mapping, 0), bytes, BYTES);
	assert_filled(bytes, BYTES, 14);
	unmap(mapping);
}

static void the_device_reads_and_writes_ram(void **state)
{
	unsigned char *page = ram(PAGE);

	check_ram(*state, page, PIN);
	check_ram(*state, page, 0);
	munmap(page, PAGE);
}

static void the_device_reads_and_writes_ram_above_4_gib(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);

	page[0] = 1;
	if (frame_of(page) * PAGE < 4 * GIB)
		lab_skip(lab, "the kernel gives no memory above 4 GiB");
	check_ram(lab, page, PIN);
	check_ram(lab, page, 0);
	munmap(page, PAGE);
}

static void the_device_reaches_shared_and_huge_memory(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(PAGE);
	unsigned char *shared = mmap_fd(fd, PAGE, RW, MAP_SHARED);
	unsigned char *thp = ram_thp(HUGE), *tlb = ram_hugetlb(HUGE);

	check_ram(lab, shared, PIN);
	check_ram(lab, shared, 0);
	assert_non_null(thp);
	check_ram(lab, thp + HUGE - PAGE, PIN);
	check_ram(lab, thp + HUGE - PAGE, 0);
	assert_non_null(tlb);
	check_ram(lab, tlb + HUGE / 2, PIN);
	check_ram(lab, tlb + HUGE / 2, 0);
	munmap(shared, PAGE);
	munmap(thp, HUGE);
	munmap(tlb, HUGE);
	close(fd);
}

/* Other processes see through the same file what the device wrote. */
static void what_the_device_wrote_to_shared_memory_is_in_the_file(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(PAGE);
	unsigned char *page = mmap_fd(fd, PAGE, RW, MAP_SHARED), bytes[BYTES];
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE | PIN);

	fill(bytes, BYTES, 15);
	dev_write(lab, mapping_dma(mapping, 0), bytes, BYTES);
	memset(bytes, 0, BYTES);
	assert_int_equal(pread(fd, bytes, BYTES, 0), BYTES);
	assert_filled(bytes, BYTES, 15);
	unmap(mapping);
	munmap(page, PAGE);
	close(fd);
}

/* The zero page is everybody's. */
static void the_device_never_writes_the_zero_page(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE), *other = ram(PAGE);
	struct p2pmap_mapping *mapping;

	assert_int_equal(*(volatile unsigned char *)page, 0);
	assert_int_equal(*(volatile unsigned char *)other, 0);
	for (uint32_t flags = 0; flags <= PIN; flags += PIN) {
		mapping = map(lab, page, PAGE, WRITE | flags);
		dev_load(lab, 16, BYTES);
		assert_int_equal(
			edu_write(lab->edu, mapping_dma(mapping, 0), BYTES), 0);
		assert_filled(page, BYTES, 16);
		for (int i = 0; i < BYTES; i++)
			assert_int_equal(other[i], 0);
		unmap(mapping);
	}
	munmap(page, PAGE);
	munmap(other, PAGE);
}

/* The kernel logs ten faults in five seconds, and a write makes more. */
static void let_faults_be_logged(void)
{
	sleep_ms(6000);
}

static void check_no_write(struct lab *lab, unsigned char *page, uint32_t flags)
{
	struct p2pmap_mapping *mapping;
	unsigned char bytes[BYTES];
	int log = log_open();

	fill(page, BYTES, 21);
	mapping = map(lab, page, PAGE, flags);
	dev_load(lab, 22, BYTES);
	let_faults_be_logged();
	assert_int_equal(edu_write(lab->edu, mapping_dma(mapping, 0), BYTES),
			 0);
	assert_filled(page, BYTES, 21);
	/* QEMU reports none for what it has in its IOTLB, as after a read. */
	assert_true(log_has_fault(log, mapping_dma(mapping, 0)));
	/* The device can read it: the address is a good one. */
	dev_read(lab, mapping_dma(mapping, 0), bytes, BYTES);
	assert_filled(bytes, BYTES, 21);
	dev_load(lab, 22, BYTES);
	assert_int_equal(edu_write(lab->edu, mapping_dma(mapping, 0), BYTES),
			 0);
	assert_filled(page, BYTES, 21);
	unmap(mapping);
	close(log);
}

static void the_device_cannot_write_what_was_mapped_for_reading(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE), *bar = bar_at(lab, 7 * MIB, PAGE);

	check_no_write(lab, page, PIN);
	check_no_write(lab, page, 0);
	check_no_write(lab, bar, 0);
	munmap(page, PAGE);
	munmap(bar, PAGE);
}

/* Addresses come in powers of two: behind three pages there is nothing. */
static void the_device_cannot_reach_what_lies_beside_a_mapping(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(4 * PAGE);
	struct p2pmap_mapping *mapping;
	int log = log_open();

	memset(pages, 0x55, 4 * PAGE);
	mapping = map(lab, pages, 3 * PAGE, WRITE | PIN);
	dev_load(lab, 23, BYTES);
	let_faults_be_logged();
	/* Most of it lies behind the end. */
	assert_int_equal(edu_write(lab->edu, mapping_dma(mapping, 3 * PAGE - 8),
				   BYTES),
			 0);
	assert_true(log_has_fault(log, mapping_dma(mapping, 0) + 3 * PAGE));
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(pages[3 * PAGE + i], 0x55);
	unmap(mapping);
	munmap(pages, 4 * PAGE);
	close(log);
}

/* Anonymous memory, shared memory and anonymous memory again, in a row. */
static void the_device_reaches_all_of_a_range_of_several_vmas(void **state)
{
	enum { LENGTH = 288 * 1024, PART = LENGTH / 3 };
	struct lab *lab = *state;
	unsigned char *range = reserve(LENGTH), bytes[BYTES];
	struct p2pmap_mapping *mapping;
	int fd = memfd(PART);

	mmap(range, LENGTH, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	mmap(range + PART, PART, RW, MAP_SHARED | MAP_FIXED, fd, 0);
	for (uint32_t flags = 0; flags <= PIN; flags += PIN) {
		memset(range, 0, LENGTH);
		mapping = map(lab, range, LENGTH, WRITE | flags);
		for (size_t at = 0; at + BYTES <= LENGTH; at += 7001) {
			fill(bytes, BYTES, at + flags);
			dev_write(lab, mapping_dma(mapping, at), bytes, BYTES);
		}
		for (size_t at = 0; at + BYTES <= LENGTH; at += 7001)
			assert_filled(range + at, BYTES, at + flags);
		unmap(mapping);
	}
	munmap(range, LENGTH);
	close(fd);
}

static void extents_add_up_and_agree_with_the_address_at_an_offset(void **state)
{
	struct lab *lab = *state;
	size_t length = 3 * MIB + 5 * PAGE, count;
	unsigned char *range = ram(length);
	struct p2pmap_mapping *mapping = map(lab, range, length, WRITE | PIN);
	const struct p2pmap_extent *extents;
	uint64_t sum = 0, dma, more;

	extents = p2pmap_mapping_extents(mapping, &count);
	assert_true(count >= 1);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(extents[i].length % PAGE, 0);
		assert_int_equal(
			p2pmap_mapping_dma_addr(mapping, sum, &dma, &more), 0);
		assert_int_equal(dma, extents[i].dma_addr);
		assert_int_equal(more, extents[i].length);
		assert_int_equal(p2pmap_mapping_dma_addr(
					 mapping, sum + extents[i].length - 1,
					 &dma, &more),
				 0);
		assert_int_equal(dma,
				 extents[i].dma_addr + extents[i].length - 1);
		assert_int_equal(more, 1);
		sum += extents[i].length;
	}
	assert_int_equal(sum, length);
	assert_int_equal(p2pmap_mapping_dma_addr(mapping, length, &dma, NULL),
			 -EINVAL);
	unmap(mapping);
	munmap(range, length);
}

static void a_mapping_behind_an_iommu_is_one_extent(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(9 * MIB);
	struct p2pmap_mapping *mapping = map(lab, range, 9 * MIB, PIN);
	size_t count;

	p2pmap_mapping_extents(mapping, &count);
	assert_int_equal(count, 1);
	unmap(mapping);
	munmap(range, 9 * MIB);
}

static void two_mappings_of_one_range_have_addresses_of_their_own(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE), bytes[BYTES];
	struct p2pmap_mapping *one = map(lab, page, PAGE, WRITE | PIN);
	struct p2pmap_mapping *two = map(lab, page, PAGE, WRITE | PIN);

	assert_true(mapping_dma(one, 0) != mapping_dma(two, 0));
	unmap(one);
	fill(bytes, BYTES, 31);
	dev_write(lab, mapping_dma(two, 0), bytes, BYTES);
	assert_filled(page, BYTES, 31);
	unmap(two);
	munmap(page, PAGE);
}

/* DMA in flight when a mapping ends */

/**
 * struct flight - one write that arrives after the mapping has gone
 * @lab: the lab
 * @start: when the device was told to, in ns
 * @dma: where to
 */
struct flight {
	struct lab *lab;
	uint64_t start;
	uint64_t dma;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Warms the IOMMU's cache by a write that lands, then starts the late one. */
static void take_off(struct flight *flight, uint32_t seed)
{
	struct lab *lab = flight->lab;

	dev_load(lab, seed, BYTES);
	assert_int_equal(edu_write(lab->edu, flight->dma, BYTES), 0);
	dev_load(lab, seed + 1, BYTES);
	flight->start = now_ns();
	assert_int_equal(edu_start(lab->edu, EDU_WRITE, flight->dma, BYTES), 0);
}

/* Sleeps until so many ms are left; a round is void if it comes too late. */
static void wait_until_left(const struct flight *flight, unsigned int ms)
{
	uint64_t until = flight->start + (FLIGHT_MS - ms) * 1000000ULL;
	struct timespec at = { until / 1000000000, until % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL))
		;
}

/* True if the write was still on its way; waits for it to be over. */
static bool land(const struct flight *flight)
{
	bool late = edu_busy(flight->lab->edu);

	assert_int_equal(edu_wait(flight->lab->edu, EDU_TIMEOUT_MS), 0);
	return late;
}

static void need_lazy(struct lab *lab)
{
	char path[128], type[32] = "";

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%u/type",
		 p2pmap_importer_group(lab->importer));
	file_read(path, type, sizeof(type));
	type[strcspn(type, "\n")] = '\0';
	if (strcmp(type, "DMA-FQ"))
		lab_skip(lab, "the IOMMU is in mode \"%s\", not lazy", type);
}

/* How a mapping ends in a round. */
typedef void (*end_fn)(struct lab *lab, struct p2pmap_mapping *mapping);

static void end_by_unmap(struct lab *lab, struct p2pmap_mapping *mapping)
{
	(void)lab;
	unmap(mapping);
}

/* The stage has a context of its own there, so this one can be closed. */
static void end_by_close(struct lab *lab, struct p2pmap_mapping *mapping)
{
	(void)mapping;
	p2pmap_context_close(lab->ctx);
	lab->ctx = context_open();
	lab->importer = edu_attach(lab, lab->ctx);
}

/* Runs rounds on one page; @page is the CPU's own view of it. */
static void late_rounds(struct lab *lab, void *range, unsigned char *page,
			uint32_t flags, end_fn end)
{
	struct lab map_lab = *lab;
	struct flight flight = { .lab = lab };
	struct p2pmap_mapping *mapping;
	unsigned int late = 0;

	map_lab.ctx = context_open();
	map_lab.importer = edu_attach(lab, map_lab.ctx);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		memset(page, 0, BYTES);
		mapping = map(&map_lab, range, PAGE, flags);
		flight.dma = mapping_dma(mapping, 0);
		take_off(&flight, 1000 + 2 * i);
		/* It can reach the page: else nothing is proved. */
		assert_filled(page, BYTES, 1000 + 2 * i);
		wait_until_left(&flight, 1 + i % 20);
		end(&map_lab, mapping);
		memset(page, 0x77, BYTES);
		late += land(&flight);
		for (size_t k = 0; k < BYTES; k++)
			assert_int_equal(page[k], 0x77);
	}
	p2pmap_context_close(map_lab.ctx);
	lab_note(lab, "%u of %u writes were on their way", late, ROUNDS);
	assert_true(late >= ROUNDS * 3 / 4);
}

static void no_late_dma_after_unmap_of_pinned_ram(void **state)
{
	unsigned char *page = ram(PAGE);

	need_lazy(*state);
	late_rounds(*state, page, page, WRITE | PIN, end_by_unmap);
	munmap(page, PAGE);
}

static void no_late_dma_after_unmap_of_unpinned_ram(void **state)
{
	unsigned char *page = ram(PAGE);

	need_lazy(*state);
	late_rounds(*state, page, page, WRITE, end_by_unmap);
	munmap(page, PAGE);
}

static void no_late_dma_after_unmap_of_a_bar(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 9 * MIB, PAGE);
	unsigned char *view = bar_at(lab, 9 * MIB, PAGE);

	need_lazy(lab);
	late_rounds(lab, range, view, WRITE, end_by_unmap);
	munmap(range, PAGE);
	munmap(view, PAGE);
}

static void no_late_dma_after_close_of_pinned_ram(void **state)
{
	unsigned char *page = ram(PAGE);

	need_lazy(*state);
	late_rounds(*state, page, page, WRITE | PIN, end_by_close);
	munmap(page, PAGE);
}

static void no_late_dma_after_close_of_a_bar(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 9 * MIB, PAGE);
	unsigned char *view = bar_at(lab, 9 * MIB, PAGE);

	need_lazy(lab);
	late_rounds(lab, range, view, WRITE, end_by_close);
	munmap(range, PAGE);
	munmap(view, PAGE);
}

/* The page goes back to the kernel, and comes out for somebody else. */
static void
no_late_dma_in_a_page_that_was_freed_and_given_out_again(void **state)
{
	enum { PAGES = 256 };
	struct lab *lab = *state;
	struct flight flight = { .lab = lab };
	unsigned int reused = 0;

	need_lazy(lab);
	for (unsigned int i = 0; i < ROUNDS / 2; i++) {
		unsigned char *page = ram(PAGE), *others = ram(PAGES * PAGE);
		struct p2pmap_mapping *mapping;
		uint64_t frame;

		/* Pages that are faulted in by a pin are of another sort. */
		page[0] = 1;
		frame = frame_of(page);
		mapping = map(lab, page, PAGE, WRITE | PIN);
		assert_int_equal(frame_of(page), frame);
		flight.dma = mapping_dma(mapping, 0);
		take_off(&flight, 3000 + 2 * i);
		wait_until_left(&flight, 10 + i % 10);
		unmap(mapping);
		munmap(page, PAGE);
		memset(others, 0x33, PAGES * PAGE);
		land(&flight);
		for (size_t k = 0; k < PAGES; k++) {
			reused += frame_of(others + k * PAGE) == frame;
			for (size_t b = 0; b < BYTES; b++)
				assert_int_equal(others[k * PAGE + b], 0x33);
		}
		munmap(others, PAGES * PAGE);
	}
	lab_note(lab, "the page was given out again in %u of %u rounds", reused,
		 ROUNDS / 2);
	assert_true(reused > 0);
}

struct victim {
	struct lab *lab;
	int tell;
	void *range;
	uint32_t flags;
};

/* Maps in a context of its own, tells the address, and waits to be killed. */
static int victim(void *arg)
{
	struct victim *victim = arg;
	struct lab lab = *victim->lab;
	struct p2pmap_mapping *mapping;
	uint64_t dma;

	CHILD_CHECK(!p2pmap_context_open(NULL, &lab.ctx));
	CHILD_CHECK(!attach(lab.ctx, lab.edu_address, 64, NULL, &lab.importer));
	CHILD_CHECK(
		!try_map(&lab, victim->range, PAGE, victim->flags, &mapping));
	CHILD_CHECK(!p2pmap_mapping_dma_addr(mapping, 0, &dma, NULL));
	CHILD_CHECK(write(victim->tell, &dma, sizeof(dma)) == sizeof(dma));
	pause();
	return 0;
}

static void kill_rounds(struct lab *lab, uint32_t flags)
{
	int fd = memfd(PAGE), tell[2];
	unsigned char *page = mmap_fd(fd, PAGE, RW, MAP_SHARED);
	struct victim it = { .lab = lab, .range = page, .flags = flags };
	struct flight flight = { .lab = lab };
	unsigned int late = 0;

	for (unsigned int i = 0; i < ROUNDS / 2; i++) {
		pid_t pid;

		assert_int_equal(pipe(tell), 0);
		it.tell = tell[1];
		pid = child_start(victim, &it);
		/* Not ours: a child which fails is not waited for. */
		close(tell[1]);
		assert_int_equal(read(tell[0], &flight.dma, 8), 8);
		close(tell[0]);
		take_off(&flight, 5000 + 2 * i);
		assert_filled(page, BYTES, 5000 + 2 * i);
		wait_until_left(&flight, 2 + i % 20);
		kill(pid, SIGKILL);
		child_end(pid);
		memset(page, 0x44, BYTES);
		late += land(&flight);
		for (size_t k = 0; k < BYTES; k++)
			assert_int_equal(page[k], 0x44);
	}
	lab_note(lab, "%u of %u writes were on their way", late, ROUNDS / 2);
	/* A kernel that is slow to kill has fewer. */
	assert_true(scaled(10) < 10 || late >= ROUNDS / 4);
	munmap(page, PAGE);
	close(fd);
}

static void no_late_dma_after_the_owner_was_killed(void **state)
{
	need_lazy(*state);
	kill_rounds(*state, WRITE | PIN);
	kill_rounds(*state, WRITE);
}

/* What is only read so far has to be copied first, which announces itself. */
static void memory_that_was_only_read_is_mapped_for_writing(void **state)
{
	const size_t length = 48 * MIB;
	struct lab *lab = *state;
	unsigned char *range = ram(length);
	struct p2pmap_mapping *mapping;

	madvise(range, length, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < length; i += PAGE)
		assert_int_equal(((volatile unsigned char *)range)[i], 0);
	mapping = map(lab, range, length, WRITE);
	dev_load(lab, 7, 512);
	assert_int_equal(edu_write(lab->edu,
				   mapping_dma(mapping, length - PAGE), 512),
			 0);
	assert_filled(range + length - PAGE, 512, 7);
	unmap(mapping);
	munmap(range, length);
}

#define NARROW_BITS 28
#define PIECE (64 * MIB)

/* And the rest there is again, once some were given back. */
static void when_addresses_run_out_what_is_mapped_works(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping[(1 << NARROW_BITS) / PIECE];
	unsigned char *range = ram(PIECE);
	unsigned int n = 0, i;
	uint64_t end;
	int rc;

	assert_int_equal(p2pmap_importer_detach(lab->importer), 0);
	assert_int_equal(attach(lab->ctx, lab->edu_address, NARROW_BITS,
				&lab->reason, &lab->importer),
			 0);
	while (!(rc = try_map(lab, range, PIECE, WRITE, &mapping[n])))
		assert_true(++n < (1 << NARROW_BITS) / PIECE);
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(lab->reason.code, P2PMAP_REASON_IOVA_SPACE);
	assert_true(n > 1);
	for (i = 0; i < n; i++) {
		probe_write(lab, mapping_dma(mapping[i], i * PAGE), i);
		assert_filled(range + i * PAGE, PROBE, i);
	}
	unmap(mapping[0]);
	/* The kernel flushes an IOMMU's cache before it gives an address again. */
	end = now_ms() + PATIENCE_MS;
	while ((rc = try_map(lab, range, PIECE, WRITE, &mapping[0])) &&
	       now_ms() < end)
		sleep_ms(1);
	assert_int_equal(rc, 0);
	for (i = 0; i < n; i++)
		unmap(mapping[i]);
	munmap(range, PIECE);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(the_device_writes_a_bar),
	LAB_TEST(the_device_reads_a_bar),
	LAB_TEST(the_device_reads_and_writes_ram),
	LAB_TEST(the_device_reads_and_writes_ram_above_4_gib),
	LAB_TEST(the_device_reaches_shared_and_huge_memory),
	LAB_TEST(what_the_device_wrote_to_shared_memory_is_in_the_file),
	LAB_TEST(the_device_never_writes_the_zero_page),
	LAB_TEST(the_device_cannot_write_what_was_mapped_for_reading),
	LAB_TEST(the_device_cannot_reach_what_lies_beside_a_mapping),
	LAB_TEST(the_device_reaches_all_of_a_range_of_several_vmas),
	LAB_TEST(extents_add_up_and_agree_with_the_address_at_an_offset),
	LAB_TEST(a_mapping_behind_an_iommu_is_one_extent),
	LAB_TEST(two_mappings_of_one_range_have_addresses_of_their_own),
	LAB_TEST(no_late_dma_after_unmap_of_pinned_ram),
	LAB_TEST(no_late_dma_after_unmap_of_unpinned_ram),
	LAB_TEST(no_late_dma_after_unmap_of_a_bar),
	LAB_TEST(no_late_dma_after_close_of_pinned_ram),
	LAB_TEST(no_late_dma_after_close_of_a_bar),
	LAB_TEST(no_late_dma_in_a_page_that_was_freed_and_given_out_again),
	LAB_TEST(no_late_dma_after_the_owner_was_killed),
	LAB_TEST(memory_that_was_only_read_is_mapped_for_writing),
	LAB_TEST(when_addresses_run_out_what_is_mapped_works),
};

LAB_MAIN(LAB_TRANSLATED, tests)
