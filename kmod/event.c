// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what a context's descriptor tells.
 *
 * Each handle carries its own place for what was not read yet, so an event
 * needs no memory and is never lost: until it is read, more of them merge into
 * it.  Posting runs in notifiers: it takes a spinlock and wakes sleepers.
 */
#include <linux/eventfd.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "delay.h"
#include "private.h"

static void pending_merge(struct vma_dma_event *into,
			  const struct vma_dma_event *what)
{
	if (!into->reasons) {
		*into = *what;
		return;
	}
	into->offset = min(into->offset, what->offset);
	into->end = max(into->end, what->end);
	if (what->cut_end && into->cut_end)
		into->cut_offset = min(into->cut_offset, what->cut_offset);
	else if (what->cut_end)
		into->cut_offset = what->cut_offset;
	into->cut_end = max(into->cut_end, what->cut_end);
	into->reasons |= what->reasons;
	into->flags |= what->flags;
}

static void event_wake(struct p2pmap_context *ctx)
{
	lockdep_assert_held(&ctx->event_lock);
	if (ctx->eventfd)
		p2pmap_eventfd_signal(ctx->eventfd);
	wake_up_interruptible_poll(&ctx->wait, EPOLLIN | EPOLLRDNORM);
}

static void event_queue(struct p2pmap_handle *handle)
{
	struct p2pmap_context *ctx = handle->ctx;

	lockdep_assert_held(&ctx->event_lock);
	if (!handle->visible || !list_empty(&handle->pending_link))
		return;
	list_add_tail(&handle->pending_link, &ctx->pending);
	event_wake(ctx);
}

/* Something happened to @handle; from any context that may hold a spinlock. */
void p2pmap_event_post(struct p2pmap_handle *handle,
		       const struct vma_dma_event *what)
{
	struct p2pmap_context *ctx = handle->ctx;

	spin_lock(&ctx->event_lock);
	pending_merge(&handle->pending, what);
	event_queue(handle);
	spin_unlock(&ctx->event_lock);
}

/* The user knows the id now: what happened meanwhile may be told. */
void p2pmap_event_reveal(struct p2pmap_handle *handle)
{
	struct p2pmap_context *ctx = handle->ctx;

	spin_lock(&ctx->event_lock);
	handle->visible = true;
	if (handle->pending.reasons)
		event_queue(handle);
	spin_unlock(&ctx->event_lock);
}

/* The user gave the mapping up, and its events with it. */
void p2pmap_event_forget(struct p2pmap_handle *handle)
{
	struct p2pmap_context *ctx = handle->ctx;

	spin_lock(&ctx->event_lock);
	handle->visible = false;
	list_del_init(&handle->pending_link);
	spin_unlock(&ctx->event_lock);
}

/* The mm that the context belongs to is gone: poll says so. */
void p2pmap_event_mm_gone(struct p2pmap_context *ctx)
{
	spin_lock(&ctx->event_lock);
	ctx->mm_gone = true;
	wake_up_interruptible_poll(&ctx->wait, EPOLLHUP);
	spin_unlock(&ctx->event_lock);
}

/*
 * Take the oldest event; the caller gets a reference to its handle.  Events are
 * their owner's alone, and a reader may have waited since before there was one:
 * who it is, is known when there is an event.
 */
static struct p2pmap_handle *event_pop(struct p2pmap_context *ctx,
				       struct vma_dma_event *what)
{
	struct p2pmap_handle *handle;

	spin_lock(&ctx->event_lock);
	if (p2pmap_context_is_foreign(ctx)) {
		spin_unlock(&ctx->event_lock);
		return ERR_PTR(-EPERM);
	}
	handle = list_first_entry_or_null(&ctx->pending, struct p2pmap_handle,
					  pending_link);
	if (handle) {
		list_del_init(&handle->pending_link);
		*what = handle->pending;
		handle->pending = (struct vma_dma_event){};
		p2pmap_handle_get(handle);
	}
	spin_unlock(&ctx->event_lock);
	return handle;
}

static void event_fill(struct p2pmap_event *event,
		       struct p2pmap_handle *handle,
		       const struct vma_dma_event *what)
{
	struct vma_dma_mapping_info info;

	*event = (struct p2pmap_event){
		.size = sizeof(*event),
		.mapping = handle->object.id,
		.cookie = handle->cookie,
		.offset = what->offset,
		.length = what->end - what->offset,
		.cut_offset = what->cut_offset,
		.cut_length = what->cut_end - what->cut_offset,
		.reasons = what->reasons,
		.flags = what->flags,
	};
	event->generation = p2pmap_handle_look(handle, &info);
	if (info.sink_bytes && !info.lost_bytes)
		event->flags |= P2PMAP_EVENT_SINK;
}

/* One event to the user; 0 if there is none. */
static ssize_t event_read_one(struct p2pmap_context *ctx, char __user *buffer)
{
	struct p2pmap_handle *handle;
	struct vma_dma_event what;
	struct p2pmap_event event;
	ssize_t rc = sizeof(event);

	handle = event_pop(ctx, &what);
	if (IS_ERR_OR_NULL(handle))
		return PTR_ERR(handle);
	p2pmap_delay(P2PMAP_DELAY_EVENT_TAKEN);
	event_fill(&event, handle, &what);
	if (copy_to_user(buffer, &event, sizeof(event))) {
		/* Not read after all. */
		p2pmap_event_post(handle, &what);
		rc = -EFAULT;
	}
	p2pmap_handle_put(handle);
	return rc;
}

/* An event, or the news that there will be none for this process. */
static bool event_pending(struct p2pmap_context *ctx)
{
	bool pending;

	spin_lock(&ctx->event_lock);
	pending = !list_empty(&ctx->pending) || p2pmap_context_is_foreign(ctx);
	spin_unlock(&ctx->event_lock);
	return pending;
}

ssize_t p2pmap_event_read(struct p2pmap_context *ctx, char __user *buffer,
			  size_t size, bool wait)
{
	ssize_t done = 0, rc;

	if (size < sizeof(struct p2pmap_event))
		return -EINVAL;
	for (;;) {
		while (size - done >= sizeof(struct p2pmap_event)) {
			rc = event_read_one(ctx, buffer + done);
			if (rc < 0)
				return done ? done : rc;
			if (!rc)
				break;
			done += rc;
			/* Others may cause events as fast as they are read. */
			if (signal_pending(current))
				return done;
			cond_resched();
		}
		if (done)
			return done;
		if (!wait)
			return -EAGAIN;
		rc = wait_event_interruptible(ctx->wait, event_pending(ctx));
		if (rc)
			return rc;
	}
}

__poll_t p2pmap_event_poll(struct p2pmap_context *ctx, struct file *file,
			   struct poll_table_struct *table)
{
	__poll_t mask = 0;

	poll_wait(file, &ctx->wait, table);
	spin_lock(&ctx->event_lock);
	if (!list_empty(&ctx->pending))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (ctx->mm_gone)
		mask |= EPOLLHUP;
	spin_unlock(&ctx->event_lock);
	return mask;
}

int p2pmap_ioctl_eventfd(struct p2pmap_call *call)
{
	struct p2pmap_eventfd *cmd = call->cmd;
	struct p2pmap_context *ctx = call->ctx;
	struct eventfd_ctx *eventfd = NULL;

	if (cmd->fd < -1)
		return -EINVAL;
	if (cmd->fd >= 0) {
		eventfd = eventfd_ctx_fdget(cmd->fd);
		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
	}
	spin_lock(&ctx->event_lock);
	swap(eventfd, ctx->eventfd);
	/* What is pending already counts as becoming pending now. */
	if (ctx->eventfd && !list_empty(&ctx->pending))
		p2pmap_eventfd_signal(ctx->eventfd);
	spin_unlock(&ctx->event_lock);
	if (eventfd)
		eventfd_ctx_put(eventfd);
	return 0;
}
