// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation that fails while a driver asks for a mapping, in whichever way
 * it has its addresses, or has one back: it is told -ENOMEM, nothing is left
 * behind, and an exporter has been given back what it gave.
 *
 * lab: --qemu '-device edu,bus=rp1,dma_mask=0xffffffffffffffff'
 * iommu: on
 */
#define _GNU_SOURCE
#include "drivers.h"
#include "fault.h"

#define LENGTH (16 * PAGE)
#define WR EDU_RANGE_WRITE

/* More places than any call has. */
#define NTH_MAX 2000

static int importer;

static int driver_setup(void **state)
{
	int rc = drivers_setup(state);

	if (rc)
		return rc;
	need_importer(other_edu(*state));
	importer = importer_open(other_edu(*state));
	return 0;
}

#define DRIVER_TEST(function)                                            \
	cmocka_unit_test_prestate_setup_teardown(function, driver_setup, \
						 drivers_teardown, #function)

static const uint32_t looks[] = { 0, EDU_RANGE_ADDRESSES, EDU_RANGE_SGTABLE };

static bool is_right(int rc, enum fault_kind kind)
{
	if (kind == FAULT_NONE)
		return !rc;
	return !rc || rc == (kind == FAULT_COPY ? -EFAULT : -ENOMEM);
}

/*
 * False if the nth place was not reached.  With a descriptor of its own: one who
 * cannot be told his range's id has it until he closes.
 */
static bool register_failing(const struct lab *lab, const void *addr,
			     uint32_t flags, unsigned int nth)
{
	int rc, fd = importer_open(other_edu(lab));
	enum fault_kind kind;
	uint32_t id;

	fault_arm(nth);
	rc = try_register(fd, 0, addr, LENGTH, flags, &id);
	kind = fault_hit();
	if (!is_right(rc, kind))
		lab_note(lab, "flags 0x%x, %u: %s", flags, nth, strerror(-rc));
	assert_true(is_right(rc, kind));
	if (!rc)
		assert_int_equal(range_unregister(fd, id), 0);
	end_fd(fd);
	return kind != FAULT_NONE;
}

static void check_register(const struct lab *lab, const void *addr,
			   uint32_t flags, const struct piece *piece)
{
	long dma = dma_mappings(other_edu(lab)), pins = pages_pinned();
	unsigned int nth;

	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
		for (nth = 1;
		     register_failing(lab, addr, flags | looks[i], nth);
		     nth++) {
			assert_true(nth < NTH_MAX);
			assert_int_equal(dma_mappings(other_edu(lab)), dma);
			assert_int_equal(pages_pinned(), pins);
			if (piece)
				assert_int_equal(piece_pins(piece), 0);
		}
		assert_true(nth > 1);
	}
}

static void ram_fails_at_every_place(void **state)
{
	const struct lab *lab = *state;
	void *addr = keep_range(ram(LENGTH), LENGTH);

	fill(addr, LENGTH, 1);
	check_register(lab, addr, WR, NULL);
	check_register(lab, addr, WR | EDU_RANGE_SINK, NULL);
	check_register(lab, addr, WR | EDU_RANGE_PIN, NULL);
}

static void a_piece_fails_at_every_place(void **state)
{
	const struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);

	check_register(lab, piece.addr, WR, &piece);
	check_register(lab, piece.addr, WR | EDU_RANGE_PIN, &piece);
}

static void addresses_of_the_exporters_fail_at_every_place(void **state)
{
	const struct lab *lab = *state;
	struct piece piece =
		piece_alloc(exporter_open(lab), LENGTH, IVSHMEM_OWN_DMA);

	check_register(lab, piece.addr, WR, &piece);
}

static void a_remap_fails_at_every_place_and_then_does_not(void **state)
{
	const struct lab *lab = *state;
	struct piece piece = piece_alloc(exporter_open(lab), LENGTH, 0);
	uint32_t id = range_register(importer, piece.addr, LENGTH, WR);
	enum fault_kind kind;
	unsigned int nth = 0;
	int rc;

	do {
		piece_move(&piece);
		fault_arm(++nth);
		rc = range_remap(importer, id);
		kind = fault_hit();
		assert_true(is_right(rc, kind));
		assert_true(nth < NTH_MAX);
	} while (kind != FAULT_NONE);
	assert_true(nth > 1);
	assert_int_equal(put(importer, id, 0, 7, 0), 0);
	assert_filled(piece.addr, PROBE, 7);
	assert_int_equal(range_unregister(importer, id), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		DRIVER_TEST(ram_fails_at_every_place),
		DRIVER_TEST(a_piece_fails_at_every_place),
		DRIVER_TEST(addresses_of_the_exporters_fail_at_every_place),
		DRIVER_TEST(a_remap_fails_at_every_place_and_then_does_not),
	};

	if (!lab_begin(argc, argv, LAB_TRANSLATED))
		return 77;
	if (!fault_begin()) {
		puts("1..0 # SKIP this kernel injects no faults (see tests/vm/debug-kernel)");
		return 77;
	}
	return cmocka_run_group_tests(tests, drivers_load, drivers_unload) ? 1 :
									     0;
}
