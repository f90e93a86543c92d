// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA API's domain: cut a piece of a chunk off, and put one back, on kernels
 * without dma_iova_link() and its like.  iova.c is the same for those with them;
 * Kbuild takes one of the two.
 *
 * The one file that uses iommu_map() and iommu_unmap() inside a domain of the
 * DMA API.  That is a layering violation, admitted and confined here: nothing
 * that 6.x exports takes memory away from a device at a known time and keeps
 * its address reserved.  dma_unmap_*() does neither in the lazy mode that
 * distributions run.
 *
 * What breaks if a rule is ignored (all measured):
 *  - Cut only whole blocks that are mapped.  Unmapping less than an entry holds
 *    leaves it live on VT-d and overwrites the memory behind it; unmapping in a
 *    hole can take other mappings down.
 *  - Unmap before mapping.  Over a live entry VT-d keeps the old target and
 *    reports success.
 *  - Nothing here may sleep or enter reclaim: the callers hold a lock that
 *    notifiers take.
 *
 * A chunk that is longer than one leaf table of the IOMMU is reserved: the
 * address is had by mapping a hole in the physical address space, which is
 * taken out again at once.  An iommu_map() of VT-d that runs out of memory
 * between two leaf tables says so and leaves the first one's entries (6.1, 6.12).
 * The DMA API would free the address with entries under it, and whoever got it
 * next would keep the old frames: measured.  The hole is aligned as the address
 * is, so its entries are all in one table, and what follows is unrolled here.
 * Where the IOMMU has no 2 MiB entries the hole's would be in many tables, so
 * no chunk is longer than one there, and none is reserved.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/ioport.h>
#include <linux/pci.h>

#include "range.h"

static struct resource *hole; /* where no memory and no device is */
static phys_addr_t hole_phys;

int p2pmap_iova_init(void)
{
	hole = request_free_mem_region(&iomem_resource, 2 * P2PMAP_CHUNK_MAX,
				       "p2pmap hole");
	if (IS_ERR(hole))
		return PTR_ERR(hole);
	hole_phys = ALIGN(hole->start, P2PMAP_CHUNK_MAX);
	return 0;
}

void p2pmap_iova_exit(void)
{
	release_mem_region(hole->start, resource_size(hole));
}

static struct iommu_domain *domain_of(const struct p2pmap_dma *dma)
{
	return iommu_get_domain_for_dev(dma->dev);
}

/* Without 2 MiB entries the hole would fill many tables: one table a chunk then. */
u64 p2pmap_iova_chunk_max(const struct p2pmap_dma *dma)
{
	return dma->page_sizes & PMD_SIZE ? P2PMAP_CHUNK_MAX : PMD_SIZE;
}

/* Is a chunk's address reserved first, and its runs mapped then? */
bool p2pmap_iova_reserves(u64 length)
{
	return length > PMD_SIZE;
}

/* The address is a multiple of 2 MiB long: then the hole's entries are huge. */
static u64 reserve_length(const struct p2pmap_chunk *chunk)
{
	return ALIGN(chunk->length, PMD_SIZE);
}

static void unmap(struct iommu_domain *domain, struct device *dev,
		  dma_addr_t iova, u64 length)
{
	size_t cut = iommu_unmap(domain, iova, length);

	if (likely(cut == length))
		return;
	/* Never seen; that is what can still be done. */
	iommu_flush_iotlb_all(domain);
	if (dev_is_pci(dev))
		pci_clear_master(to_pci_dev(dev));
	dev_alert(dev, "p2pmap: IOMMU cut 0x%zx of 0x%llx bytes\n", cut,
		  length);
}

/* Nobody knows the address yet, and nothing is where it leads. */
int p2pmap_iova_reserve(const struct p2pmap_dma *dma,
			struct p2pmap_chunk *chunk)
{
	chunk->dma_addr = dma_map_resource(dma->dev, hole_phys,
					   reserve_length(chunk),
					   DMA_TO_DEVICE,
					   DMA_ATTR_SKIP_CPU_SYNC);
	if (dma_mapping_error(dma->dev, chunk->dma_addr))
		return -ENOMEM;
	unmap(domain_of(dma), dma->dev, chunk->dma_addr, reserve_length(chunk));
	return 0;
}

/*
 * Give a reserved address back, and what is mapped there; p2pmap_iova_flush()
 * is to follow.
 */
void p2pmap_iova_release(const struct p2pmap_dma *dma,
			 struct p2pmap_chunk *chunk)
{
	dma_unmap_resource(dma->dev, chunk->dma_addr, reserve_length(chunk),
			   DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
}

/*
 * Take a piece from the device; it consists of whole blocks that are mapped.
 * When it returns no DMA reaches the memory any more.
 */
void p2pmap_iova_cut(const struct p2pmap_dma *dma, struct p2pmap_chunk *chunk,
		     u64 offset, u64 length)
{
	unmap(domain_of(dma), dma->dev, chunk->dma_addr + offset, length);
}

/* Wait until the device has forgotten what dma_unmap_*() took from it. */
void p2pmap_iova_flush(const struct p2pmap_dma *dma)
{
	iommu_flush_iotlb_all(domain_of(dma));
}

/* How much of a run did a call map that failed?  Whole entries, in order. */
static u64 mapped_prefix(struct iommu_domain *domain, dma_addr_t iova,
			 phys_addr_t phys, u64 length)
{
	u64 at;

	for (at = 0; at < length; at += PAGE_SIZE)
		if (iommu_iova_to_phys(domain, iova + at) != phys + at)
			break;
	return at;
}

/*
 * Map into a hole, at an address that the mapping had all along.  All or
 * nothing: when memory for its page table runs out VT-d reports a failure and
 * leaves what it has mapped so far.
 */
int p2pmap_iova_put_back(const struct p2pmap_dma *dma,
			 struct p2pmap_chunk *chunk, u64 offset,
			 phys_addr_t phys, u64 length, enum p2pmap_kind kind)
{
	struct iommu_domain *domain = domain_of(dma);
	dma_addr_t iova = chunk->dma_addr + offset;
	int prot = IOMMU_READ | (dma->write ? IOMMU_WRITE : 0) |
		   (kind == P2PMAP_KIND_BAR ? IOMMU_MMIO : IOMMU_CACHE);
	u64 prefix;
	int rc;

	rc = p2pmap_iommu_map_nowait(domain, iova, phys, length, prot);
	if (!rc)
		return 0;
	prefix = mapped_prefix(domain, iova, phys, length);
	if (prefix)
		unmap(domain, dma->dev, iova, prefix);
	return rc;
}

/*
 * Make a chunk with nothing mapped ready for dma_unmap_*().  VT-d walks over any
 * hole.  AMD-Vi stops, with a warning, where a page table is missing, as it is
 * where a huge entry was; one entry for each table puts it there, and
 * dma_unmap_*() takes the entry away.  It lets the device read zeroes.  Without
 * memory for it there is a warning, no harm.
 */
void p2pmap_iova_pave(const struct p2pmap_dma *dma, struct p2pmap_chunk *chunk)
{
	struct iommu_domain *domain = domain_of(dma);
	dma_addr_t iova = chunk->dma_addr;
	dma_addr_t end = iova + (p2pmap_iova_reserves(chunk->length) ?
				 reserve_length(chunk) : chunk->length);

	if (!p2pmap_iommu_is_amd_vi(dma->dev))
		return;
	/* dma_unmap_*() stops at the first that is missing: none behind it. */
	for (; iova < end; iova = ALIGN(iova + 1, PMD_SIZE))
		if (p2pmap_iommu_map_nowait(domain, iova,
					    page_to_phys(ZERO_PAGE(0)),
					    PAGE_SIZE,
					    IOMMU_READ | IOMMU_CACHE))
			break;
}
