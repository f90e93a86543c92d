// SPDX-License-Identifier: GPL-2.0-only
/*
 * What several commands say in JSON.
 */
#include "json.h"

#include <string.h>

#include "version.h"

/* Changes when something is removed or gets another meaning. */
#define SCHEMA 1

json_object *json_document(const char *command)
{
	json_object *object = json_object_new_object();

	json_add_uint(object, "schema", SCHEMA);
	json_add_string(object, "command", command);
	json_add_string(object, "version", P2PMAP_CLI_VERSION);
	return object;
}

json_object *json_address(const struct device *device)
{
	return device ? json_object_new_string(device->address) : NULL;
}

json_object *json_acs_bits(uint16_t bits)
{
	json_object *array = json_object_new_array();
	char text[ACS_TEXT_LEN], *word, *rest;

	if (bits)
		acs_bits_text(bits, text);
	else
		text[0] = '\0';
	for (word = strtok_r(text, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		json_object_array_add(array, json_object_new_string(word));
	return array;
}

json_object *json_acs(const struct device_acs *acs)
{
	static const char *const states[] = {
		[ACS_UNKNOWN] = "unknown",
		[ACS_ABSENT] = "absent",
		[ACS_PRESENT] = "present",
	};
	json_object *object = json_object_new_object();

	json_add_string(object, "state", states[acs->state]);
	if (acs->state != ACS_PRESENT)
		return object;
	json_add_uint(object, "offset", acs->offset);
	json_object_object_add(object, "capability",
			       json_acs_bits(acs->capability));
	json_object_object_add(object, "control", json_acs_bits(acs->control));
	return object;
}

static json_object *json_bars(const struct device *device)
{
	json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < device->nr_bars; i++) {
		const struct device_bar *from = &device->bars[i];
		json_object *bar = json_object_new_object();

		json_add_uint(bar, "number", from->number);
		json_add_uint(bar, "size", from->size);
		json_add_bool(bar, "prefetchable", from->prefetchable);
		json_add_bool(bar, "assigned", from->assigned);
		json_add_bool(bar, "usable", from->usable);
		json_object_array_add(array, bar);
	}
	return array;
}

static json_object *json_link(const struct device *device)
{
	json_object *object;

	if (!device->link_speed[0])
		return NULL;
	object = json_object_new_object();
	json_add_string(object, "speed", device->link_speed);
	json_add_uint(object, "width", device->link_width);
	return object;
}

static json_object *number_or_null(int number)
{
	return number < 0 ? NULL : json_object_new_int(number);
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

json_object *json_device(const struct device *device)
{
	json_object *object = json_object_new_object();

	json_add_string(object, "address", device->address);
	json_add_uint(object, "vendor", device->vendor);
	json_add_uint(object, "device", device->id);
	json_add_uint(object, "class", device->class);
	json_add_string(object, "name", device->name);
	json_add_known(object, "driver", device->driver);
	json_object_object_add(object, "iommu_group",
			       number_or_null(device->group));
	json_add_string(object, "dma", dma_name(device->dma));
	json_add_uint(object, "dma_bits", device->dma_bits);
	json_object_object_add(object, "numa_node",
			       number_or_null(device->numa));
	json_object_object_add(object, "link", json_link(device));
	json_add_bool(object, "bus_master", device->bus_master);
	json_add_bool(object, "memory", device->memory);
	json_add_bool(object, "can_import", device_can_import(device));
	json_add_bool(object, "can_export", device_can_export(device));
	json_object_object_add(object, "bars", json_bars(device));
	return object;
}

json_object *json_host_bridge(const struct device *root,
			      enum host_bridge_state state)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "root", json_address(root));
	if (root) {
		json_add_uint(object, "vendor", root->vendor);
		json_add_uint(object, "device", root->id);
	}
	json_add_string(object, "state", host_bridge_name(state));
	return object;
}

void json_add_route(json_object *object, const struct route *route)
{
	bool known = route->verdict != ROUTE_UNKNOWN && !route->type_unknown;

	json_add_string(object, "route",
			known ? p2pmap_route_name(route->type) : "unknown");
	json_add_uint(object, "distance", route->distance);
	json_add_string(object, "reason",
			route->verdict == ROUTE_BLOCKED ?
				p2pmap_reason_name(route->reason.code) :
				NULL);
}

json_object *json_attach(const struct attach_trial *trial)
{
	json_object *object;
	char text[P2PMAP_REASON_TEXT_SIZE];

	if (!trial->tried)
		return NULL;
	object = json_object_new_object();
	json_add_bool(object, "possible", !trial->error);
	if (!trial->error) {
		json_add_string(object, "dma",
				trial->translated ? "translated" : "direct");
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
