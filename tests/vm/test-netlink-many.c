// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink dumps of very much: more than one context may have.
 *
 * lab: --mem 1536 --icount --append dma_debug=off
 * iommu: on
 *
 * The clock counts instructions, so that times can be compared.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "nl.h"
#include "witness.h"

#define MAPPINGS P2PMAP_NL_CMD_MAPPING_GET

#define MANY scaled(100000)
#define CONTEXTS 2

/* What a dump brought: ids only ever grow, or something came twice. */
struct seen {
	uint64_t count, last;
	bool twice;
};

static void see(const struct nl_message *message, void *arg)
{
	uint64_t id = nl_u64(message, P2PMAP_NL_MAPPING_ID);
	struct seen *seen = arg;

	seen->twice |= seen->count && id <= seen->last;
	seen->last = id;
	seen->count++;
}

struct churner {
	struct lab *lab;
	unsigned char *page;
	bool stop;
	unsigned long maps;
	uint64_t longest_us;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static void *churn(void *arg)
{
	struct churner *churner = arg;
	struct p2pmap_mapping *mapping[8];

	while (!__atomic_load_n(&churner->stop, __ATOMIC_RELAXED)) {
		uint64_t begin = now_us();

		for (int i = 0; i < 8; i++)
			if (p2pmap_mapping_map(churner->lab->importer,
					       churner->page, PAGE, WRITE, NULL,
					       NULL, &mapping[i]))
				return "map";
		for (int i = 0; i < 8; i++)
			p2pmap_mapping_unmap(mapping[i]);
		begin = now_us() - begin;
		if (begin > churner->longest_us)
			churner->longest_us = begin;
		churner->maps += 8;
	}
	return NULL;
}

/* Microseconds that a dump takes; the best of three. */
static uint64_t dump_time(uint64_t want)
{
	uint64_t best = UINT64_MAX, begin, took;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	for (int i = 0; i < 3; i++) {
		struct seen seen = { .count = 0 };

		begin = now_us();
		assert_int_equal(nl_dump(&nl, MAPPINGS, see, &seen), 0);
		took = now_us() - begin;
		best = took < best ? took : best;
		assert_false(seen.twice);
		assert_false(nl.interrupted);
		assert_int_equal(seen.count, want);
	}
	nl_close(&nl);
	return best;
}

static int user_dumps(void *arg)
{
	struct seen seen = { .count = 0 };
	uint64_t *took = arg, begin;
	struct nl nl;

	if (nl_open(&nl))
		return 1;
	begin = now_us();
	if (nl_dump(&nl, MAPPINGS, see, &seen) || seen.count)
		return 2;
	*took = now_us() - begin;
	nl_close(&nl);
	return 0;
}

static void the_time_of_a_dump_grows_with_the_number_only(void **state)
{
	struct lab *lab = *state, own[CONTEXTS];
	unsigned long part = MANY / 4, nr = 0;
	unsigned char *page = ram(PAGE);
	uint64_t *blind, quarter = 0, all, begin;
	struct churner churner;
	pthread_t thread;
	void *why;

	keep_still();
	memset(page, 1, PAGE);
	blind = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < CONTEXTS; i++) {
		own[i] = *lab;
		own[i].ctx = context_open();
		own[i].importer = edu_attach(lab, own[i].ctx);
	}
	begin = now_us();
	for (; nr < MANY; nr++) {
		if (nr == part)
			quarter = dump_time(part);
		map(&own[nr * CONTEXTS / MANY], page, PAGE, 0);
	}
	lab_note(lab, "%lu mappings made in %llu ms", nr,
		 (unsigned long long)(now_us() - begin) / 1000);
	all = dump_time(MANY);
	assert_int_equal(as_user(USER_UID, user_dumps, blind), 0);
	lab_note(lab, "a quarter in %llu us, all in %llu us, unseen %llu us",
		 (unsigned long long)quarter, (unsigned long long)all,
		 (unsigned long long)*blind);
	/* Four times as many take four times as long, and not sixteen. */
	assert_true(all < 6 * quarter);
	assert_true(*blind < all);
	/* And nobody waits for it who maps. */
	churner = (struct churner){ .lab = lab, .page = page };
	assert_int_equal(pthread_create(&thread, NULL, churn, &churner), 0);
	for (int i = 0; i < 3; i++) {
		struct seen seen = { .count = 0 };
		struct nl nl;

		assert_int_equal(nl_open(&nl), 0);
		assert_int_equal(nl_dump(&nl, MAPPINGS, see, &seen), 0);
		assert_false(seen.twice);
		assert_true(seen.count >= MANY);
		nl_close(&nl);
	}
	__atomic_store_n(&churner.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, &why);
	assert_null(why);
	lab_note(lab, "8 maps and unmaps took %llu us at worst meanwhile",
		 (unsigned long long)churner.longest_us);
	assert_true(churner.longest_us < all / 4);
	begin = now_us();
	for (int i = 0; i < CONTEXTS; i++)
		p2pmap_context_close(own[i].ctx);
	lab_note(lab, "closed in %llu ms",
		 (unsigned long long)(now_us() - begin) / 1000);
	lab_reopen(lab);
	munmap(page, PAGE);
	munmap(blind, PAGE);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(the_time_of_a_dump_grows_with_the_number_only),
};

LAB_MAIN(LAB_TRANSLATED, tests)
