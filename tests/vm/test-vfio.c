// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory that a userspace driver has from VFIO: a special VMA, which is
 * filled only when it is touched.  The exporter is a second ivshmem, alone in
 * its IOMMU group.
 *
 * lab: --qemu '-object memory-backend-ram,id=bar1,size=16M -device ivshmem-plain,bus=rp1,memdev=bar1'
 * iommu: on
 */
#define _GNU_SOURCE
#include "harness.h"

#include <glob.h>
#include <linux/vfio.h>

#define LENGTH (64 * KIB)

/**
 * struct vfio - a device, opened through VFIO
 * @container: with a type 1 IOMMU
 * @group: of the device, in @container
 * @device: the device
 * @range: LENGTH bytes of its BAR 2, which nobody touched
 */
struct vfio {
	int container;
	int group;
	int device;
	unsigned char *range;
};

/* The other ivshmem. */
static void find_device(const struct lab *lab, char *address, size_t size)
{
	glob_t found = { 0 };

	assert_int_equal(glob("/sys/bus/pci/devices/*", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;
		char path[256];

		snprintf(path, sizeof(path), "%s/device", found.gl_pathv[i]);
		if (file_number(path, NULL) == 0x1110 &&
		    strcmp(name, lab->ivshmem_address))
			snprintf(address, size, "%s", name);
	}
	globfree(&found);
	assert_int_not_equal(address[0], '\0');
}

static int open_group(const char *address)
{
	char path[256], link[256], node[300];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 address);
	n = readlink(path, link, sizeof(link) - 1);
	assert_true(n > 0);
	link[n] = '\0';
	snprintf(node, sizeof(node), "/dev/vfio%s", strrchr(link, '/'));
	return open(node, O_RDWR | O_CLOEXEC);
}

static void vfio_open(struct lab *lab, struct vfio *vfio)
{
	struct vfio_region_info region = { .argsz = sizeof(region),
					   .index = 2 };
	char address[32] = "";

	find_device(lab, address, sizeof(address));
	assert_int_equal(bind_driver("vfio-pci", address), 0);
	COMMAND("modprobe", "-q", "vfio_iommu_type1");
	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	vfio->group = open_group(address);
	assert_true(vfio->container >= 0 && vfio->group >= 0);
	assert_int_equal(ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER,
			       &vfio->container),
			 0);
	assert_int_equal(
		ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), 0);
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, address);
	assert_true(vfio->device >= 0);
	assert_int_equal(
		ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &region), 0);
	vfio->range =
		mmap(NULL, LENGTH, RW, MAP_SHARED, vfio->device, region.offset);
	assert_ptr_not_equal(vfio->range, MAP_FAILED);
}

static void vfio_close(struct vfio *vfio)
{
	munmap(vfio->range, LENGTH);
	close(vfio->device);
	close(vfio->group);
	close(vfio->container);
}

static void memory_of_vfio_is_mapped_before_the_cpu_touched_it(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	unsigned char bytes[1000];
	struct vfio vfio;

	vfio_open(lab, &vfio);
	mapping = map(lab, vfio.range, LENGTH, WRITE);
	assert_int_equal(p2pmap_mapping_kind(mapping), P2PMAP_KIND_BAR);
	fill(bytes, sizeof(bytes), 1);
	dev_write(lab, mapping_dma(mapping, LENGTH - PAGE), bytes,
		  sizeof(bytes));
	assert_filled(vfio.range + LENGTH - PAGE, sizeof(bytes), 1);
	unmap(mapping);
	vfio_close(&vfio);
}

static void a_query_of_memory_of_vfio_fills_nothing(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_query query;
	struct vfio vfio;

	vfio_open(lab, &vfio);
	assert_int_equal(try_query(lab, vfio.range, LENGTH, WRITE, &query), 0);
	assert_int_equal(query.out_kind, P2PMAP_KIND_BAR);
	assert_int_equal(frame_of(vfio.range), 0);
	vfio_close(&vfio);
}

static void a_device_of_vfio_is_no_importer(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_importer *importer;
	char address[32] = "";
	struct vfio vfio;

	vfio_open(lab, &vfio);
	find_device(lab, address, sizeof(address));
	assert_int_equal(attach(lab->ctx, address, 0, &lab->reason, &importer),
			 -EBUSY);
	assert_int_equal(lab->reason.code, P2PMAP_REASON_FOREIGN_OWNER);
	vfio_close(&vfio);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(memory_of_vfio_is_mapped_before_the_cpu_touched_it),
	LAB_TEST(a_query_of_memory_of_vfio_fills_nothing),
	LAB_TEST(a_device_of_vfio_is_no_importer),
};

LAB_MAIN(LAB_TRANSLATED, tests)
