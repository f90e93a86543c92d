// SPDX-License-Identifier: GPL-2.0-only
/*
 * The journal: what happened, counted, traced, and told to those who listen.
 *
 * Most of it is written by notifiers, in reclaim and under every lock of the
 * mm's.  So nothing here allocates or waits: a notice is put into a ring, and a
 * worker makes a message of it.  Without a listener not even that is done.  Where
 * the ring is full the notice is lost, and how many were is told in their place.
 * Anybody can be refused as fast as he likes, so for refusals it is full earlier.
 *
 * A notice holds a reference to its mapping, which may be the last one: the
 * worker puts it under no lock.
 */
#include <linux/pci.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "mapping.h"
#include "netlink.h"
#include "trace.h"

#define RING 512 /* a power of two */
#define REFUSAL_ROOM (RING / 2) /* they are put in below this only */

static DEFINE_PER_CPU(u64[P2PMAP_COUNT_NR], counters);
static DEFINE_PER_CPU(u64[P2PMAP_COUNTED_REASONS], refusals);

static DEFINE_SPINLOCK(ring_lock); /* taken in notifiers; guards what follows */
static struct p2pmap_notice ring[RING];
static u64 ring_head; /* of the next to be put in */
static u64 ring_tail; /* of the next to be sent */
static u64 last_seq;
static u64 lost; /* since the last one that was put in */

static void count(enum p2pmap_counter counter)
{
	this_cpu_inc(counters[counter]);
}

static u64 sum(u64 __percpu *counter)
{
	u64 total = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		total += READ_ONCE(*per_cpu_ptr(counter, cpu));
	return total;
}

u64 p2pmap_journal_count(enum p2pmap_counter counter)
{
	return sum(&counters[counter]);
}

u64 p2pmap_journal_refusals(u32 code)
{
	return sum(&refusals[code]);
}

static void notice_drop(struct p2pmap_notice *notice)
{
	if (notice->mapping)
		p2pmap_mapping_put(notice->mapping);
	put_pid(notice->pid);
}

/* The oldest notice, which is the caller's now; false if there is none. */
static bool ring_take(struct p2pmap_notice *notice)
{
	bool any;

	spin_lock(&ring_lock);
	any = ring_tail != ring_head;
	if (any) {
		*notice = ring[ring_tail++ % RING];
	} else if (lost) {
		*notice = (struct p2pmap_notice){
			.cmd = P2PMAP_NL_CMD_LOST_NTF,
			.lost = lost,
		};
		lost = 0;
		any = true;
	}
	spin_unlock(&ring_lock);
	return any;
}

static void send(struct work_struct *work)
{
	struct p2pmap_notice notice;

	while (ring_take(&notice)) {
		this_cpu_add(counters[P2PMAP_COUNT_NOTICES_LOST], notice.lost);
		if (p2pmap_netlink_send(&notice))
			count(P2PMAP_COUNT_NOTICES_LOST);
		else if (notice.cmd != P2PMAP_NL_CMD_LOST_NTF)
			count(P2PMAP_COUNT_NOTICES);
		notice_drop(&notice);
		cond_resched();
	}
}

static DECLARE_WORK(send_work, send);

/* Takes references of its own to what @what names. */
static void post(const struct p2pmap_notice *what)
{
	bool refusal = what->cmd == P2PMAP_NL_CMD_REFUSE_NTF;
	struct p2pmap_notice *notice;
	u64 seq;

	spin_lock(&ring_lock);
	seq = ++last_seq;
	if (ring_head - ring_tail >= (refusal ? REFUSAL_ROOM : RING)) {
		lost++;
	} else {
		notice = &ring[ring_head++ % RING];
		*notice = *what;
		notice->seq = seq;
		notice->lost = lost;
		lost = 0;
		if (notice->mapping)
			p2pmap_mapping_get(notice->mapping);
		get_pid(notice->pid);
	}
	spin_unlock(&ring_lock);
	/* Not behind workers that wait for somebody's memory. */
	queue_work(system_unbound_wq, &send_work);
}

static void post_mapping(u8 cmd, struct vma_dma_mapping *mapping,
			 const struct vma_dma_event *event)
{
	if (!p2pmap_netlink_listened())
		return;
	post(&(struct p2pmap_notice){
		.cmd = cmd,
		.mapping = mapping,
		.event = *event,
	});
}

/* Under the mapping's lock, so that nothing is told of it before. */
void p2pmap_journal_map(struct vma_dma_mapping *mapping)
{
	lockdep_assert_held(&mapping->lock);
	count(P2PMAP_COUNT_MAPS);
	trace_p2pmap_map(mapping);
	post_mapping(P2PMAP_NL_CMD_MAP_NTF, mapping, &(struct vma_dma_event){});
}

/* Nothing is told of it afterwards. */
void p2pmap_journal_unmap(struct vma_dma_mapping *mapping)
{
	count(P2PMAP_COUNT_UNMAPS);
	trace_p2pmap_unmap(mapping);
	post_mapping(P2PMAP_NL_CMD_UNMAP_NTF, mapping,
		     &(struct vma_dma_event){});
}

/* What the owner of a mapping is told. */
void p2pmap_journal_event(struct vma_dma_mapping *mapping,
			  const struct vma_dma_event *event)
{
	lockdep_assert_held(&mapping->lock);
	count(P2PMAP_COUNT_EVENTS);
	trace_p2pmap_event(mapping, event);
	/* p2pmap_journal_remap() said it. */
	if (event->reasons == P2PMAP_EVENT_RESTORED)
		return;
	if (event->flags & P2PMAP_EVENT_NOT_CUT) {
		count(P2PMAP_COUNT_OUTDATED);
	} else if (event->cut_end) {
		count(P2PMAP_COUNT_REVOCATIONS);
		trace_p2pmap_revoke(mapping, event);
	}
	post_mapping(P2PMAP_NL_CMD_REVOKE_NTF, mapping, event);
}

/* Pages [first, end) are there again, by REMAP or without being asked. */
void p2pmap_journal_remap(struct vma_dma_mapping *mapping, u32 first, u32 end,
			  bool by_kernel)
{
	struct vma_dma_event event = {
		.offset = (u64)first << PAGE_SHIFT,
		.end = (u64)end << PAGE_SHIFT,
		.reasons = by_kernel ? P2PMAP_EVENT_RESTORED : 0,
	};

	lockdep_assert_held(&mapping->lock);
	count(by_kernel ? P2PMAP_COUNT_RESTORES : P2PMAP_COUNT_REMAPS);
	trace_p2pmap_remap(mapping, &event);
	post_mapping(P2PMAP_NL_CMD_REMAP_NTF, mapping, &event);
}

/*
 * The current process, or a driver, asked for something and did not get it.
 * @operation is an ioctl's number or P2PMAP_NL_OPERATION_DRIVER_MAP; those that
 * only ask are passed over.
 */
void p2pmap_journal_refuse(u32 operation, int error,
			   const struct p2pmap_reason *why)
{
	struct p2pmap_notice notice = {
		.cmd = P2PMAP_NL_CMD_REFUSE_NTF,
		.operation = operation,
		.error = -error,
		.code = why->code,
		.pid = task_tgid(current),
	};

	switch (operation) {
	case P2PMAP_NL_OPERATION_ATTACH:
	case P2PMAP_NL_OPERATION_MAP:
	case P2PMAP_NL_OPERATION_REMAP:
	case P2PMAP_NL_OPERATION_DRIVER_MAP:
		break;
	default:
		return;
	}
	/* He will be back at once. */
	if (error == -ERESTARTSYS)
		return;
	count(P2PMAP_COUNT_REFUSALS);
	if (notice.code < P2PMAP_COUNTED_REASONS)
		this_cpu_inc(refusals[notice.code]);
	trace_p2pmap_refuse(&notice);
	if (!p2pmap_netlink_listened())
		return;
	strscpy(notice.name, current->comm, sizeof(notice.name));
	post(&notice);
}

/* With p2pmap_devices_lock held for writing. */
void p2pmap_journal_device_gone(struct p2pmap_device *device)
{
	struct p2pmap_notice notice = {
		.cmd = P2PMAP_NL_CMD_DEVICE_GONE_NTF,
	};
	struct list_head *at;

	lockdep_assert_held_write(&p2pmap_devices_lock);
	count(P2PMAP_COUNT_DEVICES_GONE);
	if (!p2pmap_netlink_listened())
		return;
	strscpy(notice.name, pci_name(device->pdev), sizeof(notice.name));
	list_for_each(at, &device->imports)
		notice.imports++;
	list_for_each(at, &device->exports)
		notice.exports++;
	post(&notice);
}

/* Nobody writes any more, and netlink takes nothing. */
void p2pmap_journal_exit(void)
{
	struct p2pmap_notice notice;

	cancel_work_sync(&send_work);
	while (ring_take(&notice))
		notice_drop(&notice);
}
