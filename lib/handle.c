// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The list of a context's handles, so that closing it frees them all.
 *
 * A ring around the context's own node.  In a forked child there is no list: it
 * may be half changed there, see lock.c.
 */
#include <stdlib.h>

#include "private.h"

void p2pmap_handle_init(struct p2pmap_context *ctx)
{
	ctx->handles.ctx = ctx;
	ctx->handles.prev = &ctx->handles;
	ctx->handles.next = &ctx->handles;
}

void p2pmap_handle_link(struct p2pmap_context *ctx,
			struct p2pmap_handle *handle)
{
	handle->ctx = ctx;
	if (!p2pmap_is_home(ctx))
		return;
	p2pmap_lock(ctx);
	handle->prev = &ctx->handles;
	handle->next = ctx->handles.next;
	handle->next->prev = handle;
	handle->prev->next = handle;
	p2pmap_unlock(ctx);
}

void p2pmap_handle_free(struct p2pmap_handle *handle)
{
	struct p2pmap_context *ctx = handle->ctx;

	if (p2pmap_is_home(ctx)) {
		p2pmap_lock(ctx);
		handle->prev->next = handle->next;
		handle->next->prev = handle->prev;
		p2pmap_unlock(ctx);
	}
	free(handle);
}

void p2pmap_handle_free_all(struct p2pmap_context *ctx)
{
	if (!p2pmap_is_home(ctx))
		return;
	/* The analyser does not see that freeing one moves the head's next. */
	while (ctx->handles.next != &ctx->handles)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		p2pmap_handle_free(ctx->handles.next);
}
