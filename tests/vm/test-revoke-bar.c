// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revocation of device memory: what the device may reach before and after.
 * See test-revoke.
 *
 * iommu: on
 * lab: --icount --qemu '-object memory-backend-ram,id=n0,size=512M -object memory-backend-ram,id=n1,size=512M -numa node,memdev=n0,cpus=0 -numa node,memdev=n1'
 */
#define _GNU_SOURCE
#include "scene.h"

/* Device memory */

#define BAR_OFFSET (4 * MIB)

static struct scene begin_bar(struct lab *lab, size_t length, size_t at)
{
	struct scene scene = begin_at(lab, bar_at(lab, BAR_OFFSET, length),
				      length, at, WRITE);

	scene.view = bar_at(lab, BAR_OFFSET + at, PAGE);
	return scene;
}

static void end_bar(struct scene *scene)
{
	munmap((void *)scene->view, PAGE);
	end(scene);
}

static void bar_munmap_cuts_that_part_only(void **state)
{
	struct lab *lab = *state;
	struct scene scene = begin_bar(lab, RANGE, AT);

	munmap(there(&scene), PAGE);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_HOLE);
	bar_mmap(lab->ivshmem_address, 2, there(&scene), BAR_OFFSET + AT, PAGE,
		 RW, MAP_SHARED);
	assert_remaps(&scene);
	end_bar(&scene);
}

/* Large enough for entries of 2 MiB: the cut is wider, and what is not meant
 * comes back. */
static void bar_munmap_in_a_superpage_cuts_that_page_only(void **state)
{
	struct scene scene = begin_bar(*state, 16 * MIB, 5 * MIB + 3 * PAGE);

	munmap(there(&scene), PAGE);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_page_works(&scene, 0);
	assert_true(old_page_has(&scene, SEED_BEFORE));
	end_bar(&scene);
}

static void bar_read_only_cuts_a_mapping_with_write(void **state)
{
	struct scene scene = begin_bar(*state, RANGE, AT);

	assert_int_equal(mprotect(there(&scene), PAGE, PROT_READ), 0);
	assert_event(&scene, P2PMAP_EVENT_PROTECTION);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_NOT_WRITABLE);
	assert_int_equal(mprotect(there(&scene), PAGE, RW), 0);
	assert_remaps(&scene);
	end_bar(&scene);
}

static void bar_mremap_cuts_the_old_address(void **state)
{
	struct scene scene = begin_bar(*state, RANGE, AT);
	void *moved = mremap(scene.range, RANGE, RANGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED, reserve(RANGE));

	assert_ptr_not_equal(moved, MAP_FAILED);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_HOLE);
	munmap(moved, RANGE);
	end_bar(&scene);
}

static void bar_fork_leaves_it_to_the_device(void **state)
{
	struct scene scene = begin_bar(*state, RANGE, AT);
	struct fork_case fork_case;

	fork_begin(&fork_case, &scene);
	assert_silent(&scene);
	assert_reaches(&scene, SEED_AFTER);
	fork_end(&fork_case);
	assert_rest_works(&scene);
	end_bar(&scene);
}

static void bar_dontneed_is_refused_and_changes_nothing(void **state)
{
	struct scene scene = begin_bar(*state, RANGE, AT);

	assert_int_equal(madvise(there(&scene), PAGE, MADV_DONTNEED), -1);
	assert_silent(&scene);
	assert_reaches(&scene, SEED_AFTER);
	end_bar(&scene);
}

static void bar_soft_dirty_tracking_does_no_harm(void **state)
{
	struct scene scene = begin_bar(*state, RANGE, AT);
	struct p2pmap_event event;

	assert_int_equal(file_write("/proc/self/clear_refs", "4"), 0);
	if (event_next(scene.lab->ctx, 0, &event))
		assert_remaps(&scene);
	assert_reaches(&scene, SEED_AFTER);
	end_bar(&scene);
}

/* Another BAR's memory under the same address is not what was mapped. */
static void bar_remap_refuses_what_is_not_a_bar(void **state)
{
	struct scene scene = begin_bar(*state, RANGE, AT);

	mmap(there(&scene), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	     -1, 0);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_remap_refused(&scene, EFAULT, P2PMAP_REASON_MIXED);
	assert_cut(&scene);
	assert_true(is_zero(there(&scene), PROBE));
	end_bar(&scene);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(bar_munmap_cuts_that_part_only),
	LAB_TEST(bar_munmap_in_a_superpage_cuts_that_page_only),
	LAB_TEST(bar_read_only_cuts_a_mapping_with_write),
	LAB_TEST(bar_mremap_cuts_the_old_address),
	LAB_TEST(bar_fork_leaves_it_to_the_device),
	LAB_TEST(bar_dontneed_is_refused_and_changes_nothing),
	LAB_TEST(bar_soft_dirty_tracking_does_no_harm),
	LAB_TEST(bar_remap_refuses_what_is_not_a_bar),
};

LAB_MAIN(LAB_TRANSLATED, tests)
