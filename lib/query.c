// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Queries: what a range is, asked without touching it; and which way there is
 * between two devices.
 */
#include <inttypes.h>
#include <stdio.h>

#include "private.h"

int p2pmap_context_query(struct p2pmap_context *ctx,
			 const struct p2pmap_importer *importer,
			 const void *addr, uint64_t length, uint32_t flags,
			 struct p2pmap_query *query,
			 struct p2pmap_reason *reason)
{
	struct p2pmap_reason why = { .size = sizeof(why) };
	struct p2pmap_query known = {
		.size = sizeof(known),
		.flags = flags,
		.importer = importer ? importer->info.id : 0,
		.addr = (uintptr_t)addr,
		.length = length,
		.reason = (uintptr_t)&why,
	};
	char what[80];
	int error;

	error = p2pmap_struct_check_out(query->size);
	if (!error)
		error = p2pmap_reason_check(reason);
	if (error)
		return error;
	error = p2pmap_ioctl(ctx, P2PMAP_IOC_QUERY, &known);
	if (error) {
		snprintf(what, sizeof(what),
			 "query of %" PRIu64 " bytes at %p failed", length,
			 addr);
		return p2pmap_reason_fail(ctx, what, error, &why, reason);
	}
	known.reason = 0;
	p2pmap_struct_copy_out(query, query->size, &known, sizeof(known));
	return 0;
}

static void route_describe(const struct p2pmap_route_query *query, char *buf,
			   size_t size)
{
	char importer[P2PMAP_PCI_TEXT_SIZE], exporter[P2PMAP_PCI_TEXT_SIZE];

	p2pmap_pci_format(&query->importer, importer, sizeof(importer));
	p2pmap_pci_format(&query->exporter, exporter, sizeof(exporter));
	snprintf(buf, size, "%s has no route to %s", importer, exporter);
}

int p2pmap_context_route(struct p2pmap_context *ctx,
			 const struct p2pmap_pci_addr *importer,
			 const struct p2pmap_pci_addr *exporter,
			 struct p2pmap_route_info *info,
			 struct p2pmap_reason *reason)
{
	struct p2pmap_reason why = { .size = sizeof(why) };
	struct p2pmap_route_query query = {
		.size = sizeof(query),
		.importer = *importer,
		.exporter = *exporter,
		.reason = (uintptr_t)&why,
	};
	struct p2pmap_route_info known = { .size = sizeof(known) };
	char what[80];
	int error;

	error = p2pmap_struct_check_out(info->size);
	if (!error)
		error = p2pmap_reason_check(reason);
	if (error)
		return error;
	error = p2pmap_ioctl(ctx, P2PMAP_IOC_ROUTE, &query);
	if (error) {
		route_describe(&query, what, sizeof(what));
		return p2pmap_reason_fail(ctx, what, error, &why, reason);
	}
	known.route = query.out_route;
	known.distance = query.out_distance;
	known.mode = query.out_mode;
	p2pmap_struct_copy_out(info, info->size, &known, sizeof(known));
	return 0;
}
