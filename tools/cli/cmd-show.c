// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli show: all there is to know of one mapping, importer or context.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "live-text.h"
#include "live.h"

static const struct option options[] = {
	CLI_OPTIONS,
	{ 0 },
};

static const char help[] =
	"Usage: " CLI_NAME " show ID [OPTION]...\n"
	"\n"
	"Show one mapping, importer or context, by its id in 'list'. Addresses\n"
	"and extents take CAP_SYS_RAWIO.\n"
	"\n"
	"Options:\n" CLI_OPTIONS_HELP "\n"
	"Examples:\n"
	"  " CLI_NAME " show 42\n"
	"  " CLI_NAME " show 42 --json | jq .mapping.extents\n"
	"\n"
	"Exit code: 0 success, 1 there is none, 2 wrong command line, 3 p2pmap\n"
	"cannot be used here.\n";

static const struct {
	const char *key;
	enum live_noun noun;
} nouns[] = {
	{ "mapping", LIVE_MAPPING },
	{ "importer", LIVE_IMPORTER },
	{ "context", LIVE_CONTEXT },
};

static int parse(struct cli *cli, uint64_t *id, int argc, char **argv)
{
	char *end;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		ret = cli_option(cli, opt, help);
		if (ret != CLI_CONTINUE)
			return ret;
	}
	if (optind == argc)
		return cli_usage("which id? 'list' has them");
	errno = 0;
	*id = strtoull(argv[optind], &end, 10);
	if (*end || errno || !*id)
		return cli_usage("'%s' is no id", argv[optind]);
	optind++;
	return cli_no_operands(argc, argv);
}

static bool is_address(const char *key)
{
	return !strcmp(key, "addr") || !strcmp(key, "dma_addr");
}

static bool is_bytes(const char *key)
{
	size_t length = strlen(key);

	return !strcmp(key, "length") ||
	       (length > 6 && !strcmp(key + length - 6, "_bytes"));
}

static void print_words(const char *label, json_object *array)
{
	size_t nr = json_object_array_length(array);

	printf("  %-14s", label);
	for (size_t i = 0; i < nr; i++)
		printf("%s%s", i ? ", " : "",
		       json_object_get_string(
			       json_object_array_get_idx(array, i)));
	puts(nr ? "" : "none");
}

static void print_member(const char *key, json_object *value)
{
	char text[SIZE_TEXT_LEN], label[32];

	snprintf(label, sizeof(label), "%s", key);
	for (char *c = label; *c; c++)
		if (*c == '_')
			*c = ' ';
	if (json_object_is_type(value, json_type_array))
		print_words(label, value);
	else if (is_address(key))
		print_field(label, "0x%" PRIx64, json_object_get_uint64(value));
	else if (is_bytes(key))
		print_field(label, "%s",
			    size_text(json_object_get_uint64(value), text));
	else if (!strcmp(key, "age_ms")) {
		live_age(json_object_get_uint64(value), text, sizeof(text));
		print_field("age", "%s", text);
	} else if (json_object_is_type(value, json_type_boolean))
		print_field(label, "%s",
			    json_object_get_boolean(value) ? "yes" : "no");
	else
		print_field(label, "%s", json_object_get_string(value));
}

static void print_extents(json_object *extents)
{
	char text[SIZE_TEXT_LEN];
	json_object *extent;

	for (size_t i = 0; i < json_object_array_length(extents); i++) {
		extent = json_object_array_get_idx(extents, i);
		printf("  extent %-6" PRIu64 " 0x%016" PRIx64 "  %s\n",
		       live_uint(extent, "index"),
		       live_uint(extent, "dma_addr"),
		       size_text(live_uint(extent, "length"), text));
	}
}

static void print_text(const struct cli *cli, const char *noun,
		       json_object *object, json_object *extents)
{
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);

	print_heading(cli, noun);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		json_object *value = json_object_iter_peek_value(&at);

		if (value)
			print_member(json_object_iter_peek_name(&at), value);
	}
	if (extents)
		print_extents(extents);
}

/* NULL if the caller may not see them: that is no failure. */
static json_object *get_extents(const struct cli *cli, struct live *live,
				json_object *mapping)
{
	json_object *extents = NULL;
	bool complete;

	if (!json_object_object_get(mapping, "dma_addr") ||
	    live_list(cli, live, LIVE_EXTENT, live_uint(mapping, "id"),
		      &extents, &complete) != CLI_CONTINUE)
		return NULL;
	return extents;
}

static void show(const struct cli *cli, struct live *live, size_t noun,
		 json_object *object)
{
	json_object *extents = NULL, *document;

	if (nouns[noun].noun == LIVE_MAPPING)
		extents = get_extents(cli, live, object);
	if (!cli->json) {
		print_text(cli, nouns[noun].key, object, extents);
		json_object_put(extents);
		json_object_put(object);
		return;
	}
	if (nouns[noun].noun == LIVE_MAPPING) {
		json_object_object_add(
			object, "nr_extents",
			json_object_new_uint64(live_uint(object, "extents")));
		json_object_object_add(object, "extents", extents);
	}
	document = json_document("show");
	json_object_object_add(document, nouns[noun].key, object);
	print_json(document, JSON_C_TO_STRING_PRETTY);
}

static int find(const struct cli *cli, struct live *live, uint64_t id)
{
	json_object *object;

	/* An id is of one noun only. */
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++) {
		object = live_get(live, nouns[i].noun, id);
		if (!object)
			continue;
		show(cli, live, i, object);
		return CLI_OK;
	}
	return cli_fail(cli, ENOENT, NULL,
			"'list' has the ids of what you may see; what others "
			"have takes CAP_NET_ADMIN.",
			"there is nothing with the id %" PRIu64, id);
}

int cmd_show(struct cli *cli, int argc, char **argv)
{
	struct live *live;
	uint64_t id = 0;
	int ret;

	ret = parse(cli, &id, argc, argv);
	if (ret == CLI_CONTINUE)
		ret = live_open(cli, &live);
	if (ret != CLI_CONTINUE)
		return ret;
	ret = find(cli, live, id);
	live_close(live);
	return ret;
}
