// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revocation: the process ends or becomes another program, while its descriptor
 * lives on in this one, or a transfer is under way.  See test-revoke.
 *
 * iommu: on
 * lab: --icount --qemu '-object memory-backend-ram,id=n0,size=512M -object memory-backend-ram,id=n1,size=512M -numa node,memdev=n0,cpus=0 -numa node,memdev=n1'
 */
#define _GNU_SOURCE
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>

#include "scene.h"

/* The end of the process, and exec */

/* What a child tells of its mapping; in memory that both share. */
struct owner {
	struct lab *lab;
	uint32_t flags;
	bool bar;
	bool exec;
	bool setuid;
	int sync[2];
	int out[2];
	struct {
		uint64_t dma;
		bool ready;
	} * shared;
	struct hold hold;
	pid_t pid;
	int fd;
};

#define OWNER_BAR_OFFSET (8 * MIB)

static void *owner_range(struct owner *owner)
{
	char path[PATH_MAX];
	int fd;

	if (!owner->bar)
		return mmap(NULL, RANGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2",
		 owner->lab->ivshmem_address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return mmap(NULL, RANGE, RW, MAP_SHARED, fd, OWNER_BAR_OFFSET);
}

/* Becomes the program again, with the context's descriptor. */
static int exec_with(int fd, bool setuid)
{
	char number[16];

	fcntl(fd, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", fd);
	if (!setuid) {
		execl("/proc/self/exe", "test-revoke", "--after-exec", number,
		      NULL);
		return 97;
	}
	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	execl("/tmp/revoke-suid", "revoke-suid", "--after-exec", number, NULL);
	return 97;
}

static int owner_main(void *arg)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct owner *owner = arg;
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;
	unsigned char *range = owner_range(owner);
	struct iovec iov = { range + AT, PAGE };
	char word;

	CHILD_CHECK(range != MAP_FAILED);
	fill(range + AT, PROBE, SEED_REST);
	CHILD_CHECK(owner->bar ||
		    vmsplice(owner->hold.pipe[1], &iov, 1, 0) == PAGE);
	CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
	CHILD_CHECK(
		!attach(ctx, owner->lab->edu_address, 64, &reason, &importer));
	CHILD_CHECK(!p2pmap_mapping_map(importer, range, RANGE, owner->flags,
					NULL, &reason, &mapping));
	CHILD_CHECK(!p2pmap_mapping_dma_addr(mapping, AT, &owner->shared->dma,
					     NULL));
	owner->shared->ready = true;
	CHILD_CHECK(!send_fd(owner->sync[1], p2pmap_context_fd(ctx), "m", 1));
	CHILD_CHECK(read(owner->sync[1], &word, 1) == 1);
	if (owner->exec)
		return exec_with(p2pmap_context_fd(ctx), owner->setuid);
	return 0;
}

/* The child maps, and hands its descriptor over for the parent to look at. */
static void owner_begin(struct owner *owner)
{
	char word;

	owner->shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				      owner->sync),
			   errno);
	assert_return_code(pipe2(owner->hold.pipe, O_CLOEXEC), errno);
	assert_return_code(pipe2(owner->hold.copy, O_CLOEXEC), errno);
	owner->pid = child_start(owner_main, owner);
	close(owner->sync[1]);
	owner->fd = recv_fd(owner->sync[0], &word, 1);
	assert_true(owner->fd >= 0);
	assert_true(owner->shared->ready);
}

/* The page, or the BAR's, has this pattern. */
static bool owner_has(struct owner *owner, uint32_t seed)
{
	unsigned char *view;
	bool has;

	if (!owner->bar)
		return hold_has(&owner->hold, seed);
	view = bar_at(owner->lab, OWNER_BAR_OFFSET + AT, PAGE);
	has = is_filled(view, PROBE, seed);
	munmap(view, PAGE);
	return has;
}

static void owner_probe(struct owner *owner, uint32_t seed)
{
	probe_write(owner->lab, owner->shared->dma, seed);
}

static void owner_end(struct owner *owner)
{
	close(owner->fd);
	close(owner->sync[0]);
	hold_drop(&owner->hold);
	munmap(owner->shared, PAGE);
}

static bool hangs_up(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = 0 };

	return poll(&pollfd, 1, PATIENCE_MS) == 1 && pollfd.revents & POLLHUP;
}

static void assert_owner_cut(struct owner *owner)
{
	owner_probe(owner, SEED_AFTER);
	assert_true(owner_has(owner, SEED_BEFORE));
	assert_true(probe_reads_zero(owner->lab, owner->shared->dma));
	assert_true(hangs_up(owner->fd));
}

static void owner_writes(struct owner *owner)
{
	owner_probe(owner, SEED_BEFORE);
	assert_true(owner_has(owner, SEED_BEFORE));
}

/* The descriptor lives on in this process: only the memory is gone. */
static void owner_exits(struct lab *lab, uint32_t flags, bool bar, int signal)
{
	struct owner owner = {
		.lab = lab, .flags = flags, .bar = bar, .hold = NO_HOLD
	};
	int status;

	owner_begin(&owner);
	owner_writes(&owner);
	if (signal)
		kill(owner.pid, signal);
	else
		assert_int_equal(write(owner.sync[0], "x", 1), 1);
	status = child_end(owner.pid);
	assert_int_equal(status, signal ? CHILD_SIGNALLED + signal : 0);
	assert_owner_cut(&owner);
	owner_end(&owner);
}

static void exit_cuts_while_the_descriptor_lives(void **state)
{
	owner_exits(*state, WRITE, false, 0);
}

static void exit_cuts_a_bar_while_the_descriptor_lives(void **state)
{
	owner_exits(*state, WRITE, true, 0);
}

static void sigkill_cuts_while_the_descriptor_lives(void **state)
{
	owner_exits(*state, WRITE, false, SIGKILL);
}

/* The pins are the descriptor's; with it they go. */
static void
exit_leaves_pinned_pages_until_the_descriptor_is_closed(void **state)
{
	struct owner owner = { .lab = *state,
			       .flags = WRITE | PIN,
			       .hold = NO_HOLD };

	owner_begin(&owner);
	owner_writes(&owner);
	kill(owner.pid, SIGKILL);
	child_end(owner.pid);
	assert_true(hangs_up(owner.fd));
	owner_probe(&owner, SEED_AFTER);
	assert_true(owner_has(&owner, SEED_AFTER));
	close(owner.fd);
	owner_probe(&owner, SEED_AGAIN);
	assert_true(owner_has(&owner, SEED_AFTER));
	owner.fd = -1;
	owner_end(&owner);
}

/* A transfer is under way when the owner, and its descriptor, is killed. */
static void sigkill_mid_dma(struct lab *lab, uint32_t flags, bool bar)
{
	struct owner owner = {
		.lab = lab, .flags = flags, .bar = bar, .hold = NO_HOLD
	};

	owner_begin(&owner);
	owner_writes(&owner);
	close(owner.fd);
	owner.fd = -1;
	for (int tries = 0;; tries++) {
		dev_load(lab, SEED_AFTER, PROBE);
		assert_int_equal(edu_start(lab->edu, EDU_WRITE,
					   owner.shared->dma, PROBE),
				 0);
		sleep_ms(20);
		kill(owner.pid, SIGKILL);
		child_end(owner.pid);
		assert_int_equal(tries, 0);
		if (edu_busy(lab->edu))
			break;
		lab_skip(lab, "the machine was too slow to be in time");
	}
	assert_int_equal(edu_wait(lab->edu, EDU_TIMEOUT_MS), 0);
	assert_true(owner_has(&owner, SEED_BEFORE));
	owner_end(&owner);
}

static void sigkill_mid_dma_cuts(void **state)
{
	sigkill_mid_dma(*state, WRITE, false);
}

static void sigkill_mid_dma_cuts_pinned_memory(void **state)
{
	sigkill_mid_dma(*state, WRITE | PIN, false);
}

static void sigkill_mid_dma_cuts_a_bar(void **state)
{
	sigkill_mid_dma(*state, WRITE, true);
}

/* In the program after exec: nothing of the context is to be had. */
static int after_exec(int fd)
{
	struct p2pmap_info info = { .size = sizeof(info) };
	struct p2pmap_status status = { .size = sizeof(status), .id = 1 };
	struct p2pmap_event event;

	CHILD_CHECK(read(fd, &event, sizeof(event)) < 0 && errno == EPERM);
	CHILD_CHECK(ioctl(fd, P2PMAP_IOC_INFO, &info) && errno == EPERM);
	CHILD_CHECK(ioctl(fd, P2PMAP_IOC_STATUS, &status) && errno == EPERM);
	CHILD_CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) ==
			    MAP_FAILED &&
		    errno == EPERM);
	CHILD_CHECK(hangs_up(fd));
	return geteuid() ? 5 : 7;
}

static void owner_execs(struct lab *lab, uint32_t flags, bool setuid)
{
	struct owner owner = { .lab = lab,
			       .flags = flags,
			       .exec = true,
			       .setuid = setuid,
			       .hold = NO_HOLD };

	owner_begin(&owner);
	owner_writes(&owner);
	assert_int_equal(write(owner.sync[0], "x", 1), 1);
	/* 7: as root, with all checks passed. */
	assert_int_equal(child_end(owner.pid), 7);
	assert_owner_cut(&owner);
	owner_end(&owner);
}

static void exec_cuts_and_the_program_has_nothing(void **state)
{
	owner_execs(*state, WRITE, false);
}

static void exec_of_setuid_cuts_and_the_program_has_nothing(void **state)
{
	assert_int_equal(COMMAND("sh", "-c",
				 "cp /proc/$PPID/exe /tmp/revoke-suid &&"
				 " chmod 4755 /tmp/revoke-suid"),
			 0);
	owner_execs(*state, WRITE, true);
	unlink("/tmp/revoke-suid");
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(exit_cuts_while_the_descriptor_lives),
	LAB_TEST(exit_cuts_a_bar_while_the_descriptor_lives),
	LAB_TEST(sigkill_cuts_while_the_descriptor_lives),
	LAB_TEST(exit_leaves_pinned_pages_until_the_descriptor_is_closed),
	LAB_TEST(sigkill_mid_dma_cuts),
	LAB_TEST(sigkill_mid_dma_cuts_pinned_memory),
	LAB_TEST(sigkill_mid_dma_cuts_a_bar),
	LAB_TEST(exec_cuts_and_the_program_has_nothing),
	LAB_TEST(exec_of_setuid_cuts_and_the_program_has_nothing),
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--after-exec"))
		return after_exec(atoi(argv[2]));
	if (!lab_begin(argc, argv, LAB_TRANSLATED))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
