// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The extents of a mapping: fetched once, then searched.
 */
#include <errno.h>

#include "private.h"

/* The kernel may answer with fewer than asked for, but never with none. */
static int fetch(struct p2pmap_context *ctx, struct p2pmap_mapping *mapping,
		 size_t have)
{
	while (have < mapping->nr_extents) {
		struct p2pmap_extents extents = {
			.size = sizeof(extents),
			.id = mapping->id,
			.first = (uint32_t)have,
			.max_extents = (uint32_t)(mapping->nr_extents - have),
			.extents = (uintptr_t)&mapping->extents[have],
		};
		int error = p2pmap_ioctl_log(ctx, P2PMAP_IOC_EXTENTS, &extents,
					     "cannot list the extents");

		if (error)
			return error;
		if (!extents.out_count ||
		    extents.out_count > extents.max_extents)
			return -EPROTO;
		have += extents.out_count;
	}
	return 0;
}

/* The search relies on it, so do not take the kernel's word for it. */
static int add_up(struct p2pmap_mapping *mapping)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < mapping->nr_extents; i++) {
		uint64_t length = mapping->extents[i].length;

		if (!length || length > mapping->length - sum)
			return -EPROTO;
		mapping->starts[i] = sum;
		sum += length;
	}
	return sum == mapping->length ? 0 : -EPROTO;
}

/* Fetch the extents from index @have on and find where each one starts. */
int p2pmap_extents_complete(struct p2pmap_context *ctx,
			    struct p2pmap_mapping *mapping, size_t have)
{
	int error = fetch(ctx, mapping, have);

	return error ? error : add_up(mapping);
}

/* Index of the last extent that starts at @offset or before. */
static size_t find(const struct p2pmap_mapping *mapping, uint64_t offset)
{
	size_t first = 0;
	size_t end = mapping->nr_extents;

	while (end - first > 1) {
		size_t middle = first + (end - first) / 2;

		if (mapping->starts[middle] <= offset)
			first = middle;
		else
			end = middle;
	}
	return first;
}

int p2pmap_mapping_dma_addr(const struct p2pmap_mapping *mapping,
			    uint64_t offset, uint64_t *dma_addr,
			    uint64_t *contiguous)
{
	const struct p2pmap_extent *extent;
	size_t index;

	if (offset >= mapping->length)
		return -EINVAL;
	index = find(mapping, offset);
	extent = &mapping->extents[index];
	offset -= mapping->starts[index];
	*dma_addr = extent->dma_addr + offset;
	if (contiguous)
		*contiguous = extent->length - offset;
	return 0;
}

const struct p2pmap_extent *
p2pmap_mapping_extents(const struct p2pmap_mapping *mapping, size_t *count)
{
	*count = mapping->nr_extents;
	return mapping->extents;
}
