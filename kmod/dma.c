// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA side of a range: what the DMA API made of its frames.
 *
 * A chunk is what one call made.  An extent is what the user sees: chunks and
 * segments that happen to be contiguous for the device are one.  An exporter may
 * have made the extents itself; then there are no chunks.  There are three ways to
 * make a chunk:
 *
 *  - dma_map_sgtable() for pages, at most as long as the device's segment
 *    boundary allows (beyond it segments are padded, and what follows a page
 *    would be mapped too);
 *  - dma_map_resource() for a run of a BAR;
 *  - where an IOMMU translates: an address is reserved first, and then each run
 *    is mapped there (iova.c).  Kernels that do not offer it do it for long
 *    chunks only, and in another way (domain.c).
 *
 * prepare allocates everything, so that map can run under a lock that
 * notifiers take, and unmap can run whatever the state of memory.
 */
#include <linux/dma-map-ops.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "range.h"

static enum dma_data_direction dma_direction(const struct p2pmap_dma *dma)
{
	return dma->write ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;
}

/* Walks runs in pieces that fit a chunk; @run and @skip say where it stands. */
struct run_cursor {
	const struct p2pmap_frames *frames;
	unsigned int run;
	u64 skip;
};

/* The next piece of at most @max bytes; 0 at the end. */
static u64 cursor_next(struct run_cursor *at, u64 max, phys_addr_t *phys)
{
	const struct p2pmap_run *run;
	u64 length;

	if (at->run == at->frames->nr_runs)
		return 0;
	run = &at->frames->runs[at->run];
	*phys = run->phys + at->skip;
	length = min(run->length - at->skip, max);
	at->skip += length;
	if (at->skip == run->length) {
		at->run++;
		at->skip = 0;
	}
	return length;
}

static void cursor_skip(struct run_cursor *at, u64 length)
{
	phys_addr_t phys;

	while (length)
		length -= cursor_next(at, length, &phys);
}

/* Longest segment that starts at @phys and keeps the device's rules. */
static u64 segment_max(struct device *dev, phys_addr_t phys)
{
	u64 max = max_t(u64, dma_get_max_seg_size(dev) & PAGE_MASK, PAGE_SIZE);
	u64 boundary = dma_get_seg_boundary(dev);

	/* Left at the boundary, less one so that it cannot wrap. */
	return min(max - 1, boundary - (phys & boundary)) + 1;
}

/* Bytes that one chunk may have. */
static u64 chunk_max(const struct p2pmap_dma *dma)
{
	u64 boundary = dma_get_seg_boundary(dma->dev);
	u64 max = dma->translated ? p2pmap_iova_chunk_max(dma) : SZ_4G;

	return min_t(u64, boundary, max - 1) + 1;
}

/* Is the chunk's address reserved first, and its runs mapped then? */
static bool chunk_reserves(const struct p2pmap_dma *dma,
			   const struct p2pmap_chunk *chunk)
{
	return dma->translated && p2pmap_iova_reserves(chunk->length);
}

/* Count (@sg NULL) or fill the segments of one chunk; advances @at. */
static unsigned int chunk_segments(struct device *dev, struct run_cursor *at,
				   u64 length, struct scatterlist *sg)
{
	unsigned int nents = 0;
	phys_addr_t phys;
	u64 max, piece;

	while (length) {
		/* Peek where the next piece begins to learn its limit. */
		struct run_cursor peek = *at;

		cursor_next(&peek, 1, &phys);
		max = min(segment_max(dev, phys), length);
		piece = cursor_next(at, max, &phys);
		if (sg) {
			sg_set_page(sg, pfn_to_page(PHYS_PFN(phys)), piece, 0);
			sg = sg_next(sg);
		}
		length -= piece;
		nents++;
	}
	return nents;
}

static int dma_prepare_ram(struct p2pmap_dma *dma,
			   const struct p2pmap_frames *frames)
{
	struct run_cursor at = { .frames = frames };
	u64 max = chunk_max(dma);
	u64 offset = 0;

	dma->chunks = kvcalloc(DIV64_U64_ROUND_UP(frames->length, max),
			       sizeof(*dma->chunks), P2PMAP_GFP);
	if (!dma->chunks)
		return -ENOMEM;
	while (offset < frames->length) {
		struct p2pmap_chunk *chunk = &dma->chunks[dma->nr_chunks];
		struct run_cursor count = at;

		chunk->offset = offset;
		chunk->length = min(frames->length - offset, max);
		offset += chunk->length;
		if (chunk_reserves(dma, chunk)) {
			cursor_skip(&at, chunk->length);
			dma->nr_chunks++;
			continue;
		}
		if (sg_alloc_table(&chunk->sgt,
				   chunk_segments(dma->dev, &count,
						  chunk->length, NULL),
				   P2PMAP_GFP))
			return -ENOMEM;
		dma->nr_chunks++;
		chunk_segments(dma->dev, &at, chunk->length, chunk->sgt.sgl);
	}
	return 0;
}

/* A chunk for each run, or more if the run is long. */
static int dma_prepare_bar(struct p2pmap_dma *dma,
			   const struct p2pmap_frames *frames)
{
	struct run_cursor at = { .frames = frames };
	u64 max = dma->translated ? p2pmap_iova_chunk_max(dma) :
				    frames->length;
	unsigned int nr = frames->nr_runs + frames->length / max;
	struct p2pmap_chunk *chunk;
	u64 offset = 0;

	dma->chunks = kvcalloc(nr, sizeof(*dma->chunks), P2PMAP_GFP);
	if (!dma->chunks)
		return -ENOMEM;
	for (; offset < frames->length; offset += chunk->length) {
		chunk = &dma->chunks[dma->nr_chunks++];
		chunk->offset = offset;
		chunk->length = cursor_next(&at, max, &chunk->phys);
	}
	return 0;
}

/* What lies out of the importer's reach must not even be tried. */
static int dma_check_reach(struct p2pmap_dma *dma,
			   const struct p2pmap_frames *frames,
			   struct p2pmap_reason *why)
{
	u64 mask = p2pmap_dma_mask(dma->dev), last = frames->length - 1;
	unsigned int i;

	for (i = 0; !dma->translated && i < frames->nr_runs; i++)
		last = max_t(u64, last, frames->runs[i].phys +
					frames->runs[i].length - 1);
	if (last <= mask)
		return 0;
	if (why)
		why->value[1] = mask;
	return p2pmap_fail(why, -ERANGE, P2PMAP_REASON_DMA_MASK,
			   dma->translated ? frames->length : 0);
}

/*
 * Bytes of the importer's addresses that map will take.  The DMA API aligns each
 * chunk to the next power of two of its length; what that leaves free is not
 * good for much.
 */
u64 p2pmap_dma_space(const struct p2pmap_dma *dma)
{
	u64 space = 0;
	unsigned int i;

	for (i = 0; dma->translated && i < dma->nr_chunks; i++)
		space += roundup_pow_of_two(dma->chunks[i].length);
	return space;
}

/*
 * Allocate what mapping @frames takes.  All up to dma->page_sizes is set.  On
 * failure p2pmap_dma_free() cleans up.
 */
int p2pmap_dma_prepare(struct p2pmap_dma *dma,
		       const struct p2pmap_frames *frames,
		       struct p2pmap_reason *why)
{
	int rc;

	if (dma->given)
		return 0;
	rc = dma_check_reach(dma, frames, why);
	if (rc)
		return rc;
	if (!dma->translated && is_swiotlb_force_bounce(dma->dev))
		return p2pmap_fail(why, -EOPNOTSUPP, P2PMAP_REASON_BOUNCE, 0);
	rc = dma->kind == P2PMAP_KIND_BAR ? dma_prepare_bar(dma, frames) :
					    dma_prepare_ram(dma, frames);
	if (rc)
		return rc;
	/* No sum wraps: both are numbers of what is in memory already. */
	dma->max_extents = dma->nr_chunks;
	if (!dma->translated)
		dma->max_extents += frames->nr_runs;
	dma->extents = kvmalloc_array(dma->max_extents, sizeof(*dma->extents),
				      P2PMAP_GFP);
	return dma->extents ? 0 : -ENOMEM;
}

static void chunk_unmap(struct p2pmap_dma *dma, struct p2pmap_chunk *chunk)
{
	if (chunk->hollow)
		p2pmap_iova_pave(dma, chunk);
	if (chunk_reserves(dma, chunk))
		p2pmap_iova_release(dma, chunk);
	else if (dma->kind == P2PMAP_KIND_BAR)
		dma_unmap_resource(dma->dev, chunk->dma_addr, chunk->length,
				   dma_direction(dma), DMA_ATTR_SKIP_CPU_SYNC);
	else
		dma_unmap_sgtable(dma->dev, &chunk->sgt, dma_direction(dma),
				  DMA_ATTR_SKIP_CPU_SYNC);
}

/* Map the runs that begin at @at, which is not advanced. */
static int chunk_fill(struct p2pmap_dma *dma, struct p2pmap_chunk *chunk,
		      struct run_cursor at)
{
	u64 done = 0, length;
	phys_addr_t phys;
	int rc;

	rc = p2pmap_iova_reserve(dma, chunk);
	if (rc)
		return rc;
	chunk->hollow = true;
	for (; done < chunk->length; done += length) {
		length = cursor_next(&at, chunk->length - done, &phys);
		rc = p2pmap_iova_put_back(dma, chunk, done, phys, length,
					  dma->kind);
		if (rc)
			break;
	}
	if (!rc) {
		chunk->hollow = false;
		return 0;
	}
	if (done)
		p2pmap_iova_cut(dma, chunk, 0, done);
	chunk_unmap(dma, chunk);
	return rc;
}

static int chunk_map(struct p2pmap_dma *dma, struct p2pmap_chunk *chunk,
		     struct run_cursor at)
{
	if (chunk_reserves(dma, chunk))
		return chunk_fill(dma, chunk, at);
	if (dma->kind == P2PMAP_KIND_BAR) {
		chunk->dma_addr = dma_map_resource(dma->dev, chunk->phys,
						   chunk->length,
						   dma_direction(dma),
						   DMA_ATTR_SKIP_CPU_SYNC);
		return dma_mapping_error(dma->dev, chunk->dma_addr);
	}
	if (dma_map_sgtable(dma->dev, &chunk->sgt, dma_direction(dma),
			    DMA_ATTR_SKIP_CPU_SYNC))
		return -ENOMEM;
	chunk->dma_addr = sg_dma_address(chunk->sgt.sgl);
	return 0;
}

static void extent_append(struct p2pmap_dma *dma, dma_addr_t addr, u64 length)
{
	struct vma_dma_extent *last = dma->extents + dma->nr_extents - 1;

	if (dma->nr_extents && last->dma_addr + last->length == addr) {
		last->length += length;
		return;
	}
	dma->extents[dma->nr_extents++] = (struct vma_dma_extent){
		.dma_addr = addr,
		.length = length,
	};
}

/* An exporter made this one itself. */
int p2pmap_dma_give(struct p2pmap_dma *dma, dma_addr_t dma_addr, u64 length)
{
	unsigned int max = dma->max_extents ? 2 * dma->max_extents : 8;
	struct vma_dma_extent *extents;

	if (dma->nr_extents == dma->max_extents) {
		extents = kvmalloc_array(max, sizeof(*extents), P2PMAP_GFP);
		if (!extents)
			return -ENOMEM;
		if (dma->nr_extents)
			memcpy(extents, dma->extents,
			       dma->nr_extents * sizeof(*extents));
		kvfree(dma->extents);
		dma->extents = extents;
		dma->max_extents = max;
	}
	extent_append(dma, dma_addr, length);
	return 0;
}

/* Add a chunk's extents; false if the DMA API did not do what is promised. */
static bool chunk_extents(struct p2pmap_dma *dma, struct p2pmap_chunk *chunk)
{
	dma_addr_t next = chunk->dma_addr;
	struct scatterlist *sg;
	int i;

	if (dma->kind == P2PMAP_KIND_BAR || chunk_reserves(dma, chunk)) {
		extent_append(dma, chunk->dma_addr, chunk->length);
		return dma->translated || chunk->dma_addr == chunk->phys;
	}
	for_each_sgtable_dma_sg(&chunk->sgt, sg, i) {
		/* One IOVA range, or the very page: else it was bounced. */
		if (sg_dma_address(sg) !=
		    (dma->translated ? next : sg_phys(sg)))
			return false;
		next += sg_dma_len(sg);
		if (!dma->translated)
			extent_append(dma, sg_dma_address(sg), sg_dma_len(sg));
	}
	if (dma->translated)
		extent_append(dma, chunk->dma_addr, chunk->length);
	return !dma->translated || next - chunk->dma_addr == chunk->length;
}

static void chunks_unmap(struct p2pmap_dma *dma, unsigned int nr)
{
	while (nr--) {
		chunk_unmap(dma, &dma->chunks[nr]);
		cond_resched();
	}
	if (dma->translated && !dma->given)
		p2pmap_iova_flush(dma);
	dma->nr_extents = 0;
}

/*
 * The DMA API does not tell whether addresses or memory for page tables ran
 * out; a narrow device runs out of addresses, a wide one does not.
 */
static int map_error(const struct p2pmap_dma *dma)
{
	return p2pmap_dma_mask(dma->dev) <= DMA_BIT_MASK(40) ? -ENOSPC : -ENOMEM;
}

/*
 * Map @frames as was prepared; waits for nothing and does not enter reclaim.
 */
int p2pmap_dma_map(struct p2pmap_dma *dma, const struct p2pmap_frames *frames,
		   struct p2pmap_reason *why)
{
	struct run_cursor at = { .frames = frames };
	struct p2pmap_chunk *chunk;
	unsigned int i;

	for (i = 0; i < dma->nr_chunks; i++) {
		chunk = &dma->chunks[i];
		if (chunk_map(dma, chunk, at)) {
			chunks_unmap(dma, i);
			return p2pmap_fail(why, map_error(dma),
					   P2PMAP_REASON_IOVA_SPACE,
					   chunk->length);
		}
		if (!chunk_extents(dma, chunk)) {
			chunks_unmap(dma, i + 1);
			return p2pmap_fail(why, -EOPNOTSUPP,
					   P2PMAP_REASON_BOUNCE, 0);
		}
		cursor_skip(&at, chunk->length);
		cond_resched();
	}
	dma->mapped = true;
	return 0;
}

/*
 * Give all addresses back.  Where an IOMMU translates, no DMA reaches the
 * memory once this returns.  All of it is mapped, or p2pmap_dma_hollow() was told
 * that nothing is.
 */
void p2pmap_dma_unmap(struct p2pmap_dma *dma)
{
	if (!dma->mapped)
		return;
	dma->mapped = false;
	chunks_unmap(dma, dma->nr_chunks);
}

/* Everything was cut: p2pmap_dma_unmap() will find nothing. */
void p2pmap_dma_hollow(struct p2pmap_dma *dma)
{
	struct p2pmap_chunk *chunk = dma->chunks;

	for (; chunk < dma->chunks + dma->nr_chunks; chunk++)
		chunk->hollow = true;
}

void p2pmap_dma_free(struct p2pmap_dma *dma)
{
	unsigned int i;

	for (i = 0; i < dma->nr_chunks && dma->kind == P2PMAP_KIND_RAM; i++)
		sg_free_table(&dma->chunks[i].sgt);
	kvfree(dma->chunks);
	kvfree(dma->extents);
	dma->chunks = NULL;
	dma->extents = NULL;
	dma->nr_chunks = 0;
	dma->nr_extents = 0;
	dma->max_extents = 0;
	dma->given = false;
}

/* The chunk that holds @offset. */
static struct p2pmap_chunk *chunk_of(const struct p2pmap_dma *dma, u64 offset)
{
	unsigned int low = 0, high = dma->nr_chunks, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (dma->chunks[mid].offset <= offset)
			low = mid;
		else
			high = mid;
	}
	return &dma->chunks[low];
}

/* The DMA address of @offset in a translated mapping. */
dma_addr_t p2pmap_dma_addr(const struct p2pmap_dma *dma, u64 offset)
{
	const struct p2pmap_chunk *chunk = chunk_of(dma, offset);

	return chunk->dma_addr + (offset - chunk->offset);
}

/* What is cut in one call, or mapped in one, never crosses from one to the next. */
bool p2pmap_dma_begins_chunk(const struct p2pmap_dma *dma, u64 offset)
{
	return chunk_of(dma, offset)->offset == offset;
}

/* Take a part of a chunk from the device; see p2pmap_iova_cut(). */
void p2pmap_dma_cut(struct p2pmap_dma *dma, u64 offset, u64 length)
{
	struct p2pmap_chunk *chunk = chunk_of(dma, offset);

	p2pmap_iova_cut(dma, chunk, offset - chunk->offset, length);
}

/* Map @phys into a hole in a chunk; see p2pmap_iova_put_back(). */
int p2pmap_dma_put_back(struct p2pmap_dma *dma, u64 offset, phys_addr_t phys,
			u64 length, enum p2pmap_kind kind)
{
	struct p2pmap_chunk *chunk = chunk_of(dma, offset);

	return p2pmap_iova_put_back(dma, chunk, offset - chunk->offset, phys,
				    length, kind);
}
