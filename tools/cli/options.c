// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the commands share in parsing their command lines.
 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_color(struct cli *cli, const char *when)
{
	static const char *const names[] = {
		[CLI_COLOR_AUTO] = "auto",
		[CLI_COLOR_ALWAYS] = "always",
		[CLI_COLOR_NEVER] = "never",
	};

	if (!when)
		when = "always";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], when))
			continue;
		cli->color = i;
		return CLI_CONTINUE;
	}
	return cli_usage("--color is auto, always or never, not '%s'", when);
}

int cli_option(struct cli *cli, int opt, const char *help)
{
	switch (opt) {
	case 'h':
		fputs(help, stdout);
		return CLI_OK;
	case 'j':
		cli->json = true;
		return CLI_CONTINUE;
	case CLI_OPT_COLOR:
		return set_color(cli, optarg);
	default:
		/* getopt_long() has said what is wrong. */
		fputs("Try '" CLI_NAME " --help'.\n", stderr);
		return CLI_USAGE;
	}
}

int cli_no_operands(int argc, char **argv)
{
	if (optind >= argc)
		return CLI_CONTINUE;
	return cli_usage("what is '%s'?", argv[optind]);
}

int cli_usage(const char *fmt, ...)
{
	va_list args;

	fputs(CLI_NAME ": ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs("\nTry '" CLI_NAME " --help'.\n", stderr);
	return CLI_USAGE;
}

/* strtoull() takes signs and blanks, which are no part of a size. */
static bool parse_number(const char *text, uint64_t *out, char **end)
{
	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*out = strtoull(text, end, 0);
	return !errno;
}

bool cli_parse_size(const char *text, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned int shift = 0;
	char *end;

	if (!parse_number(text, out, &end))
		return false;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix)
			return false;
		shift = 10 * (suffix - suffixes + 1);
		end++;
	}
	/* "4K", "4KiB" and "4kb" are all the same to people. */
	if (shift && !strncasecmp(end, "ib", 2))
		end += 2;
	else if (shift && !strncasecmp(end, "b", 1))
		end++;
	if (*end || *out > UINT64_MAX >> shift)
		return false;
	*out <<= shift;
	return true;
}

bool cli_parse_uint(const char *text, unsigned int max, unsigned int *out)
{
	uint64_t value;
	char *end;

	if (!parse_number(text, &value, &end) || *end || value > max)
		return false;
	*out = value;
	return true;
}
