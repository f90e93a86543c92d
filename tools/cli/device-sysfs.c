// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says of a device in sysfs: its driver, IOMMU group, BARs,
 * link and NUMA node.  All of it is for everybody to read.
 */
#define _GNU_SOURCE
#include "devices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

#define SYSFS_PCI "/sys/bus/pci/devices"

/* Flags of a resource, as the kernel's ioport.h has them. */
#define RESOURCE_MEM 0x00000200
#define RESOURCE_PREFETCH 0x00002000
#define RESOURCE_UNSET 0x20000000

static bool read_file(const struct device *device, const char *name, char *buf,
		      size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), SYSFS_PCI "/%s/%s", device->address, name);
	return system_read_line(path, buf, size);
}

static long read_number(const struct device *device, const char *name,
			long otherwise)
{
	char text[32];

	return read_file(device, name, text, sizeof(text)) ?
		       strtol(text, NULL, 0) :
		       otherwise;
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
	char type[32];

	if (!read_file(device, "iommu_group/type", type, sizeof(type)))
		return DEVICE_DMA_DIRECT;
	if (!strcmp(type, "DMA"))
		return DEVICE_DMA_STRICT;
	if (!strcmp(type, "DMA-FQ"))
		return DEVICE_DMA_LAZY;
	if (!strcmp(type, "identity"))
		return DEVICE_DMA_DIRECT;
	return DEVICE_DMA_BLOCKED;
}

static void add_bar(struct device *device, unsigned int number, uint64_t start,
		    uint64_t last, uint64_t flags)
{
	struct device_bar *bar = &device->bars[device->nr_bars];
	uint64_t page = sysconf(_SC_PAGESIZE);

	if (!(flags & RESOURCE_MEM) || last <= start)
		return;
	bar->number = number;
	bar->size = last - start + 1;
	bar->prefetchable = flags & RESOURCE_PREFETCH;
	bar->assigned = start && !(flags & RESOURCE_UNSET);
	bar->usable = bar->assigned && !(start % page) && !(bar->size % page);
	device->nr_bars++;
}

/* The file has a line "start last flags" for each resource, BARs first. */
static void read_bars(struct device *device)
{
	uint64_t start, last, flags;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), SYSFS_PCI "/%s/resource", device->address);
	file = fopen(path, "re");
	if (!file)
		return;
	for (unsigned int i = 0; i < DEVICE_NR_BARS; i++) {
		if (fscanf(file, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start,
			   &last, &flags) != 3)
			break;
		add_bar(device, i, start, last, flags);
	}
	fclose(file);
}

/* A link that is down reads "Unknown". */
static void read_link_state(struct device *device)
{
	char speed[sizeof(device->link_speed)];

	if (!read_file(device, "current_link_speed", speed, sizeof(speed)) ||
	    speed[0] < '0' || speed[0] > '9')
		return;
	memcpy(device->link_speed, speed, sizeof(speed));
	device->link_width = read_number(device, "current_link_width", 0);
}

void device_read_sysfs(struct device *device)
{
	char group[16];

	read_link(device, "driver", device->driver, sizeof(device->driver));
	device->group = -1;
	if (read_link(device, "iommu_group", group, sizeof(group)))
		device->group = atoi(group);
	device->dma = group_dma(device);
	device->dma_bits = read_number(device, "dma_mask_bits", 0);
	device->numa = read_number(device, "numa_node", -1);
	read_link_state(device);
	if (!device->header)
		read_bars(device);
}
