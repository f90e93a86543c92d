// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/p2pmap: object lifetimes, dispatch and init.  What the objects do is in
 * the file named after each of them; this one must stay thin.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "delay.h"
#include "netlink.h"
#include "private.h"

/* The ABI as it was agreed; tests/check/abi holds userspace to the same. */
#define ABI_STRUCT(name, size) static_assert(sizeof(struct name) == (size));
#define ABI_FIELD(name, field, at) \
	static_assert(offsetof(struct name, field) == (at));
#define ABI_IOCTL(name, number) static_assert(name == (number));
#define ABI_CONST(name, value) static_assert(name == (value));
#include "abi-layout.h"

/*
 * Reserve an id; nobody can look the object up before it is published.  Its
 * reference count was begun by who allocated it: others may hold it already.
 * An id that was given back is not used again soon: another process that shares
 * the context may still have it, and must be told that it stands for nothing.
 */
int p2pmap_object_reserve(struct p2pmap_context *ctx,
			  struct p2pmap_object *object,
			  enum p2pmap_object_type type)
{
	int rc;

	object->type = type;
	rc = xa_alloc_cyclic(&ctx->objects, &object->id, XA_ZERO_ENTRY,
			     XA_LIMIT(1, INT_MAX), &ctx->next_id,
			     GFP_KERNEL_ACCOUNT);
	return min(rc, 0); /* 1 if it began anew */
}

/* Cannot fail: the place is reserved.  The table takes over a reference. */
void p2pmap_object_publish(struct p2pmap_context *ctx,
			   struct p2pmap_object *object)
{
	xa_store(&ctx->objects, object->id, object, GFP_KERNEL);
}

void p2pmap_object_cancel(struct p2pmap_context *ctx,
			  struct p2pmap_object *object)
{
	xa_erase(&ctx->objects, object->id);
}

static struct p2pmap_object *object_find(struct p2pmap_context *ctx, u32 id,
					 enum p2pmap_object_type type)
{
	struct p2pmap_object *object = xa_load(&ctx->objects, id);

	return object && object->type == type ? object : NULL;
}

/* Look an id up; the caller gets a reference of its own. */
struct p2pmap_object *p2pmap_object_get(struct p2pmap_context *ctx, u32 id,
					enum p2pmap_object_type type)
{
	struct p2pmap_object *object;

	xa_lock(&ctx->objects);
	object = object_find(ctx, id, type);
	if (object)
		kref_get(&object->ref);
	xa_unlock(&ctx->objects);
	p2pmap_delay(P2PMAP_DELAY_OBJECT_FOUND);
	return object;
}

/* Take an id out of the table; the table's reference becomes the caller's. */
struct p2pmap_object *p2pmap_object_take(struct p2pmap_context *ctx, u32 id,
					 enum p2pmap_object_type type)
{
	struct p2pmap_object *object;

	xa_lock(&ctx->objects);
	object = object_find(ctx, id, type);
	if (object)
		__xa_erase(&ctx->objects, id);
	xa_unlock(&ctx->objects);
	p2pmap_delay(P2PMAP_DELAY_OBJECT_TAKEN);
	return object;
}

/* Answer the user; what can fail is done before anything is published. */
int p2pmap_respond(struct p2pmap_call *call)
{
	if (copy_to_user(call->user, call->cmd,
			 min(call->user_size, call->size)))
		return -EFAULT;
	return 0;
}

#define ANY_PROCESS BIT(0) /* also from a process that is not the owner */
#define ONLY_ASKS BIT(1) /* also by a descriptor that is open for reading only */

#define NO_REASON 0

#define IOCTL(_name, _struct, _last, _handler, _flags, _reason)		\
	[_IOC_NR(P2PMAP_IOC_##_name)] = {				\
		.size = sizeof(struct _struct),				\
		.min_size = offsetofend(struct _struct, _last),		\
		.reason = _reason,					\
		.flags = _flags,					\
		.handler = _handler,					\
	}

/* Sorted by number; min_size is the size of the struct's first version. */
static const struct ioctl_entry {
	u32 size;
	u32 min_size;
	u32 reason; /* offset of the field, or NO_REASON */
	u32 flags;
	int (*handler)(struct p2pmap_call *call);
} ioctls[] = {
	IOCTL(INFO, p2pmap_info, out_quarantined_pages, p2pmap_ioctl_info,
	      ONLY_ASKS, NO_REASON),
	IOCTL(ATTACH, p2pmap_attach, reason, p2pmap_ioctl_attach, 0,
	      offsetof(struct p2pmap_attach, reason)),
	IOCTL(DETACH, p2pmap_detach, id, p2pmap_ioctl_detach, 0, NO_REASON),
	IOCTL(QUERY, p2pmap_query, reason, p2pmap_ioctl_query, 0,
	      offsetof(struct p2pmap_query, reason)),
	IOCTL(MAP, p2pmap_map, reason, p2pmap_ioctl_map, 0,
	      offsetof(struct p2pmap_map, reason)),
	IOCTL(UNMAP, p2pmap_unmap, id, p2pmap_ioctl_unmap, ANY_PROCESS,
	      NO_REASON),
	IOCTL(EXTENTS, p2pmap_extents, out_total, p2pmap_ioctl_extents, 0,
	      NO_REASON),
	IOCTL(STATUS, p2pmap_status, out_generation, p2pmap_ioctl_status, 0,
	      NO_REASON),
	IOCTL(REMAP, p2pmap_remap, reason, p2pmap_ioctl_remap, 0,
	      offsetof(struct p2pmap_remap, reason)),
	IOCTL(WATCH, p2pmap_watch, reserved, p2pmap_ioctl_watch, 0, NO_REASON),
	IOCTL(EVENTFD, p2pmap_eventfd, fd, p2pmap_ioctl_eventfd, 0, NO_REASON),
	IOCTL(ROUTE, p2pmap_route_query, reason, p2pmap_ioctl_route,
	      ONLY_ASKS, offsetof(struct p2pmap_route_query, reason)),
};

union any_command {
	struct p2pmap_info info;
	struct p2pmap_attach attach;
	struct p2pmap_query query;
	struct p2pmap_map map;
	struct p2pmap_extents extents;
	struct p2pmap_status status;
	struct p2pmap_remap remap;
	struct p2pmap_route_query route;
};

/* Best effort: the errno stands whether or not the reason arrives. */
static void tell_reason(const struct ioctl_entry *entry,
			struct p2pmap_call *call)
{
	struct p2pmap_reason __user *user;
	u32 size;

	user = u64_to_user_ptr(*(u64 *)(call->cmd + entry->reason));
	if (!user || get_user(size, &user->size) ||
	    size < offsetofend(struct p2pmap_reason, code))
		return;
	call->why.size = size;
	if (copy_to_user(user, &call->why,
			 min_t(u32, size, sizeof(call->why))))
		return;
}

static int dispatch(const struct ioctl_entry *entry, struct p2pmap_call *call)
{
	union any_command command;
	int rc;

	if (call->user_size < entry->min_size)
		return -EINVAL;
	if (call->user_size > PAGE_SIZE)
		return -E2BIG;
	call->cmd = &command;
	call->size = entry->size;
	rc = copy_struct_from_user(&command, entry->size, call->user,
				   call->user_size);
	if (rc)
		return rc;
	if (!(entry->flags & ANY_PROCESS) &&
	    p2pmap_context_is_foreign(call->ctx))
		rc = p2pmap_fail(&call->why, -EPERM,
				 P2PMAP_REASON_OTHER_PROCESS, 0);
	else
		rc = entry->handler(call);
	if (rc && entry->reason != NO_REASON) {
		tell_reason(entry, call);
		p2pmap_journal_refuse(entry - ioctls, rc, &call->why);
	}
	return rc;
}

static long p2pmap_ioctl(struct file *file, unsigned int number,
			 unsigned long arg)
{
	struct p2pmap_call call = {
		.ctx = file->private_data,
		.user = (void __user *)arg,
	};
	unsigned int nr = _IOC_NR(number);

	if (nr >= ARRAY_SIZE(ioctls) || number != _IO(P2PMAP_IOC_MAGIC, nr))
		return -ENOTTY;
	if (!(file->f_mode & FMODE_WRITE) && !(ioctls[nr].flags & ONLY_ASKS))
		return -EBADF;
	if (get_user(call.user_size, (u32 __user *)call.user))
		return -EFAULT;
	return dispatch(&ioctls[nr], &call);
}

static int p2pmap_open(struct inode *inode, struct file *file)
{
	struct p2pmap_context *ctx = p2pmap_context_alloc();

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	file->private_data = ctx;
	return stream_open(inode, file);
}

static int p2pmap_release(struct inode *inode, struct file *file)
{
	p2pmap_context_close(file->private_data);
	return 0;
}

static ssize_t p2pmap_read(struct file *file, char __user *buffer, size_t size,
			   loff_t *pos)
{
	return p2pmap_event_read(file->private_data, buffer, size,
				 !(file->f_flags & O_NONBLOCK));
}

static __poll_t p2pmap_poll(struct file *file, struct poll_table_struct *table)
{
	return p2pmap_event_poll(file->private_data, file, table);
}

static int p2pmap_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct p2pmap_context *ctx = file->private_data;

	if (p2pmap_context_is_foreign(ctx))
		return -EPERM;
	return p2pmap_generations_mmap(ctx, vma);
}

static const struct file_operations p2pmap_fops = {
	.owner = THIS_MODULE,
	.open = p2pmap_open,
	.release = p2pmap_release,
	.read = p2pmap_read,
	.poll = p2pmap_poll,
	.mmap = p2pmap_mmap,
	.unlocked_ioctl = p2pmap_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice p2pmap_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "p2pmap",
	.fops = &p2pmap_fops,
	.groups = p2pmap_quarantine_groups,
	.mode = 0600,
};

static int __init p2pmap_init(void)
{
	int rc;

	p2pmap_workqueue = alloc_workqueue("p2pmap", WQ_UNBOUND, 0);
	if (!p2pmap_workqueue)
		return -ENOMEM;
	rc = p2pmap_iova_init();
	if (rc)
		goto destroy_workqueue;
	rc = p2pmap_pcidev_init();
	if (rc)
		goto exit_iova;
	rc = p2pmap_netlink_init();
	if (rc)
		goto exit_pcidev;
	rc = misc_register(&p2pmap_misc);
	if (rc)
		goto exit_netlink;
	return 0;

exit_netlink:
	p2pmap_netlink_exit();
exit_pcidev:
	p2pmap_pcidev_exit();
exit_iova:
	p2pmap_iova_exit();
destroy_workqueue:
	destroy_workqueue(p2pmap_workqueue);
	return rc;
}

static void __exit p2pmap_exit(void)
{
	misc_deregister(&p2pmap_misc);
	p2pmap_netlink_exit();
	p2pmap_delay(P2PMAP_DELAY_MODULE_LEAVING);
	p2pmap_pcidev_exit();
	p2pmap_quarantine_exit();
	destroy_workqueue(p2pmap_workqueue);
	p2pmap_iova_exit();
	rcu_barrier();
}

module_init(p2pmap_init);
module_exit(p2pmap_exit);
MODULE_DESCRIPTION("Map virtual memory, RAM or BARs, for the DMA of PCI devices");
MODULE_AUTHOR("The p2pmap authors");
MODULE_VERSION(P2PMAP_VERSION);
MODULE_LICENSE("GPL");
