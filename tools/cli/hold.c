// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wait until somebody wants the mapping to end.  See hold.h.
 *
 * Signals are blocked and read from a descriptor, so that no handler runs
 * between a check and the poll() that follows it.
 */
#include "hold.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { FD_SIGNAL, FD_EVENT, FD_INPUT, NR_FDS };

static void ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGPIPE);
}

void hold_block_signals(void)
{
	sigset_t set;

	ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int open_signals(void)
{
	sigset_t set;

	ending_signals(&set);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/*
 * One key is enough, without Enter; Ctrl-Z is one, lest the terminal stays raw
 * while we are stopped. Returns whether to undo it.
 */
static bool set_raw(struct termios *saved)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, saved))
		return false;
	raw = *saved;
	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	return !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

/* The key is used up, lest the shell takes it for a command. */
static void read_key(void)
{
	char key;

	if (read(STDIN_FILENO, &key, 1) < 0)
		return;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static int remaining(const struct hold *hold, int64_t start)
{
	int64_t left;

	if (hold->timeout_ms < 0)
		return -1;
	left = start + hold->timeout_ms - now_ms();
	return left > 0 ? left : 0;
}

static enum hold_end poll_all(const struct hold *hold, struct pollfd *fds)
{
	int64_t start = now_ms();
	int n;

	for (;;) {
		n = poll(fds, NR_FDS, remaining(hold, start));
		if (n < 0 && errno != EINTR)
			return HOLD_ERROR;
		if (!n)
			return HOLD_TIMEOUT;
		if (n > 0 && fds[FD_EVENT].revents &&
		    !hold->on_event(hold->user))
			return HOLD_DONE;
		if (n > 0 && fds[FD_SIGNAL].revents)
			return HOLD_SIGNAL;
		if (n > 0 && fds[FD_INPUT].revents) {
			read_key();
			return HOLD_INPUT;
		}
	}
}

/* Whoever read from us has gone: die of it, but with all put back. */
static void unblock_pipe(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

enum hold_end hold_wait(const struct hold *hold)
{
	struct pollfd fds[NR_FDS] = {
		[FD_SIGNAL] = { .fd = open_signals(), .events = POLLIN },
		[FD_EVENT] = { .fd = hold->event_fd, .events = POLLIN },
		[FD_INPUT] = { .fd = hold->input ? STDIN_FILENO : -1,
			       .events = POLLIN },
	};
	struct termios saved;
	enum hold_end end;
	bool raw;

	if (fds[FD_SIGNAL].fd < 0)
		return HOLD_ERROR;
	raw = hold->input && set_raw(&saved);
	end = poll_all(hold, fds);
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	close(fds[FD_SIGNAL].fd);
	unblock_pipe();
	return end;
}
