/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The upper half of the module: objects of /dev/p2pmap and their rules.
 *
 *   context   one open of the device; owns ids, is bound to one mm
 *   importer  a device attached to a context
 *   mapping   one range, made visible to one importer; owns revocation
 *   device    a PCI device that imports or exports, as the whole module sees it
 *
 * Order of locks, outermost first:
 *
 *   device_lock() of a PCI device
 *   p2pmap_devices_lock      (rwsem; device lists, death of a device)
 *   context->lock            (mutex; binding, limits, generation page)
 *   mapping->restore_lock    (mutex; one restore at a time)
 *   mmap_lock
 *   mapping->lock            (mutex; state, blocks, DMA side)
 *   device->lock, context->event_lock, context->objects (spinlocks)
 *
 * mapping->lock is taken by notifiers, hence in reclaim and under every mm
 * lock: what runs under it allocates nothing that can sleep, faults nothing in,
 * copies nothing to or from user memory and takes none of the locks above it.
 * p2pmap_devices_lock is never held while memory is faulted in or pinned.
 */
#ifndef P2PMAP_PRIVATE_H
#define P2PMAP_PRIVATE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <p2pmap/abi.h>

#include "range.h"

#define P2PMAP_MAX_MAPPINGS 65536
#define P2PMAP_MAX_IMPORTERS 256
/* Longest mapping, so that a block's page count fits. */
#define P2PMAP_MAX_LENGTH ((1ULL << 30) * PAGE_SIZE - PAGE_SIZE)

struct file;
struct poll_table_struct;
struct user_struct;
struct vm_area_struct;

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
	u64 kept_pages; /* p2pmap_devices_lock; in quarantine for it */
	spinlock_t lock;
	struct list_head imports; /* lock; or p2pmap_devices_lock for writing */
	struct list_head exports; /* lock; or p2pmap_devices_lock for writing */
};

extern struct rw_semaphore p2pmap_devices_lock;

struct p2pmap_device *p2pmap_device_get(struct pci_dev *pdev);
void p2pmap_device_put(struct p2pmap_device *device);
bool p2pmap_device_present(struct pci_dev *pdev);
int p2pmap_devices_show_kept(char *buffer);
int p2pmap_pcidev_init(void);
void p2pmap_pcidev_exit(void);

/* main.c */
enum p2pmap_object_type {
	P2PMAP_OBJECT_IMPORTER,
	P2PMAP_OBJECT_MAPPING,
};

/* What an id stands for.  The context's table holds one reference. */
struct p2pmap_object {
	struct kref ref;
	enum p2pmap_object_type type; /* immutable */
	u32 id; /* immutable once published */
};

/* One open of /dev/p2pmap. */
struct p2pmap_context {
	struct kref ref; /* the file's, and one for each mapping */
	struct xarray objects; /* its own lock */

	struct mutex lock; /* what follows, up to the blank line */
	struct mm_struct *mm; /* lock to set, once; grabbed */
	unsigned int nr_mappings; /* lock */
	unsigned int nr_importers; /* lock */
	struct p2pmap_generations *generations; /* lock to set, once */

	spinlock_t event_lock; /* irq-safe not needed: process context only */
	struct list_head pending; /* event_lock; mappings with an event */
	struct eventfd_ctx *eventfd; /* event_lock */
	bool mm_gone; /* event_lock */
	wait_queue_head_t wait;
};

/* One ioctl on its way. */
struct p2pmap_call {
	struct p2pmap_context *ctx;
	void __user *user;
	u32 user_size;
	u32 size;
	void *cmd;
	struct p2pmap_reason why;
};

int p2pmap_respond(struct p2pmap_call *call);
int p2pmap_object_reserve(struct p2pmap_context *ctx,
			  struct p2pmap_object *object,
			  enum p2pmap_object_type type);
void p2pmap_object_publish(struct p2pmap_context *ctx,
			   struct p2pmap_object *object);
void p2pmap_object_cancel(struct p2pmap_context *ctx,
			  struct p2pmap_object *object);
struct p2pmap_object *p2pmap_object_get(struct p2pmap_context *ctx, u32 id,
					enum p2pmap_object_type type);
struct p2pmap_object *p2pmap_object_take(struct p2pmap_context *ctx, u32 id,
					 enum p2pmap_object_type type);

extern struct workqueue_struct *p2pmap_workqueue;

/* context.c */
struct p2pmap_context *p2pmap_context_alloc(void);
void p2pmap_context_get(struct p2pmap_context *ctx);
void p2pmap_context_put(struct p2pmap_context *ctx);
void p2pmap_context_close(struct p2pmap_context *ctx);
bool p2pmap_context_is_foreign(struct p2pmap_context *ctx);
int p2pmap_context_bind(struct p2pmap_context *ctx, struct p2pmap_reason *why);
int p2pmap_ioctl_info(struct p2pmap_call *call);

/* importer.c */
struct p2pmap_importer {
	struct p2pmap_object object;
	struct p2pmap_device *device; /* immutable; holds a reference */
	bool translated; /* immutable */
	bool enforced; /* immutable */
	unsigned int nr_mappings; /* context->lock */
};

int p2pmap_ioctl_attach(struct p2pmap_call *call);
int p2pmap_ioctl_detach(struct p2pmap_call *call);
void p2pmap_importer_put(struct p2pmap_importer *importer);
void p2pmap_importer_exit(void);

/* account.c */

/* Pages charged to a user and shown in an mm; holds both. */
struct p2pmap_charge {
	struct user_struct *user;
	struct mm_struct *mm;
	unsigned long pages;
	bool limited;
};

int p2pmap_charge(struct p2pmap_charge *charge, unsigned long pages,
		  struct p2pmap_reason *why);
int p2pmap_charge_check(unsigned long pages, struct p2pmap_reason *why);
void p2pmap_uncharge(struct p2pmap_charge *charge);

/* watch.c */
int p2pmap_ioctl_watch(struct p2pmap_call *call);
int p2pmap_generations_mmap(struct p2pmap_context *ctx,
			    struct vm_area_struct *vma);
int p2pmap_slot_get(struct p2pmap_context *ctx, u32 *slot, u64 *generation);
void p2pmap_slot_set(struct p2pmap_context *ctx, u32 slot, u64 generation);
void p2pmap_slot_put(struct p2pmap_context *ctx, u32 slot, u64 generation);
void p2pmap_generations_free(struct p2pmap_generations *generations);

/* policy.c */
extern bool p2pmap_unenforced; /* module parameter */

int p2pmap_check_range(u32 flags, u64 addr, u64 length,
		       struct p2pmap_reason *why);
unsigned long p2pmap_helper_flags(const struct p2pmap_importer *importer,
				  u32 flags);
int p2pmap_range_judge(const struct p2pmap_importer *importer, u32 flags,
		       u64 addr, u64 length, struct p2pmap_reason *why);

/* query.c */
int p2pmap_ioctl_query(struct p2pmap_call *call);

/* mapping.c */
enum p2pmap_mapping_state {
	P2PMAP_MAPPING_NEW, /* nothing is mapped yet */
	P2PMAP_MAPPING_MAPPED, /* has DMA addresses */
	P2PMAP_MAPPING_DOWN, /* had; for good */
};

/* What happened to a mapping and was not read yet. */
struct p2pmap_pending {
	u64 offset;
	u64 end;
	u64 cut_offset;
	u64 cut_end;
	u32 reasons;
	u32 flags;
};

struct p2pmap_mapping {
	struct p2pmap_object object;
	struct p2pmap_context *ctx; /* immutable; holds a reference */
	struct p2pmap_importer *importer; /* immutable; holds a reference */
	struct mm_struct *mm; /* immutable; grabbed */
	u64 start; /* immutable */
	u64 length; /* immutable */
	u64 cookie; /* immutable */
	u32 flags; /* immutable; P2PMAP_MAP_* */
	enum p2pmap_kind kind; /* immutable; as policy judged it */
	u32 slot; /* immutable once mapped */
	bool counted; /* MAP and the last owner; in context and importer */
	bool enforced; /* immutable */
	bool noticed; /* MAP and the last owner; the notifier is in */
	struct mmu_interval_notifier notifier;
	struct p2pmap_charge charge; /* MAP and the last owner */

	struct mutex lock; /* taken by the notifier */
	enum p2pmap_mapping_state state; /* lock */
	bool exporter_gone; /* lock */
	bool stale; /* lock */
	u64 generation; /* lock to write */
	struct vma_dma_map *map; /* lock once mapped; kind and route immutable */
	struct p2pmap_blocks blocks; /* lock; only of unpinned, enforced ones */
	struct page *sink; /* immutable once mapped */

	struct mutex restore_lock; /* one restore at a time */
	struct delayed_work restore_work; /* holds a reference while queued */
	unsigned long restored_at; /* jiffies; racy, only limits the rate */

	struct p2pmap_device *exporter; /* immutable once mapped; reference */
	struct list_head import_link; /* device->lock */
	struct list_head export_link; /* exporter->lock */
	struct list_head quarantine_link; /* p2pmap_devices_lock for writing */

	struct list_head pending_link; /* context->event_lock */
	struct p2pmap_pending pending; /* context->event_lock */
	bool visible; /* context->event_lock; the user knows its id */
};

static inline bool p2pmap_mapping_pinned(const struct p2pmap_mapping *mapping)
{
	return mapping->flags & P2PMAP_MAP_PIN;
}

/* Can a part of it be taken from the importer and given back? */
static inline bool p2pmap_mapping_cuttable(const struct p2pmap_mapping *mapping)
{
	return mapping->enforced && !p2pmap_mapping_pinned(mapping);
}

int p2pmap_ioctl_map(struct p2pmap_call *call);
int p2pmap_ioctl_unmap(struct p2pmap_call *call);
int p2pmap_ioctl_extents(struct p2pmap_call *call);
int p2pmap_ioctl_status(struct p2pmap_call *call);
void p2pmap_mapping_get(struct p2pmap_mapping *mapping);
void p2pmap_mapping_put(struct p2pmap_mapping *mapping);
void p2pmap_mapping_destroy(struct p2pmap_mapping *mapping);
void p2pmap_mapping_abandon(struct p2pmap_mapping *mapping);
void p2pmap_mapping_unlink(struct p2pmap_mapping *mapping);
void p2pmap_mapping_uncount(struct p2pmap_mapping *mapping);
void p2pmap_mapping_release_memory(struct p2pmap_mapping *mapping);
u32 p2pmap_mapping_status(const struct p2pmap_mapping *mapping);

/* revoke.c */
extern const struct mmu_interval_notifier_ops p2pmap_mapping_notifier_ops;
void p2pmap_mapping_bump(struct p2pmap_mapping *mapping, bool live);
void p2pmap_mapping_dma_down(struct p2pmap_mapping *mapping);
void p2pmap_mapping_importer_gone(struct p2pmap_mapping *mapping);
void p2pmap_mapping_exporter_gone(struct p2pmap_mapping *mapping);

/* restore.c */
int p2pmap_ioctl_remap(struct p2pmap_call *call);
void p2pmap_restore_work(struct work_struct *work);
void p2pmap_restore_schedule(struct p2pmap_mapping *mapping);
bool p2pmap_sink_place(struct p2pmap_mapping *mapping, unsigned int i);
void p2pmap_restore_cancel(struct p2pmap_mapping *mapping);

/* event.c */
int p2pmap_ioctl_eventfd(struct p2pmap_call *call);
void p2pmap_event_post(struct p2pmap_mapping *mapping,
		       const struct p2pmap_pending *what);
void p2pmap_event_reveal(struct p2pmap_mapping *mapping);
void p2pmap_event_forget(struct p2pmap_mapping *mapping);
void p2pmap_event_mm_gone(struct p2pmap_context *ctx);
ssize_t p2pmap_event_read(struct p2pmap_context *ctx, char __user *buffer,
			  size_t size, bool wait);
__poll_t p2pmap_event_poll(struct p2pmap_context *ctx, struct file *file,
			   struct poll_table_struct *table);

/* quarantine.c */
bool p2pmap_quarantine_add(struct p2pmap_mapping *mapping);
void p2pmap_quarantine_release(struct p2pmap_device *device);
u64 p2pmap_quarantined_pages(void);
void p2pmap_quarantine_exit(void);
extern const struct attribute_group *p2pmap_quarantine_groups[];

#endif /* P2PMAP_PRIVATE_H */
