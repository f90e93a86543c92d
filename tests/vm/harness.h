/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests inside the virtual lab share: an importer that is attached,
 * memory of every kind, DMA that moves bytes, processes without privileges, and
 * a look at all that p2pmap could leave behind.
 *
 * A test is a function of a struct lab.  LAB_TEST() puts it between
 * lab_setup(), which says its name in the kernel log and attaches the importer,
 * and lab_teardown(), which fails it unless pins, charges, quarantine and the
 * module's users are back at where they were.
 *
 * Only the process that runs the tests asserts.  A child says what it found by
 * its exit status; CHILD_CHECK() does it.
 */
#ifndef P2PMAP_TEST_HARNESS_H
#define P2PMAP_TEST_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <p2pmap/p2pmap.h>

#include "edu.h"

#define PAGE 4096UL
#define KIB 1024UL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define HUGE (2 * MIB)

#define NODE "/dev/p2pmap"

/* The guest's ordinary users. */
#define USER_UID 1000
#define USER2_UID 1001

#define BAR_LENGTH (64 * MIB) /* ivshmem's BAR 2 */

#define RW (PROT_READ | PROT_WRITE)
#define WRITE P2PMAP_MAP_WRITE
#define PIN P2PMAP_MAP_PIN

/**
 * struct lab_balance - what a test has to leave as it found it
 * @pins: pages pinned in the whole system
 * @vm_pin: VmPin of this process, in KiB
 * @vm_locked: VmLck of this process, in KiB
 * @quarantined: pages in quarantine
 * @dma_mappings: what the DMA API has mapped for edu
 * @iommu_pages: page tables of all IOMMUs
 * @users: users of the module
 * @charged: bytes charged to RLIMIT_MEMLOCK of root, user and user2
 */
struct lab_balance {
	long pins;
	long vm_pin;
	long vm_locked;
	long quarantined;
	long dma_mappings;
	long iommu_pages;
	long users;
	uint64_t charged[3];
};

/**
 * struct lab - what a test has at hand
 * @name: the test's name
 * @edu_address: PCI address of the importer, as text
 * @ivshmem_address: PCI address of the exporter, as text
 * @nvme_address: PCI address of the NVMe controller, as text
 * @edu_pci: PCI address of the importer
 * @ctx: a context
 * @importer: edu, attached to @ctx
 * @edu: edu's driver
 * @reason: of the last call that failed
 * @stage: a pinned page of RAM through which dev_read() and dev_write() go
 * @stage_mapping: its mapping; NULL until it is needed
 * @stage_dma: its DMA address
 * @before: the balance before the test
 */
struct lab {
	const char *name;
	const char *edu_address;
	const char *ivshmem_address;
	const char *nvme_address;
	struct p2pmap_pci_addr edu_pci;
	struct p2pmap_context *ctx;
	struct p2pmap_importer *importer;
	struct edu *edu;
	struct p2pmap_reason reason;
	unsigned char *stage;
	struct p2pmap_mapping *stage_mapping;
	uint64_t stage_dma;
	struct lab_balance before;
};

/* The program */

int lab_setup(void **state);
int lab_teardown(void **state);

#define LAB_TEST(function)                                            \
	cmocka_unit_test_prestate_setup_teardown(function, lab_setup, \
						 lab_teardown, #function)

/* Which machines a program is for. */
#define LAB_ANY 0
#define LAB_TRANSLATED 1 /* those whose IOMMU translates edu's DMA */
#define LAB_DIRECT 2 /* those where nothing does */

/*
 * Reads the arguments (a pattern of test names), and returns false, having said
 * why, if the program is not for this machine: main() returns 77 then.
 */
bool lab_begin(int argc, char **argv, int machines);

#define LAB_MAIN(machines, tests)                                         \
	int main(int argc, char **argv)                                   \
	{                                                                 \
		if (!lab_begin(argc, argv, machines))                     \
			return 77;                                        \
		return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0; \
	}

/* Ends the test as skipped and says why. */
#define lab_skip(lab, ...)                              \
	do {                                            \
		lab_note(lab, "skipped: " __VA_ARGS__); \
		skip();                                 \
	} while (0)

void lab_note(const struct lab *lab, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Says how much of @what was done: the figures of all programs are added up in
 * the report of tests/run.
 */
void lab_figure(const char *what, unsigned long n);

/* "on", "pt", "off" or "amd": the lab's --iommu. */
const char *lab_iommu(void);
bool lab_is_translated(const struct lab *lab);

void lab_balance_take(struct lab_balance *balance);
/* True if nothing was left behind since; says what was. */
bool lab_balance_holds(const struct lab_balance *before);
/* What DMA_API_DEBUG knows of a device's mappings; -1 without it. */
long dma_mappings(const char *address);

/* Contexts and importers */

struct p2pmap_context *context_open(void);
/* Attaches edu to a context, with all 64 bits of its addresses. */
struct p2pmap_importer *edu_attach(struct lab *lab, struct p2pmap_context *ctx);
int attach(struct p2pmap_context *ctx, const char *address, unsigned int bits,
	   struct p2pmap_reason *reason, struct p2pmap_importer **importer);
/* Open ctx and importer again: after the module or edu's driver was changed. */
void lab_reopen(struct lab *lab);
void lab_close(struct lab *lab);
struct p2pmap_info context_info(struct p2pmap_context *ctx);
struct p2pmap_status mapping_status(struct p2pmap_mapping *mapping);
uint64_t mapping_dma(struct p2pmap_mapping *mapping, uint64_t offset);

/* Maps for lab->importer; 0 or a negative errno, lab->reason tells more. */
int try_map(struct lab *lab, void *addr, uint64_t length, uint32_t flags,
	    struct p2pmap_mapping **mapping);
int try_query(struct lab *lab, void *addr, uint64_t length, uint32_t flags,
	      struct p2pmap_query *query);
/* The same, where a failure fails the test. */
struct p2pmap_mapping *map(struct lab *lab, void *addr, uint64_t length,
			   uint32_t flags);
void unmap(struct p2pmap_mapping *mapping);

/* MAP must refuse with this errno (positive) and this reason. */
#define assert_refused(lab, addr, length, flags, error, code) \
	check_refused(lab, addr, length, flags, error, code, __FILE__, __LINE__)
void check_refused(struct lab *lab, void *addr, uint64_t length, uint32_t flags,
		   int error, uint32_t code, const char *file, int line);

/* Memory */

void *ram(size_t length); /* anonymous, private */
void *ram_prot(size_t length, int prot);
void *ram_thp(size_t length); /* huge pages, or NULL if there are none */
/* Pages that take turns with another's: no two follow each other. */
void ram_scatter(unsigned char *at, size_t length);
void *ram_hugetlb(size_t length); /* likewise */
int memfd(size_t length);
void *mmap_fd(int fd, size_t length, int prot, int flags);
/* An address range with nothing in it, to put things at MAP_FIXED. */
void *reserve(size_t length);
/* mmap of sysfs resourceN of a PCI device; addr may be NULL. */
void *bar_mmap(const char *address, unsigned int bar, void *addr,
	       uint64_t offset, size_t length, int prot, int flags);
/* A range of ivshmem's memory, shared, readable and writable. */
void *bar_at(const struct lab *lab, uint64_t offset, size_t length);
/* The physical frame at an address, or 0. */
uint64_t frame_of(const void *addr);
/* Bits of /proc/kpageflags of the page at an address. */
uint64_t page_flags_of(const void *addr);

#define KPAGE_ANON (1ULL << 12)
#define KPAGE_HUGE (1ULL << 17)
#define KPAGE_THP (1ULL << 22)

void fill(void *buf, size_t length, uint32_t seed);
bool is_filled(const void *buf, size_t length, uint32_t seed);
#define assert_filled(buf, length, seed) \
	assert_true(is_filled(buf, length, seed))

/* DMA */

/* The device writes, or reads, bytes at a DMA address, through lab->stage. */
void dev_write(struct lab *lab, uint64_t dma, const void *buf, size_t length);
void dev_read(struct lab *lab, uint64_t dma, void *buf, size_t length);
/* The device's buffer holds this pattern from now on. */
void dev_load(struct lab *lab, uint32_t seed, size_t length);

/* The kernel's log */

/* A descriptor that reads what is logged from now on. */
int log_open(void);
/* Waits for a line with all of these words; false after the patience. */
bool log_has(int log, unsigned int patience_ms, const char *word1,
	     const char *word2);
/* The same for the IOMMU's fault at a DMA address. */
bool log_has_fault(int log, uint64_t dma);

/* Numbers in files: of a line that begins with key, or the first if NULL. */
long file_number(const char *path, const char *key);
/* 0 or a negative errno. */
int file_write(const char *path, const char *text);
bool file_read(const char *path, char *buf, size_t size);
int sysfs_write(const char *address, const char *file, const char *text);
/* With KASAN, kmemleak and the like: slow, and each object takes more memory. */
bool kernel_looks_for_defects(void);
long pages_pinned(void);
long quarantined_pages(void);
/* Unbinding the driver lets go of them a moment later. */
void quarantine_wait_empty(void);
uint64_t now_ms(void);
void sleep_ms(unsigned int ms);

/* Other processes */

#define CHILD_SIGNALLED 256

/* In a child: end it, saying why, unless the condition holds. */
#define CHILD_CHECK(condition)                                           \
	do {                                                             \
		if (!(condition)) {                                      \
			dprintf(2, "%s:%d: in a child: %s (errno %d)\n", \
				__FILE__, __LINE__, #condition, errno);  \
			_exit(99);                                       \
		}                                                        \
	} while (0)

typedef int (*child_fn)(void *arg);

/* Runs a function in a child: its result, or CHILD_SIGNALLED + signal. */
int in_child(child_fn function, void *arg);
/* The same as a user without privileges. */
int as_user(uid_t uid, child_fn function, void *arg);
pid_t child_start(child_fn function, void *arg);
int child_end(pid_t pid);
/* For the calling process, for good. */
int become_user(uid_t uid, gid_t gid);
int drop_capability(int capability);
int limit_memlock(uint64_t bytes);
/*
 * Bytes charged to RLIMIT_MEMLOCK of a user, as p2pmap sees it.  Changes the calling
 * process's limit for a moment: not while other threads of it pin memory.
 */
uint64_t memlock_charged(uid_t uid);

int send_fd(int socket, int fd, const void *data, size_t length);
int recv_fd(int socket, void *data, size_t length);

/* Runs a program of the guest; its exit status. */
int command(const char *const argv[]);
#define COMMAND(...) command((const char *const[]){ __VA_ARGS__, NULL })
/* The module: unloaded, and loaded with "key=value" words, up to eight. */
int module_unload(void);
int module_load(const char *parameters);
/* For the rest of the test, with these parameters and no others. */
void module_restart(struct lab *lab, const char *parameters);
/* The same, with those that the lab loaded it with and these besides. */
void module_reload(struct lab *lab, const char *parameters);
/* QEMU's monitor. */
int monitor(const char *line);
int bind_driver(const char *driver, const char *address);

#endif /* P2PMAP_TEST_HARNESS_H */
