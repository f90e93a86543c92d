// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests inside the virtual lab share: setup and teardown, contexts and
 * mappings, memory, DMA, the kernel's log, the module.  harness.h says what each
 * function is for; other processes are in harness-process.c, what a test may
 * leave behind in harness-balance.c.
 *
 * Nothing here decides whether p2pmap is right.  What cannot be set up fails the
 * test: a test that did not happen must not look like one that passed.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <poll.h>
#include <time.h>

#define PATIENCE_MS 5000
#define LINE 512

/* The module's parameters at the start, and whether a test changed them. */
static char first_parameters[LINE];
static bool parameters_changed;

/* Files */

bool file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n >= 0;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int sysfs_write(const char *address, const char *file, const char *text)
{
	char path[LINE];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address,
		 file);
	return file_write(path, text);
}

long file_number(const char *path, const char *key)
{
	size_t length = key ? strlen(key) : 0;
	char line[LINE];
	long number = -1;
	FILE *file = fopen(path, "re");

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!key || !strncmp(line, key, length))
			number = strtol(line + length, NULL, 0);
	if (file)
		fclose(file);
	return number;
}

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	struct timespec left = { .tv_sec = ms / 1000,
				 .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* The program */

void lab_note(const struct lab *lab, const char *format, ...)
{
	char text[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_message("# %s: %s\n", lab->name, text);
}

void lab_figure(const char *what, unsigned long n)
{
	print_message("# figure: %s: %lu\n", what, n);
}

/* A splat later on names the last line of this kind. */
static void mark(const char *name)
{
	char text[LINE];

	snprintf(text, sizeof(text), "p2pmap-test: %s: %s\n",
		 program_invocation_short_name, name);
	file_write("/dev/kmsg", text);
}

const char *lab_iommu(void)
{
	const char *iommu = getenv("P2PMAP_IOMMU");

	return iommu ? iommu : "";
}

static bool is_translated_machine(void)
{
	return !strcmp(lab_iommu(), "on") || !strcmp(lab_iommu(), "amd");
}

static void note_parameters(void)
{
	char value[LINE];

	if (file_read("/sys/module/p2pmap/parameters/host_bridges", value,
		      sizeof(value)) &&
	    value[0] && value[0] != '\n')
		snprintf(first_parameters, sizeof(first_parameters),
			 "host_bridges=%.*s", (int)strcspn(value, "\n"), value);
}

bool lab_begin(int argc, char **argv, int machines)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!getenv("P2PMAP_LAB")) {
		puts("1..0 # SKIP outside of the lab; see tests/vm/run");
		return false;
	}
	if (machines == LAB_TRANSLATED && !is_translated_machine()) {
		puts("1..0 # SKIP no IOMMU translates here");
		return false;
	}
	if (machines == LAB_DIRECT && is_translated_machine()) {
		puts("1..0 # SKIP an IOMMU translates here");
		return false;
	}
	note_parameters();
	return true;
}

/* A test that failed may have left the importer with another driver. */
static void need_driver(struct lab *lab)
{
	char path[LINE], link[LINE];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver",
		 lab->edu_address);
	n = readlink(path, link, sizeof(link) - 1);
	link[n < 0 ? 0 : n] = '\0';
	if (!strstr(link, "uio_pci_generic"))
		bind_driver("uio_pci_generic", lab->edu_address);
}

static void lab_open(struct lab *lab)
{
	lab->ctx = context_open();
	lab->importer = edu_attach(lab, lab->ctx);
	assert_int_equal(edu_open(lab->edu_address, &lab->edu), 0);
}

int lab_setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	const char *name = *state;

	assert_non_null(lab);
	*state = lab;
	lab->name = name;
	mark(name);
	lab->reason.size = sizeof(lab->reason);
	lab->edu_address = getenv("P2PMAP_EDU");
	lab->ivshmem_address = getenv("P2PMAP_IVSHMEM");
	lab->nvme_address = getenv("P2PMAP_NVME");
	assert_non_null(lab->edu_address);
	assert_int_equal(p2pmap_pci_parse(lab->edu_address, &lab->edu_pci), 0);
	need_driver(lab);
	lab_balance_take(&lab->before);
	lab_open(lab);
	return 0;
}

/* The stage's page is not freed while an unrestrained device may use it. */
void lab_close(struct lab *lab)
{
	edu_close(lab->edu);
	lab->edu = NULL;
	if (lab->stage_mapping)
		p2pmap_mapping_unmap(lab->stage_mapping);
	lab->stage_mapping = NULL;
	p2pmap_context_close(lab->ctx);
	lab->ctx = NULL;
	lab->importer = NULL;
	if (lab->stage)
		munmap(lab->stage, PAGE);
	lab->stage = NULL;
}

void lab_reopen(struct lab *lab)
{
	lab_close(lab);
	need_driver(lab);
	lab_open(lab);
}

int lab_teardown(void **state)
{
	struct lab *lab = *state;
	bool holds;

	lab_close(lab);
	if (parameters_changed) {
		holds = !module_unload() && !module_load(first_parameters);
		parameters_changed = false;
		if (!holds)
			print_error("the module could not be loaded again\n");
	}
	holds = lab_balance_holds(&lab->before);
	mark("(between tests)");
	free(lab);
	return holds ? 0 : -1;
}

/* Contexts and importers */

struct p2pmap_context *context_open(void)
{
	struct p2pmap_context *ctx;

	assert_int_equal(p2pmap_context_open(NULL, &ctx), 0);
	return ctx;
}

int attach(struct p2pmap_context *ctx, const char *address, unsigned int bits,
	   struct p2pmap_reason *reason, struct p2pmap_importer **importer)
{
	struct p2pmap_attach_opts opts = { .size = sizeof(opts),
					   .dma_bits = bits };
	struct p2pmap_pci_addr pci;

	if (p2pmap_pci_parse(address, &pci))
		return -EINVAL;
	return p2pmap_importer_attach(ctx, &pci, &opts, reason, importer);
}

struct p2pmap_importer *edu_attach(struct lab *lab, struct p2pmap_context *ctx)
{
	struct p2pmap_importer *importer;

	assert_int_equal(
		attach(ctx, lab->edu_address, 64, &lab->reason, &importer), 0);
	return importer;
}

bool lab_is_translated(const struct lab *lab)
{
	return p2pmap_importer_mode(lab->importer) == P2PMAP_DMA_TRANSLATED;
}

struct p2pmap_info context_info(struct p2pmap_context *ctx)
{
	struct p2pmap_info info = { .size = sizeof(info) };

	assert_int_equal(p2pmap_context_get_info(ctx, &info), 0);
	return info;
}

struct p2pmap_status mapping_status(struct p2pmap_mapping *mapping)
{
	struct p2pmap_status status = { .size = sizeof(status) };

	assert_int_equal(p2pmap_mapping_get_status(mapping, &status), 0);
	return status;
}

uint64_t mapping_dma(struct p2pmap_mapping *mapping, uint64_t offset)
{
	uint64_t dma;

	assert_int_equal(p2pmap_mapping_dma_addr(mapping, offset, &dma, NULL),
			 0);
	return dma;
}

int try_map(struct lab *lab, void *addr, uint64_t length, uint32_t flags,
	    struct p2pmap_mapping **mapping)
{
	lab->reason = (struct p2pmap_reason){ .size = sizeof(lab->reason) };
	return p2pmap_mapping_map(lab->importer, addr, length, flags, NULL,
				  &lab->reason, mapping);
}

int try_query(struct lab *lab, void *addr, uint64_t length, uint32_t flags,
	      struct p2pmap_query *query)
{
	lab->reason = (struct p2pmap_reason){ .size = sizeof(lab->reason) };
	*query = (struct p2pmap_query){ .size = sizeof(*query) };
	return p2pmap_context_query(lab->ctx, lab->importer, addr, length,
				    flags, query, &lab->reason);
}

static void note_reason(struct lab *lab, int rc)
{
	char text[P2PMAP_REASON_TEXT_SIZE];

	p2pmap_reason_text(&lab->reason, text, sizeof(text));
	lab_note(lab, "%s: %s", strerror(-rc), text);
}

struct p2pmap_mapping *map(struct lab *lab, void *addr, uint64_t length,
			   uint32_t flags)
{
	struct p2pmap_mapping *mapping = NULL;
	int rc = try_map(lab, addr, length, flags, &mapping);

	if (rc)
		note_reason(lab, rc);
	assert_int_equal(rc, 0);
	return mapping;
}

void unmap(struct p2pmap_mapping *mapping)
{
	assert_int_equal(p2pmap_mapping_unmap(mapping), 0);
}

void check_refused(struct lab *lab, void *addr, uint64_t length, uint32_t flags,
		   int error, uint32_t code, const char *file, int line)
{
	struct p2pmap_info before = context_info(lab->ctx);
	struct p2pmap_mapping *mapping = NULL;
	int rc = try_map(lab, addr, length, flags, &mapping);

	if (rc != -error || lab->reason.code != code)
		note_reason(lab, rc);
	_assert_int_equal(-rc, error, file, line);
	_assert_int_equal(lab->reason.code, code, file, line);
	_assert_int_equal(context_info(lab->ctx).out_mappings,
			  before.out_mappings, file, line);
}

/* Memory */

void *ram_prot(size_t length, int prot)
{
	void *addr =
		mmap(NULL, length, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(addr, MAP_FAILED);
	return addr;
}

void *ram(size_t length)
{
	return ram_prot(length, RW);
}

void *reserve(size_t length)
{
	return mmap(NULL, length, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* Huge pages are to be had only for aligned addresses. */
void *ram_thp(size_t length)
{
	uintptr_t at;

	file_write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	at = (uintptr_t)ram(length + HUGE);
	at = (at + HUGE - 1) & ~(uintptr_t)(HUGE - 1);
	madvise((void *)at, length, MADV_HUGEPAGE);
	memset((void *)at, 1, length);
	return page_flags_of((void *)at) & KPAGE_THP ? (void *)at : NULL;
}

void ram_scatter(unsigned char *at, size_t length)
{
	unsigned char *other = ram(length);

	madvise(at, length, MADV_NOHUGEPAGE);
	madvise(other, length, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < length; i += PAGE)
		at[i] = other[i] = 1;
	munmap(other, length);
}

void *ram_hugetlb(size_t length)
{
	void *addr;

	file_write("/proc/sys/vm/nr_hugepages", "8");
	addr = mmap(NULL, length, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		    -1, 0);
	return addr == MAP_FAILED ? NULL : addr;
}

int memfd(size_t length)
{
	int fd = memfd_create("p2pmap-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, length), 0);
	return fd;
}

void *mmap_fd(int fd, size_t length, int prot, int flags)
{
	void *addr = mmap(NULL, length, prot, flags, fd, 0);

	assert_ptr_not_equal(addr, MAP_FAILED);
	return addr;
}

void *bar_mmap(const char *address, unsigned int bar, void *addr,
	       uint64_t offset, size_t length, int prot, int flags)
{
	char path[LINE];
	void *at;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%u",
		 address, bar);
	fd = open(path, (prot & PROT_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	assert_true(fd >= 0);
	at = mmap(addr, length, prot, flags | (addr ? MAP_FIXED : 0), fd,
		  offset);
	close(fd);
	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

void *bar_at(const struct lab *lab, uint64_t offset, size_t length)
{
	return bar_mmap(lab->ivshmem_address, 2, NULL, offset, length, RW,
			MAP_SHARED);
}

static uint64_t file_word(const char *path, uint64_t index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t word = 0;

	assert_true(fd >= 0);
	if (pread(fd, &word, sizeof(word), index * sizeof(word)) !=
	    sizeof(word))
		word = 0;
	close(fd);
	return word;
}

uint64_t frame_of(const void *addr)
{
	uint64_t entry =
		file_word("/proc/self/pagemap", (uintptr_t)addr / PAGE);

	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

uint64_t page_flags_of(const void *addr)
{
	uint64_t frame = frame_of(addr);

	return frame ? file_word("/proc/kpageflags", frame) : 0;
}

/* Knuth's generator of MMIX: a different pattern for each seed. */
static unsigned char next_byte(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 56;
}

void fill(void *buf, size_t length, uint32_t seed)
{
	unsigned char *at = buf;
	uint64_t state = seed;

	while (length--)
		*at++ = next_byte(&state);
}

bool is_filled(const void *buf, size_t length, uint32_t seed)
{
	const unsigned char *at = buf;
	uint64_t state = seed;

	while (length--)
		if (*at++ != next_byte(&state))
			return false;
	return true;
}

/* DMA */

static void need_stage(struct lab *lab)
{
	if (lab->stage_mapping)
		return;
	lab->stage = ram(PAGE);
	lab->stage_mapping = map(lab, lab->stage, PAGE, WRITE | PIN);
	lab->stage_dma = mapping_dma(lab->stage_mapping, 0);
}

void dev_write(struct lab *lab, uint64_t dma, const void *buf, size_t length)
{
	size_t n;

	need_stage(lab);
	for (; length; length -= n, dma += n, buf = (const char *)buf + n) {
		n = length < EDU_MAX_TRANSFER ? length : EDU_MAX_TRANSFER;
		memcpy(lab->stage, buf, n);
		assert_int_equal(edu_copy(lab->edu, dma, lab->stage_dma, n), 0);
	}
}

void dev_read(struct lab *lab, uint64_t dma, void *buf, size_t length)
{
	size_t n;

	need_stage(lab);
	for (; length; length -= n, dma += n, buf = (char *)buf + n) {
		n = length < EDU_MAX_TRANSFER ? length : EDU_MAX_TRANSFER;
		memset(lab->stage, 0, PAGE);
		assert_int_equal(edu_copy(lab->edu, lab->stage_dma, dma, n), 0);
		memcpy(buf, lab->stage, n);
	}
}

void dev_load(struct lab *lab, uint32_t seed, size_t length)
{
	need_stage(lab);
	fill(lab->stage, length, seed);
	assert_int_equal(edu_read(lab->edu, lab->stage_dma, length), 0);
}

/* The kernel's log */

int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	lseek(fd, 0, SEEK_END);
	return fd;
}

bool log_has(int log, unsigned int patience_ms, const char *word1,
	     const char *word2)
{
	struct pollfd pollfd = { .fd = log, .events = POLLIN };
	uint64_t end = now_ms() + patience_ms;
	char line[8192];
	ssize_t n;

	do {
		poll(&pollfd, 1, 100);
		while ((n = read(log, line, sizeof(line) - 1)) > 0 ||
		       (n < 0 && errno == EPIPE)) {
			line[n < 0 ? 0 : n] = '\0';
			if (strcasestr(line, word1) && strcasestr(line, word2))
				return true;
		}
	} while (now_ms() < end);
	return false;
}

bool log_has_fault(int log, uint64_t dma)
{
	char address[32];

	snprintf(address, sizeof(address), "0x%llx",
		 (unsigned long long)(dma & ~(PAGE - 1)));
	return log_has(log, PATIENCE_MS, "fault", address);
}

/* The module */

int module_unload(void)
{
	return COMMAND("rmmod", "p2pmap");
}

int module_load(const char *parameters)
{
	char words[LINE], *rest = words;
	const char *argv[10] = { "modprobe", "p2pmap" };
	unsigned int n = 2;

	snprintf(words, sizeof(words), "%s", parameters);
	while (n < 9 && (argv[n] = strsep(&rest, " ")))
		n += *argv[n] != '\0';
	argv[n] = NULL;
	return command(argv);
}

void module_restart(struct lab *lab, const char *parameters)
{
	lab_close(lab);
	parameters_changed = true;
	assert_int_equal(module_unload(), 0);
	assert_int_equal(module_load(parameters), 0);
	lab_open(lab);
}

void module_reload(struct lab *lab, const char *parameters)
{
	char all[2 * LINE];

	snprintf(all, sizeof(all), "%s %s", first_parameters, parameters);
	module_restart(lab, all);
}
