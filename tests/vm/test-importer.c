// SPDX-License-Identifier: GPL-2.0-only
/*
 * Importers: a driver in the kernel copies to and from what a process has, and
 * is told in time when it goes.
 *
 * tests/kmod/edu_range.c is the driver, of an edu that is not the lab's; what
 * it copies is RAM, or what tests/kmod/ivshmem_piece.c exports.  Where no
 * IOMMU translates the driver stops its device itself, so all of this holds
 * there, too, but that what went cannot be had back at the same address.
 *
 * lab: --icount --qemu '-device edu,bus=rp1,dma_mask=0xffffffffffffffff'
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "drivers.h"
#include "nl.h"

#define LENGTH (4 * PAGE)
#define WR EDU_RANGE_WRITE
#define PINNED EDU_RANGE_PIN
#define REMAP EDU_TRANSFER_REMAP

#define SEED_BEFORE 0x1000
#define SEED_AFTER 0x2000
#define SEED_AGAIN 0x3000
#define SEED_OTHER 0x4000

static int importer;

static int importer_setup(void **state)
{
	int rc = drivers_setup(state);

	if (rc)
		return rc;
	need_importer(other_edu(*state));
	importer = importer_open(other_edu(*state));
	return 0;
}

#define IMPORTER_TEST(function)                                            \
	cmocka_unit_test_prestate_setup_teardown(function, importer_setup, \
						 drivers_teardown, #function)

/* Shared, so that a fork leaves it alone, with another look at it. */
struct shared {
	unsigned char *addr;
	unsigned char *view;
	int fd;
};

static struct shared a_memfd(void)
{
	struct shared shared = { .fd = keep_fd(memfd(LENGTH)) };

	shared.addr =
		keep_range(mmap_fd(shared.fd, LENGTH, RW, MAP_SHARED), LENGTH);
	shared.view =
		keep_range(mmap_fd(shared.fd, LENGTH, RW, MAP_SHARED), LENGTH);
	return shared;
}

static void map_again(const struct shared *shared)
{
	assert_ptr_not_equal(mmap(shared->addr, LENGTH, RW,
				  MAP_SHARED | MAP_FIXED, shared->fd, 0),
			     MAP_FAILED);
}

/* Each page, and what crosses from one to the next. */
static void assert_copies(uint32_t id, unsigned char *addr)
{
	unsigned char buf[2 * PROBE];

	for (size_t at = 0; at < LENGTH; at += PAGE) {
		assert_int_equal(put(importer, id, at, at + 1, 0), 0);
		assert_filled(addr + at, PROBE, at + 1);
		fill(addr + at, PROBE, at + 2);
		assert_int_equal(get(importer, id, at, at + 2, 0), 0);
	}
	fill(buf, sizeof(buf), SEED_OTHER);
	assert_int_equal(transfer(importer, id, TO_RANGE, PAGE - PROBE, buf,
				  sizeof(buf)),
			 0);
	assert_filled(addr + PAGE - PROBE, sizeof(buf), SEED_OTHER);
}

/* What is reached */

static const uint32_t looks[] = {
	0,
	EDU_RANGE_ADDRESSES,
	EDU_RANGE_SGTABLE,
	EDU_RANGE_KTHREAD,
	EDU_RANGE_KTHREAD | EDU_RANGE_SGTABLE,
};

static void check_kind(void *addr, uint32_t flags)
{
	uint32_t id;

	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
		id = range_register(importer, addr, LENGTH,
				    WR | flags | looks[i]);
		assert_copies(id, addr);
		assert_true(range_status(importer, id).out_flags &
			    P2PMAP_MAPPING_LIVE);
		assert_int_equal(range_unregister(importer, id), 0);
	}
}

static void ram_is_copied_whichever_way_addresses_are_had(void **state)
{
	unsigned char *addr = keep_range(ram(LENGTH), LENGTH);

	(void)state;
	check_kind(addr, 0);
	check_kind(addr, PINNED);
}

static void a_piece_is_copied_whichever_way_addresses_are_had(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);

	check_kind(piece.addr, 0);
	check_kind(piece.addr, PINNED);
}

static void a_piece_is_copied_by_addresses_of_the_exporters(void **state)
{
	struct lab *lab = *state;
	struct piece piece =
		piece_alloc(exporter_open(lab), LENGTH, IVSHMEM_OWN_DMA);

	check_kind(piece.addr, 0);
	check_kind(piece.addr, PINNED);
}

static void without_write_the_driver_does_not_write(void **state)
{
	unsigned char *addr = keep_range(ram(LENGTH), LENGTH);
	uint32_t id;

	(void)state;
	/* Before: the first write changes the page that is there. */
	fill(addr, PROBE, SEED_BEFORE);
	id = range_register(importer, addr, LENGTH, 0);
	assert_int_equal(get(importer, id, 0, SEED_BEFORE, 0), 0);
	assert_int_equal(put(importer, id, 0, SEED_AFTER, 0), -EACCES);
}

static void a_status_says_what_it_is(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);
	uint32_t id = range_register(importer, piece.addr, LENGTH, WR);
	struct edu_status status = range_status(importer, id);

	assert_int_equal(status.out_kind, P2PMAP_KIND_BAR);
	assert_int_equal(status.out_route, P2PMAP_ROUTE_HOST_BRIDGE);
	assert_int_equal(status.out_live_bytes, LENGTH);
	assert_int_equal(!!(status.out_flags & P2PMAP_MAPPING_ENFORCED),
			 lab_is_translated(lab));
	assert_int_equal(status.out_resumes, 1);
	assert_int_equal(status.out_stops, 0);
	assert_int_equal(status.out_events, 0);
}

static void an_exporters_refusals_reach_the_driver(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);
	struct p2pmap_pci_addr pci;
	uint32_t id;

	assert_int_equal(p2pmap_pci_parse(other_edu(lab), &pci), 0);
	piece_rules(&piece, IVSHMEM_NO_IMPORTER, &pci);
	assert_int_equal(try_register(importer, 0, piece.addr, LENGTH, WR, &id),
			 -EPERM);
	piece_rules(&piece, IVSHMEM_NO_WRITE | IVSHMEM_NO_PIN, NULL);
	assert_int_equal(try_register(importer, 0, piece.addr, LENGTH, WR, &id),
			 -EPERM);
	assert_int_equal(try_register(importer, 0, piece.addr, LENGTH, PINNED,
				      &id),
			 -EOPNOTSUPP);
	assert_int_equal(try_register(importer, 0, piece.addr, LENGTH, 0, &id),
			 0);
	piece_withdraw(&piece);
	assert_int_equal(try_register(importer, 0, piece.addr, LENGTH, 0, &id),
			 -EFAULT);
}

/* What is taken */

static void what_is_unmapped_is_void_and_left_alone(void **state)
{
	struct lab *lab = *state;
	struct shared shared = a_memfd();
	uint32_t id = range_register(importer, shared.addr, LENGTH, WR);
	struct edu_status status;
	uint64_t dma = range_status(importer, id).out_dma_addr;

	assert_int_equal(put(importer, id, 0, SEED_BEFORE, 0), 0);
	munmap(shared.addr, LENGTH);
	status = range_status(importer, id);
	assert_int_equal(status.out_stops, 1);
	assert_int_equal(status.out_events, 1);
	assert_int_equal(status.out_reasons, P2PMAP_EVENT_UNMAPPED);
	assert_int_equal(status.out_cut_end, LENGTH);
	assert_int_equal(status.out_live_bytes, 0);
	assert_int_equal(put(importer, id, 0, SEED_AFTER, 0), 1);
	assert_int_equal(put(importer, id, 0, SEED_AFTER, REMAP), 1);
	assert_filled(shared.view, PROBE, SEED_BEFORE);
	map_again(&shared);
	if (lab_is_translated(lab)) {
		/* At the address that it had. */
		assert_int_equal(put(importer, id, 0, SEED_AFTER, REMAP), 0);
		assert_int_equal(range_remap(importer, id), 0);
		assert_int_equal(range_status(importer, id).out_dma_addr, dma);
		assert_int_equal(range_status(importer, id).out_resumes, 2);
	} else {
		assert_int_equal(range_remap(importer, id), -EOPNOTSUPP);
		assert_int_equal(put(importer, id, 0, SEED_AFTER, REMAP), 1);
		assert_true(range_status(importer, id).out_flags &
			    P2PMAP_MAPPING_GONE);
		assert_int_equal(range_unregister(importer, id), 0);
		id = range_register(importer, shared.addr, LENGTH, WR);
	}
	assert_int_equal(put(importer, id, 0, SEED_AFTER, 0), 0);
	assert_filled(shared.view, PROBE, SEED_AFTER);
}

/* The rest goes on where it is cut page by page. */
static void what_is_not_unmapped_works_on(void **state)
{
	struct lab *lab = *state;
	struct shared shared = a_memfd();
	uint32_t id = range_register(importer, shared.addr, LENGTH, WR);

	munmap(shared.addr + PAGE, PAGE);
	assert_int_equal(put(importer, id, PAGE, SEED_AFTER, REMAP), 1);
	if (!lab_is_translated(lab))
		lab_skip(lab, "without an IOMMU all of it went");
	assert_int_equal(put(importer, id, 0, SEED_AFTER, REMAP), 0);
	assert_int_equal(put(importer, id, 2 * PAGE, SEED_AFTER, REMAP), 0);
	assert_filled(shared.view, PROBE, SEED_AFTER);
	assert_filled(shared.view + 2 * PAGE, PROBE, SEED_AFTER);
}

static void a_pin_is_charged_and_lasts(void **state)
{
	struct shared shared = a_memfd();
	long pins = pages_pinned();
	long locked = file_number("/proc/self/status", "VmLck:");
	uint32_t id =
		range_register(importer, shared.addr, LENGTH, WR | PINNED);
	struct edu_status status;

	(void)state;
	assert_int_equal(pages_pinned(), pins + 4);
	assert_int_equal(file_number("/proc/self/status", "VmLck:"),
			 locked + 16);
	munmap(shared.addr, LENGTH);
	status = range_status(importer, id);
	assert_int_equal(status.out_stops, 0);
	assert_int_equal(status.out_reasons, P2PMAP_EVENT_UNMAPPED);
	assert_true(status.out_event_flags & P2PMAP_EVENT_NOT_CUT);
	assert_int_equal(put(importer, id, 0, SEED_AFTER, 0), 0);
	assert_filled(shared.view, PROBE, SEED_AFTER);
	assert_int_equal(range_unregister(importer, id), 0);
	assert_int_equal(pages_pinned(), pins);
	assert_int_equal(file_number("/proc/self/status", "VmLck:"), locked);
}

static void a_pinned_piece_is_the_exporters_to_count(void **state)
{
	struct lab *lab = *state;

	for (uint32_t way = 0; way <= IVSHMEM_OWN_DMA; way += IVSHMEM_OWN_DMA) {
		struct piece piece =
			piece_alloc(exporter_open(lab), LENGTH, way);
		long locked = file_number("/proc/self/status", "VmLck:");
		uint32_t id = range_register(importer, piece.addr, LENGTH,
					     WR | PINNED);

		assert_int_equal(piece_pins(&piece), 1);
		assert_int_equal(file_number("/proc/self/status", "VmLck:"),
				 locked);
		assert_int_equal(try_move(&piece), -EBUSY);
		assert_int_equal(put(importer, id, 0, SEED_BEFORE, 0), 0);
		assert_int_equal(range_unregister(importer, id), 0);
		assert_int_equal(piece_pins(&piece), 0);
		piece_move(&piece);
		assert_filled(piece.addr, PROBE, SEED_BEFORE);
	}
}

static void late_dma_hits_the_sink(void **state)
{
	struct lab *lab = *state;
	struct shared shared = a_memfd();
	uint32_t id;

	if (!lab_is_translated(lab)) {
		assert_int_equal(try_register(importer, 0, shared.addr, LENGTH,
					      WR | EDU_RANGE_SINK, &id),
				 -EOPNOTSUPP);
		return;
	}
	id = range_register(importer, shared.addr, LENGTH, WR | EDU_RANGE_SINK);
	munmap(shared.addr, LENGTH);
	assert_int_equal(range_status(importer, id).out_sink_bytes, LENGTH);
	map_again(&shared);
	assert_int_equal(put(importer, id, 0, SEED_AFTER, REMAP), 0);
	assert_filled(shared.view, PROBE, SEED_AFTER);
}

/* In flight */

struct flight {
	pthread_t thread;
	uint32_t id;
	uint32_t seed;
	uint32_t flags;
	int rc;
};

static void *fly(void *arg)
{
	struct flight *flight = arg;

	flight->rc = put(importer, flight->id, 0, flight->seed, flight->flags);
	return NULL;
}

static void flight_begin(struct flight *flight, uint32_t id, uint32_t seed,
			 uint32_t flags)
{
	*flight = (struct flight){ .id = id, .seed = seed, .flags = flags };
	assert_int_equal(pthread_create(&flight->thread, NULL, fly, flight), 0);
}

static int flight_end(struct flight *flight)
{
	pthread_join(flight->thread, NULL);
	return flight->rc;
}

/*
 * Data is brought to the device for 100 ms and from there to memory for another
 * 100 ms; memory goes somewhere in between.  Whenever that is: nothing of it
 * changes once munmap() has returned, and what is not void has arrived.
 */
static void a_transfer_in_flight_is_cut_or_waited_for(void **state)
{
	struct lab *lab = *state;
	struct shared shared = a_memfd();
	unsigned int voids = 0, waits = 0;
	struct flight flight;
	uint64_t begin;

	for (uint32_t delay = 60; delay <= 220; delay += 20) {
		uint32_t id = range_register(importer, shared.addr, LENGTH, WR);
		bool arrived;

		fill(shared.view, PROBE, SEED_BEFORE);
		flight_begin(&flight, id, SEED_AFTER, 0);
		sleep_ms(delay);
		begin = now_ms();
		munmap(shared.addr, LENGTH);
		waits += now_ms() - begin > 20;
		arrived = is_filled(shared.view, PROBE, SEED_AFTER);
		assert_true(arrived ||
			    is_filled(shared.view, PROBE, SEED_BEFORE));
		assert_true(flight_end(&flight) >= 0);
		assert_int_equal(is_filled(shared.view, PROBE, SEED_AFTER),
				 arrived);
		assert_true(arrived || flight.rc == 1);
		voids += flight.rc;
		map_again(&shared);
		assert_int_equal(range_unregister(importer, id), 0);
	}
	lab_note(lab, "%u void, %u waited for", voids, waits);
	assert_true(voids > 0);
	/* Who obeys is given the time; behind an IOMMU nobody needs any. */
	if (!lab_is_translated(lab))
		assert_true(waits > 0);
}

/*
 * A thousand moves under the driver's transfers: it gets the piece back by
 * itself, and what it copied without being told otherwise is there.
 */
static void moves_under_transfers_lose_nothing(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);
	unsigned char *bar = keep_range(bar_at(lab, 0, BAR_LENGTH), BAR_LENGTH);
	unsigned long moves = scaled(lab_is_translated(lab) ? 1000 : 50);
	uint32_t flags = WR | (lab_is_translated(lab) ? EDU_RANGE_RESTORE : 0);
	uint32_t id = range_register(importer, piece.addr, LENGTH, flags);
	unsigned int voids = 0;
	struct flight flight;

	fill(piece.addr, PROBE, 0);
	for (unsigned long done = 0, round = 1; done < moves; round++) {
		flight_begin(&flight, id, round, REMAP);
		for (int i = 0; i < 10 && done < moves; i++, done++) {
			unsigned char *old =
				bar + piece_info(&piece).out_bar_offset;

			sleep_ms(i ? 0 : round % 10 * 20);
			piece_move(&piece);
			fill(old, PROBE, SEED_OTHER);
			sleep_ms(i < 9 ? 0 : 110);
			assert_filled(old, PROBE, SEED_OTHER);
		}
		assert_true(flight_end(&flight) >= 0);
		voids += flight.rc;
		if (!flight.rc)
			assert_filled(piece.addr, PROBE, round);
		else
			assert_true(is_filled(piece.addr, PROBE, round) ||
				    is_filled(piece.addr, PROBE, round - 1));
		if (!lab_is_translated(lab)) {
			assert_int_equal(range_unregister(importer, id), 0);
			id = range_register(importer, piece.addr, LENGTH,
					    flags);
		}
		/* Void ones may be tried again. */
		assert_int_equal(put(importer, id, 0, round, REMAP), 0);
		assert_filled(piece.addr, PROBE, round);
		assert_int_equal(get(importer, id, 0, round, REMAP), 0);
	}
	lab_note(lab, "%lu moves, %u void", moves, voids);
	assert_int_equal(piece_info(&piece).out_moves, moves);
}

static void a_move_is_told_as_withdrawn_and_comes_back(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);
	struct edu_status before, after;
	uint32_t id;

	if (!lab_is_translated(lab))
		lab_skip(lab, "without an IOMMU nothing can be given back");
	id = range_register(importer, piece.addr, LENGTH,
			    WR | EDU_RANGE_RESTORE);
	before = range_status(importer, id);
	assert_int_equal(put(importer, id, 0, SEED_BEFORE, 0), 0);
	piece_move(&piece);
	after = range_status(importer, id);
	assert_int_equal(after.out_stops, 1);
	assert_true(after.out_reasons & P2PMAP_EVENT_WITHDRAWN);
	for (int i = 0; i < 200 && after.out_resumes < 2; i++) {
		sleep_ms(10);
		after = range_status(importer, id);
	}
	assert_int_equal(after.out_resumes, 2);
	assert_int_equal(after.out_dma_addr, before.out_dma_addr);
	assert_int_equal(get(importer, id, 0, SEED_BEFORE, 0), 0);
	assert_int_equal(put(importer, id, 0, SEED_AFTER, 0), 0);
	assert_filled(piece.addr, PROBE, SEED_AFTER);
	piece_withdraw(&piece);
	assert_true(range_status(importer, id).out_reasons &
		    P2PMAP_EVENT_WITHDRAWN);
	assert_int_equal(range_remap(importer, id), -EFAULT);
	assert_int_equal(put(importer, id, 0, SEED_AFTER, REMAP), 1);
}

/* Other processes */

struct remote {
	unsigned char *addr;
	int to[2];
	int from[2];
};

/* '?' looks, 'u' unmaps, all else ends. */
static int remote_process(void *arg)
{
	struct remote *remote = arg;
	char word = 0;

	fill(remote->addr, PROBE, SEED_BEFORE);
	do {
		if (word == 'u')
			munmap(remote->addr, LENGTH);
		if (word == '?')
			word = is_filled(remote->addr, PROBE, SEED_AFTER) ?
				       'y' :
				       'n';
		CHILD_CHECK(write(remote->from[1], &word, 1) == 1);
		CHILD_CHECK(read(remote->to[0], &word, 1) == 1);
	} while (word != 'x');
	return 0;
}

static char remote_ask(struct remote *remote, char word)
{
	if (word)
		assert_int_equal(write(remote->to[1], &word, 1), 1);
	assert_int_equal(read(remote->from[0], &word, 1), 1);
	return word;
}

static pid_t remote_begin(struct remote *remote, unsigned char *addr)
{
	pid_t pid;

	remote->addr = addr;
	assert_int_equal(pipe2(remote->to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(remote->from, O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++) {
		keep_fd(remote->to[i]);
		keep_fd(remote->from[i]);
	}
	pid = child_start(remote_process, remote);
	remote_ask(remote, 0);
	return pid;
}

static void remote_memory_is_a_kernel_threads_to_use(void **state)
{
	for (uint32_t flags = 0; flags <= PINNED; flags += PINNED) {
		unsigned char *addr = keep_range(ram(LENGTH), LENGTH);
		struct edu_status status;
		struct remote remote;
		uint32_t id;
		pid_t pid;

		(void)state;
		fill(addr, PROBE, SEED_OTHER);
		pid = remote_begin(&remote, addr);
		assert_int_equal(try_register(importer, pid, addr, LENGTH,
					      WR | flags | EDU_RANGE_KTHREAD,
					      &id),
				 0);
		assert_int_equal(get(importer, id, 0, SEED_BEFORE, 0), 0);
		assert_int_equal(put(importer, id, 0, SEED_AFTER, 0), 0);
		assert_int_equal(remote_ask(&remote, '?'), 'y');
		/* This process's page is another one. */
		assert_filled(addr, PROBE, SEED_OTHER);
		assert_int_equal(write(remote.to[1], "x", 1), 1);
		assert_int_equal(child_end(pid), 0);
		status = range_status(importer, id);
		assert_true(status.out_reasons & P2PMAP_EVENT_EXIT);
		assert_int_equal(put(importer, id, 0, SEED_OTHER, 0),
				 flags & PINNED ? 0 : 1);
		if (!flags)
			assert_true(range_remap(importer, id) < 0);
		assert_int_equal(range_unregister(importer, id), 0);
	}
}

static void remote_pieces_are_a_kernel_threads_to_use(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);
	struct remote remote;
	pid_t pid = remote_begin(&remote, piece.addr);
	uint32_t id;

	end_range(piece.addr);
	assert_int_equal(try_register(importer, pid, remote.addr, LENGTH,
				      WR | EDU_RANGE_KTHREAD, &id),
			 0);
	assert_int_equal(get(importer, id, 0, SEED_BEFORE, 0), 0);
	piece_move(&piece);
	if (lab_is_translated(lab)) {
		assert_int_equal(range_remap(importer, id), 0);
	} else {
		assert_int_equal(range_unregister(importer, id), 0);
		assert_int_equal(try_register(importer, pid, remote.addr,
					      LENGTH, WR | EDU_RANGE_KTHREAD,
					      &id),
				 0);
	}
	assert_int_equal(put(importer, id, 0, SEED_AFTER, 0), 0);
	assert_int_equal(remote_ask(&remote, '?'), 'y');
	remote_ask(&remote, 'u');
	assert_int_equal(put(importer, id, 0, SEED_OTHER, REMAP), 1);
	assert_int_equal(write(remote.to[1], "x", 1), 1);
	assert_int_equal(child_end(pid), 0);
}

/* Two processes have the same piece, and a device each. */

struct other_user {
	struct lab *lab;
	struct piece *piece;
	int go[2];
	int done[2];
};

static int other_process(void *arg)
{
	struct other_user *other = arg;
	unsigned char *addr = mmap(NULL, LENGTH, RW, MAP_SHARED,
				   other->piece->fd, other->piece->offset);
	char word = 0;
	uint32_t id;
	int fd, rc;

	/* A descriptor of its own, or the parent's would keep the range. */
	fd = importer_open(other_edu(other->lab));
	CHILD_CHECK(addr != MAP_FAILED);
	CHILD_CHECK(!try_register(fd, 0, addr, LENGTH, WR, &id));
	do {
		rc = put(fd, id, PAGE, SEED_OTHER, word == 'r' ? REMAP : 0);
		CHILD_CHECK(rc == (word == 'v'));
		CHILD_CHECK(word == 'v' ||
			    is_filled(addr + PAGE, PROBE, SEED_OTHER));
		CHILD_CHECK(write(other->done[1], &word, 1) == 1);
		CHILD_CHECK(read(other->go[0], &word, 1) == 1);
	} while (word != 'x');
	return 0;
}

static void other_ask(struct other_user *other, char word)
{
	if (word)
		assert_int_equal(write(other->go[1], &word, 1), 1);
	assert_int_equal(read(other->done[0], &word, 1), 1);
}

static void a_piece_of_two_processes_is_imported_by_two_devices(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);
	struct other_user other = { .lab = lab, .piece = &piece };
	struct p2pmap_mapping *mapping;
	unsigned char *old;
	pid_t pid;

	if (!lab_is_translated(lab))
		lab_skip(lab, "the lab's edu would need unenforced=1");
	assert_int_equal(pipe2(other.go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(other.done, O_CLOEXEC), 0);
	pid = child_start(other_process, &other);
	close(other.done[1]);
	other_ask(&other, 0);
	mapping = map(lab, piece.addr, LENGTH, WRITE);
	probe_write(lab, mapping_dma(mapping, 0), SEED_BEFORE);
	assert_filled(piece.addr, PROBE, SEED_BEFORE);
	assert_filled(piece.addr + PAGE, PROBE, SEED_OTHER);
	old = place_of(lab, &piece);
	piece_move(&piece);
	memset(old, 0, LENGTH);
	probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
	other_ask(&other, 'v');
	assert_true(is_zero(old, LENGTH));
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	other_ask(&other, 'r');
	probe_write(lab, mapping_dma(mapping, 0), SEED_AGAIN);
	assert_filled(piece.addr, PROBE, SEED_AGAIN);
	assert_filled(piece.addr + PAGE, PROBE, SEED_OTHER);
	assert_int_equal(write(other.go[1], "x", 1), 1);
	assert_int_equal(child_end(pid), 0);
	probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
	assert_filled(piece.addr, PROBE, SEED_AFTER);
	unmap(mapping);
	close(other.go[0]);
	close(other.go[1]);
	close(other.done[0]);
}

/* Its name, into @arg. */
static void see_driver(const struct nl_message *message, void *arg)
{
	if (nl_has(message, P2PMAP_NL_MAPPING_DRIVER))
		snprintf(arg, sizeof(IMPORTER), "%s",
			 nl_string(message, P2PMAP_NL_MAPPING_DRIVER));
}

static void a_mapping_of_a_driver_is_shown_with_its_name(void **state)
{
	unsigned char *addr = keep_range(ram(LENGTH), LENGTH);
	uint32_t id = range_register(importer, addr, LENGTH, WR | PINNED);
	char name[sizeof(IMPORTER)] = "";
	struct nl nl;

	(void)state;
	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(
		nl_dump(&nl, P2PMAP_NL_CMD_MAPPING_GET, see_driver, name), 0);
	nl_close(&nl);
	assert_string_equal(name, IMPORTER);
	assert_int_equal(range_unregister(importer, id), 0);
}

static const struct CMUnitTest tests[] = {
	IMPORTER_TEST(ram_is_copied_whichever_way_addresses_are_had),
	IMPORTER_TEST(a_piece_is_copied_whichever_way_addresses_are_had),
	IMPORTER_TEST(a_piece_is_copied_by_addresses_of_the_exporters),
	IMPORTER_TEST(without_write_the_driver_does_not_write),
	IMPORTER_TEST(a_status_says_what_it_is),
	IMPORTER_TEST(a_mapping_of_a_driver_is_shown_with_its_name),
	IMPORTER_TEST(an_exporters_refusals_reach_the_driver),
	IMPORTER_TEST(what_is_unmapped_is_void_and_left_alone),
	IMPORTER_TEST(what_is_not_unmapped_works_on),
	IMPORTER_TEST(a_pin_is_charged_and_lasts),
	IMPORTER_TEST(a_pinned_piece_is_the_exporters_to_count),
	IMPORTER_TEST(late_dma_hits_the_sink),
	IMPORTER_TEST(a_transfer_in_flight_is_cut_or_waited_for),
	IMPORTER_TEST(moves_under_transfers_lose_nothing),
	IMPORTER_TEST(a_move_is_told_as_withdrawn_and_comes_back),
	IMPORTER_TEST(remote_memory_is_a_kernel_threads_to_use),
	IMPORTER_TEST(remote_pieces_are_a_kernel_threads_to_use),
	IMPORTER_TEST(a_piece_of_two_processes_is_imported_by_two_devices),
};

DRIVERS_MAIN(LAB_ANY, tests)
