/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The journal: what happened to mappings and devices, for those who look on.
 *
 * Each function counts, traces, and if somebody listens to the netlink group
 * "events" leaves a notice for a worker to send.  They may be called by notifiers
 * and under any lock but the journal's own.
 */
#ifndef P2PMAP_JOURNAL_H
#define P2PMAP_JOURNAL_H

#include <linux/types.h>
#include <p2pmap/abi.h>
#include <p2pmap/netlink.h>

#include "vma_dma_mapping.h"

struct p2pmap_device;
struct pid;

/* In the order of P2PMAP_NL_STATS_*. */
enum p2pmap_counter {
	P2PMAP_COUNT_MAPS,
	P2PMAP_COUNT_UNMAPS,
	P2PMAP_COUNT_REVOCATIONS,
	P2PMAP_COUNT_OUTDATED,
	P2PMAP_COUNT_REMAPS,
	P2PMAP_COUNT_RESTORES,
	P2PMAP_COUNT_EVENTS,
	P2PMAP_COUNT_DEVICES_GONE,
	P2PMAP_COUNT_REFUSALS,
	P2PMAP_COUNT_NOTICES,
	P2PMAP_COUNT_NOTICES_LOST,
	P2PMAP_COUNT_NR,
};

/* Codes from here on are counted in P2PMAP_COUNT_REFUSALS alone. */
#define P2PMAP_COUNTED_REASONS 64

/* What happened once.  Owned by the journal until it was sent. */
struct p2pmap_notice {
	u64 seq;
	u64 lost; /* how many are missing before it */
	u8 cmd; /* enum p2pmap_nl_cmd */
	struct vma_dma_mapping *mapping; /* reference; or NULL */
	struct vma_dma_event event; /* end is 0: no range */
	struct pid *pid; /* reference; who was refused, or NULL */
	char name[32]; /* his command; or the device that is gone */
	u32 operation;
	int error;
	u32 code;
	u32 imports;
	u32 exports;
};

void p2pmap_journal_map(struct vma_dma_mapping *mapping);
void p2pmap_journal_unmap(struct vma_dma_mapping *mapping);
void p2pmap_journal_event(struct vma_dma_mapping *mapping,
			  const struct vma_dma_event *event);
void p2pmap_journal_remap(struct vma_dma_mapping *mapping, u32 first, u32 end,
			  bool by_kernel);
void p2pmap_journal_refuse(u32 operation, int error,
			   const struct p2pmap_reason *why);
void p2pmap_journal_device_gone(struct p2pmap_device *device);
u64 p2pmap_journal_count(enum p2pmap_counter counter);
u64 p2pmap_journal_refusals(u32 code);
void p2pmap_journal_exit(void);

#endif /* P2PMAP_JOURNAL_H */
