// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of this machine's PCI devices, and what follows from what is known
 * of each.  Calls libpci, device-config.c and device-sysfs.c; see devices.h.
 */
#define _GNU_SOURCE
#include "devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pci/pci.h>

#define SYSFS_PCI "/sys/bus/pci/devices"

#define CLASS_HOST_BRIDGE 0x0600
#define BASE_CLASS_BRIDGE 0x06

/* Drivers which own the device's IOMMU domain, or allow no DMA at all. */
static const char *const foreign_drivers[] = {
	"vfio-pci", "vfio_pci", "mlx5-vfio-pci", "hisi-acc-vfio-pci",
	"pci-stub", "pciback",	"xen-pciback",	 "igb_uio",
};

static void fill_device(struct device *device, struct pci_access *access,
			struct pci_dev *dev)
{
	pci_fill_info(dev, PCI_FILL_IDENT | PCI_FILL_CLASS);
	snprintf(device->address, sizeof(device->address), "%04x:%02x:%02x.%u",
		 (unsigned int)dev->domain, dev->bus, dev->dev, dev->func & 7U);
	device->domain = dev->domain;
	device->bus = dev->bus;
	device->devfn = dev->dev << 3 | dev->func;
	device->vendor = dev->vendor_id;
	device->id = dev->device_id;
	device->class = dev->device_class;
	device->group = -1;
	device->numa = -1;
	pci_lookup_name(access, device->name, sizeof(device->name),
			PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE, dev->vendor_id,
			dev->device_id);
	device_read_config(device, dev);
	device->bridge = device->header ||
			 dev->device_class >> 8 == BASE_CLASS_BRIDGE;
	if (access->method == PCI_ACCESS_SYS_BUS_PCI)
		device_read_sysfs(device);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct device *left = a, *right = b;

	return strcmp(left->address, right->address);
}

/*
 * The bridge with the fewest buses below it, of which one is the device's: a
 * virtual function may be on a bus that has no bridge of its own.
 */
static const struct device *find_upstream(const struct devices *devices,
					  const struct device *device)
{
	const struct device *best = NULL;

	for (size_t i = 0; i < devices->count; i++) {
		const struct device *bridge = &devices->list[i];

		if (!bridge->header || bridge->domain != device->domain ||
		    bridge->secondary <= bridge->bus ||
		    bridge->secondary > device->bus ||
		    bridge->subordinate < device->bus)
			continue;
		if (!best || bridge->secondary > best->secondary)
			best = bridge;
	}
	return best;
}

static int fill_list(struct devices *out, struct pci_access *access)
{
	struct pci_dev *dev;
	size_t count = 0;

	for (dev = access->devices; dev; dev = dev->next)
		count++;
	out->list = calloc(count ? count : 1, sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	for (dev = access->devices; dev; dev = dev->next)
		fill_device(&out->list[out->count++], access, dev);
	qsort(out->list, out->count, sizeof(*out->list), compare_addresses);
	for (size_t i = 0; i < out->count; i++)
		out->list[i].upstream = find_upstream(out, &out->list[i]);
	return 0;
}

/* libpci complains to standard error, about what is of no interest here. */
static void ignore_warning(char *msg, ...)
{
	(void)msg;
}

static int scan(struct devices *out, unsigned int method, char *dump)
{
	struct pci_access *pci = pci_alloc();
	int ret;

	pci->method = method;
	pci->warning = ignore_warning;
	if (dump)
		pci_set_param(pci, "dump.name", dump);
	pci_init(pci);
	pci_scan_bus(pci);
	ret = fill_list(out, pci);
	pci_cleanup(pci);
	return ret;
}

int devices_scan(struct devices *out)
{
	*out = (struct devices){ 0 };
	/* libpci ends the program if it finds no bus, so look first. */
	if (access(SYSFS_PCI, R_OK | X_OK))
		return -ENODEV;
	return scan(out, PCI_ACCESS_SYS_BUS_PCI, NULL);
}

int devices_load(const char *path, struct devices *out)
{
	*out = (struct devices){ 0 };
	if (access(path, R_OK))
		return -errno;
	return scan(out, PCI_ACCESS_DUMP, (char *)path);
}

void devices_free(struct devices *devices)
{
	free(devices->list);
	*devices = (struct devices){ 0 };
}

const struct device *devices_find(const struct devices *devices,
				  const char *address)
{
	char full[DEVICE_ADDRESS_LEN];

	/* "03:00.0" means domain 0, as everywhere. */
	snprintf(full, sizeof(full), "%s%s",
		 strlen(address) < 12 ? "0000:" : "", address);
	for (size_t i = 0; i < devices->count; i++)
		if (!strcasecmp(devices->list[i].address, full))
			return &devices->list[i];
	return NULL;
}

bool device_translated(const struct device *device)
{
	return device->dma == DEVICE_DMA_STRICT ||
	       device->dma == DEVICE_DMA_LAZY;
}

const struct device *device_root(const struct device *device)
{
	while (device->upstream)
		device = device->upstream;
	return device;
}

const char *device_type_text(const struct device *device)
{
	switch (device->pcie_type) {
	case PCI_EXP_TYPE_ROOT_PORT:
		return "root port";
	case PCI_EXP_TYPE_UPSTREAM:
		return "switch, upstream port";
	case PCI_EXP_TYPE_DOWNSTREAM:
		return "switch, downstream port";
	case PCI_EXP_TYPE_PCI_BRIDGE:
		return "PCIe-to-PCI bridge";
	case PCI_EXP_TYPE_PCIE_BRIDGE:
		return "PCI-to-PCIe bridge";
	case PCI_EXP_TYPE_ROOT_INT_EP:
		return "integrated endpoint";
	case PCI_EXP_TYPE_ENDPOINT:
	case PCI_EXP_TYPE_LEG_END:
		return "endpoint";
	default:
		break;
	}
	if (device->class == CLASS_HOST_BRIDGE)
		return "host bridge";
	if (device->header)
		return device->pcie_type == DEVICE_TYPE_UNKNOWN ? "bridge" :
								  "PCI bridge";
	return device->pcie_type == DEVICE_TYPE_UNKNOWN ? "device" :
							  "PCI device";
}

bool device_can_export(const struct device *device)
{
	for (unsigned int i = 0; i < device->nr_bars; i++)
		if (device->bars[i].usable)
			return !device->bridge;
	return false;
}

bool device_has_foreign_owner(const struct device *device)
{
	size_t count = sizeof(foreign_drivers) / sizeof(foreign_drivers[0]);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(device->driver, foreign_drivers[i]))
			return true;
	return false;
}

bool device_can_import(const struct device *device)
{
	return !device->bridge && device->driver[0] &&
	       device->dma != DEVICE_DMA_BLOCKED &&
	       !device_has_foreign_owner(device);
}

const char *device_dma_text(enum device_dma dma)
{
	switch (dma) {
	case DEVICE_DMA_STRICT:
		return "translated (strict)";
	case DEVICE_DMA_LAZY:
		return "translated (lazy)";
	case DEVICE_DMA_BLOCKED:
		return "not for the DMA API";
	case DEVICE_DMA_DIRECT:
	default:
		return "direct";
	}
}
