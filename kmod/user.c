// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users: how much kernel memory each of them has p2pmap keep.
 *
 * Memory cgroups see most of it, but nobody has to set one up, and page tables
 * of an IOMMU are charged to none.  So there is a limit for each user, whatever
 * his number of processes and descriptors: the module's parameter "user_kib".
 * CAP_SYS_RESOURCE lifts it.
 *
 * What is counted is an estimate from above, since it comes before the work; a
 * bill says how much was counted, and of whom.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "private.h"

/* Without the parameter: so much of all RAM. */
#define SHARE 32

static unsigned long user_kib;
module_param(user_kib, ulong, 0644);
MODULE_PARM_DESC(user_kib,
		 "KiB of kernel memory that a user without CAP_SYS_RESOURCE may have p2pmap keep (0: a 32nd of the RAM)");

/* On the table while anything is counted. */
struct p2pmap_user {
	struct hlist_node link; /* users_lock */
	kuid_t uid; /* immutable */
	u64 used; /* users_lock; bytes */
};

static DEFINE_SPINLOCK(users_lock);
static DEFINE_HASHTABLE(users, 6); /* users_lock */

static u64 user_limit(void)
{
	unsigned long kib = READ_ONCE(user_kib);

	return kib ? (u64)kib << 10 :
		     ((u64)totalram_pages() << PAGE_SHIFT) / SHARE;
}

static struct p2pmap_user *user_find(kuid_t uid)
{
	struct p2pmap_user *user;

	lockdep_assert_held(&users_lock);
	hash_for_each_possible(users, user, link, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/* Unless there is one, @fresh becomes the user's place; else it is freed. */
static struct p2pmap_user *user_have(struct p2pmap_user *fresh)
{
	struct p2pmap_user *user = user_find(fresh->uid);

	if (user) {
		kfree(fresh);
		return user;
	}
	hash_add(users, &fresh->link, __kuid_val(fresh->uid));
	return fresh;
}

static void user_drop_unused(struct p2pmap_user *user)
{
	lockdep_assert_held(&users_lock);
	if (user->used)
		return;
	hash_del(&user->link);
	kfree(user);
}

/* Count @bytes, or @bytes more within one call, of the current user. */
int p2pmap_bill_add(struct p2pmap_bill *bill, u64 bytes,
		    struct p2pmap_reason *why)
{
	u64 limit = user_limit(), used;
	struct p2pmap_user *user;
	int rc = 0;

	if (capable(CAP_SYS_RESOURCE))
		return 0;
	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return -ENOMEM;
	user->uid = current_uid();
	spin_lock(&users_lock);
	user = user_have(user);
	used = user->used;
	if (used > limit || bytes > limit - used) {
		rc = -ENOSPC;
		user_drop_unused(user);
	} else {
		user->used += bytes;
		bill->user = user;
		bill->bytes += bytes;
	}
	spin_unlock(&users_lock);
	if (rc && why) {
		why->value[1] = used;
		why->value[2] = bytes;
	}
	return rc ? p2pmap_fail(why, rc, P2PMAP_REASON_USER_LIMIT, limit) : 0;
}

/* Whoever ends it; no-op if nothing was counted. */
void p2pmap_bill_end(struct p2pmap_bill *bill)
{
	if (!bill->user)
		return;
	spin_lock(&users_lock);
	bill->user->used -= bill->bytes;
	user_drop_unused(bill->user);
	spin_unlock(&users_lock);
	*bill = (struct p2pmap_bill){};
}
