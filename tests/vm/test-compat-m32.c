// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit program on a 64-bit kernel: every ioctl, the events and the
 * generation page, through a library that is 32-bit, too.
 *
 * iommu: on
 * alone: what drivers the others bind it does not set right
 *
 * The one program of the lab that is not CMocka's, which Debian has not for
 * another architecture: it speaks TAP itself.  Its memory lies above 2 GiB,
 * where a pointer that somewhere was a signed number would show.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <p2pmap/p2pmap.h>

#include "edu.h"

#define PAGE 4096U
#define HIGH 0xe0000000U
#define WRITE P2PMAP_MAP_WRITE
#define PIN P2PMAP_MAP_PIN

#define CHECK(condition)                                               \
	do {                                                           \
		if (condition)                                         \
			break;                                         \
		printf("# %s:%d: %s (errno %d)\n", __FILE__, __LINE__, \
		       #condition, errno);                             \
		return false;                                          \
	} while (0)

static struct p2pmap_context *ctx;
static struct p2pmap_importer *importer;
static struct p2pmap_pci_addr edu_pci;
static struct edu *edu;

/* Memory that is zero, above 2 GiB, each at an address of its own. */
static void *high(size_t length)
{
	static uintptr_t next = HIGH;
	void *range = mmap((void *)next, length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			   -1, 0);

	next += (length | (1 << 20)) + PAGE;
	next &= ~(uintptr_t)(PAGE - 1);
	if (range == MAP_FAILED) {
		printf("Bail out! no memory above 2 GiB: %s\n",
		       strerror(errno));
		exit(1);
	}
	return range;
}

static int raw(unsigned long request, void *arg)
{
	return ioctl(p2pmap_context_fd(ctx), request, arg) ? -errno : 0;
}

/* The structs themselves lie high, so do the pointers in them. */
static bool a_32_bit_struct_is_understood(void)
{
	struct p2pmap_info *info = high(PAGE);

	info->size = sizeof(*info);
	CHECK(!raw(P2PMAP_IOC_INFO, info));
	CHECK(info->out_abi_version == P2PMAP_ABI_VERSION);
	CHECK(info->out_map_flags & PIN);
	CHECK(info->out_importers == 1);
	info->flags = 1;
	CHECK(raw(P2PMAP_IOC_INFO, info) == -EOPNOTSUPP);
	info->flags = 0;
	info->size = sizeof(*info) + 8;
	memset(info + 1, 1, 8);
	CHECK(raw(P2PMAP_IOC_INFO, info) == -E2BIG);
	return true;
}

static bool an_unknown_ioctl_is_enotty(void)
{
	unsigned char *page = high(PAGE);

	CHECK(raw(_IO(P2PMAP_IOC_MAGIC, 0x7f), page) == -ENOTTY);
	return true;
}

static bool bad_pointers_are_efault(void)
{
	struct p2pmap_map map = {
		.size = sizeof(map),
		.importer = p2pmap_importer_id(importer),
		.flags = PIN,
		.addr = (uintptr_t)high(PAGE),
		.length = PAGE,
		.max_extents = 1,
	};

	CHECK(raw(P2PMAP_IOC_INFO, NULL) == -EFAULT);
	CHECK(raw(P2PMAP_IOC_INFO, (void *)0xfffffff0) == -EFAULT);
	/* Beyond what a 32-bit program has: no bits are cut off. */
	map.extents = 1ULL << 32 | (uintptr_t)high(PAGE);
	CHECK(raw(P2PMAP_IOC_MAP, &map) == -EFAULT);
	map.max_extents = 0;
	map.extents = 0;
	map.addr |= 1ULL << 32;
	CHECK(raw(P2PMAP_IOC_MAP, &map) == -EFAULT);
	return true;
}

static bool a_reason_comes_back(void)
{
	struct p2pmap_reason *reason = high(PAGE);
	struct p2pmap_mapping *mapping;
	unsigned char *range = high(3 * PAGE);

	munmap(range + PAGE, PAGE);
	reason->size = sizeof(*reason);
	CHECK(p2pmap_mapping_map(importer, range, 3ULL * PAGE, WRITE | PIN,
				 NULL, reason, &mapping) == -EFAULT);
	CHECK(reason->code == P2PMAP_REASON_HOLE);
	CHECK(reason->value[0] == (uintptr_t)(range + PAGE));
	return true;
}

/* The device copies one page over the other. */
static bool copy_arrives(struct p2pmap_mapping *mapping, unsigned char *range)
{
	uint64_t from, to, contiguous;

	CHECK(!p2pmap_mapping_dma_addr(mapping, 0, &from, &contiguous));
	CHECK(!p2pmap_mapping_dma_addr(mapping, PAGE, &to, NULL));
	CHECK(contiguous >= PAGE);
	for (unsigned int i = 0; i < PAGE; i++)
		range[i] = (unsigned char)(i * 7 + 1);
	CHECK(!edu_copy(edu, to, from, EDU_MAX_TRANSFER));
	CHECK(!memcmp(range, range + PAGE, EDU_MAX_TRANSFER));
	return true;
}

static bool dma_arrives_in_pinned_memory(void)
{
	unsigned char *range = high(2 * PAGE);
	struct p2pmap_mapping *mapping;

	CHECK(!p2pmap_mapping_map(importer, range, 2ULL * PAGE, WRITE | PIN,
				  NULL, NULL, &mapping));
	CHECK(p2pmap_mapping_flags(mapping) & P2PMAP_MAPPING_PINNED);
	CHECK(copy_arrives(mapping, range));
	CHECK(!p2pmap_mapping_unmap(mapping));
	return true;
}

static bool extents_are_those_of_map(void)
{
	struct p2pmap_extent *extents = high(PAGE);
	struct p2pmap_extents *ask = high(PAGE);
	struct p2pmap_mapping *mapping;
	const struct p2pmap_extent *known;
	size_t count;

	CHECK(!p2pmap_mapping_map(importer, high(PAGE), PAGE, WRITE | PIN, NULL,
				  NULL, &mapping));
	known = p2pmap_mapping_extents(mapping, &count);
	ask->size = sizeof(*ask);
	ask->id = p2pmap_mapping_id(mapping);
	ask->max_extents = PAGE / sizeof(*extents);
	ask->extents = (uintptr_t)extents;
	CHECK(!raw(P2PMAP_IOC_EXTENTS, ask));
	CHECK(ask->out_count == count && ask->out_total == count);
	CHECK(!memcmp(known, extents, count * sizeof(*known)));
	CHECK(!p2pmap_mapping_unmap(mapping));
	CHECK(raw(P2PMAP_IOC_EXTENTS, ask) == -ENOENT);
	return true;
}

static bool event_says(struct p2pmap_mapping *mapping, uint64_t cookie)
{
	struct pollfd fd = { .fd = p2pmap_context_fd(ctx), .events = POLLIN };
	struct p2pmap_event *event = high(PAGE);

	CHECK(poll(&fd, 1, 10000) == 1);
	CHECK(p2pmap_context_read_events(ctx, event, 1) == 1);
	CHECK(event->mapping == p2pmap_mapping_id(mapping));
	CHECK(event->cookie == cookie);
	CHECK(event->offset == PAGE && event->length == PAGE);
	CHECK(event->reasons & (P2PMAP_EVENT_UNMAPPED | P2PMAP_EVENT_CHANGED));
	return true;
}

/* On a 32-bit machine the generation takes two loads. */
static bool revocation_is_told_and_remap_restores(void)
{
	const struct p2pmap_map_opts opts = { .size = sizeof(opts),
					      .cookie = 0x123456789abcdef0 };
	unsigned char *range = high(2 * PAGE);
	struct p2pmap_status status = { .size = sizeof(status) };
	struct p2pmap_mapping *mapping;
	const uint64_t *word;
	uint64_t generation;

	memset(range, 1, 2UL * PAGE);
	CHECK(!p2pmap_mapping_map(importer, range, 2ULL * PAGE, WRITE, &opts,
				  NULL, &mapping));
	generation = p2pmap_mapping_generation(mapping);
	word = p2pmap_mapping_generation_word(mapping);
	CHECK(word);
	CHECK(p2pmap_generation_is_current(word, generation));
	CHECK(!p2pmap_generation_is_current(word, generation + (1ULL << 32)));
	CHECK(!madvise(range + PAGE, PAGE, MADV_DONTNEED));
	CHECK(!p2pmap_generation_is_current(word, generation));
	CHECK(event_says(mapping, opts.cookie));
	CHECK(!p2pmap_mapping_get_status(mapping, &status));
	CHECK(status.out_live_bytes <= PAGE);
	CHECK(!p2pmap_mapping_remap(mapping, 0, 0, NULL));
	CHECK(p2pmap_mapping_is_current(mapping,
					p2pmap_mapping_generation(mapping)));
	CHECK(copy_arrives(mapping, range));
	CHECK(!p2pmap_mapping_unmap(mapping));
	return true;
}

static bool a_short_read_is_refused(void)
{
	char buffer[8];

	CHECK(read(p2pmap_context_fd(ctx), buffer, sizeof(buffer)) < 0);
	CHECK(errno == EINVAL || errno == EAGAIN);
	return true;
}

static void *bar(void)
{
	char path[96];
	void *addr;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2",
		 getenv("P2PMAP_IVSHMEM"));
	fd = open(path, O_RDWR);
	addr = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0x5000);
	close(fd);
	return addr;
}

static bool dma_arrives_in_a_bar(void)
{
	struct p2pmap_query query = { .size = sizeof(query) };
	struct p2pmap_mapping *mapping;
	unsigned char *range = bar();

	CHECK(range != MAP_FAILED);
	CHECK(!p2pmap_context_query(ctx, importer, range, 2ULL * PAGE, WRITE,
				    &query, NULL));
	CHECK(query.out_kind == P2PMAP_KIND_BAR && query.out_bar == 2);
	CHECK(query.out_bar_offset == 0x5000);
	CHECK(!p2pmap_mapping_map(importer, range, 2ULL * PAGE, WRITE, NULL,
				  NULL, &mapping));
	CHECK(copy_arrives(mapping, range));
	CHECK(!p2pmap_mapping_unmap(mapping));
	munmap(range, 2 * PAGE);
	return true;
}

static bool a_route_is_told(void)
{
	struct p2pmap_route_info info = { .size = sizeof(info) };

	CHECK(!p2pmap_context_route(ctx, &edu_pci, &edu_pci, &info, NULL));
	CHECK(info.route != P2PMAP_ROUTE_NONE);
	CHECK(info.mode == p2pmap_importer_mode(importer));
	CHECK(!p2pmap_context_set_eventfd(ctx, -1));
	return true;
}

static bool detach_waits_for_the_last_mapping(void)
{
	struct p2pmap_importer *other;
	struct p2pmap_mapping *mapping;

	CHECK(!p2pmap_importer_attach(ctx, &edu_pci, NULL, NULL, &other));
	CHECK(p2pmap_importer_group(other) == p2pmap_importer_group(importer));
	CHECK(!p2pmap_mapping_map(other, high(PAGE), PAGE, PIN, NULL, NULL,
				  &mapping));
	CHECK(p2pmap_importer_detach(other) == -EBUSY);
	CHECK(!p2pmap_mapping_unmap(mapping));
	CHECK(!p2pmap_importer_detach(other));
	return true;
}

#define TEST(function)              \
	{                           \
		function, #function \
	}

static const struct {
	bool (*function)(void);
	const char *name;
} tests[] = {
	TEST(a_32_bit_struct_is_understood),
	TEST(an_unknown_ioctl_is_enotty),
	TEST(bad_pointers_are_efault),
	TEST(a_reason_comes_back),
	TEST(dma_arrives_in_pinned_memory),
	TEST(extents_are_those_of_map),
	TEST(revocation_is_told_and_remap_restores),
	TEST(a_short_read_is_refused),
	TEST(dma_arrives_in_a_bar),
	TEST(a_route_is_told),
	TEST(detach_waits_for_the_last_mapping),
};

#define NR_TESTS (sizeof(tests) / sizeof(tests[0]))

/* The lab binds no driver by itself; see bind-driver. */
static bool set_up(void)
{
	const struct p2pmap_open_opts opts = { .size = sizeof(opts),
					       .flags = P2PMAP_OPEN_NONBLOCK,
					       .watch_capacity = 16 };
	const struct p2pmap_attach_opts wide = { .size = sizeof(wide),
						 .dma_bits = 64 };
	const char *address = getenv("P2PMAP_EDU");
	char command[64];

	CHECK(address && !p2pmap_pci_parse(address, &edu_pci));
	snprintf(command, sizeof(command), "bind-driver uio_pci_generic %s",
		 address);
	CHECK(!system(command));
	CHECK(!p2pmap_context_open(&opts, &ctx));
	CHECK(!p2pmap_importer_attach(ctx, &edu_pci, &wide, NULL, &importer));
	CHECK(!edu_open(address, &edu));
	return true;
}

int main(int argc, char **argv)
{
	unsigned int failed = 0;

	if (sizeof(void *) != 4) {
		puts("1..0 # SKIP no compiler made a 32-bit program of this");
		return 77;
	}
	if (!set_up()) {
		puts("not ok - a 32-bit program can open and attach");
		return 1;
	}
	printf("1..%zu\n", NR_TESTS);
	for (size_t i = 0; i < NR_TESTS; i++) {
		bool good;

		if (argc > 1 && !strstr(tests[i].name, argv[1]))
			continue;
		good = tests[i].function();
		printf("%sok %zu - %s\n", good ? "" : "not ", i + 1,
		       tests[i].name);
		fflush(stdout);
		failed += !good;
	}
	edu_close(edu);
	p2pmap_context_close(ctx);
	return failed ? 1 : 0;
}
