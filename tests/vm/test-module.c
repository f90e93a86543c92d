// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module itself: it goes only when nobody uses it, and then at once.
 */
#include "harness.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* What the kernel says, not rmmod: EWOULDBLOCK is its word for "in use". */
static int delete_module(void)
{
	return syscall(SYS_delete_module, "p2pmap", O_NONBLOCK) ? -errno : 0;
}

static void unload_is_refused_while_a_context_is_open(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(delete_module(), -EWOULDBLOCK);
	/* It was refused, and nothing was torn down. */
	assert_int_equal(context_info(lab->ctx).out_importers, 1);
}

static void unload_is_refused_while_a_descriptor_is_in_flight(void **state)
{
	struct lab *lab = *state;
	int sockets[2], fd = open(NODE, O_RDWR | O_CLOEXEC);

	lab_close(lab);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(send_fd(sockets[0], fd, "", 1), 0);
	close(fd);
	assert_int_equal(delete_module(), -EWOULDBLOCK);
	close(sockets[0]);
	close(sockets[1]);
}

static int open_and_sleep(void *arg)
{
	int *ready = arg, fd = open(NODE, O_RDWR);

	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(write(ready[1], "x", 1) == 1);
	pause();
	return 0;
}

static void unload_is_refused_while_another_process_has_it_open(void **state)
{
	struct lab *lab = *state;
	int ready[2];
	char byte;
	pid_t pid;

	lab_close(lab);
	assert_int_equal(pipe(ready), 0);
	pid = child_start(open_and_sleep, ready);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(delete_module(), -EWOULDBLOCK);
	kill(pid, SIGKILL);
	assert_int_equal(child_end(pid), CHILD_SIGNALLED + SIGKILL);
	close(ready[0]);
}

static void unload_works_right_after_the_last_close(void **state)
{
	struct lab *lab = *state;

	for (int i = 0; i < 10; i++) {
		lab_close(lab);
		assert_int_equal(delete_module(), 0);
		assert_int_not_equal(access("/sys/module/p2pmap", F_OK), 0);
		assert_int_equal(module_load(""), 0);
		lab_reopen(lab);
	}
	/* With the parameters that it had. */
	module_reload(lab, "");
}

static void unload_works_right_after_close_with_mappings(void **state)
{
	struct lab *lab = *state;

	if (!lab_is_translated(lab))
		lab_skip(lab, "what is mapped for nothing to restrain is kept");
	for (int i = 0; i < 10; i++) {
		map(lab, ram(64 * PAGE), 64 * PAGE, WRITE | PIN);
		map(lab, ram(64 * PAGE), 64 * PAGE, WRITE);
		lab_close(lab);
		assert_int_equal(delete_module(), 0);
		assert_int_equal(module_load(""), 0);
		lab_reopen(lab);
	}
	module_reload(lab, "");
}

static void a_mapping_survives_an_attempt_to_unload(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);

	if (!lab_is_translated(lab))
		lab_skip(lab, "no IOMMU translates here");
	mapping = map(lab, page, PAGE, WRITE | PIN);
	assert_int_equal(delete_module(), -EWOULDBLOCK);
	dev_load(lab, 1, 100);
	assert_int_equal(edu_write(lab->edu, mapping_dma(mapping, 0), 100), 0);
	assert_filled(page, 100, 1);
	unmap(mapping);
	munmap(page, PAGE);
}

static bool has_hole(void)
{
	FILE *file = fopen("/proc/iomem", "re");
	char line[256];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= !!strstr(line, "p2pmap");
	if (file)
		fclose(file);
	return found;
}

/* Another has the name of its netlink family, and modprobe takes EEXIST for 0. */
static void a_load_that_fails_halfway_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	bool left;

	lab_close(lab);
	assert_int_equal(delete_module(), 0);
	assert_int_equal(COMMAND("modprobe", "squatter"), 0);
	module_load("");
	left = !access("/sys/module/p2pmap", F_OK) || !access(NODE, F_OK) ||
	       has_hole();
	COMMAND("rmmod", "squatter");
	module_load("");
	lab_reopen(lab);
	module_reload(lab, "");
	assert_false(left);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(unload_is_refused_while_a_context_is_open),
	LAB_TEST(unload_is_refused_while_a_descriptor_is_in_flight),
	LAB_TEST(unload_is_refused_while_another_process_has_it_open),
	LAB_TEST(unload_works_right_after_the_last_close),
	LAB_TEST(unload_works_right_after_close_with_mappings),
	LAB_TEST(a_mapping_survives_an_attempt_to_unload),
	LAB_TEST(a_load_that_fails_halfway_leaves_nothing),
};

LAB_MAIN(LAB_ANY, tests)
