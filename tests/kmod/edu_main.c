// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device of edu_importer.ko: its node, the ioctls, probe and remove.  What is
 * done to memory is in edu_range.c, which has the essay.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "edu_priv.h"

#define EDU_BAR 0

/* Its mm_users is held: nobody's address space ends while it is looked at. */
static struct mm_struct *get_mm(pid_t pid)
{
	struct task_struct *task;
	struct mm_struct *mm;
	struct pid *ref;

	if (!pid) {
		mmget(current->mm);
		return current->mm;
	}
	if (!capable(CAP_SYS_PTRACE))
		return ERR_PTR(-EPERM);
	ref = find_get_pid(pid);
	task = get_pid_task(ref, PIDTYPE_PID);
	put_pid(ref);
	if (!task)
		return ERR_PTR(-ESRCH);
	mm = get_task_mm(task);
	put_task_struct(task);
	return mm ? mm : ERR_PTR(-ESRCH);
}

static struct edu_range *range_get(struct file *file, u32 id)
{
	struct edu *edu = file->private_data;
	struct edu_range *range;

	mutex_lock(&edu->lock);
	range = xa_load(&edu->ranges, id);
	if (range && range->file == file)
		kref_get(&range->ref);
	else
		range = NULL;
	mutex_unlock(&edu->lock);
	return range;
}

/* ioctls; edu.bound is held for reading, and the device is there */

static int ioctl_register(struct file *file, struct edu_register *cmd)
{
	struct mm_struct *mm;
	int rc;

	if ((cmd->flags & ~EDU_RANGE_FLAGS) || cmd->reserved)
		return -EINVAL;
	if (!cmd->length || cmd->length > EDU_MAX_LENGTH)
		return -EINVAL;
	if ((cmd->flags & EDU_RANGE_ADDRESSES) &&
	    (cmd->flags & EDU_RANGE_SGTABLE))
		return -EINVAL;
	mm = get_mm(cmd->pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	rc = edu_range_register(file, mm, cmd);
	mmput(mm);
	return rc;
}

/* Whoever takes it out of the table ends it; transfers hold a reference. */
static int ioctl_unregister(struct file *file, const struct edu_part *cmd)
{
	struct edu *edu = file->private_data;
	struct edu_range *range;

	mutex_lock(&edu->lock);
	range = xa_load(&edu->ranges, cmd->id);
	if (range && range->file == file)
		xa_erase(&edu->ranges, cmd->id);
	else
		range = NULL;
	mutex_unlock(&edu->lock);
	if (!range)
		return -ENOENT;
	edu_range_put(range);
	return 0;
}

static int ioctl_transfer(struct file *file, struct edu_transfer *cmd)
{
	void __user *user = u64_to_user_ptr(cmd->data);
	struct edu_range *range;
	u8 *data;
	int rc;

	if (!cmd->length || cmd->length > EDU_MAX_TRANSFER ||
	    (cmd->flags & ~EDU_TRANSFER_FLAGS))
		return -EINVAL;
	data = memdup_user(user, cmd->length);
	if (IS_ERR(data))
		return PTR_ERR(data);
	range = range_get(file, cmd->id);
	rc = range ? edu_range_transfer(range, cmd, data) : -ENOENT;
	if (range)
		edu_range_put(range);
	if (!rc && !(cmd->flags & EDU_TRANSFER_TO_RANGE) &&
	    copy_to_user(user, data, cmd->length))
		rc = -EFAULT;
	kfree(data);
	return rc;
}

static int ioctl_remap(struct file *file, const struct edu_part *cmd)
{
	struct edu_range *range = range_get(file, cmd->id);
	int rc;

	if (!range)
		return -ENOENT;
	rc = edu_range_remap(range, cmd);
	edu_range_put(range);
	return rc;
}

static void tell_mapping(struct vma_dma_mapping *mapping,
			 struct edu_status *status)
{
	struct vma_dma_mapping_info info;
	struct vma_dma_extent extent;

	vma_dma_mapping_info(mapping, &info);
	status->out_flags = info.flags;
	status->out_live_bytes = info.live_bytes;
	status->out_sink_bytes = info.sink_bytes;
	status->out_lost_bytes = info.lost_bytes;
	status->out_kind = info.kind;
	status->out_route = info.route;
	if (vma_dma_mapping_extents(mapping, 0, 1, &extent) == 1)
		status->out_dma_addr = extent.dma_addr;
}

static void tell_events(struct edu_range *range, struct edu_status *status)
{
	mutex_lock(&range->edu->aim_lock);
	status->out_stops = range->stops;
	status->out_resumes = range->resumes;
	status->out_events = range->events;
	status->out_reasons = range->reasons;
	status->out_event_offset = range->event.offset;
	status->out_event_end = range->event.end;
	status->out_cut_offset = range->event.cut_offset;
	status->out_cut_end = range->event.cut_end;
	status->out_event_flags = range->event.flags;
	range->reasons = 0;
	mutex_unlock(&range->edu->aim_lock);
}

static int ioctl_status(struct file *file, struct edu_status *status)
{
	struct edu_range *range = range_get(file, status->id);

	if (!range)
		return -ENOENT;
	*status = (struct edu_status){ .id = status->id };
	if (range->mapping)
		tell_mapping(range->mapping, status);
	tell_events(range, status);
	edu_range_put(range);
	return 0;
}

/* What is asked of a device that is gone: how a range ended, and its end. */
static bool needs_device(unsigned int number)
{
	return number != EDU_IOC_UNREGISTER && number != EDU_IOC_STATUS;
}

union edu_cmd {
	struct edu_register reg;
	struct edu_transfer transfer;
	struct edu_part part;
	struct edu_status status;
};

static int dispatch(struct file *file, unsigned int number, union edu_cmd *cmd)
{
	switch (number) {
	case EDU_IOC_REGISTER:
		return ioctl_register(file, &cmd->reg);
	case EDU_IOC_UNREGISTER:
		return ioctl_unregister(file, &cmd->part);
	case EDU_IOC_TRANSFER:
		return ioctl_transfer(file, &cmd->transfer);
	case EDU_IOC_REMAP:
		return ioctl_remap(file, &cmd->part);
	case EDU_IOC_STATUS:
		return ioctl_status(file, &cmd->status);
	}
	return -ENOTTY;
}

static long edu_ioctl(struct file *file, unsigned int number, unsigned long arg)
{
	struct edu *edu = file->private_data;
	void __user *user = (void __user *)arg;
	union edu_cmd cmd;
	int rc = -ENODEV;

	if (_IOC_SIZE(number) > sizeof(cmd))
		return -ENOTTY;
	if (copy_from_user(&cmd, user, _IOC_SIZE(number)))
		return -EFAULT;
	if (down_read_killable(&edu->bound))
		return -EINTR;
	if (!edu->gone || !needs_device(number))
		rc = dispatch(file, number, &cmd);
	up_read(&edu->bound);
	if (!rc && (_IOC_DIR(number) & _IOC_READ) &&
	    copy_to_user(user, &cmd, _IOC_SIZE(number)))
		rc = -EFAULT;
	return rc;
}

static void edu_free(struct kref *ref)
{
	struct edu *edu = container_of(ref, struct edu, ref);

	xa_destroy(&edu->ranges);
	mutex_destroy(&edu->lock);
	mutex_destroy(&edu->engine);
	mutex_destroy(&edu->aim_lock);
	kfree(edu);
}

static void edu_put(struct edu *edu)
{
	kref_put(&edu->ref, edu_free);
}

/* misc_deregister() waits for this one to end. */
static int edu_open(struct inode *inode, struct file *file)
{
	struct edu *edu = container_of(file->private_data, struct edu, misc);

	kref_get(&edu->ref);
	file->private_data = edu;
	return nonseekable_open(inode, file);
}

/* Take a range of the file's out of the table; NULL if there is none left. */
static struct edu_range *range_take(struct edu *edu, const struct file *file)
{
	struct edu_range *range;
	unsigned long id;

	mutex_lock(&edu->lock);
	xa_for_each(&edu->ranges, id, range) {
		if (range->file == file) {
			xa_erase(&edu->ranges, id);
			break;
		}
	}
	mutex_unlock(&edu->lock);
	return range;
}

static int edu_release(struct inode *inode, struct file *file)
{
	struct edu *edu = file->private_data;
	struct edu_range *range;

	down_read(&edu->bound);
	while ((range = range_take(edu, file)))
		edu_range_put(range);
	up_read(&edu->bound);
	edu_put(edu);
	return 0;
}

static const struct file_operations edu_fops = {
	.owner = THIS_MODULE,
	.open = edu_open,
	.release = edu_release,
	.unlocked_ioctl = edu_ioctl,
};

/* The PCI device */

static struct edu *edu_alloc(struct pci_dev *pdev)
{
	struct edu *edu = kzalloc(sizeof(*edu), GFP_KERNEL);

	if (!edu)
		return NULL;
	kref_init(&edu->ref);
	init_rwsem(&edu->bound);
	mutex_init(&edu->lock);
	mutex_init(&edu->engine);
	mutex_init(&edu->aim_lock);
	xa_init_flags(&edu->ranges, XA_FLAGS_ALLOC1);
	edu->pdev = pdev;
	snprintf(edu->name, sizeof(edu->name), "p2pmap-edu-%s", pci_name(pdev));
	edu->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = edu->name,
		.fops = &edu_fops,
		.parent = &pdev->dev,
		.mode = 0600,
	};
	return edu;
}

/* What is undone by itself when the driver is unbound. */
static int edu_set_up(struct edu *edu)
{
	struct pci_dev *pdev = edu->pdev;
	int rc;

	rc = pcim_enable_device(pdev);
	if (!rc)
		rc = pcim_iomap_regions(pdev, BIT(EDU_BAR), KBUILD_MODNAME);
	if (!rc)
		rc = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (rc)
		return rc;
	edu->regs = pcim_iomap_table(pdev)[EDU_BAR];
	edu->stage = dmam_alloc_coherent(&pdev->dev, PAGE_SIZE,
					 &edu->stage_dma, GFP_KERNEL);
	edu->dummy = dmam_alloc_coherent(&pdev->dev, PAGE_SIZE,
					 &edu->dummy_dma, GFP_KERNEL);
	if (!edu->stage || !edu->dummy)
		return -ENOMEM;
	/* What somebody else's driver left running has other addresses. */
	rc = edu_engine_wait(edu);
	if (!rc)
		pci_set_master(pdev);
	return rc;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu *edu = edu_alloc(pdev);
	int rc;

	if (!edu)
		return -ENOMEM;
	rc = edu_set_up(edu);
	if (!rc)
		rc = misc_register(&edu->misc);
	if (rc) {
		edu_put(edu);
		return rc;
	}
	pci_set_drvdata(pdev, edu);
	return 0;
}

/*
 * p2pmap took everything from the device before this was called; but what was
 * registered since then is there, and all mappings are to be destroyed while the
 * driver is bound.  Ranges and files stay until they are closed.
 */
static void edu_remove(struct pci_dev *pdev)
{
	struct edu *edu = pci_get_drvdata(pdev);
	struct edu_range *range;
	unsigned long id;

	misc_deregister(&edu->misc);
	down_write(&edu->bound);
	edu->gone = true;
	xa_for_each(&edu->ranges, id, range)
		edu_range_unmap(range);
	edu_engine_wait(edu);
	pci_clear_master(pdev);
	up_write(&edu->bound);
	edu_put(edu);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("p2pmap: an importer, QEMU's edu");
MODULE_LICENSE("GPL");

