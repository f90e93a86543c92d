// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revocation: for each thing that can happen to memory, what the device may
 * reach before and after, and what the event says.
 *
 * docs/revocation.md is the table of these tests.  Each does the same: the
 * device writes and the process sees it; something happens to one page; there
 * is an event at once; the device reaches that page no more (or, where it is
 * pinned, that very page still); what was not touched keeps working; and a
 * remap brings the address back, or is refused with a reason.
 *
 * Races are not looked for here: test-revoke-race does that.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "witness.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#define PAGES 8
#define RANGE (PAGES * PAGE)

/* The page to which it happens, where nothing speaks against it. */
#define AT (3 * PAGE)

/* Patterns: what the device wrote before, afterwards and after a remap. */
#define SEED_BEFORE 0x1000
#define SEED_AFTER 0x2000
#define SEED_REST 0x3000
#define SEED_AGAIN 0x4000

/**
 * struct scene - one range, mapped for the device
 * @lab: the lab
 * @range: its address
 * @length: its length
 * @at: offset of the page to which something happens
 * @view: another look at what is at @at, or NULL
 * @hold: a look at the very page that was at @at, if it was taken
 * @mapping: its mapping
 * @dma: DMA address of @at
 */
struct scene {
	struct lab *lab;
	unsigned char *range;
	size_t length;
	size_t at;
	const unsigned char *view;
	struct hold hold;
	struct p2pmap_mapping *mapping;
	uint64_t dma;
};

static unsigned char *there(const struct scene *scene)
{
	return scene->range + scene->at;
}

/* The device reaches @at, and the process sees what it wrote. */
static void assert_reaches(struct scene *scene, uint32_t seed)
{
	probe_write(scene->lab, scene->dma, seed);
	assert_filled(there(scene), PROBE, seed);
	assert_true(probe_reads(scene->lab, scene->dma, seed));
}

static struct scene begin_at(struct lab *lab, void *range, size_t length,
			     size_t at, uint32_t flags)
{
	struct scene scene = {
		.lab = lab,
		.range = range,
		.length = length,
		.at = at,
		.hold = NO_HOLD,
	};

	assert_non_null(range);
	numa_balancing(false);
	for (size_t i = 0; i < length; i += PAGE)
		fill(scene.range + i, PROBE, i);
	scene.mapping = map(lab, range, length, flags);
	scene.dma = mapping_dma(scene.mapping, at);
	assert_true(p2pmap_mapping_flags(scene.mapping) &
		    P2PMAP_MAPPING_ENFORCED);
	assert_reaches(&scene, SEED_BEFORE);
	events_discard(lab->ctx);
	return scene;
}

static struct scene begin(struct lab *lab, void *range, uint32_t flags)
{
	return begin_at(lab, range, RANGE, AT, flags);
}

static void end(struct scene *scene)
{
	unmap(scene->mapping);
	hold_drop(&scene->hold);
	munmap(scene->range, scene->length);
}

/* What is there now, wherever it is to be seen. */
static bool old_page_has(const struct scene *scene, uint32_t seed)
{
	return scene->view ? is_filled(scene->view, PROBE, seed) :
			     hold_has(&scene->hold, seed);
}

static bool old_page_in_view(const struct scene *scene)
{
	return scene->view || scene->hold.pipe[0] >= 0;
}

/* The event was there as soon as the call that caused it returned. */
static void assert_event_at(const struct scene *scene, uint32_t reason,
			    uint64_t offset, uint64_t length, uint32_t not_cut)
{
	struct p2pmap_event event;

	assert_true(event_next(scene->lab->ctx, 0, &event));
	assert_int_equal(event.size, sizeof(event));
	assert_int_equal(event.mapping, p2pmap_mapping_id(scene->mapping));
	if ((event.reasons & reason) != reason)
		lab_note(scene->lab, "reasons 0x%x", event.reasons);
	assert_int_equal(event.reasons & reason, reason);
	assert_true(event_covers(&event, offset, length));
	assert_int_equal(event.flags & P2PMAP_EVENT_NOT_CUT, not_cut);
	if (not_cut) {
		assert_int_equal(event.cut_length, 0);
		return;
	}
	assert_true(event.cut_offset <= offset);
	assert_true(event.cut_offset + event.cut_length >= offset + length);
}

static void assert_event(const struct scene *scene, uint32_t reason)
{
	assert_event_at(scene, reason, scene->at, PAGE, 0);
}

static void assert_told_but_not_cut(const struct scene *scene, uint32_t reason)
{
	assert_event_at(scene, reason, scene->at, PAGE, P2PMAP_EVENT_NOT_CUT);
	assert_true(mapping_status(scene->mapping).out_flags &
		    P2PMAP_MAPPING_STALE);
}

static void assert_silent(const struct scene *scene)
{
	assert_false(readable(p2pmap_context_fd(scene->lab->ctx), 0));
	assert_true(mapping_status(scene->mapping).out_flags &
		    P2PMAP_MAPPING_LIVE);
}

/*
 * The device neither writes nor reads what was there.  What the process has
 * there now, if it has anything, is not touched either.
 */
static void assert_cut(struct scene *scene)
{
	struct p2pmap_status status = mapping_status(scene->mapping);

	assert_false(status.out_flags & P2PMAP_MAPPING_LIVE);
	assert_true(status.out_live_bytes <= scene->length - PAGE);
	assert_int_equal(status.out_generation & 1, 0);
	probe_write(scene->lab, scene->dma, SEED_AFTER);
	if (old_page_in_view(scene)) {
		assert_true(old_page_has(scene, SEED_BEFORE));
		assert_false(old_page_has(scene, SEED_AFTER));
	}
	/* QEMU answers what an IOMMU refuses with zeros. */
	assert_true(probe_reads_zero(scene->lab, scene->dma));
}

/* A page without any pattern, of a mapping that is the scene's. */
static void assert_page_works(struct scene *scene, size_t offset)
{
	uint32_t seed = SEED_REST + offset / PAGE;

	probe_write(scene->lab, mapping_dma(scene->mapping, offset), seed);
	assert_filled(scene->range + offset, PROBE, seed);
}

/* All but one page works, or does soon. */
static void assert_rest_works(struct scene *scene)
{
	assert_true(comes_alive(scene->mapping, scene->length - PAGE));
	if (scene->at)
		assert_page_works(scene, scene->at - PAGE);
	if (scene->at + PAGE < scene->length)
		assert_page_works(scene, scene->at + PAGE);
	assert_page_works(scene, scene->length - PAGE);
}

static void assert_remap_refused(struct scene *scene, int error, uint32_t code)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	int rc = p2pmap_mapping_remap(scene->mapping, scene->at, PAGE,
				      &reason);

	assert_int_equal(-rc, error);
	assert_int_equal(reason.code, code);
}

/* It comes back, under the address it had, with a new generation. */
static void assert_remaps(struct scene *scene)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	uint64_t before = mapping_status(scene->mapping).out_generation;
	char text[P2PMAP_REASON_TEXT_SIZE];
	int rc;

	rc = p2pmap_mapping_remap(scene->mapping, 0, 0, &reason);
	if (rc) {
		p2pmap_reason_text(&reason, text, sizeof(text));
		lab_note(scene->lab, "%s: %s", strerror(-rc), text);
	}
	assert_int_equal(rc, 0);
	assert_true(p2pmap_mapping_generation(scene->mapping) > before);
	assert_true(p2pmap_mapping_flags(scene->mapping) &
		    P2PMAP_MAPPING_LIVE);
	assert_int_equal(mapping_dma(scene->mapping, scene->at), scene->dma);
	assert_reaches(scene, SEED_AGAIN);
}

/* A pinned mapping: the device reaches the page that it was given. */
static void assert_old_page_reached(struct scene *scene)
{
	probe_write(scene->lab, scene->dma, SEED_AFTER);
	assert_true(old_page_has(scene, SEED_AFTER));
	assert_true(probe_reads(scene->lab, scene->dma, SEED_AFTER));
}

static void assert_pin_undisturbed(struct scene *scene)
{
	assert_silent(scene);
	assert_reaches(scene, SEED_AFTER);
	assert_rest_works(scene);
}

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

/* In a huge page, in its middle. */
static struct scene begin_thp(struct lab *lab, uint32_t flags)
{
	void *range = ram_thp(HUGE);

	if (!range)
		lab_skip(lab, "no huge page was to be had");
	return begin_at(lab, range, HUGE, 77 * PAGE, flags);
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

	numa_balancing(false);
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

	moved = mremap(there(&scene), PAGE, PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, moved);
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

	moved = mremap(there(&scene), PAGE, PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, moved);
	assert_ptr_not_equal(moved, MAP_FAILED);
	scene.view = moved;
	assert_told_but_not_cut(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_old_page_reached(&scene);
	munmap(moved, PAGE);
	end(&scene);
}

/* fork() */

/* A child that lives until its end of a pipe is closed. */
struct fork_case {
	struct scene *scene;
	int go[2];
	int done[2];
	pid_t pid;
};

/* Says what it sees there; then, told to, once more. */
static int watching_child(void *arg)
{
	struct fork_case *fork_case = arg;
	struct scene *scene = fork_case->scene;
	char word;

	close(fork_case->go[1]);
	close(fork_case->done[0]);
	while (read(fork_case->go[0], &word, 1) == 1) {
		if (word == 'w')
			fill(there(scene), PROBE, ~SEED_AFTER);
		word = is_filled(there(scene), PROBE, SEED_BEFORE)  ? 'b' :
		       is_filled(there(scene), PROBE, ~SEED_AFTER) ? 'w' :
								     '?';
		CHILD_CHECK(write(fork_case->done[1], &word, 1) == 1);
	}
	return 0;
}

static void fork_begin(struct fork_case *fork_case, struct scene *scene)
{
	fork_case->scene = scene;
	assert_return_code(pipe2(fork_case->go, O_CLOEXEC), errno);
	assert_return_code(pipe2(fork_case->done, O_CLOEXEC), errno);
	fork_case->pid = child_start(watching_child, fork_case);
	close(fork_case->go[0]);
	close(fork_case->done[1]);
}

static char fork_ask(struct fork_case *fork_case, char word)
{
	assert_int_equal(write(fork_case->go[1], &word, 1), 1);
	assert_int_equal(read(fork_case->done[0], &word, 1), 1);
	return word;
}

static void fork_end(struct fork_case *fork_case)
{
	close(fork_case->go[1]);
	close(fork_case->done[0]);
	assert_int_equal(child_end(fork_case->pid), 0);
}

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
	struct scene scene = begin(*state, mmap_fd(fd, RANGE, RW, MAP_SHARED),
				   WRITE);
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
	assert_return_code(fallocate(fd, FALLOC_FL_PUNCH_HOLE |
						 FALLOC_FL_KEEP_SIZE,
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
	assert_return_code(fallocate(fd, FALLOC_FL_PUNCH_HOLE |
						 FALLOC_FL_KEEP_SIZE,
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

static unsigned char *small_pages_where_a_huge_one_fits(void)
{
	unsigned char *range = ram_thp(HUGE);

	assert_non_null(range);
	madvise(range, HUGE, MADV_NOHUGEPAGE);
	madvise(range, HUGE, MADV_DONTNEED);
	memset(range, 2, HUGE);
	assert_false(page_flags_of(range) & KPAGE_THP);
	madvise(range, HUGE, MADV_HUGEPAGE);
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

static void thp_collapse_cuts_and_keeps_what_the_device_wrote(void **state)
{
	struct scene scene = begin_at(*state,
				      small_pages_where_a_huge_one_fits(),
				      HUGE, 77 * PAGE, WRITE);

	assert_int_equal(collapse(scene.range), 0);
	assert_true(page_flags_of(scene.range) & KPAGE_THP);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_remaps(&scene);
	assert_rest_works(&scene);
	end(&scene);
}

static void thp_collapse_leaves_a_pinned_page_alone(void **state)
{
	struct scene scene = begin_at(*state,
				      small_pages_where_a_huge_one_fits(),
				      HUGE, 77 * PAGE, WRITE | PIN);
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

static void thp_split_cuts_and_keeps_what_the_device_wrote(void **state)
{
	struct scene scene = begin_thp(*state, WRITE);

	if (split_huge_page(scene.range))
		lab_skip(scene.lab, "this kernel does not split on request");
	assert_false(page_flags_of(scene.range) & KPAGE_THP);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_filled(there(&scene), PROBE, SEED_BEFORE);
	assert_remaps(&scene);
	assert_rest_works(&scene);
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

	numa_balancing(false);
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
	sleep_ms(500);
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

/* The end of the process, and exec */

/* What a child tells of its mapping; in memory that both share. */
struct owner {
	struct lab *lab;
	uint32_t flags;
	bool bar;
	bool exec;
	bool setuid;
	int sync[2];
	int out[2];
	struct {
		uint64_t dma;
		bool ready;
	} *shared;
	struct hold hold;
	pid_t pid;
	int fd;
};

#define OWNER_BAR_OFFSET (8 * MIB)

static void *owner_range(struct owner *owner)
{
	char path[PATH_MAX];
	int fd;

	if (!owner->bar)
		return mmap(NULL, RANGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2",
		 owner->lab->ivshmem_address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return mmap(NULL, RANGE, RW, MAP_SHARED, fd, OWNER_BAR_OFFSET);
}

/* Becomes the program again, with the context's descriptor. */
static int exec_with(int fd, bool setuid)
{
	char number[16];

	fcntl(fd, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", fd);
	if (!setuid) {
		execl("/proc/self/exe", "test-revoke", "--after-exec", number,
		      NULL);
		return 97;
	}
	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	execl("/tmp/revoke-suid", "revoke-suid", "--after-exec", number, NULL);
	return 97;
}

static int owner_main(void *arg)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct owner *owner = arg;
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;
	unsigned char *range = owner_range(owner);
	struct iovec iov = { range + AT, PAGE };
	char word;

	CHILD_CHECK(range != MAP_FAILED);
	fill(range + AT, PROBE, SEED_REST);
	CHILD_CHECK(owner->bar ||
		    vmsplice(owner->hold.pipe[1], &iov, 1, 0) == PAGE);
	CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
	CHILD_CHECK(!attach(ctx, owner->lab->edu_address, 64, &reason,
			    &importer));
	CHILD_CHECK(!p2pmap_mapping_map(importer, range, RANGE, owner->flags,
					NULL, &reason, &mapping));
	CHILD_CHECK(!p2pmap_mapping_dma_addr(mapping, AT, &owner->shared->dma,
					     NULL));
	owner->shared->ready = true;
	CHILD_CHECK(!send_fd(owner->sync[1], p2pmap_context_fd(ctx), "m", 1));
	CHILD_CHECK(read(owner->sync[1], &word, 1) == 1);
	if (owner->exec)
		return exec_with(p2pmap_context_fd(ctx), owner->setuid);
	return 0;
}

/* The child maps, and hands its descriptor over for the parent to look at. */
static void owner_begin(struct owner *owner)
{
	char word;

	owner->shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				      owner->sync),
			   errno);
	assert_return_code(pipe2(owner->hold.pipe, O_CLOEXEC), errno);
	assert_return_code(pipe2(owner->hold.copy, O_CLOEXEC), errno);
	owner->pid = child_start(owner_main, owner);
	close(owner->sync[1]);
	owner->fd = recv_fd(owner->sync[0], &word, 1);
	assert_true(owner->fd >= 0);
	assert_true(owner->shared->ready);
}

/* The page, or the BAR's, has this pattern. */
static bool owner_has(struct owner *owner, uint32_t seed)
{
	unsigned char *view;
	bool has;

	if (!owner->bar)
		return hold_has(&owner->hold, seed);
	view = bar_at(owner->lab, OWNER_BAR_OFFSET + AT, PAGE);
	has = is_filled(view, PROBE, seed);
	munmap(view, PAGE);
	return has;
}

static void owner_probe(struct owner *owner, uint32_t seed)
{
	probe_write(owner->lab, owner->shared->dma, seed);
}

static void owner_end(struct owner *owner)
{
	close(owner->fd);
	close(owner->sync[0]);
	hold_drop(&owner->hold);
	munmap(owner->shared, PAGE);
}

static bool hangs_up(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = 0 };

	return poll(&pollfd, 1, PATIENCE_MS) == 1 && pollfd.revents & POLLHUP;
}

static void assert_owner_cut(struct owner *owner)
{
	owner_probe(owner, SEED_AFTER);
	assert_true(owner_has(owner, SEED_BEFORE));
	assert_true(probe_reads_zero(owner->lab, owner->shared->dma));
	assert_true(hangs_up(owner->fd));
}

static void owner_writes(struct owner *owner)
{
	owner_probe(owner, SEED_BEFORE);
	assert_true(owner_has(owner, SEED_BEFORE));
}

/* The descriptor lives on in this process: only the memory is gone. */
static void owner_exits(struct lab *lab, uint32_t flags, bool bar, int signal)
{
	struct owner owner = { .lab = lab, .flags = flags, .bar = bar,
			       .hold = NO_HOLD };
	int status;

	owner_begin(&owner);
	owner_writes(&owner);
	if (signal)
		kill(owner.pid, signal);
	else
		assert_int_equal(write(owner.sync[0], "x", 1), 1);
	status = child_end(owner.pid);
	assert_int_equal(status, signal ? CHILD_SIGNALLED + signal : 0);
	assert_owner_cut(&owner);
	owner_end(&owner);
}

static void exit_cuts_while_the_descriptor_lives(void **state)
{
	owner_exits(*state, WRITE, false, 0);
}

static void exit_cuts_a_bar_while_the_descriptor_lives(void **state)
{
	owner_exits(*state, WRITE, true, 0);
}

static void sigkill_cuts_while_the_descriptor_lives(void **state)
{
	owner_exits(*state, WRITE, false, SIGKILL);
}

/* The pins are the descriptor's; with it they go. */
static void exit_leaves_pinned_pages_until_the_descriptor_is_closed(void **state)
{
	struct owner owner = { .lab = *state, .flags = WRITE | PIN,
			       .hold = NO_HOLD };

	owner_begin(&owner);
	owner_writes(&owner);
	kill(owner.pid, SIGKILL);
	child_end(owner.pid);
	assert_true(hangs_up(owner.fd));
	owner_probe(&owner, SEED_AFTER);
	assert_true(owner_has(&owner, SEED_AFTER));
	close(owner.fd);
	owner_probe(&owner, SEED_AGAIN);
	assert_true(owner_has(&owner, SEED_AFTER));
	owner.fd = -1;
	owner_end(&owner);
}

/* A transfer is under way when the owner, and its descriptor, is killed. */
static void sigkill_mid_dma(struct lab *lab, uint32_t flags, bool bar)
{
	struct owner owner = { .lab = lab, .flags = flags, .bar = bar,
			       .hold = NO_HOLD };

	owner_begin(&owner);
	owner_writes(&owner);
	close(owner.fd);
	owner.fd = -1;
	for (int tries = 0;; tries++) {
		dev_load(lab, SEED_AFTER, PROBE);
		assert_int_equal(edu_start(lab->edu, EDU_WRITE,
					   owner.shared->dma, PROBE),
				 0);
		sleep_ms(20);
		kill(owner.pid, SIGKILL);
		child_end(owner.pid);
		assert_int_equal(tries, 0);
		if (edu_busy(lab->edu))
			break;
		lab_skip(lab, "the machine was too slow to be in time");
	}
	assert_int_equal(edu_wait(lab->edu, EDU_TIMEOUT_MS), 0);
	assert_true(owner_has(&owner, SEED_BEFORE));
	owner_end(&owner);
}

static void sigkill_mid_dma_cuts(void **state)
{
	sigkill_mid_dma(*state, WRITE, false);
}

static void sigkill_mid_dma_cuts_pinned_memory(void **state)
{
	sigkill_mid_dma(*state, WRITE | PIN, false);
}

static void sigkill_mid_dma_cuts_a_bar(void **state)
{
	sigkill_mid_dma(*state, WRITE, true);
}

/* In the program after exec: nothing of the context is to be had. */
static int after_exec(int fd)
{
	struct p2pmap_info info = { .size = sizeof(info) };
	struct p2pmap_status status = { .size = sizeof(status), .id = 1 };
	struct p2pmap_event event;

	CHILD_CHECK(read(fd, &event, sizeof(event)) < 0 && errno == EPERM);
	CHILD_CHECK(ioctl(fd, P2PMAP_IOC_INFO, &info) && errno == EPERM);
	CHILD_CHECK(ioctl(fd, P2PMAP_IOC_STATUS, &status) && errno == EPERM);
	CHILD_CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) ==
			    MAP_FAILED &&
		    errno == EPERM);
	CHILD_CHECK(hangs_up(fd));
	return geteuid() ? 5 : 7;
}

static void owner_execs(struct lab *lab, uint32_t flags, bool setuid)
{
	struct owner owner = { .lab = lab, .flags = flags, .exec = true,
			       .setuid = setuid, .hold = NO_HOLD };

	owner_begin(&owner);
	owner_writes(&owner);
	assert_int_equal(write(owner.sync[0], "x", 1), 1);
	/* 7: as root, with all checks passed. */
	assert_int_equal(child_end(owner.pid), 7);
	assert_owner_cut(&owner);
	owner_end(&owner);
}

static void exec_cuts_and_the_program_has_nothing(void **state)
{
	owner_execs(*state, WRITE, false);
}

static void exec_of_setuid_cuts_and_the_program_has_nothing(void **state)
{
	assert_int_equal(COMMAND("sh", "-c",
				 "cp /proc/$PPID/exe /tmp/revoke-suid &&"
				 " chmod 4755 /tmp/revoke-suid"),
			 0);
	owner_execs(*state, WRITE, true);
	unlink("/tmp/revoke-suid");
}

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
static void bar_munmap_in_a_superpage_leaves_its_neighbours(void **state)
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
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
		LAB_TEST(soft_dirty_tracking_cuts),
		LAB_TEST(soft_dirty_tracking_leaves_a_pinned_page_to_the_device),
		LAB_TEST(ksm_merge_cuts_and_remap_unshares),
		LAB_TEST(a_pinned_page_is_not_merged),
		LAB_TEST(thp_collapse_cuts_and_keeps_what_the_device_wrote),
		LAB_TEST(thp_collapse_leaves_a_pinned_page_alone),
		LAB_TEST(thp_split_cuts_and_keeps_what_the_device_wrote),
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
		LAB_TEST(exit_cuts_while_the_descriptor_lives),
		LAB_TEST(exit_cuts_a_bar_while_the_descriptor_lives),
		LAB_TEST(sigkill_cuts_while_the_descriptor_lives),
		LAB_TEST(exit_leaves_pinned_pages_until_the_descriptor_is_closed),
		LAB_TEST(sigkill_mid_dma_cuts),
		LAB_TEST(sigkill_mid_dma_cuts_pinned_memory),
		LAB_TEST(sigkill_mid_dma_cuts_a_bar),
		LAB_TEST(exec_cuts_and_the_program_has_nothing),
		LAB_TEST(exec_of_setuid_cuts_and_the_program_has_nothing),
		LAB_TEST(bar_munmap_cuts_that_part_only),
		LAB_TEST(bar_munmap_in_a_superpage_leaves_its_neighbours),
		LAB_TEST(bar_read_only_cuts_a_mapping_with_write),
		LAB_TEST(bar_mremap_cuts_the_old_address),
		LAB_TEST(bar_fork_leaves_it_to_the_device),
		LAB_TEST(bar_dontneed_is_refused_and_changes_nothing),
		LAB_TEST(bar_soft_dirty_tracking_does_no_harm),
		LAB_TEST(bar_remap_refuses_what_is_not_a_bar),
	};

	if (argc == 3 && !strcmp(argv[1], "--after-exec"))
		return after_exec(atoi(argv[2]));
	if (!lab_begin(argc, argv, LAB_TRANSLATED))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
