// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOMMU: what stands between an importer and memory.
 *
 * Only questions are here.  What changes a translation is in iova.c, or in
 * domain.c for kernels that cannot do it so.
 *
 * Who may be asked about: a device with a driver bound, whose domain is the DMA
 * API's.  importer.c checks that of what userspace attaches, other drivers know it
 * of their devices, and pcidev.c tells when it ends.
 */
#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/pci.h>

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

bool p2pmap_iommu_is_amd_vi(struct device *dev)
{
	return unit_is(dev, "ivhd");
}

/*
 * Revocation is claimed only for IOMMU drivers on which it was shown to work.
 */
bool p2pmap_iommu_enforces(struct device *dev)
{
	return p2pmap_iommu_translates(dev) &&
	       (is_vtd(dev) || p2pmap_iommu_is_amd_vi(dev));
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

/* The last address that the IOMMU translates, all of them if there is none. */
u64 p2pmap_iommu_aperture_end(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (!domain || !iommu_is_dma_domain(domain) ||
	    !domain->geometry.force_aperture)
		return U64_MAX;
	return domain->geometry.aperture_end;
}

u64 p2pmap_iommu_page_sizes(struct device *dev)
{
	return iommu_get_domain_for_dev(dev)->pgsize_bitmap;
}
