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
#include <p2pmap/host-bridges.h>

#include "range.h"

#define ACS_REDIRECT (PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC)

#define BRIDGES_MAX 16
static char *host_bridges[BRIDGES_MAX];
static int nr_host_bridges;
module_param_array(host_bridges, charp, &nr_host_bridges, 0444);
MODULE_PARM_DESC(host_bridges,
		 "VENDOR:DEVICE of host bridges that route peer-to-peer traffic though nobody lists them; a wrong one corrupts data");

#define KNOWN_BRIDGE(_vendor, _device, _flags) \
	{ .vendor = _vendor, .device = _device, .flags = _flags },

static const struct known_bridge {
	u16 vendor;
	u16 device;
	u32 flags;
} known_bridges[] = {
	P2PMAP_HOST_BRIDGES(KNOWN_BRIDGE)
};

static const struct known_bridge *known_bridge_find(const struct pci_dev *root)
{
	const struct known_bridge *known;

	for (known = known_bridges;
	     known < known_bridges + ARRAY_SIZE(known_bridges); known++)
		if (known->vendor == root->vendor &&
		    (known->device == root->device ||
		     known->device == P2PMAP_HOST_BRIDGE_ANY_DEVICE))
			return known;
	return NULL;
}

/* Any AMD Zen or later sends peer-to-peer traffic down again. */
static bool cpu_routes(void)
{
#ifdef CONFIG_X86
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD &&
	       boot_cpu_data.x86 >= P2PMAP_HOST_BRIDGE_CPU_FAMILY;
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
 * The device that stands for a host bridge: the first one on its root bus, if
 * that is at 00.0 or a root port.  With a reference, or NULL.
 */
static struct pci_dev *host_bridge_root(struct pci_dev *pdev)
{
	struct pci_bus *bus = pci_find_host_bridge(pdev->bus)->bus;
	struct pci_dev *root = NULL;

	for_each_pci_dev(root)
		if (root->bus == bus)
			break;
	if (root && root->devfn != PCI_DEVFN(0, 0) &&
	    pci_pcie_type(root) != PCI_EXP_TYPE_ROOT_PORT) {
		pci_dev_put(root);
		return NULL;
	}
	return root;
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
	const struct known_bridge *known = known_bridge_find(root);
	u32 code = P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE;

	if (known && !(known->flags & P2PMAP_HOST_BRIDGE_SAME_ONLY))
		return 0;
	if (known && same_bridge)
		return 0;
	if (administrator_admits(root))
		return 0;
	if (known)
		code = P2PMAP_REASON_NO_ROUTE_DISTINCT;
	return host_bridge_refuse(root, code, why);
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
