// SPDX-License-Identifier: GPL-2.0-only
/*
 * What map and query are about: a range of memory and an importer.
 */
#define _GNU_SOURCE
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "print.h"

#define DEFAULT_RAM (2 << 20)
#define MAX_BAR 5

static int parse_pci(const char *text, struct p2pmap_pci_addr *out)
{
	if (!p2pmap_pci_parse(text, out))
		return CLI_CONTINUE;
	return cli_usage("'%s' is no PCI address such as 0000:03:00.0", text);
}

/* "0000:03:00.0:2" is BAR 2 of 0000:03:00.0. */
static int parse_bar(struct target *target, const char *text)
{
	const char *colon = strrchr(text, ':');
	char address[32];

	if (!colon || colon - text >= (ptrdiff_t)sizeof(address) ||
	    !cli_parse_uint(colon + 1, MAX_BAR, &target->bar))
		return cli_usage("--bar is ADDR:N, such as 0000:03:00.0:2");
	memcpy(address, text, colon - text);
	address[colon - text] = '\0';
	target->have_bar = true;
	return parse_pci(address, &target->exporter_pci);
}

static int parse_size(const char *option, const char *text, uint64_t *out)
{
	if (cli_parse_size(text, out))
		return CLI_CONTINUE;
	return cli_usage("%s: '%s' is no size such as 65536 or 64K", option,
			 text);
}

static int parse_length(struct target *target, const char *text)
{
	int ret = parse_size("--length", text, &target->length);

	/* Zero stands for the default. */
	if (ret == CLI_CONTINUE && !target->length)
		return cli_usage("--length is at least one page");
	return ret;
}

static int parse_dma_bits(struct target *target, const char *text)
{
	if (cli_parse_uint(text, 64, &target->dma_bits) && target->dma_bits)
		return CLI_CONTINUE;
	return cli_usage("--dma-bits is a number from 1 to 64");
}

int target_option(struct target *target, int opt)
{
	switch (opt) {
	case TARGET_OPT_IMPORTER:
		target->have_importer = true;
		return parse_pci(optarg, &target->importer_pci);
	case TARGET_OPT_BAR:
		return parse_bar(target, optarg);
	case TARGET_OPT_OFFSET:
		return parse_size("--offset", optarg, &target->offset);
	case TARGET_OPT_RAM:
		target->ram = true;
		return CLI_CONTINUE;
	case TARGET_OPT_LENGTH:
		return parse_length(target, optarg);
	case TARGET_OPT_WRITE:
		target->flags |= P2PMAP_MAP_WRITE;
		return CLI_CONTINUE;
	case TARGET_OPT_PIN:
		target->flags |= P2PMAP_MAP_PIN;
		return CLI_CONTINUE;
	case TARGET_OPT_DMA_BITS:
		return parse_dma_bits(target, optarg);
	default:
		return CLI_UNKNOWN_OPTION;
	}
}

int target_check(const struct target *target)
{
	uint64_t page = sysconf(_SC_PAGESIZE);

	if (!target->have_importer)
		return cli_usage("--importer is missing");
	if (target->ram == target->have_bar)
		return cli_usage("give either --bar or --ram");
	if (target->ram && target->offset)
		return cli_usage("--offset goes with --bar only");
	if (target->offset % page || target->length % page)
		return cli_usage("--offset and --length are whole pages of %ju",
				 (uintmax_t)page);
	return CLI_CONTINUE;
}

static int map_ram(const struct cli *cli, struct target *target)
{
	void *addr;

	if (!target->length)
		target->length = DEFAULT_RAM;
	addr = mmap(NULL, target->length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr == MAP_FAILED)
		return cli_fail(cli, errno, NULL, "Ask for less with --length.",
				"cannot get RAM");
	target->addr = addr;
	return CLI_CONTINUE;
}

/* Checks offset and length against the BAR; its file has the BAR's size. */
static int fit_bar(const struct cli *cli, struct target *target, int fd)
{
	char text[SIZE_TEXT_LEN];
	struct stat st;

	if (fstat(fd, &st))
		return cli_fail(cli, errno, NULL, NULL, "cannot size the BAR");
	if (target->offset >= (uint64_t)st.st_size)
		return cli_usage("the BAR ends before --offset: it has %s",
				 size_text(st.st_size, text));
	if (!target->length)
		target->length = st.st_size - target->offset;
	if (target->length > st.st_size - target->offset)
		return cli_usage("the BAR ends before --length: it has %s",
				 size_text(st.st_size, text));
	return CLI_CONTINUE;
}

static int map_bar_file(const struct cli *cli, struct target *target, int fd)
{
	int ret = fit_bar(cli, target, fd);
	void *addr;

	if (ret != CLI_CONTINUE)
		return ret;
	addr = mmap(NULL, target->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, target->offset);
	if (addr == MAP_FAILED)
		return cli_fail(cli, errno, NULL,
				"Only memory BARs of a page or more can be "
				"mapped, and none while the kernel is locked "
				"down.",
				"cannot mmap the BAR");
	target->addr = addr;
	return CLI_CONTINUE;
}

static int map_bar(const struct cli *cli, struct target *target)
{
	char address[P2PMAP_PCI_TEXT_SIZE], path[128];
	int fd, ret;

	p2pmap_pci_format(&target->exporter_pci, address, sizeof(address));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%u",
		 address, target->bar);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return cli_fail(
			cli, errno, NULL,
			"'" CLI_NAME " devices' lists the devices "
			"and BARs there are; opening one takes root, and in a "
			"container a sysfs that is not mounted read-only.",
			"cannot open %s", path);
	ret = map_bar_file(cli, target, fd);
	close(fd);
	return ret;
}

static int open_context(const struct cli *cli, struct target *target)
{
	struct p2pmap_open_opts opts = { .size = sizeof(opts),
					 .flags = P2PMAP_OPEN_NONBLOCK };
	int ret = p2pmap_context_open(&opts, &target->context);

	if (!ret)
		return CLI_CONTINUE;
	cli_fail(cli, -ret, NULL,
		 "'" CLI_NAME " doctor' says what is missing and what to do.",
		 "cannot open /dev/p2pmap");
	return CLI_UNAVAILABLE;
}

static int attach(const struct cli *cli, struct target *target)
{
	struct p2pmap_attach_opts opts = { .size = sizeof(opts),
					   .dma_bits = target->dma_bits };
	struct p2pmap_reason reason = { .size = sizeof(reason) };
	int ret;

	ret = p2pmap_importer_attach(target->context, &target->importer_pci,
				     &opts, &reason, &target->importer);
	if (ret)
		return target_fail(cli, ret, &reason,
				   "cannot attach the importer");
	return CLI_CONTINUE;
}

int target_open(const struct cli *cli, struct target *target)
{
	int ret;

	ret = open_context(cli, target);
	if (ret == CLI_CONTINUE)
		ret = attach(cli, target);
	if (ret == CLI_CONTINUE)
		ret = target->ram ? map_ram(cli, target) : map_bar(cli, target);
	return ret;
}

void target_close(struct target *target)
{
	p2pmap_context_close(target->context);
	if (target->addr)
		munmap(target->addr, target->length);
}

int target_fail(const struct cli *cli, int ret,
		const struct p2pmap_reason *reason, const char *what)
{
	char text[P2PMAP_REASON_TEXT_SIZE];

	if (reason->code == P2PMAP_REASON_NONE)
		return cli_fail(cli, -ret, NULL, NULL, "%s", what);
	p2pmap_reason_text(reason, text, sizeof(text));
	return cli_fail(cli, -ret, p2pmap_reason_name(reason->code), text, "%s",
			what);
}

static unsigned int mask_bits(uint64_t mask)
{
	return mask ? 64 - __builtin_clzll(mask) : 0;
}

static void print_importer(const struct target *target)
{
	const struct p2pmap_importer *importer = target->importer;
	uint32_t group = p2pmap_importer_group(importer);
	char address[P2PMAP_PCI_TEXT_SIZE];

	p2pmap_pci_format(&target->importer_pci, address, sizeof(address));
	print_field("importer", "%s, %s, reaches %u bits", address,
		    p2pmap_dma_mode_name(p2pmap_importer_mode(importer)),
		    mask_bits(p2pmap_importer_dma_mask(importer)));
	if (group == UINT32_MAX)
		print_field("IOMMU group", "none");
	else
		print_field("IOMMU group",
			    "%u: every device in it reaches the mapping",
			    group);
}

void target_print(const struct target *target)
{
	char address[P2PMAP_PCI_TEXT_SIZE], size[SIZE_TEXT_LEN];

	size_text(target->length, size);
	p2pmap_pci_format(&target->exporter_pci, address, sizeof(address));
	if (target->ram)
		print_field("range", "%s of RAM", size);
	else
		print_field("range", "%s of BAR %u of %s, from 0x%jx", size,
			    target->bar, address, (uintmax_t)target->offset);
	print_importer(target);
}

static json_object *importer_json(const struct target *target)
{
	const struct p2pmap_importer *importer = target->importer;
	uint32_t group = p2pmap_importer_group(importer);
	json_object *object = json_object_new_object();
	char address[P2PMAP_PCI_TEXT_SIZE];

	p2pmap_pci_format(&target->importer_pci, address, sizeof(address));
	json_add_string(object, "address", address);
	json_add_string(object, "dma",
			p2pmap_dma_mode_name(p2pmap_importer_mode(importer)));
	json_add_uint(object, "dma_mask", p2pmap_importer_dma_mask(importer));
	json_add_bool(object, "enforced",
		      p2pmap_importer_is_enforced(importer));
	json_object_object_add(
		object, "iommu_group",
		group == UINT32_MAX ? NULL : json_object_new_int64(group));
	return object;
}

void target_json(const struct target *target, json_object *object)
{
	json_object *range = json_object_new_object();
	char address[P2PMAP_PCI_TEXT_SIZE];

	json_add_uint(range, "length", target->length);
	if (!target->ram) {
		p2pmap_pci_format(&target->exporter_pci, address,
				  sizeof(address));
		json_add_string(range, "device", address);
		json_add_uint(range, "bar", target->bar);
		json_add_uint(range, "offset", target->offset);
	}
	json_object_object_add(object, "range", range);
	json_object_object_add(object, "importer", importer_json(target));
}
