// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting on a terminal: however it ends, the terminal is as it was.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hold.h"

#define PATIENCE_MS 20000

static int terminal = -1;

/* In raw mode a key is there without Enter, and is not shown. */
static bool is_raw(void)
{
	struct termios now;

	assert_int_equal(tcgetattr(terminal, &now), 0);
	return !(now.c_lflag & (ICANON | ECHO));
}

/* Whoever reads what is printed has gone. */
static bool print(void *user)
{
	int pipe_fds[2];

	(void)user;
	if (pipe(pipe_fds))
		_exit(100);
	close(pipe_fds[0]);
	return write(pipe_fds[1], "x", 1) < 0;
}

/* A child with the terminal as its own, and an event if @events. */
static pid_t start(bool events)
{
	struct hold hold = {
		.input = true,
		.timeout_ms = PATIENCE_MS,
		.event_fd = events ? open("/dev/zero", O_RDONLY) : -1,
		.on_event = print,
	};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (setsid() < 0 || close(STDIN_FILENO) ||
	    open(ptsname(terminal), O_RDWR) != STDIN_FILENO)
		_exit(101);
	hold_block_signals();
	_exit(hold_wait(&hold));
}

static void wait_until_raw(void)
{
	for (int ms = 0; !is_raw(); ms++) {
		assert_true(ms < PATIENCE_MS);
		usleep(1000);
	}
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(is_raw());
	return status;
}

static void a_signal_ends_it(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		pid = start(false);
		wait_until_raw();
		kill(pid, signals[i]);
		assert_int_equal(status_of(pid), HOLD_SIGNAL << 8);
	}
}

/* Ctrl-Z as well, which would leave the shell without echo. */
static void a_key_ends_it(void **state)
{
	static const char keys[] = "x\032";
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		pid = start(false);
		wait_until_raw();
		assert_int_equal(write(terminal, &keys[i], 1), 1);
		assert_int_equal(status_of(pid), HOLD_INPUT << 8);
	}
}

/* It dies of it as every filter does, but not at once. */
static void a_reader_that_goes_ends_it(void **state)
{
	int status;

	(void)state;
	status = status_of(start(true));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
}

static int open_terminal(void **state)
{
	(void)state;
	/* Theirs may be ignored. */
	signal(SIGPIPE, SIG_DFL);
	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	return terminal < 0 || grantpt(terminal) || unlockpt(terminal);
}

static int close_terminal(void **state)
{
	(void)state;
	return close(terminal);
}

#define TERMINAL_TEST(function) \
	cmocka_unit_test_setup_teardown(function, open_terminal, close_terminal)

static const struct CMUnitTest tests[] = {
	TERMINAL_TEST(a_signal_ends_it),
	TERMINAL_TEST(a_key_ends_it),
	TERMINAL_TEST(a_reader_that_goes_ends_it),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
