// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile use: whom a user without privileges can keep waiting.
 *
 * He can have any copy to his memory wait for as long as he likes (a page that
 * userfaultfd protects), and be stopped or frozen with everything that he has.
 * Devices go all the same, administrators are answered, and a kill is obeyed.
 *
 * iommu: on
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/syscall.h>

#include "hostile.h"
#include "nl.h"

#define UFFD_SYSCTL "/proc/sys/vm/unprivileged_userfaultfd"

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

/* Whoever takes longer than this waits for something. */
#define SOON_MS 5000

/* Answers that wait */

/* A page that can be read, and whose next writer waits for ever. */
static void *sticky_page(const void *data, size_t length)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_writeprotect protect = {
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	char *page = child_ram(PAGE);

	memcpy(page, data, length);
	range.range.start = (uintptr_t)page;
	range.range.len = PAGE;
	protect.range = range.range;
	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(!ioctl(fd, UFFDIO_API, &api));
	CHILD_CHECK(!ioctl(fd, UFFDIO_REGISTER, &range));
	CHILD_CHECK(!ioctl(fd, UFFDIO_WRITEPROTECT, &protect));
	return page;
}

/* One call of each kind whose answer is longer than its errno. */
enum stalled {
	STALL_INFO,
	STALL_ATTACH,
	STALL_QUERY,
	STALL_MAP,
	STALL_MAP_EXTENTS,
	STALL_EXTENTS,
	STALL_STATUS,
	STALL_REMAP,
	STALL_WATCH,
	STALL_READ,
	STALL_REASON,
	STALL_NR,
};

struct stall {
	struct lab *lab;
	enum stalled call;
	int tell;
};

static const char *const stall_names[STALL_NR] = {
	"INFO",	  "ATTACH", "QUERY", "MAP",  "MAP's extents", "EXTENTS",
	"STATUS", "REMAP",  "WATCH", "read", "a reason",
};

static void stall_ioctl(int fd, unsigned long number, const void *cmd,
			size_t length)
{
	ioctl(fd, number, sticky_page(cmd, length));
}

static void stall_map(struct lab *own, char *page, enum stalled call)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_extent extent = { 0 };
	struct p2pmap_map cmd = {
		.size = sizeof(cmd),
		.flags = PIN | WRITE,
		.importer = p2pmap_importer_id(own->importer),
		.addr = (uintptr_t)page,
		.length = PAGE,
	};
	int fd = p2pmap_context_fd(own->ctx);

	if (call == STALL_MAP_EXTENTS) {
		cmd.max_extents = 1;
		cmd.extents = (uintptr_t)sticky_page(&extent, sizeof(extent));
	} else if (call == STALL_REASON) {
		cmd.addr = 0;
		cmd.reason = (uintptr_t)sticky_page(&reason, sizeof(reason));
	} else {
		stall_ioctl(fd, P2PMAP_IOC_MAP, &cmd, sizeof(cmd));
	}
	ioctl(fd, P2PMAP_IOC_MAP, &cmd);
}

/* With a mapping that was cut, so that there are events and holes. */
static void stall_mapped(struct lab *own, char *page, enum stalled call)
{
	struct p2pmap_mapping *mapping;
	struct p2pmap_extent extent = { 0 };
	struct p2pmap_extents extents = { .size = sizeof(extents),
					  .max_extents = 1 };
	struct p2pmap_status status = { .size = sizeof(status) };
	struct p2pmap_remap remap = { .size = sizeof(remap) };
	char events[sizeof(struct p2pmap_event)] = { 0 };
	int fd = p2pmap_context_fd(own->ctx);

	CHILD_CHECK(!try_map(own, page, PAGE, WRITE, &mapping));
	extents.id = status.id = remap.id = p2pmap_mapping_id(mapping);
	if (call == STALL_EXTENTS) {
		extents.extents =
			(uintptr_t)sticky_page(&extent, sizeof(extent));
		ioctl(fd, P2PMAP_IOC_EXTENTS, &extents);
	}
	madvise(page, PAGE, MADV_DONTNEED);
	if (call == STALL_STATUS)
		stall_ioctl(fd, P2PMAP_IOC_STATUS, &status, sizeof(status));
	else if (call == STALL_REMAP)
		stall_ioctl(fd, P2PMAP_IOC_REMAP, &remap, sizeof(remap));
	else if (call == STALL_READ)
		read(fd, sticky_page(events, sizeof(events)), sizeof(events));
}

static int stall(void *arg)
{
	struct p2pmap_info info = { .size = sizeof(info) };
	struct p2pmap_watch watch = { .size = sizeof(watch), .capacity = 8 };
	struct stall *stall = arg;
	struct p2pmap_attach attach = { .size = sizeof(attach),
					.pci = stall->lab->edu_pci };
	struct p2pmap_query query = { .size = sizeof(query), .length = PAGE };
	struct lab own;
	char *page;
	int fd;

	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	own = users_own(stall->lab);
	fd = p2pmap_context_fd(own.ctx);
	page = child_ram(PAGE);
	query.addr = (uintptr_t)page;
	CHILD_CHECK(write(stall->tell, "x", 1) == 1);
	if (stall->call == STALL_INFO)
		stall_ioctl(fd, P2PMAP_IOC_INFO, &info, sizeof(info));
	else if (stall->call == STALL_ATTACH)
		stall_ioctl(fd, P2PMAP_IOC_ATTACH, &attach, sizeof(attach));
	else if (stall->call == STALL_QUERY)
		stall_ioctl(fd, P2PMAP_IOC_QUERY, &query, sizeof(query));
	else if (stall->call == STALL_WATCH)
		stall_ioctl(fd, P2PMAP_IOC_WATCH, &watch, sizeof(watch));
	else if (stall->call == STALL_MAP || stall->call == STALL_REASON ||
		 stall->call == STALL_MAP_EXTENTS)
		stall_map(&own, page, stall->call);
	else
		stall_mapped(&own, page, stall->call);
	/* Nobody was to answer. */
	return 50;
}

/* Its state, as the kernel says: it sleeps in the call, waiting. */
static bool waits_for_userfaultfd(pid_t pid)
{
	uint64_t end = now_ms() + SOON_MS;
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	for (; now_ms() < end; sleep_ms(5))
		if (file_read(path, text, sizeof(text)) &&
		    strstr(text, "userfault"))
			return true;
	return false;
}

static void ignore(const struct nl_message *message, void *arg)
{
	(void)message;
	(void)arg;
}

/* What an administrator does meanwhile, each in a child that may hang. */
static int dump_all(void *arg)
{
	struct nl nl;

	(void)arg;
	CHILD_CHECK(!nl_open(&nl));
	for (int cmd = P2PMAP_NL_CMD_CONTEXT_GET;
	     cmd <= P2PMAP_NL_CMD_MAPPING_GET; cmd++)
		CHILD_CHECK(!nl_dump(&nl, cmd, ignore, NULL));
	return 0;
}

static int unbind(void *arg)
{
	struct lab *lab = arg;

	return bind_driver("none", lab->edu_address) ? 1 : 0;
}

static int remove_device(void *arg)
{
	struct lab *lab = arg;

	return sysfs_write(lab->edu_address, "remove", "1") ? 1 : 0;
}

/* True if it is done soon; else it goes on, or never will. */
static bool soon(child_fn function, void *arg)
{
	uint64_t end = now_ms() + SOON_MS;
	pid_t pid = child_start(function, arg);
	int status;

	for (; now_ms() < end; sleep_ms(5))
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && !WEXITSTATUS(status);
	return false;
}

/* A kill is obeyed. */
static bool dies_soon(pid_t pid)
{
	uint64_t end = now_ms() + SOON_MS;
	int status;

	kill(pid, SIGKILL);
	for (; now_ms() < end; sleep_ms(5))
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status);
	return false;
}

static void have_device_back(struct lab *lab)
{
	file_write("/sys/bus/pci/rescan", "1");
	assert_int_equal(bind_driver("uio_pci_generic", lab->edu_address), 0);
	lab_reopen(lab);
}

static void check_stall(struct lab *lab, enum stalled call)
{
	struct stall stall_of = { .lab = lab, .call = call };
	int tell[2];
	char byte;
	pid_t pid;

	lab_note(lab, "%s waits", stall_names[call]);
	assert_int_equal(pipe(tell), 0);
	stall_of.tell = tell[1];
	pid = child_start(stall, &stall_of);
	assert_int_equal(read(tell[0], &byte, 1), 1);
	assert_true(waits_for_userfaultfd(pid));
	assert_true(soon(dump_all, NULL));
	lab_close(lab);
	assert_true(soon(unbind, lab));
	assert_true(dies_soon(pid));
	close(tell[0]);
	close(tell[1]);
	have_device_back(lab);
}

static void an_answer_that_waits_holds_up_nobody(void **state)
{
	struct lab *lab = *state;

	if (file_write(UFFD_SYSCTL, "1"))
		lab_skip(lab, "no userfaultfd() here");
	admit(lab);
	for (int call = 0; call < STALL_NR; call++)
		check_stall(lab, call);
	dismiss();
	assert_int_equal(file_write(UFFD_SYSCTL, "0"), 0);
}

/* A driver that takes its time */

static int hold_device(void *arg)
{
	struct lab *lab = arg;

	return -file_write("/sys/module/device_hold/parameters/hold",
			   lab->edu_address);
}

static int attach_of_user(void *arg)
{
	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	users_own(arg);
	return 0;
}

/* The kernel says where a process sleeps. */
static bool sleeps_in(pid_t pid, const char *function)
{
	uint64_t end = now_ms() + SOON_MS;
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	for (; now_ms() < end; sleep_ms(5))
		if (file_read(path, text, sizeof(text)) &&
		    strstr(text, function))
			return true;
	return false;
}

static void a_kill_ends_an_attach_that_waits_for_a_driver(void **state)
{
	struct lab *lab = *state;
	pid_t holder, pid;
	bool died;

	if (COMMAND("modprobe", "device_hold"))
		lab_skip(lab, "no driver that holds a device");
	admit(lab);
	holder = child_start(hold_device, lab);
	assert_true(sleeps_in(holder, "hold_set"));
	pid = child_start(attach_of_user, lab);
	assert_true(sleeps_in(pid, "p2pmap_ioctl_attach"));
	died = dies_soon(pid);
	assert_true(dies_soon(holder));
	assert_true(died || child_end(pid) >= 0);
	assert_true(died);
	assert_int_equal(COMMAND("rmmod", "device_hold"), 0);
	dismiss();
}

/* Holders that do nothing any more */

#define GROUP "/sys/fs/cgroup/frozen"

static int hold_everything(void *arg)
{
	struct p2pmap_mapping *mapping;
	struct stall *holder = arg;
	struct lab own;
	char *page;

	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	own = users_own(holder->lab);
	page = child_ram(64 * PAGE);
	/* DMA_API_DEBUG warns of more than seven of one page. */
	for (int i = 0; i < 6; i++)
		CHILD_CHECK(!try_map(&own, page, 64 * PAGE,
				     i & 1 ? WRITE : WRITE | PIN, &mapping));
	CHILD_CHECK(write(holder->tell, "x", 1) == 1);
	/* Events as fast as it can; it is stopped somewhere in that. */
	for (;;) {
		memset(page, 1, 64 * PAGE);
		madvise(page, 64 * PAGE, MADV_DONTNEED);
		p2pmap_mapping_remap(mapping, 0, 0, NULL);
	}
}

static pid_t start_holder(struct lab *lab)
{
	struct stall holder = { .lab = lab };
	int tell[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(tell), 0);
	holder.tell = tell[1];
	pid = child_start(hold_everything, &holder);
	assert_int_equal(read(tell[0], &byte, 1), 1);
	close(tell[0]);
	close(tell[1]);
	sleep_ms(20);
	return pid;
}

/* Unbound, or pulled out, while the holder cannot say a word. */
static void check_goes(struct lab *lab, pid_t pid, child_fn how)
{
	long pins = lab->before.pins;

	lab_close(lab);
	assert_true(soon(how, lab));
	assert_true(soon(dump_all, NULL));
	assert_true(dies_soon(pid));
	assert_int_equal(pages_pinned(), pins);
	have_device_back(lab);
}

static void a_stopped_holder_keeps_no_device(void **state)
{
	static const child_fn ways[] = { unbind, remove_device };
	struct lab *lab = *state;
	pid_t pid;

	admit(lab);
	for (int i = 0; i < 10; i++) {
		pid = start_holder(lab);
		kill(pid, SIGSTOP);
		sleep_ms(10);
		check_goes(lab, pid, ways[i % 2]);
	}
	dismiss();
}

static void a_frozen_holder_keeps_no_device(void **state)
{
	static const child_fn ways[] = { unbind, remove_device };
	struct lab *lab = *state;
	char text[16];
	pid_t pid;

	if (mkdir(GROUP, 0755) && errno != EEXIST)
		lab_skip(lab, "no control groups here");
	admit(lab);
	for (int i = 0; i < 10; i++) {
		pid = start_holder(lab);
		snprintf(text, sizeof(text), "%d", pid);
		assert_int_equal(file_write(GROUP "/cgroup.procs", text), 0);
		assert_int_equal(file_write(GROUP "/cgroup.freeze", "1"), 0);
		sleep_ms(10);
		check_goes(lab, pid, ways[i % 2]);
		assert_int_equal(file_write(GROUP "/cgroup.freeze", "0"), 0);
	}
	rmdir(GROUP);
	dismiss();
}

/* Work that is left to the kernel */

/* All of a file goes at once; how long until a sink is under each page. */
static uint64_t time_sinks(struct lab *lab, size_t pages)
{
	const int file = memfd(pages * PAGE);
	unsigned char *range = mmap_fd(file, pages * PAGE, RW, MAP_SHARED);
	struct p2pmap_mapping *mapping;
	uint64_t begin, took;

	mapping = map(lab, range, pages * PAGE, WRITE | P2PMAP_MAP_SINK);
	begin = now_us();
	assert_int_equal(ftruncate(file, 0), 0);
	while (mapping_status(mapping).out_sink_bytes != pages * PAGE)
		sleep_ms(1);
	took = now_us() - begin;
	unmap(mapping);
	munmap(range, pages * PAGE);
	close(file);
	return took;
}

static void the_time_of_sinks_grows_with_their_number_only(void **state)
{
	struct lab *lab = *state;
	uint64_t part, all;

	keep_still();
	time_sinks(lab, 4096);
	part = time_sinks(lab, 16384);
	all = time_sinks(lab, 65536);
	lab_note(lab, "16384 sinks in %llu us, 65536 in %llu us",
		 (unsigned long long)part, (unsigned long long)all);
	/* Four times as many take four times as long, and not sixteen. */
	assert_true(all < 8 * part);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(an_answer_that_waits_holds_up_nobody),
	LAB_TEST(a_kill_ends_an_attach_that_waits_for_a_driver),
	LAB_TEST(a_stopped_holder_keeps_no_device),
	LAB_TEST(a_frozen_holder_keeps_no_device),
	LAB_TEST(the_time_of_sinks_grows_with_their_number_only),
};

LAB_MAIN(LAB_TRANSLATED, tests)
