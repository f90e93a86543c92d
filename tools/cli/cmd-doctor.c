// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli doctor: check everything that commonly goes wrong.
 *
 * Shows what checks.c found.
 */
#include <string.h>

#include "checks.h"
#include "cli.h"
#include "json.h"

#define TEXT_COLUMN 24

enum {
	OPT_QUIET = CLI_OPT_FIRST,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " doctor [--quiet] [OPTION]...\n"
	"\n"
	"Check everything that commonly goes wrong, one by one, and name the\n"
	"command that would mend it. Changes nothing.\n"
	"\n"
	"Options:\n"
	"      --quiet           show only what is not ok\n" CLI_OPTIONS_HELP
	"\n"
	"Examples:\n"
	"  " CLI_NAME " doctor\n"
	"  sudo " CLI_NAME " doctor --quiet && ./start-my-service\n"
	"  " CLI_NAME " doctor --json | jq '.checks[] |"
	" select(.status == \"fail\")'\n"
	"\n"
	"Exit code: 0 nothing fails (warnings are no failures), 1 something\n"
	"does, 2 wrong command line.\n";

static int parse(struct cli *cli, bool *quiet, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (opt == OPT_QUIET) {
			*quiet = true;
			continue;
		}
		ret = cli_option(cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	return cli_no_operands(argc, argv);
}

static void print_check(const struct cli *cli, const struct check *check)
{
	static const enum paint paints[] = {
		[CHECK_OK] = PAINT_GOOD,
		[CHECK_WARN] = PAINT_WARN,
		[CHECK_FAIL] = PAINT_BAD,
		[CHECK_SKIP] = PAINT_DIM,
	};

	paint(cli, stdout, paints[check->status], "%-5s",
	      check_status_name(check->status));
	printf(" %-17s ", check->id);
	print_hanging(stdout, TEXT_COLUMN, check->text);
	if (check->fix[0]) {
		printf("%*s", TEXT_COLUMN, "fix: ");
		print_hanging(stdout, TEXT_COLUMN, check->fix);
	}
}

static void show_text(const struct cli *cli, const struct checks *checks,
		      const unsigned int *counts, bool quiet)
{
	for (unsigned int i = 0; i < checks->count; i++) {
		const struct check *check = &checks->list[i];

		if (!quiet || check->status == CHECK_WARN ||
		    check->status == CHECK_FAIL)
			print_check(cli, check);
	}
	if (!quiet)
		printf("\n%u ok, %u warn, %u fail, %u skip\n", counts[CHECK_OK],
		       counts[CHECK_WARN], counts[CHECK_FAIL],
		       counts[CHECK_SKIP]);
}

static void show_json(const struct checks *checks, const unsigned int *counts)
{
	json_object *object = json_document("doctor");
	json_object *array = json_object_new_array();
	json_object *summary = json_object_new_object();

	for (unsigned int i = 0; i < checks->count; i++) {
		json_object *check = json_object_new_object();

		json_add_string(check, "id", checks->list[i].id);
		json_add_string(check, "status",
				check_status_name(checks->list[i].status));
		json_add_string(check, "text", checks->list[i].text);
		json_add_known(check, "fix", checks->list[i].fix);
		json_object_array_add(array, check);
	}
	for (enum check_status i = CHECK_OK; i <= CHECK_SKIP; i++)
		json_add_uint(summary, check_status_name(i), counts[i]);
	json_add_bool(object, "usable", checks_usable(checks));
	json_object_object_add(object, "summary", summary);
	json_object_object_add(object, "checks", array);
	print_json(object, JSON_C_TO_STRING_PRETTY);
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
	unsigned int counts[CHECK_SKIP + 1] = { 0 };
	struct survey survey;
	struct checks checks;
	bool quiet = false;
	int ret;

	ret = parse(cli, &quiet, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	survey_make(&survey);
	checks_make(&survey, &checks);
	for (unsigned int i = 0; i < checks.count; i++)
		counts[checks.list[i].status]++;
	if (cli->json)
		show_json(&checks, counts);
	else
		show_text(cli, &checks, counts, quiet);
	survey_free(&survey);
	return counts[CHECK_FAIL] ? CLI_FAILED : CLI_OK;
}
