/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module says of its live objects, over generic netlink.
 *
 * Each message becomes a JSON object by a table of its attributes, and what is
 * printed as text is read from there: so both say the same, and docs/cli-json.md
 * describes both.  <p2pmap/netlink.h> is the manual of the family.
 */
#ifndef LIVE_H
#define LIVE_H

#include <json-c/json.h>
#include <p2pmap/netlink.h>

#include "cli.h"

struct live;

/**
 * enum live_noun - what can be asked for
 * @LIVE_CONTEXT: an open of the node
 * @LIVE_IMPORTER: a device attached to a context
 * @LIVE_MAPPING: a mapping
 * @LIVE_EXTENT: an extent of a mapping
 */
enum live_noun {
	LIVE_CONTEXT,
	LIVE_IMPORTER,
	LIVE_MAPPING,
	LIVE_EXTENT,
};

/**
 * live_open() - talk to the module
 * @cli: for failures, which are told
 * @out: the connection, to be closed with live_close()
 *
 * Return: CLI_CONTINUE or an exit code.
 */
int live_open(const struct cli *cli, struct live **out);
void live_close(struct live *live);

/**
 * live_list() - all objects of a kind that the caller may see
 * @cli: for failures, which are told
 * @live: the connection
 * @noun: their kind
 * @of: for %LIVE_EXTENT the mapping, else 0
 * @out: an array; the caller's
 * @complete: false if something came or went each time it was read
 *
 * Return: CLI_CONTINUE or an exit code.
 */
int live_list(const struct cli *cli, struct live *live, enum live_noun noun,
	      uint64_t of, json_object **out, bool *complete);

/**
 * live_get() - one object
 * @live: the connection
 * @noun: its kind
 * @id: its id
 *
 * Return: the object, the caller's; NULL if there is none that he may see.
 */
json_object *live_get(struct live *live, enum live_noun noun, uint64_t id);

/**
 * live_stats() - the counters
 * @cli: for failures, which are told; NULL: they are not
 * @live: the connection
 * @out: the caller's
 *
 * Return: CLI_CONTINUE or an exit code.
 */
int live_stats(const struct cli *cli, struct live *live, json_object **out);

/**
 * live_watch() - be told what happens
 * @cli: for failures, which are told
 * @live: the connection; no other call uses it any more
 * @tell: is handed each event, which stays the caller's; false ends it
 * @context: for @tell
 *
 * Return: an exit code, or CLI_CONTINUE after @tell said false.
 */
int live_watch(const struct cli *cli, struct live *live,
	       bool (*tell)(void *context, json_object *event), void *context);

/* What json_object_object_get() finds, as text; "" for null. */
const char *live_text(json_object *object, const char *key);
uint64_t live_uint(json_object *object, const char *key);
/* Is @word in the array @key? */
bool live_has(json_object *object, const char *key, const char *word);

#endif /* LIVE_H */
