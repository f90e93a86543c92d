// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generation page: tells a context's process, by one load, whether a
 * mapping is still what it was.
 *
 * The kernel writes it and never reads it; what it must remember of a slot it
 * keeps in memory that no user sees.  A slot's word only grows, also from one
 * mapping to the next: odd while all of a mapping is live, even otherwise.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "private.h"

struct p2pmap_generations {
	u32 capacity; /* immutable */
	struct p2pmap_bill bill; /* immutable */
	u64 *page; /* immutable; its words are their mappings' locks' */
	u64 *last; /* context->lock; generation of a free slot */
	unsigned long *used; /* context->lock */
};

void p2pmap_generations_free(struct p2pmap_generations *generations)
{
	if (!generations)
		return;
	vfree(generations->page);
	kvfree(generations->last);
	bitmap_free(generations->used);
	p2pmap_bill_end(&generations->bill);
	kfree(generations);
}

/* Returns an ERR_PTR on failure. */
static struct p2pmap_generations *generations_alloc(u32 capacity)
{
	u64 length = PAGE_ALIGN(capacity * sizeof(u64));
	struct p2pmap_generations *generations;
	int rc;

	generations = kzalloc(sizeof(*generations), GFP_KERNEL_ACCOUNT);
	if (!generations)
		return ERR_PTR(-ENOMEM);
	/* The page, and what is remembered of free slots. */
	rc = p2pmap_bill_add(&generations->bill, 3 * length, NULL);
	if (rc) {
		kfree(generations);
		return ERR_PTR(rc);
	}
	generations->capacity = capacity;
	generations->page = __vmalloc(length, P2PMAP_GFP | __GFP_ZERO);
	generations->last = kvcalloc(capacity, sizeof(u64), P2PMAP_GFP);
	generations->used = bitmap_zalloc(capacity, P2PMAP_GFP);
	if (generations->page && generations->last && generations->used)
		return generations;
	p2pmap_generations_free(generations);
	return ERR_PTR(-ENOMEM);
}

/* Once, and before there is a mapping that would have to have a slot. */
static int generations_install(struct p2pmap_context *ctx,
			       struct p2pmap_generations *generations)
{
	int rc = 0;

	mutex_lock(&ctx->lock);
	if (ctx->generations || ctx->mm)
		rc = -EBUSY;
	else
		WRITE_ONCE(ctx->generations, generations);
	mutex_unlock(&ctx->lock);
	return rc;
}

int p2pmap_ioctl_watch(struct p2pmap_call *call)
{
	struct p2pmap_watch *cmd = call->cmd;
	struct p2pmap_context *ctx = call->ctx;
	struct p2pmap_generations *generations;
	int rc;

	if (!cmd->capacity || cmd->capacity > P2PMAP_WATCH_MAX || cmd->reserved)
		return -EINVAL;
	if (READ_ONCE(ctx->generations) || READ_ONCE(ctx->mm))
		return -EBUSY;
	generations = generations_alloc(cmd->capacity);
	if (IS_ERR(generations))
		return PTR_ERR(generations);
	cmd->out_length = PAGE_ALIGN(cmd->capacity * sizeof(u64));
	/* May wait for ever (userfaultfd), and others take the lock as well. */
	rc = p2pmap_respond(call);
	if (!rc)
		rc = generations_install(ctx, generations);
	if (rc)
		p2pmap_generations_free(generations);
	return rc;
}

/* By hand: remap_vmalloc_range() wants memory that nobody was charged for. */
static int insert_pages(struct p2pmap_generations *generations,
			struct vm_area_struct *vma)
{
	unsigned long pages = PAGE_ALIGN(generations->capacity * sizeof(u64)) >>
			      PAGE_SHIFT;
	void *from = (void *)generations->page + (vma->vm_pgoff << PAGE_SHIFT);
	unsigned long addr;
	int rc = 0;

	if (vma->vm_pgoff >= pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	for (addr = vma->vm_start; !rc && addr < vma->vm_end;
	     addr += PAGE_SIZE, from += PAGE_SIZE)
		rc = vm_insert_page(vma, addr, vmalloc_to_page(from));
	return rc;
}

int p2pmap_generations_mmap(struct p2pmap_context *ctx,
			    struct vm_area_struct *vma)
{
	struct p2pmap_generations *generations = READ_ONCE(ctx->generations);

	if (!generations || !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	/* Never writable, and not for the children. */
	p2pmap_vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP,
			    VM_MAYWRITE | VM_MAYEXEC);
	return insert_pages(generations, vma);
}

/*
 * A slot and the generation from which it goes on, for a new handle.  With its
 * context's lock held.  Without a generation page there is no slot to have.
 */
int p2pmap_slot_get(struct p2pmap_handle *handle, struct p2pmap_reason *why)
{
	struct p2pmap_generations *generations = handle->ctx->generations;
	unsigned long free;

	lockdep_assert_held(&handle->ctx->lock);
	if (!generations)
		return 0;
	free = find_first_zero_bit(generations->used, generations->capacity);
	if (free == generations->capacity)
		return p2pmap_fail(why, -ENOSPC, P2PMAP_REASON_LIMIT, free);
	__set_bit(free, generations->used);
	handle->slot = free;
	handle->generation = generations->last[free];
	return 0;
}

/* Show a generation; from a callback of the slot's mapping. */
void p2pmap_slot_set(struct p2pmap_context *ctx, u32 slot, u64 generation)
{
	if (slot != P2PMAP_NO_SLOT)
		WRITE_ONCE(ctx->generations->page[slot], generation);
}

/* Give a slot back; with ctx->lock held.  @generation is even. */
void p2pmap_slot_put(struct p2pmap_context *ctx, u32 slot, u64 generation)
{
	lockdep_assert_held(&ctx->lock);
	if (slot == P2PMAP_NO_SLOT)
		return;
	ctx->generations->last[slot] = generation;
	__clear_bit(slot, ctx->generations->used);
}
