// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI devices of this machine.  Calls libpci and reads sysfs; see
 * devices.h.
 */
#define _GNU_SOURCE
#include "devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pci/pci.h>

#include "system.h"

#define SYSFS_PCI "/sys/bus/pci/devices"

#define CLASS_HOST_BRIDGE 0x0600
#define BASE_CLASS_BRIDGE 0x06

/* What libpci tells about a function that interests us. */
#define FILL_FLAGS                                                           \
	(PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_BASES | PCI_FILL_SIZES | \
	 PCI_FILL_IO_FLAGS)

/* Drivers which own the device's IOMMU domain, or allow no DMA at all. */
static const char *const foreign_drivers[] = {
	"vfio-pci", "vfio_pci", "mlx5-vfio-pci", "hisi-acc-vfio-pci",
	"pci-stub", "pciback",	"xen-pciback",	 "igb_uio",
};

static void fill_bars(struct device *device, const struct pci_dev *dev)
{
	uint64_t page = sysconf(_SC_PAGESIZE);

	for (unsigned int i = 0; i < DEVICE_NR_BARS; i++) {
		struct device_bar *bar = &device->bars[device->nr_bars];

		if (dev->size[i] < page)
			continue;
		if (dev->flags[i] & PCI_IORESOURCE_IO)
			continue;
		bar->number = i;
		bar->size = dev->size[i];
		bar->prefetchable = dev->flags[i] & PCI_IORESOURCE_PREFETCH;
		device->nr_bars++;
	}
}

/* The last part of what a link in the device's sysfs folder points to. */
static bool read_link(const struct device *device, const char *name, char *buf,
		      size_t size)
{
	char path[128], target[512];
	const char *base;
	ssize_t n;

	snprintf(path, sizeof(path), SYSFS_PCI "/%s/%s", device->address, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	return snprintf(buf, size, "%s", base) < (int)size;
}

static enum device_dma group_dma(const struct device *device)
{
	char path[128], type[32];

	snprintf(path, sizeof(path), SYSFS_PCI "/%s/iommu_group/type",
		 device->address);
	if (!system_read_line(path, type, sizeof(type)))
		return DEVICE_DMA_DIRECT;
	if (!strcmp(type, "DMA"))
		return DEVICE_DMA_STRICT;
	if (!strcmp(type, "DMA-FQ"))
		return DEVICE_DMA_LAZY;
	if (!strcmp(type, "identity"))
		return DEVICE_DMA_DIRECT;
	return DEVICE_DMA_BLOCKED;
}

static void fill_sysfs(struct device *device)
{
	char group[16];

	read_link(device, "driver", device->driver, sizeof(device->driver));
	device->group = -1;
	if (read_link(device, "iommu_group", group, sizeof(group)))
		device->group = atoi(group);
	device->dma = group_dma(device);
}

static void fill_device(struct device *device, struct pci_access *access,
			struct pci_dev *dev)
{
	pci_fill_info(dev, FILL_FLAGS);
	snprintf(device->address, sizeof(device->address), "%04x:%02x:%02x.%u",
		 dev->domain & 0xffff, dev->bus, dev->dev, dev->func & 7U);
	device->vendor = dev->vendor_id;
	device->id = dev->device_id;
	device->class = dev->device_class;
	pci_lookup_name(access, device->name, sizeof(device->name),
			PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE, dev->vendor_id,
			dev->device_id);
	device->bridge = dev->device_class >> 8 == BASE_CLASS_BRIDGE;
	device->bus_master = pci_read_word(dev, PCI_COMMAND) &
			     PCI_COMMAND_MASTER;
	fill_bars(device, dev);
	fill_sysfs(device);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct device *left = a, *right = b;

	return strcmp(left->address, right->address);
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
	return 0;
}

/* libpci complains to standard error, about what is of no interest here. */
static void ignore_warning(char *msg, ...)
{
	(void)msg;
}

int devices_scan(struct devices *out)
{
	struct pci_access *pci;
	int ret;

	*out = (struct devices){ 0 };
	/* libpci ends the program if it finds no bus, so look first. */
	if (access(SYSFS_PCI, R_OK | X_OK))
		return -ENODEV;
	pci = pci_alloc();
	pci->method = PCI_ACCESS_SYS_BUS_PCI;
	pci->warning = ignore_warning;
	pci_init(pci);
	pci_scan_bus(pci);
	ret = fill_list(out, pci);
	pci_cleanup(pci);
	return ret;
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

bool device_is_host_bridge(const struct device *device)
{
	return device->class == CLASS_HOST_BRIDGE;
}

bool device_can_export(const struct device *device)
{
	return !device->bridge && device->nr_bars;
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
