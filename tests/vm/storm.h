/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A storm: threads that do to one context, its mappings and their memory all
 * that may be done, at once and at random, while a test adds what happens to
 * devices, drivers, processes and the module.
 *
 * The oracles are: another process, which gets the memory that is given back
 * and sees whether anybody else writes to it; children, in whose copy of the
 * memory nothing may change; a part of the BAR that nobody maps; the answers of
 * the calls, each of which has to be one that is allowed; and the balance that
 * the harness draws and the kernel's log, in the end.
 *
 * P2PMAP_RACE_SECONDS is how long each storm takes, P2PMAP_TEST_SCALE times two
 * seconds without it, and longer where a slow machine has not come to anything by
 * then.  Where the module can delay itself (kmod/delay.h) it does;
 * P2PMAP_RACE_DELAYS="PERMILLE US" says how often and how long, "0" not at all.
 */
#ifndef P2PMAP_TEST_STORM_H
#define P2PMAP_TEST_STORM_H

#include <pthread.h>

#include "harness.h"

#define STORM_SLOTS 24
#define STORM_SLOT_PAGES 16
#define STORM_SLOT (STORM_SLOT_PAGES * PAGE)
#define STORM_WORKERS 10

/* Slots before this one are private, from the next on device memory. */
#define STORM_FIRST_SHARED 10
#define STORM_FIRST_DEVICE 16

struct storm;

/**
 * struct storm_slot - a place for a mapping; anybody may do anything with it
 * @kind: of memory, for good
 * @range: its memory, which comes and goes
 * @offset: of device memory, for mmap()
 * @id: of the mapping that was made last, or 0
 * @dma: where it is for the device, or was
 */
struct storm_slot {
	enum storm_kind {
		STORM_PRIVATE, /* a child has a copy of it */
		STORM_SHARED, /* now and then */
		STORM_DEVICE, /* as storm_device_memory() says */
	} kind;
	unsigned char *range;
	uint64_t offset;
	uint32_t id;
	uint64_t dma;
};

/* Threads have generators of their own. */
struct storm_worker {
	struct storm *storm;
	uint64_t random;
	pthread_t thread;
};

/**
 * struct storm - what its threads share
 * @lab: the lab
 * @fd: the context
 * @importer: edu's id in it
 * @guess: the lowest id that a mapping of the storm may have
 * @device_fd: what mmap() has device memory from, or -1
 * @guarded: the exporter is the one that it was when the storm began
 * @over: the threads are to end
 * @error: an answer that is not allowed, or 0
 * @what: the call which gave it
 * @reason: what p2pmap said of it
 * @events: how many were read
 * @transfers: of the device's
 */
struct storm {
	struct lab *lab;
	int fd;
	uint32_t importer;
	uint32_t guess;
	int device_fd;
	bool guarded;
	bool over;
	int error;
	const char *what;
	struct p2pmap_reason reason;
	unsigned long events;
	unsigned long transfers;
	struct storm_slot slot[STORM_SLOTS];
	unsigned int nr_workers;
	struct storm_worker worker[STORM_WORKERS];
};

/* Around each test: nothing is delayed outside, and it is said what was done. */
int storm_setup(void **state);
int storm_teardown(void **state);

#define STORM_TEST(function)                                            \
	cmocka_unit_test_prestate_setup_teardown(function, storm_setup, \
						 storm_teardown, #function)

/*
 * Does a storm that @begun go on?  Until its time is over, and then until there
 * was @enough of it for the test to mean something; but not for ever.
 */
bool storm_goes_on(uint64_t begun, bool enough);
/* A random number below @end; not for threads. */
uint64_t storm_below(uint64_t end);
/* Counts, for the report; in children, too. */
void storm_did(unsigned long n);
unsigned long storm_done(void);
/* The module, just loaded, is to delay itself from now on. */
void storm_delays(void);

/* The slots are for lab->ctx; device memory is ivshmem's BAR. */
void storm_begin(struct storm *storm, struct lab *lab);
/* The same without asserting, in a child; context and importer are given. */
int storm_prepare(struct storm *storm);
/* Have memory in a part of a slot; a device that is gone leaves a hole. */
void storm_fill(struct storm *storm, struct storm_slot *slot,
		unsigned int first, unsigned int count, bool shared);
/* Device memory comes from there: a page of slot i at offset + i * length. */
void storm_device_memory(struct storm *storm, int fd, uint64_t offset);
void storm_start(struct storm *storm, void *(*thread)(void *));
void storm_stop(struct storm *storm);
bool storm_is_over(const struct storm *storm);
/* Unmaps the memory; no thread saw anything that is not allowed. */
void storm_end(struct storm *storm);

/* Threads; the argument is a struct storm_worker */
void *storm_calls(void *arg); /* on the context */
void *storm_maps(void *arg); /* which nobody ends but those who guess ids */
void *storm_guesses(void *arg); /* the next ids, and calls on them */
void *storm_memory(void *arg); /* munmap, mremap, mprotect, madvise */
void *storm_kernel(void *arg); /* migration, compaction */
void *storm_forks(void *arg); /* children, who call, write and end */
void *storm_events(void *arg); /* reads them */
void *storm_device(void *arg); /* writes wherever something is or was */
void *storm_onlooker(void *arg); /* netlink */

/* The other process takes memory, fills it, waits, looks, gives it back. */
struct storm_other {
	bool *over;
	pid_t pid;
};

struct storm_other storm_other_begin(void);
/* Its memory was its own all the time. */
void storm_other_end(struct storm_other *other);

#endif /* P2PMAP_TEST_STORM_H */
