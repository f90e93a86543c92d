// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that runs out where no call of the device node asks for it: while the
 * module is loaded, for an administrator's word, for those who look on, and in
 * the workers.  test-fault has the calls.
 *
 * iommu: on
 */
#define _GNU_SOURCE
#include "fault.h"
#include "nl.h"
#include "witness.h"

#include <sys/syscall.h>
#include <sys/utsname.h>

#define ALLOW "/sys/module/p2pmap/parameters/allow"
#define QUARANTINE "/sys/class/misc/p2pmap/quarantine"

/* More places than anything here has. */
#define NTH_MAX 4000

/* Loading */

/* What the module asks the kernel for when it is loaded, in this order. */
static const char *const wants[] = {
	"alloc_workqueue",
	"get_free_mem_region",
	"misc_register",
};

static int open_module(void)
{
	struct utsname name;
	char path[256];
	int fd;

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s/extra/p2pmap.ko",
		 name.release);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	return fd;
}

static bool is_in_iomem(const char *what)
{
	FILE *file = fopen("/proc/iomem", "re");
	char line[256];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= !!strstr(line, what);
	if (file)
		fclose(file);
	return found;
}

static bool is_gone(void)
{
	struct nl nl;
	int rc = nl_open(&nl);

	if (!rc)
		nl_close(&nl);
	return rc == -ENOENT && access(NODE, F_OK) &&
	       access("/sys/module/p2pmap", F_OK) && !is_in_iomem("p2pmap");
}

/* Loads it without what one function gives; true if all is as it should be. */
static bool load_without(const struct lab *lab, const char *want, int file)
{
	bool gone;
	int rc;

	fault_within(want);
	rc = syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
	fault_no_more();
	gone = is_gone();
	if (rc != -ENOMEM || !gone)
		lab_note(lab, "%s: %s, %s", want, strerror(-rc),
			 gone ? "all is gone" : "something is left");
	if (!rc)
		module_unload();
	return rc == -ENOMEM && gone;
}

static void what_loading_does_not_get_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	int file = open_module();
	bool right = true;

	lab_close(lab);
	assert_int_equal(module_unload(), 0);
	for (size_t i = 0; i < sizeof(wants) / sizeof(*wants); i++)
		right &= load_without(lab, wants[i], file);
	close(file);
	assert_int_equal(module_load(""), 0);
	lab_reopen(lab);
	/* With the parameters that it had. */
	module_reload(lab, "");
	assert_true(right);
}

/* The administrator */

static bool write_failing(const char *path, const char *text, unsigned int nth)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	enum fault_kind kind;
	int rc;

	assert_return_code(fd, errno);
	fault_arm(nth);
	rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	kind = fault_hit();
	close(fd);
	if (kind == FAULT_NONE)
		assert_int_equal(rc, 0);
	if (rc)
		assert_int_equal(rc, kind == FAULT_COPY ? -EFAULT : -ENOMEM);
	return kind != FAULT_NONE;
}

static void an_allow_list_that_cannot_be_had_changes_nothing(void **state)
{
	char now[64];
	unsigned int nth = 1;

	(void)state;
	assert_int_equal(file_write(ALLOW, "0000:00:1e.7\n"), 0);
	while (write_failing(ALLOW, "0000:00:1e.6\n", nth++)) {
		assert_true(file_read(ALLOW, now, sizeof(now)));
		if (strcmp(now, "0000:00:1e.6\n"))
			assert_string_equal(now, "0000:00:1e.7\n");
		assert_int_equal(file_write(ALLOW, "0000:00:1e.7\n"), 0);
	}
	assert_true(nth > 2);
	assert_int_equal(file_write(ALLOW, "\n"), 0);
}

/* A device that p2pmap has nothing to do with has no object yet. */
static void a_release_without_memory_says_so(void **state)
{
	struct lab *lab = *state;
	unsigned int nth = 1;

	while (write_failing(QUARANTINE, lab->nvme_address, nth))
		nth++;
	assert_true(nth > 2);
}

/* Those who look on */

static void count_message(const struct nl_message *message, void *arg)
{
	(void)message;
	++*(unsigned int *)arg;
}

struct question {
	const char *name;
	uint8_t cmd;
	bool dump;
	bool of_mapping;
};

static const struct question questions[] = {
	{ "stats", P2PMAP_NL_CMD_STATS_GET, false, false },
	{ "a mapping", P2PMAP_NL_CMD_MAPPING_GET, false, true },
	{ "mappings", P2PMAP_NL_CMD_MAPPING_GET, true, false },
	{ "contexts", P2PMAP_NL_CMD_CONTEXT_GET, true, false },
	{ "importers", P2PMAP_NL_CMD_IMPORTER_GET, true, false },
	{ "extents", P2PMAP_NL_CMD_EXTENT_GET, true, true },
};

static int ask(struct nl *nl, const struct question *question, uint64_t id,
	       unsigned int *messages)
{
	struct nl_request request;
	int rc;

	*messages = 0;
	nl_begin(nl, &request, question->cmd, question->dump ? NLM_F_DUMP : 0);
	if (question->of_mapping)
		nl_put_u64(&request, 1, id);
	rc = nl_send(nl, &request);
	return rc ? rc : nl_receive_all(nl, count_message, messages);
}

static bool is_for_want_of_memory(int rc)
{
	/* Netlink's word for it, and poll()'s as the client has it. */
	return rc == -ENOMEM || rc == -ENOBUFS || rc == -EFAULT ||
	       rc == -EAGAIN;
}

static bool ask_failing(const struct lab *lab, const struct question *question,
			uint64_t id, unsigned int nth)
{
	unsigned int messages;
	enum fault_kind kind;
	struct nl nl;
	int rc;

	assert_int_equal(nl_open(&nl), 0);
	fault_arm(nth);
	rc = ask(&nl, question, id, &messages);
	kind = fault_hit();
	nl_close(&nl);
	if (rc && (kind == FAULT_NONE || !is_for_want_of_memory(rc))) {
		lab_note(lab, "%s, %u: %s", question->name, nth, strerror(-rc));
		assert_int_equal(rc, 0);
	}
	if (!rc)
		assert_true(messages > 0);
	return kind != FAULT_NONE;
}

static void take_id(const struct nl_message *message, void *arg)
{
	*(uint64_t *)arg = nl_u64(message, P2PMAP_NL_MAPPING_ID);
}

static void every_question_fails_at_every_place(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE | PIN);
	unsigned int nth;
	uint64_t id = 0;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(nl_dump(&nl, P2PMAP_NL_CMD_MAPPING_GET, take_id, &id),
			 0);
	nl_close(&nl);
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		for (nth = 1; ask_failing(lab, &questions[i], id, nth); nth++)
			assert_true(nth < NTH_MAX);
		assert_true(nth > 2);
	}
	unmap(mapping);
	munmap(page, PAGE);
}

static void take_u64(const struct nl_message *message, void *arg)
{
	uint64_t *number = arg;

	*number = nl_u64(message, *number);
}

static uint64_t notices_lost(void)
{
	uint64_t number = P2PMAP_NL_STATS_NOTICES_LOST;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(
		nl_get(&nl, P2PMAP_NL_CMD_STATS_GET, 0, take_u64, &number), 0);
	nl_close(&nl);
	return number;
}

static void what_cannot_be_told_is_counted(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	uint64_t end = now_ms() + PATIENCE_MS, before = notices_lost();
	struct p2pmap_mapping *mapping;
	unsigned int told = 0;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(nl_join(&nl), 0);
	fault_within("p2pmap_netlink_send");
	mapping = map(lab, page, PAGE, WRITE | PIN);
	while (notices_lost() == before && now_ms() < end)
		sleep_ms(5);
	fault_no_more();
	assert_int_equal(notices_lost(), before + 1);
	unmap(mapping);
	assert_int_equal(nl_receive(&nl, PATIENCE_MS, count_message, &told), 0);
	assert_int_equal(told, 1);
	nl_close(&nl);
	munmap(page, PAGE);
}

/* Restores */

/* Other memory comes to where this was. */
static void exchange(unsigned char *at)
{
	mmap(at, HUGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/*
 * Two entries of 2 MiB are gone.  One comes back whole; for the pages of the
 * other there would have to be a table.
 */
static void half_a_restore(struct lab *lab, uint32_t flags)
{
	unsigned char *range = ram_thp(3 * HUGE);
	struct p2pmap_mapping *mapping;
	bool sink = flags & P2PMAP_MAP_SINK;
	long before = fault_total();
	int rc;

	if (!range)
		lab_skip(lab, "no huge pages");
	fill(range + HUGE, PROBE, 8);
	mapping = map(lab, range, 3 * HUGE, flags);
	exchange(range);
	madvise(range, HUGE, MADV_HUGEPAGE);
	fill(range, PROBE, 7);
	exchange(range + 2 * HUGE);
	ram_scatter(range + 2 * HUGE, HUGE);
	fault_within("p2pmap_dma_put_back");
	rc = p2pmap_mapping_remap(mapping, 0, 0, NULL);
	fault_no_more();
	assert_true(fault_total() > before);
	assert_int_equal(rc, -ENOMEM);
	assert_int_equal(mapping_status(mapping).out_live_bytes, HUGE);
	assert_true(sinks_reach(mapping, sink ? 2 * HUGE : 0));
	assert_false(probe_reads(lab, mapping_dma(mapping, 0), 7));
	assert_true(probe_reads(lab, mapping_dma(mapping, HUGE), 8));
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	assert_true(comes_alive(mapping, 3 * HUGE));
	assert_true(probe_reads(lab, mapping_dma(mapping, 0), 7));
	unmap(mapping);
	munmap(range, 3 * HUGE);
}

static void a_restore_that_fails_half_way_leaves_nothing(void **state)
{
	keep_still();
	half_a_restore(*state, WRITE);
	half_a_restore(*state, WRITE | P2PMAP_MAP_SINK);
}

/* Workers */

static void await_faults(long before, long nr)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (fault_total() < before + nr && now_ms() < end)
		sleep_ms(5);
	assert_true(fault_total() >= before + nr);
}

static void sinks_come_when_there_is_memory(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram_thp(2 * HUGE);
	struct p2pmap_mapping *mapping;
	long before;

	if (!range)
		lab_skip(lab, "no huge pages");
	keep_still();
	mapping = map(lab, range, 2 * HUGE, WRITE | P2PMAP_MAP_SINK);
	before = fault_total();
	fault_within("p2pmap_sink_place");
	madvise(range, HUGE, MADV_DONTNEED);
	await_faults(before, 2);
	assert_int_equal(mapping_status(mapping).out_sink_bytes, 0);
	fault_no_more();
	assert_true(sinks_reach(mapping, HUGE));
	assert_true(probe_reads_zero(lab, mapping_dma(mapping, HUGE - PAGE)));
	unmap(mapping);
	munmap(range, 2 * HUGE);
}

static void what_is_to_come_back_comes_when_there_is_memory(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram_thp(2 * HUGE);
	struct p2pmap_mapping *mapping;
	long before;

	if (!range)
		lab_skip(lab, "no huge pages");
	keep_still();
	mapping = map(lab, range, 2 * HUGE, WRITE | P2PMAP_MAP_RESTORE);
	before = fault_total();
	fault_within("p2pmap_restore_work");
	madvise(range, HUGE, MADV_DONTNEED);
	await_faults(before, 2);
	assert_int_equal(mapping_status(mapping).out_live_bytes, HUGE);
	fault_no_more();
	assert_true(comes_alive(mapping, 2 * HUGE));
	fill(range, PROBE, 7);
	assert_true(probe_reads(lab, mapping_dma(mapping, 0), 7));
	unmap(mapping);
	munmap(range, 2 * HUGE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(what_loading_does_not_get_leaves_nothing),
		LAB_TEST(an_allow_list_that_cannot_be_had_changes_nothing),
		LAB_TEST(a_release_without_memory_says_so),
		LAB_TEST(every_question_fails_at_every_place),
		LAB_TEST(what_cannot_be_told_is_counted),
		LAB_TEST(a_restore_that_fails_half_way_leaves_nothing),
		LAB_TEST(sinks_come_when_there_is_memory),
		LAB_TEST(what_is_to_come_back_comes_when_there_is_memory),
	};

	if (!lab_begin(argc, argv, LAB_TRANSLATED))
		return 77;
	if (!fault_begin()) {
		puts("1..0 # SKIP this kernel injects no faults (see tests/vm/debug-kernel)");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
