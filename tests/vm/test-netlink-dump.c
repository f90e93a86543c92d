// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink dumps while things come and go.
 *
 * lab: --append dma_debug=off
 * iommu: on
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "nl.h"
#include "witness.h"

#define MAPPINGS P2PMAP_NL_CMD_MAPPING_GET

/* What a dump brought: ids only ever grow, or something came twice. */
struct seen {
	uint64_t count, last;
	bool twice;
	const uint64_t *stable; /* ids that are there all the time */
	unsigned int nr_stable, nr_found;
};

static void see(const struct nl_message *message, void *arg)
{
	uint64_t id = nl_u64(message, P2PMAP_NL_MAPPING_ID);
	struct seen *seen = arg;

	seen->twice |= seen->count && id <= seen->last;
	seen->last = id;
	seen->count++;
	if (seen->nr_found < seen->nr_stable &&
	    seen->stable[seen->nr_found] == id)
		seen->nr_found++;
}

struct ids {
	unsigned int nr;
	uint64_t id[1000];
};

static void note_id(const struct nl_message *message, void *arg)
{
	struct ids *ids = arg;

	if (ids->nr < 1000)
		ids->id[ids->nr] = nl_u64(message, P2PMAP_NL_MAPPING_ID);
	ids->nr++;
}

struct churner {
	struct lab *lab;
	unsigned char *page;
	bool stop;
	unsigned long maps;
};

static void *churn(void *arg)
{
	struct churner *churner = arg;
	struct p2pmap_mapping *mapping[8];

	while (!__atomic_load_n(&churner->stop, __ATOMIC_RELAXED)) {
		for (int i = 0; i < 8; i++)
			if (p2pmap_mapping_map(churner->lab->importer,
					       churner->page, PAGE, WRITE, NULL,
					       NULL, &mapping[i]))
				return "map";
		for (int i = 0; i < 8; i++)
			p2pmap_mapping_unmap(mapping[i]);
		churner->maps += 8;
	}
	return NULL;
}

#define CHURNERS 3
#define STABLE 600

static void a_dump_among_maps_and_unmaps_is_complete_or_says_so(void **state)
{
	struct lab *lab = *state;
	struct churner churners[CHURNERS];
	pthread_t threads[CHURNERS];
	unsigned int complete = 0, interrupted = 0;
	unsigned char *page = ram(PAGE);
	static struct ids ids;
	struct nl nl;
	void *why;

	keep_still();
	memset(page, 1, PAGE);
	for (int i = 0; i < STABLE; i++)
		map(lab, page, PAGE, WRITE);
	ids.nr = 0;
	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(nl_dump(&nl, MAPPINGS, note_id, &ids), 0);
	assert_int_equal(ids.nr, STABLE);
	assert_false(nl.interrupted);
	for (int i = 0; i < CHURNERS; i++) {
		churners[i] = (struct churner){ .lab = lab, .page = page };
		assert_int_equal(pthread_create(&threads[i], NULL, churn,
						&churners[i]),
				 0);
	}
	for (unsigned long i = 0; i < scaled(200); i++) {
		struct seen seen = { .stable = ids.id, .nr_stable = STABLE };

		assert_int_equal(nl_dump(&nl, MAPPINGS, see, &seen), 0);
		assert_true(nl.done);
		assert_false(seen.twice);
		assert_int_equal(seen.nr_found, STABLE);
		nl.interrupted ? interrupted++ : complete++;
	}
	for (int i = 0; i < CHURNERS; i++) {
		__atomic_store_n(&churners[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], &why);
		assert_null(why);
		assert_true(churners[i].maps > 0);
	}
	lab_note(lab, "%u interrupted, %u complete", interrupted, complete);
	/* With three who map without a pause hardly any is undisturbed. */
	assert_true(interrupted > 0);
	nl_close(&nl);
	lab_reopen(lab);
	munmap(page, PAGE);
}

static void a_dump_half_read_holds_up_nobody_and_goes_on(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping[600];
	struct seen seen = { .count = 0 };
	struct nl_request request;
	struct nl nl;
	int rc;

	memset(page, 1, PAGE);
	for (int i = 0; i < 600; i++)
		mapping[i] = map(lab, page, PAGE, WRITE);
	assert_int_equal(nl_open(&nl), 0);
	nl_begin(&nl, &request, MAPPINGS, NLM_F_DUMP);
	assert_int_equal(nl_send(&nl, &request), 0);
	assert_int_equal(nl_receive(&nl, PATIENCE_MS, see, &seen), 1);
	assert_true(seen.count > 0 && seen.count < 300);
	assert_false(nl.interrupted);
	/* What it was at, and what comes next, goes meanwhile. */
	for (int i = 0; i < 300; i++)
		unmap(mapping[i]);
	for (int i = 0; i < 100; i++)
		mapping[i] = map(lab, page, PAGE, WRITE);
	do {
		rc = nl_receive(&nl, PATIENCE_MS, see, &seen);
	} while (rc > 0);
	assert_int_equal(rc, 0);
	assert_true(nl.interrupted);
	assert_false(seen.twice);
	assert_true(seen.count >= 400);
	nl_close(&nl);
	lab_reopen(lab);
	munmap(page, PAGE);
}

static void a_change_after_the_last_mapping_is_said_at_the_end(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE);
	struct seen seen = { .count = 0 };
	struct nl_request request;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	nl_begin(&nl, &request, MAPPINGS, NLM_F_DUMP);
	assert_int_equal(nl_send(&nl, &request), 0);
	/* The mapping is in what waits to be read; the end is not yet. */
	unmap(mapping);
	assert_int_equal(nl_receive_all(&nl, see, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_true(nl.done && nl.interrupted);
	nl_close(&nl);
	munmap(page, PAGE);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_dump_among_maps_and_unmaps_is_complete_or_says_so),
	LAB_TEST(a_dump_half_read_holds_up_nobody_and_goes_on),
	LAB_TEST(a_change_after_the_last_mapping_is_said_at_the_end),
};

LAB_MAIN(LAB_TRANSLATED, tests)
