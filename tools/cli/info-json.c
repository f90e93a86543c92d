// SPDX-License-Identifier: GPL-2.0-only
/*
 * What p2pmap-cli info found, for programs.
 */
#include <string.h>

#include "info.h"
#include "print.h"
#include "version.h"

static json_object *module_json(const struct survey *survey)
{
	const struct module *module = &survey->system.module;
	json_object *parameters = json_object_new_object();
	json_object *object = json_object_new_object();
	const struct p2pmap_info *info = &survey->info;

	json_add_bool(object, "loaded", module->loaded);
	json_add_string(object, "version",
			module->version[0] ? module->version : NULL);
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

static const char *iommu_driver(enum iommu_kind kind)
{
	static const char *const names[] = {
		[IOMMU_NONE] = "none",
		[IOMMU_VTD] = "vt-d",
		[IOMMU_AMD] = "amd-vi",
		[IOMMU_OTHER] = "other",
	};

	return names[kind];
}

static json_object *iommu_json(const struct iommu *iommu)
{
	json_object *object = json_object_new_object();
	json_object *groups = json_object_new_object();

	json_add_string(object, "driver", iommu_driver(iommu->kind));
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
	json_add_string(object, "lockdown",
			system->lockdown[0] ? system->lockdown : NULL);
	if (system->memlock == UINT64_MAX)
		json_add_string(object, "memlock", NULL);
	else
		json_add_uint(object, "memlock", system->memlock);
	return object;
}

static json_object *bars_json(const struct device *device)
{
	json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < device->nr_bars; i++) {
		json_object *bar = json_object_new_object();

		json_add_uint(bar, "number", device->bars[i].number);
		json_add_uint(bar, "size", device->bars[i].size);
		json_add_bool(bar, "prefetchable",
			      device->bars[i].prefetchable);
		json_object_array_add(array, bar);
	}
	return array;
}

static const char *dma_name(enum device_dma dma)
{
	static const char *const names[] = {
		[DEVICE_DMA_DIRECT] = "direct",
		[DEVICE_DMA_STRICT] = "translated-strict",
		[DEVICE_DMA_LAZY] = "translated-lazy",
		[DEVICE_DMA_BLOCKED] = "other",
	};

	return names[dma];
}

static json_object *device_json(const struct device *device)
{
	json_object *object = json_object_new_object();

	json_add_string(object, "address", device->address);
	json_add_uint(object, "vendor", device->vendor);
	json_add_uint(object, "device", device->id);
	json_add_uint(object, "class", device->class);
	json_add_string(object, "name", device->name);
	json_add_string(object, "driver",
			device->driver[0] ? device->driver : NULL);
	json_object_object_add(
		object, "iommu_group",
		device->group < 0 ? NULL : json_object_new_int(device->group));
	json_add_string(object, "dma", dma_name(device->dma));
	json_add_bool(object, "bus_master", device->bus_master);
	json_object_object_add(object, "bars", bars_json(device));
	return object;
}

static json_object *devices_json(const struct devices *devices,
				 bool (*is)(const struct device *device))
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; i < devices->count; i++)
		if (is(&devices->list[i]))
			json_object_array_add(array,
					      device_json(&devices->list[i]));
	return array;
}

static json_object *findings_json(const struct findings *findings)
{
	json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		json_object *object = json_object_new_object();

		json_add_string(object, "severity",
				severity_name(finding->severity));
		json_add_string(object, "id", finding->id);
		json_add_string(object, "text", finding->text);
		json_add_string(object, "remedy", finding->remedy);
		json_object_array_add(array, object);
	}
	return array;
}

void info_json(const struct survey *survey, const struct findings *findings)
{
	const struct devices *devices = &survey->devices;
	json_object *object = json_object_new_object();

	json_add_string(object, "version", P2PMAP_CLI_VERSION);
	json_add_bool(object, "usable",
		      findings_worst(findings) != SEVERITY_ERROR);
	json_object_object_add(object, "module", module_json(survey));
	json_object_object_add(object, "library", library_json());
	json_object_object_add(object, "device_node",
			       node_json(&survey->system));
	json_object_object_add(object, "machine",
			       machine_json(&survey->system));
	json_object_object_add(object, "host_bridges",
			       devices_json(devices, device_is_host_bridge));
	json_object_object_add(object, "exporters",
			       devices_json(devices, device_can_export));
	json_object_object_add(object, "importers",
			       devices_json(devices, device_can_import));
	json_object_object_add(object, "findings", findings_json(findings));
	print_json(object, JSON_C_TO_STRING_PRETTY);
}

static json_object *group_json(const struct devices *devices,
			       const struct device *device)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; i < devices->count && device->group >= 0; i++) {
		const struct device *other = &devices->list[i];

		if (other->group == device->group)
			json_object_array_add(
				array, json_object_new_string(other->address));
	}
	return array;
}

static json_object *trial_json(const struct attach_trial *trial)
{
	json_object *object = json_object_new_object();
	char text[P2PMAP_REASON_TEXT_SIZE];

	json_add_bool(object, "possible", !trial->error);
	if (!trial->error) {
		json_add_uint(object, "dma_mask", trial->dma_mask);
		json_add_bool(object, "enforced", trial->enforced);
		return object;
	}
	json_add_string(object, "error", strerror(-trial->error));
	json_add_string(object, "reason",
			p2pmap_reason_name(trial->reason.code));
	p2pmap_reason_text(&trial->reason, text, sizeof(text));
	json_add_string(object, "advice", text);
	return object;
}

void info_device_json(const struct survey *survey, const struct device *device,
		      const struct attach_trial *trial)
{
	json_object *object = device_json(device);

	json_object_object_add(object, "group_members",
			       group_json(&survey->devices, device));
	json_object_object_add(object, "attach",
			       trial->tried ? trial_json(trial) : NULL);
	print_json(object, JSON_C_TO_STRING_PRETTY);
}
