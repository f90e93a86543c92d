// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trial of a pair, with an importer, an engine and a BAR that are made here:
 * whatever goes wrong, the BAR has in the end what it had before.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"
#include "trial.h"

#define BEFORE 0x5a
#define JUNK 0xee

/* What the exporter's resource file is: shared with a child. */
static unsigned char *bar;
static int bar_fd;

static struct {
	bool interrupted; /* a signal comes while bytes move */
	bool runaway; /* the engine goes on until it is cut off */
} fake;

/* A mapping's DMA address is its address here. */
struct p2pmap_mapping {
	void *addr;
};

static struct p2pmap_mapping mappings[2];
static int nr_mappings;

int p2pmap_importer_attach(struct p2pmap_context *ctx,
			   const struct p2pmap_pci_addr *pci,
			   const struct p2pmap_attach_opts *opts,
			   struct p2pmap_reason *reason,
			   struct p2pmap_importer **importer)
{
	(void)ctx;
	(void)pci;
	(void)opts;
	(void)reason;
	*importer = (void *)&fake;
	return 0;
}

int p2pmap_importer_detach(struct p2pmap_importer *importer)
{
	assert_ptr_equal(importer, &fake);
	return 0;
}

int p2pmap_mapping_map(struct p2pmap_importer *importer, void *addr,
		       uint64_t length, uint32_t flags,
		       const struct p2pmap_map_opts *opts,
		       struct p2pmap_reason *reason,
		       struct p2pmap_mapping **mapping)
{
	(void)importer;
	(void)length;
	(void)flags;
	(void)opts;
	(void)reason;
	*mapping = &mappings[nr_mappings++];
	(*mapping)->addr = addr;
	return 0;
}

int p2pmap_mapping_unmap(struct p2pmap_mapping *mapping)
{
	/* The last that it could write. */
	if (mapping == &mappings[0] && fake.runaway)
		memset(bar, JUNK, 16);
	if (mapping)
		mapping->addr = NULL;
	return 0;
}

int p2pmap_mapping_dma_addr(const struct p2pmap_mapping *mapping,
			    uint64_t offset, uint64_t *dma_addr,
			    uint64_t *contiguous)
{
	(void)contiguous;
	*dma_addr = (uintptr_t)mapping->addr + offset;
	return 0;
}

uint32_t p2pmap_mapping_flags(const struct p2pmap_mapping *mapping)
{
	(void)mapping;
	return P2PMAP_MAPPING_ENFORCED;
}

enum p2pmap_route p2pmap_mapping_route(const struct p2pmap_mapping *mapping)
{
	(void)mapping;
	return P2PMAP_ROUTE_SWITCH;
}

int edu_open(const char *address, struct edu **out)
{
	(void)address;
	*out = (void *)&fake;
	return 0;
}

void edu_close(struct edu *edu)
{
	(void)edu;
}

int edu_copy(struct edu *edu, uint64_t dst, uint64_t src, size_t count)
{
	(void)edu;
	memcpy((void *)(uintptr_t)dst, (void *)(uintptr_t)src, count);
	if (fake.interrupted)
		raise(SIGINT);
	return fake.runaway ? -ETIMEDOUT : 0;
}

int edu_wait(struct edu *edu, unsigned int timeout_ms)
{
	(void)edu;
	(void)timeout_ms;
	return fake.runaway ? -ETIMEDOUT : 0;
}

/* The linker sends trial.c's open() here, which has 64 bits: -Wl,--wrap. */
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	(void)flags;
	assert_string_equal(path, "/sys/bus/pci/devices/0000:04:00.0/"
				  "resource2");
	return dup(bar_fd);
}

static const struct device importer = {
	.address = "0000:03:00.0",
	.vendor = 0x1234,
	.id = 0x11e8,
};

static const struct device exporter = {
	.address = "0000:04:00.0",
	.vendor = 0x1af4,
	.id = 0x1110,
	.nr_bars = 1,
	.bars = { { .number = 2, .size = 4096, .usable = true } },
};

static void run(struct trial *trial)
{
	static struct survey survey;

	nr_mappings = 0;
	trial_run(&survey, &importer, &exporter, -1, trial);
}

static void assert_put_back(void)
{
	for (int i = 0; i < sysconf(_SC_PAGESIZE); i++)
		assert_int_equal(bar[i], BEFORE);
}

static void bytes_move_and_are_put_back(void **state)
{
	struct trial trial;

	(void)state;
	run(&trial);
	assert_int_equal(trial.transfer.status, TRIAL_PASSED);
	assert_true(trial_passed(&trial));
	assert_put_back();
}

/* It dies of the signal, when it has tidied up. */
static void a_signal_waits_until_they_are(void **state)
{
	struct trial trial;
	int status;
	pid_t pid;

	(void)state;
	fake.interrupted = true;
	pid = fork();
	if (!pid) {
		signal(SIGINT, SIG_DFL);
		run(&trial);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	assert_put_back();
}

static void an_engine_that_does_not_end_is_cut_off_before(void **state)
{
	struct trial trial;

	(void)state;
	fake.runaway = true;
	run(&trial);
	assert_int_equal(trial.transfer.status, TRIAL_FAILED);
	assert_int_equal(trial.transfer.error, -ETIMEDOUT);
	assert_put_back();
}

static int make_bar(void **state)
{
	size_t size = sysconf(_SC_PAGESIZE);

	(void)state;
	memset(&fake, 0, sizeof(fake));
	bar_fd = memfd_create("bar", MFD_CLOEXEC);
	if (bar_fd < 0 || ftruncate(bar_fd, (off_t)size))
		return -1;
	bar = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bar_fd, 0);
	if (bar == MAP_FAILED)
		return -1;
	memset(bar, BEFORE, size);
	return 0;
}

static int free_bar(void **state)
{
	(void)state;
	munmap(bar, sysconf(_SC_PAGESIZE));
	return close(bar_fd);
}

#define BAR_TEST(function) \
	cmocka_unit_test_setup_teardown(function, make_bar, free_bar)

static const struct CMUnitTest tests[] = {
	BAR_TEST(bytes_move_and_are_put_back),
	BAR_TEST(a_signal_waits_until_they_are),
	BAR_TEST(an_engine_that_does_not_end_is_cut_off_before),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
