/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scene: one range, mapped for the device, to which something happens.
 *
 * Each test of revocation does the same: the device writes and the process sees
 * it; something happens to one page; there is an event at once; the device
 * reaches that page no more (or, where it is pinned, that very page still);
 * what was not touched keeps working; and a remap brings the address back, or
 * is refused with a reason.  The steps are here, what happens is in the tests.
 */
#ifndef P2PMAP_TEST_SCENE_H
#define P2PMAP_TEST_SCENE_H

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

static inline unsigned char *there(const struct scene *scene)
{
	return scene->range + scene->at;
}

/* The device reaches @at, and the process sees what it wrote. */
static inline void assert_reaches(struct scene *scene, uint32_t seed)
{
	probe_write(scene->lab, scene->dma, seed);
	assert_filled(there(scene), PROBE, seed);
	assert_true(probe_reads(scene->lab, scene->dma, seed));
}

static inline struct scene begin_at(struct lab *lab, void *range, size_t length,
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
	keep_still();
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

static inline struct scene begin(struct lab *lab, void *range, uint32_t flags)
{
	return begin_at(lab, range, RANGE, AT, flags);
}

static inline void end(struct scene *scene)
{
	unmap(scene->mapping);
	hold_drop(&scene->hold);
	munmap(scene->range, scene->length);
}

/* What is there now, wherever it is to be seen. */
static inline bool old_page_has(const struct scene *scene, uint32_t seed)
{
	return scene->view ? is_filled(scene->view, PROBE, seed) :
			     hold_has(&scene->hold, seed);
}

static inline bool old_page_in_view(const struct scene *scene)
{
	return scene->view || scene->hold.pipe[0] >= 0;
}

/* The event was there as soon as the call that caused it returned. */
static inline void assert_event_at(const struct scene *scene, uint32_t reason,
				   uint64_t offset, uint64_t length,
				   uint32_t not_cut)
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

static inline void assert_event(const struct scene *scene, uint32_t reason)
{
	assert_event_at(scene, reason, scene->at, PAGE, 0);
}

static inline void assert_told_but_not_cut(const struct scene *scene,
					   uint32_t reason)
{
	assert_event_at(scene, reason, scene->at, PAGE, P2PMAP_EVENT_NOT_CUT);
	assert_true(mapping_status(scene->mapping).out_flags &
		    P2PMAP_MAPPING_STALE);
}

static inline void assert_silent(const struct scene *scene)
{
	assert_false(readable(p2pmap_context_fd(scene->lab->ctx), 0));
	assert_true(mapping_status(scene->mapping).out_flags &
		    P2PMAP_MAPPING_LIVE);
}

/*
 * The device neither writes nor reads what was there.  What the process has
 * there now, if it has anything, is not touched either.
 */
static inline void assert_cut(struct scene *scene)
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
static inline void assert_page_works(struct scene *scene, size_t offset)
{
	uint32_t seed = SEED_REST + offset / PAGE;

	probe_write(scene->lab, mapping_dma(scene->mapping, offset), seed);
	assert_filled(scene->range + offset, PROBE, seed);
}

/* All but one page works, or does soon. */
static inline void assert_rest_works(struct scene *scene)
{
	assert_true(comes_alive(scene->mapping, scene->length - PAGE));
	if (scene->at)
		assert_page_works(scene, scene->at - PAGE);
	if (scene->at + PAGE < scene->length)
		assert_page_works(scene, scene->at + PAGE);
	assert_page_works(scene, scene->length - PAGE);
}

/* All of it is back without being asked for, with what the device wrote. */
static inline void assert_comes_back(struct scene *scene)
{
	assert_true(comes_alive(scene->mapping, scene->length));
	assert_reaches(scene, SEED_AFTER);
	assert_rest_works(scene);
}

static inline void assert_remap_refused(struct scene *scene, int error,
					uint32_t code)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	int rc = p2pmap_mapping_remap(scene->mapping, scene->at, PAGE, &reason);

	assert_int_equal(-rc, error);
	assert_int_equal(reason.code, code);
}

/* It comes back, under the address it had, with a new generation. */
static inline void assert_remaps(struct scene *scene)
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
	assert_true(p2pmap_mapping_flags(scene->mapping) & P2PMAP_MAPPING_LIVE);
	assert_int_equal(mapping_dma(scene->mapping, scene->at), scene->dma);
	assert_reaches(scene, SEED_AGAIN);
}

/* A pinned mapping: the device reaches the page that it was given. */
static inline void assert_old_page_reached(struct scene *scene)
{
	probe_write(scene->lab, scene->dma, SEED_AFTER);
	assert_true(old_page_has(scene, SEED_AFTER));
	assert_true(probe_reads(scene->lab, scene->dma, SEED_AFTER));
}

static inline void assert_pin_undisturbed(struct scene *scene)
{
	assert_silent(scene);
	assert_reaches(scene, SEED_AFTER);
	assert_rest_works(scene);
}

/* In a huge page, in its middle. */
static inline struct scene begin_thp(struct lab *lab, uint32_t flags)
{
	void *range = ram_thp(HUGE);

	if (!range)
		lab_skip(lab, "no huge page was to be had");
	return begin_at(lab, range, HUGE, 77 * PAGE, flags);
}

/* fork(): a child that looks on. */

/* A child that lives until its end of a pipe is closed. */
struct fork_case {
	struct scene *scene;
	int go[2];
	int done[2];
	pid_t pid;
};

/* Says what it sees there; then, told to, once more. */
static inline int watching_child(void *arg)
{
	struct fork_case *fork_case = arg;
	struct scene *scene = fork_case->scene;
	char word;

	close(fork_case->go[1]);
	close(fork_case->done[0]);
	while (read(fork_case->go[0], &word, 1) == 1) {
		if (word == 'w')
			fill(there(scene), PROBE, ~SEED_AFTER);
		word = is_filled(there(scene), PROBE, SEED_BEFORE) ? 'b' :
		       is_filled(there(scene), PROBE, ~SEED_AFTER) ? 'w' :
								     '?';
		CHILD_CHECK(write(fork_case->done[1], &word, 1) == 1);
	}
	return 0;
}

static inline void fork_begin(struct fork_case *fork_case, struct scene *scene)
{
	fork_case->scene = scene;
	assert_return_code(pipe2(fork_case->go, O_CLOEXEC), errno);
	assert_return_code(pipe2(fork_case->done, O_CLOEXEC), errno);
	fork_case->pid = child_start(watching_child, fork_case);
	close(fork_case->go[0]);
	close(fork_case->done[1]);
}

static inline char fork_ask(struct fork_case *fork_case, char word)
{
	assert_int_equal(write(fork_case->go[1], &word, 1), 1);
	assert_int_equal(read(fork_case->done[0], &word, 1), 1);
	return word;
}

static inline void fork_end(struct fork_case *fork_case)
{
	close(fork_case->go[1]);
	close(fork_case->done[0]);
	assert_int_equal(child_end(fork_case->pid), 0);
}

#endif /* P2PMAP_TEST_SCENE_H */
