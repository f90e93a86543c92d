// SPDX-License-Identifier: GPL-2.0-only
/*
 * What export.c needs around it to be a driver, of QEMU's ivshmem: mmap() of
 * /dev/p2pmap-export maps BAR 2; to write "0" there withdraws the memory from
 * everybody, "1" gives it back.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "export.h"

#define EXPORT_BAR 2

static struct vma_dma_exporter *exporter;

static void card_free(struct kref *ref)
{
	struct export_card *card = container_of(ref, struct export_card, ref);

	if (card->inode)
		iput(card->inode);
	mutex_destroy(&card->lock);
	kfree(card);
}

static int card_open(struct inode *inode, struct file *filp)
{
	struct export_card *card = container_of(filp->private_data,
						struct export_card, misc);

	kref_get(&card->ref);
	mutex_lock(&card->lock);
	if (!card->inode)
		card->inode = igrab(inode);
	mutex_unlock(&card->lock);
	/* Whatever the name by which it was opened: one place to zap. */
	filp->f_mapping = card->inode->i_mapping;
	filp->private_data = card;
	return nonseekable_open(inode, filp);
}

static int card_release(struct inode *inode, struct file *filp)
{
	struct export_card *card = filp->private_data;

	kref_put(&card->ref, card_free);
	return 0;
}

static int card_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct export_card *card = filp->private_data;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

	if (!(vma->vm_flags & VM_SHARED) || offset > card->length ||
	    vma->vm_end - vma->vm_start > card->length - offset)
		return -EINVAL;
#ifdef HAVE_VM_FLAGS_SET
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
#else
	vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
#endif
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vma->vm_private_data = card;
	vma->vm_ops = &export_vm_ops;
	return 0;
}

static ssize_t card_write(struct file *filp, const char __user *from,
			  size_t size, loff_t *pos)
{
	bool here;
	int rc = kstrtobool_from_user(from, size, &here);

	if (rc)
		return rc;
	export_card_set(filp->private_data, here);
	return size;
}

static const struct file_operations card_fops = {
	.owner = THIS_MODULE,
	.open = card_open,
	.release = card_release,
	.mmap = card_mmap,
	.write = card_write,
};

static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct export_card *card;
	int rc;

	rc = pcim_enable_device(pdev);
	if (rc)
		return rc;
	card = kzalloc(sizeof(*card), GFP_KERNEL);
	if (!card)
		return -ENOMEM;
	kref_init(&card->ref);
	mutex_init(&card->lock);
	card->phys = pci_resource_start(pdev, EXPORT_BAR);
	card->length = pci_resource_len(pdev, EXPORT_BAR);
	card->here = true;
	card->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = "p2pmap-export",
		.fops = &card_fops,
		.mode = 0600,
	};
	pci_set_drvdata(pdev, card);
	rc = misc_register(&card->misc);
	if (rc)
		kref_put(&card->ref, card_free);
	return rc;
}

/* No importer reaches the memory any more; CPUs do until it is zapped. */
static void card_remove(struct pci_dev *pdev)
{
	struct export_card *card = pci_get_drvdata(pdev);

	misc_deregister(&card->misc);
	mutex_lock(&card->lock);
	card->gone = true;
	mutex_unlock(&card->lock);
	export_card_set(card, false);
	kref_put(&card->ref, card_free);
}

static const struct pci_device_id card_ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{}
};
MODULE_DEVICE_TABLE(pci, card_ids);

static struct pci_driver card_driver = {
	.name = "export_example",
	.id_table = card_ids,
	.probe = card_probe,
	.remove = card_remove,
};

/* Before anything can be mapped, and until nothing is. */
static int __init export_init(void)
{
	int rc;

	exporter = vma_dma_export_register(&export_vm_ops, &export_ops);
	if (IS_ERR(exporter))
		return PTR_ERR(exporter);
	rc = pci_register_driver(&card_driver);
	if (rc)
		vma_dma_export_unregister(exporter);
	return rc;
}

static void __exit export_exit(void)
{
	pci_unregister_driver(&card_driver);
	vma_dma_export_unregister(exporter);
}

module_init(export_init);
module_exit(export_exit);

MODULE_DESCRIPTION("p2pmap: example of a driver that exports");
MODULE_LICENSE("GPL");
