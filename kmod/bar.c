// SPDX-License-Identifier: GPL-2.0-only
/*
 * BARs: which PCI device exports the memory behind a special VMA.
 *
 * All frames of a range must lie in one page-sized memory BAR of one enabled
 * device; what is not in a BAR (HPET, APIC, RAM reached through /dev/mem) is
 * never mapped.
 */
#include <linux/mm.h>
#include <linux/pci.h>

#include "range.h"

/*
 * The device's address, from its name: it may be gone already.  pci_domain_nr()
 * asks the host bridge's driver, of which with VMD or Hyper-V nothing is left
 * then; the name was made of the same numbers and lives with the device.
 */
struct p2pmap_pci_addr p2pmap_pci_addr(struct pci_dev *pdev)
{
	struct p2pmap_pci_addr addr = { .devfn = pdev->devfn };
	unsigned int domain, bus;

	if (sscanf(pci_name(pdev), "%x:%x:", &domain, &bus) == 2) {
		addr.domain = domain;
		addr.bus = bus;
	}
	return addr;
}

static bool bar_contains(struct pci_dev *pdev, unsigned int i, phys_addr_t phys)
{
	struct resource *res = &pdev->resource[i];

	return (resource_type(res) == IORESOURCE_MEM) && res->start &&
	       !(res->flags & IORESOURCE_UNSET) && phys >= res->start &&
	       phys <= res->end;
}

/* The BAR number of @phys in @pdev, or negative. */
static int bar_index(struct pci_dev *pdev, phys_addr_t phys)
{
	unsigned int i;

	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return -ENOENT;
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		if (bar_contains(pdev, i, phys))
			return i;
	return -ENOENT;
}

/* Takes a reference to the device that it returns. */
static struct pci_dev *bar_owner(phys_addr_t phys, int *index)
{
	struct pci_dev *pdev = NULL;

	for_each_pci_dev(pdev) {
		*index = bar_index(pdev, phys);
		if (*index >= 0)
			return pdev;
	}
	return NULL;
}

/* Does the device answer at its BARs? */
static bool bar_enabled(struct pci_dev *pdev)
{
	u16 command;

	if ((__force int)pdev->current_state > (__force int)PCI_D0 &&
	    (__force int)pdev->current_state <= (__force int)PCI_D3cold)
		return false;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	return !PCI_POSSIBLE_ERROR(command) && (command & PCI_COMMAND_MEMORY);
}

static int bar_check(struct pci_dev *pdev, int index, unsigned long start,
		     struct p2pmap_reason *why)
{
	if (pci_resource_len(pdev, index) < PAGE_SIZE ||
	    !PAGE_ALIGNED(pci_resource_start(pdev, index)) ||
	    !PAGE_ALIGNED(pci_resource_len(pdev, index))) {
		p2pmap_fail_pci(why, 0, 0, pdev);
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_SUBPAGE_BAR,
				   start);
	}
	if (!bar_enabled(pdev))
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_NOT_A_BAR,
				   start);
	return 0;
}

/* Every run inside the BAR of the first one? */
static int bar_check_runs(const struct p2pmap_frames *frames,
			  const struct resource *res, unsigned long start,
			  struct p2pmap_reason *why)
{
	const struct p2pmap_run *run;

	for (run = frames->runs; run < frames->runs + frames->nr_runs; run++) {
		if (run->phys < res->start ||
		    run->phys + run->length - 1 > res->end)
			return p2pmap_fail(why, -EINVAL,
					   P2PMAP_REASON_SEVERAL_BARS, start);
		start += run->length;
	}
	return 0;
}

/*
 * Find the BAR that holds all of @frames, which lie behind @start.  On success
 * @bar holds a reference to its device.
 */
int p2pmap_bar_find(const struct p2pmap_frames *frames, unsigned long start,
		    struct p2pmap_bar *bar, struct p2pmap_reason *why)
{
	struct pci_dev *pdev;
	int index, rc;

	pdev = bar_owner(frames->runs[0].phys, &index);
	if (!pdev)
		return p2pmap_fail(why, -EFAULT, P2PMAP_REASON_NOT_A_BAR,
				   start);
	rc = bar_check(pdev, index, start, why);
	if (!rc)
		rc = bar_check_runs(frames, &pdev->resource[index], start, why);
	if (rc) {
		pci_dev_put(pdev);
		return rc;
	}
	*bar = (struct p2pmap_bar){
		.pdev = pdev,
		.index = index,
		.offset = frames->runs[0].phys -
			  pci_resource_start(pdev, index),
	};
	return 0;
}

void p2pmap_bar_put(struct p2pmap_bar *bar)
{
	pci_dev_put(bar->pdev);
	*bar = (struct p2pmap_bar){};
}
