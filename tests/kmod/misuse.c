// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that does what the contract forbids, once for each word that is
 * written to /dev/p2pmap-misuse, so that tests/vm/misuse sees a debug kernel
 * notice.  "nothing" does all of it right.  Never a sample of anything.
 *
 * The device is the first edu, which some driver is bound to.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <vma_dma_export.h>
#include <vma_dma_mapping.h>

#define LENGTH (4 * PAGE_SIZE)

/**
 * struct misuse - one try of the helper, and what is wrong with it
 * @lock: what the notifier takes
 * @notifier: of the range, or not quite
 * @map: the helper's
 * @dev: the device
 * @mm: the caller's
 * @addr: a range of its memory
 */
struct misuse {
	struct mutex lock; /* the notifier's */
	struct mmu_interval_notifier notifier;
	struct vma_dma_map *map;
	struct device *dev;
	struct mm_struct *mm;
	unsigned long addr;
};

static bool misuse_invalidate(struct mmu_interval_notifier *notifier,
			      const struct mmu_notifier_range *range,
			      unsigned long seq)
{
	struct misuse *misuse = container_of(notifier, struct misuse, notifier);

	mutex_lock(&misuse->lock);
	mmu_interval_set_seq(notifier, seq);
	mutex_unlock(&misuse->lock);
	return true;
}

static const struct mmu_interval_notifier_ops misuse_notifier_ops = {
	.invalidate = misuse_invalidate,
};

/* With a notifier of @mm that covers @length bytes of the range. */
static int begin(struct misuse *misuse, struct mm_struct *mm, size_t length,
		 bool name_lock)
{
	int rc;

	rc = mmu_interval_notifier_insert(&misuse->notifier, mm, misuse->addr,
					  length, &misuse_notifier_ops);
	if (rc)
		return rc;
	misuse->map = vma_dma_map_alloc(misuse->dev, VMA_DMA_MAP_FLAG_WRITE,
					&misuse->notifier);
	if (IS_ERR(misuse->map)) {
		mmu_interval_notifier_remove(&misuse->notifier);
		return PTR_ERR(misuse->map);
	}
	if (name_lock)
		vma_dma_map_set_lock(misuse->map, &misuse->lock);
	vma_dma_map_begin(misuse->map);
	return 0;
}

static void end(struct misuse *misuse)
{
	vma_dma_map_free(misuse->map);
	mmu_interval_notifier_remove(&misuse->notifier);
}

static int prepare(struct misuse *misuse, bool locked)
{
	struct vm_area_struct *vma;
	int rc;

	mmap_read_lock(misuse->mm);
	vma = vma_lookup(misuse->mm, misuse->addr);
	if (!locked)
		mmap_read_unlock(misuse->mm);
	rc = vma_dma_map_prepare(vma, misuse->addr, misuse->addr + LENGTH,
				 misuse->map);
	if (locked)
		mmap_read_unlock(misuse->mm);
	return rc ?: vma_dma_map_resolve(misuse->map);
}

static int commit(struct misuse *misuse, bool confirm_locked, bool commit_locked)
{
	int rc = 0;

	if (confirm_locked)
		mutex_lock(&misuse->lock);
	if (!vma_dma_map_confirm(misuse->map))
		rc = -EAGAIN;
	if (confirm_locked && !commit_locked)
		mutex_unlock(&misuse->lock);
	if (!confirm_locked && commit_locked)
		mutex_lock(&misuse->lock);
	if (!rc)
		rc = vma_dma_map_commit(misuse->map);
	if (commit_locked)
		mutex_unlock(&misuse->lock);
	return rc;
}

static int do_helper(struct misuse *misuse, bool name_lock, bool mmap_locked,
		     bool confirm_locked, bool commit_locked)
{
	int rc = begin(misuse, misuse->mm, LENGTH, name_lock);

	if (rc)
		return rc;
	rc = prepare(misuse, mmap_locked);
	if (!rc)
		rc = commit(misuse, confirm_locked, commit_locked);
	end(misuse);
	return rc;
}

static int nothing(struct misuse *misuse)
{
	return do_helper(misuse, true, true, true, true);
}

static int prepare_unlocked(struct misuse *misuse)
{
	return do_helper(misuse, true, false, true, true);
}

static int confirm_unlocked(struct misuse *misuse)
{
	return do_helper(misuse, true, true, false, true);
}

static int commit_unlocked(struct misuse *misuse)
{
	return do_helper(misuse, true, true, true, false);
}

static int lock_not_named(struct misuse *misuse)
{
	return do_helper(misuse, false, true, true, true);
}

static int allocation_under_lock(struct misuse *misuse)
{
	int rc = begin(misuse, misuse->mm, LENGTH, true);

	if (rc)
		return rc;
	mutex_lock(&misuse->lock);
	kfree(kmalloc(64, GFP_KERNEL));
	mutex_unlock(&misuse->lock);
	end(misuse);
	return 0;
}

static int notifier_too_short(struct misuse *misuse)
{
	int rc = begin(misuse, misuse->mm, LENGTH - PAGE_SIZE, true);

	if (rc)
		return rc;
	rc = prepare(misuse, true);
	end(misuse);
	return rc;
}

/* That of init. */
static int notifier_of_another_mm(struct misuse *misuse)
{
	struct task_struct *task = get_pid_task(find_vpid(1), PIDTYPE_PID);
	struct mm_struct *mm = task ? get_task_mm(task) : NULL;
	int rc = -ESRCH;

	if (task)
		put_task_struct(task);
	if (!mm)
		return rc;
	rc = begin(misuse, mm, LENGTH, true);
	if (!rc) {
		rc = prepare(misuse, true);
		end(misuse);
	}
	mmput(mm);
	return rc;
}

static int unmap_with_other_flags(struct misuse *misuse)
{
	int rc = begin(misuse, misuse->mm, LENGTH, true);

	if (rc)
		return rc;
	rc = prepare(misuse, true);
	if (!rc)
		rc = commit(misuse, true, true);
	if (!rc)
		vma_dma_unmap_range(NULL, misuse->dev, misuse->addr,
				    misuse->addr + LENGTH, 0, NULL,
				    misuse->map);
	end(misuse);
	return rc;
}

/* Of mappings */

static const struct vma_dma_mapping_ops quiet_ops = {};

static struct vma_dma_mapping *create(struct misuse *misuse,
				      const struct vma_dma_mapping_ops *ops)
{
	return vma_dma_mapping_create(misuse->mm, misuse->addr,
				      misuse->addr + LENGTH, misuse->dev,
				      VMA_DMA_MAP_FLAG_WRITE, ops, misuse);
}

static int create_and_destroy(struct misuse *misuse,
			      const struct vma_dma_mapping_ops *ops)
{
	struct vma_dma_mapping *mapping = create(misuse, ops);

	if (IS_ERR(mapping))
		return PTR_ERR(mapping);
	vma_dma_mapping_destroy(mapping);
	return 0;
}

/* Once it was right, or it would wait for itself and not return. */
static int create_under_mmap_lock(struct misuse *misuse)
{
	int rc = create_and_destroy(misuse, &quiet_ops);

	if (rc)
		return rc;
	mmap_read_lock(misuse->mm);
	rc = create_and_destroy(misuse, &quiet_ops);
	mmap_read_unlock(misuse->mm);
	return rc;
}

static int destroy_in_atomic(struct misuse *misuse)
{
	struct vma_dma_mapping *mapping = create(misuse, &quiet_ops);

	if (IS_ERR(mapping))
		return PTR_ERR(mapping);
	preempt_disable();
	vma_dma_mapping_destroy(mapping);
	preempt_enable();
	return 0;
}

static void allocating_stop(void *owner, u64 offset, u64 end)
{
	kfree(kmalloc(64, GFP_KERNEL));
}

static int allocation_in_callback(struct misuse *misuse)
{
	static const struct vma_dma_mapping_ops ops = {
		.stop = allocating_stop,
	};

	return create_and_destroy(misuse, &ops);
}

static void user_memory_stop(void *owner, u64 offset, u64 end)
{
	struct misuse *misuse = owner;
	u32 word;

	if (copy_from_user(&word, (void __user *)misuse->addr, sizeof(word)))
		return;
}

static int user_memory_in_callback(struct misuse *misuse)
{
	static const struct vma_dma_mapping_ops ops = {
		.stop = user_memory_stop,
	};

	return create_and_destroy(misuse, &ops);
}

/* Of exporters: an error, and not an assertion. */

static int misuse_describe(const struct vma_dma_request *request,
			   struct vma_dma_runs *runs)
{
	return -ENXIO;
}

static const struct vm_operations_struct misuse_vm_ops = {};

static const struct vma_dma_export_ops misuse_export_ops = {
	.describe = misuse_describe,
};

static int register_twice(struct misuse *misuse)
{
	struct vma_dma_exporter *first, *second;

	first = vma_dma_export_register(&misuse_vm_ops, &misuse_export_ops);
	if (IS_ERR(first))
		return PTR_ERR(first);
	second = vma_dma_export_register(&misuse_vm_ops, &misuse_export_ops);
	if (!IS_ERR(second))
		vma_dma_export_unregister(second);
	vma_dma_export_unregister(first);
	return IS_ERR(second) ? PTR_ERR(second) : 0;
}

static int register_without_describe(struct misuse *misuse)
{
	static const struct vma_dma_export_ops none = {};
	struct vma_dma_exporter *exporter =
		vma_dma_export_register(&misuse_vm_ops, &none);

	if (IS_ERR(exporter))
		return PTR_ERR(exporter);
	vma_dma_export_unregister(exporter);
	return 0;
}

/* Two threads count with the same variable, and nothing orders them. */

static unsigned long raced;

static int race(void *unused)
{
	while (!kthread_should_stop()) {
		raced++;
		cond_resched();
	}
	return 0;
}

static int race_for_nothing(struct misuse *misuse)
{
	unsigned long end = jiffies + 5 * HZ;
	struct task_struct *task = kthread_run(race, NULL, "p2pmap-race");

	if (IS_ERR(task))
		return PTR_ERR(task);
	while (time_before(jiffies, end)) {
		raced++;
		cond_resched();
	}
	return kthread_stop(task);
}

static int keep_memory(struct misuse *misuse)
{
	static void *kept;

	kept = kmalloc(64, GFP_KERNEL);
	return kept ? 0 : -ENOMEM;
}

static const struct {
	const char *word;
	int (*commit)(struct misuse *misuse);
} misuses[] = {
	{ "nothing", nothing },
	{ "prepare-unlocked", prepare_unlocked },
	{ "confirm-unlocked", confirm_unlocked },
	{ "commit-unlocked", commit_unlocked },
	{ "lock-not-named", lock_not_named },
	{ "allocation-under-lock", allocation_under_lock },
	{ "notifier-too-short", notifier_too_short },
	{ "notifier-of-another-mm", notifier_of_another_mm },
	{ "unmap-with-other-flags", unmap_with_other_flags },
	{ "create-under-mmap-lock", create_under_mmap_lock },
	{ "destroy-in-atomic", destroy_in_atomic },
	{ "allocation-in-callback", allocation_in_callback },
	{ "user-memory-in-callback", user_memory_in_callback },
	{ "memory-kept", keep_memory },
	{ "data-race", race_for_nothing },
	{ "register-twice", register_twice },
	{ "register-without-describe", register_without_describe },
};

static int run(int (*commit_it)(struct misuse *misuse))
{
	struct pci_dev *edu = pci_get_device(0x1234, 0x11e8, NULL);
	struct misuse misuse = { .mm = current->mm };
	int rc;

	if (!edu)
		return -ENODEV;
	misuse.dev = &edu->dev;
	mutex_init(&misuse.lock);
	misuse.addr = vm_mmap(NULL, 0, LENGTH, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, 0);
	rc = IS_ERR_VALUE(misuse.addr) ? (int)misuse.addr : 0;
	if (!rc) {
		rc = commit_it(&misuse);
		vm_munmap(misuse.addr, LENGTH);
	}
	pci_dev_put(edu);
	return rc;
}

static ssize_t misuse_write(struct file *file, const char __user *user,
			    size_t size, loff_t *offset)
{
	char word[32] = {};
	unsigned int i;
	int rc;

	if (size >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, user, size))
		return -EFAULT;
	for (i = 0; i < ARRAY_SIZE(misuses); i++) {
		if (!sysfs_streq(word, misuses[i].word))
			continue;
		rc = run(misuses[i].commit);
		return rc ? rc : size;
	}
	return -ENOENT;
}

static const struct file_operations misuse_fops = {
	.owner = THIS_MODULE,
	.write = misuse_write,
};

static struct miscdevice misuse_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "p2pmap-misuse",
	.fops = &misuse_fops,
	.mode = 0600,
};
module_misc_device(misuse_misc);

MODULE_DESCRIPTION("p2pmap: what its contract forbids");
MODULE_LICENSE("GPL");
