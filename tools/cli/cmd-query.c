// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli query: say what map would do, and change nothing.
 */
#include "cli.h"
#include "print.h"
#include "target.h"

static const struct option options[] = {
	CLI_OPTIONS,
	TARGET_OPTIONS,
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " query --importer ADDR (--bar ADDR:N | --ram)"
	" [OPTION]...\n"
	"\n"
	"Say what map would do with the same options. Nothing is mapped for\n"
	"the importer, no page is faulted in, nothing is charged.\n"
	"\n"
	"Options:\n" TARGET_OPTIONS_HELP CLI_OPTIONS_HELP "\n"
	"Exit code: 0 map would work as far as can be known, 1 it would not,\n"
	"2 wrong command line, 3 p2pmap cannot be used here.\n";

static int parse(struct cli *cli, struct target *target, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		ret = target_option(target, opt);
		if (ret == CLI_UNKNOWN_OPTION)
			ret = cli_option(cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	ret = cli_no_operands(argc, argv);
	return ret == CLI_CONTINUE ? target_check(target) : ret;
}

static void print_exporter(const struct p2pmap_query *query)
{
	char address[P2PMAP_PCI_TEXT_SIZE];

	p2pmap_pci_format(&query->out_exporter, address, sizeof(address));
	print_field("exporter", "%s, BAR %u from 0x%jx", address,
		    query->out_bar, (uintmax_t)query->out_bar_offset);
	print_field("route", "%s, %u bridges apart",
		    p2pmap_route_name(query->out_route), query->out_distance);
}

static void print_text(const struct cli *cli, const struct target *target,
		       const struct p2pmap_query *query)
{
	print_heading(cli, "map would work");
	target_print(target);
	print_field("kind", "%s", p2pmap_kind_name(query->out_kind));
	if (query->out_kind == P2PMAP_KIND_BAR)
		print_exporter(query);
	print_field("enforced", "%s",
		    p2pmap_importer_is_enforced(target->importer) ? "yes" :
								    "no");
}

static void print_object(const struct target *target,
			 const struct p2pmap_query *query)
{
	json_object *object = json_object_new_object();
	char address[P2PMAP_PCI_TEXT_SIZE];

	target_json(target, object);
	json_add_string(object, "kind", p2pmap_kind_name(query->out_kind));
	if (query->out_kind == P2PMAP_KIND_BAR) {
		p2pmap_pci_format(&query->out_exporter, address,
				  sizeof(address));
		json_add_string(object, "exporter", address);
		json_add_uint(object, "bar", query->out_bar);
		json_add_uint(object, "bar_offset", query->out_bar_offset);
		json_add_string(object, "route",
				p2pmap_route_name(query->out_route));
		json_add_uint(object, "distance", query->out_distance);
	}
	print_json(object, JSON_C_TO_STRING_PRETTY);
}

static int query(const struct cli *cli, struct target *target)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_query query = { .size = sizeof(query) };
	int ret;

	ret = p2pmap_context_query(target->context, target->importer,
				   target->addr, target->length, target->flags,
				   &query, &reason);
	if (ret)
		return target_fail(cli, ret, &reason, "map would fail");
	if (cli->json)
		print_object(target, &query);
	else
		print_text(cli, target, &query);
	return CLI_OK;
}

int cmd_query(struct cli *cli, int argc, char **argv)
{
	struct target target = { 0 };
	int ret;

	ret = parse(cli, &target, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	ret = target_open(cli, &target);
	if (ret == CLI_CONTINUE)
		ret = query(cli, &target);
	target_close(&target);
	return ret;
}
