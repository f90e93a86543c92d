// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The context: one open of the device node, from open to close.
 *
 * What is made through it lives in importer.c and mapping.c, what is read from
 * it in event.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "private.h"

#define DEFAULT_PATH "/dev/p2pmap"

/* Returns NULL when there is no memory. */
static struct p2pmap_context *context_new(const struct p2pmap_sys *sys,
					  const struct p2pmap_open_opts *opts)
{
	struct p2pmap_context *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	/* Memory is all that it wants. */
	if (p2pmap_lock_init(ctx)) {
		free(ctx);
		return NULL;
	}
	p2pmap_handle_init(ctx);
	ctx->sys = sys;
	ctx->fd = -1;
	ctx->log = opts->log;
	ctx->log_user = opts->log_user;
	ctx->event_size = sizeof(struct p2pmap_event);
	return ctx;
}

static void context_free(struct p2pmap_context *ctx)
{
	p2pmap_lock_destroy(ctx);
	free(ctx);
}

static int opts_copy(struct p2pmap_open_opts *known,
		     const struct p2pmap_open_opts *opts)
{
	int error = p2pmap_opts_copy(known, sizeof(*known), opts);

	if (error)
		return error;
	if (known->flags & ~P2PMAP_OPEN_NONBLOCK)
		return -EOPNOTSUPP;
	return 0;
}

/* Find out early, and in the caller's words, that this is no p2pmap node. */
static int context_probe(struct p2pmap_context *ctx)
{
	struct p2pmap_info info = { .size = sizeof(info) };
	int error = p2pmap_ioctl_log(ctx, P2PMAP_IOC_INFO, &info,
				     "this is not a usable p2pmap device");

	if (error)
		return error;
	p2pmap_log(ctx, P2PMAP_LOG_DEBUG, "the module's ABI version is %u",
		   info.out_abi_version);
	return 0;
}

static int context_start(struct p2pmap_context *ctx,
			 const struct p2pmap_open_opts *opts)
{
	int error = context_probe(ctx);

	if (error || !opts->watch_capacity)
		return error;
	return p2pmap_watch_open(ctx, opts->watch_capacity);
}

static const char *open_advice(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENXIO:
		return "load the module with \"modprobe p2pmap\"";
	case -EACCES:
		return "ask the administrator for permission on the node";
	default:
		return "";
	}
}

static int node_open(struct p2pmap_context *ctx,
		     const struct p2pmap_open_opts *opts)
{
	const char *path = opts->path ? opts->path : DEFAULT_PATH;
	int flags = O_RDWR | O_CLOEXEC;
	char what[256];
	int fd;

	if (opts->flags & P2PMAP_OPEN_NONBLOCK)
		flags |= O_NONBLOCK;
	do {
		fd = ctx->sys->open(path, flags);
	} while (fd == -EINTR);
	if (fd < 0) {
		snprintf(what, sizeof(what), "cannot open %s", path);
		p2pmap_log_errno(ctx, what, fd, open_advice(fd));
		return fd;
	}
	ctx->fd = fd;
	return 0;
}

int p2pmap_context_open_sys(const struct p2pmap_sys *sys,
			    const struct p2pmap_open_opts *opts,
			    struct p2pmap_context **out)
{
	struct p2pmap_open_opts known;
	struct p2pmap_context *ctx;
	int error;

	error = opts_copy(&known, opts);
	if (error)
		return error;
	ctx = context_new(sys, &known);
	if (!ctx)
		return -ENOMEM;
	error = node_open(ctx, &known);
	if (error)
		goto free_context;
	error = context_start(ctx, &known);
	if (error)
		goto close_fd;
	*out = ctx;
	return 0;

close_fd:
	sys->close(ctx->fd);
free_context:
	context_free(ctx);
	return error;
}

int p2pmap_context_open_fd_sys(const struct p2pmap_sys *sys, int fd,
			       const struct p2pmap_open_opts *opts,
			       struct p2pmap_context **out)
{
	struct p2pmap_open_opts known;
	struct p2pmap_context *ctx;
	int error;

	error = opts_copy(&known, opts);
	if (error)
		return error;
	if (known.path)
		return -EINVAL;
	ctx = context_new(sys, &known);
	if (!ctx)
		return -ENOMEM;
	ctx->fd = fd;
	error = context_start(ctx, &known);
	if (error)
		goto free_context;
	/* Last: until nothing can fail it stays as the caller has it. */
	error = sys->set_flags(fd, known.flags & P2PMAP_OPEN_NONBLOCK);
	if (error)
		goto close_watch;
	*out = ctx;
	return 0;

close_watch:
	p2pmap_watch_close(ctx);
free_context:
	context_free(ctx);
	return error;
}

int p2pmap_context_open(const struct p2pmap_open_opts *opts,
			struct p2pmap_context **ctx)
{
	return p2pmap_context_open_sys(&p2pmap_sys, opts, ctx);
}

int p2pmap_context_open_fd(int fd, const struct p2pmap_open_opts *opts,
			   struct p2pmap_context **ctx)
{
	return p2pmap_context_open_fd_sys(&p2pmap_sys, fd, opts, ctx);
}

void p2pmap_context_close(struct p2pmap_context *ctx)
{
	if (!ctx)
		return;
	p2pmap_watch_close(ctx);
	/* Linux closes the descriptor whatever close() says. */
	ctx->sys->close(ctx->fd);
	p2pmap_handle_free_all(ctx);
	context_free(ctx);
}

int p2pmap_context_fd(const struct p2pmap_context *ctx)
{
	return ctx->fd;
}

int p2pmap_context_get_info(struct p2pmap_context *ctx,
			    struct p2pmap_info *info)
{
	struct p2pmap_info known = { .size = sizeof(known) };
	int error = p2pmap_struct_check_out(info->size);

	if (error)
		return error;
	error = p2pmap_ioctl_log(ctx, P2PMAP_IOC_INFO, &known,
				 "cannot ask the module about itself");
	if (error)
		return error;
	p2pmap_struct_copy_out(info, info->size, &known, sizeof(known));
	return 0;
}

int p2pmap_context_set_eventfd(struct p2pmap_context *ctx, int fd)
{
	struct p2pmap_eventfd eventfd = {
		.size = sizeof(eventfd),
		.fd = fd,
	};

	return p2pmap_ioctl_log(ctx, P2PMAP_IOC_EVENTFD, &eventfd,
				"cannot set the eventfd");
}

const char *p2pmap_version(void)
{
	return P2PMAP_VERSION;
}
