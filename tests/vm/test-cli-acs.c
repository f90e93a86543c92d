// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACS: a redirect that is turned on and off shows at once, with bridge, register
 * and bits, and the kernel says the same.
 *
 * Both devices are functions of one slot, so the root port is where they meet.
 *
 * with: tools/cli/p2pmap-cli
 * lab: --topology one-slot
 * iommu: pt off
 */
#define _GNU_SOURCE
#include "cli.h"

#define PORT "0000:00:02.0"
#define PORT_CONFIG "/sys/bus/pci/devices/" PORT "/config"

#define EXTENDED_AT 0x100
#define ACS_ID 0x000d
#define ACS_CONTROL 6

#define REQUEST_REDIRECT 0x04
#define COMPLETION_REDIRECT 0x08
#define EGRESS_CONTROL 0x20

static uint32_t read_word(int fd, off_t at, size_t size)
{
	uint32_t value = 0;

	assert_int_equal(pread(fd, &value, size, at), size);
	return value;
}

static off_t find_acs(int fd)
{
	off_t at = EXTENDED_AT;
	uint32_t header;

	do {
		header = read_word(fd, at, 4);
		if ((header & 0xffff) == ACS_ID)
			return at;
		at = header >> 20;
	} while (at);
	fail_msg("the root port has no ACS");
	return 0;
}

/* Sets the redirects of the root port; returns where its register is. */
static off_t set_redirects(uint16_t bits)
{
	int fd = open(PORT_CONFIG, O_RDWR | O_CLOEXEC);
	uint16_t control;
	off_t at;

	assert_return_code(fd, errno);
	at = find_acs(fd) + ACS_CONTROL;
	control = read_word(fd, at, 2);
	control &= ~(REQUEST_REDIRECT | COMPLETION_REDIRECT | EGRESS_CONTROL);
	control |= bits;
	assert_int_equal(pwrite(fd, &control, 2, at), 2);
	close(fd);
	return at;
}

static struct cli_run check(struct lab *lab)
{
	struct cli_run run =
		cli_json("check", lab->edu_address, lab->ivshmem_address);

	assert_true(is_true(member(run.json, "kernel"), "agrees"));
	return run;
}

static void a_redirect_blocks_and_is_named_by_bridge_and_bit(void **state)
{
	struct lab *lab = *state;
	json_object *obstacle, *acs;
	struct cli_run run;
	off_t at;

	module_restart(lab, "unenforced=1");
	at = set_redirects(REQUEST_REDIRECT);
	run = check(lab);
	assert_int_equal(run.status, 1);
	obstacle = find(member(run.json, "obstacles"), "code", "no-route-acs");
	assert_non_null(obstacle);
	assert_string_equal(text_of(obstacle, "address"), PORT);
	acs = member(obstacle, "acs");
	assert_int_equal(number_of(acs, "register"), at);
	assert_int_equal(length_of(member(acs, "bits")), 1);
	assert_string_equal(
		json_object_get_string(item(member(acs, "bits"), 0)), "RR");
	assert_string_equal(text_of(item(member(obstacle, "remedies"), 0),
				    "text"),
			    "pci=disable_acs_redir=" PORT);
	cli_free(&run);
	set_redirects(0);
}

static void without_redirects_it_goes_straight(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_restart(lab, "unenforced=1");
	set_redirects(0);
	run = check(lab);
	assert_int_equal(run.status, 0);
	assert_string_equal(text_of(run.json, "route"), "switch");
	cli_free(&run);
}

/* Where the host bridge routes, a redirect is only a detour. */
static void a_redirect_is_a_detour_if_the_host_bridge_routes(void **state)
{
	struct lab *lab = *state;
	json_object *note;
	struct cli_run run;

	module_restart(lab, "unenforced=1 host_bridges=8086:29c0");
	set_redirects(COMPLETION_REDIRECT);
	run = check(lab);
	assert_int_equal(run.status, 0);
	assert_string_equal(text_of(run.json, "route"), "host-bridge");
	note = find(member(run.json, "obstacles"), "code", "acs-redirect");
	assert_non_null(note);
	assert_string_equal(text_of(note, "weight"), "note");
	assert_string_equal(text_of(note, "address"), PORT);
	cli_free(&run);
	set_redirects(0);
}

/* He cannot read the register, and is told so, not a guess. */
static void a_user_is_told_that_acs_is_unknown(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_restart(lab, "unenforced=1");
	set_redirects(0);
	run = cli_json_as(USER_UID, "check", lab->edu_address,
			  lab->ivshmem_address);
	assert_string_equal(text_of(run.json, "route"), "unknown");
	assert_non_null(
		find(member(run.json, "obstacles"), "code", "acs-unknown"));
	cli_free(&run);
}

static void the_doctor_names_the_redirect(void **state)
{
	struct lab *lab = *state;
	json_object *found;
	struct cli_run run;

	module_restart(lab, "unenforced=1");
	set_redirects(REQUEST_REDIRECT | COMPLETION_REDIRECT);
	run = cli_json("doctor");
	found = find(member(run.json, "checks"), "id", "acs");
	assert_string_not_equal(text_of(found, "status"), "ok");
	assert_string_equal(text_of(found, "fix"),
			    "kernel command line: "
			    "pci=disable_acs_redir=" PORT);
	cli_free(&run);
	set_redirects(0);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_redirect_blocks_and_is_named_by_bridge_and_bit),
	LAB_TEST(without_redirects_it_goes_straight),
	LAB_TEST(a_redirect_is_a_detour_if_the_host_bridge_routes),
	LAB_TEST(a_user_is_told_that_acs_is_unknown),
	LAB_TEST(the_doctor_names_the_redirect),
};

LAB_MAIN(LAB_DIRECT, tests)
