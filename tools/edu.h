/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * edu: a small userspace driver for QEMU's educational PCI device (1234:11e8).
 *
 * The device has a buffer of 4 KiB and a DMA engine that moves bytes between
 * the buffer and a DMA address.  It is the importer of the demo and of the
 * tests in the virtual lab.  The CPU cannot look into the buffer: to see what
 * is in there, have the device write it to memory.
 *
 * Nothing here knows p2pmap.  DMA addresses come from the caller.
 */
#ifndef EDU_H
#define EDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The buffer has 4096 bytes, but a transfer that reaches the last of them
 * makes QEMU 7.2 abort.
 */
#define EDU_MAX_TRANSFER 4095

/* A transfer takes 100 ms of the guest's timer; a busy host takes longer. */
#define EDU_TIMEOUT_MS 10000

/**
 * enum edu_direction - which way a transfer goes
 * @EDU_READ: the device reads from a DMA address into its buffer
 * @EDU_WRITE: the device writes from its buffer to a DMA address
 */
enum edu_direction {
	EDU_READ,
	EDU_WRITE,
};

struct edu;

/**
 * edu_open() - take over an edu device
 * @address: PCI address, such as "0000:03:00.0" or "03:00.0"
 * @out: the device; the caller owns it and ends with edu_close()
 *
 * Maps the registers through sysfs, checks that it is an edu device which
 * answers, and turns bus mastering on, as a userspace driver has to.  A driver
 * that left the device enabled (uio_pci_generic) is to be bound.
 *
 * Return: 0, -ENODEV (no such device, or not an edu), -EIO (it does not
 * answer), or what open() and mmap() say.
 */
int edu_open(const char *address, struct edu **out);

/**
 * edu_close() - let go of the device
 * @edu: the device or NULL
 *
 * Waits for a transfer that is under way and leaves bus mastering as it was
 * found.
 */
void edu_close(struct edu *edu);

/**
 * edu_alive() - does the device answer?
 * @edu: the device
 *
 * Return: true if a word written to its liveness register comes back inverted.
 */
bool edu_alive(struct edu *edu);

/**
 * edu_version() - version of the device
 * @edu: the device
 *
 * Return: major << 8 | minor.
 */
unsigned int edu_version(struct edu *edu);

/**
 * edu_start() - start a transfer and do not wait for it
 * @edu: the device, which must not be busy
 * @direction: which way
 * @dma_addr: DMA address, the device's own idea of one
 * @count: bytes, 1 to EDU_MAX_TRANSFER
 *
 * The transfer begins at the start of the device's buffer.  The device moves
 * all bytes at one moment, about 100 ms after this call.
 *
 * Return: 0, -EINVAL (count), -EBUSY.
 */
int edu_start(struct edu *edu, enum edu_direction direction, uint64_t dma_addr,
	      size_t count);

/**
 * edu_busy() - is a transfer under way?
 * @edu: the device
 *
 * Return: true while it is.
 */
bool edu_busy(struct edu *edu);

/**
 * edu_wait() - wait for the end of a transfer
 * @edu: the device
 * @timeout_ms: milliseconds to wait at most
 *
 * The end of a transfer does not say that it succeeded: the device ignores
 * what an IOMMU refused.
 *
 * Return: 0, -ETIMEDOUT.
 */
int edu_wait(struct edu *edu, unsigned int timeout_ms);

/**
 * edu_transfer() - start a transfer and wait for its end
 * @edu: the device
 * @direction: which way
 * @dma_addr: DMA address
 * @count: bytes, 1 to EDU_MAX_TRANSFER
 *
 * Return: 0, or an error of edu_start() or edu_wait().
 */
int edu_transfer(struct edu *edu, enum edu_direction direction,
		 uint64_t dma_addr, size_t count);

/**
 * edu_read() - have the device read into its buffer
 * @edu: the device
 * @dma_addr: DMA address of the source
 * @count: bytes, 1 to EDU_MAX_TRANSFER
 *
 * Return: as edu_transfer().
 */
int edu_read(struct edu *edu, uint64_t dma_addr, size_t count);

/**
 * edu_write() - have the device write its buffer somewhere
 * @edu: the device
 * @dma_addr: DMA address of the destination
 * @count: bytes, 1 to EDU_MAX_TRANSFER
 *
 * Return: as edu_transfer().
 */
int edu_write(struct edu *edu, uint64_t dma_addr, size_t count);

/**
 * edu_copy() - have the device copy from one DMA address to another
 * @edu: the device
 * @dst: DMA address of the destination
 * @src: DMA address of the source
 * @count: bytes, 1 to EDU_MAX_TRANSFER
 *
 * Two transfers, through the device's buffer.
 *
 * Return: as edu_transfer().
 */
int edu_copy(struct edu *edu, uint64_t dst, uint64_t src, size_t count);

#endif /* EDU_H */
