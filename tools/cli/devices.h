/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PCI devices of this machine, as far as p2pmap cares: who could export
 * memory, who could import it, and who stands between them.
 *
 * From libpci and sysfs; needs neither privilege nor the module.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_ADDRESS_LEN 16
#define DEVICE_NR_BARS 6

/**
 * struct device_bar - a memory BAR
 * @number: of the BAR, 0 to 5
 * @size: bytes
 * @prefetchable: reads have no side effects
 *
 * Where it lies is left out: physical addresses are nobody's business.
 */
struct device_bar {
	unsigned int number;
	uint64_t size;
	bool prefetchable;
};

/**
 * enum device_dma - what stands between a device and memory
 * @DEVICE_DMA_DIRECT: nothing: no IOMMU, or one that is bypassed
 * @DEVICE_DMA_STRICT: a translating IOMMU
 * @DEVICE_DMA_LAZY: a translating IOMMU whose unmaps are deferred
 * @DEVICE_DMA_BLOCKED: it has no DMA, or somebody else manages it
 */
enum device_dma {
	DEVICE_DMA_DIRECT,
	DEVICE_DMA_STRICT,
	DEVICE_DMA_LAZY,
	DEVICE_DMA_BLOCKED,
};

/**
 * struct device - one PCI function
 * @address: "0000:03:00.0"
 * @vendor: vendor id
 * @id: device id
 * @class: class code, two bytes
 * @name: what the PCI database calls it
 * @driver: its driver, or empty
 * @group: number of its IOMMU group, -1 without one
 * @dma: what stands between it and memory
 * @bridge: it is a bridge or a host bridge
 * @bus_master: DMA is on
 * @nr_bars: memory BARs of a page or more
 * @bars: those
 */
struct device {
	char address[DEVICE_ADDRESS_LEN];
	unsigned int vendor;
	unsigned int id;
	unsigned int class;
	char name[160];
	char driver[48];
	int group;
	enum device_dma dma;
	bool bridge;
	bool bus_master;
	unsigned int nr_bars;
	struct device_bar bars[DEVICE_NR_BARS];
};

/**
 * struct devices - all of them, sorted by address
 * @list: array
 * @count: its length
 */
struct devices {
	struct device *list;
	size_t count;
};

/**
 * devices_scan() - look at all PCI devices
 * @out: the devices; end with devices_free()
 *
 * Return: 0, or -ENODEV if this system shows no PCI bus.
 */
int devices_scan(struct devices *out);

/**
 * devices_free() - forget what devices_scan() found
 * @devices: what it found
 */
void devices_free(struct devices *devices);

/**
 * devices_find() - find a device by its address
 * @devices: where to look
 * @address: "0000:03:00.0" or "03:00.0"
 *
 * Return: the device or NULL.
 */
const struct device *devices_find(const struct devices *devices,
				  const char *address);

/**
 * device_is_host_bridge() - does it stand for a root complex?
 * @device: the device
 */
bool device_is_host_bridge(const struct device *device);

/**
 * device_can_export() - has it memory that p2pmap could map?
 * @device: the device
 */
bool device_can_export(const struct device *device);

/**
 * device_can_import() - could it be attached as it is?
 * @device: the device
 *
 * It has a driver, and one that leaves DMA to the kernel.
 */
bool device_can_import(const struct device *device);

/**
 * device_has_foreign_owner() - does its driver manage DMA itself?
 * @device: the device
 */
bool device_has_foreign_owner(const struct device *device);

/**
 * device_dma_text() - an enum device_dma in words
 * @dma: the value
 */
const char *device_dma_text(enum device_dma dma);

#endif /* DEVICES_H */
