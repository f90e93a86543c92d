// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads on one context.  What it is worth shows in a build with
 * -Db_sanitize=thread; without, it finds lists that were torn.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "fake.h"

#define NR_THREADS 4
#define ROUNDS 20000

static atomic_uint next_id;
static atomic_uint generation;
static atomic_int nr_live;

static void do_map(struct p2pmap_map *map)
{
	struct p2pmap_extent *extent = (void *)(uintptr_t)map->extents;

	map->out_id = atomic_fetch_add(&next_id, 1);
	map->out_nr_extents = 1;
	map->out_slot = P2PMAP_NO_SLOT;
	map->out_generation = 1;
	extent->dma_addr = map->out_id;
	extent->length = map->length;
	atomic_fetch_add(&nr_live, 1);
}

/* Answers overtake each other: what was taken first may come back last. */
static void do_status(struct p2pmap_status *status)
{
	status->out_generation = atomic_fetch_add(&generation, 1);
	status->out_flags = (uint32_t)status->out_generation;
}

static int thread_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	if (request == P2PMAP_IOC_MAP)
		do_map(arg);
	else if (request == P2PMAP_IOC_UNMAP)
		atomic_fetch_sub(&nr_live, 1);
	else if (request == P2PMAP_IOC_STATUS)
		do_status(arg);
	return 0;
}

static ssize_t thread_read(int fd, void *buffer, size_t size)
{
	struct p2pmap_event event = { .size = sizeof(event) };

	(void)fd;
	if (size < sizeof(event))
		return -EINVAL;
	memcpy(buffer, &event, sizeof(event));
	return sizeof(event);
}

static int thread_open(const char *path, int flags)
{
	(void)path;
	(void)flags;
	return FAKE_FD;
}

static int thread_close(int fd)
{
	(void)fd;
	return 0;
}

static const struct p2pmap_sys thread_sys = {
	.open = thread_open,
	.close = thread_close,
	.ioctl = thread_ioctl,
	.read = thread_read,
};

struct shared {
	struct p2pmap_context *ctx;
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	pthread_barrier_t start;
	atomic_int failures;
};

static void expect(struct shared *shared, bool good)
{
	if (!good)
		atomic_fetch_add(&shared->failures, 1);
}

static void one_round(struct shared *shared, uint64_t *last)
{
	struct p2pmap_status status = { .size = sizeof(status) };
	struct p2pmap_mapping *mapping;
	struct p2pmap_event event;
	uint64_t dma, now;

	expect(shared, !p2pmap_mapping_map(shared->importer, NULL, 4096, 0,
					   NULL, NULL, &mapping));
	expect(shared, !p2pmap_mapping_dma_addr(mapping, 1, &dma, NULL));
	expect(shared, dma == p2pmap_mapping_id(mapping) + 1);
	expect(shared, !p2pmap_mapping_get_status(shared->mapping, &status));
	now = p2pmap_mapping_generation(shared->mapping);
	expect(shared, now >= status.out_generation && now >= *last);
	*last = now;
	expect(shared, p2pmap_context_read_events(shared->ctx, &event, 1) == 1);
	expect(shared, !p2pmap_mapping_unmap(mapping));
}

static void *run(void *arg)
{
	struct shared *shared = arg;
	uint64_t last = 0;
	int i;

	pthread_barrier_wait(&shared->start);
	for (i = 0; i < ROUNDS; i++)
		one_round(shared, &last);
	return NULL;
}

static void threads_share_a_context(void **state)
{
	const struct p2pmap_pci_addr pci = { .bus = 1 };
	struct shared shared = { .failures = 0 };
	pthread_t threads[NR_THREADS];
	int i;

	(void)state;
	assert_int_equal(
		p2pmap_context_open_sys(&thread_sys, NULL, &shared.ctx), 0);
	assert_int_equal(p2pmap_importer_attach(shared.ctx, &pci, NULL, NULL,
						&shared.importer),
			 0);
	assert_int_equal(p2pmap_mapping_map(shared.importer, NULL, 4096, 0,
					    NULL, NULL, &shared.mapping),
			 0);
	pthread_barrier_init(&shared.start, NULL, NR_THREADS);
	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, run, &shared), 0);
	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&shared.start);
	assert_int_equal(shared.failures, 0);
	assert_int_equal(nr_live, 1);
	/* Nothing but the shared ones is left in the list. */
	assert_ptr_equal(shared.ctx->handles.next, &shared.mapping->handle);
	assert_ptr_equal(shared.ctx->handles.prev, &shared.importer->handle);
	p2pmap_context_close(shared.ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_share_a_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
