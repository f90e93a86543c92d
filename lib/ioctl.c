// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How the library asks the module: every ioctl goes through here.
 */
#include <errno.h>

#include "private.h"

/*
 * The kernel restarts a call that a signal interrupted, except under a handler
 * without SA_RESTART: then it says EINTR, and has done nothing.  When it says
 * so in the middle of a call the signal is fatal, and nobody gets here.
 */
int p2pmap_ioctl(struct p2pmap_context *ctx, unsigned long request, void *arg)
{
	int error;

	do {
		error = ctx->sys->ioctl(ctx->fd, request, arg);
	} while (error == -EINTR);
	return error;
}

/* For calls which have no reason to give but the errno. */
int p2pmap_ioctl_log(struct p2pmap_context *ctx, unsigned long request,
		     void *arg, const char *what)
{
	int error = p2pmap_ioctl(ctx, request, arg);

	if (error)
		p2pmap_log_errno(ctx, what, error, "");
	return error;
}
