/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of /dev/p2pmap: what libp2pmap and p2pmap.ko say to each other.
 *
 * This header is the manual of the character device.  The module and the
 * library share it verbatim; applications use <p2pmap/p2pmap.h> instead.
 *
 * Errors.  Every call answers 0 or one of these, and a call that fails has
 * changed nothing:
 *
 *   E2BIG         the tail of a struct that this module does not know is not
 *                 zero: it is older than the caller needs
 *   EBADF         no such file descriptor
 *   EAGAIN        the memory kept changing while it was being mapped; or
 *                 O_NONBLOCK and no event
 *   EBUSY         the importer is managed by VFIO or another owner of its IOMMU
 *                 domain; or the context already has what is asked for
 *   EFAULT        a bad pointer; a range with a hole; memory that no device may
 *                 reach; WRITE on memory that the caller may not write
 *   EHOSTUNREACH  there is no route from the importer to the exporter
 *   EINTR         a fatal signal came while memory was being mapped (a call
 *                 that was interrupted before it began is restarted)
 *   EINVAL        a value out of its range, a reserved field that is not zero,
 *                 a struct too small, a range of several kinds of memory
 *   EBADF         the descriptor is open for reading only: INFO and ROUTE work
 *   ENODEV        the importer or the exporter is gone or has no driver
 *   ENOENT        no such id in this context
 *   ENOMEM        out of memory, or over the RLIMIT_MEMLOCK of the user
 *   ENOSPC        a limit of the context or of the user, or the importer's
 *                 address space is exhausted, or without CAP_SYS_RESOURCE half
 *                 of it; open() of the node says it, too.  Addresses that
 *                 were given back may be free some milliseconds later
 *   ENOTTY        no such ioctl
 *   EOPNOTSUPP    an unknown flag; memory or a machine that p2pmap does not
 *                 support, or not with these flags
 *   EPERM         not allowed to this caller, or the context belongs to another
 *                 process
 *   ERANGE        memory out of reach of the importer's DMA mask
 *
 * Where a struct has a field "reason", it may point to a struct p2pmap_reason,
 * which a failing call fills with what a person needs to know.
 *
 * Compatibility.  Every struct begins with its size as the caller knows it.  A
 * longer struct than the module's is accepted while its unknown tail is zero; a
 * shorter one is taken as if its missing tail were zero.  The numbers are _IO()
 * without a size, so that growing a struct does not renumber its ioctl.
 */
#ifndef P2PMAP_ABI_H
#define P2PMAP_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define P2PMAP_ABI_VERSION 1

#define P2PMAP_IOC_MAGIC 0xe2

#define P2PMAP_IOC_INFO _IO(P2PMAP_IOC_MAGIC, 0x00)
#define P2PMAP_IOC_ATTACH _IO(P2PMAP_IOC_MAGIC, 0x01)
#define P2PMAP_IOC_DETACH _IO(P2PMAP_IOC_MAGIC, 0x02)
#define P2PMAP_IOC_QUERY _IO(P2PMAP_IOC_MAGIC, 0x03)
#define P2PMAP_IOC_MAP _IO(P2PMAP_IOC_MAGIC, 0x04)
#define P2PMAP_IOC_UNMAP _IO(P2PMAP_IOC_MAGIC, 0x05)
#define P2PMAP_IOC_EXTENTS _IO(P2PMAP_IOC_MAGIC, 0x06)
#define P2PMAP_IOC_STATUS _IO(P2PMAP_IOC_MAGIC, 0x07)
#define P2PMAP_IOC_REMAP _IO(P2PMAP_IOC_MAGIC, 0x08)
#define P2PMAP_IOC_WATCH _IO(P2PMAP_IOC_MAGIC, 0x09)
#define P2PMAP_IOC_EVENTFD _IO(P2PMAP_IOC_MAGIC, 0x0a)
#define P2PMAP_IOC_ROUTE _IO(P2PMAP_IOC_MAGIC, 0x0b)

/**
 * struct p2pmap_pci_addr - the address of a PCI device
 * @domain: PCI domain (segment)
 * @bus: bus number
 * @devfn: device number << 3 | function number
 * @reserved: must be zero
 */
struct p2pmap_pci_addr {
	__u32 domain;
	__u8 bus;
	__u8 devfn;
	__u16 reserved;
};

/**
 * enum p2pmap_reason_code - why a call failed
 *
 * The comment of each code says what struct p2pmap_reason carries with it.
 *
 * @P2PMAP_REASON_NONE: the errno says it all
 * @P2PMAP_REASON_NO_SUCH_DEVICE: @pci: no such PCI device
 * @P2PMAP_REASON_BRIDGE: @pci: is a bridge, which does no DMA and exports no
 *	memory of its own
 * @P2PMAP_REASON_NO_DRIVER: @pci: has no driver bound
 * @P2PMAP_REASON_FOREIGN_OWNER: @pci: its driver manages DMA itself (VFIO), or
 *	its IOMMU domain is not the one of the DMA API
 * @P2PMAP_REASON_NOT_ALLOWED: @pci: attaching it takes CAP_SYS_RAWIO or an
 *	entry in the module's parameter "allow"
 * @P2PMAP_REASON_NOT_COHERENT: @pci: its DMA does not snoop the caches
 * @P2PMAP_REASON_UNTRUSTED: @pci: an external device, whose DMA is bounced
 * @P2PMAP_REASON_DMA_WIDTH: @pci: its driver sets the DMA mask itself; only for
 *	uio_pci_generic a width may be stated
 * @P2PMAP_REASON_DEVICE_GONE: @pci: was unbound or removed
 * @P2PMAP_REASON_OTHER_PROCESS: the context belongs to another process
 * @P2PMAP_REASON_UNENFORCED: @pci: no IOMMU stands between this importer and
 *	the memory, and the module was not loaded with unenforced=1
 * @P2PMAP_REASON_UNENFORCED_PRIVILEGE: @pci: mapping without enforcement takes
 *	CAP_SYS_RAWIO and a kernel that is not locked down
 * @P2PMAP_REASON_NEEDS_PIN: this memory can be mapped for this importer with
 *	PIN only
 * @P2PMAP_REASON_PIN_DEVICE_MEMORY: device memory was to be pinned, and its
 *	exporter has not promised to keep it in place
 * @P2PMAP_REASON_HOLE: @value[0]: first address that is not mapped
 * @P2PMAP_REASON_NOT_WRITABLE: @value[0]: first address that the caller may not
 *	write
 * @P2PMAP_REASON_NOT_READABLE: @value[0]: first address that the caller may not
 *	read
 * @P2PMAP_REASON_MIXED: @value[0]: first address of another kind of memory
 * @P2PMAP_REASON_MEMORY_KIND: @value[0]: first address of memory which is not
 *	supported (a shared file mapping, DAX, secret or ZONE_DEVICE memory)
 * @P2PMAP_REASON_NOT_A_BAR: @value[0]: first address whose frame lies in no BAR
 *	of an enabled PCI device
 * @P2PMAP_REASON_PRIVATE_BAR: @value[0]: an address in a private mapping of a
 *	device, which turns into RAM when it is written
 * @P2PMAP_REASON_SUBPAGE_BAR: @pci, @value[0]: the BAR is smaller than a page
 *	and shares it with something else
 * @P2PMAP_REASON_SEVERAL_BARS: @value[0]: first address in another BAR
 * @P2PMAP_REASON_NO_ROUTE_ACS: @pci: the bridge that redirects; @detail: its
 *	ACS control bits that do it
 * @P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE: @pci: the root device of the host bridge
 *	that is not known to send peer-to-peer traffic down again; @detail: its
 *	vendor id << 16 | device id
 * @P2PMAP_REASON_NO_ROUTE_DISTINCT: as above, where the two devices are under
 *	different host bridges and this one is only good for its own
 * @P2PMAP_REASON_DMA_MASK: @pci; @value[0]: address or size out of reach;
 *	@value[1]: the mask
 * @P2PMAP_REASON_BOUNCE: the memory would be bounced through a buffer (swiotlb)
 * @P2PMAP_REASON_MEMLOCK: @value[0]: limit, @value[1]: used, @value[2]: needed
 *	on top of that, all in bytes
 * @P2PMAP_REASON_LIMIT: @value[0]: the limit of the context that was reached
 * @P2PMAP_REASON_IOVA_SPACE: @value[0]: bytes for which no DMA addresses were
 *	to be had, by this caller
 * @P2PMAP_REASON_BUSY_MEMORY: the memory changed each time it was looked at
 * @P2PMAP_REASON_TOO_BIG: @value[0]: the largest size that can work, in bytes
 * @P2PMAP_REASON_EXPORTER_REFUSES: @value[0]: an address in memory whose exporter
 *	does not let this importer reach it
 * @P2PMAP_REASON_EXPORTER_REFUSES_WRITE: as above, but without WRITE it might
 * @P2PMAP_REASON_EXPORTER_HAS_NONE: @value[0]: an address behind which its
 *	exporter has no memory (any more)
 * @P2PMAP_REASON_NOT_PCI: the importer is no PCI device nor part of one
 * @P2PMAP_REASON_USER_LIMIT: bytes of kernel memory for what the user has open,
 *	attached and mapped: @value[0]: limit, @value[1]: used, @value[2]: needed
 */
enum p2pmap_reason_code {
	P2PMAP_REASON_NONE,
	P2PMAP_REASON_NO_SUCH_DEVICE,
	P2PMAP_REASON_BRIDGE,
	P2PMAP_REASON_NO_DRIVER,
	P2PMAP_REASON_FOREIGN_OWNER,
	P2PMAP_REASON_NOT_ALLOWED,
	P2PMAP_REASON_NOT_COHERENT,
	P2PMAP_REASON_UNTRUSTED,
	P2PMAP_REASON_DMA_WIDTH,
	P2PMAP_REASON_DEVICE_GONE,
	P2PMAP_REASON_OTHER_PROCESS,
	P2PMAP_REASON_UNENFORCED,
	P2PMAP_REASON_UNENFORCED_PRIVILEGE,
	P2PMAP_REASON_NEEDS_PIN,
	P2PMAP_REASON_PIN_DEVICE_MEMORY,
	P2PMAP_REASON_HOLE,
	P2PMAP_REASON_NOT_WRITABLE,
	P2PMAP_REASON_NOT_READABLE,
	P2PMAP_REASON_MIXED,
	P2PMAP_REASON_MEMORY_KIND,
	P2PMAP_REASON_NOT_A_BAR,
	P2PMAP_REASON_PRIVATE_BAR,
	P2PMAP_REASON_SUBPAGE_BAR,
	P2PMAP_REASON_SEVERAL_BARS,
	P2PMAP_REASON_NO_ROUTE_ACS,
	P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE,
	P2PMAP_REASON_NO_ROUTE_DISTINCT,
	P2PMAP_REASON_DMA_MASK,
	P2PMAP_REASON_BOUNCE,
	P2PMAP_REASON_MEMLOCK,
	P2PMAP_REASON_LIMIT,
	P2PMAP_REASON_IOVA_SPACE,
	P2PMAP_REASON_BUSY_MEMORY,
	P2PMAP_REASON_TOO_BIG,
	P2PMAP_REASON_EXPORTER_REFUSES,
	P2PMAP_REASON_EXPORTER_REFUSES_WRITE,
	P2PMAP_REASON_EXPORTER_HAS_NONE,
	P2PMAP_REASON_NOT_PCI,
	P2PMAP_REASON_USER_LIMIT,
};

/**
 * struct p2pmap_reason - what a person needs to know about a failure
 * @size: sizeof(struct p2pmap_reason), set by the caller
 * @code: enum p2pmap_reason_code
 * @pci: the device or bridge concerned, if the code has one
 * @detail: depends on the code
 * @reserved: zero
 * @value: depend on the code
 *
 * Written by failing calls only, and only as far as @size reaches.
 */
struct p2pmap_reason {
	__u32 size;
	__u32 code;
	struct p2pmap_pci_addr pci;
	__u32 detail;
	__u32 reserved;
	__aligned_u64 value[3];
};

/**
 * enum p2pmap_dma_mode - what an importer's DMA addresses are
 * @P2PMAP_DMA_TRANSLATED: addresses behind a translating IOMMU
 * @P2PMAP_DMA_DIRECT: bus addresses
 */
enum p2pmap_dma_mode {
	P2PMAP_DMA_TRANSLATED,
	P2PMAP_DMA_DIRECT,
};

/**
 * enum p2pmap_kind - what memory a range consists of
 * @P2PMAP_KIND_RAM: regular memory, from the core mm
 * @P2PMAP_KIND_BAR: special memory: a BAR of one PCI device
 */
enum p2pmap_kind {
	P2PMAP_KIND_RAM,
	P2PMAP_KIND_BAR,
};

/**
 * enum p2pmap_route - how a transaction gets from importer to exporter
 * @P2PMAP_ROUTE_NONE: not at all, or there is no exporter (RAM)
 * @P2PMAP_ROUTE_SAME: exporter and importer are the same device
 * @P2PMAP_ROUTE_SWITCH: straight through a switch
 * @P2PMAP_ROUTE_HOST_BRIDGE: up to the root complex and down again
 * @P2PMAP_ROUTE_EXPORTER: by a way that the exporter's driver made
 */
enum p2pmap_route {
	P2PMAP_ROUTE_NONE,
	P2PMAP_ROUTE_SAME,
	P2PMAP_ROUTE_SWITCH,
	P2PMAP_ROUTE_HOST_BRIDGE,
	P2PMAP_ROUTE_EXPORTER,
};

/* struct p2pmap_info.flags */
#define P2PMAP_INFO_UNENFORCED (1 << 0) /* loaded with unenforced=1 */
#define P2PMAP_INFO_MAY_ATTACH_ANY (1 << 1) /* caller has CAP_SYS_RAWIO */

/**
 * struct p2pmap_info - P2PMAP_IOC_INFO: what this module is and does
 * @size: sizeof(struct p2pmap_info)
 * @flags: must be zero
 * @out_abi_version: P2PMAP_ABI_VERSION of the module
 * @out_flags: P2PMAP_INFO_*
 * @out_map_flags: every P2PMAP_MAP_* flag that this module knows
 * @out_max_mappings: mappings that one context may have
 * @out_mappings: mappings of this context
 * @out_importers: importers attached to this context
 * @out_quarantined_pages: pages kept because an importer which nothing
 *	restrains may still be writing to them, in the whole system
 *
 * Works from any process that holds the descriptor of its own mm; needs no
 * privilege.
 */
struct p2pmap_info {
	__u32 size;
	__u32 flags;
	__u32 out_abi_version;
	__u32 out_flags;
	__u32 out_map_flags;
	__u32 out_max_mappings;
	__u32 out_mappings;
	__u32 out_importers;
	__aligned_u64 out_quarantined_pages;
};

/* struct p2pmap_attach.out_flags */
#define P2PMAP_IMPORTER_ENFORCED (1 << 0) /* revocation is enforced */

/**
 * struct p2pmap_attach - P2PMAP_IOC_ATTACH: name a device that will do DMA
 * @size: sizeof(struct p2pmap_attach)
 * @flags: must be zero
 * @pci: the importer
 * @dma_bits: 0, or the true width of the device's DMA addresses (1 to 64) where
 *	its driver, uio_pci_generic, left the default of 32; takes CAP_SYS_RAWIO
 * @out_id: id of the importer in this context
 * @out_mode: enum p2pmap_dma_mode
 * @out_flags: P2PMAP_IMPORTER_*
 * @out_group: number of its IOMMU group, ~0 without one.  Every device of the
 *	group can reach what is mapped for the importer
 * @reserved: must be zero
 * @out_dma_mask: highest address that the importer can reach
 * @reason: 0, or address of a struct p2pmap_reason
 *
 * Needs CAP_SYS_RAWIO or an entry for the device in the module's parameter
 * "allow".  Does not bind the context to a process: a privileged process may
 * attach and hand the descriptor on.
 *
 * Errors: EPERM, ENODEV (no such device, no driver), EINVAL (a bridge, a bad
 * width), EBUSY (VFIO, or the device has mappings and would get fewer bits),
 * EOPNOTSUPP (not coherent, untrusted), ENOSPC, EINTR.
 */
struct p2pmap_attach {
	__u32 size;
	__u32 flags;
	struct p2pmap_pci_addr pci;
	__u32 dma_bits;
	__u32 out_id;
	__u32 out_mode;
	__u32 out_flags;
	__u32 out_group;
	__u32 reserved;
	__aligned_u64 out_dma_mask;
	__aligned_u64 reason;
};

/**
 * struct p2pmap_detach - P2PMAP_IOC_DETACH: forget an importer
 * @size: sizeof(struct p2pmap_detach)
 * @id: the importer
 *
 * Errors: ENOENT, EBUSY while the context has mappings for it.
 */
struct p2pmap_detach {
	__u32 size;
	__u32 id;
};

/**
 * struct p2pmap_query - P2PMAP_IOC_QUERY: what is mapped at a range?
 * @size: sizeof(struct p2pmap_query)
 * @flags: P2PMAP_MAP_WRITE, P2PMAP_MAP_PIN: as the MAP in question would have
 * @importer: id of an importer, or 0 to ask about the range alone
 * @reserved: must be zero
 * @addr: first byte, page-aligned
 * @length: bytes, a multiple of the page size
 * @out_kind: enum p2pmap_kind
 * @out_route: enum p2pmap_route, if @importer was given
 * @out_exporter: the PCI device whose BAR it is, for P2PMAP_KIND_BAR
 * @out_bar: number of the BAR
 * @out_distance: bridges between importer and exporter, as p2pdma counts them
 * @out_bar_offset: offset of the range's first byte in the BAR
 * @reason: 0, or address of a struct p2pmap_reason
 *
 * Answers what MAP would answer as far as that can be known without touching
 * anything: no page is faulted in, no memory is charged.
 *
 * Errors: as MAP.
 */
struct p2pmap_query {
	__u32 size;
	__u32 flags;
	__u32 importer;
	__u32 reserved;
	__aligned_u64 addr;
	__aligned_u64 length;
	__u32 out_kind;
	__u32 out_route;
	struct p2pmap_pci_addr out_exporter;
	__u32 out_bar;
	__u32 out_distance;
	__aligned_u64 out_bar_offset;
	__aligned_u64 reason;
};

/**
 * struct p2pmap_extent - a run of a mapping that is contiguous for the importer
 * @dma_addr: its first DMA address
 * @length: bytes
 */
struct p2pmap_extent {
	__aligned_u64 dma_addr;
	__aligned_u64 length;
};

/* struct p2pmap_map.flags */
#define P2PMAP_MAP_WRITE (1 << 0) /* the importer may write */
#define P2PMAP_MAP_PIN (1 << 1) /* the memory may not move until unmap */
#define P2PMAP_MAP_SINK (1 << 2) /* DMA to what was revoked hits a sink */
#define P2PMAP_MAP_RESTORE (1 << 3) /* remap by itself what was revoked */

/* struct p2pmap_map.out_flags, struct p2pmap_status.out_flags */
#define P2PMAP_MAPPING_ENFORCED (1 << 0) /* revocation is enforced */
#define P2PMAP_MAPPING_LIVE (1 << 1) /* the importer reaches all of it */
#define P2PMAP_MAPPING_GONE (1 << 2) /* importer or exporter is gone */
#define P2PMAP_MAPPING_PINNED (1 << 3) /* the memory is pinned */
#define P2PMAP_MAPPING_STALE (1 << 4) /* may no longer be what is at @addr */

/* struct p2pmap_map.out_slot without P2PMAP_IOC_WATCH */
#define P2PMAP_NO_SLOT (~0U)

/**
 * struct p2pmap_map - P2PMAP_IOC_MAP: make a range visible to an importer
 * @size: sizeof(struct p2pmap_map)
 * @flags: P2PMAP_MAP_*
 * @importer: id of the importer
 * @max_extents: how many extents fit at @extents
 * @addr: first byte, page-aligned
 * @length: bytes, a multiple of the page size
 * @cookie: the caller's, comes back with each event
 * @extents: 0, or address of an array of struct p2pmap_extent
 * @out_id: id of the mapping
 * @out_nr_extents: extents of the mapping, of which the first @max_extents were
 *	written; P2PMAP_IOC_EXTENTS tells the others
 * @out_kind: enum p2pmap_kind
 * @out_route: enum p2pmap_route
 * @out_flags: P2PMAP_MAPPING_*
 * @out_slot: its slot in the generation page, or P2PMAP_NO_SLOT
 * @out_generation: its generation, as in the slot
 * @out_exporter: the PCI device whose BAR it is, for P2PMAP_KIND_BAR
 * @reason: 0, or address of a struct p2pmap_reason
 *
 * The first successful MAP binds the context to the calling process's memory
 * for good.  The range may cross several VMAs of one kind.
 *
 * A page that a userfaultfd monitor has yet to provide is EFAULT at once: MAP
 * waits for nobody else's memory.
 *
 * P2PMAP_MAP_PIN pins regular memory for the long term and charges it to
 * RLIMIT_MEMLOCK; of device memory it is a promise that its exporter makes or
 * refuses.  P2PMAP_MAP_SINK and P2PMAP_MAP_RESTORE do not go with it.  Without it
 * nothing is held: the kernel takes the memory away when it pleases, after it has
 * cut the importer off.
 *
 * Errors: all of the table above but ENOTTY.
 */
struct p2pmap_map {
	__u32 size;
	__u32 flags;
	__u32 importer;
	__u32 max_extents;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 cookie;
	__aligned_u64 extents;
	__u32 out_id;
	__u32 out_nr_extents;
	__u32 out_kind;
	__u32 out_route;
	__u32 out_flags;
	__u32 out_slot;
	__aligned_u64 out_generation;
	struct p2pmap_pci_addr out_exporter;
	__aligned_u64 reason;
};

/**
 * struct p2pmap_unmap - P2PMAP_IOC_UNMAP: end a mapping
 * @size: sizeof(struct p2pmap_unmap)
 * @id: the mapping
 *
 * When it returns no DMA of an enforced mapping reaches the memory any more.
 * The importer's later use of the addresses is its owner's fault: they may be
 * another mapping's by then.  Allowed from every process that has the
 * descriptor.
 *
 * Errors: ENOENT.
 */
struct p2pmap_unmap {
	__u32 size;
	__u32 id;
};

/**
 * struct p2pmap_extents - P2PMAP_IOC_EXTENTS: list the extents of a mapping
 * @size: sizeof(struct p2pmap_extents)
 * @id: the mapping
 * @first: index of the first extent to write
 * @max_extents: how many fit at @extents
 * @extents: address of an array of struct p2pmap_extent
 * @out_count: extents written
 * @out_total: extents of the mapping
 *
 * Extents come in the order of the range; they do not change while the mapping
 * lives, whatever is revoked.
 *
 * Errors: ENOENT, EFAULT, ENODEV (the importer is gone, and its addresses with
 * it), EPERM (they are bus addresses, and CAP_SYS_RAWIO was given up).
 */
struct p2pmap_extents {
	__u32 size;
	__u32 id;
	__u32 first;
	__u32 max_extents;
	__aligned_u64 extents;
	__u32 out_count;
	__u32 out_total;
};

/**
 * struct p2pmap_status - P2PMAP_IOC_STATUS: how is a mapping?
 * @size: sizeof(struct p2pmap_status)
 * @id: the mapping
 * @out_flags: P2PMAP_MAPPING_*
 * @reserved: must be zero
 * @out_live_bytes: bytes that the importer reaches now
 * @out_sink_bytes: bytes under which the sink lies now
 * @out_generation: its generation
 *
 * Errors: ENOENT.
 */
struct p2pmap_status {
	__u32 size;
	__u32 id;
	__u32 out_flags;
	__u32 reserved;
	__aligned_u64 out_live_bytes;
	__aligned_u64 out_sink_bytes;
	__aligned_u64 out_generation;
};

/**
 * struct p2pmap_remap - P2PMAP_IOC_REMAP: have revoked memory back
 * @size: sizeof(struct p2pmap_remap)
 * @id: the mapping
 * @flags: must be zero
 * @reserved: must be zero
 * @offset: first byte to restore, from the start of the mapping, page-aligned
 * @length: bytes, a multiple of the page size, or 0 for all that follows
 * @out_generation: the mapping's generation afterwards
 * @out_flags: P2PMAP_MAPPING_*
 * @reserved2: must be zero
 * @reason: 0, or address of a struct p2pmap_reason
 *
 * What is live stays as it is; what was revoked is mapped again, at the DMA
 * address it had.  All or nothing.
 *
 * Errors: ENOENT, EINVAL, EFAULT (the range is not valid now), EAGAIN, ENODEV,
 * ENOMEM, EOPNOTSUPP (not an unpinned, enforced mapping), EHOSTUNREACH, EPERM
 * (its exporter refuses), EINTR (a deadly signal).
 */
struct p2pmap_remap {
	__u32 size;
	__u32 id;
	__u32 flags;
	__u32 reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 out_generation;
	__u32 out_flags;
	__u32 reserved2;
	__aligned_u64 reason;
};

/**
 * struct p2pmap_watch - P2PMAP_IOC_WATCH: have a generation page
 * @size: sizeof(struct p2pmap_watch)
 * @capacity: slots, so many mappings can the context then have; a power of two
 *	is not needed
 * @out_length: bytes to mmap(), at offset 0, read-only and shared
 * @reserved: must be zero
 *
 * Once per context and before its first MAP.  The page is an array of
 * __u64, one for each slot.  A mapping's word is its generation: odd while the
 * importer reaches all of the mapping, even while a part of it is revoked or
 * the slot is free.  It only ever grows, also from one mapping to the next in
 * the same slot.  It changes before the importer is cut off.  So a mapping is
 * still what it was if its word is still what MAP or REMAP returned.
 *
 * Errors: EBUSY (there is one, or a mapping was made), EINVAL (capacity is 0 or
 * over P2PMAP_WATCH_MAX), ENOSPC, ENOMEM.
 */
struct p2pmap_watch {
	__u32 size;
	__u32 capacity;
	__aligned_u64 out_length;
	__aligned_u64 reserved;
};

#define P2PMAP_WATCH_MAX 65536

/**
 * struct p2pmap_eventfd - P2PMAP_IOC_EVENTFD: also signal an eventfd
 * @size: sizeof(struct p2pmap_eventfd)
 * @fd: an eventfd, or -1 to stop
 *
 * The eventfd is signalled whenever an event becomes pending on a mapping that
 * had none.
 *
 * Errors: EBADF, EINVAL (not an eventfd).
 */
struct p2pmap_eventfd {
	__u32 size;
	__s32 fd;
};

/**
 * struct p2pmap_route_query - P2PMAP_IOC_ROUTE: is there a way between two
 *	devices?
 * @size: sizeof(struct p2pmap_route_query)
 * @flags: must be zero
 * @importer: the device that would do DMA
 * @exporter: the device whose memory it would reach
 * @out_route: enum p2pmap_route
 * @out_distance: bridges between the two, as p2pdma counts them
 * @out_mode: enum p2pmap_dma_mode: what the importer's DMA addresses are now
 * @reserved: must be zero
 * @reason: 0, or address of a struct p2pmap_reason
 *
 * Answers what MAP would find between the two as they are now: the way depends
 * on the importer's IOMMU domain, which its driver may have changed, and on ACS
 * controls.  Nothing is attached or mapped, and no privilege is needed.  It
 * says nothing of whether this caller may map, nor of masks and BARs.
 *
 * Errors: EHOSTUNREACH (no route, with the reasons of MAP), ENODEV (no such
 * device, the importer has no driver), EINVAL (a bridge), EBUSY (VFIO),
 * EOPNOTSUPP (not coherent, untrusted), EPERM.
 */
struct p2pmap_route_query {
	__u32 size;
	__u32 flags;
	struct p2pmap_pci_addr importer;
	struct p2pmap_pci_addr exporter;
	__u32 out_route;
	__u32 out_distance;
	__u32 out_mode;
	__u32 reserved;
	__aligned_u64 reason;
};

/* struct p2pmap_event.reasons */
#define P2PMAP_EVENT_UNMAPPED (1 << 0) /* unmapped or moved */
#define P2PMAP_EVENT_CHANGED (1 << 1) /* frame or contents changed */
#define P2PMAP_EVENT_PROTECTION (1 << 2) /* access rights changed */
#define P2PMAP_EVENT_SOFT_DIRTY (1 << 3) /* soft-dirty tracking began */
#define P2PMAP_EVENT_EXIT (1 << 4) /* the process ended or called exec */
#define P2PMAP_EVENT_DEVICE_GONE (1 << 5) /* importer or exporter is gone */
#define P2PMAP_EVENT_WITHDRAWN (1 << 6) /* moved or taken back by its exporter */
#define P2PMAP_EVENT_RESTORED (1 << 7) /* mapped again, by the kernel */

/* struct p2pmap_event.flags */
#define P2PMAP_EVENT_SINK (1 << 0) /* the sink is in place */
#define P2PMAP_EVENT_NOT_CUT (1 << 1) /* the importer still reaches it */

/**
 * struct p2pmap_event - what read() returns: something happened to a mapping
 * @size: bytes to the next event
 * @mapping: id of the mapping
 * @cookie: as given to MAP
 * @offset: first byte that was invalidated, from the start of the mapping
 * @length: bytes
 * @cut_offset: first byte from which the importer was cut off
 * @cut_length: bytes; 0 if nothing was cut.  Larger than @length where the
 *	mapping's grain forced a wider cut; what was not invalidated comes back
 *	by itself, and so does what is still there when 2 MiB were announced
 *	as CHANGED because of one page
 * @generation: the mapping's generation when the event was read
 * @reasons: P2PMAP_EVENT_UNMAPPED and following
 * @flags: P2PMAP_EVENT_SINK and following
 *
 * The record may grow in later versions, and never gets shorter.  read()
 * returns as many whole events as fit and fails with EINVAL if not even
 * one does.  Events of one mapping are merged until they are read: ranges to
 * the range that covers them, reasons to their union.
 */
struct p2pmap_event {
	__u32 size;
	__u32 mapping;
	__aligned_u64 cookie;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 cut_offset;
	__aligned_u64 cut_length;
	__aligned_u64 generation;
	__u32 reasons;
	__u32 flags;
};

#endif /* P2PMAP_ABI_H */
