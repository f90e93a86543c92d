// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generation page: one load says whether a mapping is still what it was.
 *
 * iommu: on
 */
#define _GNU_SOURCE
#include <signal.h>

#include "witness.h"

#define TRACING "/sys/kernel/tracing/"

/* A context with a generation page, besides the lab's. */
struct watch {
	struct lab *lab;
	struct p2pmap_context *ctx;
	struct p2pmap_importer *importer;
	unsigned char *page;
};

static struct watch watch_begin(struct lab *lab, uint32_t capacity)
{
	struct p2pmap_open_opts opts = { .size = sizeof(opts),
					 .watch_capacity = capacity };
	struct watch watch = { .lab = lab, .page = ram(4 * PAGE) };

	keep_still();
	memset(watch.page, 1, 4 * PAGE);
	assert_int_equal(p2pmap_context_open(&opts, &watch.ctx), 0);
	watch.importer = edu_attach(lab, watch.ctx);
	return watch;
}

static void watch_end(struct watch *watch)
{
	p2pmap_context_close(watch->ctx);
	munmap(watch->page, 4 * PAGE);
}

static int watch_try(struct watch *watch, struct p2pmap_mapping **mapping)
{
	return p2pmap_mapping_map(watch->importer, watch->page, 4 * PAGE, WRITE,
				  NULL, NULL, mapping);
}

static struct p2pmap_mapping *watch_map(struct watch *watch)
{
	struct p2pmap_mapping *mapping;

	assert_int_equal(watch_try(watch, &mapping), 0);
	return mapping;
}

static uint64_t word_of(const struct p2pmap_mapping *mapping)
{
	const uint64_t *word = p2pmap_mapping_generation_word(mapping);

	assert_non_null(word);
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void take_away(struct watch *watch)
{
	assert_int_equal(madvise(watch->page + PAGE, PAGE, MADV_DONTNEED), 0);
}

static void word_is_odd_while_all_is_live_and_even_otherwise(void **state)
{
	struct watch watch = watch_begin(*state, 16);
	struct p2pmap_mapping *mapping = watch_map(&watch);
	uint64_t live = p2pmap_mapping_generation(mapping), dead;

	assert_int_equal(live & 1, 1);
	assert_int_equal(word_of(mapping), live);
	assert_true(p2pmap_mapping_is_current(mapping, live));
	take_away(&watch);
	dead = word_of(mapping);
	assert_int_equal(dead & 1, 0);
	assert_true(dead > live);
	assert_int_equal(mapping_status(mapping).out_generation, dead);
	assert_false(p2pmap_mapping_is_current(mapping, live));
	assert_false(p2pmap_mapping_is_current(mapping, dead));
	/* A second loss is none: nothing was live. */
	take_away(&watch);
	assert_int_equal(word_of(mapping), dead);
	watch_end(&watch);
}

static void remap_gives_a_new_generation(void **state)
{
	struct watch watch = watch_begin(*state, 16);
	struct p2pmap_mapping *mapping = watch_map(&watch);
	uint64_t live = word_of(mapping), again;

	take_away(&watch);
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	again = word_of(mapping);
	assert_int_equal(again & 1, 1);
	assert_true(again > live);
	assert_int_equal(p2pmap_mapping_generation(mapping), again);
	assert_true(p2pmap_mapping_is_current(mapping, again));
	assert_false(p2pmap_mapping_is_current(mapping, live));
	watch_end(&watch);
}

static void a_pinned_mapping_that_is_outdated_is_not_current(void **state)
{
	struct watch watch = watch_begin(*state, 16);
	struct p2pmap_mapping *mapping;
	uint64_t live;

	assert_int_equal(p2pmap_mapping_map(watch.importer, watch.page,
					    4 * PAGE, WRITE | PIN, NULL, NULL,
					    &mapping),
			 0);
	live = word_of(mapping);
	assert_int_equal(live & 1, 1);
	take_away(&watch);
	assert_int_equal(word_of(mapping) & 1, 0);
	assert_false(p2pmap_mapping_is_current(mapping, live));
	watch_end(&watch);
}

/* What a cache holds must never become current again by another mapping. */
static void a_slot_that_is_used_again_goes_on(void **state)
{
	struct watch watch = watch_begin(*state, 1);
	struct p2pmap_mapping *mapping;
	const uint64_t *word = NULL;
	uint64_t last = 0, now;

	for (unsigned long i = 0; i < scaled(300); i++) {
		mapping = watch_map(&watch);
		if (word)
			assert_ptr_equal(
				p2pmap_mapping_generation_word(mapping), word);
		word = p2pmap_mapping_generation_word(mapping);
		now = word_of(mapping);
		assert_int_equal(now & 1, 1);
		assert_true(now > last);
		assert_false(p2pmap_generation_is_current(word, last));
		if (i & 1)
			take_away(&watch);
		last = now;
		unmap(mapping);
		assert_int_equal(*(const volatile uint64_t *)word & 1, 0);
		assert_true(*(const volatile uint64_t *)word > last);
		assert_false(p2pmap_generation_is_current(word, last));
	}
	watch_end(&watch);
}

static void capacity_is_the_number_of_mappings(void **state)
{
	struct watch watch = watch_begin(*state, 3);
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_mapping *mapping[4];

	for (int i = 0; i < 3; i++)
		mapping[i] = watch_map(&watch);
	assert_int_equal(p2pmap_mapping_map(watch.importer, watch.page, PAGE,
					    WRITE, NULL, &reason, &mapping[3]),
			 -ENOSPC);
	assert_int_equal(reason.code, P2PMAP_REASON_LIMIT);
	assert_int_equal(reason.value[0], 3);
	unmap(mapping[1]);
	mapping[1] = watch_map(&watch);
	assert_int_equal(watch_try(&watch, &mapping[3]), -ENOSPC);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < i; k++)
			assert_ptr_not_equal(
				p2pmap_mapping_generation_word(mapping[i]),
				p2pmap_mapping_generation_word(mapping[k]));
	watch_end(&watch);
}

static int watch_ioctl(int fd, uint32_t capacity, uint64_t *length)
{
	struct p2pmap_watch watch = { .size = sizeof(watch),
				      .capacity = capacity };

	if (ioctl(fd, P2PMAP_IOC_WATCH, &watch))
		return -errno;
	*length = watch.out_length;
	return 0;
}

static void capacity_is_chosen_once_and_within_limits(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_context *ctx = context_open();
	int fd = p2pmap_context_fd(ctx);
	uint64_t length = 0;

	assert_int_equal(watch_ioctl(fd, 0, &length), -EINVAL);
	assert_int_equal(watch_ioctl(fd, P2PMAP_WATCH_MAX + 1, &length),
			 -EINVAL);
	assert_int_equal(watch_ioctl(fd, P2PMAP_WATCH_MAX, &length), 0);
	assert_int_equal(length, P2PMAP_WATCH_MAX * sizeof(uint64_t));
	assert_int_equal(watch_ioctl(fd, 1, &length), -EBUSY);
	p2pmap_context_close(ctx);
	/* Nor after a mapping was made. */
	map(lab, ram(PAGE), PAGE, WRITE);
	assert_int_equal(watch_ioctl(p2pmap_context_fd(lab->ctx), 1, &length),
			 -EBUSY);
}

/* Never writable */

/* The page, by a mmap of its own. */
static void *page_of(struct watch *watch, int prot, int flags)
{
	return mmap(NULL, PAGE, prot, flags, p2pmap_context_fd(watch->ctx), 0);
}

static void page_cannot_be_mapped_writable_or_executable(void **state)
{
	struct watch watch = watch_begin(*state, 16);
	const int wrong[] = { RW, PROT_WRITE, PROT_READ | PROT_EXEC };

	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(page_of(&watch, wrong[i], MAP_SHARED),
				 MAP_FAILED);
		assert_int_equal(errno, EPERM);
		assert_ptr_equal(page_of(&watch, wrong[i], MAP_PRIVATE),
				 MAP_FAILED);
	}
	watch_end(&watch);
}

static void page_cannot_be_made_writable(void **state)
{
	struct watch watch = watch_begin(*state, 16);
	const int flags[] = { MAP_SHARED, MAP_PRIVATE };
	uint64_t word = 12345;
	void *page;
	int mem;

	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		page = page_of(&watch, PROT_READ, flags[i]);
		/* A private one may be refused as well. */
		if (page == MAP_FAILED && flags[i] == MAP_PRIVATE)
			continue;
		assert_ptr_not_equal(page, MAP_FAILED);
		assert_int_equal(mprotect(page, PAGE, RW), -1);
		assert_int_equal(errno, EACCES);
		assert_int_equal(mprotect(page, PAGE, PROT_READ | PROT_EXEC),
				 -1);
		/* A debugger's way. */
		assert_int_equal(
			pwrite(mem, &word, sizeof(word), (uintptr_t)page), -1);
		assert_int_equal(*(volatile uint64_t *)page, 0);
		assert_int_equal(munmap(page, PAGE), 0);
	}
	close(mem);
	watch_end(&watch);
}

static void page_has_its_length_and_no_more(void **state)
{
	struct watch watch = watch_begin(*state, 16);
	int fd = p2pmap_context_fd(watch.ctx);
	void *page;

	assert_ptr_equal(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0),
			 MAP_FAILED);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE),
			 MAP_FAILED);
	page = page_of(&watch, PROT_READ, MAP_SHARED);
	assert_ptr_equal(mremap(page, PAGE, 2 * PAGE, MREMAP_MAYMOVE),
			 MAP_FAILED);
	munmap(page, PAGE);
	watch_end(&watch);
}

static int load_word(void *arg)
{
	return *(volatile uint64_t *)arg & 1;
}

static void page_is_not_inherited_by_fork(void **state)
{
	struct watch watch = watch_begin(*state, 16);
	struct p2pmap_mapping *mapping = watch_map(&watch);

	assert_int_equal(
		in_child(load_word,
			 (void *)p2pmap_mapping_generation_word(mapping)),
		CHILD_SIGNALLED + SIGSEGV);
	watch_end(&watch);
}

/*
 * "It changes before the importer is cut off."  A probe at the function that
 * cuts reads the word, from user memory, at that very moment.
 */
static bool trace_calls(const char *function, const uint64_t *word)
{
	char text[128];

	snprintf(text, sizeof(text), "p:p2pmap_cut %s word=+u0(\\0x%lx):u64\n",
		 function, (unsigned long)word);
	return !file_write(TRACING "trace", "") &&
	       !file_write(TRACING "kprobe_events", text) &&
	       !file_write(TRACING "events/kprobes/p2pmap_cut/enable", "1");
}

/* The module cuts by the former where the kernel has it. */
static bool trace_cuts(const uint64_t *word)
{
	return trace_calls("dma_iova_unlink", word) ||
	       trace_calls("iommu_unmap", word);
}

static void trace_end(void)
{
	file_write(TRACING "events/kprobes/p2pmap_cut/enable", "0");
	file_write(TRACING "kprobe_events", "-:p2pmap_cut\n");
}

/* Values of the word at each cut; how many there were, or -1 if one was odd. */
static int traced_cuts(void)
{
	FILE *trace = fopen(TRACING "trace", "re");
	char line[512], *at;
	int count = 0;

	assert_non_null(trace);
	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, "p2pmap_cut: ");
		at = at ? strstr(at, "word=") : NULL;
		if (!at || count < 0)
			continue;
		count = strtoull(at + 5, NULL, 10) & 1 ? -1 : count + 1;
	}
	fclose(trace);
	return count;
}

static void word_changes_before_the_cut(void **state)
{
	struct watch watch = watch_begin(*state, 1);
	struct p2pmap_mapping *mapping = watch_map(&watch);
	int cuts;

	if (!trace_cuts(p2pmap_mapping_generation_word(mapping)))
		lab_skip(watch.lab, "no kprobe where it is cut: %s",
			 strerror(errno));
	for (int i = 0; i < 10; i++) {
		assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
		assert_int_equal(word_of(mapping) & 1, 1);
		take_away(&watch);
	}
	/* With the probe the kernel drops what it recorded. */
	cuts = traced_cuts();
	trace_end();
	lab_note(watch.lab, "%d cuts were traced", cuts);
	assert_true(cuts >= 10);
	watch_end(&watch);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(word_is_odd_while_all_is_live_and_even_otherwise),
	LAB_TEST(remap_gives_a_new_generation),
	LAB_TEST(a_pinned_mapping_that_is_outdated_is_not_current),
	LAB_TEST(a_slot_that_is_used_again_goes_on),
	LAB_TEST(capacity_is_the_number_of_mappings),
	LAB_TEST(capacity_is_chosen_once_and_within_limits),
	LAB_TEST(page_cannot_be_mapped_writable_or_executable),
	LAB_TEST(page_cannot_be_made_writable),
	LAB_TEST(page_has_its_length_and_no_more),
	LAB_TEST(page_is_not_inherited_by_fork),
	LAB_TEST(word_changes_before_the_cut),
};

LAB_MAIN(LAB_TRANSLATED, tests)
