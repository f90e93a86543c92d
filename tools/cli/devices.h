/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PCI devices of this machine, as far as p2pmap cares: who could export
 * memory, who could import it, and who stands between them.
 *
 * From libpci and sysfs; needs neither privilege nor the module.  devices.c has
 * the list, device-config.c reads a config space, device-sysfs.c what the kernel
 * knows besides.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_ADDRESS_LEN 20
#define DEVICE_NR_BARS 6

/**
 * struct device_bar - a memory BAR
 * @number: of the BAR, 0 to 5
 * @size: bytes
 * @prefetchable: reads have no side effects
 * @assigned: it has an address
 * @usable: assigned, and a page or more: p2pmap can map it
 *
 * Where it lies is left out: physical addresses are nobody's business.
 */
struct device_bar {
	unsigned int number;
	uint64_t size;
	bool prefetchable;
	bool assigned;
	bool usable;
};

/**
 * enum acs_state - what is known of a function's Access Control Services
 * @ACS_UNKNOWN: its extended config space cannot be read: that takes root
 * @ACS_ABSENT: it has none
 * @ACS_PRESENT: it has some
 */
enum acs_state {
	ACS_UNKNOWN,
	ACS_ABSENT,
	ACS_PRESENT,
};

/**
 * struct device_acs - its Access Control Services
 * @state: what is known
 * @offset: of the capability in config space
 * @capability: PCI_ACS_CAP
 * @control: PCI_ACS_CTRL
 */
struct device_acs {
	enum acs_state state;
	unsigned int offset;
	uint16_t capability;
	uint16_t control;
};

/* In place of a PCI Express port type. */
#define DEVICE_NOT_EXPRESS (-1)
#define DEVICE_TYPE_UNKNOWN (-2)

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
 * @domain: of its address
 * @bus: of its address
 * @devfn: device number << 3 | function number
 * @vendor: vendor id
 * @id: device id
 * @class: class code, two bytes
 * @name: what the PCI database calls it
 * @driver: its driver, or empty
 * @group: number of its IOMMU group, -1 without one
 * @dma: what stands between it and memory
 * @header: type of its config header: 0 a device, 1 a bridge, 2 CardBus
 * @secondary: of a bridge: the bus below it
 * @subordinate: of a bridge: the last bus below it
 * @pcie_type: PCI_EXP_TYPE_*, DEVICE_NOT_EXPRESS or DEVICE_TYPE_UNKNOWN
 * @acs: its Access Control Services
 * @bridge: it is a bridge or a host bridge
 * @bus_master: DMA is on
 * @memory: it answers at its memory BARs
 * @dma_bits: width of its DMA mask, 0 if unknown
 * @numa: its NUMA node, -1 without one
 * @link_speed: such as "8.0 GT/s PCIe", or empty
 * @link_width: lanes, 0 if unknown
 * @upstream: the bridge above it, NULL on a root bus
 * @nr_bars: memory BARs
 * @bars: those
 */
struct device {
	char address[DEVICE_ADDRESS_LEN];
	unsigned int domain;
	unsigned int bus;
	unsigned int devfn;
	unsigned int vendor;
	unsigned int id;
	unsigned int class;
	char name[160];
	char driver[48];
	int group;
	enum device_dma dma;
	unsigned int header;
	unsigned int secondary;
	unsigned int subordinate;
	int pcie_type;
	struct device_acs acs;
	bool bridge;
	bool bus_master;
	bool memory;
	unsigned int dma_bits;
	int numa;
	char link_speed[24];
	unsigned int link_width;
	const struct device *upstream;
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
 * devices_load() - the same from a recorded "lspci -xxxx"
 * @path: of the record
 * @out: the devices; end with devices_free()
 *
 * A record has config spaces only: no drivers, groups, sizes of BARs or links.
 *
 * Return: 0 or a negative errno.
 */
int devices_load(const char *path, struct devices *out);

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
 * device_translated() - does an IOMMU translate its DMA?
 * @device: the device
 */
bool device_translated(const struct device *device);

/**
 * device_root() - the device on the root bus above this one, or itself
 * @device: the device
 */
const struct device *device_root(const struct device *device);

/**
 * device_type_text() - what kind of function it is, in two or three words
 * @device: the device
 */
const char *device_type_text(const struct device *device);

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

struct pci_dev;

/* For devices.c only: fill in what there is to know from either source. */
void device_read_config(struct device *device, struct pci_dev *dev);
void device_read_sysfs(struct device *device);

#endif /* DEVICES_H */
