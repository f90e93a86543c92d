/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The generic netlink family "p2pmap": every live mapping, for people.
 *
 * docs/netlink/p2pmap.yaml says the same in the kernel's own format, attribute
 * by attribute; tests/check/netlink holds the two against each other.  Values of
 * KIND, ROUTE, STATUS and so on are those of <p2pmap/abi.h>.
 *
 * Requests and answers.  STATS_GET is a "do".  CONTEXT_GET, IMPORTER_GET and
 * MAPPING_GET are a "do" with the ID, or a dump; dumps of importers and mappings
 * may be narrowed to one CONTEXT.  EXTENT_GET is a dump with the MAPPING.  An
 * answer has the command of its request.  Attributes are those of the noun:
 * P2PMAP_NL_MAPPING_* in MAPPING_GET and so on; the first one is always the id.
 * Parsing is strict: an unknown attribute is EINVAL.  What is not shown to the
 * asker is ENOENT, as if it were not there.
 *
 * Ids are 64 bits wide and never used again while the module is loaded, neither
 * for the same noun nor for another one.  LOCAL_ID is what the context's own user
 * calls it: the id of <p2pmap/abi.h>, good in that context only.
 *
 * Who sees what.  A context belongs to the user (real uid) who opened it, and
 * from its first MAP on to the one who mapped; its importers and mappings belong
 * to him, too.  Everybody sees his own.  To see all, and what drivers in the
 * kernel mapped, takes CAP_NET_ADMIN, and so do STATS_GET and listening to the
 * group "events".  Addresses are shown with CAP_SYS_RAWIO only, also one's own.
 * Both capabilities are those of the initial user namespace, and of the
 * process that asks as well as of the one that opened the socket; the family
 * is there in the initial network namespace only.
 *
 * Dumps come in the order of ids.  What is there all the time comes exactly once.
 * If anything came or went meanwhile, messages and the final NLMSG_DONE have
 * NLM_F_DUMP_INTR.
 *
 * Events are best effort: nothing waits for them.  Each has a number (SEQ), and
 * a gap in the numbers is a loss.  Where it was p2pmap that had no room,
 * LOST_NTF says how many are missing; where it was the socket, recv() says
 * ENOBUFS.  Who must not miss anything reads the descriptor of his context.
 */
#ifndef P2PMAP_NETLINK_H
#define P2PMAP_NETLINK_H

#define P2PMAP_NL_FAMILY_NAME "p2pmap"
#define P2PMAP_NL_FAMILY_VERSION 1
#define P2PMAP_NL_MCGRP_EVENTS "events"

enum p2pmap_nl_cmd {
	P2PMAP_NL_CMD_STATS_GET = 1,
	P2PMAP_NL_CMD_CONTEXT_GET,
	P2PMAP_NL_CMD_IMPORTER_GET,
	P2PMAP_NL_CMD_MAPPING_GET,
	P2PMAP_NL_CMD_EXTENT_GET,
	/* What follows is sent to the group "events": P2PMAP_NL_EVENT_*. */
	P2PMAP_NL_CMD_MAP_NTF, /* a mapping was made */
	P2PMAP_NL_CMD_UNMAP_NTF, /* a mapping ended */
	P2PMAP_NL_CMD_REVOKE_NTF, /* taken from the importer, or stale */
	P2PMAP_NL_CMD_REMAP_NTF, /* what was revoked is back */
	P2PMAP_NL_CMD_REFUSE_NTF, /* ATTACH, MAP or REMAP failed */
	P2PMAP_NL_CMD_DEVICE_GONE_NTF, /* an importer or exporter is gone */
	P2PMAP_NL_CMD_LOST_NTF, /* there was no room for some events */

	/* private: */
	__P2PMAP_NL_CMD_MAX,
	P2PMAP_NL_CMD_MAX = (__P2PMAP_NL_CMD_MAX - 1)
};

/* P2PMAP_NL_MAPPING_STATE */
enum p2pmap_nl_state {
	P2PMAP_NL_STATE_LIVE = 1, /* the importer reaches all of it */
	P2PMAP_NL_STATE_PARTIAL, /* a part of it is revoked */
	P2PMAP_NL_STATE_REVOKED, /* all of it is revoked */
	P2PMAP_NL_STATE_GONE, /* importer or exporter is gone */
	P2PMAP_NL_STATE_QUARANTINED /* its owner is gone, its pages are kept */
};

/* P2PMAP_NL_EVENT_OPERATION: what was refused; the number of the ioctl, or */
enum p2pmap_nl_operation {
	P2PMAP_NL_OPERATION_ATTACH = 1,
	P2PMAP_NL_OPERATION_MAP = 4,
	P2PMAP_NL_OPERATION_REMAP = 8,
	P2PMAP_NL_OPERATION_DRIVER_MAP = 256 /* a driver in the kernel */
};

/* A context: one open of /dev/p2pmap. */
enum p2pmap_nl_context {
	P2PMAP_NL_CONTEXT_ID = 1, /* u64 */
	P2PMAP_NL_CONTEXT_UID, /* u32; as the asker's user namespace has it */
	P2PMAP_NL_CONTEXT_PID, /* u32; 0: not in the asker's pid namespace */
	P2PMAP_NL_CONTEXT_COMMAND, /* string; when PID was recorded */
	P2PMAP_NL_CONTEXT_BOUND, /* flag; bound to the memory of PID */
	P2PMAP_NL_CONTEXT_IMPORTERS, /* u32; attached to it */
	P2PMAP_NL_CONTEXT_MAPPINGS, /* u32; that it has */
	P2PMAP_NL_CONTEXT_AGE, /* u64; milliseconds since it was opened */
	P2PMAP_NL_CONTEXT_PAD,

	/* private: */
	__P2PMAP_NL_CONTEXT_MAX,
	P2PMAP_NL_CONTEXT_MAX = (__P2PMAP_NL_CONTEXT_MAX - 1)
};

/* An importer: a device attached to a context. */
enum p2pmap_nl_importer {
	P2PMAP_NL_IMPORTER_ID = 1, /* u64 */
	P2PMAP_NL_IMPORTER_CONTEXT, /* u64 */
	P2PMAP_NL_IMPORTER_LOCAL_ID, /* u32 */
	P2PMAP_NL_IMPORTER_DEVICE, /* string; DDDD:BB:DD.F */
	P2PMAP_NL_IMPORTER_DRIVER, /* string; bound to it when attached */
	P2PMAP_NL_IMPORTER_MODE, /* u32; enum p2pmap_dma_mode */
	P2PMAP_NL_IMPORTER_STATUS, /* u32; P2PMAP_IMPORTER_* */
	P2PMAP_NL_IMPORTER_GROUP, /* u32; IOMMU group, absent without one */
	P2PMAP_NL_IMPORTER_MAPPINGS, /* u32; that the context has for it */
	P2PMAP_NL_IMPORTER_GONE, /* flag; was unbound or removed */
	P2PMAP_NL_IMPORTER_AGE, /* u64; milliseconds since it was attached */
	P2PMAP_NL_IMPORTER_PAD,

	/* private: */
	__P2PMAP_NL_IMPORTER_MAX,
	P2PMAP_NL_IMPORTER_MAX = (__P2PMAP_NL_IMPORTER_MAX - 1)
};

/* A mapping: a range of one mm, visible to one device. */
enum p2pmap_nl_mapping {
	P2PMAP_NL_MAPPING_ID = 1, /* u64 */
	P2PMAP_NL_MAPPING_CONTEXT, /* u64; absent if a driver mapped */
	P2PMAP_NL_MAPPING_LOCAL_ID, /* u32; absent if a driver mapped */
	P2PMAP_NL_MAPPING_PID, /* u32; who mapped; absent if a driver did */
	P2PMAP_NL_MAPPING_COMMAND, /* string; when he mapped */
	P2PMAP_NL_MAPPING_DRIVER, /* string; the driver that mapped */
	P2PMAP_NL_MAPPING_IMPORTER, /* string; DDDD:BB:DD.F, or its name */
	P2PMAP_NL_MAPPING_EXPORTER, /* string; only of a BAR */
	P2PMAP_NL_MAPPING_BAR, /* u32; number; only of a BAR */
	P2PMAP_NL_MAPPING_LENGTH, /* u64; bytes */
	P2PMAP_NL_MAPPING_FLAGS, /* u32; P2PMAP_MAP_* */
	P2PMAP_NL_MAPPING_KIND, /* u32; enum p2pmap_kind */
	P2PMAP_NL_MAPPING_ROUTE, /* u32; enum p2pmap_route */
	P2PMAP_NL_MAPPING_STATUS, /* u32; P2PMAP_MAPPING_* */
	P2PMAP_NL_MAPPING_STATE, /* u32; enum p2pmap_nl_state */
	P2PMAP_NL_MAPPING_EXTENTS, /* u32; how many it has */
	P2PMAP_NL_MAPPING_LIVE_BYTES, /* u64; that the importer reaches */
	P2PMAP_NL_MAPPING_SINK_BYTES, /* u64; under which the sink lies */
	P2PMAP_NL_MAPPING_LOST_BYTES, /* u64; where DMA faults until a REMAP */
	P2PMAP_NL_MAPPING_GENERATION, /* u64; absent if a driver mapped */
	P2PMAP_NL_MAPPING_AGE, /* u64; milliseconds since it was made */
	P2PMAP_NL_MAPPING_PINNED_BYTES, /* u64; of RAM */
	P2PMAP_NL_MAPPING_ADDR, /* u64; CAP_SYS_RAWIO: first address */
	P2PMAP_NL_MAPPING_DMA_ADDR, /* u64; CAP_SYS_RAWIO: of extent 0 */
	P2PMAP_NL_MAPPING_PAD,

	/* private: */
	__P2PMAP_NL_MAPPING_MAX,
	P2PMAP_NL_MAPPING_MAX = (__P2PMAP_NL_MAPPING_MAX - 1)
};

/* An extent of a mapping; takes CAP_SYS_RAWIO. */
enum p2pmap_nl_extent {
	P2PMAP_NL_EXTENT_MAPPING = 1, /* u64 */
	P2PMAP_NL_EXTENT_INDEX, /* u32 */
	P2PMAP_NL_EXTENT_DMA_ADDR, /* u64 */
	P2PMAP_NL_EXTENT_LENGTH, /* u64; bytes */
	P2PMAP_NL_EXTENT_PAD,

	/* private: */
	__P2PMAP_NL_EXTENT_MAX,
	P2PMAP_NL_EXTENT_MAX = (__P2PMAP_NL_EXTENT_MAX - 1)
};

/* Counters since the module was loaded; all but REFUSAL are u64. */
enum p2pmap_nl_stats {
	P2PMAP_NL_STATS_MAPS = 1, /* mappings made */
	P2PMAP_NL_STATS_UNMAPS, /* mappings ended */
	P2PMAP_NL_STATS_REVOCATIONS, /* times a device was cut off */
	P2PMAP_NL_STATS_OUTDATED, /* times a mapping stayed and got stale */
	P2PMAP_NL_STATS_REMAPS, /* times a REMAP brought something back */
	P2PMAP_NL_STATS_RESTORES, /* times the kernel brought it back itself */
	P2PMAP_NL_STATS_EVENTS, /* events told to owners of mappings */
	P2PMAP_NL_STATS_DEVICES_GONE, /* importers and exporters */
	P2PMAP_NL_STATS_REFUSALS, /* ATTACH, MAP and REMAP that failed */
	P2PMAP_NL_STATS_NOTICES, /* sent to the group "events" */
	P2PMAP_NL_STATS_NOTICES_LOST, /* for which there was no room */
	P2PMAP_NL_STATS_QUARANTINED_PAGES, /* just now */
	P2PMAP_NL_STATS_REFUSAL, /* nest of P2PMAP_NL_REFUSAL_*, several */
	P2PMAP_NL_STATS_PAD,

	/* private: */
	__P2PMAP_NL_STATS_MAX,
	P2PMAP_NL_STATS_MAX = (__P2PMAP_NL_STATS_MAX - 1)
};

/* How often something was refused for one reason; only reasons that occurred. */
enum p2pmap_nl_refusal {
	P2PMAP_NL_REFUSAL_CODE = 1, /* u32; enum p2pmap_reason_code */
	P2PMAP_NL_REFUSAL_COUNT, /* u64 */
	P2PMAP_NL_REFUSAL_PAD,

	/* private: */
	__P2PMAP_NL_REFUSAL_MAX,
	P2PMAP_NL_REFUSAL_MAX = (__P2PMAP_NL_REFUSAL_MAX - 1)
};

/* What the group "events" is told; ids of processes are those of the system. */
enum p2pmap_nl_event {
	P2PMAP_NL_EVENT_SEQ = 1, /* u64; of each event */
	P2PMAP_NL_EVENT_MAPPING, /* nest of P2PMAP_NL_MAPPING_*: which one */
	P2PMAP_NL_EVENT_OFFSET, /* u64; first byte of it that is concerned */
	P2PMAP_NL_EVENT_LENGTH, /* u64; bytes */
	P2PMAP_NL_EVENT_CUT_OFFSET, /* u64; first byte that was cut off */
	P2PMAP_NL_EVENT_CUT_LENGTH, /* u64; bytes; absent if nothing was */
	P2PMAP_NL_EVENT_REASONS, /* u32; P2PMAP_EVENT_UNMAPPED ... */
	P2PMAP_NL_EVENT_FLAGS, /* u32; P2PMAP_EVENT_NOT_CUT ... */
	P2PMAP_NL_EVENT_OPERATION, /* u32; enum p2pmap_nl_operation */
	P2PMAP_NL_EVENT_ERRNO, /* u32; positive */
	P2PMAP_NL_EVENT_CODE, /* u32; enum p2pmap_reason_code */
	P2PMAP_NL_EVENT_PID, /* u32; who was refused */
	P2PMAP_NL_EVENT_COMMAND, /* string; who was refused */
	P2PMAP_NL_EVENT_DEVICE, /* string; which is gone: DDDD:BB:DD.F */
	P2PMAP_NL_EVENT_IMPORTS, /* u32; mappings that it imported */
	P2PMAP_NL_EVENT_EXPORTS, /* u32; mappings that it exported */
	P2PMAP_NL_EVENT_LOST, /* u64; how many are missing here */
	P2PMAP_NL_EVENT_PAD,

	/* private: */
	__P2PMAP_NL_EVENT_MAX,
	P2PMAP_NL_EVENT_MAX = (__P2PMAP_NL_EVENT_MAX - 1)
};

#endif /* P2PMAP_NETLINK_H */
