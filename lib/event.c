// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Events: what read() on the descriptor says about mappings.
 *
 * An event that was read is gone from the kernel, so never read more than the
 * caller has room for.  That takes knowing how long the module's records are: a
 * newer module's are longer than ours.  A buffer with room for one of ours is
 * refused by such a module, with the event kept, which is how we learn.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "private.h"

/*
 * The length of an event in the caller's array.  It is that of ABI 1 for ever:
 * when struct p2pmap_event grows, a program built before still has an array of
 * these, so the new length needs a new symbol version of read_events.
 */
static_assert(sizeof(struct p2pmap_event) == 64,
	      "give p2pmap_context_read_events a new symbol version");

#define RECORD_SIZE_MIN sizeof(struct p2pmap_event)
#define RECORD_SIZE_MAX 1024

/* Enough for 64 events at a time; it lies on the stack. */
#define BUFFER_SIZE 4096

static size_t record_size_get(struct p2pmap_context *ctx)
{
	size_t size;

	p2pmap_lock(ctx);
	size = ctx->event_size;
	p2pmap_unlock(ctx);
	return size;
}

static void record_size_set(struct p2pmap_context *ctx, size_t size)
{
	p2pmap_lock(ctx);
	ctx->event_size = size;
	p2pmap_unlock(ctx);
}

static ssize_t read_records(struct p2pmap_context *ctx, void *buffer,
			    size_t max)
{
	size_t size = record_size_get(ctx);
	ssize_t got;

	for (;;) {
		size_t fit = BUFFER_SIZE / size;

		got = ctx->sys->read(ctx->fd, buffer,
				     size * (max < fit ? max : fit));
		if (got != -EINVAL || size >= RECORD_SIZE_MAX)
			break;
		size += sizeof(uint64_t);
	}
	if (got > 0)
		record_size_set(ctx, size);
	return got;
}

/* Returns how many there were. */
static int parse_records(const unsigned char *record, size_t left,
			 struct p2pmap_event *events, size_t max)
{
	size_t count = 0;

	while (left) {
		uint32_t size;

		if (left < RECORD_SIZE_MIN || count == max)
			return -EPROTO;
		memcpy(&size, record, sizeof(size));
		if (size < RECORD_SIZE_MIN || size > left)
			return -EPROTO;
		memcpy(&events[count], record, sizeof(*events));
		events[count].size = sizeof(*events);
		count++;
		record += size;
		left -= size;
	}
	return (int)count;
}

int p2pmap_context_read_events(struct p2pmap_context *ctx,
			       struct p2pmap_event *events, size_t max)
{
	_Alignas(uint64_t) unsigned char buffer[BUFFER_SIZE];
	ssize_t got;
	int count;

	if (!max)
		return -EINVAL;
	got = read_records(ctx, buffer, max);
	if (got < 0)
		return (int)got;
	count = parse_records(buffer, (size_t)got, events, max);
	if (count <= 0) {
		p2pmap_log(ctx, P2PMAP_LOG_ERROR,
			   "the module's events make no sense");
		return -EPROTO;
	}
	return count;
}
