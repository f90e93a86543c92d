// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: a BAR is mapped, and what only looks like one is refused.
 *
 * iommu: on amd
 */
#define _GNU_SOURCE
#include "harness.h"

#include <glob.h>

#define PCI_COMMAND 4
#define PCI_COMMAND_MEMORY 2

static void a_bar_can_be_mapped_for_reading_and_for_writing(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, MIB, 64 * KIB);
	struct p2pmap_pci_addr exporter;

	p2pmap_pci_parse(lab->ivshmem_address, &exporter);
	for (uint32_t flags = 0; flags <= WRITE; flags++) {
		struct p2pmap_mapping *mapping =
			map(lab, range, 64 * KIB, flags);

		assert_int_equal(p2pmap_mapping_kind(mapping), P2PMAP_KIND_BAR);
		assert_memory_equal(p2pmap_mapping_exporter(mapping), &exporter,
				    sizeof(exporter));
		unmap(mapping);
	}
	munmap(range, 64 * KIB);
}

static void a_query_tells_bar_and_offset(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 3 * MIB, 64 * KIB);
	struct p2pmap_pci_addr exporter;
	struct p2pmap_query query;

	p2pmap_pci_parse(lab->ivshmem_address, &exporter);
	assert_int_equal(try_query(lab, range + PAGE, PAGE, WRITE, &query), 0);
	assert_int_equal(query.out_kind, P2PMAP_KIND_BAR);
	assert_int_equal(query.out_bar, 2);
	assert_int_equal(query.out_bar_offset, 3 * MIB + PAGE);
	assert_memory_equal(&query.out_exporter, &exporter, sizeof(exporter));
	munmap(range, 64 * KIB);
}

static void a_bar_is_one_extent_wherever_its_vmas_are_cut(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = reserve(64 * PAGE);
	struct p2pmap_mapping *mapping;
	size_t count;

	for (int i = 0; i < 64; i += 16)
		bar_mmap(lab->ivshmem_address, 2, range + i * PAGE,
			 MIB + i * PAGE, 16 * PAGE, RW, MAP_SHARED);
	mapping = map(lab, range, 64 * PAGE, WRITE);
	p2pmap_mapping_extents(mapping, &count);
	assert_int_equal(count, 1);
	unmap(mapping);
	munmap(range, 64 * PAGE);
}

/* The order in the range is the order for the device. */
static void
a_bar_in_pieces_out_of_order_is_mapped_in_the_ranges_order(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = reserve(2 * PAGE), *view, bytes[64];
	struct p2pmap_mapping *mapping;

	bar_mmap(lab->ivshmem_address, 2, range, 5 * MIB, PAGE, RW, MAP_SHARED);
	bar_mmap(lab->ivshmem_address, 2, range + PAGE, MIB, PAGE, RW,
		 MAP_SHARED);
	mapping = map(lab, range, 2 * PAGE, WRITE);
	fill(bytes, sizeof(bytes), 1);
	dev_write(lab, mapping_dma(mapping, 0), bytes, sizeof(bytes));
	fill(bytes, sizeof(bytes), 2);
	dev_write(lab, mapping_dma(mapping, PAGE), bytes, sizeof(bytes));
	view = bar_at(lab, 5 * MIB, PAGE);
	assert_filled(view, sizeof(bytes), 1);
	munmap(view, PAGE);
	view = bar_at(lab, MIB, PAGE);
	assert_filled(view, sizeof(bytes), 2);
	munmap(view, PAGE);
	unmap(mapping);
	munmap(range, 2 * PAGE);
}

static void pin_of_device_memory_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE);

	assert_refused(lab, range, PAGE, PIN, EOPNOTSUPP,
		       P2PMAP_REASON_PIN_DEVICE_MEMORY);
	munmap(range, PAGE);
}

/* Which a write turns into RAM, special no more. */
static void a_private_mapping_of_a_bar_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_mmap(lab->ivshmem_address, 2, NULL, 0,
					2 * PAGE, RW, MAP_PRIVATE);

	assert_refused(lab, range, 2 * PAGE, 0, EFAULT,
		       P2PMAP_REASON_PRIVATE_BAR);
	*(volatile unsigned char *)range = 1;
	assert_refused(lab, range, 2 * PAGE, 0, EFAULT,
		       P2PMAP_REASON_PRIVATE_BAR);
	assert_refused(lab, range, PAGE, WRITE, EFAULT,
		       P2PMAP_REASON_PRIVATE_BAR);
	munmap(range, 2 * PAGE);
}

static void write_on_a_read_only_mapping_of_a_bar_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_mmap(lab->ivshmem_address, 2, NULL, 0, PAGE,
					PROT_READ, MAP_SHARED);

	assert_refused(lab, range, PAGE, WRITE, EFAULT,
		       P2PMAP_REASON_NOT_WRITABLE);
	unmap(map(lab, range, PAGE, 0));
	munmap(range, PAGE);
}

/* Opened for writing and made read-only later; or the other way round. */
static void write_follows_the_rights_of_the_moment(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE);
	struct p2pmap_query query;

	mprotect(range, PAGE, PROT_READ);
	assert_refused(lab, range, PAGE, WRITE, EFAULT,
		       P2PMAP_REASON_NOT_WRITABLE);
	mprotect(range, PAGE, RW);
	/* Now it is protected until the CPU writes, or a map asks for it. */
	assert_int_equal(try_query(lab, range, PAGE, WRITE, &query), 0);
	unmap(map(lab, range, PAGE, WRITE));
	mprotect(range, PAGE, PROT_NONE);
	assert_refused(lab, range, PAGE, 0, EFAULT, P2PMAP_REASON_NOT_READABLE);
	munmap(range, PAGE);
}

/* ivshmem's registers: 256 bytes, and the rest of the page is somebody's. */
static void a_bar_smaller_than_a_page_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_mmap(lab->ivshmem_address, 0, NULL, 0, PAGE,
					RW, MAP_SHARED);
	struct p2pmap_pci_addr exporter;

	p2pmap_pci_parse(lab->ivshmem_address, &exporter);
	assert_refused(lab, range, PAGE, 0, EFAULT, P2PMAP_REASON_SUBPAGE_BAR);
	assert_memory_equal(&lab->reason.pci, &exporter, sizeof(exporter));
	munmap(range, PAGE);
}

static void two_bars_in_one_range_are_einval(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = reserve(2 * PAGE);

	bar_mmap(lab->ivshmem_address, 2, range, 0, PAGE, RW, MAP_SHARED);
	bar_mmap(lab->edu_address, 0, range + PAGE, 0, PAGE, RW, MAP_SHARED);
	assert_refused(lab, range, 2 * PAGE, 0, EINVAL,
		       P2PMAP_REASON_SEVERAL_BARS);
	assert_int_equal(lab->reason.value[0], (uintptr_t)range + PAGE);
	munmap(range, 2 * PAGE);
}

static void set_memory_decoding(const char *address, bool on)
{
	char path[128];
	uint16_t command;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &command, 2, PCI_COMMAND), 2);
	command = on ? command | PCI_COMMAND_MEMORY :
		       command & ~PCI_COMMAND_MEMORY;
	assert_int_equal(pwrite(fd, &command, 2, PCI_COMMAND), 2);
	close(fd);
}

static void a_bar_that_its_device_does_not_decode_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, PAGE);

	set_memory_decoding(lab->ivshmem_address, false);
	assert_refused(lab, range, PAGE, 0, EFAULT, P2PMAP_REASON_NOT_A_BAR);
	set_memory_decoding(lab->ivshmem_address, true);
	unmap(map(lab, range, PAGE, 0));
	munmap(range, PAGE);
}

/* /dev/mem: special memory which is not a device's */

/* First address of a line of /proc/iomem that contains a word. */
static uint64_t iomem(const char *word)
{
	char line[256];
	uint64_t start = 0;
	FILE *file = fopen("/proc/iomem", "re");

	while (file && !start && fgets(line, sizeof(line), file))
		if (strstr(line, word))
			start = strtoull(line, NULL, 16);
	if (file)
		fclose(file);
	return start;
}

static void *dev_mem(struct lab *lab, uint64_t phys)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	void *addr = MAP_FAILED;

	if (fd >= 0)
		addr = mmap(NULL, PAGE, RW, MAP_SHARED, fd, phys);
	if (fd >= 0)
		close(fd);
	if (!phys || addr == MAP_FAILED)
		lab_skip(lab, "0x%llx is out of reach of /dev/mem",
			 (unsigned long long)phys);
	return addr;
}

static void registers_of_the_platform_are_refused(void **state)
{
	static const char *const words[] = { "HPET", "IOAPIC", "Local APIC" };
	struct lab *lab = *state;
	unsigned int tried = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint64_t phys = iomem(words[i]);
		void *page;

		if (!phys)
			continue;
		page = dev_mem(lab, phys & ~(PAGE - 1));
		assert_refused(lab, page, PAGE, 0, EFAULT,
			       P2PMAP_REASON_NOT_A_BAR);
		assert_refused(lab, page, PAGE, WRITE, EFAULT,
			       P2PMAP_REASON_NOT_A_BAR);
		munmap(page, PAGE);
		tried++;
	}
	if (!tried)
		lab_skip(lab, "/proc/iomem names none of them");
}

/* The first megabyte is RAM which /dev/mem shows. */
static void ram_seen_through_dev_mem_is_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *page = dev_mem(lab, 0x10000);

	assert_refused(lab, page, PAGE, 0, EFAULT, P2PMAP_REASON_NOT_A_BAR);
	assert_refused(lab, page, PAGE, WRITE, EFAULT, P2PMAP_REASON_NOT_A_BAR);
	munmap(page, PAGE);
}

static void a_bar_seen_through_dev_mem_is_that_bar(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_query query;
	char path[128], text[1024];
	uint64_t phys;
	void *page;
	char *line;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource",
		 lab->ivshmem_address);
	assert_true(file_read(path, text, sizeof(text)));
	line = strchr(strchr(text, '\n') + 1, '\n') + 1;
	phys = strtoull(line, NULL, 16);
	page = dev_mem(lab, phys + MIB);
	assert_int_equal(try_query(lab, page, PAGE, WRITE, &query), 0);
	assert_int_equal(query.out_bar, 2);
	assert_int_equal(query.out_bar_offset, MIB);
	munmap(page, PAGE);
}

/* NVMe's controller memory buffer is a BAR, or in one. */
static void the_memory_buffer_of_an_nvme_controller_can_be_mapped(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	struct p2pmap_query query;
	unsigned char *range, bytes[256];
	unsigned int bar;

	if (!lab->nvme_address)
		lab_skip(lab, "there is no NVMe controller here");
	range = NULL;
	for (bar = 2; bar < 6 && !range; bar += 2) {
		char path[128];

		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/resource%u",
			 lab->nvme_address, bar);
		if (!access(path, F_OK))
			range = bar_mmap(lab->nvme_address, bar, NULL, 64 * KIB,
					 PAGE, RW, MAP_SHARED);
	}
	if (!range)
		lab_skip(lab, "its BAR for the buffer is not there");
	assert_int_equal(try_query(lab, range, PAGE, WRITE, &query), 0);
	assert_int_equal(query.out_bar, bar - 2);
	mapping = map(lab, range, PAGE, WRITE);
	fill(bytes, sizeof(bytes), 4);
	dev_write(lab, mapping_dma(mapping, 0), bytes, sizeof(bytes));
	/* The CPU sees it only if the controller gave the buffer out. */
	dev_read(lab, mapping_dma(mapping, 0), bytes, sizeof(bytes));
	if (range[0] == bytes[0])
		assert_memory_equal(range, bytes, sizeof(bytes));
	unmap(mapping);
	munmap(range, PAGE);
}

/* Pages of it are no RAM, but on 6.x the DMA API takes them for such. */
static void memory_that_p2pdma_has_is_a_bar_or_refused(void **state)
{
	struct lab *lab = *state;
	unsigned char *range;
	char path[128];
	int rc;

	if (!lab->nvme_address || bind_driver("nvme", lab->nvme_address))
		lab_skip(lab, "there is no NVMe controller with a driver");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/p2pmem/size",
		 lab->nvme_address);
	if (access(path, F_OK)) {
		bind_driver("none", lab->nvme_address);
		lab_skip(lab, "nobody gave it to p2pdma");
	}
	range = bar_mmap(lab->nvme_address, 2, NULL, 64 * KIB, PAGE, RW,
			 MAP_SHARED);
	rc = try_map(lab, range, PAGE, WRITE, &(struct p2pmap_mapping *){ 0 });
	assert_int_equal(bind_driver("none", lab->nvme_address), 0);
	munmap(range, PAGE);
	if (rc) {
		assert_int_equal(rc, -EFAULT);
		assert_int_equal(lab->reason.code, P2PMAP_REASON_NOT_A_BAR);
	}
}

static void another_bar_of_the_importer_can_be_mapped_for_itself(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_query query;
	unsigned char *range =
		bar_mmap(lab->edu_address, 0, NULL, PAGE, PAGE, RW, MAP_SHARED);

	assert_int_equal(try_query(lab, range, PAGE, WRITE, &query), 0);
	assert_int_equal(query.out_distance, 0);
	unmap(map(lab, range, PAGE, WRITE));
	munmap(range, PAGE);
}

static void uio_memory_of_a_bar_can_be_mapped(void **state)
{
	struct lab *lab = *state;
	glob_t found = { 0 };
	unsigned char *page;
	int fd;

	/* uio_pci_generic exports no memory; other drivers do. */
	if (glob("/sys/class/uio/uio*/maps/map0", 0, NULL, &found))
		lab_skip(lab, "no uio device here has memory");
	globfree(&found);
	fd = open("/dev/uio0", O_RDWR | O_CLOEXEC);
	page = mmap_fd(fd, PAGE, RW, MAP_SHARED);
	unmap(map(lab, page, PAGE, WRITE));
	munmap(page, PAGE);
	close(fd);
}

/* Memory that the kernel took, in KiB */

static long kernel_memory(void)
{
	return file_number("/proc/meminfo", "Slab:") +
	       file_number("/proc/meminfo", "VmallocUsed:") +
	       file_number("/proc/meminfo", "Percpu:");
}

/* With a struct page for each page it would be 1 MiB; with pa[], 128 KiB. */
static void
a_bar_of_64_mib_takes_kernel_memory_for_its_extents_only(void **state)
{
	enum { TIMES = 64 };
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, BAR_LENGTH);
	struct p2pmap_mapping *mapping[TIMES];
	long before, taken;
	size_t count;

	/* What is made once, such as caches and the notifiers' tree. */
	unmap(map(lab, range, BAR_LENGTH, WRITE));
	before = kernel_memory();
	for (int i = 0; i < TIMES; i++) {
		mapping[i] = map(lab, range, BAR_LENGTH, WRITE);
		p2pmap_mapping_extents(mapping[i], &count);
		assert_int_equal(count, 1);
	}
	taken = kernel_memory() - before;
	lab_note(lab, "%ld KiB for %d mappings of 64 MiB", taken, TIMES);
	/* Eight KiB a mapping is more than plenty. */
	assert_true(taken < 8 * TIMES);
	for (int i = 0; i < TIMES; i++)
		unmap(mapping[i]);
	munmap(range, BAR_LENGTH);
}

/*
 * The page tables of the IOMMU are the only thing that grows with its size.  For
 * reading, since DMA-API debugging counts who writes to one cache line, to seven.
 */
static void memory_of_a_mapping_does_not_depend_on_its_size(void **state)
{
	enum { TIMES = 256 };
	static const size_t lengths[] = { PAGE, BAR_LENGTH };
	struct lab *lab = *state;
	unsigned char *range = bar_at(lab, 0, BAR_LENGTH);
	struct p2pmap_mapping *mapping[TIMES];
	long taken[2];

	for (int k = 0; k < 2; k++) {
		unmap(map(lab, range, lengths[k], 0));
		taken[k] = kernel_memory();
		for (int i = 0; i < TIMES; i++)
			mapping[i] = map(lab, range, lengths[k], 0);
		taken[k] = kernel_memory() - taken[k];
		for (int i = 0; i < TIMES; i++)
			unmap(mapping[i]);
	}
	lab_note(lab, "%d mappings: %ld KiB of 4 KiB, %ld KiB of 64 MiB", TIMES,
		 taken[0], taken[1]);
	/*
	 * Half a KiB each, of 16384 pages; the rest is other people's noise.  A
	 * kernel that looks for defects adds to each object and keeps it longer.
	 */
	assert_true(taken[1] - taken[0] <
		    (kernel_looks_for_defects() ? 8 * TIMES : TIMES / 2));
	munmap(range, BAR_LENGTH);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(a_bar_can_be_mapped_for_reading_and_for_writing),
	LAB_TEST(a_query_tells_bar_and_offset),
	LAB_TEST(a_bar_is_one_extent_wherever_its_vmas_are_cut),
	LAB_TEST(a_bar_in_pieces_out_of_order_is_mapped_in_the_ranges_order),
	LAB_TEST(pin_of_device_memory_is_refused),
	LAB_TEST(a_private_mapping_of_a_bar_is_refused),
	LAB_TEST(write_on_a_read_only_mapping_of_a_bar_is_refused),
	LAB_TEST(write_follows_the_rights_of_the_moment),
	LAB_TEST(a_bar_smaller_than_a_page_is_refused),
	LAB_TEST(two_bars_in_one_range_are_einval),
	LAB_TEST(a_bar_that_its_device_does_not_decode_is_refused),
	LAB_TEST(registers_of_the_platform_are_refused),
	LAB_TEST(ram_seen_through_dev_mem_is_refused),
	LAB_TEST(a_bar_seen_through_dev_mem_is_that_bar),
	LAB_TEST(the_memory_buffer_of_an_nvme_controller_can_be_mapped),
	LAB_TEST(memory_that_p2pdma_has_is_a_bar_or_refused),
	LAB_TEST(another_bar_of_the_importer_can_be_mapped_for_itself),
	LAB_TEST(uio_memory_of_a_bar_can_be_mapped),
	LAB_TEST(a_bar_of_64_mib_takes_kernel_memory_for_its_extents_only),
	LAB_TEST(memory_of_a_mapping_does_not_depend_on_its_size),
};

LAB_MAIN(LAB_TRANSLATED, tests)
