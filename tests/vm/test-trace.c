// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: what happens to mappings can be read in tracefs.
 *
 * iommu: on
 */
#define _GNU_SOURCE
#include "witness.h"

#define TRACING "/sys/kernel/tracing/"
#define EVENTS TRACING "events/p2pmap/"

/* To open it for writing anew is to clear it. */
static void trace_clear(void)
{
	int fd = open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
}

static void trace_begin(void **state)
{
	(void)state;
	if (access(TRACING "trace", F_OK))
		COMMAND("mount", "-t", "tracefs", "none",
			"/sys/kernel/tracing");
	assert_int_equal(access(EVENTS "p2pmap_map/enable", F_OK), 0);
	trace_clear();
	assert_int_equal(file_write(EVENTS "enable", "1"), 0);
}

/* Lines of the trace that have all of these words. */
static int trace_count(const char *word1, const char *word2, const char *word3)
{
	FILE *file = fopen(TRACING "trace", "re");
	char line[1024];
	int count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += *line != '#' && strstr(line, word1) &&
			 strstr(line, word2) && strstr(line, word3);
	fclose(file);
	return count;
}

static void trace_end(void)
{
	assert_int_equal(file_write(EVENTS "enable", "0"), 0);
	trace_clear();
}

static void the_life_of_a_mapping_is_traced(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(8 * PAGE);
	struct p2pmap_mapping *mapping;
	char importer[64];

	keep_still();
	snprintf(importer, sizeof(importer), "importer=%s ", lab->edu_address);
	memset(range, 1, 8 * PAGE);
	trace_begin(state);
	mapping = map(lab, range, 8 * PAGE, WRITE | P2PMAP_MAP_SINK);
	assert_int_equal(
		trace_count(": p2pmap_map: ", importer,
			    " length=32768 flags=write|sink kind=ram "),
		1);
	madvise(range + 2 * PAGE, PAGE, MADV_DONTNEED);
	assert_int_equal(trace_count(": p2pmap_revoke: ", importer,
				     " offset=8192 length=4096 "),
			 1);
	assert_int_equal(trace_count(": p2pmap_event: ", importer,
				     " reasons=changed"),
			 1);
	assert_true(comes_alive(mapping, 7 * PAGE));
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	assert_true(trace_count(": p2pmap_remap: ", importer,
				" offset=8192 length=4096 ") >= 1);
	assert_int_equal(trace_count(": p2pmap_unmap: ", "", ""), 0);
	unmap(mapping);
	assert_int_equal(trace_count(": p2pmap_unmap: ", importer, ""), 1);
	trace_end();
	munmap(range, 8 * PAGE);
}

static void a_bar_is_traced_with_exporter_and_route(void **state)
{
	struct lab *lab = *state;
	unsigned char *bar = bar_at(lab, 0, PAGE);
	char exporter[64];

	snprintf(exporter, sizeof(exporter),
		 "exporter=%s bar=2 route=host-bridge ", lab->ivshmem_address);
	trace_begin(state);
	unmap(map(lab, bar, PAGE, 0));
	assert_int_equal(trace_count(": p2pmap_map: ", exporter, "kind=bar"),
			 1);
	trace_end();
	munmap(bar, PAGE);
}

static void a_pin_that_gets_stale_is_an_event_and_no_revocation(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, range, PAGE, WRITE | PIN);

	trace_begin(state);
	madvise(range, PAGE, MADV_DONTNEED);
	assert_int_equal(trace_count(": p2pmap_event: ", "reasons=changed",
				     " not-cut"),
			 1);
	assert_int_equal(trace_count(": p2pmap_revoke: ", "", ""), 0);
	unmap(mapping);
	trace_end();
	munmap(range, PAGE);
}

static void a_refusal_is_traced_with_reason_and_errno(void **state)
{
	struct lab *lab = *state;
	unsigned char *hole = reserve(PAGE);
	char text[64];

	munmap(hole, PAGE);
	trace_begin(state);
	assert_refused(lab, hole, PAGE, WRITE, EFAULT, P2PMAP_REASON_HOLE);
	snprintf(text, sizeof(text), "operation=map errno=%d code=%d\n", EFAULT,
		 P2PMAP_REASON_HOLE);
	assert_int_equal(trace_count(": p2pmap_refuse: ", text, ""), 1);
	trace_end();
}

static void no_address_is_traced(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(PAGE);
	struct p2pmap_mapping *mapping;
	char addr[32], dma[32];

	trace_begin(state);
	mapping = map(lab, range, PAGE, WRITE);
	munmap(range, PAGE);
	snprintf(addr, sizeof(addr), "%lx", (unsigned long)range);
	snprintf(dma, sizeof(dma), "%llx",
		 (unsigned long long)mapping_dma(mapping, 0));
	assert_true(trace_count("p2pmap_", "", "") >= 3);
	assert_int_equal(trace_count("p2pmap_", addr, ""), 0);
	assert_int_equal(trace_count("p2pmap_", dma, ""), 0);
	unmap(mapping);
	trace_end();
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(the_life_of_a_mapping_is_traced),
	LAB_TEST(a_bar_is_traced_with_exporter_and_route),
	LAB_TEST(a_pin_that_gets_stale_is_an_event_and_no_revocation),
	LAB_TEST(a_refusal_is_traced_with_reason_and_errno),
	LAB_TEST(no_address_is_traced),
};

LAB_MAIN(LAB_TRANSLATED, tests)
