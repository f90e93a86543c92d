/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of p2pmap-cli share: run the real program, as root or as a
 * user, and look at its JSON.
 */
#ifndef P2PMAP_TEST_CLI_H
#define P2PMAP_TEST_CLI_H

#include "harness.h"

#include <json-c/json.h>
#include <sys/stat.h>

/* Where tests/vm/run puts it: the line "with:" of a test's comment. */
#define CLI "/tests/p2pmap-cli"

#define CLI_TEXT (256 * KIB)
#define CLI_ARGS 16

/**
 * struct cli_run - one run of the program
 * @out: what it printed to standard output
 * @err: to standard error
 * @status: its exit status
 * @json: @out, parsed, if it was run by cli_json()
 */
struct cli_run {
	char *out;
	char *err;
	int status;
	json_object *json;
};

struct cli_call {
	const char *const *argv;
	int out;
	int err;
};

static inline int cli_exec(void *arg)
{
	struct cli_call *call = arg;

	if (dup2(call->out, 1) < 0 || dup2(call->err, 2) < 0)
		return 126;
	execv(call->argv[0], (char *const *)(uintptr_t)call->argv);
	return 127;
}

static inline char *cli_slurp(int fd)
{
	char *text = calloc(1, CLI_TEXT);
	ssize_t n;

	assert_non_null(text);
	n = pread(fd, text, CLI_TEXT - 1, 0);
	assert_true(n >= 0 && n < (ssize_t)CLI_TEXT - 1);
	close(fd);
	return text;
}

/* Runs it as a user, 0 for root; the arguments end with NULL. */
static inline struct cli_run cli_exec_as(uid_t uid, const char *const *argv)
{
	struct cli_call call = { .argv = argv,
				 .out = memfd(0),
				 .err = memfd(0) };
	struct cli_run run = { 0 };

	run.status = uid ? as_user(uid, cli_exec, &call) :
			   in_child(cli_exec, &call);
	run.out = cli_slurp(call.out);
	run.err = cli_slurp(call.err);
	return run;
}

#define cli_as(uid, ...) \
	cli_exec_as(uid, (const char *const[]){ CLI, __VA_ARGS__, NULL })
#define cli(...) cli_as(0, __VA_ARGS__)

/* The same with --json, and the answer parsed. */
#define cli_json_as(uid, ...) cli_parse(cli_as(uid, __VA_ARGS__, "--json"))
#define cli_json(...) cli_json_as(0, __VA_ARGS__)

static inline struct cli_run cli_parse(struct cli_run run)
{
	run.json = json_tokener_parse(run.out);
	if (!run.json)
		print_error("no JSON, status %d: %s%s\n", run.status, run.out,
			    run.err);
	assert_non_null(run.json);
	return run;
}

static inline void cli_free(struct cli_run *run)
{
	json_object_put(run->json);
	free(run->out);
	free(run->err);
	*run = (struct cli_run){ 0 };
}

/* Members, which have to be there. */

static inline json_object *member(json_object *object, const char *name)
{
	json_object *value;

	if (!json_object_object_get_ex(object, name, &value)) {
		print_error("no member %s in %s\n", name,
			    json_object_to_json_string(object));
		fail();
	}
	return value;
}

/* NULL for null. */
static inline const char *text_of(json_object *object, const char *name)
{
	json_object *value = member(object, name);

	return value ? json_object_get_string(value) : NULL;
}

static inline int64_t number_of(json_object *object, const char *name)
{
	return json_object_get_int64(member(object, name));
}

static inline bool is_true(json_object *object, const char *name)
{
	return json_object_get_boolean(member(object, name));
}

static inline json_object *item(json_object *array, size_t i)
{
	return json_object_array_get_idx(array, i);
}

static inline size_t length_of(json_object *array)
{
	return json_object_array_length(array);
}

/* The object in an array whose member has this value, or NULL. */
static inline json_object *find(json_object *array, const char *name,
				const char *value)
{
	for (size_t i = 0; i < length_of(array); i++) {
		const char *is = text_of(item(array, i), name);

		if (is && !strcmp(is, value))
			return item(array, i);
	}
	return NULL;
}

#endif /* P2PMAP_TEST_CLI_H */
