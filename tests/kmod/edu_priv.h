/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the two files of edu_importer.ko share: the device of edu_main.c, and
 * the ranges of edu_range.c, which says what the locks are for.
 */
#ifndef EDU_PRIV_H
#define EDU_PRIV_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include <vma_dma_mapping.h>

#include "edu_importer.h"

/* One that reaches the buffer's last byte makes QEMU 7.2 abort. */
#define EDU_MAX_TRANSFER 4095

/* For ranges whose addresses are kept one for each page. */
#define EDU_MAX_LENGTH (1ULL << 30)

/**
 * struct edu - a PCI device, bound
 * @ref: the driver's, and each file's
 * @misc: its node
 * @name: its name
 * @pdev: the device; until @gone
 * @bound: held for reading while the device is used, for writing by remove()
 * @gone: remove() was here; @bound
 * @regs: until @gone
 * @stage: a page of memory through which data goes to and from the buffer
 * @stage_dma: its address
 * @dummy: a page of memory that stands in for what is not there
 * @dummy_dma: its address
 * @lock: guards @ranges
 * @ranges: the ranges of all files, by id
 * @engine: whose is the engine, the buffer and @stage
 * @aim_lock: guards what follows, and what struct edu_range says
 * @target: where the engine copies to or from just now, or NULL
 * @from: first byte of it
 * @end: first byte after it
 * @missed: some of that was taken meanwhile
 */
struct edu {
	struct kref ref;
	struct miscdevice misc;
	char name[40];
	struct pci_dev *pdev;
	struct rw_semaphore bound;
	bool gone;
	void __iomem *regs;
	void *stage;
	dma_addr_t stage_dma;
	void *dummy;
	dma_addr_t dummy_dma;

	struct mutex lock; /* the table of ranges */
	struct xarray ranges;

	struct mutex engine; /* one transfer at a time */

	struct mutex aim_lock; /* taken by callbacks */
	struct edu_range *target;
	u64 from;
	u64 end;
	bool missed;
};

/**
 * struct edu_range - a range of somebody's memory, registered
 * @ref: the table's, and that of each ioctl
 * @edu: the device; immutable
 * @file: the file by which it was registered; immutable
 * @id: in edu.ranges; immutable
 * @flags: EDU_RANGE_*; immutable
 * @length: bytes; immutable
 * @mm: whose pages are charged, one mmgrab(); immutable
 * @charged: pages charged to @mm
 * @mapping: p2pmap's; NULL once remove() was here; edu.bound
 * @obeys: the driver stops the device itself; immutable once mapped
 * @nr_extents: of @extents; immutable once mapped, like all addresses
 * @extents: what the device may use, in one of three forms
 * @pa: the same, if EDU_RANGE_ADDRESSES
 * @sgt: the same, if EDU_RANGE_SGTABLE
 * @gone_from: first byte that is not known to be there; edu.aim_lock
 * @gone_end: first byte after; 0 if all is there; edu.aim_lock
 * @stops: how often stop() was called; edu.aim_lock
 * @resumes: how often resume() was; edu.aim_lock
 * @events: how often event() was; edu.aim_lock
 * @reasons: of all events since somebody asked; edu.aim_lock
 * @event: the last one; edu.aim_lock
 */
struct edu_range {
	struct kref ref;
	struct edu *edu;
	struct file *file;
	u32 id;
	u32 flags;
	u64 length;
	struct mm_struct *mm;
	unsigned long charged;
	struct vma_dma_mapping *mapping;
	bool obeys;
	unsigned int nr_extents;
	struct vma_dma_extent *extents;
	dma_addr_t *pa;
	struct sg_table sgt;

	u64 gone_from;
	u64 gone_end;
	u32 stops;
	u32 resumes;
	u32 events;
	u32 reasons;
	struct vma_dma_event event;
};

/* edu_range.c; edu.bound is held for reading, and the device is there */
int edu_engine_wait(struct edu *edu);
int edu_range_register(struct file *file, struct mm_struct *mm,
		       struct edu_register *cmd);
void edu_range_unmap(struct edu_range *range);
void edu_range_put(struct edu_range *range);
int edu_range_transfer(struct edu_range *range, struct edu_transfer *cmd,
		       u8 *data);
int edu_range_remap(struct edu_range *range, const struct edu_part *part);

#endif /* EDU_PRIV_H */
