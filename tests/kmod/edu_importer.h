/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ABI of /dev/p2pmap-edu-<PCI address>, shared by edu_importer.ko and the
 * tests.
 *
 * REGISTER names a range of memory, TRANSFER has the device copy to it or from
 * it.  A range belongs to the descriptor by which it was registered and ends
 * with UNREGISTER or with the last copy of that.
 */
#ifndef EDU_IMPORTER_H
#define EDU_IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* How a range is to be had; the lower ones are those of vma_dma_mapping.h. */
#define EDU_RANGE_WRITE (1U << 0)
#define EDU_RANGE_PIN (1U << 1)
#define EDU_RANGE_SINK (1U << 2)
#define EDU_RANGE_RESTORE (1U << 3)
#define EDU_RANGE_MAPPING \
	(EDU_RANGE_WRITE | EDU_RANGE_PIN | EDU_RANGE_SINK | EDU_RANGE_RESTORE)
/* How the driver looks addresses up; without these, in the extents. */
#define EDU_RANGE_ADDRESSES (1U << 8) /* in an array with one for each page */
#define EDU_RANGE_SGTABLE (1U << 9) /* in a scatterlist */
#define EDU_RANGE_KTHREAD (1U << 10) /* a kernel thread maps and remaps it */
#define EDU_RANGE_FLAGS \
	(EDU_RANGE_MAPPING | EDU_RANGE_ADDRESSES | EDU_RANGE_SGTABLE | \
	 EDU_RANGE_KTHREAD)

/*
 * struct edu_register - have a range at the device's disposal
 * @addr, @length: the range, page-aligned
 * @flags: EDU_RANGE_*
 * @pid: whose memory, which takes CAP_SYS_PTRACE; 0 is the caller's own
 * @out_id: its id
 * @reserved: 0
 */
struct edu_register {
	__aligned_u64 addr;
	__aligned_u64 length;
	__u32 flags;
	__u32 pid;
	__u32 out_id;
	__u32 reserved;
};

#define EDU_TRANSFER_TO_RANGE (1U << 0) /* otherwise from it */
#define EDU_TRANSFER_REMAP (1U << 1) /* have it back first, should it be gone */
#define EDU_TRANSFER_FLAGS (EDU_TRANSFER_TO_RANGE | EDU_TRANSFER_REMAP)

/*
 * struct edu_transfer - have the device copy bytes
 * @data: the bytes of the caller
 * @offset: where in the range
 * @length: bytes, at most 4095
 * @id: the range
 * @flags: EDU_TRANSFER_*
 * @out_void: 1 if not all of the range was there all the time: nothing can be
 *	said of the bytes; try again
 */
struct edu_transfer {
	__aligned_u64 data;
	__aligned_u64 offset;
	__u32 length;
	__u32 id;
	__u32 flags;
	__u32 out_void;
};

/*
 * struct edu_part - a part of a range, or all of it
 * @offset, @length: the part, page-aligned; a length of 0 is all that follows
 * @id: the range
 * @reserved: 0
 */
struct edu_part {
	__aligned_u64 offset;
	__aligned_u64 length;
	__u32 id;
	__u32 reserved;
};

/*
 * struct edu_status - what became of a range
 * @id: the range
 * @out_flags: P2PMAP_MAPPING_*; 0 once it has ended
 * @out_live_bytes, @out_sink_bytes, @out_lost_bytes: as of
 *	struct vma_dma_mapping_info
 * @out_dma_addr: the first DMA address, asked for anew; 0 if there is none
 * @out_kind, @out_route: enum p2pmap_kind, enum p2pmap_route
 * @out_stops, @out_resumes, @out_events: how often p2pmap called
 * @out_reasons: P2PMAP_EVENT_* of all events since the last status
 * @out_event_offset, @out_event_end, @out_cut_offset, @out_cut_end: of the
 *	last event
 * @out_event_flags: likewise
 */
struct edu_status {
	__u32 id;
	__u32 out_flags;
	__aligned_u64 out_live_bytes;
	__aligned_u64 out_sink_bytes;
	__aligned_u64 out_lost_bytes;
	__aligned_u64 out_dma_addr;
	__u32 out_kind;
	__u32 out_route;
	__u32 out_stops;
	__u32 out_resumes;
	__u32 out_events;
	__u32 out_reasons;
	__aligned_u64 out_event_offset;
	__aligned_u64 out_event_end;
	__aligned_u64 out_cut_offset;
	__aligned_u64 out_cut_end;
	__u32 out_event_flags;
	__u32 reserved;
};

#define EDU_IOC_REGISTER _IOWR('e', 0, struct edu_register)
#define EDU_IOC_UNREGISTER _IOW('e', 1, struct edu_part)
#define EDU_IOC_TRANSFER _IOWR('e', 2, struct edu_transfer)
#define EDU_IOC_REMAP _IOW('e', 3, struct edu_part)
#define EDU_IOC_STATUS _IOWR('e', 4, struct edu_status)

#endif /* EDU_IMPORTER_H */
