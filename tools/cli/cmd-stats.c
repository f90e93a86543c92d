// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli stats: what the module counted since it was loaded.
 */
#include <inttypes.h>

#include "cli.h"
#include "json.h"
#include "live.h"

static const struct option options[] = {
	CLI_OPTIONS,
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " stats [OPTION]...\n"
	"\n"
	"Print what was counted since the module was loaded, and what was\n"
	"refused for which reason. Takes CAP_NET_ADMIN.\n"
	"\n"
	"Options:\n" CLI_OPTIONS_HELP "\n"
	"Examples:\n"
	"  " CLI_NAME " stats\n"
	"  " CLI_NAME " stats --json | jq '.stats.refused[]'\n"
	"\n"
	"Exit code: 0 success, 1 it failed, 2 wrong command line, 3 p2pmap\n"
	"cannot be used here.\n";

static const struct {
	const char *key;
	const char *label;
} counters[] = {
	{ "maps", "mappings made" },
	{ "unmaps", "mappings ended" },
	{ "revocations", "revocations: times a device was cut off" },
	{ "outdated", "times a mapping stayed and got stale" },
	{ "remaps", "times a remap brought something back" },
	{ "restores", "times the kernel brought it back itself" },
	{ "events", "events told to owners of mappings" },
	{ "devices_gone", "importers and exporters that went" },
	{ "notices", "notices to listeners of 'monitor'" },
	{ "notices_lost", "notices for which there was no room" },
	{ "quarantined_pages", "pages in quarantine now" },
	{ "refusals", "refusals" },
};

static void print_text(const struct cli *cli, json_object *stats)
{
	json_object *refused = json_object_object_get(stats, "refused"), *one;

	print_heading(cli, "since the module was loaded");
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		printf("  %12" PRIu64 "  %s\n",
		       live_uint(stats, counters[i].key), counters[i].label);
	for (size_t i = 0; i < json_object_array_length(refused); i++) {
		one = json_object_array_get_idx(refused, i);
		printf("  %12" PRIu64 "    %s\n", live_uint(one, "count"),
		       live_text(one, "reason"));
	}
}

int cmd_stats(struct cli *cli, int argc, char **argv)
{
	json_object *stats, *document;
	struct live *live;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		ret = cli_option(cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	ret = cli_no_operands(argc, argv);
	if (ret == CLI_CONTINUE)
		ret = live_open(cli, &live);
	if (ret != CLI_CONTINUE)
		return ret;
	ret = live_stats(cli, live, &stats);
	live_close(live);
	if (ret != CLI_CONTINUE)
		return ret;
	if (cli->json) {
		document = json_document("stats");
		json_object_object_add(document, "stats", stats);
		print_json(document, JSON_C_TO_STRING_PRETTY);
	} else {
		print_text(cli, stats);
		json_object_put(stats);
	}
	return CLI_OK;
}
