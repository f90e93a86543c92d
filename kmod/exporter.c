// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exporters: drivers that answer for the memory behind their VMAs.
 *
 * A module cannot extend vm_operations_struct, so an exporter is found by the
 * address of the one that its VMAs have.  It is asked under SRCU: when
 * vma_dma_export_unregister() (revoke.c) has hidden it and waited, nobody is in
 * one of its functions.
 *
 * A promise is what an exporter gave to one map and must get back: a PIN, or
 * DMA addresses that it made itself.  The map owns the memory of it; whoever
 * takes it off its exporter's list gives it back, once: the map when it ends, or
 * the exporter when it leaves first.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "delay.h"
#include "range.h"
#include "vma_dma_export.h"

/* What describe() fills. */
struct vma_dma_runs {
	struct p2pmap_frames *frames;
	u64 left;
};

/* What map() fills. */
struct vma_dma_extents {
	struct p2pmap_dma *dma;
	u64 left;
};

struct p2pmap_promise {
	struct list_head map_link; /* the map's */
	struct list_head link; /* promises_lock; empty once it was given back */
	struct vma_dma_exporter *exporter;
	bool mapped; /* by map(), not by pin() */
	void *what;
};

DEFINE_STATIC_SRCU(asking);

static DEFINE_MUTEX(registry_lock);
static LIST_HEAD(registry); /* registry_lock to change, asking to read */

static DEFINE_SPINLOCK(promises_lock);

/* With asking held for reading. */
static struct vma_dma_exporter *find(const struct vm_operations_struct *vm_ops)
{
	struct vma_dma_exporter *exporter;

	list_for_each_entry_srcu(exporter, &registry, link,
				 srcu_read_lock_held(&asking))
		if (exporter->vm_ops == vm_ops)
			return exporter;
	return NULL;
}

/**
 * vma_dma_export_register() - answer for the VMAs that have these operations
 * @vm_ops: the operations; nobody else's VMAs have them
 * @ops: what is asked; stays until vma_dma_export_unregister() returns
 *
 * Return: the exporter, or an ERR_PTR: -EINVAL without a describe() or with one
 * of a pair only, -EEXIST if there is one already, -ENOMEM.
 */
struct vma_dma_exporter *
vma_dma_export_register(const struct vm_operations_struct *vm_ops,
			const struct vma_dma_export_ops *ops)
{
	struct vma_dma_exporter *exporter;
	int idx;

	if (!vm_ops || !ops->describe || !ops->pin != !ops->unpin ||
	    !ops->map != !ops->unmap)
		return ERR_PTR(-EINVAL);
	exporter = kzalloc(sizeof(*exporter), GFP_KERNEL);
	if (!exporter)
		return ERR_PTR(-ENOMEM);
	kref_init(&exporter->ref);
	exporter->vm_ops = vm_ops;
	exporter->ops = ops;
	spin_lock_init(&exporter->lock);
	INIT_LIST_HEAD(&exporter->mappings);
	INIT_LIST_HEAD(&exporter->promises);
	mutex_lock(&registry_lock);
	idx = srcu_read_lock(&asking);
	if (find(vm_ops)) {
		kfree(exporter);
		exporter = ERR_PTR(-EEXIST);
	} else {
		list_add_rcu(&exporter->link, &registry);
	}
	srcu_read_unlock(&asking, idx);
	mutex_unlock(&registry_lock);
	return exporter;
}
EXPORT_SYMBOL_GPL(vma_dma_export_register);

/* Nobody finds it any more, and nobody who found it is still asking. */
void p2pmap_exporter_hide(struct vma_dma_exporter *exporter)
{
	mutex_lock(&registry_lock);
	list_del_rcu(&exporter->link);
	mutex_unlock(&registry_lock);
	synchronize_srcu(&asking);
}

static void exporter_free(struct kref *ref)
{
	kfree(container_of(ref, struct vma_dma_exporter, ref));
}

static void exporter_put(struct vma_dma_exporter *exporter)
{
	kref_put(&exporter->ref, exporter_free);
}

/*
 * Take @promise off its exporter's list, and what it is out of it: then its map
 * may end and free it.  False if it was given back already.
 */
static bool promise_take(struct p2pmap_promise *promise,
			 struct p2pmap_promise *taken)
{
	bool out = !list_empty(&promise->link);

	lockdep_assert_held(&promises_lock);
	list_del_init(&promise->link);
	*taken = *promise;
	return out;
}

/* With asking held for reading, or by the exporter that leaves. */
static void give_back(const struct p2pmap_promise *taken)
{
	const struct vma_dma_export_ops *ops = taken->exporter->ops;

	p2pmap_delay_spin(P2PMAP_DELAY_PROMISE_TAKEN);
	if (taken->mapped)
		ops->unmap(taken->what);
	else
		ops->unpin(taken->what);
}

/*
 * What is still out belongs to maps that never come to be, or is being given
 * back.  Afterwards nothing of the exporter's is called any more.
 */
void p2pmap_exporter_settle(struct vma_dma_exporter *exporter)
{
	struct p2pmap_promise *promise, taken;

	for (;;) {
		spin_lock(&promises_lock);
		promise = list_first_entry_or_null(&exporter->promises,
						   struct p2pmap_promise, link);
		if (promise)
			promise_take(promise, &taken);
		spin_unlock(&promises_lock);
		if (!promise)
			break;
		give_back(&taken);
	}
	synchronize_srcu(&asking);
	exporter_put(exporter);
}

/*
 * Give back what exporters gave to @map, which no device uses any more.  What
 * map() made is given back under the lock that notifiers take, a pin is not.
 */
void p2pmap_promises_end(struct vma_dma_map *map)
{
	struct p2pmap_promise *promise, taken;
	bool out;
	int idx;

	list_for_each_entry(promise, &map->promises, map_link) {
		idx = srcu_read_lock(&asking);
		spin_lock(&promises_lock);
		out = promise_take(promise, &taken);
		spin_unlock(&promises_lock);
		if (out)
			give_back(&taken);
		srcu_read_unlock(&asking, idx);
	}
}

/* As p2pmap_promises_end(), and @map has nothing to do with its exporter. */
void p2pmap_exporter_leave(struct vma_dma_map *map)
{
	struct p2pmap_promise *promise, *next;

	p2pmap_promises_end(map);
	list_for_each_entry_safe(promise, next, &map->promises, map_link)
		kfree(promise);
	INIT_LIST_HEAD(&map->promises);
	if (map->exporter)
		exporter_put(map->exporter);
	map->exporter = NULL;
}

static int refuse_pin(unsigned long start, struct p2pmap_reason *why)
{
	return p2pmap_fail(why, -EOPNOTSUPP, P2PMAP_REASON_PIN_DEVICE_MEMORY,
			   start);
}

/* Does an exporter answer for @vma?  Negative if it would refuse @flags. */
int p2pmap_exporter_check(struct vm_area_struct *vma, unsigned long start,
			  unsigned long flags, struct p2pmap_reason *why)
{
	struct vma_dma_exporter *exporter;
	int idx, rc = 0;

	if (!vma->vm_ops || list_empty(&registry))
		return 0;
	idx = srcu_read_lock(&asking);
	exporter = find(vma->vm_ops);
	if (exporter)
		rc = (flags & VMA_DMA_MAP_FLAG_PIN) && !exporter->ops->pin &&
		     !exporter->ops->map ? refuse_pin(start, why) : 1;
	srcu_read_unlock(&asking, idx);
	return rc;
}

/* The exporter's word, as a user is told it. */
static int refusal(int rc, unsigned long start, struct p2pmap_reason *why)
{
	switch (rc) {
	case 0:
	case -EAGAIN:
	case -ENOMEM:
	case -EINTR:
	case -ERESTARTSYS:
		return rc;
	case -EPERM:
		return p2pmap_fail(why, -EPERM,
				   P2PMAP_REASON_EXPORTER_REFUSES, start);
	case -EACCES:
		return p2pmap_fail(why, -EPERM,
				   P2PMAP_REASON_EXPORTER_REFUSES_WRITE, start);
	case -EOPNOTSUPP:
		return refuse_pin(start, why);
	}
	return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_EXPORTER_HAS_NONE,
			   start);
}

/*
 * Is it the exporter that its map joined?  Only that one takes what it maps away
 * when it leaves.
 */
static int check_joined(const struct p2pmap_part *part,
			const struct vma_dma_exporter *exporter)
{
	const struct vma_dma_map *map = part->map;

	if (!map || map->exporter == exporter)
		return 0;
	/* It came or left meanwhile: all is to be asked again. */
	if (!map->dma.mapped)
		return -EAGAIN;
	return p2pmap_fail(part->why, -EFAULT, P2PMAP_REASON_EXPORTER_HAS_NONE,
			   part->request.start);
}

static int ask_frames(struct p2pmap_frames *frames,
		      const struct p2pmap_part *part,
		      const struct vma_dma_exporter *exporter)
{
	const struct vma_dma_request *request = &part->request;
	struct vma_dma_runs runs = {
		.frames = frames,
		.left = request->end - request->start,
	};
	int rc = exporter->ops->describe(request, &runs);

	frames->given = exporter->ops->map;
	if (!rc && runs.left)
		rc = -EFAULT;
	return refusal(rc, request->start, part->why);
}

/*
 * The frames of a part by its exporter's word; -ENOENT if it has no exporter.
 */
int p2pmap_exporter_describe(struct p2pmap_frames *frames,
			     const struct p2pmap_part *part)
{
	const struct vma_dma_request *request = &part->request;
	struct vma_dma_exporter *exporter;
	int idx, rc = -ENOENT;

	if (!request->vma->vm_ops || list_empty(&registry))
		return rc;
	idx = srcu_read_lock(&asking);
	exporter = find(request->vma->vm_ops);
	if (exporter) {
		if (!frames->nr_runs)
			frames->start = request->start;
		p2pmap_delay(P2PMAP_DELAY_EXPORTER_ASKED);
		rc = check_joined(part, exporter);
		if (!rc)
			rc = ask_frames(frames, part, exporter);
	}
	srcu_read_unlock(&asking, idx);
	return rc;
}

/**
 * vma_dma_runs_add() - say where the next bytes of a range are
 * @runs: as given to describe()
 * @phys: physical address in a BAR, page-aligned
 * @length: bytes that are contiguous there, a multiple of the page size
 *
 * Return: 0, -EINVAL for more than was asked or what is not aligned, -ENOMEM.
 */
int vma_dma_runs_add(struct vma_dma_runs *runs, phys_addr_t phys, u64 length)
{
	if (!length || length > runs->left || !PAGE_ALIGNED(phys | length))
		return -EINVAL;
	runs->left -= length;
	return p2pmap_frames_append(runs->frames, PHYS_PFN(phys),
				    length >> PAGE_SHIFT);
}
EXPORT_SYMBOL_GPL(vma_dma_runs_add);

/**
 * vma_dma_extents_add() - say by which DMA addresses the next bytes are reached
 * @extents: as given to map()
 * @dma_addr: the first one, for the importer that was named, page-aligned
 * @length: bytes, a multiple of the page size
 *
 * Return: 0, -EINVAL for more than was asked or what is not aligned, -ENOMEM.
 */
int vma_dma_extents_add(struct vma_dma_extents *extents, dma_addr_t dma_addr,
			u64 length)
{
	if (!length || length > extents->left ||
	    !PAGE_ALIGNED(dma_addr | length))
		return -EINVAL;
	extents->left -= length;
	return p2pmap_dma_give(extents->dma, dma_addr, length);
}
EXPORT_SYMBOL_GPL(vma_dma_extents_add);

/* Have the exporter map or pin a part, and remember what it said. */
static int ask_promise(struct vma_dma_map *map, struct p2pmap_promise *promise,
		       const struct p2pmap_part *part)
{
	const struct vma_dma_export_ops *ops = promise->exporter->ops;
	const struct vma_dma_request *request = &part->request;
	struct vma_dma_extents extents = {
		.dma = &map->dma,
		.left = request->end - request->start,
	};
	int rc;

	if (!promise->mapped) {
		rc = ops->pin(request, &promise->what);
		if (rc && rc != -EAGAIN && rc != -ENOMEM && rc != -EINTR)
			rc = refuse_pin(request->start, part->why);
		return rc;
	}
	map->dma.given = true;
	rc = ops->map(request, &extents, &promise->what);
	if (!rc && extents.left) {
		ops->unmap(promise->what);
		rc = -EFAULT;
	}
	return refusal(rc, request->start, part->why);
}

/* With asking held for reading. */
static int promise_make(struct vma_dma_map *map,
			struct vma_dma_exporter *exporter,
			const struct p2pmap_part *part)
{
	struct p2pmap_promise *promise;
	int rc;

	promise = kzalloc(sizeof(*promise), GFP_KERNEL_ACCOUNT);
	if (!promise)
		return -ENOMEM;
	promise->exporter = exporter;
	promise->mapped = exporter->ops->map;
	rc = ask_promise(map, promise, part);
	if (rc) {
		kfree(promise);
		return rc;
	}
	p2pmap_delay(P2PMAP_DELAY_PROMISE_MADE);
	list_add(&promise->map_link, &map->promises);
	spin_lock(&promises_lock);
	list_add(&promise->link, &exporter->promises);
	spin_unlock(&promises_lock);
	return 0;
}

/* All parts of a map have one exporter, or none has. */
static int check_parts(const struct vma_dma_map *map,
		       const struct vma_dma_exporter *exporter,
		       const struct p2pmap_part *part)
{
	const struct vma_dma_request *request = &part->request;

	if (!map->frames.length || map->exporter == exporter)
		return 0;
	/* One driver's memory: it came or left meanwhile, so ask again. */
	if (request->vma->vm_ops == map->vm_ops)
		return -EAGAIN;
	return p2pmap_fail(part->why, -EINVAL, P2PMAP_REASON_MIXED,
			   request->start);
}

/*
 * Before the frames of @part are looked for: whose are they, and what must be
 * promised for them?
 */
int p2pmap_exporter_join(struct vma_dma_map *map,
			 const struct p2pmap_part *part)
{
	const struct vma_dma_request *request = &part->request;
	bool pin = request->flags & VMA_DMA_MAP_FLAG_PIN;
	struct vma_dma_exporter *exporter;
	int idx, rc;

	idx = srcu_read_lock(&asking);
	exporter = find(request->vma->vm_ops);
	rc = check_parts(map, exporter, part);
	if (rc)
		goto unlock;
	if (!exporter)
		rc = pin && map->kind == P2PMAP_KIND_BAR ?
			     refuse_pin(request->start, part->why) : 0;
	else if ((pin || exporter->ops->map) && !map->withdrawable)
		rc = refuse_pin(request->start, part->why);
	if (!rc && exporter && !map->exporter) {
		kref_get(&exporter->ref);
		map->exporter = exporter;
	}
	if (!rc && exporter && (pin || exporter->ops->map))
		rc = promise_make(map, exporter, part);
unlock:
	srcu_read_unlock(&asking, idx);
	return rc;
}
