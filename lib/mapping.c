// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The mapping: from map to unmap, and what is known of it in between.
 *
 * Its extents (extent.c) are kept from the start, as they never change; its
 * generation and flags are what the kernel said last.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "private.h"

/* Behind an IOMMU there is one extent nearly always; one call then does it. */
#define FIRST_GUESS 8

/* Room for the extents, and behind them for where each one starts. */
static struct p2pmap_mapping *mapping_alloc(struct p2pmap_mapping *mapping,
					    size_t nr_extents)
{
	const size_t each = sizeof(struct p2pmap_extent) + sizeof(uint64_t);

	if (nr_extents > (SIZE_MAX - sizeof(*mapping)) / each)
		return NULL;
	return realloc(mapping, sizeof(*mapping) + nr_extents * each);
}

static int ioctl_map(struct p2pmap_context *ctx, struct p2pmap_map *map,
		     struct p2pmap_reason *reason)
{
	struct p2pmap_reason why = { .size = sizeof(why) };
	char what[96];
	int error;

	map->reason = (uintptr_t)&why;
	error = p2pmap_ioctl(ctx, P2PMAP_IOC_MAP, map);
	if (!error)
		return 0;
	snprintf(what, sizeof(what),
		 "cannot map %" PRIu64 " bytes at 0x%" PRIx64,
		 (uint64_t)map->length, (uint64_t)map->addr);
	return p2pmap_reason_fail(ctx, what, error, &why, reason);
}

static int ioctl_unmap(struct p2pmap_context *ctx, uint32_t id)
{
	struct p2pmap_unmap unmap = { .size = sizeof(unmap), .id = id };

	return p2pmap_ioctl_log(ctx, P2PMAP_IOC_UNMAP, &unmap,
				"cannot unmap the mapping");
}

static void mapping_fill(struct p2pmap_mapping *mapping,
			 const struct p2pmap_context *ctx,
			 const struct p2pmap_map *map)
{
	mapping->id = map->out_id;
	mapping->kind = (enum p2pmap_kind)map->out_kind;
	mapping->route = (enum p2pmap_route)map->out_route;
	mapping->exporter = map->out_exporter;
	mapping->addr = (void *)(uintptr_t)map->addr;
	mapping->length = map->length;
	mapping->cookie = map->cookie;
	mapping->word = p2pmap_watch_word(ctx, map->out_slot);
	mapping->state.generation = map->out_generation;
	mapping->state.flags = map->out_flags;
	mapping->nr_extents = map->out_nr_extents;
	mapping->starts = (uint64_t *)&mapping->extents[mapping->nr_extents];
}

/*
 * Complete a mapping that the kernel has made.  May move @mapping; the caller
 * still owns it when this fails.
 */
static int mapping_complete(struct p2pmap_context *ctx,
			    struct p2pmap_mapping **mapping,
			    const struct p2pmap_map *map)
{
	struct p2pmap_mapping *grown;

	if (map->out_nr_extents > FIRST_GUESS) {
		grown = mapping_alloc(*mapping, map->out_nr_extents);
		if (!grown)
			return -ENOMEM;
		*mapping = grown;
	}
	mapping_fill(*mapping, ctx, map);
	return p2pmap_extents_complete(ctx, *mapping, FIRST_GUESS);
}

int p2pmap_mapping_map(struct p2pmap_importer *importer, void *addr,
		       uint64_t length, uint32_t flags,
		       const struct p2pmap_map_opts *opts,
		       struct p2pmap_reason *reason,
		       struct p2pmap_mapping **out)
{
	struct p2pmap_context *ctx = importer->handle.ctx;
	struct p2pmap_map map = {
		.size = sizeof(map),
		.flags = flags,
		.importer = importer->info.id,
		.max_extents = FIRST_GUESS,
		.addr = (uintptr_t)addr,
		.length = length,
	};
	struct p2pmap_mapping *mapping;
	struct p2pmap_map_opts known;
	int error;

	error = p2pmap_reason_check(reason);
	if (!error)
		error = p2pmap_opts_copy(&known, sizeof(known), opts);
	if (error)
		return error;
	mapping = mapping_alloc(NULL, FIRST_GUESS);
	if (!mapping)
		return -ENOMEM;
	map.cookie = known.cookie;
	map.extents = (uintptr_t)mapping->extents;
	error = ioctl_map(ctx, &map, reason);
	if (error)
		goto free_mapping;
	error = mapping_complete(ctx, &mapping, &map);
	if (error)
		goto unmap;
	p2pmap_handle_link(ctx, &mapping->handle);
	*out = mapping;
	return 0;

unmap:
	ioctl_unmap(ctx, map.out_id);
free_mapping:
	free(mapping);
	return error;
}

int p2pmap_mapping_unmap(struct p2pmap_mapping *mapping)
{
	int error;

	if (!mapping)
		return 0;
	error = ioctl_unmap(mapping->handle.ctx, mapping->id);
	p2pmap_handle_free(&mapping->handle);
	return error;
}

/*
 * Two threads may bring the kernel's answers here in the wrong order; as
 * generations only grow, the later answer can be told.
 */
static void mapping_note(struct p2pmap_mapping *mapping, uint64_t generation,
			 uint32_t flags)
{
	struct p2pmap_context *ctx = mapping->handle.ctx;

	p2pmap_lock(ctx);
	if (generation >= mapping->state.generation) {
		mapping->state.generation = generation;
		mapping->state.flags = flags;
	}
	p2pmap_unlock(ctx);
}

int p2pmap_mapping_remap(struct p2pmap_mapping *mapping, uint64_t offset,
			 uint64_t length, struct p2pmap_reason *reason)
{
	struct p2pmap_context *ctx = mapping->handle.ctx;
	struct p2pmap_reason why = { .size = sizeof(why) };
	struct p2pmap_remap remap = {
		.size = sizeof(remap),
		.id = mapping->id,
		.offset = offset,
		.length = length,
		.reason = (uintptr_t)&why,
	};
	char what[64];
	int error;

	error = p2pmap_reason_check(reason);
	if (error)
		return error;
	error = p2pmap_ioctl(ctx, P2PMAP_IOC_REMAP, &remap);
	if (error) {
		snprintf(what, sizeof(what), "cannot remap mapping %u",
			 mapping->id);
		return p2pmap_reason_fail(ctx, what, error, &why, reason);
	}
	mapping_note(mapping, remap.out_generation, remap.out_flags);
	return 0;
}

int p2pmap_mapping_get_status(struct p2pmap_mapping *mapping,
			      struct p2pmap_status *status)
{
	struct p2pmap_status known = {
		.size = sizeof(known),
		.id = mapping->id,
	};
	int error = p2pmap_struct_check_out(status->size);

	if (error)
		return error;
	error = p2pmap_ioctl_log(mapping->handle.ctx, P2PMAP_IOC_STATUS, &known,
				 "cannot ask for the mapping's status");
	if (error)
		return error;
	mapping_note(mapping, known.out_generation, known.out_flags);
	p2pmap_struct_copy_out(status, status->size, &known, sizeof(known));
	return 0;
}

bool p2pmap_mapping_is_current(const struct p2pmap_mapping *mapping,
			       uint64_t generation)
{
	struct p2pmap_status status = {
		.size = sizeof(status),
		.id = mapping->id,
	};

	if (mapping->word)
		return p2pmap_generation_is_current(mapping->word, generation);
	if (p2pmap_ioctl(mapping->handle.ctx, P2PMAP_IOC_STATUS, &status))
		return false;
	return status.out_generation == generation && (generation & 1);
}

uint32_t p2pmap_mapping_id(const struct p2pmap_mapping *mapping)
{
	return mapping->id;
}

void *p2pmap_mapping_addr(const struct p2pmap_mapping *mapping)
{
	return mapping->addr;
}

uint64_t p2pmap_mapping_length(const struct p2pmap_mapping *mapping)
{
	return mapping->length;
}

uint64_t p2pmap_mapping_cookie(const struct p2pmap_mapping *mapping)
{
	return mapping->cookie;
}

enum p2pmap_kind p2pmap_mapping_kind(const struct p2pmap_mapping *mapping)
{
	return mapping->kind;
}

enum p2pmap_route p2pmap_mapping_route(const struct p2pmap_mapping *mapping)
{
	return mapping->route;
}

const struct p2pmap_pci_addr *
p2pmap_mapping_exporter(const struct p2pmap_mapping *mapping)
{
	return mapping->kind == P2PMAP_KIND_BAR ? &mapping->exporter : NULL;
}

uint32_t p2pmap_mapping_flags(const struct p2pmap_mapping *mapping)
{
	struct p2pmap_context *ctx = mapping->handle.ctx;
	uint32_t flags;

	p2pmap_lock(ctx);
	flags = mapping->state.flags;
	p2pmap_unlock(ctx);
	return flags;
}

uint64_t p2pmap_mapping_generation(const struct p2pmap_mapping *mapping)
{
	struct p2pmap_context *ctx = mapping->handle.ctx;
	uint64_t generation;

	p2pmap_lock(ctx);
	generation = mapping->state.generation;
	p2pmap_unlock(ctx);
	return generation;
}

const uint64_t *
p2pmap_mapping_generation_word(const struct p2pmap_mapping *mapping)
{
	return mapping->word;
}
