// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy: who may map what, before anything is touched.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/security.h>
#include <linux/uaccess.h>

#include "private.h"

#define MAP_FLAGS \
	(P2PMAP_MAP_WRITE | P2PMAP_MAP_PIN | P2PMAP_MAP_SINK | \
	 P2PMAP_MAP_RESTORE)

bool p2pmap_unenforced;
module_param_named(unenforced, p2pmap_unenforced, bool, 0444);
MODULE_PARM_DESC(unenforced,
		 "Let CAP_SYS_RAWIO map for importers without a translating IOMMU, where nothing can be revoked");

/* What the caller asked for, as far as it can be judged without looking. */
int p2pmap_check_range(u32 flags, u64 addr, u64 length,
		       struct p2pmap_reason *why)
{
	if (flags & ~MAP_FLAGS)
		return -EOPNOTSUPP;
	if ((flags & P2PMAP_MAP_PIN) &&
	    (flags & (P2PMAP_MAP_SINK | P2PMAP_MAP_RESTORE)))
		return -EINVAL;
	if (!length || !PAGE_ALIGNED(addr | length) || addr + length < addr)
		return -EINVAL;
	if (length > P2PMAP_MAX_LENGTH)
		return p2pmap_fail(why, -EINVAL, P2PMAP_REASON_TOO_BIG,
				   P2PMAP_MAX_LENGTH);
	if (!access_ok(u64_to_user_ptr(addr), length))
		return -EFAULT;
	return 0;
}

/*
 * Flags for the helper.  Where nothing enforces the direction the importer can
 * always write, so the caller must be allowed to.
 */
unsigned long p2pmap_helper_flags(const struct p2pmap_importer *importer,
				  u32 flags)
{
	bool write = (flags & P2PMAP_MAP_WRITE) ||
		     (importer && !importer->translated);

	return (write ? VMA_DMA_MAP_FLAG_WRITE : 0) |
	       (flags & P2PMAP_MAP_PIN ? VMA_DMA_MAP_FLAG_PIN : 0);
}

/* Flags for the mapping; what nothing enforces was permitted by policy. */
unsigned long p2pmap_mapping_flags(const struct p2pmap_importer *importer,
				   u32 flags)
{
	unsigned long mapping_flags = p2pmap_helper_flags(importer, flags);

	if (flags & P2PMAP_MAP_SINK)
		mapping_flags |= VMA_DMA_MAP_FLAG_SINK;
	if (flags & P2PMAP_MAP_RESTORE)
		mapping_flags |= VMA_DMA_MAP_FLAG_RESTORE;
	if (!importer->enforced)
		mapping_flags |= VMA_DMA_MAP_FLAG_UNENFORCED;
	return mapping_flags;
}

/* Without a translating IOMMU: the administrator's word and a privilege. */
static int policy_direct(const struct p2pmap_importer *importer,
			 struct p2pmap_reason *why)
{
	struct pci_dev *pdev = importer->device->pdev;

	if (!p2pmap_unenforced)
		return p2pmap_fail_pci(why, -EOPNOTSUPP,
				       P2PMAP_REASON_UNENFORCED, pdev);
	if (!capable(CAP_SYS_RAWIO) ||
	    security_locked_down(LOCKDOWN_PCI_ACCESS))
		return p2pmap_fail_pci(why, -EPERM,
				       P2PMAP_REASON_UNENFORCED_PRIVILEGE,
				       pdev);
	return 0;
}

/* May memory of this kind be mapped so for this importer? */
static int policy_check(const struct p2pmap_importer *importer, u32 flags,
			enum p2pmap_kind kind, struct p2pmap_reason *why)
{
	bool needs_enforcing = flags & (P2PMAP_MAP_SINK | P2PMAP_MAP_RESTORE);

	if (importer->enforced)
		return 0;
	if (kind == P2PMAP_KIND_RAM && !(flags & P2PMAP_MAP_PIN))
		return p2pmap_fail(why, -EOPNOTSUPP, P2PMAP_REASON_NEEDS_PIN,
				   0);
	if (needs_enforcing || (importer->translated &&
				kind == P2PMAP_KIND_BAR))
		return p2pmap_fail_pci(why, -EOPNOTSUPP,
				       P2PMAP_REASON_UNENFORCED,
				       importer->device->pdev);
	return 0;
}

/*
 * How much of its addresses all that is mapped for an importer here may have
 * with the caller's: without the privilege half of them, so that something is
 * left for its own driver, and for who is to set things right.
 */
u64 p2pmap_space_max(const struct p2pmap_importer *importer)
{
	if (capable(CAP_SYS_RESOURCE))
		return U64_MAX;
	return (min(p2pmap_dma_mask(&importer->device->pdev->dev),
		    importer->aperture_end) >> 1) + 1;
}

/* The kind of the range, if it may be mapped so; under no lock. */
int p2pmap_range_judge(const struct p2pmap_importer *importer, u32 flags,
		       u64 addr, u64 length, struct p2pmap_reason *why)
{
	unsigned long pages = totalram_pages();
	int kind, rc;

	if (importer && !importer->translated) {
		rc = policy_direct(importer, why);
		if (rc)
			return rc;
	}
	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	kind = p2pmap_range_kind(current->mm, addr, addr + length,
				 p2pmap_helper_flags(importer, flags), why);
	mmap_read_unlock(current->mm);
	if (kind < 0)
		return kind;
	if (kind == P2PMAP_KIND_RAM && (length >> PAGE_SHIFT) > pages)
		return p2pmap_fail(why, -ENOMEM, P2PMAP_REASON_TOO_BIG,
				   (u64)pages << PAGE_SHIFT);
	rc = importer ? policy_check(importer, flags, kind, why) : 0;
	return rc ? rc : kind;
}
