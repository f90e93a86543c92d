// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli topo: host bridges, bridges and devices, and the route of every
 * pair of an importer and an exporter.
 */
#include <errno.h>
#include <string.h>

#include "print.h"
#include "topo.h"
#include "verdict.h"

enum {
	OPT_DOT = CLI_OPT_FIRST,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "dot", no_argument, NULL, OPT_DOT },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " topo [--dot] [OPTION]...\n"
	"\n"
	"Show the tree of host bridges, bridges and devices, with what each\n"
	"bridge redirects (ACS) and what stands between devices and memory\n"
	"(IOMMU); then the route of every importer to every exporter, and\n"
	"how many bridges apart they are.\n"
	"\n"
	"Options:\n"
	"      --dot             print a graph for Graphviz\n" CLI_OPTIONS_HELP
	"\n"
	"Examples:\n"
	"  sudo " CLI_NAME " topo       (only root sees ACS)\n"
	"  sudo " CLI_NAME " topo --dot | dot -Tsvg >topology.svg\n"
	"  " CLI_NAME " topo --json | jq '.routes[] |"
	" select(.route == \"none\")'\n"
	"\n"
	"Exit code: 0 success, 1 no PCI devices, 2 wrong command line.\n";

static int parse(struct cli *cli, bool *dot, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (opt == OPT_DOT) {
			*dot = true;
			continue;
		}
		ret = cli_option(cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	if (*dot && cli->json)
		return cli_usage("give either --dot or --json");
	return cli_no_operands(argc, argv);
}

const struct device *topo_next(const struct devices *devices,
			       const struct device *device,
			       bool (*is)(const struct device *device))
{
	device = device ? device + 1 : devices->list;
	for (; device && device < devices->list + devices->count; device++)
		if (is(device))
			return device;
	return NULL;
}

bool topo_is_first(const struct devices *devices, const struct device *device)
{
	if (device->upstream)
		return false;
	/* They are sorted by address. */
	for (size_t i = 0; i < devices->count; i++)
		if (!devices->list[i].upstream &&
		    same_host_bridge(&devices->list[i], device))
			return &devices->list[i] == device;
	return false;
}

enum host_bridge_state topo_host_bridge(const struct survey *survey,
					const struct device *device,
					const struct device **root)
{
	enum host_bridge_state state;
	bool known;

	*root = host_bridge_root(&survey->devices, device, &known);
	state = host_bridge_judge(&survey->policy, *root);
	return !known && state == HOST_BRIDGE_UNLISTED ? HOST_BRIDGE_UNKNOWN :
							 state;
}

void topo_route(const struct survey *survey, const struct device *importer,
		const struct device *exporter, struct route *out)
{
	struct route_answer answer;

	route_find(&survey->devices, &survey->policy, importer, exporter,
		   device_translated(importer), out);
	if (out->verdict != ROUTE_UNKNOWN && !out->type_unknown)
		return;
	survey_ask_route(survey, importer, exporter, &answer);
	if (answer.asked)
		route_take(out, &answer);
}

int cmd_topo(struct cli *cli, int argc, char **argv)
{
	struct survey survey;
	bool dot = false;
	int ret;

	ret = parse(cli, &dot, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	survey_make(&survey);
	ret = CLI_OK;
	if (survey.devices_error)
		ret = cli_fail(cli, -survey.devices_error, NULL, NULL,
			       "cannot list the PCI devices");
	else if (dot)
		topo_dot(&survey);
	else if (cli->json)
		topo_json(&survey);
	else
		topo_text(cli, &survey);
	survey_free(&survey);
	return ret;
}
