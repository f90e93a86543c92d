/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults that the kernel injects on request, one at a time and in order.
 *
 * Where the kernel allocates memory or copies to and from a process it may be
 * told to fail.  /proc/self/fail-nth counts these places for one task: the nth
 * one fails, whichever of the three kinds it is.  A call that is made with n of
 * 1, 2, 3... until it comes to its end without a failure has failed everywhere.
 *
 * Between fault_arm() and fault_hit() there is the call in question and nothing
 * else: what a test does itself would be counted, too.
 */
#ifndef P2PMAP_TEST_FAULT_H
#define P2PMAP_TEST_FAULT_H

#include "harness.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_SLAB,
	FAULT_PAGE,
	FAULT_COPY,
	FAULT_KINDS,
};

#define FAULT_DEBUGFS "/sys/kernel/debug/"

static const char *const fault_folder[FAULT_KINDS] = {
	[FAULT_SLAB] = FAULT_DEBUGFS "failslab",
	[FAULT_PAGE] = FAULT_DEBUGFS "fail_page_alloc",
	[FAULT_COPY] = FAULT_DEBUGFS "fail_usercopy",
};

#define FAULT_TIMES 1000000000L

static int fault_nth_fd = -1;
/* How many of each kind were injected so far. */
static long fault_count[FAULT_KINDS];

static inline bool fault_set(const char *folder, const char *file,
			     const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	return !file_write(path, value);
}

/* Where a function is, of the kernel or of a module: up to the next symbol. */
static inline bool fault_find(const char *symbol, unsigned long *start,
			      unsigned long *end)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char name[128];
	unsigned long address;

	*start = 0;
	*end = ~0UL;
	while (file &&
	       fscanf(file, "%lx %*c %127s%*[^\n]", &address, name) == 2)
		if (!strcmp(name, symbol))
			*start = address;
	if (file)
		rewind(file);
	while (file &&
	       fscanf(file, "%lx %*c %127s%*[^\n]", &address, name) == 2)
		if (address > *start && address < *end)
			*end = address;
	if (file)
		fclose(file);
	return *start;
}

/* "reject" or "require" that a caller is within [start, end). */
static inline bool fault_callers(const char *what, unsigned long start,
				 unsigned long end)
{
	const unsigned long edge[] = { start, end };
	static const char *const names[] = { "start", "end" };
	char file[32], text[32];

	for (int kind = FAULT_SLAB; kind <= FAULT_PAGE; kind++)
		for (int i = 0; i < 2; i++) {
			snprintf(file, sizeof(file), "%s-%s", what, names[i]);
			snprintf(text, sizeof(text), "0x%lx", edge[i]);
			if (!fault_set(fault_folder[kind], file, text))
				return false;
		}
	return true;
}

/*
 * DMA-API debugging switches itself off for good when it gets no memory for its
 * book, so what it allocates does not fail.
 */
static inline bool fault_spare(const char *symbol)
{
	unsigned long start, end;

	return !fault_find(symbol, &start, &end) ||
	       fault_callers("reject", start, end);
}

/* How often something was made to fail so far, whoever asked for it. */
static inline long fault_total(void)
{
	long total = 0;
	char path[128];

	for (int kind = FAULT_SLAB; kind < FAULT_KINDS; kind++) {
		snprintf(path, sizeof(path), "%s/times", fault_folder[kind]);
		total += FAULT_TIMES - file_number(path, NULL);
	}
	return total;
}

/* Off, for allocation profiling warns when it gets no memory for its own tags. */
static inline void fault_profiling(bool on)
{
	file_write("/proc/sys/vm/mem_profiling", on ? "1" : "0");
}

static inline void fault_end(void)
{
	fault_profiling(true);
	lab_figure("injected faults", fault_total());
}

/* Every allocation may fail: also those that can wait, and single pages. */
static inline bool fault_begin(void)
{
	for (int kind = FAULT_SLAB; kind < FAULT_KINDS; kind++)
		if (!fault_set(fault_folder[kind], "probability", "0") ||
		    !fault_set(fault_folder[kind], "verbose", "0") ||
		    !fault_set(fault_folder[kind], "times", "1000000000"))
			return false;
	if (!fault_set(fault_folder[FAULT_SLAB], "ignore-gfp-wait", "N") ||
	    !fault_set(fault_folder[FAULT_PAGE], "ignore-gfp-wait", "N") ||
	    !fault_set(fault_folder[FAULT_PAGE], "ignore-gfp-highmem", "N") ||
	    !fault_set(fault_folder[FAULT_PAGE], "min-order", "0"))
		return false;
	if (!fault_spare("add_dma_entry"))
		return false;
	fault_profiling(false);
	atexit(fault_end);
	fault_nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	return fault_nth_fd >= 0;
}

static inline void fault_arm(unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	assert_int_equal(pwrite(fault_nth_fd, text, length, 0), length);
}

/* Each failure lowers its kind's number of times, by which it is known. */
static inline enum fault_kind fault_which(void)
{
	enum fault_kind found = FAULT_NONE;
	char path[128];
	long count;

	for (int kind = FAULT_SLAB; kind < FAULT_KINDS; kind++) {
		snprintf(path, sizeof(path), "%s/times", fault_folder[kind]);
		count = FAULT_TIMES - file_number(path, NULL);
		if (count != fault_count[kind])
			found = kind;
		fault_count[kind] = count;
	}
	return found;
}

/*
 * From now on a function of the kernel gets no memory, nor does what it calls,
 * in whichever task: for what is not done by a call.
 */
static inline void fault_within(const char *symbol)
{
	unsigned long start, end;

	assert_true(fault_find(symbol, &start, &end));
	assert_true(fault_callers("require", start, end));
	for (int kind = FAULT_SLAB; kind <= FAULT_PAGE; kind++)
		fault_set(fault_folder[kind], "probability", "100");
}

static inline void fault_no_more(void)
{
	for (int kind = FAULT_SLAB; kind <= FAULT_PAGE; kind++)
		fault_set(fault_folder[kind], "probability", "0");
	fault_callers("require", 0, ~0UL);
	/* They are nobody's. */
	fault_which();
}

/*
 * Ends what fault_arm() began; which kind of failure there was meanwhile.  The
 * file tells how many places are left, and if it was one, telling so fails.
 */
static inline enum fault_kind fault_hit(void)
{
	char text[16] = "";
	bool left = pread(fault_nth_fd, text, sizeof(text) - 1, 0) < 0 ||
		    atoi(text);

	/* The copy of this very word may be what fails. */
	while (pwrite(fault_nth_fd, "0", 1, 0) != 1)
		;
	if (!left)
		return fault_which();
	/* What was hit just now was not the call's. */
	fault_which();
	return FAULT_NONE;
}

#endif /* P2PMAP_TEST_FAULT_H */
