// SPDX-License-Identifier: GPL-2.0-only
/*
 * An importer: the driver of a PCI device that does DMA to the memory of
 * processes, whatever that is.  A sample to copy from; the device is QEMU's edu,
 * a DMA engine with a buffer of 4 KiB.
 *
 * Each device has a node, /dev/p2pmap-edu-<PCI address>, by which ranges are
 * registered and copied to and from (edu_importer.h).  What is not pinned may be
 * taken at any time: p2pmap calls range_stop(), and as soon as that returns the
 * addresses may be dead.  So the device is told an address only together with
 * the check that the memory is there, under edu.aim_lock, which range_stop()
 * takes as well.  What is not there is replaced by a dummy page of the driver's
 * own, so that the device has somewhere to go to; its transfer is void, and so
 * is one that was under way when range_stop() came.  Who has that done to him
 * may try again.
 *
 * Behind an IOMMU nothing more is needed: the IOMMU cuts the device off.
 * Without one the driver promises to obey (device_obeys): then range_stop()
 * waits for the transfer that is under way.
 *
 * Locks, outermost first:
 *
 *   device_lock()
 *   edu.bound    (rwsem; read by all that an ioctl does, written by remove())
 *   edu.lock     (mutex; the table of ranges)
 *   edu.engine   (mutex; one transfer at a time)
 *   mmap_lock and p2pmap's locks
 *   edu.aim_lock (mutex; what callbacks take)
 *
 * Callbacks run in notifiers, hence in reclaim: under aim_lock nothing is
 * allocated, and no user memory touched.  Nothing of p2pmap is called under it.
 * And user memory is copied under none but bound, so that remove() waits for
 * nobody's page but one that is just being registered; who lets that one hang
 * can be killed.
 *
 * Lifetime.  A mapping ends before the driver is unbound: remove() sees to it.
 * The range that it belonged to stays until its file is closed, and the device's
 * object until the last file is.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <vma_dma_mapping.h>

#include "edu_importer.h"

/* Registers and the buffer as the engine sees it; see docs/specs/edu of QEMU. */
#define EDU_BAR 0
#define EDU_REG_SRC 0x80
#define EDU_REG_DST 0x88
#define EDU_REG_COUNT 0x90
#define EDU_REG_CMD 0x98
#define EDU_CMD_START BIT(0)
#define EDU_CMD_TO_MEMORY BIT(1)
#define EDU_BUFFER 0x40000
/* One that reaches the buffer's last byte makes QEMU 7.2 abort. */
#define EDU_MAX_TRANSFER 4095

/* A transfer takes 100 ms. */
#define EDU_TIMEOUT (10 * HZ)

/* For ranges whose addresses are kept one for each page. */
#define EDU_MAX_LENGTH (1ULL << 30)

/**
 * struct edu - a PCI device, bound
 * @ref: the driver's, and each file's
 * @misc: its node
 * @name: its name
 * @pdev: the device; until @gone
 * @bound: held for reading while the device is used, for writing by remove()
 * @gone: remove() was here; @bound
 * @regs: until @gone
 * @stage: a page of memory through which data goes to and from the buffer
 * @stage_dma: its address
 * @dummy: a page of memory that stands in for what is not there
 * @dummy_dma: its address
 * @lock: guards @ranges
 * @ranges: the ranges of all files, by id
 * @engine: whose is the engine, the buffer and @stage
 * @aim_lock: guards what follows, and what struct edu_range says
 * @target: where the engine copies to or from just now, or NULL
 * @from: first byte of it
 * @end: first byte after it
 * @missed: some of that was taken meanwhile
 */
struct edu {
	struct kref ref;
	struct miscdevice misc;
	char name[40];
	struct pci_dev *pdev;
	struct rw_semaphore bound;
	bool gone;
	void __iomem *regs;
	void *stage;
	dma_addr_t stage_dma;
	void *dummy;
	dma_addr_t dummy_dma;

	struct mutex lock; /* the table of ranges */
	struct xarray ranges;

	struct mutex engine; /* one transfer at a time */

	struct mutex aim_lock; /* taken by callbacks */
	struct edu_range *target;
	u64 from;
	u64 end;
	bool missed;
};

/**
 * struct edu_range - a range of somebody's memory, registered
 * @ref: the table's, and that of each ioctl
 * @edu: the device; immutable
 * @file: the file by which it was registered; immutable
 * @id: in edu.ranges; immutable
 * @flags: EDU_RANGE_*; immutable
 * @length: bytes; immutable
 * @mm: whose pages are charged, one mmgrab(); immutable
 * @charged: pages charged to @mm
 * @mapping: p2pmap's; NULL once remove() was here; edu.bound
 * @obeys: the driver stops the device itself; immutable once mapped
 * @nr_extents: of @extents; immutable once mapped, like all addresses
 * @extents: what the device may use, in one of three forms
 * @pa: the same, if EDU_RANGE_ADDRESSES
 * @sgt: the same, if EDU_RANGE_SGTABLE
 * @gone_from: first byte that is not known to be there; edu.aim_lock
 * @gone_end: first byte after; 0 if all is there; edu.aim_lock
 * @stops: how often stop() was called; edu.aim_lock
 * @resumes: how often resume() was; edu.aim_lock
 * @events: how often event() was; edu.aim_lock
 * @reasons: of all events since somebody asked; edu.aim_lock
 * @event: the last one; edu.aim_lock
 */
struct edu_range {
	struct kref ref;
	struct edu *edu;
	struct file *file;
	u32 id;
	u32 flags;
	u64 length;
	struct mm_struct *mm;
	unsigned long charged;
	struct vma_dma_mapping *mapping;
	bool obeys;
	unsigned int nr_extents;
	struct vma_dma_extent *extents;
	dma_addr_t *pa;
	struct sg_table sgt;

	u64 gone_from;
	u64 gone_end;
	u32 stops;
	u32 resumes;
	u32 events;
	u32 reasons;
	struct vma_dma_event event;
};

/* The engine */

static bool engine_busy(struct edu *edu)
{
	u64 cmd = readq(edu->regs + EDU_REG_CMD);

	/* A device that was pulled out reads as ones. */
	return cmd != U64_MAX && (cmd & EDU_CMD_START);
}

static int engine_wait(struct edu *edu)
{
	unsigned long end = jiffies + EDU_TIMEOUT;

	while (engine_busy(edu)) {
		if (time_after(jiffies, end)) {
			dev_err(&edu->pdev->dev, "a transfer does not end\n");
			return -EIO;
		}
		usleep_range(500, 1000);
	}
	return 0;
}

static void engine_start(struct edu *edu, bool to_memory, dma_addr_t dma_addr,
			 u32 count)
{
	writeq(to_memory ? EDU_BUFFER : dma_addr, edu->regs + EDU_REG_SRC);
	writeq(to_memory ? dma_addr : EDU_BUFFER, edu->regs + EDU_REG_DST);
	writeq(count, edu->regs + EDU_REG_COUNT);
	writeq(EDU_CMD_START | (to_memory ? EDU_CMD_TO_MEMORY : 0),
	       edu->regs + EDU_REG_CMD);
}

/* Between the buffer and memory of the driver's own, which nobody takes. */
static int engine_stage(struct edu *edu, bool to_memory, u32 count)
{
	lockdep_assert_held(&edu->engine);
	engine_start(edu, to_memory, edu->stage_dma, count);
	return engine_wait(edu);
}

/* What p2pmap tells */

static bool overlaps(u64 from, u64 end, u64 other_from, u64 other_end)
{
	return from < other_end && other_from < end;
}

/* [offset, end) goes: from now on the engine is not sent there. */
static void range_stop(void *owner, u64 offset, u64 end)
{
	struct edu_range *range = owner;
	struct edu *edu = range->edu;

	mutex_lock(&edu->aim_lock);
	range->stops++;
	if (!range->gone_end)
		range->gone_from = offset;
	range->gone_from = min(range->gone_from, offset);
	range->gone_end = max(range->gone_end, end);
	if (edu->target == range && overlaps(edu->from, edu->end, offset, end)) {
		/* It lasts as long as a transfer does; then it was in time. */
		if (!range->obeys || engine_wait(edu))
			edu->missed = true;
	}
	mutex_unlock(&edu->aim_lock);
}

static void range_resume(void *owner)
{
	struct edu_range *range = owner;

	mutex_lock(&range->edu->aim_lock);
	range->resumes++;
	range->gone_from = 0;
	range->gone_end = 0;
	mutex_unlock(&range->edu->aim_lock);
}

static void range_event(void *owner, const struct vma_dma_event *event)
{
	struct edu_range *range = owner;

	mutex_lock(&range->edu->aim_lock);
	range->events++;
	range->reasons |= event->reasons;
	range->event = *event;
	mutex_unlock(&range->edu->aim_lock);
}

static const struct vma_dma_mapping_ops range_ops = {
	.stop = range_stop,
	.resume = range_resume,
	.event = range_event,
};

static const struct vma_dma_mapping_ops obeying_range_ops = {
	.device_obeys = true,
	.stop = range_stop,
	.resume = range_resume,
	.event = range_event,
};

/* The addresses of a range */

static u64 in_extents(const struct edu_range *range, u64 offset,
		      dma_addr_t *dma_addr)
{
	const struct vma_dma_extent *extent = range->extents;

	while (offset >= extent->length)
		offset -= extent++->length;
	*dma_addr = extent->dma_addr + offset;
	return extent->length - offset;
}

static u64 in_array(const struct edu_range *range, u64 offset,
		    dma_addr_t *dma_addr)
{
	*dma_addr = range->pa[offset >> PAGE_SHIFT] + offset_in_page(offset);
	return PAGE_SIZE - offset_in_page(offset);
}

static u64 in_sgtable(const struct edu_range *range, u64 offset,
		      dma_addr_t *dma_addr)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(&range->sgt, sg, i) {
		if (offset < sg_dma_len(sg))
			break;
		offset -= sg_dma_len(sg);
	}
	*dma_addr = sg_dma_address(sg) + offset;
	return sg_dma_len(sg) - offset;
}

/* Where the device finds a byte, and how many follow it there. */
static u64 look_up(const struct edu_range *range, u64 offset,
		   dma_addr_t *dma_addr)
{
	if (range->flags & EDU_RANGE_ADDRESSES)
		return in_array(range, offset, dma_addr);
	if (range->flags & EDU_RANGE_SGTABLE)
		return in_sgtable(range, offset, dma_addr);
	return in_extents(range, offset, dma_addr);
}

static int get_extents(struct edu_range *range)
{
	struct vma_dma_mapping_info info;
	int nr;

	vma_dma_mapping_info(range->mapping, &info);
	range->extents = kvcalloc(info.nr_extents, sizeof(*range->extents),
				  GFP_KERNEL_ACCOUNT);
	if (!range->extents)
		return -ENOMEM;
	nr = vma_dma_mapping_extents(range->mapping, 0, info.nr_extents,
				     range->extents);
	if (nr < 0)
		return nr;
	range->nr_extents = nr;
	return nr ? 0 : -ENODEV;
}

/* Once is enough: a mapping keeps its addresses for life. */
static int get_addresses(struct edu_range *range)
{
	if (range->flags & EDU_RANGE_SGTABLE)
		return vma_dma_mapping_sgtable(range->mapping, &range->sgt);
	if (!(range->flags & EDU_RANGE_ADDRESSES))
		return get_extents(range);
	range->pa = kvcalloc(range->length >> PAGE_SHIFT, sizeof(*range->pa),
			     GFP_KERNEL_ACCOUNT);
	if (!range->pa)
		return -ENOMEM;
	return vma_dma_mapping_addresses(range->mapping, range->pa);
}

/* Transfers */

/*
 * Send the engine to [offset, offset + count) of a range if that is there, and
 * otherwise to the dummy.  It is there if nothing of it was taken, or if it was
 * had back when there had been @stops stops, and there has been no other one.
 */
static void aim(struct edu_range *range, bool to_memory, u64 offset, u32 count,
		const u32 *stops)
{
	struct edu *edu = range->edu;
	u64 end = offset + count;
	dma_addr_t dma_addr;
	bool there;

	look_up(range, offset, &dma_addr);
	mutex_lock(&edu->aim_lock);
	there = !overlaps(offset, end, range->gone_from, range->gone_end) ||
		(stops && *stops == range->stops);
	edu->missed = !there;
	edu->from = offset;
	edu->end = end;
	edu->target = range;
	engine_start(edu, to_memory, there ? dma_addr : edu->dummy_dma, count);
	mutex_unlock(&edu->aim_lock);
}

/* It has arrived, wherever that was. */
static bool aim_end(struct edu *edu)
{
	bool missed;

	mutex_lock(&edu->aim_lock);
	edu->target = NULL;
	missed = edu->missed;
	mutex_unlock(&edu->aim_lock);
	return missed;
}

/* Have [offset, offset + count) back; true if it is there, as of @stops. */
static bool have_back(struct edu_range *range, u64 offset, u32 count,
		      u32 *stops)
{
	u64 from = offset & PAGE_MASK;

	mutex_lock(&range->edu->aim_lock);
	*stops = range->stops;
	mutex_unlock(&range->edu->aim_lock);
	return !vma_dma_mapping_remap(range->mapping, from,
				      PAGE_ALIGN(offset + count) - from);
}

/* A piece that the device finds at one address; @data is the kernel's. */
static int transfer_piece(struct edu_range *range, struct edu_transfer *cmd,
			  u64 offset, u8 *data, u32 count)
{
	bool to_range = cmd->flags & EDU_TRANSFER_TO_RANGE;
	struct edu *edu = range->edu;
	bool back = false;
	u32 stops;
	int rc = 0;

	if (cmd->flags & EDU_TRANSFER_REMAP)
		back = have_back(range, offset, count, &stops);
	mutex_lock(&edu->engine);
	if (to_range) {
		memcpy(edu->stage, data, count);
		rc = engine_stage(edu, false, count);
	}
	if (!rc) {
		aim(range, to_range, offset, count, back ? &stops : NULL);
		rc = engine_wait(edu);
		if (aim_end(edu))
			cmd->out_void = 1;
	}
	if (!rc && !to_range) {
		rc = engine_stage(edu, true, count);
		memcpy(data, edu->stage, count);
	}
	mutex_unlock(&edu->engine);
	return rc;
}

static int transfer(struct edu_range *range, struct edu_transfer *cmd, u8 *data)
{
	u64 done = 0, count;
	dma_addr_t dma_addr;
	int rc = 0;

	cmd->out_void = 0;
	if (!range->mapping)
		return -ENODEV;
	if (cmd->offset >= range->length ||
	    cmd->length > range->length - cmd->offset)
		return -EINVAL;
	if ((cmd->flags & EDU_TRANSFER_TO_RANGE) &&
	    !(range->flags & EDU_RANGE_WRITE))
		return -EACCES;
	for (; !rc && done < cmd->length; done += count) {
		count = min(look_up(range, cmd->offset + done, &dma_addr),
			    cmd->length - done);
		rc = transfer_piece(range, cmd, cmd->offset + done,
				    data + done, count);
	}
	return rc;
}

/* Ranges: how one comes and goes */

/*
 * What is asked of a kernel thread, if the range's flags say so: it has no
 * memory of its own, and needs none.
 */
struct errand {
	struct work_struct work;
	struct edu_range *range;
	const struct edu_register *cmd; /* to map, or NULL */
	struct edu_part part; /* to remap */
	int rc;
};

static int map(struct edu_range *range, const struct edu_register *cmd)
{
	unsigned long flags = cmd->flags & EDU_RANGE_MAPPING;
	struct device *dev = &range->edu->pdev->dev;
	struct vma_dma_mapping *mapping;

	BUILD_BUG_ON(VMA_DMA_MAP_FLAG_WRITE != EDU_RANGE_WRITE ||
		     VMA_DMA_MAP_FLAG_PIN != EDU_RANGE_PIN ||
		     VMA_DMA_MAP_FLAG_SINK != EDU_RANGE_SINK ||
		     VMA_DMA_MAP_FLAG_RESTORE != EDU_RANGE_RESTORE);
	mapping = vma_dma_mapping_create(range->mm, cmd->addr,
					 cmd->addr + cmd->length, dev, flags,
					 &range_ops, range);
	/* Nothing cuts the device off: then it is for us to stop it. */
	if (mapping == ERR_PTR(-EOPNOTSUPP)) {
		range->obeys = true;
		mapping = vma_dma_mapping_create(range->mm, cmd->addr,
						 cmd->addr + cmd->length, dev,
						 flags, &obeying_range_ops,
						 range);
	}
	if (IS_ERR(mapping))
		return PTR_ERR(mapping);
	range->mapping = mapping;
	return 0;
}

static void do_errand(struct work_struct *work)
{
	struct errand *errand = container_of(work, struct errand, work);
	struct edu_range *range = errand->range;

	if (errand->cmd)
		errand->rc = map(range, errand->cmd);
	else
		errand->rc = vma_dma_mapping_remap(range->mapping,
						   errand->part.offset,
						   errand->part.length);
}

static int run_errand(struct errand *errand)
{
	INIT_WORK_ONSTACK(&errand->work, do_errand);
	if (errand->range->flags & EDU_RANGE_KTHREAD) {
		queue_work(system_unbound_wq, &errand->work);
		flush_work(&errand->work);
	} else {
		do_errand(&errand->work);
	}
	destroy_work_on_stack(&errand->work);
	return errand->rc;
}

/* No callback comes afterwards.  edu.bound is held. */
static void range_unmap(struct edu_range *range)
{
	if (range->mapping)
		vma_dma_mapping_destroy(range->mapping);
	range->mapping = NULL;
}

static void range_free(struct kref *ref)
{
	struct edu_range *range = container_of(ref, struct edu_range, ref);

	range_unmap(range);
	if (range->flags & EDU_RANGE_SGTABLE)
		vma_dma_mapping_sgtable_free(&range->sgt);
	kvfree(range->extents);
	kvfree(range->pa);
	account_locked_vm(range->mm, range->charged, false);
	mmdrop(range->mm);
	kfree(range);
}

static void range_put(struct edu_range *range)
{
	kref_put(&range->ref, range_free);
}

static struct edu_range *range_alloc(struct file *file, struct mm_struct *mm,
				     const struct edu_register *cmd)
{
	struct edu_range *range;

	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return NULL;
	kref_init(&range->ref);
	mmgrab(mm);
	range->mm = mm;
	range->edu = file->private_data;
	range->file = file;
	range->flags = cmd->flags;
	range->length = cmd->length;
	return range;
}

/* Pins are charged by the caller of vma_dma_mapping_create(). */
static int range_charge(struct edu_range *range)
{
	unsigned long pages = range->length >> PAGE_SHIFT;
	int rc;

	if (!(range->flags & EDU_RANGE_PIN))
		return 0;
	rc = account_locked_vm(range->mm, pages, true);
	if (!rc)
		range->charged = pages;
	return rc;
}

/* But those of device memory are the exporter's to count. */
static void range_charge_settle(struct edu_range *range)
{
	struct vma_dma_mapping_info info;

	vma_dma_mapping_info(range->mapping, &info);
	if (info.kind == P2PMAP_KIND_RAM)
		return;
	account_locked_vm(range->mm, range->charged, false);
	range->charged = 0;
}

static int range_begin(struct edu_range *range, const struct edu_register *cmd)
{
	struct errand errand = { .range = range, .cmd = cmd };
	struct edu *edu = range->edu;
	int rc;

	rc = range_charge(range);
	if (!rc)
		rc = run_errand(&errand);
	if (rc)
		return rc;
	range_charge_settle(range);
	rc = get_addresses(range);
	if (!rc) {
		mutex_lock(&edu->lock);
		rc = xa_alloc(&edu->ranges, &range->id, range, xa_limit_31b,
			      GFP_KERNEL_ACCOUNT);
		mutex_unlock(&edu->lock);
	}
	if (rc)
		range_unmap(range);
	return rc;
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
	struct edu_range *range;
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
	range = range_alloc(file, mm, cmd);
	rc = range ? range_begin(range, cmd) : -ENOMEM;
	mmput(mm);
	if (!rc)
		cmd->out_id = range->id;
	else if (range)
		range_put(range);
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
	range_put(range);
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
	rc = range ? transfer(range, cmd, data) : -ENOENT;
	if (range)
		range_put(range);
	if (!rc && !(cmd->flags & EDU_TRANSFER_TO_RANGE) &&
	    copy_to_user(user, data, cmd->length))
		rc = -EFAULT;
	kfree(data);
	return rc;
}

static int ioctl_remap(struct file *file, const struct edu_part *cmd)
{
	struct errand errand = { .part = *cmd };
	int rc;

	errand.range = range_get(file, cmd->id);
	if (!errand.range)
		return -ENOENT;
	rc = errand.range->mapping ? run_errand(&errand) : -ENODEV;
	range_put(errand.range);
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
	range_put(range);
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
		range_put(range);
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
	rc = engine_wait(edu);
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
		range_unmap(range);
	engine_wait(edu);
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
