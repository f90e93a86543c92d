// SPDX-License-Identifier: GPL-2.0-only
/*
 * The helper: what it promises to a driver that never heard of /dev/p2pmap.
 *
 * tests/kmod/helper_user.c is such a driver.  All addresses here, that of the
 * stage included, come from it; /dev/p2pmap does no more than to give edu the
 * full width of its addresses.  It holds no pins and no notifiers of its own,
 * so lab_teardown() sees what the helper forgot, and the driver that cannot be
 * unloaded in the end what a mapping still holds of it.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/mount.h>

/* The driver's ABI; helper_user.c says what is what. */
struct helper_map {
	uint64_t addr;
	uint64_t length;
	uint64_t out_pa;
	uint64_t out_extents;
	uint32_t nr_extents;
	uint32_t flags;
	uint32_t pid;
	uint16_t domain;
	uint8_t bus;
	uint8_t devfn;
};

struct helper_status {
	uint64_t out_invalidations;
	uint32_t out_live;
	uint32_t out_noticed;
};

#define HELPER_IOC_MAP _IOWR('h', 0, struct helper_map)
#define HELPER_IOC_UNMAP _IO('h', 1)
#define HELPER_IOC_STATUS _IOR('h', 2, struct helper_status)

#define DEV_WRITE (1U << 0)
#define DEV_PIN (1U << 1)
#define STEPS (1U << 30)
#define DEAF (1U << 31)

#define MAX_PAGES 1024
#define BYTES 500

struct extent {
	uint64_t dma_addr;
	uint64_t length;
};

/**
 * struct range - an open of the driver, and what is mapped through it
 * @next: the next one that is open
 * @fd: the driver
 * @addr: its address, of whatever process
 * @length: its length
 * @pa: DMA address of each page
 * @nr_extents: number of extents
 * @extents: the extents
 */
struct range {
	struct range *next;
	int fd;
	unsigned char *addr;
	size_t length;
	uint64_t pa[MAX_PAGES];
	unsigned int nr_extents;
	struct extent extents[MAX_PAGES];
};

static struct range *ranges;

static int driver_load(void **state)
{
	(void)state;
	return COMMAND("modprobe", "helper_user");
}

static int driver_unload(void **state)
{
	(void)state;
	return COMMAND("rmmod", "helper_user");
}

static struct range *range_open(void)
{
	struct range *range = calloc(1, sizeof(*range));

	assert_non_null(range);
	range->fd = open("/dev/p2pmap-helper", O_RDWR | O_CLOEXEC);
	assert_true(range->fd >= 0);
	range->next = ranges;
	ranges = range;
	return range;
}

static void range_close(struct range *range)
{
	struct range **at = &ranges;

	while (*at != range)
		at = &(*at)->next;
	*at = range->next;
	close(range->fd);
	free(range);
}

/* What a failed or skipped test left open is not the helper's fault. */
static int helper_teardown(void **state)
{
	while (ranges)
		range_close(ranges);
	return lab_teardown(state);
}

#define HELPER_TEST(function)                                         \
	cmocka_unit_test_prestate_setup_teardown(function, lab_setup, \
						 helper_teardown, #function)

/* 0 or a negative errno. */
static int range_map(const struct lab *lab, struct range *range, pid_t pid,
		     void *addr, size_t length, uint32_t flags)
{
	struct helper_map cmd = {
		.addr = (uintptr_t)addr,
		.length = length,
		.out_pa = (uintptr_t)range->pa,
		.out_extents = (uintptr_t)range->extents,
		.nr_extents = MAX_PAGES,
		.flags = flags,
		.pid = pid,
		.domain = lab->edu_pci.domain,
		.bus = lab->edu_pci.bus,
		.devfn = lab->edu_pci.devfn,
	};

	if (ioctl(range->fd, HELPER_IOC_MAP, &cmd))
		return -errno;
	range->addr = addr;
	range->length = length;
	range->nr_extents = cmd.nr_extents;
	return 0;
}

static void range_unmap(struct range *range)
{
	assert_int_equal(ioctl(range->fd, HELPER_IOC_UNMAP), 0);
}

static struct range *mapped(const struct lab *lab, void *addr, size_t length,
			    uint32_t flags)
{
	struct range *range = range_open();

	assert_int_equal(range_map(lab, range, 0, addr, length, flags), 0);
	return range;
}

static struct helper_status status_of(const struct range *range)
{
	struct helper_status status;

	assert_int_equal(ioctl(range->fd, HELPER_IOC_STATUS, &status), 0);
	return status;
}

/* The helper refuses with this errno (positive), and pins nothing. */
static void check_helper_refuses(const struct lab *lab, void *addr,
				 size_t length, uint32_t flags, int error,
				 const char *file, int line)
{
	struct range *range = range_open();
	long pins = pages_pinned();

	_assert_int_equal(-range_map(lab, range, 0, addr, length, flags), error,
			  file, line);
	_assert_int_equal(pages_pinned(), pins, file, line);
	range_close(range);
}

#define assert_helper_refuses(lab, addr, length, flags, error)          \
	check_helper_refuses(lab, addr, length, flags, error, __FILE__, \
			     __LINE__)

/* DMA */

static struct range *stage_open(const struct lab *lab)
{
	return mapped(lab, ram(PAGE), PAGE, DEV_WRITE | DEV_PIN);
}

static void stage_close(struct range *stage)
{
	unsigned char *page = stage->addr;

	range_close(stage);
	munmap(page, PAGE);
}

/* The device writes this pattern, through the stage. */
static void put(struct lab *lab, struct range *stage, uint64_t dma,
		uint32_t seed)
{
	fill(stage->addr, BYTES, seed);
	assert_int_equal(edu_copy(lab->edu, dma, stage->pa[0], BYTES), 0);
}

/* What the device reads there is this pattern. */
static bool gets(struct lab *lab, struct range *stage, uint64_t dma,
		 uint32_t seed)
{
	memset(stage->addr, 0, PAGE);
	assert_int_equal(edu_copy(lab->edu, stage->pa[0], dma, BYTES), 0);
	return is_filled(stage->addr, BYTES, seed);
}

/* Both ways, for each address of the array. */
static void check_each_page(struct lab *lab, struct range *range)
{
	struct range *stage = stage_open(lab);
	size_t pages = range->length / PAGE;

	for (size_t i = 0; i < pages; i++)
		put(lab, stage, range->pa[i], i + 1);
	for (size_t i = 0; i < pages; i++)
		assert_filled(range->addr + i * PAGE, BYTES, i + 1);
	for (size_t i = 0; i < pages; i++)
		fill(range->addr + i * PAGE, BYTES, i + 1000);
	for (size_t i = 0; i < pages; i++)
		assert_true(gets(lab, stage, range->pa[i], i + 1000));
	stage_close(stage);
}

/*
 * The IOMMU stops what the device still tries to write there, and says so.  It
 * says no more than three faults in five seconds: the first word may be lost.
 */
static void check_cut(struct lab *lab, struct range *stage, uint64_t dma)
{
	int log = log_open();
	bool said = false;

	for (int i = 0; i < 3 && !said; i++) {
		put(lab, stage, dma, 0xbad);
		said = log_has_fault(log, dma);
	}
	close(log);
	assert_true(said);
}

/* What can be mapped */

static void pinned_ram_is_reached_at_each_address(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(6 * PAGE);
	long pins = pages_pinned();
	struct range *range;

	for (uint32_t way = 0; way <= STEPS; way += STEPS) {
		range = mapped(lab, pages, 6 * PAGE, DEV_WRITE | DEV_PIN | way);
		assert_int_equal(pages_pinned(), pins + 6);
		assert_false(status_of(range).out_noticed);
		check_each_page(lab, range);
		range_unmap(range);
		assert_int_equal(pages_pinned(), pins);
		range_close(range);
	}
	munmap(pages, 6 * PAGE);
}

static void unpinned_ram_is_reached_at_each_address(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(6 * PAGE);
	long pins = pages_pinned();
	struct range *range;

	for (uint32_t way = 0; way <= STEPS; way += STEPS) {
		range = mapped(lab, pages, 6 * PAGE, DEV_WRITE | way);
		assert_int_equal(pages_pinned(), pins);
		assert_true(status_of(range).out_noticed);
		check_each_page(lab, range);
		assert_true(status_of(range).out_live);
		range_close(range);
	}
	munmap(pages, 6 * PAGE);
}

static void a_bar_is_reached_at_each_address(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = bar_at(lab, 3 * MIB, 6 * PAGE);
	struct range *range;

	for (uint32_t way = 0; way <= STEPS; way += STEPS) {
		range = mapped(lab, pages, 6 * PAGE, DEV_WRITE | way);
		check_each_page(lab, range);
		range_close(range);
	}
	munmap(pages, 6 * PAGE);
}

static void several_vmas_are_one_range_in_steps(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(6 * PAGE);
	int fd = memfd(2 * PAGE);
	struct range *range;

	assert_ptr_not_equal(mmap(pages + 2 * PAGE, 2 * PAGE, RW,
				  MAP_SHARED | MAP_FIXED, fd, 0),
			     MAP_FAILED);
	for (uint32_t pin = 0; pin <= DEV_PIN; pin += DEV_PIN) {
		range = mapped(lab, pages, 6 * PAGE, DEV_WRITE | STEPS | pin);
		check_each_page(lab, range);
		range_close(range);
	}
	munmap(pages, 6 * PAGE);
	close(fd);
}

static void check_extents(struct range *range, unsigned int most)
{
	size_t page = 0;

	assert_in_range(range->nr_extents, 1, most);
	for (unsigned int i = 0; i < range->nr_extents; i++) {
		const struct extent *extent = &range->extents[i];

		assert_int_equal(extent->length % PAGE, 0);
		assert_int_not_equal(extent->length, 0);
		for (uint64_t at = 0; at < extent->length; at += PAGE)
			assert_int_equal(range->pa[page++],
					 extent->dma_addr + at);
	}
	assert_int_equal(page, range->length / PAGE);
}

static void extents_and_array_say_the_same(void **state)
{
	static const uint32_t pin[] = { 0, DEV_PIN };
	struct lab *lab = *state;
	size_t length = 600 * PAGE;
	unsigned char *pages = ram(length), *bar = bar_at(lab, MIB, length);
	struct range *range;

	for (uint32_t way = 0; way <= STEPS; way += STEPS) {
		for (size_t i = 0; i < 2; i++) {
			range = mapped(lab, pages, length,
				       DEV_WRITE | pin[i] | way);
			check_extents(range, lab_is_translated(lab) ? 1 : 600);
			range_close(range);
		}
		range = mapped(lab, bar, length, DEV_WRITE | way);
		check_extents(range, 1);
		range_close(range);
	}
	munmap(pages, length);
	munmap(bar, length);
}

static void without_write_the_device_reads_and_cannot_write(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram_prot(PAGE, RW);
	struct range *stage = stage_open(lab), *range;

	if (!lab_is_translated(lab))
		lab_skip(lab, "nothing here stops a device from writing");
	for (uint32_t pin = 0; pin <= DEV_PIN; pin += DEV_PIN) {
		fill(page, BYTES, 7);
		range = mapped(lab, page, PAGE, pin);
		/* Before it reads: QEMU refuses what it has cached silently. */
		check_cut(lab, stage, range->pa[0]);
		assert_true(gets(lab, stage, range->pa[0], 7));
		put(lab, stage, range->pa[0], 0xbad);
		assert_filled(page, BYTES, 7);
		range_close(range);
	}
	stage_close(stage);
	munmap(page, PAGE);
}

/* How long it lasts */

static void a_pin_outlives_its_vma(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct range *stage = stage_open(lab);
	long pins = pages_pinned();
	struct range *range = mapped(lab, page, PAGE, DEV_WRITE | DEV_PIN);

	munmap(page, PAGE);
	assert_int_equal(pages_pinned(), pins + 1);
	put(lab, stage, range->pa[0], 8);
	assert_true(gets(lab, stage, range->pa[0], 8));
	range_unmap(range);
	assert_int_equal(pages_pinned(), pins);
	range_close(range);
	stage_close(stage);
}

static void after_unmap_the_device_does_not_reach_it(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct range *stage = stage_open(lab), *range;
	uint64_t dma;

	if (!lab_is_translated(lab))
		lab_skip(lab, "nothing here stops a device");
	for (uint32_t pin = 0; pin <= DEV_PIN; pin += DEV_PIN) {
		range = mapped(lab, page, PAGE, DEV_WRITE | pin);
		dma = range->pa[0];
		put(lab, stage, dma, 9);
		range_unmap(range);
		check_cut(lab, stage, dma);
		assert_filled(page, BYTES, 9);
		range_close(range);
	}
	stage_close(stage);
	munmap(page, PAGE);
}

/* @pages are unmapped; @view shows the same memory, and is not mapped. */
static void check_munmap_cuts(struct lab *lab, unsigned char *pages,
			      unsigned char *view, uint32_t way)
{
	struct range *stage = stage_open(lab);
	struct range *range = mapped(lab, pages, 4 * PAGE, DEV_WRITE | way);

	for (uint32_t i = 0; i < 4; i++)
		put(lab, stage, range->pa[i], i + 1);
	assert_true(status_of(range).out_live);
	munmap(pages, 4 * PAGE);
	assert_false(status_of(range).out_live);
	assert_true(status_of(range).out_invalidations > 0);
	if (lab_is_translated(lab)) {
		check_cut(lab, stage, range->pa[0]);
		for (uint32_t i = 1; i < 4; i++)
			put(lab, stage, range->pa[i], 0xbad);
	}
	for (uint32_t i = 0; i < 4; i++)
		assert_filled(view + i * PAGE, BYTES, i + 1);
	range_unmap(range);
	range_close(range);
	stage_close(stage);
}

static void a_bar_is_cut_before_munmap_returns(void **state)
{
	struct lab *lab = *state;
	unsigned char *view = bar_at(lab, 5 * MIB, 4 * PAGE);

	for (uint32_t way = 0; way <= STEPS; way += STEPS)
		check_munmap_cuts(lab, bar_at(lab, 5 * MIB, 4 * PAGE), view,
				  way);
	munmap(view, 4 * PAGE);
}

static void unpinned_ram_is_cut_before_munmap_returns(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(4 * PAGE);
	unsigned char *view = mmap_fd(fd, 4 * PAGE, RW, MAP_SHARED);

	for (uint32_t way = 0; way <= STEPS; way += STEPS)
		check_munmap_cuts(lab, mmap_fd(fd, 4 * PAGE, RW, MAP_SHARED),
				  view, way);
	munmap(view, 4 * PAGE);
	close(fd);
}

/* Predictability: what could be mapped once can be mapped again. */
static void what_was_cut_can_be_mapped_again(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(4 * PAGE);
	struct range *range = mapped(lab, pages, 4 * PAGE, DEV_WRITE);

	for (uint32_t i = 0; i < 3; i++) {
		check_each_page(lab, range);
		assert_int_equal(madvise(pages, 4 * PAGE, MADV_DONTNEED), 0);
		assert_false(status_of(range).out_live);
		range_unmap(range);
		assert_int_equal(range_map(lab, range, 0, pages, 4 * PAGE,
					   DEV_WRITE | (i & 1 ? STEPS : 0)),
				 0);
		assert_true(status_of(range).out_live);
	}
	check_each_page(lab, range);
	range_close(range);
	munmap(pages, 4 * PAGE);
}

/* Other processes */

/**
 * struct remote - a process whose memory is mapped by another one
 * @page: the page, private, at the same address here and there
 * @to: the pipe to it
 * @from: the pipe from it
 */
struct remote {
	unsigned char *page;
	int to[2];
	int from[2];
};

static int remote_process(void *arg)
{
	struct remote *remote = arg;
	char byte = 0;

	fill(remote->page, BYTES, 20);
	CHILD_CHECK(write(remote->from[1], &byte, 1) == 1);
	CHILD_CHECK(read(remote->to[0], &byte, 1) == 1);
	CHILD_CHECK(is_filled(remote->page, BYTES, byte));
	return 0;
}

static pid_t remote_start(struct remote *remote)
{
	pid_t pid;
	char byte;

	remote->page = ram(PAGE);
	fill(remote->page, BYTES, 10);
	assert_int_equal(pipe2(remote->to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(remote->from, O_CLOEXEC), 0);
	pid = child_start(remote_process, remote);
	assert_true(pid > 0);
	assert_int_equal(read(remote->from[0], &byte, 1), 1);
	return pid;
}

/* Has it look at its page, and end. */
static void remote_end(struct remote *remote, pid_t pid, char seed)
{
	assert_int_equal(write(remote->to[1], &seed, 1), 1);
	assert_int_equal(child_end(pid), 0);
	for (int i = 0; i < 2; i++) {
		close(remote->to[i]);
		close(remote->from[i]);
	}
	/* This process's page is another one, and was never meant. */
	assert_filled(remote->page, BYTES, 10);
	munmap(remote->page, PAGE);
}

static void pinned_memory_of_another_process_is_reached(void **state)
{
	struct lab *lab = *state;
	struct range *stage = stage_open(lab), *range = range_open();
	long pins = pages_pinned();
	struct remote remote;
	pid_t pid = remote_start(&remote);

	assert_int_equal(range_map(lab, range, pid, remote.page, PAGE,
				   DEV_WRITE | DEV_PIN),
			 0);
	assert_int_equal(pages_pinned(), pins + 1);
	assert_true(gets(lab, stage, range->pa[0], 20));
	put(lab, stage, range->pa[0], 30);
	remote_end(&remote, pid, 30);
	/* The pin holds, although there is no such process any more. */
	assert_int_equal(pages_pinned(), pins + 1);
	assert_true(gets(lab, stage, range->pa[0], 30));
	range_unmap(range);
	assert_int_equal(pages_pinned(), pins);
	range_close(range);
	stage_close(stage);
}

static void unpinned_memory_is_cut_when_its_process_ends(void **state)
{
	struct lab *lab = *state;
	struct range *stage = stage_open(lab), *range = range_open();
	struct remote remote;
	pid_t pid = remote_start(&remote);

	assert_int_equal(range_map(lab, range, pid, remote.page, PAGE,
				   DEV_WRITE | STEPS),
			 0);
	assert_true(gets(lab, stage, range->pa[0], 20));
	put(lab, stage, range->pa[0], 30);
	assert_true(status_of(range).out_live);
	remote_end(&remote, pid, 30);
	assert_false(status_of(range).out_live);
	if (lab_is_translated(lab))
		check_cut(lab, stage, range->pa[0]);
	range_close(range);
	stage_close(stage);
}

static int die_with_ranges(void *arg)
{
	const struct lab *lab = arg;
	struct range *range[4];

	for (uint32_t i = 0; i < 4; i++) {
		range[i] = calloc(1, sizeof(*range[i]));
		CHILD_CHECK(range[i]);
		range[i]->fd = open("/dev/p2pmap-helper", O_RDWR);
		CHILD_CHECK(range[i]->fd >= 0);
		CHILD_CHECK(!range_map(lab, range[i], 0,
				       mmap(NULL, 8 * PAGE, RW,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
				       8 * PAGE,
				       DEV_WRITE | (i & 1 ? DEV_PIN : 0) |
					       (i & 2 ? STEPS : 0)));
	}
	raise(SIGKILL);
	return 0;
}

static void a_killed_process_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	long pins = pages_pinned();

	assert_int_equal(in_child(die_with_ranges, lab),
			 CHILD_SIGNALLED + SIGKILL);
	assert_int_equal(pages_pinned(), pins);
}

/* What is refused */

static void a_range_that_is_none_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(4 * PAGE);

	for (uint32_t way = 0; way <= STEPS; way += STEPS) {
		uint32_t flags = DEV_PIN | way;

		assert_helper_refuses(lab, pages, 0, flags, EINVAL);
		assert_helper_refuses(lab, pages + 1, PAGE, flags, EINVAL);
		assert_helper_refuses(lab, pages + 8, PAGE - 8, flags, EINVAL);
		assert_helper_refuses(lab, pages, 8, flags, EINVAL);
		assert_helper_refuses(lab, pages, PAGE + 2048, flags, EINVAL);
		assert_helper_refuses(lab, pages + PAGE, -PAGE, flags, E2BIG);
		assert_helper_refuses(lab, pages + 512, PAGE, way, EINVAL);
	}
	munmap(pages, 4 * PAGE);
}

static void a_range_beyond_its_vma_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = reserve(8 * PAGE);

	for (uint32_t pin = 0; pin <= DEV_PIN; pin += DEV_PIN) {
		assert_int_equal(mprotect(pages, 4 * PAGE, RW), 0);
		assert_helper_refuses(lab, pages, 5 * PAGE, pin, EINVAL);
		assert_helper_refuses(lab, pages + 3 * PAGE, 2 * PAGE, pin,
				      EINVAL);
	}
	munmap(pages, 8 * PAGE);
	pages = bar_at(lab, 0, 2 * PAGE);
	munmap(pages + PAGE, PAGE);
	assert_helper_refuses(lab, pages, 2 * PAGE, 0, EINVAL);
	munmap(pages, PAGE);
}

static void flags_that_the_helper_does_not_know_are_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);

	for (uint32_t bit = 2; bit < 30; bit++)
		assert_helper_refuses(lab, page, PAGE, DEV_PIN | 1U << bit,
				      EINVAL);
	munmap(page, PAGE);
}

static void neither_pin_nor_notifier_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE), *bar = bar_at(lab, 0, PAGE);

	for (uint32_t way = 0; way <= STEPS; way += STEPS) {
		assert_helper_refuses(lab, page, PAGE, DEAF | way, EINVAL);
		assert_helper_refuses(lab, bar, PAGE, DEAF | way, EINVAL);
	}
	munmap(page, PAGE);
	munmap(bar, PAGE);
}

static void a_bar_cannot_be_pinned(void **state)
{
	struct lab *lab = *state;
	unsigned char *bar = bar_at(lab, 0, PAGE);

	for (uint32_t way = 0; way <= STEPS; way += STEPS)
		assert_helper_refuses(lab, bar, PAGE, DEV_PIN | way,
				      EOPNOTSUPP);
	munmap(bar, PAGE);
}

static void the_rights_of_the_vma_are_obeyed(void **state)
{
	struct lab *lab = *state;
	unsigned char *read_only = ram_prot(PAGE, PROT_READ);
	unsigned char *none = ram_prot(PAGE, PROT_NONE);
	unsigned char *bar = bar_at(lab, 0, PAGE);

	assert_int_equal(mprotect(bar, PAGE, PROT_READ), 0);
	assert_helper_refuses(lab, bar, PAGE, DEV_WRITE, EFAULT);
	for (uint32_t pin = 0; pin <= DEV_PIN; pin += DEV_PIN) {
		assert_helper_refuses(lab, read_only, PAGE, DEV_WRITE | pin,
				      EFAULT);
		assert_helper_refuses(lab, none, PAGE, pin, EFAULT);
		range_close(mapped(lab, read_only, PAGE, pin));
	}
	munmap(read_only, PAGE);
	munmap(none, PAGE);
	munmap(bar, PAGE);
}

/* A file system that is neither shmem nor on a device. */
static void files_are_refused_unless_private_and_pinned(void **state)
{
	struct lab *lab = *state;
	unsigned char *shared, *private;
	struct range *range;
	int fd;

	assert_int_equal(mount("ramfs", "/mnt", "ramfs", 0, NULL), 0);
	fd = open("/mnt/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	shared = mmap_fd(fd, PAGE, RW, MAP_SHARED);
	private = mmap_fd(fd, PAGE, RW, MAP_PRIVATE);
	close(fd);
	for (uint32_t flags = 0; flags <= (DEV_WRITE | DEV_PIN); flags++)
		assert_helper_refuses(lab, shared, PAGE, flags, EOPNOTSUPP);
	assert_helper_refuses(lab, private, PAGE, 0, EOPNOTSUPP);
	assert_helper_refuses(lab, private, PAGE, DEV_WRITE, EOPNOTSUPP);
	range = mapped(lab, private, PAGE, DEV_WRITE | DEV_PIN);
	check_each_page(lab, range);
	range_close(range);
	munmap(shared, PAGE);
	munmap(private, PAGE);
	assert_int_equal(umount("/mnt"), 0);
}

static void what_is_neither_ram_nor_a_bar_is_efault(void **state)
{
	struct lab *lab = *state;
	void *vdso = (void *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	unsigned char *private = bar_mmap(lab->ivshmem_address, 2, NULL, 0,
					  PAGE, RW, MAP_PRIVATE);
	unsigned char *registers = bar_mmap(lab->ivshmem_address, 0, NULL, 0,
					    PAGE, RW, MAP_SHARED);

	for (uint32_t way = 0; way <= STEPS; way += STEPS) {
		assert_helper_refuses(lab, vdso, PAGE, way, EFAULT);
		assert_helper_refuses(lab, vdso, PAGE, DEV_PIN | way, EFAULT);
		assert_helper_refuses(lab, private, PAGE, way, EFAULT);
		/* 256 bytes; the rest of the page is somebody else's. */
		assert_helper_refuses(lab, registers, PAGE, way, EFAULT);
	}
	munmap(private, PAGE);
	munmap(registers, PAGE);
}

static void a_part_of_another_kind_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(4 * PAGE);

	bar_mmap(lab->ivshmem_address, 2, pages + 2 * PAGE, 0, 2 * PAGE, RW,
		 MAP_SHARED);
	assert_helper_refuses(lab, pages, 4 * PAGE, DEV_WRITE | STEPS, EINVAL);
	munmap(pages, 4 * PAGE);
}

static void pins_of_the_parts_before_a_bad_one_are_dropped(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(600 * PAGE);

	assert_int_equal(mprotect(pages + 599 * PAGE, PAGE, PROT_READ), 0);
	assert_helper_refuses(lab, pages, 600 * PAGE,
			      DEV_WRITE | DEV_PIN | STEPS, EFAULT);
	assert_helper_refuses(lab, pages, 600 * PAGE, DEV_WRITE | STEPS,
			      EFAULT);
	munmap(pages, 600 * PAGE);
}

/* The end of the file comes within the VMA: one batch was pinned by then. */
static void pins_before_a_page_that_is_not_there_are_dropped(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(590 * PAGE);
	unsigned char *pages = mmap_fd(fd, 600 * PAGE, RW, MAP_SHARED);

	assert_helper_refuses(lab, pages, 600 * PAGE, DEV_WRITE | DEV_PIN,
			      EFAULT);
	munmap(pages, 600 * PAGE);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	HELPER_TEST(pinned_ram_is_reached_at_each_address),
	HELPER_TEST(unpinned_ram_is_reached_at_each_address),
	HELPER_TEST(a_bar_is_reached_at_each_address),
	HELPER_TEST(several_vmas_are_one_range_in_steps),
	HELPER_TEST(extents_and_array_say_the_same),
	HELPER_TEST(without_write_the_device_reads_and_cannot_write),
	HELPER_TEST(a_pin_outlives_its_vma),
	HELPER_TEST(after_unmap_the_device_does_not_reach_it),
	HELPER_TEST(a_bar_is_cut_before_munmap_returns),
	HELPER_TEST(unpinned_ram_is_cut_before_munmap_returns),
	HELPER_TEST(what_was_cut_can_be_mapped_again),
	HELPER_TEST(pinned_memory_of_another_process_is_reached),
	HELPER_TEST(unpinned_memory_is_cut_when_its_process_ends),
	HELPER_TEST(a_killed_process_leaves_nothing),
	HELPER_TEST(a_range_that_is_none_is_einval),
	HELPER_TEST(a_range_beyond_its_vma_is_einval),
	HELPER_TEST(flags_that_the_helper_does_not_know_are_einval),
	HELPER_TEST(neither_pin_nor_notifier_is_einval),
	HELPER_TEST(a_bar_cannot_be_pinned),
	HELPER_TEST(the_rights_of_the_vma_are_obeyed),
	HELPER_TEST(files_are_refused_unless_private_and_pinned),
	HELPER_TEST(what_is_neither_ram_nor_a_bar_is_efault),
	HELPER_TEST(a_part_of_another_kind_is_einval),
	HELPER_TEST(pins_of_the_parts_before_a_bad_one_are_dropped),
	HELPER_TEST(pins_before_a_page_that_is_not_there_are_dropped),
};

int main(int argc, char **argv)
{
	if (!lab_begin(argc, argv, LAB_ANY))
		return 77;
	return cmocka_run_group_tests(tests, driver_load, driver_unload) ? 1 :
									   0;
}
