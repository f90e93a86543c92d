// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy that fails, of every call, one after the
 * other: the call fails with the errno of the ABI's table, and nothing else has
 * changed.  What is mapped besides stays mapped and right, nothing is left
 * behind, and the same call succeeds as soon as it is let.
 *
 * The calls are the table of fault-ops.h, which is checked against the module for
 * completeness.
 *
 * iommu: on amd
 */
#define _GNU_SOURCE
#include "fault.h"
#include "fault-ops.h"

#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

/* More places than any call has. */
#define NTH_MAX 4000

#define KEEP_SEED 0x5eed

/* What else is there */

static void keep_open(struct world *world)
{
	struct lab *lab = world->lab;
	const uint32_t flags[] = { WRITE | PIN, WRITE, WRITE };

	keep_still();
	world->keep[0] = ram(PAGE);
	world->keep[1] = ram(PAGE);
	world->keep[2] = bar_at(lab, 40 * MIB, PAGE);
	for (int i = 0; i < 3; i++) {
		fill(world->keep[i], PROBE, KEEP_SEED + i);
		world->kept[i] = map(lab, world->keep[i], PAGE, flags[i]);
	}
}

static void keep_close(struct world *world)
{
	for (int i = 0; i < 3; i++) {
		unmap(world->kept[i]);
		munmap(world->keep[i], PAGE);
	}
}

static bool keep_is_well(const struct world *world)
{
	for (int i = 0; i < 3; i++)
		if (!(mapping_status(world->kept[i]).out_flags &
		      P2PMAP_MAPPING_LIVE) ||
		    !is_filled(world->keep[i], PROBE, KEEP_SEED + i))
			return false;
	return true;
}

static void assert_device_reaches_what_is_kept(const struct world *world)
{
	for (int i = 0; i < 3; i++)
		assert_true(probe_reads(world->lab,
					mapping_dma(world->kept[i], 0),
					KEEP_SEED + i));
}

/* One attempt */

/* What a call that fails must not change. */
struct state {
	struct p2pmap_info info;
	long pins;
	long vm_pin;
	long dma;
	long users;
};

static struct state state_take(const struct world *world)
{
	struct state state;

	memset(&state, 0, sizeof(state));
	state.info.size = sizeof(state.info);
	if (world->fd >= 0)
		assert_int_equal(issue(world, P2PMAP_IOC_INFO, &state.info), 0);
	state.pins = pages_pinned();
	state.vm_pin = file_number("/proc/self/status", "VmPin:");
	state.dma = dma_mappings(world->lab->edu_address);
	state.users = file_number("/sys/module/p2pmap/refcnt", NULL);
	return state;
}

static bool state_is(const struct world *world, const struct state *before)
{
	struct state now = state_take(world);

	return !memcmp(&now, before, sizeof(now));
}

static bool errno_is_right(int rc, enum fault_kind kind)
{
	return rc == (kind == FAULT_COPY ? -EFAULT : -ENOMEM);
}

static void complain(const struct world *world, unsigned int nth, int rc,
		     enum fault_kind kind, const char *what)
{
	static const char *const names[] = { "none", "slab", "page", "copy" };

	lab_note(world->lab, "%s, %s, flags 0x%x: fault %u (%s), %s: %s",
		 world->op->name,
		 world->op->memory ? memories[world->op->memory].name : "",
		 world->op->flags, nth, names[kind], rc ? strerror(-rc) : "0",
		 what);
}

/* What the DMA API has mapped for the importer, for who has to explain it. */
static void dump_dma(const struct world *world)
{
	FILE *file = fopen("/sys/kernel/debug/dma-api/dump", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, world->lab->edu_address))
			lab_note(world->lab, "%s", line);
	if (file)
		fclose(file);
}

/* Runs the call with the nth place failing; false if there is no such place. */
static bool attempt(struct world *world, unsigned int nth, bool *right)
{
	const struct memory *memory = &memories[world->op->memory];
	struct state before = state_take(world);
	enum fault_kind kind;
	int rc;

	if (memory->drain)
		memory->drain(world->range, memory->length);
	memset(&world->reason, 0, sizeof(world->reason));
	world->reason.size = sizeof(world->reason);
	fault_arm(nth);
	rc = world->op->call(world);
	kind = fault_hit();
	world->attempts++;
	world->faults += kind != FAULT_NONE;
	if (!kind && rc) {
		complain(world, nth, rc, kind, "failed without a fault");
		*right = false;
	}
	if (rc && kind && !errno_is_right(rc, kind)) {
		complain(world, nth, rc, kind, "another errno");
		*right = false;
	}
	if (rc && world->op->cannot_fail) {
		complain(world, nth, rc, kind, "it must not fail");
		*right = false;
	}
	if (rc && !state_is(world, &before)) {
		complain(world, nth, rc, kind, "the state has changed");
		*right = false;
	}
	if (!keep_is_well(world)) {
		complain(world, nth, rc, kind, "another mapping was hurt");
		*right = false;
	}
	if (!rc && world->op->after)
		world->op->after(world);
	if (!rc && world->op->after &&
	    dma_mappings(world->lab->edu_address) != before.dma) {
		complain(world, nth, rc, kind, "DMA mappings are left");
		dump_dma(world);
		*right = false;
	}
	if (!rc && !world->op->after)
		world_open(world, false);
	return kind != FAULT_NONE;
}

static bool run_op(struct world *world, const struct op *op)
{
	long dma = dma_mappings(world->lab->edu_address);
	size_t faults = world->faults;
	unsigned int nth = 1;
	bool right = true;

	world->op = op;
	world_open(world, true);
	while (nth < NTH_MAX && attempt(world, nth, &right))
		nth++;
	world_close(world);
	if (nth == NTH_MAX || (op->number >= 0 && nth == 1)) {
		complain(world, nth, 0, FAULT_NONE, "so many places?");
		right = false;
	}
	if (dma_mappings(world->lab->edu_address) != dma) {
		complain(world, nth, 0, FAULT_NONE, "DMA mappings are left");
		right = false;
	}
	assert_device_reaches_what_is_kept(world);
	lab_note(world->lab, "%-8s %-18s 0x%x: %zu faults", op->name,
		 op->memory ? memories[op->memory].name : "", op->flags,
		 world->faults - faults);
	return right;
}

/* Pins are charged to a user who may not ignore the limit. */
static void each_op(struct lab *lab, bool (*wanted)(const struct op *op))
{
	struct world world = { .lab = lab, .fd = -1 };
	long before[FAULT_KINDS];
	bool right = true;

	memcpy(before, fault_count, sizeof(before));
	world.event_fd = eventfd(0, EFD_CLOEXEC);
	keep_open(&world);
	for (size_t i = 0; i < NR_OPS; i++)
		if (wanted(&ops[i]))
			right &= run_op(&world, &ops[i]);
	keep_close(&world);
	close(world.event_fd);
	lab_note(lab, "%zu calls, %zu faults", world.attempts, world.faults);
	assert_true(right);
}

static bool is_map(const struct op *op)
{
	return op->call == call_map;
}

static bool is_remap(const struct op *op)
{
	return op->call == call_remap;
}

static bool is_ending(const struct op *op)
{
	return op->call == call_unmap || op->call == call_close;
}

static bool is_invalidation(const struct op *op)
{
	return op->call == call_munmap || op->call == call_dontneed ||
	       op->call == call_mprotect;
}

static bool is_another(const struct op *op)
{
	return !is_map(op) && !is_remap(op) && !is_ending(op) &&
	       !is_invalidation(op);
}

static void the_table_has_every_ioctl(void **state)
{
	struct lab *lab = *state;
	bool known, there;

	for (unsigned int nr = 0; nr < 256; nr++) {
		known = ioctl(p2pmap_context_fd(lab->ctx),
			      _IO(P2PMAP_IOC_MAGIC, nr), NULL) == 0 ||
			errno != ENOTTY;
		there = false;
		for (size_t i = 0; i < NR_OPS; i++)
			there |= ops[i].number == (int)nr;
		if (known != there)
			lab_note(lab, "ioctl %u", nr);
		assert_int_equal(known, there);
	}
}

static void map_fails_at_every_place_and_changes_nothing(void **state)
{
	each_op(*state, is_map);
}

static void remap_fails_at_every_place_and_changes_nothing(void **state)
{
	each_op(*state, is_remap);
}

static void unmap_and_close_need_no_memory(void **state)
{
	each_op(*state, is_ending);
}

static void memory_goes_although_there_is_none(void **state)
{
	each_op(*state, is_invalidation);
}

static void every_other_call_fails_at_every_place(void **state)
{
	each_op(*state, is_another);
}

/* Where nobody else has named the device it gets an object of its own. */

static void check_errno(int rc, enum fault_kind kind)
{
	if (kind == FAULT_NONE)
		assert_int_equal(rc, 0);
	else if (rc)
		assert_true(errno_is_right(rc, kind));
}

static void the_first_mapping_of_an_exporter_fails_at_every_place(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE);
	struct p2pmap_mapping *mapping = NULL;
	enum fault_kind kind;
	unsigned int nth = 0;
	int rc;

	do {
		fault_arm(++nth);
		rc = try_map(lab, range, PAGE, WRITE, &mapping);
		kind = fault_hit();
		check_errno(rc, kind);
		if (!rc)
			unmap(mapping);
	} while (kind != FAULT_NONE);
	assert_true(nth > 1);
	munmap(range, PAGE);
}

static void the_first_to_attach_a_device_fails_at_every_place(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_importer *importer = NULL;
	enum fault_kind kind;
	unsigned int nth = 0;
	int rc;

	if (!lab->nvme_address || bind_driver("nvme", lab->nvme_address))
		lab_skip(lab, "there is no NVMe controller with a driver");
	do {
		fault_arm(++nth);
		rc = attach(lab->ctx, lab->nvme_address, 0, &lab->reason,
			    &importer);
		kind = fault_hit();
		check_errno(rc, kind);
		if (!rc)
			assert_int_equal(p2pmap_importer_detach(importer), 0);
	} while (kind != FAULT_NONE);
	assert_true(nth > 1);
	assert_int_equal(bind_driver("none", lab->nvme_address), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(the_table_has_every_ioctl),
		LAB_TEST(map_fails_at_every_place_and_changes_nothing),
		LAB_TEST(remap_fails_at_every_place_and_changes_nothing),
		LAB_TEST(unmap_and_close_need_no_memory),
		LAB_TEST(memory_goes_although_there_is_none),
		LAB_TEST(every_other_call_fails_at_every_place),
		LAB_TEST(the_first_mapping_of_an_exporter_fails_at_every_place),
		LAB_TEST(the_first_to_attach_a_device_fails_at_every_place),
	};

	if (!lab_begin(argc, argv, LAB_TRANSLATED))
		return 77;
	if (!fault_begin()) {
		puts("1..0 # SKIP this kernel injects no faults (see tests/vm/debug-kernel)");
		return 77;
	}
	/* Root without its privilege: what it pins counts. */
	limit_memlock(64 * MIB);
	drop_capability(CAP_IPC_LOCK);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
