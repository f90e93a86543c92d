// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli list: the live mappings, importers or contexts.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <p2pmap/p2pmap.h>

#include "cli.h"
#include "json.h"
#include "live-text.h"
#include "live.h"

enum {
	OPT_DEVICE = CLI_OPT_FIRST,
	OPT_PID,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "pid", required_argument, NULL, OPT_PID },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " list [mappings|importers|contexts] [OPTION]...\n"
	"\n"
	"List what is mapped just now (or which importers are attached, or\n"
	"which contexts are open): all with CAP_NET_ADMIN, else one's own.\n"
	"\n"
	"Options:\n"
	"      --device ADDR     only where this device imports or exports\n"
	"      --pid PID         only what this process has\n" CLI_OPTIONS_HELP
	"\n"
	"FLAG is write, pin, sink, restore. MEMORY is RAM or a device with the\n"
	"number of its BAR. In brackets: a driver in the kernel, which maps.\n"
	"\n"
	"Examples:\n"
	"  " CLI_NAME " list\n"
	"  " CLI_NAME " list --device 0000:03:00.0\n"
	"  " CLI_NAME
	" list --json | jq '.mappings[] | select(.state != \"live\")'\n"
	"\n"
	"Exit code: 0 success, 1 it failed, 2 wrong command line, 3 p2pmap\n"
	"cannot be used here.\n";

struct list {
	enum live_noun noun;
	const char *key;
	char device[P2PMAP_PCI_TEXT_SIZE];
	uint64_t pid;
};

static int parse_noun(struct list *list, const char *word)
{
	static const struct {
		const char *key;
		enum live_noun noun;
	} nouns[] = {
		{ "mappings", LIVE_MAPPING },
		{ "importers", LIVE_IMPORTER },
		{ "contexts", LIVE_CONTEXT },
	};

	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++) {
		if (strcmp(word, nouns[i].key))
			continue;
		list->key = nouns[i].key;
		list->noun = nouns[i].noun;
		return CLI_CONTINUE;
	}
	return cli_usage("list what? mappings, importers or contexts, not '%s'",
			 word);
}

static int parse_option(struct cli *cli, struct list *list, int opt)
{
	struct p2pmap_pci_addr address;
	char *end;

	switch (opt) {
	case OPT_DEVICE:
		if (p2pmap_pci_parse(optarg, &address))
			return cli_usage("'%s' is no PCI address", optarg);
		p2pmap_pci_format(&address, list->device, sizeof(list->device));
		return CLI_CONTINUE;
	case OPT_PID:
		list->pid = strtoul(optarg, &end, 10);
		return *end || !list->pid ?
			       cli_usage("'%s' is no process", optarg) :
			       CLI_CONTINUE;
	}
	return cli_option(cli, opt, help);
}

static int parse(struct cli *cli, struct list *list, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		ret = parse_option(cli, list, opt);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	ret = parse_noun(list, optind < argc ? argv[optind++] : "mappings");
	return ret == CLI_CONTINUE ? cli_no_operands(argc, argv) : ret;
}

static bool is_wanted(const struct list *list, json_object *object)
{
	if (list->pid && live_uint(object, "pid") != list->pid)
		return false;
	return !*list->device ||
	       !strcmp(live_text(object, "importer"), list->device) ||
	       !strcmp(live_text(object, "exporter"), list->device) ||
	       !strcmp(live_text(object, "device"), list->device);
}

/* Hands over those that are wanted, and frees the others. */
static json_object *choose(const struct list *list, json_object *all)
{
	json_object *wanted = json_object_new_array(), *object;

	for (size_t i = 0; i < json_object_array_length(all); i++) {
		object = json_object_array_get_idx(all, i);
		if (is_wanted(list, object))
			json_object_array_add(wanted, json_object_get(object));
	}
	json_object_put(all);
	return wanted;
}

static void print_importer(json_object *importer)
{
	char age[16];

	live_age(live_uint(importer, "age_ms"), age, sizeof(age));
	printf("%6" PRIu64 " %7" PRIu64 "  %-12s  %-16.16s %-10s %8" PRIu64
	       " %4s\n",
	       live_uint(importer, "id"), live_uint(importer, "context"),
	       live_text(importer, "device"), live_text(importer, "driver"),
	       live_text(importer, "mode"), live_uint(importer, "mappings"),
	       age);
}

static void print_context(json_object *context)
{
	char age[16];

	live_age(live_uint(context, "age_ms"), age, sizeof(age));
	printf("%6" PRIu64 " %7" PRIu64 " %7" PRIu64 "  %-16.16s %9" PRIu64
	       " %8" PRIu64 " %4s\n",
	       live_uint(context, "id"), live_uint(context, "uid"),
	       live_uint(context, "pid"), live_text(context, "command"),
	       live_uint(context, "importers"), live_uint(context, "mappings"),
	       age);
}

static void print_head(const struct cli *cli, enum live_noun noun)
{
	if (noun == LIVE_MAPPING) {
		live_mapping_head(cli);
		return;
	}
	if (noun == LIVE_IMPORTER)
		paint(cli, stdout, PAINT_HEAD,
		      "%6s %7s  %-12s  %-16s %-10s %8s %4s", "ID", "CONTEXT",
		      "DEVICE", "DRIVER", "DMA", "MAPPINGS", "AGE");
	else
		paint(cli, stdout, PAINT_HEAD, "%6s %7s %7s  %-16s %9s %8s %4s",
		      "ID", "UID", "PID", "COMMAND", "IMPORTERS", "MAPPINGS",
		      "AGE");
	putchar('\n');
}

static void print_text(const struct cli *cli, const struct list *list,
		       json_object *objects, bool complete)
{
	json_object *object;

	print_head(cli, list->noun);
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		object = json_object_array_get_idx(objects, i);
		if (list->noun == LIVE_MAPPING)
			live_mapping_line(cli, object);
		else if (list->noun == LIVE_IMPORTER)
			print_importer(object);
		else
			print_context(object);
	}
	if (!complete)
		fputs("Something came or went while this was read; what was "
		      "there all the time is here.\n",
		      stderr);
}

int cmd_list(struct cli *cli, int argc, char **argv)
{
	struct list list = { 0 };
	json_object *objects, *document;
	struct live *live;
	bool complete;
	int ret;

	ret = parse(cli, &list, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	ret = live_open(cli, &live);
	if (ret != CLI_CONTINUE)
		return ret;
	ret = live_list(cli, live, list.noun, 0, &objects, &complete);
	live_close(live);
	if (ret != CLI_CONTINUE)
		return ret;
	objects = choose(&list, objects);
	if (!cli->json) {
		print_text(cli, &list, objects, complete);
		json_object_put(objects);
		return CLI_OK;
	}
	document = json_document("list");
	json_add_bool(document, "complete", complete);
	json_object_object_add(document, list.key, objects);
	print_json(document, JSON_C_TO_STRING_PRETTY);
	return CLI_OK;
}
