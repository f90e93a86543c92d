// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli monitor: what happens, as it happens.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <p2pmap/p2pmap.h>

#include "cli.h"
#include "live-text.h"
#include "live.h"

enum {
	OPT_COUNT = CLI_OPT_FIRST,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "count", required_argument, NULL, OPT_COUNT },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " monitor [OPTION]...\n"
	"\n"
	"Print a line for each mapping that is made, revoked, remapped or ended,\n"
	"each refusal and each device that goes, until interrupted. Takes\n"
	"CAP_NET_ADMIN. Events are best effort; 'lost' says where some are\n"
	"missing.\n"
	"\n"
	"Options:\n"
	"      --count N         end after so many events\n" CLI_OPTIONS_HELP
	"\n"
	"Examples:\n"
	"  " CLI_NAME " monitor\n"
	"  " CLI_NAME " monitor --json | jq -c 'select(.event == \"refuse\")'\n"
	"\n"
	"Exit code: 0 after --count events, 1 it failed, 2 wrong command line,\n"
	"3 p2pmap cannot be used here.\n";

struct monitor {
	struct cli *cli;
	unsigned long left; /* 0: for ever */
};

static int parse(struct monitor *monitor, int argc, char **argv)
{
	char *end;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (opt != OPT_COUNT) {
			ret = cli_option(monitor->cli, opt, help);
			if (ret != CLI_CONTINUE)
				return ret;
			continue;
		}
		monitor->left = strtoul(optarg, &end, 10);
		if (*end || !monitor->left)
			return cli_usage("--count wants a number, not '%s'",
					 optarg);
	}
	return cli_no_operands(argc, argv);
}

static void print_time(void)
{
	struct timeval now;
	struct tm local;
	char text[16];

	gettimeofday(&now, NULL);
	localtime_r(&now.tv_sec, &local);
	strftime(text, sizeof(text), "%H:%M:%S", &local);
	printf("%s.%03ld ", text, (long)now.tv_usec / 1000);
}

static void print_words(json_object *event, const char *key)
{
	json_object *array = json_object_object_get(event, key);

	for (size_t i = 0; i < json_object_array_length(array); i++)
		printf("%s%s", i ? "," : " ",
		       json_object_get_string(
			       json_object_array_get_idx(array, i)));
}

static void print_range(json_object *event)
{
	char offset[24], length[24];

	if (!json_object_object_get(event, "length"))
		return;
	live_size(live_uint(event, "offset"), offset, sizeof(offset));
	live_size(live_uint(event, "length"), length, sizeof(length));
	printf(" %s+%s", offset, length);
}

static void print_mapping(json_object *event)
{
	json_object *mapping = json_object_object_get(event, "mapping");
	char who[64], what[32], size[24];

	if (!mapping)
		return;
	live_who(mapping, who, sizeof(who));
	live_what(mapping, what, sizeof(what));
	live_size(live_uint(mapping, "length"), size, sizeof(size));
	printf(" %" PRIu64 " %s: %s of %s for %s", live_uint(mapping, "id"),
	       who, size, what, live_text(mapping, "importer"));
}

static void print_refusal(json_object *event)
{
	printf(" %s by %" PRIu64 " %s: %s %s", live_text(event, "operation"),
	       live_uint(event, "pid"), live_text(event, "command"),
	       live_text(event, "errno"), live_text(event, "reason"));
	if (*live_text(event, "device"))
		printf(" (%s)", live_text(event, "device"));
}

static void print_gone(json_object *event)
{
	printf(" %s, which imported %" PRIu64 " and exported %" PRIu64,
	       live_text(event, "device"), live_uint(event, "imports"),
	       live_uint(event, "exports"));
}

static void print_lost(json_object *event)
{
	if (json_object_object_get(event, "lost"))
		printf(" %" PRIu64 " events", live_uint(event, "lost"));
	else
		printf(" some events: this program was too slow");
}

static enum paint event_paint(const char *name)
{
	if (!strcmp(name, "map") || !strcmp(name, "remap"))
		return PAINT_GOOD;
	return strcmp(name, "unmap") ? PAINT_WARN : PAINT_DIM;
}

static void print_line(const struct cli *cli, json_object *event)
{
	const char *name = live_text(event, "event");

	print_time();
	paint(cli, stdout, event_paint(name), "%s", name);
	if (!strcmp(name, "refuse")) {
		print_refusal(event);
	} else if (!strcmp(name, "device-gone")) {
		print_gone(event);
	} else if (!strcmp(name, "lost")) {
		print_lost(event);
	} else {
		print_mapping(event);
		print_range(event);
		print_words(event, "reasons");
		print_words(event, "flags");
	}
	putchar('\n');
	fflush(stdout);
}

static bool tell(void *context, json_object *event)
{
	struct monitor *monitor = context;

	if (monitor->cli->json)
		print_json(json_object_get(event), JSON_C_TO_STRING_PLAIN);
	else
		print_line(monitor->cli, event);
	return !monitor->left || --monitor->left;
}

int cmd_monitor(struct cli *cli, int argc, char **argv)
{
	struct monitor monitor = { .cli = cli };
	struct live *live;
	int ret;

	ret = parse(&monitor, argc, argv);
	if (ret == CLI_CONTINUE)
		ret = live_open(cli, &live);
	if (ret != CLI_CONTINUE)
		return ret;
	ret = live_watch(cli, live, tell, &monitor);
	live_close(live);
	return ret == CLI_CONTINUE ? CLI_OK : ret;
}
