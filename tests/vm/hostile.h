/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of hostile use share: a user who has the node and one device.
 * Only test-hostile*.c includes it.
 */
#ifndef P2PMAP_TEST_HOSTILE_H
#define P2PMAP_TEST_HOSTILE_H

#include <sys/stat.h>

#include "witness.h"

#define PARAMETERS "/sys/module/p2pmap/parameters/"

/* The user has the node, and edu is his. */
static inline void admit(struct lab *lab)
{
	assert_int_equal(chmod(NODE, 0666), 0);
	assert_int_equal(file_write(PARAMETERS "allow", lab->edu_address), 0);
}

static inline void dismiss(void)
{
	assert_int_equal(file_write(PARAMETERS "allow", "\n"), 0);
	assert_int_equal(file_write(PARAMETERS "user_kib", "0"), 0);
	assert_int_equal(chmod(NODE, 0600), 0);
}

static inline void limit_user(unsigned int kib)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", kib);
	assert_int_equal(file_write(PARAMETERS "user_kib", text), 0);
}

/* In a child, as the user: a context with edu. */
static inline struct lab users_own(const struct lab *lab)
{
	struct lab own = *lab;

	own.reason = (struct p2pmap_reason){ .size = sizeof(own.reason) };
	CHILD_CHECK(!p2pmap_context_open(NULL, &own.ctx));
	CHILD_CHECK(!attach(own.ctx, own.edu_address, 0, &own.reason,
			    &own.importer));
	return own;
}

static inline void *child_ram(size_t length)
{
	void *range =
		mmap(NULL, length, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHILD_CHECK(range != MAP_FAILED);
	return range;
}

#endif /* P2PMAP_TEST_HOSTILE_H */
