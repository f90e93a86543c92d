// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revocation: an importer is cut off before the kernel gives memory away.
 *
 * The invariant: when the notifier returns, no DMA reaches what was
 * invalidated.  Everything here runs under the mapping's lock, in reclaim as
 * well; it frees nothing, allocates nothing that may sleep, and makes no IOMMU
 * call for what is not live (blocks.c says why that matters).
 *
 * Order within a cut: the owner is told to stop, the IOMMU is told, the blocks
 * are marked, the owner is told what happened.  Bringing back what was cut only
 * because its neighbour went, and placing sinks, needs memory and is a worker's
 * job (restore.c).  Where no part can be cut, all of the mapping goes down.
 */
#include <linux/export.h>
#include <linux/mm.h>

#include "delay.h"
#include "mapping.h"

/* For so few lost pages the notifier places the sink itself. */
#define SINK_NOW 8

static u32 event_reason(const struct vma_dma_mapping *mapping,
			enum mmu_notifier_event event)
{
	switch (event) {
	case MMU_NOTIFY_UNMAP:
		return P2PMAP_EVENT_UNMAPPED;
	case MMU_NOTIFY_PROTECTION_VMA:
	case MMU_NOTIFY_PROTECTION_PAGE:
		return P2PMAP_EVENT_PROTECTION;
	case MMU_NOTIFY_SOFT_DIRTY:
		return P2PMAP_EVENT_SOFT_DIRTY;
	case MMU_NOTIFY_RELEASE:
		return P2PMAP_EVENT_EXIT;
	default:
		/* The core mm leaves special memory alone: who zaps it owns it. */
		return mapping->state == P2PMAP_MAPPING_MAPPED &&
				       mapping->map->exporter ?
			       P2PMAP_EVENT_WITHDRAWN : P2PMAP_EVENT_CHANGED;
	}
}

/* [offset, end) is about to be taken; the owner may have to stop the device. */
void p2pmap_mapping_stop(struct vma_dma_mapping *mapping, u64 offset, u64 end)
{
	lockdep_assert_held(&mapping->lock);
	if (mapping->ops->stop)
		mapping->ops->stop(mapping->owner, offset, end);
	/* What he said is seen before anything that follows, above all a cut. */
	smp_mb();
	p2pmap_delay_spin(P2PMAP_DELAY_STOPPED);
}

/* All of it is there. */
void p2pmap_mapping_resume(struct vma_dma_mapping *mapping)
{
	lockdep_assert_held(&mapping->lock);
	if (mapping->ops->resume)
		mapping->ops->resume(mapping->owner);
}

void p2pmap_mapping_tell(struct vma_dma_mapping *mapping,
			 const struct vma_dma_event *event)
{
	lockdep_assert_held(&mapping->lock);
	p2pmap_journal_event(mapping, event);
	if (mapping->ops->event)
		mapping->ops->event(mapping->owner, event);
}

/* Bytes [from, to) to which something was done; none if @to is 0. */
struct span {
	u64 from;
	u64 to;
};

static void span_add(struct span *span, const struct p2pmap_block *block)
{
	u64 from = (u64)block->first << PAGE_SHIFT;

	if (!span->to)
		span->from = from;
	span->to = from + ((u64)block->nr << PAGE_SHIFT);
}

/* How to cut. */
#define CUT_SINKS_TOO BIT(0)
#define CUT_AT_ONCE BIT(1) /* within non_block_start(): do not even schedule */

static void cut_bytes(struct vma_dma_mapping *mapping, u64 offset, u64 length,
		      unsigned int how)
{
	if (!length)
		return;
	p2pmap_dma_cut(&mapping->map->dma, offset, length);
	/* Each waits for the IOMMU, and there may be millions of them. */
	if (!(how & CUT_AT_ONCE))
		cond_resched();
}

/* May this block be cut now? */
static bool is_mapped(const struct p2pmap_block *block, unsigned int how)
{
	return block->state == P2PMAP_BLOCK_LIVE ||
	       ((how & CUT_SINKS_TOO) && block->state == P2PMAP_BLOCK_SINK);
}

/* What a cut of pages [first, end) takes from the device. */
static struct span span_to_cut(const struct p2pmap_blocks *blocks, u32 first,
			       u32 end, unsigned int how)
{
	struct span span = {};
	unsigned int i;

	for (i = p2pmap_blocks_find(blocks, first);
	     i < blocks->nr && blocks->v[i].first < end; i++)
		if (is_mapped(&blocks->v[i], how))
			span_add(&span, &blocks->v[i]);
	return span;
}

/*
 * Cut every block that touches pages [first, end) and is mapped; neighbours in
 * one chunk go in one call.  They become CUT.  A call over two chunks could free
 * a page table that they share, and dma_unmap_*() of the second, over the hole
 * where the table was, would then take down what lies behind it (VT-d).
 */
static struct span cut_blocks(struct vma_dma_mapping *mapping, u32 first,
			      u32 end, unsigned int how)
{
	const struct p2pmap_dma *dma = &mapping->map->dma;
	struct p2pmap_blocks *blocks = &mapping->blocks;
	struct span cut = span_to_cut(blocks, first, end, how);
	u64 from = 0, length = 0, offset;
	unsigned int i;

	if (!cut.to)
		return cut;
	p2pmap_mapping_stop(mapping, cut.from, cut.to);
	for (i = p2pmap_blocks_find(blocks, first);
	     i < blocks->nr && blocks->v[i].first < end; i++) {
		struct p2pmap_block *block = &blocks->v[i];

		if (!is_mapped(block, how))
			continue;
		offset = (u64)block->first << PAGE_SHIFT;
		if (offset != from + length ||
		    p2pmap_dma_begins_chunk(dma, offset)) {
			cut_bytes(mapping, from, length, how);
			from = offset;
			length = 0;
		}
		length += (u64)block->nr << PAGE_SHIFT;
		p2pmap_blocks_set(blocks, i, P2PMAP_BLOCK_CUT);
	}
	cut_bytes(mapping, from, length, how);
	p2pmap_delay_spin(P2PMAP_DELAY_CUT);
	return cut;
}

/*
 * What was cut within [first, end) is lost; returns what was.  Without room to
 * split a block all of it is lost: wider, but never less.
 */
static struct span lose_blocks(struct vma_dma_mapping *mapping, u32 first,
			       u32 end)
{
	struct p2pmap_blocks *blocks = &mapping->blocks;
	struct span lost = {};
	unsigned int i;

	i = p2pmap_blocks_find(blocks, first);
	if (blocks->v[i].state == P2PMAP_BLOCK_CUT)
		p2pmap_blocks_split(blocks, first);
	if (end < mapping->length >> PAGE_SHIFT) {
		i = p2pmap_blocks_find(blocks, end);
		if (blocks->v[i].state == P2PMAP_BLOCK_CUT)
			p2pmap_blocks_split(blocks, end);
	}
	for (i = p2pmap_blocks_find(blocks, first);
	     i < blocks->nr && blocks->v[i].first < end; i++) {
		if (blocks->v[i].state != P2PMAP_BLOCK_CUT)
			continue;
		p2pmap_blocks_set(blocks, i, P2PMAP_BLOCK_LOST);
		span_add(&lost, &blocks->v[i]);
	}
	return lost;
}

static void sink_now(struct vma_dma_mapping *mapping, u32 first, u32 end)
{
	struct p2pmap_blocks *blocks = &mapping->blocks;
	unsigned int i;

	if (!mapping->sink || end - first > SINK_NOW)
		return;
	for (i = p2pmap_blocks_find(blocks, first);
	     i < blocks->nr && blocks->v[i].first < end; i++)
		if (blocks->v[i].state == P2PMAP_BLOCK_LOST &&
		    blocks->v[i].nr <= SINK_NOW)
			p2pmap_sink_place(mapping, i);
}

/*
 * The core mm announces a change of 2 MiB when it splits one page off, in any
 * VMA, huge page or not, and an exporter's zap of as much looks the same.  What
 * is still there (or there again, if it moved) is put back by the worker, who
 * says what is not.
 */
static bool may_be_false_alarm(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_CLEAR &&
	       range->end - range->start == PMD_SIZE;
}

/*
 * [offset, end) of a mapping goes; cut it off and say so.  After what may be a
 * false alarm it is not lost yet.
 */
static void revoke(struct vma_dma_mapping *mapping, u64 offset, u64 end,
		   u32 reasons, const struct mmu_notifier_range *range)
{
	unsigned int how = mmu_notifier_range_blockable(range) ? 0 :
								 CUT_AT_ONCE;
	u32 first = offset >> PAGE_SHIFT, last = end >> PAGE_SHIFT;
	struct p2pmap_blocks *blocks = &mapping->blocks;
	struct span cut = cut_blocks(mapping, first, last, how);
	struct span lost = {};

	if (!may_be_false_alarm(range))
		lost = lose_blocks(mapping, first, last);
	/* What went earlier is told again when its address goes, too. */
	if (cut.to || lost.to ||
	    (reasons & (P2PMAP_EVENT_UNMAPPED | P2PMAP_EVENT_EXIT))) {
		sink_now(mapping, first, last);
		p2pmap_mapping_tell(mapping, &(struct vma_dma_event){
			.offset = lost.to ? min(offset, lost.from) : offset,
			.end = max(end, lost.to),
			.cut_offset = cut.from,
			.cut_end = cut.to,
			.reasons = reasons,
		});
	}
	if (blocks->pages[P2PMAP_BLOCK_CUT] ||
	    (mapping->sink && blocks->pages[P2PMAP_BLOCK_LOST]) ||
	    (mapping->flags & VMA_DMA_MAP_FLAG_RESTORE))
		p2pmap_restore_schedule(mapping);
}

/* The importer keeps what it has; but it is not what is at the address now. */
static void outdate(struct vma_dma_mapping *mapping, u64 offset, u64 end,
		    u32 reasons)
{
	mapping->stale = true;
	p2pmap_mapping_tell(mapping, &(struct vma_dma_event){
		.offset = offset,
		.end = end,
		.reasons = reasons,
		.flags = P2PMAP_EVENT_NOT_CUT,
	});
}

static void dma_down(struct vma_dma_mapping *mapping)
{
	struct p2pmap_blocks *blocks = &mapping->blocks;
	u64 pages = mapping->length >> PAGE_SHIFT;

	lockdep_assert_held(&mapping->lock);
	if (mapping->state == P2PMAP_MAPPING_MAPPED) {
		p2pmap_mapping_stop(mapping, 0, mapping->length);
		/* Where there are holes, unmapping must find nothing else. */
		if (p2pmap_mapping_cuttable(mapping) &&
		    blocks->pages[P2PMAP_BLOCK_LIVE] != pages) {
			cut_blocks(mapping, 0, pages, CUT_SINKS_TOO);
			p2pmap_dma_hollow(&mapping->map->dma);
		}
		p2pmap_map_unmap(mapping->map);
	}
	mapping->state = P2PMAP_MAPPING_DOWN;
}

/* Nothing of it can be given back: all of it goes, for good. */
static void take_down(struct vma_dma_mapping *mapping, u64 offset, u64 end,
		      u32 reasons)
{
	struct vma_dma_event event = {
		.offset = offset,
		.end = end,
		.cut_end = mapping->length,
		.reasons = reasons,
	};

	dma_down(mapping);
	p2pmap_mapping_tell(mapping, &event);
}

/* Pinned memory stays what it is unless the address lets go of it. */
static bool outdates_pin(u32 reason)
{
	return reason & (P2PMAP_EVENT_UNMAPPED | P2PMAP_EVENT_CHANGED |
			 P2PMAP_EVENT_WITHDRAWN | P2PMAP_EVENT_EXIT);
}

/* An exporter that zaps what it promised to keep does so because it must. */
static bool takes_memory(const struct vma_dma_mapping *mapping, u32 reason)
{
	return !p2pmap_mapping_pinned(mapping) ||
	       reason == P2PMAP_EVENT_WITHDRAWN;
}

static void invalidated(struct vma_dma_mapping *mapping,
			const struct mmu_notifier_range *range)
{
	u64 start = max_t(u64, range->start, mapping->start) - mapping->start;
	u64 end = min_t(u64, range->end - mapping->start, mapping->length);
	u32 reason = event_reason(mapping, range->event);

	if (!takes_memory(mapping, reason)) {
		if (outdates_pin(reason))
			outdate(mapping, start, end, reason);
	} else if (p2pmap_mapping_cuttable(mapping)) {
		revoke(mapping, start, end, reason, range);
	} else if (mapping->map->dma.given || mapping->ops->device_obeys) {
		take_down(mapping, start, end, reason);
	} else {
		outdate(mapping, start, end, reason);
	}
}

/* To stop a device, or to undo what an exporter made, may take a while. */
static bool may_wait(const struct vma_dma_mapping *mapping)
{
	return mapping->state == P2PMAP_MAPPING_MAPPED &&
	       (mapping->map->dma.given || mapping->ops->device_obeys);
}

static bool mapping_invalidate(struct mmu_interval_notifier *notifier,
			       const struct mmu_notifier_range *range,
			       unsigned long seq)
{
	struct vma_dma_mapping *mapping =
		container_of(notifier, struct vma_dma_mapping, notifier);

	p2pmap_delay_spin(P2PMAP_DELAY_NOTIFIED);
	if (mmu_notifier_range_blockable(range))
		mutex_lock(&mapping->lock);
	else if (!mutex_trylock(&mapping->lock))
		return false;
	if (!mmu_notifier_range_blockable(range) && may_wait(mapping)) {
		mutex_unlock(&mapping->lock);
		return false;
	}
	mmu_interval_set_seq(notifier, seq);
	if (mapping->state == P2PMAP_MAPPING_MAPPED)
		invalidated(mapping, range);
	else if (outdates_pin(event_reason(mapping, range->event)))
		mapping->stale = true; /* looked at before the commit */
	mutex_unlock(&mapping->lock);
	return true;
}

const struct mmu_interval_notifier_ops p2pmap_mapping_notifier_ops = {
	.invalidate = mapping_invalidate,
};

/*
 * Take the DMA side down for good.  p2pmap_devices_lock is held, so that the
 * importer's driver stays until this is done.
 */
void p2pmap_mapping_dma_down(struct vma_dma_mapping *mapping)
{
	lockdep_assert_held(&p2pmap_devices_lock);
	mutex_lock(&mapping->lock);
	dma_down(mapping);
	mutex_unlock(&mapping->lock);
}

/* The importer's driver is about to go, and its DMA addresses with it. */
void p2pmap_mapping_importer_gone(struct vma_dma_mapping *mapping)
{
	mutex_lock(&mapping->lock);
	if (mapping->state == P2PMAP_MAPPING_MAPPED)
		take_down(mapping, 0, mapping->length,
			  P2PMAP_EVENT_DEVICE_GONE);
	mutex_unlock(&mapping->lock);
}

/* All of the memory goes, and no notifier of the mm's is going to say so. */
static void withdraw(struct vma_dma_mapping *mapping, u32 reason)
{
	u32 pages = mapping->length >> PAGE_SHIFT;
	struct span cut;

	lockdep_assert_held(&mapping->lock);
	if (p2pmap_mapping_cuttable(mapping)) {
		cut = cut_blocks(mapping, 0, pages, 0);
		lose_blocks(mapping, 0, pages);
		if (mapping->sink)
			p2pmap_restore_schedule(mapping);
		p2pmap_mapping_tell(mapping, &(struct vma_dma_event){
			.end = mapping->length,
			.cut_offset = cut.from,
			.cut_end = cut.to,
			.reasons = reason,
		});
	} else if (mapping->map->dma.given || mapping->ops->device_obeys) {
		take_down(mapping, 0, mapping->length, reason);
	} else {
		outdate(mapping, 0, mapping->length, reason);
	}
}

/* The memory behind a BAR mapping is about to go. */
void p2pmap_mapping_exporter_gone(struct vma_dma_mapping *mapping)
{
	mutex_lock(&mapping->lock);
	if (mapping->state == P2PMAP_MAPPING_MAPPED &&
	    !mapping->exporter_gone) {
		mapping->exporter_gone = true;
		withdraw(mapping, P2PMAP_EVENT_DEVICE_GONE);
	}
	mutex_unlock(&mapping->lock);
	/* Its driver is not to be bothered once it is gone. */
	p2pmap_promises_end(mapping->map);
}

/**
 * vma_dma_export_unregister() - answer no longer for one's VMAs
 * @exporter: what vma_dma_export_register() returned
 *
 * What is mapped is revoked for good, what was pinned is unpinned; what others
 * ask just now is waited for.  Afterwards none of the operations is called any
 * more.  The VMAs stay, and as long as their page tables say where the memory
 * is, it can be mapped anew without anybody's leave: zap them first.
 *
 * May sleep; not under a lock that the operations take, nor under mmap_lock.
 */
void vma_dma_export_unregister(struct vma_dma_exporter *exporter)
{
	struct vma_dma_mapping *mapping;

	p2pmap_exporter_hide(exporter);
	p2pmap_delay(P2PMAP_DELAY_EXPORTER_HIDDEN);
	down_write(&p2pmap_devices_lock);
	exporter->dead = true;
	list_for_each_entry(mapping, &exporter->mappings, registry_link) {
		mutex_lock(&mapping->lock);
		/* A restore that asked before it left finds out. */
		mapping->exporter_gone = true;
		if (mapping->state == P2PMAP_MAPPING_MAPPED)
			withdraw(mapping, P2PMAP_EVENT_WITHDRAWN);
		/* Nobody is left who could keep the promise. */
		if (p2pmap_mapping_pinned(mapping))
			mapping->exporter_gone = true;
		mutex_unlock(&mapping->lock);
		p2pmap_promises_end(mapping->map);
	}
	up_write(&p2pmap_devices_lock);
	p2pmap_delay(P2PMAP_DELAY_EXPORTER_CUT);
	p2pmap_exporter_settle(exporter);
}
EXPORT_SYMBOL_GPL(vma_dma_export_unregister);
