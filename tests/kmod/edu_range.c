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
 * Here is what a range is and does; the device, its node and its ioctls are in
 * edu_main.c.
 *
 * Lifetime.  A mapping ends before the driver is unbound: remove() sees to it.
 * The range that it belonged to stays until its file is closed, and the device's
 * object until the last file is.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "edu_priv.h"

/* Registers and the buffer as the engine sees it; see docs/specs/edu of QEMU. */
#define EDU_REG_SRC 0x80
#define EDU_REG_DST 0x88
#define EDU_REG_COUNT 0x90
#define EDU_REG_CMD 0x98
#define EDU_CMD_START BIT(0)
#define EDU_CMD_TO_MEMORY BIT(1)
#define EDU_BUFFER 0x40000

/* A transfer takes 100 ms. */
#define EDU_TIMEOUT (10 * HZ)

/* The engine */

static bool engine_busy(struct edu *edu)
{
	u64 cmd = readq(edu->regs + EDU_REG_CMD);

	/* A device that was pulled out reads as ones. */
	return cmd != U64_MAX && (cmd & EDU_CMD_START);
}

int edu_engine_wait(struct edu *edu)
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
	return edu_engine_wait(edu);
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
		if (!range->obeys || edu_engine_wait(edu))
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
		rc = edu_engine_wait(edu);
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

/* All of it; the data is the kernel's. */
int edu_range_transfer(struct edu_range *range, struct edu_transfer *cmd,
		       u8 *data)
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

	/* Each flag is the same bit here and there. */
	BUILD_BUG_ON((VMA_DMA_MAP_FLAG_WRITE ^ EDU_RANGE_WRITE) |
		     (VMA_DMA_MAP_FLAG_PIN ^ EDU_RANGE_PIN) |
		     (VMA_DMA_MAP_FLAG_SINK ^ EDU_RANGE_SINK) |
		     (VMA_DMA_MAP_FLAG_RESTORE ^ EDU_RANGE_RESTORE));
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
void edu_range_unmap(struct edu_range *range)
{
	if (range->mapping)
		vma_dma_mapping_destroy(range->mapping);
	range->mapping = NULL;
}

static void range_free(struct kref *ref)
{
	struct edu_range *range = container_of(ref, struct edu_range, ref);

	edu_range_unmap(range);
	if (range->flags & EDU_RANGE_SGTABLE)
		vma_dma_mapping_sgtable_free(&range->sgt);
	kvfree(range->extents);
	kvfree(range->pa);
	account_locked_vm(range->mm, range->charged, false);
	mmdrop(range->mm);
	kfree(range);
}

void edu_range_put(struct edu_range *range)
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

static int range_begin(struct edu_range *range, struct edu_register *cmd)
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
		/* Once the lock is gone anybody may end it. */
		cmd->out_id = range->id;
		mutex_unlock(&edu->lock);
	}
	if (rc)
		edu_range_unmap(range);
	return rc;
}

/* On success the table has the range, and its id is told. */
int edu_range_register(struct file *file, struct mm_struct *mm,
		       struct edu_register *cmd)
{
	struct edu_range *range = range_alloc(file, mm, cmd);
	int rc;

	if (!range)
		return -ENOMEM;
	rc = range_begin(range, cmd);
	if (rc)
		edu_range_put(range);
	return rc;
}

int edu_range_remap(struct edu_range *range, const struct edu_part *part)
{
	struct errand errand = { .range = range, .part = *part };

	return range->mapping ? run_errand(&errand) : -ENODEV;
}
