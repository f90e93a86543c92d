// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restoring: revoked memory comes back under the DMA address it had.
 *
 * Three things are put back here: what was cut only because its neighbour went
 * (always, by the worker), what was lost (on REMAP, or by the worker if the
 * mapping has VMA_DMA_MAP_FLAG_RESTORE), and sinks under what stays lost.
 *
 * A restore collects the frames of every hole in its range without any lock of
 * ours, then maps them all under the mapping's lock if the notifier was silent
 * meanwhile.  All or nothing.  restore_lock admits one restore at a time; it is
 * held while user memory is faulted in, so nobody who tears a mapping down ever
 * waits for it: teardown makes the mapping DOWN, and the restore finds out.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "delay.h"
#include "mapping.h"

/* RAM can be invalidated hundreds of times a second; do not play along. */
#define RESTORE_INTERVAL (HZ / 10)
#define RESTORE_TRIES 16
/*
 * A page that is split or moved is in no page table meanwhile, which hmm does not
 * tell from one that is gone, and whoever splits or moves it may wait for a processor.
 * So RAM is lost only if it is missed twice, with so much between.
 */
#define RESTORE_PATIENCE (HZ / 2)
#define SINK_BATCH 512
#define WHOLE (1U << 30) /* a part as long as its block */

/*
 * A part of one chunk with nothing live in it, what is to fill it, and how many
 * blocks that makes.
 */
struct hole {
	u32 first;
	u32 nr;
	unsigned int nr_v;
	struct p2pmap_frames frames;
};

struct restore {
	struct vma_dma_mapping *mapping;
	u32 first;
	u32 end;
	bool lost_too;
	bool announce; /* the worker's doing: say what came back */
	u32 step; /* the worker's: pages that it tries at once */
	bool due; /* the worker's: what was missed earlier is lost */
	bool marked; /* the worker's: something is missed since now */
	unsigned long seq;
	bool peeked; /* the last VMA: nothing was faulted in */
	u32 absent; /* from this page on */
	u32 nr_absent; /* so many are known to be missing; 0: not known */
	struct hole *holes;
	unsigned int nr_holes;
	unsigned int max_holes;
	struct p2pmap_block *v; /* the new blocks of all holes */
	unsigned int nr_v;
	struct p2pmap_reason *why;
};

static bool wanted(const struct restore *restore,
		   const struct p2pmap_block *block)
{
	return block->state == P2PMAP_BLOCK_CUT ||
	       (restore->lost_too && block->state != P2PMAP_BLOCK_LIVE);
}

/* Give @blocks room for @extra more; the lock is dropped to allocate. */
static int make_room(struct vma_dma_mapping *mapping, unsigned int extra)
{
	struct p2pmap_blocks *blocks = &mapping->blocks;
	struct p2pmap_block *v;
	unsigned int max;

	lockdep_assert_held(&mapping->lock);
	while (!p2pmap_blocks_room(blocks, extra)) {
		/* By its share: what grows page by page is not copied so. */
		max = blocks->nr + extra + blocks->nr / 2 + 32;
		mutex_unlock(&mapping->lock);
		p2pmap_delay(P2PMAP_DELAY_RESTORE_ROOM);
		v = kvmalloc_array(max, sizeof(*v), P2PMAP_GFP);
		mutex_lock(&mapping->lock);
		if (!v)
			return -ENOMEM;
		v = p2pmap_blocks_grow(blocks, v, max);
		/* kvfree() may sleep, which a mutex allows, and never reclaims. */
		kvfree(v);
	}
	return 0;
}

static int check_state(struct restore *restore)
{
	struct vma_dma_mapping *mapping = restore->mapping;

	if (mapping->state != P2PMAP_MAPPING_MAPPED || mapping->exporter_gone)
		return p2pmap_fail(restore->why, -ENODEV,
				   P2PMAP_REASON_DEVICE_GONE, 0);
	return 0;
}

/* Blocks begin and end where the restore does, unless they are live. */
static int split_edges(struct restore *restore)
{
	struct p2pmap_blocks *blocks = &restore->mapping->blocks;
	u32 pages = restore->mapping->length >> PAGE_SHIFT;
	u32 edge[2] = { restore->first, restore->end };
	unsigned int i, k;
	int rc;

	rc = make_room(restore->mapping, 2);
	for (k = 0; !rc && k < ARRAY_SIZE(edge); k++) {
		if (edge[k] == pages)
			continue;
		i = p2pmap_blocks_find(blocks, edge[k]);
		if (blocks->v[i].state != P2PMAP_BLOCK_LIVE)
			p2pmap_blocks_split(blocks, edge[k]);
	}
	return rc;
}

/* List the holes in the range, as many as fit; returns how many there are. */
static unsigned int list_holes(struct restore *restore)
{
	const struct p2pmap_dma *dma = &restore->mapping->map->dma;
	struct p2pmap_blocks *blocks = &restore->mapping->blocks;
	struct hole *hole = NULL;
	unsigned int i, nr = 0;
	u32 next = 0;

	for (i = p2pmap_blocks_find(blocks, restore->first);
	     i < blocks->nr && blocks->v[i].first < restore->end; i++) {
		struct p2pmap_block *block = &blocks->v[i];

		if (!wanted(restore, block))
			continue;
		if (nr && next == block->first &&
		    !p2pmap_dma_begins_chunk(dma, (u64)next << PAGE_SHIFT)) {
			if (hole)
				hole->nr += block->nr;
		} else {
			hole = nr < restore->max_holes ?
				       &restore->holes[nr] : NULL;
			nr++;
			if (hole)
				*hole = (struct hole){ .first = block->first,
						       .nr = block->nr };
		}
		next = block->first + block->nr;
	}
	return nr;
}

static int find_holes(struct restore *restore)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	unsigned int nr;
	int rc;

	for (;;) {
		mutex_lock(&mapping->lock);
		rc = check_state(restore);
		if (!rc)
			rc = split_edges(restore);
		if (!rc)
			rc = check_state(restore);
		nr = rc ? 0 : list_holes(restore);
		mutex_unlock(&mapping->lock);
		if (rc || nr <= restore->max_holes) {
			restore->nr_holes = nr;
			return rc;
		}
		kvfree(restore->holes);
		restore->max_holes = nr + 8;
		restore->holes = kvcalloc(restore->max_holes,
					  sizeof(*restore->holes),
					  P2PMAP_GFP);
		if (!restore->holes)
			return -ENOMEM;
	}
}

/* Can memory of this VMA fill a hole, whatever is there just now? */
static int check_vma(struct restore *restore, struct vm_area_struct *vma,
		     unsigned long at)
{
	const struct vma_dma_map *map = restore->mapping->map;
	int kind = p2pmap_vma_kind(vma, at, map->flags, restore->why);

	if (kind < 0)
		return kind;
	if (kind != map->kind)
		return p2pmap_fail(restore->why, -EFAULT, P2PMAP_REASON_MIXED,
				   at);
	return 0;
}

/*
 * Unasked nothing is faulted in: what is not there is lost.  And the worker must
 * not wait for a monitor that may never answer.
 */
static bool may_fault_in(const struct restore *restore,
			 struct vm_area_struct *vma)
{
	return restore->lost_too &&
	       !(restore->announce && userfaultfd_armed(vma));
}

static int fill_vma(struct restore *restore, struct hole *hole,
		    struct vm_area_struct *vma, unsigned long at,
		    unsigned long end)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	const struct p2pmap_part part = {
		.request = {
			.vma = vma,
			.start = at,
			.end = end,
			.flags = mapping->map->flags,
			.importer = mapping->dev,
		},
		.map = mapping->map,
		.notifier = &mapping->notifier,
		.seq = restore->seq,
		.why = restore->why,
	};
	int rc = check_vma(restore, vma, at);

	if (rc)
		return rc;
	restore->peeked = !may_fault_in(restore, vma);
	return restore->peeked ? p2pmap_frames_peek(&hole->frames, &part) :
				 p2pmap_frames_add(&hole->frames, &part);
}

/* Collect the frames of one hole; mmap_lock is held. */
static int fill_hole(struct restore *restore, struct hole *hole)
{
	struct mm_struct *mm = restore->mapping->mm;
	unsigned long at = restore->mapping->start +
			   ((u64)hole->first << PAGE_SHIFT);
	unsigned long end = at + ((u64)hole->nr << PAGE_SHIFT);
	struct vm_area_struct *vma;
	int rc = 0;

	while (!rc && at < end) {
		vma = find_vma(mm, at);
		if (!vma || vma->vm_start > at)
			return p2pmap_fail(restore->why, -EFAULT,
					   P2PMAP_REASON_HOLE, at);
		rc = fill_vma(restore, hole, vma, at, min(end, vma->vm_end));
		at = vma->vm_end;
	}
	if (!rc && hole->frames.length != (u64)hole->nr << PAGE_SHIFT)
		rc = p2pmap_fail(restore->why, -EFAULT, P2PMAP_REASON_HOLE, 0);
	return rc;
}

/* What is mapped there now must be the BAR of the same exporter. */
static int check_exporter(struct restore *restore, struct hole *hole)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	struct p2pmap_bar bar;
	unsigned long start = mapping->start + ((u64)hole->first << PAGE_SHIFT);
	bool same;
	int rc;

	if (mapping->map->kind != P2PMAP_KIND_BAR)
		return 0;
	rc = p2pmap_bar_find(&hole->frames, start, &bar, restore->why);
	if (rc)
		return rc;
	same = bar.pdev == mapping->map->bar.pdev;
	p2pmap_bar_put(&bar);
	if (same)
		return 0;
	return p2pmap_fail(restore->why, -EFAULT, P2PMAP_REASON_SEVERAL_BARS,
			   start);
}

/*
 * The worker does not wait: others are behind it, and a process can keep the
 * lock of its own memory for as long as it likes.
 */
static int lock_memory(const struct restore *restore)
{
	struct mm_struct *mm = restore->mapping->mm;

	if (restore->announce)
		return mmap_read_trylock(mm) ? 0 : -EBUSY;
	return mmap_read_lock_killable(mm);
}

static int fill_holes(struct restore *restore)
{
	struct mm_struct *mm = restore->mapping->mm;
	struct hole *hole;
	unsigned int i;
	int rc;

	restore->peeked = !restore->lost_too;
	restore->nr_absent = 0;
	rc = lock_memory(restore);
	if (rc)
		return rc;
	for (i = 0; !rc && i < restore->nr_holes; i++) {
		hole = &restore->holes[i];
		rc = fill_hole(restore, hole);
		restore->absent = hole->first +
				  (hole->frames.length >> PAGE_SHIFT);
		restore->nr_absent = hole->frames.missing;
	}
	mmap_read_unlock(mm);
	for (i = 0; !rc && i < restore->nr_holes; i++)
		rc = check_exporter(restore, &restore->holes[i]);
	return rc;
}

/* Compute the new blocks of a hole, or count them. */
static unsigned int hole_blocks(struct restore *restore, struct hole *hole,
				struct p2pmap_block *v)
{
	const struct p2pmap_dma *dma = &restore->mapping->map->dma;
	u32 first = hole->first;
	unsigned int i, nr = 0;

	for (i = 0; i < hole->frames.nr_runs; i++) {
		struct p2pmap_run *run = &hole->frames.runs[i];

		nr += p2pmap_blocks_of_run(dma, first,
					   p2pmap_dma_addr(dma, (u64)first
								<< PAGE_SHIFT),
					   run->phys, run->length,
					   v ? v + nr : NULL);
		first += run->length >> PAGE_SHIFT;
	}
	return nr;
}

static int plan_blocks(struct restore *restore)
{
	struct hole *hole;
	unsigned int i, nr = 0;

	for (i = 0; i < restore->nr_holes; i++) {
		hole = &restore->holes[i];
		hole->nr_v = hole_blocks(restore, hole, NULL);
		nr += hole->nr_v;
	}
	restore->v = kvmalloc_array(nr, sizeof(*restore->v),
				    P2PMAP_GFP);
	if (!restore->v)
		return -ENOMEM;
	restore->nr_v = nr;
	for (i = 0, nr = 0; i < restore->nr_holes; i++) {
		hole = &restore->holes[i];
		hole_blocks(restore, hole, restore->v + nr);
		nr += hole->nr_v;
	}
	return 0;
}

/* Pages that lie in one chunk and were mapped by whole calls. */
static void cut_pages(struct vma_dma_mapping *mapping, u32 first, u32 nr)
{
	if (nr)
		p2pmap_dma_cut(&mapping->map->dma, (u64)first << PAGE_SHIFT,
			       (u64)nr << PAGE_SHIFT);
}

/* Take the sink away where it lies; the hole faults until it is filled. */
static void lift_sinks(struct vma_dma_mapping *mapping, struct hole *hole)
{
	struct p2pmap_blocks *blocks = &mapping->blocks;
	unsigned int i;

	for (i = p2pmap_blocks_find(blocks, hole->first);
	     i < blocks->nr && blocks->v[i].first < hole->first + hole->nr;
	     i++) {
		if (blocks->v[i].state != P2PMAP_BLOCK_SINK)
			continue;
		cut_pages(mapping, blocks->v[i].first, blocks->v[i].nr);
		p2pmap_blocks_set(blocks, i, P2PMAP_BLOCK_LOST);
	}
}

/* Map a hole's runs; if that fails nothing of it stays mapped. */
static int map_hole(struct vma_dma_mapping *mapping, struct hole *hole)
{
	struct vma_dma_map *map = mapping->map;
	u32 page = hole->first;
	unsigned int i;
	int rc;

	lift_sinks(mapping, hole);
	p2pmap_delay_spin(P2PMAP_DELAY_RESTORE_LIFTED);
	if (map->dma.write && map->kind == P2PMAP_KIND_RAM)
		p2pmap_frames_mark_dirty(&hole->frames);
	for (i = 0; i < hole->frames.nr_runs; i++) {
		struct p2pmap_run *run = &hole->frames.runs[i];

		rc = p2pmap_dma_put_back(&map->dma, (u64)page << PAGE_SHIFT,
					 run->phys, run->length, map->kind);
		if (rc) {
			cut_pages(mapping, hole->first, page - hole->first);
			return rc;
		}
		page += run->length >> PAGE_SHIFT;
	}
	return 0;
}

/* Said under the lock, so that no later loss is told before it. */
static void announce(struct restore *restore, struct hole *hole)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	struct p2pmap_blocks *blocks = &mapping->blocks;
	unsigned int i = p2pmap_blocks_find(blocks, hole->first);
	u32 end = hole->first + hole->nr;
	bool lost = false;

	for (; i < blocks->nr && blocks->v[i].first < end; i++)
		lost |= blocks->v[i].state != P2PMAP_BLOCK_CUT;
	/* Without RESTORE a false alarm passes silently. */
	if (restore->announce && (lost || restore->lost_too))
		p2pmap_mapping_tell(mapping, &(struct vma_dma_event){
			.offset = (u64)hole->first << PAGE_SHIFT,
			.end = (u64)end << PAGE_SHIFT,
			.reasons = P2PMAP_EVENT_RESTORED,
		});
}

/* The new blocks go where the holes are. */
static void put_blocks(struct restore *restore)
{
	struct p2pmap_blocks *blocks = &restore->mapping->blocks;
	const struct p2pmap_block *v = restore->v;
	struct hole *hole = restore->holes;
	struct p2pmap_merge merge;

	if (restore->nr_holes == 1) {
		p2pmap_blocks_replace(blocks, hole->first, hole->nr, v,
				      hole->nr_v);
		return;
	}
	p2pmap_merge_begin(&merge, blocks);
	for (; hole < restore->holes + restore->nr_holes; hole++) {
		p2pmap_merge(&merge, hole->first, hole->nr, v, hole->nr_v);
		v += hole->nr_v;
	}
	p2pmap_merge_end(&merge);
}

static int map_holes(struct restore *restore)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	struct hole *hole;
	unsigned int i;
	int rc;

	for (i = 0; i < restore->nr_holes; i++) {
		cond_resched();
		rc = map_hole(mapping, &restore->holes[i]);
		if (!rc)
			continue;
		while (i--)
			cut_pages(mapping, restore->holes[i].first,
				  restore->holes[i].nr);
		return rc;
	}
	for (i = 0; i < restore->nr_holes; i++)
		announce(restore, &restore->holes[i]);
	put_blocks(restore);
	hole = &restore->holes[restore->nr_holes - 1];
	p2pmap_journal_remap(mapping, restore->holes[0].first,
			     hole->first + hole->nr, restore->announce);
	if (mapping->blocks.pages[P2PMAP_BLOCK_LIVE] ==
	    mapping->length >> PAGE_SHIFT)
		p2pmap_mapping_resume(mapping);
	return 0;
}

/* The memory stood still: let the importer have it back. */
static int apply(struct restore *restore)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	int rc;

	mutex_lock(&mapping->lock);
	rc = make_room(mapping, restore->nr_v);
	if (!rc)
		rc = check_state(restore);
	if (!rc && mmu_interval_read_retry(&mapping->notifier, restore->seq))
		rc = -EAGAIN;
	if (!rc) {
		rc = map_holes(restore);
		/* The sinks that were lifted must come back. */
		if (rc && mapping->sink)
			p2pmap_restore_schedule(mapping);
	}
	mutex_unlock(&mapping->lock);
	return rc;
}

static void restore_reset(struct restore *restore)
{
	unsigned int i;

	for (i = 0; i < restore->nr_holes; i++)
		p2pmap_frames_release(&restore->holes[i].frames, false);
	restore->nr_holes = 0;
	kvfree(restore->v);
	restore->v = NULL;
}

/* Restore what is not live in the range; restore_lock is held. */
static int restore_pages(struct restore *restore)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	int tries, rc;

	lockdep_assert_held(&mapping->restore_lock);
	for (tries = 0; tries < RESTORE_TRIES; tries++) {
		/* Before the holes are listed: none may be another's later. */
		restore->seq = mmu_interval_read_begin(&mapping->notifier);
		rc = find_holes(restore);
		if (rc || !restore->nr_holes)
			break;
		p2pmap_delay(P2PMAP_DELAY_RESTORE_LISTED);
		rc = fill_holes(restore);
		if (!rc)
			rc = plan_blocks(restore);
		p2pmap_delay(P2PMAP_DELAY_RESTORE_FILLED);
		if (!rc)
			rc = apply(restore);
		restore_reset(restore);
		if (rc != -EAGAIN)
			break;
		cond_resched();
	}
	kvfree(restore->holes);
	restore->holes = NULL;
	restore->max_holes = 0;
	if (rc == -EAGAIN)
		p2pmap_fail(restore->why, rc, P2PMAP_REASON_BUSY_MEMORY, 0);
	return rc;
}

/* Where does it end that from restore->first on no VMA can give memory? */
static u32 barren_end(struct restore *restore)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	unsigned long at = mapping->start + ((u64)restore->first << PAGE_SHIFT);
	unsigned long end = mapping->start + mapping->length;
	struct vm_area_struct *vma;

	if (lock_memory(restore))
		return restore->first;
	while (at < end) {
		vma = find_vma(mapping->mm, at);
		if (!vma)
			at = end;
		else if (vma->vm_start > at)
			at = vma->vm_start;
		else if (check_vma(restore, vma, at))
			at = vma->vm_end;
		else
			break;
	}
	mmap_read_unlock(mapping->mm);
	return (min(at, end) - mapping->start) >> PAGE_SHIFT;
}

/*
 * What did not come back for a reason that lasts is lost.  False, and nothing is
 * given up yet, if memory to split a block at the end is short.
 */
static bool give_up(struct vma_dma_mapping *mapping, u32 first, u32 end)
{
	struct p2pmap_blocks *blocks = &mapping->blocks;
	bool lost = false, room;
	unsigned int i;

	mutex_lock(&mapping->lock);
	room = !make_room(mapping, 1);
	if (!room)
		goto unlock;
	if (end < mapping->length >> PAGE_SHIFT &&
	    blocks->v[p2pmap_blocks_find(blocks, end)].state ==
		    P2PMAP_BLOCK_CUT)
		p2pmap_blocks_split(blocks, end);
	for (i = p2pmap_blocks_find(blocks, first);
	     i < blocks->nr && blocks->v[i].first < end; i++) {
		if (blocks->v[i].state != P2PMAP_BLOCK_CUT)
			continue;
		p2pmap_blocks_set(blocks, i, P2PMAP_BLOCK_LOST);
		lost = true;
	}
	if (lost && mapping->state == P2PMAP_MAPPING_MAPPED)
		p2pmap_mapping_tell(mapping, &(struct vma_dma_event){
			.offset = (u64)first << PAGE_SHIFT,
			.end = (u64)end << PAGE_SHIFT,
			.reasons = mapping->map->exporter ?
					   P2PMAP_EVENT_WITHDRAWN :
					   P2PMAP_EVENT_CHANGED,
		});
unlock:
	mutex_unlock(&mapping->lock);
	return room;
}

/* Of what aligned 2 MiB are these pages, the unit in which RAM is looked at? */
static u32 batch_of(u32 page)
{
	return round_down(page, P2PMAP_BATCH);
}

/*
 * Where a part ends that begins at restore->first, in block @i: with the block, or
 * for RAM with the last of its wanted neighbours in the same 2 MiB.
 */
static u32 part_end(const struct restore *restore, unsigned int i)
{
	const struct p2pmap_blocks *blocks = &restore->mapping->blocks;
	u32 end = blocks->v[i].first + blocks->v[i].nr, most;

	if (restore->mapping->map->kind != P2PMAP_KIND_RAM)
		return min(end, restore->first + restore->step);
	most = min(restore->first + restore->step,
		   batch_of(restore->first) + P2PMAP_BATCH);
	while (end < most && ++i < blocks->nr &&
	       wanted(restore, &blocks->v[i]))
		end += blocks->v[i].nr;
	return min(end, most);
}

/* The next part that the worker should restore, from restore->end on. */
static bool next_part(struct restore *restore)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	struct p2pmap_blocks *blocks = &mapping->blocks;
	u32 at = restore->end, batch = batch_of(restore->first);
	bool found = false;
	unsigned int i;

	mutex_lock(&mapping->lock);
	if (check_state(restore))
		goto unlock;
	for (i = p2pmap_blocks_find(blocks, at); i < blocks->nr; i++) {
		struct p2pmap_block *block = &blocks->v[i];

		if (block->first + block->nr <= at || !wanted(restore, block))
			continue;
		restore->first = max_t(u32, at, block->first);
		/* What was missing elsewhere says nothing of this place. */
		if (batch_of(restore->first) != batch)
			restore->step = WHOLE;
		restore->end = part_end(restore, i);
		found = true;
		break;
	}
unlock:
	mutex_unlock(&mapping->lock);
	return found;
}

static bool transient(int rc)
{
	return rc == -EAGAIN || rc == -ENOMEM || rc == -EINTR;
}

/*
 * May what is not there still be on its way?  It may until all of the part was
 * missed long enough ago.  All that is missed first in one pass is so from then on;
 * the others wait for the pass after that, so one time for the mapping will do.
 */
static bool is_early(struct restore *restore)
{
	struct vma_dma_mapping *mapping = restore->mapping;
	struct p2pmap_blocks *blocks = &mapping->blocks;
	bool early = !restore->due;
	unsigned int i;

	if (!restore->peeked || mapping->map->kind != P2PMAP_KIND_RAM)
		return false;
	mutex_lock(&mapping->lock);
	for (i = p2pmap_blocks_find(blocks, restore->first);
	     i < blocks->nr && blocks->v[i].first < restore->end; i++) {
		if (blocks->v[i].state != P2PMAP_BLOCK_CUT ||
		    blocks->v[i].missed)
			continue;
		early = true;
		blocks->v[i].missed = restore->due;
		restore->marked |= restore->due;
	}
	mutex_unlock(&mapping->lock);
	return early;
}

/* A part was restored or its end found: try more at once. */
static void step_up(struct restore *restore)
{
	restore->step = min_t(u32, 2 * restore->step, WHOLE);
}

/*
 * A part did not come back, for a reason that lasts: all is lost up to where
 * memory could be had again, or if there might be some here, a shorter part is
 * to be tried.  False if it is early for that, or memory to do so is short; while
 * it is early a part is not split, which it would remain when it comes back.
 */
static bool part_failed(struct restore *restore)
{
	u32 first = restore->first, nr = restore->end - first, end;

	if (is_early(restore))
		return false;
	end = barren_end(restore);
	if (restore->nr_absent && restore->absent == first) {
		end = max(end, first + restore->nr_absent);
		step_up(restore);
	}
	if (end == first && nr > 1) {
		restore->step = restore->nr_absent ? restore->absent - first :
						     nr / 2;
		restore->end = first;
		return true;
	}
	restore->end = max(end, first + 1);
	return give_up(restore->mapping, first, restore->end);
}

/*
 * Restore part by part; true if something is worth another try.  One page that
 * cannot be had must not keep its neighbours: parts get shorter until it is
 * alone, and longer again after it.  While the memory is locked there is none.
 */
static bool restore_parts(struct vma_dma_mapping *mapping)
{
	struct restore restore = {
		.mapping = mapping,
		.lost_too = mapping->flags & VMA_DMA_MAP_FLAG_RESTORE,
		.announce = true,
		.step = WHOLE,
		.due = !time_before(jiffies,
				    mapping->missed_at + RESTORE_PATIENCE),
	};
	bool again = false;
	int rc;

	while (next_part(&restore)) {
		rc = restore_pages(&restore);
		if (!rc)
			step_up(&restore);
		else if (rc == -EBUSY || transient(rc))
			again = true;
		else if (rc != -ENODEV)
			again |= !part_failed(&restore);
		if (rc == -EBUSY)
			break;
		cond_resched();
	}
	if (restore.marked)
		mapping->missed_at = jiffies;
	return again;
}

/*
 * Put the sink under lost block @i, page by page; with the mapping's lock held.
 * False, and nothing there, if memory for it is short.
 */
bool p2pmap_sink_place(struct vma_dma_mapping *mapping, unsigned int i)
{
	struct p2pmap_block *block = &mapping->blocks.v[i];
	phys_addr_t sink = page_to_phys(mapping->sink);
	u64 page;
	u32 done;

	lockdep_assert_held(&mapping->lock);
	for (done = 0; done < block->nr; done++) {
		page = block->first + done;
		if (!p2pmap_dma_put_back(&mapping->map->dma, page << PAGE_SHIFT,
					 sink, PAGE_SIZE, P2PMAP_KIND_RAM))
			continue;
		cut_pages(mapping, block->first, done);
		return false;
	}
	p2pmap_blocks_set(&mapping->blocks, i, P2PMAP_BLOCK_SINK);
	return true;
}

/*
 * Place one batch of sinks, in a block that ends after page @at, which becomes
 * the page after it: those before were looked at.  0 when none is missing.
 */
static int place_sinks(struct vma_dma_mapping *mapping, u32 *at)
{
	struct p2pmap_blocks *blocks = &mapping->blocks;
	unsigned int i;
	int rc;

	mutex_lock(&mapping->lock);
	rc = make_room(mapping, 1);
	if (rc || mapping->state != P2PMAP_MAPPING_MAPPED)
		goto unlock;
	for (i = p2pmap_blocks_find(blocks, *at); i < blocks->nr; i++) {
		if (blocks->v[i].state != P2PMAP_BLOCK_LOST)
			continue;
		if (blocks->v[i].nr > SINK_BATCH)
			p2pmap_blocks_split(blocks,
					    blocks->v[i].first + SINK_BATCH);
		rc = p2pmap_sink_place(mapping, i) ? 1 : -ENOMEM;
		*at = blocks->v[i].first + blocks->v[i].nr;
		break;
	}
unlock:
	mutex_unlock(&mapping->lock);
	return rc;
}

static bool restore_sinks(struct vma_dma_mapping *mapping)
{
	u32 at = 0;
	int rc;

	do {
		rc = place_sinks(mapping, &at);
		cond_resched();
	} while (rc > 0);
	return rc < 0;
}

/*
 * Let the worker look at the mapping, but not too often; with its lock held and
 * the mapping MAPPED.  Once it is DOWN nobody schedules again.
 */
void p2pmap_restore_schedule(struct vma_dma_mapping *mapping)
{
	unsigned long next = READ_ONCE(mapping->restored_at) + RESTORE_INTERVAL;
	unsigned long delay = time_before(jiffies, next) ? next - jiffies : 1;

	lockdep_assert_held(&mapping->lock);
	p2pmap_mapping_get(mapping);
	if (!queue_delayed_work(p2pmap_workqueue, &mapping->restore_work,
				delay))
		p2pmap_mapping_put(mapping);
}

/* The mapping is DOWN.  A worker that runs already finds that out itself. */
void p2pmap_restore_cancel(struct vma_dma_mapping *mapping)
{
	if (cancel_delayed_work(&mapping->restore_work))
		p2pmap_mapping_put(mapping);
}

void p2pmap_restore_work(struct work_struct *work)
{
	struct vma_dma_mapping *mapping =
		container_of(to_delayed_work(work), struct vma_dma_mapping,
			     restore_work);
	bool again = true;

	p2pmap_delay(P2PMAP_DELAY_RESTORE_BEGUN);
	if (mutex_trylock(&mapping->restore_lock)) {
		again = false;
		if (mmget_not_zero(mapping->mm)) {
			again = restore_parts(mapping);
			mmput_async(mapping->mm);
		}
		if (mapping->sink)
			again |= restore_sinks(mapping);
		mutex_unlock(&mapping->restore_lock);
	}
	WRITE_ONCE(mapping->restored_at, jiffies);
	p2pmap_delay(P2PMAP_DELAY_RESTORE_DONE);
	mutex_lock(&mapping->lock);
	if (again && mapping->state == P2PMAP_MAPPING_MAPPED)
		p2pmap_restore_schedule(mapping);
	mutex_unlock(&mapping->lock);
	p2pmap_mapping_put(mapping);
}

/*
 * Have [offset, offset + length) back, or all from @offset on if @length is 0.
 * The mapping's mm has users.
 */
int p2pmap_mapping_remap(struct vma_dma_mapping *mapping, u64 offset,
			 u64 length, struct p2pmap_reason *why)
{
	u64 end = length ? offset + length : mapping->length;
	struct restore restore = {
		.mapping = mapping,
		.first = offset >> PAGE_SHIFT,
		.end = end >> PAGE_SHIFT,
		.lost_too = true,
		.why = why,
	};
	int rc;

	if (!PAGE_ALIGNED(offset | length) || offset + length < offset ||
	    offset >= mapping->length || end > mapping->length)
		return -EINVAL;
	if (!p2pmap_mapping_cuttable(mapping))
		return -EOPNOTSUPP;
	if (mutex_lock_killable(&mapping->restore_lock))
		return -EINTR;
	rc = restore_pages(&restore);
	mutex_unlock(&mapping->restore_lock);
	return rc;
}
