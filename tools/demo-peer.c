// SPDX-License-Identifier: GPL-2.0-only
/*
 * demo-peer: one PCI device writes into another one's memory, step by step.
 *
 * An ordinary program, linked to libp2pmap.  QEMU's edu device is the importer,
 * whose DMA engine this program drives (edu.c); an ivshmem device is the
 * exporter, whose BAR 2 is plain memory.  tools/demo runs it in the virtual
 * lab.
 *
 * Each act is one short function.  What it claims is checked and printed; the
 * program ends with 0 only if every claim was true.  The checks look at the BAR
 * by an mmap of their own, which p2pmap never sees.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <p2pmap/p2pmap.h>

#include "edu.h"

/* ivshmem's memory is its BAR 2; the acts use two ranges of it. */
#define BAR_FILE "resource2"
#define RANGE_LENGTH 0x10000
#define FIRST_OFFSET 0x100000
#define SECOND_OFFSET 0x200000

/* One transfer of edu, which does not reach the end of its buffer. */
#define PATTERN_LENGTH 4000

#define PAGE 4096
#define PATIENCE_MS 5000

/**
 * struct demo - what the acts hand on to each other
 * @edu_address: PCI address of the importer
 * @ivshmem_address: PCI address of the exporter
 * @seed: makes this run's patterns differ from another's
 * @edu: the importer's driver
 * @ctx: p2pmap's context
 * @importer: the importer, attached
 * @range: a range of the BAR in this process's memory
 * @bar: the mapping of @range for the importer
 * @bar_dma: DMA address of the mapping
 * @source: a page of RAM that edu reads
 * @target: a page of RAM that edu writes
 * @source_dma: its DMA address
 * @target_dma: its DMA address
 * @kmsg: the kernel's log
 */
struct demo {
	const char *edu_address;
	const char *ivshmem_address;
	uint32_t seed;
	struct edu *edu;
	struct p2pmap_context *ctx;
	struct p2pmap_importer *importer;
	unsigned char *range;
	struct p2pmap_mapping *bar;
	uint64_t bar_dma;
	unsigned char *source;
	unsigned char *target;
	uint64_t source_dma;
	uint64_t target_dma;
	int kmsg;
};

/* Words on the terminal */

static bool use_colors(void)
{
	const char *force = getenv("CLICOLOR_FORCE");
	const char *no_color = getenv("NO_COLOR");

	if (force && strcmp(force, "0"))
		return true;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

static void print_word(const char *color, const char *word)
{
	if (use_colors())
		printf("\033[%sm%s\033[0m", color, word);
	else
		fputs(word, stdout);
}

static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	va_list args;

	fputs("         ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* Prints a claim and whether it is true; returns whether it is. */
static bool __attribute__((format(printf, 2, 3)))
claim(bool true_, const char *fmt, ...)
{
	va_list args;

	fputs("  ", stdout);
	print_word(true_ ? "32" : "1;31", true_ ? " true" : "FALSE");
	fputs("  ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	return true_;
}

/* As claim(), of a call that returned 0 or a negative errno. */
static bool worked(int ret, const struct p2pmap_reason *reason,
		   const char *what)
{
	char text[P2PMAP_REASON_TEXT_SIZE];

	if (!ret)
		return claim(true, "%s", what);
	claim(false, "%s: %s", what, strerror(-ret));
	if (reason && reason->code != P2PMAP_REASON_NONE) {
		p2pmap_reason_text(reason, text, sizeof(text));
		tell("%s", text);
	}
	return false;
}

/* Patterns and memory */

/* A different pattern for each seed, by Knuth's generator of MMIX. */
static void fill(unsigned char *buf, uint32_t seed)
{
	uint64_t state = seed;

	for (size_t i = 0; i < PATTERN_LENGTH; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		buf[i] = state >> 56;
	}
}

static bool is_pattern(const unsigned char *buf, uint32_t seed)
{
	unsigned char pattern[PATTERN_LENGTH];

	fill(pattern, seed);
	return !memcmp(buf, pattern, sizeof(pattern));
}

static unsigned char *mmap_bar(const struct demo *demo, void *addr,
			       off_t offset, size_t length)
{
	int fixed = addr ? MAP_FIXED_NOREPLACE : 0;
	char path[PATH_MAX];
	void *bar;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/" BAR_FILE,
		 demo->ivshmem_address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	bar = mmap(addr, length, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd,
		   offset);
	close(fd);
	return bar == MAP_FAILED ? NULL : bar;
}

/* What the CPU finds in the BAR, by a path of its own. */
static bool bar_holds(const struct demo *demo, off_t offset, uint32_t seed)
{
	unsigned char *view = mmap_bar(demo, NULL, offset, PAGE);
	bool same;

	if (!view)
		return false;
	same = is_pattern(view, seed);
	munmap(view, PAGE);
	return same;
}

static void bar_fill(const struct demo *demo, off_t offset, uint32_t seed)
{
	unsigned char *view = mmap_bar(demo, NULL, offset, PAGE);

	if (!view)
		return;
	fill(view, seed);
	munmap(view, PAGE);
}

/* A page of RAM, pinned for the importer, and its DMA address. */
static int map_ram(struct demo *demo, uint32_t flags, unsigned char **page,
		   uint64_t *dma, struct p2pmap_reason *reason)
{
	struct p2pmap_mapping *mapping;
	void *addr;
	int ret;

	addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr == MAP_FAILED)
		return -errno;
	ret = p2pmap_mapping_map(demo->importer, addr, PAGE,
				 flags | P2PMAP_MAP_PIN, NULL, reason,
				 &mapping);
	if (ret)
		return ret;
	*page = addr;
	return p2pmap_mapping_dma_addr(mapping, 0, dma, NULL);
}

/* Has edu carry this run's pattern number @number from RAM to @dma. */
static int send_pattern(struct demo *demo, uint32_t number, uint64_t dma)
{
	fill(demo->source, demo->seed + number);
	return edu_copy(demo->edu, dma, demo->source_dma, PATTERN_LENGTH);
}

/* The kernel's log */

/* Forgets what was logged so far. */
static void log_skip(const struct demo *demo)
{
	lseek(demo->kmsg, 0, SEEK_END);
}

static bool is_fault_at(const char *record, uint64_t dma)
{
	char address[32];

	/* VT-d and AMD-Vi tell the page. */
	snprintf(address, sizeof(address), "0x%" PRIx64,
		 dma & ~(uint64_t)(PAGE - 1));
	return strcasestr(record, "fault") && strcasestr(record, address);
}

static void print_record(char *record)
{
	char *message = strchr(record, ';');

	message = message ? message + 1 : record;
	message[strcspn(message, "\n")] = '\0';
	tell("%s", message);
}

/* Waits for the IOMMU's fault at a DMA address, and shows it. */
static bool log_shows_fault(const struct demo *demo, uint64_t dma)
{
	struct pollfd pollfd = { .fd = demo->kmsg, .events = POLLIN };
	char record[8192];
	ssize_t n;

	while (poll(&pollfd, 1, PATIENCE_MS) > 0) {
		n = read(demo->kmsg, record, sizeof(record) - 1);
		if (n < 0 && (errno == EPIPE || errno == EAGAIN))
			continue;
		if (n < 0)
			return false;
		record[n] = '\0';
		if (!is_fault_at(record, dma))
			continue;
		print_record(record);
		return true;
	}
	return false;
}

/* Act 1: the two devices, and the route between them */

static void print_device(const char *address, const char *role)
{
	char path[PATH_MAX], full[PATH_MAX];
	const char *bridges;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	if (!realpath(path, full))
		return;
	/* "/sys/devices/pci0000:00/..." has all the bridges on the way. */
	bridges = strstr(full, "/pci");
	tell("%s %s, at %s", role, address, bridges ? bridges + 1 : full);
}

static bool open_importer(struct demo *demo)
{
	/* uio_pci_generic leaves a mask of 32 bits; edu has all 64. */
	struct p2pmap_attach_opts opts = { .size = sizeof(opts),
					   .dma_bits = 64 };
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_pci_addr pci;
	int ret;

	if (!worked(edu_open(demo->edu_address, &demo->edu), NULL,
		    "the edu device answers its driver, this program"))
		return false;
	if (!worked(p2pmap_context_open(NULL, &demo->ctx), NULL,
		    "libp2pmap opens /dev/p2pmap"))
		return false;
	ret = p2pmap_pci_parse(demo->edu_address, &pci);
	if (!ret)
		ret = p2pmap_importer_attach(demo->ctx, &pci, &opts, &reason,
					     &demo->importer);
	if (!worked(ret, &reason, "edu is attached as an importer"))
		return false;
	return claim(p2pmap_importer_mode(demo->importer) ==
			     P2PMAP_DMA_TRANSLATED,
		     "its DMA is translated by the IOMMU");
}

static bool act_devices(struct demo *demo)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_query query = { .size = sizeof(query) };
	char exporter[P2PMAP_PCI_TEXT_SIZE];
	int ret;

	print_device(demo->edu_address, "importer: edu");
	print_device(demo->ivshmem_address, "exporter: ivshmem");
	if (!open_importer(demo))
		return false;
	demo->range = mmap_bar(demo, NULL, FIRST_OFFSET, RANGE_LENGTH);
	if (!claim(demo->range, "64 KiB of ivshmem's BAR 2 are mmapped"))
		return false;
	ret = p2pmap_context_query(demo->ctx, demo->importer, demo->range,
				   RANGE_LENGTH, P2PMAP_MAP_WRITE, &query,
				   &reason);
	if (!worked(ret, &reason, "a query finds a route between the two"))
		return false;
	p2pmap_pci_format(&query.out_exporter, exporter, sizeof(exporter));
	tell("route: %s, %u bridges apart", p2pmap_route_name(query.out_route),
	     query.out_distance);
	return claim(!strcmp(exporter, demo->ivshmem_address) &&
			     query.out_bar == 2 &&
			     query.out_bar_offset == FIRST_OFFSET,
		     "the query knows whose memory this is: BAR %u of %s",
		     query.out_bar, exporter);
}

/* Act 2: a range of the BAR, mapped for edu */

static void print_extents(const struct p2pmap_mapping *mapping)
{
	const struct p2pmap_extent *extents;
	size_t count;

	extents = p2pmap_mapping_extents(mapping, &count);
	for (size_t i = 0; i < count; i++)
		tell("extent: DMA address 0x%" PRIx64 ", %" PRIu64 " bytes",
		     (uint64_t)extents[i].dma_addr,
		     (uint64_t)extents[i].length);
}

/* Maps demo->range for edu to write, without PIN. */
static bool map_range(struct demo *demo)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	int ret;

	ret = p2pmap_mapping_map(demo->importer, demo->range, RANGE_LENGTH,
				 P2PMAP_MAP_WRITE, NULL, &reason, &demo->bar);
	if (!worked(ret, &reason, "libp2pmap maps the range for edu"))
		return false;
	print_extents(demo->bar);
	return !p2pmap_mapping_dma_addr(demo->bar, 0, &demo->bar_dma, NULL);
}

static bool act_map(struct demo *demo)
{
	if (!map_range(demo))
		return false;
	return claim(p2pmap_mapping_flags(demo->bar) & P2PMAP_MAPPING_ENFORCED,
		     "the mapping is enforced: edu can be cut off");
}

/* Act 3: RAM -> edu -> BAR, and back */

static bool map_buffers(struct demo *demo)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	int ret;

	ret = map_ram(demo, 0, &demo->source, &demo->source_dma, &reason);
	if (!worked(ret, &reason, "a page of RAM is pinned for edu to read"))
		return false;
	ret = map_ram(demo, P2PMAP_MAP_WRITE, &demo->target, &demo->target_dma,
		      &reason);
	return worked(ret, &reason, "another is pinned for edu to write");
}

static bool act_peer_write(struct demo *demo)
{
	if (!map_buffers(demo))
		return false;
	bar_fill(demo, FIRST_OFFSET, ~demo->seed);
	if (!claim(!bar_holds(demo, FIRST_OFFSET, demo->seed),
		   "the pattern is not in the BAR yet"))
		return false;
	if (!worked(send_pattern(demo, 0, demo->bar_dma), NULL,
		    "edu reads the pattern from RAM and writes it to the BAR"))
		return false;
	if (!claim(bar_holds(demo, FIRST_OFFSET, demo->seed),
		   "the CPU finds it there, byte by byte, by another mmap"))
		return false;
	memset(demo->target, 0, PAGE);
	if (!worked(edu_copy(demo->edu, demo->target_dma, demo->bar_dma,
			     PATTERN_LENGTH),
		    NULL,
		    "edu reads it back from the BAR and writes it to RAM"))
		return false;
	return claim(is_pattern(demo->target, demo->seed),
		     "all %d bytes are the same", PATTERN_LENGTH);
}

/* Act 4: RAM -> edu -> RAM */

static bool act_ram(struct demo *demo)
{
	memset(demo->target, 0, PAGE);
	if (!worked(send_pattern(demo, 1, demo->target_dma), NULL,
		    "edu carries a second pattern from RAM to RAM"))
		return false;
	if (!claim(is_pattern(demo->target, demo->seed + 1),
		   "all %d bytes are the same", PATTERN_LENGTH))
		return false;
	return claim(!demo->target[PATTERN_LENGTH],
		     "the byte after them is untouched");
}

/* Act 5: after unmap */

static bool act_unmap(struct demo *demo)
{
	if (!worked(p2pmap_mapping_unmap(demo->bar), NULL,
		    "the BAR is unmapped for edu"))
		return false;
	demo->bar = NULL;
	/* This process keeps its mmap: only p2pmap's unmap is tried. */
	log_skip(demo);
	if (!worked(send_pattern(demo, 2, demo->bar_dma), NULL,
		    "edu writes a third pattern to the old address"))
		return false;
	if (!claim(log_shows_fault(demo, demo->bar_dma),
		   "the IOMMU stopped it, at that very address"))
		return false;
	return claim(bar_holds(demo, FIRST_OFFSET, demo->seed),
		     "the BAR is as it was");
}

/* Act 6: munmap under a running device */

/* Events of one mapping may be merged, so it may tell of more. */
static bool covers(const struct p2pmap_event *event, uint64_t offset,
		   uint64_t length)
{
	return event->offset <= offset &&
	       event->offset + event->length >= offset + length;
}

/* Is there an event, soon, and is it about what was unmapped? */
static bool event_tells(struct demo *demo, uint64_t offset, uint64_t length)
{
	struct pollfd pollfd = { .fd = p2pmap_context_fd(demo->ctx),
				 .events = POLLIN };
	struct p2pmap_event event;

	if (!claim(poll(&pollfd, 1, PATIENCE_MS) == 1,
		   "the file descriptor became readable"))
		return false;
	if (p2pmap_context_read_events(demo->ctx, &event, 1) != 1)
		return claim(false, "there is an event to read");
	tell("event: mapping %u, offset 0x%" PRIx64 ", %" PRIu64 " bytes,"
	     " generation %" PRIu64,
	     event.mapping, (uint64_t)event.offset, (uint64_t)event.length,
	     (uint64_t)event.generation);
	return claim(event.reasons & P2PMAP_EVENT_UNMAPPED &&
			     event.mapping == p2pmap_mapping_id(demo->bar) &&
			     covers(&event, offset, length),
		     "the event says what was unmapped");
}

/*
 * A transfer is under way when the memory goes.  Its 100 ms are a long time,
 * but not on a machine that stands still for longer: then once more.
 */
static int munmap_under_dma(struct demo *demo, size_t half)
{
	uint64_t dma = demo->bar_dma + half;
	int ret;

	fill(demo->source, demo->seed + 4);
	ret = edu_read(demo->edu, demo->source_dma, PATTERN_LENGTH);
	if (!ret)
		ret = edu_start(demo->edu, EDU_WRITE, dma, PATTERN_LENGTH);
	if (ret)
		return ret;
	munmap(demo->range + half, half);
	if (edu_busy(demo->edu))
		return edu_wait(demo->edu, EDU_TIMEOUT_MS);
	tell("edu was through before this slow machine was; it writes again");
	bar_fill(demo, SECOND_OFFSET + half, demo->seed + 3);
	return edu_write(demo->edu, dma, PATTERN_LENGTH);
}

static bool revoke_under_dma(struct demo *demo, size_t half)
{
	log_skip(demo);
	if (!worked(munmap_under_dma(demo, half), NULL,
		    "the second half of the range is munmapped while edu"
		    " writes to it"))
		return false;
	if (!claim(log_shows_fault(demo, demo->bar_dma + half),
		   "the IOMMU stopped edu, at that very address"))
		return false;
	return claim(bar_holds(demo, SECOND_OFFSET + half, demo->seed + 3),
		     "the BAR is as it was") &&
	       event_tells(demo, half, half);
}

/* What was not unmapped may have been cut for a moment, with its neighbour. */
static bool rest_lives(struct demo *demo, size_t half)
{
	struct p2pmap_status status = { .size = sizeof(status) };
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int ms = 0; ms < PATIENCE_MS; ms += 10) {
		if (p2pmap_mapping_get_status(demo->bar, &status))
			return claim(false, "the mapping has a status");
		if (status.out_live_bytes >= half)
			break;
		nanosleep(&pause, NULL);
	}
	return claim(!send_pattern(demo, 5, demo->bar_dma) &&
			     bar_holds(demo, SECOND_OFFSET, demo->seed + 5),
		     "the first half goes on working");
}

static bool restore(struct demo *demo, size_t half)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	uint64_t dma;
	int ret;

	ret = p2pmap_mapping_remap(demo->bar, 0, 0, NULL);
	if (!claim(ret == -EFAULT, "remap is refused while nothing is there"))
		return false;
	if (!claim(mmap_bar(demo, demo->range + half, SECOND_OFFSET + half,
			    half),
		   "the BAR is mmapped again, where it was"))
		return false;
	ret = p2pmap_mapping_remap(demo->bar, 0, 0, &reason);
	if (!worked(ret, &reason, "now libp2pmap remaps it for edu"))
		return false;
	if (p2pmap_mapping_dma_addr(demo->bar, 0, &dma, NULL))
		return false;
	return claim(dma == demo->bar_dma, "the DMA address is the old one") &&
	       claim(!send_pattern(demo, 6, demo->bar_dma + half) &&
			     bar_holds(demo, SECOND_OFFSET + half,
				       demo->seed + 6),
		     "edu's DMA works again, at the old address");
}

static bool act_revoke(struct demo *demo)
{
	const size_t half = RANGE_LENGTH / 2;

	munmap(demo->range, RANGE_LENGTH);
	demo->range = mmap_bar(demo, NULL, SECOND_OFFSET, RANGE_LENGTH);
	if (!claim(demo->range, "another 64 KiB of the BAR are mmapped") ||
	    !map_range(demo))
		return false;
	if (p2pmap_mapping_remap(demo->bar, 0, 0, NULL) == -ENOTTY) {
		tell("left out: this module cannot remap yet");
		return true;
	}
	if (!claim(!send_pattern(demo, 3, demo->bar_dma + half) &&
			   bar_holds(demo, SECOND_OFFSET + half,
				     demo->seed + 3),
		   "edu writes to the second half"))
		return false;
	return revoke_under_dma(demo, half) && rest_lives(demo, half) &&
	       restore(demo, half);
}

/* The whole */

static const struct act {
	const char *title;
	bool (*run)(struct demo *demo);
} acts[] = {
	{ "Two devices, and a route between them", act_devices },
	{ "A range of one device's BAR, mapped for the other", act_map },
	{ "One device writes into the other, and reads it back",
	  act_peer_write },
	{ "The same with pinned RAM", act_ram },
	{ "After unmap, the IOMMU stops the device", act_unmap },
	{ "The memory goes under a running device, and comes back",
	  act_revoke },
};

#define NR_ACTS (sizeof(acts) / sizeof(acts[0]))

static bool play(struct demo *demo)
{
	char number[16];

	for (size_t i = 0; i < NR_ACTS; i++) {
		snprintf(number, sizeof(number), "%zu/%zu ", i + 1, NR_ACTS);
		print_word("1", number);
		print_word("1", acts[i].title);
		putchar('\n');
		if (!acts[i].run(demo))
			return false;
	}
	return true;
}

/* For tools/demo, which looks for it in the BAR's backing file. */
static int print_pattern(uint32_t seed)
{
	unsigned char pattern[PATTERN_LENGTH];

	fill(pattern, seed);
	return fwrite(pattern, sizeof(pattern), 1, stdout) == 1 ? 0 : 1;
}

static const char help[] =
	"Usage: demo-peer [--seed N] [EDU IVSHMEM]\n"
	"       demo-peer [--seed N] --pattern\n"
	"       demo-peer --offset\n"
	"\n"
	"Show that one PCI device can write into another one's memory. EDU\n"
	"and IVSHMEM are PCI addresses; the default are the environment's\n"
	"P2PMAP_EDU and P2PMAP_IVSHMEM.\n"
	"\n"
	"  --seed N     choose the patterns\n"
	"  --pattern    print the pattern that is left in the BAR\n"
	"  --offset     print where in the BAR it is left\n"
	"\n"
	"Exit code: 0 all claims were true, 1 one was not, 2 wrong usage.\n";

static int usage(void)
{
	fputs(help, stderr);
	return 2;
}

static int run(struct demo *demo)
{
	bool ok;

	setlinebuf(stdout);
	demo->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ok = play(demo);
	p2pmap_context_close(demo->ctx);
	edu_close(demo->edu);
	if (demo->kmsg >= 0)
		close(demo->kmsg);
	print_word(ok ? "1;32" : "1;31",
		   ok ? "All of it was true.\n" : "This was not true.\n");
	return ok ? 0 : 1;
}

/* What is left of the command line are the addresses. */
static int run_on(struct demo *demo, int argc, char **argv)
{
	if (argc == 2) {
		demo->edu_address = argv[0];
		demo->ivshmem_address = argv[1];
	}
	if ((argc && argc != 2) || !demo->edu_address || !demo->ivshmem_address)
		return usage();
	return run(demo);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "pattern", no_argument, NULL, 'p' },
		{ "offset", no_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct demo demo = { .edu_address = getenv("P2PMAP_EDU"),
			     .ivshmem_address = getenv("P2PMAP_IVSHMEM"),
			     .seed = 1 };
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			demo.seed = strtoul(optarg, NULL, 0);
			break;
		case 'p':
			return print_pattern(demo.seed);
		case 'o':
			return printf("%d\n", FIRST_OFFSET) < 0;
		case 'h':
			return fputs(help, stdout) < 0;
		default:
			return usage();
		}
	}
	return run_on(&demo, argc - optind, argv + optind);
}
