// SPDX-License-Identifier: GPL-2.0-only
/*
 * A look at the machine.  See survey.h.
 */
#include "survey.h"

#include <errno.h>

#include "modconf.h"

/* A module that is absent or odd is no failure here, but a finding. */
static void ask_module(struct survey *survey)
{
	int ret = p2pmap_context_open(NULL, &survey->context);

	if (!ret) {
		survey->info.size = sizeof(survey->info);
		ret = p2pmap_context_get_info(survey->context, &survey->info);
	}
	if (!ret)
		return;
	p2pmap_context_close(survey->context);
	survey->context = NULL;
	survey->open_error = ret;
}

void survey_make(struct survey *survey)
{
	*survey = (struct survey){ 0 };
	system_read(&survey->system);
	survey->devices_error = devices_scan(&survey->devices);
	host_policy_read(&survey->policy);
	ask_module(survey);
}

void survey_free(struct survey *survey)
{
	p2pmap_context_close(survey->context);
	devices_free(&survey->devices);
}

enum tristate survey_unenforced(const struct survey *survey)
{
	const char *value = system_parameter(&survey->system, "unenforced");
	char text[16];

	if (survey->context)
		return survey->info.out_flags & P2PMAP_INFO_UNENFORCED ? YES :
									 NO;
	if (!value && !survey->system.module.loaded) {
		if (modconf_lookup(NULL, "unenforced", text, sizeof(text)))
			return NO;
		value = text;
	}
	if (!value)
		return UNKNOWN;
	return value[0] == 'Y' || value[0] == 'y' || value[0] == '1' ? YES : NO;
}

static struct p2pmap_pci_addr pci_of(const struct device *device)
{
	return (struct p2pmap_pci_addr){ .domain = device->domain,
					 .bus = device->bus,
					 .devfn = device->devfn };
}

void survey_try_attach(const struct survey *survey, const struct device *device,
		       struct attach_trial *out)
{
	struct p2pmap_pci_addr pci = pci_of(device);
	struct p2pmap_importer *importer;

	*out = (struct attach_trial){ .reason.size = sizeof(out->reason) };
	out->tried = survey->context;
	if (!out->tried)
		return;
	out->error = p2pmap_importer_attach(survey->context, &pci, NULL,
					    &out->reason, &importer);
	if (out->error)
		return;
	out->translated = p2pmap_importer_mode(importer) ==
			  P2PMAP_DMA_TRANSLATED;
	out->enforced = p2pmap_importer_is_enforced(importer);
	out->dma_mask = p2pmap_importer_dma_mask(importer);
	p2pmap_importer_detach(importer);
}

/*
 * Only an answer about the route counts: an importer that cannot be attached
 * and a module that is too old to know the question say nothing about it.
 */
void survey_ask_route(const struct survey *survey,
		      const struct device *importer,
		      const struct device *exporter, struct route_answer *out)
{
	struct p2pmap_pci_addr from = pci_of(importer), to = pci_of(exporter);
	struct p2pmap_route_info info = { .size = sizeof(info) };

	*out = (struct route_answer){ .reason.size = sizeof(out->reason) };
	if (!survey->context)
		return;
	out->error = p2pmap_context_route(survey->context, &from, &to, &info,
					  &out->reason);
	out->asked = !out->error || out->error == -EHOSTUNREACH;
	if (out->error)
		return;
	out->type = info.route;
	out->distance = info.distance;
	out->translated = info.mode == P2PMAP_DMA_TRANSLATED;
}
