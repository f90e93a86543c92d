// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: opened as asked or not at all, and closed without a trace.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"

static void opens_the_default_node_close_on_exec(void **state)
{
	struct p2pmap_context *ctx;

	(void)state;
	assert_int_equal(p2pmap_context_open_sys(&fake_sys, NULL, &ctx), 0);
	assert_string_equal(fake.path, "/dev/p2pmap");
	assert_int_equal(fake.open_flags, O_RDWR | O_CLOEXEC);
	assert_int_equal(p2pmap_context_fd(ctx), FAKE_FD);
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_WATCH)], 0);
	p2pmap_context_close(ctx);
}

static void opens_with_options(void **state)
{
	struct p2pmap_open_opts opts = {
		.size = sizeof(opts),
		.path = "/dev/other",
		.flags = P2PMAP_OPEN_NONBLOCK,
		.watch_capacity = 8,
	};
	struct p2pmap_context *ctx;

	(void)state;
	assert_int_equal(p2pmap_context_open_sys(&fake_sys, &opts, &ctx), 0);
	assert_string_equal(fake.path, "/dev/other");
	assert_int_equal(fake.open_flags, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_int_equal(fake.watch.capacity, 8);
	assert_int_equal(fake.nr_mmap, 1);
	p2pmap_context_close(ctx);
}

static void open_restarts_after_a_signal(void **state)
{
	(void)state;
	fake.open_eintr = 2;
	fake.eintr[NR(P2PMAP_IOC_INFO)] = 2;
	p2pmap_context_close(fake_context(0));
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_INFO)], 3);
}

static int open_error(const struct p2pmap_open_opts *opts)
{
	struct p2pmap_context *ctx = (void *)&fake;
	int error = p2pmap_context_open_sys(&fake_sys, opts, &ctx);

	assert_ptr_equal(ctx, &fake);
	return error;
}

static void refuses_bad_options(void **state)
{
	struct {
		struct p2pmap_open_opts known;
		uint64_t later;
	} newer = { .known = { .size = sizeof(newer) } };
	struct p2pmap_open_opts opts = { .size = 1 };
	struct p2pmap_context *ctx;

	(void)state;
	assert_int_equal(open_error(&opts), -EINVAL);
	opts.size = sizeof(opts);
	opts.flags = ~P2PMAP_OPEN_NONBLOCK;
	assert_int_equal(open_error(&opts), -EOPNOTSUPP);
	newer.later = 1;
	assert_int_equal(open_error(&newer.known), -E2BIG);
	assert_int_equal(fake.nr_open, 0);

	newer.later = 0;
	assert_int_equal(p2pmap_context_open_sys(&fake_sys, &newer.known, &ctx),
			 0);
	p2pmap_context_close(ctx);
}

/* An application built against a header with fewer options. */
static void takes_a_shorter_struct(void **state)
{
	struct p2pmap_open_opts opts = {
		.size = offsetof(struct p2pmap_open_opts, watch_capacity),
		.watch_capacity = 8,
	};
	struct p2pmap_context *ctx;

	(void)state;
	assert_int_equal(p2pmap_context_open_sys(&fake_sys, &opts, &ctx), 0);
	assert_int_equal(fake.nr_mmap, 0);
	p2pmap_context_close(ctx);
}

static void says_why_the_node_does_not_open(void **state)
{
	struct p2pmap_open_opts opts = {
		.size = sizeof(opts),
		.log = fake_log,
		.log_user = &fake,
	};

	(void)state;
	fake.open_error = -ENOENT;
	assert_int_equal(open_error(&opts), -ENOENT);
	assert_non_null(strstr(fake.log, "modprobe p2pmap"));
	fake.open_error = -EACCES;
	assert_int_equal(open_error(&opts), -EACCES);
	assert_non_null(strstr(fake.log, "permission"));
	fake.open_error = -EMFILE;
	assert_int_equal(open_error(&opts), -EMFILE);
	assert_non_null(strstr(fake.log, "/dev/p2pmap: Too many open files"));
	assert_int_equal(fake.nr_log, 3);
}

static void open_fails_clean_at_each_step(void **state)
{
	struct p2pmap_open_opts opts = {
		.size = sizeof(opts),
		.log = fake_log,
		.log_user = &fake,
		.watch_capacity = 8,
	};

	(void)state;
	fake.error[NR(P2PMAP_IOC_INFO)] = -ENOTTY;
	assert_int_equal(open_error(&opts), -ENOTTY);
	fake.error[NR(P2PMAP_IOC_INFO)] = 0;

	fake.error[NR(P2PMAP_IOC_WATCH)] = -EINVAL;
	assert_int_equal(open_error(&opts), -EINVAL);
	fake.error[NR(P2PMAP_IOC_WATCH)] = 0;

	fake.mmap_error = -EAGAIN;
	assert_int_equal(open_error(&opts), -EAGAIN);
	fake.mmap_error = 0;

	fake.watch_length = 7 * sizeof(uint64_t);
	assert_int_equal(open_error(&opts), -EPROTO);

	fake.allocs = 0;
	fake.alloc_fail = 1;
	assert_int_equal(open_error(&opts), -ENOMEM);
	assert_int_equal(fake.nr_open, 4);
	assert_int_equal(fake.nr_close, 4);
}

static void takes_over_a_descriptor(void **state)
{
	struct p2pmap_open_opts opts = {
		.size = sizeof(opts),
		.flags = P2PMAP_OPEN_NONBLOCK,
	};
	struct p2pmap_context *ctx;

	(void)state;
	assert_int_equal(
		p2pmap_context_open_fd_sys(&fake_sys, FAKE_FD, &opts, &ctx), 0);
	assert_true(fake.nonblock);
	p2pmap_context_close(ctx);
	assert_int_equal(fake.nr_close, 1);
	fake.nr_open = 1; /* by the other process */
}

static int open_fd_error(const struct p2pmap_open_opts *opts)
{
	struct p2pmap_context *ctx = (void *)&fake;
	int error = p2pmap_context_open_fd_sys(&fake_sys, FAKE_FD, opts, &ctx);

	assert_ptr_equal(ctx, &fake);
	/* It is as it was. */
	assert_int_equal(fake.nr_close, 0);
	assert_int_equal(fake.nr_set_flags, 0);
	assert_int_equal(fake.nr_mmap, fake.nr_munmap);
	return error;
}

static void leaves_a_descriptor_it_cannot_use(void **state)
{
	struct p2pmap_open_opts opts = { .size = sizeof(opts) };

	(void)state;
	opts.path = "/dev/p2pmap";
	assert_int_equal(open_fd_error(&opts), -EINVAL);
	opts.path = NULL;
	opts.size = 2;
	assert_int_equal(open_fd_error(&opts), -EINVAL);
	opts.size = sizeof(opts);
	opts.watch_capacity = 1;
	fake.set_flags_error = -EBADF;
	assert_int_equal(open_fd_error(&opts), -EBADF);
	fake.set_flags_error = 0;
	fake.error[NR(P2PMAP_IOC_INFO)] = -EPERM;
	assert_int_equal(open_fd_error(&opts), -EPERM);
	fake.error[NR(P2PMAP_IOC_INFO)] = 0;
	fake.error[NR(P2PMAP_IOC_WATCH)] = -EBUSY;
	assert_int_equal(open_fd_error(&opts), -EBUSY);
	fake.allocs = 0;
	fake.alloc_fail = 1;
	assert_int_equal(open_fd_error(NULL), -ENOMEM);
}

/* valgrind and the sanitizers see if a handle is forgotten. */
static void close_frees_every_handle(void **state)
{
	struct p2pmap_context *ctx = fake_context(8);
	struct p2pmap_importer *importer = fake_importer(ctx);

	(void)state;
	fake_mapping(importer, 0x4000);
	fake_importer(ctx);
	fake_mapping(importer, 0x4000);
	p2pmap_context_close(ctx);
	p2pmap_context_close(NULL);
}

/* In the child the page is the parent's affair, and so is its address. */
static void close_in_a_child_leaves_the_page_alone(void **state)
{
	struct p2pmap_context *ctx = fake_context(8);
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		p2pmap_context_close(ctx);
		_exit(fake.nr_munmap);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	p2pmap_context_close(ctx);
}

/* As fork() may find it: another thread has the lock, and is linking one. */
static void a_child_ends_all_whatever_a_thread_was_doing(void **state)
{
	static struct p2pmap_importer *importer; /* the child leaves it over */
	struct p2pmap_context *ctx = fake_context(8);
	struct p2pmap_mapping *mapping;
	struct p2pmap_event event;
	int status;
	pid_t pid;

	(void)state;
	importer = fake_importer(ctx);
	mapping = fake_mapping(importer, 0x4000);
	pthread_mutex_lock(&ctx->lock);
	ctx->handles.next = &importer->handle;
	pid = fork();
	if (!pid) {
		alarm(20);
		fake.read_error = -EPERM;
		status = p2pmap_context_read_events(ctx, &event, 1) != -EPERM;
		status |= p2pmap_mapping_unmap(mapping);
		p2pmap_context_close(ctx);
		_exit(status || fake.nr_live || fake.nr_close != 1);
	}
	ctx->handles.next = &mapping->handle;
	pthread_mutex_unlock(&ctx->lock);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	p2pmap_context_close(ctx);
}

static void close_in_a_namespace(void)
{
	struct p2pmap_context *ctx = fake_context(8);
	int status = 1;
	pid_t pid;

	if (getpid() != 1 || unshare(CLONE_NEWPID))
		_exit(77);
	pid = fork();
	if (!pid) {
		p2pmap_context_close(ctx);
		_exit(getpid() != 1 || fake.nr_munmap);
	}
	waitpid(pid, &status, 0);
	_exit(!WIFEXITED(status) || WEXITSTATUS(status));
}

/* The first of a pid namespace, and its child, the first of another. */
static void a_child_of_the_same_pid_is_a_child(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
			_exit(77);
		pid = fork();
		if (!pid)
			close_in_a_namespace();
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		/* For meson, what cmocka prints of a skip is a failure. */
		print_message("# skipped: no pid namespaces here\n");
		return;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void info_is_as_long_as_the_caller_knows_it(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct {
		struct p2pmap_info known;
		uint64_t later;
	} newer = { .known = { .size = sizeof(newer), .flags = 5 } };
	struct p2pmap_info info = { .size = 12, .out_flags = 77 };

	(void)state;
	newer.later = 7;
	assert_int_equal(p2pmap_context_get_info(ctx, &newer.known), 0);
	assert_int_equal(newer.known.out_quarantined_pages, 42);
	assert_int_equal(newer.known.size, sizeof(newer));
	assert_int_equal(newer.later, 0);

	assert_int_equal(p2pmap_context_get_info(ctx, &info), 0);
	assert_int_equal(info.out_abi_version, P2PMAP_ABI_VERSION);
	assert_int_equal(info.out_flags, 77);
	assert_int_equal(info.size, 12);

	info.size = 7;
	assert_int_equal(p2pmap_context_get_info(ctx, &info), -EINVAL);
	info.size = sizeof(info);
	fake.error[NR(P2PMAP_IOC_INFO)] = -EPERM;
	assert_int_equal(p2pmap_context_get_info(ctx, &info), -EPERM);
	assert_int_equal(info.out_abi_version, P2PMAP_ABI_VERSION);
	p2pmap_context_close(ctx);
}

static void sets_an_eventfd(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	assert_int_equal(p2pmap_context_set_eventfd(ctx, 5), 0);
	assert_int_equal(fake.eventfd.fd, 5);
	assert_int_equal(fake.eventfd.size, sizeof(fake.eventfd));
	assert_int_equal(p2pmap_context_set_eventfd(ctx, -1), 0);
	assert_int_equal(fake.eventfd.fd, -1);
	fake.error[NR(P2PMAP_IOC_EVENTFD)] = -EBADF;
	assert_int_equal(p2pmap_context_set_eventfd(ctx, 5), -EBADF);
	p2pmap_context_close(ctx);
}

static const struct p2pmap_pci_addr route_importer = { .bus = 2, .devfn = 8 };
static const struct p2pmap_pci_addr route_exporter = { .domain = 1, .bus = 3 };

static void route_asks_and_answers(void **state)
{
	struct p2pmap_context *ctx = fake_context(0);
	struct {
		struct p2pmap_route_info known;
		uint64_t later;
	} newer = { .known = { .size = sizeof(newer) }, .later = 7 };
	struct p2pmap_route_info info = { .size = 12, .mode = 77 };

	(void)state;
	assert_int_equal(p2pmap_context_route(ctx, &route_importer,
					      &route_exporter, &newer.known,
					      NULL),
			 0);
	assert_int_equal(fake.route.size, sizeof(fake.route));
	assert_int_equal(fake.route.flags, 0);
	assert_int_equal(fake.route.reserved, 0);
	assert_memory_equal(&fake.route.importer, &route_importer,
			    sizeof(route_importer));
	assert_memory_equal(&fake.route.exporter, &route_exporter,
			    sizeof(route_exporter));
	assert_int_equal(newer.known.size, sizeof(newer));
	assert_int_equal(newer.known.route, P2PMAP_ROUTE_SWITCH);
	assert_int_equal(newer.known.distance, 4);
	assert_int_equal(newer.known.mode, P2PMAP_DMA_DIRECT);
	assert_int_equal(newer.later, 0);
	/* As long as an older caller knows it. */
	assert_int_equal(p2pmap_context_route(ctx, &route_importer,
					      &route_exporter, &info, NULL),
			 0);
	assert_int_equal(info.distance, 4);
	assert_int_equal(info.mode, 77);
	p2pmap_context_close(ctx);
}

static void route_fails_with_its_reason(void **state)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_route_info info = { .size = sizeof(info), .route = 77 };
	struct p2pmap_context *ctx = fake_context(0);

	(void)state;
	fake.error[NR(P2PMAP_IOC_ROUTE)] = -EHOSTUNREACH;
	fake.why.code = P2PMAP_REASON_NO_ROUTE_ACS;
	fake.why.detail = 0xc;
	assert_int_equal(p2pmap_context_route(ctx, &route_importer,
					      &route_exporter, &info, &reason),
			 -EHOSTUNREACH);
	assert_int_equal(reason.code, P2PMAP_REASON_NO_ROUTE_ACS);
	assert_int_equal(reason.detail, 0xc);
	assert_int_equal(info.route, 77);
	assert_non_null(
		strstr(fake.log, "0000:02:01.0 has no route to 0001:03:00.0"));
	assert_non_null(strstr(fake.log, "redirect"));
	assert_int_equal(p2pmap_context_route(ctx, &route_importer,
					      &route_exporter, &info, NULL),
			 -EHOSTUNREACH);

	info.size = 7;
	assert_int_equal(p2pmap_context_route(ctx, &route_importer,
					      &route_exporter, &info, &reason),
			 -EINVAL);
	info.size = sizeof(info);
	reason.size = 2;
	assert_int_equal(p2pmap_context_route(ctx, &route_importer,
					      &route_exporter, &info, &reason),
			 -EINVAL);
	assert_int_equal(fake.nr_ioctl[NR(P2PMAP_IOC_ROUTE)], 2);
	p2pmap_context_close(ctx);
}

/* The real system calls, as far as they go without the module. */
static void real_nodes_that_are_not_p2pmap(void **state)
{
	struct p2pmap_open_opts opts = { .size = sizeof(opts) };
	struct p2pmap_context *ctx;
	int fd;

	(void)state;
	opts.path = "/nonexistent/p2pmap";
	assert_int_equal(p2pmap_context_open(&opts, &ctx), -ENOENT);
	opts.path = "/dev/null";
	assert_int_equal(p2pmap_context_open(&opts, &ctx), -ENOTTY);

	fd = open("/dev/null", O_RDWR);
	assert_true(fd >= 0);
	opts.path = NULL;
	opts.flags = P2PMAP_OPEN_NONBLOCK;
	assert_int_equal(p2pmap_context_open_fd(fd, &opts, &ctx), -ENOTTY);
	/* Still the caller's, as it was. */
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(p2pmap_sys.set_flags(fd, true), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(close(fd), 0);
	assert_int_equal(p2pmap_context_open_fd(fd, NULL, &ctx), -EBADF);
	assert_int_equal(p2pmap_sys.read(fd, &fd, 1), -EBADF);
	assert_int_equal(p2pmap_sys.close(fd), -EBADF);
}

static void the_version_is_the_build_s(void **state)
{
	(void)state;
	assert_string_equal(p2pmap_version(), "0.1.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(opens_the_default_node_close_on_exec),
		FAKE_TEST(opens_with_options),
		FAKE_TEST(open_restarts_after_a_signal),
		FAKE_TEST(refuses_bad_options),
		FAKE_TEST(takes_a_shorter_struct),
		FAKE_TEST(says_why_the_node_does_not_open),
		FAKE_TEST(open_fails_clean_at_each_step),
		FAKE_TEST(takes_over_a_descriptor),
		FAKE_TEST(leaves_a_descriptor_it_cannot_use),
		FAKE_TEST(close_frees_every_handle),
		FAKE_TEST(close_in_a_child_leaves_the_page_alone),
		FAKE_TEST(a_child_ends_all_whatever_a_thread_was_doing),
		FAKE_TEST(a_child_of_the_same_pid_is_a_child),
		FAKE_TEST(info_is_as_long_as_the_caller_knows_it),
		FAKE_TEST(sets_an_eventfd),
		FAKE_TEST(route_asks_and_answers),
		FAKE_TEST(route_fails_with_its_reason),
		FAKE_TEST(real_nodes_that_are_not_p2pmap),
		FAKE_TEST(the_version_is_the_build_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
