/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exporters: how a driver decides who may reach the memory that it has mapped
 * into processes.
 *
 * A driver registers operations for its VMAs, which it knows by their
 * vm_operations_struct.  Without any, p2pmap reads the page table, and whoever
 * may map a BAR may have a device reach it.  docs/drivers.md is the guide,
 * export.c has the contract of each function.
 */
#ifndef VMA_DMA_EXPORT_H
#define VMA_DMA_EXPORT_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct device;
struct vma_dma_exporter;
struct vma_dma_extents;
struct vma_dma_runs;

/**
 * struct vma_dma_request - who wants what of an exporter
 * @vma: the VMA; its mmap_lock is held for reading
 * @start: first address, page-aligned, within @vma
 * @end: first address after the range
 * @flags: VMA_DMA_MAP_FLAG_WRITE, VMA_DMA_MAP_FLAG_PIN
 * @importer: the device whose DMA will use the memory; NULL if somebody only
 *	asks what is there
 */
struct vma_dma_request {
	struct vm_area_struct *vma;
	unsigned long start;
	unsigned long end;
	unsigned long flags;
	struct device *importer;
};

/**
 * struct vma_dma_export_ops - what an exporter answers for its VMAs
 *
 * @describe, @pin and @map are called as a fault handler is: with mmap_lock for
 * reading, may sleep, and may take what a fault handler of the same driver
 * takes.  @unpin and @unmap are not: see there.
 *
 * What was once agreed to for a device is to be agreed to again while the VMA
 * is valid, also after the memory moved.
 */
struct vma_dma_export_ops {
	/**
	 * @describe: say where the range is just now, by
	 * vma_dma_runs_add() in the order of the range, or refuse.  Promises
	 * nothing: memory that moves is zapped out of its VMAs
	 * (unmap_mapping_range()) before it does, as for the CPU, and a
	 * describe of memory that is on its way waits or returns -EAGAIN.
	 *
	 * Return: 0; -EPERM: not for this importer; -EACCES: not with WRITE;
	 * -EOPNOTSUPP: not with PIN; -EAGAIN: ask again at once; -ENOMEM;
	 * -EINTR; anything else: there is nothing.
	 */
	int (*describe)(const struct vma_dma_request *request,
			struct vma_dma_runs *runs);

	/**
	 * @pin: promise not to move the range until @unpin; optional, without
	 * it PIN is refused.  Comes before @describe.  *@promise is the
	 * exporter's, to know it by.
	 *
	 * Return: 0, -EAGAIN, -ENOMEM, -EINTR, anything else: refused.
	 */
	int (*pin)(const struct vma_dma_request *request, void **promise);

	/**
	 * @unpin: the range may move again; no device reaches it any more,
	 * unless nothing enforces that and the promise is given back because
	 * the exporter leaves.  May sleep; must not take mmap_lock, nor
	 * device_lock(), nor call what takes them.
	 */
	void (*unpin)(void *promise);

	/**
	 * @map: make the DMA addresses for the importer instead of having
	 * p2pmap make them of what @describe said: all of the range, by
	 * vma_dma_extents_add().  Optional.  With PIN it promises what @pin
	 * would have promised, and @pin is not called.  @describe is all the
	 * same: it tells whose memory it is.
	 *
	 * Return: 0, or an error as of @describe.
	 */
	int (*map)(const struct vma_dma_request *request,
		   struct vma_dma_extents *extents, void **promise);

	/**
	 * @unmap: take away what @map gave.  No DMA of the importer reaches
	 * the memory once it returns.  Runs in notifiers: it may sleep, but
	 * neither allocates memory nor takes a lock under which memory is
	 * allocated, faulted in or zapped.
	 */
	void (*unmap)(void *promise);
};

struct vma_dma_exporter *
vma_dma_export_register(const struct vm_operations_struct *vm_ops,
			const struct vma_dma_export_ops *ops);
void vma_dma_export_unregister(struct vma_dma_exporter *exporter);

int vma_dma_runs_add(struct vma_dma_runs *runs, phys_addr_t phys, u64 length);
int vma_dma_extents_add(struct vma_dma_extents *extents, dma_addr_t dma_addr,
			u64 length);

#endif /* VMA_DMA_EXPORT_H */
