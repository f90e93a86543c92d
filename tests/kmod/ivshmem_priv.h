/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the two files of ivshmem_exporter.ko share: the device of ivshmem_main.c,
 * and the pieces of ivshmem_piece.c, which says what the locks are for.
 */
#ifndef IVSHMEM_PRIV_H
#define IVSHMEM_PRIV_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <vma_dma_export.h>

#include "ivshmem_exporter.h"

/* Offsets of mmap(): the piece's id, and the byte in it. */
#define PIECE_SHIFT 36
#define PIECE_PAGES (1UL << (PIECE_SHIFT - PAGE_SHIFT))

/**
 * struct ivshmem - a PCI device, bound
 * @ref: the driver's, each file's and each piece's
 * @misc: its node
 * @name: its name
 * @inode: the one whose address space all files share, so that a zap finds all
 *	VMAs whichever node they were opened by
 * @base: physical address of the BAR; immutable
 * @nr_pages: pages in the BAR; immutable
 * @lock: guards what follows; see above
 * @gone: remove() was here
 * @mem: the BAR, for copying; until @gone
 * @pieces: the pieces of all files, by id
 * @space_lock: guards @used
 * @used: a bit for each page of the BAR
 */
struct ivshmem {
	struct kref ref;
	struct miscdevice misc;
	char name[40];
	struct inode *inode;
	phys_addr_t base;
	unsigned long nr_pages;

	struct mutex lock; /* where pieces are */
	bool gone;
	u64 __iomem *mem;
	struct xarray pieces;

	spinlock_t space_lock; /* taken in notifiers */
	unsigned long *used;
};

/**
 * struct piece - a piece of the BAR
 * @ref: the file's, each VMA's and each promise's
 * @ivshmem: the device, with a reference; immutable
 * @id: in ivshmem.pieces; immutable
 * @nr: pages; immutable
 * @own_dma: this driver makes the DMA addresses; immutable
 * @pins: promises not to move it
 * @free_work: the last reference may be dropped in a notifier
 * @owner: the file that it was had from; ivshmem.lock
 * @first: its first page in the BAR; ivshmem.lock
 * @moves: how often it was moved; ivshmem.lock
 * @withdrawn: it is nowhere any more; ivshmem.lock
 * @rules: what is refused; ivshmem.lock
 */
struct piece {
	struct kref ref;
	struct ivshmem *ivshmem;
	u32 id;
	unsigned long nr;
	bool own_dma;
	atomic_t pins;
	struct work_struct free_work;

	struct file *owner;
	unsigned long first;
	u32 moves;
	bool withdrawn;
	struct ivshmem_rules rules;
};

/* ivshmem_piece.c */
extern struct workqueue_struct *ivshmem_free_queue;
extern const struct vma_dma_export_ops ivshmem_export_ops;
extern const struct vma_dma_export_ops ivshmem_own_export_ops;
extern const struct vm_operations_struct ivshmem_piece_vm_ops;
extern const struct vm_operations_struct ivshmem_own_piece_vm_ops;

void ivshmem_put(struct ivshmem *ivshmem);
int ivshmem_mmap(struct file *file, struct vm_area_struct *vma);
struct piece *ivshmem_piece_alloc(struct ivshmem *ivshmem, struct file *file,
				  const struct ivshmem_alloc *cmd);
void ivshmem_piece_put(struct piece *piece);
/* The following with ivshmem.lock held. */
struct piece *ivshmem_piece_find(struct file *file, u64 pgoff);
int ivshmem_piece_move(struct piece *piece);
int ivshmem_piece_withdraw(struct piece *piece);

#endif /* IVSHMEM_PRIV_H */
