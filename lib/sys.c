// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The system calls of the library, each with its errno returned.
 *
 * Nothing else in lib/ may make one: the unit tests put their own table in the
 * place of this one.
 */
#define _DEFAULT_SOURCE /* MADV_WIPEONFORK */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "private.h"

static int sys_open(const char *path, int flags)
{
	int fd = open(path, flags);

	return fd < 0 ? -errno : fd;
}

static int sys_set_flags(int fd, bool nonblock)
{
	int flags;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	if (!nonblock)
		return 0;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int sys_close(int fd)
{
	return close(fd) < 0 ? -errno : 0;
}

static int sys_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static ssize_t sys_read(int fd, void *buf, size_t size)
{
	ssize_t got = read(fd, buf, size);

	return got < 0 ? -errno : got;
}

static int sys_mmap(int fd, size_t length, const void **page)
{
	void *addr = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);

	if (addr == MAP_FAILED)
		return -errno;
	*page = addr;
	return 0;
}

static int sys_munmap(const void *page, size_t length)
{
	return munmap((void *)page, length) < 0 ? -errno : 0;
}

/* A word that is zero in a forked child.  It takes no module, so no table. */
int p2pmap_sys_map_wiped(bool **word)
{
	void *page = mmap(NULL, sizeof(**word), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	if (page == MAP_FAILED)
		return -errno;
	if (madvise(page, sizeof(**word), MADV_WIPEONFORK)) {
		error = -errno;
		munmap(page, sizeof(**word));
		return error;
	}
	*word = page;
	return 0;
}

void p2pmap_sys_unmap_wiped(bool *word)
{
	munmap(word, sizeof(*word));
}

const struct p2pmap_sys p2pmap_sys = {
	.open = sys_open,
	.set_flags = sys_set_flags,
	.close = sys_close,
	.ioctl = sys_ioctl,
	.read = sys_read,
	.mmap = sys_mmap,
	.munmap = sys_munmap,
};
