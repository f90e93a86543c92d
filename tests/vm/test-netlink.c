// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink: what is shown of contexts, importers and mappings, and to whom.
 *
 * iommu: on
 *
 * Dumps of much are in test-netlink-dump, events in test-netlink-event.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "nl.h"
#include "witness.h"

#define A(noun, name) P2PMAP_NL_##noun##_##name

/* What tests compare: one mapping, as it was shown. */
struct shown {
	uint64_t id, context, length, live, sink, lost, generation, pinned;
	uint64_t addr, dma;
	uint32_t local_id, pid, bar, flags, kind, route, status, state, extents;
	bool has_addr, has_dma, has_pid;
	char command[16], importer[32], exporter[32];
};

static struct shown shown_of(const struct nl_message *m)
{
	struct shown shown = {
		.id = nl_u64(m, A(MAPPING, ID)),
		.context = nl_u64(m, A(MAPPING, CONTEXT)),
		.length = nl_u64(m, A(MAPPING, LENGTH)),
		.live = nl_u64(m, A(MAPPING, LIVE_BYTES)),
		.sink = nl_u64(m, A(MAPPING, SINK_BYTES)),
		.lost = nl_u64(m, A(MAPPING, LOST_BYTES)),
		.generation = nl_u64(m, A(MAPPING, GENERATION)),
		.pinned = nl_u64(m, A(MAPPING, PINNED_BYTES)),
		.addr = nl_u64(m, A(MAPPING, ADDR)),
		.dma = nl_u64(m, A(MAPPING, DMA_ADDR)),
		.local_id = nl_u32(m, A(MAPPING, LOCAL_ID)),
		.pid = nl_u32(m, A(MAPPING, PID)),
		.bar = nl_u32(m, A(MAPPING, BAR)),
		.flags = nl_u32(m, A(MAPPING, FLAGS)),
		.kind = nl_u32(m, A(MAPPING, KIND)),
		.route = nl_u32(m, A(MAPPING, ROUTE)),
		.status = nl_u32(m, A(MAPPING, STATUS)),
		.state = nl_u32(m, A(MAPPING, STATE)),
		.extents = nl_u32(m, A(MAPPING, EXTENTS)),
		.has_addr = nl_has(m, A(MAPPING, ADDR)),
		.has_dma = nl_has(m, A(MAPPING, DMA_ADDR)),
		.has_pid = nl_has(m, A(MAPPING, PID)),
	};

	snprintf(shown.command, sizeof(shown.command), "%s",
		 nl_string(m, A(MAPPING, COMMAND)));
	snprintf(shown.importer, sizeof(shown.importer), "%s",
		 nl_string(m, A(MAPPING, IMPORTER)));
	snprintf(shown.exporter, sizeof(shown.exporter), "%s",
		 nl_string(m, A(MAPPING, EXPORTER)));
	return shown;
}

/* What a dump brought. */
#define MOST 16

struct list {
	unsigned int nr;
	uint64_t id[MOST];
	struct shown mapping[MOST];
};

static void list_add(const struct nl_message *message, void *arg)
{
	struct list *list = arg;

	if (list->nr < MOST) {
		list->id[list->nr] = nl_u64(message, 1);
		if (message->cmd == P2PMAP_NL_CMD_MAPPING_GET)
			list->mapping[list->nr] = shown_of(message);
	}
	list->nr++;
}

static int list_take(struct nl *nl, uint8_t cmd, struct list *list)
{
	*list = (struct list){ .nr = 0 };
	return nl_dump(nl, cmd, list_add, list);
}

/* The mappings that a new socket is shown. */
static struct list mappings(void)
{
	struct list list;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(list_take(&nl, P2PMAP_NL_CMD_MAPPING_GET, &list), 0);
	assert_false(nl.interrupted);
	nl_close(&nl);
	assert_true(list.nr <= MOST);
	return list;
}

/* The only one there is. */
static struct shown shown(void)
{
	struct list list = mappings();

	assert_int_equal(list.nr, 1);
	return list.mapping[0];
}

static void count_one(const struct nl_message *message, void *arg)
{
	(void)message;
	++*(unsigned int *)arg;
}

static int ask(struct nl *nl, uint8_t cmd, uint64_t id)
{
	unsigned int count = 0;
	int rc = nl_get(nl, cmd, id, count_one, &count);

	return rc ? rc : count == 1 ? 0 : -EPROTO;
}

/* One attribute of one thing. */
struct wanted {
	unsigned int type;
	uint64_t number;
	bool there;
	char text[64];
};

static void take_u32(const struct nl_message *message, void *arg)
{
	struct wanted *wanted = arg;

	wanted->there = nl_has(message, wanted->type);
	wanted->number = nl_u32(message, wanted->type);
}

static void take_u64(const struct nl_message *message, void *arg)
{
	struct wanted *wanted = arg;

	wanted->there = nl_has(message, wanted->type);
	wanted->number = nl_u64(message, wanted->type);
}

static void take_text(const struct nl_message *message, void *arg)
{
	struct wanted *wanted = arg;

	wanted->there = nl_has(message, wanted->type);
	snprintf(wanted->text, sizeof(wanted->text), "%s",
		 nl_string(message, wanted->type));
}

static uint64_t stat_of(unsigned int type)
{
	struct wanted wanted = { .type = type };
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(
		nl_get(&nl, P2PMAP_NL_CMD_STATS_GET, 0, take_u64, &wanted), 0);
	nl_close(&nl);
	assert_true(wanted.there);
	return wanted.number;
}

/* What is shown of a mapping */

static void a_mapping_is_shown_as_its_owner_knows_it(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(8 * PAGE);
	struct p2pmap_mapping *mapping;
	struct shown now;
	size_t extents;

	memset(range, 1, 8 * PAGE);
	mapping = map(lab, range, 8 * PAGE, WRITE | P2PMAP_MAP_SINK);
	now = shown();
	p2pmap_mapping_extents(mapping, &extents);
	assert_true(now.id && now.context && now.id != now.context);
	assert_int_equal(now.local_id, p2pmap_mapping_id(mapping));
	assert_int_equal(now.pid, getpid());
	assert_string_equal(now.command, "test-netlink");
	assert_string_equal(now.importer, lab->edu_address);
	assert_string_equal(now.exporter, "");
	assert_int_equal(now.length, 8 * PAGE);
	assert_int_equal(now.flags, WRITE | P2PMAP_MAP_SINK);
	assert_int_equal(now.kind, P2PMAP_KIND_RAM);
	assert_int_equal(now.status, p2pmap_mapping_flags(mapping));
	assert_int_equal(now.state, P2PMAP_NL_STATE_LIVE);
	assert_int_equal(now.extents, extents);
	assert_int_equal(now.live, 8 * PAGE);
	assert_int_equal(now.generation, p2pmap_mapping_generation(mapping));
	assert_int_equal(now.pinned, 0);
	assert_ptr_equal(now.addr, range);
	assert_int_equal(now.dma, mapping_dma(mapping, 0));
	unmap(mapping);
	assert_int_equal(mappings().nr, 0);
	munmap(range, 8 * PAGE);
}

static void a_bar_is_shown_with_its_exporter_number_and_route(void **state)
{
	struct lab *lab = *state;
	unsigned char *bar = bar_at(lab, 0, 4 * PAGE);
	struct p2pmap_mapping *mapping = map(lab, bar, 4 * PAGE, WRITE);
	struct shown now = shown();

	assert_string_equal(now.exporter, lab->ivshmem_address);
	assert_int_equal(now.bar, 2);
	assert_int_equal(now.kind, P2PMAP_KIND_BAR);
	assert_int_equal(now.route, P2PMAP_ROUTE_HOST_BRIDGE);
	assert_int_equal(now.pinned, 0);
	unmap(mapping);
	munmap(bar, 4 * PAGE);
}

static void a_part_that_is_revoked_shows_in_bytes_and_state(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(8 * PAGE);
	struct p2pmap_mapping *mapping;
	struct p2pmap_status status;
	struct shown now;

	keep_still();
	memset(range, 1, 8 * PAGE);
	mapping = map(lab, range, 8 * PAGE, WRITE);
	munmap(range + 2 * PAGE, 2 * PAGE);
	assert_true(comes_alive(mapping, 6 * PAGE));
	status = mapping_status(mapping);
	now = shown();
	assert_int_equal(now.state, P2PMAP_NL_STATE_PARTIAL);
	assert_int_equal(now.status, status.out_flags);
	assert_int_equal(now.live, 6 * PAGE);
	assert_int_equal(now.live, status.out_live_bytes);
	assert_int_equal(now.lost, 2 * PAGE);
	assert_int_equal(now.sink, 0);
	assert_int_equal(now.generation, status.out_generation);
	assert_int_equal(now.generation & 1, 0);
	munmap(range, 8 * PAGE);
	now = shown();
	assert_int_equal(now.state, P2PMAP_NL_STATE_REVOKED);
	assert_int_equal(now.lost, 8 * PAGE);
	assert_int_equal(now.live, 0);
	unmap(mapping);
}

static void a_sink_shows_in_bytes(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(8 * PAGE);
	struct p2pmap_mapping *mapping;
	struct shown now;

	keep_still();
	memset(range, 1, 8 * PAGE);
	mapping = map(lab, range, 8 * PAGE, WRITE | P2PMAP_MAP_SINK);
	madvise(range + 3 * PAGE, PAGE, MADV_DONTNEED);
	assert_true(comes_alive(mapping, 7 * PAGE));
	now = shown();
	assert_int_equal(now.sink, PAGE);
	assert_int_equal(now.sink, mapping_status(mapping).out_sink_bytes);
	assert_int_equal(now.lost, 0);
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	now = shown();
	assert_int_equal(now.state, P2PMAP_NL_STATE_LIVE);
	assert_int_equal(now.sink, 0);
	unmap(mapping);
	munmap(range, 8 * PAGE);
}

static void a_pin_is_shown_and_that_it_got_stale(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(4 * PAGE);
	struct p2pmap_mapping *mapping = map(lab, range, 4 * PAGE, WRITE | PIN);
	struct shown now = shown();

	assert_int_equal(now.pinned, 4 * PAGE);
	assert_int_equal(now.status & P2PMAP_MAPPING_STALE, 0);
	madvise(range, PAGE, MADV_DONTNEED);
	now = shown();
	assert_int_equal(now.status & P2PMAP_MAPPING_STALE,
			 P2PMAP_MAPPING_STALE);
	assert_int_equal(now.state, P2PMAP_NL_STATE_LIVE);
	unmap(mapping);
	munmap(range, 4 * PAGE);
}

static void an_importer_that_is_gone_shows_until_unmap(void **state)
{
	struct lab *lab = *state;
	struct wanted gone = { .type = A(IMPORTER, GONE) };
	unsigned char *range = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, range, PAGE, WRITE | PIN);
	struct shown now;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(
		nl_dump(&nl, P2PMAP_NL_CMD_IMPORTER_GET, take_u32, &gone), 0);
	assert_false(gone.there);
	edu_close(lab->edu);
	lab->edu = NULL;
	assert_int_equal(bind_driver("none", lab->edu_address), 0);
	now = shown();
	assert_int_equal(now.state, P2PMAP_NL_STATE_GONE);
	assert_true(now.status & P2PMAP_MAPPING_GONE);
	assert_int_equal(now.live, 0);
	assert_int_equal(now.generation,
			 mapping_status(mapping).out_generation);
	assert_false(now.has_dma);
	assert_int_equal(
		nl_dump(&nl, P2PMAP_NL_CMD_IMPORTER_GET, take_u32, &gone), 0);
	assert_true(gone.there);
	nl_close(&nl);
	unmap(mapping);
	assert_int_equal(mappings().nr, 0);
	munmap(range, PAGE);
	lab_close(lab);
	assert_int_equal(bind_driver("uio_pci_generic", lab->edu_address), 0);
	lab_reopen(lab);
}

static void extents_are_those_that_the_library_has(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = ram(4 * MIB);
	struct wanted dma = { .type = A(EXTENT, DMA_ADDR) };
	struct wanted length = { .type = A(EXTENT, LENGTH) };
	struct nl_request request;
	struct p2pmap_mapping *mapping;
	unsigned int count = 0;
	struct nl nl;
	size_t nr;

	memset(range, 1, 4 * MIB);
	mapping = map(lab, range, 4 * MIB, WRITE);
	p2pmap_mapping_extents(mapping, &nr);
	assert_int_equal(nl_open(&nl), 0);
	for (int i = 0; i < 3; i++) {
		nl_begin(&nl, &request, P2PMAP_NL_CMD_EXTENT_GET, NLM_F_DUMP);
		nl_put_u64(&request, A(EXTENT, MAPPING), shown().id);
		assert_int_equal(nl_send(&nl, &request), 0);
		if (i == 0)
			nl_receive_all(&nl, count_one, &count);
		else
			nl_receive_all(&nl, take_u64, i == 1 ? &dma : &length);
	}
	assert_int_equal(count, nr);
	if (nr == 1) {
		assert_int_equal(dma.number, mapping_dma(mapping, 0));
		assert_int_equal(length.number, 4 * MIB);
	}
	nl_close(&nl);
	unmap(mapping);
	munmap(range, 4 * MIB);
}

/* Contexts and importers */

static void contexts_and_importers_come_and_go(void **state)
{
	struct lab *lab = *state;
	struct wanted wanted = { .type = A(IMPORTER, DEVICE) };
	struct p2pmap_importer *importer;
	struct p2pmap_context *ctx;
	struct list list;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	list_take(&nl, P2PMAP_NL_CMD_CONTEXT_GET, &list);
	assert_int_equal(list.nr, 1);
	ctx = context_open();
	list_take(&nl, P2PMAP_NL_CMD_CONTEXT_GET, &list);
	assert_int_equal(list.nr, 2);
	importer = edu_attach(lab, ctx);
	list_take(&nl, P2PMAP_NL_CMD_IMPORTER_GET, &list);
	assert_int_equal(list.nr, 2);
	assert_int_equal(nl_get(&nl, P2PMAP_NL_CMD_IMPORTER_GET, list.id[1],
				take_text, &wanted),
			 0);
	assert_string_equal(wanted.text, lab->edu_address);
	wanted.type = A(IMPORTER, DRIVER);
	assert_int_equal(nl_get(&nl, P2PMAP_NL_CMD_IMPORTER_GET, list.id[1],
				take_text, &wanted),
			 0);
	assert_string_equal(wanted.text, "uio_pci_generic");
	assert_int_equal(p2pmap_importer_detach(importer), 0);
	assert_int_equal(ask(&nl, P2PMAP_NL_CMD_IMPORTER_GET, list.id[1]),
			 -ENOENT);
	edu_attach(lab, ctx);
	p2pmap_context_close(ctx);
	list_take(&nl, P2PMAP_NL_CMD_CONTEXT_GET, &list);
	assert_int_equal(list.nr, 1);
	list_take(&nl, P2PMAP_NL_CMD_IMPORTER_GET, &list);
	assert_int_equal(list.nr, 1);
	nl_close(&nl);
}

static void a_dump_can_be_of_one_context(void **state)
{
	struct lab *lab = *state;
	struct lab other = *lab;
	unsigned char *page = ram(PAGE);
	struct nl_request request;
	struct list all, some = { .nr = 0 };
	struct nl nl;

	other.ctx = context_open();
	other.importer = edu_attach(lab, other.ctx);
	map(lab, page, PAGE, WRITE);
	map(&other, page, PAGE, 0);
	all = mappings();
	assert_int_equal(all.nr, 2);
	assert_int_equal(nl_open(&nl), 0);
	nl_begin(&nl, &request, P2PMAP_NL_CMD_MAPPING_GET, NLM_F_DUMP);
	nl_put_u64(&request, A(MAPPING, CONTEXT), all.mapping[1].context);
	assert_int_equal(nl_send(&nl, &request), 0);
	assert_int_equal(nl_receive_all(&nl, list_add, &some), 0);
	assert_int_equal(some.nr, 1);
	assert_int_equal(some.id[0], all.id[1]);
	/* And so are its importers. */
	some.nr = 0;
	nl_begin(&nl, &request, P2PMAP_NL_CMD_IMPORTER_GET, NLM_F_DUMP);
	nl_put_u64(&request, A(IMPORTER, CONTEXT), all.mapping[1].context);
	assert_int_equal(nl_send(&nl, &request), 0);
	assert_int_equal(nl_receive_all(&nl, list_add, &some), 0);
	assert_int_equal(some.nr, 1);
	nl_close(&nl);
	p2pmap_context_close(other.ctx);
	lab_reopen(lab);
	munmap(page, PAGE);
}

static void ids_are_never_used_again(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	uint64_t last = 0;
	uint32_t local = 0;

	for (int i = 0; i < 200; i++) {
		struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE);
		struct shown now = shown();

		assert_true(now.id > last);
		/* The context's own id. */
		assert_true(now.local_id > local);
		last = now.id;
		local = now.local_id;
		unmap(mapping);
	}
	munmap(page, PAGE);
}

/* Who sees what */

static uint64_t foreign_id; /* of a mapping of root's, for children */

/* root opened and attached; the user maps, and it is his from then on. */
static int map_as_user_and_look(void *arg)
{
	struct lab *lab = arg, own = *lab;
	void *page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct wanted uid = { .type = A(CONTEXT, UID) };
	struct p2pmap_mapping *mapping;
	struct list list;
	struct nl nl;

	own.ctx = NULL;
	CHILD_CHECK(!p2pmap_context_open(NULL, &own.ctx));
	CHILD_CHECK(
		!attach(own.ctx, lab->edu_address, 64, NULL, &own.importer));
	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	CHILD_CHECK(!nl_open(&nl));
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_CONTEXT_GET, &list));
	CHILD_CHECK(list.nr == 0);
	CHILD_CHECK(!try_map(&own, page, PAGE, WRITE, &mapping));
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_CONTEXT_GET, &list));
	CHILD_CHECK(list.nr == 1);
	CHILD_CHECK(!nl_dump(&nl, P2PMAP_NL_CMD_CONTEXT_GET, take_u32, &uid));
	CHILD_CHECK(uid.number == USER_UID);
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_IMPORTER_GET, &list));
	CHILD_CHECK(list.nr == 1);
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_MAPPING_GET, &list));
	CHILD_CHECK(list.nr == 1);
	CHILD_CHECK(list.mapping[0].local_id == p2pmap_mapping_id(mapping));
	CHILD_CHECK(list.mapping[0].pid == (uint32_t)getpid());
	CHILD_CHECK(!list.mapping[0].has_addr && !list.mapping[0].has_dma);
	CHILD_CHECK(ask(&nl, P2PMAP_NL_CMD_MAPPING_GET, list.id[0]) == 0);
	CHILD_CHECK(ask(&nl, P2PMAP_NL_CMD_MAPPING_GET, foreign_id) == -ENOENT);
	CHILD_CHECK(ask(&nl, P2PMAP_NL_CMD_STATS_GET, 0) == -EPERM);
	CHILD_CHECK(nl_join(&nl) == -EPERM);
	return 0;
}

static void another_user_sees_only_his_own_and_no_addresses(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE);

	foreign_id = shown().id;
	assert_int_equal(in_child(map_as_user_and_look, lab), 0);
	unmap(mapping);
	munmap(page, PAGE);
}

/* Whoever runs this sees neither this mapping nor any secret. */
static int sees_nothing(void *arg)
{
	uint64_t *id = arg;
	struct nl_request request;
	unsigned int count = 0;
	struct list list;
	struct nl nl;

	CHILD_CHECK(!nl_open(&nl));
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_MAPPING_GET, &list));
	CHILD_CHECK(list.nr == 0);
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_CONTEXT_GET, &list));
	CHILD_CHECK(list.nr == 0);
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_IMPORTER_GET, &list));
	CHILD_CHECK(list.nr == 0);
	CHILD_CHECK(ask(&nl, P2PMAP_NL_CMD_MAPPING_GET, *id) == -ENOENT);
	CHILD_CHECK(ask(&nl, P2PMAP_NL_CMD_STATS_GET, 0) == -EPERM);
	nl_begin(&nl, &request, P2PMAP_NL_CMD_EXTENT_GET, NLM_F_DUMP);
	nl_put_u64(&request, A(EXTENT, MAPPING), *id);
	CHILD_CHECK(!nl_send(&nl, &request));
	CHILD_CHECK(nl_receive_all(&nl, count_one, &count) == -EPERM);
	CHILD_CHECK(!count);
	CHILD_CHECK(nl_join(&nl) == -EPERM);
	return 0;
}

static int sees_nothing_with_all_capabilities_of_his_own(void *arg)
{
	CHILD_CHECK(!unshare(CLONE_NEWUSER));
	return sees_nothing(arg);
}

static int finds_no_family(void *arg)
{
	struct nl nl;

	(void)arg;
	CHILD_CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWNET));
	CHILD_CHECK(nl_open(&nl) == -ENOENT);
	return 0;
}

static void cap_net_admin_in_a_user_namespace_is_not_enough(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE);
	uint64_t id = shown().id;

	assert_int_equal(as_user(USER_UID, sees_nothing, &id), 0);
	assert_int_equal(as_user(USER_UID,
				 sees_nothing_with_all_capabilities_of_his_own,
				 &id),
			 0);
	assert_int_equal(as_user(USER_UID, finds_no_family, NULL), 0);
	assert_int_equal(in_child(finds_no_family, NULL), 0);
	unmap(mapping);
	munmap(page, PAGE);
}

/* The socket was root's, the asker is not; and the other way round. */
static int uses_the_socket_of_root(void *arg)
{
	struct nl *nl = arg;
	struct list list;

	CHILD_CHECK(!list_take(nl, P2PMAP_NL_CMD_MAPPING_GET, &list));
	CHILD_CHECK(list.nr == 0);
	CHILD_CHECK(ask(nl, P2PMAP_NL_CMD_STATS_GET, 0) == -EPERM);
	return 0;
}

static int user_opens_and_root_asks(void *arg)
{
	struct list list;
	struct nl nl;

	(void)arg;
	CHILD_CHECK(!setresuid(USER_UID, USER_UID, 0));
	CHILD_CHECK(!nl_open(&nl));
	CHILD_CHECK(!setresuid(0, 0, 0));
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_MAPPING_GET, &list));
	CHILD_CHECK(list.nr == 0);
	CHILD_CHECK(ask(&nl, P2PMAP_NL_CMD_STATS_GET, 0) == -EPERM);
	return 0;
}

static void opener_and_asker_must_both_be_allowed(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE);
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(as_user(USER_UID, uses_the_socket_of_root, &nl), 0);
	assert_int_equal(in_child(user_opens_and_root_asks, NULL), 0);
	nl_close(&nl);
	unmap(mapping);
	munmap(page, PAGE);
}

static int looks_without_rawio(void *arg)
{
	uint64_t *id = arg;
	struct nl_request request;
	unsigned int count = 0;
	struct list list;
	struct nl nl;

	CHILD_CHECK(!drop_capability(CAP_SYS_RAWIO));
	CHILD_CHECK(!nl_open(&nl));
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_MAPPING_GET, &list));
	CHILD_CHECK(list.nr == 1 && list.id[0] == *id);
	CHILD_CHECK(!list.mapping[0].has_addr && !list.mapping[0].has_dma);
	nl_begin(&nl, &request, P2PMAP_NL_CMD_EXTENT_GET, NLM_F_DUMP);
	nl_put_u64(&request, A(EXTENT, MAPPING), *id);
	CHILD_CHECK(!nl_send(&nl, &request));
	CHILD_CHECK(nl_receive_all(&nl, count_one, &count) == -EPERM);
	return 0;
}

static void addresses_take_cap_sys_rawio(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE);
	struct shown now = shown();

	assert_true(now.has_addr && now.has_dma);
	assert_int_equal(in_child(looks_without_rawio, &now.id), 0);
	unmap(mapping);
	munmap(page, PAGE);
}

/* Process ids */

struct inside {
	struct lab *lab;
	uint64_t foreign;
	int ready[2];
	int go[2];
};

static int maps_inside(void *arg)
{
	struct inside *inside = arg;
	struct lab own = *inside->lab;
	void *page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct p2pmap_mapping *mapping;
	struct list list;
	struct nl nl;
	char byte;

	CHILD_CHECK(getpid() == 1);
	CHILD_CHECK(!p2pmap_context_open(NULL, &own.ctx));
	CHILD_CHECK(!attach(own.ctx, own.edu_address, 64, NULL, &own.importer));
	CHILD_CHECK(!try_map(&own, page, PAGE, WRITE, &mapping));
	CHILD_CHECK(!nl_open(&nl));
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_MAPPING_GET, &list));
	CHILD_CHECK(list.nr == 2);
	CHILD_CHECK(list.id[0] == inside->foreign);
	CHILD_CHECK(list.mapping[0].has_pid && list.mapping[0].pid == 0);
	CHILD_CHECK(list.mapping[1].pid == 1);
	CHILD_CHECK(write(inside->ready[1], "x", 1) == 1);
	CHILD_CHECK(read(inside->go[0], &byte, 1) == 1);
	return 0;
}

static int in_a_pid_namespace(void *arg)
{
	struct inside *inside = arg;
	pid_t pid;

	CHILD_CHECK(!unshare(CLONE_NEWPID));
	pid = child_start(maps_inside, inside);
	CHILD_CHECK(write(inside->ready[1], &pid, sizeof(pid)) == sizeof(pid));
	return child_end(pid);
}

static void a_pid_is_that_of_the_askers_namespace(void **state)
{
	struct lab *lab = *state;
	struct inside inside = { .lab = lab };
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping = map(lab, page, PAGE, WRITE);
	unsigned char answer[sizeof(pid_t) + 1];
	struct list list;
	size_t got = 0;
	bool found = false;
	pid_t child, pid;

	inside.foreign = shown().id;
	assert_int_equal(pipe(inside.ready), 0);
	assert_int_equal(pipe(inside.go), 0);
	child = child_start(in_a_pid_namespace, &inside);
	close(inside.ready[1]);
	while (got < sizeof(answer)) {
		ssize_t n = read(inside.ready[0], answer + got,
				 sizeof(answer) - got);

		assert_true(n > 0);
		got += n;
	}
	list = mappings();
	assert_int_equal(list.nr, 2);
	/* The two writers may come in either order. */
	for (size_t at = 0; at < 2; at++) {
		memcpy(&pid, answer + at, sizeof(pid));
		found |= list.mapping[1].pid == (uint32_t)pid;
	}
	assert_true(found);
	assert_true(list.mapping[1].pid > 1);
	assert_int_equal(list.mapping[0].pid, getpid());
	assert_int_equal(write(inside.go[1], "x", 1), 1);
	assert_int_equal(child_end(child), 0);
	close(inside.ready[0]);
	close(inside.go[0]);
	close(inside.go[1]);
	unmap(mapping);
	munmap(page, PAGE);
}

static int maps_at_once(void *arg)
{
	struct lab own = *(struct lab *)arg;
	void *page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct p2pmap_mapping *mapping;
	struct list list;
	struct nl nl;

	CHILD_CHECK(!p2pmap_context_open(NULL, &own.ctx));
	CHILD_CHECK(!attach(own.ctx, own.edu_address, 64, NULL, &own.importer));
	CHILD_CHECK(!try_map(&own, page, PAGE, WRITE, &mapping));
	CHILD_CHECK(!nl_open(&nl));
	CHILD_CHECK(!list_take(&nl, P2PMAP_NL_CMD_MAPPING_GET, &list));
	CHILD_CHECK(list.nr == 1);
	CHILD_CHECK(list.mapping[0].pid == (uint32_t)getpid());
	return 0;
}

static void a_pid_is_right_just_after_fork(void **state)
{
	assert_int_equal(in_child(maps_at_once, *state), 0);
	assert_int_equal(mappings().nr, 0);
}

/* Requests that are wrong */

static void take_id(const struct nl_message *message, void *arg)
{
	*(uint64_t *)arg = nl_u64(message, 1);
}

struct malformed {
	const char *what;
	uint8_t cmd;
	uint16_t flags;
	uint16_t type;
	uint16_t length;
	int error;
};

static void wrong_requests_are_refused(void **state)
{
	static const struct malformed table[] = {
		{ "no id", P2PMAP_NL_CMD_MAPPING_GET, 0, 0, 0, -EINVAL },
		{ "id of 4 bytes", P2PMAP_NL_CMD_MAPPING_GET, 0, 1, 4,
		  -EINVAL },
		{ "id of 16 bytes", P2PMAP_NL_CMD_MAPPING_GET, 0, 1, 16,
		  -EINVAL },
		{ "unknown attribute", P2PMAP_NL_CMD_MAPPING_GET, 0, 30, 8,
		  -EINVAL },
		{ "context for a get", P2PMAP_NL_CMD_MAPPING_GET, 0, 2, 8,
		  -EINVAL },
		{ "id for a dump", P2PMAP_NL_CMD_MAPPING_GET, NLM_F_DUMP, 1, 8,
		  -EINVAL },
		{ "unknown for a dump", P2PMAP_NL_CMD_MAPPING_GET, NLM_F_DUMP,
		  7, 8, -EINVAL },
		{ "context of a context", P2PMAP_NL_CMD_CONTEXT_GET, NLM_F_DUMP,
		  2, 8, -EINVAL },
		{ "attribute of stats", P2PMAP_NL_CMD_STATS_GET, 0, 1, 8,
		  -EINVAL },
		{ "extents of nothing", P2PMAP_NL_CMD_EXTENT_GET, NLM_F_DUMP, 0,
		  0, -EINVAL },
		{ "extents of no such", P2PMAP_NL_CMD_EXTENT_GET, NLM_F_DUMP, 1,
		  8, -ENOENT },
		{ "extents not dumped", P2PMAP_NL_CMD_EXTENT_GET, 0, 1, 8,
		  -EOPNOTSUPP },
		{ "a dump of stats", P2PMAP_NL_CMD_STATS_GET, NLM_F_DUMP, 0, 0,
		  -EOPNOTSUPP },
		{ "a notification", P2PMAP_NL_CMD_MAP_NTF, 0, 0, 0,
		  -EOPNOTSUPP },
		{ "command 0", 0, 0, 0, 0, -EOPNOTSUPP },
		{ "command 200", 200, 0, 0, 0, -EOPNOTSUPP },
		{ "no such mapping", P2PMAP_NL_CMD_MAPPING_GET, 0, 1, 8,
		  -ENOENT },
		{ "no such context", P2PMAP_NL_CMD_CONTEXT_GET, 0, 1, 8,
		  -ENOENT },
	};
	static const unsigned char ones[32] = { 0xff, 0xff, 0xff, 0xff,
						0xff, 0xff, 0xff, 0xff };
	struct nl_request request;
	unsigned int count = 0;
	struct lab *lab = *state;
	uint64_t id = 0;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct malformed *row = &table[i];
		int rc;

		nl_begin(&nl, &request, row->cmd, row->flags);
		if (row->type)
			nl_put(&request, row->type, ones, row->length);
		assert_int_equal(nl_send(&nl, &request), 0);
		rc = nl_receive_all(&nl, count_one, &count);
		if (rc != row->error)
			lab_note(lab, "%s: %d", row->what, rc);
		assert_int_equal(rc, row->error);
	}
	/* One is meant, or those of a context. */
	nl_begin(&nl, &request, P2PMAP_NL_CMD_CONTEXT_GET, NLM_F_DUMP);
	assert_int_equal(nl_send(&nl, &request), 0);
	assert_int_equal(nl_receive_all(&nl, take_id, &id), 0);
	nl_begin(&nl, &request, P2PMAP_NL_CMD_IMPORTER_GET, 0);
	nl_put_u64(&request, A(IMPORTER, ID), id + 1);
	nl_put_u64(&request, A(IMPORTER, CONTEXT), id);
	assert_int_equal(nl_send(&nl, &request), 0);
	assert_int_equal(nl_receive_all(&nl, count_one, &count), -EINVAL);
	/* Too short for a command. */
	nl_begin(&nl, &request, P2PMAP_NL_CMD_MAPPING_GET, 0);
	request.length = NLMSG_LENGTH(0);
	assert_int_equal(nl_send(&nl, &request), 0);
	assert_int_equal(nl_receive_all(&nl, count_one, &count), -EINVAL);
	assert_int_equal(count, 0);
	nl_close(&nl);
}

/* Counters */

struct refusals {
	uint64_t count[64];
};

static void take_refusals(const struct nl_message *message, void *arg)
{
	const struct nlattr *attr = NULL;
	struct refusals *refusals = arg;

	memset(refusals, 0, sizeof(*refusals));
	while ((attr = nl_next(message, attr))) {
		struct nl_message nest;

		if ((attr->nla_type & NLA_TYPE_MASK) != A(STATS, REFUSAL))
			continue;
		nest = nl_nest(attr);
		refusals->count[nl_u32(&nest, A(REFUSAL, CODE)) & 63] =
			nl_u64(&nest, A(REFUSAL, COUNT));
	}
}

static uint64_t refused(uint32_t code)
{
	struct refusals refusals;
	struct nl nl;

	assert_int_equal(nl_open(&nl), 0);
	assert_int_equal(nl_get(&nl, P2PMAP_NL_CMD_STATS_GET, 0, take_refusals,
				&refusals),
			 0);
	nl_close(&nl);
	return refusals.count[code];
}

static void what_happens_is_counted(void **state)
{
	static const unsigned int types[] = {
		A(STATS, MAPS),	   A(STATS, UNMAPS),   A(STATS, REVOCATIONS),
		A(STATS, REMAPS),  A(STATS, OUTDATED), A(STATS, REFUSALS),
		A(STATS, NOTICES),
	};
	static const uint64_t more[] = { 2, 2, 1, 1, 1, 1, 0 };
	struct lab *lab = *state;
	unsigned char *range = ram(4 * PAGE);
	struct p2pmap_mapping *mapping;
	uint64_t before[7], holes = refused(P2PMAP_REASON_HOLE);

	keep_still();
	memset(range, 1, 4 * PAGE);
	for (int i = 0; i < 7; i++)
		before[i] = stat_of(types[i]);
	mapping = map(lab, range, 4 * PAGE, WRITE);
	madvise(range, 4 * PAGE, MADV_DONTNEED);
	assert_int_equal(p2pmap_mapping_remap(mapping, 0, 0, NULL), 0);
	unmap(mapping);
	mapping = map(lab, range, 4 * PAGE, WRITE | PIN);
	madvise(range, 4 * PAGE, MADV_DONTNEED);
	unmap(mapping);
	munmap(range, 4 * PAGE);
	assert_refused(lab, range, 4 * PAGE, WRITE, EFAULT, P2PMAP_REASON_HOLE);
	for (int i = 0; i < 7; i++) {
		uint64_t now = stat_of(types[i]);

		if (now != before[i] + more[i])
			lab_note(lab, "counter %u: %llu and %llu", types[i],
				 (unsigned long long)before[i],
				 (unsigned long long)now);
		assert_int_equal(now, before[i] + more[i]);
	}
	assert_int_equal(refused(P2PMAP_REASON_HOLE), holes + 1);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_mapping_is_shown_as_its_owner_knows_it),
	LAB_TEST(a_bar_is_shown_with_its_exporter_number_and_route),
	LAB_TEST(a_part_that_is_revoked_shows_in_bytes_and_state),
	LAB_TEST(a_sink_shows_in_bytes),
	LAB_TEST(a_pin_is_shown_and_that_it_got_stale),
	LAB_TEST(an_importer_that_is_gone_shows_until_unmap),
	LAB_TEST(extents_are_those_that_the_library_has),
	LAB_TEST(contexts_and_importers_come_and_go),
	LAB_TEST(a_dump_can_be_of_one_context),
	LAB_TEST(ids_are_never_used_again),
	LAB_TEST(another_user_sees_only_his_own_and_no_addresses),
	LAB_TEST(cap_net_admin_in_a_user_namespace_is_not_enough),
	LAB_TEST(opener_and_asker_must_both_be_allowed),
	LAB_TEST(addresses_take_cap_sys_rawio),
	LAB_TEST(a_pid_is_that_of_the_askers_namespace),
	LAB_TEST(a_pid_is_right_just_after_fork),
	LAB_TEST(wrong_requests_are_refused),
	LAB_TEST(what_happens_is_counted),
};

LAB_MAIN(LAB_TRANSLATED, tests)
