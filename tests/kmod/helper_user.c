// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test driver that uses the helper and never heard of /dev/p2pmap.
 *
 * It stands for the driver of an importer: it does what the kernel-doc of
 * vma_dma.c asks of a caller, and nothing besides.  An open of
 * /dev/p2pmap-helper holds one range, mapped for one PCI device; UNMAP or close
 * ends it.  Addresses, lengths and flags go to the helper unchecked, so that
 * tests see what it answers.  tests/vm/test-helper.c is the only user; it
 * leaves the importer's driver bound while something is mapped.
 *
 * The range is given to the device in one of two ways.  At once, by
 * vma_dma_map_range(): one VMA, and nothing is told to the device before
 * vma_dma_map_confirm() was asked.  In steps: any number of VMAs, and the device
 * reaches nothing before.
 *
 * Locks, in this order: helper_file.lock, mmap_lock, helper_file.dma_lock.
 * Memory is allocated and faulted in under the first two.  The third one is
 * what the notifier takes, maybe in reclaim: nothing that is done under it
 * allocates, touches user memory or drops pins.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <vma_dma_map.h>

/* How often memory that changes meanwhile is looked at again. */
#define HELPER_TRIES 16

/* What is beyond is refused here: an array with an entry a page is made. */
#define HELPER_MAX_PAGES 65536

/* Flags of this driver; the lower ones are the helper's. */
#define HELPER_STEPS BIT(30) /* by prepare, resolve and commit */
#define HELPER_DEAF BIT(31) /* no notifier, whatever the helper says to that */
#define HELPER_OWN (HELPER_STEPS | HELPER_DEAF)

/*
 * The ABI, which test-helper.c has a copy of; the sizes are in the numbers.
 *
 * struct helper_map - map a range for a PCI device
 * @addr, @length: the range
 * @out_pa: where to put a DMA address for each page, or 0
 * @out_extents: where to put up to @nr_extents extents
 * @nr_extents: room there; how many there are, on return
 * @flags: VMA_DMA_MAP_FLAG_* and HELPER_*
 * @pid: whose memory; 0 is the caller's own
 * @domain, @bus, @devfn: the device
 */
struct helper_map {
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 out_pa;
	__aligned_u64 out_extents;
	__u32 nr_extents;
	__u32 flags;
	__u32 pid;
	__u16 domain;
	__u8 bus;
	__u8 devfn;
};

/*
 * struct helper_status - what became of it
 * @out_invalidations: calls of the notifier since the file was opened
 * @out_live: 1 if the device reaches the range
 * @out_noticed: 1 if there is a notifier
 */
struct helper_status {
	__aligned_u64 out_invalidations;
	__u32 out_live;
	__u32 out_noticed;
};

#define HELPER_IOC_MAP _IOWR('h', 0, struct helper_map)
#define HELPER_IOC_UNMAP _IO('h', 1)
#define HELPER_IOC_STATUS _IOR('h', 2, struct helper_status)

/**
 * struct helper_file - an open of the device, and what is mapped through it
 * @lock: guards the fields up to @noticed; each ioctl holds it
 * @mm: whose memory, one mmgrab(); NULL if nothing is mapped
 * @pdev: the importer, one reference
 * @start: first address
 * @end: first address after the range
 * @flags: those of the helper
 * @charged: pages charged to @mm's locked_vm
 * @map: the helper's; the notifier touches it only while @live
 * @noticed: @notifier is inserted
 * @notifier: the range's, unless it is pinned
 * @dma_lock: guards the fields below, and @map while @live
 * @pa: DMA address of each page; allocated and freed under @lock too, while
 *	not @live
 * @live: the device reaches the range
 * @invalidations: how often the notifier was called
 */
struct helper_file {
	struct mutex lock; /* memory is faulted in under it */
	struct mm_struct *mm;
	struct pci_dev *pdev;
	unsigned long start;
	unsigned long end;
	unsigned long flags;
	unsigned long charged;
	struct vma_dma_map *map;
	bool noticed;
	struct mmu_interval_notifier notifier;

	struct mutex dma_lock; /* the notifier's */
	dma_addr_t *pa;
	bool live;
	u64 invalidations;
};

static unsigned long nr_pages(const struct helper_file *file)
{
	return (file->end - file->start) >> PAGE_SHIFT;
}

static void cut_off(struct helper_file *file)
{
	if (!file->live)
		return;
	file->live = false;
	vma_dma_unmap_range(NULL, &file->pdev->dev, file->start, file->end,
			    file->flags, file->pa, file->map);
}

/* To unmap may sleep, so who may not is sent away. */
static bool helper_invalidate(struct mmu_interval_notifier *notifier,
			      const struct mmu_notifier_range *range,
			      unsigned long seq)
{
	struct helper_file *file =
		container_of(notifier, struct helper_file, notifier);

	if (!mmu_notifier_range_blockable(range))
		return false;
	mutex_lock(&file->dma_lock);
	mmu_interval_set_seq(notifier, seq);
	file->invalidations++;
	cut_off(file);
	mutex_unlock(&file->dma_lock);
	return true;
}

static const struct mmu_interval_notifier_ops helper_notifier_ops = {
	.invalidate = helper_invalidate,
};

/* With @dma_lock held where there is a notifier. */
static int publish(struct helper_file *file)
{
	if (!vma_dma_map_confirm(file->map))
		return -EAGAIN;
	file->live = true;
	return 0;
}

static int map_at_once(struct helper_file *file)
{
	struct vm_area_struct *vma;
	int rc = -EFAULT;

	vma_dma_map_begin(file->map);
	if (mmap_read_lock_killable(file->mm))
		return -EINTR;
	vma = vma_lookup(file->mm, file->start);
	if (vma)
		rc = vma_dma_map_range(vma, &file->pdev->dev, file->start,
				       file->end, file->flags, file->pa,
				       file->map);
	mmap_read_unlock(file->mm);
	if (rc)
		return rc;
	mutex_lock(&file->dma_lock);
	rc = publish(file);
	mutex_unlock(&file->dma_lock);
	if (rc)
		vma_dma_unmap_range(NULL, &file->pdev->dev, file->start,
				    file->end, file->flags, file->pa,
				    file->map);
	return rc;
}

static int prepare_parts(struct helper_file *file)
{
	unsigned long at = file->start;
	struct vm_area_struct *vma;
	unsigned long end;
	int rc = 0;

	if (mmap_read_lock_killable(file->mm))
		return -EINTR;
	do {
		vma = vma_lookup(file->mm, at);
		if (!vma) {
			rc = -EFAULT;
			break;
		}
		end = min(file->end, vma->vm_end);
		rc = vma_dma_map_prepare(vma, at, end, file->map);
		at = end;
	} while (!rc && at < file->end);
	mmap_read_unlock(file->mm);
	return rc;
}

static int map_in_steps(struct helper_file *file)
{
	int rc;

	vma_dma_map_begin(file->map);
	rc = prepare_parts(file);
	if (!rc)
		rc = vma_dma_map_resolve(file->map);
	if (rc)
		return rc;
	mutex_lock(&file->dma_lock);
	rc = vma_dma_map_confirm(file->map) ? 0 : -EAGAIN;
	if (!rc)
		rc = vma_dma_map_commit(file->map);
	if (!rc) {
		vma_dma_map_addresses(file->map, file->pa);
		file->live = true;
	}
	mutex_unlock(&file->dma_lock);
	return rc;
}

/* After an error the map is good for nothing but free. */
static int map_tries(struct helper_file *file, bool steps)
{
	struct vma_dma_map *map;
	int tries, rc = -EAGAIN;

	for (tries = 0; rc == -EAGAIN && tries < HELPER_TRIES; tries++) {
		map = vma_dma_map_alloc(&file->pdev->dev, file->flags,
					file->noticed ? &file->notifier : NULL);
		if (IS_ERR(map))
			return PTR_ERR(map);
		vma_dma_map_set_lock(map, &file->dma_lock);
		file->map = map;
		rc = steps ? map_in_steps(file) : map_at_once(file);
		if (rc) {
			file->map = NULL;
			vma_dma_map_free(map);
		}
	}
	return rc;
}

/* What the helper leaves to its caller, and takes mmap_lock for writing. */
static int charge_and_notice(struct helper_file *file, bool deaf)
{
	int rc;

	if (file->flags & VMA_DMA_MAP_FLAG_PIN) {
		rc = account_locked_vm(file->mm, nr_pages(file), true);
		if (!rc)
			file->charged = nr_pages(file);
		return rc;
	}
	if (deaf)
		return 0;
	rc = mmu_interval_notifier_insert(&file->notifier, file->mm,
					  file->start, file->end - file->start,
					  &helper_notifier_ops);
	file->noticed = !rc;
	return rc;
}

/* Undo all that was done; never fails. */
static void take_down(struct helper_file *file)
{
	if (file->noticed) {
		mutex_lock(&file->dma_lock);
		cut_off(file);
		mutex_unlock(&file->dma_lock);
		mmu_interval_notifier_remove(&file->notifier);
		file->noticed = false;
	}
	/* Pinned: to drop pins waits for pages, which is no work for a lock. */
	cut_off(file);
	if (file->map)
		vma_dma_map_free(file->map);
	file->map = NULL;
	kvfree(file->pa);
	file->pa = NULL;
	if (file->mm) {
		account_locked_vm(file->mm, file->charged, false);
		mmdrop(file->mm);
	}
	file->charged = 0;
	file->mm = NULL;
	pci_dev_put(file->pdev);
	file->pdev = NULL;
}

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
	ref = find_get_pid(pid);
	task = get_pid_task(ref, PIDTYPE_PID);
	put_pid(ref);
	if (!task)
		return NULL;
	mm = get_task_mm(task);
	put_task_struct(task);
	return mm;
}

/* After success and failure alike take_down() has the rest to do. */
static int set_up(struct helper_file *file, const struct helper_map *cmd,
		  struct mm_struct *mm)
{
	int rc;

	mmgrab(mm);
	file->mm = mm;
	file->start = cmd->addr;
	file->end = cmd->addr + cmd->length;
	file->flags = cmd->flags & ~HELPER_OWN;
	file->pdev =
		pci_get_domain_bus_and_slot(cmd->domain, cmd->bus, cmd->devfn);
	if (!file->pdev)
		return -ENODEV;
	/* A page more: the length may be none, or none of whole pages. */
	file->pa = kvcalloc(nr_pages(file) + 1, sizeof(*file->pa),
			    GFP_KERNEL_ACCOUNT);
	if (!file->pa)
		return -ENOMEM;
	rc = charge_and_notice(file, cmd->flags & HELPER_DEAF);
	return rc ?: map_tries(file, cmd->flags & HELPER_STEPS);
}

/*
 * The notifier may come at any time: what is not its own any more is told as
 * zeroes, and as no extents.
 */
static int answer(struct helper_file *file, struct helper_map *cmd)
{
	size_t size = nr_pages(file) * sizeof(*file->pa);
	const struct vma_dma_extent *extents;
	struct vma_dma_extent *copy;
	unsigned int nr = 0, room;
	int rc = 0;

	BUILD_BUG_ON(sizeof(*file->pa) != sizeof(__u64));
	room = min_t(unsigned long, cmd->nr_extents, nr_pages(file));
	copy = kvcalloc(room + 1, sizeof(*copy), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	mutex_lock(&file->dma_lock);
	if (file->live)
		nr = vma_dma_map_extents(file->map, &extents);
	room = min(room, nr);
	if (room)
		memcpy(copy, extents, room * sizeof(*copy));
	mutex_unlock(&file->dma_lock);
	cmd->nr_extents = nr;
	if (copy_to_user(u64_to_user_ptr(cmd->out_extents), copy,
			 room * sizeof(*copy)) ||
	    (cmd->out_pa &&
	     copy_to_user(u64_to_user_ptr(cmd->out_pa), file->pa, size)))
		rc = -EFAULT;
	kvfree(copy);
	return rc;
}

static int ioctl_map(struct helper_file *file, struct helper_map __user *arg)
{
	struct helper_map cmd;
	struct mm_struct *mm;
	int rc;

	if (copy_from_user(&cmd, arg, sizeof(cmd)))
		return -EFAULT;
	if (file->mm)
		return -EBUSY;
	if (cmd.length >> PAGE_SHIFT > HELPER_MAX_PAGES)
		return -E2BIG;
	mm = get_mm(cmd.pid);
	if (!mm)
		return -ESRCH;
	rc = set_up(file, &cmd, mm);
	mmput(mm);
	if (!rc)
		rc = answer(file, &cmd);
	if (!rc && copy_to_user(arg, &cmd, sizeof(cmd)))
		rc = -EFAULT;
	if (rc)
		take_down(file);
	return rc;
}

static int ioctl_unmap(struct helper_file *file)
{
	if (!file->mm)
		return -ENOENT;
	take_down(file);
	return 0;
}

static int ioctl_status(struct helper_file *file,
			struct helper_status __user *arg)
{
	struct helper_status status = {};

	status.out_noticed = file->noticed;
	mutex_lock(&file->dma_lock);
	status.out_invalidations = file->invalidations;
	status.out_live = file->live;
	mutex_unlock(&file->dma_lock);
	return copy_to_user(arg, &status, sizeof(status)) ? -EFAULT : 0;
}

static long helper_ioctl(struct file *filp, unsigned int number,
			 unsigned long arg)
{
	struct helper_file *file = filp->private_data;
	void __user *user = (void __user *)arg;
	long rc = -ENOTTY;

	mutex_lock(&file->lock);
	switch (number) {
	case HELPER_IOC_MAP:
		rc = ioctl_map(file, user);
		break;
	case HELPER_IOC_UNMAP:
		rc = ioctl_unmap(file);
		break;
	case HELPER_IOC_STATUS:
		rc = ioctl_status(file, user);
		break;
	}
	mutex_unlock(&file->lock);
	return rc;
}

static int helper_open(struct inode *inode, struct file *filp)
{
	struct helper_file *file;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;
	mutex_init(&file->lock);
	mutex_init(&file->dma_lock);
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int helper_release(struct inode *inode, struct file *filp)
{
	struct helper_file *file = filp->private_data;

	take_down(file);
	mutex_destroy(&file->dma_lock);
	mutex_destroy(&file->lock);
	kfree(file);
	return 0;
}

static const struct file_operations helper_fops = {
	.owner = THIS_MODULE,
	.open = helper_open,
	.release = helper_release,
	.unlocked_ioctl = helper_ioctl,
};

static struct miscdevice helper_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "p2pmap-helper",
	.fops = &helper_fops,
	.mode = 0600,
};

module_misc_device(helper_misc);

MODULE_DESCRIPTION("p2pmap: test driver that uses the exported helper");
MODULE_LICENSE("GPL");
