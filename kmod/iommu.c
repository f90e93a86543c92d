// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOMMU: cut a piece of a mapping off, and put one back.
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
 * Who may be asked: a device with a driver bound, whose domain is the DMA
 * API's.  importer.c checks that of what userspace attaches, other drivers know it
 * of their devices, and pcidev.c tells when it ends.
 */
#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/pci.h>

#include "compat.h"
#include "range.h"

/* Does the importer's DMA pass a translating IOMMU that the DMA API manages? */
bool p2pmap_iommu_translates(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && iommu_is_dma_domain(domain);
}

/* 0 if the DMA API owns the device's DMA, -EBUSY if somebody else does. */
int p2pmap_iommu_owner_check(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (!domain || iommu_is_dma_domain(domain) ||
	    domain->type == IOMMU_DOMAIN_IDENTITY)
		return 0;
	return -EBUSY;
}

/* Is the device's IOMMU unit one of the driver that calls its units so? */
static bool unit_is(struct device *dev, const char *prefix)
{
	if (!dev->iommu || !dev->iommu->iommu_dev ||
	    !dev->iommu->iommu_dev->dev)
		return false;
	return strstarts(dev_name(dev->iommu->iommu_dev->dev), prefix);
}

static bool is_vtd(struct device *dev)
{
	return unit_is(dev, "dmar");
}

static bool is_amd_vi(struct device *dev)
{
	return unit_is(dev, "ivhd");
}

/*
 * Revocation is claimed only for IOMMU drivers on which it was shown to work.
 */
bool p2pmap_iommu_enforces(struct device *dev)
{
	return p2pmap_iommu_translates(dev) && (is_vtd(dev) || is_amd_vi(dev));
}

u32 p2pmap_iommu_group(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	u32 id;

	if (!group)
		return ~0U;
	id = iommu_group_id(group);
	iommu_group_put(group);
	return id;
}

u64 p2pmap_iommu_page_sizes(struct device *dev)
{
	return iommu_get_domain_for_dev(dev)->pgsize_bitmap;
}

/*
 * Take [iova, iova + length) from the device; it consists of whole blocks that
 * are mapped.  When it returns no DMA reaches the memory any more.
 */
void p2pmap_iommu_cut(struct device *dev, dma_addr_t iova, u64 length)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	size_t cut = iommu_unmap(domain, iova, length);

	if (likely(cut == length))
		return;
	/* Never seen; the flush is what can still be done. */
	iommu_flush_iotlb_all(domain);
	dev_alert(dev, "p2pmap: IOMMU cut 0x%zx of 0x%llx bytes\n", cut,
		  length);
}

/* Wait until the device has forgotten what dma_unmap_*() took from it. */
void p2pmap_iommu_flush(struct device *dev)
{
	iommu_flush_iotlb_all(iommu_get_domain_for_dev(dev));
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
int p2pmap_iommu_put_back(struct device *dev, dma_addr_t iova, phys_addr_t phys,
			  u64 length, bool write, enum p2pmap_kind kind)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	int prot = IOMMU_READ | (write ? IOMMU_WRITE : 0) |
		   (kind == P2PMAP_KIND_BAR ? IOMMU_MMIO : IOMMU_CACHE);
	u64 prefix;
	int rc;

	rc = p2pmap_iommu_map_nowait(domain, iova, phys, length, prot);
	if (!rc)
		return 0;
	prefix = mapped_prefix(domain, iova, phys, length);
	if (prefix)
		p2pmap_iommu_cut(dev, iova, prefix);
	return rc;
}

/*
 * Make [iova, iova + length), in which nothing is mapped, ready for
 * dma_unmap_*().  VT-d walks over any hole.  AMD-Vi stops, with a warning, where
 * a page table is missing, as it is where a huge entry was; one entry for each
 * table puts it there, and dma_unmap_*() takes the entry away.  It lets the
 * device read zeroes.  Without memory for it there is a warning, no harm.
 */
void p2pmap_iommu_pave(struct device *dev, dma_addr_t iova, u64 length)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	dma_addr_t end = iova + length;

	if (!is_amd_vi(dev))
		return;
	for (; iova < end; iova = ALIGN(iova + 1, PMD_SIZE))
		p2pmap_iommu_map_nowait(domain, iova, page_to_phys(ZERO_PAGE(0)),
					PAGE_SIZE, IOMMU_READ | IOMMU_CACHE);
}
