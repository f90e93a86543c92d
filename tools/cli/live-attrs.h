/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The attributes of the netlink family, and what they are called in JSON.
 */
#ifndef LIVE_ATTRS_H
#define LIVE_ATTRS_H

#include <json-c/json.h>

struct nlattr;

/**
 * enum live_type - what is in an attribute, and what it becomes
 * @LIVE_U32: a number
 * @LIVE_U64: a number
 * @LIVE_TEXT: a string, of which printable ASCII stays as it is
 * @LIVE_FLAG: there or not: a bool
 * @LIVE_NAME: a number that has a name
 * @LIVE_BITS: bits that have names: an array of them
 * @LIVE_NEST: an object
 * @LIVE_NESTS: several of them: an array
 */
enum live_type {
	LIVE_U32,
	LIVE_U64,
	LIVE_TEXT,
	LIVE_FLAG,
	LIVE_NAME,
	LIVE_BITS,
	LIVE_NEST,
	LIVE_NESTS,
};

/**
 * struct live_attr - one attribute; a table ends with one without a key
 * @attr: its number
 * @key: its name in JSON; null there if the message does not have it
 * @type: what it is
 * @name: for %LIVE_NAME the name of a value, for %LIVE_BITS of one bit
 * @nest: for %LIVE_NEST and %LIVE_NESTS, the table
 */
struct live_attr {
	int attr;
	const char *key;
	enum live_type type;
	const char *(*name)(uint32_t value);
	const struct live_attr *nest;
};

extern const struct live_attr live_context_attrs[];
extern const struct live_attr live_importer_attrs[];
extern const struct live_attr live_mapping_attrs[];
extern const struct live_attr live_extent_attrs[];
extern const struct live_attr live_stats_attrs[];
extern const struct live_attr live_event_attrs[];

/* The name of a message of the group "events", or NULL. */
const char *live_event_name(int command);

/* All attributes of @table, from a stream of them; the caller's. */
json_object *live_attrs_object(const struct live_attr *table,
			       struct nlattr *head, int length);

#endif /* LIVE_ATTRS_H */
