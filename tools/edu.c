// SPDX-License-Identifier: GPL-2.0-only
/*
 * edu: a small userspace driver for QEMU's educational PCI device.
 *
 * The registers are those of docs/specs/edu in QEMU's source.  See edu.h.
 */
#define _GNU_SOURCE
#include "edu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define EDU_BAR_SIZE 0x100000

/* Registers.  Below 0x80 the device takes accesses of 32 bits only. */
#define EDU_REG_ID 0x00
#define EDU_REG_LIVENESS 0x04
#define EDU_REG_DMA_SRC 0x80
#define EDU_REG_DMA_DST 0x88
#define EDU_REG_DMA_COUNT 0x90
#define EDU_REG_DMA_CMD 0x98

#define EDU_ID_MASK 0x0000ffff
#define EDU_ID 0x000000ed

#define EDU_CMD_START (1 << 0)
#define EDU_CMD_TO_MEMORY (1 << 1)

/* Where the DMA engine sees the buffer. */
#define EDU_BUFFER 0x40000

#define EDU_POLL_NS 1000000

#define PCI_CONFIG_ID 0x00
#define PCI_CONFIG_COMMAND 0x04
#define PCI_COMMAND_MEMORY_ENABLE (1 << 1)
#define PCI_COMMAND_BUS_MASTER (1 << 2)

#define EDU_VENDOR_DEVICE 0x11e81234

/*
 * bus_master_was: the command register's bit before edu_open(), which
 * edu_close() puts back.
 */
struct edu {
	volatile unsigned char *regs;
	int config;
	bool bus_master_was;
};

static uint32_t reg32(struct edu *edu, size_t reg)
{
	/* The analyser believes that mmap() may fail and leave errno 0. */
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	return *(volatile uint32_t *)(edu->regs + reg);
}

static void set_reg32(struct edu *edu, size_t reg, uint32_t value)
{
	*(volatile uint32_t *)(edu->regs + reg) = value;
}

static uint64_t reg64(struct edu *edu, size_t reg)
{
	return *(volatile uint64_t *)(edu->regs + reg);
}

static void set_reg64(struct edu *edu, size_t reg, uint64_t value)
{
	*(volatile uint64_t *)(edu->regs + reg) = value;
}

static int open_file(const char *address, const char *file)
{
	/* "03:00.0" means domain 0, as everywhere. */
	const char *domain = strlen(address) < 12 ? "0000:" : "";
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%s/%s", domain,
		 address, file);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	return fd;
}

static int read_config(int fd, void *value, size_t size, off_t offset)
{
	ssize_t n = pread(fd, value, size, offset);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

static int write_config(int fd, const void *value, size_t size, off_t offset)
{
	ssize_t n = pwrite(fd, value, size, offset);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

static int set_bus_master(struct edu *edu, bool on, bool *was)
{
	uint16_t command;
	int ret;

	ret = read_config(edu->config, &command, sizeof(command),
			  PCI_CONFIG_COMMAND);
	if (ret)
		return ret;
	*was = command & PCI_COMMAND_BUS_MASTER;
	if (*was == on)
		return 0;
	command ^= PCI_COMMAND_BUS_MASTER;
	return write_config(edu->config, &command, sizeof(command),
			    PCI_CONFIG_COMMAND);
}

/* Opens the device's config space, if it is an edu and its BAR decodes. */
static int open_config(struct edu *edu, const char *address)
{
	uint32_t id;
	uint16_t command;
	int ret;

	edu->config = open_file(address, "config");
	if (edu->config < 0)
		return edu->config;
	ret = read_config(edu->config, &id, sizeof(id), PCI_CONFIG_ID);
	if (ret)
		return ret;
	if (id != EDU_VENDOR_DEVICE)
		return -ENODEV;
	ret = read_config(edu->config, &command, sizeof(command),
			  PCI_CONFIG_COMMAND);
	if (ret)
		return ret;
	/* Without it every register reads as ones: no driver enabled it. */
	return command & PCI_COMMAND_MEMORY_ENABLE ? 0 : -ENODEV;
}

static int map_registers(struct edu *edu, const char *address)
{
	void *regs;
	int fd, ret = 0;

	fd = open_file(address, "resource0");
	if (fd < 0)
		return fd;
	regs = mmap(NULL, EDU_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (regs == MAP_FAILED)
		ret = -errno;
	else
		edu->regs = regs;
	close(fd);
	return ret;
}

int edu_open(const char *address, struct edu **out)
{
	struct edu *edu;
	int ret;

	edu = calloc(1, sizeof(*edu));
	if (!edu)
		return -ENOMEM;
	/* Until bus mastering is known, edu_close() leaves it alone. */
	edu->bus_master_was = true;
	ret = open_config(edu, address);
	if (ret)
		goto err_close;
	ret = map_registers(edu, address);
	if (ret)
		goto err_close;
	ret = -EIO;
	if ((reg32(edu, EDU_REG_ID) & EDU_ID_MASK) != EDU_ID || !edu_alive(edu))
		goto err_close;
	ret = set_bus_master(edu, true, &edu->bus_master_was);
	if (ret)
		goto err_close;
	*out = edu;
	return 0;

err_close:
	edu_close(edu);
	return ret;
}

void edu_close(struct edu *edu)
{
	bool was;

	if (!edu)
		return;
	if (edu->regs) {
		edu_wait(edu, EDU_TIMEOUT_MS);
		munmap((void *)edu->regs, EDU_BAR_SIZE);
	}
	if (!edu->bus_master_was)
		set_bus_master(edu, false, &was);
	if (edu->config >= 0)
		close(edu->config);
	free(edu);
}

bool edu_alive(struct edu *edu)
{
	const uint32_t word = 0x12345678;

	set_reg32(edu, EDU_REG_LIVENESS, word);
	return reg32(edu, EDU_REG_LIVENESS) == ~word;
}

unsigned int edu_version(struct edu *edu)
{
	uint32_t id = reg32(edu, EDU_REG_ID);

	return id >> 24 << 8 | (id >> 16 & 0xff);
}

int edu_start(struct edu *edu, enum edu_direction direction, uint64_t dma_addr,
	      size_t count)
{
	bool write = direction == EDU_WRITE;

	if (!count || count > EDU_MAX_TRANSFER)
		return -EINVAL;
	/* A running engine ignores what is written to its registers. */
	if (edu_busy(edu))
		return -EBUSY;
	set_reg64(edu, EDU_REG_DMA_SRC, write ? EDU_BUFFER : dma_addr);
	set_reg64(edu, EDU_REG_DMA_DST, write ? dma_addr : EDU_BUFFER);
	set_reg64(edu, EDU_REG_DMA_COUNT, count);
	set_reg64(edu, EDU_REG_DMA_CMD,
		  EDU_CMD_START | (write ? EDU_CMD_TO_MEMORY : 0));
	return 0;
}

bool edu_busy(struct edu *edu)
{
	uint64_t command = reg64(edu, EDU_REG_DMA_CMD);

	/* A device that was pulled out reads as ones, and is not busy. */
	return command != UINT64_MAX && (command & EDU_CMD_START);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

int edu_wait(struct edu *edu, unsigned int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = EDU_POLL_NS };
	uint64_t deadline = now_ms() + timeout_ms;

	while (edu_busy(edu)) {
		if (now_ms() > deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int edu_transfer(struct edu *edu, enum edu_direction direction,
		 uint64_t dma_addr, size_t count)
{
	int ret = edu_start(edu, direction, dma_addr, count);

	return ret ? ret : edu_wait(edu, EDU_TIMEOUT_MS);
}

int edu_read(struct edu *edu, uint64_t dma_addr, size_t count)
{
	return edu_transfer(edu, EDU_READ, dma_addr, count);
}

int edu_write(struct edu *edu, uint64_t dma_addr, size_t count)
{
	return edu_transfer(edu, EDU_WRITE, dma_addr, count);
}

int edu_copy(struct edu *edu, uint64_t dst, uint64_t src, size_t count)
{
	int ret = edu_read(edu, src, count);

	return ret ? ret : edu_write(edu, dst, count);
}
