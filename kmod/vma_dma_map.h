/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The helper: what a kernel driver needs to let its device reach a range of a
 * process's memory, whatever is mapped there.  It knows nothing of /dev/p2pmap.
 * vma_dma.c has the contract of each function.
 */
#ifndef VMA_DMA_MAP_H
#define VMA_DMA_MAP_H

#include <linux/bits.h>
#include <linux/types.h>

struct device;
struct lockdep_map;
struct mmu_interval_notifier;
struct vm_area_struct;

#define VMA_DMA_MAP_FLAG_WRITE BIT(0) /* the device may write */
#define VMA_DMA_MAP_FLAG_PIN BIT(1) /* the memory may not move until unmap */

/**
 * struct vma_dma_extent - a run that is contiguous for the device
 * @dma_addr: its first DMA address
 * @length: bytes
 */
struct vma_dma_extent {
	u64 dma_addr;
	u64 length;
};

struct vma_dma_map;

struct vma_dma_map *vma_dma_map_alloc(struct device *dev, unsigned long flags,
				      struct mmu_interval_notifier *notifier);

/**
 * vma_dma_map_set_lock() - name the lock that the notifier's callback takes
 * @map: the map
 * @lock: a mutex or whatever else lockdep knows
 *
 * For a map with a notifier, before anything else is done with it.  Costs
 * nothing without lockdep; with it, confirm and commit complain if the lock is
 * not held, and so does everything that allocates memory under it.
 */
#ifdef CONFIG_LOCKDEP
#define vma_dma_map_set_lock(map, lock) \
	vma_dma_map_set_lockdep(map, &(lock)->dep_map)
void vma_dma_map_set_lockdep(struct vma_dma_map *map,
			     struct lockdep_map *lock);
#else
#define vma_dma_map_set_lock(map, lock) \
	do { \
		(void)(map); \
		(void)(lock); \
	} while (0)
#endif

void vma_dma_map_reset(struct vma_dma_map *map);
void vma_dma_map_free(struct vma_dma_map *map);

void vma_dma_map_begin(struct vma_dma_map *map);
bool vma_dma_map_confirm(const struct vma_dma_map *map);
int vma_dma_map_prepare(struct vm_area_struct *vma, unsigned long start,
			unsigned long end, struct vma_dma_map *map);
int vma_dma_map_resolve(struct vma_dma_map *map);
int vma_dma_map_commit(struct vma_dma_map *map);

int vma_dma_map_range(struct vm_area_struct *vma, struct device *dev,
		      unsigned long start, unsigned long end,
		      unsigned long flags, dma_addr_t *pa,
		      struct vma_dma_map *map);
void vma_dma_unmap_range(struct vm_area_struct *vma, struct device *dev,
			 unsigned long start, unsigned long end,
			 unsigned long flags, dma_addr_t *pa,
			 struct vma_dma_map *map);

unsigned int vma_dma_map_extents(const struct vma_dma_map *map,
				 const struct vma_dma_extent **extents);
void vma_dma_map_addresses(const struct vma_dma_map *map, dma_addr_t *pa);

#endif /* VMA_DMA_MAP_H */
