// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli: the table of commands, and what comes before a command's name.
 */
#include "cli.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "print.h"
#include "version.h"

static const struct cli_command commands[] = {
	{ "doctor", "check everything that commonly goes wrong", cmd_doctor },
	{ "check", "would this importer reach that exporter, and if not, why?",
	  cmd_check },
	{ "devices", "devices that can export or import memory", cmd_devices },
	{ "topo", "bridges, ACS, IOMMU, and the route of every pair",
	  cmd_topo },
	{ "info", "module, library, kernel and IOMMU", cmd_info },
	{ "query", "say what map would do, and change nothing", cmd_query },
	{ "map", "map a BAR or fresh RAM for an importer and hold it",
	  cmd_map },
	{ "list", "what is mapped just now, and by whom", cmd_list },
	{ "show", "all about one mapping, importer or context", cmd_show },
	{ "stats", "what was counted since the module was loaded", cmd_stats },
	{ "monitor", "what happens, as it happens", cmd_monitor },
	{ "top", "the largest mappings and the rates, refreshed", cmd_top },
	{ "allow", "which importers unprivileged users may attach", cmd_allow },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct option options[] = {
	CLI_OPTIONS,
	{ "version", no_argument, NULL, CLI_OPT_VERSION },
	{ 0 },
};

static const char help_head[] =
	"Usage: " CLI_NAME " [OPTION]... COMMAND [OPTION]...\n"
	"\n"
	"Map one PCI device's memory, or RAM, for another device's DMA.\n"
	"\n"
	"Commands:\n";

static const char help_tail[] =
	"\n"
	"Options, also of every command:\n" CLI_OPTIONS_HELP
	"      --version         print the version (before the command only)\n"
	"\n"
	"'" CLI_NAME " COMMAND --help' explains a command.\n"
	"\n"
	"Why does peer-to-peer not work here? Begin with\n"
	"  " CLI_NAME " doctor\n"
	"  " CLI_NAME " check IMPORTER EXPORTER\n"
	"\n"
	"Exit code: 0 success, 1 the operation failed, 2 wrong command line,\n"
	"3 p2pmap cannot be used here, 4 it takes privilege to tell.\n";

static int print_help(void)
{
	fputs(help_head, stdout);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		printf("  %-8s%s\n", commands[i].name, commands[i].summary);
	fputs(help_tail, stdout);
	return CLI_OK;
}

static int print_version(void)
{
	puts(CLI_NAME " " P2PMAP_CLI_VERSION);
	return CLI_OK;
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int parse_options(struct cli *cli, int argc, char **argv)
{
	int opt, ret;

	/* "+": what follows the command's name belongs to the command. */
	while ((opt = getopt_long(argc, argv, "+jh", options, NULL)) != -1) {
		if (opt == 'h')
			return print_help();
		if (opt == CLI_OPT_VERSION)
			return print_version();
		ret = cli_option(cli, opt, NULL);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	return CLI_CONTINUE;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
	const struct cli_command *command = find_command(argv[0]);
	char name[64];

	if (!command)
		return cli_usage("there is no command '%s'", argv[0]);
	snprintf(name, sizeof(name), CLI_NAME " %s", command->name);
	argv[0] = name;
	/* Zero makes getopt_long() start again, with another set of rules. */
	optind = 0;
	return command->run(cli, argc, argv);
}

int main(int argc, char **argv)
{
	static char program[] = CLI_NAME;
	struct cli cli = { 0 };
	int ret;

	setlocale(LC_CTYPE, "");
	/* Whoever reads from us may stop: that is no error of ours. */
	signal(SIGPIPE, SIG_DFL);
	if (argc)
		argv[0] = program;
	ret = parse_options(&cli, argc, argv);
	if (ret == CLI_CONTINUE && optind >= argc)
		ret = cli_usage("which command?");
	if (ret == CLI_CONTINUE)
		ret = run_command(&cli, argc - optind, argv + optind);
	/* Output that could not be written is a failure, too. */
	if (print_finish() && ret == CLI_OK)
		ret = CLI_FAILED;
	return ret;
}
