/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The upper half of the module: objects of /dev/p2pmap and their rules.
 *
 *   context   one open of the device; owns ids, is bound to one mm
 *   importer  a device attached to a context
 *   handle    what the user of a context knows of one of his mappings
 *
 * mapping.h has the order of locks.  Those of this half:
 *
 *   context->lock            (mutex; binding, limits, generation page)
 *   context->event_lock, context->objects, quarantine's, users' (spinlocks)
 */
#ifndef P2PMAP_PRIVATE_H
#define P2PMAP_PRIVATE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <p2pmap/abi.h>

#include "mapping.h"

#define P2PMAP_MAX_MAPPINGS 65536
#define P2PMAP_MAX_IMPORTERS 256

/*
 * Bytes of kernel memory that each of these takes at most, with its places in
 * tables (a place that has no neighbours takes a node of its own).  A context
 * keeps its process's mm_struct and top-level page table.
 */
#define P2PMAP_COST_CONTEXT 16384
#define P2PMAP_COST_IMPORTER 2048
#define P2PMAP_COST_MAPPING 4096
/* Of each page of RAM: descriptions of it, and the IOMMU's page table. */
#define P2PMAP_COST_RAM_PAGE 64
/* Of each page of a BAR: the page table; its pieces are counted one by one. */
#define P2PMAP_COST_BAR_PAGE 8

struct file;
struct p2pmap_handle;
struct poll_table_struct;
struct user_struct;
struct vm_area_struct;

/* main.c */
enum p2pmap_object_type {
	P2PMAP_OBJECT_IMPORTER,
	P2PMAP_OBJECT_HANDLE,
};

/* user.c */
struct p2pmap_user;

/* What was counted of a user; of nobody if he is NULL. */
struct p2pmap_bill {
	struct p2pmap_user *user;
	u64 bytes;
};

int p2pmap_bill_add(struct p2pmap_bill *bill, u64 bytes,
		    struct p2pmap_reason *why);
void p2pmap_bill_end(struct p2pmap_bill *bill);

/* What an id stands for.  The context's table holds one reference. */
struct p2pmap_object {
	struct kref ref;
	enum p2pmap_object_type type; /* immutable */
	u32 id; /* immutable once published */
};

/* One open of /dev/p2pmap. */
struct p2pmap_context {
	struct kref ref; /* the file's, and one for each handle and importer */
	struct p2pmap_entry entry; /* ledger.h */
	struct p2pmap_bill bill; /* immutable */
	kuid_t uid; /* lock to set; who opened it, then who mapped */
	struct xarray objects; /* its own lock */
	u32 next_id; /* objects' lock */

	struct mutex lock; /* what follows, up to the blank line */
	struct p2pmap_person person; /* lock; whose uid it is */
	struct mm_struct *mm; /* lock to set, once; grabbed */
	unsigned int nr_handles; /* lock */
	unsigned int nr_importers; /* lock */
	struct p2pmap_generations *generations; /* lock to set, once */

	spinlock_t event_lock; /* irq-safe not needed: process context only */
	struct list_head pending; /* event_lock; handles with an event */
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
	struct p2pmap_entry entry; /* ledger.h */
	struct p2pmap_bill bill; /* immutable */
	struct p2pmap_context *ctx; /* immutable; holds a reference */
	struct p2pmap_device *device; /* immutable; holds a reference */
	bool translated; /* immutable */
	bool enforced; /* immutable */
	u64 aperture_end; /* immutable; the last address its IOMMU has */
	u32 group; /* immutable; number of the IOMMU group */
	char driver[32]; /* immutable */
	unsigned int nr_handles; /* context->lock */
};

int p2pmap_ioctl_attach(struct p2pmap_call *call);
int p2pmap_ioctl_detach(struct p2pmap_call *call);
int p2pmap_importer_mode(struct pci_dev *pdev, enum p2pmap_dma_mode *mode,
			 struct p2pmap_reason *why);
void p2pmap_importer_put(struct p2pmap_importer *importer);
void p2pmap_importer_leave(struct p2pmap_importer *importer);

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
int p2pmap_slot_get(struct p2pmap_handle *handle, struct p2pmap_reason *why);
void p2pmap_slot_set(struct p2pmap_context *ctx, u32 slot, u64 generation);
void p2pmap_slot_put(struct p2pmap_context *ctx, u32 slot, u64 generation);
void p2pmap_generations_free(struct p2pmap_generations *generations);

/* policy.c */
extern bool p2pmap_unenforced; /* module parameter */

int p2pmap_check_range(u32 flags, u64 addr, u64 length,
		       struct p2pmap_reason *why);
unsigned long p2pmap_mapping_flags(const struct p2pmap_importer *importer,
				   u32 flags);
unsigned long p2pmap_helper_flags(const struct p2pmap_importer *importer,
				  u32 flags);
u64 p2pmap_space_max(const struct p2pmap_importer *importer);
int p2pmap_range_judge(const struct p2pmap_importer *importer, u32 flags,
		       u64 addr, u64 length, struct p2pmap_reason *why);

/* query.c */
int p2pmap_ioctl_query(struct p2pmap_call *call);
int p2pmap_ioctl_route(struct p2pmap_call *call);

/* handle.c */
struct p2pmap_handle {
	struct p2pmap_object object;
	struct p2pmap_context *ctx; /* immutable; holds a reference */
	struct p2pmap_importer *importer; /* immutable; holds a reference */
	struct vma_dma_mapping *mapping; /* immutable; holds a reference */
	u64 length; /* immutable */
	u64 cookie; /* immutable */
	u32 slot; /* immutable; or P2PMAP_NO_SLOT */
	bool counted; /* MAP and the last owner; in context and importer */
	struct p2pmap_charge charge; /* MAP and the last owner */
	struct p2pmap_bill bill; /* MAP and the last owner */
	u64 generation; /* the mapping's lock to write */

	struct list_head quarantine_link; /* quarantine.c */
	bool kept; /* quarantine.c */

	struct list_head pending_link; /* context->event_lock */
	struct vma_dma_event pending; /* context->event_lock; no reason: none */
	bool visible; /* context->event_lock; the user knows its id */
};

int p2pmap_ioctl_map(struct p2pmap_call *call);
int p2pmap_ioctl_unmap(struct p2pmap_call *call);
int p2pmap_ioctl_extents(struct p2pmap_call *call);
int p2pmap_ioctl_status(struct p2pmap_call *call);
int p2pmap_ioctl_remap(struct p2pmap_call *call);
void p2pmap_handle_get(struct p2pmap_handle *handle);
void p2pmap_handle_put(struct p2pmap_handle *handle);
void p2pmap_handle_end(struct p2pmap_handle *handle);
void p2pmap_handle_abandon(struct p2pmap_handle *handle);
void p2pmap_handle_uncount(struct p2pmap_handle *handle);
u64 p2pmap_handle_look(struct p2pmap_handle *handle,
		       struct vma_dma_mapping_info *info);

/* event.c */
int p2pmap_ioctl_eventfd(struct p2pmap_call *call);
void p2pmap_event_post(struct p2pmap_handle *handle,
		       const struct vma_dma_event *what);
void p2pmap_event_reveal(struct p2pmap_handle *handle);
void p2pmap_event_forget(struct p2pmap_handle *handle);
void p2pmap_event_mm_gone(struct p2pmap_context *ctx);
ssize_t p2pmap_event_read(struct p2pmap_context *ctx, char __user *buffer,
			  size_t size, bool wait);
__poll_t p2pmap_event_poll(struct p2pmap_context *ctx, struct file *file,
			   struct poll_table_struct *table);

/* quarantine.c */
bool p2pmap_quarantine_add(struct p2pmap_handle *handle);
void p2pmap_quarantine_taken(struct p2pmap_handle *handle);
u64 p2pmap_quarantined_pages(void);
void p2pmap_quarantine_exit(void);
extern const struct attribute_group *p2pmap_quarantine_groups[];

#endif /* P2PMAP_PRIVATE_H */
