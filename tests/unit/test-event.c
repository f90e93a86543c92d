// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: none is lost, whatever the length of the module's records.
 */
#include "fake.h"

#define NR_RECORDS 10

/* NR_RECORDS records of @length bytes; record i is about mapping i. */
static void write_records(size_t length)
{
	static unsigned char records[NR_RECORDS * 2048];
	uint32_t i;

	memset(records, 0xee, sizeof(records));
	for (i = 0; i < NR_RECORDS; i++) {
		struct p2pmap_event event = {
			.size = (uint32_t)length,
			.mapping = i,
			.cookie = 100 + i,
			.offset = 0x1000ULL * i,
			.generation = 2ULL * i,
			.reasons = P2PMAP_EVENT_UNMAPPED,
			.flags = P2PMAP_EVENT_SINK,
		};

		memcpy(records + i * length, &event,
		       length < sizeof(event) ? length : sizeof(event));
	}
	fake.records = records;
	fake.records_length = NR_RECORDS * length;
	fake.record_length = length;
}

/* Read all of them, @max at a time, and expect each once and in order. */
static void expect_all(struct p2pmap_context *ctx, size_t max)
{
	struct p2pmap_event events[NR_RECORDS + 1];
	uint32_t seen = 0;

	assert_true(max <= NR_RECORDS);
	while (seen < NR_RECORDS) {
		int count, i;

		/* A canary where nothing may be written. */
		memset(events, 0x55, sizeof(events));
		count = p2pmap_context_read_events(ctx, events, max);
		assert_in_range(count, 1, max);
		assert_int_equal(events[count].size, 0x55555555);
		for (i = 0; i < count; i++, seen++) {
			assert_int_equal(events[i].size, sizeof(*events));
			assert_int_equal(events[i].mapping, seen);
			assert_int_equal(events[i].cookie, 100 + seen);
			assert_int_equal(events[i].flags, P2PMAP_EVENT_SINK);
		}
	}
	assert_int_equal(fake.records_length, 0);
}

static void reads_events(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	size_t max;

	(void)state;
	for (max = 1; max <= NR_RECORDS; max++) {
		write_records(sizeof(struct p2pmap_event));
		expect_all(ctx, max);
	}
	p2pmap_context_close(ctx);
}

static void reads_longer_records_of_a_newer_module(void **state)
{
	size_t length, max;

	(void)state;
	for (length = 72; length <= 1024; length += 136) {
		for (max = 1; max <= NR_RECORDS; max++) {
			struct p2pmap_context *ctx = fake_context(0);

			write_records(length);
			expect_all(ctx, max);
			p2pmap_context_close(ctx);
		}
	}
}

/* Trying the length out is for the first time only. */
static void remembers_the_length_of_records(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_event event;

	(void)state;
	write_records(1024);
	assert_int_equal(p2pmap_context_read_events(ctx, &event, 1), 1);
	assert_int_equal(fake.nr_read, 121);
	assert_int_equal(p2pmap_context_read_events(ctx, &event, 1), 1);
	assert_int_equal(fake.nr_read, 122);
	assert_int_equal(fake.last_read_size, 1024);
	p2pmap_context_close(ctx);
}

static void never_reads_more_than_there_is_room_for(void **state)
{
	struct p2pmap_event events[1000];
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	write_records(sizeof(*events));
	assert_int_equal(p2pmap_context_read_events(ctx, events, 3), 3);
	assert_int_equal(fake.last_read_size, 3 * sizeof(*events));
	assert_int_equal(p2pmap_context_read_events(ctx, events, 1000), 7);
	assert_true(fake.last_read_size <= 4096);
	p2pmap_context_close(ctx);
}

static void nonsense_is_refused(void **state)
{
	static const struct {
		size_t length; /* of what read() returns */
		uint32_t size; /* of the record, as it says */
	} bad[] = {
		{ 64, 0 },    { 64, 4 }, { 64, 56 },
		{ 64, 72 },   { 72, 8 }, { 40, 40 },
		{ 128, 100 }, { 0, 0 },	 { 64, UINT32_MAX },
	};
	struct p2pmap_context *ctx = fake_context(0);
	const uint32_t whole = sizeof(struct p2pmap_event);
	struct p2pmap_event events[4];
	size_t i;

	(void)state;
	for (i = 0; i < P2PMAP_ARRAY_SIZE(bad); i++) {
		unsigned char records[128] = { 0 };

		memcpy(records, &bad[i].size, sizeof(bad[i].size));
		/* One that would do, behind one that is too short. */
		memcpy(records + 8, &whole, sizeof(whole));
		fake.records = records;
		fake.records_length = bad[i].length;
		fake.record_length = 8;
		fake.nr_log = 0;
		assert_int_equal(p2pmap_context_read_events(ctx, events, 4),
				 -EPROTO);
		assert_int_equal(fake.nr_log, 1);
	}
	p2pmap_context_close(ctx);
}

/* A caller's loop must see its signal and its empty queue. */
static void errors_of_read_are_the_caller_s(void **state)
{
	static const int errors[] = { -EAGAIN, -EINTR, -EPERM, -ENOMEM };
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_event event;
	size_t i;

	(void)state;
	for (i = 0; i < P2PMAP_ARRAY_SIZE(errors); i++) {
		fake.read_error = errors[i];
		fake.nr_read = 0;
		assert_int_equal(p2pmap_context_read_events(ctx, &event, 1),
				 errors[i]);
		assert_int_equal(fake.nr_read, 1);
	}
	assert_int_equal(fake.nr_log, 0);
	p2pmap_context_close(ctx);
}

static void no_room_is_refused(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct p2pmap_event event;

	(void)state;
	assert_int_equal(p2pmap_context_read_events(ctx, &event, 0), -EINVAL);
	assert_int_equal(fake.nr_read, 0);
	/* A module that refuses every buffer. */
	fake.read_error = -EINVAL;
	assert_int_equal(p2pmap_context_read_events(ctx, &event, 1), -EINVAL);
	p2pmap_context_close(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(reads_events),
		FAKE_TEST(reads_longer_records_of_a_newer_module),
		FAKE_TEST(remembers_the_length_of_records),
		FAKE_TEST(never_reads_more_than_there_is_room_for),
		FAKE_TEST(nonsense_is_refused),
		FAKE_TEST(errors_of_read_are_the_caller_s),
		FAKE_TEST(no_room_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
