// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli on a real machine: what it tries, what it lists, what it judges
 * and what it changes.  Routes are test-cli-route's.
 *
 * alone: it minds which driver is bound, and changes that
 * with: tools/cli/p2pmap-cli
 */
#define _GNU_SOURCE
#include "cli.h"

#include <linux/pci_regs.h>

#define CONFIG "/etc/modprobe.d/p2pmap.conf"
#define ALLOW "/sys/module/p2pmap/parameters/allow"

#define COLUMNS 80

/* Long enough that a transfer of the trial lies within. */
#define PATTERN 4096

/* The trial */

static json_object *step(const struct cli_run *run, const char *name)
{
	return member(member(run->json, "test"), name);
}

/* Needs unenforced=1 where nothing translates. */
static void may_map_all(struct lab *lab)
{
	module_reload(lab, "unenforced=1");
}

static void the_trial_moves_bytes_and_puts_back_what_was_there(void **state)
{
	struct lab *lab = *state;
	unsigned char *bar = bar_at(lab, 0, PATTERN);
	struct cli_run run;

	may_map_all(lab);
	fill(bar, PATTERN, 21);
	run = cli_json("check", "--test", lab->edu_address,
		       lab->ivshmem_address);
	assert_int_equal(run.status, 0);
	assert_true(is_true(member(run.json, "test"), "passed"));
	assert_string_equal(text_of(step(&run, "transfer"), "status"),
			    "passed");
	assert_int_equal(number_of(member(run.json, "test"), "bar_number"), 2);
	assert_filled(bar, PATTERN, 21);
	cli_free(&run);
	munmap(bar, PATTERN);
}

/* Nobody knows what writing to an NVMe controller's registers would do. */
static void no_other_exporter_is_ever_written_to(void **state)
{
	struct lab *lab = *state;
	unsigned char *cmb;
	struct cli_run run;

	may_map_all(lab);
	assert_int_equal(sysfs_write(lab->nvme_address, "enable", "1"), 0);
	cmb = bar_mmap(lab->nvme_address, 2, NULL, 0, PATTERN, RW, MAP_SHARED);
	fill(cmb, PATTERN, 22);
	run = cli_json("check", "--test", "--bar", "2", lab->edu_address,
		       lab->nvme_address);
	assert_int_equal(run.status, 0);
	assert_string_equal(text_of(step(&run, "map"), "status"), "passed");
	assert_string_equal(text_of(step(&run, "transfer"), "status"),
			    "not-done");
	assert_filled(cmb, PATTERN, 22);
	cli_free(&run);
	munmap(cmb, PATTERN);
	assert_int_equal(sysfs_write(lab->nvme_address, "enable", "0"), 0);
}

static void a_trial_that_is_refused_says_why(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_restart(lab, "");
	run = cli_json("check", "--test", lab->edu_address, lab->nvme_address);
	assert_int_equal(run.status, 1);
	assert_string_equal(text_of(step(&run, "map"), "status"), "failed");
	assert_non_null(text_of(step(&run, "map"), "reason"));
	assert_false(is_true(member(run.json, "test"), "passed"));
	cli_free(&run);
}

/* What stands in the way */

static void assert_obstacle(const struct cli_run *run, const char *code,
			    const char *address)
{
	json_object *obstacle =
		find(member(run->json, "obstacles"), "code", code);

	if (!obstacle)
		print_error("no obstacle %s in %s\n", code, run->out);
	assert_non_null(obstacle);
	assert_string_equal(text_of(obstacle, "weight"), "blocks");
	if (address)
		assert_string_equal(text_of(obstacle, "address"), address);
	assert_true(length_of(member(obstacle, "remedies")) > 0 ||
		    !strcmp(code, "bridge"));
	assert_int_equal(run->status, 1);
}

static void an_importer_without_a_driver_is_named(void **state)
{
	struct lab *lab = *state;
	struct cli_run run =
		cli_json("check", lab->nvme_address, lab->ivshmem_address);

	assert_obstacle(&run, "no-driver", lab->nvme_address);
	cli_free(&run);
}

static void an_importer_of_vfio_is_named(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	if (!strcmp(lab_iommu(), "off"))
		lab_skip(lab, "vfio takes no device without an IOMMU");
	lab_close(lab);
	assert_int_equal(bind_driver("vfio-pci", lab->edu_address), 0);
	run = cli_json("check", lab->edu_address, lab->ivshmem_address);
	assert_obstacle(&run, "foreign-owner", lab->edu_address);
	cli_free(&run);
	assert_int_equal(bind_driver("uio_pci_generic", lab->edu_address), 0);
	lab_reopen(lab);
}

static void a_bridge_and_a_device_without_memory_export_nothing(void **state)
{
	struct lab *lab = *state;
	struct cli_run run = cli_json("check", lab->edu_address, "00:02.0");

	assert_obstacle(&run, "bridge", "0000:00:02.0");
	cli_free(&run);
	run = cli_json("check", lab->edu_address, "00:1f.0");
	assert_obstacle(&run, "no-memory-bar", "0000:00:1f.0");
	cli_free(&run);
}

/* As a device is that no driver ever enabled. */
static void answer_at_bars(const char *address, bool on)
{
	const uint16_t command = on ? PCI_COMMAND_MEMORY : 0;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pwrite(fd, &command, 2, PCI_COMMAND), 2);
	close(fd);
}

static void an_exporter_that_is_off_is_named(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	answer_at_bars(lab->ivshmem_address, false);
	run = cli_json("check", lab->edu_address, lab->ivshmem_address);
	answer_at_bars(lab->ivshmem_address, true);
	assert_obstacle(&run, "memory-off", lab->ivshmem_address);
	cli_free(&run);
}

static void what_nothing_enforces_is_refused_and_said(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_restart(lab, "host_bridges=8086:29c0");
	run = cli_json("check", lab->edu_address, lab->ivshmem_address);
	if (lab_is_translated(lab)) {
		assert_int_equal(run.status, 0);
		assert_null(find(member(run.json, "obstacles"), "code",
				 "unenforced"));
	} else {
		assert_obstacle(&run, "unenforced", lab->edu_address);
	}
	cli_free(&run);
}

static void what_is_no_device_is_said(void **state)
{
	struct cli_run run = cli_json("check", "0000:7f:00.0", "03:00.0");

	(void)state;
	assert_int_equal(run.status, 1);
	assert_string_equal(text_of(member(run.json, "error"), "reason"),
			    "no-such-device");
	cli_free(&run);
	run = cli("check", "03:00.0");
	assert_int_equal(run.status, 2);
	cli_free(&run);
}

/* Lists */

static void devices_are_what_sysfs_says(void **state)
{
	struct cli_run run = cli_json("devices");
	json_object *device, *bars;
	struct lab *lab = *state;

	assert_int_equal(run.status, 0);
	device = find(member(run.json, "devices"), "address", lab->edu_address);
	assert_non_null(device);
	assert_string_equal(text_of(device, "driver"), "uio_pci_generic");
	assert_int_equal(number_of(device, "vendor"), 0x1234);
	assert_true(is_true(device, "can_import"));
	device = find(member(run.json, "devices"), "address",
		      lab->ivshmem_address);
	assert_non_null(device);
	assert_null(text_of(device, "driver"));
	assert_false(is_true(device, "can_import"));
	bars = member(device, "bars");
	assert_int_equal(length_of(bars), 2);
	assert_false(is_true(item(bars, 0), "usable"));
	assert_int_equal(number_of(item(bars, 1), "number"), 2);
	assert_int_equal(number_of(item(bars, 1), "size"), BAR_LENGTH);
	assert_true(is_true(item(bars, 1), "prefetchable"));
	assert_true(is_true(item(bars, 1), "usable"));
	cli_free(&run);
}

static void only_root_is_shown_acs(void **state)
{
	struct cli_run root = cli_json("topo");
	struct cli_run user = cli_json_as(USER_UID, "topo");
	json_object *port;

	(void)state;
	port = find(member(root.json, "devices"), "address", "0000:00:02.0");
	assert_string_equal(text_of(port, "type"), "root port");
	assert_string_equal(text_of(member(port, "acs"), "state"), "present");
	/* Linux turns redirects on where it uses an IOMMU. */
	assert_int_equal(length_of(member(port, "redirects")),
			 strcmp(lab_iommu(), "off") ? 2 : 0);
	port = find(member(user.json, "devices"), "address", "0000:00:02.0");
	assert_string_equal(text_of(member(port, "acs"), "state"), "unknown");
	assert_int_equal(length_of(member(port, "redirects")), 0);
	cli_free(&root);
	cli_free(&user);
}

/* The doctor */

static const char *status_of(const struct cli_run *run, const char *id)
{
	json_object *check = find(member(run->json, "checks"), "id", id);

	if (!check)
		print_error("no check %s\n", id);
	assert_non_null(check);
	return text_of(check, "status");
}

static void the_doctor_finds_nothing_where_all_is_well(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_reload(lab, "unenforced=1");
	run = cli_json("doctor");
	if (run.status)
		print_error("%s\n", run.out);
	assert_int_equal(run.status, 0);
	assert_true(is_true(run.json, "usable"));
	assert_int_equal(number_of(member(run.json, "summary"), "fail"), 0);
	assert_string_equal(status_of(&run, "module"), "ok");
	assert_string_equal(status_of(&run, "iommu"),
			    lab_is_translated(lab) ? "ok" : "warn");
	cli_free(&run);
}

static void the_doctor_finds_that_the_module_is_missing(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_reload(lab, "");
	lab_close(lab);
	assert_int_equal(module_unload(), 0);
	run = cli_json("doctor");
	assert_int_equal(run.status, 1);
	assert_false(is_true(run.json, "usable"));
	assert_string_equal(status_of(&run, "module"), "fail");
	assert_string_equal(
		text_of(find(member(run.json, "checks"), "id", "module"),
			"fix"),
		"modprobe p2pmap");
	cli_free(&run);
	run = cli_json("info");
	assert_int_equal(run.status, 3);
	cli_free(&run);
	assert_int_equal(module_load(""), 0);
	lab_reopen(lab);
}

static void the_doctor_finds_that_nothing_routes(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_restart(lab, "unenforced=1");
	run = cli_json("doctor");
	assert_string_equal(status_of(&run, "host-bridges"),
			    lab_is_translated(lab) ? "fail" : "warn");
	assert_int_equal(run.status, lab_is_translated(lab) ? 1 : 0);
	assert_non_null(strstr(
		text_of(find(member(run.json, "checks"), "id", "host-bridges"),
			"fix"),
		"host_bridges=8086:29c0"));
	cli_free(&run);
}

static void the_doctor_tells_a_user_what_he_lacks(void **state)
{
	struct lab *lab = *state;
	struct cli_run run = cli_json_as(USER_UID, "doctor");

	assert_int_equal(run.status, 1);
	assert_string_equal(status_of(&run, "node"), "fail");
	cli_free(&run);
	module_reload(lab, "unenforced=1");
	assert_int_equal(chmod(NODE, 0666), 0);
	run = cli_json_as(USER_UID, "doctor");
	assert_string_equal(status_of(&run, "node"), "ok");
	assert_string_equal(status_of(&run, "privilege"), "fail");
	assert_int_equal(run.status, 1);
	cli_free(&run);
}

static int dies_with_pinned_memory(void *arg)
{
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;
	struct lab *lab = arg;

	CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
	CHILD_CHECK(!attach(ctx, lab->edu_address, 64, NULL, &importer));
	CHILD_CHECK(!p2pmap_mapping_map(importer, ram(PAGE), PAGE, WRITE | PIN,
					NULL, NULL, &mapping));
	return 0;
}

static void the_doctor_counts_the_quarantine(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_reload(lab, "unenforced=1");
	run = cli_json("doctor");
	assert_string_equal(status_of(&run, "quarantine"), "ok");
	cli_free(&run);
	if (lab_is_translated(lab))
		lab_skip(lab, "nothing is quarantined behind an IOMMU");
	assert_int_equal(in_child(dies_with_pinned_memory, lab), 0);
	assert_int_equal(quarantined_pages(), 1);
	run = cli_json("doctor");
	assert_string_equal(status_of(&run, "quarantine"), "warn");
	cli_free(&run);
	assert_int_equal(file_write("/sys/class/misc/p2pmap/quarantine",
				    lab->edu_address),
			 0);
	quarantine_wait_empty();
}

/* The list of who may attach */

static int user_attaches(void *arg)
{
	struct p2pmap_importer *importer;
	struct p2pmap_context *ctx;
	struct lab *lab = arg;

	CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
	return -attach(ctx, lab->edu_address, 0, NULL, &importer);
}

static void write_config(const char *text)
{
	FILE *file;

	mkdir("/etc/modprobe.d", 0755);
	file = fopen(CONFIG, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_config(const char *text)
{
	char now[1024];

	assert_true(file_read(CONFIG, now, sizeof(now)));
	assert_string_equal(now, text);
}

static void a_user_may_attach_what_was_allowed_and_no_more(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;

	module_reload(lab, "");
	assert_int_equal(chmod(NODE, 0666), 0);
	write_config("# ours\noptions p2pmap unenforced=0\noptions kvm a=b\n");
	assert_int_equal(as_user(USER_UID, user_attaches, lab), EPERM);
	run = cli("allow", "add", lab->edu_address, "--user", "user");
	assert_int_equal(run.status, 0);
	cli_free(&run);
	assert_int_equal(as_user(USER_UID, user_attaches, lab), 0);
	assert_int_equal(as_user(USER2_UID, user_attaches, lab), EPERM);
	run = cli("allow", "add", lab->edu_address, "--group", "1001");
	assert_int_equal(run.status, 0);
	cli_free(&run);
	assert_int_equal(as_user(USER2_UID, user_attaches, lab), 0);
	run = cli_json("allow");
	assert_int_equal(length_of(member(run.json, "entries")), 2);
	assert_true(is_true(item(member(run.json, "entries"), 0), "live"));
	assert_true(is_true(item(member(run.json, "entries"), 0), "kept"));
	cli_free(&run);
	assert_config("# ours\noptions p2pmap unenforced=0 "
		      "allow=0000:03:00.0=u1000,0000:03:00.0=g1001\n"
		      "options kvm a=b\n");
	run = cli("allow", "remove", lab->edu_address);
	assert_int_equal(run.status, 0);
	cli_free(&run);
	assert_int_equal(as_user(USER_UID, user_attaches, lab), EPERM);
	assert_config("# ours\noptions p2pmap unenforced=0\n"
		      "options kvm a=b\n");
	unlink(CONFIG);
}

/* The guest's modprobe is busybox's, which reads the file as well. */
static void what_is_allowed_outlives_the_module(void **state)
{
	struct lab *lab = *state;
	struct cli_run run;
	char list[128];

	module_reload(lab, "");
	lab_close(lab);
	assert_int_equal(module_unload(), 0);
	run = cli("allow", "add", lab->edu_address);
	assert_int_equal(run.status, 0);
	cli_free(&run);
	assert_int_equal(COMMAND("modprobe", "p2pmap"), 0);
	assert_true(file_read(ALLOW, list, sizeof(list)));
	assert_string_equal(list, "0000:03:00.0\n");
	assert_int_equal(module_unload(), 0);
	unlink(CONFIG);
	assert_int_equal(module_load(""), 0);
	lab_reopen(lab);
}

static void only_root_changes_the_list(void **state)
{
	struct cli_run run;
	struct lab *lab = *state;

	run = cli_json_as(USER_UID, "allow", "add", lab->edu_address);
	assert_int_equal(run.status, 1);
	cli_free(&run);
	assert_int_equal(access(CONFIG, F_OK), -1);
	run = cli_as(USER_UID, "allow", "add", lab->edu_address, "--runtime");
	assert_int_equal(run.status, 1);
	cli_free(&run);
	run = cli_as(USER_UID, "allow");
	assert_int_equal(run.status, 0);
	cli_free(&run);
}

/* How it prints */

static void assert_fits(const struct cli_run *run)
{
	for (const char *line = run->out; *line;) {
		size_t length = strcspn(line, "\n");

		if (length > COLUMNS)
			print_error("%zu columns: %.*s\n", length, (int)length,
				    line);
		assert_true(length <= COLUMNS);
		assert_false(memchr(line, 033, length));
		line += length + (line[length] == '\n');
	}
}

static void no_line_is_wider_than_80_columns_or_coloured(void **state)
{
	struct lab *lab = *state;
	struct cli_run runs[] = {
		cli("info"),
		cli("doctor"),
		cli("devices", "--all"),
		cli("devices", lab->edu_address),
		cli("topo"),
		cli("check", lab->edu_address, lab->ivshmem_address),
		cli("check", "--test", lab->edu_address, lab->nvme_address),
		cli("check", lab->nvme_address, "00:02.0"),
		cli("allow"),
		cli("--help"),
		cli("info", "--help"),
		cli("doctor", "--help"),
		cli("devices", "--help"),
		cli("topo", "--help"),
		cli("check", "--help"),
		cli("allow", "--help"),
		cli("map", "--help"),
		cli("query", "--help"),
		cli_as(USER_UID, "doctor"),
		cli_as(USER_UID, "check", lab->edu_address,
		       lab->ivshmem_address),
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		assert_true(*runs[i].out);
		assert_fits(&runs[i]);
		cli_free(&runs[i]);
	}
}

static void a_reader_that_goes_away_is_no_error(void **state)
{
	(void)state;
	/* As from a service, which ignores the signal. */
	assert_int_equal(
		COMMAND("sh", "-c",
			"trap '' PIPE; " CLI " topo --json 2>/tmp/cli.err | "
			"head -n 1 >/dev/null; test ! -s /tmp/cli.err"),
		0);
	assert_int_equal(COMMAND("sh", "-c",
				 CLI " doctor 2>/tmp/cli.err | true; "
				     "test ! -s /tmp/cli.err"),
			 0);
}

static void a_full_disk_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(
		COMMAND("sh", "-c", CLI " topo >/dev/full 2>/dev/null"), 1);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(the_trial_moves_bytes_and_puts_back_what_was_there),
	LAB_TEST(no_other_exporter_is_ever_written_to),
	LAB_TEST(a_trial_that_is_refused_says_why),
	LAB_TEST(an_importer_without_a_driver_is_named),
	LAB_TEST(an_importer_of_vfio_is_named),
	LAB_TEST(a_bridge_and_a_device_without_memory_export_nothing),
	LAB_TEST(an_exporter_that_is_off_is_named),
	LAB_TEST(what_nothing_enforces_is_refused_and_said),
	LAB_TEST(what_is_no_device_is_said),
	LAB_TEST(devices_are_what_sysfs_says),
	LAB_TEST(only_root_is_shown_acs),
	LAB_TEST(the_doctor_finds_nothing_where_all_is_well),
	LAB_TEST(the_doctor_finds_that_the_module_is_missing),
	LAB_TEST(the_doctor_finds_that_nothing_routes),
	LAB_TEST(the_doctor_tells_a_user_what_he_lacks),
	LAB_TEST(the_doctor_counts_the_quarantine),
	LAB_TEST(a_user_may_attach_what_was_allowed_and_no_more),
	LAB_TEST(what_is_allowed_outlives_the_module),
	LAB_TEST(only_root_changes_the_list),
	LAB_TEST(no_line_is_wider_than_80_columns_or_coloured),
	LAB_TEST(a_reader_that_goes_away_is_no_error),
	LAB_TEST(a_full_disk_is_an_error),
};

LAB_MAIN(LAB_ANY, tests)
