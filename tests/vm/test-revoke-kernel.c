// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revocation: for each thing that the kernel does to memory behind the process's
 * back, what the device may reach before and after.  See test-revoke.
 *
 * iommu: on
 * lab: --icount --qemu '-object memory-backend-ram,id=n0,size=512M -object memory-backend-ram,id=n1,size=512M -numa node,memdev=n0,cpus=0 -numa node,memdev=n1'
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/syscall.h>

#include "scene.h"

/* Tracking of changes */

static void soft_dirty_tracking_cuts(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);

	assert_int_equal(file_write("/proc/self/clear_refs", "4"), 0);
	assert_event(&scene, P2PMAP_EVENT_SOFT_DIRTY);
	assert_cut(&scene);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_remaps(&scene);
	end(&scene);
}

static void soft_dirty_tracking_leaves_a_pinned_page_to_the_device(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);

	assert_int_equal(file_write("/proc/self/clear_refs", "4"), 0);
	assert_pin_undisturbed(&scene);
	end(&scene);
}

/* KSM */

static bool ksm_run(void)
{
	file_write("/sys/kernel/mm/ksm/pages_to_scan", "10000");
	file_write("/sys/kernel/mm/ksm/sleep_millisecs", "10");
	file_write("/sys/kernel/mm/ksm/smart_scan", "0");
	return !file_write("/sys/kernel/mm/ksm/run", "1");
}

/* Merged pages have one frame; what kpageflags says differs by kernel. */
static bool are_merged(const void *one, const void *other,
		       unsigned int patience_ms)
{
	uint64_t until = now_ms() + patience_ms;

	while (frame_of(one) != frame_of(other)) {
		if (now_ms() > until)
			return false;
		sleep_ms(20);
	}
	return true;
}

/* A page that is equal to the scene's, all of it. */
static unsigned char *twin_of(struct scene *scene)
{
	unsigned char *twin = ram(PAGE);

	memcpy(twin, there(scene), PAGE);
	assert_int_equal(madvise(twin, PAGE, MADV_MERGEABLE), 0);
	madvise(there(scene), PAGE, MADV_MERGEABLE);
	return twin;
}

static void ksm_merge_cuts_and_remap_unshares(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);
	unsigned char *twin = twin_of(&scene);

	if (!ksm_run())
		lab_skip(scene.lab, "this kernel has no KSM");
	assert_true(are_merged(there(&scene), twin, PATIENCE_MS));
	file_write("/sys/kernel/mm/ksm/run", "0");
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_filled(twin, PROBE, SEED_BEFORE);
	assert_remaps(&scene);
	assert_filled(twin, PROBE, SEED_BEFORE);
	file_write("/sys/kernel/mm/ksm/run", "2");
	munmap(twin, PAGE);
	end(&scene);
}

static void a_pinned_page_is_not_merged(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);
	unsigned char *twin = twin_of(&scene), *third;

	/* Two that can be merged show that KSM works at all. */
	third = ram(PAGE);
	memcpy(third, twin, PAGE);
	madvise(third, PAGE, MADV_MERGEABLE);
	if (!ksm_run())
		lab_skip(scene.lab, "this kernel has no KSM");
	assert_true(are_merged(third, twin, PATIENCE_MS));
	assert_false(are_merged(there(&scene), twin, 500));
	file_write("/sys/kernel/mm/ksm/run", "2");
	assert_reaches(&scene, SEED_AFTER);
	assert_filled(twin, PROBE, SEED_BEFORE);
	munmap(twin, PAGE);
	munmap(third, PAGE);
	end(&scene);
}

/* Huge pages come and go. */

/* No advice: what is asked for is done, and nothing by itself. */
static unsigned char *small_pages_where_a_huge_one_fits(void)
{
	uintptr_t at = (uintptr_t)ram(2 * HUGE);
	unsigned char *range;

	file_write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	range = (unsigned char *)((at + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
	memset(range, 2, HUGE);
	assert_false(page_flags_of(range) & KPAGE_THP);
	return range;
}

static int collapse(void *range)
{
	int rc = -1;

	for (int i = 0; i < 10 && rc; i++) {
		rc = madvise(range, HUGE, MADV_COLLAPSE);
		if (rc && errno == EINVAL && !i)
			return -EINVAL;
	}
	return rc;
}

static void thp_collapse_costs_a_gap_only(void **state)
{
	struct scene scene = begin_at(*state,
				      small_pages_where_a_huge_one_fits(), HUGE,
				      77 * PAGE, WRITE);

	assert_int_equal(collapse(scene.range), 0);
	assert_true(page_flags_of(scene.range) & KPAGE_THP);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_comes_back(&scene);
	end(&scene);
}

static void thp_collapse_leaves_a_pinned_page_alone(void **state)
{
	struct scene scene = begin_at(*state,
				      small_pages_where_a_huge_one_fits(), HUGE,
				      77 * PAGE, WRITE | PIN);
	uint64_t frame = frame_of(there(&scene));

	assert_int_not_equal(collapse(scene.range), 0);
	assert_int_equal(frame_of(there(&scene)), frame);
	assert_reaches(&scene, SEED_AFTER);
	assert_rest_works(&scene);
	end(&scene);
}

static int split_huge_page(const void *addr)
{
	char text[96];

	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(),
		 (unsigned long)addr, (unsigned long)addr + HUGE);
	return file_write("/sys/kernel/debug/split_huge_pages", text);
}

static void thp_split_costs_a_gap_only(void **state)
{
	struct scene scene = begin_thp(*state, WRITE);

	if (split_huge_page(scene.range))
		lab_skip(scene.lab, "this kernel does not split on request");
	assert_false(page_flags_of(scene.range) & KPAGE_THP);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_comes_back(&scene);
	end(&scene);
}

/* Less and more than the worker waits. */
#define AWAY_MS 150
#define GONE_MS 1500

/* A huge page that was not there for so long, and is again. */
static struct scene begin_away(struct lab *lab, unsigned int ms)
{
	struct scene scene = begin_thp(lab, WRITE);

	assert_int_equal(madvise(scene.range, HUGE, MADV_DONTNEED), 0);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	sleep_ms(ms);
	memset(scene.range, 0, HUGE);
	return scene;
}

/*
 * As a page is that is split, while who splits it does not run: the worker finds
 * nothing, once at least, and must not take that for the end.
 */
static void what_is_away_for_a_moment_comes_back(void **state)
{
	struct scene scene = begin_away(*state, AWAY_MS);

	assert_comes_back(&scene);
	end(&scene);
}

/* And what stays away is lost: it does not come back unasked ever after. */
static void what_stays_away_is_lost(void **state)
{
	struct scene scene = begin_away(*state, GONE_MS);

	sleep_ms(GONE_MS);
	assert_int_equal(mapping_status(scene.mapping).out_live_bytes, 0);
	assert_remaps(&scene);
	end(&scene);
}

static void thp_split_leaves_a_pinned_page_to_the_device(void **state)
{
	struct scene scene = begin_thp(*state, WRITE | PIN);
	uint64_t frame = frame_of(there(&scene));

	split_huge_page(scene.range);
	assert_int_equal(frame_of(there(&scene)), frame);
	assert_reaches(&scene, SEED_AFTER);
	assert_rest_works(&scene);
	end(&scene);
}

/* Migration */

static long move_page(void *page, int node, int *status)
{
	return syscall(SYS_move_pages, 0, 1UL, &page, &node, status, 2);
}

static bool has_two_nodes(void)
{
	return access("/sys/devices/system/node/node1", F_OK) == 0;
}

/* To the other node, wherever it is. */
static bool migrate(void *page)
{
	uint64_t frame = frame_of(page);
	int status = -1;

	move_page(page, 1, &status);
	if (frame_of(page) == frame)
		move_page(page, 0, &status);
	return frame_of(page) && frame_of(page) != frame;
}

static void migration_cuts_and_keeps_what_the_device_wrote(void **state)
{
	struct lab *lab = *state;
	struct scene scene;

	if (!has_two_nodes())
		lab_skip(lab, "one node only; boot with numa=fake=2");
	scene = begin(lab, ram(RANGE), WRITE);
	assert_true(migrate(there(&scene)));
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_rest_works(&scene);
	assert_remaps(&scene);
	end(&scene);
}

static void a_pinned_page_does_not_migrate(void **state)
{
	struct lab *lab = *state;
	struct scene scene;

	if (!has_two_nodes())
		lab_skip(lab, "one node only; boot with numa=fake=2");
	scene = begin(lab, ram(RANGE), WRITE | PIN);
	assert_false(migrate(there(&scene)));
	assert_reaches(&scene, SEED_AFTER);
	assert_rest_works(&scene);
	end(&scene);
}

/*
 * Compaction decides itself what it moves.  So scatter pages and see: those
 * that got another frame are not with the device any more, those that kept
 * theirs are, or come back.
 */
#define SCATTERED (64 * MIB)

static unsigned char *scatter(void)
{
	unsigned char *range = ram(SCATTERED);

	madvise(range, SCATTERED, MADV_NOHUGEPAGE);
	memset(range, 3, SCATTERED);
	/* Holes everywhere, and a range that lies in between. */
	for (size_t i = 0; i < SCATTERED; i += PAGE)
		if (i / PAGE % 16)
			madvise(range + i, PAGE, MADV_DONTNEED);
	return range;
}

static void compaction_never_moves_a_page_that_the_device_has(void **state)
{
	struct lab *lab = *state;
	const size_t step = 16 * PAGE, count = 256;
	struct p2pmap_mapping *mapping[256];
	unsigned char *range;
	uint64_t frame[256];
	size_t moved = 0;

	keep_still();
	range = scatter();
	for (size_t i = 0; i < count; i++) {
		fill(range + i * step, PROBE, i);
		mapping[i] = map(lab, range + i * step, PAGE, WRITE);
		frame[i] = frame_of(range + i * step);
	}
	file_write("/proc/sys/vm/compact_memory", "1");
	for (size_t i = 0; i < count; i++) {
		uint64_t live = mapping_status(mapping[i]).out_live_bytes;

		if (frame_of(range + i * step) == frame[i])
			continue;
		moved++;
		assert_int_equal(live, 0);
		if (moved > 4)
			continue;
		probe_write(lab, mapping_dma(mapping[i], 0), SEED_AFTER);
		assert_filled(range + i * step, PROBE, i);
	}
	lab_note(lab, "%zu of %zu pages moved", moved, count);
	for (size_t i = 0; i < count; i++)
		unmap(mapping[i]);
	munmap(range, SCATTERED);
	if (!moved)
		lab_skip(lab, "compaction moved nothing here");
}

/* userfaultfd */

static int uffd_open(struct lab *lab, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		lab_skip(lab, "no userfaultfd");
	return fd;
}

static void uffd_register(int fd, void *addr, size_t length, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)addr, length },
		.mode = mode,
	};

	assert_return_code(ioctl(fd, UFFDIO_REGISTER, &reg), errno);
}

static void uffd_protect(int fd, void *addr, bool on)
{
	struct uffdio_writeprotect protect = {
		.range = { (uintptr_t)addr, PAGE },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	assert_return_code(ioctl(fd, UFFDIO_WRITEPROTECT, &protect), errno);
}

static void userfaultfd_write_protection_cuts(void **state)
{
	struct lab *lab = *state;
	int fd = uffd_open(lab, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	struct scene scene = begin(lab, ram(RANGE), WRITE);

	uffd_register(fd, scene.range, RANGE, UFFDIO_REGISTER_MODE_WP);
	events_discard(lab->ctx);
	assert_int_equal(p2pmap_mapping_remap(scene.mapping, 0, 0, NULL), 0);
	uffd_protect(fd, there(&scene), true);
	assert_event(&scene, P2PMAP_EVENT_PROTECTION);
	assert_cut(&scene);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	uffd_protect(fd, there(&scene), false);
	assert_remaps(&scene);
	close(fd);
	end(&scene);
}

/* What only a monitor can give is not valid until it did. */
static void userfaultfd_page_is_refused_until_it_is_there(void **state)
{
	static unsigned char contents[PAGE] __attribute__((aligned(PAGE)));
	struct lab *lab = *state;
	int fd = uffd_open(lab, 0);
	struct scene scene = begin(lab, ram(RANGE), WRITE);
	struct uffdio_copy copy = {
		.dst = (uintptr_t)there(&scene),
		.src = (uintptr_t)contents,
		.len = PAGE,
	};

	uffd_register(fd, scene.range, RANGE, UFFDIO_REGISTER_MODE_MISSING);
	hold_take(&scene.hold, there(&scene));
	assert_int_equal(madvise(there(&scene), PAGE, MADV_DONTNEED), 0);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_NONE);
	fill(contents, PROBE, SEED_REST);
	assert_return_code(ioctl(fd, UFFDIO_COPY, &copy), errno);
	assert_int_equal(p2pmap_mapping_remap(scene.mapping, 0, 0, NULL), 0);
	assert_true(probe_reads(lab, scene.dma, SEED_REST));
	assert_reaches(&scene, SEED_AGAIN);
	close(fd);
	end(&scene);
}

/* A monitor that never answers must not stall the worker nor the unmap. */
static void userfaultfd_without_answer_stalls_nobody(void **state)
{
	struct lab *lab = *state;
	int fd = uffd_open(lab, 0);
	struct scene scene = begin_at(lab, ram_thp(HUGE), HUGE, 77 * PAGE,
				      WRITE | P2PMAP_MAP_RESTORE);

	uffd_register(fd, scene.range, HUGE, UFFDIO_REGISTER_MODE_MISSING);
	assert_int_equal(madvise(there(&scene), PAGE, MADV_DONTNEED), 0);
	/* What is there nobody has to give. */
	assert_true(comes_alive(scene.mapping, HUGE - PAGE));
	probe_write(lab, scene.dma, SEED_AFTER);
	assert_false(readable(fd, 0));
	end(&scene);
	close(fd);
}

/* Broken memory */

static void soft_offline_cuts_and_keeps_what_the_device_wrote(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);
	uint64_t frame = frame_of(there(&scene));

	if (madvise(there(&scene), PAGE, MADV_SOFT_OFFLINE))
		lab_skip(scene.lab, "no soft offline: %s", strerror(errno));
	assert_int_not_equal(frame_of(there(&scene)), frame);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_remaps(&scene);
	end(&scene);
}

static void ignore_signal(int signal)
{
	(void)signal;
}

/* The kernel tells the process of it at once, by SIGBUS. */
static int poison(void *page)
{
	void (*was)(int) = signal(SIGBUS, ignore_signal);
	int rc = madvise(page, PAGE, MADV_HWPOISON);

	signal(SIGBUS, was);
	return rc;
}

static void memory_failure_cuts_and_remap_is_refused(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);

	if (poison(there(&scene)))
		lab_skip(scene.lab, "no injection: %s", strerror(errno));
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_NONE);
	end(&scene);
}

/* Poisoned: the process has lost it, the device was promised it. */
static void memory_failure_leaves_a_pinned_page_to_the_device(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);

	hold_take(&scene.hold, there(&scene));
	if (poison(there(&scene)) && errno != EBUSY)
		lab_skip(scene.lab, "no injection: %s", strerror(errno));
	assert_told_but_not_cut(&scene, P2PMAP_EVENT_CHANGED);
	probe_write(scene.lab, scene.dma, SEED_AFTER);
	assert_true(probe_reads(scene.lab, scene.dma, SEED_AFTER));
	assert_rest_works(&scene);
	end(&scene);
}

static void soft_offline_leaves_a_pinned_page_to_the_device(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);
	uint64_t frame = frame_of(there(&scene));

	if (!madvise(there(&scene), PAGE, MADV_SOFT_OFFLINE))
		assert_int_equal(frame_of(there(&scene)), frame);
	assert_reaches(&scene, SEED_AFTER);
	assert_rest_works(&scene);
	end(&scene);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(soft_dirty_tracking_cuts),
	LAB_TEST(soft_dirty_tracking_leaves_a_pinned_page_to_the_device),
	LAB_TEST(ksm_merge_cuts_and_remap_unshares),
	LAB_TEST(a_pinned_page_is_not_merged),
	LAB_TEST(thp_collapse_costs_a_gap_only),
	LAB_TEST(thp_collapse_leaves_a_pinned_page_alone),
	LAB_TEST(thp_split_costs_a_gap_only),
	LAB_TEST(what_is_away_for_a_moment_comes_back),
	LAB_TEST(what_stays_away_is_lost),
	LAB_TEST(thp_split_leaves_a_pinned_page_to_the_device),
	LAB_TEST(migration_cuts_and_keeps_what_the_device_wrote),
	LAB_TEST(a_pinned_page_does_not_migrate),
	LAB_TEST(compaction_never_moves_a_page_that_the_device_has),
	LAB_TEST(userfaultfd_write_protection_cuts),
	LAB_TEST(userfaultfd_page_is_refused_until_it_is_there),
	LAB_TEST(userfaultfd_without_answer_stalls_nobody),
	LAB_TEST(soft_offline_cuts_and_keeps_what_the_device_wrote),
	LAB_TEST(memory_failure_cuts_and_remap_is_refused),
	LAB_TEST(memory_failure_leaves_a_pinned_page_to_the_device),
	LAB_TEST(soft_offline_leaves_a_pinned_page_to_the_device),
};

LAB_MAIN(LAB_TRANSLATED, tests)
