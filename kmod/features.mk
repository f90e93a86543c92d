# SPDX-License-Identifier: GPL-2.0-only
# What this kernel offers, read from its headers and not from its version,
# because distributions backport.  compat.h is the only reader of the results.

p2pmap-has = $(shell grep -qsE '$(2)' $(srctree)/include/linux/$(1) && \
	       echo -DP2PMAP_HAS_$(3))

p2pmap-features := \
	$(call p2pmap-has,mm.h,follow_pfnmap_start,FOLLOW_PFNMAP) \
	$(call p2pmap-has,iommu.h,iommu_map_atomic,IOMMU_MAP_ATOMIC) \
	$(call p2pmap-has,mm.h,static inline void vm_flags_mod,VM_FLAGS_MOD) \
	$(call p2pmap-has,mm.h,bool vma_is_cow_mapping,VMA_IS_COW) \
	$(call p2pmap-has,eventfd.h,eventfd_signal\(struct eventfd_ctx \*ctx\),EVENTFD_SIGNAL_ONE) \
	$(call p2pmap-has,../net/genetlink.h,^genl_info_dump,GENL_INFO_DUMP) \
	$(if $(shell grep -s -A4 '^long pin_user_pages_remote' \
		$(srctree)/include/linux/mm.h | grep vm_area_struct), \
		-DP2PMAP_HAS_PIN_VMAS) \
	$(if $(shell grep -s 'define DMA_ATTR_MMIO' \
		$(srctree)/include/linux/dma-mapping.h), \
		$(call p2pmap-has,dma-mapping.h,bool dma_iova_try_alloc,DMA_IOVA))

# The file that changes translations (see iova.c).
p2pmap-iova := $(if $(filter %_DMA_IOVA,$(p2pmap-features)),iova.o,domain.o)
