// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli list, show, stats, monitor and top: what they say is what the
 * library knows, and nobody is shown more than he may see.
 *
 * with: tools/cli/p2pmap-cli
 */
#define _GNU_SOURCE
#include "cli.h"

#include <sys/wait.h>

#define LENGTH (64 * PAGE)
#define USER_UID 1000
#define COLUMNS 80

/* The mapping of this process's, in a list; the list stays with the run. */
static json_object *mine(const struct cli_run *run)
{
	json_object *mappings = member(run->json, "mappings");

	assert_true(is_true(run->json, "complete"));
	for (size_t i = 0; i < length_of(mappings); i++)
		if (number_of(item(mappings, i), "pid") == getpid() &&
		    number_of(item(mappings, i), "length") == LENGTH)
			return item(mappings, i);
	return NULL;
}

static bool says(json_object *object, const char *name, const char *word)
{
	json_object *array = member(object, name);

	for (size_t i = 0; i < length_of(array); i++)
		if (!strcmp(json_object_get_string(item(array, i)), word))
			return true;
	return false;
}

static int64_t id_of_mine(void)
{
	struct cli_run run = cli_json("list");
	json_object *mapping = mine(&run);
	int64_t id;

	assert_non_null(mapping);
	id = number_of(mapping, "id");
	cli_free(&run);
	return id;
}

static void a_mapping_is_listed_as_the_library_knows_it(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping =
		map(lab, bar_at(lab, 0, LENGTH), LENGTH, P2PMAP_MAP_WRITE);
	struct cli_run run = cli_json("list");
	json_object *listed = mine(&run);

	assert_int_equal(run.status, 0);
	assert_non_null(listed);
	assert_string_equal(text_of(listed, "importer"), lab->edu_address);
	assert_string_equal(text_of(listed, "exporter"), lab->ivshmem_address);
	assert_int_equal(number_of(listed, "bar"), 2);
	assert_string_equal(text_of(listed, "kind"), "bar");
	assert_string_equal(text_of(listed, "state"), "live");
	assert_true(says(listed, "flags", "write"));
	assert_false(says(listed, "flags", "pin"));
	assert_true(says(listed, "status", "enforced"));
	assert_int_equal(number_of(listed, "live_bytes"), LENGTH);
	assert_int_equal(number_of(listed, "local_id"),
			 p2pmap_mapping_id(mapping));
	assert_int_equal(number_of(listed, "generation"),
			 mapping_status(mapping).out_generation);
	assert_true((uint64_t)number_of(listed, "dma_addr") ==
		    mapping_dma(mapping, 0));
	cli_free(&run);
	unmap(mapping);
	run = cli_json("list");
	assert_null(mine(&run));
	cli_free(&run);
}

/* Shared memory: to run a program is to fork, which takes private memory. */
static void what_was_revoked_in_part_is_partial(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(LENGTH);
	unsigned char *range =
		mmap_fd(fd, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED);
	struct p2pmap_mapping *mapping;
	struct cli_run run;
	json_object *listed;

	fill(range, LENGTH, 1);
	mapping = map(lab, range, LENGTH, P2PMAP_MAP_WRITE);
	assert_int_equal(munmap(range, PAGE), 0);
	run = cli_json("list");
	listed = mine(&run);
	assert_non_null(listed);
	assert_string_equal(text_of(listed, "state"), "partial");
	assert_int_equal(number_of(listed, "lost_bytes"), PAGE);
	assert_int_equal(number_of(listed, "live_bytes"), LENGTH - PAGE);
	assert_null(text_of(listed, "exporter"));
	cli_free(&run);
	unmap(mapping);
	close(fd);
}

static void only_those_of_a_device_are_listed(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping =
		map(lab, bar_at(lab, 0, LENGTH), LENGTH, 0);
	struct cli_run run;

	run = cli_json("list", "--device", lab->ivshmem_address);
	assert_non_null(mine(&run));
	cli_free(&run);
	run = cli_json("list", "--device", lab->nvme_address);
	assert_int_equal(length_of(member(run.json, "mappings")), 0);
	cli_free(&run);
	run = cli_json("list", "--pid", "1");
	assert_null(mine(&run));
	cli_free(&run);
	unmap(mapping);
}

static void importers_and_contexts_are_listed(void **state)
{
	struct lab *lab = *state;
	struct cli_run run = cli_json("list", "importers");
	json_object *found;

	found = find(member(run.json, "importers"), "device", lab->edu_address);
	assert_non_null(found);
	assert_string_equal(text_of(found, "driver"), "uio_pci_generic");
	assert_string_equal(text_of(found, "mode"), "translated");
	cli_free(&run);
	run = cli_json("list", "contexts");
	assert_true(length_of(member(run.json, "contexts")) >= 1);
	cli_free(&run);
}

static void show_has_every_extent(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping =
		map(lab, bar_at(lab, 0, LENGTH), LENGTH, 0);
	json_object *shown, *extents;
	struct cli_run run;
	char id[32];

	snprintf(id, sizeof(id), "%jd", (intmax_t)id_of_mine());
	run = cli_json("show", id);
	assert_int_equal(run.status, 0);
	shown = member(run.json, "mapping");
	extents = member(shown, "extents");
	assert_int_equal(length_of(extents), number_of(shown, "nr_extents"));
	assert_int_equal(length_of(extents), 1);
	assert_true((uint64_t)number_of(item(extents, 0), "dma_addr") ==
		    mapping_dma(mapping, 0));
	assert_int_equal(number_of(item(extents, 0), "length"), LENGTH);
	cli_free(&run);
	unmap(mapping);
	run = cli_json("show", id);
	assert_int_equal(run.status, 1);
	cli_free(&run);
}

static void a_user_is_shown_nothing_of_others(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping =
		map(lab, bar_at(lab, 0, LENGTH), LENGTH, 0);
	struct cli_run run;
	char id[32];

	snprintf(id, sizeof(id), "%jd", (intmax_t)id_of_mine());
	run = cli_json_as(USER_UID, "list");
	assert_int_equal(run.status, 0);
	assert_int_equal(length_of(member(run.json, "mappings")), 0);
	cli_free(&run);
	run = cli_json_as(USER_UID, "show", id);
	assert_int_equal(run.status, 1);
	assert_string_equal(text_of(member(run.json, "error"), "errno"),
			    "ENOENT");
	cli_free(&run);
	run = cli_json_as(USER_UID, "stats");
	assert_int_equal(run.status, 1);
	assert_string_equal(text_of(member(run.json, "error"), "errno"),
			    "EPERM");
	cli_free(&run);
	run = cli_json_as(USER_UID, "monitor", "--count", "1");
	assert_int_equal(run.status, 1);
	cli_free(&run);
	unmap(mapping);
}

static int64_t counted(const char *name)
{
	struct cli_run run = cli_json("stats");
	int64_t value = number_of(member(run.json, "stats"), name);

	assert_int_equal(run.status, 0);
	cli_free(&run);
	return value;
}

static void stats_count_what_was_done_and_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *bar = bar_at(lab, 0, LENGTH);
	int64_t maps = counted("maps"), unmaps = counted("unmaps");
	int64_t refusals = counted("refusals");
	struct cli_run run;

	unmap(map(lab, bar, LENGTH, 0));
	assert_refused(lab, bar, LENGTH, P2PMAP_MAP_PIN, EOPNOTSUPP,
		       P2PMAP_REASON_PIN_DEVICE_MEMORY);
	assert_int_equal(counted("maps"), maps + 1);
	assert_int_equal(counted("unmaps"), unmaps + 1);
	assert_int_equal(counted("refusals"), refusals + 1);
	run = cli_json("stats");
	assert_non_null(find(member(member(run.json, "stats"), "refused"),
			     "reason", "pin-device-memory"));
	cli_free(&run);
}

/* Until it has seen enough: nobody knows when it began to listen. */
static void monitor_tells_what_happens(void **state)
{
	static const char *const argv[] = { CLI,       "monitor", "--json",
					    "--count", "4",	  NULL };
	struct cli_call call = { .argv = argv,
				 .out = memfd(0),
				 .err = memfd(0) };
	struct lab *lab = *state;
	unsigned char *bar = bar_at(lab, 0, LENGTH);
	pid_t pid = child_start(cli_exec, &call);
	siginfo_t ended = { 0 };
	uint64_t end = now_ms() + 20000;
	char *out;

	while (!ended.si_pid && now_ms() < end) {
		unmap(map(lab, bar, LENGTH, 0));
		assert_int_equal(waitid(P_PID, pid, &ended,
					WEXITED | WNOHANG | WNOWAIT),
				 0);
		sleep_ms(20);
	}
	if (!ended.si_pid)
		kill(pid, SIGKILL);
	assert_int_equal(child_end(pid), 0);
	out = cli_slurp(call.out);
	assert_non_null(strstr(out, "\"event\":\"map\""));
	assert_non_null(strstr(out, "\"event\":\"unmap\""));
	assert_non_null(strstr(out, lab->ivshmem_address));
	free(out);
	close(call.err);
}

static void top_shows_a_screen(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping =
		map(lab, bar_at(lab, 0, LENGTH), LENGTH, 0);
	struct cli_run run = cli("top", "--count", "1");

	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, lab->edu_address));
	assert_null(strchr(run.out, 033));
	cli_free(&run);
	run = cli_json("top", "--count", "1");
	assert_true(length_of(member(run.json, "mappings")) >= 1);
	assert_true(number_of(member(run.json, "stats"), "maps") >= 1);
	cli_free(&run);
	unmap(mapping);
}

static void assert_narrow(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (length > COLUMNS)
			print_error("too wide: %.*s\n", (int)length, text);
		assert_true(length <= COLUMNS);
		text += length + (text[length] == '\n');
	}
}

static void all_of_it_fits_80_columns(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping =
		map(lab, bar_at(lab, 0, LENGTH), LENGTH, P2PMAP_MAP_WRITE);
	char id[32];

	snprintf(id, sizeof(id), "%jd", (intmax_t)id_of_mine());
	struct cli_run runs[] = {
		cli("list"),
		cli("list", "importers"),
		cli("list", "contexts"),
		cli("show", id),
		cli("stats"),
		cli("top", "--count", "1"),
		cli("list", "--help"),
		cli("show", "--help"),
		cli("stats", "--help"),
		cli("monitor", "--help"),
		cli("top", "--help"),
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		assert_int_equal(runs[i].status, 0);
		assert_narrow(runs[i].out);
		cli_free(&runs[i]);
	}
	unmap(mapping);
}

static void without_the_module_it_says_so(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	lab_close(lab);
	assert_int_equal(module_unload(), 0);
	run = cli_json("list");
	assert_int_equal(run.status, 3);
	assert_non_null(member(run.json, "error"));
	cli_free(&run);
	assert_int_equal(module_load(""), 0);
	lab_reopen(lab);
	module_reload(lab, "");
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_mapping_is_listed_as_the_library_knows_it),
	LAB_TEST(what_was_revoked_in_part_is_partial),
	LAB_TEST(only_those_of_a_device_are_listed),
	LAB_TEST(importers_and_contexts_are_listed),
	LAB_TEST(show_has_every_extent),
	LAB_TEST(a_user_is_shown_nothing_of_others),
	LAB_TEST(stats_count_what_was_done_and_refused),
	LAB_TEST(monitor_tells_what_happens),
	LAB_TEST(top_shows_a_screen),
	LAB_TEST(all_of_it_fits_80_columns),
	LAB_TEST(without_the_module_it_says_so),
};

LAB_MAIN(LAB_TRANSLATED, tests)
