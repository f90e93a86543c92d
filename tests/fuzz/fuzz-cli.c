// SPDX-License-Identifier: GPL-2.0-only
/*
 * p2pmap-cli: any command line, on a module that lies.
 *
 * The input is the words of the command line, a line each, up to an empty line;
 * then what the module says.
 *
 * The program is the real one; its main() is called again and again.  As it may
 * be told to change the machine's configuration, it lives in an empty folder
 * that is its whole world: no /sys, no /dev, no /etc.  Without the right to do
 * so it does not run at all.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_WORDS 32

int __real_main(int argc, char **argv);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_p2pmap_context_open(const struct p2pmap_open_opts *opts,
			       struct p2pmap_context **ctx);

/* Nobody waits for anything. */
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	(void)timeout;
	return __real_poll(fds, count, 0);
}

int __wrap_p2pmap_context_open(const struct p2pmap_open_opts *opts,
			       struct p2pmap_context **ctx)
{
	return p2pmap_context_open_sys(&fuzz_sys, opts, ctx);
}

static bool enter(const char *world)
{
	return !chdir(world) && !chroot(".");
}

static bool lock_up(void)
{
	const char *world = getenv("P2PMAP_FUZZ_WORLD");
	char folder[] = "/tmp/p2pmap-fuzz.XXXXXX";

	if (!world)
		world = mkdtemp(folder);
	if (!world)
		return false;
	if (geteuid() && unshare(CLONE_NEWUSER)) {
		perror("skip: no user namespace to lock the program up in");
		return false;
	}
	if (!enter(world)) {
		perror("skip: chroot");
		return false;
	}
	if (world == folder)
		rmdir(folder);
	return true;
}

bool fuzz_prepare(void)
{
	FILE *nowhere = fopen("/dev/null", "we");

	if (!nowhere)
		return false;
	if (!freopen("/dev/null", "re", stdin) || !lock_up()) {
		fclose(nowhere);
		return false;
	}
	/* What the CLI prints; libFuzzer and the sanitizers have fd 2. */
	stdout = nowhere;
	stderr = nowhere;
	return true;
}

static int split(char *text, char **words)
{
	int count = 0;

	words[count++] = text;
	while (count < MAX_WORDS && (text = strchr(text, '\n'))) {
		*text++ = '\0';
		words[count++] = text;
	}
	if (text && (text = strchr(text, '\n')))
		*text = '\0';
	words[count] = NULL;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memmem(data, size, "\n\n", 2) : NULL;
	size_t length = end ? (size_t)(end - data) : size;
	char name[] = "p2pmap-cli", *words[MAX_WORDS + 2];
	char *text = calloc(1, length + 1);
	int count, status;

	PROMISE(text);
	if (length)
		memcpy(text, data, length);
	if (end)
		fuzz_input(end + 2, size - length - 2);
	else
		fuzz_input(NULL, 0);
	count = split(text, words + 1);
	words[0] = name;
	/* Zero has getopt_long() forget the command line before. */
	optind = 0;
	status = __real_main(count + 1, words);
	PROMISE(status >= 0 && status <= 3);
	free(text);
	return 0;
}
