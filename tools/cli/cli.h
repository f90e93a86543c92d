/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame of p2pmap-cli: what every command gets from it.
 *
 * main.c has the table of commands and the options before the command's name;
 * each cmd-*.c is one command.  A command parses its own options, of which
 * CLI_OPTIONS are common to all, and returns an exit code.
 */
#ifndef CLI_H
#define CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_NAME "p2pmap-cli"

/**
 * enum cli_exit - exit codes, as the manual page promises them
 * @CLI_OK: what was asked for was done
 * @CLI_FAILED: the operation failed
 * @CLI_USAGE: the command line makes no sense
 * @CLI_UNAVAILABLE: p2pmap cannot be used here; doctor says what is missing
 * @CLI_UNKNOWN: it takes privilege to tell
 * @CLI_CONTINUE: no exit code: go on (see cli_option())
 */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_UNAVAILABLE = 3,
	CLI_UNKNOWN = 4,
	CLI_CONTINUE = -1,
};

/**
 * enum cli_color - when to use colours
 * @CLI_COLOR_AUTO: on a terminal, and if NO_COLOR is not set
 * @CLI_COLOR_ALWAYS: always
 * @CLI_COLOR_NEVER: never
 */
enum cli_color {
	CLI_COLOR_AUTO,
	CLI_COLOR_ALWAYS,
	CLI_COLOR_NEVER,
};

/**
 * struct cli - what the common options said
 * @json: print JSON instead of text
 * @color: when to use colours
 */
struct cli {
	bool json;
	enum cli_color color;
};

/**
 * struct cli_command - one line of the table of commands
 * @name: its name on the command line
 * @summary: one line for the overall help
 * @run: runs it; argv[0] is for messages, options start at argv[1]
 */
struct cli_command {
	const char *name;
	const char *summary;
	int (*run)(struct cli *cli, int argc, char **argv);
};

int cmd_allow(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_devices(struct cli *cli, int argc, char **argv);
int cmd_doctor(struct cli *cli, int argc, char **argv);
int cmd_info(struct cli *cli, int argc, char **argv);
int cmd_list(struct cli *cli, int argc, char **argv);
int cmd_map(struct cli *cli, int argc, char **argv);
int cmd_monitor(struct cli *cli, int argc, char **argv);
int cmd_query(struct cli *cli, int argc, char **argv);
int cmd_show(struct cli *cli, int argc, char **argv);
int cmd_stats(struct cli *cli, int argc, char **argv);
int cmd_top(struct cli *cli, int argc, char **argv);
int cmd_topo(struct cli *cli, int argc, char **argv);

/* Values of options without a letter; a command's own start at the last. */
enum {
	CLI_OPT_COLOR = 256,
	CLI_OPT_VERSION,
	CLI_OPT_FIRST,
};

#define CLI_OPTIONS                                                  \
	{ "json", no_argument, NULL, 'j' },                          \
		{ "color", optional_argument, NULL, CLI_OPT_COLOR }, \
	{                                                            \
		"help", no_argument, NULL, 'h'                       \
	}

#define CLI_OPTIONS_HELP                                           \
	"  -j, --json            print JSON\n"                     \
	"      --color[=WHEN]    colours: auto, always or never\n" \
	"  -h, --help            print this help\n"

/**
 * cli_option() - act on an option that is common to all commands
 * @cli: where to note it
 * @opt: what getopt_long() returned
 * @help: the command's help text
 *
 * Return: an exit code with which to end, or CLI_CONTINUE.
 */
int cli_option(struct cli *cli, int opt, const char *help);

/**
 * cli_no_operands() - complain about operands where there are none
 * @argc: of the command
 * @argv: of the command, after getopt_long() is through
 *
 * Return: CLI_USAGE or CLI_CONTINUE.
 */
int cli_no_operands(int argc, char **argv);

/**
 * cli_usage() - print a message about a wrong command line
 * @fmt: as printf(), one sentence without a newline
 *
 * Return: CLI_USAGE.
 */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * cli_fail() - say what failed, why, and what to do
 * @cli: decides about JSON, which then goes to standard output
 * @error: positive errno
 * @reason: short name of the reason, for programs, or NULL
 * @advice: what went wrong and what the user can do, or NULL
 * @fmt: as printf(): what failed, without a newline
 *
 * Return: CLI_FAILED.
 */
int cli_fail(const struct cli *cli, int error, const char *reason,
	     const char *advice, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/**
 * cli_no_device() - say that there is no such PCI device
 * @cli: as for cli_fail()
 * @address: what was asked for
 *
 * Return: CLI_FAILED.
 */
int cli_no_device(const struct cli *cli, const char *address);

/**
 * cli_parse_size() - parse a number of bytes
 * @text: decimal or 0x..., with an optional suffix K, M, G or T (binary)
 * @out: bytes
 *
 * Return: false if it is no such thing, or does not fit.
 */
bool cli_parse_size(const char *text, uint64_t *out);

/**
 * cli_parse_uint() - parse a number
 * @text: decimal or 0x...
 * @max: the largest that is allowed
 * @out: the number
 *
 * Return: false if it is no such thing.
 */
bool cli_parse_uint(const char *text, unsigned int max, unsigned int *out);

#endif /* CLI_H */
