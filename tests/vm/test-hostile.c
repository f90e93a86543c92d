// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile use: what a user without privileges can do to others who was given the
 * node and one device.  How much of the kernel's memory he has, whom he can keep
 * waiting, and what he gets to see or write that is not his.
 *
 * What other programs hold already is not repeated here: descriptors that are
 * handed on, pins and their limit (test-access), ids (test-abi), memory of every
 * kind (test-range, test-bar), kills and signals (test-kill, test-signal), what
 * netlink shows (test-netlink).
 *
 * lab: --smp 2 --mem 1536 --append dma_debug=off
 * iommu: on
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "hostile.h"
#include "nl.h"

/* How much a user may have */

#define SMALL_KIB 1024

/* Maps one page until he may no more; how often he could. */
static unsigned int map_all(struct lab *lab)
{
	struct p2pmap_mapping *mapping;
	char *page = child_ram(PAGE);
	unsigned int n = 0;
	int rc;

	while (!(rc = try_map(lab, page, PAGE, 0, &mapping)))
		n++;
	CHILD_CHECK(rc == -ENOSPC);
	CHILD_CHECK(lab->reason.code == P2PMAP_REASON_USER_LIMIT);
	CHILD_CHECK(lab->reason.value[0] == SMALL_KIB * KIB);
	CHILD_CHECK(lab->reason.value[1] <= SMALL_KIB * KIB);
	CHILD_CHECK(lab->reason.value[1] + lab->reason.value[2] >
		    SMALL_KIB * KIB);
	return n;
}

static int map_to_the_limit(void *arg)
{
	struct lab own = users_own(arg);

	CHILD_CHECK(map_all(&own) > SMALL_KIB / 8);
	return 0;
}

/* More processes and more descriptors do not help. */
static int map_to_the_limit_of_all(void *arg)
{
	struct lab own = users_own(arg), second = users_own(arg);
	struct p2pmap_mapping *mapping;
	unsigned int all = map_all(&own);

	CHILD_CHECK(all > SMALL_KIB / 8 && all <= SMALL_KIB / 4);
	CHILD_CHECK(try_map(&second, child_ram(PAGE), PAGE, 0, &mapping) ==
		    -ENOSPC);
	CHILD_CHECK(open(NODE, O_RDWR) == -1 && errno == ENOSPC);
	return in_child(map_to_the_limit, &own) == 99 ? 0 : 1;
}

static void mappings_end_at_the_limit_of_the_user(void **state)
{
	struct lab *lab = *state;

	admit(lab);
	limit_user(SMALL_KIB);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			as_user(USER_UID, map_to_the_limit_of_all, lab), 0);
	dismiss();
}

struct neighbour {
	struct lab *lab;
	int tell[2];
	int go[2];
};

static int map_all_and_wait(void *arg)
{
	struct neighbour *neighbour = arg;
	struct lab own;
	char byte;

	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	own = users_own(neighbour->lab);
	map_all(&own);
	CHILD_CHECK(write(neighbour->tell[1], "x", 1) == 1);
	return read(neighbour->go[0], &byte, 1) ? 1 : 0;
}

static void the_limit_of_one_user_is_not_anothers(void **state)
{
	struct lab *lab = *state;
	struct neighbour neighbour = { .lab = lab };
	unsigned char *page = ram(PAGE);
	char byte;
	pid_t pid;

	admit(lab);
	limit_user(SMALL_KIB);
	assert_int_equal(pipe2(neighbour.tell, O_CLOEXEC), 0);
	assert_int_equal(pipe2(neighbour.go, O_CLOEXEC), 0);
	pid = child_start(map_all_and_wait, &neighbour);
	assert_int_equal(read(neighbour.tell[0], &byte, 1), 1);
	assert_int_equal(as_user(USER_UID, map_to_the_limit, lab), 99);
	assert_int_equal(as_user(USER2_UID, map_to_the_limit, lab), 0);
	/* Nor is it one for the privileged. */
	for (int i = 0; i < 2 * SMALL_KIB / 4; i++)
		map(lab, page, PAGE, 0);
	kill(pid, SIGKILL);
	child_end(pid);
	assert_int_equal(as_user(USER_UID, map_to_the_limit, lab), 0);
	for (int i = 0; i < 2; i++) {
		close(neighbour.tell[i]);
		close(neighbour.go[i]);
	}
	lab_reopen(lab);
	munmap(page, PAGE);
	dismiss();
}

static int have_too_much_of_each(void *arg)
{
	struct p2pmap_watch watch = { .size = sizeof(watch),
				      .capacity = 40000 };
	struct lab *lab = arg, own = users_own(lab);
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	char *range = child_ram(128 * MIB);
	int fd, n, rc;

	/* A range counts by its length, and before it is looked at. */
	CHILD_CHECK(try_map(&own, range, 128 * MIB, 0, &mapping) == -ENOSPC);
	CHILD_CHECK(own.reason.code == P2PMAP_REASON_USER_LIMIT);
	CHILD_CHECK(file_number("/proc/self/status", "RssAnon:") < 8192);
	CHILD_CHECK(!try_map(&own, range, 4 * MIB, 0, &mapping));
	CHILD_CHECK(!p2pmap_mapping_unmap(mapping));
	/* A generation page, by its capacity. */
	CHILD_CHECK((fd = open(NODE, O_RDWR)) >= 0);
	CHILD_CHECK(!ioctl(fd, P2PMAP_IOC_WATCH, &watch));
	close(fd);
	CHILD_CHECK((fd = open(NODE, O_RDWR)) >= 0);
	watch.capacity = 65536;
	CHILD_CHECK(ioctl(fd, P2PMAP_IOC_WATCH, &watch) == -1);
	CHILD_CHECK(errno == ENOSPC);
	close(fd);
	/* Importers. */
	for (n = 0; n < 100; n++)
		CHILD_CHECK(
			!attach(own.ctx, own.edu_address, 0, NULL, &importer));
	/* And descriptors. */
	for (n = 0; (fd = open(NODE, O_RDWR)) >= 0; n++)
		;
	CHILD_CHECK(errno == ENOSPC && n < SMALL_KIB / 8);
	rc = attach(own.ctx, own.edu_address, 0, &own.reason, &importer);
	for (n = 0; !rc && n < 20; n++)
		rc = attach(own.ctx, own.edu_address, 0, &own.reason,
			    &importer);
	CHILD_CHECK(rc == -ENOSPC);
	CHILD_CHECK(own.reason.code == P2PMAP_REASON_USER_LIMIT);
	return 0;
}

static void contexts_importers_watches_and_lengths_count(void **state)
{
	struct lab *lab = *state;

	admit(lab);
	limit_user(SMALL_KIB);
	assert_int_equal(as_user(USER_UID, have_too_much_of_each, lab), 0);
	dismiss();
}

/* The BAR twice, as its owner can have it: in one piece, and in shreds. */
struct bar {
	struct lab *lab;
	unsigned char *whole, *shreds;
};

#define SHREDS 2048

static int map_shreds(void *arg)
{
	struct bar *bar = arg;
	struct lab own = users_own(bar->lab);
	struct p2pmap_mapping *mapping;
	unsigned int n = 0;

	for (int i = 0; i < 16; i++)
		CHILD_CHECK(
			!try_map(&own, bar->whole, SHREDS * PAGE, 0, &mapping));
	while (!try_map(&own, bar->shreds, SHREDS * PAGE, 0, &mapping))
		n++;
	CHILD_CHECK(own.reason.code == P2PMAP_REASON_USER_LIMIT);
	CHILD_CHECK(n < 8);
	return 0;
}

static void pieces_of_a_bar_count(void **state)
{
	struct lab *lab = *state;
	struct bar bar = { .lab = lab };

	admit(lab);
	limit_user(SMALL_KIB);
	bar.whole = bar_at(lab, 0, SHREDS * PAGE);
	bar.shreds = reserve(SHREDS * PAGE);
	for (int i = 0; i < SHREDS; i++)
		bar_mmap(lab->ivshmem_address, 2, bar.shreds + i * PAGE,
			 (SHREDS - 1 - i) * PAGE, PAGE, RW, MAP_SHARED);
	assert_int_equal(as_user(USER_UID, map_shreds, &bar), 0);
	munmap(bar.whole, SHREDS * PAGE);
	munmap(bar.shreds, SHREDS * PAGE);
	dismiss();
}

/* DMA addresses */

#define NARROW_BITS 28
#define PIECE (8 * MIB)
#define HALF ((1U << (NARROW_BITS - 1)) / PIECE)

/* The width of edu's addresses from now on, as only root can state it. */
static void state_width(struct lab *lab, unsigned int bits)
{
	struct p2pmap_importer *importer;

	assert_int_equal(
		attach(lab->ctx, lab->edu_address, bits, NULL, &importer), 0);
	assert_int_equal(p2pmap_importer_detach(importer), 0);
}

/* Maps a piece of RAM again and again, until it has no address; how often. */
static unsigned int map_until_no_address(struct lab *own, size_t length)
{
	struct p2pmap_mapping *mapping;
	char *range = child_ram(length);
	unsigned int n = 0;
	int rc;

	while (!(rc = try_map(own, range, length, 0, &mapping)))
		n++;
	CHILD_CHECK(rc == -ENOSPC);
	CHILD_CHECK(own->reason.code == P2PMAP_REASON_IOVA_SPACE);
	return n;
}

struct narrow {
	struct lab *lab;
	int tell[2];
};

/* Whatever way the first half of them ends, there are as many again. */
static int take_half_and_wait(void *arg)
{
	struct narrow *narrow = arg;
	struct p2pmap_mapping *mapping;
	struct lab own, second;

	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	own = users_own(narrow->lab);
	/* A length counts as the DMA API aligns it. */
	CHILD_CHECK(map_until_no_address(&own, PIECE / 2 + PAGE) == HALF);
	p2pmap_context_close(own.ctx);
	own = users_own(narrow->lab);
	CHILD_CHECK(!try_map(&own, child_ram(PIECE), PIECE, 0, &mapping));
	second = users_own(narrow->lab);
	CHILD_CHECK(map_until_no_address(&second, PIECE) == HALF - 1);
	/* What is refused takes nothing. */
	CHILD_CHECK(!p2pmap_mapping_unmap(mapping));
	CHILD_CHECK(map_until_no_address(&own, 2 * PIECE) == 0);
	CHILD_CHECK(map_until_no_address(&own, PIECE) == 1);
	CHILD_CHECK(write(narrow->tell[1], "x", 1) == 1);
	pause();
	return 0;
}

/* A user takes what he gets, and there is some left; then he is killed. */
static void check_half(struct lab *lab, bool unplug)
{
	struct narrow narrow = { .lab = lab };
	unsigned char *range = ram(PIECE);
	struct p2pmap_mapping *mapping[HALF / 2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(narrow.tell, O_CLOEXEC), 0);
	pid = child_start(take_half_and_wait, &narrow);
	close(narrow.tell[1]);
	assert_int_equal(read(narrow.tell[0], &byte, 1), 1);
	for (unsigned int i = 0; i < HALF / 2; i++)
		mapping[i] = map(lab, range, PIECE, 0);
	for (unsigned int i = 0; i < HALF / 2; i++)
		unmap(mapping[i]);
	if (unplug) {
		bind_driver("none", lab->edu_address);
		bind_driver("uio_pci_generic", lab->edu_address);
	}
	kill(pid, SIGKILL);
	child_end(pid);
	close(narrow.tell[0]);
	munmap(range, PIECE);
}

static void half_of_the_addresses_are_not_for_users(void **state)
{
	struct lab *lab = *state;

	admit(lab);
	for (int i = 0; i < 4; i++) {
		state_width(lab, NARROW_BITS);
		check_half(lab, i % 2);
		lab_reopen(lab);
	}
	dismiss();
}

/* VT-d's, as QEMU makes it. */
#define IOMMU_BITS 39
#define BAR_BYTES (64 * MIB)

/* The BAR again and again, which costs next to nothing but addresses. */
static int take_half_of_the_iommus(void *arg)
{
	struct bar *bar = arg;
	struct lab own = users_own(bar->lab);
	struct p2pmap_mapping *mapping;
	unsigned int n = 0;

	for (;;) {
		if (!try_map(&own, bar->whole, BAR_BYTES, 0, &mapping))
			n++;
		else if (own.reason.code == P2PMAP_REASON_LIMIT)
			own = users_own(bar->lab); /* as full as it gets */
		else
			break;
	}
	CHILD_CHECK(own.reason.code == P2PMAP_REASON_IOVA_SPACE);
	CHILD_CHECK(n == (1UL << (IOMMU_BITS - 1)) / BAR_BYTES);
	return 0;
}

static void a_wide_device_has_what_its_iommu_has(void **state)
{
	struct lab *lab = *state;
	struct bar bar = { .lab = lab, .whole = bar_at(lab, 0, BAR_BYTES) };

	if (kernel_looks_for_defects())
		lab_skip(lab, "4096 mappings take minutes here");
	admit(lab);
	state_width(lab, 64);
	limit_user(1024 * 1024);
	assert_int_equal(as_user(USER_UID, take_half_of_the_iommus, &bar), 0);
	munmap(bar.whole, BAR_BYTES);
	dismiss();
}

/* What is counted, against what is kept */

#define GROUP "/sys/fs/cgroup/hostile"

/* Kernel memory, in KiB: of the machine, and of the group. */
struct kept {
	long slab;
	long charged;
};

static struct kept kept_now(void)
{
	struct kept kept = {
		.slab = file_number("/proc/meminfo", "Slab:"),
		.charged = file_number(GROUP "/memory.stat", "slab ") / 1024,
	};

	return kept;
}

/* Makes many of something, and says so; the group is the child's alone. */
struct hoard {
	struct lab *lab;
	void (*make)(struct lab *own);
	int tell[2];
	int go[2];
};

static int hoard(void *arg)
{
	struct hoard *hoard = arg;
	struct lab own;
	char byte;

	CHILD_CHECK(!file_write(GROUP "/cgroup.procs", "0"));
	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	own = users_own(hoard->lab);
	CHILD_CHECK(write(hoard->tell[1], "x", 1) == 1);
	CHILD_CHECK(read(hoard->go[0], &byte, 1) == 1);
	hoard->make(&own);
	CHILD_CHECK(write(hoard->tell[1], "x", 1) == 1);
	pause();
	return 0;
}

/* What it took more of. */
static struct kept weigh(struct lab *lab, void (*make)(struct lab *own))
{
	struct hoard all = { .lab = lab, .make = make };
	struct kept before, after;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(all.tell), 0);
	assert_int_equal(pipe(all.go), 0);
	pid = child_start(hoard, &all);
	assert_int_equal(read(all.tell[0], &byte, 1), 1);
	before = kept_now();
	assert_int_equal(write(all.go[1], "x", 1), 1);
	assert_int_equal(read(all.tell[0], &byte, 1), 1);
	after = kept_now();
	kill(pid, SIGKILL);
	child_end(pid);
	for (int i = 0; i < 2; i++) {
		close(all.tell[i]);
		close(all.go[i]);
	}
	after.slab -= before.slab;
	after.charged -= before.charged;
	return after;
}

#define HOARD 10000
#define SCATTERED 2500

static void hoard_mappings(struct lab *own)
{
	struct p2pmap_mapping *mapping;
	char *page = child_ram(PAGE);

	for (int i = 0; i < HOARD; i++)
		CHILD_CHECK(!try_map(own, page, PAGE, 0, &mapping));
}

/* Each with an event that nobody reads. */
static void hoard_events(struct lab *own)
{
	struct p2pmap_mapping *mapping;
	char *page = child_ram(PAGE);

	for (int i = 0; i < HOARD; i++)
		CHILD_CHECK(!try_map(own, page, PAGE, 0, &mapping));
	for (int i = 0; i < 100; i++) {
		*page = 1;
		madvise(page, PAGE, MADV_DONTNEED);
	}
}

static void hoard_contexts(struct lab *own)
{
	(void)own;
	for (int i = 0; i < HOARD; i++)
		CHILD_CHECK(open(NODE, O_RDWR) >= 0);
}

/* One of 64, so that each has no neighbour in any table. */
static void hoard_scattered_contexts(struct lab *own)
{
	int fd;

	(void)own;
	for (int i = 0; i < 64 * SCATTERED; i++) {
		fd = open(NODE, O_RDWR);
		CHILD_CHECK(fd >= 0);
		if (i % 64)
			close(fd);
	}
}

static void check_weight(struct lab *lab, const char *what,
			 void (*make)(struct lab *own), unsigned int n,
			 unsigned int counted)
{
	struct kept kept = weigh(lab, make);

	lab_note(lab, "%u %s: %ld KiB of slab, %ld KiB charged, %u counted", n,
		 what, kept.slab, kept.charged, n * counted / 1024);
	/* It is seen at all, most of it is charged, and enough is counted. */
	assert_true(kept.slab > 100);
	assert_true(kept.charged >= kept.slab * 4 / 5);
	assert_true(kept.slab <= (long)n * counted / 1024);
}

static void what_is_kept_is_charged_and_counted(void **state)
{
	const struct rlimit files = { 2 * HOARD, 2 * HOARD };
	struct lab *lab = *state;

	if (file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory") ||
	    (mkdir(GROUP, 0755) && errno != EEXIST))
		lab_skip(lab, "no memory cgroups here");
	if (kernel_looks_for_defects())
		lab_skip(lab, "a debug kernel keeps more with each object");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	admit(lab);
	limit_user(1024 * 1024);
	/* The first one fills caches. */
	weigh(lab, hoard_mappings);
	check_weight(lab, "mappings", hoard_mappings, HOARD, 4096 + 64);
	check_weight(lab, "unread events", hoard_events, HOARD, 4096 + 64);
	check_weight(lab, "contexts", hoard_contexts, HOARD, 16384);
	check_weight(lab, "scattered contexts", hoard_scattered_contexts,
		     SCATTERED, 16384);
	dismiss();
	rmdir(GROUP);
}

/* What is not his */

/* A file that everybody may read. */
struct theirs {
	struct lab *lab;
	const char *path;
};

static int write_to_a_file_of_root(void *arg)
{
	struct theirs *theirs = arg;
	struct lab own = users_own(theirs->lab);
	struct p2pmap_mapping *mapping;
	unsigned char *page;
	uint64_t dma;
	int fd = open(theirs->path, O_RDONLY);

	CHILD_CHECK(fd >= 0);
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHILD_CHECK(page != MAP_FAILED);
	CHILD_CHECK(try_map(&own, page, PAGE, WRITE, &mapping) == -EFAULT);
	CHILD_CHECK(try_map(&own, page, PAGE, WRITE | PIN, &mapping) ==
		    -EFAULT);
	munmap(page, PAGE);
	page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHILD_CHECK(try_map(&own, page, PAGE, WRITE | PIN, &mapping) ==
		    -EFAULT);
	munmap(page, PAGE);
	/* A copy of his own is his to write. */
	page = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	CHILD_CHECK(!try_map(&own, page, PAGE, WRITE | PIN, &mapping));
	CHILD_CHECK(!p2pmap_mapping_dma_addr(mapping, 0, &dma, NULL));
	CHILD_CHECK(!edu_write(own.edu, dma, 100));
	CHILD_CHECK(is_filled(page, 100, 55));
	return 0;
}

static void a_file_of_another_is_not_written(void **state)
{
	static const char *const paths[] = { "/tmp/hostile", "/hostile" };
	unsigned char data[PAGE], now[PAGE];
	struct lab *lab = *state;

	admit(lab);
	dev_load(lab, 55, 100);
	fill(data, sizeof(data), 7);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct theirs theirs = { lab, paths[i] };
		int fd = open(paths[i], O_RDWR | O_CREAT | O_CLOEXEC, 0644);

		assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
		assert_int_equal(
			as_user(USER_UID, write_to_a_file_of_root, &theirs), 0);
		assert_int_equal(pread(fd, now, sizeof(now), 0), sizeof(now));
		assert_memory_equal(now, data, sizeof(data));
		close(fd);
		unlink(paths[i]);
	}
	dismiss();
}

/* Asks for the mapping that another process is about to make. */
struct early {
	int fd;
	unsigned long number;
	uint32_t size, id;
};

static int ask_early(void *arg)
{
	struct early *early = arg;
	uint32_t words[32] = { early->size, early->id };

	CHILD_CHECK(!become_user(USER_UID, USER_UID));
	CHILD_CHECK(!prctl(PR_SET_NAME, "slow"));
	return ioctl(early->fd, early->number, words) ? errno : 0;
}

static void check_early(struct lab *lab, const char *function,
			unsigned long number, uint32_t size)
{
	struct early early = { .number = number, .size = size };
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping;
	pid_t pid;

	lab_note(lab, "%s", function);
	assert_int_equal(COMMAND("modprobe", "call_delay"), 0);
	assert_int_equal(
		file_write("/sys/module/call_delay/parameters/function",
			   function),
		0);
	lab_reopen(lab);
	/* Ids are given in order, so he knows which one it is going to be. */
	mapping = map(lab, page, PAGE, WRITE);
	early.id = p2pmap_mapping_id(mapping);
	lab_reopen(lab);
	early.fd = p2pmap_context_fd(lab->ctx);
	pid = child_start(ask_early, &early);
	sleep_ms(300);
	mapping = map(lab, page, PAGE, WRITE);
	assert_int_equal(p2pmap_mapping_id(mapping), early.id);
	assert_int_equal(child_end(pid), EPERM);
	unmap(mapping);
	munmap(page, PAGE);
	assert_int_equal(COMMAND("rmmod", "call_delay"), 0);
}

static void a_call_that_began_before_the_first_map_is_eperm(void **state)
{
	struct lab *lab = *state;

	if (COMMAND("modprobe", "call_delay"))
		lab_skip(lab, "no kprobes here");
	assert_int_equal(COMMAND("rmmod", "call_delay"), 0);
	check_early(lab, "p2pmap_ioctl_status", P2PMAP_IOC_STATUS,
		    sizeof(struct p2pmap_status));
	check_early(lab, "p2pmap_ioctl_extents", P2PMAP_IOC_EXTENTS,
		    sizeof(struct p2pmap_extents));
	check_early(lab, "p2pmap_ioctl_remap", P2PMAP_IOC_REMAP,
		    sizeof(struct p2pmap_remap));
}

/* Everything that the kernel answers, one after the other. */
struct answers {
	size_t length;
	uint64_t dma; /* must be found, or the search is no good */
	unsigned char data[4 * MIB];
};

static void keep(struct answers *answers, const void *data, size_t length)
{
	CHILD_CHECK(answers->length + length <= sizeof(answers->data));
	memcpy(answers->data + answers->length, data, length);
	answers->length += length;
}

static void keep_attrs(const struct nl_message *message, void *arg)
{
	keep(arg, message->first, message->length);
}

/* What a file shows, if he may read it at all. */
static void keep_file(struct answers *answers, const char *path)
{
	static char text[64 * KIB];
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (n > 0)
		keep(answers, text, n);
	close(fd);
}

struct ask {
	struct lab *lab;
	struct answers *answers;
	unsigned char *page;
	unsigned char *bar;
};

static void keep_mapping(struct answers *answers, struct lab *own, void *addr,
			 uint32_t flags)
{
	struct p2pmap_extent extents[4] = { { 0 } };
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_map cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.importer = p2pmap_importer_id(own->importer),
		.addr = (uintptr_t)addr,
		.length = PAGE,
		.max_extents = 4,
		.extents = (uintptr_t)extents,
		.reason = (uintptr_t)&reason,
	};
	struct p2pmap_query query = {
		.size = sizeof(query),
		.importer = cmd.importer,
		.addr = (uintptr_t)addr,
		.length = PAGE,
		.reason = (uintptr_t)&reason,
	};
	struct p2pmap_status status = { .size = sizeof(status) };
	int fd = p2pmap_context_fd(own->ctx);

	CHILD_CHECK(!ioctl(fd, P2PMAP_IOC_QUERY, &query));
	CHILD_CHECK(!ioctl(fd, P2PMAP_IOC_MAP, &cmd));
	status.id = cmd.out_id;
	CHILD_CHECK(!ioctl(fd, P2PMAP_IOC_STATUS, &status));
	keep(answers, &query, sizeof(query));
	keep(answers, &cmd, sizeof(cmd));
	keep(answers, &status, sizeof(status));
	keep(answers, extents, sizeof(extents));
	answers->dma = extents[0].dma_addr;
	/* And something that is refused. */
	cmd.addr = 0;
	CHILD_CHECK(ioctl(fd, P2PMAP_IOC_MAP, &cmd) == -1);
	keep(answers, &reason, sizeof(reason));
}

static int ask_everything(void *arg)
{
	/* Not /proc/self/maps: the kernel shows there where a BAR is mapped. */
	static const char *const paths[] = {
		"/dev/kmsg",
		"/proc/self/pagemap",
		"/proc/iomem",
		"/proc/vmallocinfo",
		"/sys/class/misc/p2pmap/quarantine",
		PARAMETERS "allow",
		"/sys/kernel/tracing/trace",
		"/sys/kernel/debug/dma-api/dump",
	};
	struct ask *ask = arg;
	struct lab own = users_own(ask->lab);
	struct p2pmap_event events[8];
	struct nl nl;
	ssize_t n;

	keep_mapping(ask->answers, &own, ask->bar, WRITE);
	keep_mapping(ask->answers, &own, ask->page, WRITE | PIN);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		keep_file(ask->answers, paths[i]);
	CHILD_CHECK(!nl_open(&nl));
	for (int cmd = P2PMAP_NL_CMD_CONTEXT_GET;
	     cmd <= P2PMAP_NL_CMD_MAPPING_GET; cmd++)
		CHILD_CHECK(!nl_dump(&nl, cmd, keep_attrs, ask->answers));
	nl_close(&nl);
	munmap(ask->page, PAGE);
	n = read(p2pmap_context_fd(own.ctx), events, sizeof(events));
	CHILD_CHECK(n > 0);
	keep(ask->answers, events, n);
	return 0;
}

/* As a number in any place, or in a text. */
static bool is_told(const struct answers *answers, uint64_t number)
{
	char text[20];

	snprintf(text, sizeof(text), "%llx", (unsigned long long)number);
	return memmem(answers->data, answers->length, &number,
		      sizeof(number)) ||
	       memmem(answers->data, answers->length, text, strlen(text));
}

static void nothing_tells_a_physical_address(void **state)
{
	struct answers *answers = mmap(NULL, sizeof(*answers), RW,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct lab *lab = *state;
	struct ask ask = { .lab = lab, .answers = answers };
	uint64_t frame, bar;
	char text[256];

	admit(lab);
	/* The child gets this very page, for it is shared. */
	ask.page = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ask.page[0] = 1;
	ask.bar = bar_at(lab, 5 * PAGE, PAGE);
	frame = frame_of(ask.page);
	snprintf(text, sizeof(text), "/sys/bus/pci/devices/%s/resource",
		 lab->ivshmem_address);
	assert_true(file_read(text, text, sizeof(text)));
	bar = strtoull(text + 2 * 57, NULL, 16) + 5 * PAGE;
	assert_true(frame && bar > 5 * PAGE);
	assert_int_equal(as_user(USER_UID, ask_everything, &ask), 0);
	assert_true(is_told(answers, answers->dma));
	assert_false(is_told(answers, frame * PAGE));
	assert_false(is_told(answers, bar));
	munmap(ask.page, PAGE);
	munmap(ask.bar, PAGE);
	munmap(answers, sizeof(*answers));
	dismiss();
}

/* Who goes, goes */

/*
 * A descriptor whose only reference is in a socket that is itself in flight:
 * nobody can reach it any more, and only a search finds that out.
 */
static int leave_a_ring_of_sockets(void *arg)
{
	struct lab own = users_own(arg);
	struct p2pmap_mapping *mapping;
	int sockets[2];

	CHILD_CHECK(!try_map(&own, child_ram(8 * PAGE), 8 * PAGE, WRITE | PIN,
			     &mapping));
	CHILD_CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets));
	CHILD_CHECK(!send_fd(sockets[0], p2pmap_context_fd(own.ctx), "x", 1));
	CHILD_CHECK(!send_fd(sockets[0], sockets[0], "x", 1));
	CHILD_CHECK(!send_fd(sockets[0], sockets[1], "x", 1));
	return 0;
}

static void a_descriptor_in_a_ring_of_sockets_goes(void **state)
{
	struct lab *lab = *state;
	long pins = pages_pinned();
	uint64_t end;

	admit(lab);
	for (int i = 0; i < 10; i++)
		assert_int_equal(
			as_user(USER_UID, leave_a_ring_of_sockets, lab), 0);
	for (end = now_ms() + PATIENCE_MS; now_ms() < end; sleep_ms(10)) {
		/* Closing a socket has the kernel look for such rings. */
		close(socket(AF_UNIX, SOCK_STREAM, 0));
		if (pages_pinned() == pins)
			break;
	}
	assert_int_equal(pages_pinned(), pins);
	assert_int_equal(memlock_charged(USER_UID), 0);
	dismiss();
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(mappings_end_at_the_limit_of_the_user),
	LAB_TEST(the_limit_of_one_user_is_not_anothers),
	LAB_TEST(contexts_importers_watches_and_lengths_count),
	LAB_TEST(pieces_of_a_bar_count),
	LAB_TEST(half_of_the_addresses_are_not_for_users),
	LAB_TEST(a_wide_device_has_what_its_iommu_has),
	LAB_TEST(what_is_kept_is_charged_and_counted),
	LAB_TEST(a_file_of_another_is_not_written),
	LAB_TEST(a_call_that_began_before_the_first_map_is_eperm),
	LAB_TEST(nothing_tells_a_physical_address),
	LAB_TEST(a_descriptor_in_a_ring_of_sockets_goes),
};

LAB_MAIN(LAB_TRANSLATED, tests)
