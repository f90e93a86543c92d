/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lower half of the module: from a range of virtual memory to DMA
 * addresses.  Nothing here knows of files, ioctls or processes' handles.
 *
 *   frames    what lies behind a range, as physically contiguous runs
 *   exporter  drivers that answer for the memory behind their VMAs
 *   bar       which PCI device's BAR a run lies in
 *   route     how a transaction gets from importer to exporter
 *   dma       what the DMA API made of the frames
 *   iommu     what stands between the importer and memory
 *   iova      cut a piece off and put one back; domain where iova cannot be had
 *   blocks    what of it the importer reaches just now
 *
 * Functions that fail take a "why" to fill, which may be NULL.
 */
#ifndef P2PMAP_RANGE_H
#define P2PMAP_RANGE_H

#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <p2pmap/abi.h>

#include "compat.h"
#include "vma_dma_export.h"
#include "vma_dma_map.h"

struct mmu_interval_notifier;

/* For arrays whose size is the caller's wish: charged to it, and no warning. */
#define P2PMAP_GFP (GFP_KERNEL_ACCOUNT | __GFP_NOWARN)

/* Pages that are looked at in one go; also the bound on a batch of pins. */
#define P2PMAP_BATCH 512

static inline int p2pmap_fail(struct p2pmap_reason *why, int error, u32 code,
			      u64 value)
{
	if (why) {
		why->code = code;
		why->value[0] = value;
	}
	return error;
}

struct p2pmap_pci_addr p2pmap_pci_addr(struct pci_dev *pdev); /* bar.c */

static inline int p2pmap_fail_pci(struct p2pmap_reason *why, int error,
				  u32 code, struct pci_dev *pdev)
{
	if (why)
		why->pci = p2pmap_pci_addr(pdev);
	return p2pmap_fail(why, error, code, 0);
}

struct vma_dma_map;

/* frames.c */

/* A physically contiguous part of a range; runs follow the range in order. */
struct p2pmap_run {
	phys_addr_t phys;
	u64 length;
};

/*
 * The frames behind a range.  If @pinned, each page of each run holds one pin
 * that belongs to this object.  Owned and serialised by its user.
 */
struct p2pmap_frames {
	struct p2pmap_run *runs;
	unsigned int nr_runs;
	unsigned int max_runs;
	bool pinned;
	bool given; /* their exporter makes the DMA addresses itself */
	u32 missing; /* pages that a peek found missing after these; 0: unknown */
	unsigned long start; /* address of the first run; special memory only */
	u64 length;
};

/*
 * A part of a range, in one VMA, whose frames are asked for: how, for which map
 * (NULL: just to know), and under which notifier, which only unpinned regular
 * memory needs.
 */
struct p2pmap_part {
	struct vma_dma_request request;
	const struct vma_dma_map *map;
	struct mmu_interval_notifier *notifier;
	unsigned long seq;
	struct p2pmap_reason *why;
};

int p2pmap_vma_kind(struct vm_area_struct *vma, unsigned long start,
		    unsigned long vma_dma_flags, struct p2pmap_reason *why);
int p2pmap_range_kind(struct mm_struct *mm, unsigned long start,
		      unsigned long end, unsigned long vma_dma_flags,
		      struct p2pmap_reason *why);
int p2pmap_frames_append(struct p2pmap_frames *frames, unsigned long pfn,
			 unsigned long nr);
int p2pmap_frames_add(struct p2pmap_frames *frames,
		      const struct p2pmap_part *part);
int p2pmap_frames_peek(struct p2pmap_frames *frames,
		       const struct p2pmap_part *part);
void p2pmap_frames_mark_dirty(const struct p2pmap_frames *frames);
void p2pmap_frames_release(struct p2pmap_frames *frames, bool dirty);

/* exporter.c */

struct vma_dma_exporter {
	struct kref ref; /* the registration's, and one for each map */
	struct list_head link; /* exporter.c */
	const struct vm_operations_struct *vm_ops; /* immutable */
	const struct vma_dma_export_ops *ops; /* immutable; gone once it left */
	struct list_head promises; /* exporter.c */
	bool dead; /* p2pmap_devices_lock */
	spinlock_t lock;
	struct list_head mappings; /* lock; or p2pmap_devices_lock for writing */
};

int p2pmap_exporter_check(struct vm_area_struct *vma, unsigned long start,
			  unsigned long vma_dma_flags,
			  struct p2pmap_reason *why);
int p2pmap_exporter_describe(struct p2pmap_frames *frames,
			     const struct p2pmap_part *part);
int p2pmap_exporter_join(struct vma_dma_map *map,
			 const struct p2pmap_part *part);
void p2pmap_exporter_leave(struct vma_dma_map *map);
void p2pmap_promises_end(struct vma_dma_map *map);
void p2pmap_exporter_hide(struct vma_dma_exporter *exporter);
void p2pmap_exporter_settle(struct vma_dma_exporter *exporter);

/* bar.c */

/* A place in a BAR; holds a reference to @pdev, if any. */
struct p2pmap_bar {
	struct pci_dev *pdev;
	unsigned int index;
	u64 offset;
};

int p2pmap_bar_find(const struct p2pmap_frames *frames, unsigned long start,
		    struct p2pmap_bar *bar, struct p2pmap_reason *why);
void p2pmap_bar_put(struct p2pmap_bar *bar);

/* route.c */
struct p2pmap_route_info {
	enum p2pmap_route type;
	unsigned int distance;
};

int p2pmap_route_find(struct pci_dev *importer, struct pci_dev *exporter,
		      bool translated, struct p2pmap_route_info *route,
		      struct p2pmap_reason *why);

/* iommu.c */
bool p2pmap_iommu_translates(struct device *dev);
bool p2pmap_iommu_enforces(struct device *dev);
int p2pmap_iommu_owner_check(struct device *dev);
bool p2pmap_iommu_is_amd_vi(struct device *dev);
u32 p2pmap_iommu_group(struct device *dev);
u64 p2pmap_iommu_aperture_end(struct device *dev);
u64 p2pmap_iommu_page_sizes(struct device *dev);

/* dma.c */

/*
 * Longest chunk behind an IOMMU: one table of its 2 MiB entries, which is what
 * domain.c can do at once, if the IOMMU has such.  The same elsewhere, so that
 * programs see the same.
 */
#define P2PMAP_CHUNK_MAX ((u64)SZ_1G)

/*
 * A part of a range that has addresses of its own: what one call of the DMA API
 * made, by @sgt for RAM, else by @dma_addr alone; or what was reserved and then
 * filled.
 */
struct p2pmap_chunk {
	u64 offset;
	u64 length;
	phys_addr_t phys;
	dma_addr_t dma_addr;
	struct p2pmap_iova iova; /* if reserved */
	struct sg_table sgt;
	bool hollow; /* nothing is mapped at its addresses */
};

/*
 * The DMA side of a range.  prepare allocates, map does not; unmap needs no
 * memory and cannot fail.  Serialised by its user.
 */
struct p2pmap_dma {
	struct device *dev;
	enum p2pmap_kind kind;
	bool write;
	bool translated;
	u64 page_sizes; /* of the IOMMU, if translated */
	bool given; /* an exporter made the extents; there are no chunks */
	bool mapped;
	unsigned int nr_chunks;
	unsigned int nr_extents;
	unsigned int max_extents;
	struct p2pmap_chunk *chunks;
	struct vma_dma_extent *extents;
};

/* The last address that a device can use. */
static inline u64 p2pmap_dma_mask(struct device *dev)
{
	return min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
}

int p2pmap_dma_give(struct p2pmap_dma *dma, dma_addr_t dma_addr, u64 length);
int p2pmap_dma_prepare(struct p2pmap_dma *dma,
		       const struct p2pmap_frames *frames,
		       struct p2pmap_reason *why);
u64 p2pmap_dma_space(const struct p2pmap_dma *dma);
int p2pmap_dma_map(struct p2pmap_dma *dma, const struct p2pmap_frames *frames,
		   struct p2pmap_reason *why);
void p2pmap_dma_unmap(struct p2pmap_dma *dma);
void p2pmap_dma_hollow(struct p2pmap_dma *dma);
void p2pmap_dma_cut(struct p2pmap_dma *dma, u64 offset, u64 length);
int p2pmap_dma_put_back(struct p2pmap_dma *dma, u64 offset, phys_addr_t phys,
			u64 length, enum p2pmap_kind kind);
void p2pmap_dma_free(struct p2pmap_dma *dma);
dma_addr_t p2pmap_dma_addr(const struct p2pmap_dma *dma, u64 offset);
bool p2pmap_dma_begins_chunk(const struct p2pmap_dma *dma, u64 offset);

/* iova.c or domain.c; an offset is one in the chunk */
int p2pmap_iova_init(void);
void p2pmap_iova_exit(void);
u64 p2pmap_iova_chunk_max(const struct p2pmap_dma *dma);
bool p2pmap_iova_reserves(u64 length);
int p2pmap_iova_reserve(const struct p2pmap_dma *dma,
			struct p2pmap_chunk *chunk);
void p2pmap_iova_release(const struct p2pmap_dma *dma,
			 struct p2pmap_chunk *chunk);
int p2pmap_iova_put_back(const struct p2pmap_dma *dma,
			 struct p2pmap_chunk *chunk, u64 offset,
			 phys_addr_t phys, u64 length, enum p2pmap_kind kind);
void p2pmap_iova_cut(const struct p2pmap_dma *dma, struct p2pmap_chunk *chunk,
		     u64 offset, u64 length);
void p2pmap_iova_pave(const struct p2pmap_dma *dma, struct p2pmap_chunk *chunk);
void p2pmap_iova_flush(const struct p2pmap_dma *dma);

/* blocks.c */
enum p2pmap_block_state {
	P2PMAP_BLOCK_LIVE, /* the importer reaches the memory */
	P2PMAP_BLOCK_CUT, /* cut off with its neighbour, will come back */
	P2PMAP_BLOCK_LOST, /* the memory went */
	P2PMAP_BLOCK_SINK, /* lost, and the sink lies there */
};

/* Pages [first, first + nr) of a mapping; the unit in which it is cut. */
struct p2pmap_block {
	u32 first : 31;
	u32 missed : 1; /* CUT, and was not there when it was looked for */
	u32 nr : 30;
	u32 state : 2;
};

struct p2pmap_blocks {
	struct p2pmap_block *v;
	unsigned int nr;
	unsigned int max;
	u64 pages[4]; /* by state */
};

/* From p2pmap_merge_begin() to its end: what is done, and where the rest is. */
struct p2pmap_merge {
	struct p2pmap_blocks *blocks;
	unsigned int from;
	unsigned int to;
};

int p2pmap_blocks_build(struct p2pmap_blocks *blocks,
			const struct p2pmap_dma *dma,
			const struct p2pmap_frames *frames);
void p2pmap_blocks_settle(struct p2pmap_blocks *blocks,
			  const struct p2pmap_dma *dma);
unsigned int p2pmap_blocks_find(const struct p2pmap_blocks *blocks, u32 page);
void p2pmap_blocks_set(struct p2pmap_blocks *blocks, unsigned int i,
		       enum p2pmap_block_state state);
bool p2pmap_blocks_split(struct p2pmap_blocks *blocks, u32 page);
unsigned int p2pmap_blocks_of_run(const struct p2pmap_dma *dma, u32 first,
				  dma_addr_t iova, phys_addr_t phys, u64 length,
				  struct p2pmap_block *v);
void p2pmap_blocks_replace(struct p2pmap_blocks *blocks, u32 first, u32 nr,
			   const struct p2pmap_block *v, unsigned int nr_v);
void p2pmap_merge_begin(struct p2pmap_merge *merge,
			struct p2pmap_blocks *blocks);
void p2pmap_merge(struct p2pmap_merge *merge, u32 first, u32 nr,
		  const struct p2pmap_block *v, unsigned int nr_v);
void p2pmap_merge_end(struct p2pmap_merge *merge);
bool p2pmap_blocks_room(const struct p2pmap_blocks *blocks, unsigned int extra);
struct p2pmap_block *p2pmap_blocks_grow(struct p2pmap_blocks *blocks,
					struct p2pmap_block *v,
					unsigned int max);
void p2pmap_blocks_free(struct p2pmap_blocks *blocks);

/* vma_dma.c */

/* What one user of the helper mapped.  Serialised by its user. */
struct vma_dma_map {
	struct device *dev;
	struct mmu_interval_notifier *notifier;
	struct lockdep_map *lock; /* what the notifier's callback takes */
	unsigned long flags;
	unsigned long seq;
	unsigned long start;
	bool kind_known;
	bool withdrawable; /* its user is told when the exporter leaves */
	enum p2pmap_kind kind;
	const struct vm_operations_struct *vm_ops; /* the first part's */
	struct p2pmap_frames frames;
	struct vma_dma_exporter *exporter; /* reference */
	struct list_head promises;
	struct p2pmap_bar bar;
	struct p2pmap_route_info route;
	struct p2pmap_dma dma;
	struct p2pmap_reason *why;
};

void p2pmap_map_unmap(struct vma_dma_map *map);

#endif /* P2PMAP_RANGE_H */
