/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mappings, for drivers: a range that a device may use until its owner is told
 * to stop.
 *
 * The helper of vma_dma_map.h with all that a caller of it must do himself: the
 * interval notifier, looking again while memory changes, cutting the device
 * off, bringing back what was taken only with its neighbour, and what the PCI
 * bus says of importer and exporter.  /dev/p2pmap is made of it.  docs/drivers.md
 * is the guide, mapping.c has the contract of each function.
 */
#ifndef VMA_DMA_MAPPING_H
#define VMA_DMA_MAPPING_H

#include <linux/bits.h>
#include <linux/scatterlist.h>
#include <linux/types.h>
#include <p2pmap/abi.h>

#include "vma_dma_map.h"

struct device;
struct mm_struct;
struct pci_dev;
struct vma_dma_mapping;

/* Besides VMA_DMA_MAP_FLAG_WRITE and VMA_DMA_MAP_FLAG_PIN, for mappings only. */
#define VMA_DMA_MAP_FLAG_SINK BIT(2) /* DMA to what was revoked hits a sink */
#define VMA_DMA_MAP_FLAG_RESTORE BIT(3) /* remap by itself what was revoked */
/* Though nothing can be revoked; harms everybody for RAM without PIN. */
#define VMA_DMA_MAP_FLAG_UNENFORCED BIT(4)

/**
 * struct vma_dma_event - something happened to a mapping
 * @offset: first byte that was invalidated, from the start of the mapping
 * @end: first byte after it
 * @cut_offset: first byte from which the device was cut off
 * @cut_end: first byte after it; 0 if nothing was cut
 * @reasons: P2PMAP_EVENT_UNMAPPED and following
 * @flags: P2PMAP_EVENT_NOT_CUT: the device still reaches it
 */
struct vma_dma_event {
	u64 offset;
	u64 end;
	u64 cut_offset;
	u64 cut_end;
	u32 reasons;
	u32 flags;
};

/**
 * struct vma_dma_mapping_ops - what the owner of a mapping is told
 *
 * All of them run under the mapping's lock, in notifiers and hence in reclaim:
 * they may take a mutex, but allocate nothing, touch no user memory, take no lock
 * under which any of this is done, and call nothing of this header.  Only with
 * @device_obeys may they wait: otherwise the OOM killer may be who calls.  None is
 * called once vma_dma_mapping_destroy() has returned.  Each is optional.
 */
struct vma_dma_mapping_ops {
	/**
	 * @device_obeys: the owner stops the device himself: when @stop
	 * returns it does not use the addresses any more.  Then unpinned
	 * memory can be had also where no IOMMU translates.
	 */
	bool device_obeys;

	/**
	 * @stop: [offset, end) of the mapping is about to be taken; addresses
	 * in it are good until this returns.  Without @device_obeys it may
	 * return before the device has stopped, which is then cut off.  Also
	 * called by vma_dma_mapping_destroy().
	 */
	void (*stop)(void *owner, u64 offset, u64 end);

	/**
	 * @resume: all of the mapping is there, for the first time or again.
	 */
	void (*resume)(void *owner);

	/**
	 * @event: what happened; after it did.
	 */
	void (*event)(void *owner, const struct vma_dma_event *event);
};

/**
 * struct vma_dma_mapping_info - how a mapping is
 * @flags: P2PMAP_MAPPING_*
 * @kind: regular memory or a BAR
 * @route: how a transaction gets to the exporter
 * @nr_extents: how many extents it has
 * @exporter: the PCI device whose BAR it is, or NULL; good while the mapping is
 * @live_bytes: what the device reaches now
 * @sink_bytes: what the sink lies under now
 * @lost_bytes: what faults now, until it is remapped
 */
struct vma_dma_mapping_info {
	u32 flags;
	enum p2pmap_kind kind;
	enum p2pmap_route route;
	unsigned int nr_extents;
	struct pci_dev *exporter;
	u64 live_bytes;
	u64 sink_bytes;
	u64 lost_bytes;
};

struct vma_dma_mapping *
vma_dma_mapping_create(struct mm_struct *mm, unsigned long start,
		       unsigned long end, struct device *dev,
		       unsigned long flags,
		       const struct vma_dma_mapping_ops *ops, void *owner);
void vma_dma_mapping_destroy(struct vma_dma_mapping *mapping);
int vma_dma_mapping_remap(struct vma_dma_mapping *mapping, u64 offset,
			  u64 length);

void vma_dma_mapping_info(struct vma_dma_mapping *mapping,
			  struct vma_dma_mapping_info *info);
int vma_dma_mapping_extents(struct vma_dma_mapping *mapping,
			    unsigned int first, unsigned int max,
			    struct vma_dma_extent *extents);
int vma_dma_mapping_addresses(struct vma_dma_mapping *mapping, dma_addr_t *pa);
int vma_dma_mapping_sgtable(struct vma_dma_mapping *mapping,
			    struct sg_table *sgt);
void vma_dma_mapping_sgtable_free(struct sg_table *sgt);

#endif /* VMA_DMA_MAPPING_H */
