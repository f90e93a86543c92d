// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVA: cut a piece of a chunk off, and put one back, by dma_iova_*().
 *
 * What the DMA API offers from 7.x on is what p2pmap wants: an address that is
 * had first, filled in pieces, emptied in pieces and given back.  Nothing else
 * touches the domain here.  domain.c is the same for kernels that lack it; Kbuild
 * takes one of the two.
 *
 * What the callers rely on (read in 7.3's sources, and held by the tests):
 *  - dma_iova_unlink() returns after the flush, in the lazy mode too.  So no
 *    flush remains to be done, and what is unlinked may be freed.
 *  - dma_iova_link() allocates page tables with GFP_ATOMIC and never sleeps; it
 *    takes no gfp.  Nothing here enters reclaim: the callers hold a lock that
 *    notifiers take.  It dips into the reserves, and if they are empty the
 *    kernel logs the failed allocation, which the caller then survives.
 *  - A dma_iova_link() that fails leaves nothing mapped, unlike domain.c's
 *    iommu_map().
 *
 * What breaks if a rule is ignored:
 *  - Cut only whole blocks that are mapped.  Unlinking the head of an entry
 *    removes all of it, beginning inside one or in a hole removes nothing of
 *    what follows; either way dma_iova_unlink() returns nothing and only warns.
 *  - Unlink before linking: over a live entry there is EADDRINUSE.
 *  - dma_iova_free() looks at no page table.  An address that is given back with
 *    something mapped leads its next owner's DMA there, hence chunk->hollow.
 */
#include <linux/dma-mapping.h>

#include "range.h"

int p2pmap_iova_init(void)
{
	return 0;
}

void p2pmap_iova_exit(void)
{
}

static enum dma_data_direction direction(const struct p2pmap_dma *dma)
{
	return dma->write ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;
}

/* A dma_iova_link() is all or nothing, however many tables it fills. */
u64 p2pmap_iova_chunk_max(const struct p2pmap_dma *dma)
{
	return P2PMAP_CHUNK_MAX;
}

/* Every chunk is, whatever its length. */
bool p2pmap_iova_reserves(u64 length)
{
	return true;
}

int p2pmap_iova_reserve(const struct p2pmap_dma *dma,
			struct p2pmap_chunk *chunk)
{
	if (!dma_iova_try_alloc(dma->dev, &chunk->iova.state, 0,
				chunk->length))
		return -ENOMEM;
	chunk->dma_addr = chunk->iova.state.addr;
	return 0;
}

/*
 * Take a piece from the device; it consists of whole blocks that are mapped.
 * When it returns no DMA reaches the memory any more.
 */
void p2pmap_iova_cut(const struct p2pmap_dma *dma, struct p2pmap_chunk *chunk,
		     u64 offset, u64 length)
{
	dma_iova_unlink(dma->dev, &chunk->iova.state, offset, length,
			direction(dma), DMA_ATTR_SKIP_CPU_SYNC);
}

/* Give a reserved address back, and what is mapped there: all of it or nothing. */
void p2pmap_iova_release(const struct p2pmap_dma *dma,
			 struct p2pmap_chunk *chunk)
{
	if (!chunk->hollow)
		p2pmap_iova_cut(dma, chunk, 0, chunk->length);
	dma_iova_free(dma->dev, &chunk->iova.state);
}

/* Map into a hole, at an address that the mapping had all along, or fail. */
int p2pmap_iova_put_back(const struct p2pmap_dma *dma,
			 struct p2pmap_chunk *chunk, u64 offset,
			 phys_addr_t phys, u64 length, enum p2pmap_kind kind)
{
	unsigned long attrs = kind == P2PMAP_KIND_BAR ?
				      DMA_ATTR_MMIO : P2PMAP_ATTR_COHERENT;
	int rc;

	rc = dma_iova_link(dma->dev, &chunk->iova.state, phys, offset, length,
			   direction(dma), attrs | DMA_ATTR_SKIP_CPU_SYNC);
	if (rc)
		return rc;
	rc = dma_iova_sync(dma->dev, &chunk->iova.state, offset, length);
	if (rc)
		p2pmap_iova_cut(dma, chunk, offset, length);
	return rc;
}

/* A chunk with nothing mapped is released without a look at the page table. */
void p2pmap_iova_pave(const struct p2pmap_dma *dma, struct p2pmap_chunk *chunk)
{
}

/* Each cut has waited already. */
void p2pmap_iova_flush(const struct p2pmap_dma *dma)
{
}
