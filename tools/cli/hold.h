/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wait until somebody wants the mapping to end, and pass on events meanwhile.
 */
#ifndef HOLD_H
#define HOLD_H

#include <stdbool.h>

/**
 * enum hold_end - why the wait ended
 * @HOLD_INPUT: a key, or the end of standard input
 * @HOLD_SIGNAL: SIGINT, SIGTERM, SIGHUP or SIGQUIT
 * @HOLD_TIMEOUT: the time was up
 * @HOLD_DONE: the event handler had enough
 * @HOLD_ERROR: something failed, errno says what
 */
enum hold_end {
	HOLD_INPUT,
	HOLD_SIGNAL,
	HOLD_TIMEOUT,
	HOLD_DONE,
	HOLD_ERROR,
};

/**
 * struct hold - what to wait for
 * @input: standard input counts, as a key or as its end
 * @timeout_ms: milliseconds to wait at most, -1 for ever
 * @event_fd: becomes readable when there are events, -1 for none
 * @on_event: called then; returns false to end the wait
 * @user: its argument
 */
struct hold {
	bool input;
	int timeout_ms;
	int event_fd;
	bool (*on_event)(void *user);
	void *user;
};

/**
 * hold_block_signals() - keep signals until hold_wait() looks
 *
 * To be called before there is anything that a signal must not leave behind.
 */
void hold_block_signals(void);

/**
 * hold_wait() - wait
 * @hold: for what
 *
 * Does not return from SIGPIPE, which ends the process once the terminal is as
 * it was.
 *
 * Return: why it ended.
 */
enum hold_end hold_wait(const struct hold *hold);

#endif /* HOLD_H */
