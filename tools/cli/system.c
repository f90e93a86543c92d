// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this machine, its kernel and its module are.  See system.h.
 */
#define _GNU_SOURCE
#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SYSFS_MODULE "/sys/module/p2pmap"
#define SYSFS_IOMMU "/sys/class/iommu"
#define SYSFS_GROUPS "/sys/kernel/iommu_groups"
#define ACPI_TABLES "/sys/firmware/acpi/tables"
#define SECURE_BOOT                  \
	"/sys/firmware/efi/efivars/" \
	"SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

bool system_read_line(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "re");
	bool ok;

	if (!file)
		return false;
	ok = fgets(buf, size, file);
	fclose(file);
	if (!ok)
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

/* The next name in a folder that is not "." or "..", NULL at the end. */
static const char *next_name(DIR *dir)
{
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			return entry->d_name;
	return NULL;
}

static void read_parameters(struct module *module)
{
	DIR *dir = opendir(SYSFS_MODULE "/parameters");
	const char *name;
	char path[512];

	while (module->nr_parameters < SYSTEM_NR_PARAMETERS &&
	       (name = next_name(dir))) {
		struct module_parameter *parameter =
			&module->parameters[module->nr_parameters];

		snprintf(path, sizeof(path), SYSFS_MODULE "/parameters/%s",
			 name);
		if (!system_read_line(path, parameter->value,
				      sizeof(parameter->value)))
			continue;
		snprintf(parameter->name, sizeof(parameter->name), "%.47s",
			 name);
		module->nr_parameters++;
	}
	if (dir)
		closedir(dir);
}

static void read_module(struct module *module)
{
	module->loaded = !access(SYSFS_MODULE, F_OK);
	if (!module->loaded)
		return;
	system_read_line(SYSFS_MODULE "/version", module->version,
			 sizeof(module->version));
	read_parameters(module);
}

static enum iommu_kind iommu_kind(const char *name)
{
	if (!strncmp(name, "dmar", 4))
		return IOMMU_VTD;
	if (!strncmp(name, "ivhd", 4))
		return IOMMU_AMD;
	return IOMMU_OTHER;
}

static void read_units(struct iommu *iommu)
{
	DIR *dir = opendir(SYSFS_IOMMU);
	const char *name;

	while ((name = next_name(dir))) {
		if (!iommu->units++)
			snprintf(iommu->name, sizeof(iommu->name), "%.47s",
				 name);
		/* The weakest one decides what can be promised. */
		if (iommu_kind(name) > iommu->kind)
			iommu->kind = iommu_kind(name);
	}
	if (dir)
		closedir(dir);
}

static void count_group(struct iommu *iommu, const char *group)
{
	char path[512], type[32];

	snprintf(path, sizeof(path), SYSFS_GROUPS "/%s/type", group);
	if (!system_read_line(path, type, sizeof(type)))
		return;
	if (!strcmp(type, "DMA"))
		iommu->strict++;
	else if (!strcmp(type, "DMA-FQ"))
		iommu->lazy++;
	else if (!strcmp(type, "identity"))
		iommu->direct++;
	else
		iommu->other++;
}

static void read_groups(struct iommu *iommu)
{
	DIR *dir = opendir(SYSFS_GROUPS);
	const char *name;

	while ((name = next_name(dir)))
		count_group(iommu, name);
	if (dir)
		closedir(dir);
}

static bool concerns_iommu(const char *word)
{
	static const char *const prefixes[] = {
		"iommu", "intel_iommu", "amd_iommu", "pci=", "lockdown",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(word, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void read_options(struct iommu *iommu, const char *cmdline)
{
	size_t room = sizeof(iommu->options), used;
	char line[4096], *word, *rest;

	snprintf(line, sizeof(line), "%s", cmdline);
	for (word = strtok_r(line, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		used = strlen(iommu->options);
		if (concerns_iommu(word) && used + strlen(word) + 2 < room)
			sprintf(iommu->options + used, "%s%s", used ? " " : "",
				word);
	}
}

static void read_iommu(struct iommu *iommu, const char *cmdline)
{
	read_units(iommu);
	read_groups(iommu);
	read_options(iommu, cmdline);
	iommu->in_firmware = !access(ACPI_TABLES "/DMAR", F_OK) ||
			     !access(ACPI_TABLES "/IVRS", F_OK);
}

/* The file reads "none [integrity] confidentiality". */
static void read_lockdown(char *buf, size_t size)
{
	char line[128], *begin, *end;

	buf[0] = '\0';
	if (!system_read_line("/sys/kernel/security/lockdown", line,
			      sizeof(line)))
		return;
	begin = strchr(line, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (end)
		snprintf(buf, size, "%.*s", (int)(end - begin - 1), begin + 1);
}

static enum tristate read_secure_boot(void)
{
	unsigned char value[5]; /* four bytes of attributes, one of value */
	ssize_t n;
	int fd;

	if (access("/sys/firmware/efi", F_OK))
		return NO;
	fd = open(SECURE_BOOT, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return UNKNOWN;
	n = read(fd, value, sizeof(value));
	close(fd);
	if (n != sizeof(value))
		return UNKNOWN;
	return value[4] ? YES : NO;
}

static int try_node(void)
{
	int fd = open(SYSTEM_DEVICE_NODE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static bool has_capability(unsigned int number)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long effective = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	if (file)
		fclose(file);
	return effective >> number & 1;
}

static uint64_t read_memlock(void)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY || has_capability(CAP_IPC_LOCK))
		return UINT64_MAX;
	return limit.rlim_cur;
}

/* Only there uids and capabilities mean what they say everywhere. */
static bool in_initial_userns(void)
{
	unsigned int inside, outside, count;
	char line[128];

	return !system_read_line("/proc/self/uid_map", line, sizeof(line)) ||
	       (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 &&
		!inside && !outside && count == UINT32_MAX);
}

void system_read(struct system *out)
{
	struct utsname name = { 0 };

	*out = (struct system){ 0 };
	if (!uname(&name))
		snprintf(out->kernel, sizeof(out->kernel), "%s", name.release);
	read_module(&out->module);
	system_read_line("/proc/cmdline", out->cmdline, sizeof(out->cmdline));
	read_iommu(&out->iommu, out->cmdline);
	read_lockdown(out->lockdown, sizeof(out->lockdown));
	out->secure_boot = read_secure_boot();
	out->node_error = try_node();
	out->memlock = read_memlock();
	out->rawio = has_capability(CAP_SYS_RAWIO);
	out->initial_userns = in_initial_userns();
}

bool system_may_rawio(const struct system *system)
{
	return system->rawio && system->initial_userns;
}

bool system_locked_down(const struct system *system)
{
	return system->lockdown[0] && strcmp(system->lockdown, "none");
}

const char *system_parameter(const struct system *system, const char *name)
{
	const struct module *module = &system->module;

	for (unsigned int i = 0; i < module->nr_parameters; i++)
		if (!strcmp(module->parameters[i].name, name))
			return module->parameters[i].value;
	return NULL;
}
