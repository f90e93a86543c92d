// SPDX-License-Identifier: GPL-2.0-only
/* The exporter's half: who may reach the memory that is mapped, and when. */
#include "export.h"

/* A CPU touches the memory. */
static vm_fault_t card_fault(struct vm_fault *vmf)
{
	struct export_card *card = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	mutex_lock(&card->lock);
	if (card->here)
		ret = vmf_insert_pfn(vmf->vma, vmf->address,
				     PHYS_PFN(card->phys) + vmf->pgoff);
	mutex_unlock(&card->lock);
	return ret;
}

/* A device is going to; NULL is somebody who only asks. */
static int card_describe(const struct vma_dma_request *request,
			 struct vma_dma_runs *runs)
{
	struct vm_area_struct *vma = request->vma;
	struct export_card *card = vma->vm_private_data;
	u64 offset = request->start - vma->vm_start +
		     ((u64)vma->vm_pgoff << PAGE_SHIFT);
	int rc = -EFAULT;

	mutex_lock(&card->lock);
	if (card->here)
		rc = vma_dma_runs_add(runs, card->phys + offset,
				      request->end - request->start);
	mutex_unlock(&card->lock);
	return rc;
}

const struct vm_operations_struct export_vm_ops = { .fault = card_fault };
const struct vma_dma_export_ops export_ops = { .describe = card_describe };

/*
 * Take the memory from CPUs and devices, or give it back: then to zap what is
 * not there has importers look again.
 */
void export_card_set(struct export_card *card, bool here)
{
	mutex_lock(&card->lock);
	card->here = here && !card->gone;
	if (card->inode)
		unmap_mapping_range(card->inode->i_mapping, 0, 0, 1);
	mutex_unlock(&card->lock);
}
