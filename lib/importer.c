// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The importer: a PCI device that was attached to a context.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "private.h"

static int attach(struct p2pmap_context *ctx, struct p2pmap_attach *attach,
		  struct p2pmap_reason *reason)
{
	struct p2pmap_reason why = { .size = sizeof(why) };
	char pci[P2PMAP_PCI_TEXT_SIZE];
	char what[64];
	int error;

	attach->reason = (uintptr_t)&why;
	error = p2pmap_ioctl(ctx, P2PMAP_IOC_ATTACH, attach);
	if (!error)
		return 0;
	p2pmap_pci_format(&attach->pci, pci, sizeof(pci));
	snprintf(what, sizeof(what), "cannot attach %s", pci);
	return p2pmap_reason_fail(ctx, what, error, &why, reason);
}

int p2pmap_importer_attach(struct p2pmap_context *ctx,
			   const struct p2pmap_pci_addr *pci,
			   const struct p2pmap_attach_opts *opts,
			   struct p2pmap_reason *reason,
			   struct p2pmap_importer **out)
{
	struct p2pmap_attach request = { .size = sizeof(request), .pci = *pci };
	struct p2pmap_importer *importer;
	struct p2pmap_attach_opts known;
	int error;

	error = p2pmap_reason_check(reason);
	if (!error)
		error = p2pmap_opts_copy(&known, sizeof(known), opts);
	if (error)
		return error;
	if (known.reserved)
		return -EINVAL;
	importer = calloc(1, sizeof(*importer));
	if (!importer)
		return -ENOMEM;
	request.dma_bits = known.dma_bits;
	error = attach(ctx, &request, reason);
	if (error) {
		free(importer);
		return error;
	}
	importer->info = (struct p2pmap_importer_info){
		.size = sizeof(importer->info),
		.id = request.out_id,
		.pci = *pci,
		.mode = request.out_mode,
		.flags = request.out_flags,
		.group = request.out_group,
		.dma_mask = request.out_dma_mask,
	};
	p2pmap_handle_link(ctx, &importer->handle);
	*out = importer;
	return 0;
}

int p2pmap_importer_adopt(struct p2pmap_context *ctx,
			  const struct p2pmap_importer_info *info,
			  struct p2pmap_importer **out)
{
	struct p2pmap_importer *importer;
	int error = p2pmap_struct_check_out(info->size);

	if (error)
		return error;
	importer = calloc(1, sizeof(*importer));
	if (!importer)
		return -ENOMEM;
	error = p2pmap_struct_copy_in(&importer->info, sizeof(importer->info),
				      info, info->size);
	if (!error && !importer->info.id)
		error = -EINVAL;
	if (error) {
		free(importer);
		return error;
	}
	importer->info.size = sizeof(importer->info);
	p2pmap_handle_link(ctx, &importer->handle);
	*out = importer;
	return 0;
}

int p2pmap_importer_detach(struct p2pmap_importer *importer)
{
	struct p2pmap_detach detach = { .size = sizeof(detach) };
	int error;

	if (!importer)
		return 0;
	detach.id = importer->info.id;
	error = p2pmap_ioctl_log(importer->handle.ctx, P2PMAP_IOC_DETACH,
				 &detach, "cannot detach the importer");
	if (error != -EBUSY)
		p2pmap_handle_free(&importer->handle);
	return error;
}

int p2pmap_importer_get_info(const struct p2pmap_importer *importer,
			     struct p2pmap_importer_info *info)
{
	int error = p2pmap_struct_check_out(info->size);

	if (error)
		return error;
	p2pmap_struct_copy_out(info, info->size, &importer->info,
			       sizeof(importer->info));
	return 0;
}

uint32_t p2pmap_importer_id(const struct p2pmap_importer *importer)
{
	return importer->info.id;
}

const struct p2pmap_pci_addr *
p2pmap_importer_pci(const struct p2pmap_importer *importer)
{
	return &importer->info.pci;
}

enum p2pmap_dma_mode
p2pmap_importer_mode(const struct p2pmap_importer *importer)
{
	return (enum p2pmap_dma_mode)importer->info.mode;
}

bool p2pmap_importer_is_enforced(const struct p2pmap_importer *importer)
{
	return importer->info.flags & P2PMAP_IMPORTER_ENFORCED;
}

uint32_t p2pmap_importer_group(const struct p2pmap_importer *importer)
{
	return importer->info.group;
}

uint64_t p2pmap_importer_dma_mask(const struct p2pmap_importer *importer)
{
	return importer->info.dma_mask;
}
