// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the fuzzer does with the device node: each operation is one call of it,
 * which knows the ABI's structs.  fuzz.h says what an input is.
 *
 * Where the worker has no privileges, a call that succeeds beyond its rights is
 * noted as a violation.
 */
#define _GNU_SOURCE
#include "fuzz-ops.h"

#include <poll.h>

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

void fuzz_ioctl(struct fuzz_world *world, const uint8_t *op)
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

void fuzz_read(struct fuzz_world *world, const uint8_t *op)
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

unsigned int fuzz_ioctl_nr(void)
{
	return NR_IOCTLS;
}

static const fuzz_op_fn ops[] = {
	op_raw_ioctl, op_open, fuzz_read, op_poll, op_strange,
};

const struct fuzz_op_table fuzz_node_ops = FUZZ_OP_TABLE(ops);
