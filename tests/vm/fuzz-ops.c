// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the fuzzer does: each operation of an input is one call of the device
 * node, or something done to the memory that is mapped.  fuzz.h says what an
 * input is.
 *
 * Operations know the ABI's structs, so that most calls get past the first
 * check: a byte chooses among values that matter.  The process itself never
 * touches the memory, which another thread may have taken away: it has the
 * kernel do so.
 *
 * Where the worker has no privileges, a call that succeeds beyond its rights is
 * noted as a violation.  Here, too, would be the place for a second target (a
 * netlink family): one more entry of the table of operations.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

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

#define ARENA ((void *)0x200000000000)

typedef void (*op_fn)(struct fuzz_world *world, const uint8_t *op);

static long counted(struct fuzz_world *world, long rc)
{
	atomic_fetch_add_explicit(&world->shared->calls, 1,
				  memory_order_relaxed);
	if (rc >= 0)
		atomic_fetch_add_explicit(&world->shared->successes, 1,
					  memory_order_relaxed);
	return rc;
}

static void violation(struct fuzz_world *world, const char *what)
{
	if (!atomic_fetch_add(&world->shared->violations, 1))
		snprintf(world->shared->violation,
			 sizeof(world->shared->violation), "%s", what);
}

/* Values that matter */

static int fd_of(const struct fuzz_world *world, const uint8_t *op)
{
	return world->fds[op[FD] % FUZZ_FDS];
}

static uint32_t id_of(const struct fuzz_world *world, uint8_t byte)
{
	if (byte >= 0xf0)
		return byte == 0xff ? ~0U : byte - 0xf0U;
	return world->ids[byte % FUZZ_IDS];
}

static void remember_id(struct fuzz_world *world, uint32_t id)
{
	world->ids[world->nr_ids++ % FUZZ_IDS] = id;
}

static unsigned int slot_of(const uint8_t *op)
{
	return (op[SLOT] & 15) % FUZZ_SLOTS;
}

/* A page of a slot, mostly one of the first. */
static uint64_t address_of(const struct fuzz_world *world, const uint8_t *op)
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

static uint64_t length_of(const uint8_t *op)
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

/* Where to, or from where, the kernel is to copy. */
static void *pointer_of(struct fuzz_world *world, uint8_t byte, size_t size,
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

/* The ioctls */

union command {
	uint32_t size;
	struct p2pmap_info info;
	struct p2pmap_attach attach;
	struct p2pmap_detach detach;
	struct p2pmap_query query;
	struct p2pmap_map map;
	struct p2pmap_unmap unmap;
	struct p2pmap_extents extents;
	struct p2pmap_status status;
	struct p2pmap_remap remap;
	struct p2pmap_watch watch;
	struct p2pmap_eventfd eventfd;
	struct p2pmap_route_query route;
	unsigned char bytes[PAGE + 64];
};

/* What one call needs besides its struct, on the stack of its thread. */
struct extra {
	struct p2pmap_reason reason;
	struct p2pmap_extent extents[20];
};

struct frame {
	struct fuzz_world *world;
	const uint8_t *op;
	struct extra *extra;
};

static uint64_t reason_of(const struct frame *frame)
{
	if (!(frame->op[POINTER] & 0x40))
		return 0;
	frame->extra->reason.size = frame->op[EXTRA] & 0x20 ?
					    frame->op[EXTRA] :
					    sizeof(struct p2pmap_reason);
	return (uintptr_t)pointer_of(frame->world, frame->op[POINTER] & 15,
				     sizeof(struct p2pmap_reason),
				     &frame->extra->reason);
}

static uint64_t extents_of(const struct frame *frame)
{
	if (!(frame->op[POINTER] & 0x80))
		return 0;
	return (uintptr_t)pointer_of(frame->world, frame->op[POINTER],
				     sizeof(frame->extra->extents),
				     frame->extra->extents);
}

static uint32_t few_of(const struct frame *frame)
{
	return frame->op[EXTRA] % 21;
}

static void fill_info(const struct frame *frame, union command *command)
{
	command->info.flags = frame->op[FLAGS] >> 7;
}

static void fill_attach(const struct frame *frame, union command *command)
{
	static const uint8_t bits[8] = { 64, 64, 64, 0, 32, 40, 65, 1 };

	command->attach.flags = frame->op[FLAGS] >> 7;
	command->attach.pci =
		frame->world->pci[frame->op[ID] >> 2 ? 0 : frame->op[ID] & 3];
	command->attach.dma_bits = frame->world->user &&
						   !(frame->op[EXTRA] & 8) ?
					   0 :
					   bits[frame->op[EXTRA] & 7];
	command->attach.reserved = frame->op[EXTRA] >> 7;
	command->attach.reason = reason_of(frame);
}

static void fill_detach(const struct frame *frame, union command *command)
{
	command->detach.id = id_of(frame->world, frame->op[ID]);
}

static void fill_query(const struct frame *frame, union command *command)
{
	command->query.flags = frame->op[FLAGS] & 3;
	command->query.importer =
		frame->op[FLAGS] & 4 ? 0 : id_of(frame->world, frame->op[ID]);
	command->query.addr = address_of(frame->world, frame->op);
	command->query.length = length_of(frame->op);
	command->query.reserved = frame->op[EXTRA] >> 7;
	command->query.reason = reason_of(frame);
}

static void fill_map(const struct frame *frame, union command *command)
{
	/* Most of what is mapped for edu fails with PIN and the others both. */
	static const uint8_t flags[16] = { 1, 1, 3, 5, 13, 0,  2,  9,
					   1, 3, 4, 8, 7,  15, 16, 0x80 };

	command->map.flags = flags[frame->op[FLAGS] & 15];
	command->map.importer = id_of(frame->world, frame->op[ID]);
	command->map.max_extents = few_of(frame);
	command->map.addr = address_of(frame->world, frame->op);
	command->map.length = length_of(frame->op);
	command->map.cookie = frame->op[EXTRA];
	command->map.extents = extents_of(frame);
	command->map.reason = reason_of(frame);
}

static void fill_extents(const struct frame *frame, union command *command)
{
	command->extents.id = id_of(frame->world, frame->op[ID]);
	command->extents.first = frame->op[FLAGS] & 0x0f;
	if (frame->op[FLAGS] == 0xff)
		command->extents.first = ~0U;
	command->extents.max_extents = few_of(frame);
	command->extents.extents = (uintptr_t)pointer_of(
		frame->world, frame->op[POINTER], sizeof(frame->extra->extents),
		frame->extra->extents);
}

static void fill_status(const struct frame *frame, union command *command)
{
	command->status.id = id_of(frame->world, frame->op[ID]);
	command->status.reserved = frame->op[EXTRA] >> 7;
}

static void fill_remap(const struct frame *frame, union command *command)
{
	static const uint64_t offsets[8] = { 0,	   0,		PAGE, 3 * PAGE,
					     HUGE, ~0ULL << 12, 1,    GIB };

	command->remap.id = id_of(frame->world, frame->op[ID]);
	command->remap.flags = frame->op[FLAGS] >> 7;
	command->remap.offset = offsets[frame->op[SLOT] & 7];
	command->remap.length =
		frame->op[LENGTH] & 0x80 ? length_of(frame->op) : 0;
	command->remap.reserved2 = frame->op[EXTRA] >> 7;
	command->remap.reason = reason_of(frame);
}

static void fill_watch(const struct frame *frame, union command *command)
{
	static const uint32_t capacities[8] = { 4,   600,  P2PMAP_WATCH_MAX,
						1,   1024, 0,
						~0U, 3 };

	command->watch.capacity = capacities[frame->op[FLAGS] & 7];
	command->watch.reserved = frame->op[EXTRA] >> 7;
}

static void fill_eventfd(const struct frame *frame, union command *command)
{
	const int fds[8] = { frame->world->event_fd,
			     frame->world->event_fd,
			     -1,
			     frame->world->null_fd,
			     -2,
			     1 << 20,
			     fd_of(frame->world, frame->op),
			     -1 };

	command->eventfd.fd = fds[frame->op[FLAGS] & 7];
}

static void fill_route(const struct frame *frame, union command *command)
{
	command->route.flags = frame->op[FLAGS] >> 7;
	command->route.importer = frame->world->pci[frame->op[ID] & 3];
	command->route.exporter = frame->world->pci[frame->op[ID] >> 2 & 3];
	command->route.reserved = frame->op[EXTRA] >> 7;
	command->route.reason = reason_of(frame);
}

static void fill_unmap(const struct frame *frame, union command *command)
{
	command->unmap.id = id_of(frame->world, frame->op[ID]);
}

struct ioctl_entry {
	unsigned long number;
	uint32_t size;
	void (*fill)(const struct frame *frame, union command *command);
};

#define IOCTL(_name, _struct, _fill)                               \
	{                                                          \
		P2PMAP_IOC_##_name, sizeof(struct _struct), _fill, \
	}

static const struct ioctl_entry ioctls[] = {
	IOCTL(INFO, p2pmap_info, fill_info),
	IOCTL(ATTACH, p2pmap_attach, fill_attach),
	IOCTL(DETACH, p2pmap_detach, fill_detach),
	IOCTL(QUERY, p2pmap_query, fill_query),
	IOCTL(MAP, p2pmap_map, fill_map),
	IOCTL(UNMAP, p2pmap_unmap, fill_unmap),
	IOCTL(EXTENTS, p2pmap_extents, fill_extents),
	IOCTL(STATUS, p2pmap_status, fill_status),
	IOCTL(REMAP, p2pmap_remap, fill_remap),
	IOCTL(WATCH, p2pmap_watch, fill_watch),
	IOCTL(EVENTFD, p2pmap_eventfd, fill_eventfd),
	IOCTL(ROUTE, p2pmap_route_query, fill_route),
};

#define NR_IOCTLS (sizeof(ioctls) / sizeof(ioctls[0]))

/* The struct's size as it is told; most tell the truth. */
static uint32_t told_size(const struct ioctl_entry *entry, uint8_t byte)
{
	switch (byte >> 2) {
	case 60:
		return entry->size + 8;
	case 61:
		return entry->size - 4;
	case 62:
		return PAGE + 8;
	case 63:
		return byte & 3;
	}
	return entry->size;
}

static bool may_write(enum fuzz_slot_kind kind)
{
	return kind != FUZZ_SLOT_READ_ONLY && kind != FUZZ_SLOT_UNREADABLE &&
	       kind != FUZZ_SLOT_BAR_READ_ONLY && kind != FUZZ_SLOT_NONE;
}

/* A user got something: was it his to have? */
static void judge(struct fuzz_world *world, const uint8_t *op,
		  unsigned long number, const union command *command)
{
	if (number == P2PMAP_IOC_ATTACH &&
	    (memcmp(&command->attach.pci, &world->pci[0],
		    sizeof(world->pci[0])) ||
	     command->attach.dma_bits))
		violation(world, "attached what it may not attach");
	if (number == P2PMAP_IOC_INFO &&
	    (command->info.out_flags & P2PMAP_INFO_MAY_ATTACH_ANY))
		violation(world, "INFO says that it may attach any device");
	if (number == P2PMAP_IOC_MAP &&
	    !(command->map.out_flags & P2PMAP_MAPPING_ENFORCED))
		violation(world, "mapped what nothing enforces");
	if (number == P2PMAP_IOC_MAP && world->alone &&
	    (command->map.flags & WRITE) &&
	    !may_write(world->kinds[slot_of(op)]))
		violation(world, "mapped for writing what it may not write");
}

static void note_result(struct fuzz_world *world, unsigned long number,
			const union command *command)
{
	if (number == P2PMAP_IOC_ATTACH)
		remember_id(world, command->attach.out_id);
	if (number == P2PMAP_IOC_MAP)
		remember_id(world, command->map.out_id);
}

static void call_ioctl(struct fuzz_world *world, int fd, const uint8_t *op,
		       const struct ioctl_entry *entry)
{
	struct extra extra = { { 0 }, { { 0, 0 } } };
	struct frame frame = { world, op, &extra };
	union command command;
	void *at = &command;

	memset(&command, 0, sizeof(command));
	entry->fill(&frame, &command);
	command.size = told_size(entry, op[FD]);
	if (op[POINTER] & 0x20)
		at = pointer_of(world, op[POINTER], entry->size, &command);
	/* Written by the kernel: the place may be none. */
	if (at == world->edge + PAGE - entry->size)
		memcpy(at, &command, entry->size);
	if (counted(world, ioctl(fd, entry->number, at)) < 0 || at != &command)
		return;
	note_result(world, entry->number, &command);
	if (world->user)
		judge(world, op, entry->number, &command);
}

static void op_ioctl(struct fuzz_world *world, const uint8_t *op)
{
	call_ioctl(world, fd_of(world, op), op, &ioctls[op[CODE] % NR_IOCTLS]);
}

/* A number that is none, with an argument that is none. */
static void op_raw_ioctl(struct fuzz_world *world, const uint8_t *op)
{
	unsigned long number = _IOC(op[FLAGS] & 3, P2PMAP_IOC_MAGIC, op[ID],
				    op[LENGTH] & 1 ? 16 : 0);
	union command command;

	memset(&command, op[EXTRA], sizeof(command));
	counted(world, ioctl(fd_of(world, op), number,
			     pointer_of(world, op[POINTER], 64, &command)));
}

/* The descriptor */

static void op_open(struct fuzz_world *world, const uint8_t *op)
{
	int *fd = &world->fds[op[FD] % FUZZ_FDS];
	int old = *fd;

	*fd = op[FLAGS] & 8 ? dup(world->fds[op[ID] % FUZZ_FDS]) :
			      open(NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	counted(world, *fd);
	close(old);
}

static void op_read(struct fuzz_world *world, const uint8_t *op)
{
	struct p2pmap_event events[4];
	size_t size = op[FLAGS] < 0xe0 ? sizeof(events) : op[EXTRA];

	counted(world,
		read(fd_of(world, op),
		     pointer_of(world, op[POINTER], size, events), size));
}

static void op_poll(struct fuzz_world *world, const uint8_t *op)
{
	struct pollfd pollfd = { .fd = fd_of(world, op), .events = op[FLAGS] };

	counted(world, poll(&pollfd, 1, op[EXTRA] & 1));
}

static void op_strange(struct fuzz_world *world, const uint8_t *op)
{
	int fd = fd_of(world, op);
	char byte = 0;

	switch (op[FLAGS] & 3) {
	case 0:
		counted(world, write(fd, &byte, 1));
		break;
	case 1:
		counted(world, lseek(fd, op[EXTRA], SEEK_SET));
		break;
	case 2:
		counted(world, pread(fd, &byte, 1, op[EXTRA]));
		break;
	case 3:
		counted(world,
			fcntl(fd, F_SETFL,
			      O_NONBLOCK | (op[EXTRA] & 1 ? O_ASYNC : 0)));
		break;
	}
}

/* The memory */

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

static void mmap_slot(struct fuzz_world *world, unsigned int slot,
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
	mmap_slot(world, slot_of(op), op[FLAGS] % FUZZ_SLOT_KINDS,
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

/* Another process has the descriptors, and copies of the memory. */
static void op_fork(struct fuzz_world *world, const uint8_t *op)
{
	pid_t pid = syscall(SYS_fork);

	if (!pid) {
		uint8_t child_op[FUZZ_OP_SIZE];

		memcpy(child_op, op, FUZZ_OP_SIZE);
		child_op[CODE] = op[EXTRA];
		op_ioctl(world, child_op);
		if (op[EXTRA] & 0x40)
			op_read(world, child_op);
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

static const op_fn others[] = {
	op_raw_ioctl, op_open,	    op_read,	op_poll,
	op_strange,   op_mmap_node, op_mmap,	op_mmap,
	op_munmap,    op_madvise,   op_madvise, op_mprotect,
	op_mremap,    op_touch,	    op_fork,	op_administrate,
};

#define NR_OTHERS (sizeof(others) / sizeof(others[0]))

/* Most calls are of the four that make and end things. */
static const uint8_t often[] = { 1, 4, 4, 4, 5, 8, 4, 8 };

static void run_op(struct fuzz_world *world, const uint8_t *op)
{
	uint8_t again[FUZZ_OP_SIZE];

	memcpy(world->shared->last, op, FUZZ_OP_SIZE);
	if (op[CODE] < NR_IOCTLS) {
		op_ioctl(world, op);
	} else if (op[CODE] < NR_IOCTLS + NR_OTHERS) {
		others[op[CODE] - NR_IOCTLS](world, op);
	} else if (op[CODE] & 1) {
		memcpy(again, op, sizeof(again));
		again[CODE] = often[(op[CODE] >> 1) % sizeof(often)];
		op_ioctl(world, again);
	} else {
		others[(op[CODE] >> 1) % NR_OTHERS](world, op);
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
	assert_true(world->bar_fd >= 0 && world->file_fd >= 0);
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
		mmap_slot(world, i, first[i], 0);
	for (int i = 0; i < FUZZ_FDS; i++)
		world->fds[i] = open(NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	/* Each begins with an importer, or nothing could be mapped. */
	for (uint8_t i = 0; i < FUZZ_FDS; i++) {
		attach[FD] = i;
		op_ioctl(world, attach);
	}
}
