// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads on one context.  What it is worth shows in a build with
 * -Db_sanitize=thread; without, it finds lists that were torn.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "fake.h"

#define NR_THREADS 4
#define ROUNDS 20000
#define MIXED_ROUNDS 2000

/* A newer module's records are longer than ours. */
#define RECORD_SIZE (sizeof(struct p2pmap_event) + 16)

static atomic_uint next_id;
static atomic_uint generation;
static atomic_int nr_live;
static atomic_int nr_contexts;
static atomic_int nr_logged;
/* The generation page: one word, which the kernel changes when it likes. */
static _Atomic uint64_t page[1] = { 1 };

static void do_map(struct p2pmap_map *map)
{
	struct p2pmap_extent *extent = (void *)(uintptr_t)map->extents;

	map->out_slot = P2PMAP_NO_SLOT;
	if (map->cookie) /* asks for the slot */
		map->out_slot = 0;
	map->out_id = atomic_fetch_add(&next_id, 1);
	map->out_nr_extents = 1;
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

/* One kind of call fails, with a reason; each thread has to get its own. */
static int refuse(struct p2pmap_query *query)
{
	struct p2pmap_reason *why = (void *)(uintptr_t)query->reason;

	why->code = P2PMAP_REASON_HOLE;
	why->value[0] = query->addr;
	return -EFAULT;
}

static int thread_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	if (request == P2PMAP_IOC_QUERY)
		return refuse(arg);
	if (request == P2PMAP_IOC_MAP)
		do_map(arg);
	else if (request == P2PMAP_IOC_WATCH)
		((struct p2pmap_watch *)arg)->out_length = sizeof(page);
	else if (request == P2PMAP_IOC_UNMAP)
		atomic_fetch_sub(&nr_live, 1);
	else if (request == P2PMAP_IOC_STATUS)
		do_status(arg);
	return 0;
}

static ssize_t thread_read(int fd, void *buffer, size_t size)
{
	struct p2pmap_event event = { .size = RECORD_SIZE };

	(void)fd;
	if (size < RECORD_SIZE)
		return -EINVAL;
	memset(buffer, 0, RECORD_SIZE);
	memcpy(buffer, &event, sizeof(event));
	return RECORD_SIZE;
}

static int thread_open(const char *path, int flags)
{
	(void)path;
	(void)flags;
	atomic_fetch_add(&nr_contexts, 1);
	return FAKE_FD;
}

static int thread_close(int fd)
{
	(void)fd;
	atomic_fetch_sub(&nr_contexts, 1);
	return 0;
}

static int thread_mmap(int fd, size_t length, const void **addr)
{
	(void)fd;
	(void)length;
	*addr = page;
	return 0;
}

static int thread_munmap(const void *addr, size_t length)
{
	(void)addr;
	(void)length;
	return 0;
}

static const struct p2pmap_sys thread_sys = {
	.open = thread_open,
	.close = thread_close,
	.ioctl = thread_ioctl,
	.read = thread_read,
	.mmap = thread_mmap,
	.munmap = thread_munmap,
};

static void thread_log(void *user, enum p2pmap_log_level level,
		       const char *message)
{
	(void)user;
	if (level != P2PMAP_LOG_DEBUG && strstr(message, "0x"))
		atomic_fetch_add(&nr_logged, 1);
}

static const struct p2pmap_open_opts thread_opts = {
	.size = sizeof(thread_opts),
	.log = thread_log,
	.watch_capacity = 1,
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

static const struct p2pmap_pci_addr a_device = { .bus = 1 };

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

/* A reason and its words are the caller's, whoever else fails meanwhile. */
static void ask_in_vain(struct shared *shared, unsigned int number)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_query query = { .size = sizeof(query) };
	const uint64_t addr = 0x1000ULL * (number + 1);
	char text[P2PMAP_REASON_TEXT_SIZE], want[32];

	expect(shared, p2pmap_context_query(shared->ctx, shared->importer,
					    (void *)(uintptr_t)addr, 4096, 0,
					    &query, &reason) == -EFAULT);
	expect(shared, reason.value[0] == addr);
	p2pmap_reason_text(&reason, text, sizeof(text));
	snprintf(want, sizeof(want), "0x%llx", (unsigned long long)addr);
	expect(shared, strstr(text, want) != NULL);
}

static void ask(struct shared *shared)
{
	struct p2pmap_info info = { .size = sizeof(info) };
	struct p2pmap_route_info route = { .size = sizeof(route) };
	const uint64_t *word;

	expect(shared, !p2pmap_context_get_info(shared->ctx, &info));
	expect(shared, !p2pmap_context_set_eventfd(shared->ctx, -1));
	expect(shared, !p2pmap_context_route(shared->ctx, &a_device, &a_device,
					     &route, NULL));
	expect(shared, !p2pmap_mapping_remap(shared->mapping, 0, 0, NULL));
	(void)p2pmap_mapping_flags(shared->mapping);
	word = p2pmap_mapping_generation_word(shared->mapping);
	expect(shared, word != NULL);
	/* Two has never been a generation; one may be so no more. */
	expect(shared, !p2pmap_mapping_is_current(shared->mapping, 2));
	(void)p2pmap_generation_is_current(word, 1);
}

static void attach_and_detach(struct shared *shared)
{
	struct p2pmap_importer *importer;

	expect(shared, !p2pmap_importer_attach(shared->ctx, &a_device, NULL,
					       NULL, &importer));
	expect(shared, !p2pmap_importer_detach(importer));
}

static void open_and_close(struct shared *shared)
{
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;

	expect(shared,
	       !p2pmap_context_open_sys(&thread_sys, &thread_opts, &ctx));
	expect(shared,
	       !p2pmap_importer_attach(ctx, &a_device, NULL, NULL, &importer));
	expect(shared, !p2pmap_mapping_map(importer, NULL, 4096, 0, NULL, NULL,
					   &mapping));
	atomic_fetch_sub(&nr_live, 1);
	p2pmap_context_close(ctx); /* with what it has */
}

static void *run_mixed(void *arg)
{
	static atomic_uint next_number;
	struct shared *shared = arg;
	unsigned int number = atomic_fetch_add(&next_number, 1);
	uint64_t last = 0;
	int i;

	pthread_barrier_wait(&shared->start);
	for (i = 0; i < MIXED_ROUNDS; i++) {
		one_round(shared, &last);
		ask_in_vain(shared, number);
		ask(shared);
		attach_and_detach(shared);
		open_and_close(shared);
		/* Being the kernel. */
		atomic_fetch_add(&page[0], 2);
	}
	return NULL;
}

static void set_up(struct shared *shared)
{
	const struct p2pmap_map_opts opts = { .size = sizeof(opts),
					      .cookie = 1 };

	nr_live = 0;
	assert_int_equal(p2pmap_context_open_sys(&thread_sys, &thread_opts,
						 &shared->ctx),
			 0);
	assert_int_equal(p2pmap_importer_attach(shared->ctx, &a_device, NULL,
						NULL, &shared->importer),
			 0);
	assert_int_equal(p2pmap_mapping_map(shared->importer, NULL, 4096, 0,
					    &opts, NULL, &shared->mapping),
			 0);
	pthread_barrier_init(&shared->start, NULL, NR_THREADS);
}

static void run_threads(struct shared *shared, void *(*function)(void *arg))
{
	pthread_t threads[NR_THREADS];
	int i;

	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, function, shared), 0);
	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void tear_down(struct shared *shared)
{
	pthread_barrier_destroy(&shared->start);
	assert_int_equal(shared->failures, 0);
	assert_int_equal(nr_live, 1);
	/* Nothing but the shared ones is left in the list. */
	assert_ptr_equal(shared->ctx->handles.next, &shared->mapping->handle);
	assert_ptr_equal(shared->ctx->handles.prev, &shared->importer->handle);
	p2pmap_context_close(shared->ctx);
	assert_int_equal(nr_contexts, 0);
}

static void threads_share_a_context(void **state)
{
	struct shared shared = { .failures = 0 };

	(void)state;
	set_up(&shared);
	run_threads(&shared, run);
	tear_down(&shared);
}

static void every_call_may_meet_every_other(void **state)
{
	struct shared shared = { .failures = 0 };

	(void)state;
	nr_logged = 0;
	set_up(&shared);
	run_threads(&shared, run_mixed);
	tear_down(&shared);
	assert_int_equal(nr_logged, NR_THREADS * MIXED_ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_share_a_context),
		cmocka_unit_test(every_call_may_meet_every_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
