// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quarantine: pages that nobody owns any more but a device may still write.
 *
 * Without a translating IOMMU nothing takes memory from an importer.  When a
 * mapping's owner dies without unmapping, its pinned pages stay pinned, and
 * charged, until the importer's driver unbinds or an administrator says that
 * the device is quiet:
 *
 *   cat /sys/class/misc/p2pmap/quarantine        devices and pages kept
 *   echo 0000:02:00.0 >/sys/class/misc/p2pmap/quarantine        let go
 *
 * Each mapping kept holds a reference to the module.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include "private.h"

static LIST_HEAD(kept); /* p2pmap_devices_lock for writing */
static atomic64_t kept_pages;

static DEFINE_SPINLOCK(leaving_lock);
static LIST_HEAD(leaving); /* leaving_lock */

u64 p2pmap_quarantined_pages(void)
{
	return atomic64_read(&kept_pages);
}

/* Unpinning sleeps, and those who let go hold locks or must not wait. */
static void leave(struct work_struct *work)
{
	struct p2pmap_mapping *mapping;

	for (;;) {
		spin_lock(&leaving_lock);
		mapping = list_first_entry_or_null(&leaving,
						   struct p2pmap_mapping,
						   quarantine_link);
		if (mapping)
			list_del_init(&mapping->quarantine_link);
		spin_unlock(&leaving_lock);
		if (!mapping)
			return;
		down_read(&p2pmap_devices_lock);
		p2pmap_mapping_unlink(mapping);
		up_read(&p2pmap_devices_lock);
		p2pmap_mapping_release_memory(mapping);
		atomic64_sub(mapping->length >> PAGE_SHIFT, &kept_pages);
		p2pmap_mapping_put(mapping);
		module_put(THIS_MODULE);
	}
}

static DECLARE_WORK(leave_work, leave);

/*
 * Keep @mapping; its table's reference is the quarantine's now.  False if it
 * need not be kept, because the importer's driver is gone.
 */
bool p2pmap_quarantine_add(struct p2pmap_mapping *mapping)
{
	bool keep;

	p2pmap_event_forget(mapping);
	if (mapping->noticed)
		mmu_interval_notifier_remove(&mapping->notifier);
	mapping->noticed = false;
	p2pmap_mapping_uncount(mapping);
	down_write(&p2pmap_devices_lock);
	keep = mapping->state == P2PMAP_MAPPING_MAPPED;
	if (keep) {
		list_add(&mapping->quarantine_link, &kept);
		atomic64_add(mapping->length >> PAGE_SHIFT, &kept_pages);
		mapping->importer->device->kept_pages += mapping->length >>
							 PAGE_SHIFT;
		__module_get(THIS_MODULE);
	}
	up_write(&p2pmap_devices_lock);
	return keep;
}

/* Let go of what is kept for @device; p2pmap_devices_lock for writing. */
void p2pmap_quarantine_release(struct p2pmap_device *device)
{
	struct p2pmap_mapping *mapping, *next;

	lockdep_assert_held_write(&p2pmap_devices_lock);
	list_for_each_entry_safe(mapping, next, &kept, quarantine_link) {
		if (mapping->importer->device != device)
			continue;
		p2pmap_mapping_dma_down(mapping);
		device->kept_pages -= mapping->length >> PAGE_SHIFT;
		spin_lock(&leaving_lock);
		list_move(&mapping->quarantine_link, &leaving);
		spin_unlock(&leaving_lock);
	}
	/* Not behind workers that wait for somebody's memory. */
	queue_work(system_unbound_wq, &leave_work);
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
	unsigned int domain, bus, slot, func;
	struct p2pmap_device *device;
	struct pci_dev *pdev;

	if (sscanf(buffer, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	if (!pdev)
		return -ENODEV;
	device = p2pmap_device_get(pdev);
	pci_dev_put(pdev);
	if (!device)
		return -ENOMEM;
	down_write(&p2pmap_devices_lock);
	p2pmap_quarantine_release(device);
	up_write(&p2pmap_devices_lock);
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
