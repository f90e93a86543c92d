// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the fuzzer does to the memory that is mapped.  fuzz.h says what an input
 * is, and what slots are.
 */
#define _GNU_SOURCE
#include "fuzz-ops.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void forget_kind(struct fuzz_world *world, const uint8_t *op)
{
	/* The range may reach into those that follow. */
	for (int i = 0; i < FUZZ_SLOTS; i++)
		if (i >= (int)slot_of(op))
			world->kinds[i] = FUZZ_SLOT_KINDS;
}

static void op_mmap_node(struct fuzz_world *world, const uint8_t *op)
{
	static const int prots[4] = { PROT_READ, PROT_READ, RW, PROT_EXEC };
	void *at = (void *)(address_of(world, op) & ~(PAGE - 1));

	if (op[LENGTH] >> 4 >= 14)
		return;
	forget_kind(world, op);
	counted(world,
		mmap(at, length_of(op) & 0xffffff, prots[op[FLAGS] & 3],
		     MAP_FIXED | (op[FLAGS] & 4 ? MAP_PRIVATE : MAP_SHARED),
		     fd_of(world, op), (op[EXTRA] & 3) * PAGE) == MAP_FAILED ?
			-1 :
			0);
}

void fuzz_slot_fill(struct fuzz_world *world, unsigned int slot,
		    enum fuzz_slot_kind kind, unsigned int page)
{
	void *at = world->slots + slot * FUZZ_SLOT_SIZE;
	int prot = RW, flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS;
	off_t offset = 0;
	int fd = -1;

	switch (kind) {
	case FUZZ_SLOT_NONE:
		munmap(at, FUZZ_SLOT_SIZE);
		break;
	case FUZZ_SLOT_READ_ONLY:
		prot = PROT_READ;
		break;
	case FUZZ_SLOT_UNREADABLE:
		prot = PROT_NONE;
		break;
	case FUZZ_SLOT_MEMFD:
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		if (ftruncate(fd, FUZZ_SLOT_SIZE))
			return;
		flags = MAP_FIXED | MAP_SHARED;
		break;
	case FUZZ_SLOT_BAR:
	case FUZZ_SLOT_BAR_PRIVATE:
		fd = dup(world->bar_fd);
		flags = MAP_FIXED |
			(kind == FUZZ_SLOT_BAR ? MAP_SHARED : MAP_PRIVATE);
		offset = page * PAGE;
		break;
	case FUZZ_SLOT_BAR_READ_ONLY:
		fd = dup(world->bar_fd_read_only);
		flags = MAP_FIXED | MAP_SHARED;
		prot = PROT_READ;
		break;
	case FUZZ_SLOT_FILE:
		fd = dup(world->file_fd);
		flags = MAP_FIXED | MAP_PRIVATE;
		break;
	default:
		break;
	}
	if (kind != FUZZ_SLOT_NONE)
		counted(world, mmap(at, FUZZ_SLOT_SIZE, prot, flags, fd,
				    offset) == MAP_FAILED ?
				       -1 :
				       0);
	if (kind == FUZZ_SLOT_THP)
		madvise(at, FUZZ_SLOT_SIZE, MADV_HUGEPAGE);
	if (fd >= 0)
		close(fd);
	world->kinds[slot] = kind;
}

static void op_mmap(struct fuzz_world *world, const uint8_t *op)
{
	fuzz_slot_fill(world, slot_of(op), op[FLAGS] % FUZZ_SLOT_KINDS,
		       op[EXTRA] & 3);
}

/* The range of an operation, which is always in the arena. */
static void range_of(struct fuzz_world *world, const uint8_t *op, void **at,
		     size_t *length)
{
	uint64_t slot = (uintptr_t)world->slots + slot_of(op) * FUZZ_SLOT_SIZE;
	uint64_t offset = (op[SLOT] >> 4) * PAGE * (op[EXTRA] & 1 ? 64 : 1);

	*at = (void *)(slot + offset);
	*length = length_of(op);
	if (*length > FUZZ_SLOT_SIZE - offset)
		*length = FUZZ_SLOT_SIZE - offset;
	forget_kind(world, op);
}

static void op_munmap(struct fuzz_world *world, const uint8_t *op)
{
	size_t length;
	void *at;

	range_of(world, op, &at, &length);
	counted(world, munmap(at, length));
}

static void op_madvise(struct fuzz_world *world, const uint8_t *op)
{
	static const int
		advice[] = { MADV_DONTNEED,    MADV_FREE,
			     21 /* PAGEOUT */, MADV_COLLAPSE,
			     MADV_HUGEPAGE,    MADV_NOHUGEPAGE,
			     MADV_MERGEABLE,   20 /* COLD */,
			     MADV_REMOVE,      MADV_DONTFORK,
			     MADV_DOFORK,      23 /* POPULATE_WRITE */ };
	size_t length;
	void *at;

	range_of(world, op, &at, &length);
	counted(world, madvise(at, length, advice[op[FLAGS] % 12]));
}

static void op_mprotect(struct fuzz_world *world, const uint8_t *op)
{
	static const int prots[4] = { PROT_READ, RW, PROT_NONE,
				      RW | PROT_EXEC };
	size_t length;
	void *at;

	range_of(world, op, &at, &length);
	counted(world, mprotect(at, length, prots[op[FLAGS] & 3]));
}

static void op_mremap(struct fuzz_world *world, const uint8_t *op)
{
	void *to = world->slots + op[ID] % FUZZ_SLOTS * FUZZ_SLOT_SIZE;
	size_t length;
	void *at;

	range_of(world, op, &at, &length);
	for (int i = 0; i < FUZZ_SLOTS; i++)
		world->kinds[i] = FUZZ_SLOT_KINDS;
	counted(world, mremap(at, length, length,
			      MREMAP_MAYMOVE | MREMAP_FIXED |
				      (op[FLAGS] & 1 ? 4 /* DONTUNMAP */ : 0),
			      to) == MAP_FAILED ?
			       -1 :
			       0);
}

/* Has the kernel read from or write to the slot. */
static void op_touch(struct fuzz_world *world, const uint8_t *op)
{
	size_t length;
	void *at;

	range_of(world, op, &at, &length);
	if (op[FLAGS] & 1)
		counted(world, write(world->null_fd, at, length));
	else
		counted(world, read(world->zero_fd, at, length & 0x1ffff));
}

static const fuzz_op_fn ops[] = {
	op_mmap_node, op_mmap,	   op_mmap,   op_munmap, op_madvise,
	op_madvise,   op_mprotect, op_mremap, op_touch,
};

const struct fuzz_op_table fuzz_memory_ops = FUZZ_OP_TABLE(ops);
