// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test driver that has a PCI device go by other ids, as far as this kernel's
 * own book-keeping goes.
 *
 * Host bridges are known by the ids of their root device, and QEMU has none of
 * those that are on the list.  Write "ADDRESS VVVV:DDDD" to the parameter
 * "pretend", and p2pmap, p2pdma and sysfs believe it until the module goes.
 * Nothing is done to the device or its driver, which was bound before.
 */
#include <linux/module.h>
#include <linux/pci.h>

#define NAMES_MAX 8

/* A device and its own ids; holds a reference.  The parameter's lock. */
static struct name {
	struct pci_dev *pdev;
	unsigned short vendor;
	unsigned short device;
} names[NAMES_MAX];
static unsigned int nr_names;

static int pretend_set(const char *value, const struct kernel_param *param)
{
	unsigned int domain, bus, slot, func, vendor, device;
	struct pci_dev *pdev;

	if (sscanf(value, "%x:%x:%x.%x %x:%x", &domain, &bus, &slot, &func,
		   &vendor, &device) != 6)
		return -EINVAL;
	if (nr_names == NAMES_MAX)
		return -ENOSPC;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	if (!pdev)
		return -ENODEV;
	names[nr_names++] = (struct name){
		.pdev = pdev,
		.vendor = pdev->vendor,
		.device = pdev->device,
	};
	pdev->vendor = vendor;
	pdev->device = device;
	return 0;
}

static const struct kernel_param_ops pretend_ops = { .set = pretend_set };

module_param_cb(pretend, &pretend_ops, NULL, 0200);
MODULE_PARM_DESC(pretend, "Have the device ADDRESS go by VENDOR:DEVICE");

static int __init bridge_id_init(void)
{
	return 0;
}

/* The last name first: a device may have been given several. */
static void __exit bridge_id_exit(void)
{
	while (nr_names) {
		struct name *name = &names[--nr_names];

		name->pdev->vendor = name->vendor;
		name->pdev->device = name->device;
		pci_dev_put(name->pdev);
	}
}

module_init(bridge_id_init);
module_exit(bridge_id_exit);
MODULE_DESCRIPTION("Have PCI devices go by other ids");
MODULE_LICENSE("GPL");
