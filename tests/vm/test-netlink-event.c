// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink events: the group is told of what happens, in order, and of what it
 * was not told; without a listener nothing is sent.
 *
 * lab: --append dma_debug=off
 * iommu: on
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include "nl.h"
#include "witness.h"

#define E(name) P2PMAP_NL_EVENT_##name
#define M(name) P2PMAP_NL_MAPPING_##name

/* The last event of a kind, and how many there were. */
struct heard {
	unsigned int count[P2PMAP_NL_CMD_MAX + 1];
	uint64_t seq, gaps, lost;
	uint64_t mapping, context, offset, length, cut_length;
	uint32_t local_id, pid, reasons, flags, operation, error, code;
	uint32_t imports, exports;
	bool out_of_order, has_address;
	char device[32], importer[32], command[32];
};

static void hear_mapping(struct heard *heard, const struct nl_message *message)
{
	struct nl_message nest = nl_nest(message->attrs[E(MAPPING)]);

	heard->mapping = nl_u64(&nest, M(ID));
	heard->context = nl_u64(&nest, M(CONTEXT));
	heard->pid = nl_u32(&nest, M(PID));
	heard->has_address |= nl_has(&nest, M(ADDR)) ||
			      nl_has(&nest, M(DMA_ADDR));
	snprintf(heard->importer, sizeof(heard->importer), "%s",
		 nl_string(&nest, M(IMPORTER)));
}

static void hear(const struct nl_message *message, void *arg)
{
	struct heard *heard = arg;
	uint64_t seq;

	heard->count[message->cmd]++;
	if (message->cmd == P2PMAP_NL_CMD_LOST_NTF) {
		heard->lost += nl_u64(message, E(LOST));
		return;
	}
	seq = nl_u64(message, E(SEQ));
	heard->out_of_order |= seq <= heard->seq;
	if (heard->seq)
		heard->gaps += seq - heard->seq - 1;
	heard->seq = seq;
	if (nl_has(message, E(MAPPING)))
		hear_mapping(heard, message);
	else
		heard->pid = nl_u32(message, E(PID));
	heard->offset = nl_u64(message, E(OFFSET));
	heard->length = nl_u64(message, E(LENGTH));
	heard->cut_length = nl_u64(message, E(CUT_LENGTH));
	heard->reasons = nl_u32(message, E(REASONS));
	heard->flags = nl_u32(message, E(FLAGS));
	heard->operation = nl_u32(message, E(OPERATION));
	heard->error = nl_u32(message, E(ERRNO));
	heard->code = nl_u32(message, E(CODE));
	heard->imports = nl_u32(message, E(IMPORTS));
	heard->exports = nl_u32(message, E(EXPORTS));
	snprintf(heard->device, sizeof(heard->device), "%s",
		 nl_string(message, E(DEVICE)));
	snprintf(heard->command, sizeof(heard->command), "%s",
		 nl_string(message, E(COMMAND)));
}

static struct nl listen_open(void)
{
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(nl_join(&nl), 0);
	return nl;
}

/* Waits for the next event of a kind; others are heard, too. */
static void hear_next(struct nl *nl, struct heard *heard, uint8_t cmd)
{
	unsigned int before = heard->count[cmd];

	while (heard->count[cmd] == before)
		assert_int_equal(nl_receive(nl, PATIENCE_MS, hear, heard), 0);
}

static void take_u64(const struct nl_message *message, void *arg)
{
	uint64_t *number = arg;

	*number = nl_u64(message, *number);
}

static uint64_t stat_of(uint64_t type)
{
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(
		nl_get(&nl, P2PMAP_NL_CMD_STATS_GET, 0, take_u64, &type), 0);
	nl_close(&nl);
	return type;
}

static void take_id(const struct nl_message *message, void *arg)
{
	*(uint64_t *)arg = nl_u64(message, 1);
}

static uint64_t last_mapping(void)
{
	uint64_t id = 0;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(nl_dump(&nl, P2PMAP_NL_CMD_MAPPING_GET, take_id, &id),
			 0);
	nl_close(&nl);
	return id;
}

static void each_step_of_a_mapping_is_told_in_order(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(8 * PAGE);
	struct heard heard = { .seq = 0 };
	struct p2pmap_mapping *mapping;
	struct nl nl = listen_open();
	uint64_t id;

	keep_still();
	memset(range, 1, 8 * PAGE);
	mapping = map(lab, range, 8 * PAGE, WRITE);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_MAP_NTF);
	id = last_mapping();
	assert_int_equal(heard.mapping, id);
	assert_int_equal(heard.pid, getpid());
	assert_string_equal(heard.importer, lab->edu_address);
	madvise(range + 2 * PAGE, PAGE, MADV_DONTNEED);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_REVOKE_NTF);
	assert_int_equal(heard.mapping, id);
	assert_int_equal(heard.offset, 2 * PAGE);
	assert_int_equal(heard.length, PAGE);
	assert_true(heard.cut_length >= PAGE && heard.cut_length <= 8 * PAGE);
	assert_int_equal(heard.reasons, P2PMAP_EVENT_CHANGED);
	assert_int_equal(heard.flags, 0);
	assert_true(comes_alive(mapping, 7 * PAGE));
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	do {
		hear_next(&nl, &heard, P2PMAP_NL_CMD_REMAP_NTF);
	} while (heard.reasons); /* the worker's, of the neighbours */
	assert_int_equal(heard.offset, 2 * PAGE);
	assert_int_equal(heard.length, PAGE);
	unmap(mapping);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_UNMAP_NTF);
	assert_int_equal(heard.mapping, id);
	assert_false(heard.has_address);
	assert_false(heard.out_of_order);
	assert_int_equal(heard.gaps + heard.lost, 0);
	nl_close(&nl);
	munmap(range, 8 * PAGE);
}

/* 2 MiB of small pages, in memory that is twice as large. */
static unsigned char *small_pages(unsigned char **memory)
{
	*memory = ram(2 * HUGE);
	assert_int_equal(madvise(*memory, 2 * HUGE, MADV_NOHUGEPAGE), 0);
	return *memory + (-(uintptr_t)*memory & (HUGE - 1));
}

/* Each page is a block of its own, as it is the page of zeros every time. */
static void neighbours_come_back_together(void **state)
{
	struct lab *lab = *state;
	unsigned char *memory, *range = small_pages(&memory);
	struct p2pmap_mapping *mapping;
	struct heard heard = { .seq = 0 };
	struct nl nl = listen_open();

	for (size_t at = 0; at < HUGE; at += PAGE)
		assert_int_equal(((volatile unsigned char *)range)[at], 0);
	mapping = map(lab, range, HUGE, 0);
	assert_int_equal(mprotect(range + 77 * PAGE, PAGE, PROT_READ), 0);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_REVOKE_NTF);
	assert_true(comes_alive(mapping, HUGE - PAGE));
	unmap(mapping);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_UNMAP_NTF);
	assert_in_range(heard.count[P2PMAP_NL_CMD_REMAP_NTF], 1, 4);
	nl_close(&nl);
	munmap(memory, 2 * HUGE);
}

/*
 * What may be a false alarm, as it is of 2 MiB: some of it is there when the worker
 * looks, and what is not is told of by its pieces, not by its pages.
 */
static void what_a_false_alarm_took_is_told_by_pieces(void **state)
{
	struct lab *lab = *state;
	unsigned char *memory, *range = small_pages(&memory);
	struct p2pmap_mapping *mapping;
	struct heard heard = { .seq = 0 };
	struct nl nl = listen_open();

	memset(range, 1, HUGE);
	mapping = map(lab, range, HUGE, WRITE);
	assert_int_equal(madvise(range, HUGE, MADV_DONTNEED), 0);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_REVOKE_NTF);
	assert_int_equal(heard.cut_length, HUGE);
	memset(range + 100 * PAGE, 2, 100 * PAGE);
	do {
		hear_next(&nl, &heard, P2PMAP_NL_CMD_REVOKE_NTF);
		assert_true(heard.cut_length == UINT64_MAX);
	} while (heard.offset + heard.length < HUGE);
	assert_true(comes_alive(mapping, 100 * PAGE));
	lab_note(lab, "%u pieces", heard.count[P2PMAP_NL_CMD_REVOKE_NTF] - 1);
	assert_in_range(heard.count[P2PMAP_NL_CMD_REVOKE_NTF], 3, 6);
	unmap(mapping);
	nl_close(&nl);
	munmap(memory, 2 * HUGE);
}

static void a_pin_that_gets_stale_is_told_as_not_cut(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(2 * PAGE);
	struct p2pmap_mapping *mapping = map(lab, range, 2 * PAGE, WRITE | PIN);
	struct heard heard = { .seq = 0 };
	struct nl nl = listen_open();

	madvise(range, PAGE, MADV_DONTNEED);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_REVOKE_NTF);
	assert_int_equal(heard.flags, P2PMAP_EVENT_NOT_CUT);
	assert_int_equal(heard.length, PAGE);
	assert_true(heard.cut_length == UINT64_MAX);
	unmap(mapping);
	nl_close(&nl);
	munmap(range, 2 * PAGE);
}

static void a_refusal_is_told_with_its_reason(void **state)
{
	struct lab *lab = *state;
	unsigned char *hole = reserve(PAGE);
	struct heard heard = { .seq = 0 };
	struct p2pmap_query query;
	struct nl nl = listen_open();

	munmap(hole, PAGE);
	/* Only asked. */
	try_query(lab, hole, PAGE, WRITE, &query);
	assert_refused(lab, hole, PAGE, WRITE, EFAULT, P2PMAP_REASON_HOLE);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_REFUSE_NTF);
	assert_int_equal(heard.operation, P2PMAP_NL_OPERATION_MAP);
	assert_int_equal(heard.error, EFAULT);
	assert_int_equal(heard.code, P2PMAP_REASON_HOLE);
	assert_int_equal(heard.pid, getpid());
	assert_string_equal(heard.command, "test-netlink-ev");
	assert_int_equal(nl_receive(&nl, 200, hear, &heard), -EAGAIN);
	nl_close(&nl);
}

static void a_device_that_goes_is_told_with_its_mappings(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(PAGE);
	struct p2pmap_mapping *one = map(lab, range, PAGE, WRITE);
	struct p2pmap_mapping *two = map(lab, range, PAGE, WRITE | PIN);
	struct heard heard = { .seq = 0 };
	struct nl nl = listen_open();

	edu_close(lab->edu);
	lab->edu = NULL;
	assert_int_equal(bind_driver("none", lab->edu_address), 0);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_DEVICE_GONE_NTF);
	assert_string_equal(heard.device, lab->edu_address);
	assert_int_equal(heard.imports, 2);
	assert_int_equal(heard.exports, 0);
	for (int i = 0; i < 2; i++) {
		hear_next(&nl, &heard, P2PMAP_NL_CMD_REVOKE_NTF);
		assert_int_equal(heard.reasons, P2PMAP_EVENT_DEVICE_GONE);
	}
	nl_close(&nl);
	unmap(one);
	unmap(two);
	munmap(range, PAGE);
	lab_close(lab);
	assert_int_equal(bind_driver("uio_pci_generic", lab->edu_address), 0);
	lab_reopen(lab);
}

static void without_a_listener_nothing_is_sent(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(PAGE);
	uint64_t notices = stat_of(P2PMAP_NL_STATS_NOTICES);
	uint64_t maps = stat_of(P2PMAP_NL_STATS_MAPS);
	struct heard heard = { .seq = 0 };
	uint64_t seq;
	struct nl nl;

	/* The numbers go on only while somebody listens. */
	nl = listen_open();
	unmap(map(lab, range, PAGE, WRITE));
	hear_next(&nl, &heard, P2PMAP_NL_CMD_UNMAP_NTF);
	seq = heard.seq;
	nl_close(&nl);
	for (int i = 0; i < 100; i++) {
		struct p2pmap_mapping *mapping = map(lab, range, PAGE, WRITE);

		*range = 1;
		madvise(range, PAGE, MADV_DONTNEED);
		unmap(mapping);
	}
	sleep_ms(100);
	assert_int_equal(stat_of(P2PMAP_NL_STATS_MAPS), maps + 101);
	assert_int_equal(stat_of(P2PMAP_NL_STATS_NOTICES), notices + 2);
	nl = listen_open();
	unmap(map(lab, range, PAGE, WRITE));
	hear_next(&nl, &heard, P2PMAP_NL_CMD_UNMAP_NTF);
	assert_int_equal(heard.seq, seq + 2);
	nl_close(&nl);
	munmap(range, PAGE);
}

/* A storm */

#define STORM 3000
#define CPUMASK "/sys/devices/virtual/workqueue/cpumask"

/* From now on the worker gets no processor; false if that cannot be. */
static bool starve_worker(void)
{
	struct sched_param param = { .sched_priority = 10 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	return !sched_setscheduler(0, SCHED_FIFO, &param);
}

/* All of them in one notification. */
static void *storm(void *page)
{
	if (!starve_worker())
		return "no real-time scheduling";
	return madvise(page, PAGE, MADV_DONTNEED) ? "madvise" : NULL;
}

static void loss_in_a_storm_is_reported_to_the_last_one(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping **mapping = calloc(STORM, sizeof(*mapping));
	uint64_t missing = stat_of(P2PMAP_NL_STATS_NOTICES_LOST);
	struct heard heard = { .seq = 0 };
	unsigned char *range = ram(PAGE);
	int size = 64 * 1024 * 1024;
	struct nl nl = listen_open();
	pthread_t thread;
	char cpus[64];
	uint64_t seq;
	void *why;

	keep_still();
	assert_true(file_read(CPUMASK, cpus, sizeof(cpus)));
	memset(range, 1, PAGE);
	nl_close(&nl);
	for (int i = 0; i < STORM; i++)
		mapping[i] = map(lab, range, PAGE, WRITE);
	nl = listen_open();
	/* The socket has room for all. */
	assert_int_equal(setsockopt(nl.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
				    sizeof(size)),
			 0);
	/* One event whose number is known, before and after. */
	unmap(map(lab, range, PAGE, WRITE));
	hear_next(&nl, &heard, P2PMAP_NL_CMD_UNMAP_NTF);
	seq = heard.seq;
	assert_int_equal(file_write(CPUMASK, "1\n"), 0);
	assert_int_equal(pthread_create(&thread, NULL, storm, range), 0);
	pthread_join(thread, &why);
	assert_int_equal(file_write(CPUMASK, cpus), 0);
	assert_null(why);
	while (heard.count[P2PMAP_NL_CMD_REVOKE_NTF] + heard.lost < STORM)
		assert_int_equal(nl_receive(&nl, PATIENCE_MS, hear, &heard), 0);
	lab_note(lab, "%u told, %llu lost",
		 heard.count[P2PMAP_NL_CMD_REVOKE_NTF],
		 (unsigned long long)heard.lost);
	assert_true(heard.lost > 0);
	assert_int_equal(heard.count[P2PMAP_NL_CMD_REVOKE_NTF] + heard.lost,
			 STORM);
	assert_true(heard.count[P2PMAP_NL_CMD_LOST_NTF] > 0);
	unmap(map(lab, range, PAGE, 0));
	hear_next(&nl, &heard, P2PMAP_NL_CMD_UNMAP_NTF);
	assert_true(heard.seq >= seq + STORM + 2);
	assert_int_equal(heard.gaps, heard.lost);
	assert_false(heard.out_of_order);
	assert_int_equal(stat_of(P2PMAP_NL_STATS_NOTICES_LOST),
			 missing + heard.lost);
	nl_close(&nl);
	for (int i = 0; i < STORM; i++)
		unmap(mapping[i]);
	free(mapping);
	munmap(range, PAGE);
}

#define REFUSALS 2000
#define TOLD 200

/* Refused over and over, and then something happens to others. */
struct refused {
	struct lab *lab;
	unsigned char *page;
	unsigned char *nothing;
};

static void *be_refused(void *arg)
{
	struct refused *refused = arg;
	struct p2pmap_mapping *mapping;

	if (!starve_worker())
		return "no real-time scheduling";
	for (int i = 0; i < REFUSALS; i++)
		if (!try_map(refused->lab, refused->nothing, PAGE, 0, &mapping))
			return "not refused";
	return madvise(refused->page, PAGE, MADV_DONTNEED) ? "madvise" : NULL;
}

static void refusals_take_no_place_from_what_happened(void **state)
{
	struct lab *lab = *state;
	struct refused refused = { lab, ram(PAGE), reserve(PAGE) };
	struct p2pmap_mapping *mapping[TOLD];
	struct heard heard = { .seq = 0 };
	int size = 64 * 1024 * 1024;
	pthread_t thread;
	char cpus[64];
	struct nl nl;
	void *why;

	keep_still();
	assert_true(file_read(CPUMASK, cpus, sizeof(cpus)));
	*refused.page = 1;
	for (int i = 0; i < TOLD; i++)
		mapping[i] = map(lab, refused.page, PAGE, WRITE);
	nl = listen_open();
	/* The socket has room for all. */
	assert_int_equal(setsockopt(nl.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
				    sizeof(size)),
			 0);
	assert_int_equal(file_write(CPUMASK, "1\n"), 0);
	assert_int_equal(pthread_create(&thread, NULL, be_refused, &refused),
			 0);
	pthread_join(thread, &why);
	assert_int_equal(file_write(CPUMASK, cpus), 0);
	assert_null(why);
	unmap(mapping[0]);
	hear_next(&nl, &heard, P2PMAP_NL_CMD_UNMAP_NTF);
	lab_note(lab, "%u refusals told",
		 heard.count[P2PMAP_NL_CMD_REFUSE_NTF]);
	assert_int_equal(heard.count[P2PMAP_NL_CMD_REVOKE_NTF], TOLD);
	assert_true(heard.count[P2PMAP_NL_CMD_REFUSE_NTF] < REFUSALS);
	nl_close(&nl);
	for (int i = 1; i < TOLD; i++)
		unmap(mapping[i]);
	munmap(refused.page, PAGE);
	munmap(refused.nothing, PAGE);
}

static void a_listener_that_does_not_read_holds_up_nobody(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(PAGE);
	struct heard heard = { .seq = 0 };
	struct nl nl = listen_open();
	int size = 4096, rc;

	setsockopt(nl.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (int i = 0; i < 500; i++)
		unmap(map(lab, range, PAGE, WRITE));
	sleep_ms(100);
	/* The socket says that it missed something. */
	do {
		rc = nl_receive(&nl, 100, hear, &heard);
	} while (!rc);
	assert_int_equal(rc, -ENOBUFS);
	nl_close(&nl);
	munmap(range, PAGE);
}

/* The module comes and goes */

static void the_module_can_go_while_somebody_listens(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(PAGE);
	struct heard heard = { .seq = 0 };
	struct nl old = listen_open(), nl;

	for (int i = 0; i < 5; i++) {
		/* Notices are on their way. */
		for (int k = 0; k < 50; k++)
			unmap(map(lab, range, PAGE, WRITE));
		module_reload(lab, "");
		nl = listen_open();
		unmap(map(lab, range, PAGE, WRITE));
		hear_next(&nl, &heard, P2PMAP_NL_CMD_UNMAP_NTF);
		heard.seq = 0;
		nl_close(&nl);
	}
	nl_close(&old);
	munmap(range, PAGE);
}

static void an_unfinished_dump_keeps_the_module(void **state)
{
	struct lab *lab = *state;
	struct heard heard = { .seq = 0 };
	unsigned char *range = ram(PAGE);
	struct nl_request request;
	struct nl nl;

	for (int i = 0; i < 400; i++)
		map(lab, range, PAGE, WRITE);
	assert_int_equal(nl_open(&nl), 0);
	nl_begin(&nl, &request, P2PMAP_NL_CMD_MAPPING_GET, NLM_F_DUMP);
	assert_int_equal(nl_send(&nl, &request), 0);
	assert_int_equal(nl_receive(&nl, PATIENCE_MS, hear, &heard), 1);
	lab_close(lab);
	assert_int_not_equal(module_unload(), 0);
	nl_close(&nl);
	module_reload(lab, "");
	munmap(range, PAGE);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(each_step_of_a_mapping_is_told_in_order),
	LAB_TEST(neighbours_come_back_together),
	LAB_TEST(what_a_false_alarm_took_is_told_by_pieces),
	LAB_TEST(a_pin_that_gets_stale_is_told_as_not_cut),
	LAB_TEST(a_refusal_is_told_with_its_reason),
	LAB_TEST(a_device_that_goes_is_told_with_its_mappings),
	LAB_TEST(without_a_listener_nothing_is_sent),
	LAB_TEST(loss_in_a_storm_is_reported_to_the_last_one),
	LAB_TEST(refusals_take_no_place_from_what_happened),
	LAB_TEST(a_listener_that_does_not_read_holds_up_nobody),
	LAB_TEST(the_module_can_go_while_somebody_listens),
	LAB_TEST(an_unfinished_dump_keeps_the_module),
};

LAB_MAIN(LAB_TRANSLATED, tests)
