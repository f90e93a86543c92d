// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: the descriptor tells of every revocation, whoever waits for it and
 * however.
 *
 * iommu: on
 *
 * What the events say of each kind of revocation is in test-revoke; here it is
 * that none is lost, none is told twice, and how they can be waited for.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "witness.h"

#define EVENT_SIZE sizeof(struct p2pmap_event)

#define MANY 64

/* As many mappings as that, of one page each, in one range. */
struct many {
	struct lab *lab;
	unsigned char *range;
	struct p2pmap_mapping *mapping[MANY];
};

static struct p2pmap_mapping *map_cookie(struct lab *lab, void *addr,
					 size_t length, uint64_t cookie)
{
	struct p2pmap_map_opts opts = { .size = sizeof(opts),
					.cookie = cookie };
	struct p2pmap_mapping *mapping;

	assert_int_equal(p2pmap_mapping_map(lab->importer, addr, length, WRITE,
					    &opts, NULL, &mapping),
			 0);
	return mapping;
}

static struct many many_begin(struct lab *lab, unsigned int count)
{
	struct many many = { .lab = lab, .range = ram(MANY * PAGE) };

	keep_still();
	memset(many.range, 1, MANY * PAGE);
	for (unsigned int i = 0; i < count; i++)
		many.mapping[i] =
			map_cookie(lab, many.range + i * PAGE, PAGE, i);
	assert_false(readable(p2pmap_context_fd(lab->ctx), 0));
	return many;
}

static void many_end(struct many *many)
{
	for (unsigned int i = 0; i < MANY; i++)
		if (many->mapping[i])
			unmap(many->mapping[i]);
	munmap(many->range, MANY * PAGE);
}

/* Takes the page of one of them away, so that there is an event. */
static void take_away(const struct many *many, unsigned int i)
{
	assert_int_equal(madvise(many->range + i * PAGE, PAGE, MADV_DONTNEED),
			 0);
}

static void bring_back(const struct many *many, unsigned int i)
{
	assert_int_equal(p2pmap_mapping_remap(many->mapping[i], 0, 0, NULL), 0);
}

static int fd_of(const struct many *many)
{
	return p2pmap_context_fd(many->lab->ctx);
}

/* What an event says */

static void event_tells_mapping_cookie_range_and_generation(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(8 * PAGE);
	struct p2pmap_mapping *mapping;
	struct p2pmap_event event;
	uint64_t before;

	memset(range, 1, 8 * PAGE);
	mapping = map_cookie(lab, range, 8 * PAGE, 0xfeedfacecafebeefULL);
	before = p2pmap_mapping_generation(mapping);
	assert_int_equal(before & 1, 1);
	madvise(range + 2 * PAGE, PAGE, MADV_DONTNEED);
	assert_true(event_next(lab->ctx, 0, &event));
	assert_int_equal(event.size, EVENT_SIZE);
	assert_int_equal(event.mapping, p2pmap_mapping_id(mapping));
	assert_true(event.cookie == 0xfeedfacecafebeefULL);
	assert_int_equal(event.offset, 2 * PAGE);
	assert_int_equal(event.length, PAGE);
	assert_true(event.cut_offset <= 2 * PAGE);
	assert_true(event.cut_offset + event.cut_length >= 3 * PAGE);
	assert_int_equal(event.reasons, P2PMAP_EVENT_CHANGED);
	assert_int_equal(event.flags, 0);
	assert_true(event.generation > before);
	assert_int_equal(event.generation,
			 mapping_status(mapping).out_generation);
	unmap(mapping);
	munmap(range, 8 * PAGE);
}

static void events_of_one_mapping_merge_until_they_are_read(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(16 * PAGE);
	struct p2pmap_mapping *mapping;
	struct p2pmap_event event;

	memset(range, 1, 16 * PAGE);
	mapping = map(lab, range, 16 * PAGE, WRITE);
	madvise(range + 3 * PAGE, PAGE, MADV_DONTNEED);
	mprotect(range + 9 * PAGE, PAGE, PROT_READ);
	assert_true(event_next(lab->ctx, 0, &event));
	assert_int_equal(event.offset, 3 * PAGE);
	assert_int_equal(event.length, 7 * PAGE);
	assert_int_equal(event.reasons,
			 P2PMAP_EVENT_CHANGED | P2PMAP_EVENT_PROTECTION);
	assert_true(event.cut_offset <= 3 * PAGE);
	assert_true(event.cut_offset + event.cut_length >= 10 * PAGE);
	assert_false(event_next(lab->ctx, 0, &event));
	/* What comes afterwards does not know of what was read. */
	munmap(range + 12 * PAGE, PAGE);
	assert_true(event_next(lab->ctx, 0, &event));
	assert_int_equal(event.offset, 12 * PAGE);
	assert_int_equal(event.length, PAGE);
	assert_int_equal(event.reasons, P2PMAP_EVENT_UNMAPPED);
	unmap(mapping);
	munmap(range, 16 * PAGE);
}

static void an_invalidation_beside_the_mapping_says_nothing(void **state)
{
	struct many many = many_begin(*state, 2);

	munmap(many.range + 2 * PAGE, PAGE);
	madvise(many.range + 3 * PAGE, PAGE, MADV_DONTNEED);
	assert_false(readable(fd_of(&many), 0));
	many_end(&many);
}

static void the_address_of_lost_memory_going_is_told(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping;
	struct p2pmap_event event;

	keep_still();
	*page = 1;
	mapping = map(lab, page, PAGE, WRITE);
	madvise(page, PAGE, MADV_DONTNEED);
	assert_true(event_next(lab->ctx, 0, &event));
	assert_int_equal(event.reasons, P2PMAP_EVENT_CHANGED);
	munmap(page, PAGE);
	assert_true(event_next(lab->ctx, 0, &event));
	assert_int_equal(event.reasons, P2PMAP_EVENT_UNMAPPED);
	assert_int_equal(event.cut_length, 0);
	unmap(mapping);
}

static void unmap_forgets_the_events_of_the_mapping(void **state)
{
	struct many many = many_begin(*state, 2);

	take_away(&many, 0);
	assert_true(readable(fd_of(&many), 0));
	unmap(many.mapping[0]);
	many.mapping[0] = NULL;
	assert_false(readable(fd_of(&many), 0));
	many_end(&many);
}

/* Waiting */

static void read_without_an_event_is_eagain_if_nonblocking(void **state)
{
	struct many many = many_begin(*state, 1);
	struct p2pmap_event event;

	fcntl(fd_of(&many), F_SETFL, O_NONBLOCK);
	assert_int_equal(read(fd_of(&many), &event, EVENT_SIZE), -1);
	assert_int_equal(errno, EAGAIN);
	take_away(&many, 0);
	assert_int_equal(read(fd_of(&many), &event, EVENT_SIZE), EVENT_SIZE);
	assert_int_equal(read(fd_of(&many), &event, EVENT_SIZE), -1);
	assert_int_equal(errno, EAGAIN);
	many_end(&many);
}

struct reader {
	int fd;
	ssize_t got;
	int error;
	struct p2pmap_event event;
};

static void *read_thread(void *arg)
{
	struct reader *reader = arg;

	reader->got = read(reader->fd, &reader->event, EVENT_SIZE);
	reader->error = errno;
	return NULL;
}

static void read_waits_for_an_event(void **state)
{
	struct many many = many_begin(*state, 2);
	struct reader reader = { .fd = fd_of(&many), .got = -2 };
	pthread_t thread;

	pthread_create(&thread, NULL, read_thread, &reader);
	sleep_ms(100);
	assert_int_equal(reader.got, -2);
	take_away(&many, 1);
	pthread_join(thread, NULL);
	assert_int_equal(reader.got, EVENT_SIZE);
	assert_int_equal(reader.event.cookie, 1);
	many_end(&many);
}

static void on_signal(int signal)
{
	(void)signal;
}

static void a_signal_ends_a_waiting_read(void **state)
{
	struct many many = many_begin(*state, 1);
	struct reader reader = { .fd = fd_of(&many) };
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&thread, NULL, read_thread, &reader);
	sleep_ms(100);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	assert_int_equal(reader.got, -1);
	assert_int_equal(reader.error, EINTR);
	many_end(&many);
}

static void poll_says_readable_until_all_is_read(void **state)
{
	struct many many = many_begin(*state, 3);
	struct p2pmap_event event;

	take_away(&many, 0);
	take_away(&many, 2);
	for (int left = 2; left; left--) {
		assert_true(readable(fd_of(&many), 0));
		assert_true(readable(fd_of(&many), 0));
		assert_int_equal(read(fd_of(&many), &event, EVENT_SIZE),
				 EVENT_SIZE);
		assert_int_equal(event.cookie, left == 2 ? 0 : 2);
	}
	assert_false(readable(fd_of(&many), 0));
	many_end(&many);
}

static int epoll_with(int fd, uint32_t events)
{
	struct epoll_event want = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	assert_return_code(epoll, errno);
	assert_return_code(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want), errno);
	return epoll;
}

static bool epoll_has(int epoll, int patience_ms)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, patience_ms) == 1 &&
	       event.events & EPOLLIN;
}

static void level_triggered_epoll_repeats_until_all_is_read(void **state)
{
	struct many many = many_begin(*state, 1);
	int epoll = epoll_with(fd_of(&many), EPOLLIN);
	struct p2pmap_event event;

	assert_false(epoll_has(epoll, 0));
	take_away(&many, 0);
	assert_true(epoll_has(epoll, 0));
	assert_true(epoll_has(epoll, 0));
	assert_int_equal(read(fd_of(&many), &event, EVENT_SIZE), EVENT_SIZE);
	assert_false(epoll_has(epoll, 0));
	close(epoll);
	many_end(&many);
}

/* An edge for each mapping that becomes pending, and none for a merge. */
static void edge_triggered_epoll_tells_each_mapping_once(void **state)
{
	struct many many = many_begin(*state, 2);
	int epoll = epoll_with(fd_of(&many), EPOLLIN | EPOLLET);

	take_away(&many, 0);
	assert_true(epoll_has(epoll, 0));
	assert_false(epoll_has(epoll, 0));
	take_away(&many, 1);
	assert_true(epoll_has(epoll, 0));
	assert_false(epoll_has(epoll, 0));
	bring_back(&many, 0);
	take_away(&many, 0);
	assert_false(epoll_has(epoll, 0));
	events_discard(many.lab->ctx);
	bring_back(&many, 0);
	take_away(&many, 0);
	assert_true(epoll_has(epoll, 0));
	close(epoll);
	many_end(&many);
}

/* An eventfd */

static uint64_t eventfd_take(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void an_eventfd_counts_mappings_that_become_pending(void **state)
{
	struct many many = many_begin(*state, 4);
	struct p2pmap_context *ctx = many.lab->ctx;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_int_equal(p2pmap_context_set_eventfd(ctx, fd), 0);
	assert_int_equal(eventfd_take(fd), 0);
	take_away(&many, 0);
	take_away(&many, 1);
	assert_int_equal(eventfd_take(fd), 2);
	bring_back(&many, 0);
	take_away(&many, 0);
	assert_int_equal(eventfd_take(fd), 0);
	events_discard(ctx);
	bring_back(&many, 0);
	take_away(&many, 0);
	assert_int_equal(eventfd_take(fd), 1);
	/* Without it, nothing; with it again, what waits counts at once. */
	assert_int_equal(p2pmap_context_set_eventfd(ctx, -1), 0);
	take_away(&many, 2);
	assert_int_equal(eventfd_take(fd), 0);
	assert_int_equal(p2pmap_context_set_eventfd(ctx, fd), 0);
	assert_true(eventfd_take(fd) > 0);
	close(fd);
	/* It is still the context's. */
	take_away(&many, 3);
	many_end(&many);
}

static void only_an_eventfd_will_do(void **state)
{
	struct many many = many_begin(*state, 1);
	struct p2pmap_context *ctx = many.lab->ctx;
	int fd = memfd(PAGE);

	assert_int_equal(p2pmap_context_set_eventfd(ctx, 12345), -EBADF);
	assert_int_equal(p2pmap_context_set_eventfd(ctx, fd), -EINVAL);
	close(fd);
	many_end(&many);
}

/* Buffers */

static void a_short_buffer_is_einval_and_loses_nothing(void **state)
{
	struct many many = many_begin(*state, 2);
	unsigned char buf[2 * EVENT_SIZE - 1];

	take_away(&many, 0);
	take_away(&many, 1);
	assert_int_equal(read(fd_of(&many), buf, 0), -1);
	assert_int_equal(read(fd_of(&many), buf, EVENT_SIZE - 1), -1);
	assert_int_equal(errno, EINVAL);
	/* Room for one and a half: one. */
	assert_int_equal(read(fd_of(&many), buf, sizeof(buf)), EVENT_SIZE);
	assert_int_equal(((struct p2pmap_event *)buf)->cookie, 0);
	assert_int_equal(read(fd_of(&many), buf, EVENT_SIZE), EVENT_SIZE);
	assert_int_equal(((struct p2pmap_event *)buf)->cookie, 1);
	many_end(&many);
}

static void efault_loses_nothing(void **state)
{
	struct many many = many_begin(*state, 3);
	unsigned char *edge = (unsigned char *)ram(2 * PAGE) + PAGE;
	struct p2pmap_event event;
	unsigned int seen = 0;

	munmap(edge, PAGE);
	for (unsigned int i = 0; i < 3; i++)
		take_away(&many, i);
	assert_int_equal(read(fd_of(&many), edge, EVENT_SIZE), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(read(fd_of(&many), edge - EVENT_SIZE / 2, EVENT_SIZE),
			 -1);
	assert_int_equal(errno, EFAULT);
	/* One fits before the edge: it is told, the others wait. */
	assert_int_equal(read(fd_of(&many), edge - EVENT_SIZE, 3 * EVENT_SIZE),
			 EVENT_SIZE);
	seen |= 1 << ((struct p2pmap_event *)(edge - EVENT_SIZE))->cookie;
	while (event_next(many.lab->ctx, 0, &event)) {
		assert_int_equal(event.length, PAGE);
		assert_int_equal(event.reasons, P2PMAP_EVENT_CHANGED);
		assert_false(seen & 1 << event.cookie);
		seen |= 1 << event.cookie;
	}
	assert_int_equal(seen, 7);
	munmap(edge - PAGE, PAGE);
	many_end(&many);
}

static void one_read_takes_as_many_as_fit(void **state)
{
	struct many many = many_begin(*state, MANY);
	struct p2pmap_event event[2 * MANY];

	for (unsigned int i = 0; i < MANY; i++)
		take_away(&many, i);
	assert_int_equal(read(fd_of(&many), event, 40 * EVENT_SIZE),
			 40 * EVENT_SIZE);
	assert_int_equal(read(fd_of(&many), event + 40, MANY * EVENT_SIZE),
			 24 * EVENT_SIZE);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(event[i].cookie, i);
	many_end(&many);
}

/* Descriptors */

static void a_duplicate_is_the_same_queue(void **state)
{
	struct many many = many_begin(*state, 1);
	int fd = dup(fd_of(&many));
	struct p2pmap_event event;

	take_away(&many, 0);
	assert_true(readable(fd_of(&many), 0));
	assert_true(readable(fd, 0));
	assert_int_equal(read(fd, &event, EVENT_SIZE), EVENT_SIZE);
	assert_false(readable(fd_of(&many), 0));
	close(fd);
	bring_back(&many, 0);
	take_away(&many, 0);
	assert_true(readable(fd_of(&many), 0));
	many_end(&many);
}

/* What poll() says, and not before something happens. */
static void *poll_thread(void *arg)
{
	struct reader *reader = arg;
	struct pollfd pollfd = { .fd = reader->fd, .events = POLLIN };

	reader->got = poll(&pollfd, 1, PATIENCE_MS);
	reader->error = pollfd.revents;
	return NULL;
}

/*
 * As with every file: who waits in poll() holds it, and so the mappings, until
 * poll() returns.  The next event wakes it; then the descriptor is none.
 */
static void close_while_polled_ends_with_the_next_event(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_context *ctx = context_open();
	struct p2pmap_importer *importer = edu_attach(lab, ctx);
	struct reader reader = { .fd = p2pmap_context_fd(ctx) };
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);
	pthread_t thread;

	assert_int_equal(p2pmap_mapping_map(importer, page, PAGE, WRITE, NULL,
					    NULL, &mapping),
			 0);
	pthread_create(&thread, NULL, poll_thread, &reader);
	sleep_ms(100);
	p2pmap_context_close(ctx);
	sleep_ms(20);
	munmap(page, PAGE);
	pthread_join(thread, NULL);
	assert_int_equal(reader.got, 1);
	assert_int_equal(reader.error, POLLNVAL);
}

static int receiver(void *arg)
{
	struct p2pmap_event event;
	int fd = *(int *)arg;

	CHILD_CHECK(readable(fd, 0));
	CHILD_CHECK(read(fd, &event, EVENT_SIZE) == -1 && errno == EPERM);
	return 0;
}

static void another_process_can_wait_but_not_read(void **state)
{
	struct many many = many_begin(*state, 1);
	struct p2pmap_event event;
	int fd = fd_of(&many);

	take_away(&many, 0);
	assert_int_equal(in_child(receiver, &fd), 0);
	assert_true(event_next(many.lab->ctx, 0, &event));
	assert_int_equal(event.cookie, 0);
	many_end(&many);
}

/* A child makes a context of its own and hands it over. */
struct handover {
	struct lab *lab;
	int sync[2];
};

static int handing_child(void *arg)
{
	struct handover *handover = arg;
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;
	char word;

	close(handover->sync[0]);
	CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
	CHILD_CHECK(
		!attach(ctx, handover->lab->edu_address, 64, NULL, &importer));
	CHILD_CHECK(!p2pmap_mapping_map(importer, ram(PAGE), PAGE, WRITE, NULL,
					NULL, &mapping));
	CHILD_CHECK(
		!send_fd(handover->sync[1], p2pmap_context_fd(ctx), "m", 1));
	CHILD_CHECK(read(handover->sync[1], &word, 1) == 1);
	return 0;
}

static void epoll_says_hup_when_the_process_is_gone(void **state)
{
	struct handover handover = { .lab = *state };
	struct p2pmap_event record;
	struct epoll_event event;
	int fd, epoll;
	pid_t pid;
	char word;

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, handover.sync),
			   errno);
	pid = child_start(handing_child, &handover);
	close(handover.sync[1]);
	fd = recv_fd(handover.sync[0], &word, 1);
	assert_true(fd >= 0);
	epoll = epoll_with(fd, EPOLLIN);
	assert_int_equal(epoll_wait(epoll, &event, 1, 50), 0);
	assert_int_equal(write(handover.sync[0], "x", 1), 1);
	assert_int_equal(child_end(pid), 0);
	assert_int_equal(epoll_wait(epoll, &event, 1, PATIENCE_MS), 1);
	assert_true(event.events & EPOLLHUP);
	assert_int_equal(read(fd, &record, EVENT_SIZE), -1);
	assert_int_equal(errno, EPERM);
	close(epoll);
	close(fd);
	close(handover.sync[0]);
}

/* None is lost */

/*
 * In lockstep: some mappings lose their page, and exactly these have an event.
 */
static void lockstep(struct many *many)
{
	bool revoked[MANY] = { false };
	struct p2pmap_event event;
	unsigned int i;

	for (unsigned int n = 1 + random_below(2 * MANY); n; n--) {
		i = random_below(MANY);
		if (!revoked[i])
			bring_back(many, i);
		take_away(many, i);
		revoked[i] = true;
	}
	while (event_next(many->lab->ctx, 0, &event)) {
		assert_true(event.cookie < MANY);
		assert_true(revoked[event.cookie]);
		revoked[event.cookie] = false;
	}
	for (i = 0; i < MANY; i++)
		assert_false(revoked[i]);
}

static void each_revocation_has_an_event_and_nothing_else_has(void **state)
{
	struct many many = many_begin(*state, MANY);

	random_begin(many.lab);
	for (unsigned long n = scaled(50); n; n--)
		lockstep(&many);
	many_end(&many);
}

/* Readers and the one who revokes run free of each other. */
struct flood {
	struct many *many;
	bool over;
	unsigned long events;
	uint64_t seen[MANY];
	pthread_mutex_t lock;
	bool failed;
};

/* Two readers may come here in the wrong order. */
static void flood_note(struct flood *flood, const struct p2pmap_event *event)
{
	pthread_mutex_lock(&flood->lock);
	flood->events++;
	if (event->cookie >= MANY || !event->reasons || !event->length)
		flood->failed = true;
	else if (event->generation > flood->seen[event->cookie])
		flood->seen[event->cookie] = event->generation;
	pthread_mutex_unlock(&flood->lock);
}

static void *flood_reader(void *arg)
{
	struct flood *flood = arg;
	struct p2pmap_event event[8];
	int fd = fd_of(flood->many);
	ssize_t got;

	while (!__atomic_load_n(&flood->over, __ATOMIC_ACQUIRE) ||
	       readable(fd, 0)) {
		if (!readable(fd, 10))
			continue;
		got = read(fd, event, sizeof(event));
		for (ssize_t i = 0; i < got / (ssize_t)EVENT_SIZE; i++)
			flood_note(flood, &event[i]);
	}
	return NULL;
}

static void flood_with(void **state, unsigned int readers)
{
	struct many many = many_begin(*state, MANY);
	struct flood flood = { .many = &many,
			       .lock = PTHREAD_MUTEX_INITIALIZER };
	unsigned long rounds = scaled(10000), i;
	pthread_t thread[8];

	random_begin(many.lab);
	fcntl(fd_of(&many), F_SETFL, O_NONBLOCK);
	for (i = 0; i < readers; i++)
		pthread_create(&thread[i], NULL, flood_reader, &flood);
	while (rounds--) {
		i = random_below(MANY);
		bring_back(&many, i);
		take_away(&many, i);
	}
	__atomic_store_n(&flood.over, true, __ATOMIC_RELEASE);
	for (i = 0; i < readers; i++)
		pthread_join(thread[i], NULL);
	lab_note(many.lab, "%lu events", flood.events);
	assert_false(flood.failed);
	for (i = 0; i < MANY; i++) {
		struct p2pmap_status status = mapping_status(many.mapping[i]);

		/* The last word on each mapping was heard. */
		if (!(status.out_flags & P2PMAP_MAPPING_LIVE))
			assert_int_equal(flood.seen[i], status.out_generation);
	}
	many_end(&many);
}

static void ten_thousand_invalidations_lose_no_event(void **state)
{
	flood_with(state, 1);
}

static void ten_thousand_invalidations_lose_no_event_among_readers(void **state)
{
	flood_with(state, 4);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(event_tells_mapping_cookie_range_and_generation),
	LAB_TEST(events_of_one_mapping_merge_until_they_are_read),
	LAB_TEST(an_invalidation_beside_the_mapping_says_nothing),
	LAB_TEST(the_address_of_lost_memory_going_is_told),
	LAB_TEST(unmap_forgets_the_events_of_the_mapping),
	LAB_TEST(read_without_an_event_is_eagain_if_nonblocking),
	LAB_TEST(read_waits_for_an_event),
	LAB_TEST(a_signal_ends_a_waiting_read),
	LAB_TEST(poll_says_readable_until_all_is_read),
	LAB_TEST(level_triggered_epoll_repeats_until_all_is_read),
	LAB_TEST(edge_triggered_epoll_tells_each_mapping_once),
	LAB_TEST(an_eventfd_counts_mappings_that_become_pending),
	LAB_TEST(only_an_eventfd_will_do),
	LAB_TEST(a_short_buffer_is_einval_and_loses_nothing),
	LAB_TEST(efault_loses_nothing),
	LAB_TEST(one_read_takes_as_many_as_fit),
	LAB_TEST(a_duplicate_is_the_same_queue),
	LAB_TEST(close_while_polled_ends_with_the_next_event),
	LAB_TEST(another_process_can_wait_but_not_read),
	LAB_TEST(epoll_says_hup_when_the_process_is_gone),
	LAB_TEST(each_revocation_has_an_event_and_nothing_else_has),
	LAB_TEST(ten_thousand_invalidations_lose_no_event),
	LAB_TEST(ten_thousand_invalidations_lose_no_event_among_readers),
};

LAB_MAIN(LAB_TRANSLATED, tests)
