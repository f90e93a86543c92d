// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI devices, as importers and exporters, and what the PCI bus says of them.
 *
 * An mmap of sysfs resourceN survives the removal of its device without a word
 * to any notifier of the mm, so the bus is what tells.  When a driver is about
 * to be bound or unbound, or a device goes, everything that it imports or
 * exports is taken down before the bus goes on.
 *
 * A device object is on the list while it lives; it leaves the list when it
 * dies, and whoever comes later makes a new one.  Attach and the bus both hold
 * device_lock(), so no importer is missed; a driver that creates mappings itself
 * creates none once its remove() has begun.  An exporter is put on the list
 * first and looked for on the bus afterwards: if it is still there, its removal
 * has yet to be announced.
 */
#include <linux/pci.h>
#include <linux/slab.h>

#include "delay.h"
#include "mapping.h"

DECLARE_RWSEM(p2pmap_devices_lock);

static LIST_HEAD(devices); /* p2pmap_devices_lock */

static struct p2pmap_device *device_find(struct pci_dev *pdev)
{
	struct p2pmap_device *device;

	list_for_each_entry(device, &devices, link)
		if (device->pdev == pdev)
			return device;
	return NULL;
}

static struct p2pmap_device *device_alloc(struct pci_dev *pdev)
{
	struct p2pmap_device *device = kzalloc(sizeof(*device), GFP_KERNEL);

	if (!device)
		return NULL;
	kref_init(&device->ref);
	device->pdev = pci_dev_get(pdev);
	spin_lock_init(&device->lock);
	INIT_LIST_HEAD(&device->link);
	INIT_LIST_HEAD(&device->imports);
	INIT_LIST_HEAD(&device->exports);
	return device;
}

/* The living object of a PCI device, with a reference; NULL without memory. */
struct p2pmap_device *p2pmap_device_get(struct pci_dev *pdev)
{
	struct p2pmap_device *device;

	down_write(&p2pmap_devices_lock);
	device = device_find(pdev);
	if (device && !kref_get_unless_zero(&device->ref)) {
		/* On its way to device_free(), which finds it unlinked. */
		list_del_init(&device->link);
		device = NULL;
	}
	if (!device) {
		device = device_alloc(pdev);
		if (device)
			list_add(&device->link, &devices);
	}
	up_write(&p2pmap_devices_lock);
	return device;
}

static void device_free(struct kref *ref)
{
	struct p2pmap_device *device = container_of(ref, struct p2pmap_device,
						    ref);

	p2pmap_delay(P2PMAP_DELAY_DEVICE_UNUSED);
	down_write(&p2pmap_devices_lock);
	list_del_init(&device->link);
	up_write(&p2pmap_devices_lock);
	pci_dev_put(device->pdev);
	kfree(device);
}

/* Never called with p2pmap_devices_lock held. */
void p2pmap_device_put(struct p2pmap_device *device)
{
	if (device)
		kref_put(&device->ref, device_free);
}

/*
 * What was given back leaves.  In the lazy mode that distributions run, the DMA
 * API keeps an address until it has flushed the IOTLB, 10 ms at most; who maps
 * and unmaps in a loop could have all of them kept so.
 */
static void space_age(struct p2pmap_device *device)
{
	unsigned long periods = (jiffies - device->aged_at) /
				P2PMAP_SPACE_LEAVES;

	lockdep_assert_held(&device->lock);
	if (!periods)
		return;
	device->space -= device->leaving[1];
	device->leaving[1] = device->leaving[0];
	device->leaving[0] = 0;
	device->aged_at = jiffies;
	if (periods == 1)
		return;
	device->space -= device->leaving[1];
	device->leaving[1] = 0;
}

/*
 * Count @bytes of the device's DMA addresses, if these are @max then or less:
 * 0, -ENOSPC, or -EAGAIN if there will be enough soon.
 */
int p2pmap_device_take_space(struct p2pmap_device *device, u64 bytes, u64 max)
{
	u64 used, leaving;

	spin_lock(&device->lock);
	space_age(device);
	used = device->space;
	leaving = device->leaving[0] + device->leaving[1];
	if (used <= max && bytes <= max - used)
		device->space += bytes;
	spin_unlock(&device->lock);
	if (used <= max && bytes <= max - used)
		return 0;
	used -= leaving;
	return used <= max && bytes <= max - used ? -EAGAIN : -ENOSPC;
}

/* @at_once: nothing was mapped at them. */
void p2pmap_device_give_space(struct p2pmap_device *device, u64 bytes,
			      bool at_once)
{
	spin_lock(&device->lock);
	space_age(device);
	if (at_once)
		device->space -= bytes;
	else
		device->leaving[0] += bytes;
	spin_unlock(&device->lock);
}

/* Is the device still on its bus? */
bool p2pmap_device_present(struct pci_dev *pdev)
{
	const struct p2pmap_pci_addr addr = p2pmap_pci_addr(pdev);
	struct pci_dev *found;

	found = pci_get_domain_bus_and_slot(addr.domain, addr.bus, addr.devfn);
	pci_dev_put(found);
	return found == pdev;
}

/*
 * The device at @addr, with a reference, or NULL.  No bridge: that is refused
 * in @rc, and still returned, for the caller to put.
 */
struct pci_dev *p2pmap_pcidev_find(const struct p2pmap_pci_addr *addr,
				   struct p2pmap_reason *why, int *rc)
{
	struct pci_dev *pdev;

	why->pci = *addr;
	pdev = pci_get_domain_bus_and_slot(addr->domain, addr->bus,
					   addr->devfn);
	*rc = 0;
	if (!pdev)
		*rc = p2pmap_fail(why, -ENODEV, P2PMAP_REASON_NO_SUCH_DEVICE,
				  0);
	else if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		*rc = p2pmap_fail(why, -EINVAL, P2PMAP_REASON_BRIDGE, 0);
	return pdev;
}

/* A line, for sysfs, for each importer that pages are kept in quarantine for. */
int p2pmap_devices_show_kept(char *buffer)
{
	struct p2pmap_device *device;
	int length = 0;

	down_read(&p2pmap_devices_lock);
	list_for_each_entry(device, &devices, link)
		if (READ_ONCE(device->kept_pages))
			length += sysfs_emit_at(buffer, length, "%s %llu\n",
						pci_name(device->pdev),
						READ_ONCE(device->kept_pages));
	up_read(&p2pmap_devices_lock);
	return length;
}

/*
 * The device changes hands or goes.  Runs under device_lock(); waits for maps
 * and unmaps that are going on, none of which waits for user memory.
 */
static void device_gone(struct pci_dev *pdev)
{
	struct vma_dma_mapping *mapping;
	struct p2pmap_device *device;

	p2pmap_delay(P2PMAP_DELAY_DEVICE_GOING);
	down_write(&p2pmap_devices_lock);
	device = device_find(pdev);
	if (device) {
		list_del_init(&device->link);
		device->dead = true;
		p2pmap_journal_device_gone(device);
		p2pmap_delay(P2PMAP_DELAY_DEVICE_DEAD);
		list_for_each_entry(mapping, &device->exports, export_link)
			p2pmap_mapping_exporter_gone(mapping);
		list_for_each_entry(mapping, &device->imports, import_link)
			p2pmap_mapping_importer_gone(mapping);
	}
	up_write(&p2pmap_devices_lock);
}

static int bus_event(struct notifier_block *block, unsigned long event,
		     void *data)
{
	struct device *dev = data;

	switch (event) {
	case BUS_NOTIFY_BIND_DRIVER:
	case BUS_NOTIFY_UNBIND_DRIVER:
	case BUS_NOTIFY_UNBOUND_DRIVER:
	case BUS_NOTIFY_DEL_DEVICE:
	case BUS_NOTIFY_REMOVED_DEVICE:
		device_gone(to_pci_dev(dev));
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block bus_notifier = { .notifier_call = bus_event };

int p2pmap_pcidev_init(void)
{
	return bus_register_notifier(&pci_bus_type, &bus_notifier);
}

void p2pmap_pcidev_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &bus_notifier);
}
