/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The middle of the module: mappings, and the PCI devices that they concern.
 *
 *   mapping  one range of one mm, made visible to one device; owns revocation
 *   device   a PCI device that imports or exports, as the whole module sees it
 *
 * What drivers see of it is vma_dma_mapping.h.  Nothing here knows of files,
 * ioctls or processes' handles.
 *
 * Order of locks, outermost first:
 *
 *   device_lock() of a PCI device
 *   p2pmap_devices_lock      (rwsem; device lists, death of a device)
 *   context->lock            (mutex; private.h)
 *   mapping->restore_lock    (mutex; one restore at a time)
 *   mmap_lock
 *   locks of exporters       (as of fault handlers; zapping is done under them)
 *   mapping->lock            (mutex; state, blocks, DMA side)
 *   locks of owners          (what the callbacks of a mapping take)
 *   device->lock, exporter->lock and other spinlocks; the ledger's and the
 *   journal's are innermost
 *
 * mapping->lock is taken by notifiers, hence in reclaim and under every mm
 * lock: what runs under it allocates nothing that can sleep, faults nothing in,
 * copies nothing to or from user memory and takes none of the locks above it.
 * p2pmap_devices_lock is never held while memory is faulted in or pinned.
 */
#ifndef P2PMAP_MAPPING_H
#define P2PMAP_MAPPING_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "journal.h"
#include "ledger.h"
#include "range.h"
#include "vma_dma_mapping.h"

/* Longest mapping, so that a block's page count fits. */
#define P2PMAP_MAX_LENGTH ((1ULL << 30) * PAGE_SIZE - PAGE_SIZE)

/* pcidev.c */

/*
 * A PCI device that imports or exports.  Once it is dead (unbound or removed)
 * it stays so; whoever comes later gets a new one.
 */
struct p2pmap_device {
	struct kref ref;
	struct pci_dev *pdev; /* immutable; holds a reference */
	struct list_head link; /* p2pmap_devices_lock */
	bool dead; /* p2pmap_devices_lock */
	u64 kept_pages; /* quarantine.c */
	spinlock_t lock;
	u64 space; /* lock; bytes of its DMA addresses that were counted */
	u64 leaving[2]; /* lock; of these, given back of late, and before that */
	unsigned long aged_at; /* lock; jiffies */
	struct list_head imports; /* lock; or p2pmap_devices_lock for writing */
	struct list_head exports; /* lock; or p2pmap_devices_lock for writing */
};

extern struct rw_semaphore p2pmap_devices_lock;

/* Jiffies after which the DMA API gives an address to others for certain. */
#define P2PMAP_SPACE_LEAVES (HZ / 50)

struct p2pmap_device *p2pmap_device_get(struct pci_dev *pdev);
void p2pmap_device_put(struct p2pmap_device *device);
int p2pmap_device_take_space(struct p2pmap_device *device, u64 bytes, u64 max);
void p2pmap_device_give_space(struct p2pmap_device *device, u64 bytes,
			      bool at_once);
bool p2pmap_device_present(struct pci_dev *pdev);
struct pci_dev *p2pmap_pcidev_find(const struct p2pmap_pci_addr *addr,
				   struct p2pmap_reason *why, int *rc);
int p2pmap_devices_show_kept(char *buffer);
int p2pmap_pcidev_init(void);
void p2pmap_pcidev_exit(void);

/* mapping.c */
enum p2pmap_mapping_state {
	P2PMAP_MAPPING_NEW, /* nothing is mapped yet */
	P2PMAP_MAPPING_MAPPED, /* has DMA addresses */
	P2PMAP_MAPPING_DOWN, /* had; for good */
};

struct vma_dma_mapping {
	struct kref ref; /* the owner's, and the restore work's while queued */
	const struct vma_dma_mapping_ops *ops; /* immutable; until DOWN */
	void *owner; /* immutable; until DOWN */
	struct device *dev; /* immutable */
	struct mm_struct *mm; /* immutable; grabbed */
	u64 start; /* immutable */
	u64 length; /* immutable */
	unsigned long flags; /* immutable; VMA_DMA_MAP_FLAG_* */
	enum p2pmap_kind kind; /* immutable once mapped */
	bool enforced; /* immutable; an IOMMU takes what is revoked */
	bool noticed; /* create and end; the notifier is in */
	struct mmu_interval_notifier notifier;

	struct mutex lock; /* taken by the notifier */
	enum p2pmap_mapping_state state; /* lock */
	bool exporter_gone; /* lock */
	bool stale; /* lock */
	struct vma_dma_map *map; /* lock once mapped; kind and route immutable */
	struct p2pmap_blocks blocks; /* lock; only of cuttable ones */
	struct page *sink; /* immutable once mapped */

	struct mutex restore_lock; /* one restore at a time */
	struct delayed_work restore_work; /* holds a reference while queued */
	unsigned long restored_at; /* jiffies; racy, only limits the rate */
	unsigned long missed_at; /* restore_lock; jiffies; blocks became missed */

	struct p2pmap_device *importer; /* immutable; reference; NULL: not PCI */
	u64 space; /* create and end; its part of importer->space */
	struct p2pmap_device *exporter; /* immutable once mapped; reference */
	struct list_head import_link; /* importer->lock */
	struct list_head export_link; /* exporter->lock */
	struct list_head registry_link; /* map->exporter->lock */

	struct p2pmap_record record; /* ledger.h */
};

/* What a mapping is made of; the references stay the caller's. */
struct p2pmap_mapping_args {
	struct mm_struct *mm;
	u64 start;
	u64 length;
	struct device *dev;
	struct p2pmap_device *importer; /* NULL: not PCI */
	unsigned long flags;
	u64 space_max; /* of importer->space, with this; 0: it is not counted */
	int kind; /* enum p2pmap_kind that it must be, or negative for any */
	const struct vma_dma_mapping_ops *ops;
	void *owner;
	const struct p2pmap_origin *origin; /* or NULL: a driver's */
	struct p2pmap_reason *why; /* or NULL */
};

static inline bool p2pmap_mapping_pinned(const struct vma_dma_mapping *mapping)
{
	return mapping->flags & VMA_DMA_MAP_FLAG_PIN;
}

/*
 * Can a part of it be taken from the importer and given back?  A pin of the
 * core mm lasts; an exporter's is a promise, which its driver may not live to
 * keep.
 */
static inline bool p2pmap_mapping_cuttable(const struct vma_dma_mapping *mapping)
{
	return mapping->enforced && !mapping->map->dma.given &&
	       (!p2pmap_mapping_pinned(mapping) ||
		mapping->kind == P2PMAP_KIND_BAR);
}

struct vma_dma_mapping *
p2pmap_mapping_create(const struct p2pmap_mapping_args *args);
void p2pmap_mapping_end(struct vma_dma_mapping *mapping);
void p2pmap_mapping_get(struct vma_dma_mapping *mapping);
void p2pmap_mapping_put(struct vma_dma_mapping *mapping);
void p2pmap_mapping_deafen(struct vma_dma_mapping *mapping);
u64 p2pmap_mapping_pieces_size(const struct vma_dma_mapping *mapping);
u32 p2pmap_mapping_status(const struct vma_dma_mapping *mapping);

/* revoke.c */
extern const struct mmu_interval_notifier_ops p2pmap_mapping_notifier_ops;
void p2pmap_mapping_stop(struct vma_dma_mapping *mapping, u64 offset, u64 end);
void p2pmap_mapping_resume(struct vma_dma_mapping *mapping);
void p2pmap_mapping_tell(struct vma_dma_mapping *mapping,
			 const struct vma_dma_event *event);
void p2pmap_mapping_dma_down(struct vma_dma_mapping *mapping);
void p2pmap_mapping_importer_gone(struct vma_dma_mapping *mapping);
void p2pmap_mapping_exporter_gone(struct vma_dma_mapping *mapping);

/* restore.c */
int p2pmap_mapping_remap(struct vma_dma_mapping *mapping, u64 offset,
			 u64 length, struct p2pmap_reason *why);
void p2pmap_restore_work(struct work_struct *work);
void p2pmap_restore_schedule(struct vma_dma_mapping *mapping);
bool p2pmap_sink_place(struct vma_dma_mapping *mapping, unsigned int i);
void p2pmap_restore_cancel(struct vma_dma_mapping *mapping);

extern struct workqueue_struct *p2pmap_workqueue;

#endif /* P2PMAP_MAPPING_H */
