/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ABI of /dev/p2pmap-ivshmem-<PCI address>, shared by ivshmem_exporter.ko and
 * the tests.
 *
 * ALLOC gives a piece of the device's memory, known by the offset at which it
 * is mapped with mmap().  All else names the piece by that offset, and works on
 * the descriptor (or a copy of it) that the piece was had from.
 */
#ifndef IVSHMEM_EXPORTER_H
#define IVSHMEM_EXPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Besides the rules: have p2pmap use addresses that this driver makes. */
#define IVSHMEM_OWN_DMA (1U << 8)

/* What is refused to importers. */
#define IVSHMEM_NO_PIN (1U << 0)
#define IVSHMEM_NO_WRITE (1U << 1)
#define IVSHMEM_NO_IMPORTER (1U << 2) /* the one that is named */
#define IVSHMEM_RULES (IVSHMEM_NO_PIN | IVSHMEM_NO_WRITE | IVSHMEM_NO_IMPORTER)

/*
 * struct ivshmem_alloc - have a piece of memory
 * @length: bytes, a multiple of the page size
 * @out_offset: where mmap() finds it
 * @flags: IVSHMEM_OWN_DMA or 0
 * @reserved: 0
 */
struct ivshmem_alloc {
	__aligned_u64 length;
	__aligned_u64 out_offset;
	__u32 flags;
	__u32 reserved;
};

/*
 * struct ivshmem_rules - what importers may do with a piece from now on
 * @offset: the piece
 * @rules: IVSHMEM_NO_*
 * @domain, @bus, @devfn: the importer that IVSHMEM_NO_IMPORTER refuses
 */
struct ivshmem_rules {
	__aligned_u64 offset;
	__u32 rules;
	__u16 domain;
	__u8 bus;
	__u8 devfn;
};

/*
 * struct ivshmem_info - how a piece is
 * @offset: the piece
 * @out_bar_offset: where in the BAR it lies
 * @out_length: its length in bytes
 * @out_pins: how often importers have pinned it
 * @out_moves: how often it was moved
 */
struct ivshmem_info {
	__aligned_u64 offset;
	__aligned_u64 out_bar_offset;
	__aligned_u64 out_length;
	__u32 out_pins;
	__u32 out_moves;
};

#define IVSHMEM_IOC_ALLOC _IOWR('v', 0, struct ivshmem_alloc)
#define IVSHMEM_IOC_RULES _IOW('v', 1, struct ivshmem_rules)
#define IVSHMEM_IOC_INFO _IOWR('v', 2, struct ivshmem_info)
/* Move it elsewhere: EBUSY if it is pinned, ENOSPC.  Fills the info. */
#define IVSHMEM_IOC_MOVE _IOWR('v', 3, struct ivshmem_info)
/* Take it away from everybody, for good.  Fills the info. */
#define IVSHMEM_IOC_WITHDRAW _IOWR('v', 4, struct ivshmem_info)

#endif /* IVSHMEM_EXPORTER_H */
