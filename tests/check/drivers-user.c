/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Uses the example drivers of docs/examples/kernel: maps the exporter's memory,
 * and RAM, for the importer's device, and has both taken away again.
 *
 *	drivers-user ADDRESS-OF-THE-EXPORTER
 *
 * tests/check/drivers runs it in a virtual machine.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LENGTH (1UL << 20)

static void *map(int fd, int flags)
{
	void *at = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return at;
}

static int device(const char *name)
{
	int fd = open(name, O_RDWR);

	if (fd < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static int import(void *start)
{
	uint64_t range[2] = { (uintptr_t)start, LENGTH };
	int fd = device("/dev/p2pmap-import");

	if (write(fd, range, sizeof(range)) != sizeof(range)) {
		perror("to map it for the importer");
		exit(1);
	}
	return fd;
}

/* What a worker does may take a while. */
static void expect(int fd, const char *state, uint64_t bytes, const char *of)
{
	char want[80], line[80] = "";
	ssize_t n;
	int tries;

	snprintf(want, sizeof(want), "%s %llu of %s,", state,
		 (unsigned long long)bytes, of);
	for (tries = 0; tries < 100; tries++) {
		n = read(fd, line, sizeof(line) - 1);
		line[n < 0 ? 0 : n] = 0;
		if (!strncmp(line, want, strlen(want)))
			return;
		usleep(50000);
	}
	fprintf(stderr, "expected: %s\nis:       %s\n", want, line);
	exit(1);
}

static void withdraw(int fd, const char *word)
{
	if (write(fd, word, 1) != 1) {
		perror("to withdraw it, or give it back");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int exporter = device("/dev/p2pmap-export");
	const char *of = argc > 1 ? argv[1] : "";
	char *bar = map(exporter, MAP_SHARED);
	int importer = import(bar);

	expect(importer, "usable", LENGTH, of);
	withdraw(exporter, "0");
	expect(importer, "stopped", 0, of);
	withdraw(exporter, "1");
	expect(importer, "usable", LENGTH, of);
	bar[0] = 1; /* the CPU has it back, too */
	munmap(bar, LENGTH / 2);
	expect(importer, "stopped", LENGTH / 2, of);
	close(importer);

	importer = import(map(-1, MAP_PRIVATE | MAP_ANONYMOUS));
	expect(importer, "usable", LENGTH, "RAM");
	close(importer);
	puts("both drivers work");
	return 0;
}
