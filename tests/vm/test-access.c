// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access: who may attach what, who may use a context, and how much memory a
 * user may pin.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <glob.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ALLOW "/sys/module/p2pmap/parameters/allow"
#define QUARANTINE "/sys/class/misc/p2pmap/quarantine"

static void need_translated(struct lab *lab)
{
	if (!lab_is_translated(lab))
		lab_skip(lab, "no IOMMU translates here: nobody may map");
}

/* A lab with a context of its own, to give to a child. */
static struct lab another(struct lab *lab)
{
	struct lab other = *lab;

	other.ctx = context_open();
	other.importer = edu_attach(lab, other.ctx);
	return other;
}

/* Attaching */

static void check_attach(struct lab *lab, const char *address,
			 unsigned int bits, int error, uint32_t code)
{
	struct p2pmap_importer *importer;
	int rc;

	lab->reason = (struct p2pmap_reason){ .size = sizeof(lab->reason) };
	rc = attach(lab->ctx, address, bits, &lab->reason, &importer);
	assert_int_equal(-rc, error);
	if (rc)
		assert_int_equal(lab->reason.code, code);
	else
		assert_int_equal(p2pmap_importer_detach(importer), 0);
}

static void an_address_without_a_device_is_enodev(void **state)
{
	struct lab *lab = *state;

	check_attach(lab, "0000:00:1e.7", 0, ENODEV,
		     P2PMAP_REASON_NO_SUCH_DEVICE);
	check_attach(lab, "0000:ff:1f.7", 0, ENODEV,
		     P2PMAP_REASON_NO_SUCH_DEVICE);
	check_attach(lab, "7fff:00:00.0", 0, ENODEV,
		     P2PMAP_REASON_NO_SUCH_DEVICE);
	assert_int_equal(lab->reason.pci.domain, 0x7fff);
}

static void a_bridge_is_einval(void **state)
{
	struct lab *lab = *state;
	unsigned int bridges = 0;
	glob_t found = { 0 };

	assert_int_equal(glob("/sys/bus/pci/devices/*", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/class", found.gl_pathv[i]);
		if (file_number(path, NULL) >> 8 != 0x0604)
			continue;
		check_attach(lab, strrchr(found.gl_pathv[i], '/') + 1, 0,
			     EINVAL, P2PMAP_REASON_BRIDGE);
		bridges++;
	}
	globfree(&found);
	assert_true(bridges > 3);
}

static void a_device_without_a_driver_is_enodev(void **state)
{
	struct lab *lab = *state;

	check_attach(lab, lab->ivshmem_address, 0, ENODEV,
		     P2PMAP_REASON_NO_DRIVER);
}

/* As vfio-pci does, it manages the DMA itself. */
static void check_foreign_driver(struct lab *lab, const char *driver)
{
	lab_close(lab);
	if (bind_driver(driver, lab->edu_address)) {
		bind_driver("uio_pci_generic", lab->edu_address);
		lab_reopen(lab);
		lab_skip(lab, "%s does not take the device", driver);
	}
	lab->ctx = context_open();
	check_attach(lab, lab->edu_address, 0, EBUSY,
		     P2PMAP_REASON_FOREIGN_OWNER);
	p2pmap_context_close(lab->ctx);
	lab->ctx = NULL;
	assert_int_equal(bind_driver("uio_pci_generic", lab->edu_address), 0);
	lab_reopen(lab);
}

static void a_device_of_pci_stub_is_ebusy(void **state)
{
	check_foreign_driver(*state, "pci-stub");
}

static void a_device_of_vfio_is_ebusy(void **state)
{
	check_foreign_driver(*state, "vfio-pci");
}

static void a_device_with_a_kernel_driver_can_be_attached(void **state)
{
	struct lab *lab = *state;

	if (!lab->nvme_address)
		lab_skip(lab, "there is no NVMe controller here");
	if (COMMAND("bind-driver", "nvme", lab->nvme_address))
		lab_skip(lab, "there is no driver for it here");
	check_attach(lab, lab->nvme_address, 0, 0, 0);
	/* Its driver knows how wide it is. */
	check_attach(lab, lab->nvme_address, 64, EINVAL,
		     P2PMAP_REASON_DMA_WIDTH);
	/* It gives its buffer to p2pdma where there is one. */
	assert_int_equal(COMMAND("bind-driver", "none", lab->nvme_address), 0);
}

static void an_importer_whose_driver_went_cannot_be_mapped_for(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);

	need_translated(lab);
	edu_close(lab->edu);
	lab->edu = NULL;
	assert_int_equal(bind_driver("none", lab->edu_address), 0);
	assert_int_equal(try_map(lab, page, PAGE, PIN, &mapping), -ENODEV);
	assert_int_equal(lab->reason.code, P2PMAP_REASON_DEVICE_GONE);
	assert_int_equal(bind_driver("uio_pci_generic", lab->edu_address), 0);
	/* It is another one now: this importer stays dead. */
	assert_int_equal(try_map(lab, page, PAGE, PIN, &mapping), -ENODEV);
	lab_reopen(lab);
	unmap(map(lab, page, PAGE, PIN));
	munmap(page, PAGE);
}

static void the_width_of_addresses_is_what_was_said(void **state)
{
	static const unsigned int bits[] = { 64, 48, 32, 64 };
	struct lab *lab = *state;
	struct p2pmap_importer *importer;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		assert_int_equal(attach(lab->ctx, lab->edu_address, bits[i],
					&lab->reason, &importer),
				 0);
		assert_true(p2pmap_importer_dma_mask(importer) ==
			    ~0ULL >> (64 - bits[i]));
		assert_int_equal(p2pmap_importer_detach(importer), 0);
	}
	check_attach(lab, lab->edu_address, 65, EINVAL, P2PMAP_REASON_NONE);
	check_attach(lab, lab->edu_address, 0x80000000, EINVAL,
		     P2PMAP_REASON_NONE);
}

static void the_width_is_not_narrowed_under_a_mapping(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);

	need_translated(lab);
	mapping = map(lab, page, PAGE, PIN);
	check_attach(lab, lab->edu_address, 32, EBUSY, P2PMAP_REASON_NONE);
	check_attach(lab, lab->edu_address, 64, 0, 0);
	unmap(mapping);
	check_attach(lab, lab->edu_address, 32, 0, 0);
	check_attach(lab, lab->edu_address, 64, 0, 0);
	munmap(page, PAGE);
}

static void the_driver_of_uio_leaves_32_bits(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_importer *importer;

	lab_close(lab);
	/* A device found anew has forgotten what was said of the old one. */
	assert_int_equal(sysfs_write(lab->edu_address, "remove", "1"), 0);
	assert_int_equal(file_write("/sys/bus/pci/rescan", "1"), 0);
	assert_int_equal(bind_driver("uio_pci_generic", lab->edu_address), 0);
	lab->ctx = context_open();
	assert_int_equal(attach(lab->ctx, lab->edu_address, 0, &lab->reason,
				&importer),
			 0);
	assert_true(p2pmap_importer_dma_mask(importer) == 0xffffffff);
	lab_reopen(lab);
}

static void the_group_is_the_one_of_sysfs(void **state)
{
	struct lab *lab = *state;
	char path[128], link[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 lab->edu_address);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0) {
		assert_true(p2pmap_importer_group(lab->importer) == UINT32_MAX);
		return;
	}
	link[n] = '\0';
	assert_int_equal(p2pmap_importer_group(lab->importer),
			 atoi(strrchr(link, '/') + 1));
}

/* Who may attach */

static void the_node_is_for_root_alone(void **state)
{
	struct stat node;

	(void)state;
	assert_int_equal(stat(NODE, &node), 0);
	assert_true(S_ISCHR(node.st_mode));
	assert_int_equal(node.st_mode & 0777, 0600);
	assert_int_equal(node.st_uid, 0);
}

/* What attaching says in a child: 0 or an errno; 99 for a wrong reason. */
struct attempt {
	struct lab *lab;
	const char *address;
	unsigned int bits;
};

static int try_attach(void *arg)
{
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	struct attempt *attempt = arg;
	struct p2pmap_importer *importer;
	int rc;

	rc = attach(attempt->lab->ctx, attempt->address, attempt->bits, &reason,
		    &importer);
	CHILD_CHECK(rc != -EPERM || reason.code == P2PMAP_REASON_NOT_ALLOWED);
	if (!rc)
		CHILD_CHECK(!p2pmap_importer_detach(importer));
	return -rc;
}

static int without_rawio(void *arg)
{
	CHILD_CHECK(!drop_capability(CAP_SYS_RAWIO));
	return try_attach(arg);
}

static void attaching_without_cap_sys_rawio_is_eperm(void **state)
{
	struct lab *lab = *state;
	struct attempt attempt = { lab, lab->edu_address, 0 };

	assert_int_equal(in_child(try_attach, &attempt), 0);
	assert_int_equal(in_child(without_rawio, &attempt), EPERM);
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), EPERM);
}

static int info_of_user(void *arg)
{
	struct p2pmap_info info = { .size = sizeof(info) };
	struct lab *lab = arg;

	CHILD_CHECK(!p2pmap_context_get_info(lab->ctx, &info));
	return info.out_flags & P2PMAP_INFO_MAY_ATTACH_ANY ? 1 : 0;
}

static void the_info_says_whether_the_caller_may_attach_any(void **state)
{
	assert_int_equal(in_child(info_of_user, *state), 1);
	assert_int_equal(as_user(USER_UID, info_of_user, *state), 0);
}

static void allow(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static void allow(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert_int_equal(file_write(ALLOW, text), 0);
}

static void the_allow_list_admits_a_device_for_everybody(void **state)
{
	struct lab *lab = *state;
	struct attempt attempt = { lab, lab->edu_address, 0 };

	allow("%s\n", lab->edu_address);
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), 0);
	assert_int_equal(as_user(USER2_UID, try_attach, &attempt), 0);
	/* That device, and no other. */
	if (lab->nvme_address) {
		attempt.address = lab->nvme_address;
		assert_int_equal(as_user(USER_UID, try_attach, &attempt),
				 EPERM);
	}
	allow("\n");
	attempt.address = lab->edu_address;
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), EPERM);
}

static void the_allow_list_admits_a_user(void **state)
{
	struct lab *lab = *state;
	struct attempt attempt = { lab, lab->edu_address, 0 };

	allow("0000:00:1e.7,%s=u%d\n", lab->edu_address, USER_UID);
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), 0);
	assert_int_equal(as_user(USER2_UID, try_attach, &attempt), EPERM);
	allow("\n");
}

static int try_attach_with_group(void *arg)
{
	gid_t group = USER_UID;

	/* Another user, in that group besides its own. */
	CHILD_CHECK(!setgroups(1, &group));
	CHILD_CHECK(!setgid(USER2_UID) && !setuid(USER2_UID));
	return try_attach(arg);
}

static void the_allow_list_admits_a_group(void **state)
{
	struct lab *lab = *state;
	struct attempt attempt = { lab, lab->edu_address, 0 };

	allow("%s=g%d,0000:00:1e.7\n", lab->edu_address, USER_UID);
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), 0);
	assert_int_equal(as_user(USER2_UID, try_attach, &attempt), EPERM);
	assert_int_equal(in_child(try_attach_with_group, &attempt), 0);
	allow("\n");
}

static void an_entry_that_makes_no_sense_admits_nobody(void **state)
{
	struct lab *lab = *state;
	struct attempt attempt = { lab, lab->edu_address, 0 };
	const char *const who[] = { "=",     "=u",   "=x1000", "=1000",
				    "=root", "=u-1", "==" };

	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		allow("%s%s\n", lab->edu_address, who[i]);
		assert_int_equal(as_user(USER_UID, try_attach, &attempt),
				 EPERM);
	}
	allow(",,=,u1000,%s\n", "*");
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), EPERM);
	allow("\n");
}

/* As root of a container that has the machine's user ids. */
static int change_allow_list(void *arg)
{
	(void)arg;
	CHILD_CHECK(!drop_capability(CAP_SYS_RAWIO));
	CHILD_CHECK(!drop_capability(CAP_SYS_MODULE));
	return -file_write(ALLOW, "0000:00:01.0\n");
}

static void the_allow_list_takes_a_privilege_to_change(void **state)
{
	(void)state;
	assert_int_equal(in_child(change_allow_list, NULL), EPERM);
}

/* Each of them would be the importer, by a reader that is not strict. */
static void an_address_not_written_as_sysfs_does_admits_nobody(void **state)
{
	struct lab *lab = *state;
	struct attempt attempt = { lab, lab->edu_address, 0 };
	unsigned int bus, slot;

	assert_int_equal(sscanf(lab->edu_address, "0000:%x:%x.0", &bus, &slot),
			 2);
	allow("0:%x:%x.0,%s x,%sjunk,0x0000:%02x:%02x.0\n", bus, slot,
	      lab->edu_address, lab->edu_address, bus, slot);
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), EPERM);
	allow("0000:%02x:%02x.0,0000:%02x:%02x.8,%s=u%djunk\n", bus,
	      slot + 0x20, bus, slot, lab->edu_address, USER_UID);
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), EPERM);
	allow(" %s = u%d \n", lab->edu_address, USER_UID);
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), 0);
	allow("\n");
}

static int release_quarantine(void *arg)
{
	const struct lab *lab = arg;

	CHILD_CHECK(!file_write(QUARANTINE, lab->edu_address));
	CHILD_CHECK(file_write(QUARANTINE, "0000:00:1e.7") == -ENODEV);
	CHILD_CHECK(!drop_capability(CAP_SYS_RAWIO));
	CHILD_CHECK(file_write(QUARANTINE, lab->edu_address) == -EPERM);
	return 0;
}

static void emptying_the_quarantine_takes_the_privilege(void **state)
{
	assert_int_equal(in_child(release_quarantine, *state), 0);
}

static void a_width_takes_the_privilege_even_of_the_allowed(void **state)
{
	struct lab *lab = *state;
	struct attempt attempt = { lab, lab->edu_address, 64 };

	allow("%s\n", lab->edu_address);
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), EPERM);
	attempt.bits = 0;
	assert_int_equal(as_user(USER_UID, try_attach, &attempt), 0);
	allow("\n");
}

/* Who may use a context */

struct receiver {
	struct lab *lab;
	int socket;
};

/* Gets descriptor and importer, maps, and has the device write. */
static int receive_and_map(void *arg)
{
	struct p2pmap_importer_info info;
	struct receiver *receiver = arg;
	struct p2pmap_mapping *mapping;
	struct lab lab = *receiver->lab;
	unsigned char *page;
	uint64_t dma;
	int fd;

	page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = recv_fd(receiver->socket, &info, sizeof(info));
	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(!p2pmap_context_open_fd(fd, NULL, &lab.ctx));
	CHILD_CHECK(!p2pmap_importer_adopt(lab.ctx, &info, &lab.importer));
	CHILD_CHECK(!try_map(&lab, page, PAGE, WRITE | PIN, &mapping));
	CHILD_CHECK(!p2pmap_mapping_dma_addr(mapping, 0, &dma, NULL));
	CHILD_CHECK(!edu_write(lab.edu, dma, 100));
	CHILD_CHECK(is_filled(page, 100, 77));
	CHILD_CHECK(!p2pmap_mapping_unmap(mapping));
	p2pmap_context_close(lab.ctx);
	return 0;
}

static void
a_descriptor_that_was_handed_on_maps_for_the_unprivileged(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_importer_info info = { .size = sizeof(info) };
	struct lab broker;
	struct receiver receiver = { .lab = lab };
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);
	int sockets[2];

	need_translated(lab);
	broker = another(lab);
	dev_load(lab, 77, 100);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(p2pmap_importer_get_info(broker.importer, &info), 0);
	assert_int_equal(send_fd(sockets[0], p2pmap_context_fd(broker.ctx),
				 &info, sizeof(info)),
			 0);
	receiver.socket = sockets[1];
	assert_int_equal(as_user(USER_UID, receive_and_map, &receiver), 0);
	/* It is the receiver's now, also after the receiver's end. */
	assert_int_equal(try_map(&broker, page, PAGE, PIN, &mapping), -EPERM);
	assert_int_equal(broker.reason.code, P2PMAP_REASON_OTHER_PROCESS);
	p2pmap_context_close(broker.ctx);
	close(sockets[0]);
	close(sockets[1]);
	munmap(page, PAGE);
}

/* Every call of a context that belongs to the parent, but unmap. */
static int use_the_parents_context(void *arg)
{
	static const struct {
		unsigned long number;
		uint32_t size;
	} calls[] = {
		{ P2PMAP_IOC_INFO, sizeof(struct p2pmap_info) },
		{ P2PMAP_IOC_ATTACH, sizeof(struct p2pmap_attach) },
		{ P2PMAP_IOC_DETACH, sizeof(struct p2pmap_detach) },
		{ P2PMAP_IOC_QUERY, sizeof(struct p2pmap_query) },
		{ P2PMAP_IOC_MAP, sizeof(struct p2pmap_map) },
		{ P2PMAP_IOC_EXTENTS, sizeof(struct p2pmap_extents) },
		{ P2PMAP_IOC_STATUS, sizeof(struct p2pmap_status) },
		{ P2PMAP_IOC_REMAP, sizeof(struct p2pmap_remap) },
		{ P2PMAP_IOC_WATCH, sizeof(struct p2pmap_watch) },
		{ P2PMAP_IOC_EVENTFD, sizeof(struct p2pmap_eventfd) },
		{ P2PMAP_IOC_ROUTE, sizeof(struct p2pmap_route_query) },
	};
	struct lab *lab = arg;
	uint32_t words[64];
	struct pollfd pollfd = { .fd = p2pmap_context_fd(lab->ctx),
				 .events = POLLIN };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		memset(words, 0, sizeof(words));
		words[0] = calls[i].size;
		errno = 0;
		CHILD_CHECK(ioctl(pollfd.fd, calls[i].number, words) == -1);
		CHILD_CHECK(errno == EPERM);
	}
	CHILD_CHECK(read(pollfd.fd, words, sizeof(words)) == -1);
	CHILD_CHECK(errno == EPERM);
	CHILD_CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, pollfd.fd, 0) ==
		    MAP_FAILED);
	CHILD_CHECK(errno == EPERM);
	CHILD_CHECK(poll(&pollfd, 1, 0) >= 0);
	CHILD_CHECK(!(pollfd.revents & POLLNVAL));
	CHILD_CHECK(!close(pollfd.fd));
	return 0;
}

/* A context without the library: its handles are for one process. */
struct shared {
	int fd;
	uint32_t importer;
	int error; /* of the reader */
};

static int map_first(void *arg)
{
	struct shared *shared = arg;
	struct p2pmap_map map = {
		.size = sizeof(map),
		.importer = shared->importer,
		.flags = WRITE,
		.addr = (uintptr_t)ram(PAGE),
		.length = PAGE,
	};

	return ioctl(shared->fd, P2PMAP_IOC_MAP, &map) ? errno : 0;
}

static void *read_events(void *arg)
{
	struct shared *shared = arg;
	struct p2pmap_event event;

	shared->error = read(shared->fd, &event, sizeof(event)) < 0 ? errno : 0;
	return NULL;
}

/* The events are the owner's, and the one who waits cannot have known. */
static void who_waits_in_read_when_another_maps_first_is_sent_away(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_attach attach = { .size = sizeof(attach),
					.pci = lab->edu_pci };
	struct timespec patience;
	struct shared shared;
	pthread_t reader;

	need_translated(lab);
	shared.fd = open(NODE, O_RDWR | O_CLOEXEC);
	assert_int_equal(ioctl(shared.fd, P2PMAP_IOC_ATTACH, &attach), 0);
	shared.importer = attach.out_id;
	assert_int_equal(pthread_create(&reader, NULL, read_events, &shared),
			 0);
	sleep_ms(100);
	assert_int_equal(in_child(map_first, &shared), 0);
	clock_gettime(CLOCK_REALTIME, &patience);
	patience.tv_sec += 10;
	assert_int_equal(pthread_timedjoin_np(reader, NULL, &patience), 0);
	assert_int_equal(shared.error, EPERM);
	close(shared.fd);
}

static void a_forked_child_may_do_nothing_but_unmap_poll_and_close(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);

	need_translated(lab);
	mapping = map(lab, page, PAGE, WRITE | PIN);
	assert_int_equal(in_child(use_the_parents_context, lab), 0);
	/* Nothing of it had an effect here. */
	assert_int_equal(context_info(lab->ctx).out_mappings, 1);
	assert_int_equal(context_info(lab->ctx).out_importers, 1);
	dev_load(lab, 3, 100);
	assert_int_equal(edu_write(lab->edu, mapping_dma(mapping, 0), 100), 0);
	assert_filled(page, 100, 3);
	unmap(mapping);
	munmap(page, PAGE);
}

static int unmap_in_child(void *arg)
{
	return -p2pmap_mapping_unmap(arg);
}

static void a_forked_child_may_unmap(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;
	unsigned char *page = ram(PAGE);
	long pins = pages_pinned();

	need_translated(lab);
	mapping = map(lab, page, PAGE, WRITE | PIN);
	assert_int_equal(as_user(USER_UID, unmap_in_child, mapping), 0);
	assert_int_equal(context_info(lab->ctx).out_mappings, 0);
	assert_int_equal(pages_pinned(), pins);
	assert_int_equal(file_number("/proc/self/status", "VmPin:"), 0);
	assert_int_equal(p2pmap_mapping_unmap(mapping), -ENOENT);
	munmap(page, PAGE);
}

static int map_in_child(void *arg)
{
	struct lab *lab = arg;
	struct p2pmap_mapping *mapping;

	return -try_map(
		lab, mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		PAGE, PIN, &mapping);
}

static void the_first_map_binds_the_context_and_attaching_does_not(void **state)
{
	struct lab *lab = *state;
	struct p2pmap_mapping *mapping;

	need_translated(lab);
	/* A child of it may be the first. */
	assert_int_equal(in_child(map_in_child, lab), 0);
	assert_int_equal(try_map(lab, ram(PAGE), PAGE, PIN, &mapping), -EPERM);
}

static void a_map_that_fails_binds_nothing(void **state)
{
	struct lab *lab = *state;

	need_translated(lab);
	assert_refused(lab, ram(PAGE), 1, PIN, EINVAL, P2PMAP_REASON_NONE);
	assert_refused(lab, ram_prot(PAGE, PROT_READ), PAGE, WRITE, EFAULT,
		       P2PMAP_REASON_NOT_WRITABLE);
	assert_int_equal(in_child(map_in_child, lab), 0);
}

/* How much may be pinned */

static int exhaust_memlock(void *arg)
{
	struct p2pmap_mapping *first, *second;
	struct lab *lab = arg;
	char *pages =
		mmap(NULL, 17 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHILD_CHECK(!limit_memlock(16 * PAGE));
	CHILD_CHECK(try_map(lab, pages, 17 * PAGE, PIN, &first) == -ENOMEM);
	CHILD_CHECK(!try_map(lab, pages, 10 * PAGE, PIN, &first));
	CHILD_CHECK(file_number("/proc/self/status", "VmPin:") == 40);
	CHILD_CHECK(try_map(lab, pages, 7 * PAGE, PIN, &second) == -ENOMEM);
	CHILD_CHECK(lab->reason.code == P2PMAP_REASON_MEMLOCK);
	CHILD_CHECK(lab->reason.value[0] == 16 * PAGE);
	CHILD_CHECK(lab->reason.value[1] == 10 * PAGE);
	CHILD_CHECK(lab->reason.value[2] == 7 * PAGE);
	/* Each pin counts, of the same page too; without PIN none does. */
	CHILD_CHECK(!try_map(lab, pages, 6 * PAGE, PIN, &second));
	CHILD_CHECK(try_map(lab, pages, PAGE, PIN, &first) == -ENOMEM);
	CHILD_CHECK(!try_map(lab, pages, 17 * PAGE, 0, &first));
	CHILD_CHECK(!p2pmap_mapping_unmap(second));
	CHILD_CHECK(!try_map(lab, pages, 6 * PAGE, PIN, &second));
	return 0;
}

static void over_the_memlock_limit_is_enomem_and_says_the_numbers(void **state)
{
	struct lab *lab = *state;

	need_translated(lab);
	assert_int_equal(as_user(USER_UID, exhaust_memlock, lab), 0);
}

/* A failure later on gives back what was charged first. */
static int fail_after_charge(void *arg)
{
	struct p2pmap_mapping *mapping;
	struct lab *lab = arg;
	int fd = memfd_create("short", 0);
	void *pages;

	CHILD_CHECK(!ftruncate(fd, PAGE));
	pages = mmap(NULL, 16 * PAGE, RW, MAP_SHARED, fd, 0);
	CHILD_CHECK(!limit_memlock(16 * PAGE));
	for (int i = 0; i < 20; i++)
		CHILD_CHECK(try_map(lab, pages, 16 * PAGE, PIN, &mapping) ==
			    -EFAULT);
	CHILD_CHECK(file_number("/proc/self/status", "VmPin:") == 0);
	CHILD_CHECK(!ftruncate(fd, 16 * PAGE));
	CHILD_CHECK(!try_map(lab, pages, 16 * PAGE, PIN, &mapping));
	return 0;
}

static void a_map_that_fails_late_gives_its_charge_back(void **state)
{
	struct lab *lab = *state;

	need_translated(lab);
	assert_int_equal(as_user(USER_UID, fail_after_charge, lab), 0);
}

/* Maps ten pages of sixteen, says so, and waits to be told to end. */
struct holder {
	struct lab lab;
	uid_t uid;
	int ready[2];
};

static int hold_ten_pages(void *arg)
{
	struct holder *holder = arg;
	struct p2pmap_mapping *mapping;
	char result;

	CHILD_CHECK(!become_user(holder->uid, holder->uid));
	CHILD_CHECK(!limit_memlock(16 * PAGE));
	result = -try_map(&holder->lab,
			  mmap(NULL, 10 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0),
			  10 * PAGE, PIN, &mapping);
	if (result)
		CHILD_CHECK(holder->lab.reason.value[1] == 10 * PAGE);
	CHILD_CHECK(write(holder->ready[1], &result, 1) == 1);
	pause();
	return 0;
}

/* What the map said, of a child that lives on. */
static int start_holder(struct holder *holder, struct lab *lab, uid_t uid,
			pid_t *pid)
{
	char result;

	holder->lab = another(lab);
	holder->uid = uid;
	assert_int_equal(pipe(holder->ready), 0);
	*pid = child_start(hold_ten_pages, holder);
	/* The child's descriptor is the only one. */
	p2pmap_context_close(holder->lab.ctx);
	close(holder->ready[1]);
	assert_int_equal(read(holder->ready[0], &result, 1), 1);
	close(holder->ready[0]);
	return result;
}

static void end_holder(pid_t pid)
{
	kill(pid, SIGKILL);
	child_end(pid);
}

static void the_limit_is_the_users_and_not_the_processes(void **state)
{
	struct lab *lab = *state;
	struct holder holder;
	pid_t one, two, three;

	need_translated(lab);
	assert_int_equal(start_holder(&holder, lab, USER_UID, &one), 0);
	assert_int_equal(memlock_charged(USER_UID), 10 * PAGE);
	assert_int_equal(start_holder(&holder, lab, USER_UID, &two), ENOMEM);
	assert_int_equal(start_holder(&holder, lab, USER2_UID, &three), 0);
	end_holder(two);
	end_holder(one);
	assert_int_equal(memlock_charged(USER_UID), 0);
	assert_int_equal(memlock_charged(USER2_UID), 10 * PAGE);
	end_holder(three);
}

static int map_without_limit(void *arg)
{
	struct p2pmap_mapping *mapping;
	struct lab *lab = arg;

	CHILD_CHECK(!limit_memlock(0));
	CHILD_CHECK(!try_map(lab,
			     mmap(NULL, 16 * PAGE, RW,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			     16 * PAGE, PIN, &mapping));
	CHILD_CHECK(file_number("/proc/self/status", "VmPin:") == 64);
	return 0;
}

static int map_without_cap_ipc_lock(void *arg)
{
	struct p2pmap_mapping *mapping;
	struct lab *lab = arg;

	CHILD_CHECK(!drop_capability(CAP_IPC_LOCK) && !limit_memlock(0));
	return -try_map(
		lab, mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		PAGE, PIN, &mapping);
}

static void cap_ipc_lock_lifts_the_limit(void **state)
{
	struct lab *lab = *state;
	struct lab other;

	need_translated(lab);
	other = another(lab);
	assert_int_equal(in_child(map_without_limit, lab), 0);
	assert_int_equal(in_child(map_without_cap_ipc_lock, &other), ENOMEM);
	p2pmap_context_close(other.ctx);
}

static int map_ten_and_exit(void *arg)
{
	struct p2pmap_mapping *mapping;

	return -try_map(arg,
			mmap(NULL, 10 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0),
			10 * PAGE, PIN, &mapping);
}

/* The descriptor outlives the process and its memory. */
static void pins_of_a_process_that_ended_are_charged_until_close(void **state)
{
	struct lab *lab = *state;
	long pins = pages_pinned();

	need_translated(lab);
	assert_int_equal(as_user(USER_UID, map_ten_and_exit, lab), 0);
	assert_int_equal(memlock_charged(USER_UID), 10 * PAGE);
	assert_int_equal(pages_pinned(), pins + 10);
	lab_close(lab);
	assert_int_equal(memlock_charged(USER_UID), 0);
	assert_int_equal(pages_pinned(), pins);
}

static const struct CMUnitTest tests[] = {
	LAB_TEST(an_address_without_a_device_is_enodev),
	LAB_TEST(a_bridge_is_einval),
	LAB_TEST(a_device_without_a_driver_is_enodev),
	LAB_TEST(a_device_of_pci_stub_is_ebusy),
	LAB_TEST(a_device_of_vfio_is_ebusy),
	LAB_TEST(a_device_with_a_kernel_driver_can_be_attached),
	LAB_TEST(an_importer_whose_driver_went_cannot_be_mapped_for),
	LAB_TEST(the_width_of_addresses_is_what_was_said),
	LAB_TEST(the_width_is_not_narrowed_under_a_mapping),
	LAB_TEST(the_driver_of_uio_leaves_32_bits),
	LAB_TEST(the_group_is_the_one_of_sysfs),
	LAB_TEST(the_node_is_for_root_alone),
	LAB_TEST(attaching_without_cap_sys_rawio_is_eperm),
	LAB_TEST(the_info_says_whether_the_caller_may_attach_any),
	LAB_TEST(the_allow_list_admits_a_device_for_everybody),
	LAB_TEST(the_allow_list_admits_a_user),
	LAB_TEST(the_allow_list_admits_a_group),
	LAB_TEST(an_entry_that_makes_no_sense_admits_nobody),
	LAB_TEST(the_allow_list_takes_a_privilege_to_change),
	LAB_TEST(an_address_not_written_as_sysfs_does_admits_nobody),
	LAB_TEST(emptying_the_quarantine_takes_the_privilege),
	LAB_TEST(a_width_takes_the_privilege_even_of_the_allowed),
	LAB_TEST(a_descriptor_that_was_handed_on_maps_for_the_unprivileged),
	LAB_TEST(a_forked_child_may_do_nothing_but_unmap_poll_and_close),
	LAB_TEST(who_waits_in_read_when_another_maps_first_is_sent_away),
	LAB_TEST(a_forked_child_may_unmap),
	LAB_TEST(the_first_map_binds_the_context_and_attaching_does_not),
	LAB_TEST(a_map_that_fails_binds_nothing),
	LAB_TEST(over_the_memlock_limit_is_enomem_and_says_the_numbers),
	LAB_TEST(a_map_that_fails_late_gives_its_charge_back),
	LAB_TEST(the_limit_is_the_users_and_not_the_processes),
	LAB_TEST(cap_ipc_lock_lifts_the_limit),
	LAB_TEST(pins_of_a_process_that_ended_are_charged_until_close),
};

LAB_MAIN(LAB_ANY, tests)
