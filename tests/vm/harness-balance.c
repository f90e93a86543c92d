// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balance: all that p2pmap could leave behind, for the tests inside the
 * virtual lab.  One checker for every test: harness.c takes the balance before
 * it and wants it to hold after its teardown.  A number that this kernel does
 * not show is -1 before and after, and so never wrong.
 *
 * What only a debug kernel finds, and slowly (kmemleak), is guest/find-leaks'
 * business.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PATIENCE_MS 5000
#define LINE 512

/*
 * An IOMMU driver keeps page tables for addresses that were used once.  More of
 * them than a test's mappings could ever need is a leak all the same.
 */
#define IOMMU_PAGES_KEPT 4096

bool kernel_looks_for_defects(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

/* The counters are kept per processor; this sums them up first. */
long pages_pinned(void)
{
	file_write("/proc/sys/vm/stat_refresh", "1\n");
	return file_number("/proc/vmstat", "nr_foll_pin_acquired ") -
	       file_number("/proc/vmstat", "nr_foll_pin_released ");
}

long quarantined_pages(void)
{
	char text[4096], *line = text, *next;
	long pages = 0;

	if (!file_read("/sys/class/misc/p2pmap/quarantine", text, sizeof(text)))
		return -1;
	while ((next = strchr(line, '\n'))) {
		line = strchr(line, ' ');
		pages += strtol(line, NULL, 10);
		line = next + 1;
	}
	return pages;
}

void quarantine_wait_empty(void)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (file_number("/sys/module/p2pmap/refcnt", NULL) && now_ms() < end)
		sleep_ms(1);
	assert_int_equal(quarantined_pages(), 0);
}

/*
 * Asks for one page too many, and is told how many there are already.  In the
 * calling thread, whose credentials are its own below the C library: children take
 * long on a debug kernel, and there is a balance before and after each test.
 */
static uint64_t ask_charge(int fd)
{
	static _Alignas(PAGE) char page[PAGE];
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct p2pmap_query query = {
		.size = sizeof(query),
		.flags = PIN,
		.addr = (uintptr_t)page,
		.length = PAGE,
		.reason = (uintptr_t)&reason,
	};

	page[0] = 1;
	if (!ioctl(fd, P2PMAP_IOC_QUERY, &query) || errno != ENOMEM ||
	    reason.code != P2PMAP_REASON_MEMLOCK)
		return UINT64_MAX;
	return reason.value[1];
}

uint64_t memlock_charged(uid_t uid)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct had[2], caps[2];
	int fd = open(NODE, O_RDWR | O_CLOEXEC);
	uint64_t used = UINT64_MAX;
	struct rlimit limit, none;

	if (fd < 0 || getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    syscall(SYS_capget, &head, had))
		goto out;
	none = (struct rlimit){ 0, limit.rlim_max };
	memcpy(caps, had, sizeof(caps));
	caps[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &=
		~CAP_TO_MASK(CAP_IPC_LOCK);
	if (!setrlimit(RLIMIT_MEMLOCK, &none) &&
	    !syscall(SYS_capset, &head, caps) &&
	    !syscall(SYS_setresuid, uid, -1, -1))
		used = ask_charge(fd);
	if (syscall(SYS_setresuid, 0, -1, -1) ||
	    syscall(SYS_capset, &head, had) ||
	    setrlimit(RLIMIT_MEMLOCK, &limit))
		used = UINT64_MAX;
out:
	if (fd >= 0)
		close(fd);
	return used;
}

#define DMA_API "/sys/kernel/debug/dma-api/"

/* Mappings of all devices, in no time. */
static long dma_mappings_of_all(void)
{
	return file_number(DMA_API "nr_total_entries", NULL) -
	       file_number(DMA_API "num_free_entries", NULL);
}

/*
 * What the DMA API has mapped for a device, by its own book of them.  The book is
 * slow to read, so as long as it is as full as it was it is not read again.
 */
long dma_mappings(const char *address)
{
	static char last_address[32];
	static long last_of_all, last;
	long of_all = dma_mappings_of_all();
	char line[LINE] = "";
	FILE *file;
	long n = 0;

	/* With dma_debug=off there is no book, and the kernel reads it still. */
	if (!file_read(DMA_API "disabled", line, sizeof(line)) ||
	    line[0] != 'N')
		return -1;
	if (of_all == last_of_all && !strcmp(address, last_address))
		return last;
	file = fopen(DMA_API "dump", "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		n += strstr(line, address) != NULL;
	fclose(file);
	snprintf(last_address, sizeof(last_address), "%s", address);
	last_of_all = of_all;
	last = n;
	return n;
}

static long importer_mappings(void)
{
	const char *edu = getenv("P2PMAP_EDU");

	return edu ? dma_mappings(edu) : -1;
}

void lab_balance_take(struct lab_balance *balance)
{
	balance->pins = pages_pinned();
	balance->vm_pin = file_number("/proc/self/status", "VmPin:");
	balance->vm_locked = file_number("/proc/self/status", "VmLck:");
	balance->quarantined = quarantined_pages();
	balance->dma_mappings = importer_mappings();
	balance->iommu_pages = file_number("/proc/vmstat", "nr_iommu_pages ");
	balance->users = file_number("/sys/module/p2pmap/refcnt", NULL);
	balance->charged[0] = memlock_charged(0);
	balance->charged[1] = memlock_charged(USER_UID);
	balance->charged[2] = memlock_charged(USER2_UID);
}

static bool same(const char *what, long before, long after)
{
	if (before != after)
		print_error("left behind: %s was %ld and is %ld\n", what,
			    before, after);
	return before == after;
}

bool lab_balance_holds(const struct lab_balance *before)
{
	struct lab_balance after;
	bool holds = true;

	lab_balance_take(&after);
	holds &= same("pages pinned", before->pins, after.pins);
	holds &= same("VmPin", before->vm_pin, after.vm_pin);
	holds &= same("VmLck", before->vm_locked, after.vm_locked);
	holds &= same("pages in quarantine", before->quarantined,
		      after.quarantined);
	holds &= same("DMA-API mappings of edu", before->dma_mappings,
		      after.dma_mappings);
	if (after.iommu_pages > before->iommu_pages + IOMMU_PAGES_KEPT)
		holds = same("IOMMU page tables", before->iommu_pages,
			     after.iommu_pages);
	holds &= same("users of the module", before->users, after.users);
	holds &= same("memlock of root", before->charged[0], after.charged[0]);
	holds &= same("memlock of user", before->charged[1], after.charged[1]);
	holds &= same("memlock of user2", before->charged[2], after.charged[2]);
	return holds;
}
