// SPDX-License-Identifier: GPL-2.0-only
/*
 * QUERY: what is mapped at a range, and would MAP take it?  It faults nothing
 * in, charges nothing and leaves nothing behind.
 *
 * ROUTE: which way would MAP find between two devices?  It needs neither.
 */
#include <linux/mm.h>
#include <linux/pci.h>

#include "private.h"

/* What is there already of a range of special VMAs. */
static int peek(u64 addr, u64 length, unsigned long flags,
		struct device *importer, struct p2pmap_frames *frames,
		struct p2pmap_reason *why)
{
	unsigned long at = addr, end = addr + length;
	struct vm_area_struct *vma;
	struct p2pmap_part part;
	int rc = 0;

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	while (!rc && at < end) {
		vma = find_vma(current->mm, at);
		/* Judged a moment ago, but mmap_lock was dropped since. */
		if (!vma || vma->vm_start > at ||
		    p2pmap_vma_kind(vma, at, flags, why) != P2PMAP_KIND_BAR) {
			rc = -EAGAIN;
			break;
		}
		part = (struct p2pmap_part){
			.request = {
				.vma = vma,
				.start = at,
				.end = min(end, vma->vm_end),
				.flags = flags,
				.importer = importer,
			},
			.why = why,
		};
		rc = p2pmap_frames_peek(frames, &part);
		at = vma->vm_end;
	}
	mmap_read_unlock(current->mm);
	return rc;
}

static int query_bar(struct p2pmap_call *call, unsigned long flags,
		     const struct p2pmap_importer *importer)
{
	struct p2pmap_query *cmd = call->cmd;
	struct p2pmap_route_info route = {};
	struct p2pmap_frames frames = {};
	struct p2pmap_bar bar = {};
	int rc;

	rc = peek(cmd->addr, cmd->length, flags,
		  importer ? &importer->device->pdev->dev : NULL, &frames,
		  &call->why);
	if (!rc && frames.nr_runs)
		rc = p2pmap_bar_find(&frames, frames.start, &bar, &call->why);
	if (frames.given)
		route.type = P2PMAP_ROUTE_EXPORTER;
	else if (!rc && bar.pdev && importer)
		rc = p2pmap_route_find(importer->device->pdev, bar.pdev,
				       importer->translated, &route,
				       &call->why);
	if (!rc && bar.pdev) {
		cmd->out_exporter = p2pmap_pci_addr(bar.pdev);
		cmd->out_bar = bar.index;
		/* The first pages may not be there yet. */
		cmd->out_bar_offset = bar.offset - (frames.start - cmd->addr);
		cmd->out_route = route.type;
		cmd->out_distance = route.distance;
	}
	p2pmap_bar_put(&bar);
	p2pmap_frames_release(&frames, false);
	return rc;
}

static int query(struct p2pmap_call *call,
		 const struct p2pmap_importer *importer)
{
	struct p2pmap_query *cmd = call->cmd;
	int kind, rc = 0;

	kind = p2pmap_range_judge(importer, cmd->flags, cmd->addr, cmd->length,
				  &call->why);
	if (kind < 0)
		return kind;
	cmd->out_kind = kind;
	if (kind == P2PMAP_KIND_BAR)
		rc = query_bar(call, p2pmap_helper_flags(importer, cmd->flags),
			       importer);
	else if (cmd->flags & P2PMAP_MAP_PIN)
		rc = p2pmap_charge_check(cmd->length >> PAGE_SHIFT,
					 &call->why);
	return rc ? rc : p2pmap_respond(call);
}

int p2pmap_ioctl_query(struct p2pmap_call *call)
{
	struct p2pmap_importer *importer = NULL;
	struct p2pmap_query *cmd = call->cmd;
	struct p2pmap_object *object;
	int rc;

	if (cmd->reserved)
		return -EINVAL;
	rc = p2pmap_check_range(cmd->flags, cmd->addr, cmd->length, &call->why);
	if (rc)
		return rc;
	if (cmd->importer) {
		object = p2pmap_object_get(call->ctx, cmd->importer,
					   P2PMAP_OBJECT_IMPORTER);
		if (!object)
			return -ENOENT;
		importer = container_of(object, struct p2pmap_importer,
					object);
	}
	rc = query(call, importer);
	if (importer)
		p2pmap_importer_put(importer);
	return rc;
}

static int route(struct p2pmap_call *call, struct pci_dev *importer,
		 struct pci_dev *exporter)
{
	struct p2pmap_route_query *cmd = call->cmd;
	struct p2pmap_route_info route;
	enum p2pmap_dma_mode mode;
	int rc;

	rc = p2pmap_importer_mode(importer, &mode, &call->why);
	if (!rc)
		rc = p2pmap_route_find(importer, exporter,
				       mode == P2PMAP_DMA_TRANSLATED, &route,
				       &call->why);
	if (rc)
		return rc;
	cmd->out_route = route.type;
	cmd->out_distance = route.distance;
	cmd->out_mode = mode;
	return p2pmap_respond(call);
}

int p2pmap_ioctl_route(struct p2pmap_call *call)
{
	struct pci_dev *importer, *exporter = NULL;
	struct p2pmap_route_query *cmd = call->cmd;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;
	if (cmd->importer.reserved || cmd->exporter.reserved || cmd->reserved)
		return -EINVAL;
	importer = p2pmap_pcidev_find(&cmd->importer, &call->why, &rc);
	if (!rc)
		exporter = p2pmap_pcidev_find(&cmd->exporter, &call->why, &rc);
	if (!rc)
		rc = route(call, importer, exporter);
	pci_dev_put(exporter);
	pci_dev_put(importer);
	return rc;
}
