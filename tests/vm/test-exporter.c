// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exporters: a driver that answers for its memory has its way, and what it
 * moves or takes away is out of the device's reach before it goes.
 *
 * tests/kmod/ivshmem_piece.c is the driver, /dev/p2pmap the importer's way.
 *
 * iommu: on
 * lab: --icount --qemu '-device edu,bus=rp1,dma_mask=0xffffffffffffffff'
 */
#define _GNU_SOURCE
#include "drivers.h"

#define LENGTH (4 * PAGE)

#define SEED_BEFORE 0x1000
#define SEED_AFTER 0x2000
#define SEED_AGAIN 0x3000
#define SEED_OTHER 0x4000

/* p2pmap makes the DMA addresses, or the exporter does. */
static const uint32_t ways[] = { 0, IVSHMEM_OWN_DMA };

#define for_each_way(way) \
	for (const uint32_t *way = ways; way < ways + 2; way++)

static struct piece a_piece(const struct lab *lab, uint32_t way)
{
	return piece_alloc(exporter_open(lab), LENGTH, way);
}

/* In four places, both ways, and the process sees what the device wrote. */
static void assert_reaches(struct lab *lab, const struct piece *piece,
			   struct p2pmap_mapping *mapping, uint32_t seed)
{
	for (size_t at = 0; at < piece->length; at += piece->length / 4) {
		probe_write(lab, mapping_dma(mapping, at), seed + at);
		assert_filled(piece->addr + at, PROBE, seed + at);
		assert_true(
			probe_reads(lab, mapping_dma(mapping, at), seed + at));
	}
}

/* MAP and QUERY refuse with the same errno (positive) and reason. */
static void assert_both_refuse(struct lab *lab, const struct piece *piece,
			       uint32_t flags, int error, uint32_t code)
{
	struct p2pmap_query query;

	assert_refused(lab, piece->addr, piece->length, flags, error, code);
	assert_int_equal(-try_query(lab, piece->addr, piece->length, flags,
				    &query),
			 error);
	assert_int_equal(lab->reason.code, code);
}

static void assert_both_accept(struct lab *lab, const struct piece *piece,
			       uint32_t flags)
{
	struct p2pmap_query query;

	assert_int_equal(
		try_query(lab, piece->addr, piece->length, flags, &query), 0);
	assert_int_equal(query.out_kind, P2PMAP_KIND_BAR);
	unmap(map(lab, piece->addr, piece->length, flags));
}

/* One event of the mapping: these reasons, all of it, cut or not. */
static void assert_told(struct lab *lab, struct p2pmap_mapping *mapping,
			uint32_t reasons, uint32_t flags)
{
	struct p2pmap_event event;

	assert_true(event_next(lab->ctx, 0, &event));
	assert_int_equal(event.mapping, p2pmap_mapping_id(mapping));
	assert_int_equal(event.reasons, reasons);
	assert_int_equal(event.flags & P2PMAP_EVENT_NOT_CUT, flags);
	assert_true(event_covers(&event, 0, p2pmap_mapping_length(mapping)));
}

/* What is reached, and refused */

static void a_piece_is_reached_as_described(void **state)
{
	struct lab *lab = *state;
	struct piece piece = a_piece(lab, 0);
	struct p2pmap_mapping *mapping = map(lab, piece.addr, LENGTH, WRITE);
	struct p2pmap_pci_addr pci;
	struct p2pmap_query query;

	assert_int_equal(p2pmap_pci_parse(lab->ivshmem_address, &pci), 0);
	assert_int_equal(p2pmap_mapping_kind(mapping), P2PMAP_KIND_BAR);
	assert_int_equal(p2pmap_mapping_route(mapping),
			 P2PMAP_ROUTE_HOST_BRIDGE);
	assert_memory_equal(p2pmap_mapping_exporter(mapping), &pci,
			    sizeof(pci));
	assert_reaches(lab, &piece, mapping, SEED_BEFORE);
	/* Nothing was faulted in for that. */
	assert_int_equal(try_query(lab, piece.addr, LENGTH, WRITE, &query), 0);
	assert_int_equal(query.out_bar_offset,
			 piece_info(&piece).out_bar_offset);
	unmap(mapping);
}

static void a_piece_is_reached_by_addresses_of_the_exporters(void **state)
{
	struct lab *lab = *state;
	struct piece piece = a_piece(lab, IVSHMEM_OWN_DMA);
	struct p2pmap_mapping *mapping = map(lab, piece.addr, LENGTH, WRITE);

	assert_int_equal(p2pmap_mapping_route(mapping), P2PMAP_ROUTE_EXPORTER);
	assert_reaches(lab, &piece, mapping, SEED_BEFORE);
	unmap(mapping);
}

static void a_refused_importer_is_eperm(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_pci_addr other = { .bus = 77 };

	for_each_way(way)
	{
		struct piece piece = a_piece(lab, *way);

		piece_rules(&piece, IVSHMEM_NO_IMPORTER, &lab->edu_pci);
		assert_both_refuse(lab, &piece, WRITE, EPERM,
				   P2PMAP_REASON_EXPORTER_REFUSES);
		assert_both_refuse(lab, &piece, 0, EPERM,
				   P2PMAP_REASON_EXPORTER_REFUSES);
		piece_rules(&piece, IVSHMEM_NO_IMPORTER, &other);
		assert_both_accept(lab, &piece, WRITE);
	}
}

static void a_refused_write_is_eperm_and_reading_works(void **state)
{
	struct lab *lab = *state;

	for_each_way(way)
	{
		struct piece piece = a_piece(lab, *way);
		struct p2pmap_mapping *mapping;

		piece_rules(&piece, IVSHMEM_NO_WRITE, NULL);
		assert_both_refuse(lab, &piece, WRITE, EPERM,
				   P2PMAP_REASON_EXPORTER_REFUSES_WRITE);
		assert_both_accept(lab, &piece, 0);
		mapping = map(lab, piece.addr, LENGTH, 0);
		fill(piece.addr, PROBE, SEED_BEFORE);
		assert_true(
			probe_reads(lab, mapping_dma(mapping, 0), SEED_BEFORE));
		probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
		assert_filled(piece.addr, PROBE, SEED_BEFORE);
		unmap(mapping);
	}
}

static void a_refused_pin_is_eopnotsupp(void **state)
{
	struct lab *lab = *state;

	for_each_way(way)
	{
		struct piece piece = a_piece(lab, *way);

		piece_rules(&piece, IVSHMEM_NO_PIN, NULL);
		assert_both_refuse(lab, &piece, WRITE | PIN, EOPNOTSUPP,
				   P2PMAP_REASON_PIN_DEVICE_MEMORY);
		assert_both_accept(lab, &piece, WRITE);
		assert_int_equal(piece_pins(&piece), 0);
	}
}

static void what_was_withdrawn_is_efault(void **state)
{
	struct lab *lab = *state;

	for_each_way(way)
	{
		struct piece piece = a_piece(lab, *way);

		piece_withdraw(&piece);
		assert_both_refuse(lab, &piece, WRITE, EFAULT,
				   P2PMAP_REASON_EXPORTER_HAS_NONE);
		assert_refused(lab, piece.addr, LENGTH, WRITE | PIN,
			       *way ? EFAULT : EOPNOTSUPP,
			       *way ? P2PMAP_REASON_EXPORTER_HAS_NONE :
				      P2PMAP_REASON_PIN_DEVICE_MEMORY);
	}
}

/* Who knows the BAR by another way does not ask the exporter. */
static void a_range_with_and_without_exporter_is_einval(void **state)
{
	struct lab *lab = *state;

	for_each_way(way)
	{
		struct piece piece = a_piece(lab, *way);
		unsigned char *both =
			keep_range(reserve(2 * LENGTH), 2 * LENGTH);

		assert_ptr_not_equal(mmap(both, LENGTH, RW,
					  MAP_SHARED | MAP_FIXED, piece.fd,
					  piece.offset),
				     MAP_FAILED);
		bar_mmap(lab->ivshmem_address, 2, both + LENGTH, 0, LENGTH, RW,
			 MAP_SHARED);
		assert_refused(lab, both, 2 * LENGTH, WRITE, EINVAL,
			       P2PMAP_REASON_MIXED);
	}
}

/* Two VMAs, one exporter: one range; what happens to one is not the other's. */
static void pieces_side_by_side_are_one_range(void **state)
{
	struct lab *lab = *state;
	struct piece first = a_piece(lab, 0);
	struct piece second = piece_alloc(first.fd, LENGTH, 0);
	unsigned char *both = keep_range(reserve(2 * LENGTH), 2 * LENGTH);
	struct p2pmap_mapping *mapping;
	struct p2pmap_event event;

	mmap(both, LENGTH, RW, MAP_SHARED | MAP_FIXED, first.fd, first.offset);
	mmap(both + LENGTH, LENGTH, RW, MAP_SHARED | MAP_FIXED, second.fd,
	     second.offset);
	mapping = map(lab, both, 2 * LENGTH, WRITE);
	piece_move(&second);
	assert_true(event_next(lab->ctx, 0, &event));
	assert_int_equal(event.offset, LENGTH);
	assert_int_equal(event.length, LENGTH);
	probe_write(lab, mapping_dma(mapping, 0), SEED_BEFORE);
	assert_filled(first.addr, PROBE, SEED_BEFORE);
	probe_write(lab, mapping_dma(mapping, LENGTH), SEED_AFTER);
	assert_false(is_filled(second.addr, PROBE, SEED_AFTER));
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	probe_write(lab, mapping_dma(mapping, LENGTH), SEED_AFTER);
	assert_filled(second.addr, PROBE, SEED_AFTER);
	unmap(mapping);
}

/* Pins */

static void a_pin_is_counted_and_keeps_the_piece_in_place(void **state)
{
	struct lab *lab = *state;

	for_each_way(way)
	{
		struct piece piece = a_piece(lab, *way);
		struct p2pmap_mapping *one, *two;
		uint64_t place = piece_info(&piece).out_bar_offset;
		long charged = file_number("/proc/self/status", "VmPin:");

		one = map(lab, piece.addr, LENGTH, WRITE | PIN);
		assert_int_equal(piece_pins(&piece), 1);
		two = map(lab, piece.addr, PAGE, PIN);
		assert_int_equal(piece_pins(&piece), 2);
		/* Nothing is charged for it. */
		assert_int_equal(file_number("/proc/self/status", "VmPin:"),
				 charged);
		assert_int_equal(try_move(&piece), -EBUSY);
		assert_reaches(lab, &piece, one, SEED_BEFORE);
		unmap(one);
		assert_int_equal(try_move(&piece), -EBUSY);
		assert_false(readable(p2pmap_context_fd(lab->ctx), 0));
		unmap(two);
		assert_int_equal(piece_pins(&piece), 0);
		assert_int_equal(piece_info(&piece).out_bar_offset, place);
		piece_move(&piece);
		assert_filled(piece.addr, PROBE, SEED_BEFORE);
	}
}

static void a_pin_outlives_its_vma_and_its_file(void **state)
{
	struct lab *lab = *state;

	for_each_way(way)
	{
		struct piece piece = a_piece(lab, *way);
		unsigned char *place = place_of(lab, &piece);
		struct p2pmap_mapping *mapping =
			map(lab, piece.addr, LENGTH, WRITE | PIN);
		uint64_t offset, length = BAR_LENGTH;

		end_range(piece.addr);
		assert_told(lab, mapping, P2PMAP_EVENT_UNMAPPED,
			    P2PMAP_EVENT_NOT_CUT);
		assert_true(mapping_status(mapping).out_flags &
			    P2PMAP_MAPPING_STALE);
		assert_int_equal(piece_pins(&piece), 1);
		assert_int_equal(try_move(&piece), -EBUSY);
		end_fd(piece.fd);
		probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
		assert_filled(place, PROBE, SEED_AFTER);
		/* The space is not given to anybody else before. */
		piece.fd = exporter_open(lab);
		assert_int_equal(try_alloc(piece.fd, length, 0, &offset),
				 -ENOSPC);
		unmap(mapping);
		assert_space_is_free(lab);
	}
}

static void a_withdrawn_pin_is_cut_and_told(void **state)
{
	struct lab *lab = *state;

	for_each_way(way)
	{
		struct piece piece = a_piece(lab, *way);
		unsigned char *place = place_of(lab, &piece);
		struct p2pmap_mapping *mapping =
			map(lab, piece.addr, LENGTH, WRITE | PIN);

		probe_write(lab, mapping_dma(mapping, 0), SEED_BEFORE);
		piece_withdraw(&piece);
		assert_told(lab, mapping, P2PMAP_EVENT_WITHDRAWN, 0);
		probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
		assert_filled(place, PROBE, SEED_BEFORE);
		unmap(mapping);
		assert_int_equal(piece_pins(&piece), 0);
	}
}

/* Moves */

static void a_move_cuts_tells_and_remap_brings_it_back(void **state)
{
	struct lab *lab = *state;
	struct piece piece = a_piece(lab, 0);
	unsigned char *old = place_of(lab, &piece);
	struct p2pmap_mapping *mapping = map(lab, piece.addr, LENGTH, WRITE);
	uint64_t dma = mapping_dma(mapping, 0);

	assert_reaches(lab, &piece, mapping, SEED_BEFORE);
	piece_move(&piece);
	assert_told(lab, mapping, P2PMAP_EVENT_WITHDRAWN, 0);
	assert_false(mapping_status(mapping).out_flags & P2PMAP_MAPPING_LIVE);
	probe_write(lab, dma, SEED_AFTER);
	assert_filled(old, PROBE, SEED_BEFORE);
	assert_filled(piece.addr, PROBE, SEED_BEFORE);
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	assert_int_equal(mapping_dma(mapping, 0), dma);
	assert_true(probe_reads(lab, dma, SEED_BEFORE));
	assert_reaches(lab, &piece, mapping, SEED_AGAIN);
	assert_filled(old, PROBE, SEED_BEFORE);
	unmap(mapping);
}

static void a_moved_piece_comes_back_by_itself_with_restore(void **state)
{
	struct lab *lab = *state;
	struct piece piece = a_piece(lab, 0);
	struct p2pmap_mapping *mapping =
		map(lab, piece.addr, LENGTH, WRITE | P2PMAP_MAP_RESTORE);

	assert_reaches(lab, &piece, mapping, SEED_BEFORE);
	piece_move(&piece);
	assert_true(comes_alive(mapping, LENGTH));
	assert_true(probe_reads(lab, mapping_dma(mapping, 0), SEED_BEFORE));
	assert_reaches(lab, &piece, mapping, SEED_AFTER);
	unmap(mapping);
}

/*
 * As long as what the core mm says when it splits a page off: it is looked for,
 * and found where it is now.
 */
static void a_moved_piece_of_2_mib_comes_back_from_its_new_place(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), HUGE, 0);
	struct p2pmap_mapping *mapping = map(lab, piece.addr, HUGE, WRITE);

	unsigned char *old = place_of(lab, &piece);

	fill(piece.addr, PROBE, SEED_BEFORE);
	piece_move(&piece);
	assert_told(lab, mapping, P2PMAP_EVENT_WITHDRAWN, 0);
	assert_true(comes_alive(mapping, HUGE));
	assert_true(probe_reads(lab, mapping_dma(mapping, 0), SEED_BEFORE));
	assert_reaches(lab, &piece, mapping, SEED_AGAIN);
	assert_filled(old, PROBE, SEED_BEFORE);
	unmap(mapping);
}

/* The core mm announces 2 MiB for it. */
static void a_page_that_is_unmapped_takes_no_other_with_it(void **state)
{
	struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), 2 * HUGE, 0);
	struct p2pmap_mapping *mapping = map(lab, piece.addr, 2 * HUGE, WRITE);

	assert_int_equal(munmap(piece.addr, PAGE), 0);
	assert_true(comes_alive(mapping, 2 * HUGE - PAGE));
	probe_write(lab, mapping_dma(mapping, HUGE), SEED_AFTER);
	assert_filled(piece.addr + HUGE, PROBE, SEED_AFTER);
	unmap(mapping);
}

/* Addresses that the exporter makes are not for p2pmap to put back. */
static void addresses_of_the_exporters_are_gone_with_a_move(void **state)
{
	struct lab *lab = *state;
	struct piece piece = a_piece(lab, IVSHMEM_OWN_DMA);
	unsigned char *old = place_of(lab, &piece);
	struct p2pmap_mapping *mapping = map(lab, piece.addr, LENGTH, WRITE);
	uint64_t dma = mapping_dma(mapping, 0);

	assert_reaches(lab, &piece, mapping, SEED_BEFORE);
	piece_move(&piece);
	assert_told(lab, mapping, P2PMAP_EVENT_WITHDRAWN, 0);
	assert_true(mapping_status(mapping).out_flags & P2PMAP_MAPPING_GONE);
	probe_write(lab, dma, SEED_AFTER);
	assert_filled(old, PROBE, SEED_BEFORE);
	assert_filled(piece.addr, PROBE, SEED_BEFORE);
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL),
			 -EOPNOTSUPP);
	unmap(mapping);
	mapping = map(lab, piece.addr, LENGTH, WRITE);
	assert_true(probe_reads(lab, mapping_dma(mapping, 0), SEED_BEFORE));
	assert_reaches(lab, &piece, mapping, SEED_AGAIN);
	unmap(mapping);
}

static void what_is_withdrawn_cannot_be_had_back(void **state)
{
	struct lab *lab = *state;
	struct piece piece = a_piece(lab, 0);
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_mapping *mapping =
		map(lab, piece.addr, LENGTH, WRITE | P2PMAP_MAP_SINK);

	piece_withdraw(&piece);
	assert_told(lab, mapping, P2PMAP_EVENT_WITHDRAWN, 0);
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, &reason), -EFAULT);
	assert_int_equal(reason.code, P2PMAP_REASON_EXPORTER_HAS_NONE);
	/* Late DMA hits the sink, which reads as what was written there. */
	assert_int_equal(mapping_status(mapping).out_sink_bytes, LENGTH);
	probe_write(lab, mapping_dma(mapping, 0), SEED_OTHER);
	assert_true(probe_reads(lab, mapping_dma(mapping, 0), SEED_OTHER));
	unmap(mapping);
}

/*
 * A write that was under way when the piece was moved, a thousand times.  It
 * lands in the piece or nowhere: what was left in the old place stays as it was.
 */
static void a_thousand_moves_under_dma_leave_old_places_alone(void **state)
{
	struct lab *lab = *state;
	struct piece piece = a_piece(lab, 0);
	struct p2pmap_mapping *mapping = map(lab, piece.addr, LENGTH, WRITE);
	unsigned long moves = scaled(1000), rounds = moves / 10;
	uint64_t dma = mapping_dma(mapping, 0);
	unsigned char *bar = keep_range(bar_at(lab, 0, BAR_LENGTH), BAR_LENGTH);

	fill(piece.addr, PROBE, 0);
	for (unsigned long round = 1; round <= rounds; round++) {
		dev_load(lab, round, PROBE);
		assert_int_equal(edu_start(lab->edu, EDU_WRITE, dma, PROBE), 0);
		for (int i = 0; i < 10; i++) {
			unsigned char *old =
				bar + piece_info(&piece).out_bar_offset;

			sleep_ms(i < 9 ? 0 : round % 10 * 10);
			piece_move(&piece);
			fill(old, PROBE, SEED_OTHER);
			if (i == 4)
				p2pmap_mapping_remap(mapping, 0, 0, NULL);
			if (i == 9) {
				assert_int_equal(edu_wait(lab->edu, 1000), 0);
				assert_filled(old, PROBE, SEED_OTHER);
			}
		}
		/* The old content, or the new one if it was in time. */
		assert_true(is_filled(piece.addr, PROBE, round) ||
			    is_filled(piece.addr, PROBE, round - 1));
		assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
		assert_int_equal(edu_write(lab->edu, dma, PROBE), 0);
		assert_filled(piece.addr, PROBE, round);
	}
	assert_int_equal(piece_info(&piece).out_moves, rounds * 10);
	assert_int_equal(mapping_dma(mapping, 0), dma);
	unmap(mapping);
}

/* Registration */

static void an_exporter_that_unregisters_takes_all_with_it(void **state)
{
	struct lab *lab = *state;

	for (uint32_t pin = 0; pin <= PIN; pin += PIN) {
		for_each_way(way)
		{
			struct piece piece = a_piece(lab, *way);
			struct p2pmap_mapping *mapping =
				map(lab, piece.addr, LENGTH, WRITE | pin);

			probe_write(lab, mapping_dma(mapping, 0), SEED_BEFORE);
			assert_filled(piece.addr, PROBE, SEED_BEFORE);
			assert_int_equal(file_write(ANSWERING, "0"), 0);
			assert_told(lab, mapping, P2PMAP_EVENT_WITHDRAWN, 0);
			assert_int_equal(piece_pins(&piece), 0);
			assert_true(mapping_status(mapping).out_flags &
				    P2PMAP_MAPPING_GONE);
			probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
			assert_filled(piece.addr, PROBE, SEED_BEFORE);
			/* Not even by who comes next: he knows nothing of it. */
			assert_int_equal(file_write(ANSWERING, "1"), 0);
			assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0,
							      NULL),
					 *way ? -EOPNOTSUPP : -ENODEV);
			probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
			assert_filled(piece.addr, PROBE, SEED_BEFORE);
			unmap(mapping);
		}
	}
}

/* Mapped without anybody's leave, and an exporter comes and goes later. */
static void an_exporter_that_comes_later_has_no_say(void **state)
{
	struct lab *lab = *state;
	struct piece piece = a_piece(lab, 0);
	struct p2pmap_mapping *mapping;
	struct p2pmap_reason reason = { .size = sizeof(reason) };

	fill(piece.addr, PROBE, SEED_BEFORE);
	assert_int_equal(file_write(ANSWERING, "0"), 0);
	assert_refused(lab, piece.addr, LENGTH, WRITE | PIN, EOPNOTSUPP,
		       P2PMAP_REASON_PIN_DEVICE_MEMORY);
	mapping = map(lab, piece.addr, LENGTH, WRITE);
	assert_int_equal(file_write(ANSWERING, "1"), 0);
	probe_write(lab, mapping_dma(mapping, 0), SEED_AFTER);
	assert_filled(piece.addr, PROBE, SEED_AFTER);
	piece_move(&piece);
	/* He would not be told when that one leaves: it is to be mapped anew. */
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, &reason), -EFAULT);
	assert_int_equal(reason.code, P2PMAP_REASON_EXPORTER_HAS_NONE);
	unmap(mapping);
	assert_both_accept(lab, &piece, WRITE | PIN);
}

static const struct CMUnitTest tests[] = {
	DRIVERS_TEST(a_piece_is_reached_as_described),
	DRIVERS_TEST(a_piece_is_reached_by_addresses_of_the_exporters),
	DRIVERS_TEST(a_refused_importer_is_eperm),
	DRIVERS_TEST(a_refused_write_is_eperm_and_reading_works),
	DRIVERS_TEST(a_refused_pin_is_eopnotsupp),
	DRIVERS_TEST(what_was_withdrawn_is_efault),
	DRIVERS_TEST(a_range_with_and_without_exporter_is_einval),
	DRIVERS_TEST(pieces_side_by_side_are_one_range),
	DRIVERS_TEST(a_pin_is_counted_and_keeps_the_piece_in_place),
	DRIVERS_TEST(a_pin_outlives_its_vma_and_its_file),
	DRIVERS_TEST(a_withdrawn_pin_is_cut_and_told),
	DRIVERS_TEST(a_move_cuts_tells_and_remap_brings_it_back),
	DRIVERS_TEST(a_moved_piece_comes_back_by_itself_with_restore),
	DRIVERS_TEST(a_moved_piece_of_2_mib_comes_back_from_its_new_place),
	DRIVERS_TEST(a_page_that_is_unmapped_takes_no_other_with_it),
	DRIVERS_TEST(addresses_of_the_exporters_are_gone_with_a_move),
	DRIVERS_TEST(what_is_withdrawn_cannot_be_had_back),
	DRIVERS_TEST(a_thousand_moves_under_dma_leave_old_places_alone),
	DRIVERS_TEST(an_exporter_that_unregisters_takes_all_with_it),
	DRIVERS_TEST(an_exporter_that_comes_later_has_no_say),
};

DRIVERS_MAIN(LAB_TRANSLATED, tests)
