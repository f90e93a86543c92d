// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli map: map a BAR or fresh RAM for an importer and hold it.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "hold.h"
#include "print.h"
#include "target.h"

#define MAX_TIMEOUT (INT_MAX / 1000)
#define EVENTS_AT_ONCE 16

/**
 * struct map - one run of the command
 * @cli: the common options
 * @target: range and importer
 * @mapping: what is held
 * @watch: print events
 * @count: end after so many events, 0 for no limit
 * @timeout: seconds to hold, if @have_timeout
 * @have_timeout: --timeout was given
 * @seen: events so far
 * @start: when it was mapped
 */
struct map {
	struct cli *cli;
	struct target target;
	struct p2pmap_mapping *mapping;
	bool watch;
	unsigned int count;
	unsigned int timeout;
	bool have_timeout;
	unsigned int seen;
	struct timespec start;
};

enum {
	OPT_SINK = TARGET_OPT_FIRST,
	OPT_RESTORE,
	OPT_WATCH,
	OPT_COUNT,
	OPT_TIMEOUT,
};

static const struct option options[] = {
	CLI_OPTIONS,
	TARGET_OPTIONS,
	{ "sink", no_argument, NULL, OPT_SINK },
	{ "restore", no_argument, NULL, OPT_RESTORE },
	{ "watch", no_argument, NULL, OPT_WATCH },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " map --importer ADDR (--bar ADDR:N | --ram)"
	" [OPTION]...\n"
	"\n"
	"Map a BAR, or fresh RAM, for an importer, print its DMA addresses,\n"
	"and hold the mapping until a key, the end of standard input or a\n"
	"signal.\n"
	"\n"
	"Options:\n" TARGET_OPTIONS_HELP
	"      --sink            DMA to what was revoked hits a sink\n"
	"      --restore         have revoked memory back without asking\n"
	"      --watch           print events as they come\n"
	"      --count N         end after N events (implies --watch)\n"
	"      --timeout SECONDS end after this time. With --timeout or\n"
	"                        --count, standard input counts only if it\n"
	"                        is a terminal\n" CLI_OPTIONS_HELP "\n"
	"With --json every line is one object: the mapping, then the events.\n"
	"\n"
	"Exit code: 0 it was mapped and unmapped, 1 it could not be mapped,\n"
	"2 wrong command line, 3 p2pmap cannot be used here.\n";

static int parse_count(struct map *map)
{
	map->watch = true;
	if (cli_parse_uint(optarg, UINT_MAX, &map->count) && map->count)
		return CLI_CONTINUE;
	return cli_usage("--count is a number of events");
}

static int parse_timeout(struct map *map)
{
	map->have_timeout = true;
	if (cli_parse_uint(optarg, MAX_TIMEOUT, &map->timeout))
		return CLI_CONTINUE;
	return cli_usage("--timeout is a number of seconds");
}

static int parse_own(struct map *map, int opt)
{
	switch (opt) {
	case OPT_SINK:
		map->target.flags |= P2PMAP_MAP_SINK;
		return CLI_CONTINUE;
	case OPT_RESTORE:
		map->target.flags |= P2PMAP_MAP_RESTORE;
		return CLI_CONTINUE;
	case OPT_WATCH:
		map->watch = true;
		return CLI_CONTINUE;
	case OPT_COUNT:
		return parse_count(map);
	case OPT_TIMEOUT:
		return parse_timeout(map);
	default:
		return cli_option(map->cli, opt, help);
	}
}

static int parse(struct map *map, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		ret = target_option(&map->target, opt);
		if (ret == CLI_UNKNOWN_OPTION)
			ret = parse_own(map, opt);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	ret = cli_no_operands(argc, argv);
	return ret == CLI_CONTINUE ? target_check(&map->target) : ret;
}

static const char *enforced_text(const struct map *map)
{
	uint32_t flags = p2pmap_mapping_flags(map->mapping);

	return flags & P2PMAP_MAPPING_ENFORCED ?
		       "yes: revoked memory is out of the importer's reach" :
		       "no: nothing keeps the importer from its old addresses";
}

static void print_extents(const struct map *map)
{
	const struct p2pmap_extent *extents;
	char size[SIZE_TEXT_LEN];
	size_t count;

	extents = p2pmap_mapping_extents(map->mapping, &count);
	for (size_t i = 0; i < count; i++)
		print_field(i ? "" : "extents", "0x%016" PRIx64 "  %s",
			    (uint64_t)extents[i].dma_addr,
			    size_text(extents[i].length, size));
}

static void print_mapping(const struct map *map)
{
	const struct p2pmap_mapping *mapping = map->mapping;
	const struct p2pmap_pci_addr *exporter;
	char address[P2PMAP_PCI_TEXT_SIZE];

	print_heading(map->cli, "mapped");
	target_print(&map->target);
	print_field("kind", "%s",
		    p2pmap_kind_name(p2pmap_mapping_kind(mapping)));
	exporter = p2pmap_mapping_exporter(mapping);
	if (exporter) {
		p2pmap_pci_format(exporter, address, sizeof(address));
		print_field("exporter", "%s", address);
		print_field("route", "%s",
			    p2pmap_route_name(p2pmap_mapping_route(mapping)));
	}
	print_field("enforced", "%s", enforced_text(map));
	print_field("pinned", "%s",
		    p2pmap_mapping_flags(mapping) & P2PMAP_MAPPING_PINNED ?
			    "yes" :
			    "no");
	print_field("generation", "%" PRIu64,
		    p2pmap_mapping_generation(mapping));
	print_extents(map);
	fflush(stdout);
}

static json_object *extents_json(const struct map *map)
{
	json_object *array = json_object_new_array();
	const struct p2pmap_extent *extents;
	size_t count;

	extents = p2pmap_mapping_extents(map->mapping, &count);
	for (size_t i = 0; i < count; i++) {
		json_object *extent = json_object_new_object();

		json_add_uint(extent, "dma_addr", extents[i].dma_addr);
		json_add_uint(extent, "length", extents[i].length);
		json_object_array_add(array, extent);
	}
	return array;
}

static void mapping_json(const struct map *map)
{
	const struct p2pmap_mapping *mapping = map->mapping;
	uint32_t flags = p2pmap_mapping_flags(mapping);
	json_object *object = json_object_new_object();
	const struct p2pmap_pci_addr *exporter;
	char address[P2PMAP_PCI_TEXT_SIZE];

	json_add_string(object, "type", "mapping");
	json_add_uint(object, "mapping", p2pmap_mapping_id(mapping));
	target_json(&map->target, object);
	json_add_string(object, "kind",
			p2pmap_kind_name(p2pmap_mapping_kind(mapping)));
	exporter = p2pmap_mapping_exporter(mapping);
	if (exporter)
		json_add_string(object, "exporter",
				p2pmap_pci_format(exporter, address,
						  sizeof(address)));
	json_add_string(object, "route",
			p2pmap_route_name(p2pmap_mapping_route(mapping)));
	json_add_bool(object, "enforced", flags & P2PMAP_MAPPING_ENFORCED);
	json_add_bool(object, "pinned", flags & P2PMAP_MAPPING_PINNED);
	json_add_bool(object, "live", flags & P2PMAP_MAPPING_LIVE);
	json_add_uint(object, "generation", p2pmap_mapping_generation(mapping));
	json_object_object_add(object, "extents", extents_json(map));
	print_json(object, JSON_C_TO_STRING_PLAIN);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec +
	       (now.tv_nsec - start->tv_nsec) / 1e9;
}

static json_object *reasons_json(uint32_t reasons)
{
	json_object *array = json_object_new_array();
	const char *name;

	for (uint32_t bit = 1; bit; bit <<= 1) {
		if (!(reasons & bit))
			continue;
		name = p2pmap_event_reason_name(bit);
		json_object_array_add(
			array, json_object_new_string(name ? name : "unknown"));
	}
	return array;
}

static void event_json(const struct map *map, const struct p2pmap_event *event)
{
	json_object *object = json_object_new_object();
	char seconds[32];

	json_add_string(object, "type", "event");
	snprintf(seconds, sizeof(seconds), "%.3f", seconds_since(&map->start));
	json_object_object_add(object, "seconds",
			       json_object_new_double_s(atof(seconds),
							seconds));
	json_add_uint(object, "mapping", event->mapping);
	json_object_object_add(object, "reasons", reasons_json(event->reasons));
	json_add_uint(object, "offset", event->offset);
	json_add_uint(object, "length", event->length);
	json_add_uint(object, "cut_offset", event->cut_offset);
	json_add_uint(object, "cut_length", event->cut_length);
	json_add_bool(object, "sink", event->flags & P2PMAP_EVENT_SINK);
	json_add_bool(object, "not_cut", event->flags & P2PMAP_EVENT_NOT_CUT);
	json_add_uint(object, "generation", event->generation);
	print_json(object, JSON_C_TO_STRING_PLAIN);
}

static void print_reasons(const struct cli *cli, uint32_t reasons)
{
	const char *separator = "";
	const char *name;

	for (uint32_t bit = 1; bit; bit <<= 1) {
		if (!(reasons & bit))
			continue;
		name = p2pmap_event_reason_name(bit);
		paint(cli, stdout, PAINT_WARN, "%s%s", separator,
		      name ? name : "unknown");
		separator = ", ";
	}
}

static void event_text(const struct map *map, const struct p2pmap_event *event)
{
	char size[SIZE_TEXT_LEN];

	printf("+%.3fs  ", seconds_since(&map->start));
	print_reasons(map->cli, event->reasons);
	printf("  %s at 0x%" PRIx64, size_text(event->length, size),
	       (uint64_t)event->offset);
	if (event->cut_length)
		printf("; cut off: %s at 0x%" PRIx64,
		       size_text(event->cut_length, size),
		       (uint64_t)event->cut_offset);
	if (event->flags & P2PMAP_EVENT_SINK)
		printf("; sink in place");
	if (event->flags & P2PMAP_EVENT_NOT_CUT)
		printf("; the importer still reaches it");
	printf("; generation %" PRIu64 "\n", (uint64_t)event->generation);
	fflush(stdout);
}

/* The context does not block: another reader may have been faster. */
static bool on_event(void *user)
{
	struct p2pmap_event events[EVENTS_AT_ONCE];
	struct map *map = user;
	int n;

	n = p2pmap_context_read_events(map->target.context, events,
				       EVENTS_AT_ONCE);
	for (int i = 0; i < n; i++) {
		if (map->cli->json)
			event_json(map, &events[i]);
		else
			event_text(map, &events[i]);
		if (++map->seen == map->count)
			return false;
	}
	/* What stays readable without giving events would spin. */
	return n >= 0 || n == -EAGAIN || n == -EINTR;
}

static int hold(struct map *map)
{
	bool limited = map->have_timeout || map->count;
	struct hold hold = {
		.input = !limited || isatty(STDIN_FILENO),
		.timeout_ms = map->have_timeout ? (int)map->timeout * 1000 : -1,
		.event_fd = map->watch ?
				    p2pmap_context_fd(map->target.context) :
				    -1,
		.on_event = on_event,
		.user = map,
	};

	if (hold.input && isatty(STDIN_FILENO))
		fputs("Press a key to unmap.\n", stderr);
	if (hold_wait(&hold) == HOLD_ERROR)
		return cli_fail(map->cli, errno, NULL, NULL, "cannot wait");
	return CLI_OK;
}

static int unmap(struct map *map)
{
	int ret = p2pmap_mapping_unmap(map->mapping);

	if (ret)
		return cli_fail(map->cli, -ret, NULL, NULL, "cannot unmap");
	if (!map->cli->json)
		puts("unmapped");
	return CLI_OK;
}

static int map_and_hold(struct map *map)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct target *target = &map->target;
	int ret;

	ret = p2pmap_mapping_map(target->importer, target->addr, target->length,
				 target->flags, NULL, &reason, &map->mapping);
	if (ret)
		return target_fail(map->cli, ret, &reason, "cannot map");
	clock_gettime(CLOCK_MONOTONIC, &map->start);
	if (map->cli->json)
		mapping_json(map);
	else
		print_mapping(map);
	ret = hold(map);
	return unmap(map) == CLI_OK ? ret : CLI_FAILED;
}

int cmd_map(struct cli *cli, int argc, char **argv)
{
	struct map map = { .cli = cli };
	int ret;

	ret = parse(&map, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	hold_block_signals();
	ret = target_open(cli, &map.target);
	if (ret == CLI_CONTINUE)
		ret = map_and_hold(&map);
	target_close(&map.target);
	return ret;
}
