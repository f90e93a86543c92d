// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that lies.  See fuzz.h.
 *
 * It keeps to what the kernel's own checks make sure of: it writes only where it
 * was told to, and no more than fits.  What it writes is any nonsense.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"

#define MAX_PAGE (1U << 20)

static const uint8_t *input;
static size_t input_left;

void fuzz_input(const uint8_t *data, size_t size)
{
	input = data;
	input_left = size;
}

size_t fuzz_left(void)
{
	return input_left;
}

void fuzz_bytes(void *to, size_t size)
{
	size_t have = size < input_left ? size : input_left;

	memset(to, 0, size);
	if (!have)
		return;
	memcpy(to, input, have);
	input += have;
	input_left -= have;
}

uint64_t fuzz_number(unsigned int bytes)
{
	uint64_t number = 0;

	fuzz_bytes(&number, bytes);
	return number;
}

static uint32_t u32(void)
{
	return (uint32_t)fuzz_number(4);
}

/* Half of the time an errno, and a reason if there is a place for it. */
static int may_fail(uint64_t reason)
{
	struct p2pmap_reason *why = (void *)(uintptr_t)reason;
	unsigned int byte = (unsigned int)fuzz_number(1);

	if (byte < 128)
		return 0;
	/* The library calls again for ever, as it should. */
	if (byte == 128 + EINTR)
		return -EIO;
	if (why) {
		fuzz_bytes(&why->pci, sizeof(*why) - sizeof(why->size) -
					      sizeof(why->code));
		why->code = (uint32_t)fuzz_number(1);
	}
	return -(int)(byte - 127);
}

/* As many as there is room for; of the right length, or of any. */
static void write_extents(uint64_t to, uint32_t room, uint32_t count,
			  uint64_t length)
{
	struct p2pmap_extent *extents = (void *)(uintptr_t)to;
	bool honest = fuzz_number(1) < 128;
	uint32_t i;

	if (room > count)
		room = count;
	for (i = 0; i < room; i++) {
		fuzz_bytes(&extents[i], sizeof(extents[i]));
		if (honest)
			extents[i].length = length / count;
	}
	if (honest && room && room == count)
		extents[0].length += length % count;
}

static void do_map(struct p2pmap_map *map)
{
	map->out_id = u32();
	map->out_nr_extents = (uint32_t)fuzz_number(2) & 0x3ff;
	map->out_kind = (uint32_t)fuzz_number(1);
	map->out_route = (uint32_t)fuzz_number(1);
	map->out_flags = u32();
	map->out_slot = u32() & 0x1ff;
	map->out_generation = fuzz_number(8);
	fuzz_bytes(&map->out_exporter, sizeof(map->out_exporter));
	write_extents(map->extents, map->max_extents, map->out_nr_extents,
		      map->length);
}

static void do_extents(struct p2pmap_extents *extents)
{
	extents->out_count = u32() & 0x3ff;
	if (fuzz_number(1) < 200 && extents->out_count > extents->max_extents)
		extents->out_count = extents->max_extents;
	extents->out_total = u32();
	write_extents(extents->extents, extents->max_extents,
		      extents->out_count, fuzz_number(4));
}

static int answer_attach(struct p2pmap_attach *attach)
{
	int error = may_fail(attach->reason);

	if (error)
		return error;
	/* From out_id to the reserved field, and the mask. */
	fuzz_bytes(&attach->out_id, 4 * sizeof(attach->out_id));
	attach->out_dma_mask = fuzz_number(8);
	return 0;
}

static int answer_map(struct p2pmap_map *map)
{
	int error = may_fail(map->reason);

	if (!error)
		do_map(map);
	return error;
}

static int answer_query(struct p2pmap_query *query)
{
	int error = may_fail(query->reason);

	if (error)
		return error;
	query->out_kind = (uint32_t)fuzz_number(1);
	query->out_route = (uint32_t)fuzz_number(1);
	fuzz_bytes(&query->out_exporter, sizeof(query->out_exporter));
	query->out_bar = u32();
	query->out_distance = u32();
	query->out_bar_offset = fuzz_number(8);
	return 0;
}

static int answer_remap(struct p2pmap_remap *remap)
{
	int error = may_fail(remap->reason);

	remap->out_generation = fuzz_number(8);
	remap->out_flags = u32();
	return error;
}

static int answer_route(struct p2pmap_route_query *query)
{
	int error = may_fail(query->reason);

	query->out_route = u32();
	query->out_distance = u32();
	query->out_mode = u32();
	return error;
}

static int answer_others(unsigned long request, void *arg)
{
	struct p2pmap_status *status = arg;
	struct p2pmap_watch *watch = arg;
	struct p2pmap_info *info = arg;
	int error = may_fail(0);

	if (error)
		return error;
	if (request == P2PMAP_IOC_INFO)
		fuzz_bytes(&info->out_abi_version,
			   sizeof(*info) - 2 * sizeof(info->size));
	else if (request == P2PMAP_IOC_STATUS)
		fuzz_bytes(&status->out_flags,
			   sizeof(*status) - 2 * sizeof(status->size));
	else if (request == P2PMAP_IOC_WATCH)
		watch->out_length = fuzz_number(3);
	else if (request == P2PMAP_IOC_EXTENTS)
		do_extents(arg);
	return 0;
}

static int module_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	switch (request) {
	case P2PMAP_IOC_ATTACH:
		return answer_attach(arg);
	case P2PMAP_IOC_MAP:
		return answer_map(arg);
	case P2PMAP_IOC_QUERY:
		return answer_query(arg);
	case P2PMAP_IOC_REMAP:
		return answer_remap(arg);
	case P2PMAP_IOC_ROUTE:
		return answer_route(arg);
	default:
		return answer_others(request, arg);
	}
}

static ssize_t module_read(int fd, void *buffer, size_t size)
{
	int error = may_fail(0);
	size_t length;

	(void)fd;
	if (error)
		return error;
	length = fuzz_number(2);
	if (length > size)
		length = size;
	fuzz_bytes(buffer, length);
	/* Whole events, mostly: their sizes are right. */
	if (fuzz_number(1) < 200)
		for (size_t at = 0; at + 4 <= length; at += 64)
			memcpy((char *)buffer + at, &(uint32_t){ 64 }, 4);
	return (ssize_t)length;
}

static int module_mmap(int fd, size_t length, const void **page)
{
	(void)fd;
	if (!length || length > MAX_PAGE)
		return -ENOMEM;
	*page = calloc(1, length);
	return *page ? 0 : -ENOMEM;
}

static int module_munmap(const void *page, size_t length)
{
	(void)length;
	free((void *)page);
	return 0;
}

static int module_open(const char *path, int flags)
{
	(void)path;
	(void)flags;
	return may_fail(0) ? -ENOENT : 0x7fffffff;
}

static int module_set_flags(int fd, bool nonblock)
{
	(void)fd;
	(void)nonblock;
	return may_fail(0);
}

static int module_close(int fd)
{
	(void)fd;
	return 0;
}

const struct p2pmap_sys fuzz_sys = {
	.open = module_open,
	.set_flags = module_set_flags,
	.close = module_close,
	.ioctl = module_ioctl,
	.read = module_read,
	.mmap = module_mmap,
	.munmap = module_munmap,
};
