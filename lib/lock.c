// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The context's lock, and in which process it means anything.
 *
 * A forked child has it as it was at that moment: held, perhaps, by a thread
 * that the child does not have, and the list of handles half changed.  So
 * nobody takes it there, and nobody goes through the list.  The pid does not
 * tell a child, which may have the same in a pid namespace of its own; a word
 * that the kernel wipes at fork() does, and costs no system call.
 */
#include "private.h"

int p2pmap_lock_init(struct p2pmap_context *ctx)
{
	int error = p2pmap_sys_map_wiped(&ctx->home);

	if (error)
		return error;
	/* POSIX lets it fail for want of memory only. */
	error = -pthread_mutex_init(&ctx->lock, NULL);
	if (error) {
		p2pmap_sys_unmap_wiped(ctx->home);
		return error;
	}
	*ctx->home = true;
	return 0;
}

void p2pmap_lock_destroy(struct p2pmap_context *ctx)
{
	if (p2pmap_is_home(ctx))
		pthread_mutex_destroy(&ctx->lock);
	p2pmap_sys_unmap_wiped(ctx->home);
}

bool p2pmap_is_home(const struct p2pmap_context *ctx)
{
	return *ctx->home;
}

void p2pmap_lock(struct p2pmap_context *ctx)
{
	if (p2pmap_is_home(ctx))
		pthread_mutex_lock(&ctx->lock);
}

void p2pmap_unlock(struct p2pmap_context *ctx)
{
	if (p2pmap_is_home(ctx))
		pthread_mutex_unlock(&ctx->lock);
}
