// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks: the pieces in which a mapping can be cut, and what state each is in.
 *
 * The invariant: a LIVE or SINK block consists of whole entries of the IOMMU's
 * page table, so unmapping exactly a block, or several that are neighbours,
 * never takes a part of an entry; and a block in any other state has nothing
 * mapped.  So nothing is unmapped twice and nothing in part, which is what
 * destroys other mappings and data (domain.c).
 *
 * Entries follow from address, frame and length alone: the IOMMU core maps a
 * contiguous run with the largest page that fits at each step.  That is
 * computed here instead of asked for, because no kernel answers the question.
 *
 * A BAR's blocks are made coarser than its entries, so that their number does
 * not grow with its size; a wider cut there comes back by a worker.
 *
 * An array sorted by page, always covering the mapping without gaps.  The
 * mapping's lock guards it; it never allocates under that lock.  A split takes
 * two places at most, and a few are kept free (SLACK).
 */
#include <linux/log2.h>
#include <linux/slab.h>

#include "range.h"

#define SLACK 16
#define BAR_BLOCKS 64 /* about so many for each run of a BAR */

/* Length of the entry that the IOMMU core makes at the start of a run. */
static u64 entry_length(u64 page_sizes, dma_addr_t iova, phys_addr_t phys,
			u64 length)
{
	u64 merged = iova | phys;

	page_sizes &= GENMASK_ULL(fls64(length) - 1, 0);
	if (merged)
		page_sizes &= GENMASK_ULL(__ffs64(merged), 0);
	return BIT_ULL(fls64(page_sizes) - 1);
}

/* The least length of a block in a run of this kind and length. */
static u64 block_grain(const struct p2pmap_dma *dma, u64 length)
{
	if (dma->kind == P2PMAP_KIND_RAM || length < BAR_BLOCKS * PAGE_SIZE)
		return PAGE_SIZE;
	return roundup_pow_of_two(length / BAR_BLOCKS);
}

/*
 * A block is an entry, or where entries are smaller than the grain all up to
 * the next multiple of it.  That point is an entry's edge: an entry that
 * straddles it would be larger than the grain, begin at a multiple of it, and
 * thus hold the start of this block too.
 */
static u64 block_length(u64 page_sizes, u64 grain, dma_addr_t iova,
			phys_addr_t phys, u64 length)
{
	u64 entry = entry_length(page_sizes, iova, phys, length);

	if (entry >= grain)
		return entry;
	return min(length, grain - (iova & (grain - 1)));
}

/*
 * The blocks of a run that is mapped at @iova by one call, as pages from
 * @first on.  Counts them, and fills @v unless it is NULL.
 */
unsigned int p2pmap_blocks_of_run(const struct p2pmap_dma *dma, u32 first,
				  dma_addr_t iova, phys_addr_t phys, u64 length,
				  struct p2pmap_block *v)
{
	u64 grain = block_grain(dma, length);
	unsigned int nr = 0;
	u64 step;

	for (; length; length -= step, nr++) {
		step = block_length(dma->page_sizes, grain, iova, phys, length);
		if (v)
			v[nr] = (struct p2pmap_block){
				.first = first,
				.nr = step >> PAGE_SHIFT,
				.state = P2PMAP_BLOCK_LIVE,
			};
		first += step >> PAGE_SHIFT;
		iova += step;
		phys += step;
	}
	return nr;
}

/*
 * The blocks of all runs.  DMA addresses are not known yet, but the DMA API
 * aligns each to the next power of two of its length, and no entry is larger:
 * as far as entries go a chunk might as well begin at 0.
 */
static unsigned int blocks_of_dma(const struct p2pmap_dma *dma,
				  const struct p2pmap_frames *frames,
				  struct p2pmap_block *v)
{
	const struct p2pmap_run *run = frames->runs;
	u64 end = 0, at = 0, skip = 0, length;
	unsigned int i, nr = 0;

	for (i = 0; i < dma->nr_chunks; i++) {
		end = dma->chunks[i].offset + dma->chunks[i].length;
		for (; at < end; at += length) {
			length = min(run->length - skip, end - at);
			nr += p2pmap_blocks_of_run(dma, at >> PAGE_SHIFT,
						   at - dma->chunks[i].offset,
						   run->phys + skip, length,
						   v ? v + nr : NULL);
			skip += length;
			if (skip == run->length) {
				skip = 0;
				run++;
			}
		}
	}
	return nr;
}

/* Allocate and compute the blocks of what is about to be mapped. */
int p2pmap_blocks_build(struct p2pmap_blocks *blocks,
			const struct p2pmap_dma *dma,
			const struct p2pmap_frames *frames)
{
	unsigned int nr = blocks_of_dma(dma, frames, NULL);

	blocks->v = kvmalloc_array(nr + SLACK, sizeof(*blocks->v),
				   P2PMAP_GFP);
	if (!blocks->v)
		return -ENOMEM;
	blocks->max = nr + SLACK;
	blocks->nr = blocks_of_dma(dma, frames, blocks->v);
	memset(blocks->pages, 0, sizeof(blocks->pages));
	blocks->pages[P2PMAP_BLOCK_LIVE] = frames->length >> PAGE_SHIFT;
	return 0;
}

/* Make all blocks of [first, first + nr) one. */
static void blocks_merge(struct p2pmap_blocks *blocks, u32 first, u32 nr)
{
	unsigned int i = p2pmap_blocks_find(blocks, first);
	unsigned int last = p2pmap_blocks_find(blocks, first + nr - 1);

	blocks->v[i].nr = nr;
	memmove(blocks->v + i + 1, blocks->v + last + 1,
		(blocks->nr - last - 1) * sizeof(*blocks->v));
	blocks->nr -= last - i;
}

/*
 * Once addresses are known: a chunk that is not aligned as expected is cut as
 * a whole, which is always right.
 */
void p2pmap_blocks_settle(struct p2pmap_blocks *blocks,
			  const struct p2pmap_dma *dma)
{
	const struct p2pmap_chunk *chunk = dma->chunks;

	for (; chunk < dma->chunks + dma->nr_chunks; chunk++)
		if (!IS_ALIGNED(chunk->dma_addr,
				roundup_pow_of_two(chunk->length)))
			blocks_merge(blocks, chunk->offset >> PAGE_SHIFT,
				     chunk->length >> PAGE_SHIFT);
}

/* Index of the block that holds @page. */
unsigned int p2pmap_blocks_find(const struct p2pmap_blocks *blocks, u32 page)
{
	unsigned int low = 0, high = blocks->nr, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (blocks->v[mid].first <= page)
			low = mid;
		else
			high = mid;
	}
	return low;
}

void p2pmap_blocks_set(struct p2pmap_blocks *blocks, unsigned int i,
		       enum p2pmap_block_state state)
{
	struct p2pmap_block *block = &blocks->v[i];

	blocks->pages[block->state] -= block->nr;
	blocks->pages[state] += block->nr;
	block->state = state;
	block->missed = false;
}

bool p2pmap_blocks_room(const struct p2pmap_blocks *blocks, unsigned int extra)
{
	return blocks->nr + extra <= blocks->max;
}

/*
 * Make @page the first of a block.  Only for blocks that are not mapped, or
 * that the sink fills page by page.  False if there is no room.
 */
bool p2pmap_blocks_split(struct p2pmap_blocks *blocks, u32 page)
{
	unsigned int i = p2pmap_blocks_find(blocks, page);
	struct p2pmap_block *block = &blocks->v[i];
	u32 head = page - block->first;

	if (!head)
		return true;
	if (!p2pmap_blocks_room(blocks, 1))
		return false;
	memmove(block + 1, block, (blocks->nr - i) * sizeof(*block));
	blocks->nr++;
	block[1].first = page;
	block[1].nr = block->nr - head;
	block->nr = head;
	return true;
}

/*
 * Put @v in the place of the blocks of [first, first + nr), where blocks begin
 * and end; there is room.  What follows is moved only if their number changes.
 */
void p2pmap_blocks_replace(struct p2pmap_blocks *blocks, u32 first, u32 nr,
			   const struct p2pmap_block *v, unsigned int nr_v)
{
	unsigned int from = p2pmap_blocks_find(blocks, first), to, k;

	for (to = from;
	     to < blocks->nr && blocks->v[to].first < first + nr; to++)
		blocks->pages[blocks->v[to].state] -= blocks->v[to].nr;
	if (to - from != nr_v)
		memmove(blocks->v + from + nr_v, blocks->v + to,
			(blocks->nr - to) * sizeof(*v));
	blocks->nr += nr_v - (to - from);
	memcpy(blocks->v + from, v, nr_v * sizeof(*v));
	for (k = 0; k < nr_v; k++)
		blocks->pages[v[k].state] += v[k].nr;
}

/*
 * Replace blocks in many places at the cost of one pass: there is room for all
 * that is new (p2pmap_blocks_room() said so), so what is old moves to the end of
 * the array, and each block from there to where it belongs.  Between begin and
 * end nobody else may look at @blocks.
 */
void p2pmap_merge_begin(struct p2pmap_merge *merge,
			struct p2pmap_blocks *blocks)
{
	*merge = (struct p2pmap_merge){
		.blocks = blocks,
		.from = blocks->max - blocks->nr,
	};
	memmove(blocks->v + merge->from, blocks->v,
		blocks->nr * sizeof(*blocks->v));
}

static void merge_keep(struct p2pmap_merge *merge, unsigned int nr)
{
	struct p2pmap_block *v = merge->blocks->v;

	memmove(v + merge->to, v + merge->from, nr * sizeof(*v));
	merge->to += nr;
	merge->from += nr;
}

/*
 * Put @v in the place of the blocks of [first, first + nr), where blocks begin
 * and end; behind those that were replaced before.
 */
void p2pmap_merge(struct p2pmap_merge *merge, u32 first, u32 nr,
		  const struct p2pmap_block *v, unsigned int nr_v)
{
	struct p2pmap_blocks *blocks = merge->blocks;
	const struct p2pmap_block *old = blocks->v + merge->from;
	const struct p2pmap_block *end = blocks->v + blocks->max;
	unsigned int k;

	while (old[0].first < first)
		old++;
	merge_keep(merge, old - (blocks->v + merge->from));
	for (; old < end && old->first < first + nr; old++, merge->from++)
		blocks->pages[old->state] -= old->nr;
	memcpy(blocks->v + merge->to, v, nr_v * sizeof(*v));
	merge->to += nr_v;
	for (k = 0; k < nr_v; k++)
		blocks->pages[v[k].state] += v[k].nr;
}

void p2pmap_merge_end(struct p2pmap_merge *merge)
{
	merge_keep(merge, merge->blocks->max - merge->from);
	merge->blocks->nr = merge->to;
}

/* Move to the larger array @v; returns the one to free. */
struct p2pmap_block *p2pmap_blocks_grow(struct p2pmap_blocks *blocks,
					struct p2pmap_block *v,
					unsigned int max)
{
	struct p2pmap_block *old = blocks->v;

	if (max <= blocks->max)
		return v;
	memcpy(v, old, blocks->nr * sizeof(*v));
	blocks->v = v;
	blocks->max = max;
	return old;
}

void p2pmap_blocks_free(struct p2pmap_blocks *blocks)
{
	kvfree(blocks->v);
	*blocks = (struct p2pmap_blocks){};
}
