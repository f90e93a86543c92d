// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles: what the user of a context knows of one of his mappings.
 *
 * The mapping itself (mapping.c) is what any driver would have; the handle adds
 * the id, the charge, the generation and the event that was not read yet.  Its
 * end: out of the table, the mapping ended, the charge given back, and with the
 * last reference the object freed.
 */
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "delay.h"
#include "private.h"

/* Extents that are copied at once, through a buffer on the stack. */
#define EXTENT_BATCH 16

void p2pmap_handle_get(struct p2pmap_handle *handle)
{
	kref_get(&handle->object.ref);
}

static void handle_free(struct kref *ref)
{
	struct p2pmap_handle *handle =
		container_of(ref, struct p2pmap_handle, object.ref);

	if (handle->mapping)
		p2pmap_mapping_put(handle->mapping);
	p2pmap_importer_put(handle->importer);
	p2pmap_context_put(handle->ctx);
	kfree(handle);
}

void p2pmap_handle_put(struct p2pmap_handle *handle)
{
	kref_put(&handle->object.ref, handle_free);
}

/* Takes over the reference to @importer, also when it fails. */
static struct p2pmap_handle *handle_alloc(struct p2pmap_context *ctx,
					  struct p2pmap_importer *importer,
					  const struct p2pmap_map *cmd)
{
	struct p2pmap_handle *handle;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle) {
		p2pmap_importer_put(importer);
		return NULL;
	}
	kref_init(&handle->object.ref);
	p2pmap_context_get(ctx);
	handle->ctx = ctx;
	handle->importer = importer;
	handle->length = cmd->length;
	handle->cookie = cmd->cookie;
	handle->slot = P2PMAP_NO_SLOT;
	INIT_LIST_HEAD(&handle->quarantine_link);
	INIT_LIST_HEAD(&handle->pending_link);
	return handle;
}

/*
 * A place in the context and a slot.  The importer was looked up before, so it
 * may have been detached since; from here on it cannot be any more.
 */
static int handle_count(struct p2pmap_handle *handle,
			struct p2pmap_reason *why)
{
	struct p2pmap_context *ctx = handle->ctx;
	struct p2pmap_object *importer = &handle->importer->object;
	int rc;

	mutex_lock(&ctx->lock);
	if (xa_load(&ctx->objects, importer->id) != importer)
		rc = -ENOENT;
	else if (ctx->nr_handles == P2PMAP_MAX_MAPPINGS)
		rc = p2pmap_fail(why, -ENOSPC, P2PMAP_REASON_LIMIT,
				 P2PMAP_MAX_MAPPINGS);
	else
		rc = p2pmap_slot_get(handle, why);
	if (!rc) {
		ctx->nr_handles++;
		handle->importer->nr_handles++;
		handle->counted = true;
	}
	mutex_unlock(&ctx->lock);
	return rc;
}

void p2pmap_handle_uncount(struct p2pmap_handle *handle)
{
	struct p2pmap_context *ctx = handle->ctx;

	if (!handle->counted)
		return;
	handle->counted = false;
	mutex_lock(&ctx->lock);
	ctx->nr_handles--;
	handle->importer->nr_handles--;
	p2pmap_slot_put(ctx, handle->slot, handle->generation);
	mutex_unlock(&ctx->lock);
}

/* The next generation: odd while all is live, even otherwise. */
static void handle_bump(struct p2pmap_handle *handle, bool live)
{
	u64 generation = handle->generation + 1;

	if ((generation & 1) != live)
		generation++;
	WRITE_ONCE(handle->generation, generation);
	p2pmap_delay_spin(P2PMAP_DELAY_HANDLE_GENERATION);
	p2pmap_slot_set(handle->ctx, handle->slot, generation);
}

static void handle_stop(void *owner, u64 offset, u64 end)
{
	handle_bump(owner, false);
}

static void handle_resume(void *owner)
{
	handle_bump(owner, true);
}

static void handle_event(void *owner, const struct vma_dma_event *event)
{
	struct p2pmap_handle *handle = owner;

	/* What was not cut was not stopped either. */
	if ((event->flags & P2PMAP_EVENT_NOT_CUT) && (handle->generation & 1))
		handle_bump(handle, false);
	if (event->reasons & P2PMAP_EVENT_EXIT)
		p2pmap_event_mm_gone(handle->ctx);
	p2pmap_event_post(handle, event);
	if (!(event->flags & P2PMAP_EVENT_NOT_CUT))
		p2pmap_quarantine_taken(handle);
}

static const struct vma_dma_mapping_ops handle_ops = {
	.stop = handle_stop,
	.resume = handle_resume,
	.event = handle_event,
};

/* Copy extents from @first on; sets what was copied and how many there are. */
static int copy_extents(struct p2pmap_handle *handle, u32 first, u32 max,
			u64 to, u32 *count, u32 *total)
{
	struct vma_dma_extent batch[EXTENT_BATCH];
	struct vma_dma_mapping_info info;
	int n;

	BUILD_BUG_ON(sizeof(batch[0]) != sizeof(struct p2pmap_extent));
	vma_dma_mapping_info(handle->mapping, &info);
	*total = info.nr_extents;
	*count = 0;
	do {
		n = vma_dma_mapping_extents(handle->mapping, first,
					    min_t(u32, max - *count,
						  EXTENT_BATCH), batch);
		if (n < 0)
			return n;
		if (copy_to_user(u64_to_user_ptr(to), batch,
				 n * sizeof(batch[0])))
			return -EFAULT;
		*count += n;
		first += n;
		to += n * sizeof(batch[0]);
		cond_resched();
	} while (n == EXTENT_BATCH);
	return 0;
}

/* Flags and generation that were true at one time. */
u64 p2pmap_handle_look(struct p2pmap_handle *handle,
		       struct vma_dma_mapping_info *info)
{
	u64 generation;

	do {
		generation = READ_ONCE(handle->generation);
		vma_dma_mapping_info(handle->mapping, info);
	} while (generation != READ_ONCE(handle->generation));
	return generation;
}

/* Bind the context, answer, publish: in this order, none can fail later. */
static int handle_install(struct p2pmap_call *call,
			  struct p2pmap_handle *handle)
{
	struct p2pmap_map *cmd = call->cmd;
	struct p2pmap_context *ctx = call->ctx;
	struct vma_dma_mapping_info info;
	u32 copied;
	int rc;

	rc = p2pmap_object_reserve(ctx, &handle->object, P2PMAP_OBJECT_HANDLE);
	if (rc)
		return rc;
	WRITE_ONCE(handle->mapping->record.local_id, handle->object.id);
	cmd->out_id = handle->object.id;
	cmd->out_slot = handle->slot;
	cmd->out_generation = p2pmap_handle_look(handle, &info);
	cmd->out_flags = info.flags;
	cmd->out_kind = info.kind;
	cmd->out_route = info.route;
	if (info.exporter)
		cmd->out_exporter = p2pmap_pci_addr(info.exporter);
	rc = copy_extents(handle, 0, cmd->extents ? cmd->max_extents : 0,
			  cmd->extents, &copied, &cmd->out_nr_extents);
	if (!rc)
		rc = p2pmap_respond(call);
	if (!rc) {
		mutex_lock(&ctx->lock);
		rc = p2pmap_context_bind(ctx, &call->why);
		mutex_unlock(&ctx->lock);
	}
	if (rc) {
		p2pmap_object_cancel(ctx, &handle->object);
		return rc;
	}
	p2pmap_delay(P2PMAP_DELAY_HANDLE_ANSWERED);
	/* Published, it may be unmapped and forgotten at once: reveal first. */
	p2pmap_event_reveal(handle);
	p2pmap_delay(P2PMAP_DELAY_HANDLE_REVEALED);
	p2pmap_object_publish(ctx, &handle->object);
	p2pmap_delay(P2PMAP_DELAY_HANDLE_PUBLISHED);
	return 0;
}

static u64 mapping_cost(enum p2pmap_kind kind, u64 length)
{
	u64 page = kind == P2PMAP_KIND_RAM ? P2PMAP_COST_RAM_PAGE :
					     P2PMAP_COST_BAR_PAGE;

	return P2PMAP_COST_MAPPING + (length >> PAGE_SHIFT) * page;
}

/* Charge, bill, slot and mapping; what was done is undone by p2pmap_handle_end(). */
static int handle_map(struct p2pmap_call *call, struct p2pmap_handle *handle)
{
	struct p2pmap_importer *importer = handle->importer;
	struct p2pmap_map *cmd = call->cmd;
	struct p2pmap_mapping_args args = {
		.mm = current->mm,
		.start = cmd->addr,
		.length = cmd->length,
		.dev = &importer->device->pdev->dev,
		.importer = importer->device,
		.ops = &handle_ops,
		.owner = handle,
		.why = &call->why,
	};
	const struct p2pmap_origin origin = {
		.context = handle->ctx->entry.id,
		.uid = &handle->ctx->uid,
		.generation = &handle->generation,
	};
	struct vma_dma_mapping *mapping;
	int rc;

	args.origin = &origin;
	args.kind = p2pmap_range_judge(importer, cmd->flags, cmd->addr,
				       cmd->length, &call->why);
	if (args.kind < 0)
		return args.kind;
	args.flags = p2pmap_mapping_flags(importer, cmd->flags);
	args.space_max = p2pmap_space_max(importer);
	rc = handle_count(handle, &call->why);
	if (!rc)
		rc = p2pmap_bill_add(&handle->bill,
				     mapping_cost(args.kind, cmd->length),
				     &call->why);
	/* An exporter's memory is not the core mm's to count. */
	if (!rc && args.kind == P2PMAP_KIND_RAM && (cmd->flags & P2PMAP_MAP_PIN))
		rc = p2pmap_charge(&handle->charge, cmd->length >> PAGE_SHIFT,
				   &call->why);
	if (rc)
		return rc;
	mapping = p2pmap_mapping_create(&args);
	if (IS_ERR(mapping))
		return PTR_ERR(mapping);
	handle->mapping = mapping;
	/* How many pieces a BAR is in is known only now. */
	if (args.kind == P2PMAP_KIND_BAR)
		rc = p2pmap_bill_add(&handle->bill,
				     p2pmap_mapping_pieces_size(mapping),
				     &call->why);
	return rc;
}

int p2pmap_ioctl_map(struct p2pmap_call *call)
{
	struct p2pmap_map *cmd = call->cmd;
	struct p2pmap_handle *handle;
	struct p2pmap_object *object;
	int rc;

	rc = p2pmap_check_range(cmd->flags, cmd->addr, cmd->length, &call->why);
	if (rc)
		return rc;
	object = p2pmap_object_get(call->ctx, cmd->importer,
				   P2PMAP_OBJECT_IMPORTER);
	if (!object)
		return -ENOENT;
	handle = handle_alloc(call->ctx,
			      container_of(object, struct p2pmap_importer,
					   object), cmd);
	if (!handle)
		return -ENOMEM;
	rc = handle_map(call, handle);
	if (!rc)
		rc = handle_install(call, handle);
	if (rc)
		p2pmap_handle_end(handle);
	return rc;
}

/* End a handle that is in no table; takes over the caller's reference. */
void p2pmap_handle_end(struct p2pmap_handle *handle)
{
	p2pmap_event_forget(handle);
	if (handle->mapping)
		p2pmap_mapping_end(handle->mapping);
	p2pmap_uncharge(&handle->charge);
	p2pmap_bill_end(&handle->bill);
	p2pmap_handle_uncount(handle);
	p2pmap_handle_put(handle);
}

/*
 * The owner is gone without a word.  Where nothing restrains the importer it
 * may still be writing, so pinned memory is kept until it cannot any more.
 */
void p2pmap_handle_abandon(struct p2pmap_handle *handle)
{
	if (handle->importer->translated ||
	    !p2pmap_mapping_pinned(handle->mapping) ||
	    !p2pmap_quarantine_add(handle))
		p2pmap_handle_end(handle);
}

/*
 * A handle for its owner, with a reference, or an ERR_PTR.  The context may have
 * become another process's since the call began; once there is a handle in its
 * table it can no more.
 */
static struct p2pmap_handle *handle_find(struct p2pmap_call *call, u32 id)
{
	struct p2pmap_object *object;
	struct p2pmap_handle *handle;

	object = p2pmap_object_get(call->ctx, id, P2PMAP_OBJECT_HANDLE);
	if (!object)
		return ERR_PTR(-ENOENT);
	handle = container_of(object, struct p2pmap_handle, object);
	if (!p2pmap_context_is_foreign(call->ctx))
		return handle;
	p2pmap_handle_put(handle);
	return ERR_PTR(p2pmap_fail(&call->why, -EPERM,
				   P2PMAP_REASON_OTHER_PROCESS, 0));
}

int p2pmap_ioctl_unmap(struct p2pmap_call *call)
{
	struct p2pmap_unmap *cmd = call->cmd;
	struct p2pmap_object *object;

	object = p2pmap_object_take(call->ctx, cmd->id, P2PMAP_OBJECT_HANDLE);
	if (!object)
		return -ENOENT;
	p2pmap_handle_end(container_of(object, struct p2pmap_handle, object));
	return 0;
}

int p2pmap_ioctl_extents(struct p2pmap_call *call)
{
	struct p2pmap_extents *cmd = call->cmd;
	struct p2pmap_handle *handle;
	int rc;

	handle = handle_find(call, cmd->id);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	/* Bus addresses are physical addresses. */
	if (!handle->importer->translated && !capable(CAP_SYS_RAWIO))
		rc = -EPERM;
	else
		rc = copy_extents(handle, cmd->first, cmd->max_extents,
				  cmd->extents, &cmd->out_count,
				  &cmd->out_total);
	if (!rc)
		rc = p2pmap_respond(call);
	p2pmap_handle_put(handle);
	return rc;
}

int p2pmap_ioctl_status(struct p2pmap_call *call)
{
	struct p2pmap_status *cmd = call->cmd;
	struct vma_dma_mapping_info info;
	struct p2pmap_handle *handle;
	int rc;

	if (cmd->reserved)
		return -EINVAL;
	handle = handle_find(call, cmd->id);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	cmd->out_generation = p2pmap_handle_look(handle, &info);
	cmd->out_flags = info.flags;
	cmd->out_sink_bytes = info.sink_bytes;
	cmd->out_live_bytes = info.live_bytes;
	rc = p2pmap_respond(call);
	p2pmap_handle_put(handle);
	return rc;
}

int p2pmap_ioctl_remap(struct p2pmap_call *call)
{
	struct p2pmap_remap *cmd = call->cmd;
	struct vma_dma_mapping_info info;
	struct p2pmap_handle *handle;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;
	if (cmd->reserved || cmd->reserved2 ||
	    !PAGE_ALIGNED(cmd->offset | cmd->length) ||
	    cmd->offset + cmd->length < cmd->offset)
		return -EINVAL;
	handle = handle_find(call, cmd->id);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	rc = p2pmap_mapping_remap(handle->mapping, cmd->offset, cmd->length,
				  &call->why);
	if (!rc) {
		cmd->out_generation = p2pmap_handle_look(handle, &info);
		cmd->out_flags = info.flags;
		rc = p2pmap_respond(call);
	}
	p2pmap_handle_put(handle);
	return rc;
}
