// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of drivers: exporter, importer, their devices, files and VMAs go in
 * every order while something is mapped, and nothing is left of them.
 *
 * A driver that is unbound gives back what it promised before it goes; a module
 * goes when nobody uses it, and says so until then.  After each order all of the
 * exporter's memory is free again.
 *
 * iommu: on
 * lab: --icount --qemu '-device edu,bus=rp1,dma_mask=0xffffffffffffffff'
 */
#define _GNU_SOURCE
#include "drivers.h"

#define LENGTH (4 * PAGE)

#define SEED_BEFORE 0x1000
#define SEED_AFTER 0x2000

/* What is mapped in how many ways: by p2pmap's addresses or the exporter's. */
struct kind {
	uint32_t way;
	bool pin;
};

static const struct kind kinds[] = {
	{ 0, false },
	{ 0, true },
	{ IVSHMEM_OWN_DMA, false },
	{ IVSHMEM_OWN_DMA, true },
};

#define NR_KINDS (sizeof(kinds) / sizeof(*kinds))

static int end_setup(void **state)
{
	int rc = drivers_setup(state);

	if (!rc)
		need_importer(other_edu(*state));
	return rc;
}

#define END_TEST(function)                                            \
	cmocka_unit_test_prestate_setup_teardown(function, end_setup, \
						 drivers_teardown, #function)

/**
 * struct play - all that may end, in use
 * @lab: the lab
 * @piece: the exporter's memory, and the VMA
 * @importer: a descriptor of the importer in the kernel
 * @id: its range
 * @mapping: the same memory, mapped for the lab's edu; NULL if not translated
 */
struct play {
	struct lab *lab;
	struct piece piece;
	int importer;
	uint32_t id;
	struct p2pmap_mapping *mapping;
};

static struct play play_begin(struct lab *lab, const struct kind *kind)
{
	struct play play = { .lab = lab };

	need_exporter(lab);
	need_importer(other_edu(lab));
	play.piece = piece_alloc(exporter_open(lab), LENGTH, kind->way);
	play.importer = importer_open(other_edu(lab));
	play.id = range_register(play.importer, play.piece.addr, LENGTH,
				 EDU_RANGE_WRITE |
					 (kind->pin ? EDU_RANGE_PIN : 0));
	if (lab_is_translated(lab))
		play.mapping = map(lab, play.piece.addr, LENGTH,
				   WRITE | (kind->pin ? PIN : 0));
	return play;
}

static void unmap_vma(struct play *play)
{
	end_range(play->piece.addr);
}

static void close_exporter(struct play *play)
{
	end_fd(play->piece.fd);
}

static void close_importer(struct play *play)
{
	end_fd(play->importer);
}

static void unbind_exporter(struct play *play)
{
	assert_int_equal(unbind(play->lab->ivshmem_address), 0);
}

static void unbind_importer(struct play *play)
{
	assert_int_equal(unbind(other_edu(play->lab)), 0);
}

static void (*const acts[])(struct play *play) = {
	unmap_vma,	 close_exporter,  close_importer,
	unbind_exporter, unbind_importer,
};

#define NR_ACTS ((int)(sizeof(acts) / sizeof(*acts)))

/* The next permutation in lexical order; false after the last. */
static bool next_order(int *order)
{
	int i = NR_ACTS - 2, k = NR_ACTS - 1, swap;

	while (i >= 0 && order[i] > order[i + 1])
		i--;
	if (i < 0)
		return false;
	while (order[k] < order[i])
		k--;
	swap = order[i], order[i] = order[k], order[k] = swap;
	for (i++, k = NR_ACTS - 1; i < k; i++, k--)
		swap = order[i], order[i] = order[k], order[k] = swap;
	return true;
}

/* In each of them everything is live when it begins, and nothing at its end. */
static void everything_ends_in_every_order(void **state)
{
	struct lab *lab = *state;
	int order[NR_ACTS] = { 0, 1, 2, 3, 4 };
	unsigned int orders = 0;
	long step = 1 / (scaled(100) / 100.0) < 1 ? 1 : 100 / scaled(100);

	do {
		struct play play;

		if (orders++ % step)
			continue;
		play = play_begin(lab, &kinds[orders / step % NR_KINDS]);
		for (int i = 0; i < NR_ACTS; i++)
			acts[order[i]](&play);
		if (play.mapping)
			unmap(play.mapping);
		need_exporter(lab);
		assert_space_is_free(lab);
	} while (next_order(order));
	assert_int_equal(orders, 120);
}

/* The exporter */

static int touch(void *arg)
{
	volatile unsigned char *addr = arg;

	(void)*addr;
	return 0;
}

static void an_exporter_unbound_cuts_and_gives_pins_back(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < NR_KINDS; i++) {
		struct play play = play_begin(lab, &kinds[i]);
		unsigned char *place = place_of(lab, &play.piece);
		struct edu_status status;

		assert_int_equal(put(play.importer, play.id, 0, SEED_BEFORE, 0),
				 0);
		assert_int_equal(piece_pins(&play.piece), !kinds[i].pin ? 0 :
							  play.mapping	? 2 :
									  1);
		unbind_exporter(&play);
		status = range_status(play.importer, play.id);
		assert_true(status.out_reasons & P2PMAP_EVENT_DEVICE_GONE);
		assert_true(status.out_flags & P2PMAP_MAPPING_GONE);
		assert_false(status.out_flags & P2PMAP_MAPPING_LIVE);
		assert_int_equal(piece_pins(&play.piece), 0);
		assert_true(range_remap(play.importer, play.id) < 0);
		assert_int_equal(put(play.importer, play.id, 0, SEED_AFTER,
				     EDU_TRANSFER_REMAP),
				 1);
		assert_filled(place, PROBE, SEED_BEFORE);
		assert_int_equal(in_child(touch, play.piece.addr),
				 CHILD_SIGNALLED + SIGBUS);
		/* Neither can it be had anew, nor is there more of it. */
		assert_int_equal(try_register(play.importer, 0, play.piece.addr,
					      LENGTH, 0, &play.id),
				 -EFAULT);
		assert_int_equal(try_alloc(play.piece.fd, PAGE, 0,
					   &play.piece.offset),
				 -ENODEV);
		assert_int_equal(try_move(&play.piece), -ENXIO);
		if (play.mapping)
			unmap(play.mapping);
		end_all();
	}
}

static void an_exporter_bound_again_is_another_one(void **state)
{
	struct lab *lab = *state;
	struct play old = play_begin(lab, &kinds[0]), new;

	unbind_exporter(&old);
	assert_int_equal(bind_exporter(lab), 0);
	new = play_begin(lab, &kinds[0]);
	assert_int_equal(put(new.importer, new.id, 0, SEED_BEFORE, 0), 0);
	assert_int_equal(put(old.importer, old.id, 0, SEED_AFTER,
			     EDU_TRANSFER_REMAP),
			 1);
	assert_filled(new.piece.addr, PROBE, SEED_BEFORE);
	if (new.mapping) {
		unmap(old.mapping);
		unmap(new.mapping);
	}
}

/* The importer */

static void an_importer_unbound_takes_its_ranges_down(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < NR_KINDS; i++) {
		struct play play = play_begin(lab, &kinds[i]);
		uint32_t pins = piece_pins(&play.piece);
		struct edu_status status;

		unbind_importer(&play);
		status = range_status(play.importer, play.id);
		assert_true(status.out_reasons & P2PMAP_EVENT_DEVICE_GONE);
		assert_int_equal(status.out_flags, 0);
		assert_int_equal(piece_pins(&play.piece), pins - kinds[i].pin);
		assert_int_equal(put(play.importer, play.id, 0, SEED_AFTER, 0),
				 -ENODEV);
		assert_int_equal(range_unregister(play.importer, play.id), 0);
		/* The other importer has what it had. */
		if (play.mapping) {
			probe_write(lab, mapping_dma(play.mapping, 0),
				    SEED_AFTER);
			assert_filled(play.piece.addr, PROBE, SEED_AFTER);
			unmap(play.mapping);
		}
		end_all();
	}
}

static void pinned_ram_is_let_go_by_an_importer_unbound(void **state)
{
	struct lab *lab = *state;
	unsigned char *addr = keep_range(ram(LENGTH), LENGTH);
	long pins = pages_pinned();
	int fd = importer_open(other_edu(lab));

	range_register(fd, addr, LENGTH, EDU_RANGE_WRITE | EDU_RANGE_PIN);
	range_register(fd, addr, LENGTH, EDU_RANGE_WRITE);
	assert_int_equal(pages_pinned(), pins + 4);
	assert_int_equal(unbind(other_edu(lab)), 0);
	assert_int_equal(pages_pinned(), pins);
	end_fd(fd);
}

/* Processes */

static int die_with_all(void *arg)
{
	struct lab *lab = arg;

	for (size_t i = 0; i < NR_KINDS; i++) {
		struct piece piece =
			piece_alloc(exporter_open(lab), LENGTH, kinds[i].way);
		int fd = importer_open(other_edu(lab));
		uint32_t id, flags = kinds[i].pin ? EDU_RANGE_PIN : 0;

		CHILD_CHECK(!try_register(fd, 0, piece.addr, LENGTH,
					  EDU_RANGE_WRITE | flags, &id));
		CHILD_CHECK(!try_register(fd, 0, ram(PAGE), PAGE, flags, &id));
	}
	raise(SIGKILL);
	return 0;
}

static void a_killed_process_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	long pins = pages_pinned();

	for (int i = 0; i < 10; i++)
		assert_int_equal(in_child(die_with_all, lab),
				 CHILD_SIGNALLED + SIGKILL);
	assert_int_equal(pages_pinned(), pins);
	assert_space_is_free(lab);
}

/* Modules */

static void assert_in_use(const char *module)
{
	assert_int_equal(try_rmmod(module), -EWOULDBLOCK);
}

static void all_are_in_use(void)
{
	assert_in_use("p2pmap");
	assert_in_use(EXPORTER);
	assert_in_use(IMPORTER);
}

/* At each stage of the beginning and of the end. */
static void modules_in_use_are_not_unloaded(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < NR_KINDS; i++) {
		struct play play = play_begin(lab, &kinds[i]);

		all_are_in_use();
		if (play.mapping)
			unmap(play.mapping);
		play.mapping = NULL;
		end_fd(play.piece.fd);
		all_are_in_use(); /* by the VMA */
		end_range(play.piece.addr);
		assert_in_use("p2pmap");
		assert_in_use(IMPORTER);
		/* Pinned or not: it is taken from those who have it. */
		assert_int_equal(try_rmmod(EXPORTER), 0);
		assert_int_equal(put(play.importer, play.id, 0, SEED_AFTER,
				     EDU_TRANSFER_REMAP),
				 1);
		assert_in_use(IMPORTER);
		assert_int_equal(range_unregister(play.importer, play.id), 0);
		assert_in_use(IMPORTER);
		end_fd(play.importer);
		assert_int_equal(try_rmmod(IMPORTER), 0);
		assert_in_use("p2pmap");
		assert_int_equal(COMMAND("modprobe", IMPORTER), 0);
	}
	need_exporter(lab);
}

static void the_importers_module_goes_first_or_last(void **state)
{
	struct lab *lab = *state;
	struct piece piece;

	for (size_t i = 0; i < NR_KINDS; i++) {
		struct play play = play_begin(lab, &kinds[i]);

		piece = play.piece;
		if (play.mapping)
			unmap(play.mapping);
		end_fd(play.importer);
		assert_int_equal(try_rmmod(IMPORTER), 0);
		assert_int_equal(piece_pins(&piece), 0);
		fill(piece.addr, PROBE, SEED_BEFORE);
		end_all();
		assert_int_equal(try_rmmod(EXPORTER), 0);
		assert_int_equal(COMMAND("modprobe", EXPORTER), 0);
		assert_int_equal(COMMAND("modprobe", IMPORTER), 0);
	}
}

static void exporters_come_and_go_under_registrations(void **state)
{
	struct lab *lab = *state;
	struct play play = play_begin(lab, &kinds[0]);
	unsigned long rounds = scaled(100);
	/* Those under which it happens: DMA-API debugging counts to seven. */
	uint32_t ids[4];
	unsigned int nr = 0;
	int rc;

	if (play.mapping)
		unmap(play.mapping);
	for (unsigned long i = 0; i < rounds; i++) {
		assert_int_equal(file_write(ANSWERING, i & 1 ? "1" : "0"), 0);
		if (nr >= 4)
			range_unregister(play.importer, ids[nr % 4]);
		rc = try_register(play.importer, 0, play.piece.addr, LENGTH,
				  EDU_RANGE_WRITE, &ids[nr % 4]);
		/* Once zapped it is not there for who does not ask. */
		assert_true(!rc || rc == -EFAULT);
		nr += !rc;
	}
}

static const struct CMUnitTest tests[] = {
	END_TEST(everything_ends_in_every_order),
	END_TEST(an_exporter_unbound_cuts_and_gives_pins_back),
	END_TEST(an_exporter_bound_again_is_another_one),
	END_TEST(an_importer_unbound_takes_its_ranges_down),
	END_TEST(pinned_ram_is_let_go_by_an_importer_unbound),
	END_TEST(a_killed_process_leaves_nothing),
	END_TEST(modules_in_use_are_not_unloaded),
	END_TEST(the_importers_module_goes_first_or_last),
	END_TEST(exporters_come_and_go_under_registrations),
};

DRIVERS_MAIN(LAB_ANY, tests)
