/* SPDX-License-Identifier: GPL-2.0-only */
/* What import.c and import-main.c share: a buffer that a device may use. */
#ifndef IMPORT_H
#define IMPORT_H

#include <linux/device.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <vma_dma_mapping.h>

struct import_buffer {
	struct vma_dma_mapping *mapping; /* immutable once mapped */
	struct sg_table sgt; /* immutable once mapped */
	bool usable; /* the mapping's lock to write */
};

int import_buffer_map(struct import_buffer *buffer, struct device *dev,
		      unsigned long start, unsigned long length);
void import_buffer_unmap(struct import_buffer *buffer);

#endif /* IMPORT_H */
