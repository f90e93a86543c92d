// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generation page: is a mapping still what it was?
 */
#include "fake.h"

static void the_word_decides(void **state)
{
	uint64_t word = 7;

	(void)state;
	assert_true(p2pmap_generation_is_current(&word, 7));
	word = 8;
	assert_false(p2pmap_generation_is_current(&word, 7));
	word = 9;
	assert_false(p2pmap_generation_is_current(&word, 7));
	/* A difference in the high half only. */
	word = 7 | 1ull << 32;
	assert_false(p2pmap_generation_is_current(&word, 7));
	assert_true(p2pmap_generation_is_current(&word, word));
}

static void an_even_generation_is_never_current(void **state)
{
	uint64_t word = 8;

	(void)state;
	assert_false(p2pmap_generation_is_current(&word, 8));
	word = 0;
	assert_false(p2pmap_generation_is_current(&word, 0));
}

static void a_watched_mapping_costs_no_system_call(void **state)
{
	struct p2pmap_context *ctx = fake_context(8);
	struct p2pmap_mapping *mapping =
		fake_mapping(fake_importer(ctx), 0x4000);
	uint64_t generation = p2pmap_mapping_generation(mapping);

	(void)state;
	assert_ptr_equal(p2pmap_mapping_generation_word(mapping),
			 &fake.page[FAKE_SLOT]);
	assert_true(p2pmap_mapping_is_current(mapping, generation));
	fake.page[FAKE_SLOT]++;
	assert_false(p2pmap_mapping_is_current(mapping, generation));
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_STATUS)], 0);
	p2pmap_context_close(ctx);
}

static void without_a_page_the_kernel_is_asked(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_mapping *mapping =
		fake_mapping(fake_importer(ctx), 0x4000);

	(void)state;
	assert_null(p2pmap_mapping_generation_word(mapping));
	assert_true(p2pmap_mapping_is_current(mapping, 7));
	fake.generation = 8;
	assert_false(p2pmap_mapping_is_current(mapping, 7));
	assert_false(p2pmap_mapping_is_current(mapping, 8));
	fake.generation = 7;
	fake.error[NR(P2PMAP_IOC_STATUS)] = -EPERM;
	assert_false(p2pmap_mapping_is_current(mapping, 7));
	p2pmap_context_close(ctx);
}

/* A slot that does not lie in the page must not be read. */
static void a_slot_beyond_the_page_has_no_word(void **state)
{
	struct p2pmap_context *ctx;

	(void)state;
	fake.watch_length = FAKE_SLOT * sizeof(uint64_t);
	ctx = fake_context(FAKE_SLOT);
	assert_null(p2pmap_watch_word(ctx, FAKE_SLOT));
	assert_null(p2pmap_watch_word(ctx, P2PMAP_NO_SLOT));
	assert_ptr_equal(p2pmap_watch_word(ctx, FAKE_SLOT - 1),
			 &fake.page[FAKE_SLOT - 1]);
	p2pmap_context_close(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(the_word_decides),
		FAKE_TEST(an_even_generation_is_never_current),
		FAKE_TEST(a_watched_mapping_costs_no_system_call),
		FAKE_TEST(without_a_page_the_kernel_is_asked),
		FAKE_TEST(a_slot_beyond_the_page_has_no_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
