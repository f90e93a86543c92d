// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quarantine: pages that nobody owns any more but a device may still write.
 *
 * Without a translating IOMMU nothing takes memory from an importer.  When a
 * context's owner dies without unmapping, its pinned pages stay pinned, and
 * charged, until the importer's driver unbinds, the exporter that mapped them
 * takes them back, or an administrator says that the device is quiet:
 *
 *   cat /sys/class/misc/p2pmap/quarantine        devices and pages kept
 *   echo 0000:02:00.0 >/sys/class/misc/p2pmap/quarantine        let go
 *
 * Each handle kept holds a reference to the module.
 */
#include <linux/capability.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sysfs.h>

#include "delay.h"
#include "private.h"

static DEFINE_SPINLOCK(lists_lock); /* taken in notifiers */
static LIST_HEAD(kept); /* lists_lock */
static LIST_HEAD(leaving); /* lists_lock */
static atomic64_t kept_pages;

u64 p2pmap_quarantined_pages(void)
{
	return atomic64_read(&kept_pages);
}

static u64 nr_pages(const struct p2pmap_handle *handle)
{
	return handle->length >> PAGE_SHIFT;
}

/* Unpinning sleeps, and those who let go hold locks or must not wait. */
static void leave(struct work_struct *work)
{
	struct p2pmap_handle *handle;
	u64 pages;

	for (;;) {
		spin_lock(&lists_lock);
		handle = list_first_entry_or_null(&leaving,
						  struct p2pmap_handle,
						  quarantine_link);
		if (handle)
			list_del_init(&handle->quarantine_link);
		spin_unlock(&lists_lock);
		if (!handle)
			return;
		pages = nr_pages(handle);
		p2pmap_delay(P2PMAP_DELAY_QUARANTINE_LEFT);
		p2pmap_handle_end(handle);
		atomic64_sub(pages, &kept_pages);
		module_put(THIS_MODULE);
	}
}

static DECLARE_WORK(leave_work, leave);

static void let_go(struct p2pmap_handle *handle)
{
	struct p2pmap_device *importer = handle->importer->device;

	lockdep_assert_held(&lists_lock);
	handle->kept = false;
	WRITE_ONCE(importer->kept_pages,
		   importer->kept_pages - nr_pages(handle));
	list_move_tail(&handle->quarantine_link, &leaving);
	/* Not behind workers that wait for somebody's memory. */
	queue_work(system_unbound_wq, &leave_work);
}

static void keep(struct p2pmap_handle *handle)
{
	struct p2pmap_device *importer = handle->importer->device;

	spin_lock(&lists_lock);
	list_add(&handle->quarantine_link, &kept);
	handle->kept = true;
	WRITE_ONCE(handle->mapping->record.quarantined, true);
	WRITE_ONCE(importer->kept_pages,
		   importer->kept_pages + nr_pages(handle));
	atomic64_add(nr_pages(handle), &kept_pages);
	__module_get(THIS_MODULE);
	spin_unlock(&lists_lock);
}

/*
 * Keep @handle; its table's reference is the quarantine's now.  False if it
 * need not be kept, because the importer's driver is gone, or an exporter took
 * back what it had mapped itself.  Only while a mapping is MAPPED is anybody told
 * that it goes, so no other is ever let go by that.
 */
bool p2pmap_quarantine_add(struct p2pmap_handle *handle)
{
	bool mapped;

	p2pmap_event_forget(handle);
	p2pmap_mapping_deafen(handle->mapping);
	p2pmap_handle_uncount(handle);
	p2pmap_delay(P2PMAP_DELAY_QUARANTINE_DEAF);
	down_read(&p2pmap_devices_lock);
	/* Deaf, it is taken down by those who hold p2pmap_devices_lock alone. */
	mapped = !handle->importer->device->dead &&
		 handle->mapping->state == P2PMAP_MAPPING_MAPPED;
	if (mapped)
		keep(handle);
	up_read(&p2pmap_devices_lock);
	return mapped;
}

/*
 * The memory of @handle was taken from its importer: that one's driver goes, or
 * the exporter that mapped it.  From a notifier.
 */
void p2pmap_quarantine_taken(struct p2pmap_handle *handle)
{
	spin_lock(&lists_lock);
	if (handle->kept)
		let_go(handle);
	spin_unlock(&lists_lock);
}

/* The administrator says that the device is quiet. */
static void release(struct p2pmap_device *device)
{
	struct p2pmap_handle *handle, *next;

	spin_lock(&lists_lock);
	list_for_each_entry_safe(handle, next, &kept, quarantine_link)
		if (handle->importer->device == device)
			let_go(handle);
	spin_unlock(&lists_lock);
}

/* Nothing is kept any more, but the last to leave may be on its way. */
void p2pmap_quarantine_exit(void)
{
	flush_work(&leave_work);
}

static ssize_t quarantine_show(struct device *dev,
			       struct device_attribute *attr, char *buffer)
{
	return p2pmap_devices_show_kept(buffer);
}

static ssize_t quarantine_store(struct device *dev,
				struct device_attribute *attr,
				const char *buffer, size_t size)
{
	struct p2pmap_device *device;
	struct device *found;

	/* It may corrupt anybody's memory; a container's root may not. */
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	found = bus_find_device_by_name(&pci_bus_type, NULL, buffer);
	if (!found)
		return -ENODEV;
	device = p2pmap_device_get(to_pci_dev(found));
	put_device(found);
	if (!device)
		return -ENOMEM;
	release(device);
	p2pmap_device_put(device);
	flush_work(&leave_work);
	return size;
}

static DEVICE_ATTR_ADMIN_RW(quarantine);

static struct attribute *quarantine_attrs[] = {
	&dev_attr_quarantine.attr,
	NULL,
};

static const struct attribute_group quarantine_group = {
	.attrs = quarantine_attrs,
};

const struct attribute_group *p2pmap_quarantine_groups[] = {
	&quarantine_group,
	NULL,
};
