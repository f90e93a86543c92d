// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU without huge entries, as there are and as the command line can ask
 * for: a long mapping is in many page tables, and works all the same.
 *
 * iommu: on
 * lab: --icount --append intel_iommu=sp_off
 */
#define _GNU_SOURCE
#include <inttypes.h>

#include "scene.h"

#define TRACING "/sys/kernel/tracing/"
#define MAP_EVENT TRACING "events/iommu/map/enable"

/* What one page table of such entries holds, and some more than that. */
#define TABLE (2 * MIB)
#define LENGTH (9 * MIB + 3 * PAGE)

/* In the second table, right at its end. */
#define BORDER (2 * TABLE - PAGE)

static void trace_begin(void)
{
	int fd;

	if (access(TRACING "trace", F_OK))
		COMMAND("mount", "-t", "tracefs", "none",
			"/sys/kernel/tracing");
	/* To open it for writing anew is to clear it. */
	fd = open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(file_write(MAP_EVENT, "1"), 0);
}

/* The addresses that the module reserved, where nothing is, if it needs some. */
static void find_hole(uint64_t *first, uint64_t *last)
{
	FILE *file = fopen("/proc/iomem", "re");
	char line[256];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "p2pmap hole"))
			assert_int_equal(sscanf(line, " %" SCNx64 "-%" SCNx64,
						first, last),
					 2);
	fclose(file);
}

/* Pages that an IOMMU was told to map since, of [first, last] and of others. */
static void trace_end(uint64_t first, uint64_t last, uint64_t *inside,
		      uint64_t *outside)
{
	FILE *file;
	char line[1024];
	uint64_t phys, size;
	const char *at;

	assert_int_equal(file_write(MAP_EVENT, "0"), 0);
	file = fopen(TRACING "trace", "re");
	assert_non_null(file);
	*inside = *outside = 0;
	while (fgets(line, sizeof(line), file)) {
		at = strstr(line, " paddr=");
		if (!at || sscanf(at, " paddr=0x%" SCNx64 " size=%" SCNu64,
				  &phys, &size) != 2)
			continue;
		if (phys >= first && phys <= last)
			*inside += size / PAGE;
		else
			*outside += size / PAGE;
	}
	fclose(file);
}

/*
 * Where it is reserved by mapping nothing, of which an entry is 4 KiB like any
 * other, that takes as long as the mapping itself; and if memory for a table
 * runs out in the middle, what is mapped so far stays under a free address.
 */
static void check_entries(struct lab *lab, void *range, size_t length,
			  uint32_t flags)
{
	uint64_t first = 1, last = 0, inside, outside;
	struct p2pmap_mapping *mapping;

	find_hole(&first, &last);
	trace_begin();
	mapping = map(lab, range, length, flags);
	trace_end(first, last, &inside, &outside);
	unmap(mapping);
	munmap(range, length);
	assert_true(outside >= length / PAGE);
	assert_int_equal(inside, 0);
}

static void nothing_but_the_memory_is_mapped(void **state)
{
	struct lab *lab = *state;

	check_entries(lab, bar_at(lab, 0, BAR_LENGTH), BAR_LENGTH, WRITE);
	check_entries(lab, ram(LENGTH), LENGTH, WRITE);
	check_entries(lab, ram(LENGTH), LENGTH, WRITE | PIN);
}

static void device_memory_is_cut_and_comes_back(void **state)
{
	struct lab *lab = *state;
	struct scene scene =
		begin_at(lab, bar_at(lab, 0, LENGTH), LENGTH, BORDER, WRITE);

	scene.view = bar_at(lab, BORDER, PAGE);
	munmap(there(&scene), PAGE);
	assert_event(&scene, P2PMAP_EVENT_UNMAPPED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	bar_mmap(lab->ivshmem_address, 2, there(&scene), BORDER, PAGE, RW,
		 MAP_SHARED);
	assert_remaps(&scene);
	munmap((void *)scene.view, PAGE);
	end(&scene);
}

static void ram_is_cut_and_comes_back(void **state)
{
	struct scene scene =
		begin_at(*state, ram(LENGTH), LENGTH, BORDER, WRITE);

	hold_take(&scene.hold, there(&scene));
	assert_int_equal(madvise(there(&scene), PAGE, MADV_DONTNEED), 0);
	assert_event(&scene, P2PMAP_EVENT_CHANGED);
	assert_cut(&scene);
	assert_rest_works(&scene);
	assert_remaps(&scene);
	end(&scene);
}

/* Over three tables at once. */
static void a_wide_cut_goes_over_tables(void **state)
{
	struct scene scene =
		begin_at(*state, ram(LENGTH), LENGTH, BORDER, WRITE);

	assert_int_equal(madvise(there(&scene), 2 * TABLE, MADV_DONTNEED), 0);
	assert_event_at(&scene, P2PMAP_EVENT_CHANGED, BORDER, 2 * TABLE, 0);
	assert_cut(&scene);
	assert_page_works(&scene, BORDER - PAGE);
	assert_page_works(&scene, BORDER + 2 * TABLE);
	assert_remaps(&scene);
	for (size_t at = 0; at < LENGTH; at += TABLE / 2)
		assert_page_works(&scene, at);
	end(&scene);
}

static void pinned_ram_is_reached_everywhere(void **state)
{
	struct scene scene =
		begin_at(*state, ram(LENGTH), LENGTH, BORDER, WRITE | PIN);

	for (size_t at = 0; at < LENGTH; at += TABLE / 2)
		assert_page_works(&scene, at);
	assert_rest_works(&scene);
	end(&scene);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(nothing_but_the_memory_is_mapped),
	LAB_TEST(device_memory_is_cut_and_comes_back),
	LAB_TEST(ram_is_cut_and_comes_back),
	LAB_TEST(a_wide_cut_goes_over_tables),
	LAB_TEST(pinned_ram_is_reached_everywhere),
};

LAB_MAIN(LAB_TRANSLATED, tests)
