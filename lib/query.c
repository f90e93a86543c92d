// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The query: what a range is, asked without touching it.
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
