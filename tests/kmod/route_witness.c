// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test driver that asks the kernel's own p2pdma for the way between two
 * devices, for tests/vm/test-p2pdma.c to hold p2pmap's verdict against.
 *
 * Write "EXPORTER IMPORTER", two PCI addresses, to the parameter "pair" and
 * read the distance there; -1 is no way.  Built only for kernels that have
 * p2pdma, which stock Debian ones have not.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

static int distance = -1; /* the parameter's lock */

static struct pci_dev *find(const char *address)
{
	unsigned int domain, bus, slot, func;

	if (sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
}

static int pair_set(const char *value, const struct kernel_param *param)
{
	char first[16], second[16];
	struct pci_dev *exporter, *importer;
	struct device *client;
	int rc = -ENODEV;

	if (sscanf(value, "%15s %15s", first, second) != 2)
		return -EINVAL;
	exporter = find(first);
	importer = find(second);
	if (exporter && importer) {
		client = &importer->dev;
		distance = pci_p2pdma_distance_many(exporter, &client, 1,
						    false);
		rc = 0;
	}
	pci_dev_put(importer);
	pci_dev_put(exporter);
	return rc;
}

static int pair_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%d\n", distance);
}

static const struct kernel_param_ops pair_ops = {
	.set = pair_set,
	.get = pair_get,
};

module_param_cb(pair, &pair_ops, NULL, 0600);
MODULE_PARM_DESC(pair, "Write EXPORTER IMPORTER, read p2pdma's distance");

static int __init route_witness_init(void)
{
	return 0;
}

static void __exit route_witness_exit(void)
{
}

module_init(route_witness_init);
module_exit(route_witness_exit);
MODULE_DESCRIPTION("Ask p2pdma for the way between two PCI devices");
MODULE_LICENSE("GPL");
