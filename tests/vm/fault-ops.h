/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every call of the device node, for the tests that disturb one of them: what
 * it needs, the call itself and how it is undone, with each kind of memory that
 * can be mapped.
 *
 * Included once by each program that makes all calls.
 */
#ifndef P2PMAP_TEST_FAULT_OPS_H
#define P2PMAP_TEST_FAULT_OPS_H

#include "witness.h"

#define SINK P2PMAP_MAP_SINK
#define RESTORE P2PMAP_MAP_RESTORE

#define WATCH_CAPACITY 1500

/* Memory of one kind, for MAP and what follows it */

struct memory {
	const char *name;
	void *(*get)(const struct lab *lab, size_t length);
	size_t length;
	/* puts it back to where allocations are needed, or NULL */
	void (*drain)(void *at, size_t length);
};

static inline void *get_ram(const struct lab *lab, size_t length)
{
	void *at = ram(length);

	(void)lab;
	fill(at, length, 1);
	return at;
}

static inline void drain_ram(void *at, size_t length)
{
	madvise(at, length, MADV_DONTNEED);
}

static inline void *get_thp(const struct lab *lab, size_t length)
{
	(void)lab;
	return ram_thp(length);
}

static inline void *get_fragments(const struct lab *lab, size_t length)
{
	void *at = ram(length);

	(void)lab;
	ram_scatter(at, length);
	return at;
}

static inline void *get_memfd(const struct lab *lab, size_t length)
{
	int fd = memfd(length);
	void *at = mmap_fd(fd, length, RW, MAP_SHARED);

	(void)lab;
	close(fd);
	fill(at, length, 1);
	return at;
}

static inline void *get_hugetlb(const struct lab *lab, size_t length)
{
	void *at = ram_hugetlb(length);

	(void)lab;
	if (at)
		memset(at, 1, length);
	return at;
}

/* Three VMAs in a row. */
static inline void *get_vmas(const struct lab *lab, size_t length)
{
	unsigned char *at = get_ram(lab, length);

	mprotect(at + length / 4, length / 4, RW | PROT_EXEC);
	return at;
}

static inline void *get_bar(const struct lab *lab, size_t length)
{
	return bar_at(lab, PAGE, length);
}

/* Two VMAs, and not in the BAR's order. */
static inline void *get_bar_vmas(const struct lab *lab, size_t length)
{
	unsigned char *at = reserve(length);

	bar_mmap(lab->ivshmem_address, 2, at, MIB, length / 2, RW, MAP_SHARED);
	bar_mmap(lab->ivshmem_address, 2, at + length / 2, 0, length / 2, RW,
		 MAP_SHARED);
	return at;
}

enum memory_kind {
	NO_MEMORY,
	RAM,
	RAM_FRESH,
	RAM_BIG,
	THP,
	FRAGMENTS,
	MEMFD,
	HUGETLB,
	VMAS,
	BAR,
	BAR_BIG,
	BAR_VMAS,
};

static const struct memory memories[] = {
	[RAM] = { "RAM", get_ram, 16 * PAGE, NULL },
	[RAM_FRESH] = { "RAM not there yet", get_ram, 16 * PAGE, drain_ram },
	[RAM_BIG] = { "5 MiB of RAM", get_ram, 5 * MIB, NULL },
	[THP] = { "huge pages", get_thp, 2 * HUGE, NULL },
	[FRAGMENTS] = { "fragments", get_fragments, 600 * PAGE, NULL },
	[MEMFD] = { "a memfd", get_memfd, 16 * PAGE, NULL },
	[HUGETLB] = { "hugetlb", get_hugetlb, HUGE, NULL },
	[VMAS] = { "three VMAs", get_vmas, 16 * PAGE, NULL },
	[BAR] = { "a BAR", get_bar, 16 * PAGE, NULL },
	[BAR_BIG] = { "5 MiB of a BAR", get_bar, 5 * MIB, NULL },
	[BAR_VMAS] = { "two VMAs of a BAR", get_bar_vmas, 16 * PAGE, NULL },
};

/* The world of one call */

struct world {
	struct lab *lab;
	const struct op *op;
	int fd;
	int event_fd;
	uint32_t importer;
	uint32_t mapping;
	unsigned char *range;
	void *page; /* of generations */
	struct p2pmap_extent extents[4];
	struct p2pmap_reason reason;
	/* what is there besides: pinned RAM, unpinned RAM, a BAR */
	unsigned char *keep[3];
	struct p2pmap_mapping *kept[3];
	size_t attempts;
	size_t faults;
};

/*
 * One call of the table.  @before makes what the call needs; @call is the call
 * and nothing else; @after undoes it, and if it is NULL the world is made anew
 * after a success.
 */
struct op {
	const char *name;
	int number; /* of the ioctl, or -1 */
	int (*call)(struct world *world);
	void (*before)(struct world *world);
	void (*after)(struct world *world);
	enum memory_kind memory;
	uint32_t flags;
	bool cannot_fail;
};

static inline int issue(const struct world *world, unsigned long number,
			void *command)
{
	return ioctl(world->fd, number, command) ? -errno : 0;
}

static inline size_t length_of(const struct world *world)
{
	return memories[world->op->memory].length;
}

static inline int call_open(struct world *world)
{
	world->fd = open(NODE, O_RDWR | O_CLOEXEC);
	return world->fd < 0 ? -errno : 0;
}

static inline int call_close(struct world *world)
{
	int fd = world->fd;

	world->fd = -1;
	return close(fd) ? -errno : 0;
}

static inline void after_open(struct world *world)
{
	call_close(world);
}

static inline int call_info(struct world *world)
{
	struct p2pmap_info info = { .size = sizeof(info) };

	return issue(world, P2PMAP_IOC_INFO, &info);
}

static inline int call_attach(struct world *world)
{
	struct p2pmap_attach attach = { .size = sizeof(attach),
					.pci = world->lab->edu_pci,
					.dma_bits = 64,
					.reason = (uintptr_t)&world->reason };
	int rc = issue(world, P2PMAP_IOC_ATTACH, &attach);

	world->importer = attach.out_id;
	return rc;
}

static inline int call_detach(struct world *world)
{
	struct p2pmap_detach detach = { .size = sizeof(detach),
					.id = world->importer };

	return issue(world, P2PMAP_IOC_DETACH, &detach);
}

static inline int call_query(struct world *world)
{
	struct p2pmap_query query = {
		.size = sizeof(query),
		.flags = world->op->flags,
		.importer = world->importer,
		.addr = (uintptr_t)world->range,
		.length = length_of(world),
		.reason = (uintptr_t)&world->reason,
	};

	return issue(world, P2PMAP_IOC_QUERY, &query);
}

static inline int call_map(struct world *world)
{
	struct p2pmap_map map = {
		.size = sizeof(map),
		.flags = world->op->flags,
		.importer = world->importer,
		.max_extents = 4,
		.addr = (uintptr_t)world->range,
		.length = length_of(world),
		.extents = (uintptr_t)world->extents,
		.reason = (uintptr_t)&world->reason,
	};
	int rc = issue(world, P2PMAP_IOC_MAP, &map);

	world->mapping = map.out_id;
	return rc;
}

static inline int call_unmap(struct world *world)
{
	struct p2pmap_unmap unmap = { .size = sizeof(unmap),
				      .id = world->mapping };

	return issue(world, P2PMAP_IOC_UNMAP, &unmap);
}

static inline int call_extents(struct world *world)
{
	struct p2pmap_extents extents = {
		.size = sizeof(extents),
		.id = world->mapping,
		.max_extents = 4,
		.extents = (uintptr_t)world->extents,
	};

	return issue(world, P2PMAP_IOC_EXTENTS, &extents);
}

static inline int call_status(struct world *world)
{
	struct p2pmap_status status = { .size = sizeof(status),
					.id = world->mapping };

	return issue(world, P2PMAP_IOC_STATUS, &status);
}

static inline int call_remap(struct world *world)
{
	struct p2pmap_remap remap = { .size = sizeof(remap),
				      .id = world->mapping,
				      .reason = (uintptr_t)&world->reason };

	return issue(world, P2PMAP_IOC_REMAP, &remap);
}

static inline int call_watch(struct world *world)
{
	struct p2pmap_watch watch = { .size = sizeof(watch),
				      .capacity = WATCH_CAPACITY };

	return issue(world, P2PMAP_IOC_WATCH, &watch);
}

static inline int call_eventfd(struct world *world)
{
	struct p2pmap_eventfd command = { .size = sizeof(command),
					  .fd = world->event_fd };

	return issue(world, P2PMAP_IOC_EVENTFD, &command);
}

static inline int call_route(struct world *world)
{
	struct p2pmap_route_query route = {
		.size = sizeof(route),
		.importer = world->lab->edu_pci,
		.reason = (uintptr_t)&world->reason,
	};

	p2pmap_pci_parse(world->lab->ivshmem_address, &route.exporter);
	return issue(world, P2PMAP_IOC_ROUTE, &route);
}

static inline int call_read(struct world *world)
{
	struct p2pmap_event events[2];

	return read(world->fd, events, sizeof(events)) < 0 ? -errno : 0;
}

static inline int call_poll(struct world *world)
{
	struct pollfd pollfd = { .fd = world->fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) < 0 ? -errno : 0;
}

static inline int call_mmap(struct world *world)
{
	world->page = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, world->fd, 0);
	return world->page == MAP_FAILED ? -errno : 0;
}

/* Five pages in the middle go; what the kernel cuts off is what is lost. */
static inline void lose(struct world *world)
{
	unsigned char *at = world->range + 3 * PAGE;

	if (world->op->memory == BAR || world->op->memory == BAR_BIG) {
		bar_mmap(world->lab->ivshmem_address, 2, at, 4 * PAGE, 5 * PAGE,
			 RW, MAP_SHARED);
		return;
	}
	madvise(at, 5 * PAGE, MADV_DONTNEED);
}

static inline int call_munmap(struct world *world)
{
	return munmap(world->range + 3 * PAGE, 5 * PAGE) ? -errno : 0;
}

static inline int call_dontneed(struct world *world)
{
	return madvise(world->range + 3 * PAGE, 5 * PAGE, MADV_DONTNEED) ?
		       -errno :
		       0;
}

static inline int call_mprotect(struct world *world)
{
	return mprotect(world->range + 3 * PAGE, 5 * PAGE, PROT_READ) ? -errno :
									0;
}

static inline void must(struct world *world, int (*call)(struct world *world))
{
	int rc = call(world);

	if (rc)
		lab_note(world->lab, "%s: not even without a fault: %s, %u",
			 world->op->name, strerror(-rc), world->reason.code);
	assert_int_equal(rc, 0);
}

static inline void before_attached(struct world *world)
{
	must(world, call_attach);
}

static inline void before_mapped(struct world *world)
{
	before_attached(world);
	must(world, call_map);
}

static inline void before_lost(struct world *world)
{
	before_mapped(world);
	lose(world);
}

static inline void before_watched(struct world *world)
{
	must(world, call_watch);
}

static inline void after_mmap(struct world *world)
{
	munmap(world->page, 3 * PAGE);
}

static inline void after_map(struct world *world)
{
	must(world, call_unmap);
}

static inline void after_attach(struct world *world)
{
	must(world, call_detach);
}

static inline void after_nothing(struct world *world)
{
	(void)world;
}

#define IOCTL(_name, ...)                                              \
	{                                                              \
		.name = #_name, .number = _IOC_NR(P2PMAP_IOC_##_name), \
		__VA_ARGS__                                            \
	}

#define OTHER(_name, ...)                                \
	{                                                \
		.name = _name, .number = -1, __VA_ARGS__ \
	}

#define MAP_OF(_memory, _flags)                                 \
	IOCTL(MAP, .call = call_map, .before = before_attached, \
	      .after = after_map, .memory = _memory, .flags = _flags)

#define REMAP_OF(_memory, _flags)                                              \
	IOCTL(REMAP, .call = call_remap, .before = before_lost, .after = lose, \
	      .memory = _memory, .flags = _flags)

#define UNMAP_OF(_before, _memory, _flags)                                     \
	IOCTL(UNMAP, .call = call_unmap, .before = _before, .memory = _memory, \
	      .flags = _flags)

#define CLOSE_OF(_before, _memory, _flags)                    \
	OTHER("close", .call = call_close, .before = _before, \
	      .memory = _memory, .flags = _flags, .cannot_fail = true)

static const struct op ops[] = {
	OTHER("open", .call = call_open, .after = after_open),
	IOCTL(INFO, .call = call_info, .after = after_nothing),
	IOCTL(ATTACH, .call = call_attach, .after = after_attach),
	IOCTL(DETACH, .call = call_detach, .before = before_attached),
	IOCTL(QUERY, .call = call_query, .before = before_attached,
	      .after = after_nothing, .memory = RAM, .flags = WRITE | PIN),
	IOCTL(QUERY, .call = call_query, .before = before_attached,
	      .after = after_nothing, .memory = BAR_BIG, .flags = WRITE),
	MAP_OF(RAM, 0),
	MAP_OF(RAM, WRITE),
	MAP_OF(RAM, WRITE | PIN),
	MAP_OF(RAM, WRITE | SINK),
	MAP_OF(RAM, WRITE | SINK | RESTORE),
	MAP_OF(RAM_FRESH, 0),
	MAP_OF(RAM_FRESH, PIN),
	MAP_OF(RAM_FRESH, WRITE),
	MAP_OF(RAM_FRESH, WRITE | PIN),
	MAP_OF(RAM_BIG, WRITE),
	MAP_OF(RAM_BIG, WRITE | PIN),
	MAP_OF(THP, WRITE),
	MAP_OF(THP, WRITE | PIN),
	MAP_OF(FRAGMENTS, WRITE),
	MAP_OF(FRAGMENTS, WRITE | PIN),
	MAP_OF(MEMFD, WRITE | RESTORE),
	MAP_OF(MEMFD, WRITE | PIN),
	MAP_OF(HUGETLB, WRITE),
	MAP_OF(HUGETLB, WRITE | PIN),
	MAP_OF(VMAS, WRITE),
	MAP_OF(VMAS, WRITE | PIN),
	MAP_OF(BAR, 0),
	MAP_OF(BAR, WRITE | SINK),
	MAP_OF(BAR_BIG, WRITE),
	MAP_OF(BAR_BIG, WRITE | SINK | RESTORE),
	MAP_OF(BAR_VMAS, WRITE),
	UNMAP_OF(before_mapped, RAM, WRITE | PIN),
	UNMAP_OF(before_mapped, RAM_BIG, WRITE),
	UNMAP_OF(before_mapped, BAR_BIG, WRITE),
	UNMAP_OF(before_lost, RAM_BIG, WRITE | SINK),
	UNMAP_OF(before_lost, THP, WRITE | RESTORE),
	IOCTL(EXTENTS, .call = call_extents, .before = before_mapped,
	      .after = after_nothing, .memory = BAR_VMAS, .flags = WRITE),
	IOCTL(STATUS, .call = call_status, .before = before_mapped,
	      .after = after_nothing, .memory = RAM, .flags = WRITE),
	REMAP_OF(RAM, WRITE),
	REMAP_OF(RAM, WRITE | SINK),
	REMAP_OF(RAM_BIG, WRITE),
	REMAP_OF(THP, WRITE),
	REMAP_OF(THP, WRITE | SINK),
	REMAP_OF(MEMFD, 0),
	REMAP_OF(BAR, WRITE),
	REMAP_OF(BAR_BIG, WRITE | SINK),
	IOCTL(WATCH, .call = call_watch),
	IOCTL(EVENTFD, .call = call_eventfd, .after = after_nothing),
	IOCTL(ROUTE, .call = call_route, .after = after_nothing),
	OTHER("read", .call = call_read, .before = before_lost, .after = lose,
	      .memory = RAM, .flags = WRITE),
	OTHER("poll", .call = call_poll, .before = before_lost,
	      .after = after_nothing, .memory = RAM, .flags = WRITE),
	OTHER("mmap", .call = call_mmap, .before = before_watched,
	      .after = after_mmap),
	CLOSE_OF(NULL, NO_MEMORY, 0),
	CLOSE_OF(before_watched, NO_MEMORY, 0),
	CLOSE_OF(before_mapped, RAM, WRITE | PIN),
	CLOSE_OF(before_mapped, RAM_BIG, WRITE),
	CLOSE_OF(before_lost, RAM_BIG, WRITE | SINK),
	CLOSE_OF(before_lost, BAR_BIG, WRITE | RESTORE),
	OTHER("munmap", .call = call_munmap, .before = before_mapped,
	      .memory = RAM, .flags = WRITE | SINK),
	OTHER("munmap", .call = call_munmap, .before = before_mapped,
	      .memory = THP, .flags = WRITE | RESTORE),
	OTHER("munmap", .call = call_munmap, .before = before_mapped,
	      .memory = BAR_BIG, .flags = WRITE | SINK),
	OTHER("munmap", .call = call_munmap, .before = before_mapped,
	      .memory = RAM, .flags = WRITE | PIN),
	OTHER("madvise", .call = call_dontneed, .before = before_mapped,
	      .memory = THP, .flags = WRITE | SINK),
	OTHER("mprotect", .call = call_mprotect, .before = before_mapped,
	      .memory = THP, .flags = WRITE),
};

#define NR_OPS (sizeof(ops) / sizeof(ops[0]))

static inline void world_open(struct world *world, bool anew)
{
	const struct memory *memory = &memories[world->op->memory];

	if (memory->get && !anew)
		munmap(world->range, memory->length);
	if (world->fd >= 0)
		close(world->fd);
	world->fd = -1;
	if (memory->get) {
		world->range = memory->get(world->lab, memory->length);
		if (!world->range)
			lab_skip(world->lab, "no %s", memory->name);
	}
	if (world->op->call != call_open)
		must(world, call_open);
	if (world->op->before)
		world->op->before(world);
}

static inline void world_close(struct world *world)
{
	const struct memory *memory = &memories[world->op->memory];

	if (world->fd >= 0)
		close(world->fd);
	world->fd = -1;
	if (memory->get)
		munmap(world->range, memory->length);
}

#endif /* P2PMAP_TEST_FAULT_OPS_H */
