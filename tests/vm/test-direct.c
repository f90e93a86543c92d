// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct mode: no IOMMU stands between the importer and memory.  Nothing can be
 * enforced, so it takes the administrator's word and a privilege, and the pages
 * of an owner that went without a word stay in quarantine.
 *
 * Half of the memory is above 4 GiB, out of reach of narrow devices.
 *
 * lab: --qemu '-machine max-ram-below-4g=512M'
 * iommu: pt off
 */
#define _GNU_SOURCE
#include "drivers.h"
#include "unplug.h"
#include "witness.h"

#include <linux/capability.h>

#define QUARANTINE "/sys/class/misc/p2pmap/quarantine"
#define BYTES 3000

/* From here on the module maps without enforcement. */
static void allow_direct(struct lab *lab)
{
	module_reload(lab, "unenforced=1");
}

static void without_the_administrators_word_all_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE), *bar = bar_at(lab, 0, PAGE);

	assert_refused(lab, page, PAGE, PIN, EOPNOTSUPP,
		       P2PMAP_REASON_UNENFORCED);
	assert_memory_equal(&lab->reason.pci, &lab->edu_pci,
			    sizeof(lab->edu_pci));
	assert_refused(lab, page, PAGE, WRITE | PIN, EOPNOTSUPP,
		       P2PMAP_REASON_UNENFORCED);
	assert_refused(lab, page, PAGE, 0, EOPNOTSUPP,
		       P2PMAP_REASON_UNENFORCED);
	assert_refused(lab, bar, PAGE, 0, EOPNOTSUPP, P2PMAP_REASON_UNENFORCED);
	assert_int_equal(
		context_info(lab->ctx).out_flags & P2PMAP_INFO_UNENFORCED, 0);
	munmap(page, PAGE);
	munmap(bar, PAGE);
}

static int try_without_rawio(void *arg)
{
	struct p2pmap_mapping *mapping;
	struct lab *lab = arg;
	void *page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	CHILD_CHECK(!drop_capability(CAP_SYS_RAWIO));
	rc = try_map(lab, page, PAGE, WRITE | PIN, &mapping);
	CHILD_CHECK(rc);
	CHILD_CHECK(lab->reason.code == P2PMAP_REASON_UNENFORCED_PRIVILEGE);
	return -rc;
}

static void without_cap_sys_rawio_it_is_eperm(void **state)
{
	struct lab *lab = *state;

	allow_direct(lab);
	assert_true(context_info(lab->ctx).out_flags & P2PMAP_INFO_UNENFORCED);
	assert_int_equal(in_child(try_without_rawio, lab), EPERM);
	assert_int_equal(as_user(USER_UID, try_without_rawio, lab), EPERM);
}

/* Bus addresses are physical addresses. */
static int ask_for_extents(void *arg)
{
	struct lab *lab = arg;
	struct p2pmap_extent extent;
	struct p2pmap_extents extents = { .size = sizeof(extents),
					  .max_extents = 1 };
	void *page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct p2pmap_mapping *mapping;
	int fd = p2pmap_context_fd(lab->ctx);

	CHILD_CHECK(!try_map(lab, page, PAGE, WRITE | PIN, &mapping));
	extents.id = p2pmap_mapping_id(mapping);
	extents.extents = (uintptr_t)&extent;
	CHILD_CHECK(!ioctl(fd, P2PMAP_IOC_EXTENTS, &extents));
	CHILD_CHECK(!drop_capability(CAP_SYS_RAWIO));
	CHILD_CHECK(ioctl(fd, P2PMAP_IOC_EXTENTS, &extents) == -1);
	CHILD_CHECK(errno == EPERM);
	CHILD_CHECK(!p2pmap_mapping_unmap(mapping));
	return 0;
}

static void addresses_are_shown_to_nobody_without_cap_sys_rawio(void **state)
{
	allow_direct(*state);
	assert_int_equal(in_child(ask_for_extents, *state), 0);
}

static void ram_needs_pin(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);

	allow_direct(lab);
	assert_refused(lab, page, PAGE, 0, EOPNOTSUPP, P2PMAP_REASON_NEEDS_PIN);
	assert_refused(lab, page, PAGE, WRITE, EOPNOTSUPP,
		       P2PMAP_REASON_NEEDS_PIN);
	unmap(map(lab, page, PAGE, WRITE | PIN));
	munmap(page, PAGE);
}

static void a_sink_or_a_restore_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *bar = bar_at(lab, 0, PAGE);

	allow_direct(lab);
	assert_refused(lab, bar, PAGE, WRITE | P2PMAP_MAP_SINK, EOPNOTSUPP,
		       P2PMAP_REASON_UNENFORCED);
	assert_refused(lab, bar, PAGE, WRITE | P2PMAP_MAP_RESTORE, EOPNOTSUPP,
		       P2PMAP_REASON_UNENFORCED);
	munmap(bar, PAGE);
}

/* Nothing keeps a device that may read from writing. */
static void reading_takes_the_right_to_write(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram_prot(PAGE, PROT_READ);
	unsigned char *bar = bar_mmap(lab->ivshmem_address, 2, NULL, 0, PAGE,
				      RW, MAP_SHARED);

	allow_direct(lab);
	assert_refused(lab, page, PAGE, PIN, EFAULT,
		       P2PMAP_REASON_NOT_WRITABLE);
	mprotect(bar, PAGE, PROT_READ);
	assert_refused(lab, bar, PAGE, 0, EFAULT, P2PMAP_REASON_NOT_WRITABLE);
	munmap(page, PAGE);
	munmap(bar, PAGE);
}

static void a_mapping_says_that_it_is_not_enforced(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE), *bar = bar_at(lab, 0, PAGE);
	struct p2pmap_mapping *one, *two;

	allow_direct(lab);
	assert_int_equal(p2pmap_importer_mode(lab->importer),
			 P2PMAP_DMA_DIRECT);
	assert_false(p2pmap_importer_is_enforced(lab->importer));
	one = map(lab, page, PAGE, WRITE | PIN);
	two = map(lab, bar, PAGE, WRITE);
	assert_int_equal(p2pmap_mapping_flags(one),
			 P2PMAP_MAPPING_PINNED | P2PMAP_MAPPING_LIVE);
	assert_int_equal(p2pmap_mapping_flags(two), P2PMAP_MAPPING_LIVE);
	assert_int_equal(mapping_status(one).out_live_bytes, PAGE);
	unmap(one);
	unmap(two);
	munmap(page, PAGE);
	munmap(bar, PAGE);
}

static void the_device_reads_and_writes_ram_and_a_bar(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE), *bar = bar_at(lab, MIB, PAGE);
	unsigned char *view = bar_at(lab, MIB, PAGE), bytes[BYTES];
	struct p2pmap_mapping *one, *two;

	allow_direct(lab);
	one = map(lab, page, PAGE, WRITE | PIN);
	two = map(lab, bar, PAGE, WRITE);
	fill(bytes, BYTES, 1);
	dev_write(lab, mapping_dma(one, 0), bytes, BYTES);
	assert_filled(page, BYTES, 1);
	assert_int_equal(edu_copy(lab->edu, mapping_dma(two, 0),
				  mapping_dma(one, 0), BYTES),
			 0);
	assert_filled(view, BYTES, 1);
	unmap(one);
	unmap(two);
	munmap(page, PAGE);
	munmap(bar, PAGE);
	munmap(view, PAGE);
}

static void check_extents(struct lab *lab, unsigned char *range, size_t length)
{
	struct p2pmap_mapping *mapping = map(lab, range, length, WRITE | PIN);
	const struct p2pmap_extent *extents;
	uint64_t end = 0, sum = 0;
	size_t count, runs = 0;

	extents = p2pmap_mapping_extents(mapping, &count);
	for (size_t i = 0; i < count; i++)
		sum += extents[i].length;
	assert_int_equal(sum, length);
	for (size_t at = 0; at < length; at += PAGE) {
		uint64_t frame = frame_of(range + at) * PAGE;

		assert_int_not_equal(frame, 0);
		assert_int_equal(mapping_dma(mapping, at), frame);
		runs += frame != end;
		end = frame + PAGE;
	}
	/* No finer than it must be. */
	assert_int_equal(count, runs);
	unmap(mapping);
}

static void extents_follow_the_frames(void **state)
{
	enum { PAGES = 1000 };
	struct lab *lab = *state;
	unsigned char *range = ram(PAGES * PAGE), *thp;

	allow_direct(lab);
	memset(range, 1, PAGES * PAGE);
	check_extents(lab, range, PAGES * PAGE);
	/* Holes of another's pages between them. */
	for (size_t i = 0; i < PAGES; i += 3)
		madvise(range + i * PAGE, PAGE, MADV_DONTNEED);
	for (size_t i = PAGES; i--;)
		range[i * PAGE] = 2;
	check_extents(lab, range, PAGES * PAGE);
	munmap(range, PAGES * PAGE);
	thp = ram_thp(2 * HUGE);
	if (thp) {
		check_extents(lab, thp, 2 * HUGE);
		munmap(thp, 2 * HUGE);
	}
}

static void a_bar_is_at_its_bus_address(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 3 * MIB, MIB);
	const struct p2pmap_extent *extents;
	struct p2pmap_mapping *mapping;
	char path[128], text[1024], *line;
	size_t count;

	allow_direct(lab);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource",
		 lab->ivshmem_address);
	assert_true(file_read(path, text, sizeof(text)));
	line = strchr(strchr(text, '\n') + 1, '\n') + 1;
	mapping = map(lab, range, MIB, WRITE);
	extents = p2pmap_mapping_extents(mapping, &count);
	assert_int_equal(count, 1);
	assert_int_equal(extents[0].dma_addr,
			 strtoull(line, NULL, 16) + 3 * MIB);
	assert_int_equal(extents[0].length, MIB);
	unmap(mapping);
	munmap(range, MIB);
}

/* Nothing is cut: the importer still has the address, and its owner is told so. */
static void a_bar_whose_device_is_removed_is_stale_and_not_cut(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	struct p2pmap_event event;
	unsigned char *range = bar_at(lab, 0, PAGE);

	allow_direct(lab);
	mapping = map(lab, range, PAGE, WRITE);
	device_remove(lab, false);
	assert_true(event_next(lab->ctx, PATIENCE_MS, &event));
	assert_int_equal(event.mapping, p2pmap_mapping_id(mapping));
	assert_true(event.reasons & P2PMAP_EVENT_DEVICE_GONE);
	assert_true(event.flags & P2PMAP_EVENT_NOT_CUT);
	assert_true(mapping_status(mapping).out_flags & P2PMAP_MAPPING_STALE);
	unmap(mapping);
	munmap(range, PAGE);
	device_rescan(lab, false);
}

/* Memory of which the last page is above an address. */
static unsigned char *memory_above(struct lab *lab, uint64_t limit)
{
	unsigned char *range = ram(64 * MIB);

	memset(range, 1, 64 * MIB);
	for (size_t at = 0; at < 64 * MIB; at += PAGE)
		if (frame_of(range + at) * PAGE > limit)
			return range + at;
	lab_skip(lab, "the kernel gives no memory above 0x%llx",
		 (unsigned long long)limit);
	return NULL;
}

/* Does the kernel keep memory for devices of less than 32 bits? */
static bool has_dma_zone(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	char line[256], zone[32];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Node %*d, zone %31s", zone) == 1)
			found |= !strcmp(zone, "DMA");
	if (file)
		fclose(file);
	return found;
}

static void check_reach(struct lab *lab, unsigned int bits)
{
	uint64_t mask = ~0ULL >> (64 - bits);
	unsigned char *page = memory_above(lab, mask);

	if (bits < 32 && !has_dma_zone())
		lab_skip(lab, "this kernel supports no mask of %u bits", bits);
	allow_direct(lab);
	/* It is the device's, so the other importer sees it too. */
	assert_int_equal(p2pmap_importer_detach(lab->importer), 0);
	assert_int_equal(attach(lab->ctx, lab->edu_address, bits, &lab->reason,
				&lab->importer),
			 0);
	assert_true(p2pmap_importer_dma_mask(lab->importer) == mask);
	assert_refused(lab, page, PAGE, WRITE | PIN, ERANGE,
		       P2PMAP_REASON_DMA_MASK);
	assert_true(lab->reason.value[1] == mask);
	lab_reopen(lab);
	unmap(map(lab, page, PAGE, WRITE | PIN));
}

static void memory_out_of_reach_of_28_bits_is_erange(void **state)
{
	check_reach(*state, 28);
}

static void memory_out_of_reach_of_32_bits_is_erange(void **state)
{
	check_reach(*state, 32);
}

/* Quarantine */

/* Maps, tells its first frame, and waits. */
struct victim {
	struct lab lab;
	int tell;
	size_t pages;
};

static int victim(void *arg)
{
	struct victim *victim = arg;
	struct p2pmap_mapping *mapping;
	uint64_t frame;
	char *range = mmap(NULL, victim->pages * PAGE, RW,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bar = bar_mmap(victim->lab.ivshmem_address, 2, NULL, 0, MIB, RW,
			     MAP_SHARED);

	memset(range, 1, victim->pages * PAGE);
	CHILD_CHECK(!try_map(&victim->lab, range, victim->pages * PAGE,
			     WRITE | PIN, &mapping));
	frame = frame_of(range);
	CHILD_CHECK(mapping_dma(mapping, 0) == frame * PAGE);
	CHILD_CHECK(!try_map(&victim->lab, bar, MIB, WRITE, &mapping));
	CHILD_CHECK(write(victim->tell, &frame, 8) == 8);
	pause();
	return 0;
}

/* Leaves so many pages in quarantine; returns the first one's frame. */
static uint64_t leave_pages(struct lab *lab, size_t pages)
{
	struct victim it = { .lab = *lab, .pages = pages };
	uint64_t frame;
	int tell[2];
	pid_t pid;

	assert_int_equal(pipe(tell), 0);
	it.tell = tell[1];
	it.lab.ctx = context_open();
	it.lab.importer = edu_attach(lab, it.lab.ctx);
	pid = child_start(victim, &it);
	p2pmap_context_close(it.lab.ctx);
	/* Not ours, so that a child which fails is not waited for. */
	close(tell[1]);
	assert_int_equal(read(tell[0], &frame, 8), 8);
	kill(pid, SIGKILL);
	child_end(pid);
	close(tell[0]);
	return frame;
}

static void check_quarantine(struct lab *lab, long pins, long pages)
{
	char line[128], text[4096];

	assert_int_equal(context_info(lab->ctx).out_quarantined_pages, pages);
	assert_int_equal(quarantined_pages(), pages);
	assert_int_equal(pages_pinned(), pins + pages);
	snprintf(line, sizeof(line), "%s %ld\n", lab->edu_address, pages);
	assert_true(file_read(QUARANTINE, text, sizeof(text)));
	if (pages)
		assert_string_equal(text, line);
	else
		assert_string_equal(text, "");
}

/* The device may still be writing: nobody else may get the page. */
static void pages_of_a_killed_owner_are_not_given_out_again(void **state)
{
	enum { OTHERS = 32768 };
	struct lab *lab = *state;
	unsigned char *others;
	long pins;
	uint64_t frame;

	allow_direct(lab);
	pins = pages_pinned();
	frame = leave_pages(lab, 100);
	check_quarantine(lab, pins, 100);
	others = ram(OTHERS * PAGE);
	memset(others, 0x11, OTHERS * PAGE);
	/* A write that comes late hits the page in quarantine. */
	dev_load(lab, 9, BYTES);
	assert_int_equal(edu_write(lab->edu, frame * PAGE, BYTES), 0);
	for (size_t i = 0; i < OTHERS; i++) {
		assert_int_not_equal(frame_of(others + i * PAGE), frame);
		assert_int_equal(others[i * PAGE], 0x11);
	}
	munmap(others, OTHERS * PAGE);
	assert_int_equal(file_write(QUARANTINE, lab->edu_address), 0);
	check_quarantine(lab, pins + 1, 0);
}

static void an_unbind_of_the_importer_ends_the_quarantine(void **state)
{
	struct lab *lab = *state;
	long pins;

	allow_direct(lab);
	pins = pages_pinned();
	leave_pages(lab, 10);
	check_quarantine(lab, pins, 10);
	lab_close(lab);
	assert_int_equal(bind_driver("none", lab->edu_address), 0);
	quarantine_wait_empty();
	lab_reopen(lab);
	check_quarantine(lab, pins, 0);
}

static void the_administrator_ends_the_quarantine_of_one_device(void **state)
{
	struct lab *lab = *state;
	long pins;

	allow_direct(lab);
	pins = pages_pinned();
	leave_pages(lab, 10);
	assert_int_equal(file_write(QUARANTINE, "nonsense"), -ENODEV);
	assert_int_equal(file_write(QUARANTINE, "0000:00:1e.7"), -ENODEV);
	/* Another device has nothing there. */
	assert_int_equal(file_write(QUARANTINE, lab->ivshmem_address), 0);
	check_quarantine(lab, pins, 10);
	assert_int_equal(file_write(QUARANTINE, lab->edu_address), 0);
	check_quarantine(lab, pins, 0);
}

/* The living keep what they have. */
static void an_end_of_the_quarantine_takes_nothing_from_the_living(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);
	long pins;

	allow_direct(lab);
	mapping = map(lab, page, PAGE, WRITE | PIN);
	pins = pages_pinned();
	leave_pages(lab, 10);
	assert_int_equal(file_write(QUARANTINE, lab->edu_address), 0);
	check_quarantine(lab, pins, 0);
	dev_load(lab, 4, BYTES);
	assert_int_equal(edu_write(lab->edu, mapping_dma(mapping, 0), BYTES),
			 0);
	assert_filled(page, BYTES, 4);
	unmap(mapping);
	munmap(page, PAGE);
}

static int read_quarantine(void *arg)
{
	return open(arg, O_WRONLY) < 0 && open(arg, O_RDONLY) < 0 ? 0 : 1;
}

static void the_quarantine_is_the_administrators_alone(void **state)
{
	(void)state;
	assert_int_equal(as_user(USER_UID, read_quarantine, (void *)QUARANTINE),
			 0);
}

static void close_without_unmap_is_quarantine_and_unmap_is_not(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	long pins;

	allow_direct(lab);
	pins = pages_pinned();
	unmap(map(lab, page, PAGE, WRITE | PIN));
	check_quarantine(lab, pins, 0);
	map(lab, page, PAGE, WRITE | PIN);
	lab_reopen(lab);
	check_quarantine(lab, pins, 1);
	assert_int_equal(file_write(QUARANTINE, lab->edu_address), 0);
	check_quarantine(lab, pins, 0);
	munmap(page, PAGE);
}

static void the_module_stays_while_there_is_a_quarantine(void **state)
{
	struct lab *lab = *state;

	allow_direct(lab);
	leave_pages(lab, 3);
	lab_close(lab);
	assert_int_equal(syscall(SYS_delete_module, "p2pmap", O_NONBLOCK), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(file_write(QUARANTINE, lab->edu_address), 0);
	assert_int_equal(module_unload(), 0);
	assert_int_equal(module_load(""), 0);
	lab_reopen(lab);
}

static int pin_as_user_without_ipc_lock(void *arg)
{
	struct lab *lab = arg;
	struct p2pmap_mapping *mapping;
	void *pages =
		mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHILD_CHECK(!drop_capability(CAP_IPC_LOCK));
	CHILD_CHECK(!limit_memlock(16 * PAGE));
	return -try_map(lab, pages, 8 * PAGE, WRITE | PIN, &mapping);
}

/* Or killing oneself would be a way around the limit. */
static void pages_in_quarantine_are_charged_to_their_user(void **state)
{
	struct lab *lab = *state;
	struct lab other = *lab;
	int results[3];

	allow_direct(lab);
	for (int i = 0; i < 3; i++) {
		other.ctx = context_open();
		other.importer = edu_attach(lab, other.ctx);
		results[i] = in_child(pin_as_user_without_ipc_lock, &other);
		p2pmap_context_close(other.ctx);
	}
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
	assert_int_equal(results[2], ENOMEM);
	assert_int_equal(memlock_charged(0), 16 * PAGE);
	assert_int_equal(file_write(QUARANTINE, lab->edu_address), 0);
	assert_int_equal(memlock_charged(0), 0);
}

/* Quarantine of what an exporter mapped, and takes back when it leaves */

struct borrower {
	struct lab lab;
	int tell;
	int piece_fd;
};

static int borrower(void *arg)
{
	struct borrower *borrower = arg;
	struct piece piece = { .fd = borrower->piece_fd, .length = 4 * PAGE };
	struct p2pmap_mapping *mapping;

	CHILD_CHECK(!try_alloc(piece.fd, piece.length, IVSHMEM_OWN_DMA,
			       &piece.offset));
	piece.addr = mmap(NULL, piece.length, RW, MAP_SHARED, piece.fd,
			  piece.offset);
	CHILD_CHECK(piece.addr != MAP_FAILED);
	CHILD_CHECK(!try_map(&borrower->lab, piece.addr, piece.length,
			     WRITE | PIN, &mapping));
	CHILD_CHECK(write(borrower->tell, "", 1) == 1);
	pause();
	return 0;
}

static void check_borrower(struct lab *lab, bool exporter_first)
{
	struct borrower it = { .lab = *lab };
	uint64_t end = now_ms() + PATIENCE_MS;
	int tell[2];
	pid_t pid;
	char byte;

	need_exporter(lab);
	assert_int_equal(pipe(tell), 0);
	it.tell = tell[1];
	it.piece_fd = exporter_open(lab);
	it.lab.ctx = context_open();
	it.lab.importer = edu_attach(lab, it.lab.ctx);
	pid = child_start(borrower, &it);
	p2pmap_context_close(it.lab.ctx);
	end_fd(it.piece_fd);
	close(tell[1]);
	assert_int_equal(read(tell[0], &byte, 1), 1);
	close(tell[0]);
	if (exporter_first)
		assert_int_equal(file_write(ANSWERING, "0"), 0);
	kill(pid, SIGKILL);
	child_end(pid);
	if (!exporter_first) {
		assert_int_equal(quarantined_pages(), 4);
		assert_int_equal(file_write(ANSWERING, "0"), 0);
	}
	while (context_info(lab->ctx).out_quarantined_pages && now_ms() < end)
		sleep_ms(1);
	assert_int_equal(context_info(lab->ctx).out_quarantined_pages, 0);
	assert_int_equal(quarantined_pages(), 0);
	assert_int_equal(COMMAND("rmmod", EXPORTER), 0);
}

static void what_an_exporter_took_back_is_not_kept(void **state)
{
	struct lab *lab = *state;

	allow_direct(lab);
	check_borrower(lab, true);
}

static void what_is_kept_ends_when_its_exporter_takes_it_back(void **state)
{
	struct lab *lab = *state;

	allow_direct(lab);
	check_borrower(lab, false);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(without_the_administrators_word_all_is_refused),
	LAB_TEST(without_cap_sys_rawio_it_is_eperm),
	LAB_TEST(addresses_are_shown_to_nobody_without_cap_sys_rawio),
	LAB_TEST(ram_needs_pin),
	LAB_TEST(a_sink_or_a_restore_is_refused),
	LAB_TEST(reading_takes_the_right_to_write),
	LAB_TEST(a_mapping_says_that_it_is_not_enforced),
	LAB_TEST(the_device_reads_and_writes_ram_and_a_bar),
	LAB_TEST(extents_follow_the_frames),
	LAB_TEST(a_bar_is_at_its_bus_address),
	LAB_TEST(a_bar_whose_device_is_removed_is_stale_and_not_cut),
	LAB_TEST(memory_out_of_reach_of_28_bits_is_erange),
	LAB_TEST(memory_out_of_reach_of_32_bits_is_erange),
	LAB_TEST(pages_of_a_killed_owner_are_not_given_out_again),
	LAB_TEST(an_unbind_of_the_importer_ends_the_quarantine),
	LAB_TEST(the_administrator_ends_the_quarantine_of_one_device),
	LAB_TEST(an_end_of_the_quarantine_takes_nothing_from_the_living),
	LAB_TEST(the_quarantine_is_the_administrators_alone),
	LAB_TEST(close_without_unmap_is_quarantine_and_unmap_is_not),
	LAB_TEST(the_module_stays_while_there_is_a_quarantine),
	LAB_TEST(pages_in_quarantine_are_charged_to_their_user),
	LAB_TEST(what_an_exporter_took_back_is_not_kept),
	LAB_TEST(what_is_kept_ends_when_its_exporter_takes_it_back),
};

LAB_MAIN(LAB_DIRECT, tests)
