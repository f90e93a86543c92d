/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of drivers share: pieces of memory that ivshmem_exporter
 * exports, and ranges that edu_importer imports (tests/kmod/).
 *
 * What a test opens, allocates and registers here is on a list, which
 * drivers_teardown() ends: a test that failed leaves nothing to the next one.
 * Each program includes this once.
 */
#ifndef P2PMAP_TEST_DRIVERS_H
#define P2PMAP_TEST_DRIVERS_H

#include <glob.h>
#include <signal.h>
#include <sys/syscall.h>

#include "../kmod/edu_importer.h"
#include "../kmod/ivshmem_exporter.h"
#include "witness.h"

#define EXPORTER "ivshmem_exporter"
#define IMPORTER "edu_importer"
#define ANSWERING "/sys/module/" EXPORTER "/parameters/answering"

/* What is to be closed and unmapped. */
#define MAX_LEFT 64

struct left {
	void *addr;
	size_t length;
	int fd;
};

static struct left left[MAX_LEFT];

static inline struct left *left_slot(void)
{
	for (int i = 0; i < MAX_LEFT; i++)
		if (!left[i].length && left[i].fd <= 0)
			return &left[i];
	fail_msg("more than MAX_LEFT things are open");
	return NULL;
}

static inline int keep_fd(int fd)
{
	assert_true(fd > 0);
	left_slot()->fd = fd;
	return fd;
}

static inline void end_fd(int fd)
{
	for (int i = 0; i < MAX_LEFT; i++)
		if (left[i].fd == fd)
			left[i].fd = 0;
	close(fd);
}

static inline void *keep_range(void *addr, size_t length)
{
	struct left *slot = left_slot();

	assert_ptr_not_equal(addr, MAP_FAILED);
	slot->addr = addr;
	slot->length = length;
	return addr;
}

static inline void end_range(void *addr)
{
	for (int i = 0; i < MAX_LEFT; i++) {
		if (!left[i].length || left[i].addr != addr)
			continue;
		munmap(addr, left[i].length);
		left[i].length = 0;
	}
}

static inline void end_all(void)
{
	for (int i = 0; i < MAX_LEFT; i++) {
		if (left[i].length)
			munmap(left[i].addr, left[i].length);
		if (left[i].fd > 0)
			close(left[i].fd);
		left[i] = (struct left){ 0 };
	}
}

/* PCI devices and their drivers */

static inline bool is_bound(const char *address, const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s", driver,
		 address);
	return !access(path, F_OK);
}

/* By itself, without a process for it. */
static inline int unbind(const char *address)
{
	return sysfs_write(address, "driver/unbind", address);
}

static inline int bind_exporter(const struct lab *lab)
{
	return file_write("/sys/bus/pci/drivers/" EXPORTER "/bind",
			  lab->ivshmem_address);
}

/* The edu that is not the lab's: the header's "lab:" line brings it. */
static inline const char *other_edu(const struct lab *lab)
{
	static char address[32];
	char id[16], path[128];
	glob_t found = { 0 };

	assert_int_equal(glob("/sys/bus/pci/devices/*", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;

		snprintf(path, sizeof(path), "%s/device", found.gl_pathv[i]);
		if (file_read(path, id, sizeof(id)) &&
		    !strncmp(id, "0x11e8", 6) && strcmp(name, lab->edu_address))
			snprintf(address, sizeof(address), "%s", name);
	}
	globfree(&found);
	assert_true(address[0]);
	return address;
}

static inline void need_exporter(const struct lab *lab)
{
	assert_int_equal(COMMAND("modprobe", EXPORTER), 0);
	file_write(ANSWERING, "1");
	if (!is_bound(lab->ivshmem_address, EXPORTER))
		assert_int_equal(bind_exporter(lab), 0);
}

static inline void need_importer(const char *address)
{
	if (!is_bound(address, IMPORTER))
		assert_int_equal(bind_driver(IMPORTER, address), 0);
}

/* 0 or a negative errno: the kernel's, and not rmmod's. */
static inline int try_rmmod(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

/* Pieces */

/**
 * struct piece - a piece of the exporter's memory, mapped
 * @fd: the descriptor that it was had from
 * @offset: where mmap() finds it
 * @addr: where it is mapped
 * @length: bytes
 */
struct piece {
	int fd;
	uint64_t offset;
	unsigned char *addr;
	size_t length;
};

static inline int exporter_open(const struct lab *lab)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/p2pmap-ivshmem-%s",
		 lab->ivshmem_address);
	return keep_fd(open(path, O_RDWR | O_CLOEXEC));
}

static inline int try_alloc(int fd, size_t length, uint32_t flags,
			    uint64_t *offset)
{
	struct ivshmem_alloc cmd = { .length = length, .flags = flags };

	if (ioctl(fd, IVSHMEM_IOC_ALLOC, &cmd))
		return -errno;
	*offset = cmd.out_offset;
	return 0;
}

static inline void *piece_map(const struct piece *piece)
{
	return keep_range(mmap(NULL, piece->length, RW, MAP_SHARED, piece->fd,
			       piece->offset),
			  piece->length);
}

static inline struct piece piece_alloc(int fd, size_t length, uint32_t flags)
{
	struct piece piece = { .fd = fd, .length = length };

	assert_int_equal(try_alloc(fd, length, flags, &piece.offset), 0);
	piece.addr = piece_map(&piece);
	return piece;
}

static inline struct ivshmem_info piece_info(const struct piece *piece)
{
	struct ivshmem_info info = { .offset = piece->offset };

	assert_int_equal(ioctl(piece->fd, IVSHMEM_IOC_INFO, &info), 0);
	return info;
}

static inline uint32_t piece_pins(const struct piece *piece)
{
	return piece_info(piece).out_pins;
}

static inline int try_move(const struct piece *piece)
{
	struct ivshmem_info info = { .offset = piece->offset };

	return ioctl(piece->fd, IVSHMEM_IOC_MOVE, &info) ? -errno : 0;
}

static inline void piece_move(const struct piece *piece)
{
	assert_int_equal(try_move(piece), 0);
}

static inline void piece_withdraw(const struct piece *piece)
{
	struct ivshmem_info info = { .offset = piece->offset };

	assert_int_equal(ioctl(piece->fd, IVSHMEM_IOC_WITHDRAW, &info), 0);
}

static inline void piece_rules(const struct piece *piece, uint32_t rules,
			       const struct p2pmap_pci_addr *pci)
{
	struct ivshmem_rules cmd = { .offset = piece->offset, .rules = rules };

	if (pci) {
		cmd.domain = pci->domain;
		cmd.bus = pci->bus;
		cmd.devfn = pci->devfn;
	}
	assert_int_equal(ioctl(piece->fd, IVSHMEM_IOC_RULES, &cmd), 0);
}

/* What is in the BAR where the piece is just now, whoever has it later. */
static inline unsigned char *place_of(const struct lab *lab,
				      const struct piece *piece)
{
	return keep_range(bar_at(lab, piece_info(piece).out_bar_offset,
				 piece->length),
			  piece->length);
}

/* All of the BAR is free; pieces are freed by a worker, a moment later. */
static inline void assert_space_is_free(const struct lab *lab)
{
	uint64_t end = now_ms() + PATIENCE_MS, offset;
	int fd = exporter_open(lab), rc;

	do {
		rc = try_alloc(fd, BAR_LENGTH, 0, &offset);
	} while (rc && now_ms() < end && (sleep_ms(2), true));
	end_fd(fd);
	assert_int_equal(rc, 0);
}

/* Ranges of the importer's */

static inline int importer_open(const char *address)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/p2pmap-edu-%s", address);
	return keep_fd(open(path, O_RDWR | O_CLOEXEC));
}

static inline int try_register(int fd, pid_t pid, const void *addr,
			       size_t length, uint32_t flags, uint32_t *id)
{
	struct edu_register cmd = {
		.addr = (uintptr_t)addr,
		.length = length,
		.flags = flags,
		.pid = pid,
	};

	*id = 0;
	if (ioctl(fd, EDU_IOC_REGISTER, &cmd))
		return -errno;
	*id = cmd.out_id;
	return 0;
}

static inline uint32_t range_register(int fd, const void *addr, size_t length,
				      uint32_t flags)
{
	uint32_t id;

	assert_int_equal(try_register(fd, 0, addr, length, flags, &id), 0);
	return id;
}

static inline int range_unregister(int fd, uint32_t id)
{
	struct edu_part cmd = { .id = id };

	return ioctl(fd, EDU_IOC_UNREGISTER, &cmd) ? -errno : 0;
}

static inline int range_remap(int fd, uint32_t id)
{
	struct edu_part cmd = { .id = id };

	return ioctl(fd, EDU_IOC_REMAP, &cmd) ? -errno : 0;
}

static inline struct edu_status range_status(int fd, uint32_t id)
{
	struct edu_status status = { .id = id };

	assert_int_equal(ioctl(fd, EDU_IOC_STATUS, &status), 0);
	return status;
}

#define TO_RANGE EDU_TRANSFER_TO_RANGE
#define FROM_RANGE 0

/* 0, 1 if it was void, or a negative errno. */
static inline int transfer(int fd, uint32_t id, uint32_t flags, uint64_t offset,
			   void *data, size_t length)
{
	struct edu_transfer cmd = {
		.data = (uintptr_t)data,
		.offset = offset,
		.length = length,
		.id = id,
		.flags = flags,
	};

	return ioctl(fd, EDU_IOC_TRANSFER, &cmd) ? -errno : (int)cmd.out_void;
}

/* The device copies a pattern there. */
static inline int put(int fd, uint32_t id, uint64_t offset, uint32_t seed,
		      uint32_t flags)
{
	unsigned char buf[PROBE];

	fill(buf, PROBE, seed);
	return transfer(fd, id, TO_RANGE | flags, offset, buf, PROBE);
}

/* The device copies a pattern from there: as transfer(), -EILSEQ if not. */
static inline int get(int fd, uint32_t id, uint64_t offset, uint32_t seed,
		      uint32_t flags)
{
	unsigned char buf[PROBE] = { 0 };
	int rc = transfer(fd, id, FROM_RANGE | flags, offset, buf, PROBE);

	return rc || is_filled(buf, PROBE, seed) ? rc : -EILSEQ;
}

/* Setup and teardown */

static inline int drivers_load(void **state)
{
	(void)state;
	return COMMAND("modprobe", EXPORTER) || COMMAND("modprobe", IMPORTER);
}

static inline int drivers_unload(void **state)
{
	(void)state;
	return COMMAND("rmmod", EXPORTER) || COMMAND("rmmod", IMPORTER);
}

static inline int drivers_setup(void **state)
{
	int rc = lab_setup(state);

	keep_still();
	if (!rc)
		need_exporter(*state);
	return rc;
}

static inline int drivers_teardown(void **state)
{
	end_all();
	return lab_teardown(state);
}

#define DRIVERS_TEST(function)                                            \
	cmocka_unit_test_prestate_setup_teardown(function, drivers_setup, \
						 drivers_teardown, #function)

#define DRIVERS_MAIN(machines, tests)                              \
	int main(int argc, char **argv)                            \
	{                                                          \
		if (!lab_begin(argc, argv, machines))              \
			return 77;                                 \
		return cmocka_run_group_tests(tests, drivers_load, \
					      drivers_unload) ?    \
			       1 :                                 \
			       0;                                  \
	}

#endif /* P2PMAP_TEST_DRIVERS_H */
