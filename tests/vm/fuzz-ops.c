// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's operations: what they have in common, those that concern the
 * process and the system, and which code stands for which.  fuzz.h says what an
 * input is, fuzz-ops.h where the operations are.
 */
#define _GNU_SOURCE
#include "fuzz-ops.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#define ARENA ((void *)0x200000000000)

long counted(struct fuzz_world *world, long rc)
{
	atomic_fetch_add_explicit(&world->shared->calls, 1,
				  memory_order_relaxed);
	if (rc >= 0)
		atomic_fetch_add_explicit(&world->shared->successes, 1,
					  memory_order_relaxed);
	return rc;
}

void violation(struct fuzz_world *world, const char *what)
{
	if (!atomic_fetch_add(&world->shared->violations, 1))
		snprintf(world->shared->violation,
			 sizeof(world->shared->violation), "%s", what);
}

/* Values that matter */

uint64_t address_of(const struct fuzz_world *world, const uint8_t *op)
{
	static const uint64_t offsets[16] = {
		0,	    0,	      0,
		0,	    PAGE,     2 * PAGE,
		3 * PAGE,   HUGE,     HUGE + PAGE,
		511 * PAGE, 7 * PAGE, 1,
		PAGE / 2,   1 << 20,  FUZZ_SLOT_SIZE - PAGE,
		0,
	};
	uint64_t address = (uintptr_t)world->slots +
			   slot_of(op) * FUZZ_SLOT_SIZE +
			   offsets[op[SLOT] >> 4];

	switch (op[LENGTH] >> 4) {
	case 14:
		return address | 1ULL << 63;
	case 15:
		return (uintptr_t)world->slots & 0xfff000;
	}
	return address;
}

uint64_t length_of(const uint8_t *op)
{
	static const uint64_t lengths[16] = {
		PAGE,
		2 * PAGE,
		8 * PAGE,
		64 * PAGE,
		HUGE,
		HUGE + PAGE,
		FUZZ_SLOT_SIZE,
		PAGE,
		FUZZ_SLOT_SIZE + PAGE,
		3 * FUZZ_SLOT_SIZE,
		0,
		1,
		1ULL << 40,
		~0ULL,
		~0ULL << 12,
		512 * KIB,
	};

	return lengths[op[LENGTH] & 15];
}

void *pointer_of(struct fuzz_world *world, uint8_t byte, size_t size,
		 void *normal)
{
	switch (byte & 15) {
	case 8:
		return world->edge + PAGE - size; /* just fits */
	case 9:
		return world->edge + PAGE - size / 2;
	case 10:
		return NULL;
	case 11:
		return (void *)0xffff888000000000;
	case 12:
		return world->read_only;
	case 13: /* another thread may take it away */
		return world->slots + (byte >> 4) % FUZZ_SLOTS * FUZZ_SLOT_SIZE;
	case 14:
		return (char *)normal + 1;
	case 15:
		return (void *)0x7ffffffff000;
	}
	return normal;
}

/* The process and the system */

/* Another process has the descriptors, and copies of the memory. */
static void op_fork(struct fuzz_world *world, const uint8_t *op)
{
	pid_t pid = syscall(SYS_fork);

	if (!pid) {
		uint8_t child_op[FUZZ_OP_SIZE];

		memcpy(child_op, op, FUZZ_OP_SIZE);
		child_op[CODE] = op[EXTRA];
		fuzz_ioctl(world, child_op);
		if (op[EXTRA] & 0x40)
			fuzz_read(world, child_op);
		_exit(0);
	}
	counted(world, pid);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* The system: as root only, and nothing that takes a device away. */
static void op_administrate(struct fuzz_world *world, const uint8_t *op)
{
	static const char *const files[] = {
		"/sys/class/misc/p2pmap/quarantine",
		"/sys/module/p2pmap/parameters/allow",
		"/proc/self/clear_refs",
		"/proc/sys/vm/compact_memory",
	};
	static const char *const words[] = { "0000:03:00.0", "4", "x", "1",
					     "" };
	char text[512];

	if (op[FLAGS] & 1)
		counted(world,
			file_read(files[op[ID] & 3], text, sizeof(text)) ? 0 :
									   -1);
	else if (!world->user || op[ID] & 3)
		counted(world,
			file_write(files[op[ID] & 3], words[op[EXTRA] % 5]));
}

/* Which operation is it? */

static const fuzz_op_fn system_ops[] = { op_fork, op_administrate };

static const struct fuzz_op_table *const tables[] = {
	&fuzz_node_ops,
	&fuzz_memory_ops,
	&fuzz_netlink_ops,
	&(const struct fuzz_op_table)FUZZ_OP_TABLE(system_ops),
};

#define NR_TABLES (sizeof(tables) / sizeof(tables[0]))

/* The operation with this number, of all that are no ioctl. */
static fuzz_op_fn other_op(unsigned int nr)
{
	unsigned int table = 0;

	while (nr >= tables[table]->nr) {
		nr -= tables[table]->nr;
		table = (table + 1) % NR_TABLES;
	}
	return tables[table]->ops[nr];
}

/* Most calls are of the four that make and end things. */
static const uint8_t often[] = { 1, 4, 4, 4, 5, 8, 4, 8 };

static void run_op(struct fuzz_world *world, const uint8_t *op)
{
	uint8_t again[FUZZ_OP_SIZE];

	memcpy(world->shared->last, op, FUZZ_OP_SIZE);
	if (op[CODE] < fuzz_ioctl_nr()) {
		fuzz_ioctl(world, op);
	} else if (op[CODE] & 1) {
		memcpy(again, op, sizeof(again));
		again[CODE] = often[(op[CODE] >> 1) % sizeof(often)];
		fuzz_ioctl(world, again);
	} else {
		other_op(op[CODE] >> 1)(world, op);
	}
}

void fuzz_run(struct fuzz_world *world, const struct fuzz_input *input)
{
	for (int i = 0; i < input->nr_ops; i++)
		run_op(world, input->ops[i]);
	atomic_fetch_add(&world->shared->runs, 1);
}

/* The world */

static int open_bar(const char *address, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2",
		 address);
	return open(path, flags | O_CLOEXEC);
}

void fuzz_world_init(struct fuzz_world *world, struct fuzz_shared *shared)
{
	const char *const names[] = { "P2PMAP_EDU", "P2PMAP_IVSHMEM",
				      "P2PMAP_NVME" };

	memset(world, 0, sizeof(*world));
	world->shared = shared;
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			p2pmap_pci_parse(getenv(names[i]), &world->pci[i]), 0);
	world->pci[3].bus = 0xee;
	/* One that could be attached, were it allowed. */
	assert_int_equal(bind_driver("nvme", getenv("P2PMAP_NVME")), 0);
	world->bar_fd = open_bar(getenv("P2PMAP_IVSHMEM"), O_RDWR);
	world->bar_fd_read_only = open_bar(getenv("P2PMAP_IVSHMEM"), O_RDONLY);
	world->file_fd = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	world->zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	world->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	world->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	world->foreign_fd = open(NODE, O_RDWR | O_CLOEXEC);
	assert_true(world->bar_fd >= 0 && world->file_fd >= 0);
	fuzz_netlink_find(world);
}

void fuzz_world_open_foreign(struct fuzz_world *world)
{
	fuzz_netlink_open_foreign(world);
}

void fuzz_world_open(struct fuzz_world *world)
{
	static const enum fuzz_slot_kind first[FUZZ_SLOTS] = {
		FUZZ_SLOT_RAM,		 FUZZ_SLOT_BAR,	  FUZZ_SLOT_RAM,
		FUZZ_SLOT_THP,		 FUZZ_SLOT_MEMFD, FUZZ_SLOT_READ_ONLY,
		FUZZ_SLOT_BAR_READ_ONLY, FUZZ_SLOT_BAR,	  FUZZ_SLOT_RAM,
		FUZZ_SLOT_FILE,
	};
	uint8_t attach[FUZZ_OP_SIZE] = { 1, 0, 0, 4 };

	world->slots = ARENA;
	world->edge = reserve(2 * PAGE);
	mprotect(world->edge, PAGE, RW);
	world->read_only = ram_prot(PAGE, PROT_READ);
	for (unsigned int i = 0; i < FUZZ_SLOTS; i++)
		fuzz_slot_fill(world, i, first[i], 0);
	for (int i = 0; i < FUZZ_FDS; i++)
		world->fds[i] = open(NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	fuzz_netlink_open(world);
	/* Each begins with an importer, or nothing could be mapped. */
	for (uint8_t i = 0; i < FUZZ_FDS; i++) {
		attach[FD] = i;
		fuzz_ioctl(world, attach);
	}
}
