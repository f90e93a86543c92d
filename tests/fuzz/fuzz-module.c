// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library on a module that lies: any calls in any order, with structs of any
 * size, and what comes back is memory-safe and adds up.
 */
#include <string.h>

#include "fuzz.h"

#define NR_HANDLES 4
#define MAX_CALLS 200

static struct {
	struct p2pmap_context *ctx;
	struct p2pmap_importer *importers[NR_HANDLES];
	struct p2pmap_mapping *mappings[NR_HANDLES];
} world;

bool fuzz_prepare(void)
{
	return true;
}

static void ignore(void *user, enum p2pmap_log_level level, const char *message)
{
	(void)user;
	(void)level;
	PROMISE(!strchr(message, '\n') && strlen(message) < 4096);
}

/* A struct as large as the input says, at the very end of its memory. */
static void *any_struct(void)
{
	uint32_t size = (uint32_t)fuzz_number(1);
	uint32_t *result = malloc(size < 4 ? 4 : size);

	PROMISE(result);
	fuzz_bytes(result, size < 4 ? 4 : size);
	*result = size;
	return result;
}

static void *any_options(void)
{
	size_t size = 8 + fuzz_number(1) % 64;
	size_t *options = malloc(size);

	PROMISE(options);
	fuzz_bytes(options, size);
	*options = size;
	return options;
}

static void attach(unsigned int at)
{
	struct p2pmap_pci_addr pci;
	void *options = any_options(), *reason = any_struct();

	fuzz_bytes(&pci, sizeof(pci));
	if (!world.importers[at])
		p2pmap_importer_attach(world.ctx, &pci, options, reason,
				       &world.importers[at]);
	free(options);
	free(reason);
}

static void adopt(unsigned int at)
{
	void *info = any_struct();

	if (world.importers[at])
		p2pmap_importer_get_info(world.importers[at], info);
	else
		p2pmap_importer_adopt(world.ctx, info, &world.importers[at]);
	free(info);
}

/* EBUSY keeps the handle; nothing else does. */
static void detach(unsigned int at)
{
	if (p2pmap_importer_detach(world.importers[at]) != -16)
		world.importers[at] = NULL;
}

static void look(struct p2pmap_mapping *mapping)
{
	uint64_t length = p2pmap_mapping_length(mapping), dma, contiguous;
	uint64_t offset = fuzz_number(4);
	size_t count;

	PROMISE(!p2pmap_mapping_dma_addr(mapping, length - 1, &dma,
					 &contiguous));
	PROMISE(contiguous == 1);
	if (!p2pmap_mapping_dma_addr(mapping, offset, &dma, &contiguous))
		PROMISE(contiguous && contiguous <= length - offset);
	else
		PROMISE(offset >= length);
	p2pmap_mapping_extents(mapping, &count);
	PROMISE(count);
	p2pmap_mapping_is_current(mapping, fuzz_number(8));
}

static void map(unsigned int at)
{
	void *options = any_options(), *reason = any_struct();
	uint64_t length = 1 + fuzz_number(4);

	if (world.importers[at] && !world.mappings[at] &&
	    !p2pmap_mapping_map(world.importers[at], world.ctx, length, 0,
				options, reason, &world.mappings[at]))
		look(world.mappings[at]);
	free(options);
	free(reason);
}

static void use(unsigned int at)
{
	struct p2pmap_mapping *mapping = world.mappings[at];
	void *status = any_struct(), *reason = any_struct();

	if (mapping) {
		look(mapping);
		p2pmap_mapping_get_status(mapping, status);
		p2pmap_mapping_remap(mapping, 0, 0, reason);
	}
	free(status);
	free(reason);
}

static void unmap(unsigned int at)
{
	p2pmap_mapping_unmap(world.mappings[at]);
	world.mappings[at] = NULL;
}

static void ask(unsigned int at)
{
	void *answer = any_struct(), *reason = any_struct();
	struct p2pmap_pci_addr a, b;

	fuzz_bytes(&a, sizeof(a));
	fuzz_bytes(&b, sizeof(b));
	if (at == 0)
		p2pmap_context_query(world.ctx, world.importers[0], NULL, 4096,
				     0, answer, reason);
	else if (at == 1)
		p2pmap_context_route(world.ctx, &a, &b, answer, reason);
	else
		p2pmap_context_get_info(world.ctx, answer);
	free(answer);
	free(reason);
}

/* The array has just the room that was asked for. */
static void read_events(unsigned int at)
{
	size_t max = 1 + fuzz_number(1) % 80;
	struct p2pmap_event *events = malloc(max * sizeof(*events));
	int count;

	(void)at;
	PROMISE(events);
	count = p2pmap_context_read_events(world.ctx, events, max);
	PROMISE(count && count <= (int)max);
	for (int i = 0; i < count; i++)
		PROMISE(events[i].size == sizeof(*events));
	free(events);
}

static void one_call(void)
{
	static void (*const calls[])(unsigned int at) = {
		attach, adopt, detach, map, map, use, unmap, ask, read_events,
	};
	uint64_t byte = fuzz_number(1);

	calls[byte / NR_HANDLES % P2PMAP_ARRAY_SIZE(calls)](byte % NR_HANDLES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p2pmap_open_opts opts = { .size = sizeof(opts), .log = ignore };
	int error;

	fuzz_input(data, size);
	memset(&world, 0, sizeof(world));
	opts.watch_capacity = (uint32_t)fuzz_number(1);
	if (opts.watch_capacity & 1)
		error = p2pmap_context_open_fd_sys(&fuzz_sys, 1, &opts,
						   &world.ctx);
	else
		error = p2pmap_context_open_sys(&fuzz_sys, &opts, &world.ctx);
	if (error)
		return 0;
	for (int i = 0; i < MAX_CALLS && fuzz_left(); i++)
		one_call();
	p2pmap_context_close(world.ctx);
	return 0;
}
