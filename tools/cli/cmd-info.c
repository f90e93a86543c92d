// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli info: what the module, the library, the kernel and the IOMMU are.
 *
 * Facts only.  Judging them is doctor's task, devices and topo show the rest.
 */
#include <inttypes.h>
#include <string.h>

#include "checks.h"
#include "cli.h"
#include "json.h"

static const struct option options[] = {
	CLI_OPTIONS,
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " info [OPTION]...\n"
	"\n"
	"Show what the module, the library, the kernel and the IOMMU are.\n"
	"Whether that will do is what '" CLI_NAME " doctor' says.\n"
	"\n"
	"Options:\n" CLI_OPTIONS_HELP "\n"
	"Examples:\n"
	"  " CLI_NAME " info\n"
	"  " CLI_NAME " info --json | jq .module.abi_version\n"
	"\n"
	"Exit code: 0 p2pmap can be used, 2 wrong command line, 3 p2pmap\n"
	"cannot be used here.\n";

static int parse(struct cli *cli, int argc, char **argv)
{
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		ret = cli_option(cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	return cli_no_operands(argc, argv);
}

/* Text */

static void print_p2pmap(const struct cli *cli, const struct survey *survey)
{
	const struct module *module = &survey->system.module;
	const char *version = module->version[0] ? module->version : "loaded";
	int error = survey->system.node_error;

	print_heading(cli, "p2pmap");
	if (!module->loaded)
		print_field("module", "not loaded");
	else if (survey->context)
		print_field("module", "%s, ABI %u", version,
			    survey->info.out_abi_version);
	else
		print_field("module", "%s%s", version,
			    error ? "" : ", but does not answer");
	for (unsigned int i = 0; i < module->nr_parameters; i++)
		print_field("", "%s=%s", module->parameters[i].name,
			    module->parameters[i].value);
	print_field("library", "%s, ABI %u", p2pmap_version(),
		    P2PMAP_ABI_VERSION);
	print_field("device node", "%s: %s", SYSTEM_DEVICE_NODE,
		    error ? strerror(error) : "accessible");
	if (survey->context)
		print_field("quarantine", "%" PRIu64 " pages",
			    (uint64_t)survey->info.out_quarantined_pages);
}

static const char *iommu_text(enum iommu_kind kind)
{
	static const char *const texts[] = {
		[IOMMU_NONE] = "none in use",
		[IOMMU_VTD] = "Intel VT-d",
		[IOMMU_AMD] = "AMD-Vi",
		[IOMMU_OTHER] = "not VT-d or AMD-Vi",
	};

	return texts[kind];
}

static void print_iommu(const struct iommu *iommu)
{
	if (!iommu->units) {
		print_field("IOMMU", "%s%s", iommu_text(iommu->kind),
			    iommu->in_firmware ?
				    ", but the firmware describes one" :
				    "");
	} else {
		print_field("IOMMU", "%s, %u unit(s)", iommu_text(iommu->kind),
			    iommu->units);
		print_field("IOMMU groups",
			    "%u lazy, %u strict, %u direct, %u of other owners",
			    iommu->lazy, iommu->strict, iommu->direct,
			    iommu->other);
	}
	if (iommu->options[0])
		print_field("options", "%s", iommu->options);
}

static const char *tristate_text(enum tristate value)
{
	return value == YES ? "on" : value == NO ? "off" : "unknown";
}

static void print_machine(const struct cli *cli, const struct system *system)
{
	char size[SIZE_TEXT_LEN];

	print_heading(cli, "machine");
	print_field("kernel", "%s", system->kernel);
	print_iommu(&system->iommu);
	print_field("secure boot", "%s", tristate_text(system->secure_boot));
	print_field("lockdown", "%s",
		    system->lockdown[0] ? system->lockdown : "unknown");
	print_field("memlock", "%s",
		    system->memlock == UINT64_MAX ?
			    "unlimited" :
			    size_text(system->memlock, size));
}

static void show_text(const struct cli *cli, const struct survey *survey,
		      bool usable)
{
	print_p2pmap(cli, survey);
	print_machine(cli, &survey->system);
	print_heading(cli, "use");
	printf("  ");
	if (usable)
		paint(cli, stdout, PAINT_GOOD, "p2pmap can be used here");
	else
		paint(cli, stdout, PAINT_BAD,
		      "p2pmap cannot be used here: run '" CLI_NAME " doctor'");
	putchar('\n');
}

/* JSON */

static json_object *module_json(const struct survey *survey)
{
	const struct module *module = &survey->system.module;
	json_object *parameters = json_object_new_object();
	json_object *object = json_object_new_object();
	const struct p2pmap_info *info = &survey->info;

	json_add_bool(object, "loaded", module->loaded);
	json_add_known(object, "version", module->version);
	for (unsigned int i = 0; i < module->nr_parameters; i++)
		json_add_string(parameters, module->parameters[i].name,
				module->parameters[i].value);
	json_object_object_add(object, "parameters", parameters);
	if (!survey->context)
		return object;
	json_add_uint(object, "abi_version", info->out_abi_version);
	json_add_bool(object, "unenforced",
		      info->out_flags & P2PMAP_INFO_UNENFORCED);
	json_add_bool(object, "may_attach_any",
		      info->out_flags & P2PMAP_INFO_MAY_ATTACH_ANY);
	json_add_uint(object, "max_mappings", info->out_max_mappings);
	json_add_uint(object, "quarantined_pages", info->out_quarantined_pages);
	return object;
}

static json_object *library_json(void)
{
	json_object *object = json_object_new_object();

	json_add_string(object, "version", p2pmap_version());
	json_add_uint(object, "abi_version", P2PMAP_ABI_VERSION);
	return object;
}

static json_object *node_json(const struct system *system)
{
	json_object *object = json_object_new_object();

	json_add_string(object, "path", SYSTEM_DEVICE_NODE);
	json_add_bool(object, "accessible", !system->node_error);
	json_add_string(object, "error",
			system->node_error ? strerror(system->node_error) :
					     NULL);
	return object;
}

static json_object *iommu_json(const struct iommu *iommu)
{
	static const char *const names[] = {
		[IOMMU_NONE] = "none",
		[IOMMU_VTD] = "vt-d",
		[IOMMU_AMD] = "amd-vi",
		[IOMMU_OTHER] = "other",
	};
	json_object *object = json_object_new_object();
	json_object *groups = json_object_new_object();

	json_add_string(object, "driver", names[iommu->kind]);
	json_add_uint(object, "units", iommu->units);
	json_add_bool(object, "in_firmware", iommu->in_firmware);
	json_add_uint(groups, "lazy", iommu->lazy);
	json_add_uint(groups, "strict", iommu->strict);
	json_add_uint(groups, "direct", iommu->direct);
	json_add_uint(groups, "other", iommu->other);
	json_object_object_add(object, "groups", groups);
	json_add_string(object, "options", iommu->options);
	return object;
}

static json_object *machine_json(const struct system *system)
{
	json_object *object = json_object_new_object();

	json_add_string(object, "kernel", system->kernel);
	json_object_object_add(object, "iommu", iommu_json(&system->iommu));
	if (system->secure_boot == UNKNOWN)
		json_add_string(object, "secure_boot", NULL);
	else
		json_add_bool(object, "secure_boot",
			      system->secure_boot == YES);
	json_add_known(object, "lockdown", system->lockdown);
	if (system->memlock == UINT64_MAX)
		json_add_string(object, "memlock", NULL);
	else
		json_add_uint(object, "memlock", system->memlock);
	return object;
}

static void show_json(const struct survey *survey, bool usable)
{
	json_object *object = json_document("info");

	json_add_bool(object, "usable", usable);
	json_object_object_add(object, "module", module_json(survey));
	json_object_object_add(object, "library", library_json());
	json_object_object_add(object, "device_node",
			       node_json(&survey->system));
	json_object_object_add(object, "machine",
			       machine_json(&survey->system));
	print_json(object, JSON_C_TO_STRING_PRETTY);
}

int cmd_info(struct cli *cli, int argc, char **argv)
{
	struct survey survey;
	struct checks checks;
	bool usable;
	int ret;

	ret = parse(cli, argc, argv);
	if (ret != CLI_CONTINUE)
		return ret;
	survey_make(&survey);
	checks_make(&survey, &checks);
	usable = checks_usable(&checks);
	if (cli->json)
		show_json(&survey, usable);
	else
		show_text(cli, &survey, usable);
	survey_free(&survey);
	return usable ? CLI_OK : CLI_UNAVAILABLE;
}
