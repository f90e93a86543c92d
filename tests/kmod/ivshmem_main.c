// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device of ivshmem_exporter.ko: its node, the ioctls, probe, remove and
 * registration with p2pmap.  What pieces are is in ivshmem_piece.c, which has
 * the essay.
 */
#include <linux/bitmap.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pci.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ivshmem_priv.h"

#define IVSHMEM_BAR 2

static struct vfsmount *inodes; /* where ivshmem.inode lives */

static int ioctl_alloc(struct file *file, struct ivshmem_alloc *cmd)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;
	int rc;

	if ((cmd->flags & ~IVSHMEM_OWN_DMA) || cmd->reserved || !cmd->length ||
	    !PAGE_ALIGNED(cmd->length) ||
	    cmd->length >> PAGE_SHIFT > min(ivshmem->nr_pages, PIECE_PAGES))
		return -EINVAL;
	piece = ivshmem_piece_alloc(ivshmem, file, cmd);
	if (IS_ERR(piece))
		return PTR_ERR(piece);
	mutex_lock(&ivshmem->lock);
	rc = ivshmem->gone ? -ENODEV :
			     xa_alloc(&ivshmem->pieces, &piece->id, piece,
				      XA_LIMIT(0, (1U << (63 - PIECE_SHIFT)) - 1),
				      GFP_KERNEL_ACCOUNT);
	mutex_unlock(&ivshmem->lock);
	if (rc) {
		ivshmem_piece_put(piece);
		return rc;
	}
	cmd->out_offset = (u64)piece->id << PIECE_SHIFT;
	return 0;
}

static void tell(const struct piece *piece, struct ivshmem_info *info)
{
	info->out_bar_offset = piece->first << PAGE_SHIFT;
	info->out_length = piece->nr << PAGE_SHIFT;
	info->out_pins = atomic_read(&piece->pins);
	info->out_moves = piece->moves;
}

/* What is done to one piece, under the lock. */
static int ioctl_piece(struct file *file, unsigned int number,
		       struct ivshmem_info *info)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;
	int rc = 0;

	mutex_lock(&ivshmem->lock);
	piece = ivshmem_piece_find(file, info->offset >> PAGE_SHIFT);
	if (!piece)
		rc = -ENOENT;
	else if (number == IVSHMEM_IOC_MOVE)
		rc = ivshmem_piece_move(piece);
	else if (number == IVSHMEM_IOC_WITHDRAW)
		rc = ivshmem_piece_withdraw(piece);
	if (!rc)
		tell(piece, info);
	mutex_unlock(&ivshmem->lock);
	return rc;
}

static int ioctl_rules(struct file *file, const struct ivshmem_rules *rules)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;

	if (rules->rules & ~IVSHMEM_RULES)
		return -EINVAL;
	mutex_lock(&ivshmem->lock);
	piece = ivshmem_piece_find(file, rules->offset >> PAGE_SHIFT);
	if (piece)
		piece->rules = *rules;
	mutex_unlock(&ivshmem->lock);
	return piece ? 0 : -ENOENT;
}

static long ivshmem_ioctl(struct file *file, unsigned int number,
			  unsigned long arg)
{
	void __user *user = (void __user *)arg;
	union {
		struct ivshmem_alloc alloc;
		struct ivshmem_rules rules;
		struct ivshmem_info info;
	} cmd;
	long rc;

	if (_IOC_SIZE(number) > sizeof(cmd))
		return -ENOTTY;
	if (copy_from_user(&cmd, user, _IOC_SIZE(number)))
		return -EFAULT;
	switch (number) {
	case IVSHMEM_IOC_ALLOC:
		rc = ioctl_alloc(file, &cmd.alloc);
		break;
	case IVSHMEM_IOC_RULES:
		return ioctl_rules(file, &cmd.rules);
	case IVSHMEM_IOC_INFO:
	case IVSHMEM_IOC_MOVE:
	case IVSHMEM_IOC_WITHDRAW:
		rc = ioctl_piece(file, number, &cmd.info);
		break;
	default:
		return -ENOTTY;
	}
	if (!rc && copy_to_user(user, &cmd, _IOC_SIZE(number)))
		rc = -EFAULT;
	return rc;
}

/* misc_deregister() waits for this one to end. */
static int ivshmem_open(struct inode *inode, struct file *file)
{
	struct ivshmem *ivshmem = container_of(file->private_data,
					       struct ivshmem, misc);

	kref_get(&ivshmem->ref);
	file->private_data = ivshmem;
	file->f_mapping = ivshmem->inode->i_mapping;
	return nonseekable_open(inode, file);
}

static int ivshmem_release(struct inode *inode, struct file *file)
{
	struct ivshmem *ivshmem = file->private_data;
	struct piece *piece;
	unsigned long id;

	mutex_lock(&ivshmem->lock);
	xa_for_each(&ivshmem->pieces, id, piece) {
		if (piece->owner != file)
			continue;
		xa_erase(&ivshmem->pieces, id);
		piece->owner = NULL;
		ivshmem_piece_put(piece);
	}
	mutex_unlock(&ivshmem->lock);
	ivshmem_put(ivshmem);
	return 0;
}

/* .owner: while a file is open, or a VMA of one lives, the module stays. */
static const struct file_operations ivshmem_fops = {
	.owner = THIS_MODULE,
	.open = ivshmem_open,
	.release = ivshmem_release,
	.unlocked_ioctl = ivshmem_ioctl,
	.mmap = ivshmem_mmap,
};

/* The PCI device */

static struct ivshmem *ivshmem_alloc(struct pci_dev *pdev)
{
	struct ivshmem *ivshmem;

	ivshmem = kzalloc(sizeof(*ivshmem), GFP_KERNEL);
	if (!ivshmem)
		return NULL;
	kref_init(&ivshmem->ref);
	mutex_init(&ivshmem->lock);
	spin_lock_init(&ivshmem->space_lock);
	xa_init_flags(&ivshmem->pieces, XA_FLAGS_ALLOC);
	ivshmem->base = pci_resource_start(pdev, IVSHMEM_BAR);
	ivshmem->nr_pages = pci_resource_len(pdev, IVSHMEM_BAR) >> PAGE_SHIFT;
	ivshmem->used = bitmap_zalloc(ivshmem->nr_pages, GFP_KERNEL);
	ivshmem->inode = alloc_anon_inode(inodes->mnt_sb);
	if (IS_ERR(ivshmem->inode))
		ivshmem->inode = NULL; /* iput() takes that */
	if (!ivshmem->used || !ivshmem->inode) {
		ivshmem_put(ivshmem);
		return NULL;
	}
	snprintf(ivshmem->name, sizeof(ivshmem->name), "p2pmap-ivshmem-%s",
		 pci_name(pdev));
	ivshmem->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = ivshmem->name,
		.fops = &ivshmem_fops,
		.parent = &pdev->dev,
		.mode = 0600,
	};
	return ivshmem;
}

static int ivshmem_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ivshmem *ivshmem;
	int rc;

	rc = pcim_enable_device(pdev);
	if (!rc)
		rc = pcim_iomap_regions(pdev, BIT(IVSHMEM_BAR),
					KBUILD_MODNAME);
	if (rc)
		return rc;
	ivshmem = ivshmem_alloc(pdev);
	if (!ivshmem)
		return -ENOMEM;
	ivshmem->mem = pcim_iomap_table(pdev)[IVSHMEM_BAR];
	rc = misc_register(&ivshmem->misc);
	if (rc) {
		ivshmem_put(ivshmem);
		return rc;
	}
	pci_set_drvdata(pdev, ivshmem);
	return 0;
}

/*
 * p2pmap heard of it before: the PCI bus told it, importers are cut off and
 * pins were given back.  But until @gone is set somebody may have mapped it
 * again, and the zap is for him, and for the CPU.  Files and VMAs may stay for
 * as long as they like.
 */
static void ivshmem_remove(struct pci_dev *pdev)
{
	struct ivshmem *ivshmem = pci_get_drvdata(pdev);

	misc_deregister(&ivshmem->misc);
	mutex_lock(&ivshmem->lock);
	ivshmem->gone = true;
	unmap_mapping_range(ivshmem->inode->i_mapping, 0, 0, 1);
	ivshmem->mem = NULL;
	mutex_unlock(&ivshmem->lock);
	ivshmem_put(ivshmem);
}

static const struct pci_device_id ivshmem_ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{}
};
MODULE_DEVICE_TABLE(pci, ivshmem_ids);

static struct pci_driver ivshmem_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ivshmem_ids,
	.probe = ivshmem_probe,
	.remove = ivshmem_remove,
};

/* Registration: once for all devices, as their VMAs have the same operations. */

static DEFINE_MUTEX(answering_lock);
static struct vma_dma_exporter *exporter; /* answering_lock */
static struct vma_dma_exporter *own_exporter; /* answering_lock */

static void answer_no_more(void)
{
	lockdep_assert_held(&answering_lock);
	if (exporter)
		vma_dma_export_unregister(exporter);
	if (own_exporter)
		vma_dma_export_unregister(own_exporter);
	exporter = NULL;
	own_exporter = NULL;
}

static int answer(void)
{
	struct vma_dma_exporter *new;

	lockdep_assert_held(&answering_lock);
	if (exporter)
		return 0;
	new = vma_dma_export_register(&ivshmem_piece_vm_ops, &ivshmem_export_ops);
	if (IS_ERR(new))
		return PTR_ERR(new);
	exporter = new;
	new = vma_dma_export_register(&ivshmem_own_piece_vm_ops, &ivshmem_own_export_ops);
	if (IS_ERR(new)) {
		answer_no_more();
		return PTR_ERR(new);
	}
	own_exporter = new;
	return 0;
}

/*
 * For tests: a driver answers as long as it is loaded.  What is in page tables
 * when it stops can be had without its leave.
 */
static int answering_set(const char *value, const struct kernel_param *param)
{
	bool on;
	int rc = kstrtobool(value, &on);

	if (rc)
		return rc;
	mutex_lock(&answering_lock);
	if (on)
		rc = answer();
	else
		answer_no_more();
	mutex_unlock(&answering_lock);
	return rc;
}

static int answering_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%c\n", exporter ? 'Y' : 'N');
}

static const struct kernel_param_ops answering_ops = {
	.set = answering_set,
	.get = answering_get,
};
module_param_cb(answering, &answering_ops, NULL, 0600);
MODULE_PARM_DESC(answering, "answer p2pmap for what is mapped (Y once loaded)");

/* A file system for the inodes; nobody mounts it. */
static int inodes_init_context(struct fs_context *context)
{
	return init_pseudo(context, 0x69767368) ? 0 : -ENOMEM;
}

/* No owner: the mount would keep the module, and it ends before the module. */
static struct file_system_type inodes_type = {
	.name = "p2pmap-ivshmem",
	.init_fs_context = inodes_init_context,
	.kill_sb = kill_anon_super,
};

static int __init ivshmem_init(void)
{
	int rc;

	ivshmem_free_queue = alloc_workqueue("ivshmem_exporter", WQ_UNBOUND, 0);
	if (!ivshmem_free_queue)
		return -ENOMEM;
	inodes = kern_mount(&inodes_type);
	if (IS_ERR(inodes)) {
		rc = PTR_ERR(inodes);
		goto err_queue;
	}
	/* Before there is a VMA that could be asked about. */
	mutex_lock(&answering_lock);
	rc = answer();
	mutex_unlock(&answering_lock);
	if (rc)
		goto err_inodes;
	rc = pci_register_driver(&ivshmem_driver);
	if (rc)
		goto err_answer;
	return 0;

err_answer:
	mutex_lock(&answering_lock);
	answer_no_more();
	mutex_unlock(&answering_lock);
err_inodes:
	kern_unmount(inodes);
err_queue:
	destroy_workqueue(ivshmem_free_queue);
	return rc;
}

/*
 * No file is open and no VMA left, or the module would be in use; but a mapping
 * may still hold a pin, until its importer or the exporter lets it go.
 */
static void __exit ivshmem_exit(void)
{
	pci_unregister_driver(&ivshmem_driver);
	mutex_lock(&answering_lock);
	answer_no_more();
	mutex_unlock(&answering_lock);
	/* Pieces that were given back last, and with them the devices. */
	destroy_workqueue(ivshmem_free_queue);
	kern_unmount(inodes);
}

module_init(ivshmem_init);
module_exit(ivshmem_exit);

MODULE_DESCRIPTION("p2pmap: an exporter, QEMU's ivshmem");
MODULE_LICENSE("GPL");
