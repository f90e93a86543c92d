// SPDX-License-Identifier: GPL-2.0-only
/*
 * The context: one open of /dev/p2pmap.
 *
 * The first successful MAP binds it to the caller's mm for good; a privileged
 * broker may therefore attach importers and hand the descriptor on.  From
 * another mm (a forked child, a later receiver) only unmap, poll and close
 * work.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/eventfd.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "delay.h"
#include "private.h"

/* It is the current user's from now on. */
static void context_note(struct p2pmap_context *ctx)
{
	p2pmap_person_note(&ctx->person);
	WRITE_ONCE(ctx->uid, current_uid());
}

/* Returns an ERR_PTR on failure. */
struct p2pmap_context *p2pmap_context_alloc(void)
{
	struct p2pmap_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	int rc;

	if (!ctx)
		return ERR_PTR(-ENOMEM);
	kref_init(&ctx->ref);
	xa_init_flags(&ctx->objects, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	mutex_init(&ctx->lock);
	spin_lock_init(&ctx->event_lock);
	INIT_LIST_HEAD(&ctx->pending);
	init_waitqueue_head(&ctx->wait);
	context_note(ctx);
	rc = p2pmap_bill_add(&ctx->bill, P2PMAP_COST_CONTEXT, NULL);
	if (!rc)
		rc = p2pmap_ledger_reserve(P2PMAP_LEDGER_CONTEXTS, &ctx->entry,
					   &ctx->ref, &ctx->uid);
	if (rc) {
		p2pmap_context_put(ctx);
		return ERR_PTR(rc);
	}
	p2pmap_ledger_publish(P2PMAP_LEDGER_CONTEXTS, &ctx->entry);
	return ctx;
}

static void context_free(struct kref *ref)
{
	struct p2pmap_context *ctx = container_of(ref, struct p2pmap_context,
						  ref);

	p2pmap_person_forget(&ctx->person);
	if (ctx->mm)
		mmdrop(ctx->mm);
	if (ctx->eventfd)
		eventfd_ctx_put(ctx->eventfd);
	p2pmap_generations_free(ctx->generations);
	xa_destroy(&ctx->objects);
	p2pmap_bill_end(&ctx->bill);
	kfree(ctx);
}

void p2pmap_context_get(struct p2pmap_context *ctx)
{
	kref_get(&ctx->ref);
}

void p2pmap_context_put(struct p2pmap_context *ctx)
{
	kref_put(&ctx->ref, context_free);
}

/* The last descriptor is gone: nobody else can reach the table any more. */
void p2pmap_context_close(struct p2pmap_context *ctx)
{
	struct p2pmap_object *object;
	unsigned long id;

	p2pmap_ledger_remove(P2PMAP_LEDGER_CONTEXTS, &ctx->entry);
	p2pmap_delay(P2PMAP_DELAY_CONTEXT_CLOSING);
	xa_for_each(&ctx->objects, id, object) {
		if (object->type != P2PMAP_OBJECT_HANDLE)
			continue;
		xa_erase(&ctx->objects, id);
		p2pmap_handle_abandon(container_of(object, struct p2pmap_handle,
						   object));
		cond_resched();
	}
	xa_for_each(&ctx->objects, id, object) {
		xa_erase(&ctx->objects, id);
		p2pmap_importer_leave(container_of(object,
						   struct p2pmap_importer,
						   object));
	}
	p2pmap_context_put(ctx);
}

bool p2pmap_context_is_foreign(struct p2pmap_context *ctx)
{
	struct mm_struct *mm = READ_ONCE(ctx->mm);

	return mm && mm != current->mm;
}

/* Called with ctx->lock held, by a MAP that can no longer fail otherwise. */
int p2pmap_context_bind(struct p2pmap_context *ctx, struct p2pmap_reason *why)
{
	lockdep_assert_held(&ctx->lock);
	if (p2pmap_context_is_foreign(ctx))
		return p2pmap_fail(why, -EPERM, P2PMAP_REASON_OTHER_PROCESS, 0);
	if (!ctx->mm) {
		mmgrab(current->mm);
		WRITE_ONCE(ctx->mm, current->mm);
		context_note(ctx);
		/* Whoever else waits in read() waits in vain. */
		wake_up_interruptible(&ctx->wait);
	}
	return 0;
}

int p2pmap_ioctl_info(struct p2pmap_call *call)
{
	struct p2pmap_info *cmd = call->cmd;

	if (cmd->flags)
		return -EOPNOTSUPP;
	cmd->out_abi_version = P2PMAP_ABI_VERSION;
	cmd->out_flags = (p2pmap_unenforced ? P2PMAP_INFO_UNENFORCED : 0) |
			 (capable(CAP_SYS_RAWIO) ? P2PMAP_INFO_MAY_ATTACH_ANY :
						   0);
	cmd->out_map_flags = P2PMAP_MAP_WRITE | P2PMAP_MAP_PIN |
			     P2PMAP_MAP_SINK | P2PMAP_MAP_RESTORE;
	cmd->out_max_mappings = P2PMAP_MAX_MAPPINGS;
	mutex_lock(&call->ctx->lock);
	cmd->out_mappings = call->ctx->nr_handles;
	cmd->out_importers = call->ctx->nr_importers;
	mutex_unlock(&call->ctx->lock);
	cmd->out_quarantined_pages = p2pmap_quarantined_pages();
	return p2pmap_respond(call);
}
