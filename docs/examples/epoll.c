// SPDX-License-Identifier: GPL-2.0-only
/*
 * epoll: keep a buffer mapped for a device, and know when it is not.
 *
 * The memory is not pinned: the kernel may take it whenever it likes, after it
 * has cut the device off.  This program waits for that in an epoll loop, beside
 * whatever else a program waits for, and has the memory back as soon as there
 * is something to have.  A real program would stop its device first and start
 * it again afterwards; the DMA addresses stay what they are.
 *
 *	epoll 0000:03:00.0
 *
 * Once a second it throws a page of the buffer away, so that there is something
 * to see.  It ends with the device, or after ten seconds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <p2pmap/p2pmap.h>

#define LENGTH (1 << 20)
#define PAGE 4096

struct program {
	struct p2pmap_context *ctx;
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	unsigned char *buffer;
	int timer;
	int epoll;
	unsigned int ticks;
};

static void print_reasons(uint32_t reasons)
{
	for (uint32_t bit = 1; bit; bit <<= 1)
		if (reasons & bit)
			printf(" %s", p2pmap_event_reason_name(bit));
}

/* Returns false when there is nothing left to wait for. */
static bool on_event(struct program *program, const struct p2pmap_event *event)
{
	int error;

	printf("offset 0x%" PRIx64 ", %" PRIu64 " bytes:",
	       (uint64_t)event->offset, (uint64_t)event->length);
	print_reasons(event->reasons);
	printf("; generation %" PRIu64 "\n", (uint64_t)event->generation);
	if (event->reasons & P2PMAP_EVENT_DEVICE_GONE)
		return false;

	/* Here the device is told to stop using the range. */
	error = p2pmap_mapping_remap(program->mapping, 0, 0, NULL);
	if (error == -EAGAIN)
		return true; /* it goes on changing, and another event comes */
	if (error) {
		printf("not to be had back: %s\n", strerror(-error));
		return false;
	}
	printf("remapped; generation %" PRIu64 "\n",
	       p2pmap_mapping_generation(program->mapping));
	return true;
}

/* The descriptor is non-blocking: read until there is nothing left. */
static bool on_context(struct program *program)
{
	struct p2pmap_event events[16];
	int count;

	while ((count = p2pmap_context_read_events(program->ctx, events, 16)) >
	       0)
		for (int i = 0; i < count; i++)
			if (!on_event(program, &events[i]))
				return false;
	return count == -EAGAIN || count == -EINTR;
}

static bool on_timer(struct program *program)
{
	uint64_t ticks;

	if (read(program->timer, &ticks, sizeof(ticks)) != sizeof(ticks))
		return true;
	program->ticks += ticks;
	madvise(program->buffer + program->ticks % 256 * (size_t)PAGE, PAGE,
		MADV_DONTNEED);
	return program->ticks < 10;
}

static void loop(struct program *program)
{
	struct epoll_event ready;
	bool more = true;

	while (more) {
		if (epoll_wait(program->epoll, &ready, 1, -1) < 1)
			continue;
		if (ready.data.fd == program->timer)
			more = on_timer(program);
		else
			more = on_context(program);
	}
}

static int watch(struct program *program, int fd)
{
	struct epoll_event want = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(program->epoll, EPOLL_CTL_ADD, fd, &want) ? -errno : 0;
}

static int set_up_loop(struct program *program)
{
	const struct itimerspec second = { .it_interval.tv_sec = 1,
					   .it_value.tv_sec = 1 };
	int error;

	program->epoll = epoll_create1(EPOLL_CLOEXEC);
	program->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (program->epoll < 0 || program->timer < 0 ||
	    timerfd_settime(program->timer, 0, &second, NULL))
		return -errno;
	error = watch(program, program->timer);
	if (error)
		return error;
	return watch(program, p2pmap_context_fd(program->ctx));
}

static int set_up_mapping(struct program *program, const char *address,
			  struct p2pmap_reason *reason)
{
	const struct p2pmap_open_opts opts = {
		.size = sizeof(opts),
		.flags = P2PMAP_OPEN_NONBLOCK,
	};
	struct p2pmap_pci_addr pci;
	int error;

	program->buffer = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (program->buffer == MAP_FAILED)
		return -errno;
	error = p2pmap_pci_parse(address, &pci);
	if (!error)
		error = p2pmap_context_open(&opts, &program->ctx);
	if (!error)
		error = p2pmap_importer_attach(program->ctx, &pci, NULL, reason,
					       &program->importer);
	if (!error)
		error = p2pmap_mapping_map(program->importer, program->buffer,
					   LENGTH, P2PMAP_MAP_WRITE, NULL,
					   reason, &program->mapping);
	return error;
}

int main(int argc, char **argv)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct program program = { .timer = -1 };
	char text[P2PMAP_REASON_TEXT_SIZE];
	int error;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PCI-ADDRESS\n", argv[0]);
		return 2;
	}
	error = set_up_mapping(&program, argv[1], &reason);
	if (!error)
		error = set_up_loop(&program);
	if (!error)
		loop(&program);
	else if (p2pmap_reason_text(&reason, text, sizeof(text)))
		fprintf(stderr, "%s: %s\n", strerror(-error), text);
	p2pmap_context_close(program.ctx);
	return error ? 1 : 0;
}
