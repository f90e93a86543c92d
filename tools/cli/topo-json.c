// SPDX-License-Identifier: GPL-2.0-only
/*
 * The topology for programs.
 */
#include "json.h"
#include "topo.h"

static json_object *host_bridges_json(const struct survey *survey)
{
	const struct devices *devices = &survey->devices;
	json_object *array = json_object_new_array();

	for (size_t i = 0; i < devices->count; i++) {
		const struct device *first = &devices->list[i], *root;
		enum host_bridge_state state;
		json_object *object;

		if (!topo_is_first(devices, first))
			continue;
		state = topo_host_bridge(survey, first, &root);
		object = json_host_bridge(root, state);
		json_add_uint(object, "domain", first->domain);
		json_add_uint(object, "bus", first->bus);
		json_object_array_add(array, object);
	}
	return array;
}

static json_object *devices_json(const struct devices *devices)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; i < devices->count; i++) {
		const struct device *device = &devices->list[i];
		json_object *object = json_device(device);

		json_add_string(object, "type", device_type_text(device));
		json_object_object_add(object, "upstream",
				       json_address(device->upstream));
		json_add_bool(object, "bridge", device->header);
		json_object_object_add(object, "acs", json_acs(&device->acs));
		json_object_object_add(object, "redirects",
				       json_acs_bits(route_redirects(device)));
		json_object_array_add(array, object);
	}
	return array;
}

static json_object *pair_json(const struct survey *survey,
			      const struct device *importer,
			      const struct device *exporter)
{
	json_object *object = json_object_new_object();
	struct route route;

	topo_route(survey, importer, exporter, &route);
	json_add_string(object, "importer", importer->address);
	json_add_string(object, "exporter", exporter->address);
	json_add_route(object, &route);
	return object;
}

static json_object *routes_json(const struct survey *survey)
{
	const struct device *importer = NULL, *exporter;
	const struct devices *devices = &survey->devices;
	json_object *array = json_object_new_array();

	while ((importer = topo_next(devices, importer, device_can_import))) {
		exporter = NULL;
		while ((exporter = topo_next(devices, exporter,
					     device_can_export)))
			json_object_array_add(array, pair_json(survey, importer,
							       exporter));
	}
	return array;
}

void topo_json(const struct survey *survey)
{
	json_object *object = json_document("topo");

	json_object_object_add(object, "host_bridges",
			       host_bridges_json(survey));
	json_object_object_add(object, "devices",
			       devices_json(&survey->devices));
	json_object_object_add(object, "routes", routes_json(survey));
	print_json(object, JSON_C_TO_STRING_PRETTY);
}
