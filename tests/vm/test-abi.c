// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ABI: what every ioctl does with flags, reserved fields, sizes, tails, bad
 * pointers and ids.
 *
 * One table has a line for each ioctl.  The first test holds the table against
 * the module: a number that the module answers and the table does not know, or
 * the other way round, fails.  The arguments are raw, as no library makes them.
 */
#include "harness.h"

#define NO_FIELD 0
#define UNKNOWN_FLAG (1U << 31)
#define NO_SUCH_ID 0x7fffff00
#define FIELD(_struct, _field) (offsetof(struct _struct, _field))

union command {
	unsigned char bytes[2 * PAGE];
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
};

/* Ids and memory that a valid call of each kind can name. */
struct world {
	struct lab *lab;
	int fd;
	uint32_t importer;
	uint32_t mapping;
	unsigned char *range;
	struct p2pmap_extent extents[8];
	bool mapped;
};

/**
 * struct call - what is to be known of an ioctl
 * @name: its name
 * @number: its number
 * @size: of its struct
 * @fill: makes a call that succeeds
 * @flags: offset of its flags
 * @reserved: offsets of its reserved fields, of 32 bits at least
 * @id: offset of the id that it takes
 * @reason: offset of the pointer to a reason
 * @mapped_only: takes a mapping
 */
struct call {
	const char *name;
	unsigned long number;
	uint32_t size;
	void (*fill)(const struct world *world, union command *command);
	size_t flags;
	size_t reserved[3];
	size_t id;
	size_t reason;
	bool mapped_only;
};

static void fill_info(const struct world *world, union command *command)
{
	(void)world;
	(void)command;
}

static void fill_attach(const struct world *world, union command *command)
{
	command->attach.pci = world->lab->edu_pci;
	command->attach.dma_bits = 64;
}

/* An importer of its own, so that there is one to detach every time. */
static void fill_detach(const struct world *world, union command *command)
{
	struct p2pmap_attach attach = {
		.size = sizeof(attach),
		.pci = world->lab->edu_pci,
	};

	assert_int_equal(ioctl(world->fd, P2PMAP_IOC_ATTACH, &attach), 0);
	command->detach.id = attach.out_id;
}

static void fill_query(const struct world *world, union command *command)
{
	command->query.importer = world->mapped ? world->importer : 0;
	command->query.addr = (uintptr_t)world->range;
	command->query.length = PAGE;
	command->query.flags = PIN;
}

static void fill_map(const struct world *world, union command *command)
{
	command->map.importer = world->importer;
	command->map.addr = (uintptr_t)world->range;
	command->map.length = PAGE;
	command->map.flags = PIN;
	command->map.max_extents = 1;
	command->map.extents = (uintptr_t)world->extents;
}

/* Likewise. */
static void fill_unmap(const struct world *world, union command *command)
{
	union command map = { .map = { .size = sizeof(map.map) } };

	fill_map(world, &map);
	assert_int_equal(ioctl(world->fd, P2PMAP_IOC_MAP, &map), 0);
	command->unmap.id = map.map.out_id;
}

static void fill_extents(const struct world *world, union command *command)
{
	command->extents.id = world->mapping;
	command->extents.max_extents = 8;
	command->extents.extents = (uintptr_t)world->extents;
}

static void fill_status(const struct world *world, union command *command)
{
	command->status.id = world->mapping;
}

static void fill_remap(const struct world *world, union command *command)
{
	command->remap.id = world->mapping;
}

static void fill_watch(const struct world *world, union command *command)
{
	(void)world;
	command->watch.capacity = 1;
}

static void fill_eventfd(const struct world *world, union command *command)
{
	(void)world;
	command->eventfd.fd = -1;
}

/* A device that reaches itself: a way there is, in every machine. */
static void fill_route(const struct world *world, union command *command)
{
	command->route.importer = world->lab->edu_pci;
	command->route.exporter = world->lab->edu_pci;
}

static const struct call calls[] = {
	{
		.name = "INFO",
		.number = P2PMAP_IOC_INFO,
		.size = sizeof(struct p2pmap_info),
		.fill = fill_info,
		.flags = FIELD(p2pmap_info, flags),
	},
	{
		.name = "ATTACH",
		.number = P2PMAP_IOC_ATTACH,
		.size = sizeof(struct p2pmap_attach),
		.fill = fill_attach,
		.flags = FIELD(p2pmap_attach, flags),
		.reserved = { FIELD(p2pmap_attach, reserved),
			      FIELD(p2pmap_attach, pci.devfn) + 1 },
		.reason = FIELD(p2pmap_attach, reason),
	},
	{
		.name = "DETACH",
		.number = P2PMAP_IOC_DETACH,
		.size = sizeof(struct p2pmap_detach),
		.fill = fill_detach,
		.id = FIELD(p2pmap_detach, id),
	},
	{
		.name = "QUERY",
		.number = P2PMAP_IOC_QUERY,
		.size = sizeof(struct p2pmap_query),
		.fill = fill_query,
		.flags = FIELD(p2pmap_query, flags),
		.reserved = { FIELD(p2pmap_query, reserved) },
		.id = FIELD(p2pmap_query, importer),
		.reason = FIELD(p2pmap_query, reason),
	},
	{
		.name = "MAP",
		.number = P2PMAP_IOC_MAP,
		.size = sizeof(struct p2pmap_map),
		.fill = fill_map,
		.flags = FIELD(p2pmap_map, flags),
		.id = FIELD(p2pmap_map, importer),
		.reason = FIELD(p2pmap_map, reason),
		.mapped_only = true,
	},
	{
		.name = "UNMAP",
		.number = P2PMAP_IOC_UNMAP,
		.size = sizeof(struct p2pmap_unmap),
		.fill = fill_unmap,
		.id = FIELD(p2pmap_unmap, id),
		.mapped_only = true,
	},
	{
		.name = "EXTENTS",
		.number = P2PMAP_IOC_EXTENTS,
		.size = sizeof(struct p2pmap_extents),
		.fill = fill_extents,
		.id = FIELD(p2pmap_extents, id),
		.mapped_only = true,
	},
	{
		.name = "STATUS",
		.number = P2PMAP_IOC_STATUS,
		.size = sizeof(struct p2pmap_status),
		.fill = fill_status,
		.reserved = { FIELD(p2pmap_status, reserved) },
		.id = FIELD(p2pmap_status, id),
		.mapped_only = true,
	},
	{
		.name = "REMAP",
		.number = P2PMAP_IOC_REMAP,
		.size = sizeof(struct p2pmap_remap),
		.fill = fill_remap,
		.flags = FIELD(p2pmap_remap, flags),
		.reserved = { FIELD(p2pmap_remap, reserved),
			      FIELD(p2pmap_remap, reserved2) },
		.id = FIELD(p2pmap_remap, id),
		.reason = FIELD(p2pmap_remap, reason),
		.mapped_only = true,
	},
	{
		.name = "WATCH",
		.number = P2PMAP_IOC_WATCH,
		.size = sizeof(struct p2pmap_watch),
		.fill = fill_watch,
		.reserved = { FIELD(p2pmap_watch, reserved),
			      FIELD(p2pmap_watch, reserved) + 4 },
	},
	{
		.name = "EVENTFD",
		.number = P2PMAP_IOC_EVENTFD,
		.size = sizeof(struct p2pmap_eventfd),
		.fill = fill_eventfd,
	},
	{
		.name = "ROUTE",
		.number = P2PMAP_IOC_ROUTE,
		.size = sizeof(struct p2pmap_route_query),
		.fill = fill_route,
		.flags = FIELD(p2pmap_route_query, flags),
		.reserved = { FIELD(p2pmap_route_query, reserved),
			      FIELD(p2pmap_route_query, importer.devfn) + 1,
			      FIELD(p2pmap_route_query, exporter.devfn) + 1 },
		.reason = FIELD(p2pmap_route_query, reason),
	},
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

/* 0 or a negative errno. */
static int issue(const struct world *world, const struct call *call,
		 void *command)
{
	return ioctl(world->fd, call->number, command) ? -errno : 0;
}

/*
 * A context for one call.  Where mappings are to be had there is one: unpinned,
 * as REMAP wants it.  WATCH comes before the first mapping, so it gets none.
 */
static void world_open(struct world *world, struct lab *lab,
		       const struct call *call)
{
	struct p2pmap_attach attach = { .size = sizeof(attach),
					.pci = lab->edu_pci,
					.dma_bits = 64 };
	struct p2pmap_map map = { .size = sizeof(map), .length = PAGE };

	*world = (struct world){ .lab = lab, .range = ram(PAGE) };
	world->fd = open(NODE, O_RDWR | O_CLOEXEC);
	assert_true(world->fd >= 0);
	assert_int_equal(ioctl(world->fd, P2PMAP_IOC_ATTACH, &attach), 0);
	world->importer = attach.out_id;
	if (!lab_is_translated(lab) || call->number == P2PMAP_IOC_WATCH)
		return;
	map.importer = attach.out_id;
	map.addr = (uintptr_t)world->range;
	assert_int_equal(ioctl(world->fd, P2PMAP_IOC_MAP, &map), 0);
	world->mapping = map.out_id;
	world->mapped = true;
}

static void world_close(struct world *world)
{
	close(world->fd);
	munmap(world->range, PAGE);
}

/* A call that succeeds, unless no mapping is to be had here. */
static void prepare(const struct world *world, const struct call *call,
		    union command *command)
{
	memset(command, 0, sizeof(*command));
	command->size = call->size;
	if (world->mapped || !call->mapped_only)
		call->fill(world, command);
}

typedef void (*case_fn)(const struct world *world, const struct call *call,
			union command *command);

/* Runs a case for each ioctl, with a context of its own. */
static void each_call(struct lab *lab, case_fn function)
{
	static union command command;
	struct world world;

	for (size_t i = 0; i < NR_CALLS; i++) {
		if (calls[i].mapped_only && !lab_is_translated(lab))
			continue;
		world_open(&world, lab, &calls[i]);
		prepare(&world, &calls[i], &command);
		function(&world, &calls[i], &command);
		world_close(&world);
	}
}

static void set32(union command *command, size_t offset, uint32_t value)
{
	memcpy(command->bytes + offset, &value, sizeof(value));
}

static void set64(union command *command, size_t offset, uint64_t value)
{
	memcpy(command->bytes + offset, &value, sizeof(value));
}

/* Says which ioctl it was if the errno is another one. */
static void expect(const struct world *world, const struct call *call,
		   void *command, int error)
{
	int rc = issue(world, call, command);

	if (rc != -error)
		lab_note(world->lab, "%s says %s", call->name, strerror(-rc));
	assert_int_equal(-rc, error);
}

static bool in_table(unsigned long number)
{
	for (size_t i = 0; i < NR_CALLS; i++)
		if (calls[i].number == number)
			return true;
	return false;
}

static void the_table_has_every_ioctl_and_others_are_enotty(void **state)
{
	int fd = open(NODE, O_RDWR | O_CLOEXEC);
	uint32_t size = 0;
	int rc;

	(void)state;
	for (unsigned int nr = 0; nr < 256; nr++) {
		unsigned long number = _IO(P2PMAP_IOC_MAGIC, nr);

		/* A struct of no size is refused by those that exist. */
		rc = ioctl(fd, number, &size) ? errno : 0;
		assert_int_equal(rc, in_table(number) ? EINVAL : ENOTTY);
	}
	for (size_t i = 0; i < NR_CALLS; i++) {
		unsigned int nr = _IOC_NR(calls[i].number);

		/* Another magic, and a number with a size or a direction. */
		assert_int_equal(ioctl(fd, _IO('p', nr), &size), -1);
		assert_int_equal(errno, ENOTTY);
		assert_int_equal(
			ioctl(fd, _IOWR(P2PMAP_IOC_MAGIC, nr, int), &size), -1);
		assert_int_equal(errno, ENOTTY);
	}
	close(fd);
}

static void case_valid(const struct world *world, const struct call *call,
		       union command *command)
{
	expect(world, call, command, 0);
	assert_int_equal(command->size, call->size);
}

static void a_valid_call_succeeds(void **state)
{
	each_call(*state, case_valid);
}

static void case_flags(const struct world *world, const struct call *call,
		       union command *command)
{
	uint32_t known = 0;

	if (!call->flags)
		return;
	if (call->number == P2PMAP_IOC_MAP || call->number == P2PMAP_IOC_QUERY)
		known = context_info(world->lab->ctx).out_map_flags;
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (known & (1U << bit))
			continue;
		prepare(world, call, command);
		set32(command, call->flags, 1U << bit);
		expect(world, call, command, EOPNOTSUPP);
	}
}

static void unknown_flags_are_eopnotsupp(void **state)
{
	each_call(*state, case_flags);
}

static void case_reserved(const struct world *world, const struct call *call,
			  union command *command)
{
	for (size_t i = 0; i < 3; i++) {
		if (!call->reserved[i])
			continue;
		prepare(world, call, command);
		command->bytes[call->reserved[i]] = 1;
		expect(world, call, command, EINVAL);
		prepare(world, call, command);
		command->bytes[call->reserved[i] + 1] = 0x80;
		expect(world, call, command, EINVAL);
	}
}

static void reserved_fields_that_are_not_zero_are_einval(void **state)
{
	each_call(*state, case_reserved);
}

static void case_short(const struct world *world, const struct call *call,
		       union command *command)
{
	for (uint32_t size = 0; size < call->size; size++) {
		command->size = size;
		expect(world, call, command, EINVAL);
	}
}

static void a_struct_that_is_too_short_is_einval(void **state)
{
	each_call(*state, case_short);
}

static void case_tail(const struct world *world, const struct call *call,
		      union command *command)
{
	static const uint32_t sizes[] = { 1, 4, 8, 64, 1000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		/* WATCH and what it makes are once per context. */
		if (i && call->number == P2PMAP_IOC_WATCH)
			break;
		prepare(world, call, command);
		command->size = call->size + sizes[i];
		expect(world, call, command, 0);
	}
}

static void a_longer_struct_with_a_zero_tail_succeeds(void **state)
{
	each_call(*state, case_tail);
}

static void case_bad_tail(const struct world *world, const struct call *call,
			  union command *command)
{
	for (uint32_t size = call->size + 1; size <= PAGE; size++) {
		command->size = size;
		command->bytes[size - 1] = 1;
		expect(world, call, command, E2BIG);
		command->bytes[size - 1] = 0;
	}
}

static void a_tail_that_is_not_zero_is_e2big(void **state)
{
	each_call(*state, case_bad_tail);
}

static void case_huge(const struct world *world, const struct call *call,
		      union command *command)
{
	static const uint32_t sizes[] = { PAGE + 1,   2 * PAGE,	  1 << 20,
					  0x7fffffff, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		command->size = sizes[i];
		expect(world, call, command, E2BIG);
	}
}

static void a_struct_of_more_than_a_page_is_e2big(void **state)
{
	each_call(*state, case_huge);
}

static void case_pointer(const struct world *world, const struct call *call,
			 union command *command)
{
	unsigned char *pages = ram(2 * PAGE);

	expect(world, call, NULL, EFAULT);
	expect(world, call, (void *)0x1000, EFAULT);
	expect(world, call, (void *)0xffff888000000000, EFAULT);
	expect(world, call, (void *)~0UL, EFAULT);
	/* Only the size can be read. */
	mprotect(pages + PAGE, PAGE, PROT_NONE);
	memcpy(pages + PAGE - 4, command, 4);
	expect(world, call, pages + PAGE - 4, EFAULT);
	/* All but the last byte. */
	memcpy(pages + PAGE - call->size + 1, command, call->size - 1);
	expect(world, call, pages + PAGE - call->size + 1, EFAULT);
	munmap(pages, 2 * PAGE);
}

static void a_struct_at_a_bad_address_is_efault(void **state)
{
	each_call(*state, case_pointer);
}

/* Of those that answer: importers and mappings of a context. */
static uint64_t census(int fd)
{
	struct p2pmap_info info = { .size = sizeof(info) };

	assert_int_equal(ioctl(fd, P2PMAP_IOC_INFO, &info), 0);
	return (uint64_t)info.out_importers << 32 | info.out_mappings;
}

static void case_read_only(const struct world *world, const struct call *call,
			   union command *command)
{
	unsigned char *page = ram(PAGE);
	uint64_t before = census(world->fd);

	memcpy(page, command, call->size);
	mprotect(page, PAGE, PROT_READ);
	switch (call->number) {
	case P2PMAP_IOC_DETACH:
	case P2PMAP_IOC_UNMAP:
	case P2PMAP_IOC_EVENTFD:
		/* They answer nothing. */
		expect(world, call, page, 0);
		break;
	default:
		expect(world, call, page, EFAULT);
		assert_int_equal(census(world->fd), before);
	}
	munmap(page, PAGE);
}

static void
an_answer_that_cannot_be_given_is_efault_and_leaves_nothing(void **state)
{
	each_call(*state, case_read_only);
}

/* A call that fails with EOPNOTSUPP, EINVAL or the like, whatever the reason. */
static void spoil(const struct call *call, union command *command)
{
	if (call->number == P2PMAP_IOC_ATTACH)
		command->attach.pci.domain = 0x7fff;
	else if (call->number == P2PMAP_IOC_REMAP)
		command->remap.offset = 1;
	else
		set32(command, call->flags, UNKNOWN_FLAG);
}

static void case_bad_reason(const struct world *world, const struct call *call,
			    union command *command)
{
	static const uint64_t bad[] = { 1, 0x1000, 0xffff888000000000, ~0ULL };
	int error;

	if (!call->reason)
		return;
	spoil(call, command);
	error = -issue(world, call, command);
	assert_int_not_equal(error, 0);
	assert_int_not_equal(error, EFAULT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set64(command, call->reason, bad[i]);
		expect(world, call, command, error);
	}
	/* A call that succeeds never looks at it. */
	prepare(world, call, command);
	set64(command, call->reason, 1);
	expect(world, call, command, 0);
}

static void a_bad_pointer_to_the_reason_does_not_change_the_errno(void **state)
{
	each_call(*state, case_bad_reason);
}

static void a_reason_is_written_only_as_far_as_its_size_reaches(void **state)
{
	struct lab *lab = *state;
	unsigned char bytes[2 * sizeof(struct p2pmap_reason)];
	struct p2pmap_attach attach = {
		.size = sizeof(attach),
		.pci = { .domain = 0x7fff },
		.reason = (uintptr_t)bytes,
	};
	int fd = p2pmap_context_fd(lab->ctx);

	for (uint32_t size = 0; size <= sizeof(bytes); size++) {
		uint32_t reach = size < 8 ? 0 : size;

		if (reach > sizeof(struct p2pmap_reason))
			reach = sizeof(struct p2pmap_reason);
		memset(bytes, 0xaa, sizeof(bytes));
		memcpy(bytes, &size, sizeof(size));
		assert_int_equal(ioctl(fd, P2PMAP_IOC_ATTACH, &attach), -1);
		assert_int_equal(errno, ENODEV);
		assert_memory_equal(bytes, &size, sizeof(size));
		for (size_t i = reach < 4 ? 4 : reach; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], 0xaa);
		if (reach)
			assert_int_equal(bytes[4],
					 P2PMAP_REASON_NO_SUCH_DEVICE);
	}
}

static void case_id(const struct world *world, const struct call *call,
		    union command *command)
{
	static const uint32_t ids[] = { 0, NO_SUCH_ID, 0x7fffffff, 0x80000000,
					0xffffffff };

	if (!call->id)
		return;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		/* A query may do without an importer. */
		if (!ids[i] && call->number == P2PMAP_IOC_QUERY)
			continue;
		set32(command, call->id, ids[i]);
		expect(world, call, command, ENOENT);
	}
}

static void an_id_that_does_not_exist_is_enoent(void **state)
{
	each_call(*state, case_id);
}

/* An importer is no mapping, and a mapping no importer. */
static void case_wrong_type(const struct world *world, const struct call *call,
			    union command *command)
{
	bool wants_importer = call->number == P2PMAP_IOC_DETACH ||
			      call->number == P2PMAP_IOC_QUERY ||
			      call->number == P2PMAP_IOC_MAP;

	if (!call->id || (wants_importer && !world->mapped))
		return;
	set32(command, call->id,
	      wants_importer ? world->mapping : world->importer);
	expect(world, call, command, ENOENT);
}

static void an_id_of_another_type_is_enoent(void **state)
{
	each_call(*state, case_wrong_type);
}

/*
 * Another process that has the descriptor as well may still have the old id: it
 * must not stand for what came after.
 */
static void an_id_that_was_given_back_stands_for_nothing(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_unmap old = { .size = sizeof(old) };
	struct p2pmap_mapping *mapping;
	unsigned char *page;

	if (!lab_is_translated(lab))
		lab_skip(lab, "no IOMMU translates here");
	page = ram(PAGE);
	mapping = map(lab, page, PAGE, WRITE);
	old.id = p2pmap_mapping_id(mapping);
	unmap(mapping);
	mapping = map(lab, page, PAGE, WRITE);
	assert_int_not_equal(p2pmap_mapping_id(mapping), old.id);
	assert_int_equal(
		ioctl(p2pmap_context_fd(lab->ctx), P2PMAP_IOC_UNMAP, &old), -1);
	assert_int_equal(errno, ENOENT);
	unmap(mapping);
	munmap(page, PAGE);
}

static void a_descriptor_for_reading_may_only_ask(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_attach attach = { .size = sizeof(attach),
					.pci = lab->edu_pci };
	struct p2pmap_info info = { .size = sizeof(info) };
	int fd = open(NODE, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, P2PMAP_IOC_INFO, &info), 0);
	assert_int_equal(ioctl(fd, P2PMAP_IOC_ATTACH, &attach), -1);
	assert_int_equal(errno, EBADF);
	close(fd);
}

/* Ids above those of this context, which the other one has. */
static void case_foreign_id(const struct world *world, const struct call *call,
			    union command *command)
{
	struct p2pmap_attach attach = { .size = sizeof(attach),
					.pci = world->lab->edu_pci };
	int other = open(NODE, O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 50; i++)
		assert_int_equal(ioctl(other, P2PMAP_IOC_ATTACH, &attach), 0);
	if (call->id) {
		set32(command, call->id, attach.out_id);
		expect(world, call, command, ENOENT);
	}
	close(other);
}

static void an_id_of_another_open_file_is_enoent(void **state)
{
	each_call(*state, case_foreign_id);
}

static void case_ended_id(const struct world *world, const struct call *call,
			  union command *command)
{
	if (call->number != P2PMAP_IOC_UNMAP &&
	    call->number != P2PMAP_IOC_DETACH)
		return;
	expect(world, call, command, 0);
	expect(world, call, command, ENOENT);
}

static void an_id_is_gone_after_it_was_ended(void **state)
{
	each_call(*state, case_ended_id);
}

static void
extents_at_a_bad_address_are_efault_and_nothing_is_mapped(void **state)
{
	struct lab *lab = *state;
	static union command command;
	struct world world;
	static const uint64_t bad[] = { 1, 0x1000, 0xffff888000000000, ~0ULL };

	if (!lab_is_translated(lab))
		lab_skip(lab, "no IOMMU translates here");
	world_open(&world, lab, &calls[P2PMAP_IOC_MAP & 0xff]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t before = census(world.fd);

		prepare(&world, &calls[P2PMAP_IOC_MAP & 0xff], &command);
		command.map.extents = bad[i];
		assert_int_equal(ioctl(world.fd, P2PMAP_IOC_MAP, &command), -1);
		assert_int_equal(errno, EFAULT);
		assert_int_equal(census(world.fd), before);
		prepare(&world, &calls[P2PMAP_IOC_EXTENTS & 0xff], &command);
		command.extents.extents = bad[i];
		assert_int_equal(ioctl(world.fd, P2PMAP_IOC_EXTENTS, &command),
				 -1);
		assert_int_equal(errno, EFAULT);
	}
	world_close(&world);
}

static void extents_are_counted_when_none_fit(void **state)
{
	struct lab *lab = *state;
	static union command command;
	struct world world;

	if (!lab_is_translated(lab))
		lab_skip(lab, "no IOMMU translates here");
	world_open(&world, lab, &calls[P2PMAP_IOC_MAP & 0xff]);
	prepare(&world, &calls[P2PMAP_IOC_MAP & 0xff], &command);
	command.map.max_extents = 0;
	command.map.extents = 1; /* not looked at */
	assert_int_equal(ioctl(world.fd, P2PMAP_IOC_MAP, &command), 0);
	assert_int_equal(command.map.out_nr_extents, 1);
	prepare(&world, &calls[P2PMAP_IOC_EXTENTS & 0xff], &command);
	command.extents.first = 0xffffffff;
	assert_int_equal(ioctl(world.fd, P2PMAP_IOC_EXTENTS, &command), 0);
	assert_int_equal(command.extents.out_count, 0);
	assert_int_equal(command.extents.out_total, 1);
	world_close(&world);
}

static void an_importer_in_use_cannot_be_detached(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_detach detach = { .size = sizeof(detach) };
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);
	int fd = p2pmap_context_fd(lab->ctx);

	if (!lab_is_translated(lab))
		lab_skip(lab, "no IOMMU translates here");
	mapping = map(lab, page, PAGE, PIN);
	detach.id = p2pmap_importer_id(lab->importer);
	assert_int_equal(ioctl(fd, P2PMAP_IOC_DETACH, &detach), -1);
	assert_int_equal(errno, EBUSY);
	unmap(mapping);
	assert_int_equal(ioctl(fd, P2PMAP_IOC_DETACH, &detach), 0);
	munmap(page, PAGE);
}

static void the_limit_of_importers_is_enospc(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_attach attach = { .size = sizeof(attach),
					.pci = lab->edu_pci,
					.reason = (uintptr_t)&reason };
	int fd = open(NODE, O_RDWR | O_CLOEXEC);
	unsigned int nr = 0;

	while (!ioctl(fd, P2PMAP_IOC_ATTACH, &attach))
		assert_true(++nr < 100000);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(reason.code, P2PMAP_REASON_LIMIT);
	assert_int_equal(reason.value[0], nr);
	close(fd);
}

static void the_info_says_what_the_context_has(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_info info = context_info(lab->ctx);

	assert_int_equal(info.out_abi_version, P2PMAP_ABI_VERSION);
	assert_int_equal(info.out_flags, P2PMAP_INFO_MAY_ATTACH_ANY);
	assert_int_equal(info.out_importers, 1);
	assert_int_equal(info.out_mappings, 0);
	if (lab_is_translated(lab)) {
		struct p2pmap_mapping *mapping = map(lab, ram(PAGE), PAGE, PIN);

		assert_int_equal(context_info(lab->ctx).out_mappings, 1);
		unmap(mapping);
		assert_int_equal(context_info(lab->ctx).out_mappings, 0);
	}
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(the_table_has_every_ioctl_and_others_are_enotty),
	LAB_TEST(a_valid_call_succeeds),
	LAB_TEST(unknown_flags_are_eopnotsupp),
	LAB_TEST(reserved_fields_that_are_not_zero_are_einval),
	LAB_TEST(a_struct_that_is_too_short_is_einval),
	LAB_TEST(a_longer_struct_with_a_zero_tail_succeeds),
	LAB_TEST(a_tail_that_is_not_zero_is_e2big),
	LAB_TEST(a_struct_of_more_than_a_page_is_e2big),
	LAB_TEST(a_struct_at_a_bad_address_is_efault),
	LAB_TEST(an_answer_that_cannot_be_given_is_efault_and_leaves_nothing),
	LAB_TEST(a_bad_pointer_to_the_reason_does_not_change_the_errno),
	LAB_TEST(a_reason_is_written_only_as_far_as_its_size_reaches),
	LAB_TEST(an_id_that_does_not_exist_is_enoent),
	LAB_TEST(an_id_of_another_type_is_enoent),
	LAB_TEST(an_id_of_another_open_file_is_enoent),
	LAB_TEST(an_id_is_gone_after_it_was_ended),
	LAB_TEST(an_id_that_was_given_back_stands_for_nothing),
	LAB_TEST(a_descriptor_for_reading_may_only_ask),
	LAB_TEST(extents_at_a_bad_address_are_efault_and_nothing_is_mapped),
	LAB_TEST(extents_are_counted_when_none_fit),
	LAB_TEST(an_importer_in_use_cannot_be_detached),
	LAB_TEST(the_limit_of_importers_is_enospc),
	LAB_TEST(the_info_says_what_the_context_has),
};

LAB_MAIN(LAB_ANY, tests)
