// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter: the driver of a PCI device that hands out its memory, and decides
 * which other devices may reach it.  A sample to copy from; the device is QEMU's
 * ivshmem, whose BAR 2 is memory and nothing else.
 *
 * Each device has a node, /dev/p2pmap-ivshmem-<PCI address>.  Pieces of the BAR
 * are had from it and mapped with mmap() (ivshmem_exporter.h).  A piece can be
 * moved to another place of the BAR, as a GPU's driver moves a buffer, and be
 * withdrawn.  p2pmap asks export_ops below what lies behind a VMA, and for whom.
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
 * Lifetime.  A piece lives as long as its file, its VMAs and what p2pmap was
 * promised of it; the device's object as long as the PCI device is bound, its
 * files and its pieces.  remove() takes the memory away from all of them, and
 * afterwards they find the device gone.
 */
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pci.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include <compat.h>
#include <vma_dma_export.h>
#include <vma_dma_map.h>

#include "ivshmem_exporter.h"

#define IVSHMEM_BAR 2

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

static struct workqueue_struct *free_queue;
static struct vfsmount *inodes; /* where ivshmem.inode lives */

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

static void ivshmem_put(struct ivshmem *ivshmem)
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

	queue_work(free_queue, &piece->free_work);
}

static void piece_put(struct piece *piece)
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
	piece_put(piece);
}

static const struct vma_dma_export_ops export_ops = {
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
			   0);
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
	own->dma_addr = dma_map_resource(own->importer,
					 where(own->piece, request->vma,
					       request->start),
					 own->length, own->dir, 0);
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
	piece_put(own->piece);
	kfree(own);
}

static const struct vma_dma_export_ops own_export_ops = {
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
	piece_put(vma->vm_private_data);
}

/* An exporter is known by the address of these, so there are two of them. */
static const struct vm_operations_struct piece_vm_ops = {
	.open = piece_vma_open,
	.close = piece_vma_close,
	.fault = piece_fault,
};

static const struct vm_operations_struct own_piece_vm_ops = {
	.open = piece_vma_open,
	.close = piece_vma_close,
	.fault = piece_fault,
};

/* The piece at an offset of mmap(), if it is this file's; no reference. */
static struct piece *piece_find(struct file *file, u64 pgoff)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;

	lockdep_assert_held(&ivshmem->lock);
	piece = xa_load(&ivshmem->pieces, pgoff / PIECE_PAGES);
	return piece && piece->owner == file ? piece : NULL;
}

static int ivshmem_mmap(struct file *file, struct vm_area_struct *vma)
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
	piece = piece_find(file, vma->vm_pgoff);
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
	vma->vm_ops = piece->own_dma ? &own_piece_vm_ops : &piece_vm_ops;
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
static int piece_move(struct piece *piece)
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
static int piece_withdraw(struct piece *piece)
{
	piece->withdrawn = true;
	zap(piece);
	return 0;
}

/* ioctls */

static struct piece *piece_alloc(struct ivshmem *ivshmem, struct file *file,
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

static int ioctl_alloc(struct file *file, struct ivshmem_alloc *cmd)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;
	int rc;

	if ((cmd->flags & ~IVSHMEM_OWN_DMA) || cmd->reserved || !cmd->length ||
	    !PAGE_ALIGNED(cmd->length) ||
	    cmd->length >> PAGE_SHIFT > min(ivshmem->nr_pages, PIECE_PAGES))
		return -EINVAL;
	piece = piece_alloc(ivshmem, file, cmd);
	if (IS_ERR(piece))
		return PTR_ERR(piece);
	mutex_lock(&ivshmem->lock);
	rc = ivshmem->gone ? -ENODEV :
			     xa_alloc(&ivshmem->pieces, &piece->id, piece,
				      XA_LIMIT(0, (1U << (63 - PIECE_SHIFT)) - 1),
				      GFP_KERNEL_ACCOUNT);
	mutex_unlock(&ivshmem->lock);
	if (rc) {
		piece_put(piece);
		return rc;
	}
	cmd->out_offset = (u64)piece->id << PIECE_SHIFT;
	return 0;
}

static void tell(const struct piece *piece, struct ivshmem_info *info)
{
	info->out_bar_offset = piece->first << PAGE_SHIFT;
	info->out_length = piece->nr << PAGE_SHIFT;
	info->out_pins = atomic_read(&piece->pins);
	info->out_moves = piece->moves;
}

/* What is done to one piece, under the lock. */
static int ioctl_piece(struct file *file, unsigned int number,
		       struct ivshmem_info *info)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;
	int rc = 0;

	mutex_lock(&ivshmem->lock);
	piece = piece_find(file, info->offset >> PAGE_SHIFT);
	if (!piece)
		rc = -ENOENT;
	else if (number == IVSHMEM_IOC_MOVE)
		rc = piece_move(piece);
	else if (number == IVSHMEM_IOC_WITHDRAW)
		rc = piece_withdraw(piece);
	if (!rc)
		tell(piece, info);
	mutex_unlock(&ivshmem->lock);
	return rc;
}

static int ioctl_rules(struct file *file, const struct ivshmem_rules *rules)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;

	if (rules->rules & ~IVSHMEM_RULES)
		return -EINVAL;
	mutex_lock(&ivshmem->lock);
	piece = piece_find(file, rules->offset >> PAGE_SHIFT);
	if (piece)
		piece->rules = *rules;
	mutex_unlock(&ivshmem->lock);
	return piece ? 0 : -ENOENT;
}

static long ivshmem_ioctl(struct file *file, unsigned int number,
			  unsigned long arg)
{
	void __user *user = (void __user *)arg;
	union {
		struct ivshmem_alloc alloc;
		struct ivshmem_rules rules;
		struct ivshmem_info info;
	} cmd;
	long rc;

	if (_IOC_SIZE(number) > sizeof(cmd))
		return -ENOTTY;
	if (copy_from_user(&cmd, user, _IOC_SIZE(number)))
		return -EFAULT;
	switch (number) {
	case IVSHMEM_IOC_ALLOC:
		rc = ioctl_alloc(file, &cmd.alloc);
		break;
	case IVSHMEM_IOC_RULES:
		return ioctl_rules(file, &cmd.rules);
	case IVSHMEM_IOC_INFO:
	case IVSHMEM_IOC_MOVE:
	case IVSHMEM_IOC_WITHDRAW:
		rc = ioctl_piece(file, number, &cmd.info);
		break;
	default:
		return -ENOTTY;
	}
	if (!rc && copy_to_user(user, &cmd, _IOC_SIZE(number)))
		rc = -EFAULT;
	return rc;
}

/* misc_deregister() waits for this one to end. */
static int ivshmem_open(struct inode *inode, struct file *file)
{
	struct ivshmem *ivshmem = container_of(file->private_data,
					       struct ivshmem, misc);

	kref_get(&ivshmem->ref);
	file->private_data = ivshmem;
	file->f_mapping = ivshmem->inode->i_mapping;
	return nonseekable_open(inode, file);
}

static int ivshmem_release(struct inode *inode, struct file *file)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;
	unsigned long id;

	mutex_lock(&ivshmem->lock);
	xa_for_each(&ivshmem->pieces, id, piece) {
		if (piece->owner != file)
			continue;
		xa_erase(&ivshmem->pieces, id);
		piece->owner = NULL;
		piece_put(piece);
	}
	mutex_unlock(&ivshmem->lock);
	ivshmem_put(ivshmem);
	return 0;
}

/* .owner: while a file is open, or a VMA of one lives, the module stays. */
static const struct file_operations ivshmem_fops = {
	.owner = THIS_MODULE,
	.open = ivshmem_open,
	.release = ivshmem_release,
	.unlocked_ioctl = ivshmem_ioctl,
	.mmap = ivshmem_mmap,
};

/* The PCI device */

static struct ivshmem *ivshmem_alloc(struct pci_dev *pdev)
{
	struct ivshmem *ivshmem;

	ivshmem = kzalloc(sizeof(*ivshmem), GFP_KERNEL);
	if (!ivshmem)
		return NULL;
	kref_init(&ivshmem->ref);
	mutex_init(&ivshmem->lock);
	spin_lock_init(&ivshmem->space_lock);
	xa_init_flags(&ivshmem->pieces, XA_FLAGS_ALLOC);
	ivshmem->base = pci_resource_start(pdev, IVSHMEM_BAR);
	ivshmem->nr_pages = pci_resource_len(pdev, IVSHMEM_BAR) >> PAGE_SHIFT;
	ivshmem->used = bitmap_zalloc(ivshmem->nr_pages, GFP_KERNEL);
	ivshmem->inode = alloc_anon_inode(inodes->mnt_sb);
	if (IS_ERR(ivshmem->inode))
		ivshmem->inode = NULL; /* iput() takes that */
	if (!ivshmem->used || !ivshmem->inode) {
		ivshmem_put(ivshmem);
		return NULL;
	}
	snprintf(ivshmem->name, sizeof(ivshmem->name), "p2pmap-ivshmem-%s",
		 pci_name(pdev));
	ivshmem->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = ivshmem->name,
		.fops = &ivshmem_fops,
		.parent = &pdev->dev,
		.mode = 0600,
	};
	return ivshmem;
}

static int ivshmem_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ivshmem *ivshmem;
	int rc;

	rc = pcim_enable_device(pdev);
	if (!rc)
		rc = pcim_iomap_regions(pdev, BIT(IVSHMEM_BAR),
					KBUILD_MODNAME);
	if (rc)
		return rc;
	ivshmem = ivshmem_alloc(pdev);
	if (!ivshmem)
		return -ENOMEM;
	ivshmem->mem = pcim_iomap_table(pdev)[IVSHMEM_BAR];
	rc = misc_register(&ivshmem->misc);
	if (rc) {
		ivshmem_put(ivshmem);
		return rc;
	}
	pci_set_drvdata(pdev, ivshmem);
	return 0;
}

/*
 * p2pmap heard of it before: the PCI bus told it, importers are cut off and
 * pins were given back.  But until @gone is set somebody may have mapped it
 * again, and the zap is for him, and for the CPU.  Files and VMAs may stay for
 * as long as they like.
 */
static void ivshmem_remove(struct pci_dev *pdev)
{
	struct ivshmem *ivshmem = pci_get_drvdata(pdev);

	misc_deregister(&ivshmem->misc);
	mutex_lock(&ivshmem->lock);
	ivshmem->gone = true;
	unmap_mapping_range(ivshmem->inode->i_mapping, 0, 0, 1);
	ivshmem->mem = NULL;
	mutex_unlock(&ivshmem->lock);
	ivshmem_put(ivshmem);
}

static const struct pci_device_id ivshmem_ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{}
};
MODULE_DEVICE_TABLE(pci, ivshmem_ids);

static struct pci_driver ivshmem_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ivshmem_ids,
	.probe = ivshmem_probe,
	.remove = ivshmem_remove,
};

/* Registration: once for all devices, as their VMAs have the same operations. */

static DEFINE_MUTEX(answering_lock);
static struct vma_dma_exporter *exporter; /* answering_lock */
static struct vma_dma_exporter *own_exporter; /* answering_lock */

static void answer_no_more(void)
{
	lockdep_assert_held(&answering_lock);
	if (exporter)
		vma_dma_export_unregister(exporter);
	if (own_exporter)
		vma_dma_export_unregister(own_exporter);
	exporter = NULL;
	own_exporter = NULL;
}

static int answer(void)
{
	struct vma_dma_exporter *new;

	lockdep_assert_held(&answering_lock);
	if (exporter)
		return 0;
	new = vma_dma_export_register(&piece_vm_ops, &export_ops);
	if (IS_ERR(new))
		return PTR_ERR(new);
	exporter = new;
	new = vma_dma_export_register(&own_piece_vm_ops, &own_export_ops);
	if (IS_ERR(new)) {
		answer_no_more();
		return PTR_ERR(new);
	}
	own_exporter = new;
	return 0;
}

/*
 * For tests: a driver answers as long as it is loaded.  What is in page tables
 * when it stops can be had without its leave.
 */
static int answering_set(const char *value, const struct kernel_param *param)
{
	bool on;
	int rc = kstrtobool(value, &on);

	if (rc)
		return rc;
	mutex_lock(&answering_lock);
	if (on)
		rc = answer();
	else
		answer_no_more();
	mutex_unlock(&answering_lock);
	return rc;
}

static int answering_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%c\n", exporter ? 'Y' : 'N');
}

static const struct kernel_param_ops answering_ops = {
	.set = answering_set,
	.get = answering_get,
};
module_param_cb(answering, &answering_ops, NULL, 0600);
MODULE_PARM_DESC(answering, "answer p2pmap for what is mapped (Y once loaded)");

/* A file system for the inodes; nobody mounts it. */
static int inodes_init_context(struct fs_context *context)
{
	return init_pseudo(context, 0x69767368) ? 0 : -ENOMEM;
}

/* No owner: the mount would keep the module, and it ends before the module. */
static struct file_system_type inodes_type = {
	.name = "p2pmap-ivshmem",
	.init_fs_context = inodes_init_context,
	.kill_sb = kill_anon_super,
};

static int __init ivshmem_init(void)
{
	int rc;

	free_queue = alloc_workqueue("ivshmem_exporter", 0, 0);
	if (!free_queue)
		return -ENOMEM;
	inodes = kern_mount(&inodes_type);
	if (IS_ERR(inodes)) {
		rc = PTR_ERR(inodes);
		goto err_queue;
	}
	/* Before there is a VMA that could be asked about. */
	mutex_lock(&answering_lock);
	rc = answer();
	mutex_unlock(&answering_lock);
	if (rc)
		goto err_inodes;
	rc = pci_register_driver(&ivshmem_driver);
	if (rc)
		goto err_answer;
	return 0;

err_answer:
	mutex_lock(&answering_lock);
	answer_no_more();
	mutex_unlock(&answering_lock);
err_inodes:
	kern_unmount(inodes);
err_queue:
	destroy_workqueue(free_queue);
	return rc;
}

/*
 * No file is open and no VMA left, or the module would be in use; but a mapping
 * may still hold a pin, until its importer or the exporter lets it go.
 */
static void __exit ivshmem_exit(void)
{
	pci_unregister_driver(&ivshmem_driver);
	mutex_lock(&answering_lock);
	answer_no_more();
	mutex_unlock(&answering_lock);
	/* Pieces that were given back last, and with them the devices. */
	destroy_workqueue(free_queue);
	kern_unmount(inodes);
}

module_init(ivshmem_init);
module_exit(ivshmem_exit);

MODULE_DESCRIPTION("p2pmap: an exporter, QEMU's ivshmem");
MODULE_LICENSE("GPL");
