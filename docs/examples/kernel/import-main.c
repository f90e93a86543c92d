// SPDX-License-Identifier: GPL-2.0-only
/*
 * What import.c needs around it to be a driver, of QEMU's edu device: one open
 * of /dev/p2pmap-import maps one buffer.  write() takes a struct import_range,
 * read() tells in a line how the buffer is.  No DMA is done here: the device
 * would get the segments of buffer->sgt.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "import.h"

struct import_range {
	u64 start;
	u64 length;
};

struct import_file {
	struct mutex lock; /* what follows; memory is faulted in under it */
	bool mapped;
	struct import_buffer buffer;
};

/*
 * Held for reading while the device is used, and for writing when it goes: what
 * is mapped for it was taken down before remove(), and no more may come.
 */
static DECLARE_RWSEM(device_sem);
static struct pci_dev *device; /* device_sem; NULL: none */

static int import_open(struct inode *inode, struct file *filp)
{
	struct import_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);

	if (!file)
		return -ENOMEM;
	mutex_init(&file->lock);
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int import_release(struct inode *inode, struct file *filp)
{
	struct import_file *file = filp->private_data;

	if (file->mapped)
		import_buffer_unmap(&file->buffer);
	mutex_destroy(&file->lock);
	kfree(file);
	return 0;
}

static ssize_t import_write(struct file *filp, const char __user *from,
			    size_t size, loff_t *pos)
{
	struct import_file *file = filp->private_data;
	struct import_range range;
	int rc = -ENODEV;

	if (size != sizeof(range))
		return -EINVAL;
	if (copy_from_user(&range, from, sizeof(range)))
		return -EFAULT;
	mutex_lock(&file->lock);
	down_read(&device_sem);
	if (file->mapped)
		rc = -EBUSY;
	else if (device)
		rc = import_buffer_map(&file->buffer, &device->dev,
				       range.start, range.length);
	up_read(&device_sem);
	if (!rc)
		file->mapped = true;
	mutex_unlock(&file->lock);
	return rc ? rc : size;
}

/* A line each time: it may have changed since the last one. */
static ssize_t import_read(struct file *filp, char __user *to, size_t size,
			   loff_t *pos)
{
	struct import_file *file = filp->private_data;
	struct vma_dma_mapping_info info;
	char line[80];
	int length = -ENODATA;

	mutex_lock(&file->lock);
	if (file->mapped) {
		vma_dma_mapping_info(file->buffer.mapping, &info);
		length = scnprintf(line, sizeof(line),
				   "%s %llu of %s, %u segments\n",
				   READ_ONCE(file->buffer.usable) ?
					   "usable" : "stopped",
				   info.live_bytes,
				   info.exporter ? pci_name(info.exporter) :
						   "RAM",
				   file->buffer.sgt.nents);
	}
	mutex_unlock(&file->lock);
	if (length < 0)
		return length;
	length = min_t(size_t, size, length);
	return copy_to_user(to, line, length) ? -EFAULT : length;
}

static const struct file_operations import_fops = {
	.owner = THIS_MODULE,
	.open = import_open,
	.release = import_release,
	.read = import_read,
	.write = import_write,
};

static struct miscdevice import_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "p2pmap-import",
	.fops = &import_fops,
	.mode = 0600,
};

static int import_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int rc;

	rc = pcim_enable_device(pdev);
	if (!rc)
		rc = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (rc)
		return rc;
	pci_set_master(pdev);
	down_write(&device_sem);
	if (device)
		rc = -EBUSY;
	else
		device = pdev;
	up_write(&device_sem);
	return rc;
}

static void import_remove(struct pci_dev *pdev)
{
	down_write(&device_sem);
	device = NULL;
	up_write(&device_sem);
	pci_clear_master(pdev);
}

static const struct pci_device_id import_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};
MODULE_DEVICE_TABLE(pci, import_ids);

static struct pci_driver import_driver = {
	.name = "import_example",
	.id_table = import_ids,
	.probe = import_probe,
	.remove = import_remove,
};

static int __init import_init(void)
{
	int rc = misc_register(&import_misc);

	if (rc)
		return rc;
	rc = pci_register_driver(&import_driver);
	if (rc)
		misc_deregister(&import_misc);
	return rc;
}

static void __exit import_exit(void)
{
	pci_unregister_driver(&import_driver);
	misc_deregister(&import_misc);
}

module_init(import_init);
module_exit(import_exit);

MODULE_DESCRIPTION("p2pmap: example of a driver that imports");
MODULE_LICENSE("GPL");
