// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: how one comes to be, is looked at, and ends.
 *
 * A mapping has one of three states (enum p2pmap_mapping_state), moved under
 * its lock:
 *
 *   NEW ---commit---> MAPPED ---end, importer gone---> DOWN
 *
 * To create one, frames are collected without any lock of ours and committed
 * under the lock that the notifier takes, if the notifier was silent meanwhile.
 * The end never fails and needs no memory; its order is:
 *
 *   DMA down, off the devices' lists, notifier out, pins dropped, and with the
 *   last reference the object freed
 *
 * so that no page is dropped which a device might still reach.  What happens in
 * between is in revoke.c and restore.c.  The owner's callbacks are called only
 * under the lock, the last of them as it goes DOWN: then he may forget everything.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "delay.h"
#include "mapping.h"

struct workqueue_struct *p2pmap_workqueue;

/* How often memory that changes meanwhile is looked at again. */
#define MAP_TRIES 16

/* How often addresses that others just gave back are waited for. */
#define SPACE_TRIES 5

#define MAPPING_FLAGS \
	(VMA_DMA_MAP_FLAG_WRITE | VMA_DMA_MAP_FLAG_PIN | \
	 VMA_DMA_MAP_FLAG_SINK | VMA_DMA_MAP_FLAG_RESTORE | \
	 VMA_DMA_MAP_FLAG_UNENFORCED)

void p2pmap_mapping_get(struct vma_dma_mapping *mapping)
{
	kref_get(&mapping->ref);
}

static void mapping_free(struct kref *ref)
{
	struct vma_dma_mapping *mapping =
		container_of(ref, struct vma_dma_mapping, ref);

	if (mapping->map)
		vma_dma_map_free(mapping->map);
	p2pmap_blocks_free(&mapping->blocks);
	if (mapping->sink)
		__free_page(mapping->sink);
	p2pmap_device_put(mapping->exporter);
	put_device(mapping->dev);
	p2pmap_device_put(mapping->importer);
	p2pmap_person_forget(&mapping->record.person);
	mmdrop(mapping->mm);
	mutex_destroy(&mapping->lock);
	mutex_destroy(&mapping->restore_lock);
	kfree(mapping);
}

void p2pmap_mapping_put(struct vma_dma_mapping *mapping)
{
	kref_put(&mapping->ref, mapping_free);
}

static struct vma_dma_mapping *
mapping_alloc(const struct p2pmap_mapping_args *args)
{
	struct vma_dma_mapping *mapping;

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return NULL;
	kref_init(&mapping->ref);
	mapping->ops = args->ops;
	mapping->owner = args->owner;
	/* A worker may still name it to an exporter when all has ended. */
	mapping->dev = get_device(args->dev);
	mapping->importer = args->importer;
	if (mapping->importer)
		kref_get(&mapping->importer->ref);
	mapping->mm = args->mm;
	mmgrab(mapping->mm);
	mapping->start = args->start;
	mapping->length = args->length;
	mapping->flags = args->flags;
	mutex_init(&mapping->lock);
	mutex_init(&mapping->restore_lock);
	INIT_DELAYED_WORK(&mapping->restore_work, p2pmap_restore_work);
	INIT_LIST_HEAD(&mapping->import_link);
	INIT_LIST_HEAD(&mapping->export_link);
	INIT_LIST_HEAD(&mapping->registry_link);
	return mapping;
}

static int importer_is_gone(struct vma_dma_mapping *mapping,
			    struct p2pmap_reason *why)
{
	struct p2pmap_device *importer = mapping->importer;

	lockdep_assert_held(&p2pmap_devices_lock);
	if (!importer || !importer->dead)
		return 0;
	return p2pmap_fail_pci(why, -ENODEV, P2PMAP_REASON_DEVICE_GONE,
			       importer->pdev);
}

/* The helper's side; the importer must be alive to be asked. */
static int mapping_open_map(struct vma_dma_mapping *mapping,
			    struct p2pmap_reason *why)
{
	unsigned long flags = mapping->flags & (VMA_DMA_MAP_FLAG_WRITE |
						VMA_DMA_MAP_FLAG_PIN);
	struct vma_dma_map *map;
	int rc;

	down_read(&p2pmap_devices_lock);
	rc = importer_is_gone(mapping, why);
	if (rc)
		map = ERR_PTR(rc);
	else
		map = vma_dma_map_alloc(mapping->dev, flags,
					p2pmap_mapping_pinned(mapping) ?
						NULL : &mapping->notifier);
	if (!IS_ERR(map))
		mapping->enforced = p2pmap_iommu_enforces(mapping->dev);
	up_read(&p2pmap_devices_lock);
	if (IS_ERR(map))
		return PTR_ERR(map);
	vma_dma_map_set_lock(map, &mapping->lock);
	map->withdrawable = true;
	map->why = why;
	mapping->map = map;
	return 0;
}

/* Without an IOMMU somebody has to answer for what the device does. */
static int mapping_check_enforcement(const struct vma_dma_mapping *mapping,
				     struct p2pmap_reason *why)
{
	if (mapping->enforced)
		return 0;
	if (mapping->flags & (VMA_DMA_MAP_FLAG_SINK | VMA_DMA_MAP_FLAG_RESTORE))
		return p2pmap_fail(why, -EOPNOTSUPP, P2PMAP_REASON_UNENFORCED,
				   0);
	if (mapping->ops->device_obeys || p2pmap_mapping_pinned(mapping) ||
	    (mapping->flags & VMA_DMA_MAP_FLAG_UNENFORCED))
		return 0;
	return p2pmap_fail(why, -EOPNOTSUPP, P2PMAP_REASON_NEEDS_PIN, 0);
}

/* What comes before the memory is touched: notifier, sink, helper. */
static int mapping_open(struct vma_dma_mapping *mapping,
			struct p2pmap_reason *why)
{
	int rc;

	rc = mmu_interval_notifier_insert(&mapping->notifier, mapping->mm,
					  mapping->start, mapping->length,
					  &p2pmap_mapping_notifier_ops);
	if (rc)
		return rc == -EINTR ? -ERESTARTSYS : rc;
	mapping->noticed = true;
	if (mapping->flags & VMA_DMA_MAP_FLAG_SINK) {
		mapping->sink = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!mapping->sink)
			return -ENOMEM;
	}
	rc = mapping_open_map(mapping, why);
	return rc ? rc : mapping_check_enforcement(mapping, why);
}

/* Collect the frames of all VMAs of the range. */
static int mapping_prepare(struct vma_dma_mapping *mapping, int kind)
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
		if (!rc && kind >= 0 && mapping->map->kind != kind)
			rc = p2pmap_fail(mapping->map->why, -EINVAL,
					 P2PMAP_REASON_MIXED, at);
		at = vma->vm_end;
	}
	mmap_read_unlock(mapping->mm);
	mapping->kind = mapping->map->kind;
	return rc;
}

/* The core mm gives memory to others as soon as it told a notifier. */
static int mapping_check_kind(const struct vma_dma_mapping *mapping)
{
	if (mapping->enforced || mapping->kind == P2PMAP_KIND_BAR ||
	    mapping->ops->device_obeys || p2pmap_mapping_pinned(mapping))
		return 0;
	return p2pmap_fail(mapping->map->why, -EOPNOTSUPP,
			   P2PMAP_REASON_NEEDS_PIN, 0);
}

/* An exporter is listed first and looked for on the bus afterwards. */
static int mapping_find_exporter(struct vma_dma_mapping *mapping)
{
	struct pci_dev *pdev = mapping->map->bar.pdev;

	if (!pdev)
		return 0;
	mapping->exporter = p2pmap_device_get(pdev);
	if (!mapping->exporter)
		return -ENOMEM;
	p2pmap_delay(P2PMAP_DELAY_MAP_LISTED);
	if (!p2pmap_device_present(pdev))
		return p2pmap_fail_pci(mapping->map->why, -ENODEV,
				       P2PMAP_REASON_DEVICE_GONE, pdev);
	return 0;
}

static void mapping_link(struct vma_dma_mapping *mapping)
{
	struct vma_dma_exporter *driver = mapping->map->exporter;

	if (mapping->importer) {
		spin_lock(&mapping->importer->lock);
		list_add(&mapping->import_link, &mapping->importer->imports);
		spin_unlock(&mapping->importer->lock);
	}
	if (mapping->exporter) {
		spin_lock(&mapping->exporter->lock);
		list_add(&mapping->export_link, &mapping->exporter->exports);
		spin_unlock(&mapping->exporter->lock);
	}
	if (driver) {
		spin_lock(&driver->lock);
		list_add(&mapping->registry_link, &driver->mappings);
		spin_unlock(&driver->lock);
	}
}

/* Off all lists.  No-op if it is on none. */
static void mapping_unlink(struct vma_dma_mapping *mapping)
{
	struct vma_dma_exporter *driver = mapping->map ?
						  mapping->map->exporter : NULL;

	if (mapping->importer) {
		spin_lock(&mapping->importer->lock);
		list_del_init(&mapping->import_link);
		spin_unlock(&mapping->importer->lock);
	}
	if (mapping->exporter) {
		spin_lock(&mapping->exporter->lock);
		list_del_init(&mapping->export_link);
		spin_unlock(&mapping->exporter->lock);
	}
	if (driver) {
		spin_lock(&driver->lock);
		list_del_init(&mapping->registry_link);
		spin_unlock(&driver->lock);
	}
}

/* From here on the importer reaches the memory. */
static int mapping_commit_locked(struct vma_dma_mapping *mapping)
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
	p2pmap_record_publish(mapping);
	p2pmap_mapping_resume(mapping);
	return 0;
}

/* Is everybody still there whom the mapping depends on? */
static int mapping_check_alive(struct vma_dma_mapping *mapping)
{
	struct vma_dma_map *map = mapping->map;
	int rc = importer_is_gone(mapping, map->why);

	if (rc)
		return rc;
	if (mapping->exporter && mapping->exporter->dead)
		return p2pmap_fail_pci(map->why, -ENODEV,
				       P2PMAP_REASON_DEVICE_GONE,
				       mapping->exporter->pdev);
	/* Without the driver the memory may still be there: look again. */
	if (map->exporter && map->exporter->dead)
		return -EAGAIN;
	return 0;
}

static int mapping_commit(struct vma_dma_mapping *mapping)
{
	int rc;

	down_read(&p2pmap_devices_lock);
	rc = mapping_check_alive(mapping);
	p2pmap_delay(P2PMAP_DELAY_MAP_ALIVE);
	if (!rc) {
		mutex_lock(&mapping->lock);
		rc = mapping_commit_locked(mapping);
		mutex_unlock(&mapping->lock);
	}
	p2pmap_delay(P2PMAP_DELAY_MAP_COMMITTED);
	if (!rc)
		mapping_link(mapping);
	up_read(&p2pmap_devices_lock);
	return rc;
}

/*
 * Count the addresses that a commit will take, or refuse to.  Before it takes
 * them: in the meantime others would find none.
 */
static int mapping_take_space(struct vma_dma_mapping *mapping, u64 max)
{
	u64 bytes = p2pmap_dma_space(&mapping->map->dma);
	int tries, rc = 0;

	if (!mapping->importer || !max)
		return 0;
	for (tries = 0; tries < SPACE_TRIES; tries++) {
		rc = p2pmap_device_take_space(mapping->importer, bytes, max);
		if (rc != -EAGAIN)
			break;
		schedule_timeout_killable(P2PMAP_SPACE_LEAVES);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	if (rc)
		return p2pmap_fail(mapping->map->why, -ENOSPC,
				   P2PMAP_REASON_IOVA_SPACE, bytes);
	mapping->space = bytes;
	return 0;
}

static void mapping_give_space(struct vma_dma_mapping *mapping, bool at_once)
{
	if (mapping->space)
		p2pmap_device_give_space(mapping->importer, mapping->space,
					 at_once);
	mapping->space = 0;
}

static int mapping_try(struct vma_dma_mapping *mapping,
		       const struct p2pmap_mapping_args *args)
{
	int rc;

	mutex_lock(&mapping->lock);
	mapping->stale = false;
	mutex_unlock(&mapping->lock);
	/* An invalidation that began before has to be over: it is not told. */
	if (p2pmap_mapping_pinned(mapping))
		mmu_interval_read_begin(&mapping->notifier);
	vma_dma_map_begin(mapping->map);
	rc = mapping_prepare(mapping, args->kind);
	if (!rc)
		rc = mapping_check_kind(mapping);
	if (!rc)
		rc = vma_dma_map_resolve(mapping->map);
	if (!rc)
		rc = mapping_take_space(mapping, args->space_max);
	if (!rc)
		rc = mapping_find_exporter(mapping);
	if (!rc && p2pmap_mapping_cuttable(mapping))
		rc = p2pmap_blocks_build(&mapping->blocks, &mapping->map->dma,
					 &mapping->map->frames);
	p2pmap_delay(P2PMAP_DELAY_MAP_PREPARED);
	if (!rc)
		rc = mapping_commit(mapping);
	return rc;
}

static int mapping_map(struct vma_dma_mapping *mapping,
		       const struct p2pmap_mapping_args *args)
{
	int tries, rc;

	for (tries = 0; tries < MAP_TRIES; tries++) {
		rc = mapping_try(mapping, args);
		if (rc != -EAGAIN)
			break;
		mapping_give_space(mapping, true);
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
	if (!rc && !mapping->map->frames.pinned)
		p2pmap_frames_release(&mapping->map->frames, false);
	mapping->map->why = NULL;
	return rc;
}

/*
 * Create a mapping; mmap_lock is not held, @args->mm has users until this
 * returns.  The owner's callbacks may come before it has.  Returns an ERR_PTR
 * on failure.
 */
struct vma_dma_mapping *
p2pmap_mapping_create(const struct p2pmap_mapping_args *args)
{
	struct vma_dma_mapping *mapping = mapping_alloc(args);
	int rc;

	if (!mapping)
		return ERR_PTR(-ENOMEM);
	rc = p2pmap_record_begin(mapping, args->origin);
	if (!rc)
		rc = mapping_open(mapping, args->why);
	if (!rc)
		rc = mapping_map(mapping, args);
	if (!rc)
		return mapping;
	p2pmap_mapping_end(mapping);
	p2pmap_mapping_put(mapping);
	return ERR_PTR(rc);
}

/* Let the mm's changes go unheard; what is mapped stays mapped. */
void p2pmap_mapping_deafen(struct vma_dma_mapping *mapping)
{
	if (mapping->noticed)
		mmu_interval_notifier_remove(&mapping->notifier);
	mapping->noticed = false;
}

/* Take everything from the device, and give everything back. */
void p2pmap_mapping_end(struct vma_dma_mapping *mapping)
{
	down_read(&p2pmap_devices_lock);
	p2pmap_mapping_dma_down(mapping);
	mapping_unlink(mapping);
	up_read(&p2pmap_devices_lock);
	mapping_give_space(mapping, false);
	p2pmap_record_end(mapping);
	p2pmap_restore_cancel(mapping);
	p2pmap_delay(P2PMAP_DELAY_END_DOWN);
	p2pmap_mapping_deafen(mapping);
	p2pmap_delay(P2PMAP_DELAY_END_DEAF);
	if (!mapping->map)
		return;
	p2pmap_promises_end(mapping->map);
	p2pmap_frames_release(&mapping->map->frames,
			      mapping->flags & VMA_DMA_MAP_FLAG_WRITE);
}

/* Bytes that describe the pieces of which it is made; right after creating. */
u64 p2pmap_mapping_pieces_size(const struct vma_dma_mapping *mapping)
{
	const struct p2pmap_dma *dma = &mapping->map->dma;

	return (u64)dma->nr_chunks * sizeof(*dma->chunks) +
	       (u64)dma->max_extents * sizeof(*dma->extents) +
	       (u64)mapping->blocks.max * sizeof(*mapping->blocks.v);
}

/* P2PMAP_MAPPING_*; racy but for what never changes back. */
u32 p2pmap_mapping_status(const struct vma_dma_mapping *mapping)
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

/**
 * vma_dma_mapping_create() - let a device use a range of memory
 * @mm: whose memory; the caller keeps it from exiting (mmget()) until this
 *	returns.  It may be another process's than the current one
 * @start: first address, page-aligned
 * @end: first address after the range, page-aligned; the range may cross VMAs
 *	of one kind
 * @dev: the device; a driver is bound to it, whose remove() has not begun.  A
 *	device that is not on the PCI bus keeps it until the mapping is destroyed
 * @flags: VMA_DMA_MAP_FLAG_*
 * @ops: what the owner is told; not NULL, but all of it is optional; stays until
 *	the mapping is destroyed
 * @owner: the first parameter of each of @ops
 *
 * May sleep; takes mmap_lock, and locks that come before it (mapping.h).  Charging
 * pins to RLIMIT_MEMLOCK is the caller's.  The callbacks may come before this has
 * returned.
 *
 * A mapping keeps its DMA addresses for life, but where no IOMMU translates
 * memory that is revoked is gone for good, and with it all of the mapping.  When
 * @dev's driver is unbound, the PCI bus has it stopped before remove() runs.
 *
 * Return: the mapping, or an ERR_PTR: the errors of include/p2pmap/abi.h, as of
 * MAP, but -EINVAL for an unknown flag; or -ERESTARTSYS after a signal.
 */
struct vma_dma_mapping *
vma_dma_mapping_create(struct mm_struct *mm, unsigned long start,
		       unsigned long end, struct device *dev,
		       unsigned long flags,
		       const struct vma_dma_mapping_ops *ops, void *owner)
{
	struct p2pmap_reason why = {};
	struct p2pmap_mapping_args args = {
		.mm = mm,
		.start = start,
		.length = end - start,
		.dev = dev,
		.flags = flags,
		.kind = -1,
		.ops = ops,
		.owner = owner,
		.why = &why,
	};
	struct vma_dma_mapping *mapping;

	might_lock(&mm->mmap_lock);
	if (flags & ~(unsigned long)MAPPING_FLAGS)
		return ERR_PTR(-EINVAL);
	if ((flags & VMA_DMA_MAP_FLAG_PIN) &&
	    (flags & (VMA_DMA_MAP_FLAG_SINK | VMA_DMA_MAP_FLAG_RESTORE)))
		return ERR_PTR(-EINVAL);
	if (start >= end || !PAGE_ALIGNED(start | end) ||
	    args.length > P2PMAP_MAX_LENGTH)
		return ERR_PTR(-EINVAL);
	if (dev_is_pci(dev)) {
		args.importer = p2pmap_device_get(to_pci_dev(dev));
		if (!args.importer)
			return ERR_PTR(-ENOMEM);
	}
	mapping = p2pmap_mapping_create(&args);
	if (IS_ERR(mapping))
		p2pmap_journal_refuse(P2PMAP_NL_OPERATION_DRIVER_MAP,
				      PTR_ERR(mapping), &why);
	p2pmap_device_put(args.importer);
	return mapping;
}
EXPORT_SYMBOL_GPL(vma_dma_mapping_create);

/**
 * vma_dma_mapping_destroy() - end a mapping
 * @mapping: the mapping; nobody uses it any more
 *
 * May sleep; takes no mmap_lock but locks that come before it, and waits for
 * invalidations of the range that are going on: not from a callback, not under a
 * lock that callbacks take, and not under mmap_lock.
 * When it returns no DMA of an enforced mapping reaches the memory, and none of
 * the callbacks is called any more.  Never fails.
 */
void vma_dma_mapping_destroy(struct vma_dma_mapping *mapping)
{
	might_sleep();
	p2pmap_mapping_end(mapping);
	p2pmap_mapping_put(mapping);
}
EXPORT_SYMBOL_GPL(vma_dma_mapping_destroy);

/**
 * vma_dma_mapping_remap() - have revoked memory back
 * @mapping: the mapping
 * @offset: first byte, from the start of the mapping, page-aligned
 * @length: bytes, a multiple of the page size; 0 for all that follows
 *
 * What is live stays as it is, what was revoked is mapped again at the address
 * that it had.  All or nothing.  May sleep; takes mmap_lock; the mm may be gone.
 *
 * Return: 0; -EINVAL; -EFAULT: not valid now; -EPERM: its exporter refuses;
 * -EAGAIN; -ENODEV: a device is gone; -EOPNOTSUPP: nothing of this mapping is ever
 * taken, or nothing can be given back; -EINTR; -ENOMEM.
 */
int vma_dma_mapping_remap(struct vma_dma_mapping *mapping, u64 offset,
			  u64 length)
{
	int rc;

	if (!mmget_not_zero(mapping->mm))
		return -EFAULT;
	rc = p2pmap_mapping_remap(mapping, offset, length, NULL);
	mmput(mapping->mm);
	return rc;
}
EXPORT_SYMBOL_GPL(vma_dma_mapping_remap);

/**
 * vma_dma_mapping_info() - how is a mapping?
 * @mapping: the mapping
 * @info: is filled
 */
void vma_dma_mapping_info(struct vma_dma_mapping *mapping,
			  struct vma_dma_mapping_info *info)
{
	const struct vma_dma_map *map = mapping->map;
	bool mapped;

	*info = (struct vma_dma_mapping_info){
		.kind = mapping->kind,
		.route = map->route.type,
		.exporter = map->bar.pdev,
	};
	mutex_lock(&mapping->lock);
	mapped = mapping->state == P2PMAP_MAPPING_MAPPED;
	info->flags = p2pmap_mapping_status(mapping);
	info->nr_extents = map->dma.nr_extents;
	info->sink_bytes = mapping->blocks.pages[P2PMAP_BLOCK_SINK]
			   << PAGE_SHIFT;
	info->lost_bytes = mapping->blocks.pages[P2PMAP_BLOCK_LOST]
			   << PAGE_SHIFT;
	info->live_bytes = mapping->blocks.pages[P2PMAP_BLOCK_LIVE]
			   << PAGE_SHIFT;
	if (!p2pmap_mapping_cuttable(mapping))
		info->live_bytes = mapped ? mapping->length : 0;
	mutex_unlock(&mapping->lock);
}
EXPORT_SYMBOL_GPL(vma_dma_mapping_info);

/**
 * vma_dma_mapping_extents() - what the device may use
 * @mapping: the mapping
 * @first: the first extent to tell
 * @max: how many fit into @extents
 * @extents: takes them, in the order of the range
 *
 * They do not change while the mapping lives, whatever is revoked of it.
 *
 * Return: how many were told, or -ENODEV if the mapping was taken down: the
 * device is gone, or where no IOMMU translates some of the memory.
 */
int vma_dma_mapping_extents(struct vma_dma_mapping *mapping,
			    unsigned int first, unsigned int max,
			    struct vma_dma_extent *extents)
{
	const struct p2pmap_dma *dma = &mapping->map->dma;
	unsigned int nr = 0;
	int rc = -ENODEV;

	mutex_lock(&mapping->lock);
	if (mapping->state == P2PMAP_MAPPING_MAPPED) {
		if (first < dma->nr_extents)
			nr = min(max, dma->nr_extents - first);
		memcpy(extents, dma->extents + first, nr * sizeof(*extents));
		rc = nr;
	}
	mutex_unlock(&mapping->lock);
	return rc;
}
EXPORT_SYMBOL_GPL(vma_dma_mapping_extents);

/**
 * vma_dma_mapping_addresses() - an array of DMA addresses
 * @mapping: the mapping
 * @pa: takes an address for each page of the range
 *
 * Return: 0, or -ENODEV if the mapping was taken down.
 */
int vma_dma_mapping_addresses(struct vma_dma_mapping *mapping, dma_addr_t *pa)
{
	int rc = -ENODEV;

	mutex_lock(&mapping->lock);
	if (mapping->state == P2PMAP_MAPPING_MAPPED) {
		vma_dma_map_addresses(mapping->map, pa);
		rc = 0;
	}
	mutex_unlock(&mapping->lock);
	return rc;
}
EXPORT_SYMBOL_GPL(vma_dma_mapping_addresses);

/* Longest segment from @at on that keeps the rules of @dev. */
static u64 segment_length(struct device *dev, u64 at, u64 left)
{
	u64 max = max_t(u64, dma_get_max_seg_size(dev) & PAGE_MASK, PAGE_SIZE);
	u64 boundary = dma_get_seg_boundary(dev);

	return min(left - 1, min(max - 1, boundary - (at & boundary))) + 1;
}

/* Count the segments of @extents, and fill them in unless @sg is NULL. */
static unsigned int fill_segments(struct device *dev,
				  const struct vma_dma_extent *extents, int nr,
				  struct scatterlist *sg)
{
	unsigned int count = 0;
	u64 at, length, left;
	int i;

	for (i = 0; i < nr; i++) {
		at = extents[i].dma_addr;
		for (left = extents[i].length; left; left -= length, count++) {
			length = segment_length(dev, at, left);
			if (sg) {
				sg_set_page(sg, NULL, 0, 0);
				sg_dma_address(sg) = at;
				sg_dma_len(sg) = length;
				sg = sg_next(sg);
			}
			at += length;
		}
	}
	return count;
}

/**
 * vma_dma_mapping_sgtable() - a scatterlist for a driver that wants one
 * @mapping: the mapping
 * @sgt: is filled; to be freed with vma_dma_mapping_sgtable_free()
 *
 * It has a DMA side only, for for_each_sgtable_dma_sg(): orig_nents is 0, as
 * dma-buf's mapping helper makes it for memory without struct page.  Segments
 * keep the device's limits.  It is not to be unmapped, and good as long as the
 * mapping.
 *
 * Return: 0, -ENODEV if the mapping was taken down, -ENOMEM.
 */
int vma_dma_mapping_sgtable(struct vma_dma_mapping *mapping,
			    struct sg_table *sgt)
{
	const struct p2pmap_dma *dma = &mapping->map->dma;
	struct vma_dma_extent *extents;
	unsigned int max = READ_ONCE(dma->nr_extents);
	int nr, rc;

	extents = kvmalloc_array(max + 1, sizeof(*extents), P2PMAP_GFP);
	if (!extents)
		return -ENOMEM;
	nr = vma_dma_mapping_extents(mapping, 0, max, extents);
	rc = nr < 0 ? nr : 0;
	if (!rc)
		rc = sg_alloc_table(sgt,
				    fill_segments(mapping->dev, extents, nr,
						  NULL),
				    GFP_KERNEL);
	if (!rc) {
		fill_segments(mapping->dev, extents, nr, sgt->sgl);
		sgt->orig_nents = 0;
	}
	kvfree(extents);
	return rc;
}
EXPORT_SYMBOL_GPL(vma_dma_mapping_sgtable);

/**
 * vma_dma_mapping_sgtable_free() - free what vma_dma_mapping_sgtable() filled
 * @sgt: the scatterlist; its mapping may be gone already
 */
void vma_dma_mapping_sgtable_free(struct sg_table *sgt)
{
	sgt->orig_nents = sgt->nents;
	sg_free_table(sgt);
}
EXPORT_SYMBOL_GPL(vma_dma_mapping_sgtable_free);
