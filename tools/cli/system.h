/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this machine, its kernel and its module are, read from /proc and /sys.
 *
 * Needs no privilege, no module and no library; what cannot be read is left
 * empty.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSTEM_DEVICE_NODE "/dev/p2pmap"

/**
 * enum iommu_kind - which IOMMU driver is at work
 * @IOMMU_NONE: none
 * @IOMMU_VTD: Intel VT-d
 * @IOMMU_AMD: AMD-Vi
 * @IOMMU_OTHER: another, for which p2pmap claims no enforcement
 */
enum iommu_kind {
	IOMMU_NONE,
	IOMMU_VTD,
	IOMMU_AMD,
	IOMMU_OTHER,
};

/**
 * struct iommu - the IOMMU of this machine
 * @kind: which driver
 * @units: how many of them
 * @name: name of the first unit, as the kernel has it
 * @in_firmware: the firmware describes one, used or not
 * @strict: groups that are translated, with immediate flushes
 * @lazy: groups that are translated, with deferred flushes
 * @direct: groups that are not translated
 * @other: groups that are somebody else's (VFIO)
 * @options: options on the kernel's command line that concern it
 */
struct iommu {
	enum iommu_kind kind;
	unsigned int units;
	char name[48];
	bool in_firmware;
	unsigned int strict;
	unsigned int lazy;
	unsigned int direct;
	unsigned int other;
	char options[256];
};

/**
 * struct module_parameter - one parameter of the module
 * @name: its name
 * @value: its value
 */
struct module_parameter {
	char name[48];
	char value[256];
};

#define SYSTEM_NR_PARAMETERS 16

/**
 * struct module - p2pmap.ko
 * @loaded: it is in the kernel
 * @version: what it says, or empty
 * @nr_parameters: how many could be read
 * @parameters: those
 */
struct module {
	bool loaded;
	char version[48];
	unsigned int nr_parameters;
	struct module_parameter parameters[SYSTEM_NR_PARAMETERS];
};

/**
 * enum tristate - yes, no, or nobody can say
 * @NO: no
 * @YES: yes
 * @UNKNOWN: could not be read
 */
enum tristate {
	NO,
	YES,
	UNKNOWN,
};

/**
 * struct system - all of it
 * @kernel: release of the kernel
 * @cmdline: the kernel's command line
 * @secure_boot: the firmware checks what it boots
 * @lockdown: "none", "integrity", "confidentiality" or empty
 * @node_error: 0, or errno of an attempt to open the device node
 * @memlock: limit of pinned memory, in bytes; UINT64_MAX for none, also by
 *	CAP_IPC_LOCK
 * @rawio: this process has CAP_SYS_RAWIO, in its user namespace
 * @initial_userns: it is in the initial user namespace
 * @module: the module
 * @iommu: the IOMMU
 */
struct system {
	char kernel[96];
	char cmdline[4096];
	enum tristate secure_boot;
	char lockdown[24];
	int node_error;
	uint64_t memlock;
	bool rawio;
	bool initial_userns;
	struct module module;
	struct iommu iommu;
};

/**
 * system_read() - look around
 * @out: what was found
 */
void system_read(struct system *out);

/**
 * system_parameter() - value of one of the module's parameters
 * @system: what system_read() found
 * @name: of the parameter
 *
 * Return: the value, or NULL.
 */
const char *system_parameter(const struct system *system, const char *name);

/**
 * system_may_rawio() - has this process CAP_SYS_RAWIO, as the module sees it?
 * @system: what system_read() found
 */
bool system_may_rawio(const struct system *system);

/**
 * system_locked_down() - is the kernel locked down?
 * @system: what system_read() found
 */
bool system_locked_down(const struct system *system);

/**
 * system_read_line() - read the first line of a file
 * @path: of the file
 * @buf: receives it, without the newline
 * @size: of @buf
 *
 * Return: false if it cannot be read.
 */
bool system_read_line(const char *path, char *buf, size_t size);

#endif /* SYSTEM_H */
