// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli devices: the PCI devices that can export memory or import it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "json.h"

enum {
	OPT_ALL = CLI_OPT_FIRST,
};

static const struct option options[] = {
	CLI_OPTIONS,
	{ "all", no_argument, NULL, OPT_ALL },
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " devices [--all] [ADDR]... [OPTION]...\n"
	"\n"
	"List the PCI devices that can export memory (they have memory BARs)\n"
	"or import it (they have a driver that leaves DMA to the kernel), or\n"
	"those that are named, with whether the kernel would attach them.\n"
	"\n"
	"Options:\n"
	"      --all             also devices that can do neither, and bridges\n" CLI_OPTIONS_HELP
	"\n"
	"Examples:\n"
	"  " CLI_NAME " devices\n"
	"  " CLI_NAME " devices 03:00.0\n"
	"  " CLI_NAME " devices --json | jq '.devices[] | .address'\n"
	"\n"
	"Exit code: 0 success, 1 no such device, 2 wrong command line.\n";

static int parse(struct cli *cli, bool *all, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (opt == OPT_ALL) {
			*all = true;
			continue;
		}
		ret = cli_option(cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	return CLI_CONTINUE;
}

static bool is_of_interest(const struct device *device)
{
	return !device->bridge && (device->nr_bars || device->driver[0]);
}

static const char *roles(const struct device *device)
{
	bool imports = device_can_import(device);

	if (device_can_export(device))
		return imports ? "exports, imports" : "exports";
	return imports ? "imports" : "neither";
}

static void print_bars(const struct device *device)
{
	char size[SIZE_TEXT_LEN];

	for (unsigned int i = 0; i < device->nr_bars; i++) {
		const struct device_bar *bar = &device->bars[i];

		printf("    BAR %u      %s%s%s\n", bar->number,
		       size_text(bar->size, size),
		       bar->prefetchable ? ", prefetchable" : "",
		       bar->usable   ? "" :
		       bar->assigned ? ", too small to be mapped" :
				       ", has no address");
	}
}

static void print_place(const struct device *device)
{
	if (device->link_speed[0])
		printf("    link       %s, x%u\n", device->link_speed,
		       device->link_width);
	if (device->numa >= 0)
		printf("    NUMA node  %d\n", device->numa);
}

static void print_device(const struct cli *cli, const struct device *device)
{
	paint(cli, stdout, PAINT_HEAD, "%s", device->address);
	printf("  %04x:%04x  ", device->vendor, device->id);
	paint(cli, stdout,
	      device_can_export(device) || device_can_import(device) ?
		      PAINT_GOOD :
		      PAINT_DIM,
	      "%s", roles(device));
	putchar('\n');
	print_clipped("    %s", device->name);
	printf("    driver     %s\n",
	       device->driver[0] ? device->driver : "none");
	if (device->group < 0)
		printf("    IOMMU      none\n");
	else
		printf("    IOMMU      group %d, %s\n", device->group,
		       device_dma_text(device->dma));
	print_place(device);
	print_bars(device);
}

/* Whoever shares the group shares what is mapped for the importer. */
static void print_group(const struct devices *devices,
			const struct device *device)
{
	for (size_t i = 0; i < devices->count && device->group >= 0; i++) {
		const struct device *other = &devices->list[i];

		if (other != device && other->group == device->group)
			print_clipped("    with       %s %s", other->address,
				      other->name);
	}
}

static void print_trial(const struct attach_trial *trial)
{
	char text[P2PMAP_REASON_TEXT_SIZE];

	if (!trial->tried) {
		puts("    attach     unknown without the module");
		return;
	}
	if (!trial->error) {
		printf("    attach     possible; reaches up to 0x%" PRIx64 "\n",
		       trial->dma_mask);
		printf("    enforced   %s\n", trial->enforced ? "yes" : "no");
		return;
	}
	printf("    attach     impossible: %s\n", strerror(-trial->error));
	if (trial->reason.code == P2PMAP_REASON_NONE)
		return;
	p2pmap_reason_text(&trial->reason, text, sizeof(text));
	print_wrapped(stdout, 6, text);
}

static json_object *members_json(const struct devices *devices,
				 const struct device *device)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; i < devices->count && device->group >= 0; i++)
		if (devices->list[i].group == device->group)
			json_object_array_add(array,
					      json_address(&devices->list[i]));
	return array;
}

/* One of those that were named, in full. */
static void show_named(const struct cli *cli, const struct survey *survey,
		       const struct device *device, json_object *array)
{
	struct attach_trial trial;
	json_object *object;

	survey_try_attach(survey, device, &trial);
	if (!array) {
		print_device(cli, device);
		print_group(&survey->devices, device);
		print_trial(&trial);
		return;
	}
	object = json_device(device);
	json_object_object_add(object, "group_members",
			       members_json(&survey->devices, device));
	json_object_object_add(object, "attach", json_attach(&trial));
	json_object_array_add(array, object);
}

static void show_all(const struct cli *cli, const struct survey *survey,
		     bool all, json_object *array)
{
	for (size_t i = 0; i < survey->devices.count; i++) {
		const struct device *device = &survey->devices.list[i];

		if (!all && !is_of_interest(device))
			continue;
		if (array)
			json_object_array_add(array, json_device(device));
		else
			print_device(cli, device);
	}
}

static int show(const struct cli *cli, const struct survey *survey, bool all,
		char **names, json_object *array)
{
	int ret = CLI_OK;

	if (!*names)
		show_all(cli, survey, all, array);
	for (; *names; names++) {
		const struct device *device =
			devices_find(&survey->devices, *names);

		if (device)
			show_named(cli, survey, device, array);
		else
			ret = cli_no_device(cli, *names);
	}
	return ret;
}

int cmd_devices(struct cli *cli, int argc, char **argv)
{
	json_object *object = NULL, *array = NULL;
	struct survey survey;
	bool all = false;
	int ret;

	ret = parse(cli, &all, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	survey_make(&survey);
	if (cli->json) {
		object = json_document("devices");
		array = json_object_new_array();
		json_object_object_add(object, "devices", array);
	}
	if (survey.devices_error)
		ret = cli_fail(cli, -survey.devices_error, NULL, NULL,
			       "cannot list the PCI devices");
	else
		ret = show(cli, &survey, all, argv + optind, array);
	if (object && ret == CLI_OK)
		print_json(object, JSON_C_TO_STRING_PRETTY);
	else
		json_object_put(object);
	survey_free(&survey);
	return ret;
}
