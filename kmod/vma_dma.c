// SPDX-License-Identifier: GPL-2.0-only
/*
 * The helper: one way for a driver to map every kind of VMA for its device.
 *
 * It looks at the VMA and does the right thing for each kind: regular memory by
 * the core mm, special memory by its page table and without any struct page.
 *
 * Lifetime is the caller's, not the DMA API's.  Either the map is PINned, or
 * the caller has an interval notifier on the range and obeys it: when it fires,
 * the device is cut off before the callback returns.  A caller that does not
 * want to do that itself takes a mapping (mapping.c), which is told more: that a
 * device or an exporter leaves is no business of the mm's, and a map is not
 * told.  Hence a map cannot have what an exporter promises, PIN of its memory
 * or DMA addresses of its own making.
 *
 * Locks.  mmap_lock for reading is the caller's around prepare (and range) and
 * is never dropped here.  A vma_dma_map is the caller's to serialise.  Without
 * PIN, confirm, commit and unmap may run under a mutex that the notifier's
 * callback takes too: they do not enter reclaim and wait for nobody's memory.
 * But unmap may sleep, so a callback that must not block returns false instead.
 * With PIN, unmap takes folio locks, whose holders may be waiting in a
 * callback: never under that mutex.
 */
#include <linux/dma-map-ops.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "range.h"

/**
 * vma_dma_map_alloc() - begin a map
 * @dev: the device that will do DMA: a PCI device with an ordinary driver bound,
 *	which stays so while anything is mapped; or any device with a PCI device
 *	above it
 * @flags: VMA_DMA_MAP_FLAG_*
 * @notifier: interval notifier of the range, inserted and owned by the caller,
 *	or NULL with VMA_DMA_MAP_FLAG_PIN
 *
 * The first insertion of a notifier takes mmap_lock for writing, and charging
 * pins to RLIMIT_MEMLOCK is the caller's as well: both come before this.  With a
 * notifier vma_dma_map_set_lock() comes next.
 *
 * Return: the map, to be freed with vma_dma_map_free(), or an ERR_PTR:
 * -EINVAL for unknown flags, or neither PIN nor a notifier; -EOPNOTSUPP for a
 * device whose DMA does not snoop the caches; -EBUSY if somebody else than the
 * DMA API owns its IOMMU domain; -ENOMEM.
 */
struct vma_dma_map *vma_dma_map_alloc(struct device *dev, unsigned long flags,
				      struct mmu_interval_notifier *notifier)
{
	struct vma_dma_map *map;

	if (flags & ~(VMA_DMA_MAP_FLAG_WRITE | VMA_DMA_MAP_FLAG_PIN))
		return ERR_PTR(-EINVAL);
	if (!notifier && !(flags & VMA_DMA_MAP_FLAG_PIN))
		return ERR_PTR(-EINVAL);
	if (!dev_is_dma_coherent(dev))
		return ERR_PTR(-EOPNOTSUPP);
	if (p2pmap_iommu_owner_check(dev))
		return ERR_PTR(-EBUSY);
	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->dev = dev;
	map->flags = flags;
	map->notifier = notifier;
	INIT_LIST_HEAD(&map->promises);
	map->dma.dev = dev;
	map->dma.write = flags & VMA_DMA_MAP_FLAG_WRITE;
	map->dma.translated = p2pmap_iommu_translates(dev);
	if (map->dma.translated)
		map->dma.page_sizes = p2pmap_iommu_page_sizes(dev);
	return map;
}
EXPORT_SYMBOL_GPL(vma_dma_map_alloc);

#ifdef CONFIG_LOCKDEP
/*
 * Notifiers run in reclaim.  Saying so now makes lockdep complain about the
 * first allocation under the lock, and not about the first unlucky one.
 */
void vma_dma_map_set_lockdep(struct vma_dma_map *map, struct lockdep_map *lock)
{
	map->lock = lock;
	fs_reclaim_acquire(GFP_KERNEL);
	lock_map_acquire(lock);
	lock_map_release(lock);
	fs_reclaim_release(GFP_KERNEL);
}
EXPORT_SYMBOL_GPL(vma_dma_map_set_lockdep);

static void assert_locked(const struct vma_dma_map *map)
{
	if (!debug_locks)
		return;
	WARN_ONCE(!map->lock, "p2pmap: no vma_dma_map_set_lock()\n");
	WARN_ONCE(map->lock && !lock_is_held(map->lock),
		  "p2pmap: without the lock that the notifier takes\n");
}
#else
static void assert_locked(const struct vma_dma_map *map)
{
}
#endif

/* Give the DMA addresses back, whoever made them. */
void p2pmap_map_unmap(struct vma_dma_map *map)
{
	p2pmap_dma_unmap(&map->dma);
	if (map->dma.given)
		p2pmap_promises_end(map);
}

/**
 * vma_dma_map_reset() - undo every prepare
 * @map: the map; not committed, or unmapped again.  It is as new afterwards
 */
void vma_dma_map_reset(struct vma_dma_map *map)
{
	p2pmap_exporter_leave(map);
	p2pmap_dma_free(&map->dma);
	p2pmap_frames_release(&map->frames,
			      map->flags & VMA_DMA_MAP_FLAG_WRITE);
	p2pmap_bar_put(&map->bar);
	map->kind_known = false;
}
EXPORT_SYMBOL_GPL(vma_dma_map_reset);

/**
 * vma_dma_map_free() - end a map
 * @map: the map; nothing of it is in use by the device
 *
 * Unmaps what is still mapped and drops the pins.
 */
void vma_dma_map_free(struct vma_dma_map *map)
{
	p2pmap_map_unmap(map);
	vma_dma_map_reset(map);
	kfree(map);
}
EXPORT_SYMBOL_GPL(vma_dma_map_free);

/**
 * vma_dma_map_begin() - begin to look at the memory
 * @map: the map, empty
 *
 * Called before mmap_lock is taken; waits for an invalidation of the range that
 * is going on.  Nothing to do for a map with PIN.
 */
void vma_dma_map_begin(struct vma_dma_map *map)
{
	if (map->notifier)
		map->seq = mmu_interval_read_begin(map->notifier);
}
EXPORT_SYMBOL_GPL(vma_dma_map_begin);

/**
 * vma_dma_map_confirm() - did the memory stand still since vma_dma_map_begin()?
 * @map: the map; the lock that the notifier's callback takes is held
 *
 * If so the frames are good for as long as that lock is held, and then until
 * the callback says otherwise.  What the device may write is marked dirty: it
 * sets no dirty bit itself, and reclaim drops clean pages.
 *
 * Return: false if the memory changed: what was prepared must not be used.
 * Always true for a map with PIN.
 */
bool vma_dma_map_confirm(const struct vma_dma_map *map)
{
	if (!map->notifier || map->frames.pinned)
		return true;
	assert_locked(map);
	if (mmu_interval_read_retry(map->notifier, map->seq))
		return false;
	if (map->dma.write && map->kind == P2PMAP_KIND_RAM)
		p2pmap_frames_mark_dirty(&map->frames);
	return true;
}
EXPORT_SYMBOL_GPL(vma_dma_map_confirm);

/* An importer that is told of another mm or of less keeps what went. */
static bool notifier_covers(const struct vma_dma_map *map,
			    const struct vma_dma_request *request)
{
	const struct mmu_interval_notifier *notifier = map->notifier;

	return !notifier || (notifier->mm == request->vma->vm_mm &&
			     notifier->interval_tree.start <= request->start &&
			     notifier->interval_tree.last >= request->end - 1);
}

/* All parts are of the kind of the first one, and follow each other. */
static int prepare_kind(struct vma_dma_map *map,
			const struct vma_dma_request *request)
{
	int kind = p2pmap_vma_kind(request->vma, request->start, map->flags,
				   map->why);

	if (kind < 0)
		return kind;
	if (map->kind_known && request->start != map->start + map->frames.length)
		return -EINVAL;
	if (map->kind_known && map->kind != kind)
		return p2pmap_fail(map->why, -EINVAL, P2PMAP_REASON_MIXED,
				   request->start);
	if (!map->kind_known) {
		map->start = request->start;
		map->vm_ops = request->vma->vm_ops;
	}
	map->kind = kind;
	map->kind_known = true;
	return 0;
}

/**
 * vma_dma_map_prepare() - collect the frames of a part of a VMA
 * @vma: the VMA, of the current or another mm; its mmap_lock is held for
 *	reading
 * @start: first address, page-aligned, within @vma
 * @end: first address after the part, page-aligned
 * @map: the map; parts follow each other and are of one kind
 *
 * Return: 0; -EAGAIN if the notifier fired, or the memory's driver began or ceased
 * to answer for it meanwhile (reset, and begin again); -EFAULT for
 * memory that no device may reach or that may not be written; -EPERM if its
 * exporter refuses; -EOPNOTSUPP for memory that is not supported so; -EINVAL for
 * a part of another kind or that the notifier does not cover; -EINTR after a
 * fatal signal; -ENOMEM.  After an error the map is to be reset or freed.
 */
int vma_dma_map_prepare(struct vm_area_struct *vma, unsigned long start,
			unsigned long end, struct vma_dma_map *map)
{
	const struct p2pmap_part part = {
		.request = {
			.vma = vma,
			.start = start,
			.end = end,
			.flags = map->flags,
			.importer = map->dev,
		},
		.map = map,
		.notifier = map->notifier,
		.seq = map->seq,
		.why = map->why,
	};
	int rc;

	mmap_assert_locked(vma->vm_mm);
	if (!PAGE_ALIGNED(start | end) || start >= end ||
	    start < vma->vm_start || end > vma->vm_end)
		return -EINVAL;
	if (WARN_ON_ONCE(!notifier_covers(map, &part.request)))
		return -EINVAL;
	rc = prepare_kind(map, &part.request);
	if (!rc && map->kind == P2PMAP_KIND_BAR)
		rc = p2pmap_exporter_join(map, &part);
	return rc ? rc : p2pmap_frames_add(&map->frames, &part);
}
EXPORT_SYMBOL_GPL(vma_dma_map_prepare);

/* As p2pdma does: what is no PCI device does DMA by the one above it. */
static struct pci_dev *pci_dev_of(struct device *dev)
{
	while (dev && !dev_is_pci(dev))
		dev = dev->parent;
	return dev ? to_pci_dev(dev) : NULL;
}

static int resolve_route(struct vma_dma_map *map)
{
	struct pci_dev *importer = pci_dev_of(map->dev);

	if (map->dma.given) {
		map->route = (struct p2pmap_route_info){
			.type = P2PMAP_ROUTE_EXPORTER,
		};
		return 0;
	}
	if (!importer)
		return p2pmap_fail(map->why, -EHOSTUNREACH,
				   P2PMAP_REASON_NOT_PCI, 0);
	return p2pmap_route_find(importer, map->bar.pdev, map->dma.translated,
				 &map->route, map->why);
}

/**
 * vma_dma_map_resolve() - find exporter and route, allocate for commit
 * @map: the map, with all its parts prepared
 *
 * May sleep; mmap_lock may be held or not.
 *
 * Return: 0; -EFAULT for frames that lie in no BAR; -EINVAL for several BARs;
 * -EHOSTUNREACH without a route to the exporter; -ERANGE out of reach of the
 * DMA mask; -EOPNOTSUPP if it would be bounced; -ENOMEM.
 */
int vma_dma_map_resolve(struct vma_dma_map *map)
{
	int rc = 0;

	map->dma.kind = map->kind;
	if (map->kind == P2PMAP_KIND_BAR)
		rc = p2pmap_bar_find(&map->frames, map->start, &map->bar,
				     map->why);
	if (!rc && map->kind == P2PMAP_KIND_BAR)
		rc = resolve_route(map);
	return rc ? rc : p2pmap_dma_prepare(&map->dma, &map->frames, map->why);
}
EXPORT_SYMBOL_GPL(vma_dma_map_resolve);

/**
 * vma_dma_map_commit() - let the device reach what was prepared
 * @map: the map, resolved
 *
 * Without PIN it is called under the lock that the notifier's callback takes,
 * and under the same hold after vma_dma_map_confirm().
 *
 * Return: 0, -ENOSPC without DMA addresses, -ENOMEM without memory for them (of a
 * device that reaches far, also without addresses: the DMA API does not tell),
 * -EOPNOTSUPP if it would be bounced.
 */
int vma_dma_map_commit(struct vma_dma_map *map)
{
	if (map->notifier && !map->frames.pinned)
		assert_locked(map);
	return p2pmap_dma_map(&map->dma, &map->frames, map->why);
}
EXPORT_SYMBOL_GPL(vma_dma_map_commit);

/**
 * vma_dma_map_addresses() - an array of DMA addresses
 * @map: a map that was committed
 * @pa: takes an address for each page of the range
 */
void vma_dma_map_addresses(const struct vma_dma_map *map, dma_addr_t *pa)
{
	const struct vma_dma_extent *extent = map->dma.extents;
	unsigned int i;
	u64 at;

	for (i = 0; i < map->dma.nr_extents; i++, extent++)
		for (at = 0; at < extent->length; at += PAGE_SIZE)
			*pa++ = extent->dma_addr + at;
}
EXPORT_SYMBOL_GPL(vma_dma_map_addresses);

/**
 * vma_dma_map_range() - map a range of a VMA for a device
 * @vma: the VMA; its mmap_lock is held for reading and not dropped
 * @dev: the device that @map was allocated for
 * @start: first address, page-aligned, within @vma
 * @end: first address after the range, page-aligned
 * @flags: VMA_DMA_MAP_FLAG_*, as @map has them
 * @pa: NULL, or an array that takes a DMA address for each page
 * @map: what remembers pins and addresses; empty
 *
 * All at once, for a caller whose device uses no address before it is told.
 * Without PIN such a caller calls vma_dma_map_begin() before it takes mmap_lock,
 * and afterwards, under the lock that its callback takes, vma_dma_map_confirm():
 * if that is false it unmaps and begins again.  A caller that cannot trust its
 * device uses prepare, resolve, confirm and commit.
 *
 * Return: 0 or the errors of prepare, resolve and commit.  On an error nothing
 * is mapped, and @map is to be reset or freed.
 */
int vma_dma_map_range(struct vm_area_struct *vma, struct device *dev,
		      unsigned long start, unsigned long end,
		      unsigned long flags, dma_addr_t *pa,
		      struct vma_dma_map *map)
{
	int rc;

	if (dev != map->dev || flags != map->flags || map->kind_known)
		return -EINVAL;
	rc = vma_dma_map_prepare(vma, start, end, map);
	if (!rc)
		rc = vma_dma_map_resolve(map);
	/* Nobody uses the addresses before confirm, so no lock is needed. */
	if (!rc)
		rc = p2pmap_dma_map(&map->dma, &map->frames, map->why);
	if (!rc && pa)
		vma_dma_map_addresses(map, pa);
	return rc;
}
EXPORT_SYMBOL_GPL(vma_dma_map_range);

/**
 * vma_dma_unmap_range() - take a range away from the device
 * @vma: the VMA, or NULL: it may be gone by now
 * @dev: the device
 * @start: as given to vma_dma_map_range()
 * @end: as given to vma_dma_map_range()
 * @flags: as given to vma_dma_map_range()
 * @pa: NULL, or the array of addresses, which is zeroed
 * @map: what vma_dma_map_range() filled; empty afterwards
 *
 * When it returns no DMA of the device reaches the memory, provided that an
 * IOMMU translates; then the pins are dropped.  Needs no memory, cannot fail,
 * may sleep; see the locks above.
 */
void vma_dma_unmap_range(struct vm_area_struct *vma, struct device *dev,
			 unsigned long start, unsigned long end,
			 unsigned long flags, dma_addr_t *pa,
			 struct vma_dma_map *map)
{
	if (WARN_ON_ONCE(dev != map->dev || flags != map->flags))
		return;
	if (pa)
		memset(pa, 0, ((end - start) >> PAGE_SHIFT) * sizeof(*pa));
	p2pmap_map_unmap(map);
	vma_dma_map_reset(map);
}
EXPORT_SYMBOL_GPL(vma_dma_unmap_range);

/**
 * vma_dma_map_extents() - what the device may use
 * @map: a map that was committed
 * @extents: is pointed to the extents, which live until unmap
 *
 * Return: their number.
 */
unsigned int vma_dma_map_extents(const struct vma_dma_map *map,
				 const struct vma_dma_extent **extents)
{
	*extents = map->dma.extents;
	return map->dma.nr_extents;
}
EXPORT_SYMBOL_GPL(vma_dma_map_extents);
