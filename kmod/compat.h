/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place that knows how kernels differ.
 *
 * features.mk probes the headers; everything else in this module calls what is
 * declared here and never asks for a version.
 */
#ifndef P2PMAP_COMPAT_H
#define P2PMAP_COMPAT_H

#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/hugetlb.h>
#include <linux/iommu.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <net/genetlink.h>
#include <asm/mmu_context.h>

/*
 * A look at one page table of a special VMA, with its lock held between start
 * and end.  @ptep is the entry of the address asked for and may be read on to
 * the end of its page table; it is NULL for a huge entry, where @pfn stands for
 * the address asked for and at least the rest of its PMD follows contiguously.
 */
struct p2pmap_pfnmap {
	pte_t *ptep;
	unsigned long pfn;
	bool writable;
	bool special;
#ifdef P2PMAP_HAS_FOLLOW_PFNMAP
	struct follow_pfnmap_args args;
#else
	spinlock_t *ptl; /* of the page table at @ptep */
#endif
};

#ifdef P2PMAP_HAS_FOLLOW_PFNMAP
static inline int p2pmap_pfnmap_start(struct p2pmap_pfnmap *map,
				      struct vm_area_struct *vma,
				      unsigned long addr)
{
	int rc;

	map->args = (struct follow_pfnmap_args){ .vma = vma, .address = addr };
	rc = follow_pfnmap_start(&map->args);
	if (rc)
		return rc;
	/*
	 * ptep is an internal of the walk, but one that makes the difference
	 * between 10 and 400 instructions a page; the lock that guards it is
	 * held until follow_pfnmap_end().
	 */
	map->ptep = map->args.ptep;
	map->pfn = map->args.pfn;
	map->writable = map->args.writable;
	map->special = map->args.special;
	return 0;
}

static inline void p2pmap_pfnmap_end(struct p2pmap_pfnmap *map)
{
	follow_pfnmap_end(&map->args);
}
#else
static inline int p2pmap_pfnmap_start(struct p2pmap_pfnmap *map,
				      struct vm_area_struct *vma,
				      unsigned long addr)
{
	int rc = follow_pte(vma->vm_mm, addr, &map->ptep, &map->ptl);
	pte_t pte;

	if (rc)
		return rc;
	pte = ptep_get(map->ptep);
	map->pfn = pte_pfn(pte);
	map->writable = pte_write(pte);
	map->special = pte_special(pte);
	return 0;
}

static inline void p2pmap_pfnmap_end(struct p2pmap_pfnmap *map)
{
	/* follow_pte() took it, but does not tell sparse. */
	__acquire(map->ptl);
	pte_unmap_unlock(map->ptep, map->ptl);
}
#endif

#ifdef VM_SHADOW_STACK
#define P2PMAP_VM_SHADOW_STACK VM_SHADOW_STACK
#else
#define P2PMAP_VM_SHADOW_STACK VM_NONE
#endif

/* Would a write to @vma be to a copy? */
static inline bool p2pmap_is_cow(struct vm_area_struct *vma)
{
#ifdef P2PMAP_HAS_VMA_IS_COW
	return vma_is_cow_mapping(vma);
#else
	return is_cow_mapping(vma->vm_flags);
#endif
}

/* Do the caller's protection keys let it do to @vma what the device will? */
static inline bool p2pmap_keys_permit(struct vm_area_struct *vma, bool write)
{
	return vma->vm_mm != current->mm ||
	       arch_vma_access_permitted(vma, write, false, false);
}

/*
 * Pin pages of @vma; called under mmap_lock, which is never dropped.  The
 * caller's own memory goes by pin_user_pages(), which obeys protection keys.
 */
static inline long p2pmap_pin(struct mm_struct *mm, unsigned long addr,
			      unsigned long nr, unsigned int gup_flags,
			      struct page **pages)
{
#ifdef P2PMAP_HAS_PIN_VMAS
	if (mm == current->mm)
		return pin_user_pages(addr, nr, gup_flags, pages, NULL);
	return pin_user_pages_remote(mm, addr, nr, gup_flags, pages, NULL,
				     NULL);
#else
	if (mm == current->mm)
		return pin_user_pages(addr, nr, gup_flags, pages);
	return pin_user_pages_remote(mm, addr, nr, gup_flags, pages, NULL);
#endif
}

/*
 * Flags for a long-term pin.  Where pin_user_pages() takes a vmas array it is
 * older than 6.2, and a read-only pin in a private mapping must break COW by
 * itself or the page parts from the address at the next write.  Newer ones do
 * that by unsharing, which never comes to an end where the file has a huge page:
 * the fault maps it again (6.12).  Nobody but the kernel writes for it.
 */
static inline unsigned int p2pmap_pin_flags(struct vm_area_struct *vma,
					    bool write)
{
	unsigned int flags = FOLL_LONGTERM;
	bool force = vma->vm_file;

	if (write)
		return flags | FOLL_WRITE;
#ifdef P2PMAP_HAS_PIN_VMAS
	force = true;
#endif
	if (force && p2pmap_is_cow(vma) && !is_vm_hugetlb_page(vma))
		return flags | FOLL_WRITE | FOLL_FORCE;
	return flags;
}

/*
 * Does a BAR's driver offer this frame to p2pdma, so that it has a struct page?
 * Older kernels' dma_map_resource() takes it for RAM then.
 */
static inline bool p2pmap_is_p2pdma(unsigned long pfn)
{
#ifdef P2PMAP_HAS_DMA_IOVA
	struct dev_pagemap *pgmap = get_dev_pagemap(pfn);
	bool is = pgmap && pgmap->type == MEMORY_DEVICE_PCI_P2PDMA;

	put_dev_pagemap(pgmap);
	return is;
#else
	return false;
#endif
}

/* The address of a chunk, as iova.c knows it; domain.c needs none of it. */
struct p2pmap_iova {
#ifdef P2PMAP_HAS_DMA_IOVA
	struct dma_iova_state state;
#endif
};

/* Memory must not be bounced: nobody would copy to and fro. */
#ifdef DMA_ATTR_REQUIRE_COHERENT
#define P2PMAP_ATTR_COHERENT DMA_ATTR_REQUIRE_COHERENT
#else
#define P2PMAP_ATTR_COHERENT 0
#endif

/* Never sleeps and never enters reclaim: it runs under locks of notifiers. */
static inline int p2pmap_iommu_map_nowait(struct iommu_domain *domain,
					  unsigned long iova, phys_addr_t phys,
					  size_t length, int prot)
{
#ifdef P2PMAP_HAS_IOMMU_MAP_ATOMIC
	return iommu_map_atomic(domain, iova, phys, length, prot);
#else
	return iommu_map(domain, iova, phys, length, prot,
			 GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT);
#endif
}

static inline void p2pmap_vm_flags_mod(struct vm_area_struct *vma,
				       unsigned long set, unsigned long clear)
{
#ifdef P2PMAP_HAS_VM_FLAGS_MOD
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

static inline void p2pmap_eventfd_signal(struct eventfd_ctx *eventfd)
{
#ifdef P2PMAP_HAS_EVENTFD_SIGNAL_ONE
	eventfd_signal(eventfd);
#else
	eventfd_signal(eventfd, 1);
#endif
}

/* The attributes of a request for a dump; only those of its policy are there. */
static inline struct nlattr **p2pmap_dump_attrs(struct netlink_callback *cb)
{
#ifdef P2PMAP_HAS_GENL_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* P2PMAP_COMPAT_H */
