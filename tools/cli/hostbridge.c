// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host bridges: which of them send peer-to-peer traffic down again.
 *
 * The same decisions, in the same order, as kmod/route.c makes: the processor,
 * the table, the administrator.  See hostbridge.h.
 */
#define _GNU_SOURCE
#include "hostbridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2pmap/host-bridges.h>
#include <pci/pci.h>

#include "modconf.h"
#include "system.h"

#define PARAMETER "/sys/module/p2pmap/parameters/host_bridges"

#define KNOWN_BRIDGE(_vendor, _device, _flags) \
	{ .vendor = (_vendor), .device = (_device), .flags = (_flags) },

static const struct {
	unsigned int vendor;
	unsigned int device;
	unsigned int flags;
} known_bridges[] = { P2PMAP_HOST_BRIDGES(KNOWN_BRIDGE) };

/* What follows "key\t: " in a line of /proc/cpuinfo. */
static const char *cpu_value(const char *line, const char *key)
{
	const char *colon = strchr(line, ':');

	if (!colon || strncmp(line, key, strlen(key)))
		return NULL;
	return colon + 1 + strspn(colon + 1, " \t");
}

static bool cpu_routes(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	unsigned long family = 0;
	const char *value;
	bool vendor = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file) && line[0] != '\n') {
		value = cpu_value(line, "vendor_id");
		if (value)
			vendor =
				!strncmp(value, P2PMAP_HOST_BRIDGE_CPU_VENDOR,
					 strlen(P2PMAP_HOST_BRIDGE_CPU_VENDOR));
		value = cpu_value(line, "cpu family");
		if (value)
			family = strtoul(value, NULL, 10);
	}
	if (file)
		fclose(file);
	return vendor && family >= P2PMAP_HOST_BRIDGE_CPU_FAMILY;
}

void host_policy_read(struct host_policy *out)
{
	*out = (struct host_policy){ .cpu_routes = cpu_routes() };
	if (system_read_line(PARAMETER, out->admitted, sizeof(out->admitted))) {
		/* An unset array of strings reads empty. */
		if (out->admitted[0])
			out->source = HOST_POLICY_MODULE;
		return;
	}
	if (!modconf_lookup(NULL, "host_bridges", out->admitted,
			    sizeof(out->admitted)))
		out->source = HOST_POLICY_CONFIG;
}

static bool is_admitted(const struct host_policy *policy,
			const struct device *root)
{
	char list[sizeof(policy->admitted)], *word, *rest;
	unsigned int vendor, device;

	memcpy(list, policy->admitted, sizeof(list));
	for (word = strtok_r(list, ",", &rest); word;
	     word = strtok_r(NULL, ",", &rest))
		if (sscanf(word, "%x:%x", &vendor, &device) == 2 &&
		    vendor == root->vendor && device == root->id)
			return true;
	return false;
}

static bool on_root_bus(const struct device *device, const struct device *of)
{
	return !device->upstream && device->domain == of->domain &&
	       device->bus == of->bus;
}

/* They are sorted by address, which is the order in which Linux finds them. */
static const struct device *first_on_root_bus(const struct devices *devices,
					      const struct device *of)
{
	for (size_t i = 0; i < devices->count; i++)
		if (on_root_bus(&devices->list[i], of))
			return &devices->list[i];
	return NULL;
}

const struct device *host_bridge_root(const struct devices *devices,
				      const struct device *device, bool *known)
{
	const struct device *first =
		first_on_root_bus(devices, device_root(device));

	if (known)
		*known = true;
	if (!first || !first->devfn ||
	    first->pcie_type == PCI_EXP_TYPE_ROOT_PORT)
		return first;
	if (known)
		*known = first->pcie_type != DEVICE_TYPE_UNKNOWN;
	return NULL;
}

enum host_bridge_state host_bridge_judge(const struct host_policy *policy,
					 const struct device *root)
{
	size_t count = sizeof(known_bridges) / sizeof(known_bridges[0]);

	if (policy->cpu_routes)
		return HOST_BRIDGE_CPU;
	if (!root)
		return HOST_BRIDGE_UNLISTED;
	for (size_t i = 0; i < count; i++) {
		if (known_bridges[i].vendor != root->vendor ||
		    (known_bridges[i].device != root->id &&
		     known_bridges[i].device != P2PMAP_HOST_BRIDGE_ANY_DEVICE))
			continue;
		return known_bridges[i].flags & P2PMAP_HOST_BRIDGE_SAME_ONLY ?
			       HOST_BRIDGE_SAME_ONLY :
			       HOST_BRIDGE_LISTED;
	}
	return is_admitted(policy, root) ? HOST_BRIDGE_ADMITTED :
					   HOST_BRIDGE_UNLISTED;
}

const char *host_bridge_name(enum host_bridge_state state)
{
	static const char *const names[] = {
		[HOST_BRIDGE_UNLISTED] = "unlisted",
		[HOST_BRIDGE_SAME_ONLY] = "same-only",
		[HOST_BRIDGE_LISTED] = "listed",
		[HOST_BRIDGE_ADMITTED] = "admitted",
		[HOST_BRIDGE_CPU] = "cpu",
		[HOST_BRIDGE_UNKNOWN] = "unknown",
	};

	return names[state];
}

const char *host_bridge_text(enum host_bridge_state state)
{
	static const char *const texts[] = {
		[HOST_BRIDGE_UNLISTED] = "not known to route between peers",
		[HOST_BRIDGE_SAME_ONLY] = "routes between its own devices",
		[HOST_BRIDGE_LISTED] = "routes between peers",
		[HOST_BRIDGE_ADMITTED] =
			"admitted by the parameter host_bridges",
		[HOST_BRIDGE_CPU] = "routes between peers (AMD Zen or later)",
		[HOST_BRIDGE_UNKNOWN] = "unknown, run as root",
	};

	return texts[state];
}

bool same_host_bridge(const struct device *a, const struct device *b)
{
	const struct device *top_a = device_root(a), *top_b = device_root(b);

	return top_a->domain == top_b->domain && top_a->bus == top_b->bus;
}
