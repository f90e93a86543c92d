// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes: how a transaction gets from importer to exporter.
 *
 * The rules are those of drivers/pci/p2pdma.c, which stock Debian kernels are
 * built without, with one difference.  In a translated domain the importer uses
 * an IOMMU address even where a switch path exists, because only that can be
 * revoked; so its traffic always goes up to the root complex, and the host
 * bridge must be known to send it down again.
 */
#include <linux/module.h>
#include <linux/pci.h>
#ifdef CONFIG_X86
#include <asm/processor.h>
#endif

#include "range.h"

#define ACS_REDIRECT (PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC)

#define BRIDGES_MAX 16
static char *host_bridges[BRIDGES_MAX];
static int nr_host_bridges;
module_param_array(host_bridges, charp, &nr_host_bridges, 0444);
MODULE_PARM_DESC(host_bridges,
		 "VENDOR:DEVICE of host bridges that route peer-to-peer traffic though nobody lists them; a wrong one corrupts data");

#define ANY_DEVICE 0xffff

/*
 * Host bridges, by the device that stands for them, which send peer-to-peer
 * traffic down again: the list of p2pdma in Linux 7.3.
 */
static const struct {
	u16 vendor;
	u16 device;
	bool same_bridge_only;
} known_bridges[] = {
	/* Intel Xeon E5, Core i7 */
	{ PCI_VENDOR_ID_INTEL, 0x3c00, true },
	{ PCI_VENDOR_ID_INTEL, 0x3c01, true },
	/* Intel Xeon E7 v3, Xeon E5 v3, Core i7 */
	{ PCI_VENDOR_ID_INTEL, 0x2f00, true },
	{ PCI_VENDOR_ID_INTEL, 0x2f01, true },
	/* Intel Skylake-E */
	{ PCI_VENDOR_ID_INTEL, 0x2030, false },
	{ PCI_VENDOR_ID_INTEL, 0x2031, false },
	{ PCI_VENDOR_ID_INTEL, 0x2032, false },
	{ PCI_VENDOR_ID_INTEL, 0x2033, false },
	{ PCI_VENDOR_ID_INTEL, 0x2020, false },
	{ PCI_VENDOR_ID_INTEL, 0x09a2, false },
	/* Intel DSA, IAA and QAT, which come first on root buses of their own */
	{ PCI_VENDOR_ID_INTEL, 0x0b25, false },
	{ PCI_VENDOR_ID_INTEL, 0x0cfe, false },
	{ PCI_VENDOR_ID_INTEL, 0x11fb, false },
	{ PCI_VENDOR_ID_INTEL, 0x1212, false },
	{ PCI_VENDOR_ID_INTEL, 0x1216, false },
	{ PCI_VENDOR_ID_INTEL, 0x4940, false },
	{ PCI_VENDOR_ID_INTEL, 0x4942, false },
	{ PCI_VENDOR_ID_INTEL, 0x4944, false },
	{ PCI_VENDOR_ID_INTEL, 0x4946, false },
	{ PCI_VENDOR_ID_INTEL, 0x4948, false },
	/* Google */
	{ 0x1ae0, ANY_DEVICE, false },
	/* NVIDIA */
	{ PCI_VENDOR_ID_NVIDIA, 0x2f95, false },
	{ PCI_VENDOR_ID_NVIDIA, 0x2f96, false },
	{ PCI_VENDOR_ID_NVIDIA, 0x2f97, false },
	{ PCI_VENDOR_ID_NVIDIA, 0x2f98, false },
};

/* Any AMD Zen or later sends peer-to-peer traffic down again. */
static bool cpu_routes(void)
{
#ifdef CONFIG_X86
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD &&
	       boot_cpu_data.x86 >= 0x17;
#else
	return false;
#endif
}

static bool administrator_admits(struct pci_dev *root)
{
	unsigned int vendor, device;
	int i;

	for (i = 0; i < nr_host_bridges; i++) {
		if (sscanf(host_bridges[i], "%x:%x", &vendor, &device) != 2 ||
		    vendor != root->vendor || device != root->device)
			continue;
		dev_notice_once(&root->dev,
				"p2pmap: peer-to-peer routing taken on the administrator's word\n");
		return true;
	}
	return false;
}

/*
 * The device that stands for a host bridge: devfn 00.0, or a root port where
 * there is none.  With a reference, or NULL.
 */
static struct pci_dev *host_bridge_root(struct pci_dev *pdev)
{
	struct pci_bus *bus = pci_find_host_bridge(pdev->bus)->bus;
	struct pci_dev *root = pci_get_slot(bus, PCI_DEVFN(0, 0));

	if (root)
		return root;
	for_each_pci_dev(root)
		if (root->bus == bus &&
		    pci_pcie_type(root) == PCI_EXP_TYPE_ROOT_PORT)
			return root;
	return NULL;
}

static int host_bridge_refuse(struct pci_dev *root, u32 code,
			      struct p2pmap_reason *why)
{
	if (why) {
		why->pci = p2pmap_pci_addr(root);
		why->detail = (u32)root->vendor << 16 | root->device;
	}
	return p2pmap_fail(why, -EHOSTUNREACH, code, 0);
}

static int root_check(struct pci_dev *root, bool same_bridge,
		      struct p2pmap_reason *why)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known_bridges); i++) {
		if (known_bridges[i].vendor != root->vendor ||
		    (known_bridges[i].device != root->device &&
		     known_bridges[i].device != ANY_DEVICE))
			continue;
		if (same_bridge || !known_bridges[i].same_bridge_only)
			return 0;
		return host_bridge_refuse(root, P2PMAP_REASON_NO_ROUTE_DISTINCT,
					  why);
	}
	if (administrator_admits(root))
		return 0;
	return host_bridge_refuse(root, P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE,
				  why);
}

static int host_bridge_check(struct pci_dev *pdev, bool same_bridge,
			     struct p2pmap_reason *why)
{
	struct pci_dev *root;
	int rc;

	if (cpu_routes())
		return 0;
	root = host_bridge_root(pdev);
	if (!root)
		return p2pmap_fail_pci(why, -EHOSTUNREACH,
				       P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE,
				       pdev);
	rc = root_check(root, same_bridge, why);
	pci_dev_put(root);
	return rc;
}

static int through_host_bridge(struct pci_dev *importer,
			       struct pci_dev *exporter,
			       struct p2pmap_reason *why)
{
	bool same = pci_find_host_bridge(importer->bus) ==
		    pci_find_host_bridge(exporter->bus);
	int rc = host_bridge_check(importer, same, why);

	if (!rc && !same)
		rc = host_bridge_check(exporter, same, why);
	return rc;
}

/* The ACS controls of a bridge that send peer-to-peer requests upstream. */
static u16 acs_redirects(struct pci_dev *bridge)
{
	u16 control;
	int pos;

	pos = pci_find_ext_capability(bridge, PCI_EXT_CAP_ID_ACS);
	if (!pos)
		return 0;
	pci_read_config_word(bridge, pos + PCI_ACS_CTRL, &control);
	return control & ACS_REDIRECT;
}

/* The first bridge from @pdev up to (not including) @top that redirects. */
static struct pci_dev *path_redirects(struct pci_dev *pdev, struct pci_dev *top,
				      u16 *controls)
{
	for (; pdev && pdev != top; pdev = pci_upstream_bridge(pdev)) {
		*controls = acs_redirects(pdev);
		if (*controls)
			return pdev;
	}
	return NULL;
}

/* The bridge (or device) where two paths up meet; distance as p2pdma counts. */
static struct pci_dev *common_upstream(struct pci_dev *importer,
				       struct pci_dev *exporter,
				       unsigned int *distance)
{
	struct pci_dev *a, *b;
	unsigned int up_a = 0, up_b = 0;

	for (a = exporter; a; a = pci_upstream_bridge(a)) {
		up_b = 0;
		for (b = importer; b; b = pci_upstream_bridge(b)) {
			if (a == b) {
				*distance = up_a + up_b;
				return a;
			}
			up_b++;
		}
		up_a++;
	}
	*distance = up_a + up_b;
	return NULL;
}

static int redirected_route(struct pci_dev *importer, struct pci_dev *exporter,
			    struct pci_dev *bridge, u16 controls,
			    struct p2pmap_reason *why)
{
	int rc = through_host_bridge(importer, exporter, why);

	/* Clearing those bits is the remedy that is nearer. */
	if (rc && bridge && why) {
		p2pmap_fail_pci(why, 0, P2PMAP_REASON_NO_ROUTE_ACS, bridge);
		why->detail = controls;
	}
	return rc;
}

/*
 * Find the route from @importer to @exporter.  The caller holds references to
 * both.  -EHOSTUNREACH says in @why which bridge is in the way.
 */
int p2pmap_route_find(struct pci_dev *importer, struct pci_dev *exporter,
		      bool translated, struct p2pmap_route_info *route,
		      struct p2pmap_reason *why)
{
	struct pci_dev *top, *bridge = NULL;
	u16 controls = 0;

	*route = (struct p2pmap_route_info){ .type = P2PMAP_ROUTE_HOST_BRIDGE };
	if (importer == exporter && !translated) {
		route->type = P2PMAP_ROUTE_SAME;
		return 0;
	}
	top = common_upstream(importer, exporter, &route->distance);
	if (translated)
		return through_host_bridge(importer, exporter, why);
	if (top) {
		/* As in p2pdma, where they meet counts on one of the paths. */
		bridge = path_redirects(exporter, pci_upstream_bridge(top),
					&controls);
		if (!bridge)
			bridge = path_redirects(importer, top, &controls);
		if (!bridge) {
			route->type = P2PMAP_ROUTE_SWITCH;
			return 0;
		}
	}
	return redirected_route(importer, exporter, bridge, controls, why);
}
