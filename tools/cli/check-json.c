// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict on a pair, for programs.
 */
#define _GNU_SOURCE
#include <string.h>

#include "check.h"
#include "json.h"

static json_object *hops_json(const struct verdict *verdict)
{
	json_object *array = json_object_new_array();
	struct route_hop hops[ROUTE_MAX_HOPS];
	unsigned int n;

	n = route_hops(&verdict->route, verdict->importer, verdict->exporter,
		       hops);
	for (unsigned int i = 0; i < n; i++) {
		const struct device *device = hops[i].device;
		json_object *hop = json_object_new_object();

		json_object_object_add(hop, "address", json_address(device));
		json_add_string(hop, "type",
				device ? device_type_text(device) :
					 "root complex");
		json_add_string(hop, "direction",
				!device		   ? "turn" :
				hops[i].descending ? "down" :
						     "up");
		if (device)
			json_object_object_add(hop, "acs",
					       json_acs(&device->acs));
		json_object_array_add(array, hop);
	}
	return array;
}

static json_object *remedies_json(const struct obstacle *obstacle)
{
	json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < obstacle->nr_remedies; i++) {
		json_object *remedy = json_object_new_object();

		json_add_string(remedy, "kind", obstacle->remedies[i].kind);
		json_add_string(remedy, "text", obstacle->remedies[i].text);
		json_object_array_add(array, remedy);
	}
	return array;
}

static json_object *acs_json(const struct obstacle *obstacle)
{
	json_object *object;

	if (!obstacle->acs_bits)
		return NULL;
	object = json_object_new_object();
	/* The control register follows ID, next, version and capability. */
	json_add_uint(object, "register", obstacle->acs_offset + 6);
	json_object_object_add(object, "bits",
			       json_acs_bits(obstacle->acs_bits));
	return object;
}

static json_object *obstacles_json(const struct verdict *verdict)
{
	json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < verdict->nr_obstacles; i++) {
		const struct obstacle *from = &verdict->obstacles[i];
		json_object *obstacle = json_object_new_object();

		json_add_string(obstacle, "code", from->code);
		json_add_string(obstacle, "weight",
				obstacle_weight_name(from->weight));
		json_add_known(obstacle, "address", from->address);
		json_object_object_add(obstacle, "acs", acs_json(from));
		json_add_string(obstacle, "text", from->text);
		json_object_object_add(obstacle, "remedies",
				       remedies_json(from));
		json_object_array_add(array, obstacle);
	}
	return array;
}

static json_object *kernel_json(const struct verdict *verdict)
{
	const struct route_answer *kernel = &verdict->kernel;
	json_object *object;

	if (!kernel->asked)
		return NULL;
	object = json_object_new_object();
	json_add_string(object, "route",
			kernel->error ? "none" :
					p2pmap_route_name(kernel->type));
	if (!kernel->error)
		json_add_uint(object, "distance", kernel->distance);
	json_add_string(
		object, "reason",
		kernel->error ? p2pmap_reason_name(kernel->reason.code) : NULL);
	json_add_bool(object, "agrees", !verdict->disagrees);
	return object;
}

static json_object *step_json(const struct trial_step *step)
{
	json_object *object = json_object_new_object();

	json_add_string(object, "status", trial_status_name(step->status));
	json_add_known(object, "text", step->text);
	json_add_string(object, "error",
			step->error ? strerrorname_np(-step->error) : NULL);
	json_add_string(object, "reason",
			step->status == TRIAL_FAILED && step->reason.code ?
				p2pmap_reason_name(step->reason.code) :
				NULL);
	return object;
}

static json_object *trial_json(const struct trial *trial)
{
	json_object *object;

	if (!trial)
		return NULL;
	object = json_object_new_object();
	json_add_bool(object, "passed", trial_passed(trial));
	json_object_object_add(object, "attach", step_json(&trial->attach));
	json_object_object_add(object, "bar", step_json(&trial->bar));
	json_object_object_add(object, "map", step_json(&trial->map));
	json_object_object_add(object, "transfer", step_json(&trial->transfer));
	if (trial->map.status != TRIAL_PASSED)
		return object;
	json_add_uint(object, "bar_number", trial->bar_number);
	json_add_bool(object, "enforced", trial->enforced);
	json_add_string(object, "route", p2pmap_route_name(trial->route));
	return object;
}

void check_json(const struct survey *survey, const struct verdict *verdict,
		const struct trial *trial)
{
	const struct route *route = &verdict->route;
	json_object *object = json_document("check");
	json_object *bridges = json_object_new_array();

	json_add_string(object, "verdict", verdict_name(verdict->result));
	json_object_object_add(object, "importer",
			       json_device(verdict->importer));
	json_object_object_add(object, "exporter",
			       json_device(verdict->exporter));
	json_add_route(object, route);
	json_add_string(object, "dma",
			route->translated ? "translated" : "direct");
	json_add_string(object, "basis", check_basis(verdict));
	json_add_bool(object, "module_loaded", survey->system.module.loaded);
	json_object_object_add(object, "kernel", kernel_json(verdict));
	json_object_object_add(object, "attach", json_attach(&verdict->attach));
	json_object_object_add(object, "hops", hops_json(verdict));
	for (unsigned int i = 0; i < 2; i++)
		if (route->host_root[i] &&
		    (!i || route->host_root[0] != route->host_root[1]))
			json_object_array_add(
				bridges,
				json_host_bridge(route->host_root[i],
						 route->host_state[i]));
	json_object_object_add(object, "host_bridges", bridges);
	json_object_object_add(object, "obstacles", obstacles_json(verdict));
	json_object_object_add(object, "test", trial_json(trial));
	print_json(object, JSON_C_TO_STRING_PRETTY);
}
