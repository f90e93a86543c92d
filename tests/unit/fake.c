// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fake module, and malloc() that fails when told to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fake.h"

struct fake fake;

static const struct p2pmap_extent one_extent = { 0x100000, 0x4000 };

int fake_setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.extents = &one_extent;
	fake.nr_extents = 1;
	fake.extents_per_call = UINT32_MAX;
	fake.generation = 7;
	fake.status_flags = P2PMAP_MAPPING_ENFORCED | P2PMAP_MAPPING_LIVE;
	fake.watch_length = sizeof(fake.page);
	fake.record_length = sizeof(struct p2pmap_event);
	fake.page[FAKE_SLOT] = 7;
	return 0;
}

/* What every test promises, whatever it was about. */
int fake_teardown(void **state)
{
	(void)state;
	assert_int_equal(fake.nr_mmap, fake.nr_munmap);
	assert_int_equal(fake.nr_open, fake.nr_close);
	return 0;
}

void fake_log(void *user, enum p2pmap_log_level level, const char *message)
{
	assert_ptr_equal(user, &fake);
	if (level == P2PMAP_LOG_DEBUG)
		return;
	assert_null(strchr(message, '\n'));
	fake.nr_log++;
	snprintf(fake.log, sizeof(fake.log), "%s", message);
}

static int sys_open(const char *path, int flags)
{
	snprintf(fake.path, sizeof(fake.path), "%s", path);
	fake.open_flags = flags;
	if (fake.open_eintr-- > 0)
		return -EINTR;
	if (fake.open_error)
		return fake.open_error;
	fake.nr_open++;
	return FAKE_FD;
}

static int sys_set_flags(int fd, bool nonblock)
{
	assert_int_equal(fd, FAKE_FD);
	if (fake.set_flags_error)
		return fake.set_flags_error;
	fake.nr_set_flags++;
	fake.nonblock = nonblock;
	return 0;
}

static int sys_close(int fd)
{
	assert_int_equal(fd, FAKE_FD);
	fake.nr_close++;
	return 0;
}

static int sys_mmap(int fd, size_t length, const void **page)
{
	assert_int_equal(fd, FAKE_FD);
	assert_int_equal(length, fake.watch_length);
	if (fake.mmap_error)
		return fake.mmap_error;
	fake.nr_mmap++;
	*page = fake.page;
	return 0;
}

static int sys_munmap(const void *page, size_t length)
{
	assert_ptr_equal(page, fake.page);
	assert_int_equal(length, fake.watch_length);
	fake.nr_munmap++;
	return 0;
}

static ssize_t sys_read(int fd, void *buf, size_t size)
{
	size_t length = fake.records_length;

	assert_int_equal(fd, FAKE_FD);
	fake.nr_read++;
	fake.last_read_size = size;
	if (fake.read_error)
		return fake.read_error;
	if (size < fake.record_length)
		return -EINVAL;
	if (length > size)
		length = size - size % fake.record_length;
	memcpy(buf, fake.records, length);
	fake.records += length;
	fake.records_length -= length;
	return (ssize_t)length;
}

static void write_extents(uint64_t to, uint32_t first, uint32_t count)
{
	if (count)
		memcpy((void *)(uintptr_t)to, fake.extents + first,
		       count * sizeof(*fake.extents));
}

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void do_info(struct p2pmap_info *info)
{
	assert_int_equal(info->size, sizeof(*info));
	assert_int_equal(info->flags, 0);
	info->out_abi_version = P2PMAP_ABI_VERSION;
	info->out_quarantined_pages = 42;
}

static void do_attach(struct p2pmap_attach *attach)
{
	fake.attach = *attach;
	fake.nr_attached++;
	attach->out_id = FAKE_IMPORTER;
	attach->out_mode = P2PMAP_DMA_TRANSLATED;
	attach->out_flags = P2PMAP_IMPORTER_ENFORCED;
	attach->out_group = 5;
	attach->out_dma_mask = 0xffffffff;
}

static void do_map(struct p2pmap_map *map)
{
	fake.map = *map;
	fake.nr_live++;
	map->out_id = FAKE_MAPPING;
	map->out_nr_extents = fake.nr_extents;
	map->out_kind = fake.kind;
	map->out_route = P2PMAP_ROUTE_HOST_BRIDGE;
	map->out_flags = fake.status_flags;
	map->out_slot = fake.nr_mmap ? FAKE_SLOT : P2PMAP_NO_SLOT;
	map->out_generation = fake.generation;
	map->out_exporter.bus = 9;
	write_extents(map->extents, 0,
		      min32(map->max_extents, fake.nr_extents));
}

static void do_extents(struct p2pmap_extents *extents)
{
	assert_int_equal(extents->id, FAKE_MAPPING);
	assert_true(extents->first < fake.nr_extents);
	extents->out_total = fake.nr_extents;
	extents->out_count = min32(extents->max_extents,
				   min32(fake.nr_extents - extents->first,
					 fake.extents_per_call));
	write_extents(extents->extents, extents->first, extents->out_count);
}

static void do_query(struct p2pmap_query *query)
{
	fake.query = *query;
	query->out_kind = P2PMAP_KIND_BAR;
	query->out_bar = 2;
	query->out_bar_offset = 0x5000;
}

static void do_route(struct p2pmap_route_query *route)
{
	fake.route = *route;
	route->out_route = P2PMAP_ROUTE_SWITCH;
	route->out_distance = 4;
	route->out_mode = P2PMAP_DMA_DIRECT;
}

static void do_remap(struct p2pmap_remap *remap)
{
	fake.remap = *remap;
	remap->out_generation = fake.generation;
	remap->out_flags = fake.status_flags;
}

static void do_status(struct p2pmap_status *status)
{
	assert_int_equal(status->id, FAKE_MAPPING);
	status->out_flags = fake.status_flags;
	status->out_generation = fake.generation;
	status->out_live_bytes = 0x4000;
}

static void do_watch(struct p2pmap_watch *watch)
{
	fake.watch = *watch;
	watch->out_length = fake.watch_length;
}

static void succeed(unsigned long request, void *arg)
{
	switch (request) {
	case P2PMAP_IOC_INFO:
		do_info(arg);
		break;
	case P2PMAP_IOC_ATTACH:
		do_attach(arg);
		break;
	case P2PMAP_IOC_DETACH:
		fake.detached_id = ((struct p2pmap_detach *)arg)->id;
		fake.nr_attached--;
		break;
	case P2PMAP_IOC_QUERY:
		do_query(arg);
		break;
	case P2PMAP_IOC_MAP:
		do_map(arg);
		break;
	case P2PMAP_IOC_UNMAP:
		fake.unmapped_id = ((struct p2pmap_unmap *)arg)->id;
		fake.nr_live--;
		break;
	case P2PMAP_IOC_EXTENTS:
		do_extents(arg);
		break;
	case P2PMAP_IOC_STATUS:
		do_status(arg);
		break;
	case P2PMAP_IOC_REMAP:
		do_remap(arg);
		break;
	case P2PMAP_IOC_WATCH:
		do_watch(arg);
		break;
	case P2PMAP_IOC_EVENTFD:
		fake.eventfd = *(struct p2pmap_eventfd *)arg;
		break;
	case P2PMAP_IOC_ROUTE:
		do_route(arg);
		break;
	default:
		fail_msg("the module has no ioctl 0x%lx", request);
	}
}

static void write_reason(unsigned long request, void *arg)
{
	uint64_t to = 0;

	if (request == P2PMAP_IOC_ATTACH)
		to = ((struct p2pmap_attach *)arg)->reason;
	else if (request == P2PMAP_IOC_QUERY)
		to = ((struct p2pmap_query *)arg)->reason;
	else if (request == P2PMAP_IOC_MAP)
		to = ((struct p2pmap_map *)arg)->reason;
	else if (request == P2PMAP_IOC_REMAP)
		to = ((struct p2pmap_remap *)arg)->reason;
	else if (request == P2PMAP_IOC_ROUTE)
		to = ((struct p2pmap_route_query *)arg)->reason;
	if (to && fake.why.code) {
		fake.why.size = sizeof(fake.why);
		memcpy((void *)(uintptr_t)to, &fake.why, sizeof(fake.why));
	}
}

static int sys_ioctl(int fd, unsigned long request, void *arg)
{
	unsigned int nr = NR(request);

	assert_int_equal(fd, FAKE_FD);
	fake.nr_ioctl[nr]++;
	if (fake.eintr[nr]-- > 0)
		return -EINTR;
	if (fake.error[nr]) {
		write_reason(request, arg);
		return fake.error[nr];
	}
	succeed(request, arg);
	return 0;
}

const struct p2pmap_sys fake_sys = {
	.open = sys_open,
	.set_flags = sys_set_flags,
	.close = sys_close,
	.ioctl = sys_ioctl,
	.read = sys_read,
	.mmap = sys_mmap,
	.munmap = sys_munmap,
};

struct p2pmap_context *fake_context(uint32_t capacity)
{
	struct p2pmap_open_opts opts = {
		.size = sizeof(opts),
		.log = fake_log,
		.log_user = &fake,
		.watch_capacity = capacity,
	};
	struct p2pmap_context *ctx;

	assert_int_equal(p2pmap_context_open_sys(&fake_sys, &opts, &ctx), 0);
	return ctx;
}

struct p2pmap_importer *fake_importer(struct p2pmap_context *ctx)
{
	struct p2pmap_pci_addr pci = { .bus = 2 };
	struct p2pmap_importer *importer;

	assert_int_equal(
		p2pmap_importer_attach(ctx, &pci, NULL, NULL, &importer), 0);
	return importer;
}

struct p2pmap_mapping *fake_mapping(struct p2pmap_importer *importer,
				    uint64_t length)
{
	struct p2pmap_map_opts opts = { .size = sizeof(opts), .cookie = 99 };
	struct p2pmap_mapping *mapping;

	assert_int_equal(p2pmap_mapping_map(importer, (void *)0x7000, length,
					    P2PMAP_MAP_WRITE, &opts, NULL,
					    &mapping),
			 0);
	return mapping;
}

/*
 * The linker sends the library's allocations here: -Wl,--wrap.  malloc() too,
 * which a compiler may make of the others.
 */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool alloc_fails(void)
{
	/* Atomic for the test with threads, which has nothing fail. */
	return __atomic_add_fetch(&fake.allocs, 1, __ATOMIC_RELAXED) ==
	       fake.alloc_fail;
}

void *__wrap_malloc(size_t size)
{
	return alloc_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return alloc_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return alloc_fails() ? NULL : __real_realloc(old, size);
}
