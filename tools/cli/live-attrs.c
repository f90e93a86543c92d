// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of attributes, and how one becomes JSON.
 */
#define _GNU_SOURCE
#include "live-attrs.h"

#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>
#include <p2pmap/netlink.h>
#include <p2pmap/p2pmap.h>

#include "print.h"

static const char *map_flag_name(uint32_t flag)
{
	switch (flag) {
	case P2PMAP_MAP_WRITE:
		return "write";
	case P2PMAP_MAP_PIN:
		return "pin";
	case P2PMAP_MAP_SINK:
		return "sink";
	case P2PMAP_MAP_RESTORE:
		return "restore";
	}
	return NULL;
}

static const char *mapping_status_name(uint32_t flag)
{
	switch (flag) {
	case P2PMAP_MAPPING_ENFORCED:
		return "enforced";
	case P2PMAP_MAPPING_LIVE:
		return "live";
	case P2PMAP_MAPPING_GONE:
		return "gone";
	case P2PMAP_MAPPING_PINNED:
		return "pinned";
	case P2PMAP_MAPPING_STALE:
		return "stale";
	}
	return NULL;
}

static const char *importer_status_name(uint32_t flag)
{
	return flag == P2PMAP_IMPORTER_ENFORCED ? "enforced" : NULL;
}

static const char *event_flag_name(uint32_t flag)
{
	switch (flag) {
	case P2PMAP_EVENT_SINK:
		return "sink";
	case P2PMAP_EVENT_NOT_CUT:
		return "not-cut";
	}
	return NULL;
}

static const char *state_name(uint32_t state)
{
	switch ((enum p2pmap_nl_state)state) {
	case P2PMAP_NL_STATE_LIVE:
		return "live";
	case P2PMAP_NL_STATE_PARTIAL:
		return "partial";
	case P2PMAP_NL_STATE_REVOKED:
		return "revoked";
	case P2PMAP_NL_STATE_GONE:
		return "gone";
	case P2PMAP_NL_STATE_QUARANTINED:
		return "quarantined";
	}
	return NULL;
}

static const char *operation_name(uint32_t operation)
{
	switch ((enum p2pmap_nl_operation)operation) {
	case P2PMAP_NL_OPERATION_ATTACH:
		return "attach";
	case P2PMAP_NL_OPERATION_MAP:
		return "map";
	case P2PMAP_NL_OPERATION_REMAP:
		return "remap";
	case P2PMAP_NL_OPERATION_DRIVER_MAP:
		return "driver-map";
	}
	return NULL;
}

static const char *errno_name(uint32_t error)
{
	return strerrorname_np((int)error);
}

const char *live_event_name(int command)
{
	switch (command) {
	case P2PMAP_NL_CMD_MAP_NTF:
		return "map";
	case P2PMAP_NL_CMD_UNMAP_NTF:
		return "unmap";
	case P2PMAP_NL_CMD_REVOKE_NTF:
		return "revoke";
	case P2PMAP_NL_CMD_REMAP_NTF:
		return "remap";
	case P2PMAP_NL_CMD_REFUSE_NTF:
		return "refuse";
	case P2PMAP_NL_CMD_DEVICE_GONE_NTF:
		return "device-gone";
	case P2PMAP_NL_CMD_LOST_NTF:
		return "lost";
	}
	return NULL;
}

const struct live_attr live_context_attrs[] = {
	{ P2PMAP_NL_CONTEXT_ID, "id", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_CONTEXT_UID, "uid", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_CONTEXT_PID, "pid", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_CONTEXT_COMMAND, "command", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_CONTEXT_BOUND, "bound", LIVE_FLAG, NULL, NULL },
	{ P2PMAP_NL_CONTEXT_IMPORTERS, "importers", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_CONTEXT_MAPPINGS, "mappings", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_CONTEXT_AGE, "age_ms", LIVE_U64, NULL, NULL },
	{ 0 },
};

const struct live_attr live_importer_attrs[] = {
	{ P2PMAP_NL_IMPORTER_ID, "id", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_IMPORTER_CONTEXT, "context", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_IMPORTER_LOCAL_ID, "local_id", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_IMPORTER_DEVICE, "device", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_IMPORTER_DRIVER, "driver", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_IMPORTER_MODE, "mode", LIVE_NAME, p2pmap_dma_mode_name,
	  NULL },
	{ P2PMAP_NL_IMPORTER_STATUS, "status", LIVE_BITS, importer_status_name,
	  NULL },
	{ P2PMAP_NL_IMPORTER_GROUP, "iommu_group", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_IMPORTER_MAPPINGS, "mappings", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_IMPORTER_GONE, "gone", LIVE_FLAG, NULL, NULL },
	{ P2PMAP_NL_IMPORTER_AGE, "age_ms", LIVE_U64, NULL, NULL },
	{ 0 },
};

const struct live_attr live_mapping_attrs[] = {
	{ P2PMAP_NL_MAPPING_ID, "id", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_CONTEXT, "context", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_LOCAL_ID, "local_id", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_MAPPING_PID, "pid", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_MAPPING_COMMAND, "command", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_MAPPING_DRIVER, "driver", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_MAPPING_IMPORTER, "importer", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_MAPPING_EXPORTER, "exporter", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_MAPPING_BAR, "bar", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_MAPPING_LENGTH, "length", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_FLAGS, "flags", LIVE_BITS, map_flag_name, NULL },
	{ P2PMAP_NL_MAPPING_KIND, "kind", LIVE_NAME, p2pmap_kind_name, NULL },
	{ P2PMAP_NL_MAPPING_ROUTE, "route", LIVE_NAME, p2pmap_route_name,
	  NULL },
	{ P2PMAP_NL_MAPPING_STATUS, "status", LIVE_BITS, mapping_status_name,
	  NULL },
	{ P2PMAP_NL_MAPPING_STATE, "state", LIVE_NAME, state_name, NULL },
	{ P2PMAP_NL_MAPPING_EXTENTS, "extents", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_MAPPING_LIVE_BYTES, "live_bytes", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_SINK_BYTES, "sink_bytes", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_LOST_BYTES, "lost_bytes", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_GENERATION, "generation", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_AGE, "age_ms", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_PINNED_BYTES, "pinned_bytes", LIVE_U64, NULL,
	  NULL },
	{ P2PMAP_NL_MAPPING_ADDR, "addr", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_MAPPING_DMA_ADDR, "dma_addr", LIVE_U64, NULL, NULL },
	{ 0 },
};

const struct live_attr live_extent_attrs[] = {
	{ P2PMAP_NL_EXTENT_INDEX, "index", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_EXTENT_DMA_ADDR, "dma_addr", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_EXTENT_LENGTH, "length", LIVE_U64, NULL, NULL },
	{ 0 },
};

static const struct live_attr refusal_attrs[] = {
	{ P2PMAP_NL_REFUSAL_CODE, "reason", LIVE_NAME, p2pmap_reason_name,
	  NULL },
	{ P2PMAP_NL_REFUSAL_COUNT, "count", LIVE_U64, NULL, NULL },
	{ 0 },
};

const struct live_attr live_stats_attrs[] = {
	{ P2PMAP_NL_STATS_MAPS, "maps", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_UNMAPS, "unmaps", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_REVOCATIONS, "revocations", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_OUTDATED, "outdated", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_REMAPS, "remaps", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_RESTORES, "restores", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_EVENTS, "events", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_DEVICES_GONE, "devices_gone", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_REFUSALS, "refusals", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_NOTICES, "notices", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_NOTICES_LOST, "notices_lost", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_STATS_QUARANTINED_PAGES, "quarantined_pages", LIVE_U64,
	  NULL, NULL },
	{ P2PMAP_NL_STATS_REFUSAL, "refused", LIVE_NESTS, NULL, refusal_attrs },
	{ 0 },
};

const struct live_attr live_event_attrs[] = {
	{ P2PMAP_NL_EVENT_SEQ, "seq", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_EVENT_MAPPING, "mapping", LIVE_NEST, NULL,
	  live_mapping_attrs },
	{ P2PMAP_NL_EVENT_OFFSET, "offset", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_EVENT_LENGTH, "length", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_EVENT_CUT_OFFSET, "cut_offset", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_EVENT_CUT_LENGTH, "cut_length", LIVE_U64, NULL, NULL },
	{ P2PMAP_NL_EVENT_REASONS, "reasons", LIVE_BITS,
	  p2pmap_event_reason_name, NULL },
	{ P2PMAP_NL_EVENT_FLAGS, "flags", LIVE_BITS, event_flag_name, NULL },
	{ P2PMAP_NL_EVENT_OPERATION, "operation", LIVE_NAME, operation_name,
	  NULL },
	{ P2PMAP_NL_EVENT_ERRNO, "errno", LIVE_NAME, errno_name, NULL },
	{ P2PMAP_NL_EVENT_CODE, "reason", LIVE_NAME, p2pmap_reason_name, NULL },
	{ P2PMAP_NL_EVENT_PID, "pid", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_EVENT_COMMAND, "command", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_EVENT_DEVICE, "device", LIVE_TEXT, NULL, NULL },
	{ P2PMAP_NL_EVENT_IMPORTS, "imports", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_EVENT_EXPORTS, "exports", LIVE_U32, NULL, NULL },
	{ P2PMAP_NL_EVENT_LOST, "lost", LIVE_U64, NULL, NULL },
	{ 0 },
};

static json_object *name_of(uint32_t value, const char *(*name)(uint32_t))
{
	const char *text = name(value);
	char number[16];

	if (text)
		return json_object_new_string(text);
	/* A newer module's: its number is better than nothing. */
	snprintf(number, sizeof(number), "%u", value);
	return json_object_new_string(number);
}

static json_object *names_of(uint32_t bits, const char *(*name)(uint32_t))
{
	json_object *array = json_object_new_array();

	for (uint32_t bit = 1; bit; bit <<= 1)
		if (bits & bit)
			json_object_array_add(array, name_of(bit, name));
	return array;
}

/*
 * Others chose this text, the name of a process, and it goes to a terminal: what
 * is not printable ASCII is shown as in C, as ps does.  Not so UTF-8: the kernel
 * cuts a name at a byte, and so do columns.
 */
static json_object *text_of(const char *text, size_t length)
{
	char *escaped = malloc(4 * length + 1), *at = escaped;
	json_object *value;

	if (!escaped)
		return NULL;
	for (; length && *text; length--, text++) {
		if (*text >= ' ' && *text <= '~')
			*at++ = *text;
		else
			at += sprintf(at, "\\%03o", (unsigned char)*text);
	}
	value = json_object_new_string_len(escaped, at - escaped);
	free(escaped);
	return value;
}

static json_object *value_of(const struct live_attr *entry, struct nlattr *attr)
{
	uint32_t number = 0;

	/* What is shorter than it must be is as good as not there. */
	if (entry->type == LIVE_U32 || entry->type == LIVE_NAME ||
	    entry->type == LIVE_BITS) {
		if (nla_len(attr) < (int)sizeof(number))
			return NULL;
		number = nla_get_u32(attr);
	}
	switch (entry->type) {
	case LIVE_U32:
		return json_object_new_uint64(number);
	case LIVE_U64:
		return nla_len(attr) < (int)sizeof(uint64_t) ?
			       NULL :
			       json_object_new_uint64(nla_get_u64(attr));
	case LIVE_TEXT:
		return text_of(nla_data(attr), nla_len(attr));
	case LIVE_FLAG:
		return json_object_new_boolean(true);
	case LIVE_NAME:
		return name_of(number, entry->name);
	case LIVE_BITS:
		return names_of(number, entry->name);
	case LIVE_NEST:
	case LIVE_NESTS:
		return live_attrs_object(entry->nest, nla_data(attr),
					 nla_len(attr));
	}
	return NULL;
}

/* What stands for an attribute that is not there. */
static json_object *nothing(enum live_type type)
{
	switch (type) {
	case LIVE_FLAG:
		return json_object_new_boolean(false);
	case LIVE_BITS:
	case LIVE_NESTS:
		return json_object_new_array();
	default:
		return NULL;
	}
}

static const struct live_attr *find(const struct live_attr *table, int attr)
{
	for (; table->key; table++)
		if (table->attr == attr)
			return table;
	return NULL;
}

json_object *live_attrs_object(const struct live_attr *table,
			       struct nlattr *head, int length)
{
	json_object *object = json_object_new_object();
	const struct live_attr *entry;
	struct nlattr *attr;
	int left;

	for (entry = table; entry->key; entry++)
		json_object_object_add(object, entry->key,
				       nothing(entry->type));
	nla_for_each_attr(attr, head, length, left) {
		entry = find(table, nla_type(attr));
		if (entry && entry->type == LIVE_NESTS)
			json_object_array_add(
				json_object_object_get(object, entry->key),
				value_of(entry, attr));
		else if (entry)
			json_object_object_add(object, entry->key,
					       value_of(entry, attr));
	}
	return object;
}
