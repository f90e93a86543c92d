// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that go and come back, for the tests inside the virtual lab; unplug.h
 * says what each function is for.
 *
 * Hot-unplug is QEMU's: device_del on its monitor, which the guest must agree
 * to.
 */
#define _GNU_SOURCE
#include "unplug.h"

#define PATIENCE_MS 10000

static unsigned long unplugs;

const char *device_address(const struct lab *lab, bool importer)
{
	return importer ? lab->edu_address : lab->ivshmem_address;
}

static bool has(const char *address, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address,
		 file);
	return !access(path, F_OK);
}

/* Until the device's folder has that file, or has it no more; "" is the folder. */
static bool waits_until(const char *address, const char *file, bool there,
			unsigned int ms)
{
	uint64_t end = now_ms() + ms;

	while (has(address, file) != there) {
		if (now_ms() > end)
			return false;
		sleep_ms(2);
	}
	return true;
}

void device_set_up(struct lab *lab, bool importer)
{
	const char *address = device_address(lab, importer);

	/* BARs have files once they have addresses; only then it can be enabled. */
	assert_true(waits_until(address, "resource0", true, PATIENCE_MS));
	if (importer)
		assert_int_equal(bind_driver("uio_pci_generic", address), 0);
	else
		assert_int_equal(sysfs_write(address, "enable", "1"), 0);
}

void device_unbind(struct lab *lab, bool importer)
{
	assert_int_equal(bind_driver("none", device_address(lab, importer)), 0);
	unplugs++;
}

void device_unbind_at_once(struct lab *lab, bool importer)
{
	const char *address = device_address(lab, importer);

	assert_int_equal(sysfs_write(address, "driver/unbind", address), 0);
	unplugs++;
}

void device_remove(struct lab *lab, bool importer)
{
	assert_int_equal(
		sysfs_write(device_address(lab, importer), "remove", "1"), 0);
	unplugs++;
}

void device_rescan(struct lab *lab, bool importer)
{
	assert_int_equal(file_write("/sys/bus/pci/rescan", "1"), 0);
	device_set_up(lab, importer);
}

void device_unplug(struct lab *lab, bool importer)
{
	monitor(importer ? "device_del edu0" : "device_del ivshmem0");
	assert_true(waits_until(device_address(lab, importer), "", false,
				PATIENCE_MS));
	unplugs++;
}

/*
 * QEMU 7.2 aborts when an ivshmem gets memory that another one had.  Another
 * program of the same boot has names of its own.
 */
static void plug_ivshmem(void)
{
	static unsigned int number;
	char name[32], line[128];

	snprintf(name, sizeof(name), "again%d-%u", getpid(), number);
	if (number) {
		snprintf(line, sizeof(line), "object_del %s", name);
		monitor(line);
	}
	number++;
	snprintf(name, sizeof(name), "again%d-%u", getpid(), number);
	snprintf(line, sizeof(line),
		 "object_add memory-backend-ram,id=%s,size=64M", name);
	monitor(line);
	snprintf(line, sizeof(line),
		 "device_add ivshmem-plain,id=ivshmem0,bus=dp1,memdev=%s",
		 name);
	monitor(line);
}

static void plug(bool importer)
{
	if (importer)
		monitor("device_add edu,id=edu0,bus=dp0,"
			"dma_mask=0xffffffffffffffff");
	else
		plug_ivshmem();
}

/* QEMU's device is gone some time after the guest let go of it. */
void device_plug(struct lab *lab, bool importer)
{
	for (int i = 0; i < 20; i++) {
		plug(importer);
		if (waits_until(device_address(lab, importer), "", true, 1000))
			break;
	}
	device_set_up(lab, importer);
}

void unplugs_report(void)
{
	lab_figure("unplugs", unplugs);
	unplugs = 0;
}
