// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter: the driver of a PCI device that hands out its memory, and decides
 * which other devices may reach it.  A sample to copy from; the device is QEMU's
 * ivshmem, whose BAR 2 is memory and nothing else.
 *
 * Each device has a node, /dev/p2pmap-ivshmem-<PCI address>.  Pieces of the BAR
 * are had from it and mapped with mmap() (ivshmem_exporter.h).  A piece can be
 * moved to another place of the BAR, as a GPU's driver moves a buffer, and be
 * withdrawn.  p2pmap asks ivshmem_export_ops below what lies behind a VMA, and for whom.
 *
 * The one rule: *where a piece is* changes only with ivshmem.lock held, and
 * after the piece was zapped out of every VMA under the same hold.  The zap
 * tells p2pmap's notifiers, which cut importers off before it returns; then
 * nobody, CPU or device, reaches the old place, and it may be copied and given
 * away.  fault() and describe() take the lock too, so nobody is told of the old
 * place after the zap.  A driver that forgets the zap, or that answers
 * describe() without the lock that it moves under, has devices write into
 * memory of somebody else.
 *
 * Locks, outermost first:
 *
 *   device_lock(), the lock of the module parameter "answering"
 *   mmap_lock
 *   ivshmem.lock     (mutex; memory is allocated under it, and it is zapped)
 *   i_mmap_rwsem and p2pmap's locks, in the zap
 *   ivshmem.space_lock (spinlock)
 *
 * unpin() and unmap() take none of the sleeping ones: unmap() runs in
 * notifiers, maybe in those that our own zap calls, under ivshmem.lock.  All
 * that they need is the counter of pins and a reference; freeing is left to a
 * worker.
 *
 * Here is what a piece is and does; the device, its node and its ioctls are in
 * ivshmem_main.c.
 *
 * Lifetime.  A piece lives as long as its file, its VMAs and what p2pmap was
 * promised of it; the device's object as long as the PCI device is bound, its
 * files and its pieces.  remove() takes the memory away from all of them, and
 * afterwards they find the device gone.
 */
#include <linux/bitmap.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <compat.h>
#include <vma_dma_map.h>

#include "ivshmem_priv.h"

struct workqueue_struct *ivshmem_free_queue;

/* The space in the BAR */

static long space_get(struct ivshmem *ivshmem, unsigned long nr)
{
	unsigned long first;

	spin_lock(&ivshmem->space_lock);
	first = bitmap_find_next_zero_area(ivshmem->used, ivshmem->nr_pages, 0,
					   nr, 0);
	if (first < ivshmem->nr_pages)
		bitmap_set(ivshmem->used, first, nr);
	spin_unlock(&ivshmem->space_lock);
	return first < ivshmem->nr_pages ? first : -ENOSPC;
}

static void space_put(struct ivshmem *ivshmem, unsigned long first,
		      unsigned long nr)
{
	spin_lock(&ivshmem->space_lock);
	bitmap_clear(ivshmem->used, first, nr);
	spin_unlock(&ivshmem->space_lock);
}

/* References */

static void ivshmem_free(struct kref *ref)
{
	struct ivshmem *ivshmem = container_of(ref, struct ivshmem, ref);

	iput(ivshmem->inode);
	xa_destroy(&ivshmem->pieces);
	bitmap_free(ivshmem->used);
	mutex_destroy(&ivshmem->lock);
	kfree(ivshmem);
}

void ivshmem_put(struct ivshmem *ivshmem)
{
	kref_put(&ivshmem->ref, ivshmem_free);
}

static void piece_free(struct work_struct *work)
{
	struct piece *piece = container_of(work, struct piece, free_work);

	space_put(piece->ivshmem, piece->first, piece->nr);
	ivshmem_put(piece->ivshmem);
	kfree(piece);
}

static void piece_release(struct kref *ref)
{
	struct piece *piece = container_of(ref, struct piece, ref);

	queue_work(ivshmem_free_queue, &piece->free_work);
}

void ivshmem_piece_put(struct piece *piece)
{
	kref_put(&piece->ref, piece_release);
}

/* What p2pmap asks */

static bool is_refused(const struct ivshmem_rules *rules,
		       struct device *importer)
{
	struct pci_dev *pdev;

	if (!(rules->rules & IVSHMEM_NO_IMPORTER) || !importer ||
	    !dev_is_pci(importer))
		return false;
	pdev = to_pci_dev(importer);
	return pci_domain_nr(pdev->bus) == rules->domain &&
	       pdev->bus->number == rules->bus && pdev->devfn == rules->devfn;
}

/* The errors that vma_dma_export.h gives a meaning. */
static int may_have(const struct piece *piece,
		    const struct vma_dma_request *request)
{
	u32 rules = piece->rules.rules;

	lockdep_assert_held(&piece->ivshmem->lock);
	if (piece->ivshmem->gone || piece->withdrawn)
		return -ENXIO;
	if (is_refused(&piece->rules, request->importer))
		return -EPERM;
	if ((rules & IVSHMEM_NO_WRITE) &&
	    (request->flags & VMA_DMA_MAP_FLAG_WRITE))
		return -EACCES;
	if ((rules & IVSHMEM_NO_PIN) && (request->flags & VMA_DMA_MAP_FLAG_PIN))
		return -EOPNOTSUPP;
	return 0;
}

/* mmap() saw to it that all of a VMA lies in its piece. */
static phys_addr_t where(const struct piece *piece,
			 const struct vm_area_struct *vma, unsigned long addr)
{
	unsigned long page = vma->vm_pgoff - piece->id * PIECE_PAGES +
			     ((addr - vma->vm_start) >> PAGE_SHIFT);

	lockdep_assert_held(&piece->ivshmem->lock);
	return piece->ivshmem->base + ((piece->first + page) << PAGE_SHIFT);
}

static int export_describe(const struct vma_dma_request *request,
			   struct vma_dma_runs *runs)
{
	struct piece *piece = request->vma->vm_private_data;
	int rc;

	mutex_lock(&piece->ivshmem->lock);
	rc = may_have(piece, request);
	if (!rc)
		rc = vma_dma_runs_add(runs, where(piece, request->vma,
						  request->start),
				      request->end - request->start);
	mutex_unlock(&piece->ivshmem->lock);
	return rc;
}

static int export_pin(const struct vma_dma_request *request, void **promise)
{
	struct piece *piece = request->vma->vm_private_data;
	int rc;

	mutex_lock(&piece->ivshmem->lock);
	rc = may_have(piece, request);
	if (!rc) {
		atomic_inc(&piece->pins);
		kref_get(&piece->ref);
		*promise = piece;
	}
	mutex_unlock(&piece->ivshmem->lock);
	return rc;
}

static void export_unpin(void *promise)
{
	struct piece *piece = promise;

	atomic_dec(&piece->pins);
	ivshmem_piece_put(piece);
}

const struct vma_dma_export_ops ivshmem_export_ops = {
	.describe = export_describe,
	.pin = export_pin,
	.unpin = export_unpin,
};

/*
 * The same for a driver whose device is reached in a way of its own (a link
 * beside PCI, a window that is to be programmed): it makes the DMA addresses.
 * This one has nothing of the kind and asks the DMA API, as p2pmap would.
 */

/**
 * struct own_map - a promise: addresses that an importer uses
 * @piece: the piece, with a reference
 * @importer: who uses them; its driver is bound as long as this is
 * @dma_addr: the first one
 * @length: bytes
 * @dir: as mapped
 * @pinned: counted in piece.pins
 */
struct own_map {
	struct piece *piece;
	struct device *importer;
	dma_addr_t dma_addr;
	size_t length;
	enum dma_data_direction dir;
	bool pinned;
};

/*
 * dma_unmap_resource() is lazy: behind an IOMMU the importer may reach the
 * memory some milliseconds longer, unless the IOTLB is flushed.
 */
static void own_dma_end(struct own_map *own)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(own->importer);

	dma_unmap_resource(own->importer, own->dma_addr, own->length, own->dir,
			   DMA_ATTR_SKIP_CPU_SYNC);
	if (domain)
		iommu_flush_iotlb_all(domain);
}

static int own_dma_begin(struct own_map *own,
			 const struct vma_dma_request *request,
			 struct vma_dma_extents *extents)
{
	int rc;

	own->importer = request->importer;
	own->length = request->end - request->start;
	own->dir = request->flags & VMA_DMA_MAP_FLAG_WRITE ? DMA_BIDIRECTIONAL :
							     DMA_TO_DEVICE;
	/* No cache of a CPU's has it, and several may have it at once. */
	own->dma_addr = dma_map_resource(own->importer,
					 where(own->piece, request->vma,
					       request->start),
					 own->length, own->dir,
					 DMA_ATTR_SKIP_CPU_SYNC);
	if (dma_mapping_error(own->importer, own->dma_addr))
		return -ENOMEM;
	rc = vma_dma_extents_add(extents, own->dma_addr, own->length);
	if (rc)
		own_dma_end(own);
	return rc;
}

static int own_map(const struct vma_dma_request *request,
		   struct vma_dma_extents *extents, void **promise)
{
	struct piece *piece = request->vma->vm_private_data;
	struct own_map *own;
	int rc;

	own = kzalloc(sizeof(*own), GFP_KERNEL_ACCOUNT);
	if (!own)
		return -ENOMEM;
	own->piece = piece;
	own->pinned = request->flags & VMA_DMA_MAP_FLAG_PIN;
	mutex_lock(&piece->ivshmem->lock);
	rc = may_have(piece, request);
	if (!rc)
		rc = own_dma_begin(own, request, extents);
	if (!rc) {
		kref_get(&piece->ref);
		if (own->pinned)
			atomic_inc(&piece->pins);
	}
	mutex_unlock(&piece->ivshmem->lock);
	if (rc)
		kfree(own);
	else
		*promise = own;
	return rc;
}

/* In notifiers: no lock but spinlocks, no memory. */
static void own_unmap(void *promise)
{
	struct own_map *own = promise;

	own_dma_end(own);
	if (own->pinned)
		atomic_dec(&own->piece->pins);
	ivshmem_piece_put(own->piece);
	kfree(own);
}

const struct vma_dma_export_ops ivshmem_own_export_ops = {
	.describe = export_describe,
	.map = own_map,
	.unmap = own_unmap,
};

/* VMAs */

static vm_fault_t piece_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct piece *piece = vma->vm_private_data;
	vm_fault_t rc = VM_FAULT_SIGBUS;

	mutex_lock(&piece->ivshmem->lock);
	if (!piece->ivshmem->gone && !piece->withdrawn)
		rc = vmf_insert_pfn(vma, vmf->address,
				    PHYS_PFN(where(piece, vma, vmf->address)));
	mutex_unlock(&piece->ivshmem->lock);
	return rc;
}

/* A VMA was split, or copied by fork(). */
static void piece_vma_open(struct vm_area_struct *vma)
{
	struct piece *piece = vma->vm_private_data;

	kref_get(&piece->ref);
}

static void piece_vma_close(struct vm_area_struct *vma)
{
	ivshmem_piece_put(vma->vm_private_data);
}

/* An exporter is known by the address of these, so there are two of them. */
const struct vm_operations_struct ivshmem_piece_vm_ops = {
	.open = piece_vma_open,
	.close = piece_vma_close,
	.fault = piece_fault,
};

const struct vm_operations_struct ivshmem_own_piece_vm_ops = {
	.open = piece_vma_open,
	.close = piece_vma_close,
	.fault = piece_fault,
};

/* The piece at an offset of mmap(), if it is this file's; no reference. */
struct piece *ivshmem_piece_find(struct file *file, u64 pgoff)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;

	lockdep_assert_held(&ivshmem->lock);
	piece = xa_load(&ivshmem->pieces, pgoff / PIECE_PAGES);
	return piece && piece->owner == file ? piece : NULL;
}

int ivshmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ivshmem *ivshmem = file->private_data;
	unsigned long at = vma->vm_pgoff % PIECE_PAGES;
	unsigned long nr = vma_pages(vma);
	struct piece *piece;
	int rc = 0;

	/* A private mapping would have RAM where it is written. */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	mutex_lock(&ivshmem->lock);
	piece = ivshmem_piece_find(file, vma->vm_pgoff);
	if (!piece || at >= piece->nr || nr > piece->nr - at)
		rc = -EINVAL;
	else
		kref_get(&piece->ref);
	mutex_unlock(&ivshmem->lock);
	if (rc)
		return rc;
	p2pmap_vm_flags_mod(vma,
			    VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP, 0);
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vma->vm_private_data = piece;
	vma->vm_ops = piece->own_dma ? &ivshmem_own_piece_vm_ops : &ivshmem_piece_vm_ops;
	return 0;
}

/* Nobody finds the piece behind an address any more, nor has it. */
static void zap(struct piece *piece)
{
	struct ivshmem *ivshmem = piece->ivshmem;

	lockdep_assert_held(&ivshmem->lock);
	unmap_mapping_range(ivshmem->inode->i_mapping,
			    (loff_t)piece->id << PIECE_SHIFT,
			    (loff_t)piece->nr << PAGE_SHIFT, 1);
}

static void copy(struct ivshmem *ivshmem, unsigned long to, unsigned long from,
		 unsigned long nr)
{
	u64 __iomem *dst = ivshmem->mem + (to << PAGE_SHIFT) / sizeof(u64);
	u64 __iomem *src = ivshmem->mem + (from << PAGE_SHIFT) / sizeof(u64);
	unsigned long i;

	for (i = 0; i < (nr << PAGE_SHIFT) / sizeof(u64); i++)
		writeq(readq(src + i), dst + i);
}

/* Move a piece: the order of things is what matters here. */
int ivshmem_piece_move(struct piece *piece)
{
	struct ivshmem *ivshmem = piece->ivshmem;
	unsigned long from = piece->first;
	long to;

	lockdep_assert_held(&ivshmem->lock);
	if (ivshmem->gone || piece->withdrawn)
		return -ENXIO;
	/* No new ones come while the lock is held. */
	if (atomic_read(&piece->pins))
		return -EBUSY;
	to = space_get(ivshmem, piece->nr);
	if (to < 0)
		return to;
	zap(piece);
	copy(ivshmem, to, from, piece->nr);
	piece->first = to;
	piece->moves++;
	space_put(ivshmem, from, piece->nr);
	return 0;
}

/* Pinned or not: its owner wants it so, and the pins are told. */
int ivshmem_piece_withdraw(struct piece *piece)
{
	piece->withdrawn = true;
	zap(piece);
	return 0;
}

struct piece *ivshmem_piece_alloc(struct ivshmem *ivshmem, struct file *file,
				  const struct ivshmem_alloc *cmd)
{
	struct piece *piece;
	long first;

	piece = kzalloc(sizeof(*piece), GFP_KERNEL_ACCOUNT);
	if (!piece)
		return ERR_PTR(-ENOMEM);
	kref_init(&piece->ref);
	piece->nr = cmd->length >> PAGE_SHIFT;
	piece->own_dma = cmd->flags & IVSHMEM_OWN_DMA;
	piece->owner = file;
	INIT_WORK(&piece->free_work, piece_free);
	first = space_get(ivshmem, piece->nr);
	if (first < 0) {
		kfree(piece);
		return ERR_PTR(first);
	}
	piece->first = first;
	kref_get(&ivshmem->ref);
	piece->ivshmem = ivshmem;
	return piece;
}
