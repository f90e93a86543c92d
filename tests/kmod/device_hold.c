// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test driver that holds a PCI device's lock, as a driver's probe may that
 * waits for its hardware.  Whoever writes a device's address to the parameter
 * "hold" holds the lock until a signal ends the write.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

static int hold_set(const char *value, const struct kernel_param *param)
{
	unsigned int domain, bus, slot, func;
	struct pci_dev *pdev;

	if (sscanf(value, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	if (!pdev)
		return -ENODEV;
	device_lock(&pdev->dev);
	while (!signal_pending(current))
		msleep_interruptible(1000);
	device_unlock(&pdev->dev);
	pci_dev_put(pdev);
	return -EINTR;
}

static const struct kernel_param_ops hold_ops = { .set = hold_set };

module_param_cb(hold, &hold_ops, NULL, 0200);
MODULE_PARM_DESC(hold, "Hold the lock of the device ADDRESS");

MODULE_DESCRIPTION("Hold a PCI device's lock");
MODULE_LICENSE("GPL");
