// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals: those that are handled change nothing, those that kill are obeyed at
 * once, whatever a call is waiting for; and a call takes no longer than what it has
 * to do.
 *
 * iommu: on amd
 */
#define _GNU_SOURCE
#include "witness.h"

#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define LARGE (scaled(384) * MIB)

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
}

/* A thousand alarms in a second, or none. */
static void storm(bool on, int flags)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval timer = { { 0, on ? 1000 : 0 }, { 0, on ? 1000 : 0 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void map_in_the_storm(struct lab *lab, int flags)
{
	enum { ROUNDS = 300, PAGES = 256 };
	unsigned char *pages = ram(PAGES * PAGE);
	unsigned char *bar = bar_at(lab, 0, MIB);
	struct p2pmap_mapping *mapping;
	int rc = 0;

	alarms = 0;
	storm(true, flags);
	for (int i = 0; i < ROUNDS && !rc; i++) {
		rc = try_map(lab, pages, PAGES * PAGE,
			     WRITE | (i & 1 ? PIN : 0), &mapping);
		if (!rc)
			rc = p2pmap_mapping_unmap(mapping);
		if (!rc)
			rc = try_map(lab, bar, MIB, WRITE, &mapping);
		if (!rc)
			rc = p2pmap_mapping_unmap(mapping);
		if (i % 16 == 0)
			madvise(pages, PAGES * PAGE, MADV_DONTNEED);
	}
	storm(false, flags);
	assert_int_equal(rc, 0);
	lab_note(lab, "%d alarms", (int)alarms);
	assert_true(alarms > 20);
	munmap(pages, PAGES * PAGE);
	munmap(bar, MIB);
}

static void a_storm_of_alarms_that_restart_is_not_noticed(void **state)
{
	map_in_the_storm(*state, SA_RESTART);
}

/* Then the library is who calls again. */
static void a_storm_of_alarms_that_interrupt_is_not_noticed(void **state)
{
	map_in_the_storm(*state, 0);
}

/* The first map of a process waits for its mmap_lock, interruptibly. */
static int first_map_in_the_storm(void *arg)
{
	struct p2pmap_mapping *mapping;
	struct lab *lab = arg;
	void *page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	storm(true, SA_RESTART);
	raise(SIGALRM);
	rc = try_map(lab, page, PAGE, WRITE | PIN, &mapping);
	storm(false, SA_RESTART);
	return -rc;
}

static void the_first_map_of_a_process_works_in_the_storm(void **state)
{
	struct lab *lab = *state;

	for (unsigned long i = scaled(100); i; i--) {
		assert_int_equal(in_child(first_map_in_the_storm, lab), 0);
		lab_reopen(lab);
	}
}

/* With signals pending that it has blocked. */
static void a_pending_signal_that_is_blocked_changes_nothing(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	signal(SIGUSR1, on_alarm);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	unmap(map(lab, page, PAGE, WRITE | PIN));
	unmap(map(lab, page, PAGE, WRITE));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGUSR1, SIG_DFL);
	munmap(page, PAGE);
}

/* A fatal one, in the middle of something long */

struct large {
	struct lab *lab;
	uint32_t flags;
	int tell;
};

static int map_something_large(void *arg)
{
	struct large *large = arg;
	struct p2pmap_mapping *mapping;
	void *range = mmap(NULL, LARGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(range, LARGE, MADV_NOHUGEPAGE);
	CHILD_CHECK(write(large->tell, "x", 1) == 1);
	return -try_map(large->lab, range, LARGE, large->flags, &mapping);
}

/* How long the child lives: to its end, or until so long after a kill. */
static uint64_t time_large(struct lab *lab, uint32_t flags, uint64_t kill_at)
{
	struct large large = { .lab = lab, .flags = flags };
	uint64_t start, end;
	int tell[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(tell), 0);
	large.tell = tell[1];
	pid = child_start(map_something_large, &large);
	close(tell[1]);
	assert_int_equal(read(tell[0], &byte, 1), 1);
	start = now_ms();
	if (kill_at) {
		sleep_ms(kill_at);
		start = now_ms();
		kill(pid, SIGKILL);
	}
	assert_int_equal(child_end(pid),
			 kill_at ? CHILD_SIGNALLED + SIGKILL : 0);
	end = now_ms();
	close(tell[0]);
	lab_reopen(lab);
	return end - start;
}

static void check_large(struct lab *lab, uint32_t flags)
{
	uint64_t whole, after;
	long pins = pages_pinned();

	/* The first time takes longer than all others. */
	time_large(lab, flags, 0);
	whole = time_large(lab, flags, 0);
	for (unsigned int i = 1; i <= 4; i++) {
		after = time_large(lab, flags, whole * i / 16);
		lab_note(lab, "%llu ms after the kill at %llu of %llu ms",
			 (unsigned long long)after,
			 (unsigned long long)whole * i / 16,
			 (unsigned long long)whole);
		/* It has its memory to free, which takes its time, too. */
		assert_true(after < whole * 3 / 4);
		assert_int_equal(pages_pinned(), pins);
	}
}

static void a_kill_in_the_middle_of_a_large_pin_is_obeyed(void **state)
{
	check_large(*state, WRITE | PIN);
}

static void a_kill_in_the_middle_of_a_large_map_is_obeyed(void **state)
{
	check_large(*state, WRITE);
}

/*
 * Memory that another process provides, or does not.  MAP keeps mmap_lock, so
 * it cannot wait for it, and must say so rather than hang.
 */
static int map_behind_userfaultfd(void *arg)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct p2pmap_mapping *mapping;
	struct lab *lab = arg;
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	char *pages =
		mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	pages[0] = 1;
	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(!ioctl(fd, UFFDIO_API, &api));
	range.range.start = (uintptr_t)pages;
	range.range.len = 2 * PAGE;
	CHILD_CHECK(!ioctl(fd, UFFDIO_REGISTER, &range));
	CHILD_CHECK(try_map(lab, pages, 2 * PAGE, WRITE | PIN, &mapping) ==
		    -EFAULT);
	CHILD_CHECK(try_map(lab, pages, 2 * PAGE, WRITE, &mapping) == -EFAULT);
	/* What is there can be mapped. */
	CHILD_CHECK(!try_map(lab, pages, PAGE, WRITE | PIN, &mapping));
	CHILD_CHECK(!try_map(lab, pages, PAGE, WRITE, &mapping));
	return 0;
}

static void memory_that_userfaultfd_owes_is_efault_at_once(void **state)
{
	struct lab *lab = *state;
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		lab_skip(lab, "no userfaultfd() here: %s", strerror(errno));
	close(fd);
	assert_int_equal(in_child(map_behind_userfaultfd, lab), 0);
}

/* Milliseconds to bring back every second one of so many pages. */
static uint64_t remap_shreds(struct lab *lab, size_t pages)
{
	unsigned char *range = ram(pages * PAGE);
	struct p2pmap_mapping *mapping;
	uint64_t begin, ms;

	madvise(range, pages * PAGE, MADV_NOHUGEPAGE);
	memset(range, 1, pages * PAGE);
	mapping = map(lab, range, pages * PAGE, WRITE);
	for (size_t i = 0; i < pages; i += 2)
		assert_int_equal(madvise(range + i * PAGE, PAGE, MADV_DONTNEED),
				 0);
	memset(range, 1, pages * PAGE);
	begin = now_ms();
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	ms = now_ms() - begin;
	assert_true(mapping_status(mapping).out_flags & P2PMAP_MAPPING_LIVE);
	unmap(mapping);
	munmap(range, pages * PAGE);
	return ms;
}

static void a_remap_of_shreds_costs_by_their_number(void **state)
{
	uint64_t few, many;

	few = remap_shreds(*state, 8192);
	many = remap_shreds(*state, 4 * 8192);
	lab_note(*state, "%llu ms, and for four times as many %llu ms",
		 (unsigned long long)few, (unsigned long long)many);
	assert_true(many < 8 * few + 8);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_storm_of_alarms_that_restart_is_not_noticed),
	LAB_TEST(a_storm_of_alarms_that_interrupt_is_not_noticed),
	LAB_TEST(the_first_map_of_a_process_works_in_the_storm),
	LAB_TEST(a_pending_signal_that_is_blocked_changes_nothing),
	LAB_TEST(a_kill_in_the_middle_of_a_large_pin_is_obeyed),
	LAB_TEST(a_kill_in_the_middle_of_a_large_map_is_obeyed),
	LAB_TEST(memory_that_userfaultfd_owes_is_efault_at_once),
	LAB_TEST(a_remap_of_shreds_costs_by_their_number),
};

LAB_MAIN(LAB_TRANSLATED, tests)
