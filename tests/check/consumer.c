// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program outside of the project: what it takes to use libp2pmap, in the
 * language that C and C++ share.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <p2pmap/p2pmap.h>

static void log_message(void *user, enum p2pmap_log_level level,
			const char *message)
{
	(void)level;
	(void)message;
	++*(int *)user;
}

static int open_nothing(void)
{
	struct p2pmap_context *ctx;
	struct p2pmap_open_opts opts;
	int messages = 0;

	memset(&opts, 0, sizeof(opts));
	opts.size = sizeof(opts);
	opts.path = "/nonexistent/p2pmap";
	opts.log = log_message;
	opts.log_user = &messages;
	return p2pmap_context_open(&opts, &ctx) == -ENOENT && messages == 1;
}

int main(int argc, char **argv)
{
	struct p2pmap_pci_addr pci;
	char text[P2PMAP_PCI_TEXT_SIZE];
	const uint64_t word = 7;

	if (argc != 2 || strcmp(argv[1], p2pmap_version())) {
		fprintf(stderr, "libp2pmap is %s, its .pc file says %s\n",
			p2pmap_version(), argc > 1 ? argv[1] : "nothing");
		return 1;
	}
	if (p2pmap_pci_parse("0000:02:00.0", &pci) ||
	    strcmp(p2pmap_pci_format(&pci, text, sizeof(text)), "0000:02:00.0"))
		return 1;
	if (!p2pmap_generation_is_current(&word, 7))
		return 1;
	return open_nothing() ? 0 : 1;
}
