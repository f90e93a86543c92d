// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: made whole or not at all, their extents, their state.
 */
#include "fake.h"

/* 100 extents of growing length, far from each other. */
#define MANY 100
static struct p2pmap_extent many[MANY];

static uint64_t fill_many(void)
{
	uint64_t length = 0;
	int i;

	for (i = 0; i < MANY; i++) {
		many[i].dma_addr = 0x1000000ULL * (unsigned int)(MANY - i);
		many[i].length = 0x1000ULL * (unsigned int)(i + 1);
		length += many[i].length;
	}
	fake.extents = many;
	fake.nr_extents = MANY;
	return length;
}

static void maps_what_was_asked(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_mapping *mapping;

	(void)state;
	fake.kind = P2PMAP_KIND_BAR;
	mapping = fake_mapping(fake_importer(ctx), 0x4000);
	assert_int_equal(fake.map.addr, 0x7000);
	assert_int_equal(fake.map.length, 0x4000);
	assert_int_equal(fake.map.importer, FAKE_IMPORTER);
	assert_int_equal(fake.map.flags, P2PMAP_MAP_WRITE);
	assert_int_equal(fake.map.cookie, 99);

	assert_int_equal(p2pmap_mapping_id(mapping), FAKE_MAPPING);
	assert_ptr_equal(p2pmap_mapping_addr(mapping), (void *)0x7000);
	assert_int_equal(p2pmap_mapping_length(mapping), 0x4000);
	assert_int_equal(p2pmap_mapping_cookie(mapping), 99);
	assert_int_equal(p2pmap_mapping_kind(mapping), P2PMAP_KIND_BAR);
	assert_int_equal(p2pmap_mapping_route(mapping),
			 P2PMAP_ROUTE_HOST_BRIDGE);
	assert_int_equal(p2pmap_mapping_exporter(mapping)->bus, 9);
	assert_int_equal(p2pmap_mapping_generation(mapping), 7);
	assert_int_equal(p2pmap_mapping_flags(mapping), fake.status_flags);
	assert_int_equal(p2pmap_mapping_unmap(mapping), 0);
	assert_int_equal(fake.unmapped_id, FAKE_MAPPING);
	assert_int_equal(p2pmap_mapping_unmap(NULL), 0);
	p2pmap_context_close(ctx);
}

static void regular_memory_has_no_exporter(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	fake.kind = P2PMAP_KIND_RAM;
	assert_null(p2pmap_mapping_exporter(
		fake_mapping(fake_importer(ctx), 0x4000)));
	p2pmap_context_close(ctx);
}

static int map_error(struct p2pmap_importer *importer, uint64_t length,
		     struct p2pmap_reason *reason)
{
	struct p2pmap_mapping *mapping = (void *)&fake;
	int error = p2pmap_mapping_map(importer, (void *)0x7000, length, 0,
				       NULL, reason, &mapping);

	assert_ptr_equal(mapping, &fake);
	assert_int_equal(fake.nr_live, 0);
	return error;
}

static void map_fails_with_its_reason(void **state)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	fake.error[NR(P2PMAP_IOC_MAP)] = -ENOMEM;
	fake.why.code = P2PMAP_REASON_MEMLOCK;
	fake.why.value[2] = 4096;
	assert_int_equal(map_error(fake_importer(ctx), 0x4000, &reason),
			 -ENOMEM);
	assert_int_equal(reason.code, P2PMAP_REASON_MEMLOCK);
	assert_int_equal(reason.value[2], 4096);
	assert_non_null(strstr(fake.log, "16384 bytes at 0x7000"));
	assert_non_null(strstr(fake.log, "RLIMIT_MEMLOCK"));
	p2pmap_context_close(ctx);
}

/* A reason left from an earlier failure must not explain a later one. */
static void a_failure_without_a_reason_says_so(void **state)
{
	struct p2pmap_reason reason = { .size = sizeof(reason),
					.code = P2PMAP_REASON_HOLE };
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	fake.error[NR(P2PMAP_IOC_MAP)] = -EINVAL;
	assert_int_equal(map_error(fake_importer(ctx), 0, &reason), -EINVAL);
	assert_int_equal(reason.code, P2PMAP_REASON_NONE);
	p2pmap_context_close(ctx);
}

static void a_reason_is_as_long_as_the_caller_knows_it(void **state)
{
	struct {
		struct p2pmap_reason known;
		uint64_t later;
	} newer = { .known = { .size = sizeof(newer) }, .later = 1 };
	struct p2pmap_reason shorter = { .size = 8, .detail = 77 };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer = fake_importer(ctx);

	(void)state;
	fake.error[NR(P2PMAP_IOC_MAP)] = -EHOSTUNREACH;
	fake.why.code = P2PMAP_REASON_NO_ROUTE_ACS;
	fake.why.detail = 4;
	assert_int_equal(map_error(importer, 0x4000, &newer.known),
			 -EHOSTUNREACH);
	assert_int_equal(newer.known.detail, 4);
	assert_int_equal(newer.known.size, sizeof(newer));
	assert_int_equal(newer.later, 0);
	assert_int_equal(map_error(importer, 0x4000, &shorter), -EHOSTUNREACH);
	assert_int_equal(shorter.code, P2PMAP_REASON_NO_ROUTE_ACS);
	assert_int_equal(shorter.detail, 77);
	p2pmap_context_close(ctx);
}

static void map_refuses_bad_structs(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer = fake_importer(ctx);
	struct p2pmap_reason reason = { .size = 0 };
	struct p2pmap_map_opts opts = { .size = 0 };
	struct p2pmap_mapping *mapping;

	(void)state;
	assert_int_equal(map_error(importer, 0x4000, &reason), -EINVAL);
	assert_int_equal(p2pmap_mapping_map(importer, NULL, 0x4000, 0, &opts,
					    NULL, &mapping),
			 -EINVAL);
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_MAP)], 0);
	p2pmap_context_close(ctx);
}

static void map_restarts_after_a_signal(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	fake.eintr[NR(P2PMAP_IOC_MAP)] = 3;
	fake_mapping(fake_importer(ctx), 0x4000);
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_MAP)], 4);
	p2pmap_context_close(ctx);
}

static void one_extent_takes_one_call(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	fake_mapping(fake_importer(ctx), 0x4000);
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_MAP)], 1);
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_EXTENTS)], 0);
	p2pmap_context_close(ctx);
}

static void fetches_many_extents(void **state)
{
	uint64_t length = fill_many();
	struct p2pmap_context *ctx = fake_context(0);
	const struct p2pmap_extent *extents;
	struct p2pmap_mapping *mapping;
	size_t count;

	(void)state;
	fake.extents_per_call = 30;
	mapping = fake_mapping(fake_importer(ctx), length);
	assert_true(fake.nr_ioctl[NR(P2PMAP_IOC_EXTENTS)] > 1);
	extents = p2pmap_mapping_extents(mapping, &count);
	assert_int_equal(count, MANY);
	assert_memory_equal(extents, many, sizeof(many));
	p2pmap_context_close(ctx);
}

/* Every page of a mapping, against a walk that needs no search. */
static void finds_the_dma_address_of_every_page(void **state)
{
	uint64_t length = fill_many();
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_mapping *mapping =
		fake_mapping(fake_importer(ctx), length);
	uint64_t offset = 0, at, dma_addr, contiguous;
	int i;

	(void)state;
	for (i = 0; i < MANY; i++) {
		for (at = 0; at < many[i].length; at += 0x400) {
			assert_int_equal(
				p2pmap_mapping_dma_addr(mapping, offset + at,
							&dma_addr, &contiguous),
				0);
			assert_int_equal(dma_addr, many[i].dma_addr + at);
			assert_int_equal(contiguous, many[i].length - at);
		}
		assert_int_equal(p2pmap_mapping_dma_addr(mapping,
							 offset + at - 1,
							 &dma_addr, NULL),
				 0);
		assert_int_equal(dma_addr, many[i].dma_addr + at - 1);
		offset += at;
	}
	assert_int_equal(offset, length);
	p2pmap_context_close(ctx);
}

static void no_dma_address_outside(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_mapping *mapping =
		fake_mapping(fake_importer(ctx), 0x4000);
	uint64_t dma_addr = 5, contiguous = 6;

	(void)state;
	assert_int_equal(p2pmap_mapping_dma_addr(mapping, 0x4000, &dma_addr,
						 &contiguous),
			 -EINVAL);
	assert_int_equal(p2pmap_mapping_dma_addr(mapping, UINT64_MAX, &dma_addr,
						 &contiguous),
			 -EINVAL);
	assert_int_equal(dma_addr, 5);
	assert_int_equal(contiguous, 6);
	p2pmap_context_close(ctx);
}

/* What the kernel has mapped and we cannot describe is unmapped again. */
static void a_mapping_that_cannot_be_completed_is_unmapped(void **state)
{
	uint64_t length = fill_many();
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer = fake_importer(ctx);

	(void)state;
	fake.error[NR(P2PMAP_IOC_EXTENTS)] = -ENODEV;
	assert_int_equal(map_error(importer, length, NULL), -ENODEV);
	fake.error[NR(P2PMAP_IOC_EXTENTS)] = 0;

	fake.extents_per_call = 0;
	assert_int_equal(map_error(importer, length, NULL), -EPROTO);
	fake.extents_per_call = UINT32_MAX;

	assert_int_equal(map_error(importer, length + 1, NULL), -EPROTO);
	assert_int_equal(map_error(importer, length - 1, NULL), -EPROTO);
	length -= many[50].length;
	many[50].length = 0;
	assert_int_equal(map_error(importer, length, NULL), -EPROTO);
	fake.nr_extents = 0;
	assert_int_equal(map_error(importer, length, NULL), -EPROTO);
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_UNMAP)], 6);
	p2pmap_context_close(ctx);
}

static void map_survives_every_failing_allocation(void **state)
{
	uint64_t length = fill_many();
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_importer *importer = fake_importer(ctx);

	(void)state;
	for (fake.alloc_fail = 1; fake.alloc_fail <= 2; fake.alloc_fail++) {
		fake.allocs = 0;
		assert_int_equal(map_error(importer, length, NULL), -ENOMEM);
	}
	fake.allocs = 0;
	fake_mapping(importer, length);
	p2pmap_context_close(ctx);
}

static void unmap_frees_whatever_the_result(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_mapping *mapping =
		fake_mapping(fake_importer(ctx), 0x4000);

	(void)state;
	fake.error[NR(P2PMAP_IOC_UNMAP)] = -ENOENT;
	assert_int_equal(p2pmap_mapping_unmap(mapping), -ENOENT);
	p2pmap_context_close(ctx);
}

static void remap_brings_a_new_generation(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_mapping *mapping =
		fake_mapping(fake_importer(ctx), 0x4000);

	(void)state;
	fake.generation = 9;
	fake.status_flags = P2PMAP_MAPPING_LIVE;
	assert_int_equal(p2pmap_mapping_remap(mapping, 0x1000, 0x2000, NULL),
			 0);
	assert_int_equal(fake.remap.id, FAKE_MAPPING);
	assert_int_equal(fake.remap.offset, 0x1000);
	assert_int_equal(fake.remap.length, 0x2000);
	assert_int_equal(p2pmap_mapping_generation(mapping), 9);
	assert_int_equal(p2pmap_mapping_flags(mapping), P2PMAP_MAPPING_LIVE);
	p2pmap_context_close(ctx);
}

static void remap_fails_with_its_reason(void **state)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_mapping *mapping =
		fake_mapping(fake_importer(ctx), 0x4000);

	(void)state;
	fake.error[NR(P2PMAP_IOC_REMAP)] = -EFAULT;
	fake.why.code = P2PMAP_REASON_HOLE;
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, &reason), -EFAULT);
	assert_int_equal(reason.code, P2PMAP_REASON_HOLE);
	assert_int_equal(p2pmap_mapping_generation(mapping), 7);
	reason.size = 1;
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, &reason), -EINVAL);
	p2pmap_context_close(ctx);
}

static void status_refreshes_the_handle(void **state)
{
	struct p2pmap_status status = { .size = sizeof(status) };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_mapping *mapping =
		fake_mapping(fake_importer(ctx), 0x4000);

	(void)state;
	fake.generation = 8;
	fake.status_flags = P2PMAP_MAPPING_GONE;
	assert_int_equal(p2pmap_mapping_get_status(mapping, &status), 0);
	assert_int_equal(status.out_live_bytes, 0x4000);
	assert_int_equal(p2pmap_mapping_generation(mapping), 8);
	assert_int_equal(p2pmap_mapping_flags(mapping), P2PMAP_MAPPING_GONE);

	/* An answer that was overtaken by a later one. */
	fake.generation = 6;
	fake.status_flags = P2PMAP_MAPPING_LIVE;
	assert_int_equal(p2pmap_mapping_get_status(mapping, &status), 0);
	assert_int_equal(p2pmap_mapping_generation(mapping), 8);
	assert_int_equal(p2pmap_mapping_flags(mapping), P2PMAP_MAPPING_GONE);

	fake.error[NR(P2PMAP_IOC_STATUS)] = -EPERM;
	assert_int_equal(p2pmap_mapping_get_status(mapping, &status), -EPERM);
	status.size = 0;
	assert_int_equal(p2pmap_mapping_get_status(mapping, &status), -EINVAL);
	p2pmap_context_close(ctx);
}

static void query_asks_and_answers(void **state)
{
	struct p2pmap_query query = { .size = sizeof(query) };
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	assert_int_equal(p2pmap_context_query(ctx, fake_importer(ctx),
					      (void *)0x7000, 0x1000,
					      P2PMAP_MAP_PIN, &query, NULL),
			 0);
	assert_int_equal(fake.query.importer, FAKE_IMPORTER);
	assert_int_equal(fake.query.addr, 0x7000);
	assert_int_equal(fake.query.length, 0x1000);
	assert_int_equal(fake.query.flags, P2PMAP_MAP_PIN);
	assert_int_equal(query.out_kind, P2PMAP_KIND_BAR);
	assert_int_equal(query.out_bar_offset, 0x5000);
	assert_int_equal(query.reason, 0);
	assert_int_equal(
		p2pmap_context_query(ctx, NULL, NULL, 0, 0, &query, NULL), 0);
	assert_int_equal(fake.query.importer, 0);
	p2pmap_context_close(ctx);
}

static void query_fails_with_its_reason(void **state)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_query query = { .size = sizeof(query), .out_bar = 4 };
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	fake.error[NR(P2PMAP_IOC_QUERY)] = -EFAULT;
	fake.why.code = P2PMAP_REASON_HOLE;
	assert_int_equal(p2pmap_context_query(ctx, NULL, NULL, 0x1000, 0,
					      &query, &reason),
			 -EFAULT);
	assert_int_equal(reason.code, P2PMAP_REASON_HOLE);
	assert_int_equal(query.out_bar, 4);
	query.size = 2;
	assert_int_equal(p2pmap_context_query(ctx, NULL, NULL, 0x1000, 0,
					      &query, &reason),
			 -EINVAL);
	query.size = sizeof(query);
	reason.size = 2;
	assert_int_equal(p2pmap_context_query(ctx, NULL, NULL, 0x1000, 0,
					      &query, &reason),
			 -EINVAL);
	p2pmap_context_close(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(maps_what_was_asked),
		FAKE_TEST(regular_memory_has_no_exporter),
		FAKE_TEST(map_fails_with_its_reason),
		FAKE_TEST(a_failure_without_a_reason_says_so),
		FAKE_TEST(a_reason_is_as_long_as_the_caller_knows_it),
		FAKE_TEST(map_refuses_bad_structs),
		FAKE_TEST(map_restarts_after_a_signal),
		FAKE_TEST(one_extent_takes_one_call),
		FAKE_TEST(fetches_many_extents),
		FAKE_TEST(finds_the_dma_address_of_every_page),
		FAKE_TEST(no_dma_address_outside),
		FAKE_TEST(a_mapping_that_cannot_be_completed_is_unmapped),
		FAKE_TEST(map_survives_every_failing_allocation),
		FAKE_TEST(unmap_frees_whatever_the_result),
		FAKE_TEST(remap_brings_a_new_generation),
		FAKE_TEST(remap_fails_with_its_reason),
		FAKE_TEST(status_refreshes_the_handle),
		FAKE_TEST(query_asks_and_answers),
		FAKE_TEST(query_fails_with_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
