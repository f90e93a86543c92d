// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli top: the largest mappings and the rates, refreshed.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "live-text.h"
#include "live.h"

enum {
	OPT_INTERVAL = CLI_OPT_FIRST,
	OPT_COUNT,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " top [OPTION]...\n"
	"\n"
	"Show the largest mappings, and what happens in a second, refreshed\n"
	"until interrupted. The rates take CAP_NET_ADMIN.\n"
	"\n"
	"Options:\n"
	"      --interval SECONDS  between two screens (2)\n"
	"      --count N         end after so many screens\n" CLI_OPTIONS_HELP
	"\n"
	"With --json each screen is one line, as of 'list' and 'stats'.\n"
	"\n"
	"Examples:\n"
	"  " CLI_NAME " top\n"
	"  " CLI_NAME " top --interval 10\n"
	"\n"
	"Exit code: 0 after --count screens, 1 it failed, 2 wrong command line,\n"
	"3 p2pmap cannot be used here.\n";

static const char *const rates[] = { "maps", "unmaps", "revocations",
				     "restores", "refusals" };

#define NR_RATES (sizeof(rates) / sizeof(rates[0]))

struct top {
	struct cli *cli;
	struct live *live;
	unsigned long interval;
	unsigned long left; /* 0: for ever */
	uint64_t last[NR_RATES];
	bool know_last;
};

static int parse_number(const char *name, const char *text, unsigned long *out)
{
	char *end;

	*out = strtoul(text, &end, 10);
	return *end || !*out ?
		       cli_usage("--%s wants a number, not '%s'", name, text) :
		       CLI_CONTINUE;
}

static int parse(struct top *top, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (opt == OPT_INTERVAL)
			ret = parse_number("interval", optarg, &top->interval);
		else if (opt == OPT_COUNT)
			ret = parse_number("count", optarg, &top->left);
		else
			ret = cli_option(top->cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	return cli_no_operands(argc, argv);
}

static int larger_first(const void *a, const void *b)
{
	json_object *x = *(json_object *const *)a;
	json_object *y = *(json_object *const *)b;
	uint64_t size_x = live_uint(x, "length");
	uint64_t size_y = live_uint(y, "length");

	return size_x < size_y ? 1 : -(size_x > size_y);
}

static unsigned int screen_lines(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		return 24;
	return size.ws_row;
}

static void print_rates(struct top *top, json_object *stats)
{
	uint64_t now;

	for (size_t i = 0; stats && i < NR_RATES; i++) {
		now = live_uint(stats, rates[i]);
		if (top->know_last)
			printf("%s%s %" PRIu64 "/s", i ? ", " : "", rates[i],
			       (now - top->last[i]) / top->interval);
		else
			printf("%s%s %" PRIu64, i ? ", " : "", rates[i], now);
		top->last[i] = now;
	}
	top->know_last = stats;
	putchar('\n');
}

static void print_screen(struct top *top, json_object *mappings,
			 json_object *stats)
{
	size_t nr = json_object_array_length(mappings);
	unsigned int lines = screen_lines();
	uint64_t total = 0;
	char size[SIZE_TEXT_LEN];

	for (size_t i = 0; i < nr; i++)
		total += live_uint(json_object_array_get_idx(mappings, i),
				   "length");
	json_object_array_sort(mappings, larger_first);
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	printf("%zu mappings, %s\n", nr, size_text(total, size));
	print_rates(top, stats);
	live_mapping_head(top->cli);
	for (size_t i = 0; i < nr && i + 4 < lines; i++)
		live_mapping_line(top->cli,
				  json_object_array_get_idx(mappings, i));
	fflush(stdout);
}

static int show(struct top *top)
{
	json_object *mappings, *stats = NULL, *line;
	bool complete;
	int ret;

	ret = live_list(top->cli, top->live, LIVE_MAPPING, 0, &mappings,
			&complete);
	if (ret != CLI_CONTINUE)
		return ret;
	/* Without the privilege there are no rates: no failure. */
	if (live_stats(NULL, top->live, &stats) != CLI_CONTINUE)
		stats = NULL;
	if (top->cli->json) {
		line = json_object_new_object();
		json_object_object_add(line, "mappings", mappings);
		json_object_object_add(line, "stats", stats);
		print_json(line, JSON_C_TO_STRING_PLAIN);
		return CLI_CONTINUE;
	}
	print_screen(top, mappings, stats);
	json_object_put(mappings);
	json_object_put(stats);
	return CLI_CONTINUE;
}

int cmd_top(struct cli *cli, int argc, char **argv)
{
	struct top top = { .cli = cli, .interval = 2 };
	int ret;

	ret = parse(&top, argc, argv);
	if (ret == CLI_CONTINUE)
		ret = live_open(cli, &top.live);
	if (ret != CLI_CONTINUE)
		return ret;
	for (;;) {
		ret = show(&top);
		if (ret != CLI_CONTINUE || (top.left && !--top.left))
			break;
		sleep(top.interval);
	}
	live_close(top.live);
	return ret == CLI_CONTINUE ? CLI_OK : ret;
}
