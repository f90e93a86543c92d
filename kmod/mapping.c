// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: how one comes to be, is looked at, and ends.
 *
 * A mapping has one of three states (enum p2pmap_mapping_state), moved under
 * its lock:
 *
 *   NEW ---commit---> MAPPED ---unmap, close, importer gone---> DOWN
 *
 * MAP collects frames without any lock of ours, and commits under the lock
 * that the notifier takes, if the notifier was silent meanwhile.  The end never
 * fails and needs no memory; its order is:
 *
 *   out of the table, DMA down, off the devices' lists, notifier out, pins
 *   dropped, charge given back, and with the last reference the object freed
 *
 * so that no page is dropped which a device might still reach.  What happens in
 * between is in revoke.c and restore.c.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "private.h"

/* How often MAP looks at memory again that changes meanwhile. */
#define MAP_TRIES 16

/* Extents that are copied at once, through a buffer on the stack. */
#define EXTENT_BATCH 16

void p2pmap_mapping_get(struct p2pmap_mapping *mapping)
{
	kref_get(&mapping->object.ref);
}

static void mapping_free(struct kref *ref)
{
	struct p2pmap_mapping *mapping =
		container_of(ref, struct p2pmap_mapping, object.ref);

	if (mapping->map)
		vma_dma_map_free(mapping->map);
	p2pmap_blocks_free(&mapping->blocks);
	if (mapping->sink)
		__free_page(mapping->sink);
	p2pmap_device_put(mapping->exporter);
	p2pmap_importer_put(mapping->importer);
	p2pmap_context_put(mapping->ctx);
	mmdrop(mapping->mm);
	mutex_destroy(&mapping->lock);
	mutex_destroy(&mapping->restore_lock);
	kfree(mapping);
}

void p2pmap_mapping_put(struct p2pmap_mapping *mapping)
{
	kref_put(&mapping->object.ref, mapping_free);
}

/* Takes over the reference to @importer, also when it fails. */
static struct p2pmap_mapping *mapping_alloc(struct p2pmap_context *ctx,
					    struct p2pmap_importer *importer,
					    const struct p2pmap_map *cmd)
{
	struct p2pmap_mapping *mapping;

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping) {
		p2pmap_importer_put(importer);
		return NULL;
	}
	kref_init(&mapping->object.ref);
	p2pmap_context_get(ctx);
	mapping->ctx = ctx;
	mapping->importer = importer;
	mapping->mm = current->mm;
	mmgrab(mapping->mm);
	mapping->start = cmd->addr;
	mapping->length = cmd->length;
	mapping->cookie = cmd->cookie;
	mapping->flags = cmd->flags;
	mapping->slot = P2PMAP_NO_SLOT;
	mapping->enforced = importer->enforced;
	mutex_init(&mapping->lock);
	mutex_init(&mapping->restore_lock);
	INIT_DELAYED_WORK(&mapping->restore_work, p2pmap_restore_work);
	INIT_LIST_HEAD(&mapping->import_link);
	INIT_LIST_HEAD(&mapping->export_link);
	INIT_LIST_HEAD(&mapping->quarantine_link);
	INIT_LIST_HEAD(&mapping->pending_link);
	return mapping;
}

/* A place in the context, an id and a slot. */
static int mapping_count(struct p2pmap_mapping *mapping,
			 struct p2pmap_reason *why)
{
	struct p2pmap_context *ctx = mapping->ctx;
	int rc;

	mutex_lock(&ctx->lock);
	if (ctx->nr_mappings == P2PMAP_MAX_MAPPINGS)
		rc = p2pmap_fail(why, -ENOSPC, P2PMAP_REASON_LIMIT,
				 P2PMAP_MAX_MAPPINGS);
	else
		rc = p2pmap_slot_get(ctx, &mapping->slot, &mapping->generation);
	if (!rc) {
		ctx->nr_mappings++;
		mapping->importer->nr_mappings++;
		mapping->counted = true;
	}
	mutex_unlock(&ctx->lock);
	return rc;
}

void p2pmap_mapping_uncount(struct p2pmap_mapping *mapping)
{
	struct p2pmap_context *ctx = mapping->ctx;

	if (!mapping->counted)
		return;
	mapping->counted = false;
	mutex_lock(&ctx->lock);
	ctx->nr_mappings--;
	mapping->importer->nr_mappings--;
	p2pmap_slot_put(ctx, mapping->slot, mapping->generation);
	mutex_unlock(&ctx->lock);
}

/* The helper's side; its importer must be alive to be asked. */
static int mapping_open_map(struct p2pmap_mapping *mapping,
			    struct p2pmap_reason *why)
{
	struct p2pmap_device *importer = mapping->importer->device;
	struct vma_dma_map *map = ERR_PTR(-ENODEV);

	down_read(&p2pmap_devices_lock);
	if (!importer->dead)
		map = vma_dma_map_alloc(&importer->pdev->dev,
					p2pmap_helper_flags(mapping->importer,
							    mapping->flags),
					p2pmap_mapping_pinned(mapping) ?
						NULL : &mapping->notifier);
	up_read(&p2pmap_devices_lock);
	if (map == ERR_PTR(-ENODEV))
		p2pmap_fail_pci(why, 0, P2PMAP_REASON_DEVICE_GONE,
				importer->pdev);
	if (IS_ERR(map))
		return PTR_ERR(map);
	map->why = why;
	mapping->map = map;
	return 0;
}

/* What comes before the memory is touched: charge, notifier, sink. */
static int mapping_open(struct p2pmap_mapping *mapping,
			struct p2pmap_reason *why)
{
	int rc;

	if (p2pmap_mapping_pinned(mapping)) {
		rc = p2pmap_charge(&mapping->charge,
				   mapping->length >> PAGE_SHIFT, why);
		if (rc)
			return rc;
	}
	rc = mmu_interval_notifier_insert(&mapping->notifier, mapping->mm,
					  mapping->start, mapping->length,
					  &p2pmap_mapping_notifier_ops);
	if (rc)
		return rc == -EINTR ? -ERESTARTSYS : rc;
	mapping->noticed = true;
	if (mapping->flags & P2PMAP_MAP_SINK) {
		mapping->sink = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!mapping->sink)
			return -ENOMEM;
	}
	return mapping_open_map(mapping, why);
}

/* Collect the frames of all VMAs of the range. */
static int mapping_prepare(struct p2pmap_mapping *mapping)
{
	unsigned long at = mapping->start, end = at + mapping->length;
	struct vm_area_struct *vma;
	int rc = 0;

	if (mmap_read_lock_killable(mapping->mm))
		return -EINTR;
	while (!rc && at < end) {
		vma = find_vma(mapping->mm, at);
		if (!vma || vma->vm_start > at) {
			rc = p2pmap_fail(mapping->map->why, -EFAULT,
					 P2PMAP_REASON_HOLE, at);
			break;
		}
		rc = vma_dma_map_prepare(vma, at, min(end, vma->vm_end),
					 mapping->map);
		/* Policy and charge were for what was there before. */
		if (!rc && mapping->map->kind != mapping->kind)
			rc = p2pmap_fail(mapping->map->why, -EINVAL,
					 P2PMAP_REASON_MIXED, at);
		at = vma->vm_end;
	}
	mmap_read_unlock(mapping->mm);
	return rc;
}

/* An exporter is listed first and looked for on the bus afterwards. */
static int mapping_find_exporter(struct p2pmap_mapping *mapping)
{
	struct pci_dev *pdev = mapping->map->bar.pdev;

	if (!pdev)
		return 0;
	mapping->exporter = p2pmap_device_get(pdev);
	if (!mapping->exporter)
		return -ENOMEM;
	if (!p2pmap_device_present(pdev))
		return p2pmap_fail_pci(mapping->map->why, -ENODEV,
				       P2PMAP_REASON_DEVICE_GONE, pdev);
	return 0;
}

static void mapping_link(struct p2pmap_mapping *mapping)
{
	struct p2pmap_device *importer = mapping->importer->device;

	spin_lock(&importer->lock);
	list_add(&mapping->import_link, &importer->imports);
	spin_unlock(&importer->lock);
	if (!mapping->exporter)
		return;
	spin_lock(&mapping->exporter->lock);
	list_add(&mapping->export_link, &mapping->exporter->exports);
	spin_unlock(&mapping->exporter->lock);
}

/* Off the devices' lists.  No-op if it is on none. */
void p2pmap_mapping_unlink(struct p2pmap_mapping *mapping)
{
	struct p2pmap_device *importer = mapping->importer->device;

	spin_lock(&importer->lock);
	list_del_init(&mapping->import_link);
	spin_unlock(&importer->lock);
	if (!mapping->exporter)
		return;
	spin_lock(&mapping->exporter->lock);
	list_del_init(&mapping->export_link);
	spin_unlock(&mapping->exporter->lock);
}

/* From here on the importer reaches the memory. */
static int mapping_commit_locked(struct p2pmap_mapping *mapping)
{
	int rc;

	lockdep_assert_held(&mapping->lock);
	if (!vma_dma_map_confirm(mapping->map))
		return -EAGAIN;
	/* Pins have no sequence; NUMA hinting would make them retry for ever. */
	if (p2pmap_mapping_pinned(mapping) && mapping->stale)
		return -EAGAIN;
	mapping->stale = false;
	rc = vma_dma_map_commit(mapping->map);
	if (rc)
		return rc;
	if (p2pmap_mapping_cuttable(mapping))
		p2pmap_blocks_settle(&mapping->blocks, &mapping->map->dma);
	mapping->state = P2PMAP_MAPPING_MAPPED;
	p2pmap_mapping_bump(mapping, true);
	return 0;
}

static int mapping_commit(struct p2pmap_mapping *mapping)
{
	struct p2pmap_device *importer = mapping->importer->device;
	struct p2pmap_device *exporter = mapping->exporter;
	int rc;

	down_read(&p2pmap_devices_lock);
	if (importer->dead) {
		rc = p2pmap_fail_pci(mapping->map->why, -ENODEV,
				     P2PMAP_REASON_DEVICE_GONE, importer->pdev);
	} else if (exporter && exporter->dead) {
		rc = p2pmap_fail_pci(mapping->map->why, -ENODEV,
				     P2PMAP_REASON_DEVICE_GONE, exporter->pdev);
	} else {
		mutex_lock(&mapping->lock);
		rc = mapping_commit_locked(mapping);
		mutex_unlock(&mapping->lock);
	}
	if (!rc)
		mapping_link(mapping);
	up_read(&p2pmap_devices_lock);
	return rc;
}

static int mapping_try(struct p2pmap_mapping *mapping)
{
	int rc;

	mutex_lock(&mapping->lock);
	mapping->stale = false;
	mutex_unlock(&mapping->lock);
	/* An invalidation that began before has to be over: it is not told. */
	if (p2pmap_mapping_pinned(mapping))
		mmu_interval_read_begin(&mapping->notifier);
	vma_dma_map_begin(mapping->map);
	rc = mapping_prepare(mapping);
	if (!rc)
		rc = vma_dma_map_resolve(mapping->map);
	if (!rc)
		rc = mapping_find_exporter(mapping);
	if (!rc && p2pmap_mapping_cuttable(mapping))
		rc = p2pmap_blocks_build(&mapping->blocks, &mapping->map->dma,
					 &mapping->map->frames);
	if (!rc)
		rc = mapping_commit(mapping);
	return rc;
}

static int mapping_map(struct p2pmap_mapping *mapping)
{
	int tries, rc;

	for (tries = 0; tries < MAP_TRIES; tries++) {
		rc = mapping_try(mapping);
		if (rc != -EAGAIN)
			break;
		vma_dma_map_reset(mapping->map);
		p2pmap_blocks_free(&mapping->blocks);
		p2pmap_device_put(mapping->exporter);
		mapping->exporter = NULL;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	if (rc == -EAGAIN)
		p2pmap_fail(mapping->map->why, rc, P2PMAP_REASON_BUSY_MEMORY,
			    0);
	/* Nobody asks for the frames again unless they hold pins. */
	if (!rc && !p2pmap_mapping_pinned(mapping))
		p2pmap_frames_release(&mapping->map->frames, false);
	mapping->map->why = NULL;
	return rc;
}

/* Copy extents from @first on; sets what was copied and how many there are. */
static int copy_extents(struct p2pmap_mapping *mapping, u32 first, u32 max,
			u64 to, u32 *count, u32 *total)
{
	struct vma_dma_extent batch[EXTENT_BATCH];
	struct p2pmap_dma *dma = &mapping->map->dma;
	u32 n;

	BUILD_BUG_ON(sizeof(batch[0]) != sizeof(struct p2pmap_extent));
	*count = 0;
	do {
		mutex_lock(&mapping->lock);
		if (mapping->state != P2PMAP_MAPPING_MAPPED) {
			mutex_unlock(&mapping->lock);
			return -ENODEV;
		}
		*total = dma->nr_extents;
		n = first < *total ? min3(max - *count, *total - first,
					  (u32)EXTENT_BATCH) : 0;
		memcpy(batch, dma->extents + first, n * sizeof(batch[0]));
		mutex_unlock(&mapping->lock);
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

/* P2PMAP_MAPPING_*; racy but for what never changes back. */
u32 p2pmap_mapping_status(const struct p2pmap_mapping *mapping)
{
	u32 flags = 0;

	if (mapping->enforced)
		flags |= P2PMAP_MAPPING_ENFORCED;
	if (p2pmap_mapping_pinned(mapping))
		flags |= P2PMAP_MAPPING_PINNED;
	if (mapping->stale)
		flags |= P2PMAP_MAPPING_STALE;
	if (mapping->exporter_gone ||
	    mapping->state != P2PMAP_MAPPING_MAPPED)
		flags |= P2PMAP_MAPPING_GONE;
	else if (!p2pmap_mapping_cuttable(mapping) ||
		 mapping->blocks.pages[P2PMAP_BLOCK_LIVE] ==
			 mapping->length >> PAGE_SHIFT)
		flags |= P2PMAP_MAPPING_LIVE;
	return flags;
}

/* Bind the context, answer, publish: in this order, none can fail later. */
static int mapping_install(struct p2pmap_call *call,
			   struct p2pmap_mapping *mapping)
{
	struct p2pmap_map *cmd = call->cmd;
	struct p2pmap_context *ctx = call->ctx;
	u32 copied;
	int rc;

	rc = p2pmap_object_reserve(ctx, &mapping->object,
				   P2PMAP_OBJECT_MAPPING);
	if (rc)
		return rc;
	cmd->out_id = mapping->object.id;
	cmd->out_kind = mapping->map->kind;
	cmd->out_route = mapping->map->route.type;
	cmd->out_slot = mapping->slot;
	if (mapping->exporter)
		cmd->out_exporter = p2pmap_pci_addr(mapping->exporter->pdev);
	mutex_lock(&mapping->lock);
	cmd->out_flags = p2pmap_mapping_status(mapping);
	cmd->out_generation = mapping->generation;
	mutex_unlock(&mapping->lock);
	rc = copy_extents(mapping, 0, cmd->extents ? cmd->max_extents : 0,
			  cmd->extents, &copied, &cmd->out_nr_extents);
	if (!rc)
		rc = p2pmap_respond(call);
	if (!rc) {
		mutex_lock(&ctx->lock);
		rc = p2pmap_context_bind(ctx, &call->why);
		mutex_unlock(&ctx->lock);
	}
	if (rc) {
		p2pmap_object_cancel(ctx, &mapping->object);
		return rc;
	}
	/* Published, it may be unmapped and forgotten at once: reveal first. */
	p2pmap_event_reveal(mapping);
	p2pmap_object_publish(ctx, &mapping->object);
	return 0;
}

int p2pmap_ioctl_map(struct p2pmap_call *call)
{
	struct p2pmap_map *cmd = call->cmd;
	struct p2pmap_mapping *mapping;
	struct p2pmap_importer *importer;
	struct p2pmap_object *object;
	int kind, rc;

	rc = p2pmap_check_range(cmd->flags, cmd->addr, cmd->length, &call->why);
	if (rc)
		return rc;
	object = p2pmap_object_get(call->ctx, cmd->importer,
				   P2PMAP_OBJECT_IMPORTER);
	if (!object)
		return -ENOENT;
	importer = container_of(object, struct p2pmap_importer, object);
	mapping = mapping_alloc(call->ctx, importer, cmd);
	if (!mapping)
		return -ENOMEM;
	kind = p2pmap_range_judge(importer, cmd->flags, cmd->addr, cmd->length,
				  &call->why);
	rc = kind < 0 ? kind : mapping_count(mapping, &call->why);
	if (!rc) {
		mapping->kind = kind;
		rc = mapping_open(mapping, &call->why);
	}
	if (!rc)
		rc = mapping_map(mapping);
	if (!rc)
		rc = mapping_install(call, mapping);
	if (rc)
		p2pmap_mapping_destroy(mapping);
	return rc;
}

/* Drop what the mapping holds of the memory; the importer is off already. */
void p2pmap_mapping_release_memory(struct p2pmap_mapping *mapping)
{
	if (mapping->noticed)
		mmu_interval_notifier_remove(&mapping->notifier);
	mapping->noticed = false;
	if (mapping->map)
		p2pmap_frames_release(&mapping->map->frames,
				      mapping->map->flags &
					      VMA_DMA_MAP_FLAG_WRITE);
	p2pmap_uncharge(&mapping->charge);
}

/* End a mapping that is in no table; takes over the caller's reference. */
void p2pmap_mapping_destroy(struct p2pmap_mapping *mapping)
{
	p2pmap_event_forget(mapping);
	down_read(&p2pmap_devices_lock);
	p2pmap_mapping_dma_down(mapping);
	p2pmap_mapping_unlink(mapping);
	up_read(&p2pmap_devices_lock);
	p2pmap_restore_cancel(mapping);
	p2pmap_mapping_release_memory(mapping);
	p2pmap_mapping_uncount(mapping);
	p2pmap_mapping_put(mapping);
}

/*
 * The owner is gone without a word.  Where nothing restrains the importer it
 * may still be writing, so pinned pages are kept until it cannot any more.
 */
void p2pmap_mapping_abandon(struct p2pmap_mapping *mapping)
{
	if (mapping->importer->translated || !p2pmap_mapping_pinned(mapping) ||
	    !p2pmap_quarantine_add(mapping))
		p2pmap_mapping_destroy(mapping);
}

static struct p2pmap_mapping *mapping_find(struct p2pmap_call *call, u32 id)
{
	struct p2pmap_object *object;

	object = p2pmap_object_get(call->ctx, id, P2PMAP_OBJECT_MAPPING);
	return object ? container_of(object, struct p2pmap_mapping, object) :
			NULL;
}

int p2pmap_ioctl_unmap(struct p2pmap_call *call)
{
	struct p2pmap_unmap *cmd = call->cmd;
	struct p2pmap_object *object;

	object = p2pmap_object_take(call->ctx, cmd->id, P2PMAP_OBJECT_MAPPING);
	if (!object)
		return -ENOENT;
	p2pmap_mapping_destroy(container_of(object, struct p2pmap_mapping,
					    object));
	return 0;
}

int p2pmap_ioctl_extents(struct p2pmap_call *call)
{
	struct p2pmap_extents *cmd = call->cmd;
	struct p2pmap_mapping *mapping;
	int rc;

	mapping = mapping_find(call, cmd->id);
	if (!mapping)
		return -ENOENT;
	/* Bus addresses are physical addresses. */
	if (!mapping->importer->translated && !capable(CAP_SYS_RAWIO))
		rc = -EPERM;
	else
		rc = copy_extents(mapping, cmd->first, cmd->max_extents,
				  cmd->extents, &cmd->out_count,
				  &cmd->out_total);
	if (!rc)
		rc = p2pmap_respond(call);
	p2pmap_mapping_put(mapping);
	return rc;
}

int p2pmap_ioctl_status(struct p2pmap_call *call)
{
	struct p2pmap_status *cmd = call->cmd;
	struct p2pmap_mapping *mapping;
	int rc;

	if (cmd->reserved)
		return -EINVAL;
	mapping = mapping_find(call, cmd->id);
	if (!mapping)
		return -ENOENT;
	mutex_lock(&mapping->lock);
	cmd->out_flags = p2pmap_mapping_status(mapping);
	cmd->out_generation = mapping->generation;
	cmd->out_sink_bytes = mapping->blocks.pages[P2PMAP_BLOCK_SINK]
			      << PAGE_SHIFT;
	cmd->out_live_bytes = mapping->blocks.pages[P2PMAP_BLOCK_LIVE]
			      << PAGE_SHIFT;
	if (!p2pmap_mapping_cuttable(mapping))
		cmd->out_live_bytes = mapping->state == P2PMAP_MAPPING_MAPPED ?
					      mapping->length : 0;
	mutex_unlock(&mapping->lock);
	rc = p2pmap_respond(call);
	p2pmap_mapping_put(mapping);
	return rc;
}
