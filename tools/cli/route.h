/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes, computed in userspace: how a transaction gets from importer to
 * exporter, or why it does not.
 *
 * The rules are those of kmod/route.c, over config spaces instead of struct
 * pci_dev.  Where the kernel can be asked, too, a difference between the two is
 * a bug in one of them.  Nothing here reads a file or prints.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <p2pmap/p2pmap.h>

#include "devices.h"
#include "hostbridge.h"

/**
 * enum route_verdict - is there a route?
 * @ROUTE_BLOCKED: no
 * @ROUTE_EXISTS: yes
 * @ROUTE_UNKNOWN: that depends on what only root can read
 */
enum route_verdict {
	ROUTE_BLOCKED,
	ROUTE_EXISTS,
	ROUTE_UNKNOWN,
};

/**
 * struct route - the answer
 * @verdict: is there one?
 * @type: of a route that exists
 * @type_unknown: the route may be by a switch as well as by the host bridge:
 *	whether bridges redirect only root can read
 * @distance: bridges between the two, as p2pdma counts
 * @translated: it was computed for a translated importer
 * @top: the bridge or device where the two ways up meet, or NULL
 * @redirector: the first bridge or device whose ACS redirects, or NULL
 * @redirects: the ACS control bits that do it
 * @unread: the first one whose ACS could not be read, or NULL
 * @host_root: the root devices of importer's and exporter's host bridge
 * @host_state: what is known of these
 * @reason: why there is no route, as the kernel would say it
 */
struct route {
	enum route_verdict verdict;
	enum p2pmap_route type;
	bool type_unknown;
	unsigned int distance;
	bool translated;
	const struct device *top;
	const struct device *redirector;
	uint16_t redirects;
	const struct device *unread;
	const struct device *host_root[2];
	enum host_bridge_state host_state[2];
	struct p2pmap_reason reason;
};

/**
 * route_find() - find the route between two devices
 * @devices: all devices
 * @policy: what is known of host bridges
 * @importer: the device that does DMA
 * @exporter: the device whose memory it is
 * @translated: an IOMMU translates the importer's DMA
 * @out: the route
 */
void route_find(const struct devices *devices, const struct host_policy *policy,
		const struct device *importer, const struct device *exporter,
		bool translated, struct route *out);

/**
 * route_redirects() - the ACS controls of a function that redirect
 * @device: the function
 *
 * Return: bits of PCI_ACS_CTRL; 0 if there are none, or they are not known.
 */
uint16_t route_redirects(const struct device *device);

#define ROUTE_MAX_HOPS 64

/**
 * struct route_hop - a station of the way
 * @device: a device or bridge; NULL for the root complex
 * @descending: the way goes down again
 */
struct route_hop {
	const struct device *device;
	bool descending;
};

/**
 * route_hops() - the way, station by station
 * @route: the route; for one that is blocked, the way that was tried
 * @importer: where it begins
 * @exporter: where it ends
 * @hops: array of ROUTE_MAX_HOPS
 *
 * Return: how many there are.
 */
unsigned int route_hops(const struct route *route,
			const struct device *importer,
			const struct device *exporter, struct route_hop *hops);

/**
 * acs_bits_text() - ACS bits by their short names
 * @bits: of the capability or the control register
 * @buf: receives "SV RR CR UF"; "none" without any
 *
 * Return: @buf.
 */
#define ACS_TEXT_LEN 32
const char *acs_bits_text(uint16_t bits, char buf[ACS_TEXT_LEN]);

#endif /* ROUTE_H */
