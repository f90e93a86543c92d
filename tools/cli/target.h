/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What map and query are about: a range of memory and an importer.
 *
 * The two commands take the same options for it, and get at the memory and at
 * the importer in the same way.
 */
#ifndef TARGET_H
#define TARGET_H

#include <json-c/json.h>

#include <p2pmap/p2pmap.h>

#include "cli.h"

/**
 * struct target - a range of memory and an importer
 * @importer_pci: address of the importer
 * @ram: the memory is fresh RAM, otherwise a BAR
 * @exporter_pci: whose BAR
 * @bar: number of the BAR
 * @offset: first byte in the BAR
 * @length: bytes; 0 until the default is known
 * @flags: P2PMAP_MAP_*
 * @dma_bits: as in struct p2pmap_attach_opts
 * @have_importer: --importer was given
 * @have_bar: --bar was given
 * @addr: the memory, once there is any
 * @context: the context, once open
 * @importer: the importer, once attached
 *
 * Zeroed to begin with; end with target_close().
 */
struct target {
	struct p2pmap_pci_addr importer_pci;
	bool ram;
	struct p2pmap_pci_addr exporter_pci;
	unsigned int bar;
	uint64_t offset;
	uint64_t length;
	uint32_t flags;
	unsigned int dma_bits;
	bool have_importer;
	bool have_bar;
	void *addr;
	struct p2pmap_context *context;
	struct p2pmap_importer *importer;
};

enum {
	TARGET_OPT_IMPORTER = CLI_OPT_FIRST,
	TARGET_OPT_BAR,
	TARGET_OPT_OFFSET,
	TARGET_OPT_RAM,
	TARGET_OPT_LENGTH,
	TARGET_OPT_WRITE,
	TARGET_OPT_PIN,
	TARGET_OPT_DMA_BITS,
	TARGET_OPT_FIRST,
};

#define TARGET_OPTIONS                                                    \
	{ "importer", required_argument, NULL, TARGET_OPT_IMPORTER },     \
		{ "bar", required_argument, NULL, TARGET_OPT_BAR },       \
		{ "offset", required_argument, NULL, TARGET_OPT_OFFSET }, \
		{ "ram", no_argument, NULL, TARGET_OPT_RAM },             \
		{ "length", required_argument, NULL, TARGET_OPT_LENGTH }, \
		{ "write", no_argument, NULL, TARGET_OPT_WRITE },         \
		{ "pin", no_argument, NULL, TARGET_OPT_PIN },             \
	{                                                                 \
		"dma-bits", required_argument, NULL, TARGET_OPT_DMA_BITS  \
	}

#define TARGET_OPTIONS_HELP                                                 \
	"      --importer ADDR   PCI address of the device that does DMA\n" \
	"      --bar ADDR:N      the memory is BAR N of this PCI device\n"  \
	"      --offset SIZE     begin here in the BAR (default: 0)\n"      \
	"      --ram             the memory is fresh RAM\n"                 \
	"      --length SIZE     how much (default: rest of the BAR, or\n"  \
	"                        2M of RAM); suffixes K, M, G, T\n"         \
	"      --write           the importer may write, too\n"             \
	"      --pin             the memory may not move: the advice for\n" \
	"                        RAM, and impossible for most BARs\n"       \
	"      --dma-bits N      true width of the importer's addresses,\n" \
	"                        if its driver is uio_pci_generic\n"

/**
 * target_option() - act on an option of TARGET_OPTIONS
 * @target: where to note it
 * @opt: what getopt_long() returned
 *
 * Return: CLI_CONTINUE; CLI_USAGE after a message; or CLI_UNKNOWN_OPTION.
 */
int target_option(struct target *target, int opt);

/* target_option() does not know the option. */
#define CLI_UNKNOWN_OPTION (-2)

/**
 * target_check() - do the options make sense together?
 * @target: all that was said
 *
 * Return: CLI_CONTINUE, or CLI_USAGE after a message.
 */
int target_check(const struct target *target);

/**
 * target_open() - get at the memory, open a context, attach the importer
 * @cli: for messages
 * @target: the target
 *
 * Return: CLI_CONTINUE, or an exit code after a message.
 */
int target_open(const struct cli *cli, struct target *target);

/**
 * target_close() - give everything back
 * @target: the target, as far as target_open() came
 */
void target_close(struct target *target);

/**
 * target_fail() - say why a call of the library failed
 * @cli: for messages
 * @ret: what the library returned
 * @reason: what the module said about it
 * @what: what failed
 *
 * Return: an exit code.
 */
int target_fail(const struct cli *cli, int ret,
		const struct p2pmap_reason *reason, const char *what);

/**
 * target_print() - print range and importer as text
 * @target: the target, open
 */
void target_print(const struct target *target);

/**
 * target_json() - range and importer for programs
 * @target: the target, open
 * @object: to which to add them
 */
void target_json(const struct target *target, json_object *object);

#endif /* TARGET_H */
