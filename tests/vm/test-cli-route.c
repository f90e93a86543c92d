// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli and the kernel agree on every pair of devices, in every topology;
 * and what a caller without privilege is told is the truth, or "unknown".
 *
 * with: tools/cli/p2pmap-cli
 * lab: --topology switch --importers 2 --exporters 2
 * lab: --topology two-switches
 * lab: --topology cascade
 * lab: --topology root-ports
 * lab: --topology host-bridges
 * lab: --topology pci-bridge
 * lab: --topology one-slot
 */
#define _GNU_SOURCE
#include "cli.h"

#define Q35 "8086:29c0"
#define PORT_OF_PXB "1b36:000c"

/* Every way in which the administrator may have loaded the module. */
static const char *const parameters[] = {
	"unenforced=1",
	"unenforced=1 host_bridges=" Q35,
	"unenforced=1 host_bridges=" Q35 "," PORT_OF_PXB,
};

static struct p2pmap_pci_addr address_of(const char *text)
{
	struct p2pmap_pci_addr pci;

	assert_int_equal(p2pmap_pci_parse(text, &pci), 0);
	return pci;
}

/* What the kernel says of the pair is what the program says. */
static void check_pair(struct lab *lab, json_object *pair)
{
	struct p2pmap_pci_addr from = address_of(text_of(pair, "importer"));
	struct p2pmap_pci_addr to = address_of(text_of(pair, "exporter"));
	struct p2pmap_route_info info = { .size = sizeof(info) };
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	int rc = p2pmap_context_route(lab->ctx, &from, &to, &info, &reason);

	lab_note(lab, "%s to %s: %s", text_of(pair, "importer"),
		 text_of(pair, "exporter"), text_of(pair, "route"));
	if (rc) {
		assert_int_equal(rc, -EHOSTUNREACH);
		assert_string_equal(text_of(pair, "route"), "none");
		assert_string_equal(text_of(pair, "reason"),
				    p2pmap_reason_name(reason.code));
		return;
	}
	assert_string_equal(text_of(pair, "route"),
			    p2pmap_route_name(info.route));
	assert_int_equal(number_of(pair, "distance"), info.distance);
	assert_null(text_of(pair, "reason"));
}

static void every_route_of_topo_is_the_kernels(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < 3; i++) {
		struct cli_run run;
		json_object *routes;

		module_restart(lab, parameters[i]);
		run = cli_json("topo");
		assert_int_equal(run.status, 0);
		routes = member(run.json, "routes");
		assert_true(length_of(routes) >= 3);
		for (size_t j = 0; j < length_of(routes); j++)
			check_pair(lab, item(routes, j));
		cli_free(&run);
	}
}

/* check computes for itself, asks the kernel, and compares. */
static void check_compares_itself_with_the_kernel(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < 3; i++) {
		const char *const exporters[] = { lab->ivshmem_address,
						  lab->nvme_address,
						  lab->edu_address };

		module_restart(lab, parameters[i]);
		for (size_t j = 0; j < 3; j++) {
			struct cli_run run = cli_json("check", lab->edu_address,
						      exporters[j]);

			assert_string_equal(text_of(run.json, "basis"),
					    "kernel");
			assert_true(
				is_true(member(run.json, "kernel"), "agrees"));
			assert_null(find(member(run.json, "obstacles"), "code",
					 "kernel-disagrees"));
			assert_int_equal(run.status,
					 strcmp(text_of(run.json, "verdict"),
						"works") != 0);
			cli_free(&run);
		}
	}
}

/* MAP has the last word: it takes what check says works, and nothing else. */
static void map_takes_what_check_says_works(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE);

	for (size_t i = 0; i < 3; i++) {
		struct p2pmap_mapping *mapping;
		struct cli_run run;
		int rc;

		module_restart(lab, parameters[i]);
		run = cli_json("check", lab->edu_address, lab->ivshmem_address);
		rc = try_map(lab, range, PAGE, WRITE, &mapping);
		assert_int_equal(run.status, rc ? 1 : 0);
		if (rc) {
			assert_int_equal(rc, -EHOSTUNREACH);
			assert_string_equal(
				text_of(run.json, "reason"),
				p2pmap_reason_name(lab->reason.code));
			assert_non_null(
				find(member(run.json, "obstacles"), "code",
				     p2pmap_reason_name(lab->reason.code)));
		} else {
			assert_string_equal(
				text_of(run.json, "route"),
				p2pmap_route_name(
					p2pmap_mapping_route(mapping)));
			unmap(mapping);
		}
		cli_free(&run);
	}
	munmap(range, PAGE);
}

static void write_config(const char *text)
{
	FILE *file;

	mkdir("/etc/modprobe.d", 0755);
	file = fopen("/etc/modprobe.d/p2pmap.conf", "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void same_text(const struct cli_run *a, const struct cli_run *b,
		      const char *name)
{
	const char *left = text_of(a->json, name);
	const char *right = text_of(b->json, name);

	if (left && right)
		assert_string_equal(left, right);
	else
		assert_true(left == right);
}

/* It takes the administrator's word from modprobe's configuration then. */
static void without_the_module_the_answer_is_the_same(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < 3; i++) {
		struct cli_run with, without;
		char config[200];

		module_restart(lab, parameters[i]);
		with = cli_json("check", lab->edu_address,
				lab->ivshmem_address);
		lab_close(lab);
		assert_int_equal(module_unload(), 0);
		snprintf(config, sizeof(config), "options p2pmap %s\n",
			 parameters[i]);
		write_config(config);
		without = cli_json("check", lab->edu_address,
				   lab->ivshmem_address);
		unlink("/etc/modprobe.d/p2pmap.conf");
		assert_string_equal(text_of(without.json, "basis"), "computed");
		assert_null(member(without.json, "kernel"));
		same_text(&with, &without, "verdict");
		same_text(&with, &without, "route");
		same_text(&with, &without, "reason");
		assert_int_equal(number_of(with.json, "distance"),
				 number_of(without.json, "distance"));
		assert_int_equal(with.status, without.status);
		cli_free(&with);
		cli_free(&without);
		assert_int_equal(module_load(parameters[i]), 0);
		lab_reopen(lab);
	}
}

/* Who sees neither ACS nor ports says so, and never the wrong thing. */
static void a_user_is_told_the_truth_or_unknown(void **state)
{
	struct lab *lab = *state;
	unsigned int told = 0;

	for (size_t i = 0; i < 3; i++) {
		struct cli_run root, user;
		const char *route;

		module_restart(lab, parameters[i]);
		root = cli_json("check", lab->edu_address,
				lab->ivshmem_address);
		/* The node is root's alone: nobody tells him. */
		user = cli_json_as(USER_UID, "check", lab->edu_address,
				   lab->ivshmem_address);
		assert_string_equal(text_of(user.json, "basis"), "computed");
		route = text_of(user.json, "route");
		lab_note(lab, "user: %s, root: %s", route,
			 text_of(root.json, "route"));
		if (strcmp(route, "unknown")) {
			same_text(&root, &user, "route");
			same_text(&root, &user, "reason");
			told++;
		}
		cli_free(&root);
		cli_free(&user);
	}
	/* Behind an IOMMU ACS does not matter, only who the root device is. */
	if (lab_is_translated(lab) &&
	    strcmp(getenv("P2PMAP_TOPOLOGY"), "host-bridges"))
		assert_int_equal(told, 3);
}

/* Let him open the node, and the kernel tells him. */
static void a_user_with_the_node_is_told_by_the_kernel(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < 3; i++) {
		struct cli_run root, user;

		module_restart(lab, parameters[i]);
		assert_int_equal(chmod(NODE, 0666), 0);
		root = cli_json("check", lab->edu_address,
				lab->ivshmem_address);
		user = cli_json_as(USER_UID, "check", lab->edu_address,
				   lab->ivshmem_address);
		assert_string_equal(text_of(user.json, "basis"), "kernel");
		same_text(&root, &user, "route");
		same_text(&root, &user, "reason");
		assert_non_null(find(member(user.json, "obstacles"), "code",
				     "not-allowed"));
		assert_int_equal(user.status, 1);
		cli_free(&root);
		cli_free(&user);
	}
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(every_route_of_topo_is_the_kernels),
	LAB_TEST(check_compares_itself_with_the_kernel),
	LAB_TEST(map_takes_what_check_says_works),
	LAB_TEST(without_the_module_the_answer_is_the_same),
	LAB_TEST(a_user_is_told_the_truth_or_unknown),
	LAB_TEST(a_user_with_the_node_is_told_by_the_kernel),
};

LAB_MAIN(LAB_ANY, tests)
