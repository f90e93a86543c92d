// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes, computed in userspace.  Function by function what kmod/route.c does;
 * what it cannot know without privilege it says so, and does not guess.
 */
#include "route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pci/pci.h>

#define ACS_REDIRECT \
	(PCI_ACS_CTRL_REQ_RED | PCI_ACS_CTRL_CMPLT_RED | PCI_ACS_CTRL_EGRESS)

uint16_t route_redirects(const struct device *device)
{
	return device->acs.state == ACS_PRESENT ?
		       device->acs.control & ACS_REDIRECT :
		       0;
}

static void set_reason(struct route *route, uint32_t code,
		       const struct device *device, uint32_t detail)
{
	route->reason.code = code;
	route->reason.detail = detail;
	route->reason.pci = (struct p2pmap_pci_addr){
		.domain = device->domain,
		.bus = device->bus,
		.devfn = device->devfn,
	};
}

static uint32_t ids(const struct device *device)
{
	return device->vendor << 16 | device->id;
}

static enum route_verdict judge_side(const struct devices *devices,
				     const struct host_policy *policy,
				     const struct device *device, bool same,
				     unsigned int side, struct route *route)
{
	const struct device *root;
	enum host_bridge_state state;
	bool known = true;

	root = host_bridge_root(devices, device, &known);
	state = host_bridge_judge(policy, root);
	if (!known && state == HOST_BRIDGE_UNLISTED)
		state = HOST_BRIDGE_UNKNOWN;
	route->host_root[side] = root;
	route->host_state[side] = state;
	switch (state) {
	case HOST_BRIDGE_UNKNOWN:
		return ROUTE_UNKNOWN;
	case HOST_BRIDGE_UNLISTED:
		set_reason(route, P2PMAP_REASON_NO_ROUTE_HOST_BRIDGE,
			   root ? root : device, root ? ids(root) : 0);
		return ROUTE_BLOCKED;
	case HOST_BRIDGE_SAME_ONLY:
		if (same)
			return ROUTE_EXISTS;
		set_reason(route, P2PMAP_REASON_NO_ROUTE_DISTINCT, root,
			   ids(root));
		return ROUTE_BLOCKED;
	default:
		return ROUTE_EXISTS;
	}
}

static enum route_verdict through_host_bridge(const struct devices *devices,
					      const struct host_policy *policy,
					      const struct device *importer,
					      const struct device *exporter,
					      struct route *route)
{
	bool same = same_host_bridge(importer, exporter);
	enum route_verdict near, far;

	near = judge_side(devices, policy, importer, same, 0, route);
	route->host_root[1] = route->host_root[0];
	route->host_state[1] = route->host_state[0];
	if (same || near == ROUTE_BLOCKED)
		return near;
	far = judge_side(devices, policy, exporter, same, 1, route);
	return far == ROUTE_BLOCKED ? far : near == ROUTE_UNKNOWN ? near : far;
}

/* Looks at all from @from up to (not including) @top until one redirects. */
static void look_up(const struct device *from, const struct device *top,
		    struct route *route)
{
	for (; from && from != top && !route->redirector;
	     from = from->upstream) {
		if (from->acs.state == ACS_UNKNOWN && !route->unread)
			route->unread = from;
		route->redirects = route_redirects(from);
		if (route->redirects)
			route->redirector = from;
	}
}

/* The bridge (or device) where two ways up meet; distance as p2pdma counts. */
static const struct device *common_upstream(const struct device *importer,
					    const struct device *exporter,
					    unsigned int *distance)
{
	const struct device *a, *b;
	unsigned int up_a = 0, up_b = 0;

	for (a = exporter; a; a = a->upstream) {
		up_b = 0;
		for (b = importer; b; b = b->upstream) {
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

/* Below a common bridge, in direct mode. */
static void find_direct(const struct devices *devices,
			const struct host_policy *policy,
			const struct device *importer,
			const struct device *exporter, struct route *route)
{
	/* As in p2pdma, where they meet counts on one of the ways. */
	look_up(exporter, route->top->upstream, route);
	look_up(importer, route->top, route);
	if (!route->redirector && !route->unread) {
		route->verdict = ROUTE_EXISTS;
		route->type = P2PMAP_ROUTE_SWITCH;
		return;
	}
	route->verdict =
		through_host_bridge(devices, policy, importer, exporter, route);
	if (!route->redirector) {
		/* Either way or, if nothing redirects, by the switch. */
		route->type_unknown = true;
		if (route->verdict == ROUTE_BLOCKED)
			route->verdict = ROUTE_UNKNOWN;
	} else if (route->verdict == ROUTE_BLOCKED) {
		/* Clearing those bits is the remedy that is nearer. */
		set_reason(route, P2PMAP_REASON_NO_ROUTE_ACS, route->redirector,
			   route->redirects);
	}
}

void route_find(const struct devices *devices, const struct host_policy *policy,
		const struct device *importer, const struct device *exporter,
		bool translated, struct route *out)
{
	*out = (struct route){ .type = P2PMAP_ROUTE_HOST_BRIDGE,
			       .translated = translated,
			       .reason.size = sizeof(out->reason) };
	if (importer == exporter && !translated) {
		out->verdict = ROUTE_EXISTS;
		out->type = P2PMAP_ROUTE_SAME;
		return;
	}
	out->top = common_upstream(importer, exporter, &out->distance);
	if (out->top && !translated)
		find_direct(devices, policy, importer, exporter, out);
	else
		out->verdict = through_host_bridge(devices, policy, importer,
						   exporter, out);
	if (out->verdict == ROUTE_BLOCKED)
		out->type = P2PMAP_ROUTE_NONE;
}

static unsigned int climb(const struct device *from, const struct device *end,
			  struct route_hop *hops)
{
	unsigned int n = 0;

	for (; from && from != end && n < ROUTE_MAX_HOPS / 2 - 1;
	     from = from->upstream)
		hops[n++] = (struct route_hop){ .device = from };
	return n;
}

unsigned int route_hops(const struct route *route,
			const struct device *importer,
			const struct device *exporter, struct route_hop *hops)
{
	bool by_switch = route->verdict == ROUTE_EXISTS &&
			 route->type == P2PMAP_ROUTE_SWITCH;
	const struct device *turn = by_switch ? route->top : NULL;
	struct route_hop down[ROUTE_MAX_HOPS];
	unsigned int n, m;

	hops[0] = (struct route_hop){ .device = importer };
	if (route->type == P2PMAP_ROUTE_SAME)
		return 1;
	n = climb(importer, turn, hops);
	/* Where one of the two is above the other, it is an end as well. */
	if (turn != importer && turn != exporter)
		hops[n++] = (struct route_hop){ .device = turn };
	m = climb(exporter, turn, down);
	while (m) {
		hops[n] = down[--m];
		hops[n++].descending = true;
	}
	return n;
}

const char *acs_bits_text(uint16_t bits, char buf[ACS_TEXT_LEN])
{
	static const char *const names[] = { "SV", "TB", "RR", "CR",
					     "UF", "EC", "DT" };
	size_t at = 0;

	snprintf(buf, ACS_TEXT_LEN, "none");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bits & 1U << i)
			at += snprintf(buf + at, ACS_TEXT_LEN - at, "%s%s",
				       at ? " " : "", names[i]);
	return buf;
}
