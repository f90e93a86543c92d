// SPDX-License-Identifier: GPL-2.0-only
/* The importer's half: a device may use a buffer of the process. */
#include "import.h"

/* A part of the buffer goes: nothing new for the device. */
static void buffer_stop(void *owner, u64 offset, u64 end)
{
	struct import_buffer *buffer = owner;

	WRITE_ONCE(buffer->usable, false);
}

/* All of it is there, for the first time or again. */
static void buffer_resume(void *owner)
{
	struct import_buffer *buffer = owner;

	WRITE_ONCE(buffer->usable, true);
}

static const struct vma_dma_mapping_ops buffer_ops = {
	.stop = buffer_stop,
	.resume = buffer_resume,
};

/* For the caller's memory, whatever is mapped there. */
int import_buffer_map(struct import_buffer *buffer, struct device *dev,
		      unsigned long start, unsigned long length)
{
	unsigned long flags = VMA_DMA_MAP_FLAG_WRITE | VMA_DMA_MAP_FLAG_RESTORE;
	struct vma_dma_mapping *mapping;
	int rc;

	mapping = vma_dma_mapping_create(current->mm, start, start + length,
					 dev, flags, &buffer_ops, buffer);
	if (IS_ERR(mapping))
		return PTR_ERR(mapping);
	rc = vma_dma_mapping_sgtable(mapping, &buffer->sgt);
	if (rc) {
		vma_dma_mapping_destroy(mapping);
		return rc;
	}
	buffer->mapping = mapping;
	return 0;
}

/* The device has done what it was told; the addresses are not used again. */
void import_buffer_unmap(struct import_buffer *buffer)
{
	vma_dma_mapping_sgtable_free(&buffer->sgt);
	vma_dma_mapping_destroy(buffer->mapping);
}
