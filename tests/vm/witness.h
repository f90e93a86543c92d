/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of revocation share: a look at memory which the process does
 * not have any more, the events of one mapping, and what a device reaches.
 *
 * A page that is gone from the address space is watched through a pipe:
 * vmsplice() puts a reference to the page there, not its contents, so what
 * tee() and read() bring out later is what the very page holds then.  Such a
 * reference keeps a page from being migrated, merged or swapped; where a test
 * wants just that, the device's own reads say what it still reaches.
 *
 * Each program includes this once; nothing here is for the library's tests.
 */
#ifndef P2PMAP_TEST_WITNESS_H
#define P2PMAP_TEST_WITNESS_H

#include <limits.h>
#include <poll.h>
#include <sys/uio.h>
#include <time.h>

#include "harness.h"

/* Bytes that a probe moves, and so checks. */
#define PROBE 512

#define PATIENCE_MS 5000

/* P2PMAP_TEST_SCALE times as many. */
static inline unsigned long scaled(unsigned long n)
{
	const char *scale = getenv("P2PMAP_TEST_SCALE");
	double factor = scale ? strtod(scale, NULL) : 1;
	double result = (double)n * (factor > 0 ? factor : 1);

	return result < 1 ? 1 : (unsigned long)result;
}

/* A different order each time; the seed is in the log, to have it again. */
static inline uint64_t *random_state(void)
{
	static uint64_t state;

	return &state;
}

static inline void random_begin(const struct lab *lab)
{
	const char *seed = getenv("P2PMAP_TEST_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*random_state() = seed && *seed ?
				  strtoull(seed, NULL, 0) :
				  (uint64_t)now.tv_nsec * 2654435761U + 1;
	lab_note(lab, "P2PMAP_TEST_SEED=%llu",
		 (unsigned long long)*random_state());
}

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline uint64_t random_below(uint64_t end)
{
	return random_next(random_state()) % end;
}

/* The old page */

struct hold {
	int pipe[2];
	int copy[2];
};

#define NO_HOLD                                        \
	{                                              \
		.pipe = { -1, -1 }, .copy = { -1, -1 } \
	}

static inline void hold_take(struct hold *hold, void *page)
{
	struct iovec iov = { .iov_base = page, .iov_len = PAGE };

	assert_return_code(pipe2(hold->pipe, O_CLOEXEC), errno);
	assert_return_code(pipe2(hold->copy, O_CLOEXEC), errno);
	assert_int_equal(vmsplice(hold->pipe[1], &iov, 1, 0), PAGE);
}

/* What the page holds now. */
static inline void hold_read(const struct hold *hold, unsigned char *buf)
{
	assert_int_equal(tee(hold->pipe[0], hold->copy[1], PAGE, 0), PAGE);
	assert_int_equal(read(hold->copy[0], buf, PAGE), PAGE);
}

static inline bool hold_has(const struct hold *hold, uint32_t seed)
{
	unsigned char buf[PAGE];

	hold_read(hold, buf);
	return is_filled(buf, PROBE, seed);
}

static inline void hold_drop(struct hold *hold)
{
	for (int i = 0; i < 2; i++) {
		if (hold->pipe[i] >= 0)
			close(hold->pipe[i]);
		if (hold->copy[i] >= 0)
			close(hold->copy[i]);
		hold->pipe[i] = hold->copy[i] = -1;
	}
}

/* Events */

static inline bool readable(int fd, int patience_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, patience_ms) == 1 && (pollfd.revents & POLLIN);
}

/* The next event of any mapping; false if there is none within the patience. */
static inline bool event_next(struct p2pmap_context *ctx, int patience_ms,
			      struct p2pmap_event *event)
{
	if (!readable(p2pmap_context_fd(ctx), patience_ms))
		return false;
	assert_int_equal(p2pmap_context_read_events(ctx, event, 1), 1);
	return true;
}

static inline void events_discard(struct p2pmap_context *ctx)
{
	struct p2pmap_event event;

	while (event_next(ctx, 0, &event))
		;
}

static inline bool event_covers(const struct p2pmap_event *event,
				uint64_t offset, uint64_t length)
{
	return event->offset <= offset &&
	       event->offset + event->length >= offset + length;
}

/* What the device reaches */

/* The device writes a pattern at a DMA address. */
static inline void probe_write(struct lab *lab, uint64_t dma, uint32_t seed)
{
	unsigned char buf[PROBE];

	fill(buf, PROBE, seed);
	dev_write(lab, dma, buf, PROBE);
}

/* Does the device read this pattern there? */
static inline bool probe_reads(struct lab *lab, uint64_t dma, uint32_t seed)
{
	unsigned char buf[PROBE];

	dev_read(lab, dma, buf, PROBE);
	return is_filled(buf, PROBE, seed);
}

static inline bool is_zero(const unsigned char *buf, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (buf[i])
			return false;
	return true;
}

static inline bool probe_reads_zero(struct lab *lab, uint64_t dma)
{
	unsigned char buf[PROBE];

	memset(buf, 0xff, PROBE);
	dev_read(lab, dma, buf, PROBE);
	return is_zero(buf, PROBE);
}

/* Waits until so many bytes of a mapping are the sink, and no more. */
static inline bool sinks_reach(struct p2pmap_mapping *mapping, uint64_t bytes)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (mapping_status(mapping).out_sink_bytes != bytes) {
		if (now_ms() > end)
			return false;
		sleep_ms(5);
	}
	return true;
}

/* Waits until so many bytes of a mapping are live; a worker brings them back. */
static inline bool comes_alive(struct p2pmap_mapping *mapping, uint64_t bytes)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	do {
		if (mapping_status(mapping).out_live_bytes >= bytes)
			return true;
		sleep_ms(5);
	} while (now_ms() < end);
	return false;
}

static inline void numa_balancing(bool on)
{
	file_write("/proc/sys/kernel/numa_balancing", on ? "1" : "0");
}

#define KHUGEPAGED "/sys/kernel/mm/transparent_hugepage/khugepaged/"

/*
 * Memory is to move when a test says so, and not because the kernel thinks it
 * better.  Where 100 ms cost nothing, khugepaged comes round all the time.
 */
static inline void keep_still(void)
{
	numa_balancing(false);
	if (file_number(KHUGEPAGED "scan_sleep_millisecs", NULL) == 4000000000)
		return;
	file_write(KHUGEPAGED "scan_sleep_millisecs", "4000000000");
	file_write(KHUGEPAGED "pages_to_scan", "1");
	/* It looks around once more before it sleeps. */
	sleep_ms(100);
}

#endif /* P2PMAP_TEST_WITNESS_H */
