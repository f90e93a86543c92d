// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heart of it: memory that was taken from a process and given to another is
 * never written by a device that is writing to it all the time.
 *
 * One round: the device has written to a page, so that every cache on its way
 * knows the address.  It is told to write again, which edu does 100 ms later,
 * all at one moment.  In the last milliseconds before that the page goes.  At
 * once another process takes as much memory, is given that very page more often
 * than not, fills it and, after the device has written, looks at it.
 *
 * What a round proves depends on luck, so luck is counted: a test fails if too
 * few rounds had the write still on its way when the memory was gone, or if the
 * other process did not get the memory.  And test-revoke-control runs all this
 * with a module that calls dma_unmap_*() instead, and wants to see it fail.
 *
 * iommu: on
 * lab: --icount
 *
 * A clock that counts instructions makes 100 ms of waiting cost nothing.  With
 * iommu.strict=1 the same runs as test-revoke-strict.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>

#include "witness.h"

#define NS_PER_MS 1000000ULL

/* edu writes this long after it was told to, less up to one millisecond. */
#define EDU_DELAY (100 * NS_PER_MS)

/* The memory goes in the last so many nanoseconds before. */
#define WINDOW (3 * NS_PER_MS)

/* What the device writes, and the other process. */
#define SEED_DEVICE 0x00de71ceU
#define WORD_OTHER 0x0bad5eedcafef00dULL

#define DMA_LENGTH 256

/* How memory goes. */
enum way {
	MUNMAP, /* under the mapping */
	DONTNEED, /* likewise */
	UNMAP, /* the mapping goes first, then the memory */
	CLOSE, /* likewise, with its context */
};

/**
 * struct race - one kind of memory and one way for it to go
 * @lab: the lab
 * @length: bytes of each mapping
 * @huge: a huge page
 * @bar: the BAR
 * @flags: of the mapping
 * @way: how it goes
 * @other: the other process
 */
struct race {
	struct lab *lab;
	size_t length;
	bool huge;
	bool bar;
	uint32_t flags;
	enum way way;
	struct other *other;
};

#define OTHER_FRAMES 64

/**
 * struct other - the other process, in memory that both see
 * @pid: its id
 * @race: what it is about
 * @go: pipe on which it is told what to do
 * @done: pipe on which it says that it did
 * @frames: frames that it was given, one for each page or huge page
 * @damaged: offset of the first byte that it did not write itself, or -1
 */
struct other {
	pid_t pid;
	const struct race *race;
	int go[2];
	int done[2];
	uint64_t frames[OTHER_FRAMES];
	int64_t damaged;
};

#define BAR_OFFSET (16 * MIB)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec at = { .tv_sec = ns / 1000000000ULL,
			       .tv_nsec = ns % 1000000000ULL };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) ==
	       EINTR)
		;
}

/* The other process */

static void *other_memory(const struct race *race, size_t *length)
{
	static void *reserved;
	uintptr_t at;

	if (race->bar) {
		*length = race->length;
		return bar_at(race->lab, BAR_OFFSET, race->length);
	}
	if (!race->huge) {
		*length = 16 * PAGE;
		return mmap(NULL, *length, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	}
	*length = HUGE;
	if (!reserved)
		reserved = reserve(2 * HUGE);
	at = ((uintptr_t)reserved + HUGE - 1) & ~(uintptr_t)(HUGE - 1);
	reserved = mmap((void *)at, HUGE, RW,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	madvise(reserved, HUGE, MADV_HUGEPAGE);
	return reserved;
}

static void other_fill(struct other *other, uint64_t *at, size_t length)
{
	size_t step = other->race->huge ? HUGE : PAGE;

	for (size_t i = 0; i < length / sizeof(*at); i++)
		at[i] = WORD_OTHER;
	memset(other->frames, 0, sizeof(other->frames));
	if (other->race->bar)
		return;
	for (size_t i = 0; i < OTHER_FRAMES && i * step < length; i++)
		other->frames[i] = frame_of((char *)at + i * step);
}

static void other_check(struct other *other, const uint64_t *at, size_t length)
{
	other->damaged = -1;
	for (size_t i = 0; i < length / sizeof(*at) && other->damaged < 0; i++)
		if (at[i] != WORD_OTHER)
			other->damaged = i * sizeof(*at);
}

static int other_main(void *arg)
{
	struct other *other = arg;
	uint64_t *at = NULL;
	size_t length = 0;
	char word;

	/* The parent's ends, so that its death is noticed. */
	close(other->go[1]);
	close(other->done[0]);
	while (read(other->go[0], &word, 1) == 1) {
		if (word == 'f') {
			at = other_memory(other->race, &length);
			CHILD_CHECK(at != MAP_FAILED);
			other_fill(other, at, length);
		} else {
			other_check(other, at, length);
			munmap(at, length);
		}
		CHILD_CHECK(write(other->done[1], &word, 1) == 1);
	}
	return 0;
}

static struct other *other_begin(const struct race *race)
{
	struct other *other = mmap(NULL, sizeof(*other), RW,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(other, MAP_FAILED);
	other->race = race;
	assert_return_code(pipe2(other->go, O_CLOEXEC), errno);
	assert_return_code(pipe2(other->done, O_CLOEXEC), errno);
	other->pid = child_start(other_main, other);
	close(other->go[0]);
	close(other->done[1]);
	return other;
}

static void other_tell(struct other *other, char word)
{
	assert_int_equal(write(other->go[1], &word, 1), 1);
}

static void other_wait(struct other *other)
{
	char word;

	assert_int_equal(read(other->done[0], &word, 1), 1);
}

static void other_end(struct other *other)
{
	close(other->go[1]);
	close(other->done[0]);
	assert_int_equal(child_end(other->pid), 0);
	munmap(other, sizeof(*other));
}

/* One round */

struct luck {
	unsigned long rounds;
	unsigned long in_flight;
	unsigned long handed_on;
	unsigned long damaged;
};

static unsigned char *take_memory(const struct race *race)
{
	if (race->bar)
		return bar_at(race->lab, BAR_OFFSET, race->length);
	if (race->huge)
		return ram_thp(race->length);
	return ram(race->length);
}

/* The mapping, in a context of its own where that is to be closed. */
static struct p2pmap_mapping *take_mapping(const struct race *race,
					   unsigned char *range,
					   struct p2pmap_context **ctx)
{
	struct p2pmap_mapping *mapping;
	struct p2pmap_importer *importer;

	*ctx = NULL;
	if (race->way != CLOSE)
		return map(race->lab, range, race->length, race->flags);
	*ctx = context_open();
	importer = edu_attach(race->lab, *ctx);
	assert_int_equal(p2pmap_mapping_map(importer, range, race->length,
					    race->flags, NULL, NULL, &mapping),
			 0);
	return mapping;
}

static void make_it_go(const struct race *race, unsigned char *range,
		       struct p2pmap_mapping **mapping,
		       struct p2pmap_context *ctx)
{
	if (race->way == UNMAP)
		unmap(*mapping);
	if (race->way == CLOSE)
		p2pmap_context_close(ctx);
	if (race->way == UNMAP || race->way == CLOSE)
		*mapping = NULL;
	if (race->way == DONTNEED)
		madvise(range, race->length, MADV_DONTNEED);
	else
		munmap(range, race->length);
}

/* Every cache on the device's way shall know the address. */
static void warm_up(const struct race *race, uint64_t dma,
		    const unsigned char *at)
{
	struct edu *edu = race->lab->edu;
	uint64_t from = now_ns();

	assert_int_equal(edu_start(edu, EDU_WRITE, dma, DMA_LENGTH), 0);
	sleep_until(from + EDU_DELAY);
	assert_int_equal(edu_wait(edu, EDU_TIMEOUT_MS), 0);
	assert_filled(at, DMA_LENGTH, SEED_DEVICE);
}

static bool is_among(const uint64_t *frames, uint64_t frame)
{
	for (size_t i = 0; i < OTHER_FRAMES; i++)
		if (frame && frames[i] == frame)
			return true;
	return false;
}

static size_t random_offset(const struct race *race)
{
	return random_below(race->length / PAGE) * PAGE +
	       random_below(PAGE - DMA_LENGTH);
}

static void round_of(const struct race *race, struct luck *luck)
{
	struct edu *edu = race->lab->edu;
	unsigned char *range = take_memory(race);
	size_t offset = random_offset(race);
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;
	uint64_t from, dma, frame;
	bool in_flight;

	assert_non_null(range);
	memset(range + offset, 0, DMA_LENGTH);
	mapping = take_mapping(race, range, &ctx);
	dma = mapping_dma(mapping, offset);
	warm_up(race, dma, range + offset);
	frame = race->bar ? 0 : frame_of(race->huge ? range : range + offset);
	assert_int_equal(edu_start(edu, EDU_WRITE, dma, DMA_LENGTH), 0);
	from = now_ns();
	sleep_until(from + EDU_DELAY - random_below(WINDOW));
	make_it_go(race, range, &mapping, ctx);
	in_flight = edu_busy(edu);
	other_tell(race->other, 'f');
	other_wait(race->other);
	assert_int_equal(edu_wait(edu, EDU_TIMEOUT_MS), 0);
	other_tell(race->other, 'c');
	other_wait(race->other);
	luck->rounds++;
	luck->in_flight += in_flight;
	luck->handed_on += race->bar || is_among(race->other->frames, frame);
	/* What landed before the memory was gone, the other one overwrote. */
	luck->damaged += race->other->damaged >= 0;
	if (mapping)
		unmap(mapping);
	if (race->way == DONTNEED)
		munmap(range, race->length);
}

static void note_mode(const struct lab *lab)
{
	char path[128], type[32] = "unknown";

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%u/type",
		 p2pmap_importer_group(lab->importer));
	file_read(path, type, sizeof(type));
	type[strcspn(type, "\n")] = '\0';
	lab_note(lab, "IOMMU domain: %s%s", type,
		 !strcmp(type, "DMA-FQ") ? " (lazy)" : "");
}

static void rounds_of(struct lab *lab, struct race *race, unsigned long rounds)
{
	struct luck luck = { 0 };

	race->lab = lab;
	random_begin(lab);
	note_mode(lab);
	keep_still();
	prctl(PR_SET_TIMERSLACK, 1);
	race->other = other_begin(race);
	dev_load(lab, SEED_DEVICE, DMA_LENGTH);
	for (rounds = scaled(rounds); rounds; rounds--) {
		round_of(race, &luck);
		events_discard(lab->ctx);
	}
	other_end(race->other);
	lab_note(lab,
		 "%lu rounds, %lu with the write still to come, %lu with the"
		 " memory handed on, %lu damaged",
		 luck.rounds, luck.in_flight, luck.handed_on, luck.damaged);
	assert_int_equal(luck.damaged, 0);
	/* A kernel for which all is scaled down is too slow to be lucky. */
	assert_true(scaled(10) < 10 || luck.in_flight * 4 >= luck.rounds);
	assert_true(luck.handed_on * 4 >= luck.rounds);
}

#define RACE(rounds, ...)                           \
	do {                                        \
		struct race race = { __VA_ARGS__ }; \
		rounds_of(*state, &race, rounds);   \
	} while (0)

static void ram_freed_by_munmap_is_never_written(void **state)
{
	RACE(1500, .length = PAGE, .flags = WRITE, .way = MUNMAP);
}

static void ram_freed_by_dontneed_is_never_written(void **state)
{
	RACE(150, .length = 4 * PAGE, .flags = WRITE, .way = DONTNEED);
}

static void ram_freed_with_a_sink_is_never_written(void **state)
{
	RACE(150, .length = 4 * PAGE, .flags = WRITE | P2PMAP_MAP_SINK,
	     .way = MUNMAP);
}

static void ram_freed_with_restore_is_never_written(void **state)
{
	RACE(150, .length = 4 * PAGE, .flags = WRITE | P2PMAP_MAP_RESTORE,
	     .way = MUNMAP);
}

static void ram_freed_after_unmap_is_never_written(void **state)
{
	RACE(150, .length = PAGE, .flags = WRITE, .way = UNMAP);
}

static void ram_freed_after_close_is_never_written(void **state)
{
	RACE(150, .length = PAGE, .flags = WRITE, .way = CLOSE);
}

static void pinned_ram_freed_after_unmap_is_never_written(void **state)
{
	RACE(150, .length = PAGE, .flags = WRITE | PIN, .way = UNMAP);
}

static void pinned_ram_freed_after_close_is_never_written(void **state)
{
	RACE(150, .length = PAGE, .flags = WRITE | PIN, .way = CLOSE);
}

static void huge_page_freed_by_munmap_is_never_written(void **state)
{
	RACE(150, .length = HUGE, .huge = true, .flags = WRITE, .way = MUNMAP);
}

static void bar_given_up_by_munmap_is_never_written(void **state)
{
	RACE(200, .length = 64 * KIB, .bar = true, .flags = WRITE,
	     .way = MUNMAP);
}

static void bar_given_up_after_unmap_is_never_written(void **state)
{
	RACE(100, .length = 64 * KIB, .bar = true, .flags = WRITE,
	     .way = UNMAP);
}

static void bar_in_superpages_given_up_is_never_written(void **state)
{
	RACE(40, .length = 4 * MIB, .bar = true, .flags = WRITE, .way = MUNMAP);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(ram_freed_by_munmap_is_never_written),
	LAB_TEST(ram_freed_by_dontneed_is_never_written),
	LAB_TEST(ram_freed_with_a_sink_is_never_written),
	LAB_TEST(ram_freed_with_restore_is_never_written),
	LAB_TEST(ram_freed_after_unmap_is_never_written),
	LAB_TEST(ram_freed_after_close_is_never_written),
	LAB_TEST(pinned_ram_freed_after_unmap_is_never_written),
	LAB_TEST(pinned_ram_freed_after_close_is_never_written),
	LAB_TEST(huge_page_freed_by_munmap_is_never_written),
	LAB_TEST(bar_given_up_by_munmap_is_never_written),
	LAB_TEST(bar_given_up_after_unmap_is_never_written),
	LAB_TEST(bar_in_superpages_given_up_is_never_written),
};

LAB_MAIN(LAB_TRANSLATED, tests)
