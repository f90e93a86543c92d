// SPDX-License-Identifier: GPL-2.0-only
/*
 * The topology as a graph, for Graphviz.
 */
#include <stdio.h>

#include "print.h"
#include "topo.h"

static void print_node(const struct device *device)
{
	char bits[ACS_TEXT_LEN], size[SIZE_TEXT_LEN];
	uint16_t redirects = route_redirects(device);

	printf("\t\t\"%s\" [label=\"%s\\n%s", device->address, device->address,
	       device_type_text(device));
	if (!device->header)
		printf("\\n%04x:%04x %s", device->vendor, device->id,
		       device->driver);
	if (device->acs.state == ACS_PRESENT)
		printf("\\nACS %s", acs_bits_text(device->acs.control, bits));
	if (!device->header && device->group >= 0)
		printf("\\ngroup %d, %s", device->group,
		       device_dma_text(device->dma));
	for (unsigned int i = 0; !device->bridge && i < device->nr_bars; i++)
		if (device->bars[i].usable)
			printf("\\nBAR %u: %s", device->bars[i].number,
			       size_text(device->bars[i].size, size));
	printf("\"%s%s];\n", device->header ? "" : ", shape=box",
	       redirects		 ? ", fillcolor=orange" :
	       device_can_export(device) ? ", fillcolor=palegreen" :
	       device_can_import(device) ? ", fillcolor=lightblue" :
					   "");
}

/* A cluster for each root bus, with all that hangs below it. */
static void print_cluster(const struct survey *survey,
			  const struct device *first)
{
	const struct devices *devices = &survey->devices;
	enum host_bridge_state state;
	const struct device *root;

	state = topo_host_bridge(survey, first, &root);
	printf("\tsubgraph \"cluster_%04x_%02x\" {\n", first->domain,
	       first->bus);
	printf("\t\tlabel=\"host bridge %04x:%02x", first->domain, first->bus);
	if (root)
		printf(" (%04x:%04x)", root->vendor, root->id);
	printf("\\n%s\";\n", host_bridge_text(state));
	for (size_t i = 0; i < devices->count; i++)
		if (same_host_bridge(&devices->list[i], first))
			print_node(&devices->list[i]);
	printf("\t}\n");
}

void topo_dot(const struct survey *survey)
{
	const struct devices *devices = &survey->devices;

	printf("digraph topology {\n"
	       "\trankdir=LR;\n"
	       "\tnode [shape=ellipse, style=filled, fillcolor=white, "
	       "fontname=\"sans-serif\", fontsize=10];\n"
	       "\tgraph [fontname=\"sans-serif\", fontsize=11];\n"
	       "\tedge [dir=none];\n");
	for (size_t i = 0; i < devices->count; i++)
		if (topo_is_first(devices, &devices->list[i]))
			print_cluster(survey, &devices->list[i]);
	for (size_t i = 0; i < devices->count; i++)
		if (devices->list[i].upstream)
			printf("\t\"%s\" -> \"%s\";\n",
			       devices->list[i].upstream->address,
			       devices->list[i].address);
	printf("}\n");
}
