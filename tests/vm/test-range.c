// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges: which ones can be mapped, and what a bad one is answered.
 *
 * A refusal changes nothing: assert_refused() looks at the mappings of the
 * context, lab_teardown() at pins and charges.
 *
 * iommu: on amd
 */
#define _GNU_SOURCE
#include "harness.h"

#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define BITS_63 (1ULL << 63)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void *at(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

/* Bad numbers */

static void a_range_without_length_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);

	assert_refused(lab, page, 0, 0, EINVAL, P2PMAP_REASON_NONE);
	assert_refused(lab, page, 0, PIN, EINVAL, P2PMAP_REASON_NONE);
	assert_refused(lab, NULL, 0, 0, EINVAL, P2PMAP_REASON_NONE);
	munmap(page, PAGE);
}

static void an_unaligned_range_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(2 * PAGE);
	static const size_t off[] = { 1, 8, 512, 2048, 4095 };

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		assert_refused(lab, pages + off[i], PAGE, PIN, EINVAL,
			       P2PMAP_REASON_NONE);
		assert_refused(lab, pages, off[i], PIN, EINVAL,
			       P2PMAP_REASON_NONE);
		assert_refused(lab, pages + off[i], PAGE - off[i], PIN, EINVAL,
			       P2PMAP_REASON_NONE);
	}
	munmap(pages, 2 * PAGE);
}

static void a_range_that_wraps_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);

	assert_refused(lab, page, -PAGE, PIN, EINVAL, P2PMAP_REASON_NONE);
	assert_refused(lab, page, -(uint64_t)(uintptr_t)page + PAGE, PIN,
		       EINVAL, P2PMAP_REASON_NONE);
	assert_refused(lab, at(-PAGE), 2 * PAGE, 0, EINVAL, P2PMAP_REASON_NONE);
	munmap(page, PAGE);
}

static void a_range_of_2_to_the_63_is_einval_and_too_big(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);

	assert_refused(lab, page, BITS_63, PIN, EINVAL, P2PMAP_REASON_TOO_BIG);
	assert_refused(lab, page, BITS_63, 0, EINVAL, P2PMAP_REASON_TOO_BIG);
	assert_refused(lab, NULL, BITS_63, 0, EINVAL, P2PMAP_REASON_TOO_BIG);
	munmap(page, PAGE);
}

/* Address space for it there is; memory there is not. */
static void a_tebibyte_fails_cleanly(void **state)
{
	struct lab *lab = *state;
	unsigned char *range;
	uint64_t start;

	range = mmap(NULL, TIB, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0);
	assert_ptr_not_equal(range, MAP_FAILED);
	start = now_ms();
	assert_refused(lab, range, TIB, 0, ENOMEM, P2PMAP_REASON_TOO_BIG);
	assert_refused(lab, range, TIB, WRITE, ENOMEM, P2PMAP_REASON_TOO_BIG);
	assert_refused(lab, range, TIB, PIN, ENOMEM, P2PMAP_REASON_TOO_BIG);
	/* It was not tried and given up. */
	assert_true(now_ms() - start < 1000);
	munmap(range, TIB);
}

static void a_tebibyte_of_holes_fails_cleanly(void **state)
{
	struct lab *lab = *state;
	/* Low enough for the rest of it to be user addresses. */
	unsigned char *page =
		mmap(at(TIB), PAGE, RW,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(page, at(TIB));
	assert_refused(lab, page, TIB, PIN, EFAULT, P2PMAP_REASON_HOLE);
	assert_refused(lab, page, TIB, 0, EFAULT, P2PMAP_REASON_HOLE);
	munmap(page, PAGE);
}

static void kernel_addresses_are_efault(void **state)
{
	struct lab *lab = *state;
	static const uint64_t addrs[] = {
		0x0000800000000000, /* not canonical */
		0x00007ffffffff000, /* the guard page */
		0xffff800000000000, 0xffff888000000000, 0xffffc90000000000,
		0xffffffff81000000, 0xffffffffc0000000,
	};

	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		struct p2pmap_mapping *mapping;
		struct p2pmap_query query;

		assert_int_equal(try_map(lab, at(addrs[i]), PAGE, PIN,
					 &mapping),
				 -EFAULT);
		assert_int_equal(try_map(lab, at(addrs[i]), PAGE, 0, &mapping),
				 -EFAULT);
		assert_int_equal(try_query(lab, at(addrs[i]), PAGE, 0, &query),
				 -EFAULT);
	}
}

/* Holes and rights */

static void a_hole_is_efault_and_the_reason_says_where(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(8 * PAGE);

	munmap(pages + 3 * PAGE, PAGE);
	assert_refused(lab, pages, 8 * PAGE, PIN, EFAULT, P2PMAP_REASON_HOLE);
	assert_int_equal(lab->reason.value[0], (uintptr_t)pages + 3 * PAGE);
	assert_refused(lab, pages, 8 * PAGE, 0, EFAULT, P2PMAP_REASON_HOLE);
	assert_int_equal(lab->reason.value[0], (uintptr_t)pages + 3 * PAGE);
	/* At the very beginning, and at the very end. */
	assert_refused(lab, pages + 3 * PAGE, PAGE, PIN, EFAULT,
		       P2PMAP_REASON_HOLE);
	assert_refused(lab, pages, 4 * PAGE, PIN, EFAULT, P2PMAP_REASON_HOLE);
	/* On both sides of it all is well. */
	unmap(map(lab, pages, 3 * PAGE, PIN));
	unmap(map(lab, pages + 4 * PAGE, 4 * PAGE, PIN));
	munmap(pages, 8 * PAGE);
}

static void write_on_read_only_memory_is_efault(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(4 * PAGE);

	memset(pages, 7, 4 * PAGE);
	mprotect(pages + 2 * PAGE, PAGE, PROT_READ);
	assert_refused(lab, pages, 4 * PAGE, WRITE | PIN, EFAULT,
		       P2PMAP_REASON_NOT_WRITABLE);
	assert_int_equal(lab->reason.value[0], (uintptr_t)pages + 2 * PAGE);
	assert_refused(lab, pages + 2 * PAGE, PAGE, WRITE, EFAULT,
		       P2PMAP_REASON_NOT_WRITABLE);
	/* The device may read it. */
	unmap(map(lab, pages, 4 * PAGE, PIN));
	unmap(map(lab, pages, 4 * PAGE, 0));
	munmap(pages, 4 * PAGE);
}

static void write_on_a_read_only_shared_mapping_is_efault(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(PAGE);
	void *page = mmap_fd(fd, PAGE, PROT_READ, MAP_SHARED);

	assert_refused(lab, page, PAGE, WRITE | PIN, EFAULT,
		       P2PMAP_REASON_NOT_WRITABLE);
	assert_refused(lab, page, PAGE, WRITE, EFAULT,
		       P2PMAP_REASON_NOT_WRITABLE);
	munmap(page, PAGE);
	close(fd);
}

static void memory_without_any_right_is_efault(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram_prot(PAGE, PROT_NONE);

	assert_refused(lab, page, PAGE, PIN, EFAULT,
		       P2PMAP_REASON_NOT_READABLE);
	assert_refused(lab, page, PAGE, 0, EFAULT, P2PMAP_REASON_NOT_READABLE);
	munmap(page, PAGE);
}

static void memory_behind_a_protection_key_is_efault(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);
	struct p2pmap_mapping *mapping;
	int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);

	if (key < 0)
		lab_skip(lab, "no protection keys here");
	assert_int_equal(pkey_mprotect(page, PAGE, RW, key), 0);
	assert_int_equal(try_map(lab, page, PAGE, WRITE | PIN, &mapping),
			 -EFAULT);
	assert_int_equal(pkey_mprotect(page, PAGE, RW, 0), 0);
	pkey_free(key);
	munmap(page, PAGE);
}

/* Several VMAs */

static void several_vmas_of_one_kind_are_one_mapping(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = reserve(6 * PAGE);
	int fd = memfd(2 * PAGE);
	struct p2pmap_mapping *mapping;

	mmap(pages, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	     0);
	mmap(pages + 2 * PAGE, 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
	mmap(pages + 4 * PAGE, 2 * PAGE, RW,
	     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (uint32_t flags = 0; flags <= (WRITE | PIN); flags++) {
		mapping = map(lab, pages, 6 * PAGE, flags);
		assert_int_equal(p2pmap_mapping_length(mapping), 6 * PAGE);
		assert_int_equal(p2pmap_mapping_kind(mapping), P2PMAP_KIND_RAM);
		unmap(mapping);
	}
	munmap(pages, 6 * PAGE);
	close(fd);
}

static void a_range_of_ram_and_a_bar_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(4 * PAGE);

	bar_mmap(lab->ivshmem_address, 2, pages + 2 * PAGE, 0, 2 * PAGE, RW,
		 MAP_SHARED);
	assert_refused(lab, pages, 4 * PAGE, 0, EINVAL, P2PMAP_REASON_MIXED);
	assert_int_equal(lab->reason.value[0], (uintptr_t)pages + 2 * PAGE);
	assert_refused(lab, pages, 4 * PAGE, WRITE, EINVAL,
		       P2PMAP_REASON_MIXED);
	/* And the other way round. */
	assert_refused(lab, pages + PAGE, 2 * PAGE, 0, EINVAL,
		       P2PMAP_REASON_MIXED);
	mmap(pages + 3 * PAGE, PAGE, RW,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_refused(lab, pages + 2 * PAGE, 2 * PAGE, 0, EINVAL,
		       P2PMAP_REASON_MIXED);
	munmap(pages, 4 * PAGE);
}

/* Kinds of memory */

static void check_kind(struct lab *lab, void *addr, size_t length)
{
	for (uint32_t flags = 0; flags <= (WRITE | PIN); flags++) {
		struct p2pmap_mapping *mapping = map(lab, addr, length, flags);
		uint32_t status = mapping_status(mapping).out_flags;

		assert_int_equal(p2pmap_mapping_kind(mapping), P2PMAP_KIND_RAM);
		assert_true(status & P2PMAP_MAPPING_LIVE);
		assert_true(status & P2PMAP_MAPPING_ENFORCED);
		assert_int_equal(!!(status & P2PMAP_MAPPING_PINNED),
				 !!(flags & PIN));
		unmap(mapping);
	}
}

static void anonymous_memory_can_be_mapped(void **state)
{
	unsigned char *pages = ram(100 * PAGE);

	check_kind(*state, pages, 100 * PAGE);
	munmap(pages, 100 * PAGE);
}

static void huge_pages_of_anonymous_memory_can_be_mapped(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram_thp(2 * HUGE);

	if (!pages)
		lab_skip(lab, "no huge page was to be had");
	check_kind(lab, pages, 2 * HUGE);
	/* Also a part of one, across two. */
	check_kind(lab, pages + HUGE - PAGE, 2 * PAGE);
	munmap(pages, 2 * HUGE);
}

/* Where a huge entry of the IOMMU was there is not even a table (AMD-Vi). */
static void huge_pages_of_which_a_part_went_are_unmapped(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram_thp(8 * HUGE);
	struct p2pmap_mapping *mapping;

	if (!pages)
		lab_skip(lab, "no huge page was to be had");
	mapping = map(lab, pages, 8 * HUGE, WRITE);
	munmap(pages + 3 * HUGE + 5 * PAGE, PAGE);
	assert_true(mapping_status(mapping).out_live_bytes < 8 * HUGE);
	unmap(mapping);
	munmap(pages, 8 * HUGE);
}

static void hugetlb_memory_can_be_mapped(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram_hugetlb(2 * HUGE);

	if (!pages)
		lab_skip(lab, "no hugetlb page was to be had");
	check_kind(lab, pages, 2 * HUGE);
	check_kind(lab, pages + 5 * PAGE, HUGE);
	munmap(pages, 2 * HUGE);
}

static void shared_memory_can_be_mapped(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(20 * PAGE);
	void *shared = mmap_fd(fd, 20 * PAGE, RW, MAP_SHARED);
	void *private = mmap_fd(fd, 20 * PAGE, RW, MAP_PRIVATE);

	check_kind(lab, shared, 20 * PAGE);
	check_kind(lab, private, 20 * PAGE);
	munmap(shared, 20 * PAGE);
	munmap(private, 20 * PAGE);
	close(fd);
}

static void shared_memory_beyond_its_end_fails_and_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	int fd = memfd(2 * PAGE);
	void *pages = mmap_fd(fd, 8 * PAGE, RW, MAP_SHARED);
	struct p2pmap_mapping *mapping;

	assert_int_equal(try_map(lab, pages, 8 * PAGE, PIN, &mapping), -EFAULT);
	assert_int_equal(try_map(lab, pages, 8 * PAGE, 0, &mapping), -EFAULT);
	munmap(pages, 8 * PAGE);
	close(fd);
}

/* A file on a disk; ext4 is ext2, too, where that is not on its own. */
#define MOUNT "/mnt"

static int file_on_disk(struct lab *lab, size_t length)
{
	int fd;

	if (COMMAND("sh", "-c",
		    "modprobe -q loop; modprobe -q ext4;"
		    " dd if=/dev/zero of=/tmp/disk bs=1M count=8 2>/dev/null &&"
		    " losetup /dev/loop0 /tmp/disk && mke2fs /dev/loop0 &&"
		    " mount -t ext2 /dev/loop0 " MOUNT))
		lab_skip(lab, "no file system on a block device here");
	fd = open(MOUNT "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, length), 0);
	return fd;
}

static void close_disk(int fd)
{
	close(fd);
	unlink(MOUNT "/file");
	assert_int_equal(COMMAND("umount", MOUNT), 0);
	assert_int_equal(COMMAND("losetup", "-d", "/dev/loop0"), 0);
}

static void a_shared_file_mapping_is_refused(void **state)
{
	struct lab *lab = *state;
	int fd = file_on_disk(lab, 4 * PAGE);
	void *pages = mmap_fd(fd, 4 * PAGE, RW, MAP_SHARED);
	void *read_only = mmap_fd(fd, 4 * PAGE, PROT_READ, MAP_SHARED);

	for (uint32_t flags = 0; flags <= (WRITE | PIN); flags++)
		assert_refused(lab, pages, 4 * PAGE, flags, EOPNOTSUPP,
			       P2PMAP_REASON_MEMORY_KIND);
	assert_refused(lab, read_only, 4 * PAGE, PIN, EOPNOTSUPP,
		       P2PMAP_REASON_MEMORY_KIND);
	munmap(pages, 4 * PAGE);
	munmap(read_only, 4 * PAGE);
	close_disk(fd);
}

static void a_private_file_mapping_needs_pin(void **state)
{
	struct lab *lab = *state;
	int fd = file_on_disk(lab, 4 * PAGE);
	unsigned char *pages = mmap_fd(fd, 4 * PAGE, RW, MAP_PRIVATE);
	struct p2pmap_mapping *mapping;

	assert_refused(lab, pages, 4 * PAGE, 0, EOPNOTSUPP,
		       P2PMAP_REASON_NEEDS_PIN);
	assert_refused(lab, pages, 4 * PAGE, WRITE, EOPNOTSUPP,
		       P2PMAP_REASON_NEEDS_PIN);
	mapping = map(lab, pages, 4 * PAGE, WRITE | PIN);
	unmap(mapping);
	munmap(pages, 4 * PAGE);
	close_disk(fd);
}

/* On 6.1 a read-only pin must break COW by itself. */
static void a_pin_for_reading_sees_what_is_written_later(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(2 * PAGE), seen[64];
	struct p2pmap_mapping *mapping;

	/* The zero page, by a read. */
	assert_int_equal(*(volatile unsigned char *)pages, 0);
	mapping = map(lab, pages, 2 * PAGE, PIN);
	fill(pages, sizeof(seen), 5);
	dev_read(lab, mapping_dma(mapping, 0), seen, sizeof(seen));
	assert_filled(seen, sizeof(seen), 5);
	unmap(mapping);
	munmap(pages, 2 * PAGE);
}

/*
 * A private mapping of a file that has a huge page, whose entry is a huge one,
 * too: the first touch for reading maps it so.
 */
static unsigned char *private_huge_page_of_a_file(struct lab *lab)
{
	unsigned char *at = reserve(2 * HUGE);
	int rc = -1, fd = memfd(HUGE);

	at = (void *)(((uintptr_t)at + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
	assert_ptr_equal(mmap(at, HUGE, RW, MAP_SHARED | MAP_FIXED, fd, 0), at);
	fill(at, HUGE, 6);
	for (int i = 0; i < 10 && rc; i++)
		rc = madvise(at, HUGE, MADV_COLLAPSE);
	if (rc)
		lab_skip(lab, "no huge page in a file: %s", strerror(errno));
	assert_ptr_equal(mmap(at, HUGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0),
			 at);
	close(fd);
	assert_filled(at, HUGE, 6);
	assert_true(page_flags_of(at) & KPAGE_THP);
	return at;
}

#define PATIENCE_SECONDS 20

/* In a child, that a MAP which does not end is one that a signal ends. */
static int pin_for_reading(void *arg)
{
	struct lab *lab = ((void **)arg)[0];
	struct p2pmap_mapping *mapping;
	struct p2pmap_context *ctx;

	alarm(PATIENCE_SECONDS);
	CHILD_CHECK(!p2pmap_context_open(NULL, &ctx));
	CHILD_CHECK(!attach(ctx, lab->edu_address, 64, NULL, &lab->importer));
	CHILD_CHECK(!try_map(lab, ((void **)arg)[1], HUGE, PIN, &mapping));
	CHILD_CHECK(!p2pmap_mapping_unmap(mapping));
	return 0;
}

/* On 6.12 unsharing such a page never comes to its end, as it is mapped again. */
static void a_pin_for_reading_ends_where_a_file_has_a_huge_page(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = private_huge_page_of_a_file(lab), seen[64];
	struct p2pmap_mapping *mapping;

	assert_int_equal(in_child(pin_for_reading, (void *[]){ lab, pages }),
			 0);
	mapping = map(lab, pages, HUGE, PIN);
	dev_read(lab, mapping_dma(mapping, 0), seen, sizeof(seen));
	assert_filled(seen, sizeof(seen), 6);
	unmap(mapping);
	munmap(pages, HUGE);
}

static void a_pin_sees_what_its_owner_writes_after_fork(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE), seen[64];
	struct p2pmap_mapping *mapping;
	int go[2];
	pid_t pid;

	fill(page, PAGE, 1);
	mapping = map(lab, page, PAGE, WRITE | PIN);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (!pid) {
		/* Alive, with its copy, until the parent is done. */
		close(go[1]);
		_exit(read(go[0], seen, 1) == 0 ? page[0] != 1 : 9);
	}
	close(go[0]);
	fill(page, PAGE, 2);
	dev_read(lab, mapping_dma(mapping, 0), seen, sizeof(seen));
	assert_filled(seen, sizeof(seen), 2);
	dev_load(lab, 3, 100);
	assert_int_equal(edu_write(lab->edu, mapping_dma(mapping, 0), 100), 0);
	assert_filled(page, 100, 3);
	close(go[1]);
	child_end(pid);
	unmap(mapping);
	munmap(page, PAGE);
}

static void secret_memory_is_refused(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	void *page;
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);
	int rc;

	if (fd < 0)
		lab_skip(lab, "no memfd_secret() here: %s", strerror(errno));
	assert_int_equal(ftruncate(fd, PAGE), 0);
	page = mmap_fd(fd, PAGE, RW, MAP_SHARED);
	for (uint32_t flags = 0; flags <= (WRITE | PIN); flags++) {
		rc = try_map(lab, page, PAGE, flags, &mapping);
		assert_true(rc == -EOPNOTSUPP || rc == -EFAULT);
		assert_int_equal(lab->reason.code, P2PMAP_REASON_MEMORY_KIND);
	}
	munmap(page, PAGE);
	close(fd);
}

static void the_vdso_is_refused(void **state)
{
	struct lab *lab = *state;
	uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
	struct p2pmap_mapping *mapping;

	assert_int_not_equal(vdso, 0);
	assert_int_equal(try_map(lab, at(vdso), PAGE, 0, &mapping), -EFAULT);
	assert_int_equal(try_map(lab, at(vdso), PAGE, PIN, &mapping), -EFAULT);
	/* Before it come its variables, of no BAR, in a special VMA. */
	assert_refused(lab, at(vdso - PAGE), PAGE, 0, EFAULT,
		       P2PMAP_REASON_NOT_A_BAR);
	assert_refused(lab, at(vdso - PAGE), PAGE, PIN, EOPNOTSUPP,
		       P2PMAP_REASON_PIN_DEVICE_MEMORY);
}

static void the_gate_page_is_refused(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;

	assert_int_equal(try_map(lab, at(0xffffffffff600000), PAGE, PIN,
				 &mapping),
			 -EFAULT);
}

/* One page behind very many addresses. */
static void one_page_pinned_a_hundred_thousand_times_is_counted(void **state)
{
	struct lab *lab = *state;
	enum { NR = 2000, TIMES = 50 };
	struct p2pmap_mapping *mapping[TIMES];
	unsigned char *pages = reserve(NR * PAGE);
	long before = pages_pinned();
	int fd = memfd(PAGE);

	for (int i = 0; i < NR; i++)
		assert_ptr_not_equal(mmap(pages + i * PAGE, PAGE, RW,
					  MAP_SHARED | MAP_FIXED, fd, 0),
				     MAP_FAILED);
	for (int i = 0; i < TIMES; i++)
		mapping[i] = map(lab, pages, NR * PAGE, PIN);
	assert_int_equal(pages_pinned() - before, NR * TIMES);
	for (int i = 0; i < TIMES; i++)
		unmap(mapping[i]);
	assert_int_equal(pages_pinned(), before);
	munmap(pages, NR * PAGE);
	close(fd);
}

/* Flags that contradict each other */

static void pin_with_sink_or_restore_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = ram(PAGE);

	assert_refused(lab, page, PAGE, PIN | P2PMAP_MAP_SINK, EINVAL,
		       P2PMAP_REASON_NONE);
	assert_refused(lab, page, PAGE, PIN | P2PMAP_MAP_RESTORE, EINVAL,
		       P2PMAP_REASON_NONE);
	munmap(page, PAGE);
}

/* Queries */

static void a_query_says_what_map_would_and_touches_nothing(void **state)
{
	struct lab *lab = *state;
	unsigned char *pages = ram(16 * PAGE), resident[16];
	struct p2pmap_query query;
	long pins = pages_pinned();

	assert_int_equal(try_query(lab, pages, 16 * PAGE, WRITE | PIN, &query),
			 0);
	assert_int_equal(query.out_kind, P2PMAP_KIND_RAM);
	assert_int_equal(pages_pinned(), pins);
	assert_int_equal(mincore(pages, 16 * PAGE, resident), 0);
	for (int i = 0; i < 16; i++)
		assert_int_equal(frame_of(pages + i * PAGE), 0);
	munmap(pages + 4 * PAGE, PAGE);
	assert_int_equal(try_query(lab, pages, 16 * PAGE, 0, &query), -EFAULT);
	assert_int_equal(lab->reason.code, P2PMAP_REASON_HOLE);
	assert_int_equal(lab->reason.value[0], (uintptr_t)pages + 4 * PAGE);
	assert_int_equal(try_query(lab, pages, 1, 0, &query), -EINVAL);
	munmap(pages, 16 * PAGE);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_range_without_length_is_einval),
	LAB_TEST(an_unaligned_range_is_einval),
	LAB_TEST(a_range_that_wraps_is_einval),
	LAB_TEST(a_range_of_2_to_the_63_is_einval_and_too_big),
	LAB_TEST(a_tebibyte_fails_cleanly),
	LAB_TEST(a_tebibyte_of_holes_fails_cleanly),
	LAB_TEST(kernel_addresses_are_efault),
	LAB_TEST(a_hole_is_efault_and_the_reason_says_where),
	LAB_TEST(write_on_read_only_memory_is_efault),
	LAB_TEST(write_on_a_read_only_shared_mapping_is_efault),
	LAB_TEST(memory_without_any_right_is_efault),
	LAB_TEST(memory_behind_a_protection_key_is_efault),
	LAB_TEST(several_vmas_of_one_kind_are_one_mapping),
	LAB_TEST(a_range_of_ram_and_a_bar_is_einval),
	LAB_TEST(anonymous_memory_can_be_mapped),
	LAB_TEST(huge_pages_of_anonymous_memory_can_be_mapped),
	LAB_TEST(huge_pages_of_which_a_part_went_are_unmapped),
	LAB_TEST(hugetlb_memory_can_be_mapped),
	LAB_TEST(shared_memory_can_be_mapped),
	LAB_TEST(shared_memory_beyond_its_end_fails_and_leaves_nothing),
	LAB_TEST(a_shared_file_mapping_is_refused),
	LAB_TEST(a_private_file_mapping_needs_pin),
	LAB_TEST(a_pin_for_reading_sees_what_is_written_later),
	LAB_TEST(a_pin_for_reading_ends_where_a_file_has_a_huge_page),
	LAB_TEST(a_pin_sees_what_its_owner_writes_after_fork),
	LAB_TEST(secret_memory_is_refused),
	LAB_TEST(the_vdso_is_refused),
	LAB_TEST(the_gate_page_is_refused),
	LAB_TEST(one_page_pinned_a_hundred_thousand_times_is_counted),
	LAB_TEST(pin_with_sink_or_restore_is_einval),
	LAB_TEST(a_query_says_what_map_would_and_touches_nothing),
};

LAB_MAIN(LAB_TRANSLATED, tests)
