/* SPDX-License-Identifier: GPL-2.0-only */
/* What export.c and export-main.c share: a card with memory to map. */
#ifndef EXPORT_H
#define EXPORT_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <vma_dma_export.h>

struct export_card {
	struct kref ref; /* the driver's, and one for each open file */
	struct miscdevice misc;
	phys_addr_t phys; /* immutable; of the BAR */
	u64 length; /* immutable; of the BAR */

	struct mutex lock; /* inside mmap_lock; zapping is done under it */
	bool here; /* lock; the memory is where it belongs */
	bool gone; /* lock; so is the device, for good */
	struct inode *inode; /* lock to set, once; all that is mapped is on it */
};

extern const struct vm_operations_struct export_vm_ops;
extern const struct vma_dma_export_ops export_ops;

void export_card_set(struct export_card *card, bool here);

#endif /* EXPORT_H */
