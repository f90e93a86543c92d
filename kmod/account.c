// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounting of pins, as iommufd does it by default: the limit is the user's
 * (RLIMIT_MEMLOCK against user->locked_vm, so that forking does not help), the
 * statistic is the mm's (pinned_vm).  User and mm are remembered: whoever ends
 * the mapping, it is they who get their pages back.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include "private.h"

static unsigned long memlock_limit(void)
{
	return rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

static int over_limit(unsigned long limit, unsigned long used,
		      unsigned long pages, struct p2pmap_reason *why)
{
	if (why) {
		why->value[1] = (u64)used << PAGE_SHIFT;
		why->value[2] = (u64)pages << PAGE_SHIFT;
	}
	return p2pmap_fail(why, -ENOMEM, P2PMAP_REASON_MEMLOCK,
			   (u64)limit << PAGE_SHIFT);
}

/* Would p2pmap_charge() succeed just now? */
int p2pmap_charge_check(unsigned long pages, struct p2pmap_reason *why)
{
	unsigned long limit = memlock_limit();
	unsigned long used = atomic_long_read(&current_user()->locked_vm);

	if (capable(CAP_IPC_LOCK) || (used <= limit && pages <= limit - used))
		return 0;
	return over_limit(limit, used, pages, why);
}

static int charge_user(struct user_struct *user, unsigned long pages,
		       struct p2pmap_reason *why)
{
	unsigned long limit = memlock_limit();
	unsigned long used = atomic_long_read(&user->locked_vm);

	do {
		if (used > limit || pages > limit - used)
			return over_limit(limit, used, pages, why);
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &used,
					  used + pages));
	return 0;
}

/* Charge @pages to the current user and mm; CAP_IPC_LOCK lifts the limit. */
int p2pmap_charge(struct p2pmap_charge *charge, unsigned long pages,
		  struct p2pmap_reason *why)
{
	int rc;

	charge->limited = !capable(CAP_IPC_LOCK);
	if (charge->limited) {
		rc = charge_user(current_user(), pages, why);
		if (rc)
			return rc;
	}
	charge->user = get_uid(current_user());
	charge->mm = current->mm;
	mmgrab(charge->mm);
	atomic64_add(pages, &charge->mm->pinned_vm);
	charge->pages = pages;
	return 0;
}

void p2pmap_uncharge(struct p2pmap_charge *charge)
{
	if (!charge->pages)
		return;
	if (charge->limited)
		atomic_long_sub(charge->pages, &charge->user->locked_vm);
	atomic64_sub(charge->pages, &charge->mm->pinned_vm);
	free_uid(charge->user);
	mmdrop(charge->mm);
	*charge = (struct p2pmap_charge){};
}
