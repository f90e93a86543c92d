// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The generation page: a word for each mapping, which the kernel changes before
 * it cuts the importer off.  Read-only; nothing in the library writes to it.
 */
#include <errno.h>

#include "private.h"

int p2pmap_watch_open(struct p2pmap_context *ctx, uint32_t capacity)
{
	struct p2pmap_watch watch = {
		.size = sizeof(watch),
		.capacity = capacity,
	};
	const void *page;
	int error;

	error = p2pmap_ioctl_log(ctx, P2PMAP_IOC_WATCH, &watch,
				 "cannot have a generation page");
	if (error)
		return error;
	if (watch.out_length / sizeof(*ctx->page) < capacity ||
	    watch.out_length > SIZE_MAX)
		return -EPROTO;
	error = ctx->sys->mmap(ctx->fd, (size_t)watch.out_length, &page);
	if (error) {
		p2pmap_log_errno(ctx, "cannot map the generation page", error,
				 "");
		return error;
	}
	ctx->page = page;
	ctx->page_length = (size_t)watch.out_length;
	return 0;
}

/*
 * In a forked child the page may be gone and its address somebody else's: leave
 * it alone there.
 */
void p2pmap_watch_close(struct p2pmap_context *ctx)
{
	if (ctx->page && p2pmap_is_home(ctx))
		ctx->sys->munmap(ctx->page, ctx->page_length);
}

const uint64_t *p2pmap_watch_word(const struct p2pmap_context *ctx,
				  uint32_t slot)
{
	/* Without a page its length is 0; P2PMAP_NO_SLOT is always beyond. */
	if (slot >= ctx->page_length / sizeof(*ctx->page))
		return NULL;
	return &ctx->page[slot];
}
