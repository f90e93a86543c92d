// SPDX-License-Identifier: GPL-2.0-only
/*
 * What p2pmap-cli info found, for people.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <string.h>

#include "info.h"
#include "print.h"

static void print_p2pmap(const struct cli *cli, const struct survey *survey)
{
	const struct module *module = &survey->system.module;
	int error = survey->system.node_error;

	print_heading(cli, "p2pmap");
	if (!module->loaded)
		print_field("module", "not loaded");
	else if (survey->context)
		print_field("module", "%s, ABI %u",
			    module->version[0] ? module->version : "loaded",
			    survey->info.out_abi_version);
	else
		print_field("module", "%s%s",
			    module->version[0] ? module->version : "loaded",
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

static const char *iommu_name(enum iommu_kind kind)
{
	static const char *const names[] = {
		[IOMMU_NONE] = "none in use",
		[IOMMU_VTD] = "Intel VT-d",
		[IOMMU_AMD] = "AMD-Vi",
		[IOMMU_OTHER] = "not VT-d or AMD-Vi",
	};

	return names[kind];
}

static void print_iommu(const struct iommu *iommu)
{
	if (!iommu->units) {
		print_field("IOMMU", "%s%s", iommu_name(iommu->kind),
			    iommu->in_firmware ?
				    ", but the firmware describes one" :
				    "");
	} else {
		print_field("IOMMU", "%s, %u unit(s)", iommu_name(iommu->kind),
			    iommu->units);
		print_field("IOMMU groups",
			    "%u translated (%u lazy, %u strict), %u direct, "
			    "%u otherwise owned",
			    iommu->lazy + iommu->strict, iommu->lazy,
			    iommu->strict, iommu->direct, iommu->other);
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

static void print_device_line(const struct device *device)
{
	printf("  %s  %04x:%04x  %s\n", device->address, device->vendor,
	       device->id, device->name);
}

/* The module's parameter is a list "8086:29c0,1022:1450". */
static bool is_admitted(const struct system *system,
			const struct device *device)
{
	const char *list = system_parameter(system, "host_bridges");
	char ids[16];

	snprintf(ids, sizeof(ids), "%04x:%04x", device->vendor, device->id);
	return list && strcasestr(list, ids);
}

static void print_host_bridges(const struct cli *cli,
			       const struct survey *survey)
{
	const struct devices *devices = &survey->devices;

	print_heading(cli, "host bridges");
	for (size_t i = 0; i < devices->count; i++) {
		if (!device_is_host_bridge(&devices->list[i]))
			continue;
		print_device_line(&devices->list[i]);
		if (is_admitted(&survey->system, &devices->list[i]))
			puts("      admitted by the parameter host_bridges");
	}
}

static void print_bars(const struct device *device)
{
	char size[SIZE_TEXT_LEN];

	for (unsigned int i = 0; i < device->nr_bars; i++)
		printf("      BAR %u: %s%s\n", device->bars[i].number,
		       size_text(device->bars[i].size, size),
		       device->bars[i].prefetchable ? ", prefetchable" : "");
}

static void print_exporters(const struct cli *cli,
			    const struct devices *devices)
{
	print_heading(cli, "candidate exporters (memory BARs)");
	for (size_t i = 0; i < devices->count; i++) {
		if (!device_can_export(&devices->list[i]))
			continue;
		print_device_line(&devices->list[i]);
		print_bars(&devices->list[i]);
	}
}

static void print_importers(const struct cli *cli,
			    const struct devices *devices)
{
	print_heading(cli, "candidate importers (with a driver)");
	for (size_t i = 0; i < devices->count; i++) {
		const struct device *device = &devices->list[i];

		if (!device_can_import(device))
			continue;
		print_device_line(device);
		printf("      driver %s, ", device->driver);
		if (device->group >= 0)
			printf("IOMMU group %d, ", device->group);
		printf("%s\n", device_dma_text(device->dma));
	}
}

static void print_findings(const struct cli *cli,
			   const struct findings *findings)
{
	static const enum paint paints[] = {
		[SEVERITY_ERROR] = PAINT_BAD,
		[SEVERITY_WARNING] = PAINT_WARN,
		[SEVERITY_NOTE] = PAINT_DIM,
	};

	print_heading(cli, "findings");
	for (unsigned int i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		printf("  ");
		paint(cli, stdout, paints[finding->severity], "%s",
		      severity_name(finding->severity));
		printf(" (%s)\n", finding->id);
		print_wrapped(stdout, 4, finding->text);
		if (finding->remedy)
			print_wrapped(stdout, 6, finding->remedy);
	}
	if (findings_worst(findings) != SEVERITY_ERROR) {
		printf("  ");
		paint(cli, stdout, PAINT_GOOD, "p2pmap can be used here");
		putchar('\n');
	}
}

void info_text(const struct cli *cli, const struct survey *survey,
	       const struct findings *findings)
{
	print_p2pmap(cli, survey);
	print_machine(cli, &survey->system);
	print_host_bridges(cli, survey);
	print_exporters(cli, &survey->devices);
	print_importers(cli, &survey->devices);
	print_findings(cli, findings);
}

/* Whoever shares the group shares what is mapped for the importer. */
static void print_group(const struct devices *devices,
			const struct device *device)
{
	if (device->group < 0) {
		print_field("IOMMU group", "none");
		return;
	}
	print_field("IOMMU group", "%d", device->group);
	for (size_t i = 0; i < devices->count; i++) {
		const struct device *other = &devices->list[i];

		if (other != device && other->group == device->group)
			print_field("", "with %s %s", other->address,
				    other->name);
	}
}

static void print_trial(const struct attach_trial *trial)
{
	char text[P2PMAP_REASON_TEXT_SIZE];

	if (!trial->tried) {
		print_field("importer", "unknown without the module");
		return;
	}
	if (!trial->error) {
		print_field("importer",
			    "can be attached; reaches up to 0x%" PRIx64,
			    trial->dma_mask);
		print_field("enforced", "%s", trial->enforced ? "yes" : "no");
		return;
	}
	print_field("importer", "cannot be attached: %s",
		    strerror(-trial->error));
	if (trial->reason.code == P2PMAP_REASON_NONE)
		return;
	p2pmap_reason_text(&trial->reason, text, sizeof(text));
	print_wrapped(stdout, 4, text);
}

void info_device_text(const struct cli *cli, const struct survey *survey,
		      const struct device *device,
		      const struct attach_trial *trial)
{
	print_heading(cli, device->address);
	print_field("name", "%s", device->name);
	print_field("ids", "%04x:%04x, class %04x", device->vendor, device->id,
		    device->class);
	print_field("driver", "%s",
		    device->driver[0] ? device->driver : "none");
	print_field("bus master", "%s", device->bus_master ? "on" : "off");
	print_field("DMA", "%s", device_dma_text(device->dma));
	print_group(&survey->devices, device);
	print_field("memory BARs", "%u of a page or more", device->nr_bars);
	print_bars(device);
	print_trial(trial);
}
