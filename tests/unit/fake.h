/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A module that is not there: the system calls of libp2pmap, answered by a few
 * variables that a test sets beforehand and looks at afterwards.
 */
#ifndef P2PMAP_TEST_FAKE_H
#define P2PMAP_TEST_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "private.h"

#define FAKE_FD 77
#define FAKE_SLOT 3
#define FAKE_MAPPING 21
#define FAKE_IMPORTER 11

struct fake {
	/* Set by the test. */
	int open_error;
	int open_eintr; /* so many EINTR first */
	int set_flags_error;
	int mmap_error;
	int error[16]; /* by number of ioctl */
	int eintr[16]; /* so many EINTR first */
	struct p2pmap_reason why; /* for the ioctl that fails */
	const struct p2pmap_extent *extents;
	uint32_t nr_extents;
	uint32_t extents_per_call;
	uint32_t kind;
	uint64_t generation;
	uint32_t status_flags;
	uint32_t watch_length;
	const unsigned char *records; /* for read() */
	size_t records_length;
	size_t record_length; /* the shortest buffer that read() accepts */
	int read_error;
	int alloc_fail; /* the allocation that fails, from 1; 0: none */

	/* Looked at by the test. */
	char path[64];
	int open_flags;
	bool nonblock;
	int nr_open, nr_close, nr_set_flags, nr_mmap, nr_munmap, nr_read;
	int nr_ioctl[16];
	int nr_live; /* mappings that were not unmapped */
	int nr_attached;
	int allocs;
	size_t last_read_size;
	struct p2pmap_attach attach;
	struct p2pmap_query query;
	struct p2pmap_route_query route;
	struct p2pmap_map map;
	struct p2pmap_remap remap;
	struct p2pmap_eventfd eventfd;
	struct p2pmap_watch watch;
	uint32_t unmapped_id, detached_id;
	int nr_log;
	char log[1024]; /* the last message */
	uint64_t page[8];
};

extern struct fake fake;
extern const struct p2pmap_sys fake_sys;

/* Number of an ioctl, for the arrays above. */
#define NR(request) ((request)&0xff)

/* For cmocka_unit_test_setup_teardown(): a new fake, and nothing left over. */
int fake_setup(void **state);
int fake_teardown(void **state);

#define FAKE_TEST(function) \
	cmocka_unit_test_setup_teardown(function, fake_setup, fake_teardown)

void fake_log(void *user, enum p2pmap_log_level level, const char *message);

/* A context on the fake, with its log, and @capacity; and what it can carry. */
struct p2pmap_context *fake_context(uint32_t capacity);
struct p2pmap_importer *fake_importer(struct p2pmap_context *ctx);
struct p2pmap_mapping *fake_mapping(struct p2pmap_importer *importer,
				    uint64_t length);

#endif /* P2PMAP_TEST_FAKE_H */
