// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trial of a pair.  trial.h says what may be overwritten, and what not.
 */
#define _GNU_SOURCE
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"

/* QEMU's edu, and its ivshmem-plain, whose BAR 2 is plain memory. */
#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8
#define IVSHMEM_VENDOR 0x1af4
#define IVSHMEM_DEVICE 0x1110
#define IVSHMEM_BAR 2

#define PROBE 512 /* bytes moved each way */

/*
 * What a trial holds on to.
 *
 * page: of the BAR, in this process
 * stage: a pinned page of RAM, where the engine takes bytes from
 */
struct bench {
	struct p2pmap_importer *importer;
	struct p2pmap_mapping *mapping;
	struct p2pmap_mapping *stage_mapping;
	unsigned char *page;
	unsigned char *stage;
	size_t page_size;
	struct edu *edu;
};

static void __attribute__((format(printf, 3, 4)))
end_step(struct trial_step *step, int error, const char *fmt, ...)
{
	va_list args;

	step->status = error ? TRIAL_FAILED : TRIAL_PASSED;
	step->error = error;
	va_start(args, fmt);
	vsnprintf(step->text, sizeof(step->text), fmt, args);
	va_end(args);
}

/* uio_pci_generic leaves 32 bits; edu reaches as far as it was told to. */
static unsigned int dma_bits(const struct device *importer)
{
	return !strcmp(importer->driver, "uio_pci_generic") &&
			       importer->vendor == EDU_VENDOR &&
			       importer->id == EDU_DEVICE ?
		       64 :
		       0;
}

static void attach(const struct survey *survey, const struct device *importer,
		   struct bench *bench, struct trial_step *step)
{
	struct p2pmap_attach_opts opts = { .size = sizeof(opts) };
	struct p2pmap_pci_addr pci;
	int ret;

	if (p2pmap_pci_parse(importer->address, &pci)) {
		end_step(step, -EINVAL, "no address");
		return;
	}
	if (system_may_rawio(&survey->system))
		opts.dma_bits = dma_bits(importer);
	ret = p2pmap_importer_attach(survey->context, &pci, &opts,
				     &step->reason, &bench->importer);
	if (ret)
		end_step(step, ret, "attach: %s", strerror(-ret));
	else
		end_step(step, 0, "%s is attached", importer->address);
}

/* The first BAR that can be mapped, or the one that was asked for. */
static int choose_bar(const struct device *exporter, int bar)
{
	for (unsigned int i = 0; i < exporter->nr_bars; i++)
		if (exporter->bars[i].usable &&
		    (bar < 0 || exporter->bars[i].number == (unsigned int)bar))
			return exporter->bars[i].number;
	return -1;
}

static void open_bar(const struct device *exporter, int bar,
		     struct bench *bench, struct trial_step *step)
{
	char path[128];
	int fd;

	if (bar < 0) {
		end_step(step, -ENXIO, "there is no such BAR to map");
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d",
		 exporter->address, bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		bench->page = mmap(NULL, bench->page_size,
				   PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (bench->page == MAP_FAILED) {
			bench->page = NULL;
			end_step(step, -errno, "mmap of %s: %s", path,
				 strerror(errno));
		} else {
			end_step(step, 0, "one page of BAR %d is mapped here",
				 bar);
		}
		close(fd);
	} else {
		end_step(step, -errno, "%s: %s", path, strerror(errno));
	}
}

static bool is_edu(const struct device *device)
{
	return device->vendor == EDU_VENDOR && device->id == EDU_DEVICE;
}

static bool is_plain_memory(const struct device *device, unsigned int bar)
{
	return device->vendor == IVSHMEM_VENDOR &&
	       device->id == IVSHMEM_DEVICE && bar == IVSHMEM_BAR;
}

static void map(struct bench *bench, uint32_t flags, struct trial *trial)
{
	struct trial_step *step = &trial->map;
	uint32_t state;
	int ret;

	ret = p2pmap_mapping_map(bench->importer, bench->page, bench->page_size,
				 flags, NULL, &step->reason, &bench->mapping);
	if (ret) {
		end_step(step, ret, "map: %s", strerror(-ret));
		return;
	}
	state = p2pmap_mapping_flags(bench->mapping);
	trial->route = p2pmap_mapping_route(bench->mapping);
	trial->enforced = state & P2PMAP_MAPPING_ENFORCED;
	end_step(step, 0, "mapped, route %s, %s",
		 p2pmap_route_name(trial->route),
		 trial->enforced ? "enforced" : "not enforced");
}

/* The transfer */

static int stage(struct bench *bench)
{
	void *page = mmap(NULL, bench->page_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (page == MAP_FAILED)
		return -ENOMEM;
	bench->stage = page;
	ret = p2pmap_mapping_map(bench->importer, bench->stage,
				 bench->page_size,
				 P2PMAP_MAP_WRITE | P2PMAP_MAP_PIN, NULL, NULL,
				 &bench->stage_mapping);
	return ret;
}

static void make_pattern(unsigned char *pattern, uint32_t seed)
{
	for (size_t i = 0; i < PROBE; i++) {
		seed = seed * 1664525 + 1013904223;
		pattern[i] = seed >> 24;
	}
}

/* A BAR takes words, and no more than the processor was asked for. */
static void copy_to_bar(volatile unsigned char *bar, const unsigned char *from)
{
	for (size_t i = 0; i < PROBE; i++)
		bar[i] = from[i];
}

static void copy_from_bar(unsigned char *to, const volatile unsigned char *bar)
{
	for (size_t i = 0; i < PROBE; i++)
		to[i] = bar[i];
}

/* RAM, engine, BAR, engine, RAM: both ways must bring what was sent. */
static int move(struct bench *bench, const unsigned char *pattern,
		const char **what)
{
	unsigned char *back = bench->stage + bench->page_size / 2;
	unsigned char seen[PROBE];
	uint64_t bar, ram;
	int ret;

	ret = p2pmap_mapping_dma_addr(bench->mapping, 0, &bar, NULL);
	if (!ret)
		ret = p2pmap_mapping_dma_addr(bench->stage_mapping, 0, &ram,
					      NULL);
	memcpy(bench->stage, pattern, PROBE);
	*what = "the engine's write to the BAR did not end";
	if (!ret)
		ret = edu_copy(bench->edu, bar, ram, PROBE);
	if (ret)
		return ret;
	copy_from_bar(seen, bench->page);
	*what = "what the importer wrote did not arrive in the BAR";
	if (memcmp(seen, pattern, PROBE))
		return -EIO;
	*what = "the engine's read from the BAR did not end";
	ret = edu_copy(bench->edu, ram + bench->page_size / 2, bar, PROBE);
	if (ret)
		return ret;
	*what = "what the importer read from the BAR is not what is there";
	return memcmp(back, pattern, PROBE) ? -EIO : 0;
}

static void transfer(const struct device *importer, struct bench *bench,
		     struct trial_step *step)
{
	unsigned char saved[PROBE], pattern[PROBE], seen[PROBE];
	const char *what = "the engine cannot be used";
	int ret;

	ret = edu_open(importer->address, &bench->edu);
	if (!ret)
		ret = stage(bench);
	if (ret) {
		end_step(step, ret, "%s: %s", what, strerror(-ret));
		return;
	}
	copy_from_bar(saved, bench->page);
	make_pattern(pattern, (uint32_t)getpid());
	ret = move(bench, pattern, &what);
	/* Nothing of the engine's is under way any more, or it is cut off. */
	edu_wait(bench->edu, EDU_TIMEOUT_MS);
	p2pmap_mapping_unmap(bench->mapping);
	bench->mapping = NULL;
	copy_to_bar(bench->page, saved);
	copy_from_bar(seen, bench->page);
	if (!ret && memcmp(seen, saved, PROBE)) {
		ret = -EIO;
		what = "what was in the BAR could not be put back";
	}
	if (ret)
		end_step(step, ret, "%s", what);
	else
		end_step(step, 0,
			 "%d bytes went to the BAR and back and were right; "
			 "what was there is back",
			 PROBE);
}

static void clean_up(struct bench *bench)
{
	edu_close(bench->edu);
	p2pmap_mapping_unmap(bench->mapping);
	p2pmap_mapping_unmap(bench->stage_mapping);
	p2pmap_importer_detach(bench->importer);
	if (bench->stage)
		munmap(bench->stage, bench->page_size);
	if (bench->page)
		munmap(bench->page, bench->page_size);
}

static void run_steps(const struct survey *survey,
		      const struct device *importer,
		      const struct device *exporter, int bar,
		      struct bench *bench, struct trial *out)
{
	bool engine;

	attach(survey, importer, bench, &out->attach);
	if (out->attach.status != TRIAL_PASSED)
		return;
	bar = choose_bar(exporter, bar);
	open_bar(exporter, bar, bench, &out->bar);
	if (out->bar.status != TRIAL_PASSED)
		return;
	out->bar_number = bar;
	engine = is_edu(importer) && is_plain_memory(exporter, bar);
	/* A mapping that nothing enforces needs the right to write. */
	map(bench,
	    engine || !device_translated(importer) ? P2PMAP_MAP_WRITE : 0, out);
	if (out->map.status != TRIAL_PASSED)
		return;
	if (engine)
		transfer(importer, bench, &out->transfer);
	else
		snprintf(out->transfer.text, sizeof(out->transfer.text),
			 "no engine here is known to be safe for this pair");
}

void trial_run(const struct survey *survey, const struct device *importer,
	       const struct device *exporter, int bar, struct trial *out)
{
	struct bench bench = { .page_size = sysconf(_SC_PAGESIZE) };
	sigset_t all, old;

	*out = (struct trial){
		.attach.reason.size = sizeof(struct p2pmap_reason),
		.map.reason.size = sizeof(struct p2pmap_reason),
	};
	/* Whoever interrupts it gets back what was in the BAR, too. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	run_steps(survey, importer, exporter, bar, &bench, out);
	clean_up(&bench);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

bool trial_passed(const struct trial *trial)
{
	return trial->map.status == TRIAL_PASSED &&
	       trial->transfer.status != TRIAL_FAILED;
}

const char *trial_status_name(enum trial_status status)
{
	static const char *const names[] = {
		[TRIAL_NOT_DONE] = "not-done",
		[TRIAL_PASSED] = "passed",
		[TRIAL_FAILED] = "failed",
	};

	return names[status];
}
