// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revocation: for each thing that a process can do to its memory, what the
 * device may reach before and after, and what the event says.
 *
 * docs/revocation.md is the table of these tests, and of those in
 * test-revoke-kernel (what the kernel does by itself), test-revoke-end (exit and
 * exec) and test-revoke-bar.  Races are test-revoke-race's.
 *
 * iommu: on
 * lab: --icount --qemu '-object memory-backend-ram,id=n0,size=512M -object memory-backend-ram,id=n1,size=512M -numa node,memdev=n0,cpus=0 -numa node,memdev=n1'
 */
#define _GNU_SOURCE
#include "scene.h"

/* munmap() */

static void munmap_of_a_page_cuts_that_page_only(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);

	hold_take(&scene.hold, there(&scene));
	munmap(there(&scene), PAGE);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_HOLE);
	end(&scene);
}

static void munmap_and_mmap_anew_comes_back_by_remap(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);

	hold_take(&scene.hold, there(&scene));
	munmap(there(&scene), PAGE);
	mmap(there(&scene), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	     -1, 0);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_true(is_zero(there(&scene), PROBE));
	assert_remaps(&scene);
	assert_true(old_page_has(&scene, SEED_BEFORE));
	end(&scene);
}

static void munmap_of_a_pinned_page_leaves_it_to_the_device(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);

	hold_take(&scene.hold, there(&scene));
	munmap(there(&scene), PAGE);
	assert_told_but_not_cut(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_old_page_reached(&scene);
	assert_rest_works(&scene);
	assert_remap_refused(&scene, EOPNOTSUPP, P2PMAP_REASON_NONE);
	end(&scene);
}

static void munmap_in_a_huge_page_cuts_that_page_only(void **state)
{
	struct scene scene = begin_thp(*state, WRITE);

	hold_take(&scene.hold, there(&scene));
	munmap(there(&scene), PAGE);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_HOLE);
	end(&scene);
}

/* madvise() */

static void dontneed_of_a_page_cuts_that_page_only(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);

	hold_take(&scene.hold, there(&scene));
	assert_int_equal(madvise(there(&scene), PAGE, MADV_DONTNEED), 0);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_true(is_zero(there(&scene), PROBE));
	assert_remaps(&scene);
	assert_true(old_page_has(&scene, SEED_BEFORE));
	end(&scene);
}

static void dontneed_in_a_huge_page_cuts_that_page_only(void **state)
{
	struct scene scene = begin_thp(*state, WRITE);

	hold_take(&scene.hold, there(&scene));
	assert_int_equal(madvise(there(&scene), PAGE, MADV_DONTNEED), 0);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_true(is_zero(there(&scene), PROBE));
	assert_remaps(&scene);
	end(&scene);
}

static void dontneed_of_a_pinned_page_leaves_it_to_the_device(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);

	hold_take(&scene.hold, there(&scene));
	assert_int_equal(madvise(there(&scene), PAGE, MADV_DONTNEED), 0);
	assert_told_but_not_cut(&scene, P2PMAP_EVENT_CHANGED);
	assert_old_page_reached(&scene);
	assert_true(is_zero(there(&scene), PROBE));
	end(&scene);
}

static void madv_free_cuts(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);

	hold_take(&scene.hold, there(&scene));
	assert_int_equal(madvise(there(&scene), PAGE, MADV_FREE), 0);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_remaps(&scene);
	end(&scene);
}

static void madv_free_leaves_a_pinned_page_to_the_device(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);

	assert_int_equal(madvise(there(&scene), PAGE, MADV_FREE), 0);
	assert_told_but_not_cut(&scene, P2PMAP_EVENT_CHANGED);
	assert_reaches(&scene, SEED_AFTER);
	end(&scene);
}

/* Swap: a compressed disk in memory. */

static void swap_on(struct lab *lab)
{
	if (COMMAND("sh", "-e", "-c",
		    "modprobe zram\n"
		    "[ -e /sys/block/zram0 ] ||"
		    " cat /sys/class/zram-control/hot_add\n"
		    "echo 64M >/sys/block/zram0/disksize\n"
		    "mkswap /dev/zram0\n"
		    "swapon /dev/zram0"))
		lab_skip(lab, "no swap on zram");
}

static void swap_off(void)
{
	COMMAND("sh", "-c",
		"swapoff /dev/zram0; echo 1 >/sys/block/zram0/reset");
}

/* Until the page is out, or would not go. */
static bool page_out(void *page)
{
	for (int i = 0; i < 20 && frame_of(page); i++) {
		madvise(page, PAGE, MADV_PAGEOUT);
		sleep_ms(10);
	}
	return !frame_of(page);
}

static void swap_out_cuts_and_keeps_what_the_device_wrote(void **state)
{
	struct lab *lab = *state;
	struct scene scene;

	swap_on(lab);
	scene = begin(lab, ram(RANGE), WRITE);
	assert_true(page_out(there(&scene)));
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_int_equal(frame_of(there(&scene)), 0);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_rest_works(&scene);
	assert_remaps(&scene);
	end(&scene);
	swap_off();
}

static void swap_out_and_remap_brings_the_page_in(void **state)
{
	struct lab *lab = *state;
	struct scene scene;

	swap_on(lab);
	scene = begin(lab, ram(RANGE), WRITE);
	assert_true(page_out(there(&scene)));
	assert_int_equal(p2pmap_mapping_remap(scene.mapping, 0, 0, NULL), 0);
	assert_true(probe_reads(lab, scene.dma, SEED_BEFORE));
	end(&scene);
	swap_off();
}

static void a_pinned_page_is_not_swapped_out(void **state)
{
	struct lab *lab = *state;
	struct scene scene;

	swap_on(lab);
	scene = begin(lab, ram(RANGE), WRITE | PIN);
	assert_false(page_out(there(&scene)));
	assert_reaches(&scene, SEED_AFTER);
	assert_rest_works(&scene);
	end(&scene);
	swap_off();
}

/* mprotect() */

static void read_only_cuts_a_mapping_with_write(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);

	assert_int_equal(mprotect(there(&scene), PAGE, PROT_READ), 0);
	assert_event(&scene, P2PMAP_EVENT_PROTECTION);
	assert_cut(&scene);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_rest_works(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_NOT_WRITABLE);
	assert_int_equal(mprotect(there(&scene), PAGE, RW), 0);
	assert_remaps(&scene);
	end(&scene);
}

static void no_access_cuts_a_mapping_without_write(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(RANGE);
	struct p2pmap_mapping *mapping;
	uint64_t dma;

	keep_still();
	fill(range + AT, PROBE, SEED_BEFORE);
	mapping = map(lab, range, RANGE, 0);
	dma = mapping_dma(mapping, AT);
	assert_true(probe_reads(lab, dma, SEED_BEFORE));
	probe_write(lab, dma, SEED_AFTER);
	assert_filled(range + AT, PROBE, SEED_BEFORE);
	assert_int_equal(mprotect(range + AT, PAGE, PROT_NONE), 0);
	assert_true(readable(p2pmap_context_fd(lab->ctx), 0));
	assert_true(probe_reads_zero(lab, dma));
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), -EFAULT);
	assert_int_equal(mprotect(range + AT, PAGE, PROT_READ), 0);
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	assert_true(probe_reads(lab, dma, SEED_BEFORE));
	unmap(mapping);
	munmap(range, RANGE);
}

static void read_only_leaves_a_pinned_page_to_the_device(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);

	assert_int_equal(mprotect(there(&scene), PAGE, PROT_READ), 0);
	assert_pin_undisturbed(&scene);
	end(&scene);
}

/* mremap() */

static void mremap_cuts_the_old_address(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);
	unsigned char *moved = reserve(PAGE);

	moved = mremap(there(&scene), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       moved);
	assert_ptr_not_equal(moved, MAP_FAILED);
	scene.view = moved;
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_HOLE);
	munmap(moved, PAGE);
	end(&scene);
}

static void mremap_of_a_pinned_page_takes_the_device_along(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);
	unsigned char *moved = reserve(PAGE);

	moved = mremap(there(&scene), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       moved);
	assert_ptr_not_equal(moved, MAP_FAILED);
	scene.view = moved;
	assert_told_but_not_cut(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_old_page_reached(&scene);
	munmap(moved, PAGE);
	end(&scene);
}

/* fork() */

static void fork_cuts_private_memory_from_a_writer(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);
	struct fork_case fork_case;

	fork_begin(&fork_case, &scene);
	assert_event(&scene, P2PMAP_EVENT_PROTECTION);
	assert_cut(&scene);
	assert_int_equal(fork_ask(&fork_case, 'r'), 'b');
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	fork_end(&fork_case);
	end(&scene);
}

/* Remap with WRITE breaks COW: parent and device share a page of their own. */
static void remap_after_fork_gives_the_device_the_parents_page(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);
	struct fork_case fork_case;

	fork_begin(&fork_case, &scene);
	assert_event(&scene, P2PMAP_EVENT_PROTECTION);
	assert_remaps(&scene);
	assert_int_equal(fork_ask(&fork_case, 'r'), 'b');
	assert_int_equal(fork_ask(&fork_case, 'w'), 'w');
	assert_filled(there(&scene), PROBE, SEED_AGAIN);
	fork_end(&fork_case);
	assert_reaches(&scene, SEED_AFTER);
	end(&scene);
}

/* The parent writes: a new page for it, which the device must not miss. */
static void cow_break_of_the_parent_is_followed_by_remap(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE);
	struct fork_case fork_case;

	fork_begin(&fork_case, &scene);
	fill(there(&scene), PROBE, SEED_REST);
	assert_event(&scene, P2PMAP_EVENT_PROTECTION);
	probe_write(scene.lab, scene.dma, SEED_AFTER);
	assert_filled(there(&scene), PROBE, SEED_REST);
	assert_int_equal(fork_ask(&fork_case, 'r'), 'b');
	assert_remaps(&scene);
	assert_int_equal(fork_ask(&fork_case, 'r'), 'b');
	fork_end(&fork_case);
	end(&scene);
}

static void fork_leaves_shared_memory_to_the_device(void **state)
{
	int fd = memfd(RANGE);
	struct scene scene =
		begin(*state, mmap_fd(fd, RANGE, RW, MAP_SHARED), WRITE);
	struct fork_case fork_case;

	fork_begin(&fork_case, &scene);
	assert_silent(&scene);
	assert_reaches(&scene, SEED_BEFORE);
	assert_int_equal(fork_ask(&fork_case, 'r'), 'b');
	fork_end(&fork_case);
	assert_rest_works(&scene);
	end(&scene);
	close(fd);
}

static void fork_leaves_a_pinned_page_to_parent_and_device(void **state)
{
	struct scene scene = begin(*state, ram(RANGE), WRITE | PIN);
	struct fork_case fork_case;

	fork_begin(&fork_case, &scene);
	assert_silent(&scene);
	assert_reaches(&scene, SEED_AFTER);
	assert_int_equal(fork_ask(&fork_case, 'r'), 'b');
	assert_int_equal(fork_ask(&fork_case, 'w'), 'w');
	assert_filled(there(&scene), PROBE, SEED_AFTER);
	/* The parent writes: still the device's page, not a copy. */
	fill(there(&scene), PROBE, SEED_REST);
	assert_true(probe_reads(scene.lab, scene.dma, SEED_REST));
	fork_end(&fork_case);
	end(&scene);
}

/* Files in memory */

static struct scene begin_memfd(struct lab *lab, int *fd, uint32_t flags)
{
	*fd = memfd(RANGE);
	return begin(lab, mmap_fd(*fd, RANGE, RW, MAP_SHARED), flags);
}

static void hole_punch_cuts(void **state)
{
	struct scene scene;
	int fd;

	scene = begin_memfd(*state, &fd, WRITE);
	hold_take(&scene.hold, there(&scene));
	assert_return_code(fallocate(fd,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     AT, PAGE),
			   errno);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_true(is_zero(there(&scene), PROBE));
	assert_remaps(&scene);
	assert_true(old_page_has(&scene, SEED_BEFORE));
	close(fd);
	end(&scene);
}

static void truncation_cuts_and_remap_is_refused(void **state)
{
	struct scene scene;
	int fd;

	scene = begin_memfd(*state, &fd, WRITE);
	scene.at = RANGE - PAGE;
	scene.dma = mapping_dma(scene.mapping, scene.at);
	assert_reaches(&scene, SEED_BEFORE);
	hold_take(&scene.hold, there(&scene));
	assert_return_code(ftruncate(fd, RANGE - PAGE), errno);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_true(comes_alive(scene.mapping, RANGE - PAGE));
	assert_page_works(&scene, 0);
	assert_page_works(&scene, RANGE - 2 * PAGE);
	assert_int_equal(p2pmap_mapping_remap(scene.mapping, 0, 0, NULL),
			 -EFAULT);
	assert_return_code(ftruncate(fd, RANGE), errno);
	assert_remaps(&scene);
	close(fd);
	end(&scene);
}

static void hole_punch_leaves_a_pinned_page_to_the_device(void **state)
{
	struct scene scene;
	int fd;

	scene = begin_memfd(*state, &fd, WRITE | PIN);
	hold_take(&scene.hold, there(&scene));
	assert_return_code(fallocate(fd,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     AT, PAGE),
			   errno);
	assert_told_but_not_cut(&scene, P2PMAP_EVENT_CHANGED);
	assert_old_page_reached(&scene);
	assert_true(is_zero(there(&scene), PROBE));
	close(fd);
	end(&scene);
}

/* Another process takes the page out of the file: its mm is not ours. */
static int punch(void *arg)
{
	return fallocate(*(int *)arg,
			 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, AT, PAGE);
}

static void hole_punch_by_another_process_cuts(void **state)
{
	struct scene scene;
	int fd;

	scene = begin_memfd(*state, &fd, WRITE);
	hold_take(&scene.hold, there(&scene));
	assert_int_equal(in_child(punch, &fd), 0);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	close(fd);
	end(&scene);
}

/* hugetlb */

static struct scene begin_hugetlb(struct lab *lab, uint32_t flags)
{
	void *range = ram_hugetlb(2 * HUGE);

	if (!range)
		lab_skip(lab, "no pages of hugetlb were to be had");
	return begin_at(lab, range, 2 * HUGE, HUGE + 5 * PAGE, flags);
}

/* The second of two huge pages goes; the first one stays. */
static void assert_first_huge_page_works(struct scene *scene)
{
	assert_true(comes_alive(scene->mapping, HUGE));
	assert_page_works(scene, 0);
	assert_page_works(scene, HUGE - PAGE);
}

static void hugetlb_munmap_cuts_that_page_only(void **state)
{
	struct scene scene = begin_hugetlb(*state, WRITE);

	hold_take(&scene.hold, there(&scene));
	assert_int_equal(munmap(scene.range + HUGE, HUGE), 0);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_first_huge_page_works(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_HOLE);
	scene.length = HUGE;
	end(&scene);
}

static void hugetlb_dontneed_cuts_that_page_only(void **state)
{
	struct scene scene = begin_hugetlb(*state, WRITE);

	hold_take(&scene.hold, there(&scene));
	assert_int_equal(madvise(scene.range + HUGE, HUGE, MADV_DONTNEED), 0);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_first_huge_page_works(&scene);
	assert_remaps(&scene);
	end(&scene);
}

static void hugetlb_pinned_page_is_left_to_the_device(void **state)
{
	struct scene scene = begin_hugetlb(*state, WRITE | PIN);

	hold_take(&scene.hold, there(&scene));
	assert_int_equal(madvise(scene.range + HUGE, HUGE, MADV_DONTNEED), 0);
	assert_told_but_not_cut(&scene, P2PMAP_EVENT_CHANGED);
	assert_old_page_reached(&scene);
	end(&scene);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(munmap_of_a_page_cuts_that_page_only),
	LAB_TEST(munmap_and_mmap_anew_comes_back_by_remap),
	LAB_TEST(munmap_of_a_pinned_page_leaves_it_to_the_device),
	LAB_TEST(munmap_in_a_huge_page_cuts_that_page_only),
	LAB_TEST(dontneed_of_a_page_cuts_that_page_only),
	LAB_TEST(dontneed_in_a_huge_page_cuts_that_page_only),
	LAB_TEST(dontneed_of_a_pinned_page_leaves_it_to_the_device),
	LAB_TEST(madv_free_cuts),
	LAB_TEST(madv_free_leaves_a_pinned_page_to_the_device),
	LAB_TEST(swap_out_cuts_and_keeps_what_the_device_wrote),
	LAB_TEST(swap_out_and_remap_brings_the_page_in),
	LAB_TEST(a_pinned_page_is_not_swapped_out),
	LAB_TEST(read_only_cuts_a_mapping_with_write),
	LAB_TEST(no_access_cuts_a_mapping_without_write),
	LAB_TEST(read_only_leaves_a_pinned_page_to_the_device),
	LAB_TEST(mremap_cuts_the_old_address),
	LAB_TEST(mremap_of_a_pinned_page_takes_the_device_along),
	LAB_TEST(fork_cuts_private_memory_from_a_writer),
	LAB_TEST(remap_after_fork_gives_the_device_the_parents_page),
	LAB_TEST(cow_break_of_the_parent_is_followed_by_remap),
	LAB_TEST(fork_leaves_shared_memory_to_the_device),
	LAB_TEST(fork_leaves_a_pinned_page_to_parent_and_device),
	LAB_TEST(hole_punch_cuts),
	LAB_TEST(truncation_cuts_and_remap_is_refused),
	LAB_TEST(hole_punch_leaves_a_pinned_page_to_the_device),
	LAB_TEST(hole_punch_by_another_process_cuts),
	LAB_TEST(hugetlb_munmap_cuts_that_page_only),
	LAB_TEST(hugetlb_dontneed_cuts_that_page_only),
	LAB_TEST(hugetlb_pinned_page_is_left_to_the_device),
};

LAB_MAIN(LAB_TRANSLATED, tests)
