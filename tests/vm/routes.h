/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of routes share: what the lab's topologies are like, ACS
 * controls, host bridges that go by other names, and what it takes for a
 * verdict on a route to be right: ROUTE, QUERY and MAP agree, and a route
 * carries data.
 *
 * Each program includes this once.
 */
#ifndef P2PMAP_TEST_ROUTES_H
#define P2PMAP_TEST_ROUTES_H

#include <limits.h>

#include "harness.h"

/* The host bridges of the lab, by the devices that stand for them. */
#define Q35 "0000:00:00.0"
#define Q35_IDS "8086:29c0"
#define PXB "0000:80:02.0"
#define PXB_IDS "1b36:000c"
#define EVERYTHING Q35_IDS "," PXB_IDS

/* Of bridges listed as good for all, and for what is below them only. */
#define LISTED "8086:2030"
#define SAME_ONLY "8086:3c00"

/**
 * struct shape - a topology, as it is for edu0
 * @topology: its name
 * @distance: to ivshmem0
 * @nvme_distance: to nvme0
 * @direct: the route to ivshmem0, if edu's DMA is not translated
 * @nvme_direct: to nvme0, likewise
 */
struct shape {
	const char *topology;
	unsigned int distance;
	unsigned int nvme_distance;
	enum p2pmap_route direct;
	enum p2pmap_route nvme_direct;
};

static const struct shape shapes[] = {
	{ "switch", 4, 4, P2PMAP_ROUTE_SWITCH, P2PMAP_ROUTE_SWITCH },
	{ "two-switches", 8, 8, P2PMAP_ROUTE_HOST_BRIDGE,
	  P2PMAP_ROUTE_HOST_BRIDGE },
	{ "cascade", 6, 6, P2PMAP_ROUTE_SWITCH, P2PMAP_ROUTE_SWITCH },
	{ "root-ports", 4, 4, P2PMAP_ROUTE_HOST_BRIDGE,
	  P2PMAP_ROUTE_HOST_BRIDGE },
	{ "host-bridges", 4, 4, P2PMAP_ROUTE_HOST_BRIDGE,
	  P2PMAP_ROUTE_HOST_BRIDGE },
	{ "pci-bridge", 2, 5, P2PMAP_ROUTE_SWITCH, P2PMAP_ROUTE_HOST_BRIDGE },
	{ "one-slot", 2, 4, P2PMAP_ROUTE_SWITCH, P2PMAP_ROUTE_HOST_BRIDGE },
};

static inline const struct shape *shape_here(void)
{
	const char *topology = getenv("P2PMAP_TOPOLOGY");

	for (size_t i = 0; topology && i < sizeof(shapes) / sizeof(*shapes);
	     i++)
		if (!strcmp(shapes[i].topology, topology))
			return &shapes[i];
	fail_msg("nothing is known of the topology %s", topology);
	return NULL;
}

static inline bool topology_is(const char *name)
{
	return !strcmp(shape_here()->topology, name);
}

static inline struct p2pmap_pci_addr pci_of(const char *address)
{
	struct p2pmap_pci_addr pci;

	assert_int_equal(p2pmap_pci_parse(address, &pci), 0);
	return pci;
}

/* What ROUTE says; 0 or a negative errno, lab->reason tells more. */
static inline int ask_route(struct lab *lab, const char *importer,
			    const char *exporter,
			    struct p2pmap_route_info *info)
{
	struct p2pmap_pci_addr from = pci_of(importer), to = pci_of(exporter);

	lab->reason = (struct p2pmap_reason){ .size = sizeof(lab->reason) };
	*info = (struct p2pmap_route_info){ .size = sizeof(*info) };
	return p2pmap_context_route(lab->ctx, &from, &to, info, &lab->reason);
}

/* The words of a variable of the environment; how many. */
static inline unsigned int addresses(const char *variable, char words[][16],
				     unsigned int max)
{
	const char *at = getenv(variable);
	unsigned int n = 0;
	int length;

	while (at && n < max && sscanf(at, "%15s%n", words[n], &length) == 1) {
		at += length;
		n++;
	}
	return n;
}

/* Bridges */

/* Of the bridge above a device; false if there is none. */
static inline bool bridge_above(const char *address, char bridge[16])
{
	char path[PATH_MAX], link[64], *at;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s", address);
	if (!realpath(link, path))
		return false;
	at = strrchr(path, '/');
	*at = '\0';
	at = strrchr(path, '/') + 1;
	if (strlen(at) >= 16 || !strncmp(at, "pci", 3))
		return false;
	strcpy(bridge, at);
	return true;
}

#define ACS_SV 0x01U /* source validation */
#define ACS_TB 0x02U /* translation blocking */
#define ACS_RR 0x04U /* request redirect */
#define ACS_CR 0x08U /* completion redirect */
#define ACS_UF 0x10U /* upstream forwarding */

static inline int config_open(const char *address)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Where the ACS control register is, or 0. */
static inline off_t acs_find(int config)
{
	uint32_t header;
	off_t at = 0x100;

	while (at && pread(config, &header, 4, at) == 4 && header) {
		if ((header & 0xffff) == 0x000d)
			return at + 6;
		at = header >> 20;
	}
	return 0;
}

/* Sets the controls of a bridge; what they were, or negative without ACS. */
static inline int acs_set(const char *bridge, uint16_t controls)
{
	int config = config_open(bridge), before = -1;
	off_t at = acs_find(config);
	uint16_t now = 0;

	if (at) {
		assert_int_equal(pread(config, &now, 2, at), 2);
		before = now;
		assert_int_equal(pwrite(config, &controls, 2, at), 2);
		assert_int_equal(pread(config, &now, 2, at), 2);
		assert_int_equal(now, controls);
	}
	close(config);
	return before;
}

/* Host bridges that go by other names: tests/kmod/bridge_id.c */

static inline void pretend(const char *address, const char *ids)
{
	char text[64];

	assert_int_equal(COMMAND("modprobe", "bridge_id"), 0);
	snprintf(text, sizeof(text), "%s %s", address, ids);
	assert_int_equal(file_write("/sys/module/bridge_id/parameters/pretend",
				    text),
			 0);
}

static inline void pretend_no_more(void)
{
	if (!access("/sys/module/bridge_id", F_OK))
		assert_int_equal(COMMAND("rmmod", "bridge_id"), 0);
}

/*
 * For the rest of the test, with these host bridges admitted and no others, and
 * with each going by its own name.
 */
static inline void admit(struct lab *lab, const char *bridges)
{
	char parameters[256];

	pretend_no_more();
	snprintf(parameters, sizeof(parameters), "%s%s %s",
		 bridges ? "host_bridges=" : "", bridges ? bridges : "",
		 lab_is_translated(lab) ? "" : "unenforced=1");
	module_restart(lab, parameters);
}

/* Verdicts */

/* Bytes that are sent each way. */
#define BYTES 500

/* What is to be said of a pair; @error is 0 if there is a route. */
struct verdict {
	enum p2pmap_route route;
	unsigned int distance;
	int error;
	uint32_t code;
	const char *bridge;
	uint32_t detail;
};

static inline struct verdict found(enum p2pmap_route route,
				   unsigned int distance)
{
	return (struct verdict){ .route = route, .distance = distance };
}

static inline struct verdict refused(uint32_t code, const char *bridge,
				     uint32_t detail)
{
	return (struct verdict){ .error = EHOSTUNREACH,
				 .code = code,
				 .bridge = bridge,
				 .detail = detail };
}

/* The same for a host bridge; its ids as text. */
static inline struct verdict refused_host(uint32_t code, const char *bridge,
					  const char *ids)
{
	unsigned int vendor, device;

	assert_int_equal(sscanf(ids, "%x:%x", &vendor, &device), 2);
	return refused(code, bridge, vendor << 16 | device);
}

static inline void check_reason(const struct lab *lab,
				const struct verdict *want)
{
	struct p2pmap_pci_addr bridge = pci_of(want->bridge);

	assert_int_equal(lab->reason.code, want->code);
	assert_memory_equal(&lab->reason.pci, &bridge, sizeof(bridge));
	assert_int_equal(lab->reason.detail, want->detail);
}

static inline void check_asked(struct lab *lab, const char *exporter,
			       const struct verdict *want)
{
	struct p2pmap_route_info info;
	int rc = ask_route(lab, lab->edu_address, exporter, &info);

	assert_int_equal(-rc, want->error);
	if (rc) {
		check_reason(lab, want);
		return;
	}
	assert_int_equal(info.route, want->route);
	assert_int_equal(info.distance, want->distance);
	assert_int_equal(info.mode, p2pmap_importer_mode(lab->importer));
}

/* The device writes there, and the processor sees it; and the other way. */
static inline void check_carries(struct lab *lab,
				 struct p2pmap_mapping *mapping,
				 unsigned char *range)
{
	unsigned char bytes[BYTES], back[BYTES];
	static uint32_t seed;

	fill(bytes, BYTES, ++seed);
	dev_write(lab, mapping_dma(mapping, 0), bytes, BYTES);
	memcpy(back, range, BYTES);
	assert_memory_equal(back, bytes, BYTES);
	fill(bytes, BYTES, ++seed);
	memcpy(range, bytes, BYTES);
	memset(back, 0, BYTES);
	dev_read(lab, mapping_dma(mapping, 0), back, BYTES);
	assert_memory_equal(back, bytes, BYTES);
}

static inline void check_mapped(struct lab *lab, const char *exporter,
				const struct verdict *want)
{
	unsigned char *range =
		bar_mmap(exporter, 2, NULL, 4 * MIB, PAGE, RW, MAP_SHARED);
	struct p2pmap_mapping *mapping;
	struct p2pmap_query query;
	int rc = try_map(lab, range, PAGE, WRITE, &mapping);

	assert_int_equal(-rc, want->error);
	if (rc) {
		check_reason(lab, want);
		assert_int_equal(try_query(lab, range, PAGE, WRITE, &query),
				 rc);
		check_reason(lab, want);
	} else {
		assert_int_equal(p2pmap_mapping_route(mapping), want->route);
		assert_int_equal(try_query(lab, range, PAGE, WRITE, &query), 0);
		assert_int_equal(query.out_distance, want->distance);
		check_carries(lab, mapping, range);
		unmap(mapping);
	}
	munmap(range, PAGE);
}

static inline void check(struct lab *lab, const char *exporter,
			 struct verdict want)
{
	check_asked(lab, exporter, &want);
	check_mapped(lab, exporter, &want);
}

/* The same for nvme's memory buffer, which nobody has enabled yet. */
static inline void check_nvme(struct lab *lab, struct verdict want)
{
	assert_int_equal(sysfs_write(lab->nvme_address, "enable", "1"), 0);
	check(lab, lab->nvme_address, want);
	assert_int_equal(sysfs_write(lab->nvme_address, "enable", "0"), 0);
}

/* Where all is admitted. */
static inline struct verdict good(struct lab *lab)
{
	const struct shape *shape = shape_here();

	return found(lab_is_translated(lab) ? P2PMAP_ROUTE_HOST_BRIDGE :
					      shape->direct,
		     shape->distance);
}

static inline struct verdict good_nvme(struct lab *lab)
{
	const struct shape *shape = shape_here();

	return found(lab_is_translated(lab) ? P2PMAP_ROUTE_HOST_BRIDGE :
					      shape->nvme_direct,
		     shape->nvme_distance);
}

#endif /* P2PMAP_TEST_ROUTES_H */
