/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files share in which the fuzzer's operations are: fuzz-ioctl.c the
 * calls of the device node, fuzz-netlink.c those of the netlink family,
 * fuzz-memory.c what is done to the memory, fuzz-ops.c the rest of it, and which
 * operation a code stands for.
 *
 * A byte of an operation chooses among values that matter, so that most calls
 * get past the first check.  The process itself never touches the memory, which
 * another thread may have taken away: it has the kernel do so.
 */
#ifndef P2PMAP_TEST_FUZZ_OPS_H
#define P2PMAP_TEST_FUZZ_OPS_H

#include "fuzz.h"

/* The bytes of an operation, behind its code. */
enum {
	CODE,
	FD,
	FLAGS,
	ID,
	SLOT,
	LENGTH,
	POINTER,
	EXTRA,
};

typedef void (*fuzz_op_fn)(struct fuzz_world *world, const uint8_t *op);

struct fuzz_op_table {
	const fuzz_op_fn *ops;
	unsigned int nr;
};

#define FUZZ_OP_TABLE(_ops)                             \
	{                                               \
		_ops, sizeof(_ops) / sizeof((_ops)[0]), \
	}

static inline int fd_of(const struct fuzz_world *world, const uint8_t *op)
{
	return world->fds[op[FD] % FUZZ_FDS];
}

static inline unsigned int slot_of(const uint8_t *op)
{
	return (op[SLOT] & 15) % FUZZ_SLOTS;
}

/* fuzz-ops.c */

/* Counts a call, and passes on what it returned. */
long counted(struct fuzz_world *world, long rc);
/* A user got what is not his. */
void violation(struct fuzz_world *world, const char *what);
/* A page of a slot, mostly one of the first. */
uint64_t address_of(const struct fuzz_world *world, const uint8_t *op);
uint64_t length_of(const uint8_t *op);
/* Where to, or from where, the kernel is to copy. */
void *pointer_of(struct fuzz_world *world, uint8_t byte, size_t size,
		 void *normal);

/* fuzz-ioctl.c */

/* Codes from 0 on are an ioctl each, those of the table are the others. */
unsigned int fuzz_ioctl_nr(void);
void fuzz_ioctl(struct fuzz_world *world, const uint8_t *op);
void fuzz_read(struct fuzz_world *world, const uint8_t *op);
extern const struct fuzz_op_table fuzz_node_ops;

/* fuzz-memory.c */

void fuzz_slot_fill(struct fuzz_world *world, unsigned int slot,
		    enum fuzz_slot_kind kind, unsigned int page);
extern const struct fuzz_op_table fuzz_memory_ops;

/* fuzz-netlink.c */

void fuzz_netlink_find(struct fuzz_world *world);
void fuzz_netlink_open_foreign(struct fuzz_world *world);
void fuzz_netlink_open(struct fuzz_world *world);
extern const struct fuzz_op_table fuzz_netlink_ops;

#endif /* P2PMAP_TEST_FUZZ_OPS_H */
