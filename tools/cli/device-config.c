// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device's config space says of it.
 *
 * Without privilege the kernel shows the first 64 bytes only: header, ids and
 * buses are there, the PCI Express capability and ACS are not.  What cannot be
 * read is called unknown here and never guessed.
 */
#include "devices.h"

#include <pci/pci.h>

#define HEADER_LEN 64
#define EXTENDED_AT 256

static bool readable(struct pci_dev *dev, int offset)
{
	uint8_t byte;

	return pci_read_block(dev, offset, &byte, 1);
}

static int read_pcie_type(struct pci_dev *dev)
{
	struct pci_cap *cap;

	if (!readable(dev, HEADER_LEN))
		return DEVICE_TYPE_UNKNOWN;
	cap = pci_find_cap(dev, PCI_CAP_ID_EXP, PCI_CAP_NORMAL);
	if (!cap)
		return DEVICE_NOT_EXPRESS;
	return (pci_read_word(dev, cap->addr + PCI_EXP_FLAGS) &
		PCI_EXP_FLAGS_TYPE) >>
	       4;
}

/* A conventional device has no extended config space, whoever reads. */
static void read_acs(struct device_acs *acs, struct pci_dev *dev)
{
	struct pci_cap *cap;

	acs->state = ACS_UNKNOWN;
	if (!readable(dev, HEADER_LEN))
		return;
	acs->state = ACS_ABSENT;
	if (!readable(dev, EXTENDED_AT))
		return;
	cap = pci_find_cap(dev, PCI_EXT_CAP_ID_ACS, PCI_CAP_EXTENDED);
	if (!cap)
		return;
	acs->state = ACS_PRESENT;
	acs->offset = cap->addr;
	acs->capability = pci_read_word(dev, cap->addr + PCI_ACS_CAP);
	acs->control = pci_read_word(dev, cap->addr + PCI_ACS_CTRL);
}

void device_read_config(struct device *device, struct pci_dev *dev)
{
	uint16_t command = pci_read_word(dev, PCI_COMMAND);

	pci_fill_info(dev, PCI_FILL_CAPS | PCI_FILL_EXT_CAPS);
	device->bus_master = command & PCI_COMMAND_MASTER;
	device->memory = command & PCI_COMMAND_MEMORY;
	device->header = pci_read_byte(dev, PCI_HEADER_TYPE) & 0x7f;
	/* CardBus has them under other names at the same place. */
	if (device->header == PCI_HEADER_TYPE_BRIDGE ||
	    device->header == PCI_HEADER_TYPE_CARDBUS) {
		device->secondary = pci_read_byte(dev, PCI_SECONDARY_BUS);
		device->subordinate = pci_read_byte(dev, PCI_SUBORDINATE_BUS);
	}
	device->pcie_type = read_pcie_type(dev);
	read_acs(&device->acs, dev);
}
