// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli check: would this importer reach that exporter, and if not, why?
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "print.h"

#define MAX_BAR 5

/**
 * struct check_options - what was asked for
 * @importer: address of the one device
 * @exporter: address of the other
 * @test: try it
 * @bar: number of the BAR for that, or -1
 */
struct check_options {
	const char *importer;
	const char *exporter;
	bool test;
	int bar;
};

enum {
	OPT_TEST = CLI_OPT_FIRST,
	OPT_BAR,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "test", no_argument, NULL, OPT_TEST },
	{ "bar", required_argument, NULL, OPT_BAR },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " check IMPORTER EXPORTER [--test] [OPTION]...\n"
	"\n"
	"Say whether IMPORTER's DMA would reach EXPORTER's memory, by which\n"
	"way, and if not, which bridge or bit or missing thing is in the way\n"
	"and what would help. Works without the module; with it, the kernel\n"
	"is asked too. Both are PCI addresses.\n"
	"\n"
	"Options:\n"
	"      --test            try it: attach IMPORTER and map a page of\n"
	"                        EXPORTER's BAR for it. Only if IMPORTER is\n"
	"                        QEMU's edu and EXPORTER its ivshmem, bytes\n"
	"                        are moved, compared, and put back\n"
	"      --bar N           which BAR (default: the first that can be\n"
	"                        mapped)\n" CLI_OPTIONS_HELP "\n"
	"Examples:\n"
	"  " CLI_NAME " check 03:00.0 04:00.0\n"
	"  sudo " CLI_NAME " check --test 03:00.0 04:00.0\n"
	"  " CLI_NAME " check --json 03:00.0 04:00.0 |"
	" jq -r '.obstacles[].code'\n"
	"\n"
	"Exit code: 0 it works, 1 it does not, 2 wrong command line, 3 --test\n"
	"without the module, 4 it takes privilege to tell.\n";

static int parse_own(struct cli *cli, struct check_options *check, int opt)
{
	unsigned int bar;

	switch (opt) {
	case OPT_TEST:
		check->test = true;
		return CLI_CONTINUE;
	case OPT_BAR:
		if (!cli_parse_uint(optarg, MAX_BAR, &bar))
			return cli_usage("--bar is a number from 0 to 5");
		check->bar = bar;
		return CLI_CONTINUE;
	default:
		return cli_option(cli, opt, help);
	}
}

static int parse(struct cli *cli, struct check_options *check, int argc,
		 char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		ret = parse_own(cli, check, opt);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	if (argc - optind != 2)
		return cli_usage("check wants an importer and an exporter, two "
				 "PCI addresses");
	check->importer = argv[optind];
	check->exporter = argv[optind + 1];
	return CLI_CONTINUE;
}

static int exit_code(const struct verdict *verdict, const struct trial *trial)
{
	if (trial && !trial_passed(trial))
		return CLI_FAILED;
	switch (verdict->result) {
	case VERDICT_WORKS:
		return CLI_OK;
	case VERDICT_UNKNOWN:
		return CLI_UNKNOWN;
	default:
		return CLI_FAILED;
	}
}

static int check_pair(const struct cli *cli, const struct survey *survey,
		      const struct check_options *check,
		      const struct device *importer,
		      const struct device *exporter)
{
	struct verdict verdict;
	struct trial trial;

	if (check->test && !survey->context) {
		cli_fail(cli, -survey->open_error, NULL,
			 "'" CLI_NAME " doctor' says what is missing.",
			 "cannot try it without /dev/p2pmap");
		return CLI_UNAVAILABLE;
	}
	verdict_make(survey, importer, exporter, &verdict);
	if (check->test)
		trial_run(survey, importer, exporter, check->bar, &trial);
	if (cli->json)
		check_json(survey, &verdict, check->test ? &trial : NULL);
	else
		check_text(cli, survey, &verdict, check->test ? &trial : NULL);
	return exit_code(&verdict, check->test ? &trial : NULL);
}

int cmd_check(struct cli *cli, int argc, char **argv)
{
	struct check_options check = { .bar = -1 };
	const struct device *importer, *exporter;
	struct survey survey;
	int ret;

	ret = parse(cli, &check, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	survey_make(&survey);
	importer = devices_find(&survey.devices, check.importer);
	exporter = devices_find(&survey.devices, check.exporter);
	if (!importer)
		ret = cli_no_device(cli, check.importer);
	else if (!exporter)
		ret = cli_no_device(cli, check.exporter);
	else
		ret = check_pair(cli, &survey, &check, importer, exporter);
	survey_free(&survey);
	return ret;
}
