// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli info: what p2pmap finds on this machine, and what is missing.
 *
 * Looks (survey), judges (findings.c), and prints: info-text.c for people,
 * info-json.c for programs.
 */
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "info.h"
#include "print.h"

enum {
	OPT_DEVICE = CLI_OPT_FIRST,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " info [--device ADDR] [OPTION]...\n"
	"\n"
	"Show the module, the kernel, the IOMMU, the host bridges and the\n"
	"PCI devices that could export or import memory; then what is\n"
	"missing, and what to do about it.\n"
	"\n"
	"Options:\n"
	"      --device ADDR     only this device, in detail\n" CLI_OPTIONS_HELP
	"\n"
	"Exit code: 0 p2pmap can be used, 1 no such device, 2 wrong command\n"
	"line, 3 p2pmap cannot be used here.\n";

static int parse(struct cli *cli, const char **device, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (opt == OPT_DEVICE) {
			*device = optarg;
			continue;
		}
		ret = cli_option(cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	return cli_no_operands(argc, argv);
}

/* A module that is absent or odd is no failure here, but a finding. */
static void ask_module(struct survey *survey)
{
	int ret = p2pmap_context_open(NULL, &survey->context);

	if (!ret) {
		survey->info.size = sizeof(survey->info);
		ret = p2pmap_context_get_info(survey->context, &survey->info);
	}
	if (!ret)
		return;
	p2pmap_context_close(survey->context);
	survey->context = NULL;
	survey->open_error = ret;
}

static void survey_make(struct survey *survey)
{
	system_read(&survey->system);
	survey->devices_error = devices_scan(&survey->devices);
	ask_module(survey);
}

static void survey_free(struct survey *survey)
{
	p2pmap_context_close(survey->context);
	devices_free(&survey->devices);
}

/* Attaching an importer and letting go of it again changes nothing. */
static void try_attach(const struct survey *survey, const struct device *device,
		       struct attach_trial *trial)
{
	struct p2pmap_importer *importer;
	struct p2pmap_pci_addr pci;

	*trial = (struct attach_trial){ .reason.size = sizeof(trial->reason),
					.error = -ENODEV };
	trial->tried = survey->context &&
		       !p2pmap_pci_parse(device->address, &pci);
	if (!trial->tried)
		return;
	trial->error = p2pmap_importer_attach(survey->context, &pci, NULL,
					      &trial->reason, &importer);
	if (trial->error)
		return;
	trial->enforced = p2pmap_importer_is_enforced(importer);
	trial->dma_mask = p2pmap_importer_dma_mask(importer);
	p2pmap_importer_detach(importer);
}

static int show_device(const struct cli *cli, const struct survey *survey,
		       const char *address)
{
	const struct device *device = devices_find(&survey->devices, address);
	struct attach_trial trial;

	if (!device)
		return cli_fail(cli, ENODEV, NULL,
				"'" CLI_NAME " info' lists the devices.",
				"no PCI device %s", address);
	try_attach(survey, device, &trial);
	if (cli->json)
		info_device_json(survey, device, &trial);
	else
		info_device_text(cli, survey, device, &trial);
	return CLI_OK;
}

static int show_all(const struct cli *cli, const struct survey *survey)
{
	struct findings findings;

	findings_make(survey, &findings);
	if (cli->json)
		info_json(survey, &findings);
	else
		info_text(cli, survey, &findings);
	return findings_worst(&findings) == SEVERITY_ERROR ? CLI_UNAVAILABLE :
							     CLI_OK;
}

int cmd_info(struct cli *cli, int argc, char **argv)
{
	struct survey survey = { 0 };
	const char *device = NULL;
	int ret;

	ret = parse(cli, &device, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	survey_make(&survey);
	if (device)
		ret = show_device(cli, &survey, device);
	else
		ret = show_all(cli, &survey);
	survey_free(&survey);
	return ret;
}
